"""China's Gauss-Krüger grids: 3° and 6° zones, with and without the zone number before the easting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pyproj import CRS

FIRST_CM, LAST_CM = 75, 135
"""Central meridians of the 3° zones, degrees east."""
NORTHING = (1.8e6, 6.2e6)
"""Northings of China on a Gauss-Krüger grid, metres (16.7° to 53.6° N, rounded outwards)."""
EASTING = (1.0e5, 9.0e5)
"""Eastings without zone prefix, metres: 500,000 and up to 400 km to each side."""


@dataclass(frozen=True)
class Grid:
    """A Gauss-Krüger grid of China: scale 1, false easting 500,000 m with or without zone prefix."""

    meridian: int
    prefix: int | None
    """Zone number written before the easting: 13–23 (6° zones), 25–45 (3° zones); None without."""

    @property
    def shift(self) -> float:
        """Metres that the prefix adds to the easting."""
        return (self.prefix or 0) * 1e6


def plain(crs: CRS) -> CRS:
    """The CRS without a bound transformation (TOWGS84) around it."""
    return crs.source_crs if crs.is_bound and crs.source_crs is not None else crs


@lru_cache(maxsize=64)
def grid(crs: CRS) -> Grid | None:
    """The Gauss-Krüger grid of China that a projected CRS is, whatever its datum and its name; else None."""
    crs = plain(crs)
    operation = crs.coordinate_operation
    if not crs.is_projected or operation is None:
        return None
    method = operation.method_name.lower()
    if "transverse mercator" not in method and "gauss" not in method:
        return None
    values = {p.name.lower(): float(cast(float, p.value)) for p in operation.params if p.unit_name != ""}
    meridian = values.get("longitude of natural origin")
    easting = values.get("false easting")
    scale = values.get("scale factor at natural origin", 1.0)
    if meridian is None or easting is None or abs(scale - 1) > 1e-9 or abs(meridian - round(meridian)) > 1e-6:
        return None
    cm = round(meridian)
    prefix = round((easting - 500000) / 1e6)
    if abs(easting - 500000 - prefix * 1e6) > 1 or cm % 3 or not FIRST_CM <= cm <= LAST_CM:
        return None
    if prefix == 0:
        return Grid(cm, None)
    return Grid(cm, prefix) if meridian_of_prefix(prefix) == cm else None


def meridian_of_prefix(prefix: int) -> int | None:
    """Central meridian in degrees of a zone number: 25–45 (3° zones), 13–23 (6° zones); else None."""
    if 25 <= prefix <= 45:
        return prefix * 3
    return prefix * 6 - 3 if 13 <= prefix <= 23 else None


@lru_cache(maxsize=64)
def northings_of_prefix(prefix: int) -> tuple[float, float]:
    """Least and greatest northing in metres of data that bear a zone number.

    All of China's, but for 6° zones 13 to 15, whose eastings are those of Web Mercator in eastern China: there, what
    China has in that zone, and half a degree more at each end.
    """
    area = with_prefix(prefix).area_of_use if prefix <= 15 else None
    if area is None:
        return NORTHING
    # a degree of latitude is 110.6 to 111.7 km
    return (area.south - 0.5) * 110_500, (area.north + 0.5) * 111_700


def without_prefix(meridian: int) -> CRS:
    """CGCS2000 / 3-degree Gauss-Krüger with this central meridian (75, 78 … 135), no zone prefix."""
    return CRS.from_epsg(4534 + (meridian - FIRST_CM) // 3)


def with_prefix(prefix: int) -> CRS:
    """CGCS2000 / Gauss-Krüger of a zone number, with prefix: 25–45 (3° zones), 13–23 (6° zones)."""
    return CRS.from_epsg(4513 + prefix - 25 if prefix >= 25 else 4491 + prefix - 13)
