"""Laws of areas: what must hold for any lookup and any numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote import tables
from wardmote.areas import AreaTables, build_areas, convert_values
from wardmote.levels import Level
from wardmote.methods.regroup import (
    Lookup,
    compose,
    error_of_sum,
    largest_share,
    mean_by_parent,
    sum_by_parent,
)
from wardmote.study import AreasSpec, ConversionSpec

LAWS = settings(max_examples=40, deadline=None)
TABLE_LAWS = settings(max_examples=20, deadline=None)  # each builds all tables twice or more
LEVELS = {name: Level(name, name, f"{name}s") for name in ("small", "middle", "large")}


def shares(draw: st.DrawFn, n: int, k: int, *, nested: bool) -> Lookup:
    """Return a lookup from n areas to k parents whose shares add to 1."""
    if nested:
        parent = np.array(draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)))
        return Lookup(np.arange(n), parent, np.ones(n))
    grid = np.array(
        draw(st.lists(st.lists(st.integers(0, 9), min_size=k, max_size=k), min_size=n, max_size=n))
    )
    grid[grid.sum(axis=1) == 0, 0] = 1
    child, parent = np.nonzero(grid)
    return Lookup(child, parent, (grid / grid.sum(axis=1, keepdims=True))[child, parent])


@st.composite
def lookups(draw: st.DrawFn, nested: bool = False) -> tuple[Lookup, int, int]:
    n, k = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    return shares(draw, n, k, nested=nested), n, k


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[Lookup], list[int]]:
    sizes = [draw(st.integers(1, 8)) for _ in range(4)]
    return [shares(draw, sizes[i], sizes[i + 1], nested=draw(st.booleans())) for i in range(3)], sizes


def numbers(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(50, 20, n)


def dense(lookup: Lookup, n: int, k: int) -> np.ndarray:
    grid = np.zeros((n, k))
    np.add.at(grid, (lookup.child, lookup.parent), lookup.share)
    return grid


@LAWS
@given(lookups(), st.integers(0, 10_000))
def test_sums_keep_their_total(case: tuple[Lookup, int, int], seed: int) -> None:
    lookup, n, k = case
    x = numbers(n, seed)
    total = sum_by_parent(x, lookup.parent, k, child=lookup.child, share=lookup.share)
    # At most 12 areas in 5 parents: rounding of some dozens of additions.
    np.testing.assert_allclose(np.nansum(total), x.sum(), rtol=1e-12, atol=1e-9)


@LAWS
@given(lookups(), st.floats(-1e6, 1e6), st.integers(0, 10_000))
def test_the_mean_of_a_constant_is_the_constant(
    case: tuple[Lookup, int, int], constant: float, seed: int
) -> None:
    lookup, n, k = case
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < 0.2, np.nan, constant)
    mean, coverage = mean_by_parent(
        x, rng.uniform(0.5, 3, n), lookup.parent, k, child=lookup.child, share=lookup.share
    )
    # Below 1e-300 numbers lose digits one by one (IEEE 754, subnormal numbers), so no relative error holds there.
    np.testing.assert_allclose(mean[~np.isnan(mean)], constant, rtol=1e-12, atol=1e-300)
    assert ((coverage[~np.isnan(coverage)] >= 0) & (coverage[~np.isnan(coverage)] <= 1 + 1e-12)).all()


@LAWS
@given(lookups(), st.integers(0, 10_000))
def test_the_mean_lies_between_its_parts_and_rows_of_worlds_are_apart(
    case: tuple[Lookup, int, int], seed: int
) -> None:
    lookup, n, k = case
    x = np.stack([numbers(n, seed), numbers(n, seed + 1)])
    weight = np.random.default_rng(seed).uniform(0.1, 5, n)
    both, _ = mean_by_parent(x, weight, lookup.parent, k, child=lookup.child, share=lookup.share)
    for row, mean in zip(x, both, strict=True):
        alone, _ = mean_by_parent(row, weight, lookup.parent, k, child=lookup.child, share=lookup.share)
        np.testing.assert_array_equal(mean, alone)
        for j in range(k):
            parts = row[lookup.child[lookup.parent == j]]
            if len(parts):
                assert parts.min() - 1e-9 <= mean[j] <= parts.max() + 1e-9


@LAWS
@given(chains())
def test_composition_is_associative_and_is_the_product_of_matrices(
    case: tuple[list[Lookup], list[int]],
) -> None:
    (one, two, three), (a, b, c, d) = case
    left = compose(compose(one, two, c), three, d)
    right = compose(one, compose(two, three, d), d)
    np.testing.assert_array_equal(left.child, right.child)
    np.testing.assert_array_equal(left.parent, right.parent)
    np.testing.assert_allclose(left.share, right.share, rtol=1e-12)
    product = dense(one, a, b) @ dense(two, b, c) @ dense(three, c, d)
    np.testing.assert_allclose(dense(left, a, d), product, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(product.sum(axis=1), 1, rtol=1e-12)


@LAWS
@given(lookups(nested=True))
def test_best_fit_is_nesting_where_areas_nest(case: tuple[Lookup, int, int]) -> None:
    lookup, _, _ = case
    best = largest_share(lookup)
    for name in ("child", "parent", "share"):
        np.testing.assert_array_equal(getattr(best, name), getattr(lookup, name))


@LAWS
@given(lookups(), st.integers(0, 10_000))
def test_errors_add_in_squares(case: tuple[Lookup, int, int], seed: int) -> None:
    lookup, n, k = case
    error = np.abs(numbers(n, seed))
    found = error_of_sum(error, lookup.parent, k, child=lookup.child, share=lookup.share)
    expected = np.sqrt((dense(lookup, n, k) ** 2).T @ error**2)
    np.testing.assert_allclose(found[~np.isnan(found)], expected[~np.isnan(found)], rtol=1e-12)


@st.composite
def places(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return facts of small areas in middle ones in large ones, and a value for each small area."""
    n, m = draw(st.integers(2, 10)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    small, middle = [f"s{i:02}" for i in range(n)], [f"m{i}" for i in range(m)]
    upper = rng.integers(0, 2, m)
    facts = tables.frame(
        "area_facts",
        {
            "source": ["a"] * n,
            "level": ["small"] * n,
            "area": small,
            "name": [f"Place {i}" for i in range(n)],
            "population": rng.integers(1, 500, n).astype(float),
        },
    )
    lookup = tables.frame(
        "membership_facts",
        {
            "source": ["b"] * (n + m),
            "level": ["small"] * n + ["middle"] * m,
            "area": small + middle,
            "parent_level": ["middle"] * n + ["large"] * m,
            "parent": [middle[i] for i in rng.integers(0, m, n)] + [f"l{i}" for i in upper],
        },
    )
    return facts, lookup, rng.normal(0, 1, n)


SPEC = AreasSpec(within=[["small", "middle", "large"]])


def built(facts: pd.DataFrame, lookup: pd.DataFrame) -> AreaTables:
    return build_areas(facts, lookup, spec=SPEC, levels=LEVELS)


def carried(result: AreaTables, area: list[str], x: np.ndarray, to: str, by: str) -> pd.Series:
    given = tables.frame(
        "values",
        {
            "indicator": ["x"] * len(area),
            "level": ["small"] * len(area),
            "area": area,
            "period": ["2021"] * len(area),
            "value": x,
        },
    )
    known = tables.frame(
        "indicators", {"indicator": ["x"], "title": ["X"], "direction": [1], "source": ["a"]}
    )
    spec = ConversionSpec.model_validate(
        {"indicators": ["x"], "from": "small", "to": to, "by": by, "measure": "mean"}
    )
    found = convert_values(given, known, result.areas, result.memberships, spec=spec, conversion="up").values
    return found.set_index("area")["value"].astype(float)


@TABLE_LAWS
@given(places(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(
    case: tuple[pd.DataFrame, pd.DataFrame, np.ndarray], random: object
) -> None:
    facts, lookup, x = case
    rng = np.random.default_rng(random.randint(0, 2**31))  # type: ignore[attr-defined]  # Hypothesis' Random
    one = built(facts, lookup)
    other = built(facts.iloc[rng.permutation(len(facts))], lookup.iloc[rng.permutation(len(lookup))])
    for name in ("areas", "memberships", "findings"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    area = facts["area"].tolist()
    order = rng.permutation(len(area))
    pd.testing.assert_series_equal(
        carried(one, area, x, "large", "nested"),
        carried(other, [area[i] for i in order], x[order], "large", "nested"),
    )


@TABLE_LAWS
@given(places())
def test_new_codes_change_nothing_but_codes(case: tuple[pd.DataFrame, pd.DataFrame, np.ndarray]) -> None:
    facts, lookup, x = case
    area = facts["area"].tolist()
    new = {code: f"z{99 - int(code[1:]):02}" for code in area}

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        codes = [new.get(code, code) for code in frame["area"]]
        return tables.frame(
            "area_facts" if "population" in frame else "membership_facts",
            {**{name: frame[name].array for name in frame.columns}, "area": codes},
        )

    one, other = built(facts, lookup), built(renamed(facts), renamed(lookup))
    first, second = (
        carried(result, codes, x, "middle", "nested")
        for result, codes in ((one, area), (other, [new[code] for code in area]))
    )
    # The areas are added up in another order: rounding only.
    np.testing.assert_allclose(first.to_numpy(), second.to_numpy(), rtol=1e-12, atol=1e-12)


@TABLE_LAWS
@given(places())
def test_all_ways_agree_where_areas_nest(case: tuple[pd.DataFrame, pd.DataFrame, np.ndarray]) -> None:
    facts, lookup, x = case
    result, area = built(facts, lookup), facts["area"].tolist()
    nested = carried(result, area, x, "large", "nested")
    for by in ("best-fit", "weighted"):
        pd.testing.assert_series_equal(nested, carried(result, area, x, "large", by))


@TABLE_LAWS
@given(places())
def test_people_are_counted_once_at_every_level(case: tuple[pd.DataFrame, pd.DataFrame, np.ndarray]) -> None:
    facts, lookup, _ = case
    result = built(facts, lookup)
    placed = set(result.memberships["parent"])
    areas = result.areas.dropna(subset=["population"])
    total = areas.groupby("level")["population"].sum()
    # Middle areas without a small one are known only from the lookup: they have no population, and so has their large one.
    for level in ("middle", "large"):
        rows = result.areas[(result.areas["level"] == level) & result.areas["area"].isin(placed)]
        if rows["population"].notna().all() and len(rows):
            assert total[level] == total["small"]
