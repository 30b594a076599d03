"""The page of the funding rounds: what is funded and why, in rows that can be picked out, and how firm the line is, drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wardmote.publish import speech
from wardmote.publish.atlas import Making
from wardmote.publish.charts import Bar, line_bars
from wardmote.publish.funding import FUNDING, Funding, funding_of
from wardmote.publish.places import PlaceLevel, RoundFacts
from wardmote.publish.profiles import Link, told_decision
from wardmote.publish.strings import PAGES, say

MOST_NOT_FUNDED = 200
"""Most places that were not funded on the page of a round: those nearest to the line; the data hold all."""

MOST_OPEN = 40
"""Most funded places that stand open on the page; more are folded: England's 225 are forty screens of a phone, past which nobody reads."""

NEAR = 8
"""Places on either side of the line in the drawing: it is read at one look, and the paper names more."""

VERDICTS = ("firm", "contested", "out")
"""How firm decisions are, in the order in which they can be picked out."""

BELOW = "below the line"
"""What decided of the first place that is not funded because all places were taken."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a round, in words.

    Attributes:
        link: The place.
        sentence, flip: Why, and what would turn it.
        pounds: Its award, or "".
        verdict: How firm it is, a word; "" where no worlds were drawn.
        share: In which share of the worlds it is funded, or "".
        region: The largest area that it lies in, or "".
        distance: Ranks between it and the line.
    """

    link: Link
    sentence: str
    flip: str
    pounds: str
    verdict: str
    share: str
    region: str
    distance: float


@dataclass(frozen=True, slots=True)
class Line:
    """The places nearest to the line: a drawing, and the table that says the same."""

    svg: Markup
    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class RoundPage:
    """What the page says of one round.

    Attributes:
        told: Its words.
        funded: The funded places, by name.
        others: Those not funded that are nearest to the line, by name.
        not_funded: How many are not funded.
        regions: Names of the regions by which rows can be picked out, and what one is called.
        verdicts: The words by which rows can be picked out.
        line: The places nearest to the line, or None where no worlds were drawn.
    """

    told: Funding
    funded: tuple[Decision, ...]
    others: tuple[Decision, ...]
    not_funded: int
    regions: tuple[str, ...]
    region: str
    verdicts: tuple[str, ...]
    line: Line | None


def make_round(making: Making) -> None:
    """Write the page of the funding rounds.

    Args:
        making: What pages are made of.
    """
    rounds = [_round(making, one, f"line-{i}") for i, one in enumerate(making.atlas.rounds, start=1)]
    making.put("round/index.html", "round.html.j2", rounds=rounds, most_open=MOST_OPEN)


def _round(making: Making, one: RoundFacts, name: str) -> RoundPage:
    """Return one round in words."""
    region = _region_level(making, one)
    funded: list[Decision] = []
    others: list[Decision] = []
    for row, decision in one.decisions.items():
        entry = _decision(making, one, row, decision, region)
        (funded if decision["funded"] else others).append(entry)
    nearest = sorted(others, key=lambda entry: (entry.distance, entry.link.name))[:MOST_NOT_FUNDED]
    shown = [*funded, *nearest]
    verdicts = {entry.verdict for entry in shown}
    return RoundPage(
        told=next((told for told in making.page.fundings if told.id == one.id), None)
        or funding_of(making.found, one.id),
        funded=tuple(sorted(funded, key=_by_name)),
        others=tuple(sorted(nearest, key=_by_name)),
        not_funded=len(others),
        regions=tuple(sorted({entry.region for entry in shown if entry.region})),
        region=region.level.title if region else "",
        verdicts=tuple(FUNDING[word] for word in VERDICTS if FUNDING[word] in verdicts),
        line=_line(making, one, name),
    )


def _by_name(entry: Decision) -> tuple[str, str]:
    return entry.link.name, entry.link.code


def _region_level(making: Making, one: RoundFacts) -> PlaceLevel | None:
    """Return the largest level above the round's that has several areas."""
    above = making.atlas.levels[one.level].parents
    several = [making.atlas.levels[name] for name in above if name in making.atlas.levels]
    return min((level for level in several if len(level.codes) > 1), key=lambda p: len(p.codes), default=None)


def _decision(
    making: Making, one: RoundFacts, row: int, decision: Mapping[str, Any], region: PlaceLevel | None
) -> Decision:
    """Return one decision in words."""
    told = told_decision(one, decision, ())
    pounds, share, standing = decision["pounds"], decision.get("p_funded"), decision.get("standing")
    above = int(making.atlas.levels[one.level].parents[region.level.name][row]) if region else -1
    return Decision(
        link=making.profiler.link(one.level, row),
        sentence=told.sentence,
        flip=told.flip,
        pounds="" if pounds is None else f"£{pounds:,}",
        verdict=FUNDING[standing] if standing in VERDICTS else "",
        share="" if share is None else say("pages", "round_share", share=speech.percent(share)),
        region=region.names[above] if region and above >= 0 else "",
        distance=abs(decision["margin_rank"] or 0) or 1e9,
    )


def _line(making: Making, one: RoundFacts, name: str) -> Line | None:
    """Return the places nearest to the line in the order of need; None where no worlds were drawn or nobody is below it."""
    known = sorted(
        (
            (decision["rank"], row, decision)
            for row, decision in one.decisions.items()
            if decision["rank"] is not None and decision.get("p_funded") is not None
        ),
        key=lambda entry: entry[:2],
    )
    at = next((i for i, (_, _, decision) in enumerate(known) if decision["decided_by"] == BELOW), 0)
    if not at:
        return None
    shown = known[max(at - NEAR, 0) : at + NEAR]
    place = making.atlas.levels[one.level]
    names = [_named(place, row) for _, row, _ in shown]
    statuses = [told_decision(one, decision, ()).status for _, _, decision in shown]
    shares = [speech.percent(decision["p_funded"]) for _, _, decision in shown]
    title = say("pages", "round_line", title=one.title)
    note = say("pages", "round_line_note", areas=place.level.plural)
    bars = [
        Bar(label, decision["p_funded"], f"{share}, {_small(status)}", bool(decision["funded"]))
        for label, share, status, (_, _, decision) in zip(names, shares, statuses, shown, strict=True)
    ]
    header = (_first(place.level.title), PAGES["round_need"], PAGES["round_status"], PAGES["round_worlds"])
    return Line(
        line_bars(name, title, note, bars, after=min(at, NEAR), line=PAGES["round_here"]),
        title,
        note,
        header,
        tuple(
            (label, speech.ordinal(rank), status, share)
            for label, (rank, _, _), status, share in zip(names, shown, statuses, shares, strict=True)
        ),
    )


def _named(place: PlaceLevel, row: int) -> str:
    name, code = place.names[row], place.codes[row]
    return name if place.names.count(name) == 1 else f"{name} ({code})"


def _first(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
