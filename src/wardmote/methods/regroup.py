"""Numbers of areas put together into numbers of larger or other areas: sums, weighted means, their errors, and chains of lookups.

A lookup is three arrays of one length: ``child`` (position of the area), ``parent`` (position of its parent) and ``share`` (how
much of the area lies there; 1 where areas nest). An area in several parents has several entries. Numbers have areas on the last
axis, NaN where missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray

_WHERE = "regroup"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which areas lie in which parents, by position: one entry for each pair.

    Attributes:
        child: Position of the area, shape (m,).
        parent: Position of its parent, shape (m,).
        share: Share of the area that lies in the parent, 0 to 1; 1 where areas nest; shape (m,).
    """

    child: IntArray
    parent: IntArray
    share: FloatArray


def sum_by_parent(
    x: npt.ArrayLike,
    parent: IntArray,
    k: int,
    *,
    child: IntArray | None = None,
    share: FloatArray | None = None,
) -> FloatArray:
    """Return the sum of the areas' numbers in each parent.

    Formula: ``y_j = Σ_i s_ij x_i`` over the areas i of parent j. Where the shares of every area add to 1, the total over all
    parents equals the total over all areas (up to rounding).

    Args:
        x: Numbers, shape (..., n), NaN where missing; any unit that may be added (counts, pounds).
        parent: Position of the parent of each entry, 0 to k - 1; shape (m,). Without ``child``, m = n and −1 means no parent.
        k: Number of parents.
        child: Position of the area of each entry, 0 to n - 1; shape (m,). Left out where each area has one parent.
        share: Share of the area in the parent, 0 to 1; shape (m,). All 1 by default.

    Returns:
        Sums, shape (..., k), in the unit of ``x``. Missing values add nothing; a parent without any value present is NaN, so that
        nothing is never taken for zero.

    Raises:
        MethodError: Positions or lengths do not fit.
    """
    rows, shape, entries = _entries(x, parent, k, child, share)
    position, above, part = entries
    out = np.empty((len(rows), k))
    for r, row in enumerate(rows):
        out[r], present = _row_sum(row, position, above, part, k)
        out[r][present == 0] = np.nan
    return out.reshape(*shape[:-1], k)


