"""Studies that are unlike the invented county: long codes, tiny shapes, shapes round the globe, other scripts, links, full disks."""

from __future__ import annotations

import csv
import datetime
import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from wardmote.errors import WorkspaceError
from wardmote.pipeline import run
from wardmote.publish import publish_report, publish_site
from wardmote.publish.building import LONGEST, Build, safe_name
from wardmote.publish.folder import replaced
from wardmote.publish.report import compile_pdf
from wardmote.publish.serve import make_server
from wardmote.sources import fetch
from wardmote.sources.catalogue import Entry, File, Form, Layout
from wardmote.study import SourceSpec, read_study
from wardmote.tables import TABLES
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)

STUDY = """[study]
id = "odd"
title = "Odd"
seed = 1
levels = ["place"]

[level.place]
title = "place"

[sources.places]
file = "figures.csv"
kind = "areas"
level = "place"
area = "code"
name = "name"
population = "people"
licence = "CC0-1.0"
access = "open"

[sources.figures]
file = "figures.csv"
level = "place"
area = "code"
period = "2024"
title = "Figures"
licence = "CC0-1.0"
access = "open"
[sources.figures.columns.a]
indicator = "ind-a"
direction = 1
title = "Alpha"
[sources.figures.columns.b]
indicator = "ind-b"
direction = -1
title = "Beta"
"""

SHAPES = """
[sources.shapes]
file = "shapes.geojson"
kind = "boundaries"
level = "place"
area = "code"
licence = "CC0-1.0"
access = "open"
"""

INDICES = """
[index.dep]
title = "Deprivation"
tree = [{ node = "dep" }, { node = "la", parent = "dep", weight = 1, indicator = "ind-a" }]
steps = [
  { id = "n", do = "normalise", on = "leaves", method = "zscore" },
  { id = "c", do = "aggregate", on = "root", method = "arithmetic" }]
[index.com]
title = "Community need"
tree = [{ node = "com" }, { node = "lb", parent = "com", weight = 1, indicator = "ind-b" }]
steps = [
  { id = "n", do = "normalise", on = "leaves", method = "zscore" },
  { id = "c", do = "aggregate", on = "root", method = "arithmetic" }]
[need.both]
deprivation = "dep"
community = "com"
share = 0.3
[publish]
contact = "ask@example.org"
"""


def square(i: int, side: float = 0.05) -> dict[str, Any]:
    """Return the shape of one place: they lie in rows of ten."""
    x, y = 5 + i % 10 * side, 45 + i // 10 * side
    return {
        "type": "Polygon",
        "coordinates": [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]],
    }


