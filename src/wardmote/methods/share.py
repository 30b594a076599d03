"""The last rank inside a greatest-need share, exactly."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor


def last_rank(share: float | str | Decimal | Fraction, n: int) -> int:
    """Return the last rank inside the greatest-need share: the largest whole number not above share × n.

    Args:
        share: Share of areas, taken as the decimal that was written (0.1 is one tenth, not the nearest binary fraction).
        n: Areas that are ranked, 0 or more.

    Returns:
        A rank; 0 where no area is inside.
    """
    return floor((share if isinstance(share, Fraction) else Fraction(str(share))) * n)
