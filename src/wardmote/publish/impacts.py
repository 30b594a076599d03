"""Pages of programmes: what was declared, what changed, how far that can be trusted, what it is worth, who was compared.

Nothing is estimated here: rows of the tables that the evaluation wrote are put into words, drawings and files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wardmote import words
from wardmote.publish.atlas import Making
from wardmote.publish.building import safe_name
from wardmote.publish.page import Gathering
from wardmote.publish.places import records
from wardmote.publish.profiles import Link
from wardmote.publish.strings import STRINGS
from wardmote.publish.trials import Dot, by_year, curve, likeness, side_by_side
from wardmote.study import ProgrammeSpec

ALIKE = 0.1
"""Standardised difference up to which areas count as alike (Austin 2009, Statistics in Medicine 28: 3083–3107)."""

MOST_AREAS = 150
"""Most comparison areas that the page itself lists: those with the largest weight; the file holds all."""

TABLES = ("impacts", "impact_checks", "balances", "comparators", "treatments", "worths")
"""Tables that each programme's page offers as files."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawing: what it shows, how to read it, and the same as a table.

    Attributes:
        id: Prefix of its ids.
        drawing: The image.
        note: How to read it.
        caption: Of the table.
        header: Of the table.
        rows: Of the table; the first cell heads its row.
    """

    id: str
    drawing: Markup
    note: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """One test of trust: its question, what it said in a word and with a sign, and its sentences."""

    question: str
    verdict: str
    flagged: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Money:
    """One line of what it is worth, or one assumption behind it."""

    what: str
    value: str
    range: str
    origin: str
    source: str


@dataclass(frozen=True, slots=True)
class Programme:
    """One programme as its page prints it.

    Attributes:
        title, description, path: Its title, what it is, its page.
        answer: The main result in a sentence.
        sure: How sure that is, in sentences.
        worth: What it is worth, one sentence, or "".
        others: Results on further outcomes, one sentence each.
        declared: What was declared: term and words.
        checksum: Checksum of the declaration as it stands.
        recorded: What is known of its record.
        added: What was added afterwards, in sentences.
        years, ways, alike, choices: Drawings, or None where the data have none.
        trust: Tests of trust, by outcome.
        parts: How many areas have which part.
        areas: Areas compared: link, part, weight, distance.
        areas_note: How many of them are shown.
        figures, assumptions: Worth.
        files: Files to take away.
    """

    title: str
    description: str
    path: str
    answer: str
    sure: tuple[str, ...]
    worth: str
    others: tuple[str, ...]
    declared: tuple[tuple[str, str], ...]
    checksum: str
    recorded: str
    added: tuple[str, ...]
    years: Drawn | None
    ways: Drawn | None
    alike: Drawn | None
    choices: Drawn | None
    trust: tuple[tuple[str, tuple[Trust, ...]], ...]
    parts: tuple[tuple[str, str], ...]
    areas: tuple[tuple[Link, str, str, str], ...]
    areas_note: str
    figures: tuple[Money, ...]
    assumptions: tuple[Money, ...]
    files: tuple[Link, ...]


def can_impacts(found: Gathering) -> bool:
    """Return whether any programme of the study has results that may be shown.

    Args:
        found: The tables.
    """
    return bool(found.study.programme) and len(found.read("impacts")) > 0


def make_impacts(making: Making) -> None:
    """Write the page of all programmes, a page for each, and their files.

    Args:
        making: What pages are made of.
    """
    tables = {name: records(making.found.read(name)) for name in (*TABLES, "findings", "indicators")}
    shown = []
    for id_, spec in making.study.programme.items():
        mine = {name: [row for row in rows if row.get("programme") == id_] for name, rows in tables.items()}
        mine["findings"] = sorted(
            (row for row in tables["findings"] if (row["stage"], row["id"]) == ("evaluate", id_)),
            key=lambda row: row["position"],
        )
        if not mine["impacts"]:
            continue
        one = _programme(making, id_, spec, mine, {row["indicator"]: row for row in tables["indicators"]})
        making.put(one.path, "impact.html.j2", one=one)
        shown.append(one)
    making.put("impacts/index.html", "impacts.html.j2", programmes=shown)


def _programme(
    making: Making,
    id_: str,
    spec: ProgrammeSpec,
    mine: Mapping[str, Sequence[Row]],
    indicators: Mapping[str, Row],
) -> Programme:
    """Return one programme in words and drawings."""
    main = next(
        row
        for row in mine["impacts"]
        if (row["outcome"], row["estimator"], row["specification"])
        == (spec.outcome, spec.estimators[0], "main")
        and (row["group"], row["time"]) == ("all", "all")
    )
    title = spec.title or id_
    titles = {name: row["title"] for name, row in indicators.items()}
    results = [
        row
        for row in mine["findings"]
        if row["source_table"] == "impacts" and (row["low"] is not None or row["value"] == main["effect"])
    ]
    checks = [row for row in mine["impact_checks"] if row["outcome"] == spec.outcome]
    checksum = spec.checksum
    areas, note = _areas(making, spec, mine["comparators"])
    return Programme(
        title=title,
        description=spec.description,
        path=f"impacts/{safe_name(id_)}.html",
        answer=next((plain(row["sentence"], title) for row in results if row["value"] == main["effect"]), ""),
        sure=(*_sure(main, checks), *_plainest(spec, mine["impacts"], main)),
        worth=next(
            (plain(row["sentence"], title) for row in mine["findings"] if row["source_table"] == "worths"), ""
        ),
        others=tuple(plain(row["sentence"], title) for row in results if row["value"] != main["effect"]),
        declared=_declared(making, spec, titles),
        checksum=checksum,
        recorded=_recorded(spec, checksum),
        added=_added(spec, titles),
        years=_years(id_, spec, mine["impacts"], main, titles),
        ways=_ways(id_, spec, mine["impacts"], main, titles),
        alike=_alike(id_, mine["balances"], titles),
        choices=_choices(id_, spec, mine["impacts"], main, titles),
        trust=_trust(
            mine["impact_checks"],
            spec,
            titles,
            {
                code: making.found.place(spec.level, code).name
                for cohort in spec.cohorts
                for code in cohort.areas
            },
        ),
        parts=_parts(mine["comparators"]),
        areas=areas,
        areas_note=note,
        figures=tuple(_money(row) for row in mine["worths"] if row["origin"] == "calculated"),
        assumptions=tuple(_money(row) for row in mine["worths"] if row["origin"] != "calculated"),
        files=tuple(_file(making, id_, name) for name in TABLES if mine[name] or name == "impacts"),
    )


# ---- in words


def told(kind: str, word: str) -> str:
    """Return a word of the tables as pages say it; the word itself where no text is known for it.

    Args:
        kind: What kind of word: way, role, verdict and so on.
        word: The word as the table has it.
    """
    return STRINGS["impacts"].get(f"{kind}_{word.replace(' ', '_').replace('-', '_')}", word)


def plain(sentence: str, title: str = "") -> str:
    """Return a sentence of the tables for a page: without the programme's title where it stands above, and with true minus signs.

    Args:
        sentence: The sentence.
        title: The title that is left out at its start.
    """
    text = sentence.removeprefix(f"{title}: ") if title else sentence
    return re.sub(r"(?<![\w-])-(?=\d)", "−", words.sentence(text))


def unit_of(row: Row) -> str:
    """Return how differences of an outcome are said: of per cent they are percentage points.

    Args:
        row: A row with ``unit``.
    """
    unit = row["unit"] or ""
    return STRINGS["impacts"]["points"] if unit.startswith("%") else unit


def _sure(main: Row, checks: Sequence[Row]) -> tuple[str, ...]:
    """Return how sure the main result is: what its interval says, and which tests were flagged."""
    said = STRINGS["impacts"]
    flagged = list(dict.fromkeys(row["test"] for row in checks if row["result"] == "flagged"))
    made = {row["test"] for row in checks if row["result"] in ("passed", "flagged")}
    if main["low"] is None:
        first = said["sure_none"]
    elif main["low"] <= 0 <= main["high"]:
        first = said["sure_open"]
    else:
        first = said["sure_clear"]
    if not made:
        return (first,)
    if not flagged:
        return first, said["sure_passed"].format(count=words.count(len(made), said["test"], said["tests"]))
    named = words.listed([_question(test)[0] for test in flagged])
    return first, said["sure_flagged"].format(flagged=f"{len(flagged):,}", made=f"{len(made):,}", named=named)


def _plainest(spec: ProgrammeSpec, impacts: Sequence[Row], main: Row) -> tuple[str, ...]:
    """Return what the plainest of the specifications would have said: no covariates, and near areas kept where that was a choice."""
    rows = [
        (set(row["specification"].split("; ")), row)
        for row in impacts
        if (row["outcome"], row["status"]) == (spec.outcome, "check") and row["low"] is not None
    ]
    rows = [(made, row) for made, row in rows if "no covariates" in made]
    rows.sort(
        key=lambda pair: (
            "near areas kept" not in pair[0],
            "compared with areas never supported" not in pair[0],
        )
    )
    if not rows or rows[0][1]["effect"] == main["effect"]:
        return ()
    return (STRINGS["impacts"]["plainest"].format(said=_dot("", rows[0][1]).said, unit=unit_of(main)),)


def _declared(making: Making, spec: ProgrammeSpec, titles: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what was declared before the result was known."""
    said = STRINGS["impacts"]
    level = making.found.level(spec.level)
    number = sum(len(cohort.areas) for cohort in spec.cohorts)
    starts = words.listed([cohort.start for cohort in sorted(spec.cohorts, key=lambda one: one.start)])
    led = words.listed(sorted({cohort.led_by for cohort in spec.cohorts}))
    pounds = sum((cohort.pounds or 0) * len(cohort.areas) for cohort in spec.cohorts)
    near = said["apart"].format(km=f"{spec.comparison.apart_km:g}") if spec.comparison.apart_km else ""
    terms = [
        (
            "declared_areas",
            said["areas_told"].format(areas=words.count(number, level.title, level.plural), starts=starts),
        ),
        (
            "declared_pounds",
            said["pounds_told"].format(pounds=f"{pounds:,.0f}") if pounds else said["pounds_none"],
        ),
        ("declared_led", led),
        ("declared_outcome", titles.get(spec.outcome, spec.outcome)),
        ("declared_also", words.listed([titles.get(one, one) for one in spec.also])),
        ("declared_estimators", words.listed([told("way", one) for one in spec.estimators])),
        ("declared_pool", f"{told('pool', spec.comparison.kind)}{near}"),
        ("declared_known", words.listed([titles.get(one, one) for one in spec.covariates])),
        ("declared_estimand", told("over", spec.estimand)),
    ]
    return tuple((said[term], text) for term, text in terms if text)


