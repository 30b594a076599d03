"""Tables and a drawing in pages that people wrote, made from measured results in bench/results.

A page says where a table goes: everything between ``<!-- table: NAME -->`` and ``<!-- end -->`` is written anew. `docs/generate.py`
calls this for every page of `FILLED` and draws `reliability_drawing`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from markupsafe import Markup

ROOT = Path(__file__).resolve().parents[1]
Rows = Iterable[Iterable[str]]

SHOWN: tuple[tuple[str, str], ...] = (
    ("one common rate, small areas", "one common rate, 60 to 500 people an area"),
    ("one common rate, large areas", "one common rate, 300 to 3,000 people"),
    ("one rare rate, small areas", "one rare rate, 60 to 500 people"),
    ("one rare rate, large areas", "one rare rate, 300 to 3,000 people"),
    (
        "one common rate, needy pockets",
        "one common rate, needy pockets in better-off parents, 60 to 500 people",
    ),
    ("one common rate, 180 areas", "one common rate, only 180 areas, 60 to 500 people"),
    ("one common rate, six areas to a parent", "one common rate, six areas to a parent, 60 to 500 people"),
    ("four unrelated rates, small areas", "four unrelated common rates, 60 to 500 people"),
    ("four related rates, small areas", "four related common rates, 60 to 500 people"),
    ("four related rates, large areas", "four related common rates, 300 to 3,000 people"),
    (
        "four related rates, errors said to go together",
        "the same, 60 to 500 people, `group` with correlation 0.15",
    ),
    ("seven related rates, as in an index", "seven related rates, exponential scale, 300 to 3,000 people"),
)
"""Designs of the simulation by name, and how a reader is told of them."""

RAW = ", not shrunk"

WORDS = ("firm", "likely", "toss-up", "unlikely", "firmly outside")

PANELS: tuple[tuple[str, str], ...] = (("rates drawn towards their larger area", ""), ("raw rates", RAW))
DRAWN: tuple[tuple[str, str, str], ...] = (
    ("one common rate, small areas", "one common rate", "#1b5e91"),
    ("one rare rate, small areas", "one rare rate", "#b04a00"),
    ("seven related rates, as in an index", "seven related rates", "#3d6b2e"),
)


def results(name: str) -> dict[str, Any]:
    """Return a committed result of bench/results."""
    found: dict[str, Any] = json.loads(
        (ROOT / "bench" / "results" / f"{name}.json").read_text(encoding="utf-8")
    )
    return found


def share(value: float, digits: int = 1) -> str:
    """Return a share as a percentage, never 0% or 100% where it only rounds to that."""
    shown = f"{100 * value:.{digits}f}"
    if float(shown) == 100 and value < 1:
        return f"over {100 - 10**-digits:.{digits}f}%"
    return f"{shown}%"


def written(head: Iterable[str], rows: Rows) -> str:
    """Return a Markdown table."""
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _pairs() -> list[tuple[str, str, dict[str, Any]]]:
    """Return each design that is shown, shrunk and, where it was run, not shrunk: key, words, figures."""
    found = results("calibration")["designs"]
    pairs = []
    for key, told in SHOWN:
        pairs.append((key, told, found[key]))
    pairs += [(key + RAW, told, found[key + RAW]) for key, told in SHOWN if key + RAW in found]
    return pairs


def words_table() -> str:
    """Return how often each word came true."""
    found = results("calibration")["designs"]

    def row(key: str, told: str) -> list[str]:
        words = found[key]["words"]
        cells = [
            f"{share(words[word]['found'])} (told {share(words[word]['told'])})" if word in words else "none"
            for word in WORDS
        ]
        return [told, *cells]

    names = dict(SHOWN)
    keys = [
        "one common rate, small areas",
        "one rare rate, small areas",
        "seven related rates, as in an index",
    ]
    rows = [row(key, names[key]) for key in keys]
    rows += [row(key + RAW, f"{names[key]}; **raw**") for key in keys]
    return written(["invented country", *WORDS], rows)


def brier_table() -> str:
    """Return Brier scores of told probabilities, of the flag, and of saying a tenth to all."""
    rows = []
    for key, told, figures in _pairs():
        score = figures["brier"]
        rows.append(
            [
                told + ("; **raw**" if key.endswith(RAW) else ""),
                *(f"{score[name]:.4f}" for name in ("score", "flag", "average")),
                f"{100 * (1 - score['score'] / score['flag']):.0f}%",
                *(f"{score[name]:.5f}" for name in ("reliability", "resolution")),
            ]
        )
    head = [
        "invented country",
        "told probability",
        "in the list or not",
        "10% for all",
        "better than the list by",
    ]
    return written([*head, "reliability", "resolution"], rows)


def coverage_table() -> str:
    """Return how often intervals of scores and ranks held the truth."""
    rows = []
    for key, told, figures in _pairs():
        scores = figures["score"]
        rows.append(
            [
                told + ("; **raw**" if key.endswith(RAW) else ""),
                f"{share(scores['0.9']['covered'])}" if scores else "none",
                share(figures["rank"]["0.9"]["covered"]),
                f"{share(scores['0.95']['covered'])}" if scores else "none",
                share(figures["rank"]["0.95"]["covered"]),
                f"{figures['slope']:.2f}" if figures["slope"] is not None else "none",
            ]
        )
    return written(["invented country", "score, 90%", "rank, 90%", "score, 95%", "rank, 95%", "slope"], rows)


def rank_sets_table() -> str:
    """Return coverage and mean size of rank sets, single-step and stepwise."""
    found = results("rank_coverage")["results"]
    rows = []
    for coverage, designs in found.items():
        for design, kinds in designs.items():
            cells = [share(float(coverage), 0), design]
            for kind in ("marginal", "simultaneous", "greatest-need tenth"):
                one, many = kinds[kind], kinds[f"{kind}, stepwise"]
                cells.append(f"{share(one['coverage'])}, {one['size']:.1f}")
                cells.append(f"{share(many['coverage'])}, {many['size']:.1f}")
            rows.append(cells)
    kinds_ = ["marginal", "simultaneous", "greatest-need tenth"]
    head = ["nominal", "truth", *(text for kind in kinds_ for text in (kind, f"{kind}, stepwise"))]
    return written(head, rows)


TABLES: dict[str, Callable[[], str]] = {
    "words": words_table,
    "brier": brier_table,
    "coverage": coverage_table,
    "rank sets": rank_sets_table,
}

FILLED = ("docs/explanation/how-sure-is-a-rank.md", "docs/methods/shrink.md", "docs/methods/rank-sets.md")
"""Pages that hold tables made here."""


def filled(name: str) -> str:
    """Return a page with its tables written anew."""
    text = (ROOT / name).read_text(encoding="utf-8")

    def table(found: re.Match[str]) -> str:
        return f"<!-- table: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table: ([a-z ]+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)


# --- the drawing ------------------------------------------------------------------------------------------------------------

SIDE, GAP, LEFT, TOP, SPACE = 300.0, 76.0, 62.0, 46.0, 92.0
"""Side of a panel, space between the two, left of them, above and below."""


def reliability_drawing() -> str:
    """Return two panels: told probability against the share of areas that truly were in the greatest-need tenth."""
    from wardmote.publish.svg import drawing, tag

    found = results("calibration")["designs"]
    width, height = LEFT + 2 * SIDE + GAP + 20, TOP + SIDE + SPACE
    parts = [tag("rect", x=0, y=0, width=width, height=height, fill="#ffffff")]
    for place, (title, tail) in enumerate(PANELS):
        left = LEFT + place * (SIDE + GAP)
        parts += _axes(left, title)
        for number, (key, _, colour) in enumerate(DRAWN):
            parts += _points(left, found[key + tail]["reliability"], colour, number)
    for number, (_, label, colour) in enumerate(DRAWN):
        x, y = LEFT + 190 * number, height - 14
        parts.append(_marker(x + 6, y - 4, colour, number))
        parts.append(tag("text", label, x=x + 18, y=y, **FONT))
    x = LEFT + 190 * len(DRAWN)
    parts.append(tag("path", d=f"M{x:.1f},{height - 18:.1f}h24", stroke="#777777", stroke_dasharray="5 4"))
    parts.append(tag("text", "as told", x=x + 30, y=height - 14, **FONT))
    told = (
        "On the line, areas told 80% were in the tenth 80 times of 100. Rates drawn towards their larger area lie on it or close to it;"
        " raw rare rates lie below it where much is told. Bars are two standard errors. The tables of the page say the same."
    )
    return (
        str(drawing("reliability", "Told probability against what came", told, (width, height), parts)) + "\n"
    )


FONT: dict[str, Any] = {"font_family": "system-ui, sans-serif", "font_size": 13, "fill": "#222222"}


def _axes(left: float, title: str) -> list[Markup]:
    """Return one panel's frame, ticks, names and diagonal."""
    from wardmote.publish.svg import tag

    base = TOP + SIDE
    parts = [
        tag(
            "text",
            title[0].upper() + title[1:],
            x=left,
            y=TOP - 16,
            **{**FONT, "font_size": 15, "font_weight": "600"},
        ),
        tag("rect", x=left, y=TOP, width=SIDE, height=SIDE, fill="none", stroke="#777777"),
        tag(
            "path",
            d=f"M{left:.1f},{base:.1f}L{left + SIDE:.1f},{TOP:.1f}",
            stroke="#777777",
            stroke_dasharray="5 4",
            fill="none",
        ),
        tag("text", "told probability", x=left + SIDE / 2, y=base + 38, text_anchor="middle", **FONT),
    ]
    for tick in range(0, 101, 20):
        x, y = left + SIDE * tick / 100, base - SIDE * tick / 100
        parts.append(tag("path", d=f"M{x:.1f},{base:.1f}v5M{left:.1f},{y:.1f}h-5", stroke="#777777"))
        parts.append(tag("text", f"{tick}%", x=x, y=base + 20, text_anchor="middle", **FONT))
        parts.append(tag("text", f"{tick}%", x=left - 9, y=y + 4, text_anchor="end", **FONT))
    if left == LEFT:
        turn = f"rotate(-90 15 {TOP + SIDE / 2:.1f})"
        words = "share that truly had greatest need"
        parts.append(tag("text", words, x=15, y=TOP + SIDE / 2, text_anchor="middle", transform=turn, **FONT))
    return parts


