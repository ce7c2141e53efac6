"""Facts about a plan changed by hand and written: its figures are those that the changes told, and the rest is kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo import plans
from geo.errors import ChigaiError
from planning.editing.effect import change_of
from planning.editing.figures import drawn
from planning.editing.problems import KINDS, of_plan, of_state
from planning.editing.totals import after
from planning.editing.unit import load
from planning.editing.writing import write
from tests.planning.editing.hands import worked

SHOWN = (
    "blocks",
    "compliant_mu",
    "cut_m3",
    "cost_yuan",
    "ridge_kept_m",
    "objective_yuan",
    "share",
    "stopped",
)


def edited(units, seed):
    """Field units after some changes."""
    return {u.number: worked(u, u.base, seed + i, 8)[-1] for i, u in enumerate(units)}


def changes_of(units, states):
    found = {u.number: change_of(u, drawn(u, states[u.number]), states[u.number]) for u in units}
    return {number: change for number, change in found.items() if change}


def test_undone_to_the_last_change_the_figures_are_those_of_the_plan_to_the_last_bit(plan_folder, units):
    meta = plans.read_meta(plan_folder)
    for unit in units:
        states = worked(unit, unit.base, 7, 10)
        back = unit.base.laid_over(unit.names, {})
        for state in reversed(states):
            back = state
        assert change_of(unit, drawn(unit, back), back) == {}
    rows, totals = after(meta, {})
    assert rows == meta["counties"] and totals == meta["totals"]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_the_plan_that_is_written_has_the_figures_that_were_shown(plan_folder, units, tmp_path, seed):
    states = edited(units, seed)
    meta = plans.read_meta(plan_folder)
    rows, totals = after(meta, changes_of(units, states))
    out = tmp_path / f"edited-{seed}"
    made = write(plan_folder, states, out, {"name": "edited"})
    assert made == plans.read_meta(out) and made["name"] == "edited"
    for shown, row in [*zip(rows, made["counties"], strict=True), (totals, made["totals"])]:
        assert {n: shown[n] for n in SHOWN} == {n: row[n] for n in SHOWN}
    plan = plans.read(out)
    for row in made["counties"]:
        blocks = plan.blocks[plan.blocks.county == row["county"]]
        parcels = plan.parcels[plan.parcels.county == row["county"]]
        assert row["blocks"] == len(blocks)
        assert row["cost_yuan"] == pytest.approx(blocks.cost_yuan.sum())
        assert row["compliant_mu"] == pytest.approx(blocks.area_mu[blocks.meets_minimum].sum())
        stopped = parcels[parcels.reason.notna()].groupby("reason").area_mu.sum()
        assert row["stopped"] == pytest.approx(stopped.to_dict())
        good = plan.sites[(plan.sites.county == row["county"]) & plan.sites.meets_minimum]
        assert row["site_mu"] == pytest.approx(good.area_mu.sum())
    of_blocks = plan.blocks.groupby("site_id").area_mu.sum()
    assert plan.sites.set_index("site_id").area_mu.to_dict() == pytest.approx(of_blocks.to_dict())
    shutil.rmtree(out)


def test_every_table_of_the_written_plan_speaks_of_its_blocks(plan_folder, units, tmp_path):
    states = edited(units, 11)
    write(plan_folder, states, tmp_path / "edited", {})
    plan, base = plans.read(tmp_path / "edited"), plans.read(plan_folder)
    ids = set(plan.blocks.block_id)
    assert plan.parcels.parcel_id.tolist() == base.parcels.parcel_id.tolist()
    assert set(plan.parcels.block_id.dropna()) == ids
    shares = plan.shares.groupby("block_id").share.sum()
    assert set(shares.index) == ids and shares.to_numpy() == pytest.approx(1.0)
    more = {
        name: plans.read_more(tmp_path / "edited", name) for name in ("layout", "hauls", "works", "straight")
    }
    assert more["layout"].block_id.tolist() == plan.blocks.block_id.tolist()
    several = plan.blocks[plan.blocks.n_parcels > 1]
    assert set(more["works"].block_id) == set(several.block_id)
    moved = (more["hauls"].volume_m3 * more["hauls"].distance_m).groupby(more["hauls"].block_id).sum()
    haul = plan.blocks.set_index("block_id").haul_m3m
    assert moved.to_numpy() == pytest.approx(haul[moved.index].to_numpy())
    home = plan.parcels.set_index("parcel_id").block_id
    assert (home[more["hauls"].from_parcel].to_numpy() == more["hauls"].block_id.to_numpy()).all()
    units_row = plans.read_more(tmp_path / "edited", "units")
    assert units_row.field_unit.is_monotonic_increasing
    assert (units_row.cost_bound_yuan <= units_row.cost_yuan + 1e-6).all()
    # what no change touched is as it was
    kept = ~base.blocks.field_unit.isin(states)
    same = plan.blocks[~plan.blocks.field_unit.isin(states)].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        pd.DataFrame(base.blocks[kept].drop(columns=["geometry", "site_id"])).reset_index(drop=True),
        pd.DataFrame(same.drop(columns=["geometry", "site_id"])),
    )


def test_nothing_changed_is_the_plan_again(plan_folder, units, tmp_path):
    write(plan_folder, {u.number: u.base for u in units}, tmp_path / "same", {})
    was, now = plans.read_meta(plan_folder), plans.read_meta(tmp_path / "same")
    assert now["counties"] == was["counties"] and now["totals"] == was["totals"]
    for name in ("parcels", "blocks", "sites"):
        old, new = (gpd.read_parquet(f / f"{name}.parquet") for f in (plan_folder, tmp_path / "same"))
        pd.testing.assert_frame_equal(pd.DataFrame(old), pd.DataFrame(new))


def test_a_plan_in_parts_is_written_in_parts(plan_folder, units, tmp_path):
    parted = tmp_path / "parted"
    shutil.copytree(plan_folder, parted)
    cut = sorted(set(gpd.read_parquet(plan_folder / "parcels.parquet").field_unit))
    cut = cut[len(cut) // 2]
    home = gpd.read_parquet(plan_folder / "blocks.parquet").set_index("block_id").field_unit
    for name in ("parcels", "blocks", "shares", "layout", "hauls", "works", "straight", "units"):
        path = parted / f"{name}.parquet"
        spatial = name in ("parcels", "blocks")
        frame = gpd.read_parquet(path) if spatial else pd.read_parquet(path)
        number = frame.field_unit if "field_unit" in frame else frame.block_id.map(home)
        path.unlink()
        path.mkdir()
        for i, some in enumerate((frame[number < cut], frame[number >= cut])):
            if spatial:
                some.to_parquet(path / f"part-{i:05d}.parquet", write_covering_bbox=True)
            else:
                some.to_parquet(path / f"part-{i:05d}.parquet", index=False)
    states = edited(units, 5)
    assert load(parted, units[0].number).names == units[0].names
    one = write(plan_folder, states, tmp_path / "one", {})
    two = write(parted, states, tmp_path / "two", {})
    assert one["counties"] == two["counties"] and one["quality"] == pytest.approx(two["quality"])
    assert (tmp_path / "two" / "blocks.parquet" / "part-00001.parquet").is_file()
    for name in ("parcels", "blocks", "shares", "layout", "hauls", "works", "units"):
        a, b = (pd.read_parquet(tmp_path / f / f"{name}.parquet") for f in ("one", "two"))
        # shares stand by the name of the block in each part
        key = ["block_id", "operator"] if name == "shares" else []
        a, b = (f.sort_values(key, ignore_index=True) if key else f for f in (a, b))
        pd.testing.assert_frame_equal(a, b, check_dtype=False, check_like=True)


def test_the_problems_of_a_plan_are_those_of_its_units_together(plan_folder, units):
    every = of_plan(plan_folder)
    assert set(every.kind) <= set(KINDS)
    for unit in units:
        own = every[every.field_unit == unit.number].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, of_state(unit, unit.base), check_dtype=False)


def test_there_is_no_such_unit(plan_folder):
    with pytest.raises(ChigaiError) as error:
        load(plan_folder, 10**9)
    assert "1000000000" in error.value.zh


def test_a_written_plan_can_be_explained_and_changed_again(plan_folder, units, tmp_path):
    states = edited(units, 2)
    write(plan_folder, states, tmp_path / "edited", {})
    again = load(tmp_path / "edited", units[0].number)
    assert (again.base.block == states[units[0].number].block).all()
    assert (again.base.out == states[units[0].number].out).all()
    block = again.blocks.block_id.iloc[0]
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "explain", str(tmp_path / "edited"), "--block", block],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0 and block in ran.stdout
