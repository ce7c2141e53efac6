"""The grid of web maps: where ground lies on it, and which box of degrees a tile covers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray

from geo.tiles import Box, Shift

Floats = NDArray[np.float64]
Tile = tuple[int, int, int]
"""Zoom, column from the west, row from the north."""

WIDER_SHIFTED = 0.01
"""Degrees by which a box on a shifted map is made wider to hold what lies in it on the ground: GCJ-02 moves by up
to 700 m."""

_WIDE = 20.0
"""Degrees: no plan's projection holds a box that is wider, and no plan is."""


class Ground:
    """From a plan's metres to the grid of web maps and back. crs: of the metres; shift: into the map's datum."""

    def __init__(self, crs: Any, shift: Shift | None = None) -> None:
        self.shift = shift
        self._there = pyproj.Transformer.from_crs(crs, 4326, always_xy=True)
        self._back = pyproj.Transformer.from_crs(4326, crs, always_xy=True)

    def world(self, xy: Floats) -> Floats:
        """Metres float64[k, 2] as parts of the world's square: 0 to 1 from west to east and from north to south."""
        return world(*self.degrees(xy))

    def degrees(self, xy: Floats) -> tuple[Floats, Floats]:
        """Metres float64[k, 2] as longitude and latitude in the map's datum."""
        # CGCS2000 and WGS 84 differ by centimetres, which a picture may leave aside
        lon, lat = self._there.transform(xy[:, 0], xy[:, 1])
        if self.shift is not None:
            lon, lat = self.shift(lon, lat)
        return np.asarray(lon), np.asarray(lat)

    def around(self, boxes: Floats) -> Box:
        """West, south, east, north in degrees of what boxes in metres hold, float64[n, 4]."""
        low, high = np.nanmin(boxes[:, :2], axis=0), np.nanmax(boxes[:, 2:], axis=0)
        # the sides of a box bow on the way to degrees: its corners and the middles of its sides
        x = np.array([low[0], high[0], low[0], high[0], (low[0] + high[0]) / 2, (low[0] + high[0]) / 2])
        y = np.array([low[1], low[1], high[1], high[1], low[1], high[1]])
        lon, lat = self.degrees(np.column_stack([x, y]))
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    def box(self, tile: Tile) -> Box:
        """The box in metres that holds all that may be seen in a tile."""
        return self.box_around(degrees(tile))

    def box_around(self, box: Box) -> Box:
        """The box in metres that holds a box of the map's degrees."""
        west, south, east, north = box
        if east - west > _WIDE or north - south > _WIDE:
            return -np.inf, -np.inf, np.inf, np.inf
        wider = 0.0 if self.shift is None else WIDER_SHIFTED
        x0, y0, x1, y1 = self._back.transform_bounds(
            max(west - wider, -180), max(south - wider, -90), min(east + wider, 180), min(north + wider, 90)
        )
        return float(x0), float(y0), float(x1), float(y1)


def world(lon: Floats, lat: Floats) -> Floats:
    """Degrees as parts of the world's square, float64[k, 2] (web Mercator, EPSG:3857)."""
    sine = np.sin(np.radians(np.clip(lat, -85.0511287798, 85.0511287798)))
    return np.column_stack([lon / 360 + 0.5, 0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)])


def degrees(tile: Tile) -> Box:
    """West, south, east, north of a tile."""
    zoom, x, y = tile
    n = 2**zoom
    north, south = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * np.array([y, y + 1]) / n))))
    return x / n * 360 - 180, float(south), (x + 1) / n * 360 - 180, float(north)


def known(tile: Tile) -> bool:
    """Whether there is such a tile at all."""
    zoom, x, y = tile
    return 0 <= zoom <= 24 and 0 <= x < 2**zoom and 0 <= y < 2**zoom
