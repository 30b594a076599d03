"""How firm the order of larger areas is: those with the greatest need, each with its rank and the ranks between which it lay.

The intervals are those of profiles: of the first kind of uncertainty that is known, at its widest coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from wardmote.publish import speech
from wardmote.publish.charts import Range, rank_lines
from wardmote.publish.page import START, Gathering
from wardmote.publish.places import COMPONENTS
from wardmote.publish.profiles import told_measure
from wardmote.publish.strings import PLACE, say

MOST = 10
"""Most areas that the figure shows: as many as are read in a minute."""

FEWEST = 3
"""Fewest areas that have an order worth drawing."""


@dataclass(frozen=True, slots=True)
class Order:
    """The larger areas with the greatest need, by rank.

    Attributes:
        svg: A dot for each rank on a line from one end of its interval to the other.
        title: What it shows.
        note: How to read it.
        header: Columns of the table that says the same.
        rows: Its rows: name, code, rank, interval.
    """

    svg: Markup
    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def order_of(found: Gathering, level: str) -> Order | None:
    """Return the order of the larger areas with the greatest need; None where their ranks have no intervals.

    Args:
        found: The tables.
        level: Their level, or "".
    """
    lead = found.study.need.get(found.lead)
    index = found.study.publish.index or (lead.deprivation if lead else next(iter(found.study.index), ""))
    table = found.read("summary_ranks")
    table = table[(table["index"] == index) & (table["level"] == level)]
    component = next((one for one in COMPONENTS if (table["component"] == one).any()), "")
    table = table[table["component"] == component]
    if not len(table):
        return None
    measure, coverage = str(table["measure"].iloc[0]), float(table["coverage"].max())
    table = table[(table["measure"] == measure) & (table["coverage"] == coverage)]
    table = table[table["rank_low"].notna() & table["rank_high"].notna()]
    ends = {
        str(area): (int(low), int(high))
        for area, low, high in zip(table["area"], table["rank_low"], table["rank_high"], strict=True)
    }
    ranked = _ranks(found, index, level, measure)
    shown = [(rank, code) for rank, code in ranked if code in ends][:MOST]
    if len(shown) < FEWEST:
        return None
    noun, title = found.level(level), found.study.index[index].title or index
    between = [say("start", "order_ends", low=ends[code][0], high=ends[code][1]) for _, code in shown]
    names = [found.place(level, code).name for _, code in shown]
    heading = say("start", "order_title", areas=noun.plural)
    covered = say(
        "start", "order_interval", coverage=speech.percent(coverage), component=PLACE[f"of_{component}"]
    )
    note = say(
        "start",
        "order_note" if len(shown) < len(ranked) else "order_note_all",
        count=len(shown),
        total=len(ranked),
        areas=noun.plural,
        title=title,
        measure=told_measure(measure),
        how=say("start", "order_how", interval=covered),
    )
    ranges = [
        Range(name, rank, *ends[code], told)
        for name, (rank, code), told in zip(names, shown, between, strict=True)
    ]
    return Order(
        rank_lines("order", heading, note, ranges),
        heading,
        note,
        (noun.title[:1].upper() + noun.title[1:], START["order_code"], START["order_rank"], covered),
        tuple(
            (name, code, str(rank), told)
            for name, (rank, code), told in zip(names, shown, between, strict=True)
        ),
    )


def _ranks(found: Gathering, index: str, level: str, measure: str) -> list[tuple[int, str]]:
    """Return rank and code of all areas of a level by one summary of an index, rank 1 first."""
    nodes = found.read("nodes")
    root = nodes[(nodes["index"] == index) & nodes["parent"].isna()]["node"]
    table = found.read("summaries")
    table = table[(table["index"] == index) & (table["level"] == level) & (table["measure"] == measure)]
    table = table[table["node"].isin(root) & table["rank"].notna()]
    return sorted((int(rank), str(area)) for rank, area in zip(table["rank"], table["area"], strict=True))
