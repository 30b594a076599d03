"""Putting indicators on one scale that rises with need.

Each function takes ``direction`` (+1: higher means more need; −1: less; one, or one by leaf) and turns the indicator round
*before* it scales, by multiplying with it. Goalposts and targets are stated in the indicator's own unit and handle the
direction themselves. Settings may be one number or one by leaf. Missing values stay missing, unless said.

An indicator with one value throughout is refused by every method that takes its scale from the data: it tells no area from
another, and a division by its range would say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError
from wardmote.methods.checks import (
    FloatArray,
    as_rows,
    blocks,
    by_row,
    directions,
    refuse_rows,
    row_problems,
)
from wardmote.methods.columns import adding_order, order_holds
from wardmote.methods.compiled import loaded, refuse_overflow
from wardmote.methods.ranks import Ties, ascending_rank, normal_score

Names = Sequence[str] | None
"""Names of the leaves, for errors."""

EXPONENTIAL_CONSTANT = 23.0
"""The constant of the exponential transform: with 23, the greatest-need tenth lies above 50 of 100.

Source: technical reports of the English Indices of Deprivation, 2000 to 2025.
"""


def _oriented(x: npt.ArrayLike, direction: npt.ArrayLike, method: str) -> tuple[FloatArray, tuple[int, ...]]:
    """Return rows multiplied by their direction (uncopied where all are +1), and the shape of ``x``."""
    rows, shape = as_rows(x)
    signs = directions(direction, shape, method)
    return (rows if (signs == 1).all() else rows * signs[:, None]), shape


def _known_ends(
    rows: FloatArray, shape: tuple[int, ...], names: Names, method: str
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of each row, or refuse rows that are constant, empty or infinite."""
    low, high = np.empty(len(rows)), np.empty(len(rows))
    compiled = loaded()
    if compiled is not None and rows.flags.c_contiguous:
        compiled.fill_ends(rows, low, high)
    else:
        for part in blocks(*rows.shape):
            low[part], high[part] = rows[part].min(axis=1), rows[part].max(axis=1)
    for row in np.flatnonzero(np.isnan(low)):  # a second pass that passes over missing values
        low[row], high[row] = np.fmin.reduce(rows[row]), np.fmax.reduce(rows[row])
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(high - low)
    if not finite.all() or (low == high).any():
        _refuse_flat(low, high, shape, names, method)
    return low, high


def _refuse_flat(
    low: FloatArray, high: FloatArray, shape: tuple[int, ...], names: Names, method: str
) -> None:
    """Refuse rows without any known value, with one value throughout, or with an infinite one."""
    remedy = "Leave the indicator out, or mend its source."
    expected = "at least two different values"
    with np.errstate(invalid="ignore"):
        infinite = ~np.isfinite(high - low) & ~np.isnan(low)
    unknown, what = np.isnan(low), "has no known value"
    problems = row_problems(method, unknown, shape, names, what=what, expected=expected, remedy=remedy)
    problems += row_problems(
        method,
        (low == high) & ~infinite,
        shape,
        names,
        what="has one value only",
        got=lambda row: f"{low[row]:g} in every area where it is known",
        expected=expected,
        remedy=remedy,
    )
    problems += row_problems(
        method,
        infinite,
        shape,
        names,
        what="is not finite",
        got=lambda row: f"{low[row]:g} to {high[row]:g}",
        expected="finite numbers",
        remedy=remedy,
    )
    raise MethodError(problems)


def _linear(
    rows: FloatArray, start: FloatArray, span: FloatArray, scale: FloatArray, lift: FloatArray
) -> FloatArray:
    """Return (x − start) ÷ span × scale + lift by row, block by block so that each stays in cache.

    A negative span turns a row round: (x − high) ÷ (low − high) is to the last digit the same as orienting first.
    """
    out = np.empty_like(rows)
    compiled = loaded()
    if compiled is not None and rows.flags.c_contiguous:
        # Where nothing is to be added, −0: it alone leaves −0 as it is.
        added = np.where((lift != 0) | (span < 0), lift, -0.0)
        compiled.fill_linear(rows, start, span, scale, added, out)
        return out
    for part in blocks(*rows.shape):
        piece = np.subtract(rows[part], start[part, None], out=out[part])
        piece /= span[part, None]  # dividing first puts the ends exactly at 0 and 1
        if (scale[part] != 1).any():
            piece *= scale[part, None]
        if lift[part].any() or (span[part] < 0).any():  # adding 0 turns −0 into 0
            piece += lift[part, None]
    return out


