"""Values carried from one level or vintage to another, exactly as a study states it.

Three ways to place areas: *nested* (each lies wholly in one parent), *best-fit* (each is counted wholly in the parent that holds
its largest share; approximate) and *weighted* (each is shared out). Two measures: the *mean* for rates and scores, the *sum* for
counts. A conversion downwards is the same calculation: where an area was split, each part gets its value as a mean, or its share of
a count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import tables, words
from wardmote.areas.lookups import ROUNDING, arrow_columns, numbers, positions
from wardmote.errors import InputError, Problem, StudyError
from wardmote.methods.checks import FloatArray
from wardmote.methods.regroup import Lookup, error_of_sum, largest_share, mean_by_parent, sum_by_parent

if TYPE_CHECKING:
    import pandas as pd

    from wardmote.study import ConversionSpec

Z95 = 1.959963984540054
"""Half-width of a 95% interval in standard errors: the 97.5% point of the normal distribution."""

_MEASURES = ("value", "standard_error", "numerator", "denominator")


@dataclass(frozen=True, slots=True)
class ConversionTables:
    """What `convert_values` returns.

    Attributes:
        values: Table ``values`` at the new level. ``status`` says where a value rests on part of its areas only.
        indicators: Table ``indicators``: the new indicators, with ``derived_from`` and how they were made; empty where the spec has
            no suffix, since the indicator then stays the same.
        findings: Table ``findings``: what was carried and how, and every part that is not covered.
    """

    values: pd.DataFrame
    indicators: pd.DataFrame
    findings: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where values come from and go to, as positions."""

    conversion: str
    codes: Any
    to_codes: Any
    lookup: Lookup
    weight: FloatArray

    @property
    def k(self) -> int:
        return len(self.to_codes)


@dataclass(frozen=True, slots=True)
class _Result:
    """One indicator of one period at the new level; arrays of shape (k,)."""

    indicator: str
    period: str
    value: FloatArray
    standard_error: FloatArray
    numerator: FloatArray
    denominator: FloatArray
    coverage: FloatArray
    by_denominator: bool


def convert_values(
    values: pd.DataFrame,
    indicators: pd.DataFrame,
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    *,
    spec: ConversionSpec,
    conversion: str,
    only: Mapping[str, Sequence[str]] | None = None,
) -> ConversionTables:
    """Return indicators carried to another level or vintage.

    Mean: ``y_j = Σ s_ij w_i x_i / Σ s_ij w_i`` over areas i with a value, s the share of i in j, w the stated weight. A missing value
    leaves numerator and denominator alike; the share of weight that is covered stands in ``status``. Where every area with a value
    has a numerator and a denominator, w is the indicator's own denominator, so that y is the rate of the larger area itself.

    Sum: ``y_j = Σ s_ij x_i``, null where any area of j has no value, since a total of a part would be taken for the whole. With
    weights that add to 1, totals are kept.

    Numerators and denominators are added by share. Standard errors are combined as if areas were independent and null where any is
    missing; low and high are value ∓ 1.96 standard errors. They describe sampling, not the error of sharing out.

    Args:
        values: Table ``values``; rows of other indicators and levels are passed over.
        indicators: Table ``indicators``.
        areas: Table ``areas``, with the weight that the spec names.
        memberships: Table ``memberships`` with a lookup from the one level to the other.
        spec: The study's ``[conversion.ID]``.
        conversion: Its ID.
        only: The study's ``[areas] only``. Values of areas that it leaves out are passed over and counted; without it every value
            must belong to a known area.

    Returns:
        Tables ``values``, ``indicators`` and ``findings``, in the units and directions of the indicators carried.

    Raises:
        InputError: There is no lookup between the levels, or areas with values have no parent in it; vintages are mixed; a weight
            is not known; the way or the measure does not fit the data.
        StudyError: The spec converts a level to itself.

    Source: `methods.regroup`; ONS lookups for the change of boundaries between censuses.
    """
    where = f"conversion {conversion}"
    if spec.from_ == spec.to:
        raise StudyError(Problem(where, "a level is converted to itself", got=spec.to))
    known = arrow_columns(tables.check("indicators", indicators))
    rows, outside = _chosen_values(values, known, areas, spec, where=where, only=only or {})
    frame = _framed(rows, areas, memberships, spec, where)
    results = _all_results(rows, frame, spec)
    _refuse_existing(values, known, spec, where)
    texts = _how(spec, frame)
    return ConversionTables(
        _value_table(results, frame, spec),
        _indicator_table(known, spec, texts, results),
        _finding_table(results, frame, spec, texts, outside),
    )


