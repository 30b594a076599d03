"""Kinds of files, layouts and rows that a study may bring: each gives the same facts."""

from __future__ import annotations

import gzip
import re
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from wardmote import tables
from wardmote.errors import InputError, MissingError
from wardmote.levels import LEVELS
from wardmote.sources import SOURCES, SourceTables, get_source, read_source
from wardmote.sources.catalogue import catalogue_page
from wardmote.study import ColumnSpec, SourceSpec

COLUMNS = {
    "Rate": ColumnSpec(
        indicator="rate",
        direction=-1,
        title="A rate",
        unit="%",
        low="Low",
        high="High",
        standard_error="SE",
        numerator="Num",
        denominator="Den",
        modelled=True,
        note="Made up.",
    )
}
TEXT = "Code,Name,Rate,Low,High,SE,Num,Den\nE01000001,One,50,40,60,5,10,20\nE01000002,Two,25,20,30,2.5,5,20\n"
ROWS: list[list[Any]] = [line.split(",") for line in TEXT.splitlines()]
TYPED = [ROWS[0], *([*row[:2], *map(float, row[2:])] for row in ROWS[1:])]


def spec_of(file: str, **settings: Any) -> SourceSpec:
    given = {
        "level": "lsoa21",
        "area": "Code",
        "name": "Name",
        "columns": COLUMNS,
        "period": "2021",
        **settings,
    }
    return SourceSpec(file=file, **given)


def read_spec(folder: Path, spec: SourceSpec) -> SourceTables:
    files = get_source("mine", spec, study_folder=folder, raw_folder=folder / "out/raw", mirror=None)
    result = read_source("mine", spec, files, levels=LEVELS)
    for name in SourceTables.__dataclass_fields__:
        tables.check(name, getattr(result, name))
    return result


def write(path: Path) -> None:
    match path.name:
        case "data.csv" | "data.txt":
            path.write_text(TEXT)
        case "data.tsv":
            path.write_text(TEXT.replace(",", "\t"))
        case "data.csv.gz":
            path.write_bytes(gzip.compress(TEXT.encode()))
        case "data.csv.zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("inside.csv", TEXT)
        case "data.parquet":
            pq.write_table(
                pa.table({header: [row[k] for row in TYPED[1:]] for k, header in enumerate(ROWS[0])}), path
            )
        case "data.xlsx":
            book = openpyxl.Workbook()
            book.active.append(["a cover sheet"])
            sheet = book.create_sheet("Data")
            for row in TYPED:
                sheet.append(row)
            book.save(path)
        case _:
            columns = {header: [row[k] for row in TYPED[1:]] for k, header in enumerate(ROWS[0])}
            shapes = [shapely.box(0, 51, 1, 52), shapely.box(1, 51, 2, 52)]
            geopandas.GeoDataFrame(columns, geometry=shapes, crs=4326).to_file(path)


@pytest.mark.parametrize(
    "file",
    ["data.csv", "data.txt", "data.tsv", "data.csv.gz", "data.csv.zip", "data.parquet", "data.xlsx", "data.gpkg", "data.geojson"],
)  # fmt: skip
def test_every_kind_of_file_gives_the_same_facts(tmp_path: Path, file: str) -> None:
    write(tmp_path / file)
    result = read_spec(tmp_path, spec_of(file))
    numbers = result.values[["value", "low", "high", "standard_error", "numerator", "denominator"]]
    assert numbers.values.tolist() == [[50, 40, 60, 5, 10, 20], [25, 20, 30, 2.5, 5, 20]]
    assert result.values[["indicator", "level", "area", "period"]].values.tolist() == [
        ["rate", "lsoa21", "E01000001", "2021"],
        ["rate", "lsoa21", "E01000002", "2021"],
    ]
    assert result.area_facts[["area", "name"]].values.tolist() == [["E01000001", "One"], ["E01000002", "Two"]]
    row = result.indicators.iloc[0]
    assert (row["title"], row["unit"], row["direction"], row["modelled"], row["note"]) == (
        "A rate",
        "%",
        -1,
        "yes",
        "Made up.",
    )
    source = result.sources.iloc[0]
    assert source["access"] == "private"
    assert source["note"] == "No licence is stated, so its rows are treated as private."
    assert source["address"] == file