def _recorded(spec: ProgrammeSpec, checksum: str) -> str:
    """Return whether the declaration was recorded, and whether it still is the same."""
    said = STRINGS["impacts"]
    if not spec.declared:
        return said["recorded_none"]
    return said["recorded_same" if checksum.startswith(spec.declared) else "recorded_other"].format(
        recorded=spec.declared[:12]
    )


def _added(spec: ProgrammeSpec, titles: Mapping[str, str]) -> tuple[str, ...]:
    """Return what was added after the declaration, with the reason given."""
    said = STRINGS["impacts"]
    items = [titles.get(one, one) for one in spec.added.outcomes]
    items += [told("way", one) for one in spec.added.estimators]
    if not items:
        return ()
    why = said["added_why"].format(why=spec.added.why) if spec.added.why else said["added_no_reason"]
    return (words.sentence(words.listed(items)), why)


def _question(test: str) -> tuple[str, str]:
    """Return what a test of trust is called and what it asks."""
    name, _, asked = told("test", test).partition("|")
    return name, asked or name


def _trust(
    checks: Sequence[Row], spec: ProgrammeSpec, titles: Mapping[str, str], names: Mapping[str, str]
) -> tuple[tuple[str, tuple[Trust, ...]], ...]:
    """Return the tests of trust by outcome, the primary one first; areas are called by their names."""
    outcomes = dict.fromkeys([spec.outcome, *(row["outcome"] for row in checks)])
    out = []
    for outcome in outcomes:
        mine = [row for row in checks if row["outcome"] == outcome]
        found = []
        for test in dict.fromkeys(row["test"] for row in mine):
            rows = [row for row in mine if row["test"] == test]
            results = {row["result"] for row in rows}
            verdict = next(one for one in ("flagged", "passed", "told", "not applicable") if one in results)
            # What the bounds amount to stands before the single bounds; a slope that the first sentence tells is not told twice.
            rows.sort(key=lambda row: row["item"] != "breakdown")
            sentences = tuple(
                _by_name(plain(row["sentence"]), names) for row in rows if row["item"] != "slope noticed"
            )
            found.append(Trust(_question(test)[1], told("verdict", verdict), verdict == "flagged", sentences))
        if found:
            out.append((titles.get(outcome, outcome), tuple(found)))
    return tuple(out)


