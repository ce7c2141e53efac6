"""Checks parcels as read: mends what can be mended, leaves out what cannot, lists both; loses no area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from geo.checking import attributes, mending, overlaps, whereabouts
from geo.checking import pieces as joining
from geo.checking.findings import KINDS, Book, summarise
from geo.errors import ChigaiError
from geo.schemas import MU_M2, PARCEL_TEXTS, Finding

if TYPE_CHECKING:
    from geo.reading import Loaded


HAIR_M2 = 0.01
"""A mending that changes the area by less is one of rounding, as reprojecting brings about."""


@dataclass(frozen=True)
class Checked:
    """Parcels fit for planning, and what became of the rest.

    parcels: valid, disjoint, single 2D Polygons with a unique parcel_id; the columns as read and area_mu;
    in the order read, index 0..n-1.
    left_out: parcel_id, source_row, kind, area_mu, geometry (may be null) of every row or part not planned.
    findings: geo.schemas.FINDING_COLUMNS, worst first.
    area_in_mu: planar area of every geometry once mended on its own (repaired, pieces of one field united),
    before anything is left out; a geometry that cannot be mended has none.
    area_in_mu = parcels.area_mu.sum() + area_left_out_mu.
    """

    parcels: gpd.GeoDataFrame
    left_out: gpd.GeoDataFrame
    findings: gpd.GeoDataFrame
    area_in_mu: float
    area_left_out_mu: float


class _LeftOut:
    """What is not planned, gathered as blocks of arrays."""

    def __init__(self) -> None:
        self._blocks: list[pd.DataFrame] = []

    def add(self, kind: object, ids: pd.Series, row: np.ndarray, m2: np.ndarray, shapes: np.ndarray) -> None:
        if not len(row):
            return
        self._blocks.append(
            pd.DataFrame(
                {
                    "parcel_id": pd.Series(ids.array, dtype="str"),
                    "source_row": np.asarray(row, np.int64),
                    "kind": pd.Series(np.broadcast_to(np.asarray(kind, object), len(row)), dtype="str"),
                    "area_mu": np.asarray(m2, float) / MU_M2,
                    "geometry": np.asarray(shapes, object),
                }
            )
        )

    def frame(self, crs: object) -> gpd.GeoDataFrame:
        table = pd.concat(self._blocks, ignore_index=True)
        table = table.sort_values("source_row", kind="stable", ignore_index=True)
        return gpd.GeoDataFrame(table, geometry="geometry", crs=crs)


def check(
    loaded: Loaded,
    *,
    dem: Path | None = None,
    counties: gpd.GeoDataFrame | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    progress: Callable[[float], None] | None = None,
) -> Checked:
    """Runs every check over the parcels and lists all that is found, not the first alone.

    counties: adcode, name_zh, name_en and polygons, in any CRS. dem: a raster, to see whom it covers.
    barriers: in the plan CRS. progress is given 0..1 and may raise to stop.
    Raises ChigaiError where no parcel is left, or the DEM is no raster.
    """
    step = progress or (lambda fraction: None)
    book, out = Book(), _LeftOut()
    frame, crs = loaded.parcels, pyproj.CRS(loaded.crs)
    if not len(frame):
        raise _nothing({})
    table = attributes.clean(frame, book)
    step(0.05)
    raw = np.asarray(frame.geometry.array, object)
    mended = mending.mend(raw)
    _tell_mended(mended, table, raw, _told(table, raw, loaded.findings), book, out)
    if not len(mended.pieces):
        raise _nothing(dict(zip(*np.unique(mended.refused.astype(str), return_counts=True), strict=True)))
    step(0.3)

    whole, row, feature = joining.join(mended.pieces, mended.row, table, book)
    table = _declare(table, whole, row, feature, book)
    area_in = float(shapely.area(whole).sum())
    step(0.4)

    ids, source = table["parcel_id"], table["source_row"].to_numpy()
    disjoint = overlaps.separate(whole, ids.iloc[row])
    _tell_disjoint(disjoint, whole, ids.iloc[row], source[row], book, out)
    step(0.75)

    pieces, owner = disjoint.pieces, row[disjoint.parent]
    del whole, disjoint
    # a rest of trimming can be a crumb, or show the vertex astray that the whole shape hid
    astray = mending.astray(pieces)
    useless = {"sliver_left_out": overlaps.useless(pieces) & ~astray, "vertex_astray": astray}
    for kind, some in useless.items():
        gone, m2 = owner[some], shapely.area(pieces[some])
        out.add(kind, ids.iloc[gone], source[gone], m2, pieces[some])
        book.add(kind, source[gone], ids.iloc[gone], m2 / MU_M2, pieces[some])
    good = ~np.logical_or.reduce(list(useless.values()))
    pieces, owner = pieces[good], owner[good]
    if not len(pieces):
        raise _nothing({kind: int(some.sum()) for kind, some in useless.items() if some.any()})
    names = joining.unique_ids(pieces, owner, feature, table, book)
    parcels = _assemble(pieces, owner, names, table, crs)
    del table, ids
    _tell_slivers(parcels, book)
    points = whereabouts.inner_points(pieces)
    parcels = whereabouts.tell_counties(parcels, points, counties, book)
    whereabouts.tell_dem(parcels, points, dem, book)
    whereabouts.tell_barriers(parcels, barriers, book)
    step(0.95)
    left_out = out.frame(crs) if out._blocks else _no_rows(crs)
    checked = Checked(
        parcels,
        left_out,
        book.frame(list(loaded.findings), crs),
        area_in / MU_M2,
        float(left_out["area_mu"].sum()),
    )
    step(1.0)
    return checked


def summary(checked: Checked) -> pd.DataFrame:
    """One row a kind, worst first: kind, severity, action, count, area_mu, zh, en."""
    return summarise(checked.findings)


def _nothing(kinds: dict[str, int]) -> ChigaiError:
    zh = "；".join(f"{KINDS[k].zh} {n} 条" for k, n in kinds.items() if k in KINDS)
    en = "; ".join(f"{KINDS[k].en}: {n}" for k, n in kinds.items() if k in KINDS)
    return ChigaiError(
        f"数据中没有一块可用的田{f'（{zh}）' if zh else ''}。",
        f"Not one usable parcel is left in the data{f' ({en})' if en else ''}.",
        do_zh="请检查所选的图层、筛选条件和坐标系，或换一份完好的文件。",
        do_en="Check the layer, the filter and the coordinate system chosen, or give a sound file.",
    )


def _no_rows(crs: object) -> gpd.GeoDataFrame:
    empty = {"parcel_id": pd.Series(dtype="str"), "source_row": pd.Series(dtype="int64")}
    empty |= {"kind": pd.Series(dtype="str"), "area_mu": pd.Series(dtype="float64")}
    return gpd.GeoDataFrame(empty, geometry=gpd.GeoSeries([], crs=crs), crs=crs)


def _told(table: pd.DataFrame, raw: np.ndarray, found: list[Finding]) -> np.ndarray:
    """Why reading took a row's geometry away, "" where it did not; object[n]."""
    reason = {f.row: f.kind for f in found if f.row is not None and f.action == "left_out"}
    told = np.full(len(table), "", object)
    some = np.flatnonzero(table["source_row"].isin(list(reason)) & shapely.is_missing(raw))
    told[some] = [reason[r] for r in table["source_row"].iloc[some]]
    return told


