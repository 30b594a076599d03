"""Areas of one's own that are drawn, lie around a place, or come from a file: which places belong, and what the address keeps."""

from __future__ import annotations

import datetime
import json
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np
import pandas as pd
import pytest
import shapely

from wardmote.publish import places, publish_site
from wardmote.publish.points import STEPS, steps
from wardmote.publish.serve import make_server
from wardmote.study import PostcodeSpec, Study
from wardmote.tables import TABLES
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)
SCRIPT = Path(places.__file__).parent / "assets" / "js" / "geometry.js"
"""The geometry of the pages."""


def read_script(path: Path) -> Any:
    """Return the content of a file of data that pages load as a script."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


def degrees(told: list[int | None]) -> list[float]:
    """Return degrees from the steps of a file, NaN for none."""
    at, found = 0, []
    for one in told:
        at += one or 0
        found.append(math.nan if one is None else at / STEPS)
    return found


def points_in(site: Path, level: str = "patch25") -> dict[str, tuple[float, float]]:
    """Return the points of a level by code."""
    file = read_script(site / "data" / "points" / f"{level}.js")
    codes = read_script(site / "data" / "columns" / level / "codes.js")["codes"]
    both = zip(degrees(file["lon"]), degrees(file["lat"]), strict=True)
    return {code: point for code, point in zip(codes, both, strict=True) if not math.isnan(point[0])}


@pytest.fixture(scope="module")
def site(page: Path) -> Path:
    """Return the folder of the county's site."""
    return page.parent


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = make_server(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def of_pages(study: Study, *pages: str) -> Study:
    return study.model_copy(update={"publish": study.publish.model_copy(update={"pages": list(pages)})})


# ---- the files of points


def test_steps_are_the_degrees_again_and_nothing_stays_nothing() -> None:
    given = np.array([-0.12345, math.nan, 1.65537, -179.99996, math.nan, 180.0])
    told = steps(given)
    assert told[1] is None
    assert told[4] is None
    back = np.array(degrees(told))
    assert np.isnan(back[[1, 4]]).all()
    known = [0, 2, 3, 5]
    assert np.abs(back[known] - given[known]).max() <= 0.5 / STEPS + 1e-9


def test_each_level_with_shapes_has_a_point_in_each_shape(site: Path, workspace: Workspace) -> None:
    shapes = workspace.read("boundaries")
    index = read_script(site / "data" / "points.js")["levels"]
    assert [(one["level"], one["places"], one["left_out"]) for one in index] == [
        ("patch25", 360, 0),
        ("borough25", 6, 0),
        ("part25", 2, 0),  # outlines that were joined have points as well
    ]
    for one in index:
        known = points_in(site, one["level"])
        assert len(known) == one["places"]
        rows = shapes[shapes["level"] == one["level"]]
        for code, geometry in zip(rows["area"], rows["geometry"], strict=True):
            assert shapely.from_wkb(geometry).contains(shapely.Point(known[code])), code


def test_a_place_without_a_shape_has_no_point_and_the_page_says_how_many_are_left_out(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    frames = {name: workspace.read(name) for name in TABLES}
    shapes = frames["boundaries"]
    gone = {"T01000001", "T01000359"}
    frames["boundaries"] = shapes[~shapes["area"].isin(gone)].reset_index(drop=True)
    out = publish_site(frames, of_pages(study, "find"), tmp_path / "site", built=DAY).parent
    index = read_script(out / "data" / "points.js")["levels"]
    assert (index[0]["level"], index[0]["left_out"]) == ("patch25", 2)
    assert set(points_in(out)) == set(frames["areas"].query("level == 'patch25'")["area"]) - gone
    told = "leave out 2 of 360 neighbourhoods for which no middle point is known"
    assert told in (out / "find.html").read_text(encoding="utf-8")


def test_a_study_s_own_points_are_taken_as_they_are(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    frames = {name: workspace.read(name) for name in TABLES}
    shapes = frames["boundaries"].copy()
    shapes.loc[shapes["area"] == "T01000001", "geometry"] = shapely.to_wkb(shapely.Point(1.9, 54.2))
    out = publish_site(
        {**frames, "boundaries": shapes}, of_pages(study, "find"), tmp_path / "site", built=DAY
    )
    assert points_in(out.parent)["T01000001"] == (1.9, 54.2)


def test_where_shapes_may_not_be_published_there_are_no_points_and_no_such_ways(
    workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    """A point of a closed shape would give part of it away."""
    frames = {name: workspace.read(name) for name in TABLES}
    frames["boundaries"] = frames["boundaries"].iloc[:0]
    out = publish_site(frames, of_pages(study, "find"), tmp_path / "site", built=DAY).parent
    assert read_script(out / "data" / "points.js") == {"levels": []}
    assert not (out / "data" / "points").exists()
    page = (out / "find.html").read_text(encoding="utf-8")
    assert 'id="custom-form"' in page
    assert 'id="near-form"' not in page
    assert 'id="file-form"' not in page


def test_a_changed_figure_neither_writes_nor_works_out_points_again(
    workspace: Workspace, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wardmote.publish import points

    some = of_pages(study, "find")
    frames = {name: workspace.read(name) for name in TABLES}
    out = publish_site(frames, some, tmp_path / "site", built=DAY).parent
    files = [out / "data" / "points.js", *sorted((out / "data" / "points").iterdir())]
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files]

    def refused(*_: object) -> None:
        raise AssertionError("points were worked out again")

    with monkeypatch.context() as patch:
        patch.setattr(points, "label_points", refused)
        scores = frames["scores"].copy()
        scores.loc[scores.index[200], ["decile", "rank"]] = [9, 321]
        areas = frames["areas"].copy()
        areas.loc[areas.index[7], "population"] = 4321
        publish_site({**frames, "scores": scores, "areas": areas}, some, out, built=DAY)
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files] == before
    shapes = frames["boundaries"].copy()
    shapes.loc[shapes["area"] == "T01000001", "geometry"] = shapely.to_wkb(shapely.Point(1.9, 54.2))
    publish_site({**frames, "boundaries": shapes}, some, out, built=DAY)
    assert points_in(out)["T01000001"] == (1.9, 54.2)


def test_points_of_a_workspace_are_known_by_its_ledger_without_reading_shapes(
    workspace: Workspace, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wardmote.publish import points

    some = of_pages(study, "find")
    out = publish_site(workspace, some, tmp_path / "site", built=DAY).parent
    monkeypatch.setattr(points, "_points_of", None)
    other = some.model_copy(update={"publish": some.publish.model_copy(update={"contact": "Ask."})})
    publish_site(workspace, other, out, built=DAY)
    assert len(points_in(out)) == 360


# ---- the geometry, by itself


@pytest.fixture
def geometry(browser: Any) -> Iterator[Any]:
    """Return a function that asks the pages' geometry, on an empty page."""
    context = browser.new_context()
    tab = context.new_page()
    tab.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))
    yield lambda name, *given: tab.evaluate(
        "([name, given]) => wardmote.geometry[name](...given)", [name, list(given)]
    )
    context.close()


SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
HOLE = [[1, 1], [1, 3], [3, 3], [3, 1], [1, 1]]


@pytest.mark.browser
def test_distances_are_those_of_a_sphere(geometry: Any) -> None:
    """A quarter of a meridian, two sides of the date line, and London to Edinburgh (published: about 534 km)."""
    quarter = math.pi * 6371.0088 / 2
    assert geometry("distance", [0, 0], [0, 90]) == pytest.approx(quarter, rel=1e-12)
    assert geometry("distance", [0, 0], [180, 0]) == pytest.approx(2 * quarter, rel=1e-12)
    assert geometry("distance", [179.9, 0], [-179.9, 0]) == pytest.approx(quarter / 450, rel=1e-9)
    assert geometry("distance", [1.5, 54], [1.5, 54]) == 0
    assert geometry("distance", [-0.1276, 51.5072], [-3.1883, 55.9533]) == pytest.approx(534, abs=1)
    points = [[0, 0], None, [0, 0.5], [0, 2]]
    assert geometry("within", [0, 0], 60, points) == [0, 2]


@pytest.mark.browser
def test_points_lie_in_polygons_as_shapely_says(geometry: Any) -> None:
    """Random polygons with many corners, holes, several parts, unclosed rings, points at the height of corners."""
    assert geometry("inside", [[SQUARE, HOLE]], [[2, 2], [0.5, 0.5], [5, 5], None, [3.5, 1]]) == [1, 4]
    # An island in the lake is a polygon of its own.
    island = [[1.5, 1.5], [2.5, 1.5], [2.5, 2.5], [1.5, 2.5]]
    assert geometry("inside", [[SQUARE, HOLE], [island]], [[2, 2], [1.2, 2], [0.5, 2]]) == [0, 2]
    random = np.random.default_rng(7)
    shapes = []
    for middle in ([0, 0], [3, 1], [0.5, 0.4]):
        turn = np.sort(random.uniform(0, 2 * np.pi, 60))
        reach = random.uniform(0.6, 1.4, 60)
        ring = np.column_stack([np.cos(turn) * reach, np.sin(turn) * reach]).round(2) + middle
        shapes.append([ring.tolist(), (np.array(middle) + (ring - middle) * 0.3).tolist()])
    # Points and corners on one grid: many lie exactly at the height of a corner.
    points = random.uniform(-2, 5, (3000, 2)).round(2)
    known = [shapely.Polygon(outer, [hole]) for outer, hole in shapes]
    where = shapely.points(points)
    on_a_line = np.any([shapely.distance(one.boundary, where) < 1e-9 for one in known], axis=0)
    expected = np.any([shapely.contains(one, where) for one in known], axis=0)
    found = set(geometry("inside", shapes, points.tolist()))
    assert {row for row in np.flatnonzero(~on_a_line).tolist() if row in found} == set(
        np.flatnonzero(expected & ~on_a_line).tolist()
    )


@pytest.mark.browser
def test_a_line_that_crosses_itself_is_known_and_lines_come_back_from_addresses(geometry: Any) -> None:
    assert geometry("crosses", [[0, 0], [2, 2], [2, 0], [0, 2]]) is True
    assert geometry("crosses", [[0, 0], [2, 0], [2, 2], [0, 2]]) is False
    corners = [[-1.5, 54.1234], [1.25, 54], [0.3333, 53.9]]
    assert geometry("writeLine", corners) == "-1.5,54.1234,1.25,54,0.3333,53.9"
    assert geometry("readLine", "-1.5,54.1234,1.25,54,0.3333,53.9") == corners
    far = ",".join(["1,1", "2,1", "2,2"] * 34)
    for wrong in (
        "",
        "1,2",
        "1,2,3,4,5",
        "1,2,3,4,x,6",
        "1,2,3,4,5,91",
        "1,2,3,4,181,6",
        "0,0,2,2,2,0,0,2",
        far,
        "1,2,,3,4,5",
    ):
        assert geometry("readLine", wrong) is None, wrong


DEGREES = (
    "EPSG:4326",
    "urn:ogc:def:crs:EPSG::4326",
    "http://www.opengis.net/def/crs/EPSG/0/4326",
    "urn:ogc:def:crs:EPSG::4258",  # of Europe: less than a metre from the world's
)
"""Names of systems of longitude and latitude."""


def collection(*geometries: Any) -> dict[str, Any]:
    features = [{"type": "Feature", "properties": {"name": "x"}, "geometry": one} for one in geometries]
    return {"type": "FeatureCollection", "features": features}


@pytest.mark.browser
def test_geojson_of_every_kind_is_read_and_what_is_none_is_told_apart(geometry: Any) -> None:
    polygon = {"type": "Polygon", "coordinates": [SQUARE, HOLE]}
    several = {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [SQUARE]]}
    point = {"type": "Point", "coordinates": [1, 2]}
    metres = {"type": "Polygon", "coordinates": [[[530000, 180000], [531000, 180000], [531000, 181000]]]}
    grid = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}
    degrees_ = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    deep: Any = polygon
    for _ in range(50):
        deep = {"type": "GeometryCollection", "geometries": [deep]}
    good: list[tuple[Any, int]] = [
        (polygon, 1),
        (several, 2),
        ({"type": "Feature", "properties": None, "geometry": polygon}, 1),
        (collection(polygon, several, None, point), 3),
        ({"type": "GeometryCollection", "geometries": [point, several]}, 2),
        ({**polygon, "crs": degrees_}, 1),
        *(({**polygon, "crs": {"type": "name", "properties": {"name": name}}}, 1) for name in DEGREES),
        ({"type": "Polygon", "coordinates": [[[0, 0, 7], [4, 0, 7], [4, 4, 7]]]}, 1),  # with heights
        # Without coordinates a shape is none (RFC 7946, section 3.1): one such row does not spoil a file.
        (collection({"type": "Polygon", "coordinates": []}, polygon), 1),
        (collection({"type": "MultiPolygon", "coordinates": [[], [SQUARE]]}), 1),
    ]
    for content, count in good:
        for text in (json.dumps(content), "\ufeff" + json.dumps(content)):
            assert len(geometry("readGeoJson", text)["polygons"]) == count, text
    bad: list[tuple[Any, str]] = [
        (metres, "metres"),
        ({**polygon, "crs": grid}, "metres"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [0, 90.1], [1, 1]]]}, "metres"),
        (point, "empty"),
        (collection(), "empty"),
        (collection({"type": "Polygon", "coordinates": []}), "empty"),
        ({"type": "Topology", "objects": {}}, "other"),
        ({"type": "Polygon"}, "broken"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "broken"),
        ({"type": "Polygon", "coordinates": [[[0, 0], ["1", 1], [2, 2]]]}, "broken"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [None, 1], [2, 2]]]}, "broken"),
        ({"type": "MultiPolygon", "coordinates": 7}, "broken"),
        ({"type": "FeatureCollection", "features": "none"}, "broken"),
        ({"type": "Feature", "geometry": "none"}, "broken"),
        (deep, "broken"),
        ([], "other"),
        (7, "other"),
        (None, "other"),
    ]
    for content, problem in bad:
        assert geometry("readGeoJson", json.dumps(content)) == {"problem": problem}, content
    for text in ("", "<kml/>", "{", "[" * 100_000):
        assert geometry("readGeoJson", text) == {"problem": "other"}, text[:20]


