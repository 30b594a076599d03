"""Sampling error of single indicators: what each leaf might have been, draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote.engine.inputs import Inputs, Leaf, read_columns
from wardmote.engine.plan import Plan
from wardmote.engine.stream import Variant
from wardmote.errors import InputError, Problem
from wardmote.methods import sampling
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.columns import Column, numbers
from wardmote.methods.counts import CountArray, Counted, Law, beta_binomial_law, binomial_law, poisson_law
from wardmote.methods.quantiles import draw_places
from wardmote.methods.sampling import Stream as Source
from wardmote.methods.shrink import shrink
from wardmote.study import CorrelationSpec, FactorSpec
from wardmote.uncertainty.factors import COUNTS, Target

if TYPE_CHECKING:
    import pandas as pd

MEND = "Correct the source, or state another error."
"""What to do where what is published of an error cannot be."""

Spread = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]
"""Does a function for each of several numbers: `map`, or that of a pool of threads."""

POPULATION = "population"
"""Word of a study for the usual residents of the table `areas`, as a denominator."""


@dataclass(frozen=True, slots=True)
class Order:
    """Published ranks and the rates that they rank: turns drawn rates back into ranks.

    A drawn rate takes the published rank of its place, so that gaps and ties of the publisher stay as they are; areas with
    equal drawn rates keep their published order.

    Attributes:
        by_rank: Areas with a rank, from the lowest published rank on.
        ranks: Published ranks in that order.
        falling: Whether rank 1 is the highest rate.
    """

    by_rank: IntArray
    ranks: FloatArray
    falling: bool

    def ranked(self, rates: FloatArray) -> FloatArray:
        """Return ranks for drawn rates, shape (draws, n); NaN where there is no published rank."""
        whole = len(self.by_rank) == rates.shape[1]
        out = np.empty(rates.shape) if whole else np.full(rates.shape, np.nan)
        some = rates[:, self.by_rank]
        places = draw_places(some if self.falling else -some) - 1
        out[:, self.by_rank] = self.ranks[places]
        return out

    def fits(self, kind: np.dtype[Any]) -> bool:
        """Return whether all published ranks are whole numbers that a type of whole numbers holds.

        Args:
            kind: The type.
        """
        whole = (self.ranks == np.floor(self.ranks)).all() and (self.ranks >= 0).all()
        return bool(whole and self.ranks.max(initial=0) <= np.iinfo(kind).max)


@dataclass(frozen=True, slots=True)
class LeafError:
    """The error of one leaf.

    Attributes:
        leaf: The leaf.
        factor: Path of the factor that it belongs to.
        source: Where its random numbers come from.
        spec: What the study says of the error.
        value: What is drawn round: the leaf's values, or the rates that were ranked, or shrunk proportions; shape (n,).
        numerator: Counts, or None.
        denominator: What they are counts of, or None.
        spread: Standard errors, or None.
        known: Which values are drawn; the others stay.
        order: How drawn rates become ranks again, or None.
        shrunk: Whether draws are of shrunk proportions.
        mass: What drawing found out about each cell and need not find out again, once there is any: (n, 2).
    """

    leaf: str
    factor: str
    source: Source
    spec: FactorSpec
    value: FloatArray
    numerator: FloatArray | None
    denominator: FloatArray | None
    spread: FloatArray | None
    known: BoolArray
    order: Order | None = None
    shrunk: bool = False
    mass: list[FloatArray] = field(default_factory=list, compare=False, repr=False)

    @property
    def is_counted(self) -> bool:
        """Return whether draws stay whole numbers of two bytes."""
        if self.numerator is None or self.spec.error == "poisson":
            return False
        small = bool(np.nanmax(self._counts()[1], initial=0.0) < 2**16)
        return small and (self.order is None or self.order.fits(np.dtype(np.uint16)))

    def draw(
        self,
        areas: sampling.WordArray,
        draws: sampling.Draws,
        spread: Spread = map,
        parts: int = 1,
        out: FloatArray | None = None,
    ) -> Column:
        """Return the leaf's values in some draws, shape (draws, n).

        Args:
            areas: Keys of the areas, from `sampling.cell_keys`.
            draws: Which draws.
            spread: Does a function for each of several things, one after the other or at the same time.
            parts: Into how many parts the areas are cut for that; changes no number.
            out: Where to write, shape (draws, n); None for a new array. What is counted takes a part of it only.
        """
        n = len(areas)
        room = np.empty((len(draws), n)) if out is None else out
        if self.numerator is not None:
            column: Column = self._drawn_counts(areas, draws, spread, parts, room)
        else:
            edges = [n * place // parts for place in range(parts + 1)]

            def fill(place: int) -> None:
                here = slice(edges[place], edges[place + 1])
                room[:, here] = self._drawn(here, areas[here], draws)

            list(spread(fill, range(parts)))
            if not self.known.all():
                room[:, ~self.known] = self.value[~self.known]
            column = room
        return column if self.order is None else self._ranked(self.order, column, spread, parts)

    def _ranked(self, order: Order, column: Column, spread: Spread, parts: int) -> Column:
        """Return ranks for drawn rates; they take the rates' place where they fit."""
        if isinstance(column, Counted) and order.fits(column.counts.dtype):
            self._rank_rows(order, column, column.counts, spread, parts)
            divisor = np.full(column.shape[1], np.nan)
            divisor[order.by_rank] = 1.0
            return Counted(column.counts, divisor, np.empty(0))
        out = np.empty(column.shape) if isinstance(column, Counted) else column
        self._rank_rows(order, column, out, spread, parts)
        return out

    @staticmethod
    def _rank_rows(
        order: Order, column: Column, out: FloatArray | CountArray, spread: Spread, parts: int
    ) -> None:
        """Write ranks for drawn rates, some draws at a time; in whole numbers a missing rank is 0."""
        rows = [len(column) * place // parts for place in range(parts + 1)]
        step = max(1, 2**19 // column.shape[1])

        def rank(place: int) -> None:
            for start in range(rows[place], rows[place + 1], step):
                here = slice(start, min(start + step, rows[place + 1]))
                found = order.ranked(numbers(column, here))
                out[here] = found if out.dtype == np.float64 else np.nan_to_num(found, copy=False)

        list(spread(rank, range(parts)))

    def _drawn_counts(
        self, areas: sampling.WordArray, draws: sampling.Draws, spread: Spread, parts: int, room: FloatArray
    ) -> Counted:
        """Return drawn counts that stand for the values; where nothing is drawn, for the value itself."""
        n, law, factor = len(areas), self._law(areas), self._factor()
        counts: CountArray = room.reshape(-1).view(law.type)[: len(draws) * n].reshape(len(draws), n)
        pieces = parts if parts == 1 else 4 * parts  # so that nobody waits long for the last
        edges = [n * place // pieces for place in range(pieces + 1)]
        if not self.mass:
            self.mass.append(np.zeros((n, 2)))
        mass = self.mass[0]

        def fill(place: int) -> None:
            here = slice(edges[place], edges[place + 1])
            law.part(here).draw(
                self.source, areas[here], draws, out=counts, first=edges[place], mass=mass[here]
            )

        list(spread(fill, range(pieces)))
        divisor = law.divisor
        if not self.known.all():
            counts[:, ~self.known] = 1
            divisor = np.where(self.known, divisor, 1.0)
            factor = np.where(self.known, factor if len(factor) else 1.0, self.value)
        return Counted(counts, divisor, factor)

    def _drawn(self, here: slice, areas: sampling.WordArray, draws: sampling.Draws) -> FloatArray:
        """Return drawn values of some areas, or rates where ranks are drawn through them; of a leaf without counts."""
        value, spread = self.value[here], _given(self.spread)[here]
        if self.shrunk:
            return sampling.logit_normal(self.source, areas, draws, proportion=value, logit_error=spread)
        return sampling.normal(self.source, areas, draws, value=value, standard_error=spread)

    def _law(self, areas: sampling.WordArray) -> Law:
        """Return the distribution of the counts of a leaf that has them."""
        count, trials = self._counts()
        if self.spec.error == "poisson":
            return poisson_law(areas, mean=count)
        share = self._is_share()
        if self.spec.error == "beta-binomial":
            return beta_binomial_law(
                areas, trials=trials, probability=count / trials,
                clustering=self.spec.clustering or 0.0, share=share,
            )  # fmt: skip
        return binomial_law(areas, trials=trials, probability=count / trials, share=share)

    def _factor(self) -> FloatArray:
        """Return what drawn counts, or shares, are multiplied by: nothing, or the published value by the published count."""
        if self._is_share():
            return np.empty(0)
        count = self._counts()[0]
        return np.divide(self.value, count, out=np.zeros_like(count), where=count > 0)

    def _counts(self) -> tuple[FloatArray, FloatArray]:
        """Return the counts that are drawn round, and of how many; NaN where nothing is drawn."""
        count = np.where(self.known, _given(self.numerator), np.nan)
        if self.denominator is None:
            return count, np.full(count.shape, np.nan)
        # An approximate denominator may lie below its numerator: there everybody is counted and nothing varies.
        return count, np.where(self.known, np.maximum(np.round(self.denominator), np.ceil(count)), np.nan)

    def _is_share(self) -> bool:
        """Return whether the values are exactly the counts by what they are counts of."""
        if self.numerator is None or self.shrunk or self.spec.error == "poisson":
            return False
        count, trials = self._counts()
        return bool(np.array_equal(self.value[self.known], (count / trials)[self.known]))


def _given(column: FloatArray | None) -> FloatArray:
    assert column is not None  # every error was read with what its kind needs
    return column


def leaf_errors(
    variant: Variant,
    inputs: Inputs,
    targets: Sequence[Target],
    *,
    values: pd.DataFrame,
    seed: int,
    correlations: Sequence[CorrelationSpec],
    where: str,
) -> dict[str, LeafError]:
    """Return the error of every leaf that has one, by leaf.

    Args:
        variant: The index as it is.
        inputs: Its columns.
        targets: What the factors touch in it; those that are no values are passed over.
        values: Table `values`: counts, standard errors, intervals.
        seed: Seed of the study.
        correlations: Matrices that the study states.
        where: The section, for problems.

    Raises:
        InputError: Counts, errors or rates that a factor names are not there or cannot be; all together.
    """
    plan = variant.plan
    wanted: dict[str, str] = {}
    chosen = [(target, leaf) for target in targets if target.factor.kind == "values" for leaf in target.nodes]
    for target, leaf in chosen:
        spec, node = target.factor.spec, plan.nodes[leaf]
        wanted.setdefault(spec.through or node.indicator, "" if spec.through else node.period)
        wanted.update({n: "" for n in (spec.numerator, spec.denominator) if n and n != POPULATION})
    columns = read_columns(values, inputs.level, inputs.codes, wanted, where=where) if wanted else {}
    sources = _sources(plan, chosen, seed, correlations)
    problems: list[Problem] = []
    found = {}
    for target, leaf in chosen:
        error = _leaf_error(
            variant, inputs, target, leaf, columns=columns, source=sources[leaf], problems=problems
        )
        if error is not None:
            found[leaf] = error
    if problems:
        raise InputError(problems)
    return found


def identity(plan: Plan, spec: FactorSpec, leaf: str) -> str:
    """Return the indicator that keys a leaf's random numbers: the rate where ranks are drawn through it."""
    return spec.through or plan.nodes[leaf].indicator


def _sources(
    plan: Plan,
    chosen: Sequence[tuple[Target, str]],
    seed: int,
    correlations: Sequence[CorrelationSpec],
) -> dict[str, Source]:
    """Return where each leaf's random numbers come from: its own, its group's, or a matrix's."""
    names = {leaf: identity(plan, target.factor.spec, leaf) for target, leaf in chosen}
    found = {leaf: sampling.independent(seed, name) for leaf, name in names.items()}
    for target, leaf in chosen:
        spec = target.factor.spec
        if spec.group:
            found[leaf] = sampling.within_domain(seed, [names[leaf]], spec.group, spec.correlation or 0.0)[0]
    for matrix in correlations:
        streams = dict(
            zip(matrix.indicators, sampling.correlated(seed, matrix.indicators, matrix.matrix), strict=True)
        )
        for leaf, name in names.items():
            found[leaf] = streams.get(name, found[leaf])
    return found


def _leaf_error(
    variant: Variant,
    inputs: Inputs,
    target: Target,
    leaf: str,
    *,
    columns: Mapping[str, Leaf],
    source: Source,
    problems: list[Problem],
) -> LeafError | None:
    """Return one leaf's error, or add why there is none."""
    plan, spec, where = variant.plan, target.factor.spec, target.factor.where
    name = identity(plan, spec, leaf)
    own = columns.get(name)
    if own is None:
        problems.append(Problem(where, f"there are no values of {name} at {inputs.level}"))
        return None
    value, order = own.column, None
    if spec.through:
        order = _order(plan, inputs, leaf, value, where=where, problems=problems)
    if any(leaf in op.targets for op in plan.of_kind("shrink")):
        return _shrunk_error(variant, target, leaf, source, problems)
    numerator = denominator = spread = None
    if spec.error in COUNTS:
        numerator, denominator = _count_columns(spec, own, inputs, columns, where=where, problems=problems)
        if numerator is None:
            return None
        known = ~np.isnan(numerator) & ~np.isnan(value)
        if denominator is not None:
            known &= denominator > 0
        # A figure above nought without anybody counted was modelled: its count says nothing of its error.
        known &= (numerator > 0) | (value == 0)
    else:
        spread = _spread(spec, own, where, problems)
        if spread is None:
            return None
        known = ~np.isnan(spread) & ~np.isnan(value)
    return LeafError(
        leaf, target.factor.path, source, spec, value, numerator, denominator, spread, known, order
    )


def _count_columns(
    spec: FactorSpec,
    own: Leaf,
    inputs: Inputs,
    columns: Mapping[str, Leaf],
    *,
    where: str,
    problems: list[Problem],
) -> tuple[FloatArray | None, FloatArray | None]:
    """Return numerators and denominators, or add what is missing or cannot be."""

    def column(named: str, of_values: str) -> FloatArray | None:
        if named == POPULATION:
            return inputs.population
        if named:
            leaf = columns.get(named)
            return None if leaf is None else leaf.column
        return own.errors.get(of_values)

    numerator = column(spec.numerator, "numerator")
    needs = spec.error != "poisson"
    denominator = column(spec.denominator, "denominator") if needs else None
    missing = [] if numerator is not None else ["numerator"]
    if needs and (denominator is None or np.isnan(denominator).all()):
        missing.append("denominator")
    remedy = 'Name an indicator that holds them (or denominator = "population"), or another error.'
    problems += [
        Problem(
            f"{where}.{name}", "there are no counts", getattr(spec, name), f"a {name} for each area", remedy
        )
        for name in missing
    ]
    for name, counts in (("numerator", numerator), ("denominator", denominator)):
        bad = 0 if counts is None else int(np.count_nonzero(counts < 0))
        if bad:
            problems.append(
                Problem(f"{where}.{name}", "counts are negative", f"{bad} of them", "0 or more", MEND)
            )
            missing.append(name)
    return (None, None) if missing else (numerator, denominator)


def _spread(spec: FactorSpec, own: Leaf, where: str, problems: list[Problem]) -> FloatArray | None:
    """Return standard errors, published or stated, or add why there are none."""
    if spec.error == "sd":
        assert spec.sd is not None
        return np.full(own.column.shape, spec.sd)
    if spec.error == "standard-error":
        spread = own.errors.get("standard_error")
        if spread is not None and bool((spread < 0).any()):
            problems.append(
                Problem(where, "a standard error is negative", f"{np.nanmin(spread):g}", "0 or more", MEND)
            )
            return None
    else:
        low, high = own.errors.get("low"), own.errors.get("high")
        if low is None or high is None:
            spread = None
        elif bool((high < low).any()):
            problems.append(
                Problem(
                    where,
                    "intervals stand upside down",
                    f"{int((high < low).sum())} of them",
                    "ends of which the lower is not above the higher",
                    MEND,
                )
            )
            return None
        else:
            spread = sampling.normal_spread(low, high, coverage=spec.coverage)
    if spread is None:
        told = "standard errors" if spec.error == "standard-error" else "intervals"
        problems.append(
            Problem(where, f"no {told} are published with these values", remedy="State another error.")
        )
    return spread


def _order(
    plan: Plan, inputs: Inputs, leaf: str, rates: FloatArray, *, where: str, problems: list[Problem]
) -> Order | None:
    """Return how rates become the leaf's ranks, after checking that the published ones do."""
    ranks = inputs.leaves[leaf].column
    by_rank = np.argsort(ranks, kind="stable")
    by_rank = by_rank[~np.isnan(ranks[by_rank])]
    sorted_rates = rates[by_rank]
    lacking = int(np.isnan(sorted_rates).sum())
    if lacking:
        problems.append(Problem(where, "areas have a rank and no rate", f"{lacking}", "a rate for each rank"))
        return None
    steps = np.diff(sorted_rates)
    falling = bool(sorted_rates[0] >= sorted_rates[-1])
    odd = int(np.count_nonzero(steps > 0 if falling else steps < 0))
    if odd:
        got = f"{odd} areas out of order"
        expected = f"rates that stand in the order of {plan.nodes[leaf].indicator}"
        problems.append(
            Problem(f"{where}.through", "the published ranks do not rank these rates", got, expected)
        )
        return None
    return Order(by_rank, ranks[by_rank], falling)


def _shrunk_error(
    variant: Variant, target: Target, leaf: str, source: Source, problems: list[Problem]
) -> LeafError | None:
    """Return the error of a leaf that the index shrinks: the empirical-Bayes posterior round its shrunk proportion.

    Noise added to raw counts before shrinking is not that: its 90% intervals cover 87% (docs/methods/uncertainty.md).
    """
    around, spec, where = variant.surroundings, target.factor.spec, target.factor.where
    if spec.error != "binomial":
        problems.append(
            Problem(f"{where}.error", "a shrunk rate has binomial error", str(spec.error), "binomial")
        )
        return None
    operation = [op for op in variant.plan.of_kind("shrink") if leaf in op.targets][-1]
    r, n = around.numerators.get(leaf), around.denominators.get(leaf)
    if r is None or n is None:
        problems.append(
            Problem(where, f"{leaf} has no counts", expected="values with numerator and denominator")
        )
        return None
    groups = around.groups[operation.settings["towards"]]
    shrunk = shrink(r, n, groups, names=[leaf])
    inside = (groups >= 0) & (n > 0)
    size = np.bincount(groups[inside], minlength=int(groups.max(initial=0)) + 1)
    members = np.where(groups >= 0, np.maximum(size[np.maximum(groups, 0)], 1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # no counts, no pull; their spread is NaN
        pull = np.log((r + 0.5) / (n - r + 0.5)) - np.log(shrunk.proportion / (1 - shrunk.proportion))
    spread = sampling.shrunk_spread(r, n, shrunk.weight, members, pull=pull)
    known = ~np.isnan(spread) & ~np.isnan(shrunk.proportion)
    return LeafError(
        leaf, target.factor.path, source, spec, shrunk.proportion, None, None,
        np.where(known, spread, 0.0), known, shrunk=True,
    )  # fmt: skip
