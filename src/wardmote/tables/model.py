"""What a declaration is: columns and tables, and the columns that several tables share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wardmote.errors import MissingError, Problem

Kind = Literal["text", "number", "whole", "flag", "date", "shape", "ranks", "bits"]
Access = Literal["open", "derived-only", "private"]

ACCESS_ORDER: tuple[Access, ...] = ("open", "derived-only", "private")
"""From the freest to the strictest: what is made from several sources inherits the strictest of theirs."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name, as it stands in files.
        kind: text, number (64-bit float), whole (64-bit integer), flag (true or false), date (ISO 8601 text), shape
            (WKB bytes), ranks (a list of whole numbers), bits (packed flags).
        meaning: What a value says, in one sentence.
        unit: Unit of a number, or "" where it has none (or where another column states it).
        required: Whether null is refused.
        low: Smallest allowed number, or None.
        high: Largest allowed number, or None.
        allowed: The only allowed texts, or () for any.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    required: bool = False
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()

    @property
    def constraint(self) -> str:
        """The constraint in words, for documents and errors; "" where there is none."""
        parts = ["never empty"] if self.required else []
        if self.allowed:
            parts.append("one of " + ", ".join(self.allowed))
        if self.low is not None and self.high is not None:
            parts.append(f"from {self.low:g} to {self.high:g}")
        elif self.low is not None:
            parts.append(f"at least {self.low:g}")
        elif self.high is not None:
            parts.append(f"at most {self.high:g}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its key and columns, and whether it may ever be published.

    Attributes:
        name: Its name.
        meaning: What one row is, in one sentence.
        key: The columns that together name a row; never empty and never twice the same.
        columns: All columns in their order, keys first.
        sensitive: Whether rows speak of persons: such a table is never published and ``explain`` stops at it.
        rows: What the rows are to licences. "raw" rows repeat what a supplier published, "derived" rows were computed,
            "meta" rows describe. A source with access ``derived-only`` forbids publishing raw rows only.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    sensitive: bool = False
    rows: Literal["raw", "derived", "meta"] = "derived"

    def column(self, name: str) -> Column:
        """Return the declared column of that name.

        Raises:
            MissingError: The table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise MissingError(Problem(f"table {self.name}", "no such column", got=name))


def text_column(name: str, meaning: str, *, required: bool = True, allowed: tuple[str, ...] = ()) -> Column:
    """Return a column of text, never empty unless said."""
    return Column(name, "text", meaning, required=required, allowed=allowed)


def number_column(
    name: str, meaning: str, unit: str = "", *, low: float | None = None, high: float | None = None
) -> Column:
    """Return a column of numbers, which may be null."""
    return Column(name, "number", meaning, unit, low=low, high=high)


LEVEL = text_column("level", "level and vintage of the area, for instance lsoa21")
AREA = text_column("area", "official code of the area")
INDEX = text_column("index", "the index, as named in the study")
NODE = text_column("node", "the node of the index tree; the root is named as the index's recipe names it")
ROUND = text_column("round", "the funding round, as named in the study")
RULES = text_column("rules", "the set of rules: stated for the round's own, or what it is set beside")
SOURCE = text_column("source", "the source, as named in the study")
SYNTHESIS = text_column("synthesis", "the body of evidence, as named in the study")
STRATEGY = text_column("strategy", "what was done, a word of the taxonomy")
OUTCOME = text_column("outcome", "what may come of it, a word of the taxonomy")
ANSWERS = (
    "better", "worse", "no clear effect", "one way only", "several ways", "nobody has looked",
)  # fmt: skip
"""What the evidence on one strategy and outcome says; *one way* and *several ways* where findings have no size to pool."""

STRENGTHS = ("high", "moderate", "low", "very low", "no estimate", "no study")
"""Strength of evidence from most to least; see `wardmote.synthesis.strength`."""

COMPONENT = text_column(
    "component",
    "what varies: sampling error, choices of method, or both",
    allowed=("sampling", "method", "both"),
)
COVERAGE = Column(
    "coverage", "number", "share of draws that the interval holds", required=True, low=0, high=1
)
INTERVAL = (
    Column("rank_low", "whole", "rank nearest the greatest need in the interval", low=1),
    Column("rank_median", "whole", "middle rank", low=1),
    Column("rank_high", "whole", "rank farthest from the greatest need in the interval", low=1),
    number_column(
        "p_greatest_need",
        "share of draws in the greatest-need share: a probability for sampling, a share of the tested choices for method",
        low=0,
        high=1,
    ),
)
RANK = Column(
    "rank", "whole", "rank among all areas with a score; 1 is the greatest need, ties share the best", low=1
)
DECILE = Column("decile", "whole", "tenth of areas; 1 is the greatest-need tenth", low=1, high=10)
