"""Reading parcels and barriers as a bureau has them into chigai's tables, in the plan's CRS, saying all that was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyproj import CRS

from geo import crs as crs_
from geo import encodings, fields, landuse, mapping, rows, sources, zones
from geo.errors import ChigaiError
from geo.mapping import Profile, Recognition
from geo.rows import Rows
from geo.schemas import MU_M2, Finding
from geo.sources import Layer


@dataclass(frozen=True)
class Source:
    """What to read. crs: EPSG that overrides the file's own; mapping: chigai field -> column of the file.

    county: adcode given to data that carry none. layer, where, encoding: None leaves it to the file.
    """

    path: Path
    layer: str | None = None
    where: str | None = None
    crs: int | None = None
    encoding: str | None = None
    mapping: Mapping[str, str] | None = None
    county: str | None = None


@dataclass(frozen=True)
class Loaded:
    """Parcels in the plan CRS, geometry as it came (null, broken, multi), and what reading saw.

    parcels: parcel_id, county, township, village, irrigation_district, operator, consent, priority, declared_mu,
    source_row (from 1), geometry. barriers: kind, fixed, width_m, geometry, where the same file holds them (DLTB).
    """

    parcels: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame | None
    findings: list[Finding]
    profile: Profile
    crs: CRS
    checksum: str


def layers(path: str | Path) -> list[str]:
    """Names of the layers in a file, folder or zip."""
    with sources.opened(path) as found:
        return [layer.name for layer in found]


def pick(
    found: list[Layer], wanted: str | None, name: str, *, polygons: bool = True
) -> tuple[Layer, list[Finding]]:
    """The layer to read: the one named, the only one, or the only one recognised; else ChigaiError with all names."""
    names = [layer.name for layer in found]
    if wanted is not None:
        for layer in found:
            if wanted in (layer.name, layer.inner):
                return layer, []
        raise ChigaiError(
            f"没有名为“{wanted}”的图层。",
            f"There is no layer '{wanted}'.",
            do_zh=f"可选的图层：{'、'.join(names) or '无'}。",
            do_en=f"The layers are: {', '.join(names) or 'none'}.",
            file=name,
        )
    usable = (
        [layer for layer in found if layer.may_hold_polygons]
        if polygons
        else [x for x in found if x.geometry_type]
    )
    if not usable:
        raise ChigaiError(
            "没有面图层。" if polygons else "没有带图形的图层。",
            "It has no layer of polygons." if polygons else "It has no layer with geometry.",
            do_zh=f"文件里的图层：{'、'.join(names) or '无'}；需要面状的地块图层。",
            do_en=f"Its layers: {', '.join(names) or 'none'}; parcels have to be polygons.",
            file=name,
        )
    if len(usable) == 1:
        return usable[0], []
    known = [layer for layer in usable if mapping.recognise(rows.head(layer).columns).profile != "generic"]
    if len(known) == 1:
        note = Finding(
            "layer_chosen",
            "info",
            "kept",
            f"文件有多个图层，读取了其中的地块图层“{known[0].name}”。",
            f"Of the file's layers, '{known[0].name}' was read, the only one recognised as parcels.",
        )
        return known[0], [note]
    choices = known or usable
    raise ChigaiError(
        f"文件有 {len(usable)} 个面图层，不知道读哪一个。",
        f"The file has {len(usable)} layers of polygons; which one is meant cannot be told.",
        do_zh=f"请用 --layer 指明：{'、'.join(x.name for x in choices)}。",
        do_en=f"Name it with --layer: {', '.join(x.name for x in choices)}.",
        file=name,
    )


def read(source: Source) -> Loaded:
    """Parcels (and, from DLTB, barriers) of a file. Raises ChigaiError for what cannot be read or told."""
    path = Path(source.path)
    with sources.opened(path) as found:
        layer, findings = pick(found, source.layer, path.name)
        head = rows.head(layer)
        recognised = mapping.chosen(mapping.recognise(head.columns), head.columns, source.mapping)
        dltb = recognised.profile == "dltb"
        used = _used(recognised, head.columns, dltb)
        encoding, notes = _encoding(layer, source, used)
        findings += notes
        raw = rows.read(layer, used, where=source.where, encoding=encoding)
        findings += raw.findings
        placed, crs, notes = _place(raw, head, source.crs, None, path.name)
        findings += notes
        digest = sources.checksum(path)
    findings += _personal_note(head.columns)
    land, notes = _paddies(raw.table, recognised)
    findings += notes
    barriers = None
    if dltb:
        barriers = _barriers(raw.table.filter(pa.array(~land)), recognised, placed[~land], crs)[0]
    areas = shapely.area(placed) / MU_M2
    if not dltb and not land.all():
        findings.append(_not_paddy(land, areas))
    raw = Rows(raw.table.filter(pa.array(land)), placed[land], raw.source_row[land], [])
    if not len(raw.source_row):
        raise ChigaiError(
            "文件里没有水田地块。",
            "The file holds no paddies.",
            do_zh="请检查地类代码列（DLBM 0101，TDLYLX 011）。",
            do_en="Check the land use codes (DLBM 0101, TDLYLX 011).",
            file=path.name,
        )
    frame, notes = _parcels(raw, recognised, areas[land], source.county)
    findings += notes
    parcels = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(raw.geometries, crs=crs), crs=crs)
    return Loaded(parcels, barriers, findings, recognised.profile, crs, digest)


def read_barriers(source: Source, crs: CRS) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Lines and polygons that may not be crossed: kind, fixed, width_m, geometry in the given plan CRS."""
    path = Path(source.path)
    with sources.opened(path) as found:
        layer, findings = pick(found, source.layer, path.name, polygons=False)
        head = rows.head(layer)
        recognised = barrier_mapping(head.columns, source.mapping)
        used = list(dict.fromkeys(recognised.mapping.values()))
        encoding, notes = _encoding(layer, source, used)
        findings += notes
        raw = rows.read(layer, used, where=source.where, encoding=encoding, lines=True)
        findings += raw.findings
        placed, crs, notes = _place(raw, head, source.crs, crs, path.name)
        findings += notes
    keep = ~shapely.is_missing(placed) & ~shapely.is_empty(placed)
    if recognised.land_use is not None:
        keep &= ~landuse.is_paddy_dlbm(fields.text(raw.table.column(recognised.land_use)))
    barriers, notes = _barriers(raw.table.filter(pa.array(keep)), recognised, placed[keep], crs)
    return barriers, findings + notes