# ---- the page


def people_of(workspace: Workspace, codes: set[str]) -> str:
    areas = workspace.read("areas").set_index("area")
    return f"{len(codes)} neighbourhoods, {int(areas.loc[sorted(codes), 'population'].sum()):,} people."


def shown_codes(tab: Any) -> set[str]:
    """Return the codes that are added up, once they are."""
    tab.wait_for_selector("#custom-result .headline")
    return set(tab.input_value("#codes").split())


def distances(site: Path, code: str) -> dict[str, float]:
    """Return kilometres from a place to all, by the formula as books have it."""
    known = points_in(site)
    lon, lat = (np.radians(column) for column in np.array(list(known.values())).T)
    at = np.radians(known[code])
    part = np.sin((lat - at[1]) / 2) ** 2 + np.cos(lat) * np.cos(at[1]) * np.sin((lon - at[0]) / 2) ** 2
    return dict(zip(known, (2 * 6371.0088 * np.arcsin(np.sqrt(part))).tolist(), strict=True))


@pytest.mark.browser
def test_all_places_around_one_are_found_by_keyboard_and_the_address_shows_them_again(
    browser: Any, address: str, site: Path, workspace: Workspace
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda one: asked.append(one.url))
    tab.goto(f"{address}/find.html")
    tab.wait_for_load_state("networkidle")
    assert not [url for url in asked if "data/points" in url]  # only when they are asked for
    tab.focus("#near")
    tab.keyboard.type("T01000007")
    tab.keyboard.press("Tab")
    tab.keyboard.type("2.5")
    tab.keyboard.press("Enter")
    found = shown_codes(tab)
    assert found == {code for code, far in distances(site, "T01000007").items() if far <= 2.5}
    assert 3 < len(found) < 100
    assert people_of(workspace, found) in tab.inner_text("#custom-result .headline")
    rule = tab.inner_text("#custom-came")
    assert "neighbourhoods whose middle point lies within 2.5 km of the middle point of " in rule
    assert "(T01000007)" in rule
    assert tab.evaluate("document.activeElement.id") == "custom-result"
    state = parse_qs(tab.url.partition("#")[2])
    assert state == {"km": ["2.5"], "of": ["T01000007"], "level": ["patch25"], "how": ["near"]}
    assert (
        tab.get_by_text("The address of this area").get_attribute("href") == f"#{tab.url.partition('#')[2]}"
    )
    other = context.new_page()
    other.goto(tab.url)
    assert shown_codes(other) == found
    assert other.inner_text("#custom-came") == rule
    assert (other.input_value("#near"), other.input_value("#km")) == ("T01000007", "2.5")
    # Codes that somebody changes came by no rule any more.
    other.fill("#codes", "T01000007")
    other.click("#custom-form button")
    other.wait_for_url(re.compile("#codes=T01000007$"))
    other.locator("#custom-result .headline", has_text="1 neighbourhood,").wait_for()
    assert other.locator("#custom-came").count() == 0
    context.close()


