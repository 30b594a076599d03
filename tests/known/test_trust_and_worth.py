"""Tests of trust and worth against their published formulas, and bounds against a linear programme solved by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from wardmote.errors import MethodError
from wardmote.methods.differences import NEVER
from wardmote.methods.trust import (
    breakdown,
    detectable,
    nearest_supported,
    pre_trend,
    randomisation,
    relative_bounds,
    rings,
)
from wardmote.methods.worth import (
    ASSUMPTIONS,
    benefit_cost,
    discount_factors,
    distributional_weight,
    reprice,
)

AT = np.array([-4, -3, -2, 0, 1, 2])
EFFECT = np.array([0.3, -0.2, 0.1, 1.0, 1.6, 2.1])
COVARIANCE = 0.04 * (0.5 + 0.5 * np.eye(6))


def largest_bias(m: float) -> float:
    """Return the largest average bias after support that relative magnitudes allow, by linear programming."""
    path = dict(zip(AT.tolist(), EFFECT, strict=True)) | {-1: 0.0}
    limit = m * max(abs(path[s + 1] - path[s]) for s in range(-4, -1))
    # d_0, d_1, d_2 with |d_0 − 0| ≤ limit, |d_1 − d_0| ≤ limit, |d_2 − d_1| ≤ limit
    step = np.array([[1.0, 0, 0], [-1, 1, 0], [0, -1, 1]])
    found = linprog(
        -np.ones(3) / 3, A_ub=np.vstack([step, -step]), b_ub=np.full(6, limit), bounds=[(None, None)] * 3
    )
    return float(-found.fun)


@pytest.mark.parametrize("m", [0.0, 0.5, 1.0, 2.0])
def test_bounds_are_those_of_the_linear_programme(m: float) -> None:
    """Rambachan and Roth (2023), Review of Economic Studies 90: 2555–2591, lemma 2.1: the identified set is a linear programme."""
    bound = relative_bounds(EFFECT, COVARIANCE, AT, multiples=[m])[0]
    middle = EFFECT[3:].mean()
    assert (bound.low, bound.high) == pytest.approx((middle - largest_bias(m), middle + largest_bias(m)))
    assert bound.interval_low < bound.low <= bound.high < bound.interval_high


def test_without_violation_the_interval_is_the_usual_one() -> None:
    bound = relative_bounds(EFFECT, COVARIANCE, AT, multiples=[0])[0]
    share = np.array([0, 0, 0, 1, 1, 1]) / 3
    half = 1.959964 * np.sqrt(share @ COVARIANCE @ share)
    assert bound.interval_high - EFFECT[3:].mean() == pytest.approx(half, abs=1e-6)


def test_honest_intervals_cover() -> None:
    """At least 95% in 400 drawn worlds in which trends differ as much as m allows: the bound is one-sided, so nearly 97.5%."""
    rng = np.random.default_rng(5)
    truth = np.array([-0.6, -0.4, -0.2, 0.0, 0.0, 0.0])  # a straight trend of 0.2 before support
    bias = np.array([0, 0, 0, 0.2, 0.4, 0.6])  # goes on after it: exactly m = 1
    root = np.linalg.cholesky(COVARIANCE)
    inside = 0
    for _ in range(400):
        bound = relative_bounds(truth + bias + root @ rng.standard_normal(6), COVARIANCE, AT, multiples=[1])[
            0
        ]
        inside += bound.interval_low <= 0 <= bound.interval_high
    assert inside / 400 >= 0.95


def test_the_breakdown_multiple_is_where_the_interval_reaches_nothing() -> None:
    m = breakdown(EFFECT, COVARIANCE, AT)
    inner, outer = relative_bounds(EFFECT, COVARIANCE, AT, multiples=[m - 0.01, m + 0.01])
    assert inner.interval_low > 0 > outer.interval_low


def test_power_of_the_pre_test_is_what_simulation_finds() -> None:
    """Roth (2022), AER: Insights 4: 305–322: the slope that a joint test notices with 80% probability."""
    found = pre_trend(EFFECT, COVARIANCE, AT)
    rng = np.random.default_rng(3)
    root = np.linalg.cholesky(COVARIANCE)
    trend = found.slope * (AT + 1)
    seen = [pre_trend(trend + root @ rng.standard_normal(6), COVARIANCE, AT).p < 0.05 for _ in range(500)]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.06)  # 500 draws: three standard errors are 0.054
    assert found.df == 3


def test_smallest_effect_noticed() -> None:
    """Bloom (1995), Evaluation Review 19, p. 549: 2.8 standard errors at 5% and 80%."""
    assert detectable(1.0) == pytest.approx(2.80, abs=0.005)


def test_randomisation_has_the_exact_p_of_a_small_experiment() -> None:
    """Fisher's lady tasting tea (1935, p. 13): all eight cups right has p = 1/70 on one side, 2/70 on two."""
    start = np.array([1, 1, 1, 1, NEVER, NEVER, NEVER, NEVER])
    right = np.array([1.0, 1, 1, 1, 0, 0, 0, 0])

    def statistic(places: np.ndarray, begun: np.ndarray) -> float:
        y = right[places]
        return float(y[begun == 1].mean() - y[begun != 1].mean())

    p, _ = randomisation(statistic, start, draws=4000, rng=np.random.default_rng(1))
    assert p == pytest.approx(2 / 70, abs=0.009)  # three standard errors of 4,000 draws


