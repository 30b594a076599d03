"""Comparison areas: who is like the supported areas, and how alike they end up.

Matching picks areas, weighting weighs them. Both are judged by the balance table: how far the means of what is known before support
lie apart, in standard deviations, before and after. Neither can balance what was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.differences import propensity

Metric = Literal["propensity", "mahalanobis", "scaled"]

CALIPER = 0.2
"""Widest distance in standard deviations of the propensity's logit: removes at least 98% of the bias in most designs (Austin 2011,
*Pharmaceutical Statistics* 10: 150–161)."""

NOTABLE = 0.1
"""Standardised difference from which a covariate is called unbalanced (Normand and others 2001, *J Clin Epidemiol* 54: 387–398)."""

TIE = 1e-5
"""Squared distances that differ by less count as equal, as in R's Matching (its ``distance.tolerance``)."""

BLOCK = 256
"""Supported areas whose distances are held at a time: 256 × 33,000 distances are 68 MB."""

BALANCE_STEPS = 200
"""Newton steps of entropy balancing; it takes under 30 where a solution exists."""

BALANCE_TOLERANCE = 1e-6
"""Largest distance between balanced means, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Who was matched with whom.

    Attributes:
        treated: Positions of supported areas that have a match, shape (m,).
        partners: Positions of their comparison areas, shape (m, k), the nearest first; −1 where there are fewer.
        distance: Distances, shape (m, k), NaN where there are fewer.
        unmatched: Positions of supported areas without any match within the caliper and the exact groups.
        weights: Weight of each area, shape (n,): 1 for matched supported areas, what they lend to comparison areas (adding up to m), 0
            elsewhere.
    """

    treated: IntArray
    partners: IntArray
    distance: FloatArray
    unmatched: IntArray
    weights: FloatArray


@dataclass(frozen=True, slots=True)
class Balance:
    """How alike supported and comparison areas are, by covariate, shape (k,) each.

    Attributes:
        treated: Mean of supported areas.
        compared: Mean of comparison areas, unweighted.
        weighted: Mean of comparison areas, weighted.
        before: Standardised difference of `treated` and `compared`; NaN where supported areas do not vary.
        after: Standardised difference of the weighted means, by the same standard deviation.
        ratio: Variance of weighted comparison areas over that of supported ones; 1 is alike.
        areas: Effective number of comparison areas, (Σ w)² ÷ Σ w², one number.
    """

    treated: FloatArray
    compared: FloatArray
    weighted: FloatArray
    before: FloatArray
    after: FloatArray
    ratio: FloatArray
    areas: float


def match(
    treated: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    metric: Metric = "mahalanobis",
    partners: int = 1,
    caliper: float | None = None,
    exact: npt.ArrayLike | None = None,
    allowed: npt.ArrayLike | None = None,
    again: bool = True,
) -> Matches:
    """Return the comparison areas nearest to each supported area.

    Distance is ``√((x − z)' S⁻¹ (x − z))`` with S the covariance over all areas (mahalanobis), or the absolute difference of the logits
    of the fitted chances of support, in standard deviations (propensity). With scaled, S keeps only the variances.

    Args:
        treated: True where supported, shape (n,).
        covariates: Known before support, shape (k, n), no NaN.
        metric: mahalanobis, propensity or scaled.
        partners: Comparison areas for each supported one, at least 1; more where several are equally far, so that the order of rows
            changes nothing.
        caliper: Widest distance; None for any. `CALIPER` is usual for propensity.
        exact: Groups within which matches must lie, shape (n,); None for one group.
        allowed: Areas that may be comparison areas, shape (n,): leave out neighbours of supported areas here. All by default.
        again: Whether a comparison area may serve several. If not, supported areas choose in the order of their propensity (highest
            first; by distance from the mean for mahalanobis), since those are hardest to match.

    Returns:
        The matches; see `Matches`. Where each comparison area serves once only, of those equally far the first in order is taken.

    Raises:
        MethodError: No supported or no comparison area, covariates that do not fit or do not vary.

    Source:
        D. Rubin (1980), *Biometrics* 36: 293–298; P. Rosenbaum and D. Rubin (1985), *The American Statistician* 39: 33–38; E. Stuart
        (2010), *Statistical Science* 25: 1–21.
    """
    inside, x = _pair(treated, covariates)
    n = len(inside)
    pool = ~inside & (np.ones(n, dtype=np.bool_) if allowed is None else np.asarray(allowed, dtype=np.bool_))
    if not pool.any():
        raise MethodError(
            Problem(
                "matching",
                "the comparison pool is empty",
                "0 areas",
                "one at least",
                "Widen the pool, or exclude fewer neighbours.",
            )
        )
    groups = (
        np.zeros(n, dtype=np.int64) if exact is None else np.unique(np.asarray(exact), return_inverse=True)[1]
    )
    score = _scores(inside, x, metric)
    order = np.flatnonzero(inside)
    if not again:
        order = order[np.argsort(-np.abs(score[order] - score[pool].mean(axis=0)).sum(axis=1), kind="stable")]
    free = pool.copy()
    chosen: list[tuple[IntArray, FloatArray]] = [(np.zeros(0, dtype=np.int64), np.zeros(0))] * len(order)
    for begin in range(0, len(order), BLOCK if again else 1):
        rows = order[begin : begin + (BLOCK if again else 1)]
        for group in np.unique(groups[rows]):
            at = np.flatnonzero(groups[rows] == group)
            picked = _nearest(
                score, rows[at], np.flatnonzero(free & (groups == group)), partners, caliper, ties=again
            )
            for place, one in zip(at, picked, strict=True):
                chosen[begin + place] = one
                if not again:
                    free[one[0]] = False
    width = max(len(near) for near, _ in chosen)
    found = np.full((len(order), max(width, 1)), -1, dtype=np.int64)
    far = np.full(found.shape, np.nan)
    for position, (near, gaps) in enumerate(chosen):
        found[position, : len(near)], far[position, : len(near)] = near, gaps
    have = (found >= 0).any(axis=1)
    sort = np.argsort(order[have], kind="stable")
    return Matches(
        order[have][sort],
        found[have][sort],
        far[have][sort],
        np.sort(order[~have]),
        _lent(order[have], found[have], n),
    )