def mean_by_parent(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    parent: IntArray,
    k: int,
    *,
    child: IntArray | None = None,
    share: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return the weighted mean of the areas' numbers in each parent, and the share of weight that it rests on.

    Formula: ``y_j = Σ_i s_ij w_i x_i / Σ_i s_ij w_i`` over the areas i of parent j whose number is present: a missing value
    leaves numerator and denominator alike. Coverage: ``Σ_present s_ij w_i / Σ s_ij w_i``.

    Args:
        x: Numbers, shape (..., n), NaN where missing.
        weight: Weight of each area (people, households, or 1), shape (n,) or (..., n); finite, not negative.
        parent: As in `sum_by_parent`.
        k: Number of parents.
        child: As in `sum_by_parent`.
        share: As in `sum_by_parent`.

    Returns:
        Means, shape (..., k), in the unit and direction of ``x``, NaN where no weight is present; and coverage, shape (..., k),
        0 to 1, NaN where a parent has no weight at all. The mean of one area is its own number; of equal numbers that number, up to
        rounding.

    Raises:
        MethodError: A weight is negative or missing, or positions or lengths do not fit.

    Source: weighted arithmetic mean; the "average score" of the English Indices of Deprivation is this one with population as weight.
    """
    rows, shape, (position, above, part) = _entries(x, parent, k, child, share)
    weights = np.broadcast_to(np.asarray(weight, dtype=np.float64), shape).reshape(rows.shape)
    if not np.all(np.isfinite(weights)) or (weights < 0).any():
        raise MethodError(Problem(_WHERE, "a weight is missing or negative", expected="numbers from 0 up"))
    mean = np.full((len(rows), k), np.nan)
    coverage = np.full((len(rows), k), np.nan)
    for r, (row, w) in enumerate(zip(rows, weights, strict=True)):
        entry_weight = part * w[position]
        present = ~np.isnan(row)[position]
        below = np.bincount(above[present], weights=entry_weight[present], minlength=k)
        whole = np.bincount(above, weights=entry_weight, minlength=k)
        top = np.bincount(above[present], weights=(entry_weight * row[position])[present], minlength=k)
        np.divide(top, below, out=mean[r], where=below > 0)
        np.divide(below, whole, out=coverage[r], where=whole > 0)
    return mean.reshape(*shape[:-1], k), coverage.reshape(*shape[:-1], k)


def error_of_sum(
    error: npt.ArrayLike,
    parent: IntArray,
    k: int,
    *,
    child: IntArray | None = None,
    share: FloatArray | None = None,
) -> FloatArray:
    """Return the standard error of each parent's sum, the areas' errors being independent.

    Formula: ``se_j = √Σ_i (s_ij se_i)²``. For a weighted mean give ``share`` times weight and divide by the sum of the weights.
    Errors that hang together (one model for all areas, one sample) make the true error larger.

    Args:
        error: Standard errors, shape (..., n), NaN where missing; not negative.
        parent: As in `sum_by_parent`.
        k: Number of parents.
        child: As in `sum_by_parent`.
        share: As in `sum_by_parent`; any multiplier, not only up to 1.

    Returns:
        Standard errors, shape (..., k), in the unit of ``error``; NaN where any area of the parent has none, since an error left
        out would count as 0.

    Raises:
        MethodError: Positions or lengths do not fit.
    """
    rows, shape, (position, above, part) = _entries(error, parent, k, child, share)
    out = np.empty((len(rows), k))
    for r, row in enumerate(rows):
        # NaN goes through the sum on purpose.
        out[r] = np.sqrt(np.bincount(above, weights=(part * row[position]) ** 2, minlength=k))
    out[:, np.bincount(above, minlength=k) == 0] = np.nan
    return out.reshape(*shape[:-1], k)


def compose(first: Lookup, second: Lookup, k: int) -> Lookup:
    """Return the lookup from areas to grandparents: shares multiplied along every path and added where paths meet.

    Formula: ``s_ik = Σ_j s_ij s_jk``. An area whose parent has no parent has no entry. Composition is associative.

    Args:
        first: Lookup from areas to parents.
        second: Lookup from those parents (its ``child``) to grandparents.
        k: Number of grandparents.

    Returns:
        Lookup ordered by area and then grandparent, each pair once. Shares are unitless, 0 to 1.
    """
    order = np.argsort(second.child, kind="stable")
    size = int(max(first.parent.max(initial=-1), second.child.max(initial=-1))) + 1
    counts = np.bincount(second.child, minlength=size)
    starts = np.concatenate([[0], np.cumsum(counts)])
    times = counts[first.parent]
    one = np.repeat(np.arange(len(first.child)), times)
    within = np.arange(len(one)) - np.repeat(np.cumsum(times) - times, times)
    two = order[starts[first.parent[one]] + within]
    width = max(k, 1)
    pairs, where = np.unique(first.child[one] * width + second.parent[two], return_inverse=True)
    shares = np.bincount(where, weights=first.share[one] * second.share[two], minlength=len(pairs))
    return Lookup(pairs // width, pairs % width, shares.astype(np.float64))


def largest_share(lookup: Lookup) -> Lookup:
    """Return the lookup that gives each area wholly to the parent with its largest share.

    Args:
        lookup: Areas, parents and shares.

    Returns:
        Lookup with each area once, ascending, and share 1. Of equal shares the parent with the smallest position wins, so that the
        order of rows does not matter. Where each area has one parent, the same pairs come back.
    """
    order = np.lexsort((lookup.parent, -lookup.share, lookup.child))
    ordered = lookup.child[order]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    chosen = order[first]
    return Lookup(lookup.child[chosen], lookup.parent[chosen], np.ones(len(chosen)))


def _row_sum(
    row: FloatArray, position: IntArray, above: IntArray, part: FloatArray, k: int
) -> tuple[FloatArray, IntArray]:
    """Return sums over the present entries of one row, and how many were present."""
    present = ~np.isnan(row)[position]
    total = np.bincount(above[present], weights=(part * row[position])[present], minlength=k)
    return total.astype(np.float64), np.bincount(above[present], minlength=k)


def _entries(
    x: npt.ArrayLike, parent: IntArray, k: int, child: IntArray | None, share: FloatArray | None
) -> tuple[FloatArray, tuple[int, ...], tuple[IntArray, IntArray, FloatArray]]:
    """Return the numbers as rows, their shape, and the lookup with entries without a parent left out."""
    array = np.asarray(x, dtype=np.float64)
    if array.ndim == 0:
        raise MethodError(Problem(_WHERE, "there is no axis of areas", expected="an array of shape (..., n)"))
    n = array.shape[-1]
    above = np.asarray(parent, dtype=np.int64)
    position = np.arange(n) if child is None else np.asarray(child, dtype=np.int64)
    part = np.ones(len(above)) if share is None else np.asarray(share, dtype=np.float64)
    if not len(position) == len(above) == len(part):
        raise MethodError(
            Problem(
                _WHERE,
                "lookup and numbers differ in length",
                got=f"{len(position)}, {len(above)}, {len(part)}",
                expected="one length",
            )
        )
    kept = above >= 0
    position, above, part = position[kept], above[kept], part[kept]
    if len(above) and (above.max() >= k or position.min() < 0 or position.max() >= n):
        raise MethodError(
            Problem(
                _WHERE, "a position lies outside the arrays", expected=f"areas below {n}, parents below {k}"
            )
        )
    return array.reshape(-1, n), array.shape, (position, above, part)
