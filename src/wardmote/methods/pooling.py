"""Pooling what several studies found: fixed and random effects, with or without study characteristics as predictors.

All functions take one effect a study, with its sampling variance; where a study gives several, see `wardmote.methods.multilevel`.
Throughout, ``y`` are effects, ``v`` their sampling variances, ``X`` the model matrix (a column of ones by default), and ::

    W = diag[1 ÷ (v + τ²)]        P = W − W X (X'W X)⁻¹ X'W        Q(τ²) = y'P y
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, choose

Estimator = Literal["fixed", "DL", "HE", "SJ", "PM", "EB", "ML", "REML"]
"""How τ² is estimated; "fixed" sets it to 0."""

ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)
"""All estimators of τ²."""

Test = Literal["z", "knapp-hartung", "modified knapp-hartung"]
"""How coefficients are tested: by the normal distribution; by t with the variance scaled as by Knapp and Hartung; or by the same, where
the scale is never below 1, so that the interval is never narrower than the studies' own errors make it (conservative)."""

ALIKE = 1e-12
"""Knapp and Hartung's scale below which effects count as all alike: they differ by less than a millionth of their errors, which
rounding alone can make. There the plain scale would give an interval without any width."""

TOLERANCE = 1e-10
"""A step of τ² smaller than this share of the mean sampling variance ends the search: far below any published decimal."""

MOST_STEPS = 500
"""Steps of Fisher scoring at most; ten are usual. Beyond them, a bounded search of the likelihood takes over."""


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """How much true effects differ between studies.

    Attributes:
        tau2: τ², variance of true effects, in squared units of the effect; 0 for a fixed-effect model.
        standard_error: Of τ²; NaN for a fixed-effect model.
        low, high: Q-profile interval of τ²; NaN for a fixed-effect model or where nothing is left to estimate it from.
        i2, i2_low, i2_high: Share of total variability that is between studies, 0 to 1, with the interval that τ²'s implies.
        h2: Total variability ÷ sampling variability, ≥ 1; for fixed effects Q ÷ df, which may be less.
        q, q_df, q_p: Cochran's Q (residual, where there are predictors), its degrees of freedom and its p.
    """

    tau2: float
    standard_error: float
    low: float
    high: float
    i2: float
    i2_low: float
    i2_high: float
    h2: float
    q: float
    q_df: int
    q_p: float


@dataclass(frozen=True, slots=True)
class Pooled:
    """What studies found together.

    Attributes:
        estimate: Coefficients, shape (p,); the pooled effect alone where there are no predictors.
        standard_error: Of each, shape (p,).
        covariance: Of the coefficients, shape (p, p).
        low, high: Confidence interval of each, shape (p,).
        statistic, p_value: z or t of each, and its two-sided p, shape (p,).
        df: Degrees of freedom of t; infinite for z.
        prediction_low, prediction_high: Where the true effect of a new study would lie; NaN with predictors (see `predict`).
        heterogeneity: How much true effects differ.
        moderators, moderators_df, moderators_p: Test of all coefficients but the intercept: χ² for z, F for Knapp–Hartung; NaN where
            there is none.
        log_likelihood: Maximised (restricted for REML); for other estimators the unrestricted one at their τ².
        weights: Share of each study in the pooled effect, shape (k,), adding up to 1; leverages where there are predictors.
        k: Number of studies.
        estimator, test, coverage: What was asked for.
    """

    estimate: FloatArray
    standard_error: FloatArray
    covariance: FloatArray
    low: FloatArray
    high: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    df: float
    prediction_low: float
    prediction_high: float
    heterogeneity: Heterogeneity
    moderators: float
    moderators_df: int
    moderators_p: float
    log_likelihood: float
    weights: FloatArray
    k: int
    estimator: str
    test: str
    coverage: float


