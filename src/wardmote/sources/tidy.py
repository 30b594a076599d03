"""The facts of all files of a source into tables, with the one row that says where they come from.

The same code reads official sets and users' files; only where the layout comes from differs (`wardmote.sources.layouts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import tables
from wardmote.errors import InputError, Problem
from wardmote.levels import Level
from wardmote.sources.catalogue import Entry, Measure
from wardmote.sources.fetch import RawFile
from wardmote.sources.layouts import sheets_of, wanted_indicators
from wardmote.sources.mend import Ledger, one
from wardmote.sources.result import SourceTables
from wardmote.sources.rows import Gathered, gather, keys, repeat
from wardmote.study import SourceSpec

if TYPE_CHECKING:
    import pandas as pd


def read(
    source: str,
    spec: SourceSpec,
    entry: Entry | None,
    files: tuple[RawFile, ...],
    levels: Mapping[str, Level],
) -> SourceTables:
    """Return the tables of a source; see `wardmote.sources.read_source`.

    Args:
        source: The source's name in the study.
        spec: Its section of the study.
        entry: Its set of the catalogue, or None.
        files: Its files.
        levels: Levels of the study.
    """
    ledger = Ledger(source)
    gathered = Gathered(source)
    wanted = wanted_indicators(source, spec, entry)
    for layout, sheets in sheets_of(source, spec, entry, files, wanted):
        for sheet in sheets:
            gather(sheet, layout, levels, ledger, gathered)
    ledger.settle()
    _refuse_nothing(files, gathered)
    measures = _measures(spec, entry)
    return SourceTables(
        sources=_source_row(source, spec, entry, files, gathered),
        mendings=ledger.frame(),
        area_facts=_area_facts(gathered),
        membership_facts=_stacked("membership_facts", gathered.membership_facts),
        classes=_stacked("classes", gathered.classes),
        boundaries=_stacked("boundaries", gathered.boundaries),
        indicators=_indicators(source, measures, gathered),
        values=_stacked("values", gathered.values),
        priorities=_stacked("priorities", gathered.priorities),
    )


def _refuse_nothing(files: tuple[RawFile, ...], gathered: Gathered) -> None:
    """Refuse a file without any area: it would quietly empty every table that is made from it."""
    if not gathered.rows_kept:
        names = dict.fromkeys(Path(file.path).name for file in files)
        below = f"{gathered.rows_read:,} rows below the header"
        raise InputError(
            Problem(
                ", ".join(names), "no row holds an area", below, "one row an area", "Save it with its rows."
            )
        )


def _stacked(name: str, pieces: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a table from its pieces without copying them."""
    if not pieces:
        return tables.empty(name)
    columns = {}
    for column in dict.fromkeys(key for piece in pieces for key in piece):
        kind = tables.arrow_schema(name).field(column).type
        chunks = []
        for piece in pieces:
            array = one(piece[column]) if column in piece else pa.nulls(len(piece["area"]), kind)
            chunks.append(array if array.type == kind else array.cast(kind))
        columns[column] = pa.chunked_array(chunks, kind)
    return tables.frame(name, columns)


def _area_facts(gathered: Gathered) -> pd.DataFrame:
    """Return the facts about areas, each (level, area) once; what several sheets or files say is put together."""
    pieces = gathered.area_facts
    merged: dict[str, list[dict[str, Any]]] = {}
    for piece in pieces:
        merged.setdefault(piece["level"], []).append(piece)
    stacked = [
        _with_level(level, parts[0] if len(parts) == 1 else _joined(parts), gathered.source)
        for level, parts in merged.items()
    ]
    return _stacked("area_facts", stacked)


