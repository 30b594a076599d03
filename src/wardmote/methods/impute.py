"""Filling in missing values, always flagged.

Every function returns the filled values and flags of the same shape: true where a value was missing and is now filled. What
cannot be filled stays NaN and unflagged, so the caller can count both. Known values are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray, as_rows, by_row

Names = Sequence[str] | None
"""Names of the leaves, for errors."""


def _fill(
    x: npt.ArrayLike, fill_row: Callable[[int, FloatArray, BoolArray], npt.ArrayLike]
) -> tuple[FloatArray, BoolArray]:
    """Return filled values and flags; ``fill_row`` gives candidates for a row with missing values (a number or n of them).

    Rows without missing values are not looked at, and without any the given array itself is returned.
    """
    rows, shape = as_rows(x)
    missing = np.isnan(rows)
    out, flags = rows, np.zeros(rows.shape, dtype=np.bool_)
    touched = np.flatnonzero(missing.any(axis=1))
    if len(touched):
        out = rows.copy()
    for row in touched:
        candidates = np.broadcast_to(
            np.asarray(fill_row(int(row), rows[row], ~missing[row]), dtype=np.float64), shape[-1:]
        )
        out[row] = np.where(missing[row], candidates, rows[row])
        flags[row] = missing[row] & ~np.isnan(candidates)
    return out.reshape(shape), flags.reshape(shape)


def mean(x: npt.ArrayLike, *, names: Names = None) -> tuple[FloatArray, BoolArray]:
    """Return values with the leaf's mean of known values where one is missing.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        names: Names of the leaves (not needed here).

    Returns:
        Filled values and flags, both (..., n). A leaf without known values stays missing.

    Raises:
        MethodError: No area.

    Source:
        COINr ``i_mean``.
    """
    del names
    return _fill(x, lambda _, values, known: values[known].mean() if known.any() else np.nan)


def median(x: npt.ArrayLike, *, names: Names = None) -> tuple[FloatArray, BoolArray]:
    """Return values with the leaf's median of known values where one is missing.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        names: Names of the leaves (not needed here).

    Returns:
        Filled values and flags, both (..., n). A leaf without known values stays missing. With an even number of known
        values the median is the mean of the two in the middle.

    Raises:
        MethodError: No area.

    Source:
        COINr ``i_median``.
    """
    del names
    return _fill(x, lambda _, values, known: np.median(values[known]) if known.any() else np.nan)


def _codes(method: str, codes: npt.ArrayLike, x: npt.ArrayLike, setting: str) -> IntArray:
    """Return group codes as integers of shape (n,), or refuse them."""
    array = np.asarray(codes)
    n = np.shape(x)[-1] if np.ndim(x) else 0
    if array.shape != (n,) or not np.issubdtype(array.dtype, np.integer):
        raise MethodError(
            Problem(
                method,
                f"{setting} do not fit",
                f"shape {array.shape} of {array.dtype}",
                f"whole numbers of shape ({n},), −1 where an area belongs to none",
            )
        )
    return array.astype(np.int64)


def _spread(group_values: FloatArray, codes: IntArray) -> FloatArray:
    """Return each area's group value, NaN for areas in no group."""
    return np.where(codes >= 0, group_values[np.maximum(codes, 0)], np.nan)


def group_mean(
    x: npt.ArrayLike, *, groups: npt.ArrayLike, names: Names = None
) -> tuple[FloatArray, BoolArray]:
    """Return values with the mean of known values in the area's group where one is missing.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        groups: Group of each area, whole numbers from 0, shape (n,); −1 for an area in no group.
        names: Names of the leaves (not needed here).

    Returns:
        Filled values and flags, both (..., n). An area in no group, or whose group has no known value, stays missing.

    Raises:
        MethodError: No area, or groups of another shape or type.

    Source:
        COINr ``i_mean_grp``.
    """
    del names
    codes = _codes("group_mean", groups, x, "groups")
    n_groups = int(codes.max(initial=-1)) + 1

    def fill(_: int, values: FloatArray, known: BoolArray) -> FloatArray:
        use = known & (codes >= 0)
        count = np.bincount(codes[use], minlength=n_groups + 1)
        total = np.bincount(codes[use], weights=values[use], minlength=n_groups + 1)
        means = np.divide(total, count, out=np.full(n_groups + 1, np.nan), where=count > 0)
        return _spread(means, codes)

    return _fill(x, fill)


