"""Summing up small areas for the higher areas that hold them: the five measures of the English indices.

All take values of small areas, shape (..., n), their population (n,) and the position of their higher area (n,), and return
one figure for each higher area, shape (..., n_parents). Areas without a known value, or with parent −1, are left out of both
sides of a mean. A higher area without any known value, or with no people in those it has, has none (NaN).

Higher figures mean more need in all five. Ranks are national, 1 = greatest need; they are *reversed* (N + 1 − rank) before
they are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray, as_rows
from wardmote.methods.ranks import decile

CONCENTRATION_SHARE = 0.1
"""Share of a higher area's people whose areas count for local concentration. Source: English Indices of Deprivation."""


def _inputs(
    values: npt.ArrayLike, population: npt.ArrayLike, parent: npt.ArrayLike, n_parents: int, method: str
) -> tuple[FloatArray, FloatArray, IntArray, tuple[int, ...]]:
    """Return rows, population (0 where an area is in no parent), parents (0 there) and the shape of results."""
    rows, shape = as_rows(values)
    people = np.asarray(population, dtype=np.float64)
    codes = np.asarray(parent)
    n = shape[-1]
    if people.shape != (n,) or codes.shape != (n,) or not np.issubdtype(codes.dtype, np.integer):
        got = f"population {people.shape}, parent {codes.shape} of {codes.dtype}"
        raise MethodError(Problem(method, "shapes do not fit", got, f"({n},) each, parents as whole numbers"))
    if codes.max(initial=-1) >= n_parents:
        got = f"{codes.max()}"
        raise MethodError(Problem(method, "a parent is not in the list", got, f"below {n_parents}"))
    if not (people[codes >= 0] >= 0).all():
        odd = int(np.flatnonzero(~(people >= 0) & (codes >= 0))[0])
        got = f"{people[odd]:g} at position {odd}"
        raise MethodError(Problem(method, "a population is negative or missing", got, "0 or more people"))
    return (
        rows,
        np.where(codes >= 0, people, 0.0),
        np.where(codes >= 0, codes, n_parents),
        (*shape[:-1], n_parents),
    )


def _sums(table: FloatArray, codes: IntArray, n_parents: int) -> FloatArray:
    """Return sums by parent of each row, shape (rows, n_parents); code n_parents is thrown away."""
    width = n_parents + 1
    flat = (codes + width * np.arange(len(table))[:, None]).ravel()
    sums: FloatArray = np.bincount(flat, weights=table.ravel(), minlength=width * len(table)).astype(
        np.float64
    )
    return np.asarray(sums.reshape(len(table), width)[:, :n_parents])


def _weighted_mean(rows: FloatArray, weights: FloatArray, codes: IntArray, n_parents: int) -> FloatArray:
    """Return weighted means by parent over known values; NaN where they have no weight."""
    known = ~np.isnan(rows)
    over = _sums(np.where(known, rows, 0.0) * weights, codes, n_parents)
    under = _sums(np.where(known, weights, 0.0), codes, n_parents)
    return np.asarray(np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0))


def _ranked(rows: FloatArray, n: int | None) -> FloatArray:
    """Return the number of ranked areas by row, (rows, 1): as stated, or the number of known ranks."""
    count = np.count_nonzero(~np.isnan(rows), axis=1) if n is None else np.full(len(rows), n)
    ranked: FloatArray = np.maximum(count, 1).astype(np.float64)
    return ranked[:, None]


def average_rank(
    rank: npt.ArrayLike,
    population: npt.ArrayLike,
    parent: npt.ArrayLike,
    n_parents: int,
    *,
    n: int | None = None,
) -> FloatArray:
    """Return the population-weighted mean of reversed ranks, N + 1 − rank.

    Args:
        rank: National ranks, 1 = greatest need, shape (..., n). NaN is missing.
        population: People by area, shape (n,), 0 or more.
        parent: Position of the higher area, shape (n,), 0 to n_parents − 1; −1 for none.
        n_parents: Number of higher areas.
        n: N, the number of areas that were ranked; None: the number of known ranks.

    Returns:
        Mean reversed ranks, shape (..., n_parents), 1 to N, higher = more need.

    Raises:
        MethodError: Shapes that do not fit, negative population, unknown parent.

    Source:
        English Indices of Deprivation, summaries of higher areas (File 10); rebuilt in
        tests/known/test_methods_summaries.py.
    """
    rows, people, codes, shape = _inputs(rank, population, parent, n_parents, "average_rank")
    return _weighted_mean(_ranked(rows, n) + 1 - rows, people, codes, n_parents).reshape(shape)


