"""Files of data that pages load on demand: places in full, postcodes by district.

Each file is a call of ``wardmote.put``, so that pages opened from disk can load it (`wardmote.publish.columns` says why).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from wardmote.errors import InputError, MissingError, Problem
from wardmote.publish.atlas import Making
from wardmote.publish.building import safe_name
from wardmote.publish.places import PlaceLevel
from wardmote.publish.strings import PLACE, say

if TYPE_CHECKING:
    import pyarrow as pa

LEFT_OUT = {"level", "unlike", "inside", "outline", "on_map", "measures", "classes", "both"}
"""What is in a profile but not in the files: it needs a page of its own."""

SPOKEN = (
    "trail", "title", "strong", "strong_none", "need", "need_none", "standing", "both", "parts_of", "figures_of", "more_of", "part",
    "tenth", "told_rank", "pulls", "pulls_note", "pull", "weight", "indicator", "figure", "similar", "similar_note", "beside", "area",
    "share", "money", "flip", "no_round", "wrong", "wrong_note", "greatest_end", "least_end", "residents", "unknown",
)  # fmt: skip
"""Words of profiles that scripts need."""

LOOKED_UP = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$")
"""A postcode of the United Kingdom without spaces (Royal Mail, PAF programmers' guide, postcode formats)."""


def script(path: str, content: Any) -> str:
    """Return a file of data as the script that a page loads.

    Args:
        path: Its name, relative to the site, without ending.
        content: What it holds.
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # "</" and two line ends that JSON allows cannot stand in every script.
    text = text.replace("</", "<\\/").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"wardmote.put({json.dumps(path)},{text});\n"


_PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types that JSON knows by themselves."""


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """Return the names of the fields of a record."""
    return tuple(field.name for field in fields(kind) if field.name not in LEFT_OUT)


def plain(value: Any) -> Any:
    """Return records as JSON knows them.

    Args:
        value: A record, a tuple, or a plain value.
    """
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return [plain(item) for item in value]
    return {name: plain(getattr(value, name)) for name in _fields(kind)}


def stem(code: str) -> str:
    """Return the part of a code that names the file that holds its place.

    Args:
        code: The code.
    """
    return safe_name(code[:-2] if len(code) > 2 else code)


def make_shards(making: Making) -> None:
    """Write the places in full, in files of at most a hundred or so, and the page that shows one of a large level.

    Args:
        making: What pages are made of.
    """
    marks, members = making.marks, making.profiler.members
    work: list[tuple[str, str, tuple[str, str, list[int]]]] = []
    for name, place in making.atlas.levels.items():
        groups: dict[str, list[int]] = {}
        for row, code in enumerate(place.codes):
            groups.setdefault(stem(code), []).append(row)
        for group, rows in groups.items():
            path = f"data/places/{safe_name(name)}/{group}"
            made_from = marks.of_all(name, rows, members[name])
            work.append((f"{path}.js", made_from, (path, name, rows)))
        if not place.paged:
            _page_on_demand(making, place)

    def make(item: tuple[str, str, list[int]]) -> str:
        path, level, rows = item
        profiles = [making.profiler.profile(level, row, whole=False) for row in rows]
        return script(path, {profile.code: plain(profile) for profile in profiles})

    making.build.each(work, make)


def spoken(*more: str) -> str:
    """Return the words that scripts need to show a place, as JSON.

    Args:
        more: Who decides and whom to ask.
    """
    words = {name: PLACE[name] for name in SPOKEN}
    return json.dumps({**words, "wrong_who": " ".join(more)}, ensure_ascii=False)


def _page_on_demand(making: Making, place: PlaceLevel) -> None:
    """Write the page that shows one place of a level that has no pages of its own."""
    contact = making.frame.contact
    asked = PLACE["wrong_who"].format(contact=contact) if contact else PLACE["wrong_nobody"]
    above = next((name for name in reversed(list(place.parents)) if making.atlas.levels[name].paged), "")
    rows = range(len(making.atlas.levels[above].codes)) if above else range(0)
    making.put(
        f"place/{safe_name(place.level.name)}/index.html",
        "shards.html.j2",
        level=place.level.name,
        one=place.level.title,
        noun=place.level.plural,
        number=len(place.codes),
        spoken=spoken(asked),
        doors=sorted((making.profiler.link(above, row) for row in rows), key=lambda link: link.name),
    )


# ---- postcodes


@dataclass(frozen=True, slots=True)
class Postcodes:
    """What was written of postcodes: their districts, and how many rows of the file were left out and why, in words, or ""."""

    districts: tuple[str, ...] = ()
    left_out: str = ""


def make_postcodes(making: Making) -> Postcodes:
    """Write postcodes by district, where the study names a file of them: a reader's browser fetches one district's list.

    Args:
        making: What pages are made of.

    Returns:
        The districts, and what was left out.

    Raises:
        MissingError: The file is not there.
        InputError: It lacks a column, none of its areas is known, or its level has no places.
    """
    import numpy as np
    import pyarrow.compute as pc

    spec = making.study.publish.postcodes
    if spec is None:
        return Postcodes()
    name = spec.level or making.atlas.base.level.name
    place = making.atlas.levels.get(name)
    if place is None:
        raise InputError(
            Problem("[publish] postcodes", "this level has no places", name, ", ".join(making.atlas.levels))
        )
    table = _read_postcodes(making)
    text = pc.utf8_upper(pc.replace_substring_regex(table[spec.postcode], r"\s+", ""))
    postcode = pc.fill_null(pc.match_substring_regex(text, LOOKED_UP.pattern), False)
    area = _known_codes(table[spec.area], place)
    known = pc.and_(postcode, pc.is_valid(area))
    text, area = text.filter(known), area.filter(known)
    if not len(text):
        raise InputError(
            Problem(
                f"[publish] postcodes, {spec.file}",
                "none of its rows holds a postcode of an area of this study",
                expected=f"postcodes in {spec.postcode}, codes of {place.level.plural} in {spec.area}",
            )
        )
    ends = np.array(text.to_pylist())
    district = np.array([one[:-3] for one in ends.tolist()])
    order = np.argsort(district, kind="stable")
    codes = area.to_pylist()
    starts = np.flatnonzero(np.r_[True, district[order][1:] != district[order][:-1]])
    found = []
    for first, last in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = order[first:last].tolist()
        inside = sorted({codes[i] for i in rows})
        at = {code: i for i, code in enumerate(inside)}
        path = f"data/find/postcode/{district[rows[0]]}"
        found.append(str(district[rows[0]]))
        content = {"codes": inside, "at": {str(ends[i])[-3:]: at[codes[i]] for i in rows}}
        making.build.put(f"{path}.js", script(path, content))
    return Postcodes(tuple(found), _left_out(len(table), len(text), int(pc.sum(pc.invert(postcode)).as_py())))


def _left_out(rows: int, kept: int, odd: int) -> str:
    """Return in words how many rows of a list of postcodes were left out; "" where none was."""
    if rows == kept:
        return ""
    numbers = {"rows": rows, "left": rows - kept, "unknown": rows - kept - odd, "odd": odd}
    return say("pages", "find_left_out", **{key: f"{number:,}" for key, number in numbers.items()})


def _known_codes(areas: pa.ChunkedArray, place: PlaceLevel) -> pa.ChunkedArray:
    """Return codes as the study writes them, in capitals where they were written small; null for those that it does not know."""
    import pyarrow as pa
    import pyarrow.compute as pc

    given = pc.unique(areas)
    known = [
        next((code for code in (one, one.strip(), one.strip().upper()) if code in place.at), None)
        for one in (value or "" for value in given.to_pylist())
    ]
    return pc.take(pa.array(known, pa.string()), pc.index_in(areas, value_set=given))


def _read_postcodes(making: Making) -> pa.Table:
    """Return the two columns of the study's file of postcodes as texts."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    spec = making.study.publish.postcodes
    assert spec is not None
    path, columns = making.study.folder / spec.file, [spec.postcode, spec.area]
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path, columns=columns)
        else:
            types = dict.fromkeys(columns, pa.string())
            table = pc.read_csv(
                path, convert_options=pc.ConvertOptions(include_columns=columns, column_types=types)
            )
    except FileNotFoundError:
        raise MissingError(
            Problem(
                "[publish] postcodes",
                "there is no such file",
                got=str(path),
                remedy="Put it there, or take the setting away.",
            )
        ) from None
    except (pa.ArrowInvalid, KeyError) as error:
        raise InputError(
            Problem(
                f"[publish] postcodes, {spec.file}",
                "it cannot be read",
                got=str(error).splitlines()[0],
                expected=f"columns {spec.postcode} and {spec.area}",
            )
        ) from None
    return pa.table({name: table[name].cast(pa.string()) for name in columns})
