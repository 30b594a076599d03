"""Laws of the allocate stage: rules hold, every pound is accounted for, and what each place is told about itself is true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.allocate import RoundTables, run_round
from wardmote.errors import StudyError
from wardmote.study.rounds import RoundSpec
from wardmote.tables import empty, frame

LEVEL = "lsoa21"


def code(i: int) -> str:
    return f"E01{i:06d}"


def tables(need: Any, people: Any, authority: Any, region: Any, ranks: Any = None) -> dict[str, pd.DataFrame]:
    """Tables of a small country: one index, authorities and regions."""
    n = len(need)
    codes = [code(i) for i in range(n)]
    lads, rgns = [f"E07{a:06d}" for a in authority], [f"E12{r:06d}" for r in region]
    names = sorted(set(lads)), sorted(set(rgns))
    known = np.asarray(need, dtype=float)
    order = np.argsort(np.where(np.isnan(known), np.inf, -known), kind="stable")
    rank = np.empty(n)
    rank[order] = np.arange(1, n + 1)
    made = {
        "areas": frame(
            "areas",
            {
                "level": [LEVEL] * n + ["lad24"] * len(names[0]) + ["rgn24"] * len(names[1]),
                "area": [*codes, *names[0], *names[1]],
                "name": [*(f"Place {i}" for i in range(n)), *names[0], *names[1]],
                "population": [*map(float, people), *[np.nan] * (len(names[0]) + len(names[1]))],
            },
        ),
        "memberships": frame(
            "memberships",
            {
                "level": [LEVEL] * (2 * n), "area": codes + codes,
                "parent_level": ["lad24"] * n + ["rgn24"] * n, "parent": lads + rgns,
            },
        ),
        "scores": frame(
            "scores",
            {"index": ["need"] * n, "level": [LEVEL] * n, "area": codes, "node": ["need"] * n, "score": known, "rank": rank},
        ),
        **{name: empty(name) for name in ("summaries", "values", "indicators", "classes", "need")},
    }  # fmt: skip
    if ranks is not None:
        lists = [list(map(int, row)) for row in np.asarray(ranks).T]
        keys = {"index": ["need"] * n, "level": [LEVEL] * n, "area": codes}
        made["draws"] = frame("draws", {**keys, "ranks": lists, "rank": rank})
    return made


def settle(made: dict[str, pd.DataFrame], **rules: Any) -> RoundTables:
    rules = {"level": LEVEL, "measure": [{"index": "need"}], "award": {"pounds": 100}, **rules}
    others = {name: RoundSpec.model_validate(one) for name, one in rules.pop("others", {}).items()}
    return run_round(**made, spec=RoundSpec.model_validate(rules), round="r", others=others)  # type: ignore[arg-type]  # tables by name


def funded(result: RoundTables) -> np.ndarray:
    return result.decisions["funded"].to_numpy(dtype=bool)


@st.composite
def countries(draw: Any) -> dict[str, Any]:
    """A country of up to 40 places with distinct needs, authorities inside regions, and rules that may bind."""
    n = draw(st.integers(4, 40))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    authority = rng.integers(0, max(2, n // 4), n)
    return {
        "need": rng.permutation(n) / 7.0 + 0.01 * rng.random(n),
        "people": rng.integers(1_000, 3_000, n),
        "authority": authority,
        "region": authority % 2,
        "places": int(rng.integers(1, n)),
        "cap": int(rng.integers(1, 5)),
        "minimum": int(rng.integers(0, 3)),
    }


def rules_of(world: dict[str, Any]) -> dict[str, Any]:
    groups: list[dict[str, Any]] = [{"by": "lad24", "cap": world["cap"]}]
    if world["minimum"]:
        groups.append({"by": "rgn24", "minimum": world["minimum"]})
    return {"places": world["places"], "groups": groups}


def country(world: dict[str, Any], need: Any = None) -> dict[str, pd.DataFrame]:
    return tables(
        world["need"] if need is None else need, world["people"], world["authority"], world["region"]
    )


def try_settle(world: dict[str, Any], made: dict[str, pd.DataFrame], **rules: Any) -> RoundTables | None:
    """The round, or None where its rules cannot hold: that is a refusal, and the law says nothing."""
    try:
        return settle(made, **{**rules_of(world), **rules})
    except StudyError:
        return None


@settings(max_examples=50, deadline=None)
@given(countries())
def test_caps_minimums_and_places_hold(world: dict[str, Any]) -> None:
    result = try_settle(world, country(world))
    if result is None:
        return
    chosen = funded(result)
    assert chosen.sum() <= world["places"]
    assert np.bincount(world["authority"][chosen]).max(initial=0) <= world["cap"]
    for region in np.unique(world["region"]):
        assert (world["region"][chosen] == region).sum() >= world["minimum"]
    assert result.awards["pounds"].sum() == 100 * chosen.sum()


@settings(max_examples=40, deadline=None)
@given(countries())
def test_the_order_of_rows_changes_nothing(world: dict[str, Any]) -> None:
    made = country(world)
    first = try_settle(world, made)
    shuffled = {
        name: one.sample(frac=1.0, random_state=7).reset_index(drop=True) for name, one in made.items()
    }
    second = try_settle(world, shuffled)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        pd.testing.assert_frame_equal(first.decisions, second.decisions)
        pd.testing.assert_frame_equal(first.rule_comparison, second.rule_comparison)


@settings(max_examples=40, deadline=None)
@given(countries(), st.integers(0, 39))
def test_a_correction_to_the_line_turns_the_decision(world: dict[str, Any], which: int) -> None:
    """What a place is told is true: a corrected measure just past the line it is shown turns its decision."""
    result = try_settle(world, country(world))
    if result is None:
        return
    row = result.decisions.iloc[which % len(result.decisions)]
    if pd.isna(row["line"]):
        return
    need = np.array(world["need"])
    step = 1e-9 if not row["funded"] else -1e-9
    need[which % len(need)] = row["line"] + step
    again = try_settle(world, country(world, need))
    assert again is not None
    assert bool(again.decisions.iloc[which % len(need)]["funded"]) != bool(row["funded"])


@settings(max_examples=40, deadline=None)
@given(countries(), st.integers(0, 39))
def test_more_need_never_costs_a_place(world: dict[str, Any], which: int) -> None:
    before = try_settle(world, country(world))
    if before is None:
        return
    i = which % len(world["need"])
    need = np.array(world["need"])
    need[i] += 1.3
    after = try_settle(world, country(world, need))
    assert after is not None
    assert funded(after)[i] or not funded(before)[i]


@settings(max_examples=40, deadline=None)
@given(countries(), st.integers(0, 39))
def test_a_change_of_a_rule_that_is_named_turns_the_decision(world: dict[str, Any], which: int) -> None:
    from wardmote.allocate.choice import decide
    from wardmote.allocate.reasons import reasons
    from wardmote.allocate.rules import prepare
    from wardmote.allocate.tables_in import Tables

    world["minimum"] = 0
    made = Tables(**country(world))  # type: ignore[arg-type]  # tables by name
    spec = RoundSpec.model_validate({"level": LEVEL, "measure": [{"index": "need"}], **rules_of(world)})
    ready, problems = prepare(made, spec, "r")
    if ready is None:
        assert problems
        return
    outcome = decide(made, ready)
    why = reasons(ready, outcome)
    i = which % ready.n

    def again(places: int, cap: int) -> bool:
        changed = spec.model_copy(
            update={"places": places, "groups": [spec.groups[0].model_copy(update={"caps": {lad: cap}})]}
        )
        other, _ = prepare(made, changed, "r")
        assert other is not None
        return bool(decide(made, other).funded[i])

    lad = f"E07{world['authority'][i]:06d}"
    if outcome.funded[i]:
        assert again(int(why.places_kept[i]), world["cap"])
        assert not again(int(why.places_kept[i]) - 1, world["cap"])
        if why.cap_kept[i] > 0:
            assert not again(world["places"], int(why.cap_kept[i]) - 1)
    elif why.cap_needed[i] > 0:
        assert again(world["places"] + int(why.places_too[i]), int(why.cap_needed[i]))
        assert not again(world["places"] + int(why.places_too[i]), int(why.cap_needed[i]) - 1)
    elif why.places_needed[i] > 0:
        assert again(int(why.places_needed[i]), world["cap"])
        assert not again(int(why.places_needed[i]) - 1, world["cap"])


@settings(max_examples=40, deadline=None)
@given(countries(), st.integers(1_000, 100_000))
def test_what_is_left_is_smaller_than_any_award_still_allowed(world: dict[str, Any], budget: int) -> None:
    rules = {
        "places": None, "budget": budget, "groups": [{"by": "lad24", "cap": world["cap"]}],
        "award": {"by": "population", "rate": 1.5, "floor": 1_600, "ceiling": 4_000},
    }  # fmt: skip
    try:
        result = settle(country(world), **rules)
    except StudyError:
        return
    chosen = funded(result)
    award = np.clip(np.floor(1.5 * world["people"] + 0.5), 1_600, 4_000)
    room = np.bincount(world["authority"][chosen], minlength=100)[world["authority"]] < world["cap"]
    left = budget - result.awards["pounds"].sum()
    assert left >= 0
    assert not (award[~chosen & room] <= left).any()


@settings(max_examples=40, deadline=None)
@given(countries(), st.integers(100, 10_000_000))
def test_a_shared_budget_is_spent_to_the_last_pound(world: dict[str, Any], budget: int) -> None:
    result = settle(
        country(world), budget=budget, award={"by": "population", "share": True},
        tranches={"2026": 1.0, "2027": 2.0},
    )  # fmt: skip
    assert result.awards["pounds"].sum() == budget
    assert funded(result).all()
    years = result.awards.groupby("year")["pounds"].sum()
    assert abs(years["2027"] - 2 * budget / 3) <= len(world["need"])


@settings(max_examples=25, deadline=None)
@given(countries())
def test_the_best_set_is_never_below_the_list_on_its_own_objective(world: dict[str, Any]) -> None:
    down = try_settle(world, country(world))
    best = try_settle(world, country(world), choose="optimal")
    if down is None or best is None:
        return
    need = np.asarray(world["need"])
    worth = (need - need.min()) / (need.max() - need.min()) * world["people"]
    assert worth[funded(best)].sum() >= worth[funded(down)].sum() * (1 - 2e-6)  # the solver's gap is 1e-6
    assert np.bincount(world["authority"][funded(best)]).max(initial=0) <= world["cap"]


@settings(max_examples=25, deadline=None)
@given(countries(), st.text("abc", min_size=1, max_size=3))
def test_lots_keep_the_caps_and_fill_the_places(world: dict[str, Any], public: str) -> None:
    result = try_settle(
        {**world, "minimum": 0}, country(world), choose="lottery", lottery={"band": 3, "public": public}
    )
    if result is None:
        return
    chosen = funded(result)
    assert chosen.sum() <= world["places"]
    assert np.bincount(world["authority"][chosen]).max(initial=0) <= world["cap"]
    if len(result.fragility):
        # The places that chances add up to: exact, since chances are whole multiples of one 2³²nd.
        assert result.fragility["inclusion_probability"].sum() == pytest.approx(chosen.sum(), abs=1e-9)


@pytest.mark.parametrize(
    ("measure", "higher", "expected"),
    [
        ("average score", "need", 3),
        ("average score", "better", 0),
        ("extent", "need", 3),
        ("extent", "better", 3),
    ],
)
def test_a_summary_of_an_index_in_which_more_is_better_is_turned_only_where_it_falls_with_need(
    measure: str, higher: str, expected: int
) -> None:
    """An average of scores falls with need where the scores do; shares of small areas in need never do."""
    made = tables([4.0, 3.0, 2.0, 1.0], [100] * 4, [0, 1, 2, 3], [0] * 4)
    lads = [f"E07{a:06d}" for a in range(4)]
    made["summaries"] = frame(
        "summaries",
        {"index": ["need"] * 4, "level": ["lad24"] * 4, "area": lads, "node": ["need"] * 4, "measure": [measure] * 4,
         "value": [0.1, 0.2, 0.3, 0.4], "rank": [4, 3, 2, 1], "areas": [1] * 4, "weighted_by": ["none"] * 4},
    )  # fmt: skip
    spec = {
        "level": "lad24",
        "measure": [{"index": "need", "measure": measure}],
        "award": {"pounds": 1},
        "places": 1,
    }
    result = run_round(
        **made, spec=RoundSpec.model_validate(spec), round="r", others={}, higher={"need": higher}
    )
    chosen = result.decisions[result.decisions["funded"].astype(bool)]["area"].tolist()
    assert chosen == [lads[expected]]
