"""Compiled loops over columns: statistics of rows, scaling them, adding them up, and whether skewed rows can be mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.methods._compile import any_order, compiled
from wardmote.methods._lanes import end_eights, known_end_eights, power_eights, square_eights, sum_eights
from wardmote.methods.checks import FloatArray, IntArray

STRETCH = 1024
"""Areas summed at a time, so that the total stays in cache."""

PIECE = 128
"""Values whose greatest and least are found at a time when the outermost of a row are sought."""

PASSES, STAYS, UNSURE = 0, 1, 2
"""What `judge_rows` says of a row: the rule holds; it does not and winsorising does not mend it; too close, or it may."""


@compiled
def sum_block(x: FloatArray, start: int, length: int) -> float:
    """Return the sum of some neighbouring numbers, in the order in which numpy adds up to 128 of them."""
    whole = length - length % 8
    total = sum_eights(x, start, whole) if whole else 0.0
    for i in range(start + whole, start + length):
        total += x[i]
    return float(total)


@compiled
def square_block(x: FloatArray, start: int, length: int, centre: float) -> float:
    """Return the same sum of squared distances from a centre."""
    whole = length - length % 8
    total = square_eights(x, start, whole, centre) if whole else 0.0
    for i in range(start + whole, start + length):
        away = x[i] - centre
        total += away * away
    return float(total)


@compiled
def sum_powers(x: FloatArray, order: IntArray, centre: float, power: int) -> float:
    """Return Σ x (power 1), or Σ (x − centre)² (power 2), in numpy's order.

    ``order`` holds for each block of at most 128 numbers its start, its length and how many sums are put together after it.
    """
    stack, top = np.empty(64), 0
    for block in range(len(order)):
        start, length = order[block, 0], order[block, 1]
        if power == 1:
            stack[top] = sum_block(x, start, length)
        else:
            stack[top] = square_block(x, start, length, centre)
        top += 1
        for _ in range(order[block, 2]):
            top -= 1
            stack[top - 1] += stack[top]
    found: float = stack[0]
    return found


@compiled
def ends(x: FloatArray) -> tuple[float, float]:
    """Return the least and the greatest of numbers of which none is missing."""
    whole = len(x) - len(x) % 8
    low, high = end_eights(x, 0, whole) if whole else (x[0], x[0])
    for i in range(whole, len(x)):
        low, high = min(low, x[i]), max(high, x[i])
    return low, high


@compiled
def fill_ends(x: FloatArray, low: FloatArray, high: FloatArray) -> None:
    """Write the least and the greatest of each row, NaN where any is missing."""
    n = x.shape[1]
    whole = n - n % 8
    for r in range(len(x)):
        row = x[r]
        low[r], high[r] = row[0], row[0]
        missing = 0.0
        if whole:
            low[r], high[r], missing = known_end_eights(row, 0, whole)
        for i in range(whole, n):
            missing += 1.0 if np.isnan(row[i]) else 0.0
            low[r], high[r] = min(low[r], row[i]), max(high[r], row[i])
        if missing > 0 or np.isnan(row[0]):
            low[r], high[r] = np.nan, np.nan


@compiled
def fill_spreads(x: FloatArray, order: IntArray, centre: FloatArray, spread: FloatArray) -> None:
    """Write mean and sample standard deviation of each row, NaN where any is missing."""
    n = x.shape[1]
    for r in range(len(x)):
        centre[r] = sum_powers(x[r], order, 0.0, 1) / n
        spread[r] = np.sqrt(sum_powers(x[r], order, centre[r], 2) / (n - 1))


@compiled
def add_weighted(x: FloatArray, w: FloatArray, out: FloatArray) -> None:
    """Write Σ w·x over children, x (k, n) and w (draws, k), child by child, some areas at a time for all draws."""
    k, n = x.shape
    for start in range(0, n, STRETCH):
        for draw in range(len(w)):
            total = out[draw, start : min(start + STRETCH, n)]
            row, weight = x[0, start : start + len(total)], w[draw, 0]
            for i in range(len(total)):
                total[i] = weight * row[i]
            for child in range(1, k):
                row, weight = x[child, start : start + len(total)], w[draw, child]
                for i in range(len(total)):
                    total[i] += weight * row[i]


@compiled
def row_scale(x: FloatArray, kind: int, sign: float, order: IntArray) -> tuple[float, float]:
    """Return where a row's scale starts and what it spans: 1 by its ends, 2 by mean and sd; a span of 0 where it has none."""
    low, high = ends(x)
    if not (low < high and np.isfinite(high - low)):
        return 0.0, 0.0
    if kind == 1:
        return (low if sign > 0 else high), sign * (high - low)
    centre = sum_powers(x, order, 0.0, 1) / len(x)
    return centre, sign * np.sqrt(sum_powers(x, order, centre, 2) / (len(x) - 1))


