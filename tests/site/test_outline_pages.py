"""Levels whose outlines were joined are on the map, in profiles and in downloads like any other, and it is said how they were made."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import shapely

from wardmote.pipeline import run, status
from wardmote.publish import publish_site
from wardmote.publish.closing import open_tables
from wardmote.publish.page import gather
from wardmote.publish.pmtiles import read_archive
from wardmote.publish.shapes import joined_note, told_outlines
from wardmote.study import Study, read_study
from wardmote.workspace import Workspace

JOINED = dict.fromkeys(("quarter25", "part25", "county25"), "patch25")
"""Levels of the invented county of which no file has shapes, and what its look-up says lies in them."""


@pytest.fixture(scope="module")
def site(page: Path) -> Path:
    return page.parent


@pytest.fixture(scope="module")
def shapes(workspace: Workspace) -> Any:
    return workspace.read("boundaries")


def levels_of(site: Path) -> dict[str, dict[str, Any]]:
    return {one["level"]: one for one in json.loads((site / "map/map.json").read_text())["levels"]}


def test_every_level_of_the_county_has_one_outline_of_each_area(workspace: Workspace, shapes: Any) -> None:
    areas = workspace.read("areas")
    joined = shapes[shapes["joined_from"].notna()]
    assert dict(zip(joined["level"], joined["joined_from"], strict=True)) == JOINED
    for level in JOINED:
        assert sorted(joined[joined["level"] == level]["area"]) == sorted(
            areas[areas["level"] == level]["area"]
        )
    own = shapes[shapes["level"] == "patch25"]
    for level, rows in joined.groupby("level"):
        outlines = shapely.from_wkb(rows["geometry"].to_list())
        assert shapely.coverage_is_valid(outlines)
        whole = shapely.union_all(shapely.from_wkb(own["geometry"].to_list()))
        assert shapely.area(outlines).sum() == pytest.approx(whole.area, rel=1e-3), level


def test_the_map_offers_them_with_all_their_codes_and_says_how_they_were_made(
    site: Path, workspace: Workspace, shapes: Any
) -> None:
    found = levels_of(site)
    for level in set(JOINED) & set(found):
        assert found[level]["shapeless"] == 0
        assert re.match(r"No source has shapes of .* by joining the .* in them", found[level]["joined"])
        seen: dict[int, bytes] = {}
        for (zoom, _, _), data in read_archive(site / found[level]["tiles"]):
            seen[zoom] = seen.get(zoom, b"") + gzip.decompress(data)
        low, high = found[level]["zooms"]
        assert set(seen) == set(range(low, high + 1))
        for code in shapes[shapes["level"] == level]["area"]:
            assert all(code.encode() in held for held in seen.values()), code
    assert "part25" in found
    assert not found["patch25"]["joined"]
    assert found["borough25"]["over"] == "part25"
    told = workspace.ledger.entries["outlines"].findings
    assert len(told) == len(JOINED)
    for page in ("map/index.html", "method/index.html"):
        assert all(sentence in (site / page).read_text(encoding="utf-8") for sentence in told), page


def test_a_larger_place_is_drawn_as_itself_and_its_profile_says_what_it_was_joined_from(site: Path) -> None:
    for file in sorted((site / "place/part25").glob("T04*.html")):
        html = file.read_text(encoding="utf-8")
        drawn = re.search(r'<svg[^>]*class="[^"]*locator.*?</svg>', html, re.DOTALL) or re.search(
            r"<svg(?:(?!</svg>).)*class=\"here\".*?</svg>", html, re.DOTALL
        )
        assert drawn
        assert re.search(r"Its outline is made by joining the [\w,]+ neighbourhoods in it\.", drawn[0])


def test_downloads_hold_the_outlines_and_whose_shapes_went_in(site: Path, shapes: Any) -> None:
    table = pq.read_table(site / "data/places-part25-shapes.parquet")
    mine = shapes[shapes["level"] == "part25"].set_index("area")["geometry"]
    assert dict(zip(table["code"].to_pylist(), table["geometry"].to_pylist(), strict=True)) == dict(mine)
    told = table.schema.field("geometry").metadata[b"meaning"].decode()
    assert "Boundaries of neighbourhoods, County Record Office of Aldmere (invented), CC0-1.0." in told
    assert "by joining the" in told
    own = pq.read_schema(site / "data/places-borough25-shapes.parquet").field("geometry").metadata[b"meaning"]
    assert b"by joining" not in own


# ---- what closed shapes keep back, and what is made again


@pytest.fixture
def copy(workspace: Workspace, tmp_path: Path) -> Path:
    """A copy of the county with its tables, without its site."""
    folder = tmp_path / "county"
    shutil.copytree(workspace.folder, folder, ignore=shutil.ignore_patterns("site"))
    return folder


def close(folder: Path, source: str) -> Study:
    """Close the shapes of one source, and bring the outlines up to date."""
    file = folder / "study.toml"
    before, after = file.read_text(encoding="utf-8").split(f"[sources.{source}]", 1)
    after = after.replace('access = "open"', 'access = "derived-only"', 1)
    file.write_text(f"{before}[sources.{source}]{after}", encoding="utf-8")
    run(folder, ["outlines"])
    return read_study(folder)


def test_outlines_of_closed_shapes_stay_closed_and_what_was_not_used_closes_nothing(copy: Path) -> None:
    def offered(folder: Path) -> dict[str, bool]:
        allowed, _ = Workspace(folder).ledger.exportable(["boundaries"])
        return {part.file: part in allowed for part in Workspace(folder).ledger.parts("boundaries")}

    files = [f"boundaries.{name}.parquet" for name in ("outlines", "sources.boroughs", "sources.boundaries")]
    assert offered(copy) == dict.fromkeys(files, True)
    # Authorities went into no outline.
    close(copy, "boroughs")
    assert offered(copy) == dict(zip(files, (True, False, True), strict=True))
    entry = Workspace(copy).ledger.entries["outlines"]
    assert "boroughs" not in entry.sources
    assert "boundaries.sources.boroughs.parquet" in entry.idle
    # Neighbourhoods went into all of them.
    study = close(copy, "boundaries")
    assert not any(offered(copy).values())
    _, found = gather(open_tables(Workspace(copy), study), study)
    assert joined_note(found, "part25") == ""
    assert told_outlines(found) == ()


def test_who_lives_in_an_area_does_not_close_its_outline_but_what_lies_in_it_does(copy: Path) -> None:
    def levels(study: Study) -> set[str]:
        return set(open_tables(Workspace(copy), study).read("boundaries")["level"])

    assert "part25" in levels(close(copy, "people"))
    assert "part25" not in levels(close(copy, "lookup"))


def test_a_changed_number_makes_no_shape_again(copy: Path) -> None:
    study = read_study(copy)
    publish_site(Workspace(copy), study, Workspace(copy).site)
    kept = [*Workspace(copy).site.glob("tiles/*"), *Workspace(copy).site.glob("map/points/*")]
    stamps = {file: file.stat().st_mtime_ns for file in kept}
    bytes_ = (copy / "out/tables/boundaries.outlines.parquet").read_bytes()
    file = copy / "data/areas.csv"
    head, first, rest = file.read_text(encoding="utf-8").split("\n", 2)
    cells = first.split(",")
    at = head.split(",").index("people")
    cells[at] = str(int(cells[at]) + 1)
    file.write_text("\n".join([head, ",".join(cells), rest]), encoding="utf-8")
    run(copy, ["outlines"])
    assert (copy / "out/tables/boundaries.outlines.parquet").read_bytes() == bytes_
    states = {task.task: task.state for task in status(copy).tasks}
    assert states["outlines"] == "current"
    publish_site(Workspace(copy), study, Workspace(copy).site)
    assert {file: file.stat().st_mtime_ns for file in kept} == stamps
