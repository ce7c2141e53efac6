"""The ledger as a file for a spreadsheet: XLSX or CSV, in both languages, without formulas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import xlsxwriter

from geo.errors import ChigaiError
from geo.export.workbook import guarded
from tracking import jobs
from tracking.rules import ZH
from tracking.states import LOCAL

HEADS = {
    "seq": ("编号", "no"), "kind": ("类型", "kind"), "plan_id": ("方案", "plan"), "county": ("县区", "county"),
    "village": ("村", "village"), "block_id": ("大池", "block"), "name": ("填报人", "reported by"),
    "happened": ("发生时间", "happened"), "received": ("收到时间", "received"), "done_mu": ("累计完成（亩）", "done, mu"),
    "passed": ("初验合格", "passed"), "reason": ("原因", "reason"), "measured_mu": ("实测（亩）", "measured, mu"),
    "level_points": ("水准点数", "level points"), "inspector": ("验收人", "inspector"),
    "operator": ("农户", "household"), "given": ("农户同意", "consent given"), "measure": ("三减措施", "measure"),
    "units": ("完成数量", "units"), "note": ("备注", "note"), "files": ("照片数", "photos"),
    "corrects": ("更正的记录", "corrects"), "id": ("记录号", "id"), "hash": ("校验", "hash"),
}  # fmt: skip
"""The columns of the file, in their order."""
OFTEN = 2_000
"""Rows between two words of progress."""
TIMES = ("happened", "received")
MOST_ROWS = 1_048_575
"""What a sheet holds below its head; more would be dropped without a word."""


def write(frame: pd.DataFrame, kind: str, lang: str = "zh", progress: jobs.Told = jobs.nobody) -> bytes:
    """The rows of seen.events as a file's content; times on the clock of Asia/Shanghai. progress: told the share of
    the rows that is written."""
    zh = lang == "zh"
    heads = [titles[not zh] for titles in HEADS.values()]
    rows = _told(_rows(frame, zh), len(frame), progress)
    if kind == "csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(heads)
        writer.writerows(rows)
        # with its mark, or Excel takes the Chinese for something else
        return text.getvalue().encode("utf-8-sig")
    if kind == "xlsx":
        if len(frame) > MOST_ROWS:
            raise ChigaiError(
                f"台账有 {len(frame):,} 行，Excel 表只能放 {MOST_ROWS:,} 行。",
                f"The ledger has {len(frame):,} rows; a sheet holds {MOST_ROWS:,}.",
                do_zh="请先按县区或日期筛选，或导出 csv。", do_en="filter by county or day first, or export csv.",
            )  # fmt: skip
        return _workbook(heads, rows)
    raise ChigaiError(
        "台账只能导出为 xlsx 或 csv。", "The ledger is exported as xlsx or csv.",
        do_zh="请选择其中一种。", do_en="choose one of the two.",
    )  # fmt: skip


def _told(rows: Iterable[tuple[Any, ...]], whole: int, progress: jobs.Told) -> Iterator[tuple[Any, ...]]:
    for at, row in enumerate(rows):
        if at % OFTEN == 0:
            progress(at / whole)
        yield row


def _rows(frame: pd.DataFrame, zh: bool) -> Iterable[tuple[Any, ...]]:
    named = frame.assign(name=frame["name"].where(frame["name"].notna(), frame["actor"]))
    return zip(*(_column(name, named[name], zh) for name in HEADS), strict=True)


def _column(name: str, values: pd.Series, zh: bool) -> list[Any]:
    """A column's values as they stand in the file; None where there is none."""
    if name in TIMES:
        return list(pd.to_datetime(values, utc=True).dt.tz_convert(LOCAL).dt.strftime("%Y-%m-%d %H:%M:%S"))
    if name == "files":
        return [len(json.loads(text)) for text in values]
    if values.isna().all():
        return [None] * len(values)
    words = ZH if name == "kind" and zh else {}
    return [_plain(words.get(v, v) if words else v, zh) for v in values.astype(object)]


def _plain(value: Any, zh: bool) -> str | int | float | None:
    if isinstance(value, str):
        return guarded(value)
    if value is None or value is pd.NaT or value != value:
        return None
    if isinstance(value, bool):
        return ("是" if value else "否") if zh else ("yes" if value else "no")
    return value if isinstance(value, (int, float)) else guarded(str(value))


def _workbook(heads: list[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet("台账")
    sheet.freeze_panes(1, 0)
    bold = book.add_format({"bold": True})
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, bold)
    at = 0
    for at, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(at, column, value)
            elif value is not None:
                sheet.write_number(at, column, value)
    sheet.autofilter(0, 0, max(at, 1), len(heads) - 1)
    book.close()
    return out.getvalue()
