"""From long tables to columns: the values of an index's leaves, and what its steps need beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote.engine.evaluate import Surroundings
from wardmote.engine.plan import Plan
from wardmote.errors import InputError, Problem
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.study import IndexSpec

if TYPE_CHECKING:
    import pandas as pd

ERRORS: tuple[str, ...] = ("numerator", "denominator", "standard_error", "low", "high")
"""Columns of the table `values` that speak of sampling error."""

POPULATION = "population"
"""Word of a study for the population column of the table `areas`."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The values of one leaf.

    Attributes:
        column: Values in the order of the areas, shape (n,), NaN where missing.
        period: Their period.
        numerator: Counts above the line, or None where the source has none.
        denominator: Counts below it, or None.
        errors: What is published of its sampling error: standard_error, low, high, numerator, denominator, those that are
            there; empty unless asked for.
    """

    column: FloatArray
    period: str
    numerator: FloatArray | None = None
    denominator: FloatArray | None = None
    errors: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an index is calculated from, all in one order of areas.

    Attributes:
        level: Level of the areas.
        codes: Their codes in order, n texts.
        population: Usual residents, shape (n,), NaN where not known.
        leaves: Values by leaf; leaves without any value at the level are not there.
        found_at: For leaves without values: the levels at which their indicator has some.
        outside: Areas that have values and are not among the study's areas.
        parents: Codes of the larger areas by level, in the order of `groups`.
        groups: Position of each area's larger area by level, shape (n,), -1 where it has none.
        split: Areas by level that lie in several larger ones and went to the one with the largest share.
        columns: Further indicators by name: to divide by, or a population.
    """

    level: str
    codes: pa.Array
    population: FloatArray
    leaves: Mapping[str, Leaf]
    found_at: Mapping[str, Sequence[str]]
    outside: int
    parents: Mapping[str, pa.Array]
    groups: Mapping[str, IntArray]
    split: Mapping[str, int]
    columns: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of areas."""
        return len(self.codes)


def arrow(frame: pd.DataFrame, column: str) -> Any:
    """Return one column as one Arrow array.

    Args:
        frame: A table with Arrow types, as `tables.frame` makes them; others are converted.
        column: Name of the column.
    """
    values = frame[column].array
    array = (
        values.__arrow_array__() if hasattr(values, "__arrow_array__") else pa.array(values, from_pandas=True)
    )
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def numbers(array: Any) -> FloatArray:
    """Return an Arrow array of numbers as float64, null as NaN."""
    values: FloatArray = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def gather(
    plan: Plan,
    spec: IndexSpec,
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    values: pd.DataFrame,
) -> Inputs:
    """Return the columns of an index from the long tables.

    Args:
        plan: The index compiled without data: names its leaves and what its steps need.
        spec: The index.
        areas: Table `areas`.
        memberships: Table `memberships`.
        values: Table `values`.

    Raises:
        InputError: The level cannot be told, or an indicator has several periods and none is chosen; all together.
    """
    where = f"index.{plan.index}"
    wanted = {leaf: plan.nodes[leaf].indicator for leaf in plan.leaves}
    further = [op.settings["by"] for op in plan.of_kind("denominate")]
    if spec.summarise.population != POPULATION:
        further.append(spec.summarise.population)
    rows = _Rows(values, {*wanted.values(), *further})
    level = spec.level or _only_level(rows, set(wanted.values()), where)
    codes, population, outside = _universe(areas, rows, level, set(wanted.values()))
    problems: list[Problem] = []
    leaves: dict[str, Leaf] = {}
    for leaf, indicator in wanted.items():
        found = rows.column(
            indicator,
            level,
            codes,
            period=plan.nodes[leaf].period,
            place=f"{where}.tree.{leaf}",
            problems=problems,
        )
        if found is not None and not np.isnan(found.column).all():
            leaves[leaf] = found
    columns = {}
    for name in further:
        extra = rows.column(name, level, codes, period="", place=where, problems=problems)
        if extra is None:
            problems.append(
                Problem(where, f"there are no values of {name} at {level}", expected="an indicator")
            )
        else:
            columns[name] = extra.column
    if problems:
        raise InputError(problems)
    links = {name: _link(memberships, level, name, codes) for name in _levels(plan, spec)}
    return Inputs(
        level,
        codes,
        population,
        leaves,
        {leaf: rows.levels(wanted[leaf]) for leaf in wanted if leaf not in leaves},
        outside,
        {name: link[0] for name, link in links.items()},
        {name: link[1] for name, link in links.items()},
        {name: link[2] for name, link in links.items() if link[2]},
        columns,
    )


def _levels(plan: Plan, spec: IndexSpec) -> list[str]:
    """Return the levels of larger areas that an index speaks of, each once."""
    steps = [
        str(operation.settings[key])
        for operation in plan.operations
        for key in ("within", "towards")
        if key in operation.settings
    ]
    return list(dict.fromkeys([*spec.summarise.levels, *steps]))


class _Rows:
    """The rows of `values` that speak of some indicators, with everything encoded once."""

    def __init__(self, values: pd.DataFrame, indicators: Iterable[str]) -> None:
        names = sorted(indicators)
        place = pc.index_in(arrow(values, "indicator"), value_set=pa.array(names, pa.string()))
        keep = np.flatnonzero(pc.is_valid(place).to_numpy(zero_copy_only=False))
        self.names = {name: number for number, name in enumerate(names)}
        self.values = values
        self.whole = len(keep) == len(values)
        self.keep = pa.array(keep)
        self.indicator = place.fill_null(-1).to_numpy(zero_copy_only=False)[keep]
        self.level_names, self.level = self._coded("level")
        self.period_names, self.period = self._coded("period")
        self.area = self._taken("area")
        self.value = numbers(self._taken("value"))

    def _taken(self, column: str) -> Any:
        array = arrow(self.values, column)
        return array if self.whole else array.take(self.keep)

    def _coded(self, column: str) -> tuple[list[str], IntArray]:
        encoded = self._taken(column).dictionary_encode()
        return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)

    def at(self, indicator: str, level: str) -> IntArray:
        """Return which rows speak of an indicator at a level."""
        if level not in self.level_names or indicator not in self.names:
            return np.zeros(0, dtype=np.int64)
        number = self.level_names.index(level)
        return np.flatnonzero((self.indicator == self.names[indicator]) & (self.level == number))

    def levels(self, indicator: str) -> list[str]:
        """Return the levels at which an indicator has rows."""
        there = self.indicator == self.names[indicator]
        return [self.level_names[number] for number in np.unique(self.level[there])]

    def column(
        self,
        indicator: str,
        level: str,
        codes: Any,
        *,
        period: str,
        place: str,
        problems: list[Problem],
        errors: bool = False,
    ) -> Leaf | None:
        """Return an indicator's values in the order of the codes, None without rows; several periods are a problem."""
        rows = self.at(indicator, level)
        known = [self.period_names[number] for number in np.unique(self.period[rows])]
        if period:
            chosen = self.period_names.index(period) if period in known else -1
            rows = rows[self.period[rows] == chosen]
        elif len(known) > 1:
            problems.append(
                Problem(
                    place,
                    f"the indicator {indicator} has several periods",
                    ", ".join(sorted(known)),
                    "one of them",
                    "State `period` in the tree.",
                )
            )
        if not len(rows):
            return None
        at = pc.index_in(self.area.take(pa.array(rows)), value_set=codes)
        at = at.fill_null(-1).to_numpy(zero_copy_only=False)
        rows, at = rows[at >= 0], at[at >= 0]

        def spread(given: FloatArray) -> FloatArray:
            column = np.full(len(codes), np.nan)
            column[at] = given
            return column

        counts = [numbers(self._taken(name).take(pa.array(rows))) for name in ("numerator", "denominator")]
        both = all(not np.isnan(count).all() for count in counts) if len(rows) else False
        told = period or (known[0] if known else "")
        found: dict[str, FloatArray] = {}
        for name in ERRORS if errors else ():
            published = numbers(self._taken(name).take(pa.array(rows)))
            if not np.isnan(published).all():
                found[name] = spread(published)
        if not both:
            return Leaf(spread(self.value[rows]), told, errors=found)
        return Leaf(spread(self.value[rows]), told, spread(counts[0]), spread(counts[1]), found)


