"""The record that reading a source returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class SourceTables:
    """What one source says, as tables; empty ones for what it does not hold.

    Attributes:
        sources: One row: what was read, with counts, licence and checksum.
        mendings: What was mended or left out, counted.
        area_facts: Names, populations, households.
        membership_facts: Which area lies in which.
        classes: Classes of areas.
        boundaries: Shapes.
        indicators: What the values measure.
        values: The values.
        priorities: People's weights.
    """

    sources: pd.DataFrame
    mendings: pd.DataFrame
    area_facts: pd.DataFrame
    membership_facts: pd.DataFrame
    classes: pd.DataFrame
    boundaries: pd.DataFrame
    indicators: pd.DataFrame
    values: pd.DataFrame
    priorities: pd.DataFrame
