"""Files into raw sheets: the cells as they stand, each with the row of the file it stands in.

A `Sheet` holds one Arrow column for each header that the layout asks for, as text or as the file's own type, and the true row
numbers, so that an error can name the row that a person sees in her spreadsheet. Nothing is judged here; see `wardmote.sources.mend`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote.errors import InputError, MissingError, Problem
from wardmote.sources.catalogue import Layout, Reader, normal_header

HEADER_SEARCH = 60
"""Rows that are searched for the header: publishers' title blocks are shorter than that."""

SUFFIXES: dict[str, Reader] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".geoparquet": "geoparquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".geojson": "geojson",
    ".json": "geojson",
    ".gpkg": "gpkg",
}
"""How a user's file is read, by its ending; a further .gz or .zip is looked through for text files."""


@dataclass(frozen=True, slots=True)
class Note:
    """One mending that reading itself did.

    Attributes:
        column: Column of the file, or * for whole rows.
        kind: What was found.
        cells: How many.
        first_row: Row where it was first found, or None.
        example: What stood there.
        sentence: What was done.
    """

    column: str
    kind: str
    cells: int
    first_row: int | None
    example: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The cells of one table of one file.

    Attributes:
        name: File (and sheet) as errors name it.
        columns: Arrow array by the layout's header.
        rows: Row of the file for each row of the columns, shape (n,), from 1.
        headers: All headers of the file.
        dates: For workbooks: which cells of a column are dates, shape (n,), by header.
        delimiter: What separates cells of a text file, or "".
        geometry: WKB shapes in EPSG:4326, or None.
        notes: Mendings done on the way.
    """

    name: str
    columns: dict[str, Any]
    rows: np.ndarray[Any, np.dtype[np.int64]]
    headers: tuple[str, ...]
    dates: dict[str, np.ndarray[Any, np.dtype[np.bool_]]] = field(default_factory=dict)
    delimiter: str = ""
    geometry: Any = None
    notes: tuple[Note, ...] = ()


def reader_of(path: Path, *, shapes: bool = False) -> Reader:
    """Return how a file is read, told by its ending.

    Args:
        path: The file.
        shapes: Whether shapes are wanted: a Parquet file is then read as GeoParquet.

    Raises:
        InputError: The ending is not known.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = next((suffix for suffix in reversed(suffixes) if suffix not in (".gz", ".zip")), "")
    if last in SUFFIXES:
        reader = SUFFIXES[last]
        return "geoparquet" if shapes and reader == "parquet" else reader
    raise InputError(
        Problem(
            path.name,
            "the kind of file is not known",
            got=last or "no ending",
            expected=", ".join(SUFFIXES),
            remedy="Save it as CSV, Parquet, XLSX, GeoJSON or GPKG.",
        )
    )


def read_sheets(path: Path, layout: Layout, reader: Reader, *, name: str, member: str = "") -> list[Sheet]:
    """Return the sheets of a file that hold columns of the layout.

    Args:
        path: The file.
        layout: Which headers are wanted.
        reader: How to read it.
        name: How errors name it.
        member: End of the name of the file inside a ZIP archive, or "".

    Returns:
        One sheet; several where the layout looks into all sheets of a workbook.

    Raises:
        MissingError: The file, the sheet or the archive's member is not there.
        InputError: The file is damaged, or lacks wanted headers.
    """
    if not path.is_file():
        raise MissingError(Problem(name, "the file is not there", remedy="Run `wardmote get`."))
    readers: dict[str, Callable[[], list[Sheet]]] = {
        "csv": lambda: [_read_text(_bytes(path, name, member), layout, name)],
        "parquet": lambda: [_read_parquet(path, layout, name)],
        "geoparquet": lambda: [_read_parquet(path, layout, name)],
        "xlsx": lambda: _read_workbook(path, layout, name),
        "geojson": lambda: [_read_shapes(path, layout, name)],
        "gpkg": lambda: [_read_shapes(path, layout, name)],
    }
    return readers[reader]()


# --- headers ----------------------------------------------------------------------------------------------------------------------


def clean_header(text: object) -> str:
    """Return a header as it is compared: without a byte-order mark, with single spaces, without spaces at its ends."""
    return " ".join(str(text if text is not None else "").replace("\ufeff", "").replace("\u200b", "").split())


TRUNCATED = 25
"""A header that is cut off is taken for the start of a longer one only from this length on; File 7 of the 2025 indices has one with
107 characters."""


