"""Raw sheets into tables: the layout says what a column holds, `mend` cleans it, and here rows become facts.

The same code reads official sets and users' files; only where the layout comes from differs. Every row of a file ends in a fact, in a
counted mending, or in an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import tables
from wardmote.errors import InputError, Problem, StudyError
from wardmote.levels import Level, find_level
from wardmote.sources import mend, read as reading
from wardmote.sources.catalogue import Entry, Field, Layout, Link, Measure, Place
from wardmote.sources.fetch import RawFile
from wardmote.sources.mend import Ledger, Mask, one
from wardmote.sources.read import Note, Sheet
from wardmote.sources.result import SourceTables
from wardmote.study import SourceSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class _Gathered:
    """Facts of one source while its files are read; each list holds one column mapping per piece."""

    source: str
    rows_read: int = 0
    rows_kept: int = 0
    area_facts: list[dict[str, Any]] = field(default_factory=list)
    membership_facts: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    boundaries: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    priorities: list[dict[str, Any]] = field(default_factory=list)


def read(
    source: str,
    spec: SourceSpec,
    entry: Entry | None,
    files: tuple[RawFile, ...],
    levels: Mapping[str, Level],
) -> SourceTables:
    """Return the tables of a source; see `wardmote.sources.read_source`.

    Args:
        source: The source's name in the study.
        spec: Its section of the study.
        entry: Its set of the catalogue, or None.
        files: Its files.
        levels: Levels of the study.
    """
    ledger = Ledger(source)
    gathered = _Gathered(source)
    wanted = _wanted(source, spec, entry)
    for raw, layout, sheets in _sheets(source, spec, entry, files, wanted):
        del raw
        for sheet in sheets:
            _gather(sheet, layout, levels, ledger, gathered)
    ledger.settle()
    measures = _measures(spec, entry)
    return SourceTables(
        sources=_source_row(source, spec, entry, files, gathered),
        mendings=ledger.frame(),
        area_facts=_area_facts(gathered),
        membership_facts=_stacked("membership_facts", gathered.membership_facts),
        classes=_stacked("classes", gathered.classes),
        boundaries=_stacked("boundaries", gathered.boundaries),
        indicators=_indicators(source, measures, gathered),
        values=_stacked("values", gathered.values),
        priorities=_stacked("priorities", gathered.priorities),
    )


# --- layouts ----------------------------------------------------------------------------------------------------------------------


def layout_of(source: str, spec: SourceSpec) -> Layout:
    """Return the layout of a user's own file as the study states it.

    Args:
        source: The source's name in the study.
        spec: Its section.

    Raises:
        StudyError: What the kind of file needs is not stated.
    """
    where = f"sources.{source}"
    long = spec.layout == "long"
    problems = _spec_problems(where, spec, long)
    if problems:
        raise StudyError(problems)
    places = [Place(spec.level, spec.area, spec.name)]
    places += [Place(level, code, spec.parent_names.get(level, "")) for level, code in spec.parents.items()]
    links = tuple(Link(spec.level, level, weight=spec.weight) for level in spec.parents)
    classes = (
        [(column.indicator, header) for header, column in spec.columns.items()]
        if spec.kind == "classes"
        else []
    )
    if spec.kind == "classes" and spec.value_column:
        classes.append((source, spec.value_column))
    return Layout(
        places=tuple(places),
        links=links,
        fields=_fields(spec) if spec.kind in ("values", "priorities") else (),
        population=spec.population,
        households=spec.households,
        classes=tuple(classes),
        geometry=spec.kind == "boundaries",
        kind="priorities" if spec.kind == "priorities" else "values",
        indicator_column=spec.indicator_column if long else "",
        value_column=spec.value_column if long else "",
        period_column=spec.period_column,
        rows="pairs" if spec.kind == "memberships" else "one",
        sheet=spec.sheet,
        header=spec.header,
        totals=spec.totals,
        duplicates=spec.duplicates,
        other_levels=spec.other_levels,
        suppressed=tuple(spec.suppressed),
        period=spec.period,
        encoding=spec.encoding,
    )


def _fields(spec: SourceSpec) -> tuple[Field, ...]:
    """Return the columns of values that the study maps."""
    return tuple(
        Field(
            header,
            column.indicator,
            period=column.period,
            numerator=column.numerator,
            denominator=column.denominator,
            standard_error=column.standard_error,
            low=column.low,
            high=column.high,
        )
        for header, column in spec.columns.items()
    )


def _spec_problems(where: str, spec: SourceSpec, long: bool) -> list[Problem]:
    """Return what the section lacks for its kind."""
    problems = []
    if spec.kind in ("values", "priorities") and not spec.columns:
        problems.append(
            Problem(
                f"{where}, columns",
                "no column is mapped to an indicator",
                expected=f'[{where}.columns] with "HEADER" = {{ indicator = "…", direction = 1 }}',
            )
        )
    if long and not (spec.indicator_column and spec.value_column):
        problems.append(
            Problem(
                f"{where}, layout", "a long file needs `indicator_column` and `value_column`", expected="both"
            )
        )
    undated = [header for header, column in spec.columns.items() if not column.period]
    if spec.kind == "values" and undated and not (spec.period or spec.period_column):
        problems.append(
            Problem(
                f"{where}, period",
                "no period is stated for the values",
                got=", ".join(undated[:5]),
                expected="period, period_column, or a period for each column",
                remedy='State when the values are of, for instance period = "2021".',
            )
        )
    for header, text in (
        (f"{where}, period", spec.period),
        *((f"{where}.columns, “{h}”, period", c.period) for h, c in spec.columns.items()),
    ):
        if text and (told := mend.iso_period(text)) != (text, ""):
            problems.append(
                Problem(
                    header,
                    "the period is not ISO 8601",
                    got=text,
                    expected=told[0] if told else "2021, 2021-03 or 2019/2021",
                )
            )
    if spec.kind == "memberships" and not spec.parents:
        problems.append(
            Problem(
                f"{where}, parents",
                "no column of parents is named",
                expected='parents = { LEVEL = "HEADER" }',
            )
        )
    if spec.kind == "classes" and not (spec.value_column or spec.columns):
        problems.append(
            Problem(f"{where}, value_column", "no column of classes is named", expected="value_column")
        )
    return problems


def _wanted(source: str, spec: SourceSpec, entry: Entry | None) -> frozenset[str]:
    """Return the indicators that the study takes from a set; empty for all."""
    if entry is None or not spec.indicators:
        return frozenset(spec.indicators)
    known = {measure.indicator for measure in entry.measures}
    unknown = [name for name in spec.indicators if name not in known]
    if unknown:
        from difflib import get_close_matches

        raise StudyError(
            [
                Problem(
                    f"sources.{source}, indicators",
                    f"the set {spec.use} has no such indicator",
                    got=name,
                    expected=", ".join(
                        get_close_matches(name, sorted(known), n=3, cutoff=0.3) or sorted(known)
                    ),
                )
                for name in unknown
            ]
        )
    return frozenset(spec.indicators)


def _sheets(
    source: str, spec: SourceSpec, entry: Entry | None, files: tuple[RawFile, ...], wanted: frozenset[str]
) -> Iterator[tuple[RawFile, Layout, list[Sheet]]]:
    """Yield each file with its layout and sheets."""
    if entry is not None and files and files[0].form != "user":
        form = entry.form("mirror" if files[0].form == "mirror" else "publisher")
        known = form.files if form is not None else ()
        for raw, file in zip(files, known, strict=True):
            layout = _adapted(source, file.layout, spec, wanted)
            yield (
                raw,
                layout,
                reading.read_sheets(raw.path, layout, file.reader, name=raw.path.name, member=file.member),
            )
        return
    for raw in files:
        name = spec.file or raw.path.name
        if entry is None:
            layout = _taken(layout_of(source, spec), wanted)
            kind = reading.reader_of(raw.path, shapes=layout.geometry)
            yield raw, layout, reading.read_sheets(raw.path, layout, kind, name=name)
        else:
            yield raw, *_fitting(source, spec, entry, raw, name, wanted)


def _taken(layout: Layout, wanted: frozenset[str]) -> Layout:
    """Return the layout with only the wanted indicators; all where none is named."""
    if not wanted:
        return layout
    return replace(layout, fields=tuple(item for item in layout.fields if item.indicator in wanted))


def _adapted(source: str, layout: Layout, spec: SourceSpec, wanted: frozenset[str]) -> Layout:
    """Return a set's layout with what the study states otherwise."""
    layout = _taken(layout, wanted)
    fields = list(layout.fields)
    for header, column in spec.columns.items():
        hits = [place for place, item in enumerate(fields) if item.indicator == column.indicator]
        if not hits:
            raise StudyError(
                Problem(
                    f"sources.{source}.columns, “{header}”",
                    f"the set {spec.use} has no such indicator",
                    got=column.indicator,
                    remedy="Read further columns of the file as a source of your own, without `use`.",
                )
            )
        fields[hits[0]] = replace(fields[hits[0]], header=header)
    first = layout.places[0]
    if spec.area or spec.name:
        first = replace(first, code=spec.area or first.code, name=spec.name or first.name)
    return replace(
        layout,
        places=(first, *layout.places[1:]),
        fields=tuple(fields),
        sheet=spec.sheet or layout.sheet,
        header=spec.header or layout.header,
        totals=spec.totals if spec.totals != "refuse" else layout.totals,
        duplicates=spec.duplicates if spec.duplicates != "refuse" else layout.duplicates,
        other_levels=spec.other_levels if spec.other_levels != "refuse" else layout.other_levels,
        suppressed=tuple(spec.suppressed) or layout.suppressed,
        encoding=spec.encoding or layout.encoding,
    )