def _chosen_values(
    values: pd.DataFrame,
    known: Mapping[str, Any],
    areas: pd.DataFrame,
    spec: ConversionSpec,
    *,
    where: str,
    only: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Any], int]:
    """Return the rows to carry, all of known areas, and how many of areas left out were passed over."""
    wanted = pa.array(spec.indicators, type=pa.string())
    missing = wanted.filter(pc.invert(pc.is_in(wanted, value_set=known["indicator"]))).to_pylist()
    if missing:
        raise InputError(
            Problem(
                where,
                "no such indicator",
                got=words.listed(missing),
                expected=words.listed(known["indicator"].to_pylist(), most=20),
            )
        )
    mask = _rows_of(values, wanted, spec.from_)
    rows = arrow_columns(tables.check("values", values[mask], f"{where}, values"))
    absent = sorted(set(spec.indicators) - set(pc.unique(rows["indicator"]).to_pylist()))
    if absent:
        raise InputError(
            Problem(
                where,
                f"an indicator has no values at level {spec.from_}",
                got=words.listed(absent),
                expected=f"values at {spec.from_}",
                remedy="Correct `from`, or leave the indicator out.",
            )
        )
    return _of_known_areas(rows, areas, spec, where, only)


def _rows_of(values: pd.DataFrame, indicators: Any, level: str) -> Any:
    """Return which rows of values are of these indicators at this level."""
    columns = arrow_columns(values[["indicator", "level"]])
    named = pc.is_in(columns["indicator"], value_set=indicators)
    return pc.and_(named, pc.equal(columns["level"], level)).to_numpy(zero_copy_only=False)


def _of_known_areas(
    rows: dict[str, Any],
    areas: pd.DataFrame,
    spec: ConversionSpec,
    where: str,
    only: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Any], int]:
    """Return the rows of areas of the level; refuse codes that are not its areas, naming the level that has them."""
    columns = arrow_columns(areas)
    codes = columns["area"].filter(pc.equal(columns["level"], spec.from_))
    strange = pc.invert(pc.is_in(rows["area"], value_set=codes))
    if spec.from_ in only:
        starts = pa.array(np.zeros(len(strange), dtype=bool))
        for start in only[spec.from_]:
            starts = pc.or_(starts, pc.starts_with(rows["area"], start))
        left_out = pc.and_(strange, pc.invert(starts))
        strange = pc.and_(strange, starts)
    else:
        left_out = pa.array(np.zeros(len(strange), dtype=bool))
    number = pc.sum(strange).as_py() or 0
    if number:
        first = rows["area"].filter(strange)[0].as_py()
        homes = pc.unique(columns["level"].filter(pc.equal(columns["area"], first))).to_pylist()
        elsewhere = f" It is an area of {words.listed(homes)}: vintages may be mixed." if homes else ""
        raise InputError(
            Problem(
                f"{where}, values",
                f"values of areas that are not areas of {spec.from_} ({number:,} such rows)",
                got=first,
                expected=f"areas of {spec.from_} in the table areas",
                remedy=f"Correct the level of the source, or add the areas.{elsewhere}",
            )
        )
    keep = pc.invert(left_out)
    return {name: array.filter(keep) for name, array in rows.items()}, pc.sum(left_out).as_py() or 0


