"""Ranks over many draws: between which ranks an area lies in them, and in what share of them it is in the greatest-need tenth.

Ranks over draws are whole numbers, kept in the smallest type that holds them, shape (draws, n); 0 marks an area without a
score in that draw. Where even that would not fit, `RankTally` finds the same quantiles from two passes over the draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.compiled import loops
from wardmote.methods.ranks import best_rank

RankArray = npt.NDArray[np.uint16] | npt.NDArray[np.int32]
"""Descending best ranks, 1 = greatest need, 0 = missing."""

BLOCK = 2**20
"""Ranks sorted at a time: a few MB. Speed and memory only."""


def draw_ranks(scores: npt.ArrayLike, *, fast: bool | None = None) -> npt.NDArray[np.int32]:
    """Return the rank of every area in every draw: 1 = highest score, equal scores share the best rank.

    Args:
        scores: Scores, shape (draws, n), higher means more need. NaN is missing.
        fast: Compiled loops (where installed), or plain; the same ranks.

    Returns:
        Ranks, shape (draws, n); 0 where the score is missing. −0 equals 0.

    Raises:
        MethodError: The shape is another one, or there is no area.
    """
    rows = np.ascontiguousarray(scores, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise MethodError(
            Problem("draw_ranks", "scores do not fit", str(rows.shape), "shape (draws, n), n ≥ 1")
        )
    out = np.empty(rows.shape, dtype=np.int32)
    compiled = loops(fast)
    if compiled:
        compiled.fill_ranks(rows, out)
        return out
    step = max(1, BLOCK // rows.shape[1])
    for start in range(0, len(rows), step):
        out[start : start + step] = np.nan_to_num(best_rank(rows[start : start + step] + 0.0), nan=0.0)
    return out


def draw_places(scores: npt.ArrayLike, *, fast: bool | None = None) -> npt.NDArray[np.int32]:
    """Return the place of every area in every draw: 1 = highest score, areas with equal scores in their given order.

    Args:
        scores: Scores, shape (draws, n), higher means more need. NaN is missing.
        fast: Compiled loops (where installed), or plain; the same places.

    Returns:
        Places, shape (draws, n), each from 1 to the number of scores once; 0 where the score is missing.

    Raises:
        MethodError: The shape is another one, or there is no area.
    """
    rows = np.ascontiguousarray(scores, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise MethodError(
            Problem("draw_places", "scores do not fit", str(rows.shape), "shape (draws, n), n ≥ 1")
        )
    out = np.empty(rows.shape, dtype=np.int32)
    compiled = loops(fast)
    if compiled:
        compiled.fill_places(rows, out)
        return out
    for row, score in zip(out, rows, strict=True):
        order = np.argsort(-(score + 0.0), kind="stable")  # missing scores come last
        row[order] = np.arange(1, len(order) + 1)
        row[np.isnan(score)] = 0
    return out


def compact(ranks: npt.NDArray[np.int32], n: int) -> RankArray:
    """Return ranks in the smallest type that holds ranks to n.

    Args:
        ranks: Ranks, any shape, 0 to n.
        n: Number of areas.

    Returns:
        The same ranks: two bytes each up to 65,535 areas, four above.
    """
    return ranks.astype(np.uint16) if n < 2**16 else ranks


def rank_quantiles(ranks: RankArray, probabilities: Sequence[float]) -> FloatArray:
    """Return quantiles of each area's rank over draws: the least rank r such that a share p of its draws is at most r.

    No interpolation: every quantile is a rank that occurred. Missing draws of an area are left out of its share.

    Args:
        ranks: Ranks, shape (draws, n), 0 = missing.
        probabilities: Probabilities, 0 to 1 each; 0 gives the least rank, 1 the greatest.

    Returns:
        Quantiles, shape (probabilities, n), whole numbers in ``float64``; NaN for an area without any rank.

    Raises:
        MethodError: A probability outside 0 to 1, or no draws.
    """
    draws, n = _check(ranks, probabilities)
    out = np.full((len(probabilities), n), np.nan)
    step = max(1, BLOCK // draws)
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        ordered = np.sort(ranks[:, part].T, axis=1)  # missing draws, 0, come first
        missing = np.count_nonzero(ordered == 0, axis=1)
        known = np.flatnonzero(missing < draws)
        for i, p in enumerate(probabilities):
            place = missing[known] + _place(p, draws - missing[known])
            out[i, start + known] = ordered[known, place]
    return out


def _place(p: float, count: IntArray) -> IntArray:
    """Return the position, from 0, of the quantile p among ``count`` ordered values: ⌈p · count⌉ − 1, at least 0.

    A tenth of 1,000 is the 100th value although 0.1 is not exactly a tenth in binary: 1e-9 takes that back.
    """
    place: IntArray = np.ceil(p * count - 1e-9).astype(np.int64) - 1
    return np.maximum(place, 0)


def rank_intervals(ranks: RankArray, coverages: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Return equal-tailed intervals of each area's rank over draws.

    Args:
        ranks: Ranks, shape (draws, n), 0 = missing.
        coverages: Shares of draws inside, such as 0.5, 0.9 and 0.95; above 0 and below 1.

    Returns:
        Lower and upper ends, each of shape (coverages, n); NaN for an area without any rank. They say nothing of draws
        that were not made: with 20 draws a 95% interval is the whole range.

    Raises:
        MethodError: A coverage out of range, or no draws.
    """
    for coverage in coverages:
        if not 0 < coverage < 1:
            raise MethodError(
                Problem("rank_intervals", "coverage is out of range", f"{coverage:g}", "above 0, below 1")
            )
    ends = [(1 - c) / 2 for c in coverages] + [(1 + c) / 2 for c in coverages]
    both = rank_quantiles(ranks, ends)
    return both[: len(coverages)], both[len(coverages) :]