@compiled
def add_row(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    out: FloatArray,
    x: FloatArray,
    w: float,
    kind: int,
    sign: float,
    scale: float,
    lift: float,
    first: bool,
    order: IntArray,
    used: FloatArray,
) -> bool:
    """Add one row, put on its scale, times its weight, to a total; return whether it has no scale.

    ``kind`` 0 leaves it as it is. ``used`` takes start and span.
    """
    if kind == 0:
        for i in range(len(x)):
            out[i] = w * x[i] if first else out[i] + w * x[i]
        return False
    start, span = row_scale(x, kind, sign, order)
    used[0], used[1] = start, span
    if first:
        for i in range(len(x)):
            out[i] = w * ((x[i] - start) / span * scale + lift)
    else:
        for i in range(len(x)):
            out[i] += w * ((x[i] - start) / span * scale + lift)
    return bool(span == 0)


@compiled
def add_scaled(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    total: FloatArray,
    column: FloatArray,
    rows: IntArray,
    weights: FloatArray,
    kind: int,
    sign: float,
    scale: float,
    lift: float,
    first: bool,
    order: IntArray,
    used: FloatArray,
) -> int:
    """Add one child to the total of each draw, as `add_row` does; return how many rows have no scale.

    Row r of the total takes row ``rows[r]`` of the column.
    """
    bad = 0
    for r in range(len(rows)):
        bad += add_row(total[r], column[rows[r]], weights[r], kind, sign, scale, lift, first, order, used[r])
    return bad


@compiled
def add_counted(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    total: FloatArray,
    counts: npt.NDArray[Any],
    divisor: FloatArray,
    factor: FloatArray,
    rows: IntArray,
    weights: FloatArray,
    kind: int,
    sign: float,
    scale: float,
    lift: float,
    first: bool,
    order: IntArray,
    used: FloatArray,
) -> int:
    """Add one child that is kept as counts; each row is turned into numbers while it lies in cache."""
    bad, x = 0, np.empty(total.shape[1])
    for r in range(len(rows)):
        floats_of(counts[rows[r]], divisor, factor, x)
        bad += add_row(total[r], x, weights[r], kind, sign, scale, lift, first, order, used[r])
    return bad


@compiled
def floats_of(counts: npt.NDArray[Any], divisor: FloatArray, factor: FloatArray, out: FloatArray) -> None:
    """Write counts ÷ divisor × factor; without factors, counts ÷ divisor."""
    if len(factor):
        for i in range(len(out)):
            out[i] = np.float64(counts[i]) / divisor[i] * factor[i]
    else:
        for i in range(len(out)):
            out[i] = np.float64(counts[i]) / divisor[i]


@compiled
def fill_floats(
    counts: npt.NDArray[Any], divisor: FloatArray, factor: FloatArray, rows: IntArray, out: FloatArray
) -> None:
    """Write the numbers behind some rows of counts."""
    for r in range(len(rows)):
        floats_of(counts[rows[r]], divisor, factor, out[r])


@compiled
def fill_linear(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    x: FloatArray, start: FloatArray, span: FloatArray, scale: FloatArray, lift: FloatArray, out: FloatArray
) -> None:
    """Write (x − start) ÷ span × scale + lift by row."""
    for r in range(len(x)):
        row, to, a, b, c, d = x[r], out[r], start[r], span[r], scale[r], lift[r]
        for i in range(len(row)):
            to[i] = (row[i] - a) / b * c + d


