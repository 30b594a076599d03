"""The audit stage: the statistical audit that published indices are given by outsiders, run on every index by the study itself.

Each test has a number, a line that it is held against (`wardmote.study.AuditLimits`, with the reason of each), a result and one
plain sentence. A flag is no fault by itself: it names what the makers of an index must be able to answer for. The tests look at
associations between columns of numbers and say nothing of causes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wardmote import words
from wardmote.audit.coherence import added_value, available, parents, shapes, siblings, unity
from wardmote.audit.influence import drivers, intervals, left_out, weights
from wardmote.audit.lines import line_from
from wardmote.audit.links import classes_of, links, measures_of
from wardmote.audit.subject import Line, subject_of
from wardmote.engine.built import compute_index
from wardmote.levels import Level, nouns_of
from wardmote.study import AuditSpec, IndexSpec
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AuditTables", "find_audit"]


@dataclass(frozen=True, slots=True)
class AuditTables:
    """The audit of one index.

    Attributes:
        audit: Table `audit`, test by test in the order of telling.
        findings: Table `findings`.
    """

    audit: pd.DataFrame
    findings: pd.DataFrame


def find_audit(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    *,
    scores: pd.DataFrame,
    ranks: pd.DataFrame | None = None,
    sensitivity: pd.DataFrame | None = None,
    classes: pd.DataFrame | None = None,
    spec: AuditSpec,
    audit: str,
    indices: Mapping[str, IndexSpec],
    boundaries: pd.DataFrame | None = None,
    levels: Mapping[str, Level] | None = None,
) -> AuditTables:
    """Return the statistical audit of one index.

    Args:
        areas, memberships, indicators, values, priorities, boundaries: As in `wardmote.index.build_index`; values also hold the
            indicators that `spec.against` names.
        scores: Table `scores` of the indices that `spec.against` names; may be empty.
        ranks: Table `ranks`, or None where uncertainty has not run: the test of intervals then does not apply.
        sensitivity: Table `sensitivity`, likewise.
        classes: Table `classes`, where `spec.classes` names a classification.
        spec: The audit.
        audit: Its name in the study.
        indices: Specs of the index and of those it is held against, by name.
        levels: Levels of the study, for what areas are called; the built-in ones by default.

    Returns:
        The table `audit` and findings: how many tests passed, and each link to another measure that was flagged. It does not depend
        on the order of areas or rows.

    Raises:
        InputError: The index has no values, another measure has none at its level, or the classification is not there.
        StudyError, MethodError: As in `wardmote.index.build_index`.
    """
    index = indices[spec.index]
    built = compute_index(
        areas,
        memberships,
        indicators,
        values,
        priorities,
        spec=index,
        index=spec.index,
        boundaries=boundaries,
    )
    subject = subject_of(built, index, spec, nouns_of(built.inputs.level, levels))
    measures = measures_of(subject, scores, values, indicators, indices)
    groups = classes_of(subject, classes)
    lines = [
        *available(subject),
        *shapes(subject),
        *siblings(subject),
        *parents(subject),
        *unity(subject),
        *links(subject, measures, groups),
        *weights(subject),
        *left_out(subject),
        *drivers(subject, sensitivity),
        *intervals(subject, ranks),
        *added_value(subject),
    ]
    order = {test: place for place, test in enumerate(words.AUDIT_TESTS)}
    lines.sort(key=lambda one: order[one.test])
    title = index.title or spec.index
    return AuditTables(_audit_table(spec, lines), _findings(audit, title, lines))


def _audit_table(spec: AuditSpec, lines: list[Line]) -> pd.DataFrame:
    return frame(
        "audit",
        {
            "index": [spec.index] * len(lines),
            "test": [one.test for one in lines],
            "item": [one.item for one in lines],
            "result": [one.result for one in lines],
            "value": np.array([one.value for one in lines], dtype=np.float64),
            "threshold": np.array([one.threshold for one in lines], dtype=np.float64),
            "sentence": [one.sentence for one in lines],
            "line_from": [line_from(one.test, spec.limits) for one in lines],
            "beside": np.array([one.beside for one in lines], dtype=np.float64),
        },
    )


def _findings(audit: str, title: str, lines: list[Line]) -> pd.DataFrame:
    """Return the count of results, and each link to another measure that was flagged."""
    flagged = [
        (one.sentence, one.value)
        for one in lines
        if one.result == "flagged" and one.test == "link to another measure"
    ]
    told = words.audit_findings(title, Counter(one.result for one in lines), flagged)
    return frame(
        "findings",
        {
            "stage": ["audit"] * len(told),
            "id": [audit] * len(told),
            "position": list(range(1, len(told) + 1)),
            "sentence": [sentence for sentence, _, _ in told],
            "value": np.array([value for _, value, _ in told], dtype=np.float64),
            "source_table": [table for _, _, table in told],
        },
    )
