"""The data behind the page as a data package: tidy CSV and Parquet with a description that machines read.

The description follows Frictionless Data Package 2.0 (https://datapackage.org/standard/data-package/) and is also valid for readers
of version 1. Types, units, constraints and keys come from `wardmote.tables`, where every table is declared once.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wardmote import words
from wardmote.publish.building import Build, digest
from wardmote.publish.closing import BY_NODE, open_tables
from wardmote.publish.folder import replaced
from wardmote.publish.reading import OpenTables, Withheld, nothing_to_publish
from wardmote.publish.version import wardmote_version
from wardmote.study import Study
from wardmote.tables import TABLES, Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FIELD_TYPES = {
    "text": "string",
    "number": "number",
    "whole": "integer",
    "flag": "boolean",
    "date": "date",
    "ranks": "array",
}
"""Frictionless types by kind of column; shapes are in Parquet only."""

PACKAGE = "data/package"
"""Where a site holds the data package."""

LISTS = frozenset({"shape", "ranks", "bits"})
"""Kinds of column that a CSV cell cannot hold: such tables are written as Parquet only."""

DATA_PACKAGE_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
"""Profile that the description follows."""


@dataclass(frozen=True, slots=True)
class _Written:
    """One table as it was written: how many rows, its files, and their descriptions."""

    table: Table
    rows: int
    files: list[str]
    resources: list[dict[str, Any]]


def publish_data(tables: Any, study: Study, out: Path, *, built: datetime.date | None = None) -> Path:
    """Return the folder of the data package, after it has replaced what stood in `out`.

    Every table that holds rows is written as ``<table>.csv`` and ``<table>.parquet`` (shapes as Parquet only), as far as licences
    and sensitivity allow. Of an index, rows of leaves whose source is not open are left out too, since they would give the
    source's own figures back. ``README.txt`` says what was left out and which source forbids it.

    Args:
        tables: The study's `wardmote.workspace.Workspace`, or data frames by table name.
        study: The study.
        out: Folder of the package.
        built: Day that the package bears; today by default.

    Raises:
        MissingError: There is nothing to publish yet.
        WorkspaceError: The folder cannot be written.
    """
    opened = open_tables(tables, study)
    day = built or datetime.datetime.now(tz=datetime.UTC).date()
    closed, told = closed_leaves(opened)
    withheld = [*opened.withheld(TABLES), *told]
    with replaced(out) as folder:
        written = [
            _write(TABLES[name], frame, folder)
            for name in _published()
            if len(frame := _without(name, opened.read(name), closed))
        ]
        if not any(item.table.rows == "derived" for item in written):
            refused = [item for item in withheld if item.table in {"need", "nodes"}]
            raise nothing_to_publish(study.folder, refused)
        for name, text in _texts(study, opened, written, withheld, day):
            (folder / name).write_bytes(text.encode("utf-8"))
    return out


def fill_package(
    opened: OpenTables, study: Study, build: Build, day: datetime.date
) -> tuple[list[tuple[str, int, list[str]]], list[Withheld]]:
    """Return table, rows and files of a data package that was written into a site's ``data/package``, and what was left out.

    Files of tables that have not changed are taken over from the site before, and where the ledger tells that a table has not
    changed, it is not even read.

    Args:
        opened: The tables of the study.
        study: The study.
        build: Takes the files.
        day: Day that the package bears.
    """
    closed, told = closed_leaves(opened)
    # One table after the other, so that only one is in memory.
    written = [one for name in _published() if (one := _fill(name, opened, build, closed)) is not None]
    withheld = [*opened.withheld(TABLES), *told]
    for name, text in _texts(study, opened, written, withheld, day):
        build.put(f"{PACKAGE}/{name}", text)
    return [(one.table.name, one.rows, one.files) for one in written], withheld


def _published() -> list[str]:
    """Return the tables that a package may hold."""
    return [name for name, table in TABLES.items() if not table.sensitive]


def _fill(name: str, opened: OpenTables, build: Build, closed: set[tuple[str, str]]) -> _Written | None:
    """Write one table into a site, or take its files over; None where it has no rows that may be published."""
    table, note = TABLES[name], f"{PACKAGE}/{name}"
    print_ = opened.fingerprint(name)
    mark = digest(print_, build.ingredients, sorted(closed) if name in BY_NODE else ()) if print_ else ""
    told = build.recall(note, mark) if mark else None
    if told is not None:
        rows, files, resources, made_from = told
        if all(build.keep(f"{PACKAGE}/{file}", made_from) for file in files):
            return _Written(table, rows, files, resources) if rows else None
    frame = _without(name, opened.read(name), closed)
    if len(frame):
        folder = build.folder / PACKAGE
        folder.mkdir(parents=True, exist_ok=True)
        arrow, shaped = _described(table, frame)
        made_from = _digest_of(arrow)
        files = [f"{name}.parquet"] if shaped else [f"{name}.csv", f"{name}.parquet"]
        if all(build.keep(f"{PACKAGE}/{file}", made_from) for file in files):
            one = _Written(table, len(frame), files, _resources(table, arrow, files, folder))
        else:
            for file in files:
                (folder / file).unlink(missing_ok=True)  # a link to the old file must not be written through
            one = _write(table, frame, folder)
            for file in files:
                build.note(f"{PACKAGE}/{file}", made_from)
    else:
        one, made_from = _Written(table, 0, [], []), ""
    if mark:
        build.remember(note, mark, [one.rows, one.files, one.resources, made_from])
    return one if one.rows else None


def _texts(
    study: Study,
    opened: OpenTables,
    written: Sequence[_Written],
    withheld: Sequence[Withheld],
    day: datetime.date,
) -> list[tuple[str, str]]:
    """Return the two texts of a package: its description and the one for people."""
    sources = opened.read("sources")
    document = _document(study, written, sources, day)
    return [
        ("datapackage.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n"),
        ("README.txt", _readme(study, written, sources, withheld, day)),
    ]


def _digest_of(arrow: pa.Table) -> str:
    """Return a digest of the contents of a table."""
    found = hashlib.blake2b(repr(arrow.schema).encode(), digest_size=16)
    for column in arrow.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None:
                    found.update(buffer)
            found.update(f"{chunk.offset},{len(chunk)};".encode())
    return found.hexdigest()


def closed_leaves(tables: OpenTables) -> tuple[set[tuple[str, str]], list[Withheld]]:
    """Return (index, node) of leaves whose source is not open, and the reasons in words.

    A branch with such a leaf as its only part is closed with it, since it ranks areas exactly as the leaf does.

    Args:
        tables: The tables of the study.
    """
    closed = open_tables(tables).nodes
    forbidding: dict[str, set[str]] = {}
    for one in closed.rows:
        forbidding.setdefault(one[0], set()).update(closed.sources[one])
    told = [
        Withheld(
            ", ".join(BY_NODE),
            index,
            tuple(sorted(forbidding[index])),
            f"Rows of single indicators would give back the figures of {words.listed(sorted(forbidding[index]))},"
            " whose licence does not allow it.",
        )
        for index in closed.roots
        if index in forbidding
    ]
    return closed.rows, told


def _without(name: str, frame: pd.DataFrame, closed: set[tuple[str, str]]) -> pd.DataFrame:
    """Return the rows of a table that are not of closed leaves."""
    if name not in BY_NODE or not closed or not len(frame):
        return frame
    import pandas as pd

    keep = pd.Series(True, index=frame.index)
    for index, node in closed:
        keep &= ~((frame["index"] == index) & (frame["node"] == node)).astype(bool)
    return frame[keep]


def _described(table: Table, frame: pd.DataFrame) -> tuple[pa.Table, bool]:
    """Return a table with meanings and units in its columns, and whether it holds shapes."""
    import pyarrow as pa

    arrow = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    known = {column.name: column for column in table.columns}
    fields = [
        pa.field(
            field.name,
            field.type,
            metadata={"meaning": known[field.name].meaning, "unit": known[field.name].unit}
            if field.name in known
            else None,
        )
        for field in arrow.schema
    ]
    shaped = any(known[name].kind in LISTS for name in arrow.column_names if name in known)
    return arrow.cast(pa.schema(fields)), shaped


def _write(table: Table, frame: pd.DataFrame, folder: Path) -> _Written:
    """Write one table as Parquet and, without its shapes, as CSV."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    arrow, shaped = _described(table, frame)
    files = [f"{table.name}.parquet"]
    pq.write_table(arrow, folder / files[0], compression="zstd")
    if not shaped:
        files.insert(0, f"{table.name}.csv")
        pc.write_csv(arrow, folder / files[0], pc.WriteOptions(include_header=True, quoting_style="needed"))
    return _Written(table, len(frame), files, _resources(table, arrow, files, folder))


