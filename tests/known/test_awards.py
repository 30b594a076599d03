"""Awards add up to the last pound; equity weights and concentration agree with published figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.errors import MethodError
from wardmote.methods.awards import fixed_awards, leftover, rate_awards, shared_awards, tranches
from wardmote.methods.equity import (
    atkinson_weights,
    concentration_index,
    efficient,
    frontier,
    kolm_weights,
    reach,
)


def test_fixed_awards_state_what_is_left() -> None:
    made = fixed_awards([True, False, True], 20_000_000, budget=50_000_000)
    assert made.pounds.tolist() == [20_000_000, 0, 20_000_000]
    assert made.left == 10_000_000
    with pytest.raises(MethodError, match="more than the budget"):
        fixed_awards([True, True], 30, budget=50)


def test_the_community_wealth_fund_range_as_a_formula() -> None:
    """£1m to £2.5m for 5,000 to 15,000 residents (National Lottery Community Fund): £150 a head on £250,000 spans it; the
    fund has not published a formula, so this one is ours."""
    made = rate_awards(
        np.ones(4, bool),
        [4_000, 5_000, 15_000, 20_000],
        150,
        base=250_000,
        floor=1_000_000,
        ceiling=2_500_000,
    )
    assert made.pounds.tolist() == [1_000_000, 1_000_000, 2_500_000, 2_500_000]
    assert rate_awards([True], [3], 0.1).pounds.tolist() == [0]
    assert rate_awards([True], [5], 0.1).pounds.tolist() == [1]  # half a pound rounds up


def test_shared_awards_use_everything_or_say_why_not() -> None:
    made = shared_awards([True, True, False, True], [1.0, 1.0, np.nan, 1.0], 100)
    assert made.pounds.tolist() == [34, 33, 0, 33]
    assert made.left == 0
    full = shared_awards([True, True], [1, 3], 100, ceiling=40)
    assert (full.pounds.tolist(), full.left) == ([40, 40], 20)
    assert "ceiling" in full.rule
    assert shared_awards([False], [1], 100).left == 100
    with pytest.raises(MethodError, match="no usable quantity"):
        shared_awards([True], [np.nan], 100)


def test_tranches_add_up_in_whole_pounds() -> None:
    assert tranches([100, 7, 0], [1, 1, 1]).tolist() == [[34, 33, 33], [3, 2, 2], [0, 0, 0]]
    assert tranches(np.array([20_000_000]), [0.1] * 10).tolist() == [[2_000_000] * 10]


def test_leftover_names_the_smallest_award_still_allowed() -> None:
    assert leftover(100, [60, 50, 45], [True, False, False], [True, True, False]) == (40, 50)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0.001, 1e6), min_size=1, max_size=12), st.integers(0, 10**9), st.integers(0, 1000), st.integers(1, 6),
)  # fmt: skip
def test_shared_awards_and_tranches_account_for_every_pound(
    weight: list[float], budget: int, floor: int, years: int
) -> None:
    if floor * len(weight) > budget:
        return
    made = shared_awards(np.ones(len(weight), bool), weight, budget, floor=floor)
    assert int(made.pounds.sum()) == budget
    assert made.pounds.min() >= floor
    cut = tranches(made.pounds, np.arange(1, years + 1).tolist())
    assert (cut.sum(axis=1) == made.pounds).all()
    assert (cut >= 0).all()


def test_the_green_book_weight() -> None:
    """HM Treasury, *The Green Book* (2022), annex 3: weight (median/income)^1.3; half the median income weighs 2^1.3 = 2.46."""
    weights = atkinson_weights([10_000, 20_000, 40_000], 1.3)
    assert weights == pytest.approx([2.462, 1, 0.406], abs=5e-4)
    assert atkinson_weights([0.1, 0.2], 1, higher="worse", reference=0.1).tolist() == pytest.approx([1, 2])
    with pytest.raises(MethodError, match="Kolm"):
        atkinson_weights([0, 1], 1)


def test_kolm_weights_double_for_each_deviation() -> None:
    weights = kolm_weights([-1.0, 0.0, 1.0], np.log(2))
    assert weights == pytest.approx([0.5, 1, 2])
    assert kolm_weights(np.array([-1.0, 0, 1]) + 7, np.log(2)) == pytest.approx(
        weights
    )  # shifts change nothing
    assert kolm_weights([1.0, 2.0], 0).tolist() == [1, 1]
    with pytest.raises(MethodError, match="Standardise"):
        kolm_weights([0, 1e6], 1)


def test_concentration_of_child_deaths_in_india() -> None:
    """Under-five deaths a thousand births by wealth fifth, India 1982–92: C = −0.1694 (O'Donnell et al. 2008, table 8.1).

    There rank rises with wealth; so here wealth stands in the place of need. The table prints rates to 0.1 and the index to four
    places, hence the tolerance."""
    births = [29_939, 28_776, 26_528, 24_689, 19_739]
    rates = [154.7, 152.9, 119.5, 86.9, 54.3]
    assert concentration_index(rates, [1, 2, 3, 4, 5], births) == pytest.approx(-0.1694, abs=1e-4)


def test_concentration_at_its_ends() -> None:
    assert concentration_index([1, 1, 1], [1, 2, 3], [5, 6, 7]) == pytest.approx(0)
    assert concentration_index([0, 0, 0, 4], [1, 2, 3, 4], [1, 1, 1, 1]) == pytest.approx(0.75)
    assert concentration_index([4, 0], [1, 1], [1, 1]) == pytest.approx(0)  # equal need
    assert np.isnan(concentration_index([0, 0], [1, 2], [1, 1]))


def test_reach_and_frontier() -> None:
    found = reach(
        [True, False, True], [100, 200, 50], [True, True, False], [10, 10, 20], rate=[0.2, 0.3, 0.2]
    )
    assert (found.people, found.greatest_need, found.greatest_need_all, found.pounds) == (150, 100, 300, 30)
    assert found.per_person_in_need == pytest.approx(1.0)
    assert efficient([[1, 5], [2, 4], [1, 4], [2, 4]]).tolist() == [True, True, False, True]
    tried, points, best = frontier([0.0, 1.0], lambda e: (1 - e, e * 0.5))
    assert (tried, points.tolist(), best.tolist()) == ((0.0, 1.0), [[1, 0], [0, 0.5]], [True, True])
