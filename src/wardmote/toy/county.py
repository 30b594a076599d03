"""The invented county itself: its areas, its figures, and the truths that were planted in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wardmote.toy.draw import draw_table
from wardmote.toy.indicators import INDICATORS, PERIOD, SUPPRESSED_BELOW, Indicator
from wardmote.toy.shapes import Cells, Point, draw_cells, group_by_nearness, outline, signed_area

if TYPE_CHECKING:
    import pandas as pd

    Frame = pd.DataFrame

Rings = dict[str, tuple[tuple[Point, ...], ...]]
"""Rings around areas by code."""

SEED = 20250101
"""Seed of the county that is shown in the documents."""

PATCHES = 360
"""Small areas: enough for ranks to mean something (36 in a tenth), few enough for every stage to run in a blink."""

AUTHORITIES = ("Copperlow", "Fennimarsh", "Hollowby", "Quarrowmouth", "Thrandale", "Wickenstow")
REGIONS = ("East Aldmere", "West Aldmere")
COUNTY = "Aldmere"
QUARTERS = 40
"""Middle areas, of about nine small ones each, the size of wards."""

LEVELS = ("patch25", "quarter25", "borough25", "part25", "county25")
"""Levels from the smallest areas to the whole: neighbourhoods, quarters, authorities, regions, the county."""

_STEMS = ("Ambel", "Brosk", "Cawder", "Drumm", "Eddis", "Fosk", "Gosker", "Inkle", "Jossel", "Kerrin")
_ENDINGS = ("gate", "thwick", "combe", "staithe")

WEIGHTS = {"income": 0.35, "work": 0.30, "health": 0.20, "living": 0.15}
"""Weights of the four domains of deprivation: the planted truth, and the official weights of the study."""

RESIDENTS = {"income": 22.0, "work": 14.0, "health": 34.0, "living": 30.0}
"""Points that residents gave to the same domains: health and homes before jobs, unlike the official weights."""

COMMUNITY = ("places", "links", "part")
"""Domains of community need, with equal weights."""

LOADS = {
    "income": 0.88,
    "work": 0.84,
    "health": 0.78,
    "living": 0.62,
    "places": -0.30,
    "links": 0.60,
    "part": 0.70,
}
"""How strongly each domain goes with the latent hardship of a place. Deprivation's domains agree closely; of community need one
domain runs against deprivation, since poorer quarters of this county are its old towns with halls, pubs and libraries. England's
Civic Assets domain does the same (Spearman -0.147 with IMD 2025)."""

SHARE = 0.1
"""Share of small areas that counts as greatest need."""


@dataclass(frozen=True, slots=True)
class Truths:
    """What was planted, in the order of ``County.patches``.

    Attributes:
        domains: Latent need in each domain, mean 0 and standard deviation 1; higher is more need.
        deprivation: Latent deprivation: the domains of deprivation by `weights`.
        community_need: Latent community need: its three domains by equal weights.
        doubly_disadvantaged: Codes in the greatest-need tenth of both.
        weights: Weights of deprivation's domains.
        residents: Weights that residents give to them, adding to 1.
        against: The domain of community need that runs against deprivation.
        missing: Codes without a value that the index must impute, by indicator.
        suppressed: Codes whose count is too small to be shown, by indicator.
    """

    domains: dict[str, NDArray[np.float64]]
    deprivation: NDArray[np.float64]
    community_need: NDArray[np.float64]
    doubly_disadvantaged: frozenset[str]
    weights: dict[str, float]
    residents: dict[str, float]
    against: str
    missing: dict[str, frozenset[str]]
    suppressed: dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class County:
    """The invented county as tables of the data model, with its planted truths.

    Attributes:
        patches: Codes of the small areas, in order.
        areas, memberships, boundaries, indicators, values, priorities: Tables as `wardmote.tables` declares them; boundaries for
            small areas and for authorities.
        rings: Rings of (longitude, latitude) by level and code, as the boundary files hold them.
        truths: What was planted.
    """

    patches: tuple[str, ...]
    areas: Frame
    memberships: Frame
    boundaries: Frame
    indicators: Frame
    values: Frame
    priorities: Frame
    rings: dict[str, Rings]
    truths: Truths


@dataclass(frozen=True, slots=True)
class Places:
    """Where each small area lies.

    Attributes:
        cells: The cells, sorted by authority and quarter.
        parents: Position of the parent of each cell, by level.
        codes: Codes by level.
        names: Names by level.
    """

    cells: Cells
    parents: dict[str, NDArray[np.int64]]
    codes: dict[str, tuple[str, ...]]
    names: dict[str, tuple[str, ...]]


def make_county(seed: int = SEED) -> County:
    """Return the invented county with its planted truths; the same seed gives the same county.

    Args:
        seed: Seed of everything that is drawn.

    Returns:
        360 small areas in 40 quarters, 6 authorities and 2 regions; 11 indicators of seven domains; residents' priorities.
    """
    rng = np.random.default_rng(seed)
    places = _places(rng)
    people = np.round(rng.normal(1620, 240, PATCHES).clip(900, 2600))
    homes = np.round(people / rng.normal(2.35, 0.12, PATCHES))
    domains = _domains(places.cells.centres, rng)
    missing = _unsurveyed(places)
    counts = {"people": people, "homes": homes, "workers": np.round(people * 0.62)}
    codes = np.array(places.codes[LEVELS[0]])
    columns = [
        _measure(item, latent=domains[item.domain], counts=counts, missing=missing, codes=codes, rng=rng)
        for item in INDICATORS
    ]
    areas, memberships = _areas(places, people, homes, rng)
    rings = _all_rings(places)
    return County(
        patches=places.codes[LEVELS[0]],
        areas=areas,
        memberships=memberships,
        boundaries=_boundaries(rings),
        indicators=_indicator_table(rng),
        values=_stack("values", [column for column, _ in columns], rng),
        priorities=_priorities(rng),
        rings=rings,
        truths=_truths(
            places,
            domains,
            missing,
            {item.name: held for item, (_, held) in zip(INDICATORS, columns, strict=True)},
        ),
    )


def _places(rng: np.random.Generator) -> Places:
    """Return the cells in their order, with codes, names and parents."""
    cells = draw_cells(PATCHES, rng)
    borough = group_by_nearness(cells.centres, len(AUTHORITIES))
    sizes = np.bincount(borough, minlength=len(AUTHORITIES))
    quarter = np.zeros(PATCHES, dtype=np.int64)
    start = 0
    for k, share in enumerate(_shared_out(QUARTERS, sizes)):
        inside = np.flatnonzero(borough == k)
        quarter[inside] = start + group_by_nearness(cells.centres[inside], share)
        start += share
    order = np.lexsort((np.arange(PATCHES), quarter))
    cells = Cells(cells.centres[order], tuple(cells.rings[i] for i in order))
    quarter, borough = quarter[order], borough[order]
    middles = np.array([cells.centres[borough == k, 0].mean() for k in range(len(AUTHORITIES))])
    part = np.where(middles > np.median(middles), 0, 1).astype(np.int64)
    parents = {
        LEVELS[1]: quarter,
        LEVELS[2]: borough,
        LEVELS[3]: part[borough],
        LEVELS[4]: np.zeros(PATCHES, dtype=np.int64),
    }
    quarter_names = tuple(rng.permutation([f"{a}{b}" for a in _STEMS for b in _ENDINGS]))
    within = [int((quarter[:i] == quarter[i]).sum()) for i in range(PATCHES)]
    names = {
        LEVELS[0]: tuple(f"{quarter_names[q]} {chr(65 + w)}" for q, w in zip(quarter, within, strict=True)),
        LEVELS[1]: tuple(str(name) for name in quarter_names),
        LEVELS[2]: AUTHORITIES,
        LEVELS[3]: REGIONS,
        LEVELS[4]: (COUNTY,),
    }
    codes = {
        level: tuple(f"T{depth:02d}{i + 1:06d}" for i in range(len(names[level])))
        for depth, level in enumerate(LEVELS, start=1)
    }
    return Places(cells, parents, codes, names)


def _shared_out(total: int, sizes: NDArray[np.int64]) -> list[int]:
    """Return whole shares of a total in proportion to sizes, by largest remainders."""
    exact = total * sizes / sizes.sum()
    shares = np.floor(exact).astype(int)
    for k in np.argsort(shares - exact, kind="stable")[: total - shares.sum()]:
        shares[k] += 1
    return [int(share) for share in shares]


def _domains(centres: NDArray[np.float64], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Return latent need by domain: a share of the common hardship and a pattern of its own."""
    hardship = _standard(0.8 * _field(centres, 4.0, rng) + 0.6 * rng.standard_normal(len(centres)))
    domains = {}
    for name, load in LOADS.items():
        own = _standard(0.8 * _field(centres, 3.0, rng) + 0.6 * rng.standard_normal(len(centres)))
        # What two fields share by chance is taken out, so that the loads above hold in every county, whatever the seed.
        own = _standard(own - hardship * float(own @ hardship) / len(centres))
        domains[name] = _standard(load * hardship + np.sqrt(1 - load**2) * own)
    return domains


