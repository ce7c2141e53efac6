"""A workbook (xlsx) of a plan for the office: counties, blocks, sites, works, loads, what is left, checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
from pyproj import CRS
from xlsxwriter.worksheet import Worksheet

from geo.crs import name as crs_name
from geo.export.options import Options
from geo.export.public import COLUMNS, FEWEST, OTHER, REASONS, Outgoing

MOST_ROWS = 1_000_000
"""Rows of one sheet; a sheet of Excel ends at 1,048,576. More go on in a second sheet."""
LONGEST_TEXT = 32_000

SEVERITIES = {"error": "错误", "warning": "警告", "info": "提示"}
ACTIONS = {"mended": "已修复", "left_out": "已剔除", "kept": "保留"}
TRUTHS = {"meets_minimum": "达到面积下限", "has_inlet": "临渠", "has_outlet": "临沟", "has_access": "临路"}
"""Columns told as 是 or 否, and what they are called then."""
CONFIDENCES = {"S": "有来源", "C": "推算", "W": "假设"}

FORMATS = {
    "text": "@",
    "count": "#,##0",
    "mu": "#,##0.0",
    "number": "#,##0.00",
    "any": "General",
    "percent": "0.0%",
    "wan": "#,##0.00",
}
"""Kind of a column → number format. "wan": given in yuan, shown in 万元 (10,000 yuan)."""
WAN = 10_000


@dataclass(frozen=True)
class Head:
    """A column of a sheet: its title with unit, how its values look, and its width in characters."""

    title: str
    kind: str = "text"
    width: float = 12


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write the workbook. Text never runs as a formula: see `guarded`.

    Sums of counties stand in it where whole counties were chosen, sums of all only where the whole plan was.
    """
    # row after row to disk: a city's parcels would not fit in memory as cells
    book = xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_formulas": False})
    label, _ = out.label
    about, _ = out.about()
    book.set_properties({"title": about, "comments": label})
    pages = Pages(book, label)
    notes = [about, *_notes(out)]
    if out.selection.by_county:
        pages.add("县级汇总", *_counties(out), notes=notes, last_is_sum=not out.selection)
        notes = []
    pages.add("大池", *_blocks(out), notes=notes)
    options.progress(0.3)
    pages.add("示范点", *_sites(out))
    if out.works is not None:
        pages.add("工程量", *_works(out.works))
    if out.hauls is not None:
        pages.add("运土", *_hauls(out.hauls))
    options.progress(0.6)
    pages.add("未连片", *_left(out))
    pages.add("检查", *_checks(out))
    pages.add("参数", *_parameters(out.meta))
    options.progress(0.8)
    book.close()


class Pages:
    """Adds sheets of one look to a workbook: bold heads that stay in view, filters, label on every page."""

    def __init__(self, book: xlsxwriter.Workbook, label: str) -> None:
        self._book, self._label = book, label
        font = {"font_name": "宋体", "font_size": 10}
        self._head = book.add_format(
            {
                **font,
                "bold": True,
                "text_wrap": True,
                "valign": "vcenter",
                "align": "center",
                "bg_color": "#DCE6F1",
                "border": 1,
            }
        )
        self._note = book.add_format({**font, "italic": True})
        self._cells = {k: book.add_format({**font, "num_format": f}) for k, f in FORMATS.items()}
        self._sums = {
            k: book.add_format({**font, "num_format": f, "bold": True, "top": 1}) for k, f in FORMATS.items()
        }

    def add(
        self,
        title: str,
        heads: Sequence[Head],
        rows: Iterable[Sequence[Any]],
        notes: Sequence[str] = (),
        last_is_sum: bool = False,
    ) -> None:
        """One sheet, or several when the rows are more than a sheet takes. notes stand below the table."""
        rows = list(rows)
        for part, start in enumerate(range(0, max(len(rows), 1), MOST_ROWS)):
            chunk = rows[start : start + MOST_ROWS]
            sheet = self._book.add_worksheet(title if part == 0 else f"{title}{part + 1}")
            sheet.set_header(f"&L{title}&R{self._label}")
            sheet.set_footer("&C第 &P 页，共 &N 页")
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(0)
            sheet.freeze_panes(1, 1)
            sheet.set_row(0, 32)
            for column, head in enumerate(heads):
                sheet.set_column(column, column, head.width)
            for column, head in enumerate(heads):
                sheet.write_string(0, column, guarded(head.title), self._head)
            for at, row in enumerate(chunk, 1):
                formats = self._sums if last_is_sum and at == len(chunk) else self._cells
                for column, (head, value) in enumerate(zip(heads, row, strict=True)):
                    _cell(sheet, at, column, value, head.kind, formats)
            sheet.autofilter(0, 0, max(len(chunk) - last_is_sum, 1), len(heads) - 1)
            for at, note in enumerate(notes, len(chunk) + 2):
                sheet.write_string(at, 0, guarded(note), self._note)


