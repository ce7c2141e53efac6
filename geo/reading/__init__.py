"""Reading parcels and barriers as a bureau has them into chigai's tables, in the plan's CRS, saying all that was assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import shapely
from pyproj import CRS

from geo.errors import ChigaiError
from geo.reading import (
    barrier_table,
    choosing,
    fields,
    landuse,
    mapping,
    parcel_table,
    placing,
    rows,
    sources,
)
from geo.reading.mapping import Profile
from geo.reading.preview import Preview, look
from geo.reading.rows import Rows
from geo.reading.source import Source
from geo.schemas import MU_M2, Finding

__all__ = ["Loaded", "Preview", "Source", "layers", "look", "read", "read_barriers"]

_ROWS, _PLACED = 0.7, 0.8
"""How far reading is once all rows are in, and once they are in the plan's CRS."""


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


def read(source: Source, progress: Callable[[float], None] | None = None) -> Loaded:
    """Parcels (and, from DLTB, barriers) of a file. Raises ChigaiError for what cannot be read or told.

    progress is given 0..1 and may raise to stop.
    """
    tell = progress or (lambda fraction: None)
    path = Path(source.path)
    parcel_table.check_county(source.county)
    with sources.opened(path) as found:
        layer, findings = choosing.pick(found, source.layer, path.name)
        head = rows.head(layer, source.encoding)
        recognised = mapping.chosen(mapping.recognise(head.columns), head.columns, source.mapping)
        dltb = recognised.profile == "dltb"
        used = choosing.used_columns(recognised, head.columns)
        encoding, notes = choosing.encoding(layer, source.encoding, source.where, used)
        findings += notes
        raw = rows.read(
            layer,
            used,
            expected=head.rows,
            where=source.where,
            encoding=encoding,
            progress=lambda fraction: tell(_ROWS * fraction),
        )
        findings += raw.findings
        placed, crs, notes = placing.place(raw, head, source.crs, None, path.name)
        findings += notes
        tell(_PLACED)
        digest = sources.checksum(path)
    findings += choosing.left_out(head)
    land, notes = parcel_table.paddies(raw.table, recognised)
    findings += notes
    barriers = None
    if dltb:
        rest = ~land & barrier_table.usable(placed)
        table = raw.table.filter(pa.array(rest))
        barriers, notes = barrier_table.barriers(table, recognised, placed[rest], crs)
        findings += notes
    areas = shapely.area(placed) / MU_M2
    if not dltb and not land.all():
        findings.append(parcel_table.not_paddy(land, areas))
    raw = replace(raw, geometries=placed)
    if not land.all():
        raw = Rows(raw.table.filter(pa.array(land)), placed[land], raw.source_row[land], [])
    if not len(raw.source_row):
        raise ChigaiError(
            "文件里没有水田地块。",
            "The file holds no paddies.",
            do_zh="请检查地类代码列（DLBM 0101，TDLYLX 011）。",
            do_en="Check the land use codes (DLBM 0101, TDLYLX 011).",
            file=path.name,
        )
    frame, notes = parcel_table.parcels(raw, recognised, areas[land], source.county)
    findings += notes
    parcels = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(raw.geometries, crs=crs), crs=crs)
    tell(1.0)
    return Loaded(parcels, barriers, findings, recognised.profile, crs, digest)


def read_barriers(source: Source, crs: CRS) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Lines and polygons that may not be crossed: kind, fixed, width_m, geometry in the given plan CRS."""
    path = Path(source.path)
    with sources.opened(path) as found:
        layer, findings = choosing.pick(found, source.layer, path.name, barriers=True)
        head = rows.head(layer, source.encoding)
        recognised = barrier_table.recognise(head.columns, source.mapping)
        used = list(dict.fromkeys(recognised.mapping.values()))
        encoding, notes = choosing.encoding(layer, source.encoding, source.where, used)
        findings += notes
        raw = rows.read(layer, used, expected=head.rows, where=source.where, encoding=encoding)
        findings += raw.findings
        placed, crs, notes = placing.place(raw, head, source.crs, crs, path.name)
        findings += notes
    keep = barrier_table.usable(placed)
    findings += barrier_table.not_usable(raw.source_row[~keep])
    if recognised.land_use is not None:
        keep &= ~landuse.is_paddy_dlbm(fields.text(raw.table.column(recognised.land_use)))
    barriers, notes = barrier_table.barriers(raw.table.filter(pa.array(keep)), recognised, placed[keep], crs)
    return barriers, findings + notes
