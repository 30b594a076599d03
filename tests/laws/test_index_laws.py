"""Laws of index construction on small random trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.engine import Plan, compile_index, contributions, evaluate
from wardmote.index import build_index
from wardmote.methods.ranks import best_rank
from wardmote.study import IndexSpec
from wardmote.tables import empty, frame

LAW = settings(max_examples=40, deadline=None)
RANK_BASED = ("rank", "percentile-rank", "borda", "rank-normal", "exponential")
OTHERS = ("minmax", "zscore", "distance-to-max")
MEANS = ("arithmetic", "geometric", "harmonic", "generalised")


@dataclass(frozen=True)
class Case:
    """A random index with its data: whole numbers, so that monotone changes stay exact."""

    spec: IndexSpec
    plan: Plan
    columns: dict[str, np.ndarray]

    def scores(self, columns: dict[str, np.ndarray] | None = None, **given_: Any) -> dict[str, np.ndarray]:
        return dict(evaluate(self.plan, columns or self.columns, **given_).score)


@st.composite
def cases(
    draw: st.DrawFn,
    normalise: tuple[str, ...] = RANK_BASED + OTHERS,
    aggregate: tuple[str, ...] = ("arithmetic", "sum", "geometric"),
    missing: bool = False,
) -> Case:
    domains = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, 3)) for _ in range(domains)]
    weight = st.sampled_from([0.5, 1.0, 1.5, 2.0, 0.093])
    tree: list[dict[str, Any]] = [{"node": "top"}]
    for d, size in enumerate(sizes):
        tree.append({"node": f"d{d}", "parent": "top", "weight": draw(weight)})
        tree += [
            {
                "node": f"x{d}{i}",
                "parent": f"d{d}",
                "weight": draw(weight),
                "direction": draw(st.sampled_from([-1, 1])),
            }
            for i in range(size)
        ]
    how, method = draw(st.sampled_from(aggregate)), draw(st.sampled_from(normalise))
    steps: list[dict[str, Any]] = [{"id": "scale", "on": "leaves", "do": "normalise", "method": method}]
    if how in ("geometric", "harmonic", "generalised"):  # these need numbers above 0
        steps[0] = {
            "id": "scale", "on": "leaves", "do": "normalise", "method": "minmax", "lower": 1, "upper": 100,
        }  # fmt: skip
    steps.append({"id": "combine", "on": "branches", "do": "aggregate", "method": how})
    if how == "generalised":
        steps[-1]["power"] = draw(st.sampled_from([-1.0, 0.5, 2.0]))
    spec = IndexSpec.model_validate(
        {"tree": tree, "steps": steps, "higher": draw(st.sampled_from(["need", "better"]))}
    )
    plan = compile_index(spec)
    n = draw(st.integers(4, 12))
    columns = {}
    for leaf in plan.leaves:
        numbers = draw(st.lists(st.integers(-20, 20), min_size=n, max_size=n))
        column = np.array(numbers, dtype=np.float64)
        column[0], column[1] = -21.0, 21.0  # never constant
        if missing:
            column[draw(st.integers(2, n - 1))] = np.nan
        columns[leaf] = column
    return Case(spec, plan, columns)


@LAW
@given(cases(), st.randoms(use_true_random=False))
def test_reordering_areas_reorders_the_result_and_nothing_else(case: Case, random: Any) -> None:
    n = len(next(iter(case.columns.values())))
    order = np.array(random.sample(range(n), n))
    before = case.scores()
    after = case.scores({leaf: column[order] for leaf, column in case.columns.items()})
    for node, score in before.items():
        # A z-score adds areas up, so another order may change the last digit; nothing else does.
        np.testing.assert_allclose(after[node], score[order], rtol=1e-12, atol=1e-12)


@LAW
@given(cases())
def test_contributions_sum_to_the_score(case: Case) -> None:
    found = evaluate(case.plan, case.columns)
    parts = contributions(case.plan, found)
    score = found.score["top"]
    for group in (case.plan.nodes["top"].children, case.plan.leaves):
        total = np.sum([parts[name] for name in group], axis=0)
        there = ~np.isnan(total)  # geometric shares do not exist where the logarithms cancel out
        np.testing.assert_allclose(total[there], score[there], rtol=1e-9, atol=1e-9)


@LAW
@given(cases(aggregate=("arithmetic",), missing=True))
def test_contributions_sum_to_the_score_where_parts_are_missing(case: Case) -> None:
    found = evaluate(case.plan, case.columns)
    parts = contributions(case.plan, found)
    total = np.nansum([parts[leaf] for leaf in case.plan.leaves], axis=0)
    score = found.score["top"]
    there = ~np.isnan(score)
    np.testing.assert_allclose(total[there], score[there], rtol=1e-9, atol=1e-9)


@LAW
@given(cases(aggregate=(*MEANS, "sum")), st.sampled_from([0.5, 3.0, 1000.0]))
def test_scaling_all_weights_changes_no_rank_and_no_score_of_a_mean(case: Case, factor: float) -> None:
    weights = np.array([factor * node.weight for node in case.plan.nodes.values()])
    before, after = case.scores(), case.scores(weights=weights)
    mean = case.plan.combined["top"].method != "sum"
    if mean:
        np.testing.assert_allclose(after["top"], before["top"], rtol=1e-12, atol=1e-12)
    rounded = [
        best_rank(np.round(s["top"] / (1 if mean else f), 8)) for s, f in ((before, 1), (after, factor**2))
    ]
    np.testing.assert_array_equal(*rounded)


@LAW
@given(cases(normalise=RANK_BASED, aggregate=("arithmetic", "sum"), missing=True))
def test_rank_based_recipes_ignore_monotone_changes(case: Case) -> None:
    changed = {leaf: column**3 + 2 * column + 7 for leaf, column in case.columns.items()}
    before, after = case.scores(), case.scores(changed)
    for node in case.plan.branches:
        assert before[node].tobytes() == after[node].tobytes()


@LAW
@given(cases(missing=True, aggregate=("arithmetic", "sum")))
def test_nothing_given_is_changed(case: Case) -> None:
    kept = {leaf: column.copy() for leaf, column in case.columns.items()}
    for column in case.columns.values():
        column.flags.writeable = False
    evaluate(case.plan, case.columns)
    for leaf, column in kept.items():
        np.testing.assert_array_equal(case.columns[leaf], column)


@LAW
@given(cases(missing=True, aggregate=("arithmetic", "sum")), st.integers(1, 4), st.integers(0, 2**31))
def test_draws_together_are_draws_one_by_one(case: Case, draws: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # The first leaf and the weights vary by draw; the other leaves are the same in all and have no axis of draws.
    varied = case.plan.leaves[0]
    n = len(case.columns[varied])
    table = case.columns[varied] + rng.normal(size=(draws, n))
    weights = rng.uniform(0.1, 1, size=(draws, len(case.plan.nodes)))
    together = case.scores({**case.columns, varied: table}, weights=weights)
    for k in range(draws):
        alone = case.scores({**case.columns, varied: table[k]}, weights=weights[k])
        for node, score in alone.items():
            one = together[node][k] if together[node].ndim == 2 else together[node]
            assert one.tobytes() == score.tobytes(), node


@LAW
@given(cases(missing=True, aggregate=("arithmetic", "sum")))
def test_going_on_from_any_step_gives_the_same_bytes(case: Case) -> None:
    whole = case.scores()
    for stop in range(len(case.plan.steps) + 1):
        half = evaluate(case.plan, case.columns, stop=stop)
        again = evaluate(case.plan, half).score
        assert all(again[node].tobytes() == score.tobytes() for node, score in whole.items())


@LAW
@given(cases())
def test_weights_given_apart_are_the_weights_of_the_plan(case: Case) -> None:
    weights = np.array([node.weight for node in case.plan.nodes.values()])
    open_ = np.full_like(weights, np.nan)
    before = case.scores()
    for given_ in (weights, open_):
        after = case.scores(weights=given_)
        assert all(after[node].tobytes() == score.tobytes() for node, score in before.items())


def tables_of(case: Case, codes: list[str]) -> tuple[pd.DataFrame, ...]:
    leaves, n = case.plan.leaves, len(codes)
    values = frame(
        "values",
        {
            "indicator": [leaf for leaf in leaves for _ in range(n)],
            "level": ["patch"] * (n * len(leaves)),
            "area": codes * len(leaves),
            "period": ["2021"] * (n * len(leaves)),
            "value": np.concatenate([case.columns[leaf] for leaf in leaves]),
        },
    )
    indicators = frame(
        "indicators",
        {
            "indicator": list(leaves),
            "title": list(leaves),
            "direction": [1] * len(leaves),
            "source": ["s"] * len(leaves),
        },
    )
    areas = frame("areas", {"level": ["patch"] * n, "area": codes, "population": np.arange(n) + 1.0})
    return areas, indicators, values


@settings(max_examples=15, deadline=None)
@given(cases(missing=True), st.randoms(use_true_random=False))
def test_other_codes_and_another_order_of_rows_change_nothing(case: Case, random: Any) -> None:
    n = len(next(iter(case.columns.values())))
    codes = [f"A{place:02d}" for place in range(n)]
    renamed = dict(zip(codes, random.sample([f"Z{place:02d}" for place in range(n)], n), strict=True))
    results = []
    for change in (False, True):
        areas, indicators, values = tables_of(case, codes)
        if change:
            areas, values = areas.copy(), values.copy()
            for table in (areas, values):
                table["area"] = table["area"].map(renamed).astype(areas["level"].dtype)
            values = values.iloc[random.sample(range(len(values)), len(values))].reset_index(drop=True)
            areas = areas.iloc[::-1].reset_index(drop=True)
        before = values.copy(deep=True)
        built = build_index(
            areas, empty("memberships"), indicators, values, empty("priorities"), spec=case.spec, index="i"
        )
        pd.testing.assert_frame_equal(values, before)
        rows = built.scores.copy()
        back = {new: old for old, new in renamed.items()} if change else {code: code for code in codes}
        rows["area"] = rows["area"].map(back)
        results.append(rows.sort_values(["node", "area"]).reset_index(drop=True))
    one, other = results
    assert one["area"].tolist() == other["area"].tolist()
    np.testing.assert_allclose(
        one["score"].to_numpy(float, na_value=np.nan),
        other["score"].to_numpy(float, na_value=np.nan),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("higher", ["need", "better"])
def test_rank_1_is_the_greatest_need_whichever_way_scores_rise(higher: str) -> None:
    spec = IndexSpec.model_validate(
        {
            "tree": [{"node": "top"}, {"node": "x", "parent": "top", "direction": 1}],
            "steps": [
                {"id": "s", "on": "leaves", "do": "normalise", "method": "minmax"},
                {"id": "c", "on": "top", "do": "aggregate", "method": "arithmetic"},
            ],
            "higher": higher,
        }
    )
    case = Case(spec, compile_index(spec), {"x": np.array([1.0, 5.0, 3.0, 2.0])})
    areas, indicators, values = tables_of(case, ["a", "b", "c", "d"])
    built = build_index(
        areas, empty("memberships"), indicators, values, empty("priorities"), spec=spec, index="i"
    )
    root = built.scores[built.scores["node"] == "top"]
    assert root["rank"].tolist() == [4, 1, 2, 3]
