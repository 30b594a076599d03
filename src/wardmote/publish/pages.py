"""The pages beside the profiles: look up, compare, table, round, method, indicators, about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.atlas import ASSETS, TEMPLATES, Making
from wardmote.publish.building import safe_name
from wardmote.publish.funding import Funding, funding_of
from wardmote.publish.lookup import make_lookup
from wardmote.publish.page import cited, told_gaps, told_mendings
from wardmote.publish.places import NeedFacts, PlaceLevel, RoundFacts, Summary, records
from wardmote.publish.profiles import Link, Rows, told_decision, told_type
from wardmote.publish.shards import make_postcodes, make_shards, spoken
from wardmote.publish.strings import MAP, PAGES, PLACE, SCRIPT, STRINGS, language, missing, spoken_now

STYLES = ("page.css", "atlas.css", "evidence.css")
"""Style sheets that the pages beyond the first share, in order."""

MOST_ROWS = 1500
"""Most rows of a table that stand in the page itself; above it the page would pass half a megabyte, so rows come from the columns."""

MOST_NOT_FUNDED = 200
"""Most places that were not funded on the page of a round: those nearest to the line; the data hold all."""

FIFTHS = 5
"""Classes by rank, where no interval is known."""


START = STRINGS["start"]


def make_assets(making: Making) -> None:
    """Write styles, scripts and the words that scripts use.

    Args:
        making: What pages are made of.
    """
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in STYLES)
    making.build.put("assets/site.css", style)
    said = json.dumps({"language": language(), **MAP, **SCRIPT}, ensure_ascii=False)
    making.build.put(
        "assets/words.js", f"window.wardmote = window.wardmote || {{}};\nwardmote.words = {said};\n"
    )
    if spoken_now().texts:
        making.build.put("assets/strings-missing.toml", as_toml(missing(spoken_now())))
    for file in sorted(ASSETS.rglob("*")):
        if file.is_file():
            making.build.put(f"assets/{file.relative_to(ASSETS).as_posix()}", file.read_bytes())


def as_toml(texts: Mapping[str, Mapping[str, str]]) -> str:
    """Return texts in the form of a translation, to be filled in.

    Args:
        texts: Texts by section and key.
    """
    # A JSON string with every sign beyond ASCII kept is a TOML string too.
    return "\n".join(
        line
        for name, section in texts.items()
        for line in (
            f"[{name}]",
            *(f"{json.dumps(key)} = {json.dumps(text, ensure_ascii=False)}" for key, text in section.items()),
            "",
        )
    )


# ---- find


def make_find(making: Making) -> None:
    """Write the page that finds a place, with the data it searches.

    Args:
        making: What pages are made of.
    """
    make_shards(making)
    make_lookup(making, make_postcodes(making))
    making.put(
        "find.html",
        "find.html.j2",
        base=making.atlas.base,
        postcodes=making.study.publish.postcodes is not None,
        groups=_groups(making),
    )
    making.put("embed/card.html", "card.html.j2")


def _groups(making: Making) -> list[tuple[Link | None, list[Link]]]:
    """Return the places of the second-largest level with several places under those of the largest one."""
    several = [place for place in making.atlas.levels.values() if len(place.codes) > 1 and place.paged]
    if not several:
        return []
    largest = several[-1]
    rows = range(len(largest.codes))
    if len(several) == 1:
        return [(None, _by_name(making, largest, list(rows)))]
    below = several[-2]
    parents = below.parents[largest.level.name]
    groups = [
        (
            making.profiler.link(largest.level.name, row),
            _by_name(making, below, (parents == row).nonzero()[0].tolist()),
        )
        for row in rows
    ]
    return [*sorted(groups, key=lambda group: group[0].name)]


def _by_name(making: Making, place: PlaceLevel, rows: list[int]) -> list[Link]:
    return sorted(
        (making.profiler.link(place.level.name, row) for row in rows), key=lambda link: (link.name, link.code)
    )


# ---- compare and table


def make_compare(making: Making) -> None:
    """Write the page that shows up to four places side by side.

    Args:
        making: What pages are made of.
    """
    levels = [place for place in making.atlas.levels.values() if len(place.codes) > 1]
    largest = next((place for place in reversed(levels) if place.paged), making.atlas.base)
    chosen = max(
        (place for place in levels if len(place.codes) <= MOST_ROWS),
        key=lambda p: len(p.codes),
        default=largest,
    )
    making.put(
        "compare/index.html",
        "compare.html.j2",
        levels=levels,
        chosen=chosen.level.name,
        spoken=spoken(),
        rows=_all_rows(making, largest),
    )


def _all_rows(making: Making, place: PlaceLevel) -> Rows:
    """Return all places of a level as rows, by name."""
    columns = making.profiler.columns(place.level.name)
    order = sorted(
        range(min(len(place.codes), MOST_ROWS)), key=lambda row: (place.names[row], place.codes[row])
    )
    return Rows(
        place.level.plural,
        tuple(title for title, _ in columns),
        tuple(
            (making.profiler.link(place.level.name, row), tuple(tell(row) for _, tell in columns))
            for row in order
        ),
    )


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
    columns = _table_columns(making, place)
    rows: list[Any] = []
    if not large:
        order = sorted(range(len(place.codes)), key=lambda row: (place.names[row], place.codes[row]))
        for row in order:
            cells = [one.tell(row) for one in columns]
            keys = [one.key(row) for one in columns]
            classes = [f"{i}:{cell}" for i, cell in enumerate(cells) if columns[i].classed and cell]
            rows.append((making.profiler.link(place.level.name, row), keys, cells, classes))
    above = next((name for name in reversed(list(place.parents)) if making.atlas.levels[name].paged), "")
    doors = (
        _by_name(making, making.atlas.levels[above], list(range(len(making.atlas.levels[above].codes))))
        if large and above
        else []
    )
    making.put(
        path,
        "table.html.j2",
        noun=place.level.plural,
        level=place.level.name,
        kinds=kinds,
        columns=large,
        header=[(one.title, one.measure if large else "") for one in columns],
        rows=rows,
        classes=[
            (one.title, sorted({cells[i] for _, _, cells, _ in rows if cells[i]}))
            for i, one in enumerate(columns)
            if one.classed and rows
        ],
        places={one.title: i for i, one in enumerate(columns)},
        doors=doors if len(doors) <= MOST_ROWS else [],
        intervals=any(item.interval for item in making.atlas.indices),
    )


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table of places.

    Attributes:
        title: Its head.
        measure: The measure of the columns that holds it, for large levels.
        tell: Gives the words of a row.
        key: Gives what a row is sorted by.
        classed: Whether its words are classes by which rows can be picked out.
    """

    title: str
    measure: str
    tell: Any
    key: Any
    classed: bool = False