def match_headers(wanted: Iterable[str], present: Sequence[str], *, loose: bool) -> dict[str, int]:
    """Return the position of each wanted header that is present.

    Args:
        wanted: Headers of the layout.
        present: Headers of the file.
        loose: Whether case and signs are disregarded and a longer or cut-off header matches, where just one does.
    """
    cleaned = [clean_header(header) for header in present]
    positions: dict[str, int] = {}
    for position, header in enumerate(cleaned):
        positions.setdefault(header, position)
    found: dict[str, int] = {}
    normal = [normal_header(header) for header in cleaned] if loose else []
    for header in wanted:
        if (exact := positions.get(clean_header(header))) is not None:
            found[header] = exact
        elif loose and (close := _loose_match(normal_header(header), normal)) is not None:
            found[header] = close
    return found


def _loose_match(wanted: str, present: list[str]) -> int | None:
    """Return the position of the one header that equals, continues, or is cut off from the wanted one; None for none or several."""
    for test in (
        lambda header: header == wanted,
        lambda header: header.startswith(f"{wanted}-"),
        lambda header: len(header) >= TRUNCATED and wanted.startswith(header),
    ):
        hits = [position for position, header in enumerate(present) if test(header)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            return None
    return None


def doubled_headers(found: Iterable[str], present: Sequence[str], name: str) -> list[Problem]:
    """Return a problem for each wanted header that the file has twice: nothing tells which column is meant.

    Args:
        found: Wanted headers that are there.
        present: Headers of the file.
        name: How errors name the file.
    """
    cleaned = [clean_header(header) for header in present]
    return [
        Problem(
            f"{name}, header",
            f"the column “{header}” stands more than once",
            got=", ".join(
                str(place + 1) for place, text in enumerate(cleaned) if text == clean_header(header)
            ),
            expected="one such column",
            remedy="Rename one of them in the file.",
        )
        for header in found
        if cleaned.count(clean_header(header)) > 1
    ]


def missing_headers(
    wanted: Iterable[str], found: Iterable[str], present: Sequence[str], name: str
) -> list[Problem]:
    """Return a problem for each wanted header that the file lacks, with the nearest headers that it has.

    Args:
        wanted: Headers of the layout.
        found: Those of them that are there.
        present: Headers of the file.
        name: How errors name the file.
    """
    from difflib import get_close_matches

    known = [clean_header(header) for header in present if clean_header(header)]
    lower = {header.lower(): header for header in known}
    problems = []
    for header in dict.fromkeys(wanted):
        if header in set(found):
            continue
        near = [lower[hit] for hit in get_close_matches(header.lower(), list(lower), n=3, cutoff=0.5)]
        shown = near or known[:12]
        problems.append(
            Problem(
                f"{name}, header",
                f"there is no column “{header}”",
                got=", ".join(f"“{other}”" for other in shown) or "no headers",
                expected=f"“{header}”",
                remedy=f"Did you mean “{near[0]}”?" if near else "Correct the column's name in the study.",
            )
        )
    return problems


def _find_header(
    rows: Sequence[Sequence[object]], layout: Layout, name: str
) -> tuple[int, dict[str, int], tuple[str, ...]]:
    """Return the position of the header among the first rows, the positions of wanted headers, and all headers.

    The header is the first row that holds all wanted headers; the layout may state its row. Of rows that hold only some, the fullest
    serves to tell what is missing.
    """
    wanted = layout.headers
    if layout.header is not None:
        candidates: Iterable[int] = [layout.header - 1] if layout.header <= len(rows) else []
    else:
        candidates = range(min(len(rows), HEADER_SEARCH))
    best: tuple[int, dict[str, int]] = (0, {})
    for position in candidates:
        texts = [str(cell) if cell is not None else "" for cell in rows[position]]
        found = match_headers(wanted, texts, loose=layout.loose)
        if len(found) == len(wanted):
            if twice := doubled_headers(found, texts, f"{name}, row {position + 1}"):
                raise InputError(twice)
            return position, found, tuple(clean_header(text) for text in texts)
        if len(found) > len(best[1]):
            best = (position, found)
    if layout.header is not None:
        best = (layout.header - 1, best[1])
    if not best[1]:
        # Without any hit the widest of the first rows is most likely the header.
        lengths = [sum(1 for cell in row if cell not in (None, "")) for row in rows[:HEADER_SEARCH]]
        best = (int(np.argmax(lengths)) if lengths and layout.header is None else best[0], {})
    present = tuple(clean_header(cell) for cell in rows[best[0]]) if best[0] < len(rows) else ()
    raise InputError(missing_headers(wanted, best[1], present, f"{name}, row {best[0] + 1}"))


def _header_notes(header_row: int, first_bytes: bytes = b"") -> tuple[Note, ...]:
    """Return the mendings for title rows and a byte-order mark."""
    notes = []
    if first_bytes.startswith(b"\xef\xbb\xbf"):
        notes.append(
            Note(
                "*",
                "byte-order mark",
                1,
                1,
                "U+FEFF",
                "The byte-order mark at the start of the file was removed.",
            )
        )
    if header_row:
        rows = f"{header_row} row{'s' if header_row > 1 else ''}"
        notes.append(
            Note(
                "*",
                "title rows",
                header_row,
                1,
                "",
                f"{rows} above the header (row {header_row + 1}) were left out.",
            )
        )
    return tuple(notes)


# --- text files -------------------------------------------------------------------------------------------------------------------


def _bytes(path: Path, name: str, member: str) -> bytes:
    """Return the bytes of a text file, unpacked from .gz or .zip."""
    try:
        if path.suffix.lower() == ".gz":
            return gzip.decompress(path.read_bytes())
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = [item for item in archive.namelist() if item.endswith(member or ".csv")]
                if len(names) != 1:
                    raise MissingError(
                        Problem(
                            name,
                            "the archive does not hold the one file that is wanted",
                            got=", ".join(archive.namelist()[:12]),
                            expected=member or "one .csv file",
                        )
                    )
                return archive.read(names[0])
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            Problem(name, "the file cannot be unpacked", got=str(error), remedy="Fetch or save it again.")
        ) from None
    return path.read_bytes()


