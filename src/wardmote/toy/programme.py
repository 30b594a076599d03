"""An invented programme in the invented county, with planted effects: naive estimates of it are wrong, and it is known by how much.

Neighbourhoods with greater hardship were likelier to be chosen (selection), belonging was falling faster there anyway (their trend),
support began in three waves (staggered starts), grew over the years (dynamic effects), and reached neighbours a little (spillover).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wardmote.toy.county import LEVELS, SEED, County

YEARS = tuple(range(2013, 2025))
"""Years of the panel: five before the first wave, three after the last."""

WAVES = (2018, 2020, 2022)
"""Starts of the three waves."""

PER_WAVE = 16
"""Neighbourhoods in each wave."""

EFFECT = 3.0
"""Percentage points more who say that they belong, in the first year of support."""

GROWTH = 0.5
"""Further points in each later year."""

SPILLOVER = 1.5
"""Points in neighbourhoods whose middle is within `REACH_KM` of a supported one's."""

REACH_KM = 2.0
"""How far support reaches: the next neighbourhood, whose middle is about 1.6 km away, and no further."""

TREND = -0.35
"""Points a year that belonging changes by for each standard deviation of hardship, with support or without it."""

NOISE = 1.5
"""Standard deviation of a year's figure, in points: the error of a survey of some hundreds of people."""

POUNDS = 1_000_000.0
"""Pounds for each neighbourhood, in prices of 2019."""

KM_PER_DEGREE = 111.195
"""Kilometres of one degree of latitude on a sphere of the earth's mean radius."""


@dataclass(frozen=True, slots=True)
class Programme:
    """The invented programme, in the order of the county's small areas.

    Attributes:
        codes: Codes of the areas.
        years: Years of the panel.
        belonging: Per cent who say that they belong, shape (years, n).
        hardship: Hardship as measured in the first year, in standard deviations, shape (n,).
        start: First year of support, 0 for none, shape (n,).
        near: Whether support of others reaches the area, shape (n,).
        effect: Planted effect on supported areas by year, 0 elsewhere, shape (years, n).
    """

    codes: tuple[str, ...]
    years: tuple[int, ...]
    belonging: NDArray[np.float64]
    hardship: NDArray[np.float64]
    start: NDArray[np.int64]
    near: NDArray[np.bool_]
    effect: NDArray[np.float64]

    @property
    def average(self) -> float:
        """The planted average effect over supported areas and years: what an evaluation should find."""
        on = (self.start > 0) & (np.array(self.years)[:, None] >= self.start)
        return float(self.effect[on].mean())


def make_programme(
    county: County, seed: int = SEED, *, effect: float = EFFECT, growth: float = GROWTH
) -> Programme:
    """Return the programme with its planted effects; the same county and seed give the same programme.

    Args:
        county: The invented county.
        seed: Seed of what is drawn.
        effect: First year's effect, in points; 0 together with `growth` for a programme that does nothing.
        growth: Further points in each later year.
    """
    # A stream of its own: the county's figures stay what they are.
    rng = np.random.default_rng([seed, 2018])
    n = len(county.patches)
    latent = county.truths.deprivation
    hardship = np.round(latent + 0.1 * rng.standard_normal(n), 3)
    # Need counts in the choice, and so do other things: chosen and not chosen overlap.
    score = 1.1 * hardship + rng.logistic(size=n)
    chosen = np.argsort(-score)[: PER_WAVE * len(WAVES)]
    start = np.zeros(n, dtype=np.int64)
    start[rng.permutation(chosen)] = np.repeat(WAVES, PER_WAVE)
    near = (start == 0) & (_distance(county, start > 0) <= REACH_KM)
    years = np.array(YEARS)[:, None]
    since = years - start
    on = (start > 0) & (since >= 0)
    planted = np.where(on, effect + growth * since, 0.0)
    spill = np.where(near & (years >= WAVES[0]), SPILLOVER if effect else 0.0, 0.0)
    trend = TREND * hardship * (years - YEARS[0])
    own = 4.0 * rng.standard_normal(n) - 3.0 * hardship
    common = np.cumsum(0.3 * rng.standard_normal(len(YEARS)))[:, None]
    figures = 60.0 + own + common + trend + planted + spill + NOISE * rng.standard_normal((len(YEARS), n))
    return Programme(county.patches, YEARS, np.round(figures, 2), hardship, start, near, planted)


def _distance(county: County, supported: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return kilometres from each small area's middle to the nearest supported one's."""
    import shapely

    shapes = county.boundaries[county.boundaries["level"] == LEVELS[0]]
    middle = dict(
        zip(shapes["area"], shapely.centroid(shapely.from_wkb(shapes["geometry"].to_list())), strict=True)
    )
    lon = np.array([middle[code].x for code in county.patches])
    lat = np.array([middle[code].y for code in county.patches])
    xy = KM_PER_DEGREE * np.stack([lon * np.cos(np.radians(lat.mean())), lat])
    gap = np.sqrt(((xy[:, :, None] - xy[:, None, supported]) ** 2).sum(axis=0))
    return np.asarray(gap.min(axis=1))


def planted_average(effect: float = EFFECT, growth: float = GROWTH) -> float:
    """Return the planted average effect over supported areas and years; all waves have as many areas.

    Args:
        effect: First year's effect.
        growth: Further points in each later year.
    """
    since = [year - wave for wave in WAVES for year in YEARS if year >= wave]
    return sum(effect + growth * k for k in since) / len(since)


def belonging_rows(programme: Programme) -> list[dict[str, str]]:
    """Return the rows of the file of figures, long: hardship as measured in the first year, and belonging in each.

    Args:
        programme: The programme.
    """
    rows = []
    for i, code in enumerate(programme.codes):
        told = [(YEARS[0], "hardship_then", f"{programme.hardship[i]:.3f}")]
        told += [
            (year, "belonging_pct", f"{programme.belonging[t, i]:.2f}")
            for t, year in enumerate(programme.years)
        ]
        rows += [
            {"patch": code, "year": str(year), "measure": measure, "figure": figure}
            for year, measure, figure in told
        ]
    return rows


def cohorts_text(programme: Programme) -> str:
    """Return the waves as the study declares them, in TOML.

    Args:
        programme: The programme.
    """
    pieces = []
    for year in WAVES:
        codes = [code for code, start in zip(programme.codes, programme.start, strict=True) if start == year]
        lines = [", ".join(f'"{code}"' for code in codes[i : i + 8]) for i in range(0, len(codes), 8)]
        pieces.append(
            "[[programme.hubs.cohorts]]\n"
            f'start = "{year}"\npounds = {POUNDS:.0f}\nprice_year = 2019\nled_by = "residents"\n'
            "areas = [\n  " + ",\n  ".join(lines) + ",\n]\n"
        )
    return "\n".join(pieces)
