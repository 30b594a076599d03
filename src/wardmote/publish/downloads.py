"""Data to take away: one wide table for each level in four formats, with descriptions, and the long tables as a data package."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wardmote import words
from wardmote.publish.atlas import Making
from wardmote.publish.building import digest, safe_name
from wardmote.publish.columns import columns_of
from wardmote.publish.package import fill_package
from wardmote.publish.page import told_withheld
from wardmote.publish.places import PlaceLevel
from wardmote.publish.profiles import Link
from wardmote.publish.shapes import joined_note, shape_credits
from wardmote.publish.spreadsheet import workbook
from wardmote.tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

MEANINGS = {
    "people": "usual residents",
    "rank": "rank; 1 is the greatest need",
    "decile": "tenth; 1 is the greatest-need tenth",
    "score": "score, as it enters the index above it",
    "share": "share, 0 to 1",
    "number": "the summary",
    "count": "how many",
    "class": "class",
    "low": "end of the interval of the rank nearest the greatest need",
    "high": "end of the interval of the rank farthest from it",
}
"""What the numbers of each kind of measure mean."""


@dataclass(frozen=True, slots=True)
class WideColumn:
    """One column of a wide table: name, what it holds, unit, values."""

    name: str
    meaning: str
    unit: str
    values: Any


@dataclass(frozen=True, slots=True)
class Offer:
    """One row of the page of data: what, how many rows, meaning, files."""

    title: str
    rows: int
    meaning: str
    files: tuple[Link, ...]


def make_data(making: Making) -> None:
    """Write the downloads and the page that offers them.

    Args:
        making: What pages are made of.
    """
    offers = [_wide(making, place) for place in making.atlas.levels.values()]
    written, withheld = fill_package(making.found.tables, making.study, making.build, making.day)
    long = [
        Offer(
            name,
            rows,
            TABLES[name].meaning,
            tuple(Link(file.rpartition(".")[2].upper(), f"package/{file}") for file in files),
        )
        for name, rows, files in written
    ]
    told = told_withheld(making.found, withheld)
    making.put("data/index.html", "data.html.j2", wide=offers, long=long, page=making.page, withheld=told)


def wide_columns(making: Making, place: PlaceLevel) -> Iterator[WideColumn]:
    """Yield the columns of the table of one level.

    Args:
        making: What pages are made of.
        place: The level.
    """
    import numpy as np
    import pyarrow as pa

    yield WideColumn("code", f"code of the {place.level.title}", "", pa.array(place.codes, pa.string()))
    yield WideColumn("name", "its name", "", pa.array(place.names, pa.string()))
    for name, rows in place.parents.items():
        above = making.atlas.levels[name]
        taken = pa.array(np.where(rows >= 0, rows, 0)), pa.array(rows < 0)
        for ending, texts in (("", above.codes), ("_name", above.names)):
            column = pa.array(texts, pa.string()).take(taken[0])
            values = pa.compute.if_else(taken[1], None, column)
            what = "name" if ending else "code"
            yield WideColumn(
                f"{name}{ending}", f"{what} of the {above.level.title} that it lies in", "", values
            )
    for one in columns_of(making.atlas, place.level.name):
        if one.kind == "class":
            named = pa.array(["", *one.words]).take(pa.array(one.values))
            values = pa.compute.if_else(pa.array(one.values == 0), None, named)
        elif one.values.dtype.kind in "iu":
            values = pa.array(one.values, mask=one.values == 0)
        else:
            values = pa.array(one.values, from_pandas=True)
        of = f" (of {one.total:,})" if one.total else ""
        yield WideColumn(one.measure, f"{one.title}: {MEANINGS[one.kind]}{of}", one.unit, values)


def _wide(making: Making, place: PlaceLevel) -> Offer:
    """Write the table of one level in all formats and return what is offered."""
    import pyarrow.compute  # noqa: F401  # makes pa.compute known

    columns = list(wide_columns(making, place))
    name = f"places-{safe_name(place.level.name)}"
    content = [part for one in columns for part in (one.name, one.meaning, one.unit, *_bytes(one.values))]
    made_from = digest(
        making.build.ingredients,
        making.frame.title,
        [source.licence for source in making.page.sources],
        *content,
    )
    shapes, told = _shapes(making, place), ""
    makers: dict[str, Any] = {
        f"{name}.csv": lambda: _csv(columns),
        f"{name}.csv-metadata.json": lambda: _csvw(making, place, columns, name),
        f"{name}.parquet": lambda: _parquet(columns, None),
        f"{name}.xlsx": lambda: _xlsx(making, place, columns),
    }
    if shapes is not None:
        told = _told_shapes(making, place)
        makers[f"{name}-shapes.parquet"] = lambda: _parquet(columns, shapes, told)
    for file, make in makers.items():
        mark = made_from
        if file.endswith("-shapes.parquet"):
            mark = digest(made_from, told, *_bytes(shapes))
        if not making.build.keep(f"data/{file}", mark):
            making.build.put(f"data/{file}", make(), mark)
    titles = {".csv": "CSV", ".json": "CSVW", ".xlsx": "XLSX", ".parquet": "Parquet"}
    links = [
        Link(
            "GeoParquet" if file.endswith("-shapes.parquet") else titles[f".{file.rpartition('.')[2]}"], file
        )
        for file in makers
    ]
    return Offer(place.level.plural, len(place.codes), "", tuple(links))


def _bytes(array: Any) -> list[bytes]:
    """Return the bytes of an Arrow array, by which changes are known."""
    chunks = getattr(array, "chunks", [array])
    return [bytes(buffer) for chunk in chunks for buffer in chunk.buffers() if buffer is not None]


def _shapes(making: Making, place: PlaceLevel) -> pa.Array | None:
    """Return the shapes of the places of a level in their order; None where there are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.Table.from_pandas(making.found.read("boundaries"), preserve_index=False)
    table = table.filter(pc.equal(table["level"], place.level.name)) if table.num_rows else table
    if not table.num_rows:
        return None
    rows = pc.index_in(
        pa.array(place.codes, pa.string()), value_set=table["area"].combine_chunks().cast(pa.string())
    )
    return table["geometry"].combine_chunks().take(rows)


