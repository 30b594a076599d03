"""The start page: the questions of the study with their first answers, one search, and doors to all else.

Nothing stands here that another page does not say in full; each answer leads there.
"""

from __future__ import annotations

from dataclasses import dataclass

from wardmote.publish.atlas import Making
from wardmote.publish.figures import Figure, count_map, kind_map
from wardmote.publish.page import START, Gathering, Page
from wardmote.publish.profiles import Link
from wardmote.publish.strings import FRONT, SITE, say

PAGE = "index.html"
"""The start page, relative to the site."""

WHOLE = "full/index.html"
"""The page that holds the whole account, in one file without scripts."""

MOST_SAID = 3
"""Most sentences of one answer: the start page is read in a minute."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with its first answer.

    Attributes:
        question: The question.
        said: Sentences that answer it.
        note: What has to be said with it (a round that is an example), or "".
        door: The page that answers it in full.
    """

    question: str
    said: tuple[str, ...]
    note: str
    door: Link


@dataclass(frozen=True, slots=True)
class Door:
    """A page with a line that says what it is for."""

    link: Link
    line: str


def make_front(making: Making) -> None:
    """Write the start page.

    Args:
        making: What pages are made of.
    """
    making.put(
        PAGE,
        "front.html.j2",
        page=making.page,
        lead=making.page.definitions[0] if making.page.definitions else None,
        figure=_figure(making.found, making.page),
        answers=_answers(making),
        doors=_doors(making),
        postcodes=making.study.publish.postcodes is not None,
    )


def _figure(found: Gathering, page: Page) -> Figure | None:
    """Return the first map that the tables allow: small areas by type of need, or how many there are in each authority."""
    level = page.group_level.name if page.group_level else ""
    both = {group.place.code: len(group.places) for group in page.groups}
    return kind_map(found, level) or (count_map(found, level, both) if level else None)


def _answers(making: Making) -> tuple[Answer, ...]:
    """Return the questions that this study answers, in the order in which it goes about them."""
    return tuple(
        answer
        for answer in (
            _where(making),
            _sure(making),
            *_rounds(making),
            *_programmes(making),
            *_bodies(making),
        )
        if answer.said
    )


def _where(making: Making) -> Answer:
    """Return where need is greatest: of each index the larger area with the largest share; what is known where no need is defined."""
    said = tuple(
        say("front", "of_index", title=index.title, said=sentence)
        for index in making.atlas.indices
        for sentence in _told(making, "index", index.id, "summaries")[:1]
    )
    first = next((index for index in making.atlas.indices), None)
    if first and not making.page.definitions:
        # No definition of need heads the page: what was found of the first index does.
        said = (
            *(with_subject(first.title, one) for one in _told(making, "index", first.id, "scores")),
            *said,
        )
    return Answer(
        FRONT["where"],
        said[:MOST_SAID],
        "",
        _door(making, "table", "table/index.html"),
    )


def _sure(making: Making) -> Answer:
    """Return how firm the leading list is, or what is known of the first index."""
    lead = making.found.lead
    # The first three tell counts; what draws make of them comes after.
    said = _told(making, "need", lead)[3:] if lead else ()
    said = said or making.page.sure or (START["no_interval"],)
    return Answer(FRONT["sure"], said[:2], "", Link(FRONT["sure_door"], f"{WHOLE}#sure"))


def _rounds(making: Making) -> list[Answer]:
    return [
        Answer(
            say("front", "round", title=told.title),
            told.findings[:MOST_SAID],
            told.standing,
            _door(making, "round", "round/index.html"),
        )
        for told in making.page.fundings
    ]


def _programmes(making: Making) -> list[Answer]:
    return [
        Answer(
            say("front", "programme", title=spec.title or id_),
            _told(making, "evaluate", id_, "impacts")[:1],
            "",
            _door(making, "impacts", "impacts/index.html"),
        )
        for id_, spec in making.study.programme.items()
    ]


def _bodies(making: Making) -> list[Answer]:
    return [
        Answer(
            say("front", "body", title=spec.title or id_),
            (*_told(making, "synthesis", id_, "syntheses"), *_told(making, "synthesis", id_, "gap_map"))[:2],
            "",
            _door(making, "evidence", "evidence/index.html"),
        )
        for id_, spec in making.study.synthesis.items()
    ]


def _told(making: Making, stage: str, id_: str, source_table: str = "") -> tuple[str, ...]:
    """Return the findings of one task, in the order of its telling; with `source_table`, those that rest on one table."""
    table = making.found.read("findings")
    rows = table[(table["stage"] == stage) & (table["id"] == id_)].sort_values("position", kind="stable")
    if source_table:
        rows = rows[rows["source_table"] == source_table]
    return tuple(rows["sentence"])


def with_subject(title: str, sentence: str) -> str:
    """Return a finding with the title of what it speaks of before it, where it does not name it itself.

    Args:
        title: The title.
        sentence: The finding.
    """
    return sentence if title in sentence else say("front", "of_index", title=title, said=sentence)


def _door(making: Making, word: str, path: str) -> Link:
    """Return the link to a page, or to the whole account where the study has no such page."""
    return Link(SITE[word], path) if path in making.frame.paths else Link(SITE["full"], WHOLE)


def _doors(making: Making) -> tuple[Door, ...]:
    """Return all other pages, each with what it is for."""
    return tuple(
        Door(Link(item.name, item.path), FRONT[f"door_{item.word}"])
        for item in making.frame.menu
        if item.path != PAGE
    )