@compiled
def row_moments(x: FloatArray, order: IntArray, out: FloatArray) -> None:
    """Write each row's mean and the sums of the second, third and fourth powers of the distances from it."""
    stack = np.empty((3, 64))
    for r in range(len(x)):
        row, top = x[r], 0
        centre = sum_powers(row, order, 0.0, 1) / x.shape[1]
        for block in range(len(order)):
            start, length = order[block, 0], order[block, 1]
            whole = length - length % 8
            s2, s3, s4 = power_eights(row, start, whole, centre) if whole else (0.0, 0.0, 0.0)
            for i in range(start + whole, start + length):
                away = row[i] - centre
                square = away * away
                s2 += square
                s3 += square * away
                s4 += square * square
            stack[0, top], stack[1, top], stack[2, top] = s2, s3, s4
            top += 1
            for _ in range(order[block, 2]):
                top -= 1
                for j in range(3):
                    stack[j, top - 1] += stack[j, top]
        out[r, 0], out[r, 1], out[r, 2], out[r, 3] = centre, stack[0, 0], stack[1, 0], stack[2, 0]


@any_order
def sum_between(
    x: FloatArray, low: float, high: float, centre: float
) -> tuple[int, float, float, float, float]:
    """Return the number of values strictly between two ends, and the sums of four powers of their distances from a centre."""
    n = 0
    s1, s2, s3, s4 = 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        inside = (x[i] > low) & (x[i] < high)
        away = x[i] - centre if inside else 0.0
        square = away * away
        n += 1 if inside else 0
        s1 += away
        s2 += square
        s3 += square * away
        s4 += square * square
    return n, s1, s2, s3, s4


@compiled
def outermost(x: FloatArray, sign: float, tops: FloatArray, values: FloatArray, counts: FloatArray) -> int:
    """Write the greatest values of ``sign·x``, from the greatest on, with how often each occurs; return how many there are.

    ``tops`` holds the greatest of each `PIECE` of values, so that most need not be looked at.
    """
    m = 0
    least = -np.inf
    for piece in range(len(tops)):
        if tops[piece] < least:
            continue
        for i in range(piece * PIECE, min((piece + 1) * PIECE, len(x))):
            value = sign * x[i]
            if value < least:
                continue
            k = 0
            while k < m and values[k] > value:
                k += 1
            if k < m and values[k] == value:
                counts[k] += 1.0
                continue
            m = min(m + 1, len(values))
            for j in range(m - 1, k, -1):
                values[j], counts[j] = values[j - 1], counts[j - 1]
            values[k], counts[k] = value, 1.0
            if m == len(values):
                least = values[m - 1]
    return m


