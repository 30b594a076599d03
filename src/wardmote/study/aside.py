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
    for kind_of_fault, location in faults:
        if kind_of_fault == "extra_forbidden" and _without_key(rest, location):
            continue
        match location:
            case ("uncertainty", str(id_), "factors", int(place), *_):
                rest["uncertainty"][id_]["factors"][place] = UNREAD
                aside.add(f"uncertainty.{id_}.factors {place + 1}")
            case ("uncertainty", str(id_), str(key), *_) if key not in ("index", "factors"):
                rest["uncertainty"][id_].pop(key, None)
                aside.add(f"uncertainty.{id_}.{key}")
            case ("study", "levels", *_) | ("level", *_) | ():
                return None
            case ("study", "id" | "title", *_) if isinstance(rest.get("study"), dict):
                rest["study"][location[1]] = "unread"
            case ("study", str(key), *_) if isinstance(rest["study"], dict):
                rest["study"].pop(key, None)
                aside.add(f"study.{key}")
            case (str(kind), str(id_), *_) if kind not in ("publish", "areas", "study"):
                if not isinstance(rest.get(kind), dict):
                    return None
                rest[kind].pop(id_, None)
                aside.add(f"{kind}.{id_}")
            case (str(kind), *_) if kind != "study":
                rest.pop(kind, None)
                aside.add(kind)
            case _:
                return None
    return rest, aside


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