class MatchedEffect(NamedTuple):
    """The mean difference between supported areas and their matches.

    Attributes:
        effect: The difference, in the outcome's unit.
        standard_error: Its standard error; NaN where there is one pair.
        spread: σ², the variance of one area's outcome about what its covariates foretell.
    """

    effect: float
    standard_error: float
    spread: float


def matched_effect(
    outcome: npt.ArrayLike, matches: Matches, *, covariates: npt.ArrayLike | None = None
) -> MatchedEffect:
    """Return the mean difference between supported areas and their matches, with its standard error.

    With s_ij the share that comparison area j has in supported area i's matches and w_j = Σ_i s_ij::

        d_ij  = y_i − y_j − b'(x_i − x_j)         τ = Σ_ij s_ij d_ij ÷ m
        σ²    = Σ_ij s_ij (d_ij − τ)² ÷ 2m
        error = √[ Σ_i (Σ_j s_ij d_ij − τ)² + σ² Σ_j (w_j² − Σ_i s_ij²) ] ÷ m

    b is the least-squares slope among matched comparison areas by their weight, 0 without covariates. Give changes as the outcome for
    a matched before–after comparison.

    Args:
        outcome: One figure for each area, shape (n,); not NaN for matched areas.
        matches: From `match`.
        covariates: Shape (k, n), to correct what distance is left within pairs; None for no correction.

    Returns:
        Effect on the supported areas that have matches, its standard error, and σ²; NaN for the error where there is one pair.

    Raises:
        MethodError: No match, or a missing outcome.

    Source:
        A. Abadie and G. Imbens (2006), *Econometrica* 74: 235–267, theorem 7 with equal variances; (2011), *JBES* 29: 1–11, for the
        correction. Checked against Imbens and Xu (2024), table B1.
    """
    y = np.asarray(outcome, dtype=np.float64)
    missing = int(np.isnan(y[matches.weights > 0]).sum())
    if not len(matches.treated) or missing:
        raise MethodError(
            Problem(
                "matching",
                "matched areas have no outcome",
                f"{missing} missing of {len(matches.treated)} matched",
                "a match, and outcomes for all",
            )
        )
    there = matches.partners >= 0
    share = there / there.sum(axis=1, keepdims=True)
    at = np.maximum(matches.partners, 0)
    pair = y[matches.treated][:, None] - y[at]
    lent = np.bincount(at[there], share[there], len(y))
    if covariates is not None:
        x = np.atleast_2d(np.asarray(covariates, dtype=np.float64))
        pool = np.flatnonzero(lent)
        root = np.sqrt(lent[pool])
        design = np.column_stack([np.ones(len(pool)), x[:, pool].T])
        slope = np.linalg.lstsq(design * root[:, None], y[pool] * root, rcond=None)[0][1:]
        pair = pair - np.einsum("k,kij->ij", slope, x[:, matches.treated][:, :, None] - x[:, at])
    pair = np.where(there, pair, 0.0)
    gap = (pair * share).sum(axis=1)
    effect, m = float(gap.mean()), len(gap)
    spread = (share * np.where(there, pair - effect, 0.0) ** 2).sum() / m / 2
    again = lent**2 - np.bincount(at[there], share[there] ** 2, len(y))
    variance = (((gap - effect) ** 2).sum() + spread * again.sum()) / m**2
    return MatchedEffect(effect, float(np.sqrt(variance)) if variance > 0 else float("nan"), float(spread))


