"""The data model: every table that Wardmote keeps, declared once.

One declaration serves four readers: the runner checks every table against it before it is written and after it is read, the
data dictionary in ``docs/reference/tables.md`` is generated from it, the toy county draws from its constraints, and licences and
sensitivity are looked up in it.

Tables are long, one fact a row. In memory they are pandas data frames with Arrow types, on disk Parquet. A *part* is the piece of
a table that one stage made for one section of the study (``values`` of one source, ``scores`` of one index); a table is the
parts one below the other.

Words: an *area* is a code at a *level*; codes recur between vintages, so the key is always (level, area). A *node* is a branch or
leaf of an index tree. *Rank 1* is the greatest need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from wardmote.errors import InputError, MissingError, Problem

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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


def _text(name: str, meaning: str, *, required: bool = True, allowed: tuple[str, ...] = ()) -> Column:
    return Column(name, "text", meaning, required=required, allowed=allowed)


def _number(
    name: str, meaning: str, unit: str = "", *, low: float | None = None, high: float | None = None
) -> Column:
    return Column(name, "number", meaning, unit, low=low, high=high)


_LEVEL = _text("level", "level and vintage of the area, for instance lsoa21")
_AREA = _text("area", "official code of the area")
_INDEX = _text("index", "the index, as named in the study")
_NODE = _text("node", "the node of the index tree; the root is named as the index's recipe names it")
_ROUND = _text("round", "the funding round, as named in the study")
_RULES = _text("rules", "the set of rules: stated for the round's own, or what it is set beside")
_SOURCE = _text("source", "the source, as named in the study")
_SYNTHESIS = _text("synthesis", "the body of evidence, as named in the study")
_STRATEGY = _text("strategy", "what was done, a word of the taxonomy")
_OUTCOME = _text("outcome", "what may come of it, a word of the taxonomy")
ANSWERS = (
    "better", "worse", "no clear effect", "one way only", "several ways", "nobody has looked",
)  # fmt: skip
"""What the evidence on one strategy and outcome says; *one way* and *several ways* where findings have no size to pool."""

STRENGTHS = ("high", "moderate", "low", "very low", "no estimate", "no study")
"""Strength of evidence from most to least; see `wardmote.synthesis.strength`."""

_COMPONENT = _text(
    "component",
    "what varies: sampling error, choices of method, or both",
    allowed=("sampling", "method", "both"),
)
_COVERAGE = Column(
    "coverage", "number", "share of draws that the interval holds", required=True, low=0, high=1
)
_INTERVAL = (
    Column("rank_low", "whole", "rank nearest the greatest need in the interval", low=1),
    Column("rank_median", "whole", "middle rank", low=1),
    Column("rank_high", "whole", "rank farthest from the greatest need in the interval", low=1),
    _number(
        "p_greatest_need",
        "share of draws in the greatest-need share: a probability for sampling, a share of the tested choices for method",
        low=0,
        high=1,
    ),
)
_RANK = Column(
    "rank", "whole", "rank among all areas with a score; 1 is the greatest need, ties share the best", low=1
)
_DECILE = Column("decile", "whole", "tenth of areas; 1 is the greatest-need tenth", low=1, high=10)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "sources",
            "One source of data as it was read.",
            ("source",),
            (
                _SOURCE,
                _text("publisher", "who published it", required=False),
                _text("title", "its title", required=False),
                _text(
                    "address",
                    "where it was fetched from, or the user's file inside the study",
                    required=False,
                ),
                _text("licence", "licence under which the rows may be used", required=False),
                _text("access", "what may be published from it", allowed=ACCESS_ORDER),
                _text("vintage", "edition or period of the data", required=False),
                Column("retrieved", "date", "when the file was fetched"),
                _text("sha256", "checksum of the file as fetched", required=False),
                Column("rows_read", "whole", "rows in the file below its header", low=0),
                Column("rows_kept", "whole", "rows that became facts", low=0),
                _text("note", "what a reader must know about it", required=False),
            ),
            rows="meta",
        ),
        Table(
            "mendings",
            "One kind of mending that was done to one column of a source, with its count.",
            ("source", "column", "kind"),
            (
                _SOURCE,
                _text("column", "column of the file, or * for whole rows"),
                _text("kind", "what was found"),
                Column("cells", "whole", "how many cells or rows were mended", "cells", required=True, low=1),
                Column("first_row", "whole", "row of the file where it was first found, counted from 1"),
                _text("example", "what stood there", required=False),
                _text("sentence", "what was done, in words"),
            ),
            rows="meta",
        ),
        Table(
            "area_facts",
            "What one source says about one area.",
            ("source", "level", "area"),
            (
                _SOURCE,
                _LEVEL,
                _AREA,
                _text("name", "name of the area", required=False),
                _number("population", "usual residents", "people", low=0),
                _number("households", "households", "households", low=0),
            ),
            rows="raw",
        ),
        Table(
            "membership_facts",
            "What one source says about one area lying in another.",
            ("source", "level", "area", "parent_level", "parent"),
            (
                _SOURCE,
                _LEVEL,
                _AREA,
                _text("parent_level", "level of the larger or other area"),
                _text("parent", "code of the larger or other area"),
                _number("weight", "share of the area that lies in the parent", "share", low=0, high=1),
                _text("base", "what the share is a share of: areas, population, households", required=False),
            ),
            rows="raw",
        ),
        Table(
            "classes",
            "One area's class in one classification, for instance rural or urban.",
            ("scheme", "level", "area"),
            (
                _text("scheme", "the classification, for instance ruc21"),
                _LEVEL,
                _AREA,
                _text("class", "the class"),
                _SOURCE,
            ),
            rows="raw",
        ),
        Table(
            "areas",
            "One area at one level.",
            ("level", "area"),
            (
                _LEVEL,
                _AREA,
                _text("name", "name of the area", required=False),
                _number("population", "usual residents", "people", low=0),
                _number("households", "households", "households", low=0),
            ),
            rows="raw",
        ),
        Table(
            "memberships",
            "One area lying, wholly or in part, in another.",
            ("level", "area", "parent_level", "parent"),
            (
                _LEVEL,
                _AREA,
                _text("parent_level", "level of the larger or other area"),
                _text("parent", "code of the larger or other area"),
                _number(
                    "weight",
                    "share of the area that lies in the parent, 1 where nested",
                    "share",
                    low=0,
                    high=1,
                ),
                _text("base", "what the share is a share of", required=False),
            ),
            rows="raw",
        ),
        Table(
            "boundaries",
            "The shape of one area.",
            ("level", "area"),
            (_LEVEL, _AREA, Column("geometry", "shape", "polygon as WKB, EPSG:4326"), _SOURCE),
            rows="raw",
        ),
        Table(
            "indicators",
            "One measured thing. A revised edition is a new indicator.",
            ("indicator",),
            (
                _text("indicator", "the indicator's identifier"),
                _text("title", "its title"),
                _text("unit", "unit of its values", required=False),
                Column(
                    "direction",
                    "whole",
                    "1: higher means more need; -1: higher means less",
                    required=True,
                    low=-1,
                    high=1,
                ),
                _SOURCE,
                _text("derived_from", "indicators it was computed from, separated by spaces", required=False),
                _text("modelled", "yes where values are model estimates, not counts", required=False),
                _text("note", "definition and what a reader must know", required=False),
            ),
            rows="meta",
        ),
        Table(
            "values",
            "One value of one indicator for one area and period.",
            ("indicator", "level", "area", "period"),
            (
                _text("indicator", "the indicator"),
                _LEVEL,
                _AREA,
                _text("period", "period as ISO 8601: 2021, 2021-03, or 2019/2021"),
                _number("value", "the value, in the indicator's unit; null where missing"),
                _number("low", "lower end of the published 95% interval, same unit"),
                _number("high", "upper end of the published 95% interval, same unit"),
                _number("standard_error", "published standard error, same unit", low=0),
                _number("numerator", "count above the line of a rate", "count"),
                _number("denominator", "count below the line of a rate", "count", low=0),
                _text("status", "why a value is missing or special: suppressed, imputed", required=False),
            ),
            rows="raw",
        ),
        Table(
            "priorities",
            "How much weight people of one area give to one thing.",
            ("priority", "level", "area"),
            (
                _text("priority", "what is weighed: a node of an index"),
                _LEVEL,
                _AREA,
                _number("weight", "the weight, on the survey's own scale", low=0),
                _number("low", "lower end of its 95% interval"),
                _number("high", "upper end of its 95% interval"),
                _number("respondents", "people who answered", "people", low=0),
                _text("collected", "how it was collected", required=False),
                _SOURCE,
            ),
            rows="raw",
        ),
        Table(
            "nodes",
            "One branch or leaf of one index tree.",
            ("index", "node"),
            (
                _INDEX,
                _NODE,
                _text("parent", "node above it; null at the root", required=False),
                _text("title", "its title"),
                _number("weight", "weight in the parent as used, by which the node's score was multiplied"),
                Column("direction", "whole", "direction as used: 1 or -1", low=-1, high=1),
                _text("indicator", "the indicator of a leaf", required=False),
                _text("source", "the source of a leaf", required=False),
                _text("period", "the period of a leaf's values", required=False),
                Column("depth", "whole", "0 at the root", low=0),
                _text(
                    "status",
                    "used, or why it is left out",
                    allowed=("used", "no data", "left out", "screened"),
                ),
                _text("origin", "where the weight comes from: recipe, study, estimated, priorities"),
                Column("missing", "whole", "areas without a value before imputation", "areas", low=0),
                Column("imputed", "whole", "areas whose value was imputed", "areas", low=0),
                _text(
                    "higher", "whether a higher score means more need or better", allowed=("need", "better")
                ),
            ),
        ),
        Table(
            "scores",
            "One area's score on one node.",
            ("index", "level", "area", "node"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                _NODE,
                _number("score", "the node's value after all its steps, as it enters its parent"),
                _RANK,
                _DECILE,
                _number("value", "the node's value before it was normalised, in its own unit"),
            ),
        ),
        Table(
            "contributions",
            "How much one child node adds to the root's score of one area.",
            ("index", "level", "area", "node"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                _NODE,
                _number("contribution", "points of the root's score that come from the node"),
            ),
        ),
        Table(
            "adjustments",
            "One value that a step of an index imputed or treated.",
            ("index", "level", "area", "node", "step"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                _NODE,
                _text("step", "the step that did it"),
                _text("kind", "imputed or treated", allowed=("imputed", "treated")),
                _number("before", "value before the step"),
                _number("after", "value after the step"),
            ),
        ),
        Table(
            "summaries",
            "One summary of an index for one larger area.",
            ("index", "level", "area", "node", "measure"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                _NODE,
                _text(
                    "measure",
                    "which summary",
                    allowed=(
                        "average rank",
                        "average score",
                        "proportion",
                        "extent",
                        "local concentration",
                    ),
                ),
                _number("value", "the summary; of average rank and local concentration, higher is more need"),
                Column(
                    "rank",
                    "whole",
                    "rank among areas of the level; 1 is the greatest need, ties share the best",
                    low=1,
                ),
                Column("areas", "whole", "small areas that it is made of", "areas", low=0),
                _text("weighted_by", "the population that weighs it, or none"),
            ),
        ),
        Table(
            "similar",
            "One of the areas most alike to an area on chosen nodes.",
            ("index", "level", "area", "position"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                Column("position", "whole", "1 is the most alike", required=True, low=1),
                _text("other", "code of the other area"),
                _number("distance", "standardised Euclidean distance", "standard deviations", low=0),
            ),
        ),
        Table(
            "comparisons",
            "One area's rank under two sets of weights, side by side.",
            ("index", "beside", "level", "area"),
            (
                _INDEX,
                _text("beside", "the index that it is shown beside"),
                _LEVEL,
                _AREA,
                Column("rank", "whole", "rank in the index", low=1),
                Column("rank_beside", "whole", "rank in the other index", low=1),
                Column("enters", "flag", "in the greatest-need tenth of the index but not of the other"),
                Column("leaves", "flag", "in the greatest-need tenth of the other but not of the index"),
            ),
        ),
        Table(
            "draws",
            "One area's rank in every world that was drawn: draw k is the same world in every index of a study.",
            ("index", "level", "area"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                Column(
                    "ranks", "ranks", "rank in the first draws; 0 where there is no score or the draw failed"
                ),
                Column("rank", "whole", "rank without any uncertainty", low=1),
                _text("measure", "summary that was ranked; null at the index's own level", required=False),
                _number("share", "the greatest-need share of the next columns", low=0, high=1),
                Column("draws", "whole", "draws that the next columns hold", low=1),
                Column(
                    "inside_both",
                    "bits",
                    "whether it is in the share in each draw: eight a byte, the first highest",
                ),
                Column("inside_sampling", "bits", "the same where sampling error alone varies"),
                Column("inside_method", "bits", "the same where choices of method alone vary"),
            ),
        ),
        Table(
            "ranks",
            "Between which ranks one area lies, by what is uncertain and for one coverage.",
            ("index", "level", "area", "component", "coverage"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                _COMPONENT,
                _COVERAGE,
                *_INTERVAL,
            ),
        ),
        Table(
            "summary_ranks",
            "Between which values and ranks one larger area's summary lies.",
            ("index", "level", "area", "measure", "component", "coverage"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                _text("measure", "which summary"),
                _COMPONENT,
                _COVERAGE,
                _number("value_low", "lower end of the summary"),
                _number("value_median", "its middle"),
                _number("value_high", "upper end of the summary"),
                *_INTERVAL,
            ),
        ),
        Table(
            "rank_shares",
            "How much of the variance of one area's rank one factor drives.",
            ("index", "level", "area", "factor"),
            (
                _INDEX,
                _LEVEL,
                _AREA,
                _text("factor", "the factor, as its path in the study"),
                _number(
                    "share",
                    "the factor's total effect as a share of all factors' total effects; null where the rank never"
                    " changed",
                    low=0,
                    high=1,
                ),
            ),
        ),
        Table(
            "sensitivity",
            "How much of the variance of one output one factor drives.",
            ("index", "output", "factor"),
            (
                _INDEX,
                _text("output", "the output: mean rank shift, or the rank or greatest-need share of an area"),
                _text("factor", "the factor, as its path in the study"),
                _number("first_order", "share that the factor drives by itself (estimate: may fall below 0)"),
                _number("first_low", "lower end of its 90% bootstrap interval"),
                _number("first_high", "upper end of its 90% bootstrap interval"),
                _number("total_order", "share that is lost where the factor is fixed, interactions included"),
                _number("total_low", "lower end of its 90% bootstrap interval"),
                _number("total_high", "upper end of its 90% bootstrap interval"),
                Column("runs", "whole", "runs of the index that it rests on", low=1),
            ),
        ),
        Table(
            "factors",
            "What one factor of uncertainty does in one index.",
            ("index", "factor"),
            (
                _INDEX,
                _text("factor", "the factor, as its path in the study"),
                _text("title", "how pages call it"),
                _text(
                    "kind",
                    "weights, choice, leave_out, values",
                    allowed=("weights", "choice", "leave_out", "values"),
                ),
                _text("component", "what it belongs to", allowed=("sampling", "method")),
                _text("sentence", "what varies and how, in words"),
                Column("cells", "whole", "values that are drawn", "values", low=0),
                Column(
                    "without_error",
                    "whole",
                    "values of its indicators without any published error",
                    "values",
                    low=0,
                ),
            ),
        ),
        Table(
            "audit",
            "One test of the statistical audit of one index, on one of its parts.",
            ("index", "test", "item"),
            (
                _INDEX,
                _text("test", "the test"),
                _text("item", "what was tested: a node, two of them, or a node and another measure"),
                _text(
                    "result",
                    "what came out; not applicable where the test has nothing to look at, and the sentence says why",
                    allowed=("passed", "flagged", "not applicable"),
                ),
                _number("value", "the number that was tested; null where there is none"),
                _number("threshold", "the line that it was held against"),
                _text("sentence", "what was found, one plain sentence"),
                _number(
                    "beside",
                    "of a correlation: the other kind (by scores where value is by ranks)",
                    low=-1,
                    high=1,
                ),
            ),
        ),
        Table(
            "need",
            "One area under one definition of need.",
            ("definition", "level", "area"),
            (
                _text("definition", "the definition, as named in the study"),
                _LEVEL,
                _AREA,
                Column("deprivation_rank", "whole", "rank in deprivation; 1 is the greatest need", low=1),
                Column("community_rank", "whole", "rank in community need; 1 is the greatest need", low=1),
                Column("deprived", "flag", "in the greatest-need share of deprivation"),
                Column("community_need", "flag", "in the greatest-need share of community need"),
                _text(
                    "type",
                    "which of the two holds; null where a rank is missing",
                    required=False,
                    allowed=("both", "deprivation only", "community need only", "neither"),
                ),
                Column("doubly_disadvantaged", "flag", "in the greatest-need share of both"),
                Column(
                    "deprivation_distance",
                    "whole",
                    "places inside the threshold of deprivation; negative outside",
                    "places",
                ),
                Column(
                    "community_distance",
                    "whole",
                    "places inside the threshold of community need; negative outside",
                    "places",
                ),
                _number("population", "usual residents", "people", low=0),
                _number(
                    "p_doubly_disadvantaged",
                    "share of draws, choices and sampling error together, in which it is; null until uncertainty has run",
                    low=0,
                    high=1,
                ),
                _number(
                    "p_doubly_sampling",
                    "probability by modelled sampling error alone; null where none is modelled",
                    low=0,
                    high=1,
                ),
                _number(
                    "p_doubly_method",
                    "share of the tested choices under which it is; null where none were tested",
                    low=0,
                    high=1,
                ),
            ),
        ),
        Table(
            "awards",
            "What one area receives in one year under one set of rules.",
            ("round", "rules", "level", "area", "year"),
            (
                _ROUND,
                _RULES,
                _LEVEL,
                _AREA,
                _text("year", "the year, or all where awards are not cut into years"),
                Column("pounds", "whole", "whole pounds", "pounds", required=True, low=0),
                _text("price_year", "price year of the pounds; null where not stated", required=False),
            ),
        ),
        Table(
            "decisions",
            "Whether one area is funded under one set of rules, and what decided.",
            ("round", "rules", "level", "area"),
            (
                _ROUND,
                _RULES,
                _LEVEL,
                _AREA,
                Column("funded", "flag", "funded or not; null where lots are still to be drawn"),
                _text("decided_by", "the rule that decided"),
                _text("rule", "the group, exclusion or neighbour of that rule, in words", required=False),
                _number("score", "measure of need of the round; higher is more need"),
                _RANK,
                _number("population", "usual residents", "people", low=0),
                Column("pounds", "whole", "the award; null where not funded", "pounds", low=0),
                _number("line", "measure of need at the line that this area had to reach"),
                _number("margin", "its measure of need less the line's; negative outside", "as score"),
                Column("margin_rank", "whole", "the same in ranks; negative outside", "ranks"),
                _text("last_in", "code of the last area funded in its group", required=False),
                _text("first_out", "code of the first area not funded in its group", required=False),
                _text(
                    "flip",
                    "the smallest change of a rule, or correction of its data, that would turn the decision",
                ),
                _text("sentence", "the decision with its reason, in words"),
                Column("published", "flag", "on the list that was published; null where there is none"),
            ),
        ),
        Table(
            "fragility",
            "How firm one area's decision is over the worlds that were drawn.",
            ("round", "rules", "level", "area"),
            (
                _ROUND,
                _RULES,
                _LEVEL,
                _AREA,
                _number(
                    "p_funded",
                    "share of draws in which the same rules fund it; null without draws",
                    low=0,
                    high=1,
                ),
                _number(
                    "inclusion_probability",
                    "chance in the lottery; null where no lots are drawn",
                    low=0,
                    high=1,
                ),
                _text("standing", "how firm it is", allowed=("firm", "contested", "out")),
            ),
        ),
        Table(
            "rule_comparison",
            "One measure of what one set of rules reaches.",
            ("round", "rules", "measure"),
            (
                _ROUND,
                _RULES,
                _text("measure", "the measure, with its group after a colon"),
                _number("value", "its value"),
                _text("unit", "its unit", required=False),
                _text("topic", "what it belongs to", required=False),
                _text("title", "what pages call the set of rules", required=False),
                _text("sentence", "the same in words; null where the number says it", required=False),
            ),
        ),
        Table(
            "treatments",
            "One area that a programme supported, as declared.",
            ("programme", "level", "area"),
            (
                _text("programme", "the programme, as named in the study"),
                _LEVEL,
                _AREA,
                _text("start", "first supported period, ISO 8601"),
                _text("end", "last supported period; null where it goes on or is not known", required=False),
                _number("pounds", "pounds for the area, all years together", "£", low=0),
                Column("price_year", "whole", "price year of the pounds"),
                _text("led_by", "who led"),
                _text("note", "where this is stated, and what is not verified", required=False),
            ),
            rows="meta",
        ),
        Table(
            "comparators",
            "One area's part in the evaluation of a programme.",
            ("programme", "level", "area"),
            (
                _text("programme", "the programme"),
                _LEVEL,
                _AREA,
                _text(
                    "role",
                    "supported, comparison, or why it is neither",
                    allowed=(
                        "supported",
                        "comparison",
                        "excluded",
                        "too near",
                        "outside the pool",
                        "no outcome",
                    ),
                ),
                _number("weight", "weight in the matched comparison; null where none was made", low=0),
                _number(
                    "distance_km", "kilometres to the nearest supported area; null where unknown", "km", low=0
                ),
            ),
        ),
        Table(
            "balances",
            "How alike supported and comparison areas are in one covariate, before and after matching.",
            ("programme", "covariate", "method"),
            (
                _text("programme", "the programme"),
                _text("covariate", "the indicator"),
                _text("method", "how comparison areas were weighed", allowed=("matched", "weighted")),
                _number("supported", "mean of supported areas, in the indicator's unit"),
                _number("compared", "mean of all comparison areas"),
                _number("weighted", "mean of comparison areas by their weight"),
                _number("before", "difference of means in standard deviations of supported areas"),
                _number("after", "the same with weights"),
                _number("ratio", "variance of weighted comparison areas over that of supported ones", low=0),
            ),
        ),
        Table(
            "impacts",
            "One estimate of what a programme changed.",
            ("programme", "outcome", "estimator", "specification", "estimand", "group", "time"),
            (
                _text("programme", "the programme"),
                _text("outcome", "the outcome, an indicator"),
                _text("estimator", "how it was estimated"),
                _text("specification", "main, or what differs from the main specification"),
                _text(
                    "estimand",
                    "what it is averaged over: simple, group, dynamic, calendar, or group and time",
                ),
                _text("group", "start of the supported areas meant; all for every one"),
                _text("time", "periods since the start (+0, -1), a period, or all"),
                _number(
                    "effect", "the estimate, in the outcome's unit: supported less what they would have had"
                ),
                _number("standard_error", "its standard error; null where none is available", low=0),
                _number("low", "lower end of the 95% interval"),
                _number("high", "upper end of the 95% interval"),
                Column("n", "whole", "supported areas in it", "areas", low=0),
                Column("compared", "whole", "comparison areas in it", "areas", low=0),
                Column("better", "flag", "whether the estimate lies on the side of less need"),
                _text("unit", "unit of the outcome", required=False),
                _text(
                    "status", "whether it was declared before the run", allowed=("declared", "added", "check")
                ),
                _text("note", "limits of this estimate", required=False),
            ),
        ),
        Table(
            "impact_checks",
            "One test of how far an estimate can be trusted.",
            ("programme", "outcome", "test", "item"),
            (
                _text("programme", "the programme"),
                _text("outcome", "the outcome"),
                _text("test", "the test"),
                _text("item", "what it was applied to: a multiple, a ring, an area; all for the whole"),
                _text("result", "what it says", allowed=("passed", "flagged", "told", "not applicable")),
                _number("value", "the figure that is judged"),
                _number("low", "lower end of its interval"),
                _number("high", "upper end of its interval"),
                _number("threshold", "what it is judged by"),
                _text("sentence", "the result, one plain sentence"),
            ),
        ),
        Table(
            "worths",
            "One figure of what a programme's effect is worth, or one assumption behind it.",
            ("programme", "item"),
            (
                _text("programme", "the programme"),
                _text("item", "benefit, cost, ratio, net value, or the name of an assumption"),
                _number("value", "the figure"),
                _number("low", "lower end of its range: simulated 95% interval, or range of the assumption"),
                _number("high", "upper end of its range"),
                _text("unit", "its unit", required=False),
                _text(
                    "origin",
                    "calculated, default, or changed in the study",
                    allowed=("calculated", "default", "changed"),
                ),
                _text("source", "where an assumption is from", required=False),
                _text("meaning", "what it is"),
            ),
        ),
        Table(
            "studies",
            "One study or review of a body of evidence.",
            ("synthesis", "study"),
            (
                _SYNTHESIS,
                _text("study", "its short name; findings that share it are not independent"),
                _text("authors", "who wrote it", required=False),
                Column("year", "whole", "year of publication"),
                _text("title", "its title, short", required=False),
                _text("address", "DOI or address of the publication", required=False),
                _text("country", "where it was done", required=False),
                _text("place_type", "what kind of place", required=False),
                _text("library", "library or file that it comes from"),
                Column(
                    "findings",
                    "whole",
                    "findings taken from it; 0 for a record that is still to be read",
                    low=0,
                ),
            ),
        ),
        Table(
            "effects",
            "One quantitative finding of one study.",
            ("synthesis", "effect"),
            (
                _SYNTHESIS,
                _text("effect", "short name of the finding"),
                _text("study", "the study"),
                _STRATEGY,
                _OUTCOME,
                _text("intervention", "what was done", required=False),
                _text("population", "for whom", required=False),
                _text("design", "how it was compared"),
                _text("metric", "kind of effect as printed", required=False),
                _number("printed", "effect as printed, with its own sign"),
                _number("printed_low", "lower end of the printed 95% interval"),
                _number("printed_high", "upper end of the printed 95% interval"),
                Column("n", "whole", "people in it", "people", low=0),
                Column("k", "whole", "studies that a review pools", "studies", low=0),
                _text("result", "what the study concludes", allowed=("benefit", "none", "mixed", "harm")),
                _text("scale", "scale on which it can be pooled; null where there is none", required=False),
                _number("estimate", "effect on that scale, turned so that positive is better"),
                _number("standard_error", "its standard error on that scale", low=0),
                _text("how", "how effect and error were had"),
                _text("role", "what it can be used for", allowed=("study", "review")),
                _text("use", "how it was used, in words"),
                _text("risk_of_bias", "risk of bias", allowed=("low", "some", "high", "not assessed")),
                _text("seen", "how the figure was read: exact, abstract, secondary", required=False),
                _text(
                    "check",
                    "what must still be checked against the publication; null for nothing",
                    required=False,
                ),
                _text("address", "where the figure was read", required=False),
                _text("note", "what a reader must know", required=False),
            ),
        ),
        Table(
            "accounts",
            "One qualitative finding of one study, listed beside the numbers.",
            ("synthesis", "account"),
            (
                _SYNTHESIS,
                _text("account", "short name of the finding"),
                _text("study", "the study"),
                _STRATEGY,
                _OUTCOME,
                _text("finding", "what was found, in words"),
                _text("context", "where and for whom", required=False),
                _text("confidence", "how sure, as its compilers say", required=False),
                _text("check", "what must still be checked; null for nothing", required=False),
                _text("address", "where it was read", required=False),
            ),
        ),
        Table(
            "syntheses",
            "One pooled or published answer for one strategy and outcome. Positive is better.",
            ("synthesis", "strategy", "outcome", "model", "subgroup"),
            (
                _SYNTHESIS,
                _STRATEGY,
                _OUTCOME,
                _text("model", "how it was had: fixed, random, three-level, single study, published review"),
                _text("subgroup", "all, a subgroup, or the finding that a single study or review gives"),
                _text("scale", "scale of the effect"),
                _number("effect", "pooled effect, turned so that positive is better"),
                _number("standard_error", "its standard error", low=0),
                _number("low", "lower end of the 95% interval"),
                _number("high", "upper end of the 95% interval"),
                _number("df", "degrees of freedom of the interval; null for the normal distribution", low=0),
                _number(
                    "prediction_low", "lower end of where the true effect of a new study would lie (95%)"
                ),
                _number("prediction_high", "upper end of it"),
                _number("tau2", "variance of true effects between studies", low=0),
                _number("tau2_low", "lower end of its 95% interval", low=0),
                _number("tau2_high", "upper end of its 95% interval", low=0),
                _number("i2", "share of variability that is between studies", low=0, high=1),
                _number("q", "Cochran's Q", low=0),
                _number("q_p", "its p", low=0, high=1),
                Column("studies", "whole", "independent studies", "studies", low=0),
                Column("effects", "whole", "findings", "findings", low=0),
                _number("leave_low", "smallest pooled effect when one study is left out"),
                _number("leave_high", "largest pooled effect when one study is left out"),
                _number("egger_p", "p of Egger's test; null under ten studies", low=0, high=1),
                _number("trimmed", "pooled effect after trim and fill; null under ten studies"),
                _number(
                    "selected", "pooled effect by the three-parameter selection model; null under ten studies"
                ),
                Column("leads", "flag", "whether it is the answer that is told"),
                _text("note", "limits of this answer", required=False),
            ),
        ),
        Table(
            "gap_map",
            "What is known of one strategy and outcome, and where nobody has looked.",
            ("synthesis", "strategy", "outcome"),
            (
                _SYNTHESIS,
                _STRATEGY,
                _OUTCOME,
                Column("core", "flag", "whether it is an outcome of connectedness"),
                Column("studies", "whole", "studies, reviews among them", "studies", low=0),
                Column("reviews", "whole", "reviews among them", "reviews", low=0),
                Column("findings", "whole", "findings", low=0),
                Column("accounts", "whole", "qualitative findings", low=0),
                Column("benefit", "whole", "findings that conclude benefit", low=0),
                Column("none", "whole", "findings that conclude no effect", low=0),
                Column("mixed", "whole", "findings that are mixed", low=0),
                Column("harm", "whole", "findings that conclude harm", low=0),
                Column("unsized", "whole", "findings without any effect size", low=0),
                Column("unchecked", "whole", "findings that must still be checked", low=0),
                _text("answer", "what the leading answer says", allowed=ANSWERS),
                _text("strength", "strength of the evidence by the stated rule", allowed=STRENGTHS),
                _text("reasons", "why that strength, in words", required=False),
                _text("sentence", "the answer in one plain sentence"),
            ),
        ),
        Table(
            "findings",
            "One finding in words, with the number that it tells.",
            ("stage", "id", "position"),
            (
                _text("stage", "the stage that found it"),
                _text("id", "the section of the study that it belongs to"),
                Column("position", "whole", "its place in the order of telling", required=True, low=1),
                _text("sentence", "the finding, one plain sentence"),
                _number("value", "the number that it tells"),
                _number("low", "lower end of its interval; null where none is available"),
                _number("high", "upper end of its interval; null where none is available"),
                _text("source_table", "the table that it was read from"),
            ),
        ),
    )
}
"""All tables by name, in the order in which data flows through them."""


def table(name: str) -> Table:
    """Return the declaration of a table.

    Raises:
        MissingError: No table of that name is declared.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise MissingError(Problem(f"table {name}", "no such table", expected=", ".join(TABLES))) from None


