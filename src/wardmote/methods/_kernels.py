"""The loops that numba compiles. Imported only through `wardmote.methods.compiled`, since numba is optional.

Each function has a plain twin in the module that calls it, and uses no transcendental function, no reordering of sums and no
fused multiply-add, so that both give the same bits. Results are cached on disk beside this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt

from wardmote.methods.checks import FloatArray

WordArray = npt.NDArray[np.uint64]
"""Unsigned 64-bit words: keys and random bits."""

TILE = 64
"""Cells drawn before their draws are written: rows of 64 numbers are written without waiting for each line of memory."""

RUN = 64
"""Draws of a cell made one after the other, while its table lies in the first-level cache."""

AHEAD = 16
"""Ratios of neighbouring probabilities calculated at a time."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function compiled on first use, cached on disk, free of Python's lock, dividing by 0 as numpy does."""
    return cast("Callable[..., Any]", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


@compiled
def mix(word: np.uint64) -> np.uint64:
    """Return 64 random-looking bits for a word: the finaliser of SplitMix64."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@compiled
def fill_uniforms(cells: WordArray, steps: WordArray, out: FloatArray) -> None:
    """Write uniforms in (0, 1), shape (draws, cells)."""
    for d in range(len(steps)):
        for c in range(len(cells)):
            bits = mix(cells[c] + steps[d]) >> np.uint64(12)
            out[d, c] = (np.float64(bits) + 0.5) * 2.0**-52


@compiled
def add_normals(
    cells: WordArray, steps: WordArray, table: FloatArray, loading: FloatArray, out: FloatArray
) -> None:
    """Add standard normals, times one loading a cell, to ``out``, shape (draws, cells)."""
    for d in range(len(steps)):
        for c in range(len(cells)):
            bits = mix(cells[c] + steps[d]) >> np.uint64(12)
            half = (np.float64(bits & np.uint64(0x7FFFFFFFFFFFF)) + 0.5) * 2.0**-52
            word = np.float64(half).view(np.uint64)
            row = np.int64(word >> np.uint64(48)) - 15520
            t = np.float64(word & np.uint64(0xFFFFFFFFFFFF)) * 2.0**-48
            z = table[row, 0]
            for k in range(1, table.shape[1]):
                z = z * t + table[row, k]
            if bits >> np.uint64(51):
                z = -z
            out[d, c] += loading[c] * z


@compiled
def ratio_up(family: int, k: float, size: float, a: float, b: float) -> float:
    """Return P(k + 1) ÷ P(k): 0 binomial (a = odds), 1 Poisson (a = mean), 2 beta-binomial (a, b)."""
    if family == 0:
        return (size - k) * a / (k + 1.0)
    if family == 1:
        return a / (k + 1.0)
    return (size - k) * (k + a) / ((k + 1.0) * (size - k - 1.0 + b))


@compiled
def ratio_down(family: int, k: float, size: float, a: float, b: float) -> float:
    """Return P(k − 1) ÷ P(k)."""
    if family == 0:
        return k / ((size - k + 1.0) * a)
    if family == 1:
        return k / a
    return k * (size - k + b) / ((size - k + 1.0) * (k - 1.0 + a))


@compiled
def walk(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    family: int, cell: FloatArray, work: FloatArray, low: int, high: int, step: int
) -> tuple[int, int, FloatArray]:
    """Return both ends and the table after the relative probabilities on one side of the start have been written.

    ``step`` is −1 downwards and 1 upwards. Ratios are made some at a time, since their divisions do not wait for each other.
    ``work`` grows on both sides where it must, and is given back.
    """
    size, a, b, start, cut = cell[0], cell[1], cell[2], cell[3], cell[4]
    ratios = np.empty(AHEAD)
    top, q, k, at = 1.0, 1.0, start, low if step < 0 else high
    left = start if step < 0 else size - start
    while left > 0:
        if at < AHEAD or at + AHEAD >= len(work):
            bigger = np.empty(3 * len(work))
            bigger[len(work) : 2 * len(work)] = work
            low, high, at, work = low + len(work), high + len(work), at + len(work), bigger
        if step < 0:
            for j in range(AHEAD):
                ratios[j] = ratio_down(family, k - j, size, a, b)
        else:
            for j in range(AHEAD):
                ratios[j] = ratio_up(family, k + j, size, a, b)
        ended = False
        for j in range(np.int64(min(left, np.float64(AHEAD)))):
            q = q * ratios[j]
            top = max(top, q)
            if q < cut * top:
                ended = True
                break
            at += step
            work[at] = q
        if ended:
            break
        left -= AHEAD
        k += step * AHEAD
    if step < 0:
        return at, high, work
    return low, at, work


@compiled
def fill_table(family: int, cell: FloatArray, work: FloatArray) -> tuple[int, int, int, FloatArray]:
    """Return the first count, where it stands in the table, the number of counts, and the running sums of their relative
    probabilities.

    ``cell`` holds size, a, b, start and cut. ``work`` grows where it must, and is given back.
    """
    middle = len(work) // 2
    work[middle] = 1.0
    low, high, work = walk(family, cell, work, middle, middle, -1)
    first = np.int64(cell[3]) - (high - low)  # downwards only `low` has moved away from the start
    low, high, work = walk(family, cell, work, low, high, 1)
    total = 0.0
    for i in range(low, high + 1):
        total += work[i]
        work[i] = total
    return first, low, high + 1 - low, work


@compiled
def fill_guide(sums: FloatArray, guide: npt.NDArray[np.int32]) -> None:
    """Write for each equal step of the uniforms a count that is the meant one or lies below it, mostly the one."""
    guide[:] = 0
    size = len(guide)
    # Rounded up a little, so that no guide ever points beyond the count that is meant.
    scale = size / sums[-1] * (1 + 1e-14)
    for k in range(len(sums) - 1):
        step = np.int64(sums[k] * scale) + 1
        if step < size:
            guide[step] = k + 1
    most = np.int32(0)
    for g in range(size):
        most = max(most, guide[g])
        guide[g] = most


@compiled
def fill_counts(  # noqa: PLR0917, C901 - compiled functions take no keyword-only arguments, and calls cost time here
    family: int,
    model: FloatArray,
    cells: WordArray,
    steps: WordArray,
    uniforms: FloatArray,
    out: FloatArray,
    offset: int,
) -> None:
    """Write counts, divided and scaled, into columns of ``out`` from ``offset`` on, by inverting each cell's distribution.

    ``model`` has a row for each cell: size, a, b, start, cut, divisor and factor; a start of NaN marks a missing cell.
    ``uniforms`` with no rows: made here from the keys.
    """
    work, values, guides = np.empty(2048), np.empty(1024), np.empty(1024, dtype=np.int32)
    run = np.empty(
        (TILE, len(steps) // 8 * 8 + 24)
    )  # never a multiple of a page: lines would share one place in cache
    for tile in range(0, len(cells), TILE):
        width = min(TILE, len(cells) - tile)
        for i in range(width):
            cell = model[tile + i]
            if np.isnan(cell[3]) or np.isnan(cell[5]):
                run[i] = np.nan
                continue
            first, low, length, work = fill_table(family, cell, work)
            size = 256
            while size < 2 * length:
                size *= 2
            if size > len(guides):
                guides, values = np.empty(size, dtype=np.int32), np.empty(size)
            guide, sums = guides[:size], work[low : low + length]
            fill_guide(sums, guide)
            divisor, factor = cell[5], cell[6]
            for k in range(length):
                values[k] = np.float64(first + k) / divisor * factor
            for begin in range(0, len(steps), RUN):
                look_up(
                    cells[tile + i], steps[begin : begin + RUN], sums, guide, values,
                    uniforms[begin : begin + RUN, tile + i] if len(uniforms) else work[:0], run[i, begin:],
                )  # fmt: skip
        for begin in range(0, len(steps), 8):  # eight draws of a cell are one cache line
            for d in range(begin, min(begin + 8, len(steps))):
                for i in range(width):
                    out[d, offset + tile + i] = run[i, d]


@compiled
def look_up(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    cell: np.uint64,
    steps: WordArray,
    sums: FloatArray,
    guide: npt.NDArray[np.int32],
    values: FloatArray,
    uniforms: FloatArray,
    out: FloatArray,
) -> None:
    """Write some draws of one cell."""
    us = np.empty(RUN)
    if len(uniforms):
        us[: len(uniforms)] = uniforms
    else:
        for d in range(len(steps)):
            us[d] = (np.float64(mix(cell + steps[d]) >> np.uint64(12)) + 0.5) * 2.0**-52
    total, size = sums[-1], np.float64(len(guide))
    places = np.empty(RUN, dtype=np.int32)
    for d in range(len(steps)):
        places[d] = np.int32(us[d] * size)
    for d in range(len(steps)):
        us[d] *= total
    for d in range(len(steps)):
        k = np.int64(guide[np.uint64(places[d])])
        wanted = us[d]
        k += sums[np.uint64(k)] < wanted  # mostly 0 or 1 step: no branch to guess
        while sums[np.uint64(k)] < wanted:
            k += 1
        out[d] = values[np.uint64(k)]


@compiled
def make_words(
    scores: FloatArray,
    keys: WordArray,
    words: WordArray,
    counts: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
) -> int:
    """Return the number of known scores, after writing their sort keys, words to sort, and counts of the words' digits."""
    m = 0
    counts[:] = 0
    for c in range(len(scores)):
        value = scores[c]
        if np.isnan(value):
            out[c] = 0
            continue
        bits = np.float64(value + 0.0).view(np.uint64)  # −0 becomes +0
        # Rising order of these keys is falling order of the scores.
        key = bits if bits >> np.uint64(63) else ~bits & np.uint64(0x7FFFFFFFFFFFFFFF)
        keys[c] = key
        upper = key >> np.uint64(32)
        words[m] = (upper << np.uint64(32)) | np.uint64(c)
        counts[0, upper & np.uint64(2047)] += 1
        counts[1, (upper >> np.uint64(11)) & np.uint64(2047)] += 1
        counts[2, upper >> np.uint64(22)] += 1
        m += 1
    return m


@compiled
def sort_digit(words: WordArray, turn: int, counts: npt.NDArray[np.int64], out: WordArray) -> None:
    """Write the words in order of one of the three digits of their upper halves, keeping the order of equals."""
    place = 0
    for digit in range(2048):
        count = counts[turn, digit]
        counts[turn, digit] = place
        place += count
    shift = np.uint64(32 + 11 * turn)
    for i in range(len(words)):
        digit = (words[i] >> shift) & np.uint64(2047)
        out[counts[turn, digit]] = words[i]
        counts[turn, digit] += 1


@compiled
def settle(words: WordArray, keys: WordArray) -> None:
    """Put words that agree in their upper halves in order of their whole keys."""
    upper, low_half = np.uint64(32), np.uint64(0xFFFFFFFF)
    i = 0
    while i < len(words):
        j = i + 1
        while j < len(words) and words[j] >> upper == words[i] >> upper:
            j += 1
        if 1 < j - i <= 32:  # few: put in order where they stand, which keeps equal ones as they are
            for k in range(i + 1, j):
                word, hole = words[k], k
                key = keys[word & low_half]
                while hole > i and keys[words[hole - 1] & low_half] > key:
                    words[hole] = words[hole - 1]
                    hole -= 1
                words[hole] = word
        elif j - i > 1:
            whole = np.empty(j - i, dtype=np.uint64)
            for k in range(i, j):
                whole[k - i] = keys[words[k] & low_half]
            words[i:j] = words[i:j][np.argsort(whole)]
        i = j


@compiled
def fill_ranks(scores: FloatArray, out: npt.NDArray[np.int32]) -> None:
    """Write descending best ranks of each row; 0 where the score is missing.

    A radix sort on the upper 32 bits of each score, carrying the position in the lower 32; the few scores that agree in
    these are then put in order by all their bits.
    """
    rows, n = scores.shape
    keys, words, other = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
    counts = np.empty((3, 2048), np.int64)
    low_half = np.uint64(0xFFFFFFFF)
    for row in range(rows):
        m = make_words(scores[row], keys, words, counts, out[row])
        sort_digit(words[:m], 0, counts, other)
        sort_digit(other[:m], 1, counts, words)
        sort_digit(words[:m], 2, counts, other)
        settle(other[:m], keys)
        rank = 0
        for i in range(m):
            here = other[i] & low_half
            if i == 0 or keys[here] != keys[other[i - 1] & low_half]:
                rank = i + 1
            out[row, here] = rank


@compiled
def fill_places(scores: FloatArray, out: npt.NDArray[np.int32]) -> None:
    """Write the place of each score from the highest downwards, equal scores in their given order; 0 where it is missing."""
    rows, n = scores.shape
    keys, words, other = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
    counts = np.empty((3, 2048), np.int64)
    low_half = np.uint64(0xFFFFFFFF)
    for row in range(rows):
        m = make_words(scores[row], keys, words, counts, out[row])
        sort_digit(words[:m], 0, counts, other)
        sort_digit(other[:m], 1, counts, words)
        sort_digit(words[:m], 2, counts, other)
        settle(other[:m], keys)
        i = 0
        while i < m:
            j = i + 1
            while j < m and keys[other[j] & low_half] == keys[other[i] & low_half]:
                j += 1
            if j - i > 32:  # equal scores have equal upper words: these order by position
                other[i:j] = np.sort(other[i:j])
            elif j - i > 1:
                for k in range(i + 1, j):
                    word, hole = other[k], k
                    while hole > i and other[hole - 1] > word:
                        other[hole] = other[hole - 1]
                        hole -= 1
                    other[hole] = word
            for k in range(i, j):
                out[row, other[k] & low_half] = k + 1
            i = j


# --- statistics of columns, and adding them up ------------------------------------------------------------------------


@compiled
def sum_block(x: FloatArray, start: int, length: int) -> float:
    """Return the sum of some neighbouring numbers, in the order in which numpy adds up to 128 of them."""
    if length < 8:
        total: float = 0.0
        for i in range(start, start + length):
            total += x[i]
        return total
    a, b, c, d = x[start], x[start + 1], x[start + 2], x[start + 3]
    e, f, g, h = x[start + 4], x[start + 5], x[start + 6], x[start + 7]
    end = start + length - length % 8
    for i in range(start + 8, end, 8):
        a += x[i]
        b += x[i + 1]
        c += x[i + 2]
        d += x[i + 3]
        e += x[i + 4]
        f += x[i + 5]
        g += x[i + 6]
        h += x[i + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(end, start + length):
        total += x[i]
    return total


@compiled
def sum_powers(x: FloatArray, order: npt.NDArray[np.int64], centre: float, power: int) -> float:
    """Return Σ x (power 1), or Σ (x − centre)² (power 2), in numpy's order.

    ``order`` holds for each block of at most 128 numbers its start, its length and how many sums are put together after it.
    """
    squares, stack, top = np.empty(128), np.empty(64), 0
    for block in range(len(order)):
        start, length = order[block, 0], order[block, 1]
        if power == 1:
            stack[top] = sum_block(x, start, length)
        else:
            for i in range(length):
                away = x[start + i] - centre
                squares[i] = away * away
            stack[top] = sum_block(squares, 0, length)
        top += 1
        for _ in range(order[block, 2]):
            top -= 1
            stack[top - 1] += stack[top]
    found: float = stack[0]
    return found


# Told that nothing is missing and that −0 is 0, the compiler compares several numbers at once; the ends are the same.
_known_only = cast(
    "Callable[[Callable[..., Any]], Callable[..., Any]]",
    numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"}),
)


@_known_only
def ends(x: FloatArray) -> tuple[float, float]:
    """Return the least and the greatest of numbers of which none is missing."""
    lows, highs = np.full(32, x[0]), np.full(32, x[0])
    whole = len(x) // 32 * 32
    for i in range(0, whole, 32):
        for j in range(32):
            value = x[i + j]
            lows[j] = value if value < lows[j] else lows[j]
            highs[j] = value if value > highs[j] else highs[j]
    low, high = x[0], x[0]
    for j in range(32):
        low, high = min(low, lows[j]), max(high, highs[j])
    for i in range(whole, len(x)):
        low, high = min(low, x[i]), max(high, x[i])
    return low, high


@compiled
def row_scale(x: FloatArray, kind: int, sign: float, order: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return where a row's scale starts and what it spans: 1 by its ends, 2 by mean and sd; a span of 0 where it has none."""
    low, high = ends(x)
    if not (low < high and np.isfinite(high - low)):
        return 0.0, 0.0
    if kind == 1:
        return (low if sign > 0 else high), sign * (high - low)
    centre = sum_powers(x, order, 0.0, 1) / len(x)
    return centre, sign * np.sqrt(sum_powers(x, order, centre, 2) / (len(x) - 1))


@compiled
def add_scaled(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    total: FloatArray,
    column: FloatArray,
    rows: npt.NDArray[np.int64],
    weights: FloatArray,
    kind: int,
    sign: float,
    scale: float,
    lift: float,
    first: bool,
    order: npt.NDArray[np.int64],
    used: FloatArray,
) -> int:
    """Add one child, put on its scale, times its weight, to the total of each draw; return how many rows have no scale.

    Row r of the total takes row ``rows[r]`` of the column. ``kind`` 0 leaves it as it is. ``used`` takes start and span by row.
    """
    bad = 0
    for r in range(len(rows)):
        x, out, w = column[rows[r]], total[r], weights[r]
        if kind == 0:
            for i in range(len(x)):
                out[i] = w * x[i] if first else out[i] + w * x[i]
            continue
        start, span = row_scale(x, kind, sign, order)
        used[r, 0], used[r, 1] = start, span
        bad += span == 0
        if first:
            for i in range(len(x)):
                out[i] = w * ((x[i] - start) / span * scale + lift)
        else:
            for i in range(len(x)):
                out[i] += w * ((x[i] - start) / span * scale + lift)
    return bad


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
def fill_powers(x: FloatArray, centre: float, y2: FloatArray, y3: FloatArray, y4: FloatArray) -> None:
    """Write the second, third and fourth powers of the distances from a centre."""
    for i in range(len(x)):
        away = x[i] - centre
        square = away * away
        y2[i] = square
        y3[i] = square * away
        y4[i] = square * square


@compiled
def row_moments(x: FloatArray, order: npt.NDArray[np.int64], out: FloatArray) -> None:
    """Write each row's mean and the sums of the second, third and fourth powers of the distances from it."""
    y2, y3, y4 = np.empty(128), np.empty(128), np.empty(128)
    stack = np.empty((3, 64))
    for r in range(len(x)):
        row, top = x[r], 0
        centre = sum_powers(row, order, 0.0, 1) / x.shape[1]
        for block in range(len(order)):
            start, length = order[block, 0], order[block, 1]
            fill_powers(row[start : start + length], centre, y2, y3, y4)
            stack[0, top] = sum_block(y2, 0, length)
            stack[1, top] = sum_block(y3, 0, length)
            stack[2, top] = sum_block(y4, 0, length)
            top += 1
            for _ in range(order[block, 2]):
                top -= 1
                for j in range(3):
                    stack[j, top - 1] += stack[j, top]
        out[r, 0], out[r, 1], out[r, 2], out[r, 3] = centre, stack[0, 0], stack[1, 0], stack[2, 0]


# Sums in any order: they only decide what is decided by a wide margin, see `stays_skewed`.
_any_order = cast(
    "Callable[[Callable[..., Any]], Callable[..., Any]]",
    numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"}),
)


@_any_order
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
def outermost(x: FloatArray, sign: float, values: FloatArray, counts: FloatArray) -> int:
    """Write the greatest values of ``sign·x``, from the greatest on, with how often each occurs; return how many there are."""
    m = 0
    least = -np.inf
    for i in range(len(x)):
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
    for side in range(2):
        sizes[side] = outermost(x, 1.0 - 2.0 * side, values[side], counts[side])
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
