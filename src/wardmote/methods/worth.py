"""What an effect is worth in pounds, beside what it cost: every assumption named, sourced and changeable.

Wellbeing is valued by the WELLBY of the Treasury's guidance: one point of life satisfaction (0 to 10) for one person for one year. The
result is a range, since the effect, the value of a WELLBY and how long an effect lasts are all uncertain; a ratio of 1 is no finding
where its interval reaches from below to above 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray

Rate = Literal["wellbeing", "general"]


@dataclass(frozen=True, slots=True)
class Assumption:
    """One number that worth rests on.

    Attributes:
        name: Its name, as a study changes it.
        value: The central value.
        low, high: The range that is simulated; both equal to the value where it is not.
        unit: Its unit.
        meaning: What it is.
        source: Where it is from.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    meaning: str
    source: str


_GUIDANCE = "HM Treasury (2021), Wellbeing Guidance for Appraisal: Supplementary Green Book Guidance"
_GREEN_BOOK = "HM Treasury (2022), The Green Book"

ASSUMPTIONS: Mapping[str, Assumption] = MappingProxyType(
    {
        one.name: one
        for one in (
            Assumption(
                "wellby",
                13_000,
                10_000,
                16_000,
                "£ in 2019 prices",
                "one point of life satisfaction, one person, one year",
                _GUIDANCE,
            ),
            Assumption(
                "wellbeing_rate",
                0.015,
                0.015,
                0.015,
                "a year",
                "discount rate of health and wellbeing",
                f"{_GREEN_BOOK}, annex A6",
            ),
            Assumption(
                "general_rate",
                0.035,
                0.035,
                0.035,
                "a year",
                "discount rate of other benefits and of costs",
                f"{_GREEN_BOOK}, annex A6",
            ),
            Assumption(
                "elasticity",
                1.3,
                1.3,
                1.3,
                "",
                "how fast a pound loses worth as income rises, for distributional weights",
                f"{_GREEN_BOOK}, annex A3",
            ),
            Assumption(
                "fade",
                0.0,
                0.0,
                0.0,
                "a year",
                "share of the effect that is lost each year after the last one observed",
                "no source: 0 keeps the effect for the stated years, and no longer",
            ),
            Assumption(
                "life_satisfaction",
                1.0,
                1.0,
                1.0,
                "points per unit of the outcome",
                "change of life satisfaction for one unit of the outcome",
                "1 where the outcome is life satisfaction; else the study must say, with its source",
            ),
        )
    }
)
"""All assumptions by name. A study changes any of them and the page says so."""

PRICE_YEAR = 2019
"""Price year of the WELLBY above."""

LATER = MappingProxyType(
    {
        "general": ((30, 0.035), (75, 0.030), (125, 0.025)),
        "wellbeing": ((30, 0.015), (75, 0.0129), (125, 0.0107)),
    }
)
"""Discount rates by the last year for which they hold (Green Book 2022, annex A6, tables 8 and 9)."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a programme brought beside what it cost, present values in pounds of one price year.

    Attributes:
        benefit, cost: Central present values.
        ratio: benefit ÷ cost.
        ratio_low, ratio_high: 2.5% and 97.5% points of the simulated ratios.
        net: benefit − cost.
        net_low, net_high: The same points of the simulated net values.
        above_one: Share of simulated ratios above 1.
    """

    benefit: float
    cost: float
    ratio: float
    ratio_low: float
    ratio_high: float
    net: float
    net_low: float
    net_high: float
    above_one: float


def discount_factors(years: int, *, kind: Rate = "general", rate: float | None = None) -> FloatArray:
    """Return what one pound in each year is worth in the first: 1, 1 ÷ (1 + r), …

    Args:
        years: Number of years, from 1 to 126.
        kind: general (3.5%, falling after 30 and 75 years) or wellbeing (1.5%, likewise).
        rate: One rate for all years in place of the Green Book's, ≥ 0.

    Returns:
        Factors, shape (years,), the first 1.

    Raises:
        MethodError: Years or rate out of range.

    Source:
        The Green Book (2022), annex A6.
    """
    if not 1 <= years <= 126 or (rate is not None and rate < 0):
        raise MethodError(
            Problem(
                "discounting",
                "years or rate are out of range",
                f"{years} years at {rate}",
                "1 to 126 years, a rate from 0",
            )
        )
    when = np.arange(1, years)
    if rate is not None:
        each = np.full(years - 1, rate)
    else:
        lasts, rates = zip(*LATER[kind], strict=True)
        each = np.array(rates)[np.searchsorted(np.array(lasts), when)]
    return np.concatenate([[1.0], 1 / np.cumprod(1 + each)])