def strictest(access: Iterable[str]) -> Access:
    """Return the strictest of several accesses; "open" where there is none.

    Unknown words count as private, since a licence that is not understood must not be widened.
    """
    order: dict[str, int] = {word: place for place, word in enumerate(ACCESS_ORDER)}
    return ACCESS_ORDER[max((order.get(word, len(ACCESS_ORDER) - 1) for word in access), default=0)]


@cache
def arrow_schema(name: str) -> pa.Schema:
    """Return the Arrow schema of a table, with units and meanings as field metadata."""
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "date": pa.string(),
        "number": pa.float64(),
        "whole": pa.int64(),
        "flag": pa.bool_(),
        "shape": pa.binary(),
        "ranks": pa.list_(pa.int32()),
        "bits": pa.binary(),
    }
    return pa.schema(
        [
            pa.field(
                column.name,
                types[column.kind],
                metadata={"meaning": column.meaning, "unit": column.unit},
            )
            for column in table(name).columns
        ]
    )


def empty(name: str) -> pd.DataFrame:
    """Return the table with all its columns and no rows."""
    return frame(name, {})


def frame(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a data frame of a table from its columns, with Arrow types and in the declared order.

    Declared columns that are not given become null; given columns that are not declared are kept at the end. NaN in number
    columns becomes null. Nothing is checked here but types: see `check`.

    Args:
        name: The table.
        columns: Arrays of one length by column name: NumPy, Arrow, pandas, lists; dictionary-encoded Arrow text is decoded.

    Raises:
        InputError: A column cannot be read as its declared type, or lengths differ.
    """
    import pandas as pd
    import pyarrow as pa

    schema = arrow_schema(name)
    length = next((len(value) for value in columns.values()), 0)
    arrays: dict[str, Any] = {}
    problems: list[Problem] = []
    for field in schema:
        if field.name not in columns:
            arrays[field.name] = pa.nulls(length, field.type)
            continue
        try:
            arrays[field.name] = _as_arrow(columns[field.name], field.type)
        except (
            pa.ArrowInvalid,
            pa.ArrowTypeError,
            pa.ArrowNotImplementedError,
            TypeError,
            ValueError,
        ) as error:
            problems.append(
                Problem(
                    f"table {name}, column {field.name}",
                    "values are not of the declared type",
                    got=str(error).splitlines()[0],
                    expected=str(field.type),
                )
            )
    for extra, value in columns.items():
        if extra not in arrays and extra not in schema.names:
            arrays[extra] = _as_arrow(value, None)
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1:
        problems.append(Problem(f"table {name}", "columns differ in length", got=str(sorted(lengths))))
    if problems:
        raise InputError(problems)
    result: pd.DataFrame = pa.table(arrays).to_pandas(types_mapper=pd.ArrowDtype)
    return result


def _as_arrow(value: Any, kind: pa.DataType | None) -> Any:
    """Return any array as one Arrow array of the kind; NaN becomes null."""
    import numpy as np
    import pyarrow as pa

    array = value
    if hasattr(array, "__arrow_array__"):
        array = array.__arrow_array__()
    if not isinstance(array, (pa.Array, pa.ChunkedArray)):
        # An object column from pandas may hold NaN for missing text: from_pandas reads that as null.
        array = pa.array(np.asarray(array) if not isinstance(array, list) else array, from_pandas=True)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if kind is not None and array.type != kind:
        array = array.cast(kind)
    if pa.types.is_floating(array.type):
        import pyarrow.compute as pc

        if pc.any(pc.is_nan(array)).as_py():
            array = pc.if_else(pc.is_nan(array), None, array)
    return array


def concat(name: str, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return several frames of one table one below the other; the empty table for none."""
    import pandas as pd

    parts = list(frames)
    if not parts:
        return empty(name)
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def check(name: str, data: pd.DataFrame, where: str = "") -> pd.DataFrame:
    """Return the frame with declared types and order, after every declared constraint held.

    Args:
        name: The table.
        data: The frame to check; extra columns are kept at the end.
        where: How to name the frame in errors; the table's name by default.

    Raises:
        InputError: Columns are missing, a key is empty or twice the same, or values break a constraint; all together.
    """
    place = where or f"table {name}"
    declared = table(name)
    absent = [
        column.name for column in declared.columns if column.required and column.name not in data.columns
    ]
    absent += [key for key in declared.key if key not in data.columns and key not in absent]
    if absent:
        raise InputError(
            Problem(
                place,
                "columns are missing",
                got=", ".join(map(str, data.columns)),
                expected=", ".join(absent),
            )
        )
    checked = frame(name, {str(column): data[column].array for column in data.columns})
    problems = [
        problem
        for column in declared.columns
        for problem in _column_problems(place, column, checked[column.name], column.name in declared.key)
    ]
    problems += _key_problems(place, declared, checked)
    if problems:
        raise InputError(problems)
    return checked


def _chunked(values: pd.Series[Any]) -> Any:
    """Return a column as a chunked Arrow array."""
    import pyarrow as pa

    array = values.array.__arrow_array__()
    # Wrapping what is chunked already would read it value by value: a hundred times slower.
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _column_problems(place: str, column: Column, values: pd.Series[Any], key: bool) -> list[Problem]:
    """Return what is wrong with one column, each problem with the first row where it stands."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(values):  # an empty chunked array loses its type below, and nothing can be wrong with no row
        return []
    array = _chunked(values)
    broken: list[tuple[str, Any]] = []
    if (column.required or key) and array.null_count:
        broken.append(("is empty", pc.is_null(array)))
    if column.low is not None:
        broken.append((f"is below {column.low:g}", pc.less(array, column.low)))
    if column.high is not None:
        broken.append((f"is above {column.high:g}", pc.greater(array, column.high)))
    if column.allowed:
        known = pc.is_in(array, value_set=pa.array(column.allowed))
        broken.append(("is not an allowed word", pc.and_(pc.invert(known), pc.is_valid(array))))
    problems = []
    for what, mask in broken:
        count = pc.sum(mask).as_py() or 0
        if count:
            row = pc.index(mask, True).as_py()
            problems.append(
                Problem(
                    f"{place}, column {column.name}, row {row + 1}",
                    f"the value {what} ({count} such rows)",
                    got=repr(array[row].as_py()),
                    expected=column.constraint or "a value, since it is part of the key",
                )
            )
    return problems


def _key_problems(place: str, declared: Table, data: pd.DataFrame) -> list[Problem]:
    """Return a problem where a key stands twice, naming the first such row."""
    import numpy as np
    import pyarrow as pa

    if len(data) < 2:
        return []
    # One integer per row from the dictionary codes of each key column: several times faster than comparing texts.
    code = np.zeros(len(data), dtype=np.int64)
    for key in declared.key:
        array = _chunked(data[key]).combine_chunks()
        encoded = array.dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        # A null key is reported by the column check; here it only must not collide with a code.
        codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
        code = code * (len(encoded.dictionary) + 1) + codes
    # Codes count up in the order of first appearance, so rows that stand in order need no sorting.
    if (code[1:] > code[:-1]).all():
        return []
    ordered = np.sort(code)
    if not (ordered[1:] == ordered[:-1]).any():
        return []
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    twice = counts > 1
    row = int(first[twice].min())
    return [
        Problem(
            f"{place}, row {row + 1}",
            f"the key stands more than once ({int(twice.sum())} such keys)",
            got=", ".join(f"{key} {data[key].iloc[row]}" for key in declared.key),
            expected="each key once",
        )
    ]
