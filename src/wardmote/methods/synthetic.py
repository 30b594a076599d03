"""A synthetic comparison: the mix of unsupported areas that did as the supported area did, before support.

Weights are never negative and add up to 1, so that nothing is extrapolated. Three forms: on outcomes alone; nested (predictors matter
as much as makes the earlier outcome fit best, after Abadie, Diamond and Hainmueller); and synthetic differences in differences, which
weighs earlier periods too and compares changes.

The nested form is our own: the Python packages that were tried stop at other optima on the published examples, or need minutes. The
search over the predictors' importance has many local optima; several starts are tried and the best fit is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray
from wardmote.methods.differences import NEVER

SUM_WEIGHT = 1e5
"""Weight of the row that says "weights add up to 1", in units of the data's size: the sum is then off by about 1e-10, the inverse of its
square, and five of the sixteen digits of a float64 are spent on it."""

STARTS = 8
"""Random starts of the nested search, besides even importance and each predictor alone. With 8 the published examples are found from
every seed that was tried."""

STEPS = 400
"""Steps of one Nelder–Mead search for each dimension of the predictors' importance."""

DUAL_STEPS = 100
"""Newton steps on the dual of the problem with a ridge; it takes five to fifteen."""

DUAL_TOLERANCE = 1e-12
"""Largest slope at which the dual counts as solved, in units of the largest gap: near rounding, and three digits under what is told."""

