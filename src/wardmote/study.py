"""What a study intends: one frozen record for each section of ``study.toml``, read and checked at once.

A study is a folder with a ``study.toml`` under version control. `read_study` turns the file into a `Study` or raises one
`StudyError` that lists every problem with the line where it stands; nothing is run before that. A what-if is
``dataclasses.replace`` in spirit: ``spec.model_copy(update=…)`` and the same call again.

Words: a *section* is ``[kind.ID]``; the ID names its results in every table. A *step* is one entry of an index's ordered list; a
step may occur twice and has an ``id`` of its own, so that an override or an uncertainty factor can point at it.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from wardmote.errors import MissingError, Problem, StudyError

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""Name of a section, a step or a node: small letters, digits, dots, hyphens, underscores."""

Measure = Literal["average rank", "average score", "proportion", "extent", "local concentration"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
"""The five summaries of the English indices, in the order in which they are shown."""

On = str | list[str]


class Spec(BaseModel):
    """The root of all records: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class StudySection(Spec):
    """``[study]``: who and what.

    Attributes:
        id: Short name of the study.
        title: Its title, as pages print it.
        seed: Seed of every random choice, 0 or more; the same seed gives the same results.
        levels: Levels from the smallest areas to the largest.
        description: One paragraph for the first page.
    """

    id: Identifier
    title: str
    seed: int = Field(default=0, ge=0)
    levels: list[Identifier] = Field(default_factory=list)
    description: str = ""


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


class NodeSpec(Spec):
    """One branch or leaf of an index tree.

    Attributes:
        node: Its name.
        parent: The node above it; "" at the root.
        title: Its title.
        weight: Its weight in the parent.
        indicator: The indicator of a leaf; the node's own name by default.
        direction: Overrides the indicator's direction, or orients a branch: 1 or -1.
        period: Period of the values to take; the only one by default.
        note: Definition, and what a reader must know.
    """

    node: Identifier
    parent: str = ""
    title: str = ""
    weight: float = 1.0
    indicator: str = ""
    direction: Literal[-1, 1] | None = None
    period: str = ""
    note: str = ""


class StepSpec(Spec):
    """What all steps share.

    Attributes:
        id: Name of the step.
        on: Nodes that it works on: "leaves", "branches", "root", "depth N", "children of NODE", "leaves of NODE", or a list
            of such words and node names.
        per: Parameters for single nodes, by node: ``{goods = {target = 5}}``; they override the step's own.
    """

    id: Identifier
    on: On
    per: dict[str, dict[str, Any]] = Field(default_factory=dict)


class DenominateStep(StepSpec):
    """Divide by an indicator: ``x / (denominator / scale)``."""

    do: Literal["denominate"]
    by: str
    scale: float = Field(default=1.0, gt=0)


class ScreenStep(StepSpec):
    """Leave out what has too few values: areas (their scores become missing) or leaves (they leave the tree)."""

    do: Literal["screen"]
    what: Literal["areas", "leaves"]
    min_available: float = Field(ge=0, le=1)


class ImputeStep(StepSpec):
    """Fill missing values; each is flagged."""

    do: Literal["impute"]
    method: Literal["mean", "median", "group-mean", "group-median", "parent", "neighbours", "constant"]
    within: str = ""
    value: float | None = None


class TreatStep(StepSpec):
    """Tame outliers and skew."""

    do: Literal["treat"]
    method: Literal["skew-kurt", "winsorise", "log-ct", "log-ct-plus", "log-ct-orig", "log-gii", "box-cox"]
    winmax: int | None = Field(default=None, ge=0)
    max_skew: float | None = Field(default=None, gt=0)
    max_kurt: float | None = Field(default=None, gt=0)
    lam: float | None = None
    then: str = ""


class ShrinkStep(StepSpec):
    """Draw uncertain rates towards their larger area's rate (empirical Bayes on the logit)."""

    do: Literal["shrink"]
    method: Literal["empirical-bayes"] = "empirical-bayes"
    towards: Identifier


class NormaliseStep(StepSpec):
    """Put nodes on one scale, oriented by their direction."""

    do: Literal["normalise"]
    method: Literal[
        "minmax",
        "zscore",
        "rank",
        "percentile-rank",
        "borda",
        "rank-normal",
        "exponential",
        "distance-to-max",
        "distance-to-reference",
        "distance-to-target",
        "fraction-of-max",
        "goalposts",
        "none",
    ]
    lower: float | None = None
    upper: float | None = None
    mean: float | None = None
    sd: float | None = Field(default=None, gt=0)
    low: float | None = None
    high: float | None = None
    scale: float | None = None
    truncate: bool | None = None
    target: float | None = None
    reference: str = ""
    cap: bool | None = None
    missing: Literal["missing", "middle"] = "missing"


class WeighStep(StepSpec):
    """Set the weights of the children of the nodes in `on`."""

    do: Literal["weigh"]
    method: Literal["given", "equal", "pca", "factor", "balanced", "priorities"]
    weights: dict[str, float] = Field(default_factory=dict)
    source: str = ""
    area: str = ""


class AggregateStep(StepSpec):
    """Compute the nodes in `on` from their children."""

    do: Literal["aggregate"]
    method: Literal[
        "arithmetic", "geometric", "harmonic", "generalised", "mazziotta-pareto", "sum", "copeland"
    ]
    power: float | None = None
    sign: Literal[-1, 1] | None = None
    min_available: float | None = Field(default=None, ge=0, le=1)
    missing: Literal["missing", "skip"] | None = None
    max_areas: int | None = Field(default=None, ge=2)


Step = Annotated[
    DenominateStep
    | ScreenStep
    | ImputeStep
    | TreatStep
    | ShrinkStep
    | NormaliseStep
    | WeighStep
    | AggregateStep,
    Field(discriminator="do"),
]


class SummariseSpec(Spec):
    """Which summaries larger areas get.

    Attributes:
        levels: Levels to summarise at.
        measures: Which; all five by default.
        nodes: Which nodes; the root by default.
        population: Indicator that weighs, or "population" of the areas table.
        population_note: How the page describes that population.
    """

    levels: list[Identifier] = Field(default_factory=list)
    measures: list[Measure] = Field(default_factory=lambda: list(MEASURES))
    nodes: list[str] = Field(default_factory=list)
    population: str = "population"
    population_note: str = ""


class SimilarSpec(Spec):
    """How areas most alike are found: on which nodes, and how many."""

    on: On = "children of root"
    count: int = Field(default=0, ge=0, le=100)


class IndexSpec(Spec):
    """``[index.ID]``: a recipe by name, or a tree and steps of one's own.

    Beside a recipe, each setting of the study takes the place of the recipe's. Of the tables ``summarise``, ``similar``, ``indicators``
    and ``overrides`` this goes key by key: what the study does not say stays as the recipe has it.

    Attributes:
        recipe: Name of a recipe that comes with Wardmote, or a TOML file in the study.
        title: Title; the recipe's by default.
        description: What it measures.
        reference: Where the method is published.
        level: Level that it is built at.
        higher: Whether a higher score means more need or better.
        tree: All nodes.
        steps: What is done, in order.
        overrides: Changes to a recipe, by typed path: ``weights.NODE``, ``steps.ID.FIELD``, ``leave_out.NODE``.
        indicators: Another indicator for a leaf, by node.
        no_data: What to do with leaves that have no data: refuse, or leave out (and say so).
        summarise: Summaries for larger areas.
        similar: Areas most alike.
        beside: An index to compare with, for instance the same under residents' weights.
    """

    recipe: str = ""
    title: str = ""
    description: str = ""
    reference: str = ""
    level: Identifier | Literal[""] = ""
    higher: Literal["need", "better"] = "need"
    tree: list[NodeSpec] = Field(default_factory=list)
    steps: list[Step] = Field(default_factory=list)
    overrides: dict[str, Any] = Field(default_factory=dict)
    indicators: dict[str, str] = Field(default_factory=dict)
    no_data: Literal["refuse", "leave out"] = "refuse"
    summarise: SummariseSpec = Field(default_factory=SummariseSpec)
    similar: SimilarSpec = Field(default_factory=SimilarSpec)
    beside: str = ""


class FactorSpec(Spec):
    """One thing that is uncertain, named by a typed path.

    ``weights.NODE``, ``weights.children of NODE``: with `spread`, `concentration` or `between`.
    ``steps.ID.FIELD``, ``steps.ID``: with `choices` and `p`; a choice of a whole step is a table of its fields.
    ``leave_out.NODE``, ``leave_out.children of NODE``: with `p`; at most one of them at a time.
    ``values.INDICATOR``, ``values.children of NODE`` and so on: with `error`.

    Attributes:
        path: What varies.
        index: The only index of the section in which it varies; all that have it by default.
        title: How pages call it.
        spread: Each weight is drawn evenly from ± this share of itself, then all are scaled back to their sum.
        concentration: Weights are drawn from a Dirichlet distribution round those of the index; higher is tighter.
        between: Two sets of weights to draw between, evenly: "official" and a source of priorities.
        area: Area whose priorities are meant, where the source holds several.
        choices: Values of the field, or tables of fields; a table that names a method says all of its settings.
        p: Probability of each choice, summing to 1 (even by default); of a leave_out, the probability that one is left out.
        error: What the published figures allow to be drawn: binomial, poisson, beta-binomial (counts), standard-error,
            interval (published), or sd (given here).
        numerator, denominator: Where the counts are: an indicator, or "population" for the denominator; by default the
            columns numerator and denominator of the indicator's own values.
        approximate: Whether the denominator is not the published rate's own; pages then say so.
        through: For an index built on published ranks: the indicator of the rate that was ranked.
        sd: Standard deviation of the error, in the indicator's unit, for error sd.
        clustering: How alike people of one area are, for error beta-binomial: above 0, below 1.
        coverage: Coverage of the published interval, for error interval.
        group: Indicators of one group have correlated errors.
        correlation: That correlation, 0 to 1.
    """

    path: str
    index: str = ""
    title: str = ""
    spread: float | None = Field(default=None, gt=0, lt=1)
    concentration: float | None = Field(default=None, gt=0)
    between: list[str] = Field(default_factory=list)
    area: str = ""
    choices: list[Any] = Field(default_factory=list)
    p: float | list[float] | None = None
    error: Literal["binomial", "poisson", "beta-binomial", "standard-error", "interval", "sd"] | None = None
    numerator: str = ""
    denominator: str = ""
    approximate: bool = False
    through: str = ""
    sd: float | None = Field(default=None, ge=0)
    clustering: float | None = Field(default=None, gt=0, lt=1)
    coverage: float = Field(default=0.95, gt=0, lt=1)
    group: str = ""
    correlation: float | None = Field(default=None, ge=0, le=1)


class CorrelationSpec(Spec):
    """A stated matrix of correlations between the errors of some indicators."""

    indicators: list[str]
    matrix: list[list[float]]


class UncertaintySpec(Spec):
    """``[uncertainty.ID]``: what is uncertain in one or several indices, and how much of it is to be found out.

    Attributes:
        index: The index, or several: draw k is the same world in all of them.
        draws: Worlds to draw.
        factors: What varies.
        correlations: Correlations between errors of indicators.
        keep: Draws whose ranks are kept for later stages, each of them a file of two bytes an area; of the others it is kept
            whether each area was in the greatest-need share.
        share: Share of areas that counts as greatest need.
        summarise: Measures of larger areas that get intervals, at the levels that the index summarises.
        sensitivity: Rows of the design that finds which factor drives what (a power of two); 0 for none.
        areas: Areas whose rank and whose place in the greatest-need share are outputs of that design.
        title: What the page calls it.
    """

    index: str | list[str]
    draws: int = Field(default=1000, ge=2, le=100_000)
    factors: list[FactorSpec] = Field(min_length=1)
    correlations: list[CorrelationSpec] = Field(default_factory=list)
    keep: int = Field(default=200, ge=2)
    share: float = Field(default=0.1, gt=0, lt=1)
    summarise: list[Literal["average score", "average rank", "proportion"]] = Field(
        default_factory=lambda: ["average score"]  # type: ignore[arg-type]  # a list of one of its literals
    )
    sensitivity: int = Field(default=0, ge=0)
    areas: list[str] = Field(default_factory=list)
    title: str = ""

    @property
    def indices(self) -> tuple[str, ...]:
        """The indices, in order."""
        return (self.index,) if isinstance(self.index, str) else tuple(self.index)


class AuditLimits(Spec):
    """The lines that an audit draws. Each is a custom of the field or a stated choice; a study may draw its own.

    Attributes:
        available: Least share of values that an indicator, and an area that is ranked, should have: 65%, as the JRC asks for in its
            COIN Tool.
        skewness: Skewness above which a few areas may dominate an indicator, if its kurtosis is high too: 2, as the JRC's audits
            and COINr have it.
        kurtosis: Excess kurtosis that goes with it: 3.5, from the same.
        outliers: Share of values that may lie far outside the quartiles: 1%, a choice; of normal values two in a million do.
        weak: Correlation below which parts of one whole hardly measure one thing: 0.3, as the JRC's audits have it.
        redundant: Correlation above which two parts say the same twice: 0.92, as the JRC's audits have it.
        opposed: Correlation below which one measure runs against another: −0.1. A correlation within ±0.1 is not told from none:
            it is what Cohen (1988, p. 79) calls small.
        dimensions: Most eigenvalues above 1 that the parts of one whole should have: 1 (Kaiser 1960).
        reliability: Least Cronbach's alpha: 0.7 (Nunnally 1978, p. 245).
        influence: Times by which a part's share of the influence may exceed its share of the weight, or fall short of it: 2, a
            choice: half or double of what was said.
        rank_shift: Mean move of areas, as a share of all areas, above which an index hangs on one part: 0.1, a choice: a tenth.
        tenth: Share of the greatest-need areas that may change where one part is left out: 0.25, a choice: one in four.
        driver: Share of the variance of ranks above which one factor drives them: 0.5, a choice: more than all others together.
        deciles: Deciles that an area's 90% interval of ranks may span: 2, a choice.
        wide: Share of areas whose interval may span more: 0.25, a choice: one in four.
        added: Rank correlation of an index with one of its domains above which it adds little to that domain: 0.92, as `redundant`.
    """

    available: float = Field(default=0.65, ge=0, le=1)
    skewness: float = Field(default=2.0, gt=0)
    kurtosis: float = Field(default=3.5, gt=0)
    outliers: float = Field(default=0.01, ge=0, le=1)
    weak: float = Field(default=0.3, ge=-1, le=1)
    redundant: float = Field(default=0.92, ge=-1, le=1)
    opposed: float = Field(default=-0.1, ge=-1, le=1)
    dimensions: int = Field(default=1, ge=1)
    reliability: float = Field(default=0.7, le=1)
    influence: float = Field(default=2.0, gt=1)
    rank_shift: float = Field(default=0.1, gt=0, le=1)
    tenth: float = Field(default=0.25, ge=0, le=1)
    driver: float = Field(default=0.5, ge=0, le=1)
    deciles: float = Field(default=2.0, gt=0, le=10)
    wide: float = Field(default=0.25, ge=0, le=1)
    added: float = Field(default=0.92, ge=-1, le=1)


class AuditSpec(Spec):
    """``[audit.ID]``: the statistical audit of one index.

    Attributes:
        index: The index.
        against: Other indices of the study, or indicators at the index's level, that its domains should not run against.
        classes: Classification of areas, for instance ruc21-rural: links to other measures are looked at inside each class too.
        by: What correlations are judged by: ranks (Spearman) or scores (Pearson); the other one is told beside.
        share: Share of areas that counts as greatest need.
        limits: The lines that it draws.
    """

    index: Identifier
    against: list[str] = Field(default_factory=list)
    classes: str = ""
    by: Literal["ranks", "scores"] = "ranks"
    share: float = Field(default=0.1, gt=0, lt=1)
    limits: AuditLimits = Field(default_factory=AuditLimits)


class NeedSpec(Spec):
    """``[need.ID]``: a definition of double disadvantage.

    Attributes:
        deprivation: The index of deprivation.
        community: The index of community need.
        share: Share of areas with the greatest need in each (10% unless stated).
        level: Level; the indices' own by default. At a higher level the summaries are ranked by `measure`.
        measure: Summary to use at a higher level.
        title: What the page calls an area that has both.
    """

    deprivation: Identifier
    community: Identifier
    share: float = Field(default=0.1, gt=0, lt=1)
    level: Identifier | Literal[""] = ""
    measure: Measure = "average score"
    title: str = "doubly disadvantaged"


class PartSpec(Spec):
    """One thing in a round's measure of need: the score of an index, or an indicator of the table `values`.

    Attributes:
        index: The index; at a level above its own, its summary by `measure`.
        indicator: The indicator, at the round's level, oriented so that higher is more need.
        measure: Summary of the index to use at a higher level.
        period: Period of the indicator; the only one by default.
        weight: Its weight beside the other parts.
    """

    index: str = ""
    indicator: str = ""
    measure: Measure = "average score"
    period: str = ""
    weight: float = 1.0


class ListSpec(Spec):
    """A list of areas, or of larger areas, and which areas of the round it holds.

    Attributes:
        title: What explanations call it.
        areas: Codes (or names) written here.
        register_: A list that comes with Wardmote (written ``register``).
        file: A CSV file in the study.
        column: Its column; several in one cell stand apart by ``|``.
        match: Whether the cells are codes or names.
        level: Level of what is listed; the round's own by default. Of a larger level, all areas that lie in it are held.
        same: Areas that share a larger area of this level with a listed one are held too.
        round: Places funded by another round of the study.
        note: What a reader must know of the list.
    """

    title: str = ""
    areas: list[str] = Field(default_factory=list)
    register_: str = Field(default="", alias="register")
    file: str = ""
    column: str = ""
    match: Literal["code", "name"] = "code"
    level: Identifier | Literal[""] = ""
    same: Identifier | Literal[""] = ""
    round: str = ""
    note: str = ""


class GroupSpec(Spec):
    """Caps and minimums by group.

    Attributes:
        by: Level of the larger areas that are the groups, or a scheme of the table `classes`.
        cap: Most for every group; None for no cap.
        minimum: Least for every group; None for no minimum.
        caps, minimums: For single groups, by code or class; they override.
        count: Whether places or pounds are counted.
        title: What explanations call one group; the level's title by default.
    """

    by: Identifier
    cap: int | None = None
    minimum: int | None = None
    caps: dict[str, int] = Field(default_factory=dict)
    minimums: dict[str, int] = Field(default_factory=dict)
    count: Literal["places", "pounds"] = "places"
    title: str = ""


class AwardSpec(Spec):
    """What a funded place receives, in whole pounds.

    Attributes:
        pounds: The same for every place.
        by: Or by a quantity: population, households, need, "need x population", or an indicator.
        rate: Pounds for one unit of the quantity: ``base + rate · quantity`` between floor and ceiling.
        base: Pounds for every place, beside the rate.
        floor, ceiling: Least and greatest award; ceiling None for none.
        share: Instead of a rate: the whole budget shared in proportion to the quantity, to the last pound.
    """

    pounds: int | None = None
    by: str = ""
    rate: float | None = None
    base: int = 0
    floor: int = 0
    ceiling: int | None = None
    share: bool = False


class ObjectiveSpec(Spec):
    """What the best choice is best at; need is put between 0 (least) and 1 (greatest) first.

    Attributes:
        value: What a funded place is worth: need x population, need, population.
        equity: Weights for those in greater need: none, atkinson (a ratio scale) or kolm (differences).
        aversion: Aversion to inequality of these weights.
        first: Above all: as many people of the greatest-need share as can be, then the rest.
        parts: Lexicographic max–min over the larger areas of this level: the least-served comes first.
    """

    value: Literal["need x population", "need", "population"] = "need x population"
    equity: Literal["none", "atkinson", "kolm"] = "none"
    aversion: float = 1.0
    first: Literal["", "greatest need"] = ""
    parts: Identifier | Literal[""] = ""


class LotterySpec(Spec):
    """How lots are drawn at the line.

    Attributes:
        public: The public randomness, as it was published; "" until it is known.
        announced: What it will be, named before the draw: "the National Lottery numbers of 3 June 2026".
        low, high: With draws of uncertainty: places funded in a share of draws strictly between these are contested.
        band: Without draws: so many ranks on either side of the line are contested.
        weight: Whether all contested places have the same chance, or in proportion to their share of draws.
        deviation: Standard deviation of the outcome by which effects will be judged, for the power of the round.
    """

    public: str = ""
    announced: str = ""
    low: float = 0.1
    high: float = 0.9
    band: int = 0
    weight: Literal["equal", "share of draws"] = "equal"
    deviation: float = 1.0


class ClusterSpec(Spec):
    """Places put together from neighbouring areas: in each larger area the contiguous set worth most.

    Attributes:
        within: Level of the larger area that a cluster may not leave.
        low, high: Least and greatest population of a cluster.
    """

    within: Identifier
    low: int = 0
    high: int


class RoundSpec(Spec):
    """``[round.ID]``: a funding round: who may be funded, by what measure of need, under which rules, and how it is chosen.

    Attributes:
        preset: Name of rules that come with Wardmote; the study's own settings override them.
        title: What the page calls it.
        description: What it funds.
        standing: What a reader must know of the rules: official, a proposal, or recovered by fit.
        references: Where the rules are published, and what was not read or is not published.
        level: Level of the places.
        starting: Only areas whose code starts with one of these texts (nations, by their letter).
        population: Least and greatest population of a place; [5000, 15000] or [5000, 0] for no upper end.
        definition: Only areas that have both needs under this definition of need.
        exclude: Lists of areas that cannot be funded.
        include: Codes of areas that must be funded.
        measure: What need is measured by, in parts.
        combine: How parts are put together: z, minmax (both then weighted means), rank (weighted mean rank), score (weighted
            sum), both (the rank in which need is less great decides).
        places: Most places.
        budget: Most pounds.
        award: What each place receives.
        groups: Caps and minimums.
        apart: Whether no two neighbours may be funded.
        cluster: Places as clusters of areas.
        choose: ranked (down the list), optimal (the best set), lottery (lots at the line).
        objective: What the best set is best at.
        lottery: How lots are drawn.
        tie: Which of two equal needs comes first: code (lower code), population (more people, then lower code).
        tranches: Share of each award by year; all in one by default.
        price_year: Price year of the pounds.
        share: Greatest-need share by which reach is told.
        small: Level of smaller areas, to tell how much of the greatest need lies outside funded places.
        compare: Other rounds whose rules are set beside these.
        show_by: Levels and schemes by which reach is told.
        groups_of_people: Indicators that count people of protected groups, for the equality impact table.
        published: The list that was published, where these rules are to reproduce one.
    """

    preset: str = ""
    title: str = ""
    description: str = ""
    standing: str = ""
    references: list[str] = Field(default_factory=list)
    level: Identifier | Literal[""] = ""
    starting: list[str] = Field(default_factory=list)
    population: list[int] = Field(default_factory=list)
    definition: str = ""
    exclude: list[ListSpec] = Field(default_factory=list)
    include: list[str] = Field(default_factory=list)
    measure: list[PartSpec] = Field(default_factory=list)
    combine: Literal["z", "minmax", "rank", "score", "both"] = "z"
    places: int | None = None
    budget: int | None = None
    award: AwardSpec = Field(default_factory=AwardSpec)
    groups: list[GroupSpec] = Field(default_factory=list)
    apart: bool = False
    cluster: ClusterSpec | None = None
    choose: Literal["ranked", "optimal", "lottery"] = "ranked"
    objective: ObjectiveSpec = Field(default_factory=ObjectiveSpec)
    lottery: LotterySpec = Field(default_factory=LotterySpec)
    tie: Literal["code", "population"] = "code"
    tranches: dict[str, float] = Field(default_factory=dict)
    price_year: str = ""
    share: float = 0.1
    small: Identifier | Literal[""] = ""
    compare: list[str] = Field(default_factory=list)
    show_by: list[str] = Field(default_factory=list)
    groups_of_people: list[str] = Field(default_factory=list)
    published: ListSpec | None = None


class CohortSpec(Spec):
    """Areas of a programme that began together.

    Attributes:
        areas: Their codes.
        start: First supported period, as the panel's periods are written: 2016, 2016-04.
        end: Last supported period; "" where support goes on or the end is not known.
        pounds: Pounds for each area, all years together.
        price_year: Price year of the pounds.
        led_by: Who led.
        note: Where this is stated, and what is not verified.
    """

    areas: list[str] = Field(min_length=1)
    start: str
    end: str = ""
    pounds: float | None = Field(default=None, ge=0)
    price_year: int | None = None
    led_by: Literal[
        "residents", "local authority", "national government", "charity", "others", "not known"
    ] = "not known"
    note: str = ""


class ComparisonSpec(Spec):
    """Which areas may be compared with the supported ones.

    Attributes:
        areas: The only areas allowed, by their own codes or those of larger areas; all by default.
        exclude: Areas left out, by the same codes.
        apart_km: Areas within so many kilometres of a supported one are left out, since support may spill over.
        within: Level inside whose areas matches must lie, and strata of a lottery; "" for anywhere.
        kind: never (never supported by this programme) or not yet.
        partners: Matches for each supported area.
        metric: How likeness is measured.
        caliper: Widest distance of a match, in standard deviations; none by default.
    """

    areas: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)
    apart_km: float = Field(default=0.0, ge=0)
    within: Identifier | Literal[""] = ""
    kind: Literal["never", "not yet"] = "never"
    partners: int = Field(default=3, ge=1)
    metric: Literal["mahalanobis", "propensity", "scaled"] = "mahalanobis"
    caliper: float | None = Field(default=None, gt=0)