def _field(centres: NDArray[np.float64], reach: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a smooth field over the map: white noise under a Gaussian kernel with that reach in kilometres."""
    gap = ((centres[:, None] - centres[None]) ** 2).sum(axis=2)
    return _standard(np.exp(-gap / (2 * reach**2)) @ rng.standard_normal(len(centres)))


def _standard(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((x - x.mean()) / x.std())


def _unsurveyed(places: Places) -> dict[str, frozenset[str]]:
    """Return the planted gap: one whole quarter, where the survey of homes was never carried out."""
    quarter = places.parents[LEVELS[1]] == 7
    codes = np.array(places.codes[LEVELS[0]])
    return {"cold-homes": frozenset(str(code) for code in codes[quarter])}


def _measure(
    item: Indicator,
    *,
    latent: NDArray[np.float64],
    counts: dict[str, NDArray[np.float64]],
    missing: dict[str, frozenset[str]],
    codes: NDArray[np.str_],
    rng: np.random.Generator,
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the columns of one indicator, and the codes whose value is held back."""
    noisy = _standard(latent + item.noise * rng.standard_normal(len(latent)))
    none = np.full(len(codes), np.nan)
    below = counts[item.below] if item.below else none
    if item.below:
        above = rng.binomial(below.astype(int), item.level_at(noisy) / item.scale).astype(float)
        value = np.round(item.scale * above / below, 2)
    else:
        above, value = none, np.round(item.level_at(noisy), 2)
    gone = np.isin(codes, sorted(missing.get(item.name, frozenset())))
    small = (above < SUPPRESSED_BELOW) & ~gone
    held = gone | small
    return {
        "indicator": [item.name] * len(codes),
        "level": [LEVELS[0]] * len(codes),
        "area": codes,
        "period": [PERIOD] * len(codes),
        "value": np.where(held, np.nan, value),
        "numerator": np.where(held, np.nan, above),
        "denominator": below,
        "low": none,
        "high": none,
        "standard_error": none,
        "status": ["suppressed" if h else None for h in held],
    }, frozenset(str(code) for code in codes[small])


def _stack(name: str, columns: list[dict[str, Any]], rng: np.random.Generator) -> Frame:
    """Return several pieces of one table as one frame."""
    joined = {key: [value for piece in columns for value in piece[key]] for key in columns[0]}
    return draw_table(name, len(joined["area"]), rng, joined)


def _areas(
    places: Places, people: NDArray[np.float64], homes: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Frame, Frame]:
    """Return the tables of areas at all levels and of small areas in larger ones."""
    pieces = [
        {
            "level": [LEVELS[0]] * PATCHES,
            "area": list(places.codes[LEVELS[0]]),
            "name": list(places.names[LEVELS[0]]),
            "population": people,
            "households": homes,
        }
    ]
    links = []
    for level in LEVELS[1:]:
        parent, codes = places.parents[level], places.codes[level]
        pieces.append(
            {
                "level": [level] * len(codes),
                "area": list(codes),
                "name": list(places.names[level]),
                "population": np.bincount(parent, people, len(codes)),
                "households": np.bincount(parent, homes, len(codes)),
            }
        )
        links.append(
            {
                "level": [LEVELS[0]] * PATCHES,
                "area": list(places.codes[LEVELS[0]]),
                "parent_level": [level] * PATCHES,
                "parent": [codes[k] for k in parent],
                "weight": [1.0] * PATCHES,
                "base": ["areas"] * PATCHES,
            }
        )
    return _stack("areas", pieces, rng), _stack("memberships", links, rng)


def _all_rings(places: Places) -> dict[str, Rings]:
    """Return the rings of small areas and of authorities by code."""
    small: Rings = {
        code: (ring,) for code, ring in zip(places.codes[LEVELS[0]], places.cells.rings, strict=True)
    }
    large: Rings = {}
    for k, code in enumerate(places.codes[LEVELS[2]]):
        inside = np.flatnonzero(places.parents[LEVELS[2]] == k)
        large[code] = outline([places.cells.rings[i] for i in inside])
    return {LEVELS[0]: small, LEVELS[2]: large}


def polygons(rings: tuple[tuple[Point, ...], ...]) -> list[list[tuple[Point, ...]]]:
    """Return rings as GeoJSON polygons: each outer ring first, then the holes inside it.

    Args:
        rings: Outer rings anticlockwise, holes clockwise. A hole is given to the only outer ring, or else to the largest: an
            authority of the invented county never has two parts of which the smaller has a hole.
    """
    outer = sorted((ring for ring in rings if signed_area(ring) > 0), key=signed_area, reverse=True)
    holes = [ring for ring in rings if signed_area(ring) <= 0]
    return [[ring, *(holes if i == 0 else [])] for i, ring in enumerate(outer)]


def _boundaries(rings: dict[str, Rings]) -> Frame:
    """Return the table of boundaries as well-known binary."""
    import shapely

    rows = [(level, code, shape) for level, shapes in rings.items() for code, shape in shapes.items()]
    shapes = [
        shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in polygons(shape)])
        if len(polygons(shape)) > 1
        else shapely.Polygon(polygons(shape)[0][0], polygons(shape)[0][1:])
        for *_, shape in rows
    ]
    columns = {
        "level": [row[0] for row in rows],
        "area": [row[1] for row in rows],
        "geometry": list(shapely.to_wkb(shapes)),
        "source": ["boundaries" if row[0] == LEVELS[0] else "boroughs" for row in rows],
    }
    return draw_table("boundaries", len(rows), np.random.default_rng(0), columns)


