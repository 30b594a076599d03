"""The data model: every table that Wardmote keeps, declared once.

One declaration serves four readers: the runner checks every table against it before it is written and after it is read, the
data dictionary in ``docs/reference/tables.md`` is generated from it, the toy county draws from its constraints, and licences and
sensitivity are looked up in it.

Tables are long, one fact a row. In memory they are pandas data frames with Arrow types, on disk Parquet. A *part* is the piece of
a table that one stage made for one section of the study (``values`` of one source, ``scores`` of one index); a table is the
parts one below the other.

Words: an *area* is a code at a *level*; codes recur between vintages, so the key is always (level, area). A *node* is a branch or
leaf of an index tree. *Rank 1* is the greatest need.

The declarations stand by theme in `places`, `indices`, `doubt`, `choices` and `evidence`; what a declaration is, in `model`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from wardmote.errors import InputError, MissingError, Problem
from wardmote.tables import choices, doubt, evidence, indices, places
from wardmote.tables.model import (
    ACCESS_ORDER,
    ANSWERS,
    STRENGTHS,
    Access,
    Column,
    Kind,
    Table,
    number_column,
    text_column,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "ACCESS_ORDER",
    "ANSWERS",
    "STRENGTHS",
    "TABLES",
    "Access",
    "Column",
    "Kind",
    "Table",
    "arrow_schema",
    "check",
    "concat",
    "empty",
    "frame",
    "strictest",
    "table",
]

_FINDINGS = Table(
    "findings",
    "One finding in words, with the number that it tells.",
    ("stage", "id", "position"),
    (
        text_column("stage", "the stage that found it"),
        text_column("id", "the section of the study that it belongs to"),
        Column("position", "whole", "its place in the order of telling", required=True, low=1),
        text_column("sentence", "the finding, one plain sentence"),
        number_column("value", "the number that it tells"),
        number_column("low", "lower end of its interval; null where none is available"),
        number_column("high", "upper end of its interval; null where none is available"),
        text_column("source_table", "the table that it was read from"),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *places.TABLES,
        *indices.TABLES,
        *doubt.TABLES,
        *choices.TABLES,
        *evidence.TABLES,
        _FINDINGS,
    )
}
"""All tables by name, in the order in which data flows through them."""


def table(name: str) -> Table:
    """Return the declaration of a table.

    Raises:
        MissingError: No table of that name is declared.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise MissingError(Problem(f"table {name}", "no such table", expected=", ".join(TABLES))) from None


def strictest(access: Iterable[str]) -> Access:
    """Return the strictest of several accesses; "open" where there is none.

    Unknown words count as private, since a licence that is not understood must not be widened.
    """
    order: dict[str, int] = {word: place for place, word in enumerate(ACCESS_ORDER)}
    return ACCESS_ORDER[max((order.get(word, len(ACCESS_ORDER) - 1) for word in access), default=0)]


@cache
def arrow_schema(name: str) -> pa.Schema:
    """Return the Arrow schema of a table, with units and meanings as field metadata."""
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "date": pa.string(),
        "number": pa.float64(),
        "whole": pa.int64(),
        "flag": pa.bool_(),
        "shape": pa.binary(),
        "ranks": pa.list_(pa.int32()),
        "bits": pa.binary(),
    }
    return pa.schema(
        [
            pa.field(
                column.name,
                types[column.kind],
                metadata={"meaning": column.meaning, "unit": column.unit},
            )
            for column in table(name).columns
        ]
    )


def empty(name: str) -> pd.DataFrame:
    """Return the table with all its columns and no rows."""
    return frame(name, {})


