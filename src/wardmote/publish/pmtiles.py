"""PMTiles version 3, one file that holds all tiles of a map: written here in whole, and read back for tests and for folders of tiles.

The format: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md (public domain). A header of 127 bytes, a root directory,
metadata as JSON, leaf directories where one directory would grow too long, and the tiles in the order of a Hilbert curve.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Tile = tuple[int, int, int]
"""Zoom, column from the west, row from the north."""

HEADER = 127
"""Bytes of the header (specification, §3)."""

FIRST_READ = 16_384
"""Header and root directory lie within this many bytes, so that a reader gets both at once (specification, §4)."""

LEAF = 4_096
"""Entries of one leaf directory: about 10 kB packed, one short read."""

GZIP, MVT = 2, 1
"""Codes of the packing and of the kind of tile (specification, §3)."""

_LAYOUT = "<7sB8Q3Q6B4iB2i"


def tile_id(tile: Tile) -> int:
    """Return the place of a tile in the archive: all tiles of lower zooms first, then along the Hilbert curve of its own zoom.

    Args:
        tile: Zoom, column, row.
    """
    zoom, x, y = tile
    start = ((1 << 2 * zoom) - 1) // 3
    place, side = 0, 1 << zoom >> 1
    while side:
        right, below = int(bool(x & side)), int(bool(y & side))
        place += side * side * ((3 * right) ^ below)
        if not below:
            if right:
                x, y = side - 1 - (x & (side - 1)), side - 1 - (y & (side - 1))
            x, y = y, x
        x, y, side = x & (side - 1), y & (side - 1), side >> 1
    return start + place


def write_archive(
    path: Path,
    tiles: Mapping[Tile, bytes],
    *,
    bounds: tuple[float, float, float, float],
    metadata: Mapping[str, Any],
) -> None:
    """Write tiles as one file; the same tiles give the same bytes.

    Args:
        path: File to write.
        tiles: Each tile, packed with gzip; at least one.
        bounds: West, south, east, north in degrees.
        metadata: What the file says of itself; ``vector_layers`` is needed by readers.

    Raises:
        OSError: The file cannot be written.
    """
    order = sorted((tile_id(tile), tile) for tile in tiles)
    entries, offset = [], 0
    for id_, tile in order:
        entries.append((id_, offset, len(tiles[tile])))
        offset += len(tiles[tile])
    root, leaves = _directories(entries)
    said = gzip.compress(json.dumps(metadata, sort_keys=True, ensure_ascii=False).encode(), 9, mtime=0)
    at_said = HEADER + len(root)
    at_leaves = at_said + len(said)
    at_tiles = at_leaves + len(leaves)
    zooms = [tile[0] for tile in tiles]
    corner = [round(degree * 1e7) for degree in bounds]
    middle = [(corner[0] + corner[2]) // 2, (corner[1] + corner[3]) // 2]
    header = struct.pack(
        _LAYOUT,
        b"PMTiles",
        3,
        *(HEADER, len(root), at_said, len(said), at_leaves, len(leaves), at_tiles, offset),
        *(len(order), len(order), len({tiles[tile] for tile in tiles})),
        *(1, GZIP, GZIP, MVT, min(zooms), max(zooms)),
        *corner,
        min(zooms),
        *middle,
    )
    with path.open("wb") as file:
        file.writelines((header, root, said, leaves, *(tiles[tile] for _, tile in order)))


def read_archive(path: Path) -> Iterator[tuple[Tile, bytes]]:
    """Yield each tile of an archive with its bytes, packed as they lie there.

    Args:
        path: An archive whose directories are packed with gzip or not at all.

    Raises:
        ValueError: The file is no PMTiles archive of version 3.
    """
    data = path.read_bytes()
    if data[:8] != b"PMTiles\x03":
        raise ValueError(f"{path.name} is no PMTiles archive of version 3")
    sections = struct.unpack_from("<8Q", data, 8)
    root, _, leaves, tiles = zip(sections[::2], sections[1::2], strict=True)
    pending = [data[root[0] : root[0] + root[1]]]
    while pending:
        for id_, run, offset, length in _entries(pending.pop(0)):
            if run:
                for i in range(run):
                    yield tile_of(id_ + i), data[tiles[0] + offset : tiles[0] + offset + length]
            else:
                pending.append(data[leaves[0] + offset : leaves[0] + offset + length])


def tile_of(id_: int) -> Tile:
    """Return the tile at a place of the archive; undoes `tile_id`.

    Args:
        id_: The place.
    """
    zoom = 0
    while id_ >= 1 << 2 * zoom:
        id_ -= 1 << 2 * zoom
        zoom += 1
    x = y = 0
    for bit in range(zoom):
        side = 1 << bit
        right = 1 & (id_ // 2)
        below = 1 & (id_ ^ right)
        if not below:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        x, y, id_ = x + side * right, y + side * below, id_ // 4
    return zoom, x, y


def _directories(entries: list[tuple[int, int, int]]) -> tuple[bytes, bytes]:
    """Return the root directory, and the leaves behind each other where one directory would not be read at once."""
    root = _directory([(id_, 1, offset, length) for id_, offset, length in entries])
    size = LEAF
    leaves = b""
    while len(root) > FIRST_READ - HEADER:
        packed, pointers = [], []
        for i in range(0, len(entries), size):
            part = entries[i : i + size]
            packed.append(_directory([(id_, 1, offset, length) for id_, offset, length in part]))
            pointers.append((part[0][0], 0, sum(map(len, packed[:-1])), len(packed[-1])))
        root, leaves, size = _directory(pointers), b"".join(packed), size * 2
    return root, leaves


def _directory(entries: list[tuple[int, int, int, int]]) -> bytes:
    """Return one directory: count, then steps between ids, runs, lengths and offsets (0 where one follows the other)."""
    numbers = [len(entries)]
    numbers += [
        entry[0] - before for entry, before in zip(entries, [0, *(e[0] for e in entries)], strict=False)
    ]
    numbers += [entry[1] for entry in entries]
    numbers += [entry[3] for entry in entries]
    follows = None
    for _, _, offset, length in entries:
        numbers.append(0 if offset == follows else offset + 1)
        follows = offset + length
    return gzip.compress(b"".join(map(varint, numbers)), 9, mtime=0)


def _entries(directory: bytes) -> list[tuple[int, int, int, int]]:
    """Return id, run, offset and length of each entry of a directory; a run of 0 points to a leaf."""
    numbers = list(_numbers(gzip.decompress(directory) if directory[:2] == b"\x1f\x8b" else directory))
    count = numbers[0]
    steps, runs, lengths, offsets = (numbers[1 + i * count : 1 + (i + 1) * count] for i in range(4))
    found: list[tuple[int, int, int, int]] = []
    id_ = 0
    for step, run, length, offset in zip(steps, runs, lengths, offsets, strict=True):
        id_ += step
        at = offset - 1 if offset else found[-1][2] + found[-1][3]
        found.append((id_, run, at, length))
    return found


def varint(number: int) -> bytes:
    """Return a number in as few bytes as it needs: seven bits each, the lowest first, all but the last marked.

    Args:
        number: Not below 0.
    """
    if number < 128:
        return bytes((number,))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(data: bytes) -> Iterator[int]:
    """Yield the numbers of a run of varints."""
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0
