"""A plan small enough to check by hand, with everything in it that must not get out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geo import plans
from geo.plans import Plan
from geo.schemas import MU_M2, Finding, findings_frame

E0, N0 = 480_000.0, 5_010_000.0
"""A corner in the middle of Jixi, EPSG:4553."""

PEOPLE = ("张三丰", "李四光", "王老五", "赵钱孙")
NASTY = '=HYPERLINK("http://x","<b>a,b@c</b>&${1}")'
"""An irrigation district's name that tries a spreadsheet, a browser and a comma-separated line at once."""


@dataclass(frozen=True)
class HandPlan:
    """The plan, its folder, and the texts that may not be seen in public."""

    plan: Plan
    folder: Path
    secrets: tuple[str, ...]


def _box(x: float, y: float, w: float, h: float) -> shapely.Polygon:
    return shapely.box(E0 + x, N0 + y, E0 + x + w, N0 + y + h)


def hand_plan(crs: int = 4553) -> Plan:
    """Two counties, four blocks (one with a hole, one below its minimum), three sites, ten parcels."""
    pond = _box(40, 30, 15, 10)
    shapes = [
        _box(0, 0, 100, 60).difference(pond),
        _box(101, 0, 100, 60),
        _box(0, 500, 80, 50),
        _box(0, 900, 30, 30),
    ]
    blocks = gpd.GeoDataFrame(
        {
            "block_id": ["B230381-1-1", "B230381-1-2", "B230382-2-1", "B230382-3-1"],
            "county": ["230381", "230381", "230382", "230382"],
            "irrigation_district": [NASTY, NASTY, None, None],
            "site_id": ["S230381-001", "S230381-001", "S230382-001", None],
            "field_unit": [1, 1, 2, 3],
            "area_mu": shapely.area(shapes) / MU_M2,
            "parcels_mu": shapely.area(shapes) / MU_M2 * 0.98,
            "n_parcels": [3, 2, 2, 1],
            "n_operators": [3, 2, 1, 1],
            "meets_minimum": [True, True, True, False],
            "elevation_min_m": [100.0, 100.1, 99.0, float("nan")],
            "elevation_max_m": [100.2, 100.3, 99.2, float("nan")],
            "design_level_m": [100.1, 100.2, 99.1, float("nan")],
            "cut_m3": [120.5, 80.25, 40.0, 0.0],
            "fill_m3": [120.5, 80.25, 40.0, 0.0],
            "haul_m3m": [2400.0, 1200.0, 500.0, 0.0],
            "ridge_removed_m": [120.0, 60.0, 50.0, 0.0],
            "gained_mu": [0.07, 0.04, 0.03, 0.0],
            "rectangularity": [0.98, 1.0, 1.0, 1.0],
            "has_inlet": pd.array([True, False, None, None], dtype="boolean"),
            "has_outlet": pd.array([True, True, None, None], dtype="boolean"),
            "has_access": pd.array([None] * 4, dtype="boolean"),
            "cost_yuan": [1000.0, 700.0, 400.0, 0.0],
            "benefit_yuan_per_year": [120.0, 60.0, 50.0, 0.0],
        },
        geometry=shapes,
        crs=crs,
    )
    sites = gpd.GeoDataFrame(
        {
            "site_id": ["S230381-001", "S230382-001"],
            "county": ["230381", "230382"],
            "irrigation_district": [NASTY, None],
            "area_mu": [blocks["area_mu"][:2].sum(), blocks["area_mu"][2]],
            "n_blocks": [2, 1],
            "cost_yuan": [1700.0, 400.0],
            "meets_minimum": [True, False],
        },
        geometry=[shapely.MultiPolygon(shapes[:2]), shapely.MultiPolygon(shapes[2:3])],
        crs=crs,
    )
    n = 10
    small = [_box(300 + 20 * i, 0, 18, 30) for i in range(n)]
    parcels = gpd.GeoDataFrame(
        {
            "parcel_id": [f"230381100201{i:07d}" for i in range(n)],
            "county": ["230381"] * 6 + ["230382"] * 4,
            "township": ["虎头镇"] * 6 + [None] * 4,
            "village": ["大王家村"] * n,
            "irrigation_district": [NASTY] * 6 + [None] * 4,
            "operator": [PEOPLE[i % 4] for i in range(n)],
            "consent": [None, True, False, None, True, True, None, None, False, None],
            "priority": [None] * 9 + ["旅游"],
            "area_mu": shapely.area(small) / MU_M2,
            "declared_mu": [77.125] + [float("nan")] * 9,
            "elevation_m": [100.0 + i / 10 for i in range(n)],
            "field_unit": [1] * 6 + [2] * 4,
            "block_id": ["B230381-1-1"] * 3
            + ["B230381-1-2"] * 2
            + [None]
            + ["B230382-2-1"] * 2
            + [None, "B230382-3-1"],
            "reason": [None] * 5 + ["elevation"] + [None] * 2 + ["consent", "left_over"],
        },
        geometry=small,
        crs=crs,
    )
    shares = pd.DataFrame(
        {
            "block_id": ["B230381-1-1"] * 3,
            "operator": list(PEOPLE[:3]),
            "area_mu": [3.0, 3.0, 2.0],
            "share": [0.375, 0.375, 0.25],
        }
    )
    findings = findings_frame(
        [
            Finding("overlap", "warning", "mended", "与 2303811002010000001 重叠", "overlaps 2303811002010000001", 2, "2303811002010000000", 0.5),
            Finding("encoding", "info", "kept", "列 CBFMC_张三丰 未用", "column CBFMC_张三丰 not used"),
        ],
        crs,
    )  # fmt: skip
    barriers = gpd.GeoDataFrame(
        {"kind": ["main_canal", "road", "village"], "fixed": [True, False, True], "width_m": [8.0, 4.0, float("nan")]},
        geometry=[
            shapely.LineString([(E0 - 5, N0 - 50), (E0 - 5, N0 + 1000)]),
            shapely.LineString([(E0, N0 + 70), (E0 + 210, N0 + 70)]),
            _box(600, 100, 50, 50),
        ],
        crs=crs,
    )  # fmt: skip
    return Plan(parcels, blocks, sites, shares, findings, barriers, meta=_meta(blocks))