def _with_level(level: str, columns: dict[str, Any], source: str) -> dict[str, Any]:
    count = len(columns["area"])
    return {**columns, "level": repeat(level, count), "source": repeat(source, count)}


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return several pieces of one level as one, the first word on each matter kept."""
    names = [name for name in ("name", "population", "households") if any(name in part for part in parts)]
    area = pa.chunked_array([one(part["area"]) for part in parts]).combine_chunks()
    _, first, inverse = np.unique(keys([area]), return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(first), dtype=np.int64)
    place[order] = np.arange(len(first))
    result: dict[str, Any] = {"area": area.take(pa.array(first[order]))}
    for name in names:
        kind = pa.string() if name == "name" else pa.float64()
        cells = [one(part[name]) if name in part else pa.nulls(len(part["area"]), kind) for part in parts]
        column = pa.chunked_array(cells, kind).combine_chunks()
        stated = np.flatnonzero(np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False)))
        at = np.full(len(first), -1, dtype=np.int64)
        # Written backwards, so that the first statement stands last.
        at[place[inverse[stated[::-1]]]] = stated[::-1]
        result[name] = column.take(pa.array(at, mask=at < 0))
    return result


def _measures(spec: SourceSpec, entry: Entry | None) -> dict[str, Measure]:
    """Return what the indicators of the source measure, by identifier."""
    if entry is not None:
        return {measure.indicator: measure for measure in entry.measures}
    return {
        column.indicator: Measure(
            column.indicator,
            column.title or header,
            column.direction,
            column.unit,
            column.modelled,
            column.note,
        )
        for header, column in spec.columns.items()
    }


def _indicators(source: str, measures: Mapping[str, Measure], gathered: Gathered) -> pd.DataFrame:
    """Return the indicators that have values, in the order of the file."""
    present = dict.fromkeys(
        piece["indicator"][0].as_py() for piece in gathered.values if len(piece["indicator"])
    )
    found = [measures[name] for name in present]
    return tables.frame(
        "indicators",
        {
            "indicator": pa.array([measure.indicator for measure in found], pa.string()),
            "title": pa.array([measure.title for measure in found], pa.string()),
            "unit": pa.array([measure.unit or None for measure in found], pa.string()),
            "direction": pa.array([measure.direction for measure in found], pa.int64()),
            "source": pa.array([source] * len(found), pa.string()),
            "derived_from": pa.nulls(len(found), pa.string()),
            "modelled": pa.array(["yes" if measure.modelled else None for measure in found], pa.string()),
            "note": pa.array([measure.note or None for measure in found], pa.string()),
        },
    )


def _source_row(
    source: str, spec: SourceSpec, entry: Entry | None, files: tuple[RawFile, ...], gathered: Gathered
) -> pd.DataFrame:
    """Return the one row that describes the source."""
    licence = spec.licence or (entry.licence if entry is not None else "")
    notes = [spec.note or (entry.note if entry is not None else "")]
    if entry is not None:
        # A licence that the user states in the study is hers to answer for; without one, access cannot become freer than the set's.
        chosen = spec.access or entry.access
        access = chosen if spec.licence else tables.strictest((entry.access, chosen))
    else:
        access = spec.access or ("open" if licence else "private")
        if not licence and spec.access is None:
            notes.append("No licence is stated, so its rows are treated as private.")
    row: dict[str, Any] = {
        "source": source,
        "publisher": spec.publisher or (entry.publisher if entry is not None else "") or None,
        "title": spec.title or (entry.title if entry is not None else "") or None,
        "address": " ".join(dict.fromkeys(raw.address for raw in files)) or None,
        "licence": licence or None,
        "access": access,
        "vintage": spec.vintage or (entry.vintage if entry is not None else "") or None,
        "retrieved": max((raw.retrieved for raw in files), default=None),
        "sha256": " ".join(raw.sha256 for raw in files) or None,
        "rows_read": gathered.rows_read,
        "rows_kept": gathered.rows_kept,
        "note": " ".join(note for note in notes if note) or None,
    }
    schema = tables.arrow_schema("sources")
    return tables.frame(
        "sources", {name: pa.array([value], schema.field(name).type) for name, value in row.items()}
    )
