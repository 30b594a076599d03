"""Putting the children of a node together into one score.

Every function takes values of shape (..., k, n), children before areas, and weights: k of them, (..., k) by draw, or
(..., k, n) by area. It returns scores of shape (..., n). In means a missing child is passed over and the other weights take
its part; ``min_available`` sets the share of children that an area must have. ``total`` (a plain weighted sum) is different:
weights are not rescaled, so a missing child makes the sum missing unless said otherwise.

Areas are calculated one by one in a fixed order of children: an area's score does not depend, to the last digit, on the other
areas, on their order or on how many draws are calculated at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, blocks, choose
from wardmote.methods.compiled import loaded, refuse_overflow

Names = Sequence[str] | None
"""Names of the children, for errors."""

MOST_COPELAND_AREAS = 5_000
"""Areas up to which Copeland scores are calculated unless said otherwise.

Every pair of areas is compared on every child: 5,000 areas with 10 children take about 0.6 seconds, 33,755 about half a minute.
"""

COPELAND_TOLERANCE = 1e-12
"""Share of the sum of weights below which two areas' advantages count as equal: sums of decimal weights differ by rounding
of about 1e-16 each, so 1e-12 is far above rounding and far below any stated weight."""


TILE = 4096
"""Areas summed at a time, for as many draws as fill a block: the fastest of ten sizes tried with 200 draws of 40 children.

