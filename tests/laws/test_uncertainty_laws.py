"""Laws of the uncertainty stage: worlds are the same however they are reached, and nothing varied changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.engine import compile_index, evaluate
from wardmote.engine.stream import Stream, Variant
from wardmote.errors import WardmoteError
from wardmote.methods import sampling
from wardmote.methods.ranks import best_rank
from wardmote.study import FactorSpec, IndexSpec, UncertaintySpec
from wardmote.tables import empty, frame
from wardmote.uncertainty import find_uncertainty
from wardmote.uncertainty.errors import LeafError
from wardmote.uncertainty.factors import read_factors, targets_of, variant_specs
from wardmote.uncertainty.worlds import Arm, IndexWorlds, draw_worlds, weights_in

AREAS = 60

TREE = [
    {"node": "top"},
    {"node": "one", "parent": "top", "weight": 0.5},
    {"node": "two", "parent": "top", "weight": 0.3},
    {"node": "three", "parent": "top", "weight": 0.2},
    *({"node": f"x{i}", "parent": ("one", "one", "two", "two", "three")[i]} for i in range(5)),
]


def make_spec(scale: dict[str, object], combine: str, *, treat: bool = False) -> IndexSpec:
    steps: list[dict[str, object]] = [{"id": "fill", "on": "leaves", "do": "impute", "method": "median"}]
    if treat:
        steps.append({"id": "treat", "on": "leaves", "do": "treat", "method": "skew-kurt"})
    steps.append({"id": "scale", "on": "leaves", "do": "normalise", **scale})
    steps.append({"id": "domains", "on": "children of top", "do": "aggregate", "method": combine})
    steps.append({"id": "even", "on": "children of top", "do": "normalise", "method": "exponential"})
    steps.append({"id": "combine", "on": "top", "do": "aggregate", "method": combine})
    return IndexSpec.model_validate({"tree": TREE, "steps": steps})


MINMAX = {"method": "minmax", "lower": 1.0, "upper": 100.0}


def columns(seed: int, *, holes: bool) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    made = {f"x{i}": rng.gamma(2.0, 5.0, AREAS) for i in range(5)}
    if holes:
        made["x3"][rng.choice(AREAS, 4, replace=False)] = np.nan
    return made


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    combine=st.sampled_from(["arithmetic", "geometric", "harmonic", "sum", "mazziotta-pareto", "copeland"]),
    scale=st.sampled_from([MINMAX, {"method": "rank"}]),
    treat=st.booleans(),
    holes=st.booleans(),
)
def test_streamed_worlds_are_those_of_the_engine_to_the_byte(
    seed: int, combine: str, scale: dict[str, object], treat: bool, holes: bool
) -> None:
    """A stream gives each draw the same bytes as `evaluate` on that draw's columns and weights, alone."""
    plan = compile_index(make_spec(scale, combine, treat=treat), index="law")
    base = columns(seed, holes=holes)
    variant = Variant(plan, evaluate(plan, base))
    rng = np.random.default_rng(seed + 1)
    varied = {name: base[name] * rng.uniform(0.5, 2.0, (3, AREAS)) for name in ("x1", "x2")}
    weights = {"one": rng.uniform(0.1, 1, 3), "x3": rng.uniform(0.1, 1, 3)}
    stream = Stream(variant, varied=frozenset(varied), weights=weights, draws=3)
    asked = []
    while stream.wanted:
        asked.append(stream.wanted)
        stream.send(varied[stream.wanted])
    assert asked == ["x1", "x2"]
    assert stream.score is not None
    for draw in range(3):
        table = np.full(len(plan.nodes), np.nan)
        for name, values in weights.items():
            table[list(plan.nodes).index(name)] = values[draw]
        alone = evaluate(plan, {**base, **{n: v[draw] for n, v in varied.items()}}, weights=table)
        assert stream.score[draw].tobytes() == alone.score["top"].tobytes()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 999), combine=st.sampled_from(["arithmetic", "geometric", "sum"]), holes=st.booleans()
)
def test_nothing_varied_gives_the_same_bytes(seed: int, combine: str, holes: bool) -> None:
    """Leaves sent as they are and weights as they stand give the deterministic index, to the byte."""
    plan = compile_index(make_spec(MINMAX, combine), index="law")
    base = columns(seed, holes=holes)
    nominal = evaluate(plan, base)
    stream = Stream(Variant(plan, nominal), varied=frozenset(base), weights={}, draws=2)
    while stream.wanted:
        stream.send(np.broadcast_to(base[stream.wanted], (2, AREAS)))
    assert stream.score is not None
    for draw in stream.score:
        assert draw.tobytes() == nominal.score["top"].tobytes()


