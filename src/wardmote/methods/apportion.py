"""Whole pounds, or seats, shared out to the last one: largest remainder, Sainte-Laguë and D'Hondt.

Everything is done in whole numbers of any size, so that no rounding of the computer decides who gets a pound. Weights given as
floating-point numbers are taken at their exact binary value. Ties go to the recipient that stands first: callers give
recipients in ascending order of code.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import IntArray, choose

ApportionMethod = Literal["largest remainder", "sainte-laguë", "d'hondt"]
"""How fractions are settled: by largest remainder (Hamilton), or by the divisor rules of Webster and Jefferson."""

APPORTION_METHODS: tuple[ApportionMethod, ...] = ("largest remainder", "sainte-laguë", "d'hondt")
"""All the ways to apportion, the default first."""

Bounds = npt.ArrayLike | None
"""A floor or a ceiling: one whole number for all, one for each recipient, or None for no bound."""


def apportion(
    total: int,
    weights: npt.ArrayLike | Sequence[Fraction],
    *,
    method: ApportionMethod = "largest remainder",
    floor: Bounds = None,
    ceiling: Bounds = None,
) -> IntArray:
    """Return whole shares of a total in proportion to weights, adding up to the total exactly.

    *Largest remainder* (Hamilton, Vinton, Hare–Niemeyer): each gets the whole part of its quota ``q = total·w/Σw``; what is left
    goes one by one to the largest fractions. With bounds the quotas are those of :func:`quotas`, clipped at floor and ceiling.
    It keeps to quota (each share is its quota rounded up or down), but a larger total can cost a recipient one unit (the
    Alabama paradox).

    *Sainte-Laguë* (Webster) and *D'Hondt* (Jefferson) give each unit in turn to the largest ``w/(2a + 1)`` or ``w/(a + 1)``, where
    ``a`` is what the recipient has already. No unit is ever lost when the total grows; quota can be broken. With bounds a
    recipient starts from its floor and is passed over once at its ceiling.

    Args:
        total: Units to share, a whole number ≥ 0.
        weights: Weight by recipient, shape (n,), any unit, ≥ 0, not all 0.
        method: See above.
        floor: Least share, whole, ≥ 0; one number or shape (n,).
        ceiling: Greatest share, whole, ≥ floor; one number or shape (n,).

    Returns:
        Shares as whole numbers, shape (n,), adding up to ``total``. A weight of 0 receives its floor. Equal claims go to the
        lower position. One recipient receives everything.

    Raises:
        MethodError: Weights missing, negative or all 0; bounds that cross, or that the total cannot meet.

    Source:
        M. L. Balinski and H. P. Young (1982; 2nd ed. 2001), *Fair Representation*, ch. 3 and appendix A (bounds:
        "requirements", appendix A §5); F. Pukelsheim (2017), *Proportional Representation*, ch. 4, 5 and 12.
    """
    choose("apportion", "method", method, APPORTION_METHODS)
    sizes, low, high = _checked(total, weights, floor, ceiling)
    if method == "largest remainder":
        return _largest_remainder(*_clipped(total, sizes, low, high))
    return np.array(_divisor(total, sizes, low, high, 2 if method == "sainte-laguë" else 1), dtype=np.int64)


def quotas(
    total: int,
    weights: npt.ArrayLike | Sequence[Fraction],
    *,
    floor: Bounds = None,
    ceiling: Bounds = None,
) -> list[Fraction]:
    """Return exact shares in proportion to weights between floors and ceilings, adding up to the total.

    The shares are ``min(max(c·w, floor), ceiling)`` with the one ``c`` that makes them add up: recipients outside their bounds
    are clipped, the rest is shared again among the others, until nobody is outside (*iterative clipping*). Of the two kinds
    of clipping the one with the larger sum is done first, which makes the result the same as solving for ``c``.

    Args:
        total: Units to share, a whole number ≥ 0.
        weights: Weight by recipient, shape (n,), ≥ 0, not all 0.
        floor: Least share, whole; one number or shape (n,).
        ceiling: Greatest share, whole; one number or shape (n,).

    Returns:
        n fractions, exact. A weight of 0 receives its floor.

    Raises:
        MethodError: As :func:`apportion`.

    Source:
        K. M. Bretthauer and B. Shetty (2002), "The nonlinear knapsack problem", *European Journal of Operational Research* 138,
        §3 (the pegging rule for one linear constraint and bounds).
    """
    parts, unit = _clipped(total, *_checked(total, weights, floor, ceiling))
    return [Fraction(part, unit) for part in parts]


def whole_weights(weights: npt.ArrayLike | Sequence[Fraction]) -> list[int]:
    """Return weights as whole numbers in exactly the same proportions.

    Args:
        weights: Numbers or fractions, shape (n,), finite and ≥ 0.

    Returns:
        n whole numbers of any size.

    Raises:
        MethodError: A weight is missing, infinite or negative.
    """
    array = np.asarray(weights)
    if array.dtype.kind in "iub":
        whole = [int(item) for item in array.tolist()]
        if whole and min(whole) < 0:
            raise MethodError(Problem("apportion", "a weight is negative", str(min(whole)), "weights ≥ 0"))
        return whole
    if array.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(array) | (array < 0))
        if len(bad):
            raise MethodError(
                Problem(
                    "apportion",
                    f"the weight at position {bad[0]} is not usable",
                    f"{array[bad[0]]:g}",
                    "finite numbers ≥ 0",
                )
            )
    exact = [Fraction(item) for item in array.tolist()]
    if any(item < 0 for item in exact):
        raise MethodError(Problem("apportion", "a weight is negative", str(min(exact)), "weights ≥ 0"))
    common = lcm(*{item.denominator for item in exact}) if exact else 1
    return [item.numerator * (common // item.denominator) for item in exact]


def _bound(value: Bounds, n: int, default: int, name: str) -> list[int]:
    """Return a bound for each recipient, in whole numbers."""
    if value is None:
        return [default] * n
    array = np.asarray(value)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.floor(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.shape not in ((), (n,)):
        raise MethodError(
            Problem(
                "apportion",
                f"{name} is not usable",
                f"{array.dtype} of shape {array.shape}",
                f"whole numbers, one or {n}",
            )
        )
    return [int(item) for item in np.broadcast_to(array, (n,)).tolist()]


def _checked(
    total: int, weights: npt.ArrayLike | Sequence[Fraction], floor: Bounds, ceiling: Bounds
) -> tuple[list[int], list[int], list[int]]:
    """Return whole weights and bounds, or refuse with everything that is wrong."""
    sizes = whole_weights(weights)
    n = len(sizes)
    low = _bound(floor, n, 0, "floor")
    high = _bound(ceiling, n, max(total, 0), "ceiling")
    # A weight of 0 has no claim above its floor.
    high = [h if w else min(f, h) for w, f, h in zip(sizes, low, high, strict=True)]
    if ceiling is None:
        high = [max(f, h) for f, h in zip(low, high, strict=True)]
    problems: list[Problem] = []
    if n == 0 or (not any(sizes) and total > sum(low)):
        problems.append(
            Problem("apportion", "no recipient has a weight above 0", "", "at least one weight > 0")
        )
    if total < 0:
        problems.append(Problem("apportion", "the total is negative", str(total), "a whole number ≥ 0"))
    if low and min(low) < 0:
        problems.append(Problem("apportion", "a floor is negative", str(min(low)), "floors ≥ 0"))
    given = _bound(ceiling, n, 0, "ceiling") if ceiling is not None else high
    crossed = [i for i in range(n) if low[i] > given[i]]
    if crossed:
        i = crossed[0]
        problems.append(
            Problem("apportion", f"floor above ceiling at position {i}", f"{low[i]} above {given[i]}")
        )
    if not problems and sum(low) > total:
        problems.append(
            Problem(
                "apportion",
                "the floors cost more than there is",
                f"{sum(low)} above {total}",
                "",
                "Lower the floors, fund fewer, or raise the total.",
            )
        )
    if not problems and sum(high) < total:
        problems.append(
            Problem(
                "apportion",
                "the ceilings leave some unspent",
                f"{sum(high)} below {total}",
                "",
                "Raise the ceilings, fund more, or share a smaller total.",
            )
        )
    if problems:
        raise MethodError(problems)
    return sizes, low, high


def _clipped(total: int, sizes: list[int], low: list[int], high: list[int]) -> tuple[list[int], int]:
    """Return clipped shares, as numerators over one denominator, by pegging.

    Each round fixes those below their floor, or those above their ceiling, whichever weigh more.
    """
    fixed: dict[int, int] = {}
    free = list(range(len(sizes)))
    left, weight = total, 1
    while free:
        weight = sum(sizes[i] for i in free)
        if weight == 0:
            fixed |= {i: low[i] for i in free}
            free, weight = [], 1
            break
        # c·w < floor  ⇔  left·w < floor·weight: no division, so exact.
        below = [i for i in free if left * sizes[i] < low[i] * weight]
        above = [i for i in free if left * sizes[i] > high[i] * weight]
        if not below and not above:
            break
        lacking = sum(low[i] * weight - left * sizes[i] for i in below)
        excess = sum(left * sizes[i] - high[i] * weight for i in above)
        pegged, bound = (below, low) if lacking >= excess else (above, high)
        for i in pegged:
            fixed[i] = bound[i]
            left -= bound[i]
        free = [i for i in free if i not in fixed]
    return [fixed[i] * weight if i in fixed else left * w for i, w in enumerate(sizes)], weight


def _largest_remainder(parts: list[int], unit: int) -> IntArray:
    """Return the whole parts, and what is left to the largest fractions, lower position first."""
    split = [divmod(part, unit) for part in parts]
    whole = [item[0] for item in split]
    left = sum(parts) // unit - sum(whole)
    order = sorted(range(len(parts)), key=lambda i: -split[i][1])  # stable: equal fractions stay in order
    for i in order[:left]:
        whole[i] += 1
    return np.array(whole, dtype=np.int64)


def _held(size: int, price: int, step: int) -> int:
    """Return how many claims ``size/(step·a + 1)``, a = 0, 1, …, are above a price."""
    # size/(step·a + 1) > price  ⇔  a < (size − price)/(step·price); the number of such a ≥ 0 is the ceiling of the right.
    return max(0, -((price - size) // (price * step)))


def _divisor(total: int, sizes: list[int], low: list[int], high: list[int], step: int) -> list[int]:
    """Return the divisor rule's shares: start near a common price, then give or take units one by one.

    All claims ``w/(step·a + 1)`` stand in one order (larger first, then lower position), and the shares are its first
    ``total`` claims (but for floors and ceilings). Any price cuts that order at one point, so units can be given or taken
    from there, however large the total.
    """
    weight = sum(sizes)
    if weight == 0 or total == 0:
        return list(low)
    price = Fraction(_price(total, sizes, low, high, step))
    held = [
        min(max(_held(w * price.denominator, price.numerator * weight, step), f), h)
        for w, f, h in zip(sizes, low, high, strict=True)
    ]
    return _one_by_one(total, sizes, held, low=low, high=high, step=step)


def _price(total: int, sizes: list[int], low: list[int], high: list[int], step: int) -> float:
    """Return a price, as a share of all weight, at which recipients hold nearly the total.

    Floating point is enough: the exact rule then gives or takes the few units that are amiss.
    """
    weight = sum(sizes)
    share = np.array([w / weight for w in sizes])
    lower, upper = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    cheap, dear = 1e-3 * share[share > 0].min() / (step * total + 1), 1.0
    for _ in range(200):  # halving in ratio: 200 steps reach the last bit from any start
        middle = float(np.sqrt(cheap * dear))
        held = np.clip(np.ceil((share / middle - 1) / step), lower, upper).sum()
        cheap, dear = (middle, dear) if held > total else (cheap, middle)
    return dear


def _one_by_one(
    total: int, sizes: list[int], held: list[int], *, low: list[int], high: list[int], step: int
) -> list[int]:
    """Return the shares after giving to the strongest, or taking from the weakest, claim until the total is met."""
    shares = list(held)
    missing = total - sum(shares)
    if missing > 0:
        claims = [
            (-Fraction(w, step * a + 1), i)
            for i, (w, a, h) in enumerate(zip(sizes, shares, high, strict=True))
            if a < h
        ]
        heapq.heapify(claims)
        for _ in range(missing):
            _, i = claims[0]
            shares[i] += 1
            if shares[i] < high[i]:
                heapq.heapreplace(claims, (-Fraction(sizes[i], step * shares[i] + 1), i))
            else:
                heapq.heappop(claims)
        return shares
    holdings = [
        (Fraction(w, step * (a - 1) + 1), -i)
        for i, (w, a, f) in enumerate(zip(sizes, shares, low, strict=True))
        if a > f
    ]
    heapq.heapify(holdings)
    for _ in range(-missing):
        i = -holdings[0][1]
        shares[i] -= 1
        if shares[i] > low[i]:
            heapq.heapreplace(holdings, (Fraction(sizes[i], step * (shares[i] - 1) + 1), -i))
        else:
            heapq.heappop(holdings)
    return shares
