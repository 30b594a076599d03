"""Charts as SVG, drawn on the server. Each stands beside a table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wardmote.publish.svg import drawing, tag

WIDTH = 640.0
"""Width of a chart in its own units."""

ROW = 54.0
"""Height of one row: a line of words above two bars."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two shares of one thing, to be compared.

    Attributes:
        label: What it is.
        first: First share, 0 to 1.
        second: Second share, 0 to 1.
        low: Lower end of the second's interval, or None.
        high: Upper end of the second's interval, or None.
    """

    label: str
    first: float
    second: float
    low: float | None = None
    high: float | None = None


def paired_bars(name: str, title: str, names: tuple[str, str], pairs: Sequence[Pair]) -> Markup:
    """Return bars in pairs: the first plain, the second hatched, with its interval as a line where one is known.

    Args:
        name: Prefix of ids; unique on the page.
        title: What the chart shows.
        names: What the first and the second bar of each pair are.
        pairs: The pairs, in the order in which they are drawn.
    """
    top = max((max(pair.first, pair.second, pair.high or 0) for pair in pairs), default=1.0) or 1.0
    scale = (WIDTH - 70) / top
    rows: list[Markup] = []
    for i, pair in enumerate(pairs):
        y = i * ROW
        rows.append(tag("text", pair.label, x=0, y=y + 14, class_="label"))
        for share, offset, css in ((pair.first, 20, "bar-a"), (pair.second, 35, "bar-b")):
            rows.append(tag("rect", x=0, y=y + offset, width=share * scale, height=13, class_=css))
            # The words stand right of the interval, where there is one.
            end = max(share, pair.high or 0) if css == "bar-b" else share
            rows.append(
                tag(
                    "text",
                    f"{100 * share:.1f}".removesuffix(".0") + "%",
                    x=end * scale + 6,
                    y=y + offset + 11,
                    class_="value",
                )
            )
        if pair.low is not None and pair.high is not None:
            line = f"M{pair.low * scale:.1f},{y + 41.5:.1f}H{pair.high * scale:.1f}"
            rows.append(tag("path", d=line, class_="interval"))
    described = "; ".join(f"{p.label}: {names[0]} {p.first:.0%}, {names[1]} {p.second:.0%}" for p in pairs)
    return drawing(name, title, described, (WIDTH, max(len(pairs), 1) * ROW), rows)


LINE_ROW = 40.0
"""Height of one row of ranks: a line of words above the interval."""


@dataclass(frozen=True, slots=True)
class Range:
    """One rank and the ranks between which it lies, with the words for the interval."""

    label: str
    rank: int
    low: int
    high: int
    told: str


def rank_lines(name: str, title: str, description: str, ranges: Sequence[Range]) -> Markup:
    """Return ranks as dots, each on a line over its interval, rank 1 at the left.

    Args:
        name: Prefix of ids; unique on the page.
        title: What the chart shows.
        description: How it is read.
        ranges: The ranks, in the order in which they are drawn.
    """
    last = max((max(one.high, one.rank) for one in ranges), default=2)
    step = (WIDTH - 20) / max(last - 1, 1)

    def at(rank: int) -> float:
        return 10 + (rank - 1) * step

    rows: list[Markup] = []
    for i, one in enumerate(ranges):
        y = i * LINE_ROW
        rows.append(tag("text", one.label, x=0, y=y + 17, class_="label"))
        rows.append(tag("text", f"{one.rank} ({one.told})", x=WIDTH, y=y + 17, class_="value end"))
        rows.append(tag("path", d=f"M10,{y + 27:.1f}H{WIDTH - 10:.1f}", class_="rail"))
        rows.append(tag("path", d=f"M{at(one.low):.1f},{y + 27:.1f}H{at(one.high):.1f}", class_="interval"))
        rows.append(tag("circle", cx=at(one.rank), cy=y + 27, r=5.5, class_="dot"))
    bottom = len(ranges) * LINE_ROW
    rows.append(tag("text", "1", x=6, y=bottom + 16, class_="value"))
    rows.append(tag("text", str(last), x=WIDTH - 4, y=bottom + 16, class_="value end"))
    return drawing(name, title, description, (WIDTH, bottom + 22), rows)


BAR_ROW = 40.0
"""Height of one row of bars: a line of words above the bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One share (0 to 1) with its words; `inside` tells on which side a decision fell, which the bar shows by its filling."""

    label: str
    share: float
    told: str
    inside: bool


def line_bars(
    name: str, title: str, description: str, bars: Sequence[Bar], *, after: int, line: str
) -> Markup:
    """Return bars one below the other with a line between two of them: filled bars were decided for, hollow ones against.

    Args:
        name: Prefix of ids; unique on the page.
        title: What the chart shows.
        description: How it is read.
        bars: The bars, in the order in which they are drawn.
        after: How many of them stand above the line.
        line: What the line is called.
    """
    rows: list[Markup] = []
    gap = 44.0  # room for the name of the line in the larger letters of phones
    for i, one in enumerate(bars):
        y = i * BAR_ROW + (gap if i >= after else 0)
        rows.append(tag("text", one.label, x=0, y=y + 17, class_="label"))
        rows.append(tag("text", one.told, x=WIDTH, y=y + 17, class_="value end"))
        rows.append(tag("path", d=f"M0,{y + 28:.1f}H{WIDTH:.0f}", class_="rail"))
        width = max(one.share * WIDTH, 1.0)
        css = "bar-in" if one.inside else "bar-out"
        rows.append(tag("rect", x=0, y=y + 23, width=width, height=10, class_=css))
    y = after * BAR_ROW + 10
    rows.append(tag("path", d=f"M0,{y:.1f}H{WIDTH:.0f}", class_="cut"))
    rows.append(tag("text", line, x=WIDTH, y=y + 22, class_="value end"))
    return drawing(name, title, description, (WIDTH, len(bars) * BAR_ROW + gap), rows)