def minmax(
    x: npt.ArrayLike,
    *,
    direction: npt.ArrayLike = 1,
    names: Names = None,
    lower: npt.ArrayLike = 0.0,
    upper: npt.ArrayLike = 100.0,
) -> FloatArray:
    """Return each indicator stretched so that its least need is ``lower`` and its greatest ``upper``.

    ``(d·x − min) ÷ (max − min) × (upper − lower) + lower``, with min and max of d·x over known values.

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        lower: Score of the least need.
        upper: Score of the greatest need.

    Returns:
        Scores, shape (..., n), rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant (also: only one area), has no known value or an infinite one.

    Source:
        OECD/JRC Handbook on Constructing Composite Indicators (2008), §5.3; COINr ``n_minmax``.
    """
    rows, shape = as_rows(x)
    signs = directions(direction, shape, "minmax")
    low, high = _known_ends(rows, shape, names, "minmax")
    base = by_row(lower, shape, "minmax", "lower")
    height = by_row(upper, shape, "minmax", "upper") - base
    return _linear(rows, np.where(signs > 0, low, high), signs * (high - low), height, base).reshape(shape)


def zscore(
    x: npt.ArrayLike,
    *,
    direction: npt.ArrayLike = 1,
    names: Names = None,
    mean: npt.ArrayLike = 0.0,
    sd: npt.ArrayLike = 1.0,
) -> FloatArray:
    """Return each indicator with the stated mean and standard deviation.

    ``(d·x − m) ÷ s × sd + mean``, with m the mean and s the sample standard deviation (divisor n − 1) of known values.

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        mean: Mean of the scores (100 for a Mazziotta–Pareto aggregate).
        sd: Their standard deviation (10 for a Mazziotta–Pareto aggregate).

    Returns:
        Scores, shape (..., n), rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant (also: only one area), has no known value or an infinite one.

    Source:
        OECD/JRC Handbook (2008), §5.2; COINr ``n_zscore``.
    """
    rows, shape = as_rows(x)
    signs = directions(direction, shape, "zscore")
    _known_ends(rows, shape, names, "zscore")
    centre, spread = _mean_sd(rows)
    lift = by_row(mean, shape, "zscore", "mean")
    return _linear(rows, centre, signs * spread, by_row(sd, shape, "zscore", "sd"), lift).reshape(shape)


