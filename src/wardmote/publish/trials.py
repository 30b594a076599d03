"""Drawings of what a programme changed: estimates by year, estimates side by side, likeness before and after, and every choice.

Each is one SVG image with words for those who cannot see it; the page prints the same as a table below it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from wardmote.publish.strings import STRINGS
from wardmote.publish.svg import drawing, tag
from wardmote.words import signed

WIDTH = 440.0
"""Width of a drawing in its own units."""

ROW = 54.0
"""Height of one estimate: a line of words above, its interval below. No line of the scale crosses the words."""

LINE = 20.0
"""Height of a line of words, in the larger letters of phones."""

BESIDE = 22
"""Most letters of a name that has its number beside it: longer ones would run into the number on a phone."""

FULL = 38
"""Most letters of a line of words on a phone."""

MOST_LINES = 2
"""Most lines of a name; a longer one is cut, and is told whole where one points at it and to those who cannot see the drawing."""

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


def figure(tick: float, ticks: Sequence[float], x: float, y: float) -> Markup:
    """Return the figure below a tick of a scale from side to side, kept inside the drawing.

    Args:
        tick: The number.
        ticks: All of the scale, which tell how many decimals are needed.
        x: Where the tick is.
        y: Foot of the figure.
    """
    anchor = "start" if x < 30 else "end" if x > WIDTH - 30 else "middle"
    return tag("text", signed(tick, _digits(ticks)), x=x, y=y, class_="value", text_anchor=anchor)


def named(label: str, x: float, y: float) -> list[Markup]:
    """Return a name in lines that fit on a phone, the last of them cut where there are too many.

    Args:
        label: The name.
        x: Where each line begins.
        y: Foot of the first line.
    """
    lines = textwrap.wrap(label, FULL) or [""]
    cut = len(lines) > MOST_LINES
    shown = [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1][: FULL - 2].rstrip()} …"] if cut else lines
    whole = [tag("title", label)] if cut else []
    return [
        tag("text", *whole, line, x=x, y=y + LINE * i, class_="label over") for i, line in enumerate(shown)
    ]


def lines_of(label: str) -> int:
    """Return how many lines a name takes.

    Args:
        label: The name.
    """
    return min(max(1, len(textwrap.wrap(label, FULL))), MOST_LINES)


def below(zero: float, y: float, unit: str, better: bool | None) -> list[Markup]:
    """Return the words below a scale from side to side: what nought means, in which unit it is, which way is better.

    Args:
        zero: Where nought lies, or NaN where it is not on the scale.
        y: Foot of the figures above.
        unit: The unit, or "".
        better: Whether better is to the right, or None where neither is.
    """
    words, drawn = STRINGS["impacts"], []
    if not math.isnan(zero):
        anchor = "start" if zero < 70 else "end" if zero > WIDTH - 70 else "middle"
        at = max(zero, 2.0) if anchor == "start" else min(zero, WIDTH - 2)
        drawn.append(tag("text", words["axis_none"], x=at, y=y + LINE, class_="value", text_anchor=anchor))
    # The unit stands at the other side than the way to the better.
    first, last = (
        ("", words["axis_right"]) if better else (words["axis_left"], "") if better is False else ("", "")
    )
    at_left, at_right = (first, unit) if first else (unit, last)
    for text, x, anchor in ((at_left, 2.0, "start"), (at_right, WIDTH - 2, "end")):
        if text:
            drawn.append(tag("text", text, x=x, y=y + 2 * LINE, class_="value", text_anchor=anchor))
    return drawn


BELOW = 26 + 2 * LINE
"""Room for the figures of a scale and the words below it."""


def _above(unit: str, better: bool | None) -> list[Markup]:
    """Return the words above an upright scale: the unit, which way is better, and what nought means."""
    words = STRINGS["impacts"]
    way = "" if better is None else words["axis_up" if better else "axis_down"]
    told = ", ".join(part for part in (way, unit) if part)
    return [
        tag("text", text, x=2.0, y=16 + LINE * i, class_="value")
        for i, text in enumerate(text for text in (told, words["axis_zero"]) if text)
    ]


ABOVE = 6 + 2 * LINE
"""Room for the words above an upright scale."""


def _digits(ticks: Sequence[float]) -> int:
    """Return how many decimals tell the numbers of an axis apart."""
    gap = min((b - a for a, b in pairwise(ticks)), default=1.0)
    return max(0, -math.floor(math.log10(gap) + 1e-9))


def by_year(
    name: str,
    title: str,
    dots: Sequence[tuple[int, Dot]],
    average: float,
    *,
    unit: str = "",
    better: bool | None = None,
) -> Markup:
    """Return estimates by periods since the start: the time before shaded, the average as a line.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        dots: Periods since the start (0 is the first supported one) and the estimate, in order.
        average: The main estimate.
        unit: The unit of the estimates.
        better: Whether more is better, or None where neither is.
    """
    low, high = _ends([dot for _, dot in dots])
    first, last = dots[0][0] - 0.6, dots[-1][0] + 0.6

    def x(when: float) -> float:
        return LEFT + (when - first) / (last - first) * (WIDTH - LEFT - 8)

    def y(value: float) -> float:
        return top + (high - value) / (high - low) * (TALL - 60)

    top, height = ABOVE, TALL + ABOVE - 10
    start = min(max(-0.5, first), last)
    shade = tag("rect", x=x(first), y=top, width=x(start) - x(first), height=TALL - 60, class_="shade")
    drawn = [*_above(unit, better), shade]
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
                tag("text", signed(when, 0), x=x(when), y=height - 30, class_="value", text_anchor="middle")
            )
    words = STRINGS["impacts"]
    drawn.append(tag("text", words["axis_before"], x=LEFT + 4, y=height - 8, class_="value"))
    drawn.append(
        tag("text", words["axis_after"], x=WIDTH - 8, y=height - 8, class_="value", text_anchor="end")
    )
    told = "; ".join(f"{signed(when, 0)}: {dot.said}" for when, dot in dots)
    return drawing(name, title, told, (WIDTH, height), drawn)


def side_by_side(
    name: str,
    title: str,
    dots: Sequence[Dot],
    ahead: tuple[float, float] | None = None,
    told: str = "",
    *,
    unit: str = "",
    better: bool | None = None,
) -> Markup:
    """Return estimates one below the other, each with its words above, against one upright line at nought.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        dots: The estimates in order.
        ahead: A band behind the main one: where a new place may lie; or None.
        told: What is read aloud; the estimates by default.
        unit: The unit of the estimates.
        better: Whether better is to the right, or None where neither is.
    """
    low, high = _ends(dots if ahead is None else [*dots, Dot("", 0.0, *ahead)])
    scale = (WIDTH - 8) / (high - low)

    def x(value: float) -> float:
        return 4 + (value - low) * scale

    ticks, drawn, y = steps(low, high), [], 0.0
    for dot in dots:
        # A long name has its number on a line of its own.
        lines = lines_of(dot.label) + (len(dot.label) > BESIDE)
        y += ROW + LINE * (lines - 1)
        drawn += _scale(ticks, x, y - 12, y + 12)
        if dot.main and ahead:
            width = (ahead[1] - ahead[0]) * scale
            drawn.append(tag("rect", x=x(ahead[0]), y=y - 8, width=width, height=16, class_="strip-band"))
        drawn += named(dot.label, 2.0, y - 18 - LINE * (lines - 1))
        drawn.append(tag("text", dot.said, x=WIDTH - 2, y=y - 18, class_="value over", text_anchor="end"))
        if not math.isnan(dot.low):
            drawn.append(tag("path", d=f"M{x(dot.low):.1f},{y:.1f}H{x(dot.high):.1f}", class_="interval"))
        if dot.main:
            drawn.append(tag("path", d=f"M{x(dot.value) - 9:.1f},{y:.1f}l9,-8l9,8l-9,8Z", class_="strip-dot"))
        else:
            drawn.append(tag("circle", cx=x(dot.value), cy=y, r=5, class_="dot-after"))
    y += 32
    drawn += [figure(tick, ticks, x(tick), y) for tick in ticks]
    drawn += below(x(0.0), y, unit, better)
    told = told or "; ".join(f"{dot.label}: {dot.said}" for dot in dots)
    return drawing(name, title, told, (WIDTH, y + 2 * LINE + 8), drawn)


def _scale(ticks: Sequence[float], x: Callable[[float], float], top: float, foot: float) -> list[Markup]:
    """Return the lines of a scale behind one estimate, that at nought the stronger."""
    return [
        tag("path", d=f"M{x(tick):.1f},{top:.1f}V{foot:.1f}", class_="zero" if abs(tick) < 1e-12 else "grid")
        for tick in ticks
    ]


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

    ticks, drawn, y = steps(low, high), [], 0.0
    words = STRINGS["impacts"]
    for label, before, after in rows:
        lines = lines_of(label)
        y += ROW + LINE * (lines - 1)
        drawn.append(tag("rect", x=x(-near), y=y - 12, width=2 * near * scale, height=24, class_="shade"))
        drawn += _scale(ticks, x, y - 12, y + 12)
        drawn += named(label, 2.0, y - 18 - LINE * (lines - 1))
        drawn.append(tag("path", d=f"M{x(before):.1f},{y:.1f}H{x(after):.1f}", class_="interval"))
        drawn.append(tag("circle", cx=x(before), cy=y, r=6, class_="dot-before"))
        drawn.append(tag("circle", cx=x(after), cy=y, r=6, class_="dot-after"))
    y += 32
    drawn += [figure(tick, ticks, x(tick), y) for tick in ticks]
    drawn += below(x(0.0), y, words["likeness_unit"], None)
    told = "; ".join(
        words["likeness_said"].format(what=label, before=signed(before), after=signed(after))
        for label, before, after in rows
    )
    return drawing(name, title, told, (WIDTH, y + 2 * LINE + 8), drawn)


def curve(
    name: str,
    title: str,
    rows: Sequence[tuple[Dot, frozenset[str]]],
    choices: Sequence[str],
    *,
    unit: str = "",
    better: bool | None = None,
) -> Markup:
    """Return every estimate from the smallest to the largest, and below each the choices that it made.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        rows: Estimates with their choices, sorted.
        choices: All choices in order; each has a line of marks below.
        unit: The unit of the estimates.
        better: Whether more is better, or None where neither is.
    """
    low, high = _ends([dot for dot, _ in rows])
    upper, line = 200.0 + ABOVE, 40.0
    height = upper + 24 + line * len(choices) + LINE * sum(lines_of(choice) - 1 for choice in choices)
    gap = (WIDTH - LEFT - 8) / len(rows)

    def x(i: int) -> float:
        return LEFT + gap * (i + 0.5)

    def y(value: float) -> float:
        return ABOVE + 8 + (high - value) / (high - low) * (upper - ABOVE - 16)

    drawn = _above(unit, better)
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
    top = upper + 24
    for choice in choices:
        drawn += named(choice, 2.0, top + 4)
        top += LINE * (lines_of(choice) - 1)
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
        top += line
    told = "; ".join(f"{dot.label}: {dot.said}" for dot, _ in rows)
    return drawing(name, title, told, (WIDTH, height), drawn)