Estimator = Literal[
    "staggered",
    "imputation",
    "two by two",
    "matched",
    "weighted",
    "synthetic difference",
    "synthetic control",
    "lottery",
    "sun-abraham",
    "two-stage",
]
"""Estimators of a programme's effect; the last two are diff-diff's (``pip install wardmote[stats]``)."""


class AddedSpec(Spec):
    """What was added after the declaration: it is run, and marked as added wherever it is told.

    Attributes:
        outcomes: Further outcomes.
        estimators: Further estimators.
        why: Why it was added.
    """

    outcomes: list[Identifier] = Field(default_factory=list)
    estimators: list[Estimator] = Field(default_factory=list)
    why: str = ""


class WorthSpec(Spec):
    """What an effect is worth in pounds; see `wardmote.methods.worth.ASSUMPTIONS`.

    Attributes:
        life_satisfaction: Points of life satisfaction (0 to 10) for one unit of the primary outcome, positive where better.
        source: Where that is from.
        years: Years for which the effect is counted, the first at its full size.
        cost_years: Years over which the money was spent.
        people: People in all supported areas; the areas' populations by default.
        assumptions: Other values: one number, or central, low and high.
        prices: Price index by year, to bring the WELLBY of 2019 to the price year of the pounds.
        incomes: Typical disposable income of those who gain, and of everybody: weighs pounds. None by default.
    """

    life_satisfaction: float | list[float]
    source: str
    years: int = Field(default=1, ge=1, le=60)
    cost_years: int = Field(default=1, ge=1, le=60)
    people: float | None = Field(default=None, gt=0)
    assumptions: dict[str, float | list[float]] = Field(default_factory=dict)
    prices: dict[int, float] = Field(default_factory=dict)
    incomes: list[float] = Field(default_factory=list)