def group_median(
    x: npt.ArrayLike, *, groups: npt.ArrayLike, names: Names = None
) -> tuple[FloatArray, BoolArray]:
    """Return values with the median of known values in the area's group where one is missing.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        groups: Group of each area, whole numbers from 0, shape (n,); −1 for an area in no group.
        names: Names of the leaves (not needed here).

    Returns:
        Filled values and flags, both (..., n). An area in no group, or whose group has no known value, stays missing.

    Raises:
        MethodError: No area, or groups of another shape or type.

    Source:
        COINr ``i_median_grp``.
    """
    del names
    codes = _codes("group_median", groups, x, "groups")
    n_groups = int(codes.max(initial=-1)) + 1

    def fill(_: int, values: FloatArray, known: BoolArray) -> FloatArray:
        use = known & (codes >= 0)
        if not use.any():
            return np.full(len(codes), np.nan)
        group, value = codes[use], values[use]
        ordered = value[np.lexsort((value, group))]
        count = np.bincount(group, minlength=n_groups + 1)
        start = np.cumsum(count) - count
        last = len(ordered) - 1  # an empty group points anywhere; its result is replaced
        low = ordered[np.minimum(start + (np.maximum(count, 1) - 1) // 2, last)]
        high = ordered[np.minimum(start + np.maximum(count, 1) // 2, last)]
        return _spread(np.where(count > 0, (low + high) / 2, np.nan), codes)

    return _fill(x, fill)


def parent(
    x: npt.ArrayLike, *, parent_values: npt.ArrayLike, parents: npt.ArrayLike, names: Names = None
) -> tuple[FloatArray, BoolArray]:
    """Return values with the figure published for the area's parent where one is missing.

    Args:
        x: Values, shape (..., n), in the unit of ``parent_values``. NaN is missing.
        parent_values: Values of parents, shape (p,) or (..., p). NaN is missing.
        parents: Position of each area's parent, whole numbers 0 to p − 1, shape (n,); −1 for an area without one.
        names: Names of the leaves (not needed here).

    Returns:
        Filled values and flags, both (..., n). An area without parent, or whose parent has no value, stays missing.

    Raises:
        MethodError: No area, shapes that do not fit, or a parent outside the table.
    """
    del names
    codes = _codes("parent", parents, x, "parents")
    shape = np.shape(x)
    given = np.asarray(parent_values, dtype=np.float64)
    p = given.shape[-1] if given.ndim else 0
    if codes.max(initial=-1) >= p:
        raise MethodError(
            Problem("parent", "a parent is not in the table", str(codes.max()), f"positions 0 to {p - 1}")
        )
    try:
        table = np.broadcast_to(given, (*shape[:-1], p)).reshape(-1, p)
    except ValueError:
        raise MethodError(
            Problem(
                "parent", "parent_values do not fit", f"shape {given.shape}", f"({p},) or {(*shape[:-1], p)}"
            )
        ) from None
    return _fill(x, lambda row, values, known: _spread(table[row], codes))


def neighbours(
    x: npt.ArrayLike, *, indptr: npt.ArrayLike, indices: npt.ArrayLike, names: Names = None
) -> tuple[FloatArray, BoolArray]:
    """Return values with the plain mean of the neighbours' known values where one is missing.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        indptr: Start of each area's neighbours in ``indices``, shape (n + 1,), as in a CSR matrix.
        indices: Positions of neighbours, whole numbers 0 to n − 1.
        names: Names of the leaves (not needed here).

    Returns:
        Filled values and flags, both (..., n). Filled values are never used to fill others; an area whose neighbours are
        all missing, or that has none (an island), stays missing.

    Raises:
        MethodError: No area, or an adjacency that is not one of n areas.
    """
    del names
    n = np.shape(x)[-1] if np.ndim(x) else 0
    starts, others = np.asarray(indptr), np.asarray(indices)
    fits = starts.shape == (n + 1,) and starts[0] == 0 and starts[-1] == len(others)
    if not fits or (np.diff(starts) < 0).any() or (len(others) and not 0 <= others.min() <= others.max() < n):
        got = f"indptr of shape {starts.shape}, {len(others)} indices"
        raise MethodError(
            Problem("neighbours", "this is no adjacency of the areas", got, f"CSR of {n} areas")
        )
    owner = np.repeat(np.arange(n), np.diff(starts))

    def fill(_: int, values: FloatArray, known: BoolArray) -> FloatArray:
        use = known[others]
        count = np.bincount(owner[use], minlength=n)
        total = np.bincount(owner[use], weights=values[others[use]], minlength=n)
        return np.asarray(np.divide(total, count, out=np.full(n, np.nan), where=count > 0))

    return _fill(x, fill)


def constant(x: npt.ArrayLike, *, value: npt.ArrayLike, names: Names = None) -> tuple[FloatArray, BoolArray]:
    """Return values with a stated number where one is missing, such as 0 where no record means none.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        value: The number, one or by leaf, in the unit of ``x``.
        names: Names of the leaves (not needed here).

    Returns:
        Filled values and flags, both (..., n). Nothing stays missing.

    Raises:
        MethodError: No area, or a value that does not fit or is itself missing.
    """
    del names
    _, shape = as_rows(x)
    numbers = by_row(value, shape, "constant", "value")
    return _fill(x, lambda row, values, known: float(numbers[row]))


IMPUTE: Mapping[str, Callable[..., tuple[FloatArray, BoolArray]]] = MappingProxyType(
    {
        "mean": mean,
        "median": median,
        "group_mean": group_mean,
        "group_median": group_median,
        "parent": parent,
        "neighbours": neighbours,
        "constant": constant,
    }
)
"""Every way of filling in, by the name that a study uses: ``IMPUTE[name](x, names=…, **settings) → (values, flags)``."""
