"""Which codes can only belong to another vintage, as far as a code alone tells it.

Statistical areas: codes that were new in 2021 follow the last code of 2011 in number. Local authorities: the register of changes lists
which codes ended and began when. A code of 2011 that was dropped in 2021 looks like any other: it is found when codes are compared
with the areas of the study, not here.

Source: ONS, Register of Geographic Codes and Code History Database; the first new numbers were checked against the look-ups of 2011 and
2021 (no code of 2011 lies above them, no new code of 2021 below).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FIRST_OF_2021: dict[str, tuple[str, ...]] = {
    "lsoa11": ("E01033769", "W01001959"),
    "msoa11": ("E02006935", "W02000424"),
}
"""First codes, by country, that were new in 2021 and so cannot stand at a level of 2011."""


def _codes(prefix: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{number:06d}" for number in range(first, last + 1))


CHANGES: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        2019,
        (
            "E06000028",
            "E06000029",
            *_codes("E07", 48, 53),
            "E07000190",
            "E07000191",
            "E07000201",
            "E07000204",
            "E07000205",
            "E07000206",
        ),
        ("E06000058", "E06000059", "E07000244", "E07000245", "E07000246"),
    ),
    (2020, _codes("E07", 4, 7), ("E06000060",)),
    (2021, _codes("E07", 150, 156), ("E06000061", "E06000062")),
    (
        2023,
        (
            *_codes("E07", 26, 31),
            *_codes("E07", 163, 169),
            "E07000187",
            "E07000188",
            "E07000189",
            "E07000246",
        ),
        ("E06000063", "E06000064", "E06000065", "E06000066"),
    ),
)
"""Changes of English local authorities from 2019: year (1 April), codes that ended, codes that began."""

ENDED: dict[str, int] = {code: year for year, ended, _ in CHANGES for code in ended}
"""First year in which a code was no longer in use."""

BEGAN: dict[str, int] = {code: year for year, _, began in CHANGES for code in began}
"""First year in which a code was in use."""

Fault = tuple[np.ndarray[Any, np.dtype[np.bool_]], Callable[[str], str]]


def vintage_fault(level: str, codes: Any) -> Fault | None:
    """Return which codes cannot belong to the level's vintage and how to tell why, or None where codes alone do not tell.

    Args:
        level: The level, for instance lad24.
        codes: Arrow text; null is never wrong.
    """
    if level in FIRST_OF_2021:
        wrong = np.zeros(len(codes), dtype=np.bool_)
        for first in FIRST_OF_2021[level]:
            same = pc.starts_with(codes, first[:3])
            wrong |= _mask(pc.and_(same, pc.greater_equal(codes, first)))
        return wrong, lambda _: "new in 2021"
    if level.startswith("lad") and level[3:].isdigit():
        year = 2000 + int(level[3:])
        bad = [code for code, ended in ENDED.items() if ended <= year]
        bad += [code for code, began in BEGAN.items() if began > year]
        return _mask(pc.is_in(codes, value_set=pa.array(bad, pa.string()))), _told
    return None


def _told(code: str) -> str:
    """Return when a local authority's code began or ended."""
    spans = [f"in use from April {BEGAN[code]}"] if code in BEGAN else []
    spans += [f"not in use since April {ENDED[code]}"] if code in ENDED else []
    return ", ".join(spans)


def _mask(values: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
