"""The page of evidence: what each body of evidence says as a whole, the map of gaps, and the way to cards and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wardmote.publish.atlas import Making
from wardmote.publish.building import safe_name
from wardmote.publish.places import records
from wardmote.publish.practice import Evidence, Here, library_rows, read_body
from wardmote.publish.profiles import Link
from wardmote.publish.strings import STRINGS
from wardmote.publish.svg import drawing, tag

COLUMN, LINE, NAMES, TITLES = 40.0, 40.0, 205.0, 170.0
"""Map of gaps: width of a column, height of a row, room for names of strategies at the left and for outcomes above."""

WIDEST = 850.0
"""Least width of the map in its own units, so that a small one is not drawn larger than a large one."""

SIGNS = {
    "better": "▲",
    "worse": "▼",
    "no clear effect": "●",
    "several ways": "◆",
    "one way only": "○",
}
"""Signs of answers in the map of gaps: shapes, so that nothing rests on colour."""

HOLLOW = {"benefit": "△", "harm": "▽", "mixed": "◇", "none": "○"}
"""Signs where all findings conclude one thing, but none has a size."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the map of gaps: findings, sign, answer, its direction where there is one, and what is read aloud."""

    findings: int
    sign: str
    answer: str
    way: str
    said: str


@dataclass(frozen=True, slots=True)
class Body:
    """One body of evidence as the page of all of them prints it.

    Attributes:
        title: Its title.
        findings: What it says as a whole, in sentences.
        here: Evaluations of this study put together with what studies elsewhere found.
        map: The map of gaps as a drawing.
        outcomes: Columns of the map: title, and whether it is an outcome of connectedness.
        gaps: Rows of the map: strategy with its card, and its cells.
        cards: Cards: strategy, and its strongest answers in short.
        library: The page of all findings.
        count: How many findings it has.
    """

    title: str
    findings: tuple[str, ...]
    here: tuple[Here, ...]
    map: Markup
    outcomes: tuple[tuple[str, bool], ...]
    gaps: tuple[tuple[Link, tuple[Cell, ...]], ...]
    cards: tuple[tuple[Link, str], ...]
    library: Link
    count: int


def make_evidence(making: Making) -> None:
    """Write the page of evidence, a practice card for each strategy, and the page of all findings.

    Args:
        making: What pages are made of.
    """
    names = ("gap_map", "syntheses", "effects", "accounts", "studies", "findings", "impacts", "worths")
    tables = {name: records(making.found.read(name)) for name in names}
    bodies = []
    for id_ in making.study.synthesis:
        evidence = read_body(making, id_, tables)
        if not evidence.cells:
            continue
        for card in evidence.cards:
            making.put(card.path, "practice.html.j2", card=card, body=evidence, w=STRINGS["evidence"])
        making.put(
            evidence.library,
            "library.html.j2",
            body=evidence,
            rows=library_rows(evidence),
            w=STRINGS["evidence"],
        )
        bodies.append(_body(evidence, tables["findings"]))
    making.put("evidence/index.html", "evidence.html.j2", bodies=bodies, w=STRINGS["evidence"])


def _body(evidence: Evidence, findings: Sequence[Mapping[str, Any]]) -> Body:
    """Return one body of evidence for the page of all of them."""
    told = [row for row in findings if row["stage"] == "synthesis" and row["id"] == evidence.id]
    # Answers stand on the cards, and those of this study beside them; here stands what is true of the whole body.
    apart = {row["sentence"] for row in evidence.cells} | {one.sentence for one in evidence.here}
    by_cell = {(row["strategy"], row["outcome"]): row for row in evidence.cells}
    rows = tuple(
        (
            Link(card.title, card.path),
            tuple(_cell(by_cell.get((card.strategy, one))) for one in evidence.outcomes),
        )
        for card in evidence.cards
    )
    outcomes = tuple(evidence.outcomes.values())
    name = safe_name(evidence.id)
    return Body(
        title=evidence.title,
        findings=tuple(
            row["sentence"]
            for row in sorted(told, key=lambda row: row["position"])
            if row["sentence"] not in apart
        ),
        here=evidence.here,
        map=gap_drawing(
            f"gaps-{name}", evidence.title, outcomes, [(link.name, cells) for link, cells in rows]
        ),
        outcomes=outcomes,
        gaps=rows,
        cards=tuple((Link(card.title, card.path), card.short) for card in evidence.cards),
        library=Link(evidence.title, evidence.library),
        count=len(evidence.effects),
    )


