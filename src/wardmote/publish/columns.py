"""Small columns of numbers that pages load in the browser: one file a measure, in the order of the codes of its level.

Maps, tables and comparisons join them to shapes by the order of codes, so new numbers never mean new tiles. Layout, relative to the
site:

``data/columns/<level>/codes.json``
    ``{"level", "title", "plural", "paged", "codes": […], "names": […], "parents": {level: [row of the parent at that level, -1 for none]},
    "measures": [{"measure", "title", "kind", "unit", "total", "index", "node", "words": […]}]}``
``data/columns/<level>/<measure>.json``
    ``{"measure", "values": […]}``, null where there is none.

The same content stands in ``….js`` beside each file, as one call of ``wardmote.put``: a page that was opened straight from disk may
load scripts, not JSON.

Kinds of measure: *rank* (1 is the greatest need, of `total`), *decile* (1 is the greatest-need tenth), *score* (full precision, as it
enters its parent: what the engine's sum is made of), *share* (0 to 1), *number*, *class* (a place in `words`, counted from 1, 0 for
none), *low* and *high* (ends of the interval of the rank), *people*, *count* (how many of the areas within).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from wardmote.publish.atlas import Making
from wardmote.publish.building import Build, digest, safe_name
from wardmote.publish.places import TYPES, Atlas, IndexFacts, Interval, PlaceLevel
from wardmote.publish.profiles import told_measure
from wardmote.publish.shards import script
from wardmote.publish.strings import PAGES, PLACE, STRINGS, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STANDINGS = ("firm", "contested", "out")
"""How firm a decision is, in columns counted from 1."""


@dataclass(frozen=True, slots=True)
class Column:
    """One measure of one level.

    Attributes:
        measure: Its name, the name of its file.
        title: What pages call it.
        kind: What its numbers are; see the module.
        values: One number a place, NaN or (for whole kinds) 0 for none.
        unit: Its unit, or "".
        total: Places that are ranked, for ranks.
        index, node: What it belongs to, or "".
        words: Names of classes, for kind class.
    """

    measure: str
    title: str
    kind: str
    values: NDArray[Any]
    unit: str = ""
    total: int = 0
    index: str = ""
    node: str = ""
    words: tuple[str, ...] = ()


def columns_of(atlas: Atlas, level: str) -> Iterator[Column]:
    """Yield all measures of one level.

    Args:
        atlas: The facts of all places.
        level: The level.
    """
    import numpy as np

    place = atlas.levels[level]
    yield Column(
        "population",
        PAGES["people"],
        "people",
        place.population,
    )
    for item in atlas.indices:
        if item.level == level:
            yield from _of_index(item)
    for one in atlas.summaries.get(level, ()):
        name = f"{one.index}.{one.measure.replace(' ', '-')}"
        title = f"{one.title}: {_small(told_measure(one.measure))}"
        kind = "share" if one.measure in ("proportion", "extent") else "number"
        yield Column(name, title, kind, one.value, index=one.index)
        yield Column(
            f"{name}.rank",
            say("pages", "column_rank", title=title),
            "rank",
            one.rank,
            total=one.ranked,
            index=one.index,
        )
        yield from _of_interval(name, title, one.index, one.interval, one.ranked)
    for need in atlas.needs:
        if need.level == level:
            yield Column(
                f"need.{need.id}",
                need.title,
                "class",
                need.type,
                words=need.kinds,
            )
            if (~np.isnan(need.share)).any():
                yield Column(
                    f"need.{need.id}.share",
                    say("pages", "column_draws", title=need.title),
                    "share",
                    need.share,
                )
    yield from _of_rounds(atlas, place)
    yield from _within(atlas, place)


def _small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def _of_index(item: IndexFacts) -> Iterator[Column]:
    """Yield rank, tenth and score of each part of an index, and the interval of the whole."""
    for i, part in enumerate(item.parts):
        name = f"{item.id}.{part.node}" if part.depth else item.id
        title = f"{item.title}: {part.title}" if part.depth else item.title
        yield Column(
            f"{name}.decile",
            say("script", "tenth_of", title=title),
            "decile",
            item.decile[i],
            index=item.id,
            node=part.node,
        )
        if part.depth <= 1:
            total = item.ranked[i]
            yield Column(
                f"{name}.rank",
                say("pages", "column_rank", title=title),
                "rank",
                item.rank[i],
                total=total,
                index=item.id,
                node=part.node,
            )
            yield Column(
                f"{name}.score",
                say("pages", "column_score", title=title),
                "score",
                item.score[i],
                index=item.id,
                node=part.node,
            )
    yield from _of_interval(item.id, item.title, item.id, item.interval, item.ranked[0])


def _of_interval(
    name: str, title: str, index: str, interval: Interval | None, total: int
) -> Iterator[Column]:
    if interval is None:
        return
    unit = f"{interval.component} {interval.coverage:g}"
    for end, values in (("low", interval.low), ("high", interval.high)):
        yield Column(
            f"{name}.{end}", say("pages", f"column_{end}", title=title), end, values, unit, total, index
        )
    yield Column(
        f"{name}.inside",
        say("pages", "column_inside", title=title),
        "share",
        interval.inside,
        unit,
        0,
        index,
    )


def _of_rounds(atlas: Atlas, place: PlaceLevel) -> Iterator[Column]:
    """Yield what funding rounds decided: 1 funded, 2 not funded, 3 still open; and how firm it is."""
    import numpy as np

    for one in atlas.rounds:
        if one.level != place.level.name:
            continue
        funded = np.zeros(len(place.codes), dtype=np.int64)
        firm, share = np.zeros(len(place.codes), dtype=np.int64), np.full(len(place.codes), np.nan)
        for row, decision in one.decisions.items():
            funded[row] = 3 if decision["funded"] is None else 1 if decision["funded"] else 2
            if decision.get("standing") in STANDINGS:
                firm[row] = STANDINGS.index(decision["standing"]) + 1
            if decision.get("p_funded") is not None:
                share[row] = decision["p_funded"]
        words = (PLACE["funded"], PLACE["not_funded"], PLACE["open"])
        yield Column(f"round.{one.id}", one.title, "class", funded, words=words)
        told = tuple(STRINGS["funding"][name] for name in STANDINGS)
        if firm.any():
            yield Column(
                f"round.{one.id}.standing",
                say("pages", "column_firm", title=one.title),
                "class",
                firm,
                words=told,
            )
        if (~np.isnan(share)).any():
            yield Column(
                f"round.{one.id}.share", say("pages", "column_draws", title=one.title), "share", share
            )


def _within(atlas: Atlas, place: PlaceLevel) -> Iterator[Column]:
    """Yield what is counted in larger areas: the share of their small areas with both needs, and how many a round funds."""
    import numpy as np

    name = place.level.name
    for need in atlas.needs:
        inner = atlas.levels[need.level]
        if name in inner.parents:
            known, both = (
                _counted(inner.parents[name], rows, len(place.codes))
                for rows in (need.type > 0, need.type == TYPES.index("both") + 1)
            )
            share = np.divide(both, known, out=np.full(len(known), np.nan), where=known > 0)
            title = say("pages", "column_within", title=need.title, areas=inner.level.plural)
            yield Column(f"need.{need.id}.within", title, "share", share)
    for one in atlas.rounds:
        inner = atlas.levels[one.level]
        if name in inner.parents:
            considered, funded = np.zeros((2, len(inner.codes)), dtype=bool)
            for row, decision in one.decisions.items():
                considered[row], funded[row] = True, bool(decision["funded"])
            known, given = (
                _counted(inner.parents[name], rows, len(place.codes)) for rows in (considered, funded)
            )
            title = say("pages", "column_funded", title=one.title, areas=inner.level.plural)
            # Where none was considered there is nothing to count; 0 says that some were and none is funded.
            yield Column(f"round.{one.id}.within", title, "count", np.where(known > 0, given, np.nan))


def _counted(parent: NDArray[np.int64], rows: NDArray[np.bool_], places: int) -> NDArray[np.float64]:
    """Return how many of some rows lie in each larger area."""
    import numpy as np

    return np.bincount(parent[rows & (parent >= 0)], minlength=places).astype(np.float64)


def write_column(build: Build, level: str, column: Column) -> None:
    """Write the file of one measure.

    Args:
        build: Takes the files.
        level: Its level.
        column: The measure.
    """
    made_from = digest(build.ingredients, column.measure, column.kind, column.values.tobytes())
    path = f"data/columns/{safe_name(level)}/{column.measure}"
    if build.keep(f"{path}.json", made_from) and build.keep(f"{path}.js", made_from):
        return
    _write(build, path, {"measure": column.measure, "values": numbers(column)}, made_from)


def numbers(column: Column) -> list[Any]:
    """Return the numbers of a measure as JSON knows them: null for none; scores in full, others to a ten-thousandth.

    Args:
        column: The measure.
    """
    import numpy as np

    values = column.values
    if values.dtype.kind in "iu":
        whole = values.tolist()
        return whole if column.kind == "class" else [value or None for value in whole]
    if column.kind != "score":
        # A screen shows four digits at most; scores are added up again and need all.
        values = np.round(values, 4)
    return [
        None if isnan(value) else int(value) if value == int(value) else value for value in values.tolist()
    ]


def _write(build: Build, path: str, content: Any, made_from: str = "") -> None:
    """Write JSON, and the same as a call that a page opened from disk can load."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    build.put(f"{path}.json", text, made_from)
    build.put(f"{path}.js", script(path, content), made_from)


def make_columns(making: Making) -> None:
    """Write the columns of all levels.

    Args:
        making: What pages are made of.
    """
    for name, place in making.atlas.levels.items():
        columns = list(columns_of(making.atlas, name))
        for column in columns:
            write_column(making.build, name, column)
        _write(making.build, f"data/columns/{safe_name(name)}/codes", _codes(place, columns))


def _codes(place: PlaceLevel, columns: list[Column]) -> dict[str, Any]:
    return {
        "level": place.level.name,
        "title": place.level.title,
        "plural": place.level.plural,
        "paged": place.paged,
        "codes": place.codes,
        "names": place.names,
        "parents": {name: rows.tolist() for name, rows in place.parents.items()},
        "measures": [
            {
                "measure": one.measure,
                "title": one.title,
                "kind": one.kind,
                "unit": one.unit,
                "total": one.total,
                "index": one.index,
                "node": one.node,
                "words": one.words,
            }
            for one in columns
        ],
    }
