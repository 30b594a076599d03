"""Rows of a sheet into facts: which rows are areas, and what they say about names, counts, memberships, classes, shapes and values.

Every row ends in a fact, in a counted mending, or in an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import words
from wardmote.errors import Problem
from wardmote.levels import Level, find_level
from wardmote.sources import mend
from wardmote.sources import read as reading
from wardmote.sources.catalogue import Field, Layout, Link, Place
from wardmote.sources.codes import TOTAL_WORDS, Codes, check_vintage, clean_codes
from wardmote.sources.mend import Ledger, Mask, one
from wardmote.sources.read import Note, Sheet


@dataclass
class Gathered:
    """Facts of one source while its files are read.

    Attributes:
        source: The source's name in the study.
        rows_read: Rows below the headers.
        rows_kept: Rows that became facts.
        area_facts, membership_facts, classes, boundaries, values, priorities: Pieces of each table, as columns by name.
    """

    source: str
    rows_read: int = 0
    rows_kept: int = 0
    area_facts: list[dict[str, Any]] = field(default_factory=list)
    membership_facts: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    boundaries: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    priorities: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one sheet that are areas, and where their facts go.

    Attributes:
        sheet: All cells.
        layout: What they mean.
        area: Codes of the rows that are kept.
        parents: Codes of larger areas by level, of all rows.
        keep: Which of all rows are kept.
        chosen: Positions of the rows that are kept.
        ledger: Told what was mended and what is wrong.
        gathered: Where facts go.
        read: Columns of numbers that were read already, by header.
        repeated: Texts that stand on every row, by text.
    """

    sheet: Sheet
    layout: Layout
    area: Any
    parents: dict[str, Any]
    keep: Mask
    chosen: Any
    ledger: Ledger
    gathered: Gathered
    read: dict[str, mend.Numbers] = field(default_factory=dict)
    repeated: dict[str, Any] = field(default_factory=dict)

    def same(self, text: str) -> Any:
        """Return one text for every row; made once, since each of many indicators needs it."""
        if text not in self.repeated:
            self.repeated[text] = (
                repeat(text, len(self.area)) if text else pa.nulls(len(self.area), pa.string())
            )
        return self.repeated[text]

    def numbers(self, header: str, *, keep: Mask | None = None, flag: bool = False) -> mend.Numbers:
        """Return the numbers of a column, read once however often it is named, so that mendings are counted once."""
        if header not in self.read:
            self.read[header] = mend.clean_numbers(
                self.sheet,
                header,
                self.ledger,
                keep=self.keep if keep is None else keep,
                suppressed=self.layout.suppressed,
                flag=flag,
            )
        return self.read[header]


def gather(
    sheet: Sheet, layout: Layout, levels: Mapping[str, Level], ledger: Ledger, gathered: Gathered
) -> None:
    """Add the facts of one sheet.

    Args:
        sheet: Its cells.
        layout: What they mean.
        levels: Levels of the study.
        ledger: Told what was mended and what is wrong.
        gathered: Where facts go.

    Raises:
        MissingError: A level is not known.
    """
    count = len(sheet.rows)
    gathered.rows_read += count
    for note in sheet.notes:
        ledger.mended(note)
    place = layout.places[0]
    level = find_level(place.level, levels, f"sources.{gathered.source}, level")
    bare = _bare(sheet, layout)
    codes = clean_codes(sheet, place.code, level, ledger, levels=levels, bare=bare)
    keep = _kept(sheet, layout, codes, bare, ledger)
    check_vintage(sheet, place.code, level, codes, ledger)
    parents = _parent_codes(sheet, layout, levels, keep, ledger)
    keep = _once(sheet, layout, codes, parents, keep=keep, ledger=ledger)
    gathered.rows_kept += int(keep.sum())
    chosen = pa.array(np.flatnonzero(keep))
    rows = _Rows(sheet, layout, codes.codes.take(chosen), parents, keep, chosen, ledger, gathered)
    _add_areas(rows)
    _add_links(rows)
    _add_classes(rows)
    if layout.geometry:
        _add_shapes(rows)
    if layout.fields:
        _add_values(rows)


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


