"""Where Wardmote differs from COINr 1.1.14 on purpose, one test each.

Every fault was seen by running COINr; the expected numbers here are the formulas worked out by hand.
"""

from __future__ import annotations

import numpy as np
import pytest

from wardmote.errors import MethodError
from wardmote.methods import aggregate, normalise, treat

LONG_TAIL = np.array([1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 400.0])


def test_log_gii_transforms() -> None:
    # COINr's log_GII works the logarithm out and then returns x unchanged.
    ours, details = treat.log_gii(LONG_TAIL)
    expected = np.log(399 * (LONG_TAIL - 1) / 399 + 1)
    np.testing.assert_allclose(ours, expected, rtol=1e-15)  # the same formula: rounding only
    assert details.transform == "log_gii"
    assert abs(details.skew_after) < abs(details.skew_before)


def test_log_gii_that_would_turn_the_order_round_is_refused() -> None:
    with pytest.raises(MethodError, match=r"'rate' cannot be transformed. Got maximum 0.9"):
        treat.log_gii(np.array([[0.1, 0.2, 0.3, 0.9]]), names=["rate"])


def test_generalised_mean_passes_over_missing_children() -> None:
    # COINr's a_genmean gives NA as soon as one child is NA, unlike its other means.
    x = np.array([[4.0, 9.0], [np.nan, 16.0], [1.0, 25.0]])
    ours = aggregate.generalised(x, [1, 1, 2], power=0.5)
    expected = [((2 + 2 * 1) / 3) ** 2, ((3 + 4 + 2 * 5) / 4) ** 2]
    np.testing.assert_allclose(ours, expected, rtol=1e-14)


def test_winsorise_never_changes_more_than_winmax() -> None:
    # COINr's winsorise(winmax = 3) changes all six tied values at the high end.
    x = np.concatenate([np.linspace(0, 1, 200), np.full(6, 50.0)])
    ours, details = treat.winsorise(x, winmax=3)
    assert details.n_winsorised == 0
    np.testing.assert_array_equal(ours, x)
    assert not details.passed
    ours, details = treat.winsorise(x, winmax=6)
    assert details.n_winsorised == 6
    assert ours.max() == 1.0
    assert details.passed


def test_winsorise_counts_values_brought_in_step_by_step() -> None:
    x = np.concatenate([np.linspace(0, 1, 30), [5.0, 20.0, 20.0, 90.0]])
    ours, details = treat.winsorise(x, winmax=2)
    # 90 comes in to 20; the three at 20 could only move together.
    assert details.n_winsorised == 1
    assert ours.max() == 20.0


@pytest.mark.parametrize(
    "method", ["minmax", "zscore", "rank", "exponential", "distance_to_max", "percentile_rank"]
)
def test_constant_indicator_is_refused_by_name(method: str) -> None:
    # COINr returns NaN throughout: with a warning from min-max, with none from the z-score.
    x = np.array([[1.0, 2.0, 3.0], [7.0, np.nan, 7.0]])
    with pytest.raises(MethodError, match=r"'flat' has one value only. Got 7 in every area"):
        normalise.NORMALISE[method](x, names=["rising", "flat"])


def test_treating_a_constant_indicator_is_refused_by_name() -> None:
    # COINr warns and leaves it untreated.
    with pytest.raises(MethodError, match=r"'flat' has no skewness. Got 0.1 in every area"):
        treat.skew_kurt(np.full((1, 9), 0.1), names=["flat"])


def test_posts_and_targets_are_stated_in_the_indicators_own_unit() -> None:
    # COINr multiplies the indicator by its direction first; posts and targets must then be turned round by hand.
    x = np.array([20.0, 50.0, 80.0])
    np.testing.assert_allclose(normalise.goalposts(x, low=20, high=80, direction=-1), [1, 0.5, 0])
    np.testing.assert_allclose(normalise.goalposts(x, low=40, high=60), [0, 0.5, 1])
    np.testing.assert_allclose(normalise.distance_to_target(x, target=40, direction=-1), [1.5, 0.75, 0])


def test_a_target_beyond_the_least_need_is_refused() -> None:
    # COINr warns and returns negative scores.
    with pytest.raises(
        MethodError, match=r"target at or beyond its least need. Got target 90, least need 80"
    ):
        normalise.distance_to_target(np.array([20.0, 80.0]), target=90, direction=-1)


def test_fraction_of_max_is_refused_where_it_would_rise_with_less_need() -> None:
    # COINr divides −x by max(−x) = −min(x): x ÷ min(x) rises with x although the direction says the opposite.
    with pytest.raises(MethodError, match="has no positive value once turned towards need"):
        normalise.fraction_of_max(np.array([1.0, 2.0]), direction=-1)


def test_copeland_compares_on_what_both_areas_have() -> None:
    # COINr counts a missing child as no win for the first of the pair and so as a win for the second.
    x = np.array([[3.0, 2.0, 1.0], [np.nan, 2.0, 1.0]])
    np.testing.assert_array_equal(aggregate.copeland(x, [1, 3]), [2, 0, -2])