def barrier_mapping(columns: list[str], given: Mapping[str, str] | None) -> Recognition:
    """Which columns say kind, fixed and width; DLBM where there is one."""
    names = [c for c in columns if not mapping.is_personal(c)]
    found = {
        f: c for f in mapping.BARRIER_FIELDS if (c := mapping.find(names, *mapping.ALIASES[f])) is not None
    }
    code = mapping.find(names, "DLBM")
    if code is not None and mapping.find(names, "kind") is None:
        found["kind"] = code
    land_use = code if found.get("kind") == code else None
    return mapping.chosen(Recognition("generic", found, land_use), columns, given)


def _used(recognised: Recognition, columns: list[str], dltb: bool) -> list[str]:
    used = [*recognised.mapping.values(), *([recognised.land_use] if recognised.land_use else [])]
    if dltb:
        extra = (mapping.find(columns, "BSM"), mapping.find(columns, "TBBH"), mapping.find(columns, "XZDWKD"))
        used += [c for c in extra if c is not None]
    return list(dict.fromkeys(used))


def _encoding(layer: Layer, source: Source, used: list[str]) -> tuple[str | None, list[Finding]]:
    if layer.dataset.driver != "ESRI Shapefile":
        return None, []
    names = encodings.column_names(cast(Path, sources.shapefiles.part(layer.dataset.path, ".dbf")))
    asked = [n for n in names if source.where and n.casefold() in source.where.casefold()]
    return encodings.choose(layer.dataset.path, source.encoding, [*used, *asked])


def _personal_note(columns: list[str]) -> list[Finding]:
    dropped = mapping.personal(columns)
    if not dropped:
        return []
    return [
        Finding(
            "personal_dropped",
            "info",
            "left_out",
            f"含个人信息的列没有读入：{'、'.join(dropped)}。",
            f"Columns with personal data were not read: {', '.join(dropped)}.",
        )
    ]


