"""Facts about a run in tasks: the same plan whoever does the work, whatever is killed and wherever it was stopped."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import psutil
import pytest

from geo import datasets, plans, synthetic
from geo.errors import CancelledError, ChigaiError
from geo.reading import Source
from planning import importing, pipeline, tasks
from planning.effort import Effort
from planning.inputs import Request

PARCELS = 20_000
OWN = ("id", "created", "seconds")
"""What plan.json says that is another for every run."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data folder of its own for the runs of this module."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def region(home):
    return synthetic.make(home / "demo", parcels=PARCELS, seed=1)


@pytest.fixture(scope="module")
def dataset(home, region):
    """The region's parcels in parts so small that its districts are cut into stretches."""
    request = Request(Source(region / "parcels.gpkg"), region / "barriers.gpkg", region / "dem.tif")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "PART_ROWS", 1_500)
        importing.imported(request, home / "set")
    return home / "set"


@pytest.fixture(scope="module")
def asked(dataset, region):
    return Request(Source(dataset), dem=region / "dem.tif", effort=Effort.quick)


@pytest.fixture(scope="module")
def plan(home, asked):
    pipeline.run(asked, home / "plans" / "one", workers=1)
    return home / "plans" / "one"


def said(folder: Path) -> dict:
    return {k: v for k, v in plans.read_meta(folder).items() if k not in OWN}


def content(folder: Path) -> dict[str, str]:
    """Checksums of the tables of a plan, and what plan.json says."""
    found = {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*.parquet")
        if p.is_file()
    }
    return {**found, "plan.json": json.dumps(said(folder), sort_keys=True)}


def test_the_districts_were_cut_and_the_plan_is_in_parts(dataset, plan) -> None:
    parts = datasets.parts(datasets.manifest(dataset))
    assert sum(p.stretch is not None for p in parts) > 4
    assert len(list((plan / "parcels.parquet").iterdir())) > 4


def test_every_parcel_is_in_the_plan_once_and_every_block_whole(dataset, plan) -> None:
    made = plans.read(plan)
    given = gpd.read_parquet(dataset / "parcels.parquet")
    assert sorted(made.parcels.parcel_id) == sorted(given.parcel_id)
    assert made.blocks.block_id.is_unique and made.sites.site_id.is_unique
    sums = made.parcels.groupby("block_id").area_mu.agg(["size", "sum"])
    blocks = made.blocks.set_index("block_id").loc[sums.index]
    assert (blocks.n_parcels == sums["size"]).all()
    assert blocks.parcels_mu.to_numpy() == pytest.approx(sums["sum"].to_numpy())
    assert len(sums) == len(made.blocks)


def test_a_field_unit_lies_in_one_part_though_its_district_was_cut_through_it(plan) -> None:
    parts = [pd.read_parquet(p, columns=["field_unit"]) for p in (plan / "parcels.parquet").iterdir()]
    units = [set(p.field_unit) for p in parts]
    assert sum(map(len, units)) == len(set().union(*units))


def test_sites_go_across_the_cuts(plan) -> None:
    where = [
        pd.read_parquet(p, columns=["site_id"]).site_id.dropna().unique()
        for p in sorted((plan / "blocks.parquet").iterdir())
    ]
    seen = pd.Series(np.concatenate(where)).value_counts()
    assert (seen > 1).any()
    sites = gpd.read_parquet(plan / "sites.parquet").set_index("site_id")
    blocks = gpd.read_parquet(plan / "blocks.parquet").dropna(subset="site_id")
    by = blocks.groupby("site_id").area_mu.agg(["size", "sum"]).loc[sites.index]
    assert (sites.n_blocks == by["size"]).all()
    assert sites.area_mu.to_numpy() == pytest.approx(by["sum"].to_numpy())


def test_a_cut_district_joins_no_worse_than_an_uncut_one(home, asked, region, plan) -> None:
    whole = Request(
        Source(region / "parcels.gpkg"), region / "barriers.gpkg", region / "dem.tif", effort=Effort.quick
    )
    uncut = pipeline.run(whole, home / "plans" / "uncut", workers=1)["totals"]
    cut = plans.read_meta(plan)["totals"]
    assert cut["parcels"] == uncut["parcels"]
    assert cut["bound_share"] == pytest.approx(uncut["bound_share"], rel=1e-9)
    assert cut["compliant_mu"] == pytest.approx(uncut["compliant_mu"], rel=2e-3)
    assert cut["cost_yuan"] == pytest.approx(uncut["cost_yuan"], rel=1e-2)