def _meta(blocks: gpd.GeoDataFrame) -> dict[str, Any]:
    def county(code: str, zh: str, en: str, stopped: dict[str, float]) -> dict[str, Any]:
        own = blocks[(blocks["county"] == code) & blocks["meets_minimum"]]
        return {
            "county": code, "name_zh": zh, "name_en": en, "kind": "county", "parcels": 5, "parcels_mu": 40.0,
            "blocks": len(own), "joined_parcels": 5, "compliant_mu": float(own["area_mu"].sum()), "share": 0.5,
            "bound_share": 0.6, "sites": 1, "site_mu": 18.0, "cut_m3": float(own["cut_m3"].sum()),
            "cost_yuan": 1_234_500.0, "benefit_yuan_per_year": 180.0, "floor_mu": 40000.0,
            "ceiling_mu": 50000.0, "deadline": "2022-04-20", "gap_mu": 39982.0, "budget_yuan": 10_000_000.0,
            "site_minimum_mu": 5000.0, "block_minimum_mu": 5.0, "stopped": stopped,
        }  # fmt: skip

    counties = [
        county("230381", "虎林市", "Hulin", {"elevation": 0.8}),
        county("230382", "密山市", "Mishan", {"consent": 0.81, "left_over": 0.82}),
    ]
    return {
        "id": "hand", "created": "2021-06-01T02:03:04Z", "chigai": "0.1.0",
        "programme": {"id": "jixi-2020-8", "name_zh": "小池改大池", "name_en": "Jixi paddies"},
        "parameters": {"max_mu": 50.0, "same_village": False}, "seed": 1,
        "parameter_notes": {"max_mu": {"title_zh": "单个大池面积上限", "unit_zh": "亩", "source": "=通知", "confidence": "S", "confirm": True}},
        "inputs": [{"role": "parcels", "name": "王老五的地.shp", "sha256": "0" * 64, "rows": 10}],
        "crs": "EPSG:4553", "earthwork": True,
        "area": {"in_mu": 100.0, "planned_mu": 99.0, "left_out_mu": 1.0},
        "totals": {**counties[0], "county": "", "name_zh": "合计", "floor_mu": 80000.0, "stopped": {"elevation": 0.8, "consent": 0.81, "left_over": 0.82}},
        "counties": counties, "findings": {"overlap": 1, "encoding": 1}, "seconds": {},
    }  # fmt: skip


@pytest.fixture(scope="session")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> HandPlan:
    """The hand-made plan in its folder. Read it, do not write to it."""
    plan = hand_plan()
    folder = plans.write(plan, tmp_path_factory.mktemp("by_hand") / "hand")
    return HandPlan(plan, folder, (*PEOPLE, *plan.parcels["parcel_id"], "CBFMC"))


@pytest.fixture(scope="session")
def by_hand_utm(tmp_path_factory: pytest.TempPathFactory) -> HandPlan:
    """The same shapes in UTM zone 54 N."""
    plan = hand_plan(32654)
    plan.meta["crs"] = "EPSG:32654"
    return HandPlan(plan, plans.write(plan, tmp_path_factory.mktemp("by_hand_utm") / "hand"), ())