def _place(
    raw: Rows, head: rows.Head, asked: int | None, target: CRS | None, name: str
) -> tuple[np.ndarray, CRS, list[Finding]]:
    """The geometries in the plan CRS (target, or found from where they lie), that CRS, and what was assumed."""
    bounds = shapely.bounds(raw.geometries)
    file_crs = crs_.known(head.crs)
    declared = crs_.parse(asked) if asked is not None else file_crs
    try:
        settled = zones.settle(bounds, declared, certain=asked is not None or not head.crs_by_default)
    except ChigaiError as error:
        error.file = name
        raise
    findings = list(settled.findings)
    if asked is not None and file_crs is not None and not head.crs_by_default and file_crs != declared:
        findings.append(
            Finding(
                "crs_overridden",
                "warning",
                "kept",
                f"文件标的坐标系是 {crs_.name(file_crs)}，按您指定的 {crs_.name(cast(CRS, declared))} 读取。",
                f"The file says {crs_.name(file_crs)}; it was read as {crs_.name(cast(CRS, declared))}, as you said.",
            )
        )
    geometries = raw.geometries
    if settled.swap:
        geometries = shapely.transform(geometries, lambda p: p[:, ::-1])
        bounds = bounds[:, [1, 0, 3, 2]]
    centre = np.column_stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
    degrees = np.full((len(bounds), 2), np.nan)
    for part, mask in settled.parts:
        degrees[mask] = np.column_stack(crs_.to_lonlat(centre[mask, 0], centre[mask, 1], part))
    there = np.isfinite(degrees).all(axis=1)
    low, high = np.quantile(degrees[there], (0.01, 0.99), axis=0)
    around = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    plan = target if target is not None else crs_.plan_crs(around)
    moved = np.full(len(geometries), None, dtype=object)
    for part, mask in settled.parts:
        try:
            way = crs_.shift(part, plan, around)
        except ChigaiError as error:
            error.file = name
            raise
        moved[mask] = crs_.apply(geometries[mask], way)
        if way.accuracy_m:
            findings.append(
                Finding(
                    "datum_shifted",
                    "warning",
                    "kept",
                    f"由 {crs_.name(part)} 转换到 {crs_.name(plan)}，所用方法“{way.operation}”的标称精度为 {way.accuracy_m:g} 米。",
                    f"Transformed from {crs_.name(part)} to {crs_.name(plan)} by '{way.operation}', "
                    f"whose stated accuracy is {way.accuracy_m:g} m.",
                )
            )
    placed = np.isfinite(shapely.bounds(moved)).all(axis=1)
    lost = ~placed & np.isfinite(bounds).all(axis=1)
    moved[lost] = None
    empty = ~placed & ~lost & ~shapely.is_missing(geometries)
    moved[empty] = geometries[empty]
    findings += rows.per_row(
        raw.source_row[lost],
        "coordinates_out_of_range",
        "坐标值与文件的坐标系不符，该行不参与规划。",
        "The row's coordinates do not fit the coordinate system; it is left out.",
    )
    return moved, plan, findings


def _paddies(table: pa.Table, recognised: Recognition) -> tuple[np.ndarray, list[Finding]]:
    """Which rows are paddies; all, where no land use is given."""
    everything = np.ones(table.num_rows, dtype=bool)
    if recognised.land_use is None:
        return everything, []
    codes = fields.text(table.column(recognised.land_use))
    if recognised.profile == "dltb":
        return landuse.is_paddy_dlbm(codes), []
    if codes.isna().all():
        return everything, []
    return landuse.is_paddy_tdlylx(codes) | codes.isna().to_numpy(), []


def _not_paddy(land: np.ndarray, areas: np.ndarray) -> Finding:
    count, area = int((~land).sum()), float(np.nansum(areas[~land]))
    return Finding(
        "not_paddy",
        "info",
        "left_out",
        f"{count:,} 个地块不是水田（TDLYLX 不是 011），共 {area:,.1f} 亩，不参与规划。",
        f"{count:,} parcels are no paddies (TDLYLX is not 011), {area:,.1f} mu in all; they are left out.",
        area_mu=area,
    )


