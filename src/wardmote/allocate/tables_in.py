"""What a funding round reads from tables, as arrays over the round's places in ascending order of code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote.levels import LEVELS, Level
from wardmote.methods.checks import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

OrNone = Any
"""A table that a study may not have."""


def column(frame: pd.DataFrame, name: str) -> Any:
    """Return a column of a frame as one Arrow array."""
    values = frame[name].array
    array = (
        values.__arrow_array__() if hasattr(values, "__arrow_array__") else pa.array(values, from_pandas=True)
    )
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def numbers(frame: pd.DataFrame, name: str) -> FloatArray:
    """Return a column of a frame as numbers, NaN for null."""
    array = column(frame, name).cast(pa.float64())
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def places_of(codes: Any, among: Any) -> IntArray:
    """Return the position of each code among others, −1 where it is not there.

    Args:
        codes: Codes, Arrow text.
        among: Where to look them up, Arrow text without doubles.
    """
    found = pc.index_in(codes, value_set=among).fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(found, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a round, and how levels are called; each may be without rows.

    Attributes:
        areas, memberships, scores, summaries, values, indicators, classes, need, draws, boundaries: Tables of these names.
        levels: Levels of the study.
        higher: For each index whether a higher score means more need or better.
        titles: Titles of indices and of definitions of need.
    """

    areas: pd.DataFrame
    memberships: pd.DataFrame
    scores: pd.DataFrame
    summaries: pd.DataFrame
    values: pd.DataFrame
    indicators: pd.DataFrame
    classes: pd.DataFrame
    need: pd.DataFrame
    draws: OrNone = None
    boundaries: OrNone = None
    levels: Mapping[str, Level] = field(default_factory=lambda: LEVELS)
    higher: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def universe(self, level: str, starting: list[str]) -> Universe:
        """Return the areas of a level whose codes start with one of these texts (all for none), by ascending code."""
        rows = self.areas[self.areas["level"] == level]
        codes = column(rows, "area")
        keep = np.ones(len(codes), dtype=np.bool_)
        if starting:
            keep = np.zeros(len(codes), dtype=np.bool_)
            for text in starting:
                keep |= pc.starts_with(codes, pattern=text).to_numpy(zero_copy_only=False)
        order = pc.sort_indices(codes).to_numpy(zero_copy_only=False)
        order = order[keep[order]]
        names = pc.coalesce(column(rows, "name"), codes)
        return Universe(
            level,
            codes.take(pa.array(order)),
            tuple(names.take(pa.array(order)).to_pylist()),
            numbers(rows, "population")[order],
            numbers(rows, "households")[order],
        )

    def parents(self, universe: Universe, level: str) -> Groups | None:
        """Return the larger area of a level that each area lies in, the one that holds most of it; None without a look-up."""
        links = self.memberships
        links = links[(links["level"] == universe.level) & (links["parent_level"] == level)]
        if not len(links):
            return None
        at = places_of(column(links, "area"), universe.codes)
        weight = np.nan_to_num(numbers(links, "weight"), nan=1.0)
        parents = column(links, "parent")
        known = pc.unique(parents)
        known = known.take(pc.sort_indices(known))
        group = np.full(universe.n, -1, dtype=np.int64)
        # Of equal shares the lower code, as everywhere.
        last_first = np.lexsort((-places_of(parents, known), weight))
        last_first = last_first[at[last_first] >= 0]
        group[at[last_first]] = places_of(parents, known)[last_first]
        return self._named(level, group, known)

    def _named(self, level: str, group: IntArray, codes: Any) -> Groups:
        """Return groups that have an area, with their names."""
        used = np.unique(group[group >= 0])
        renumber = np.full(len(codes), -1, dtype=np.int64)
        renumber[used] = np.arange(len(used))
        codes = codes.take(pa.array(used))
        rows = self.areas[self.areas["level"] == level]
        at = places_of(codes, column(rows, "area"))
        names = column(rows, "name").to_pylist()
        known = tuple(
            (names[i] or code) if i >= 0 else code
            for code, i in zip(codes.to_pylist(), at.tolist(), strict=True)
        )
        title = self.levels[level].title if level in self.levels else level
        return Groups(
            level, title, np.where(group >= 0, renumber[group], -1), tuple(codes.to_pylist()), known
        )

    def classed(self, universe: Universe, scheme: str) -> Groups | None:
        """Return the class of each area: its own, or that of most people in its smaller areas; None where there is none."""
        rows = self.classes[self.classes["scheme"] == scheme] if len(self.classes) else self.classes
        if not len(rows):
            return None
        own = rows[rows["level"] == universe.level]
        names = pc.unique(column(rows, "class"))
        names = names.take(pc.sort_indices(names))
        if len(own):
            at = places_of(column(own, "area"), universe.codes)
            group = np.full(universe.n, -1, dtype=np.int64)
            group[at[at >= 0]] = places_of(column(own, "class"), names)[at >= 0]
        else:
            group = self._class_of_most(universe, rows, names)
        used = np.unique(group[group >= 0])
        known = tuple(names.take(pa.array(used)).to_pylist())
        return Groups(
            scheme, scheme, np.where(group >= 0, np.searchsorted(used, group), -1), known, known
        ) if len(used) else None  # fmt: skip

    def _class_of_most(self, universe: Universe, rows: pd.DataFrame, names: Any) -> IntArray:
        """Return for each area the class in which most people of its smaller areas live; −1 where none is known."""
        level = str(rows["level"].iloc[0])
        small = self.universe(level, [])
        inside = self.parents_among(small, universe)
        own = places_of(small.codes, column(rows, "area"))
        kind = np.where(own >= 0, places_of(column(rows, "class"), names)[np.maximum(own, 0)], -1)
        known = (inside >= 0) & (kind >= 0)
        people = np.nan_to_num(small.population, nan=1.0)
        sums = np.zeros((universe.n, len(names)))
        np.add.at(sums, (inside[known], kind[known]), people[known])
        return np.where(sums.sum(axis=1) > 0, sums.argmax(axis=1), -1)

    def parents_among(self, small: Universe, large: Universe) -> IntArray:
        """Return the position of the larger area that each smaller area lies in, −1 where it lies in none of them.

        Args:
            small: The smaller areas.
            large: The larger areas.
        """
        if small.level == large.level:
            return places_of(small.codes, large.codes)
        groups = self.parents(small, large.level)
        if groups is None:
            return np.full(small.n, -1, dtype=np.int64)
        at = places_of(pa.array(groups.codes, pa.string()), large.codes)
        return np.where(groups.group >= 0, at[groups.group], -1)

    def grouped(self, universe: Universe, by: str) -> Groups | None:
        """Return groups by a level or by a scheme of classes; None where the study knows neither."""
        found = self.parents(universe, by)
        return found if found is not None else self.classed(universe, by)


@dataclass(frozen=True, slots=True)
class Universe:
    """All places that a round looks at.

    Attributes:
        level: Their level.
        codes: Their codes, ascending, Arrow text.
        names: Their names (the code where there is none).
        population, households: Counts, shape (n,), NaN where not known.
    """

    level: str
    codes: Any
    names: tuple[str, ...]
    population: FloatArray
    households: FloatArray

    @property
    def n(self) -> int:
        """Return how many there are."""
        return len(self.names)

    @property
    def code_list(self) -> list[str]:
        """Return the codes as a list."""
        found: list[str] = self.codes.to_pylist()
        return found


@dataclass(frozen=True, slots=True)
class Groups:
    """One way to group places.

    Attributes:
        by: The level or scheme.
        title: What one group is called.
        group: Group of each place, shape (n,), −1 for none.
        codes: Codes of the groups.
        names: Their names.
    """

    by: str
    title: str
    group: IntArray
    codes: tuple[str, ...]
    names: tuple[str, ...]
