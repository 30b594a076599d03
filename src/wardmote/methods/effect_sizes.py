"""Effects and their sampling variances, from whatever a study prints: means, counts, test statistics, intervals, clusters.

Every function returns `Effects`. Group 1 is the programme, group 2 the comparison: a positive difference means more of the outcome
under the programme, and whether more is better is said elsewhere. Arrays broadcast; a missing input gives a missing effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, choose

Ratio = Literal["odds ratio", "risk ratio", "risk difference"]
"""What is made from counts."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects on the scale on which they are pooled.

    Attributes:
        estimate: Effects; ratios and odds as natural logarithms, correlations as Fisher's z.
        variance: Sampling variances, in squared units of the effect.
    """

    estimate: FloatArray
    variance: FloatArray

    @property
    def standard_error(self) -> FloatArray:
        """Return the square roots of the variances."""
        return np.asarray(np.sqrt(self.variance))


@dataclass(frozen=True, slots=True)
class Group:
    """What a study prints of one group, each one number or an array by study.

    Attributes:
        mean: Mean of the outcome, or mean change of it, as the function asks.
        sd: Standard deviation, > 0 (before the programme, for changes).
        n: People, whole numbers.
    """

    mean: npt.ArrayLike
    sd: npt.ArrayLike
    n: npt.ArrayLike


def correction(df: npt.ArrayLike) -> FloatArray:
    """Return Hedges' small-sample correction ``J = Γ(m/2) ÷ [√(m/2) Γ((m − 1)/2)]`` for m degrees of freedom, exactly.

    Args:
        df: Degrees of freedom, > 1.

    Raises:
        MethodError: Degrees of freedom of 1 or less, for which J is not defined.

    Source:
        Hedges (1981), Journal of Educational Statistics 6: 107–128, equation 6e.
    """
    m = np.asarray(df, dtype=np.float64)
    _refuse("hedges correction", {"degrees of freedom": m}, above=1)
    return np.asarray(np.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / np.sqrt(m / 2))


def mean_difference(programme: Group, comparison: Group, *, pooled: bool = False) -> Effects:
    """Return differences of means in the outcome's own units, with variance ``s₁²/n₁ + s₂²/n₂``.

    Args:
        programme, comparison: Mean, standard deviation (> 0) and number (≥ 2) of each.
        pooled: Whether one standard deviation, pooled over both groups, stands for both.

    Raises:
        MethodError: Standard deviations or numbers out of range.
    """
    m1, s1, n1, m2, s2, n2 = _two(programme, comparison)
    _refuse("mean difference", {"sd of the programme": s1, "sd of the comparison": s2}, above=0)
    _refuse("mean difference", {"n_1": n1, "n_2": n2}, above=1)
    if pooled:
        s1 = s2 = _pooled_sd(s1, n1, s2, n2)
    return Effects(m1 - m2, s1**2 / n1 + s2**2 / n2)


def standardised_mean_difference(programme: Group, comparison: Group) -> Effects:
    """Return Hedges' g: ``J (m₁ − m₂) ÷ s`` with the pooled s, and variance ``1/n₁ + 1/n₂ + g² ÷ [2 (n₁ + n₂)]``.

    Args:
        programme, comparison: Mean, standard deviation (> 0) and number (≥ 2) of each.

    Raises:
        MethodError: Standard deviations or numbers out of range.

    Source:
        Hedges (1981), Journal of Educational Statistics 6: 107–128; variance: Hedges and Olkin (1985), p. 86, equation 15.
    """
    m1, s1, n1, m2, s2, n2 = _two(programme, comparison)
    _refuse("standardised mean difference", {"sd of the programme": s1, "sd of the comparison": s2}, above=0)
    _refuse("standardised mean difference", {"n_1": n1, "n_2": n2}, above=1)
    return smd_from_d((m1 - m2) / _pooled_sd(s1, n1, s2, n2), n1, n2)


def smd_from_d(d: npt.ArrayLike, n_1: npt.ArrayLike, n_2: npt.ArrayLike) -> Effects:
    """Return Hedges' g from Cohen's d (pooled standard deviation) and the two numbers; see `standardised_mean_difference`.

    Args:
        d: Difference of means in pooled standard deviations.
        n_1, n_2: People in each group, ≥ 2.

    Raises:
        MethodError: Numbers out of range.
    """
    plain, n1, n2 = _arrays(d, n_1, n_2)
    _refuse("standardised mean difference", {"n_1": n1, "n_2": n2}, above=1)
    g = correction(n1 + n2 - 2) * plain
    return Effects(g, 1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2)))


def smd_from_t(t: npt.ArrayLike, n_1: npt.ArrayLike, n_2: npt.ArrayLike) -> Effects:
    """Return Hedges' g from the t of two independent groups, ``d = t √(1/n₁ + 1/n₂)``.

    Args:
        t: Positive where the programme group has the higher mean.
        n_1, n_2: People in each group, ≥ 2.

    Raises:
        MethodError: Numbers out of range.

    Source:
        Borenstein in Cooper, Hedges and Valentine (2009), Handbook of Research Synthesis and Meta-Analysis, p. 228.
    """
    value, n1, n2 = _arrays(t, n_1, n_2)
    return smd_from_d(value * np.sqrt(1 / n1 + 1 / n2), n1, n2)


def smd_from_f(f: npt.ArrayLike, n_1: npt.ArrayLike, n_2: npt.ArrayLike, sign: npt.ArrayLike) -> Effects:
    """Return Hedges' g from the F of two groups (one degree of freedom): ``t = ±√F``.

    Args:
        f: F, ≥ 0.
        n_1, n_2: Numbers.
        sign: 1 where the programme group has the higher mean, −1 where the lower: F does not say.

    Raises:
        MethodError: A negative F, a sign that is neither.
    """
    value, n1, n2, way = _arrays(f, n_1, n_2, sign)
    _refuse("smd from F", {"F": value}, least=0)
    _signs("smd from F", way)
    return smd_from_t(way * np.sqrt(value), n1, n2)


def smd_from_p(p: npt.ArrayLike, n_1: npt.ArrayLike, n_2: npt.ArrayLike, sign: npt.ArrayLike) -> Effects:
    """Return Hedges' g from the two-sided p of a t-test of two groups: ``|t|`` is its quantile with n₁ + n₂ − 2 degrees of freedom.

    A p printed as a bound (p < 0.05) gives the smallest effect that fits it; say so beside the number.

    Args:
        p: Two-sided, above 0 and at most 1.
        n_1, n_2: Numbers.
        sign: 1 or −1, as for `smd_from_f`.

    Raises:
        MethodError: p out of range, a sign that is neither.
    """
    share, n1, n2, way = _arrays(p, n_1, n_2, sign)
    _refuse("smd from p", {"p": share}, above=0, most=1)
    _signs("smd from p", way)
    return smd_from_t(way * stats.t.isf(share / 2, n1 + n2 - 2), n1, n2)


def pre_post(
    mean_after: npt.ArrayLike,
    mean_before: npt.ArrayLike,
    sd_before: npt.ArrayLike,
    n: npt.ArrayLike,
    correlation: npt.ArrayLike,
) -> Effects:
    """Return the standardised change within one group: ``J (after − before) ÷ s_before``, variance ``2 (1 − r)/n + g²/(2n)``.

    Without a comparison group this is no effect of a programme: what would have happened anyway is in it.

    Args:
        mean_after, mean_before: Means of the same people.
        sd_before: Standard deviation before, > 0.
        n: People measured twice, ≥ 3.
        correlation: Between the two measurements, −1 to 1; where it is not printed, an assumption to vary.

    Raises:
        MethodError: Inputs out of range.

    Source:
        Becker (1988), British Journal of Mathematical and Statistical Psychology 41: 257–278, equations 2 and 13.
    """
    after, before, s, number, r = _arrays(mean_after, mean_before, sd_before, n, correlation)
    _refuse("pre-post", {"sd_before": s}, above=0)
    _refuse("pre-post", {"n": number}, above=2)
    _refuse("pre-post", {"correlation": r}, least=-1, most=1)
    g = correction(number - 1) * (after - before) / s
    return Effects(g, 2 * (1 - r) / number + g**2 / (2 * number))


def pre_post_control(programme: Group, comparison: Group, correlation: npt.ArrayLike) -> Effects:
    """Return the standardised difference of two changes: ``g = c (change₁ − change₂) ÷ s_before``, the s pooled, c Hedges' J.

    ``variance = 2 c² (1 − r) [(n₁ + n₂)/(n₁ n₂)] [m/(m − 2)] [1 + g² n₁ n₂ / (2 (1 − r)(n₁ + n₂))] − g²`` with m = n₁ + n₂ − 2.

    Args:
        programme, comparison: Mean change (after minus before), standard deviation before (> 0) and people (≥ 3) of each.
        correlation: Between the two measurements, −1 to below 1.

    Raises:
        MethodError: Inputs out of range.

    Source:
        Morris (2008), Organizational Research Methods 11: 364–386, equations 8 and 25.
    """
    c1, s1, n1, c2, s2, n2 = _two(programme, comparison)
    r = np.asarray(correlation, dtype=np.float64)
    _refuse("pre-post-control", {"sd of the programme": s1, "sd of the comparison": s2}, above=0)
    _refuse("pre-post-control", {"n_1": n1, "n_2": n2}, above=2)
    _refuse("pre-post-control", {"correlation": r}, least=-1, below=1)
    m = n1 + n2 - 2
    c = correction(m)
    g = c * (c1 - c2) / _pooled_sd(s1, n1, s2, n2)
    ratio = n1 * n2 / (n1 + n2)
    variance = 2 * c**2 * (1 - r) / ratio * m / (m - 2) * (1 + g**2 * ratio / (2 * (1 - r))) - g**2
    return Effects(g, variance)


def from_counts(
    events_1: npt.ArrayLike,
    n_1: npt.ArrayLike,
    events_2: npt.ArrayLike,
    n_2: npt.ArrayLike,
    measure: Ratio,
) -> Effects:
    """Return log odds ratios, log risk ratios or risk differences of two groups.

    With a, b, c, d the events and non-events of the two groups: ``ln(ad/bc)`` with variance ``1/a + 1/b + 1/c + 1/d``;
    ``ln[(a/n₁)/(c/n₂)]`` with ``1/a − 1/n₁ + 1/c − 1/n₂``; ``a/n₁ − c/n₂`` with ``ab/n₁³ + cd/n₂³``.

    Args:
        events_1, n_1: People with the outcome, and all, in the programme group; 0 ≤ events ≤ n, n ≥ 1.
        events_2, n_2: The same in the comparison group.
        measure: Which.

    Returns:
        Effects. Where any cell is 0, ½ is added to all four cells of that study. A study without any event, or with nothing but
        events, says nothing of a ratio: its effect is missing.

    Raises:
        MethodError: Counts out of range, a measure that is not known.

    Source:
        Fleiss and Berlin in Cooper, Hedges and Valentine (2009), pp. 237–253; the ½: Gart and Zweifel (1967), Biometrika 54: 181–187.
    """
    choose("from counts", "measure", measure, ("odds ratio", "risk ratio", "risk difference"))
    a, n1, c, n2 = _arrays(events_1, n_1, events_2, n_2)
    _refuse("from counts", {"n_1": n1, "n_2": n2}, above=0)
    _refuse(
        "from counts", {"events_1": a, "events_2": c, "non-events_1": n1 - a, "non-events_2": n2 - c}, least=0
    )
    b, d = n1 - a, n2 - c
    half = np.where((a == 0) | (b == 0) | (c == 0) | (d == 0), 0.5, 0.0)
    silent = ((a == 0) & (c == 0)) | ((b == 0) & (d == 0))
    a, b, c, d = a + half, b + half, c + half, d + half
    t1, t2 = a + b, c + d
    if measure == "risk difference":
        return Effects(a / t1 - c / t2, a * b / t1**3 + c * d / t2**3)
    if measure == "odds ratio":
        estimate, variance = np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d
    else:
        estimate, variance = np.log(a / t1 / (c / t2)), 1 / a - 1 / t1 + 1 / c - 1 / t2
    return Effects(np.where(silent, np.nan, estimate), np.where(silent, np.nan, variance))


def from_correlation(r: npt.ArrayLike, n: npt.ArrayLike) -> Effects:
    """Return Fisher's z of correlations, ``½ ln[(1 + r)/(1 − r)]``, with variance ``1/(n − 3)``.

    Args:
        r: Between −1 and 1, neither reached.
        n: People, ≥ 4.

    Raises:
        MethodError: Inputs out of range.

    Source:
        Fisher (1921), Metron 1: 3–32.
    """
    value, number = _arrays(r, n)
    _refuse("correlation", {"r": value}, above=-1, below=1)
    _refuse("correlation", {"n": number}, above=3)
    return Effects(np.arctanh(value), 1 / (number - 3))


def from_interval(
    estimate: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    *,
    ratio: bool = False,
    coverage: float = 0.95,
) -> Effects:
    """Return effects with the variance that a printed confidence interval implies: ``[(high − low) ÷ 2z]²``.

    Args:
        estimate: Effects as printed.
        low, high: Ends of their intervals, low < high.
        ratio: Whether these are ratios; then logarithms are taken first, and all must be above 0.
        coverage: Of the interval.

    Raises:
        MethodError: Ends in the wrong order, or ratios that are not positive.
    """
    y, a, b = _arrays(estimate, low, high)
    if ratio:
        _refuse("from interval", {"ratio": y, "low": a, "high": b}, above=0)
        y, a, b = np.log(y), np.log(a), np.log(b)
    _refuse("from interval", {"high − low": b - a}, above=0)
    return Effects(y, ((b - a) / (2 * stats.norm.ppf((1 + coverage) / 2))) ** 2)


def smd_from_odds(effects: Effects) -> Effects:
    """Return standardised mean differences from log odds ratios: ``d = ln OR · √3/π``, variance times 3/π².

    It supposes that a logistic outcome was cut in two; state it wherever the two kinds are pooled together.

    Args:
        effects: Log odds ratios.

    Source:
        Hasselblad and Hedges (1995), Psychological Bulletin 117: 167–178; Chinn (2000), Statistics in Medicine 19: 3127–3131.
    """
    factor = np.sqrt(3) / np.pi
    return Effects(effects.estimate * factor, effects.variance * factor**2)


def clustered_smd(
    g: npt.ArrayLike, n_1: npt.ArrayLike, n_2: npt.ArrayLike, size: npt.ArrayLike, icc: npt.ArrayLike
) -> Effects:
    """Return standardised mean differences of trials that assign whole groups, corrected for clustering in both arms.

    With n people a cluster, N in all and intraclass correlation ρ: ``g' = g √[1 − 2 (n − 1) ρ ÷ (N − 2)]`` and ``variance = (1/n₁ +
    1/n₂)[1 + (n − 1) ρ] + g'² [(N − 2)(1 − ρ)² + n (N − 2n) ρ² + 2 (N − 2n) ρ (1 − ρ)] ÷ {2 (N − 2)[(N − 2) − 2 (n − 1) ρ]}``.

    Args:
        g: Effects that were calculated as if people were independent, standardised by the total standard deviation.
        n_1, n_2: People in each arm.
        size: People a cluster, ≥ 1 (the mean where sizes differ).
        icc: Share of variance that lies between clusters, 0 to 1; where it is not printed, an assumption to vary.

    Raises:
        MethodError: Inputs out of range.

    Source:
        Hedges (2007), Journal of Educational and Behavioral Statistics 32: 341–370, equations 15 and 16.
    """
    plain, n1, n2, n, rho = _arrays(g, n_1, n_2, size, icc)
    _clusters("clustered smd", n1, n2, n, rho)
    N = n1 + n2
    estimate = plain * np.sqrt(1 - 2 * (n - 1) * rho / (N - 2))
    top = (N - 2) * (1 - rho) ** 2 + n * (N - 2 * n) * rho**2 + 2 * (N - 2 * n) * rho * (1 - rho)
    own = estimate**2 * top / (2 * (N - 2) * (N - 2 - 2 * (n - 1) * rho))
    return Effects(estimate, (1 / n1 + 1 / n2) * (1 + (n - 1) * rho) + own)


def clustered_smd_one_arm(
    g: npt.ArrayLike, n_1: npt.ArrayLike, n_2: npt.ArrayLike, size: npt.ArrayLike, icc: npt.ArrayLike
) -> Effects:
    """Return standardised mean differences where only the programme works in groups and the comparison does not.

    ``g' = g √[1 − (n₂ + n − 2) ρ ÷ (N − 2)]``; ``variance = (1/n₁ + 1/n₂)[1 + (n n₂/N − 1) ρ] + g'² ÷ 2h`` with ``h = [(N − 2)(1 − ρ)
    + (n₁ − n) ρ]² ÷ [(N − 2)(1 − ρ)² + (n₁ − n) n ρ² + 2 (n₁ − n)(1 − ρ) ρ]``.

    Args:
        g: Effects that were calculated as if people were independent.
        n_1, n_2: People in the grouped (programme) and the ungrouped arm.
        size: People a group.
        icc: Intraclass correlation in the grouped arm, 0 to 1.

    Raises:
        MethodError: Inputs out of range.

    Source:
        Hedges and Citkowicz (2015), Research Synthesis Methods 6: 103–120, equations 7 and following.
    """
    plain, n1, n2, n, rho = _arrays(g, n_1, n_2, size, icc)
    _clusters("clustered smd", n1, n2, n, rho)
    N = n1 + n2
    estimate = plain * np.sqrt(1 - (n2 + n - 2) * rho / (N - 2))
    h = clustered_df_one_arm(n1, n2, n, rho)
    return Effects(estimate, (1 / n1 + 1 / n2) * (1 + (n * n2 / N - 1) * rho) + estimate**2 / (2 * h))


def clustered_df_one_arm(
    n_1: npt.ArrayLike, n_2: npt.ArrayLike, size: npt.ArrayLike, icc: npt.ArrayLike
) -> FloatArray:
    """Return the degrees of freedom h of `clustered_smd_one_arm`.

    Args:
        n_1, n_2, size, icc: As there.
    """
    n1, n2, n, rho = _arrays(n_1, n_2, size, icc)
    N = n1 + n2
    top = ((N - 2) * (1 - rho) + (n1 - n) * rho) ** 2
    bottom = (N - 2) * (1 - rho) ** 2 + (n1 - n) * n * rho**2 + 2 * (n1 - n) * (1 - rho) * rho
    return np.asarray(top / bottom)


def design_effect(effects: Effects, size: npt.ArrayLike, icc: npt.ArrayLike) -> Effects:
    """Return the same effects with variances times ``1 + (n − 1) ρ``, for counts and ratios of clustered trials.

    Args:
        effects: Calculated as if people were independent.
        size: People a cluster, ≥ 1.
        icc: Intraclass correlation, 0 to 1.

    Raises:
        MethodError: Inputs out of range.

    Source:
        Donner and Klar (2000), Design and Analysis of Cluster Randomization Trials; Cochrane Handbook 6.5, section 23.1.4.
    """
    n, rho = _arrays(size, icc)
    _refuse("design effect", {"size": n}, least=1)
    _refuse("design effect", {"icc": rho}, least=0, most=1)
    return Effects(effects.estimate, effects.variance * (1 + (n - 1) * rho))


def _arrays(*given: npt.ArrayLike) -> tuple[FloatArray, ...]:
    """Return the inputs as numbers of one shape."""
    return tuple(np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in given)))


def _two(programme: Group, comparison: Group) -> tuple[FloatArray, ...]:
    """Return mean, deviation and number of both groups, of one shape."""
    one, other = programme, comparison
    return _arrays(one.mean, one.sd, one.n, other.mean, other.sd, other.n)


def _pooled_sd(s1: FloatArray, n1: FloatArray, s2: FloatArray, n2: FloatArray) -> FloatArray:
    """Return the standard deviation pooled over two groups."""
    return np.asarray(np.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / (n1 + n2 - 2)))


def _signs(method: str, way: FloatArray) -> None:
    """Refuse signs other than 1 and −1."""
    bad = ~np.isin(way, (-1.0, 1.0)) & ~np.isnan(way)
    if bad.any():
        raise MethodError(Problem(method, "the sign is not a sign", f"{way[bad].flat[0]:g}", "1 or −1"))


def _clusters(method: str, n1: FloatArray, n2: FloatArray, n: FloatArray, rho: FloatArray) -> None:
    """Refuse numbers, cluster sizes and correlations out of range."""
    _refuse(method, {"n_1": n1, "n_2": n2}, above=1)
    _refuse(method, {"size": n}, least=1)
    _refuse(method, {"n_1 − size": n1 - n}, least=0)
    _refuse(method, {"icc": rho}, least=0, most=1)


def _refuse(
    method: str,
    named: Mapping[str, FloatArray],
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Refuse numbers out of range, all inputs together; missing ones pass."""
    problems = []
    for name, values in named.items():
        checks = (
            (above, "above", np.less_equal),
            (least, "at least", np.less),
            (below, "below", np.greater_equal),
            (most, "at most", np.greater),
        )
        for bound, words, wrong in checks:
            bad = np.zeros(values.shape, dtype=bool) if bound is None else wrong(values, bound)
            if bad.any():
                got = f"{values[bad].flat[0]:g}"
                problems.append(Problem(method, f"{name} is out of range", got, f"{words} {bound:g}"))
    if problems:
        raise MethodError(problems)