def _parcels(
    raw: Rows, recognised: Recognition, areas: np.ndarray, given_county: str | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """The columns of Loaded.parcels but the geometry."""
    table, column = raw.table, recognised.mapping
    findings: list[Finding] = []
    frame = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    frame["parcel_id"], notes = _ids(raw, recognised)
    findings += notes
    for field in ("county", "township", "village", "irrigation_district", "operator"):
        frame[field] = (
            fields.text(table.column(column[field])) if field in column else _nothing(table.num_rows)
        )
    frame["county"], odd = fields.county(frame["county"])
    frame["township"] = fields.place(frame["township"], 9)
    frame["village"] = fields.place(frame["village"], 12)
    if odd:
        findings.append(
            Finding(
                "county_unclear",
                "warning",
                "kept",
                f"“{column['county']}”列有 {odd:,} 行看不出县级代码（前六位数字）。",
                f"In {odd:,} rows column '{column['county']}' shows no county code (six digits first).",
            )
        )
    if given_county is not None:
        frame["county"] = frame["county"].fillna(given_county)
    frame["consent"] = pd.Series([None] * table.num_rows, dtype=object)
    if "consent" in column:
        frame["consent"], odd_words = fields.truth(table.column(column["consent"]))
        if odd_words:
            findings.append(
                Finding(
                    "consent_unclear",
                    "warning",
                    "kept",
                    f"意愿列里有不认识的写法（{'、'.join(odd_words[:5])}），按未记录处理。",
                    f"The consent column has values not understood ({', '.join(odd_words[:5])}); taken as not recorded.",
                )
            )
    frame["priority"] = (
        fields.text(table.column(column["priority"])) if "priority" in column else _nothing(len(frame))
    )
    frame["declared_mu"], notes = fields.declared_mu(table, column, areas)
    findings += notes
    frame["source_row"] = raw.source_row.astype(np.int64)
    return frame, findings


def _nothing(count: int) -> pd.Series:
    return pd.Series(pd.array([None] * count, dtype="str"))


def _ids(raw: Rows, recognised: Recognition) -> tuple[pd.Series, list[Finding]]:
    """parcel_id of every row, and what to tell when ids had to be made."""
    column = recognised.mapping.get("parcel_id")
    if column is None:
        note = Finding(
            "ids_made",
            "info",
            "kept",
            "文件没有地块编号列，已按行号编号（row-000001 起）。",
            "The file has no column of parcel ids; rows were numbered (from row-000001).",
        )
        return fields.row_ids(raw.source_row), [note]
    if recognised.profile == "dltb" and column in ("BSM", "TBBH"):
        names = raw.table.column_names
        candidates = [c for c in (["BSM"], ["ZLDWDM", "TBBH"], ["TBBH"]) if all(n in names for n in c)]
        ids, made_of = fields.unique_ids(raw.table, candidates, raw.source_row)
        if made_of is not None:
            return ids, []
        note = Finding(
            "ids_made",
            "warning",
            "mended",
            "BSM 和 TBBH 都有重复，重复的编号后加了行号。",
            "BSM and TBBH both repeat; row numbers were added where they do.",
        )
        return ids, [note]
    ids = fields.text(raw.table.column(column))
    blank = int(ids.isna().sum())
    if not blank:
        return ids, []
    note = Finding(
        "ids_made",
        "warning",
        "mended",
        f"“{column}”列有 {blank:,} 行为空，已按行号编号。",
        f"Column '{column}' is empty in {blank:,} rows; those were numbered by row.",
    )
    return ids.fillna(fields.row_ids(raw.source_row)), [note]


def _barriers(
    table: pa.Table, recognised: Recognition, geometries: np.ndarray, crs: CRS
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """kind, fixed, width_m, geometry; the width of polygons without one is area over half the outline."""
    count = table.num_rows
    findings: list[Finding] = []
    column: dict[str, Any] = dict(recognised.mapping)
    code = column.get("kind") or recognised.land_use
    kind, fixed, known = (
        np.full(count, "other", dtype=object),
        np.ones(count, dtype=bool),
        np.zeros(count, dtype=bool),
    )
    if code is not None and count:
        kind, fixed, known = landuse.kinds(fields.text(table.column(code)))
    if count and not known.all():
        unknown = int((~known).sum())
        findings.append(
            Finding(
                "barrier_kind_unknown",
                "warning",
                "kept",
                f"{unknown:,} 个障碍物类别不明，一律按不可跨越处理。",
                f"{unknown:,} barriers are of unknown kind; none of them may be crossed.",
            )
        )
    if "fixed" in column:
        said = fields.truth(table.column(column["fixed"]))[0]
        fixed = np.where(said.isna(), fixed, said.fillna(True).astype(bool))
    width_column = column.get("width_m") or mapping.find(table.column_names, "XZDWKD")
    width = fields.number(table.column(width_column)) if width_column is not None else np.full(count, np.nan)
    width = np.where(width > 0, width, np.nan)
    area, outline = shapely.area(geometries), shapely.length(geometries)
    with np.errstate(invalid="ignore", divide="ignore"):
        width = np.where(np.isnan(width) & (area > 0), 2 * area / outline, width)
    frame = pd.DataFrame({"kind": kind, "fixed": fixed, "width_m": width})
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(geometries, crs=crs), crs=crs), findings
