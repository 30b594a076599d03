"""All estimators behind one interface: a panel and a setting in, impacts out.

An estimator answers what supported areas' outcome was, less what it would have been. Each has its own way to the second half of that;
where they agree, no single way decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from wardmote.errors import MethodError, MissingError, Problem
from wardmote.evaluate.panel import Panel
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.comparators import Balance, balance, entropy_weights, match, matched_effect
from wardmote.methods.differences import (
    NEVER,
    Adjustment,
    Averaged,
    Comparison,
    GroupTime,
    Summary,
    average,
    group_time_effects,
    imputation_effects,
    two_by_two,
    without_covariate_trends,
)
from wardmote.methods.lottery import estimate_effect
from wardmote.methods.synthetic import placebo_error, staggered_difference, synthetic_control
from wardmote.study import ProgrammeSpec

FEW = 10
"""Most supported areas for which a synthetic control is made one by one; with more, synthetic differences say the same in one figure."""


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
    """

    impacts: list[Impact]
    weights: FloatArray | None = None
    balance: Balance | None = None


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
        "doubly robust",
        spec.comparison.kind,
        spec.anticipation,
    )
    return cut, at


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


def critical(clusters: IntArray | None) -> float:
    """Return how many standard errors make a 95% interval: 1.96, or Student's with one degree of freedom fewer than clusters.

    Args:
        clusters: Cluster of each area used, or None.
    """
    if clusters is None:
        return NormalDist().inv_cdf(0.975)
    from scipy.special import stdtrit

    return float(stdtrit(max(len(np.unique(clusters)) - 1, 1), 0.975))


