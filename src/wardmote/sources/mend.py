"""Cells as people have them into clean codes, numbers and periods; every mending counted, every fault told with its row.

Three outcomes are possible for a cell: it is clean, it is *mended* (a stated rule says what was meant; the count stands in the table
``mendings``), or it is a *fault* (the file is refused, with file, row and column). A mending never guesses: where two readings are
possible the cell is a fault.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote.errors import InputError, Problem
from wardmote.sources.read import MOST_PROBLEMS, Note, Sheet

if TYPE_CHECKING:
    import pandas as pd

Mask = np.ndarray[Any, np.dtype[np.bool_]]

SUPPRESSED = frozenset(
    (
        "..", "...", "…", ".", ":", "*", "**", "-", "–", "—", "~", "c", "x", "z", "u", "n/a", "na", "#n/a", "n.a.", "suppressed",
        "not available", "[c]", "[x]", "[z]", "[u]", "[w]", "[low]",
    )
)  # fmt: skip
"""Marks, in small letters, that statistical offices print in place of a value: withheld, not available, not applicable, too
unreliable. Source: Government Analysis Function, "Symbols in tables: definitions and help" ([c], [x], [z], [u], [w], [low]), and the
older marks of ONS and NISRA (.., :, *, -)."""

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


@dataclass
class Ledger:
    """What was mended and what is wrong, gathered while a source is read.

    Attributes:
        source: The source's name in the study.
        notes: Mendings by column and kind.
        faults: Problems in the order in which they were found.
        hidden: Further problems that are counted only.
    """

    source: str
    notes: dict[tuple[str, str], Note] = field(default_factory=dict)
    faults: list[Problem] = field(default_factory=list)
    hidden: int = 0

    def mended(self, note: Note) -> None:
        """Add a mending; counts of the same column and kind are added up."""
        if note.cells < 1:
            return
        key = (note.column, note.kind)
        old = self.notes.get(key)
        if old is not None:
            note = Note(
                old.column, old.kind, old.cells + note.cells, old.first_row, old.example, old.sentence
            )
        self.notes[key] = note

    def fault(self, problem: Problem) -> None:
        """Add a problem; beyond the first ones they are counted only."""
        if len(self.faults) < MOST_PROBLEMS:
            self.faults.append(problem)
        else:
            self.hidden += 1

    def settle(self) -> None:
        """Raise all problems at once, if there are any.

        Raises:
            InputError: There are problems.
        """
        if not self.faults:
            return
        more = []
        if self.hidden:
            more = [
                Problem(
                    f"sources.{self.source}",
                    f"and {self.hidden:,} more problem{'s' if self.hidden > 1 else ''} of these kinds",
                )
            ]
        raise InputError([*self.faults, *more])

    def frame(self) -> pd.DataFrame:
        """Return the mendings as a table."""
        from wardmote import tables

        notes = list(self.notes.values())
        return tables.frame(
            "mendings",
            {
                "source": pa.array([self.source] * len(notes), pa.string()),
                "column": pa.array([note.column for note in notes], pa.string()),
                "kind": pa.array([note.kind for note in notes], pa.string()),
                "cells": pa.array([note.cells for note in notes], pa.int64()),
                "first_row": pa.array([note.first_row for note in notes], pa.int64()),
                "example": pa.array([note.example or None for note in notes], pa.string()),
                "sentence": pa.array([note.sentence for note in notes], pa.string()),
            },
        )


def as_text(column: Any) -> Any:
    """Return a column as Arrow text, whole numbers without a point; null stays null.

    Args:
        column: Arrow text, number or flag.
    """
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        whole = pc.and_(pc.equal(pc.round(column), column), pc.less(pc.abs(column), 1e15))
        if pc.all(pc.fill_null(whole, True)).as_py():
            column = column.cast(pa.int64())
    return column.cast(pa.string())


def one(column: Any) -> Any:
    """Return a column as one Arrow array without chunks."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def positive(indices: Any, length: int) -> Any:
    """Return indices with -1 (null) pointing at the last place.

    Args:
        indices: Whole numbers, shape (n,).
        length: Number of places.
    """
    return np.where(indices < 0, length - 1, indices)


