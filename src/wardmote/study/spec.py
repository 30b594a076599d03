"""What every section of a study shares: the frozen record, the words of its types, and the line on which a setting stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""Name of a section, a step or a node: small letters, digits, dots, hyphens, underscores."""

Measure = Literal["average rank", "average score", "proportion", "extent", "local concentration"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
"""The five summaries of the English indices, in the order in which they are shown."""

STUDY_FILE = "study.toml"
"""Name of a study's file."""

RECIPES = Path(__file__).parents[1] / "recipes"
"""Folder of the recipes that come with Wardmote, one TOML file each."""


class Spec(BaseModel):
    """The root of all records: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def place_of(file: str, text: str, location: tuple[int | str, ...]) -> str:
    """Return ``study.toml line 12 [index.imd.steps 2] method`` for a path into the file."""
    line = locate(text, location)
    section = ".".join(str(part + 1 if isinstance(part, int) else part) for part in location)
    return f"{file} line {line}, {section}" if line else f"{file}, {section}"


def locate(text: str, location: tuple[int | str, ...]) -> int | None:
    """Return the line (from 1) where a path into a TOML text is written, or the nearest line above it, or None.

    Python's reader tells no lines, so the text is scanned for the header that opens the longest part of the path and then for
    the key. Keys inside inline tables are found by the line of the table; entries of an array by the line on which they begin.

    Args:
        text: The TOML text.
        location: Keys from the top, with positions (from 0) in arrays of tables.
    """
    keys = [str(part) for part in location if not isinstance(part, int)]
    positions = {i: part for i, part in enumerate(location) if isinstance(part, int)}
    wanted = next(iter(positions.values()), 0)
    best: tuple[int, int] | None = None
    header: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            name = stripped.strip("[]").split("]")[0]
            header = [part.strip().strip('"') for part in name.split(".")]
            if stripped.startswith("[["):
                seen[name] = seen.get(name, -1) + 1
                if header == keys[: len(header)] and seen[name] != wanted:
                    header = ["\0"]
            depth = len(header) if header == keys[: len(header)] else 0
        else:
            key = stripped.split("=")[0].strip().strip('"')
            path = [*header, *key.split(".")] if header != ["\0"] and "=" in stripped else ["\0"]
            depth = len(path) if path == keys[: len(path)] else 0
        if depth and (best is None or depth > best[0]):
            best = (depth, number)
    if best is None:
        return None
    entry = next(iter(location[best[0] :]), None)
    # Arrays that are written as [[…]] were told apart by their headers.
    return (
        best[1]
        if entry is None or "[[" in text.splitlines()[best[1] - 1]
        else _line_of_entry(text, *best[1:], entry)
    )


_TOKENS = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'[^']*'|\n|[^\s\[\]{},#"']+|[\[\]{},]""")
"""Comments, texts, ends of lines, words and signs of a TOML array."""


def _line_of_entry(text: str, line: int, entry: int | str) -> int:
    """Return the line on which an entry of an array begins, or the array's own line where it cannot be told.

    Args:
        text: The TOML text.
        line: The line of the array's key.
        entry: Position of the entry, from 0, or its id or node.
    """
    after = "\n".join(text.splitlines()[line - 1 :]).partition("=")[2].lstrip(" ")
    if not after.startswith("["):
        return line
    number, depth, place, begins, before = line, 0, 0, 0, ""
    for token in _TOKENS.findall(after):
        if token == "\n":
            number += 1
            continue
        if token == "," and depth == 1:
            place, begins = place + 1, 0
        elif depth and not token.startswith("#"):
            begins = begins or number
            named = depth == 2 and before.endswith(("id=", "node=")) and token[1:-1] == entry
            if (place == entry and token != "]") or named:
                return begins
        depth += (token in "[{") - (token in "]}")
        if depth == 0:
            break
        before = (before + token)[-8:]
    return line
