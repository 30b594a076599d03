"""Laws of the audit: what it says depends on the numbers of the areas, not on their names, order or units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wardmote import words
from wardmote.audit import find_audit
from wardmote.audit.lines import LINES
from wardmote.engine import compile_index, evaluate
from wardmote.errors import InputError
from wardmote.methods.coherence import alpha, correlations, dimensions, main_effect
from wardmote.methods.ranks import best_rank
from wardmote.study import AuditLimits, AuditSpec, IndexSpec
from wardmote.tables import check, empty, frame

LAW = settings(max_examples=30, deadline=None)
LEAVES = ("a1", "a2", "b1", "b2", "b3")


def spec_of(**settings_: Any) -> IndexSpec:
    tree = [
        {"node": "top"},
        {"node": "a", "parent": "top", "weight": 2.0},
        {"node": "b", "parent": "top"},
        *({"node": leaf, "parent": leaf[0], "direction": -1 if leaf == "a2" else 1} for leaf in LEAVES),
    ]
    steps = [
        {"id": "fill", "on": "leaves", "do": "impute", "method": "median"},
        {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax"},
        {"id": "combine", "on": "branches", "do": "aggregate", "method": "arithmetic"},
    ]
    return IndexSpec.model_validate({"tree": tree, "steps": steps, "level": "x", **settings_})


def columns_of(seed: int, n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    columns = {leaf: np.round(common + rng.normal(size=n), 3) for leaf in LEAVES}
    columns["a2"] *= -1
    columns["b3"][rng.integers(n)] = np.nan
    return columns


def audited(columns: dict[str, np.ndarray], names: list[str], **given_: Any) -> pd.DataFrame:
    n, k = len(names), len(columns)
    values = {
        "indicator": np.repeat(list(columns), n),
        "level": ["x"] * (n * k),
        "area": np.tile(names, k),
        "period": ["2025"] * (n * k),
        "value": np.concatenate(list(columns.values())),
    }
    indicators = {
        "indicator": list(columns),
        "title": list(columns),
        "direction": [1] * k,
        "source": ["s"] * k,
    }
    settings_ = given_.pop("settings", {})
    index = given_.pop("index", spec_of())
    found = find_audit(
        frame("areas", {"level": ["x"] * n, "area": names}),
        empty("memberships"),
        frame("indicators", indicators),
        frame("values", values),
        empty("priorities"),
        scores=empty("scores"),
        spec=AuditSpec(index="i", **settings_),
        audit="i",
        indices={"i": index},
        **given_,
    )
    return check("audit", found.audit)


@LAW
@given(st.integers(0, 10_000), st.integers(20, 60))
@example(6918, 20)  # a leaf that goes with two domains alike, to the last digit but one
def test_names_and_order_of_areas_do_not_matter(seed: int, n: int) -> None:
    columns = columns_of(seed, n)
    names = [f"area{place:03}" for place in range(n)]
    order = np.random.default_rng(seed + 1).permutation(n)
    before = audited(columns, names)
    after = audited(columns, [f"place{place:03}" for place in order])
    assert after[["test", "item", "result"]].equals(before[["test", "item", "result"]])
    for name in ("value", "beside"):
        one, two = before[name].to_numpy(float, na_value=np.nan), after[name].to_numpy(float, na_value=np.nan)
        # 1e-8: sums run in another order, and the smoother solves equations with a condition of up to 1e8.
        np.testing.assert_allclose(two, one, rtol=1e-8, atol=1e-8)


@LAW
@given(st.integers(0, 10_000), st.integers(30, 200), st.floats(0.1, 100), st.floats(-50, 50), st.booleans())
def test_units_and_direction_do_not_matter(seed: int, n: int, scale: float, shift: float, turn: bool) -> None:
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=n), rng.normal(size=n)
    y = np.sin(2 * x) + 0.3 * noise
    factor = -scale if turn else scale
    one, two = main_effect(x, y), main_effect(factor * x + shift, shift - factor * y)
    # The criterion is flat near its least: rounding may choose the next penalty, which moves the share in the fourth digit.
    assert two.ratio == pytest.approx(one.ratio, abs=2e-3)
    assert two.linear == pytest.approx(one.linear, abs=1e-9)
    r = correlations(x, y, by="ranks")[0, 0]
    assert correlations(np.exp(x), y**3, by="ranks")[0, 0] == pytest.approx(r, abs=1e-12)
    rows = np.stack([x, y, noise])
    np.testing.assert_allclose(
        dimensions(rows * [[scale], [1], [2]]).eigenvalues, dimensions(rows).eigenvalues, atol=1e-9
    )
    assert alpha(scale * rows + shift) == pytest.approx(alpha(rows), abs=1e-8)


@LAW
@given(st.integers(0, 10_000))
def test_a_result_says_on_which_side_of_its_line_a_number_lies(seed: int) -> None:
    lines = audited(columns_of(seed, 40), [f"area{place:02}" for place in range(40)])
    assert lines["sentence"].str.endswith(".").all()
    shares = lines[lines["test"] == "weight and influence"]["value"]
    assert len(shares) == 7
    below = lines[lines["test"].isin(["reliability", "correlation with parent", "data for indicators"])]
    assert ((below["value"] < below["threshold"]) == (below["result"] == "flagged")).all()
    above = lines[
        lines["test"].isin(["outliers", "left out: ranks", "added value", "left out: greatest need"])
    ]
    above = above[above["result"] != "not applicable"]
    assert ((above["value"] > above["threshold"]) == (above["result"] == "flagged")).all()


def test_every_line_says_where_it_comes_from_and_a_studys_own_lines_say_that() -> None:
    assert list(LINES) == list(words.AUDIT_TESTS)
    assert {name for names, _ in LINES.values() for name in names} == set(AuditLimits.model_fields)
    columns, names = columns_of(3, 60), [f"area{place:02}" for place in range(60)]
    lines = audited(columns, names)
    assert (lines["line_from"].str.len() > 5).all()
    own = audited(columns, names, settings={"limits": {"weak": 0.4}}).set_index("test")["line_from"]
    told = {"correlation with siblings", "correlation with parent"}
    assert set(own[own == "set in this study"].index) == told
    assert set(own["reliability"]) == {"Nunnally 1978, p. 245"}


def test_an_indicator_turned_round_is_found() -> None:
    columns = columns_of(5, 200)
    columns["b1"] = -columns["b1"]
    lines = audited(columns, [f"area{place:03}" for place in range(200)]).set_index(["test", "item"])
    for pair in ("b1 × b2", "b1 × b3"):
        assert lines.loc[("correlation with siblings", pair)]["result"] == "flagged"
        assert "run against each other" in lines.loc[("correlation with siblings", pair)]["sentence"]
    assert lines.loc[("correlation with siblings", "b2 × b3")]["result"] == "passed"
    assert lines.loc[("own parent", "b1")]["result"] == "passed"
    assert lines.loc[("reliability", "b")]["result"] == "flagged"


def test_a_copy_a_gap_and_a_long_tail_are_found() -> None:
    columns = columns_of(6, 200)
    columns["b2"] = columns["b1"] * 2 + 1
    columns["a1"][:80] = np.nan
    columns["b3"] = np.exp(2.5 * np.nan_to_num(columns["b3"]))
    limits = {"limits": {"influence": 1.05}}
    names = [f"area{place:03}" for place in range(200)]
    lines = audited(columns, names, settings=limits).set_index(["test", "item"])
    assert "say almost the same" in lines.loc[("correlation with siblings", "b1 × b2")]["sentence"]
    assert lines.loc[("data for indicators", "a1")]["result"] == "flagged"
    assert lines.loc[("data for areas", "top")]["result"] == "passed"  # four of five indicators are 80%
    assert lines.loc[("skewness and kurtosis", "b3")]["result"] == "flagged"
    assert lines.loc[("outliers", "b3")]["result"] == "flagged"
    assert "flagged" in set(lines.loc["weight and influence"]["result"])


def test_an_index_of_one_domain_says_what_does_not_apply() -> None:
    tree = [{"node": "top"}, {"node": "a1", "parent": "top", "direction": 1}]
    steps = [
        {"id": "scale", "on": "leaves", "do": "normalise", "method": "rank"},
        {"id": "combine", "on": "top", "do": "aggregate", "method": "arithmetic"},
    ]
    index = IndexSpec.model_validate({"tree": tree, "steps": steps, "level": "x"})
    names = [f"area{place}" for place in range(9)]
    lines = audited({"a1": np.arange(9.0)}, names, index=index).set_index("test")
    assert set(lines[~lines.index.isin(["data for indicators", "data for areas"])]["result"]) == {
        "not applicable"
    }
    assert "only the order" in lines.loc["skewness and kurtosis"]["sentence"]


def test_wide_intervals_and_a_driver_are_told() -> None:
    n = 100
    names = [f"area{place:02}" for place in range(n)]
    low = np.maximum(np.arange(1, n + 1) - 15, 1)
    high = np.minimum(np.arange(1, n + 1) + 15, n)
    same = {"index": ["i"] * n, "level": ["x"] * n, "area": names}
    ranks = frame(
        "ranks",
        {
            **same,
            "component": ["both"] * n,
            "coverage": [0.9] * n,
            "rank_low": low,
            "rank_high": high,
        },
    )
    sensitivity = frame(
        "sensitivity",
        {
            "index": ["i", "i"],
            "output": ["mean rank shift"] * 2,
            "factor": ["weights.a", "steps.scale.method"],
            "total_order": [0.2, 0.8],
        },
    )
    lines = audited(columns_of(1, n), names, ranks=ranks, sensitivity=sensitivity).set_index(["test", "item"])
    wide = lines.loc[("intervals of ranks", "top")]
    # Wider than 20 places of 100: all but the five at each end, whose interval is cut off by the end of the list.
    assert wide["value"] == pytest.approx(float(np.mean(high - low > 20)))
    assert wide["result"] == "flagged"
    assert lines.loc[("driver of ranks", "weights.a")]["result"] == "passed"
    assert lines.loc[("driver of ranks", "steps.scale.method")]["result"] == "flagged"


@pytest.mark.parametrize("higher", ["need", "better"])
def test_links_to_an_indicator_are_oriented_like_the_index(higher: str) -> None:
    """An indicator of which more means more need goes with an index of need and with its mirror image alike, once both are turned."""
    columns = columns_of(8, 120)
    z = columns["a1"] + columns["b1"]
    lines = audited(
        {**columns, "z": z},
        [f"area{place:03}" for place in range(120)],
        index=spec_of(higher=higher),
        settings={"against": ["z"]},
    ).set_index(["test", "item"])
    assert lines.loc[("link to another measure", "a × z")]["value"] > 0.5


def test_a_measure_without_values_is_refused() -> None:
    with pytest.raises(InputError, match="nowhere has no values at x"):
        audited(columns_of(8, 30), [f"area{place}" for place in range(30)], settings={"against": ["nowhere"]})


@pytest.mark.parametrize(
    "steps",
    [
        # Two settings: weights estimated from final parts, and scores that are scaled again on their way up.
        [
            {"id": "scale", "on": "leaves", "do": "normalise", "method": "zscore"},
            {"id": "weigh", "on": ["a", "b"], "do": "weigh", "method": "pca"},
            {"id": "sub", "on": ["a", "b"], "do": "aggregate", "method": "sum"},
            {"id": "again", "on": "children of top", "do": "normalise", "method": "exponential"},
            {"id": "top", "on": "top", "do": "aggregate", "method": "sum"},
        ],
        [
            {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax", "lower": 1, "upper": 100},
            {"id": "combine", "on": "branches", "do": "aggregate", "method": "geometric"},
        ],
        # A screen looks at all leaves together, and these weights at values that are normalised later: all is done again.
        [
            {"id": "few", "on": "leaves", "do": "screen", "what": "areas", "min_available": 0.9},
            {"id": "scale", "on": "leaves", "do": "normalise", "method": "rank"},
            {"id": "combine", "on": "branches", "do": "aggregate", "method": "arithmetic"},
        ],
        [
            {"id": "weigh", "on": "b", "do": "weigh", "method": "pca"},
            {"id": "scale", "on": "leaves", "do": "normalise", "method": "percentile-rank"},
            {"id": "combine", "on": "branches", "do": "aggregate", "method": "arithmetic"},
        ],
    ],
)  # fmt: skip
def test_leaving_out_is_the_index_built_without_the_part(steps: list[dict[str, Any]]) -> None:
    names = [f"area{place:02}" for place in range(90)]
    columns = columns_of(11, len(names))
    spec = spec_of(steps=steps)
    lines = audited(columns, names, index=spec).set_index(["test", "item"])["value"]
    plan = compile_index(spec, directions=dict.fromkeys(LEAVES, 1))
    full = best_rank(evaluate(plan, columns).score["top"])
    for node in ("a", "b", *LEAVES):
        without = compile_index(spec.model_copy(update={"overrides": {f"leave_out.{node}": True}}))
        rank = best_rank(evaluate(without, columns).score["top"])
        shift = np.nanmean(np.abs(full - rank))
        assert lines["left out: ranks", node] == pytest.approx(shift, abs=1e-12), node
