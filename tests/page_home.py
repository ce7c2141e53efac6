"""A small plan and a small set of checked parcels as they lie below CHIGAI_HOME, for the tests of the pages."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import box
from streamlit.testing.v1 import AppTest

from geo import plans, schemas
from planning import programme
from tracking import files
from ui import parts

MAIN = Path(parts.__file__).with_name("main.py")

CRS = "EPSG:4553"
SITE_MU = {"230381": 43_210.0, "230382": 31_234.0, "230306": 2_045.0}
COMPLIANT_MU = {"230381": 45_000.0, "230382": 41_000.0, "230306": 2_045.0}
TRICK = "<img src=x onerror=alert(1)>${7*7}"


def small_plan(folder: Path, created: str = "2026-11-20T06:30:00+00:00") -> Path:
    """A plan of twelve parcels of 5 mu in four blocks of two and four that stay, written as the pipeline does."""
    n, side = 12, 57.75
    shapes = [box(560_000 + 58 * i, 5_060_000, 560_000 + 58 * i + side, 5_060_000 + side) for i in range(n)]
    area = np.array([s.area for s in shapes]) / schemas.MU_M2
    block = [f"B{i // 2}" if i < 8 else None for i in range(n)]
    parcels = gpd.GeoDataFrame(
        {
            "parcel_id": [f"p{i}" for i in range(n)],
            "county": "230381",
            "township": None,
            "village": None,
            "irrigation_district": TRICK,
            "operator": [f"o{i % 3}" for i in range(n)],
            "consent": None,
            "priority": None,
            "area_mu": area,
            "declared_mu": area,
            "elevation_m": 100.0,
            "field_unit": 0,
            "block_id": block,
            "reason": [None] * 8 + ["elevation"] * 3 + ["isolated"],
        },
        geometry=shapes,
        crs=CRS,
    )
    joined = parcels[parcels.block_id.notna()].dissolve("block_id", aggfunc={"area_mu": "sum"}).reset_index()
    m = len(joined)
    blocks = gpd.GeoDataFrame(
        {
            "block_id": joined.block_id,
            "county": "230381",
            "irrigation_district": TRICK,
            "site_id": "S1",
            "field_unit": 0,
            "area_mu": joined.area_mu,
            "parcels_mu": joined.area_mu,
            "n_parcels": 2,
            "n_operators": 2,
            "meets_minimum": True,
            "elevation_min_m": 100.0,
            "elevation_max_m": 100.2,
            "design_level_m": 100.1,
            "cut_m3": 100.0,
            "fill_m3": 100.0,
            "haul_m3m": 0.0,
            "ridge_removed_m": 50.0,
            "gained_mu": 0.25,
            "rectangularity": 1.0,
            "cost_yuan": 100.0 * 5 + 200,
            "benefit_yuan_per_year": 10.0,
        },
        geometry=joined.geometry.convex_hull,
        crs=CRS,
    )
    sites = gpd.GeoDataFrame(
        {
            "site_id": ["S1"],
            "county": ["230381"],
            "irrigation_district": [TRICK],
            "area_mu": [float(blocks.area_mu.sum())],
            "n_blocks": [m],
            "cost_yuan": [2800.0],
            "meets_minimum": [True],
        },
        geometry=[blocks.union_all()],
        crs=CRS,
    )
    shares = pd.DataFrame({"block_id": blocks.block_id, "operator": "o1", "area_mu": 5.0, "share": 1.0})
    notice = programme.load("jixi-2020-8")
    counties = [
        {
            "county": u.adcode,
            "name_zh": u.name_zh,
            "name_en": u.name_en,
            "kind": u.kind,
            "parcels": 1000,
            "parcels_mu": 60_000.0,
            "blocks": 100,
            "joined_parcels": 500,
            "compliant_mu": COMPLIANT_MU[u.adcode],
            "share": 0.8,
            "bound_share": 0.9,
            "sites": 2,
            "site_mu": SITE_MU[u.adcode],
            "cut_m3": 1234.0,
            "cost_yuan": 1e6,
            "benefit_yuan_per_year": 1e5,
            "floor_mu": u.floor_mu,
            "ceiling_mu": u.ceiling_mu,
            "deadline": "2022-04-20",
            "gap_mu": max((u.floor_mu or 0) - SITE_MU[u.adcode], 0.0),
            "budget_yuan": u.budget_yuan,
            "site_minimum_mu": u.site_minimum_mu,
            "block_minimum_mu": u.block_minimum_mu,
            "stopped": {"elevation": 15.0},
        }
        for u in notice.units
        if u.adcode in SITE_MU
    ]
    totals = {
        "parcels": n,
        "parcels_mu": float(area.sum()),
        "blocks": m,
        "joined_parcels": 8,
        "compliant_mu": float(blocks.area_mu.sum()),
        "share": 2 / 3,
        "bound_share": 0.9,
        "sites": 1,
        "site_mu": float(blocks.area_mu.sum()),
        "cut_m3": 400.0,
        "cost_yuan": 2800.0,
        "benefit_yuan_per_year": 40.0,
        "stopped": {"isolated": 5.0, "elevation": 15.0},
    }
    meta = {
        "id": folder.name,
        "created": created,
        "chigai": "0.1.0",
        "programme": {"id": notice.id, "name_zh": notice.name_zh, "name_en": notice.name_en},
        "parameters": notice.parameters.as_values(),
        "seed": 1,
        "inputs": [{"role": "parcels", "name": TRICK, "sha256": "ab" * 32, "rows": n}],
        "versions": {},
        "crs": CRS,
        "earthwork": True,
        "area": {"in_mu": 60.0, "planned_mu": 60.0, "left_out_mu": 0.0},
        "totals": totals,
        "counties": counties,
        "findings": {},
        "seconds": {"read": 1.0, "blocks": 2.5},
    }
    plan = plans.Plan(parcels, blocks, sites, shares, schemas.findings_frame([], CRS), meta=meta)
    return plans.write(plan, folder)


def checked_parcels(home: Path, name: str = "DK.zip", left_out_mu: float = 2.0) -> str:
    """A folder of checked parcels as the check leaves it."""
    made = home / "parcels" / "20261120T063000000000-abcdef"
    made.mkdir(parents=True)
    finding = schemas.Finding(
        "geometry_broken", "warning", "mended", "自相交", "=crosses itself", 7, "p7", 1.0, box(0, 0, 1, 1)
    )
    schemas.findings_frame([finding], CRS).to_parquet(made / "findings.parquet")
    reference = files.keep(home, {"a.gpkg": b"x"}, 50)
    manifest = {
        "id": made.name,
        "created": "2026-11-20T06:30:00+00:00",
        "name": name,
        "request": {"name": name, "source": {"file": reference}, "barriers": None, "dem": None},
        "sha256": "ab" * 32,
        "profile": "dk",
        "crs": CRS,
        "rows": 12,
        "parcels": 11,
        "left_out": 1,
        "area": {"in_mu": 100.0, "usable_mu": 100.0 - left_out_mu, "left_out_mu": left_out_mu},
        "counties": {"230381": 100.0 - left_out_mu},
        "summary": [
            {
                "kind": "geometry_broken",
                "severity": "warning",
                "action": "mended",
                "count": 1,
                "area_mu": 1.0,
                "zh": "自相交",
                "en": "crosses itself",
            }
        ],
    }
    (made / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return made.name


def opened(page: str = "overview", **query: str) -> AppTest:
    """A page as it is first drawn for an address, without a traceback on it."""
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    if page != "overview":
        at.switch_page(f"{page}.py").run()
    assert not at.exception
    return at
