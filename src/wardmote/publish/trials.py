"""Drawings of what a programme changed: estimates by year, estimates side by side, likeness before and after, and every choice.

Each is one SVG image with words for those who cannot see it; the page prints the same as a table below it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from wardmote.publish.strings import STRINGS
from wardmote.publish.svg import drawing, tag
from wardmote.words import signed

WIDTH = 440.0
"""Width of a drawing in its own units."""

ROW = 50.0
"""Height of one estimate: a line of words above, its interval below, so that long names are never cut on a phone."""

LEFT = 52.0
"""Room for the numbers of an upright axis."""

TALL = 290.0
"""Height of a drawing with two axes."""

TICKS = 5
"""About how many numbers an axis has."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One estimate with its interval; NaN ends where none is available.

    Attributes:
        label: What it is.
        value, low, high: Estimate and interval.
        main: Whether it is the one that leads.
    """

    label: str
    value: float
    low: float
    high: float
    main: bool = False

    @property
    def said(self) -> str:
        """The estimate in words: ``2.31 (1.70 to 2.92)``."""
        if math.isnan(self.low):
            return signed(self.value)
        return STRINGS["impacts"]["number_interval"].format(
            value=signed(self.value), low=signed(self.low), high=signed(self.high)
        )


def steps(low: float, high: float) -> list[float]:
    """Return round numbers for an axis, from at or above `low` to at or below `high`.

    Args:
        low: Lower end.
        high: Upper end, above it.
    """
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _ends(dots: Sequence[Dot]) -> tuple[float, float]:
    """Return the ends of an axis that holds all intervals and nought, with some air."""
    known = [x for dot in dots for x in (dot.value, dot.low, dot.high) if not math.isnan(x)]
    low, high = min([0.0, *known]), max([0.0, *known])
    air = 0.04 * (high - low or 1.0)
    return low - air, high + air


def _figure(tick: float, ticks: Sequence[float], x: float, y: float) -> Markup:
    """Return the figure below a tick of a scale from side to side, kept inside the drawing."""
    anchor = "start" if x < 30 else "end" if x > WIDTH - 30 else "middle"
    return tag("text", signed(tick, _digits(ticks)), x=x, y=y, class_="value", text_anchor=anchor)


def _digits(ticks: Sequence[float]) -> int:
    """Return how many decimals tell the numbers of an axis apart."""
    gap = min((b - a for a, b in pairwise(ticks)), default=1.0)
    return max(0, -math.floor(math.log10(gap) + 1e-9))


def by_year(name: str, title: str, dots: Sequence[tuple[int, Dot]], average: float) -> Markup:
    """Return estimates by periods since the start: the time before shaded, the average as a line.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        dots: Periods since the start (0 is the first supported one) and the estimate, in order.
        average: The main estimate.
    """
    low, high = _ends([dot for _, dot in dots])
    first, last = dots[0][0] - 0.6, dots[-1][0] + 0.6

    def x(when: float) -> float:
        return LEFT + (when - first) / (last - first) * (WIDTH - LEFT - 8)

    def y(value: float) -> float:
        return 10 + (high - value) / (high - low) * (TALL - 60)

    start = min(max(-0.5, first), last)
    drawn = [tag("rect", x=x(first), y=10.0, width=x(start) - x(first), height=TALL - 60, class_="shade")]
    ticks = steps(low, high)
    for tick in ticks:
        drawn.append(
            tag(
                "path",
                d=f"M{LEFT:.1f},{y(tick):.1f}H{WIDTH - 8:.1f}",
                class_="zero" if abs(tick) < 1e-12 else "grid",
            )
        )
        drawn.append(
            tag(
                "text",
                signed(tick, _digits(ticks)),
                x=LEFT - 8,
                y=y(tick) + 5,
                class_="value",
                text_anchor="end",
            )
        )
    drawn.append(tag("path", d=f"M{x(start):.1f},{y(average):.1f}H{x(last):.1f}", class_="average"))
    # Every period has its dot; numbers stand only where they do not run into one another.
    every = max(1, math.ceil(len(dots) / 8))
    for when, dot in dots:
        if not math.isnan(dot.low):
            drawn.append(
                tag("path", d=f"M{x(when):.1f},{y(dot.low):.1f}V{y(dot.high):.1f}", class_="interval")
            )
        kind = "dot-before" if when < 0 else "dot-after"
        drawn.append(tag("circle", cx=x(when), cy=y(dot.value), r=5, class_=kind))
        if when % every == 0:
            drawn.append(
                tag("text", signed(when, 0), x=x(when), y=TALL - 30, class_="value", text_anchor="middle")
            )
    words = STRINGS["impacts"]
    drawn.append(tag("text", words["axis_before"], x=LEFT + 4, y=TALL - 8, class_="value"))
    drawn.append(tag("text", words["axis_after"], x=WIDTH - 8, y=TALL - 8, class_="value", text_anchor="end"))
    told = "; ".join(f"{signed(when, 0)}: {dot.said}" for when, dot in dots)
    return drawing(name, title, told, (WIDTH, TALL), drawn)


def side_by_side(
    name: str, title: str, dots: Sequence[Dot], ahead: tuple[float, float] | None = None, told: str = ""
) -> Markup:
    """Return estimates one below the other, each with its words above, against one upright line at nought.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        dots: The estimates in order.
        ahead: A band behind the main one: where a new place may lie; or None.
        told: What is read aloud; the estimates by default.
    """
    low, high = _ends(dots if ahead is None else [*dots, Dot("", 0.0, *ahead)])
    scale = (WIDTH - 8) / (high - low)

    def x(value: float) -> float:
        return 4 + (value - low) * scale

    height = ROW * len(dots) + 26
    ticks = steps(low, high)
    drawn = []
    for tick in ticks:
        kind = "zero" if abs(tick) < 1e-12 else "grid"
        drawn.append(tag("path", d=f"M{x(tick):.1f},0V{height - 22:.1f}", class_=kind))
        drawn.append(_figure(tick, ticks, x(tick), height - 4))
    for i, dot in enumerate(dots):
        y = ROW * i + 32
        if dot.main and ahead:
            drawn.append(
                tag(
                    "rect",
                    x=x(ahead[0]),
                    y=y - 8,
                    width=(ahead[1] - ahead[0]) * scale,
                    height=16,
                    class_="strip-band",
                )
            )
        drawn.append(tag("text", dot.label, x=2, y=y - 14, class_="label over"))
        drawn.append(tag("text", dot.said, x=WIDTH - 2, y=y - 14, class_="value over", text_anchor="end"))
        if not math.isnan(dot.low):
            drawn.append(tag("path", d=f"M{x(dot.low):.1f},{y:.1f}H{x(dot.high):.1f}", class_="interval"))
        if dot.main:
            drawn.append(tag("path", d=f"M{x(dot.value) - 9:.1f},{y:.1f}l9,-8l9,8l-9,8Z", class_="strip-dot"))
        else:
            drawn.append(tag("circle", cx=x(dot.value), cy=y, r=5, class_="dot-after"))
    told = told or "; ".join(f"{dot.label}: {dot.said}" for dot in dots)
    return drawing(name, title, told, (WIDTH, height), drawn)


def likeness(name: str, title: str, rows: Sequence[tuple[str, float, float]], near: float) -> Markup:
    """Return how far supported and comparison areas stand apart before and after matching, with the region that counts as alike.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        rows: Label, difference before, difference after; in standard deviations.
        near: Difference up to which they count as alike.
    """
    low, high = _ends(
        [Dot("", before, after, near) for _, before, after in rows] + [Dot("", -near, -near, near)]
    )
    scale = (WIDTH - 8) / (high - low)

    def x(value: float) -> float:
        return 4 + (value - low) * scale

    height = ROW * len(rows) + 26
    drawn = [
        tag("rect", x=x(-near), y=0, width=2 * near * scale, height=height - 22, class_="shade"),
        tag("path", d=f"M{x(0):.1f},0V{height - 22:.1f}", class_="zero"),
    ]
    for tick in (ticks := steps(low, high)):
        drawn.append(_figure(tick, ticks, x(tick), height - 4))
    words = STRINGS["impacts"]
    for i, (label, before, after) in enumerate(rows):
        y = ROW * i + 32
        drawn.append(tag("text", label, x=2, y=y - 14, class_="label over"))
        drawn.append(tag("path", d=f"M{x(before):.1f},{y:.1f}H{x(after):.1f}", class_="interval"))
        drawn.append(tag("circle", cx=x(before), cy=y, r=6, class_="dot-before"))
        drawn.append(tag("circle", cx=x(after), cy=y, r=6, class_="dot-after"))
    told = "; ".join(
        words["likeness_said"].format(what=label, before=signed(before), after=signed(after))
        for label, before, after in rows
    )
    return drawing(name, title, told, (WIDTH, height), drawn)


def curve(
    name: str, title: str, rows: Sequence[tuple[Dot, frozenset[str]]], choices: Sequence[str]
) -> Markup:
    """Return every estimate from the smallest to the largest, and below each the choices that it made.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        rows: Estimates with their choices, sorted.
        choices: All choices in order; each has a line of marks below.
    """
    low, high = _ends([dot for dot, _ in rows])
    upper, line = 200.0, 40.0
    height = upper + 24 + line * len(choices)
    gap = (WIDTH - LEFT - 8) / len(rows)

    def x(i: int) -> float:
        return LEFT + gap * (i + 0.5)

    def y(value: float) -> float:
        return 8 + (high - value) / (high - low) * (upper - 16)

    drawn = []
    for tick in (ticks := steps(low, high)):
        kind = "zero" if abs(tick) < 1e-12 else "grid"
        drawn.append(tag("path", d=f"M{LEFT:.1f},{y(tick):.1f}H{WIDTH - 8:.1f}", class_=kind))
        drawn.append(
            tag(
                "text",
                signed(tick, _digits(ticks)),
                x=LEFT - 8,
                y=y(tick) + 5,
                class_="value",
                text_anchor="end",
            )
        )
    for i, (dot, _) in enumerate(rows):
        if not math.isnan(dot.low):
            drawn.append(tag("path", d=f"M{x(i):.1f},{y(dot.low):.1f}V{y(dot.high):.1f}", class_="interval"))
        if dot.main:
            drawn.append(
                tag("path", d=f"M{x(i) - 8:.1f},{y(dot.value):.1f}l8,-8l8,8l-8,8Z", class_="strip-dot")
            )
        else:
            drawn.append(tag("circle", cx=x(i), cy=y(dot.value), r=4.5, class_="dot-after"))
    for k, choice in enumerate(choices):
        top = upper + 24 + line * k
        drawn.append(tag("text", choice, x=2, y=top + 4, class_="label over"))
        for i, (_, made) in enumerate(rows):
            chosen = choice in made
            drawn.append(
                tag(
                    "circle",
                    cx=x(i),
                    cy=top + 19,
                    r=5 if chosen else 1.5,
                    class_="dot-after" if chosen else "dot-none",
                )
            )
    told = "; ".join(f"{dot.label}: {dot.said}" for dot, _ in rows)
    return drawing(name, title, told, (WIDTH, height), drawn)
