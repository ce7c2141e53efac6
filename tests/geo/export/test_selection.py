"""A part of a plan: exactly the blocks that were asked for, with what belongs to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely

from geo.errors import ChigaiError
from geo.export import export
from geo.export.public import outgoing
from geo.export.selection import AROUND_M, Selection, chosen, near

HULIN, MISHAN = "230381", "230382"


def test_nothing_named_is_the_whole_plan(by_hand: Any) -> None:
    part, around = chosen(by_hand.plan, Selection())
    assert part is by_hand.plan and len(around) == 0 and not Selection()


@pytest.mark.parametrize(
    ("selection", "blocks", "parcels"),
    [
        (Selection(counties=(HULIN,)), ["B230381-1-1", "B230381-1-2"], 6),
        (Selection(sites=("S230381-001",)), ["B230381-1-1", "B230381-1-2"], 5),
        (Selection(blocks=("B230381-1-2",)), ["B230381-1-2"], 2),
        (Selection(villages=("大王家村",)), None, 10),
        (Selection(counties=(MISHAN,), villages=("大王家村",)), ["B230382-2-1", "B230382-3-1"], 4),
        (Selection(counties=(HULIN, MISHAN)), None, 10),
    ],
)
def test_what_is_named_is_what_comes(by_hand: Any, selection: Selection, blocks: Any, parcels: int) -> None:
    part, _ = chosen(by_hand.plan, selection)
    assert part.blocks["block_id"].tolist() == (blocks or by_hand.plan.blocks["block_id"].tolist())
    assert len(part.parcels) == parcels
    assert set(part.parcels["block_id"].dropna()) <= set(part.blocks["block_id"])
    assert set(part.sites["site_id"]) == set(part.blocks["site_id"].dropna())
    assert set(part.shares["block_id"]) <= set(part.blocks["block_id"])
    assert len(by_hand.plan.blocks) == 4 and len(by_hand.plan.parcels) == 10


def test_a_block_of_two_villages_comes_whole_with_either(by_hand: Any) -> None:
    plan = replace(by_hand.plan, parcels=by_hand.plan.parcels.copy())
    plan.parcels.loc[0, "village"] = "小王家村"
    part, _ = chosen(plan, Selection(villages=("小王家村",)))
    assert part.blocks["block_id"].tolist() == ["B230381-1-1"]
    assert part.parcels["village"].tolist() == ["小王家村", "大王家村", "大王家村"]


@pytest.mark.parametrize(
    ("selection", "zh", "en"),
    [
        (Selection(sites=("S9",)), "方案里没有示范点“S9”", "2: S230381-001, S230382-001"),
        (Selection(villages=("X村",)), "没有村“X村”", "大王家村"),
        (Selection(counties=(HULIN,), blocks=("B230382-2-1",)), "没有同时符合", "fulfils all"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    by_hand: Any, selection: Selection, zh: str, en: str
) -> None:
    with pytest.raises(ChigaiError) as caught:
        chosen(by_hand.plan, selection)
    assert zh in caught.value.text("zh") and en in caught.value.text("en")


def test_around_it_are_the_parcels_near_by_that_are_not_in_it(by_hand: Any) -> None:
    part, around = chosen(by_hand.plan, Selection(blocks=("B230381-1-2",)))
    mine = part.parcels.geometry.to_numpy()
    assert len(around) == 8 and not shapely.intersects(around[:, None], mine[None, :]).any()


def test_barriers_are_cut_at_the_edge_of_the_surroundings(by_hand: Any) -> None:
    box = (480_000.0, 5_010_000.0, 480_100.0, 5_010_060.0)
    cut = near(by_hand.plan.barriers, box)
    assert cut is not None and set(cut["kind"]) == {"main_canal", "road"}
    canal = cut[cut["kind"] == "main_canal"].geometry.iloc[0]
    # fifty metres to its southern end, sixty of the box, two hundred beyond
    assert canal.length == pytest.approx(50 + 60 + AROUND_M)
    assert near(None, box) is None


def test_every_format_says_that_it_is_a_part(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "gpkg", tmp_path / "a.gpkg", selection=Selection(counties=(HULIN,)))
    read = gpd.read_file(tmp_path / "a.gpkg", layer="大池")
    assert read["county"].tolist() == [HULIN, HULIN]
    out = outgoing(by_hand.plan, selection=Selection(counties=(HULIN,), blocks=("B1",)))
    assert out.about()[0].endswith("仅 虎林市、B1") and out.about()[1].endswith("only Hulin, B1")


def test_sums_stand_in_the_workbook_only_where_they_hold(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "xlsx", tmp_path / "a.xlsx", selection=Selection(counties=(HULIN,)))
    county = openpyxl.load_workbook(tmp_path / "a.xlsx")["县级汇总"]
    names = [row[0] for row in county.iter_rows(min_row=2, values_only=True) if row[0]]
    assert names[0] == "虎林市" and "合计" not in names and "密山市" not in names
    export(by_hand.folder, "xlsx", tmp_path / "b.xlsx", selection=Selection(blocks=("B230381-1-2",)))
    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert "县级汇总" not in book.sheetnames
    assert any("仅 B230381-1-2" in str(c.value) for row in book["大池"].iter_rows() for c in row)


def test_by_site_every_block_and_its_parcels_come_once(by_hand: Any) -> None:
    out = outgoing(by_hand.plan)
    parts = dict(out.by_site())
    assert list(parts) == ["230382", "S230381-001", "S230382-001"]
    assert parts["230382"].blocks["block_id"].tolist() == ["B230382-3-1"]
    every = pd.concat([p.blocks for p in parts.values()])
    assert sorted(every["block_id"]) == sorted(out.blocks["block_id"])
    joined = pd.concat([p.parcels for p in parts.values()])
    assert sorted(joined["parcel_id"]) == sorted(
        out.parcels.loc[out.parcels["block_id"].notna(), "parcel_id"]
    )
    for part in parts.values():
        assert set(part.parcels["block_id"]) == set(part.blocks["block_id"])
        assert not np.isin(part.around, part.parcels.geometry.to_numpy()).any()
