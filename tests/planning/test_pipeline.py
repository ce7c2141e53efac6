"""Facts about a whole run: nothing is lost, every rule holds, and the same question has the same answer."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo import boundaries, checking, plans, reading
from geo.errors import CancelledError, ChigaiError
from geo.neighbours import neighbours
from geo.schemas import MU_M2
from planning import programme as programmes
from planning.inputs import name_of
from planning.pipeline import STAGES, Request, run
from planning.programme import block_minimums
from tests.planning.whole import plan_checked


@pytest.fixture(scope="module")
def programme():
    return programmes.load("jixi-2020-8")


@pytest.fixture(scope="module")
def checked(demo_folder):
    loaded = reading.read(reading.Source(demo_folder / "parcels.gpkg"))
    barriers, _ = reading.read_barriers(reading.Source(demo_folder / "barriers.gpkg"), loaded.crs)
    return checking.check(loaded, counties=boundaries.load()).parcels, barriers


@pytest.fixture(scope="module")
def plan(plan_folder):
    return plans.read(plan_folder)


def _groups(parcels):
    inside = parcels[parcels.block_id.notna()]
    return {frozenset(ids) for ids in inside.groupby("block_id").parcel_id.agg(list)}


def test_area_in_is_area_planned_and_area_left_out(plan):
    area = plan.meta["area"]
    assert area["in_mu"] == pytest.approx(area["planned_mu"] + area["left_out_mu"], rel=1e-4)
    assert area["planned_mu"] == pytest.approx(plan.parcels.area_mu.sum())
    assert area["left_out_mu"] > 0  # the demo has broken rows, and they are counted


def test_every_parcel_is_in_one_block_or_says_why_not(plan):
    p = plan.parcels
    assert p.parcel_id.is_unique
    assert (p.block_id.isna() == p.reason.notna()).all()
    assert set(p.block_id.dropna()) == set(plan.blocks.block_id)


def test_every_block_keeps_every_rule(plan, programme):
    p, b = plan.parcels, plan.blocks.set_index("block_id")
    inside = p[p.block_id.notna()]
    grouped = inside.groupby("block_id")
    many = b.n_parcels > 1
    assert (grouped.area_mu.sum()[many] <= 50 + 1e-9).all()
    assert ((grouped.elevation_m.max() - grouped.elevation_m.min()) <= 0.3 + 1e-9).all()
    assert (grouped.county.nunique() == 1).all()
    assert (grouped.irrigation_district.nunique(dropna=False) == 1).all()
    assert not (inside.consent == False).any()  # noqa: E712 — null is no refusal
    minimum = b.county.map(block_minimums(programme))
    assert (b.area_mu >= minimum - 1e-9).all()
    assert b.meets_minimum.all()


def test_blocks_hold_together_by_ridges_that_no_fixed_barrier_runs_through(plan):
    p = plan.parcels
    geoms = p.geometry.to_numpy()
    nb = neighbours(geoms)
    fixed = shapely.STRtree(plan.barriers.geometry[plan.barriers.fixed].to_numpy())
    label = p.block_id.factorize()[0]
    same = (label[nb.left] == label[nb.right]) & (label[nb.left] >= 0)
    links = shapely.shortest_line(geoms[nb.left[same]], geoms[nb.right[same]])
    hit = np.zeros(same.sum(), bool)
    hit[fixed.query(links, predicate="crosses")[0]] = True
    left, right = nb.left[same][~hit], nb.right[same][~hit]
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(p)
    _, comp = connected_components(
        coo_array((np.ones(len(left)), (left, right)), shape=(n, n)), directed=False
    )
    pieces = pd.Series(comp[label >= 0]).groupby(label[label >= 0]).nunique()
    assert (pieces == 1).all()


def test_outlines_hold_their_parcels_and_lie_apart(plan):
    b = plan.blocks
    geoms = b.geometry.to_numpy()
    assert shapely.is_valid(geoms).all()
    assert (shapely.get_type_id(geoms) == 3).all()
    assert (b.area_mu >= b.parcels_mu - 1e-6).all()
    assert (b.area_mu <= b.parcels_mu * 1.15 + 0.2).all()
    i, j = shapely.STRtree(geoms).query(geoms, predicate="intersects")
    apart = i < j
    assert shapely.area(shapely.intersection(geoms[i[apart]], geoms[j[apart]])).sum() < 0.01


def test_cut_is_what_the_levels_of_the_parcels_give(plan):
    inside = plan.parcels[plan.parcels.block_id.notna()]
    for block_id, own in list(inside.groupby("block_id"))[:50]:
        m2 = own.area_mu * MU_M2
        level = (m2 * own.elevation_m).sum() / m2.sum()
        cut = (m2 * (own.elevation_m - level).clip(lower=0)).sum()
        row = plan.blocks.set_index("block_id").loc[block_id]
        assert row.cut_m3 == pytest.approx(cut, abs=1e-6)
        assert row.design_level_m == pytest.approx(level)
        assert row.fill_m3 == row.cut_m3


def test_the_shares_of_a_block_add_up_to_its_parcels(plan):
    sums = plan.shares.groupby("block_id")[["area_mu", "share"]].sum()
    assert sums.share.to_numpy() == pytest.approx(np.ones(len(sums)))
    parcels = plan.blocks.set_index("block_id").parcels_mu
    assert sums.area_mu.sort_index().to_numpy() == pytest.approx(parcels.sort_index().to_numpy())


def test_county_sums_are_those_of_the_tables(plan):
    for row in plan.meta["counties"]:
        p = plan.parcels[plan.parcels.county == row["county"]]
        b = plan.blocks[plan.blocks.county == row["county"]]
        s = plan.sites[(plan.sites.county == row["county"]) & plan.sites.meets_minimum]
        assert row["parcels"] == len(p)
        assert row["parcels_mu"] == pytest.approx(p.area_mu.sum())
        assert row["compliant_mu"] == pytest.approx(b.area_mu[b.meets_minimum].sum())
        assert row["site_mu"] == pytest.approx(s.area_mu.sum())
        assert row["share"] <= row["bound_share"] + 1e-9
        stopped = p[p.reason.notna()].groupby("reason").area_mu.sum()
        assert row["stopped"] == pytest.approx(stopped.to_dict())
    assert plan.meta["totals"]["cost_yuan"] == pytest.approx(plan.blocks.cost_yuan.sum())


def test_the_order_of_rows_has_no_say(checked, programme, demo_folder):
    parcels, barriers = checked
    shuffled = parcels.sample(frac=1, random_state=4).reset_index(drop=True)
    dem = demo_folder / "dem.tif"
    one = plan_checked(parcels, barriers, dem, programme, programme.parameters, 1)
    two = plan_checked(shuffled, barriers, dem, programme, programme.parameters, 1)
    assert _groups(one.parcels) == _groups(two.parcels)
    pd.testing.assert_frame_equal(one.blocks, two.blocks)


def test_without_elevation_no_earth_is_moved_and_no_step_stops_a_block(checked, programme):
    parcels, barriers = checked
    plan = plan_checked(parcels, barriers, None, programme, programme.parameters, 1)
    assert (plan.blocks.cut_m3 == 0).all()
    assert plan.parcels.elevation_m.isna().all()
    assert all("elevation" not in of["stopped"] for of in plan.tally["counties"].values())


def test_parcels_of_one_village_only_where_the_programme_says_so(checked, programme):
    parcels, barriers = checked
    rules = programme.parameters.with_values(same_village=True)
    plan = plan_checked(parcels, barriers, None, programme, rules, 1)
    inside = plan.parcels[plan.parcels.block_id.notna()]
    assert (inside.groupby("block_id").village.nunique(dropna=False) == 1).all()


def test_refused_consent_keeps_a_parcel_out_and_is_its_reason(plan):
    refused = plan.parcels[plan.parcels.consent == False]  # noqa: E712
    assert len(refused)
    assert refused.block_id.isna().all()
    assert (refused.reason == "consent").all()


def test_progress_names_every_stage_and_never_goes_back(demo_folder, tmp_path):
    told: list[tuple[str, float]] = []
    request = Request(reading.Source(demo_folder / "parcels.gpkg"))
    run(request, tmp_path / "plan", lambda stage, fraction: told.append((stage, fraction)))
    assert list(dict.fromkeys(stage for stage, _ in told)) == list(STAGES)
    fractions = [f for _, f in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert len({f for stage, f in told if stage == "read"}) > 3


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_cancel_at_any_stage_leaves_nothing(stage, demo_folder, tmp_path):
    def cancel(now: str, fraction: float) -> None:
        if now == stage and fraction < 0.999:
            raise CancelledError

    with pytest.raises(CancelledError):
        run(Request(reading.Source(demo_folder / "parcels.gpkg")), tmp_path / "plan", cancel)
    assert list(tmp_path.iterdir()) == []


def _paddies(**columns):
    boxes = [shapely.box(x, 0, x + 40, 60) for x in np.arange(4) * 40.4 + 250_000]
    return gpd.GeoDataFrame(columns, geometry=boxes, crs="EPSG:32654")


def test_parcels_without_a_county_are_refused_with_the_cure(tmp_path):
    _paddies(parcel_id=list("abcd")).to_file(tmp_path / "p.gpkg")
    with pytest.raises(ChigaiError, match="--county") as told:
        run(Request(reading.Source(tmp_path / "p.gpkg")), tmp_path / "plan")
    assert "230321" in str(told.value)
    assert not (tmp_path / "plan").exists()


def test_a_county_given_by_hand_serves_data_that_name_none(tmp_path):
    _paddies(parcel_id=list("abcd")).to_file(tmp_path / "p.gpkg")
    run(Request(reading.Source(tmp_path / "p.gpkg", county="230321")), tmp_path / "plan")
    plan = plans.read(tmp_path / "plan")
    assert plan.meta["counties"][0]["county"] == "230321"
    assert plan.meta["crs"] == "EPSG:32654"
    assert len(plan.blocks) == 2 or plan.blocks.n_parcels.sum() == 4


def test_an_elevation_model_of_somewhere_else_is_refused(demo_folder, tmp_path):
    _paddies(parcel_id=list("abcd")).to_file(tmp_path / "p.gpkg")
    source = reading.Source(tmp_path / "p.gpkg", county="230321")
    with pytest.raises(ChigaiError, match=r"没有覆盖任何一个地块.*dem.tif"):
        run(Request(source, dem=demo_folder / "dem.tif"), tmp_path / "plan")


def test_parcels_of_a_strange_county_are_left_out_and_listed(tmp_path):
    _paddies(parcel_id=list("abcd"), county=["230321", "230321", "110101", "230321"]).to_file(
        tmp_path / "p.gpkg"
    )
    run(Request(reading.Source(tmp_path / "p.gpkg")), tmp_path / "plan")
    plan = plans.read(tmp_path / "plan")
    assert len(plan.parcels) == 3
    told = plan.findings[plan.findings.kind == "county_unknown"]
    assert told.area_mu.sum() == pytest.approx(2400 / MU_M2, rel=1e-6)
    area = plan.meta["area"]
    assert area["in_mu"] == pytest.approx(area["planned_mu"] + area["left_out_mu"], rel=1e-9)


def test_plan_json_is_plain_json_and_tells_where_it_comes_from(plan_folder):
    meta = json.loads((plan_folder / "plan.json").read_text("utf-8"))
    assert {i["role"] for i in meta["inputs"]} == {"parcels", "barriers", "dem"}
    assert all(len(i["sha256"]) == 64 for i in meta["inputs"])
    assert meta["parameters"]["max_mu"] == 50
    assert set(meta["seconds"]) == set(STAGES)


def test_a_plan_is_named_after_its_file_or_the_demo_region(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    read = {"inputs": [{"name": "鸡东DK.zip"}]}
    for folder, name in (("home/demo", "demo"), ("home/files/ab", "鸡东DK.zip"), ("demo", "鸡东DK.zip")):
        assert name_of(Request(reading.Source(tmp_path / folder / "鸡东DK.zip")), read) == name
    # a demo region kept elsewhere and linked to is the demo region all the same
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "demo").symlink_to(tmp_path / "elsewhere")
    assert name_of(Request(reading.Source(tmp_path / "elsewhere" / "parcels.gpkg")), read) == "demo"