def _tell_mended(
    mended: mending.Mended,
    table: pd.DataFrame,
    raw: np.ndarray,
    told: np.ndarray,
    book: Book,
    out: _LeftOut,
) -> None:
    ids, row = table["parcel_id"], table["source_row"].to_numpy()
    refused = np.flatnonzero(mended.refused != "")
    if len(refused):
        shown = np.isin(mended.refused[refused], ("geometry_not_polygon", "too_large", "vertex_astray"))
        shapes = np.full(len(refused), None, object)
        shapes[shown] = shapely.force_2d(raw[refused[shown]])
        kinds = np.where(told[refused] != "", told[refused], mended.refused[refused])
        out.add(kinds, ids.iloc[refused], row[refused], np.zeros(len(refused)), shapes)
        # what reading has told of a row is not told again
        fresh = told[refused] == ""
        for kind in np.unique(mended.refused[refused[fresh]].astype(str)):
            some = fresh & (mended.refused[refused] == kind)
            book.add(str(kind), row[refused[some]], ids.iloc[refused[some]], 0.0, shapes[some])
    came = mended.refused == ""
    change = np.abs(mended.after_m2 - mended.before_m2) / MU_M2
    hair = change < HAIR_M2 / MU_M2
    some = np.flatnonzero(mended.broken & came & ~hair)
    facts = list(
        zip(mended.before_m2[some] / MU_M2, mended.after_m2[some] / MU_M2, mended.reason[some], strict=True)
    )
    book.add(
        "geometry_broken",
        row[some],
        ids.iloc[some],
        change[some],
        _whole(mended, some),
        zh=[f"图形自相交或破损（{w}），已修复：面积由 {b:.3f} 亩变为 {a:.3f} 亩。" for b, a, w in facts],
        en=[
            f"Crosses itself or is broken ({w}): mended, from {b:.3f} mu to {a:.3f} mu." for b, a, w in facts
        ],
    )
    for kind, mask in (
        ("geometry_hairline", mended.broken & hair),
        ("geometry_mixed", mended.mixed),
        ("pieces_united", mended.joined),
        ("many_vertices", mended.thinned),
    ):
        some = np.flatnonzero(mask & came)
        book.add(kind, row[some], ids.iloc[some], change[some], _whole(mended, some))
    high = int(mended.had_z.sum())
    if high:
        book.add(
            "z_dropped",
            zh=f"{high} 个图形带高程值，已去掉；高程只取自高程模型。",
            en=f"{high} geometries carried heights: dropped, levels come from the elevation model alone.",
        )


