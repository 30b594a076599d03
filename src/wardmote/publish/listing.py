"""All places of a level as a table, in classes with intervals: rows to sort, filter and take away, and no league table.

Places are sorted by name, or by class and then by name; never by rank. Small levels have their rows in the page. Of large ones the
script makes them from the columns of the level: the head of each column names the measures and the rule by which it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.atlas import Making
from wardmote.publish.building import safe_name
from wardmote.publish.page import titles_of
from wardmote.publish.pages import MOST_ROWS
from wardmote.publish.places import IndexFacts, Interval, NeedFacts, PlaceLevel, RoundFacts, Summary
from wardmote.publish.profiles import Link, told_decision, told_type
from wardmote.publish.strings import PAGES, PLACE, SCRIPT, say
from wardmote.study import Study

FIFTHS = 5
"""Classes by rank, where no interval is known."""

TENTHS = 10
"""Classes of the smallest areas, of which there are too many for their rows to stand in the page."""

SIDES = ("higher", "similar", "lower")
"""Classes by interval, those with more need first."""

Tell = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table of places.

    Attributes:
        title: Its head.
        group: What it is of, the head above its own and its neighbours' (an index), or "".
        rule: How the script tells it: *class* (a place in `words`), *side* (by its interval), *fifth* (by its rank), *between*
            (its interval), *share*, or *figure*.
        measures: The measures of the columns that it is told from.
        tell: Gives the words of a row.
        key: Gives the number that a row is sorted by; None where words are classes, or where it is not sorted by.
        words: Its classes, in the order in which they are sorted.
        total: Places that are ranked.
        note: What its classes mean, or "".
    """

    title: str
    rule: str
    measures: tuple[str, ...]
    tell: Tell
    key: Tell | None = None
    words: tuple[str, ...] = ()
    total: int = 0
    note: str = ""
    group: str = ""

    @property
    def named(self) -> str:
        """Its head where it stands alone."""
        return say("pages", "table_of", title=self.group, column=self.title) if self.group else self.title


def make_tables(making: Making) -> None:
    """Write one page for each level with all its places as a table, in classes.

    Args:
        making: What pages are made of.
    """
    levels = [place for place in making.atlas.levels.values() if len(place.codes) > 1]
    if not levels:
        levels = [making.atlas.base]
    first = max(
        (place for place in levels if len(place.codes) <= MOST_ROWS),
        key=lambda p: len(p.codes),
        default=levels[-1],
    )
    paths = {
        place.level.name: "table/index.html"
        if place is first
        else f"table/{safe_name(place.level.name)}.html"
        for place in levels
    }
    kinds = [Link(place.level.plural, paths[place.level.name]) for place in levels]
    for place in levels:
        _table(making, place, paths[place.level.name], kinds)


def _table(making: Making, place: PlaceLevel, path: str, kinds: list[Link]) -> None:
    """Write the table of one level."""
    large = len(place.codes) > MOST_ROWS
    columns = list(columns_of(making, place, large))
    rows: list[tuple[Link, list[tuple[str, str]]]] = []
    if not large:
        order = sorted(range(len(place.codes)), key=lambda row: (place.names[row], place.codes[row]))
        rows = [
            (
                making.profiler.link(place.level.name, row),
                [(one.tell(row), one.key(row) if one.key else "") for one in columns],
            )
            for row in order
        ]
    shown = [{cells[i][0] for _, cells in rows} for i in range(len(columns))]
    classes = [
        (i, one.group or one.title, [word for word in one.words if large or word in shown[i]])
        for i, one in enumerate(columns)
        if one.words
    ]
    intervals = [item for item in (_interval_of(making, place, one.group) for one in columns) if item]
    making.put(
        path,
        "table.html.j2",
        noun=place.level.plural,
        level=place.level.name,
        kinds=kinds,
        large=large,
        columns=columns,
        groups=[(name, len(list(same))) for name, same in groupby(columns, key=lambda one: one.group)],
        rows=rows,
        classes=classes,
        notes=tuple(dict.fromkeys(one.note for one in columns if one.note)),
        between=_told_interval(intervals[0]) if intervals else "",
        doors=_doors(making, place) if large else [],
    )


def _doors(making: Making, place: PlaceLevel) -> list[Link]:
    """Return the larger areas on whose pages the places of a large level stand."""
    name = next((name for name in reversed(list(place.parents)) if making.atlas.levels[name].paged), "")
    if not name or len(making.atlas.levels[name].codes) > MOST_ROWS:
        return []
    links = [making.profiler.link(name, row) for row in range(len(making.atlas.levels[name].codes))]
    return sorted(links, key=lambda link: (link.name, link.code))


def columns_of(making: Making, place: PlaceLevel, large: bool) -> Iterator[Column]:
    """Yield the columns of the table of one level.

    Args:
        making: What pages are made of.
        place: The level.
        large: Whether the script makes its rows.
    """
    name = place.level.name
    for item in making.atlas.indices[:2]:
        if item.level == name:
            yield from _of_index(item, large)
        else:
            yield from _of_summary([one for one in making.atlas.summaries[name] if one.index == item.id])
    need = next((one for one in making.atlas.needs if one.level == name), None)
    if need is not None:
        yield _of_need(need, making.study)
    for one in making.atlas.rounds:
        if one.level == name:
            yield _of_round(one)
    if not (place.population != place.population).all():
        people = place.population
        yield Column(
            PAGES["people"],
            "figure",
            ("population",),
            lambda row: speech.figure(float(people[row]), 0),
            _key_of(people),
        )