def guarded(text: str) -> str:
    """Text with ' before it where a spreadsheet would take it for a formula."""
    text = text[:LONGEST_TEXT]
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def _cell(sheet: Worksheet, row: int, column: int, value: Any, kind: str, formats: Mapping[str, Any]) -> None:
    if value is None or value is pd.NA or value != value:
        return
    if isinstance(value, str):
        sheet.write_string(row, column, guarded(value), formats["text"])
    else:
        number = float(value) / (WAN if kind == "wan" else 1)
        sheet.write_number(row, column, number, formats[kind])


_COUNTY_HEADS: tuple[tuple[str, Head], ...] = (
    ("floor_mu", Head("任务下限（亩）", "mu")),
    ("ceiling_mu", Head("任务上限（亩）", "mu")),
    ("deadline", Head("期限（当日24时止）", "text", 13)),
    ("parcels", Head("小池数", "count")),
    ("parcels_mu", Head("小池面积（亩）", "mu", 14)),
    ("blocks", Head("大池数", "count")),
    ("joined_parcels", Head("并入大池的小池数", "count")),
    ("compliant_mu", Head("达标大池面积（亩）", "mu", 14)),
    ("share", Head("达标占小池面积", "percent")),
    ("bound_share", Head("占比理论上限", "percent")),
    ("sites", Head("示范点数", "count")),
    ("site_mu", Head("示范点达标面积（亩）", "mu", 14)),
    ("gap_mu", Head("距任务下限缺口（亩）", "mu", 14)),
    ("cut_m3", Head("挖方（m³）", "count", 14)),
    ("cost_yuan", Head("费用（万元）", "wan")),
    ("budget_yuan", Head("预算（万元）", "wan")),
    ("benefit_yuan_per_year", Head("年效益（万元）", "wan")),
    ("site_minimum_mu", Head("示范点下限（亩）", "mu")),
    ("block_minimum_mu", Head("单池下限（亩）", "mu")),
)


def _counties(out: Outgoing) -> tuple[list[Head], list[list[Any]]]:
    stopped = [r for r in REASONS if any(_stopped(c, out).get(r) for c in out.meta.get("counties", []))]
    heads = [Head("县（市、区）", width=14), Head("代码"), *(h for _, h in _COUNTY_HEADS)]
    heads += [Head(f"未连片：{REASONS[r][0]}（亩）", "mu", 16) for r in stopped]

    def row(name: str, code: str, county: Mapping[str, Any]) -> list[Any]:
        own = _stopped(county, out)
        return [name, code, *(county.get(k) for k, _ in _COUNTY_HEADS), *(own.get(r, 0.0) for r in stopped)]

    rows = [row(c.get("name_zh") or c["county"], c["county"], c) for c in out.meta.get("counties", [])]
    return heads, rows if out.selection else [*rows, row("合计", "", out.meta.get("totals", {}))]


def _stopped(county: Mapping[str, Any], out: Outgoing) -> dict[str, float]:
    """Mu by reason; in public a refusal is not told from other causes."""
    merged: dict[str, float] = {}
    for reason, mu in (county.get("stopped") or {}).items():
        key = reason if out.internal or reason not in ("consent", "left_over", "taken_out") else OTHER
        merged[key] = merged.get(key, 0.0) + mu
    return merged


def _notes(out: Outgoing) -> list[str]:
    rows = [
        f"坐标系：{crs_name(CRS.from_user_input(out.blocks.crs))}；面积为平面面积，1亩 = 10000/15 m²。",
        "新增插秧面积不是耕地面积；2 m 以下田埂本在水田图斑之内。",
        f"每张工作表最多 {MOST_ROWS:,} 行；更多的行接在名称后加 2、3……的工作表里。",
    ]
    if not out.meta.get("earthwork", True):
        rows.append("未提供高程，未计土方。")
    if not out.internal:
        rows.append(f"小池编号为随机编号；少于{FEWEST}户的户数不公开。")
    return rows


def _table(
    out: Outgoing, frame: pd.DataFrame, columns: Sequence[tuple[str, str, float]]
) -> tuple[list[Head], list[list[Any]]]:
    """Heads and rows of (column, kind, width); counties by name, truths as 是/否."""
    heads = [
        Head("县（市、区）" if c == "county" else COLUMNS[c].zh, kind, width) for c, kind, width in columns
    ]
    values = []
    for name, _, _ in columns:
        own = frame[name].tolist()
        if name == "county":
            own = [out.names.get(v, (v,))[0] for v in own]
        elif name == "reason":
            own = [REASONS[v][0] if v in REASONS else v for v in own]
        elif name in TRUTHS:
            own = [None if v is pd.NA else "是" if v else "否" for v in own]
        elif name == "n_operators":
            own = [f"少于{FEWEST}" if v is pd.NA else v for v in own]
        values.append(own)
    heads = [Head(TRUTHS.get(c[0], h.title), h.kind, h.width) for c, h in zip(columns, heads, strict=True)]
    return heads, [list(r) for r in zip(*values, strict=True)]


