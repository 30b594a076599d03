"""What the profile of one place says: what is strong first, then need, how sure, why, and what was decided.

A profile is a record of words that the page, the printed profile and the card print as they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.building import safe_name
from wardmote.publish.glance import Glance, named, told_verdict, verdict
from wardmote.publish.locator import Locator
from wardmote.publish.page import KINDS, OF_ONE, Gathering
from wardmote.publish.place_strategies import Strategies, Strategist
from wardmote.publish.place_words import (
    BOTH,
    as_stated,
    ends_of,
    few,
    place_on_line,
    pulls_of,
    short_interval,
    title_of,
    told_inside,
    told_interval,
    told_partial,
    told_pulls,
)
from wardmote.publish.places import (
    TYPES,
    Atlas,
    IndexFacts,
    NeedFacts,
    PlaceLevel,
    RoundFacts,
    Summary,
)
from wardmote.publish.strings import PLACE, STRINGS, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_TENTHS = 10
"""Fewest places that are told in tenths of them; fewer are told by rank."""

STRONG, GREAT = 8, 3
"""Tenths from which a part counts as strong, and up to which it counts as great need: three tenths at either end."""

CLASSES = ((1, 1), (2, 3), (4, 7), (8, 9), (10, 10))
"""Tenths put together in the tables of larger areas: first and last tenth of each class."""


@dataclass(frozen=True, slots=True)
class Link:
    """A name and where it leads, relative to the folder of the site ("" for nowhere)."""

    name: str
    path: str
    code: str = ""


@dataclass(frozen=True, slots=True, order=True)
class End:
    """One thing that is strong, or in which need is great: its order, what it is called, what is said of it."""

    order: float
    title: str
    said: str


@dataclass(frozen=True, slots=True)
class Ends:
    """What is strong in one place and where need is greatest by one index, and what is nearest to strong."""

    strong: tuple[End, ...]
    great: tuple[End, ...]
    nearest: str


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of an index for one place, in words.

    Attributes:
        title, weight, rank, tenth, figure: In words.
        pull: By how many points of the score it moves the place towards need (+) or away from it (−) beside the average place, or "".
        pull_at: The same from −1 to 1, the part that moves most at either end; 0 where it is not known.
        at: Place on the line from greatest to least need, -1 for none.
    """

    title: str
    weight: str
    rank: str
    tenth: str
    pull: str
    pull_at: float
    figure: str
    at: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How one place stands in one index.

    Attributes:
        title: The index.
        headline: Rank and tenth, or what its small areas say.
        interval: Between which ranks it lies, or that no interval is available.
        inside: How often it is in the greatest-need tenth, or "".
        partial: That the interval is a lower bound, since some figures have no known error, or "".
        at, low, high: Places on the line from 0 (greatest need) to `STRIP`, or -1.
        parts: Its parts.
        leaves: Its indicators.
        up, down: What pulls it towards need and away from it, one sentence each, or "".
        measures: Rows of summaries: name, value, rank, interval.
        classes: How many of its small areas are in which class of tenths, by part: title and counts.
        folded: Whether its tables are folded away, since the index only stands beside another one.
    """

    title: str
    headline: str
    interval: str
    inside: str
    partial: str
    at: float
    low: float
    high: float
    parts: tuple[PartRow, ...]
    leaves: tuple[PartRow, ...]
    up: str
    down: str
    measures: tuple[tuple[str, ...], ...]
    classes: tuple[tuple[str, tuple[int, ...]], ...]
    folded: bool


@dataclass(frozen=True, slots=True)
class Money:
    """A funding round's decision on one place, or what it means for places inside or around it."""

    title: str
    status: str
    sentence: str
    flip: str
    firm: str
    standing: str
    places: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """What one definition of need says of a place.

    Attributes:
        said: It, in a sentence or two.
        title: What the list below is called, or "".
        places: The small areas inside that have both needs, by name, each with how firm that is in a word.
    """

    said: str
    title: str
    places: tuple[tuple[Link, str], ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of places: caption words, header, and rows of a link and cells."""

    noun: str
    header: tuple[str, ...]
    rows: tuple[tuple[Link, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that the page of one place says; see the module."""

    name: str
    code: str
    level: str
    noun: str
    path: str
    residents: str
    trail: tuple[Link, ...]
    glance: tuple[Glance, ...]
    strong: tuple[str, ...]
    unknown: bool
    nearest: str
    great: tuple[str, ...]
    standings: tuple[Standing, ...]
    types: tuple[str, ...]
    both: tuple[Both, ...]
    beside: tuple[tuple[Link, tuple[str, ...]], ...]
    beside_header: tuple[str, ...]
    similar: tuple[tuple[str, tuple[Link, ...]], ...]
    money: tuple[Money, ...]
    inside: Rows | None
    outline: Markup
    on_map: tuple[str, str] | None
    strategies: tuple[Strategies, ...] = ()
    unlike: str = ""

    @property
    def drawn(self) -> bool:
        """Whether any interval of this place comes from draws."""
        return any(one.low >= 0 for one in self.standings)


class Profiler:
    """Writes profiles from the facts of an atlas; what places share is worked out once.

    Args:
        atlas: The facts.
        found: The tables.
    """

    def __init__(self, atlas: Atlas, found: Gathering) -> None:
        self.atlas = atlas
        self.found = found
        self.base = atlas.base
        self.locator = Locator(atlas, found)
        self.strategist = Strategist(atlas, found)
        units = found.read("indicators", ["indicator", "unit"])
        self._units = {
            one: unit if isinstance(unit, str) else ""
            for one, unit in zip(units["indicator"], units["unit"], strict=True)
        }
        # Levels at which places alike are named: pages of the others say why they name none.
        self.alike = sorted({item.level for item in atlas.indices if atlas.similar[item.id].shape[1]})
        self._ordered: dict[tuple[str, int], list[int]] = {}
        self.members = {name: _members(atlas, name) for name in atlas.levels}
        self._tallies = {
            (item.id, name): _tally(item, atlas, name)
            for item in atlas.indices
            for name in atlas.levels
            if name != item.level and item.level == self.base.level.name
        }
        names = list(atlas.levels)
        self._children = {name: _children(atlas, names, i) for i, name in enumerate(names)}
        self._summary = {
            (one.level, one.index, one.measure): one for level in atlas.summaries.values() for one in level
        }

    # ---- one place

    def profile(self, level: str, row: int, *, whole: bool = True) -> Profile:
        """Return the profile of one place.

        Args:
            level: Its level.
            row: Its row there.
            whole: Whether with what only a page of its own shows: the places inside, and the drawing of where it lies.
        """
        place = self.atlas.levels[level]
        standings = tuple(self._standing(item, place, row) for item in self.atlas.indices)
        ends = [self._ends(item, place, row) for item in self.atlas.indices[:2]]
        strong = [end for one in ends for end in one.strong]
        great = [end for one in ends for end in one.great]
        both = self._both(place, row)
        money = tuple(self._money(one, place, row) for one in self.atlas.rounds)
        residents = float(place.population[row])
        return Profile(
            name=place.names[row],
            code=place.codes[row],
            level=level,
            noun=place.level.title,
            path=self.path(level, row),
            residents="" if isnan(residents) else speech.people(residents),
            trail=tuple(
                self.link(above, self._parent(place, row, above)) for above in self._above(place, row)
            ),
            glance=self._glance(
                place, row, ends=(strong, great), money=money, known=any(one.headline for one in standings)
            ),
            strong=tuple(end.said for end in strong),
            unknown=not any(one.headline for one in standings),
            nearest="" if strong else next((one.nearest for one in ends if one.nearest), ""),
            great=tuple(end.said for end in great),
            standings=tuple(one for one in standings if one.headline),
            types=tuple(one.said for one in both),
            both=both,
            beside=self._beside(place, row),
            beside_header=tuple(item.title for item in self._summarised()),
            similar=self._similar(place, row),
            money=money,
            inside=self._small(place, row) if whole else None,
            outline=self.locator.draw(level, row) if whole else Markup(""),
            on_map=self.locator.on_map(level, row) if whole else None,
            strategies=self.strategist.of(level, row),
            unlike=self._unlike(place),
        )

    def path(self, level: str, row: int) -> str:
        """Return where the page of a place lies, relative to the site.

        Args:
            level: Its level.
            row: Its row there.
        """
        place = self.atlas.levels[level]
        if not place.paged:
            return f"place/{safe_name(level)}/index.html?code={quote(place.codes[row], safe='')}"
        return f"place/{safe_name(level)}/{safe_name(place.codes[row])}.html"

    def link(self, level: str, row: int) -> Link:
        """Return a place as a link.

        Args:
            level: Its level.
            row: Its row there.
        """
        place = self.atlas.levels[level]
        return Link(place.names[row], self.path(level, row), place.codes[row])

    def _above(self, place: PlaceLevel, row: int) -> list[str]:
        return [name for name, rows in reversed(list(place.parents.items())) if rows[row] >= 0]

    def _parent(self, place: PlaceLevel, row: int, above: str) -> int:
        return int(place.parents[above][row])

    # ---- indices

    def _standing(self, item: IndexFacts, place: PlaceLevel, row: int) -> Standing:
        if item.level == place.level.name:
            return self._own(item, place, row)
        return self._summed(item, place, row)

    def _own(self, item: IndexFacts, place: PlaceLevel, row: int) -> Standing:
        """Return how a place stands in an index that is built at its level."""
        rank, total = int(item.rank[0, row]), item.ranked[0]
        headline = ""
        if rank:
            told = speech.tenth(int(item.decile[0, row]))
            headline = say(
                "place", "headline", rank=speech.rank_of(rank, total), areas=place.level.plural, tenth=told
            )
        pulls = pulls_of(item, row)
        rows = [
            (part, self._part(item, i, row, pulls))
            for i, part in enumerate(item.parts)
            if part.depth and item.rank[i, row]
        ]
        up, down = told_pulls(item, pulls)
        interval = item.interval
        ends = ends_of(interval, row)
        return Standing(
            title=item.title,
            headline=headline,
            interval=told_interval(interval, row),
            inside=told_inside(interval, row, total, place.level.plural, whole=False),
            partial=told_partial(item, interval),
            at=place_on_line(rank, total),
            low=place_on_line(ends[0], total),
            high=place_on_line(ends[1], total),
            parts=tuple(told for part, told in rows if part.depth == 1),
            leaves=tuple(told for part, told in rows if part.indicator and part.depth > 1),
            up=up,
            down=down,
            measures=(),
            classes=(),
            folded=bool(self.found.study.index[item.id].beside),
        )

    def _part(self, item: IndexFacts, i: int, row: int, pulls: Mapping[int, float]) -> PartRow:
        part, rank, tenth = item.parts[i], int(item.rank[i, row]), int(item.decile[i, row])
        pull = pulls.get(i)
        most = max((abs(one) for one in pulls.values()), default=0.0)
        return PartRow(
            title=part.title,
            weight=speech.percent(part.share),
            rank=speech.rank_of(rank, item.ranked[i]),
            tenth=speech.short_tenth(tenth),
            pull="" if pull is None else speech.signed(pull),
            pull_at=0.0 if pull is None or not most else round(pull / most, 3),
            figure=self._figure(part.indicator, float(item.value[i, row])),
            at=place_on_line(rank, item.ranked[i]),
        )

    def _figure(self, indicator: str, value: float) -> str:
        """Return a figure with its unit."""
        if not indicator or isnan(value):
            return ""
        unit = self._units.get(indicator, "")
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
        number = speech.figure(value, digits)
        if unit.startswith("%"):
            return f"{number}{unit}"
        return f"{number} {unit}".strip()

    def _summed(self, item: IndexFacts, place: PlaceLevel, row: int) -> Standing:
        """Return how a larger place stands, by its small areas and its summaries."""
        name = place.level.name
        noun = self.atlas.levels[item.level].level.plural
        measures = [
            one for one in self.atlas.summaries.get(name, ()) if one.index == item.id and one.rank[row]
        ]
        tally = self._tallies.get((item.id, name))
        headline = ""
        classes: list[tuple[str, tuple[int, ...]]] = []
        if tally is not None and tally[0, row].sum():
            total = int(tally[0, row].sum())
            inside = int(tally[0, row, 0])
            headline = say(
                "place", "headline_inside", inside, count=few(inside), total=f"{total:,}", areas=noun
            )
            for i, part in enumerate(item.parts):
                if part.depth <= 1:
                    classes.append((part.title if part.depth else item.title, tuple(tally[i, row].tolist())))
        shown = next(
            (one for one in measures if one.measure == "average score"), measures[0] if measures else None
        )
        if shown is not None:
            rank = speech.rank_of(int(shown.rank[row]), shown.ranked)
            measure = told_measure(shown.measure)
            measure = f"{measure[:1].lower()}{measure[1:]}"
            by = say("place", "headline_by", measure=measure, rank=rank, areas=place.level.plural)
            headline += f" {by}"
        interval = shown.interval if shown else None
        ends = ends_of(interval, row)
        total = shown.ranked if shown else 0
        return Standing(
            title=item.title,
            headline=headline.strip(),
            interval=told_interval(interval, row),
            inside=told_inside(interval, row, total, place.level.plural, whole=True),
            partial=told_partial(item, interval),
            at=place_on_line(int(shown.rank[row]), total) if shown else -1.0,
            low=place_on_line(ends[0], total),
            high=place_on_line(ends[1], total),
            parts=(),
            leaves=(),
            up="",
            down="",
            measures=tuple(self._measure(one, row) for one in measures),
            classes=tuple(classes),
            folded=bool(self.found.study.index[item.id].beside),
        )

    def _measure(self, one: Summary, row: int) -> tuple[str, ...]:
        value = float(one.value[row])
        told = speech.percent(value) if one.measure in ("proportion", "extent") else speech.figure(value, 2)
        # A share of nothing is shared with many: its rank would look like a place among those with need.
        rank = speech.rank_of(int(one.rank[row]), one.ranked) if value else PLACE["rank_of_none"]
        key = f"row_{one.measure.replace(' ', '_')}"  # those that run against ranks say so
        title = PLACE[key] if key in PLACE.english else told_measure(one.measure)
        return (title, told, rank, short_interval(one.interval, row))

    def _ends(self, item: IndexFacts, place: PlaceLevel, row: int) -> Ends:
        """Return what is strong and where need is greatest, the most telling first."""
        shown = [i for i, part in enumerate(item.parts) if part.depth == 1] or [0]
        if item.level == place.level.name:
            return self._own_ends(item, shown, row)
        tally = self._tallies.get((item.id, place.level.name))
        noun = self.atlas.levels[item.level].level.plural
        strong: list[End] = []
        great: list[End] = []
        for i in shown if tally is not None else []:
            counts = tally[i, row].tolist()  # type: ignore[index]  # the loop is empty where it is None
            total = sum(counts)
            for found, number, outermost, told in (
                (strong, counts[3] + counts[4], counts[4], PLACE["strong_share"]),
                (great, counts[0] + counts[1], counts[0], PLACE["need_share"]),
            ):
                if total and number * 2 >= total:
                    title = title_of(item, i)
                    said = told.format(title=title, count=f"{number:,}", total=f"{total:,}", areas=noun)
                    # Those further out first: all in the third tenth is less than all in the first.
                    found.append(End(-(number + outermost) / total, title, said))
        return Ends(tuple(sorted(strong)), tuple(sorted(great)), "")

    def _own_ends(self, item: IndexFacts, shown: Sequence[int], row: int) -> Ends:
        """Return the ends of a place in an index that is built at its level, and what is nearest to strong."""
        noun = self.atlas.levels[item.level].level.plural
        strong: list[End] = []
        great: list[End] = []
        best = (0.0, "")
        for i in shown:
            tenth, total = int(item.decile[i, row]), item.ranked[i]
            if not tenth:
                continue
            at, title = float(item.rank[i, row] / total), title_of(item, i)
            more, less = self._beyond(item, i, row)
            marks = {"title": title, "areas": noun, "rank": speech.rank_of(int(item.rank[i, row]), total)}
            few_ = "_few" if total < FEWEST_TENTHS else ""
            best = max(best, (at, say("place", "nearest", title=title, tenth=speech.tenth(tenth))))
            if tenth >= STRONG:
                said = say("place", f"strong_low{few_}", number=10 * more // total, **marks)
                strong.append(End(-at, title, said))
            elif tenth <= GREAT:
                said = say("place", f"need_low{few_}", number=10 * less // total, **marks)
                great.append(End(at, title, said))
        return Ends(tuple(sorted(strong)), tuple(sorted(great)), best[1])

    def _beyond(self, item: IndexFacts, i: int, row: int) -> tuple[int, int]:
        """Return how many places have more need than one by a part, and how many less; those that tie with it are neither."""
        key = item.id, i
        if key not in self._ordered:
            ranks = item.rank[i]
            self._ordered[key] = sorted(ranks[ranks > 0].tolist())
        ranks, rank = self._ordered[key], int(item.rank[i, row])
        return bisect_left(ranks, rank), len(ranks) - bisect_right(ranks, rank)

    def _glance(
        self,
        place: PlaceLevel,
        row: int,
        *,
        ends: tuple[Sequence[End], Sequence[End]],
        money: Sequence[Money],
        known: bool,
    ) -> tuple[Glance, ...]:
        """Return the lines at the top of the page."""
        told = [
            Glance(
                kind,
                PLACE[f"glance_{kind}"],
                named([end.title for end in found], PLACE["glance_none"]),
                "",
                kind,
            )
            for kind, found in zip(("strong", "need"), ends, strict=True)
            if known
        ]
        told += [self._glance_both(one, place, row) for one in self.atlas.needs[:1]]
        for one in money[:1]:
            firm = one.standing if one.status else ""
            told.append(Glance("money", one.title, one.status or one.sentence, firm, "money"))
        return tuple(one for one in told if one.said)

    def _glance_both(self, one: NeedFacts, place: PlaceLevel, row: int) -> Glance:
        """Return the line on the leading definition of need."""
        title = words.sentence(one.title).removesuffix(".")
        if one.level == place.level.name:
            if not one.type[row]:
                return Glance("both", title, "", "", "need")
            both = one.type[row] == BOTH
            said = PLACE["glance_yes"] if both else PLACE["glance_no"]
            return Glance("both", title, said, verdict(as_stated(one, row)), "need")
        known, both_ = self._inside_of(one, place, row)
        if not known:
            return Glance("both", title, "", "", "need")
        areas = self.base.level.plural
        said = say("place", "glance_inside", count=f"{len(both_):,}", total=f"{known:,}", areas=areas)
        return Glance("both", title, said, "", "need")

    # ---- need, neighbours, money

    def _inside_of(self, one: NeedFacts, place: PlaceLevel, row: int) -> tuple[int, list[int]]:
        """Return how many small areas of a place have a type of need, and the rows of those with both needs."""
        if one.level != self.base.level.name:
            return 0, []
        rows = self.members[place.level.name][row]
        return int((one.type[rows] > 0).sum()), [int(i) for i in rows[one.type[rows] == BOTH]]

    def _both(self, place: PlaceLevel, row: int) -> tuple[Both, ...]:
        """Return what the definitions of need say of a place, or of its small areas."""
        told = []
        for one in self.atlas.needs:
            if one.level == place.level.name and one.type[row]:
                word = KINDS[TYPES[int(one.type[row]) - 1]]
                said = _said_type(one, word)
                told.append(Both(f"{said} {told_verdict(as_stated(one, row))}".strip(), "", ()))
            elif place.level.name != one.level:
                known, both = self._inside_of(one, place, row)
                if known:
                    told.append(self._both_inside(one, known, both))
        return tuple(told)

    def _both_inside(self, one: NeedFacts, known: int, both: Sequence[int]) -> Both:
        """Return how many small areas inside have both needs, and which."""
        areas, number = self.base.level.plural, len(both)
        marks = {"count": few(number), "total": f"{known:,}", "areas": areas, "title": one.title}
        rows = sorted(both, key=lambda i: (self.base.names[i], self.base.codes[i]))
        places = tuple((self.link(one.level, i), verdict(as_stated(one, i))) for i in rows)
        title = say("place", "types_named", number, count=f"{number:,}") if places else ""
        return Both(say("place", "types_inside", number, **marks), title, places)

    def _summarised(self) -> list[IndexFacts]:
        return [
            item
            for item in self.atlas.indices
            if any((level, item.id, "proportion") in self._summary for level in self.atlas.levels)
        ]

    def _beside(self, place: PlaceLevel, row: int) -> tuple[tuple[Link, tuple[str, ...]], ...]:
        """Return this place, the larger areas it lies in and the whole study, with the share in the greatest-need tenth."""
        items = self._summarised()
        chain = [(place.level.name, row)]
        chain += [(above, int(rows[row])) for above, rows in place.parents.items() if rows[row] >= 0]
        told = []
        for level, at in chain:
            cells = []
            for item in items:
                one = self._summary.get((level, item.id, "proportion"))
                if one is None or not one.rank[at]:
                    cells.append(speech.short_tenth(int(item.decile[0, at])) if level == item.level else "")
                else:
                    cells.append(speech.percent(float(one.value[at])))
            if any(cells):
                told.append((self.link(level, at), tuple(cells)))
        if len(told) < 2:
            return ()
        whole = tuple(speech.percent(self._in_tenth(item)) for item in items)
        return (*told, (Link(PLACE["whole"], ""), whole))

    def _in_tenth(self, item: IndexFacts) -> float:
        """Return which part of all places of an index is in its greatest-need tenth: about a tenth, by the number of places and ties."""
        return float((item.decile[0] == 1).sum()) / (item.ranked[0] or 1)

    def _similar(self, place: PlaceLevel, row: int) -> tuple[tuple[str, tuple[Link, ...]], ...]:
        told: list[tuple[str, tuple[Link, ...]]] = []
        for item in self.atlas.indices:
            if item.level == place.level.name and item.title not in {title for title, _ in told}:
                others = [int(i) for i in self.atlas.similar[item.id][row] if i >= 0]
                if others:
                    told.append((item.title, tuple(self.link(item.level, i) for i in others)))
        return tuple(told[:1])

    def _unlike(self, place: PlaceLevel) -> str:
        """Return why places alike are named at another level only; "" where they are named here, or nowhere."""
        if not self.alike or place.level.name in self.alike:
            return ""
        named = next(one for name, one in self.atlas.levels.items() if name in self.alike)
        return say("place", "similar_none", areas=named.level.plural)

    def _money(self, one: RoundFacts, place: PlaceLevel, row: int) -> Money:
        """Return what a round decided on this place, on the one that it lies in, or on those inside."""
        if one.level == place.level.name:
            return told_decision(one, one.decisions.get(row), ())
        if one.level in place.parents:
            above = int(place.parents[one.level][row])
            links = (self.link(one.level, above),) if above >= 0 else ()
            return told_decision(one, one.decisions.get(above), links)
        level = self.atlas.levels[one.level]
        inside = level.parents.get(place.level.name)
        funded = [
            self.link(one.level, i)
            for i, decision in one.decisions.items()
            if decision["funded"] and inside is not None and inside[i] == row
        ]
        number = len(funded)
        noun = level.level
        said = say("place", "funded_in_it", number, areas=speech.count(number, noun.title, noun.plural))
        return Money(
            one.title, "", words.sentence(said), "", "", "", tuple(sorted(funded, key=lambda link: link.name))
        )

    # ---- the areas inside

    def _small(self, place: PlaceLevel, row: int) -> Rows | None:
        """Return the table of the places inside: everything about each where they have no pages of their own."""
        below = self._children[place.level.name]
        if below is None:
            return None
        level, members = below
        inside = self.atlas.levels[level]
        rows = sorted(members[row], key=lambda i: (inside.names[i], inside.codes[i]))
        if not rows:
            return None
        columns = self.columns(level)
        return Rows(
            inside.level.plural,
            tuple(title for title, _ in columns),
            tuple((self.link(level, i), tuple(tell(i) for _, tell in columns)) for i in rows),
        )

    def columns(self, level: str) -> list[tuple[str, Any]]:
        """Return the columns of a table of places: title, and a function from the row of a place to its words.

        Args:
            level: Level of the places.
        """
        place = self.atlas.levels[level]
        result: list[tuple[str, Any]] = []
        for item in self.atlas.indices[:2]:
            if item.level == level:
                result.append((item.title, _tell_rank(item)))
                if not place.paged:
                    result += [
                        (part.title, _tell_tenth(item, i))
                        for i, part in enumerate(item.parts)
                        if part.depth == 1
                    ]
            elif (one := self._summary.get((level, item.id, "proportion"))) is not None:
                result.append((say("pages", "table_share", title=item.title), _tell_share(one)))
        for need in self.atlas.needs[:1]:
            if need.level == level:
                result.append((PLACE["type"], lambda i, need=need: told_type(need, i)))
        for money in self.atlas.rounds:
            if money.level == level:
                result.append((money.title, _tell_funded(money)))
        return result


# ---- single words


def _said_type(need: NeedFacts, word: str) -> str:
    """Return in a sentence which of two needs a place has; an index that goes by another name than the familiar one is named."""
    if need.titles and word in OF_ONE:
        return say("place", "type_of", title=need.title, only=need.titles[OF_ONE.index(word)])
    return say("place", f"type_{word}", title=need.title)


def told_type(need: NeedFacts, row: int) -> str:
    """Return what the type of need of a place is called; "" where it has none.

    Args:
        need: The definition of need.
        row: The place.
    """
    kind = int(need.type[row])
    return need.kinds[kind - 1] if kind else ""


def told_measure(measure: str) -> str:
    """Return what pages call a summary of a larger area.

    Args:
        measure: The summary, as `summaries` names it.
    """
    key = f"measure_{measure.replace(' ', '_')}"
    return PLACE[key] if key in PLACE.english else measure


def class_titles() -> tuple[str, ...]:
    """Return what the classes of tenths are called."""
    return tuple(PLACE[f"class_{i}"] for i in range(1, len(CLASSES) + 1))


def told_decision(one: RoundFacts, decision: Mapping[str, Any] | None, places: tuple[Link, ...]) -> Money:
    """Return one decision in words.

    Args:
        one: The round.
        decision: Its row of `decisions`, or None.
        places: The place that it is about, where it is another one than the page's.
    """
    if decision is None:
        return Money(one.title, "", PLACE["not_considered"], "", "", "", places)
    funded = decision["funded"]
    status = PLACE["open"] if funded is None else PLACE["funded"] if funded else PLACE["not_funded"]
    share, standing = decision.get("p_funded"), decision.get("standing")
    known = STRINGS["funding"][standing] if standing in ("firm", "contested", "out") else ""
    firm = "" if share is None else say("place", "funded_share", share=speech.percent(share))
    if firm and known:
        firm = say("place", "funded_firm", said=firm, firm=known)
    return Money(
        one.title,
        status,
        _after_status(decision["sentence"] or ""),
        decision["flip"] or "",
        words.sentence(firm or known),
        known,
        places,
    )


def _after_status(sentence: str) -> str:
    """Return the sentence of a decision without the "Funded:" at its start, which the page says before it."""
    for start in ("Funded: ", "Not funded: "):
        if sentence.startswith(start):
            return words.sentence(sentence.removeprefix(start))
    return sentence


def _tell_rank(item: IndexFacts) -> Any:
    total = item.ranked[0]

    def tell(i: int) -> str:
        rank = int(item.rank[0, i])
        if not rank:
            return STRINGS["numbers"]["no_rank"]
        interval = short_interval(item.interval, i) if item.interval else ""
        key = "told_rank_interval" if interval else "told_rank"
        tenth, told = speech.short_tenth(int(item.decile[0, i])), speech.rank_of(rank, total)
        return say("place", key, tenth=tenth, rank=told, interval=interval)

    return tell


def _tell_tenth(item: IndexFacts, part: int) -> Any:
    def tell(i: int) -> str:
        tenth = int(item.decile[part, i])
        return speech.ordinal(tenth) if tenth else ""

    return tell


def _tell_share(one: Summary) -> Any:
    def tell(i: int) -> str:
        return speech.percent(float(one.value[i])) if one.rank[i] else ""

    return tell


def _tell_funded(one: RoundFacts) -> Any:
    def tell(i: int) -> str:
        row = one.decisions.get(i)
        if row is None:
            return ""
        return (
            PLACE["open"]
            if row["funded"] is None
            else PLACE["funded"]
            if row["funded"]
            else PLACE["not_funded"]
        )

    return tell


# ---- what places share


def _members(atlas: Atlas, level: str) -> list[NDArray[np.int64]]:
    """Return the rows of the smallest areas of each place of a level."""
    import numpy as np

    if level == atlas.base.level.name:
        return [np.array([i]) for i in range(len(atlas.base.codes))]
    return _grouped(atlas.base.parents[level], len(atlas.levels[level].codes))


def _grouped(parent: NDArray[np.int64], total: int) -> list[NDArray[np.int64]]:
    """Return the rows that have each parent."""
    import numpy as np

    order = np.argsort(parent, kind="stable")
    starts = np.searchsorted(parent[order], np.arange(total + 1))
    return [order[starts[i] : starts[i + 1]] for i in range(total)]


def _tally(item: IndexFacts, atlas: Atlas, level: str) -> NDArray[np.int64]:
    """Return how many small areas of each place are in each class of tenths, by part, place, class."""
    import numpy as np

    parent = atlas.base.parents[level]
    result = np.zeros((len(item.parts), len(atlas.levels[level].codes), len(CLASSES)), dtype=np.int64)
    for i in range(len(item.parts)):
        for j, (first, last) in enumerate(CLASSES):
            inside = (item.decile[i] >= first) & (item.decile[i] <= last) & (parent >= 0)
            result[i, :, j] = np.bincount(parent[inside], minlength=result.shape[1])
    return result


def _children(atlas: Atlas, names: Sequence[str], i: int) -> tuple[str, list[NDArray[np.int64]]] | None:
    """Return the next level below that has places inside this level's, with their rows; None at the smallest."""
    for name in reversed(names[:i]):
        parent = atlas.levels[name].parents[names[i]]
        if (parent >= 0).any():
            return name, _grouped(parent, len(atlas.levels[names[i]].codes))
    return None
