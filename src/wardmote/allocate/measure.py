"""A round's measure of need: scores of indices and indicators, put on one scale and together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wardmote.allocate.tables_in import Tables, Universe, column, numbers, places_of
from wardmote.errors import Problem
from wardmote.methods.checks import FloatArray
from wardmote.methods.ranks import average_rank, best_rank
from wardmote.study.rounds import PartSpec, RoundSpec


@dataclass(frozen=True, slots=True)
class Need:
    """The measure of need of all places.

    Attributes:
        score: The measure, shape (n,), higher is more need; NaN where a part is missing.
        rank: Rank among all places with a measure, 1 is the greatest need, ties share the best.
        parts: The parts, oriented so that higher is more need, shape (parts, n).
        titles: What the parts are called.
    """

    score: FloatArray
    rank: FloatArray
    parts: FloatArray
    titles: tuple[str, ...]


def measured(
    tables: Tables, universe: Universe, spec: RoundSpec, where: str, problems: list[Problem]
) -> Need:
    """Return the measure of need of all places; problems are added where a part is not there.

    Args:
        tables: The tables.
        universe: The places.
        spec: The round.
        where: How problems name the round.
        problems: Receives what is wrong.
    """
    rows: list[FloatArray] = []
    titles: list[str] = []
    called = dict(zip(tables.indicators["indicator"], tables.indicators["title"], strict=True))
    for position, part in enumerate(spec.measure, start=1):
        here = f"{where}.measure.{position}"
        score = (
            _index_score(tables, universe, part, here, problems)
            if part.index
            else _indicator(tables, universe, part, here, problems)
        )
        rows.append(score)
        titles.append(
            tables.titles.get(part.index, part.index)
            if part.index
            else called.get(part.indicator, part.indicator)
        )
    parts = np.array(rows).reshape(len(rows), universe.n)
    for position, (row, title) in enumerate(zip(parts, titles, strict=True), start=1):
        known = row[~np.isnan(row)]
        if len(known) and known.min() == known.max() and spec.combine in ("z", "minmax"):
            problems.append(
                Problem(f"{where}.measure.{position}", f"{title} is the same everywhere", f"{known[0]:g}")
            )
    weights = np.array([part.weight for part in spec.measure])
    if problems or not len(parts):
        score = np.full(universe.n, np.nan)
    elif len(parts) == 1 and spec.combine == "z":
        score = parts[0]  # one part alone keeps its own unit: standardising it would change no order
    else:
        score = combined(parts, weights, spec.combine)
    return Need(score, best_rank(score), parts, tuple(titles))


def combined(parts: FloatArray, weights: FloatArray, how: str) -> FloatArray:
    """Return parts put together, higher is more need.

    z: ``Σ w_p (x_p − mean_p)/sd_p ÷ Σ w_p`` with the standard deviation of all places (n below). minmax: the same with
    ``(x_p − min_p)/(max_p − min_p)``. rank: weighted mean of ascending ranks (ties averaged). score: ``Σ w_p x_p``. both: the least
    of the ascending ranks, so that the part in which need is less great decides.

    Args:
        parts: Parts, higher is more need, shape (..., parts, n); NaN is missing.
        weights: Their weights, shape (parts,), or (..., parts).
        how: z, minmax, rank, score or both.

    Returns:
        The measure, shape (..., n); NaN where a part is missing. A single part under z, minmax or score keeps its order.
    """
    weight = np.asarray(weights, dtype=np.float64)[..., None]
    if how == "score":
        return np.asarray((weight * parts).sum(axis=-2))
    if how in ("rank", "both"):
        ranks = average_rank(parts)
        joined = np.where(np.isnan(ranks).any(axis=-2), np.nan, ranks.min(axis=-2))
        return joined if how == "both" else np.asarray((weight * ranks).sum(axis=-2) / weight.sum(axis=-2))
    known = ~np.isnan(parts)
    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    filled = np.where(known, parts, 0.0)
    if how == "z":
        middle = filled.sum(axis=-1, keepdims=True) / count
        spread = np.sqrt((np.where(known, parts - middle, 0.0) ** 2).sum(axis=-1, keepdims=True) / count)
    else:
        middle = np.where(known, parts, np.inf).min(axis=-1, keepdims=True)
        spread = np.where(known, parts, -np.inf).max(axis=-1, keepdims=True) - middle
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (parts - middle) / spread
    return np.asarray((weight * scaled).sum(axis=-2) / weight.sum(axis=-2))


def _index_score(
    tables: Tables, universe: Universe, part: PartSpec, where: str, problems: list[Problem]
) -> FloatArray:
    """Return an index's score at the level, or its summary, oriented so that higher is more need."""
    mine = tables.scores[tables.scores["index"] == part.index]
    root = str(mine["node"].iloc[0]) if len(mine) else ""
    rows = mine[(mine["level"] == universe.level) & (mine["node"] == root)]
    name = "score"
    if not len(rows):
        mine = tables.summaries
        rows = mine[(mine["index"] == part.index) & (mine["level"] == universe.level)]
        rows = rows[(rows["measure"] == part.measure) & ((rows["node"] == root) | (root == ""))]
        name = "value"
    if not len(rows):
        problems.append(
            Problem(
                f"{where}.index",
                f"the index {part.index} has no scores at {universe.level}",
                expected=f"scores there, or its summary by {part.measure}",
                remedy=f'Add "{universe.level}" to summarise.levels of the index.',
            )
        )
        return np.full(universe.n, np.nan)
    # An average of scores falls with need where scores do; all other summaries rise with it (see `wardmote.index.results`).
    falls = tables.higher.get(part.index) == "better" and (name == "score" or part.measure == "average score")
    sign = -1.0 if falls else 1.0
    return sign * _aligned(column(rows, "area"), numbers(rows, name), universe)


