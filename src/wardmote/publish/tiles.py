"""Vector tiles that carry codes and shapes and nothing else: new figures never mean new tiles.

Every area is in the tiles at every zoom. Makers of tiles drop small areas to keep tiles small; in a map of classes that would be a
silent falsehood, so an area too small to have a shape at some zoom is drawn as the smallest square that the zoom knows.

The format of a tile: Mapbox Vector Tile 2.1, https://github.com/mapbox/vector-tile-spec/tree/master/2.1 (CC BY 3.0).
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wardmote.publish.pmtiles import Tile, varint, write_archive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Form = Literal["file", "folder", "both"]
"""How tiles lie: one archive, a folder of small files, or both."""

EXTENT = 4096
"""Units along the side of a tile, the custom of the format."""

BUFFER = 64
"""Units that a shape reaches beyond its tile: eight dots on a screen, so that lines drawn along a cut are never seen."""

ZOOMS = (4, 12)
"""Lowest zoom (Britain on a phone) and highest; a map draws the tiles of the highest zoom for all beyond, where a unit is 1.5 m."""

MOST_TILES = 60_000
"""Most tiles of the highest zoom: England's neighbourhoods take at most 10,622 of zoom 12, which stays; the whole globe would take
17 million, and gets zoom 7."""

MOST_TILES_EVER = 250_000
"""Most tiles of the highest zoom where fewer would not show the areas."""

TYPICAL = 32
"""Units across which an area of middling size is drawn at least at the highest zoom, within `MOST_TILES_EVER`."""

DETAIL = 4.0
"""Side of the smallest triangle that is drawn, in units: half a dot on a screen of 512 dots a tile."""

WORTH = 0.1
"""Share of points that would go from which shapes are simplified at all: simplifying a country takes a second each time."""

SEEN = 220
"""Dots on a screen across which an area is shown when it is looked for: it is seen, and so is what lies around it, on a phone too."""

NEAREST = 15.0
"""Greatest zoom at which an area is shown when it is looked for: beyond it shapes are coarser than the screen."""

LAYER = "areas"
"""Name of the one layer of a tile."""

MAKER = 1
"""Counted up when the same shapes would give other tiles: old tiles are then made anew."""

FARTHEST = 85.0511287798066
"""Latitude at which the square of Web Mercator ends."""


@dataclass(frozen=True, slots=True)
class TileSet:
    """The tiles of one level.

    Attributes:
        level: The level.
        files: The archive, or the tiles, or both, relative to the folder that they were written below.
        areas: How many areas it holds.
        tiles: How many tiles.
        bounds: West, south, east, north in degrees.
        zooms: Lowest and highest zoom; a map draws the tiles of the highest for all beyond.
    """

    level: str
    files: tuple[str, ...]
    areas: int
    tiles: int
    bounds: tuple[float, float, float, float]
    zooms: tuple[int, int]


def make_tiles(
    level: str,
    codes: Sequence[str],
    geometry: Sequence[bytes],
    out: Path,
    *,
    zooms: tuple[int, int] = ZOOMS,
    form: Form = "file",
) -> TileSet | None:
    """Return the tiles of one level, written below `out`; None where no area has a surface.

    Shapes are simplified together, so that neighbours still touch, a little more from zoom to zoom downwards.

    Args:
        level: The level; the archive is ``out/LEVEL.pmtiles``.
        codes: Code of each area.
        geometry: Its shape as WKB in EPSG:4326. Points, lines and empty shapes are left out.
        out: Folder of tiles; made where it is absent.
        zooms: Lowest and highest zoom; the highest is lower where there would be too many tiles (`highest_zoom`).
        form: "folder" writes ``out/LEVEL/Z/X/Y.pbf`` instead, for hosts that do not serve parts of a file; "both" writes both.

    Raises:
        OSError: The disk is full or refuses.
    """
    names, shapes = _surfaces(codes, geometry)
    if not names:
        return None
    out.mkdir(parents=True, exist_ok=True)
    bounds = bounds_of(shapes)
    zooms = (zooms[0], highest_zoom(shapes, zooms))
    tiles = build_tiles(names, shapes, zooms)
    files: list[str] = []
    if form != "file":
        files += [f"{level}/{tile}" for tile in write_folder(out / level, tiles)]
    if form != "folder":
        files.append(f"{level}.pmtiles")
        layer = {"id": LAYER, "fields": {"code": "String"}, "minzoom": zooms[0], "maxzoom": zooms[1]}
        said = {"name": level, "format": "pbf", "vector_layers": [layer]}
        write_archive(out / files[-1], tiles, bounds=bounds, metadata=said)
    return TileSet(level, tuple(files), len(names), len(tiles), bounds, zooms)


def fingerprint(codes: Sequence[str], geometry: Sequence[bytes], zooms: tuple[int, int] = ZOOMS) -> str:
    """Return what tells two sets of shapes apart: a checksum of codes, shapes, zooms and the way tiles are made.

    Args:
        codes: Code of each area.
        geometry: Its shape as WKB.
        zooms: Lowest and highest zoom.
    """
    digest = hashlib.sha256(
        json.dumps([MAKER, EXTENT, BUFFER, DETAIL, MOST_TILES, MOST_TILES_EVER, TYPICAL, *zooms]).encode()
    )
    for code, shape in zip(codes, geometry, strict=True):
        digest.update(code.encode() + b"\0" + len(shape).to_bytes(8, "little"))
        digest.update(shape)
    return digest.hexdigest()


def highest_zoom(shapes: NDArray[np.object_], zooms: tuple[int, int] = ZOOMS) -> int:
    """Return the highest zoom for which tiles are made, so that shapes round the globe take neither hours nor all memory.

    Tiles are counted from the shapes' bounding boxes: never fewer than there will be, but for the strips beyond their edges.

    Args:
        shapes: Shapes in EPSG:4326.
        zooms: Lowest and highest zoom.
    """
    import numpy as np
    import shapely

    box = shapely.bounds(shapes)
    west_north, east_south = _mercator(box[:, [0, 3]]), _mercator(box[:, [2, 1]])
    middling = float(np.median((east_south - west_north).max(axis=1)))

    def count(zoom: int) -> float:
        last = (1 << zoom) - 1
        first = np.clip(np.floor(west_north * (last + 1)), 0, last)
        final = np.clip(np.floor(east_south * (last + 1)), 0, last)
        of_each = (final - first + 1).prod(axis=1).sum()
        return float(min(of_each, (final.max(axis=0) - first.min(axis=0) + 1).prod()))

    low, high = zooms
    for zoom in range(high, low, -1):
        # One zoom farther out, areas of middling size would be too small.
        needed = middling * (EXTENT << zoom - 1) < TYPICAL
        if count(zoom) <= (MOST_TILES_EVER if needed else MOST_TILES):
            return zoom
    return low


def has_surface(geometry: Iterable[bytes]) -> bool:
    """Return whether any shape has a surface, so that tiles can be made; no more are looked at than are needed to know.

    Args:
        geometry: Shapes as WKB.
    """
    return any(_surfaces([""], [shape])[0] for shape in geometry)


def build_tiles(
    codes: Sequence[str], shapes: NDArray[np.object_], zooms: tuple[int, int] = ZOOMS
) -> dict[Tile, bytes]:
    """Return each tile, packed with gzip.

    Args:
        codes: Code of each area.
        shapes: Its shape, valid polygons in EPSG:4326.
        zooms: Lowest and highest zoom.
    """
    import shapely

    found: dict[Tile, bytes] = {}
    values = [_value(code) for code in codes]
    placed = shapely.transform(shapes, _mercator)
    low, high = zooms
    for zoom in range(high, low - 1, -1):
        scale = float(EXTENT << zoom)
        if zoom < high:
            placed = _simplified(placed, DETAIL / scale)
        on_grid = shapely.transform(placed, lambda points, scale=scale: (points * scale).round())
        found.update(_tiles_of_zoom(zoom, values, on_grid))
    return found


def _surfaces(codes: Sequence[str], geometry: Sequence[bytes]) -> tuple[list[str], NDArray[np.object_]]:
    """Return codes and shapes that have a surface, by code; shapes that cross themselves are mended."""
    import numpy as np
    import shapely

    order = np.argsort(np.asarray(codes, dtype=object), kind="stable")
    shapes = np.asarray(shapely.from_wkb(list(geometry)), dtype=object)[order]
    names = np.asarray(codes, dtype=object)[order]
    broken = ~shapely.is_valid(shapes) & (shapes != None)  # noqa: E711  # element by element
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure")
    drawn = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    return list(names[drawn]), shapes[drawn]


def label_points(geometry: Sequence[bytes]) -> NDArray[np.float64]:
    """Return where the name of each area goes and how near one must be to see it: longitude, latitude, zoom, shape (n, 3).

    The point lies within the area. At the zoom the area, with the point in the middle, is `SEEN` dots wide or high. An area without
    a surface has its point all the same, and the greatest zoom that is asked for; an empty shape has none (NaN).

    Args:
        geometry: Shape of each area as WKB in EPSG:4326.
    """
    import numpy as np
    import shapely

    shapes = np.asarray(shapely.from_wkb(list(geometry)), dtype=object)
    points = shapely.point_on_surface(shapes)
    at = np.full((len(shapes), 2), np.nan)
    # What is empty has an empty point, which has no coordinates.
    known = ~shapely.is_missing(points) & ~shapely.is_empty(points)
    at[known] = shapely.get_coordinates(points[known])
    box = shapely.bounds(shapes)
    middle = _mercator(at)
    reach = np.maximum(
        np.abs(_mercator(box[:, :2]) - middle).max(axis=1), np.abs(_mercator(box[:, 2:]) - middle).max(axis=1)
    )
    # A map library's zoom 0 shows the world on 512 dots.
    zoom = np.clip(np.log2(SEEN / (2 * 512 * np.maximum(reach, 1e-9))), 3, NEAREST)
    zoom[~known] = np.nan
    return np.column_stack([at.round(5), zoom.round(1)])


def bounds_of(shapes: NDArray[np.object_]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of shapes taken together.

    Args:
        shapes: Shapely geometries.
    """
    import shapely

    west, south, east, north = (float(x) for x in shapely.total_bounds(shapes))
    return west, south, east, north