def _kept(sheet: Sheet, layout: Layout, codes: Codes, bare: Mask | None, ledger: Ledger) -> Mask:
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
        _refuse(
            sheet,
            place.code,
            totals,
            "the row holds a total, not an area",
            setting='totals = "drop"',
            ledger=ledger,
        )
    other = outcome == "other"
    if layout.other_levels == "drop":
        _drop(sheet, "rows of other levels", other, "Rows of other levels were left out.", ledger)
    else:
        what = f"the code is of another level than {place.level}"
        _refuse(sheet, place.code, other, what, setting='other_levels = "drop"', ledger=ledger)
    nameless = blank & ~empty & ~totals
    _refuse(
        sheet, place.code, nameless, "the code is empty but the row holds values", setting="", ledger=ledger
    )
    return np.asarray(outcome == "ok", dtype=np.bool_)


def _named_total(sheet: Sheet, place: Place) -> Mask:
    """Return which rows are called a total by their name."""
    if place.name not in sheet.columns:
        return np.zeros(len(sheet.rows), dtype=np.bool_)
    names = pc.utf8_lower(pc.utf8_trim_whitespace(mend.as_text(sheet.columns[place.name])))
    hit = pc.is_in(names, value_set=pa.array(sorted(TOTAL_WORDS)))
    return np.asarray(one(pc.fill_null(hit, False)).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _drop(sheet: Sheet, kind: str, rows: Mask, sentence: str, ledger: Ledger) -> None:
    """Count rows that are left out."""
    hits = np.flatnonzero(rows)
    if len(hits):
        ledger.mended(Note("*", kind, len(hits), int(sheet.rows[hits[0]]), "", sentence))


def _refuse(sheet: Sheet, header: str, rows: Mask, what: str, *, setting: str, ledger: Ledger) -> None:
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
        codes = clean_codes(sheet, place.code, level, quiet, levels=levels)
        wrong = keep & ~np.isin(codes.outcome, ("ok", "blank"))
        for note in quiet.notes.values():
            ledger.mended(note)
        for row in np.flatnonzero(wrong).tolist():
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
            first = int(np.flatnonzero(none)[0])
            sentence = f"Areas without a {place.level} were left without that membership."
            ledger.mended(
                Note(place.code, "no parent named", int(none.sum()), int(sheet.rows[first]), "", sentence)
            )
        check_vintage(sheet, place.code, level, codes, ledger)
        parents[place.level] = codes.codes
    return parents


def keys(columns: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return one whole number for each row, equal where all columns are equal."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        encoded = one(column).dictionary_encode()
        size = len(encoded.dictionary) + 1
        key = key * size + encoded.indices.fill_null(size - 1).to_numpy(zero_copy_only=False)
    return key


def _once(
    sheet: Sheet, layout: Layout, codes: Codes, parents: dict[str, Any], *, keep: Mask, ledger: Ledger
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
    key = keys(parts)[rows]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    if len(first) == len(rows):
        return keep
    earlier = first[inverse]
    repeats = np.flatnonzero(earlier != np.arange(len(rows)))
    same = np.zeros(len(rows), dtype=np.bool_)
    if layout.duplicates == "drop identical":
        whole = keys([mend.as_text(column) for column in sheet.columns.values()])[rows]
        same = whole == whole[earlier]
    for at in repeats[~same[repeats]]:
        _fault_twice(sheet, layout, codes, (int(rows[earlier[at]]), int(rows[at])), ledger)
    dropped = np.zeros(len(keep), dtype=np.bool_)
    dropped[rows[repeats[same[repeats]]]] = True
    _drop(
        sheet,
        "areas twice",
        dropped,
        "Rows that repeat an earlier row in every mapped column were left out.",
        ledger,
    )
    return keep & ~dropped


def _fault_twice(sheet: Sheet, layout: Layout, codes: Codes, pair: tuple[int, int], ledger: Ledger) -> None:
    """Tell the ledger about an area that stands on two rows."""
    first, second = pair
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


def repeat(text: str, count: int) -> Any:
    """Return an Arrow array of one text many times."""
    return pa.repeat(pa.scalar(text, pa.string()), count)


def _names(sheet: Sheet, place: Place, chosen: Any, ledger: Ledger) -> Any:
    """Return the names of places, trimmed, null where empty."""
    if place.name not in sheet.columns:
        return pa.nulls(len(chosen), pa.string())
    text = pc.utf8_trim_whitespace(one(mend.as_text(sheet.columns[place.name])).take(chosen))
    broken = pc.fill_null(pc.match_substring_regex(text, _CONTROL), False)
    hits = np.flatnonzero(np.asarray(broken.to_numpy(zero_copy_only=False)))
    if len(hits):
        row = int(sheet.rows[chosen[int(hits[0])].as_py()])
        ledger.mended(Note(place.name, "line breaks in names", len(hits), row, "", _NAMES_CLEANED))
        text = pc.replace_substring_regex(text, _CONTROL, " ")
    return pc.if_else(pc.equal(text, ""), None, text)


_CONTROL = r"[\x00-\x1f\x7f]+"
"""Line breaks, tabs and characters that no screen shows."""

_NAMES_CLEANED = "Line breaks and characters that cannot be shown were replaced by a space in names."


def _add_areas(rows: _Rows) -> None:
    """Add names and counts of people and households."""
    counts: dict[str, Any] = {}
    for what, header in (("population", rows.layout.population), ("households", rows.layout.households)):
        if header:
            counts[what] = rows.numbers(header).values.take(rows.chosen)
            _refuse_outside(rows, header, counts[what], high=np.inf, expected="a count of 0 or more")
    place = rows.layout.places[0]
    if place.name or counts or rows.layout.links:
        columns = {"area": rows.area, "name": _names(rows.sheet, place, rows.chosen, rows.ledger), **counts}
        if rows.layout.rows == "sum":
            columns = _summed(columns, tuple(counts))
        elif rows.layout.rows in ("distinct", "pairs"):
            columns = _first_of(columns)
        rows.gathered.area_facts.append({"level": place.level, **columns})
    for other in rows.layout.places[1:]:
        code = rows.parents[other.level].take(rows.chosen)
        known = pc.is_valid(code)
        columns = {
            "area": code.filter(known),
            "name": _names(rows.sheet, other, rows.chosen, rows.ledger).filter(known),
        }
        rows.gathered.area_facts.append({"level": other.level, **_first_of(columns)})


def _refuse_outside(rows: _Rows, header: str, column: Any, *, high: float, expected: str) -> None:
    """Tell the ledger about counts and shares that cannot be, with their rows; a missing one is none."""
    numbers = np.asarray(column.fill_null(0.0).to_numpy(zero_copy_only=False))
    for at in np.flatnonzero((numbers < 0) | (numbers > high)):
        place = f"{rows.sheet.name}, row {rows.sheet.rows[rows.chosen[int(at)].as_py()]}, column “{header}”"
        rows.ledger.fault(
            Problem(place, "the number cannot be", f"{numbers[at]:g}", expected, "Correct the cell.")
        )


def _first_of(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns with each area once, as it stands first."""
    _, first = np.unique(keys([columns["area"]]), return_index=True)
    at = pa.array(np.sort(first))
    return {name: column.take(at) for name, column in columns.items()}


def _summed(columns: dict[str, Any], counts: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns with each area once and its counts added up; a missing part makes the sum missing."""
    once = _first_of({"area": columns["area"], "name": columns["name"]})
    key = keys([columns["area"]])
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    for what in counts:
        parts = columns[what].fill_null(np.nan).to_numpy(zero_copy_only=False)
        once[what] = pa.array(
            np.bincount(inverse, weights=parts, minlength=len(first))[order], from_pandas=True
        )
    return once


def _add_links(rows: _Rows) -> None:
    """Add memberships."""
    for link in rows.layout.links:
        small = (
            rows.area
            if link.level == rows.layout.places[0].level
            else rows.parents[link.level].take(rows.chosen)
        )
        large = rows.parents[link.parent_level].take(rows.chosen)
        known = pc.and_(pc.is_valid(small), pc.is_valid(large))
        columns: dict[str, Any] = {"area": small.filter(known), "parent": large.filter(known)}
        if link.weight:
            weight = rows.numbers(link.weight).values.take(rows.chosen)
            _refuse_outside(rows, link.weight, weight, high=1.0, expected="a share from 0 to 1")
            columns["weight"] = weight.filter(known)
        _, first = np.unique(keys([columns["area"], columns["parent"]]), return_index=True)
        at = pa.array(np.sort(first))
        columns = {name: column.take(at) for name, column in columns.items()}
        if not link.weight:
            columns["weight"] = _shares(rows.sheet, link, columns["area"], rows.ledger)
        count = len(columns["area"])
        rows.gathered.membership_facts.append(
            {
                "source": repeat(rows.gathered.source, count),
                "level": repeat(link.level, count),
                "parent_level": repeat(link.parent_level, count),
                "base": repeat(link.base, count) if link.base else pa.nulls(count, pa.string()),
                **columns,
            }
        )


def _shares(sheet: Sheet, link: Link, area: Any, ledger: Ledger) -> Any:
    """Return 1 for each membership, or equal shares where an area is split; several parents without shares are a fault."""
    key = keys([area])
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    parents = counts[inverse]
    if link.split:
        return pa.array(1.0 / parents)
    several = np.flatnonzero(parents > 1)
    if len(several):
        ledger.fault(
            Problem(
                sheet.name,
                f"{words.count(len(np.unique(key[several])), 'area')} of {link.level} in more than one {link.parent_level}, without shares",
                got=f"{area[int(several[0])].as_py()} and others",
                expected="one parent an area, or a column of shares",
                remedy="Name the column of shares with `weight`, or keep one parent for each area.",
            )
        )
    return pa.array(np.ones(len(area)))


def _add_classes(rows: _Rows) -> None:
    """Add classes; empty cells are no class."""
    for scheme, header in rows.layout.classes:
        text = pc.utf8_trim_whitespace(one(mend.as_text(rows.sheet.columns[header])).take(rows.chosen))
        known = pc.fill_null(pc.not_equal(text, ""), False)
        count = int(pc.sum(known).as_py() or 0)
        rows.gathered.classes.append(
            {
                "scheme": repeat(scheme, count),
                "level": repeat(rows.layout.places[0].level, count),
                "area": rows.area.filter(known),
                "class": text.filter(known),
                "source": repeat(rows.gathered.source, count),
            }
        )


def _add_shapes(rows: _Rows) -> None:
    """Add shapes; an area without one is a fault."""
    shapes = one(rows.sheet.geometry).take(rows.chosen)
    absent = np.flatnonzero(np.asarray(pc.is_null(shapes).to_numpy(zero_copy_only=False)))
    for at in absent:
        rows.ledger.fault(
            Problem(
                f"{rows.sheet.name}, row {rows.sheet.rows[rows.chosen[int(at)].as_py()]}",
                "the area has no shape",
                got=str(rows.area[int(at)].as_py()),
                expected="a polygon",
            )
        )
    rows.gathered.boundaries.append(
        {
            "level": repeat(rows.layout.places[0].level, len(rows.area)),
            "area": rows.area,
            "geometry": shapes,
            "source": repeat(rows.gathered.source, len(rows.area)),
        }
    )


def _add_values(rows: _Rows) -> None:
    """Add values, or priorities."""
    period = None
    if rows.layout.period_column:
        period = mend.clean_periods(rows.sheet, rows.layout.period_column, rows.ledger, keep=rows.keep).take(
            rows.chosen
        )
    pieces = _long_pieces if rows.layout.indicator_column else _wide_pieces
    for piece in pieces(rows, period):
        count = len(piece["area"])
        level = rows.layout.places[0].level
        piece["level"] = rows.same(level) if count == len(rows.area) else repeat(level, count)
        if rows.layout.kind == "values":
            rows.gathered.values.append(piece)
        else:
            rows.gathered.priorities.append(
                {
                    "priority": piece["indicator"],
                    "level": piece["level"],
                    "area": piece["area"],
                    "weight": piece["value"],
                    "low": piece.get("low", pa.nulls(count, pa.float64())),
                    "high": piece.get("high", pa.nulls(count, pa.float64())),
                    "respondents": piece.get("denominator", pa.nulls(count, pa.float64())),
                    "collected": pa.nulls(count, pa.string()),
                    "source": repeat(rows.gathered.source, count),
                }
            )


_MEASURED = ("numerator", "denominator", "standard_error", "low", "high")
"""Further columns of `values` that a field may name."""


def _wide_pieces(rows: _Rows, period: Any) -> Iterator[dict[str, Any]]:
    """Yield the columns of `values` for each mapped column that the sheet has."""
    whole = len(rows.chosen) == len(rows.keep)
    for item in rows.layout.fields:
        if item.header not in rows.sheet.columns:
            continue  # another sheet of the workbook holds it
        numbers = rows.numbers(item.header, flag=item.flag)
        values = _scaled(numbers.values if whole else numbers.values.take(rows.chosen), item)
        piece: dict[str, Any] = {
            "indicator": repeat(item.indicator, len(rows.area)),
            "area": rows.area,
            "period": period if period is not None else rows.same(item.period or rows.layout.period),
            "value": values,
            "status": _status(numbers.suppressed[rows.keep]) if numbers.suppressed.any() else rows.same(""),
        }
        for name in _MEASURED:
            if header := getattr(item, name):
                cells = rows.numbers(header)
                piece[name] = cells.values.take(rows.chosen)
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


def _long_pieces(rows: _Rows, period: Any) -> Iterator[dict[str, Any]]:
    """Yield the columns of `values` for each mapped name in the indicator column; other names are dropped and counted."""
    names = pc.utf8_trim_whitespace(one(mend.as_text(rows.sheet.columns[rows.layout.indicator_column])))
    known = pa.array([item.header for item in rows.layout.fields], pa.string())
    mapped = np.asarray(pc.fill_null(pc.is_in(names, value_set=known), False).to_numpy(zero_copy_only=False))
    other = rows.keep & ~mapped
    if other.any():
        row = int(np.flatnonzero(other)[0])
        rows.ledger.mended(
            Note(
                rows.layout.indicator_column,
                "rows of other indicators",
                int(other.sum()),
                int(rows.sheet.rows[row]),
                str(names[row].as_py()),
                "Rows of indicators that the study does not map were left out.",
            )
        )
    used = rows.keep & mapped
    numbers = rows.numbers(rows.layout.value_column, keep=used)
    present = set(pc.unique(names).to_pylist())
    absent = [item.header for item in rows.layout.fields if item.header not in present]
    for problem in reading.missing_headers(
        absent, (), sorted(name for name in present if name), rows.sheet.name
    ):
        rows.ledger.fault(
            replace(
                problem,
                where=f"{rows.sheet.name}, column “{rows.layout.indicator_column}”",
                what=problem.what.replace("column", "indicator", 1),
                remedy=problem.remedy.replace("column's", "indicator's", 1),
            )
        )
    chosen_names = names.take(rows.chosen)
    for item in rows.layout.fields:
        hit = pc.fill_null(pc.equal(chosen_names, item.header), False)
        at = rows.chosen.filter(hit)
        count = len(at)
        piece: dict[str, Any] = {
            "indicator": repeat(item.indicator, count),
            "area": rows.area.filter(hit),
            "period": period.filter(hit)
            if period is not None
            else repeat(item.period or rows.layout.period, count),
            "value": _scaled(numbers.values.take(at), item),
            "status": _status(numbers.suppressed[at.to_numpy(zero_copy_only=False)]),
        }
        for name in _MEASURED:
            if header := getattr(item, name):
                cells = rows.numbers(header, keep=used)
                piece[name] = cells.values.take(at)
        yield piece
