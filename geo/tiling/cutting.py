"""Cutting a plan into tiles: which layer is seen from which zoom, and the tiles of a piece of ground."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import rings
from geo.plan_rows import Rows, rows_of
from geo.schemas import BARRIER_KINDS
from geo.tiles import Shift
from geo.tiling import encode
from geo.tiling.encode import AREA, LINE, Shapes
from geo.tiling.grid import Ground, Tile, degrees

Ints = NDArray[np.int64]

FORMAT = 1
"""Tiles cut by another version of this module, or of what it takes from, are cut anew where this is another."""
FIRST, LAST = 12, 15
"""Zooms that tiles are cut for; from nearer by, those of the last are enlarged."""
BLOCKS_FROM, BARRIERS_FROM, PARCELS_FROM = 12, 14, 15
COARSE, FINE = 4096, 8192
"""Steps along a tile's side; of the last zoom one is a decimetre on the ground, as it is looked at from near."""
_FAITHFUL_FROM = 14
"""Below this zoom corners that a screen cannot show are left out."""
_PIXELS = 256
_METRES_AROUND = 40_075_016.686
"""The equator."""
_CELL_M = 1_000.0


@dataclass(frozen=True)
class _Level:
    extent: int
    thinned: bool
    barriers: bool
    parcels: bool


def _level(zoom: int) -> _Level:
    return _Level(
        FINE if zoom == LAST else COARSE,
        zoom < _FAITHFUL_FROM,
        zoom >= BARRIERS_FROM,
        zoom >= PARCELS_FROM,
    )


class Cutter:
    """Tiles of one plan folder. Layers: blocks and parcels with their row as number; barriers (lines) and
    barrier_areas with twice the place of their kind in BARRIER_KINDS as number, one more where it is fixed.

    shift: into the map's datum. kept: groups of rows held at once. Raises ChigaiError where the plan's tables
    cannot be read. May be asked by several threads.
    """

    def __init__(self, folder: Path, shift: Shift | None = None, kept: int = 2) -> None:
        self.blocks, self.parcels = Rows(folder, "blocks", kept), Rows(folder, "parcels", kept)
        self.barriers = rows_of(folder, "barriers", kept)
        self.ground = Ground(self.parcels.crs, shift)

    def tile(self, tile: Tile) -> bytes:
        """One tile of a zoom from FIRST to LAST; empty where nothing lies in it."""
        return b"".join(data for _, data in self._cut(tile, tile[0]))

    def below(self, tile: Tile) -> Iterator[tuple[Tile, bytes]]:
        """Every tile with something in it that lies in `tile`, of its own zoom to LAST."""
        made: dict[Tile, list[bytes]] = {}
        for which, data in self._cut(tile, LAST):
            made.setdefault(which, []).append(data)
        for which, parts in sorted(made.items()):
            yield which, b"".join(parts)

    def roots(self) -> list[Tile]:
        """The tiles of zoom FIRST under which everything lies; some of them may be empty."""
        corners = []
        for rows in filter(None, (self.blocks, self.parcels, self.barriers)):
            for number in range(len(rows.groups)):
                box = rows.boxes(number)
                box = box[~np.isnan(box).any(axis=1)]
                low, high = np.floor(box[:, :2] / _CELL_M), np.floor(box[:, 2:] / _CELL_M)
                corners += [low, high, np.column_stack([low[:, 0], high[:, 1]])]
        if not corners:
            return []
        cells = np.unique(np.concatenate(corners), axis=0)
        ends = np.concatenate([(cells + d) * _CELL_M for d in ((0, 0), (0, 1), (1, 0), (1, 1))])
        found = np.unique(np.floor(self.ground.world(ends) * 2**FIRST).astype(np.int64), axis=0)
        return [(FIRST, x, y) for x, y in found.tolist()]

    def _cut(self, tile: Tile, last: int) -> Iterator[tuple[Tile, bytes]]:
        """Layers of the tiles in `tile`, of its own zoom to `last`."""
        box = self.ground.box(tile)
        zooms = range(tile[0], last + 1)
        rows = self.blocks.in_box(box)
        shapes = self.blocks.shapes(rows)
        near = [zoom for zoom in zooms if not _level(zoom).thinned]
        for zoom in zooms:
            if _level(zoom).thinned:
                yield from _layers(tile, [zoom], "blocks", self._areas(rows, _thinned(shapes, tile, zoom)))
        if near:
            yield from _layers(tile, near, "blocks", self._areas(rows, shapes))
        if self.barriers is not None and last >= BARRIERS_FROM:
            yield from self._cut_barriers(tile, [z for z in zooms if _level(z).barriers])
        if last >= PARCELS_FROM:
            rows = self.parcels.in_box(box)
            parcels = self._areas(rows, self.parcels.shapes(rows))
            yield from _layers(tile, [z for z in zooms if _level(z).parcels], "parcels", parcels)

    def _cut_barriers(self, tile: Tile, zooms: list[int]) -> Iterator[tuple[Tile, bytes]]:
        assert self.barriers is not None
        rows = self.barriers.in_box(self.ground.box(tile))
        shapes = self.barriers.shapes(rows)
        told = self.barriers.take(rows, ["kind", "fixed"])
        place = {kind: 2 * i for i, kind in enumerate(BARRIER_KINDS)}
        other = place["other"]
        number = np.array(
            [
                place.get(kind, other) + bool(fixed)
                for kind, fixed in zip(told["kind"].to_pylist(), told["fixed"].to_pylist(), strict=True)
            ],
            np.int64,
        )
        flat = shapely.get_dimensions(shapes)
        for name, kind in (("barriers", LINE), ("barrier_areas", AREA)):
            mine = flat == kind - 1
            make = self._areas if kind == AREA else self._lines
            yield from _layers(tile, zooms, name, make(number[mine], shapes[mine]))

    def _areas(self, number: Ints, shapes: NDArray[np.object_]) -> Shapes:
        found = rings.rings(shapely.orient_polygons(shapes, exterior_cw=True))
        return Shapes(AREA, number, self.ground.world(found.coords), found.at, found.polygon)

    def _lines(self, number: Ints, shapes: NDArray[np.object_]) -> Shapes:
        parts, of = shapely.get_parts(shapes, return_index=True)
        xy, line = shapely.get_coordinates(parts, return_index=True)
        at = np.r_[0, np.cumsum(np.bincount(line, minlength=len(parts)))]
        first = np.r_[0, np.cumsum(np.bincount(of, minlength=len(shapes)))]
        return Shapes(LINE, number, self.ground.world(xy), at.astype(np.int64), first.astype(np.int64))


def _thinned(shapes: NDArray[np.object_], tile: Tile, zoom: int) -> NDArray[np.object_]:
    """Shapes without corners that lie less than half a pixel off."""
    _, south, _, north = degrees(tile)
    pixel_m = _METRES_AROUND / (_PIXELS * 2**zoom) * np.cos(np.radians((south + north) / 2))
    return shapely.simplify(shapes, pixel_m / 2, preserve_topology=True)


def _layers(tile: Tile, zooms: list[int], name: str, shapes: Shapes) -> Iterator[tuple[Tile, bytes]]:
    """A layer of each tile of these zooms that lies in `tile`."""
    for zoom in zooms:
        deep = zoom - tile[0]
        for x, y, which in encode.tiled(shapes, zoom):
            if (x >> deep, y >> deep) == tile[1:]:
                data = encode.layer(name, shapes, which, (zoom, x, y), _level(zoom).extent)
                if data:
                    yield (zoom, x, y), data
