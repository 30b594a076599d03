"""How far an estimated effect can be trusted: trends before support, bounds, placebos, what one area or the neighbours change.

None of these tests proves an effect. They say what would have to be true for it to be nothing, and how well a failing would have been
noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.differences import NEVER
from wardmote.methods.imputation import NOUGHT

Statistic = Callable[[IntArray, IntArray], float]
"""An estimate from the positions of the areas used and their starts."""

POWER = 0.8
"""Power at which an effect counts as detectable: the field's convention (Cohen 1988, p. 56)."""

LEVEL = 0.05
"""Share of false alarms that is accepted; intervals cover 1 − this."""


@dataclass(frozen=True, slots=True)
class PreTrend:
    """The joint test of no effect before support, and what it could have seen.

    Attributes:
        statistic: Wald's χ².
        df: Its degrees of freedom: independent periods before.
        p: Chance of so large a statistic without any difference of trends.
        slope: Difference of trends, per period, that the test notices with chance `POWER`.
        slope_half: The same with chance one half.
        bias: What a trend of `slope` would add to the average effect after support.
    """

    statistic: float
    df: int
    p: float
    slope: float
    slope_half: float
    bias: float


@dataclass(frozen=True, slots=True)
class Bound:
    """What remains of an effect when trends may differ after support by at most `m` times what they did before it.

    Attributes:
        m: That multiple, ≥ 0.
        low, high: The effects that agree with the estimates, were they exact.
        interval_low, interval_high: The same with their sampling error, covering at least 95%.
    """

    m: float
    low: float
    high: float
    interval_low: float
    interval_high: float


def pre_trend(
    effect: npt.ArrayLike,
    covariance: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
) -> PreTrend:
    """Return the joint test of the periods before support, with its power.

    ``W = b' V⁺ b`` over the periods before the reference period −1, χ² with as many degrees of freedom as V has rank. A straight
    difference of trends g adds ``g (e + 1)`` at e; the test notices it with the chance that a χ² with noncentrality
    ``g² t' V⁺ t`` exceeds the 95% point, which is solved for g.

    Args:
        effect: Event-study estimates against period −1, shape (m,).
        covariance: Theirs, shape (m, m).
        at: Periods since the start, shape (m,): negative ones are before support; −1 is left out where it is given.
        weights: Weights of the periods from 0 on in the average effect, for `PreTrend.bias`; even by default.

    Returns:
        The test. Without any period before −1 nothing can be tested: df 0 and NaN.

    Raises:
        MethodError: Shapes that do not fit, or a negative variance.

    Source:
        J. Roth (2022), "Pretest with caution", *American Economic Review: Insights* 4: 305–322.
    """
    b, v, e = event_study(effect, covariance, at)
    before = e < -1
    if not before.any():
        return PreTrend(np.nan, 0, np.nan, np.nan, np.nan, np.nan)
    from scipy.special import chdtrc

    inverse = np.linalg.pinv(v[np.ix_(before, before)], rcond=NOUGHT, hermitian=True)
    df = int(np.linalg.matrix_rank(v[np.ix_(before, before)], rtol=NOUGHT, hermitian=True))
    if df == 0:
        return PreTrend(np.nan, 0, np.nan, np.nan, np.nan, np.nan)
    statistic = float(b[before] @ inverse @ b[before])
    trend = (e[before] + 1).astype(np.float64)
    size = float(trend @ inverse @ trend)
    slopes = [float(np.sqrt(_noncentrality(df, power) / size)) for power in (POWER, 0.5)]
    after = e >= 0
    share = np.ones(int(after.sum())) if weights is None else np.asarray(weights, dtype=np.float64)
    bias = slopes[0] * float(share @ (e[after] + 1) / share.sum()) if after.any() else np.nan
    return PreTrend(statistic, df, float(chdtrc(df, statistic)), slopes[0], slopes[1], bias)


def _noncentrality(df: int, power: float) -> float:
    """Return the noncentrality at which a 5% χ² test has that power."""
    from scipy.special import chdtri, chndtrinc

    return float(chndtrinc(float(chdtri(df, LEVEL)), df, 1 - power))


