"""A map sheet is A3, true to scale, says what is built and at what level, and names nobody."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from geo import plans
from geo.errors import ChigaiError
from geo.export import export, sheets, typeface
from geo.export.options import Options
from geo.export.selection import Selection
from geo.export.sheet_map import short_numbers, tint
from tests.geo.export import pdf_reader

LEFT, TOP = 14.0, 25.0
"""Where the map window begins on the page, mm (geo/export/sheet.typ)."""


@pytest.fixture(scope="module")
def plan(plan_folder: Path) -> plans.Plan:
    return plans.read(plan_folder)


@pytest.fixture(scope="module")
def site(plan: plans.Plan) -> str:
    """A site that takes an overview and some sheets."""
    return str(plan.sites.sort_values("area_mu")["site_id"].iloc[-1])


@pytest.fixture(scope="module")
def printed(plan_folder: Path, site: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sheets") / "site.pdf"
    export(plan_folder, "sheets", out, selection=Selection(sites=(site,)), options=Options(scale=2000))
    return out


def test_every_page_is_a3_and_its_typeface_is_inside(printed: Path) -> None:
    assert pdf_reader.sizes_mm(printed) == {(420, 297)}
    fonts = pdf_reader.embedded(printed)
    assert fonts and all(fonts.values())


def test_the_title_block_says_the_plans_figures(printed: Path, plan: plans.Plan, site: str) -> None:
    blocks = plan.blocks[plan.blocks["site_id"] == site]
    said = pdf_reader.texts(printed)
    county = next(c["name_zh"] for c in plan.meta["counties"] if c["county"] == blocks["county"].iloc[0])
    cost = blocks["cost_yuan"].sum()
    for page in said:
        for fact in (
            site,
            f"{county}小池改大池示范点平面图",
            str(blocks["irrigation_district"].iloc[0]),
            f"{blocks['area_mu'].sum():,.1f} 亩",
            f"{len(blocks):,} 个，由 {blocks['n_parcels'].sum():,} 个小池合成",
            f"{blocks['cut_m3'].sum():,.0f} / {blocks['fill_m3'].sum():,.0f} m³",
            f"{cost / 10_000:,.2f} 万元，每亩 {cost / blocks['area_mu'].sum():,.0f} 元",
            plan.meta["id"],
            plan.meta["created"][:10],
            "公开版，不含农户信息",
            "2000国家大地坐标系",
        ):
            assert fact in page.replace("\n", "").replace("  ", " ") or fact in page, fact
    numbers = [re.search(r"第 (\d+) 张　?\s*共 (\d+) 张", page) for page in said]
    assert [n and (int(n[1]), int(n[2])) for n in numbers] == [
        (i, len(said)) for i in range(1, len(said) + 1)
    ]


def test_it_has_a_north_arrow_a_scale_a_legend_and_a_grid(printed: Path) -> None:
    for page in pdf_reader.texts(printed):
        assert {"北", "图例"} <= set(page.split())
        scale = re.search(r"1:([\d,]+)\n", page)
        assert scale is not None
        assert "旧田埂（拆除）" in page or "分幅图" in page
        assert re.search(r"^50\d{5}$", page, re.MULTILINE) and re.search(r"^\d{6}$", page, re.MULTILINE)


def test_levels_and_numbers_of_every_block_stand_once_on_the_detail(
    plan_folder: Path, plan: plans.Plan, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def kept(source: str, made: str) -> bytes:
        written.append(source)
        return b"%PDF"

    monkeypatch.setattr(sheets, "pdf", kept)
    export(
        plan_folder,
        "sheets",
        tmp_path / "p.pdf",
        selection=Selection(sites=(site,)),
        options=Options(scale=2000),
    )
    pages = written[0].split("#pagebreak()")

    def words(look: str) -> list[str]:
        found = [re.findall(rf'^#{look}\(.*, "(.*)"\)$', page, re.MULTILINE) for page in pages]
        return sorted(word for page in found for word in page)

    blocks = plan.blocks[plan.blocks["site_id"] == site]
    parcels = plan.parcels[plan.parcels["block_id"].isin(blocks["block_id"])]
    assert words("bold") == sorted(b.rpartition("-")[2].lstrip("0") for b in blocks["block_id"])
    assert words("design") == sorted(f"▽{z:.2f}" for z in blocks["design_level_m"])
    numbers = [f"{n}号" for size in blocks["n_parcels"] for n in range(1, size + 1)]
    assert words("faint") == sorted([*(f"{z:.2f}" for z in parcels["elevation_m"]), *numbers])


def test_ground_lies_on_paper_where_the_scale_says(
    plan_folder: Path, plan: plans.Plan, tmp_path: Path
) -> None:
    block = plan.blocks.query("n_parcels > 2").iloc[0]
    out = tmp_path / "one.pdf"
    export(
        plan_folder,
        "sheets",
        out,
        selection=Selection(blocks=(block["block_id"],)),
        options=Options(scale=1000),
    )
    points = pdf_reader.points(out)
    west, south, east, north = block.geometry.bounds
    middle = np.array([(west + east) / 2, (south + north) / 2])
    corner = shapely.get_coordinates(block.geometry)
    # the window's middle is the block's; a millimetre on paper is a metre on the ground
    wanted = np.column_stack([corner[:, 0] - middle[0], middle[1] - corner[:, 1]])
    wanted += (LEFT + 312 / 2, TOP + 250 / 2)
    apart = np.hypot(*(wanted[:, None, :] - points[None, :, :]).transpose(2, 0, 1)).min(axis=1)
    # two decimals of a millimetre, so a centimetre on the ground
    assert apart.max() < 0.015


def test_the_scale_bar_is_as_long_as_it_says(plan_folder: Path, plan: plans.Plan, tmp_path: Path) -> None:
    block = plan.blocks.query("n_parcels > 2").iloc[0]["block_id"]
    out = tmp_path / "one.pdf"
    export(plan_folder, "sheets", out, selection=Selection(blocks=(block,)), options=Options(scale=1000))
    said = re.search(r"0 10 20 30 40 m", pdf_reader.texts(out)[0])
    assert said is not None
    points = pdf_reader.points(out)
    bar = points[(points[:, 0] > 340) & (points[:, 1] > 12) & (points[:, 1] < 24)]
    assert any(np.isclose(bar[:, 0][:, None] - bar[:, 0][None, :], 40, atol=0.02).ravel())


def test_in_an_archive_each_site_has_its_own_file(
    plan_folder: Path, plan: plans.Plan, tmp_path: Path
) -> None:
    export(plan_folder, "sheets", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    sites = plan.sites["site_id"].tolist()
    assert len(names) == len(sites) and all(any(site in name for name in names) for site in sites)
    for path in (tmp_path / "out").iterdir():
        own = next(site for site in sites if site in path.name)
        assert all(own in page for page in pdf_reader.texts(path))


def test_the_same_plan_gives_the_same_bytes(
    plan_folder: Path, site: str, printed: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.pdf"
    export(plan_folder, "sheets", again, selection=Selection(sites=(site,)), options=Options(scale=2000))
    assert again.read_bytes() == printed.read_bytes()


def test_blocks_of_no_site_are_drawn_when_asked_for(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "sheets", tmp_path / "p.pdf", selection=Selection(blocks=("B230382-3-1",)))
    (page,) = pdf_reader.texts(tmp_path / "p.pdf")
    assert sheets.NO_SITE in page and "密山市小池改大池平面图" in page


def test_markup_in_a_name_is_only_text(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "sheets", tmp_path / "p.pdf", selection=Selection(sites=("S230381-001",)))
    page = pdf_reader.texts(tmp_path / "p.pdf")[0]
    assert '=HYPERLINK("http://x"' in page.replace("\n", "")


def test_too_many_sheets_for_one_file_are_refused_with_what_to_do(
    plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MOST_SHEETS", 1)
    with pytest.raises(ChigaiError, match=r"\.zip"):
        export(plan_folder, "sheets", tmp_path / "p.pdf", options=Options(scale=500))
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_leaves_nothing(plan_folder: Path, tmp_path: Path) -> None:
    from geo.errors import CancelledError

    def stop(fraction: float) -> None:
        if fraction > 0.3:
            raise CancelledError

    with pytest.raises(CancelledError):
        export(plan_folder, "sheets", tmp_path / "all.zip", options=Options(progress=stop))
    assert list(tmp_path.iterdir()) == []


def test_short_numbers_are_what_follows_a_common_beginning() -> None:
    assert short_numbers(["B230381-00007", "B230381-00120"]) == (
        "B230381-",
        {"B230381-00007": "7", "B230381-00120": "120"},
    )
    # nothing is left out where that would make two of them alike
    assert short_numbers(["B1-1", "B2-1"]) == ("", {"B1-1": "B1-1", "B2-1": "B2-1"})
    assert short_numbers(["x"]) == ("", {"x": "x"})


def test_a_tint_is_the_colour_on_white() -> None:
    assert tint("#000000", 1.0) == "#000000" and tint("#0072B2", 0.0) == "#FFFFFF"


def test_without_a_chinese_typeface_it_says_how_to_get_one(
    by_hand: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Few:
        def families(self) -> list[str]:
            return ["DejaVu Sans"]

    monkeypatch.setattr(typeface, "_fonts", lambda folder: Few())
    with pytest.raises(ChigaiError) as caught:
        export(by_hand.folder, "sheets", tmp_path / "p.pdf")
    assert "fonts-noto-cjk" in caught.value.text("zh") and "fonts" in caught.value.text("en")
    assert list(tmp_path.iterdir()) == []
