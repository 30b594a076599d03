"""Differences in differences: what changed in supported areas beyond what changed in areas like them.

A panel has periods on the first axis and areas on the last: ``outcome[t, i]``. `start[i]` is the position of the first period in
which area i was supported, or `NEVER`. The periods before the start show how the area did without support; comparison areas show
how it would have gone on. The estimate is that of support only if, without it, both would have moved in parallel.

Every estimate comes with each area's *contribution to its error* (the influence function divided by n). Sums of squares of
contributions, added up within clusters first, are its variance; so one rule serves all estimators, and covariances between periods
are at hand for tests and bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray, choose

NEVER = int(np.iinfo(np.int64).max)
"""Start of an area that is never supported; larger than any period, so that ``start > t`` reads "not yet"."""

Adjustment = Literal["doubly robust", "outcome regression", "inverse probability"]
Comparison = Literal["never", "not yet"]
Base = Literal["varying", "universal"]
Summary = Literal["simple", "group", "dynamic", "calendar"]

LARGEST_PROPENSITY = 0.995
"""Comparison areas that are this sure to be supported are left out: their weight p ÷ (1 − p) would exceed 199. As in R's did."""

STEPS = 50
"""Newton steps of the propensity model; it converges in about six, or not at all where areas are separated."""

SMALLEST_PIVOT = 1e-10
"""Least reciprocal condition number of a cell's covariates before they are called collinear (about √eps of a float64, squared)."""


NOUGHT = 1e-10
"""Eigenvalues below this share of the largest count as 0: one level of areas and periods is always free, and rounding leaves it at about
1e-15, too near NumPy's own limit; what data leave free by little is far above."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One or several estimates with each area's contribution to their errors.

    Attributes:
        effect: Estimates, shape (m,), in the outcome's unit; NaN where there is no estimate.
        influence: Contributions, shape (m, n areas): estimate − truth ≈ their sum.
    """

    effect: FloatArray
    influence: FloatArray

    def covariance(self, clusters: IntArray | None = None) -> FloatArray:
        """Return the covariance of the estimates, shape (m, m).

        Args:
            clusters: Cluster of each area, whole numbers from 0, shape (n,); each area by itself for None.

        Returns:
            ``Σ_c u_c u_c'`` with u_c the sum of a cluster's contributions. No small-sample factor, as in the published method.
        """
        return _covariance(self.influence, clusters)

    def standard_error(self, clusters: IntArray | None = None) -> FloatArray:
        """Return the standard errors, shape (m,).

        Args:
            clusters: As for `covariance`.

        Returns:
            Square roots of the variances; NaN where the variance is 0, since no error of exactly 0 is believable.
        """
        summed = _by_cluster(self.influence, clusters)
        variance = np.einsum("ij,ij->i", summed, summed)
        return np.sqrt(np.where(variance > 0, variance, np.nan))


@dataclass(frozen=True, slots=True)
class GroupTime(Estimate):
    """Effects by group (areas with one start) and period, ATT(g, t).

    Attributes:
        group: Start of the group, position of a period, shape (m,).
        time: Period of the estimate, shape (m,).
        treated: Supported areas in each, shape (m,).
        compared: Comparison areas in each, shape (m,).
        size: Areas of the group of each row, shape (m,), for weights.
        start: Start of each area, shape (n,).
    """

    group: IntArray
    time: IntArray
    treated: IntArray
    compared: IntArray
    size: IntArray
    start: IntArray


@dataclass(frozen=True, slots=True)
class Averaged(Estimate):
    """Effects averaged over groups and periods.

    Attributes:
        at: What each row is: the period since the start (dynamic), the group, the calendar period; 0 for simple.
        overall: The average of the rows' estimates in one, as an `Estimate` of one row.
    """

    at: IntArray
    overall: Estimate