def relative_bounds(
    effect: npt.ArrayLike,
    covariance: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    multiples: Sequence[float] = (0.0, 0.5, 1.0, 1.5, 2.0),
    weights: npt.ArrayLike | None = None,
) -> tuple[Bound, ...]:
    """Return honest bounds on the average effect under relative magnitudes, after Rambachan and Roth.

    Parallel trends may be violated after support by at most m times the largest violation from one period to the next before it:
    ``|d_{e+1} − d_e| ≤ m max_{s<−1} |d_{s+1} − d_s|``. With tail weights ``L_j = Σ_{e≥j} l_e`` the bias of ``Σ l_e b_e`` is at most
    ``m Σ_j |L_j| max_s |D_s|``, D being the first differences before. Each choice of s and sign makes both ends linear in the estimates;
    the interval is the union over choices of ``end ∓ z se(end)``. It covers at least 95%, and is wider than the paper's hybrid, which
    uses that no other difference exceeds the largest: simple to check, never too narrow.

    Args:
        effect: Event-study estimates against period −1, shape (m,).
        covariance: Theirs, shape (m, m).
        at: Periods since the start, shape (m,), without gaps; −1 is left out where it is given.
        multiples: The m to report, ≥ 0; 0 is the usual interval.
        weights: Weights l of the periods from 0 on; even by default.

    Returns:
        A bound for each multiple.

    Raises:
        MethodError: Shapes that do not fit, gaps, a negative variance or multiple, no period after the start or none before −1.

    Source:
        A. Rambachan and J. Roth (2023), "A more credible approach to parallel trends", *Review of Economic Studies* 90: 2555–2591,
        section 2.3 and equation 7.
    """
    b, v, e = event_study(effect, covariance, at)
    ends = np.sort(np.append(e, -1))
    if (np.diff(ends) != 1).any() or ends[0] > -2 or ends[-1] < 0 or min(multiples, default=-1.0) < 0:
        raise MethodError(
            Problem(
                "honest bounds",
                "periods do not allow bounds",
                f"periods {ends.tolist()}",
                "each period from −2 or before to 0 or after, and multiples from 0",
            )
        )
    later = np.sort(e[e >= 0])
    share = np.ones(len(later)) if weights is None else np.asarray(weights, dtype=np.float64)
    share = share / share.sum()
    post = np.zeros(len(e))
    post[[int(np.flatnonzero(e == k)[0]) for k in later]] = share
    reach = float(np.abs(np.cumsum(share[::-1])).sum())
    steps = []
    for s in range(int(ends[0]), -1):  # d_{s+1} − d_s, with d_{−1} = 0
        row = np.zeros(len(e))
        row[e == s] = -1.0
        row[e == s + 1] += 1.0
        steps.append(row)
    largest = max(abs(float(row @ b)) for row in steps)
    z = NormalDist().inv_cdf(1 - LEVEL / 2)
    out = []
    for m in multiples:
        middle = float(post @ b)
        ways = [post + sign * m * reach * row for row in steps for sign in (-1, 1)]
        value = np.array([float(way @ b) for way in ways])
        error = np.array([float(np.sqrt(max(float(way @ v @ way), 0.0))) for way in ways])
        out.append(
            Bound(
                float(m),
                middle - m * reach * largest,
                middle + m * reach * largest,
                float((value - z * error).min()),
                float((value + z * error).max()),
            )
        )
    return tuple(out)


def breakdown(
    effect: npt.ArrayLike,
    covariance: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    most: float = 10.0,
) -> float:
    """Return the multiple at which the honest interval first holds 0: how wrong parallel trends may be before the finding is gone.

    Args:
        effect: As for `relative_bounds`.
        covariance: As for `relative_bounds`.
        at: As for `relative_bounds`.
        weights: As for `relative_bounds`.
        most: Largest multiple to look at.

    Returns:
        The multiple to a thousandth; 0 where the usual interval holds 0 already, `most` where none up to it does.

    Raises:
        MethodError: As for `relative_bounds`.

    Source:
        Rambachan and Roth (2023), section 5.
    """

    def holds(m: float) -> bool:
        one = relative_bounds(effect, covariance, at, multiples=(m,), weights=weights)[0]
        return one.interval_low <= 0 <= one.interval_high

    return least_that_holds(holds, most, 1e-3)


