"""Where Wardmote differs from COINr 1.1.14 on purpose, one test each; "fault N" numbers the nine that were seen by running COINr.

The expected numbers here are the formulas worked out by hand.
"""

from __future__ import annotations

import numpy as np
import pytest

from wardmote.engine import compile_index, evaluate
from wardmote.errors import MethodError, StudyError
from wardmote.methods import aggregate, normalise, sobol, treat
from wardmote.study import IndexSpec, UncertaintySpec
from wardmote.uncertainty import check_uncertainty

LONG_TAIL = np.array([1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 400.0])


def test_log_gii_transforms() -> None:
    # Fault 1: COINr's log_GII works the logarithm out and then returns x unchanged.
    ours, details = treat.log_gii(LONG_TAIL)
    expected = np.log(399 * (LONG_TAIL - 1) / 399 + 1)
    np.testing.assert_allclose(ours, expected, rtol=1e-15)  # the same formula: rounding only
    assert details.transform == "log_gii"
    assert abs(details.skew_after) < abs(details.skew_before)


def test_log_gii_that_would_turn_the_order_round_is_refused() -> None:
    with pytest.raises(MethodError, match=r"'rate' cannot be transformed. Got maximum 0.9"):
        treat.log_gii(np.array([[0.1, 0.2, 0.3, 0.9]]), names=["rate"])


def test_generalised_mean_passes_over_missing_children() -> None:
    # Fault 3: COINr's a_genmean gives NA as soon as one child is NA, unlike its other means.
    x = np.array([[4.0, 9.0], [np.nan, 16.0], [1.0, 25.0]])
    ours = aggregate.generalised(x, [1, 1, 2], power=0.5)
    expected = [((2 + 2 * 1) / 3) ** 2, ((3 + 4 + 2 * 5) / 4) ** 2]
    np.testing.assert_allclose(ours, expected, rtol=1e-14)


def test_winsorise_never_changes_more_than_winmax() -> None:
    # Fault 5: COINr's winsorise(winmax = 3) changes all six tied values at the high end.
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
    # Fault 6: COINr returns NaN throughout: with a warning from min-max, with none from the z-score.
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


MINMAX = {"id": "scale", "on": "leaves", "do": "normalise", "method": "minmax", "lower": 1, "upper": 100}


def index_of(*steps: dict[str, object]) -> IndexSpec:
    tree = [
        {"node": "top"},
        {"node": "one", "parent": "top", "weight": 1},
        {"node": "two", "parent": "top", "weight": 3},
    ]
    return IndexSpec.model_validate({"tree": tree, "steps": list(steps)})


def test_an_index_may_aggregate_by_copeland() -> None:
    # Fault 2: COINr's Aggregate(f_ag = "a_copeland", by_df = TRUE) fails: it passes x to a function that takes X.
    spec = index_of(MINMAX, {"id": "combine", "on": "top", "do": "aggregate", "method": "copeland"})
    columns = {"one": np.array([3.0, 2.0, 1.0]), "two": np.array([1.0, 3.0, 2.0])}
    found = evaluate(compile_index(spec, directions={"one": 1, "two": 1}), columns).score["top"]
    # "two" holds three quarters of the weight: the second area wins both its pairs, the third wins against the first.
    np.testing.assert_array_equal(found, [-2, 2, 0])


def test_options_lie_in_fixed_bins_whatever_the_sample() -> None:
    # Fault 4: COINr cuts the sample's own range, not 0 to 1: these four give A, A, B, B there.
    np.testing.assert_array_equal(sobol.choice([0.30, 0.35, 0.40, 0.45], [0.5, 0.5]), [0, 0, 0, 0])
    np.testing.assert_array_equal(sobol.choice([0.1, 0.30, 0.75, 0.9], [0.25, 0.75]), [0, 1, 1, 1])
    # A point means the same option alone as in any sample.
    u = np.random.default_rng(1).random(50)
    alone = [int(sobol.choice([one], [0.2, 0.5, 0.3])[0]) for one in u]
    assert sobol.choice(u, [0.2, 0.5, 0.3]).tolist() == alone


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("steps.scale.uper", "the step has no such field"),
        ("steps.scael.upper", "no index of the section has this"),
    ],
)
def test_a_mistyped_address_is_refused(path: str, told: str) -> None:
    # Fault 7: in COINr a mistyped address runs, and every replication equals the nominal index.
    combine = {"id": "combine", "on": "top", "do": "aggregate", "method": "arithmetic"}
    section = UncertaintySpec.model_validate(
        {"index": "one", "factors": [{"path": path, "choices": [100, 50]}]}
    )
    problems = check_uncertainty(section, "main", {"one": index_of(MINMAX, combine)})
    assert len({str(problem) for problem in problems}) == 1
    assert told in str(problems[0])
    with pytest.raises(StudyError):
        compile_index(index_of(MINMAX, combine).model_copy(update={"overrides": {path: 50}}))