def share_within(ranks: RankArray, limit: float) -> FloatArray:
    """Return in what share of its draws each area ranks at or above a limit, such as the greatest-need tenth.

    Args:
        ranks: Ranks, shape (draws, n), 0 = missing.
        limit: Greatest rank that counts: share × n, never rounded up.

    Returns:
        Shares, 0 to 1, shape (n,), of the draws in which the area has a rank; NaN where it has none.

    Raises:
        MethodError: No draws.
    """
    _check(ranks, ())
    inside = np.count_nonzero(_inside(ranks, limit), axis=0)
    return _ratio(inside, np.count_nonzero(ranks, axis=0))


def joint_share_within(
    first: RankArray, first_limit: float, second: RankArray, second_limit: float
) -> FloatArray:
    """Return in what share of draws each area ranks within both limits at once, as for double disadvantage.

    Args:
        first: Ranks in one index, shape (draws, n), 0 = missing.
        first_limit: Greatest rank that counts there.
        second: Ranks in the other index, same shape; draw k must be the same world in both.
        second_limit: Greatest rank that counts there.

    Returns:
        Shares, 0 to 1, shape (n,), of the draws in which the area has both ranks; NaN where it never has.

    Raises:
        MethodError: Shapes differ, or there are no draws.
    """
    if first.shape != second.shape:
        got = f"{first.shape} and {second.shape}"
        raise MethodError(
            Problem("joint_share_within", "the draws do not fit", got, "the same draws and areas")
        )
    _check(first, ())
    both = np.count_nonzero(_inside(first, first_limit) & _inside(second, second_limit), axis=0)
    return _ratio(both, np.count_nonzero((first > 0) & (second > 0), axis=0))


def _inside(ranks: RankArray, limit: float) -> BoolArray:
    return (ranks > 0) & (ranks <= int(limit))


def _ratio(part: IntArray, whole: IntArray) -> FloatArray:
    out: FloatArray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return out


def _check(ranks: RankArray, probabilities: Sequence[float]) -> tuple[int, int]:
    """Refuse ranks of another shape, no draws, and probabilities outside 0 to 1; return draws and areas."""
    if ranks.ndim != 2 or len(ranks) == 0:
        raise MethodError(
            Problem("rank quantiles", "there are no draws", str(ranks.shape), "shape (draws, n)")
        )
    for p in probabilities:
        if not 0 <= p <= 1:
            raise MethodError(Problem("rank quantiles", "a probability is out of range", f"{p:g}", "0 to 1"))
    return ranks.shape


# --- bounded memory ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fine:
    """The coarse bins that hold the quantiles: which they are, ranks before them, and counts of each rank inside."""

    bin: IntArray
    before: IntArray
    place: IntArray
    counts: npt.NDArray[np.int32]


