"""Whether small studies, or studies without a significant result, are missing from a body of evidence.

None of these methods can tell publication bias from other reasons why small studies find more: smaller studies may be of worse design,
or in places where a programme works better. With fewer than ten studies they say next to nothing (Sterne and others 2011, BMJ 343:
d4002): `ENOUGH` stands for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, choose
from wardmote.methods.pooling import Estimator, Pooled, checked_effects, model_matrix, pool

ENOUGH = 10
"""Studies below which tests of funnel asymmetry are not to be used (Sterne and others 2011, BMJ 343: d4002, recommendation 1)."""

Side = Literal["left", "right"]
"""Side of the funnel on which studies are missing: left where low effects are."""

CONTOURS = (0.90, 0.95, 0.99)
"""Levels of significance that a contour-enhanced funnel shows (Peters and others 2008, Journal of Clinical Epidemiology 61: 991–996)."""


@dataclass(frozen=True, slots=True)
class FunnelTest:
    """A regression of effects on their standard errors.

    Attributes:
        slope, slope_error: How effects change with the standard error.
        statistic, df, p_value: Test that the slope is 0: t, or z with infinite degrees of freedom.
        limit, limit_low, limit_high: Effect expected of an endlessly large study, with its interval.
    """

    slope: float
    slope_error: float
    statistic: float
    df: float
    p_value: float
    limit: float
    limit_low: float
    limit_high: float


@dataclass(frozen=True, slots=True)
class PetPeese:
    """The precision-effect estimates.

    Attributes:
        pet: Regression on the standard error.
        peese: Regression on the variance.
        chosen: "PET" or "PEESE".
        estimate, low, high: Of the chosen one.
    """

    pet: FunnelTest
    peese: FunnelTest
    chosen: str
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Pooled effect after studies that would make the funnel symmetric were added.

    Attributes:
        missing: Studies added.
        standard_error: Of that number.
        side: Side on which they are missing.
        p_value: That none is missing; for estimator R0 only, else NaN.
        pooled: The result with them.
        effects, variances: With the added studies at the end.
        settled: Whether the number of missing studies settled; where it moves between two numbers for ever, this is one of them.
    """

    missing: int
    standard_error: float
    side: str
    p_value: float
    pooled: Pooled
    effects: FloatArray
    variances: FloatArray
    settled: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """Pooled effect if studies are published with a probability that depends on their p.

    Attributes:
        estimate, standard_error: Of the effect before selection.
        tau2: Of the effects before selection.
        weights: Chance of publication in each interval of p, relative to the first, shape (s,).
        weights_error: Standard errors, NaN for the first.
        counts: Studies in each interval.
        statistic, df, p_value: Likelihood-ratio test against no selection.
        log_likelihood: Maximised.
        settled: Whether the search ended by its tolerance.
    """

    estimate: float
    standard_error: float
    tau2: float
    weights: FloatArray
    weights_error: FloatArray
    counts: FloatArray
    statistic: float
    df: int
    p_value: float
    log_likelihood: float
    settled: bool


@dataclass(frozen=True, slots=True)
class Funnel:
    """What a funnel plot draws.

    Attributes:
        standard_error: Heights of the lines, from 0 to the largest.
        low, high: Ends of the 95% region around the pooled effect at each height.
        contours: For each level of `CONTOURS`, how far from 0 an effect is significant at each height, shape (levels, heights).
    """

    standard_error: FloatArray
    low: FloatArray
    high: FloatArray
    contours: FloatArray