def pool(
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    predictors: npt.ArrayLike | None = None,
    *,
    estimator: Estimator = "REML",
    test: Test = "z",
    coverage: float = 0.95,
    intercept: bool = True,
    profile: bool = True,
) -> Pooled:
    """Return the pooled effect, or the coefficients of a meta-regression, with intervals and heterogeneity.

    ``b = (X'W X)⁻¹ X'W y`` with ``cov(b) = (X'W X)⁻¹``; Knapp–Hartung scales that by ``Q(τ²) ÷ (k − p)`` and uses t with k − p
    degrees of freedom; the modified one scales by no less than 1. ``I² = τ² ÷ (τ² + s²)`` with the typical sampling variance
    ``s² = (k − p) ÷ tr(P at τ² = 0)``.
    The prediction interval is ``b ± q √(τ² + se²)`` with the quantile of the test (normal, or t with k − p).

    Args:
        effects: One a study, shape (k,), on a scale where errors are about normal (log ratios, not ratios).
        variances: Squared standard errors, shape (k,), > 0.
        predictors: Characteristics of studies, shape (k,) or (k, m).
        estimator: Of τ²; see `estimate_tau2`.
        test: z, or knapp-hartung, which is better calibrated with few studies, or the modified one, which never shortens intervals.
        coverage: Of all intervals, between 0 and 1.
        intercept: Whether a column of ones is put before the predictors.
        profile: Whether the exact interval of τ² (and of I²) is looked for, which takes two searches; NaN without. For loops.

    Returns:
        The pooled result. A single study gives its own effect and interval under "fixed" only.

    Raises:
        MethodError: A variance that is missing, negative or 0; a missing effect; a single study under random effects;
            predictors that repeat one another, or as many coefficients as studies; effects that are all alike under knapp-hartung,
            which finds errors from their differences.

    Source:
        Viechtbauer (2010), Journal of Statistical Software 36(3); Raudenbush (2009) in Cooper, Hedges and Valentine, pp. 295–315;
        Knapp and Hartung (2003), Statistics in Medicine 22: 2693–2710; Röver, Knapp and Friede (2015), BMC Medical Research
        Methodology 15: 99 (the modified one); Higgins and Thompson (2002), Statistics in Medicine 21: 1539–1558 (I²).
    """
    y, v = checked_effects(effects, variances, "pool")
    X = model_matrix(predictors, len(y), "pool", intercept=intercept)
    choose("pool", "estimator", estimator, ESTIMATORS)
    choose("pool", "test", test, get_args(Test))
    _coverage(coverage)
    k, p = X.shape
    if k == p and (estimator != "fixed" or test != "z"):
        what = "too few studies for a random-effects model" if p == 1 else "as many coefficients as studies"
        raise MethodError(
            Problem("pool", what, f"{k} of {p}", f"at least {p + 1} studies", "Report each study by itself.")
        )
    tau2 = estimate_tau2(y, v, X, estimator)
    w = 1 / (v + tau2)
    C, residual = _fit(y, w, X)
    b = C @ (X.T @ (w * y))
    covariance = C
    df = float("inf")
    if test != "z":
        covariance = C * _scale(float(w @ residual**2) / (k - p), test)
        df = float(k - p)
    q = _quantile(coverage, df)
    se = np.sqrt(np.diag(covariance))
    heterogeneity = _heterogeneity(
        y, v, X, tau2=tau2, estimator=estimator, coverage=coverage if profile else 0.0
    )
    reach = q * float(np.sqrt(tau2 + se[0] ** 2)) if p == 1 and intercept else float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = b / se
    moderators = _moderators(b, covariance, X, intercept, df)
    hat = w * ((X @ C) * X).sum(axis=1)
    return Pooled(
        estimate=b,
        standard_error=se,
        covariance=covariance,
        low=b - q * se,
        high=b + q * se,
        statistic=statistic,
        p_value=two_sided(statistic, df),
        df=df,
        prediction_low=float(b[0]) - reach,
        prediction_high=float(b[0]) + reach,
        heterogeneity=heterogeneity,
        moderators=moderators[0],
        moderators_df=moderators[1],
        moderators_p=moderators[2],
        log_likelihood=log_likelihood(y, v, X, tau2, restricted=estimator == "REML"),
        weights=hat,
        k=k,
        estimator=estimator,
        test=test,
        coverage=coverage,
    )


def predict(pooled: Pooled, at: npt.ArrayLike) -> tuple[float, float, float, float, float]:
    """Return the effect that a meta-regression expects at given characteristics, its interval and its prediction interval.

    Args:
        pooled: A result of `pool`.
        at: One row of the model matrix, shape (p,), its 1 for the intercept included.

    Returns:
        Estimate, low, high, prediction low, prediction high.

    Raises:
        MethodError: The row does not have p numbers.
    """
    row = np.asarray(at, dtype=np.float64)
    if row.shape != pooled.estimate.shape:
        raise MethodError(
            Problem("predict", "the row does not fit the model", str(row.shape), str(pooled.estimate.shape))
        )
    centre = float(row @ pooled.estimate)
    variance = float(row @ pooled.covariance @ row)
    q = float(_quantile(pooled.coverage, pooled.df))
    near = q * variance**0.5
    far = q * (variance + pooled.heterogeneity.tau2) ** 0.5
    return centre, centre - near, centre + near, centre - far, centre + far