def test_long_files(tmp_path: Path) -> None:
    text = "Area,What,When,Figure\nE01000001,Jobs,2020,5\nE01000001,Jobs,2021,6\nE01000002,Jobs,2021,..\n"
    text += 'E01000001,Homes,2021,"1,200"\nE01000001,Cars,2021,9\n'
    (tmp_path / "long.csv").write_text(text)
    columns = {
        "Jobs": ColumnSpec(indicator="jobs", direction=-1),
        "Homes": ColumnSpec(indicator="homes", direction=1),
    }
    spec = spec_of(
        "long.csv",
        area="Area",
        name="",
        layout="long",
        indicator_column="What",
        value_column="Figure",
        period_column="When",
        period="",
        columns=columns,
    )
    result = read_spec(tmp_path, spec)
    frame = result.values.astype(object).where(result.values.notna(), None)
    assert frame[["indicator", "area", "period", "value", "status"]].values.tolist() == [
        ["jobs", "E01000001", "2020", 5.0, None],
        ["jobs", "E01000001", "2021", 6.0, None],
        ["jobs", "E01000002", "2021", None, "suppressed"],
        ["homes", "E01000001", "2021", 1200.0, None],
    ]
    assert dict(result.mendings[["kind", "cells"]].values.tolist()) == {
        "rows of other indicators": 1,
        "suppressed": 1,
        "thousands separators": 1,
    }
    (tmp_path / "long.csv").write_text(text + "E01000001,Jobs,2021,7\n")
    with pytest.raises(InputError, match="rows 3 and 7"):
        read_spec(tmp_path, spec)
    (tmp_path / "long.csv").write_text(text.replace("Homes", "Houses"))
    with pytest.raises(InputError, match=r"there is no indicator “Homes”.*Did you mean “Houses”"):
        read_spec(tmp_path, spec)


def test_areas_with_people_and_households(tmp_path: Path) -> None:
    (tmp_path / "areas.csv").write_text(
        'Code,Name,People,Homes\nE01000001,One,"1,500",600\nE01000002,Two,c,700\n'
    )
    spec = spec_of(
        "areas.csv", kind="areas", columns={}, population="People", households="Homes", licence="OGL"
    )
    frame = read_spec(tmp_path, spec).area_facts.astype(object)
    frame = frame.where(frame.notna(), None)
    assert frame[["area", "population", "households"]].values.tolist() == [
        ["E01000001", 1500.0, 600.0],
        ["E01000002", None, 700.0],
    ]


def test_memberships_nested_and_shared(tmp_path: Path) -> None:
    text = "Code,Name,LAD,LADName,Share\nE01000001,One,E09000001,A,1\nE01000002,Two,E09000001,A,0.25\nE01000002,Two,E09000002,B,0.75\n"
    (tmp_path / "links.csv").write_text(text)
    given: dict[str, Any] = {"kind": "memberships", "columns": {}, "parents": {"lad24": "LAD"}}
    spec = spec_of("links.csv", parent_names={"lad24": "LADName"}, weight="Share", **given)
    result = read_spec(tmp_path, spec)
    assert result.membership_facts[["area", "parent", "weight"]].values.tolist() == [
        ["E01000001", "E09000001", 1.0],
        ["E01000002", "E09000001", 0.25],
        ["E01000002", "E09000002", 0.75],
    ]
    assert result.area_facts[["level", "area", "name"]].values.tolist() == [
        ["lsoa21", "E01000001", "One"],
        ["lsoa21", "E01000002", "Two"],
        ["lad24", "E09000001", "A"],
        ["lad24", "E09000002", "B"],
    ]
    with pytest.raises(InputError, match="one area of lsoa21 in more than one lad24, without shares"):
        read_spec(tmp_path, spec_of("links.csv", **given))
    (tmp_path / "links.csv").write_text(text + "E01000001,One,E09000001,A,1\n")
    with pytest.raises(InputError, match="rows 2 and 5"):
        read_spec(tmp_path, spec)
    (tmp_path / "links.csv").write_text(text.replace("E09000002", "London"))
    with pytest.raises(InputError, match="row 4, column “LAD”: the code is not one of level lad24"):
        read_spec(tmp_path, spec)


