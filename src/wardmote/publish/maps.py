"""Maps as SVG, drawn on the server: shapes simplified without gaps, classes told by tone, pattern and words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from wardmote.publish.strings import STRINGS
from wardmote.publish.svg import drawing, tag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 640.0
"""Width of a map in its own units; about its width in pixels on a desk."""

TALLEST = 760.0
"""Greatest height of a map: it fits a screen with its title."""

LEAST = 1e-9
"""Least extent in degrees that a map is made to fill, a tenth of a millimetre: shapes without any would divide by nothing."""

DETAIL = 0.8
"""Side of the smallest triangle that is drawn, in units of the map: under one dot on most screens."""


@dataclass(frozen=True, slots=True)
class MapArea:
    """One area to draw.

    Attributes:
        code: Its code.
        label: Its name and what the map says of it, one line for a pointer that rests on it.
        css: The class that colours it.
        mark: Whether a dot is set in its middle, so that it stands out without colour.
    """

    code: str
    label: str
    css: str
    mark: bool = False


@dataclass(frozen=True, slots=True)
class Shapes:
    """Shapes in the map's own units.

    Attributes:
        shapes: Polygon by code.
        size: Width and height of the map.
        frame: What `place` needs to lay further shapes over these.
    """

    shapes: dict[str, Any]
    size: tuple[float, float]
    frame: tuple[float, float, float, float]


def lay_out(codes: Sequence[str], geometry: Sequence[bytes], width: float = WIDTH) -> Shapes:
    """Return shapes as they stand on the map: north up, true in width and height at the middle, simplified without gaps.

    Longitude is multiplied by the cosine of the middle latitude. Over a country the size of Britain lengths are wrong by at most
    about 7% at the far ends, which no reader of a small map can see.

    Args:
        codes: Codes of the areas.
        geometry: Their polygons as WKB in EPSG:4326, anything else where there is none.
        width: Width of the map; less where it would become taller than `TALLEST`.

    Returns:
        The shapes; areas whose shape is missing, empty or no polygon are left out.
    """
    import numpy as np
    import shapely

    parsed = np.asarray(shapely.from_wkb([one if isinstance(one, bytes) else None for one in geometry]))
    # Points and lines have no surface to colour; an empty shape has no place.
    drawn = np.isin(shapely.get_type_id(parsed), (3, 6)) & ~shapely.is_empty(parsed)
    codes, parsed = [code for code, kept in zip(codes, drawn, strict=True) if kept], parsed[drawn]
    if not len(parsed):
        return Shapes({}, (0.0, 0.0), (0.0, 0.0, 1.0, 1.0))
    west, south, east, north = (float(x) for x in shapely.total_bounds(parsed))
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    scale = min((width - 4) / max((east - west) * squeeze, LEAST), TALLEST / max(north - south, LEAST))
    frame = (west, north, squeeze, scale)
    placed = place(parsed, frame)
    # The tolerance is the square root of the area of the smallest triangle kept, in the coverage's own units.
    simple = shapely.coverage_simplify(placed, DETAIL)
    whole = ~shapely.is_empty(simple) & shapely.is_valid(simple)
    size = ((east - west) * squeeze * scale + 4, (north - south) * scale + 4)
    kept = np.where(whole, simple, placed)
    return Shapes(dict(zip(codes, kept, strict=True)), size, frame)


def place(shapes: NDArray[np.object_], frame: tuple[float, float, float, float]) -> NDArray[np.object_]:
    """Return shapes in degrees moved to the map's own units.

    Args:
        shapes: Shapely geometries in EPSG:4326.
        frame: ``Shapes.frame`` of the map.
    """
    import numpy as np
    import shapely

    west, north, squeeze, scale = frame

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(
            [(points[:, 0] - west) * squeeze * scale + 2, (north - points[:, 1]) * scale + 2]
        )

    return np.asarray(shapely.transform(shapes, move))


def draw_map(
    name: str,
    title: str,
    description: str,
    shapes: Shapes,
    areas: Sequence[MapArea],
    *,
    over: Mapping[str, Any] | None = None,
    dots: Sequence[tuple[float, float]] = (),
    counts: Mapping[str, int] | None = None,
    names: Mapping[str, str] | None = None,
    patterns: bool = False,
) -> Markup:
    """Return a map; each area carries its label as a title.

    Args:
        name: Prefix of ids; unique on the page.
        title: What the map shows.
        description: What can be read from it, and where the table is.
        shapes: The shapes, from `lay_out`.
        areas: What to draw; areas without a shape are left out.
        over: Outlines to draw over the areas, in the map's units.
        dots: Points to mark, in the map's units.
        counts: Numbers to show as circles whose area is the number, by code.
        names: Names to write into areas, by code.
        patterns: Whether this map brings the page's patterns; one on a page does.
    """
    drawn = [
        tag("path", tag("title", area.label), d=path(shapes.shapes[area.code]), class_=f"area {area.css}")
        for area in areas
        if area.code in shapes.shapes
    ]
    marks = [
        tag("circle", cx=x, cy=y, r=2.6, class_="dot")
        for x, y in (
            _middle(shapes.shapes[area.code]) for area in areas if area.mark and area.code in shapes.shapes
        )
    ]
    lines = [tag("path", d=path(shape), class_="outline") for shape in (over or {}).values()]
    points = [tag("circle", cx=x, cy=y, r=1.5, class_="dot") for x, y in dots]
    most = max((counts or {}).values(), default=1)
    circles = [
        tag(
            "circle",
            tag("title", area.label),
            cx=x,
            cy=y,
            r=radius((counts or {})[area.code], most),
            class_="count",
        )
        for area in sorted(areas, key=lambda area: -(counts or {}).get(area.code, 0))
        if (counts or {}).get(area.code) and area.code in shapes.shapes
        for x, y in [_middle(shapes.shapes[area.code])]
    ]
    written = [
        tag("text", said, x=x, y=y + 4, class_="place-name")
        for said, (x, y) in (
            (said, _middle(shapes.shapes[code]))
            for code, said in (names or {}).items()
            if code in shapes.shapes
        )
    ]
    groups = [
        tag("g", *drawn),
        tag("g", *lines),
        tag("g", *marks),
        tag("g", *points),
        tag("g", *circles),
        tag("g", *written),
    ]
    size = shapes.size
    if counts:
        groups.append(tag("g", *_key_of_circles(counts, size[1])))
        size = (size[0], size[1] + 40)
    return drawing(name, title, description, size, [PATTERNS, *groups] if patterns else groups)


WIDEST = 14.0
"""Radius of the greatest circle in units of the map: a small authority's neighbours stay visible beside it."""


