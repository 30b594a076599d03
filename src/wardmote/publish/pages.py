"""The pages beside the profiles: look up, compare, table, round, method, indicators, about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.atlas import ASSETS, TEMPLATES, Making
from wardmote.publish.building import safe_name
from wardmote.publish.lookup import make_lookup
from wardmote.publish.page import cited, told_gaps, told_mendings
from wardmote.publish.places import PlaceLevel, records
from wardmote.publish.points import make_points
from wardmote.publish.profiles import Link, Rows
from wardmote.publish.shapes import told_outlines
from wardmote.publish.shards import make_postcodes, make_shards, spoken
from wardmote.publish.strings import MAP, PAGES, SCRIPT, STRINGS, language, missing, say, spoken_now
from wardmote.publish.varied import tried_of

STYLES = ("page.css", "atlas.css", "evidence.css")
"""Style sheets that the pages beyond the first share, in order."""

MOST_ROWS = 1500
"""Most rows of a table that stand in the page itself; above it the page would pass half a megabyte, so rows come from the columns."""

MOST_KM = 1000
"""Most kilometres around a place that an area of one's own may reach: England's length and half as much again."""

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
            content = file.read_bytes()
            if (
                file.suffix == ".js" and file.parent.name == "js"
            ):  # modules name each other, so here too the edition
                content = re.sub(
                    rb'( from "\./[\w-]+\.js)"', rb'\1?v=%b"' % making.frame.edition.encode(), content
                )
            making.build.put(f"assets/{file.relative_to(ASSETS).as_posix()}", content)


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
    postcodes = make_postcodes(making)
    make_lookup(making, postcodes.districts)
    if postcodes.left_out:
        making.say(postcodes.left_out)
    making.put(
        "find.html",
        "find.html.j2",
        base=making.atlas.base,
        postcodes=making.study.publish.postcodes is not None,
        left_out=postcodes.left_out,
        groups=_groups(making),
        points=make_points(making),
        most_km=MOST_KM,
    )
    making.put("embed/card.html", "card.html.j2")


def _groups(making: Making) -> list[tuple[Link | None, list[Link]]]:
    """Return places under the larger areas that they lie in, those that lie in none at the end; where no level lies in another,
    the places of each level by themselves."""
    several = [place for place in making.atlas.levels.values() if len(place.codes) > 1 and place.paged]
    pair = nested(several)
    if pair is None:
        lists = [(place, _by_name(making, place, range(len(place.codes)))) for place in reversed(several)]
        heads = [None] if len(lists) == 1 else [_plain(place.level.plural) for place, _ in lists]
        return [(head, links) for head, (_, links) in zip(heads, lists, strict=True)]
    larger, below = pair
    parents = below.parents[larger.level.name]
    groups: list[tuple[Link | None, list[Link]]] = [
        (link, _by_name(making, below, (parents == larger.at[link.code]).nonzero()[0].tolist()))
        for link in _by_name(making, larger, sorted({int(row) for row in parents if row >= 0}))
    ]
    if (parents < 0).any():
        alone = _by_name(making, below, (parents < 0).nonzero()[0].tolist())
        groups.append((_plain(say("pages", "find_alone", area=larger.level.title)), alone))
    return groups


def _plain(name: str) -> Link:
    """Return the head of a group that no page stands for."""
    return Link(f"{name[:1].upper()}{name[1:]}", "")


def nested(levels: Sequence[PlaceLevel]) -> tuple[PlaceLevel, PlaceLevel] | None:
    """Return the largest level in which places of another lie, and the largest such other; None where no two are nested.

    Args:
        levels: The levels, smallest areas first. Wards and districts may cross, so the next level need not lie in this one.
    """
    for i in range(len(levels) - 1, 0, -1):
        for below in reversed(levels[:i]):
            if (below.parents[levels[i].level.name] >= 0).any():
                return levels[i], below
    return None


def _by_name(making: Making, place: PlaceLevel, rows: Iterable[int]) -> list[Link]:
    return sorted(
        (making.profiler.link(place.level.name, row) for row in rows), key=lambda link: (link.name, link.code)
    )


# ---- compare


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
    others: tuple[str, ...]
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
        tried=tried_of(making.found),
        outlines=told_outlines(making.found),
        indicators=sorted(links, key=lambda link: link.name),
    )
    sources = {row["source"]: row for row in records(making.found.read("sources"))}
    mendings: dict[str, list[dict[str, Any]]] = {}
    for row in records(making.found.read("mendings")):
        mendings.setdefault(row["source"], []).append(row)
    uses, others, counts = _uses(making), _other_uses(making), _counts(making)
    for row, link in zip(rows, links, strict=True):
        source = sources.get(row["source"], {})
        facts = _indicator(row, source, counts.get(row["indicator"], []))
        caveats = [words.sentence(source.get("note") or ""), *told_mendings(mendings.get(row["source"], []))]
        one = IndicatorPage(
            *facts,
            uses=tuple(uses.get(row["indicator"], [])),
            others=tuple(others.get(row["indicator"], [])),
            caveats=tuple(said for said in caveats if said),
        )
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
        words.sentence(row["note"] or ""),
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


def _other_uses(making: Making) -> dict[str, list[str]]:
    """Return what else each indicator serves for, one sentence each: sampling error, programmes, funding rounds."""
    study = making.study
    uses: dict[str, list[str]] = {}

    def note(used: str, key: str, **marks: str) -> None:
        uses.setdefault(used, []).append(say("pages", key, **marks))

    for (key, used), items in _sampled(making).items():
        note(used, key, items=speech.listed(items))
    for id_, programme in study.programme.items():
        for used in (programme.outcome, *programme.also):
            note(used, "used_outcome", title=programme.title or id_)
        for used in programme.covariates:
            note(used, "used_known", title=programme.title or id_)
    for id_, one in study.round.items():
        for used in [part.indicator for part in one.measure if part.indicator]:
            note(used, "used_round", title=one.title or id_)
    return uses


def _sampled(making: Making) -> dict[tuple[str, str], list[str]]:
    """Return into which indicators others bring chance, by how they do and by their own names."""
    nodes = records(making.found.read("nodes"))
    titles = {row["indicator"]: row["title"] for row in nodes if row["indicator"]}
    sampled: dict[tuple[str, str], list[str]] = {}
    for factor in (factor for spec in making.study.uncertainty.values() for factor in spec.factors):
        name = factor.path.removeprefix("values.")
        of = titles.get(name, factor.title or name)
        named = {"used_sampling": (factor.numerator, factor.denominator), "used_through": (factor.through,)}
        for key, used in [(key, one) for key, some in named.items() for one in some if one]:
            items = sampled.setdefault((key, used), [])
            items += [of] if of not in items else []
    return sampled


def _counts(making: Making) -> dict[str, list[str]]:
    """Return how many values each indicator has, by level and period, as far as they may be published."""
    table = making.found.read("values", ["indicator", "level", "period", "value"])
    table = table[table["value"].notna()]
    sizes = table.groupby(["indicator", "level", "period"], sort=True).size().reset_index(name="count")
    periods: dict[tuple[str, str, int], list[str]] = {}
    for indicator, level, period, number in sizes.itertuples(index=False, name=None):
        periods.setdefault((indicator, level, number), []).append(str(period))
    counts: dict[str, list[str]] = {}
    for (indicator, level, number), named in periods.items():
        noun = making.found.level(level).plural
        told = say("pages", "coverage_told", count=f"{number:,}", areas=noun)
        counts.setdefault(indicator, []).append(f"{told} ({speech.listed(named)})")
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
        cite=cited(making.page, told, making.frame.version),
        lacking=lacking,
    )