class ProgrammeSpec(Spec):
    """``[programme.ID]``: a place programme and how its effect is to be judged, declared before it is.

    Everything here but `title`, `description`, `declared` and `added` is the declaration. Its checksum is told with each result; once it
    is published, write it in `declared`, and a later change is told as one.

    Attributes:
        title: Its title.
        description: What it is.
        cohorts: The supported areas by start, written as ``[[programme.ID.cohorts]]``.
        level: Level of the areas.
        outcome: The primary outcome: an indicator with several periods.
        also: Further outcomes.
        estimand: What the effect is averaged over: simple (supported areas and periods), group (areas by start, evenly), dynamic
            (periods since the start, evenly), calendar (periods, evenly).
        estimators: The first is the main one.
        comparison: Comparison areas.
        covariates: Indicators known before support that matches, weights and adjustments use.
        adjust: Whether the estimators "staggered" and "two by two" adjust for the covariates.
        cluster: Level whose areas' errors go together; each area by itself by default.
        anticipation: Periods before the start in which areas may already react.
        multiples: Multiples of the largest earlier difference of trends, for honest bounds.
        rings_km: Outer edges of rings round supported areas in which spillover is looked for.
        draws: Deals of the randomisation test and placebos; 0 for none.
        declared: Checksum of the declaration as it was published.
        added: What was added afterwards.
        worth: What the effect is worth.
    """

    title: str = ""
    description: str = ""
    cohorts: list[CohortSpec] = Field(min_length=1)
    level: Identifier
    outcome: Identifier
    also: list[Identifier] = Field(default_factory=list)
    estimand: Literal["simple", "group", "dynamic", "calendar"] = "simple"
    estimators: list[Estimator] = Field(default_factory=lambda: ["staggered"], min_length=1)
    comparison: ComparisonSpec = Field(default_factory=ComparisonSpec)
    covariates: list[Identifier] = Field(default_factory=list)
    adjust: bool = True
    cluster: Identifier | Literal[""] = ""
    anticipation: int = Field(default=0, ge=0)
    multiples: list[float] = Field(default_factory=lambda: [0.0, 0.5, 1.0, 1.5, 2.0])
    rings_km: list[float] = Field(default_factory=list)
    draws: int = Field(default=199, ge=0, le=100_000)
    declared: str = ""
    added: AddedSpec = Field(default_factory=AddedSpec)
    worth: WorthSpec | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        codes = [area for cohort in self.cohorts for area in cohort.areas]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(
                f"an area stands in two cohorts ({', '.join(twice[:3])})|each area once|Keep its first start."
            )
        if (
            any(a >= b for a, b in zip(self.rings_km, self.rings_km[1:], strict=False))
            or min(self.rings_km, default=1) <= 0
        ):
            raise ValueError(
                "rings_km do not rise|rising distances above 0|Write them from the nearest outwards."
            )
        if min(self.multiples, default=0) < 0:
            raise ValueError("a multiple is negative|multiples from 0|")
        return self


