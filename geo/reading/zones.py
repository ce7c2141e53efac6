"""Holding coordinates against the CRS a file declares: what agrees, what can be mended for certain, what cannot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from pyproj import CRS

from geo import crs as crs_
from geo import grids
from geo.crs import Bounds, CrsProposal
from geo.errors import ChigaiError
from geo.grids import EASTING, NORTHING
from geo.schemas import Finding

FAR_DEGREES = 6.0
"""How far outside the area a CRS is meant for data may lie before the CRS is disbelieved."""


@dataclass(frozen=True)
class Settled:
    """Which rows are in which CRS.

    parts: (CRS, mask of rows); rows in no part have coordinates that fit nowhere, or none at all.
    swap: x and y of the whole file are to be exchanged first.
    """

    parts: list[tuple[CRS, np.ndarray]]
    swap: bool
    findings: list[Finding] = field(default_factory=list)

    @property
    def first(self) -> CRS:
        """The CRS of most rows."""
        return max(self.parts, key=lambda part: int(part[1].sum()))[0]

    def rows_of(self, crs: CRS) -> np.ndarray:
        """Mask of the rows that are in a CRS of the parts."""
        return next(mask for part, mask in self.parts if part == crs)


@dataclass(frozen=True)
class _Values:
    """Rows sorted by what their numbers look like; boolean arrays over the rows."""

    finite: np.ndarray
    degrees: np.ndarray
    prefix: np.ndarray
    """Zone number before the easting, 0 without one."""
    plain: np.ndarray
    """Northing of China with an easting without prefix."""

    def most(self, mask: np.ndarray) -> bool:
        return bool(2 * mask.sum() > self.finite.sum())


def _values(bounds: np.ndarray) -> _Values:
    """Sorts rows by their bounds (n × 4: x0, y0, x1, y1; NaN without geometry)."""
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(bounds).all(axis=1)
        safe = np.where(finite[:, None], bounds, 0.0)
        x0, y0, x1, y1 = safe.T
        x = x0 / 2 + x1 / 2
        degrees = finite & (x0 >= -180) & (x1 <= 180) & (y0 >= -90) & (y1 <= 90)
        northern = finite & (y0 >= NORTHING[0]) & (y1 <= NORTHING[1])
        lead = np.where(np.abs(x) < 1e8, x // 1e6, 0).astype(int)
        rest = x - lead * 1e6
        zone = ((lead >= 25) & (lead <= 45)) | ((lead >= 13) & (lead <= 23))
        fits = northern & (rest >= EASTING[0]) & (rest <= EASTING[1])
        prefix = np.where(fits & zone, lead, 0)
        for z in np.unique(prefix[prefix > 0]):
            low, high = grids.northings_of_prefix(int(z))
            prefix[(prefix == z) & ((y0 < low) | (y1 > high))] = 0
        plain = fits & (lead == 0)
    return _Values(finite, degrees, prefix, plain)


def settle(bounds: np.ndarray, declared: CRS | None, *, certain: bool = True) -> Settled:
    """Decides the CRS of every row.

    bounds: n × 4 raw bounds of the rows, NaN where a row has no usable geometry.
    declared: what the file or the user names, None when nothing does.
    certain: False when the declaration is only the format's default (GeoJSON without crs), so that it gives way.
    Raises ChigaiError where the numbers leave more than one answer or contradict the declaration.
    """
    values = _values(bounds)
    if not values.finite.any():
        raise ChigaiError(
            "没有一行带有可用的图形。",
            "No row has a usable geometry.",
            do_zh="请检查导出设置，确认图形（面）一并导出。",
            do_en="Check the export: the polygons have to be written with the table.",
        )
    exchanged = bounds[:, [1, 0, 3, 2]]
    turned = _values(exchanged)
    if _is_turned(values, turned, declared):
        found = settle(exchanged, declared, certain=certain)
        note = Finding(
            "axes_swapped",
            "warning",
            "mended",
            "坐标的东、北两个方向写反了（先北后东），已对调。",
            "Eastings and northings are exchanged in the file (north first); they were put right.",
        )
        return Settled(found.parts, True, [note, *found.findings])
    if declared is None:
        return _undeclared(values, bounds)
    if declared.is_geographic:
        return _geographic(values, bounds, declared, certain)
    if grids.grid(declared) is not None:
        return _on_grid(values, bounds, declared)
    return _elsewhere(values, bounds, declared)


def _is_turned(values: _Values, turned: _Values, declared: CRS | None) -> bool:
    """True when the numbers make sense only with x and y exchanged."""
    if declared is None or declared.is_geographic:
        beyond = turned.degrees & ~values.degrees
        if values.most(beyond):
            return True
    if declared is None or declared.is_geographic or grids.grid(declared) is not None:
        fits = (values.prefix > 0) | values.plain
        return turned.most(((turned.prefix > 0) | turned.plain) & ~fits & ~values.degrees)
    return False


def _extent(bounds: np.ndarray, rows: np.ndarray) -> Bounds:
    """Bounds of the rows, without the outermost hundredth at each side, so that a stray row decides nothing."""
    part = bounds[rows]
    low, high = np.quantile(part[:, :2], 0.01, axis=0), np.quantile(part[:, 2:], 0.99, axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def listed(found: list[CrsProposal]) -> tuple[str, str]:
    """Proposals as one sentence each in Chinese and English; those that land in Jixi alone, if any do."""
    best = [p for p in found if p.lands_in_jixi] or found
    best = best[:6]
    mark_zh, mark_en = "，落在鸡西范围内", ", lands in Jixi"
    zh = "；".join(f"--crs {p.epsg}：{p.zh}{mark_zh if p.lands_in_jixi else ''}" for p in best)
    en = "; ".join(f"--crs {p.epsg}: {p.en}{mark_en if p.lands_in_jixi else ''}" for p in best)
    return zh, en


def _sample(bounds: np.ndarray, rows: np.ndarray) -> str:
    x0, y0, x1, y1 = bounds[np.flatnonzero(rows)[0]]
    return (
        f"x={(x0 + x1) / 2:,.6g}, y={(y0 + y1) / 2:,.6g}" if abs(x0) < 1000 else f"x={x0:,.1f}, y={y0:,.1f}"
    )


def _ask(bounds: np.ndarray, rows: np.ndarray, zh: str, en: str) -> ChigaiError:
    found = crs_.proposals(_extent(bounds, rows))
    if found:
        choices_zh, choices_en = listed(found)
        do_zh = f"请确认后用 --crs 指明。可能是：{choices_zh}。"
        do_en = f"Confirm it and name it with --crs. It could be: {choices_en}."
    else:
        do_zh = "请向数据提供单位确认坐标系，用 --crs 给出 EPSG 编号。"
        do_en = "Ask who made the data, and give the EPSG number with --crs."
    return ChigaiError(zh, en, do_zh=do_zh, do_en=do_en)


def _undeclared(values: _Values, bounds: np.ndarray) -> Settled:
    if values.most(values.prefix > 0) and not _maybe_mercator(values, bounds):
        parts, findings = _by_prefix(values, None)
        zones = "、".join(str(z) for z in np.unique(values.prefix[values.prefix > 0]))
        zones_en = zones.replace("、", ", ")
        note = Finding(
            "crs_assumed",
            "warning",
            "kept",
            f"文件没有坐标系说明（缺 .prj）。东坐标带有带号 {zones}，带号确定；"
            "坐标系按 CGCS2000 处理。若数据是西安80或北京54，请先转换。",
            f"The file names no coordinate system (.prj missing). The eastings carry zone number {zones_en}, "
            "so the zone is certain; the datum was taken as CGCS2000. Transform first if it is Xian 80 or Beijing 54.",
        )
        return Settled(parts, False, [note, *findings])
    sample = _sample(bounds, values.finite)
    raise _ask(
        bounds,
        values.finite,
        f"文件没有说明坐标系（例如缺少 .prj），坐标值为 {sample}，不能唯一确定。",
        f"The file names no coordinate system (a missing .prj, for one); its values, {sample}, leave more than one.",
    )


def _maybe_mercator(values: _Values, bounds: np.ndarray) -> bool:
    """True when a 6° zone number (Kashgar's) could as well be Web Mercator (eastern China's)."""
    return any(p.why == "mercator" for p in crs_.proposals(_extent(bounds, values.prefix > 0)))


def _by_prefix(values: _Values, plain_crs: CRS | None) -> tuple[list[tuple[CRS, np.ndarray]], list[Finding]]:
    """Rows parted by zone number (CGCS2000), and rows without one on plain_crs, where given."""
    zones = np.unique(values.prefix[values.prefix > 0])
    parts = [(grids.with_prefix(int(z)), values.prefix == z) for z in zones]
    if plain_crs is not None and values.plain.any():
        parts.append((plain_crs, values.plain))
    if len(parts) < 2:
        return parts, []
    counts = "、".join(f"{z} 带 {int((values.prefix == z).sum())} 行" for z in zones)
    counts_en = ", ".join(f"zone {z}: {int((values.prefix == z).sum())} rows" for z in zones)
    if plain_crs is not None and values.plain.any():
        counts += f"、不带带号 {int(values.plain.sum())} 行"
        counts_en += f", without zone number: {int(values.plain.sum())} rows"
    note = Finding(
        "zones_joined",
        "warning",
        "mended",
        f"同一文件里有不同的分带（{counts}），已统一到一个坐标系。",
        f"The file mixes zones ({counts_en}); all were brought into one coordinate system.",
    )
    return parts, [note]


def _geographic(values: _Values, bounds: np.ndarray, declared: CRS, certain: bool) -> Settled:
    if values.most(values.degrees):
        return Settled([(declared, values.degrees)], False, [])
    readable = values.most(values.prefix > 0) and not _maybe_mercator(values, bounds)
    if readable and (not certain or crs_.is_modern(declared)):
        parts, findings = _by_prefix(values, None)
        note = Finding(
            "crs_contradicted",
            "warning",
            "mended",
            f"文件标为经纬度（{crs_.name(declared)}），坐标值却是带带号的米；已按 CGCS2000 该带号的投影坐标读入。",
            f"The file is labelled {crs_.name(declared)} (degrees), but its values are metres with a zone number; "
            "they were read as CGCS2000 in that zone.",
        )
        return Settled(parts, False, [note, *findings])
    raise _ask(
        bounds,
        values.finite & ~values.degrees,
        f"文件标为经纬度（{crs_.name(declared)}），坐标值却是 {_sample(bounds, values.finite & ~values.degrees)}，超出度的范围。",
        f"The file is labelled {crs_.name(declared)} (degrees), "
        f"but holds values like {_sample(bounds, values.finite & ~values.degrees)}, beyond any degree.",
    )


def _refuse_degrees(values: _Values, bounds: np.ndarray, declared: CRS) -> None:
    if values.most(values.degrees):
        raise _ask(
            bounds,
            values.degrees,
            f"坐标系标为 {crs_.name(declared)}（米），坐标值却像是度（{_sample(bounds, values.degrees)}）。"
            "照此计算，地块面积几乎为零。",
            f"The coordinate system is {crs_.name(declared)} (metres), but the values look like degrees "
            f"({_sample(bounds, values.degrees)}): every parcel would have next to no area.",
        )


def _on_grid(values: _Values, bounds: np.ndarray, declared: CRS) -> Settled:
    _refuse_degrees(values, bounds, declared)
    grid = grids.grid(declared)
    assert grid is not None
    zones = [int(z) for z in np.unique(values.prefix[values.prefix > 0])]
    meridians = {grids.meridian_of_prefix(z) for z in zones}
    if grid.prefix is None and not zones and values.most(values.plain):
        return Settled([(declared, values.plain)], False, [])
    if grid.prefix is not None and zones == [grid.prefix] and not values.plain.any():
        return Settled([(declared, values.prefix == grid.prefix)], False, [])
    agrees = grid.meridian in meridians or (not zones and values.plain.any())
    if not values.most((values.prefix > 0) | values.plain) or not agrees:
        raise _ask(
            bounds,
            values.finite,
            f"坐标系标为 {crs_.name(declared)}，与坐标值 {_sample(bounds, values.finite)} 不符。",
            f"The coordinate system is {crs_.name(declared)}, "
            f"but the values, {_sample(bounds, values.finite)}, do not fit it.",
        )
    if not crs_.is_modern(declared):
        # an older datum has to be transformed anyway; the rows are not re-labelled as CGCS2000 here
        return Settled([(declared, (values.prefix > 0) | values.plain)], False, [])
    parts, findings = _by_prefix(values, grids.without_prefix(grid.meridian))
    odd = bool(values.plain.any()) if grid.prefix is not None else bool(zones)
    if odd and not findings:
        zh = "坐标值不带带号" if grid.prefix is not None else "坐标值带有带号"
        en = (
            "its eastings carry no zone number"
            if grid.prefix is not None
            else "its eastings carry a zone number"
        )
        findings = [
            Finding(
                "zone_number",
                "warning",
                "mended",
                f"坐标系给定为 {crs_.name(declared)}，但{zh}；中央经线 {grid.meridian}° 不变，已按实际写法读入。",
                f"The coordinate system is given as {crs_.name(declared)}, but {en}; "
                f"the central meridian stays {grid.meridian}° E, and it was read as written.",
            )
        ]
    return Settled(parts, False, findings)


def _elsewhere(values: _Values, bounds: np.ndarray, declared: CRS) -> Settled:
    """A projected CRS that is no Gauss-Krüger grid of China: is the data near where it is meant for?"""
    _refuse_degrees(values, bounds, declared)
    rows = np.flatnonzero(values.finite)
    near = np.zeros(len(bounds), dtype=bool)
    x = bounds[rows][:, [0, 2]].mean(axis=1)
    y = bounds[rows][:, [1, 3]].mean(axis=1)
    lon, lat = crs_.to_lonlat(x, y, declared)
    # a map that goes round the earth takes any number: only what comes back as it went is a place on it
    back = crs_.from_lonlat(lon, lat, declared)
    returns = np.hypot(back[0] - x, back[1] - y) < 1.0
    area = declared.area_of_use
    if area is None:
        good = np.isfinite(lon) & np.isfinite(lat)
    else:
        middle, half = (area.west + area.east) / 2, (area.east - area.west) / 2
        if area.east < area.west:
            middle, half = (area.west + area.east + 360) / 2, (area.east + 360 - area.west) / 2
        away = np.abs((lon - middle + 180) % 360 - 180)
        good = away <= half + FAR_DEGREES
        good &= (lat >= area.south - FAR_DEGREES) & (lat <= area.north + FAR_DEGREES)
    near[rows] = good & returns
    if values.most(near):
        return Settled([(declared, near)], False, [])
    raise _ask(
        bounds,
        values.finite,
        f"坐标系标为 {crs_.name(declared)}，但坐标值 {_sample(bounds, values.finite)} 离它的适用范围很远。",
        f"The coordinate system is {crs_.name(declared)}, "
        f"but the values, {_sample(bounds, values.finite)}, lie far outside where it is meant for.",
    )


def degrees(bounds: np.ndarray, crs: CRS) -> Bounds:
    """West, south, east, north in degrees of most of the rows (n × 4 bounds in a CRS): strays do not widen it."""
    return middle(
        np.column_stack(crs_.to_lonlat(bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1), crs))
    )


def middle(lonlat: np.ndarray) -> Bounds:
    """Bounds of points (n × 2, degrees) without the outermost hundredth at each side; infinite ones are passed over."""
    there = np.isfinite(lonlat).all(axis=1)
    if not there.any():
        return (np.nan, np.nan, np.nan, np.nan)
    low, high = np.quantile(lonlat[there], (0.01, 0.99), axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
