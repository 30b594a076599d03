"""What is measured in the invented county, and how each measure follows from latent need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERIOD = "2025"
"""Period of all values."""

SUPPRESSED_BELOW = 3
"""Counts under this are held back, as publishers do with small counts that could point to a person."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One measured thing.

    Attributes:
        name: Its identifier.
        column: Its column in the file.
        title: Its title.
        unit: Its unit.
        direction: 1 where higher means more need, -1 where less.
        domain: The domain whose need it shows.
        source: The source that publishes it.
        middle: Its value in an area of average need.
        spread: How much it moves with one standard deviation of need: a factor on the logit for rates, units otherwise.
        noise: Standard deviation of what it measures wrongly, beside need's 1.
        below: The count below the line of a rate (people, homes, workers), or "".
        above_column: Column of the count above the line, or "".
        scale: A rate is per so many: 100 or 1000.
        note: What a reader must know.
    """

    name: str
    column: str
    title: str
    unit: str
    direction: int
    domain: str
    source: str
    middle: float
    spread: float
    noise: float
    below: str = ""
    above_column: str = ""
    scale: float = 100.0
    note: str = ""

    def level_at(self, need: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected value at a given need, in the indicator's unit.

        Rates follow a logistic curve, so they stay between 0 and `scale`; other measures are straight lines, never below 0.

        Args:
            need: Need in standard deviations, any shape.
        """
        if not self.below:
            return np.asarray((self.middle + self.direction * self.spread * need).clip(0))
        middle = self.middle / self.scale
        logit = np.log(middle / (1 - middle)) + self.direction * self.spread * need
        return np.asarray(self.scale / (1 + np.exp(-logit)))


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "low-income",
        "low_income_pct",
        "People on a low income",
        "% of people",
        1,
        "income",
        "deprivation",
        16.0,
        0.55,
        0.10,
        "people",
        "low_income_people",
    ),
    Indicator(
        "out-of-work",
        "out_of_work_pct",
        "Working-age people out of work",
        "% of working-age people",
        1,
        "work",
        "deprivation",
        9.0,
        0.50,
        0.10,
        "workers",
        "out_of_work_people",
    ),
    Indicator(
        "early-deaths",
        "early_deaths_rate",
        "Deaths before 75",
        "per 1,000 people",
        1,
        "health",
        "deprivation",
        5.0,
        0.45,
        0.20,
        "people",
        "early_deaths",
        1000.0,
        "Fewer than three deaths in an area are not shown.",
    ),
    Indicator(
        "good-health",
        "good_health_pct",
        "People in good health",
        "% of people",
        -1,
        "health",
        "deprivation",
        82.0,
        0.35,
        0.15,
        "people",
        "good_health_people",
    ),
    Indicator(
        "cold-homes",
        "cold_homes_pct",
        "Homes that are hard to heat",
        "% of homes",
        1,
        "living",
        "deprivation",
        14.0,
        0.50,
        0.20,
        "homes",
        "cold_homes",
        100.0,
        "One quarter was never surveyed.",
    ),
    Indicator(
        "tree-cover",
        "tree_cover_pct",
        "Streets under trees",
        "% of street length",
        -1,
        "living",
        "deprivation",
        22.0,
        5.0,
        0.30,
    ),
    Indicator(
        "places-to-meet",
        "places_to_meet",
        "Places to meet within a walk",
        "per 1,000 people",
        -1,
        "places",
        "community",
        5.0,
        1.4,
        0.20,
        note="Halls, libraries, pubs, clubs, parks within 800 metres.",
    ),
    Indicator(
        "sports-clubs",
        "sports_clubs",
        "Sports and hobby clubs",
        "per 1,000 people",
        -1,
        "places",
        "community",
        3.0,
        0.8,
        0.30,
    ),
    Indicator(
        "no-broadband",
        "no_broadband_pct",
        "Homes without broadband",
        "% of homes",
        1,
        "links",
        "community",
        8.0,
        0.50,
        0.20,
        "homes",
        "no_broadband_homes",
    ),
    Indicator(
        "buses",
        "buses_a_day",
        "Buses on a weekday at the nearest stop",
        "buses a day",
        -1,
        "links",
        "community",
        48.0,
        13.0,
        0.25,
    ),
    Indicator(
        "turnout",
        "turnout_pct",
        "Voters at the last local election",
        "% of people who may vote",
        -1,
        "part",
        "community",
        34.0,
        6.0,
        0.15,
    ),
    Indicator(
        "groups",
        "groups",
        "Groups run by residents",
        "per 1,000 people",
        -1,
        "part",
        "community",
        4.0,
        1.1,
        0.25,
    ),
)
"""All indicators of the county. Noise is small for counts of everybody and larger for what is surveyed or mapped; for early deaths
the small counts themselves add about as much again as need does, so health leans on the second indicator as well."""
