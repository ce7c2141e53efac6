"""Shift between WGS84 (CGCS2000) and GCJ-02, the offset coordinates of Chinese web maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_A = 6378245.0
_EE = 0.00669342162296594323
# Krasovsky 1940, as the published transformation uses it whatever the datum of its input
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """WGS84 to GCJ-02, degrees; arrays of any shape that broadcast together.

    Identity outside the rectangle 72.004–137.8347° E, 0.8293–55.8271° N, where the shift is defined;
    NaN stays NaN. Source: the transformation published as "eviltransform" (github.com/googollee).
    """
    x, y, inside = _arrays(lon, lat)
    dx, dy = _shift(np.where(inside, x, _WEST), np.where(inside, y, _SOUTH))
    return np.where(inside, x + dx, x), np.where(inside, y + dy, y)


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """GCJ-02 to WGS84, degrees; the inverse of `wgs84_to_gcj02` to better than 1e-9 degree.

    Within 0.02° of the rectangle's edge the shift jumps and has no inverse; no place in China lies there.
    """
    x, y, inside = _arrays(lon, lat)
    near_x, near_y = np.where(inside, x, _WEST), np.where(inside, y, _SOUTH)
    u, v = near_x, near_y
    # the shift changes by less than 0.3 % of the way moved, so each turn gains more than two digits
    for _ in range(6):
        dx, dy = _shift(u, v)
        u, v = near_x - dx, near_y - dy
    return np.where(inside, u, x), np.where(inside, v, y)


def _arrays(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Both as arrays of one shape, and which points lie where the shift is defined."""
    x, y = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    return x, y, (x >= _WEST) & (x <= _EAST) & (y >= _SOUTH) & (y <= _NORTH)


def _waves(x: Floats) -> Floats:
    return 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)


def _shift(x: Floats, y: Floats) -> Pair:
    """The offset in degrees of longitude and latitude at WGS84 points."""
    u, v = x - 105.0, y - 35.0
    root = np.sqrt(np.abs(u))
    common = _waves(u)
    north = -100.0 + 2.0 * u + 3.0 * v + 0.2 * v * v + 0.1 * u * v + 0.2 * root
    north = north + 2.0 / 3.0 * (
        common
        + 20.0 * np.sin(np.pi * v)
        + 40.0 * np.sin(np.pi / 3.0 * v)
        + 160.0 * np.sin(np.pi / 12.0 * v)
        + 320.0 * np.sin(np.pi / 30.0 * v)
    )
    east = 300.0 + u + 2.0 * v + 0.1 * u * u + 0.1 * u * v + 0.1 * root
    east = east + 2.0 / 3.0 * (
        common
        + 20.0 * np.sin(np.pi * u)
        + 40.0 * np.sin(np.pi / 3.0 * u)
        + 150.0 * np.sin(np.pi / 12.0 * u)
        + 300.0 * np.sin(np.pi / 30.0 * u)
    )
    phi = np.radians(y)
    magic = 1.0 - _EE * np.sin(phi) ** 2
    metres_north = _A * (1.0 - _EE) / magic**1.5
    metres_east = _A / np.sqrt(magic) * np.cos(phi)
    return np.degrees(east / metres_east), np.degrees(north / metres_north)