@pytest.mark.browser
def test_names_that_fit_several_places_are_offered_and_mistakes_are_told_beside_their_fields(
    tab: Any, address: str
) -> None:
    tab.goto(f"{address}/find.html")
    tab.click("#near-form button")
    assert tab.inner_text("#near-problem") == "Type a place: a name or a code."
    assert tab.inner_text("#km-problem") == "Type a number of kilometres above 0 and up to 1,000."
    assert tab.evaluate("document.activeElement.id") == "near"
    tab.fill("#near", "foskgate")
    for wrong in ("0", "-3", "1001", "1e9"):
        tab.fill("#km", wrong)
        tab.click("#near-form button")
        assert tab.get_attribute("#km", "aria-invalid") == "true", wrong
        assert tab.get_attribute("#near", "aria-invalid") is None
    tab.fill("#km", "1")
    tab.click("#near-form button")
    choice = tab.locator("#near-choices button").first
    choice.wait_for()
    code = re.findall(r"T01\d+", choice.inner_text())[0]
    choice.click()
    assert code in shown_codes(tab)
    assert tab.locator("#near-choices button").count() == 0
    # A place of a larger level is a middle too; one without a point is none.
    tab.fill("#near", "T03000001")
    tab.click("#near-form button")
    tab.locator("#custom-came", has_text="Copperlow (T03000001)").wait_for()
    tab.fill("#near", "<b>nowhere</b>")
    tab.click("#near-form button")
    tab.locator(
        "#near-problem", has_text="No place with a middle point was found for “<b>nowhere</b>”."
    ).wait_for()
    assert tab.locator("#near-problem b").count() == 0
    assert not tab.inner_text("#custom-result")


