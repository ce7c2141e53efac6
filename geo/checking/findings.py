"""The book of findings: every kind a check can write, filled by whole arrays, never row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.schemas import FINDING_COLUMNS, Action, Finding, Severity, findings_frame

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Worst first."""


@dataclass(frozen=True)
class Kind:
    """What one kind of finding means; the titles stand for all its rows in a summary."""

    severity: Severity
    action: Action
    zh: str
    en: str


KINDS: dict[str, Kind] = {
    "geometry_missing": Kind("error", "left_out", "没有图形", "no geometry"),
    "geometry_empty": Kind("error", "left_out", "图形为空", "empty geometry"),
    "geometry_not_polygon": Kind("error", "left_out", "图形不是面", "the geometry is no polygon"),
    "coordinates_not_finite": Kind(
        "error", "left_out", "坐标为空值或无穷大（NaN/Inf）", "a coordinate is NaN or infinite"
    ),
    "coordinates_out_of_range": Kind(
        "error",
        "left_out",
        "坐标超出坐标系或地球的范围",
        "a coordinate lies outside the coordinate system, or off the earth",
    ),
    "too_large": Kind(
        "error",
        "left_out",
        "图形跨度过大，不可能是一块田",
        "far too wide for a field, a vertex must be wrong",
    ),
    "vertex_astray": Kind(
        "error",
        "left_out",
        "有一个顶点跑飞，图形被拉长",
        "one vertex lies far astray and drags the shape with it",
    ),
    "geometry_collapsed": Kind(
        "error", "left_out", "图形没有面积", "the geometry has no area, even after mending"
    ),
    "geometry_unmendable": Kind("error", "left_out", "图形无法修复", "the geometry could not be mended"),
    "county_missing": Kind(
        "error", "kept", "没有县（市、区）代码，也无法由位置得出", "no county, and none found by its place"
    ),
    "same_shape": Kind(
        "warning", "left_out", "与另一块田图形重复", "the same shape as another parcel, or nearly"
    ),
    "outline": Kind(
        "warning",
        "left_out",
        "整块盖住三块以上的田，当作外轮廓",
        "covers three whole parcels or more: taken for an outline",
    ),
    "covered": Kind(
        "warning", "left_out", "几乎全被其他田盖住", "nearly all of it is covered by other parcels"
    ),
    "sliver_left_out": Kind(
        "warning",
        "left_out",
        "不足 1 m² 或宽不足 0.2 m 的碎屑",
        "under 1 m² or narrower than 0.2 m: no field",
    ),
    "overlap": Kind(
        "warning", "mended", "与另一块田重叠，已裁去", "overlaps another parcel: the common part is cut off"
    ),
    "same_id": Kind("warning", "mended", "编号重复，已另编号", "the id is used twice: a new one is given"),
    "id_not_unique": Kind(
        "warning", "kept", "编号大量重复，可能选错了字段", "many rows share an id: perhaps the wrong column"
    ),
    "id_missing": Kind("warning", "mended", "没有编号，已按行号编号", "no id: one is made of the row number"),
    "geometry_broken": Kind(
        "warning", "mended", "图形自相交或破损，已修复", "crosses itself or is broken: mended"
    ),
    "geometry_mixed": Kind(
        "warning", "mended", "图形里混有线或点，已去掉", "lines or points among the polygons: dropped"
    ),
    "declared_unit": Kind(
        "warning", "mended", "登记面积的单位不是亩，已换算", "declared areas are not in mu: converted"
    ),
    "declared_area": Kind(
        "warning", "kept", "登记面积与实测相差超过 5 %", "declared and measured area differ by over 5 %"
    ),
    "sliver": Kind(
        "warning", "kept", "碎小或狭长（小于 50 m² 或宽不足 0.5 m）", "under 50 m² or narrower than 0.5 m"
    ),
    "out_of_region": Kind(
        "warning", "kept", "全部数据远离所给的县", "all the data lie far from the county given"
    ),
    "out_of_county": Kind(
        "warning", "kept", "位于所属县界之外 2 公里以上", "over 2 km outside the boundary of its county"
    ),
    "outside_dem": Kind("warning", "kept", "高程模型没有覆盖", "the elevation model has no value here"),
    "dem_without_crs": Kind(
        "warning", "kept", "高程模型没有坐标系", "the elevation model names no coordinate system"
    ),
    "consent_unknown": Kind(
        "warning", "kept", "意愿的写法无法识别，作未登记", "consent not understood: taken as not recorded"
    ),
    "barriers_elsewhere": Kind(
        "warning", "kept", "渠路数据不在田块附近", "the barriers lie nowhere near the parcels"
    ),
    "multipart": Kind(
        "info", "mended", "一条记录有多块图形，已分开", "one row of several parts: taken apart"
    ),
    "geometry_hairline": Kind(
        "info", "mended", "图形有发丝宽的自相交，已修复", "crosses itself by a hair: mended, same area"
    ),
    "pieces_united": Kind(
        "info", "mended", "同编号的相接图形，已合并", "touching pieces under one id: united"
    ),
    "many_vertices": Kind("info", "mended", "顶点过多，已抽稀", "too many vertices: thinned"),
    "overlap_small": Kind(
        "info", "mended", "与邻田有不足 1 m² 的重叠，已裁去", "overlaps its neighbour by under 1 m²: cut off"
    ),
    "county_filled": Kind(
        "info", "mended", "县（市、区）代码由位置补上", "the county is filled in by its place"
    ),
    "z_dropped": Kind("info", "mended", "图形带高程值，已去掉", "heights in the geometry: dropped"),
}
"""In the order in which a summary lists them within one severity."""


