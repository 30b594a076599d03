"""Treating skewed indicators: winsorising, logarithms, Box–Cox, and the skewness-and-kurtosis rule.

Every function returns the treated values and a record of what was done by leaf. Treatment looks at the values as they are,
before any direction. Missing values stay missing and are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import (
    BoolArray,
    FloatArray,
    IntArray,
    as_rows,
    blocks,
    by_row,
    choose,
    refuse_rows,
)
from wardmote.methods.columns import adding_order, order_holds
from wardmote.methods.compiled import loaded
from wardmote.methods.counts import Counted

Names = Sequence[str] | None
"""Names of the leaves, for errors."""

MAX_SKEW = 2.0
"""Absolute skewness from which an indicator fails, if its kurtosis fails too. Source: JRC COIN Tool and audits; COINr."""

MAX_KURT = 3.5
"""Excess kurtosis from which an indicator fails, if its skewness fails too. Source: JRC COIN Tool and audits; COINr."""

WINMAX = 5
"""Values that may be winsorised before a transform is tried instead. Source: COINr's default."""

LONG = 1000
"""Areas from which rows are judged by compiled sums: in shorter rows the treatment's own steps are quick."""

MOST_WINSORISED = 50
"""Values up to which the compiled loops look for the outermost."""

QUICK = ("log", "log_ct", "log_ct_orig")
"""Transforms that take every row, so that none need be refused."""

LOG_SHARE = 0.01
"""Share of the range added under the logarithm, so that the lowest value has one. Source: COIN Tool, COINr ``log_CT``."""


@dataclass(frozen=True, slots=True)
class TreatDetails:
    """What treating did to each leaf; every field has the shape of the axes before the areas.

    Attributes:
        skew_before: Skewness of the known values as given.
        kurt_before: Their excess kurtosis.
        n_winsorised: Values that differ from the given ones because of winsorising; 0 where a transform took its place.
        transform: ``none``, ``winsorise``, ``log_ct``, ``log_ct_negative``, ``log_ct_orig``, ``log_gii`` or ``box_cox``.
        skew_after: Skewness of what is returned.
        kurt_after: Its excess kurtosis.
        passed: Whether what is returned passes the rule: |skewness| < limit or excess kurtosis < limit.
    """

    skew_before: FloatArray
    kurt_before: FloatArray
    n_winsorised: IntArray
    transform: npt.NDArray[np.str_]
    skew_after: FloatArray
    kurt_after: FloatArray
    passed: npt.NDArray[np.bool_]


