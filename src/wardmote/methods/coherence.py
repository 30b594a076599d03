"""Whether the parts of an index hang together: correlations, dimensions, reliability, influence, and what leaving one out does.

These are the measures of a statistical audit. All take ``float64`` arrays with areas on the last axis, NaN where missing, and look
only at areas where everything that they compare is known. None depends on the order of the areas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray
from wardmote.methods.ranks import average_rank

By = Literal["scores", "ranks"]
"""What a correlation looks at: the scores (Pearson) or their ranks, ties averaged (Spearman)."""

FEWEST = 3
"""Fewest areas for a correlation: two points always lie on a line, so their correlation says nothing."""

KNOTS = 20
"""Most inner knots of the smoother. More change the explained share by less than 0.001 for curves of a few bends, and the penalty
keeps idle ones straight; fewer flatten a curve with several bends (Eilers and Marx 1996: ample knots, then a penalty)."""

FEW_VALUES = 12
"""With at most so many different values, each held by four areas or more on average, the mean of each value is the curve itself
and nothing needs to be smoothed: as many values as the smallest spline has room to bend between."""

_PENALTIES = np.logspace(-8.0, 8.0, 65)
"""Weights of the penalty that are tried, relative to the middle eigenvalue of the penalty: from an interpolating curve to a line,
four steps for each tenfold; the criterion is flat on that scale."""

_RIDGE = 1e-12
"""Added to the smoother's normal equations, relative to their size, so that a curve without areas between two knots stays
solvable; far above rounding (1e-16) and far below what any printed digit shows."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The principal components of some parts.

    Attributes:
        eigenvalues: Eigenvalues of the correlation matrix, largest first, shape (k,); they sum to k.
        share: Share of the variance that the first component carries, 0 to 1.
        loadings: Weights of the parts in the first component, shape (k,), of length 1; signed so that they sum to 0 or more.
        n: Areas where all parts are known.
    """

    eigenvalues: FloatArray
    share: float
    loadings: FloatArray
    n: int


@dataclass(frozen=True, slots=True)
class MainEffect:
    """How much of the variance of a result one part explains by itself.

    Attributes:
        ratio: The correlation ratio V(E(y|x)) ÷ V(y), 0 to 1: any curve counts.
        linear: The squared correlation, 0 to 1: only a straight line counts.
        n: Areas where both are known.
    """

    ratio: float
    linear: float
    n: int


def correlations(x: npt.ArrayLike, y: npt.ArrayLike | None = None, *, by: By = "scores") -> FloatArray:
    """Return the correlation of every row of one table with every row of another.

    ``Σ(x−x̄)(y−ȳ) ÷ √(Σ(x−x̄)² Σ(y−ȳ)²)`` over the areas where both are known; of ranks with ties averaged where ``by`` says so.

    Args:
        x: Values, shape (k, n), any unit. NaN is missing.
        y: Values, shape (m, n), any unit; ``x`` again by default.
        by: ``scores`` (Pearson) or ``ranks`` (Spearman; ranked among the areas where both are known).

    Returns:
        Correlations, shape (k, m), −1 to 1; NaN where fewer than three areas are known in both, or one of the two is constant.

    Raises:
        MethodError: The tables have different areas, or none.

    Source:
        Pearson and Spearman as R's ``cor(use = "pairwise.complete.obs")`` gives them.
    """
    rows = _table(x)
    others = rows if y is None else _table(y)
    if rows.shape[1] != others.shape[1]:
        raise MethodError(
            Problem("correlations", "the tables differ in areas", f"{rows.shape[1]} and {others.shape[1]}")
        )
    full: BoolArray = ~np.isnan(rows.sum(axis=1))
    other_full: BoolArray = ~np.isnan(others.sum(axis=1))
    found = np.full((len(rows), len(others)), np.nan)
    if full.any() and other_full.any():
        one = _centred(rows[full], by)
        two = one if y is None else _centred(others[other_full], by)
        # einsum, not a BLAS product: its result does not depend on the number of threads.
        found[np.ix_(full, other_full)] = np.einsum("in,jn->ij", one, two)
    for i, j in zip(*np.nonzero(~(full[:, None] & other_full[None, :])), strict=True):
        known = ~np.isnan(rows[i]) & ~np.isnan(others[j])
        if known.any():
            pair = _centred(np.stack([rows[i][known], others[j][known]]), by)
            found[i, j] = np.einsum("n,n->", pair[0], pair[1])
    clipped: FloatArray = np.clip(found, -1.0, 1.0)
    return clipped


def _table(x: npt.ArrayLike) -> FloatArray:
    """Return values as a table of rows by areas."""
    rows: FloatArray = np.atleast_2d(np.asarray(x, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise MethodError(
            Problem("coherence", "there is no area", str(np.shape(x)), "an array of shape (k, n) with n ≥ 1")
        )
    return rows


def _centred(rows: FloatArray, by: By) -> FloatArray:
    """Return rows less their mean, of length 1; NaN for a constant row or too few areas."""
    if rows.shape[1] < FEWEST:
        return np.full(rows.shape, np.nan)
    values = average_rank(rows) if by == "ranks" else rows
    constant: BoolArray = np.asarray((values == values[:, :1]).all(axis=1))
    away = values - values.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("rn,rn->r", away, away))
    length = np.where(constant | (length == 0), np.nan, length)
    scaled: FloatArray = away / length[:, None]
    return scaled


def alpha(x: npt.ArrayLike) -> float:
    """Return Cronbach's alpha: how reliably the sum of some parts measures one thing.

    ``k ÷ (k − 1) · (1 − Σ s_i² ÷ s²)`` with the variances s_i² of the parts and s² of their sum.

    Args:
        x: The parts on one scale, shape (k, n), all rising with the same thing. NaN is missing.

    Returns:
        Alpha, at most 1; below 0 where the parts run against each other; NaN for one part, fewer than three areas with all
        parts, or a sum that is constant. Areas that miss a part are left aside.

    Raises:
        MethodError: No area.

    Source:
        Cronbach (1951), Psychometrika 16: 297–334; OECD and JRC (2008), Handbook on Constructing Composite Indicators.
    """
    rows = _complete(x)
    k, n = rows.shape
    if k < 2 or n < FEWEST:
        return float("nan")
    whole = float(np.var(rows.sum(axis=0), ddof=1))
    parts = float(np.var(rows, axis=1, ddof=1).sum())
    return k / (k - 1) * (1 - parts / whole) if whole > 0 else float("nan")


def _complete(x: npt.ArrayLike) -> FloatArray:
    """Return the areas where all rows are known."""
    rows = _table(x)
    known = ~np.isnan(rows).any(axis=0)
    return rows if known.all() else rows[:, known]


def dimensions(x: npt.ArrayLike) -> Dimensions:
    """Return the principal components of some parts, from their correlation matrix.

    Args:
        x: The parts, shape (k, n), any units. NaN is missing; areas that miss a part are left aside.

    Returns:
        Eigenvalues, the first one's share and its loadings; all NaN where a part is constant or fewer than three areas are known.

    Raises:
        MethodError: No area.

    Source:
        OECD and JRC (2008), Handbook on Constructing Composite Indicators; R's ``prcomp(scale. = TRUE)``.
    """
    rows = _complete(x)
    k, n = rows.shape
    matrix = correlations(rows) if n else np.full((k, k), np.nan)
    if np.isnan(matrix).any():
        return Dimensions(np.full(k, np.nan), float("nan"), np.full(k, np.nan), n)
    values, vectors = np.linalg.eigh(matrix)
    first = vectors[:, -1] * (1.0 if vectors[:, -1].sum() >= 0 else -1.0)
    return Dimensions(values[::-1].copy(), float(values[-1] / k), first, n)


def main_effect(x: npt.ArrayLike, y: npt.ArrayLike) -> MainEffect:
    """Return how much of the variance of a result one part explains by itself, along any smooth curve and along a line.

    ``S = V(E(y|x)) ÷ V(y)``, estimated as ``1 − (R ÷ (n − d)) ÷ (T ÷ (n − 1))`` with R the squares about the curve, T those
    about the mean and d the curve's degrees of freedom, so that pure noise has 0 on average and not d ÷ n. The curve E(y|x) is a
    cubic spline with knots at quantiles of x, held to a straight line by a penalty on how far each coefficient lies from the line
    through its neighbours (at their Greville abscissae, so that lines cost nothing whatever the knots), its weight chosen by
    generalised cross-validation. With few different values of x, the curve is the mean of y for each of them.

    Args:
        x: The part, shape (n,), any unit. NaN is missing.
        y: The result, shape (n,), any unit.

    Returns:
        Both shares, 0 to 1; NaN where fewer than four areas are known in both, or one of the two is constant. Neither depends on
        the units of x and y or on their direction. An estimate below 0 is given as 0.

    Raises:
        MethodError: x and y differ in length.

    Source:
        Paruolo, Saisana and Saltelli (2013), Journal of the Royal Statistical Society A 176: 609–634, which uses kernel smoothers
        and penalised splines; Eilers and Marx (1996), Statistical Science 11: 89–121; Li and Cao (2022), arXiv:2201.06808, for
        penalties on uneven knots.
    """
    one, two = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise MethodError(Problem("main effect", "x and y differ in length", f"{one.shape} and {two.shape}"))
    known = ~np.isnan(one) & ~np.isnan(two)
    one, two = one[known], two[known]
    n = len(one)
    if n <= FEWEST or (one == one[0]).all() or (two == two[0]).all():
        return MainEffect(float("nan"), float("nan"), n)
    at = (one - one.min()) / (one.max() - one.min())
    away = two - two.mean()
    away = away / np.sqrt(np.einsum("n,n->", away, away))
    linear = float(correlations(at, away)[0, 0] ** 2)
    different, place = np.unique(at, return_inverse=True)
    if len(different) <= FEW_VALUES and n >= 4 * len(different):
        rest = 1 - float((np.bincount(place, weights=away) ** 2 / np.bincount(place)).sum())
        return MainEffect(_adjusted(rest, n, len(different)), linear, n)
    inner = min(KNOTS, len(different) // 4)
    while inner:
        found = _smoothed(at, away, inner)
        if found is not None:
            return MainEffect(_adjusted(found[0], n, found[1]), linear, n)
        inner //= 2
    return MainEffect(_adjusted(1 - linear, n, 2), linear, n)


def _adjusted(rest: float, n: int, freedom: float) -> float:
    """Return the explained share of the variance from the unexplained share of the squares and the curve's freedom."""
    return min(max(1 - rest * (n - 1) / max(n - freedom, 1.0), 0.0), 1.0)