def average_score(
    score: npt.ArrayLike, population: npt.ArrayLike, parent: npt.ArrayLike, n_parents: int
) -> FloatArray:
    """Return the population-weighted mean score.

    Args:
        score: Scores, shape (..., n). NaN is missing.
        population: People by area, shape (n,), 0 or more.
        parent: Position of the higher area, shape (n,), 0 to n_parents − 1; −1 for none.
        n_parents: Number of higher areas.

    Returns:
        Mean scores, shape (..., n_parents), in the unit and direction of the score.

    Raises:
        MethodError: Shapes that do not fit, negative population, unknown parent.

    Source:
        English Indices of Deprivation, summaries of higher areas (File 10); rebuilt in
        tests/known/test_methods_summaries.py.
    """
    rows, people, codes, shape = _inputs(score, population, parent, n_parents, "average_score")
    return _weighted_mean(rows, people, codes, n_parents).reshape(shape)


def proportion(
    rank: npt.ArrayLike,
    population: npt.ArrayLike,
    parent: npt.ArrayLike,
    n_parents: int,
    *,
    n: int | None = None,
) -> FloatArray:
    """Return the share of areas, not of people, in the greatest-need tenth of the nation (decile 1).

    Args:
        rank: National ranks, 1 = greatest need, shape (..., n). NaN is missing.
        population: Checked, and not used: every area counts once.
        parent: Position of the higher area, shape (n,), 0 to n_parents − 1; −1 for none.
        n_parents: Number of higher areas.
        n: N, the number of areas that were ranked; None: the number of known ranks.

    Returns:
        Shares, shape (..., n_parents), 0 to 1.

    Raises:
        MethodError: Shapes that do not fit, unknown parent, a rank outside 1 to N.

    Source:
        English Indices of Deprivation, summaries of higher areas (File 10); rebuilt in
        tests/known/test_methods_summaries.py.
    """
    rows, _, codes, shape = _inputs(rank, population, parent, n_parents, "proportion")
    tenth = decile(rows, _ranked(rows, n))
    inside = np.where(np.isnan(tenth), np.nan, tenth == 1)
    return _weighted_mean(inside, np.ones(rows.shape[1]), codes, n_parents).reshape(shape)


def counted_in_extent(rank: FloatArray, ranked: float | FloatArray) -> FloatArray:
    """Return the share of an area's people that counts for the extent, by its rank; see `extent`.

    Args:
        rank: National ranks, 1 = greatest need, any shape.
        ranked: N, the number of areas that were ranked; broadcasts.

    Returns:
        Shares, 0 to 1, of the same shape. Of a missing rank, 0.
    """
    with np.errstate(invalid="ignore"):
        percentile = -np.floor_divide(-100.0 * rank, ranked)
    sliding = np.where(percentile <= 30, 0.95 - (0.9 / 19) * (percentile - 11), 0.0)
    return np.where(percentile <= 10, 1.0, sliding)


def extent(
    rank: npt.ArrayLike,
    population: npt.ArrayLike,
    parent: npt.ArrayLike,
    n_parents: int,
    *,
    n: int | None = None,
) -> FloatArray:
    """Return the share of people in the areas of greatest need, counted in full to the tenth and less to three tenths.

    An area in percentile p = ceil(100 · rank ÷ N) counts 1 for p ≤ 10, ``0.95 − (0.9 ÷ 19)(p − 11)`` for 11 ≤ p ≤ 30
    (from 0.95 down to 0.05), and 0 above.

    Args:
        rank: National ranks, 1 = greatest need, shape (..., n). NaN is missing.
        population: People by area, shape (n,), 0 or more.
        parent: Position of the higher area, shape (n,), 0 to n_parents − 1; −1 for none.
        n_parents: Number of higher areas.
        n: N, the number of areas that were ranked; None: the number of known ranks.

    Returns:
        Shares, shape (..., n_parents), 0 to 1.

    Raises:
        MethodError: Shapes that do not fit, negative population, unknown parent.

    Source:
        English Indices of Deprivation 2019, technical report, appendix N; rebuilt in
        tests/known/test_methods_summaries.py.
    """
    rows, people, codes, shape = _inputs(rank, population, parent, n_parents, "extent")
    counted = counted_in_extent(rows, _ranked(rows, n))
    counted = np.where(np.isnan(rows), np.nan, counted)
    return _weighted_mean(counted, people, codes, n_parents).reshape(shape)