def _document(
    study: Study, written: Sequence[_Written], sources: pd.DataFrame, day: datetime.date
) -> dict[str, Any]:
    """Return the description of the package."""
    document: dict[str, Any] = {
        "$schema": DATA_PACKAGE_PROFILE,
        "profile": "data-package",
        "name": re.sub(r"[^a-z0-9._-]", "-", study.study.id),
        "title": study.publish.title or study.study.title,
        "created": f"{day.isoformat()}T00:00:00Z",
        "version": day.isoformat(),
        "licenses": _licences(sources),
        "sources": _sources(sources),
        "resources": [resource for item in written for resource in item.resources],
    }
    if study.study.description:
        document["description"] = study.study.description
    if study.publish.contact:
        document["contributors"] = [{"title": study.publish.contact, "roles": ["contact"], "role": "contact"}]
    return {key: value for key, value in document.items() if value not in ([], "")}


def _licences(sources: pd.DataFrame) -> list[dict[str, str]]:
    """Return the licences of the sources, each once."""
    names = dict.fromkeys(licence for licence in sources["licence"] if isinstance(licence, str) and licence)
    return [
        {"name": re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "other", "title": name}
        for name in names
    ]


def _sources(sources: pd.DataFrame) -> list[dict[str, str]]:
    """Return the sources with title, publisher, edition and address."""
    described = []
    for row in sources.to_dict("records"):
        text = {key: value for key, value in row.items() if isinstance(value, str)}
        parts = [text.get("title") or text["source"], text.get("publisher", ""), text.get("vintage", "")]
        entry = {"title": ", ".join(part for part in parts if part)}
        if text.get("address", "").startswith(("https://", "http://")):
            entry["path"] = text["address"]
        described.append(entry)
    return described


