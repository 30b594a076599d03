"""What a programme is said to have changed, and which studies are pooled."""

from __future__ import annotations

import hashlib
import json
from typing import Literal, Self

from pydantic import Field, model_validator

from wardmote.study.spec import Identifier, Spec


class CohortSpec(Spec):
    """Areas of a programme that began together: written here, or rows of a register.

    Attributes:
        areas: Their codes; those of a register are added to them.
        register_: A register that comes with Wardmote (written ``register``), for instance pride-in-place-phase-2-england.
        file: A CSV file in the study, in place of a register.
        column: The register's or file's column that holds the codes.
        only: Which rows: column and value, for instance ``{ wave_inferred = "1" }``; all by default.
        level: Level of the codes where it is larger than the programme's: all areas that lie in them are supported.
        start: First supported period, as the panel's periods are written: 2016, 2016-04.
        end: Last supported period; "" where support goes on or the end is not known.
        pounds: Pounds for each area, all years together.
        price_year: Price year of the pounds.
        led_by: Who led.
        note: Where this is stated, and what is not verified.
    """

    areas: list[str] = Field(default_factory=list)
    register_: str = Field(default="", alias="register")
    file: str = ""
    column: str = ""
    only: dict[str, str] = Field(default_factory=dict)
    level: Identifier | Literal[""] = ""
    start: str
    end: str = ""
    pounds: float | None = Field(default=None, ge=0)
    price_year: int | None = None
    led_by: Literal[
        "residents", "local authority", "national government", "charity", "others", "not known"
    ] = "not known"
    note: str = ""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.areas:
            raise ValueError(
                "the cohort has no areas|codes in `areas`, or a `register` or `file` with its `column`|"
                "A place without a code cannot be evaluated: look its code up first."
            )
        return self


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
        bends: How much the difference of trends may bend from one period to the next, in the outcome's unit, for honest bounds; 0
            takes a straight line out.
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
    estimators: list[Estimator] = Field(default=["staggered"], min_length=1)
    comparison: ComparisonSpec = Field(default_factory=ComparisonSpec)
    covariates: list[Identifier] = Field(default_factory=list)
    adjust: bool = True
    cluster: Identifier | Literal[""] = ""
    anticipation: int = Field(default=0, ge=0)
    multiples: list[float] = Field(default_factory=lambda: [0.0, 0.5, 1.0, 1.5, 2.0])
    bends: list[float] = Field(default_factory=lambda: [0.0])
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
        if min([*self.multiples, *self.bends], default=0) < 0:
            raise ValueError("a multiple or a bend is negative|numbers from 0|")
        return self

    @property
    def checksum(self) -> str:
        """SHA-256 of what is declared: everything but title, description, `declared` and `added`."""
        data = self.model_dump(mode="json", exclude={"title", "description", "declared", "added"})
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class HereSpec(Spec):
    """An evaluation of this study that is put together with what studies elsewhere found, by `wardmote.methods.updating.update`.

    Attributes:
        programme: The programme; its main specification is taken.
        indicator: Which of its outcomes.
        strategy, outcome: What it is in the words of the taxonomy.
        sd: Standard deviation of the outcome between people, which turns its effect into standard deviations.
        bias_sd: How far such a design tends to be off beyond its standard error, in standard deviations; an assumption that is shown.
    """

    programme: Identifier
    indicator: Identifier
    strategy: Identifier
    outcome: Identifier
    sd: float = Field(gt=0)
    bias_sd: float = Field(ge=0)


class TermsSpec(Spec):
    """``[synthesis.ID.terms."FILE"]``: under which terms one file of findings may be used; it travels with all that is made from it.

    Attributes:
        licence: Its licence.
        access: What may be published: open; derived-only (pooled figures, no finding by itself); private (nothing). Without it, open
            where a licence is stated and private where none is.
        title, publisher, vintage: For the page of sources.
    """

    licence: str = ""
    access: Literal["open", "derived-only", "private"] | None = None
    title: str = ""
    publisher: str = ""
    vintage: str = ""


class SynthesisSpec(Spec):
    """``[synthesis.ID]``: a body of evidence, and how it is pooled.

    Attributes:
        title: What pages call it.
        library: A library of findings that comes with Wardmote; "" for none.
        files: Files of the study with further findings: CSV, XLSX, or RIS for records that are still to be read.
        terms: Licence and access of the files, by file. A file without terms is private: nothing that is made from it is published.
        columns: Which column of the files is which of ours, where names differ: ours by theirs.
        taxonomy: Words for strategies and outcomes: one that comes with Wardmote, or a TOML file of the study.
        strategies, outcomes: Only these; all by default.
        estimator: Of the variance between studies.
        test: knapp-hartung (for few studies), modified knapp-hartung (never narrower than the studies' own errors), or z.
        rho: Assumed correlation of errors of findings of one study.
        by: Subgroups that are shown where each has two studies or more.
        country: Where the evidence is to be used; findings from elsewhere count as indirect. "" for anywhere.
        places: Kinds of place where it is to be used; "" for any.
        convert_odds: Whether odds ratios are pooled with standardised mean differences (times √3/π).
        here: Evaluations of this study that update what studies elsewhere found.
    """

    title: str = ""
    library: Identifier | Literal[""] = "community-action"
    files: list[str] = Field(default_factory=list)
    terms: dict[str, TermsSpec] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)
    taxonomy: str = "community-action"
    strategies: list[str] = Field(default_factory=list)
    outcomes: list[str] = Field(default_factory=list)
    estimator: Literal["DL", "HE", "SJ", "PM", "EB", "ML", "REML"] = "REML"
    test: Literal["z", "knapp-hartung", "modified knapp-hartung"] = "knapp-hartung"
    rho: float = Field(default=0.6, ge=0, lt=1)
    by: list[Literal["country", "place_type", "design", "population"]] = Field(default_factory=list)
    country: str = ""
    places: list[str] = Field(default_factory=list)
    convert_odds: bool = False
    here: list[HereSpec] = Field(default_factory=list)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.library and not self.files:
            raise ValueError("neither `library` nor `files` is given|one of them|Name a library or a file.")
        unknown = sorted(set(self.terms) - set(self.files))
        if unknown:
            raise ValueError(
                f"`terms` speak of a file that is not read ({unknown[0]})|the names in `files`|Write it as it stands in `files`."
            )
        return self

    @property
    def watched(self) -> list[str]:
        """The files of the study that it reads: when one changes, results are made again."""
        return [*self.files, *([self.taxonomy] if self.taxonomy.endswith(".toml") else [])]
