"""What every method checks before it calculates, and how its refusals name the leaf at fault.

All methods take ``float64`` arrays with areas on the last axis. The axis before it, where there is one, holds the leaves
(indicators or the children of a node); axes before that hold draws or worlds. ``names`` name the leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem

FloatArray = npt.NDArray[np.float64]
"""Numbers by area: ``float64``, areas on the last axis, NaN where missing."""

IntArray = npt.NDArray[np.int64]
"""Positions, codes and counts."""

BoolArray = npt.NDArray[np.bool_]
"""Flags by area."""

BLOCK = 2**15
"""Numbers treated at a time: 256 KB of ``float64``, which stays in a core's second-level cache on current machines.

It changes speed only: every row is calculated by itself, so results do not depend on it.
"""


def as_rows(x: npt.ArrayLike) -> tuple[FloatArray, tuple[int, ...]]:
    """Return the numbers as a C-ordered table of rows by areas, and the shape to give back.

    Args:
        x: Numbers, shape (..., n).

    Returns:
        The numbers with shape (rows, n), without copying where that is possible, and the shape of ``x``.

    Raises:
        MethodError: ``x`` has no axis of areas, or no area.
    """
    array = np.ascontiguousarray(x, dtype=np.float64)
    if np.ndim(x) == 0 or array.shape[-1] == 0:
        raise MethodError(
            Problem("methods", "there is no area", str(np.shape(x)), "an array of shape (..., n) with n ≥ 1")
        )
    return array.reshape(-1, array.shape[-1]), array.shape


def blocks(rows: int, n: int) -> Iterator[slice]:
    """Return slices over rows that are small enough to stay in cache.

    Args:
        rows: Number of rows.
        n: Number of areas in each.

    Returns:
        Slices of at least one row, together all rows in order.
    """
    step = max(1, BLOCK // max(n, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def leaf_name(row: int, shape: tuple[int, ...], names: Sequence[str] | None) -> str:
    """Return how an error calls the leaf in a row: its name, or its position where it has none.

    Args:
        row: Position among the rows of an array of this shape.
        shape: Shape of the whole array, (..., k, n) or (n,).
        names: The k names, or None.

    Returns:
        For example ``'overcrowding'`` with quotes, ``leaf 3``, or ``the indicator`` for a single row.
    """
    if len(shape) == 1:
        return repr(names[0]) if names else "the indicator"
    leaf = row % shape[-2]
    return repr(names[leaf]) if names else f"leaf {leaf}"


def row_problems(
    method: str,
    bad: npt.NDArray[Any],
    shape: tuple[int, ...],
    names: Sequence[str] | None,
    *,
    what: str,
    got: Callable[[int], str] | str = "",
    expected: str = "",
    remedy: str = "",
) -> list[Problem]:
    """Return one problem for each leaf that has a bad row.

    Args:
        method: Name of the method, the ``where`` of each problem.
        bad: Flag by row, shape (rows,).
        shape: Shape of the whole array.
        names: Names of leaves, or None.
        what: What is wrong, to follow the leaf's name.
        got: What was found: one text for all, or a function of the row.
        expected: What was expected.
        remedy: What to do.

    Returns:
        Problems in the order of leaves. A leaf that is bad in several draws is named once, with its first case.
    """
    problems: dict[str, Problem] = {}
    for row in np.flatnonzero(bad):
        leaf = leaf_name(int(row), shape, names)
        found = got if isinstance(got, str) else got(int(row))
        problems.setdefault(leaf, Problem(method, f"{leaf} {what}", found, expected, remedy))
    return list(problems.values())


def refuse_rows(
    method: str,
    bad: npt.NDArray[Any],
    shape: tuple[int, ...],
    names: Sequence[str] | None,
    *,
    what: str,
    got: Callable[[int], str] | str = "",
    expected: str = "",
    remedy: str = "",
) -> None:
    """Return nothing where no row is bad; else refuse with one problem for each leaf.

    Args:
        method: As in :func:`row_problems`, like the others.
        bad: Flag by row, shape (rows,).
        shape: Shape of the whole array.
        names: Names of leaves, or None.
        what: What is wrong.
        got: What was found.
        expected: What was expected.
        remedy: What to do.

    Raises:
        MethodError: Any row is bad.
    """
    problems = row_problems(method, bad, shape, names, what=what, got=got, expected=expected, remedy=remedy)
    if problems:
        raise MethodError(problems)


def by_row(value: npt.ArrayLike, shape: tuple[int, ...], method: str, setting: str) -> FloatArray:
    """Return a setting as one number for each row.

    Args:
        value: One number, or an array that broadcasts to the axes before the areas, such as one by leaf.
        shape: Shape of the whole array, (..., n).
        method: Name of the method, for the error.
        setting: Name of the setting, for the error.

    Returns:
        The setting, shape (rows,).

    Raises:
        MethodError: The shapes do not fit, or a number is missing.
    """
    lead = shape[:-1]
    numbers = np.asarray(value, dtype=np.float64)
    try:
        spread = np.broadcast_to(numbers, lead)
    except ValueError:
        raise MethodError(
            Problem(
                method, f"{setting} does not fit", f"shape {numbers.shape}", f"one number, or shape {lead}"
            )
        ) from None
    if np.isnan(numbers).any():
        raise MethodError(Problem(method, f"{setting} has a missing value", "NaN", "numbers"))
    return spread.reshape(-1)


def directions(value: npt.ArrayLike, shape: tuple[int, ...], method: str) -> FloatArray:
    """Return the direction of each row, +1 or −1.

    Args:
        value: +1 (higher means more need) or −1 (less), one or by leaf.
        shape: Shape of the whole array, (..., n).
        method: Name of the method, for the error.

    Returns:
        Directions, shape (rows,).

    Raises:
        MethodError: Another number than +1 or −1, or a shape that does not fit.
    """
    signs = by_row(value, shape, method, "direction")
    if (np.abs(signs) != 1).any():
        odd = signs[np.abs(signs) != 1][0]
        raise MethodError(Problem(method, "direction is not a direction", f"{odd:g}", "+1 or −1"))
    return signs


def choose(method: str, setting: str, value: str, allowed: Iterable[str]) -> str:
    """Return the value of a setting that has a fixed list of values.

    Args:
        method: Name of the method, for the error.
        setting: Name of the setting.
        value: What was asked for.
        allowed: What may be asked for.

    Returns:
        ``value``.

    Raises:
        MethodError: The value is not in the list.
    """
    choices = tuple(allowed)
    if value not in choices:
        raise MethodError(
            Problem(method, f"{setting} is not known", repr(value), "one of " + ", ".join(map(repr, choices)))
        )
    return value
