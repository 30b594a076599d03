"""Which areas border on each other, and which are nearest, from their boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote.areas.lookups import arrow_columns, positions
from wardmote.errors import InputError, Problem
from wardmote.methods.checks import IntArray
from wardmote.methods.neighbours import Adjacency, Rule, mend, nearest_points, touching

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Neighbours of areas, in compressed rows over the areas' order.

    Attributes:
        level: Their level.
        areas: Codes, in the order that positions refer to.
        indptr: Start of each area's neighbours in ``indices``; shape (n + 1,).
        indices: Positions of neighbours.
        islands: Codes of areas without a neighbour.
        rule: queen, rook or nearest.
        mended: How many invalid shapes were mended first.
    """

    level: str
    areas: tuple[str, ...]
    indptr: IntArray
    indices: IntArray
    islands: tuple[str, ...]
    rule: Literal["queen", "rook", "nearest"]
    mended: int = 0

    def of(self, area: str) -> tuple[str, ...]:
        """Return the codes of an area's neighbours."""
        place = self.areas.index(area)
        return tuple(self.areas[other] for other in self.indices[self.indptr[place] : self.indptr[place + 1]])

    def to_graph(self) -> Any:
        """Return the neighbours as a libpysal `Graph` with weight 1, for the methods of PySAL."""
        from libpysal.graph import Graph
        from scipy.sparse import csr_array

        n = len(self.areas)
        matrix = csr_array((np.ones(len(self.indices)), self.indices, self.indptr), shape=(n, n))
        return Graph.from_sparse(matrix, ids=list(self.areas))


def contiguity(
    boundaries: pd.DataFrame, areas: Sequence[str], *, level: str, rule: Rule = "queen"
) -> Neighbours:
    """Return which areas border on each other.

    Args:
        boundaries: Table ``boundaries`` (WKB, EPSG:4326); other levels and areas are passed over.
        areas: Codes, in the order wanted.
        level: Their level.
        rule: queen (a shared point is enough) or rook (a shared line).

    Returns:
        Neighbours, the same both ways. Areas without a neighbour are listed as islands; invalid shapes are mended and counted.

    Raises:
        InputError: An area has no boundary.

    Source: libpysal `Graph.build_contiguity`.
    """
    adjacency = touching(_shapes(boundaries, areas, level), rule)
    return _named(adjacency, areas, level, rule)


def nearest_neighbours(
    boundaries: pd.DataFrame, areas: Sequence[str], *, level: str, count: int
) -> Neighbours:
    """Return the nearest areas of each area, by great-circle distance between the centroids of their shapes.

    Args:
        boundaries: Table ``boundaries`` (WKB, EPSG:4326).
        areas: Codes, in the order wanted.
        level: Their level.
        count: How many; below the number of areas.

    Returns:
        Neighbours, nearest first; at the same distance the smaller code first. The relation need not go both ways.

    Raises:
        InputError: An area has no boundary.
        MethodError: There are not more areas than neighbours asked for.

    Source: scipy `cKDTree` on the unit sphere.
    """
    import shapely

    shapes, mended = mend(shapely.from_wkb(_shapes(boundaries, areas, level)))
    centre = shapely.centroid(shapes)
    rank = np.argsort(np.argsort(np.asarray(areas, dtype=object)))
    adjacency = nearest_points(shapely.get_x(centre), shapely.get_y(centre), count, rank)
    adjacency = Adjacency(adjacency.indptr, adjacency.indices, adjacency.islands, mended)
    return _named(adjacency, areas, level, "nearest")


def _shapes(boundaries: pd.DataFrame, areas: Sequence[str], level: str) -> Any:
    """Return the WKB of each area in the order given."""
    columns = arrow_columns(boundaries[["level", "area", "geometry"]])
    chosen = pc.and_(pc.equal(columns["level"], level), pc.is_valid(columns["geometry"]))
    codes, shapes = columns["area"].filter(chosen), columns["geometry"].filter(chosen)
    place = positions(pa.array(list(areas), type=pa.string()), codes)
    missing = np.flatnonzero(place < 0)
    if len(missing):
        raise InputError(
            Problem(
                f"boundaries, level {level}",
                f"{len(missing):,} of {len(areas):,} areas have no boundary",
                got=areas[int(missing[0])],
                expected="a shape for every area",
                remedy="Add a source with boundaries of this level and vintage.",
            )
        )
    return shapes.take(pa.array(place)).to_numpy(zero_copy_only=False)


def _named(
    adjacency: Adjacency, areas: Sequence[str], level: str, rule: Literal["queen", "rook", "nearest"]
) -> Neighbours:
    islands = tuple(areas[int(place)] for place in adjacency.islands)
    return Neighbours(
        level, tuple(areas), adjacency.indptr, adjacency.indices, islands, rule, adjacency.mended
    )
