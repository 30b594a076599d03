"""What an index results in: its tree, scores, contributions, summaries, likenesses, comparisons."""

from __future__ import annotations

from wardmote.tables.model import (
    AREA,
    DECILE,
    INDEX,
    LEVEL,
    NODE,
    RANK,
    Column,
    Table,
    number_column,
    text_column,
)

TABLES: tuple[Table, ...] = (
    Table(
        "nodes",
        "One branch or leaf of one index tree.",
        ("index", "node"),
        (
            INDEX,
            NODE,
            text_column("parent", "node above it; null at the root", required=False),
            text_column("title", "its title"),
            number_column("weight", "weight in the parent as used, by which the node's score was multiplied"),
            Column("direction", "whole", "direction as used: 1 or -1", low=-1, high=1),
            text_column("indicator", "the indicator of a leaf", required=False),
            text_column("source", "the source of a leaf", required=False),
            text_column("period", "the period of a leaf's values", required=False),
            Column("depth", "whole", "0 at the root", low=0),
            text_column(
                "status",
                "used, or why it is left out",
                allowed=("used", "no data", "left out", "screened"),
            ),
            text_column("origin", "where the weight comes from: recipe, study, estimated, priorities"),
            Column("missing", "whole", "areas without a value before imputation", "areas", low=0),
            Column("imputed", "whole", "areas whose value was imputed", "areas", low=0),
            text_column(
                "higher", "whether a higher score means more need or better", allowed=("need", "better")
            ),
            number_column(
                "mean_contribution",
                "mean of its contributions over the areas that have all nodes of its branch, beside which those of one area are told; "
                "null where contributions are not defined",
                "points of the root's score",
            ),
        ),
    ),
    Table(
        "scores",
        "One area's score on one node.",
        ("index", "level", "area", "node"),
        (
            INDEX,
            LEVEL,
            AREA,
            NODE,
            number_column("score", "the node's value after all its steps, as it enters its parent"),
            RANK,
            DECILE,
            number_column("value", "the node's value before it was normalised, in its own unit"),
        ),
    ),
    Table(
        "contributions",
        "How much one child node adds to the root's score of one area.",
        ("index", "level", "area", "node"),
        (
            INDEX,
            LEVEL,
            AREA,
            NODE,
            number_column("contribution", "points of the root's score that come from the node"),
        ),
    ),
    Table(
        "adjustments",
        "One value that a step of an index imputed or treated.",
        ("index", "level", "area", "node", "step"),
        (
            INDEX,
            LEVEL,
            AREA,
            NODE,
            text_column("step", "the step that did it"),
            text_column("kind", "imputed or treated", allowed=("imputed", "treated")),
            number_column("before", "value before the step"),
            number_column("after", "value after the step"),
        ),
    ),
    Table(
        "summaries",
        "One summary of an index for one larger area.",
        ("index", "level", "area", "node", "measure"),
        (
            INDEX,
            LEVEL,
            AREA,
            NODE,
            text_column(
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
            number_column(
                "value", "the summary; of average rank and local concentration, higher is more need"
            ),
            Column(
                "rank",
                "whole",
                "rank among areas of the level; 1 is the greatest need, ties share the best",
                low=1,
            ),
            Column("areas", "whole", "small areas that it is made of", "areas", low=0),
            text_column("weighted_by", "the population that weighs it, or none"),
        ),
    ),
    Table(
        "similar",
        "One of the areas most alike to an area on chosen nodes.",
        ("index", "level", "area", "position"),
        (
            INDEX,
            LEVEL,
            AREA,
            Column("position", "whole", "1 is the most alike", required=True, low=1),
            text_column("other", "code of the other area"),
            number_column("distance", "standardised Euclidean distance", "standard deviations", low=0),
        ),
    ),
    Table(
        "comparisons",
        "One area's rank under two sets of weights, side by side.",
        ("index", "beside", "level", "area"),
        (
            INDEX,
            text_column("beside", "the index that it is shown beside"),
            LEVEL,
            AREA,
            Column("rank", "whole", "rank in the index", low=1),
            Column("rank_beside", "whole", "rank in the other index", low=1),
            Column("enters", "flag", "in the greatest-need tenth of the index but not of the other"),
            Column("leaves", "flag", "in the greatest-need tenth of the other but not of the index"),
        ),
    ),
)
"""In the order in which data flows through them."""
