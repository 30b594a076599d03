"""How a pooled effect came about: study by study, year by year, subgroup by subgroup."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.pooling import Estimator, Pooled, Test, checked_effects, estimate_tau2, pool


@dataclass(frozen=True, slots=True)
class Series:
    """Pooled results one after the other; every field has the shape (m,).

    Attributes:
        estimate, standard_error, low, high: Of each pooling.
        tau2, i2, q: Its heterogeneity.
        k: Its number of studies.
    """

    estimate: FloatArray
    standard_error: FloatArray
    low: FloatArray
    high: FloatArray
    tau2: FloatArray
    i2: FloatArray
    q: FloatArray
    k: IntArray


@dataclass(frozen=True, slots=True)
class Influence:
    """What each study does to the pooled effect; every field has the shape (k,).

    Attributes:
        residual: Standardised residual from the pooling of all the others; beyond ±1.96 the study does not fit.
        dffits: How far the pooled effect moves with the study, in standard errors without it.
        cook: Squared such distance, in standard errors of the whole.
        weight: Share of the study, adding up to 1.
        tau2_without: τ² without it.
    """

    residual: FloatArray
    dffits: FloatArray
    cook: FloatArray
    weight: FloatArray
    tau2_without: FloatArray


@dataclass(frozen=True, slots=True)
class Subgroups:
    """Pooled results by group, with a test of whether groups differ.

    Attributes:
        groups: Groups in sorted order.
        pooled: The result of each, in that order.
        q, df, p: Differences between groups beyond chance: χ² with (groups − 1) degrees of freedom.
    """

    groups: tuple[Hashable, ...]
    pooled: tuple[Pooled, ...]
    q: float
    df: int
    p: float


def leave_one_out(
    effects: npt.ArrayLike, variances: npt.ArrayLike, *, estimator: Estimator = "REML", test: Test = "z"
) -> Series:
    """Return the pooled result without each study in turn.

    Args:
        effects, variances, estimator, test: As for `wardmote.methods.pooling.pool`; at least 3 studies.

    Raises:
        MethodError: Fewer than 3 studies, or what `pool` refuses.
    """
    y, v = checked_effects(effects, variances, "leave one out")
    if len(y) < 3:
        raise MethodError(Problem("leave one out", "too few studies", str(len(y)), "at least 3"))
    every = np.arange(len(y))
    return _series([pool(y[every != out], v[every != out], estimator=estimator, test=test) for out in every])


def cumulative(
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    order: npt.ArrayLike,
    *,
    estimator: Estimator = "REML",
) -> Series:
    """Return the pooled result after each study, as evidence came in.

    Args:
        effects, variances, estimator: As for `wardmote.methods.pooling.pool`.
        order: What to go by, such as years, shape (k,); ties keep the given order.

    Returns:
        One row a study, in that order. The first is the study itself.

    Raises:
        MethodError: An order that does not fit, or what `pool` refuses.
    """
    y, v = checked_effects(effects, variances, "cumulative")
    keys = np.asarray(order)
    if keys.shape != y.shape:
        raise MethodError(Problem("cumulative", "the order does not fit", str(keys.shape), str(y.shape)))
    rows = np.argsort(keys, kind="stable")
    steps = [
        pool(y[rows[:end]], v[rows[:end]], estimator=estimator if end > 1 else "fixed")
        for end in range(1, len(y) + 1)
    ]
    return _series(steps)


def subgroups(
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    groups: Sequence[Hashable],
    *,
    estimator: Estimator = "REML",
    test: Test = "z",
) -> Subgroups:
    """Return the pooled result of each group, each with a τ² of its own, and the test between them.

    ``Q = Σ (b_g − b̄)² ÷ se_g²`` with the inverse-variance mean of groups. Differences between groups of studies are associations:
    the groups may differ in other ways.

    Args:
        effects, variances, estimator, test: As for `wardmote.methods.pooling.pool`; a group of one study is taken as it is.
        groups: The group of each study.

    Raises:
        MethodError: Groups that do not fit, fewer than two of them, or what `pool` refuses.

    Source:
        Borenstein, Hedges, Higgins and Rothstein (2009), Introduction to Meta-Analysis, chapter 19.
    """
    y, v = checked_effects(effects, variances, "subgroups")
    if len(groups) != len(y):
        raise MethodError(Problem("subgroups", "groups do not fit", str(len(groups)), str(len(y))))
    names = sorted(set(groups), key=str)
    if len(names) < 2:
        raise MethodError(Problem("subgroups", "there is a single group", str(names), "at least 2"))
    found = []
    for name in names:
        rows = np.array([one == name for one in groups])
        alone = int(rows.sum()) == 1
        found.append(
            pool(
                y[rows],
                v[rows],
                estimator="fixed" if alone else estimator,
                test="z" if alone else test,
            )
        )
    b = np.array([one.estimate[0] for one in found])
    w = np.array([one.standard_error[0] for one in found]) ** -2
    q = float((w * (b - (w * b).sum() / w.sum()) ** 2).sum())
    df = len(names) - 1
    return Subgroups(tuple(names), tuple(found), q, df, float(stats.chi2.sf(q, df)))


def influence(
    effects: npt.ArrayLike, variances: npt.ArrayLike, *, estimator: Estimator = "REML"
) -> Influence:
    """Return what each study does to the pooled effect.

    With b of all studies and b₍ᵢ₎, τ²₍ᵢ₎ without study i, whose leverage is h: ``residual = (y − b₍ᵢ₎) ÷ √(v + τ²₍ᵢ₎ + se₍ᵢ₎²)``,
    ``dffits = (b − b₍ᵢ₎) ÷ √[h (v + τ²₍ᵢ₎)]``, ``cook = (b − b₍ᵢ₎)² ÷ se²``.

    Args:
        effects, variances, estimator: As for `wardmote.methods.pooling.pool`; at least 3 studies.

    Raises:
        MethodError: Fewer than 3 studies, or what `pool` refuses.

    Source:
        Viechtbauer and Cheung (2010), Research Synthesis Methods 1: 112–125.
    """
    y, v = checked_effects(effects, variances, "influence")
    if len(y) < 3:
        raise MethodError(Problem("influence", "too few studies", str(len(y)), "at least 3"))
    whole = pool(y, v, estimator=estimator)
    one = np.ones((len(y), 1))
    rows = np.arange(len(y))
    b, tau2_without = np.empty((len(y), 3)), np.empty(len(y))
    for out in rows:
        left = rows != out
        tau2 = tau2_without[out] = estimate_tau2(y[left], v[left], one[left], estimator)
        w = 1 / (v + tau2)
        mean = float((w[left] * y[left]).sum() / w[left].sum())
        residual = (y[out] - mean) / np.sqrt(v[out] + tau2 + 1 / w[left].sum())
        moved = (float(whole.estimate[0]) - mean) / np.sqrt(whole.weights[out] * (v[out] + tau2))
        b[out] = residual, moved, mean
    cook = (float(whole.estimate[0]) - b[:, 2]) ** 2 / float(whole.covariance[0, 0])
    return Influence(b[:, 0].copy(), b[:, 1].copy(), cook, whole.weights, tau2_without)


def _series(steps: Sequence[Pooled]) -> Series:
    """Return poolings as arrays."""

    def column(values: Sequence[float]) -> FloatArray:
        return np.asarray(values, dtype=np.float64)

    return Series(
        column([float(one.estimate[0]) for one in steps]),
        column([float(one.standard_error[0]) for one in steps]),
        column([float(one.low[0]) for one in steps]),
        column([float(one.high[0]) for one in steps]),
        column([one.heterogeneity.tau2 for one in steps]),
        column([one.heterogeneity.i2 for one in steps]),
        column([one.heterogeneity.q for one in steps]),
        np.array([one.k for one in steps], dtype=np.int64),
    )
