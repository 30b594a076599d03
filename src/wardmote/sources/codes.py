"""Codes of areas as people have them: mended where the level's pattern leaves one reading, refused where it does not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote.errors import Problem
from wardmote.levels import Level
from wardmote.sources.mend import Ledger, Mask, as_text, one, positive
from wardmote.sources.read import Note, Sheet
from wardmote.sources.vintages import vintage_fault

TOTAL_WORDS = frozenset(
    (
        "total", "totals", "grand total", "all", "all areas", "overall", "sum", "mean", "average", "england", "wales", "scotland",
        "northern ireland", "england and wales", "great britain", "united kingdom", "uk", "gb",
    )
)  # fmt: skip
"""What stands in a code's or a name's cell of a row of totals, in small letters."""

_COUNTRY = re.compile(r"[EWSN]92\d{6}|K0[1-9]\d{6}")
_DATE_LIKE = re.compile(
    r"\d{4}-\d{2}-\d{2}.*|\d{1,2}[-/ ](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*([-/ ]\d{2,4})?"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/ ]\d{1,4}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes of one column.

    Attributes:
        codes: Clean codes, null where `outcome` is not ok.
        outcome: For each row: ok, blank, total, other, note or fault.
    """

    codes: Any
    outcome: np.ndarray[Any, np.dtype[np.object_]]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of one text in a column of codes."""

    outcome: str
    code: str | None = None
    kind: str = ""
    what: str = ""
    expected: str = ""
    remedy: str = ""


_CODE_MENDINGS = {
    "spaces in codes": "Spaces in codes were removed.",
    "small letters in codes": "Small letters in codes were made capitals.",
    "lost leading characters": "Characters that codes had lost at their start were put back, as the level's pattern allows no other.",
}


def clean_codes(
    sheet: Sheet,
    header: str,
    level: Level,
    ledger: Ledger,
    *,
    levels: Mapping[str, Level],
    bare: Mask | None = None,
) -> Codes:
    """Return the codes of a column, mended where the level's pattern leaves one reading.

    Args:
        sheet: The cells.
        header: The column of codes.
        level: Their level.
        ledger: Told what was mended and what is wrong.
        levels: All levels of the study, to recognise codes of another one.
        bare: Rows whose other cells are all empty, shape (n,): a text there is a note, not a code.

    Returns:
        Codes and what became of each row. Blank cells, totals and codes of other levels are left to the caller; whatever else is
        no code of the level is told as a fault.
    """
    text = one(as_text(sheet.columns[header]))
    dated = sheet.dates.get(header, np.zeros(len(text), dtype=np.bool_))
    # Only cells that do not look like codes are judged one by one; without a pattern every cell is.
    odd = np.flatnonzero(~_holds(text, level) | dated)
    outcome = np.full(len(text), "ok", dtype=object)
    if not len(odd):
        return Codes(text, outcome)
    judged = _judge_all(
        text.take(pa.array(odd)), level, levels, dated[odd], None if bare is None else bare[odd]
    )
    outcome[odd] = np.where(judged.outcome == "date", "fault", judged.outcome)
    mask = np.zeros(len(text), dtype=np.bool_)
    mask[odd] = True
    place = f"column “{header}”"
    _note_codes(judged, header, sheet.rows[odd], ledger)
    _fault_codes(judged, level, [f"{sheet.name}, row {row}, {place}" for row in sheet.rows[odd]], ledger)
    return Codes(pc.replace_with_mask(text, pa.array(mask), judged.codes), outcome)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Cells that were judged one by one: clean codes, outcomes, verdicts and texts, each of the cells' number."""

    codes: Any
    outcome: Any
    verdicts: list[_Verdict]
    texts: list[str]