def read_columns(
    values: pd.DataFrame, level: str, codes: Any, wanted: Mapping[str, str], *, where: str
) -> dict[str, Leaf]:
    """Return indicators in the order of given areas, with all that is published of their sampling error.

    Args:
        values: Table `values`.
        level: Level of the areas.
        codes: Their codes, an Arrow array.
        wanted: Period by indicator, "" for the only one.
        where: The setting that asks, for errors.

    Raises:
        InputError: An indicator has several periods and none is chosen; all together. Those without values are left out.
    """
    rows = _Rows(values, wanted)
    problems: list[Problem] = []
    found = {
        name: rows.column(name, level, codes, period=period, place=where, problems=problems, errors=True)
        for name, period in wanted.items()
    }
    if problems:
        raise InputError(problems)
    return {name: leaf for name, leaf in found.items() if leaf is not None}


def _only_level(rows: _Rows, indicators: set[str], where: str) -> str:
    """Return the one level at which the leaves have values."""
    found = sorted({level for name in indicators for level in rows.levels(name)})
    if len(found) == 1:
        return found[0]
    raise InputError(
        Problem(
            f"{where}.level",
            "it is not said at which level the index is built"
            if found
            else "the index has no values at any level",
            ", ".join(found) or "none",
            "one level",
            "State `level`." if found else "Run the sources first, or name other indicators.",
        )
    )


