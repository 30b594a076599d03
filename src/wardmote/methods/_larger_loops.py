"""Compiled loops of `wardmote.methods.larger`. Imported only where numba is there; each has a plain twin in that module."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.methods._compile import compiled
from wardmote.methods.checks import FloatArray, IntArray


@compiled
def add_parts(values: FloatArray, parent: IntArray, part: FloatArray, out: FloatArray) -> None:
    """Add each area's part of its larger area times its value, draw by draw, in the order of the areas."""
    draws, n = values.shape
    for draw in range(draws):
        for i in range(n):
            if parent[i] >= 0:
                out[draw, parent[i]] += part[i] * values[draw, i]


@compiled
def add_worths(
    ranks: npt.NDArray[Any], parent: IntArray, part: FloatArray, worth: FloatArray, out: FloatArray
) -> None:
    """Add each area's part times what its rank is worth, draw by draw, in the order of the areas."""
    draws, n = ranks.shape
    for draw in range(draws):
        for i in range(n):
            if parent[i] >= 0:
                out[draw, parent[i]] += part[i] * worth[ranks[draw, i]]


@compiled
def concentrate(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    ranks: npt.NDArray[Any], parent: IntArray, people: FloatArray, room: FloatArray, top: int, out: FloatArray
) -> None:
    """Write the mean of ``top`` − rank of the greatest-need areas whose people fill the room of each larger area."""
    draws, n = ranks.shape
    start = np.empty(top + 1, np.int64)
    order = np.empty(n, np.int64)
    left, over, under = np.empty_like(room), np.empty_like(room), np.empty_like(room)
    for draw in range(draws):
        start[:] = 0
        for i in range(n):
            start[ranks[draw, i]] += 1
        before = 0
        for rank in range(top + 1):
            before, start[rank] = before + start[rank], before
        for i in range(n):
            rank = ranks[draw, i]
            order[start[rank]] = i
            start[rank] += 1
        left[:] = room
        over[:] = 0.0
        under[:] = 0.0
        for place in range(n):
            i = order[place]
            g = parent[i]
            if g >= 0 and left[g] > 0:
                taken = min(people[i], left[g])
                left[g] -= taken
                over[g] += taken * (top - ranks[draw, i])
                under[g] += taken
        for g in range(len(room)):
            out[draw, g] = over[g] / under[g]