TINY_RIDGE = 1e-6
"""Ridge on time weights, relative to the noise: makes the solution unique, nothing else (Arkhangelsky and others 2021, p. 4092)."""


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A synthetic control of one supported area.

    Attributes:
        weights: Weight of each comparison area, shape (k,), ≥ 0, adding to 1.
        importance: Importance of each predictor, shape (p,), adding to 1; empty where only outcomes were used.
        gap: Outcome less its synthetic, shape (periods,).
        fit: Mean squared gap before support, in the outcome's unit squared.
        effect: Mean gap from the start on.
    """

    weights: FloatArray
    importance: FloatArray
    gap: FloatArray
    fit: float
    effect: float


@dataclass(frozen=True, slots=True)
class SyntheticDifference:
    """A synthetic difference in differences of areas that start together.

    Attributes:
        effect: The estimate, in the outcome's unit.
        area_weights: Weight of each comparison area, shape (k,), adding to 1.
        time_weights: Weight of each earlier period, shape (before,), adding to 1.
        gap: Mean of supported areas less the weighted comparison, by period, less the weighted gap before: shape (periods,).
    """

    effect: float
    area_weights: FloatArray
    time_weights: FloatArray
    gap: FloatArray


def simplex_weights(donors: npt.ArrayLike, target: npt.ArrayLike, *, ridge: float = 0.0) -> FloatArray:
    """Return the weights ≥ 0 with sum 1 that minimise ``|target − donors w|² + ridge |w|²``.

    Non-negative least squares with a heavy row for the sum.

    Args:
        donors: Shape (m, k): one column for each comparison area.
        target: Shape (m,).
        ridge: Penalty on the sum of squared weights, ≥ 0, in the unit of the data squared.

    Returns:
        Weights, shape (k,). One donor has weight 1. Where several solutions are equally good, one of them.

    Raises:
        MethodError: Shapes that do not fit, no donor, or missing values.

    Source:
        C. Lawson and R. Hanson (1974), *Solving Least Squares Problems*, chapter 23.
    """
    x, b = np.asarray(donors, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if x.ndim != 2 or b.shape != x.shape[:1] or not x.size or np.isnan(x).any() or np.isnan(b).any():
        raise MethodError(
            Problem(
                "synthetic control",
                "comparison areas do not fit",
                f"shapes {x.shape} and {b.shape}, {int(np.isnan(x).sum() + np.isnan(b).sum())} missing",
                "at least one comparison area, without gaps",
            )
        )
    return _simplex(x, b, ridge)


def _simplex(x: FloatArray, b: FloatArray, ridge: float = 0.0) -> FloatArray:
    """Return the weights, unchecked."""
    from scipy.optimize import nnls

    k = x.shape[1]
    if k == 1:
        return np.ones(1)
    if ridge > 0 and k > len(x):
        found = _many_donors(x - b[:, None], ridge)
        if found is not None:
            return found
    x, b = x - b[:, None], np.zeros(len(b))  # since weights add to 1; keeps large levels from costing digits
    if ridge > 0:
        x = np.vstack([x, np.sqrt(ridge) * np.eye(k)])
        b = np.concatenate([b, np.zeros(k)])
    heavy = SUM_WEIGHT * max(float(np.abs(x).max()), np.finfo(np.float64).tiny)
    w, _ = nnls(np.vstack([x, np.full(k, heavy)]), np.append(b, heavy))
    return np.asarray(w / w.sum())


def _many_donors(x: FloatArray, ridge: float) -> FloatArray | None:
    """Return the weights that minimise ``|x w|² + ridge |w|²``, by Newton's method on the dual, which has a number for each period only.

    With v = x w, the weights are the point of the simplex nearest to −x'v ÷ ridge; v solves ``v = x w(v)``, the slope of a convex function
    that is quadratic by pieces, so that a few steps end exactly. None where they do not, as with a ridge near 0.
    """
    scale = float(np.abs(x).max())
    if not scale > 0:
        return np.full(x.shape[1], 1 / x.shape[1])
    x, r = x / scale, ridge / scale**2

    def at(v: FloatArray) -> tuple[float, FloatArray]:
        pull = -(v @ x)
        w = _nearest_in_simplex(pull / r)
        return float(0.5 * v @ v + pull @ w - 0.5 * r * (w @ w)), w

    v = x.mean(axis=1)
    value, w = at(v)
    for _ in range(DUAL_STEPS):
        slope = v - x @ w
        if np.abs(slope).max() < DUAL_TOLERANCE:
            return w
        active = x[:, w > 0]
        active = active - active.mean(axis=1, keepdims=True)
        step = np.linalg.solve(np.eye(len(v)) + active @ active.T / r, slope)
        size = 1.0
        while size > 1e-6:
            trial, w_trial = at(v - size * step)
            if trial <= value - 1e-4 * size * float(slope @ step) + 1e-15 * abs(
                value
            ):  # Armijo's rule, with room for rounding
                break
            size /= 2
        else:  # rounding leaves nothing to gain: solved, or a ridge too near 0 for this way
            return w if np.abs(slope).max() < 1e3 * DUAL_TOLERANCE else None
        v, value, w = v - size * step, trial, w_trial
    return None


def _nearest_in_simplex(point: FloatArray) -> FloatArray:
    """Return the weights ≥ 0 with sum 1 nearest to a point: all coordinates less one number, cut off at 0."""
    order = np.sort(point)[::-1]
    excess = (np.cumsum(order) - 1) / np.arange(1, len(point) + 1)
    last = int(np.flatnonzero(order > excess)[-1])
    return np.asarray(np.maximum(point - excess[last], 0.0))


def synthetic_control(outcome: npt.ArrayLike, donors: npt.ArrayLike, before: int) -> Synthetic:
    """Return the synthetic control that fits earlier outcomes best.

    Args:
        outcome: Outcome of the supported area, shape (periods,).
        donors: Outcomes of comparison areas, shape (periods, k).
        before: Periods before support, from 2 to periods − 1.

    Returns:
        The synthetic control; see `Synthetic`.

    Raises:
        MethodError: Shapes that do not fit, missing values, or too few periods before.

    Source:
        A. Abadie and J. Gardeazabal (2003), *American Economic Review* 93: 113–132; N. Doudchenko and G. Imbens (2016), NBER 22791,
        section 4, with the constraints of the former.
    """
    y, pool = _series(outcome, donors, before)
    weights = simplex_weights(pool[:before], y[:before])
    return _told(y, pool, before, weights, np.zeros(0))


def nested_control(
    outcome: npt.ArrayLike,
    donors: npt.ArrayLike,
    before: int,
    *,
    predictors: npt.ArrayLike,
    donor_predictors: npt.ArrayLike,
    fit: npt.ArrayLike | None = None,
    rng: np.random.Generator | None = None,
) -> Synthetic:
    """Return the synthetic control whose predictors matter as much as makes the earlier outcome fit best.

    For importances v ≥ 0 with sum 1, ``W(v) = argmin Σ_p v_p (x_p − Σ_j w_j x_pj)²`` over weights; v minimises the mean squared gap of
    the earlier outcome under W(v). Predictors are divided by their standard deviation over all areas first.

    Args:
        outcome: Outcome of the supported area, shape (periods,).
        donors: Outcomes of comparison areas, shape (periods, k).
        before: Periods before support.
        predictors: Predictors of the supported area, shape (p,): covariates and outcomes of single periods.
        donor_predictors: The same of comparison areas, shape (p, k).
        fit: Which periods' gaps are made small, flags of shape (periods,); all before support by default.
        rng: For the random starts; a fixed one by default, so that the same data give the same weights.

    Returns:
        The synthetic control with the importances. A predictor that does not vary is given none.

    Raises:
        MethodError: As for `synthetic_control`; no predictor varies.

    Source:
        A. Abadie, A. Diamond and J. Hainmueller (2010), *Journal of the American Statistical Association* 105: 493–505, section 2.3.
    """
    y, pool = _series(outcome, donors, before)
    own, others = np.asarray(predictors, dtype=np.float64), np.asarray(donor_predictors, dtype=np.float64)
    if (
        own.ndim != 1
        or others.shape != (len(own), pool.shape[1])
        or np.isnan(own).any()
        or np.isnan(others).any()
    ):
        raise MethodError(
            Problem(
                "synthetic control",
                "predictors do not fit",
                f"shapes {own.shape} and {others.shape}",
                f"(p,) and (p, {pool.shape[1]}), without gaps",
            )
        )
    spread = np.column_stack([others, own]).std(axis=1, ddof=1)
    varying = spread > 0
    if not varying.any():
        raise MethodError(
            Problem("synthetic control", "no predictor varies", "", "one that differs between areas")
        )
    own, others = own[varying] / spread[varying], others[varying] / spread[varying, None]
    used = np.arange(len(y)) < before if fit is None else np.asarray(fit, dtype=np.bool_)

    def weights(v: FloatArray) -> FloatArray:
        root = np.sqrt(v)
        return _simplex(others * root[:, None], own * root)

    def loss(v: FloatArray) -> float:
        gap = y[used] - pool[used] @ weights(v)
        return float(gap @ gap) / int(used.sum())

    best = _search(loss, len(own), rng if rng is not None else np.random.default_rng(0))
    importance = np.zeros(len(spread))
    importance[varying] = best
    return _told(y, pool, before, weights(best), importance)


def _search(loss: Callable[[FloatArray], float], size: int, rng: np.random.Generator) -> FloatArray:
    """Return the importances of least loss: short searches from every start, then long ones from the three best."""
    from scipy.optimize import minimize

    def of(free: FloatArray) -> FloatArray:
        v = np.abs(free)
        return np.asarray(v / max(float(v.sum()), np.finfo(np.float64).tiny))

    def at(free: FloatArray) -> float:
        return loss(of(free))

    if size == 1:
        return np.ones(1)
    starts = [
        np.full(size, 1 / size),
        *np.eye(size) * 0.8 + 0.2 / size,
        *rng.dirichlet(np.ones(size), STARTS),
    ]

    def searched(v: FloatArray, steps: int) -> tuple[float, FloatArray]:
        found = minimize(
            at,
            v,
            method="Nelder-Mead",
            options={"maxiter": steps, "xatol": 1e-7, "fatol": 1e-10, "adaptive": True},
        )
        return float(found.fun), of(np.asarray(found.x))

    first = sorted((searched(v, 10 * size) for v in starts), key=lambda pair: pair[0])
    last = [searched(v, STEPS * size) for _, v in first[:3]]
    # A search that begins anew from the best end leaves a collapsed simplex behind.
    last.append(searched(min(last, key=lambda pair: pair[0])[1], STEPS * size))
    return min(last, key=lambda pair: pair[0])[1]


def synthetic_difference(
    outcome: npt.ArrayLike, treated: npt.ArrayLike, before: int, *, noise: float | None = None
) -> SyntheticDifference:
    """Return the synthetic difference in differences of areas that start together.

    Area weights w and time weights u solve, with free intercepts::

        min_w Σ_{t<T0} (w0 + Σ_j w_j y_jt − ȳ_t)² + ζ² T0 |w|²         ζ = (n1 T1)^¼ σ
        min_u Σ_j (u0 + Σ_{t<T0} u_t y_jt − mean_{t≥T0} y_jt)² + tiny |u|²
        effect = (ȳ_after − Σ u_t ȳ_t) − Σ_j w_j (y_j,after − Σ u_t y_jt)

    σ is the standard deviation of comparison areas' changes from one earlier period to the next.

    Args:
        outcome: Panel, shape (periods, n areas), without gaps.
        treated: True where supported, shape (n,).
        before: Periods before support, at least 2.
        noise: σ; estimated by default.

    Returns:
        The estimate and its weights.

    Raises:
        MethodError: Missing values, no supported area, fewer than two comparison areas or earlier periods.

    Source:
        D. Arkhangelsky, S. Athey, D. Hirshberg, G. Imbens and S. Wager (2021), "Synthetic difference-in-differences", *American
        Economic Review* 111: 4088–4118, equations 4–6 and algorithm 1.
    """
    y, inside = np.asarray(outcome, dtype=np.float64), np.asarray(treated, dtype=np.bool_)
    if y.ndim != 2 or inside.shape != y.shape[1:] or np.isnan(y).any():
        raise MethodError(
            Problem(
                "synthetic difference",
                "the panel does not fit",
                f"shape {y.shape}, {int(np.isnan(y).sum())} missing",
                "(periods, n) without gaps",
            )
        )
    own, pool = y[:, inside].mean(axis=1) if inside.any() else y[:, 0], y[:, ~inside]
    after = len(y) - before
    if not inside.any() or pool.shape[1] < 2 or before < 2 or after < 1:
        raise MethodError(
            Problem(
                "synthetic difference",
                "too little to compare",
                f"{int(inside.sum())} supported, {pool.shape[1]} comparison areas, {before} periods before, {after} after",
                "1, 2, 2 and 1 at least",
            )
        )
    sigma = float(np.diff(pool[:before], axis=0).std(ddof=1)) if noise is None else noise
    zeta = (inside.sum() * after) ** 0.25 * sigma
    area = _level_free(pool[:before], own[:before], zeta**2 * before)
    later = pool[before:].mean(axis=0)
    time = _level_free(pool[:before].T, later, (TINY_RIDGE * sigma) ** 2 * pool.shape[1])
    gap = own - pool @ area
    gap = gap - time @ gap[:before]
    return SyntheticDifference(float(gap[before:].mean()), area, time, gap)


def _level_free(x: FloatArray, b: FloatArray, ridge: float) -> FloatArray:
    """Return simplex weights with a free intercept: the same problem about the columns' means."""
    return _simplex(x - x.mean(axis=0), b - b.mean(), ridge)


