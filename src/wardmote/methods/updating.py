"""An evaluation made here, put together with what studies elsewhere found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from wardmote.errors import MethodError, Problem


@dataclass(frozen=True, slots=True)
class Updated:
    """What is believed of the effect here after both.

    Attributes:
        effect, standard_error, low, high: Of the effect here, with its 95% interval.
        weight: Share that the evaluation made here has in it, 0 to 1; the rest is what studies elsewhere found.
        conflict, conflict_p: How far the evaluation lies from what studies elsewhere led to expect, in standard deviations, and how often
            chance alone would take it as far (two-sided).
        probability: That the effect here is above 0, given both.
    """

    effect: float
    standard_error: float
    low: float
    high: float
    weight: float
    conflict: float
    conflict_p: float
    probability: float


def update(
    pooled: float, pooled_error: float, tau2: float, effect: float, error: float, *, bias_sd: float
) -> Updated:
    """Return the effect here, from pooled evidence and an evaluation, by normal conjugacy with a bias term.

    What a new place would see is ``N(m, τ² + se²)``; the evaluation sees ``N(effect here, e² + β²)``, where β is how far such a design
    tends to be off for reasons that its error does not show. ``w = P ÷ (P + E)`` with ``P = τ² + se²``, ``E = e² + β²``;
    ``estimate = w · effect + (1 − w) m``, ``variance = P E ÷ (P + E)``, ``conflict = (effect − m) ÷ √(P + E)``.

    Args:
        pooled, pooled_error: Pooled effect and its standard error (> 0), positive for better.
        tau2: Variance of true effects between places, ≥ 0.
        effect, error: Of the evaluation, in the same units, error > 0.
        bias_sd: β, ≥ 0: 0 for a trial that assigns by chance. For other designs an assumption, to be shown beside the result and varied.

    Raises:
        MethodError: Errors that are not positive, a negative τ² or β, or a missing number.

    Source:
        Spiegelhalter, Abrams and Myles (2004), Bayesian Approaches to Clinical Trials and Health-Care Evaluation, chapters 3 and 5
        (conjugate normal, conflict); bias term: Turner, Spiegelhalter, Smith and Thompson (2009), Journal of the Royal Statistical
        Society A 172: 21–47.
    """
    given = {"pooled": pooled, "pooled_error": pooled_error, "tau2": tau2, "effect": effect, "error": error}
    given |= {"bias_sd": bias_sd}
    problems = [
        Problem("update", f"{name} is missing or infinite", f"{value:g}", "a number")
        for name, value in given.items()
        if not np.isfinite(value)
    ]
    problems += [
        Problem("update", f"{name} is out of range", f"{given[name]:g}", "above 0")
        for name in ("pooled_error", "error")
        if given[name] <= 0
    ]
    problems += [
        Problem("update", f"{name} is out of range", f"{given[name]:g}", "at least 0")
        for name in ("tau2", "bias_sd")
        if given[name] < 0
    ]
    if problems:
        raise MethodError(problems)
    before, seen = tau2 + pooled_error**2, error**2 + bias_sd**2
    weight = before / (before + seen)
    centre = weight * effect + (1 - weight) * pooled
    spread = float(np.sqrt(before * seen / (before + seen)))
    conflict = (effect - pooled) / float(np.sqrt(before + seen))
    reach = float(stats.norm.ppf(0.975)) * spread
    return Updated(
        effect=centre,
        standard_error=spread,
        low=centre - reach,
        high=centre + reach,
        weight=weight,
        conflict=conflict,
        conflict_p=float(2 * stats.norm.sf(abs(conflict))),
        probability=float(stats.norm.sf(-centre / spread)),
    )
