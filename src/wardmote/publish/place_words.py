"""The words and numbers that profiles of places are put together from, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from wardmote.publish import speech
from wardmote.publish.places import TYPES, IndexFacts, Interval, NeedFacts
from wardmote.publish.strings import PLACE, SITE, say

FEWEST = 20
"""Fewest places of which a tenth is spoken of: of nine regions a tenth is none."""

LEAST_PULL = 0.1
"""Part of the largest pull under which a pull is left out of the sentence; the table holds all."""

BOTH = TYPES.index("both") + 1
"""How `wardmote.publish.places.NeedFacts` marks places with both needs."""

STRIP = 400.0
"""Length of the line from greatest to least need in its own units."""


def told_interval(interval: Interval | None, row: int) -> str:
    """Return between which ranks a place lies, or that no interval is available.

    Args:
        interval: The intervals, or None.
        row: The row of the place.
    """
    low, high = ends_of(interval, row)
    if interval is None or not low:
        return SITE["no_interval"]
    return say(
        "place",
        "told_interval",
        low=speech.ordinal(low),
        high=speech.ordinal(high),
        coverage=speech.percent(interval.coverage),
        component=PLACE[f"of_{interval.component}"],
    )


def few(number: int) -> str:
    """Return a count at the start of a sentence, "None" for 0."""
    return f"{number:,}" if number else PLACE["none_of"]


def short_interval(interval: Interval | None, row: int) -> str:
    """Return the ends of an interval of ranks for a table, or that none is available."""
    low, high = ends_of(interval, row)
    if not low:
        return speech.figure(float("nan"))
    return say("place", "ends", low=speech.ordinal(low), high=speech.ordinal(high))


def told_inside(interval: Interval | None, row: int, total: int, areas: str, *, whole: bool) -> str:
    """Return how often a place is in the greatest-need tenth; as a whole, for one that is told by its small areas too."""
    if interval is None or isnan(interval.inside[row]) or total < FEWEST:
        return ""
    key = "inside_probability" if interval.component == "sampling" else "inside_draws"
    share = speech.percent(float(interval.inside[row]))
    return say("place", f"{key}_whole" if whole else key, share=share, areas=areas)


def told_partial(item: IndexFacts, interval: Interval | None) -> str:
    """Return that an interval is a lower bound, where some indicators have no known error."""
    if interval is None or not interval.partial:
        return ""
    leaves = sum(bool(part.indicator) for part in item.parts)
    # Leaves of closed sources are not among the parts, so their number is not told where it would not fit.
    total = f"{leaves:,}" if leaves >= interval.partial else ""
    key = "partial" if total else "partial_some"
    return say("place", key, interval.partial, count=f"{interval.partial:,}", total=total)


def as_stated(one: NeedFacts, row: int) -> float:
    """Return the share of draws in which a place has both needs, or has not, as is stated of it; NaN where not known."""
    share = float(one.share[row])
    return share if one.type[row] == BOTH else 1 - share


def ends_of(interval: Interval | None, row: int) -> tuple[int, int]:
    """Return the ends of the interval of one place's rank, zeros where there is none."""
    return (0, 0) if interval is None else (int(interval.low[row]), int(interval.high[row]))


def place_on_line(rank: int, total: int) -> float:
    """Return the place of a rank on the line."""
    return round(STRIP * (rank - 0.5) / total, 1) if rank and total else -1.0


def title_of(item: IndexFacts, i: int) -> str:
    """Return what a part of an index is called; the index itself for its root."""
    return item.parts[i].title if item.parts[i].depth else item.title


def pulls_of(item: IndexFacts, row: int) -> dict[int, float]:
    """Return by how many points each part moves a place towards need (+) or away from it (−), beside the average place.

    The points of all parts make up the score, and their means make up the mean score, so the differences make up the difference.
    Where a part may not be published, there are none: the others alone would mislead.
    """
    if not item.whole:
        return {}
    sign = -1.0 if item.better else 1.0
    found = {
        i: sign * (float(item.points[i, row]) - part.usual)
        for i, part in enumerate(item.parts)
        if part.depth == 1
    }
    return {} if any(isnan(one) for one in found.values()) else found


def told_pulls(item: IndexFacts, pulls: Mapping[int, float]) -> tuple[str, str]:
    """Return what pulls a place towards need and away from it, in one sentence each; what hardly moves it is left out."""
    most = max((abs(one) for one in pulls.values()), default=0.0)
    told = {i: one for i, one in pulls.items() if most and abs(one) >= LEAST_PULL * most}
    sentences = []
    for up, template in ((True, PLACE["pulls_up"]), (False, PLACE["pulls_down"])):
        rows = sorted((i for i, one in told.items() if (one > 0) is up), key=lambda i: -abs(told[i]))
        items = [
            say("place", "pull_item", title=item.parts[i].title, points=speech.signed(told[i])) for i in rows
        ]
        sentences.append(template.format(items=speech.listed(items)) if items else "")
    return sentences[0], sentences[1]
