"""The answer to a package that came back: what became of each row, for the screen and as a list to keep."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xlsxwriter

from geo.errors import ChigaiError
from geo.export.workbook import Head, Pages, guarded
from tracking.rules import ZH

STATUS = {
    "accepted": ("已收", "accepted"), "repeated": ("重复", "repeated"), "conflict": ("冲突", "conflict"),
    "refused": ("拒收", "refused"),
}  # fmt: skip
HEADS = (
    Head("行 Row", "count", 8), Head("结果 Fate", width=16), Head("大池 Block", width=20), Head("做了什么 Kind", width=14),
    Head("时间 When", width=22), Head("填报人 Sent by", width=14), Head("说明", width=60),
    Head("Explanation", width=60), Head("照片提示 Photo", width=50), Head("记录号 Id", width=38),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What became of one row, counted from 1. kind, block_id, happened, sent_by: as the row has them.

    code: why it was not taken, for programs. zh, en: for people. flags: what is odd about its photo, each as
    (flag, zh, en); such a report is taken all the same.
    """

    row: int
    id: str
    kind: str
    block_id: str
    happened: str
    sent_by: str
    status: str
    code: str
    zh: str
    en: str
    flags: tuple[tuple[str, str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The row as JSON has it."""
        flags = [{"flag": flag, "zh": zh, "en": en} for flag, zh, en in self.flags]
        return asdict(self) | {"flags": flags}


@dataclass(frozen=True)
class Review:
    """What became of a package: its file's name and its rows, in their order."""

    file: str
    rows: tuple[Row, ...]

    def counts(self) -> dict[str, int]:
        """How many rows were accepted, repeated, in conflict, refused."""
        found = Counter(row.status for row in self.rows)
        return {status: found[status] for status in STATUS}

    def write(self, path: Path) -> None:
        """The list as .csv or .xlsx; no text in it runs as a formula. Raises ChigaiError for other suffixes."""
        path = Path(path)
        rows = [_cells(row) for row in self.rows]
        if path.suffix.lower() == ".csv":
            # with its mark, or Excel takes the Chinese for something else
            with path.open("w", encoding="utf-8-sig", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow([head.title for head in HEADS])
                writer.writerows([guarded(v) if isinstance(v, str) else v for v in cells] for cells in rows)
        elif path.suffix.lower() == ".xlsx":
            options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
            book = xlsxwriter.Workbook(path, options)
            Pages(book, guarded(self.file)).add("核对结果", HEADS, rows)
            book.close()
        else:
            raise ChigaiError(
                "核对结果只能存为 .csv 或 .xlsx。",
                "The list is written as .csv or .xlsx.",
                do_zh="请换一个文件名。",
                do_en="choose another name.",
                file=path,
            )


def _cells(row: Row) -> list[Any]:
    zh, en = STATUS[row.status]
    flags = " ".join(f"{said_zh} {said_en}" for _, said_zh, said_en in row.flags)
    kind = f"{ZH[row.kind]} {row.kind}" if row.kind in ZH else row.kind
    return [
        row.row, f"{zh} {en}", row.block_id, kind, row.happened, row.sent_by, row.zh, row.en, flags, row.id,
    ]  # fmt: skip