def _mercator(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return degrees as shares of the square world, from its north-west corner."""
    import numpy as np

    latitude = np.radians(np.clip(points[:, 1], -FARTHEST, FARTHEST))
    return np.column_stack([points[:, 0] / 360 + 0.5, 0.5 - np.arcsinh(np.tan(latitude)) / (2 * np.pi)])


def _simplified(shapes: NDArray[np.object_], tolerance: float) -> NDArray[np.object_]:
    """Return shapes simplified together; one that this would empty stays as it is."""
    import numpy as np
    import shapely

    if _spare(shapes, tolerance) < WORTH:
        return shapes
    simple = np.asarray(shapely.coverage_simplify(shapes, tolerance), dtype=object)
    return np.where(shapely.is_empty(simple), shapes, simple)


def _spare(shapes: NDArray[np.object_], tolerance: float) -> float:
    """Return the share of points that make too small a triangle with their neighbours to be drawn."""
    import numpy as np
    import shapely

    points = shapely.get_coordinates(shapes)
    first, second = np.diff(points[:-1], axis=0), np.diff(points[1:], axis=0)
    twice = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return float((twice < 2 * tolerance**2).mean()) if len(twice) else 0.0


def _tiles_of_zoom(zoom: int, codes: Sequence[bytes], shapes: NDArray[np.object_]) -> dict[Tile, bytes]:
    """Return the tiles of one zoom, from the codes of areas as values of a layer and their shapes in units of the zoom."""
    import numpy as np

    # A full row or column first, then its tiles: a big shape is cut a few hundred times, never once for each of its tiles.
    area, column, shapes = _cut(np.arange(len(shapes)), shapes, axis=0, last=(1 << zoom) - 1)
    piece, row, shapes = _cut(np.arange(len(shapes)), shapes, axis=1, last=(1 << zoom) - 1)
    area, column = area[piece], column[piece]
    drawn = _drawn(shapes, np.column_stack([column, row]) * EXTENT, area)
    tiles: dict[Tile, tuple[list[bytes], list[bytes]]] = {}
    for i in np.lexsort((area, row, column)).tolist():
        if drawn[i]:
            features, values = tiles.setdefault((zoom, int(column[i]), int(row[i])), ([], []))
            features.append(_feature(len(values), drawn[i]))
            values.append(codes[area[i]])
    return {tile: gzip.compress(_layer(*parts), 6, mtime=0) for tile, parts in tiles.items()}


def _cut(
    ids: NDArray[np.int64], shapes: NDArray[np.object_], *, axis: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.object_]]:
    """Return id, strip and piece wherever a shape reaches into a strip of tiles, along one axis; shapes within one stay as they are."""
    import numpy as np
    import shapely

    box = shapely.bounds(shapes)
    lowest, highest = box[:, axis], box[:, axis + 2]
    first = np.clip((lowest - BUFFER) // EXTENT, 0, last).astype(np.int64)
    final = np.clip((highest + BUFFER) // EXTENT, 0, last).astype(np.int64)
    count = final - first + 1
    at = np.repeat(np.arange(len(shapes)), count)
    strip = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count) + first[at]
    pieces = shapes[at]
    crosses = (lowest[at] < strip * EXTENT - BUFFER) | (highest[at] > (strip + 1) * EXTENT + BUFFER)
    across = np.flatnonzero(crosses)
    across = across[np.argsort(strip[across], kind="stable")]
    far = float(EXTENT) * (last + 2)
    for group in np.split(across, np.flatnonzero(np.diff(strip[across])) + 1):
        if len(group):
            start = float(strip[group[0]]) * EXTENT
            edge = [-far, -far, 2 * far, 2 * far]
            edge[axis], edge[axis + 2] = start - BUFFER, start + EXTENT + BUFFER
            pieces[group] = _clipped(pieces[group], edge)
    left = ~shapely.is_empty(pieces)
    return ids[at[left]], strip[left], pieces[left]


def _clipped(shapes: NDArray[np.object_], edge: list[float]) -> NDArray[np.object_]:
    """Return what of each shape lies in a rectangle: by the quick way, else by the careful one."""
    import numpy as np
    import shapely

    try:
        quick = np.asarray(shapely.clip_by_rect(shapes, *edge), dtype=object)
    except (
        shapely.errors.GEOSException
    ):  # the quick way refuses shapes that rounding has made cross themselves
        quick = np.full(len(shapes), None, dtype=object)
    # The quick way gives the whole rectangle for some shapes that only touch it: then a part reaches beyond the shape itself.
    whole, part = shapely.bounds(shapes), shapely.bounds(quick)
    beyond = (part[:, :2] < whole[:, :2] - 1).any(axis=1) | (part[:, 2:] > whole[:, 2:] + 1).any(axis=1)
    wrong = np.flatnonzero(beyond | shapely.is_missing(quick))
    if len(wrong):
        valid = shapely.make_valid(shapes[wrong], method="structure")
        quick[wrong] = shapely.intersection(valid, shapely.box(*edge))
    return quick


def _drawn(shapes: NDArray[np.object_], corner: NDArray[np.int64], area: NDArray[np.int64]) -> list[bytes]:
    """Return each piece as the commands of a tile; b"" where nothing of it is left and its area is drawn in another tile."""
    import numpy as np
    import shapely

    polygons, piece = shapely.get_parts(shapes, return_index=True)
    piece = piece[shapely.get_type_id(polygons) == 3]
    polygons = polygons[shapely.get_type_id(polygons) == 3]
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    outer = np.diff(polygon, prepend=-1) > 0
    points, ring = shapely.get_coordinates(rings, return_index=True)
    points = points.round().astype(np.int64) - corner[piece[polygon[ring]]]
    points, ring = _without_repeats(points, ring)
    size = np.bincount(ring, minlength=len(rings))
    surface = _surface(points, ring, size)
    solid = (size > 2) & (surface != 0)
    # A hole needs the ring around it.
    around = np.zeros(len(polygons), dtype=bool)
    around[polygon[outer]] = solid[outer]
    solid &= around[polygon]
    backwards = (surface > 0) != outer
    points, ring = _turned(points, ring, size, backwards)
    keep = solid[ring]
    new_ring = np.cumsum(solid) - 1
    commands = _commands(points[keep], new_ring[ring[keep]], piece[polygon[solid]], size[solid], len(shapes))
    seen = np.zeros(int(area.max(initial=-1)) + 1, dtype=bool)
    drawn = np.asarray([bool(command) for command in commands])
    seen[area[drawn]] = True
    for i in np.flatnonzero(~seen[area]).tolist():
        x, y = (shapely.get_coordinates(shapes[i])[0].round().astype(np.int64) - corner[i]).tolist()
        commands[i] = _smallest(x, y)
    return commands


def _without_repeats(
    points: NDArray[np.int64], ring: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return points that differ from the one before them; the last point of a ring, which is its first, goes too."""
    import numpy as np

    if not len(points):
        return points, ring
    last = np.append(ring[1:] != ring[:-1], True)
    points, ring = points[~last], ring[~last]
    if not len(points):
        return points, ring
    starts = np.flatnonzero(np.append(True, ring[1:] != ring[:-1]))
    ends = np.append(starts[1:], len(ring)) - 1
    before = np.roll(points, 1, axis=0)
    before[starts] = points[ends]
    differs = (points != before).any(axis=1)
    return points[differs], ring[differs]


def _surface(
    points: NDArray[np.int64], ring: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return twice the surface of each ring, above 0 where it turns with the clock on a screen; 0 for rings without points."""
    import numpy as np

    ends = np.cumsum(size)
    starts = ends - size
    after = np.roll(points, -1, axis=0)
    after[ends[size > 0] - 1] = points[starts[size > 0]]
    twice = points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]
    # Products of units within a tile are below 2^26, their sums exact in double precision.
    return np.bincount(ring, weights=twice, minlength=len(size)).astype(np.int64)


def _turned(
    points: NDArray[np.int64], ring: NDArray[np.int64], size: NDArray[np.int64], backwards: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return points with some rings turned round."""
    import numpy as np

    starts = np.cumsum(size) - size
    at = np.arange(len(points))
    mirrored = 2 * starts[ring] + size[ring] - 1 - at
    return points[np.where(backwards[ring], mirrored, at)], ring


def _commands(
    points: NDArray[np.int64],
    ring: NDArray[np.int64],
    piece: NDArray[np.int64],
    size: NDArray[np.int64],
    pieces: int,
) -> list[bytes]:
    """Return the commands that draw each piece (specification §4.3): for a ring, move to its first point, lines, close.

    Args:
        points: Points of all rings, one after the other.
        ring: Ring of each point.
        piece: Piece of each ring, ascending.
        size: Points of each ring.
        pieces: How many pieces there are.
    """
    import numpy as np

    steps = np.diff(points, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    of_point = piece[ring] if len(ring) else ring
    first = np.append(True, of_point[1:] != of_point[:-1]) if len(ring) else np.zeros(0, dtype=bool)
    steps[first] = points[first]
    folded = (steps << 1) ^ (
        steps >> 63
    )  # signs fold into the lowest bit, so that short steps are small numbers
    length = 2 * size + 3
    start = np.cumsum(length) - length
    stream = np.zeros(int(length.sum()), dtype=np.int64)
    stream[start] = 9  # move to, once
    stream[start + 3] = (size - 1) << 3 | 2  # line to, so many times
    stream[start + length - 1] = 15  # close
    within = np.arange(len(points)) - (np.cumsum(size) - size)[ring]
    at = start[ring] + np.where(within == 0, 1, 2 * within + 2)
    stream[at], stream[at + 1] = folded[:, 0], folded[:, 1]
    data, ends = _varints(stream)
    bytes_before = np.append(0, ends)
    ring_start, ring_end = bytes_before[start], bytes_before[start + length]
    whole = data.tobytes()
    commands = [b""] * pieces
    starts = (
        np.flatnonzero(np.append(True, piece[1:] != piece[:-1])) if len(piece) else np.zeros(0, dtype=int)
    )
    stops = np.append(starts[1:], len(piece)) - 1 if len(piece) else starts
    for i, begin, end in zip(
        piece[starts].tolist(), ring_start[starts].tolist(), ring_end[stops].tolist(), strict=True
    ):
        commands[i] = whole[begin:end]
    return commands


def _varints(numbers: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return numbers as varints behind each other, and where each ends."""
    import numpy as np

    width = np.ones(len(numbers), dtype=np.int64)
    for bits in (7, 14, 21, 28):
        width += numbers >= 1 << bits
    ends = np.cumsum(width)
    out = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    start = ends - width
    for byte in range(int(width.max(initial=0))):
        has = width > byte
        more = np.where(width[has] > byte + 1, 128, 0)
        out[start[has] + byte] = (numbers[has] >> (7 * byte)) & 127 | more
    return out, ends


def _smallest(x: int, y: int) -> bytes:
    """Return a square of one unit, in the order that the format wants of an outer ring."""
    moves = [
        9,
        _fold(x),
        _fold(y),
        3 << 3 | 2,
        _fold(1),
        _fold(0),
        _fold(0),
        _fold(1),
        _fold(-1),
        _fold(0),
        15,
    ]
    return b"".join(map(varint, moves))


def _fold(step: int) -> int:
    return step << 1 if step >= 0 else -step * 2 - 1


def _feature(position: int, commands: bytes) -> bytes:
    """Return a feature of a layer: its only property is its code, the value at its own position."""
    tags = b"\0" + varint(position)
    body = b"\x12" + varint(len(tags)) + tags + b"\x18\x03\x22" + varint(len(commands)) + commands
    return b"\x12" + varint(len(body)) + body


def _value(code: str) -> bytes:
    """Return a code as a value of a layer."""
    text = code.encode()
    body = b"\x0a" + varint(len(text)) + text
    return b"\x22" + varint(len(body)) + body


def _layer(features: list[bytes], values: list[bytes]) -> bytes:
    """Return a tile: one layer of version 2."""
    name = LAYER.encode()
    body = b"".join(
        [
            b"\x0a",
            varint(len(name)),
            name,
            *features,
            b"\x1a\x04code",
            *values,
            b"\x28",
            varint(EXTENT),
            b"\x78\x02",
        ]
    )
    return b"\x1a" + varint(len(body)) + body


def write_folder(folder: Path, tiles: Mapping[Tile, bytes]) -> list[str]:
    """Write each tile as a file of its own, unpacked, since a plain host does not say that a file is packed; return their names.

    Args:
        folder: The tiles go to ``folder/Z/X/Y.pbf``.
        tiles: Each tile, packed with gzip.

    Raises:
        OSError: The disk is full or refuses.
    """
    names = []
    for (zoom, x, y), data in tiles.items():
        path = folder / str(zoom) / str(x) / f"{y}.pbf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.decompress(data))
        names.append(f"{zoom}/{x}/{y}.pbf")
    return names
