"""Laws of the compiled passes over columns: the same bytes as the plain ones, in every length of row and with ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.methods import aggregate, columns, normalise, treat
from wardmote.methods.compiled import loops
from wardmote.methods.counts import Counted

pytestmark = pytest.mark.skipif(loops() is None, reason="numba is not installed")


def rows_of(seed: int, n: int, *, rows: int = 3) -> np.ndarray:
    """Return rows with ties, a long tail and a far outlier or two."""
    rng = np.random.default_rng(seed)
    made = np.round(np.exp(rng.normal(size=(rows, n)) * rng.uniform(0.2, 1.4, (rows, 1))), 3)
    made[0, : rng.integers(0, 3)] *= 40
    return made


def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "loaded", lambda: None)
    monkeypatch.setattr(treat, "loaded", lambda: None)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(5, 3000),
    sign=st.sampled_from([1, -1]),
    lower=st.sampled_from([0.0, 1.0]),
)
def test_scales_and_moments_are_the_same_bytes_compiled_and_plain(
    seed: int, n: int, sign: int, lower: float
) -> None:
    rows = rows_of(seed, n)
    found = []
    for plain in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if plain:
                plainly(patch)
            found.append(
                (
                    normalise.minmax(rows, direction=sign, lower=lower),
                    normalise.zscore(rows, direction=sign, mean=lower),
                    *treat.moments(rows),
                    treat.skew_kurt(rows)[0],
                )
            )
    for compiled, plain_one in zip(*found, strict=True):
        assert compiled.tobytes() == plain_one.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(2, 3000),
    sign=st.sampled_from([1, -1]),
    method=st.sampled_from(["minmax", "zscore"]),
)
def test_adding_by_the_way_is_scaling_and_adding(seed: int, n: int, sign: int, method: str) -> None:
    rows = rows_of(seed, n)
    if (rows.min(axis=1) == rows.max(axis=1)).any():
        return
    rng = np.random.default_rng(seed)
    weights, start = rng.uniform(0, 1, 2), rng.normal(size=(2, n))
    scale = columns.scale_of(method, {}, sign)
    assert scale is not None
    assert columns.can_add(scale, n)
    at = np.array([2, 0])
    scaled = normalise.NORMALISE[method](rows[at], direction=sign)
    total = start.copy()
    assert columns.add_scaled(total, rows, at, weights, scale, first=False) is not None
    assert total.tobytes() == (start + weights[:, None] * scaled).tobytes()


def test_a_row_without_a_scale_is_told() -> None:
    rows, scale = np.ones((1, 40)), columns.scale_of("minmax", {}, 1)
    assert scale is not None
    total = np.zeros((1, 40))
    assert columns.add_scaled(total, rows, np.array([0]), np.ones(1), scale, first=True) is None
    assert columns.scale_of("rank", {}, 1) is None
    assert columns.scale_of("minmax", {"lower": [0.0, 1.0]}, 1) is None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(1, 700), k=st.integers(1, 9))
def test_sums_over_children_and_gaps_are_the_same_bytes(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    rows, weights = rows_of(seed, n, rows=k + 1), rng.uniform(0, 1, k + 1)
    gaps = np.where(rng.random((2, n + 3)) < 0.3, np.nan, rng.normal(size=(2, n + 3)))
    gaps[:, :3] = 1.0, 2.0, 3.0
    found = []
    for plain in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if plain:
                plainly(patch)
                patch.setattr(aggregate, "loaded", lambda: None)
            found.append(
                (aggregate.arithmetic(rows, weights), normalise.minmax(gaps), normalise.zscore(gaps))
            )
    for compiled, plain_one in zip(*found, strict=True):
        assert compiled.tobytes() == plain_one.tobytes()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 9999),
    n=st.integers(1000, 3000),
    then=st.sampled_from(["log", "log_ct_orig", "box_cox", "none"]),
    limit=st.floats(0.2, 3.0),
)
def test_draws_are_treated_as_one_world_is(seed: int, n: int, then: str, limit: float) -> None:
    rows = rows_of(seed, n)
    settings_of = {"max_skew": limit, "max_kurt": limit, "then": then, "power": 0.3}
    quick = treat.treat_draws("skew_kurt", rows[:, None, :], names=["a"], **settings_of)
    assert quick.tobytes() == treat.skew_kurt(rows, **settings_of)[0].tobytes()


def test_a_limit_that_is_met_exactly_is_left_to_the_exact_sums() -> None:
    rows = rows_of(5, 2000)
    skew, kurt = treat.moments(rows)
    for row in range(len(rows)):
        for factor in (1.0, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0)):
            limits = {"max_skew": float(skew[row] * factor), "max_kurt": float(kurt[row] * factor)}
            quick = treat.treat_draws("skew_kurt", rows[row : row + 1], names=["a"], **limits)
            assert quick.tobytes() == treat.skew_kurt(rows[row : row + 1], **limits)[0].tobytes()


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
@pytest.mark.parametrize("with_factor", [False, True])
def test_counts_are_added_as_the_numbers_that_they_stand_for(
    kind: type[np.uint16], with_factor: bool
) -> None:
    rng = np.random.default_rng(3)
    n = 1203
    counts, divisor = rng.integers(0, 900, (5, n)).astype(kind), rng.integers(900, 2000, n).astype(float)
    factor = rng.uniform(0.5, 2, n) if with_factor else np.empty(0)
    column = Counted(counts, divisor, factor)
    floats = counts / divisor * (factor if with_factor else 1.0)
    assert column.floats().tobytes() == floats.tobytes()
    at = np.array([4, 0, 2])
    assert columns.values_at(column, at, np.array([7, 9])).tobytes() == floats[np.ix_(at, [7, 9])].tobytes()
    for scale in (columns.AS_IT_IS, columns.scale_of("minmax", {}, -1), columns.scale_of("zscore", {}, 1)):
        assert scale is not None
        totals = np.ones((2, 3, n))
        used = [
            columns.add_scaled(total, one, at, np.arange(1.0, 4.0), scale, first=False)
            for total, one in zip(totals, (column, floats), strict=True)
        ]
        assert totals[0].tobytes() == totals[1].tobytes()
        assert scale.kind == 0 or np.array_equal(used[0], used[1])
    assert treat.surely_passes("skew_kurt", column, at) == bool((treat.moments(floats[at])[0] < 2).all())


def test_sums_beyond_the_range_of_numbers_are_refused_compiled_and_plain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Numpy raises where it is told to; compiled loops know nothing of that and must be asked."""
    rows = np.array([[1e308, 1e308, 3.0, 4.0, 5.0]])
    for _ in range(2):
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            normalise.zscore(rows)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            aggregate.arithmetic(np.vstack([rows, rows]), np.array([2.0, 2.0]))
        plainly(monkeypatch)
        monkeypatch.setattr(aggregate, "loaded", lambda: None)
