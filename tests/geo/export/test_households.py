"""A village's list holds each household's parcels once, with its true share, and says on every page that it is internal."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from geo import plans
from geo.errors import ChigaiError
from geo.export import FORMATS, export_households, households
from geo.export.households import NO_OPERATOR, NO_VILLAGE, villages
from geo.export.selection import Selection, chosen
from tests.geo.conftest import PEOPLE
from tests.geo.export import pdf_reader


@pytest.fixture(scope="module")
def plan(plan_folder: Path) -> plans.Plan:
    return plans.read(plan_folder)


@pytest.fixture(scope="module")
def village(plan: plans.Plan) -> str:
    """The village with the most households."""
    return str(plan.parcels.groupby("village")["operator"].nunique().idxmax())


def listed(content: Any, name: str | None = None) -> pd.DataFrame:
    """The rows of a village's sheet, each with its household."""
    sheet = openpyxl.load_workbook(content)
    page = sheet[name] if name else sheet.worksheets[0]
    head, *rows = page.iter_rows(values_only=True)
    found, who = [], ""
    for row in rows:
        if row[1] is None:
            who = str(row[0])
        else:
            found.append((who, *row))
    return pd.DataFrame(found, columns=["household", *head])


def test_every_parcel_of_the_village_is_there_once_under_its_household(
    plan: plans.Plan, plan_folder: Path, village: str, tmp_path: Path
) -> None:
    export_households(plan_folder, tmp_path / "h.xlsx", selection=Selection(villages=(village,)))
    rows = listed(tmp_path / "h.xlsx")
    own = plan.parcels[plan.parcels["village"] == village].set_index("parcel_id")
    assert sorted(rows["小池编号"]) == sorted(own.index)
    for row in rows.itertuples(index=False):
        parcel = own.loc[row.小池编号]
        assert f" {parcel['operator']}　" in row.household.replace(".", ". ").replace("  ", " ")
    into = rows.set_index("小池编号")["并入大池"].fillna("")
    assert into.to_dict() == own["block_id"].fillna("").to_dict()
    assert rows["面积（亩）"].sum() == pytest.approx(own["area_mu"].sum())


def test_shares_are_those_of_the_whole_block(
    plan: plans.Plan, plan_folder: Path, village: str, tmp_path: Path
) -> None:
    export_households(plan_folder, tmp_path / "h.xlsx", selection=Selection(villages=(village,)))
    rows = listed(tmp_path / "h.xlsx").dropna(subset="并入大池")
    # reckoned here from the parcels, wherever they lie
    inside = plan.parcels.dropna(subset="block_id")
    whole = inside.groupby("block_id")["area_mu"].sum()
    part = inside.groupby(["block_id", "operator"])["area_mu"].sum()
    who = plan.parcels.set_index("parcel_id")["operator"]
    wanted = [part[b, who[p]] / whole[b] for p, b in zip(rows["小池编号"], rows["并入大池"], strict=True)]
    assert rows["本户份额"].tolist() == pytest.approx(wanted)
    assert rows["大池面积（亩）"].tolist() == pytest.approx(
        plan.blocks.set_index("block_id")["area_mu"][rows["并入大池"]].tolist()
    )


def test_the_villages_sums_are_the_plans(plan: plans.Plan) -> None:
    found = list(villages(plan, Selection()))
    assert sum(v.parcels for v in found) == len(plan.parcels)
    assert sum(v.area_mu for v in found) == pytest.approx(plan.parcels["area_mu"].sum())
    joined = plan.parcels["block_id"].notna()
    assert sum(v.joined_mu for v in found) == pytest.approx(plan.parcels.loc[joined, "area_mu"].sum())
    refused = plan.parcels["consent"].map(lambda said: said is False)
    assert sum(v.refused_mu for v in found) == pytest.approx(plan.parcels.loc[refused, "area_mu"].sum())
    assert {v.name for v in found} == set(plan.parcels["village"].fillna(NO_VILLAGE))


def test_of_a_shared_block_only_what_lies_in_the_village_is_listed(by_hand: Any) -> None:
    plan = replace(by_hand.plan, parcels=by_hand.plan.parcels.copy())
    plan.parcels.loc[0, "village"] = "小王家村"
    selection = Selection(villages=("小王家村",))
    part, _ = chosen(plan, selection)
    (only,) = villages(part, selection)
    assert (only.name, only.parcels, only.households[0][0]) == ("小王家村", 1, PEOPLE[0])
    # the share is of the whole block all the same
    assert only.households[0][1][0][7] == pytest.approx(0.375)


def test_consents_and_reasons_are_told_here_and_signed_for(by_hand: Any, tmp_path: Path) -> None:
    export_households(by_hand.folder, tmp_path / "h.xlsx", selection=Selection(counties=("230382",)))
    rows = listed(tmp_path / "h.xlsx").set_index("小池编号")
    assert rows["意愿"].to_dict() == {
        "2303811002010000006": "未登记", "2303811002010000007": "未登记", "2303811002010000008": "不同意",
        "2303811002010000009": "未登记",
    }  # fmt: skip
    assert rows.loc["2303811002010000008", "说明"] == "保持原状：农户未同意"
    assert rows.loc["2303811002010000009", "说明"] == "单池达标，保持原状"
    assert "签字" in rows.columns and rows["签字"].isna().all()


