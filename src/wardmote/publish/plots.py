"""Forest and funnel plots of findings, each with words for those who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wardmote.publish.strings import STRINGS
from wardmote.publish.svg import drawing, tag
from wardmote.publish.trials import LINE, WIDTH, Dot, below, figure, side_by_side, steps

HEIGHT = 216.0
"""Height of the dots of a funnel plot."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a forest plot: label, effect and interval on the pooling scale, and whether it is the pooled one."""

    label: str
    effect: float
    low: float
    high: float
    pooled: bool = False


def forest(
    name: str, title: str, lines: Sequence[Line], ahead: tuple[float, float] | None = None, *, unit: str = ""
) -> Markup:
    """Return a forest plot: one line a finding under its name, the pooled effect below, a band where a new place may lie.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        lines: Findings in order, the pooled one last.
        ahead: Prediction interval, or None.
        unit: The scale of the effects, on which more is better.
    """
    dots = [Dot(line.label, line.effect, line.low, line.high, main=line.pooled) for line in lines]
    told = "; ".join(
        f"{line.label} {_signed(line.effect)} ({_signed(line.low)} to {_signed(line.high)})" for line in lines
    )
    return side_by_side(name, title, dots, ahead, told, unit=unit, better=True)


def funnel(
    name: str, title: str, dots: Sequence[tuple[float, float]], centre: float, *, unit: str = ""
) -> Markup:
    """Return a funnel plot: effects against their standard errors, precise ones on top, with the 95% region of the centre.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        dots: Effect and standard error of each finding.
        centre: Pooled effect.
        unit: The scale of the effects, on which more is better.
    """
    deepest = max(error for _, error in dots)
    reach = max(1.96 * deepest, *(abs(effect - centre) for effect, _ in dots)) * 1.05
    scale = (WIDTH - 40) / (2 * reach)
    head, foot = LINE + 6, LINE + HEIGHT

    def x(effect: float) -> float:
        return 20 + (effect - centre + reach) * scale

    def place(effect: float, error: float) -> tuple[float, float]:
        return x(effect), head + error / deepest * (foot - head)

    top, left, right = (
        place(centre, 0),
        place(centre - 1.96 * deepest, deepest),
        place(centre + 1.96 * deepest, deepest),
    )
    shape = "M" + "L".join(f"{a:.1f},{b:.1f}" for a, b in (left, top, right))
    ticks = steps(centre - reach, centre + reach)
    zero = x(0.0) if abs(centre) <= reach else math.nan
    drawn = [
        tag("path", d=f"M{x(tick):.1f},{head:.1f}V{foot:.1f}", class_="zero" if abs(tick) < 1e-12 else "grid")
        for tick in ticks
    ]
    drawn.append(tag("path", d=shape, class_="strip-line"))
    drawn.append(tag("path", d=f"M{top[0]:.1f},{head:.1f}V{foot:.1f}", class_="average"))
    for effect, error in dots:
        a, b = place(effect, error)
        drawn.append(tag("circle", cx=a, cy=b, r=4, class_="strip-dot"))
    words = STRINGS["evidence"]
    drawn.append(tag("text", words["precise"], x=2.0, y=16, class_="value"))
    drawn.append(tag("text", words["imprecise"], x=2.0, y=foot + LINE, class_="value"))
    y = foot + 2 * LINE
    drawn += [figure(tick, ticks, x(tick), y) for tick in ticks]
    drawn += below(zero, y, unit, better=True)
    outside = sum(abs(effect - centre) > 1.96 * error for effect, error in dots)
    told = f"{len(dots)} findings around {_signed(centre)}; {outside} outside the region of 95%"
    return drawing(name, title, told, (WIDTH, y + 2 * LINE + 8), drawn)


def _signed(value: float) -> str:
    """Return a number with two decimals and a proper minus."""
    return "" if math.isnan(value) else f"{value:.2f}".replace("-", "−")
