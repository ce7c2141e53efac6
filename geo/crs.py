"""Coordinate systems: the plan's own, what a file may be in, and transforming without silent loss."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.enums import TransformDirection
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import Transformer, TransformerGroup

from geo.errors import ChigaiError
from geo.grids import (
    EASTING,
    FIRST_CM,
    LAST_CM,
    NORTHING,
    grid,
    meridian_of_prefix,
    northings_of_prefix,
    plain,
    with_prefix,
    without_prefix,
)

_ROWS = 100_000
"""Geometries moved in one go: the coordinates of a whole city, several times over, would take gigabytes."""

Bounds = tuple[float, float, float, float]

JIXI: Bounds = (130.3, 44.8, 134.1, 46.9)
"""West, south, east, north of Jixi, degrees, rounded outwards."""

CGCS2000 = 4490
CHINA_LON = (73.5, 136.5)
CHINA: Bounds = (73.5, 16.0, 135.2, 53.7)


@dataclass(frozen=True)
class CrsProposal:
    """A coordinate system that the numbers of a file could be in.

    zh, en: its name and what speaks for it. why: "degrees", "prefix", "central_meridian", "utm" or "mercator".
    lands_in_jixi: whether the data would then lie inside Jixi's bounds.
    """

    epsg: int
    zh: str
    en: str
    why: str
    lands_in_jixi: bool


def parse(value: Any) -> CRS:
    """The CRS of an EPSG number, a WKT or a CRS object; horizontal part only. ChigaiError when unknown."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            crs = CRS.from_user_input(value)
    except CRSError as error:
        raise ChigaiError(
            f"坐标系“{value}”无法识别。",
            f"The coordinate system '{value}' is not known.",
            do_zh="请给出 EPSG 编号，例如 --crs 4553（CGCS2000 / 3 度带 中央经线 132°）。",
            do_en="Give an EPSG number, such as --crs 4553 (CGCS2000 / 3-degree, central meridian 132° E).",
        ) from error
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def known(value: Any) -> CRS | None:
    """The CRS a file declares, or None when it declares none, an engineering one or nonsense."""
    if not value:
        return None
    try:
        crs = parse(value)
    except ChigaiError:
        return None
    return crs if crs.is_geographic or crs.is_projected else None


def name(crs: CRS) -> str:
    """'EPSG:4553 CGCS2000 / 3-degree Gauss-Kruger CM 132E', or the name alone where no code fits."""
    code = epsg(crs)
    return f"EPSG:{code} {crs.name}" if code else crs.name


@lru_cache(maxsize=64)
def epsg(crs: CRS) -> int | None:
    """EPSG code of a CRS, None when it has none."""
    return crs.to_epsg(min_confidence=70)


def code_of(crs: CRS) -> str:
    """How a plan names its system: by its EPSG code where it has one, else in full."""
    found = crs.to_epsg()
    return f"EPSG:{found}" if found else crs.to_wkt()


def is_modern(crs: CRS) -> bool:
    """True for datums on GRS80, WGS84 or CGCS2000 ellipsoids, which agree within about a metre or two."""
    ellipsoid = plain(crs).ellipsoid
    return ellipsoid is not None and abs(ellipsoid.semi_major_metre - 6378137.0) < 0.5 and not crs.is_bound