@compiled
def stays_skewed(x: FloatArray, max_skew: float, max_kurt: float, most: int) -> bool:
    """Return whether winsorising up to ``most`` values surely does not mend a row; False where it does, or is close to it.

    The outermost values are moved in among sums of all others, so that one pass serves all steps. Where a limit is nearer than
    one in a million, nothing is said: the steps themselves decide.
    """
    n, size = len(x), most + 3
    values, counts, sizes = np.empty((2, size)), np.empty((2, size)), np.empty(2, dtype=np.int64)
    tops = np.empty((2, (n + PIECE - 1) // PIECE))
    for piece in range(tops.shape[1]):
        low, high = ends(x[piece * PIECE : min((piece + 1) * PIECE, n)])
        tops[0, piece], tops[1, piece] = high, -low
    for side in range(2):
        sizes[side] = outermost(x, 1.0 - 2.0 * side, tops[side], values[side], counts[side])
    values[1] = -values[1]
    high, low = values[0, sizes[0] - 1], values[1, sizes[1] - 1]
    if sizes[0] < size or sizes[1] < size or not low < high or not np.isfinite(values[0, 0] - values[1, 0]):
        return False
    centre = (high + low) / 2
    _, s1, s2, s3, s4 = sum_between(x, low, high, centre)
    at, moved = np.zeros(2, dtype=np.int64), np.zeros(2)
    while True:
        t1, t2, t3, t4 = s1, s2, s3, s4
        for side in range(2):
            for k in range(at[side], size):
                away = values[side, k] - centre
                t1 += counts[side, k] * away
                t2 += counts[side, k] * away**2
                t3 += counts[side, k] * away**3
                t4 += counts[side, k] * away**4
        mean = t1 / n
        m2 = t2 - n * mean**2
        m3 = t3 - 3 * mean * t2 + 2 * n * mean**3
        m4 = t4 - 4 * mean * t3 + 6 * mean**2 * t2 - 3 * n * mean**4
        skew = np.sqrt(n) * m3 / m2**1.5 * np.sqrt(n * (n - 1.0)) / (n - 2.0)
        kurt = ((n + 1.0) * (n * m4 / m2**2 - 3.0) + 6.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0))
        if not (abs(skew) > max_skew * (1 + 1e-6) + 1e-6 and kurt > max_kurt + 1e-6 * abs(max_kurt) + 1e-6):
            return False
        side = 0 if skew >= 0 else 1
        changed = counts[side, at[side]]
        if changed + moved[1 - side] > most:
            return True
        counts[side, at[side] + 1] += changed
        at[side] += 1
        moved[side] = changed


@any_order
def sum_around(x: FloatArray, centre: float) -> tuple[float, float, float, float]:
    """Return the sums of four powers of the distances from a centre."""
    s1, s2, s3, s4 = 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        away = x[i] - centre
        square = away * away
        s1 += away
        s2 += square
        s3 += square * away
        s4 += square * square
    return s1, s2, s3, s4


@compiled
def judge(x: FloatArray, max_skew: float, max_kurt: float, most: int) -> int:
    """Return what the rule of skewness and kurtosis says of a row, from sums in any order.

    These are right to about one in 10¹¹; where a limit is nearer than one in a million, the row is unsure and the exact sums decide.
    """
    n = len(x)
    step, centre, seen = max(1, n // 512), 0.0, 0
    for i in range(0, n, step):  # any number near the mean will do
        centre += x[i]
        seen += 1
    centre /= seen
    s1, s2, s3, s4 = sum_around(x, centre)
    mean = s1 / n
    m2 = s2 - n * mean**2
    if not (m2 > 0.01 * s2 and m2 > n * (1e-6 * centre) ** 2 and np.isfinite(s4)):
        return UNSURE  # constant, infinite, missing values, or the centre was far off
    m3 = s3 - 3 * mean * s2 + 2 * n * mean**3
    m4 = s4 - 4 * mean * s3 + 6 * mean**2 * s2 - 3 * n * mean**4
    skew = np.sqrt(n) * m3 / m2**1.5 * np.sqrt(n * (n - 1.0)) / (n - 2.0)
    kurt = ((n + 1.0) * (n * m4 / m2**2 - 3.0) + 6.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0))
    near_skew, near_kurt = 1e-6 * max_skew + 1e-6, 1e-6 * abs(max_kurt) + 1e-6
    if abs(skew) < max_skew - near_skew or kurt < max_kurt - near_kurt:
        return PASSES
    fails = abs(skew) > max_skew + near_skew and kurt > max_kurt + near_kurt
    if fails and most >= 0 and stays_skewed(x, max_skew, max_kurt, most):
        return STAYS
    return UNSURE


@compiled
def judge_rows(x: FloatArray, max_skew: float, max_kurt: float, most: int, out: IntArray) -> None:
    """Write for each row what `judge` says; ``most`` is how many values may be winsorised, −1 not to try."""
    for r in range(len(x)):
        out[r] = judge(x[r], max_skew, max_kurt, most)


@compiled
def judge_counted(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    counts: npt.NDArray[Any],
    divisor: FloatArray,
    factor: FloatArray,
    rows: IntArray,
    max_skew: float,
    max_kurt: float,
) -> bool:
    """Return whether the rule surely holds in all of some rows that are kept as counts."""
    x = np.empty(counts.shape[1])
    for r in range(len(rows)):
        floats_of(counts[rows[r]], divisor, factor, x)
        if judge(x, max_skew, max_kurt, -1) != PASSES:
            return False
    return True
