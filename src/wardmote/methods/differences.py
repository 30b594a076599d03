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
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray, choose
from wardmote.methods.precision import half_width, summed

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


@dataclass(frozen=True, slots=True)
class Estimate:
    """One or several estimates with each area's contribution to their errors.

    Attributes:
        effect: Estimates, shape (m,), in the outcome's unit; NaN where there is no estimate.
        influence: Contributions, shape (m, n areas): estimate − truth ≈ their sum.
        held_out: The same with each area's residual divided by √(1 − its leverage), shape (m, n): what intervals are made from. An area
            that makes up a group of its own has no residual; the noise of comparison areas stands for its own.
    """

    effect: FloatArray
    influence: FloatArray
    held_out: FloatArray

    def covariance(self, clusters: IntArray | None = None) -> FloatArray:
        """Return the covariance of the estimates, shape (m, m).

        Args:
            clusters: Cluster of each area, whole numbers from 0, shape (n,); each area by itself for None.

        Returns:
            ``Σ_c u_c u_c'`` with u_c the sum of a cluster's contributions. No small-sample factor, as in the published method.
        """
        each = summed(self.influence, clusters)
        return np.asarray(each @ each.T)

    def standard_error(self, clusters: IntArray | None = None) -> FloatArray:
        """Return the standard errors, shape (m,).

        Args:
            clusters: As for `covariance`.

        Returns:
            Square roots of the variances; NaN where the variance is 0, since no error of exactly 0 is believable.
        """
        each = summed(self.influence, clusters)
        variance = np.einsum("ij,ij->i", each, each)
        return np.sqrt(np.where(variance > 0, variance, np.nan))

    def interval(self, clusters: IntArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Return both ends of the 95% intervals, shape (m,) each.

        Args:
            clusters: As for `covariance`.

        Returns:
            The estimate ∓ `wardmote.methods.precision.half_width`: wider than 1.96 standard errors where few areas carry the estimate,
            the same where many do. NaN where there is no error.
        """
        half = half_width(self.held_out, clusters)
        return self.effect - half, self.effect + half


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
    earlier: bool = True,
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
        earlier: Whether periods before the start are told too.

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
    y, begun, design = as_panel(outcome, start, covariates)
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
    rows: list[tuple[int, int, int, int, float, FloatArray, FloatArray]] = []
    for group in groups:
        inside = begun == group
        fitted: dict[bytes, _Sample] = {}  # the last one: periods of a group mostly have the same areas
        for time in range(0 if earlier else group, periods):
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
            effect, influence, held = _cell(change, fitted[both])
            rows.append((group, time, int(treated.sum()), int(compared.sum()), effect, influence, held))
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
    influences, held_out = (np.stack([row[k] for row in rows]) for k in (5, 6))
    return GroupTime(effects, influences, held_out, whole[0], whole[1], whole[2], whole[3], size, begun)


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
        return Averaged(one.effect, one.influence, one.held_out, np.zeros(1, dtype=np.int64), one)
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
    held_out = np.concatenate([row.held_out for row in rows])
    stacked = Estimate(effect, influence, held_out)
    if summary == "group":
        sizes = np.array([int((cells.start == g).sum()) for g in at], dtype=np.float64)
        overall = _combine(stacked, at, sizes, cells.start)
    else:
        chosen = at >= 0 if summary == "dynamic" else np.ones(len(at), dtype=np.bool_)
        share = chosen / chosen.sum()
        overall = _mixed(stacked, share)
    return Averaged(effect, influence, held_out, at, overall)


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


def simple_estimate(
    outcome: npt.ArrayLike,
    start: npt.ArrayLike,
    *,
    covariates: npt.ArrayLike | None = None,
    adjustment: Adjustment = "doubly robust",
    comparison: Comparison = "never",
    anticipation: int = 0,
) -> Estimate:
    """Return the simple average effect with its error: `average` of `group_time_effects`, several times faster.

    An estimate is linear in the change of the outcome, so that periods of a group which have the same areas are added up first and
    fitted once.

    Args:
        outcome: As for `group_time_effects`.
        start: As for `group_time_effects`.
        covariates: As for `group_time_effects`.
        adjustment: As for `group_time_effects`.
        comparison: As for `group_time_effects`.
        anticipation: As for `group_time_effects`.

    Returns:
        One estimate.

    Raises:
        MethodError: As for `group_time_effects`; no cell lies in or after a start.

    Source:
        Callaway and Sant'Anna (2021), equations 2.4 and θ_W^O.
    """
    y, begun, design = as_panel(outcome, start, covariates)
    known = ~np.isnan(y)
    rows: list[tuple[float, FloatArray, FloatArray]] = []
    groups: list[int] = []
    times: list[int] = []
    for group in [int(g) for g in np.unique(begun) if anticipation < g < len(y)]:
        inside, before = begun == group, group - 1 - anticipation
        cells: dict[bytes, tuple[BoolArray, BoolArray, list[int]]] = {}
        for time in range(group, len(y)):
            both = known[time] & known[before]
            pool = _pool(begun, time, group, comparison, anticipation)
            treated, compared = inside & both, pool & both
            if treated.any() and compared.any():
                key = treated.tobytes() + compared.tobytes()
                cells.setdefault(key, (treated, compared, []))[2].append(time)
        for treated, compared, when in cells.values():
            change = y[when].mean(axis=0) - y[before]
            rows.append(_cell(change, _Sample.of(treated, compared, design, adjustment)))
            groups.append(group)
            times.append(len(when))
    if not rows:
        raise MethodError(
            Problem(
                "differences",
                "no estimate lies after a start",
                "",
                "periods from a start on, and areas to compare",
            )
        )
    effect, influence, held_out = (np.stack([np.asarray(row[k]) for row in rows]) for k in range(3))
    size = np.array([(begun == g).sum() for g in groups], dtype=np.float64)
    cells_group, many = np.array(groups, dtype=np.int64), np.array(times, dtype=np.int64)
    return _combine(Estimate(effect, influence, held_out), cells_group, size, begun, many)


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
    return Estimate(cells.effect[last], cells.influence[last], cells.held_out[last])


# ---- cells


def as_panel(
    outcome: npt.ArrayLike, start: npt.ArrayLike, covariates: npt.ArrayLike | None
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return the panel, the starts, and covariates with a constant as shape (n, 1 + k), checked.

    Args:
        outcome: Shape (periods, n).
        start: Shape (n,).
        covariates: Shape (k, n), or None.

    Raises:
        MethodError: Shapes that do not fit, a negative start, or a covariate that is missing.
    """
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
class _Shares:
    """What residuals are multiplied by to give areas' contributions, shape (areas of the cell,) each.

    Attributes:
        own: Of supported areas in their mean.
        others: Of comparison areas in theirs, by the odds of support; 0 where a regression alone adjusts.
        slope: In the error of the regression's slopes.
        chance: Of d − p in the error of the model of chances.
    """

    own: FloatArray
    others: FloatArray
    slope: FloatArray
    chance: FloatArray


@dataclass(frozen=True, slots=True)
class _Sample:
    """Supported and comparison areas of a cell, and what does not depend on the outcome: fitted once for all periods of a group.

    Attributes:
        rows: Positions of the areas.
        d: 1 where supported.
        x: Constant and covariates, scaled.
        solve: Turns an outcome into the regression's slopes among comparison areas, shape (k, m); empty where nothing is fitted.
        score: Turns comparison residuals into what the model of chances answers, shape (k, m); empty where there is none.
        plain: Shares as published.
        held: The same over the root of one less the leverage.
    """

    rows: IntArray
    d: FloatArray
    x: FloatArray
    solve: FloatArray
    score: FloatArray
    plain: _Shares
    held: _Shares

    @classmethod
    def of(
        cls, treated: BoolArray, compared: BoolArray, design: FloatArray, adjustment: Adjustment
    ) -> _Sample:
        """Return the sample of a cell, its propensity fitted where the adjustment needs it."""
        rows = np.flatnonzero(treated | compared)
        d, x = treated[rows].astype(np.float64), design[rows]
        m, none = len(rows), np.zeros((0, len(rows)))
        own, others, slope, chance = d / d.sum(), np.zeros(m), np.zeros(m), np.zeros(m)
        solve = score = none
        fit = found = np.ones(m)
        if x.shape[1] == 1:  # a difference of two means
            others = (1 - d) / (1 - d).sum()
        else:
            x = x / np.maximum(
                np.abs(x).max(axis=0), np.finfo(np.float64).tiny
            )  # only conditioning: no fit changes
            inverse = _inverse(x, d)
            if adjustment != "inverse probability":
                solve = inverse @ (x * (1 - d)[:, None]).T
                slope = -(1 - d) * (x @ (inverse @ (own @ x)))
                fit = np.sqrt(kept((1 - d) * row_squares(x, inverse)))
            if adjustment != "outcome regression":
                p = propensity(d, x)
                others = np.where((p < LARGEST_PROPENSITY) & (d == 0), p / (1 - p), 0.0)
                others = others / others.sum()
                if adjustment == "doubly robust":
                    slope = slope + (1 - d) * (x @ (inverse @ (others @ x)))
                hessian = np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x)
                score = hessian @ (x * others[:, None]).T
                chance = d - p
                found = np.sqrt(kept(p * (1 - p) * row_squares(x, hessian)))
        # A residual of a weighted mean has the variance σ² (1 − 2w + Σ w²): its own weight counts twice, all others' noise once.
        mean = others / np.sqrt(kept(2 * others - others @ others))
        # Where a regression adjusts too, the model's answer is noise about 0 that heavy areas helped to fit, and shrinks their residuals:
        # intervals are made with chances of support as they are.
        modelled = np.zeros(m) if adjustment == "doubly robust" else chance / found
        held = _Shares(own / np.sqrt(kept(own.max())), mean, slope / fit, modelled)
        return cls(rows, d, x, solve, score, _Shares(own, others, slope, chance), held)


