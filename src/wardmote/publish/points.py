"""Where the middle of each place is, so that a browser can tell which places lie in an area that somebody draws.

Layout, relative to the site:

``data/points.js``
    ``{"levels": [{"level", "title", "plural", "places", "left_out"}]}``: the levels that have points, smallest areas first, how many
    places each has, and of how many no point is known.
``data/points/<level>.js``
    ``{"level", "lon": […], "lat": […]}``, in the order of the codes of the level's columns, null where there is none. Numbers are whole
    ten-thousandths of a degree (7 to 11 metres in Britain), each less the one before it that is known (the first less 0): England's
    33,755 take 270 kB so, half of what the degrees themselves would.

The point of a place is its own where its source gives a point, else one that stands for its shape and lies within it. Points hang on
shapes and codes alone: new figures neither write nor read them.
"""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from wardmote.publish.building import digest, safe_name
from wardmote.publish.page import texts
from wardmote.publish.shapes import blobs, shapes_mark
from wardmote.publish.shards import script
from wardmote.publish.tiles import label_points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wardmote.publish.atlas import Making
    from wardmote.publish.building import Build
    from wardmote.publish.places import PlaceLevel

INDEX = "data/points"
"""The list of levels, and the folder beside it with a file for each: no name of a level is taken for that of the list."""

LAYOUT = 1
"""Counted up when the same shapes would give other files."""

STEPS = 10_000
"""Steps in a degree: finer than shapes are drawn, coarser than would make the files long."""


@dataclass(frozen=True, slots=True)
class PointLevel:
    """A level of which points are known.

    Attributes:
        level, title, plural: Its name, and what its places are called.
        places: How many it has.
        left_out: Of how many no point is known.
    """

    level: str
    title: str
    plural: str
    places: int
    left_out: int


def make_points(making: Making) -> list[PointLevel]:
    """Write the points of all levels that have any; return these levels, smallest areas first.

    Args:
        making: What pages are made of.
    """
    build, mark = making.build, _mark(making)
    told = build.recall(INDEX, mark)
    if told is not None:
        levels = [PointLevel(*one) for one in told]
        if all(build.keep(f"{path}.js", mark) for path in [INDEX, *(_path(one.level) for one in levels)]):
            return levels
    levels = []
    for name, place in making.atlas.levels.items():
        points = _points_of(making, place)
        known = int((points[:, 0] == points[:, 0]).sum())
        if not known:
            continue
        titles = place.level.title, place.level.plural
        levels.append(PointLevel(name, *titles, len(points), len(points) - known))
        content = {"level": name, "lon": steps(points[:, 0]), "lat": steps(points[:, 1])}
        _put(build, _path(name), content, mark)
    _put(build, INDEX, {"levels": [asdict(one) for one in levels]}, mark)
    build.remember(INDEX, mark, [list(astuple(one)) for one in levels])
    return levels


def steps(degrees: NDArray[np.float64]) -> list[int | None]:
    """Return degrees in whole steps, each less the one before it that is known; None for what is not known.

    Args:
        degrees: Longitudes or latitudes, NaN for none.
    """
    found: list[int | None] = []
    last = 0
    for one in degrees.tolist():
        if isnan(one):
            found.append(None)
            continue
        here = round(one * STEPS)
        found.append(here - last)
        last = here
    return found


def _points_of(making: Making, place: PlaceLevel) -> NDArray[np.float64]:
    """Return longitude and latitude of each place of a level, in the order of its codes; NaN where no shape may be published."""
    import numpy as np

    table = making.found.read("boundaries")
    rows = table[(table["level"] == place.level.name) & table["area"].isin(place.at)]
    points = np.full((len(place.codes), 2), np.nan)
    if len(rows):
        at = [place.at[str(code)] for code in texts(rows["area"])]
        points[at] = label_points(blobs(rows["geometry"]))[:, :2]
    return points


def _mark(making: Making) -> str:
    """Return a digest of what points are made from: shapes as far as they may be published, and what places there are."""
    levels = [(place.level, place.codes) for place in making.atlas.levels.values()]
    return digest(LAYOUT, shapes_mark(making.found), levels)


def _path(level: str) -> str:
    return f"{INDEX}/{safe_name(level)}"


def _put(build: Build, path: str, content: Any, mark: str) -> None:
    build.put(f"{path}.js", script(path, content), mark)