def _judge_all(
    cells: Any, level: Level, levels: Mapping[str, Level], dated: Mask, bare: Mask | None
) -> _Judged:
    """Return what became of cells; each different text is judged once."""
    encoded = cells.dictionary_encode()
    different: list[str | None] = [*encoded.dictionary.to_pylist(), None]
    indices = positive(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), len(different))
    finder = _Finder(level, levels)
    verdicts = [_judge(cell, level, finder) for cell in different]
    outcome = np.array([verdict.outcome for verdict in verdicts], dtype=object)[indices]
    outcome = np.where(dated, "date", outcome)
    if bare is not None:
        wordy = np.array([_wordy(cell) for cell in different], dtype=np.bool_)[indices]
        outcome = np.where(bare & wordy & (outcome == "fault"), "note", outcome)
    codes = pa.array([verdict.code for verdict in verdicts], pa.string()).take(pa.array(indices))
    return _Judged(
        pc.if_else(pa.array(outcome == "ok"), codes, None),
        outcome,
        [verdicts[index] for index in indices],
        [str(different[index]) for index in indices],
    )


def _holds(text: Any, level: Level) -> Mask:
    """Return which cells look like codes of the level."""
    if not level.pattern:
        return np.zeros(len(text), dtype=np.bool_)
    try:
        mask = pc.match_substring_regex(text, f"^(?:{level.pattern})$")
    except pa.ArrowInvalid:  # a pattern that Arrow's engine does not know: Python's judges each text
        return np.array([cell is not None and level.holds(cell) for cell in text.to_pylist()], dtype=np.bool_)
    return np.asarray(one(pc.fill_null(mask, False)).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _wordy(cell: str | None) -> bool:
    """Return whether a text reads like words rather than a broken code."""
    return bool(cell) and (" " in str(cell).strip() or not any(sign.isdigit() for sign in str(cell)))


def _judge(cell: str | None, level: Level, finder: _Finder) -> _Verdict:
    """Return what becomes of one text in a column of codes."""
    stripped = " ".join((cell or "").replace("\u200b", "").replace("\ufeff", "").split())
    if not stripped:
        return _Verdict("blank")
    low = stripped.lower()
    if level.pattern and level.holds(stripped):
        return _Verdict("ok", stripped, "spaces in codes" if stripped != cell else "")
    if (
        _total(low)
        if not level.pattern
        else (low in TOTAL_WORDS or _total(low) or _COUNTRY.fullmatch(stripped))
    ):
        return _Verdict("total", what=stripped)
    if _DATE_LIKE.fullmatch(stripped):
        return _Verdict("date")
    if not level.pattern:
        return _Verdict("ok", stripped, "spaces in codes" if stripped != cell else "")
    tight = re.sub(r"\s+", "", stripped)
    for code, kind in ((tight, "spaces in codes"), (tight.upper(), "small letters in codes")):
        if level.holds(code):
            return _Verdict("ok", code, kind)
    if others := finder.others(tight.upper()):
        return _Verdict("other", what=others)
    return _completed(tight.upper(), level, finder)


def _total(low: str) -> bool:
    """Return whether a text says that it is a total; the only words that cannot be a code where a level has no pattern."""
    return low.startswith(("total", "grand total"))


def _completed(code: str, level: Level, finder: _Finder) -> _Verdict:
    """Return what becomes of a text that is no code of any level: mended where it lost its start, else a fault."""
    found = finder.completed(code)
    if len(found) == 1:
        return _Verdict("ok", found[0], "lost leading characters")
    if found:
        return _Verdict(
            "fault",
            what="the code has lost its first characters, and more than one code ends so",
            expected=" or ".join(found[:4]),
            remedy="Write the codes in full; in a spreadsheet, format the column as text first.",
        )
    return _Verdict(
        "fault",
        what="the code is not one of the level",
        expected=f"a code of level {level.name}, like {level.pattern}",
        remedy="Correct the code, or the level in the study.",
    )


class _Finder:
    """Finds which other levels a code looks like, and what a level's codes may have lost at their start.

    Lost zeros come first, since spreadsheets drop them; then up to three letters or digits are tried, learned from the first codes of
    each length and first sign, since codes of one level are alike.
    """

    _SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    _LEARN = 8  # codes of one length and first sign from which prefixes are learned
    _LONGEST = 2  # lost characters that are tried; a code that lost more is refused

    def __init__(self, level: Level, levels: Mapping[str, Level]) -> None:
        self.level = level
        # Vintages of a level share their pattern: each pattern is tried once.
        self.patterns: dict[str, list[str]] = {}
        for name, other in levels.items():
            if other.pattern and name != level.name:
                self.patterns.setdefault(other.pattern, []).append(name)
        self.learned: dict[tuple[int, str], tuple[int, set[str]]] = {}
        signs = self._SIGNS
        self.tries = [*signs, *(first + second for first in signs for second in signs)]

    def others(self, code: str) -> str:
        """Return the names of other levels that a code looks like, or ""."""
        hits = (names for pattern, names in self.patterns.items() if re.fullmatch(pattern, code))
        return ", ".join(name for names in hits for name in names)

    def completed(self, code: str) -> list[str]:
        """Return all codes of the level that end with the given text and have lost a few characters."""
        zeros = [padded for k in range(1, 5) if self.level.holds(padded := "0" * k + code)]
        if len(zeros) == 1:
            return zeros
        key = (len(code), code[:1])
        seen, prefixes = self.learned.get(key, (0, set()))
        if seen < self._LEARN:
            prefixes = prefixes | {prefix for prefix in self.tries if self.level.holds(prefix + code)}
            self.learned[key] = (seen + 1, prefixes)
        return sorted(prefix + code for prefix in prefixes if self.level.holds(prefix + code))


def _note_codes(judged: _Judged, header: str, rows: Any, ledger: Ledger) -> None:
    """Tell the ledger which codes were mended."""
    kinds = np.array([verdict.kind for verdict in judged.verdicts], dtype=object)
    for kind, sentence in _CODE_MENDINGS.items():
        hits = np.flatnonzero((kinds == kind) & (judged.outcome == "ok"))
        if len(hits):
            first = int(hits[0])
            ledger.mended(Note(header, kind, len(hits), int(rows[first]), judged.texts[first], sentence))


def _fault_codes(judged: _Judged, level: Level, places: Sequence[str], ledger: Ledger) -> None:
    """Tell the ledger which codes are wrong."""
    for at in np.flatnonzero(judged.outcome == "date").tolist():
        ledger.fault(
            Problem(
                places[at],
                "a spreadsheet has turned the code into a date",
                got=judged.texts[at],
                expected=f"a code of level {level.name}",
                remedy="Format the column as text and enter the code again; the date does not tell what it was.",
            )
        )
    for at in np.flatnonzero(judged.outcome == "fault").tolist():
        verdict = judged.verdicts[at]
        ledger.fault(
            Problem(
                places[at],
                verdict.what,
                got=judged.texts[at],
                expected=verdict.expected,
                remedy=verdict.remedy,
            )
        )


def check_vintage(sheet: Sheet, header: str, level: Level, codes: Codes, ledger: Ledger) -> None:
    """Tell the ledger where codes are known to belong to another vintage than the level's.

    Args:
        sheet: The cells.
        header: The column of codes.
        level: Their level.
        codes: The codes, from `clean_codes`.
        ledger: Told what is wrong.
    """
    found = vintage_fault(level.name, codes.codes)
    if found is None:
        return
    mask, told = found
    rows = np.flatnonzero(mask)
    if not len(rows):
        return
    first = int(rows[0])
    ledger.fault(
        Problem(
            f"{sheet.name}, row {sheet.rows[first]}, column “{header}”",
            f"the file holds codes of another vintage than {level.name} ({len(rows):,} such rows)",
            got=f"{codes.codes[first].as_py()} ({told(codes.codes[first].as_py())})",
            expected=f"codes as of {level.vintage}",
            remedy="Correct the level in the study, or split the file by vintage and convert one part.",
        )
    )
