"""Sets of ranks with stated coverage: between which ranks does each area lie, given the standard errors of its score?

The sets are those of Mogstad, Romano, Shaikh and Wilhelm (2024). With independent normal errors, area j is *shown to have
more need* than area i where ``estimate_j − estimate_i > c · √(se_i² + se_j²)``; the set for area i then runs from
``1 + (areas shown to have more need)`` to ``n − (areas shown to have less need)``. The critical value c is the quantile of
the largest standardised difference under no differences at all: over the pairs of one area (marginal sets) or over all pairs
(simultaneous sets). Neither a table of all pairs nor all draws are ever held:

* marginal: given its own error z, an area's differences are independent, so coverage is one integral over z, and depends on
  the area's own standard error and the counts of the others' standard errors only;
* simultaneous: the largest difference of a draw lies between two Pareto frontiers (high draw and small error; low draw and
  small error), which one running maximum finds in O(n);
* counting: areas are binned by standard error, so that a binary search settles all but a thin band of pairs, which are
  then compared one by one. The counts are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray

BINS = 64
"""Bins of standard errors. Within a bin the quadrature takes one standard error for all: critical values then differ by at most
0.0006 from those without bins, measured on errors up to a thousandfold apart (tests/known/test_rank_sets.py holds 0.001)."""

STEP_BINS = 32
"""Bins where each area has its own counts by bin (stepwise marginal sets): these give only the small change of the critical
value from the first step, so fewer do."""

NODES = 24
"""Standard errors at which the marginal critical value is calculated; between them a cubic in the logarithm is used."""

GRID = np.linspace(-8.5, 8.5, 141)
"""Points of the trapezoid rule for an area's own standardised error: beyond 8.5 lies less than 1e−16 of the mass, and 121 points give
the same critical values as 341 to 1e−8, errors a thousandfold apart included."""

STEP_GRID = np.linspace(-6.5, 6.5, 131)
"""A coarser rule for the change from the first step, in which its error cancels."""

FLOOR = 1e-9
"""Standard errors below this part of the largest are lifted to it inside the quadrature, where they divide."""

MAX_STEPS = 50
"""Guard only: in practice two to six steps suffice."""

WORTH_A_STEP = 0.001
"""Steps of the marginal sets end when fewer than one in a thousand more pairs are shown. Coverage holds wherever they end,
and up to a thousand shown pairs they end as published, when none more is."""

CHUNK = 2**20
"""Pairs compared at a time: about 40 MB of working arrays."""


Side = Literal["both", "above", "below"]
"""On which sides of an area another is still compared with it."""


@dataclass(frozen=True, slots=True)
class RankSets:
    """Between which ranks each area lies.

    Attributes:
        low: Least rank of the set, shape (n,), whole numbers in ``float64``; 1 = greatest need; NaN where missing.
        high: Greatest rank of the set, same shape.
        critical: Critical value used for each area, shape (n,), in standard errors of a difference; NaN where missing.
        coverage: Probability that was asked for.
        kind: ``marginal``: each set by itself covers its area's true rank with that probability; ``simultaneous``: all
            sets together do.
        steps: Number of steps; 1 is the single-step procedure.
    """

    low: FloatArray
    high: FloatArray
    critical: FloatArray
    coverage: float
    kind: Literal["marginal", "simultaneous"]
    steps: int

    @property
    def size(self) -> FloatArray:
        """Return the number of ranks in each set, shape (n,)."""
        return self.high - self.low + 1


def marginal_sets(
    estimate: npt.ArrayLike, standard_error: npt.ArrayLike, *, coverage: float = 0.95, stepwise: bool = False
) -> RankSets:
    """Return for each area a set of ranks that covers its true rank with the stated probability.

    ``c_i`` solves ``∫ φ(z) Π_{j≠i} P(|se_j·Z_j − se_i·z| ≤ c·√(se_i² + se_j²)) dz = coverage``. No simulation is needed.
    Stepwise: pairs already shown drop out of the product (their other side stays), c falls, more pairs may be shown, and so
    on until none is.

    Args:
        estimate: Scores, shape (n,), higher means more need. NaN is missing: the area gets no set and does not count.
        standard_error: Standard errors of independent normal errors, shape (n,), 0 or more, in units of the score.
        coverage: Probability for each set by itself, above 0.5 and below 1.
        stepwise: Refine by steps: never wider, often hardly narrower.

    Returns:
        The sets. One area has the set {1}. Areas with equal scores are never shown to differ. Standard errors of 0 between
        two areas: any difference is shown.

    Raises:
        MethodError: Shapes differ, no known area, a missing, negative or infinite standard error, coverage out of range.

    Source:
        Mogstad, Romano, Shaikh, Wilhelm (2024), Review of Economic Studies 91(1), sections 3.1–3.3,
        doi 10.1093/restud/rdad006. The integral replaces the bootstrap of the R package csranks.
    """
    known, theta, s = _known(estimate, standard_error, coverage)
    bins = _Bins.of(s, STEP_BINS if stepwise else BINS)
    single = critical = _marginal_critical(s, coverage)
    above = _count_above(theta, s, critical, bins)
    below = _count_above(-theta, s, critical, bins)
    steps = 1
    tables = list(_step_tables(bins, coverage)) if stepwise else []
    while tables and steps < MAX_STEPS:
        shown = int(above.sum() + below.sum())
        tighter = _stepwise_critical(single, above, below, bins=bins, tables=tables, coverage=coverage)
        critical = np.minimum(critical, tighter)
        above = _count_above(theta, s, critical, bins)
        below = _count_above(-theta, s, critical, bins)
        steps += 1
        if int(above.sum() + below.sum()) - shown <= WORTH_A_STEP * shown:
            break
    return _sets(
        known,
        above=above.sum(axis=1),
        below=below.sum(axis=1),
        critical=critical,
        coverage=coverage,
        kind="marginal",
        steps=steps,
    )


def simultaneous_sets(
    estimate: npt.ArrayLike,
    standard_error: npt.ArrayLike,
    *,
    coverage: float = 0.95,
    stepwise: bool = False,
    draws: int = 1000,
    seed: int,
) -> RankSets:
    """Return sets of ranks that together cover all true ranks with the stated probability.

    c is the ``⌈coverage · (draws + 1)⌉``-th smallest, over draws of independent normals ``X_i ~ N(0, se_i²)``, of
    ``max_{i≠j} (X_i − X_j) ÷ √(se_i² + se_j²)``. Stepwise: the maximum leaves out pairs already shown, with the same
    draws, until no more are shown.

    Args:
        estimate: Scores, shape (n,), higher means more need. NaN is missing: the area gets no set and does not count.
        standard_error: Standard errors of independent normal errors, shape (n,), 0 or more.
        coverage: Probability for all sets together, above 0.5 and below 1.
        stepwise: Refine by steps: never wider.
        draws: Draws for the critical value; must be enough for the quantile to exist.
        seed: Seed; draw k uses the counter-based generator Philox keyed (seed, k).

    Returns:
        The sets, with one critical value for all. One area has the set {1}.

    Raises:
        MethodError: As for `marginal_sets`, or too few draws for the coverage.

    Source:
        As for `marginal_sets`. The order statistic is the one that keeps the coverage for any number of draws; the R
        package interpolates (quantile type 7), which is less by at most one step between two draws.
    """
    known, theta, s = _known(estimate, standard_error, coverage)
    place = ceil(coverage * (draws + 1))
    if place > draws:
        got = f"{draws} draws for coverage {coverage:g}"
        raise MethodError(Problem("simultaneous_sets", "there are too few draws", got, "more draws"))
    bins = _Bins.of(s, BINS)
    maxima, pairs = _largest_differences(s, draws, seed)
    critical = float(np.partition(maxima, place - 1)[place - 1]) if len(theta) > 1 else 0.0
    steps, shown = 1, 0
    above = _count_above(theta, s, np.full(len(s), critical), bins)
    while stepwise and steps < MAX_STEPS and len(theta) > 1 and int(above.sum()) > shown:
        shown = int(above.sum())
        critical = _restricted_critical(
            theta, s, critical, maxima=maxima, pairs=pairs, place=place, seed=seed
        )
        above = _count_above(theta, s, np.full(len(s), critical), bins)
        steps += 1
    below = _count_above(-theta, s, np.full(len(s), critical), bins)
    criticals = np.full(len(s), critical)
    return _sets(
        known,
        above=above.sum(axis=1),
        below=below.sum(axis=1),
        critical=criticals,
        coverage=coverage,
        kind="simultaneous",
        steps=steps,
    )


def greatest_need_set(sets: RankSets, tau: int) -> BoolArray:
    """Return which areas may be among the τ of greatest need: a set that contains all of these with the stated probability.

    An area is in the set where the lower end of its simultaneous set is at most τ. Since the largest difference over all
    ordered pairs is the same one-sided and two-sided, the simultaneous sets need no critical value of their own for this.

    Args:
        sets: Simultaneous sets.
        tau: Number of areas, 1 or more, such as the greatest-need tenth of them.

    Returns:
        Flags, shape (n,); False where missing. At least τ areas are in (all, where n ≤ τ).

    Raises:
        MethodError: The sets are marginal, or τ is below 1.

    Source:
        Mogstad, Romano, Shaikh, Wilhelm (2024), section 3.4, the projection set for the τ-best.
    """
    if sets.kind != "simultaneous":
        raise MethodError(
            Problem("greatest_need_set", "the sets hold one by one only", sets.kind, "simultaneous sets")
        )
    if tau < 1:
        raise MethodError(Problem("greatest_need_set", "tau is out of range", str(tau), "1 or more"))
    with np.errstate(invalid="ignore"):
        return sets.low <= tau


def _known(
    estimate: npt.ArrayLike, standard_error: npt.ArrayLike, coverage: float
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Return which areas are known, with their scores and standard errors; refuse what cannot be used."""
    theta, s = np.asarray(estimate, dtype=np.float64), np.asarray(standard_error, dtype=np.float64)
    where = "rank sets"
    if theta.ndim != 1 or theta.shape != s.shape:
        got = f"shapes {theta.shape} and {s.shape}"
        raise MethodError(Problem(where, "scores and standard errors do not fit", got, "two of shape (n,)"))
    known = ~np.isnan(theta)
    problems = []
    if not known.any():
        problems.append(Problem(where, "no area has a score"))
    if np.isinf(theta).any():
        problems.append(Problem(where, "a score is infinite"))
    odd = known & ~(np.isfinite(s) & (s >= 0))
    if odd.any():
        got = f"{s[odd][0]:g} at position {int(np.flatnonzero(odd)[0])}, {int(odd.sum())} in all"
        expected = "a number, 0 or more, wherever there is a score"
        problems.append(Problem(where, "a standard error is missing, negative or infinite", got, expected))
    if not 0.5 < coverage < 1:
        problems.append(Problem(where, "coverage is out of range", f"{coverage:g}", "above 0.5, below 1"))
    if problems:
        raise MethodError(problems)
    return known, theta[known], s[known]


