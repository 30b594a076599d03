"""Weights that favour those in greater need, and measures of who is reached, at what price, and how evenly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray

Setting = TypeVar("Setting")
"""Whatever is changed along a frontier."""


def atkinson_weights(
    level: npt.ArrayLike,
    aversion: float,
    *,
    higher: Literal["better", "worse"] = "better",
    reference: float | None = None,
) -> FloatArray:
    """Return the social worth of one more unit at each level, relative to the reference: ``(level/reference)^{−ε}``.

    It is the slope of Atkinson's welfare function ``y^{1−ε}/(1 − ε)``. Where higher is worse (a rate of need) the exponent
    is +ε, the slope of ``Σ y^{1+ε}``, so that relief counts more where need is greater.

    Args:
        level: Income, or a rate of need, shape (n,), > 0 on a ratio scale: doubling must mean twice as much. NaN is missing.
        aversion: ε ≥ 0; 0 gives equal weights. The Green Book of HM Treasury uses 1.3 for income.
        higher: Whether a higher level is better (income) or worse (need).
        reference: Level with weight 1; None for the median.

    Returns:
        Weights, shape (n,), > 0; NaN where the level is missing. Equal levels have equal weights.

    Raises:
        MethodError: A level or reference of 0 or below, a negative aversion, no level known.

    Source:
        A. B. Atkinson (1970), *Journal of Economic Theory* 2; HM Treasury (2022), *The Green Book*, annex 3 (weight = (median/income)^1.3).
    """
    values = _levels("Atkinson weights", level, aversion)
    if (values[~np.isnan(values)] <= 0).any() or (reference is not None and not reference > 0):
        raise MethodError(
            Problem(
                "Atkinson weights",
                "a level is 0 or below",
                "",
                "levels > 0",
                "Use Kolm weights for scores without a natural zero.",
            )
        )
    middle = float(np.nanmedian(values)) if reference is None else reference
    return np.asarray((values / middle) ** (-aversion if higher == "better" else aversion), dtype=np.float64)


def kolm_weights(
    level: npt.ArrayLike,
    aversion: float,
    *,
    higher: Literal["better", "worse"] = "worse",
    reference: float | None = None,
) -> FloatArray:
    """Return the social worth of one more unit at each level, relative to the reference: ``exp(κ·(level − reference))``.

    It is the slope of the Kolm–Pollak welfare function. It depends on differences alone, so it suits scores without a
    natural zero (z, normal scores) and things that are bad. Where higher is better the sign turns.

    Args:
        level: Need or advantage, shape (n,), any number. NaN is missing.
        aversion: κ ≥ 0, for one unit of the level; 0 gives equal weights. With standardised need, κ = ln 2 doubles the
            weight for each standard deviation.
        higher: Whether a higher level is worse (need) or better.
        reference: Level with weight 1; None for the median.

    Returns:
        Weights, shape (n,), > 0; NaN where the level is missing.

    Raises:
        MethodError: A negative aversion, no level known, or weights beyond 10¹⁰⁰ (an aversion in the wrong unit).

    Source:
        S.-C. Kolm (1976), *Journal of Economic Theory* 12; for burdens: K. Maguire and G. Sheriff (2011), *Int. J. Environ.
        Res. Public Health* 8.
    """
    values = _levels("Kolm weights", level, aversion)
    middle = float(np.nanmedian(values)) if reference is None else reference
    exponent = aversion * (values - middle) * (1 if higher == "worse" else -1)
    if np.nanmax(np.abs(exponent)) > 230:  # e^230 is 10^100
        raise MethodError(
            Problem(
                "Kolm weights",
                "weights have no sensible size",
                f"e^{np.nanmax(np.abs(exponent)):.0f}",
                "",
                "Standardise the level.",
            )
        )
    return np.exp(exponent)


def concentration_index(amount: npt.ArrayLike, need: npt.ArrayLike, population: npt.ArrayLike) -> float:
    """Return how far an amount a head is concentrated on people in greater need.

    ``C = 2/μ · Σ_i s_i·h_i·R_i − 1``, with h the amount a head, s the share of population, R the fraction of people with
    *less* need plus half of those with the same, and μ the mean amount a head.

    Args:
        amount: Amount a head in each area, shape (n,), ≥ 0.
        need: Need, shape (n,), higher = greater.
        population: Residents, shape (n,), ≥ 0, not all 0.

    Returns:
        From −1 (all to the least need) over 0 (even) to just below +1 (all to the greatest need). Equal need shares a rank.
        NaN where nobody receives anything. Areas with a missing number are left out.

    Raises:
        MethodError: Shapes that do not fit, negative numbers, no resident.

    Source:
        N. Kakwani, A. Wagstaff and E. van Doorslaer (1997), *Journal of Econometrics* 77; O. O'Donnell et al. (2008),
        *Analyzing Health Equity Using Household Survey Data*, World Bank, ch. 8.
    """
    h, x, people = _three(amount, need, population)
    _, place = np.unique(x, return_inverse=True)
    block = np.bincount(place, weights=people)
    total = block.sum()
    below = (np.cumsum(block) - block / 2) / total
    mean = float((people * h).sum() / total)
    return float("nan") if mean == 0 else float(2 * (people * h * below[place]).sum() / (total * mean) - 1)


@dataclass(frozen=True, slots=True)
class Reach:
    """Who a choice reaches, and at what price.

    Attributes:
        people: Residents of funded areas.
        greatest_need: Of these, in areas of the greatest-need share.
        greatest_need_all: Residents of all areas of the greatest-need share.
        in_need: People in need in funded areas (need as a rate × residents), or None where need is not a rate.
        pounds: Pounds awarded.
        per_person_in_need: Pounds for each of them, or None where there is none.
    """

    people: float
    greatest_need: float
    greatest_need_all: float
    in_need: float | None
    pounds: int
    per_person_in_need: float | None


def reach(
    chosen: npt.ArrayLike, population: npt.ArrayLike, greatest: npt.ArrayLike, award: npt.ArrayLike, *,
    rate: npt.ArrayLike | None = None,
) -> Reach:  # fmt: skip
    """Return how many people a choice reaches, how many of the greatest need, and the cost of each person in need.

    Args:
        chosen: Funded or not, shape (n,).
        population: Residents, shape (n,); missing counts as none.
        greatest: Whether an area is in the greatest-need share (rank ≤ share × n), shape (n,).
        award: Award of each funded area, whole pounds, shape (n,).
        rate: Share of residents in need, 0 to 1, shape (n,), or None; missing counts as none.

    Returns:
        The counts. People count where they live; this does not say that each of them is in need or is served.

    Raises:
        MethodError: A rate outside 0 to 1.
    """
    mask, top = np.asarray(chosen, np.bool_), np.asarray(greatest, np.bool_)
    people = np.nan_to_num(np.asarray(population, np.float64))
    pounds = int(np.asarray(award, np.int64)[mask].sum())
    needy: float | None = None
    if rate is not None:
        share = np.nan_to_num(np.asarray(rate, np.float64))
        if ((share < 0) | (share > 1)).any():
            raise MethodError(Problem("reach", "the rate of need is not a share", "", "0 to 1"))
        needy = float((people * share)[mask].sum())
    each = pounds / needy if needy else None
    return Reach(
        float(people[mask].sum()),
        float(people[mask & top].sum()),
        float(people[top].sum()),
        needy,
        pounds,
        each,
    )


def efficient(points: npt.ArrayLike) -> BoolArray:
    """Return which points no other point beats: none is at least as high in everything and higher in something.

    Args:
        points: Measures of each rule set, higher = better, shape (m, k).

    Returns:
        On the frontier or not, shape (m,). Equal points stand together. A point with a missing measure is not on it.
    """
    table = np.asarray(points, dtype=np.float64)
    at_least = (table[:, None, :] >= table[None, :, :]).all(axis=2)
    more = (table[:, None, :] > table[None, :, :]).any(axis=2)
    return np.asarray(~(at_least & more).any(axis=0) & ~np.isnan(table).any(axis=1), dtype=np.bool_)


def frontier(
    settings: Sequence[Setting], evaluate: Callable[[Setting], tuple[float, ...]]
) -> tuple[tuple[Setting, ...], FloatArray, BoolArray]:
    """Return what each setting of a rule reaches, and which settings no other beats.

    For the frontier between equity and need reached: settings are aversions, ``evaluate`` makes the choice and returns both measures.

    Args:
        settings: Settings to try, at least one.
        evaluate: Function from a setting to its measures, higher = better, always as many.

    Returns:
        The settings, their measures (m, k), and which are on the frontier (m,).

    Raises:
        MethodError: No setting.
    """
    tried = tuple(settings)
    if not tried:
        raise MethodError(Problem("frontier", "no setting to try", "", "at least one"))
    points = np.array([evaluate(setting) for setting in tried], dtype=np.float64)
    return tried, points, efficient(points)


def _levels(method: str, level: npt.ArrayLike, aversion: float) -> FloatArray:
    """Return levels as numbers, or refuse."""
    values = np.asarray(level, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).any() or np.isinf(values).any():
        raise MethodError(
            Problem(method, "no usable level", f"shape {values.shape}", "finite numbers, shape (n,)")
        )
    if not (np.isfinite(aversion) and aversion >= 0):
        raise MethodError(Problem(method, "the aversion is not usable", f"{aversion}", "a number ≥ 0"))
    return values


def _three(
    amount: npt.ArrayLike, need: npt.ArrayLike, population: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the three columns without areas that miss one, or refuse."""
    columns = [np.asarray(part, dtype=np.float64) for part in (amount, need, population)]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise MethodError(Problem("concentration", "columns do not fit", str([c.shape for c in columns])))
    known = ~np.isnan(np.stack(columns)).any(axis=0)
    h, x, people = (column[known] for column in columns)
    if (h < 0).any() or (people < 0).any() or people.sum() <= 0:
        raise MethodError(
            Problem("concentration", "amounts or residents are not usable", "", "numbers ≥ 0, some resident")
        )
    return h, x, people
