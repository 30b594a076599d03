"""What a reader's browser searches: names by the first letters of their words, areas without figures, and a list of these files.

Layout, relative to the site; each file is a call of ``wardmote.put`` (`wardmote.publish.columns` says why):

``data/find/index``
    Which files there are, so that a page never asks for one that is not there: ``levels`` (largest first, each with the beginnings of
    codes that have a file), ``names`` (first letters), ``near`` (the level that says where a place is), ``base``, ``postcodes``.
``data/find/names/<two letters>``
    ``around`` (larger areas: level, code, name) and for each level codes, names and the places in ``around`` of what they lie in.
    Levels of the study and others are told alike.
``data/find/areas/<level>/<beginning of codes>``
    Of areas that have names but no figures of their own, such as wards: name, what they lie in, and which places of the study lie in
    them, wholly or in part.
``data/find/words``
    All words of names, for words that are typed with an error; fetched only where nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unicodedata import category, normalize

from wardmote.levels import Level
from wardmote.publish.atlas import Making
from wardmote.publish.building import digest, safe_name
from wardmote.publish.page import texts
from wardmote.publish.places import Atlas, PlaceLevel
from wardmote.publish.shards import script, stem

if TYPE_CHECKING:
    import pandas as pd

FIRST = 2
"""Letters by which names are put into files: England's 47,000 names make some 210 files of 20 kB on average (270 kB with "and")."""

NOTE = "find"
"""Name of the note that lists the files, for the next build."""

Ref = tuple[str, int]
"""A place of the study: its level and its row there."""


@dataclass(frozen=True, slots=True)
class Held:
    """What of one level lies in an area: rows of places wholly in it and of those that lie there in part."""

    level: str
    whole: tuple[int, ...]
    part: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """One area as the search knows it.

    Attributes:
        code, name: Its code and name.
        around: Larger places of the study that it lies in, smallest first.
        held: What lies in it, for areas without figures of their own.
    """

    code: str
    name: str
    around: tuple[Ref, ...]
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """All areas of one level; `figures` says whether the study has figures of them."""

    level: Level
    paged: bool
    figures: bool
    areas: Sequence[Named] = field(default_factory=tuple)


class _Files:
    """Writes the files of the search and notes which they are, so that they are made again only where what they hold has changed.

    Args:
        making: What pages are made of.
        districts: Districts of postcodes that have a file.
    """

    def __init__(self, making: Making, districts: Sequence[str]) -> None:
        self._build = making.build
        postcodes, group = making.study.publish.postcodes, making.page.group_level
        shared = [districts, postcodes, group, making.found.levels, making.build.ingredients]
        places = [
            (
                one.level,
                one.paged,
                one.codes,
                one.names,
                [(above, rows.tobytes()) for above, rows in one.parents.items()],
            )
            for one in making.atlas.levels.values()
        ]
        self._mark = digest(shared, *places, *_elsewhere(making))
        self._names: list[str] = []

    def kept(self) -> bool:
        """Return whether all files of the site before could be taken over as they are."""
        names = self._build.recall(NOTE, self._mark)
        return names is not None and all(self._build.keep(name, self._mark) for name in names)

    def put(self, path: str, content: Any) -> None:
        """Write one file, named without its ending."""
        self._build.put(f"{path}.js", script(path, content), self._mark)
        self._names.append(f"{path}.js")

    def finish(self) -> None:
        """Note which files were written."""
        self._build.remember(NOTE, self._mark, self._names)


def _elsewhere(making: Making) -> Iterator[Any]:
    """Yield all that files tell of areas without figures: not how many people live there, nor what share of an area lies where."""
    areas, links = making.found.read("areas"), making.found.read("memberships")
    areas = areas[~areas["level"].isin(list(making.atlas.levels)) & areas["name"].notna()]
    yield from (texts(areas[name]) for name in ("level", "area", "name"))
    others = list(dict.fromkeys(texts(areas["level"])))
    inside = links[links["parent_level"].isin(others)]
    yield from (texts(inside[name]) for name in ("level", "area", "parent_level", "parent"))
    yield _in_part(inside)
    yield [_told_around(making.atlas, links[links["level"] == name]) for name in others]


def _in_part(links: pd.DataFrame) -> list[bool]:
    """Return which memberships are of a part: shares are written to about twelve digits, so a whole may have lost its last one.

    An unknown share is no whole.
    """
    found: list[bool] = (~(links["weight"].to_numpy(dtype=float, na_value=float("nan")) > 1 - 1e-9)).tolist()
    return found


