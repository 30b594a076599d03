"""Maps and charts: shapes stay true and whole, everything given is escaped, classes end where they say."""

from __future__ import annotations

import re

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.publish.charts import Pair, paired_bars
from wardmote.publish.maps import (
    DETAIL,
    SHARES,
    TALLEST,
    WIDTH,
    MapArea,
    circle_key,
    draw_map,
    lay_out,
    path,
    radius,
)
from wardmote.publish.svg import tag
from wardmote.publish.telling import told_on, told_steps
from wardmote.study import IndexSpec
from wardmote.toy import make_county


def drawn_area(d: str) -> float:
    """Return the area that a path encloses, holes taken off."""
    total = 0.0
    for ring in d.split("z")[:-1]:
        start, _, steps = ring.lstrip("M").partition("l")
        points = np.cumsum([[float(x) for x in pair.split(",")] for pair in (start, *steps.split())], axis=0)
        x, y = points.T
        total += float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)
    return abs(total)


def test_a_path_encloses_what_the_shape_encloses() -> None:
    hole = shapely.Polygon([(0, 0), (100, 0), (100, 80), (0, 80)], [[(10, 10), (10, 30), (40, 30), (40, 10)]])
    two = shapely.MultiPolygon([hole, shapely.Polygon([(200, 0), (220, 0), (210, 20)])])
    assert drawn_area(path(hole)) == pytest.approx(hole.area)
    assert path(two).count("M") == 3
    assert path(two).count("z") == 3


def test_neighbours_still_touch_after_simplifying() -> None:
    county = make_county()
    rows = county.boundaries[county.boundaries["level"] == "patch25"]
    laid = lay_out(list(rows["area"]), list(rows["geometry"]))
    shapes = list(laid.shapes.values())
    assert len(shapes) == 360
    whole = shapely.union_all(shapes)
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0
    # No overlap: the areas add up to the whole, to rounding of sums of about 200,000 square units.
    assert shapely.area(shapes).sum() == pytest.approx(whole.area, rel=1e-9)
    exact = lay_out(list(rows["area"]), list(rows["geometry"])).frame
    assert exact == laid.frame
    assert max(laid.size) <= max(WIDTH, TALLEST + 4)
    assert DETAIL < 1


def test_a_kilometre_is_as_long_northwards_as_eastwards() -> None:
    """54° north: a degree of longitude is 65.4 km, of latitude 111.2 km (mean radius 6,371 km)."""
    box = shapely.box(2 - 0.5 / 65.4, 54 - 0.5 / 111.2, 2 + 0.5 / 65.4, 54 + 0.5 / 111.2)
    west, south, east, north = shapely.bounds(lay_out(["x"], [shapely.to_wkb(box)]).shapes["x"])
    assert (east - west) / (north - south) == pytest.approx(1, rel=2e-3)


def test_what_is_no_polygon_is_left_out() -> None:
    square = shapely.to_wkb(shapely.box(0, 50, 1, 51))
    laid = lay_out(
        ["a", "b", "c"], [square, shapely.to_wkb(shapely.Point(0, 50)), shapely.to_wkb(shapely.Polygon())]
    )
    assert list(laid.shapes) == ["a"]
    assert lay_out(["b"], [shapely.to_wkb(shapely.Point(0, 50))]).shapes == {}


@given(st.text(), st.text())
@settings(max_examples=50, deadline=None)
def test_no_text_breaks_out_of_a_drawing(label: str, title: str) -> None:
    square = shapely.to_wkb(shapely.box(0, 50, 1, 51))
    svg = draw_map(
        "m", title, label, lay_out(["a"], [square]), [MapArea("a", label, "c0")], names={"a": label}
    )
    chart = paired_bars("c", title, (label, title), [Pair(label, 0.5, 0.25, 0.2, 0.3)])
    for drawing in (svg, chart):
        tags = set(re.findall(r"</?([^\s>/]+)", drawing))
        assert tags <= {"svg", "title", "desc", "g", "path", "text", "circle", "rect"}
        assert drawing.count("<") == drawing.count(">")
    assert str(tag("p", label, title=title)).count("<") == (2 if label else 1)


def test_classes_end_where_their_words_say() -> None:
    assert [SHARES.place(x) for x in (0, 0.019, 0.02, 0.0999, 0.1, 0.2, 0.4, 1)] == [0, 0, 1, 1, 2, 3, 4, 4]
    assert len(SHARES.words()) == len(SHARES.breaks) + 1


def test_circles_grow_with_the_number_by_area() -> None:
    assert radius(8, 8) ** 2 / radius(2, 8) ** 2 == pytest.approx(4)
    assert circle_key({"a": 60, "b": 3}) == (1, 15, 60)
    assert circle_key({"a": 1}) == (1,)


def test_every_step_of_every_method_is_told() -> None:
    """Each method that a study may name has its words: a page never fails on a valid study."""
    steps = [
        {"do": "denominate", "by": "people"},
        {"do": "screen", "what": "areas", "min_available": 0.6},
        {"do": "shrink", "towards": "lad24"},
    ]
    for kind, field, needs in (("impute", "ImputeStep", {"within": "lad24"}), ("treat", "TreatStep", {}),
                               ("normalise", "NormaliseStep", {}), ("weigh", "WeighStep", {}),
                               ("aggregate", "AggregateStep", {})):  # fmt: skip
        schema = IndexSpec.model_json_schema()["$defs"][field]["properties"]["method"]["enum"]
        steps += [{"do": kind, "method": method, **needs} for method in schema]
    spec = IndexSpec.model_validate(
        {
            "tree": [{"node": "root"}],
            "steps": [{"id": f"s{i}", "on": "leaves", **step} for i, step in enumerate(steps)],
        }
    )
    told = told_steps(spec, lambda level: level)
    assert len(told) == len(steps)
    for sentence in told:
        assert sentence.startswith("Indicators: ")
        assert sentence.endswith(".")
        assert "{" not in sentence


def test_what_a_step_works_on_is_told_by_titles() -> None:
    titles = {"imd": "Deprivation", "income": "Income", "work": "Work"}
    assert told_on("children of imd", titles, "imd") == "Domains"
    assert told_on(["income", "work"], titles, "imd") == "Income and Work"
    assert told_on("leaves of income", titles, "imd") == "Indicators of Income"
    assert told_on("root", titles, "imd") == "The whole index"
