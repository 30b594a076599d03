"""Areas: what they are, how they lie in each other, how values are carried from some to others, and who borders on whom.

`build_areas` turns what several sources say into two tables, ``areas`` and ``memberships``. `convert_values` carries values to
another level or vintage, as the study states it; nothing converts by itself. `contiguity` and `nearest_neighbours` say which areas
are next to each other.
"""

from __future__ import annotations

from wardmote.areas.build import build_areas
from wardmote.areas.convert import ConversionTables, convert_values
from wardmote.areas.finish import AreaTables
from wardmote.areas.neighbours import Neighbours, contiguity, nearest_neighbours

__all__ = [
    "AreaTables",
    "ConversionTables",
    "Neighbours",
    "build_areas",
    "contiguity",
    "convert_values",
    "nearest_neighbours",
]