def _read_text(data: bytes, layout: Layout, name: str) -> Sheet:
    """Return the sheet of a text file."""
    text = _decode(data, layout.encoding, name)
    delimiter = _delimiter(text, layout)
    head = list(_records(_head(text), delimiter))
    if not head:
        raise InputError(Problem(name, "the file is empty", remedy="Save it again with its rows."))
    header_row, found, headers = _find_header(head, layout, name)
    _refuse_open_quote(text, delimiter, name)
    notes = _header_notes(header_row, data)
    table = _fast_columns(text, delimiter, header_row, found, len(headers))
    if table is None:
        table = _slow_columns(text, delimiter, header_row, found, headers=headers, name=name)
    columns, count, short = table
    if short:
        notes += (Note("*", "short rows", len(short), short[0], "", SHORT_ROWS),)
    rows = np.arange(header_row + 2, header_row + 2 + count, dtype=np.int64)
    return Sheet(name, columns, rows, headers, delimiter=delimiter, notes=notes)


SHORT_ROWS = "Rows with fewer cells than the header were read as if their last cells were empty."
"""What is said of rows that end early: programs that write CSV leave out empty cells at the end."""


def _refuse_open_quote(text: str, delimiter: str, name: str) -> None:
    """Refuse a quotation mark that is never closed: all rows below it would become one cell."""
    if text.count('"') % 2 == 0:
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for _ in reader:
            begins = reader.line_num + 1
    except csv.Error as error:
        # Strict reading also minds marks in the middle of a cell, which harm nothing.
        if "unexpected end" in str(error):
            raise InputError(
                Problem(
                    f"{name}, line {begins}",
                    "a quotation mark opens a cell and is never closed",
                    got=text.splitlines()[begins - 1][:60],
                    remedy="Close it, or write it twice inside quotation marks where it belongs to the text.",
                )
            ) from None


def _decode(data: bytes, encoding: str, name: str) -> str:
    """Return the text of the bytes; UTF-8 by default, UTF-16 where its mark says so."""
    chosen = encoding or ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    try:
        text = data.decode(chosen).removeprefix("\ufeff")
        # Very old line ends: one carriage return and no line feed.
        return text if "\n" in text else text.replace("\r", "\n")
    except LookupError:
        raise InputError(
            Problem(name, "no such encoding", got=encoding, expected="utf-8, cp1252, utf-16")
        ) from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        near = data[max(0, error.start - 10) : error.start + 10].decode("cp1252", errors="replace")
        raise InputError(
            Problem(
                f"{name}, line {line}",
                f"the file is not {chosen.removesuffix('-sig').upper()} text",
                got=f"byte {data[error.start]:#04x} in “{near.strip()}”",
                remedy='Save it as CSV UTF-8, or state its encoding in the study, for instance encoding = "cp1252".',
            )
        ) from None