def _sets(
    known: BoolArray,
    *,
    above: IntArray,
    below: IntArray,
    critical: FloatArray,
    coverage: float,
    kind: Literal["marginal", "simultaneous"],
    steps: int,
) -> RankSets:
    """Return counts of shown differences as sets over all areas, missing ones included."""
    low, high, criticals = (np.full(len(known), np.nan) for _ in range(3))
    low[known] = 1.0 + above
    high[known] = np.count_nonzero(known) - below
    criticals[known] = critical
    return RankSets(low, high, criticals, coverage, kind, steps)


# --- bins of standard errors ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bins:
    """Areas grouped by standard error: bin of each area, and one standard error that stands for each bin."""

    of_area: IntArray
    value: FloatArray

    @classmethod
    def of(cls, s: FloatArray, most: int) -> _Bins:
        """Return one bin for each distinct standard error where these are few, else bins of about equal count."""
        distinct, index = np.unique(s, return_inverse=True)
        if len(distinct) <= most:
            return cls(index.astype(np.int64), distinct)
        edges = np.unique(np.quantile(s, np.linspace(0, 1, most + 1)[1:-1]))
        of_area = np.searchsorted(edges, s, side="left").astype(np.int64)
        counts = np.bincount(of_area, minlength=len(edges) + 1)
        filled = np.cumsum(counts > 0) - 1
        of_area = filled[of_area].astype(np.int64)
        sums = np.bincount(of_area, weights=_lifted(s, s.max()) ** 2)
        return cls(of_area, np.sqrt(sums / np.bincount(of_area)))

    @property
    def counts(self) -> FloatArray:
        """Return the number of areas in each bin."""
        return np.bincount(self.of_area, minlength=len(self.value)).astype(np.float64)