def entropy_weights(
    treated: npt.ArrayLike, covariates: npt.ArrayLike, *, allowed: npt.ArrayLike | None = None
) -> FloatArray:
    """Return weights of comparison areas, as even as possible, under which their means equal the supported areas'.

    Minimises ``Σ w ln(w)`` subject to ``Σ w x = mean of supported`` and ``Σ w = 1``: ``w_j ∝ exp(λ'x_j)`` with λ from the dual, which
    is smooth and convex. Give squares and products as further covariates to balance variances and correlations.

    Args:
        treated: True where supported, shape (n,).
        covariates: Shape (k, n), no NaN; those that are constant or repeat others are left out of the solution, not of the check.
        allowed: Areas that may be comparison areas, shape (n,).

    Returns:
        Weights, shape (n,): adding to 1 over comparison areas, 0 for supported ones and those not allowed.

    Raises:
        MethodError: No weights balance the means: the supported areas' lie outside what comparison areas span.

    Source:
        J. Hainmueller (2012), "Entropy balancing for causal effects", *Political Analysis* 20: 25–46, equations 5–8.
    """
    inside, x = _pair(treated, covariates)
    pool = ~inside & (
        np.ones(len(inside), dtype=np.bool_) if allowed is None else np.asarray(allowed, dtype=np.bool_)
    )
    if not pool.any():
        raise MethodError(
            Problem("entropy balancing", "the comparison pool is empty", "0 areas", "one at least")
        )
    scale = x.std(axis=1)
    varying = scale > 0
    z = (x[varying][:, pool] - x[varying][:, inside].mean(axis=1, keepdims=True)) / scale[varying, None]
    basis = _independent(z)
    weights = _dual(z[basis]) if basis.size else np.full(int(pool.sum()), 1 / pool.sum())
    off = float(np.abs(z @ weights).max()) if varying.any() else 0.0
    if off > BALANCE_TOLERANCE:
        raise MethodError(
            Problem(
                "entropy balancing",
                "no weights balance the covariates",
                f"means {off:.2g} standard deviations apart",
                f"at most {BALANCE_TOLERANCE:g}",
                "Balance fewer covariates, or widen the pool.",
            )
        )
    out = np.zeros(len(inside))
    out[pool] = weights
    return out


def balance(
    treated: npt.ArrayLike, covariates: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Balance:
    """Return how alike supported and comparison areas are, before and after weighting.

    Standardised difference: difference of means ÷ standard deviation of supported areas, the same before and after.

    Args:
        treated: True where supported, shape (n,).
        covariates: Shape (k, n), no NaN.
        weights: Weight of each area ≥ 0, shape (n,), as `Matches.weights` or `entropy_weights` give; None for no weighting. Supported
            areas with weight 0 are left out only where others have one.

    Returns:
        The table; see `Balance`.

    Raises:
        MethodError: Shapes that do not fit, or comparison areas without any weight.

    Source:
        Rosenbaum and Rubin (1985); Stuart (2010), section 4.1.
    """
    inside, x = _pair(treated, covariates)
    w = np.ones(len(inside)) if weights is None else np.asarray(weights, dtype=np.float64)
    own = inside & (w > 0) if (w[inside] > 0).any() else inside
    lent = w[~inside]
    if w.shape != inside.shape or not lent.sum() > 0:
        raise MethodError(
            Problem("balance", "comparison areas have no weight", str(lent.sum()), "a sum above 0")
        )
    share = lent / lent.sum()
    mine, plain = x[:, own].mean(axis=1), x[:, ~inside].mean(axis=1)
    mixed = x[:, ~inside] @ share
    sd = x[:, inside].std(axis=1, ddof=1) if inside.sum() > 1 else x.std(axis=1, ddof=1)
    sd = np.where(sd > 0, sd, np.nan)
    variance = ((x[:, ~inside] - mixed[:, None]) ** 2) @ share
    return Balance(
        mine,
        plain,
        mixed,
        (mine - plain) / sd,
        (mine - mixed) / sd,
        variance / sd**2,
        float(lent.sum() ** 2 / (lent**2).sum()),
    )


# ---- parts


def _pair(treated: npt.ArrayLike, covariates: npt.ArrayLike) -> tuple[BoolArray, FloatArray]:
    """Return who is supported and covariates of shape (k, n), checked."""
    inside = np.asarray(treated, dtype=np.bool_)
    x = np.atleast_2d(np.asarray(covariates, dtype=np.float64))
    if inside.ndim != 1 or x.shape[1] != len(inside) or np.isnan(x).any():
        raise MethodError(
            Problem(
                "comparators",
                "covariates do not fit",
                f"shape {x.shape}, {int(np.isnan(x).sum())} missing",
                f"(k, {inside.size}) without gaps",
            )
        )
    if not inside.any() or inside.all():
        raise MethodError(
            Problem(
                "comparators",
                "there is nothing to compare",
                f"{int(inside.sum())} of {len(inside)} supported",
                "supported and other areas",
            )
        )
    return inside, x


def _scores(inside: BoolArray, x: FloatArray, metric: Metric) -> FloatArray:
    """Return coordinates in which plain distance is the metric's, shape (n, d)."""
    sd = x.std(axis=1)
    if not (sd > 0).any():
        raise MethodError(Problem("matching", "no covariate varies", "", "one that differs between areas"))
    z = (x[sd > 0] - x[sd > 0].mean(axis=1, keepdims=True)) / sd[sd > 0, None]
    if metric == "scaled":
        return np.asarray(z.T)
    z = z[_independent(z)]
    if metric == "propensity":
        p = propensity(inside.astype(np.float64), np.column_stack([np.ones(len(inside)), z.T]))
        logit = np.log(p / (1 - p))
        return np.asarray((logit / (logit.std() or 1.0))[:, None])
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(z)))
    return np.asarray(z.T @ (vectors / np.sqrt(values)))