def radius(count: int, most: int) -> float:
    """Return the radius of a circle whose area stands for a number, so that twice the number looks twice as much.

    Args:
        count: The number.
        most: The greatest number on the map.
    """
    return float(WIDEST * (count / most) ** 0.5)


def circle_key(counts: Mapping[str, int]) -> tuple[int, ...]:
    """Return the numbers that the key of circles shows: one, about a quarter of the greatest, the greatest.

    Args:
        counts: Numbers by code, at least one of them above 0.
    """
    most = max(counts.values())
    return tuple(sorted({1, max(most // 4, 1), most}))


def _key_of_circles(counts: Mapping[str, int], top: float) -> list[Markup]:
    """Return circles of known numbers for the strip below a map: in the drawing itself, so that they shrink with it."""
    most = max(counts.values())
    drawn = []
    for i, number in enumerate(circle_key(counts)):
        x = 22 + i * 100.0
        drawn.append(tag("circle", cx=x, cy=top + 20, r=radius(number, most), class_="count"))
        drawn.append(tag("text", f"{number:,}", x=x + 20, y=top + 26, class_="key-number"))
    return drawn


def _middle(shape: Any) -> tuple[float, float]:
    """Return a point inside the shape."""
    point = shape.representative_point()
    return float(point.x), float(point.y)


def path(shape: Any) -> str:
    """Return the ``d`` of a polygon or several: whole tenths of a unit, each point relative to the one before.

    Args:
        shape: Polygon or multipolygon in the map's units.
    """
    import numpy as np

    written = []
    for polygon in getattr(shape, "geoms", [shape]):
        for ring in (polygon.exterior, *polygon.interiors):
            points = np.round(np.asarray(ring.coords)[:-1] * 10).astype(int)
            if not len(points):  # an empty part
                continue
            steps = np.diff(points, axis=0)
            steps = steps[(steps != 0).any(axis=1)]
            start = f"M{_tenths(points[0])}"
            written.append(f"{start}l{_steps(steps)}z" if len(steps) else "")
    return "".join(written)


def _steps(steps: NDArray[np.int64]) -> str:
    return " ".join(_tenths(step) for step in steps)


def _tenths(pair: NDArray[np.int64]) -> str:
    return ",".join(_tenth(value) for value in pair.tolist())


@lru_cache(maxsize=20_000)
def _tenth(value: int) -> str:
    """Return tenths as a path knows them: no zero is needed before the point."""
    text = f"{value / 10:g}"
    return text.replace("0.", ".", 1) if -10 < value < 10 and value else text


_OUTLINE = re.compile(r'<path d="(M[^"]*)" class="((?:area|outline)[^"]*)"(?:/>|>(.*?)</path>)', re.DOTALL)


def outlines_once(html: str) -> str:
    """Return a page on which an outline that several maps draw stands once, in the first of them, and is used by each.

    An outline in use takes its colours from the element that uses it, so each map still colours its own; three maps of the same
    authorities then load little more than one. Text of a page is escaped, so nothing but our own drawings can look like an outline.

    Args:
        html: The page.
    """
    often = Counter(match[1] for match in _OUTLINE.finditer(html))
    ids = {shape: f"shape-{i}" for i, shape in enumerate(shape for shape, n in often.items() if n > 1)}
    if not ids:
        return html

    def used(match: re.Match[str]) -> str:
        if match[1] not in ids:
            return match[0]
        start = f'<use href="#{ids[match[1]]}" class="{match[2]}"'
        return f"{start}/>" if match[3] is None else f"{start}>{match[3]}</use>"

    first = next(match.start() for match in _OUTLINE.finditer(html) if match[1] in ids)
    at = html.rindex("</desc>", 0, first) + len("</desc>")
    shapes = "".join(f'<path id="{id_}" d="{shape}"/>' for shape, id_ in ids.items())
    return f"{html[:at]}<defs>{shapes}</defs>{_OUTLINE.sub(used, html[at:])}"


PATTERNS = Markup(
    '<defs aria-hidden="true">'
    '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="5" height="5" class="p-deprivation-ground"/><path d="M0,0v5" class="p-deprivation-line"/></pattern>'
    '<pattern id="speckle" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect width="5" height="5" class="p-community-ground"/><circle cx="2.5" cy="2.5" r="1" class="p-community-line"/></pattern>'
    "</defs>"
)
"""Patterns that tell kinds of need apart without colour."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Classes of a number on a map.

    Attributes:
        breaks: Where classes end, rising; the last class is open.
        name: Its name: its words are the texts of that name.
    """

    breaks: tuple[float, ...]
    name: str

    def words(self) -> tuple[str, ...]:
        """Return what each class is called, one more than `breaks`."""
        return tuple(STRINGS["figures"][f"{self.name}_{i}"] for i in range(1, len(self.breaks) + 2))

    def place(self, value: float) -> int:
        """Return the class of a value, counted from 0; values on a break belong to the class above."""
        return sum(value >= edge for edge in self.breaks)


SHARES = Scale((0.02, 0.10, 0.20, 0.40), "share")
"""Classes of shares that are 10% in the country as a whole: under a fifth of that, under it, up to twice, up to four times, more.
Fixed, so that two studies can be laid side by side."""

FIFTHS = Scale((0.2, 0.4, 0.6, 0.8), "fifth")
"""Classes of equal numbers of areas, by rank, for summaries that have no scale of their own."""
