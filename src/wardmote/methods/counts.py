"""Counts with sampling error: binomial, Poisson and beta-binomial draws, exact to a few spacings of the uniforms.

A cell's distribution is written as a table of limits: for each count the first random word of 52 bits that lies above it. A draw is the
least count whose distribution function reaches the uniform behind the word. Draws are kept as counts of two or four bytes (`Counted`) as
long as possible, since a national index draws more of them than a machine can hold as numbers of eight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.methods._recurrence import ratio_down, ratio_up
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.compiled import loaded, loops
from wardmote.methods.streams import (
    Draws,
    Stream,
    WordArray,
    cell_parameters,
    counter_steps,
    keys_of_cells,
    refuse_cells,
    uniforms,
)

CountArray = npt.NDArray[np.uint16] | npt.NDArray[np.int32]
"""Counts, in two bytes where none can be above 65,535, else in four."""

CUT = 1e-17
"""Counts are left out of a table where they are this much less likely than the likeliest: together they weigh less than the
spacing of the uniforms, 2⁻⁵² = 2·10⁻¹⁶, so no draw could tell."""

SIDE_BY_SIDE = 512
"""Areas whose tables the plain loops build side by side."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Numbers kept as counts: ``counts ÷ divisor × factor``.

    Attributes:
        counts: Shape (draws, n).
        divisor: By area, shape (n,); NaN where nothing is known, so that the number is missing.
        factor: By area, shape (n,), or (0,) where it is 1 throughout.
    """

    counts: CountArray
    divisor: FloatArray
    factor: FloatArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the numbers, (draws, n)."""
        return self.counts.shape

    @property
    def ndim(self) -> int:
        """Return 2, as of any array of draws."""
        return self.counts.ndim

    def __len__(self) -> int:
        """Return the number of draws."""
        return len(self.counts)

    def __getitem__(self, rows: slice | IntArray) -> Counted:
        """Return some draws."""
        return replace(self, counts=self.counts[rows])

    def floats(self, rows: slice | IntArray | None = None) -> FloatArray:
        """Return the numbers of some draws, or of all, shape (draws, n).

        Args:
            rows: Which draws.
        """
        counts = np.ascontiguousarray(self.counts if rows is None else self.counts[rows])
        out = np.empty(counts.shape)
        compiled = loaded()
        if compiled is not None:
            compiled.fill_floats(counts, self.divisor, self.factor, np.arange(len(counts)), out)
            return out
        np.divide(counts, self.divisor, out=out)
        return np.multiply(out, self.factor, out=out) if len(self.factor) else out

    def at(self, rows: IntArray, areas: IntArray) -> FloatArray:
        """Return the numbers of some draws in some areas, shape (draws, areas).

        Args:
            rows: Which draws.
            areas: Positions of the areas.
        """
        found: FloatArray = self.counts[np.ix_(rows, areas)] / self.divisor[areas]
        return found * self.factor[areas] if len(self.factor) else found