def group_time_effects(
    outcome: npt.ArrayLike,
    start: npt.ArrayLike,
    *,
    covariates: npt.ArrayLike | None = None,
    adjustment: Adjustment = "doubly robust",
    comparison: Comparison = "never",
    base: Base = "varying",
    anticipation: int = 0,
) -> GroupTime:
    """Return the effect of support on each group in each period, after Callaway and Sant'Anna.

    For group g and period t, with Δ the change from the base period to t::

        ATT(g,t) = mean[Δ − m(X) | G = g] − Σ w (Δ − m(X)) ÷ Σ w     over comparison areas

    with m the least-squares fit of Δ on X among comparison areas and w = p(X) ÷ (1 − p(X)), p a logistic model of being in g
    against the comparison areas. Without covariates both are constants and it is a difference of two mean changes. The base period is
    g − 1 − anticipation for periods from the start on; before it, the period before (varying) or that same one (universal).

    Args:
        outcome: Panel, shape (periods, n areas), in any unit. NaN is missing: an area is left out of the cells in which one of the
            two periods is missing.
        start: First supported period of each area, position from 0, or `NEVER`, shape (n,).
        covariates: Measured before support, shape (k, n), no NaN; None for none.
        adjustment: doubly robust; outcome regression (w = 1 after m); inverse probability (m = 0).
        comparison: never (never supported) or not yet (not supported by the later of both periods).
        base: varying, or universal (then the period before the start is 0 by construction).
        anticipation: Periods before the start in which areas may already react.

    Returns:
        One row for each group and period that has both supported and comparison areas. A group that starts in the first period has
        no base and no row.

    Raises:
        MethodError: Shapes that do not fit, no group with a period before its start, no comparison area, covariates that are missing
            or collinear within a cell, or supported areas separated from all comparison areas.

    Source:
        B. Callaway and P. Sant'Anna (2021), "Difference-in-differences with multiple time periods", *Journal of Econometrics* 225:
        200–230, equations 2.4–2.6; P. Sant'Anna and J. Zhao (2020), *Journal of Econometrics* 219: 101–122, for the doubly robust
        form and its influence function.
    """
    choose(
        "differences",
        "adjustment",
        adjustment,
        ("doubly robust", "outcome regression", "inverse probability"),
    )
    choose("differences", "comparison", comparison, ("never", "not yet"))
    choose("differences", "base", base, ("varying", "universal"))
    y, begun, design = _panel(outcome, start, covariates)
    periods, n = y.shape
    first = anticipation + 1
    groups = [int(g) for g in np.unique(begun) if first <= g < periods]
    if not groups:
        raise MethodError(
            Problem(
                "differences",
                "no supported area has a period before its start",
                f"starts {_shown(np.unique(begun))} in {periods} periods",
                f"a start from {first} to {periods - 1}",
                "Add earlier periods, or leave these areas out.",
            )
        )
    rows: list[tuple[int, int, int, int, float, FloatArray]] = []
    for group in groups:
        inside = begun == group
        fitted: dict[bytes, _Sample] = {}  # the last one: periods of a group mostly have the same areas
        for time in range(periods):
            before = _base(time, group, base, anticipation)
            if before is None:
                continue
            pool = _pool(begun, max(time, before), group, comparison, anticipation)
            change = y[time] - y[before] if time != before else np.zeros(n)
            known = ~np.isnan(y[time]) & ~np.isnan(y[before])
            treated, compared = inside & known, pool & known
            if not treated.any() or not compared.any():
                continue
            both = treated.tobytes() + compared.tobytes()
            if both not in fitted:
                fitted = {both: _Sample.of(treated, compared, design, adjustment)}
            effect, influence = _cell(change, fitted[both], adjustment)
            rows.append((group, time, int(treated.sum()), int(compared.sum()), effect, influence))
    if not rows:
        raise MethodError(
            Problem(
                "differences",
                "there is no comparison area",
                "",
                f"areas that are {comparison} supported",
                "Widen the comparison pool, or compare with areas not yet supported.",
            )
        )
    whole = np.array([row[:4] for row in rows], dtype=np.int64).T
    size = np.array([int((begun == g).sum()) for g in whole[0]], dtype=np.int64)
    effects = np.array([row[4] for row in rows], dtype=np.float64)
    influences = np.stack([row[5] for row in rows])
    return GroupTime(effects, influences, whole[0], whole[1], whole[2], whole[3], size, begun)


