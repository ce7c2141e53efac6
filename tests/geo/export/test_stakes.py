"""The tables for the field read back to the plan: corners, levels, cut and fill, loads."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely

from geo import plans
from geo.export import export, stakes
from geo.export.selection import Selection

SHEETS = ["目录", "放样表", "挖填表", "调运表"]


def table(sheet: Any, first: int = 1) -> pd.DataFrame:
    """The rows of a sheet under its heads, without the lines that say which block begins."""
    rows = list(sheet.iter_rows(min_row=first, values_only=True))
    found = pd.DataFrame(rows[1:], columns=rows[0])
    return found[found.iloc[:, 1].notna()].reset_index(drop=True)


@pytest.fixture(scope="module")
def plan(plan_folder: Path) -> plans.Plan:
    found = plans.read(plan_folder)
    hauls = plans.read_more(plan_folder, "hauls")
    assert hauls is not None
    found.more["hauls"] = hauls
    return found


@pytest.fixture(scope="module")
def made(plan: plans.Plan) -> pd.DataFrame:
    return plan.blocks[plan.blocks["n_parcels"] > 1].set_index("block_id")


@pytest.fixture(scope="module")
def book(plan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> openpyxl.Workbook:
    out = tmp_path_factory.mktemp("stakes") / "stakes.xlsx"
    export(plan_folder, "stakes", out)
    return openpyxl.load_workbook(out)


def test_there_is_an_index_and_three_tables(book: openpyxl.Workbook) -> None:
    assert book.sheetnames == SHEETS


def test_they_are_for_a4_with_heads_on_every_page_and_units(book: openpyxl.Workbook) -> None:
    for sheet in book:
        assert int(sheet.page_setup.paperSize) == int(sheet.PAPERSIZE_A4)
        assert "公开版" in sheet.oddHeader.right.text
        assert "2000国家大地坐标系 3°带 带号44" in sheet.oddHeader.center.text
        assert "页" in sheet.oddFooter.center.text
        first = sheet.print_title_rows.replace("$", "").split(":")[0]
        heads = [cell.value for cell in sheet[int(first)] if cell.value]
        assert all(
            "（" in h
            for h in heads
            if h.split("（")[0] in ("面积", "挖方", "填方", "运距", "土方", "北坐标 X")
        )
    for name in SHEETS[1:]:
        assert book[name].row_breaks.brk, name
        assert (
            book[name].sheet_properties.pageSetUpPr is None
            or not book[name].sheet_properties.pageSetUpPr.fitToPage
        )


def test_corners_make_up_each_block(book: openpyxl.Workbook, made: pd.DataFrame) -> None:
    rows = table(book["放样表"])
    assert set(rows["大池编号"]) == set(made.index)
    for block, own in rows.groupby("大池编号"):
        assert own["点号"].tolist() == [f"J{i}" for i in range(1, len(own) + 1)]
        outer = own[own["备注"].isna()]
        shape = shapely.Polygon(np.column_stack([outer["东坐标 Y（m）"], outer["北坐标 X（m）"]]))
        wanted = shapely.Polygon(made.loc[block].geometry.exterior)
        assert shapely.symmetric_difference(shape, wanted).area < 0.5
        assert own["设计高程 H（m）"].tolist() == pytest.approx(
            [made.loc[block, "design_level_m"]] * len(own)
        )


def test_cut_and_fill_of_the_parcels_are_the_blocks(
    book: openpyxl.Workbook, made: pd.DataFrame, plan: plans.Plan
) -> None:
    rows = table(book["挖填表"])
    assert len(rows) == plan.parcels["block_id"].isin(made.index).sum()
    sums = rows.groupby("大池编号")[["挖方（m³）", "填方（m³）"]].sum()
    assert sums["挖方（m³）"].to_numpy() == pytest.approx(made.loc[sums.index, "cut_m3"].to_numpy(), abs=1e-6)
    assert sums["填方（m³）"].to_numpy() == pytest.approx(
        made.loc[sums.index, "fill_m3"].to_numpy(), abs=1e-6
    )
    depth = rows["现状高程（m）"] - rows["设计高程（m）"]
    assert rows["挖深（+）填高（−）（m）"].to_numpy(float) == pytest.approx(depth.to_numpy(float))
    own = plan.parcels[plan.parcels["block_id"].isin(made.index)]
    assert sorted(rows["面积（亩）"]) == pytest.approx(sorted(own["area_mu"]))


def test_every_load_is_there_and_goes_from_a_cut_to_a_fill(
    book: openpyxl.Workbook, plan: plans.Plan, made: pd.DataFrame
) -> None:
    loads, hauls = table(book["调运表"]), plan.more["hauls"]
    assert len(loads) == len(hauls)
    assert loads["土方（m³）"].sum() == pytest.approx(hauls["volume_m3"].sum())
    sums = loads.groupby("大池编号")["运量（m³·m）"].sum()
    assert sums.to_numpy() == pytest.approx(made.loc[sums.index, "haul_m3m"].to_numpy())
    depth = table(book["挖填表"]).set_index(["大池编号", "小池（池内序号）"])["挖深（+）填高（−）（m）"]
    given = depth.loc[list(zip(loads["大池编号"], loads["从小池（池内序号）"], strict=True))]
    taken = depth.loc[list(zip(loads["大池编号"], loads["运到小池（池内序号）"], strict=True))]
    assert (given.to_numpy() > 0).all() and (taken.to_numpy() < 0).all()


def test_the_index_leads_to_each_block(book: openpyxl.Workbook, made: pd.DataFrame) -> None:
    sheet = book["目录"]
    first = int(sheet.print_title_rows.replace("$", "").split(":")[0])
    rows = table(sheet, first)
    assert rows["大池编号"].tolist() == made.index.tolist()
    assert rows["面积（亩）"].to_numpy() == pytest.approx(made["area_mu"].to_numpy())
    assert rows["挖方（m³）"].to_numpy() == pytest.approx(made["cut_m3"].to_numpy())
    assert "池内序号" in " ".join(str(sheet.cell(row, 1).value) for row in range(1, first))
    for cell in (c for row in sheet.iter_rows(min_row=first + 1) for c in row if c.hyperlink):
        name, place = cell.hyperlink.location.split("!")
        target = book[name.strip("'")][place].value
        assert str(target).startswith(sheet.cell(cell.row, 1).value)


def test_public_tables_hold_no_id_of_the_register(book: openpyxl.Workbook, plan: plans.Plan) -> None:
    said = {str(c.value) for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None}
    assert not said & set(plan.parcels["parcel_id"])
    assert not any(cell.data_type == "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def test_an_internal_copy_has_them_and_says_so_on_every_page(
    plan_folder: Path, plan: plans.Plan, tmp_path: Path
) -> None:
    block = plan.blocks.query("n_parcels > 1").iloc[0]["block_id"]
    export(plan_folder, "stakes", tmp_path / "s.xlsx", names=True, selection=Selection(blocks=(block,)))
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    assert all("内部资料" in sheet.oddHeader.right.text for sheet in book)
    own = plan.parcels[plan.parcels["block_id"] == block]
    rows = table(book["挖填表"])
    assert set(rows["小池编号"]) == set(own["parcel_id"])
    # what the numbers stand for: the same parcel has the same level and area
    level = dict(zip(own["parcel_id"], own["elevation_m"], strict=True))
    assert [level[p] for p in rows["小池编号"]] == pytest.approx(rows["现状高程（m）"].tolist())


def test_for_each_site_a_workbook_of_its_own(plan_folder: Path, made: pd.DataFrame, tmp_path: Path) -> None:
    export(plan_folder, "stakes", tmp_path / "all.zip")
    blocks: list[str] = []
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        for name in archive.namelist():
            book = openpyxl.load_workbook(BytesIO(archive.read(name)))
            blocks += table(book["放样表"])["大池编号"].unique().tolist()
    assert sorted(blocks) == sorted(made.index)


def test_without_levels_there_are_corners_and_no_earth(by_hand: Any, tmp_path: Path) -> None:
    plan = replace(
        by_hand.plan, blocks=by_hand.plan.blocks.assign(design_level_m=np.nan, cut_m3=0.0, fill_m3=0.0)
    )
    plan.meta = {**plan.meta, "earthwork": False}
    plans.write(plan, tmp_path / "plan")
    export(tmp_path / "plan", "stakes", tmp_path / "s.xlsx")
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    assert book.sheetnames == SHEETS[:3]
    assert table(book["放样表"])["设计高程 H（m）"].isna().all()
    assert any("没有高程资料" in str(row[0].value) for row in book["目录"].iter_rows(max_row=8))


def test_dangerous_names_run_no_formula(by_hand: Any, tmp_path: Path) -> None:
    plan = replace(by_hand.plan, blocks=by_hand.plan.blocks.copy())
    plan.blocks["site_id"] = "=1+1"
    plan.sites = plan.sites.iloc[:0]
    plans.write(plan, tmp_path / "plan")
    export(tmp_path / "plan", "stakes", tmp_path / "s.xlsx")
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
    assert not any(c.data_type == "f" for c in cells) and any(c.value == "'=1+1" for c in cells)


def test_a_hole_is_told_from_the_outline(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "stakes", tmp_path / "s.xlsx")
    rows = table(openpyxl.load_workbook(tmp_path / "s.xlsx")["放样表"])
    own = rows[rows["大池编号"] == "B230381-1-1"]
    assert own["备注"].fillna("").tolist() == [""] * 4 + ["第 2 圈（内环）"] * 4
    # a block of one parcel is left as it is: nothing is staked out
    assert set(rows["大池编号"]) == {"B230381-1-1", "B230381-1-2", "B230382-2-1"}


def test_a_title_says_area_and_level(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "stakes", tmp_path / "s.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "s.xlsx")["放样表"]
    assert sheet["A2"].value == "B230381-1-1　8.78 亩　设计高程 100.10 m　界址点 8 个"
    assert tuple(SHEETS[1:]) == stakes.SHEETS