class PostcodeSpec(Spec):
    """A file that says in which area each postcode lies.

    Attributes:
        file: CSV or Parquet file in the study.
        postcode: Its column of postcodes.
        area: Its column of area codes.
        level: Level of these areas; the smallest one by default.
    """

    file: str
    postcode: str
    area: str
    level: str = ""


class PublishSpec(Spec):
    """``[publish]``: what the page says of its makers.

    Attributes:
        title: Title of the page; the study's by default.
        contact: Who decides, and whom to ask.
        need: Definition of need that the page leads with; the first by default.
        round: Funding rounds that the page shows; all by default.
        index: Index whose map is drawn; the deprivation index of `need` by default.
        map_level: Level of the map.
        pages: Which kinds of page the site has; all that the tables allow by default, ["start"] for the first page alone.
        address: Public address of the site, so that shared links can show a picture.
        postcodes: A file of postcodes, so that people can look up their own.
    """

    title: str = ""
    contact: str = ""
    need: str = ""
    round: list[str] = Field(default_factory=list)
    index: str = ""
    map_level: str = ""
    pages: list[str] = Field(default_factory=list)
    address: str = ""
    postcodes: PostcodeSpec | None = None


class Study(Spec):
    """A whole study, as its file states it.

    Attributes:
        folder: The folder that holds ``study.toml``; paths in the file are relative to it.
    """

    study: StudySection
    level: dict[Identifier, LevelSpec] = Field(default_factory=dict)
    sources: dict[Identifier, SourceSpec] = Field(default_factory=dict)
    areas: AreasSpec = Field(default_factory=AreasSpec)
    conversion: dict[Identifier, ConversionSpec] = Field(default_factory=dict)
    index: dict[Identifier, IndexSpec] = Field(default_factory=dict)
    uncertainty: dict[Identifier, UncertaintySpec] = Field(default_factory=dict)
    audit: dict[Identifier, AuditSpec] = Field(default_factory=dict)
    need: dict[Identifier, NeedSpec] = Field(default_factory=dict)
    round: dict[Identifier, RoundSpec] = Field(default_factory=dict)
    programme: dict[Identifier, ProgrammeSpec] = Field(default_factory=dict)
    publish: PublishSpec = Field(default_factory=PublishSpec)
    folder: Path = Field(default=Path(), exclude=True)


