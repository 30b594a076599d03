"""All estimators behind one interface: a panel and a setting in, impacts out.

An estimator answers what supported areas' outcome was, less what it would have been. Each has its own way to the second half of that;
where they agree, no single way decides.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote.errors import MethodError, MissingError, Problem
from wardmote.evaluate.likeness import matched, weighted
from wardmote.evaluate.world import (
    FEW,
    LONE,
    Answer,
    Impact,
    World,
    cells_of,
    impact_row,
    mean_over,
    simple_of,
    student,
)
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.differences import (
    NEVER,
    Averaged,
    Estimate,
    Summary,
    average,
    two_by_two,
)
from wardmote.methods.imputation import imputation_effects, trend_noise, without_covariate_trends
from wardmote.methods.lottery import estimate_effect
from wardmote.methods.precision import half_width, placebo_half_width, summed
from wardmote.methods.synthetic import (
    difference_noise,
    placebo_error,
    staggered_difference,
    synthetic_control,
)
from wardmote.study import ProgrammeSpec

if TYPE_CHECKING:
    import pandas as pd


def staggered(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return effects by group and period, averaged as declared, by group and by periods since the start (Callaway and Sant'Anna)."""
    cells = cells_of(world)
    main = average(cells, world.summary)
    out = [replace(_overall("staggered", world, main), note=_adjusted(world))]
    error, half = cells.standard_error(world.cluster), half_width(cells.held_out, world.cluster)
    for row in range(len(cells.effect)):
        group, time = world.periods[cells.group[row]], world.periods[cells.time[row]]
        out.append(
            impact_row(
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
            impact_row(
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


def synthetic(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the synthetic difference in differences, covariate trends taken out.

    Where every start has two areas or more, its error adds up what areas contribute with weights as they are (the paper's jackknife, for
    many supported areas), the noise of the trends' fitted slopes within it: supported areas lie where the covariates are higher, and what
    slopes err by is multiplied by that distance. A start of one area has no spread of its own, so that the error is then that of
    placebos among comparison areas (the paper's algorithm for few), and that of the slopes, which placebos cannot show, is added.
    """
    whole = ~np.isnan(world.y).any(axis=0)
    raw, start, covariates = world.y[:, whole], world.start[whole], world.covariates[:, whole]
    y = without_covariate_trends(raw, start, covariates) if len(covariates) else raw
    effect, cohorts = staggered_difference(y, start)
    n, compared = sum(count for _, count, _ in cohorts), int((start == NEVER).sum())
    noise, weights = difference_noise(y, start, cohorts)
    slopes = trend_noise(raw, start, covariates, weights) if len(covariates) else np.zeros(len(start))
    draws, lone = min(spec.draws, 200), min(count for _, count, _ in cohorts) == 1
    error, half, how = np.nan, np.nan, "no error: too few comparison areas for placebos"
    if world.cluster is not None or not lone:
        clusters, together = None if world.cluster is None else world.cluster[whole], (noise + slopes)[None]
        error = float(np.linalg.norm(summed(together, clusters)))
        half, how = float(half_width(together, clusters)[0]), "error with weights taken as fixed"
    elif draws > 1 and compared >= n + 2:
        placebo = float(placebo_error(y, start, draws=draws, rng=rng).std(ddof=1))
        error = float(np.sqrt(placebo**2 + slopes @ slopes))
        half, how = (
            student(draws - 1) * error,
            "error from placebos",
        )  # itself drawn: its noise widens the interval
    left = int((~whole).sum())
    notes = [*([f"{left} areas with gaps are left out"] if left else []), how]
    out = [
        impact_row("synthetic difference", effect, error, half, n, compared=compared, note="; ".join(notes))
    ]
    for first, count, found in cohorts:
        out.append(
            impact_row(
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
    return Answer(out, scale=_scale(y, start, weights, slopes))


def _scale(y: FloatArray, start: IntArray, weights: FloatArray, slopes: FloatArray) -> float:
    """Return the error that an estimate has by its weights, if all figures were equally noisy, and by the slopes taken out before.

    Args:
        y: Panel, shape (periods, n).
        start: First supported periods, shape (n,).
        weights: What each figure is multiplied by, shape (periods, n).
        slopes: What areas contribute to the error through the slopes, shape (n,).
    """
    pool = y[:, start == NEVER]
    left = pool - pool.mean(axis=0) - pool.mean(axis=1, keepdims=True) + pool.mean()
    noise = float((left**2).sum()) / max((left.shape[0] - 1) * (left.shape[1] - 1), 1)
    error = float(np.sqrt(noise * (weights**2).sum() + slopes @ slopes))
    return error if error > 0 else 1.0  # nothing varies: no placebo is steadier than another


def controls(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> Answer:
    """Return the mean gap to each supported area's synthetic control, levels and covariate trends taken out; for few areas.

    Supported areas often lie lower than any mix of others can; their level before support is taken out on both sides (B. Ferman and C.
    Pinto 2021, *Quantitative Economics* 12: 1197–1221, the demeaned synthetic control).
    """
    whole = ~np.isnan(world.y).any(axis=0)
    raw, start, covariates = world.y[:, whole], world.start[whole], world.covariates[:, whole]
    y = without_covariate_trends(raw, start, covariates) if len(covariates) else raw
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
    found = [
        synthetic_control(
            y[:, i] - y[: start[i], i].mean(), pool - pool[: start[i]].mean(axis=0), int(start[i])
        )
        for i in treated
    ]
    weights = np.zeros_like(y)
    for i, one in zip(treated.tolist(), found, strict=True):
        first, after = int(start[i]), len(y) - int(start[i])
        when = np.concatenate([np.full(first, -1 / first), np.full(after, 1 / after)]) / len(treated)
        weights[:, i] = when
        weights[:, start == NEVER] -= np.outer(when, one.weights)
    slopes = trend_noise(raw, start, covariates, weights) if len(covariates) else np.zeros(len(start))
    effect = float(np.mean([one.effect for one in found]))
    fit = float(np.sqrt(np.mean([one.fit for one in found])))
    note = f"typical gap before support {fit:.3g}"
    return Answer(
        [
            impact_row(
                "synthetic control", effect, np.nan, np.nan, len(treated), compared=pool.shape[1], note=note
            )
        ],
        scale=_scale(y, start, weights, slopes),
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
            impact_row(
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
                impact_row(
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
) -> Callable[[World, ProgrammeSpec, np.random.Generator], tuple[float, float]]:
    """Return an estimator's main figure alone and its scale, which for some is many times quicker than all it tells."""

    def run(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> tuple[float, float]:
        if name == "staggered" and world.summary == "simple":
            return float(simple_of(world).effect[0]), 1.0
        if name == "imputation":
            covariates = world.covariates if len(world.covariates) else None
            found = imputation_effects(world.y, world.start, covariates=covariates, summary=world.summary)
            return float(found.overall.effect[0]), 1.0
        if name == "synthetic difference":
            spec = spec.model_copy(update={"draws": 0})
        answer = estimator(world, spec, rng)
        return answer.impacts[0].effect, answer.scale

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
        found, scale = placebos(_main_only(name, estimator), world, spec, rng)
        found = found * (answer.scale / scale)  # a placebo whose weights make it steadier counts for more
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
    figure: Callable[[World, ProgrammeSpec, np.random.Generator], tuple[float, float]],
    world: World,
    spec: ProgrammeSpec,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return what an estimator finds where there is nothing: starts are dealt out among comparison areas, the supported ones left out.

    Args:
        figure: The estimate of a world, as one figure, and its scale.
        world: The world.
        spec: The programme; its `draws` are the most placebos, 199 where they are fewer than 19, the least that allow an interval.
        rng: The generator.

    Returns:
        Estimates and their scales, one for each deal that could be fitted; at most as many as comparison areas for one supported area.
    """
    starts = world.start[world.start != NEVER]
    pool = np.flatnonzero((world.start == NEVER) & ~np.isnan(world.y).any(axis=0))
    if len(pool) > PLACEBO_POOL:
        pool = np.sort(rng.permutation(pool)[:PLACEBO_POOL])
    if len(pool) < len(starts) + 2:
        return np.zeros(0), np.ones(0)
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
    estimates, scales = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return estimates, scales


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


def _overall(name: str, world: World, found: Averaged) -> Impact:
    treated = world.start != NEVER
    return impact_row(
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
            impact_row(
                name, effect, error, half, n, compared=compared, estimand=summary, group=group, time=time
            )
        )
    return out
