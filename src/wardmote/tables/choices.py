"""Who is in need, who is funded, why, and how firmly."""

from __future__ import annotations

from wardmote.tables.model import AREA, LEVEL, RANK, ROUND, RULES, Column, Table, number_column, text_column

TABLES: tuple[Table, ...] = (
    Table(
        "need",
        "One area under one definition of need.",
        ("definition", "level", "area"),
        (
            text_column("definition", "the definition, as named in the study"),
            LEVEL,
            AREA,
            Column("deprivation_rank", "whole", "rank in deprivation; 1 is the greatest need", low=1),
            Column("community_rank", "whole", "rank in community need; 1 is the greatest need", low=1),
            Column("deprived", "flag", "in the greatest-need share of deprivation"),
            Column("community_need", "flag", "in the greatest-need share of community need"),
            text_column(
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
            number_column("population", "usual residents", "people", low=0),
            number_column(
                "p_doubly_disadvantaged",
                "share of draws, choices and sampling error together, in which it is; null until uncertainty has run",
                low=0,
                high=1,
            ),
            number_column(
                "p_doubly_sampling",
                "probability by modelled sampling error alone; null where none is modelled",
                low=0,
                high=1,
            ),
            number_column(
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
            ROUND,
            RULES,
            LEVEL,
            AREA,
            text_column("year", "the year, or all where awards are not cut into years"),
            Column("pounds", "whole", "whole pounds", "pounds", required=True, low=0),
            text_column("price_year", "price year of the pounds; null where not stated", required=False),
        ),
    ),
    Table(
        "decisions",
        "Whether one area is funded under one set of rules, and what decided.",
        ("round", "rules", "level", "area"),
        (
            ROUND,
            RULES,
            LEVEL,
            AREA,
            Column("funded", "flag", "funded or not; null where lots are still to be drawn"),
            text_column("decided_by", "the rule that decided"),
            text_column("rule", "the group, exclusion or neighbour of that rule, in words", required=False),
            number_column("score", "measure of need of the round; higher is more need"),
            RANK,
            number_column("population", "usual residents", "people", low=0),
            Column("pounds", "whole", "the award; null where not funded", "pounds", low=0),
            number_column("line", "measure of need at the line that this area had to reach"),
            number_column("margin", "its measure of need less the line's; negative outside", "as score"),
            Column("margin_rank", "whole", "the same in ranks; negative outside", "ranks"),
            text_column("last_in", "code of the last area funded in its group", required=False),
            text_column("first_out", "code of the first area not funded in its group", required=False),
            text_column(
                "flip",
                "the smallest change of a rule, or correction of its data, that would turn the decision",
            ),
            text_column("sentence", "the decision with its reason, in words"),
            Column("published", "flag", "on the list that was published; null where there is none"),
        ),
    ),
    Table(
        "fragility",
        "How firm one area's decision is over the worlds that were drawn.",
        ("round", "rules", "level", "area"),
        (
            ROUND,
            RULES,
            LEVEL,
            AREA,
            number_column(
                "p_funded",
                "share of draws in which the same rules fund it; null without draws",
                low=0,
                high=1,
            ),
            number_column(
                "inclusion_probability",
                "chance in the lottery; null where no lots are drawn",
                low=0,
                high=1,
            ),
            text_column("standing", "how firm it is", allowed=("firm", "contested", "out")),
        ),
    ),
    Table(
        "rule_comparison",
        "One measure of what one set of rules reaches.",
        ("round", "rules", "measure"),
        (
            ROUND,
            RULES,
            text_column("measure", "the measure, with its group after a colon"),
            number_column("value", "its value"),
            text_column("unit", "its unit", required=False),
            text_column("topic", "what it belongs to", required=False),
            text_column("title", "what pages call the set of rules", required=False),
            text_column("sentence", "the same in words; null where the number says it", required=False),
        ),
    ),
)
"""In the order in which data flows through them."""
