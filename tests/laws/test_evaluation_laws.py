"""Laws that estimates of effects keep whatever the data: units, order, parallel shifts, and weights that are weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wardmote.errors import MethodError
from wardmote.methods.comparators import balance, entropy_weights, match, matched_effect
from wardmote.methods.differences import (
    NEVER,
    average,
    group_time_effects,
    simple_average,
)
from wardmote.methods.imputation import imputation_effects, without_covariate_trends
from wardmote.methods.synthetic import simplex_weights, staggered_difference, synthetic_control

seeds = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=30, deadline=None)


def world(seed: int, n: int = 40, periods: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    start = np.full(n, NEVER, dtype=np.int64)
    start[: n // 4] = rng.integers(2, periods, n // 4)
    return rng.normal(size=(periods, n)), start, rng.normal(size=(1, n))


@FEW
@given(seeds, st.floats(-5, 5), st.floats(0.1, 10))
def test_shifts_by_area_and_period_change_nothing_and_units_scale(
    seed: int, shift: float, scale: float
) -> None:
    y, start, x = world(seed)
    moved = scale * y + shift * np.arange(len(y))[:, None] + 3 * np.arange(y.shape[1])
    for estimate in (
        lambda z: average(group_time_effects(z, start)).effect[0],
        lambda z: average(group_time_effects(z, start, covariates=x, adjustment="outcome regression")).effect[
            0
        ],
        lambda z: imputation_effects(z, start).effect[0],
        lambda z: staggered_difference(z, start)[0],
    ):
        # Sums of some hundred numbers up to 200: rounding stays under 1e-9, weights of quadratic programmes under 1e-6.
        assert estimate(moved) == pytest.approx(scale * estimate(y), abs=1e-5 * scale + 1e-6)


@FEW
@given(seeds, st.floats(-3, 3))
@example(seed=199, effect=0.0)  # a free level that rounding left above NumPy's own limit for "singular"
def test_a_constant_effect_without_noise_is_found_exactly(seed: int, effect: float) -> None:
    y, start, x = world(seed)
    flat = y[0] + np.arange(len(y))[:, None] * 0.5 + 0.2 * x[0] * np.arange(len(y))[:, None]
    on = np.arange(len(y))[:, None] >= start
    z = flat + effect * on
    cells = group_time_effects(z, start, covariates=x, adjustment="outcome regression")
    assert average(cells).effect[0] == pytest.approx(effect, abs=1e-9)
    assert imputation_effects(z, start, covariates=x).effect[0] == pytest.approx(effect, abs=1e-9)
    steady = without_covariate_trends(z, start, x)
    assert simple_average(steady, start) == pytest.approx(effect, abs=1e-9)


@FEW
@given(seeds)
def test_the_order_of_areas_changes_nothing(seed: int) -> None:
    y, start, x = world(seed)
    order = np.random.default_rng(seed).permutation(y.shape[1])
    first, second = (
        average(group_time_effects(a, b, covariates=c, adjustment="outcome regression"))
        for a, b, c in ((y, start, x), (y[:, order], start[order], x[:, order]))
    )
    assert first.effect[0] == pytest.approx(second.effect[0], abs=1e-12)
    assert first.standard_error()[0] == pytest.approx(second.standard_error()[0], abs=1e-12)
    treated = start != NEVER
    one = matched_effect(y[-1], match(treated, x, partners=2))
    other = matched_effect(y[-1, order], match(treated[order], x[:, order], partners=2))
    assert one.effect == pytest.approx(other.effect, abs=1e-12)


@FEW
@given(seeds, st.sampled_from(["never", "not yet"]))
def test_the_fast_average_is_the_average(seed: int, comparison: str) -> None:
    y, start, _ = world(seed)
    y[0, 3] = np.nan
    cells = group_time_effects(y, start, comparison=comparison)  # type: ignore[arg-type]  # a literal drawn as text
    assert simple_average(y, start, comparison=comparison) == pytest.approx(  # type: ignore[arg-type]  # the same
        average(cells).effect[0], abs=1e-12
    )


@FEW
@given(seeds)
def test_single_clusters_give_the_error_of_no_clusters(seed: int) -> None:
    y, start, _ = world(seed)
    found = average(group_time_effects(y, start), "dynamic")
    alone = np.arange(y.shape[1])
    assert found.standard_error(alone) == pytest.approx(found.standard_error())
    assert np.linalg.eigvalsh(found.covariance(alone // 4)).min() > -1e-12


@FEW
@given(seeds)
def test_weights_are_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    donors, target = rng.normal(size=(8, 12)), rng.normal(size=8)
    w = simplex_weights(donors, target)
    assert w.min() >= 0
    assert w.sum() == pytest.approx(1, abs=1e-12)
    loss = ((target - donors @ w) ** 2).sum()
    for other in rng.dirichlet(np.ones(12), 50):
        assert ((target - donors @ other) ** 2).sum() >= loss - 1e-6
    inside = rng.random(60) < 0.3
    inside[:2] = [True, False]
    x = rng.normal(size=(2, 60))
    try:
        share = entropy_weights(inside, x)
    except MethodError:  # supported areas outside what the others span: refused, never unbalanced
        return
    assert share[inside].sum() == 0
    assert share.sum() == pytest.approx(1)
    assert np.abs(balance(inside, x, share).after).max() < 1e-4


def test_an_area_among_its_own_donors_is_its_synthetic_control() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=(10, 5))
    found = synthetic_control(y[:, 2], y, 6)
    assert found.weights == pytest.approx([0, 0, 1, 0, 0], abs=1e-8)
    assert found.gap == pytest.approx(np.zeros(10), abs=1e-8)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([0, 0, NEVER, NEVER], "no supported area has a period before its start"),
        ([9, 9, NEVER, NEVER], "no supported area has a period before its start"),
        ([1, 1, 1, 1], "there is no comparison area"),
        ([-1, 1, NEVER, NEVER], "a start is negative"),
    ],
)
def test_starts_that_allow_nothing_are_refused(start: list[int], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        group_time_effects(np.ones((3, 4)), start)


def test_an_empty_pool_and_separation_are_refused() -> None:
    inside = np.array([True, True, False, False])
    x = np.array([[1.0, 2, 3, 4]])
    with pytest.raises(MethodError, match="the comparison pool is empty"):
        match(inside, x, allowed=np.zeros(4))
    with pytest.raises(MethodError, match="separated by the covariates"):
        match(inside, x, metric="propensity")
    with pytest.raises(MethodError, match="no weights balance"):
        entropy_weights(inside, x)
    with pytest.raises(MethodError, match="there is nothing to compare"):
        balance(np.ones(4), x)
