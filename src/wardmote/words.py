"""Numbers told in words, the same on pages, in reports, in findings and in the terminal.

House style: plain British English; *greatest need*, never *worst*; thousands with commas; per cent as ``%`` with no more digits than
the number can carry; associations are never worded as causes; of sampling error we say *probability*, of choices *share of the tested
choices*.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

WORDS_TO_TEN = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def count(number: float, one: str = "", many: str = "") -> str:
    """Return a whole count with its noun: ``1,262 neighbourhoods``, ``one ward``.

    Args:
        number: The count; rounded to a whole number.
        one: The noun for one, or "" for the number alone.
        many: The noun for several; `one` with an s by default.
    """
    whole = round(number)
    if not one:
        return f"{whole:,}"
    noun = one if whole == 1 else (many or f"{one}s")
    shown = WORDS_TO_TEN[whole] if 0 <= whole <= 10 else f"{whole:,}"
    return f"{shown} {noun}"


def percent(share: float, digits: int | None = None) -> str:
    """Return a share (0 to 1) as per cent: whole above 10%, one digit from 1%, two below, never a false 0% or 100%.

    Args:
        share: The share, 0 to 1.
        digits: Digits after the point, where the caller knows better.
    """
    value = 100 * share
    if digits is None:
        digits = 0 if value >= 10 else 1 if value >= 1 else 2
    text = f"{value:.{digits}f}"
    step = 10.0**-digits
    if value > 0 and float(text) == 0:
        return f"under {step:.{digits}f}%"
    if value < 100 and float(text) == 100:
        return f"over {100 - step:.{digits}f}%"
    return f"{text}%"


def people(number: float) -> str:
    """Return a number of people as it is said: ``2.4 million people``, ``18,400 people``; "no population known" for NaN."""
    if isnan(number):
        return "no population known"
    if number >= 1_000_000:
        return f"{number / 1_000_000:.1f} million people"
    if number >= 10_000:
        return f"{round(number, -2):,.0f} people"
    return f"{number:,.0f} people" if round(number) != 1 else "1 person"


def figure(number: float, digits: int = 1) -> str:
    """Return a plain number with thousands commas; "not available" for NaN."""
    return "not available" if isnan(number) else f"{number:,.{digits}f}"


def rank_of(rank: float, total: int) -> str:
    """Return ``26,525th of 33,755`` (rank 1 = greatest need); "no rank" for NaN."""
    return "no rank" if isnan(rank) else f"{ordinal(int(rank))} of {total:,}"


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``11th``, with thousands commas."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def decile(tenth: float) -> str:
    """Return how a decile is said: ``the greatest-need tenth``, ``the 4th tenth of ten``; "no tenth" for NaN."""
    if isnan(tenth):
        return "no tenth"
    whole = int(tenth)
    if whole == 1:
        return "the greatest-need tenth"
    return "the least-need tenth" if whole == 10 else f"the {ordinal(whole)} tenth of ten"


def listed(items: Sequence[str], most: int = 0) -> str:
    """Return ``a, b and c``; with `most`, the first ones and ``and 12 more``.

    Args:
        items: What to list.
        most: At most so many are named; 0 for all.
    """
    shown = list(items)
    if most and len(shown) > most:
        shown = [*shown[:most], f"{len(items) - most:,} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def sentence(text: str) -> str:
    """Return the text with a capital at the start and one full stop at the end."""
    stripped = text.strip()
    if not stripped:
        return ""
    ended = stripped if stripped[-1] in ".!?" else f"{stripped}."
    return ended[0].upper() + ended[1:]