def staggered_difference(
    outcome: npt.ArrayLike, start: npt.ArrayLike
) -> tuple[float, list[tuple[int, int, SyntheticDifference]]]:
    """Return the synthetic difference in differences of areas with several starts: each cohort's, weighted by supported area-periods.

    Args:
        outcome: Panel, shape (periods, n areas), without gaps.
        start: First supported period of each area or `NEVER`, shape (n,). Comparison areas are those never supported.

    Returns:
        The average, and for each cohort its start, its number of areas and its estimate. Cohorts with fewer than two periods before
        their start are left out.

    Raises:
        MethodError: As for `synthetic_difference`; no cohort has two periods before its start.

    Source:
        Arkhangelsky and others (2021), appendix A.
    """
    y, begun = np.asarray(outcome, dtype=np.float64), np.asarray(start, dtype=np.int64)
    cohorts = []
    for first in [int(g) for g in np.unique(begun) if 2 <= g < len(y)]:
        kept = (begun == first) | (begun == NEVER)
        found = synthetic_difference(y[:, kept], begun[kept] == first, first)
        cohorts.append((first, int((begun == first).sum()), found))
    if not cohorts:
        raise MethodError(
            Problem(
                "synthetic difference",
                "no area has two periods before its start",
                "",
                "a start from the third period on",
            )
        )
    weight = np.array([count * (len(y) - first) for first, count, _ in cohorts], dtype=np.float64)
    effect = np.array([found.effect for *_, found in cohorts])
    return float(weight @ effect / weight.sum()), cohorts


