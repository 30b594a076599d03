"""Outlines of larger areas, made by joining the shapes of the smaller ones in them. Positions only; nothing is known of areas here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote.methods.checks import IntArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAP_METRES = 10.0
"""A gap between parts that is nowhere wider than this is no hole. Coordinates rounded to four decimals of a degree, the coarsest that
are published, part neighbours by at most 11 m along one axis; no lake and no other area that a map shows is so narrow throughout."""

DEGREE_METRES = 111_195.0
"""Metres of a degree of latitude on the sphere of radius 6,371 km."""

DUST = 1e-12
"""Surface in square degrees, about a hundredth of a square metre, below which a piece comes from the rounding of numbers."""

WIDER, GROWTH = 1.5, 1.1
"""A gap that gains more than a tenth of its surface where the offset is half as wide again goes on wider than the rule allows."""

GRID = 1e-9
"""Step in degrees, a tenth of a millimetre, to which coordinates are rounded where pieces that were computed meet shapes: only then is
their union sure to be found."""

STRAIGHT = 5.0
"""Longest point that an offset line keeps at a corner, in widths of the offset: GEOS's own."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Outlines of groups of shapes.

    Attributes:
        outlines: One polygon or several for each group, in the order of the groups; None for a group without shapes.
        gaps: How many gaps were closed in each; shape (groups,).
    """

    outlines: NDArray[np.object_]
    gaps: IntArray


def join_shapes(shapes: Any, group: IntArray, groups: int) -> Joined:
    """Return the outline of each group of shapes.

    Neighbours drawn with the same vertices lose the lines between them and keep every vertex of the outline, so that outlines of
    two groups still meet. Where neighbours do not fit, their union is taken, and gaps between them that are nowhere wider than
    `GAP_METRES` are closed, holes as well as slits that open to the outside, unless a shape outside the group lies there. Wider
    holes, and islands, stay.

    Args:
        shapes: Valid polygons, or several each, in longitude and latitude; shape (n,). Not changed.
        group: Group of each shape, counted from 0; -1 for shapes of none, which gaps are not closed over; shape (n,).
        groups: How many groups there are.

    Returns:
        The outlines, and how many gaps were closed in each.

    Source: GEOS coverage union and validity (`shapely.coverage_union_all`, `shapely.coverage_is_valid`); closing of a shape by an
    offset outwards and back, Serra (1982) Image Analysis and Mathematical Morphology.
    """
    import shapely

    rounded = False
    tree: list[Any] = []  # made once, and only where a gap is found
    outlines = np.full(groups, None, dtype=object)
    gaps = np.zeros(groups, dtype=np.int64)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(groups + 1))
    for i in range(groups):
        rows = order[starts[i] : starts[i + 1]]
        if not len(rows):
            continue
        parts = shapes[rows]
        whole = _union(parts)
        if not _fits(parts):
            if not tree:
                tree.append(shapely.STRtree(shapes))
            others = _Others(tree[0], shapes, group, i)
            whole, gaps[i], on_grid = _closed(whole, parts, others)
            rounded |= on_grid
        outlines[i] = whole
    if rounded:  # all of them, so that they still meet
        outlines = shapely.set_precision(outlines, GRID)
    return Joined(outlines, gaps)


def _union(parts: NDArray[np.object_]) -> Any:
    """Return the union: the quick and exact one where neighbours share their vertices, else the careful one."""
    import shapely

    if shapely.coverage_is_valid(parts):
        return shapely.coverage_union_all(parts)
    try:
        return shapely.union_all(parts)
    except shapely.errors.GEOSException:
        return shapely.union_all(parts, grid_size=GRID)


def _fits(parts: NDArray[np.object_]) -> bool:
    """Return whether parts fit together without overlaps and without narrow gaps."""
    import shapely

    return bool(shapely.coverage_is_valid(_scaled(parts, _squeeze(parts)), gap_width=_gap()))


@dataclass(frozen=True, slots=True)
class _Others:
    """The shapes outside a group."""

    tree: Any
    shapes: NDArray[np.object_]
    group: IntArray
    own: int

    def take_from(self, pieces: NDArray[np.object_]) -> NDArray[np.object_]:
        """Return of each piece what no other shape covers."""
        left = pieces.copy()
        piece, other = self.tree.query(pieces, predicate="intersects")
        outside = self.group[other] != self.own
        for i, j in zip(piece[outside].tolist(), other[outside].tolist(), strict=True):
            left[i] = _less(left[i], self.shapes[j])
        return left


def _closed(whole: Any, parts: NDArray[np.object_], others: _Others) -> tuple[Any, int, bool]:
    """Return an outline whose narrow gaps are closed, how many these were, and whether its coordinates were rounded for it."""
    import shapely

    # Holes first: they go by leaving their ring out, so that all other vertices stay as they are.
    holes = _holes(whole)
    narrow = holes[_narrow(holes)]
    free = narrow[shapely.area(others.take_from(narrow)) > 0.5 * shapely.area(narrow)]
    whole = _without(whole, free)
    slits = _slits(whole, parts, others)
    if len(slits):
        try:
            whole = shapely.union_all([whole, *slits], grid_size=GRID)
        except shapely.errors.GEOSException:  # rather a slit than no outline
            return whole, len(free), False
        # Where a slit has met the outline on rounded coordinates, specks may be left between the two.
        specks = _holes(whole)
        whole = _without(whole, specks[shapely.area(specks) < DUST])
    return whole, len(free) + len(slits), len(slits) > 0


def _slits(whole: Any, parts: NDArray[np.object_], others: _Others) -> NDArray[np.object_]:
    """Return narrow gaps between parts that open to the outside: what an offset outwards and back adds between two of them."""
    import shapely

    squeeze = _squeeze(parts)
    scaled = _scaled(np.asarray([whole], dtype=object), squeeze)[0]
    pieces = _filled(scaled, _gap() / 2)
    if not len(pieces):
        return pieces
    # An inlet that grows with the offset goes on wider: the tip of an estuary, no gap.
    wider = shapely.union_all(_filled(scaled, WIDER * _gap() / 2))
    reach = shapely.get_parts(wider)
    piece, around = shapely.STRtree(reach).query(pieces, predicate="intersects")
    size = np.bincount(piece, weights=shapely.area(reach)[around], minlength=len(pieces))
    pieces = pieces[size <= GROWTH * shapely.area(pieces)]
    pieces = _scaled(pieces, 1 / squeeze)
    # A narrow inlet of one part is a coast; a gap lies between two.
    piece, _ = shapely.STRtree(parts).query(pieces, predicate="dwithin", distance=DUST**0.5)
    between = others.take_from(pieces[np.bincount(piece, minlength=len(pieces)) > 1])
    return _solid(between)


def _filled(shape: Any, half: float) -> NDArray[np.object_]:
    """Return the pieces that a shape gains by an offset outwards and back; no specks."""
    import shapely

    wide = shapely.buffer(shape, half, join_style="mitre", mitre_limit=STRAIGHT)
    back = shapely.buffer(wide, -half, join_style="mitre", mitre_limit=STRAIGHT)
    return _solid(np.asarray([_less(back, shape)], dtype=object))


def _solid(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the polygons in shapes that are no specks."""
    import shapely

    pieces = np.asarray(shapely.get_parts(shapes), dtype=object)
    solid = (shapely.get_type_id(pieces) == 3) & (shapely.area(pieces) >= DUST)
    return np.asarray(pieces[solid], dtype=object)