class Book:
    """Collects findings as blocks of arrays; `frame` binds them together, worst first."""

    def __init__(self) -> None:
        self._blocks: list[pd.DataFrame] = []

    def add(
        self,
        kind: str,
        row: Sequence[int] | np.ndarray | None = None,
        parcel_id: Sequence[str] | np.ndarray | pd.Series | None = None,
        area_mu: Sequence[float] | np.ndarray | float = 0.0,
        geometry: Sequence[object] | np.ndarray | None = None,
        zh: Sequence[str] | str | None = None,
        en: Sequence[str] | str | None = None,
    ) -> None:
        """One finding per entry of `row`, or one about the whole file where row is None.

        zh and en are the full messages; without them the kind's title stands.
        """
        about = KINDS[kind]
        n = 1 if row is None else len(row)
        if n == 0:
            return
        shapes = np.full(n, None, object) if geometry is None else np.asarray(geometry, object)
        self._blocks.append(
            pd.DataFrame(
                {
                    "kind": kind,
                    "severity": about.severity,
                    "action": about.action,
                    "row": pd.array([pd.NA], "Int64") if row is None else pd.array(np.asarray(row), "Int64"),
                    "parcel_id": _texts([None] if parcel_id is None and n == 1 else parcel_id),
                    "area_mu": np.broadcast_to(np.asarray(area_mu, float), n),
                    "zh": about.zh if zh is None else zh,
                    "en": about.en if en is None else en,
                    "geometry": shapes,
                },
                index=range(n),
            )
        )

    def frame(self, earlier: list[Finding], crs: object) -> gpd.GeoDataFrame:
        """All findings, those of reading first within their severity; index 0..n-1."""
        read = findings_frame(earlier, crs)
        blocks = [pd.DataFrame(read)] if len(read) else []
        if not blocks and not self._blocks:
            return read
        frame = pd.concat([*blocks, *self._blocks], ignore_index=True)[list(FINDING_COLUMNS)]
        order = sorted(range(len(frame)), key=_rank(frame).__getitem__)
        return gpd.GeoDataFrame(frame.iloc[order].reset_index(drop=True), geometry="geometry", crs=crs)


def _texts(values: Any) -> Any:
    """Text as a column keeps it, whatever rows it came from."""
    texts: Any = pd.Series(values, dtype="str")
    return texts.array


def _rank(frame: pd.DataFrame) -> np.ndarray:
    """Position of each finding by severity, kind, then row as it came."""
    kinds = {k: i for i, k in enumerate(KINDS)}
    severity = frame["severity"].map({s: i for i, s in enumerate(SEVERITIES)}).to_numpy(np.int64)
    kind = frame["kind"].map(kinds).fillna(-1).to_numpy(np.int64)
    row = frame["row"].fillna(0).to_numpy(np.int64)
    rank = np.empty(len(frame), np.int64)
    rank[np.lexsort((np.arange(len(frame)), row, kind, severity))] = np.arange(len(frame))
    return rank


def summarise(findings: pd.DataFrame) -> pd.DataFrame:
    """One row a kind: kind, severity, action, count, area_mu, zh, en; worst first, then by count."""
    columns = ["kind", "severity", "action", "count", "area_mu", "zh", "en"]
    if not len(findings):
        return pd.DataFrame(columns=columns)
    groups = findings.groupby(["kind", "severity", "action"], sort=False, observed=True)
    table = groups.agg(
        count=("kind", "size"), area_mu=("area_mu", "sum"), zh=("zh", "first"), en=("en", "first")
    ).reset_index()
    for lang in ("zh", "en"):
        # what is found in the reading has no title: it is said once a file, by its own message
        titles = table["kind"].map({k: getattr(v, lang) for k, v in KINDS.items()})
        table[lang] = titles.where(titles.notna(), table[lang])
    worst = table["severity"].map({s: i for i, s in enumerate(SEVERITIES)})
    known = table["kind"].map({k: i for i, k in enumerate(KINDS)}).fillna(-1)
    return table.iloc[np.lexsort((known, worst))].reset_index(drop=True)[columns]