def put(tab: Any, content: Any, name: str = "area.geojson") -> None:
    """Choose a file and ask what lies in it."""
    text = content if isinstance(content, str) else json.dumps(content)
    tab.set_input_files(
        "#geojson", {"name": name, "mimeType": "application/geo+json", "buffer": text.encode()}
    )
    tab.click("#file-form button")


@pytest.mark.browser
def test_a_file_with_a_hole_gives_the_places_inside_and_never_leaves_the_browser(
    browser: Any, address: str, site: Path, workspace: Workspace
) -> None:
    known = points_in(site)
    outer = [[1.7, 54.1], [2.2, 54.1], [2.2, 54.3], [1.7, 54.3], [1.7, 54.1]]
    hole = [[1.9, 54.15], [2.0, 54.15], [2.0, 54.25], [1.9, 54.25], [1.9, 54.15]]
    whole = shapely.Polygon(outer, [hole])
    expected = {code for code, point in known.items() if whole.contains(shapely.Point(point))}
    assert {code for code, point in known.items() if shapely.Polygon(hole).contains(shapely.Point(point))}
    hostile = "<img src=x onerror=\"document.title='broken'\">"
    content = {
        "type": "FeatureCollection",
        "name": hostile,
        "features": [
            {
                "type": "Feature",
                "id": hostile,
                "properties": {"name": hostile, "__proto__": {"polluted": True}},
                "geometry": {"type": "Polygon", "coordinates": [outer, hole]},
            }
        ],
    }
    context = browser.new_context()
    tab = context.new_page()
    asked: list[Any] = []
    said: list[str] = []
    tab.on("request", lambda one: asked.append((one.method, one.url, one.post_data)))
    tab.on("console", lambda one: said.append(one.text))
    tab.on("pageerror", lambda one: said.append(str(one)))
    tab.goto(f"{address}/find.html")
    put(tab, content, "<img src=x onerror=alert(1)>.geojson")
    assert shown_codes(tab) == expected
    assert people_of(workspace, expected) in tab.inner_text("#custom-result .headline")
    assert "in the polygons of a file" in tab.inner_text("#custom-came")
    assert tab.locator("main img").count() == 0
    assert "onerror" not in tab.inner_html("#custom")
    assert tab.title() != "broken"
    assert all(method == "GET" and not data for method, _, data in asked)
    assert not said
    state = parse_qs(tab.url.partition("#")[2])
    assert set(state) == {"codes", "how"}
    assert set(state["codes"][0].split(",")) == expected
    other = context.new_page()
    other.goto(tab.url)
    assert shown_codes(other) == expected
    assert other.inner_text("#custom-came") == tab.inner_text("#custom-came")
    context.close()


