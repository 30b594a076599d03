"""The interactive map: tiles with codes and shapes, and a page that joins columns of numbers to them in the browser.

The page is whole without it: a drawing made here, its legend and its table say the same. The map stands above them where the browser
has JavaScript and WebGL and the page came from a web server.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wardmote.publish.building import digest, safe_name
from wardmote.publish.figures import Figure, kind_map, summary_map
from wardmote.publish.strings import STRINGS
from wardmote.publish.tiles import ZOOMS, Form, fingerprint, make_tiles

if TYPE_CHECKING:
    from wardmote.publish.atlas import Making
    from wardmote.publish.building import Build
    from wardmote.publish.page import Gathering
    from wardmote.publish.places import Atlas

PAGE, DATA = "map/index.html", "map/map.json"
"""The page, and what it can show."""

EMBEDDED = "embed/map.html"
"""The map alone, for the pages of others."""

VENDORED = {"maplibre": "assets/vendor/maplibre-gl-6.17.0", "pmtiles": "assets/vendor/pmtiles-4.5.0"}
"""Folders of the libraries that draw the map; see VENDOR.md beside them."""


@dataclass(frozen=True, slots=True)
class MapLevel:
    """One level that the map can draw: its name, what its areas are called, where its tiles lie (and where they lie in small files, for
    hosts that send no parts of a file), its bounds in degrees."""

    level: str
    title: str
    plural: str
    tiles: str
    folder: str
    bounds: tuple[float, float, float, float]


def can_map(found: Gathering, atlas: Atlas) -> bool:
    """Return whether any level has shapes that may be published.

    Args:
        found: The tables.
        atlas: The facts of all places.
    """
    levels = found.read("boundaries")["level"]
    return bool(levels.isin(list(atlas.levels)).any())


def make_map(making: Making) -> None:
    """Write tiles, what the map can show, and its page; nothing where no level has shapes that may be published.

    Args:
        making: What pages are made of.
    """
    levels = _tiles(making)
    if not levels:
        return
    data = {
        "levels": [_level(one) for one in levels],
        "start": _start(making, levels),
        "filters": _filters(making),
        "words": dict(STRINGS["map"]),
    }
    making.build.put(DATA, json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    printed = {
        "levels": levels,
        "figure": _figure(making),
        "filters": data["filters"],
        "vendored": VENDORED,
        "credits": _credits(making),
    }
    making.put(PAGE, "map.html.j2", **printed)
    making.put(EMBEDDED, "embed_map.html.j2", **printed)


def _level(one: MapLevel) -> dict[str, Any]:
    return {
        "level": one.level,
        "title": one.title,
        "plural": one.plural,
        "tiles": one.tiles,
        "folder": one.folder,
        "columns": f"data/columns/{safe_name(one.level)}",
        "places": f"place/{safe_name(one.level)}",
        "bounds": one.bounds,
        "zooms": ZOOMS,
    }


def _tiles(making: Making) -> list[MapLevel]:
    """Return the levels that have tiles, smallest areas first, after the tiles have been written or taken over."""
    table = making.found.read("boundaries")
    form = making.study.publish.tiles
    found = []
    for name, place in making.atlas.levels.items():
        rows = table[(table["level"] == name) & table["area"].isin(place.at)].sort_values("area")
        codes, shapes = rows["area"].tolist(), rows["geometry"].tolist()
        if not codes:
            continue
        base = safe_name(name)
        bounds = _laid(making.build, base, codes, shapes, form)
        if bounds is None:
            continue
        file, files = f"tiles/{base}.pmtiles", f"tiles/{base}/{{z}}/{{x}}/{{y}}.pbf"
        found.append(
            MapLevel(
                name,
                place.level.title,
                place.level.plural,
                files if form == "folder" else file,
                files if form == "both" else "",
                bounds,
            )
        )
    return found


def _laid(
    build: Build, base: str, codes: list[str], shapes: list[bytes], form: Form
) -> tuple[float, float, float, float] | None:
    """Return the bounds of the tiles of one level, made or taken over from the site before; None where nothing has a surface."""
    note, mark = f"tiles/{base}", digest(fingerprint(codes, shapes), form)
    told = build.recall(note, mark)
    if told is not None:
        bounds, files = told
        if all(build.keep(f"tiles/{file}", mark) for file in files):
            return (bounds[0], bounds[1], bounds[2], bounds[3])
        for file in files:
            # Links to old files must not be written through.
            (build.folder / "tiles" / file).unlink(missing_ok=True)
    made = make_tiles(base, codes, shapes, build.folder / "tiles", form=form)
    if made is None:
        return None
    for file in made.files:
        build.note(f"tiles/{file}", mark)
    west, south, east, north = (round(edge, 5) for edge in made.bounds)
    build.remember(note, mark, [[west, south, east, north], list(made.files)])
    return west, south, east, north


def _start(making: Making, levels: list[MapLevel]) -> dict[str, str]:
    """Return the level and measure that the map opens with: the leading definition of need where it has shapes."""
    here = {one.level for one in levels}
    for need in making.atlas.needs:
        if need.level in here:
            return {"level": need.level, "measure": f"need.{need.id}"}
    for index in making.atlas.indices:
        if index.level in here:
            return {"level": index.level, "measure": f"{index.id}.decile"}
    level = next((one.level for one in levels if making.atlas.summaries.get(one.level)), levels[-1].level)
    mine = making.atlas.summaries.get(level, ())
    # Uncertainty is shown from the start wherever it is known.
    shown = next((one for one in mine if one.interval), mine[0] if mine else None)
    measure = f"{shown.index}.{shown.measure.replace(' ', '-')}" if shown else ""
    return {"level": level, "measure": measure}


def _filters(making: Making) -> list[dict[str, Any]]:
    """Return by what places can be picked out: a class of a column at one level."""
    words = STRINGS["map"]
    found: list[dict[str, Any]] = []
    for need in making.atlas.needs[:1]:
        title = words["filter_both"].format(title=need.title)
        found.append(
            {"id": "both", "title": title, "level": need.level, "column": f"need.{need.id}", "is": 1}
        )
    for one in making.atlas.rounds[:1]:
        column = f"round.{one.id}"
        found.append(
            {"id": "funded", "title": words["filter_funded"], "level": one.level, "column": column, "is": 1}
        )
        if any(row.get("standing") == "contested" for row in one.decisions.values()):
            contested = {"column": f"{column}.standing", "is": 2}
            found.append(
                {"id": "contested", "title": words["filter_contested"], "level": one.level, **contested}
            )
    return found


def _figure(making: Making) -> Figure | None:
    """Return the drawing that stands for the map: small areas by type of need, or authorities where they are too many."""
    found = making.found
    group = making.page.group_level.name if making.page.group_level else ""
    both = {group_.place.code: len(group_.places) for group_ in making.page.groups}
    return kind_map(found, group) or (summary_map(found, group, both) if group else None)


def _credits(making: Making) -> tuple[str, ...]:
    """Return whose shapes these are: title, publisher and licence of each source of boundaries."""
    used = set(making.found.read("boundaries", ["source"])["source"].dropna())
    return tuple(
        ", ".join(part for part in (row.title, row.publisher, row.licence) if part)
        for row in making.page.sources
        if row.id in used
    )
