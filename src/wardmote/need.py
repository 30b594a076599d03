"""The need stage: which areas have the greatest need in both deprivation and community need.

Rank 1 is the greatest need. An area is in the greatest-need share where rank ≤ share × n, never rounded up and exact in
arithmetic, n being the areas that the index ranks; areas of a tie are in or out together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import words
from wardmote.errors import InputError, Problem
from wardmote.levels import Level, nouns_of
from wardmote.methods.checks import BoolArray, FloatArray
from wardmote.methods.ranks import greatest_need
from wardmote.study import NeedSpec
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd

TYPES: tuple[str, ...] = ("both", "deprivation only", "community need only", "neither")
"""What an area can be, in the order of telling."""


@dataclass(frozen=True, slots=True)
class NeedTables:
    """One definition of need applied to all areas.

    Attributes:
        need: Table `need`, in the order of the codes.
        findings: Table `findings`.
    """

    need: pd.DataFrame
    findings: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Ranks:
    """The ranks of one index at one level."""

    area: Any
    rank: FloatArray
    n: int


def find_need(
    areas: pd.DataFrame,
    scores: pd.DataFrame,
    summaries: pd.DataFrame,
    draws: pd.DataFrame | None = None,
    *,
    spec: NeedSpec,
    definition: str,
    levels: Mapping[str, Level] | None = None,
    titles: tuple[str, str] = words.FAMILIAR,
) -> NeedTables:
    """Return every area's ranks, flags, type and distance to each threshold, under one definition.

    Args:
        areas: Table `areas`: population.
        scores: Table `scores` with both indices (the root's rows first, as `build_index` writes them).
        summaries: Table `summaries`, for a definition at a higher level.
        draws: Table `draws` of one section of uncertainty with both indices, or None where it has not run; without `ranks`, shares
            other than its own are not known.
        spec: The definition.
        definition: Its name in the study.
        levels: Levels of the study, for what areas are called; the built-in ones by default.
        titles: Titles of the two indices, for findings.

    Returns:
        The table `need` and findings. An area that misses one of the two ranks has no type, no flag for what is missing, and
        is counted in the findings. Distances are in places: 0 on the threshold, positive inside, negative outside.

    Raises:
        InputError: An index has no ranks at the level, or the two indices are at different levels; all together.
    """
    where = f"need.{definition}"
    problems: list[Problem] = []
    level = spec.level or _common_level(scores, spec, where, problems)
    found = [
        _ranks(scores, summaries, index, level, spec=spec, where=f"{where}.{key}", problems=problems)
        for key, index in (("deprivation", spec.deprivation), ("community", spec.community))
    ]
    if problems:
        raise InputError(problems)
    deprivation, community = found
    codes = pc.unique(pa.chunked_array([deprivation.area, community.area]).combine_chunks())
    codes = codes.take(pc.sort_indices(codes))
    ranks = [_aligned(one, codes) for one in found]
    flags = [greatest_need(rank, max(one.n, 1), spec.share) for rank, one in zip(ranks, found, strict=True)]
    limits = [threshold(spec.share, one.n) for one in found]
    people = _population(areas, level, codes)
    known = ~np.isnan(ranks[0]) & ~np.isnan(ranks[1])
    kind = np.select(
        [flags[0] & flags[1], flags[0] & ~flags[1], ~flags[0] & flags[1]], [0, 1, 2], default=3
    ).astype(np.int32)
    joint, doubt = joint_shares(
        draws, (spec.deprivation, spec.community), level, codes,
        ranks=ranks, limits=limits, share=spec.share, measure=spec.measure,
    )  # fmt: skip
    total = len(codes)
    need = frame(
        "need",
        {
            "definition": pa.repeat(pa.scalar(definition), total),
            "level": pa.repeat(pa.scalar(level), total),
            "area": codes,
            "deprivation_rank": ranks[0],
            "community_rank": ranks[1],
            "deprived": _flag(flags[0], ~np.isnan(ranks[0])),
            "community_need": _flag(flags[1], ~np.isnan(ranks[1])),
            "type": pa.DictionaryArray.from_arrays(pa.array(kind, mask=~known), pa.array(list(TYPES))),
            "doubly_disadvantaged": _flag(flags[0] & flags[1], known),
            "deprivation_distance": limits[0] - ranks[0],
            "community_distance": limits[1] - ranks[1],
            "population": people,
            **joint,
        },
    )
    nouns = nouns_of(level, levels)
    found_here = _findings(
        definition,
        spec,
        level,
        kind=kind,
        known=known,
        people=people,
        scores=scores,
        nouns=nouns,
        names=words.need_names(*titles),
        further=words.joint_findings(
            spec.title,
            nouns,
            joint["p_doubly_disadvantaged"],
            known & (kind == 0),
            names=_names(areas, level, codes),
            stale=doubt,
        ),
    )
    return NeedTables(need, found_here)


def threshold(share: float | str | Decimal | Fraction, n: int) -> int:
    """Return the last rank inside the greatest-need share: the largest whole number not above share × n.

    Args:
        share: Share of areas, taken as the decimal that was written.
        n: Areas that are ranked.
    """
    return floor((share if isinstance(share, Fraction) else Fraction(str(share))) * n)


def joint_shares(
    draws: pd.DataFrame | None,
    indices: tuple[str, str],
    level: str,
    codes: Any,
    *,
    ranks: list[FloatArray],
    limits: list[int],
    share: float,
    measure: str = "average score",
) -> tuple[dict[str, FloatArray], bool]:
    """Return in what share of draws each area is in the greatest-need share of both indices: draw k is one world in both.

    Args:
        draws: Table `draws`, or None.
        indices: The two indices.
        level: Level of the areas.
        codes: Their codes.
        ranks: Their ranks in both, as they are now.
        limits: Last rank inside the share, in both.
        share: The share.
        measure: Summary by which larger areas are ranked: draws of another one say nothing of them.

    Returns:
        Shares by column of `need`, NaN where nothing is known; and whether the draws are of an older index, which says nothing.
    """
    columns = ("p_doubly_disadvantaged", "p_doubly_sampling", "p_doubly_method")
    unknown = {name: np.full(len(codes), np.nan) for name in columns}
    if draws is None or not len(draws):
        return unknown, False
    here = draws["level"].eq(level) & (draws["measure"].isna() | draws["measure"].eq(measure))
    kept = draws.columns.drop("ranks", errors="ignore")  # most of the table, and seldom needed
    mine = [here & draws["index"].eq(index) for index in indices]
    rows = [draws.loc[one, kept] for one in mine]
    if not all(len(one) for one in rows):
        return unknown, False
    places = []
    for one, rank in zip(rows, ranks, strict=True):
        at = pc.index_in(codes, value_set=_column(one, "area")).fill_null(-1).to_numpy(zero_copy_only=False)
        drawn = _column(one, "rank").cast(pa.float64()).to_numpy(zero_copy_only=False)
        if not np.array_equal(np.where(at >= 0, drawn[np.maximum(at, 0)], np.nan), rank, equal_nan=True):
            return unknown, True
        places.append(at)
    flags = dict(zip(("both", "sampling", "method"), columns, strict=True))
    found = {
        name: _joint_flags(rows, places, component, share, limits=limits) for component, name in flags.items()
    }
    if "ranks" in draws and np.isnan(found[columns[0]]).all():
        # Another share than the draws were made for: from the ranks that are kept.
        found[columns[0]] = _joint_ranks([draws.loc[one, ["ranks"]] for one in mine], places, limits)
    return found, False


def _joint_ranks(rows: list[pd.DataFrame], places: list[Any], limits: list[int]) -> FloatArray:
    """Return the share of the kept draws in which each area is within both limits."""
    out, there = np.full(len(places[0]), np.nan), (places[0] >= 0) & (places[1] >= 0)
    tables = []
    for one, at in zip(rows, places, strict=True):
        array = _column(one, "ranks")
        tables.append(array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)[at[there]])
    first, second = tables
    drawn = (first > 0) & (second > 0)
    inside = (drawn & (first <= limits[0]) & (second <= limits[1])).sum(axis=1)
    total = drawn.sum(axis=1)
    out[there] = np.divide(inside, total, out=np.full(len(total), np.nan), where=total > 0)
    return out


def _joint_flags(
    rows: list[pd.DataFrame], places: list[Any], component: str, share: float, *, limits: list[int]
) -> FloatArray:
    """Return the share of draws of one component inside both, from packed flags; an index that lacks the component stays as it is.

    A draw that a method refused counts nowhere. Its flags are all 0, which no other draw's are: an area of rank 1 is inside any limit
    that lets anybody in.
    """
    out = np.full(len(places[0]), np.nan)
    stated = [(_column(one, "share")[0].as_py(), _column(one, "draws")[0].as_py()) for one in rows]
    if stated[0] != stated[1] or stated[0][0] != share:
        return out
    there = (places[0] >= 0) & (places[1] >= 0)
    draws = stated[0][1]
    both = np.full((int(there.sum()), -(-draws // 8)), 255, dtype=np.uint8)
    drawn = np.full(both.shape[1], 255, dtype=np.uint8)
    for one, at, limit in zip(rows, places, limits, strict=True):
        flags = _column(one, f"inside_{component}").to_pylist()
        if None in flags:
            return out
        bits = np.frombuffer(b"".join(flags), dtype=np.uint8).reshape(len(one), -1)
        both &= bits[at[there]]
        drawn &= np.bitwise_or.reduce(bits, axis=0) if limit else 255
    total = int(np.unpackbits(drawn, count=draws).sum())
    if total:
        out[there] = np.unpackbits(both, axis=1, count=draws).sum(axis=1) / total
    return out


def _flag(values: BoolArray, known: BoolArray) -> Any:
    return pa.array(values, mask=~known)


def _column(frame_: pd.DataFrame, name: str) -> Any:
    values = frame_[name].array
    array = (
        values.__arrow_array__() if hasattr(values, "__arrow_array__") else pa.array(values, from_pandas=True)
    )
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _common_level(scores: pd.DataFrame, spec: NeedSpec, where: str, problems: list[Problem]) -> str:
    """Return the one level of both indices, or add the problem."""
    levels = {
        index: sorted(set(scores.loc[scores["index"] == index, "level"].unique()))
        for index in (spec.deprivation, spec.community)
    }
    shared = [level for level in levels[spec.deprivation] if level in levels[spec.community]]
    if len(shared) == 1:
        return str(shared[0])
    got = "; ".join(f"{index}: {', '.join(names) or 'no scores'}" for index, names in levels.items())
    problems.append(
        Problem(
            f"{where}.level",
            "the two indices have no common level",
            got,
            "scores of both at one level",
            "State `level`, a higher one at which both are summarised, or build both at one level.",
        )
    )
    return ""


def _ranks(
    scores: pd.DataFrame,
    summaries: pd.DataFrame,
    index: str,
    level: str,
    *,
    spec: NeedSpec,
    where: str,
    problems: list[Problem],
) -> _Ranks:
    """Return an index's ranks at a level: its own, or those of its summary there."""
    empty = _Ranks(pa.array([], pa.string()), np.zeros(0), 0)
    if not level:
        return empty
    mine = scores[scores["index"] == index]
    root = str(mine["node"].iloc[0]) if len(mine) else ""
    rows = mine[mine["level"] == level]
    if not len(rows):
        rows = summaries[(summaries["index"] == index) & (summaries["level"] == level)]
        rows = rows[rows["measure"] == spec.measure]
    rows = rows[rows["node"] == root] if root else rows
    if not len(rows):
        problems.append(
            Problem(
                where,
                f"the index {index} has no ranks at {level}",
                expected=f"scores at {level}, or its summary by {spec.measure}",
                remedy=f'Add "{level}" to summarise.levels of the index.',
            )
        )
        return empty
    rank: FloatArray = _column(rows, "rank").cast(pa.float64()).to_numpy(zero_copy_only=False)
    return _Ranks(_column(rows, "area"), rank, int(np.count_nonzero(~np.isnan(rank))))


def _aligned(ranks: _Ranks, codes: Any) -> FloatArray:
    """Return ranks in the order of the codes, NaN where there is none."""
    at = pc.index_in(codes, value_set=ranks.area).fill_null(-1).to_numpy(zero_copy_only=False)
    return np.where(at >= 0, ranks.rank[np.maximum(at, 0)], np.nan)


def _population(areas: pd.DataFrame, level: str, codes: Any) -> FloatArray:
    """Return usual residents in the order of the codes, NaN where not known."""
    rows = areas[areas["level"] == level] if len(areas) else areas
    if not len(rows):
        return np.full(len(codes), np.nan)
    at = pc.index_in(codes, value_set=_column(rows, "area")).fill_null(-1).to_numpy(zero_copy_only=False)
    people = _column(rows, "population").cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(at >= 0, people[np.maximum(at, 0)], np.nan)


def _names(areas: pd.DataFrame, level: str, codes: Any) -> list[str]:
    """Return the names of areas in the order of the codes; the code where there is no name."""
    rows = areas[areas["level"] == level] if len(areas) else areas
    if not len(rows):
        return list(codes.to_pylist())
    names = pc.coalesce(_column(rows, "name").cast(pa.string()), _column(rows, "area"))
    return list(
        pc.coalesce(names.take(pc.index_in(codes, value_set=_column(rows, "area"))), codes).to_pylist()
    )


def _findings(
    definition: str,
    spec: NeedSpec,
    level: str,
    *,
    kind: Any,
    known: BoolArray,
    people: FloatArray,
    scores: pd.DataFrame,
    nouns: tuple[str, str],
    names: tuple[str, str],
    further: list[words.Told],
) -> pd.DataFrame:
    """Return what was found, in sentences."""
    counts = {name: int(np.count_nonzero(known & (kind == place))) for place, name in enumerate(TYPES)}
    # A type in which anybody's number is unknown has no sum: an understated total would mislead.
    living = {name: float(people[known & (kind == place)].sum()) for place, name in enumerate(TYPES)}
    own = bool(((scores["index"] == spec.deprivation) & (scores["level"] == level)).any())
    told = words.need_findings(
        spec.title,
        nouns,
        share=spec.share,
        counts=counts,
        people_in=living,
        missing=int(np.count_nonzero(~known)),
        measure="" if own else spec.measure,
        names=names,
    )
    told += further
    return frame(
        "findings",
        {
            "stage": ["need"] * len(told),
            "id": [definition] * len(told),
            "position": list(range(1, len(told) + 1)),
            "sentence": [sentence for sentence, _, _ in told],
            "value": np.array([value for _, value, _ in told], dtype=np.float64),
            "source_table": [table for _, _, table in told],
        },
    )