@pytest.mark.browser
def test_files_that_do_not_fit_are_refused_beside_their_field_with_what_to_do(tab: Any, address: str) -> None:
    tab.goto(f"{address}/find.html")
    tab.click("#file-form button")
    assert tab.inner_text("#geojson-problem") == "Choose a file first."
    metres = {"type": "Polygon", "coordinates": [[[530000, 180000], [531000, 180000], [531000, 181000]]]}
    away = {"type": "Polygon", "coordinates": [[[10, 10], [11, 10], [11, 11]]]}
    for content, told in (
        (metres, "British National Grid.*WGS 84"),
        ("<kml/>", "no GeoJSON file"),
        ({"type": "Point", "coordinates": [1.9, 54.2]}, "no polygon in this file"),
        ({"type": "Polygon", "coordinates": [[[1, 2]]]}, "incomplete or broken"),
        (away, "longitude comes before latitude"),
    ):
        put(tab, content)
        tab.locator("#geojson-problem", has_text=re.compile(told)).wait_for()
        assert tab.get_attribute("#geojson", "aria-invalid") == "true"
        assert not tab.inner_text("#custom-result")
        assert not tab.inner_text("#custom-status")
    put(tab, {"type": "Polygon", "coordinates": [[[0, 53], [3, 53], [3, 55], [0, 55]]]})
    tab.wait_for_selector("#custom-result .headline")
    assert tab.inner_text("#geojson-problem") == ""


@pytest.mark.browser
def test_codes_that_are_too_many_for_an_address_are_told_so(
    tab: Any, address: str, workspace: Workspace
) -> None:
    """A rule stays short however many places it gives; a list does not, and is kept as a file instead."""
    tab.goto(f"{address}/find.html")
    tab.fill("#codes", "\n".join(sorted(workspace.read("areas").query("level == 'patch25'")["area"])))
    tab.click("#custom-form button")
    tab.wait_for_selector("#custom-result .headline")
    assert tab.get_by_text("The address of this area").count() == 1
    page = re.sub(
        r"MOST_ADDRESS = \d+", "MOST_ADDRESS = 1000", (SCRIPT.parent / "custom.js").read_text("utf-8")
    )
    tab.route("**/custom.js?*", lambda route: route.fulfill(body=page, content_type="text/javascript"))
    tab.reload()
    tab.wait_for_selector("#custom-result .headline")
    assert "The 360 codes are too many for an address." in tab.inner_text("#custom-result")
    assert "#" not in tab.url
    tab.fill("#near", "T01000007")
    tab.fill("#km", "500")
    tab.click("#near-form button")
    tab.locator("#custom-result .headline", has_text="360 neighbourhoods").wait_for()
    assert len(tab.url.partition("#")[2]) < 100


