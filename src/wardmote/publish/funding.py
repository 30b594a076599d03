"""The funding rounds of a study for the first page: what was decided, why, who was close, what each rule costs; and the committee paper."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from wardmote import words
from wardmote.publish.maps import MapArea, draw_map, lay_out
from wardmote.study.rounds import GroupSpec, RoundSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from wardmote.publish.page import Gathering

MOST_SHAPES = 1500
"""Most places that are drawn with their own shapes; beyond it they are counted by larger areas."""

CLOSE = 12
"""Places on either side of the line that the paper names as close."""

SHOWN = (
    "places that gain",
    "people in places that gain",
    "places of greater need passed over",
    "people in places passed over",
    "share of the greatest-need",
    "share of people reached in the least-reached group",
    "published places reproduced",
)
"""Measures, by how they begin, in which sets of rules are set side by side on the page; the data hold all."""

WAYS = {
    "ranked": "Places are taken down the list of need, as far as the rules allow.",
    "optimal": "The set of places is taken that is worth most under the round's objective and keeps every rule.",
    "lottery": "Places clear of the line are funded; those close to it are drawn by lot, under the same rules.",
}
"""How places are chosen, in words."""


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One place with its decision: name, code, award, sentence, and what would turn it."""

    name: str
    code: str
    pounds: str
    sentence: str
    flip: str
    firm: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its caption, header and rows; all but the first column are numbers."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Funding:
    """One round.

    Attributes:
        id: Its section in the study.
        title, description, standing: From the study.
        way: How places are chosen.
        rules: The rules, in sentences.
        references: Where they are published.
        findings: What was found.
        places: The funded, by name.
        close: Places nearest to the line, funded or not, by name.
        yearly: Pounds by year, or None.
        side_by_side, by_group, equality: Tables, or None.
        map: The map, or None.
        map_note: How to read it.
        noun: What places are called.
    """

    id: str
    title: str
    description: str
    standing: str
    way: str
    rules: tuple[str, ...]
    references: tuple[str, ...]
    findings: tuple[str, ...]
    places: tuple[PlaceRow, ...]
    close: tuple[PlaceRow, ...]
    yearly: Grid | None
    side_by_side: Grid | None
    by_group: tuple[Grid, ...]
    equality: Grid | None
    map: Markup | None
    map_note: str
    noun: str


def fundings_of(found: Gathering) -> tuple[Funding, ...]:
    """Return the rounds that the page shows, as far as they may be published.

    Args:
        found: The tables of the study.
    """
    study = found.study
    table = found.read("decisions")
    shown = study.publish.round or list(study.round)
    return tuple(
        _funding(found, id_, study.round[id_], rows)
        for id_ in shown
        if len(rows := table[(table["round"] == id_) & (table["rules"] == "stated")])
    )


def _funding(found: Gathering, id_: str, spec: RoundSpec, decisions: pd.DataFrame) -> Funding:
    """Return one round in words and tables."""
    firm = _of(found.read("fragility"), id_)
    standing = dict(zip(firm["area"], firm["standing"], strict=True))
    compared = _of(found.read("rule_comparison"), id_)
    findings = found.read("findings").sort_values("position", kind="stable")
    mine = findings[(findings["stage"] == "allocate") & (findings["id"] == id_)]
    rows: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in decisions.to_dict("records")
    ]
    funded = [row for row in rows if row["funded"] is True]
    close = sorted(
        (row for row in rows if _number(row["margin_rank"]) is not None and row["decided_by"] != "excluded"),
        key=lambda row: (abs(row["margin_rank"]), row["area"]),
    )
    near = [row for row in close if row["funded"] is True][:CLOSE] + [
        row for row in close if not row["funded"]
    ][:CLOSE]
    level = found.level(spec.level)
    drawn, note = _map(found, id_, spec, decisions, standing)
    return Funding(
        id=id_,
        title=spec.title or id_,
        description=words.sentence(spec.description),
        standing=words.sentence(spec.standing),
        way=WAYS[spec.choose],
        rules=tuple(_rules(found, spec)),
        references=tuple(spec.references),
        findings=tuple(mine["sentence"]),
        places=_places(found, spec, funded, standing),
        close=_places(found, spec, near, standing),
        yearly=_yearly(found, id_, spec),
        side_by_side=_side_by_side(compared),
        by_group=tuple(_by_group(compared)),
        equality=_equality(compared),
        map=drawn,
        map_note=note,
        noun=level.plural,
    )


def _of(table: pd.DataFrame, id_: str) -> pd.DataFrame:
    return table[table["round"] == id_]


def _number(value: Any) -> float | None:
    """Return a number, or None for null."""
    return None if value is None or isnan(value) else float(value)