def _head(text: str) -> str:
    """Return the first part of a text, enough to hold title rows and header."""
    return text[: 1 << 18]


def _records(text: str, delimiter: str) -> Iterable[list[str]]:
    """Yield the records of a text, at most as many as are searched for the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, record in enumerate(reader):
            if number >= HEADER_SEARCH:
                return
            yield record
    except csv.Error:
        return  # a cell longer than Python's limit: what was read so far must hold the header


def _delimiter(text: str, layout: Layout) -> str:
    """Return what separates the cells: of comma, semicolon and tab the one that finds most wanted headers, then most cells."""

    def worth(delimiter: str) -> tuple[int, int]:
        records = list(_records(_head(text), delimiter))
        hits = max(
            (len(match_headers(layout.headers, record, loose=layout.loose)) for record in records), default=0
        )
        return hits, max(map(len, records), default=0)

    return max((",", ";", "\t"), key=worth)


Columns = tuple[dict[str, Any], int, list[int]]
"""Columns by header, how many rows, and the rows of the file that end before the header does."""


def _fast_columns(
    text: str, delimiter: str, header_row: int, found: dict[str, int], width: int
) -> Columns | None:
    """Return the wanted columns by Arrow's reader, or None where the file is not regular enough for it to keep rows in step."""
    import pyarrow.csv as pacsv

    head = text.split("\n", header_row + 1)[: header_row + 1]
    if any('"' in line and line.count('"') % 2 for line in head):
        return None  # a line break inside quotes: lines and records differ
    names = [f"c{position}" for position in range(width)]
    start = sum(len(line) + 1 for line in head)
    body = text[start:]
    if not body.strip():
        return {header: pa.array([], pa.string()) for header in found}, 0, []
    try:
        table = pacsv.read_csv(
            pa.py_buffer(body.encode()),
            read_options=pacsv.ReadOptions(column_names=names, use_threads=True),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values='"' in body, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[names[position] for position in dict.fromkeys(found.values())],
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns = {header: table.column(names[position]) for header, position in found.items()}
    return columns, table.num_rows, []


def _slow_columns(
    text: str, delimiter: str, header_row: int, found: dict[str, int], *, headers: tuple[str, ...], name: str
) -> Columns:
    """Return the wanted columns by Python's reader, which bears short rows; cells beyond the header are refused."""
    lists: dict[str, list[str]] = {header: [] for header in found}
    problems: list[Problem] = []
    short: list[int] = []
    count = 0
    for number, record in enumerate(_all_records(text, delimiter, name)):
        if number <= header_row:
            continue
        count += 1
        if len(record) > len(headers) and any(cell.strip() for cell in record[len(headers) :]):
            problems.append(
                Problem(
                    f"{name}, row {number + 1}",
                    "the row has more cells than the header",
                    got=str(len(record)),
                    expected=str(len(headers)),
                    remedy="Put a cell that holds the separator into quotes.",
                )
            )
        # Blank lines and notes of one cell are counted as what they are, elsewhere.
        if len(record) < len(headers) and sum(1 for cell in record if cell.strip()) > 1:
            short.append(number + 1)
        for header, position in found.items():
            lists[header].append(record[position] if position < len(record) else "")
    if problems:
        raise InputError(problems[:MOST_PROBLEMS])
    return {header: pa.array(values, pa.string()) for header, values in lists.items()}, count, short


def _all_records(text: str, delimiter: str, name: str) -> Iterable[list[str]]:
    """Yield all records of a text, its faults told as ours."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from reader
    except csv.Error as error:
        raise InputError(
            Problem(f"{name}, line {reader.line_num}", "the text cannot be parted into cells", got=str(error))
        ) from None


MOST_PROBLEMS = 20
"""Problems of one file that are told one by one; more would bury the first."""


# --- Parquet ----------------------------------------------------------------------------------------------------------------------


def _read_parquet(path: Path, layout: Layout, name: str) -> Sheet:
    """Return the sheet of a Parquet file: only the wanted columns are read."""
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            Problem(name, "the file is not Parquet", got=str(error).splitlines()[0], remedy="Save it again.")
        ) from None
    headers = tuple(file.schema_arrow.names)
    found = match_headers(layout.headers, headers, loose=layout.loose)
    problems = missing_headers(layout.headers, found, headers, name)
    if problems:
        raise InputError(problems)
    meta = _geo_metadata(file, name) if layout.geometry else {}
    wanted = [headers[position] for position in found.values()] + ([meta["column"]] if meta else [])
    table = file.read(columns=list(dict.fromkeys(wanted)))
    columns = {header: _plain(table.column(headers[position])) for header, position in found.items()}
    rows = np.arange(1, table.num_rows + 1, dtype=np.int64)
    geometry = None
    if meta:
        geometry = to_wgs84(table.column(meta["column"]), meta["crs"], name)
    return Sheet(name, columns, rows, headers, geometry=geometry)


def _plain(column: Any) -> Any:
    """Return a column as plain text, number, flag or ISO date."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if (
        pa.types.is_string(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
    ):
        return column
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.strftime(column, format="%Y-%m-%d")
    return column.cast(pa.float64() if pa.types.is_decimal(kind) else pa.string())


def _geo_metadata(file: Any, name: str) -> dict[str, Any]:
    """Return the geometry column of a GeoParquet file and its reference system (None for longitude and latitude)."""
    raw = (file.schema_arrow.metadata or {}).get(b"geo")
    try:
        geo = json.loads(raw or b"")
        column = geo["primary_column"]
        about = geo["columns"][column]
    except (TypeError, ValueError, KeyError):
        raise InputError(
            Problem(
                name,
                "the file holds no shapes that GeoParquet describes",
                remedy="Save it as GeoParquet, GPKG or GeoJSON.",
            )
        ) from None
    if about.get("encoding", "WKB") != "WKB":
        raise InputError(
            Problem(name, "shapes are not encoded as WKB", got=str(about.get("encoding")), expected="WKB")
        )
    crs = about.get("crs", "OGC:CRS84")
    identity = crs.get("id", {}) if isinstance(crs, dict) else {}
    code = f"{identity.get('authority')}:{identity.get('code')}"
    return {"column": column, "crs": None if crs == "OGC:CRS84" or code in _LONGITUDE_LATITUDE else crs}


_LONGITUDE_LATITUDE = ("OGC:CRS84", "EPSG:4326")


def to_wgs84(shapes: Any, crs: Any, name: str) -> Any:
    """Return WKB shapes in longitude and latitude (EPSG:4326, x = longitude).

    Args:
        shapes: Arrow column of WKB.
        crs: Their reference system as pyproj reads it, or None where they are in longitude and latitude already.
        name: How errors name the file.

    Raises:
        InputError: The reference system is not known.
    """
    if crs is None:
        return shapes.cast(pa.binary())
    import pyproj
    import shapely

    try:
        system = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            Problem(
                name,
                "the reference system of the shapes is not known",
                got=str(error).splitlines()[0],
                remedy="Save it in EPSG:4326.",
            )
        ) from None
    turn = pyproj.Transformer.from_crs(system, 4326, always_xy=True)
    geometry = shapely.from_wkb(np.asarray(shapes.to_pylist(), dtype=object))
    moved = shapely.transform(geometry, lambda xy: np.column_stack(turn.transform(xy[:, 0], xy[:, 1])))
    return pa.chunked_array([pa.array(list(shapely.to_wkb(moved)), pa.binary())])