def _resources(table: Table, arrow: pa.Table, files: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Return the descriptions of one table's files."""
    described: list[dict[str, Any]] = []
    for file in files:
        common = {
            "description": table.meaning,
            "bytes": (folder / file).stat().st_size,
            "hash": f"sha256:{_digest(folder / file)}",
        }
        if file.endswith(".csv"):
            described.append(
                {
                    "name": table.name,
                    "type": "table",
                    "profile": "tabular-data-resource",
                    "path": file,
                    "format": "csv",
                    "mediatype": "text/csv",
                    "encoding": "utf-8",
                    **common,
                    "schema": _schema(table, arrow),
                }
            )
        else:
            described.append(
                {
                    "name": f"{table.name}-parquet",
                    # Not "table": frictionless 5 would read it by guessed types and cannot count its bytes.
                    "type": "file",
                    "path": file,
                    "format": "parquet",
                    "mediatype": "application/vnd.apache.parquet",
                    **common,
                }
            )
    return described


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _schema(table: Table, arrow: pa.Table) -> dict[str, Any]:
    """Return fields, key and the mark of missing values of one table."""
    known = {column.name: column for column in table.columns}
    return {
        "fields": [
            _field(known[name], arrow) if name in known else {"name": name, "type": "any"}
            for name in arrow.column_names
        ],
        "primaryKey": list(table.key),
        "missingValues": [""],
    }


def _field(column: Column, frame: pa.Table) -> dict[str, Any]:
    """Return the description of one column: type, meaning with its unit, constraints."""
    kind = FIELD_TYPES[column.kind]
    field: dict[str, Any] = {"name": column.name, "type": kind}
    if kind == "date" and any(len(text.as_py() or "") != len("2025-01-01") for text in frame[column.name]):
        field |= {"type": "datetime", "format": "any"}
    if kind == "boolean":
        field |= {"trueValues": ["true"], "falseValues": ["false"]}
    field["description"] = words.sentence(
        f"{column.meaning}{f' (unit: {column.unit})' if column.unit else ''}"
    )
    constraints: dict[str, Any] = {}
    if column.required and not frame[column.name].null_count:  # cells that a licence closes are empty
        constraints["required"] = True
    if column.low is not None:
        constraints["minimum"] = int(column.low) if column.kind == "whole" else column.low
    if column.high is not None:
        constraints["maximum"] = int(column.high) if column.kind == "whole" else column.high
    if column.allowed:
        constraints["enum"] = list(column.allowed)
    if constraints:
        field["constraints"] = constraints
    return field


def _readme(
    study: Study,
    written: Sequence[_Written],
    sources: pd.DataFrame,
    withheld: Sequence[Withheld],
    day: datetime.date,
) -> str:
    """Return the text for people: what is here, what was left out and why, how to cite."""
    lines = [study.publish.title or study.study.title, "=" * 72]
    lines += [study.study.description] if study.study.description else []
    lines += ["", f"Data behind the page, {day.isoformat()}. Made with Wardmote {wardmote_version()}.", ""]
    lines += ["Tables (CSV in UTF-8, an empty cell is a missing value; the same as Parquet)", ""]
    for item in written:
        kind = "" if len(item.files) > 1 else " (Parquet only)"
        lines.append(f"  {item.table.name:<18}{item.rows:>10,} rows  {item.table.meaning}{kind}")
    lines += [
        "",
        "Rank 1 is the greatest need. No number carries an interval yet unless its columns say so.",
        "",
    ]
    lines += ["Left out", ""]
    if not withheld:
        lines.append("  Nothing.")
    for gone in withheld:
        of = f" of {gone.section}" if gone.section else ""
        by = f" Forbidden by: {words.listed(list(gone.sources))}." if gone.sources else ""
        lines.append(f"  {gone.table}{of}: {gone.reason}{by}")
    lines += ["", "Sources and licences", ""]
    for row in sources.to_dict("records"):
        text = {key: value for key, value in row.items() if isinstance(value, str)}
        parts = [text.get("title") or text["source"], text.get("publisher", ""), text.get("vintage", "")]
        told = ", ".join(part for part in parts if part)
        lines.append(f"  {text['source']}: {told}. Licence: {text.get('licence') or 'not stated'}.")
    if study.publish.contact:
        lines += ["", "Who decides, and whom to ask", "", f"  {study.publish.contact}"]
    return "\n".join(lines) + "\n"