def _by_name(sentence: str, names: Mapping[str, str]) -> str:
    """Return a sentence with the area that moves an estimate most called by its name; a code alone may be any number."""
    return re.sub(
        r"; (.+) moves it most",
        lambda found: found[0].replace(found[1], names.get(found[1], found[1])),
        sentence,
    )


def _money(row: Row) -> Money:
    """Return one line of worth in words."""
    said = STRINGS["impacts"]
    unit = row["unit"] or ""
    pounds = unit.startswith("£")

    def amount(value: float | None) -> str:
        if value is None:
            return ""
        if not pounds:
            return f"{value:,.2f}" if row["origin"] == "calculated" else f"{value:,.4g}"
        sign, size = "−" if value < 0 else "", abs(value)
        return f"{sign}£{size / 1e6:,.1f} {said['million']}" if size >= 1e6 else f"{sign}£{size:,.0f}"

    low, high = amount(row["low"]), amount(row["high"])
    ranged = said["range"].format(low=low, high=high) if low and low != high else ""
    beside = unit.removeprefix("£ ").removeprefix("£") if pounds else unit
    value = f"{amount(row['value'])} {beside}".strip()
    origin = told("origin", row["origin"])
    return Money(words.sentence(row["meaning"]).removesuffix("."), value, ranged, origin, row["source"] or "")


