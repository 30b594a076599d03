"""The five summaries of larger areas for many draws at once.

They are those of `wardmote.methods.summarise`, with what no draw changes worked out once: who lies where, and which part of its
larger area each area makes up. Ranks are those of `wardmote.methods.quantiles`: whole numbers, 0 = missing.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.compiled import loops
from wardmote.methods.quantiles import RankArray
from wardmote.methods.summarise import CONCENTRATION_SHARE, SUMMARISE, counted_in_extent


class LargerAreas:
    """The larger areas of one level, ready to be summed up in many draws.

    Args:
        known: Which areas have a score, shape (n,).
        people: People by area, shape (n,), 0 or more.
        parent: Position of the larger area, shape (n,), −1 for none.
        n_parents: Number of larger areas.
        limit: Last rank that counts for the proportion.
    """

    def __init__(
        self, known: BoolArray, people: FloatArray, parent: IntArray, n_parents: int, *, limit: int
    ) -> None:
        self.known, self.people, self.parent, self.n_parents = known, people, parent, n_parents
        self.ranked, self.limit = int(known.sum()), limit
        inside: BoolArray = known & (parent >= 0)
        self._at: IntArray = np.where(inside, parent, -1).astype(np.int64)
        self._crowd: FloatArray = np.where(inside, people, 0.0)
        self._parts = {weighted: self._part(weighted=weighted) for weighted in (True, False)}
        self._empty = np.bincount(self._at[inside], minlength=n_parents) == 0

    def _part(self, *, weighted: bool) -> FloatArray:
        """Return which part of its larger area each area makes up: by its people, or as one of its areas."""
        weight = self._crowd if weighted else np.ones(len(self.known))
        inside = self._at >= 0
        total = np.bincount(self._at[inside], weights=weight[inside], minlength=self.n_parents)
        out = np.zeros(len(weight))
        with np.errstate(invalid="ignore", divide="ignore"):
            out[inside] = weight[inside] / total[self._at[inside]]
        return out

    def average_score(self, scores: npt.ArrayLike, *, fast: bool | None = None) -> FloatArray:
        """Return the population-weighted mean score in each draw.

        Args:
            scores: Scores, shape (draws, n). NaN is missing.
            fast: Compiled loops (where installed), or plain; the same numbers.

        Returns:
            Means, shape (draws, n_parents), in the direction of the score; NaN for a larger area without people who have one.
        """
        rows = np.ascontiguousarray(scores, dtype=np.float64)
        as_usual = (~np.isnan(rows) == self.known).all(axis=1)
        out = self._summed(rows, self._parts[True], None, _kernels(fast))
        return self._mended(out, rows, as_usual, "average_score")

    def of_ranks(self, ranks: RankArray, measure: str, *, fast: bool | None = None) -> FloatArray:
        """Return a summary of ranks in each draw; all rise with need.

        Args:
            ranks: Ranks, shape (draws, n), 1 = greatest need, 0 = missing.
            measure: average_rank, proportion, extent or local_concentration.
            fast: Compiled loops (where installed), or plain; the same numbers, for local concentration to the last places.

        Returns:
            Values, shape (draws, n_parents); NaN for a larger area without people (for the proportion: areas) that have a
            rank, and in a draw in which nobody has one.

        Raises:
            MethodError: There is no such measure of ranks.
        """
        worth, kernels = self._worth(measure), _kernels(fast)
        there = ranks > 0
        as_usual, failed = (there == self.known).all(axis=1), ~there.any(axis=1)
        del there
        # Sums look ranks up in a table: draws in which others than usual have a rank are done by the definition.
        usual = ranks
        if not as_usual.all():
            usual = ranks.copy()
            usual[~as_usual] = 0
        if worth is None:
            out = self._concentrated(usual, kernels)
        else:
            out = self._summed(usual, self._parts[measure != "proportion"], worth, kernels)
        odd = np.flatnonzero(~as_usual & ~failed)
        rows = np.where(ranks[odd] > 0, ranks[odd].astype(np.float64), np.nan)
        out[failed] = np.nan
        out[odd] = self._by_definition(rows, measure)
        return out

    def _worth(self, measure: str) -> FloatArray | None:
        """Return what each rank from 0 on counts for, or None where it is not a matter of the rank alone."""
        n = self.ranked
        rank = np.arange(n + 1, dtype=np.float64)
        if measure == "average_rank":
            return n + 1.0 - rank
        if measure == "proportion":
            return ((rank > 0) & (rank <= self.limit)).astype(np.float64)
        if measure == "extent":
            return counted_in_extent(rank, n)
        if measure == "local_concentration":
            return None
        raise MethodError(
            Problem(
                "larger areas",
                "no such measure of ranks",
                measure,
                "one of those of wardmote.methods.summarise",
            )
        )

    def _summed(
        self,
        rows: npt.NDArray[np.generic],
        part: FloatArray,
        worth: FloatArray | None,
        kernels: ModuleType | None,
    ) -> FloatArray:
        """Return sums of parts times values, or times what ranks are worth."""
        if kernels is not None:
            out = np.zeros((len(rows), self.n_parents))
            if worth is None:
                kernels.add_parts(rows, self._at, part, out)
            else:
                kernels.add_worths(rows, self._at, part, worth, out)
        else:
            from scipy.sparse import csr_matrix

            here = np.flatnonzero(self._at >= 0)
            shape = (self.n_parents, len(part))
            matrix = csr_matrix((part[here], (self._at[here], here)), shape=shape)
            values = np.where(self.known, rows, 0.0) if worth is None else worth[rows]
            out = np.ascontiguousarray((matrix @ np.ascontiguousarray(values.T)).T)
        out[:, self._empty] = np.nan
        return out

    def _concentrated(self, ranks: RankArray, kernels: ModuleType | None) -> FloatArray:
        """Return local concentrations."""
        if kernels is None:
            rows = np.where(ranks > 0, ranks.astype(np.float64), np.nan)
            return self._by_definition(rows, "local_concentration")
        out = np.empty((len(ranks), self.n_parents))
        total = np.bincount(
            self._at[self._at >= 0], weights=self._crowd[self._at >= 0], minlength=self.n_parents
        )
        room = CONCENTRATION_SHARE * total
        kernels.concentrate(ranks, self._at, self._crowd, room, self.ranked + 1, out)
        return out

    def _mended(self, out: FloatArray, rows: FloatArray, as_usual: BoolArray, measure: str) -> FloatArray:
        odd = np.flatnonzero(~as_usual)
        out[odd] = self._by_definition(rows[odd], measure)
        return out

    def _by_definition(self, rows: FloatArray, measure: str) -> FloatArray:
        """Return a summary as `wardmote.methods.summarise` has it; the proportion at the limit that is stated here."""
        if not len(rows):
            return np.empty((0, self.n_parents))
        if measure == "proportion":
            inside = np.where(np.isnan(rows), np.nan, rows <= self.limit)
            even = np.ones(len(self.known))
            return SUMMARISE["average_score"].function(inside, even, self.parent, self.n_parents)
        return SUMMARISE[measure].function(rows, self.people, self.parent, self.n_parents)


def _kernels(fast: bool | None) -> ModuleType | None:
    """Return the compiled loops, or None for the plain ones."""
    if loops(fast) is None:
        return None
    from wardmote.methods import _larger_loops

    return _larger_loops