def _inverse(x: FloatArray, d: FloatArray) -> FloatArray:
    """Return the inverse of comparison areas' sum of squares of x."""
    inner = (x * (1 - d)[:, None]).T @ x
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
    return np.asarray(np.linalg.inv(inner), dtype=np.float64)


def _cell(change: FloatArray, sample: _Sample) -> tuple[float, FloatArray, FloatArray]:
    """Return one cell's estimate, and contributions of all n areas: as published, and with each area held out.

    See Sant'Anna and Zhao (2020), section 3. Where a regression alone adjusts, its fit is averaged over supported areas, and comparison
    areas enter through the slopes.
    """
    dy, d, x = change[sample.rows], sample.d, sample.x
    left = dy - x @ (sample.solve @ dy) if len(sample.solve) else dy
    top, bottom = float(sample.plain.own @ left), float(sample.plain.others @ left)
    answer = 0.0 if not len(sample.score) else x @ (sample.score @ (left - bottom))

    def noise(shares: _Shares) -> FloatArray:
        out = (shares.own - shares.others + shares.slope) * left - top * shares.own + bottom * shares.others
        return np.asarray(out - shares.chance * answer if len(sample.score) else out)

    influence, held_out = np.zeros(len(change)), np.zeros(len(change))
    influence[sample.rows], held = noise(sample.plain), noise(sample.held)
    held_out[sample.rows] = held if d.sum() > 1 else np.where(d > 0, _lone(dy, sample), held)
    return top - bottom, influence, held_out