RESULTS = ("benefit", "none", "mixed", "harm")
"""What findings conclude, by column of the map of gaps."""


def _cell(row: Mapping[str, Any] | None) -> Cell:
    """Return a cell of the map of gaps."""
    if row is None or not row["findings"]:
        return Cell(0, "", "", "", "")
    answer, words = row["answer"], STRINGS["evidence"]
    concluded = [name for name in RESULTS if row[name]]
    way = concluded[0] if answer == "one way only" and len(concluded) == 1 else ""
    said = answer
    if answer in ("one way only", "several ways"):
        said = ", ".join(f"{row[name]} {words[f'result_{name}']}" for name in concluded)
    sign = HOLLOW.get(way, SIGNS[answer])
    return Cell(int(row["findings"]), sign, answer, way, f"{said}; {row['strength']}")


# ---- drawings


def gap_drawing(
    name: str, title: str, outcomes: Sequence[tuple[str, bool]], rows: Sequence[tuple[str, Sequence[Cell]]]
) -> Markup:
    """Return the map of gaps: a mark for each pair that somebody has looked at, larger with more findings, shaped by the answer.

    Args:
        name: Prefix of ids; unique on the page.
        title: The body of evidence.
        outcomes: Columns: title, and whether it is an outcome of connectedness.
        rows: Strategies with a cell for each outcome.
    """
    width, height = max(NAMES + COLUMN * len(outcomes) + 60, WIDEST), TITLES + LINE * len(rows)
    end = NAMES + COLUMN * len(outcomes)
    drawn = []
    for i, (outcome, core) in enumerate(outcomes):
        x = NAMES + COLUMN * i
        if core:
            drawn.append(tag("rect", x=x, y=TITLES, width=COLUMN, height=height - TITLES, class_="gap-core"))
        turned = f"rotate(-55 {x + 22:.0f} {TITLES - 8:.0f})"
        drawn.append(tag("text", outcome, x=x + 22, y=TITLES - 8, class_="label", transform=turned))
    for k, (strategy, cells) in enumerate(rows):
        y = TITLES + LINE * k
        drawn.append(tag("path", d=f"M0,{y:.1f}H{end:.1f}", class_="grid"))
        drawn.append(tag("text", strategy, x=2, y=y + 25, class_="label"))
        for i, cell in enumerate(cells):
            if cell.findings:
                drawn += _mark(NAMES + COLUMN * (i + 0.5), y + LINE / 2, cell)
    looked = sum(bool(cell.findings) for _, cells in rows for cell in cells)
    told = STRINGS["evidence"]["map_said"].format(
        looked=looked, total=len(rows) * len(outcomes), empty=len(rows) * len(outcomes) - looked
    )
    return drawing(name, title, told, (width, height), drawn)


def _mark(x: float, y: float, cell: Cell) -> list[Markup]:
    """Return the mark of a cell: its shape says the answer, its size how many findings there are, its number stands beside it."""
    r = min(5.0 + 1.6 * cell.findings**0.5, 12.0)
    up = f"M{x - r:.1f},{y + r:.1f}L{x:.1f},{y - r:.1f}L{x + r:.1f},{y + r:.1f}Z"
    down = f"M{x - r:.1f},{y - r:.1f}L{x:.1f},{y + r:.1f}L{x + r:.1f},{y - r:.1f}Z"
    aside = f"M{x - r:.1f},{y:.1f}L{x:.1f},{y - r:.1f}L{x + r:.1f},{y:.1f}L{x:.1f},{y + r:.1f}Z"
    shapes = {
        "better": ("gap-better", up),
        "worse": ("gap-worse", down),
        "several ways": ("gap-mixed", aside),
        "benefit": ("gap-open", up),
        "harm": ("gap-open", down),
        "mixed": ("gap-open", aside),
    }
    number = tag("text", str(cell.findings), x=x + r + 1, y=y - r + 6, class_="tiny")
    if (kind := cell.way or cell.answer) in shapes:
        css, path = shapes[kind]
        return [tag("path", d=path, class_=css), number]
    css = "gap-mixed" if cell.answer == "no clear effect" else "gap-open"
    return [tag("circle", cx=x, cy=y, r=r, class_=css), number]
