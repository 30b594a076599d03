"""Strategies studied in places like one place: by stated facts alone, unranked unless the evidence carries over.

A place has few stated facts that studies state too: its country, whether it is among the most deprived, whether it is urban or rural.
A finding counts as from a place like it where its kind of place is one of these. That a strategy was studied in such places does not
say that it will do the same here; so strategies stand by name. Only where the interval for a new place (the prediction interval of the
pooled findings) leaves out no effect does the evidence carry over by itself, and only then is there an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.building import digest, safe_name
from wardmote.publish.places import Atlas, PlaceLevel, records
from wardmote.publish.strings import STRINGS

if TYPE_CHECKING:
    from wardmote.publish.page import Gathering

Row = Mapping[str, Any]

GREAT = 3
"""Tenths that count as deprived: the three with the greatest need, as profiles say it."""

DEPRIVED, URBAN, RURAL = "deprived_neighbourhood", "urban", "rural"
"""Kinds of place, in the words of libraries, that can be held against stated facts of a place."""


@dataclass(frozen=True, slots=True)
class Line:
    """One strategy for one place.

    Attributes:
        title, path: The strategy and its card.
        studied: How many of its findings are from places like this one.
        found: What these say.
        sure: The firmest of its answers, whatever the place.
        cost: What is recorded of cost and worth.
        carries: Why the evidence carries over, or "".
    """

    title: str
    path: str
    studied: str
    found: str
    sure: str
    cost: str
    carries: str


@dataclass(frozen=True, slots=True)
class Strategies:
    """What a profile says of strategies, from one body of evidence.

    Attributes:
        title: The body of evidence.
        alike: How like the places of its studies are, in sentences.
        carrying: Strategies whose evidence carries over, the surest gain first.
        others: The other strategies that were studied in places like it, by name.
        elsewhere: Strategies that were studied only elsewhere, or nowhere.
        closed: Strategies whose single findings may not be shown, or "".
    """

    title: str
    alike: tuple[str, ...]
    carrying: tuple[Line, ...]
    others: tuple[Line, ...]
    elsewhere: str
    closed: str = ""


def card_path(body: str, strategy: str) -> str:
    """Return where the card of a strategy lies, relative to the site.

    Args:
        body: Section of the body of evidence.
        strategy: The strategy.
    """
    name = safe_name(strategy.replace("_", "-"))
    return f"evidence/{safe_name(body)}/{name}.html"


class Strategist:
    """Says for each place which strategies were studied in places like it; places of one kind share what it says.

    Args:
        atlas: The facts of places.
        found: The tables.
    """

    def __init__(self, atlas: Atlas, found: Gathering) -> None:
        self._atlas = atlas
        self._spec = found.study.synthesis
        wanted = found.study.publish.pages
        self._linked = not wanted or "evidence" in wanted
        names = ("gap_map", "syntheses", "effects", "studies") if self._spec else ()
        self._rows = {name: records(found.read(name)) for name in names}
        self._worth = _worths(found) if self._spec else {}
        self._deprived = _deprived(atlas) if self._spec else None
        self._rural = _rural(atlas, found) if self._spec else None
        self._shares = (
            {name: self._facts(place) for name, place in atlas.levels.items()} if self._spec else {}
        )
        self._said: dict[frozenset[str], tuple[Strategies, ...]] = {}
        self.mark = digest(self._rows, self._worth, [(key, spec.country) for key, spec in self._spec.items()])
        """Digest of the evidence that profiles are made from."""

    def of(self, level: str, row: int) -> tuple[Strategies, ...]:
        """Return what the profile of a place says of strategies, one record for each body of evidence.

        Args:
            level: Its level.
            row: Its row there.
        """
        if not self._spec:
            return ()
        deprived, rural = self._shares[level]
        kinds = set()
        if deprived is not None:
            kinds |= {DEPRIVED} if deprived[row] >= 0.5 else {"not deprived"} if deprived[row] >= 0 else set()
        if rural is not None and rural[row] >= 0:
            kinds |= {RURAL if rural[row] >= 0.5 else URBAN}
        key = frozenset(kinds)
        if key not in self._said:
            self._said[key] = tuple(one for id_ in self._spec if (one := self._body(id_, key)) is not None)
        return self._said[key]

    # ---- facts of places

    def _facts(self, place: PlaceLevel) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Return for each place of a level the shares of its smallest areas that are deprived and rural; −1 where not known."""
        base = self._atlas.base
        if place.level.name == base.level.name:
            return self._deprived, self._rural
        parent = base.parents.get(place.level.name)
        return tuple(  # type: ignore[return-value]  # two of them
            None if one is None or parent is None else _mean_by(parent, one, len(place.codes))
            for one in (self._deprived, self._rural)
        )

    # ---- words

    def _body(self, id_: str, kinds: frozenset[str]) -> Strategies | None:
        """Return what one body of evidence says for places of some kinds."""
        said = STRINGS["strategies"]
        mine = {name: [row for row in rows if row["synthesis"] == id_] for name, rows in self._rows.items()}
        if not mine["gap_map"]:
            return None
        spec = self._spec[id_]
        places = {row["study"]: row["place_type"] for row in mine["studies"]}
        countries = {row["study"]: row["country"] or "" for row in mine["studies"]}
        fitting = kinds & {DEPRIVED, URBAN, RURAL}
        lines: list[tuple[Line, float | None]] = []
        missing: list[str] = []
        closed: list[str] = []
        looked = {row["strategy"] for row in mine["gap_map"] if row["findings"]}
        for strategy, title in {row["strategy"]: row["strategy_title"] for row in mine["gap_map"]}.items():
            effects = [row for row in mine["effects"] if row["strategy"] == strategy]
            like = [row for row in effects if places.get(row["study"]) in fitting]
            if not like:
                # Findings that are counted but not there are withheld by the licence of their file.
                (closed if strategy in looked and not effects else missing).append(title)
                continue
            home = sum(bool(spec.country) and spec.country in countries[row["study"]] for row in like)
            lines.append(self._line(id_, strategy, title, (effects, like), mine, home=home))
        alike = [said["facts"].format(facts=speech.listed(_told_kinds(kinds, spec.country)))]
        alike.append(
            said["rule"].format(kinds=speech.listed([said[f"kind_{one}"] for one in sorted(fitting)]))
            if fitting
            else said["rule_none"]
        )
        carrying = sorted((line for line in lines if line[1] is not None), key=lambda pair: -(pair[1] or 0.0))
        return Strategies(
            title=spec.title or id_,
            alike=tuple(alike),
            carrying=tuple(line for line, _ in carrying),
            others=tuple(sorted((line for line, low in lines if low is None), key=lambda line: line.title)),
            elsewhere=said["elsewhere"].format(items=speech.listed(sorted(missing))) if missing else "",
            closed=said["closed"].format(items=speech.listed(sorted(closed))) if closed else "",
        )

    def _line(
        self,
        id_: str,
        strategy: str,
        title: str,
        rows: tuple[Sequence[Row], Sequence[Row]],
        mine: Mapping[str, Sequence[Row]],
        *,
        home: int,
    ) -> tuple[Line, float | None]:
        """Return one strategy in words, and the nearer end of the interval for a new place where it leaves out no effect."""
        said, effects, like = STRINGS["strategies"], *rows
        country = self._spec[id_].country
        at_home = said["at_home"].format(count=f"{home:,}", country=country) if country else ""
        results = {
            word: sum(row["result"] == word for row in like) for word in ("benefit", "none", "mixed", "harm")
        }
        cells = [row for row in mine["gap_map"] if row["strategy"] == strategy and row["findings"]]
        firmest = min(cells, key=lambda row: (_STRENGTHS.index(row["strength"]), not row["core"]))
        carried = _carried([row for row in mine["syntheses"] if row["strategy"] == strategy])
        outcomes = {row["outcome"]: row["outcome_title"].lower() for row in cells}
        line = Line(
            title=title,
            path=card_path(id_, strategy) if self._linked else "",
            studied=said["studied"].format(like=f"{len(like):,}", total=f"{len(effects):,}", home=at_home),
            found=speech.listed(
                [
                    f"{number:,} {STRINGS['evidence'][f'result_{word}']}"
                    for word, number in results.items()
                    if number
                ]
            ),
            sure=said["firmest"].format(
                outcome=firmest["outcome_title"].lower(),
                answer=STRINGS["evidence"].get(
                    f"answer_{firmest['answer'].replace(' ', '_')}", firmest["answer"]
                ),
                strength=firmest["strength"],
            ),
            cost=self._cost(id_, strategy, effects),
            carries=""
            if carried is None
            else said["carries" if carried[0] > 0 else "carries_harm"].format(
                outcome=outcomes.get(carried[2], carried[2]),
                low=words.signed(min(carried[:2])),
                high=words.signed(max(carried[:2])),
            ),
        )
        return line, None if carried is None else carried[0]

    def _cost(self, id_: str, strategy: str, effects: Sequence[Row]) -> str:
        """Return what is recorded of cost and worth: of this study's own programme first, then of the library."""
        said = STRINGS["strategies"]
        told = [
            self._worth[one.programme]
            for one in self._spec[id_].here
            if one.strategy == strategy and one.programme in self._worth
        ]
        told += [
            said["ratio_harm" if row["result"] == "harm" else "ratio"].format(
                pounds=f"{row['printed']:.2f}",
                what=row["intervention"] or row["effect"],
                note=f": {row['note']}" if row["note"] else "",
            )
            for row in effects
            if row["metric"] == "GBP_ratio" and row["printed"] is not None
        ]
        return "; ".join(dict.fromkeys(told)) or said["no_cost"]


