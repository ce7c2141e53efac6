"""How far a place is from an outline, in metres along the earth's surface."""

from __future__ import annotations

import functools

import numpy as np
import pyproj
import shapely

QUARTER_M = 10_000_000.0
"""A quarter of the way round the earth: from beyond it, an outline at the other side is seen all around."""
CRS = 4490
"""CGCS2000 degrees; WGS 84's differ from them by less than a metre."""


@functools.cache
def _earth() -> pyproj.Geod:
    earth = pyproj.CRS(CRS).get_geod()
    assert earth is not None
    return earth


def to_outline(lon: float, lat: float, outline: shapely.Geometry) -> float:
    """Metres from a place to an outline in degrees; 0 inside.

    The outline is drawn as it is seen from the place, each vertex in its true direction and at its true
    geodesic distance (azimuthal equidistant): distances from the place are right there, whatever they are.
    """

    def seen(vertices: np.ndarray) -> np.ndarray:
        n = len(vertices)
        azimuth, _, metres = _earth().inv(np.full(n, lon), np.full(n, lat), vertices[:, 0], vertices[:, 1])
        angle = np.radians(azimuth)
        return np.column_stack([metres * np.sin(angle), metres * np.cos(angle)])

    drawn = shapely.transform(outline, seen)
    nearest_vertex = float(np.hypot(*shapely.get_coordinates(drawn).T).min())
    if nearest_vertex > QUARTER_M:
        return nearest_vertex
    return float(shapely.distance(shapely.Point(0, 0), drawn))
