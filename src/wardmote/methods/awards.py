"""What each funded place receives: whole pounds that add up, with what is left over stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.apportion import ApportionMethod, Bounds, apportion, whole_weights
from wardmote.methods.checks import BoolArray, IntArray


@dataclass(frozen=True, slots=True)
class Awards:
    """Awards by place and what is left over.

    Attributes:
        pounds: Whole pounds, shape (n,); 0 where not funded.
        left: Pounds of the budget left over, or None where no budget was given.
        rule: How the awards were made and why anything is left, one sentence.
    """

    pounds: IntArray
    left: int | None
    rule: str


def fixed_awards(funded: npt.ArrayLike, pounds: int, *, budget: int | None = None) -> Awards:
    """Return the same award for every funded place.

    Args:
        funded: Funded or not, shape (n,).
        pounds: Award of each, whole, ≥ 0.
        budget: Pounds to spend, or None.

    Returns:
        Awards; what is left of the budget stays unspent.

    Raises:
        MethodError: A negative award, or more than the budget.
    """
    mask = np.asarray(funded, dtype=np.bool_)
    _whole("award", pounds)
    left = _left(int(mask.sum()) * pounds, budget)
    return Awards(
        np.where(mask, pounds, 0).astype(np.int64), left, f"Each funded place receives £{pounds:,}."
    )


def rate_awards(
    funded: npt.ArrayLike, quantity: npt.ArrayLike, rate: Fraction | int | float, *, base: int = 0, floor: int = 0,
    ceiling: int | None = None, budget: int | None = None,
) -> Awards:  # fmt: skip
    """Return awards by a stated formula: ``base + rate·quantity``, clipped at floor and ceiling, rounded half up to whole pounds.

    By population: quantity = residents, rate = pounds a head. By need: quantity = people in need, or need × residents.

    Args:
        funded: Funded or not, shape (n,).
        quantity: Quantity of each place, shape (n,), ≥ 0; may be missing where not funded.
        rate: Pounds for one unit of the quantity, ≥ 0; floating point is taken at its shortest decimal form.
        base: Pounds for every funded place, whole.
        floor: Least award, whole.
        ceiling: Greatest award, whole, or None.
        budget: Pounds to spend, or None.

    Returns:
        Awards; they follow the rate, so that a budget is kept but not used up: what is left is stated.

    Raises:
        MethodError: A quantity that is missing or negative where funded, bounds that cross, or more than the budget.
    """
    mask = np.asarray(funded, dtype=np.bool_)
    for name, number in (("base", base), ("floor", floor), ("ceiling", ceiling or 0)):
        _whole(name, number)
    if ceiling is not None and ceiling < floor:
        raise MethodError(
            Problem("awards", "the ceiling is below the floor", str(ceiling), f"at least {floor}")
        )
    price = Fraction(repr(rate)) if isinstance(rate, float) else Fraction(rate)
    units = (
        [Fraction(item) for item in np.asarray(quantity, dtype=object)[mask].tolist()]
        if _known(quantity, mask)
        else []
    )
    out = np.zeros(len(mask), dtype=np.int64)
    pounds = [max(floor, int(base + price * unit + Fraction(1, 2))) for unit in units]
    out[mask] = [item if ceiling is None else min(item, ceiling) for item in pounds]
    bounds = f", at least £{floor:,}" if floor else ""
    bounds += f", at most £{ceiling:,}" if ceiling is not None else ""
    return Awards(
        out,
        _left(int(out.sum()), budget),
        f"£{base:,} and £{float(price):,g} for each unit, to the nearest pound{bounds}.",
    )


def shared_awards(
    funded: npt.ArrayLike, weight: npt.ArrayLike, budget: int, *, floor: int = 0, ceiling: int | None = None,
    method: ApportionMethod = "largest remainder",
) -> Awards:  # fmt: skip
    """Return the whole budget shared in proportion to a weight, between floor and ceiling, to the last pound (*pro rata*).

    With everybody funded and residents, need, or need × residents as weight this is a formula grant. Places outside the bounds are clipped
    and the rest is shared again (iterative clipping, exact; see :func:`wardmote.methods.apportion.quotas`).

    Args:
        funded: Funded or not, shape (n,).
        weight: Weight, shape (n,), ≥ 0; may be missing where not funded.
        budget: Pounds to share, whole, ≥ 0.
        floor: Least award of a funded place.
        ceiling: Greatest award, or None.
        method: How odd pounds are settled.

    Returns:
        Awards that add up to the budget, so ``left`` is 0, unless nobody can take more: with ceilings that hold less than the budget, all
        receive their ceiling and the rest is left and said so; with nobody funded, all is left.

    Raises:
        MethodError: A weight missing or negative where funded, all of them 0, floors above the budget.
    """
    mask = np.asarray(funded, dtype=np.bool_)
    _whole("budget", budget)
    _known(weight, mask)
    out = np.zeros(len(mask), dtype=np.int64)
    count = int(mask.sum())
    most = budget if ceiling is None else ceiling
    shares = np.asarray(weight, dtype=np.float64 if np.asarray(weight).dtype.kind == "f" else None)[mask]
    room = sum(most if w else floor for w in whole_weights(shares)) if count else 0
    bound: Bounds = None if ceiling is None else ceiling
    if count:
        out[mask] = apportion(min(budget, room), shares, method=method, floor=floor, ceiling=bound)
    left = budget - int(out.sum())
    rule = f"£{budget:,} is shared in proportion to weight, to the last pound ({method})."
    if left:
        why = "every funded place is at its ceiling" if count else "no place is funded"
        rule += f" £{left:,} is left over, since {why}."
    return Awards(out, left, rule)


def tranches(pounds: npt.ArrayLike, shares: Sequence[int | float | Fraction]) -> IntArray:
    """Return each award cut into years, in whole pounds that add up to it.

    Each place's award is apportioned among years by largest remainder; equal fractions go to the earlier year.

    Args:
        pounds: Awards, whole, ≥ 0, shape (n,).
        shares: Weight of each year, at least one above 0; equal shares for equal tranches.

    Returns:
        Pounds by place and year, shape (n, years). Each row adds up to its award; a year's total is within n pounds of its exact share.

    Raises:
        MethodError: Awards or shares that are negative, not whole, or all 0.
    """
    awards = np.asarray(pounds)
    if awards.dtype.kind not in "iu" or (awards < 0).any():
        raise MethodError(
            Problem("awards tranches", "awards are not whole pounds", str(awards.dtype), "whole numbers ≥ 0")
        )
    exact = [Fraction(repr(item)) if isinstance(item, float) else Fraction(item) for item in shares]
    known = {amount: apportion(amount, exact) for amount in set(awards.tolist())}  # awards repeat much
    years = [known[amount] for amount in awards.tolist()]
    return np.array(years, dtype=np.int64).reshape(len(awards), len(exact))


def leftover(
    budget: int, awards: npt.ArrayLike, funded: npt.ArrayLike, allowed: npt.ArrayLike
) -> tuple[int, int | None]:
    """Return what is left of a budget, and the smallest award that the rules would still allow.

    Args:
        budget: Pounds, whole.
        awards: What each place receives or would receive, whole pounds, shape (n,).
        funded: Funded or not, shape (n,).
        allowed: Places that no other rule than the budget keeps out, shape (n,).

    Returns:
        Pounds left, and the smallest award among the unfunded places allowed (None where there is none). A walk down the list always ends
        with less left than that.
    """
    pounds, mask = np.asarray(awards, dtype=np.int64), np.asarray(funded, dtype=np.bool_)
    waiting = pounds[np.asarray(allowed, dtype=np.bool_) & ~mask]
    return budget - int(pounds[mask].sum()), int(waiting.min()) if len(waiting) else None


def _whole(name: str, number: int) -> None:
    if number != int(number) or number < 0:
        raise MethodError(
            Problem(f"awards {name}", "is not an amount in whole pounds", f"{number}", "a whole number ≥ 0")
        )


def _left(spent: int, budget: int | None) -> int | None:
    """Return what is left, or refuse awards that cost more than there is."""
    if budget is None:
        return None
    if spent > budget:
        raise MethodError(
            Problem(
                "awards",
                "cost more than the budget",
                f"£{spent:,}",
                f"at most £{budget:,}",
                "Fund fewer, or award less.",
            )
        )
    return budget - spent


def _known(quantity: npt.ArrayLike, mask: BoolArray) -> bool:
    """Return True, or refuse quantities that are missing or negative where a place is funded."""
    numbers = np.asarray(quantity)
    if numbers.shape != mask.shape:
        raise MethodError(
            Problem("awards", "quantities do not fit the places", str(numbers.shape), str(mask.shape))
        )
    own = numbers[mask].astype(np.float64)
    bad = int((~np.isfinite(own) | (own < 0)).sum())
    if bad:
        raise MethodError(
            Problem("awards", "funded places have no usable quantity", f"{bad} places", "finite numbers ≥ 0")
        )
    return True