def test_parcels_without_operator_or_village_are_listed_as_such(by_hand: Any) -> None:
    plan = replace(by_hand.plan, parcels=by_hand.plan.parcels.copy())
    plan.parcels.loc[:1, "operator"] = None
    plan.parcels.loc[:1, "village"] = None
    found = {(v.county, v.name): v for v in villages(plan, Selection())}
    none = found["虎林市", NO_VILLAGE]
    assert none.known == 0 and [who for who, _ in none.households] == [NO_OPERATOR]
    assert none.households[0][1][0][7] is None or none.households[0][1][0][7] != none.households[0][1][0][7]


def test_every_page_is_marked_as_internal(by_hand: Any, tmp_path: Path) -> None:
    export_households(by_hand.folder, tmp_path / "h.xlsx")
    book = openpyxl.load_workbook(tmp_path / "h.xlsx")
    assert book.sheetnames[0] == "目录" and len(book.sheetnames) == 3
    for sheet in book:
        assert "内部资料" in sheet.oddHeader.right.text
        assert sheet.print_title_rows == "$1:$1" and sheet.page_setup.orientation == "landscape"
    export_households(by_hand.folder, tmp_path / "h.pdf")
    pages = pdf_reader.texts(tmp_path / "h.pdf")
    assert pages and all("内部资料，不得公开" in page for page in pages)
    assert pdf_reader.sizes_mm(tmp_path / "h.pdf") == {(297, 210)}


def test_a_long_list_has_its_heads_and_its_mark_on_each_page(
    plan_folder: Path, village: str, tmp_path: Path
) -> None:
    export_households(plan_folder, tmp_path / "h.pdf", selection=Selection(villages=(village,)))
    pages = pdf_reader.texts(tmp_path / "h.pdf")
    assert len(pages) > 2
    for at, page in enumerate(pages, 1):
        assert "小池编号" in page and "内部资料" in page and village in page
        assert f"第 {at} 页，共 {len(pages)} 页" in page.replace("\n", "")


def test_for_each_village_a_workbook_of_its_own(plan: plans.Plan, plan_folder: Path, tmp_path: Path) -> None:
    export_households(plan_folder, tmp_path / "h.zip", selection=Selection(counties=("230381",)))
    own = plan.parcels[plan.parcels["county"] == "230381"]
    ids: list[str] = []
    with zipfile.ZipFile(tmp_path / "h.zip") as archive:
        assert len(archive.namelist()) == own["village"].nunique()
        for name in archive.namelist():
            ids += listed(BytesIO(archive.read(name)))["小池编号"].tolist()
    assert sorted(ids) == sorted(own["parcel_id"])


def test_sheets_of_villages_that_share_a_name_are_told_apart(by_hand: Any, tmp_path: Path) -> None:
    export_households(by_hand.folder, tmp_path / "h.xlsx")
    book = openpyxl.load_workbook(tmp_path / "h.xlsx")
    assert book.sheetnames == ["目录", "大王家村", "大王家村（2）"]
    plan = replace(by_hand.plan, parcels=by_hand.plan.parcels.assign(village="[a]:*?/\\'" + "长" * 60))
    plans.write(plan, tmp_path / "plan")
    export_households(tmp_path / "plan", tmp_path / "long.xlsx")
    assert all(len(name) <= 31 for name in openpyxl.load_workbook(tmp_path / "long.xlsx").sheetnames)


def test_dangerous_names_run_no_formula(by_hand: Any, tmp_path: Path) -> None:
    plan = replace(
        by_hand.plan,
        parcels=by_hand.plan.parcels.assign(parcel_id=[f"=1+{i}" for i in range(10)], operator="@x"),
    )
    plans.write(plan, tmp_path / "plan")
    export_households(tmp_path / "plan", tmp_path / "h.xlsx")
    cells = [
        c for sheet in openpyxl.load_workbook(tmp_path / "h.xlsx") for row in sheet.iter_rows() for c in row
    ]
    assert not any(c.data_type == "f" for c in cells) and any(c.value == "'=1+0" for c in cells)


def test_a_pdf_that_would_be_too_long_is_refused(
    by_hand: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(households, "MOST_PDF_ROWS", 5)
    with pytest.raises(ChigaiError, match="--village"):
        export_households(by_hand.folder, tmp_path / "h.pdf")
    assert list(tmp_path.iterdir()) == []


def test_it_is_no_format_of_the_public_export(by_hand: Any, tmp_path: Path) -> None:
    from geo.export import export

    assert "households" not in FORMATS
    with pytest.raises(ChigaiError, match="no export format"):
        export(by_hand.folder, "households", tmp_path / "h.xlsx")
    with pytest.raises(ChigaiError, match="cannot end with"):
        export_households(by_hand.folder, tmp_path / "h.csv")
