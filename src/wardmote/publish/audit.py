"""The audits of a study's indices for the page: what was flagged first, then what passed and what did not apply."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from wardmote import words
from wardmote.publish.reading import OpenTables
from wardmote.publish.strings import STRINGS, say
from wardmote.study import Study

if TYPE_CHECKING:
    import pandas as pd

AT_MOST = frozenset(
    {
        "skewness and kurtosis", "outliers", "one dimension", "left out: ranks", "left out: greatest need",
        "driver of ranks", "intervals of ranks", "added value",
    }
)  # fmt: skip
"""Tests whose line is an upper one; of the others it is a lower one, but for weight and influence, where it is both."""

WHOLE = frozenset({"one dimension"})
"""Tests whose number is a count."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One test of an audit, as the page prints it: what was found, the number, the line it was held against."""

    sentence: str
    value: str
    line: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an audit with its lines, and where the line comes from that its numbers are held against."""

    text: str
    lines: tuple[AuditLine, ...]
    line_from: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, each sentence once."""
        return tuple(dict.fromkeys(line.sentence for line in self.lines))


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit of one index.

    Attributes:
        title: Title of the index.
        flagged: Questions with what was flagged, in the order of telling.
        passed: Questions with what passed.
        idle: Questions with what did not apply.
        counts: Lines flagged, passed, not applicable.
    """

    title: str
    flagged: tuple[Question, ...]
    passed: tuple[Question, ...]
    idle: tuple[Question, ...]
    counts: tuple[int, int, int]


def audits_of(tables: OpenTables, study: Study) -> tuple[Audit, ...]:
    """Return the audits of a study as far as they may be published, in the order of the study.

    Args:
        tables: The tables of the study.
        study: The study.
    """
    table = tables.read("audit")
    found = []
    for spec in study.audit.values():
        rows = table[table["index"] == spec.index] if len(table) else table
        if len(rows):
            by_result = [rows[rows["result"] == result] for result in ("flagged", "passed", "not applicable")]
            flagged, passed, idle = (_questions(some) for some in by_result)
            one, two, three = (len(some) for some in by_result)
            title = study.index[spec.index].title or spec.index
            found.append(Audit(title, flagged, passed, idle, (one, two, three)))
    return tuple(found)


def _questions(rows: pd.DataFrame) -> tuple[Question, ...]:
    """Return some lines of an audit under the questions that they answer."""
    by_test: dict[str, list[AuditLine]] = {}
    numbers = (rows[name].to_numpy(float, na_value=float("nan")).tolist() for name in ("value", "threshold"))
    for test, sentence, value, limit in zip(
        rows["test"].tolist(), rows["sentence"].tolist(), *numbers, strict=True
    ):
        by_test.setdefault(test, []).append(
            AuditLine(sentence, _told(test, value), _limit(test, value, limit))
        )
    told = STRINGS["audit_tests"]
    # What does not apply was held against no line; and tables of an earlier release do not say where one is from.
    held = rows[rows["result"] != "not applicable"]
    sources = dict(zip(held["test"], held["line_from"], strict=True)) if "line_from" in rows else {}
    return tuple(
        Question(
            told.get(test, test),
            tuple(lines),
            sources.get(test, "") if any(one.line for one in lines) else "",
        )
        for test, lines in by_test.items()
    )


def _told(test: str, number: float) -> str:
    """Return a number of a test: places and dimensions whole, all others with two digits."""
    if isnan(number):
        return ""
    whole = test in WHOLE or abs(number) >= 100
    return words.count(number) if whole else words.signed(number)


def _limit(test: str, value: float, limit: float) -> str:
    """Return the line that a number was held against, in words."""
    if isnan(limit):
        return ""
    if test == "weight and influence":
        return say("audit", "between", low=words.signed(1 / limit), high=words.signed(limit))
    # Siblings have two lines; the upper one stands in the row where the number is above it.
    most = test in AT_MOST or (test == "correlation with siblings" and value > limit > 0.5)
    return say("audit", "at_most" if most else "at_least", number=_told(test, limit))
