"""The page of evidence: answers with how sure they are, a card for each strategy, forest and funnel plots, and the map of gaps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wardmote.publish.atlas import Making
from wardmote.publish.places import records
from wardmote.publish.strings import EVIDENCE
from wardmote.publish.svg import drawing, tag

WIDTH = 640.0
"""Width of a plot in its own units."""

LABELS = 250.0
"""Width of the words at the left of a forest plot."""

ROW = 26.0
"""Height of one line of a forest plot: a 13-unit word and its air, so that lines stay apart on a phone."""

HEIGHT = 260.0
"""Height of a funnel plot."""

SIGNS = {
    "better": "▲",
    "worse": "▼",
    "no clear effect": "●",
    "several ways": "◆",
    "one way only": "○",
}
"""Signs of answers in the map of gaps: shapes, so that nothing rests on colour."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a forest plot: label, effect and interval on the pooling scale, and whether it is the pooled one."""

    label: str
    effect: float
    low: float
    high: float
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer on a strategy's card: the sentence, why that strength, and the plots behind it."""

    sentence: str
    reasons: str
    plots: tuple[tuple[str, Markup], ...]


@dataclass(frozen=True, slots=True)
class Body:
    """One body of evidence as its page prints it.

    Attributes:
        title: Its title.
        findings: What it says as a whole, in sentences.
        cards: For each strategy its title, its answers, and what people told.
        outcomes: Columns of the map of gaps: title, and whether it is an outcome of connectedness.
        gaps: Rows of the map of gaps: title of the strategy and its cells (what is printed, what is read aloud).
        library: Rows of the library.
    """

    title: str
    findings: tuple[str, ...]
    cards: tuple[tuple[str, tuple[Answer, ...], tuple[str, ...]], ...]
    outcomes: tuple[tuple[str, bool], ...]
    gaps: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    library: tuple[tuple[str, ...], ...]


def make_evidence(making: Making) -> None:
    """Write the page of evidence.

    Args:
        making: What pages are made of.
    """
    tables = {
        name: records(making.found.read(name))
        for name in ("gap_map", "syntheses", "effects", "accounts", "findings")
    }
    bodies = [_body(id_, making.study.synthesis[id_].title or id_, tables) for id_ in making.study.synthesis]
    making.put("evidence/index.html", "evidence.html.j2", bodies=bodies, w=EVIDENCE)