def _indicator_table(rng: np.random.Generator) -> Frame:
    """Return the table of indicators."""
    columns = {
        "indicator": [item.name for item in INDICATORS],
        "title": [item.title for item in INDICATORS],
        "unit": [item.unit for item in INDICATORS],
        "direction": [item.direction for item in INDICATORS],
        "source": [item.source for item in INDICATORS],
        "derived_from": [None for _ in INDICATORS],
        "modelled": [None for _ in INDICATORS],
        "note": [item.note for item in INDICATORS],
    }
    return draw_table("indicators", len(INDICATORS), rng, columns)


def _priorities(rng: np.random.Generator) -> Frame:
    """Return what residents weigh: points for each domain of deprivation, with the interval of a survey of 640 people."""
    weights = np.array(list(RESIDENTS.values()))
    # Half a 95% interval of a mean of 640 answers whose standard deviation is about 13 points: 1.96 × 13 / √640 ≈ 1.
    columns = {
        "priority": list(RESIDENTS),
        "level": [LEVELS[4]] * len(weights),
        "area": ["T05000001"] * len(weights),
        "weight": weights,
        "low": weights - 1,
        "high": weights + 1,
        "respondents": [640.0] * len(weights),
        "collected": ["invented residents' survey, spring 2025"] * len(weights),
        "source": ["priorities"] * len(weights),
    }
    return draw_table("priorities", len(weights), rng, columns)


def _truths(
    places: Places,
    domains: dict[str, NDArray[np.float64]],
    missing: dict[str, frozenset[str]],
    suppressed: dict[str, frozenset[str]],
) -> Truths:
    """Return the planted truths as a record."""
    deprivation = _standard(sum((w * domains[k] for k, w in WEIGHTS.items()), np.zeros(PATCHES)))
    community = _standard(sum((domains[k] for k in COMMUNITY), np.zeros(PATCHES)))
    most = int(SHARE * PATCHES)
    codes = np.array(places.codes[LEVELS[0]])
    both = np.intersect1d(codes[np.argsort(-deprivation)[:most]], codes[np.argsort(-community)[:most]])
    total = sum(RESIDENTS.values())
    return Truths(
        domains=domains,
        deprivation=deprivation,
        community_need=community,
        doubly_disadvantaged=frozenset(str(code) for code in both),
        weights=dict(WEIGHTS),
        residents={name: points / total for name, points in RESIDENTS.items()},
        against="places",
        missing=missing,
        suppressed={name: codes for name, codes in suppressed.items() if codes},
    )
