"""How a pooled effect came about: study by study, year by year, subgroup by subgroup."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.pooling import Estimator, Pooled, Test, checked_effects, model_matrix, pool


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
    """What each study does to the pooled effect, or to the coefficients of a meta-regression; fields have the shape (k,) unless said.

    Attributes:
        residual: Standardised residual from the model of all the others; beyond ±1.96 the study does not fit.
        dffits: How far the study's own expected effect moves with it, in standard errors without it.
        cook: Squared distance that all coefficients move with it, in standard errors of the whole.
        covariance_ratio: Generalised variance of the coefficients without it ÷ with it; below 1 the study makes them less sure.
        tau2_without, q_without: τ² and Q without it.
        leverage: How much its own effect decides what is expected of it; they add up to the number of coefficients.
        weight: Share of all weight, adding up to 1.
        dfbetas: How far each coefficient moves, in standard errors without it, shape (k, p).
        stands_out: Whether it is influential by the rule of the source.
    """

    residual: FloatArray
    dffits: FloatArray
    cook: FloatArray
    covariance_ratio: FloatArray
    tau2_without: FloatArray
    q_without: FloatArray
    leverage: FloatArray
    weight: FloatArray
    dfbetas: FloatArray
    stands_out: npt.NDArray[np.bool_]


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
    return _series(
        [
            pool(y[every != out], v[every != out], estimator=estimator, test=test, profile=False)
            for out in every
        ]
    )


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
        pool(y[rows[:end]], v[rows[:end]], estimator=estimator if end > 1 else "fixed", profile=False)
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
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    predictors: npt.ArrayLike | None = None,
    *,
    estimator: Estimator = "REML",
) -> Influence:
    """Return what each study does to the pooled effect, or to a meta-regression.

    With b, h (leverage) and covariance C of all studies, and b₍ᵢ₎, τ²₍ᵢ₎, C₍ᵢ₎ without study i, whose row of the model matrix is x:
    ``residual = (y − x'b₍ᵢ₎) ÷ √(v + τ²₍ᵢ₎ + x'C₍ᵢ₎x)``, ``dffits = x'(b − b₍ᵢ₎) ÷ √[h (v + τ²₍ᵢ₎)]``,
    ``cook = (b − b₍ᵢ₎)'C⁻¹(b − b₍ᵢ₎)``, ``covariance ratio = |C₍ᵢ₎| ÷ |C|``, ``dfbetas = (b − b₍ᵢ₎) ÷ √diag C`` with C at τ²₍ᵢ₎. A study
    stands out where ``|dffits| > 3 √[p ÷ (k − p)]``, where Cook's distance is beyond the median of χ² with p degrees of freedom, where
    ``h > 3p ÷ k``, or where a ``|dfbetas| > 1``.

    Args:
        effects, variances, predictors, estimator: As for `wardmote.methods.pooling.pool`; at least 2 studies more than coefficients.

    Raises:
        MethodError: Too few studies, a study without which the coefficients cannot be told apart, or what `pool` refuses.

    Source:
        Viechtbauer and Cheung (2010), Research Synthesis Methods 1: 112–125, equations 4 to 13 and p. 118.
    """
    y, v = checked_effects(effects, variances, "influence")
    X = model_matrix(predictors, len(y), "influence")
    k, p = X.shape
    if k < p + 2:
        raise MethodError(Problem("influence", "too few studies", str(k), f"at least {p + 2}"))
    whole = pool(y, v, X, estimator=estimator, intercept=False, profile=False)
    rows, precision = np.arange(k), np.linalg.inv(whole.covariance)
    single, dfbetas = np.empty((6, k)), np.empty((k, p))
    for out in rows:
        rest = rows != out
        if np.linalg.matrix_rank(X[rest]) < p:
            what = "without one study the coefficients cannot be told apart"
            raise MethodError(Problem("influence", what, f"study {out + 1}", remedy="Leave it out."))
        left = pool(y[rest], v[rest], X[rest], estimator=estimator, intercept=False, profile=False)
        tau2, x, moved = left.heterogeneity.tau2, X[out], whole.estimate - left.estimate
        spread = v[out] + tau2 + x @ left.covariance @ x
        single[:, out] = (
            (y[out] - x @ left.estimate) / np.sqrt(spread),
            (x @ moved) / np.sqrt(whole.weights[out] * (v[out] + tau2)),
            moved @ precision @ moved,
            np.linalg.det(left.covariance) / np.linalg.det(whole.covariance),
            tau2,
            left.heterogeneity.q,
        )
        dfbetas[out] = moved / np.sqrt(np.diag(np.linalg.inv(X.T @ (X / (v + tau2)[:, None]))))
    w = 1 / (v + whole.heterogeneity.tau2)
    far = np.abs(single[1]) > 3 * np.sqrt(p / (k - p))
    far |= (single[2] > stats.chi2.ppf(0.5, p)) | (whole.weights > 3 * p / k)
    far |= (np.abs(dfbetas) > 1).any(axis=1)
    residual, dffits, cook, ratio, tau2_without, q_without = single
    return Influence(
        residual, dffits, cook, ratio, tau2_without, q_without, whole.weights, w / w.sum(), dfbetas, far
    )


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
