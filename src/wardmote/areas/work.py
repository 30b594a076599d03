"""The state that the steps of `areas.build_areas` hand on to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wardmote import words
from wardmote.areas.lookups import Link, Pair
from wardmote.levels import Level
from wardmote.methods.checks import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell, once it is known which areas stay.

    Attributes:
        level: Level of the areas that it is about, or "" where it is about none.
        areas: Which of them; only those that stay are counted.
        text: The sentence, with ``{areas}`` where the areas are named and counted.
        value: The number told, where `level` is "".
        table: The table that the number can be read from.
    """

    level: str
    areas: BoolArray
    text: str
    value: float
    table: str


@dataclass(slots=True)
class Work:
    """The areas under construction, by level. It never leaves this package.

    Attributes:
        levels: All known levels.
        codes: Sorted codes of each level that has areas, the level with the most areas first.
        names: Names in the order of the codes.
        sizes: Population and households by those words, NaN where unknown.
        links: How levels lie in each other.
        remarks: What to tell.
    """

    levels: Mapping[str, Level]
    codes: dict[str, Any] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, dict[str, FloatArray]] = field(default_factory=dict)
    links: dict[Pair, Link] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def told(self, level: str, number: float) -> str:
        """Return a count of areas of a level in words: ``33,755 neighbourhoods (LSOAs) of 2021``."""
        found = self.levels[level]
        ending = f" of {found.vintage}" if found.vintage else ""
        return words.count(number, found.title, found.plural) + ending

    def plural(self, level: str) -> str:
        """Return how several areas of a level are called: ``neighbourhoods (LSOAs)``."""
        return self.levels[level].plural

    def remark(self, level: str, areas: BoolArray, text: str, table: str = "areas") -> None:
        """Add a remark about some areas of a level; nothing where there is none."""
        if areas.any():
            self.remarks.append(Remark(level, areas, text, 0.0, table))

    def say(self, text: str, value: float, table: str = "areas") -> None:
        """Add a remark with its number."""
        self.remarks.append(Remark("", np.zeros(0, dtype=bool), text, value, table))

    def mask(self, level: str, chosen: Any) -> BoolArray:
        """Return flags for all areas of a level, true at the positions chosen."""
        flags = np.zeros(len(self.codes[level]), dtype=bool)
        flags[chosen] = True
        return flags