def _framed(
    rows: Mapping[str, Any], areas: pd.DataFrame, memberships: pd.DataFrame, spec: ConversionSpec, where: str
) -> _Frame:
    """Return codes, lookup and weights, after the lookup was found to fit."""
    area = arrow_columns(areas)
    here = pc.equal(area["level"], spec.from_)
    codes = area["area"].filter(here)
    to_codes = area["area"].filter(pc.equal(area["level"], spec.to))
    member = arrow_columns(memberships)
    pair = pc.and_(pc.equal(member["level"], spec.from_), pc.equal(member["parent_level"], spec.to))
    between = {name: member[name].filter(pair) for name in ("area", "parent", "weight")}
    if not len(between["area"]):
        raise InputError(_no_lookup(member, spec, where))
    child, parent = positions(between["area"], codes), positions(between["parent"], to_codes)
    if (child < 0).any() or (parent < 0).any():
        raise InputError(
            Problem(
                f"{where}, memberships",
                "the lookup names areas that are not in the table areas",
                got=f"{int(((child < 0) | (parent < 0)).sum()):,} rows",
                remedy="Build both tables together with `build_areas`.",
            )
        )
    order = np.lexsort((parent, child))
    share = np.nan_to_num(numbers(between["weight"]), nan=1.0)
    lookup = Lookup(child[order], parent[order], share[order])
    lookup = _placed(lookup, rows, codes, spec, where)
    weight = np.ones(len(codes))
    if spec.measure == "mean" and spec.weight != "equal":
        weight = numbers(area[spec.weight].filter(here))
    return _Frame(where.removeprefix("conversion "), codes, to_codes, lookup, weight)


def _no_lookup(member: Mapping[str, Any], spec: ConversionSpec, where: str) -> Problem:
    """Return the problem of two levels without a lookup, saying what there is."""
    from_here = pc.unique(member["parent_level"].filter(pc.equal(member["level"], spec.from_))).to_pylist()
    back = pc.and_(pc.equal(member["level"], spec.to), pc.equal(member["parent_level"], spec.from_))
    reverse = (
        f" There is one from {spec.to} to {spec.from_}: values go from an area to its parents, never back."
        if pc.any(back).as_py()
        else ""
    )
    return Problem(
        where,
        f"there is no lookup from {spec.from_} to {spec.to}, and nothing converts by itself",
        got=f"lookups from {spec.from_} to {words.listed(from_here) or 'nothing'}",
        expected=f"memberships from {spec.from_} to {spec.to}",
        remedy=f"Add a source with that lookup, or a chain [areas] within that leads from {spec.from_} to {spec.to}.{reverse}",
    )


def _placed(lookup: Lookup, rows: Mapping[str, Any], codes: Any, spec: ConversionSpec, where: str) -> Lookup:
    """Return the lookup in the way that the spec states; refuse what does not fit it."""
    if spec.by == "nested":
        inside = lookup.share < 1 - ROUNDING
        if inside.any():
            several = np.unique(lookup.child[inside])
            raise InputError(
                Problem(
                    where,
                    f"areas of {spec.from_} do not lie wholly in one {spec.to} ({len(several):,} of them)",
                    got=codes[int(several[0])].as_py(),
                    expected="one parent for each area",
                    remedy='State by = "best-fit" or by = "weighted".',
                )
            )
    if spec.by == "best-fit":
        lookup = largest_share(lookup)
    valued = rows["area"].filter(pc.is_valid(rows["value"]))
    places = np.unique(positions(valued, codes))
    homeless = places[~np.isin(places, lookup.child)]
    if len(homeless):
        raise InputError(
            Problem(
                where,
                f"areas of {spec.from_} with values have no parent among {spec.to} ({len(homeless):,} of them)",
                got=codes[int(homeless[0])].as_py(),
                expected=f"a lookup from every {spec.from_} to {spec.to}",
                remedy="Complete the lookup, or keep only the areas that it covers with [areas] only.",
            )
        )
    return lookup


