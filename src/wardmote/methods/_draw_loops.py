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
def ended(chances: FloatArray, top: float, cut: float) -> int:
    """Return how many chances come before the first that is below ``cut`` times the greatest so far."""
    for j in range(len(chances)):
        top = max(top, chances[j])
        if chances[j] < cut * top:
            return j
    return len(chances)


@compiled
def walk(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    family: int, cell: FloatArray, step: int, target: float, sums: FloatArray, some_at_once: FloatArray
) -> tuple[int, float, FloatArray]:
    """Return how many counts lie on one side of the start, the sum of their relative probabilities, and their running sums outwards.

    ``step`` is −1 downwards and 1 upwards. The walk ends where nothing is left that any word could tell, or once the sum reaches the
    target. Ratios are made some at a time, since their divisions do not wait for each other: ``some_at_once`` is room for two rows of
    `AHEAD` numbers. ``sums`` grows where it must.
    """
    size, a, b, k, cut = cell[0], cell[1], cell[2], cell[3], cell[4]
    ratios, chances = some_at_once[:AHEAD], some_at_once[AHEAD:]
    top, q, s, n, going = 1.0, 1.0, 0.0, 0, True
    left = k if step < 0 else size - k
    while going and left > 0 and s < target:
        if n + AHEAD > len(sums):
            more = np.empty(2 * len(sums))
            more[:n] = sums[:n]
            sums = more
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
            chances[j] = q
        if q < cut * top:
            some, going = ended(chances[:some], before, cut), False
        place = sums[n : n + some]
        for j in range(some):
            s += chances[j]
            place[j] = s
        n += some
        left -= AHEAD
        k += step * AHEAD
    return n, s, sums


@compiled
def fill_limits(lower: FloatArray, upper: FloatArray, under: float, scale: float, limits: IntArray) -> None:
    """Write for each count the first random word of 52 bits that lies above it.

    ``lower`` and ``upper`` are running sums of relative probabilities outwards from the start, whose own is 1; ``under`` is the sum of
    all below it.
    """
    below, above = len(lower), len(upper)
    first, second = limits[:below], limits[below : below + above + 1]
    if below:
        first[below - 1] = np.int64(under * scale + 0.5)
    for i in range(1, below):
        first[below - 1 - i] = np.int64((under - lower[i - 1]) * scale + 0.5)
    for i in range(above):
        second[i + 1] = np.int64((under + (1.0 + upper[i])) * scale + 0.5)
    second[0] = np.int64((under + 1.0) * scale + 0.5)
    second[above] = NEVER


@compiled
def reach(sums: FloatArray, target: float) -> int:
    """Return how many running sums are needed to reach a target."""
    for i in range(len(sums)):
        if sums[i] >= target:
            return i + 1
    return len(sums)


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
    mass: FloatArray,
    words: IntArray,
    lower: FloatArray,
    upper: FloatArray,
    limits: IntArray,
    guide: npt.NDArray[Any],
    room: FloatArray,
    out: npt.NDArray[Any],
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Write one cell's counts; return the working arrays, which grow where they must.

    ``mass`` keeps the sums of the relative probabilities below the start and of all, once they are known (0: not yet): then only counts
    between the least and the greatest word need be walked. The limits are the same either way.
    """
    least, most = words[0], words[0]
    for d in range(len(words)):
        least, most = min(least, words[d]), max(most, words[d])
    known = mass[1] > 0
    if not known:
        below, mass[0], lower = walk(family, cell, -1, np.inf, lower, room)
        above, over, upper = walk(family, cell, 1, np.inf, upper, room)
        mass[1] = mass[0] + (1.0 + over)
    under, scale = mass[0], 4503599627370496.0 / mass[1]
    down, up = under - (least - 1) / scale, (most + 2) / scale - under - 1.0
    if known:
        below, _, lower = walk(family, cell, -1, down, lower, room)
        above, _, upper = walk(family, cell, 1, up, upper, room)
    below, above = reach(lower[:below], down), reach(upper[:above], up)
    length, first = below + above + 1, np.int64(cell[3]) - below
    if length > len(limits):
        limits = np.empty(2 * length, np.int64)
    table = limits[:length]
    fill_limits(lower[:below], upper[:above], under, scale, table)
    if length > 60_000:
        search(words, table, first, out)
        return lower, upper, limits
    bits = 8 if len(words) >= 128 else 7  # for few words a fine guide does not pay
    while 4 * length > 5 << bits and bits < 12:
        bits += 1
    fill_guide(table, bits, guide)
    look_up(words, table, guide, bits, first, out)
    return lower, upper, limits


@compiled
def fill_counts(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    family: int,
    model: FloatArray,
    mass: FloatArray,
    cells: WordArray,
    steps: WordArray,
    given: IntArray,
    out: npt.NDArray[Any],
    packed: WordArray,
    offset: int,
) -> None:
    """Write counts into columns of ``out`` from ``offset`` on, by inverting each cell's distribution; 0 for a missing cell.

    ``model`` has a row for each cell: size, a, b, start and cut; a start of NaN marks a missing cell. ``mass`` has a row for each cell, as
    `fill_cell` keeps it. ``given`` holds words of 52 bits,
    (draws, cells); with no rows they are made here from the keys. ``packed`` has room for a tile of counts of two bytes, (draws, 16),
    or no rows where counts take more.
    """
    lower, upper, limits = np.empty(1024), np.empty(1024), np.empty(2048, np.int64)
    guide, room = np.empty(4097, np.uint16), np.empty(2 * AHEAD)
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
            lower, upper, limits = fill_cell(
                family, model[at], mass[at], words, lower, upper, limits, guide, room, run[i, :draws]
            )
        if width == TILE and len(packed):
            turn_tile(run.view(np.uint64)[:, : len(packed) // 4], packed)
            copy_tile(packed.view(out.dtype), out, offset + tile)
        else:
            write_turned(run, out, offset + tile, draws, width)
