"""What goes to the field, block by block (xlsx): corners to stake out, cut and fill of parcels, loads of earth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyproj import CRS

from geo.export.boundary_points import system
from geo.export.corners import corners
from geo.export.labels import depths
from geo.export.options import Options
from geo.export.paging import Book, Group
from geo.export.public import Outgoing
from geo.export.workbook import Head
from geo.schemas import MU_M2

POINTS = (
    Head("大池编号", "text", 15), Head("点号", "text", 7), Head("北坐标 X（m）", "metres", 14),
    Head("东坐标 Y（m）", "metres", 13), Head("设计高程 H（m）", "number", 10), Head("备注", "text", 13),
)  # fmt: skip
PARCELS = (
    Head("大池编号", "text", 15), Head("小池（池内序号）", "count", 9), Head("面积（亩）", "number", 8),
    Head("现状高程（m）", "number", 9), Head("设计高程（m）", "number", 9), Head("挖深（+）填高（−）（m）", "signed", 12),
    Head("挖方（m³）", "number", 10), Head("填方（m³）", "number", 10),
)  # fmt: skip
OWN_ID = Head("小池编号", "text", 21)
LOADS = (
    Head("大池编号", "text", 15), Head("从小池（池内序号）", "count", 11), Head("运到小池（池内序号）", "count", 11),
    Head("土方（m³）", "number", 11), Head("运距（m）", "number", 10), Head("运量（m³·m）", "number", 13),
)  # fmt: skip
INDEX = (
    Head("大池编号", "text", 17), Head("县（市、区）", "text", 11), Head("示范点", "text", 14), Head("面积（亩）", "number", 10),
    Head("小池数", "count", 8), Head("设计高程（m）", "number", 11), Head("挖方（m³）", "number", 11),
    Head("填方（m³）", "number", 11), Head("平均运距（m）", "number", 10), Head("界址点数", "count", 9),
    Head("放样表", "text", 11), Head("挖填表", "text", 11), Head("调运表", "text", 11),
)  # fmt: skip
SHEETS = ("放样表", "挖填表", "调运表")
TITLE_PT = 26.0
MOST_LINKS = 60_000
"""Links of one sheet; Excel takes 65,530."""


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write an index and three tables: 放样表, 挖填表, 调运表, for A4, each block in one piece where it fits a page.

    Blocks that are made of several parcels; one that is left as it is needs no stakes. Parcels go by their numbers
    inside the block, as on drawings and map sheets; in an internal copy by their own ids too.
    """
    blocks = out.blocks[out.blocks["n_parcels"] > 1].reset_index(drop=True)
    about, _ = out.about()
    label, _ = out.label
    said = dict(system(CRS.from_user_input(out.blocks.crs)))
    where = f"{said['坐标系']} {said['几度分带']}°带 带号{said['带号']}" if said["带号"] else said["坐标系"]
    book = Book(path, where, label, about)
    index = book.sheet("目录", INDEX, first=len(_notes(out, where)) + 1, fitted=True, across=True)
    points = _points(blocks)
    options.progress(0.1)
    places = [book.groups(SHEETS[0], POINTS, points)]
    options.progress(0.5)
    heads = (*PARCELS, OWN_ID) if out.internal else PARCELS
    places.append(book.groups(SHEETS[1], heads, _parcels(out, blocks)))
    options.progress(0.7)
    places.append(book.groups(SHEETS[2], LOADS, _loads(out, blocks)))
    options.progress(0.8)
    _index(book, index, out, blocks, [len(group.rows) for group in points], places, _notes(out, where))
    book.book.close()


def _title(block: Any, more: str) -> str:
    level = "" if block.design_level_m != block.design_level_m else f"　设计高程 {block.design_level_m:.2f} m"
    return f"{block.block_id}　{block.area_mu:.2f} 亩{level}　{more}"


def _rows(blocks: pd.DataFrame) -> list[Any]:
    return list(blocks.itertuples())


def _points(blocks: pd.DataFrame) -> list[Group]:
    found = corners(blocks.geometry.to_numpy())
    x, y = found.x.tolist(), found.y.tolist()
    ring, number = found.ring.tolist(), found.number.tolist()
    groups = []
    for at, block in enumerate(_rows(blocks)):
        rows = [
            (
                block.block_id,
                f"J{number[k]}",
                y[k],
                x[k],
                block.design_level_m,
                f"第 {ring[k]} 圈（内环）" if ring[k] > 1 else None,
            )
            for k in range(found.at[at], found.at[at + 1])
        ]
        groups.append(Group(_title(block, f"界址点 {len(rows)} 个"), rows))
    return groups


