"""Rows drawn from nothing but the declared constraints of a table.

Whatever `wardmote.tables` declares (bounds, allowed words, keys that never repeat) holds for the rows drawn here, so a table or a
constraint that is added there is drawn here without a further word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote.tables import Column, frame, table

if TYPE_CHECKING:
    import pandas as pd

OPEN_END = 1000.0
"""Where a declared range has no end, numbers are drawn within this distance of the end that it has: wide enough to vary, small
enough to be exact in every format."""

SHARE_EMPTY = 0.1
"""Share of null among values that may be null, so that readers of the table meet null."""

UNIT_SQUARE = bytes.fromhex(
    "0103000000010000000500000000000000000000000000000000000000000000000000f03f0000000000000000"
    "000000000000f03f000000000000f03f0000000000000000000000000000f03f00000000000000000000000000000000"
)
"""A polygon as WKB, for columns of shapes that nobody gives."""


def draw_table(
    name: str, rows: int, rng: np.random.Generator, given: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return a frame of a table that passes `tables.check`, with random values where none are given.

    Args:
        name: The table.
        rows: How many rows, at least 0.
        rng: The generator; the same state gives the same rows.
        given: Columns that are already known, of length `rows`; the caller answers for their keys.

    Returns:
        The frame with Arrow types. Key columns that are drawn never repeat; other columns hold about one null in ten where null
        is allowed.

    Raises:
        MissingError: No such table is declared.
    """
    known = given or {}
    declared = table(name)
    columns: dict[str, Any] = dict(known)
    for column in declared.columns:
        if column.name not in known:
            columns[column.name] = draw_column(column, rows, rng, key=column.name in declared.key)
    return frame(name, columns)


def draw_column(column: Column, rows: int, rng: np.random.Generator, *, key: bool = False) -> list[Any]:
    """Return values for one column that keep its constraint.

    Args:
        column: Its declaration.
        rows: How many values.
        rng: The generator.
        key: Whether it is part of the key: then no value is null, and whole numbers and free texts never repeat.
    """
    values = _values(column, rows, rng, key)
    if column.required or key:
        return values
    empty = rng.random(rows) < SHARE_EMPTY
    return [None if gone else value for value, gone in zip(values, empty, strict=True)]


def _values(column: Column, rows: int, rng: np.random.Generator, key: bool) -> list[Any]:
    """Return values of the column's kind, none of them null."""
    if column.allowed:
        return [column.allowed[i] for i in rng.integers(len(column.allowed), size=rows)]
    low, high = _range(column)
    match column.kind:
        case "number":
            return [float(x) for x in np.round(rng.uniform(low, high, rows), 6)]
        case "whole":
            if key:
                return [int(low) + i for i in range(rows)]
            return [int(x) for x in rng.integers(int(low), int(high) + 1, rows)]
        case "flag":
            return [bool(x) for x in rng.random(rows) < 0.5]
        case "date":
            return [f"20{y:02d}-{m:02d}-01" for y, m in rng.integers((1, 1), (25, 13), (rows, 2))]
        case "shape":
            return [UNIT_SQUARE] * rows
        case "ranks":
            return [[int(x) for x in rng.integers(1, rows + 1, 3)] for _ in range(rows)]
        case _:
            return [f"{column.name} {i + 1}" for i in range(rows)]


def _range(column: Column) -> tuple[float, float]:
    """Return both ends of the declared range; see `OPEN_END`."""
    if column.low is None and column.high is None:
        return -OPEN_END, OPEN_END
    if column.low is None:
        return column.high - OPEN_END if column.high is not None else -OPEN_END, column.high or 0.0
    return column.low, column.low + OPEN_END if column.high is None else column.high
