"""Putting geometries where they belong: from the file's coordinates, as settled, into the plan's CRS."""

from __future__ import annotations

from typing import cast

import numpy as np
import shapely
from pyproj import CRS

from geo import crs as crs_
from geo.errors import ChigaiError
from geo.reading import rows, zones
from geo.reading.rows import Rows
from geo.schemas import Finding


def place(
    raw: Rows, head: rows.Head, asked: int | None, target: CRS | None, name: str
) -> tuple[np.ndarray, CRS, list[Finding]]:
    """The geometries in the plan CRS (target, or found from where they lie), that CRS, and what was assumed."""
    geometries = raw.geometries
    bounds = shapely.bounds(geometries)
    file_crs = crs_.known(head.crs)
    declared = crs_.parse(asked) if asked is not None else file_crs
    if declared is not None and not (declared.is_geographic or declared.is_projected):
        raise ChigaiError(
            f"{crs_.name(declared)} 不是平面坐标系，也不是经纬度。",
            f"{crs_.name(declared)} is neither a projected nor a longitude/latitude system.",
            do_zh="请给出平面或经纬度坐标系的 EPSG 编号，例如 --crs 4553。",
            do_en="Give the EPSG number of one of these, such as --crs 4553.",
            file=name,
        )
    try:
        settled = zones.settle(bounds, declared, certain=asked is not None or not head.crs_by_default)
    except ChigaiError as error:
        raise _about(error, name, target) from error
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
    if settled.swap:
        geometries = shapely.transform(geometries, lambda p: p[:, ::-1])
        bounds = bounds[:, [1, 0, 3, 2]]
    centre = np.column_stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
    degrees = np.full((len(bounds), 2), np.nan)
    for part, mask in settled.parts:
        degrees[mask] = np.column_stack(crs_.to_lonlat(centre[mask, 0], centre[mask, 1], part))
    around = zones.middle(degrees)
    plan = target if target is not None else crs_.plan_crs(around)
    moved = np.full(len(geometries), None, dtype=object)
    for part, mask in settled.parts:
        try:
            way = crs_.shift(part, plan, around)
        except ChigaiError as error:
            raise _about(error, name, target) from error
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
    in_part = np.any([mask for _, mask in settled.parts], axis=0)
    finite = np.isfinite(bounds).all(axis=1)
    # what has no place on a map (empty, NaN) goes on as it is, for the checks to name
    moved[~finite] = geometries[~finite]
    lost = finite & (~in_part | ~np.isfinite(shapely.bounds(moved)).all(axis=1))
    moved[lost] = None
    findings += rows.per_row(
        raw.source_row[lost],
        "coordinates_out_of_range",
        "坐标值与文件的坐标系不符，该行不参与规划。",
        "The row's coordinates do not fit the coordinate system; it is left out.",
    )
    return moved, plan, findings


def _about(error: ChigaiError, name: str, target: CRS | None) -> ChigaiError:
    """The refusal with the file's name; --crs speaks of the parcels, so for other files (target) it is no cure."""
    error.file = name
    if target is not None:
        error.do_zh = "请在 GIS 中把该文件转换到 CGCS2000，写明坐标系（.prj）后再用。"
        error.do_en = (
            "Bring the file to CGCS2000 in a GIS, with its coordinate system named (.prj), and try again."
        )
    return error