def local_concentration(
    rank: npt.ArrayLike,
    population: npt.ArrayLike,
    parent: npt.ArrayLike,
    n_parents: int,
    *,
    n: int | None = None,
) -> FloatArray:
    """Return the mean reversed rank of the areas of greatest need that hold exactly a tenth of the higher area's people.

    Areas are taken in the order of their rank; the last one counts with the share of its people that fills the tenth. The
    mean of N + 1 − rank is weighted by the people counted. Equal ranks have equal values, so their order does not matter.

    Args:
        rank: National ranks, 1 = greatest need, shape (..., n). NaN is missing.
        population: People by area, shape (n,), 0 or more.
        parent: Position of the higher area, shape (n,), 0 to n_parents − 1; −1 for none.
        n_parents: Number of higher areas.
        n: N, the number of areas that were ranked; None: the number of known ranks.

    Returns:
        Mean reversed ranks, shape (..., n_parents), 1 to N, higher = more need.

    Raises:
        MethodError: Shapes that do not fit, negative population, unknown parent.

    Source:
        English Indices of Deprivation, summaries of higher areas (File 10); rebuilt in
        tests/known/test_methods_summaries.py.
    """
    rows, people, codes, shape = _inputs(rank, population, parent, n_parents, "local_concentration")
    known = ~np.isnan(rows)
    crowd = np.where(known, people, 0.0)
    by_need = np.argsort(rows, axis=1, kind="stable")
    # Sorting by parent after sorting by need keeps the order of need within each parent.
    order = np.take_along_axis(by_need, np.argsort(codes[by_need], axis=1, kind="stable"), axis=1)
    sorted_crowd = np.take_along_axis(crowd, order, axis=1)
    sorted_codes = codes[order]
    before = np.cumsum(sorted_crowd, axis=1) - sorted_crowd
    totals = np.pad(_sums(crowd, codes, n_parents), ((0, 0), (0, 1)))
    starts = np.cumsum(totals, axis=1) - totals
    within = before - np.take_along_axis(starts, sorted_codes, axis=1)
    room = CONCENTRATION_SHARE * np.take_along_axis(totals, sorted_codes, axis=1) - within
    counted = np.empty_like(crowd)
    np.put_along_axis(counted, order, np.clip(room, 0.0, sorted_crowd), axis=1)
    return _weighted_mean_by(_ranked(rows, n) + 1 - rows, counted, codes, n_parents).reshape(shape)


def _weighted_mean_by(rows: FloatArray, weights: FloatArray, codes: IntArray, n_parents: int) -> FloatArray:
    """Return means by parent with weights that differ by row, missing values having none."""
    over = _sums(np.where(weights > 0, rows, 0.0) * weights, codes, n_parents)
    under = _sums(weights, codes, n_parents)
    return np.asarray(np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0))


@dataclass(frozen=True, slots=True)
class Summary:
    """One measure for higher areas.

    Attributes:
        function: ``function(values, population, parent, n_parents)``; those of ranks also take ``n``.
        of: What it sums up: ``rank`` (1 = greatest need) or ``score``.
        weighted: Whether population enters.
    """

    function: Callable[..., FloatArray]
    of: Literal["rank", "score"]
    weighted: bool


SUMMARISE: Mapping[str, Summary] = MappingProxyType(
    {
        "average_rank": Summary(average_rank, "rank", weighted=True),
        "average_score": Summary(average_score, "score", weighted=True),
        "proportion": Summary(proportion, "rank", weighted=False),
        "extent": Summary(extent, "rank", weighted=True),
        "local_concentration": Summary(local_concentration, "rank", weighted=True),
    }
)
"""Every measure for higher areas, by the name that a study uses. Ranking them, 1 = greatest need, is the caller's."""