def write_study(
    folder: Path,
    codes: Sequence[str],
    *,
    names: Sequence[str] = (),
    shapes: Sequence[dict[str, Any]] = (),
    publish: str = "",
) -> Workspace:
    """Write and run a study of a dozen places or so; as many of the first have shapes as are given."""
    folder.mkdir(parents=True)
    with (folder / "figures.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["code", "name", "people", "a", "b"])
        rows.writerows(
            [code, names[i] if names else f"Place {i}", 1000 + i, i * 7 % 13, i * 5 % 11]
            for i, code in enumerate(codes)
        )
    features = [
        {"type": "Feature", "properties": {"code": code}, "geometry": shape}
        for code, shape in zip(codes, shapes, strict=False)
    ]
    if features:
        collection = {"type": "FeatureCollection", "features": features}
        (folder / "shapes.geojson").write_text(json.dumps(collection), encoding="utf-8")
    (folder / "study.toml").write_text(
        STUDY + (SHAPES if features else "") + INDICES + publish, encoding="utf-8"
    )
    run(folder)
    return Workspace(folder)


def publish(workspace: Workspace) -> Path:
    """Return the folder of the site."""
    return publish_site(workspace, read_study(workspace.folder), workspace.site, built=DAY).parent


CODES = [f"P{i:02d}" for i in range(12)]


def links(site: Path) -> set[tuple[str, str]]:
    """Return the pages that point to a file that is not there, each with the address."""
    broken = set()
    for page in site.rglob("*.html"):
        for address in re.findall(r'(?:href|src)="([^"#?:]+)[^":]*"', page.read_text(encoding="utf-8")):
            target = page.parent / address
            if (
                "…" not in address
                and not (target / "index.html" if address.endswith("/") else target).exists()
            ):
                broken.add((page.relative_to(site).as_posix(), address))
    return broken


# ---- long codes

LONG = [
    "L" * 260,
    "L" * 259 + "K",
    "東京都千代田区霞が関一丁目二番地合同庁舎第二号館及び周辺地域並びに隣接する地区第一号の住所表示区域全体",
    "a" * LONGEST,
    "a" * (LONGEST + 1),
    "-" * 119 + "é",
    "é" * 40,
]


def test_names_of_long_codes_are_short_and_their_own() -> None:
    codes = [
        *LONG,
        *(f"{i:04d}{'x' * 200}" for i in range(1000)),
        *(f"{'x' * 200}{i:04d}" for i in range(1000)),
    ]
    made = {safe_name(code) for code in codes}
    assert len(made) == len(codes)
    assert max(map(len, made)) <= LONGEST
    # A shortened name is no other code's own name: those have an even number of the mark.
    assert safe_name(safe_name(LONG[0])) != safe_name(LONG[0])
    assert {name.count("_") % 2 for name in made if "_-" in name} == {1}
    # The published digests of FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ (test vectors).
    from wardmote.publish.building import _fnv

    assert (_fnv(""), _fnv("a"), _fnv("foobar")) == (
        0xCBF29CE484222325,
        0xAF63DC4C8601EC8C,
        0x85944171F73967E8,
    )


@pytest.mark.browser
def test_the_browser_names_files_as_the_builder_does(page: Path, tab: Any) -> None:
    tab.goto((page.parent / "table" / "index.html").as_uri())
    codes = [*LONG, "Ä ö", "../x", "🙂" * 20, "T01000004"]
    assert tab.evaluate("codes => codes.map(wardmote.fileName)", codes) == [safe_name(code) for code in codes]


def test_places_of_long_codes_have_their_pages(tmp_path: Path) -> None:
    codes = [f"{i:03d}{'L' * 260}" for i in range(12)]
    site = publish(write_study(tmp_path / "study", codes))
    assert len(list((site / "place/place").glob("*.html"))) == 12
    assert not links(site)


# ---- shapes


def test_shapes_too_small_for_the_grid_are_drawn_all_the_same(tmp_path: Path) -> None:
    site = publish(write_study(tmp_path / "study", CODES, shapes=[square(i, 1e-7) for i in range(12)]))
    told = (site / "place/place/P00.html").read_text(encoding="utf-8")
    drawing = re.search(r'<svg[^>]*id="?locator.*?</svg>|<svg.*?class="around".*?</svg>', told, re.DOTALL)
    assert drawing
    assert "nan" not in drawing[0]
    assert not links(site)


def test_an_empty_part_of_a_shape_is_left_out() -> None:
    import shapely

    from wardmote.publish.maps import path

    whole = shapely.MultiPolygon([shapely.box(0, 0, 1, 1)])
    assert path(shapely.Polygon()) == ""
    assert path(shapely.MultiPolygon([shapely.Polygon(), *whole.geoms])) == path(whole)


# ---- links and disks


def test_the_folder_at_the_end_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    root = tmp_path / "www" / "html"
    root.mkdir(parents=True)
    (root / "old.html").write_text("old")
    out = tmp_path / "out" / "site"
    out.parent.mkdir()
    out.symlink_to(root)
    with replaced(out) as new:
        (new / "index.html").write_text("new")
    assert out.is_symlink()
    assert [path.name for path in root.iterdir()] == ["index.html"]
    assert [path.name for path in root.parent.iterdir()] == ["html"]
    assert [path.name for path in out.parent.iterdir()] == ["site"]


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "site").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "site")
    with pytest.raises(WorkspaceError, match="cannot be written"), replaced(tmp_path / "site"):
        pass


