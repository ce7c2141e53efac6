"""The barrier table made of a file's columns: kind, whether it may be crossed, width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyproj import CRS

from geo.reading import fields, landuse, mapping
from geo.reading.mapping import Recognition
from geo.reading.rows import per_row
from geo.schemas import Finding


def recognise(columns: list[str], given: Mapping[str, str] | None) -> Recognition:
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


def usable(geometries: np.ndarray) -> np.ndarray:
    """True for lines and polygons that are somewhere."""
    somewhere = np.isfinite(shapely.bounds(geometries)).all(axis=1)
    return somewhere & np.isin(shapely.get_type_id(geometries), (1, 2, 3, 5, 6, 7))


def not_usable(source_rows: np.ndarray) -> list[Finding]:
    """Says which rows are no barriers: no geometry, or a point."""
    return per_row(
        source_rows,
        "barrier_left_out",
        "障碍物没有图形，或不是线、面，没有使用。",
        "The barrier has no geometry, or is neither a line nor a polygon; it was not used.",
        severity="warning",
    )


def barriers(
    table: pa.Table, recognised: Recognition, geometries: np.ndarray, crs: CRS
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """kind, fixed, width_m, water_level_m where the file has it, geometry.

    The width of polygons without one is area over half the outline.
    """
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
    if "water_level_m" in column:
        frame["water_level_m"] = fields.number(table.column(column["water_level_m"]))
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(geometries, crs=crs), crs=crs), findings