def test_classes_and_priorities(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("Code,Kind,Health,Asked\nE01000001,Rural,3,20\nE01000002,,2,30\n")
    result = read_spec(
        tmp_path, spec_of("data.csv", kind="classes", name="", columns={}, value_column="Kind")
    )
    assert result.classes[["scheme", "area", "class"]].values.tolist() == [["mine", "E01000001", "Rural"]]
    columns = {"Health": ColumnSpec(indicator="health", direction=1, denominator="Asked")}
    result = read_spec(tmp_path, spec_of("data.csv", kind="priorities", name="", columns=columns, period=""))
    assert result.priorities[["priority", "area", "weight", "respondents"]].values.tolist() == [
        ["health", "E01000001", 3.0, 20.0],
        ["health", "E01000002", 2.0, 30.0],
    ]
    assert len(result.values) == 0


@pytest.mark.parametrize("file", ["shapes.gpkg", "shapes.geojson", "shapes.parquet", "shapes.geoparquet"])
@pytest.mark.parametrize("crs", [4326, 27700])
def test_shapes_come_out_in_longitude_and_latitude(tmp_path: Path, file: str, crs: int) -> None:
    corners = shapely.box(-0.13, 51.50, -0.10, 51.52)
    frame = geopandas.GeoDataFrame({"Code": ["E01000001"], "Name": ["One"]}, geometry=[corners], crs=4326)
    if crs != 4326 and file.endswith(".geojson"):
        return  # GeoJSON is in longitude and latitude by its own rules
    turned = frame.to_crs(crs)
    path = tmp_path / file
    turned.to_parquet(path) if "parquet" in file else turned.to_file(path)
    result = read_spec(tmp_path, spec_of(file, kind="boundaries", columns={}, period=""))
    bounds = shapely.from_wkb(result.boundaries["geometry"][0]).bounds
    # There and back through the national grid: pyproj's own accuracy for this pair is about a metre, 1e-5 degrees.
    assert bounds == pytest.approx((-0.13, 51.50, -0.10, 51.52), abs=1e-9 if crs == 4326 else 1e-5)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, content, message in (
        ("data.ods", b"x", "the kind of file is not known. Got .ods"),
        ("data.parquet", b"x", "the file is not Parquet"),
        ("data.xlsx", b"x", "the file is not an XLSX workbook"),
        ("data.gpkg", b"x", "the file cannot be read as shapes"),
        ("data.csv.gz", b"x", "the file cannot be unpacked"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=re.escape(message)):
            read_spec(tmp_path, spec_of(name))
    write(tmp_path / "data.parquet")
    with pytest.raises(InputError, match="the file holds no shapes"):
        read_spec(tmp_path, spec_of("data.parquet", kind="boundaries", columns={}))
    with pytest.raises(InputError, match=r"there is no column “Rat”.*Did you mean “Rate”"):
        read_spec(tmp_path, spec_of("data.parquet", columns={"Rat": COLUMNS["Rate"]}))
    write(tmp_path / "data.xlsx")
    with pytest.raises(MissingError, match=r"there is no such sheet\. Got Sheet9; expected Sheet, Data"):
        read_spec(tmp_path, spec_of("data.xlsx", sheet="Sheet9"))


def test_parquet_with_infinities_and_not_a_number(tmp_path: Path) -> None:
    rates = {"Code": ["E01000001", "E01000002"], "Name": ["One", "Two"], "Rate": [float("nan"), 1.0]}
    pq.write_table(pa.table(rates), tmp_path / "data.parquet")
    spec = spec_of("data.parquet", columns={"Rate": ColumnSpec(indicator="rate", direction=1)})
    assert read_spec(tmp_path, spec).values["value"].isna().tolist() == [True, False]
    pq.write_table(pa.table({**rates, "Rate": [1.0, float("inf")]}), tmp_path / "data.parquet")
    with pytest.raises(InputError, match=r"data\.parquet, row 2, column “Rate”: the number is not finite"):
        read_spec(tmp_path, spec)


def test_the_catalogue_is_whole() -> None:
    page = catalogue_page(SOURCES)
    for name, entry in SOURCES.items():
        assert f"## {name}\n" in page
        known = {measure.indicator for measure in entry.measures}
        assert len(known) == len(entry.measures)
        used = {
            field.indicator for form in entry.forms for file in form.files for field in file.layout.fields
        }
        assert used == known
        assert entry.licence
        assert entry.publisher
        for form in entry.forms:
            for file in form.files:
                assert file.path.startswith("https://") == (form.kind == "publisher")
                assert all(place.level in LEVELS for place in file.layout.places)
                assert file.file_name
                assert "?" not in file.file_name
    assert page.count("(not tried)") == sum(
        len(form.files) for entry in SOURCES.values() for form in entry.forms if form.kind == "publisher"
    )