@pytest.mark.parametrize("beside", [False, True])
def test_what_cannot_be_read_is_not_blamed_on_the_site(tmp_path: Path, beside: bool) -> None:
    out, elsewhere = tmp_path / "site", tmp_path / "postcodes.csv"
    (tmp_path / "site").mkdir()

    def make() -> None:
        elsewhere.read_text()

    def build() -> None:
        with replaced(out) as new:
            site = Build(new, out)
            if beside:
                with site.beside(make):
                    pass
            make()

    with pytest.raises(WorkspaceError) as told:
        build()
    (problem,) = told.value.problems
    assert problem.where == str(elsewhere)
    assert "Free the disk" not in (problem.remedy or "")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_file_of_the_site_that_cannot_be_written_is(tmp_path: Path) -> None:
    def build() -> None:
        with replaced(tmp_path / "site") as new:
            Build(new, tmp_path / "site").put("x" * 300, "text")

    with pytest.raises(WorkspaceError, match="cannot be written") as told:
        build()
    assert told.value.problems[0].where == str(tmp_path / "site")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_while_sources_are_brought_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speak: Callable[..., tuple[int, str, str]]
) -> None:
    workspace = write_study(tmp_path / "study", CODES)
    shutil.rmtree(workspace.out)
    write_text = Path.write_text

    def write(self: Path, *more: Any, **named: Any) -> int:
        if self.parent.parent == workspace.raw:  # the manifest of the user's own file
            full()
        return write_text(self, *more, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", write)
        code, _, err = speak("run", "--study", workspace.folder)
    assert code == WorkspaceError.exit_code
    assert "No space left on device" in err
    assert "Make room" in err
    assert str(workspace.raw) in err
    # A set of the mirror's, and one that the publisher sends: the disk is not taken for the network.
    place = fetch.Place("imd", tmp_path, tmp_path / "raw" / "imd")
    monkeypatch.setattr(fetch, "_settle", full)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "x.csv").write_bytes(b"code,a")
    spec, entry = SourceSpec(use="imd"), entry_of("mirror", "x.csv")
    with pytest.raises(WorkspaceError, match="No space left on device"):
        fetch.bring(place, spec, entry, mirror=tmp_path / "mirror")
    tries = []

    def opened(*_: object) -> Any:
        tries.append(1)
        full()

    monkeypatch.setattr(fetch, "_connects", lambda *_: True)
    monkeypatch.setattr(fetch, "_open", opened)
    with pytest.raises(WorkspaceError, match="No space left on device"):
        fetch.bring(place, spec, entry_of("publisher", "https://example.org/x.csv"), mirror=None)
    assert len(tries) == 1


def entry_of(kind: Any, path: str) -> Entry:
    return Entry("Set", "P", "OGL-UK-3.0", "open", "1", forms=(Form(kind, (File(path, Layout(())),)),))


# ---- the report


SCRIPTS = [
    "Bronx\x83 County",
    "東京",
    "서울",
    "กรุงเทพ",
    "ঢাকা",
    "አዲስ",
    "🙂 {x}",
    'a "\U000f0000\\" b',
    "Zoë",
    "Москва",
    "क्षि",
    "مدينة",
]


@pytest.mark.parametrize("fonts", ["bundled", "system"])
def test_a_report_says_which_signs_it_could_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fonts: str
) -> None:
    typst = pytest.importorskip("typst", reason="typst is not installed (part of the extra report)")
    pypdf = pytest.importorskip("pypdf")
    workspace = write_study(tmp_path / "study", CODES, names=SCRIPTS)
    compile_, asked = typst.compile, []

    def compiled(*more: Any, **named: Any) -> bytes:
        asked.append(named["ignore_system_fonts"])
        # A machine without fonts of its own, and this one.
        return bytes(compile_(*more, **{**named, "ignore_system_fonts": fonts == "bundled" or asked[-1]}))

    monkeypatch.setattr(typst, "compile", compiled)
    study = read_study(workspace.folder)
    told = ""
    for code in CODES:
        report = publish_report(workspace, study, tmp_path, place=code, built=DAY)
        told += " ".join(page.extract_text() for page in pypdf.PdfReader(report).pages)
    assert "Bronx County" in told
    assert "Zoë" in told
    assert "Москва" in told
    assert "Signs that could not be set" in told  # the private sign at least: no font has it
    assert 'a "□\\" b' in told
    # What the bundled fonts hold is set in them alone, so that it is the same everywhere.
    asked.clear()
    publish_report(workspace, study, tmp_path, place="P08", built=DAY)
    assert asked == [True]


def test_what_typst_refuses_for_another_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    typst = pytest.importorskip("typst", reason="typst is not installed (part of the extra report)")

    def refuse(*_: Any, **__: Any) -> bytes:
        raise typst.TypstError("something else", [], [])

    monkeypatch.setattr(typst, "compile", refuse)
    with pytest.raises(WorkspaceError, match="something else") as told:
        compile_pdf({"title": "The county", "sections": []}, DAY)
    assert "The county" in told.value.problems[0].where


# ---- maps of a part, of no surface, of the globe


