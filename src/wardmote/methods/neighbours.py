"""Who is next to whom: shapes that touch, and the nearest points on the globe. Positions only; nothing is known of areas here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray

Rule = Literal["queen", "rook"]
"""queen: shapes that share a point of their borders; rook: shapes that share a line."""

TIE = 1e-9
"""Relative difference of distances on the unit sphere that is taken for a tie: 6 mm on the ground, far below any boundary's truth."""


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Neighbours by position, in compressed rows.

    Attributes:
        indptr: Start of each shape's neighbours in ``indices``; shape (n + 1,).
        indices: Positions of neighbours, ascending within a shape (by nearness for nearest neighbours).
        islands: Positions of shapes without a neighbour.
        mended: How many invalid shapes were mended first.
    """

    indptr: IntArray
    indices: IntArray
    islands: IntArray
    mended: int = 0


def touching(geometry: Sequence[bytes | None], rule: Rule = "queen") -> Adjacency:
    """Return which shapes touch each other.

    Shapes touch where their borders share a vertex (queen) or an edge (rook), as in published boundaries, where neighbours are drawn
    with the same vertices. Invalid polygons are mended first (`shapely.make_valid`) and counted.

    Args:
        geometry: Polygons as WKB, one for each area, none empty; shape (n,).
        rule: queen or rook.

    Returns:
        Neighbours; the relation goes both ways and never to itself. One shape, or none, has no neighbours.

    Raises:
        MethodError: A shape is missing, empty, or not a polygon.

    Source: libpysal `Graph.build_contiguity`; Cliff and Ord (1973) for the names.
    """
    import geopandas as gpd
    import shapely
    from libpysal.graph import Graph

    shapes = shapely.from_wkb(np.asarray(geometry, dtype=object))
    shapes, mended = mend(shapes)
    # 3 and 6 are polygons and multipolygons; a missing shape has type -1.
    wrong = ~np.isin(shapely.get_type_id(shapes), (3, 6)) | shapely.is_empty(shapes)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise MethodError(
            Problem(
                "neighbours",
                f"shapes without a surface ({int(wrong.sum())} of them)",
                f"row {first + 1}",
                "polygons",
            )
        )
    if len(shapes) < 2:
        return Adjacency(
            np.zeros(len(shapes) + 1, dtype=np.int64),
            np.empty(0, dtype=np.int64),
            np.arange(len(shapes)),
            mended,
        )
    graph = Graph.build_contiguity(gpd.GeoSeries(shapes), rook=rule == "rook")
    matrix = graph.sparse.tocsr()
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return from_rows(matrix.indptr, matrix.indices, mended)


def from_rows(indptr: Any, indices: Any, mended: int = 0) -> Adjacency:
    """Return compressed rows as neighbours, with the islands found and nothing its own neighbour.

    Args:
        indptr: Start of each row, shape (n + 1,).
        indices: Positions.
        mended: Count to pass on.
    """
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    columns = np.asarray(indices, dtype=np.int64)
    other = rows != columns
    counts = np.bincount(rows[other], minlength=len(indptr) - 1)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Adjacency(starts, columns[other], np.flatnonzero(counts == 0), mended)


def mend(shapes: Any) -> tuple[Any, int]:
    """Return shapes with the invalid ones made valid, and how many there were.

    Args:
        shapes: Array of shapely geometries; not changed.
    """
    import shapely

    wrong = ~shapely.is_valid(shapes)
    if not wrong.any():
        return shapes, 0
    mended = shapes.copy()
    # "structure" without what collapses to lines and points: an area's shape stays polygons.
    mended[wrong] = shapely.make_valid(shapes[wrong], method="structure", keep_collapsed=False)
    return mended, int(wrong.sum())


def nearest_points(
    longitude: FloatArray, latitude: FloatArray, count: int, order: IntArray | None = None
) -> Adjacency:
    """Return the nearest points of each point, by great-circle distance.

    Distances are compared as chords of the unit sphere, which rise with great-circle distance, so no map projection is needed.

    Args:
        longitude: Degrees, shape (n,).
        latitude: Degrees, shape (n,).
        count: How many; below n.
        order: Rank of each point that breaks ties (for instance of its code), so that the order of rows does not matter; shape (n,).

    Returns:
        Neighbours, nearest first; points at the same distance (within `TIE`) by ``order``.

    Raises:
        MethodError: There are not more points than neighbours asked for, or a coordinate is missing.

    Source: chord length 2 sin(d / 2) of the central angle d; scipy `cKDTree`.
    """
    from scipy.spatial import cKDTree

    n = len(longitude)
    if not 0 < count < n:
        raise MethodError(
            Problem(
                "neighbours",
                "too few points",
                f"{n} points and {count} neighbours",
                "more points than neighbours",
            )
        )
    lon, lat = np.radians(longitude), np.radians(latitude)
    points = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    if not np.isfinite(points).all():
        raise MethodError(Problem("neighbours", "a coordinate is missing", expected="degrees"))
    # A few more than asked for, so that ties at the edge are broken by order and not by the tree.
    asked = min(n, count + 9)
    distance, found = cKDTree(points).query(points, k=asked)
    found = np.asarray(found, dtype=np.int64)
    rank = np.arange(n) if order is None else np.asarray(order)
    distance = np.where(found == np.arange(n)[:, None], -1.0, np.round(distance / TIE) * TIE)
    sorted_ = np.lexsort((rank[found], distance), axis=1)[:, 1 : count + 1]
    indices = np.take_along_axis(found, sorted_, axis=1)
    return Adjacency(np.arange(n + 1, dtype=np.int64) * count, indices.ravel(), np.empty(0, dtype=np.int64))