def _parts(rows: Iterable[Row]) -> tuple[tuple[str, str], ...]:
    """Return how many areas have which part in the comparison."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["role"]] = counts.get(row["role"], 0) + 1
    order = ("supported", "comparison", "too near", "excluded", "outside the pool", "no outcome")
    return tuple((told("role", role), f"{counts[role]:,}") for role in order if role in counts)


def _areas(
    making: Making, spec: ProgrammeSpec, rows: Sequence[Row]
) -> tuple[tuple[tuple[Link, str, str, str], ...], str]:
    """Return the supported areas and those compared that weigh most, each with its part, weight and distance."""
    said = STRINGS["impacts"]
    weighed = any(row["weight"] is not None for row in rows if row["role"] == "comparison")
    pool = [row for row in rows if row["role"] == "comparison" and (row["weight"] or not weighed)]
    pool.sort(key=lambda row: (-(row["weight"] or 0), row["area"]))
    shown = [row for row in rows if row["role"] == "supported"] + pool[:MOST_AREAS]
    place = making.atlas.levels.get(spec.level)

    def link(code: str) -> Link:
        at = place.at.get(code) if place is not None else None
        if at is None or "place" not in (making.study.publish.pages or ["place"]):
            return Link(making.found.place(spec.level, code).name, "", code)
        return making.profiler.link(spec.level, at)

    table = tuple(
        (
            link(row["area"]),
            told("role", row["role"]),
            "" if row["weight"] is None else f"{row['weight']:.2f}",
            ""
            if row["distance_km"] is None or row["role"] == "supported"
            else f"{row['distance_km']:.1f} km",
        )
        for row in shown
    )
    note = said["areas_weighed" if weighed else "areas_all"]
    if len(pool) > MOST_AREAS:
        note += " " + said["areas_most"].format(shown=f"{MOST_AREAS:,}", total=f"{len(pool):,}")
    return table, note


def _file(making: Making, id_: str, name: str) -> Link:
    """Write one table of a programme as CSV and return where it lies."""
    frame = making.found.read(name)
    path = f"impacts/{safe_name(id_)}/{name}.csv"
    making.build.put(path, frame[frame["programme"] == id_].to_csv(index=False, lineterminator="\n"))
    return Link(told("file", name), path)


# ---- drawings


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _dot(label: str, row: Row, *, main: bool = False) -> Dot:
    return Dot(label, float(row["effect"]), _number(row["low"]), _number(row["high"]), main)


def _cells(dot: Dot, *more: str) -> tuple[str, ...]:
    """Return a row of a table: label, estimate, interval, and what else there is."""
    said = STRINGS["impacts"]
    interval = said["no_interval"]
    if not math.isnan(dot.low):
        interval = said["range"].format(low=words.signed(dot.low), high=words.signed(dot.high))
    return dot.label, words.signed(dot.value), interval, *more


def _more_is_better(main: Row) -> bool | None:
    """Return whether more of an outcome is better, from whether its effect is; None where that is not known."""
    if main["better"] is None or not main["effect"]:
        return None
    return bool(main["better"]) == (float(main["effect"]) > 0)


def _years(
    id_: str, spec: ProgrammeSpec, impacts: Sequence[Row], main: Row, titles: Mapping[str, str]
) -> Drawn | None:
    """Return estimates by periods since the start, by the first estimator that has them."""
    said = STRINGS["impacts"]
    rows: list[Row] = []
    for estimator in spec.estimators:
        rows = [
            row
            for row in impacts
            if (row["outcome"], row["estimator"], row["estimand"]) == (spec.outcome, estimator, "dynamic")
            and row["specification"] == "main" and row["time"] != "all" and row["effect"] is not None
        ]  # fmt: skip
        if rows:
            break
    if not rows:
        return None
    dots = sorted(((int(row["time"]), row) for row in rows), key=lambda pair: pair[0])
    title = said["years_title"].format(outcome=titles.get(spec.outcome, spec.outcome), unit=unit_of(main))
    drawn = by_year(
        f"years-{safe_name(id_)}",
        title,
        [(when, _dot(_when(when), row)) for when, row in dots],
        float(main["effect"]),
        unit=unit_of(main),
        better=_more_is_better(main),
    )
    return Drawn(
        f"years-{safe_name(id_)}",
        drawn,
        said["years_note"].format(estimator=told("way", rows[0]["estimator"])),
        title,
        (said["when"], said["estimate"], said["interval"], said["supported"]),
        tuple(_cells(_dot(_when(when), row), f"{row['n']:,}") for when, row in dots),
    )


def _when(when: int) -> str:
    """Return a period since the start in words."""
    said = STRINGS["impacts"]
    if when < 0:
        return said["before_one" if when == -1 else "before"].format(number=-when)
    return said["first"] if when == 0 else said["after_one" if when == 1 else "after"].format(number=when)


def _ways(
    id_: str, spec: ProgrammeSpec, impacts: Sequence[Row], main: Row, titles: Mapping[str, str]
) -> Drawn | None:
    """Return the estimate of every estimator, the main one first."""
    said = STRINGS["impacts"]
    rows = [
        row
        for row in impacts
        if (row["outcome"], row["specification"], row["group"], row["time"])
        == (spec.outcome, "main", "all", "all")
        and row["effect"] is not None
    ]
    if not rows:
        return None
    order = [*spec.estimators, *spec.added.estimators]
    rows.sort(key=lambda row: order.index(row["estimator"]) if row["estimator"] in order else len(order))
    title = said["ways_title"].format(outcome=titles.get(spec.outcome, spec.outcome), unit=unit_of(main))
    dots = [_dot(told("way", row["estimator"]), row, main=i == 0) for i, row in enumerate(rows)]
    cells = tuple(
        _cells(dot, f"{row['n']:,}", f"{row['compared']:,}", told("status", row["status"]), row["note"] or "")
        for dot, row in zip(dots, rows, strict=True)
    )
    return Drawn(
        f"ways-{safe_name(id_)}",
        side_by_side(f"ways-{safe_name(id_)}", title, dots, unit=unit_of(main), better=_more_is_better(main)),
        said["ways_note"],
        title,
        (
            said["way"],
            said["estimate"],
            said["interval"],
            said["supported"],
            said["compared"],
            said["status"],
            said["limits"],
        ),
        cells,
    )


def _alike(id_: str, balances: Sequence[Row], titles: Mapping[str, str]) -> Drawn | None:
    """Return how alike supported and comparison areas are, before and after they were matched or weighted."""
    said = STRINGS["impacts"]
    rows = [row for row in balances if row["before"] is not None and row["after"] is not None]
    if not rows:
        return None
    several = len({row["method"] for row in rows}) > 1

    def label(row: Row) -> str:
        title = titles.get(row["covariate"], row["covariate"])
        return f"{title} ({told('method', row['method'])})" if several else title

    rows.sort(key=lambda row: -abs(row["before"]))
    drawn = likeness(
        f"alike-{safe_name(id_)}",
        said["alike_title"],
        [(label(row), float(row["before"]), float(row["after"])) for row in rows],
        ALIKE,
    )
    return Drawn(
        f"alike-{safe_name(id_)}",
        drawn,
        said["alike_note"].format(alike=ALIKE),
        said["alike_title"],
        (said["known"], said["mean_supported"], said["mean_compared"], said["mean_weighted"], said["apart_before"], said["apart_after"]),
        tuple(
            (label(row), *(words.signed(float(row[key])) for key in ("supported", "compared", "weighted", "before", "after")))
            for row in rows
        ),
    )  # fmt: skip


def _choices(
    id_: str, spec: ProgrammeSpec, impacts: Sequence[Row], main: Row, titles: Mapping[str, str]
) -> Drawn | None:
    """Return the estimates under every reasonable specification, sorted, with the choices of each."""
    said = STRINGS["impacts"]
    rows = [
        row
        for row in impacts
        if (row["outcome"], row["status"]) == (spec.outcome, "check") and row["effect"] is not None
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: row["effect"])
    choices = list(dict.fromkeys(part for row in rows for part in sorted(row["specification"].split("; "))))
    choices.sort(key=lambda part: (part.startswith("near"), not part.startswith("compared"), part))
    # The specification that was declared has the main estimate's own number.
    dots = [
        _dot(row["specification"], row, main=math.isclose(row["effect"], main["effect"], rel_tol=1e-9))
        for row in rows
    ]
    title = said["choices_title"].format(
        count=words.count(len(rows), said["specification"], said["specifications"]),
        outcome=titles.get(spec.outcome, spec.outcome),
        unit=unit_of(main),
    )
    made = [frozenset(row["specification"].split("; ")) for row in rows]
    drawn = curve(
        f"choices-{safe_name(id_)}",
        title,
        list(zip(dots, made, strict=True)),
        choices,
        unit=unit_of(main),
        better=_more_is_better(main),
    )
    return Drawn(
        f"choices-{safe_name(id_)}",
        drawn,
        said["choices_note"],
        title,
        (said["choice"], said["estimate"], said["interval"], said["compared"]),
        tuple(_cells(dot, f"{row['compared']:,}") for dot, row in zip(dots, rows, strict=True)),
    )