def test_the_map_says_how_many_places_have_no_shape(tmp_path: Path) -> None:
    site = publish(write_study(tmp_path / "study", CODES, shapes=[square(i) for i in range(5)]))
    (level,) = json.loads((site / "map/map.json").read_text(encoding="utf-8"))["levels"]
    assert level["shapeless"] == 7
    for page in ("map/index.html", "full/index.html"):
        told = (site / page).read_text(encoding="utf-8")
        assert "7 of 12 places have no shape here" in told


def as_frames(workspace: Workspace) -> dict[str, Any]:
    """Return the tables of a study as a notebook gives them."""
    return {name: workspace.read(name) for name in TABLES if not TABLES[name].sensitive}


def test_a_table_of_boundaries_may_hold_nulls(tmp_path: Path) -> None:
    """Sources refuse them, but a notebook's own table need not."""
    workspace = write_study(tmp_path / "study", CODES, shapes=[square(i) for i in range(6)])
    tables = as_frames(workspace)
    boundaries = tables["boundaries"]
    null = boundaries["area"] == CODES[1]
    tables["boundaries"] = boundaries.assign(geometry=boundaries["geometry"].mask(null))
    site = publish_site(tables, read_study(workspace.folder), tmp_path / "site", built=DAY).parent
    (level,) = json.loads((site / "map/map.json").read_text(encoding="utf-8"))["levels"]
    assert level["shapeless"] == 7
    assert "7 of 12 places have no shape here" in (site / "full/index.html").read_text(encoding="utf-8")


def test_the_tables_of_a_run_before_outlines_were_joined_are_published(tmp_path: Path) -> None:
    workspace = write_study(tmp_path / "study", CODES, shapes=[square(i) for i in range(5)])
    tables = as_frames(workspace)
    tables["boundaries"] = tables["boundaries"].drop(columns=["joined_from", "parts"])
    site = publish_site(tables, read_study(workspace.folder), tmp_path / "site", built=DAY).parent
    assert (site / "map/index.html").exists()


@pytest.mark.browser
def test_the_interactive_map_says_it_too_and_leads_to_places_of_long_codes(tmp_path: Path, tab: Any) -> None:
    codes = [f"{i:03d}{'L' * 200}" for i in range(12)]
    site = publish(write_study(tmp_path / "study", codes, shapes=[square(i) for i in range(5)]))
    server = make_server(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        tab.goto(f"http://127.0.0.1:{server.server_port}/map/index.html")
        tab.wait_for_selector("html[data-map=drawn]")
        assert "7 of 12" in tab.text_content("#drawn")
        tab.locator("#list button").first.click()
        tab.wait_for_selector("#chosen a")
        assert tab.get_attribute("#chosen a", "href").endswith(f"/place/place/{safe_name(codes[0])}.html")
        tab.click("#chosen a")
        assert tab.inner_text("h1").startswith("Place 0")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("kind", ["Point", "LineString"])
def test_of_points_and_lines_there_is_no_map_and_no_link_to_one(tmp_path: Path, kind: str) -> None:
    at = [[5.0, 45.0], [5.1, 45.2]]
    shapes = [{"type": kind, "coordinates": at[0] if kind == "Point" else at}] * 12
    site = publish(write_study(tmp_path / "study", CODES, shapes=shapes))
    assert not (site / "map").exists()
    assert not links(site)


def test_shapes_round_the_globe_take_few_tiles(tmp_path: Path) -> None:
    import shapely

    from wardmote.publish.tiles import MOST_TILES, highest_zoom, make_tiles

    twelfths = [shapely.box(i * 30 - 180, -90, i * 30 - 150, 90) for i in range(12)]
    made = make_tiles("globe", CODES, shapely.to_wkb(twelfths), tmp_path)
    assert made
    assert made.zooms == (4, 7)
    assert made.areas == 12
    assert made.tiles < 1.5 * MOST_TILES
    # A country keeps its streets; small areas far apart are few tiles, and a globe beside them does not take the machine.
    streets = [shapely.box(-2 + i * 0.01, 52, -1.99 + i * 0.01, 52.01) for i in range(100)]
    assert highest_zoom(as_array(streets)) == 12
    far = [shapely.box(x, y, x + 0.001, y + 0.001) for x in range(-170, 170, 10) for y in range(-60, 60, 10)]
    assert highest_zoom(as_array(far)) == 12
    assert highest_zoom(as_array([*far, *twelfths])) == 8


def as_array(shapes: Sequence[Any]) -> Any:
    import numpy as np

    return np.asarray(shapes, dtype=object)
