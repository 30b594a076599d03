"""All estimators behind one interface: a panel and a setting in, impacts out.

An estimator answers what supported areas' outcome was, less what it would have been. Each has its own way to the second half of that;
where they agree, no single way decides.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote.errors import MethodError, MissingError, Problem
from wardmote.evaluate.panel import Panel
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.comparators import Balance, balance, entropy_weights, match, matched_effect
from wardmote.methods.differences import (
    NEVER,
    Adjustment,
    Averaged,
    Comparison,
    Estimate,
    GroupTime,
    Summary,
    average,
    group_time_effects,
    kept,
    row_squares,
    simple_estimate,
    two_by_two,
)
from wardmote.methods.imputation import imputation_effects, without_covariate_trends
from wardmote.methods.lottery import estimate_effect
from wardmote.methods.precision import COVER, degrees, half_width, placebo_half_width, summed
from wardmote.methods.synthetic import placebo_error, staggered_difference, synthetic_control
from wardmote.study import ProgrammeSpec

if TYPE_CHECKING:
    import pandas as pd

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
    enough = int(size.min(initial=0)) >= AREAS_PER_COVARIATE * max(covariates, 1)
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


def staggered(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return effects by group and period, averaged as declared, by group and by periods since the start (Callaway and Sant'Anna)."""
    cells = cells_of(world)
    main = average(cells, world.summary)
    out = [replace(_overall("staggered", world, main), note=_adjusted(world))]
    error, half = cells.standard_error(world.cluster), half_width(cells.held_out, world.cluster)
    for row in range(len(cells.effect)):
        group, time = world.periods[cells.group[row]], world.periods[cells.time[row]]
        out.append(
            _impact(
                "staggered",
                float(cells.effect[row]),
                float(error[row]),
                float(half[row]),
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


def _adjusted(world: World) -> str:
    """Return what to say of how covariates adjusted, or nothing."""
    if not len(world.covariates) or world.adjustment == "doubly robust":
        return ""
    return "adjusted by regression alone: too few supported areas of a start for a model of chances"


def imputation(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return effects against imputed outcomes (Borusyak, Jaravel and Spiess)."""
    covariates = world.covariates if len(world.covariates) else None
    found, dynamic = (
        imputation_effects(world.y, world.start, covariates=covariates, summary=summary)
        for summary in (world.summary, "dynamic")
    )
    return Answer([_overall("imputation", world, found), *_rows("imputation", world, dynamic, "dynamic")])


def plain(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the change from before the first start to after the last one, supported areas less areas never supported.

    Each start is held against areas never supported by itself, and starts weigh as many areas as they have: that effects differ between
    starts is then no noise.
    """
    treated = world.start != NEVER
    first, last = int(world.start[treated].min()), int(world.start[treated].max())
    before, after = mean_over(world.y[:first]), mean_over(world.y[last:])
    seen = ~np.isnan(before) & ~np.isnan(after)
    effect, total = 0.0, int((treated & seen).sum())
    influence, held_out = np.zeros((1, len(treated))), np.zeros((1, len(treated)))
    for group in np.unique(world.start[treated & seen]):
        used = np.flatnonzero((world.start == group) | ~treated)
        one = two_by_two(
            before[used],
            after[used],
            treated[used],
            covariates=world.covariates[:, used] if len(world.covariates) else None,
            adjustment=world.adjustment,
        )
        share = int((seen & (world.start == group)).sum()) / total
        effect += share * float(one.effect[0])
        influence[:, used] += share * one.influence
        held_out[:, used] += share * one.held_out
    found = Estimate(np.array([effect]), influence, held_out)
    note = f"{world.periods[0]} to {world.periods[first - 1]} against {world.periods[last]} to {world.periods[-1]}"
    return Answer(
        [
            _impact(
                "two by two",
                effect,
                float(found.standard_error(world.cluster)[0]),
                float(half_width(held_out, world.cluster)[0]),
                total,
                compared=int((~treated & seen).sum()),
                note="; ".join(part for part in (note, _adjusted(world)) if part),
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
        m = len(matches.treated)
        own = matches.weights * (world.start[used] == group)
        lent = matches.weights - own
        noise = np.zeros(len(weights))
        noise[used] = _residuals(change, covariates[:, used], own / m, lent / m)
        shared = np.zeros(len(weights))
        shared[used] = lent * np.sqrt(found.spread) / m
        error = found.standard_error if m > 1 else float(np.linalg.norm(noise))
        parts.append(_Part(m, found.effect, error, shared, noise))
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
        m = int(inside.sum())
        noise = np.zeros(len(weights))
        noise[used] = _residuals(change, covariates[:, used], inside / m, share)
        effect = float(change[inside].mean() - share @ change)
        shared = np.where(world.start == NEVER, noise, 0.0)
        parts.append(_Part(m, effect, float(np.linalg.norm(noise)), shared, noise))
        weights[used] += share * m + inside
    return _pooled("weighted", world, parts, weights, "")


def _residuals(change: FloatArray, covariates: FloatArray, own: FloatArray, lent: FloatArray) -> FloatArray:
    """Return each area's contribution to the error of a weighted difference, held out of its own fit.

    Means of covariates are equal on both sides, or nearly so, and what covariates foretell of the change cancels: residuals of the
    weighted regression among comparison areas remain (linearisation of calibrated weights, Deville and Särndal 1992), each over the
    root of one less its leverage.
    """
    x = np.column_stack([np.ones(len(change)), covariates.T])
    root = np.sqrt(lent)
    wide = x * root[:, None]
    slope = np.linalg.lstsq(wide, change * root, rcond=None)[0]
    inverse = np.linalg.pinv(wide.T @ wide)
    # With noise of one variance σ² a residual of the weighted fit has the variance σ² (1 − 2h + q): h is what the area itself weighs in
    # its fit, q what all areas' noise adds to it, Σ_k h_jk² (Bell and McCaffrey 2002, equation 5, for weights).
    spread = inverse @ (x * lent[:, None] ** 2).T @ x @ inverse
    share = 1 - 2 * lent * row_squares(x, inverse) + row_squares(x, spread)
    left = change - x @ slope
    mean = own @ left / own.sum()
    inside = own > 0
    if (
        inside.sum() == 1
    ):  # its residual is 0 by construction: the noise of those it is compared with stands for its own
        left, mean = np.where(inside, np.sqrt(lent @ left**2 / lent.sum()), left), 0.0
    share = np.where(inside, kept(own / own.sum()), np.where(share > 1e-9, share, 1.0))
    return np.asarray((own * (left - mean) - lent * left) / np.sqrt(share))


def synthetic(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the synthetic difference in differences, covariate trends taken out, with an error from areas not supported."""
    whole = ~np.isnan(world.y).any(axis=0)
    y, start = world.y[:, whole], world.start[whole]
    if len(world.covariates):
        y = without_covariate_trends(y, start, world.covariates[:, whole])
    effect, cohorts = staggered_difference(y, start)
    n, compared = sum(count for _, count, _ in cohorts), int((start == NEVER).sum())
    draws = min(spec.draws, 200)
    error = half = np.nan
    try:
        if draws > 1:
            error = float(placebo_error(y, start, draws=draws, rng=rng).std(ddof=1))
            half = student(draws - 1) * error  # the error is itself drawn: its own noise widens the interval
    except MethodError:
        error = half = np.nan
    left = int((~whole).sum())
    notes = [f"{left} areas with gaps are left out"] if left else []
    notes += (
        ["no error: too few comparison areas for placebos"] if np.isnan(error) else ["error from placebos"]
    )
    out = [_impact("synthetic difference", effect, error, half, n, compared=compared, note="; ".join(notes))]
    for first, count, found in cohorts:
        out.append(
            _impact(
                "synthetic difference",
                found.effect,
                np.nan,
                np.nan,
                count,
                compared=compared,
                estimand="group",
                group=world.periods[first],
            )
        )
    return Answer(out)


def controls(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the mean gap to each supported area's synthetic control, covariate trends taken out; for few areas."""
    whole = ~np.isnan(world.y).any(axis=0)
    y, start = world.y[:, whole], world.start[whole]
    if len(world.covariates):
        y = without_covariate_trends(y, start, world.covariates[:, whole])
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
    note = f"typical gap before support {fit:.3g}"
    return Answer(
        [
            _impact(
                "synthetic control", effect, np.nan, np.nan, len(treated), compared=pool.shape[1], note=note
            )
        ]
    )


def lottery(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the difference that the draw made, areas drawn at random within strata (Horvitz–Thompson).

    With a fixed number drawn in each stratum the estimate is the strata's differences of means, weighted by their areas, and Neyman's
    variance estimates its error without leaning on the outcome's level. Where a stratum has one area drawn or one not drawn it cannot be
    had, and the conservative bound of Aronow and Samii takes its place.
    """
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
    if not at.size:
        raise MethodError(
            Problem(
                "estimator lottery",
                "no stratum has both drawn areas and others",
                f"{len(np.unique(strata))} strata",
                "areas drawn and not drawn in one stratum at least",
                "Leave out comparison.within, or widen the pool.",
            )
        )
    effect, error, half, how = _drawn(change[at], treated[at], strata[at])
    note = f"{how}; drawn evenly within {'strata' if world.stratum is not None else 'all entrants'}"
    if world.cluster is not None:
        note += "; areas were drawn one by one, so errors are not clustered"
    return Answer(
        [
            _impact(
                "lottery",
                effect,
                error,
                half,
                int(treated[at].sum()),
                compared=int((~treated[at]).sum()),
                note=note,
            )
        ]
    )


def _drawn(change: FloatArray, drawn: BoolArray, strata: IntArray) -> tuple[float, float, float, str]:
    """Return the effect of a draw, its error, half its interval's width, and how the error was had."""
    sides = [
        (change[(strata == s) & (drawn == side)], s) for s in np.unique(strata) for side in (True, False)
    ]
    if min(len(values) for values, _ in sides) < 2:
        # The forecast before the draw is the mean change: subtracting one number keeps the estimate unbiased and steadies it.
        found = estimate_effect(change - change.mean(), drawn, *_draw_chances(strata, drawn))
        error = np.nan if found.standard_error is None else found.standard_error
        return found.value, error, student(len(change) - 2) * error, found.method
    share = [float((strata == s).mean()) for _, s in sides]
    means = np.array([values.mean() for values, _ in sides])
    effect = float(np.array(share)[::2] @ (means[::2] - means[1::2]))
    parts = np.array(
        [w**2 * values.var(ddof=1) / len(values) for (values, _), w in zip(sides, share, strict=True)]
    )
    free = np.array([len(values) - 1 for values, _ in sides])
    variance = float(parts.sum())
    if not variance > 0:
        return effect, np.nan, np.nan, "no error: the outcome did not vary"
    welch = variance**2 / float((parts**2 / free).sum())
    return effect, float(np.sqrt(variance)), student(welch) * float(np.sqrt(variance)), "Neyman's variance"


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


Estimator = Callable[[World, ProgrammeSpec, np.random.Generator], Answer]


def from_library(name: str) -> Estimator:
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
        long, covariates = _long(world)
        method = {"sun-abraham": "SunAbraham", "two-stage": "TwoStageDiD"}[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's advice on its own settings
            found = getattr(diff_diff, method)(cluster="cluster").fit(
                long,
                outcome="y",
                unit="area",
                time="time",
                first_treat="first",
                covariates=covariates or None,
            )
        treated = int((world.start != NEVER).sum())
        error = float(found.overall_se)
        groups = len(np.unique(world.cluster)) if world.cluster is not None else treated
        note = f"by diff-diff {diff_diff.__version__}"
        return Answer(
            [
                _impact(
                    name,
                    float(found.overall_att),
                    error,
                    student(groups - 1) * error,
                    treated,
                    compared=len(world.start) - treated,
                    note=note,
                )
            ]
        )

    return run


def _long(world: World) -> tuple[pd.DataFrame, list[str]]:
    """Return a world as one row for each area and period, and the names of covariates: one by period, since areas may move apart."""
    import pandas as pd

    periods, n = world.y.shape
    data = {
        "y": world.y.ravel(),
        "area": np.tile(np.arange(n), periods),
        "time": np.repeat(np.arange(1, periods + 1), n),
        # The library writes "never" as 0 and counts from 1.
        "first": np.tile(np.where(world.start == NEVER, 0, world.start + 1), periods),
        "cluster": np.tile(np.arange(n) if world.cluster is None else world.cluster, periods),
    }
    names = []
    for k, x in enumerate(world.covariates):
        for time in range(2, periods + 1):
            names.append(f"x{k}_{time}")
            data[names[-1]] = np.where(data["time"] == time, np.tile(x, periods), 0.0)
    return pd.DataFrame(data).dropna(subset=["y"]), names


PLACEBO_POOL = 500
"""Most comparison areas among which placebos are dealt, drawn by chance where there are more: keeps some hundred fits quick; a smaller
pool makes placebos a little noisier, never less so."""


def _main_only(
    name: str, estimator: Estimator
) -> Callable[[World, ProgrammeSpec, np.random.Generator], float]:
    """Return an estimator's main figure alone, which for some is many times quicker than all it tells."""

    def run(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> float:
        if name == "staggered" and world.summary == "simple":
            return float(simple_of(world).effect[0])
        if name == "imputation":
            covariates = world.covariates if len(world.covariates) else None
            found = imputation_effects(world.y, world.start, covariates=covariates, summary=world.summary)
            return float(found.overall.effect[0])
        if name == "synthetic difference":
            spec = spec.model_copy(update={"draws": 0})
        return estimator(world, spec, rng).impacts[0].effect

    return run


def with_placebos(name: str, estimator: Estimator) -> Estimator:
    """Return an estimator whose main interval, where few areas were supported, comes from placebos among comparison areas.

    Args:
        name: Its name.
        estimator: The estimator.
    """

    def run(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
        answer = estimator(world, spec, rng)
        supported = int((world.start != NEVER).sum())
        if supported >= FEW and name != "synthetic control":
            return answer
        main = answer.impacts[0]
        found = placebos(_main_only(name, estimator), world, spec, rng)
        half = placebo_half_width(found)
        if not np.isfinite(half):
            half = error = np.nan
            note = f"no interval: {len(found)} placebos among comparison areas, 19 are needed"
        else:
            error = float(found.std(ddof=1))
            note = f"error and interval from {len(found)} placebos among comparison areas"
        kept = [part for part in main.note.split("; ") if part and part != LONE]
        changed = replace(
            main,
            standard_error=error,
            low=main.effect - half,
            high=main.effect + half,
            note="; ".join([*kept, note]),
        )
        return replace(answer, impacts=[changed, *answer.impacts[1:]])

    return run


def placebos(
    figure: Callable[[World, ProgrammeSpec, np.random.Generator], float],
    world: World,
    spec: ProgrammeSpec,
    rng: np.random.Generator,
) -> FloatArray:
    """Return what an estimator finds where there is nothing: starts are dealt out among comparison areas, the supported ones left out.

    Args:
        figure: The estimate of a world, as one figure.
        world: The world.
        spec: The programme; its `draws` are the most placebos, 199 where they are fewer than 19, the least that allow an interval.
        rng: The generator.

    Returns:
        Estimates, one for each deal that could be fitted; at most as many as there are comparison areas where one area was supported.
    """
    starts = world.start[world.start != NEVER]
    pool = np.flatnonzero((world.start == NEVER) & ~np.isnan(world.y).any(axis=0))
    if len(pool) > PLACEBO_POOL:
        pool = np.sort(rng.permutation(pool)[:PLACEBO_POOL])
    if len(pool) < len(starts) + 2:
        return np.zeros(0)
    draws = spec.draws if spec.draws >= 19 else 199
    deals = [rng.permutation(len(pool))[: len(starts)] for _ in range(draws)]
    if len(starts) == 1:  # each area once
        deals = [np.array([one]) for one in rng.permutation(len(pool))[:draws]]
    found = []
    for deal in deals:
        dealt = np.full(len(pool), NEVER, dtype=np.int64)
        dealt[deal] = starts
        try:
            found.append(figure(_cut(world, pool, dealt), spec, rng))
        except MethodError:
            continue  # a deal that the covariates separate cannot be fitted; the note counts those that were
    return np.array(found)


def _cut(world: World, at: IntArray, start: IntArray) -> World:
    """Return some areas of a world with other starts."""
    return replace(
        world,
        y=world.y[:, at],
        start=start,
        covariates=world.covariates[:, at],
        cluster=None if world.cluster is None else world.cluster[at],
        stratum=None if world.stratum is None else world.stratum[at],
    )


ESTIMATORS: dict[str, Estimator] = {
    **{
        name: with_placebos(name, estimator)
        for name, estimator in (
            ("staggered", staggered),
            ("imputation", imputation),
            ("two by two", plain),
            ("matched", matched),
            ("weighted", weighted),
            ("synthetic difference", synthetic),
            ("synthetic control", controls),
            ("sun-abraham", from_library("sun-abraham")),
            ("two-stage", from_library("two-stage")),
        )
    },
    "lottery": lottery,
}
"""Every estimator by the name that a study gives it."""

ADJUSTING = tuple(name for name in ESTIMATORS if name != "lottery")
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
    """One cohort's estimate.

    Attributes:
        count: Areas supported.
        effect: The estimate.
        error: Its standard error, areas by themselves.
        shared: The noise that each comparison area brings, shape (n,).
        noise: What each area contributes to the error, shape (n,), for clusters.
    """

    count: int
    effect: float
    error: float
    shared: FloatArray
    noise: FloatArray


def _pooled(name: str, world: World, parts: list[_Part], weights: FloatArray, note: str) -> Answer:
    """Return cohorts' effects averaged by their supported areas.

    Cohorts share comparison areas, whose noise goes into both: the covariance of two cohorts is taken as Σ_j of the products of what
    area j brings to each. Clustered errors are those of contributions added up within clusters.
    """
    size = np.array([part.count for part in parts], dtype=np.float64)
    share = size / size.sum()
    effect = float(share @ np.array([part.effect for part in parts]))
    noise = (share @ np.stack([part.noise for part in parts]))[None]
    if world.cluster is None:
        shared = np.stack([part.shared for part in parts])
        covariance = shared @ shared.T
        np.fill_diagonal(covariance, [part.error**2 for part in parts])
        error = float(np.sqrt(max(float(share @ covariance @ share), 0.0)))
        half = student(float(degrees(noise)[0])) * error
    else:
        error = float(np.linalg.norm(summed(noise, world.cluster)))
        half = float(half_width(noise, world.cluster)[0])
    treated = world.start != NEVER
    impact = _impact(
        name,
        effect,
        error or np.nan,
        half or np.nan,
        int(size.sum()),
        compared=int((weights[~treated] > 0).sum()),
        note=note,
    )
    return Answer(
        [impact],
        weights,
        balance(treated, world.covariates, np.where(treated, np.minimum(weights, 1.0), weights)),
    )


def student(free: float) -> float:
    """Return how many standard errors make a 95% interval with so many degrees of freedom.

    Args:
        free: Degrees of freedom; 1 where fewer.
    """
    from scipy.special import stdtrit

    return float(stdtrit(max(free, 1.0), 0.5 + COVER / 2))


LONE = "one supported area: no standard error can be had from it alone"


def _impact(
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
    """Return one row; without an error where one area alone was supported, since what it would have done is then a single figure."""
    if n == 1:
        error = half = np.nan
        note = "; ".join(part for part in (note, LONE) if part)
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
    return _impact(
        name,
        float(found.overall.effect[0]),
        float(found.overall.standard_error(world.cluster)[0]),
        float(half_width(found.overall.held_out, world.cluster)[0]),
        int(treated.sum()),
        compared=int((~treated).sum()),
        estimand=world.summary,
    )


def _rows(name: str, world: World, found: Averaged, summary: Summary) -> list[Impact]:
    """Return an average's rows: by periods since the start, or by start."""
    errors, halves = found.standard_error(world.cluster), half_width(found.held_out, world.cluster)
    starts = world.start[world.start != NEVER]
    compared = len(world.start) - len(starts)
    out = []
    for at, effect, error, half in zip(
        found.at.tolist(), found.effect.tolist(), errors.tolist(), halves.tolist(), strict=True
    ):
        if summary == "dynamic":
            group, time = "all", f"{at:+d}"
            n = int(((starts + at < len(world.y)) & (starts + at >= 0)).sum())
        else:
            group, time, n = world.periods[at], "all", int((starts == at).sum())
        out.append(
            _impact(name, effect, error, half, n, compared=compared, estimand=summary, group=group, time=time)
        )
    return out
