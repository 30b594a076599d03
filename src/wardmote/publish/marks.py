"""Digests of what the pages of places are made from, so that unchanged pages are known without writing them."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wardmote.publish.building import digest
from wardmote.publish.places import Atlas
from wardmote.publish.profiles import told_decision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Marks:
    """Digests of the facts of each place; a page's own is made of its place, those around it and those inside it.

    Args:
        atlas: The facts.
        shared: Digest of everything else that pages are made from.
    """

    def __init__(self, atlas: Atlas, shared: str) -> None:
        self.atlas = atlas
        self._with = shared

    # Each is worked out when it is first asked for: the copy of the process that makes no pages of places never does.

    @cached_property
    def shared(self) -> str:
        """Digest of what the pages of all places are made from."""
        atlas = self.atlas
        totals = [(item.id, item.title, item.parts, item.ranked) for item in atlas.indices]
        summaries = [
            (one.index, one.title, one.measure, one.ranked)
            for level in atlas.summaries.values()
            for one in level
        ]
        rounds = [(one.id, one.title, one.level) for one in atlas.rounds]
        needs = [(one.id, one.title, one.level, one.titles, one.kinds) for one in atlas.needs]
        # Names stand on the pages of others too (as parents, neighbours, those alike), so a new name renews all pages.
        names = [
            (name, place.level, place.codes, place.names, place.paged) for name, place in atlas.levels.items()
        ]
        return digest(self._with, totals, summaries, rounds, needs, names)

    @cached_property
    def _own(self) -> dict[str, list[bytes]]:
        return {name: _row_digests(_numbers_of(self.atlas, name)) for name in self.atlas.levels}

    @cached_property
    def _around(self) -> dict[str, list[bytes]]:
        return {name: _row_digests(_numbers_around(self.atlas, name)) for name in self.atlas.levels}

    @cached_property
    def _decided(self) -> dict[str, dict[int, str]]:
        """By what pages say: the line of a round moves in its last digits with any place's figures, and no page shows these."""
        return {
            one.id: {row: digest(told_decision(one, told, ())) for row, told in one.decisions.items()}
            for one in self.atlas.rounds
        }

    def of(self, level: str, row: int, inside: Any) -> str:
        """Return the digest of what the page of a place is made from.

        Args:
            level: Its level.
            row: Its row there.
            inside: Rows of the smallest areas in it.
        """
        place = self.atlas.levels[level]
        around = [self._around[above][rows[row]] for above, rows in place.parents.items() if rows[row] >= 0]
        base = self._own[self.atlas.base.level.name]
        parts = [self._own[level][row], *around, *(base[i] for i in inside)]
        for name, below in self.atlas.levels.items():
            if level in below.parents and name != self.atlas.base.level.name:
                parts += [self._own[name][i] for i in _children(below.parents[level], row)]
        decided = [self._money(level, row)]
        return digest(self.shared, b"".join(parts), decided)

    def of_all(self, level: str, rows: list[int], inside: Any) -> str:
        """Return the digest of what the pages of several places of a level are made from.

        Args:
            level: Their level.
            rows: Their rows there.
            inside: For each place of the level, the rows of the smallest areas in it.
        """
        if level != self.atlas.base.level.name:
            return digest([self.of(level, row, inside[row]) for row in rows])
        # The smallest areas hold nothing, so all of a file's go into one digest: a country has tens of thousands.
        parts = [self._own[level][row] for row in rows]
        for above, parents in self.atlas.levels[level].parents.items():
            around = self._around[above]
            parts += [around[parent] if parent >= 0 else b"" for parent in parents[rows].tolist()]
        return digest(self.shared, b"|".join(parts), [self._money(level, row) for row in rows])

    def _money(self, level: str, row: int) -> list[str]:
        """Return the digests of the decisions that a page speaks of."""
        told = []
        for one in self.atlas.rounds:
            decided = self._decided[one.id]
            place = self.atlas.levels[level]
            if one.level == level:
                told.append(decided.get(row, ""))
            elif one.level in place.parents:
                told.append(decided.get(int(place.parents[one.level][row]), ""))
            else:
                parent = self.atlas.levels[one.level].parents.get(level)
                if parent is not None:
                    told += [decided.get(int(i), "") for i in _children(parent, row)]
        return told


def _children(parent: NDArray[np.int64], row: int) -> Any:
    import numpy as np

    return np.flatnonzero(parent == row).tolist()


def _numbers_of(atlas: Atlas, level: str) -> list[NDArray[Any]]:
    """Return all numbers that the pages of one level are made from, each with one column a place."""
    place = atlas.levels[level]
    found: list[NDArray[Any]] = [place.population, *place.parents.values()]
    for item in atlas.indices:
        if item.level == level:
            found += [*item.rank, *item.decile, *item.value, *item.points, *atlas.similar[item.id].T]
            if item.interval:
                found += [item.interval.low, item.interval.median, item.interval.high, item.interval.inside]
    for one in atlas.summaries[level]:
        found += [one.value, one.rank]
        if one.interval:
            found += [one.interval.low, one.interval.high, one.interval.inside]
    for need in atlas.needs:
        if need.level == level:
            found += [need.type, need.share]
    return found


def _numbers_around(atlas: Atlas, level: str) -> list[NDArray[Any]]:
    """Return the numbers of one level that the pages of places inside it show beside their own: no others renew those pages."""
    import numpy as np

    found: list[NDArray[Any]] = [
        np.zeros(len(atlas.levels[level].codes))
    ]  # so that there is a row for each place
    found += [item.decile[0] for item in atlas.indices if item.level == level]
    for one in atlas.summaries[level]:
        if one.measure == "proportion":
            found += [one.value, one.rank]
    return found


def _row_digests(columns: list[NDArray[Any]]) -> list[bytes]:
    """Return a digest of each row of columns of equal length."""
    import numpy as np

    table = np.ascontiguousarray(
        np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    )
    width = table.shape[1] * table.itemsize
    raw = table.tobytes()
    return [
        hashlib.blake2b(raw[i * width : (i + 1) * width], digest_size=12).digest() for i in range(len(table))
    ]
