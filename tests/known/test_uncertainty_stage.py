"""The uncertainty stage on small tables whose answer is known: shares, intervals, joint draws, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from wardmote import words
from wardmote.errors import WardmoteError
from wardmote.index import build_index
from wardmote.need import find_need
from wardmote.study import FactorSpec, IndexSpec, NeedSpec, UncertaintySpec
from wardmote.tables import check, empty, frame
from wardmote.uncertainty import check_uncertainty, find_uncertainty

N = 40
CODES = [f"A{i:03d}" for i in range(N)]


def index_spec(indicator: str, level: str = "lsoa21", **more: Any) -> IndexSpec:
    """Return an index of two leaves: counts and a published figure."""
    return IndexSpec.model_validate(
        {
            "level": level,
            "tree": [
                {"node": "top"},
                {"node": "rate", "parent": "top", "weight": 0.6, "indicator": indicator},
                {"node": "other", "parent": "top", "weight": 0.4, "indicator": "other"},
            ],
            "steps": [
                {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax"},
                {"id": "combine", "on": "top", "do": "aggregate", "method": "arithmetic"},
            ],
            **more,
        }
    )


def tables(**changes: np.ndarray) -> dict[str, pd.DataFrame]:
    """Return tables of 40 areas in 4 larger ones: a rate with counts of 500 people, a figure with a standard error."""
    rng = np.random.default_rng(11)
    counts = changes.get("counts", np.sort(rng.integers(20, 480, N))[::-1].astype(float))
    other = changes.get("other", rng.normal(50, 10, N))
    rows = {"rate": changes.get("rate", counts / 500), "other": other}
    values = {
        "indicator": np.repeat(list(rows), N),
        "level": ["lsoa21"] * (2 * N),
        "area": CODES * 2,
        "period": ["2021"] * (2 * N),
        "value": np.concatenate(list(rows.values())),
        "numerator": np.concatenate([counts, np.full(N, np.nan)]),
        "denominator": np.concatenate([np.full(N, 500.0), np.full(N, np.nan)]),
        "standard_error": np.concatenate([np.full(N, np.nan), changes.get("errors", np.full(N, 2.0))]),
    }
    return {
        "areas": frame("areas", {"level": ["lsoa21"] * N, "area": CODES, "population": np.full(N, 1500.0)}),
        "memberships": frame(
            "memberships",
            {
                "level": ["lsoa21"] * N,
                "area": CODES,
                "parent_level": ["lad24"] * N,
                "parent": [f"L{i % 4}" for i in range(N)],
                "weight": np.ones(N),
            },
        ),
        "indicators": frame(
            "indicators",
            {
                "indicator": ["rate", "other"],
                "title": ["Rate", "Other"],
                "direction": [1, 1],
                "source": ["s", "s"],
            },
        ),
        "values": frame("values", values),
        "priorities": empty("priorities"),
    }


FACTORS: list[dict[str, Any]] = [
    {"path": "weights.children of root", "spread": 0.25},
    {"path": "values.rate", "error": "binomial"},
    {"path": "values.other", "error": "standard-error"},
]


def run(factors: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    changes = more.pop("changes", {})
    section = UncertaintySpec.model_validate(
        {"index": "one", "draws": 60, "factors": factors or FACTORS, **more}
    )
    specs = {name: index_spec("rate", summarise={"levels": ["lad24"]}) for name in section.indices}
    return find_uncertainty(**tables(**changes), spec=section, uncertainty="main", indices=specs, seed=3)


def test_every_table_keeps_its_declaration_and_every_area_its_rows() -> None:
    found = run(sensitivity=16, areas=["A003"])
    for name in ("ranks", "summary_ranks", "draws", "rank_shares", "sensitivity", "factors", "findings"):
        data = getattr(found, name)
        assert len(data), name
        check(name, data)
    assert set(found.ranks["component"]) == {"sampling", "method", "both"}
    assert len(found.ranks) == N * 3 * 3
    assert (found.ranks["rank_low"] <= found.ranks["rank_median"]).all()
    assert (found.ranks["rank_median"] <= found.ranks["rank_high"]).all()
    # Every rank is somebody's in every draw, so that shares in the tenth add up to the tenth (no ties among these scores).
    for _, part in found.ranks[found.ranks["coverage"] == 0.9].groupby("component"):
        assert part["p_greatest_need"].sum() == pytest.approx(N / 10, abs=1e-9)
    shares = found.rank_shares.groupby("area")["share"].sum()
    assert ((shares - 1).abs() < 1e-12).sum() + (shares == 0).sum() == N


def test_intervals_are_the_quantiles_of_the_draws() -> None:
    found = run()
    own = found.draws[found.draws["level"] == "lsoa21"]
    ranks = np.stack(own["ranks"].tolist())
    assert ranks.shape == (N, 60)
    assert (np.sort(ranks, axis=0) == np.arange(1, N + 1)[:, None]).all()
    both = found.ranks[(found.ranks["component"] == "both") & (found.ranks["coverage"] == 0.9)]
    # 5% of 60 draws is the 3rd value, 95% the 57th: no interpolation.
    ordered = np.sort(ranks, axis=1)
    assert both["rank_low"].tolist() == ordered[:, 2].tolist()
    assert both["rank_high"].tolist() == ordered[:, 56].tolist()
    assert both["p_greatest_need"].tolist() == pytest.approx((ranks <= 4).mean(axis=1))


def test_larger_areas_get_intervals_from_the_same_draws() -> None:
    found = run(summarise=["average score", "proportion"])
    larger = found.summary_ranks
    assert set(larger["area"]) == {"L0", "L1", "L2", "L3"}
    assert set(larger["measure"]) == {"average score", "proportion"}
    share = larger[(larger["measure"] == "proportion") & (larger["component"] == "both")]
    assert share["value_low"].between(0, 0.4).all()  # 4 of 10 areas at most
    drawn = found.draws[found.draws["level"] == "lad24"]
    assert set(drawn["measure"]) == {"average score"}


FIVE = ["average score", "average rank", "proportion", "extent", "local concentration"]


def test_all_five_summaries_of_larger_areas_are_those_of_the_index_where_nothing_varies() -> None:
    """Errors of 0: every draw is the index itself, so each interval is the one value that `build_index` gives, with its rank."""
    spec = index_spec("rate", summarise={"levels": ["lad24"], "measures": FIVE})
    changed = tables(errors=np.zeros(N))
    section = UncertaintySpec.model_validate(
        {"index": "one", "draws": 9, "factors": FACTORS[2:], "summarise": FIVE}
    )
    found = find_uncertainty(**changed, spec=section, uncertainty="main", indices={"one": spec}, seed=3)
    built = build_index(**changed, spec=spec, index="one").summaries
    assert set(found.summary_ranks["coverage"]) == {0.5, 0.9, 0.95}
    drawn = found.summary_ranks.merge(built, on=["index", "level", "area", "measure"])
    assert len(drawn) == len(found.summary_ranks) == 4 * 5 * 2 * 3
    for column in ("value_low", "value_median", "value_high"):
        # Sums in another order: a few units in the last place of values up to 40.
        assert drawn[column].tolist() == pytest.approx(drawn["value"].tolist(), rel=1e-12)
    for column in ("rank_low", "rank_median", "rank_high"):
        assert drawn[column].tolist() == drawn["rank"].tolist()


def test_summaries_may_differ_by_level_and_their_levels_must_be_there() -> None:
    found = run(summarise={"lad24": ["extent", "proportion"]})
    assert set(found.summary_ranks["measure"]) == {"extent", "proportion"}
    drawn = found.draws[found.draws["level"] == "lad24"]
    assert set(drawn["measure"]) == {"extent"}
    # Ranks of the extent in the first draw are those of its values there: the interval holds them.
    ranks = np.stack(drawn["ranks"].tolist())
    both = found.summary_ranks[
        (found.summary_ranks["measure"] == "extent")
        & (found.summary_ranks["component"] == "both")
        & (found.summary_ranks["coverage"] == 0.95)
    ]
    assert (ranks.min(axis=1) <= both["rank_low"].to_numpy()).all()
    with pytest.raises(WardmoteError, match=r"summarise.*rgn24.*lad24"):
        run(summarise={"rgn24": ["extent"]})


def test_with_one_component_both_is_that_component() -> None:
    found = run(FACTORS[1:])
    assert set(found.ranks["component"]) == {"sampling", "both"}
    parts = {
        name: part.drop(columns="component").reset_index(drop=True)
        for name, part in found.ranks.groupby("component")
    }
    pd.testing.assert_frame_equal(parts["sampling"], parts["both"])


def test_errors_that_are_smaller_make_narrower_intervals() -> None:
    def width(found: Any) -> float:
        rows = found.ranks[(found.ranks["component"] == "sampling") & (found.ranks["coverage"] == 0.95)]
        return float((rows["rank_high"] - rows["rank_low"]).mean())

    assert width(run(FACTORS[2:])) > width(run(FACTORS[2:], changes={"errors": np.full(N, 0.2)})) > 0
    none = run(FACTORS[2:], changes={"errors": np.zeros(N)})
    assert width(none) == 0
    own = none.draws[none.draws["level"] == "lsoa21"]
    assert (np.stack(own["ranks"].tolist()) == own["rank"].to_numpy(int)[:, None]).all()


def test_values_without_a_published_error_stay_and_are_told() -> None:
    errors = np.full(N, 2.0)
    errors[:5] = np.nan
    found = run(FACTORS[2:], changes={"errors": errors})
    row = found.factors.iloc[0]
    assert (row["cells"], row["without_error"]) == (N - 5, 5)
    told = " ".join(found.findings["sentence"])
    assert (
        "sampling error is not available for 1 of 2 indicators (rate), so intervals are lower bounds" in told
    )
    assert "five values have no count or error and are not varied" in told


def test_a_figure_above_nought_with_a_count_of_nought_stays() -> None:
    """A modelled figure: nobody was counted, so its count can say nothing of its error."""
    counts = np.arange(N, dtype=float) * 10
    figures = counts / 500
    figures[0] = 0.99
    found = run(FACTORS[1:2], changes={"counts": counts, "rate": figures, "other": np.linspace(1, 2, N)})
    row = found.factors.iloc[0]
    assert (row["cells"], row["without_error"]) == (N - 1, 1)
    own = found.ranks[(found.ranks["area"] == CODES[0]) & (found.ranks["coverage"] == 0.95)]
    assert (own["rank_high"] - own["rank_low"] <= 2).all(), "only the others move, a little"
    assert (own["rank_high"] < N / 2).all(), "it would be last if its draws were nought"


def test_two_indices_meet_the_same_worlds_so_that_joint_shares_are_right() -> None:
    """The same index under two names is in both tenths exactly when it is in one: P(both) = P(one), not its square."""
    found = run(index=["one", "two"])
    single = found.ranks[(found.ranks["index"] == "one") & (found.ranks["coverage"] == 0.9)]
    scores = frame(
        "scores",
        {
            "index": np.repeat(["one", "two"], N),
            "level": ["lsoa21"] * (2 * N),
            "area": CODES * 2,
            "node": ["top"] * (2 * N),
            "rank": np.tile(found.draws[found.draws["level"] == "lsoa21"]["rank"].to_numpy(float)[:N], 2),
        },
    )
    spec = NeedSpec(deprivation="one", community="two")
    args = (tables()["areas"], scores, empty("summaries"))
    need = find_need(*args, found.draws, spec=spec, definition="d")
    for component, column in (
        ("both", "p_doubly_disadvantaged"),
        ("sampling", "p_doubly_sampling"),
        ("method", "p_doubly_method"),
    ):
        expected = single[single["component"] == component]["p_greatest_need"].tolist()
        assert need.need[column].tolist() == pytest.approx(expected)
    assert find_need(*args, spec=spec, definition="d").need["p_doubly_disadvantaged"].isna().all()
    # Another share than the draws' own is read from the ranks that are kept; sampling and method cannot be.
    wider = find_need(*args, found.draws, spec=spec.model_copy(update={"share": 0.2}), definition="d").need
    assert wider["p_doubly_sampling"].isna().all()
    assert wider["p_doubly_disadvantaged"].sum() == pytest.approx(8)
    # Draws of an older index say nothing of this one.
    moved = scores.assign(rank=scores["rank"].sample(frac=1, random_state=1).to_numpy())
    stale = find_need(args[0], moved, args[2], found.draws, spec=spec, definition="d")
    assert stale.need["p_doubly_disadvantaged"].isna().all()
    assert "run `wardmote run uncertainty`" in " ".join(stale.findings["sentence"])


def test_ranks_are_drawn_through_the_rates_that_they_rank() -> None:
    """Drawn rates take the published rank of their place; ties of the rates keep the published order."""
    rates = np.round(np.linspace(0.4, 0.02, N), 2)  # two decimals: many ties, broken by the published rank
    counts = np.round(rates * 500)
    made = tables()
    rows = {
        "rank": np.arange(1.0, N + 1),
        "rate": rates,
        "count": counts,
        "other": made["values"]["value"][N:],
    }
    made["values"] = frame(
        "values",
        {
            "indicator": np.repeat(list(rows), N),
            "level": ["lsoa21"] * (4 * N),
            "area": CODES * 4,
            "period": ["2021"] * (4 * N),
            "value": np.concatenate([np.asarray(row, dtype=float) for row in rows.values()]),
        },
    )
    made["indicators"] = frame(
        "indicators",
        {"indicator": ["rank", "other"], "title": ["r", "o"], "direction": [-1, 1], "source": ["s", "s"]},
    )
    factor = {
        "path": "values.rank",
        "error": "binomial",
        "through": "rate",
        "numerator": "count",
        "denominator": "population",
        "approximate": True,
    }
    section = UncertaintySpec.model_validate({"index": "one", "draws": 50, "factors": [factor]})
    found = find_uncertainty(
        **made, spec=section, uncertainty="main", indices={"one": index_spec("rank")}, seed=3
    )
    own = found.draws
    ranks = np.stack(own["ranks"].tolist())
    assert (ranks != own["rank"].to_numpy(int)[:, None]).any()
    assert "the error of rate rests on approximate denominators" in " ".join(found.findings["sentence"])
    shuffled = made["values"].copy()
    shuffled.loc[:1, "value"] = [2.0, 40.0]
    with pytest.raises(WardmoteError, match="the published ranks do not rank these rates"):
        find_uncertainty(
            **{**made, "values": shuffled}, spec=section, uncertainty="m", indices={"one": index_spec("rank")}
        )


BAD: list[tuple[dict[str, Any], str]] = [
    ({"path": "weights.nowhere", "spread": 0.2}, "no index of the section has this"),
    ({"path": "elsewhere.top", "spread": 0.2}, "the path leads nowhere"),
    ({"path": "steps.missing.method", "choices": ["minmax", "zscore"]}, "no index of the section has this"),
    ({"path": "steps.scale.colour", "choices": [1, 2]}, "the step has no such field"),
    ({"path": "steps.scale.method", "choices": ["minmax", "zscore"], "p": [0.5, 0.4]}, "do not sum to 1"),
    ({"path": "steps.scale.method", "choices": ["minmax", "zscore"], "p": [1.5, -0.5]}, "do not sum to 1"),
    ({"path": "steps.scale.method", "choices": ["minmax"]}, "there is nothing to choose from"),
    ({"path": "leave_out.rate"}, "it is not said how likely something is left out"),
    ({"path": "weights.rate"}, "it is not said how the weights vary"),
    ({"path": "weights.rate", "spread": 0.2, "error": "binomial"}, "has no such setting"),
    ({"path": "values.rate"}, "it is not said what error the values have"),
    ({"path": "values.rate", "error": "sd"}, "the standard deviation is of error sd"),
    ({"path": "values.nothing", "error": "binomial"}, "no index of the section has this"),
]


@pytest.mark.parametrize(("factor", "told"), BAD, ids=[told for _, told in BAD])
def test_what_cannot_be_is_refused_before_any_work(factor: dict[str, Any], told: str) -> None:
    section = UncertaintySpec(index="one", factors=[FactorSpec.model_validate(factor)])
    problems = check_uncertainty(section, "main", {"one": index_spec("rate")})
    assert any(told in str(problem) for problem in problems), problems


def test_all_that_is_wrong_is_told_together() -> None:
    section = UncertaintySpec(index="one", factors=[FactorSpec.model_validate(factor) for factor, _ in BAD])
    assert len(check_uncertainty(section, "main", {"one": index_spec("rate")})) >= len(BAD)


@pytest.mark.parametrize(
    ("factors", "changes", "told"),
    [
        (
            [{"path": "steps.combine.method", "choices": ["arithmetic", "geometric"]}],
            {},
            "not defined for.*combine.method = geometric",
        ),
        (FACTORS[:1], {"other": np.full(N, 3.0)}, "has one value only"),
        ([{"path": "values.other", "error": "binomial"}], {}, "there are no counts"),
        ([{"path": "values.other", "error": "interval"}], {}, "no intervals are published"),
        (FACTORS[2:], {"errors": np.full(N, -1.0)}, "a standard error is negative"),
        (FACTORS[1:2], {"counts": np.linspace(-5, 400, N)}, "counts are negative"),
    ],
)
def test_what_the_data_refuse_is_refused_before_any_draw(
    factors: list[dict[str, Any]], changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(WardmoteError, match=told):
        run(factors, changes=changes)


def test_words() -> None:
    assert words.in_draws(0.97, "method", 1000) == "in the greatest-need tenth under 97 of 100 tested choices"
    assert words.in_draws(0.97, "sampling", 1000).endswith("a probability of 97% (sampling error alone)")
    # Rounding never makes a certainty of what one draw denied.
    assert "99 of 100" in words.in_draws(0.999, "method", 1000)
    assert "1 of 100" in words.in_draws(0.001, "method", 1000)
    assert "100 of 100" in words.in_draws(1.0, "method", 1000)
    told = [words.sureness(p) for p in (1.0, 0.95, 0.9, 0.5, 0.2, 0.04, float("nan"))]
    assert told == ["firm", "firm", "likely", "toss-up", "unlikely", "firmly outside", ""]
    assert [words.compared(*ends, 10) for ends in ((1, 10), (5, 15), (11, 20))] == [
        "higher",
        "similar",
        "lower",
    ]


def test_a_stated_matrix_correlates_errors_and_its_names_must_vary() -> None:
    """Errors that go together add up and those that run against each other cancel: intervals are wider and narrower."""
    sizes = {"rate": 0.05, "other": 3.0}  # of about equal weight after scaling
    factors = [{"path": f"values.{name}", "error": "sd", "sd": sd} for name, sd in sizes.items()]
    opposed = {"indicators": ["rate", "other"], "matrix": [[1.0, -0.9], [-0.9, 1.0]]}
    with pytest.raises(WardmoteError, match=r"correlations 1.indicators: no factor varies these. Got other"):
        run(factors[:1], correlations=[opposed])
    with pytest.raises(WardmoteError, match=r"correlations 1.matrix"):
        run(factors, correlations=[{**opposed, "matrix": [[1.0, 2.0], [2.0, 1.0]]}])
    together = {**opposed, "matrix": [[1.0, 0.9], [0.9, 1.0]]}
    alone, same, against = (
        run(factors, draws=200, correlations=given).ranks for given in ([], [together], [opposed])
    )

    def width(ranks: pd.DataFrame) -> float:
        rows = ranks[(ranks["component"] == "sampling") & (ranks["coverage"] == 0.95)]
        return float((rows["rank_high"] - rows["rank_low"]).mean())

    assert width(same) > width(alone) > width(against)


def test_scores_on_several_scales_have_an_interval_of_rank_alone() -> None:
    choice = {"path": "steps.scale.method", "choices": ["minmax", "zscore"]}
    found = run([choice, FACTORS[1]], summarise=["average score", "extent"]).summary_ranks
    assert found["rank_low"].notna().all()
    mixed = (found["measure"] == "average score") & (found["component"] != "sampling")
    assert found["value_low"].isna().tolist() == mixed.tolist()
    assert found["value_high"].isna().tolist() == mixed.tolist()


def test_need_is_higher_similar_or_lower_than_at_the_line() -> None:
    told = [words.line_sentence(*ends, 0.1, 100) for ends in ((1, 10), (9, 12), (11, 90))]
    assert told == [
        f"Need is {side} that at the line of the greatest-need tenth, by the 90% interval."
        for side in ("higher than", "similar to", "lower than")
    ]


def test_who_has_both_is_told_with_names_of_those_left_out_that_are_as_sure() -> None:
    shares = np.array([0.99, 0.8, 0.5, 0.1, 0.7, 0.9, 0.2])
    inside = np.array([True, True, True, True, False, False, False])
    told = words.joint_findings(
        "Both", ("place", "places"), shares, inside, names=list("ABCDEFG"), stale=False
    )
    assert [value for _, value, _ in told] == [1.0, 2.0]
    assert told[0][0] == (
        "Both: of four places, 1 is firm (in it in 95% of draws or more), 1 is likely (in two thirds or more), 1 is a toss-up"
        " (between a third and two thirds) and 1 is in it in less than a third of draws, in the same worlds of both indices."
    )
    assert told[1][0] == (
        "Both: two places are not on the list and would be in two thirds of worlds or more, more often than 2 that are on it: F and E."
    )