def _whole(mended: mending.Mended, rows: np.ndarray) -> np.ndarray:
    """All pieces of each row as one geometry."""
    if not len(rows):
        return np.empty(0, object)
    some = np.flatnonzero(np.isin(mended.row, rows))
    at = np.searchsorted(rows, mended.row[some])
    return np.asarray(shapely.multipolygons(mended.pieces[some], indices=at), object)


def _declare(
    table: pd.DataFrame, whole: np.ndarray, row: np.ndarray, feature: np.ndarray, book: Book
) -> pd.DataFrame:
    """Compares declared with measured area by field; both come back, in mu, as _declared and _measured.

    A field cut into rows declares its whole area in each of them, or its part: equal figures count once.
    """
    n = len(table)
    measured = np.bincount(feature[row], shapely.area(whole), n) / MU_M2
    given = table["declared_mu"].to_numpy()
    by_field = pd.Series(given).groupby(feature)
    least, most, total = (by_field.agg(f).reindex(range(n)).to_numpy() for f in ("min", "max", "sum"))
    field = np.where(least == most, most, np.where(total > 0, total, np.nan))
    field = np.where(measured > 0, field, np.nan)
    field = attributes.declared_in_mu(field, measured, book)
    attributes.compare_declared(field, measured, table["source_row"].to_numpy(), table["parcel_id"], book)
    return table.assign(_declared=field[feature], _measured=measured[feature])


def _tell_disjoint(
    disjoint: overlaps.Disjoint,
    whole: np.ndarray,
    ids: pd.Series,
    row: np.ndarray,
    book: Book,
    out: _LeftOut,
) -> None:
    cut = np.flatnonzero(disjoint.removed_m2 > 0)
    if len(cut):
        kinds = np.where(disjoint.reason[cut] == "", "overlap", disjoint.reason[cut])
        out.add(kinds, ids.iloc[cut], row[cut], disjoint.removed_m2[cut], disjoint.removed[cut])
    for kind in ("same_shape", "outline", "covered"):
        some = np.flatnonzero(disjoint.reason == kind)
        zh: list[str] | None = None
        en: list[str] | None = None
        if kind == "same_shape":
            stays = ids.iloc[disjoint.twin[some]]
            zh = [f"与地块 {t} 图形重复，只保留后者。" for t in stays]
            en = [f"The same shape as parcel {t}, which stays." for t in stays]
        book.add(kind, row[some], ids.iloc[some], shapely.area(whole[some]) / MU_M2, whole[some], zh, en)
    small = disjoint.pairs.m2 < overlaps.SMALL_M2
    for kind, mask in (("overlap", ~small), ("overlap_small", small)):
        pairs = disjoint.pairs.where(mask)
        facts = list(zip(ids.iloc[pairs.left], pairs.m2.tolist(), strict=True))
        book.add(
            kind,
            row[pairs.right],
            ids.iloc[pairs.right],
            pairs.m2 / MU_M2,
            pairs.shape,
            zh=[f"与地块 {other} 重叠 {a:.4g} m²，重叠部分归后者。" for other, a in facts],
            en=[f"Overlaps parcel {other} by {a:.4g} m², which keeps that part." for other, a in facts],
        )


def _assemble(
    pieces: np.ndarray, owner: np.ndarray, names: pd.Series, table: pd.DataFrame, crs: pyproj.CRS
) -> gpd.GeoDataFrame:
    parcels = table.drop(columns="parcel_id").iloc[owner].reset_index(drop=True)
    parcels["parcel_id"] = names.array
    parcels["area_mu"] = shapely.area(pieces) / MU_M2
    # a field's declared area goes to its pieces by area, and as it was given to one that came through whole
    part = parcels["area_mu"] / parcels["_measured"]
    parcels["declared_mu"] = parcels["_declared"] * part.mask((part - 1).abs() < 1e-9, 1.0)
    columns = ["parcel_id", *PARCEL_TEXTS, "consent", "declared_mu", "source_row", "area_mu"]
    return gpd.GeoDataFrame(parcels[columns], geometry=pieces, crs=crs)


def _tell_slivers(parcels: gpd.GeoDataFrame, book: Book) -> None:
    shapes = np.asarray(parcels.geometry.array, object)
    some = np.flatnonzero(overlaps.slivers(shapes))
    area, width = shapely.area(shapes[some]), overlaps.widths(shapes[some])
    facts = list(zip(area.tolist(), width.tolist(), strict=True))
    book.add(
        "sliver",
        parcels["source_row"].to_numpy()[some],
        parcels["parcel_id"].iloc[some],
        area / MU_M2,
        shapes[some],
        zh=[f"碎小或狭长：{a:.1f} m²，平均宽 {w:.2f} m。" for a, w in facts],
        en=[f"Small or narrow: {a:.1f} m², {w:.2f} m wide on the mean." for a, w in facts],
    )
