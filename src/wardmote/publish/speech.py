"""Numbers told in the language that pages speak; in English the same words as `wardmote.words`, which findings are told in."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from math import isnan

from wardmote import words
from wardmote.publish.strings import NUMBERS, remembered

SMALL = 10
"""Counts up to this one are said in words before a noun."""


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
    shown = NUMBERS[f"small_{whole}"] if 0 <= whole <= SMALL else f"{whole:,}"
    return NUMBERS["counted"].format(number=shown, noun=one if whole == 1 else (many or f"{one}s"))


def counted_from(number: float, one: str, many: str) -> str:
    """Return a count with its noun at the start of a sentence."""
    return words.sentence(count(number, one, many)).removesuffix(".")


@remembered(50_000)
def percent(share: float) -> str:
    """Return a share (0 to 1) as per cent, as `words.percent` does; a true nothing is ``0%``.

    Args:
        share: The share.
    """
    if share == 0:
        return "0%"
    said = words.percent(share)
    for start in ("under", "over"):
        if said.startswith(f"{start} "):
            return NUMBERS[start].format(percent=said.removeprefix(f"{start} "))
    return said


def people(number: float) -> str:
    """Return a number of people as it is said: ``2.4 million people``, ``18,400 people``."""
    if isnan(number):
        return NUMBERS["no_population"]
    if number >= 1_000_000:
        return NUMBERS["million_people"].format(number=f"{number / 1_000_000:.1f}")
    if number >= 10_000:
        return NUMBERS["people"].format(number=f"{round(number, -2):,.0f}")
    return NUMBERS["people_one" if round(number) == 1 else "people"].format(number=f"{number:,.0f}")


def heads(number: float) -> str:
    """Return a number of people without their noun, for a column of people: ``2.4 million``, ``18,400``."""
    if number >= 1_000_000:
        return NUMBERS["million"].format(number=f"{number / 1_000_000:.1f}")
    return f"{round(number, -2) if number >= 10_000 else number:,.0f}"


def figure(number: float, digits: int = 1) -> str:
    """Return a plain number with thousands commas; "not available" for NaN."""
    return NUMBERS["not_available"] if isnan(number) else f"{number:,.{digits}f}"


def signed(number: float) -> str:
    """Return a number with its sign, two digits after the point: ``+3.20``, ``−0.41``; 0 has none."""
    told = f"{abs(number):,.2f}"
    return told if float(told.replace(",", "")) == 0 else f"{'+' if number > 0 else '−'}{told}"


@remembered(200_000)
def rank_of(rank: float, total: int) -> str:
    """Return ``26,525th of 33,755`` (rank 1 = greatest need); "no rank" for NaN."""
    if isnan(rank):
        return NUMBERS["no_rank"]
    return NUMBERS["rank_of"].format(rank=ordinal(int(rank)), total=f"{total:,}")


@remembered(50_000)
def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``11th``, with thousands commas."""
    kind = "other" if number % 100 in (11, 12, 13) else {1: "1", 2: "2", 3: "3"}.get(number % 10, "other")
    return NUMBERS[f"ordinal_{kind}"].format(number=f"{number:,}")


@remembered(16)
def tenth(number: int) -> str:
    """Return how a tenth is said: ``the greatest-need tenth``, ``the 4th tenth of ten``; "no tenth" for 0."""
    if not number:
        return NUMBERS["no_tenth"]
    key = {1: "tenth_first", 10: "tenth_last"}.get(number, "tenth")
    return NUMBERS[key].format(ordinal=ordinal(number))


@remembered(16)
def short_tenth(number: int) -> str:
    """Return a tenth for a table: ``1st tenth (greatest need)``, ``4th tenth``; "" for 0."""
    if not number:
        return ""
    key = {1: "short_first", 10: "short_last"}.get(number, "short")
    return NUMBERS[key].format(ordinal=ordinal(number))


def listed(items: Sequence[str], most: int = 0) -> str:
    """Return ``a, b and c``; with `most`, the first ones and ``and 12 more``.

    Args:
        items: What to list.
        most: At most so many are named; 0 for all.
    """
    shown = list(items)
    if most and len(shown) > most:
        shown = [*shown[:most], NUMBERS["list_more"].format(number=f"{len(items) - most:,}")]
    if len(shown) < 2:
        return "".join(shown)
    return NUMBERS["list_last"].format(items=", ".join(shown[:-1]), last=shown[-1])


def day(date: datetime.date) -> str:
    """Return a day as people write it: ``1 June 2025``."""
    return NUMBERS["day"].format(day=date.day, month=NUMBERS[f"month_{date.month}"], year=date.year)