def make_lookup(making: Making, districts: Iterable[str] = ()) -> None:
    """Write all that the search fetches.

    Args:
        making: What pages are made of.
        districts: Districts of postcodes that have a file.
    """
    named = sorted(districts)
    files = _Files(making, named)
    if files.kept():
        return
    # The largest areas, which are fewest, come first.
    kinds = sorted([*_of_study(making.atlas), *_others(making)], key=lambda kind: len(kind.areas))
    letters = _put_names(files, making.atlas, kinds)
    for kind in kinds:
        if not kind.figures:
            _put_areas(files, making.atlas, kind)
    words = {word for kind in kinds for one in kind.areas for word in words_of(one.name)}
    files.put("data/find/words", {"words": sorted(word for word in words if not word[0].isdigit())})
    files.put("data/find/index", _index(making, kinds, letters, named))
    files.finish()


def _index(
    making: Making, kinds: Sequence[Kind], letters: Sequence[str], districts: Sequence[str]
) -> dict[str, Any]:
    """Return which files there are; see the module."""
    base = making.atlas.base.level.name
    postcodes, group = making.study.publish.postcodes, making.page.group_level
    return {
        "levels": [
            {
                "level": kind.level.name,
                "title": kind.level.title,
                "plural": kind.level.plural,
                "paged": kind.paged,
                "figures": kind.figures,
                "stems": sorted({stem(one.code) for one in kind.areas}),
            }
            for kind in kinds
        ],
        "names": letters,
        "near": group.name if group and group.name in making.atlas.levels else "",
        "base": base,
        "postcodes": {"level": (postcodes.level or base) if postcodes else "", "districts": districts},
    }


# ---- words


def fold(text: str) -> str:
    """Return a text as it is compared in a search; the same as in the browser.

    Small letters and digits of any script, no accents, no apostrophes, "and" for the sign, single spaces.

    Args:
        text: The text.
    """
    bare = "".join(c for c in normalize("NFD", text) if not "\u0300" <= c <= "\u036f")
    plain = re.sub("['’]", "", bare).replace("&", " and ").lower()
    return " ".join("".join(c if category(c)[0] in "LNM" else " " for c in plain).split())


def words_of(name: str) -> list[str]:
    """Return the words by which a name is found: numbers count only where it has no other word.

    Args:
        name: The name.
    """
    found = fold(name).split()
    return [word for word in found if not word[0].isdigit()] or found


# ---- areas


def _of_study(atlas: Atlas) -> Iterator[Kind]:
    """Yield the levels that have figures. Places without a name are found by code alone."""
    for place in atlas.levels.values():
        areas = [
            Named(code, "" if name == code else name, _around(place, row))
            for row, (code, name) in enumerate(zip(place.codes, place.names, strict=True))
        ]
        yield Kind(place.level, place.paged, True, areas)


def _around(place: PlaceLevel, row: int) -> tuple[Ref, ...]:
    return tuple((above, int(rows[row])) for above, rows in place.parents.items() if rows[row] >= 0)


def _others(making: Making) -> Iterator[Kind]:
    """Yield the levels whose areas have names but no figures, as far as it is known where they lie."""
    atlas, found = making.atlas, making.found
    areas, links = found.read("areas"), found.read("memberships")
    areas = areas[~areas["level"].isin(list(atlas.levels)) & areas["name"].notna()]
    for name in dict.fromkeys(texts(areas["level"])):
        mine = areas[areas["level"] == name]
        held = _held(atlas, links[links["parent_level"] == name])
        told = _told_around(atlas, links[links["level"] == name])
        known = []
        for code, title in zip(texts(mine["area"]), texts(mine["name"]), strict=True):
            if code is None or title is None or title == code:
                continue
            around, inside = held.get(code, ({}, ()))
            around = {**told.get(code, {}), **around}
            if around or inside:
                refs = tuple((level, around[level]) for level in atlas.levels if level in around)
                known.append(Named(code, title, refs, inside))
        if known:
            yield Kind(found.level(str(name)), False, False, known)


