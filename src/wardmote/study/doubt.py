"""What is varied to see how sure an index is, and what its audit asks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from wardmote.study.spec import Identifier, Measure, Spec


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

    path: str = Field(min_length=1)
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
        summarise: Measures of larger areas that get intervals, at all levels that the index summarises, or by level. Draws are kept
            of the first measure of each level.
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
    summarise: list[Measure] | dict[str, list[Measure]] = Field(
        default_factory=lambda: list[Measure](["average score"])
    )
    sensitivity: int = Field(default=0, ge=0)
    areas: list[str] = Field(default_factory=list)
    title: str = ""

    @property
    def indices(self) -> tuple[str, ...]:
        """The indices, in order."""
        return (self.index,) if isinstance(self.index, str) else tuple(self.index)

    def measures_at(self, level: str) -> tuple[Measure, ...]:
        """Return which measures of larger areas get intervals at a level, the first one first."""
        asked = self.summarise.get(level, []) if isinstance(self.summarise, dict) else self.summarise
        return tuple(asked)


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