def frame(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a data frame of a table from its columns, with Arrow types and in the declared order.

    Declared columns that are not given become null; given columns that are not declared are kept at the end. NaN in number
    columns becomes null. Nothing is checked here but types: see `check`.

    Args:
        name: The table.
        columns: Arrays of one length by column name: NumPy, Arrow, pandas, lists; dictionary-encoded Arrow text is decoded.

    Raises:
        InputError: A column cannot be read as its declared type, or lengths differ.
    """
    import pandas as pd
    import pyarrow as pa

    schema = arrow_schema(name)
    length = next((len(value) for value in columns.values()), 0)
    arrays: dict[str, Any] = {}
    problems: list[Problem] = []
    for field in schema:
        if field.name not in columns:
            arrays[field.name] = pa.nulls(length, field.type)
            continue
        try:
            arrays[field.name] = _as_arrow(columns[field.name], field.type)
        except (
            pa.ArrowInvalid,
            pa.ArrowTypeError,
            pa.ArrowNotImplementedError,
            TypeError,
            ValueError,
        ) as error:
            problems.append(
                Problem(
                    f"table {name}, column {field.name}",
                    "values are not of the declared type",
                    got=str(error).splitlines()[0],
                    expected=str(field.type),
                )
            )
    for extra, value in columns.items():
        if extra not in arrays and extra not in schema.names:
            arrays[extra] = _as_arrow(value, None)
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1:
        problems.append(Problem(f"table {name}", "columns differ in length", got=str(sorted(lengths))))
    if problems:
        raise InputError(problems)
    result: pd.DataFrame = pa.table(arrays).to_pandas(types_mapper=pd.ArrowDtype)
    return result


def _as_arrow(value: Any, kind: pa.DataType | None) -> Any:
    """Return any array as one Arrow array of the kind; NaN becomes null."""
    import numpy as np
    import pyarrow as pa

    array = value
    if hasattr(array, "__arrow_array__"):
        array = array.__arrow_array__()
    if not isinstance(array, (pa.Array, pa.ChunkedArray)):
        # An object column from pandas may hold NaN for missing text: from_pandas reads that as null.
        array = pa.array(np.asarray(array) if not isinstance(array, list) else array, from_pandas=True)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if kind is not None and array.type != kind:
        array = array.cast(kind)
    if pa.types.is_floating(array.type):
        import pyarrow.compute as pc

        if pc.any(pc.is_nan(array)).as_py():
            array = pc.if_else(pc.is_nan(array), None, array)
    return array


def concat(name: str, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return several frames of one table one below the other; the empty table for none."""
    import pandas as pd

    parts = list(frames)
    if not parts:
        return empty(name)
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def check(name: str, data: pd.DataFrame, where: str = "") -> pd.DataFrame:
    """Return the frame with declared types and order, after every declared constraint held.

    Args:
        name: The table.
        data: The frame to check; extra columns are kept at the end.
        where: How to name the frame in errors; the table's name by default.

    Raises:
        InputError: Columns are missing, a key is empty or twice the same, or values break a constraint; all together.
    """
    place = where or f"table {name}"
    declared = table(name)
    absent = [
        column.name for column in declared.columns if column.required and column.name not in data.columns
    ]
    absent += [key for key in declared.key if key not in data.columns and key not in absent]
    if absent:
        raise InputError(
            Problem(
                place,
                "columns are missing",
                got=", ".join(map(str, data.columns)),
                expected=", ".join(absent),
            )
        )
    checked = frame(name, {str(column): data[column].array for column in data.columns})
    problems = [
        problem
        for column in declared.columns
        for problem in _column_problems(place, column, checked[column.name], column.name in declared.key)
    ]
    problems += _key_problems(place, declared, checked)
    if problems:
        raise InputError(problems)
    return checked


def _chunked(values: pd.Series[Any]) -> Any:
    """Return a column as a chunked Arrow array."""
    import pyarrow as pa

    array = values.array.__arrow_array__()
    # Wrapping what is chunked already would read it value by value: a hundred times slower.
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _column_problems(place: str, column: Column, values: pd.Series[Any], key: bool) -> list[Problem]:
    """Return what is wrong with one column, each problem with the first row where it stands."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(values):  # an empty chunked array loses its type below, and nothing can be wrong with no row
        return []
    array = _chunked(values)
    broken: list[tuple[str, Any]] = []
    if (column.required or key) and array.null_count:
        broken.append(("is empty", pc.is_null(array)))
    if column.low is not None:
        broken.append((f"is below {column.low:g}", pc.less(array, column.low)))
    if column.high is not None:
        broken.append((f"is above {column.high:g}", pc.greater(array, column.high)))
    if column.allowed:
        known = pc.is_in(array, value_set=pa.array(column.allowed))
        broken.append(("is not an allowed word", pc.and_(pc.invert(known), pc.is_valid(array))))
    problems = []
    for what, mask in broken:
        count = pc.sum(mask).as_py() or 0
        if count:
            row = pc.index(mask, True).as_py()
            problems.append(
                Problem(
                    f"{place}, column {column.name}, row {row + 1}",
                    f"the value {what} ({count} such rows)",
                    got=repr(array[row].as_py()),
                    expected=column.constraint or "a value, since it is part of the key",
                    remedy="Correct it where it comes from.",
                )
            )
    return problems


def _key_problems(place: str, declared: Table, data: pd.DataFrame) -> list[Problem]:
    """Return a problem where a key stands twice, naming the first such row."""
    import numpy as np
    import pyarrow as pa

    if len(data) < 2:
        return []
    # One integer per row from the dictionary codes of each key column: several times faster than comparing texts.
    code = np.zeros(len(data), dtype=np.int64)
    for key in declared.key:
        array = _chunked(data[key]).combine_chunks()
        encoded = array.dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        # A null key is reported by the column check; here it only must not collide with a code.
        codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
        code = code * (len(encoded.dictionary) + 1) + codes
    # Codes count up in the order of first appearance, so rows that stand in order need no sorting.
    if (code[1:] > code[:-1]).all():
        return []
    ordered = np.sort(code)
    if not (ordered[1:] == ordered[:-1]).any():
        return []
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    twice = counts > 1
    row = int(first[twice].min())
    return [
        Problem(
            f"{place}, row {row + 1}",
            f"the key stands more than once ({int(twice.sum())} such keys)",
            got=", ".join(f"{key} {data[key].iloc[row]}" for key in declared.key),
            expected="each key once",
        )
    ]