def _table_columns(making: Making, place: PlaceLevel) -> list[TableColumn]:
    """Return the columns of the table of one level."""
    name = place.level.name
    result: list[TableColumn] = []
    for item in making.atlas.indices[:2]:
        if item.level == name:
            rank, total = item.rank[0], item.ranked[0]
            tell = _class_of(rank, total, item.interval)
            result.append(TableColumn(item.title, f"{item.id}.decile", tell, _key_of(rank), classed=True))
        else:
            mine = [one for one in making.atlas.summaries[name] if one.index == item.id]
            shown = next((one for one in mine if one.measure == "average score"), mine[0] if mine else None)
            if shown is not None:
                tell = _class_of(shown.rank, shown.ranked, shown.interval)
                measure = f"{_measure(shown)}.rank"
                result.append(TableColumn(item.title, measure, tell, _key_of(shown.rank), classed=True))
            share = next((one for one in mine if one.measure == "proportion"), None)
            if share is not None:
                title = PAGES["table_share"].format(title=item.title)
                result.append(TableColumn(title, _measure(share), _share_of(share), _key_of(share.value)))
    for need in making.atlas.needs[:1]:
        if need.level == name:
            told, key = _type_of(need), _key_of(need.type)
            result.append(TableColumn(PLACE["type"], f"need.{need.id}", told, key, classed=True))
    for one in making.atlas.rounds:
        if one.level == name:
            told = _funded(one)
            result.append(TableColumn(one.title, f"round.{one.id}", told, told, classed=True))
    if not (place.population != place.population).all():
        people = place.population
        result.append(
            TableColumn(
                PAGES["people"],
                "population",
                lambda row: speech.figure(float(people[row]), 0),
                _key_of(people),
            )
        )
    return result


