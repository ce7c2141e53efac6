"""A plan's tiles in one PMTiles file: written beside its place and renamed, read a tile at a time."""

from __future__ import annotations

import gzip
import json
import mmap
import os
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from pmtiles import tile as form
from pmtiles.writer import Writer

from geo.tiling.cutting import FIRST, LAST, Cutter
from geo.tiling.grid import Tile, degrees

Progress = Callable[[float], None]

_DIRECTORIES = 64
"""Directories of an archive held at once, some hundred kilobytes each."""
_MAX_DEPTH = 4


def write(cutter: Cutter, path: Path, progress: Progress = lambda fraction: None) -> int:
    """Cut all tiles of a plan into `path`; how many they are. What is stopped (by an error out of `progress`)
    leaves nothing. progress: 0 to 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    roots = sorted(cutter.roots(), key=lambda tile: form.zxy_to_tileid(*tile))
    try:
        with part.open("wb") as file:
            writer, count = Writer(file), 0
            for done, root in enumerate(roots):
                progress(done / len(roots))
                for tile, data in cutter.below(root):
                    writer.write_tile(form.zxy_to_tileid(*tile), gzip.compress(data, 6, mtime=0))
                    count += 1
            if not count:
                # an archive holds at least one tile
                writer.write_tile(form.zxy_to_tileid(FIRST, 0, 0), gzip.compress(b"", mtime=0))
            writer.finalize(
                _header(roots), {"name": "chigai", "format": "pbf", "vector_layers": _described()}
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _header(roots: list[Tile]) -> dict[str, object]:
    boxes = [degrees(tile) for tile in roots] or [(-180.0, -85.0, 180.0, 85.0)]
    ends = [
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    ]
    west, south, east, north = (int(end * 1e7) for end in ends)
    return {
        "tile_type": form.TileType.MVT,
        "tile_compression": form.Compression.GZIP,
        "min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north,
        "center_zoom": FIRST, "center_lon_e7": (west + east) // 2, "center_lat_e7": (south + north) // 2,
    }  # fmt: skip


def _described() -> list[dict[str, object]]:
    names = ("blocks", "parcels", "barriers", "barrier_areas")
    return [{"id": name, "fields": {}, "minzoom": FIRST, "maxzoom": LAST} for name in names]


class Archive:
    """A PMTiles file open for reading; may be asked by several threads. Raises OSError, ValueError where it is none."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._head: dict[str, Any] = dict(form.deserialize_header(self._bytes[:127]))
        self.meta = json.loads(
            gzip.decompress(self._part("metadata_offset", 0, self._head["metadata_length"]))
        )
        self._directory = lru_cache(_DIRECTORIES)(
            lambda offset, length: form.deserialize_directory(self._bytes[offset : offset + length])
        )

    def _part(self, base: str, offset: int, length: int) -> bytes:
        begin = int(self._head[base]) + offset
        return self._bytes[begin : begin + length]

    def tile(self, tile: Tile) -> bytes | None:
        """A tile's bytes, gzipped; None where there is none."""
        wanted = form.zxy_to_tileid(*tile)
        offset, length = int(self._head["root_offset"]), int(self._head["root_length"])
        for _ in range(_MAX_DEPTH):
            entry = form.find_tile(self._directory(offset, length), wanted)
            if entry is None:
                return None
            if entry.run_length:
                return self._part("tile_data_offset", entry.offset, entry.length)
            offset, length = int(self._head["leaf_directory_offset"]) + entry.offset, entry.length
        return None
