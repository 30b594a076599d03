"""The outlines stage: shapes of levels that come without any, made by joining the shapes of the smaller areas that they consist of.

A level is given outlines where no source has a shape of it and smaller areas with shapes lie in it. They are joined from one level
alone, so that neighbours still meet: the coarsest at which every area fits wholly; where none does, the one at which most fit, and
those that do not are left out and counted with the reason. A level that was joined may itself be joined further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote import words
from wardmote.levels import Level, nouns_of
from wardmote.methods.checks import IntArray
from wardmote.methods.neighbours import mend
from wardmote.methods.outlines import GAP_METRES, join_shapes
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

COLUMNS = ("level", "area", "geometry", "source", "joined_from", "parts")
"""Columns of an outline."""

Remark = tuple[str, float]
"""A sentence, and the number that it tells."""


@dataclass(frozen=True, slots=True)
class OutlineTables:
    """What `join_outlines` returns.

    Attributes:
        boundaries: Table `boundaries`: the joined outlines alone, levels with the most areas first, codes in order.
        findings: Table `findings`: what was joined from what, and what was left out and why.
    """

    boundaries: pd.DataFrame
    findings: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The shapes of one level that have a surface.

    Attributes:
        codes: Codes, sorted.
        shapes: Valid polygons, or several each, in their order.
        sources: Source of each, several separated by a space.
        mended: How many crossed themselves.
    """

    codes: NDArray[np.object_]
    shapes: NDArray[np.object_]
    sources: NDArray[np.object_]
    mended: int = 0


@dataclass(frozen=True, slots=True)
class _Fit:
    """How the areas of a level are made of those of a smaller one.

    Attributes:
        base: The smaller level.
        group: For each shape of the smaller level the position of the larger area that it makes up with others; -1 for none.
        whole: Positions of the larger areas that consist of shapes wholly.
        shared: How many have a part that lies in them only in part.
        bare: How many more have a part without a shape.
        empty: How many have no part.
    """

    base: str
    group: IntArray
    whole: IntArray
    shared: int
    bare: int
    empty: int


@dataclass(slots=True)
class _Atlas:
    """The shapes at hand: those of the sources, read when they are first asked for, and those joined so far."""

    table: pd.DataFrame | None
    found: dict[str, _Drawn] = field(default_factory=dict)

    def has(self, level: str) -> bool:
        """Return whether a level has any shape, of whatever kind."""
        return level in self.found or (self.table is not None and bool((self.table["level"] == level).any()))

    def of(self, level: str) -> _Drawn:
        """Return the shapes of a level."""
        if level not in self.found:
            assert self.table is not None  # it has the level
            self.found[level] = _drawn(self.table[self.table["level"] == level])
        return self.found[level]


@dataclass(slots=True)
class _Work:
    """The outlines under construction.

    Attributes:
        atlas: The shapes at hand.
        levels: Levels of the study, for what areas are called.
        rows: Columns of the table `boundaries`.
        remarks: What to tell.
    """

    atlas: _Atlas
    levels: Mapping[str, Level] | None
    rows: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    remarks: list[Remark] = field(default_factory=list)

    def join(self, fit: _Fit, level: str, codes: NDArray[np.object_]) -> None:
        """Add the outlines of one level to the rows and to the shapes at hand, and say what was done."""
        import shapely

        drawn, whole = self.atlas.of(fit.base), fit.whole
        joined = join_shapes(drawn.shapes, fit.group, len(codes))
        shapes, sources = joined.outlines[whole], _sources(drawn, fit, len(codes))[whole]
        parts = np.bincount(fit.group[fit.group >= 0], minlength=len(codes))[whole]
        added = (
            [level] * len(whole),
            codes[whole].tolist(),
            shapely.to_wkb(shapes).tolist(),
            sources.tolist(),
            [fit.base] * len(whole),
            parts.tolist(),
        )
        for name, values in zip(COLUMNS, added, strict=True):
            self.rows[name] += values
        self.atlas.found[level] = _Drawn(codes[whole], shapes, sources)
        self._tell_joined(fit.base, level, len(whole), int(parts.sum()))
        self._tell_mended(fit.base, drawn.mended, int(joined.gaps.sum()))

    def _tell_joined(self, base: str, level: str, many: int, parts: int) -> None:
        """Say what was made of what."""
        made = f"{self._told(many, level)} {words.have(many)} an outline made by joining the {self._told(parts, base)}"
        start = f"No source has shapes of {nouns_of(level, self.levels)[1]}:"
        self.remarks.append((f"{start} {made} in {'it' if many == 1 else 'them'}", many))

    def _tell_mended(self, base: str, mended: int, gaps: int) -> None:
        """Say what was wrong with the shapes that were joined."""
        if mended:
            told = self._told(mended, base)
            self.remarks.append((f"Before that, shapes that cross themselves were mended: {told}", mended))
        if gaps:
            were = f"{words.count(gaps, 'gap')} nowhere wider than {GAP_METRES:g} m {'was' if gaps == 1 else 'were'} closed"
            parts = nouns_of(base, self.levels)[1]
            self.remarks.append((f"Between {parts} that should meet, {were}", gaps))

    def tell_left_out(self, fit: _Fit, level: str) -> None:
        """Say how many areas have no outline, and why."""
        parts = nouns_of(fit.base, self.levels)[1]
        for number, why in (
            (fit.shared, f"some of the {parts} in {{}} lie there only in part"),
            (fit.bare, f"some of the {parts} in {{}} have no shape"),
            (fit.empty, f"none of the {parts} lie in {{}}"),
        ):
            if number:
                reason = why.format("it" if number == 1 else "them")
                self.remarks.append((f"No outline was made of {self._told(number, level)}: {reason}", number))

    def _told(self, number: int, level: str) -> str:
        """Return a count of areas of a level in words."""
        return words.count(number, *nouns_of(level, self.levels))

    def findings(self) -> pd.DataFrame:
        """Return the remarks as a table."""
        count = len(self.remarks)
        return frame(
            "findings",
            {
                "stage": ["outlines"] * count,
                "id": ["outlines"] * count,
                "position": np.arange(1, count + 1),
                "sentence": [words.sentence(text) for text, _ in self.remarks],
                "value": np.asarray([value for _, value in self.remarks], dtype=np.float64),
                "source_table": ["boundaries"] * count,
            },
        )