def egger(
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    predictor: Literal["standard error", "variance"] = "standard error",
    model: Literal["weighted", "random"] = "weighted",
) -> FunnelTest:
    """Return Egger's test: whether studies with larger errors found other effects.

    ``y = a + b s + error`` with weights 1/v; "weighted" scales the error by its own dispersion and uses t with k − 2 degrees of
    freedom (Egger's original, the same as regressing y/s on 1/s); "random" is a meta-regression with τ² by REML and z.

    Args:
        effects, variances: Shape (k,), k ≥ 3.
        predictor: s is the standard error, or the variance.
        model: See above.

    Raises:
        MethodError: Fewer than 3 studies, errors that are all the same, or what `pool` refuses.

    Source:
        Egger and others (1997), BMJ 315: 629–634; Sterne and Egger in Rothstein, Sutton and Borenstein (2005), chapter 6.
    """
    y, v = checked_effects(effects, variances, "egger")
    choose("egger", "predictor", predictor, ("standard error", "variance"))
    choose("egger", "model", model, ("weighted", "random"))
    if len(y) < 3:
        raise MethodError(Problem("egger", "too few studies", str(len(y)), "at least 3, better 10"))
    s = np.sqrt(v) if predictor == "standard error" else v
    if np.ptp(s) == 0:
        raise MethodError(
            Problem("egger", "all studies have the same error", f"{s[0]:g}", "errors that differ")
        )
    if model == "random":
        fit = pool(y, v, s, profile=False)
        b, se, df = fit.estimate, fit.standard_error, float("inf")
    else:
        X = model_matrix(s, len(y), "egger")
        C = np.linalg.inv(X.T @ (X / v[:, None]))
        b = C @ (X.T @ (y / v))
        df = float(len(y) - 2)
        dispersion = float(((y - X @ b) ** 2 / v).sum()) / df
        se = np.sqrt(np.diag(C) * dispersion)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = float(b[1] / se[1])
    tail = stats.norm.sf(abs(t)) if np.isinf(df) else stats.t.sf(abs(t), df)
    q = stats.norm.ppf(0.975) if np.isinf(df) else stats.t.ppf(0.975, df)
    reach = float(q * se[0])
    limit = float(b[0])
    return FunnelTest(float(b[1]), float(se[1]), t, df, 2 * float(tail), limit, limit - reach, limit + reach)


def rank_test(effects: npt.ArrayLike, variances: npt.ArrayLike) -> tuple[float, float]:
    """Return Begg's rank correlation: Kendall's tau of standardised effects and variances, and its p (exact without ties, k < 50).

    Args:
        effects, variances: Shape (k,), k ≥ 3.

    Raises:
        MethodError: Fewer than 3 studies, or what `pool` refuses.

    Source:
        Begg and Mazumdar (1994), Biometrics 50: 1088–1101.
    """
    y, v = checked_effects(effects, variances, "rank test")
    if len(y) < 3:
        raise MethodError(Problem("rank test", "too few studies", str(len(y)), "at least 3, better 10"))
    w = 1 / v
    mean = float((w * y).sum() / w.sum())
    found = stats.kendalltau((y - mean) / np.sqrt(v - 1 / w.sum()), v, method="auto")
    return float(found.statistic), float(found.pvalue)


def pet_peese(effects: npt.ArrayLike, variances: npt.ArrayLike, *, better: int = 1) -> PetPeese:
    """Return the effect expected of an endlessly precise study, by PET or PEESE.

    PET's limit is taken, unless it differs from 0 in the direction of benefit (one-sided p < 0.05): then PEESE's.

    Args:
        effects, variances: Shape (k,), k ≥ 3.
        better: 1 where higher effects are the ones that would be published more, −1 where lower ones.

    Raises:
        MethodError: What `egger` refuses, or another direction.

    Source:
        Stanley and Doucouliagos (2014), Research Synthesis Methods 5: 60–78.
    """
    if better not in (-1, 1):
        raise MethodError(Problem("pet-peese", "better is not a direction", str(better), "1 or −1"))
    pet = egger(effects, variances)
    peese = egger(effects, variances, predictor="variance")
    error = (pet.limit_high - pet.limit) / float(stats.t.ppf(0.975, pet.df))
    one_sided = float(stats.t.sf(better * pet.limit / error, pet.df)) if error > 0 else 0.0
    chosen, part = ("PEESE", peese) if one_sided < 0.05 else ("PET", pet)
    return PetPeese(pet, peese, chosen, part.limit, part.limit_low, part.limit_high)