# --- GeoJSON and GPKG -------------------------------------------------------------------------------------------------------------


def _read_shapes(path: Path, layout: Layout, name: str) -> Sheet:
    """Return the sheet of a GeoJSON or GPKG file; a row's number is the number of its feature."""
    import pyogrio

    # GDAL takes GeoJSON text that looks like a time for one: the code T03000001 would arrive as 03:00:01.
    as_text = {"DATE_AS_STRING": "YES"} if path.suffix.lower() in {".geojson", ".json"} else {}
    try:
        meta, table = pyogrio.raw.read_arrow(path, read_geometry=layout.geometry, **as_text)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(
            Problem(name, "the file cannot be read as shapes", got=str(error).splitlines()[0])
        ) from None
    headers = tuple(header for header in table.column_names if header != meta["geometry_name"])
    found = match_headers(layout.headers, headers, loose=layout.loose)
    problems = missing_headers(layout.headers, found, headers, name)
    if problems:
        raise InputError(problems)
    columns = {header: _plain(table.column(headers[position])) for header, position in found.items()}
    geometry = None
    if layout.geometry:
        shapes = table.column(meta["geometry_name"] or "wkb_geometry")
        crs = meta["crs"]
        geometry = to_wgs84(shapes, None if crs in (None, *_LONGITUDE_LATITUDE) else crs, name)
    rows = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return Sheet(name, columns, rows, headers, geometry=geometry)