STUDY_FILE = "study.toml"
RECIPES = Path(__file__).parent / "recipes"
"""Folder of the recipes that come with Wardmote, one TOML file each."""

PRESETS = RECIPES / "rounds"
"""Folder of the rules of funding rounds that come with Wardmote, one TOML file each."""

REGISTERS = RECIPES / "registers"
"""Folder of the lists of programmes that come with Wardmote, one CSV file each, with their marks of how sure each row is."""


def read_study(folder: Path) -> Study:
    """Return the study of a folder, recipes merged in, after all checks that need no data.

    Args:
        folder: Folder with ``study.toml``, or the file itself.

    Raises:
        MissingError: There is no ``study.toml``.
        StudyError: The file is not TOML, or holds unknown keys, wrong values, or references to sections that do not exist.
    """
    path = folder if folder.suffix == ".toml" else folder / STUDY_FILE
    try:
        # Some editors begin a UTF-8 file with a byte-order mark, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingError(
            Problem(
                str(path),
                "there is no study here",
                expected=f"a folder with {STUDY_FILE}",
                remedy="Give the folder with --study, or start one with `wardmote new`.",
            )
        ) from None
    except UnicodeDecodeError as error:
        raise StudyError(
            Problem(
                str(path),
                "the file is not UTF-8 text",
                got=f"byte {error.object[error.start]:#x} in line {error.object[: error.start].count(10) + 1}",
                remedy="Save it as UTF-8.",
            )
        ) from None
    return parse_study(text, path)