def _body(id_: str, title: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Body:
    """Return one body of evidence."""
    mine = {name: [row for row in rows if row.get("synthesis") == id_] for name, rows in tables.items()}
    told = [row for row in tables["findings"] if row["stage"] == "synthesis" and row["id"] == id_]
    cells = mine["gap_map"]
    strategies = {row["strategy"]: row["strategy_title"] for row in cells}
    outcomes = {row["outcome"]: (row["outcome_title"], bool(row["core"])) for row in cells}
    by_cell = {(row["strategy"], row["outcome"]): row for row in cells}
    answers = {row["sentence"] for row in cells}
    return Body(
        title=title,
        # Answers stand on the cards; here stands what is true of the whole body.
        findings=tuple(
            row["sentence"]
            for row in sorted(told, key=lambda row: row["position"])
            if row["sentence"] not in answers
        ),
        cards=tuple(
            (
                name,
                tuple(
                    _answer(id_, row, mine)
                    for row in cells
                    if row["strategy"] == strategy and row["findings"]
                ),
                tuple(row["finding"] for row in mine["accounts"] if row["strategy"] == strategy),
            )
            for strategy, name in strategies.items()
        ),
        outcomes=tuple(outcomes.values()),
        gaps=tuple(
            (name, tuple(_gap(by_cell.get((strategy, outcome))) for outcome in outcomes))
            for strategy, name in strategies.items()
        ),
        library=tuple(_entry(row, strategies, outcomes) for row in mine["effects"]),
    )


RESULTS = {"benefit": "benefit", "none": "no effect", "mixed": "mixed", "harm": "harm"}
"""What findings conclude, by column of the map of gaps."""


def _gap(row: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return what a cell of the map prints, and what stands beside it in small print."""
    if row is None or not row["findings"]:
        return "", ""
    said = row["answer"]
    if said in ("one way only", "several ways"):
        said = ", ".join(f"{row[name]} {word}" for name, word in RESULTS.items() if row[name])
    return f"{row['findings']} {SIGNS[row['answer']]}", f"{said}; {row['strength']}"


def _entry(
    row: Mapping[str, Any], strategies: Mapping[str, str], outcomes: Mapping[str, tuple[str, bool]]
) -> tuple[str, ...]:
    """Return one row of the library in words."""
    about = "; ".join(part for part in (row["intervention"], row["population"]) if part)
    size = EVIDENCE["not_sized"]
    if row["estimate"] is not None and row["standard_error"] is not None:
        size = f"{_signed(row['estimate'])} ({row['scale']}, ± {1.96 * row['standard_error']:.2f})"
    read = ", ".join(part for part in (row["seen"], row["how"]) if part)
    return (
        row["study"], row["address"] or "", strategies[row["strategy"]], outcomes[row["outcome"]][0], about, row["design"],
        row["result"], size, read, row["check"] or "",
    )  # fmt: skip


def _answer(id_: str, row: Mapping[str, Any], mine: Mapping[str, Sequence[Mapping[str, Any]]]) -> Answer:
    """Return one answer with the plots of the findings behind it, where there are several on its scale."""
    here = (row["strategy"], row["outcome"])
    sized = [
        one
        for one in mine["effects"]
        if (one["strategy"], one["outcome"]) == here and one["standard_error"] is not None
    ]
    pooled = [
        one
        for one in mine["syntheses"]
        if (one["strategy"], one["outcome"]) == here and one["model"] in ("random", "three-level")
        and one["subgroup"].startswith("all")
    ]  # fmt: skip
    plots: list[tuple[str, Markup]] = []
    for number, answer in enumerate(pooled):
        part = [one for one in sized if one["scale"] == answer["scale"] and one["role"] == "study"]
        name = f"{id_}-{here[0]}-{here[1]}-{number}"
        title = f"{row['strategy_title']}: {row['outcome_title']}"
        plots.append(
            (EVIDENCE["forest_note"], forest(f"forest-{name}", title, _lines(part, answer), _ahead(answer)))
        )
        if answer["egger_p"] is not None:
            dots = [(one["estimate"], one["standard_error"]) for one in part]
            plots.append((EVIDENCE["funnel_note"], funnel(f"funnel-{name}", title, dots, answer["effect"])))
    return Answer(row["sentence"], row["reasons"] or "", tuple(plots))


def _lines(part: Iterable[Mapping[str, Any]], answer: Mapping[str, Any]) -> list[Line]:
    """Return the lines of a forest plot; intervals as their standard errors give them."""
    lines = [
        Line(
            one["effect"],
            one["estimate"],
            one["estimate"] - 1.96 * one["standard_error"],
            one["estimate"] + 1.96 * one["standard_error"],
        )
        for one in part
    ]
    return [*lines, Line(EVIDENCE["in_all"], answer["effect"], answer["low"], answer["high"], pooled=True)]


def _ahead(answer: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the prediction interval of an answer."""
    low, high = answer["prediction_low"], answer["prediction_high"]
    return None if low is None or high is None else (low, high)


def forest(name: str, title: str, lines: Sequence[Line], ahead: tuple[float, float] | None = None) -> Markup:
    """Return a forest plot: one line a finding, the pooled effect below, a band where a new place may lie.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        lines: Findings in order, the pooled one last.
        ahead: Prediction interval, or None.
    """
    ends = [0.0, *(line.low for line in lines), *(line.high for line in lines), *(ahead or ())]
    low, high = min(ends), max(ends)
    scale = (WIDTH - LABELS - 90) / ((high - low) or 1.0)

    def x(value: float) -> float:
        return float(LABELS + (value - low) * scale)

    height = ROW * len(lines) + 8
    drawn = [tag("path", d=f"M{x(0):.1f},0V{height:.1f}", class_="strip-line")]
    for i, line in enumerate(lines):
        y = ROW * i + ROW / 2
        if line.pooled and ahead:
            drawn.append(
                tag(
                    "rect",
                    x=x(ahead[0]),
                    y=y - 7,
                    width=(ahead[1] - ahead[0]) * scale,
                    height=14,
                    class_="strip-band",
                )
            )
        drawn.append(tag("text", line.label, x=0, y=y + 4, class_="label"))
        drawn.append(tag("path", d=f"M{x(line.low):.1f},{y:.1f}H{x(line.high):.1f}", class_="interval"))
        drawn.append(tag("circle", cx=x(line.effect), cy=y, r=6 if line.pooled else 4, class_="strip-dot"))
        drawn.append(tag("text", _signed(line.effect), x=WIDTH - 60, y=y + 4, class_="value"))
    told = "; ".join(
        f"{line.label} {_signed(line.effect)} ({_signed(line.low)} to {_signed(line.high)})" for line in lines
    )
    return drawing(name, title, told, (WIDTH, height), drawn)


def funnel(name: str, title: str, dots: Sequence[tuple[float, float]], centre: float) -> Markup:
    """Return a funnel plot: effects against their standard errors, precise ones on top, with the 95% region of the centre.

    Args:
        name: Prefix of ids; unique on the page.
        title: What it shows.
        dots: Effect and standard error of each finding.
        centre: Pooled effect.
    """
    deepest = max(error for _, error in dots)
    reach = max(1.96 * deepest, *(abs(effect - centre) for effect, _ in dots)) * 1.05
    scale = (WIDTH - 40) / (2 * reach)

    def place(effect: float, error: float) -> tuple[float, float]:
        return 20 + (effect - centre + reach) * scale, 12 + error / deepest * (HEIGHT - 24)

    top, left, right = (
        place(centre, 0),
        place(centre - 1.96 * deepest, deepest),
        place(centre + 1.96 * deepest, deepest),
    )
    shape = "M" + "L".join(f"{a:.1f},{b:.1f}" for a, b in (left, top, right))
    drawn = [
        tag("path", d=shape, class_="strip-line"),
        tag("path", d=f"M{top[0]:.1f},12V{HEIGHT - 12:.1f}", class_="strip-line"),
    ]
    for effect, error in dots:
        a, b = place(effect, error)
        drawn.append(tag("circle", cx=a, cy=b, r=4, class_="strip-dot"))
    outside = sum(abs(effect - centre) > 1.96 * error for effect, error in dots)
    told = f"{len(dots)} findings around {_signed(centre)}; {outside} outside the region of 95%"
    return drawing(name, title, told, (WIDTH, HEIGHT), drawn)


def _signed(value: float) -> str:
    """Return a number with two decimals and a proper minus."""
    return "" if math.isnan(value) else f"{value:.2f}".replace("-", "−")