def trim_and_fill(
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    estimator: Estimator = "REML",
    count: Literal["L0", "R0", "Q0"] = "L0",
    side: Side | None = None,
) -> Trimmed:
    """Return the pooled effect after the studies that would make the funnel symmetric were added.

    Effects are centred, the k₀ most extreme on the full side trimmed, the centre found again, and so on until k₀ settles:
    ``L₀ = [4 T − k (k + 1)] ÷ (2k − 1)`` with T the rank sum (of absolute values) of effects on the full side; ``R₀`` = length of the
    run of largest ranks on that side − 1; ``Q₀ = k − ½ − √(2k² − 4T + ¼)``. Then the k₀ are mirrored about the last centre.

    Args:
        effects, variances: Shape (k,), k ≥ 3.
        estimator: As for `wardmote.methods.pooling.pool`.
        count: Which estimator of the number.
        side: Where studies are missing; by default opposite to where small studies lie (by the sign of Egger's slope).

    Returns:
        The result. It is a what-if, not a correction: added studies never existed.

    Raises:
        MethodError: Fewer than 3 studies, a funnel so lopsided that Q₀ does not exist, or what `pool` refuses.

    Source:
        Duval and Tweedie (2000), Journal of the American Statistical Association 95: 89–98, and Biometrics 56: 455–463.
    """
    y, v = checked_effects(effects, variances, "trim and fill")
    choose("trim and fill", "count", count, ("L0", "R0", "Q0"))
    k = len(y)
    if k < 3:
        raise MethodError(Problem("trim and fill", "too few studies", str(k), "at least 3, better 10"))
    if side is None:
        slope = (
            pool(y, v, np.sqrt(v), estimator=estimator, profile=False).estimate[1]
            if np.ptp(v) > 0 and k > 3
            else 1.0
        )
        side = "right" if slope < 0 else "left"
    choose("trim and fill", "side", side, get_args(Side))
    sign = -1.0 if side == "right" else 1.0  # the full side is made the right one
    order = np.argsort(sign * y, kind="stable")
    flipped, ordered = (sign * y)[order], v[order]
    missing, before = 0, -1
    centre, raw, steps = 0.0, 0.0, 0
    while (
        missing != before and steps < 100
    ):  # it settles in a few steps, or moves between two numbers for ever
        before = missing
        left = slice(0, k - missing)
        kept = estimator if k - missing > 1 else "fixed"
        centre = float(pool(flipped[left], ordered[left], estimator=kept, profile=False).estimate[0])
        raw = _count_missing(flipped - centre, count)
        missing = max(0, round(raw))
        steps += 1
    mirrored = 2 * centre - flipped[k - missing :]
    all_effects = np.concatenate([y, sign * mirrored])
    all_variances = np.concatenate([v, ordered[k - missing :]])
    error, p = _missing_error(k, raw, count)
    return Trimmed(
        missing,
        error,
        side,
        p,
        pool(all_effects, all_variances, estimator=estimator),
        all_effects,
        all_variances,
        missing == before,
    )


def selection_model(
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    steps: npt.ArrayLike = (0.025,),
    alternative: Literal["greater", "less"] = "greater",
) -> Selection:
    """Return the pooled effect if publication depends on one-sided p by steps (Vevea and Hedges); one step is the three-parameter model.

    ``ln L = Σ [ln δ(p_i) + ln φ((y_i − μ)/η_i)/η_i − ln A_i]``, ``η_i² = v_i + τ²``, ``A_i = Σ_j δ_j Pr(p_i in interval j | μ, τ²)``, with
    δ of the first interval 1; by maximum likelihood, standard errors from the numerical Hessian.

    Args:
        effects, variances: Shape (k,).
        steps: Upper ends of intervals of p, rising, above 0 and at most 1; the last interval runs to 1.
        alternative: Direction that was hoped for: greater or less than 0.

    Returns:
        The result. An interval without any study has no estimate: it is refused.

    Raises:
        MethodError: Steps out of order, an empty interval, fewer studies than parameters, or what `pool` refuses.

    Source:
        Vevea and Hedges (1995), Psychometrika 60: 419–435; three parameters: McShane, Böckenholt and Hansen (2016), Perspectives on
        Psychological Science 11: 730–749.
    """
    y, v = checked_effects(effects, variances, "selection model")
    choose("selection model", "alternative", alternative, ("greater", "less"))
    way = 1.0 if alternative == "greater" else -1.0
    x, s = way * y, np.sqrt(v)
    ends = _step_ends(steps)
    place = np.searchsorted(ends, stats.norm.sf(x / s), side="left")
    counts = np.bincount(place, minlength=len(ends)).astype(np.float64)
    _check_steps(counts, len(y))
    bounds = s[:, None] * stats.norm.isf(ends[:-1])[None, :]
    data = _Selected(x, v, bounds, place)
    start = pool(x, v, estimator="ML", profile=False)
    first = [float(start.estimate[0]), np.log(max(start.heterogeneity.tau2, 1e-3 * float(v.mean())))]
    found = _maximise(data, np.array(first + [0.0] * (len(ends) - 1)))
    natural = np.concatenate([found.x[:1], np.exp(found.x[1:])])
    errors = _errors(data, natural)
    ll, null = -float(found.fun), start.log_likelihood
    lrt = max(0.0, 2 * (ll - null))
    return Selection(
        estimate=way * float(natural[0]),
        standard_error=float(errors[0]),
        tau2=float(natural[1]),
        weights=np.concatenate([[1.0], natural[2:]]),
        weights_error=np.concatenate([[np.nan], errors[2:]]),
        counts=counts,
        statistic=lrt,
        df=len(ends) - 1,
        p_value=float(stats.chi2.sf(lrt, len(ends) - 1)),
        log_likelihood=ll,
        settled=bool(np.all(np.isfinite(errors))),
    )