def parse_study(text: str, path: Path = Path(STUDY_FILE)) -> Study:
    """Return the study of a TOML text; see `read_study`.

    Args:
        text: The TOML text.
        path: Where it stands: names the file in errors, and its folder is the study's.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(Problem(path.name, "the file is not TOML", got=str(error))) from None
    problems: list[Problem] = []
    raw_indices = data.get("index")
    if isinstance(raw_indices, dict):
        data["index"] = {
            name: _with_recipe(raw, f"index.{name}", text, path, problems)
            for name, raw in raw_indices.items()
        }
    if isinstance(data.get("round"), dict):
        data["round"] = {
            name: _with_preset(raw, ("round", name), text, path, problems)
            for name, raw in data["round"].items()
        }
    try:
        study = Study.model_validate({**data, "folder": path.parent})
    except ValidationError as error:
        raise StudyError(problems + list(_told(error, text, path.name))) from None
    problems += _reference_problems(study, text, path.name)
    if problems:
        raise StudyError(problems)
    return study


def _with_recipe(raw: Any, where: str, text: str, path: Path, problems: list[Problem]) -> Any:
    """Return an index section with its recipe's settings beneath its own."""
    if not isinstance(raw, dict) or not isinstance(raw.get("recipe"), str) or not raw["recipe"]:
        return raw
    name = raw["recipe"]
    file = path.parent / name if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(recipe_names())
        problems.append(
            Problem(
                _place(path.name, text, (*where.split("."), "recipe")),
                "no such recipe",
                got=name,
                expected=known,
            )
        )
        return raw
    try:
        recipe = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(str(file), "the recipe is not TOML", got=str(error)))
        return raw
    return _merged(recipe.get("index", {}), raw)