def _told_around(atlas: Atlas, links: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return in which place of each level areas lie as their own memberships say: where shared, the one with most of them."""
    told: dict[str, dict[str, int]] = {}
    links = links.sort_values("weight", kind="stable", na_position="first")
    for area, level, parent in zip(
        *(texts(links[c]) for c in ("area", "parent_level", "parent")), strict=True
    ):
        row = atlas.levels[str(level)].at.get(str(parent)) if level in atlas.levels else None
        if row is not None:
            told.setdefault(str(area), {})[str(level)] = row
    return told


def _held(atlas: Atlas, links: pd.DataFrame) -> dict[str, tuple[dict[str, int], tuple[Held, ...]]]:
    """Return for each area what lies around it and in it, as memberships of the smallest places that have any say."""
    core = next((place for name, place in atlas.levels.items() if (links["level"] == name).any()), None)
    if core is None:
        return {}
    totals = {above: _counts(parents) for above, parents in core.parents.items()}
    return {
        code: _placed(core, totals, *rows)
        for code, rows in _rows_in(core, links[links["level"] == core.level.name]).items()
    }


def _rows_in(core: PlaceLevel, links: pd.DataFrame) -> dict[str, tuple[list[int], list[int]]]:
    """Return the rows of the places wholly and partly in each area."""
    rows: dict[str, tuple[list[int], list[int]]] = {}
    for area, parent, is_part in zip(
        texts(links["area"]), texts(links["parent"]), _in_part(links), strict=True
    ):
        row = core.at.get(str(area))
        if row is not None:
            rows.setdefault(str(parent), ([], []))[is_part].append(row)
    return {code: (sorted(whole), sorted(partly)) for code, (whole, partly) in rows.items()}


def _placed(
    core: PlaceLevel, totals: dict[str, dict[int, int]], whole: list[int], part: list[int]
) -> tuple[dict[str, int], tuple[Held, ...]]:
    """Return in which larger place an area lies, and what it holds: where it has all small places of a larger one, that too."""
    around: dict[str, int] = {}
    inside = [Held(core.level.name, tuple(whole), tuple(part))]
    for above, parents in core.parents.items():
        mine, touched = _counts(parents[whole]), _counts(parents[[*whole, *part]])
        full = tuple(row for row in touched if mine.get(row) == totals[above][row])
        if len(touched) == 1 and not full:
            around[above] = next(iter(touched))
        elif touched:
            inside.append(Held(above, full, tuple(row for row in touched if row not in full)))
    return around, tuple(inside)


def _counts(rows: Any) -> dict[int, int]:
    """Return how often each row stands in an array, without -1 for none."""
    import numpy as np

    found, count = np.unique(rows, return_counts=True)
    return {int(row): int(n) for row, n in zip(found, count, strict=True) if row >= 0}


# ---- files


def _told(atlas: Atlas, level: str, row: int) -> list[str]:
    return [level, atlas.levels[level].codes[row], atlas.levels[level].names[row]]


def _put_names(files: _Files, atlas: Atlas, kinds: Sequence[Kind]) -> list[str]:
    """Write names by the first letters of their words, in the order of names; return these letters."""
    groups: dict[str, dict[str, list[Named]]] = {}
    for kind in kinds:
        for one in sorted(kind.areas, key=lambda one: (one.name, one.code)):
            for letters in {word[:FIRST] for word in words_of(one.name)}:
                groups.setdefault(letters, {}).setdefault(kind.level.name, []).append(one)
    for letters, levels in groups.items():
        at: dict[Ref, int] = {}
        told = {
            level: {
                "codes": [one.code for one in areas],
                "names": [one.name for one in areas],
                "around": [[at.setdefault(ref, len(at)) for ref in one.around] for one in areas],
            }
            for level, areas in levels.items()
        }
        content = {"around": [_told(atlas, *ref) for ref in at], "levels": told}
        files.put(f"data/find/names/{safe_name(letters)}", content)
    return sorted(groups)


def _put_areas(files: _Files, atlas: Atlas, kind: Kind) -> None:
    """Write where areas without figures lie and what lies in them, by the beginnings of their codes."""
    groups: dict[str, dict[str, Any]] = {}
    for one in kind.areas:
        held = [
            {
                "level": held.level,
                "whole": [_told(atlas, held.level, row)[1:] for row in held.whole],
                "part": [_told(atlas, held.level, row)[1:] for row in held.part],
            }
            for held in one.held
        ]
        around = [_told(atlas, *ref) for ref in one.around]
        groups.setdefault(stem(one.code), {})[one.code] = {"name": one.name, "around": around, "held": held}
    for group, content in groups.items():
        files.put(f"data/find/areas/{safe_name(kind.level.name)}/{group}", content)
