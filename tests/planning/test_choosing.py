"""Facts about a county's sites in a plan: the goal, the budget, what is weighed, and what is said when it falls short."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo import plans
from geo.schemas import MU_M2, SITES
from planning import programme as programmes
from planning.choosing import Wish, choose_sites, put_in, weighed
from planning.shortfall import WHY

MASHAN = "230307"
SIDE = 250.0
"""Metres; such a block has 93.75 mu, six of them make a site of 500."""


@pytest.fixture(scope="module")
def programme():
    return programmes.load("jixi-2020-8")


def row_of_blocks(costs: list[float], county: str = MASHAN) -> gpd.GeoDataFrame:
    """Blocks of 93.75 mu side by side, each a field unit of its own, 20 m apart, at these costs."""
    x = np.arange(len(costs)) * (SIDE + 20)
    frame: dict[str, Any] = {
        "block_id": [f"B{i}" for i in range(len(costs))],
        "county": county,
        "irrigation_district": "A",
        "field_unit": np.arange(len(costs)),
        "area_mu": SIDE * SIDE / MU_M2,
        "cost_yuan": np.array(costs, float),
        "meets_minimum": True,
    }
    return gpd.GeoDataFrame(frame, geometry=shapely.box(x, 0, x + SIDE, SIDE), crs=4553)


def two_each(blocks: gpd.GeoDataFrame, **columns: Any) -> pd.DataFrame:
    """Two parcels in each block, of two households."""
    n = len(blocks)
    frame = pd.DataFrame(
        {
            "county": np.repeat(blocks.county.to_numpy(), 2),
            "block_id": np.repeat(blocks.block_id.to_numpy(), 2),
            "reason": pd.Series([None] * 2 * n, dtype="str"),
            "consent": pd.Series([None] * 2 * n, dtype=object),
            "priority": pd.Series([None] * 2 * n, dtype="str"),
            "operator": ["甲", "乙"] * n,
            "area_mu": np.repeat(blocks.area_mu.to_numpy() / 2, 2),
        }
    )
    return frame.assign(**columns)


def chosen_of(programme, blocks, parcels=None, **wish):
    parcels = two_each(blocks) if parcels is None else parcels
    return choose_sites(parcels, blocks, programme, programme.parameters, Wish(**wish))


def test_the_cheapest_blocks_that_hang_together_and_hold_the_target_are_chosen(programme) -> None:
    """1,000 mu are eleven blocks; the dear end of the row stays as it is."""
    blocks = row_of_blocks([9000.0] * 3 + [100.0] * 11 + [9000.0] * 3)
    found = chosen_of(programme, blocks)
    assert [i is not None for i in found.site_id] == [False] * 3 + [True] * 11 + [False] * 3
    SITES.validate(found.sites)
    row = found.counties[MASHAN]
    assert (row["goal"], row["goal_mu"]) == ("ceiling", 1000)
    assert row["chosen_mu"] == pytest.approx(11 * 93.75) == pytest.approx(found.sites.area_mu.sum())
    assert row["chosen_cost_yuan"] == 1100
    assert row["gap"] == pytest.approx(0, abs=1e-3)
    assert (row["shortfall_mu"], row["why"], row["cures"], row["shortfall_zh"]) == (0.0, {}, [], "")


def test_a_budget_leaves_what_it_does_not_reach_and_says_what_more_money_would_reach(programme) -> None:
    blocks = row_of_blocks([1000.0] * 12)
    row = chosen_of(programme, blocks, budgets={MASHAN: 7500.0}).counties[MASHAN]
    assert row["chosen_mu"] == pytest.approx(7 * 93.75)
    assert row["chosen_cost_yuan"] <= 7500 and row["over_budget"]
    assert row["shortfall_mu"] == pytest.approx(1000 - 7 * 93.75)
    assert row["why"] == {"money": pytest.approx(1000 - 7 * 93.75)}
    (cure,) = row["cures"]
    assert cure["yuan"] == 3500
    assert row["shortfall_en"] == (
        "Mashan reaches 656 of 1,000 mu: 344 mu are beyond the budget; +3,500 yuan reaches 1,031 mu."
    )
    assert (
        row["shortfall_zh"]
        == "麻山区任务 1,000 亩，可达 656 亩：344 亩预算不够；追加 0.35 万元可达 1,031 亩。"
    )


def test_a_shortfall_names_what_stands_in_the_way(programme) -> None:
    blocks = row_of_blocks([1000.0] * 7)
    parcels = two_each(blocks)
    out = pd.DataFrame(
        {
            "county": MASHAN,
            "reason": ["consent", "elevation", "elevation"],
            "area_mu": [210.0, 100.0, 50.0],
            "consent": [False, None, None],
        }
    )
    row = chosen_of(programme, blocks, pd.concat([parcels, out], ignore_index=True)).counties[MASHAN]
    assert row["why"] == pytest.approx({"consent": 210.0, "elevation": 150.0})
    assert (
        row["shortfall_en"]
        == "Mashan reaches 656 of 1,000 mu: 210 mu wait for consent, 150 mu exceed the step."
    )
    assert "210 亩待农户同意，150 亩高差超限" in row["shortfall_zh"]
    assert [c["mu"] for c in row["cures"]] == pytest.approx([210.0, 150.0])


def test_a_group_too_small_is_told_of_with_what_it_lacks_and_what_a_wider_gap_brings(programme) -> None:
    """Two groups of three blocks, 100 m apart: neither makes 500 mu, together they do."""
    blocks = row_of_blocks([1000.0] * 6)
    shifted = blocks.geometry[3:].translate(100, 0)
    blocks.loc[3:, "geometry"] = shifted
    row = chosen_of(programme, blocks).counties[MASHAN]
    assert row["chosen_mu"] == 0.0
    assert row["why"]["site_too_small"] == pytest.approx(6 * 93.75)
    assert [c["mu"] for c in row["cures"]] == pytest.approx([3 * 93.75, 6 * 93.75])
    assert "219" in row["cures"][0]["zh"] and "120 m" in row["cures"][1]["zh"]


def test_no_target_no_sites(programme) -> None:
    blocks = row_of_blocks([100.0] * 12, "230302")
    found = chosen_of(programme, blocks)
    assert not found.sites.meets_minimum.any()
    assert found.counties["230302"]["goal"] is None


def test_a_block_of_a_principle_goes_before_one_that_is_a_little_cheaper(programme) -> None:
    """Eleven of twelve are needed: of the two ends the dearer one stays, unless it is a tourism area."""
    blocks = row_of_blocks([1000.0] * 11 + [1100.0])
    assert chosen_of(programme, blocks).site_id[11] is None
    parcels = two_each(blocks)
    parcels.loc[parcels.block_id == "B11", "priority"] = "旅游"
    assert chosen_of(programme, blocks, parcels).site_id[11] is not None
    # 16 yuan a mu and 93.75 mu: a block that is 2,000 dearer is not worth it
    dear = row_of_blocks([1000.0] * 11 + [3000.0])
    assert chosen_of(programme, dear, parcels).site_id[11] is None


def test_of_like_costs_the_block_goes_first_whose_households_have_agreed(programme) -> None:
    blocks = row_of_blocks([1000.0] * 12)
    for agreed in ("B0", "B11"):
        parcels = two_each(blocks)
        parcels.loc[parcels.block_id == agreed, "consent"] = True
        found = chosen_of(programme, blocks, parcels)
        assert found.site_id[int(agreed[1:])] is not None
        assert found.counties[MASHAN]["households"] == 20


def test_what_is_weighed_is_by_mu_and_by_household(programme) -> None:
    blocks = row_of_blocks([0.0, 0.0])
    parcels = two_each(blocks)
    parcels.loc[0, "priority"] = "示范"
    parcels.loc[2:, "operator"] = "丙"
    beside, households = weighed(parcels, blocks, programme, programme.parameters)
    assert households.tolist() == [2, 0]
    assert beside == pytest.approx([8 * 93.75 / 2 + 2 * 1.0, 8 * 93.75])


def test_the_floor_is_enough_where_only_the_floor_is_asked(programme) -> None:
    blocks = row_of_blocks([100.0] * 560, "230381")
    rows = [
        chosen_of(programme, blocks, goals={"230381": goal}).counties["230381"]
        for goal in ("floor", "ceiling")
    ]
    assert [r["goal_mu"] for r in rows] == [40_000, 50_000]
    assert all(r["goal_mu"] <= r["chosen_mu"] < r["goal_mu"] + 94 for r in rows)
    assert rows[0]["chosen_cost_yuan"] < rows[1]["chosen_cost_yuan"]


def test_the_plan_tells_of_its_sites(plan_folder) -> None:
    plan = plans.read(plan_folder)
    for row in plan.meta["counties"]:
        own = plan.sites[(plan.sites.county == row["county"]) & plan.sites.meets_minimum]
        blocks = plan.blocks[plan.blocks.site_id.isin(own.site_id)]
        assert row["chosen_mu"] == pytest.approx(row["site_mu"]) == pytest.approx(blocks.area_mu.sum())
        assert row["chosen_cost_yuan"] == pytest.approx(blocks.cost_yuan.sum())
        assert row["cost_bound_yuan"] <= row["chosen_cost_yuan"] + 1e-6
        assert set(row["why"]) <= set(WHY)
        if row["floor_mu"]:
            assert row["shortfall_mu"] == pytest.approx(max(row["floor_mu"] - row["chosen_mu"], 0))
            assert bool(row["shortfall_zh"]) == bool(row["shortfall_en"]) == (row["shortfall_mu"] > 0)
    assert plan.meta["totals"]["chosen_mu"] == pytest.approx(
        plan.sites.area_mu[plan.sites.meets_minimum].sum()
    )
    table = plans.read_more(plan_folder, "frontier")
    assert table is not None
    for _, county in table.groupby("county"):
        assert all(a < b for a, b in pairwise(county.area_mu))


def test_the_sums_are_those_of_the_counties(programme) -> None:
    found = chosen_of(programme, row_of_blocks([1000.0] * 12))
    rows, totals = [{"county": MASHAN}, {"county": "230302"}], {}
    put_in(found.counties, rows, totals)
    assert totals["chosen_cost_yuan"] == rows[0]["chosen_cost_yuan"] == 11_000
    assert totals["households"] == 22