def difference_noise(
    outcome: npt.ArrayLike, start: npt.ArrayLike, cohorts: list[tuple[int, int, SyntheticDifference]]
) -> tuple[FloatArray, FloatArray]:
    """Return what each area contributes to the error of a staggered synthetic difference, and the weight of each observation.

    Weights are taken as fixed, as in the paper's jackknife (algorithm 3). With A_i area i's later mean less its weighted earlier one,
    supported areas bring (A_i − mean) ÷ n1 and comparison areas −w_i (A_i − Σ w A), each residual over its standard deviation in σ.

    Args:
        outcome: Panel, shape (periods, n areas), without gaps.
        start: First supported period of each area or `NEVER`, shape (n,).
        cohorts: From `staggered_difference`.

    Returns:
        Contributions, shape (n,), and weights, shape (periods, n): the estimate is their products' sum with the outcome.

    Source:
        Arkhangelsky and others (2021), algorithm 3.
    """
    y, begun = np.asarray(outcome, dtype=np.float64), np.asarray(start, dtype=np.int64)
    noise, weights, never = np.zeros(y.shape[1]), np.zeros_like(y), begun == NEVER
    total = sum(count * (len(y) - first) for first, count, _ in cohorts)
    for first, count, found in cohorts:
        share = count * (len(y) - first) / total
        after = len(y) - first
        when = np.concatenate([-found.time_weights, np.full(after, 1 / after)])
        change, own, w = when @ y, begun == first, found.area_weights
        # One area alone has no residual of its own; what it brings is left to placebos.
        noise[own] += share * (change[own] - change[own].mean()) / max(np.sqrt(count * (count - 1)), 1)
        left = np.maximum(1 - 2 * w + w @ w, 1e-9)
        noise[never] -= share * w * (change[never] - w @ change[never]) / np.sqrt(left)
        weights[:, own] += share * when[:, None] / count
        weights[:, never] -= share * np.outer(when, w)
    return noise, weights