@pytest.mark.browser
def test_damaged_addresses_are_told_in_words(tab: Any, address: str) -> None:
    for state, where, told in (
        ({"how": "drawn", "line": "1,2,3"}, "#custom-status", "The address of the drawn line is damaged."),
        (
            {"how": "drawn", "line": "10,10,11,10,11,11"},
            "#custom-status",
            "No neighbourhoods have their middle point",
        ),
        ({"how": "near", "of": "T99", "level": "patch25", "km": "2"}, "#near-problem", "for “T99”"),
        (
            {"how": "near", "of": "T01000007", "level": "nowhere", "km": "2"},
            "#near-problem",
            "for “T01000007”",
        ),
        ({"how": "near", "of": "T01000007", "level": "patch25", "km": "x"}, "#km-problem", "Type a number"),
        ({"how": "nonsense", "codes": "T01000007"}, "#custom-status", "The address of this area is damaged"),
    ):
        tab.goto("about:blank")
        tab.goto(f"{address}/find.html#{urlencode(state)}")
        tab.locator(where, has_text=told).wait_for()
        assert not tab.inner_text("#custom-result")


@pytest.mark.browser
def test_addresses_of_areas_survive_what_networks_add_to_links(tab: Any, address: str) -> None:
    tab.goto(f"{address}/find.html?fbclid=x#codes=T01000001,T01000002")
    assert shown_codes(tab) == {"T01000001", "T01000002"}
    tab.goto(f"{address}/compare/index.html?utm_source=x#level=patch25&a=T01000001&b=T01000002")
    tab.wait_for_selector("table.compared-places")


@pytest.mark.browser
def test_what_was_asked_for_last_is_shown_whichever_data_come_first(tab: Any, address: str) -> None:
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    tab.route("**/data/points/borough25.js?*", hold)
    tab.goto(f"{address}/find.html")
    tab.fill("#near", "T03000001")
    tab.fill("#km", "1000")
    with tab.expect_request("**/data/points/borough25.js?*"):
        tab.click("#near-form button")
    file = {"type": "Polygon", "coordinates": [[[1.8, 54.13], [2.15, 54.13], [2.15, 54.27], [1.8, 54.27]]]}
    content = {"name": "x.geojson", "mimeType": "application/json", "buffer": json.dumps(file).encode()}
    tab.set_input_files("#geojson", content)
    tab.click("#file-form button")
    expected = shown_codes(tab)
    with tab.expect_response("**/data/points/borough25.js?*"):
        held[0].continue_()
    tab.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    assert shown_codes(tab) == expected
    assert "in the polygons of a file" in tab.inner_text("#custom-came")