def prediction_interval(pooled: Pooled) -> tuple[float, float]:
    """Return where the true effect of a new study would lie, by t with k − p − 1 degrees of freedom.

    ``b ± t(k − p − 1) √(τ² + se²)``: wider than the interval of `pool`, since τ² itself is estimated.

    Args:
        pooled: A result of `pool` without predictors.

    Returns:
        Low and high, in units of the effect; NaN with fewer than 3 studies, or with predictors.

    Source:
        Higgins, Thompson and Spiegelhalter (2009), Journal of the Royal Statistical Society A 172: 137–159, equation 12 (k − 2).
    """
    df = pooled.k - 2
    if len(pooled.estimate) != 1 or df < 1:
        return float("nan"), float("nan")
    spread = (pooled.heterogeneity.tau2 + float(pooled.standard_error[0]) ** 2) ** 0.5
    reach = _quantile(pooled.coverage, df) * spread
    return float(pooled.estimate[0]) - reach, float(pooled.estimate[0]) + reach


def estimate_tau2(y: FloatArray, v: FloatArray, X: FloatArray, estimator: Estimator) -> float:
    """Return τ², never negative.

    ``DL = (Q(0) − (k − p)) ÷ tr P(0)``; ``HE`` the same with equal weights; ``SJ = τ₀² Q ÷ (k − p)`` at weights
    ``1 ÷ (v + τ₀²)``, ``τ₀² = Σ(y − ȳ)² ÷ k``; ``PM`` (and its equal, ``EB``) solves ``Q(τ²) = k − p``; ``ML`` and ``REML`` by Fisher
    scoring, steps ``(y'PPy − tr W) ÷ tr W²`` and ``(y'PPy − tr P) ÷ tr P²``, truncated at 0.

    Args:
        y: Effects, shape (k,).
        v: Sampling variances, shape (k,).
        X: Model matrix, shape (k, p), p < k unless fixed.
        estimator: Which.

    Source:
        DerSimonian and Laird (1986), Controlled Clinical Trials 7: 177–188; Hedges and Olkin (1985), pp. 189–196; Sidik and Jonkman
        (2005), Applied Statistics 54: 367–384; Paule and Mandel (1982), Journal of Research of the National Bureau of Standards 87:
        377–385; Morris (1983), Journal of the American Statistical Association 78: 47–55 (EB); Viechtbauer (2005), Journal of
        Educational and Behavioral Statistics 30: 261–293 (ML, REML).
    """
    k, p = X.shape
    if estimator == "fixed" or k == p:
        return 0.0
    if estimator in ("DL", "HE"):
        w = 1 / v if estimator == "DL" else np.ones(k)
        C, residual = _fit(y, w, X)
        # tr P V = Σ w v − tr[C X'W V W X]
        expected = float(w @ v) - float(np.vdot(C, X.T @ ((w * w * v)[:, None] * X)))
        return max(0.0, (float(w @ residual**2) - expected) / _traces(w, X, C)[0])
    if estimator == "SJ":
        first = float(np.var(y))
        if first == 0:
            return 0.0
        P = projection(1 / (v + first), X)
        return float(first * (y @ P @ y) / (k - p))
    if estimator in ("PM", "EB"):
        return _where_q_is(k - p, y, v, X)
    return _scoring(y, v, X, restricted=estimator == "REML")


def projection(w: FloatArray, X: FloatArray) -> FloatArray:
    """Return P = W − W X (X'W X)⁻¹ X'W, shape (k, k).

    Args:
        w: Weights, shape (k,).
        X: Model matrix, shape (k, p).
    """
    WX = w[:, None] * X
    return np.asarray(np.diag(w) - WX @ np.linalg.solve(X.T @ WX, WX.T))