def test_rings_lie_by_distance() -> None:
    places = np.array([[0.0, 1, 2, 3, np.nan], [0, 0, 0, 0, 0]])
    distance, nearest = nearest_supported(places, np.array([1, NEVER, NEVER, NEVER, NEVER]))
    assert distance[:4].tolist() == [0, 1, 2, 3]
    assert nearest.tolist() == [0, 0, 0, 0, -1]
    assert rings(distance, [1.0, 2.5]).tolist() == [0, 1, 2, 3, -1]


def test_wellby() -> None:
    """0.2 points of life satisfaction are worth £2,600 for one person and year (HM Treasury 2021, Wellbeing Guidance, section 5)."""
    worth = benefit_cost(0.2, 0.0, people=1, years=1, cost=1000, rng=np.random.default_rng(1), draws=20_000)
    assert worth.benefit == pytest.approx(2600)
    assert worth.ratio == pytest.approx(2.6)
    # Triangular from 10,000 over 13,000 to 16,000: its 2.5% point is 10,000 + 6,000 √(.025 ÷ 2) = 10,671.
    assert worth.ratio_low == pytest.approx(0.2 * 10.671, abs=0.02)
    assert ASSUMPTIONS["wellby"].source.startswith("HM Treasury (2021)")


def test_discounting() -> None:
    """Green Book (2022), annex A6, table 8: 0.9662 after one year, 0.7089 after ten, 0.3563 after thirty at 3.5%."""
    factors = discount_factors(32)
    assert factors[[0, 1, 10, 30]] == pytest.approx([1, 0.9662, 0.7089, 0.3563], abs=5e-5)
    assert factors[31] == pytest.approx(0.3563 / 1.03, abs=5e-5)
    assert discount_factors(11, kind="wellbeing")[10] == pytest.approx(1.015**-10)


def test_a_poorer_persons_pound_counts_more() -> None:
    """Green Book (2022), annex A3: elasticity 1.3, so half the typical income counts 2^1.3 = 2.46 times."""
    assert distributional_weight([10_000, 20_000], 20_000) == pytest.approx([2.46, 1.0], abs=0.005)


def test_prices_need_an_index() -> None:
    assert reprice([100.0], 2019, 2024, {2019: 80.0, 2024: 100.0}) == pytest.approx([125.0])
    with pytest.raises(MethodError, match="lacks a year"):
        reprice([100.0], 2019, 2024, {2019: 80.0})


def test_a_negative_variance_is_refused() -> None:
    with pytest.raises(MethodError, match="variance is negative"):
        pre_trend(EFFECT, np.diag([-1.0, 1, 1, 1, 1, 1]), AT)
    with pytest.raises(MethodError, match="negative"):
        detectable(-1)