def average(cells: GroupTime, summary: Summary = "simple", *, least: int | None = None) -> Averaged:
    """Return effects by group and period averaged into fewer, each group weighing as many areas as it has.

    Args:
        cells: From `group_time_effects`.
        summary: simple (all periods from the start on in one); group (its periods, evenly); dynamic (by periods since the start);
            calendar (by period).
        least: Dynamic only: leave out what lies so many periods before the start and earlier.

    Returns:
        Rows by `at`, and the overall average: over cells (simple), over groups by their size (group), over rows from the start on
        evenly (dynamic), over periods evenly (calendar). The error of estimated group shares is included.

    Raises:
        MethodError: No cell lies in or after its group's start.

    Source:
        Callaway and Sant'Anna (2021), section 3 (θ_W^O, θ_sel, θ_es, θ_c) and table 1.
    """
    choose("differences", "summary", summary, ("simple", "group", "dynamic", "calendar"))
    after = cells.time >= cells.group
    if not after.any():
        raise MethodError(
            Problem("differences", "no estimate lies after a start", "", "periods from a start on")
        )
    if summary == "simple":
        one = _weighted(cells, after)
        return Averaged(one.effect, one.influence, np.zeros(1, dtype=np.int64), one)
    keys = {"group": cells.group, "dynamic": cells.time - cells.group, "calendar": cells.time}[summary]
    kept = after if summary != "dynamic" else np.ones(len(after), dtype=np.bool_)
    if least is not None and summary == "dynamic":
        kept = keys > least
    at = np.unique(keys[kept])
    if summary == "group":
        rows = [_even(cells, kept & (keys == key)) for key in at]
    else:
        rows = [_weighted(cells, kept & (keys == key)) for key in at]
    effect = np.concatenate([row.effect for row in rows])
    influence = np.concatenate([row.influence for row in rows])
    stacked = Estimate(effect, influence)
    if summary == "group":
        sizes = np.array([int((cells.start == g).sum()) for g in at], dtype=np.float64)
        overall = _combine(stacked, at, sizes, cells.start)
    else:
        chosen = at >= 0 if summary == "dynamic" else np.ones(len(at), dtype=np.bool_)
        share = chosen / chosen.sum()
        overall = Estimate(np.array([share @ effect]), (share @ influence)[None])
    return Averaged(effect, influence, at, overall)


def simple_average(
    outcome: npt.ArrayLike, start: npt.ArrayLike, *, comparison: Comparison = "never", anticipation: int = 0
) -> float:
    """Return the simple average effect alone: what `average` of `group_time_effects` gives without covariates, many times faster.

    For tests that deal out starts anew or leave areas out, hundreds of times.

    Args:
        outcome: Panel, shape (periods, n areas); NaN is missing.
        start: First supported period of each area or `NEVER`, shape (n,).
        comparison: never or not yet.
        anticipation: As for `group_time_effects`.

    Returns:
        The estimate; NaN where no cell has both supported and comparison areas.

    Source:
        Callaway and Sant'Anna (2021), equation 2.4 and θ_W^O.
    """
    y, begun = np.asarray(outcome, dtype=np.float64), np.asarray(start, dtype=np.int64)
    known = ~np.isnan(y)
    total = weight = 0.0
    for group in [int(g) for g in np.unique(begun) if anticipation < g < len(y)]:
        inside = begun == group
        before = group - 1 - anticipation
        size = float(inside.sum())
        for time in range(group, len(y)):
            pool = _pool(begun, time, group, comparison, anticipation)
            both = known[time] & known[before]
            treated, compared = inside & both, pool & both
            if treated.any() and compared.any():
                change = y[time] - y[before]
                total += size * float(change[treated].mean() - change[compared].mean())
                weight += size
    return total / weight if weight else float("nan")


def two_by_two(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    treated: npt.ArrayLike,
    *,
    covariates: npt.ArrayLike | None = None,
    adjustment: Adjustment = "doubly robust",
) -> Estimate:
    """Return the difference of two mean changes: supported areas' less comparison areas'.

    Args:
        before: Outcome before support, shape (n,); NaN leaves the area out.
        after: Outcome after it, shape (n,).
        treated: True where supported, shape (n,).
        covariates: As for `group_time_effects`.
        adjustment: As for `group_time_effects`.

    Returns:
        One estimate; its error allows for unequal variances of the two groups.

    Raises:
        MethodError: No supported or no comparison area, or as for `group_time_effects`.

    Source:
        O. Ashenfelter and D. Card (1985), *Review of Economics and Statistics* 67: 648–660; Sant'Anna and Zhao (2020).
    """
    inside = np.asarray(treated, dtype=np.bool_)
    panel = np.stack([np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)])
    if not inside.any():
        raise MethodError(Problem("differences", "there is no supported area", "0", "one at least"))
    cells = group_time_effects(
        panel, np.where(inside, 1, NEVER), covariates=covariates, adjustment=adjustment
    )
    last = cells.time == 1
    return Estimate(cells.effect[last], cells.influence[last])


