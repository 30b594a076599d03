"""From draws to tables: intervals of ranks, shares in the greatest-need share, larger areas, what drives them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wardmote.engine.inputs import Inputs
from wardmote.methods.checks import FloatArray
from wardmote.methods.quantiles import RankArray, draw_ranks, rank_quantiles, share_within
from wardmote.methods.ranks import best_rank, last_rank
from wardmote.study import IndexSpec, UncertaintySpec
from wardmote.tables import frame
from wardmote.uncertainty.build import Prepared
from wardmote.uncertainty.sensitivity import Sensitivity

if TYPE_CHECKING:
    import pandas as pd

COVERAGES: tuple[float, ...] = (0.5, 0.9, 0.95)
"""Coverages of the intervals: the middle half for a feel, 90% as audits give it, 95% as statistics offices do."""


AREA_BLOCK = 1024
"""Larger areas sorted at a time. Memory only."""


@dataclass(frozen=True, slots=True)
class Place:
    """The areas of one level whose ranks were drawn.

    Attributes:
        level: The level.
        codes: Their codes.
        measure: Summary that was ranked, "" at the index's own level.
        nominal: Ranks without any uncertainty, NaN where there is none.
        ranks: Ranks by component, (draws, areas).
        values: For larger areas: values by component, (draws, areas).
    """

    level: str
    codes: Any
    measure: str
    nominal: FloatArray
    ranks: Mapping[str, RankArray]
    values: Mapping[str, FloatArray]

    def limit(self, share: float) -> int:
        """Return the last rank inside the greatest-need share of the areas that have a rank."""
        return last_rank(share, int(np.count_nonzero(~np.isnan(self.nominal))))


class Summaries:
    """Turns scores of small areas into values of larger ones, for many draws at once.

    Args:
        prepared: The index.
        spec: The section: which measures.
    """

    def __init__(self, prepared: Prepared, spec: UncertaintySpec) -> None:
        from scipy.sparse import csr_matrix

        inputs, index = prepared.built.inputs, prepared.spec
        score = prepared.built.evaluation.score[prepared.built.plan.root]
        self.known = ~np.isnan(score)
        self.limit = last_rank(spec.share, int(self.known.sum()))
        self.measures: tuple[str, ...] = tuple(spec.summarise)
        self.levels = tuple(index.summarise.levels) if self.measures else ()
        self.sizes = {level: len(inputs.parents[level]) for level in self.levels}
        self._matrices: dict[tuple[str, bool], Any] = {}
        people = _people(inputs, index)
        for level in self.levels:
            at = np.flatnonzero((inputs.groups[level] >= 0) & self.known)
            group = inputs.groups[level][at]
            for weighted in (True, False):
                weight = people[at] if weighted else np.ones(len(at))
                total = np.bincount(group, weights=weight, minlength=self.sizes[level])
                with np.errstate(invalid="ignore", divide="ignore"):
                    part = weight / total[group]
                shape = (self.sizes[level], inputs.n)
                self._matrices[level, weighted] = csr_matrix((part, (group, at)), shape=shape)

    def __call__(self, scores: FloatArray, ranks: Any) -> dict[tuple[str, str], FloatArray]:
        """Return values of larger areas, (draws, areas), by level and measure; all but average score rise with need."""
        found: dict[tuple[str, str], FloatArray] = {}
        columns: dict[str, FloatArray] = {}
        for measure in self.measures if self.levels else ():
            if measure == "average score":
                column = np.where(self.known, scores, 0.0)
            elif measure == "average rank":
                column = int(self.known.sum()) + 1.0 - ranks
            else:
                column = ((ranks > 0) & (ranks <= self.limit)).astype(np.float64)
            columns[measure] = np.ascontiguousarray(column.T)
        for level in self.levels:
            for measure, column in columns.items():
                matrix = self._matrices[level, measure != "proportion"]
                values = np.ascontiguousarray((matrix @ column).T)
                empty = np.diff(matrix.indptr) == 0
                values[:, empty] = np.nan
                found[level, measure] = values
        return found


def _people(inputs: Inputs, index: IndexSpec) -> FloatArray:
    column = inputs.columns.get(index.summarise.population, inputs.population)
    return np.nan_to_num(column, nan=0.0)


def own_place(prepared: Prepared, ranks: Mapping[str, RankArray]) -> Place:
    """Return the index's own areas.

    Args:
        prepared: The index.
        ranks: Ranks by component.
    """
    inputs, plan = prepared.built.inputs, prepared.built.plan
    score = prepared.built.evaluation.score[plan.root]
    nominal = best_rank(score, descending=plan.higher == "need")
    return Place(inputs.level, inputs.codes, "", nominal, ranks, {})


def larger_places(
    prepared: Prepared,
    summaries: Summaries,
    drawn: Mapping[str, Mapping[tuple[str, str], FloatArray]],
    nominal_ranks: FloatArray,
) -> list[Place]:
    """Return the larger areas of an index, by level and measure.

    Args:
        prepared: The index.
        summaries: How they are summarised.
        drawn: Values by component, then by level and measure.
        nominal_ranks: Ranks of the small areas without any uncertainty.
    """
    plan, inputs = prepared.built.plan, prepared.built.inputs
    score = prepared.built.evaluation.score[plan.root]
    ranks = np.nan_to_num(nominal_ranks, nan=0.0).astype(np.int32)
    usual = summaries(score[None], ranks[None])
    places = []
    for (level, measure), value in usual.items():
        falls = measure == "average score" and plan.higher == "better"
        values = {component: found[level, measure] for component, found in drawn.items()}
        placed = {component: draw_ranks(-v if falls else v) for component, v in values.items()}
        nominal = best_rank(value[0], descending=not falls)
        places.append(Place(level, inputs.parents[level], measure, nominal, placed, values))
    return places


def _column(word: str, n: int) -> Any:
    return pa.repeat(pa.scalar(word), n)


def interval_rows(index: str, place: Place, share: float) -> dict[str, Any]:
    """Return the rows of `ranks` (or of `summary_ranks`) for one level, as columns.

    Args:
        index: Name of the index.
        place: The areas.
        share: The greatest-need share.
    """
    lower = [(1 - c) / 2 for c in COVERAGES]
    points = [*lower, 0.5, *(1 - p for p in lower)]
    parts: list[dict[str, Any]] = []
    n, k = len(place.codes), len(COVERAGES)
    for component, ranks in place.ranks.items():
        found = rank_quantiles(ranks, points)
        inside = share_within(ranks, place.limit(share))
        part: dict[str, Any] = {
            "index": _column(index, n * k),
            "level": _column(place.level, n * k),
            "area": pa.concat_arrays([place.codes] * k),
            "component": _column(component, n * k),
            "coverage": np.repeat(np.array(COVERAGES), n),
            "rank_low": found[:k].reshape(-1),
            "rank_median": np.tile(found[k], k),
            "rank_high": found[k + 1 :].reshape(-1),
            "p_greatest_need": np.tile(inside, k),
        }
        if place.measure:
            values = _value_quantiles(place.values[component], points)
            part |= {
                "measure": _column(place.measure, n * k),
                "value_low": values[:k].reshape(-1),
                "value_median": np.tile(values[k], k),
                "value_high": values[k + 1 :].reshape(-1),
            }
        parts.append(part)
    return joined(parts)


def _value_quantiles(values: FloatArray, points: Sequence[float]) -> FloatArray:
    """Return quantiles over draws, without interpolation, leaving out draws that failed: as `rank_quantiles` does for ranks."""
    kept = values[~np.isnan(values).all(axis=1)]
    out = np.full((len(points), values.shape[1]), np.nan)
    if not len(kept):
        return out
    place = [max(ceil(p * len(kept) - 1e-9) - 1, 0) for p in points]
    for start in range(0, values.shape[1], AREA_BLOCK):
        ordered = np.sort(kept[:, start : start + AREA_BLOCK].T, axis=1)
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


def draws_rows(
    index: str, place: Place, share: float, *, keep: int, components: Collection[str]
) -> dict[str, Any]:
    """Return the rows of `draws` for one level, as columns: ranks of the component "both", flags of the two others.

    Args:
        index: Name of the index.
        place: The areas.
        share: The greatest-need share.
        keep: Draws whose ranks are kept.
        components: Components that any index of the section has.
    """
    ranks = np.ascontiguousarray(place.ranks["both"][:keep].T).astype(np.int32, copy=False)
    n, draws = ranks.shape
    offsets = pa.array(np.arange(0, n * draws + 1, draws, dtype=np.int32))
    columns = {
        "index": _column(index, n),
        "level": _column(place.level, n),
        "area": place.codes,
        "ranks": pa.ListArray.from_arrays(offsets, pa.array(ranks.reshape(-1))),
        "rank": place.nominal,
        "measure": pa.array([place.measure or None] * n, pa.string()),
        "share": np.full(n, share),
        "draws": np.full(n, len(place.ranks["both"])),
        "inside_both": _inside_bits(place, "both", share),
        "inside_sampling": _inside_bits(place, "sampling", share) if "sampling" in components else None,
        "inside_method": _inside_bits(place, "method", share) if "method" in components else None,
    }
    return {name: column for name, column in columns.items() if column is not None}


def _inside_bits(place: Place, component: str, share: float) -> Any:
    """Return packed flags of the draws in which each area is in the share; of an index without the component, its own."""
    draws, limit = len(place.ranks["both"]), place.limit(share)
    ranks = place.ranks.get(component)
    usual = (place.nominal <= limit)[None]
    inside = np.repeat(usual, draws, axis=0) if ranks is None else np.asarray((ranks > 0) & (ranks <= limit))
    packed = np.packbits(np.ascontiguousarray(inside.T), axis=1)
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
        "index": _column(index, n * k),
        "level": _column(place.level, n * k),
        "area": pa.concat_arrays([place.codes] * k),
        "factor": pa.concat_arrays([_column(path, n) for path in found.factors]),
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
        "index": _column(index, k * outputs),
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