def row_squares(x: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return ``x_i' M x_i`` for each row.

    Args:
        x: Shape (m, k).
        matrix: Shape (k, k).
    """
    return np.asarray(((x @ matrix) * x).sum(axis=1))


def kept(leverage: Any) -> Any:
    """Return 1 − leverage; 1 where a fit goes through its point, whose residual is then 0 and stays so.

    Args:
        leverage: From 0 to 1, a number or an array.
    """
    left = 1 - leverage
    return np.where(left > 1e-9, left, 1.0)  # 1e-9: rounding of a leverage of 1 is near 1e-15


def _lone(dy: FloatArray, sample: _Sample) -> float:
    """Return what noise a supported area brings that is alone in its cell: that of comparison areas about their fit.

    Of one sign in every cell, as if it were the same noise each time: its covariances are then not too small.
    """
    d, x = sample.d, sample.x
    x = x if x.shape[1] > 1 else np.ones((len(dy), 1))
    slope = np.linalg.lstsq(x * (1 - d)[:, None], dy * (1 - d), rcond=None)[0]
    left = (dy - x @ slope)[d == 0]
    return float(np.sqrt(left @ left / max(len(left) - x.shape[1], 1)))


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


def _even(cells: GroupTime, rows: BoolArray) -> Estimate:
    return _mixed(cells, rows / rows.sum())


def _mixed(rows: Estimate, share: FloatArray) -> Estimate:
    """Return rows' estimates in one, with these shares."""
    return Estimate(
        np.array([share @ rows.effect]), (share @ rows.influence)[None], (share @ rows.held_out)[None]
    )


def _weighted(cells: GroupTime, rows: BoolArray) -> Estimate:
    """Return cells averaged by the size of their groups."""
    return _combine(
        Estimate(cells.effect[rows], cells.influence[rows], cells.held_out[rows]),
        cells.group[rows],
        cells.size[rows].astype(np.float64),
        cells.start,
    )


def _combine(
    rows: Estimate, group: IntArray, size: FloatArray, start: IntArray, times: IntArray | None = None
) -> Estimate:
    """Return rows weighted by sizes of their groups, with the error of the sizes as shares of a sampled population.

    `times` is how many cells of the group a row stands for, 1 by default.

    With s_k the share of areas in row k's group, weight s_k ÷ Σ s has the influence (1[G = g_k] − s_k) ÷ Σ s less
    s_k Σ_j (1[G = g_j] − s_j) ÷ (Σ s)². Where all rows are of one group the two cancel.
    """
    n = len(start)
    many = np.ones(len(size)) if times is None else times
    share = size / n
    total = float(many @ share)
    effect = float((many * share) @ rows.effect / total)
    moved = many * (rows.effect - effect) / total
    # What a row adds to areas of its group, less what it adds to all: Σ_k moved_k (1[G = g_k] − s_k).
    shift = np.full(n, -float(moved @ share))
    for one, amount in zip(group.tolist(), moved.tolist(), strict=True):
        shift[start == one] += amount
    mixed = _mixed(rows, many * share / total)
    return Estimate(np.array([effect]), mixed.influence + shift / n, mixed.held_out + shift / n)
