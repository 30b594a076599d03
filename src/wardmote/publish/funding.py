"""The funding rounds of a study for the first page: what was decided, why, who was close, what each rule costs; and the committee paper."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.maps import MapArea, circle_key, draw_map, lay_out
from wardmote.publish.strings import STRINGS, say
from wardmote.study.rounds import GroupSpec, RoundSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from wardmote.publish.page import Gathering

MOST_SHAPES = 1500
"""Most places that are drawn with their own shapes; beyond it they are counted by larger areas."""

CLOSE = 12
"""Places on either side of the line that the paper names as close."""

SHOWN = {
    "places": "places",
    "pounds": "pounds",
    "people in funded places": "people_in",
    "share of the greatest-need": "share",
    "places of greater need passed over": "over",
    "people in places passed over": "over_people",
    "places that gain": "gain",
    "people in places that gain": "gain_people",
    "share of people reached in the least-reached group": "least_reached",
    "published places reproduced": "published",
}
"""Measures, by how they begin, in which sets of rules are set side by side, each with its word; the data hold all."""


FUNDING = STRINGS["funding"]


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


def funding_of(found: Gathering, id_: str) -> Funding:
    """Return one round as the pages tell it.

    Args:
        found: The tables of the study.
        id_: The round.
    """
    table = found.read("decisions")
    rows = table[(table["round"] == id_) & (table["rules"] == "stated")]
    return _funding(found, id_, found.study.round[id_], rows)


def _funding(found: Gathering, id_: str, spec: RoundSpec, decisions: pd.DataFrame) -> Funding:
    """Return one round in words and tables."""
    import pyarrow as pa

    firm = _of(found.read("fragility"), id_)
    standing = dict(zip(firm["area"], firm["standing"], strict=True))
    compared = _of(found.read("rule_comparison"), id_)
    findings = found.read("findings").sort_values("position", kind="stable")
    mine = findings[(findings["stage"] == "allocate") & (findings["id"] == id_)]
    # Through Arrow: a country's decisions are thousands of rows, and null comes as None.
    rows: list[dict[str, Any]] = pa.Table.from_pandas(decisions, preserve_index=False).to_pylist()
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
        way=FUNDING[f"way_{spec.choose}"],
        rules=tuple(_rules(found, spec)),
        references=tuple(spec.references),
        # What a reader must know of the rules stands by itself above them.
        findings=tuple(said for said in mine["sentence"] if said != words.sentence(spec.standing)),
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


def _value(row: Mapping[Any, Any]) -> float:
    """Return the value of a measure, NaN where a licence keeps it back."""
    value = _number(row["value"])
    return float("nan") if value is None else value


def _places(
    found: Gathering, spec: RoundSpec, rows: list[dict[str, Any]], standing: dict[str, str]
) -> tuple[PlaceRow, ...]:
    """Return decisions by the names of their places."""
    told = []
    for row in rows:
        pounds = _number(row["pounds"])
        firm = standing.get(row["area"], "")
        said = FUNDING[firm] if firm in ("firm", "contested", "out") else ""
        told.append(
            PlaceRow(
                found.place(spec.level, row["area"]).name,
                row["area"],
                f"£{pounds:,.0f}" if pounds is not None else "",
                row["sentence"],
                row["flip"] or "",
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
    together = FUNDING[f"together_{spec.combine}"]
    yield say("funding", "measured", len(parts), items=speech.listed(parts), together=together)
    areas = level.plural
    if spec.population:
        low, high = spec.population
        key = "population_both" if high else "population"
        yield say("funding", key, areas=areas, low=f"{low:,}", high=f"{high:,}" if high else "")
    if spec.definition:
        yield say("funding", "definition", areas=areas, title=found.study.need[spec.definition].title)
    for one in spec.exclude:
        key = "excluded_note" if one.note else "excluded"
        yield say("funding", key, title=one.title or FUNDING["excluded_list"], note=one.note)
    if spec.include:
        yield words.sentence(
            say("funding", "required", len(spec.include), count=speech.count(len(spec.include)))
        )
    for group in spec.groups:
        yield _group_rule(found, group)
    if spec.apart:
        yield FUNDING["apart"]
    yield from _money(spec)


def _group_rule(found: Gathering, group: GroupSpec) -> str:
    """Return caps and minimums of one grouping in a sentence."""
    title = group.title or found.level(group.by).title

    def counted(number: int) -> str:
        if group.count == "places":
            return speech.count(number, FUNDING["a_place"], FUNDING["some_places"])
        return f"£{number:,}"

    said = [
        say("funding", key, number=counted(number), group=title)
        for key, number in (("at_most_each", group.cap), ("at_least_each", group.minimum))
        if number is not None
    ]
    said += [
        say("funding", key, number=counted(number), place=found.place(group.by, code).name)
        for key, table in (("at_most_in", group.caps), ("at_least_in", group.minimums))
        for code, number in table.items()
    ]
    return words.sentence(speech.listed(said))


def _money(spec: RoundSpec) -> Iterable[str]:
    """Yield what there is to give and how awards are made."""
    if spec.places is not None:
        places = speech.count(spec.places, FUNDING["a_place"], FUNDING["some_places"])
        yield words.sentence(say("funding", "in_all", places=places))
    if spec.budget is not None:
        yield say("funding", "budget", pounds=f"{spec.budget:,}")
    award = spec.award
    what = award.by.replace(" x ", FUNDING["times"])
    if award.pounds is not None:
        yield say("funding", "award_each", pounds=f"{award.pounds:,}")
    elif award.share:
        yield say("funding", "award_share", what=what)
    elif award.by:
        ends = say("funding", "award_floor", pounds=f"{award.floor:,}") if award.floor else ""
        if award.ceiling is not None:
            ends += say("funding", "award_ceiling", pounds=f"{award.ceiling:,}")
        yield say(
            "funding", "award_rate", base=f"{award.base:,}", rate=f"{award.rate:,g}", what=what, ends=ends
        )


def _yearly(found: Gathering, id_: str, spec: RoundSpec) -> Grid | None:
    """Return pounds by year."""
    table = _of(found.read("awards"), id_)
    if not len(table) or not int(table["pounds"].sum()):
        return None
    totals = table.groupby("year")["pounds"].sum()
    caption = say("funding", "yearly_prices" if spec.price_year else "yearly", year=spec.price_year or "")
    rows = tuple((str(year), f"£{int(pounds):,}") for year, pounds in totals.items() if year != "all")
    total = (FUNDING["sum"], f"£{int(totals.sum()):,}")
    return Grid(caption, (FUNDING["year"], FUNDING["pounds"]), (*rows, total))


def _told(value: float, unit: str) -> str:
    """Return a measure as the page prints it."""
    if isnan(value):
        return FUNDING["untold"]
    return (
        speech.percent(value)
        if unit == "share"
        else f"£{value:,.0f}"
        if unit == "pounds"
        else f"{value:,.0f}"
    )


def _side_by_side(compared: pd.DataFrame) -> Grid | None:
    """Return sets of rules by some of their measures."""
    sets = list(dict.fromkeys(compared["rules"]))
    if len(sets) < 2:
        return None
    cells = {
        (row["rules"], row["measure"]): _told(_value(row), row["unit"]) for row in compared.to_dict("records")
    }
    measures = [
        (measure, FUNDING[key] if measure in SHOWN else _share_words(measure))
        for start, key in SHOWN.items()
        for measure in dict.fromkeys(compared["measure"])
        if measure == start or (measure.startswith(start) and key == "share")
    ]
    rows = tuple((title, *(cells.get((name, measure), "–") for name in sets)) for measure, title in measures)
    return Grid(FUNDING["side_by_side"], (FUNDING["what"], *_set_titles(compared, sets)), rows)


def _set_titles(compared: pd.DataFrame, sets: list[str]) -> tuple[str, ...]:
    """Return what sets of rules are called on the page."""
    titles = dict(zip(compared["rules"], compared["title"], strict=True))
    return tuple(FUNDING["these"] if one == "stated" else str(titles[one]) for one in sets)


def _share_words(measure: str) -> str:
    """Return what the share of the greatest need that is reached is called."""
    share = measure.removeprefix("share of the greatest-need ").removesuffix(" reached")
    return FUNDING["share"] if share == "tenth" else say("funding", "share_of", share=share)


def _by_group(compared: pd.DataFrame) -> Iterable[Grid]:
    """Yield what each group receives under the stated rules."""
    stated = compared[compared["rules"] == "stated"]
    for topic in dict.fromkeys(name for name in stated["topic"] if str(name).startswith("by ")):
        rows: dict[str, dict[str, float]] = {}
        for row in stated[stated["topic"] == topic].to_dict("records"):
            what, _, name = row["measure"].partition(": ")
            rows.setdefault(name, {})[what.partition(",")[0]] = _value(row)
        yield Grid(
            say("funding", "reached_by", group=topic.removeprefix("by ")),
            (
                words.sentence(topic.removeprefix("by ")).removesuffix("."),
                *(FUNDING[name] for name in ("places", "people_in", "all_people", "pounds")),
            ),
            tuple(
                (
                    name,
                    *(_told(one.get(key, 0.0), "") for key in ("places", "people", "all people")),
                    _told(one.get("pounds", 0.0), "pounds"),
                )
                for name, one in rows.items()
            ),
        )


def _equality(compared: pd.DataFrame) -> Grid | None:
    """Return the equality impact table."""
    rows: dict[str, dict[str, str]] = {}
    some = compared[compared["topic"] == "equality"]
    sets = list(dict.fromkeys(some["rules"]))
    for row in some.to_dict("records"):
        what, _, name = row["measure"].partition(": ")
        if what == "share of all":
            rows.setdefault(name, {})[row["rules"]] = _told(_value(row), "share")
    if not rows:
        return None
    header = (FUNDING["group"], *_set_titles(compared, sets))
    return Grid(
        FUNDING["equality"],
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
            say("funding", "map_title", areas=words.sentence(noun).removesuffix(".")),
            FUNDING["map_note"],
            laid,
            areas,
        )
        dots = f" {FUNDING['map_dots']}" if "contested" in standing.values() else ""
        return drawn, f"{FUNDING['map_dark']}{dots}"
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
        MapArea(
            code,
            say(
                "funding",
                "map_label",
                name=found.place(upper, code).name,
                count=f"{counts.get(code, 0):,}",
                areas=noun,
            ),
            "plain",
        )
        for code in shapes["area"]
    ]
    title = say("funding", "map_counts", areas=noun, group=found.level(upper).title)
    laid = lay_out(list(shapes["area"]), list(shapes["geometry"]))
    drawn = draw_map(f"map-round-{id_}", title, FUNDING["map_note"], laid, areas, counts=counts)
    shown = speech.listed([f"{number:,}" for number in circle_key(counts)]) if counts else ""
    return drawn, say("funding", "map_counts_note", shown=shown) if counts else ""