def _merged(recipe: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's settings with the study's own in their place; tables key by key, so that naming levels keeps the weight."""
    both = {**recipe, **own}
    for key in recipe.keys() & own.keys():
        if isinstance(recipe[key], dict) and isinstance(own[key], dict):
            both[key] = {**recipe[key], **own[key]}
    return both


def _with_preset(raw: Any, where: tuple[str, ...], text: str, path: Path, problems: list[Problem]) -> Any:
    """Return a round with its preset's rules beneath its own, and its lists read from their files."""
    if not isinstance(raw, dict):
        return raw
    name = raw.get("preset") or ""
    if name:
        file = PRESETS / f"{name}.toml"
        if not isinstance(name, str) or not file.is_file():
            known = ", ".join(sorted(one.stem for one in PRESETS.glob("*.toml")))
            problems.append(
                Problem(_place(path.name, text, (*where, "preset")), "no such preset", str(name), known)
            )
            return raw
        raw = {**tomllib.loads(file.read_text(encoding="utf-8"))["round"], **raw}
    lists: list[tuple[tuple[str | int, ...], dict[str, Any]]]
    lists = [((*where, "exclude", i), one) for i, one in enumerate(_lists(raw.get("exclude")))]
    lists += [((*where, "published"), one) for one in _lists([raw.get("published")])]
    for location, one in lists:
        read = _listed_areas(one, location, text, path, problems)
        if read is not None:
            one["areas"] = [*one.get("areas", []), *read]
    return raw


def _lists(raw: Any) -> list[dict[str, Any]]:
    return [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []


def _listed_areas(
    raw: Mapping[str, Any], where: tuple[str | int, ...], text: str, path: Path, problems: list[Problem]
) -> list[str] | None:
    """Return the cells of a list's column, each once in the order of the file; None where it names no file."""
    register, own, column = (str(raw.get(key) or "") for key in ("register", "file", "column"))
    if not register and not own:
        return None
    file = REGISTERS / f"{register}.csv" if register else path.parent / own
    here = _place(path.name, text, (*where, "register" if register else "file"))
    if not file.is_file():
        known = (
            ", ".join(sorted(one.stem for one in REGISTERS.glob("*.csv")))
            if register
            else "a file in the study"
        )
        problems.append(Problem(here, "there is no such list", register or own, known))
        return None
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if column not in (rows.fieldnames or ()):
            known = ", ".join(rows.fieldnames or ())
            problems.append(Problem(here, "the list has no such column", column or "none named", known))
            return None
        cells = [part.strip() for row in rows for part in (row[column] or "").split("|")]
    return list(dict.fromkeys(cell for cell in cells if cell))


def list_files(study: Study) -> list[str]:
    """Return the files in a study that hold lists for its funding rounds, relative to its folder."""
    lists = [
        one for spec in study.round.values() for one in (*spec.exclude, spec.published) if one is not None
    ]
    return list(dict.fromkeys(one.file for one in lists if one.file))


def with_lines(problems: Iterable[Problem], text: str, file: str = STUDY_FILE) -> list[Problem]:
    """Return problems whose place is a setting (``study.toml, round.x.places``) with the line where it stands.

    Args:
        problems: Problems that were found without the file at hand.
        text: The study's TOML text.
        file: Its name.
    """
    placed = []
    for problem in problems:
        start, _, setting = problem.where.partition(", ")
        if start == file and setting:
            parts = [int(part) - 1 if part.isdecimal() else part for part in setting.split(".")]
            placed.append(replace(problem, where=_place(file, text, tuple(parts))))
        else:
            placed.append(problem)
    return placed


def placed(problems: Iterable[Problem], study: Study) -> list[Problem]:
    """Return problems with the line of the study's file where each setting stands; see `with_lines`."""
    file = study.folder / STUDY_FILE
    return with_lines(problems, file.read_text(encoding="utf-8")) if file.is_file() else list(problems)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with Wardmote."""
    return sorted(file.stem for file in RECIPES.glob("*.toml"))


def _told(error: ValidationError, text: str, file: str) -> Iterator[Problem]:
    """Yield pydantic's findings as problems in our wording."""
    for item in error.errors(include_url=False):
        location = tuple(part for part in item["loc"] if part not in _STEP_TAGS)
        where = _place(file, text, location)
        given = item.get("input")
        match item["type"]:
            case "extra_forbidden":
                yield Problem(
                    where, "unknown key", got=str(location[-1]), remedy="Remove it or correct its spelling."
                )
            case "missing":
                yield Problem(where, "a required key is missing", expected=str(location[-1]))
            case "value_error":
                what, _, rest = str(item["ctx"]["error"]).partition("|")
                expected, _, remedy = rest.partition("|")
                yield Problem(where, what, expected=expected, remedy=remedy)
            case _:
                told = item["msg"].replace("Input should be ", "").replace("input should be ", "")
                yield Problem(where, "the value is not allowed", got=repr(given), expected=told)


_STEP_TAGS = {"denominate", "screen", "impute", "treat", "shrink", "normalise", "weigh", "aggregate"}
"""Tags that pydantic puts into the path of a step, which nobody wrote in the file."""


def _place(file: str, text: str, location: tuple[int | str, ...]) -> str:
    """Return ``study.toml line 12 [index.imd.steps 2] method`` for a path into the file."""
    line = locate(text, location)
    section = ".".join(str(part + 1 if isinstance(part, int) else part) for part in location)
    return f"{file} line {line}, {section}" if line else f"{file}, {section}"


def locate(text: str, location: tuple[int | str, ...]) -> int | None:
    """Return the line (from 1) where a path into a TOML text is written, or the nearest line above it, or None.

    Python's reader tells no lines, so the text is scanned for the header that opens the longest part of the path and then for
    the key. Keys inside inline tables are found by the line of the table.

    Args:
        text: The TOML text.
        location: Keys from the top, with positions (from 0) in arrays of tables.
    """
    keys = [str(part) for part in location if not isinstance(part, int)]
    positions = {i: part for i, part in enumerate(location) if isinstance(part, int)}
    wanted = next(iter(positions.values()), 0)
    best: tuple[int, int] | None = None
    header: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            name = stripped.strip("[]").split("]")[0]
            header = [part.strip().strip('"') for part in name.split(".")]
            if stripped.startswith("[["):
                seen[name] = seen.get(name, -1) + 1
                if header == keys[: len(header)] and seen[name] != wanted:
                    header = ["\0"]
            depth = len(header) if header == keys[: len(header)] else 0
        else:
            key = stripped.split("=")[0].strip().strip('"')
            path = [*header, *key.split(".")] if header != ["\0"] and "=" in stripped else ["\0"]
            depth = len(path) if path == keys[: len(path)] else 0
        if depth and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def _reference_problems(study: Study, text: str, file: str) -> list[Problem]:
    """Return a problem for each name in the study that nothing in it carries."""
    problems: list[Problem] = []

    def expect(name: str, known: Mapping[str, Any], what: str, *location: str) -> None:
        if name and name not in known:
            problems.append(
                Problem(
                    _place(file, text, location),
                    f"no such {what}",
                    got=name,
                    expected=", ".join(known) or f"a section [{what}.…]",
                    remedy="Correct the name, or add the section.",
                )
            )

    for id_, need in study.need.items():
        expect(need.deprivation, study.index, "index", "need", id_, "deprivation")
        expect(need.community, study.index, "index", "need", id_, "community")
    for id_, index in study.index.items():
        expect(index.beside, study.index, "index", "index", id_, "beside")
        for position, step in enumerate(index.steps):
            if isinstance(step, WeighStep):
                expect(step.source, study.sources, "sources", "index", id_, "steps", str(position), "source")
    _expect_of_uncertainty(study, expect)
    problems += _audit_problems(study, text, file, expect)
    for key in ("names", "population", "households"):
        expect(getattr(study.areas, key), study.sources, "sources", "areas", key)
    _expect_of_rounds(study, expect)
    expect(study.publish.need, study.need, "need", "publish", "need")
    for name in study.publish.round:
        expect(name, study.round, "round", "publish", "round")
    expect(study.publish.index, study.index, "index", "publish", "index")
    return problems


def _audit_problems(study: Study, text: str, file: str, expect: Callable[..., None]) -> list[Problem]:
    """Hold the names in audits against the study; return a problem for each that audits an index again, or an index by itself."""
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for id_, audit in study.audit.items():
        expect(audit.index, study.index, "index", "audit", id_, "index")
        if audit.index in seen:
            what = f"audit.{seen[audit.index]} looks at this index already"
            problems.append(Problem(_place(file, text, ("audit", id_, "index")), what, got=audit.index))
        seen.setdefault(audit.index, id_)
        if audit.index in audit.against or len(set(audit.against)) < len(audit.against):
            what = "an index cannot be held against itself, nor twice against one measure"
            problems.append(
                Problem(_place(file, text, ("audit", id_, "against")), what, got=", ".join(audit.against))
            )
    return problems


def _expect_of_uncertainty(study: Study, expect: Callable[..., None]) -> None:
    """Hold the names in sections of uncertainty against the study."""
    for id_, doubt in study.uncertainty.items():
        for name in doubt.indices:
            expect(name, study.index, "index", "uncertainty", id_, "index")
        for position, factor in enumerate(doubt.factors):
            here = ("uncertainty", id_, "factors", str(position))
            expect(factor.index, dict.fromkeys(doubt.indices), "index of this section", *here, "index")
            for source in factor.between:
                if source != "official":
                    expect(source, study.sources, "sources", *here, "between")


def _expect_of_rounds(study: Study, expect: Callable[..., None]) -> None:
    """Hold the names in funding rounds against the study."""
    for id_, spec in study.round.items():
        expect(spec.definition, study.need, "need", "round", id_, "definition")
        for position, part in enumerate(spec.measure):
            expect(part.index, study.index, "index", "round", id_, "measure", str(position), "index")
        earlier = dict.fromkeys(list(study.round)[: list(study.round).index(id_)])
        for position, one in enumerate(spec.exclude):
            expect(
                one.round, earlier, "round before this one", "round", id_, "exclude", str(position), "round"
            )
        for name in spec.compare:
            expect(name, {one: None for one in study.round if one != id_}, "round", "round", id_, "compare")