def _told_shapes(making: Making, place: PlaceLevel) -> str:
    """Return whose the shapes of a level are, and whether they were joined from smaller ones."""
    level = place.level.name
    credits_ = "; ".join(shape_credits(making.found, making.page, level))
    joined = joined_note(making.found, level)
    return " ".join(part for part in (f"{credits_}." if credits_ else "", joined) if part)


def _table(columns: list[WideColumn]) -> pa.Table:
    import pyarrow as pa

    fields = [
        pa.field(one.name, one.values.type, metadata={"meaning": one.meaning, "unit": one.unit})
        for one in columns
    ]
    return pa.table([one.values for one in columns], schema=pa.schema(fields))


def _csv(columns: list[WideColumn]) -> bytes:
    import pyarrow.csv as pc

    out = io.BytesIO()
    pc.write_csv(_table(columns), out, pc.WriteOptions(include_header=True, quoting_style="needed"))
    return out.getvalue()


def _parquet(columns: list[WideColumn], shapes: Any, told: str = "") -> bytes:
    """Return a wide table as Parquet; with shapes as GeoParquet 1.1 in longitude and latitude (OGC:CRS84, its default), and whose they
    are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _table(columns)
    if shapes is not None:
        geo = {
            "version": "1.1.0",
            "primary_column": "geometry",
            "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}},
        }
        field = pa.field("geometry", shapes.type, metadata={"meaning": f"outline. {told}".strip()})
        table = table.append_column(field, shapes).replace_schema_metadata({"geo": json.dumps(geo)})
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _xlsx(making: Making, place: PlaceLevel, columns: list[WideColumn]) -> bytes:
    """Return a workbook: the rows, and a sheet that says what they are and what each column means."""
    notes = [
        (making.frame.title, ""),
        (f"{place.level.plural}, one row each", ""),
        ("Rank 1 is the greatest need", ""),
    ]
    notes += [("Made with", f"Wardmote {making.frame.version}")]
    notes += [
        ("An empty cell", "no value"),
        ("Who decides, and whom to ask", making.frame.contact or "not stated"),
    ]
    notes += [
        ("Source", f"{s.title}, {s.publisher}, {s.vintage}. Licence: {s.licence}")
        for s in making.page.sources
    ]
    notes += [(one.name, f"{one.meaning}{f' [{one.unit}]' if one.unit else ''}") for one in columns]
    return workbook(
        [
            ("places", [one.name for one in columns], [one.values for one in columns]),
            ("notes", ["What", "Meaning"], [[a for a, _ in notes], [b for _, b in notes]]),
        ]
    )


def _csvw(making: Making, place: PlaceLevel, columns: list[WideColumn], name: str) -> bytes:
    """Return the description of a CSV file for machines (W3C, Metadata Vocabulary for Tabular Data, 2015)."""
    import pyarrow as pa

    def kind(one: WideColumn) -> str:
        return (
            "integer"
            if pa.types.is_integer(one.values.type)
            else "number"
            if pa.types.is_floating(one.values.type)
            else "string"
        )

    licences = words.listed(list(dict.fromkeys(source.licence for source in making.page.sources)))
    document = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": f"{name}.csv",
        "dc:title": f"{making.frame.title}: {place.level.plural}",
        "dc:rights": licences,
        "dc:creator": making.frame.contact,
        "dialect": {"header": True, "encoding": "utf-8"},
        "tableSchema": {
            "primaryKey": "code",
            "columns": [
                {
                    "name": safe_name(one.name),
                    "titles": one.name,
                    "datatype": kind(one),
                    "dc:description": words.sentence(one.meaning),
                }
                for one in columns
            ],
        },
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
