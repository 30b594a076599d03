"""Sentences that were made when a study was run, without the figures in them that closed sources keep back."""

from __future__ import annotations

import re
from collections.abc import Iterable

NUMBER = r"[\d.,]*\d(?: million)?"
"""A number as sentences tell it."""

PEOPLE: tuple[tuple[str, str], ...] = (
    (rf"; {NUMBER} (?:people|person) live there", "; how many people live there may not be published"),
    (
        rf", where {NUMBER} (?:people|person) live\b",
        ", where a number of people live that may not be published",
    ),
    (rf" \({NUMBER} (?:people|person)\)", " (how many people may not be published)"),
)
"""Where sentences tell how many people live in some places, and what they say instead."""

AWARD: tuple[tuple[str, str], ...] = (
    (r"its award of £[\d,]+ is", "its award, which may not be published, is"),
    (r" \(£[\d,]+\)", " (which may not be published)"),
)
"""The same of what a single place would be awarded."""

TOTAL: tuple[tuple[str, str], ...] = (
    (r", with £[\d,]+ in all", ", with a sum that may not be published"),
    (r"^£[\d,]+ of the budget are left", "What is left of the budget may not be published"),
)
"""The same of what a round spends in all."""

SCORE: tuple[tuple[str, str], ...] = (
    (r"(?<=by average score) \([^()]*\)", " (its score may not be published)"),
    (r"(?<=the largest extent of need) \([^()]*\)", " (which may not be published)"),
)
"""The same of the larger area with the greatest need."""


def hushed(sentence: str, kinds: Iterable[tuple[tuple[str, str], ...]]) -> str:
    """Return a sentence with other words in the place of figures.

    Args:
        sentence: The sentence.
        kinds: Kinds of figures that may not be told: `PEOPLE`, `AWARD`, `TOTAL`, `SCORE`.
    """
    for kind in kinds:
        for figure, instead in kind:
            sentence = re.sub(figure, instead, sentence)
    return sentence