def test_a_step_may_occur_twice_and_each_is_varied_by_its_own_name() -> None:
    # Fault 8: in COINr a second Normalise overwrites the log of the first, and the index cannot be built again.
    even = {
        "id": "even",
        "on": "children of top",
        "do": "normalise",
        "method": "goalposts",
        "low": 0,
        "high": 200,
    }
    combine = {"id": "combine", "on": "top", "do": "aggregate", "method": "arithmetic"}
    columns = {"one": np.array([3.0, 2.0, 1.0]), "two": np.array([1.0, 3.0, 2.0])}

    def score(**overrides: object) -> list[float]:
        spec = index_of(MINMAX, even, combine).model_copy(update={"overrides": overrides})
        found: list[float] = (
            evaluate(compile_index(spec, directions={"one": 1, "two": 1}), columns).score["top"].tolist()
        )
        return found

    # Scaled to 1 … 100, then divided by 200; weights 1 and 3. The first area: (100 + 3) ÷ 4 ÷ 200.
    assert score() == pytest.approx([103 / 800, (50.5 + 300) / 800, (1 + 151.5) / 800], rel=1e-14)
    assert score(**{"steps.even.high": 100}) == pytest.approx([2 * one for one in score()], rel=1e-14)
    assert score(**{"steps.scale.upper": 50})[1] == pytest.approx((25.5 + 150) / 800, rel=1e-14)


def test_first_order_shares_do_not_hang_on_the_mean_and_their_intervals_hold_the_variance_too() -> None:
    # Fault 9: COINr's first order, mean(yB·(yAB − yA)) ÷ V, is not centred, and its bootstrap holds V fixed.
    plan = sobol.design(2, 256, seed=4)
    y = (plan.points() * [1.0, 2.0]).sum(axis=-1)  # variances 1/12 and 4/12: shares 0.2 and 0.8
    by_mean = [sobol.sobol_shares(y + mean, replicates=200, seed=1) for mean in (0.0, 100.0)]
    # The truth: a Sobol sequence of 256 points has an error below 0.01 on a sum; without centring it would be above 1.
    assert by_mean[1].first[:, 0] == pytest.approx([0.2, 0.8], abs=0.01)
    for name in ("first", "first_low", "first_high"):
        one, other = (getattr(found, name)[:, 0] for found in by_mean)
        np.testing.assert_allclose(one, other, atol=1e-10)  # 100 costs two digits
    weights = sobol._bootstrap_weights(256, 200, 1)[1:]
    sampled = [y[:, np.repeat(np.arange(256), np.rint(row * 256).astype(int))] for row in weights]
    by_hand = np.quantile(
        [sobol.sobol_shares(one, replicates=0).first[1, 0] for one in sampled], [0.05, 0.95]
    )
    # Each sample with its own mean and variance, all shares from the same rows.
    found = (by_mean[0].first_low[1, 0], by_mean[0].first_high[1, 0])
    assert found == pytest.approx(tuple(by_hand), abs=1e-12)


def test_copeland_compares_on_what_both_areas_have() -> None:
    # COINr counts a missing child as no win for the first of the pair and so as a win for the second.
    x = np.array([[3.0, 2.0, 1.0], [np.nan, 2.0, 1.0]])
    np.testing.assert_array_equal(aggregate.copeland(x, [1, 3]), [2, 0, -2])