def _lifted(s: FloatArray, largest: float) -> FloatArray:
    """Return standard errors that may divide: at least a tiny part of the largest, and 1 where all are 0."""
    return np.maximum(s, FLOOR * largest) if largest > 0 else np.ones_like(s)


# --- marginal critical values -----------------------------------------------------------------------------------------


def _log_inside(
    c: FloatArray, own: FloatArray, others: FloatArray, grid: FloatArray, sides: tuple[Side, ...]
) -> list[FloatArray]:
    """Return, for each of the sides asked for, the log probability that another area's difference stays inside c.

    Shapes: c and own (g,), others (b,), grid (q,); results (g, b, q). −1e4 stands for minus infinity, so that a bin without
    areas adds 0 rather than NaN.
    """
    from scipy.special import ndtr

    reach = c[:, None] * np.hypot(own[:, None], others)
    centre = own[:, None, None] * grid
    over = under = np.zeros(())
    if "both" in sides or "above" in sides:
        over = ndtr(-(centre + reach[:, :, None]) / others[:, None])
    if "both" in sides or "below" in sides:
        under = ndtr((centre - reach[:, :, None]) / others[:, None])
    outside = {"both": over + under, "above": over, "below": under}
    with np.errstate(divide="ignore"):
        return [np.maximum(np.log1p(-np.minimum(outside[side], 1.0)), -1e4) for side in sides]