def placebo_error(
    outcome: npt.ArrayLike, start: npt.ArrayLike, *, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Return synthetic differences of areas that were not supported, as if they had been: their spread is the estimate's error.

    Args:
        outcome: Panel, shape (periods, n areas), without gaps.
        start: First supported period of each area or `NEVER`, shape (n,).
        draws: How many placebos.
        rng: The generator.

    Returns:
        Estimates under no effect, shape (draws,). Their standard deviation is the standard error, which assumes that supported and
        comparison areas are equally noisy.

    Raises:
        MethodError: Not more comparison areas than supported ones.

    Source:
        Arkhangelsky and others (2021), algorithm 4.
    """
    y, begun = np.asarray(outcome, dtype=np.float64), np.asarray(start, dtype=np.int64)
    pool = np.flatnonzero(begun == NEVER)
    starts = begun[(begun != NEVER) & (begun >= 2) & (begun < len(y))]
    if len(pool) < len(starts) + 2:
        raise MethodError(
            Problem(
                "synthetic difference",
                "too few comparison areas for placebos",
                str(len(pool)),
                f"{len(starts) + 2} or more",
            )
        )
    out = np.empty(draws)
    for draw in range(draws):
        order = rng.permutation(pool)
        made = np.full(len(pool), NEVER, dtype=np.int64)
        made[: len(starts)] = starts
        out[draw] = staggered_difference(y[:, order], made)[0]
    return out


def placebo_ranks(fits: npt.ArrayLike, later: npt.ArrayLike, chosen: int = 0) -> float:
    """Return the share of areas whose gap after support grew at least as much as the supported area's: a permutation p-value.

    Args:
        fits: Mean squared gap before support of each area's own synthetic control, shape (n,), ≥ 0.
        later: The same after it, shape (n,).
        chosen: Position of the supported area.

    Returns:
        Share, from 1 ÷ n to 1: (areas with ratio later ÷ fit ≥ the supported area's) ÷ n. A perfect earlier fit has an infinite ratio.

    Raises:
        MethodError: Shapes that do not fit.

    Source:
        Abadie, Diamond and Hainmueller (2010), section 3.4.
    """
    first, second = np.asarray(fits, dtype=np.float64), np.asarray(later, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise MethodError(
            Problem("synthetic control", "fits do not fit", f"{first.shape}, {second.shape}", "two of (n,)")
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(second == 0, 0.0, second / first)
    return float((ratio >= ratio[chosen]).mean())


def _series(outcome: npt.ArrayLike, donors: npt.ArrayLike, before: int) -> tuple[FloatArray, FloatArray]:
    """Return outcome and pool, checked."""
    y, pool = np.asarray(outcome, dtype=np.float64), np.asarray(donors, dtype=np.float64)
    fitting = y.ndim == 1 and pool.ndim == 2 and pool.shape[0] == len(y) and pool.shape[1] >= 1
    if not fitting or np.isnan(y).any() or np.isnan(pool).any():
        raise MethodError(
            Problem(
                "synthetic control",
                "outcome and comparison areas do not fit",
                f"shapes {y.shape} and {pool.shape}",
                "(periods,) and (periods, k), without gaps",
            )
        )
    if not 2 <= before < len(y):
        raise MethodError(
            Problem(
                "synthetic control",
                "too few periods",
                f"{before} before support of {len(y)}",
                "2 before it and 1 after it at least",
            )
        )
    return y, pool


def _told(
    y: FloatArray, pool: FloatArray, before: int, weights: FloatArray, importance: FloatArray
) -> Synthetic:
    gap = y - pool @ weights
    return Synthetic(weights, importance, gap, float((gap[:before] ** 2).mean()), float(gap[before:].mean()))
