"""Every test of trust that a programme's main result is put to, each with a plain sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from wardmote.errors import MethodError, Problem
from wardmote.evaluate.panel import Panel
from wardmote.evaluate.world import FEW, Impact, World, cells_of, mean_over, simple_of, student, world_of
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.differences import (
    NEVER,
    Adjustment,
    Comparison,
    average,
    group_time_effects,
    simple_average,
)
from wardmote.methods.imputation import without_covariate_trends
from wardmote.methods.precision import half_width, summed
from wardmote.methods.smoothness import smoothness_bounds, smoothness_breakdown
from wardmote.methods.synthetic import placebo_ranks, synthetic_control
from wardmote.methods.trust import (
    LEVEL,
    POWER,
    breakdown,
    detectable,
    leave_one_out,
    pre_trend,
    randomisation,
    relative_bounds,
    rings,
)
from wardmote.study import ProgrammeSpec
from wardmote.words import figure, listed, percent

ENOUGH_CLUSTERS = 30
"""Clusters below which clustered errors come out too small (Cameron and Miller 2015, *Journal of Human Resources* 50: 341–346)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One test; see table `impact_checks`."""

    test: str
    item: str
    result: str
    sentence: str
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    threshold: float = float("nan")


def check_all(
    panel: Panel, spec: ProgrammeSpec, main: Impact, rng: np.random.Generator
) -> tuple[list[Check], list[Impact]]:
    """Return all tests of the main result of one outcome, and the estimates under every other reasonable specification.

    Args:
        panel: The panel.
        spec: The programme.
        main: The main estimate.
        rng: The generator.
    """
    adjust = bool(spec.covariates) and spec.adjust
    world, at = world_of(panel, spec, adjust=adjust)
    # Tests that deal out starts hundreds of times work on outcomes from which covariate trends were taken once.
    steady = (
        replace(world, y=without_covariate_trends(world.y, world.start, world.covariates))
        if adjust
        else world
    )
    curve = specification_curve(panel, spec)
    event = cache(lambda: _event(replace(world, anticipation=0)))
    tests: list[Callable[[], list[Check]]] = [
        lambda: _size(world, panel, main),
        lambda: _trends(event(), panel.unit),
        lambda: _bounds(event(), spec, panel.unit),
        lambda: _bends(event(), spec, panel.unit),
        lambda: _placebo_time(world, panel.unit),
        lambda: _chance(steady, spec, rng),
        lambda: _space(steady),
        lambda: _leave_out(steady, panel, at),
        lambda: _spillover(panel, spec),
        lambda: _dose(steady, panel, spec, at),
        lambda: _curve_check(curve, main),
    ]
    found = []
    for test in tests:
        try:
            found += test()
        except MethodError as error:
            # A test that the data do not allow is told as such: its absence must not look like a pass.
            name = _NAMES[tests.index(test)]
            found.append(Check(name, "all", "not applicable", f"Not applicable: {error.problems[0]}"))
    return found, curve


_NAMES = (
    "smallest effect noticed",
    "trends before support",
    "honest bounds",
    "honest bounds, smooth",
    "placebo in time",
    "chance",
    "placebo in space",
    "leave one out",
    "spillover",
    "dose",
    "specification curve",
)


def simple_effect(world: World) -> Callable[[IntArray, IntArray], float]:
    """Return the simple average effect as a function of the areas used and their starts.

    Args:
        world: The world, covariate trends already taken out; its covariates are not used.
    """

    def of(places: IntArray, start: IntArray) -> float:
        return simple_average(
            world.y[:, places], start, comparison=world.comparison, anticipation=world.anticipation
        )

    return of


def dealt_effect(world: World) -> Callable[[IntArray, IntArray], float]:
    """Return the simple average effect for starts that are dealt out again and again among the same areas.

    Compared with areas never supported and without gaps, it is a sum over supported areas of figures that do not depend on the deal, less
    a mean of those of all others: a deal then costs as much as it has supported areas.

    Args:
        world: The world, covariate trends already taken out.
    """
    starts, size = np.unique(world.start[world.start != NEVER], return_counts=True)
    usable = (starts > world.anticipation) & (starts < len(world.y))
    if np.isnan(world.y).any() or world.comparison != "never" or not usable.all():
        return simple_effect(world)
    # What each area would add as one of a start's areas: the sum of its changes from the base to each later period.
    later = [
        world.y[g:].sum(axis=0) - (len(world.y) - g) * world.y[g - 1 - world.anticipation] for g in starts
    ]
    periods = len(world.y) - starts
    weight = 1 / float((size * periods).sum())

    def of(places: IntArray, start: IntArray) -> float:
        dealt = np.flatnonzero(start != NEVER)
        at, begun = places[dealt], start[dealt]
        others = len(places) - len(dealt)
        out = 0.0
        for g, change in zip(starts, later, strict=True):
            inside = at[begun == g]
            compared = (whole[int(g)] - float(change[at].sum())) / others
            out += float(change[inside].sum()) - len(inside) * compared
        return out * weight

    whole = {int(g): float(change.sum()) for g, change in zip(starts, later, strict=True)}
    return of


def specification_curve(panel: Panel, spec: ProgrammeSpec) -> list[Impact]:
    """Return the simple average effect under every reasonable specification of the staggered estimator.

    Choices: comparison areas (never or not yet supported), covariates (none, doubly robust, regression, inverse probability), and
    whether areas near supported ones may be compared.

    Args:
        panel: The panel.
        spec: The programme.
    """
    out = []
    adjustments: list[tuple[bool, Adjustment]] = [(False, "doubly robust")]
    if spec.covariates:
        adjustments += [(True, "doubly robust"), (True, "outcome regression"), (True, "inverse probability")]
    kinds: list[Comparison] = ["never", "not yet"]
    for near in [False, True] if spec.comparison.apart_km else [False]:
        for kind in kinds:
            for adjust, name in adjustments:
                world, _ = world_of(panel, spec, adjust=adjust, near=near)
                words = [
                    f"compared with {'areas never supported' if kind == 'never' else 'areas not yet supported'}",
                    name if adjust else "no covariates",
                    *(["near areas kept"] if near else []),
                ]
                try:
                    simple = simple_of(replace(world, comparison=kind, adjustment=name))
                except MethodError:
                    continue  # a specification that cannot be fitted is no result; the count of those told shows it
                error = float(simple.standard_error(world.cluster)[0])
                half = float(half_width(simple.held_out, world.cluster)[0])
                effect = float(simple.effect[0])
                treated = int((world.start != NEVER).sum())
                out.append(
                    Impact(
                        "staggered",
                        "; ".join(words),
                        "simple",
                        "all",
                        "all",
                        effect,
                        error,
                        effect - half,
                        effect + half,
                        treated,
                        len(world.start) - treated,
                    )
                )
    return out


# ---- single tests


def spoken(unit: str) -> str:
    """Return how a difference in a unit is said: of per cent it is percentage points.

    Args:
        unit: The outcome's unit.
    """
    return "percentage points" if unit.startswith("%") else unit


def _unit(unit: str) -> str:
    return f" {spoken(unit)}" if unit else ""


def _size(world: World, panel: Panel, main: Impact) -> list[Check]:
    """Return what the study could have noticed, and whether its errors can be believed."""
    treated = int((world.start != NEVER).sum())
    out = []
    if not np.isnan(main.standard_error):
        least = detectable(main.standard_error)
        out.append(
            Check(
                "smallest effect noticed",
                "all",
                "told",
                f"An effect of {figure(least, 2)}{_unit(panel.unit)} or more, of either sign, would have been noticed with"
                f" {percent(POWER)} probability; smaller ones may have been missed.",
                least,
            )
        )
    if treated < FEW:
        out.append(
            Check(
                "few supported areas",
                "all",
                "flagged",
                f"Only {treated} {'area was' if treated == 1 else 'areas were'} supported: the interval rests on placebos among comparison"
                " areas, which are right if any of them might as well have been supported.",
                treated,
                threshold=FEW,
            )
        )
    if world.cluster is not None:
        clusters = len(np.unique(world.cluster))
        if clusters < ENOUGH_CLUSTERS:
            out.append(
                Check(
                    "few clusters",
                    "all",
                    "flagged",
                    f"Errors are clustered in {clusters} larger areas; with so few they tend to come out too small.",
                    clusters,
                    threshold=ENOUGH_CLUSTERS,
                )
            )
    return out


_Event = tuple[FloatArray, FloatArray, IntArray]
"""Effects by periods since the start, their covariance, and the periods."""


def _event(world: World) -> _Event:
    """Return an event study against the period before the start: effects, covariance, periods; cells seen by every group only."""
    if int((world.start != NEVER).sum()) < 2:
        raise MethodError(
            Problem(
                "trends",
                "one area was supported",
                "1",
                "two or more",
                "One area's trend is a single path: see the placebo in space.",
            )
        )
    found = average(cells_of(world, universal=True), "dynamic")
    kept = ~np.isnan(found.effect) & (found.at != -1)
    noise = summed(found.held_out, world.cluster)[kept]
    groups = noise.shape[1]
    factor = 1.0 if world.cluster is None else groups / max(groups - 1, 1)
    return found.effect[kept], factor * noise @ noise.T, found.at[kept]


def _trends(event: _Event, unit: str) -> list[Check]:
    found = pre_trend(*event)
    if not found.df:
        return [
            Check(
                "trends before support",
                "all",
                "not applicable",
                "There is one period before support: trends cannot be compared.",
            )
        ]
    flagged = found.p < LEVEL
    sentence = (
        f"Before support, supported and comparison areas moved {'differently' if flagged else 'alike, as far as can be seen'}"
        f" (p {found.p:.2f}). A difference of {figure(found.slope, 3)}{_unit(unit)} a period would have been noticed with"
        f" {percent(POWER)} probability; it would put {figure(abs(found.bias), 2)}{_unit(unit)} into the average effect."
    )
    return [
        Check(
            "trends before support",
            "all",
            "flagged" if flagged else "passed",
            sentence,
            found.p,
            threshold=LEVEL,
        ),
        Check(
            "trends before support",
            "slope noticed",
            "told",
            "Difference of trends a period that the test notices with 80% probability.",
            found.slope,
        ),
    ]


def _bounds(event: _Event, spec: ProgrammeSpec, unit: str) -> list[Check]:
    effect, covariance, at = event
    whole = (at >= at.min()) & (np.abs(effect) < np.inf)
    bounds = relative_bounds(
        effect[whole], covariance[np.ix_(whole, whole)], at[whole], multiples=spec.multiples
    )
    out = []
    for bound in bounds:
        holds = bound.interval_low <= 0 <= bound.interval_high
        out.append(
            Check(
                "honest bounds",
                f"{bound.m:g}",
                "told",
                f"If trends differed after support by up to {bound.m:g} times the most seen before it, the average effect lies between"
                f" {figure(bound.interval_low, 2)} and {figure(bound.interval_high, 2)}{_unit(unit)}"
                f"{', which does not rule out none' if holds else ''}.",
                (bound.low + bound.high) / 2,
                bound.interval_low,
                bound.interval_high,
            )
        )
    most = breakdown(effect[whole], covariance[np.ix_(whole, whole)], at[whole])
    out.append(
        Check(
            "honest bounds",
            "breakdown",
            "passed" if most >= 1 else "flagged",
            "The usual interval does not rule out no effect."
            if most == 0
            else f"The finding holds until trends differ after support by {most:.2f} times the most seen before it.",
            most,
            threshold=1.0,  # as large as the largest step before: the usual yardstick (Rambachan and Roth 2023)
        )
    )
    return out


def _bends(event: _Event, spec: ProgrammeSpec, unit: str) -> list[Check]:
    """Return bounds where the difference of trends goes on as it was, bending by at most so much from one period to the next."""
    out = []
    for bound in smoothness_bounds(*event, bends=spec.bends):
        holds = bound.interval_low <= 0 <= bound.interval_high
        how = (
            "went on in a straight line"
            if bound.m == 0
            else f"went on bending by up to {figure(bound.m, 3)}{_unit(unit)} from one period to the next"
        )
        out.append(
            Check(
                "honest bounds, smooth",
                f"{bound.m:g}",
                "told",
                f"If the difference of trends before support {how}, the average effect lies between {figure(bound.interval_low, 2)} and"
                f" {figure(bound.interval_high, 2)}{_unit(unit)}{', which does not rule out none' if holds else ''}.",
                (bound.low + bound.high) / 2,
                bound.interval_low,
                bound.interval_high,
            )
        )
    seen = _largest_bend(event)
    if not np.isfinite(seen) or seen <= 0:
        return out
    most = smoothness_breakdown(*event, most=MOST_BEND * seen)
    out.append(
        Check(
            "honest bounds, smooth",
            "breakdown",
            "passed" if most >= seen else "told",
            "A difference of trends that went on in a straight line would explain the finding, or leave it unsure."
            if most == 0
            else f"The finding holds until the difference of trends bends by {figure(most, 3)}{_unit(unit)} from one period to the next;"
            f" the largest bend seen before support was {figure(seen, 3)}.",
            most,
            threshold=seen,
        )
    )
    return out


MOST_BEND = 5.0
"""Largest bend that is looked at, as a multiple of the largest one before support."""


def _largest_bend(event: _Event) -> float:
    """Return the largest second difference of the estimates up to the period before support, its own error included; NaN without one."""
    effect, _, at = event
    order = np.argsort(at[at < -1])
    path = np.append(effect[at < -1][order], 0.0)
    return float(np.abs(np.diff(path, 2)).max()) if len(path) > 2 else float("nan")


def _placebo_time(world: World, unit: str) -> list[Check]:
    """Pretend that support began halfway through the time before it did, on figures from before only."""
    start = world.start.copy()
    treated = start != NEVER
    shift = start[treated] - np.maximum(1, start[treated] // 2)
    if (shift < 1).all():
        return [
            Check("placebo in time", "all", "not applicable", "There are too few periods before support.")
        ]
    y = world.y.copy()
    when = np.arange(len(y))[:, None]
    y[when >= np.where(treated, start, NEVER)] = np.nan
    start[treated] = np.maximum(1, start[treated] // 2)
    latest = int(world.start[treated].max())
    # With the covariates of the estimate itself: without them a selection that they explain would look like an effect.
    cells = group_time_effects(
        y[:latest],
        np.where(start < latest, start, NEVER),
        covariates=world.covariates if len(world.covariates) else None,
        adjustment="outcome regression",
        comparison="never",
        earlier=False,
    )
    simple = average(cells)
    effect, half = float(simple.effect[0]), float(half_width(simple.held_out, world.cluster)[0])
    found = not effect - half <= 0 <= effect + half
    size = f"{figure(effect, 2)}{_unit(unit)} ({figure(effect - half, 2)} to {figure(effect + half, 2)})"
    sentence = f"Pretending that support began earlier than it did finds {size}" + (
        ", where there can be no effect: chance does this once in twenty times, or the method is off here."
        if found
        else ", compatible with no effect, as it should be."
    )
    return [
        Check(
            "placebo in time",
            "all",
            "flagged" if found else "passed",
            sentence,
            effect,
            effect - half,
            effect + half,
        )
    ]


def _chance(world: World, spec: ProgrammeSpec, rng: np.random.Generator) -> list[Check]:
    if not spec.draws:
        return []
    known = ~np.isnan(world.y).all(axis=0)
    p, _ = randomisation(
        dealt_effect(world),
        world.start,
        draws=spec.draws,
        rng=rng,
        strata=world.stratum,
        weights=np.where(known, 1.0, 0.0),
    )
    sentence = (
        f"Dealing support out at random among the areas used gives an effect this large in {percent(p)} of {spec.draws + 1:,} deals,"
        " the true one among them."
    )
    return [Check("chance", "all", "passed" if p < LEVEL else "flagged", sentence, p, threshold=LEVEL)]


def _space(world: World) -> list[Check]:
    """With few supported areas: is the gap to a synthetic control larger than that of areas without support?"""
    whole = ~np.isnan(world.y).any(axis=0)
    y, start = world.y[:, whole], world.start[whole]
    treated = np.flatnonzero(start != NEVER)
    if len(treated) != 1 or start[treated[0]] < 2:
        return []
    pool = np.flatnonzero(start == NEVER)
    if len(pool) > MOST_PLACES:  # evenly over the list of areas, which is in the order of their codes
        pool = pool[np.linspace(0, len(pool) - 1, MOST_PLACES).astype(np.int64)]
    first = int(start[treated[0]])
    fits, later = [], []
    for i in [treated[0], *pool]:
        one = synthetic_control(y[:, i], y[:, pool[pool != i]], first)
        fits.append(one.fit)
        later.append(float((one.gap[first:] ** 2).mean()))
    # With more areas than earlier periods every path can be met, and how well it was met says nothing: gaps are then ranked as they are.
    p = placebo_ranks(np.ones(len(fits)) if len(pool) > first else fits, later)
    sentence = f"{percent(p)} of areas left their synthetic control at least as far as the supported one did."
    return [
        Check("placebo in space", "all", "passed" if p < LEVEL else "flagged", sentence, p, threshold=LEVEL)
    ]


MOST_PLACES = 300
"""Most comparison areas of the placebo in space: each is fitted by all others."""

LEFT_OUT = 200
"""Most supported areas that are left out one by one; with more, no single one can carry an average."""


def _leave_out(world: World, panel: Panel, at: IntArray) -> list[Check]:
    treated = np.flatnonzero(world.start != NEVER)
    if not 2 <= len(treated) <= LEFT_OUT:
        return []
    places, effects = leave_one_out(simple_effect(world), world.start)
    whole = simple_effect(world)(np.arange(len(world.start)), world.start)
    moved = int(np.argmax(np.abs(effects - whole)))
    turned = np.sign(effects.min()) != np.sign(effects.max())
    area = panel.areas[int(at[places[moved]])]
    sentence = (
        f"Leaving out one supported area at a time, the effect lies between {figure(float(effects.min()), 2)} and"
        f" {figure(float(effects.max()), 2)}, by a simpler sum that gives {figure(whole, 2)} with all of them; {area} moves it most."
    )
    return [
        Check(
            "leave one out",
            "all",
            "flagged" if turned else "passed",
            sentence,
            whole,
            float(effects.min()),
            float(effects.max()),
        )
    ]


def _spillover(panel: Panel, spec: ProgrammeSpec) -> list[Check]:
    """Return what changed in rings round supported areas, held against areas beyond the last ring."""
    if not spec.rings_km:
        return []
    ring = rings(panel.distance, spec.rings_km)
    listed_out = np.isin(panel.role, ["excluded", "outside the pool", "no outcome"])
    # A neighbour's support begins with the nearest supported area's.
    begun = np.where(panel.nearest >= 0, panel.start[np.maximum(panel.nearest, 0)], NEVER)
    beyond = (ring == len(spec.rings_km) + 1) & ~listed_out
    out = []
    for number, edge in enumerate(spec.rings_km, start=1):
        inside = (ring == number) & ~listed_out & ~np.isnan(panel.y).all(axis=0)
        item = f"up to {edge:g} km"
        if not inside.any() or not beyond.any():
            out.append(
                Check(
                    "spillover",
                    item,
                    "not applicable",
                    f"No area lies {item} away, or none lies beyond the rings.",
                )
            )
            continue
        used = np.flatnonzero(inside | beyond)
        start = np.where(inside[used], begun[used], NEVER)
        known = spec.adjust and len(panel.covariates) and not np.isnan(panel.covariates[:, used]).any()
        # Regression needs no overlap of chances, which a ring and what lies beyond it seldom have.
        simple = average(
            group_time_effects(
                panel.y[:, used],
                start,
                covariates=panel.covariates[:, used] if known else None,
                adjustment="outcome regression",
                earlier=False,
            )
        )
        cluster = None if panel.cluster is None else panel.cluster[used]
        effect, half = float(simple.effect[0]), float(half_width(simple.held_out, cluster)[0])
        moved = not effect - half <= 0 <= effect + half
        sentence = (
            f"Areas {item} from a supported one changed by {figure(effect, 2)}{_unit(panel.unit)} against areas farther away"
            f" (95% interval {figure(effect - half, 2)} to {figure(effect + half, 2)})"
            + (": support seems to reach them, so they must not serve as comparison." if moved else ".")
        )
        out.append(
            Check(
                "spillover",
                item,
                "flagged" if moved else "passed",
                sentence,
                effect,
                effect - half,
                effect + half,
            )
        )
    return out


ENOUGH_DOSES = 10
"""Supported areas below which a slope on pounds would rest on one or two of them."""


def _dose(world: World, panel: Panel, spec: ProgrammeSpec, at: IntArray) -> list[Check]:
    """Return whether areas with more pounds a head, or longer support, changed more: associations, as neither was dealt by chance."""
    cohort = {area: one for one in spec.cohorts for area in one.areas}
    treated = np.flatnonzero(world.start != NEVER)
    if len(treated) == len(world.start):
        return []  # areas not yet supported are no common yardstick for several starts
    own = [cohort[panel.areas[i]] for i in at[treated]]
    pounds = np.array([np.nan if one.pounds is None else one.pounds for one in own])
    last = np.array(
        [sum(period <= one.end for period in panel.periods) if one.end else np.nan for one in own]
    )
    change = np.full(len(treated), np.nan)
    for group in np.unique(world.start[treated]):
        when = np.arange(len(world.y)) >= group
        moved = mean_over(world.y[when]) - mean_over(world.y[~when])
        inside = world.start[treated] == group
        change[inside] = moved[treated[inside]] - np.nanmean(moved[world.start == NEVER])
    doses = (
        ("£100 a head", pounds / panel.population[at[treated]] / 100, "pounds were not dealt out by chance"),
        (
            "one more period of support",
            last - world.start[treated].astype(np.float64),
            "how long support lasted was not left to chance",
        ),
    )
    return [check for item, dose, why in doses for check in _dose_of(item, dose, change, why, panel.unit)]


def _dose_of(item: str, dose: FloatArray, change: FloatArray, why: str, unit: str) -> list[Check]:
    """Return the slope of change on one kind of dose; none where too few areas have one, or all the same."""
    known = np.isfinite(dose) & ~np.isnan(change)
    if known.sum() < ENOUGH_DOSES or np.ptp(dose[known]) == 0:
        return []
    x = dose[known] - dose[known].mean()
    slope = float(x @ change[known] / (x @ x))
    left = change[known] - change[known].mean() - slope * x
    # White's errors with the factor n ÷ (n − 2): areas are unequally noisy.
    error = float(np.sqrt((x**2 @ left**2) * len(x) / (len(x) - 2)) / (x @ x))
    low, high = slope - student(len(x) - 2) * error, slope + student(len(x) - 2) * error
    more = f"{item} more" if item.startswith("£") else item
    sentence = (
        f"Among supported areas, {more} went with {figure(slope, 2)}{_unit(unit)} more change (95% interval"
        f" {figure(low, 2)} to {figure(high, 2)}). This is an association: {why}."
    )
    return [Check("dose", item, "told", sentence, slope, low, high)]


def _curve_check(curve: list[Impact], main: Impact) -> list[Check]:
    if not curve:
        return []
    effects = np.array([one.effect for one in curve])
    same = float((np.sign(effects) == np.sign(main.effect)).mean())
    clear = float(np.mean([not one.low <= 0 <= one.high for one in curve]))
    sentence = (
        f"Of {len(curve)} reasonable specifications {percent(same)} give an effect of the same sign and {percent(clear)} rule out none;"
        f" estimates lie between {figure(float(effects.min()), 2)} and {figure(float(effects.max()), 2)}."
    )
    return [
        Check(
            "specification curve",
            "all",
            "passed" if same == 1 else "flagged",
            sentence,
            float(np.median(effects)),
            float(effects.min()),
            float(effects.max()),
        )
    ]


def told_limits(checks: list[Check]) -> str:
    """Return the flagged tests in one sentence, or that none was flagged.

    Args:
        checks: All checks of one outcome.
    """
    flagged = list(dict.fromkeys(check.test for check in checks if check.result == "flagged"))
    if not flagged:
        return "No test of trust was flagged."
    return f"Tests that were flagged: {listed(flagged)}."
