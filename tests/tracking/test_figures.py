"""The figures of a plan, computed again from its tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from geo import plans
from tracking import figures


def test_before_and_after_agree_with_the_plans_tables(plan_folder: Path) -> None:
    plan, j = plans.read(plan_folder), figures.joining(plan_folder)
    alone = int(plan.parcels.block_id.isna().sum())
    assert j.fields_before == len(plan.parcels)
    assert j.fields_after == alone + len(plan.blocks) == alone + plan.parcels.block_id.nunique()
    assert j.parcels_mu == pytest.approx(plan.parcels.area_mu.sum())
    assert j.compliant_mu == pytest.approx(plan.blocks.area_mu[plan.blocks.meets_minimum].sum())
    assert j.mean_after_mu * j.fields_after == pytest.approx(j.parcels_mu + plan.blocks.gained_mu.sum())
    assert j.mean_after_mu >= j.mean_before_mu


def test_the_cost_is_the_sum_of_its_parts(plan_folder: Path) -> None:
    j = figures.joining(plan_folder)
    assert set(j.cost) == set(figures.COST_PARTS)
    # ridges that stay are a price beside the plan's cost
    assert sum(j.cost.values()) - j.cost["ridges"] == pytest.approx(j.cost_yuan)
    assert j.cost["ridges"] == plans.read_meta(plan_folder)["totals"]["ridge_kept_yuan"] > 0
    assert j.cost["other"] == 0 and plans.read(plan_folder).blocks.n_parcels.min() == 1
    assert j.cost["earthwork"] == pytest.approx(
        plans.read_meta(plan_folder)["parameters"]["earthwork_yuan_per_m3"] * j.cut_m3
    )


def test_every_reason_is_counted_by_the_area_of_its_parcels(plan_folder: Path) -> None:
    plan, j = plans.read(plan_folder), figures.joining(plan_folder)
    by_reason = plan.parcels.groupby("reason").area_mu.sum()
    assert j.stopped == pytest.approx({r: a for r, a in by_reason.items() if a})
    assert list(j.stopped.values()) == sorted(j.stopped.values(), reverse=True)
