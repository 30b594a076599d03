"""Ranks, deciles and the greatest-need share.

Two kinds of ties are kept apart (DESIGN §3): ranks that are shown share the *best* rank; ranks inside a transform are
*averaged*. Rank 1 is the greatest need in everything that is shown; ranks inside a transform ascend with need.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor
from types import ModuleType
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray, as_rows, blocks, choose
from wardmote.methods.compiled import loaded

Ties = Literal["best", "average"]
"""How equal values are ranked: all with the lowest number of the group, or all with the group's mean."""


def ascending_rank(x: npt.ArrayLike, *, ties: Ties = "average") -> FloatArray:
    """Return ranks from 1 for the lowest value upwards.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        ties: ``average``: equal values share the mean of their places; ``best``: the lowest of their places.

    Returns:
        Ranks, shape (..., n), 1 to the number of known values in the row; NaN where the value is missing. A row of one
        known value has rank 1; a constant row has one rank throughout.

    Raises:
        MethodError: No area, or unknown ``ties``.

    Source:
        Ties averaged: ``rank(ties.method = "average")`` of R; shared best: ``"min"``.
    """
    choose("rank", "ties", ties, ("best", "average"))
    rows, shape = as_rows(x)
    out = np.empty_like(rows)
    for part in blocks(*rows.shape):
        _rank_block(rows[part], out[part], ties)
    return out.reshape(shape)


def _rank_block(block: FloatArray, out: FloatArray, ties: Ties) -> None:
    """Write the ranks of some rows into ``out``; the compiled loop gives the same ranks several times faster."""
    compiled = loaded()
    if compiled:
        _rank_compiled(compiled, block, out, ties)
        return
    n = block.shape[1]
    order = np.argsort(block, axis=1)
    ordered = np.take_along_axis(block, order, axis=1)
    first = np.ones(block.shape, dtype=np.bool_)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=first[:, 1:])
    starts = np.flatnonzero(first)
    if len(starts) == block.size:
        ranks = np.broadcast_to(np.arange(1.0, n + 1), block.shape)
    else:
        # Every row starts a group of its own, so groups never reach over the end of a row.
        lengths = np.diff(starts, append=block.size)
        value = starts % n + 1.0
        if ties == "average":
            value += (lengths - 1) / 2
        ranks = np.repeat(value, lengths).reshape(block.shape)
    if np.isnan(ordered[:, -1]).any():  # sorting puts missing values last
        ranks = np.where(np.isnan(ordered), np.nan, ranks)
    np.put_along_axis(out, order, ranks, axis=1)


def _rank_compiled(compiled: ModuleType, block: FloatArray, out: FloatArray, ties: Ties) -> None:
    """Write the ranks of some rows by the compiled sort, which ranks from the highest value downwards."""
    best = np.empty(block.shape, dtype=np.int32)
    compiled.fill_ranks(-block, best)
    out[:] = best
    missing = best == 0
    if missing.any():
        out[missing] = np.nan
    if ties == "best":
        return
    known = block.shape[1] - np.count_nonzero(missing, axis=1)
    shared = (
        best.sum(axis=1, dtype=np.int64) != known * (known + 1) // 2
    )  # no two shared a place, or the sum is lower
    for row in np.flatnonzero(shared):
        from_above = np.empty((1, block.shape[1]), dtype=np.int32)
        compiled.fill_ranks(block[row : row + 1], from_above)
        # The lowest place of a group counted from one end and the lowest from the other give its middle.
        out[row] = (out[row] + (known[row] + 1 - from_above[0])) / 2


def average_rank(x: npt.ArrayLike) -> FloatArray:
    """Return ascending ranks with ties averaged, as transforms inside a recipe need them.

    Args:
        x: Values, shape (..., n). NaN is missing.

    Returns:
        Ranks, shape (..., n), 1 = lowest value; NaN where missing.

    Raises:
        MethodError: No area.
    """
    return ascending_rank(x, ties="average")


def best_rank(score: npt.ArrayLike, *, descending: bool = True) -> FloatArray:
    """Return the ranks that are shown: 1 = greatest need, equal scores share the best rank.

    Args:
        score: Scores, shape (..., n). NaN is missing.
        descending: True where a higher score means more need (the usual case); False where rank 1 is the lowest score.

    Returns:
        Ranks as whole numbers in ``float64``, shape (..., n); NaN where the score is missing. Two areas that share rank 1
        are followed by rank 3.

    Raises:
        MethodError: No area.
    """
    values = np.asarray(score, dtype=np.float64)
    return ascending_rank(-values if descending else values, ties="best")


def order(x: npt.ArrayLike, *, descending: bool = False) -> IntArray:
    """Return the positions that put areas in order; missing values last, equal values in their given order.

    Args:
        x: Values, shape (..., n). NaN is missing.
        descending: True for the highest value first.

    Returns:
        Positions 0 to n − 1, shape (..., n).

    Raises:
        MethodError: No area.
    """
    rows, shape = as_rows(x)
    return np.argsort(-rows if descending else rows, axis=1, kind="stable").reshape(shape)