def _of_index(item: IndexFacts, large: bool) -> Iterator[Column]:
    """Yield class and interval of an index at its own level."""
    rank, total = item.rank[0], item.ranked[0]
    if large:
        tenths = (
            SCRIPT["greatest_tenth"],
            *(SCRIPT["other_tenth"].format(tenth=n) for n in range(2, TENTHS)),
        )
        tenths = (*tenths, SCRIPT["least_tenth"])
        decile = item.decile[0]
        yield Column(
            PAGES["table_class"],
            "class",
            (f"{item.id}.decile",),
            lambda row: tenths[decile[row] - 1] if decile[row] else PAGES["class_none"],
            words=tenths,
            note=PAGES["note_tenths"],
            group=item.title,
        )
    else:
        yield _class_of(item.title, item.id, rank, total, item.interval)
    if item.interval is not None:
        yield _between(item.title, item.id, item.interval, total)


def _of_summary(mine: list[Summary]) -> Iterator[Column]:
    """Yield class, interval and share of an index at a larger level."""
    shown = next((one for one in mine if one.measure == "average score"), mine[0] if mine else None)
    if shown is not None:
        yield _class_of(shown.title, _measure(shown), shown.rank, shown.ranked, shown.interval)
        if shown.interval is not None:
            yield _between(shown.title, _measure(shown), shown.interval, shown.ranked)
    share = next((one for one in mine if one.measure == "proportion"), None)
    if share is not None:
        yield Column(
            PAGES["table_inside"],
            "share",
            (_measure(share),),
            lambda row: speech.percent(float(share.value[row])) if share.rank[row] else "",
            _key_of(share.value),
            group=share.title,
        )


def _class_of(title: str, measure: str, rank: Any, total: int, interval: Interval | None) -> Column:
    """Return the class of places: by their intervals beside the middle, else by fifths of ranks."""
    if interval is None:
        fifths = tuple(PAGES[f"fifth_{i}"] for i in range(1, FIFTHS + 1))

        def fifth(row: int) -> str:
            if not rank[row]:
                return PAGES["class_none"]
            return fifths[min(int(FIFTHS * (rank[row] - 1) / total), FIFTHS - 1)]

        return Column(
            PAGES["table_class"],
            "fifth",
            (f"{measure}.rank",),
            fifth,
            words=(*fifths, PAGES["class_none"]),
            total=total,
            note=PAGES["note_fifths"],
            group=title,
        )

    def side(row: int) -> str:
        if not rank[row] or not interval.low[row]:
            return PAGES["class_none"]
        told = words.compared(float(interval.low[row]), float(interval.high[row]), total / 2)
        return PAGES[f"class_{told}"]

    return Column(
        PAGES["table_class"],
        "side",
        (f"{measure}.low", f"{measure}.high"),
        side,
        words=(*(PAGES[f"class_{one}"] for one in SIDES), PAGES["class_none"]),
        total=total,
        note=PAGES["note_sides"],
        group=title,
    )


def _between(title: str, measure: str, interval: Interval, total: int) -> Column:
    """Return the ranks between which places lie."""

    def tell(row: int) -> str:
        if not interval.low[row]:
            return ""
        return say("place", "ends", low=f"{interval.low[row]:,}", high=f"{interval.high[row]:,}")

    head = say("pages", "table_between", total=f"{total:,}")
    return Column(head, "between", (f"{measure}.low", f"{measure}.high"), tell, group=title)


def _interval_of(making: Making, place: PlaceLevel, title: str) -> Interval | None:
    """Return the intervals of the index that heads a column, or None."""
    known = [(one.title, one.interval) for one in making.atlas.indices if one.level == place.level.name]
    known += [(one.title, one.interval) for one in making.atlas.summaries[place.level.name]]
    return next((interval for named, interval in known if named == title and interval), None)


def _told_interval(interval: Interval) -> str:
    """Return what intervals are of, in words: coverage and what varied."""
    return say(
        "start",
        "order_interval",
        coverage=speech.percent(interval.coverage),
        component=PLACE[f"of_{interval.component}"],
    )


def _of_need(need: NeedFacts, study: Study) -> Column:
    """Return which of two needs places have."""
    told = need.kinds
    first, second = titles_of(study, study.need[need.id])
    key = "note_need" if words.familiar_needs(first, second) else "note_need_of"
    share = speech.percent(study.need[need.id].share)
    note = say("pages", key, share=share, title=need.title, first=first, second=second)
    return Column(
        PLACE["type"],
        "class",
        (f"need.{need.id}",),
        lambda row: told_type(need, row),
        words=told,
        note=note,
    )


def _of_round(one: RoundFacts) -> Column:
    """Return what a funding round decided."""

    def tell(row: int) -> str:
        return told_decision(one, one.decisions[row], ()).status if row in one.decisions else ""

    return Column(
        one.title,
        "class",
        (f"round.{one.id}",),
        tell,
        words=(PLACE["funded"], PLACE["not_funded"], PLACE["open"]),
    )


def _measure(one: Summary) -> str:
    return f"{one.index}.{one.measure.replace(' ', '-')}"


def _key_of(values: Any) -> Tell:
    return lambda row: "" if values[row] != values[row] else f"{float(values[row]):.6g}"