def moments(x: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return sample skewness and sample excess kurtosis of known values, as spreadsheets and COINr give them.

    With m the mean and n the number of known values: ``G1 = √n Σ(x−m)³ ÷ (Σ(x−m)²)^1.5 · √(n(n−1)) ÷ (n−2)`` and
    ``G2 = ((n+1)(g−3) + 6)(n−1) ÷ ((n−2)(n−3))`` with ``g = n Σ(x−m)⁴ ÷ (Σ(x−m)²)²``.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.

    Returns:
        Skewness and excess kurtosis, each of shape (...); both NaN for a row that is constant or has fewer than four known
        values, where they are not defined.

    Raises:
        MethodError: No area.

    Source:
        Joanes and Gill (1998), The Statistician 47: 183–189, types G1 and G2; e1071 ``type = 2``.
    """
    rows, shape = as_rows(x)
    skew, kurt = np.empty(len(rows)), np.empty(len(rows))
    for part in [slice(None)] if _adds_as_numpy() else blocks(*rows.shape):
        skew[part], kurt[part] = _complete_moments(rows[part])
    for row in np.flatnonzero(np.isnan(skew)):
        known = rows[row][~np.isnan(rows[row])]
        if 0 < len(known) < rows.shape[1]:
            skew[row : row + 1], kurt[row : row + 1] = _complete_moments(known[None, :])
    return skew.reshape(shape[:-1]), kurt.reshape(shape[:-1])


def _adds_as_numpy() -> bool:
    """Return whether compiled loops are loaded and add in numpy's order: then rows need no blocks to stay in cache."""
    return loaded() is not None and order_holds()


def _complete_moments(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return skewness and excess kurtosis by row, where no value is missing (else NaN)."""
    n = rows.shape[1]
    if n < 4:
        return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    centre, s2, s3, s4 = _power_sums(rows)
    # A mean may be off by a last digit, so a constant row may have a spread of rounding only: look again there.
    for row in np.flatnonzero(s2 <= n * (1e-13 * centre) ** 2):
        if (rows[row] == rows[row, 0]).all():
            s2[row] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        skew = np.sqrt(n) * s3 / s2**1.5 * np.sqrt(n * (n - 1.0)) / (n - 2.0)
        kurt = ((n + 1.0) * (n * s4 / s2**2 - 3.0) + 6.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0))
    return skew, kurt


def _power_sums(rows: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return each row's mean, and the sums of second, third and fourth powers of the distances from it.

    Compiled loops are used where they are loaded already; they add in the same order, so the bytes are the same.
    """
    compiled = loaded()
    if compiled is not None and _adds_as_numpy() and rows.flags.c_contiguous:
        found = np.empty((len(rows), 4))
        compiled.row_moments(rows, adding_order(rows.shape[1]), found)
        return found[:, 0], found[:, 1], found[:, 2], found[:, 3]
    centre = rows.mean(axis=1)
    from_mean = rows - centre[:, None]
    squared = from_mean * from_mean
    # Plain sums, not a BLAS product: their result does not depend on the number of threads.
    s2, s3 = squared.sum(axis=1), (squared * from_mean).sum(axis=1)
    return centre, s2, s3, (squared * squared).sum(axis=1)


def _passes(
    skew: FloatArray, kurt: FloatArray, max_skew: FloatArray, max_kurt: FloatArray
) -> npt.NDArray[np.bool_]:
    """Return whether the rule holds: it fails only where both limits are reached."""
    return (np.abs(skew) < max_skew) | (kurt < max_kurt)


def _known(row: FloatArray) -> BoolArray | slice:
    """Return what selects the known values of a row: everything, without a copy, where none is missing."""
    missing = np.isnan(row)
    return ~missing if missing.any() else slice(None)


def _judged(
    rows: FloatArray, shape: tuple[int, ...], names: Names, method: str
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of rows, or refuse those that have none."""
    skew, kurt = moments(rows)
    bad = ~np.isfinite(skew)
    refuse_rows(
        method,
        bad,
        shape,
        names,
        what="has no skewness",
        got=lambda row: _why_none(rows[row]),
        expected="at least four finite known values that are not all equal",
        remedy="Leave the indicator out, mend its source, or do not treat it.",
    )
    return skew, kurt


def _why_none(row: FloatArray) -> str:
    """Return what a row without skewness holds, for the error."""
    known = row[~np.isnan(row)]
    if len(known) < 4:
        return f"{len(known)} known values"
    return "infinite values" if np.isinf(known).any() else f"{known[0]:g} in every area where it is known"


def _winsorise_row(
    known: FloatArray, start: tuple[float, float], limits: tuple[float, float], *, winmax: float, force: bool
) -> tuple[FloatArray, int, float, float]:
    """Return one row winsorised, how many values changed, and its moments after.

    One step brings all values at the fitting end (the high end where skewness is ≥ 0) to the next value inwards. Steps go
    on until the rule holds, or until the next step would change more than ``winmax`` values in all.
    """
    values, high, low = known.copy(), 0, 0
    skew, kurt = start
    while force or not (abs(skew) < limits[0] or kurt < limits[1]):
        upper = skew >= 0
        end = values.max() if upper else values.min()
        at = np.flatnonzero(values == end)
        changed = len(at) + (low if upper else high)
        if changed > winmax or len(at) == len(values):
            break
        values[at] = -np.inf if upper else np.inf
        values[at] = values.max() if upper else values.min()
        high, low = (len(at), low) if upper else (high, len(at))
        after = _complete_moments(values[None, :])
        skew, kurt = float(after[0][0]), float(after[1][0])
        if np.isnan(skew):  # all values are equal now: nothing more to bring in
            break
    return values, high + low, skew, kurt


def _stays_skewed(known: FloatArray, limits: tuple[float, float], winmax: float) -> bool:
    """Return whether winsorising surely does not mend a row, from one compiled pass; False where it is not sure."""
    compiled = loaded()
    if compiled is None or winmax > MOST_WINSORISED or len(known) < LONG:  # steps are quick in short rows
        return False
    return bool(compiled.stays_skewed(known, limits[0], limits[1], int(winmax)))


def winsorise(
    x: npt.ArrayLike,
    *,
    names: Names = None,
    winmax: int | None = WINMAX,
    max_skew: npt.ArrayLike = MAX_SKEW,
    max_kurt: npt.ArrayLike = MAX_KURT,
    force: bool = False,
) -> tuple[FloatArray, TreatDetails]:
    """Return values whose outermost points are brought in, step by step, until the rule holds.

    A leaf fails when |skewness| ≥ ``max_skew`` *and* excess kurtosis ≥ ``max_kurt``. One step sets the highest value
    (the lowest, where skewness is negative) to the next. Areas with equal values stay equal: a tied group moves together,
    and only if no more than ``winmax`` values are changed in all. COINr changes the whole group even beyond its limit.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        names: Names of the leaves, for errors.
        winmax: Most values to change in a leaf, or None for no limit.
        max_skew: Limit of absolute skewness, one or by leaf.
        max_kurt: Limit of excess kurtosis, one or by leaf.
        force: True to go on to ``winmax`` even where the rule holds.

    Returns:
        Values of the same shape and unit (the same array where nothing changed), and the record.

    Raises:
        MethodError: A leaf is constant, infinite or has fewer than four known values; ``winmax`` is negative.

    Source:
        COINr ``winsorise`` and ``check_SkewKurt`` (version 1.1.14).
    """
    return _treat(
        "winsorise",
        x,
        names,
        winmax=winmax,
        max_skew=max_skew,
        max_kurt=max_kurt,
        force=force,
        then=None,
        power=None,
    )


def skew_kurt(
    x: npt.ArrayLike,
    *,
    names: Names = None,
    max_skew: npt.ArrayLike = MAX_SKEW,
    max_kurt: npt.ArrayLike = MAX_KURT,
    winmax: int | None = WINMAX,
    then: str = "log",
    power: float | None = None,
) -> tuple[FloatArray, TreatDetails]:
    """Return values treated by the rule: leave what passes; else winsorise; where that does not do, transform.

    A leaf fails when |skewness| ≥ ``max_skew`` *and* excess kurtosis ≥ ``max_kurt``. Where up to ``winmax`` winsorised
    values do not mend it, the values as given (not the winsorised ones) are transformed. ``passed`` says whether what is
    returned holds the rule at last; nothing is refused if it does not.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        names: Names of the leaves, for errors.
        max_skew: Limit of absolute skewness, one or by leaf.
        max_kurt: Limit of excess kurtosis, one or by leaf.
        winmax: Most values to winsorise in a leaf, or None for no limit.
        then: ``log`` (the same as ``log_ct``), ``log_ct_plus``, ``log_ct_orig``, ``log_gii``, ``box_cox``, or ``none`` to
            leave the winsorised values.
        power: For ``box_cox``: its λ, or None for the one of greatest likelihood.

    Returns:
        Values of the same shape (the same array where nothing changed), and the record. A transformed leaf has another
        unit.

    Raises:
        MethodError: A leaf is constant, infinite or has fewer than four known values; ``winmax`` is negative; ``then`` is
            unknown; a transform is not possible for a leaf.

    Source:
        COINr ``Treat`` with its defaults (version 1.1.14).
    """
    choose("skew_kurt", "then", then, ("log", *_TRANSFORMS, "none"))
    step = None if then == "none" else "log_ct" if then == "log" else then
    return _treat(
        "skew_kurt",
        x,
        names,
        winmax=winmax,
        max_skew=max_skew,
        max_kurt=max_kurt,
        force=False,
        then=step,
        power=power,
    )


def treat_draws(function: str, x: FloatArray, *, names: Names = None, **settings: Any) -> FloatArray:
    """Return treated values without a record, as draws need them: the same bytes as the treatment's own, sooner.

    Whether the rule holds in a row is decided by sums in any order where it is clear by more than one in a million; where it is not, and
    where winsorising may mend a row, the treatment itself decides.

    Args:
        function: A name in `TREAT`.
        x: Values, shape (..., n).
        names: Names of the leaves, for errors.
        settings: Settings of the treatment.

    Returns:
        Values of the same shape; the same array where nothing changed.

    Raises:
        MethodError: As the treatment itself.
    """
    limits, winmax = _limits(function, settings, x.shape[-1]), settings.get("winmax", WINMAX)
    compiled, then = loaded(), settings.get("then", "log")
    if compiled is None or limits is None:
        return TREAT[function](x, names=names, **settings)[0]
    rows, shape = as_rows(x)
    verdict = np.empty(len(rows), dtype=np.int64)
    quick = then in QUICK and winmax is not None and winmax <= MOST_WINSORISED
    compiled.judge_rows(rows, *limits, winmax if quick else -1, verdict)
    if not verdict.any():
        return x
    out = np.empty_like(rows)
    for row in range(len(rows)):
        if verdict[row] == compiled.PASSES:
            out[row] = rows[row]
        elif verdict[row] == compiled.STAYS:
            _TRANSFORMS["log_ct" if then == "log" else then][1](rows[row], None, out[row])
        else:
            name = None if names is None else [names[row % len(names)]]
            out[row] = TREAT[function](rows[row], names=name, **settings)[0]
    return out.reshape(shape)


def surely_passes(function: str, column: Counted, rows: IntArray, **settings: Any) -> bool:
    """Return whether a treatment surely leaves all of some draws as they are; False where it is not sure.

    Args:
        function: A name in `TREAT`.
        column: Draws of a leaf.
        rows: Which of them.
        settings: Settings of the treatment.
    """
    limits, compiled = _limits(function, settings, column.shape[-1]), loaded()
    if limits is None or compiled is None:
        return False
    return bool(compiled.judge_counted(column.counts, column.divisor, column.factor, rows, *limits))


def _limits(function: str, settings: Mapping[str, Any], n: int) -> tuple[float, float] | None:
    """Return the limits of skewness and kurtosis, or None where rows are not to be judged by compiled sums."""
    limits = settings.get("max_skew", MAX_SKEW), settings.get("max_kurt", MAX_KURT)
    if loaded() is None or function != "skew_kurt" or n < LONG or not _plain(*limits):
        return None
    return float(limits[0]), float(limits[1])


def _plain(*settings: Any) -> bool:
    """Return whether all settings are single finite numbers."""
    return all(isinstance(one, int | float) and np.isfinite(one) for one in settings)


def _treat(
    method: str,
    x: npt.ArrayLike,
    names: Names,
    *,
    winmax: int | None,
    max_skew: npt.ArrayLike,
    max_kurt: npt.ArrayLike,
    force: bool,
    then: str | None,
    power: float | None,
) -> tuple[FloatArray, TreatDetails]:
    """Return treated values and record: the one loop behind winsorising and the rule, over failing leaves only."""
    if winmax is not None and winmax < 0:
        raise MethodError(Problem(method, "winmax is negative", str(winmax), "0 or more"))
    rows, shape = as_rows(x)
    limits = by_row(max_skew, shape, method, "max_skew"), by_row(max_kurt, shape, method, "max_kurt")
    before = _judged(rows, shape, names, method)
    after = before[0].copy(), before[1].copy()
    count, done = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), "none", dtype="<U16")
    failing = np.arange(len(rows)) if force else np.flatnonzero(~_passes(*before, *limits))
    out = rows.copy() if len(failing) else rows
    refused: dict[int, str] = {}
    most = np.inf if winmax is None else winmax
    for row in failing:
        there = _known(rows[row])
        known = rows[row][there]
        limit = float(limits[0][row]), float(limits[1][row])
        start = float(before[0][row]), float(before[1][row])
        if then is not None and not force and _stays_skewed(known, limit, most):
            values, skew, kurt = known, *start  # winsorising would be thrown away
        else:
            values, count[row], skew, kurt = _winsorise_row(known, start, limit, winmax=most, force=force)
        done[row] = "winsorise" if count[row] else "none"
        if then is not None and not (abs(skew) < limit[0] or kurt < limit[1]):
            refused[int(row)] = _TRANSFORMS[then][0](known)
            if refused[int(row)]:
                continue
            values, done[row] = _TRANSFORMS[then][1](known, power)
            count[row] = 0
            skew, kurt = (float(m[0]) for m in _complete_moments(values[None, :]))
        out[row, there] = values
        after[0][row], after[1][row] = skew, kurt
    _refuse_transform(method, refused, shape, names)
    passed = _passes(*after, *limits)
    return out.reshape(shape), _record(shape, before, (count, done), after, passed)


def _record(
    shape: tuple[int, ...],
    before: tuple[FloatArray, FloatArray],
    done: tuple[IntArray, npt.NDArray[np.str_]],
    after: tuple[FloatArray, FloatArray],
    passed: npt.NDArray[np.bool_],
) -> TreatDetails:
    """Return the record with the shape of the axes before the areas."""
    lead = shape[:-1]
    return TreatDetails(
        skew_before=before[0].reshape(lead),
        kurt_before=before[1].reshape(lead),
        n_winsorised=done[0].reshape(lead),
        transform=done[1].reshape(lead),
        skew_after=after[0].reshape(lead),
        kurt_after=after[1].reshape(lead),
        passed=passed.reshape(lead),
    )


def _refuse_transform(method: str, refused: dict[int, str], shape: tuple[int, ...], names: Names) -> None:
    """Refuse the leaves that a transform cannot take."""
    bad = np.zeros(int(np.prod(shape[:-1])), dtype=np.bool_)
    bad[[row for row, why in refused.items() if why]] = True
    what = "cannot be transformed"
    remedy = "Choose another transform for it."
    refuse_rows(method, bad, shape, names, what=what, got=lambda row: refused[row], remedy=remedy)


def _transform(
    method: str, x: npt.ArrayLike, names: Names, power: float | None = None
) -> tuple[FloatArray, TreatDetails]:
    """Return all rows transformed, and the record."""
    rows, shape = as_rows(x)
    before = _judged(rows, shape, names, method)
    out, refused = rows.copy(), {}
    done = np.full(len(rows), "none", dtype="<U16")
    for row in range(len(rows)):
        there = _known(rows[row])
        refused[row] = _TRANSFORMS[method][0](rows[row][there])
        if not refused[row]:
            out[row, there], done[row] = _TRANSFORMS[method][1](rows[row][there], power)
    _refuse_transform(method, refused, shape, names)
    after = moments(out)
    passed = _passes(*after, np.asarray(MAX_SKEW), np.asarray(MAX_KURT))
    count = np.zeros(len(rows), dtype=np.int64)
    return out.reshape(shape), _record(shape, before, (count, done), after, passed)


def log_ct(x: npt.ArrayLike, *, names: Names = None) -> tuple[FloatArray, TreatDetails]:
    """Return ln(x − min + 0.01 · (max − min)), for indicators with a long high tail.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        names: Names of the leaves, for errors.

    Returns:
        Logarithms of the same shape, in the same order as ``x``, and the record.

    Raises:
        MethodError: A leaf is constant, infinite or has fewer than four known values.

    Source:
        COIN Tool (JRC 2019); COINr ``log_CT``.
    """
    return _transform("log_ct", x, names)


def log_ct_plus(x: npt.ArrayLike, *, names: Names = None) -> tuple[FloatArray, TreatDetails]:
    """Return ``log_ct`` where skewness is above 0, and −ln(max + 0.01 · (max − min) − x) elsewhere, for a long low tail.

    Args:
        x: Values, shape (..., n), any unit. NaN is missing.
        names: Names of the leaves, for errors.

    Returns:
        Transformed values of the same shape, in the same order as ``x``, and the record (``log_ct`` or
        ``log_ct_negative``).

    Raises:
        MethodError: A leaf is constant, infinite or has fewer than four known values.

    Source:
        COINr ``log_CT_plus``.
    """
    return _transform("log_ct_plus", x, names)


def log_ct_orig(x: npt.ArrayLike, *, names: Names = None) -> tuple[FloatArray, TreatDetails]:
    """Return ln(x − min + 1).

    Args:
        x: Values, shape (..., n). NaN is missing. The 1 has the unit of ``x``, so the result depends on the unit.
        names: Names of the leaves, for errors.

    Returns:
        Logarithms of the same shape, in the same order as ``x``, and the record.

    Raises:
        MethodError: A leaf is constant, infinite or has fewer than four known values.

    Source:
        COIN Tool; COINr ``log_CT_orig``.
    """
    return _transform("log_ct_orig", x, names)


def log_gii(x: npt.ArrayLike, *, names: Names = None) -> tuple[FloatArray, TreatDetails]:
    """Return ln((max − 1)(x − min) ÷ (max − min) + 1), the logarithm of the Global Innovation Index.

    Args:
        x: Values, shape (..., n). NaN is missing.
        names: Names of the leaves, for errors.

    Returns:
        Logarithms of the same shape, 0 to ln(max), in the same order as ``x``, and the record.

    Raises:
        MethodError: A leaf is constant, infinite or has fewer than four known values; its maximum is not above 1, where
            the formula would turn the order round.

    Source:
        Global Innovation Index, statistical annex. COINr's ``log_GII`` (1.1.14) calculates this and returns ``x``.
    """
    return _transform("log_gii", x, names)


def box_cox(
    x: npt.ArrayLike, *, names: Names = None, power: float | None = None
) -> tuple[FloatArray, TreatDetails]:
    """Return the Box–Cox transform of x − min + 1: (y^λ − 1) ÷ λ, or ln y where λ = 0.

    Args:
        x: Values, shape (..., n). NaN is missing.
        names: Names of the leaves, for errors.
        power: λ, or None for the λ of greatest likelihood between −5 and 5, found leaf by leaf.

    Returns:
        Transformed values of the same shape, in the same order as ``x``, and the record.

    Raises:
        MethodError: A leaf is constant, infinite or has fewer than four known values.

    Source:
        Box and Cox (1964), JRSS-B 26: 211–252; the shift is COINr's ``boxcox`` with ``makepos``.
    """
    return _transform("box_cox", x, names, power)


def _log_ct_row(
    known: FloatArray, power: float | None, out: FloatArray | None = None
) -> tuple[FloatArray, str]:
    """Return one row's ``log_ct``, written to ``out`` where it is given."""
    del power
    low, high = known.min(), known.max()
    out = np.subtract(known, low, out=out)
    out += LOG_SHARE * (high - low)
    return np.log(out, out=out), "log_ct"


def _log_ct_plus_row(known: FloatArray, power: float | None) -> tuple[FloatArray, str]:
    """Return one row's ``log_ct_plus``."""
    if _complete_moments(known[None, :])[0][0] > 0:
        return _log_ct_row(known, power)
    low, high = known.min(), known.max()
    return -np.log(high + LOG_SHARE * (high - low) - known), "log_ct_negative"


def _log_ct_orig_row(
    known: FloatArray, power: float | None, out: FloatArray | None = None
) -> tuple[FloatArray, str]:
    """Return one row's ``log_ct_orig``, written to ``out`` where it is given."""
    del power
    out = np.subtract(known, known.min(), out=out)
    out += 1
    return np.log(out, out=out), "log_ct_orig"


def _log_gii_row(known: FloatArray, power: float | None) -> tuple[FloatArray, str]:
    """Return one row's ``log_gii``."""
    del power
    low, high = known.min(), known.max()
    return np.log((high - 1) * (known - low) / (high - low) + 1), "log_gii"


def _box_cox_row(known: FloatArray, power: float | None) -> tuple[FloatArray, str]:
    """Return one row's Box–Cox transform."""
    from scipy.optimize import minimize_scalar
    from scipy.stats import boxcox_llf

    shifted = known - known.min() + 1
    if power is None:
        # ±5 spans every transform in use; beyond it powers overflow for ordinary counts.
        found = minimize_scalar(lambda lam: -boxcox_llf(lam, shifted), bounds=(-5, 5), method="bounded")
        power = float(found.x)
    return (np.log(shifted) if power == 0 else (shifted**power - 1) / power), "box_cox"


def _any_row(known: FloatArray) -> str:
    """Return no reason to refuse."""
    del known
    return ""


def _above_one(known: FloatArray) -> str:
    """Return why ``log_gii`` cannot take a row, or nothing."""
    return "" if known.max() > 1 else f"maximum {known.max():g}; log_gii needs one above 1"


_TRANSFORMS: Mapping[str, tuple[Callable[[FloatArray], str], Callable[..., tuple[FloatArray, str]]]] = (
    MappingProxyType(
        {
            "log_ct": (_any_row, _log_ct_row),
            "log_ct_plus": (_any_row, _log_ct_plus_row),
            "log_ct_orig": (_any_row, _log_ct_orig_row),
            "log_gii": (_above_one, _log_gii_row),
            "box_cox": (_any_row, _box_cox_row),
        }
    )
)

TREAT: Mapping[str, Callable[..., tuple[FloatArray, TreatDetails]]] = MappingProxyType(
    {
        "skew_kurt": skew_kurt,
        "winsorise": winsorise,
        "log_ct": log_ct,
        "log_ct_plus": log_ct_plus,
        "log_ct_orig": log_ct_orig,
        "log_gii": log_gii,
        "box_cox": box_cox,
    }
)
"""Every treatment, by the name that a study uses: ``TREAT[name](x, names=…, **settings) → (values, record)``."""
