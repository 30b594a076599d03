"""Tests of how an index and its domains go with other measures, over all areas and inside each class of areas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import words
from wardmote.audit.subject import Line, Subject, line, no_line
from wardmote.engine.inputs import arrow, numbers, read_columns
from wardmote.errors import InputError, Problem
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.coherence import correlations
from wardmote.study import IndexSpec

if TYPE_CHECKING:
    import pandas as pd

LEAST = 30
"""Fewest areas of a class for a correlation inside it: with fewer, that of two unrelated measures lies beyond ±0.36 one time in
twenty (Fisher's z with n = 30), so it says nothing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Another measure in the order of the index's areas.

    Attributes:
        name: Its name in the study.
        title: How pages call it.
        values: Values that rise with the same as the index does, shape (n,), NaN where missing.
    """

    name: str
    title: str
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Classes:
    """A classification of the index's areas: names of the classes, and each area's position among them, −1 without one."""

    names: tuple[str, ...]
    of: IntArray


def measures_of(
    subject: Subject,
    scores: pd.DataFrame,
    values: pd.DataFrame,
    indicators: pd.DataFrame,
    indices: Mapping[str, IndexSpec],
) -> tuple[Measure, ...]:
    """Return the other measures that an audit names, oriented like the index.

    Args:
        subject: The index.
        scores: Table `scores` with the other indices.
        values: Table `values` with the indicators.
        indicators: Table `indicators`.
        indices: Specs of the study's indices that are named.

    Raises:
        InputError: A measure has no values at the index's level; all together.
    """
    level, codes = subject.built.inputs.level, subject.built.inputs.codes
    where = "audit of " + subject.spec.index
    titles = dict(zip(indicators["indicator"].tolist(), indicators["title"].tolist(), strict=True))
    named = {name: "" for name in subject.spec.against if name not in indices}
    columns = read_columns(values, level, codes, named, where=where) if named else {}
    problems: list[Problem] = []
    found = []
    for name in subject.spec.against:
        if name in indices:
            column, title = _scores(scores, name, level, codes), indices[name].title or name
            sign = 1 if indices[name].higher == subject.index.higher else -1
        else:
            column = columns[name].column if name in columns else None
            title = titles.get(name) or name
            direction = subject.built.directions.get(name, 1)
            sign = direction if subject.index.higher == "need" else -direction
        if column is None or np.isnan(column).all():
            problems.append(
                Problem(
                    where,
                    f"{name} has no values at {level}",
                    expected="an index of the study, or an indicator, at the level of the index",
                    remedy="Correct `against`, or add a conversion to this level.",
                )
            )
            continue
        found.append(Measure(name, title, sign * column))
    if problems:
        raise InputError(problems)
    return tuple(found)


def _scores(scores: pd.DataFrame, index: str, level: str, codes: pa.Array) -> FloatArray | None:
    """Return an index's scores in the order of some areas, None where it has none at the level."""
    rows = scores[scores["index"] == index] if len(scores) else scores
    if not len(rows):
        return None
    rows = rows[(rows["node"] == rows["node"].iloc[0]) & (rows["level"] == level)]
    if not len(rows):
        return None
    at = pc.index_in(codes, value_set=arrow(rows, "area")).fill_null(-1).to_numpy(zero_copy_only=False)
    column = numbers(arrow(rows, "score"))
    return np.where(at >= 0, column[np.maximum(at, 0)], np.nan)


def classes_of(subject: Subject, classes: pd.DataFrame | None) -> Classes | None:
    """Return the classification that an audit names, None where it names none.

    Args:
        subject: The index.
        classes: Table `classes`.

    Raises:
        InputError: There is no such classification at the index's level.
    """
    scheme, level = subject.spec.classes, subject.built.inputs.level
    if not scheme:
        return None
    there = classes is not None and len(classes) > 0
    rows = (
        classes[(classes["scheme"] == scheme) & (classes["level"] == level)]
        if classes is not None and there
        else None
    )
    if rows is None or not len(rows):
        known = sorted(set(classes["scheme"].tolist())) if classes is not None and there else []
        raise InputError(
            Problem(
                f"audit of {subject.spec.index}, classes",
                f"there is no such classification at {level}",
                scheme,
                ", ".join(known) or "a source of classes",
                "Correct the name, or add the source.",
            )
        )
    at = pc.index_in(subject.built.inputs.codes, value_set=arrow(rows, "area"))
    at = at.fill_null(-1).to_numpy(zero_copy_only=False)
    encoded = arrow(rows, "class").dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=lambda place: names[place])
    place_of = np.argsort(order)[encoded.indices.to_numpy(zero_copy_only=False)]
    return Classes(tuple(names[place] for place in order), np.where(at >= 0, place_of[np.maximum(at, 0)], -1))


