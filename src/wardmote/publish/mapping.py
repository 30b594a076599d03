"""The interactive map: tiles with codes and shapes, and a page that joins columns of numbers to them in the browser.

The page is whole without it: a drawing made here, its legend and its table say the same. The map stands above them where the browser
has JavaScript and WebGL and the page came from a web server.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wardmote.publish.building import digest, safe_name
from wardmote.publish.figures import Figure, kind_map, summary_map
from wardmote.publish.page import texts
from wardmote.publish.questions import Family, families
from wardmote.publish.shapes import blobs, joined_note, shape_credits, told_outlines
from wardmote.publish.strings import STRINGS
from wardmote.publish.tiles import Form, TileSet, fingerprint, has_surface, label_points, make_tiles

if TYPE_CHECKING:
    from wardmote.publish.atlas import Making
    from wardmote.publish.building import Build
    from wardmote.publish.page import Gathering
    from wardmote.publish.places import Atlas, PlaceLevel

PAGE, DATA = "map/index.html", "map/map.json"
"""The page, and what it can show."""

EMBEDDED = "embed/map.html"
"""The map alone, for the pages of others."""

VENDORED = {"maplibre": "assets/vendor/maplibre-gl-6.17.0", "pmtiles": "assets/vendor/pmtiles-4.5.0"}
"""Folders of the libraries that draw the map; see VENDOR.md beside them."""

MOST_AT_FIRST = 8_000
"""Most areas that the map opens with: a whole country of more is a cloud of dots on a screen. England's 6,856 larger neighbourhoods
are below."""

EDITION = 10
"""Letters of the mark of shapes in addresses of tiles."""

MOST_OUTLINES = 1_000
"""Most larger areas whose borders and names are laid over smaller ones, so that people find their way."""


@dataclass(frozen=True, slots=True)
class MapLevel:
    """One level that the map can draw.

    Attributes:
        level, title, plural: Its name, and what its areas are called.
        tiles: Where its tiles lie.
        folder: Where they lie in small files, for hosts that send no parts of a file; or "".
        bounds: West, south, east, north in degrees.
        zooms: Lowest and highest zoom of its tiles.
        areas: How many places it has.
        shapeless: How many of all places of the level have no shape, so that no map can show them.
        joined: That its outlines were joined from smaller areas, and from which; "" where a source gives them.
        names_from: Zoom from which there is room for the names of its places.
        points: The file that says where each place lies.
        edition: Mark of its codes and shapes.
    """

    level: str
    title: str
    plural: str
    tiles: str
    folder: str
    bounds: tuple[float, float, float, float]
    zooms: tuple[int, int]
    areas: int
    shapeless: int
    joined: str
    names_from: float
    points: str
    edition: str


def can_map(found: Gathering, atlas: Atlas) -> bool:
    """Return whether any level has shapes that may be published and have a surface: of points and lines there is no map.

    Args:
        found: The tables.
        atlas: The facts of all places.
    """
    table = found.read("boundaries")
    return any(
        has_surface(table[(table["level"] == name) & table["area"].isin(place.at)]["geometry"])
        for name, place in atlas.levels.items()
    )


def make_map(making: Making) -> None:
    """Write tiles, what the map can show, and its page; nothing where no level has shapes that may be published.

    Args:
        making: What pages are made of.
    """
    levels = _tiles(making)
    if not levels:
        return
    asked = families(making.atlas, making.study.need)
    data = {
        "levels": [_level(one, levels[i + 1 :]) for i, one in enumerate(levels)],
        "families": asked,
        "start": _start(making, levels, asked),
        "filters": _filters(making, levels, asked),
        "words": dict(STRINGS["map"]),
    }
    making.build.put(DATA, json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    printed = {
        "levels": levels,
        "figure": _figure(making),
        "filters": data["filters"],
        "vendored": VENDORED,
        "credits": shape_credits(making.found, making.page),
        "outlines": told_outlines(making.found),
    }
    making.put(PAGE, "map.html.j2", **printed)
    making.put(EMBEDDED, "embed_map.html.j2", **printed)


def _level(one: MapLevel, larger: list[MapLevel]) -> dict[str, Any]:
    """Return what the page needs to know of a level, with the larger one whose borders and names are laid over it."""
    over = next((above.level for above in larger if above.areas <= MOST_OUTLINES), "")
    return {
        "level": one.level,
        "title": one.title,
        "plural": one.plural,
        "tiles": one.tiles,
        "folder": one.folder,
        "columns": f"data/columns/{safe_name(one.level)}",
        "bounds": one.bounds,
        "zooms": one.zooms,
        "shapeless": one.shapeless,
        "joined": one.joined,
        "names_from": one.names_from,
        "points": one.points,
        "edition": one.edition,
        "over": over,
    }


def _tiles(making: Making) -> list[MapLevel]:
    """Return the levels that have tiles, smallest areas first, after the tiles have been written or taken over."""
    table = making.found.read("boundaries")
    drawn = table[table["geometry"].notna()]
    form = making.study.publish.tiles
    found = []
    for name, place in making.atlas.levels.items():
        rows = drawn[(drawn["level"] == name) & drawn["area"].isin(place.at)].sort_values("area")
        codes, shapes = [str(code) for code in texts(rows["area"])], blobs(rows["geometry"])
        if not codes:
            continue
        base = safe_name(name)
        print_ = fingerprint(codes, shapes)
        laid = _laid(making.build, base, codes, shapes, form, print_=print_)
        if laid is None:
            continue
        file, files = f"tiles/{base}.pmtiles", f"tiles/{base}/{{z}}/{{x}}/{{y}}.pbf"
        points = f"map/points/{base}.json"
        found.append(
            MapLevel(
                level=name,
                title=place.level.title,
                plural=place.level.plural,
                tiles=files if form == "folder" else file,
                folder=files if form == "both" else "",
                bounds=laid.bounds,
                zooms=laid.zooms,
                areas=len(codes),
                shapeless=len(place.codes) - laid.areas,
                joined=joined_note(making.found, name),
                names_from=_points(making.build, points, place, codes, shapes, print_=print_),
                points=points,
                edition=print_[:EDITION],
            )
        )
    return found


def _points(
    build: Build, path: str, place: PlaceLevel, codes: list[str], shapes: list[bytes], *, print_: str
) -> float:
    """Write where each place of a level lies, in the order of its codes; return from which zoom there is room for names.

    Tiles cut places into pieces, and each piece would get a name of its own; a place that is looked for is not in the tiles at hand.
    """
    import numpy as np

    mark = digest(print_, place.codes)
    told = build.recall(path, mark)
    if told is not None and build.keep(path, mark):
        return float(told)
    points = label_points(shapes)
    known = ~np.isnan(points[:, 0])
    rows = dict(zip(np.asarray(codes, dtype=object)[known], points[known].tolist(), strict=True))
    columns = {
        name: [rows[code][i] if code in rows else None for code in place.codes]
        for i, name in enumerate(("lon", "lat", "zoom"))
    }
    build.put(path, json.dumps(columns, separators=(",", ":")), mark)
    # A zoom and a half farther out a place that fills its view is some 80 dots wide: as wide as its name.
    names_from = round(float(np.nanmedian(points[:, 2])) - 1.5, 1)
    build.remember(path, mark, names_from)
    return names_from


def _laid(
    build: Build, base: str, codes: list[str], shapes: list[bytes], form: Form, *, print_: str
) -> TileSet | None:
    """Return the tiles of one level, made or taken over from the site before; None where nothing has a surface."""
    note, mark = f"tiles/{base}", digest(print_, form)
    told = build.recall(note, mark)
    if told is not None:
        bounds, files, zooms, areas, tiles = told
        if all(build.keep(f"tiles/{file}", mark) for file in files):
            return TileSet(base, tuple(files), areas, tiles, (*bounds,), (*zooms,))
        for file in files:
            # Links to old files must not be written through.
            (build.folder / "tiles" / file).unlink(missing_ok=True)
    made = make_tiles(base, codes, shapes, build.folder / "tiles", form=form)
    if made is None:
        return None
    for file in made.files:
        build.note(f"tiles/{file}", mark)
    west, south, east, north = (round(edge, 5) for edge in made.bounds)
    laid = replace(made, bounds=(west, south, east, north))
    build.remember(note, mark, [laid.bounds, list(laid.files), laid.zooms, laid.areas, laid.tiles])
    return laid


def _start(making: Making, levels: list[MapLevel], asked: list[Family]) -> dict[str, str]:
    """Return the level and measure that the map opens with: the leading definition of need where it has shapes, else an index."""
    indices = {item.id for item in making.atlas.indices}
    of_index = [one for one in asked if any(names[0].split(".")[0] in indices for names in one.values())]
    chances = [_leading(making, asked), *of_index, *asked[:1]]
    for known in (
        [one.level for one in levels if one.areas <= MOST_AT_FIRST],
        [one.level for one in levels],
    ):
        for chance in chances:
            level = next((level for level in known if level in chance), "")
            if level:
                return {"level": level, "measure": chance[level][0]}
    return {"level": levels[-1].level, "measure": ""}


def _leading(making: Making, asked: list[Family]) -> Family:
    """Return the leading definition of need at the levels that have one of their own; counts of what lies within are left out."""
    own = {f"need.{need.id}" for need in making.atlas.needs}
    lead = asked[0] if making.atlas.needs else {}
    return {level: names for level, names in lead.items() if names[0] in own}


def _filters(making: Making, levels: list[MapLevel], asked: list[Family]) -> list[dict[str, Any]]:
    """Return by what places can be picked out: a class of a column at each level that has it."""
    words = STRINGS["map"]
    found: list[dict[str, Any]] = []
    for need in making.atlas.needs[:1]:
        at = {level: names[0] for level, names in _leading(making, asked).items()}
        found.append(
            {"id": "both", "title": words["filter_both"].format(title=need.title), "at": at, "is": 1}
        )
    for one in making.atlas.rounds[:1]:
        column = f"round.{one.id}"
        found.append({"id": "funded", "title": words["filter_funded"], "at": {one.level: column}, "is": 1})
        if any(row.get("standing") == "contested" for row in one.decisions.values()):
            firm = {one.level: f"{column}.standing"}
            found.append({"id": "contested", "title": words["filter_contested"], "at": firm, "is": 2})
    return [one for one in found if any(level.level in one["at"] for level in levels)]


def _figure(making: Making) -> Figure | None:
    """Return the drawing that stands for the map: small areas by type of need, or authorities where they are too many."""
    found = making.found
    group = making.page.group_level.name if making.page.group_level else ""
    both = {group_.place.code: len(group_.places) for group_ in making.page.groups}
    return kind_map(found, group) or (summary_map(found, group, both) if group else None)