def _smoothed(at: FloatArray, away: FloatArray, inner: int) -> tuple[float, float] | None:
    """Return the share of the squares about the smoothed curve and its degrees of freedom, None where it cannot be solved for.

    ``at`` runs from 0 to 1; ``away`` has mean 0 and length 1.
    """
    from scipy.interpolate import BSpline

    knots = np.unique(np.quantile(at, np.linspace(0, 1, inner + 2)[1:-1]))
    knots = knots[(knots > 0) & (knots < 1)]
    ends = np.concatenate([np.zeros(4), knots, np.ones(4)])
    basis = BSpline.design_matrix(at, ends, 3)
    normal: FloatArray = np.asarray((basis.T @ basis).toarray(), dtype=np.float64)
    size = len(normal)
    normal[np.diag_indices(size)] += _RIDGE * np.trace(normal) / size
    try:
        root = np.linalg.cholesky(normal)
    except np.linalg.LinAlgError:
        return None
    bends = _bends((ends[1:-3] + ends[2:-2] + ends[3:-1])[:size] / 3)
    half = np.linalg.solve(root, bends.T)
    cost, turned = np.linalg.eigh(half @ half.T)
    cost = np.where(
        cost < 1e-9 * cost[-1], 0.0, cost
    )  # a straight line bends nowhere; rounding says otherwise
    along = turned.T @ np.linalg.solve(root, np.asarray(basis.T @ away, dtype=np.float64))
    keep = 1 / (1 + np.outer(_PENALTIES / np.median(cost[cost > 0]), cost))
    held = 2 * keep - keep**2
    rest = 1 - (along**2 * held).sum(axis=1)
    best = int(np.argmin(rest / (len(at) - keep.sum(axis=1)) ** 2))
    return float(rest[best]), float(held[best].sum())


