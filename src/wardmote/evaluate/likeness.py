"""Supported areas held against those most like them: matched, or weighted to the same means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wardmote.errors import MethodError, Problem
from wardmote.evaluate.world import Answer, World, impact_row, mean_over, student
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.comparators import balance, entropy_weights, match, matched_effect
from wardmote.methods.differences import NEVER, kept, row_squares
from wardmote.methods.precision import degrees, half_width, summed
from wardmote.study import ProgrammeSpec


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
    if inside.sum() == 1:
        # Its residual is 0 by construction: the noise of those it is compared with stands for its own.
        left, mean = np.where(inside, np.sqrt(lent @ left**2 / lent.sum()), left), 0.0
    share = np.where(inside, kept(own / own.sum()), np.where(share > 1e-9, share, 1.0))
    return np.asarray((own * (left - mean) - lent * left) / np.sqrt(share))


# ---- parts


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
    impact = impact_row(
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