def is_blank(column: Any) -> Mask:
    """Return which cells are null, NaN or hold nothing but spaces."""
    if pa.types.is_string(column.type):
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True)
    elif pa.types.is_floating(column.type):
        blank = pc.fill_null(pc.is_nan(column), True)
    else:
        blank = pc.is_null(column)
    return np.asarray(one(blank).to_numpy(zero_copy_only=False), dtype=np.bool_)


# --- numbers ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of one column.

    Attributes:
        values: 64-bit floats, null where empty or suppressed.
        suppressed: Which cells hold a mark instead of a value, shape (n,).
    """

    values: Any
    suppressed: Mask


_NUMBER_MENDINGS = {
    "suppressed": "Marks that stand for a withheld or missing value were read as no value, with status suppressed.",
    "thousands separators": "Commas that part thousands were removed.",
    "percent signs": "Percent signs were removed; the number was kept as it stands, so its unit is per cent.",
    "currency signs": "Pound signs were removed.",
    "spaces in numbers": "Spaces in numbers were removed.",
    "decimal commas": "Decimal commas were read as points, since semicolons part the cells of this file.",
    "minus signs": "Typographic minus signs were read as minus.",
    "no numbers": "NaN was read as no value.",
}


def clean_numbers(
    sheet: Sheet,
    header: str,
    ledger: Ledger,
    *,
    keep: Mask,
    suppressed: Iterable[str] = (),
    flag: bool = False,
) -> Numbers:
    """Return the numbers of a column.

    Args:
        sheet: The cells.
        header: The column.
        ledger: Told what was mended and what is wrong.
        keep: Rows that are used; faults elsewhere do not matter.
        suppressed: Further marks of suppressed values.
        flag: Whether yes and no, true and false are read as 1 and 0.

    Returns:
        Numbers and which are suppressed. Text, dates and infinities in rows that are used are told as faults.
    """
    column = sheet.columns[header]
    none = np.zeros(len(column), dtype=np.bool_)
    if pa.types.is_boolean(column.type):
        if not flag:
            _fault_cell(
                sheet, header, int(np.argmax(keep)), "a yes or no stands where a number is expected", ledger
            )
        return Numbers(one(column.cast(pa.uint8()).cast(pa.float64())), none)
    if not pa.types.is_string(column.type):
        return Numbers(_finite(sheet, header, one(column.cast(pa.float64())), keep, ledger), none)
    quick = _quick_numbers(column)
    if quick is not None:
        return Numbers(quick, none)
    return _slow_numbers(sheet, header, ledger, keep=keep, suppressed=suppressed, flag=flag)


def _quick_numbers(column: Any) -> Any:
    """Return a column of clean numbers, or None where a cell needs a closer look."""
    text = pc.if_else(pc.equal(column, ""), None, column)
    try:
        values = one(text.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None
    return values if pc.all(pc.fill_null(pc.is_finite(values), True)).as_py() else None


def _finite(sheet: Sheet, header: str, values: Any, keep: Mask, ledger: Ledger) -> Any:
    """Return numbers with NaN as null, after infinities were told as faults."""
    if pc.all(pc.fill_null(pc.is_finite(values), True)).as_py():
        return values
    infinite = np.asarray(pc.fill_null(pc.is_inf(values), False).to_numpy(zero_copy_only=False))
    for row in np.flatnonzero(infinite & keep):
        _fault_cell(sheet, header, int(row), "the number is not finite", ledger)
    nan = pc.fill_null(pc.is_nan(values), False)
    return pc.if_else(nan, None, values)


LONGEST_SHOWN = 60
"""Characters of a cell that an error shows: enough to find it, not a page."""


def _fault_cell(sheet: Sheet, header: str, row: int, what: str, ledger: Ledger) -> None:
    """Tell the ledger about one cell that should hold a number."""
    cell = repr(sheet.columns[header][row].as_py())
    ledger.fault(
        Problem(
            f"{sheet.name}, row {sheet.rows[row]}, column “{header}”",
            what,
            got=cell if len(cell) <= LONGEST_SHOWN else f"{cell[:LONGEST_SHOWN]}…",
            expected="a number",
            remedy='Correct the cell; if it marks a suppressed value, name the mark in the study: suppressed = ["…"].',
        )
    )


def _slow_numbers(
    sheet: Sheet, header: str, ledger: Ledger, *, keep: Mask, suppressed: Iterable[str], flag: bool
) -> Numbers:
    """Return numbers of a column of which some cells are not plain: those are read one by one, each different text once."""
    text = one(sheet.columns[header])
    values, odd = _plain_numbers(text)
    comma = _decimal_comma(text, sheet.delimiter)
    if comma == "thousands":
        parted = odd & _like(text, _THOUSANDS)
        values[parted] = _cast(pc.replace_substring(text.filter(pa.array(parted)), ",", ""))
        _count(sheet, header, "thousands separators", parted & keep, ledger)
        odd &= ~parted
    at = np.flatnonzero(odd)
    encoded = text.take(pa.array(at)).dictionary_encode()
    texts: list[str] = encoded.dictionary.to_pylist()
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    marks = SUPPRESSED | {mark.strip().lower() for mark in suppressed}
    read = [_number(cell, marks, comma=comma, flag=flag) for cell in texts]
    values[at] = np.array([np.nan if value is None else value for value, _, _ in read])[indices]
    dated = sheet.dates.get(header, np.zeros(len(text), dtype=np.bool_))
    for row in np.flatnonzero(dated & keep):
        _fault_cell(sheet, header, int(row), "a date stands where a number is expected", ledger)
    wrong = np.array([bool(what) for _, _, what in read], dtype=np.bool_)[indices] & keep[at] & ~dated[at]
    for place in np.flatnonzero(wrong):
        _fault_cell(sheet, header, int(at[place]), read[indices[place]][2], ledger)
    found = {}
    for kind in _NUMBER_MENDINGS:
        has = np.array([kind in kinds for _, kinds, _ in read], dtype=np.bool_)[indices]
        found[kind] = np.zeros(len(text), dtype=np.bool_)
        found[kind][at[has]] = True
        _count(sheet, header, kind, found[kind] & keep, ledger)
    _check_percent(sheet, header, found["percent signs"] & keep, values, keep=keep, ledger=ledger)
    return Numbers(pa.array(values, from_pandas=True), found["suppressed"])


def _plain_numbers(text: Any) -> tuple[np.ndarray[Any, np.dtype[np.float64]], Mask]:
    """Return the numbers of plain cells (NaN elsewhere) and which cells are neither plain nor empty."""
    plain = _like(text, _PLAIN)
    values = np.full(len(text), np.nan)
    values[plain] = _cast(text.filter(pa.array(plain)))
    plain &= ~np.isinf(values)  # numbers beyond all floats are told as faults with the odd cells
    return values, ~plain & ~is_blank(text)


def _like(text: Any, pattern: re.Pattern[str]) -> Mask:
    """Return which cells match a pattern from start to end."""
    mask = pc.fill_null(pc.match_substring_regex(text, f"^(?:{pattern.pattern})$"), False)
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _cast(text: Any) -> Any:
    """Return the numbers of texts that are known to be plain; a leading plus is dropped, since Arrow knows none."""
    return pc.utf8_ltrim(text, "+").cast(pa.float64()).to_numpy(zero_copy_only=False)


def _count(sheet: Sheet, header: str, kind: str, hits: Mask, ledger: Ledger) -> None:
    """Tell the ledger about cells that were mended in one way."""
    rows = np.flatnonzero(hits)
    if len(rows):
        first = int(rows[0])
        example = str(sheet.columns[header][first].as_py())
        sentence = _NUMBER_MENDINGS[kind]
        ledger.mended(Note(header, kind, len(rows), int(sheet.rows[first]), example, sentence))


def _decimal_comma(text: Any, delimiter: str) -> str:
    """Return how commas in numbers are read: "thousands", "decimal", or "unclear" where they may be either.

    A comma is decimal only in a file whose cells are parted by semicolons, and only where some cell of the column cannot be read
    with thousands.
    """
    if delimiter != ";":
        return "thousands"
    cells = pc.unique(text.filter(pc.fill_null(pc.match_substring(text, ","), False))).to_pylist()
    with_comma = [re.sub("^[−–]", "-", cell.strip()).rstrip("%").strip() for cell in cells]
    if not with_comma:
        return "thousands"
    decimal = [cell for cell in with_comma if _DECIMAL_COMMA.fullmatch(cell)]
    if any(not _THOUSANDS.fullmatch(cell) for cell in decimal):
        return "decimal"
    if any("." in cell or cell.count(",") > 1 for cell in with_comma):
        return "thousands"
    return "unclear"


Reading = tuple[float | None, tuple[str, ...], str]
"""Value, kinds of mendings, and what is wrong ("" for nothing)."""

_FLAGS = {"true": 1.0, "yes": 1.0, "y": 1.0, "false": 0.0, "no": 0.0, "n": 0.0}


def _number(cell: str | None, marks: frozenset[str], *, comma: str, flag: bool) -> Reading:
    """Return how one text is read as a number."""
    text = (cell or "").strip()
    if not text:
        return None, (), ""
    if _PLAIN.fullmatch(text):
        return _checked(text, ("spaces in numbers",) if text != cell else ())
    low = text.lower()
    if low in marks:
        return None, ("suppressed",), ""
    if flag and low in _FLAGS:
        return _FLAGS[low], (), ""
    if low == "nan":
        return None, ("no numbers",), ""
    if low.lstrip("+-") in ("inf", "infinity", "∞"):
        return None, (), "the number is not finite"
    return _unsigned(text, comma)


def _checked(text: str, kinds: tuple[str, ...]) -> Reading:
    """Return the number of a plain text, unless it is beyond all numbers."""
    value = float(text)
    return (value, kinds, "") if np.isfinite(value) else (None, (), "the number is not finite")


def _unsigned(text: str, comma: str) -> Reading:
    """Return the number of a text after percent, pound, typographic minus, spaces and commas were taken away."""
    kinds: list[str] = []
    if text[0] in "−–" and len(text) > 1:
        text = f"-{text[1:]}"
        kinds.append("minus signs")
    if text.endswith("%"):
        text = text[:-1].strip()
        kinds.append("percent signs")
    if "£" in text[:2]:
        text = text.replace("£", "", 1)
        kinds.append("currency signs")
    if re.fullmatch(r"[+-]?\s*\d{1,3}([\s\u00a0\u202f]\d{3})*(\.\d*)?|[+-]\s+[\d.,]+", text) and re.search(
        r"\s", text
    ):
        text = re.sub(r"\s", "", text)
        kinds.append("spaces in numbers")
    if comma == "decimal" and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
        kinds.append("decimal commas")
    elif comma != "decimal" and _THOUSANDS.fullmatch(text):
        if comma == "unclear":
            return None, (), "the comma may part thousands or decimals"
        text = text.replace(",", "")
        kinds.append("thousands separators")
    if _PLAIN.fullmatch(text):
        return _checked(text, tuple(kinds))
    return None, (), "text stands where a number is expected"


def _check_percent(
    sheet: Sheet, header: str, signed: Mask, values: Any, *, keep: Mask, ledger: Ledger
) -> None:
    """Tell the ledger where some numbers of a column carry a percent sign and others do not; 0 is the same either way."""
    if not signed.any():
        return
    rows = np.flatnonzero(keep & ~signed & ~np.isnan(values) & (values != 0))
    if len(rows):
        row = int(rows[0])
        ledger.fault(
            Problem(
                f"{sheet.name}, row {sheet.rows[row]}, column “{header}”",
                f"some numbers of the column carry a percent sign and {len(rows):,} do not",
                got=repr(sheet.columns[header][row].as_py()),
                expected="a percent sign in all cells, or in none",
                remedy="Write the whole column in one unit.",
            )
        )


# --- periods ----------------------------------------------------------------------------------------------------------------------

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_ISO = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?|-Q[1-4])?")
_SERIAL_ZERO = datetime.date(1899, 12, 30)
"""Day 0 of spreadsheet dates; two days off 1 January 1900 because of the invented 29 February 1900."""


def iso_period(text: str) -> tuple[str, str] | None:
    """Return a period as ISO 8601 and the kind of mending that it took ("" for none), or None where it is no period.

    Years, months, days and quarters stand as they are, and so do intervals of them (2019/2021). ``2020/21`` and ``2020-21`` are two
    years, ``04/2020-03/2021`` an interval of months, ``31/03/2021`` a day as written in Britain, ``Mar 2021`` a month, and a whole
    number from 20,000 to 60,000 a spreadsheet's day number (1954 to 2064).

    Args:
        text: The text.
    """
    cell = text.strip()
    if all(_ISO.fullmatch(part) for part in cell.split("/", 1)):
        return cell, ""
    if match := re.fullmatch(r"(\d{4})\s*[-/–]\s*(\d{2}|\d{4})", cell):
        first, last = match.groups()
        last = last if len(last) == 4 else first[:2] + last
        return (f"{first}/{last}", "years written short") if int(last) > int(first) else None
    if match := re.fullmatch(r"(\d{4})(\.0+)", cell):
        return match[1], "years with decimals"
    if re.fullmatch(r"\d{5}(\.0+)?", cell) and 20000 <= float(cell) <= 60000:
        return (
            _SERIAL_ZERO + datetime.timedelta(days=int(float(cell)))
        ).isoformat(), "spreadsheet day numbers"
    return _worded_period(cell)


def _worded_period(cell: str) -> tuple[str, str] | None:
    """Return a period that is written as a day, a month in words, or an interval of months."""
    if match := re.fullmatch(r"(\d{4}-\d{2}-\d{2})[T ]00:00(:00)?(\.0+)?", cell):
        return match[1], "times of day"
    if match := re.fullmatch(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})", cell):
        try:
            return datetime.date(int(match[3]), int(match[2]), int(match[1])).isoformat(), "days first"
        except ValueError:
            return None
    if match := re.fullmatch(r"(\d{1,2})/(\d{4})\s*[-–]\s*(\d{1,2})/(\d{4})", cell):
        return f"{match[2]}-{int(match[1]):02d}/{match[4]}-{int(match[3]):02d}", "months first"
    if (match := re.fullmatch(r"([A-Za-z]{3})[a-z]*[- ](\d{4})", cell)) and match[1].lower() in _MONTHS:
        return f"{match[2]}-{_MONTHS[match[1].lower()]:02d}", "months in words"
    return None


_PERIOD_SENTENCES = {
    "years written short": "Periods such as 2020/21 were read as two years: 2020/2021.",
    "years with decimals": "Years such as 2021.0 were read as 2021.",
    "spreadsheet day numbers": "Spreadsheet day numbers were read as days (day 1 is 1 January 1900).",
    "times of day": "Midnight was taken off days.",
    "days first": "Days were read as day, month, year.",
    "months first": "Intervals such as 04/2020-03/2021 were read as months.",
    "months in words": "Months in words were read as ISO months.",
}


def clean_periods(sheet: Sheet, header: str, ledger: Ledger, *, keep: Mask) -> Any:
    """Return the periods of a column as ISO 8601 text.

    Args:
        sheet: The cells.
        header: The column.
        ledger: Told what was mended and what is wrong.
        keep: Rows that are used.
    """
    encoded = one(as_text(sheet.columns[header])).dictionary_encode()
    texts: list[str | None] = [*encoded.dictionary.to_pylist(), None]
    indices = positive(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), len(texts))
    read = [iso_period(text) if text else None for text in texts]
    wrong = np.array([item is None for item in read], dtype=np.bool_)[indices] & keep
    for row in np.flatnonzero(wrong):
        ledger.fault(
            Problem(
                f"{sheet.name}, row {sheet.rows[row]}, column “{header}”",
                "not a period",
                got=repr(texts[indices[row]]),
                expected="2021, 2021-03, 2021-03-31 or 2019/2021",
                remedy="Write the period as ISO 8601.",
            )
        )
    kinds = np.array([item[1] if item else "" for item in read], dtype=object)[indices]
    for kind, sentence in _PERIOD_SENTENCES.items():
        hits = np.flatnonzero((kinds == kind) & keep)
        if len(hits):
            ledger.mended(
                Note(
                    header, kind, len(hits), int(sheet.rows[hits[0]]), str(texts[indices[hits[0]]]), sentence
                )
            )
    return pa.array([item[0] if item else None for item in read], pa.string()).take(pa.array(indices))