_STRENGTHS = ("high", "moderate", "low", "very low", "no estimate", "no study")


def _carried(rows: Sequence[Row]) -> tuple[float, float, str] | None:
    """Return the ends of an interval for a new place that leaves out no effect (the nearer to 0 first) and its outcome, or None.

    Only an answer that leads and pools all of its studies counts: a subgroup or a single study says nothing of other places. Where
    several outcomes carry over, harm is told before gain, then the surest.
    """
    found = []
    for row in rows:
        low, high = row["prediction_low"], row["prediction_high"]
        if row["leads"] and low is not None and high is not None and (low > 0 or high < 0):
            found.append((low, high, row["outcome"]) if low > 0 else (high, low, row["outcome"]))
    return min(found, key=lambda one: (one[0] > 0, -abs(one[0]))) if found else None


def _told_kinds(kinds: frozenset[str], country: str) -> list[str]:
    """Return the stated facts of a place in words; what is not stated is said, too."""
    said = STRINGS["strategies"]
    told = [said["fact_country"].format(country=country) if country else said["fact_no_country"]]
    told.append(
        said["fact_deprived"]
        if DEPRIVED in kinds
        else said["fact_not_deprived"]
        if "not deprived" in kinds
        else said["fact_no_deprivation"]
    )
    told.append(
        said["fact_rural"]
        if RURAL in kinds
        else said["fact_urban"]
        if URBAN in kinds
        else said["fact_no_class"]
    )
    return told