def funnel(pooled: Pooled, variances: npt.ArrayLike, *, heights: int = 51) -> Funnel:
    """Return the lines of a contour-enhanced funnel plot around a pooled effect.

    ``b ± z √(s² + τ²)`` at heights s, and ``z s`` around 0 for the contours.

    Args:
        pooled: The pooled effect.
        variances: Of the studies, for the largest height.
        heights: Number of points of each line, ≥ 2.
    """
    v = np.asarray(variances, dtype=np.float64)
    s = np.linspace(0.0, float(np.sqrt(v.max())), heights)
    reach = stats.norm.ppf(0.975) * np.sqrt(s**2 + pooled.heterogeneity.tau2)
    centre = float(pooled.estimate[0])
    levels = np.array([stats.norm.ppf((1 + level) / 2) for level in CONTOURS])
    return Funnel(s, centre - reach, centre + reach, levels[:, None] * s[None, :])


# ---- trim and fill


def _count_missing(centred: FloatArray, count: str) -> float:
    """Return k₀, not yet rounded, from effects around their centre, in rising order."""
    k = len(centred)
    ranks = stats.rankdata(np.abs(centred), method="ordinal") * np.sign(centred)
    if count == "R0":
        return k - abs(min(float(ranks.min()), 0.0)) - 1
    total = float(ranks[ranks > 0].sum())
    if count == "Q0":
        under = 2 * k**2 - 4 * total + 0.25
        if under < 0:
            what = "the funnel is so lopsided that Q0 does not exist"
            raise MethodError(Problem("trim and fill", what, f"rank sum {total:g}", remedy="Use L0."))
        return k - 0.5 - float(np.sqrt(under))
    return (4 * total - k * (k + 1)) / (2 * k - 1)


def _missing_error(k: int, raw: float, count: str) -> tuple[float, float]:
    """Return the standard error of k₀ (before rounding), and for R₀ the p that nothing is missing."""
    if count == "R0":
        return float(np.sqrt(2 * max(0.0, raw) + 2)), 0.5 ** (max(0, round(raw)) + 1)
    if count == "Q0":
        # Twice the deviation of T over √[(k − ½)² − Q₀ (2k − Q₀ − 1)], by the slope of Q₀ in T.
        slope = (k - 0.5) ** 2 - raw * (2 * k - raw - 1)
        variance = 4 * _rank_variance(k, raw) / slope if slope > 0 else 0.0
    else:
        variance = (16 * _rank_variance(k, raw)) / (2 * k - 1) ** 2
    # Far below 0 (a funnel lopsided the other way) the formula leaves its range.
    return float(np.sqrt(max(variance, 0.0))), float("nan")


def _rank_variance(k: int, n: float) -> float:
    """Return the variance of the rank sum T with n missing studies (Duval and Tweedie 2000, Biometrics 56, p. 459)."""
    return (
        k * (k + 1) * (2 * k + 1) + 10 * n**3 + 27 * n**2 + 17 * n - 18 * k * n**2 - 18 * k * n + 6 * n * k**2
    ) / 24