def _indicator(
    tables: Tables, universe: Universe, part: PartSpec, where: str, problems: list[Problem]
) -> FloatArray:
    """Return an indicator at the level, oriented so that higher is more need."""
    rows = tables.values[tables.values["indicator"] == part.indicator]
    rows = rows[rows["level"] == universe.level]
    rows = rows[rows["period"] == part.period] if part.period else rows
    periods = sorted(set(rows["period"]))
    if len(periods) != 1:
        several = len(periods) > 1
        problems.append(
            Problem(
                f"{where}.indicator",
                "the indicator has values for several periods"
                if several
                else f"there are no values of it at {universe.level}",
                ", ".join(periods) or part.indicator,
                remedy="State `period`."
                if several
                else "Carry it there with a [conversion.…], or correct the name or the level.",
            )
        )
        return np.full(universe.n, np.nan)
    known = tables.indicators[tables.indicators["indicator"] == part.indicator]
    sign = float(known["direction"].iloc[0]) if len(known) else 1.0
    return sign * _aligned(column(rows, "area"), numbers(rows, "value"), universe)


def quantity(tables: Tables, universe: Universe, need: Need, by: str) -> FloatArray | None:
    """Return a quantity of each place by name; None where the study has none of that name.

    Args:
        tables: The tables.
        universe: The places.
        need: The measure of need.
        by: population, households, need, "need x population", or an indicator.
    """
    match by:
        case "population":
            return universe.population
        case "households":
            return universe.households
        case "need":
            return need.score
        case "need x population":
            return np.asarray(need.score * universe.population)
    rows = tables.values[(tables.values["indicator"] == by) & (tables.values["level"] == universe.level)]
    return _aligned(column(rows, "area"), numbers(rows, "value"), universe) if len(rows) else None


def _aligned(codes: object, values: FloatArray, universe: Universe) -> FloatArray:
    """Return values in the order of the places, NaN where there is none."""
    at = places_of(universe.codes, codes)
    return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)