def imputation_effects(
    outcome: npt.ArrayLike,
    start: npt.ArrayLike,
    *,
    covariates: npt.ArrayLike | None = None,
    summary: Summary = "simple",
) -> Averaged:
    """Return effects against what supported areas would have had, after Borusyak, Jaravel and Spiess.

    An area effect a_i, a period effect l_t and, with covariates, a slope b_t for each period are fitted by least squares to all
    observations without support; then ``τ_it = y_it − a_i − l_t − b_t'x_i`` for those with it, averaged evenly. The variance is
    that of the paper's conservative formula: with v the weights that make the estimate a sum ``Σ v y``, ``Σ_i (Σ_t v_it e_it)²``, e
    being residuals before support and
    ``τ_it − τ̄`` of the same group and period after it (τ̄ weighted by the area's own v).

    Args:
        outcome: Panel, shape (periods, n areas); NaN is missing.
        start: First supported period of each area or `NEVER`, shape (n,).
        covariates: Measured before support, shape (k, n), no NaN: areas unlike in them may move apart. None for none.
        summary: simple, group, dynamic (from 0 on) or calendar.

    Returns:
        As `average`. Supported observations of an area without any period before its start, or of a period in which nobody is without
        support, cannot be imputed and are left out.

    Raises:
        MethodError: Shapes that do not fit, or nothing can be imputed.

    Source:
        K. Borusyak, X. Jaravel and J. Spiess (2024), "Revisiting event-study designs", *Review of Economic Studies* 91: 3253–3285,
        theorem 1 and equations 7–8.
    """
    choose("differences", "summary", summary, ("simple", "group", "dynamic", "calendar"))
    y, begun, design = _panel(outcome, start, covariates)
    periods = len(y)
    when = np.arange(periods)[:, None]
    known = ~np.isnan(y)
    free = known & (when < begun)
    somebody: BoolArray = np.asarray(free.any(axis=1))
    possible = known & (when >= begun) & free.any(axis=0) & somebody[:, None]
    if not possible.any():
        raise MethodError(
            Problem(
                "differences",
                "no outcome after a start can be imputed",
                "",
                "areas with a period before support, and in each period some without it",
            )
        )
    filled = np.where(known, y, 0.0)
    two_way = _TwoWay.of(free, design)
    gap = np.where(known, filled - two_way.fitted(filled * free), 0.0)
    keys = {
        "simple": np.zeros_like(y, dtype=np.int64),
        "group": np.broadcast_to(begun, y.shape),
        "dynamic": when - np.minimum(begun, periods),
        "calendar": np.broadcast_to(when, y.shape),
    }[summary]
    at = np.unique(keys[possible])
    cohort = np.minimum(begun, periods)

    def one(weight: FloatArray) -> tuple[float, FloatArray]:
        v = np.where(free, -two_way.fitted(weight), weight)
        centred = _centred(gap, v, possible, cohort)
        return float((weight * gap).sum()), (v * np.where(possible, centred, gap * free)).sum(axis=0)

    rows = [one((possible & (keys == key)) / (possible & (keys == key)).sum()) for key in at]
    total = one(possible / possible.sum())
    return Averaged(
        np.array([row[0] for row in rows]),
        np.stack([row[1] for row in rows]),
        at.astype(np.int64),
        Estimate(np.array([total[0]]), total[1][None]),
    )


def without_covariate_trends(
    outcome: npt.ArrayLike, start: npt.ArrayLike, covariates: npt.ArrayLike
) -> FloatArray:
    """Return the panel less what covariates alone would have moved: ``y_it − b_t'x_i``, b fitted without support.

    Args:
        outcome: Panel, shape (periods, n areas); NaN is missing.
        start: First supported period of each area or `NEVER`, shape (n,).
        covariates: Measured before support, shape (k, n), no NaN.

    Returns:
        The panel, for estimators that take no covariates; missing where the outcome is.

    Raises:
        MethodError: Shapes that do not fit.

    Source:
        Arkhangelsky and others (2021), *American Economic Review* 111, p. 4091, "projecting out" covariates before synthetic difference
        in differences; with slopes by period, fitted beside area and period effects.
    """
    y, begun, design = _panel(outcome, start, covariates)
    known = ~np.isnan(y)
    free = known & (np.arange(len(y))[:, None] < begun)
    filled = np.where(known, y, 0.0)
    full = _TwoWay.of(free, design)
    right = (filled * free - full.free * (full.each * (filled * free).sum(axis=0))) @ full.z
    slopes = (full.inverse @ right.ravel()).reshape(right.shape)
    return np.asarray(y - slopes[:, 1:] @ full.z[:, 1:].T)


