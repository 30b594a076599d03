"""How an index is built, and who is in need by it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from wardmote.study.spec import MEASURES, Identifier, Measure, Spec

On = str | list[str]


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
