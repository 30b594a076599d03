"""Outlines made by joining parts: what the methods promise of holes, gaps and islands, and the stage of what it joins and leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, affinity, box

from wardmote.methods.outlines import DEGREE_METRES, join_shapes
from wardmote.outlines import OutlineTables, join_outlines
from wardmote.tables import frame

M = 1 / DEGREE_METRES
"""A metre as degrees of latitude; on the equator, where these shapes lie, of longitude too."""


def metres(*edges: float) -> Polygon:
    """Return a rectangle: west, south, east, north in metres."""
    return box(*(edge * M for edge in edges))


def ring(*points: tuple[float, float]) -> Polygon:
    return Polygon([(x * M, y * M) for x, y in points])


def joined(*shapes: Any, group: list[int] | None = None) -> tuple[Any, int]:
    """Return the first outline, and how many gaps were closed in it."""
    found = join_shapes(np.asarray(shapes, dtype=object), np.asarray(group or [0] * len(shapes)), 1)
    return found.outlines[0], int(found.gaps[0])


def holes(shape: Any) -> int:
    return sum(len(one.interiors) for one in getattr(shape, "geoms", [shape]))


def test_neighbours_that_fit_keep_their_outline_exactly_and_lose_the_line_between() -> None:
    whole, gaps = joined(metres(0, 0, 100, 100), metres(100, 0, 200, 100))
    assert whole.equals(metres(0, 0, 200, 100))
    assert gaps == 0


def test_a_wide_hole_stays_and_a_hair_thin_one_goes() -> None:
    frame_ = metres(0, 0, 300, 300).difference(metres(100, 100, 200, 200))
    lake, gaps = joined(
        *(frame_.intersection(half) for half in (metres(0, 0, 150, 300), metres(150, 0, 300, 300)))
    )
    assert holes(lake) == 1
    assert gaps == 0
    # The right one's edge bends away by a metre: what is left between them is no lake.
    left = metres(0, 0, 100, 100)
    right = ring((100, 0), (200, 0), (200, 100), (100, 100), (100, 80), (101, 50), (100, 20))
    sliver, gaps = joined(left, right)
    assert holes(sliver) == 0
    assert gaps == 1
    assert sliver.equals(metres(0, 0, 200, 100))


def test_hundreds_of_slivers_between_imperfect_neighbours_are_no_holes() -> None:
    rng = np.random.default_rng(7)
    edge = [(0.0, float(y)) for y in range(0, 4001, 10)]

    def drawn(side: int) -> Polygon:
        # Each neighbour rounds the points of their common border for itself, up to a metre and a half off.
        shaken = [(x + float(rng.uniform(-1.5, 1.5)), y) for x, y in edge[1:-1]]
        return ring((side * 500, 0), (0, 0), *shaken, (0, 4000), (side * 500, 4000))

    left, right = drawn(-1), drawn(1)
    assert holes(shapely.union_all([left, right])) > 50
    whole, gaps = joined(left, right)
    assert whole.geom_type == "Polygon"
    assert holes(whole) == 0
    assert gaps > 50


def test_a_gap_that_parts_neighbours_all_along_or_opens_to_the_outside_is_closed() -> None:
    left = metres(0, 0, 100, 100)
    for right in (metres(102, 0, 200, 100), ring((101, 0), (200, 0), (200, 100), (100, 100))):
        whole, gaps = joined(left, right)
        assert whole.geom_type == "Polygon"
        assert gaps == 1
        assert whole.symmetric_difference(metres(0, 0, 200, 100)).area < 1e-3 * M**2 * 1e4


def test_islands_and_a_wide_strait_and_an_estuary_stay() -> None:
    assert joined(metres(0, 0, 100, 100), metres(130, 0, 200, 100))[0].geom_type == "MultiPolygon"
    # Two banks meet at a point and part to 60 m: nowhere is that a gap between neighbours.
    south = ring((0, 0), (200, 0), (200, 50), (100, 50), (0, 50))
    estuary = (
        ring((0, 50), (100, 50), (70, 100), (0, 100)),
        ring((100, 50), (200, 50), (200, 100), (130, 100)),
    )
    whole, gaps = joined(south, *estuary)
    assert gaps == 0
    assert whole.equals(shapely.union_all([south, *estuary]))


def test_no_gap_is_closed_over_another_area() -> None:
    left, right = metres(0, 0, 100, 100), metres(104, 0, 200, 100)
    between = metres(100, 0, 104, 100)
    whole, gaps = joined(left, right, between, group=[0, 0, -1])
    assert gaps == 0
    assert not whole.intersection(between).area


def test_outlines_of_two_groups_meet_in_the_same_points() -> None:
    cells = np.asarray([box(x, y, x + 1, y + 1) for x in range(4) for y in range(3)], dtype=object)
    found = join_shapes(cells, np.repeat([0, 1], 6), 2)
    assert shapely.coverage_is_valid(found.outlines)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_whatever_is_joined_is_valid_and_covers_its_parts(seed: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = np.asarray(
        [
            box(x * M * 100, y * M * 100, (x + 1) * M * 100, (y + 1) * M * 100)
            for x in range(6)
            for y in range(6)
        ],
        dtype=object,
    )
    # Each for itself, as neighbours that were simplified apart from each other.
    corners = [shapely.get_coordinates(one)[:-1] for one in shapes]
    shaken = np.asarray([Polygon(one + rng.normal(0, 1.5 * M, one.shape)) for one in corners], dtype=object)
    shaken = shaken[shapely.is_valid(shaken)]
    group = rng.integers(-1, groups, len(shaken))
    found = join_shapes(shaken, group, groups)
    for i, outline in enumerate(found.outlines):
        if outline is None:
            assert not (group == i).any()
            continue
        assert outline.is_valid
        assert outline.geom_type in {"Polygon", "MultiPolygon"}
        parts = shapely.union_all(shaken[group == i])
        assert parts.difference(outline.buffer(0.01 * M)).area < 1e-15


# ---- the stage


def study(
    shapes: dict[str, dict[str, Any]],
    links: list[tuple[str, str, str, str, float]],
    extra: dict[str, list[str]] | None = None,
    **options: Any,
) -> OutlineTables:
    """Return what the stage makes of shapes by level and code, and of links (level, area, parent level, parent, weight)."""
    known: dict[str, set[str]] = {level: set(codes) for level, codes in (extra or {}).items()}
    for level, area, above, parent, _ in links:
        known.setdefault(level, set()).add(area)
        known.setdefault(above, set()).add(parent)
    places = [(level, code) for level, codes in known.items() for code in sorted(codes)]
    areas = frame("areas", {"level": [a for a, _ in places], "area": [b for _, b in places]})
    names = ("level", "area", "parent_level", "parent", "weight")
    memberships = frame("memberships", {name: [one[i] for one in links] for i, name in enumerate(names)})
    rows = [(level, code, shape) for level, found in shapes.items() for code, shape in found.items()]
    boundaries = frame(
        "boundaries",
        {
            "level": [row[0] for row in rows],
            "area": [row[1] for row in rows],
            "geometry": [None if row[2] is None else shapely.to_wkb(row[2]) for row in rows],
            "source": [f"of-{row[0]}" for row in rows],
        },
    )
    return join_outlines(boundaries, areas, memberships, **options)


def cells(count: int) -> dict[str, Any]:
    return {f"s{i}": box(i, 50, i + 1, 51) for i in range(count)}


def told(tables: OutlineTables) -> str:
    return " ".join(tables.findings["sentence"])


def in_halves(level: str, codes: list[str], above: str) -> list[tuple[str, str, str, str, float]]:
    return [(level, code, above, "ab"[2 * i // len(codes)], 1.0) for i, code in enumerate(codes)]


def test_a_level_without_shapes_is_joined_from_the_coarsest_that_fits() -> None:
    small, middle = cells(8), {f"m{i}": box(2 * i, 50, 2 * i + 2, 51) for i in range(4)}
    links = [("small", f"s{i}", "middle", f"m{i // 2}", 1.0) for i in range(8)]
    links += in_halves("small", list(small), "large") + in_halves("middle", list(middle), "large")
    made = study({"small": small, "middle": middle}, links)
    rows = made.boundaries.set_index("area")
    assert rows["joined_from"].tolist() == ["middle"] * 2
    assert rows["parts"].tolist() == [2, 2]
    assert rows["source"].tolist() == ["of-middle"] * 2
    assert shapely.from_wkb(rows.loc["a", "geometry"]).equals(box(0, 50, 4, 51))
    # Where one of the middle ones lies in both, the small ones make up more.
    split = [link for link in links if link[:2] != ("middle", "m1")]
    split += [("middle", "m1", "large", "a", 0.5), ("middle", "m1", "large", "b", 0.5)]
    rows = study({"small": small, "middle": middle}, split).boundaries
    assert rows["joined_from"].tolist() == ["small"] * 2
    assert rows["parts"].tolist() == [4, 4]


def test_an_area_with_a_part_whose_shape_is_null_has_no_outline() -> None:
    small = cells(8)
    made = study({"small": {**small, "s6": None}}, in_halves("small", list(small), "large"))
    assert made.boundaries["area"].tolist() == ["a"]
    assert "have no shape" in told(made)
    assert not len(
        study({"small": dict.fromkeys(small)}, in_halves("small", list(small), "large")).boundaries
    )


def test_levels_are_joined_from_each_other_up_to_the_largest() -> None:
    links = [("small", f"s{i}", "middle", f"m{i // 2}", 1.0) for i in range(8)]
    links += in_halves("middle", [f"m{i}" for i in range(4)], "large")
    made = study({"small": cells(8)}, links).boundaries
    assert made["level"].tolist() == ["middle"] * 4 + ["large"] * 2
    assert made["joined_from"].tolist() == ["small"] * 4 + ["middle"] * 2
    assert set(made["source"]) == {"of-small"}


def test_what_is_not_wholly_covered_is_left_out_and_said() -> None:
    small = cells(8)
    del small["s1"]
    links = [
        (*link[:3], "abcd"[i // 2], 1.0)
        for i, link in enumerate(in_halves("small", [f"s{i}" for i in range(8)], "large"))
    ]
    links[3] = ("small", "s3", "large", "b", 0.6)
    links += [("small", "s3", "large", "c", 0.4)]
    made = study({"small": small}, links, {"large": ["e"]})
    assert made.boundaries["area"].tolist() == ["d"]
    assert "one area has an outline made by joining the two areas in it." in told(made)
    for part in ("two areas: some of the areas in them lie there only in part",
                 "one area: some of the areas in it have no shape",
                 "one area: none of the areas lie in it"):  # fmt: skip
        assert f"No outline was made of {part}." in told(made)


def test_levels_with_shapes_of_their_own_points_and_levels_that_nobody_asked_for_get_no_outline() -> None:
    links = in_halves("small", [f"s{i}" for i in range(4)], "large")
    own = {"small": cells(4), "large": {"a": box(0, 50, 2, 51)}}
    assert not len(study(own, links).boundaries)
    assert not len(study({"small": cells(4)}, links, wanted=["small"]).boundaries)
    points = {code: shape.centroid for code, shape in cells(4).items()}
    made = study({"small": points}, links)
    assert not len(made.boundaries)
    assert "have no shape" in told(made)
    nothing = join_outlines(None, frame("areas", {"level": [], "area": []}), frame("memberships", {}))
    assert not len(nothing.boundaries)
    assert not len(nothing.findings)


def test_shapes_that_cross_themselves_are_mended_and_counted_and_the_order_of_rows_changes_nothing() -> None:
    bow = Polygon([(0, 50), (1, 51), (1, 50), (0, 51)])
    small = {**cells(4), "s0": bow}
    links = in_halves("small", list(small), "large")
    made = study({"small": small}, links)
    assert "shapes that cross themselves were mended: one area." in told(made)
    assert shapely.is_valid(shapely.from_wkb(made.boundaries["geometry"].to_list())).all()
    turned = study({"small": dict(reversed(small.items()))}, links[::-1])
    pd.testing.assert_frame_equal(made.boundaries, turned.boundaries)


@pytest.mark.parametrize("latitude", [0, 53, 70])
def test_a_gap_is_as_wide_in_metres_wherever_it_lies(latitude: float) -> None:
    """Eight metres are closed and sixteen are not, east to west and north to south."""
    squeeze = np.cos(np.radians(latitude))
    for gap, closes in ((8.0, True), (16.0, False)):
        east = metres(0, 0, 300, 300), metres(300 + gap, 0, 600, 300)
        north = metres(0, 0, 300, 300), metres(0, 300 + gap, 300, 600)
        for pair in (east, north):
            there = [
                affinity.translate(affinity.scale(one, 1 / squeeze, 1, origin=(0, 0)), 0, latitude)
                for one in pair
            ]
            assert (joined(*there)[0].geom_type == "Polygon") == closes