def _fitting(
    source: str, spec: SourceSpec, entry: Entry, raw: RawFile, name: str, wanted: frozenset[str]
) -> tuple[Layout, list[Sheet]]:
    """Return the layout of a set that fits the user's file, and its sheets; the errors of the nearest one where none fits."""
    candidates: list[tuple[Layout, str]] = [(layout, "") for layout in entry.layouts]
    candidates += [(file.layout, file.member) for form in entry.forms for file in form.files]
    errors: list[InputError] = []
    seen: list[Layout] = []
    for candidate, member in candidates:
        layout = _adapted(source, candidate, spec, wanted)
        if layout in seen:
            continue
        seen.append(layout)
        try:
            kind = reading.reader_of(raw.path, shapes=layout.geometry)
            return layout, reading.read_sheets(raw.path, layout, kind, name=name, member=member)
        except InputError as error:
            errors.append(error)
    raise min(errors, key=lambda error: len(error.problems))


# --- rows -------------------------------------------------------------------------------------------------------------------------


def _gather(
    sheet: Sheet, layout: Layout, levels: Mapping[str, Level], ledger: Ledger, gathered: _Gathered
) -> None:
    """Add the facts of one sheet."""
    count = len(sheet.rows)
    gathered.rows_read += count
    for note in sheet.notes:
        ledger.mended(note)
    place = layout.places[0]
    level = find_level(place.level, levels, f"sources.{gathered.source}, level")
    bare = _bare(sheet, layout)
    codes = mend.clean_codes(sheet, place.code, level, ledger, levels=levels, bare=bare)
    keep = _kept(sheet, layout, codes, bare, ledger)
    mend.check_vintage(sheet, place.code, level, codes, ledger)
    parents = _parent_codes(sheet, layout, levels, keep, ledger)
    keep = _once(sheet, layout, codes, parents, keep, ledger)
    gathered.rows_kept += int(keep.sum())
    chosen = pa.array(np.flatnonzero(keep))
    area = codes.codes.take(chosen)
    _add_areas(sheet, layout, area, parents, keep, chosen, ledger, gathered)
    _add_links(sheet, layout, area, parents, keep, chosen, ledger, gathered)
    _add_classes(sheet, layout, area, chosen, gathered)
    if layout.geometry:
        _add_shapes(sheet, layout, area, chosen, ledger, gathered)
    if layout.fields:
        _add_values(sheet, layout, area, keep, chosen, ledger, gathered)


