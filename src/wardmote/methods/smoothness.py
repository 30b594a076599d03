"""Honest bounds when a difference of trends goes on almost straight: how far the effect can be off if it bends by at most so much.

Trends that differ before support may go on differing. If the difference is a straight line, it can be taken out; if it bends by at most
M from one period to the next, what is left of it is bounded. The interval is the shortest of those that are centred on a fixed sum of the
estimates and have a length known beforehand; it covers at least 95% whatever bends M allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.precision import COVER
from wardmote.methods.trust import Bound, event_study, least_that_holds

FAR = 30.0
"""Bias in standard deviations from which the far side of the normal distribution is nothing in a float64."""

ROUNDING = 1e-14
"""Share of the variances at which a variance is rounding: some fifty times a float64's own, for sums of a dozen products."""


def folded_critical(bias: float) -> float:
    """Return the 95% point of ``|N(bias, 1)|``: how many standard errors cover when the bias may be so large.

    Args:
        bias: Largest bias in standard errors, ≥ 0.

    Source:
        T. Armstrong and M. Kolesár (2018), *Econometrica* 86: 655–683, section 3.
    """
    from scipy.special import chndtrix, ndtri

    if bias > FAR:
        return float(bias + ndtri(COVER))
    return float(np.sqrt(chndtrix(COVER, 1, bias**2)))


def smoothness_bounds(
    effect: npt.ArrayLike,
    covariance: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    bends: Sequence[float] = (0.0,),
    weights: npt.ArrayLike | None = None,
) -> tuple[Bound, ...]:
    """Return honest intervals of the average effect when trends' difference d bends by at most M: ``|d_{e+1} − 2 d_e + d_{e−1}| ≤ M``.

    The estimate is ``l'b_after + v'b_before``. A straight line adds nothing to it if ``Σ v_e (e + 1) + Σ l_e (e + 1) = 0``; bends add at
    most ``M Σ_s |c_s|``, c_s being what a bend at s adds. v is chosen so that ``half = cv(bias ÷ se) se`` is least, cv from
    `folded_critical`: more weight on earlier periods lowers the bias and adds noise.

    Args:
        effect: Event-study estimates against period −1, shape (m,).
        covariance: Theirs, shape (m, m).
        at: Periods since the start, shape (m,), without gaps; −1 is left out where it is given.
        bends: The M to report, ≥ 0, in the outcome's unit; 0 takes a straight line out.
        weights: Weights l of the periods from 0 on; even by default.

    Returns:
        A `Bound` for each M: low and high are the estimate ∓ its largest bias, the interval adds sampling error.

    Raises:
        MethodError: Shapes that do not fit, gaps, a negative variance or M, no period after the start or none before −1.

    Source:
        A. Rambachan and J. Roth (2023), "A more credible approach to parallel trends", *Review of Economic Studies* 90: 2555–2591, section
        4.1 (fixed-length confidence intervals for Δ^SD).
    """
    b, v, e = event_study(effect, covariance, at)
    ends = np.sort(np.append(e, -1))
    if (np.diff(ends) != 1).any() or ends[0] > -2 or ends[-1] < 0 or min(bends, default=-1.0) < 0:
        raise MethodError(
            Problem(
                "honest bounds",
                "periods do not allow bounds",
                f"periods {ends.tolist()}, bends {list(bends)}",
                "each period from −2 or before to 0 or after, and bends from 0",
            )
        )
    after = e >= 0
    share = np.ones(int(after.sum())) if weights is None else np.asarray(weights, dtype=np.float64)
    post = np.zeros(len(e))
    post[np.flatnonzero(after)[np.argsort(e[after])]] = share / share.sum()
    bend = _bend_matrix(e)
    out = []
    for most in bends:
        mix = _best(post, v, e, bend, float(most))
        middle = float(mix @ b)
        bias = float(most) * float(np.abs(mix @ bend).sum())
        error = float(np.sqrt(max(float(mix @ v @ mix), 0.0)))
        half = folded_critical(bias / error) * error if error > 0 else bias
        out.append(Bound(float(most), middle - bias, middle + bias, middle - half, middle + half))
    return tuple(out)


def _bend_matrix(e: IntArray) -> FloatArray:
    """Return what a bend of 1 at each inner period adds to each estimate, shape (m, bends).

    With slope g from −1 to 0, ``d_e = g (e + 1) + Σ_{s=0}^{e−1} (e − s) D_s`` from 0 on, and before −1
    ``d_e = g (e + 1) + Σ_{s=e+1}^{−1} (s − e) D_s``.
    """
    inner = np.arange(int(min(e.min(), -1)) + 1, int(e.max()))
    lag = e[:, None] - inner
    return np.where(inner >= 0, np.maximum(lag, 0), np.where(e[:, None] < 0, np.maximum(-lag, 0), 0)).astype(
        np.float64
    )


