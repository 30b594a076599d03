"""From draws to rows of tables: intervals of ranks, shares in the greatest-need share, what drives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wardmote.methods.checks import FloatArray
from wardmote.methods.quantiles import RankArray, rank_quantiles, share_within
from wardmote.methods.ranks import last_rank
from wardmote.tables import frame
from wardmote.uncertainty.sensitivity import Sensitivity

if TYPE_CHECKING:
    import pandas as pd

COVERAGES: tuple[float, ...] = (0.5, 0.9, 0.95)
"""Coverages of the intervals: the middle half for a feel, 90% as audits give it, 95% as statistics offices do."""

AREA_BLOCK = 1024
"""Areas sorted or packed at a time. Memory only."""


@dataclass(frozen=True, slots=True)
class Place:
    """The areas of one level that are ranked in each draw.

    Attributes:
        level: The level.
        codes: Their codes.
        measure: Summary that is ranked, "" at the index's own level.
        nominal: Ranks without any uncertainty, NaN where there is none.
    """

    level: str
    codes: Any
    measure: str
    nominal: FloatArray

    def limit(self, share: float) -> int:
        """Return the last rank inside the greatest-need share of the areas that have a rank."""
        return last_rank(share, int(np.count_nonzero(~np.isnan(self.nominal))))


def column_of(word: str, n: int) -> Any:
    """Return a column that says the same in each of n rows."""
    return pa.repeat(pa.scalar(word), n)


def interval_rows(
    index: str, place: Place, component: str, ranks: RankArray, values: FloatArray | None, *, share: float
) -> dict[str, Any]:
    """Return the rows of `ranks` (or of `summary_ranks`) for one level and component, as columns.

    Args:
        index: Name of the index.
        place: The areas.
        component: The component.
        ranks: Their ranks, (draws, areas).
        values: For larger areas: their values, (draws, areas).
        share: The greatest-need share.
    """
    lower = [(1 - c) / 2 for c in COVERAGES]
    points = [*lower, 0.5, *(1 - p for p in lower)]
    n, k = len(place.codes), len(COVERAGES)
    found = rank_quantiles(ranks, points)
    part: dict[str, Any] = {
        "index": column_of(index, n * k),
        "level": column_of(place.level, n * k),
        "area": pa.concat_arrays([place.codes] * k),
        "component": column_of(component, n * k),
        "coverage": np.repeat(np.array(COVERAGES), n),
        "rank_low": found[:k].reshape(-1),
        "rank_median": np.tile(found[k], k),
        "rank_high": found[k + 1 :].reshape(-1),
        "p_greatest_need": np.tile(share_within(ranks, place.limit(share)), k),
    }
    if values is not None:
        ends = _value_quantiles(values, points)
        part |= {
            "measure": column_of(place.measure, n * k),
            "value_low": ends[:k].reshape(-1),
            "value_median": np.tile(ends[k], k),
            "value_high": ends[k + 1 :].reshape(-1),
        }
    return part


def _value_quantiles(values: FloatArray, points: Sequence[float]) -> FloatArray:
    """Return quantiles over draws, without interpolation, leaving out draws that failed: as `rank_quantiles` does for ranks."""
    there = np.flatnonzero([not np.isnan(draw).all() for draw in values])
    out = np.full((len(points), values.shape[1]), np.nan)
    if not len(there):
        return out
    place = [max(ceil(p * len(there) - 1e-9) - 1, 0) for p in points]
    for start in range(0, values.shape[1], AREA_BLOCK):
        some = values[:, start : start + AREA_BLOCK]
        ordered = np.ascontiguousarray((some if len(there) == len(some) else some[there]).T)
        ordered.sort(axis=1)
        out[:, start : start + AREA_BLOCK] = ordered[:, place].T
    return out


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return columns of several parts one below the other; nothing for none.

    Args:
        parts: Columns by name, the same names in each.
    """
    if not parts:
        return {}
    return {
        name: pa.concat_arrays([pa.array(part[name]) for part in parts])
        if not isinstance(parts[0][name], np.ndarray)
        else np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def inside_bits(ranks: RankArray, limit: int) -> Any:
    """Return packed flags of the draws in which each area is inside a limit: eight a byte, the first highest.

    Args:
        ranks: Ranks, (draws, areas), 0 = missing.
        limit: The last rank inside.
    """
    packed = np.empty((ranks.shape[1], -(-len(ranks) // 8)), dtype=np.uint8)
    for start in range(0, len(packed), AREA_BLOCK):
        some = ranks[:, start : start + AREA_BLOCK]
        inside = np.ascontiguousarray(((some > 0) & (some <= limit)).T)
        packed[start : start + AREA_BLOCK] = np.packbits(inside, axis=1)
    offsets = np.arange(0, packed.size + 1, packed.shape[1], dtype=np.int32)
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(packed), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(packed.tobytes())]
    )


def rank_share_rows(index: str, place: Place, found: Sensitivity) -> dict[str, Any]:
    """Return the rows of `rank_shares`, as columns.

    Args:
        index: Name of the index.
        place: Its own areas.
        found: What the design found.
    """
    n, k = len(place.codes), len(found.factors)
    return {
        "index": column_of(index, n * k),
        "level": column_of(place.level, n * k),
        "area": pa.concat_arrays([place.codes] * k),
        "factor": pa.concat_arrays([column_of(path, n) for path in found.factors]),
        "share": found.rank_shares.reshape(-1),
    }


def sensitivity_rows(index: str, found: Sensitivity) -> dict[str, Any]:
    """Return the rows of `sensitivity`, as columns.

    Args:
        index: Name of the index.
        found: What the design found.
    """
    k, outputs = len(found.factors), len(found.outputs)
    names = {
        "first_order": found.shares.first, "first_low": found.shares.first_low, "first_high": found.shares.first_high,
        "total_order": found.shares.total, "total_low": found.shares.total_low, "total_high": found.shares.total_high,
    }  # fmt: skip
    return {
        "index": column_of(index, k * outputs),
        "output": pa.array(np.tile(np.array(found.outputs, dtype=object), k), pa.string()),
        "factor": pa.array(np.repeat(np.array(found.factors, dtype=object), outputs), pa.string()),
        **{name: values.reshape(-1) for name, values in names.items()},
        "runs": np.full(k * outputs, found.runs),
    }


def table(name: str, parts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a table from its parts' columns; empty for none.

    Args:
        name: The table.
        parts: Columns of each part.
    """
    return frame(name, joined([part for part in parts if part]))