def _blocks(out: Outgoing) -> tuple[list[Head], list[list[Any]]]:
    columns = [
        ("block_id", "text", 20), ("county", "text", 12), ("irrigation_district", "text", 18),
        ("site_id", "text", 14), ("area_mu", "number", 12), ("parcels_mu", "number", 12),
        ("n_parcels", "count", 10), ("n_operators", "count", 14), ("meets_minimum", "text", 10),
        ("elevation_min_m", "number", 12), ("elevation_max_m", "number", 12),
        ("design_level_m", "number", 12), ("cut_m3", "number", 12), ("fill_m3", "number", 12),
        ("haul_m3m", "number", 14), ("ridge_removed_m", "number", 12), ("gained_mu", "number", 12),
        ("rectangularity", "number", 10), ("has_inlet", "text", 10), ("has_outlet", "text", 10),
        ("has_access", "text", 10), ("cost_yuan", "number", 12),
        ("benefit_yuan_per_year", "number", 12),
    ]  # fmt: skip
    return _table(out, out.blocks, columns)


def _sites(out: Outgoing) -> tuple[list[Head], list[list[Any]]]:
    columns = [
        ("site_id", "text", 14), ("county", "text", 12), ("irrigation_district", "text", 18),
        ("area_mu", "number", 12), ("n_blocks", "count", 10), ("cost_yuan", "number", 14),
        ("meets_minimum", "text", 10),
    ]  # fmt: skip
    return _table(out, out.sites, columns)


def _works(works: pd.DataFrame) -> tuple[list[Head], list[list[Any]]]:
    columns = {
        "block_id": Head("大池编号", "text", 20),
        "level_cells_m": Head("按栅格的平均高程（m）", "number", 14),
        "cut_cells_m3": Head("按栅格的挖方（m³）", "number", 14),
        "fill_cells_m3": Head("按栅格的填方（m³）", "number", 14),
        "cells": Head("栅格数", "count", 10),
        "topsoil_m3": Head("剥离并回铺的表土（m³）", "number", 14),
        "earthwork_yuan": Head("土方费（元）", "number", 12),
        "topsoil_yuan": Head("表土费（元）", "number", 12),
        "haul_mean_m": Head("平均运距（m）", "number", 12),
    }
    return _further(works, columns)


def _hauls(hauls: pd.DataFrame) -> tuple[list[Head], list[list[Any]]]:
    columns = {
        "block_id": Head("大池编号", "text", 20),
        "from_parcel": Head("从小池", "text", 22),
        "to_parcel": Head("到小池", "text", 22),
        "from_number": Head("从（池内序号）", "count", 10),
        "to_number": Head("到（池内序号）", "count", 10),
        "volume_m3": Head("土方（m³）", "number", 12),
        "distance_m": Head("运距（m）", "number", 12),
    }
    return _further(hauls, columns)


def _further(table: pd.DataFrame, columns: Mapping[str, Head]) -> tuple[list[Head], list[list[Any]]]:
    """Heads and rows of those columns that the table has."""
    there = [name for name in columns if name in table]
    rows = zip(*(table[name].tolist() for name in there), strict=True)
    return [columns[name] for name in there], [list(r) for r in rows]


def _left(out: Outgoing) -> tuple[list[Head], list[list[Any]]]:
    columns = [
        ("parcel_id", "text", 22), ("county", "text", 12), ("township", "text", 14), ("village", "text", 14),
        ("irrigation_district", "text", 18), ("area_mu", "number", 12), ("elevation_m", "number", 12),
        ("reason", "text", 26),
    ]  # fmt: skip
    return _table(out, out.parcels[out.parcels["reason"].notna()], columns)


def _checks(out: Outgoing) -> tuple[list[Head], list[list[Any]]]:
    heads = [
        Head("检查内容", width=40), Head("类别", width=22), Head("级别"), Head("处理"),
        Head("数量", "count"), Head("涉及面积（亩）", "number", 14),
    ]  # fmt: skip
    checks = out.checks
    rows = [
        [zh, kind, SEVERITIES.get(severity, severity), ACTIONS.get(action, action), count, mu]
        for zh, kind, severity, action, count, mu in zip(
            *(checks[c] for c in ("zh", "kind", "severity", "action", "count", "area_mu")), strict=True
        )
    ]
    return heads, rows


def _parameters(meta: Mapping[str, Any]) -> tuple[list[Head], list[list[Any]]]:
    """Values as the run took them; what they mean, where plan.json says it (`parameter_notes`)."""
    heads = [
        Head("参数", width=26), Head("名称", width=24), Head("值", "any"), Head("单位"),
        Head("依据", width=60), Head("可信度"), Head("需确认"),
    ]  # fmt: skip
    notes = meta.get("parameter_notes", {})
    rows: list[list[Any]] = []
    for name, value in meta.get("parameters", {}).items():
        note = notes.get(name, {})
        shown = ("是" if value else "否") if isinstance(value, bool) else value
        confirm = note.get("confirm")
        rows.append(
            [
                name,
                note.get("title_zh"),
                shown,
                note.get("unit_zh"),
                note.get("source"),
                CONFIDENCES.get(note.get("confidence", "")),
                None if confirm is None else "是" if confirm else "否",
            ]
        )
    rows.append(["seed", "随机种子", meta.get("seed"), None, None, None, None])
    return heads, rows
