"""Where data come from, and how areas and levels hang together."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from wardmote.study.spec import Identifier, Spec


class LevelSpec(Spec):
    """``[level.ID]``: a level that Wardmote does not know, for another country or a council's own areas.

    Attributes:
        title: What one area of the level is called, for instance "neighbourhood".
        plural: The same for several.
        pattern: Regular expression that every code of the level matches, or "" for any.
        vintage: Year of the boundaries.
    """

    title: str
    plural: str = ""
    pattern: str = ""
    vintage: str = ""

    @field_validator("pattern")
    @classmethod
    def _readable(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"the pattern cannot be read ({error})|a regular expression|Correct it, or leave it out for any code."
            ) from None
        return pattern


class ColumnSpec(Spec):
    """One column of a user's file that holds an indicator.

    Attributes:
        indicator: Identifier that the indicator gets.
        title: Its title; the column's name by default.
        unit: Its unit.
        direction: 1 where higher means more need, -1 where higher means less.
        period: Period of the values, where it is not the source's.
        numerator, denominator, standard_error, low, high: Names of the columns that hold these for the same indicator.
        modelled: Whether the values are model estimates.
        note: Definition, and what a reader must know.
    """

    indicator: Identifier
    direction: Literal[-1, 1]
    title: str = ""
    unit: str = ""
    period: str = ""
    numerator: str = ""
    denominator: str = ""
    standard_error: str = ""
    low: str = ""
    high: str = ""
    modelled: bool = False
    note: str = ""


class SourceSpec(Spec):
    """``[sources.ID]``: one supplier's file, or an official set of the catalogue, or both.

    Attributes:
        use: Name in the catalogue: gives layout, licence and publisher.
        file: The user's file, relative to the study; says where, for a set of the catalogue too.
        kind: What the rows hold: values, areas (names, populations), memberships, boundaries, classes, priorities.
        level: Level of the codes in `area`.
        area: Column that holds area codes.
        name: Column that holds area names.
        population, households: Columns that hold these counts, for kind areas.
        parents: For kind memberships: column of parent codes by parent level.
        parent_names: Column of parent names by parent level.
        weight: Column with the share of the area that lies in the parent; 1 for all by default.
        layout: wide (one column an indicator) or long (one row a value).
        indicator_column, value_column, period_column: Columns of a long file.
        columns: What the columns of a wide file (or the indicator names of a long one) are.
        indicators: Which indicators of a catalogue set to take; all by default.
        period: Period of all values, ISO 8601.
        sheet: Sheet of a workbook, by name.
        header: Row of the header, counted from 1; found by itself by default.
        encoding: Text encoding; UTF-8 by default.
        suppressed: Further marks that mean a suppressed value.
        totals: What to do with rows of totals: refuse or drop (counted).
        duplicates: What to do with areas that stand twice: refuse, or drop where the rows are the same (counted).
        other_levels: What to do with rows of another level or vintage: refuse or drop (counted).
        licence: Licence of a user's file.
        access: What may be published from it.
        publisher, title, vintage, note: For the page.
    """

    use: str = ""
    file: str = ""
    kind: Literal["values", "areas", "memberships", "boundaries", "classes", "priorities"] = "values"
    level: Identifier | Literal[""] = ""
    area: str = ""
    name: str = ""
    population: str = ""
    households: str = ""
    parents: dict[Identifier, str] = Field(default_factory=dict)
    parent_names: dict[Identifier, str] = Field(default_factory=dict)
    weight: str = ""
    layout: Literal["wide", "long"] = "wide"
    indicator_column: str = ""
    value_column: str = ""
    period_column: str = ""
    columns: dict[str, ColumnSpec] = Field(default_factory=dict)
    indicators: list[Identifier] = Field(default_factory=list)
    period: str = ""
    sheet: str = ""
    header: int | None = Field(default=None, ge=1)
    encoding: str = ""
    suppressed: list[str] = Field(default_factory=list)
    totals: Literal["refuse", "drop"] = "refuse"
    duplicates: Literal["refuse", "drop identical"] = "refuse"
    other_levels: Literal["refuse", "drop"] = "refuse"
    licence: str = ""
    access: Literal["open", "derived-only", "private"] | None = None
    publisher: str = ""
    title: str = ""
    vintage: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.use and not self.file:
            raise ValueError("neither `use` nor `file` is given|one of them|Name an official set or a file.")
        if not self.use and not (self.level and self.area):
            raise ValueError(
                "a file of your own needs `level` and `area`|both|Name the level and the column of area codes."
            )
        return self


class AreasSpec(Spec):
    """``[areas]``: which source says what about areas.

    Attributes:
        names, population, households: Source to take each from, where several give it.
        within: Chains of nesting to follow, so that small areas know their larger ones: ``[["lsoa21", "lad24", "rgn24"]]``.
        only: Keep only areas whose code of this level starts with one of these texts: ``{lsoa21 = ["E"]}``.
    """

    names: str = ""
    population: str = ""
    households: str = ""
    within: list[list[Identifier]] = Field(default_factory=list)
    only: dict[Identifier, list[str]] = Field(default_factory=dict)


class ConversionSpec(Spec):
    """``[conversion.ID]``: values carried to another level or vintage. Nothing converts by itself.

    Attributes:
        indicators: What to carry.
        from_: Level that the values have (written ``from``).
        to: Level that they get.
        by: nested (each area lies in one parent), best-fit (each area goes to one parent, stated as approximate), weighted
            (each area is shared out by membership weights).
        measure: mean (rates and scores: a weighted mean) or sum (counts: shared out and added).
        weight: What weighs a mean: population, households, or equal.
        suffix: What is added to the indicator's identifier; "" keeps it, since the level tells them apart.
    """

    indicators: list[Identifier]
    from_: Identifier = Field(alias="from")
    to: Identifier
    by: Literal["nested", "best-fit", "weighted"]
    measure: Literal["mean", "sum"]
    weight: Literal["population", "households", "equal"] = "population"
    suffix: str = ""
