"""The pages beside the profiles: look up, compare, table, round, method, indicators, about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wardmote import words
from wardmote.publish.atlas import ASSETS, TEMPLATES, Making
from wardmote.publish.building import safe_name
from wardmote.publish.places import TYPES, NeedFacts, PlaceLevel, RoundFacts, Summary, records
from wardmote.publish.profiles import Link, Rows, told_decision
from wardmote.publish.shards import make_postcodes, make_shards, spoken
from wardmote.publish.strings import LANGUAGE, MAP, PAGES, PLACE, SCRIPT

MOST_ROWS = 1500
"""Most rows of a table that stand in the page itself; above it the page would pass half a megabyte, so rows come from the columns."""

MOST_NOT_FUNDED = 200
"""Most places that were not funded on the page of a round: those nearest to the line; the data hold all."""

FIFTHS = (
    "the fifth with the greatest need",
    "the next fifth",
    "the middle fifth",
    "the fifth before last",
    "the fifth with the least need",
)
"""Classes by rank, where no interval is known."""

COMPARED = {
    "higher": "more need than most",
    "similar": "about the middle",
    "lower": "less need than most",
    "": "no rank",
}
"""Classes by interval, beside the middle of all places."""


def make_assets(making: Making) -> None:
    """Write styles, scripts and the words that scripts use.

    Args:
        making: What pages are made of.
    """
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "atlas.css"))
    making.build.put("assets/site.css", style)
    said = json.dumps({"language": LANGUAGE, **MAP, **SCRIPT}, ensure_ascii=False)
    making.build.put(
        "assets/words.js", f"window.wardmote = window.wardmote || {{}};\nwardmote.words = {said};\n"
    )
    for file in sorted(ASSETS.rglob("*")):
        if file.is_file():
            making.build.put(f"assets/{file.relative_to(ASSETS).as_posix()}", file.read_bytes())


# ---- find


def make_find(making: Making) -> None:
    """Write the page that finds a place, with the data it searches.

    Args:
        making: What pages are made of.
    """
    make_shards(making)
    make_postcodes(making)
    postcodes = making.study.publish.postcodes
    levels = list(making.atlas.levels.values())
    making.put(
        "find.html",
        "find.html.j2",
        levels=levels,
        base=making.atlas.base,
        postcodes=(postcodes.level or levels[0].level.name) if postcodes else "",
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
            cells = [tell(row) for _, _, tell, _ in columns]
            keys = [key(row) for _, _, _, key in columns]
            rows.append(
                (making.profiler.link(place.level.name, row), keys, cells, [c for c in cells if _is_class(c)])
            )
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
        header=[(title, measure if large else "") for title, measure, _, _ in columns],
        rows=rows,
        classes=[] if large else sorted({one for _, _, _, classes in rows for one in classes}),
        doors=doors if len(doors) <= MOST_ROWS else [],
        intervals=any(item.interval for item in making.atlas.indices),
    )


def _is_class(cell: str) -> bool:
    """Return whether a cell names a class by which rows can be chosen."""
    return (
        bool(cell)
        and not any(c.isdigit() for c in cell.replace("2nd", "").replace("tenth", ""))
        and "%" not in cell
    )


def _table_columns(making: Making, place: PlaceLevel) -> list[tuple[str, str, Any, Any]]:
    """Return title, measure of a large level, words and key for sorting of each column."""
    name = place.level.name
    result: list[tuple[str, str, Any, Any]] = []
    for item in making.atlas.indices[:2]:
        if item.level == name:
            rank, total = item.rank[0], item.ranked[0]
            result.append(
                (item.title, f"{item.id}.decile", _class_of(rank, total, item.interval), _key_of(rank))
            )
        else:
            mine = [one for one in making.atlas.summaries[name] if one.index == item.id]
            shown = next((one for one in mine if one.measure == "average score"), mine[0] if mine else None)
            if shown is not None:
                result.append(
                    (
                        item.title,
                        f"{_measure(shown)}.rank",
                        _class_of(shown.rank, shown.ranked, shown.interval),
                        _key_of(shown.rank),
                    )
                )
            share = next((one for one in mine if one.measure == "proportion"), None)
            if share is not None:
                title = f"{item.title}: {PLACE['share'].lower()}"
                result.append((title, _measure(share), _share_of(share), _key_of(share.value)))
    for need in making.atlas.needs[:1]:
        if need.level == name:
            result.append((PLACE["type"], f"need.{need.id}", _type_of(need), _key_of(need.type)))
    for one in making.atlas.rounds:
        if one.level == name:
            result.append((one.title, f"round.{one.id}", _funded(one), lambda row: ""))
    if not (place.population != place.population).all():
        result.append(
            (
                "People",
                "population",
                lambda row: words.figure(float(place.population[row]), 0),
                _key_of(place.population),
            )
        )
    return result


def _measure(one: Summary) -> str:
    return f"{one.index}.{one.measure.replace(' ', '-')}"


def _class_of(rank: Any, total: int, interval: Any) -> Any:
    """Return the class of a place: by its interval beside the middle, else by fifths of ranks."""

    def tell(row: int) -> str:
        if not rank[row]:
            return COMPARED[""]
        if interval is not None and interval.low[row]:
            return COMPARED[words.compared(float(interval.low[row]), float(interval.high[row]), total / 2)]
        return FIFTHS[min(int(5 * (rank[row] - 1) / total), 4)]

    return tell


def _key_of(values: Any) -> Any:
    return lambda row: "" if values[row] != values[row] else f"{float(values[row]):.6g}"


def _type_of(need: NeedFacts) -> Any:
    return lambda row: TYPES[need.type[row] - 1] if need.type[row] else ""


def _share_of(one: Summary) -> Any:
    return lambda row: words.percent(float(one.value[row])) if one.rank[row] else ""


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
    """What the page of the round says of one round; see its template."""

    title: str
    description: str
    standing: str
    findings: tuple[str, ...]
    funded: tuple[Decision, ...]
    others: tuple[Decision, ...]
    not_funded: int
    pounds: bool
    firm: bool
    sets: tuple[str, ...]
    compared: tuple[tuple[str, ...], ...]
    references: tuple[str, ...]


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
    spec = making.study.round[one.id]
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
    findings = making.found.read("findings").sort_values("position", kind="stable")
    mine = findings[(findings["stage"] == "allocate") & (findings["id"] == one.id)]
    sets, compared = _rules_compared(making, one.id)
    return RoundPage(
        title=one.title,
        description=spec.description,
        standing=spec.standing,
        findings=tuple(mine["sentence"]),
        funded=tuple(sorted(funded, key=lambda entry: entry.link.name)),
        others=tuple(sorted(nearest, key=lambda entry: entry.link.name)),
        not_funded=len(others),
        pounds=any(entry.pounds for entry in funded),
        firm=any(entry.firm for entry in funded),
        sets=sets,
        compared=compared,
        references=tuple(spec.references),
    )


def _rules_compared(making: Making, id_: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the sets of rules and, measure by measure, what each reaches."""
    table = making.found.read("rule_comparison")
    rows = records(table[table["round"] == id_])
    sets = list(dict.fromkeys(row["rules"] for row in rows))
    titles = {row["rules"]: row["title"] if isinstance(row["title"], str) else row["rules"] for row in rows}
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        unit = row["unit"] if isinstance(row["unit"], str) else ""
        value = float("nan") if row["value"] is None else float(row["value"])
        told = words.percent(value) if unit == "share" else words.figure(value, 0 if abs(value) >= 100 else 2)
        cells.setdefault(row["measure"], {})[row["rules"]] = f"£{told}" if unit == "pounds" else told
    compared = tuple((measure, *(told.get(one, "") for one in sets)) for measure, told in cells.items())
    return tuple(titles[one] for one in sets), compared


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
        told = words.mendings_told(mendings.get(row["source"], []))
        one = IndicatorPage(*facts, tuple(uses.get(row["indicator"], [])), told)
        making.put(link.path, "indicator.html.j2", one=one)


