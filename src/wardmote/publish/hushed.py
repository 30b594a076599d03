"""Sentences that were made when a study was run, without the figures in them that closed sources keep back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Text = TypeVar("Text", str, None)

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


def by_first_word(codes: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Return names with their codes by the first word of the name, longer names first, as `coded` looks them up.

    Args:
        codes: Codes by name.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(codes, key=lambda one: (-len(one), one)):
        word = re.search(r"\w+", name)
        if word:
            found.setdefault(word.group(), []).append((name, codes[name]))
    return found


def coded(text: Text, names: Mapping[str, Sequence[tuple[str, str]]]) -> Text:
    """Return a text with codes in the place of names.

    Args:
        text: The text, or None.
        names: What `by_first_word` returned.
    """
    if not isinstance(text, str):
        return text
    out: list[str] = []
    at = 0
    for word in re.finditer(r"\w+", text):
        for name, code in names.get(word.group(), ()):
            first = word.start() - name.index(word.group())
            end = first + len(name)
            if first >= at and text.startswith(name, first) and not text[end : end + 1].isalnum():
                out += [text[at:first], code]
                at = end
                break
    return "".join([*out, text[at:]])
