"""Leaving faulty parts of a study aside, so that what is wrong with the rest is told in the same error.

A key of the wrong type stops the reader of a study; without more, a person would mend it only to meet the next fault. So the smallest
part that holds it is left aside, and the rest is read. Nothing is ever calculated from such a study: it serves to find faults.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from wardmote.study.doubt import FactorSpec

UNREAD = FactorSpec.model_construct(path="")
"""Stands in the place of a factor that cannot be read, so that the others keep their numbers. No study can state an empty path."""

DATA = ("level", "sources", "areas", "conversion")
"""Kinds of section that say what is read; where one of them is faulty, the data cannot be looked at."""


def leave_aside(
    data: dict[str, Any], faults: Iterable[tuple[str, tuple[int | str, ...]]]
) -> tuple[dict[str, Any], set[str]] | None:
    """Return a study's settings without the parts that cannot be read, and what was left aside; None where too little stays.

    Args:
        data: The settings as TOML gives them; they are not changed.
        faults: What is wrong and its path, as pydantic tells them.

    Returns:
        The settings, and names such as ``index.imd`` or ``uncertainty.main.factors 2``.
    """
    rest = deepcopy(data)
    aside: set[str] = set()
    for fault, location in faults:
        if fault == "extra_forbidden" and _without_key(rest, location):
            continue
        name = _left_aside(rest, location)
        if not name:
            return None
        aside.add(name)
    return rest, aside


def _left_aside(rest: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """Leave the smallest part aside that holds a fault; return its name, "" where the study cannot be read without it."""
    match location:
        case ("uncertainty", str(id_), "factors", int(place), *_):
            rest["uncertainty"][id_]["factors"][place] = UNREAD
            return f"uncertainty.{id_}.factors {place + 1}"
        case ("uncertainty", str(id_), str(key), *_) if key not in ("index", "factors"):
            rest["uncertainty"][id_].pop(key, None)
            return f"uncertainty.{id_}.{key}"
        case ("study", str(key), *_) if key != "levels" and isinstance(rest.get("study"), dict):
            rest["study"].pop(key, None)
            rest["study"] |= {key: "unread"} if key in ("id", "title") else {}
            return f"study.{key}"
        case ("level" | "study", *_) | ():
            return ""
        case (str(kind), str(id_), *_) if kind not in ("publish", "areas") and isinstance(
            rest.get(kind), dict
        ):
            rest[kind].pop(id_, None)
            return f"{kind}.{id_}"
        case (kind, *_):
            rest.pop(str(kind), None)
            return str(kind)
    raise AssertionError("unreachable")


def _without_key(data: Any, location: tuple[int | str, ...]) -> bool:
    """Take an unknown key out of settings; return whether it was found. Names of kinds of step stand in paths, not in settings."""
    for part in location[:-1]:
        if isinstance(part, int) or part in data:
            data = data[part]
    return isinstance(data, dict) and data.pop(location[-1], None) is not None


def touches_data(aside: Iterable[str]) -> bool:
    """Return whether anything that says what is read was left aside.

    Args:
        aside: Names of what was left aside.
    """
    return any(name.partition(".")[0] in DATA for name in aside)