def _mass(grid: FloatArray) -> FloatArray:
    """Return the weights of the trapezoid rule under the normal density, scaled to sum to 1."""
    weight: FloatArray = np.exp(-(grid**2) / 2)
    weight /= weight.sum()
    return weight


def _solve_single(
    own: FloatArray, own_bin: IntArray, bins: _Bins, coverage: float, *, one_sided: bool
) -> FloatArray:
    """Return, by bisection, the critical value for areas with the standard errors ``own``, shape (g,)."""
    from scipy.special import ndtri

    largest = max(float(bins.value.max()), float(own.max()))
    others, own = _lifted(bins.value, largest), _lifted(own, largest)
    counts = np.tile(bins.counts, (len(own), 1))
    counts[np.arange(len(own)), own_bin] -= 1
    mass = _mass(GRID)
    # Bonferroni's bound over all pairs of the area is never below the critical value.
    bound = np.full(len(own), -ndtri((1 - coverage) / (2 * max(counts[0].sum(), 1.0))))
    target = np.log(-np.log(coverage))

    def gap(c: FloatArray) -> FloatArray:
        (inside,) = _log_inside(c, own, others, GRID, ("above",) if one_sided else ("both",))
        logs = np.matmul(counts[:, None, :], inside)[:, 0]
        return np.asarray(_height(np.exp(logs) @ mass) - target, dtype=np.float64)

    # Secant steps on log(−log coverage), nearly a line in c: six or so reach 1e-9, and one that stands still is done.
    before, now = bound, bound - 0.2
    gap_before, gap_now = gap(before), gap(now)
    for _ in range(20):
        slope = np.where(
            now == before, -1.0, (gap_now - gap_before) / np.where(now == before, 1.0, now - before)
        )
        move = np.clip(gap_now / np.minimum(slope, -0.1), -0.5, 0.5)
        before, gap_before, now = now, gap_now, np.clip(now - move, 0.0, bound)
        if np.abs(move).max() < 1e-9:
            break
        gap_now = gap(now)
    return np.asarray(now, dtype=np.float64)