def _worths(found: Gathering) -> dict[str, str]:
    """Return what each programme of the study was worth, in a few words."""
    said = STRINGS["strategies"]
    out = {}
    for row in records(found.read("worths")):
        if row["item"] == "ratio" and row["value"] is not None:
            spec = found.study.programme.get(row["programme"])
            title = (spec.title if spec else "") or row["programme"]
            ends = {key: "" if row[key] is None else f"{row[key]:.2f}" for key in ("low", "high")}
            out[row["programme"]] = said["worth"].format(title=title, ratio=f"{row['value']:.2f}", **ends)
    return out


def _deprived(atlas: Atlas) -> NDArray[np.float64] | None:
    """Return whether each smallest area is deprived, 1 or 0, −1 where it has no rank; None where no index is at that level."""
    first = next((item for item in atlas.indices if item.level == atlas.base.level.name), None)
    if first is None:
        return None
    tenth = first.decile[0]
    return np.where(tenth > 0, (tenth <= GREAT).astype(float), -1.0)


def _rural(atlas: Atlas, found: Gathering) -> NDArray[np.float64] | None:
    """Return whether each smallest area is rural, 1 or 0, −1 where that is not stated; None where no classification states it."""
    level = atlas.base.level.name
    table = found.read("classes")
    rows = [row for row in records(table[table["level"] == level]) if row["class"]]
    names: dict[str, set[str]] = {}
    for row in rows:
        names.setdefault(row["scheme"], set()).add(row["class"].lower())
    plain = [scheme for scheme, classes in names.items() if {_urban(one) for one in classes} == {True, False}]
    if not plain:
        return None
    scheme = min(plain, key=lambda one: len(names[one]))
    out = np.full(len(atlas.base.codes), -1.0)
    for row in rows:
        at = atlas.base.at.get(row["area"])
        if row["scheme"] == scheme and at is not None:
            out[at] = 0.0 if _urban(row["class"].lower()) else 1.0
    return out


def _urban(name: str) -> bool | None:
    """Return whether a class is urban (True) or rural (False) by its first such word, or None."""
    places = {word: name.find(word) for word in ("urban", "rural") if word in name}
    return min(places, key=places.__getitem__) == "urban" if places else None


def _mean_by(parent: NDArray[np.int64], values: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    """Return the mean of known values by parent, −1 where none is known."""
    known = (values >= 0) & (parent >= 0)
    count = np.bincount(parent[known], minlength=total)
    summed = np.bincount(parent[known], weights=values[known], minlength=total)
    return np.where(count > 0, summed / np.maximum(count, 1), -1.0)