def _places(
    found: Gathering, spec: RoundSpec, rows: list[dict[str, Any]], standing: dict[str, str]
) -> tuple[PlaceRow, ...]:
    """Return decisions by the names of their places."""
    told = []
    for row in rows:
        pounds = _number(row["pounds"])
        said = {"firm": "firm", "contested": "contested", "out": "rarely funded"}.get(
            standing.get(row["area"], ""), ""
        )
        told.append(
            PlaceRow(
                found.place(spec.level, row["area"]).name,
                row["area"],
                f"£{pounds:,.0f}" if pounds is not None else "",
                row["sentence"],
                row["flip"],
                said,
            )
        )
    return tuple(sorted(told, key=lambda one: (one.name, one.code)))


def _rules(found: Gathering, spec: RoundSpec) -> Iterable[str]:
    """Yield the rules of a round, each in a sentence."""
    level = found.level(spec.level)
    titles = dict(zip(*(found.read("indicators")[name] for name in ("indicator", "title")), strict=True))
    parts = [
        found.study.index[part.index].title or part.index
        if part.index
        else str(titles.get(part.indicator, part.indicator))
        for part in spec.measure
    ]
    together = {
        "z": "each in standard deviations from its mean, then added by weight",
        "minmax": "each from its lowest to its highest value, then added by weight",
        "rank": "the mean of their ranks",
        "score": "the sum of their scores by weight",
        "both": "the rank in which need is less great decides",
    }[spec.combine]
    yield f"Need is measured by {words.listed(parts)}" + (f": {together}." if len(parts) > 1 else ".")
    if spec.population:
        low, high = spec.population
        yield f"Only {level.plural} with at least {low:,}" + (
            f" and at most {high:,} people." if high else " people."
        )
    if spec.definition:
        yield f"Only {level.plural} that are {found.study.need[spec.definition].title}."
    for one in spec.exclude:
        yield words.sentence(
            f"not eligible: {one.title or 'places on a list'}" + (f" ({one.note})" if one.note else "")
        )
    if spec.include:
        yield f"{words.count(len(spec.include), 'place is', 'places are')} required.".capitalize()
    for group in spec.groups:
        yield _group_rule(found, group)
    if spec.apart:
        yield "No two neighbours."
    yield from _money(spec)


def _group_rule(found: Gathering, group: GroupSpec) -> str:
    """Return caps and minimums of one grouping in a sentence."""
    title = group.title or found.level(group.by).title

    def counted(number: int, what: str) -> str:
        return words.count(number, "place", "places") if what == "places" else f"£{number:,}"

    said = [
        f"{what} {counted(number, group.count)} in each {title}"
        for what, number in (("at most", group.cap), ("at least", group.minimum))
        if number is not None
    ]
    said += [
        f"{what} {counted(number, group.count)} in {found.place(group.by, code).name}"
        for what, table in (("at most", group.caps), ("at least", group.minimums))
        for code, number in table.items()
    ]
    return words.sentence(words.listed(said))


def _money(spec: RoundSpec) -> Iterable[str]:
    """Yield what there is to give and how awards are made."""
    if spec.places is not None:
        yield f"{words.count(spec.places, 'place', 'places')} in all.".capitalize()
    if spec.budget is not None:
        yield f"A budget of £{spec.budget:,}."
    award = spec.award
    if award.pounds is not None:
        yield f"£{award.pounds:,} for each place."
    elif award.share:
        yield f"The budget is shared in proportion to {award.by.replace(' x ', ' times ')}, to the last pound."
    elif award.by:
        ends = f", at least £{award.floor:,}" if award.floor else ""
        ends += f", at most £{award.ceiling:,}" if award.ceiling is not None else ""
        yield f"£{award.base:,} and £{award.rate:,g} for each unit of {award.by}{ends}."


def _yearly(found: Gathering, id_: str, spec: RoundSpec) -> Grid | None:
    """Return pounds by year."""
    table = _of(found.read("awards"), id_)
    if not len(table) or not int(table["pounds"].sum()):
        return None
    totals = table.groupby("year")["pounds"].sum()
    price = f", in prices of {spec.price_year}" if spec.price_year else ""
    rows = tuple((str(year), f"£{int(pounds):,}") for year, pounds in totals.items() if year != "all")
    return Grid(f"Pounds by year{price}", ("Year", "Pounds"), (*rows, ("In all", f"£{int(totals.sum()):,}")))


def _told(value: float, unit: str) -> str:
    """Return a measure as the page prints it."""
    if isnan(value):
        return "not available"
    return (
        words.percent(value) if unit == "share" else f"£{value:,.0f}" if unit == "pounds" else f"{value:,.0f}"
    )