def log_likelihood(y: FloatArray, v: FloatArray, X: FloatArray, tau2: float, *, restricted: bool) -> float:
    """Return the log-likelihood of τ² with the coefficients profiled out.

    ``−½ [(k − p) ln 2π − ln|X'X| + Σ ln(v + τ²) + ln|X'W X| + Q(τ²)]`` restricted; without the terms in X, and with k for k − p,
    unrestricted.

    Args:
        y: Effects, shape (k,).
        v: Sampling variances, shape (k,).
        X: Model matrix, shape (k, p).
        tau2: τ², ≥ 0.
        restricted: Whether the restricted one is wanted.
    """
    k, p = X.shape
    w = 1 / (v + tau2)
    q = _q(y, v, X, tau2)
    if not restricted:
        return float(-0.5 * (k * np.log(2 * np.pi) - np.log(w).sum() + q))
    if p == 1:
        xx = X[:, 0] ** 2
        ratio = float(np.log(float(w @ xx) / float(xx.sum())))
    else:
        ratio = float(np.linalg.slogdet(X.T @ (w[:, None] * X))[1] - np.linalg.slogdet(X.T @ X)[1])
    return float(-0.5 * ((k - p) * np.log(2 * np.pi) - float(np.log(w).sum()) + ratio + q))


def q_profile(y: FloatArray, v: FloatArray, X: FloatArray, coverage: float = 0.95) -> tuple[float, float]:
    """Return an exact interval of τ²: all values for which Q(τ²) is between its χ² quantiles, cut off at 0.

    Args:
        y: Effects, shape (k,).
        v: Sampling variances, shape (k,).
        X: Model matrix, shape (k, p).
        coverage: Of the interval.

    Returns:
        Low and high; NaN where nothing is left to estimate τ² from.

    Source:
        Viechtbauer (2007), Statistics in Medicine 26: 37–52.
    """
    df = X.shape[0] - X.shape[1]
    if df < 1:
        return float("nan"), float("nan")
    high, low = (
        _where_q_is(float(special.chdtri(df, 1 - share)), y, v, X)
        for share in ((1 - coverage) / 2, (1 + coverage) / 2)
    )
    return low, high


def two_sided(statistic: FloatArray, df: float) -> FloatArray:
    """Return two-sided p by t, or by the normal distribution where degrees of freedom are infinite.

    Args:
        statistic: z or t, any shape.
        df: Degrees of freedom.
    """
    size = np.abs(statistic)
    return np.asarray(2 * (special.ndtr(-size) if np.isinf(df) else special.stdtr(df, -size)))