def _independent(z: FloatArray) -> IntArray:
    """Return rows that are not sums of the others, by pivoted QR."""
    from scipy.linalg import qr

    _, r, pivot = qr(z.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(r))
    # 1e-8 of the largest: what rounding leaves of an exact repeat is near 1e-15, a real covariate is far above.
    return np.sort(
        np.asarray(pivot[: len(size)][size > 1e-8 * max(size[0], np.finfo(np.float64).tiny)], dtype=np.int64)
    )


def _nearest(
    score: FloatArray, rows: IntArray, pool: IntArray, partners: int, caliper: float | None, *, ties: bool
) -> list[tuple[IntArray, FloatArray]]:
    """Return for each row the nearest of the pool, nearest first, and how far they are."""
    if not len(pool):
        return [(np.zeros(0, dtype=np.int64), np.zeros(0))] * len(rows)
    squares = _squares(score[rows], score[pool])
    take = min(partners, len(pool))
    limit = np.partition(squares, take - 1, axis=1)[:, take - 1]
    out = []
    for row, last in zip(squares, limit, strict=True):
        near = np.flatnonzero(row <= last + TIE)
        near = near[np.argsort(row[near], kind="stable")]
        near = near if ties else near[:take]
        gaps = np.sqrt(row[near])
        fine = np.ones(len(near), dtype=np.bool_) if caliper is None else gaps <= caliper
        out.append((pool[near[fine]], gaps[fine]))
    return out


def _squares(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return squared distances by matrix product, which is many times faster with several covariates."""
    return np.asarray(np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T, 0.0))


def _lent(treated: IntArray, partners: IntArray, n: int) -> FloatArray:
    """Return the weight of each area: 1 for matched supported ones, shares lent to comparison areas."""
    weights = np.zeros(n)
    there = partners >= 0
    share = np.where(there, 1 / np.maximum(there.sum(axis=1, keepdims=True), 1), 0.0)
    np.add.at(weights, partners[there], share[there])
    weights[treated] = 1.0
    return weights


def _dual(z: FloatArray) -> FloatArray:
    """Return weights that bring the centred covariates' means to 0, by Newton's method with halved steps."""
    lam = np.zeros(len(z))

    def at(point: FloatArray) -> tuple[float, FloatArray]:
        power = point @ z
        top = power.max()
        raw = np.exp(power - top)
        return float(top + np.log(raw.sum())), raw / raw.sum()

    value, w = at(lam)
    for _ in range(BALANCE_STEPS):
        slope = z @ w
        if np.abs(slope).max() < BALANCE_TOLERANCE / 100:
            break
        bend = (z * w) @ z.T - np.outer(slope, slope)
        step = np.linalg.lstsq(bend, slope, rcond=None)[0]
        size, drop = 1.0, float(slope @ step)
        while size > 1e-10:
            trial, w_trial = at(lam - size * step)
            if trial <= value - 1e-4 * size * drop:  # Armijo's rule
                break
            size /= 2
        else:
            break
        lam, value, w = lam - size * step, trial, w_trial
    return w
