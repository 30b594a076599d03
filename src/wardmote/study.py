"""What a study intends: one frozen record for each section of ``study.toml``, read and checked at once.

A study is a folder with a ``study.toml`` under version control. `read_study` turns the file into a `Study` or raises one
`StudyError` that lists every problem with the line where it stands; nothing is run before that. A what-if is
``dataclasses.replace`` in spirit: ``spec.model_copy(update=…)`` and the same call again.

Words: a *section* is ``[kind.ID]``; the ID names its results in every table. A *step* is one entry of an index's ordered list; a
step may occur twice and has an ``id`` of its own, so that an override or an uncertainty factor can point at it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from wardmote.errors import MissingError, Problem, StudyError
from wardmote.rounds import RoundSpec as RoundSpec  # noqa: PLC0414 — a record of the study, for whoever imports it from here
from wardmote.rounds import with_preset
from wardmote.spec import MEASURES, RECIPES, STUDY_FILE, Identifier, Measure, Spec, place_of

On = str | list[str]


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


class SynthesisSpec(Spec):
    """``[synthesis.ID]``: a body of evidence, and how it is pooled.

    Attributes:
        title: What pages call it.
        library: A library of findings that comes with Wardmote; "" for none.
        files: Files of the study with further findings: CSV, XLSX, or RIS for records that are still to be read.
        columns: Which column of the files is which of ours, where names differ: ours by theirs.
        taxonomy: Words for strategies and outcomes: one that comes with Wardmote, or a TOML file of the study.
        strategies, outcomes: Only these; all by default.
        estimator: Of the variance between studies.
        test: knapp-hartung (for few studies) or z.
        rho: Assumed correlation of errors of findings of one study.
        by: Subgroups that are shown where each has two studies or more.
        country: Where the evidence is to be used; findings from elsewhere count as indirect. "" for anywhere.
        places: Kinds of place where it is to be used; "" for any.
        convert_odds: Whether odds ratios are pooled with standardised mean differences (times √3/π).
    """

    title: str = ""
    library: Identifier | Literal[""] = "community-action"
    files: list[str] = Field(default_factory=list)
    columns: dict[str, str] = Field(default_factory=dict)
    taxonomy: str = "community-action"
    strategies: list[str] = Field(default_factory=list)
    outcomes: list[str] = Field(default_factory=list)
    estimator: Literal["DL", "HE", "SJ", "PM", "EB", "ML", "REML"] = "REML"
    test: Literal["z", "knapp-hartung"] = "knapp-hartung"
    rho: float = Field(default=0.6, ge=0, lt=1)
    by: list[Literal["country", "place_type", "design", "population"]] = Field(default_factory=list)
    country: str = ""
    places: list[str] = Field(default_factory=list)
    convert_odds: bool = False

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.library and not self.files:
            raise ValueError("neither `library` nor `files` is given|one of them|Name a library or a file.")
        return self

    @property
    def watched(self) -> list[str]:
        """The files of the study that it reads: when one changes, results are made again."""
        return [*self.files, *([self.taxonomy] if self.taxonomy.endswith(".toml") else [])]


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
    synthesis: dict[Identifier, SynthesisSpec] = Field(default_factory=dict)
    publish: PublishSpec = Field(default_factory=PublishSpec)
    folder: Path = Field(default=Path(), exclude=True)


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
            name: with_preset(raw, ("round", name), text, path, problems)
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
                place_of(path.name, text, (*where.split("."), "recipe")),
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
            placed.append(replace(problem, where=place_of(file, text, tuple(parts))))
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
        where = place_of(file, text, location)
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


def _reference_problems(study: Study, text: str, file: str) -> list[Problem]:
    """Return a problem for each name in the study that nothing in it carries."""
    problems: list[Problem] = []

    def expect(name: str, known: Mapping[str, Any], what: str, *location: str) -> None:
        if name and name not in known:
            problems.append(
                Problem(
                    place_of(file, text, location),
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
            problems.append(Problem(place_of(file, text, ("audit", id_, "index")), what, got=audit.index))
        seen.setdefault(audit.index, id_)
        if audit.index in audit.against or len(set(audit.against)) < len(audit.against):
            what = "an index cannot be held against itself, nor twice against one measure"
            problems.append(
                Problem(place_of(file, text, ("audit", id_, "against")), what, got=", ".join(audit.against))
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