def links(subject: Subject, measures: tuple[Measure, ...], classes: Classes | None) -> Iterator[Line]:
    """Yield whether the index or one of its domains runs against another measure, over all areas and inside each class.

    Args:
        subject: The index.
        measures: The other measures.
        classes: A classification of the areas, or None.
    """
    test, inside, limit = "link to another measure", "link inside a class", subject.limits.opposed
    if not measures:
        yield no_line(test, subject.root, "the audit names no other measure", limit)
        return
    if classes is None:
        yield no_line(inside, subject.root, "the audit names no classes of areas", limit)
    domains = subject.children(subject.root)
    nodes = (subject.root, *(domains if len(domains) > 1 else ()))
    by, other = subject.spec.by, subject.other_by
    rows = subject.rows(nodes)
    for measure in measures:
        overall = correlations(rows, measure.values, by=by)[:, 0]
        beside = correlations(rows, measure.values, by=other)[:, 0]
        within = _by_class(rows, measure, classes, by)
        for place, node in enumerate(nodes):
            said = {"name": subject.title(node), "other": measure.title}
            shown = [
                f"{group} {words.signed(float(r[place]))}" for group, _, r in within if not np.isnan(r[place])
            ]
            said["inside"] = f"; {words.listed(shown)}" if shown else ""
            known = int(np.count_nonzero(~np.isnan(rows[place] + measure.values)))
            item = f"{node} × {measure.name}"
            numbers_ = (float(overall[place]), float(beside[place]))
            yield _judged(subject, test, item, numbers_, known, said=said)
            for group, size, r in within:
                there = {**said, "group": group}
                value = float(r[place])
                if size < LEAST:
                    why = f"{subject.areas(size)} of the class {group} are too few for a correlation"
                    yield no_line(inside, f"{item} in {group}", why, limit, value)
                else:
                    pair = (value, float("nan"))
                    yield _judged(subject, inside, f"{item} in {group}", pair, size, said=there)


def _by_class(
    rows: FloatArray, measure: Measure, classes: Classes | None, by: Literal["scores", "ranks"]
) -> list[tuple[str, int, FloatArray]]:
    """Return each class with its number of areas and the correlations inside it."""
    found = []
    for place, name in enumerate(classes.names if classes else ()):
        there = classes is not None and classes.of == place
        inside = np.flatnonzero(there & ~np.isnan(measure.values))
        if len(inside):
            r = correlations(rows[:, inside], measure.values[inside], by=by)[:, 0]
            found.append((name, len(inside), r))
    return found


def _judged(
    subject: Subject, test: str, item: str, r: tuple[float, float], known: int, *, said: Mapping[str, str]
) -> Line:
    """Return one link as a line; it is flagged where the correlation lies below the limit."""
    limit, (value, beside) = subject.limits.opposed, r
    if np.isnan(value):
        return no_line(test, item, f"{said['name']} or {said['other']} does not vary", limit)
    told = {**said, "areas": subject.areas(known), "r": words.signed(value, 3)}
    return line(test, item, value, limit, "flagged" if value < limit else "", beside=beside, said=told)
