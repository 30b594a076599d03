"""Practice cards: what is known of one strategy, on a page that a community group reads in two minutes; and the page of all findings.

A card says what it is, what was found, how sure that is, what does not work or harms, what it costs, where it was studied, and what
nobody knows. Nothing is pooled or judged here: it is all in the tables.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from wardmote import words
from wardmote.publish.atlas import Making
from wardmote.publish.building import safe_name
from wardmote.publish.impacts import plain, told
from wardmote.publish.place_strategies import card_path
from wardmote.publish.plots import Line, forest, funnel
from wardmote.publish.profiles import Link
from wardmote.publish.strings import STRINGS
from wardmote.publish.trials import Dot, side_by_side
from wardmote.study.evidence import HereSpec

Row = Mapping[str, Any]

TAXONOMIES = Path(__file__).parents[1] / "recipes" / "taxonomies"
"""Folder of the words for strategies and outcomes that come with Wardmote."""

STRENGTHS = ("high", "moderate", "low", "very low", "no estimate", "no study")
"""Strengths of evidence, the strongest first."""

MOST_NAMED = 4
"""Most programmes that a card names as examples: enough to see what is meant in two minutes."""

MOST_CITED = 3
"""Most studies that a line of a card cites; the page of all findings names every one."""

LONG = 24
"""Letters from which names of several authors are cut to the first, so that they stand beside their figures on a phone."""

RATIO = "GBP_ratio"
"""How a library marks an effect that is pounds of benefit for each pound spent."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot: the image, how to read it, and its rows."""

    drawing: Markup
    note: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer on a card: its sentence, why it has its strength, and the plots behind it."""

    sentence: str
    reasons: str
    plots: tuple[Plot, ...]


@dataclass(frozen=True, slots=True)
class Here:
    """An evaluation of this study put together with what studies elsewhere found.

    Attributes:
        sentence: The result, with the conflict where there is one.
        drawing: Elsewhere, here, and both together.
        note: How to read it.
        page: Page of the programme.
        strategy: The strategy.
        worth: What it is worth, or "".
    """

    sentence: str
    drawing: Markup | None
    note: str
    page: Link
    strategy: str
    worth: str


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of one strategy.

    Attributes:
        strategy, title, path: Its id, title and page.
        about: What it is.
        examples: What studies looked at.
        short: Its strongest answer in a few words.
        answers: What was found on each outcome of which a size is known.
        unsized: What was found on the others, one sentence, or "".
        against: What did not work, or harmed: one sentence each.
        sure: How sure all that is.
        costs: What is recorded of costs and worth.
        where: Where it was studied.
        unknown: What nobody knows.
        accounts: What people told.
        here: Evaluations of this study.
    """

    strategy: str
    title: str
    path: str
    about: str
    examples: tuple[str, ...]
    short: str
    answers: tuple[Answer, ...]
    unsized: str
    against: tuple[str, ...]
    sure: tuple[str, ...]
    costs: tuple[str, ...]
    where: tuple[str, ...]
    unknown: tuple[str, ...]
    accounts: tuple[str, ...]
    here: tuple[Here, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One body of evidence with its rows and its cards.

    Attributes:
        id, title: Its section and title.
        library: The page of all its findings.
        cells, effects, syntheses, accounts: Its rows.
        studies: Its studies by name.
        outcomes: Title of each outcome, and whether it is one of connectedness.
        cards: Its cards.
        here: Evaluations of this study that were put together with it.
    """

    id: str
    title: str
    library: str
    cells: tuple[Row, ...]
    effects: tuple[Row, ...]
    syntheses: tuple[Row, ...]
    accounts: tuple[Row, ...]
    studies: Mapping[str, Row]
    outcomes: Mapping[str, tuple[str, bool]]
    cards: tuple[Card, ...]
    here: tuple[Here, ...]


def read_body(making: Making, id_: str, tables: Mapping[str, Sequence[Row]]) -> Evidence:
    """Return one body of evidence with its cards.

    Args:
        making: What pages are made of.
        id_: Its section of the study.
        tables: Rows of all tables that it needs.
    """
    spec = making.study.synthesis[id_]
    mine = {
        name: tuple(row for row in rows if row.get("synthesis") == id_)
        for name, rows in tables.items()
        if name in ("gap_map", "syntheses", "effects", "accounts", "studies")
    }
    cells = mine["gap_map"]
    bare = Evidence(
        id=id_,
        title=spec.title or id_,
        library=f"evidence/{safe_name(id_)}/findings.html",
        cells=cells,
        effects=mine["effects"],
        syntheses=mine["syntheses"],
        accounts=mine["accounts"],
        studies={row["study"]: row for row in mine["studies"]},
        outcomes={row["outcome"]: (row["outcome_title"], bool(row["core"])) for row in cells},
        cards=(),
        here=(),
    )
    here = tuple(found for one in spec.here if (found := _here(making, bare, one, tables)) is not None)
    about = _about(making.study.folder, spec.taxonomy)
    strategies = {row["strategy"]: row["strategy_title"] for row in cells}
    return Evidence(
        **{name: getattr(bare, name) for name in Evidence.__slots__ if name not in ("cards", "here")},
        cards=tuple(
            _card(
                bare,
                strategy,
                title,
                about.get(strategy, ""),
                [one for one in here if one.strategy == strategy],
            )
            for strategy, title in strategies.items()
        ),
        here=here,
    )


def _about(folder: Path, name: str) -> dict[str, str]:
    """Return what each strategy of a taxonomy is; nothing where its file is gone since the study was run."""
    path = folder / name if name.endswith(".toml") else TAXONOMIES / f"{name}.toml"
    try:
        strategies = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("strategies", {})
    except (OSError, ValueError):
        return {}
    return {strategy: str(one.get("about", "")) for strategy, one in strategies.items()}


def spoken(kind: str, word: str) -> str:
    """Return a word of the tables of evidence as pages say it; the word itself where no text is known for it.

    Args:
        kind: What kind of word: answer, country, design.
        word: The word as the table has it.
    """
    # Libraries write "multi" for several countries, and how many in brackets.
    word = word.removeprefix("multi (").removesuffix(")") if word.startswith("multi (") else word
    return STRINGS["evidence"].get(f"{kind}_{word.replace(' ', '_')}", word)


# ---- a card


def _card(body: Evidence, strategy: str, title: str, about: str, here: Sequence[Here]) -> Card:
    """Return the card of one strategy."""
    cells = [row for row in body.cells if row["strategy"] == strategy]
    effects = [row for row in body.effects if row["strategy"] == strategy]
    looked = sorted((row for row in cells if row["findings"]), key=_order)
    examples = dict.fromkeys(row["intervention"] for row in effects if row["intervention"])
    return Card(
        strategy=strategy,
        title=title,
        path=card_path(body.id, strategy),
        about=words.sentence(about),
        examples=tuple(list(examples)[:MOST_NAMED]),
        short=_short(looked),
        answers=tuple(_answer(body, row, title) for row in looked if row["strength"] != "no estimate"),
        unsized=_unsized([row for row in looked if row["strength"] == "no estimate"]),
        against=_against(body, effects) if effects else _closed(looked),
        sure=_sure(looked, effects),
        costs=_costs(effects, here, closed=bool(looked) and not effects),
        where=_where(body, effects),
        unknown=_unknown(body, cells),
        accounts=tuple(
            words.sentence(row["finding"]) + (f" ({row['context']})" if row["context"] else "")
            for row in body.accounts
            if row["strategy"] == strategy
        ),
        here=tuple(here),
    )


def _order(row: Row) -> tuple[int, int, str]:
    """Return what sorts answers: the strongest first, outcomes of connectedness before others."""
    return STRENGTHS.index(row["strength"]), 0 if row["core"] else 1, row["outcome_title"]


def _short(looked: Sequence[Row]) -> str:
    """Return the strongest answer in a few words."""
    said = STRINGS["evidence"]
    if not looked:
        return said["short_none"]
    first = looked[0]
    count = sum(int(row["findings"]) for row in looked)
    return said["short"].format(
        findings=words.count(count, said["finding_one"], said["finding_many"]),
        outcome=first["outcome_title"].lower(),
        answer=spoken("answer", first["answer"]),
        strength=first["strength"],
    )


def _unsized(rows: Sequence[Row]) -> str:
    """Return what was concluded on outcomes without any size, in one sentence; "" for none."""
    said = STRINGS["evidence"]
    told_outcomes = []
    for row in rows:
        results = ", ".join(
            f"{row[name]} {said[f'result_{name}']}"
            for name in ("benefit", "none", "mixed", "harm")
            if row[name]
        )
        told_outcomes.append(f"{row['outcome_title'].lower()} ({results})")
    return said["unsized"].format(items=words.listed(told_outcomes)) if told_outcomes else ""


def _against(body: Evidence, effects: Sequence[Row]) -> tuple[str, ...]:
    """Return what harmed and what had no effect, harm first."""
    said = STRINGS["evidence"]
    groups: dict[tuple[str, str, str], list[str]] = {}
    for row in sorted(effects, key=lambda row: row["result"] != "harm"):
        if row["result"] in ("harm", "none"):
            what = (
                row["result"],
                row["intervention"] or row["effect"],
                body.outcomes[row["outcome"]][0].lower(),
            )
            groups.setdefault(what, []).append(_cited(body, row))
    lines = [
        said[f"against_{result}"].format(
            what=what, outcome=outcome, study=words.listed(list(dict.fromkeys(studies)), MOST_CITED)
        )
        for (result, what, outcome), studies in groups.items()
    ]
    # Every harm is named; of what had no effect, as many as a short card holds.
    shown = max(MOST_NAMED, sum(result == "harm" for result, *_ in groups))
    more = len(lines) - shown
    return tuple(lines[:shown]) + ((said["against_more"].format(count=f"{more:,}"),) if more > 0 else ())


def _closed(looked: Sequence[Row]) -> tuple[str, ...]:
    """Return how many findings concluded harm or no effect where the licence of their file lets nobody see which; () for none."""
    total, harm, none = (sum(int(row[key]) for row in looked) for key in ("findings", "harm", "none"))
    said = STRINGS["evidence"]["closed_against"]
    return (said.format(total=f"{total:,}", harm=f"{harm:,}", none=f"{none:,}"),) if total else ()


def _sure(looked: Sequence[Row], effects: Sequence[Row]) -> tuple[str, ...]:
    """Return how sure the answers are: how many have which strength, and what was not checked or has no size."""
    said = STRINGS["evidence"]
    counts = {strength: sum(row["strength"] == strength for row in looked) for strength in STRENGTHS}
    told_strengths = [
        said["sure_count"].format(count=f"{number:,}", strength=strength)
        for strength, number in counts.items()
        if number
    ]
    out = [said["sure"].format(items=words.listed(told_strengths))] if told_strengths else []
    unsized = sum(row["standard_error"] is None for row in effects)
    unchecked = sum(bool(row["check"]) for row in effects)
    for key, number in (("sure_unsized", unsized), ("sure_unchecked", unchecked)):
        if number:
            out.append(said[key].format(count=f"{number:,}", total=f"{len(effects):,}"))
    return tuple(out)


def _costs(effects: Sequence[Row], here: Sequence[Here], *, closed: bool) -> tuple[str, ...]:
    """Return what is recorded of costs and worth, or that nothing is, or that it may not be shown."""
    said = STRINGS["evidence"]
    out = [one.worth for one in here if one.worth]
    for row in effects:
        if row["metric"] == RATIO and row["printed"] is not None:
            note = f" {words.sentence(row['note'])}" if row["note"] else ""
            out.append(
                said["cost_harm" if row["result"] == "harm" else "cost_ratio"].format(
                    what=row["intervention"] or row["effect"], pounds=f"{row['printed']:.2f}"
                )
                + note
            )
        elif "£" in (row["note"] or ""):
            out.append(f"{row['intervention'] or row['effect']}: {words.sentence(row['note'])}")
    return tuple(out) or (said["closed_cost" if closed else "cost_none"],)


def _where(body: Evidence, effects: Sequence[Row]) -> tuple[str, ...]:
    """Return in which countries and kinds of place it was studied, the most frequent first."""
    said = STRINGS["evidence"]
    out = []
    studies = dict.fromkeys(row["study"] for row in effects)
    for key in ("country", "place_type"):
        counts: dict[str, int] = {}
        for study in studies:
            name = body.studies[study][key] if study in body.studies else None
            counts[name or ""] = counts.get(name or "", 0) + 1
        named = [
            said["where_count"].format(
                name=(told("place", name) if key == "place_type" else spoken("country", name))
                or said["where_unsaid"],
                count=f"{n:,}",
            )
            for name, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ]
        if named:
            out.append(said[f"where_{key}"].format(items=words.listed(named, MOST_NAMED)))
    return tuple(out)


def _unknown(body: Evidence, cells: Sequence[Row]) -> tuple[str, ...]:
    """Return on which outcomes nobody has looked, those of connectedness apart."""
    said = STRINGS["evidence"]
    empty = {True: [], False: []}  # type: dict[bool, list[str]]
    for row in cells:
        if not row["findings"]:
            empty[bool(row["core"])].append(row["outcome_title"].lower())
    out = [
        said[key].format(items=words.listed(empty[core]))
        for key, core in (("unknown_core", True), ("unknown_other", False))
        if empty[core]
    ]
    thin = [row["outcome_title"].lower() for row in cells if row["findings"] and row["studies"] == 1]
    if thin:
        out.append(said["unknown_thin"].format(items=words.listed(thin)))
    return tuple(out)


def _cited(body: Evidence, row: Row) -> str:
    """Return the study of a finding as it is cited."""
    study = body.studies.get(row["study"])
    if study is None or not study["authors"]:
        return str(row["study"])
    authors = study["authors"]
    if len(authors) > LONG and "," in authors:
        authors = f"{authors.partition(',')[0]} et al."
    return f"{authors} {study['year'] or ''}".strip()


# ---- answers with their plots


def _answer(body: Evidence, row: Row, title: str) -> Answer:
    """Return one answer with the plots of the findings behind it, where there are several on its scale."""
    said = STRINGS["evidence"]
    here = (row["strategy"], row["outcome"])
    sized = [
        one
        for one in body.effects
        if (one["strategy"], one["outcome"]) == here and one["standard_error"] is not None
    ]
    pooled = [
        one
        for one in body.syntheses
        if (one["strategy"], one["outcome"]) == here and one["model"] in ("random", "three-level")
        and one["subgroup"].startswith("all")
    ]  # fmt: skip
    plots: list[Plot] = []
    for number, answer in enumerate(pooled):
        part = [one for one in sized if one["scale"] == answer["scale"] and one["role"] == "study"]
        name = f"{safe_name(here[0])}-{safe_name(here[1])}-{number}"
        caption = said["plot_caption"].format(
            strategy=title, outcome=row["outcome_title"], scale=answer["scale"]
        )
        plots.append(_forest(body, f"forest-{name}", caption, part, answer))
        if part and answer["egger_p"] is not None:  # findings may be withheld by the licence of their file
            dots = [(one["estimate"], one["standard_error"]) for one in part]
            plots.append(
                Plot(
                    funnel(f"funnel-{name}", caption, dots, answer["effect"], unit=answer["scale"]),
                    said["funnel_note"],
                    said["funnel_caption"].format(caption=caption),
                    (said["finding"], said["effect"], said["error"]),
                    tuple(
                        (_cited(body, one), words.signed(one["estimate"]), f"{one['standard_error']:.2f}")
                        for one in part
                    ),
                )
            )
    sentence = row["sentence"].removeprefix(f"{title} and ")
    reasons = said["reason"].format(
        outcome=row["outcome_title"], strength=row["strength"], reasons=row["reasons"] or ""
    )
    return Answer(plain(sentence, title), words.sentence(reasons) if row["reasons"] else "", tuple(plots))


def _forest(body: Evidence, name: str, caption: str, part: Sequence[Row], answer: Row) -> Plot:
    """Return the forest plot of an answer, intervals as standard errors give them, with its table."""
    said = STRINGS["evidence"]
    lines = [
        Line(
            _cited(body, one),
            one["estimate"],
            one["estimate"] - 1.96 * one["standard_error"],
            one["estimate"] + 1.96 * one["standard_error"],
        )
        for one in part
    ]
    lines.append(Line(said["in_all"], answer["effect"], answer["low"], answer["high"], pooled=True))
    designs = [
        (spoken("design", one["design"]), "" if one["n"] is None else f"{one['n']:,}") for one in part
    ] + [("", "")]
    rows = tuple(
        (line.label, words.signed(line.effect), told_range(line.low, line.high), *more)
        for line, more in zip(lines, designs, strict=True)
    )
    ahead = _ahead(answer)
    if ahead is not None:
        rows += ((said["ahead"], "", told_range(*ahead), "", ""),)
    return Plot(
        forest(name, caption, lines, ahead, unit=answer["scale"]),
        said["forest_note"],
        caption,
        (said["finding"], said["effect"], STRINGS["impacts"]["interval"], said["design"], said["people"]),
        rows,
    )


def told_range(low: float, high: float) -> str:
    """Return an interval in words.

    Args:
        low: Its lower end.
        high: Its upper end.
    """
    return STRINGS["impacts"]["range"].format(low=words.signed(low), high=words.signed(high))


def _ahead(answer: Row) -> tuple[float, float] | None:
    """Return the prediction interval of an answer."""
    low, high = answer["prediction_low"], answer["prediction_high"]
    return None if low is None or high is None else (low, high)


# ---- what was evaluated here


def _here(making: Making, body: Evidence, one: HereSpec, tables: Mapping[str, Sequence[Row]]) -> Here | None:
    """Return an evaluation of this study beside what studies elsewhere found; None where it was not told."""
    said = STRINGS["evidence"]
    title = (
        making.study.programme[one.programme].title or one.programme
        if one.programme in making.study.programme
        else one.programme
    )
    start = f"{one.programme} on {one.indicator}:".lower()
    sentence = next(
        (
            row["sentence"]
            for row in tables["findings"]
            if (row["stage"], row["id"]) == ("synthesis", body.id)
            and row["sentence"].lower().startswith(start)
        ),
        None,
    )
    if sentence is None:
        return None
    cell = (one.strategy, one.outcome)
    rows = [row for row in body.syntheses if (row["strategy"], row["outcome"]) == cell]
    new = next(
        (row for row in rows if row["model"] == "updated here" and row["subgroup"] == one.programme), None
    )
    prior = next(
        (row for row in rows if row["model"] in ("random", "three-level") and row["subgroup"] == "all"), None
    )
    main = next(
        (
            row
            for row in tables["impacts"]
            if (row["programme"], row["outcome"], row["specification"]) == (one.programme, one.indicator, "main")
            and (row["group"], row["time"]) == ("all", "all") and row["low"] is not None
        ),
        None,
    )  # fmt: skip
    drawn = None
    if new is not None and prior is not None and main is not None:
        # The programme's own effect in the unit of the others: standard deviations between people, positive for better.
        turn = 1 if (main["effect"] > 0) == bool(main["better"]) else -1
        ends = sorted(turn * main[key] / one.sd for key in ("low", "high"))
        dots = [
            Dot(said["here_elsewhere"], prior["effect"], prior["low"], prior["high"]),
            Dot(said["here_here"], turn * main["effect"] / one.sd, ends[0], ends[1]),
            Dot(said["here_both"], new["effect"], new["low"], new["high"], main=True),
        ]
        drawn = side_by_side(
            f"here-{safe_name(body.id)}-{safe_name(one.programme)}",
            said["here_title"].format(title=title),
            dots,
            unit=said["here_unit"],
            better=True,
        )
    worth = next(
        (
            row["sentence"]
            for row in tables["findings"]
            if row["source_table"] == "worths" and row["id"] == one.programme
        ),
        "",
    )
    note = said["here_note"].format(sd=f"{one.sd:g}", bias=f"{one.bias_sd:g}")
    page = f"impacts/{safe_name(one.programme)}.html" if "impacts/index.html" in making.frame.paths else ""
    return Here(plain(sentence), drawn, note, Link(title, page), one.strategy, plain(worth) if worth else "")


# ---- all findings


def library_rows(body: Evidence) -> list[tuple[str, ...]]:
    """Return all findings of a body of evidence in words.

    Args:
        body: The body of evidence.

    Returns:
        Rows of study, address, strategy, outcome, what was done, conclusion, effect, how it was read, what must be checked.
    """
    strategies = {row["strategy"]: row["strategy_title"] for row in body.cells}
    return [
        (
            _cited(body, row),
            row["address"] or "",
            strategies[row["strategy"]],
            body.outcomes[row["outcome"]][0],
            f"{'; '.join(part for part in (row['intervention'], row['population']) if part)} ({spoken('design', row['design'])})",
            STRINGS["evidence"][f"result_{row['result']}"],
            _sized(row),
            ", ".join(part for part in (row["seen"], row["how"]) if part),
            row["check"] or "",
        )
        for row in body.effects
    ]


def _sized(row: Row) -> str:
    """Return the size of a finding with its interval, or that it has none on a common scale."""
    if row["estimate"] is None or row["standard_error"] is None:
        return STRINGS["evidence"]["not_sized"]
    return f"{words.signed(row['estimate'])} ({row['scale']}, ± {1.96 * row['standard_error']:.2f})"