@pytest.mark.browser
def test_where_no_points_are_known_addresses_of_lines_and_distances_say_so(
    tab: Any, workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    frames = {name: workspace.read(name) for name in TABLES}
    frames["boundaries"] = frames["boundaries"].iloc[:0]
    out = publish_site(frames, of_pages(study, "find"), tmp_path / "site", built=DAY)
    for state in (
        "how=drawn&line=1.8,54.25,2.1,54.27,2.15,54.15",
        "how=near&of=T01000007&level=patch25&km=2",
    ):
        tab.goto("about:blank")
        tab.goto(f"{(out.parent / 'find.html').as_uri()}#{state}")
        tab.locator("#custom-status", has_text="No middle points of places are known here").wait_for()


@pytest.mark.browser
def test_without_scripts_no_fields_stand_that_do_nothing(browser: Any, address: str) -> None:
    tab = browser.new_page(java_script_enabled=False)
    tab.goto(f"{address}/find.html")
    assert not tab.locator("#custom-form, #near-form, #file-form").filter(visible=True).count()
    assert "needs JavaScript" in tab.inner_text("section[aria-labelledby=custom]")
    tab.close()


# ---- the map


@pytest.fixture
def on_map(browser: Any, address: str) -> Iterator[Any]:
    """Return the map's page, at rest and without motion."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
    tab = context.new_page()
    tab.goto(f"{address}/map/index.html")
    tab.wait_for_selector("html[data-map]", timeout=30_000)
    assert tab.evaluate("document.documentElement.dataset.map") == "drawn"
    yield tab
    context.close()


def press(tab: Any, lon: float, lat: float) -> None:
    """Click on the map at a place."""
    spot = tab.evaluate("(at) => { const p = wardmote.map.project(at); return [p.x, p.y]; }", [lon, lat])
    tab.locator("#map").click(position={"x": spot[0] + 1, "y": spot[1] + 1})


LINE = [(1.8, 54.25), (2.1, 54.27), (2.15, 54.15), (1.85, 54.13)]


@pytest.mark.browser
def test_an_area_is_drawn_corner_by_corner_closed_and_seen(
    on_map: Any, site: Path, workspace: Workspace
) -> None:
    tab = on_map
    told = "#draw-said"
    tab.click("#draw-start")
    assert "Escape cancels" in tab.inner_text(told)
    assert tab.get_attribute(told, "role") == "status"
    assert tab.is_disabled("#draw-undo")
    assert tab.is_disabled("#draw-close")
    press(tab, *LINE[0])
    assert tab.inner_text(told) == "1 corner is set."
    press(tab, 1.9, 54.2)
    press(tab, *LINE[1])
    assert "3 corners are set." in tab.inner_text(told)
    # A corner chooses no place.
    assert tab.evaluate("wardmote.state.chosen") is None
    tab.click("#draw-undo")
    assert "The last corner is taken away. 2 corners are set." in tab.inner_text(told)
    tab.click("#draw-undo")
    assert tab.is_disabled("#draw-close")
    for corner in LINE[1:]:
        press(tab, *corner)
    assert "4 corners are set." in tab.inner_text(told)
    tab.locator("#draw-rule", has_text="whose middle point is inside the line").wait_for()
    tab.click("#draw-close")
    tab.wait_for_selector("#draw-see")
    href = tab.get_attribute("#draw-see", "href")
    numbers = [float(one) for one in parse_qs(href.partition("#")[2])["line"][0].split(",")]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    assert len(corners) == 4
    assert np.abs(np.array(corners) - LINE).max() < 0.002
    # What is counted is what the line in the address holds; across a few kilometres its edges are straight in degrees too.
    line = shapely.Polygon(corners)
    known = points_in(site)
    assert min(shapely.distance(line.boundary, shapely.points(list(known.values())))) > 1e-5
    expected = {code for code, point in known.items() if line.contains(shapely.Point(point))}
    assert tab.inner_text(told).startswith(f"In the drawn area: {len(expected)} of 360 neighbourhoods,")
    assert tab.evaluate("document.activeElement.id") == "draw-see"
    drawn = tab.get_attribute("#draw-line", "d")
    tab.click("#zoom-in")
    assert tab.get_attribute("#draw-line", "d") != drawn  # the line moves with the map
    tab.click("#draw-see")
    assert shown_codes(tab) == expected
    assert people_of(workspace, expected) in tab.inner_text("#custom-result .headline")
    assert "inside a line drawn on the map" in tab.inner_text("#custom-came")
    tab.reload()
    assert shown_codes(tab) == expected


@pytest.mark.browser
def test_drawing_is_cancelled_closed_by_its_first_corner_and_never_crosses_itself(on_map: Any) -> None:
    tab = on_map
    assert tab.get_attribute("#draw-keyboard", "href") == "../find.html#custom"
    tab.click("#draw-start")
    press(tab, *LINE[0])
    tab.keyboard.press("Escape")
    assert tab.inner_text("#draw-said") == "Drawing is cancelled."
    assert not tab.get_attribute("#draw-line", "d")
    assert tab.evaluate("document.activeElement.id") == "draw-start"
    press(tab, *LINE[2])
    assert tab.evaluate("wardmote.state.chosen")  # clicks choose places again
    tab.click("#draw-start")
    for corner in (LINE[0], LINE[2], LINE[1], LINE[3]):
        press(tab, *corner)
    tab.click("#draw-close")
    assert "the line would cross itself" in tab.inner_text("#draw-said")
    assert tab.locator("#draw-tools").is_visible()
    for _ in range(3):
        tab.click("#draw-undo")
    for corner in LINE[1:]:
        press(tab, *corner)
    press(tab, *LINE[0])
    tab.wait_for_selector("#draw-see")
    tab.click("#draw-clear")
    assert tab.inner_text("#draw-said") == "The line is removed."
    assert not tab.locator("#draw-see").is_visible()


@pytest.mark.browser
def test_closing_by_the_first_corner_chooses_no_place_and_the_line_is_there_again_after_coming_back(
    on_map: Any,
) -> None:
    tab = on_map
    tab.click("#draw-start")
    for corner in (*LINE, LINE[0]):
        press(tab, *corner)
    tab.wait_for_selector("#draw-see")
    assert tab.evaluate("wardmote.state.chosen") is None
    told, seen = tab.inner_text("#draw-said"), tab.get_attribute("#draw-see", "href")
    tab.click("#zoom-in")  # the map moves, and its address with it
    # On paper the line is not drawn, so its rule would be of nothing.
    tab.emulate_media(media="print")
    assert not tab.is_visible("#draw-rule")
    tab.emulate_media(media="screen")
    tab.click("#draw-see")
    shown_codes(tab)
    tab.go_back()
    tab.wait_for_selector("#draw-see", timeout=30_000)
    assert (tab.inner_text("#draw-said"), tab.get_attribute("#draw-see", "href")) == (told, seen)
    assert tab.get_attribute("#draw-line", "d")
    assert "whose middle point is inside the line" in tab.inner_text("#draw-rule")
    assert tab.evaluate("document.activeElement.id") != "draw-see"
    tab.click("#draw-clear")
    tab.reload()
    tab.wait_for_selector("html[data-map]", timeout=30_000)
    assert not tab.get_attribute("#draw-line", "d")


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_drawing_fits_every_screen_and_axe_finds_nothing_while_it_goes_on(
    browser: Any, address: str, width: int
) -> None:
    import axe_playwright_python

    script = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    tab = context.new_page()
    tab.goto(f"{address}/map/index.html")
    tab.wait_for_selector("html[data-map]", timeout=30_000)
    tab.evaluate(script)

    def check() -> None:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        small = tab.evaluate(
            "() => [...document.querySelectorAll('#draw button, #draw a')].map((e) => e.offsetHeight)"
            ".filter((height) => height && height < 24)"
        )
        assert small == []
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert tab.evaluate("async () => (await axe.run()).violations.map((one) => one.id)") == []

    check()
    tab.click("#draw-start")
    check()
    top = tab.locator("#map").evaluate("(e) => e.offsetTop + e.offsetParent.offsetTop")
    for corner in LINE:
        press(tab, *corner)
        # The map stays where it is while corners are set.
        assert tab.locator("#map").evaluate("(e) => e.offsetTop + e.offsetParent.offsetTop") == top
    tab.click("#draw-close")
    tab.wait_for_selector("#draw-see")
    check()
    context.close()


@pytest.mark.browser
def test_the_map_in_the_pages_of_others_has_no_drawing(tab: Any, address: str) -> None:
    tab.goto(f"{address}/embed/map.html")
    tab.wait_for_selector("html[data-map]", timeout=30_000)
    assert tab.evaluate("document.documentElement.dataset.map") == "drawn"
    assert tab.locator("#draw-start").count() == 0


@pytest.mark.browser
def test_what_is_added_up_is_what_columns_publish(tab: Any, address: str, site: Path) -> None:
    """Closed figures are null in the columns, and the sum of an area takes nothing from anywhere else."""
    column = read_script(site / "data" / "columns" / "patch25" / "population.js")
    codes = read_script(site / "data" / "columns" / "patch25" / "codes.js")["codes"]
    values = pd.Series(column["values"], index=codes, dtype="float64")
    shut = ["T01000007", "T01000008"]
    values[shut] = math.nan
    told = [None if math.isnan(one) else int(one) for one in values]
    body = f"wardmote.put({json.dumps('data/columns/patch25/population')},{json.dumps({**column, 'values': told})});"
    tab.route(
        "**/patch25/population.js?*", lambda route: route.fulfill(body=body, content_type="text/javascript")
    )
    tab.goto(f"{address}/find.html#how=near&of=T01000007&level=patch25&km=3")
    found = sorted(shown_codes(tab))
    unknown = len(set(shut) & set(found))
    headline = tab.inner_text("#custom-result .headline")
    assert f"{int(values[found].sum()):,} people; of {unknown} it is not known" in headline


@pytest.fixture
def served(workspace: Workspace, study: Study, tmp_path: Path) -> Iterator[str]:
    """Serve the county with shapes of its authorities alone, and with postcodes."""
    frames = {name: workspace.read(name) for name in TABLES}
    shapes = frames["boundaries"]
    frames["boundaries"] = shapes[shapes["level"] == "borough25"].reset_index(drop=True)
    (tmp_path / "post.csv").write_text("pcd,area\nAL1 1AA,T03000001\n", encoding="utf-8")
    spec = of_pages(study, "find").publish.model_copy(
        update={"postcodes": PostcodeSpec(file="post.csv", postcode="pcd", area="area", level="borough25")}
    )
    changed = study.model_copy(update={"publish": spec, "folder": tmp_path})
    out = publish_site(frames, changed, tmp_path / "site", built=DAY).parent
    server = make_server(out)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_where_only_larger_places_have_shapes_they_come_in_and_a_postcode_never_enters_the_address(
    tab: Any, served: str, workspace: Workspace
) -> None:
    tab.goto(f"{served}/find.html")
    assert "authorities come in if their middle point lies inside" in tab.inner_text("#custom ~ p >> nth=2")
    tab.fill("#near", "AL1 1AA")
    tab.fill("#km", "0.5")
    tab.click("#near-form button")
    assert shown_codes(tab) == {"T03000001"}
    links = workspace.read("memberships").query("parent == 'T03000001' and level == 'patch25'")
    assert f"stands for {len(links)} neighbourhoods." in tab.inner_text("#custom-result")
    assert "authorities whose middle point lies within 0.5 km" in tab.inner_text("#custom-came")
    assert "of=T03000001" in tab.url
    assert "AL1" not in tab.url