@dataclass(frozen=True, slots=True)
class Law:
    """A distribution of counts in each cell.

    Attributes:
        family: 0 binomial, 1 Poisson, 2 beta-binomial, as in `_recurrence.ratio_up`.
        model: By cell size, the family's two parameters, where its table starts, and from where it is cut; shape (n, 5). A start of NaN
            marks a missing cell.
        divisor: What counts are divided by, shape (n,).
        most: No count can be above this.
    """

    family: int
    model: FloatArray
    divisor: FloatArray
    most: float

    def part(self, here: slice) -> Law:
        """Return the law of some cells.

        Args:
            here: Which.
        """
        return replace(self, model=self.model[here], divisor=self.divisor[here])

    @property
    def type(self) -> npt.DTypeLike:
        """Return the smallest type that holds its counts."""
        return np.uint16 if self.most < 2**16 else np.int32

    def draw(
        self,
        stream: Stream,
        areas: WordArray,
        draws: Draws,
        *,
        out: CountArray | None = None,
        first: int = 0,
        mass: FloatArray | None = None,
        fast: bool | None = None,
    ) -> CountArray:
        """Return counts, shape (draws, n); 0 in missing cells, which their divisor tells.

        Args:
            stream: The indicator's stream.
            areas: Keys of the areas, shape (n,).
            draws: Which draws, from 0.
            out: Where to write, shape (draws, more areas); None for a new array.
            first: Its column for the first area.
            mass: What earlier draws found out about each cell and later ones need not again, shape (n, 2), zeros at first; speed only.
            fast: Compiled loops (where installed), or plain; the same counts.
        """
        out = np.empty((len(draws), len(areas)), dtype=self.type) if out is None else out
        compiled, given = loops(fast), np.empty((0, 0), dtype=np.int64)
        if compiled is None:
            for begin in range(0, len(areas), SIDE_BY_SIDE):
                part = slice(begin, min(begin + SIDE_BY_SIDE, len(areas)))
                words = _words(uniforms(stream, areas[part], draws, fast=False))
                out[:, first + part.start : first + part.stop] = _counts(self.part(part), words)
            return out[:, first : first + len(areas)]
        if len(stream.parts) > 1:
            given = _words(uniforms(stream, areas, draws, fast=fast))
        cells = keys_of_cells(stream.seed, stream.parts[0][0], areas)
        tile = np.empty((-(-len(draws) // 4) * 4 if out.itemsize == 2 else 0, 16), dtype=np.uint64)
        mass = np.zeros((len(areas), 2)) if mass is None else mass
        steps = counter_steps(draws)
        compiled.fill_counts(self.family, self.model, mass, cells, steps, given, out, tile, first)
        return out[:, first : first + len(areas)]

    def counted(self, stream: Stream, areas: WordArray, draws: Draws, *, fast: bool | None = None) -> Counted:
        """Return draws of all cells.

        Args:
            stream: The indicator's stream.
            areas: Keys of the areas, shape (n,).
            draws: Which draws, from 0.
            fast: Compiled loops (where installed), or plain; the same counts.
        """
        return Counted(self.draw(stream, areas, draws, fast=fast), self.divisor, np.empty(0))


def _law(
    family: int, size: FloatArray, a: FloatArray, b: FloatArray, *, start: FloatArray,
    cut: npt.ArrayLike, divisor: npt.ArrayLike, most: float,
) -> Law:  # fmt: skip
    """Return a law; where the divisor is missing nothing is drawn."""
    columns = np.broadcast_arrays(size, a, b, np.where(np.isnan(divisor), np.nan, start), cut, divisor)
    model = np.ascontiguousarray(np.stack(columns[:5], axis=1))
    return Law(family, model, np.ascontiguousarray(columns[5]), most)


def binomial_law(
    areas: WordArray, *, trials: npt.ArrayLike, probability: npt.ArrayLike, share: bool = True
) -> Law:
    """Return the binomial distribution of each cell; see `binomial`.

    Args:
        areas: Keys of the areas, shape (n,).
        trials: Denominators, shape (n,) or one.
        probability: Probabilities, shape (n,) or one.
        share: True: counts divided by trials; False: counts.

    Raises:
        MethodError: As for `binomial`.
    """
    n, p = cell_parameters("binomial", areas, trials=trials, probability=probability)
    _check_trials("binomial", n, p)
    with np.errstate(divide="ignore"):
        odds = p / (1 - p)
    start = np.minimum(np.floor((n + 1) * p), n)
    divisor = _divisor(n, share=share)
    return _law(0, n, odds, np.zeros_like(n), start=start, cut=CUT, divisor=divisor, most=_most(n))


def poisson_law(areas: WordArray, *, mean: npt.ArrayLike) -> Law:
    """Return the Poisson distribution of each cell; see `poisson`.

    Args:
        areas: Keys of the areas, shape (n,).
        mean: Means, shape (n,) or one.

    Raises:
        MethodError: As for `poisson`.
    """
    (mu,) = cell_parameters("poisson", areas, mean=mean)
    refuse_cells("poisson", "a mean lies outside 0 to 10⁹", (mu < 0) | (mu > 1e9), mu)
    top = _most(mu)
    # By Chernoff's bound counts above this are less likely than 1e-20, and so lie beyond the cut.
    most, whole = top + 14 * np.sqrt(top) + 100, np.full(mu.shape, np.inf)
    divisor = np.where(np.isnan(mu), np.nan, 1.0)
    return _law(1, whole, mu, np.zeros_like(mu), start=np.floor(mu), cut=CUT, divisor=divisor, most=most)


def beta_binomial_law(
    areas: WordArray,
    *,
    trials: npt.ArrayLike,
    probability: npt.ArrayLike,
    clustering: npt.ArrayLike,
    share: bool = True,
) -> Law:
    """Return the beta-binomial distribution of each cell; see `beta_binomial`.

    Args:
        areas: Keys of the areas, shape (n,).
        trials: Denominators, shape (n,) or one.
        probability: Mean probabilities, shape (n,) or one.
        clustering: ρ, shape (n,) or one.
        share: True: counts divided by trials; False: counts.

    Raises:
        MethodError: As for `beta_binomial`.
    """
    method = "beta_binomial"
    n, p, rho = cell_parameters(method, areas, trials=trials, probability=probability, clustering=clustering)
    _check_trials(method, n, p)
    refuse_cells(method, "clustering lies outside (0, 1)", (rho <= 0) | (rho >= 1), rho)
    a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
    # Below 1 the likeliest counts may lie at the ends, so that no count may be left out.
    cut = np.where((a < 1) | (b < 1), 0.0, CUT)
    divisor = _divisor(n, share=share)
    return _law(2, n, a, b, start=np.floor(n * p), cut=cut, divisor=divisor, most=_most(n))


def binomial(
    stream: Stream,
    areas: WordArray,
    draws: Draws,
    *,
    trials: npt.ArrayLike,
    probability: npt.ArrayLike,
    share: bool = True,
    fast: bool | None = None,
) -> FloatArray:
    """Return binomial draws, exact to a few spacings of the uniforms: the least count whose distribution function reaches u.

    Args:
        stream: The indicator's stream.
        areas: Keys of the areas, shape (n,).
        draws: Which draws, from 0.
        trials: Denominators, shape (n,) or one: whole numbers, 0 to 10⁹. NaN is missing.
        probability: Probabilities, shape (n,) or one, 0 to 1: the observed share, or a shrunk one. NaN is missing. At an
            observed share of 0 or 1 nothing varies: shrink first, or state another error.
        share: True: counts divided by trials; False: counts.
        fast: Compiled loops (where installed), or plain; the same bytes.

    Returns:
        Shape (draws, n); NaN where a parameter is missing, and for shares where trials are 0.

    Raises:
        MethodError: Trials that are not whole or out of range, probabilities outside 0 to 1, shapes that do not fit.
    """
    law = binomial_law(areas, trials=trials, probability=probability, share=share)
    return law.counted(stream, areas, draws, fast=fast).floats()


def poisson(
    stream: Stream, areas: WordArray, draws: Draws, *, mean: npt.ArrayLike, fast: bool | None = None
) -> FloatArray:
    """Return Poisson draws, exact to a few spacings of the uniforms.

    Args:
        stream: The indicator's stream.
        areas: Keys of the areas, shape (n,).
        draws: Which draws, from 0.
        mean: Means, shape (n,) or one, 0 to 10⁹. NaN is missing.
        fast: Compiled loops (where installed), or plain; the same bytes.

    Returns:
        Counts, shape (draws, n); NaN where the mean is missing; 0 where it is 0.

    Raises:
        MethodError: A mean below 0 or above 10⁹ (its table would not fit; a normal would do as well).
    """
    return poisson_law(areas, mean=mean).counted(stream, areas, draws, fast=fast).floats()


def beta_binomial(
    stream: Stream,
    areas: WordArray,
    draws: Draws,
    *,
    trials: npt.ArrayLike,
    probability: npt.ArrayLike,
    clustering: npt.ArrayLike,
    share: bool = True,
    fast: bool | None = None,
) -> FloatArray:
    """Return beta-binomial draws: binomial with a probability that varies, where people in an area are alike.

    With ``α = p(1 − ρ)/ρ`` and ``β = (1 − p)(1 − ρ)/ρ``; the variance is ``n p (1 − p) [1 + (n − 1) ρ]``.

    Args:
        stream: The indicator's stream.
        areas: Keys of the areas, shape (n,).
        draws: Which draws, from 0.
        trials: Denominators, shape (n,) or one: whole numbers, 0 to 10⁹. NaN is missing.
        probability: Mean probabilities, shape (n,) or one, 0 to 1. NaN is missing.
        clustering: ρ, the correlation between two people of an area, shape (n,) or one, above 0 and below 1.
        share: True: counts divided by trials; False: counts.
        fast: Compiled loops (where installed), or plain; the same bytes.

    Returns:
        Shape (draws, n); NaN where a parameter is missing, and for shares where trials are 0.

    Raises:
        MethodError: As for `binomial`, or ρ outside (0, 1): use `binomial` for ρ = 0.
    """
    law = beta_binomial_law(areas, trials=trials, probability=probability, clustering=clustering, share=share)
    return law.counted(stream, areas, draws, fast=fast).floats()


def _check_trials(method: str, n: FloatArray, p: FloatArray) -> None:
    """Refuse trials that are not whole or out of range (a longer table would not fit), and probabilities outside 0 to 1."""
    odd = (n < 0) | (n > 1e9) | (np.abs(n - np.rint(np.minimum(n, 1e9))) > 0)
    refuse_cells(method, "trials are not whole numbers from 0 to 10⁹", odd, n)
    refuse_cells(method, "a probability lies outside 0 to 1", (p < 0) | (p > 1), p)


def _divisor(trials: FloatArray, *, share: bool) -> FloatArray:
    """Return what counts are divided by: the trials, missing where 0, or 1."""
    return np.where(trials > 0, trials, np.nan) if share else np.where(np.isnan(trials), np.nan, 1.0)


def _most(values: FloatArray) -> float:
    """Return the greatest known value, 0 where there is none."""
    return float(np.max(values, initial=0.0, where=~np.isnan(values)))


def _words(u: FloatArray) -> IntArray:
    """Return the words of 52 bits behind uniforms."""
    return np.minimum(np.floor(u * 2.0**52), 2.0**52 - 1).astype(np.int64)


def _counts(law: Law, words: IntArray) -> npt.NDArray[Any]:
    """Return the counts of some cells for given words, shape (draws, areas): the plain twin of `_draw_loops.fill_counts`."""
    out = np.zeros(words.shape, dtype=np.int64)
    known = np.flatnonzero(~np.isnan(law.model[:, 3]))
    if not len(known):
        return out
    cells = law.model[known].T
    (below, _), (above, steps) = (_walk(law.family, cells, up=up) for up in (False, True))
    under_each, over = (np.cumsum(side, axis=0) for side in (below, above))  # outwards from the start
    nothing = np.zeros((1, len(known)))
    under_each, over = np.concatenate([nothing, under_each]), np.concatenate([nothing, over])
    under = under_each[-1]
    scale = 2.0**52 / (under + (1.0 + over[-1]))
    lower = (under - under_each)[: len(below)][::-1]
    limits = np.floor(np.concatenate([lower, under + (1.0 + over)]) * scale + 0.5).astype(np.int64)
    last = len(below) + steps
    for i, c in enumerate(known):
        place = np.searchsorted(limits[:, i], words[:, c], side="right")
        out[:, c] = int(cells[3, i]) - len(below) + np.minimum(place, last[i])
    return out


def _walk(family: int, cells: FloatArray, *, up: bool) -> tuple[FloatArray, IntArray]:
    """Return relative probabilities from each cell's start outwards, one step a row, 0 once a cell has ended; and how many steps it has."""
    size, a, b, start, cut = cells
    k, q, top = start.copy(), np.ones_like(start), np.ones_like(start)
    going = np.ones(start.shape, dtype=np.bool_)
    steps: list[FloatArray] = []
    number = np.zeros(start.shape, dtype=np.int64)
    while True:
        going = going & ((k < size) if up else (k > 0))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            moved = q * (ratio_up if up else ratio_down)(family, k, size, a, b)
        q = np.where(going, moved, q)
        top = np.maximum(top, q)
        going = going & ~(q < cut * top)
        if not going.any():
            return np.array(steps).reshape(len(steps), len(start)), number
        k = np.where(going, k + 1.0 if up else k - 1.0, k)
        steps.append(np.where(going, q, 0.0))
        number += going