def make_worlds(factors: list[dict[str, object]], seed: int = 7, index: str = "law") -> IndexWorlds:
    """Return an index with factors; every leaf has binomial counts of 200 people."""
    spec = make_spec(MINMAX, "arithmetic")
    section = UncertaintySpec.model_validate({"index": index, "factors": factors})
    read, problems = read_factors(section, "uncertainty.law")
    assert not problems
    plan = compile_index(spec, index=index)
    rng = np.random.default_rng(3)
    counts = {f"x{i}": rng.integers(5, 195, AREAS).astype(float) for i in range(5)}
    rates = {name: count / 200 for name, count in counts.items()}
    base = Variant(plan, evaluate(plan, rates))
    targets, problems = targets_of(read, {index: plan}, {index: spec})
    assert not problems
    variants = {}
    for codes, one in variant_specs(spec, targets[index], "").items():
        changed = compile_index(one, index=index)
        variants[codes] = Variant(changed, evaluate(changed, rates))
    errors = {
        leaf: LeafError(
            leaf, target.factor.path, sampling.independent(seed, leaf), FactorSpec(path="values.x", error="binomial"),
            rates[leaf], counts[leaf], np.full(AREAS, 200.0), None, np.ones(AREAS, dtype=np.bool_),
        )
        for target in targets[index] if target.factor.kind == "values"
        for leaf in target.nodes
    }  # fmt: skip
    keys = sampling.cell_keys([f"A{i:03d}" for i in range(AREAS)])
    return IndexWorlds(base, variants, targets[index], errors, {}, keys, seed)


FACTORS: list[dict[str, object]] = [
    {"path": "weights.children of top", "spread": 0.25},
    {"path": "steps.scale", "choices": [MINMAX, {"method": "zscore"}], "p": [0.75, 0.25]},
    {"path": "leave_out.children of top", "p": 0.4},
    {"path": "values.leaves", "error": "binomial"},
]


@settings(max_examples=12, deadline=None)
@given(memory=st.sampled_from([1, 20_000, 2**28]), threads=st.integers(1, 3), draws=st.integers(2, 17))
def test_blocks_and_cores_change_no_byte(memory: int, threads: int, draws: int) -> None:
    worlds = make_worlds(FACTORS)
    arms = [Arm("both", dict.fromkeys(worlds.paths(), 0)), Arm("sampling", {"values.leaves": 0})]
    whole = draw_worlds(worlds, arms, 20, threads=1, memory=2**28)
    part = draw_worlds(worlds, arms, draws, threads=threads, memory=memory)
    for arm in arms:
        assert np.array_equal(part.ranks[arm.name], whole.ranks[arm.name][:draws])


def test_a_draw_is_the_same_world_in_every_index_and_beside_any_other_factor() -> None:
    """Keys are the study's seed, the factor or indicator and the draw: not the index, not what else varies."""
    one, other = make_worlds(FACTORS, index="one"), make_worlds(FACTORS, index="other")
    arm = Arm("both", dict.fromkeys(one.paths(), 0))
    assert np.array_equal(
        draw_worlds(one, [arm], 9).ranks["both"], draw_worlds(other, [arm], 9).ranks["both"]
    )
    alone = make_worlds(FACTORS[3:])
    sampling_only = Arm("sampling", {"values.leaves": 0})
    assert np.array_equal(
        draw_worlds(one, [sampling_only], 9).ranks["sampling"],
        draw_worlds(alone, [sampling_only], 9).ranks["sampling"],
    )


def test_an_arm_without_factors_is_the_index_itself() -> None:
    worlds = make_worlds(FACTORS)
    ranks = draw_worlds(worlds, [Arm("none", {})], 3).ranks["none"]
    assert (ranks == best_rank(worlds.base.nominal.score["top"])).all()