def _bare(sheet: Sheet, layout: Layout) -> Mask | None:
    """Return which rows hold nothing beside the code; None where the file has nothing else to hold."""
    others = [header for header in sheet.columns if header != layout.places[0].code]
    if not others and sheet.geometry is None:
        return None
    bare = np.ones(len(sheet.rows), dtype=np.bool_)
    for header in others:
        bare &= mend.is_blank(sheet.columns[header])
    if sheet.geometry is not None:
        bare &= np.asarray(one(pc.is_null(sheet.geometry)).to_numpy(zero_copy_only=False))
    return bare


def _kept(sheet: Sheet, layout: Layout, codes: mend.Codes, bare: Mask | None, ledger: Ledger) -> Mask:
    """Return which rows hold an area of the level, after rows of other kinds were dropped, counted or refused."""
    place = layout.places[0]
    outcome = codes.outcome
    blank = outcome == "blank"
    empty = blank & (bare if bare is not None else blank)
    _drop(sheet, "empty rows", empty, "Empty rows were left out.", ledger)
    _drop(
        sheet,
        "rows of notes",
        outcome == "note",
        "Rows with words only, such as notes below the table, were left out.",
        ledger,
    )
    totals = (outcome == "total") | (blank & ~empty & _named_total(sheet, place))
    if layout.totals == "drop":
        _drop(sheet, "rows of totals", totals, "Rows of totals were left out, as the study says.", ledger)
    else:
        _refuse(sheet, place.code, totals, "the row holds a total, not an area", 'totals = "drop"', ledger)
    other = outcome == "other"
    if layout.other_levels == "drop":
        _drop(sheet, "rows of other levels", other, "Rows of other levels were left out.", ledger)
    else:
        what = f"the code is of another level than {place.level}"
        _refuse(sheet, place.code, other, what, 'other_levels = "drop"', ledger)
    nameless = blank & ~empty & ~totals
    _refuse(sheet, place.code, nameless, "the code is empty but the row holds values", "", ledger)
    return np.asarray(outcome == "ok", dtype=np.bool_)