def _parcels(out: Outgoing, blocks: pd.DataFrame) -> list[Group]:
    parcels = out.parcels.assign(depth_m=depths(out)).dropna(subset=["block_id"])
    volume = parcels["depth_m"] * parcels["area_mu"] * MU_M2
    parcels = parcels.assign(cut_m3=volume.clip(lower=0), fill_m3=(-volume).clip(lower=0))
    level = dict(zip(blocks["block_id"], blocks["design_level_m"], strict=True))
    columns = ["number", "area_mu", "elevation_m", "depth_m", "cut_m3", "fill_m3", "parcel_id"]
    own = dict(list(parcels.sort_values(["block_id", "number"]).groupby("block_id")[columns]))
    groups = []
    for block in _rows(blocks):
        rows = [
            (
                block.block_id,
                no,
                mu,
                z,
                level[block.block_id],
                d,
                cut,
                fill,
                *([name] if out.internal else []),
            )
            for no, mu, z, d, cut, fill, name in zip(
                *(own[block.block_id][c].tolist() for c in columns), strict=True
            )
        ]
        earth = (
            ""
            if block.design_level_m != block.design_level_m
            else f"挖 {block.cut_m3:,.1f} m³，填 {block.fill_m3:,.1f} m³"
        )
        groups.append(Group(_title(block, f"小池 {len(rows)} 个　{earth}"), rows))
    return groups


def _loads(out: Outgoing, blocks: pd.DataFrame) -> list[Group]:
    if out.hauls is None:
        return []
    columns = ["from_number", "to_number", "volume_m3", "distance_m"]
    own = dict(list(out.hauls.groupby("block_id")[columns]))
    groups = []
    for block in _rows(blocks):
        loads = own.get(block.block_id)
        rows = (
            []
            if loads is None
            else [
                (block.block_id, a, b, m3, m, m3 * m)
                for a, b, m3, m in zip(*(loads[c].tolist() for c in columns), strict=True)
            ]
        )
        said = f"共 {sum(row[3] for row in rows):,.1f} m³，{len(rows)} 条" if rows else "不用运土"
        groups.append(Group(_title(block, said), rows))
    return groups


def _notes(out: Outgoing, where: str) -> list[str]:
    return [
        out.about()[0],
        f"坐标：{where}，X 向北，Y 向东，单位米；高程基准与所给高程资料相同。",
        "点号从西北角起顺时针，与界址点 TXT、施工图（DXF）相同；小池用池内序号，与施工图、示范点图相同。",
        "高程为田面平均高程；挖深、填高为小池田面到设计田面；土方为自然方，未计松散、压实。",
        *([] if out.meta.get("earthwork", True) else ["方案没有高程资料：没有设计高程、挖填和调运。"]),
    ]


def _index(
    book: Book,
    sheet: Any,
    out: Outgoing,
    blocks: pd.DataFrame,
    points: Sequence[int],
    placed: Sequence[Sequence[tuple[str, int]]],
    notes: Sequence[str],
) -> None:
    last = len(INDEX) - 1
    sheet.set_row(0, TITLE_PT)
    sheet.merge_range(0, 0, 0, last, "放样、挖填、调运表目录", book.title)
    for row, note in enumerate(notes, 1):
        sheet.merge_range(row, 0, row, last, note, book.note)
    first = len(notes) + 1
    book.heads(sheet, INDEX, first)
    linked = sum(len(places) for places in placed) <= MOST_LINKS
    haul = np.divide(
        blocks["haul_m3m"], blocks["fill_m3"], out=np.zeros(len(blocks)), where=blocks["fill_m3"] > 0
    )
    counties = [out.names.get(code, (code,))[0] for code in blocks["county"]]
    sites = blocks["site_id"].astype(object).where(blocks["site_id"].notna(), None).tolist()
    for at, block in enumerate(_rows(blocks)):
        row = first + 1 + at
        values = [
            block.block_id, counties[at], sites[at], block.area_mu, block.n_parcels, block.design_level_m, block.cut_m3,
            block.fill_m3, haul[at], points[at],
        ]  # fmt: skip
        for column, value in enumerate(values):
            book.cell(sheet, row, column, value, INDEX[column].kind)
        for column, places in enumerate(placed, len(values)):
            name, line = places[at] if places else ("", 0)
            if places and linked:
                sheet.write_url(
                    row, column, f"internal:'{name}'!A{line + 1}", book.link, f"{name} {line + 1} 行"
                )
            else:
                book.cell(sheet, row, column, f"{name} {line + 1} 行" if places else None, "text")
    sheet.autofilter(first, 0, first + max(len(blocks), 1), last)