# ---- cells


def _panel(
    outcome: npt.ArrayLike, start: npt.ArrayLike, covariates: npt.ArrayLike | None
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return the panel, the starts, and covariates with a constant as shape (n, 1 + k)."""
    y = np.asarray(outcome, dtype=np.float64)
    begun = np.asarray(start, dtype=np.int64)
    if y.ndim != 2 or begun.shape != y.shape[1:]:
        raise MethodError(
            Problem(
                "differences",
                "panel and starts do not fit",
                f"shapes {y.shape} and {begun.shape}",
                "(periods, n) and (n,)",
            )
        )
    if (begun < 0).any():
        raise MethodError(
            Problem("differences", "a start is negative", str(begun.min()), "positions from 0, or NEVER")
        )
    n = y.shape[1]
    extra = (
        np.zeros((0, n)) if covariates is None else np.atleast_2d(np.asarray(covariates, dtype=np.float64))
    )
    if extra.shape[1] != n or np.isnan(extra).any():
        raise MethodError(
            Problem(
                "differences",
                "covariates do not fit",
                f"shape {extra.shape}, {int(np.isnan(extra).sum())} missing",
                f"(k, {n}) without gaps",
            )
        )
    return y, begun, np.column_stack([np.ones(n), extra.T])


def _shown(starts: npt.NDArray[np.int64]) -> str:
    return ", ".join("never" if s == NEVER else str(s) for s in starts[:8].tolist())


def _base(time: int, group: int, base: Base, anticipation: int) -> int | None:
    """Return the base period of a cell, or None where the first period has none before it."""
    before = group - 1 - anticipation
    if base == "universal" or time > before:
        return before
    return time - 1 if time > 0 else None


def _pool(begun: IntArray, latest: int, group: int, comparison: Comparison, anticipation: int) -> BoolArray:
    """Return which areas may be compared with a group."""
    if comparison == "never":
        return np.asarray(begun == NEVER)
    return np.asarray((begun > latest + anticipation) & (begun != group))


@dataclass(frozen=True, slots=True)
class _Sample:
    """Supported and comparison areas of a cell, and what does not depend on the outcome: fitted once for all periods of a group.

    Attributes:
        rows: Positions of the areas.
        d: 1 where supported.
        x: Constant and covariates, scaled.
        inverse: Inverse of comparison areas' mean square of x.
        weight: Weight of comparison areas, p ÷ (1 − p); 0 for supported ones.
        residual: d − p.
        hessian: Inverse of the information of the propensity model by area.
    """

    rows: IntArray
    d: FloatArray
    x: FloatArray
    inverse: FloatArray
    weight: FloatArray
    residual: FloatArray
    hessian: FloatArray

    @classmethod
    def of(
        cls, treated: BoolArray, compared: BoolArray, design: FloatArray, adjustment: Adjustment
    ) -> _Sample:
        """Return the sample of a cell, its propensity fitted where the adjustment needs it."""
        rows = np.flatnonzero(treated | compared)
        d = treated[rows].astype(np.float64)
        x = design[rows]
        none = np.zeros(0)
        if x.shape[1] == 1:
            return cls(rows, d, x, none, none, none, none)
        x = x / np.maximum(
            np.abs(x).max(axis=0), np.finfo(np.float64).tiny
        )  # only conditioning: no fit changes
        inner = (x * (1 - d)[:, None]).T @ x / len(d)
        if np.linalg.cond(inner) > 1 / SMALLEST_PIVOT:
            raise MethodError(
                Problem(
                    "differences",
                    "covariates are collinear among comparison areas",
                    f"{x.shape[1] - 1} covariates",
                    "independent ones",
                    "Leave one out, or widen the pool.",
                )
            )
        inverse = np.asarray(np.linalg.inv(inner), dtype=np.float64)
        if adjustment == "outcome regression":
            return cls(rows, d, x, inverse, none, none, none)
        p = propensity(d, x)
        keep = p < LARGEST_PROPENSITY
        weight = np.where(keep & (d == 0), p / (1 - p), 0.0)
        hessian = np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x / len(d))
        return cls(rows, d, x, inverse, weight, d - p, np.asarray(hessian, dtype=np.float64))


def _cell(change: FloatArray, sample: _Sample, adjustment: Adjustment) -> tuple[float, FloatArray]:
    """Return one cell's estimate and contributions of all n areas."""
    dy, d = change[sample.rows], sample.d
    influence = np.zeros(len(change))
    if sample.x.shape[1] == 1:  # a difference of two means, without solving anything
        share = d.mean()
        means = (dy @ d) / d.sum(), (dy @ (1 - d)) / (1 - d).sum()
        psi = d * (dy - means[0]) / share - (1 - d) * (dy - means[1]) / (1 - share)
        effect = float(means[0] - means[1])
    else:
        effect, psi = _adjusted(dy, sample, adjustment)
    influence[sample.rows] = psi / len(dy)
    return effect, influence


def _adjusted(dy: FloatArray, sample: _Sample, adjustment: Adjustment) -> tuple[float, FloatArray]:
    """Return estimate and influence function with covariates; see Sant'Anna and Zhao (2020), section 3."""
    d, x, m = sample.d, sample.x, len(dy)
    fits = adjustment != "inverse probability"
    left = dy - x @ (sample.inverse @ (x.T @ ((1 - d) * dy)) / m) if fits else dy

    def by_slope(weight: FloatArray) -> FloatArray:
        """Return what the error of the fitted slope adds to a mean with these weights."""
        return np.asarray((1 - d) * left * (x @ (sample.inverse @ (weight @ x) / m))) if fits else np.zeros(m)

    top = float((d @ left) / d.sum())
    one = (d * (left - top) - by_slope(d)) / d.mean()
    if adjustment == "outcome regression":
        # The fit is averaged over supported areas; comparison areas enter through the slope alone.
        return top, np.asarray(one)
    weight = sample.weight
    bottom = float((weight @ left) / weight.sum())
    off = weight * (left - bottom)
    by_score = sample.residual * (x @ (sample.hessian @ (off @ x) / m))
    two = (off + by_score - by_slope(weight)) / weight.mean()
    return top - bottom, np.asarray(one - two)


def propensity(treated: FloatArray, design: FloatArray) -> FloatArray:
    """Return each area's fitted chance of being supported, by logistic regression.

    Args:
        treated: 1 where supported, else 0, shape (m,).
        design: Covariates with a constant, shape (m, k), k small.

    Returns:
        Chances, shape (m,), strictly between 0 and 1.

    Raises:
        MethodError: The groups are separated, so that no finite fit exists, or covariates are collinear.

    Source:
        Newton's method on the log likelihood; P. McCullagh and J. Nelder (1989), *Generalized Linear Models*, section 4.4.
    """
    from scipy.special import expit

    beta = np.zeros(design.shape[1])
    loss = _misfit(treated, design @ beta)
    for _ in range(STEPS):
        p = expit(design @ beta)
        information = (design * (p * (1 - p))[:, None]).T @ design
        if np.linalg.cond(information) > 1 / np.finfo(np.float64).eps:
            break
        step = np.linalg.solve(information, design.T @ (treated - p))
        while _misfit(treated, design @ (beta + step)) > loss * (1 + 1e-12):
            step = step / 2  # a full step may overshoot far from the solution, never close to it
        beta = beta + step
        loss = _misfit(treated, design @ beta)
        # Newton doubles correct digits: a step under 1e-8 leaves an error under 1e-15.
        if np.abs(design @ step).max() < 1e-8:
            return np.asarray(expit(design @ beta))
    raise MethodError(
        Problem(
            "propensity",
            "supported and comparison areas are separated by the covariates",
            f"{int(treated.sum())} of {len(treated)} supported",
            "overlap",
            "Use fewer covariates, or outcome regression, which needs no overlap of chances.",
        )
    )


def _misfit(treated: FloatArray, power: FloatArray) -> float:
    """Return minus the log likelihood of a logistic model, without overflow."""
    return float((np.logaddexp(0.0, power) - treated * power).sum())


# ---- averages and their errors


def _by_cluster(influence: FloatArray, clusters: IntArray | None) -> FloatArray:
    if clusters is None:
        return influence
    _, code = np.unique(clusters, return_inverse=True)
    return np.stack([np.bincount(code, row, int(code.max()) + 1) for row in influence])


def _covariance(influence: FloatArray, clusters: IntArray | None) -> FloatArray:
    summed = _by_cluster(influence, clusters)
    return np.asarray(summed @ summed.T)


def _even(cells: GroupTime, rows: BoolArray) -> Estimate:
    return Estimate(np.array([cells.effect[rows].mean()]), cells.influence[rows].mean(axis=0)[None])


def _weighted(cells: GroupTime, rows: BoolArray) -> Estimate:
    """Return cells averaged by the size of their groups."""
    return _combine(
        Estimate(cells.effect[rows], cells.influence[rows]),
        cells.group[rows],
        cells.size[rows].astype(np.float64),
        cells.start,
    )


def _combine(rows: Estimate, group: IntArray, size: FloatArray, start: IntArray) -> Estimate:
    """Return rows weighted by sizes of their groups, with the error of the sizes as shares of a sampled population.

    With s_k the share of areas in row k's group, weight s_k ÷ Σ s has the influence (1[G = g_k] − s_k) ÷ Σ s less
    s_k Σ_j (1[G = g_j] − s_j) ÷ (Σ s)². Where all rows are of one group the two cancel.
    """
    n = len(start)
    share = size / n
    total = share.sum()
    effect = float(share @ rows.effect / total)
    member = (start[None] == group[:, None]).astype(np.float64) - share[:, None]
    shift = (rows.effect - effect) @ member / total
    return Estimate(np.array([effect]), (share @ rows.influence / total + shift / n)[None])


# ---- two-way fixed effects on observations without support


@dataclass(frozen=True, slots=True)
class _TwoWay:
    """Least squares on area effects and, for each period, a constant and slopes: areas are eliminated, periods solved at once.

    Attributes:
        free: Observations without support, shape (periods, n).
        z: Constant and covariates, shape (n, q).
        inverse: Pseudo-inverse of the periods' equations, shape (periods·q, periods·q).
        each: 1 ÷ an area's observations without support; 0 where it has none, shape (n,).
    """

    free: FloatArray
    z: FloatArray
    inverse: FloatArray
    each: FloatArray

    @classmethod
    def of(cls, free: BoolArray, design: FloatArray) -> _TwoWay:
        """Return the system of these observations."""
        m = free.astype(np.float64)
        z = design.copy()
        spread = z[:, 1:].std(axis=0)
        z[:, 1:] = (z[:, 1:] - z[:, 1:].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        count = m.sum(axis=0)
        each: FloatArray = np.where(count > 0, 1 / np.maximum(count, 1), 0.0)
        periods, q = len(m), z.shape[1]
        system = np.zeros((periods, q, periods, q))
        for c in range(q):
            for d in range(q):
                both = z[:, c] * z[:, d]
                system[:, c, :, d] = np.diag(m @ both) - (m * (each * both)) @ m.T
        square = system.reshape(periods * q, periods * q)
        return cls(
            m, z, np.asarray(np.linalg.pinv(square, rcond=NOUGHT, hermitian=True), dtype=np.float64), each
        )

    def fitted(self, weights: FloatArray) -> FloatArray:
        """Return the fit, shape (periods, n), whose normal equations have these weighted sums on their right-hand side."""
        total = weights.sum(axis=0)
        right = (weights - self.free * (self.each * total)) @ self.z
        slopes = (self.inverse @ right.ravel()).reshape(right.shape)
        by_time = slopes @ self.z.T
        areas = self.each * (total - (self.free * by_time).sum(axis=0))
        return np.asarray(areas + by_time)


def _centred(gap: FloatArray, v: FloatArray, possible: BoolArray, cohort: IntArray) -> FloatArray:
    """Return supported gaps less the mean of their group and period, weighted by v² as the paper's equation 8 does."""
    out = np.zeros_like(gap)
    for group in np.unique(cohort):
        at = possible & (cohort == group)
        squares = np.where(at, v**2, 0.0)
        total = squares.sum(axis=1)
        mean = np.divide((squares * gap).sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
        out = np.where(at, gap - mean[:, None], out)
    return out