class RankTally:
    """Exact quantiles of ranks from two passes over the draws, in memory that does not grow with their number.

    The first pass counts, by area, ranks in coarse bins of about √n; `refine` finds in which bin each quantile lies; the
    second pass counts single ranks in these bins. Draws can be made anew for the second pass, since each is a function of
    its number. Memory: 4 √n (1 + probabilities) n bytes: 35 MB for 33,755 areas, and 125 MB more for five quantiles.

    Args:
        n: Number of areas.
        limits: Greatest ranks whose shares are wanted too, counted in the first pass.

    Raises:
        MethodError: No area.
    """

    def __init__(self, n: int, *, limits: Sequence[float] = ()) -> None:
        if n < 1:
            raise MethodError(Problem("RankTally", "there is no area", str(n), "1 or more"))
        self.n = n
        self.limits = tuple(limits)
        self.width = max(1, ceil(n**0.5))
        self._coarse = np.zeros((n, n // self.width + 1), dtype=np.int32)
        self._within = np.zeros((len(self.limits), n), dtype=np.int64)
        self._fine: _Fine | None = None

    def add(self, ranks: RankArray) -> None:
        """Count some draws: before `refine` coarsely, after it finely. Returns nothing.

        Args:
            ranks: Ranks, shape (draws, n), 0 = missing.

        Raises:
            MethodError: The shape does not fit, or a rank is above n.
        """
        if ranks.ndim != 2 or ranks.shape[1] != self.n or int(ranks.max(initial=0)) > self.n:
            raise MethodError(
                Problem("RankTally", "ranks do not fit", str(ranks.shape), f"(draws, {self.n})")
            )
        for draw in ranks:
            known = np.flatnonzero(draw)
            rank = draw[known].astype(np.int64)
            if self._fine is None:
                self._coarse[known, rank // self.width] += 1
                for i, limit in enumerate(self.limits):
                    self._within[i, known] += rank <= int(limit)
                continue
            for i, bins in enumerate(self._fine.bin):
                here = rank // self.width == bins[known]
                self._fine.counts[i, known[here], rank[here] % self.width] += 1

    def refine(self, probabilities: Sequence[float]) -> None:
        """End the first pass and say which quantiles the second shall find. Returns nothing.

        Args:
            probabilities: Probabilities of the quantiles, 0 to 1 each.

        Raises:
            MethodError: A probability outside 0 to 1.
        """
        _check(np.empty((1, self.n), dtype=np.int32), probabilities)
        total, sums = (
            self._coarse.sum(axis=1, dtype=np.int64),
            np.cumsum(self._coarse, axis=1, dtype=np.int64),
        )
        place = np.array([_place(p, total) for p in probabilities]).reshape(len(probabilities), self.n)
        bins = np.stack([np.minimum((sums <= at[:, None]).sum(axis=1), sums.shape[1] - 1) for at in place])
        before = np.take_along_axis(sums - self._coarse, bins.T, axis=1).T
        counts = np.zeros((len(probabilities), self.n, self.width), dtype=np.int32)
        self._fine = _Fine(bins, before, place, counts)

    def quantiles(self) -> FloatArray:
        """Return the quantiles, shape (probabilities, n), equal to `rank_quantiles` of all draws at once.

        Raises:
            MethodError: The second pass has not been made, or not over the same draws.
        """
        fine = self._fine
        known = self._coarse.any(axis=1)
        if fine is None:
            raise MethodError(
                Problem("RankTally", "the second pass has not been made", remedy="Call refine, then add.")
            )
        expected = np.take_along_axis(self._coarse, fine.bin.T, axis=1).T
        if not np.array_equal(fine.counts.sum(axis=2), expected):
            raise MethodError(Problem("RankTally", "the second pass saw other draws than the first"))
        passed = fine.before[:, :, None] + np.cumsum(fine.counts, axis=2)
        inside = (passed <= fine.place[:, :, None]).sum(axis=2)
        return np.where(known, fine.bin * self.width + inside, np.nan)

    def shares(self) -> FloatArray:
        """Return the share of each area's draws within each limit, shape (limits, n); NaN where it has no rank."""
        total = np.broadcast_to(self._coarse.sum(axis=1), self._within.shape)
        return _ratio(self._within, total)


def draw_blocks(draws: int, n: int, *, most_bytes: int = 2**28) -> Iterator[range]:
    """Return ranges of draws whose scores, in ``float64``, fit a stated memory.

    Args:
        draws: Number of draws in all.
        n: Number of areas.
        most_bytes: Memory for one block of scores; 256 MB unless said.

    Returns:
        Ranges of at least one draw, in order, together all draws.
    """
    step = max(1, most_bytes // (8 * max(n, 1)))
    return (range(start, min(start + step, draws)) for start in range(0, draws, step))
