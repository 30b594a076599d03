"""Streams of random numbers that know their cell: uniforms and normals for sampling error.

A cell is one area's value of one indicator. Every number is a function of (seed, indicator, area, draw) and nothing else, so
that any order, blocking or number of cores gives the same bytes, and draw k is the same world wherever it is asked for. The
generator is SplitMix64 used as a counter: the bits of draw k are ``mix(key of the cell + (k + 1)·γ)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from math import sqrt

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods._recurrence import mix
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.compiled import loops

WordArray = npt.NDArray[np.uint64]
"""Unsigned 64-bit words: keys and random bits."""

GAMMA = 0x9E3779B97F4A7C15
"""Step of the counter: the odd number nearest 2⁶⁴ ÷ the golden ratio (Steele, Lea, Flood 2014, SplitMix)."""

Draws = range | IntArray
"""Which draws, from 0: a range, or numbers in any order, shape (draws,)."""

BLOCK = 2**21
"""Numbers drawn at a time by the plain loops: about 100 MB of working arrays. Speed and memory only."""

_DEGREE = 5
"""Degree of the pieces of the normal quantile: with 16 pieces an octave they are within 1e−10 of it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Where an indicator's random numbers come from.

    Attributes:
        seed: Seed of the study.
        parts: Key and loading of each underlying stream; the loadings' squares sum to 1. One part: independent of others.
    """

    seed: int
    parts: tuple[tuple[int, float], ...]


def key(name: str) -> int:
    """Return the 64-bit key of a name: an indicator, a domain or an area.

    Args:
        name: Any text; different texts have different keys, but for one chance in 2⁶⁴ a pair.

    Returns:
        The first eight bytes of the text's BLAKE2b hash, as a number.
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def cell_keys(areas: Sequence[str]) -> WordArray:
    """Return the keys of areas, to be made once and handed to each draw.

    Args:
        areas: Area codes, n of them. Draws go with the code, not the position.

    Returns:
        Keys, shape (n,).
    """
    return np.fromiter((key(area) for area in areas), dtype=np.uint64, count=len(areas))


def independent(seed: int, indicator: str) -> Stream:
    """Return a stream of its own for an indicator.

    Args:
        seed: Seed of the study.
        indicator: The indicator's name.

    Returns:
        The stream.
    """
    return Stream(seed, ((key(indicator), 1.0),))


def within_domain(
    seed: int, indicators: Sequence[str], domain: str, correlation: float
) -> tuple[Stream, ...]:
    """Return streams whose errors share one correlation, as where indicators come from the same records.

    ``z_k = √ρ · f + √(1 − ρ) · e_k`` with f common to the domain in each area: a Gaussian copula.

    Args:
        seed: Seed of the study.
        indicators: Names of the indicators.
        domain: Name of the domain, which keys the common part.
        correlation: ρ between any two normal scores, 0 to 1.

    Returns:
        One stream an indicator. ρ = 0 gives the same draws as `independent`.

    Raises:
        MethodError: ρ lies outside 0 to 1.
    """
    if not 0 <= correlation <= 1:
        got = f"{correlation:g}"
        raise MethodError(Problem(f"correlation within {domain!r}", "out of range", got, "0 to 1"))
    if correlation == 0:
        return tuple(independent(seed, name) for name in indicators)
    common = (key(f"domain {domain}"), sqrt(correlation))
    own = sqrt(1 - correlation)
    return tuple(Stream(seed, (common, *(((key(name), own),) if own else ()))) for name in indicators)