It changes speed only: every area is calculated by itself.
"""


@dataclass(frozen=True, slots=True)
class _Children:
    """Checked values and weights.

    Attributes:
        x: Values, (..., k, n).
        w: Weights, (..., k) or, where ``per_area``, (..., k, n).
        per_area: Whether weights differ by area.
    """

    x: FloatArray
    w: FloatArray
    per_area: bool

    def weighted_sum(self, values: FloatArray) -> FloatArray:
        """Return Σ w·values over children, (..., n).

        Products are added child by child with plain ufuncs. einsum and BLAS are as fast, but fuse multiplication and
        addition for most areas and not for the last few, so that two areas with equal values could differ in the last
        digit and a tie would be lost.
        """
        k, n = values.shape[-2:]
        own = self.w.shape[:-2] if self.per_area else self.w.shape[:-1]
        lead = np.broadcast_shapes(own, values.shape[:-2])
        x = _flat(values, lead, 2)
        w = _flat(self.w, lead, 2) if self.per_area else _flat(self.w, lead, 1)[..., None]
        out = np.empty((math.prod(lead), n))
        compiled = loaded()
        if compiled is not None and len(x) == 1 and not self.per_area:
            by_draw = np.broadcast_to(w[..., 0], (len(out), k))
            compiled.add_weighted(np.ascontiguousarray(x[0]), np.ascontiguousarray(by_draw), out)
            refuse_overflow(out)
            return out.reshape(*lead, n)
        for start in range(0, n, TILE):
            areas = slice(start, start + TILE)
            tile = min(TILE, n)
            for part in blocks(len(out), tile):
                px = (x if len(x) == 1 else x[part])[..., areas]
                pw = w if len(w) == 1 else w[part]
                pw = pw[..., areas] if self.per_area else pw
                total = np.multiply(pw[:, 0], px[:, 0], out=out[part, areas])
                product = np.empty_like(total)
                for child in range(1, k):
                    total += np.multiply(pw[:, child], px[:, child], out=product)
        return out.reshape(*lead, n)

    def weight_sum(self) -> FloatArray:
        """Return Σ w over children in the same order: (..., n), or (..., 1) where weights do not differ by area."""
        w = self.w if self.per_area else self.w[..., None]
        total = w[..., 0, :].copy()
        for child in range(1, w.shape[-2]):
            total += w[..., child, :]
        return total


def _flat(array: FloatArray, lead: tuple[int, ...], axes: int) -> FloatArray:
    """Return the array with its leading axes as one, left at length 1 where all of ``lead`` shares it."""
    own = array.shape[-axes:]
    if math.prod(array.shape[:-axes]) == 1:
        return array.reshape(1, *own)
    return np.broadcast_to(array, (*lead, *own)).reshape(-1, *own)


def _checked(
    method: str, x: npt.ArrayLike, weights: npt.ArrayLike, names: Names, per_area: bool | None
) -> _Children:
    """Return values and weights that fit each other, or refuse them."""
    values = np.ascontiguousarray(x, dtype=np.float64)
    w = np.ascontiguousarray(weights, dtype=np.float64)
    if values.ndim < 2 or 0 in values.shape[-2:]:
        got = f"shape {values.shape}"
        raise MethodError(Problem(method, "there are no children or no areas", got, "shape (..., k, n)"))
    k, n = values.shape[-2:]
    by_area = _by_area(method, w, k, n, per_area)
    fits = w.shape[-2:] == (k, n) if by_area else w.shape[-1:] == (k,)
    if not fits:
        got = f"weights of shape {w.shape}"
        raise MethodError(
            Problem(method, "weights do not fit", got, f"({k},), (..., {k}) or (..., {k}, {n})")
        )
    if not (w >= 0).all() or np.isinf(w).any():
        _refuse_weights(method, w, names, -2 if by_area else -1)
    if (w.sum(axis=-2 if by_area else -1) <= 0).any():
        raise MethodError(
            Problem(method, "weights sum to 0", "0", "a sum above 0", "Give a child some weight.")
        )
    return _Children(values, w, by_area)


def _by_area(method: str, w: FloatArray, k: int, n: int, per_area: bool | None) -> bool:
    """Return whether weights differ by area, from their shape where that is plain."""
    if per_area is not None or w.ndim < 2:
        return bool(per_area)
    if w.shape[-2:] == (k, n) and n == k:
        remedy = "Say per_area=True or per_area=False."
        got = f"shape {w.shape} with as many areas as children"
        raise MethodError(Problem(method, "weights can be read in two ways", got, "", remedy))
    return w.shape[-2:] == (k, n)


def _refuse_weights(method: str, w: FloatArray, names: Names, axis: int) -> None:
    """Refuse negative, missing and infinite weights, naming their children."""
    odd = ~(w >= 0) | np.isinf(w)
    by_child = np.moveaxis(odd, axis, 0).reshape(w.shape[axis], -1)
    first = np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1)
    raise MethodError(
        Problem(
            method,
            f"the weight of {_label(int(child), names)} is not a weight",
            f"{first[child][by_child[child]][0]:g}",
            "0 or more",
            "State a direction of −1 instead of a negative weight.",
        )
        for child in np.flatnonzero(by_child.any(axis=1))
    )


def _label(child: int, names: Names) -> str:
    """Return how an error calls a child."""
    return repr(names[child]) if names else f"child {child}"


def _refuse_values(method: str, x: FloatArray, bad: BoolArray, names: Names, expected: str) -> None:
    """Refuse values that a mean is not defined for, naming child, count and first area."""
    if not bad.any():
        return
    k, n = x.shape[-2:]
    by_child = np.moveaxis(bad, -2, 0).reshape(k, -1)
    numbers = np.moveaxis(x, -2, 0).reshape(k, -1)
    problems = []
    for child in np.flatnonzero(by_child.any(axis=1)):
        first = int(np.argmax(by_child[child]))
        got = f"{int(by_child[child].sum())}, the first {numbers[child, first]:g} at position {first % n}"
        what = f"{_label(int(child), names)} has values that the mean is not defined for"
        remedy = "Normalise to a scale above 0 before, such as minmax from 1 to 100."
        problems.append(Problem(method, what, got, expected, remedy))
    raise MethodError(problems)


def _mean(
    children: _Children,
    values: FloatArray,
    min_available: float | None,
    method: str,
) -> FloatArray:
    """Return the weighted mean of ``values`` by area, passing over missing children.

    Only areas that miss a child take the slow way, so the others keep their bytes.
    """
    if min_available is not None and not 0 <= min_available <= 1:
        raise MethodError(Problem(method, "min_available is out of range", f"{min_available:g}", "0 to 1"))
    scores = children.weighted_sum(values)
    scores /= children.weight_sum()
    holes = np.isnan(scores)
    if not holes.any():
        return scores
    columns = np.flatnonzero(holes.reshape(-1, holes.shape[-1]).any(axis=0))
    some = np.ascontiguousarray(values[..., columns])
    part = _Children(some, children.w[..., columns] if children.per_area else children.w, children.per_area)
    known = ~np.isnan(some)
    total = part.weighted_sum(known.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        mended = part.weighted_sum(np.where(known, some, 0.0)) / np.where(total > 0, total, np.nan)
    if min_available is not None:
        mended = np.where(known.mean(axis=-2) < min_available, np.nan, mended)
    scores[..., columns] = np.where(holes[..., columns], mended, scores[..., columns])
    return scores


def arithmetic(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    names: Names = None,
    min_available: float | None = None,
    per_area: bool | None = None,
) -> FloatArray:
    """Return the weighted arithmetic mean of the children, Σ w·x ÷ Σ w over known children.

    Args:
        x: Values of children, shape (..., k, n), on one scale. NaN is missing.
        weights: k weights, (..., k) by draw or (..., k, n) by area; none negative, not all 0.
        names: Names of the children, for errors.
        min_available: Least share of the k children (0 to 1) that an area must have; None: one is enough.
        per_area: Whether weights are by area; needed only where their shape (k, k) leaves it open.

    Returns:
        Scores, shape (..., n), in the unit and direction of the children; NaN where too few children are known, or
        where those known have no weight.

    Raises:
        MethodError: Shapes or weights that do not fit, ``min_available`` outside 0 to 1.

    Source:
        OECD/JRC Handbook (2008), §6.2; COINr ``a_amean``.
    """
    children = _checked("arithmetic", x, weights, names, per_area)
    return _mean(children, children.x, min_available, "arithmetic")


def geometric(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    names: Names = None,
    min_available: float | None = None,
    per_area: bool | None = None,
) -> FloatArray:
    """Return the weighted geometric mean of the children, exp(Σ w·ln x ÷ Σ w) over known children.

    Args:
        x: Values of children, shape (..., k, n), all above 0. NaN is missing.
        weights: As in :func:`arithmetic`.
        names: Names of the children, for errors.
        min_available: As in :func:`arithmetic`.
        per_area: As in :func:`arithmetic`.

    Returns:
        Scores, shape (..., n), in the unit and direction of the children; NaN as in :func:`arithmetic`.

    Raises:
        MethodError: A value of 0 or below; else as in :func:`arithmetic`.

    Source:
        OECD/JRC Handbook (2008), §6.3; COINr ``a_gmean``.
    """
    children = _checked("geometric", x, weights, names, per_area)
    _refuse_values("geometric", children.x, children.x <= 0, names, "values above 0")
    return np.asarray(np.exp(_mean(children, np.log(children.x), min_available, "geometric")))


def harmonic(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    names: Names = None,
    min_available: float | None = None,
    per_area: bool | None = None,
) -> FloatArray:
    """Return the weighted harmonic mean of the children, Σ w ÷ Σ (w ÷ x) over known children.

    Args:
        x: Values of children, shape (..., k, n), all above 0 (COINr allows negative ones). NaN is missing.
        weights: As in :func:`arithmetic`.
        names: Names of the children, for errors.
        min_available: As in :func:`arithmetic`.
        per_area: As in :func:`arithmetic`.

    Returns:
        Scores, shape (..., n), in the unit and direction of the children; NaN as in :func:`arithmetic`.

    Raises:
        MethodError: A value of 0 or below; else as in :func:`arithmetic`.

    Source:
        COINr ``a_hmean``.
    """
    children = _checked("harmonic", x, weights, names, per_area)
    _refuse_values("harmonic", children.x, children.x <= 0, names, "values above 0")
    return np.asarray(1 / _mean(children, 1 / children.x, min_available, "harmonic"))


def generalised(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    power: float,
    names: Names = None,
    min_available: float | None = None,
    per_area: bool | None = None,
) -> FloatArray:
    """Return the weighted generalised mean of the children, (Σ w·x^p ÷ Σ w)^(1/p) over known children.

    A missing child is passed over as in the other means; COINr's ``a_genmean`` then gives none.

    Args:
        x: Values of children, shape (..., k, n), not negative, and above 0 where p < 0. NaN is missing.
        weights: As in :func:`arithmetic`.
        power: p, not 0. Above 1 the score leans to the child of greatest need, below 1 to that of least.
        names: Names of the children, for errors.
        min_available: As in :func:`arithmetic`.
        per_area: As in :func:`arithmetic`.

    Returns:
        Scores, shape (..., n), in the unit and direction of the children; NaN as in :func:`arithmetic`.

    Raises:
        MethodError: ``power`` is 0; a value that the power is not defined for; else as in :func:`arithmetic`.

    Source:
        COINr ``a_genmean``.
    """
    if power == 0 or not np.isfinite(power):
        remedy = "Use geometric, the limit for power 0."
        raise MethodError(
            Problem("generalised", "power is out of range", f"{power:g}", "a number, not 0", remedy)
        )
    children = _checked("generalised", x, weights, names, per_area)
    bad = children.x <= 0 if power < 0 else children.x < 0
    _refuse_values(
        "generalised", children.x, bad, names, "values above 0" if power < 0 else "values of 0 or more"
    )
    mean = _mean(children, children.x**power, min_available, "generalised")
    return np.asarray(mean ** (1 / power))


def mazziotta_pareto(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    names: Names = None,
    penalty: Literal["up", "down"] = "up",
    min_available: float | None = None,
    per_area: bool | None = None,
) -> FloatArray:
    """Return the Mazziotta–Pareto index: the mean of the children, moved by their imbalance.

    ``M ± S·(S ÷ M)`` with M the weighted mean and S the weighted standard deviation (divisor Σ w) of an area's known
    children. Expects children standardised to mean 100 and standard deviation 10 (``zscore`` with ``mean = 100, sd = 10``),
    or the adjusted form's 70 to 130 (``minmax`` or ``goalposts``).

    Args:
        x: Values of children, shape (..., k, n), all above 0. NaN is missing.
        weights: As in :func:`arithmetic`; equal in the original.
        names: Names of the children, for errors.
        penalty: ``up`` adds the term, so that uneven needs count as more need (scores that rise with need); ``down`` takes
            it off (scores that rise with what is good).
        min_available: As in :func:`arithmetic`.
        per_area: As in :func:`arithmetic`.

    Returns:
        Scores, shape (..., n), in the unit and direction of the children; NaN as in :func:`arithmetic`. With one known
        child, the child itself.

    Raises:
        MethodError: A value of 0 or below; unknown ``penalty``; else as in :func:`arithmetic`.

    Source:
        De Muro, Mazziotta, Pareto (2011), Social Indicators Research 104: 1–18; Mazziotta, Pareto (2016), Social
        Indicators Research 127: 983–1003.
    """
    choose("mazziotta_pareto", "penalty", penalty, ("up", "down"))
    children = _checked("mazziotta_pareto", x, weights, names, per_area)
    _refuse_values("mazziotta_pareto", children.x, children.x <= 0, names, "values above 0")
    mean = _mean(children, children.x, min_available, "mazziotta_pareto")
    deviations = (children.x - mean[..., None, :]) ** 2
    variance = _mean(children, deviations, min_available, "mazziotta_pareto")
    term = variance / mean
    return mean + term if penalty == "up" else mean - term


def total(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    names: Names = None,
    missing: Literal["keep", "skip"] = "keep",
    per_area: bool | None = None,
) -> FloatArray:
    """Return the weighted sum of the children, Σ w·x, with the weights as stated.

    The English index is such a sum: its weights sum to 0.999 and are not rescaled.

    Args:
        x: Values of children, shape (..., k, n). NaN is missing.
        weights: As in :func:`arithmetic`.
        names: Names of the children, for errors.
        missing: ``keep``: an area that misses a child has no sum; ``skip``: the sum of what is known, which is lower only
            because something is unknown.
        per_area: As in :func:`arithmetic`.

    Returns:
        Sums, shape (..., n), in the direction of the children; NaN where a child is missing (with ``skip``: where all
        are).

    Raises:
        MethodError: Shapes or weights that do not fit, unknown ``missing``.

    Source:
        Technical reports of the English Indices of Deprivation 2019 and 2025.
    """
    choose("sum", "missing", missing, ("keep", "skip"))
    children = _checked("sum", x, weights, names, per_area)
    if missing == "keep":
        return children.weighted_sum(children.x)
    known = ~np.isnan(children.x)
    sums = children.weighted_sum(np.where(known, children.x, 0.0))
    return np.where(known.any(axis=-2), sums, np.nan)


def copeland(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    names: Names = None,
    max_areas: int = MOST_COPELAND_AREAS,
    per_area: bool | None = None,
) -> FloatArray:
    """Return Copeland scores: how many areas an area outranks less how many outrank it.

    One area outranks another where the weights of the children in which it is higher exceed those in which it is lower.
    Only the order within each child matters. A pair is compared on the children that both have; none: neither outranks.

    Args:
        x: Values of children, shape (..., k, n), rising with need. NaN is missing.
        weights: k weights, or (..., k) by draw; none negative, not all 0. Not by area: a pair needs one set.
        names: Names of the children, for errors.
        max_areas: Most areas to compare: work grows with the square of their number.
        per_area: Only None or False.

    Returns:
        Scores, shape (..., n), whole numbers from −(n − 1) to n − 1, rising with need; NaN for an area without any known
        child. One area scores 0.

    Raises:
        MethodError: More areas than ``max_areas``, weights by area, shapes or weights that do not fit.

    Source:
        OECD/JRC Handbook (2008), §6.4; COINr ``a_copeland``, which counts a missing child against the first of the pair.
    """
    children = _checked("copeland", x, weights, names, per_area)
    n = children.x.shape[-1]
    if n > max_areas:
        remedy = "Use another aggregate, a higher level, or a higher max_areas (time grows with the square)."
        raise MethodError(
            Problem("copeland", "there are too many areas", f"{n}", f"at most {max_areas}", remedy)
        )
    if children.per_area:
        raise MethodError(
            Problem("copeland", "weights differ by area", "", "one set of weights for all areas")
        )
    lead = np.broadcast_shapes(children.x.shape[:-2], children.w.shape[:-1])
    values = np.broadcast_to(children.x, (*lead, *children.x.shape[-2:]))
    w = np.broadcast_to(children.w, (*lead, children.w.shape[-1]))
    scores = np.empty((*lead, n))
    for at in np.ndindex(lead):
        scores[at] = _copeland_one(values[at], w[at])
    return scores


def _copeland_one(x: FloatArray, w: FloatArray) -> FloatArray:
    """Return Copeland scores of one (k, n) table, in blocks of areas so that memory stays at a few megabytes."""
    n = x.shape[1]
    scores = np.empty(n)
    margin = COPELAND_TOLERANCE * w.sum()
    step = max(1, 2**18 // n)
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        lead = np.zeros((part.stop - start, n))
        for child, weight in zip(x, w, strict=True):
            here = child[part, None]
            lead += weight * (
                here > child
            )  # a comparison with NaN is false: a missing child counts for neither
            lead -= weight * (here < child)
        scores[part] = (lead > margin).sum(axis=1) - (lead < -margin).sum(axis=1)
    scores[np.isnan(x).all(axis=0)] = np.nan
    return scores


def contributions(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    method: str,
    *,
    names: Names = None,
    min_available: float | None = None,
    missing: Literal["keep", "skip"] = "keep",
    per_area: bool | None = None,
) -> FloatArray:
    """Return what each child contributes to the score; contributions sum to the score where they exist.

    ``arithmetic``: w·x ÷ Σ w over known children. ``sum``: w·x. ``geometric``: the share w·ln x ÷ Σ w·ln x of the score;
    where all logarithms are 0 (every child at 1) the share is the weight's; where they cancel out it does not exist.
    Shares can be negative or above 1 where children lie on both sides of 1: scale from 1 upwards. Other methods have no
    contributions.

    Args:
        x: Values of children, shape (..., k, n). NaN is missing.
        weights: As in :func:`arithmetic`.
        method: Name in :data:`AGGREGATE`.
        names: Names of the children, for errors.
        min_available: As given to the aggregate.
        missing: As given to ``sum``.
        per_area: As in :func:`arithmetic`.

    Returns:
        Contributions, shape (..., k, n), in the unit and direction of the score; NaN for a missing child, for all children
        of an area without score, and throughout for a method that has none.

    Raises:
        MethodError: As the aggregate; an unknown method.
    """
    choose("contributions", "method", method, AGGREGATE)
    children = _checked(method, x, weights, names, per_area)
    w = children.w if children.per_area else children.w[..., None]
    if method == "sum":
        score = total(x, weights, names=names, missing=missing, per_area=per_area)
        return np.where(np.isnan(score)[..., None, :], np.nan, w * children.x)
    if method not in {"arithmetic", "geometric"}:
        lead = np.broadcast_shapes(w.shape[:-2], children.x.shape[:-2])
        return np.full((*lead, *children.x.shape[-2:]), np.nan)
    known = ~np.isnan(children.x)
    score = AGGREGATE[method](x, weights, names=names, min_available=min_available, per_area=per_area)
    share_of = w * children.x if method == "arithmetic" else w * np.log(children.x)
    part = np.where(known, share_of, 0.0)
    if method == "arithmetic":
        whole = np.where(known, w, 0.0).sum(axis=-2, keepdims=True)
        result = part / np.where(whole > 0, whole, np.nan)
    else:
        whole = part.sum(axis=-2, keepdims=True)
        level = ~(part != 0).any(axis=-2, keepdims=True)  # all logarithms 0: share by weight
        part = np.where(level, np.where(known, w, 0.0), part)
        whole = np.where(level, part.sum(axis=-2, keepdims=True), whole)
        result = part / np.where(whole != 0, whole, np.nan) * score[..., None, :]
    return np.where(known & ~np.isnan(score)[..., None, :], result, np.nan)


AGGREGATE: Mapping[str, Callable[..., FloatArray]] = MappingProxyType(
    {
        "arithmetic": arithmetic,
        "geometric": geometric,
        "harmonic": harmonic,
        "generalised": generalised,
        "mazziotta_pareto": mazziotta_pareto,
        "sum": total,
        "copeland": copeland,
    }
)
"""Every aggregate, by the name that a study uses: ``AGGREGATE[name](x, weights, names=…, **settings)``."""