def _marginal_critical(s: FloatArray, coverage: float) -> FloatArray:
    """Return the single-step critical value of each area."""
    from scipy.interpolate import CubicSpline

    if len(s) == 1 or not s.any():
        return np.zeros(len(s))
    bins = _Bins.of(s, BINS)
    if len(bins.value) == len(np.unique(s)):
        at_bin = _solve_single(bins.value, np.arange(len(bins.value)), bins, coverage, one_sided=False)
        return at_bin[bins.of_area]
    lifted = _lifted(s, float(s.max()))
    nodes = np.geomspace(lifted.min(), lifted.max(), NODES)
    nearest = np.abs(np.log(nodes[:, None]) - np.log(_lifted(bins.value, float(s.max())))).argmin(axis=1)
    at_node = _solve_single(nodes, nearest.astype(np.int64), bins, coverage, one_sided=False)
    return np.asarray(CubicSpline(np.log(nodes), at_node)(np.log(lifted)), dtype=np.float64)


def _step_tables(bins: _Bins, coverage: float) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Return for areas of each bin nine critical values, from the one-sided to the two-sided one, with the log
    probabilities at them, shape (values, 3 bins, grid): inside on both sides, not above, not below.
    """
    if not bins.value.any() or len(bins.of_area) == 1:
        return
    here = np.arange(len(bins.value))
    two_sided = _solve_single(bins.value, here, bins, coverage, one_sided=False)
    one_sided = _solve_single(bins.value, here, bins, coverage, one_sided=True)
    others = _lifted(bins.value, float(bins.value.max()))
    for b in here:
        values = np.linspace(one_sided[b] * 0.98, two_sided[b], 9)
        logs = _log_inside(values, np.repeat(others[b], 9), others, STEP_GRID, ("both", "above", "below"))
        yield values, np.concatenate(logs, axis=1)


def _stepwise_critical(
    single: FloatArray,
    above: IntArray,
    below: IntArray,
    *,
    bins: _Bins,
    tables: list[tuple[FloatArray, FloatArray]],
    coverage: float,
) -> FloatArray:
    """Return each area's critical value when the pairs already shown drop out on the side on which they were shown.

    What is taken from the tables is the change from the first step's value; coverage is inverted on the scale
    log(−log coverage), on which it is nearly a line.
    """
    mass = _mass(STEP_GRID)
    result = single.copy()
    for b, (values, table) in enumerate(tables):
        rows = np.flatnonzero(bins.of_area == b)
        every = bins.counts
        every[b] -= 1
        classes = np.concatenate([every - above[rows] - below[rows], below[rows], above[rows]], axis=1)
        first = np.concatenate([every, np.zeros(2 * len(every))])[None, :]
        inside = np.stack([np.exp(np.concatenate([classes, first]) @ part) @ mass for part in table], axis=1)
        solved = _invert(values, inside, coverage)
        result[rows] += np.minimum(solved[:-1] - solved[-1], 0.0)
    return result


def _height(inside: FloatArray) -> FloatArray:
    """Return log(−log probability), kept finite where the probability is 0 or 1."""
    height: FloatArray = np.log(-np.log(np.clip(inside, 1e-300, 1 - 1e-15)))
    return height


def _invert(values: FloatArray, inside: FloatArray, coverage: float) -> FloatArray:
    """Return where each row of ``inside``, rising along ``values``, reaches the coverage."""
    height = _height(inside)
    target = np.log(-np.log(coverage))
    left = np.clip((height > target).sum(axis=1) - 1, 0, len(values) - 2)
    rows = np.arange(len(inside))
    start, end = height[rows, left], height[rows, left + 1]
    part = np.clip((start - target) / np.where(start > end, start - end, 1.0), 0.0, 1.0)
    solved: FloatArray = values[left] + part * (values[left + 1] - values[left])
    return solved


# --- simultaneous critical values -------------------------------------------------------------------------------------


def _normals(seed: int, draw: int, n: int) -> FloatArray:
    """Return the n standard normals of one draw, always the same for the same seed, draw and n."""
    key = np.array([seed % 2**64, draw], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(n)


def _largest_differences(s: FloatArray, draws: int, seed: int) -> tuple[FloatArray, IntArray]:
    """Return for each draw the largest standardised difference over all ordered pairs, and the pair.

    Where the difference is positive it grows when its first area is replaced by one with a higher draw and a smaller error.
    So the first area lies on the frontier of (high draw, small error), which a running maximum over areas sorted by error
    finds, and the second on that of (low draw, small error).
    """
    order = np.argsort(s, kind="stable")
    ordered = s[order]
    largest, pairs = np.zeros(draws), np.zeros((draws, 2), dtype=np.int64)
    for draw in range(draws):
        x = _normals(seed, draw, len(s))[order] * ordered
        high, low = _records(x), _records(-x)
        with np.errstate(invalid="ignore", divide="ignore"):  # 0 ÷ 0 between two areas without error
            ratio = (x[high][:, None] - x[low]) / np.hypot(ordered[high][:, None], ordered[low])
        ratio[np.isnan(ratio)] = 0.0
        i, j = np.unravel_index(ratio.argmax(), ratio.shape)
        largest[draw] = ratio[i, j]
        pairs[draw] = order[high[i]], order[low[j]]
    return largest, pairs


def _records(x: FloatArray) -> IntArray:
    """Return the positions at which ``x`` exceeds everything before it; the first position always."""
    top = np.maximum.accumulate(x)
    return np.flatnonzero(np.concatenate([np.array([True]), x[1:] > top[:-1]]))


def _restricted_critical(
    theta: FloatArray,
    s: FloatArray,
    critical: float,
    *,
    maxima: FloatArray,
    pairs: IntArray,
    place: int,
    seed: int,
) -> float:
    """Return the quantile of the largest difference over the ordered pairs not yet shown.

    Leaving out pairs only lowers a draw's maximum. So draws are worked out from the highest unrestricted maximum downwards,
    until as many results as may exceed the quantile lie above every unrestricted maximum that is left.
    """
    first, second = pairs[:, 0], pairs[:, 1]
    kept = theta[first] - theta[second] <= critical * np.hypot(s[first], s[second])
    values = np.where(kept, maxima, np.nan)
    above = len(maxima) - place  # draws that may exceed the quantile
    downwards = np.argsort(-maxima, kind="stable")
    for position, draw in enumerate(downwards):
        if np.isnan(values[draw]):
            z = _normals(seed, int(draw), len(s))
            values[draw] = _restricted_largest(theta, s, critical, z, float(maxima[draw]))
        if position >= above:
            worked = values[downwards[: position + 1]]
            quantile = float(np.partition(worked, position - above)[position - above])
            if position + 1 == len(maxima) or quantile >= maxima[downwards[position + 1]]:
                return quantile
    raise AssertionError("unreachable: the last draw settles the quantile")


def _restricted_largest(
    theta: FloatArray, s: FloatArray, critical: float, z: FloatArray, bound: float
) -> float:
    """Return the largest standardised difference of one draw over the ordered pairs not yet shown.

    By Cauchy and Schwarz the difference of i over j is at most ``√(max(z_i, 0)² + max(−z_j, 0)²)``, so to find what is at
    least t, few pairs need be looked at. t falls from the unrestricted maximum until something is found.
    """
    up, down = np.maximum(z, 0.0) ** 2, np.maximum(-z, 0.0) ** 2
    limit = bound
    while True:
        limit = max(limit - 0.25, 0.0)
        best = -np.inf
        for i, j in _promising(up, down, limit):
            spread = np.hypot(s[i], s[j])
            free = (i != j) & (spread > 0) & (theta[i] - theta[j] <= critical * spread)
            if free.any():
                i, j = i[free], j[free]  # noqa: PLW2901 - only the pairs not yet shown go on
                best = max(best, float(((s[i] * z[i] - s[j] * z[j]) / spread[free]).max()))
        if best >= limit or limit == 0.0:
            return max(best, 0.0)


def _promising(up: FloatArray, down: FloatArray, limit: float) -> Iterator[tuple[IntArray, IntArray]]:
    """Return, in chunks, all ordered pairs with ``up_i + down_j ≥ limit²``."""
    square = limit**2 * (1 - 1e-12)  # rounding must not lose a pair
    first = np.flatnonzero(up >= square - down.max())
    second = np.flatnonzero(down >= square - up.max())
    second = second[np.argsort(-down[second], kind="stable")]
    lengths = np.searchsorted(-down[second], up[first] - square, side="right")
    starts = np.zeros(len(first), dtype=np.int64)
    for rows, offsets in _ragged(starts, lengths):
        yield first[rows], second[offsets]


# --- counting pairs ---------------------------------------------------------------------------------------------------


def _ragged(starts: IntArray, lengths: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Return, in chunks, each row repeated ``length`` times, with positions counted up from its start."""
    ends = np.cumsum(lengths)
    done = 0
    while done < len(lengths):
        base = int(ends[done - 1]) if done else 0
        stop = max(int(np.searchsorted(ends, base + CHUNK, side="right")), done + 1)
        part = lengths[done:stop]
        rows = np.repeat(np.arange(done, stop), part)
        offset = np.arange(len(rows)) - np.repeat(ends[done:stop] - part - base, part)
        yield rows, starts[rows] + offset
        done = stop