def _points(left: float, table: list[dict[str, float]], colour: str, number: int) -> list[Markup]:
    """Return one design: a marker a bin, with two standard errors up and down, and a thin line through them."""
    from wardmote.publish.svg import tag

    places = [(left + SIDE * row["told"], TOP + SIDE * (1 - row["found"])) for row in table]
    line = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [tag("path", d=line, fill="none", stroke=colour, stroke_width=1)]
    for row, (x, y) in zip(table, places, strict=True):
        reach = SIDE * 2 * (row["found"] * (1 - row["found"]) / row["areas"]) ** 0.5
        low, high = min(y + reach, TOP + SIDE), max(y - reach, TOP)
        parts.append(tag("path", d=f"M{x:.1f},{low:.1f}V{high:.1f}", stroke=colour, stroke_width=2))
        parts.append(_marker(x, y, colour, number))
    return parts


def _marker(x: float, y: float, colour: str, number: int) -> Markup:
    """Return a circle, a square or a triangle, so that colour is not all that tells designs apart."""
    from wardmote.publish.svg import tag

    if number == 0:
        return tag("circle", cx=x, cy=y, r=4, fill=colour)
    if number == 1:
        return tag("rect", x=x - 4, y=y - 4, width=8, height=8, fill=colour)
    return tag("path", d=f"M{x - 5:.1f},{y + 4:.1f}h10l-5,-9z", fill=colour)
