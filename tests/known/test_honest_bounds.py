"""Honest bounds beside the authors' own package, on the example that comes with it: restaurants' profits after a cut of France's sales tax.

Event study: Y. Benzarti and D. Carloni (2019), "Who really benefits from consumption tax cuts?", *American Economic Journal: Economic
Policy* 11: 38–63, as the data set BCdata_EventStudy of R's HonestDiD (A. Rambachan and J. Roth 2023, *Review of Economic Studies* 90:
2555–2591, section 6.1) has it: 2004 to 2007 before, 2009 to 2012 after, against 2008. Intervals: what that package returns for the first
year after (createSensitivityResults with FLCI; createSensitivityResults_relativeMagnitudes with C-LF), as printed in the test files of two
ports, honestdid (Python) and HonestDiD.jl (Julia).
"""

from __future__ import annotations

import numpy as np
import pytest

from wardmote.errors import MethodError
from wardmote.methods.smoothness import folded_critical, smoothness_bounds, smoothness_breakdown
from wardmote.methods.trust import relative_bounds

AT = np.array([-5, -4, -3, -2, 0, 1, 2, 3])
EFFECT = np.array(
    [
        0.006696351804,
        0.02934503369,
        -0.006472972222,
        0.0730149895,
        0.1959611177,
        0.3120639026,
        0.2395415455,
        0.1260425001,
    ]
)
UPPER = (
    (8.428358124e-04, 4.768686777e-04, 2.618051076e-04, 2.354220342e-04, 1.676371467e-04, 1.128707663e-04, 1.992816215e-05,
     -1.368265366e-04),
    (6.425420288e-04, 3.987425007e-04, 2.435515198e-04, 2.201960306e-04, 1.804591157e-04, 3.843765080e-05, -2.960421989e-05),
    (5.229949594e-04, 2.117686090e-04, 1.840722252e-04, 1.458527840e-04, 7.005197403e-05, 5.952994979e-05),
    (3.089595411e-04, 1.197866077e-04, 1.334081317e-04, 1.016335009e-04, 1.079051726e-04),
    (3.599704360e-04, 2.478818642e-04, 1.749579242e-04, 1.654256921e-04),
    (4.263949813e-04, 2.171437809e-04, 2.892747871e-04),
    (4.886697861e-04, 3.805322049e-04),
    (7.617394440e-04,),
)  # fmt: skip
FIRST = [1, 0, 0, 0]


@pytest.fixture(scope="module")
def covariance() -> np.ndarray:
    full = np.zeros((8, 8))
    for i, row in enumerate(UPPER):
        full[i, i:] = full[i:, i] = row
    return full


@pytest.mark.parametrize(
    ("bend", "low", "high"),
    [
        (0.0, 0.131411316, 0.2161696482),
        (0.01, 0.1549652671, 0.2703845303),
        (0.02, 0.1773010879, 0.3159564682),
        (0.03, 0.1894044644, 0.3485477500),
        (0.1, 0.1194440001, 0.4185082143),
        (0.2, 0.0194440002, 0.5185082143),
    ],
)
def test_fixed_length_intervals_are_those_of_the_package(
    covariance: np.ndarray, bend: float, low: float, high: float
) -> None:
    found = smoothness_bounds(EFFECT, covariance, AT, bends=[bend], weights=FIRST)[0]
    # Theirs looks among 100 biases and draws the folded normal's quantile: off by up to 2% of a half width of 0.06; ours is the minimum.
    assert (found.interval_low, found.interval_high) == pytest.approx((low, high), abs=1e-3)
    half = (found.interval_high - found.interval_low) / 2
    assert half <= (high - low) / 2 + 1e-4


def test_at_large_bends_the_last_step_alone_is_taken_out(covariance: np.ndarray) -> None:
    """The package's optimum at 0.1 is b_0 + b_−2 (optimalVec 0, 0, 0, 1, 1, 0, 0, 0): its bias is the bend itself."""
    found = smoothness_bounds(EFFECT, covariance, AT, bends=[0.1], weights=FIRST)[0]
    assert (found.low + found.high) / 2 == pytest.approx(EFFECT[4] + EFFECT[3], abs=1e-6)
    assert (found.high - found.low) / 2 == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize(
    ("multiple", "low", "high"), [(0.5, 0.11812948, 0.27158387), (1.0, 0.06723125, 0.31868373)]
)
def test_relative_intervals_hold_the_packages_and_are_little_wider(
    covariance: np.ndarray, multiple: float, low: float, high: float
) -> None:
    found = relative_bounds(EFFECT, covariance, AT, multiples=[multiple], weights=FIRST)[0]
    assert found.interval_low <= low <= high <= found.interval_high
    # Ours does not use that no other step exceeds the largest; here that costs under a tenth of the width.
    assert found.interval_high - found.interval_low <= 1.1 * (high - low)


def test_the_breakdown_bend_is_where_the_interval_reaches_nothing(covariance: np.ndarray) -> None:
    m = smoothness_breakdown(EFFECT, covariance, AT, weights=FIRST, most=1.0)
    inner, outer = smoothness_bounds(EFFECT, covariance, AT, bends=[m - 0.01, m + 0.01], weights=FIRST)
    assert inner.interval_low > 0 > outer.interval_low
    # M of about 0.22: the second package prints 0.2 with 0 outside and the interval's end at 0.019.
    assert 0.2 < m < 0.24


def test_the_folded_normal_has_its_known_points() -> None:
    """1.96 without bias; bias + 1.645 where the far side is empty (Armstrong and Kolesár 2018)."""
    assert folded_critical(0.0) == pytest.approx(1.959964, abs=1e-6)
    assert folded_critical(5.0) == pytest.approx(6.644854, abs=1e-6)
    assert folded_critical(50.0) == pytest.approx(51.644854, abs=1e-6)


def test_intervals_cover_whatever_bends_are_allowed(covariance: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    root = np.linalg.cholesky(covariance)
    m = 0.02
    # The worst path: bending by m at every period, all to one side.
    trend = m * (AT + 1) * (AT + 2) / 2
    inside = 0
    for _ in range(300):
        drawn = trend + root @ rng.standard_normal(8)
        one = smoothness_bounds(drawn, covariance, AT, bends=[m], weights=FIRST)[0]
        inside += one.interval_low <= 0 <= one.interval_high
    assert inside / 300 >= 0.92  # 95% less three binomial standard errors of 300


def test_a_straight_trend_is_taken_out_exactly(covariance: np.ndarray) -> None:
    plain, moved = (
        smoothness_bounds(EFFECT + slope * (AT + 1), covariance, AT, bends=[0.0, 0.02])[:2]
        for slope in (0.0, 3.0)
    )
    for one, other in zip(plain, moved, strict=True):
        assert one.interval_low == pytest.approx(other.interval_low, abs=1e-8)


def test_gaps_and_negative_bends_are_refused(covariance: np.ndarray) -> None:
    with pytest.raises(MethodError, match="periods do not allow bounds"):
        smoothness_bounds(EFFECT, covariance, AT, bends=[-1.0])
    with pytest.raises(MethodError, match="periods do not allow bounds"):
        smoothness_bounds(EFFECT, covariance, AT - 1 * (AT < -2), bends=[0.0])