def _less(one: Any, other: Any) -> Any:
    """Return what of a shape another leaves: exactly, on rounded coordinates where that cannot be found, and nothing where neither can,
    so that what is not known is not filled."""
    import shapely

    for grid in (None, GRID):
        try:
            return shapely.difference(one, other, grid_size=grid)
        except shapely.errors.GEOSException:
            continue
    return shapely.Polygon()


def _narrow(holes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which holes are nowhere wider than the widest gap: they vanish when their edge moves inwards by half of it."""
    import shapely

    if not len(holes):
        return np.zeros(0, dtype=np.bool_)
    inner = shapely.buffer(_scaled(holes, _squeeze(holes)), -_gap() / 2)
    return np.asarray(shapely.is_empty(inner), dtype=np.bool_)


def _holes(whole: Any) -> NDArray[np.object_]:
    """Return the holes of an outline as polygons."""
    import shapely

    rings = [ring for polygon in getattr(whole, "geoms", [whole]) for ring in polygon.interiors]
    holes = np.empty(len(rings), dtype=object)
    holes[:] = [shapely.Polygon(ring) for ring in rings]
    return holes


def _without(whole: Any, holes: NDArray[np.object_]) -> Any:
    """Return an outline without some of its holes."""
    import shapely

    if not len(holes):
        return whole
    gone = {shapely.to_wkb(hole.exterior) for hole in holes}
    kept = [
        shapely.Polygon(
            polygon.exterior, [ring for ring in polygon.interiors if shapely.to_wkb(ring) not in gone]
        )
        for polygon in getattr(whole, "geoms", [whole])
    ]
    return kept[0] if len(kept) == 1 else shapely.MultiPolygon(kept)


def _gap() -> float:
    """Return the widest gap in degrees of latitude."""
    return GAP_METRES / DEGREE_METRES


def _squeeze(shapes: NDArray[np.object_]) -> float:
    """Return by what longitude is multiplied so that a step east is as long as one north: the cosine of the middle latitude."""
    import shapely

    _, south, _, north = shapely.total_bounds(shapes)
    return max(float(np.cos(np.radians((south + north) / 2))), 1e-3)


def _scaled(shapes: NDArray[np.object_], squeeze: float) -> NDArray[np.object_]:
    """Return shapes with their longitude multiplied."""
    import shapely

    return np.asarray(
        shapely.transform(shapes, lambda points: points * np.asarray([squeeze, 1.0])), dtype=object
    )
