"""Rows put on their scale by compiled loops: the same bytes as `normalise`, in one pass and without arrays in between.

numpy adds a row in blocks of at most 128 numbers and puts their sums together two by two. The compiled loops add in the same
order, which is looked at on first use: where a numpy should add otherwise, they are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.compiled import loops
from wardmote.methods.counts import Counted

Column = FloatArray | Counted
"""Draws of one leaf or branch, shape (draws, n): numbers, or counts that stand for them."""

_SETTINGS: Mapping[str, Mapping[str, float]] = {
    "minmax": {"lower": 0.0, "upper": 100.0},
    "zscore": {"mean": 0.0, "sd": 1.0},
}
"""Settings of the ways of normalising that the loops know, with their defaults."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale of one leaf: (x − start) ÷ span × scale + lift, with start and span from the values.

    Attributes:
        kind: 0: as it is; 1: from the ends; 2: from mean and standard deviation.
        sign: Direction.
        scale: What the quotient is multiplied by.
        lift: What is added.
    """

    kind: int
    sign: float = 1.0
    scale: float = 1.0
    lift: float = 0.0


AS_IT_IS = Scale(0)
"""No change."""


def scale_of(function: str, settings: Mapping[str, Any], sign: float) -> Scale | None:
    """Return the scale behind a way of normalising, or None where it is none that the loops know.

    Args:
        function: Its name in `normalise.NORMALISE`.
        settings: Its settings.
        sign: Direction, +1 or −1.
    """
    known = _SETTINGS.get(function)
    if known is None or any(name not in known for name in settings) or abs(sign) != 1:
        return None
    given = {**known, **settings}
    if not all(isinstance(value, int | float) and np.isfinite(value) for value in given.values()):
        return None
    if function == "minmax":
        return Scale(1, float(sign), float(given["upper"]) - float(given["lower"]), float(given["lower"]))
    return Scale(2, float(sign), float(given["sd"]), float(given["mean"]))


@cache
def adding_order(n: int) -> IntArray:
    """Return in which order numpy adds n numbers: start, length and number of sums put together after it, by block.

    Args:
        n: How many numbers.
    """
    found: list[list[int]] = []

    def halve(start: int, length: int) -> None:
        if length <= 128:
            found.append([start, length, 0])
            return
        half = length // 2
        half -= half % 8
        halve(start, half)
        halve(start + half, length - half)
        found[-1][2] += 1

    halve(0, n)
    order = np.array(found, dtype=np.int64)
    order.flags.writeable = False
    return order


@cache
def order_holds() -> bool:
    """Return whether the compiled loops and this numpy add in the same order, from one look at rows of several lengths."""
    compiled = loops()
    if compiled is None:
        return False
    rng = np.random.default_rng(1)
    for n in (8, 61, 129, 1000, 6791, 33_755):
        rows = rng.gamma(2.0, 5.0, (2, n))
        start, span = compiled.row_scale(rows[1], 2, 1.0, adding_order(n))
        if start != rows.mean(axis=1)[1] or span != rows.std(axis=1, ddof=1)[1]:
            return False
    return True


def can_add(scale: Scale, n: int) -> bool:
    """Return whether `add_scaled` may be used: numba is there, and sums, where they are needed, come in numpy's order.

    Args:
        scale: The scale.
        n: Number of areas.
    """
    return n >= 2 and loops() is not None and (scale.kind < 2 or order_holds())


def add_scaled(
    total: FloatArray,
    column: Column,
    rows: IntArray,
    weights: FloatArray,
    scale: Scale,
    *,
    first: bool,
) -> FloatArray | None:
    """Add one child times its weight to the total of each draw, in place; the same bytes as normalising and adding.

    Args:
        total: Totals, shape (draws, n), changed.
        column: The child's values, shape (at least 1 + the greatest of ``rows``, n), none missing unless its scale is `AS_IT_IS`.
        rows: Which row of the column goes to each draw, shape (draws,).
        weights: Weights, shape (draws,).
        scale: Its scale.
        first: Whether the total is overwritten instead.

    Returns:
        Start and span by draw, shape (draws, 2); None where some row has no scale: it is constant or infinite.
    """
    used = np.empty((len(rows), 2))
    compiled, order = loops(True), adding_order(total.shape[1])
    assert compiled is not None
    how = scale.kind, scale.sign, scale.scale, scale.lift, first, order, used
    if isinstance(column, Counted):
        bad = compiled.add_counted(total, column.counts, column.divisor, column.factor, rows, weights, *how)
    else:
        bad = compiled.add_scaled(total, column, rows, weights, *how)
    return None if bad else used


def numbers(column: Column, rows: slice | IntArray | None = None) -> FloatArray:
    """Return some draws of a column as numbers, or all.

    Args:
        column: Numbers, shape (draws, n) or (n,), or counts.
        rows: Which draws; None for all.
    """
    if isinstance(column, Counted):
        return column.floats(rows)
    return column if rows is None else column[rows]


def values_at(column: Column, rows: IntArray, areas: IntArray) -> FloatArray:
    """Return the numbers of some draws in some areas, shape (draws, areas).

    Args:
        column: Draws, shape (draws, n).
        rows: Which draws.
        areas: Positions of the areas.
    """
    return column.at(rows, areas) if isinstance(column, Counted) else column[np.ix_(rows, areas)]
