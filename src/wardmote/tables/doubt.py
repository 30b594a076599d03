"""How sure an index is: draws, intervals of rank, what drives them, and the audit."""

from __future__ import annotations

from wardmote.tables.model import (
    AREA,
    COMPONENT,
    COVERAGE,
    INDEX,
    INTERVAL,
    LEVEL,
    Column,
    Table,
    number_column,
    text_column,
)

TABLES: tuple[Table, ...] = (
    Table(
        "draws",
        "One area's rank in every world that was drawn: draw k is the same world in every index of a study.",
        ("index", "level", "area"),
        (
            INDEX,
            LEVEL,
            AREA,
            Column("ranks", "ranks", "rank in the first draws; 0 where there is no score or the draw failed"),
            Column("rank", "whole", "rank without any uncertainty", low=1),
            text_column("measure", "summary that was ranked; null at the index's own level", required=False),
            number_column("share", "the greatest-need share of the next columns", low=0, high=1),
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
            INDEX,
            LEVEL,
            AREA,
            COMPONENT,
            COVERAGE,
            *INTERVAL,
        ),
    ),
    Table(
        "summary_ranks",
        "Between which values and ranks one larger area's summary lies.",
        ("index", "level", "area", "measure", "component", "coverage"),
        (
            INDEX,
            LEVEL,
            AREA,
            text_column("measure", "which summary"),
            COMPONENT,
            COVERAGE,
            number_column(
                "value_low",
                "lower end of the summary; null for an average score where choices put scores on several scales",
            ),
            number_column("value_median", "its middle"),
            number_column("value_high", "upper end of the summary"),
            *INTERVAL,
        ),
    ),
    Table(
        "rank_shares",
        "How much of the variance of one area's rank one factor drives.",
        ("index", "level", "area", "factor"),
        (
            INDEX,
            LEVEL,
            AREA,
            text_column("factor", "the factor, as its path in the study"),
            number_column(
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
            INDEX,
            text_column(
                "output", "the output: mean rank shift, or the rank or greatest-need share of an area"
            ),
            text_column("factor", "the factor, as its path in the study"),
            number_column(
                "first_order", "share that the factor drives by itself (estimate: may fall below 0)"
            ),
            number_column("first_low", "lower end of its 90% bootstrap interval"),
            number_column("first_high", "upper end of its 90% bootstrap interval"),
            number_column(
                "total_order", "share that is lost where the factor is fixed, interactions included"
            ),
            number_column("total_low", "lower end of its 90% bootstrap interval"),
            number_column("total_high", "upper end of its 90% bootstrap interval"),
            Column("runs", "whole", "runs of the index that it rests on", low=1),
        ),
    ),
    Table(
        "factors",
        "What one factor of uncertainty does in one index.",
        ("index", "factor"),
        (
            INDEX,
            text_column("factor", "the factor, as its path in the study"),
            text_column("title", "how pages call it"),
            text_column(
                "kind",
                "weights, choice, leave_out, values",
                allowed=("weights", "choice", "leave_out", "values"),
            ),
            text_column("component", "what it belongs to", allowed=("sampling", "method")),
            text_column("sentence", "what varies and how, in words"),
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
            INDEX,
            text_column("test", "the test"),
            text_column("item", "what was tested: a node, two of them, or a node and another measure"),
            text_column(
                "result",
                "what came out; not applicable where the test has nothing to look at, and the sentence says why",
                allowed=("passed", "flagged", "not applicable"),
            ),
            number_column("value", "the number that was tested; null where there is none"),
            number_column("threshold", "the line that it was held against"),
            text_column("sentence", "what was found, one plain sentence"),
            text_column(
                "line_from",
                "where the line comes from: a publication, a custom of the field, a choice of ours, or one of this study",
            ),
            number_column(
                "beside",
                "of a correlation: the other kind (by scores where value is by ranks)",
                low=-1,
                high=1,
            ),
        ),
    ),
)
"""In the order in which data flows through them."""
