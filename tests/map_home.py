"""A tiny plan and a tiny upload whose every name tries to run a script, for the tests of the map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import plans
from geo.schemas import Finding, findings_frame

CRS = 4553
EAST, NORTH = 530_000.0, 5_070_000.0
"""A corner inside Hulin."""
SIDE = 100.0
ATTACKS = (
    "<img src=x onerror=window.pwned=1>",
    "${window.pwned=1}",
    "</script><script>window.pwned=1</script>",
    "`+(window.pwned=1)+`",
    "'\"><svg/onload=window.pwned=1>",
    "{{7*7}}\\u003cimg src=x onerror=window.pwned=1\\u003e\u2028",
)
OPERATOR = "王某某不得外传"
COUNTIES = ("230381", "230382")


def make(home: Path, plan_id: str = "probe", upload_id: str = "probe", side: int = 6) -> Path:
    """Write both below `home`: side × side squares of 15 mu, blocks of two, half of them of the first county."""
    parcels = _parcels(side)
    blocks = _blocks(parcels)
    sites = _sites(blocks)
    shares = pd.DataFrame(
        {"block_id": blocks["block_id"], "operator": OPERATOR, "area_mu": blocks["area_mu"], "share": 1.0}
    )
    barriers = gpd.GeoDataFrame(
        {"kind": ["main_canal"], "fixed": [True], "width_m": [6.0]},
        geometry=[shapely.LineString([(EAST, NORTH - 20), (EAST + side * SIDE, NORTH - 20)])],
        crs=CRS,
    )
    findings = findings_frame(
        [
            Finding(
                "overlap",
                ("info", "warning", "error")[i % 3],  # type: ignore[arg-type]
                "mended",
                ATTACKS[i % len(ATTACKS)],
                ATTACKS[i % len(ATTACKS)],
                row=i + 1,
                parcel_id=parcels["parcel_id"][i],
                area_mu=0.1 * i,
                geometry=parcels.geometry[i],
            )
            for i in range(len(parcels))
        ]
        + [Finding("no_crs", "warning", "kept", "无坐标系", "no CRS")],
        CRS,
    )
    plan = plans.Plan(parcels, blocks, sites, shares, findings, barriers, _meta(plan_id))
    plans.write(plan, home / "plans" / plan_id)
    folder = home / "parcels" / upload_id
    folder.mkdir(parents=True, exist_ok=True)
    parcels.to_parquet(folder / "parcels.parquet")
    findings.to_parquet(folder / "findings.parquet")
    return home


def _parcels(side: int) -> gpd.GeoDataFrame:
    n = side * side
    i = np.arange(n)
    x, y = EAST + (i % side) * SIDE, NORTH + (i // side) * SIDE
    return gpd.GeoDataFrame(
        {
            "parcel_id": [f"{ATTACKS[k % len(ATTACKS)]}{k}" for k in i],
            "county": np.where(i < n // 2, COUNTIES[0], COUNTIES[1]),
            "township": None,
            "village": None,
            "irrigation_district": ATTACKS[0],
            "operator": OPERATOR,
            "consent": None,
            "priority": None,
            "area_mu": SIDE**2 * 15 / 10000,
            "declared_mu": 99999.0,
            "elevation_m": 60.0 + i % 3,
            "field_unit": i // side,
            "block_id": [
                f"{ATTACKS[k // 2 % len(ATTACKS)]}b{k // 2}" if k % side < side - 2 else None for k in i
            ],
            "reason": [None if k % side < side - 2 else "elevation" for k in i],
        },
        geometry=shapely.box(x, y, x + SIDE - 1, y + SIDE - 1),
        crs=CRS,
    )


def _blocks(parcels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    joined = parcels[parcels["block_id"].notna()]
    groups = joined.groupby("block_id", sort=False)
    first = groups.first()
    n = len(first)
    numbers: dict[str, Any] = dict.fromkeys(
        ("fill_m3", "haul_m3m", "ridge_removed_m", "rectangularity", "benefit_yuan_per_year"), 1.0
    )
    return gpd.GeoDataFrame(
        {
            "block_id": first.index.to_numpy(),
            "county": first["county"].to_numpy(),
            "irrigation_district": ATTACKS[0],
            "site_id": [None if k % 3 == 2 else f"{ATTACKS[k % 2]}s{k % 2}" for k in range(n)],
            "field_unit": first["field_unit"].to_numpy(),
            "area_mu": groups["area_mu"].sum().to_numpy(),
            "parcels_mu": groups["area_mu"].sum().to_numpy(),
            "n_parcels": groups.size().to_numpy(),
            "n_operators": 1,
            "meets_minimum": [k % 3 != 2 for k in range(n)],
            "elevation_min_m": 60.0,
            "elevation_max_m": 60.25,
            "design_level_m": 60.1,
            "cut_m3": 321.4,
            "gained_mu": 0.5,
            "cost_yuan": 23456.0,
            **numbers,
        },
        geometry=[shapely.box(*shapely.total_bounds(g.geometry.to_numpy())) for _, g in groups],
        crs=CRS,
    )


def _sites(blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    groups = blocks[blocks["site_id"].notna()].groupby("site_id", sort=False)
    first = groups.first()
    return gpd.GeoDataFrame(
        {
            "site_id": first.index.to_numpy(),
            "county": first["county"].to_numpy(),
            "irrigation_district": ATTACKS[0],
            "area_mu": groups["area_mu"].sum().to_numpy(),
            "n_blocks": groups.size().to_numpy(),
            "cost_yuan": groups["cost_yuan"].sum().to_numpy(),
            "meets_minimum": [k % 2 == 0 for k in range(len(first))],
        },
        geometry=[shapely.multipolygons(g.geometry.to_numpy()) for _, g in groups],
        crs=CRS,
    )


def _meta(plan_id: str) -> dict[str, Any]:
    county = {
        "kind": "county",
        "parcels": 18,
        "parcels_mu": 270.0,
        "compliant_mu": 50_000.0,
        "floor_mu": 40_000.0,
        "ceiling_mu": 50_000.0,
        "gap_mu": 0.0,
        "deadline": "2022-04-20",
        "cost_yuan": 9_000_000.0,
        "budget_yuan": 10_000_000.0,
        "block_minimum_mu": 5.0,
        "site_minimum_mu": 5000.0,
    }
    counties = [
        county | {"county": code, "name_zh": attack, "name_en": attack, "site_mu": site}
        for code, attack, site in zip(COUNTIES, (ATTACKS[2], ATTACKS[1]), (41_000.0, 12_000.0), strict=True)
    ]
    programme = {"id": "jixi-2020-8", "name_zh": ATTACKS[2], "name_en": ATTACKS[0]}
    meta = {"id": plan_id, "created": "2026-11-01T00:00:00Z", "programme": programme, "counties": counties}
    return json.loads(json.dumps(meta))