def test_more_workers_make_the_same_bytes_though_one_is_killed(home, asked, plan) -> None:
    killed = []

    def kill() -> None:
        """Kill a process of the pool once it plans."""
        me, until = psutil.Process(), time.monotonic() + 120
        while not killed and time.monotonic() < until:
            for child in me.children():
                if "spawn_main" in " ".join(child.cmdline()) and child.cpu_times().user > 2:
                    os.kill(child.pid, signal.SIGKILL)
                    killed.append(child.pid)
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    pipeline.run(asked, home / "plans" / "three", workers=3)
    thread.join()
    assert killed
    assert content(home / "plans" / "three") == content(plan)


def test_a_cluster_makes_the_same_bytes(home, asked, plan) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        pipeline.run(asked, home / "plans" / "cluster", scheduler=cluster.scheduler_address)
    assert content(home / "plans" / "cluster") == content(plan)


def stopping(at: float):
    """A progress that stops the run once it is so far, in the middle of a tract."""

    def progress(stage: str, fraction: float) -> None:
        if fraction > at and stage == "blocks":
            raise CancelledError

    return progress


def test_a_run_that_was_stopped_goes_on_where_it_was(home, asked, plan, monkeypatch) -> None:
    out, counted = home / "plans" / "resumed", []
    real = tasks.planned
    monkeypatch.setattr(tasks, "planned", lambda *given: counted.append(1) or real(*given))
    for at in (0.4, 0.6):
        with pytest.raises(CancelledError):
            pipeline.run(asked, out, stopping(at), resume=True, keep=True)
        assert not out.exists()
    begun = len(counted)
    pipeline.run(asked, out, resume=True)
    tracts = len(list((plan / "parcels.parquet").iterdir()))
    # every tract was planned once, and those again that a stop had broken off
    assert begun > 3 and tracts <= len(counted) <= tracts + 2
    assert content(out) == content(plan)
    assert not any(p.is_dir() and (p / "tracts").exists() for p in (home / "work").iterdir())


def test_what_was_left_is_not_taken_for_another_question(home, asked, plan) -> None:
    from dataclasses import replace

    out = home / "plans" / "other"
    with pytest.raises(CancelledError):
        pipeline.run(asked, out, stopping(0.4), keep=True)
    wider = replace(asked, overrides={"max_step_m": 0.5})
    pipeline.run(wider, out, resume=True)
    assert plans.read_meta(out)["parameters"]["max_step_m"] == 0.5
    assert plans.read_meta(out)["totals"]["compliant_mu"] > plans.read_meta(plan)["totals"]["compliant_mu"]


def test_two_runs_do_not_write_the_same_plan_at_once(home, asked) -> None:
    refused = []

    def again(stage: str, fraction: float) -> None:
        try:
            pipeline.run(asked, home / "plans" / "twice")
        except ChigaiError as error:
            refused.append(error)
        raise CancelledError

    with pytest.raises(CancelledError):
        pipeline.run(asked, home / "plans" / "twice", again)
    assert "另一次运行" in refused[0].text("zh")


def test_what_was_read_is_kept_for_the_next_plan_of_the_same_files(home, region, monkeypatch) -> None:
    monkeypatch.setattr(importing, "KEPT_FROM", 1)
    monkeypatch.setattr(importing, "SMALL_BYTES", 1)
    request = Request(
        Source(region / "parcels.gpkg"), region / "barriers.gpkg", region / "dem.tif", effort=Effort.quick
    )
    first = pipeline.run(request, home / "plans" / "read")
    monkeypatch.setattr(importing, "imported", lambda *given: pytest.fail("the files were read again"))
    second = pipeline.run(request, home / "plans" / "again")
    assert first["inputs"] == second["inputs"] and first["totals"] == second["totals"]
    assert content(home / "plans" / "read") == content(home / "plans" / "again")
