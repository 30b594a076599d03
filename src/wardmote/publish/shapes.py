"""Whose the shapes on maps are, and which outlines nobody published but were joined from smaller areas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wardmote import words
from wardmote.publish.building import digest
from wardmote.publish.page import texts
from wardmote.publish.strings import say

if TYPE_CHECKING:
    import pandas as pd

    from wardmote.publish.page import Gathering, Page


def shape_credits(found: Gathering, page: Page, level: str = "") -> tuple[str, ...]:
    """Return whose shapes these are: title, publisher and licence of each source. A joined outline has all sources of its parts.

    Args:
        found: The tables.
        page: The facts of the site, with its sources.
        level: Only the shapes of this level; all by default.
    """
    table = found.read("boundaries")
    rows = table[table["level"] == level] if level else table
    used = set(" ".join(rows["source"].dropna().unique()).split())
    return tuple(
        ", ".join(part for part in (row.title, row.publisher, row.licence) if part)
        for row in page.sources
        if row.id in used
    )


def shapes_mark(found: Gathering) -> str:
    """Return a digest of all shapes as far as they may be published: of their files where these are known, else of themselves.

    Args:
        found: The tables.
    """
    print_ = found.tables.fingerprint("boundaries")
    if print_:
        return digest(print_, found.tables.withheld(["boundaries"]))
    table = found.read("boundaries")
    return digest(texts(table["level"]), texts(table["area"]), *blobs(table["geometry"]))


def blobs(column: pd.Series[Any]) -> list[Any]:
    """Return a column of shapes as a list, None for null: through Arrow, which is several times as quick as one by one.

    Args:
        column: A column of a table.
    """
    import pyarrow as pa

    found: list[Any] = pa.array(column, pa.binary()).to_pylist()
    return found


def joined_note(found: Gathering, level: str) -> str:
    """Return that the outlines of a level were joined, and from what; "" where a source gives them.

    Args:
        found: The tables.
        level: The level.
    """
    rows = _joined(found, level)
    if not len(rows):
        return ""
    parts = found.level(str(rows["joined_from"].iloc[0]))
    told = words.count(float(rows["parts"].sum()), parts.title, parts.plural)
    return say("map", "joined", areas=found.level(level).plural, parts=told)


def joined_parts(found: Gathering, level: str) -> dict[str, str]:
    """Return of each area whose outline was joined how many areas of which kind it was joined from.

    Args:
        found: The tables.
        level: The level of the areas.
    """
    rows = _joined(found, level)
    return {
        area: words.count(parts, found.level(base).title, found.level(base).plural)
        for area, base, parts in zip(rows["area"], rows["joined_from"], rows["parts"], strict=True)
    }


def told_outlines(found: Gathering) -> tuple[str, ...]:
    """Return what was joined, mended and left out where outlines were joined; nothing where none may be published.

    Args:
        found: The tables.
    """
    if not len(_joined(found)):
        return ()
    table = found.read("findings")
    return tuple(table[table["stage"] == "outlines"].sort_values("position")["sentence"])


def _joined(found: Gathering, level: str = "") -> pd.DataFrame:
    """Return the outlines, of one level or of all, that were joined from smaller ones; none where a study ran before any were."""
    table = found.read("boundaries")
    if "joined_from" not in table:
        return table.iloc[:0].assign(joined_from=None, parts=None)
    table = table[table["joined_from"].notna()]
    return table[table["level"] == level] if level else table
