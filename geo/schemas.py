"""The tables that pass between the packages: their columns, types and units (DESIGN §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pandera.pandas as pa
from shapely.geometry.base import BaseGeometry

MU_M2 = 10000 / 15
"""Square metres in one mu (亩)."""

Severity = Literal["error", "warning", "info"]
Action = Literal["mended", "left_out", "kept"]

BARRIER_KINDS = (
    "main_canal",
    "branch_canal",
    "lateral_canal",
    "field_canal",
    "ditch",
    "drain",
    "road",
    "shelterbelt",
    "village",
    "other",
)

REASONS = ("isolated", "elevation", "consent", "barrier", "too_small_together", "left_over", "taken_out")
"""Why a parcel lies in no compliant block; `left_over`: it could, but its partners serve better elsewhere;
`taken_out`: a planner wants it left as it is."""

PARCEL_TEXTS = ("county", "township", "village", "irrigation_district", "operator", "priority")


@dataclass(frozen=True)
class Finding:
    """One thing that reading or checking saw, and what was done with it.

    row counts from 1 in the file as read; None where the finding is about the whole file.
    area_mu: area touched (left out, trimmed or changed), mu.
    """

    kind: str
    severity: Severity
    action: Action
    zh: str
    en: str
    row: int | None = None
    parcel_id: str | None = None
    area_mu: float = 0.0
    geometry: BaseGeometry | None = None


FINDING_COLUMNS = ("kind", "severity", "action", "row", "parcel_id", "area_mu", "zh", "en", "geometry")


def findings_frame(findings: list[Finding], crs: object) -> gpd.GeoDataFrame:
    """The findings as a table, in the order given; geometry may be null."""
    frame = pd.DataFrame(
        [[getattr(f, c) for c in FINDING_COLUMNS] for f in findings], columns=list(FINDING_COLUMNS)
    )
    frame["row"] = frame["row"].astype("Int64")
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=crs)


def _is_text(values: pd.Series) -> bool:
    """Whether all that is not null is text, told without looking at each value where the column's type says it."""
    if isinstance(values.dtype, pd.StringDtype):
        return True
    return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")


def _text(nullable: bool = True, unique: bool = False) -> pa.Column:
    return pa.Column(None, pa.Check(_is_text, error="must be text"), nullable=nullable, unique=unique)


def _number(nullable: bool = False, low: float | None = 0.0) -> pa.Column:
    checks = [] if low is None else [pa.Check.ge(low)]
    return pa.Column(float, checks, nullable=nullable, coerce=True)


def _maybe() -> pa.Column:
    """True, false or null; plans of older versions do not have it."""
    return pa.Column("boolean", nullable=True, coerce=True, required=False)


_COUNT = pa.Column(np.int64, pa.Check.ge(0), coerce=True)
_GEOMETRY = pa.Column("geometry")

PARCELS = pa.DataFrameSchema(
    {
        "parcel_id": _text(nullable=False, unique=True),
        "county": _text(nullable=False),
        "township": _text(),
        "village": _text(),
        "irrigation_district": _text(),
        "operator": _text(),
        "consent": pa.Column(
            None,
            pa.Check(lambda s: s.dropna().isin([True, False]).all(), error="true, false or null"),
            nullable=True,
        ),
        "priority": _text(),
        "area_mu": _number(),
        "declared_mu": _number(nullable=True, low=None),
        "elevation_m": _number(nullable=True, low=None),
        "field_unit": pa.Column(np.int64, coerce=True),
        "block_id": _text(),
        "reason": pa.Column(
            None, pa.Check(lambda s: s.dropna().isin(REASONS).all(), error=f"one of {REASONS}"), nullable=True
        ),
        "geometry": _GEOMETRY,
    },
    strict=True,
    ordered=False,
)

BARRIERS = pa.DataFrameSchema(
    {
        "kind": pa.Column(None, pa.Check.isin(BARRIER_KINDS)),
        "fixed": pa.Column(bool, coerce=True),
        "width_m": _number(nullable=True),
        "water_level_m": pa.Column(float, nullable=True, coerce=True, required=False),
        "geometry": _GEOMETRY,
    },
    strict="filter",
)

BLOCKS = pa.DataFrameSchema(
    {
        "block_id": _text(nullable=False, unique=True),
        "county": _text(nullable=False),
        "irrigation_district": _text(),
        "site_id": _text(),
        "field_unit": pa.Column(np.int64, coerce=True),
        "area_mu": _number(),
        "parcels_mu": _number(),
        "n_parcels": _COUNT,
        "n_operators": _COUNT,
        "meets_minimum": pa.Column(bool, coerce=True),
        "elevation_min_m": _number(nullable=True, low=None),
        "elevation_max_m": _number(nullable=True, low=None),
        "design_level_m": _number(nullable=True, low=None),
        "cut_m3": _number(),
        "fill_m3": _number(),
        "haul_m3m": _number(),
        "ridge_removed_m": _number(),
        "gained_mu": _number(),
        "rectangularity": _number(),
        "has_inlet": _maybe(),
        "has_outlet": _maybe(),
        "has_access": _maybe(),
        "cost_yuan": _number(low=None),
        "benefit_yuan_per_year": _number(low=None),
        "geometry": _GEOMETRY,
    },
    strict=True,
)

SITES = pa.DataFrameSchema(
    {
        "site_id": _text(nullable=False, unique=True),
        "county": _text(nullable=False),
        "irrigation_district": _text(),
        "area_mu": _number(),
        "n_blocks": _COUNT,
        "cost_yuan": _number(low=None),
        "meets_minimum": pa.Column(bool, coerce=True),
        "geometry": _GEOMETRY,
    },
    strict=True,
)

SHARES = pa.DataFrameSchema(
    {
        "block_id": _text(nullable=False),
        "operator": _text(),
        "area_mu": _number(),
        "share": pa.Column(float, [pa.Check.gt(0), pa.Check.le(1 + 1e-9)], coerce=True),
    },
    strict=True,
)
"""Private: names of households. Never in a public export, a log or a popup."""