def join_outlines(
    boundaries: pd.DataFrame | None,
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    *,
    wanted: Sequence[str] = (),
    levels: Mapping[str, Level] | None = None,
) -> OutlineTables:
    """Return outlines of the levels that have no shapes of their own.

    An outline is that of what the look-ups put into an area. Where a look-up fits small areas to larger ones as best it can, as those
    of wards do, so is the outline.

    Args:
        boundaries: Table `boundaries` of the sources (WKB, EPSG:4326), or None where there is none.
        areas: Table `areas`, levels with the most areas first.
        memberships: Table `memberships`. An area makes up a larger one where its weight is 1 (no weight counts as 1).
        wanted: Levels that may be given outlines: those that the study names; all where it names none. A level that only a look-up
            passes through is shown nowhere.
        levels: Levels of the study, for what areas are called; the built-in ones by default.

    Returns:
        The outlines with the level and the number of their parts (`joined_from`, `parts`) and the sources of these, and findings.
        An area is left out where it has no part, a part lies in it only in part, or a part has no shape with a surface. The order
        of input rows changes nothing.

    Source: `wardmote.methods.outlines.join_shapes`.
    """
    work = _Work(_Atlas(boundaries), levels)
    codes = {
        str(level): np.sort(rows.to_numpy(dtype=object))
        for level, rows in areas.groupby("level", sort=False)["area"]
    }
    for level in sorted(codes, key=lambda name: -len(codes[name])):
        if work.atlas.has(level) or (wanted and level not in wanted):
            continue
        fit = _best_fit(work.atlas, memberships, level, codes)
        if fit is None:
            continue
        if len(fit.whole):
            work.join(fit, level, codes[level])
        work.tell_left_out(fit, level)
    return OutlineTables(frame("boundaries", work.rows), work.findings())


def _drawn(rows: pd.DataFrame) -> _Drawn:
    """Return the shapes of one level that have a surface, in the order of their codes."""
    import shapely

    ordered = rows[rows["geometry"].notna()].sort_values("area", kind="stable")
    parsed = np.asarray(shapely.from_wkb(ordered["geometry"].to_numpy(dtype=object)), dtype=object)
    solid = np.isin(shapely.get_type_id(parsed), (3, 6)) & ~shapely.is_empty(parsed)
    shapes, mended = mend(parsed[solid])
    return _Drawn(
        ordered["area"].to_numpy(dtype=object)[solid],
        shapes,
        ordered["source"].to_numpy(dtype=object)[solid],
        mended,
    )


def _best_fit(
    atlas: _Atlas, memberships: pd.DataFrame, level: str, codes: Mapping[str, NDArray[np.object_]]
) -> _Fit | None:
    """Return how a level is best made of a smaller one: the most areas whole, of these levels the coarsest; None where none has shapes."""
    links = memberships[memberships["parent_level"] == level]
    # Lookups between levels that do not nest go both ways: only what is smaller can make up what is larger.
    bases = [
        base
        for base in codes
        if len(codes[base]) > len(codes[level]) and (links["level"] == base).any() and atlas.has(base)
    ]
    fits = [_fit(atlas.of(base), base, links[links["level"] == base], codes[level]) for base in bases]
    return max(fits, key=lambda fit: (len(fit.whole), -len(codes[fit.base]), fit.base), default=None)


def _fit(drawn: _Drawn, base: str, links: pd.DataFrame, codes: NDArray[np.object_]) -> _Fit:
    """Return how areas are made of the shapes of one smaller level."""
    import pandas as pd

    part = pd.Index(drawn.codes).get_indexer(pd.Index(links["area"].to_numpy(dtype=object)))
    larger = pd.Index(codes).get_indexer(pd.Index(links["parent"].to_numpy(dtype=object)))
    weight = links["weight"].fillna(1.0).to_numpy(dtype=np.float64)
    inside = (larger >= 0) & (weight > 0)
    part, larger, weight = part[inside], larger[inside], weight[inside]
    count = len(codes)
    has = np.bincount(larger, minlength=count) > 0
    shared = np.bincount(larger[weight < 1], minlength=count) > 0
    bare = (np.bincount(larger[part < 0], minlength=count) > 0) & ~shared
    whole = has & ~shared & ~bare
    group = np.full(len(drawn.codes), -1, dtype=np.int64)
    makes = (part >= 0) & whole[larger]
    group[part[makes]] = larger[makes]
    return _Fit(base, group, np.flatnonzero(whole), int(shared.sum()), int(bare.sum()), int((~has).sum()))


def _sources(drawn: _Drawn, fit: _Fit, groups: int) -> NDArray[np.object_]:
    """Return the sources of the parts of each area, separated by a space."""
    named: list[set[str]] = [set() for _ in range(groups)]
    for position, source in zip(fit.group.tolist(), drawn.sources.tolist(), strict=True):
        if position >= 0:
            named[position].update(source.split())
    return np.asarray([" ".join(sorted(found)) for found in named], dtype=object)
