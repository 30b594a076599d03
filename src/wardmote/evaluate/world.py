"""What estimators work on and what they answer: a panel cut down to the areas that are used, the choices, and one record for results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wardmote.evaluate.panel import Panel
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.comparators import Balance
from wardmote.methods.differences import (
    NEVER,
    Adjustment,
    Comparison,
    Estimate,
    GroupTime,
    Summary,
    group_time_effects,
    simple_estimate,
)
from wardmote.methods.precision import COVER
from wardmote.study import ProgrammeSpec

FEW = 10
"""Most supported areas for which a synthetic control is made one by one; with more, synthetic differences say the same in one figure."""


AREAS_PER_COVARIATE = 10
"""Supported areas of a start for each covariate, below which the chances of support are not modelled: logistic regression goes astray with
fewer events (Peduzzi and others 1996, *Journal of Clinical Epidemiology* 49: 1373–1379)."""


@dataclass(frozen=True, slots=True)
class Impact:
    """One estimate; see table `impacts`."""

    estimator: str
    specification: str
    estimand: str
    group: str
    time: str
    effect: float
    standard_error: float
    low: float
    high: float
    n: int
    compared: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What an estimator works on: the panel cut down to supported and comparison areas that can be used, and the choices.

    Attributes:
        y, start, covariates, cluster, stratum: As in `Panel`, for the areas used.
        periods: Periods of the panel.
        summary: What the effect is averaged over.
        adjustment: How covariates adjust.
        comparison: never or not yet.
        anticipation: Periods before the start in which areas may react.
    """

    y: FloatArray
    start: IntArray
    covariates: FloatArray
    cluster: IntArray | None
    stratum: IntArray | None
    periods: tuple[str, ...]
    summary: Summary
    adjustment: Adjustment
    comparison: Comparison
    anticipation: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What an estimator found.

    Attributes:
        impacts: The main estimate first.
        weights: Weights of the areas used in a matched comparison, or None.
        balance: How alike they are, or None.
        scale: How noisy the main estimate is by its weights, in a unit that placebos share; 1 where all are taken to be alike.
    """

    impacts: list[Impact]
    weights: FloatArray | None = None
    balance: Balance | None = None
    scale: float = 1.0


def world_of(
    panel: Panel, spec: ProgrammeSpec, *, adjust: bool, near: bool = False
) -> tuple[World, IntArray]:
    """Return the areas that are used and the choices, with the areas' positions in the panel.

    Args:
        panel: The panel.
        spec: The programme.
        adjust: Whether covariates are used: then areas that miss one are left out.
        near: Whether areas near supported ones are kept as comparison areas.
    """
    at = panel.places("supported", "comparison", *(["too near"] if near else []))
    at = at[~np.isnan(panel.y[:, at]).all(axis=0)]
    if adjust and len(panel.covariates):
        at = at[~np.isnan(panel.covariates[:, at]).any(axis=0)]
    covariates = panel.covariates[:, at] if adjust else np.zeros((0, len(at)))
    cut = World(
        panel.y[:, at],
        panel.start[at],
        covariates,
        None if panel.cluster is None else panel.cluster[at],
        None if panel.stratum is None else panel.stratum[at],
        panel.periods,
        spec.estimand,
        adjustment_of(panel.start[at], len(covariates)),
        spec.comparison.kind,
        spec.anticipation,
    )
    return cut, at


def adjustment_of(start: IntArray, covariates: int) -> Adjustment:
    """Return how covariates adjust: doubly robust, or by regression alone where a start has too few areas for a model of chances.

    Args:
        start: Starts of the areas used.
        covariates: Their number.
    """
    _, size = np.unique(start[start != NEVER], return_counts=True)
    enough = len(size) > 0 and int(size.min()) >= AREAS_PER_COVARIATE * covariates
    return "doubly robust" if enough else "outcome regression"


def simple_of(world: World) -> Estimate:
    """Return the simple average effect of a world alone, quickly.

    Args:
        world: The world.
    """
    return simple_estimate(
        world.y,
        world.start,
        covariates=world.covariates if len(world.covariates) else None,
        adjustment=world.adjustment,
        comparison=world.comparison,
        anticipation=world.anticipation,
    )


def cells_of(world: World, *, universal: bool = False) -> GroupTime:
    """Return effects by group and period of a world.

    Args:
        world: The world.
        universal: Whether all periods are held against the one before the start, as bounds need.
    """
    return group_time_effects(
        world.y,
        world.start,
        covariates=world.covariates if len(world.covariates) else None,
        adjustment=world.adjustment,
        comparison=world.comparison,
        base="universal" if universal else "varying",
        anticipation=world.anticipation,
    )


def mean_over(y: FloatArray) -> FloatArray:
    """Return means over periods, NaN where none is known.

    Args:
        y: Panel, shape (periods, n).
    """
    known = ~np.isnan(y)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, y, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def student(free: float) -> float:
    """Return how many standard errors make a 95% interval with so many degrees of freedom.

    Args:
        free: Degrees of freedom; 1 where fewer.
    """
    from scipy.special import stdtrit

    return float(stdtrit(max(free, 1.0), 0.5 + COVER / 2))


LONE = "one supported area: no standard error can be had from it alone"


def impact_row(
    estimator: str,
    effect: float,
    error: float,
    half: float,
    n: int,
    *,
    compared: int,
    estimand: str = "simple",
    group: str = "all",
    time: str = "all",
    note: str = "",
) -> Impact:
    """Return one row; without an error where one area alone was supported, since what it would have done is then a single figure.

    Args:
        estimator: The estimator.
        effect: The estimate.
        error: Its standard error, NaN for none.
        half: Half the width of its interval, NaN for none.
        n: Supported areas in it.
        compared: Comparison areas in it.
        estimand: What it is averaged over.
        group: Start of the supported areas meant.
        time: Periods since the start, a period, or all.
        note: Limits.
    """
    if n == 1:
        error = half = np.nan
        note = "; ".join(part for part in (note, LONE) if part)
    elif np.isnan(half) and not note:
        note = "no interval: nothing varies that an error could be had from"
    return Impact(
        estimator,
        "main",
        estimand,
        group,
        time,
        effect,
        error,
        effect - half,
        effect + half,
        n,
        compared,
        note,
    )
