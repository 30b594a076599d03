"""Compiled loops that draw: uniforms, normals, and counts by inverting each cell's distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.methods import _recurrence
from wardmote.methods._compile import compiled
from wardmote.methods.checks import FloatArray, IntArray

WordArray = npt.NDArray[np.uint64]
"""Unsigned 64-bit words: keys and random bits."""

TILE = 64
"""Cells drawn before their draws are written: rows of 64 numbers are written without waiting for each line of memory."""

AHEAD = 16
"""Ratios of neighbouring probabilities calculated at a time."""

NEVER = 1 << 62
"""A limit that no word reaches."""

mix = compiled(_recurrence.mix)
ratio_up = compiled(_recurrence.ratio_up)
ratio_down = compiled(_recurrence.ratio_down)


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
def walk(family: int, cell: FloatArray, work: FloatArray, at: int, step: int) -> int:
    """Return where the table ends on one side, after writing relative probabilities from the place of the start outwards.

    ``step`` is −1 downwards and 1 upwards. Ratios are made some at a time, since their divisions do not wait for each other.
    −1: ``work`` is too short.
    """
    size, a, b, k, cut = cell[0], cell[1], cell[2], cell[3], cell[4]
    ratios = np.empty(AHEAD)
    top, q = 1.0, 1.0
    left = k if step < 0 else size - k
    while left > 0:
        if at < 2 * AHEAD or at + 2 * AHEAD >= len(work):
            return -1
        if step < 0:
            for j in range(AHEAD):
                ratios[j] = ratio_down(family, k - j, size, a, b)
        else:
            for j in range(AHEAD):
                ratios[j] = ratio_up(family, k + j, size, a, b)
        some, before = int(min(left, AHEAD)), top
        for j in range(some):
            q = q * ratios[j]
            top = max(top, q)
            work[np.uint64(at + step * (j + 1))] = q
        if q < cut * top:  # somewhere among these it ended
            top = before
            for j in range(some):
                q = work[np.uint64(at + step * (j + 1))]
                top = max(top, q)
                if q < cut * top:
                    return at + step * j
        at += step * some
        left -= some
        k += step * AHEAD
    return at


@compiled
def fill_limits(lower: FloatArray, upper: FloatArray, limits: IntArray) -> None:
    """Write for each count the first random word of 52 bits that lies above it, from relative probabilities of the counts below
    the start and of those from it on; these become running sums.
    """
    below, above = len(lower), len(upper)
    both = min(below, above)
    s, t = 0.0, 0.0
    for i in range(both):  # two chains of sums that do not wait for each other
        s += lower[i]
        lower[i] = s
        t += upper[i]
        upper[i] = t
    for i in range(both, below):
        s += lower[i]
        lower[i] = s
    for i in range(both, above):
        t += upper[i]
        upper[i] = t
    scale = 4503599627370496.0 / (s + t)
    first, second = limits[:below], limits[below : below + above]
    for i in range(below):
        first[i] = np.int64(lower[i] * scale + 0.5)
    for i in range(above):
        second[i] = np.int64((s + upper[i]) * scale + 0.5)
    second[above - 1] = NEVER


@compiled
def fill_guide(limits: IntArray, bits: int, guide: npt.NDArray[Any]) -> None:
    """Write for each value of the highest bits of a word how many limits lie at or below the least such word."""
    shift = np.uint64(52 - bits)
    up = (np.uint64(1) << shift) - np.uint64(1)
    size = 1 << bits
    for g in range(size + 1):
        guide[g] = 0
    for k in range(len(limits) - 1):
        guide[(np.uint64(limits[k]) + up) >> shift] = k + 1
    # The running greatest, in four parts that do not wait for each other.
    q = size >> 2
    first, second, third, fourth = guide[:q], guide[q : 2 * q], guide[2 * q : 3 * q], guide[3 * q : 4 * q]
    a, b, c, d = guide[0], guide[q], guide[2 * q], guide[3 * q]
    for g in range(q):
        a = max(a, first[g])
        first[g] = a
        b = max(b, second[g])
        second[g] = b
        c = max(c, third[g])
        third[g] = c
        d = max(d, fourth[g])
        fourth[g] = d
    b = max(a, b)
    c = max(b, c)
    for g in range(q):
        second[g] = max(second[g], a)
        third[g] = max(third[g], b)
        fourth[g] = max(fourth[g], c)


@compiled
def look_up(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    words: IntArray, limits: IntArray, guide: npt.NDArray[Any], bits: int, first: int, out: npt.NDArray[Any]
) -> None:
    """Write the counts of some words of 52 bits."""
    shift = np.int64(52 - bits)
    for d in range(len(words)):
        word = words[d]
        k = np.int64(guide[np.uint64(word >> shift)])
        k += limits[np.uint64(k)] <= word  # mostly 0 or 1 step: no branch to guess
        k += limits[np.uint64(k)] <= word
        while limits[np.uint64(k)] <= word:
            k += 1
        out[d] = first + k


@compiled
def search(words: IntArray, limits: IntArray, first: int, out: npt.NDArray[Any]) -> None:
    """Write the counts of some words from a table that is too long for a guide."""
    for d in range(len(words)):
        low, high = 0, len(limits) - 1
        while low < high:
            middle = (low + high) // 2
            if limits[middle] <= words[d]:
                low = middle + 1
            else:
                high = middle
        out[d] = first + low


@compiled
def write_turned(run: npt.NDArray[Any], out: npt.NDArray[Any], at: int, draws: int, width: int) -> None:
    """Write draws by cell as cells by draw."""
    for begin in range(0, draws, 32):
        for d in range(begin, min(begin + 32, draws)):
            for i in range(width):
                out[d, at + i] = run[i, d]


@compiled
def turn_tile(run: WordArray, tile: WordArray) -> None:
    """Write 64 cells by draws as draws by 64 cells, four numbers of two bytes in a word."""
    even, odd = np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFF0000FFFF0000)
    low, high = np.uint64(0x00000000FFFFFFFF), np.uint64(0xFFFFFFFF00000000)
    one, two = np.uint64(16), np.uint64(32)
    for g in range(run.shape[1]):
        for i in range(16):
            a, b, c, d = run[4 * i, g], run[4 * i + 1, g], run[4 * i + 2, g], run[4 * i + 3, g]
            e, f = (a & even) | ((b & even) << one), ((a & odd) >> one) | (b & odd)
            p, q = (c & even) | ((d & even) << one), ((c & odd) >> one) | (d & odd)
            tile[4 * g, i] = (e & low) | (p << two)
            tile[4 * g + 1, i] = (f & low) | (q << two)
            tile[4 * g + 2, i] = (e >> two) | (p & high)
            tile[4 * g + 3, i] = (f >> two) | (q & high)


@compiled
def copy_tile(tile: npt.NDArray[Any], out: npt.NDArray[Any], at: int) -> None:
    """Write draws by cells into some columns."""
    for d in range(len(out)):
        to, given = out[d, at : at + TILE], tile[d]
        for i in range(TILE):
            to[i] = given[i]


@compiled
def fill_cell(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    family: int,
    cell: FloatArray,
    words: IntArray,
    work: FloatArray,
    limits: IntArray,
    guide: npt.NDArray[Any],
    out: npt.NDArray[Any],
) -> tuple[FloatArray, IntArray]:
    """Write one cell's counts; return the working arrays, which grow where they must."""
    middle = len(work) // 2
    low = walk(family, cell, work, middle, -1)
    high = walk(family, cell, work, middle, 1) if low >= 0 else -1
    while low < 0 or high < 0:
        work, limits = np.empty(4 * len(work)), np.empty(4 * len(work), np.int64)
        middle = len(work) // 2
        low = walk(family, cell, work, middle, -1)
        high = walk(family, cell, work, middle, 1) if low >= 0 else -1
    work[middle] = 1.0
    length, first = high + 1 - low, np.int64(cell[3]) - (middle - low)
    table = limits[:length]
    fill_limits(work[low:middle], work[middle : high + 1], table)
    if length > 60_000:
        search(words, table, first, out)
        return work, limits
    bits = 8
    while length > 320 << (bits - 8) and bits < 12:
        bits += 1
    fill_guide(table, bits, guide)
    look_up(words, table, guide, bits, first, out)
    return work, limits