def utm(lon: float, lat: float) -> CRS:
    """WGS84 UTM zone of a point in degrees."""
    zone = int((lon + 180) // 6) % 60 + 1
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def plan_crs(lonlat_bounds: Bounds) -> CRS:
    """The CRS to plan in, for data within (west, south, east, north) in degrees.

    Inside China: the CGCS2000 3° zone without prefix (EPSG 4534–4554) whose meridian is nearest the middle;
    elsewhere the WGS84 UTM zone of the middle.
    """
    west, south, east, north = lonlat_bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    if CHINA_LON[0] <= lon <= CHINA_LON[1]:
        meridian = min(max(round(lon / 3) * 3, FIRST_CM), LAST_CM)
        zone = without_prefix(meridian)
        area = zone.area_of_use
        # the zones' own extents follow the border: Korea and Kyushu share longitudes with China
        if area is not None and area.south - 0.5 <= lat <= area.north + 0.5 and lon <= area.east + 0.5:
            return zone
    return utm(lon, lat)


def inside(bounds: Bounds, frame: Bounds) -> bool:
    """True when the middle of bounds lies in frame (both west, south, east, north)."""
    x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    return frame[0] <= x <= frame[2] and frame[1] <= y <= frame[3]


def to_lonlat(x: np.ndarray, y: np.ndarray, crs: CRS) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes in degrees on the CRS's own datum; infinite where a point cannot be placed."""
    return _degrees(crs, x, y, TransformDirection.FORWARD)


def from_lonlat(lon: np.ndarray, lat: np.ndarray, crs: CRS) -> tuple[np.ndarray, np.ndarray]:
    """The way back of to_lonlat."""
    return _degrees(crs, lon, lat, TransformDirection.INVERSE)


def _degrees(
    crs: CRS, x: np.ndarray, y: np.ndarray, direction: TransformDirection
) -> tuple[np.ndarray, np.ndarray]:
    bare = plain(crs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        way = Transformer.from_crs(bare, bare.geodetic_crs or CGCS2000, always_xy=True)
        found = way.transform(x, y, direction=direction)
    return np.asarray(found[0]), np.asarray(found[1])


def lonlat(bounds: Bounds, crs: CRS) -> Bounds:
    """Bounds in degrees of bounds in a CRS; infinite where they cannot be placed."""
    lon, lat = to_lonlat(np.array([bounds[0], bounds[2]]), np.array([bounds[1], bounds[3]]), crs)
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def proposals(bounds: Bounds) -> list[CrsProposal]:
    """What raw coordinates within (x0, y0, x1, y1) could be in, likeliest first.

    Only CGCS2000 and WGS84 are proposed: a file on an older datum cannot be told by its numbers.
    """
    x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    if abs(x) <= 180 and abs(y) <= 90:
        here = inside(bounds, JIXI)
        return [
            CrsProposal(
                4490, "CGCS2000 经纬度（度）", "CGCS2000 longitude/latitude, degrees", "degrees", here
            ),
            CrsProposal(4326, "WGS 84 经纬度（度）", "WGS 84 longitude/latitude, degrees", "degrees", here),
        ]
    mercator = _mercator(bounds)
    prefix = int(x // 1e6)
    meridian = meridian_of_prefix(prefix)
    low, high = northings_of_prefix(prefix) if meridian is not None else NORTHING
    if not low <= y <= high:
        return mercator
    if meridian is not None:
        crs = with_prefix(prefix)
        width = 3 if prefix >= 25 else 6
        zh = f"CGCS2000 {width} 度带第 {prefix} 带（东坐标带带号 {prefix}，中央经线 {meridian}°）"
        en = f"CGCS2000 / {width}-degree zone {prefix} (eastings carry the prefix {prefix}, central meridian {meridian}° E)"
        here = inside(lonlat(bounds, crs), JIXI)
        return [CrsProposal(cast(int, crs.to_epsg()), zh, en, "prefix", here), *mercator]
    if not EASTING[0] <= x <= EASTING[1]:
        return []
    found = []
    for meridian in range(FIRST_CM, LAST_CM + 1, 3):
        crs = without_prefix(meridian)
        zh = f"CGCS2000 3 度带，中央经线 {meridian}°，东坐标不带带号"
        en = f"CGCS2000 / 3-degree, central meridian {meridian}° E, eastings without zone prefix"
        here = inside(lonlat(bounds, crs), JIXI)
        found.append(CrsProposal(cast(int, crs.to_epsg()), zh, en, "central_meridian", here))
    for zone in (52, 53):
        crs = CRS.from_epsg(32600 + zone)
        if inside(lonlat(bounds, crs), JIXI):
            found.append(
                CrsProposal(32600 + zone, f"WGS 84 UTM {zone} 带", f"WGS 84 / UTM zone {zone}N", "utm", True)
            )
    # the zone nearest to Jixi's middle first, as most of the data lie there
    middle = (JIXI[0] + JIXI[2]) / 2
    order = {p.epsg: (not p.lands_in_jixi, p.why == "utm") for p in found}
    return sorted(found, key=lambda p: (*order[p.epsg], abs(_meridian(p.epsg) - middle)))


def _mercator(bounds: Bounds) -> list[CrsProposal]:
    """Web Mercator, where it would put the bounds inside China."""
    crs = CRS.from_epsg(3857)
    where = lonlat(bounds, crs)
    if max(bounds[0], bounds[2]) < 8e6 or not inside(where, CHINA):
        return []
    zh, en = "网络墨卡托投影（网络地图截取的数据）", "WGS 84 / Web Mercator, as web maps use"
    return [CrsProposal(3857, zh, en, "mercator", inside(where, JIXI))]


def _meridian(code: int) -> float:
    found = grid(CRS.from_epsg(code))
    return found.meridian if found else (code - 32600) * 6 - 183


@dataclass(frozen=True)
class Shift:
    """How coordinates get from one CRS to another: the steps, and how far off they may be, metres."""

    steps: tuple[Transformer, ...]
    offset_x: float
    accuracy_m: float | None
    operation: str


def shift(source: CRS, target: CRS, around: Bounds | None = None) -> Shift:
    """The way from source to target that holds no ballpark step between unlike datums.

    around: where the data lie, degrees; it picks the operation meant for that place.
    CGCS2000, WGS84 and their like count as one datum (within a metre or two); every other datum has to have
    a defined transformation to WGS84, else ChigaiError.
    """
    here, there = grid(source), grid(target)
    if (
        here
        and there
        and here.meridian == there.meridian
        and is_modern(source)
        and is_modern(target)
        and source.geodetic_crs == target.geodetic_crs
    ):
        # the same grid, but for the zone number before the easting: exact
        return Shift((), there.shift - here.shift, 0.0, "")
    if is_modern(source) and is_modern(target):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = Transformer.from_crs(source, target, always_xy=True)
        return Shift((step,), 0.0, 0.0, "")
    area = AreaOfInterest(*around) if around and np.isfinite(around).all() else None
    wgs84 = CRS.from_epsg(4326)
    steps: list[Transformer] = []
    accuracy, operation = 0.0, ""
    for a, b in ((source, wgs84), (wgs84, target)):
        if a == b:
            continue
        if is_modern(a) and is_modern(b):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                steps.append(Transformer.from_crs(a, b, always_xy=True))
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                group = TransformerGroup(
                    a, b, always_xy=True, area_of_interest=cast(Any, area), allow_ballpark=False
                )
            choices = group.transformers
        except ProjError:
            choices = []
        if not choices or _is_null_shift(a) or _is_null_shift(b):
            raise _no_transformation(source, target)
        steps.append(choices[0])
        accuracy = max(accuracy, choices[0].accuracy if choices[0].accuracy >= 0 else 0.0)
        operation = (
            choices[0]
            .description.replace("axis order change (2D) + ", "")
            .replace(" + axis order change (2D)", "")
        )
    return Shift(tuple(steps), 0.0, accuracy or None, operation)


def _is_null_shift(crs: CRS) -> bool:
    """True when an old datum carries a TOWGS84 of zeros: a placeholder, no transformation."""
    if not crs.is_bound or crs.coordinate_operation is None:
        return False
    return all(v == 0 for v in crs.coordinate_operation.towgs84)


def _no_transformation(source: CRS, target: CRS) -> ChigaiError:
    return ChigaiError(
        f"{source.name} 到 {target.name} 没有可靠的转换参数：硬套会有几十到几百米的偏差。",
        f"There is no sound transformation from {source.name} to {target.name}: "
        "a makeshift one would be off by tens to hundreds of metres.",
        do_zh="请用本地测绘部门的七参数把数据转换到 CGCS2000 后再读入；"
        "如果数据其实已是 CGCS2000（只是 .prj 写错），请用 --crs 指明，例如 --crs 4553。",
        do_en="Transform the data to CGCS2000 with the surveying bureau's seven parameters first; "
        "if they are in CGCS2000 already and only the .prj is wrong, say so with --crs, such as --crs 4553.",
    )


def apply(geometries: np.ndarray, way: Shift) -> np.ndarray:
    """Geometries moved along a Shift; heights stay; null stays null. Points that cannot be placed get inf."""
    if not way.steps and not way.offset_x:
        return geometries
    moved = np.empty(len(geometries), object)
    for i in range(0, len(geometries), _ROWS):
        moved[i : i + _ROWS] = _moved(geometries[i : i + _ROWS], way)
    return moved


def _moved(geometries: np.ndarray, way: Shift) -> np.ndarray:
    def move(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        for step in way.steps:
            x, y = step.transform(x, y)
        moved = points.copy()
        moved[:, 0], moved[:, 1] = x + way.offset_x, y
        return moved

    flat = shapely.transform(geometries, move)
    raised = shapely.has_z(geometries)
    if raised.any():
        flat[raised] = shapely.transform(geometries[raised], move, include_z=True)
    return cast(np.ndarray, flat)


def transform(frame: gpd.GeoDataFrame, to: Any) -> gpd.GeoDataFrame:
    """The frame in another CRS (x east, y north); ChigaiError when it has none or only a ballpark way leads there."""
    if frame.crs is None:
        raise ChigaiError(
            "数据没有坐标系。",
            "The data have no coordinate system.",
            do_zh="请用 --crs 指明 EPSG 编号。",
            do_en="Name it with --crs and an EPSG number.",
        )
    source, target = parse(frame.crs), parse(to)
    if source == target:
        return frame
    bounds = cast(Bounds, tuple(frame.total_bounds))
    around = lonlat(bounds, source) if np.isfinite(bounds).all() else None
    moved = apply(np.asarray(frame.geometry.array, dtype=object), shift(source, target, around))
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=target))
