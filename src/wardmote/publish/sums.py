"""Which sums to hold back, so that no closed figure is the rest of published ones.

A sum less its other parts is the part that is left. Where several sums overlap (small areas in towns, towns in regions), a figure can
also be told from the difference of two of them. So sums are taken one by one, and one that would make any closed figure known,
together with those taken before, is left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

PRIME = (1 << 61) - 1
"""Sums are solved in whole numbers modulo this prime: exact, and no rounding can hide that a figure is determined."""

SHARE = 1_000_000
"""Shares of areas enter as whole millionths."""

MOST_WORK = 20_000_000
"""Shares that are looked at at most, which takes some ten seconds. Areas that cross each other everywhere, as no lookups do that are
known, would take hours; sums that are left then are left out, which is safe."""

Sum = TypeVar("Sum", bound=Hashable)
Cell = TypeVar("Cell", bound=Hashable)


def held_back(sums: Mapping[Sum, Mapping[Cell, float]], known: Iterable[Sum] = ()) -> set[Sum]:
    """Return the sums to leave out, so that those that stay determine none of their closed parts.

    Args:
        sums: The closed parts of each sum with the share at which each enters, the most important sum first. Open parts do not
            count: whoever knows them takes them off.
        known: Sums that are public by themselves; what these alone determine is nobody's to keep.

    Returns:
        The sums to leave out, none of them `known`.
    """
    classes, single = _classes(sums)
    solver, given = _Solver(single), set(known)
    for name in given:
        solver.add(_row(sums[name], classes), whatever=True)
    return {
        name
        for name, parts in sums.items()
        if name not in given and not solver.add(_row(parts, classes), whatever=False)
    }


def _classes(sums: Mapping[Sum, Mapping[Cell, float]]) -> tuple[dict[Cell, int], set[int]]:
    """Return a number for each cell, the same for cells that enter all sums alike, and the numbers that one cell alone has.

    Nothing can tell apart two cells that always enter together, so only single ones can become known.
    """
    entered: dict[Cell, list[tuple[int, int]]] = {}
    for at, parts in enumerate(sums.values()):
        for cell, share in parts.items():
            entered.setdefault(cell, []).append((at, round(share * SHARE)))
    numbers: dict[tuple[tuple[int, int], ...], int] = {}
    counted: dict[int, int] = {}
    classes = {}
    for cell, where in entered.items():
        number = numbers.setdefault(tuple(where), len(numbers))
        counted[number] = counted.get(number, 0) + 1
        classes[cell] = number
    return classes, {number for number, many in counted.items() if many == 1}


def _row(parts: Mapping[Cell, float], classes: Mapping[Cell, int]) -> dict[int, int]:
    """Return a sum as an equation in classes of cells."""
    row = {classes[cell]: round(share * SHARE) for cell, share in parts.items()}
    return {cell: share for cell, share in row.items() if share}


class _Solver:
    """Equations in reduced form: a cell is known where an equation holds it alone.

    Args:
        single: Unknowns that stand for one cell; others are sums of cells and may become known.
    """

    def __init__(self, single: set[int]) -> None:
        self._single = single
        self._rows: dict[int, dict[int, int]] = {}  # by the unknown that each is solved for
        self._holding: dict[int, set[int]] = {}  # rows by unknown that they hold
        self._known: set[int] = set()
        self._work = 0

    def add(self, row: dict[int, int], *, whatever: bool) -> bool:
        """Add an equation and return True; add nothing and return False where it would make a further cell known.

        Args:
            row: Unknowns with their shares.
            whatever: Add it even so, and however much has been looked at.
        """
        if self._work > MOST_WORK and not whatever:
            return False
        for pivot in [cell for cell in row if cell in self._rows]:
            self._work += len(row) + len(self._rows[pivot])
            row = _less(row, self._rows[pivot], row[pivot])
        if not row:
            return True  # it says nothing new
        pivot = min(row, key=lambda cell: (len(self._holding.get(cell, ())), cell))
        over = pow(row[pivot], -1, PRIME)
        row = {cell: share * over % PRIME for cell, share in row.items()}
        changed = {
            other: _less(self._rows[other], row, self._rows[other][pivot])
            for other in self._holding.get(pivot, ())
        }
        changed[pivot] = row
        self._work += sum(len(one) for one in changed.values()) + len(row) * len(changed)
        told = {cell for cell, one in changed.items() if len(one) == 1 and cell in self._single} - self._known
        if told and not whatever:
            return False
        self._known |= told
        for solved, one in changed.items():
            for cell in self._rows.get(solved, ()):
                self._holding[cell].discard(solved)
            for cell in one:
                self._holding.setdefault(cell, set()).add(solved)
            self._rows[solved] = one
        return True


def _less(row: dict[int, int], other: dict[int, int], times: int) -> dict[int, int]:
    """Return a row less so many times another."""
    found = dict(row)
    for cell, share in other.items():
        left = (found.get(cell, 0) - times * share) % PRIME
        if left:
            found[cell] = left
        else:
            found.pop(cell, None)
    return found