@compiled
def fill_counts(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    family: int,
    model: FloatArray,
    cells: WordArray,
    steps: WordArray,
    given: IntArray,
    out: npt.NDArray[Any],
    packed: WordArray,
    offset: int,
) -> None:
    """Write counts into columns of ``out`` from ``offset`` on, by inverting each cell's distribution; 0 for a missing cell.

    ``model`` has a row for each cell: size, a, b, start and cut; a start of NaN marks a missing cell. ``given`` holds words of 52 bits,
    (draws, cells); with no rows they are made here from the keys. ``packed`` has room for a tile of counts of two bytes, (draws, 16),
    or no rows where counts take more.
    """
    work, limits = np.empty(4096), np.empty(4096, np.int64)
    guide = np.empty(4097, np.uint16)
    draws = len(steps)
    words = np.empty(draws, np.int64)
    # An odd number of cache lines a row, so that the rows of a tile do not share places in the cache.
    run = np.zeros((TILE, (draws // 64 + 1) * 64 + 32), out.dtype)
    for tile in range(0, len(cells), TILE):
        width = min(TILE, len(cells) - tile)
        for i in range(width):
            at = tile + i
            if np.isnan(model[at, 3]):
                run[i] = 0
                continue
            if len(given):
                for d in range(draws):
                    words[d] = given[d, at]
            else:
                for d in range(draws):
                    words[d] = np.int64(mix(cells[at] + steps[d]) >> np.uint64(12))
            work, limits = fill_cell(family, model[at], words, work, limits, guide, run[i, :draws])
        if width == TILE and len(packed):
            turn_tile(run.view(np.uint64)[:, : len(packed) // 4], packed)
            copy_tile(packed.view(out.dtype), out, offset + tile)
        else:
            write_turned(run, out, offset + tile, draws, width)