def _named_total(sheet: Sheet, place: Place) -> Mask:
    """Return which rows are called a total by their name."""
    if not place.name:
        return np.zeros(len(sheet.rows), dtype=np.bool_)
    names = pc.utf8_lower(pc.utf8_trim_whitespace(mend.as_text(sheet.columns[place.name])))
    hit = pc.is_in(names, value_set=pa.array(sorted(mend.TOTAL_WORDS)))
    return np.asarray(one(pc.fill_null(hit, False)).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _drop(sheet: Sheet, kind: str, rows: Mask, sentence: str, ledger: Ledger) -> None:
    """Count rows that are left out."""
    hits = np.flatnonzero(rows)
    if len(hits):
        ledger.mended(Note("*", kind, len(hits), int(sheet.rows[hits[0]]), "", sentence))


def _refuse(sheet: Sheet, header: str, rows: Mask, what: str, setting: str, ledger: Ledger) -> None:
    """Tell the ledger about rows that are refused; with a setting that would drop them only the first is told."""
    hits = np.flatnonzero(rows)
    for row in hits[:1] if setting else hits:
        more = f" ({len(hits):,} such rows)" if setting and len(hits) > 1 else ""
        ledger.fault(
            Problem(
                f"{sheet.name}, row {sheet.rows[row]}, column “{header}”",
                f"{what}{more}",
                got=repr(sheet.columns[header][row].as_py()),
                expected="one row an area",
                remedy=f"Remove such rows, or say {setting} in the study: they are then dropped and counted."
                if setting
                else "Give the code, or remove the row.",
            )
        )


def _parent_codes(
    sheet: Sheet, layout: Layout, levels: Mapping[str, Level], keep: Mask, ledger: Ledger
) -> dict[str, Any]:
    """Return the codes of the larger areas by level, null where a row names none."""
    parents: dict[str, Any] = {}
    for place in layout.places[1:]:
        level = find_level(place.level, levels, f"sources.{ledger.source}, parents")
        quiet = Ledger(ledger.source)
        codes = mend.clean_codes(sheet, place.code, level, quiet, levels=levels)
        told = Ledger(ledger.source) if not keep.any() else ledger
        wrong = keep & ~np.isin(codes.outcome, ("ok", "blank"))
        for note in quiet.notes.values():
            told.mended(note)
        for row in np.flatnonzero(wrong):
            ledger.fault(
                Problem(
                    f"{sheet.name}, row {sheet.rows[row]}, column “{place.code}”",
                    f"the code is not one of level {place.level}",
                    got=repr(sheet.columns[place.code][row].as_py()),
                    expected=f"a code like {level.pattern}",
                )
            )
        none = keep & (codes.outcome == "blank")
        if none.any():
            row = int(np.flatnonzero(none)[0])
            sentence = f"Areas without a {place.level} were left without that membership."
            ledger.mended(
                Note(place.code, "no parent named", int(none.sum()), int(sheet.rows[row]), "", sentence)
            )
        mend.check_vintage(sheet, place.code, level, codes, ledger)
        parents[place.level] = codes.codes
    return parents


def _keys(columns: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return one whole number for each row, equal where all columns are equal."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        encoded = one(column).dictionary_encode()
        size = len(encoded.dictionary) + 1
        key = key * size + encoded.indices.fill_null(size - 1).to_numpy(zero_copy_only=False)
    return key


def _once(
    sheet: Sheet, layout: Layout, codes: mend.Codes, parents: dict[str, Any], keep: Mask, ledger: Ledger
) -> Mask:
    """Return the rows to keep after areas that stand twice were refused, or dropped where the rows are the same."""
    if layout.rows in ("sum", "distinct") or not keep.any():
        return keep
    parts = [codes.codes]
    if layout.rows == "pairs":
        parts += list(parents.values())
    if layout.indicator_column:
        parts.append(mend.as_text(sheet.columns[layout.indicator_column]))
    if layout.period_column:
        parts.append(mend.as_text(sheet.columns[layout.period_column]))
    rows = np.flatnonzero(keep)
    key = _keys(parts)[rows]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    if len(first) == len(rows):
        return keep
    earlier = first[inverse]
    repeats = np.flatnonzero(earlier != np.arange(len(rows)))
    same = np.zeros(len(rows), dtype=np.bool_)
    if layout.duplicates == "drop identical":
        whole = _keys([mend.as_text(column) for column in sheet.columns.values()])[rows]
        same = whole == whole[earlier]
    for at in repeats[~same[repeats]]:
        _fault_twice(sheet, layout, codes, int(rows[earlier[at]]), int(rows[at]), ledger)
    dropped = np.zeros(len(keep), dtype=np.bool_)
    dropped[rows[repeats[same[repeats]]]] = True
    _drop(
        sheet, "areas twice", dropped, "Rows that repeat an earlier row word for word were left out.", ledger
    )
    return keep & ~dropped


def _fault_twice(
    sheet: Sheet, layout: Layout, codes: mend.Codes, first: int, second: int, ledger: Ledger
) -> None:
    """Tell the ledger about an area that stands on two rows."""
    differ = "whose rows differ" if layout.duplicates == "drop identical" else ""
    ledger.fault(
        Problem(
            f"{sheet.name}, rows {sheet.rows[first]} and {sheet.rows[second]}, column “{layout.places[0].code}”",
            f"the area stands twice {differ}".strip(),
            got=str(codes.codes[second].as_py()),
            expected="each area once"
            if not layout.indicator_column
            else "each area once for an indicator and period",
            remedy="Keep the right row; the rows contradict each other."
            if differ
            else 'Keep one row; if they are the same, duplicates = "drop identical" drops and counts them.',
        )
    )


# --- facts ------------------------------------------------------------------------------------------------------------------------


def _repeat(text: str, count: int) -> Any:
    """Return an Arrow array of one text many times."""
    return pa.repeat(pa.scalar(text, pa.string()), count)


def _names(sheet: Sheet, place: Place, chosen: Any) -> Any:
    """Return the names of places, trimmed, null where empty."""
    if not place.name:
        return pa.nulls(len(chosen), pa.string())
    text = pc.utf8_trim_whitespace(one(mend.as_text(sheet.columns[place.name])).take(chosen))
    return pc.if_else(pc.equal(text, ""), None, text)


def _add_areas(
    sheet: Sheet,
    layout: Layout,
    area: Any,
    parents: dict[str, Any],
    keep: Mask,
    chosen: Any,
    ledger: Ledger,
    gathered: _Gathered,
) -> None:
    """Add names and counts of people and households."""
    counts: dict[str, Any] = {}
    for what, header in (("population", layout.population), ("households", layout.households)):
        if header:
            numbers = mend.clean_numbers(sheet, header, ledger, keep=keep, suppressed=layout.suppressed)
            counts[what] = numbers.values.take(chosen)
    place = layout.places[0]
    if place.name or counts or layout.links:
        columns = {"area": area, "name": _names(sheet, place, chosen), **counts}
        if layout.rows == "sum":
            columns = _summed(columns, tuple(counts))
        elif layout.rows in ("distinct", "pairs"):
            columns = _first_of(columns)
        gathered.area_facts.append({"level": place.level, **columns})
    for other in layout.places[1:]:
        code = parents[other.level].take(chosen)
        known = pc.is_valid(code)
        columns = {"area": code.filter(known), "name": _names(sheet, other, chosen).filter(known)}
        gathered.area_facts.append({"level": other.level, **_first_of(columns)})


def _first_of(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns with each area once, as it stands first."""
    _, first = np.unique(_keys([columns["area"]]), return_index=True)
    at = pa.array(np.sort(first))
    return {name: column.take(at) for name, column in columns.items()}


def _summed(columns: dict[str, Any], counts: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns with each area once and its counts added up; a missing part makes the sum missing."""
    once = _first_of({"area": columns["area"], "name": columns["name"]})
    key = _keys([columns["area"]])
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    for what in counts:
        parts = columns[what].fill_null(np.nan).to_numpy(zero_copy_only=False)
        once[what] = pa.array(
            np.bincount(inverse, weights=parts, minlength=len(first))[order], from_pandas=True
        )
    return once


def _add_links(
    sheet: Sheet,
    layout: Layout,
    area: Any,
    parents: dict[str, Any],
    keep: Mask,
    chosen: Any,
    ledger: Ledger,
    gathered: _Gathered,
) -> None:
    """Add memberships."""
    for link in layout.links:
        small = area if link.level == layout.places[0].level else parents[link.level].take(chosen)
        large = parents[link.parent_level].take(chosen)
        known = pc.and_(pc.is_valid(small), pc.is_valid(large))
        columns: dict[str, Any] = {"area": small.filter(known), "parent": large.filter(known)}
        if link.weight:
            numbers = mend.clean_numbers(sheet, link.weight, ledger, keep=keep)
            columns["weight"] = numbers.values.take(chosen).filter(known)
        _, first = np.unique(_keys([columns["area"], columns["parent"]]), return_index=True)
        at = pa.array(np.sort(first))
        columns = {name: column.take(at) for name, column in columns.items()}
        if not link.weight:
            columns["weight"] = _shares(sheet, link, columns["area"], ledger)
        count = len(columns["area"])
        gathered.membership_facts.append(
            {
                "source": _repeat(gathered.source, count),
                "level": _repeat(link.level, count),
                "parent_level": _repeat(link.parent_level, count),
                "base": _repeat(link.base, count) if link.base else pa.nulls(count, pa.string()),
                **columns,
            }
        )


def _shares(sheet: Sheet, link: Link, area: Any, ledger: Ledger) -> Any:
    """Return 1 for each membership, or equal shares where an area is split; several parents without shares are a fault."""
    key = _keys([area])
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    parents = counts[inverse]
    if link.split:
        return pa.array(1.0 / parents)
    several = np.flatnonzero(parents > 1)
    if len(several):
        ledger.fault(
            Problem(
                sheet.name,
                f"{len(np.unique(key[several])):,} areas of {link.level} lie in more than one {link.parent_level}, without shares",
                got=f"{area[int(several[0])].as_py()} and others",
                expected="one parent an area, or a column of shares",
                remedy="Name the column of shares with `weight`, or keep one parent for each area.",
            )
        )
    return pa.array(np.ones(len(area)))


def _add_classes(sheet: Sheet, layout: Layout, area: Any, chosen: Any, gathered: _Gathered) -> None:
    """Add classes; empty cells are no class."""
    for scheme, header in layout.classes:
        text = pc.utf8_trim_whitespace(one(mend.as_text(sheet.columns[header])).take(chosen))
        known = pc.fill_null(pc.not_equal(text, ""), False)
        count = int(pc.sum(known).as_py() or 0)
        gathered.classes.append(
            {
                "scheme": _repeat(scheme, count),
                "level": _repeat(layout.places[0].level, count),
                "area": area.filter(known),
                "class": text.filter(known),
                "source": _repeat(gathered.source, count),
            }
        )


def _add_shapes(
    sheet: Sheet, layout: Layout, area: Any, chosen: Any, ledger: Ledger, gathered: _Gathered
) -> None:
    """Add shapes; an area without one is a fault."""
    shapes = one(sheet.geometry).take(chosen)
    absent = np.flatnonzero(np.asarray(pc.is_null(shapes).to_numpy(zero_copy_only=False)))
    for at in absent:
        ledger.fault(
            Problem(
                f"{sheet.name}, row {sheet.rows[chosen[int(at)].as_py()]}",
                "the area has no shape",
                got=str(area[int(at)].as_py()),
                expected="a polygon",
            )
        )
    gathered.boundaries.append(
        {
            "level": _repeat(layout.places[0].level, len(area)),
            "area": area,
            "geometry": shapes,
            "source": _repeat(gathered.source, len(area)),
        }
    )


_MEASURED = ("numerator", "denominator", "standard_error", "low", "high")


def _add_values(
    sheet: Sheet, layout: Layout, area: Any, keep: Mask, chosen: Any, ledger: Ledger, gathered: _Gathered
) -> None:
    """Add values, or priorities."""
    period = None
    if layout.period_column:
        period = mend.clean_periods(sheet, layout.period_column, ledger, keep=keep).take(chosen)
    pieces = _long_pieces if layout.indicator_column else _wide_pieces
    for piece in pieces(sheet, layout, area, period, keep, chosen, ledger):
        count = len(piece["area"])
        piece["level"] = _repeat(layout.places[0].level, count)
        if layout.kind == "values":
            gathered.values.append(piece)
        else:
            gathered.priorities.append(
                {
                    "priority": piece["indicator"],
                    "level": piece["level"],
                    "area": piece["area"],
                    "weight": piece["value"],
                    "low": piece.get("low", pa.nulls(count, pa.float64())),
                    "high": piece.get("high", pa.nulls(count, pa.float64())),
                    "respondents": piece.get("denominator", pa.nulls(count, pa.float64())),
                    "collected": pa.nulls(count, pa.string()),
                    "source": _repeat(gathered.source, count),
                }
            )


def _wide_pieces(
    sheet: Sheet, layout: Layout, area: Any, period: Any, keep: Mask, chosen: Any, ledger: Ledger
) -> Iterator[dict[str, Any]]:
    """Yield the columns of `values` for each mapped column that the sheet has."""
    whole = len(chosen) == len(keep)
    for item in layout.fields:
        if item.header not in sheet.columns:
            continue  # another sheet of the workbook holds it
        numbers = mend.clean_numbers(
            sheet, item.header, ledger, keep=keep, suppressed=layout.suppressed, flag=item.flag
        )
        values = _scaled(numbers.values if whole else numbers.values.take(chosen), item)
        piece: dict[str, Any] = {
            "indicator": _repeat(item.indicator, len(area)),
            "area": area,
            "period": period if period is not None else _repeat(item.period or layout.period, len(area)),
            "value": values,
            "status": _status(numbers.suppressed[keep]),
        }
        for name in _MEASURED:
            if header := getattr(item, name):
                cells = mend.clean_numbers(sheet, header, ledger, keep=keep, suppressed=layout.suppressed)
                piece[name] = cells.values.take(chosen)
        yield piece


def _scaled(values: Any, item: Field) -> Any:
    """Return the values in the indicator's unit."""
    if item.factor == 1.0:
        return values
    product = pc.multiply(values, item.factor)
    return product if item.digits is None else pc.round(product, item.digits)


def _status(suppressed: Mask) -> Any:
    """Return the status of values: suppressed or null."""
    if not suppressed.any():
        return pa.nulls(len(suppressed), pa.string())
    return pc.if_else(pa.array(suppressed), pa.scalar("suppressed"), pa.scalar(None, pa.string()))


def _long_pieces(
    sheet: Sheet, layout: Layout, area: Any, period: Any, keep: Mask, chosen: Any, ledger: Ledger
) -> Iterator[dict[str, Any]]:
    """Yield the columns of `values` for each mapped name in the indicator column; other names are dropped and counted."""
    names = pc.utf8_trim_whitespace(one(mend.as_text(sheet.columns[layout.indicator_column])))
    known = pa.array([item.header for item in layout.fields], pa.string())
    mapped = np.asarray(pc.fill_null(pc.is_in(names, value_set=known), False).to_numpy(zero_copy_only=False))
    other = keep & ~mapped
    if other.any():
        row = int(np.flatnonzero(other)[0])
        ledger.mended(
            Note(
                layout.indicator_column,
                "rows of other indicators",
                int(other.sum()),
                int(sheet.rows[row]),
                str(names[row].as_py()),
                "Rows of indicators that the study does not map were left out.",
            )
        )
    used = keep & mapped
    numbers = mend.clean_numbers(sheet, layout.value_column, ledger, keep=used, suppressed=layout.suppressed)
    present = set(pc.unique(names).to_pylist())
    absent = [item.header for item in layout.fields if item.header not in present]
    for problem in reading.missing_headers(absent, (), sorted(name for name in present if name), sheet.name):
        ledger.fault(
            replace(
                problem,
                where=f"{sheet.name}, column “{layout.indicator_column}”",
                what=problem.what.replace("column", "indicator", 1),
            )
        )
    chosen_names = names.take(chosen)
    for item in layout.fields:
        hit = pc.fill_null(pc.equal(chosen_names, item.header), False)
        at = chosen.filter(hit)
        count = len(at)
        piece: dict[str, Any] = {
            "indicator": _repeat(item.indicator, count),
            "area": area.filter(hit),
            "period": period.filter(hit)
            if period is not None
            else _repeat(item.period or layout.period, count),
            "value": _scaled(numbers.values.take(at), item),
            "status": _status(numbers.suppressed[at.to_numpy(zero_copy_only=False)]),
        }
        for name in _MEASURED:
            if header := getattr(item, name):
                cells = mend.clean_numbers(sheet, header, ledger, keep=used, suppressed=layout.suppressed)
                piece[name] = cells.values.take(at)
        yield piece


# --- tables -----------------------------------------------------------------------------------------------------------------------


def _stacked(name: str, pieces: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a table from its pieces without copying them."""
    if not pieces:
        return tables.empty(name)
    columns = {}
    for column in dict.fromkeys(key for piece in pieces for key in piece):
        kind = tables.arrow_schema(name).field(column).type
        chunks = []
        for piece in pieces:
            array = one(piece[column]) if column in piece else pa.nulls(len(piece["area"]), kind)
            chunks.append(array if array.type == kind else array.cast(kind))
        columns[column] = pa.chunked_array(chunks, kind)
    return tables.frame(name, columns)


def _area_facts(gathered: _Gathered) -> pd.DataFrame:
    """Return the facts about areas, each (level, area) once; what several sheets or files say is put together."""
    pieces = gathered.area_facts
    merged: dict[str, list[dict[str, Any]]] = {}
    for piece in pieces:
        merged.setdefault(piece["level"], []).append(piece)
    stacked = [
        _with_level(level, parts[0] if len(parts) == 1 else _joined(parts), gathered.source)
        for level, parts in merged.items()
    ]
    return _stacked("area_facts", stacked)


def _with_level(level: str, columns: dict[str, Any], source: str) -> dict[str, Any]:
    count = len(columns["area"])
    return {**columns, "level": _repeat(level, count), "source": _repeat(source, count)}


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return several pieces of one level as one, the first word on each matter kept."""
    names = [name for name in ("name", "population", "households") if any(name in part for part in parts)]
    area = pa.chunked_array([one(part["area"]) for part in parts]).combine_chunks()
    _, first, inverse = np.unique(_keys([area]), return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(first), dtype=np.int64)
    place[order] = np.arange(len(first))
    result: dict[str, Any] = {"area": area.take(pa.array(first[order]))}
    for name in names:
        kind = pa.string() if name == "name" else pa.float64()
        cells = [one(part[name]) if name in part else pa.nulls(len(part["area"]), kind) for part in parts]
        column = pa.chunked_array(cells, kind).combine_chunks()
        stated = np.flatnonzero(np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False)))
        at = np.full(len(first), -1, dtype=np.int64)
        # Written backwards, so that the first statement stands last.
        at[place[inverse[stated[::-1]]]] = stated[::-1]
        result[name] = column.take(pa.array(at, mask=at < 0))
    return result


def _measures(spec: SourceSpec, entry: Entry | None) -> dict[str, Measure]:
    """Return what the indicators of the source measure, by identifier."""
    if entry is not None:
        return {measure.indicator: measure for measure in entry.measures}
    return {
        column.indicator: Measure(
            column.indicator,
            column.title or header,
            column.direction,
            column.unit,
            column.modelled,
            column.note,
        )
        for header, column in spec.columns.items()
    }


def _indicators(source: str, measures: Mapping[str, Measure], gathered: _Gathered) -> pd.DataFrame:
    """Return the indicators that have values, in the order of the file."""
    present = dict.fromkeys(
        piece["indicator"][0].as_py() for piece in gathered.values if len(piece["indicator"])
    )
    found = [measures[name] for name in present]
    return tables.frame(
        "indicators",
        {
            "indicator": pa.array([measure.indicator for measure in found], pa.string()),
            "title": pa.array([measure.title for measure in found], pa.string()),
            "unit": pa.array([measure.unit or None for measure in found], pa.string()),
            "direction": pa.array([measure.direction for measure in found], pa.int64()),
            "source": pa.array([source] * len(found), pa.string()),
            "derived_from": pa.nulls(len(found), pa.string()),
            "modelled": pa.array(["yes" if measure.modelled else None for measure in found], pa.string()),
            "note": pa.array([measure.note or None for measure in found], pa.string()),
        },
    )


def _source_row(
    source: str, spec: SourceSpec, entry: Entry | None, files: tuple[RawFile, ...], gathered: _Gathered
) -> pd.DataFrame:
    """Return the one row that describes the source."""
    licence = spec.licence or (entry.licence if entry is not None else "")
    notes = [spec.note or (entry.note if entry is not None else "")]
    if entry is not None:
        # A licence that the user states in the study is hers to answer for; without one, access cannot become freer than the set's.
        chosen = spec.access or entry.access
        access = chosen if spec.licence else tables.strictest((entry.access, chosen))
    else:
        access = spec.access or ("open" if licence else "private")
        if not licence and spec.access is None:
            notes.append("No licence is stated, so its rows are treated as private.")
    row: dict[str, Any] = {
        "source": source,
        "publisher": spec.publisher or (entry.publisher if entry is not None else "") or None,
        "title": spec.title or (entry.title if entry is not None else "") or None,
        "address": " ".join(dict.fromkeys(raw.address for raw in files)) or None,
        "licence": licence or None,
        "access": access,
        "vintage": spec.vintage or (entry.vintage if entry is not None else "") or None,
        "retrieved": max((raw.retrieved for raw in files), default=None),
        "sha256": " ".join(raw.sha256 for raw in files) or None,
        "rows_read": gathered.rows_read,
        "rows_kept": gathered.rows_kept,
        "note": " ".join(note for note in notes if note) or None,
    }
    schema = tables.arrow_schema("sources")
    return tables.frame(
        "sources", {name: pa.array([value], schema.field(name).type) for name, value in row.items()}
    )


__all__ = ["layout_of", "read"]
