"""What supported areas would have had: imputed from their own level, the period, and how areas like them moved.

Area effects, period effects and slopes of covariates by period are fitted to all observations without support, and every outcome with it is
held against that fit. Groups of comparison need not be chosen; the fit must be right for all areas at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray, choose
from wardmote.methods.differences import (
    NEVER,
    Averaged,
    Estimate,
    Summary,
    as_panel,
    kept,
    row_squares,
)

NOUGHT = 1e-10
"""Eigenvalues below this share of the largest count as 0: one level of areas and periods is always free, and rounding leaves it at about
1e-15, too near NumPy's own limit; what data leave free by little is far above."""


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
    y, begun, design = as_panel(outcome, start, covariates)
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
    root = np.sqrt(kept(_leverage(begun, possible, design)))

    def one(weight: FloatArray) -> tuple[float, FloatArray]:
        v = np.where(free, -two_way.fitted(weight), weight)
        centred = _centred(gap, v, possible, cohort)
        return float((weight * gap).sum()), (v * np.where(possible, centred, gap * free)).sum(axis=0)

    rows = [one((possible & (keys == key)) / (possible & (keys == key)).sum()) for key in at]
    total = one(possible / possible.sum())
    influence = np.stack([row[1] for row in rows])
    return Averaged(
        np.array([row[0] for row in rows]),
        influence,
        influence / root,
        at.astype(np.int64),
        Estimate(np.array([total[0]]), total[1][None], total[1][None] / root),
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
    y, begun, design = as_panel(outcome, start, covariates)
    known = ~np.isnan(y)
    free = known & (np.arange(len(y))[:, None] < begun)
    filled = np.where(known, y, 0.0)
    full = _TwoWay.of(free, design)
    right = (filled * free - full.free * (full.each * (filled * free).sum(axis=0))) @ full.z
    slopes = (full.inverse @ right.ravel()).reshape(right.shape)
    return np.asarray(y - slopes[:, 1:] @ full.z[:, 1:].T)


def trend_noise(
    outcome: npt.ArrayLike, start: npt.ArrayLike, covariates: npt.ArrayLike, weights: npt.ArrayLike
) -> FloatArray:
    """Return what the fitted slopes of `without_covariate_trends` add to the error of a weighted sum of what it returns.

    ``θ = Σ w_it (y_it − b_t'x_i)`` moves by ``−Σ_t (Σ_i w_it x_i)' db_t`` when the slopes err by db; an area's contribution to db is that
    of least squares, ``S⁻¹ Σ_t e_it x_i``, e its residuals, over √(1 − leverage).

    Args:
        outcome: As for `without_covariate_trends`.
        start: As for `without_covariate_trends`.
        covariates: As for `without_covariate_trends`.
        weights: w, shape (periods, n), taken as fixed.

    Returns:
        Contributions of all areas, shape (n,), in the unit of θ.

    Raises:
        MethodError: Shapes that do not fit.
    """
    y, begun, design = as_panel(outcome, start, covariates)
    w = np.asarray(weights, dtype=np.float64)
    known = ~np.isnan(y)
    free = known & (np.arange(len(y))[:, None] < begun)
    filled = np.where(known, y, 0.0)
    full = _TwoWay.of(free, design)
    left = np.where(free, filled - full.fitted(filled * free), 0.0)
    root = np.sqrt(kept(_leverage(begun, known & ~free, design)))
    pull = -(w @ full.z)
    pull[:, 0] = 0.0  # levels by period are taken out again by the weights, which add up to 0 in each period
    moved = (full.inverse @ pull.ravel()).reshape(pull.shape)
    return np.asarray(((moved @ full.z.T) * left).sum(axis=0) / root)


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
    """Return supported gaps less the mean of their group and period, weighted by v² as the paper's equation 8 does.

    Groups of one area are put together: less its own mean, a lone area would seem to be without noise. The formula holds for any way
    of grouping; coarser groups err on the side of caution.
    """
    out = np.zeros_like(gap)
    groups, size = np.unique(cohort[possible.any(axis=0)], return_counts=True)
    lone = np.isin(cohort, groups[size == 1])
    sets = [cohort == group for group in groups[size > 1]] + ([lone] if lone.any() else [])
    for inside in sets:
        at = possible & inside
        squares = np.where(at, v**2, 0.0)
        total = squares.sum(axis=1)
        mean = np.divide((squares * gap).sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
        out = np.where(at, gap - mean[:, None], out)
    return out


def _leverage(begun: IntArray, possible: BoolArray, design: FloatArray) -> FloatArray:
    """Return each area's leverage in the fit that its residuals are taken from: its group's mean, or the slopes of areas never supported.

    Areas that are compared until their own start are counted by their group: the smaller of both samples, which errs towards caution.
    """
    out = np.zeros(len(begun))
    supported = possible.any(axis=0)
    for group in np.unique(begun[supported]):
        inside = supported & (begun == group)
        out[inside] = 1 / inside.sum() if inside.sum() > 1 else 0.0
    never = begun == NEVER
    if never.sum() > design.shape[1]:
        z = design[never]
        inverse = np.linalg.pinv(z.T @ z)
        out[never] = row_squares(z, np.asarray(inverse))
    return out
