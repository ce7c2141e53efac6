"""Findings leave as files that open in a spreadsheet and run nothing there."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import box

from geo.checking.findings import KINDS
from geo.schemas import Finding, findings_frame
from tracking import findings

BAD = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    listed = [
        Finding("kind", "error", "left_out", "坏", t, i, t, 1.23456, box(0, 0, 1, 1))
        for i, t in enumerate(BAD)
    ]
    listed.append(Finding("kind", "info", "kept", "无图形", "no shape"))
    findings_frame(listed, "EPSG:4553").to_parquet(tmp_path / "findings.parquet")
    return tmp_path


def test_no_cell_runs_as_a_formula_in_excel(folder: Path) -> None:
    sheet = openpyxl.load_workbook(BytesIO(findings.export(folder, "xlsx", "en"))).active
    assert [c.value for c in sheet[1]] == ["row", "parcel", "kind", "severity", "action", "area_mu", "what"]
    cells = [c for row in sheet.iter_rows(min_row=2) for c in row]
    assert all(c.data_type != "f" for c in cells)
    assert [sheet.cell(i + 2, 2).value for i in range(2)] == ["'=1+1", "'+1"]


def test_no_cell_begins_as_a_formula_in_csv_and_chinese_opens_in_excel(folder: Path) -> None:
    content = findings.export(folder, "csv", "zh")
    assert content.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    assert list(table.columns) == ["行号", "地块编号", "类别", "程度", "处理", "面积（亩）", "说明"]
    assert not table["地块编号"].str.startswith(findings.FORMULA).any()
    assert list(table["说明"])[-1] == "无图形"


def test_columns_are_in_words_of_the_language_not_in_codes(tmp_path: Path) -> None:
    listed = [
        Finding("sliver", "warning", "kept", "宽 0.3 m", "0.3 m wide"),
        Finding("encoding_assumed", "info", "kept", "按 GBK 读取", "read as GBK"),
    ]
    findings_frame(listed, "EPSG:4553").to_parquet(tmp_path / "findings.parquet")
    for lang, said in (("zh", ["警告", "提示"]), ("en", ["warning", "note"])):
        table = pd.read_csv(BytesIO(findings.export(tmp_path, "csv", lang)), dtype=str)
        kind, severity, action, what = (table.iloc[:, i] for i in (2, 3, 4, 6))
        assert list(kind) == [getattr(KINDS["sliver"], lang), what[1]]
        assert list(severity) == said
        assert set(action) == {"保留" if lang == "zh" else "kept"}


def test_the_words_are_those_of_the_pages() -> None:
    from ui import palette, text

    for code, (zh, en) in findings.WORDS.items():
        if code in palette.SEVERITIES:
            assert (palette.SEVERITIES[code].zh, palette.SEVERITIES[code].en) == (zh, en)
        else:
            assert text.TEXTS[f"action.{code}"] == (zh, en)


def test_the_geopackage_has_every_finding_and_its_shape(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.gpkg"
    out.write_bytes(findings.export(folder, "gpkg", "zh"))
    frame = gpd.read_file(out)
    assert len(frame) == len(BAD) + 1
    assert frame.geometry.iloc[0].equals(box(0, 0, 1, 1))
    assert frame.crs.to_epsg() == 4553
