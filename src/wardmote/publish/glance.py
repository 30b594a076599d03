"""A place at a glance: the few lines that stand first on its page, and the words for how firm a thing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from wardmote.publish import speech
from wardmote.publish.strings import PLACE, say

MOST = 3
"""Most parts that one line names; the section below names all."""

FIRM, LIKELY, TOSS_UP = 0.95, 2 / 3, 1 / 3
"""Shares of draws from which a thing is called firm, likely and a toss-up: the same as in the findings (`wardmote.words`)."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One line at the top of a page.

    Attributes:
        kind: Which line: strong, need, both, money.
        title: What it is about.
        said: What it says.
        verdict: How firm that is, in a word or two, or "".
        anchor: The section of the page that says it in full.
    """

    kind: str
    title: str
    said: str
    verdict: str
    anchor: str


def verdict(share: float) -> str:
    """Return how firm a thing is that holds in a share of the draws: "firm", "likely", "a toss-up", "more often not"; "" for NaN.

    Args:
        share: Share of draws in which it holds as stated, 0 to 1.
    """
    if isnan(share):
        return ""
    for least, word in ((FIRM, "firm"), (LIKELY, "likely"), (TOSS_UP, "toss_up")):
        if share >= least:
            return PLACE[f"verdict_{word}"]
    return PLACE["verdict_not"]


def told_verdict(share: float) -> str:
    """Return the sentence that says how firm a thing is; "" for NaN.

    Args:
        share: Share of draws in which it holds as stated, 0 to 1.
    """
    found = verdict(share)
    said = speech.percent(share) if found else ""
    return (
        say("place", "told_verdict", verdict=f"{found[:1].upper()}{found[1:]}", share=said) if found else ""
    )


def named(titles: Sequence[str], none: str) -> str:
    """Return the first few of what was found, or the words for none.

    Args:
        titles: What was found, the most telling first.
        none: What is said where nothing was found.
    """
    return speech.listed(titles, MOST) if titles else none