def checked_effects(
    effects: npt.ArrayLike, variances: npt.ArrayLike, method: str
) -> tuple[FloatArray, FloatArray]:
    """Return effects and variances as arrays of one shape (k,), or refuse them with all that is wrong.

    Args:
        effects: Shape (k,).
        variances: Shape (k,).
        method: Name of the method, for the error.

    Raises:
        MethodError: Shapes differ or are not (k,), there is no study, a number is missing or infinite, a variance is not positive.
    """
    y = np.asarray(effects, dtype=np.float64)
    v = np.asarray(variances, dtype=np.float64)
    if y.ndim != 1 or y.shape != v.shape or y.size == 0:
        raise MethodError(
            Problem(
                method,
                "effects and variances do not fit",
                f"shapes {y.shape} and {v.shape}",
                "(k,) both, k ≥ 1",
            )
        )
    if np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all():
        return y, v
    problems = []
    for what, bad, expected in (
        ("an effect is missing or infinite", ~np.isfinite(y), "a number"),
        ("a variance is missing or infinite", ~np.isfinite(v), "a number above 0"),
        ("a variance is 0 or negative", v <= 0, "a number above 0"),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            got = f"{(y if 'effect' in what else v)[row]:g} in effect {row + 1}"
            remedy = "Leave the study out of the pooling and list it beside."
            problems.append(Problem(method, what, got, expected, remedy))
    raise MethodError(problems)


def model_matrix(
    predictors: npt.ArrayLike | None, k: int, method: str, *, intercept: bool = True
) -> FloatArray:
    """Return the model matrix, shape (k, p), or refuse predictors that cannot be told apart.

    Args:
        predictors: Shape (k,) or (k, m), or None for the column of ones alone.
        k: Number of studies.
        method: Name of the method, for the error.
        intercept: Whether a column of ones is put first.

    Raises:
        MethodError: Lengths differ, a predictor is missing, columns repeat one another, or there are more columns than studies.
    """
    if predictors is None:
        return np.ones((k, 1))
    columns = [np.ones((k, 1))] if intercept else []
    if predictors is not None:
        given = np.asarray(predictors, dtype=np.float64)
        given = given[:, None] if given.ndim == 1 else given
        if given.ndim != 2 or len(given) != k:
            raise MethodError(Problem(method, "predictors do not fit", str(given.shape), f"({k}, m)"))
        if not np.isfinite(given).all():
            row = int(np.flatnonzero(~np.isfinite(given).all(axis=1))[0])
            raise MethodError(
                Problem(
                    method,
                    "a predictor is missing",
                    f"study {row + 1}",
                    "a number for every study",
                    "Leave out the study or the predictor.",
                )
            )
        columns.append(given)
    X = np.hstack(columns)
    if X.shape[1] > k or np.linalg.matrix_rank(X) < X.shape[1]:
        raise MethodError(
            Problem(
                method,
                "predictors cannot be told apart",
                f"{X.shape[1]} columns for {k} studies, of rank {np.linalg.matrix_rank(X)}",
                "columns that do not repeat one another, and fewer of them than studies",
            )
        )
    return X


def _coverage(coverage: float) -> None:
    """Refuse a coverage outside 0 to 1."""
    if not 0 < coverage < 1:
        raise MethodError(Problem("pool", "coverage is out of range", f"{coverage:g}", "between 0 and 1"))


def _scale(found: float, test: Test) -> float:
    """Return what the covariance is multiplied by, or refuse effects from whose differences no error can be found."""
    if test == "modified knapp-hartung":
        return max(1.0, found)
    if found < ALIKE:
        raise MethodError(
            Problem(
                "pool",
                "effects are all alike, so that errors cannot be found from their differences",
                expected="effects that differ",
                remedy="Use the test z or modified knapp-hartung, and ask whether the same study stands there several times.",
            )
        )
    return found


def _quantile(coverage: float, df: float) -> float:
    """Return the upper quantile of a two-sided interval."""
    share = (1 + coverage) / 2
    return float(special.ndtri(share) if np.isinf(df) else special.stdtrit(df, share))


def _fit(y: FloatArray, w: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (X'W X)⁻¹ and the residuals of weighted least squares; one column of ones, the usual case, without any solving."""
    if X.shape[1] == 1:
        x = X[:, 0]
        total = float(w @ (x * x))
        return np.array([[1 / total]]), y - x * (float((w * x) @ y) / total)
    WX = w[:, None] * X
    C: FloatArray = np.linalg.inv(X.T @ WX).astype(np.float64)
    return C, y - X @ (C @ (WX.T @ y))


def _residual(y: FloatArray, w: FloatArray, X: FloatArray) -> FloatArray:
    """Return the residuals of weighted least squares alone, for searches."""
    if X.shape[1] == 1:
        x = X[:, 0]
        wx = w * x
        return y - x * (float(wx @ y) / float(wx @ x))
    return _fit(y, w, X)[1]


def _q(y: FloatArray, v: FloatArray, X: FloatArray, tau2: float) -> float:
    """Return Q(τ²): the weighted sum of squared residuals."""
    w = 1 / (v + tau2)
    residual = _residual(y, w, X)
    return float((w * residual) @ residual)


def _traces(w: FloatArray, X: FloatArray, C: FloatArray) -> tuple[float, float]:
    """Return tr P and tr P² from sums over studies, without the matrix P."""
    w2 = w * w
    if X.shape[1] == 1:
        xx, c = X[:, 0] ** 2, float(C[0, 0])
        one, two = c * float(w2 @ xx), c * float((w2 * w) @ xx)
        return float(w.sum()) - one, float(w2.sum()) - 2 * two + one**2
    first = C @ (X.T @ (w2[:, None] * X))
    second = C @ (X.T @ ((w2 * w)[:, None] * X))
    trace = float(w.sum()) - float(np.trace(first))
    return trace, float(w2.sum()) - 2 * float(np.trace(second)) + float((first * first.T).sum())


def _where_q_is(target: float, y: FloatArray, v: FloatArray, X: FloatArray) -> float:
    """Return the τ² at which Q falls to a target, or 0 where it is below from the start.

    Q falls and is convex in τ², so Newton's steps from 0 never pass the root (DerSimonian and Kacker 2007, Contemporary Clinical Trials
    28: 105–114); dQ/dτ² = −Σ w² residual².
    """
    tau2, scale = 0.0, float(v.mean())
    for _ in range(MOST_STEPS):
        w = 1 / (v + tau2)
        residual = _residual(y, w, X)
        wr = w * residual
        over = float(wr @ residual) - target
        slope = float(wr @ wr)
        if over <= 0 or slope == 0:
            return tau2
        step = over / slope
        tau2 += step
        if step <= TOLERANCE * scale:
            return tau2
    return tau2


def _scoring(y: FloatArray, v: FloatArray, X: FloatArray, *, restricted: bool) -> float:
    """Return τ² by Fisher scoring from the Hedges estimate, by a bounded search of the likelihood where scoring does not settle."""
    tau2 = estimate_tau2(y, v, X, "HE")
    for _ in range(MOST_STEPS):
        w = 1 / (v + tau2)
        C, residual = _fit(y, w, X)
        Py = w * residual
        trace, square = _traces(w, X, C) if restricted else (float(w.sum()), float(w @ w))
        step = (float(Py @ Py) - trace) / square
        new = max(0.0, tau2 + step)
        if abs(new - tau2) <= TOLERANCE * float(v.mean()):
            return new
        tau2 = new
    top = 10 * (float(np.var(y)) + float(v.max()))
    found = optimize.minimize_scalar(
        lambda t: -log_likelihood(y, v, X, float(t), restricted=restricted),
        bounds=(0.0, top),
        method="bounded",
        options={"xatol": TOLERANCE * float(v.mean())},
    )
    return float(found.x)


def _heterogeneity(
    y: FloatArray, v: FloatArray, X: FloatArray, *, tau2: float, estimator: Estimator, coverage: float
) -> Heterogeneity:
    """Return τ² with its interval (unless coverage is 0) and what follows from it."""
    k, p = X.shape
    df = k - p
    if df == 0:
        return Heterogeneity(0.0, *(float("nan"),) * 3, 0.0, *(float("nan"),) * 2, 1.0, 0.0, 0, 1.0)
    w = 1 / v
    C, residual = _fit(y, w, X)
    q = float((w * residual) @ residual)
    traces = _traces(w, X, C)
    typical = df / traces[0]
    low, high, se = float("nan"), float("nan"), float("nan")
    i2 = tau2 / (tau2 + typical)
    h2 = 1 + tau2 / typical
    if estimator != "fixed":
        low, high = q_profile(y, v, X, coverage) if coverage else (low, high)
        se = _tau2_error(y, v, X, tau2, estimator, plain=traces)
    else:
        # Without a τ², what is said of heterogeneity rests on Q alone: I² = (Q − df) ÷ Q.
        i2, h2 = max(0.0, (q - df) / q) if q > 0 else 0.0, q / df
    ends = (low / (low + typical), high / (high + typical))
    return Heterogeneity(tau2, se, low, high, i2, *ends, h2, q, df, float(special.chdtrc(df, q)))


def _tau2_error(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    tau2: float,
    estimator: Estimator,
    *,
    plain: tuple[float, float],
) -> float:
    """Return the standard error of τ² by the estimator's own expected information or moments; plain: traces of P, P² at τ² = 0."""
    k, p = X.shape
    w = 1 / (v + tau2)
    if estimator == "ML":
        return float(np.sqrt(2 / (w**2).sum()))
    if estimator in ("PM", "EB"):
        return float(np.sqrt(2 * k**2 / (k - p)) / w.sum())
    if estimator == "REML":
        return float(np.sqrt(2 / _traces(w, X, _fit(y, w, X)[0])[1]))
    if estimator == "DL":
        # P V is idempotent here, so that its traces are k − p and tr P.
        trace, square = plain
        return float(np.sqrt(2 * (k - p) + 4 * tau2 * trace + 2 * tau2**2 * square) / trace)
    first = float(np.var(y))
    w0 = np.ones(k) if estimator == "HE" else 1 / (v + first)
    P = projection(w0, X)
    PV = P * v[None, :]
    moment = 2 * (PV * PV.T).sum() + 4 * tau2 * (PV * P).sum() + 2 * tau2**2 * (P * P).sum()
    if estimator == "SJ":
        return float(first / (k - p) * np.sqrt(moment))
    return float(np.sqrt(moment) / np.trace(P))


def _moderators(
    b: FloatArray, covariance: FloatArray, X: FloatArray, intercept: bool, df: float
) -> tuple[float, int, float]:
    """Return the test that all coefficients but the intercept are 0: statistic, number tested, p."""
    start = 1 if intercept else 0
    m = len(b) - start
    if m == 0 or (X.shape[1] == 1 and bool(np.all(X == 1))):
        return float("nan"), 0, float("nan")
    part = b[start:]
    q = float(part @ np.linalg.solve(covariance[start:, start:], part))
    if np.isinf(df):
        return q, m, float(special.chdtrc(m, q))
    return q / m, m, float(special.fdtrc(m, df, q / m))
