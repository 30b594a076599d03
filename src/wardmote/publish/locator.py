"""Where a place lies: a small drawing of it within the larger area around it, made once for all places that share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from wardmote.publish.building import digest
from wardmote.publish.maps import path, place
from wardmote.publish.page import Gathering
from wardmote.publish.places import Atlas
from wardmote.publish.shapes import joined_parts, shapes_mark
from wardmote.publish.strings import say
from wardmote.publish.svg import drawing, tag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 150.0
"""Longer side of the drawing in its own units: about its width in dots beside a headline."""

DETAIL = 0.7
"""Tolerance by which outlines are simplified, in the same units: under one dot on most screens."""

SMALL = 7.0
"""Longer side below which a place is ringed, so that it is seen."""

BEYOND = 0.04
"""Part of its size by which an area may reach beyond the outline around it and still be drawn inside it."""

RING = 8.0
"""Radius of the ring."""


Drawn = tuple[Markup, tuple[float, float]]
"""The paths of a drawing, and its size."""


class Framed(NamedTuple):
    """The area around places as it is drawn: its outline, how degrees become units of the drawing, and the drawing's size."""

    outline: Markup
    frame: tuple[float, float, float, float]
    size: tuple[float, float]


class Locator:
    """Draws where places lie; drawings that places share are made once.

    The place itself is dark where its level has shapes. Where it has none, the smallest larger area with a shape stands for it, or for
    a larger place the areas inside it. The outline around it is that of the next larger area, or of the whole study.

    Args:
        atlas: The facts of all places.
        found: The tables.
    """

    def __init__(self, atlas: Atlas, found: Gathering) -> None:
        self.atlas = atlas
        table = found.read("boundaries")
        self._table = table
        self._mark = shapes_mark(found)
        self._joined = {name: joined_parts(found, name) for name in atlas.levels}
        self._levels = [name for name in atlas.levels if (table["level"] == name).any()]
        self._shapes: dict[str, dict[int, Any]] = {}
        self._whole: dict[tuple[str, str, int], Any] = {}
        self._frames: dict[tuple[str, str, int], Framed] = {}
        self._groups: dict[tuple[str, str], dict[int, list[Any]]] = {}
        self._drawn: dict[tuple[str, tuple[int, ...], str, int], Drawn] = {}

    def fingerprint(self) -> str:
        """Return a digest of all shapes, by which a page knows that its drawing is still the same."""
        return digest(self._mark, self._levels, self._joined)

    def draw(self, level: str, row: int) -> Markup:
        """Return where a place lies, as SVG with its words; nothing where no level has shapes.

        Args:
            level: Its level.
            row: Its row there.
        """
        at = self._level_of(level)
        rows = self._rows(at, level, row) if at else ()
        if not rows:
            return Markup("")
        frame, above = self._frame(at, level, row)
        if self._around(at, frame, above).is_empty:
            return Markup("")
        name = self.atlas.levels[level].names[row]
        around = self.atlas.levels[frame].names[above] if frame else say("place", "locator_study")
        title = say("place", "locator", name=name, around=around)
        note = ""
        if self._order(at) > self._order(level):
            note = say("place", "locator_in", name=self.atlas.levels[at].names[rows[0]])
        elif at == level and (parts := self._joined[at].get(self.atlas.levels[at].codes[row])):
            note = say("place", "locator_joined", parts=parts)
        paths, size = self._paths_of(at, rows, frame, above)
        return drawing("locator", title, note or title, size, [paths])

    def on_map(self, level: str, row: int) -> tuple[str, str] | None:
        """Return level and code of the shape that stands for a place on the map; None where there is none, or several.

        Args:
            level: Its level.
            row: Its row there.
        """
        at = self._level_of(level)
        rows = self._rows(at, level, row) if at else ()
        return (at, self.atlas.levels[at].codes[rows[0]]) if len(rows) == 1 else None

    def _order(self, level: str) -> int:
        return list(self.atlas.levels).index(level)

    def _level_of(self, level: str) -> str:
        """Return the level whose shapes stand for places of a level: its own, the next larger, or the largest below."""
        order = list(self.atlas.levels)
        larger = [name for name in order[order.index(level) :] if name in self._levels]
        smaller = [name for name in order[: order.index(level)] if name in self._levels]
        return larger[0] if larger else smaller[-1] if smaller else ""

    def _rows(self, at: str, level: str, row: int) -> tuple[int, ...]:
        """Return the shapes that stand for a place."""
        shapes = self._of(at)
        if at == level:
            return (row,) if row in shapes else ()
        place_ = self.atlas.levels[level]
        if at in place_.parents:
            above = int(place_.parents[at][row])
            return (above,) if above in shapes else ()
        parent = self.atlas.levels[at].parents.get(level)
        return (
            () if parent is None else tuple(i for i in (parent == row).nonzero()[0].tolist() if i in shapes)
        )

    def _frame(self, at: str, level: str, row: int) -> tuple[str, int]:
        """Return the larger area around a place, or ("", -1) for the whole study."""
        order = list(self.atlas.levels)
        start = max(order.index(at), order.index(level))
        for name in order[start + 1 :]:
            rows = self.atlas.levels[level].parents.get(name)
            if rows is not None and rows[row] >= 0 and len(self.atlas.levels[name].codes) > 1:
                return name, int(rows[row])
        return "", -1

    def _of(self, level: str) -> dict[int, Any]:
        """Return the shapes of a level by row, in degrees."""
        if level not in self._shapes:
            import numpy as np
            import shapely

            rows = self._table[(self._table["level"] == level) & self._table["geometry"].notna()]
            parsed = np.asarray(shapely.from_wkb(list(rows["geometry"])))
            known = self.atlas.levels[level].at
            kept = np.isin(shapely.get_type_id(parsed), (3, 6)) & ~shapely.is_empty(parsed)
            self._shapes[level] = {
                known[code]: shape
                for code, shape, whole in zip(rows["area"], parsed, kept, strict=True)
                if whole and code in known
            }
        return self._shapes[level]

    def _around(self, at: str, frame: str, above: int) -> Any:
        """Return the outline of the area around, from the shapes inside it."""
        key = (at, frame, above)
        if key not in self._whole:
            import shapely

            own = self._of(frame).get(above) if frame in self._levels else None
            inside = self._inside(at, frame, above)
            if own is None or not _holds(own, inside):
                own = shapely.union_all(inside, grid_size=1e-6)
                if shapely.is_empty(own):  # all of it is smaller than the grid
                    own = shapely.union_all(inside)
            self._whole[key] = own
        return self._whole[key]

    def _inside(self, at: str, frame: str, above: int) -> list[Any]:
        """Return the shapes of a level in a larger area; all of them where the two levels are not tied together."""
        shapes = self._of(at)
        parent = self.atlas.levels[at].parents.get(frame)
        if parent is None:
            return list(shapes.values())
        # Sorted once: there are as many larger areas to ask for as a country has.
        if (at, frame) not in self._groups:
            groups: dict[int, list[Any]] = {}
            for i, larger in enumerate(parent.tolist()):
                if i in shapes:
                    groups.setdefault(larger, []).append(shapes[i])
            self._groups[at, frame] = groups
        return self._groups[at, frame].get(above, [])

    def _paths_of(self, at: str, rows: tuple[int, ...], frame: str, above: int) -> Drawn:
        """Return the drawing, made once for all places that share it."""
        key = (at, rows, frame, above)
        if key not in self._drawn:
            self._drawn[key] = self._paths(at, rows, frame, above)
        return self._drawn[key]

    def _paths(self, at: str, rows: tuple[int, ...], frame: str, above: int) -> Drawn:
        """Return the outline and the place as paths, and the size of the drawing."""
        import shapely

        framed = self._framed(at, frame, above)
        shapes = self._of(at)
        own = shapes[rows[0]] if len(rows) == 1 else shapely.union_all([shapes[i] for i in rows])
        here = _placed([own], framed.frame)[0]
        low_x, low_y, high_x, high_y = (float(x) for x in shapely.bounds(here))
        drawn = [
            framed.outline,
            tag("path", d=path(here), class_="here"),
        ]
        if max(high_x - low_x, high_y - low_y) < SMALL:
            middle = here.representative_point()
            drawn.append(tag("circle", cx=float(middle.x), cy=float(middle.y), r=RING, class_="ring"))
        return Markup("").join(drawn), framed.size

    def _framed(self, at: str, frame: str, above: int) -> Framed:
        """Return the area around, drawn once for all places inside it."""
        key = (at, frame, above)
        if key not in self._frames:
            import numpy as np
            import shapely

            around = self._around(at, frame, above)
            west, south, east, north = (float(x) for x in shapely.bounds(around))
            squeeze = float(np.cos(np.radians((south + north) / 2)))
            scale = (SIDE - 4) / max((east - west) * squeeze, north - south, 1e-9)
            place_frame = (west, north, squeeze, scale)
            outline = tag("path", d=path(_placed([around], place_frame)[0]), class_="around")
            size = ((east - west) * squeeze * scale + 4, (north - south) * scale + 4)
            self._frames[key] = Framed(outline, place_frame, size)
        return self._frames[key]


def _holds(outline: Any, inside: list[Any]) -> bool:
    """Return whether an outline reaches as far as what lies in it: a coarser one of a small area may not, and would cut its places off."""
    import numpy as np
    import shapely

    if not inside:
        return True
    own, theirs = shapely.bounds(outline), shapely.total_bounds(np.asarray(inside, dtype=object))
    beyond = np.maximum(own[:2] - theirs[:2], theirs[2:] - own[2:])
    return bool((beyond <= BEYOND * (own[2:] - own[:2])).all())


def _placed(shapes: list[Any], frame: tuple[float, float, float, float]) -> NDArray[np.object_]:
    """Return shapes in the units of the drawing, simplified; specks are left out of the outline."""
    import numpy as np
    import shapely

    moved = place(np.asarray(shapes, dtype=object), frame)
    simple = shapely.simplify(moved, DETAIL)
    kept = []
    for shape, whole in zip(simple, moved, strict=True):
        parts = [part for part in getattr(shape, "geoms", [shape]) if part.area >= DETAIL]
        good = [shapely.Polygon(part.exterior) for part in parts if not part.is_empty]
        kept.append(shapely.MultiPolygon(good) if good else whole)
    return np.asarray(kept, dtype=object)