def reprice(pounds: npt.ArrayLike, from_year: int, to_year: int, index: Mapping[int, float]) -> FloatArray:
    """Return pounds of one price year in those of another: ``pounds × index[to] ÷ index[from]``.

    Args:
        pounds: Amounts, any shape.
        from_year: Price year that they have.
        to_year: Price year wanted.
        index: A price index by year, such as the Treasury's GDP deflator, any base. Not needed where both years are the same.

    Returns:
        Amounts, the shape of `pounds`.

    Raises:
        MethodError: The index lacks a year or is not above 0 there: no deflator is built in, since each publication revises it.
    """
    amounts = np.asarray(pounds, dtype=np.float64)
    if from_year == to_year:
        return amounts.copy()
    missing = [year for year in (from_year, to_year) if not index.get(year, 0.0) > 0]
    if missing:
        raise MethodError(
            Problem(
                "price years",
                "the price index lacks a year",
                ", ".join(map(str, missing)),
                f"a figure above 0 for {from_year} and {to_year}",
                "Give the GDP deflator of both years, from HM Treasury's latest release.",
            )
        )
    return np.asarray(amounts * index[to_year] / index[from_year])


def distributional_weight(income: npt.ArrayLike, typical: float, *, elasticity: float = 1.3) -> FloatArray:
    """Return how much a pound counts for people of an income: ``(typical ÷ income) ^ elasticity``.

    Args:
        income: Disposable income, any shape, above 0.
        typical: The median income of all, above 0.
        elasticity: See `ASSUMPTIONS`.

    Returns:
        Weights, above 1 below the typical income.

    Raises:
        MethodError: An income that is not above 0.

    Source:
        The Green Book (2022), annex A3, paragraphs A3.9–A3.16.
    """
    own = np.asarray(income, dtype=np.float64)
    if not typical > 0 or (own <= 0).any():
        raise MethodError(
            Problem(
                "distributional weights", "an income is not above 0", f"{own.min():g}, {typical:g}", "above 0"
            )
        )
    return np.asarray((typical / own) ** elasticity)


def benefit_cost(
    effect: float,
    standard_error: float,
    *,
    people: float,
    years: int,
    cost: float,
    rng: np.random.Generator,
    draws: int = 10_000,
    assumptions: Mapping[str, Assumption] = ASSUMPTIONS,
    cost_years: int = 1,
    weight: float = 1.0,
    prices: float = 1.0,
) -> Worth:
    """Return the benefit–cost ratio of a gain in wellbeing, with a simulated interval.

    ``benefit = effect × life_satisfaction × people × weight × wellby × Σ_t (1 − fade)^t ÷ (1 + r_w)^t`` over the years, and
    ``cost = pounds ÷ years of spending, discounted at r_g``. The effect is drawn from a normal distribution, each assumption with a
    range from a triangular one with its central value at the top.

    Args:
        effect: Gain in the outcome's unit, better being positive.
        standard_error: Of the effect, ≥ 0; NaN is taken as unknown and no interval is given.
        people: People in the supported areas, ≥ 0: the effect is one on their mean.
        years: Years that the effect is counted for.
        cost: All pounds spent, above 0, in the same prices as the result.
        rng: The generator.
        draws: How many worlds.
        assumptions: From `ASSUMPTIONS`, changed where the study says so.
        cost_years: Years over which the money was spent evenly.
        weight: Mean distributional weight of those who gain; 1 for none.
        prices: What turns pounds of the WELLBY's price year into those of the cost: an index ratio from `reprice`.

    Returns:
        The worth; see `Worth`. Interval ends are NaN without a standard error.

    Raises:
        MethodError: A cost that is not above 0, a negative error or negative people.

    Source:
        HM Treasury (2021), Wellbeing Guidance for Appraisal, sections 4–5.
    """
    if not cost > 0 or standard_error < 0 or people < 0:
        raise MethodError(
            Problem(
                "worth",
                "cost, error or people are out of range",
                f"£{cost:g}, {standard_error:g}, {people:g}",
                "a cost above 0, others from 0",
            )
        )
    spent = (
        cost / cost_years * float(discount_factors(cost_years, rate=assumptions["general_rate"].value).sum())
    )

    def gained(size: FloatArray, drawn: Mapping[str, FloatArray]) -> FloatArray:
        when = np.arange(years)[:, None]
        lasting = ((1 - drawn["fade"]) / (1 + drawn["wellbeing_rate"])) ** when
        per_unit = drawn["life_satisfaction"] * drawn["wellby"] * prices
        return np.asarray(size * per_unit * people * weight * lasting.sum(axis=0))

    central = {name: np.array([one.value]) for name, one in assumptions.items()}
    benefit = float(gained(np.array([effect]), central)[0])
    plain = Worth(benefit, spent, benefit / spent, np.nan, np.nan, benefit - spent, np.nan, np.nan, np.nan)
    if np.isnan(standard_error):
        return plain
    drawn = {
        name: rng.triangular(one.low, one.value, one.high, draws)
        if one.high > one.low
        else np.full(draws, one.value)
        for name, one in sorted(assumptions.items())
    }
    worlds = gained(rng.normal(effect, standard_error, draws), drawn)
    low, high = np.quantile(worlds, [0.025, 0.975])
    return Worth(
        benefit,
        spent,
        benefit / spent,
        float(low / spent),
        float(high / spent),
        benefit - spent,
        float(low - spent),
        float(high - spent),
        float((worlds > spent).mean()),
    )