def _universe(
    areas: pd.DataFrame, rows: _Rows, level: str, indicators: set[str]
) -> tuple[Any, FloatArray, int]:
    """Return the codes of areas that any leaf speaks of, in order, their population, and how many are not the study's."""
    spoken = np.concatenate([rows.at(name, level) for name in sorted(indicators)])
    with_values = pc.unique(rows.area.take(pa.array(spoken)))
    here: IntArray = np.flatnonzero(pc.equal(arrow(areas, "level"), level).to_numpy(zero_copy_only=False))
    if len(here) == 0:  # a notebook may come without a table of areas: then the values say which there are
        codes = with_values.take(pc.sort_indices(with_values))
        return codes, np.full(len(codes), np.nan), 0
    known = arrow(areas, "area").take(pa.array(here))
    inside = pc.is_in(known, value_set=with_values)
    people = numbers(arrow(areas, "population").take(pa.array(here)))
    chosen = known.filter(inside)
    order = pc.sort_indices(chosen)
    outside = len(with_values) - len(chosen)
    population = people[inside.to_numpy(zero_copy_only=False)][order.to_numpy(zero_copy_only=False)]
    return chosen.take(order), population, outside


def _link(memberships: pd.DataFrame, level: str, parent_level: str, codes: Any) -> tuple[Any, IntArray, int]:
    """Return the larger areas of a level, each area's position among them, and how many areas lie in several."""
    groups = np.full(len(codes), -1, dtype=np.int64)
    if parent_level == level:
        return codes, np.arange(len(codes)), 0
    if not len(memberships):
        return pa.array([], pa.string()), groups, 0
    here = pc.and_(
        pc.equal(arrow(memberships, "level"), level),
        pc.equal(arrow(memberships, "parent_level"), parent_level),
    )
    rows = pa.array(np.flatnonzero(here.to_numpy(zero_copy_only=False)))
    area = pc.index_in(arrow(memberships, "area").take(rows), value_set=codes)
    area = area.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    weight = np.nan_to_num(numbers(arrow(memberships, "weight").take(rows)), nan=1.0)
    parent = arrow(memberships, "parent").take(rows)
    inside = np.flatnonzero(area >= 0)
    names = pc.unique(parent.take(pa.array(inside)))
    names = names.take(pc.sort_indices(names))
    place = pc.index_in(parent, value_set=names).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    # Ascending by weight, and by code from the last: the largest share is written last, the first code at equal shares.
    order = inside[np.lexsort((-place[inside], weight[inside]))]
    groups[area[order]] = place[order]
    several = int(np.count_nonzero(np.bincount(area[inside], minlength=1) > 1))
    return names, groups, several