def decile(rank: npt.ArrayLike, n: npt.ArrayLike) -> FloatArray:
    """Return the decile of each rank: 1 = the greatest-need tenth, 10 = the least.

    ``ceil(10 · rank ÷ n)``, so rank ≤ n/10 is exactly decile 1. The division is exact: ranks and halves of ranks are whole
    numbers after multiplying by ten, and numpy's floor division of floats takes an exact remainder.

    Args:
        rank: Ranks from 1, shape (..., n). NaN is missing.
        n: Number of ranked areas, one or broadcasting to ``rank``.

    Returns:
        Deciles as whole numbers in ``float64``, same shape; NaN where the rank is missing. With one area the decile is 10.

    Raises:
        MethodError: ``n`` is below 1, or a rank lies outside 1 to n.
    """
    ranks = np.asarray(rank, dtype=np.float64)
    total = np.asarray(n, dtype=np.float64)
    _check_ranks("decile", ranks, total)
    with np.errstate(invalid="ignore"):
        deciles: FloatArray = -np.floor_divide(-10.0 * ranks, total)
    return deciles


def last_rank(share: float | str | Decimal | Fraction, n: int) -> int:
    """Return the last rank inside the greatest-need share: the largest whole number not above share × n.

    Args:
        share: Share of areas, taken as the decimal that was written (0.1 is one tenth, not the nearest binary fraction).
        n: Areas that are ranked, 0 or more.

    Returns:
        A rank; 0 where no area is inside.
    """
    return floor((share if isinstance(share, Fraction) else Fraction(str(share))) * n)


def greatest_need(
    rank: npt.ArrayLike, n: int, share: float | str | Decimal | Fraction
) -> npt.NDArray[np.bool_]:
    """Return whether each area lies in the greatest-need share: rank ≤ share × n, never rounded up.

    The share is taken as the decimal that was written (0.1 is one tenth, not the nearest binary fraction), so the
    comparison is exact.

    Args:
        rank: Ranks from 1 = greatest need, shape (..., n). NaN is missing and never in the share.
        n: Number of ranked areas.
        share: Share of areas, above 0 and at most 1.

    Returns:
        Flags, same shape as ``rank``. With shared best ranks, all areas of a tie are in or out together.

    Raises:
        MethodError: The share lies outside (0, 1], or a rank outside 1 to n.
    """
    exact = share if isinstance(share, Fraction) else Fraction(str(share))
    if not 0 < exact <= 1:
        raise MethodError(Problem("greatest_need", "share is out of range", str(share), "above 0, at most 1"))
    ranks = np.asarray(rank, dtype=np.float64)
    _check_ranks("greatest_need", ranks, np.asarray(n, dtype=np.float64))
    limit = floor(2 * exact * n) / 2  # ranks are whole or half numbers
    with np.errstate(invalid="ignore"):
        return ranks <= limit


def _check_ranks(method: str, ranks: FloatArray, total: FloatArray) -> None:
    """Refuse ranks outside 1 to n."""
    if (total < 1).any():
        raise MethodError(
            Problem(method, "the number of ranked areas is below 1", f"{total.min():g}", "1 or more")
        )
    with np.errstate(invalid="ignore"):
        odd = (ranks < 1) | (ranks > total)
    if odd.any():
        raise MethodError(
            Problem(
                method,
                "a rank lies outside 1 to n",
                f"{ranks[odd].flat[0]:g}",
                "ranks from 1 to the number of ranked areas",
                "Rank all areas before cutting the list to some of them.",
            )
        )


def normal_score(x: npt.ArrayLike, *, missing: Literal["zero", "keep"] = "zero") -> FloatArray:
    """Return rank-based normal scores, Φ⁻¹(average ascending rank ÷ (n + 1)) with n the number of known values.

    Args:
        x: Values, shape (..., n). NaN is missing.
        missing: ``zero``: a missing value scores 0, the middle, as in the English and Scottish indices; ``keep``: it stays
            missing.

    Returns:
        Scores, shape (..., n), about standard normal, rising with ``x``. One known value, or a constant row, scores 0.

    Raises:
        MethodError: No area, or unknown ``missing``.

    Source:
        Scottish Index of Multiple Deprivation, published scripts; it rebuilds the English Health domain of 2025
        (tests/known/test_methods_factor.py).
    """
    from scipy.special import ndtri

    choose("normal_score", "missing", missing, ("zero", "keep"))
    ranks = average_rank(x)
    known = np.count_nonzero(~np.isnan(ranks), axis=-1, keepdims=True)
    scores: FloatArray = ndtri(ranks / (known + 1))
    return np.nan_to_num(scores, nan=0.0) if missing == "zero" else scores
