"""The map of the invented county: cells that share their corners, so that boundaries cover it without gaps or overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]

WEST, SOUTH = 1.62, 54.02
"""South-western corner of the county in degrees: open water in the North Sea, where no real area can be meant."""

KILOMETRE_EAST, KILOMETRE_NORTH = 1 / 65.3, 1 / 111.2
"""Degrees per kilometre at 54° north (111.2 km a degree, times the cosine of the latitude eastwards)."""

CELL = 0.95
"""Side of a cell in kilometres, before corners are moved: about 2.3 square kilometres, an English suburb's LSOA."""

DIGITS = 5
"""Decimals of coordinates in degrees, about a metre: shared corners stay equal to the last digit."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The smallest areas.

    Attributes:
        centres: Centres in kilometres, shape (n, 2).
        rings: One closed ring of (longitude, latitude) a cell, anticlockwise.
    """

    centres: NDArray[np.float64]
    rings: tuple[tuple[Point, ...], ...]


def draw_cells(count: int, rng: np.random.Generator) -> Cells:
    """Return cells of a county with a natural outline.

    Corners of a honeycomb are moved at random, and so is the middle of each side. Neighbours share corners and middles, so
    there is neither gap nor overlap. The cells nearest to the middle are kept, by a distance that varies smoothly with the
    direction: the county is of one piece.

    Args:
        count: How many cells.
        rng: The generator.
    """
    wide = int(np.ceil(np.sqrt(count * 2.4)))
    high = int(np.ceil(np.sqrt(count * 2.4)))
    lattice = [(2 * c + r % 2, 3 * r) for r in range(high) for c in range(wide)]
    places = np.array(lattice, dtype=float) * (np.sqrt(3) / 2 * CELL, CELL / 2)
    kept = np.sort(np.argsort(_outline_distance(places, rng), kind="stable")[:count])
    rings = _rings([lattice[i] for i in kept], rng)
    return Cells(places[kept], rings)


def _outline_distance(places: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return each place's distance from the middle, over a wavy radius."""
    away = (places - (places.min(axis=0) + places.max(axis=0)) / 2) / (1.25, 1.0)
    angle = np.arctan2(away[:, 1], away[:, 0])
    phase = rng.uniform(0, 2 * np.pi, 3)
    radius = 1 + sum(
        size * np.sin(k * angle + p) for size, k, p in zip((0.14, 0.1, 0.05), (2, 3, 5), phase, strict=True)
    )
    return np.asarray(np.hypot(away[:, 0], away[:, 1]) / radius)


def _rings(cells: list[tuple[int, int]], rng: np.random.Generator) -> tuple[tuple[Point, ...], ...]:
    """Return one ring a cell from shared corners and shared middles of sides."""
    around = ((0, 2), (-1, 1), (-1, -1), (0, -2), (1, -1), (1, 1))
    corners = [[(x + dx, y + dy) for dx, dy in around] for x, y in cells]
    moved: dict[tuple[int, int], NDArray[np.float64]] = {}
    for corner in sorted({c for ring in corners for c in ring}):
        # A quarter of a side keeps each cell a simple polygon.
        moved[corner] = np.array(corner) * (np.sqrt(3) / 2, 0.5) + rng.uniform(-0.25, 0.25, 2)
    sides = sorted({_side(ring[i - 1], ring[i]) for ring in corners for i in range(6)})
    middle = {side: (moved[side[0]] + moved[side[1]]) / 2 + rng.uniform(-0.09, 0.09, 2) for side in sides}
    rings = []
    for ring in corners:
        points = []
        for i in range(6):
            points += [_degrees(moved[ring[i]]), _degrees(middle[_side(ring[i], ring[(i + 1) % 6])])]
        rings.append((*points, points[0]))
    return tuple(rings)


def _side(a: tuple[int, int], b: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (a, b) if a < b else (b, a)


def _degrees(place: NDArray[np.float64]) -> Point:
    """Return longitude and latitude of a place given in sides of a cell."""
    east, north = place * CELL
    return round(WEST + float(east) * KILOMETRE_EAST, DIGITS), round(
        SOUTH + float(north) * KILOMETRE_NORTH, DIGITS
    )


def outline(rings: list[tuple[Point, ...]]) -> tuple[tuple[Point, ...], ...]:
    """Return the rings around a group of cells, holes included: the sides that only one cell has, chained.

    Args:
        rings: Closed rings of cells that share corners exactly, all anticlockwise.
    """
    own = {(a, b) for ring in rings for a, b in pairwise(ring)}
    # Three cells of a honeycomb meet at a corner, so at most one free side leaves it and the chain never forks.
    following = {a: b for a, b in own if (b, a) not in own}
    found = []
    while following:
        ring = [min(following)]
        while ring[-1] in following:
            ring.append(following.pop(ring[-1]))
        found.append(tuple(ring))
    return tuple(found)


def signed_area(ring: tuple[Point, ...]) -> float:
    """Return the area inside a closed ring in square degrees: positive where it runs anticlockwise, negative for a hole."""
    x, y = np.array(ring).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def group_by_nearness(places: NDArray[np.float64], count: int, rounds: int = 25) -> NDArray[np.int64]:
    """Return a group number for each place: compact groups around `count` centres (k-means).

    The first centre is the place furthest south-west, each next one the place furthest from all before, so nothing is random.

    Args:
        places: Coordinates, shape (n, 2).
        count: How many groups, at most n.
        rounds: How often centres move to the middle of their group; 25 settles a few hundred places.
    """
    first = int(places.sum(axis=1).argmin())
    centres = places[[first]]
    while len(centres) < count:
        gap = np.linalg.norm(places[:, None] - centres[None], axis=2).min(axis=1)
        centres = np.vstack([centres, places[gap.argmax()]])
    for _ in range(rounds):
        group = np.linalg.norm(places[:, None] - centres[None], axis=2).argmin(axis=1)
        centres = np.array(
            [places[group == k].mean(axis=0) if (group == k).any() else centres[k] for k in range(count)]
        )
    return np.asarray(np.linalg.norm(places[:, None] - centres[None], axis=2).argmin(axis=1), dtype=np.int64)