def _side_by_side(compared: pd.DataFrame) -> Grid | None:
    """Return sets of rules by some of their measures."""
    sets = list(dict.fromkeys(compared["rules"]))
    if len(sets) < 2:
        return None
    titles = dict(zip(compared["rules"], compared["title"], strict=True))
    columns = [
        measure
        for start in SHOWN
        for measure in dict.fromkeys(compared["measure"])
        if measure.startswith(start)
    ]
    cells = {
        (row["rules"], row["measure"]): "not available"
        if _number(row["value"]) is None
        else _told(row["value"], row["unit"])
        for row in compared.to_dict("records")
    }
    rows = tuple(
        (
            "These rules" if name == "stated" else str(titles[name]),
            *(cells.get((name, column), "–" if name == "stated" else "") for column in columns),
        )
        for name in sets
    )
    return Grid("Sets of rules side by side", ("Rules", *(column.capitalize() for column in columns)), rows)


def _by_group(compared: pd.DataFrame) -> Iterable[Grid]:
    """Yield what each group receives under the stated rules."""
    stated = compared[compared["rules"] == "stated"]
    for topic in dict.fromkeys(name for name in stated["topic"] if str(name).startswith("by ")):
        rows: dict[str, dict[str, float]] = {}
        for row in stated[stated["topic"] == topic].to_dict("records"):
            what, _, name = row["measure"].partition(": ")
            rows.setdefault(name, {})[what.partition(",")[0]] = row["value"]
        yield Grid(
            f"Reached, {topic}",
            (topic.removeprefix("by ").capitalize(), "Places", "People in them", "All people", "Pounds"),
            tuple(
                (
                    name,
                    *(f"{one.get(key, 0):,.0f}" for key in ("places", "people", "all people")),
                    f"£{one.get('pounds', 0):,.0f}",
                )
                for name, one in rows.items()
            ),
        )


def _equality(compared: pd.DataFrame) -> Grid | None:
    """Return the equality impact table."""
    rows: dict[str, dict[str, str]] = {}
    some = compared[compared["topic"] == "equality"]
    sets = list(dict.fromkeys(some["rules"]))
    titles = dict(zip(compared["rules"], compared["title"], strict=True))
    for row in some.to_dict("records"):
        what, _, name = row["measure"].partition(": ")
        if what == "share of all":
            rows.setdefault(name, {})[row["rules"]] = words.percent(row["value"])
    if not rows:
        return None
    header = ("Group", *("These rules" if one == "stated" else str(titles[one]) for one in sets))
    return Grid(
        "Equality impact: the share of each group that lives in funded places",
        header,
        tuple((name, *(one.get(rules, "") for rules in sets)) for name, one in rows.items()),
    )


def _map(
    found: Gathering, id_: str, spec: RoundSpec, decisions: pd.DataFrame, standing: dict[str, str]
) -> tuple[Markup | None, str]:
    """Return the map of a round: places with their shapes, or circles in larger areas."""
    boundaries = found.read("boundaries")
    shapes = boundaries[(boundaries["level"] == spec.level) & boundaries["area"].isin(decisions["area"])]
    noun = found.level(spec.level).plural
    said = dict(zip(decisions["area"], decisions["sentence"], strict=True))
    funded = set(decisions[decisions["funded"].fillna(False).astype(bool)]["area"])
    if 0 < len(shapes) <= MOST_SHAPES:
        areas = [
            MapArea(
                code,
                f"{found.place(spec.level, code).name}: {said[code]}",
                "k-both" if code in funded else "k-neither",
                mark=standing.get(code) == "contested",
            )
            for code in shapes["area"]
        ]
        laid = lay_out(list(shapes["area"]), list(shapes["geometry"]))
        drawn = draw_map(
            f"map-round-{id_}",
            f"{noun.capitalize()} funded",
            "The same stands below as a list of names.",
            laid,
            areas,
        )
        dots = " A dot marks places whose decision is contested." if "contested" in standing.values() else ""
        return drawn, f"Dark places are funded.{dots}"
    upper = found.study.publish.map_level
    shapes = boundaries[boundaries["level"] == upper]
    if not upper or not len(shapes):
        return None, ""
    parent = found.parents(spec.level, upper)
    counts: dict[str, int] = {}
    for code in funded:
        if code in parent:
            counts[parent[code]] = counts.get(parent[code], 0) + 1
    shapes = shapes[shapes["area"].isin(set(parent.values()))]
    areas = [
        MapArea(code, f"{found.place(upper, code).name}: {counts.get(code, 0):,} funded", "plain")
        for code in shapes["area"]
    ]
    drawn = draw_map(
        f"map-round-{id_}", f"Where the funded {noun} lie", "The names stand below.",
        lay_out(list(shapes["area"]), list(shapes["geometry"])), areas, counts=counts,
    )  # fmt: skip
    return drawn, f"The larger the circle, the more funded places lie in that {found.level(upper).title}."
