"""Neighbours on lattices, where every count is known, and on England's published boundaries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from wardmote import tables
from wardmote.areas import contiguity, nearest_neighbours
from wardmote.errors import InputError, MethodError


def lattice(rows: int, columns: int) -> tuple[pd.DataFrame, list[str]]:
    """Return unit squares near the equator, row by row."""
    boxes = [shapely.box(j, i, j + 1, i + 1) for i in range(rows) for j in range(columns)]
    codes = [f"A{i}{j}" for i in range(rows) for j in range(columns)]
    return boundaries(codes, [box.wkb for box in boxes]), codes


def boundaries(codes: list[str], shapes: list[bytes], level: str = "own") -> pd.DataFrame:
    n = len(codes)
    return tables.frame(
        "boundaries", {"level": [level] * n, "area": codes, "geometry": shapes, "source": ["s"] * n}
    )


@pytest.mark.parametrize(("rule", "edges"), [("rook", 5 * 3 + 4 * 4), ("queen", 5 * 3 + 4 * 4 + 2 * 4 * 3)])
def test_a_lattice_has_the_known_number_of_borders(rule: str, edges: int) -> None:
    """A lattice of r × c squares has r(c − 1) + c(r − 1) shared sides and 2(r − 1)(c − 1) shared corners more."""
    frame, codes = lattice(5, 4)
    found = contiguity(frame, codes, level="own", rule=rule)  # type: ignore[arg-type]  # parametrised words
    assert len(found.indices) == 2 * edges
    assert found.islands == ()
    assert set(found.of("A00")) == ({"A01", "A10"} if rule == "rook" else {"A01", "A10", "A11"})


def test_neighbours_follow_the_order_asked_for_and_go_both_ways() -> None:
    frame, codes = lattice(3, 3)
    straight, turned = (contiguity(frame, order, level="own") for order in (codes, codes[::-1]))
    for code in codes:
        assert set(straight.of(code)) == set(turned.of(code))
        assert all(code in straight.of(other) for other in straight.of(code))
    graph = straight.to_graph()
    assert graph.n == 9
    assert set(graph["A00"].index) == {"A01", "A10", "A11"}


def test_islands_are_named_and_invalid_shapes_mended() -> None:
    bowtie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [bowtie.wkb, shapely.box(1, 0, 2, 1).wkb, shapely.box(9, 9, 10, 10).wkb]
    found = contiguity(boundaries(["a", "b", "c"], shapes), ["a", "b", "c"], level="own")
    assert found.mended == 1
    assert found.islands == ("c",)
    assert found.of("a") == ("b",)
    alone = contiguity(boundaries(["a"], shapes[1:2]), ["a"], level="own")
    assert alone.islands == ("a",)


def test_mending_leaves_polygons_and_shapes_without_surface_are_refused() -> None:
    # A square with a spike: made valid, the spike is a line, which is no part of an area.
    spike = shapely.Polygon([(0, 0), (1, 0), (1, 1), (1, 2), (1, 1), (0, 1)])
    shapes = [spike.wkb, shapely.box(1, 0, 2, 1).wkb]
    found = contiguity(boundaries(["a", "b"], shapes), ["a", "b"], level="own")
    assert found.mended == 1
    assert found.of("a") == ("b",)
    for shape in (shapely.Point(0, 0), shapely.Polygon()):
        with pytest.raises(MethodError, match="shapes without a surface"):
            contiguity(boundaries(["a", "b"], [shapes[1], shape.wkb]), ["a", "b"], level="own")


def test_missing_boundaries_are_refused() -> None:
    frame, codes = lattice(2, 2)
    with pytest.raises(InputError, match=r"1 of 5 areas have no boundary\. Got Z"):
        contiguity(frame, [*codes, "Z"], level="own")


def test_nearest_neighbours_break_ties_by_code_whatever_the_order() -> None:
    frame, codes = lattice(1, 5)
    found = nearest_neighbours(frame, codes, level="own", count=2)
    assert [found.of(code) for code in codes[:3]] == [("A01", "A02"), ("A00", "A02"), ("A01", "A03")]
    turned = nearest_neighbours(frame, codes[::-1], level="own", count=2)
    assert all(found.of(code) == turned.of(code) for code in codes)
    with pytest.raises(MethodError, match="too few points"):
        nearest_neighbours(frame, codes, level="own", count=5)


def test_distance_is_measured_on_the_globe() -> None:
    # At 60° north a degree of longitude is half as long as one of latitude: b is nearer to a than c is.
    points = {"a": (0.0, 60.0), "b": (1.5, 60.0), "c": (0.0, 61.0)}
    shapes = [shapely.Point(x, y).buffer(0.01).wkb for x, y in points.values()]
    assert nearest_neighbours(boundaries(list(points), shapes), list(points), level="own", count=1).of(
        "a"
    ) == ("b",)


@pytest.mark.mirror
def test_the_north_east_hangs_together(mirror: Path) -> None:
    """Generalised LSOA 2021 boundaries of the North East (ONS, OGL): every neighbourhood borders on another.

    By planar graph theory a map of n areas has at most 3n − 6 pairs of neighbours by rook; a connected one at least n − 1.
    """
    lookup = pd.read_parquet(mirror / "geography" / "lookups" / "lookup_lsoa21_msoa21_lad22_rgn22_ew.parquet")
    codes = lookup.loc[lookup["RGN22CD"] == "E12000001", "LSOA21CD"].tolist()
    shapes = pq.read_table(
        mirror / "geography" / "boundaries_lsoa21.parquet", columns=["lsoa21_code", "geometry"]
    )
    frame = tables.frame(
        "boundaries",
        {
            "level": ["lsoa21"] * shapes.num_rows,
            "area": shapes["lsoa21_code"],
            "geometry": shapes["geometry"],
            "source": ["ons"] * shapes.num_rows,
        },
    )
    rook = contiguity(frame, codes, level="lsoa21", rule="rook")
    queen = contiguity(frame, codes, level="lsoa21")
    assert rook.islands == queen.islands == ()
    n = len(codes)
    assert n - 1 <= len(rook.indices) / 2 <= 3 * n - 6
    assert len(queen.indices) >= len(rook.indices)
    # The same counts as libpysal's own strict predicate (intersects), up to corners lost by generalising.
    strict = strict_pairs(frame, codes)
    assert abs(len(queen.indices) - strict) / strict < 0.001
    near = nearest_neighbours(frame, codes, level="lsoa21", count=8)
    assert np.array_equal(np.diff(near.indptr), np.full(n, 8))


def strict_pairs(frame: pd.DataFrame, codes: list[str]) -> int:
    shapes = frame.set_index("area")["geometry"].loc[codes]
    polygons = shapely.from_wkb(np.asarray(shapes.tolist(), dtype=object))
    tree = shapely.STRtree(polygons)
    one, other = tree.query(polygons, predicate="intersects")
    return int((one != other).sum())