@pytest.mark.parametrize("factor", [{"spread": 0.25}, {"concentration": 20.0}], ids=["spread", "dirichlet"])
def test_drawn_weights_keep_their_sum_and_their_mean(factor: dict[str, object]) -> None:
    worlds = make_worlds([{"path": "weights.children of top", **factor}])
    arm = Arm("method", dict.fromkeys(worlds.paths(), 0))
    drawn = weights_in(worlds, worlds.base, arm, range(4000))
    # Sums to rounding; the mean of 4,000 draws of a share of at most 0.5 has a standard error below 0.002 (Dirichlet, c = 20).
    np.testing.assert_allclose(sum(drawn.values()), 1.0, rtol=1e-14)
    for name, weight in (("one", 0.5), ("two", 0.3), ("three", 0.2)):
        assert drawn[name].mean() == pytest.approx(weight, abs=0.008)
        if "spread" in factor:
            # ± 25% before scaling back; scaling moves the ends by at most 1.25 ÷ 0.75.
            assert drawn[name].min() > weight * 0.75 / 1.25
            assert drawn[name].max() < weight * 1.25 / 0.75


def test_at_most_one_is_left_out_as_often_as_stated_and_the_others_take_its_weight() -> None:
    worlds = make_worlds([{"path": "leave_out.children of top", "p": 0.3}])
    drawn = weights_in(worlds, worlds.base, Arm("method", dict.fromkeys(worlds.paths(), 0)), range(6000))
    table = np.stack([drawn[name] for name in ("one", "two", "three")])
    out = table == 0
    assert out.sum(axis=0).max() == 1
    # Binomial standard error of 6,000 draws: 0.006 for 0.3, 0.004 for each 0.1; four of them.
    assert out.any(axis=0).mean() == pytest.approx(0.3, abs=0.024)
    assert out.mean(axis=1) == pytest.approx([0.1] * 3, abs=0.016)
    np.testing.assert_allclose(table.sum(axis=0), 1.0, rtol=1e-14)


def test_a_refused_world_is_counted_and_spoils_no_other() -> None:
    """Weights that sum to 0 where both children are left out: those draws fail, the others stand."""
    factors = [{"path": "leave_out.x0", "p": 0.5}, {"path": "leave_out.x1", "p": 0.5}]
    worlds = make_worlds(factors)
    arm = Arm("method", dict.fromkeys(worlds.paths(), 0))
    found = draw_worlds(worlds, [arm], 40, threads=1)
    weights = weights_in(worlds, worlds.base, arm, range(40))
    expected = np.flatnonzero((weights["x0"] + weights["x1"]) == 0)
    assert 0 < len(expected) < 40
    assert found.failed["method"] == expected.tolist()
    assert (found.ranks["method"][expected] == 0).all()
    assert (found.ranks["method"][np.delete(np.arange(40), expected)] > 0).all()
    assert sum(found.reasons.values()) == len(expected)
    assert "sum to 0" in next(iter(found.reasons))


# --- bad settings ---------------------------------------------------------------------------------------------------------------

BAD_FACTORS: dict[str, dict[str, object]] = {
    "do not sum to 1": {"path": "steps.scale.method", "choices": ["minmax", "zscore"], "p": [0.5, 0.4]},
    "no index of the section has this": {"path": "steps.missing.method", "choices": ["minmax", "zscore"]},
    "a standard error is negative": {"path": "values.other", "error": "standard-error"},
    "that the mean is not defined for": {
        "path": "steps.combine.method",
        "choices": ["arithmetic", "geometric"],
    },
}
"""Four of the five, by what is told of them; the fifth, a constant indicator, lies in the data."""