# --- workbooks --------------------------------------------------------------------------------------------------------------------


def _read_workbook(path: Path, layout: Layout, name: str) -> list[Sheet]:
    """Return the sheet that the layout names, or the first that holds all its columns, or each that holds some of them."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise InputError(
            Problem(
                name, "the file is not an XLSX workbook", got=str(error), remedy="Save it as XLSX or CSV."
            )
        ) from None
    try:
        names = book.sheetnames
        if layout.sheet == "*":
            return _read_all_sheets(book, layout, name)
        if layout.sheet and layout.sheet not in names:
            raise MissingError(
                Problem(name, "there is no such sheet", got=layout.sheet, expected=", ".join(names))
            )
        errors: list[Problem] = []
        for title in [layout.sheet] if layout.sheet else names:
            try:
                return [_read_one_sheet(book[title], layout, f"{name}, sheet “{title}”")]
            except InputError as error:
                errors += error.problems
        raise InputError(errors)
    finally:
        book.close()


def _cells(sheet: Any) -> list[tuple[Any, ...]]:
    """Return the cells of a worksheet; the row at position k stands in row k + 1."""
    rows = list(sheet.iter_rows(values_only=True))
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()  # rows that were formatted once and hold nothing
    return rows


def _read_one_sheet(sheet: Any, layout: Layout, name: str) -> Sheet:
    """Return the sheet with all columns of the layout."""
    cells = _cells(sheet)
    if not cells:
        raise InputError(Problem(name, "the sheet is empty"))
    header_row, found, headers = _find_header(cells, layout, name)
    return _workbook_sheet(cells, header_row, found, headers, name)


def _read_all_sheets(book: Any, layout: Layout, name: str) -> list[Sheet]:
    """Return each sheet that holds area codes and some wanted columns, each column from the first sheet that has it."""
    keys = [place.code for place in layout.places]
    names = [place.name for place in layout.places if place.name]
    left = [header for header in layout.headers if header not in (*keys, *names)]
    sheets: list[Sheet] = []
    seen: list[str] = []
    for title in book.sheetnames:
        cells = _cells(book[title])
        for position, row in enumerate(cells[:HEADER_SEARCH]):
            texts = [clean_header(cell) for cell in row]
            found = match_headers([*keys, *names, *left], texts, loose=layout.loose)
            if all(key in found for key in keys) and any(header in found for header in left):
                sheets.append(
                    _workbook_sheet(cells, position, found, tuple(texts), f"{name}, sheet “{title}”")
                )
                left = [header for header in left if header not in found]
                seen += [text for text in texts if text]
                break
    problems = missing_headers(left, (), seen, name)
    if problems:
        raise InputError(problems)
    return sheets


def _workbook_sheet(
    cells: list[tuple[Any, ...]], header_row: int, found: dict[str, int], headers: tuple[str, ...], name: str
) -> Sheet:
    """Return the sheet of a worksheet's cells below its header."""
    body = cells[header_row + 1 :]
    columns: dict[str, Any] = {}
    dates: dict[str, Any] = {}
    for header, position in found.items():
        values = [row[position] if position < len(row) else None for row in body]
        columns[header], dates[header] = _cell_column(values)
    rows = np.arange(header_row + 2, header_row + 2 + len(body), dtype=np.int64)
    return Sheet(name, columns, rows, headers, dates=dates, notes=_header_notes(header_row))


def _cell_column(values: list[Any]) -> tuple[Any, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return a worksheet's column, numbers as numbers where all are, else as text, and which cells are dates."""
    kinds = {type(value) for value in values} - {type(None)}
    dates = np.array([isinstance(value, (date, datetime)) for value in values], dtype=np.bool_)
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64()), dates
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), dates
    if kinds == {str}:
        return pa.array(values, pa.string()), dates
    return pa.array([cell_text(value) for value in values], pa.string()), dates


def cell_text(value: Any) -> str | None:
    """Return a cell as text: whole numbers without a point, dates as ISO 8601 without midnight, true and false in capitals.

    Args:
        value: What openpyxl gives for the cell.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return (
            value.date().isoformat()
            if (value.hour, value.minute, value.second) == (0, 0, 0)
            else value.isoformat()
        )
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