def staggered(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return effects by group and period, averaged as declared, by group and by periods since the start (Callaway and Sant'Anna)."""
    cells = cells_of(world)
    main = average(cells, world.summary)
    out = [_overall("staggered", world, main)]
    error = cells.standard_error(world.cluster)
    for row in range(len(cells.effect)):
        group, time = world.periods[cells.group[row]], world.periods[cells.time[row]]
        out.append(
            _impact(
                "staggered",
                float(cells.effect[row]),
                float(error[row]),
                world,
                int(cells.treated[row]),
                compared=int(cells.compared[row]),
                estimand="group and time",
                group=group,
                time=time,
            )
        )
    out += _rows("staggered", world, average(cells, "dynamic"), "dynamic")
    out += _rows("staggered", world, average(cells, "group"), "group")
    return Answer(out)


def imputation(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return effects against imputed outcomes (Borusyak, Jaravel and Spiess)."""
    covariates = world.covariates if len(world.covariates) else None
    found, dynamic = (
        imputation_effects(world.y, world.start, covariates=covariates, summary=summary)
        for summary in (world.summary, "dynamic")
    )
    return Answer([_overall("imputation", world, found), *_rows("imputation", world, dynamic, "dynamic")])


def plain(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the change from before the first start to after the last one, supported areas less comparison areas."""
    treated = world.start != NEVER
    first, last = int(world.start[treated].min()), int(world.start[treated].max())
    with np.errstate(invalid="ignore"):
        before, after = mean_over(world.y[:first]), mean_over(world.y[last:])
    found = two_by_two(
        before,
        after,
        treated,
        covariates=world.covariates if len(world.covariates) else None,
        adjustment=world.adjustment,
    )
    note = f"{world.periods[0]} to {world.periods[first - 1]} against {world.periods[last]} to {world.periods[-1]}"
    error = float(found.standard_error(world.cluster)[0])
    return Answer(
        [
            _impact(
                "two by two",
                float(found.effect[0]),
                error,
                world,
                int(treated.sum()),
                compared=int((~treated).sum()),
                note=note,
            )
        ]
    )


def matched(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the change of supported areas less that of the areas most like them."""
    covariates = _needed(world, "matched")
    chosen = spec.comparison
    weights = np.zeros(len(world.start))
    parts: list[_Part] = []
    left = 0
    for group, used, change in _cohorts(world):
        matches = match(
            world.start[used] == group,
            covariates[:, used],
            metric=chosen.metric,
            partners=chosen.partners,
            caliper=chosen.caliper,
            exact=None if world.stratum is None else world.stratum[used],
        )
        left += len(matches.unmatched)
        if not len(matches.treated):
            continue
        found = matched_effect(change, matches, covariates=covariates[:, used])
        lent = np.zeros(len(weights))
        lent[used] = np.where(world.start[used] == NEVER, matches.weights, 0.0)
        m = len(matches.treated)
        parts.append(_Part(m, found.effect, found.standard_error, lent * np.sqrt(found.spread) / m))
        weights[used] += matches.weights
    if not parts:
        raise MethodError(
            Problem(
                "matched",
                "no supported area has a match",
                f"{left} without one",
                "",
                "Widen the caliper, or match anywhere.",
            )
        )
    note = f"{left} supported areas had no match and are left out" if left else ""
    return _pooled("matched", world, parts, weights, note)


def weighted(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the change of supported areas less that of comparison areas weighted to the same means (entropy balancing)."""
    covariates = _needed(world, "weighted")
    weights = np.zeros(len(world.start))
    parts: list[_Part] = []
    for group, used, change in _cohorts(world):
        inside = world.start[used] == group
        share = entropy_weights(inside, covariates[:, used])
        own, lent = change[inside], share[~inside]
        # Means of covariates are equal on both sides, so what covariates foretell of the change cancels and is no error: residuals of
        # the weighted regression among comparison areas take its place (linearisation of calibrated weights, Deville and Särndal 1992).
        x = np.column_stack([np.ones(len(used)), covariates[:, used].T])
        root = np.sqrt(lent)
        slope = np.linalg.lstsq(x[~inside] * root[:, None], change[~inside] * root, rcond=None)[0]
        left = change - x @ slope
        noise = np.zeros(len(weights))
        noise[used[~inside]] = lent * left[~inside]
        variance = left[inside].var(ddof=1) / len(own) + noise @ noise if len(own) > 1 else np.nan
        parts.append(
            _Part(len(own), float(own.mean() - lent @ change[~inside]), float(np.sqrt(variance)), noise)
        )
        weights[used] += share * len(own) + inside
    return _pooled("weighted", world, parts, weights, "")


def synthetic(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the synthetic difference in differences, covariate trends taken out, with an error from areas not supported."""
    whole = ~np.isnan(world.y).any(axis=0)
    y, start = world.y[:, whole], world.start[whole]
    if len(world.covariates):
        y = without_covariate_trends(y, start, world.covariates[:, whole])
    effect, cohorts = staggered_difference(y, start)
    n, compared = sum(count for _, count, _ in cohorts), int((start == NEVER).sum())
    draws = min(spec.draws, 200)
    try:
        error = float(placebo_error(y, start, draws=draws, rng=rng).std(ddof=1)) if draws > 1 else np.nan
    except MethodError:
        error = np.nan
    left = int((~whole).sum())
    notes = [f"{left} areas with gaps are left out"] if left else []
    notes += (
        ["no error: too few comparison areas for placebos"] if np.isnan(error) else ["error from placebos"]
    )
    out = [_impact("synthetic difference", effect, error, world, n, compared=compared, note="; ".join(notes))]
    for first, count, found in cohorts:
        out.append(
            _impact(
                "synthetic difference",
                found.effect,
                np.nan,
                world,
                count,
                compared=compared,
                estimand="group",
                group=world.periods[first],
            )
        )
    return Answer(out)


def controls(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the mean gap to each supported area's synthetic control; for few areas, without a standard error."""
    whole = ~np.isnan(world.y).any(axis=0)
    y, start = world.y[:, whole], world.start[whole]
    treated, pool = np.flatnonzero(start != NEVER), y[:, start == NEVER]
    if len(treated) > FEW:
        raise MethodError(
            Problem(
                "synthetic control",
                "there are many supported areas",
                str(len(treated)),
                f"at most {FEW}",
                'Use "synthetic difference".',
            )
        )
    found = [synthetic_control(y[:, i], pool, int(start[i])) for i in treated]
    effect = float(np.mean([one.effect for one in found]))
    fit = float(np.sqrt(np.mean([one.fit for one in found])))
    note = f"typical gap before support {fit:.3g}; no standard error exists, see the test in space"
    return Answer(
        [_impact("synthetic control", effect, np.nan, world, len(treated), compared=pool.shape[1], note=note)]
    )


def lottery(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the difference that the draw made, areas drawn at random within strata (Horvitz–Thompson)."""
    strata = np.zeros(len(world.start), dtype=np.int64) if world.stratum is None else world.stratum
    treated = world.start != NEVER
    first, last = int(world.start[treated].min()), int(world.start[treated].max())
    change = mean_over(world.y[last:]) - mean_over(world.y[:first])
    kept = ~np.isnan(change)
    contested = np.zeros(len(treated), dtype=np.bool_)
    for stratum in np.unique(strata):
        inside = kept & (strata == stratum)
        contested |= inside & bool(treated[inside].any()) & bool((~treated[inside]).any())
    at = np.flatnonzero(contested)
    chance, joint = _draw_chances(strata[at], treated[at])
    # The forecast before the draw is the stratum's mean change: subtracting one mean keeps the estimate unbiased and steadies it.
    found = estimate_effect(change[at] - change[at].mean(), treated[at], chance, joint)
    error = np.nan if found.standard_error is None else found.standard_error
    note = f"{found.method}; drawn evenly within {'strata' if world.stratum is not None else 'all entrants'}"
    return Answer(
        [
            _impact(
                "lottery",
                found.value,
                error,
                world,
                int(treated[at].sum()),
                compared=int((~treated[at]).sum()),
                note=note,
            )
        ]
    )


def _draw_chances(strata: IntArray, treated: Any) -> tuple[FloatArray, FloatArray]:
    """Return each area's chance and each pair's under even draws of a fixed number within strata."""
    n = len(strata)
    chance, joint = np.zeros(n), np.zeros((n, n))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        total, drawn = len(inside), int(treated[inside].sum())
        chance[inside] = drawn / total
        pair = drawn * (drawn - 1) / (total * (total - 1)) if total > 1 else 0.0
        joint[np.ix_(inside, inside)] = pair
    across = strata[:, None] != strata[None]
    joint[across] = np.outer(chance, chance)[across]
    np.fill_diagonal(joint, chance)
    return chance, joint


def from_library(name: str) -> Callable[[World, ProgrammeSpec, np.random.Generator], Answer]:
    """Return an estimator that diff-diff computes.

    Args:
        name: sun-abraham or two-stage.
    """

    def run(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
        try:
            import diff_diff
        except ImportError:
            raise MissingError(
                Problem(
                    f"estimator {name}",
                    "the package diff-diff is not installed",
                    remedy="Install it: pip install 'wardmote[stats]'.",
                )
            ) from None
        import pandas as pd

        periods, n = world.y.shape
        long = pd.DataFrame(
            {
                "y": world.y.ravel(),
                "area": np.tile(np.arange(n), periods),
                "time": np.repeat(np.arange(1, periods + 1), n),
                # The library writes "never" as 0 and counts from 1.
                "first": np.tile(np.where(world.start == NEVER, 0, world.start + 1), periods),
            }
        ).dropna()
        method = {"sun-abraham": "SunAbraham", "two-stage": "TwoStageDiD"}[name]
        found = getattr(diff_diff, method)().fit(
            long, outcome="y", unit="area", time="time", first_treat="first"
        )
        treated = int((world.start != NEVER).sum())
        note = f"by diff-diff {diff_diff.__version__}; covariates are not used"
        return Answer(
            [
                _impact(
                    name,
                    float(found.overall_att),
                    float(found.overall_se),
                    world,
                    treated,
                    compared=n - treated,
                    note=note,
                )
            ]
        )

    return run


ESTIMATORS: dict[str, Callable[[World, ProgrammeSpec, np.random.Generator], Answer]] = {
    "staggered": staggered,
    "imputation": imputation,
    "two by two": plain,
    "matched": matched,
    "weighted": weighted,
    "synthetic difference": synthetic,
    "synthetic control": controls,
    "lottery": lottery,
    "sun-abraham": from_library("sun-abraham"),
    "two-stage": from_library("two-stage"),
}
"""Every estimator by the name that a study gives it."""

ADJUSTING = ("staggered", "imputation", "two by two", "matched", "weighted", "synthetic difference")
"""Estimators that use covariates."""


# ---- parts


def mean_over(y: FloatArray) -> FloatArray:
    """Return means over periods, NaN where none is known.

    Args:
        y: Panel, shape (periods, n).
    """
    known = ~np.isnan(y)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, y, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _needed(world: World, name: str) -> FloatArray:
    if not len(world.covariates):
        raise MethodError(
            Problem(
                f"estimator {name}",
                "there is nothing to compare areas by",
                "no covariates",
                "covariates in the programme's section",
            )
        )
    return world.covariates


def _cohorts(world: World) -> list[tuple[int, IntArray, FloatArray]]:
    """Return for each start the areas used, supported from then or never, and their change of mean outcome."""
    out = []
    for group in [int(g) for g in np.unique(world.start) if g != NEVER]:
        change = mean_over(world.y[group:]) - mean_over(world.y[: group - world.anticipation])
        used = np.flatnonzero(((world.start == group) | (world.start == NEVER)) & ~np.isnan(change))
        out.append((group, used, change[used]))
    return out


@dataclass(frozen=True, slots=True)
class _Part:
    """One cohort's estimate: areas supported, effect, error, and the noise that each comparison area brings, shape (n,)."""

    count: int
    effect: float
    error: float
    noise: FloatArray


def _pooled(name: str, world: World, parts: list[_Part], weights: FloatArray, note: str) -> Answer:
    """Return cohorts' effects averaged by their supported areas.

    Cohorts share comparison areas, whose noise goes into both: the covariance of two cohorts is taken as Σ_j of the products of what
    area j brings to each, as if its changes over the two spans were the same, which errs on the side of caution.
    """
    size = np.array([part.count for part in parts], dtype=np.float64)
    share = size / size.sum()
    effect = float(share @ np.array([part.effect for part in parts]))
    noise = np.stack([part.noise for part in parts])
    covariance = noise @ noise.T
    np.fill_diagonal(covariance, [part.error**2 for part in parts])
    error = float(np.sqrt(max(float(share @ covariance @ share), 0.0)))
    treated = world.start != NEVER
    impact = _impact(
        name, effect, error, world, int(size.sum()), compared=int((weights[~treated] > 0).sum()), note=note
    )
    return Answer(
        [impact],
        weights,
        balance(treated, world.covariates, np.where(treated, np.minimum(weights, 1.0), weights)),
    )


def _impact(
    estimator: str,
    effect: float,
    error: float,
    world: World,
    n: int,
    *,
    compared: int,
    estimand: str = "simple",
    group: str = "all",
    time: str = "all",
    note: str = "",
) -> Impact:
    half = critical(world.cluster) * error
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


def _overall(name: str, world: World, found: Averaged) -> Impact:
    treated = world.start != NEVER
    error = float(found.overall.standard_error(world.cluster)[0])
    return _impact(
        name,
        float(found.overall.effect[0]),
        error,
        world,
        int(treated.sum()),
        compared=int((~treated).sum()),
        estimand=world.summary,
    )


def _rows(name: str, world: World, found: Averaged, summary: Summary) -> list[Impact]:
    """Return an average's rows: by periods since the start, or by start."""
    errors = found.standard_error(world.cluster)
    out = []
    for at, effect, error in zip(found.at.tolist(), found.effect.tolist(), errors.tolist(), strict=True):
        if summary == "dynamic":
            group, time = "all", f"{at:+d}"
            n = int(
                ((world.start != NEVER) & (world.start + at < len(world.y)) & (world.start + at >= 0)).sum()
            )
        else:
            group, time, n = world.periods[at], "all", int((world.start == at).sum())
        out.append(
            _impact(
                name,
                effect,
                error,
                world,
                n,
                compared=int((world.start == NEVER).sum()),
                estimand=summary,
                group=group,
                time=time,
            )
        )
    return out