def correlated(seed: int, indicators: Sequence[str], matrix: npt.ArrayLike) -> tuple[Stream, ...]:
    """Return streams whose errors follow a correlation matrix (of normal scores: a Gaussian copula).

    Args:
        seed: Seed of the study.
        indicators: Names, k of them.
        matrix: Correlations, shape (k, k), symmetric, ones on the diagonal, positive definite.

    Returns:
        One stream an indicator, from the Cholesky factor. The identity gives the same draws as `independent`.

    Raises:
        MethodError: The matrix is not a correlation matrix of that size.
    """
    r = np.asarray(matrix, dtype=np.float64)
    where = "correlation matrix"
    if r.shape != (len(indicators), len(indicators)):
        raise MethodError(
            Problem(where, "wrong size", str(r.shape), f"{len(indicators)} by {len(indicators)}")
        )
    # Written matrices are rounded; 1e-9 accepts that and nothing that a person would call a mistake.
    if not np.allclose(r, r.T, rtol=0, atol=1e-9) or not np.allclose(np.diag(r), 1, rtol=0, atol=1e-9):
        raise MethodError(Problem(where, "not symmetric with ones on the diagonal"))
    try:
        factor = np.linalg.cholesky(r)
    except np.linalg.LinAlgError:
        least = f"least eigenvalue {np.linalg.eigvalsh(r)[0]:g}"
        remedy = "Correlations stated pair by pair can contradict each other: lower them."
        raise MethodError(Problem(where, "not positive definite", least, "above 0", remedy)) from None
    keys = [key(name) for name in indicators]
    return tuple(
        Stream(seed, tuple((keys[j], float(factor[i, j])) for j in range(i + 1) if factor[i, j] != 0))
        for i in range(len(indicators))
    )


# --- uniforms and normals ---------------------------------------------------------------------------------------------


def keys_of_cells(seed: int, part: int, areas: WordArray) -> WordArray:
    """Return the key of each cell of one underlying stream.

    Args:
        seed: Seed of the study.
        part: Key of the stream.
        areas: Keys of the areas, shape (n,).

    Returns:
        Keys, shape (n,).
    """
    start = mix(mix(np.array([seed % 2**64], dtype=np.uint64)) ^ np.array([part], dtype=np.uint64))
    cells: WordArray = mix(start + areas * np.uint64(GAMMA))
    return cells


def counter_steps(draws: Draws) -> WordArray:
    """Return the counter's advance for each draw.

    Args:
        draws: Which draws, from 0.

    Returns:
        Words, shape (draws,).

    Raises:
        MethodError: A draw below 0.
    """
    numbers = np.asarray(draws, dtype=np.int64)
    if len(numbers) and int(numbers.min()) < 0:
        raise MethodError(
            Problem("draws", "a draw is numbered below 0", str(int(numbers.min())), "0 or more")
        )
    return (numbers + 1).astype(np.uint64) * np.uint64(GAMMA)