def surroundings(
    plan: Plan,
    inputs: Inputs,
    *,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    boundaries: pd.DataFrame | None,
) -> Surroundings:
    """Return what the steps of a plan look at beside the leaves.

    Args:
        plan: The plan.
        inputs: The columns of the index.
        values: Table `values`, for the published figures of larger areas.
        priorities: Table `priorities`.
        boundaries: Table `boundaries`, where a step imputes from neighbours.

    Raises:
        InputError: Priorities of several areas are there and none is chosen.
    """
    shrunk = {name for op in plan.of_kind("shrink") for name in op.targets}
    used = {name: leaf for name, leaf in inputs.leaves.items() if name in shrunk}
    by_reference = any("reference" in op.settings for op in plan.operations)
    from_neighbours = any(op.method == "neighbours" for op in plan.operations)
    return Surroundings(
        columns=inputs.columns,
        numerators={n: leaf.numerator for n, leaf in used.items() if leaf.numerator is not None},
        denominators={n: leaf.denominator for n, leaf in used.items() if leaf.denominator is not None},
        groups=inputs.groups,
        parent_values=_parent_values(plan, inputs, values),
        neighbours=_neighbours(boundaries, inputs) if from_neighbours and boundaries is not None else None,
        places={code: place for place, code in enumerate(inputs.codes.to_pylist())} if by_reference else {},
        priorities=_priorities(plan, priorities),
    )


def _parent_values(plan: Plan, inputs: Inputs, values: pd.DataFrame) -> dict[tuple[str, str], FloatArray]:
    """Return published figures of larger areas for the leaves that are imputed from them."""
    found: dict[tuple[str, str], FloatArray] = {}
    problems: list[Problem] = []
    for operation in plan.of_kind("impute"):
        if operation.method != "parent":
            continue
        level = operation.settings["within"]
        rows = _Rows(values, {plan.nodes[name].indicator for name in operation.targets})
        for name in operation.targets:
            node = plan.nodes[name]
            place = f"index.{plan.index}.steps.{operation.step}"
            leaf = rows.column(
                node.indicator,
                level,
                inputs.parents[level],
                period=node.period,
                place=place,
                problems=problems,
            )
            if leaf is not None:
                found[level, name] = leaf.column
    if problems:
        raise InputError(problems)
    return found


def _priorities(plan: Plan, priorities: pd.DataFrame) -> dict[tuple[str, str], dict[str, float]]:
    """Return weights that people stated, for the sources and areas that weigh steps name."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    problems: list[Problem] = []
    for operation in plan.of_kind("weigh"):
        if operation.method != "priorities":
            continue
        source, area = operation.settings["source"], operation.settings.get("area", "")
        rows = priorities[priorities["source"] == source] if len(priorities) else priorities
        if area:
            rows = rows[rows["area"] == area]
        areas = sorted(set(rows["area"].tolist())) if len(rows) else []
        if len(areas) > 1:
            problems.append(
                Problem(
                    f"index.{plan.index}.steps.{operation.step}.area",
                    f"{source} holds the priorities of several areas",
                    ", ".join(areas[:5]),
                    "one area",
                    "State `area`.",
                )
            )
        elif areas:
            found[source, area] = dict(zip(rows["priority"].tolist(), rows["weight"].tolist(), strict=True))
    if problems:
        raise InputError(problems)
    return found


def _neighbours(boundaries: pd.DataFrame, inputs: Inputs) -> tuple[IntArray, IntArray]:
    """Return which areas touch, as CSR in the order of the areas; areas without a shape have no neighbours.

    The same neighbours as `wardmote.methods.neighbours.touching` finds by vertices (equal over England's 33,755 and Wales's 1,917
    neighbourhoods of 2021), in a tenth of its time, which counts in a run.
    """
    import shapely

    from wardmote.methods.neighbours import mend

    rows = boundaries[boundaries["level"] == inputs.level]
    at = pc.index_in(arrow(rows, "area"), value_set=inputs.codes).fill_null(-1).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(at >= 0)
    places = at[known].astype(np.int64)
    shapes, _ = mend(shapely.from_wkb(np.asarray(rows["geometry"].iloc[known].tolist(), dtype=object)))
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    apart = one != other
    pairs = np.lexsort((places[other[apart]], places[one[apart]]))
    owner, neighbour = places[one[apart]][pairs], places[other[apart]][pairs]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=inputs.n))]).astype(np.int64)
    return indptr, neighbour
