"""Two indices side by side: the same areas under official weights and under residents', for instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import words
from wardmote.engine.inputs import arrow, numbers
from wardmote.errors import InputError, Problem
from wardmote.levels import Level, nouns_of
from wardmote.methods.checks import FloatArray
from wardmote.methods.ranks import greatest_need
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class CompareTables:
    """Two indices side by side.

    Attributes:
        comparisons: Table `comparisons`.
        findings: Table `findings`.
    """

    comparisons: pd.DataFrame
    findings: pd.DataFrame


def root_of(scores: pd.DataFrame) -> str:
    """Return the root of one index from its scores: the node whose rows stand first.

    Args:
        scores: Rows of one index, as `build_index` writes them.

    Raises:
        InputError: There are no rows.
    """
    if not len(scores):
        raise InputError(Problem("table scores", "the index has no scores", expected="rows of the index"))
    return str(scores["node"].iloc[0])


def compare_indices(
    scores_a: pd.DataFrame,
    scores_b: pd.DataFrame,
    *,
    index: str,
    beside: str,
    share: float = 0.1,
    levels: Mapping[str, Level] | None = None,
) -> CompareTables:
    """Return the ranks of two indices side by side, and which areas enter or leave the greatest-need share.

    Args:
        scores_a: Table `scores` that holds the index.
        scores_b: Table `scores` that holds the other one (may be the same table).
        index: Name of the index.
        beside: Name of the one that it is shown beside.
        share: Share of areas with the greatest need, of those that each index ranks.
        levels: Levels of the study, for what areas are called; the built-in ones by default.

    Returns:
        Comparisons for areas that both rank, in the order of their codes, and findings. An area that only one of them ranks
        is left out and counted.

    Raises:
        InputError: One of them has no scores, or their levels differ.
    """
    one, other = _root_rows(scores_a, index), _root_rows(scores_b, beside)
    if one.level != other.level:
        raise InputError(
            Problem(
                f"index.{index}.beside",
                "the indices are at different levels",
                f"{one.level} and {other.level}",
            )
        )
    at = pc.index_in(one.area, value_set=other.area).fill_null(-1).to_numpy(zero_copy_only=False)
    both = (at >= 0) & ~np.isnan(one.rank)
    both[both] &= ~np.isnan(other.rank[at[both]])
    chosen, there = np.flatnonzero(both), at[both]
    inside = greatest_need(one.rank, max(one.counted, 1), share)[chosen]
    inside_other = greatest_need(other.rank, max(other.counted, 1), share)[there]
    area = one.area.take(pa.array(chosen))
    order = pc.sort_indices(area).to_numpy(zero_copy_only=False)
    total = len(chosen)
    comparisons = frame(
        "comparisons",
        {
            "index": pa.repeat(pa.scalar(index), total),
            "beside": pa.repeat(pa.scalar(beside), total),
            "level": pa.repeat(pa.scalar(one.level), total),
            "area": area.take(pa.array(order)),
            "rank": one.rank[chosen][order],
            "rank_beside": other.rank[there][order],
            "enters": (inside & ~inside_other)[order],
            "leaves": (~inside & inside_other)[order],
        },
    )
    left = one.counted + other.counted - 2 * total
    sentences = words.comparison_findings(
        index,
        beside,
        nouns_of(one.level, levels),
        total=total,
        enters=int((inside & ~inside_other).sum()),
        leaves=int((~inside & inside_other).sum()),
        shift=float(np.median(np.abs(one.rank[chosen] - other.rank[there]))) if total else float("nan"),
        left=left,
        share=share,
    )
    return CompareTables(comparisons, findings_table("comparison", index, sentences))


@dataclass(frozen=True, slots=True)
class _Root:
    level: str
    area: pa.Array
    rank: FloatArray
    counted: int


def _root_rows(scores: pd.DataFrame, index: str) -> _Root:
    """Return the ranks of an index's root."""
    rows = scores[scores["index"] == index]
    root = root_of(rows)
    rows = rows[rows["node"] == root]
    rank = numbers(arrow(rows, "rank"))
    return _Root(
        str(rows["level"].iloc[0]), arrow(rows, "area"), rank, int(np.count_nonzero(~np.isnan(rank)))
    )


def findings_table(stage: str, section: str, told: list[tuple[str, float, str]]) -> pd.DataFrame:
    """Return the table `findings` from (sentence, number, table) in the order of telling.

    Args:
        stage: The stage.
        section: The section of the study.
        told: What was found.
    """
    if not told:
        return frame("findings", {})
    return frame(
        "findings",
        {
            "stage": [stage] * len(told),
            "id": [section] * len(told),
            "position": list(range(1, len(told) + 1)),
            "sentence": [sentence for sentence, _, _ in told],
            "value": np.array([value for _, value, _ in told], dtype=np.float64),
            "source_table": [table for _, _, table in told],
        },
    )