def _mean_sd(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and sample standard deviation of the known values of each row."""
    centre, spread = np.empty(len(rows)), np.empty(len(rows))
    compiled = loaded()
    if compiled is not None and rows.flags.c_contiguous and order_holds():
        compiled.fill_spreads(rows, adding_order(rows.shape[1]), centre, spread)
        refuse_overflow(centre, spread)
    else:
        for part in blocks(*rows.shape):
            centre[part], spread[part] = rows[part].mean(axis=1), rows[part].std(axis=1, ddof=1)
    for row in np.flatnonzero(np.isnan(centre)):
        known = rows[row][~np.isnan(rows[row])]
        centre[row], spread[row] = known.mean(), known.std(ddof=1)
    return centre, spread


def rank(
    x: npt.ArrayLike, *, direction: npt.ArrayLike = 1, names: Names = None, ties: Ties = "best"
) -> FloatArray:
    """Return ascending ranks, 1 for the least need: a score, not the rank that is shown.

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        ties: ``best`` gives equal values the lowest of their places (as COINr), ``average`` their mean.

    Returns:
        Ranks, shape (..., n), rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant or has no known value.

    Source:
        OECD/JRC Handbook (2008), §5.1; COINr ``n_rank``.
    """
    rows, shape = _oriented(x, direction, "rank")
    _known_ends(rows, shape, names, "rank")
    return ascending_rank(rows, ties=ties).reshape(shape)


def borda(
    x: npt.ArrayLike, *, direction: npt.ArrayLike = 1, names: Names = None, ties: Ties = "best"
) -> FloatArray:
    """Return Borda points: in how many areas need is less (the ascending rank − 1).

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        ties: As in :func:`rank`.

    Returns:
        Points, shape (..., n), from 0, rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant or has no known value.

    Source:
        COINr ``n_borda``.
    """
    return rank(x, direction=direction, names=names, ties=ties) - 1


def percentile_rank(
    x: npt.ArrayLike, *, direction: npt.ArrayLike = 1, names: Names = None, ties: Ties = "best"
) -> FloatArray:
    """Return the share of other areas where need is less: (ascending rank − 1) ÷ (n − 1), n = known values.

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        ties: As in :func:`rank`.

    Returns:
        Shares, shape (..., n), 0 to 1, rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant (also: only one area) or has no known value.

    Source:
        COINr ``n_prank``.
    """
    points = borda(x, direction=direction, names=names, ties=ties)
    known = np.count_nonzero(~np.isnan(points), axis=-1, keepdims=True)
    shares: FloatArray = points / (known - 1)
    return shares


def rank_normal(
    x: npt.ArrayLike,
    *,
    direction: npt.ArrayLike = 1,
    names: Names = None,
    missing: Literal["zero", "keep"] = "keep",
) -> FloatArray:
    """Return rank-based normal scores, Φ⁻¹(average ascending rank ÷ (n + 1)), n = known values.

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        missing: ``keep`` leaves missing values missing; ``zero`` gives them the middle score 0, as the English indices do.

    Returns:
        Scores, shape (..., n), about standard normal, rising with need.

    Raises:
        MethodError: A leaf is constant or has no known value.

    Source:
        As :func:`wardmote.methods.ranks.normal_score`.
    """
    rows, shape = _oriented(x, direction, "rank_normal")
    _known_ends(rows, shape, names, "rank_normal")
    return normal_score(rows, missing=missing).reshape(shape)


def exponential(
    x: npt.ArrayLike,
    *,
    direction: npt.ArrayLike = 1,
    names: Names = None,
    constant: float = EXPONENTIAL_CONSTANT,
) -> FloatArray:
    """Return the exponential transform of ranks that the indices of deprivation use, 0 to 100.

    ``X = −c · ln(1 − R · (1 − e^(−100/c)))`` with c = 23 and R = average ascending rank ÷ n, n = known values. Ties are
    averaged *inside* the transform; the published scores follow only so. A published rank (1 = most deprived) enters as an
    indicator of direction −1.

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        constant: c, above 0; smaller values stretch the greatest need more.

    Returns:
        Scores, shape (..., n), above 0 to exactly 100 for a sole greatest need, rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant or has no known value.

    Source:
        Technical reports of the English Indices of Deprivation; the constants and the handling of ties were recovered
        from the published figures of 2019 and 2025 (tests/known).
    """
    rows, shape = _oriented(x, direction, "exponential")
    _known_ends(rows, shape, names, "exponential")
    ranks = ascending_rank(rows, ties="average")
    share = ranks / np.count_nonzero(~np.isnan(ranks), axis=1, keepdims=True)
    scores: FloatArray = -constant * np.log(1 - share * (1 - np.exp(-100 / constant)))
    return scores.reshape(shape)


def distance_to_max(x: npt.ArrayLike, *, direction: npt.ArrayLike = 1, names: Names = None) -> FloatArray:
    """Return 1 less the distance to the greatest need, as a share of the range: 1 − (max − d·x) ÷ (max − min).

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.

    Returns:
        Scores, shape (..., n), 0 to 1, rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant (also: only one area), has no known value or an infinite one.

    Source:
        COINr ``n_dist2max``.
    """
    rows, shape = _oriented(x, direction, "distance_to_max")
    low, high = _known_ends(rows, shape, names, "distance_to_max")
    return (1 - (high[:, None] - rows) / (high - low)[:, None]).reshape(shape)


def distance_to_reference(
    x: npt.ArrayLike,
    *,
    reference: npt.ArrayLike,
    direction: npt.ArrayLike = 1,
    names: Names = None,
    cap: bool = False,
) -> FloatArray:
    """Return need relative to a reference area: 1 − (ref − d·x) ÷ (ref − min), so that the reference scores 1.

    Args:
        x: Values, shape (..., n), any unit.
        reference: Position (0 to n − 1) of the reference area, one or by leaf. COINr counts from 1.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        cap: True to cut scores above 1 to 1.

    Returns:
        Scores, shape (..., n), 0 = least need, 1 = as the reference, rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant; the reference is no position, is missing, or is itself the least need.

    Source:
        COINr ``n_dist2ref``.
    """
    method = "distance_to_reference"
    rows, shape = _oriented(x, direction, method)
    low, _ = _known_ends(rows, shape, names, method)
    place = by_row(reference, shape, method, "reference")
    odd = (place < 0) | (place >= shape[-1]) | (place != np.floor(place))
    refuse_rows(
        method,
        odd,
        shape,
        names,
        what="has no such reference area",
        got=lambda row: f"{place[row]:g}",
        expected=f"a position from 0 to {shape[-1] - 1}",
    )
    at = rows[np.arange(len(rows)), place.astype(np.int64)]
    remedy = "Choose another reference area."
    unknown = np.isnan(at)
    refuse_rows(method, unknown, shape, names, what="has no value in the reference area", remedy=remedy)
    what = "has its least need in the reference area"
    refuse_rows(method, at == low, shape, names, what=what, remedy=remedy)
    scores: FloatArray = 1 - (at[:, None] - rows) / (at - low)[:, None]
    return (np.minimum(scores, 1.0) if cap else scores).reshape(shape)


def distance_to_target(
    x: npt.ArrayLike,
    *,
    target: npt.ArrayLike,
    direction: npt.ArrayLike = 1,
    names: Names = None,
    cap: bool = False,
) -> FloatArray:
    """Return how far each area has gone from the least need to a target stated in the indicator's own unit.

    Direction +1: ``(x − min) ÷ (target − min)``; direction −1: ``(max − x) ÷ (max − target)``.

    Args:
        x: Values, shape (..., n), any unit.
        target: Target in the unit of ``x``, not turned round, one or by leaf.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        cap: True to cut scores above 1 to 1.

    Returns:
        Scores, shape (..., n), 0 = least need, 1 = at the target, rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant, or the target lies at or beyond the least need (COINr warns only).

    Source:
        COINr ``n_dist2targ``; there the target has to be turned round by hand with direction −1.
    """
    method = "distance_to_target"
    rows, shape = _oriented(x, direction, method)
    low, _ = _known_ends(rows, shape, names, method)
    signs = directions(direction, shape, method)
    goal = by_row(target, shape, method, "target") * signs
    refuse_rows(
        method,
        goal <= low,
        shape,
        names,
        what="has its target at or beyond its least need",
        got=lambda row: f"target {goal[row] * signs[row]:g}, least need {low[row] * signs[row]:g}",
        expected="a target with more need than some area",
    )
    scores = _linear(rows, low, goal - low, np.ones(len(rows)), np.zeros(len(rows)))
    return (np.minimum(scores, 1.0, out=scores) if cap else scores).reshape(shape)


def fraction_of_max(x: npt.ArrayLike, *, direction: npt.ArrayLike = 1, names: Names = None) -> FloatArray:
    """Return each value as a fraction of the greatest: d·x ÷ max(d·x).

    Args:
        x: Values, shape (..., n), any unit with a true zero.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.

    Returns:
        Fractions, shape (..., n), at most 1, rising with need; NaN where missing.

    Raises:
        MethodError: A leaf is constant, or max(d·x) is not positive. So positive values with direction −1 are refused:
            there the quotient x ÷ min(x) would rise with *less* need (COINr returns it).

    Source:
        COINr ``n_fracmax``.
    """
    method = "fraction_of_max"
    rows, shape = _oriented(x, direction, method)
    _, high = _known_ends(rows, shape, names, method)
    refuse_rows(
        method,
        high <= 0,
        shape,
        names,
        what="has no positive value once turned towards need",
        got=lambda row: f"{high[row]:g} at most",
        expected="a greatest value above 0",
        remedy="Use minmax or distance_to_max for it.",
    )
    return (rows / high[:, None]).reshape(shape)


def goalposts(
    x: npt.ArrayLike,
    *,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    direction: npt.ArrayLike = 1,
    names: Names = None,
    scale: npt.ArrayLike = 1.0,
    truncate: bool = True,
) -> FloatArray:
    """Return where each value stands between two fixed posts, stated in the indicator's own unit.

    Direction +1: ``(x − low) ÷ (high − low) × scale``; direction −1: ``(high − x) ÷ (high − low) × scale``.

    Args:
        x: Values, shape (..., n), any unit.
        low: Lower post in the unit of ``x``, not turned round, one or by leaf.
        high: Upper post, above ``low``.
        direction: +1 or −1, one or by leaf.
        names: Names of the leaves, for errors.
        scale: Score at the post of greatest need.
        truncate: True to cut what lies outside the posts to 0 and ``scale``.

    Returns:
        Scores, shape (..., n), rising with need; NaN where missing. A constant indicator is allowed: the posts give the
        scale, not the data.

    Raises:
        MethodError: ``low`` is not below ``high``.

    Source:
        United Nations Human Development Index; COINr ``n_goalposts`` (and ``n_scaled`` with ``truncate=False``), where the
        posts have to be turned round by hand with direction −1.
    """
    rows, shape = as_rows(x)
    signs = directions(direction, shape, "goalposts")
    bottom, top = by_row(low, shape, "goalposts", "low"), by_row(high, shape, "goalposts", "high")
    refuse_rows(
        "goalposts",
        ~(bottom < top),
        shape,
        names,
        what="has its posts out of order",
        got=lambda row: f"low {bottom[row]:g}, high {top[row]:g}",
        expected="low < high",
    )
    start, span = np.where(signs > 0, bottom, top), np.where(signs > 0, top - bottom, bottom - top)
    scores = _linear(rows, start, span, np.ones(len(rows)), np.zeros(len(rows)))
    if truncate:
        np.clip(scores, 0.0, 1.0, out=scores)
    scores *= by_row(scale, shape, "goalposts", "scale")[:, None]
    return scores.reshape(shape)


def none(x: npt.ArrayLike, *, direction: npt.ArrayLike = 1, names: Names = None) -> FloatArray:
    """Return the values as they are, only turned towards need (multiplied by the direction).

    Args:
        x: Values, shape (..., n), any unit.
        direction: +1 or −1, one or by leaf.
        names: Taken for the sake of one signature; nothing is refused but a wrong direction.

    Returns:
        Values, shape (..., n), rising with need; NaN where missing.

    Raises:
        MethodError: The direction is not +1 or −1.
    """
    del names
    rows, shape = _oriented(x, direction, "none")
    return rows.reshape(shape)


NORMALISE: Mapping[str, Callable[..., FloatArray]] = MappingProxyType(
    {
        "minmax": minmax,
        "zscore": zscore,
        "rank": rank,
        "percentile_rank": percentile_rank,
        "borda": borda,
        "rank_normal": rank_normal,
        "distance_to_max": distance_to_max,
        "distance_to_reference": distance_to_reference,
        "distance_to_target": distance_to_target,
        "fraction_of_max": fraction_of_max,
        "goalposts": goalposts,
        "exponential": exponential,
        "none": none,
    }
)
"""Every way of normalising, by the name that a study uses: ``NORMALISE[name](x, direction=…, names=…, **settings)``."""