def _bends(places: FloatArray) -> FloatArray:
    """Return the matrix that takes coefficients to how far each lies from the line through its two neighbours."""
    size = len(places)
    matrix = np.zeros((size - 2, size))
    for row in range(size - 2):
        left, here, right = places[row : row + 3]
        matrix[row, row : row + 3] = -(right - here) / (right - left), 1.0, -(here - left) / (right - left)
    return matrix


def rank_shift(rank: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return by how many places areas move on average between two rankings: mean of ``|rank − other|``.

    Args:
        rank: Ranks, shape (n,), 1 = greatest need. NaN is missing.
        other: Ranks of the same areas.

    Returns:
        Places, 0 or more, over areas that have both ranks; NaN where none has.

    Source:
        Saisana, Saltelli and Tarantola (2005), Journal of the Royal Statistical Society A 168: 307–323; COINr ``remove_elements``.
    """
    apart = np.abs(np.asarray(rank, dtype=np.float64) - np.asarray(other, dtype=np.float64))
    known = ~np.isnan(apart)
    return float(apart[known].mean()) if known.any() else float("nan")


def share_replaced(inside: BoolArray, other: BoolArray) -> float:
    """Return which share of the areas inside one line are outside the other.

    Args:
        inside: Which areas are inside, shape (n,).
        other: Which are inside by the other ranking.

    Returns:
        A share, 0 to 1; NaN where no area is inside.
    """
    there = int(np.count_nonzero(inside))
    return float(np.count_nonzero(inside & ~other) / there) if there else float("nan")


def far_out(x: npt.ArrayLike) -> FloatArray:
    """Return the share of values that lie more than three interquartile ranges outside the quartiles.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.

    Returns:
        Shares of the known values, shape (...); NaN where fewer than four values are known or half of them are equal, so
        that the middle half has no width to measure by.

    Source:
        Tukey (1977), Exploratory Data Analysis, p. 44: "far out" values.
    """
    values = np.asarray(x, dtype=np.float64)
    rows = values.reshape(-1, values.shape[-1])
    found = np.full(len(rows), np.nan)
    for row, line in enumerate(rows):
        known = line[~np.isnan(line)]
        if len(known) > FEWEST:
            low, high = np.quantile(known, [0.25, 0.75])
            width = high - low
            if width > 0:
                found[row] = np.mean((known < low - 3 * width) | (known > high + 3 * width))
    return found.reshape(values.shape[:-1])