def least_that_holds(holds: Callable[[float], bool], most: float, within: float) -> float:
    """Return how large a departure must be for an interval to hold 0, from above; intervals only grow with it.

    Args:
        holds: Whether the interval of a departure holds 0.
        most: Largest departure to look at, above 0.
        within: How closely the answer is wanted.

    Returns:
        The departure; 0 where the interval holds 0 already, `most` where none up to it does.
    """
    if holds(0.0):
        return 0.0
    if not holds(most):
        return most
    low, high = 0.0, most
    while high - low > within:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def randomisation(
    statistic: Statistic,
    start: npt.ArrayLike,
    *,
    draws: int,
    rng: np.random.Generator,
    strata: npt.ArrayLike | None = None,
    weights: FloatArray | None = None,
) -> tuple[float, FloatArray]:
    """Return how often chance alone would give so large an estimate: starts are dealt out anew among areas.

    ``p = (1 + draws with |estimate| ≥ |ours|) ÷ (1 + draws)``. Right for any number of supported areas, however few, if each had been as
    likely as another of its stratum to be supported; with selection it is a placebo test in space, no more.

    Args:
        statistic: The estimate from areas' positions and starts; a studentised one is safer where areas are unequally noisy.
        start: Starts, `NEVER` for comparison areas, shape (n,).
        draws: How many deals.
        rng: The generator.
        strata: Groups within which starts are dealt, shape (n,); one by default.
        weights: Unused areas have weight 0: they keep `NEVER`, shape (n,).

    Returns:
        p and the estimates of the deals, shape (draws,).

    Raises:
        MethodError: Shapes that do not fit.

    Source:
        P. Rosenbaum (2002), *Observational Studies*, chapter 2; B. Phipson and G. Smyth (2010), *SAGMB* 9: 39, for the added ones.
    """
    begun = np.asarray(start, dtype=np.int64)
    groups = (
        np.zeros(len(begun), dtype=np.int64)
        if strata is None
        else np.unique(np.asarray(strata), return_inverse=True)[1]
    )
    if groups.shape != begun.shape:
        raise MethodError(Problem("randomisation", "strata do not fit", str(groups.shape), str(begun.shape)))
    used = np.ones(len(begun), dtype=np.bool_) if weights is None else weights > 0
    places = [np.flatnonzero(used & (groups == g)) for g in np.unique(groups[used])]
    begins = [begun[place][begun[place] != NEVER] for place in places]
    everyone = np.flatnonzero(used)
    ours = abs(statistic(everyone, begun[everyone]))
    found = np.empty(draws)
    for draw in range(draws):
        dealt = np.full(len(begun), NEVER, dtype=np.int64)
        for place, starts in zip(places, begins, strict=True):
            # Drawing whom to support, in a random order, is dealing all out: the others get what is left, NEVER.
            dealt[rng.choice(place, len(starts), replace=False)] = starts
        found[draw] = statistic(everyone, dealt[everyone])
    # A tie of rounding counts as at least as large, so that p never comes out too small.
    extreme = int((np.abs(found) >= ours - 1e-12 * max(ours, 1.0)).sum())
    return (1 + extreme) / (1 + draws), found