def _measure(one: Summary) -> str:
    return f"{one.index}.{one.measure.replace(' ', '-')}"


def _class_of(rank: Any, total: int, interval: Any) -> Any:
    """Return the class of a place: by its interval beside the middle, else by fifths of ranks."""

    def tell(row: int) -> str:
        if not rank[row]:
            return PAGES["class_none"]
        if interval is not None and interval.low[row]:
            side = words.compared(float(interval.low[row]), float(interval.high[row]), total / 2)
            return PAGES[f"class_{side}"]
        return PAGES[f"fifth_{min(int(FIFTHS * (rank[row] - 1) / total), FIFTHS - 1) + 1}"]

    return tell


def _key_of(values: Any) -> Any:
    return lambda row: "" if values[row] != values[row] else f"{float(values[row]):.6g}"


def _type_of(need: NeedFacts) -> Any:
    return lambda row: told_type(int(need.type[row]))


def _share_of(one: Summary) -> Any:
    return lambda row: speech.percent(float(one.value[row])) if one.rank[row] else ""


def _funded(one: RoundFacts) -> Any:
    return lambda row: told_decision(one, one.decisions[row], ()).status if row in one.decisions else ""


# ---- the funding round


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a round, in words."""

    link: Link
    sentence: str
    flip: str
    pounds: str
    firm: str
    distance: float


@dataclass(frozen=True, slots=True)
class RoundPage:
    """What the page of the round says of one round: its words, and its decisions with links to their places."""

    told: Funding
    funded: tuple[Decision, ...]
    others: tuple[Decision, ...]
    not_funded: int


def make_round(making: Making) -> None:
    """Write the page of the funding rounds.

    Args:
        making: What pages are made of.
    """
    making.put(
        "round/index.html", "round.html.j2", rounds=[_round(making, one) for one in making.atlas.rounds]
    )


def _round(making: Making, one: RoundFacts) -> RoundPage:
    """Return one round in words."""
    funded: list[Decision] = []
    others: list[Decision] = []
    for row, decision in one.decisions.items():
        told = told_decision(one, decision, ())
        pounds = decision["pounds"]
        entry = Decision(
            making.profiler.link(one.level, row),
            told.sentence,
            told.flip,
            "" if pounds is None else f"£{pounds:,}",
            told.firm,
            abs(decision["margin_rank"] or 0) or 1e9,
        )
        (funded if decision["funded"] else others).append(entry)
    nearest = sorted(others, key=lambda entry: (entry.distance, entry.link.name))[:MOST_NOT_FUNDED]
    return RoundPage(
        told=next((told for told in making.page.fundings if told.id == one.id), None)
        or funding_of(making.found, one.id),
        funded=tuple(sorted(funded, key=lambda entry: entry.link.name)),
        others=tuple(sorted(nearest, key=lambda entry: entry.link.name)),
        not_funded=len(others),
    )


# ---- method, indicators, about


@dataclass(frozen=True, slots=True)
class IndicatorPage:
    """What the page of one indicator says; see its template."""

    title: str
    note: str
    facts: tuple[tuple[str, str], ...]
    source: str
    address: str
    uses: tuple[tuple[str, ...], ...]
    caveats: tuple[str, ...]


def make_method(making: Making) -> None:
    """Write the page of the method and one page for each indicator.

    Args:
        making: What pages are made of.
    """
    rows = records(making.found.read("indicators"))
    links = [Link(row["title"], f"indicator/{safe_name(row['indicator'])}.html") for row in rows]
    making.put(
        "method/index.html",
        "method.html.j2",
        page=making.page,
        indicators=sorted(links, key=lambda link: link.name),
    )
    sources = {row["source"]: row for row in records(making.found.read("sources"))}
    mendings: dict[str, list[dict[str, Any]]] = {}
    for row in records(making.found.read("mendings")):
        mendings.setdefault(row["source"], []).append(row)
    uses, counts = _uses(making), _counts(making)
    for row, link in zip(rows, links, strict=True):
        source = sources.get(row["source"], {})
        facts = _indicator(row, source, counts.get(row["indicator"], []))
        told = told_mendings(mendings.get(row["source"], []))
        one = IndicatorPage(*facts, tuple(uses.get(row["indicator"], [])), told)
        making.put(link.path, "indicator.html.j2", one=one)


def _indicator(
    row: dict[str, Any], source: dict[str, Any], counts: list[str]
) -> tuple[str, str, tuple[tuple[str, str], ...], str, str]:
    """Return title, definition, facts, source and its address of one indicator."""
    kind = PAGES["modelled"] if row["modelled"] == "yes" else PAGES["measured"]
    if row["derived_from"]:
        kind = PAGES["derived"].format(items=speech.listed(row["derived_from"].split()))
    facts = {
        PAGES["unit"]: row["unit"],
        PAGES["direction"]: PAGES[f"direction_{int(row['direction'])}"],
        PAGES["kind"]: kind,
        PAGES["source"]: source.get("title") or row["source"],
        PAGES["publisher"]: source.get("publisher"),
        PAGES["edition"]: source.get("vintage"),
        PAGES["licence"]: source.get("licence") or START["not_stated"],
        PAGES["coverage"]: "; ".join(counts),
    }
    address = source.get("address") or ""
    return (
        row["title"],
        words.sentence(row["note"] or source.get("note") or ""),
        tuple((name, said) for name, said in facts.items() if said),
        source.get("title") or row["source"],
        address if address.startswith(("https://", "http://")) else "",
    )


def _uses(making: Making) -> dict[str, list[tuple[str, ...]]]:
    """Return where each indicator is used: index, part, weight, gaps."""
    uses: dict[str, list[tuple[str, ...]]] = {}
    titles = {spec_id: spec.title or spec_id for spec_id, spec in making.study.index.items()}
    nodes = records(making.found.read("nodes"))
    named = {(row["index"], row["node"]): row["title"] for row in nodes}
    totals: dict[tuple[str, str], float] = {}
    for row in nodes:
        if row["parent"] and row["status"] == "used":
            totals[row["index"], row["parent"]] = totals.get((row["index"], row["parent"]), 0.0) + float(
                row["weight"] or 0
            )
    for row in nodes:
        if not row["indicator"]:
            continue
        whole = totals.get((row["index"], row["parent"]), 0.0)
        weight = (
            speech.percent(float(row["weight"]) / whole)
            if row["status"] == "used" and whole
            else PAGES["used_not"]
        )
        gaps = told_gaps(row["missing"], row["imputed"])
        part = named.get((row["index"], row["parent"]), "")
        uses.setdefault(row["indicator"], []).append(
            (titles.get(row["index"], row["index"]), part, weight, gaps)
        )
    return uses


def _counts(making: Making) -> dict[str, list[str]]:
    """Return how many values each indicator has, by level and period, as far as they may be published."""
    table = making.found.read("values", ["indicator", "level", "period", "value"])
    table = table[table["value"].notna()]
    counts: dict[str, list[str]] = {}
    sizes = table.groupby(["indicator", "level", "period"], sort=True).size().reset_index(name="count")
    for indicator, level, period, number in sizes.itertuples(index=False, name=None):
        noun = making.found.level(level).plural
        told = PAGES["coverage_told"].format(count=f"{number:,}", areas=noun)
        counts.setdefault(indicator, []).append(f"{told} ({period})")
    return counts


def make_about(making: Making) -> None:
    """Write who publishes the site, who decides, and how to cite it.

    Args:
        making: What pages are made of.
    """
    told = speech.day(making.day)
    lacking = sum(len(texts) for texts in missing(spoken_now()).values()) if spoken_now().texts else 0
    making.put(
        "about/index.html",
        "about.html.j2",
        page=making.page,
        day=making.day.isoformat(),
        day_words=told,
        cite=cited(making.page, told, making.frame.version),
        lacking=lacking,
    )