def _best(post: FloatArray, v: FloatArray, e: IntArray, bend: FloatArray, most: float) -> FloatArray:
    """Return the weights of all estimates that give the shortest interval.

    Free are the weights of earlier periods that a straight line does not notice. The bias is a sum of absolute values, written with a
    bound above each; sequential quadratic programming solves it from the least noisy weights.
    """
    before = np.flatnonzero(e < -1)
    trend = (e[before] + 1).astype(np.float64)
    base = post.copy()
    base[before] = -trend * float(post @ (e + 1)) / float(trend @ trend)
    # Directions among earlier weights that leave a straight line alone.
    _, _, rows = np.linalg.svd(trend[None])
    free = np.zeros((len(e), len(before) - 1))
    free[before] = rows[1:].T
    if not free.shape[1]:
        return base
    quiet = base - free @ np.linalg.lstsq(free.T @ v @ free, free.T @ v @ base, rcond=None)[0]
    if most == 0:
        return quiet
    noise = float(quiet @ v @ quiet)
    if noise <= ROUNDING * float(np.trace(v)) * float(quiet @ quiet):
        noise = float(
            np.trace(v)
        )  # few clusters leave weights without noise: what is left of it is rounding, of either sign
    scale = float(np.sqrt(max(noise, 0.0))) or 1.0
    # The length is convex in the weights, so one start is enough; the others guard against a search that stops early.
    least = base - free @ np.linalg.lstsq(bend.T @ free, bend.T @ base, rcond=None)[0]
    found = _descended(quiet, v / scale**2, free, bend, most / scale)
    return min((found, quiet, least), key=lambda mix: _half(mix, v, bend, most))


def _half(mix: FloatArray, v: FloatArray, bend: FloatArray, most: float) -> float:
    error = float(np.sqrt(max(float(mix @ v @ mix), 1e-300)))
    return folded_critical(most * float(np.abs(mix @ bend).sum()) / error) * error


def _descended(mix: FloatArray, v: FloatArray, free: FloatArray, bend: FloatArray, most: float) -> FloatArray:
    """Return weights from which no step along `free` shortens the interval."""
    from scipy.optimize import minimize

    k, size = free.shape[1], bend.shape[1]

    def length(point: FloatArray) -> tuple[float, FloatArray]:
        at = mix + free @ point[:k]
        error = float(np.sqrt(max(float(at @ v @ at), 1e-300)))
        ratio = max(most * float(point[k:].sum()) / error, 0.0)
        reach = folded_critical(ratio)
        # cv is where Φ(cv − r) − Φ(−cv − r) = 0.95: its slope in r is the difference of both densities over their sum, tanh(cv r).
        by_bias = float(np.tanh(reach * ratio))
        by_error = reach - ratio * by_bias
        slope = np.concatenate([by_error * (free.T @ (v @ at)) / error, np.full(size, by_bias * most)])
        return reach * error, slope

    # u ± c ≥ 0 for each bend, c = bend'(mix + free x).
    sides = np.vstack([np.hstack([sign * bend.T @ free, np.eye(size)]) for sign in (1, -1)])
    level = np.concatenate([bend.T @ mix, -(bend.T @ mix)])
    first = np.concatenate([np.zeros(k), np.abs(bend.T @ mix)])
    above: Any = {"type": "ineq", "fun": lambda x: level + sides @ x, "jac": lambda x: sides}
    found = minimize(
        length,
        first,
        jac=True,
        method="SLSQP",
        bounds=[(None, None)] * k + [(0.0, None)] * size,
        constraints=[above],
        options={"maxiter": 200, "ftol": 1e-12},
    )
    return np.asarray(mix + free @ np.asarray(found.x)[:k])


def smoothness_breakdown(
    effect: npt.ArrayLike,
    covariance: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    most: float,
) -> float:
    """Return the bend at which the honest interval first holds 0.

    Args:
        effect: As for `smoothness_bounds`.
        covariance: As for `smoothness_bounds`.
        at: As for `smoothness_bounds`.
        weights: As for `smoothness_bounds`.
        most: Largest bend to look at, above 0.

    Returns:
        The bend to a hundredth of `most`, from above; 0 where a straight line already explains the effect, `most` where none up to it does.

    Raises:
        MethodError: As for `smoothness_bounds`.

    Source:
        Rambachan and Roth (2023), section 5.
    """

    def holds(m: float) -> bool:
        one = smoothness_bounds(effect, covariance, at, bends=(m,), weights=weights)[0]
        return one.interval_low <= 0 <= one.interval_high

    return least_that_holds(holds, most, 1e-2 * most)
