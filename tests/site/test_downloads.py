"""Data to take away holds what its formats ask for: GeoParquet 1.1, CSV on the Web, Data Package, a workbook with notes."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import shapely

from wardmote.publish.spreadsheet import ROWS, workbook


@pytest.fixture(scope="module")
def data(page: Path) -> Path:
    return page.parent / "data"


def test_geoparquet_names_version_column_encoding_and_place(data: Path) -> None:
    """GeoParquet 1.1.0, "File metadata" and "Column metadata": version, primary_column, columns; encoding and geometry_types are
    required of each column; without crs coordinates are longitude and latitude (OGC:CRS84)."""
    files = sorted(data.glob("places-*-shapes.parquet"))
    assert files
    for file in files:
        schema = pq.read_schema(file)
        geo = json.loads(schema.metadata[b"geo"])
        assert set(geo) >= {"version", "primary_column", "columns"}
        assert geo["version"] == "1.1.0"
        column = geo["columns"][geo["primary_column"]]
        assert column["encoding"] == "WKB"
        assert isinstance(column["geometry_types"], list)
        assert schema.field(geo["primary_column"]).type in (pa.binary(), pa.large_binary())
        table = pq.read_table(file)
        shapes = shapely.from_wkb(table[geo["primary_column"]].to_numpy())
        kinds = {"Polygon": 3, "MultiPolygon": 6}
        assert {kinds[name] for name in column["geometry_types"]} in (set(), set(shapely.get_type_id(shapes)))
        west, south, east, north = shapely.total_bounds(shapes)
        assert -180 <= west < east <= 180
        assert -90 <= south < north <= 90
        # The rest is the plain table.
        plain = pq.read_table(data / file.name.replace("-shapes", ""))
        assert table.drop_columns([geo["primary_column"]]).equals(plain)


def test_csv_on_the_web_describes_each_column_of_its_file(data: Path) -> None:
    """W3C, Metadata Vocabulary for Tabular Data (2015): §5.2 the context, §5.3 a table's url, §5.5 schemas, §5.6 columns, whose names
    are unique and, as parts of addresses, hold no other signs than letters, digits, "_", "." and those percent-encoded."""
    files = sorted(data.glob("places-*.csv-metadata.json"))
    assert files
    for file in files:
        told = json.loads(file.read_text(encoding="utf-8"))
        assert told["@context"][0] == "http://www.w3.org/ns/csvw"
        assert told["@context"][1]["@language"]
        csv = data / told["url"]
        assert file.name == f"{csv.name}-metadata.json", "where readers look for it (§5.3 of the model)"
        columns = told["tableSchema"]["columns"]
        names = [column["name"] for column in columns]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"(?!_)([A-Za-z0-9_.-]|%[0-9A-F]{2})+", name) for name in names)
        assert told["tableSchema"]["primaryKey"] in names
        table = pc.read_csv(csv)
        assert [column["titles"] for column in columns] == table.column_names
        for column, held in zip(columns, table.columns, strict=True):
            if column["datatype"] == "integer":
                assert pa.types.is_integer(held.type) or pa.types.is_null(held.type), column["name"]
            elif column["datatype"] == "number":
                assert (
                    pa.types.is_integer(held.type)
                    or pa.types.is_floating(held.type)
                    or pa.types.is_null(held.type)
                )
        key = table[next(c["titles"] for c in columns if c["name"] == told["tableSchema"]["primaryKey"])]
        assert len(set(key.to_pylist())) == table.num_rows


def test_the_sites_data_package_says_what_the_standard_requires(data: Path) -> None:
    """Data Package 2.0: resources with a name and a path or data; names unique; each path stays below the package; a schema of fields
    with names and types; licences with a name or a path."""
    package = data / "package"
    told: dict[str, Any] = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    assert told["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert re.fullmatch(r"[a-z0-9._-]+", told["name"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["created"])
    assert all("name" in one or "path" in one for one in told["licenses"])
    assert all("title" in one for one in (*told["sources"], *told["contributors"]))
    names = [one["name"] for one in told["resources"]]
    assert len(set(names)) == len(names) > 10
    types = {"string", "number", "integer", "boolean", "date", "datetime", "array", "any"}
    for one in told["resources"]:
        assert (package / one["path"]).resolve().is_relative_to(package.resolve())
        assert (package / one["path"]).stat().st_size == one["bytes"]
        for field in one.get("schema", {}).get("fields", []):
            assert field["name"]
            assert field["type"] in types
    assert {path.name for path in package.iterdir()} == {one["path"] for one in told["resources"]} | {
        "datapackage.json",
        "README.txt",
    }


def test_the_sheet_of_notes_says_what_each_column_means_and_whose_data_it_is(data: Path) -> None:
    for file in sorted(data.glob("places-*.xlsx")):
        book = openpyxl.load_workbook(file, read_only=True)
        assert book.sheetnames == ["places", "notes"]
        header = next(iter(book["places"].values))
        notes = [row[:2] for row in book["notes"].values]
        noted = dict(notes)
        assert set(header) <= set(noted)
        assert all(noted[name] for name in header)
        assert any("Licence" in str(meaning) for what, meaning in notes if what == "Source")


def test_a_long_workbook_is_written_in_pieces_and_reads_as_one(tmp_path: Path) -> None:
    n = 2 * ROWS + 3
    names = pa.array([f"=name & {i}" for i in range(n)])
    numbers = pa.chunked_array([pa.array([None, *range(1, ROWS)]), pa.array(range(ROWS, n))])
    made = workbook([("a", ["name", "number"], [names, numbers]), ("b", ["x"], [[]])])
    assert made == workbook(
        [("a", ["name", "number"], [names.to_pylist(), numbers.to_pylist()]), ("b", ["x"], [[]])]
    )
    (tmp_path / "a.xlsx").write_bytes(made)
    assert zipfile.ZipFile(tmp_path / "a.xlsx").testzip() is None
    rows = list(openpyxl.load_workbook(tmp_path / "a.xlsx")["a"].values)
    assert rows[0] == ("name", "number")
    assert rows[1:] == list(zip(names.to_pylist(), numbers.to_pylist(), strict=True))