def _row_blocks(rows: int, n: int) -> Iterator[slice]:
    """Return slices of draws for the plain loops."""
    step = max(1, BLOCK // max(n, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def uniforms(stream: Stream, areas: WordArray, draws: Draws, *, fast: bool | None = None) -> FloatArray:
    """Return uniforms in (0, 1).

    Args:
        stream: The indicator's stream.
        areas: Keys of the areas, shape (n,), from `cell_keys`.
        draws: Which draws, from 0, such as ``range(500, 1000)``.
        fast: Compiled loops (where installed), or plain; the same bytes.

    Returns:
        Shape (draws, n): whole multiples of 2⁻⁵² plus 2⁻⁵³, never 0 or 1. For correlated streams Φ of the normals.

    Raises:
        MethodError: A draw below 0.
    """
    from scipy.special import ndtr

    if len(stream.parts) > 1:
        shared: FloatArray = ndtr(normals(stream, areas, draws, fast=fast))
        return shared
    cells, steps = keys_of_cells(stream.seed, stream.parts[0][0], areas), counter_steps(draws)
    out = np.empty((len(steps), len(cells)))
    compiled = loops(fast)
    if compiled:
        compiled.fill_uniforms(cells, steps, out)
        return out
    for rows in _row_blocks(*out.shape):
        out[rows] = ((mix(cells + steps[rows, None]) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return out


@cache
def _normal_pieces() -> FloatArray:
    """Return the polynomials of the normal quantile below ½, shape (832, degree + 1), highest power first.

    Each of the 52 octaves from 2⁻⁵³ to ½ is cut into 16 pieces, and each piece interpolated at Chebyshev's points.
    """
    from scipy.special import ndtri

    row = np.arange(832)
    left = np.ldexp(1 + (row % 16) / 16, row // 16 - 53)
    width = np.ldexp(1 / 16, row // 16 - 53)
    points = (1 - np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))) / 2
    values = ndtri(left[:, None] + width[:, None] * points)
    pieces: FloatArray = np.ascontiguousarray(np.linalg.solve(np.vander(points), values.T).T)
    pieces.flags.writeable = False
    return pieces


def normals(stream: Stream, areas: WordArray, draws: Draws, *, fast: bool | None = None) -> FloatArray:
    """Return standard normals, by inverting the distribution with polynomials that are within 1e−10 of it.

    Args:
        stream: The indicator's stream; correlated streams add their parts.
        areas: Keys of the areas, shape (n,).
        draws: Which draws, from 0.
        fast: Compiled loops (where installed), or plain; the same bytes.

    Returns:
        Shape (draws, n), between −8.3 and 8.3.

    Raises:
        MethodError: A draw below 0.
    """
    steps, pieces = counter_steps(draws), _normal_pieces()
    out = np.zeros((len(steps), len(areas)))
    compiled = loops(fast)
    for part, loading in stream.parts:
        cells = keys_of_cells(stream.seed, part, areas)
        if compiled:
            compiled.add_normals(cells, steps, pieces, np.full(len(cells), loading), out)
            continue
        for rows in _row_blocks(*out.shape):
            bits = mix(cells + steps[rows, None]) >> np.uint64(12)
            out[rows] += loading * _normal_of_bits(bits, pieces)
    return out


def _normal_of_bits(bits: WordArray, pieces: FloatArray) -> FloatArray:
    """Return the normal for 52 random bits: the highest is the sign, the others the place below ½."""
    half = ((bits & np.uint64(0x7FFFFFFFFFFFF)).astype(np.float64) + 0.5) * 2.0**-52
    word = half.view(np.uint64)
    row = (word >> np.uint64(48)).astype(np.int64) - 15520  # exponent and four bits of 2⁻⁵³ come first
    t = (word & np.uint64(0xFFFFFFFFFFFF)).astype(np.float64) * 2.0**-48
    z: FloatArray = pieces[row, 0]
    for k in range(1, pieces.shape[1]):
        z = z * t + pieces[row, k]
    return np.where((bits >> np.uint64(51)).astype(np.bool_), -z, z)


# --- parameters of cells ---------------------------------------------------------------------------------------------


def cell_parameters(method: str, areas: WordArray, **values: npt.ArrayLike) -> list[FloatArray]:
    """Return parameters as arrays by area; all are NaN wherever one is.

    Args:
        method: Name of the method, for the error.
        areas: Keys of the areas, shape (n,).
        values: Parameters by name, shape (n,) or one.

    Raises:
        MethodError: Shapes that do not fit.
    """
    try:
        arrays = [
            np.broadcast_to(np.asarray(value, dtype=np.float64), areas.shape) for value in values.values()
        ]
    except ValueError:
        got = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
        raise MethodError(
            Problem(method, "parameters do not fit", got, f"one, or shape {areas.shape}")
        ) from None
    missing = np.isnan(arrays).any(axis=0)
    return [np.where(missing, np.nan, array) for array in arrays]


def refuse_cells(method: str, what: str, bad: npt.NDArray[np.bool_], values: FloatArray) -> None:
    """Refuse parameters out of range, with the first as an example and their number; return nothing else.

    Args:
        method: Name of the method, for the error.
        what: What is wrong.
        bad: Which cells, shape (n,).
        values: Their values, shape (n,).

    Raises:
        MethodError: Any is bad.
    """
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise MethodError(
            Problem(method, what, f"{values[place]:g} at position {place}, {int(bad.sum())} in all")
        )