def _indicator(
    row: dict[str, Any], source: dict[str, Any], counts: list[str]
) -> tuple[str, str, tuple[tuple[str, str], ...], str, str]:
    """Return title, definition, facts, source and its address of one indicator."""
    kind = PAGES["modelled"] if row["modelled"] == "yes" else PAGES["measured"]
    if row["derived_from"]:
        kind = PAGES["derived"].format(items=words.listed(row["derived_from"].split()))
    facts = {
        PAGES["unit"]: row["unit"],
        PAGES["direction"]: PAGES[f"direction_{int(row['direction'])}"],
        PAGES["kind"]: kind,
        PAGES["source"]: source.get("title") or row["source"],
        PAGES["publisher"]: source.get("publisher"),
        PAGES["edition"]: source.get("vintage"),
        PAGES["licence"]: source.get("licence") or "not stated",
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
            words.percent(float(row["weight"]) / whole)
            if row["status"] == "used" and whole
            else row["status"]
        )
        gone, filled = row["missing"] or 0, row["imputed"] or 0
        gaps = f"{gone:,} missing, {filled:,} filled in" if gone else "none"
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
    day = making.day
    told = f"{day.day} {day:%B} {day.year}"
    sources = "; ".join(
        f"{source.title}{f', {source.publisher}' if source.publisher else ''}{f' ({source.vintage})' if source.vintage else ''}"
        for source in making.page.sources
    )
    cite = f"{making.page.title}. {told}. Made with Wardmote {making.frame.version}.{f' Sources: {sources}.' if sources else ''}"
    making.put(
        "about/index.html", "about.html.j2", page=making.page, day=day.isoformat(), day_words=told, cite=cite
    )