def refused(factors: list[dict[str, object]], *, constant: bool) -> list[str]:
    """Return what is told of an index of three indicators, of which one may be constant, before anything is drawn."""
    n, rng = 30, np.random.default_rng(5)
    codes = [f"A{i:03d}" for i in range(n)]
    flat = np.full(n, 7.0) if constant else np.arange(1.0, n + 1)
    rows = {"rate": rng.random(n), "other": rng.random(n), "flat": flat}
    values = {
        "indicator": np.repeat(list(rows), n),
        "level": ["lsoa21"] * (3 * n),
        "area": codes * 3,
        "period": ["2021"] * (3 * n),
        "value": np.concatenate(list(rows.values())),
        "standard_error": np.repeat([np.nan, -1.0, np.nan], n),
    }
    indicators = {"indicator": list(rows), "title": list(rows), "direction": [1] * 3, "source": ["s"] * 3}
    tree = [{"node": "top"}, *({"node": name, "parent": "top"} for name in rows)]
    steps = [
        {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax"},
        {"id": "combine", "on": "top", "do": "aggregate", "method": "arithmetic"},
    ]
    worked: list[int] = []
    with pytest.raises(WardmoteError) as caught:
        find_uncertainty(
            frame("areas", {"level": ["lsoa21"] * n, "area": codes}),
            empty("memberships"),
            frame("indicators", indicators),
            frame("values", values),
            empty("priorities"),
            spec=UncertaintySpec.model_validate({"index": "one", "draws": 9, "factors": factors}),
            uncertainty="main",
            indices={"one": IndexSpec.model_validate({"level": "lsoa21", "tree": tree, "steps": steps})},
            progress=lambda done, total: worked.append(done),
        )
    assert not worked
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("told", list(BAD_FACTORS))
def test_each_bad_setting_is_refused_by_name_before_anything_is_drawn(told: str) -> None:
    problems = refused([BAD_FACTORS[told]], constant=False)
    assert any(told in problem for problem in problems), problems
    assert all("xpected" in problem for problem in problems)  # what to do, or what would do


def test_bad_settings_are_told_together_and_so_is_what_the_data_refuse() -> None:
    settings_, data = list(BAD_FACTORS)[:2], list(BAD_FACTORS)[2:]
    together = "\n".join(refused(list(BAD_FACTORS.values()), constant=True))
    assert all(told in together for told in settings_)
    together = "\n".join(refused([BAD_FACTORS[told] for told in data], constant=False))
    assert all(told in together for told in data)
    problems = refused([BAD_FACTORS[told] for told in data], constant=True)
    assert any("'flat' has one value only. Got 7 in every area" in problem for problem in problems)
    assert any("Leave the indicator out, or mend its source." in problem for problem in problems)


def test_all_five_bad_settings_come_in_one_error() -> None:
    """What does not vary is left aside for the rest to be tried; nothing is told twice, and each says where and what to do."""
    problems = refused(list(BAD_FACTORS.values()), constant=True)
    together = "\n".join(problems)
    for told in (*BAD_FACTORS, "'flat' has one value only. Got 7 in every area"):
        assert together.count(told) == (2 if "mean" in told else 1), told  # two indicators of three meet 0
    assert len(problems) == 6


@pytest.mark.parametrize(
    ("settings_", "told"),
    [
        ({}, True),
        ({"group": "people", "correlation": 0.2}, False),
    ],
)
def test_rates_shrunk_one_by_one_are_told_unless_said_to_go_together(
    settings_: dict[str, object], told: bool
) -> None:
    n, rng = 24, np.random.default_rng(8)
    codes, rates = [f"A{i:03d}" for i in range(n)], ["rent", "work"]
    people = np.full(2 * n, 200.0)
    counts = rng.binomial(200, 0.2, 2 * n).astype(float)
    values = {
        "indicator": np.repeat(rates, n), "level": ["lsoa21"] * (2 * n), "area": codes * 2, "period": ["2021"] * (2 * n),
        "value": counts / people, "numerator": counts, "denominator": people,
    }  # fmt: skip
    member = {
        "level": ["lsoa21"] * n, "area": codes, "parent_level": ["lad24"] * n, "parent": [f"L{i % 3}" for i in range(n)],
        "weight": np.ones(n),
    }  # fmt: skip
    steps = [
        {"id": "shrink", "on": "leaves", "do": "shrink", "towards": "lad24"},
        {"id": "scale", "on": "leaves", "do": "normalise", "method": "zscore"},
        {"id": "combine", "on": "top", "do": "aggregate", "method": "arithmetic"},
    ]
    tree = [{"node": "top"}, *({"node": name, "parent": "top"} for name in rates)]
    factor = {"path": "values.leaves", "error": "binomial", **settings_}
    found = find_uncertainty(
        frame("areas", {"level": ["lsoa21"] * n, "area": codes}),
        frame("memberships", member),
        frame("indicators", {"indicator": rates, "title": rates, "direction": [1, 1], "source": ["s", "s"]}),
        frame("values", values),
        empty("priorities"),
        spec=UncertaintySpec.model_validate({"index": "one", "draws": 8, "factors": [factor]}),
        uncertainty="main",
        indices={"one": IndexSpec.model_validate({"level": "lsoa21", "tree": tree, "steps": steps})},
    )
    said = " ".join(found.findings["sentence"])
    assert ("rent and work are shrunk one by one and their errors drawn apart" in said) is told