# ---- selection


@dataclass(frozen=True, slots=True)
class _Selected:
    """Data of a selection model, turned so that higher is the hoped-for direction."""

    x: FloatArray
    v: FloatArray
    bounds: FloatArray  # effects at the steps, falling, (k, s − 1)
    place: npt.NDArray[np.intp]

    def minus_log_likelihood(self, mu: float, tau2: float, weights: FloatArray) -> float:
        """Return −ln L at natural parameters; weights of all intervals, the first 1."""
        eta = np.sqrt(self.v + tau2)
        above = stats.norm.sf((self.bounds - mu) / eta[:, None])
        k = len(self.x)
        shares = np.diff(np.hstack([np.zeros((k, 1)), above, np.ones((k, 1))]), axis=1)
        normal = stats.norm.logpdf((self.x - mu) / eta) - np.log(eta)
        return -float((np.log(weights[self.place]) + normal - np.log(shares @ weights)).sum())


def _step_ends(steps: npt.ArrayLike) -> FloatArray:
    """Return the ends of intervals, the last one 1."""
    ends = np.atleast_1d(np.asarray(steps, dtype=np.float64))
    ends = ends if ends[-1] == 1 else np.append(ends, 1.0)
    if ends[0] <= 0 or (np.diff(ends) <= 0).any() or len(ends) < 2:
        raise MethodError(
            Problem(
                "selection model", "steps are not in order", str(ends.tolist()), "rising, above 0, up to 1"
            )
        )
    return ends


def _check_steps(counts: FloatArray, k: int) -> None:
    """Refuse an interval without studies, and fewer studies than parameters."""
    problems = []
    if (counts == 0).any():
        problems.append(
            Problem(
                "selection model",
                "no study has its p in an interval",
                f"interval {int(np.flatnonzero(counts == 0)[0]) + 1}",
                "studies in every interval",
                "Use other steps.",
            )
        )
    if k <= len(counts) + 1:
        problems.append(Problem("selection model", "too few studies", str(k), f"more than {len(counts) + 1}"))
    if problems:
        raise MethodError(problems)


def _maximise(data: _Selected, start: FloatArray) -> optimize.OptimizeResult:
    """Return the best point of the log scale, from two starts: the given one, and one with strong selection."""

    def target(theta: FloatArray) -> float:
        # Beyond e^±12 a weight or a variance has no more effect on the likelihood that can be told in floating point.
        inside = np.clip(theta[1:], -25.0, 12.0)
        return data.minus_log_likelihood(
            float(theta[0]), float(np.exp(inside[0])), np.concatenate([[1.0], np.exp(inside[1:])])
        )

    strong = start.copy()
    strong[2:] = -1.5
    best: optimize.OptimizeResult | None = None
    for first in (start, strong):
        rough = optimize.minimize(target, first, method="BFGS", options={"gtol": 1e-7})
        fine = optimize.minimize(
            target, rough.x, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000}
        )
        if best is None or fine.fun < best.fun:
            best = fine
    assert best is not None
    return best


def _errors(data: _Selected, natural: FloatArray) -> FloatArray:
    """Return standard errors of μ, τ² and weights from the numerical Hessian on the natural scale; NaN where it is not positive."""
    steps = 1e-4 * np.maximum(np.abs(natural), 1e-2)
    n = len(natural)

    def at(shift: FloatArray) -> float:
        theta = natural + shift
        return data.minus_log_likelihood(
            float(theta[0]), max(float(theta[1]), 0.0), np.concatenate([[1.0], np.maximum(theta[2:], 1e-12)])
        )

    hessian = np.empty((n, n))
    unit = np.diag(steps)
    for i in range(n):
        for j in range(i, n):
            a, b = unit[i], unit[j]
            value = (at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / (4 * steps[i] * steps[j])
            hessian[i, j] = hessian[j, i] = value
    try:
        variances = np.diag(np.linalg.inv(hessian))
    except np.linalg.LinAlgError:
        return np.full(n, np.nan)
    return np.where(variances > 0, np.sqrt(np.maximum(variances, 0.0)), np.nan)
