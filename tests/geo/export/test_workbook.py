"""The workbook reads back: six sheets, numbers as numbers, text never as a formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import plans
from geo.export import export, workbook
from geo.export.options import Options
from geo.export.public import outgoing
from geo.export.workbook import guarded

SHEETS = ["县级汇总", "大池", "示范点", "未连片", "检查", "参数"]


def rows(sheet: Any) -> list[dict[str, Any]]:
    head, *body = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in body]


@pytest.fixture(scope="module")
def book(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> openpyxl.Workbook:
    out = tmp_path_factory.mktemp("xlsx") / "plan.xlsx"
    export(by_hand.folder, "xlsx", out)
    return openpyxl.load_workbook(out)


def test_six_sheets_with_heads_that_stay_in_view(book: openpyxl.Workbook) -> None:
    assert book.sheetnames == SHEETS
    for sheet in book:
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref.startswith("A1:")
        assert all(cell.value and cell.font.bold for cell in sheet[1])
        assert "公开版" in sheet.oddHeader.right.text
        assert all(d.width >= 10 for d in sheet.column_dimensions.values())


def test_the_counties_and_their_sum(book: openpyxl.Workbook, by_hand: Any) -> None:
    table = rows(book["县级汇总"])
    hulin, mishan, total = table[:3]
    assert (hulin["县（市、区）"], mishan["县（市、区）"], total["县（市、区）"]) == (
        "虎林市",
        "密山市",
        "合计",
    )
    assert hulin["任务下限（亩）"] == 40_000 and hulin["期限（当日24时止）"] == "2022-04-20"
    # 1,234,500 yuan is 123.45 万元
    assert hulin["费用（万元）"] == pytest.approx(123.45)
    assert hulin["预算（万元）"] == 1_000
    own = by_hand.plan.blocks.query("county == '230381' and meets_minimum")
    assert hulin["达标大池面积（亩）"] == pytest.approx(own["area_mu"].sum())
    # a refusal and what is left over stand together in public
    assert mishan["未连片：其他（亩）"] == pytest.approx(0.81 + 0.82)
    assert not any("未同意" in head for head in hulin)
    notes = [row["县（市、区）"] for row in table[3:] if row["县（市、区）"]]
    assert notes[0].startswith("公开版") and any("EPSG:4553" in note for note in notes)


def test_number_formats_show_thousands_and_percent(book: openpyxl.Workbook) -> None:
    sheet = book["县级汇总"]
    formats = {cell.value: sheet.cell(2, cell.column).number_format for cell in sheet[1]}
    assert formats["任务下限（亩）"] == "#,##0.0"
    assert formats["小池数"] == "#,##0"
    assert formats["达标占小池面积"] == "0.0%"


def test_the_blocks(book: openpyxl.Workbook, by_hand: Any) -> None:
    table = rows(book["大池"])
    blocks = by_hand.plan.blocks
    assert [r["大池编号"] for r in table] == blocks["block_id"].tolist()
    assert [r["面积（亩）"] for r in table] == pytest.approx(blocks["area_mu"].tolist())
    assert [r["达到面积下限"] for r in table] == ["是", "是", "是", "否"]
    households = [v for k, v in table[0].items() if k.startswith("经营户数")] + [
        v for k, v in table[1].items() if k.startswith("经营户数")
    ]
    assert households == [3, "少于3"]
    assert table[3]["设计高程（m）"] is None


def test_the_sites_add_up_to_their_blocks(book: openpyxl.Workbook, by_hand: Any) -> None:
    blocks = by_hand.plan.blocks
    for row in rows(book["示范点"]):
        own = blocks[blocks["site_id"] == row["示范点编号"]]
        assert row["面积（亩）"] == pytest.approx(own["area_mu"].sum())
        assert row["大池数"] == len(own)


def test_what_is_left_and_why(book: openpyxl.Workbook) -> None:
    table = rows(book["未连片"])
    assert sorted(r["未连片原因"] for r in table) == ["其他", "其他", "高差超限"]
    assert all(r["小池编号"].startswith("P") for r in table)


def test_checks_and_parameters(book: openpyxl.Workbook) -> None:
    checks = rows(book["检查"])
    assert checks[0]["检查内容"] == "与另一块田重叠，已裁去"
    assert (checks[0]["级别"], checks[0]["处理"], checks[0]["数量"]) == ("警告", "已修复", 1)
    parameters = {r["参数"]: r for r in rows(book["参数"])}
    assert parameters["max_mu"]["值"] == 50
    assert (parameters["max_mu"]["单位"], parameters["max_mu"]["需确认"]) == ("亩", "是")
    assert parameters["same_village"]["值"] == "否"
    assert parameters["seed"]["值"] == 1


def test_no_cell_is_a_formula_and_dangerous_text_is_guarded(book: openpyxl.Workbook) -> None:
    found = []
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                if isinstance(cell.value, str):
                    assert cell.value[:1] not in ("=", "+", "-", "@", "\t", "\r")
                    found.append(cell.value)
    assert any(text.startswith("'=HYPERLINK") for text in found)
    assert "'=通知" in found


@given(st.text(max_size=20))
def test_the_guard_changes_only_what_a_spreadsheet_would_run(text: str) -> None:
    shown = guarded(text)
    assert shown[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert shown in (text, f"'{text}")


def test_more_rows_than_a_sheet_takes_go_on_in_the_next(
    by_hand: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    workbook.write(outgoing(by_hand.plan), tmp_path / "plan.xlsx", Options())
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    assert [len(rows(book[n])) for n in ("未连片", "未连片2")] == [2, 1]
    assert [c.value for c in book["未连片2"][1]] == [c.value for c in book["未连片"][1]]


def test_an_internal_workbook_says_so_on_every_page(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "xlsx", tmp_path / "plan.xlsx", names=True)
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    assert all("内部资料" in sheet.oddHeader.right.text for sheet in book)
    table = rows(book["未连片"])
    assert {r["小池编号"] for r in table} <= set(by_hand.plan.parcels["parcel_id"])
    assert "农户未同意" in {r["未连片原因"] for r in table}


@pytest.fixture(scope="module")
def moved(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, openpyxl.Workbook]:
    """Loads and works as a plan has them, the loads between dangerous and personal names; and the book of it."""
    parcels, block = by_hand.plan.parcels, by_hand.plan.blocks.block_id.iloc[0]
    ids = parcels.parcel_id.tolist()
    hauls = pd.DataFrame(
        {
            "block_id": ["=1+1", block],
            "from_parcel": ids[:2],
            "to_parcel": ids[1:3],
            "volume_m3": [12.5, 7.25],
            "distance_m": [30.0, 41.0],
        }
    )
    works = pd.DataFrame({"block_id": [block], "cut_cells_m3": [20.0], "cells": [9], "haul_mean_m": [35.0]})
    folder = tmp_path_factory.mktemp("moved") / "plan"
    plans.write(replace(by_hand.plan, more={"hauls": hauls, "works": works}), folder)
    out = folder.with_name("plan.xlsx")
    export(folder, "xlsx", out)
    return folder, hauls, openpyxl.load_workbook(out)


def test_the_loads_and_the_works_have_sheets_where_the_plan_has_them(moved: Any) -> None:
    _, hauls, book = moved
    assert book.sheetnames == ["县级汇总", "大池", "示范点", "工程量", "运土", "未连片", "检查", "参数"]
    loads = rows(book["运土"])
    assert [r["土方（m³）"] for r in loads] == hauls.volume_m3.tolist()
    assert [r["运距（m）"] for r in loads] == hauls.distance_m.tolist()
    (works,) = rows(book["工程量"])
    assert (works["按栅格的挖方（m³）"], works["栅格数"], works["平均运距（m）"]) == (20.0, 9, 35.0)


def test_loads_name_parcels_by_the_ids_of_the_same_export_and_run_no_formula(moved: Any) -> None:
    folder, hauls, book = moved
    loads = rows(book["运土"])
    assert loads[0]["大池编号"] == "'=1+1"
    # what is taken from a parcel and what another load brings to it carry one name
    assert loads[0]["到小池"] == loads[1]["从小池"] and loads[0]["到小池"].startswith("P")
    assert not {r["从小池"] for r in loads} & set(hauls.from_parcel)
    inside = folder.with_name("internal.xlsx")
    export(folder, "xlsx", inside, names=True)
    named = rows(openpyxl.load_workbook(inside)["运土"])
    assert [r["从小池"].lstrip("'") for r in named] == hauls.from_parcel.tolist()


def test_more_loads_than_a_sheet_takes_go_on_in_the_next(moved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = moved[0]
    monkeypatch.setattr(workbook, "MOST_ROWS", 1)
    out = folder.with_name("long.xlsx")
    export(folder, "xlsx", out)
    book = openpyxl.load_workbook(out)
    assert {"运土", "运土2"} <= set(book.sheetnames)
    assert any("每张工作表最多 1 行" in str(c.value) for row in book["县级汇总"].iter_rows() for c in row)
