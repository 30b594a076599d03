"""Shrinking small areas' proportions towards their parent, so that chance in small counts does not make ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, as_rows, refuse_rows

Names = Sequence[str] | None
"""Names of the leaves, for errors."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Proportions after shrinking; every field has the shape of the counts, (..., n).

    Attributes:
        proportion: Shrunk proportion, 0 to 1; NaN where the counts are missing or nothing is known of the parent.
        weight: Weight of the area's own figure, 0 (only the parent counts) to 1; NaN where ``proportion`` is.
        from_parent: True where the area has no denominator and took its parent's value: an imputation, to be counted.
    """

    proportion: FloatArray
    weight: FloatArray
    from_parent: BoolArray


def shrink(
    numerator: npt.ArrayLike, denominator: npt.ArrayLike, parent: npt.ArrayLike, *, names: Names = None
) -> Shrunk:
    """Return proportions shrunk towards their parent by empirical Bayes on the logit.

    For area j with r of n, in a parent whose areas have R of N in all::

        z_j  = ln[(r + ½) ÷ (n − r + ½)]                     Z = ln[(R + ½) ÷ (N − R + ½)]
        s_j² = (n + 1)(n + 2) ÷ [n (r + 1)(n − r + 1)]
        t²   = Σ (z_j − Z)² ÷ (k − 1)                        over the parent's k areas with n > 0
        w_j  = t² ÷ (t² + s_j²)                              the same as (1/s²) ÷ (1/s² + 1/t²)
        p_j  = 1 ÷ (1 + exp(−[w_j z_j + (1 − w_j) Z]))

    Shrinking pulls a needy pocket within a less needy parent towards the parent: show it beside the raw figure.

    Args:
        numerator: Counts r, shape (..., n areas), 0 ≤ r ≤ n; modelled counts need not be whole. NaN is missing.
        denominator: Counts n, same shape or broadcasting to it, ≥ 0. NaN is missing.
        parent: Parent of each area, whole numbers from 0, shape (n areas,); −1 for an area without parent, which keeps
            its raw proportion (weight 1), missing where n is 0.
        names: Names of the leaves, for errors.

    Returns:
        Proportions, weights and flags. An area with n = 0 takes anti-logit Z and is flagged. In a parent with a single
        such area Z is the area's own z and t² is not defined: the weight is 1. Where t² = 0 all areas equal the parent:
        weight 0. A parent with N = 0 has no value.

    Raises:
        MethodError: r outside 0 to n, negative n, or shapes that do not fit.

    Source:
        Scottish Indices of Deprivation 2003, technical appendix; English Indices of Deprivation, technical reports
        (shrinkage). The logit's ½ and its variance: Gart and Zweifel (1967), Biometrika 54: 181–187.
    """
    codes = np.asarray(parent)
    counts = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    r, shape = as_rows(counts[0])
    n, _ = as_rows(counts[1])
    if codes.shape != shape[-1:] or not np.issubdtype(codes.dtype, np.integer):
        got = f"shape {codes.shape} of {codes.dtype}"
        raise MethodError(
            Problem("shrink", "parents do not fit", got, f"whole numbers of shape {shape[-1:]}")
        )
    bad = np.asarray(((r < 0) | (n < 0) | (r > n)).any(axis=1))
    refuse_rows(
        "shrink", bad, shape, names, what="has counts out of range", expected="0 ≤ numerator ≤ denominator"
    )
    table = [_shrink_row(r[row], n[row], codes.astype(np.int64)) for row in range(len(r))]
    proportion, weight, flags = (np.stack(column).reshape(shape) for column in zip(*table, strict=True))
    return Shrunk(proportion, weight, flags.astype(np.bool_))


def _shrink_row(
    r: FloatArray, n: FloatArray, codes: npt.NDArray[np.int64]
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return proportion, weight and flag of one row of counts."""
    known = ~(np.isnan(r) | np.isnan(n))
    inside = known & (codes >= 0)
    own = inside & (n > 0)
    groups = int(codes.max(initial=-1)) + 1
    at = np.where(codes >= 0, codes, groups)  # one spare group for areas without parent
    total_r = np.bincount(at[inside], weights=r[inside], minlength=groups + 1).astype(float)
    total_n = np.bincount(at[inside], weights=n[inside], minlength=groups + 1).astype(float)
    size = np.bincount(at[own], minlength=groups + 1)
    centre = np.where(total_n > 0, _logit(total_r, total_n), np.nan)
    z = _logit(r, n)
    squares = np.bincount(at[own], weights=(z[own] - centre[at[own]]) ** 2, minlength=groups + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = squares / (size - 1)
        within = (n + 1) * (n + 2) / (n * (r + 1) * (n - r + 1))
        weight = between[at] / (between[at] + within)
        raw = r / n
    weight = np.where(size[at] == 1, 1.0, weight)
    weight = np.where(own, weight, np.where(inside, 0.0, np.nan))
    with np.errstate(over="ignore"):
        mixed = np.where(own, weight * z + (1 - weight) * centre[at], centre[at])
        proportion = np.where(inside, 1 / (1 + np.exp(-mixed)), np.where(known, raw, np.nan))
    alone = known & (codes < 0) & (n > 0)
    weight = np.where(alone, 1.0, np.where(np.isnan(proportion), np.nan, weight))
    return proportion, weight, inside & ~own & ~np.isnan(proportion)


def _logit(r: FloatArray, n: FloatArray) -> FloatArray:
    """Return the empirical logit ln[(r + ½) ÷ (n − r + ½)]."""
    return np.asarray(np.log((r + 0.5) / (n - r + 0.5)))