def _count_above(theta: FloatArray, s: FloatArray, critical: FloatArray, bins: _Bins) -> IntArray:
    """Return for each area and bin how many of the bin's areas are shown to lie above it; shape (n, bins).

    Exact: ``theta_j − theta_i > critical_i · √(s_i² + s_j²)``. In a bin sorted by score only the areas between the
    thresholds for the bin's smallest and largest error need comparing.
    """
    queries = np.argsort(theta, kind="stable")  # searching in order keeps to the cache
    t, own, c = theta[queries], s[queries], critical[queries]
    slack = 1e-12 * (np.abs(t) + np.abs(theta).max() + c * s.max())  # far above rounding, far below any band
    counts = np.zeros((len(theta), len(bins.value)), dtype=np.int64)
    by_bin = queries[np.argsort(bins.of_area[queries], kind="stable")]
    bounds = np.cumsum(np.bincount(bins.of_area, minlength=len(bins.value)))
    for b, members in enumerate(np.split(by_bin, bounds[:-1])):
        scores, errors = theta[members], s[members]
        low = np.searchsorted(scores, t + c * np.hypot(own, errors.min()) - slack, side="right")
        high = np.searchsorted(scores, t + c * np.hypot(own, errors.max()) + slack, side="right")
        sure = len(members) - high
        for rows, positions in _ragged(low, high - low):
            shown = scores[positions] - t[rows] > c[rows] * np.hypot(own[rows], errors[positions])
            sure = sure + np.bincount(rows[shown], minlength=len(t))
        counts[queries, b] = sure
    return counts