def _refuse_existing(
    values: pd.DataFrame, known: Mapping[str, Any], spec: ConversionSpec, where: str
) -> None:
    """Refuse a conversion whose results would stand beside values of the same name."""
    new = pa.array([f"{name}{spec.suffix}" for name in spec.indicators], type=pa.string())
    taken: list[str] = []
    if spec.suffix:
        taken = new.filter(pc.is_in(new, value_set=known["indicator"])).to_pylist()
    else:
        mask = _rows_of(values, new, spec.to)
        taken = sorted(values["indicator"][mask].unique().tolist())
    if taken:
        raise InputError(
            Problem(
                where,
                f"there are values of that name at {spec.to} already",
                got=words.listed(taken, most=3),
                expected="a name of its own for what is converted",
                remedy=f'Give another suffix, for instance suffix = "-from-{spec.from_}".',
            )
        )


def _all_results(rows: Mapping[str, Any], frame: _Frame, spec: ConversionSpec) -> list[_Result]:
    """Return each indicator and period at the new level, in the spec's order and then by period."""
    place = positions(rows["area"], frame.codes)
    indicator = rows["indicator"].dictionary_encode()
    period = rows["period"].dictionary_encode()
    names, times = indicator.dictionary.to_pylist(), period.dictionary.to_pylist()
    series = indicator.indices.to_numpy() * np.int64(len(times)) + period.indices.to_numpy()
    columns = {name: numbers(rows[name]) for name in _MEASURES}
    order = {name: position for position, name in enumerate(spec.indicators)}
    found = sorted(
        ((names[code // len(times)], times[code % len(times)], code) for code in np.unique(series)),
        key=lambda item: (order[item[0]], item[1]),
    )
    results = []
    for name, time, code in found:
        chosen = series == code
        dense = {}
        for column, numbers_given in columns.items():
            dense[column] = np.full(len(frame.codes), np.nan)
            dense[column][place[chosen]] = numbers_given[chosen]
        results.append(
            _summed(name, time, dense, frame)
            if spec.measure == "sum"
            else _averaged(name, time, dense, frame, spec)
        )
    return results


def _summed(name: str, time: str, dense: Mapping[str, FloatArray], frame: _Frame) -> _Result:
    """Return one indicator's sums; null where any area of a parent has no value."""
    lookup, k = frame.lookup, frame.k

    def total(column: str) -> FloatArray:
        x = dense[column]
        added = sum_by_parent(x, lookup.parent, k, child=lookup.child, share=lookup.share)
        gaps = np.bincount(lookup.parent[np.isnan(x[lookup.child])], minlength=k) > 0
        return np.where(gaps, np.nan, added)

    present = (~np.isnan(dense["value"])).astype(np.float64)
    there, _ = mean_by_parent(
        present, np.ones(len(present)), lookup.parent, k, child=lookup.child, share=lookup.share
    )
    error = error_of_sum(dense["standard_error"], lookup.parent, k, child=lookup.child, share=lookup.share)
    return _Result(name, time, total("value"), error, total("numerator"), total("denominator"), there, False)


def _averaged(
    name: str, time: str, dense: Mapping[str, FloatArray], frame: _Frame, spec: ConversionSpec
) -> _Result:
    """Return one indicator's weighted means."""
    lookup, k, x = frame.lookup, frame.k, dense["value"]
    present = ~np.isnan(x)
    counted = ~np.isnan(dense["numerator"]) & ~np.isnan(dense["denominator"])
    by_denominator = bool(
        present.any() and counted[present].all() and dense["denominator"][present].sum() > 0
    )
    weight = frame.weight
    if by_denominator:
        weight = np.where(present, dense["denominator"], np.nan_to_num(dense["denominator"]))
    unknown = np.isnan(weight) & present
    if unknown.any():
        raise InputError(
            Problem(
                f"conversion {frame.conversion}, areas",
                f"areas with a value of {name} have no {spec.weight} to weigh it ({int(unknown.sum()):,} of them)",
                got=frame.codes[int(np.flatnonzero(unknown)[0])].as_py(),
                expected=f"{spec.weight} of every such area",
                remedy=f'Add a source with {spec.weight} at {spec.from_}, or state weight = "equal".',
            )
        )
    weight = np.nan_to_num(weight)
    mean, coverage = mean_by_parent(x, weight, lookup.parent, k, child=lookup.child, share=lookup.share)
    effective = lookup.share * weight[lookup.child]
    below = sum_by_parent(
        np.where(present, 1.0, np.nan), lookup.parent, k, child=lookup.child, share=effective
    )
    # An area without a value has weight 0 in the mean, so it has no part in its error.
    error = np.where(present, dense["standard_error"], 0.0)
    spread = error_of_sum(error, lookup.parent, k, child=lookup.child, share=effective)
    spread = np.divide(spread, below, out=np.full(k, np.nan), where=below > 0)
    counts = [np.full(k, np.nan)] * 2
    if by_denominator:
        counts = [
            sum_by_parent(
                np.where(present, dense[column], np.nan),
                lookup.parent,
                k,
                child=lookup.child,
                share=lookup.share,
            )
            for column in ("numerator", "denominator")
        ]
    return _Result(name, time, mean, spread, counts[0], counts[1], coverage, by_denominator)


def _value_table(results: list[_Result], frame: _Frame, spec: ConversionSpec) -> pd.DataFrame:
    """Return the results as rows, one for each parent that has areas in the lookup."""
    reached = np.unique(frame.lookup.parent)
    codes = frame.to_codes.take(pa.array(reached))
    size = len(reached)

    def stacked(name: str) -> FloatArray:
        return np.concatenate([getattr(result, name)[reached] for result in results])

    value, error = stacked("value"), stacked("standard_error")
    return tables.frame(
        "values",
        {
            "indicator": np.repeat([f"{result.indicator}{spec.suffix}" for result in results], size),
            "level": np.repeat([spec.to], size * len(results)),
            "area": pa.chunked_array([codes] * len(results), type=pa.string()),
            "period": np.repeat([result.period for result in results], size),
            "value": value,
            "low": value - Z95 * error,
            "high": value + Z95 * error,
            "standard_error": np.where(np.isnan(value), np.nan, error),
            "numerator": stacked("numerator"),
            "denominator": stacked("denominator"),
            "status": _status(value, stacked("coverage")),
        },
    )


def _status(value: FloatArray, coverage: FloatArray) -> Any:
    """Return why a value is missing, or what share of its weight it covers; null where it covers all."""
    share = np.nan_to_num(coverage)
    whole = share > 1 - ROUNDING
    # Down to the next whole per cent, so that a part is never called the whole.
    cents = np.where(np.isnan(value), 101, np.where(whole, 100, np.floor(100 * share))).astype(np.int64)
    texts: list[str | None] = [f"covers {cent}%" if cent else "covers under 1%" for cent in range(100)]
    return pa.array([*texts, None, "missing below"], type=pa.string()).take(pa.array(cents))


def _how(spec: ConversionSpec, frame: _Frame) -> str:
    """Return in words how values were carried."""
    weighed = {
        "population": "population-weighted mean",
        "households": "household-weighted mean",
        "equal": "plain mean",
    }
    measure = "sum" if spec.measure == "sum" else weighed[spec.weight]
    match spec.by:
        case "nested":
            return f"{measure} of the {spec.from_} areas in each {spec.to}"
        case "best-fit":
            return (
                f"approximate: {measure} of the {spec.from_} areas in each {spec.to}, each counted wholly in the {spec.to} that "
                "holds its largest share"
            )
        case _:
            shared = bool((frame.lookup.share < 1 - ROUNDING).any())
            estimate = ", an estimate where an area is shared out" if shared else ""
            return f"{measure} of the {spec.from_} areas in each {spec.to}, by the shares of the lookup{estimate}"


def _indicator_table(
    known: Mapping[str, Any], spec: ConversionSpec, how: str, results: list[_Result]
) -> pd.DataFrame:
    """Return the new indicators; none where the identifier stays."""
    if not spec.suffix:
        return tables.empty("indicators")
    rows = {
        name: array.take(positions_of(spec.indicators, known["indicator"])) for name, array in known.items()
    }
    own = {result.indicator for result in results if result.by_denominator}
    notes = []
    for indicator, note in zip(rows["indicator"].to_pylist(), rows["note"].to_pylist(), strict=True):
        tail = "; weighed by its own denominators" if indicator in own else ""
        notes.append(" ".join(filter(None, (note, words.sentence(how + tail)))))
    titles = [f"{title} (carried from {spec.from_} to {spec.to})" for title in rows["title"].to_pylist()]
    return tables.frame(
        "indicators",
        {
            **rows,
            "indicator": [f"{name}{spec.suffix}" for name in spec.indicators],
            "title": titles,
            "derived_from": rows["indicator"],
            "note": notes,
        },
    )


def positions_of(texts: Sequence[str], codes: Any) -> Any:
    """Return Arrow positions of texts that are known to be among the codes."""
    return pa.array(positions(pa.array(list(texts), type=pa.string()), codes))


def _finding_table(
    results: list[_Result], frame: _Frame, spec: ConversionSpec, how: str, outside: int
) -> pd.DataFrame:
    """Return what was carried and what is not covered, in sentences."""
    found: list[tuple[str, float]] = []
    for result in results:
        title = f"{result.indicator} ({result.period})"
        number = int((~np.isnan(result.value)).sum())
        own = "; weighed by its own denominators" if result.by_denominator else ""
        errors = (
            "; standard errors combined as if areas were independent"
            if not np.isnan(result.standard_error).all()
            else ""
        )
        told = f"Carried to {spec.to}: {title} of {words.count(number, 'area')}, {how}{own}{errors}"
        found.append((told, number))
        found += _gaps(result, frame, spec, title)
    reached = len(np.unique(frame.lookup.parent))
    if reached < frame.k:
        number = frame.k - reached
        found.append((f"No {spec.from_} was placed in {number:,} of {frame.k:,} areas of {spec.to}", number))
    total = np.bincount(frame.lookup.child, weights=frame.lookup.share, minlength=len(frame.codes))
    part = int(((total > 0) & (total < 1 - ROUNDING)).sum())
    if part:
        found.append(
            (
                f"A part of {words.count(part, 'area')} of {spec.from_} lies outside the study and was left out",
                part,
            )
        )
    if outside:
        found.append(
            (
                f"Passed over, since [areas] only leaves their areas out: {words.count(outside, 'value')}",
                outside,
            )
        )
    return tables.frame(
        "findings",
        {
            "stage": ["conversion"] * len(found),
            "id": [frame.conversion] * len(found),
            "position": np.arange(1, len(found) + 1),
            "sentence": [words.sentence(text) for text, _ in found],
            "value": np.array([value for _, value in found], dtype=np.float64),
            "source_table": ["values"] * len(found),
        },
    )


def _gaps(result: _Result, frame: _Frame, spec: ConversionSpec, title: str) -> list[tuple[str, float]]:
    """Return sentences on parents that rest on part of their areas, or on none."""
    reached = np.zeros(frame.k, dtype=bool)
    reached[frame.lookup.parent] = True
    missing = reached & np.isnan(result.value)
    partly = reached & ~missing & (result.coverage < 1 - ROUNDING)
    told: list[tuple[str, float]] = []
    if partly.any():
        number, least = int(partly.sum()), float(result.coverage[partly].min())
        basis = "weight" if spec.measure == "mean" else "areas"
        told.append(
            (
                f"Part of the {basis} of {title} is missing below {words.count(number, 'area')} of {spec.to}; "
                f"the least covered: {words.percent(least)}",
                number,
            )
        )
    if missing.any():
        number = int(missing.sum())
        told.append(
            (
                f"No value of {title} for {words.count(number, 'area')} of {spec.to}, since values are missing below",
                number,
            )
        )
    return told