def leave_one_out(statistic: Statistic, start: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Return the estimate without each supported area in turn.

    Args:
        statistic: The estimate from areas' positions and starts.
        start: Starts, `NEVER` for comparison areas, shape (n,).

    Returns:
        Positions of the supported areas and the estimates without them, shape (m,) each; none where only one area is supported.

    Source:
        The jackknife's replicates: M. Quenouille (1956), *Biometrika* 43: 353–360.
    """
    begun = np.asarray(start, dtype=np.int64)
    treated = np.flatnonzero(begun != NEVER)
    if len(treated) < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    everyone = np.arange(len(begun))
    found = [statistic(np.delete(everyone, i), np.delete(begun, i)) for i in treated]
    return treated, np.array(found, dtype=np.float64)


def detectable(standard_error: float, *, power: float = POWER, level: float = LEVEL) -> float:
    """Return the smallest effect that a study with this error would notice.

    ``(z_{1−level/2} + z_power) se``: with 5% and 80%, 2.8 standard errors.

    Args:
        standard_error: Of the estimate, ≥ 0.
        power: Chance of noticing it, between 0 and 1.
        level: Accepted share of false alarms.

    Returns:
        The effect, in the outcome's unit, of either sign; NaN for NaN.

    Raises:
        MethodError: A negative error.

    Source:
        H. Bloom (1995), "Minimum detectable effects", *Evaluation Review* 19: 547–556.
    """
    if standard_error < 0:
        raise MethodError(
            Problem("detectable effect", "the standard error is negative", f"{standard_error:g}", "0 or more")
        )
    return (NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)) * standard_error


def nearest_supported(places: npt.ArrayLike, start: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    """Return how far each area is from the nearest supported one, and which that is.

    Args:
        places: Coordinates in one unit of length, shape (2, n); NaN for areas without a place.
        start: Starts, `NEVER` for others, shape (n,).

    Returns:
        Distances (0 for supported areas, NaN where unknown), shape (n,), and positions of the nearest (−1 where unknown).

    Raises:
        MethodError: No supported area has a place.

    Source:
        A k-d tree: S. Maneewongvatana and D. Mount (1999), as SciPy builds it.
    """
    from scipy.spatial import cKDTree

    xy, begun = np.asarray(places, dtype=np.float64), np.asarray(start, dtype=np.int64)
    known = ~np.isnan(xy).any(axis=0)
    treated = np.flatnonzero(known & (begun != NEVER))
    if not len(treated):
        raise MethodError(
            Problem("spillover", "no supported area has a place", "", "boundaries of the supported areas")
        )
    distance, which = np.full(len(begun), np.nan), np.full(len(begun), -1, dtype=np.int64)
    found, order = cKDTree(xy[:, treated].T).query(xy[:, known].T)
    distance[known], which[known] = found, treated[order]
    return distance, which


def rings(distance: npt.ArrayLike, edges: Sequence[float]) -> IntArray:
    """Return in which ring round supported areas each area lies.

    Args:
        distance: From `nearest_supported`, shape (n,).
        edges: Outer edges of the rings, rising, in the unit of distance.

    Returns:
        0 for supported areas, 1 for those up to the first edge (inclusive), and so on; one more than the rings beyond the last; −1 where
        the distance is unknown.

    Raises:
        MethodError: Edges that do not rise from above 0.
    """
    far = np.asarray(distance, dtype=np.float64)
    limits = np.asarray(edges, dtype=np.float64)
    if not len(limits) or limits[0] <= 0 or (np.diff(limits) <= 0).any():
        raise MethodError(
            Problem("spillover", "edges of rings do not rise", str(list(edges)), "rising distances above 0")
        )
    ring = 1 + np.searchsorted(limits, far, side="left")
    return np.where(np.isnan(far), -1, np.where(far == 0, 0, ring)).astype(np.int64)


def event_study(
    effect: npt.ArrayLike, covariance: npt.ArrayLike, at: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return an event study without its reference period, checked.

    Args:
        effect: Estimates against period −1, shape (m,).
        covariance: Theirs, shape (m, m).
        at: Periods since the start, shape (m,).

    Raises:
        MethodError: Shapes that do not fit, a missing figure, or a negative variance.
    """
    b, v, e = (
        np.asarray(effect, dtype=np.float64),
        np.asarray(covariance, dtype=np.float64),
        np.asarray(at, dtype=np.int64),
    )
    if (
        b.ndim != 1
        or v.shape != (len(b), len(b))
        or e.shape != b.shape
        or np.isnan(b).any()
        or np.isnan(v).any()
    ):
        raise MethodError(
            Problem(
                "event study",
                "estimates do not fit",
                f"shapes {b.shape}, {v.shape}, {e.shape}",
                "(m,), (m, m) and (m,) without gaps",
            )
        )
    if (np.diag(v) < 0).any():
        raise MethodError(
            Problem("event study", "a variance is negative", f"{np.diag(v).min():g}", "0 or more")
        )
    kept: BoolArray = np.asarray(e != -1)
    return b[kept], v[np.ix_(kept, kept)], e[kept]
