"""Map sheets of sites on A3 (PDF): true to scale, with levels, cut and fill, legend, grid and title block."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from geo import looks, ridges
from geo.errors import ChigaiError
from geo.export.boundary_points import system
from geo.export.map_layers import SITE_COLOUR
from geo.export.options import Options
from geo.export.public import Outgoing, no_blocks
from geo.export.sheet_frame import Sheet, grid, round_length, sheets
from geo.export.sheet_map import (
    AROUND_LINE,
    DEPTHS,
    KEPT,
    OLD_LINE,
    Ground,
    barrier_mm,
    drawn,
    short_numbers,
    tint,
)
from geo.export.site_outlines import site_outlines
from geo.export.typeface import family, mapped, pdf, quoted

TEMPLATE = Path(__file__).with_name("sheet.typ")
WAN = 10_000
MOST_SHEETS = 250
"""Sheets of one PDF: each takes some ten megabytes of memory while it is made."""
INDEX_MM = (60.0, 42.0)
"""How wide and how high the little map of the sheets may be."""
BAR_MM = 13.0
"""How long a quarter of the scale bar may be."""
NO_SITE = "不在示范点的大池"


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write the sheets of each site, those of one site after another; where there is no site, of all blocks.

    Raises ChigaiError where the machine has no Chinese typeface, there is no block, or there would be more than
    MOST_SHEETS.
    """
    name = family()
    parts = list(out.by_site())
    sites = set(out.sites["site_id"])
    if sites:
        parts = [(site, part) for site, part in parts if site in sites]
    if not parts:
        raise no_blocks()
    pages: list[str] = []
    for at, (site, part) in enumerate(parts):
        pages += _pages(site if site in sites else "", part, options.scale)
        if len(pages) > MOST_SHEETS:
            raise ChigaiError(
                f"图幅超过 {MOST_SHEETS} 张，一个 PDF 放不下。",
                f"More than {MOST_SHEETS} sheets are too many for one PDF.",
                do_zh="文件名以 .zip 结尾（每个示范点一个 PDF），或只选几个示范点，或用较小的比例尺。",
                do_en="let the name end in .zip (a PDF for each site), choose some sites, or a smaller scale.",
            )
        options.progress(0.6 * (at + 1) / len(parts))
    path.write_bytes(pdf(_document(pages, name, out.about()[0]), str(out.meta.get("created", ""))))


def _document(pages: list[str], name: str, title: str) -> str:
    head = [
        f"#set document(title: {quoted(title)})",
        "#set page(width: 420mm, height: 297mm, margin: 0mm)",
        f'#set text(font: {quoted(name)}, lang: "zh", region: "cn", cjk-latin-spacing: none)',
    ]
    return "\n".join([*head, TEMPLATE.read_text("utf-8"), "\n#pagebreak()\n".join(pages)])


def _pages(site: str, part: Outgoing, scale: int | None) -> Iterator[str]:
    """The sheets of one site, in Typst."""
    part = _in_order(part)
    blocks = part.blocks
    parcels, outlines = part.parcels.geometry.to_numpy(), blocks.geometry.to_numpy()
    place = {block: i for i, block in enumerate(blocks["block_id"])}
    label = part.parcels["block_id"].map(place).to_numpy(np.int64)
    walls = np.empty(0, object)
    if part.barriers is not None:
        walls = part.barriers.geometry.to_numpy()[part.barriers["fixed"].to_numpy(bool)]
    given = part.meta.get("parameters", {})
    old = ridges.removed(
        parcels, label, outlines, walls, blocks["block_id"].isin(part.straightened).to_numpy(bool),
        float(given.get("ridge_max_gap_m", ridges.GAP_M)), float(given.get("min_facing_m", ridges.FACING_M)),
    )  # fmt: skip
    head, short = short_numbers(blocks["block_id"].tolist())
    ground = Ground(part, old.lines, site_outlines(part)[1], short)
    found = sheets(tuple(blocks.total_bounds), blocks.bounds.to_numpy(), scale)
    for sheet in found:
        content = "\n".join(drawn(ground, sheet, [s for s in found if s.kind == "detail"]))
        yield f"#sheet({mapped(_told(site, part, sheet, found, head))}, [\n{content}\n])"


def _in_order(part: Outgoing) -> Outgoing:
    """The same with parcels in an order of place: public ids are random, and the sheet is to be the same each time."""
    bounds = shapely.bounds(part.around).reshape(-1, 4)
    return dataclasses.replace(
        part,
        parcels=part.parcels.sort_values(["block_id", "number"], ignore_index=True),
        around=part.around[np.lexsort(bounds.T)],
    )


def _told(site: str, part: Outgoing, sheet: Sheet, found: list[Sheet], head: str) -> dict[str, object]:
    """What the template writes round the map."""
    county = part.names.get(str(part.blocks["county"].iat[0]), ("",))[0]
    west, _, _, north = sheet.box
    mm = 1000 / sheet.scale
    kinds = {"whole": "", "overview": "总图", "detail": f"分幅图 {sheet.number}"}
    bar = round_length(BAR_MM * sheet.scale / 1000)
    eastings, northings = grid(sheet)
    said = dict(system(CRS.from_user_input(part.blocks.crs)))
    where = (
        f"{said['坐标系']}　{said['几度分带']}°带　带号 {said['带号']}" if said["带号"] else said["坐标系"]
    )
    return {
        "number": sheet.number,
        "title": f"{county}小池改大池示范点平面图" if site else f"{county}小池改大池平面图",
        "subtitle": f"{site or NO_SITE}　{kinds[sheet.kind]}",
        "scale-words": f"{sheet.scale:,}",
        "bar-mm": bar * mm,
        "bar-words": [f"{i * bar:g}" + (" m" if i == 4 else "") for i in range(5)],
        "east": [{"at": (x - west) * mm, "words": f"{x:.0f}"} for x in eastings],
        "north": [{"at": (north - y) * mm, "words": f"{y:.0f}"} for y in northings],
        "legend": _legend(part, sheet),
        "sample": None if sheet.kind == "overview" else _sample(head),
        "sample-words": [
            f"大池编号（前面还有 {head}）" if head else "大池编号", "面积", "▽ 设计田面高程（m）", "小池的池内序号",
            "小池现状田面高程（m）", "小池平均挖深、填高（m）",
        ],
        "index": _index(sheet, found),
        "facts": _facts(site, county, part, sheet, len(found)),
        "label": part.label[0],
        "system": f"{where}　单位：米　高程基准同所给高程资料",
        "source": f"方案 {part.meta.get('id', '')}",
    }  # fmt: skip


def _sample(head: str) -> list[tuple[str, str, float]]:
    return [
        ("bold", "102" if head else "B230381-00102", 2.4 if head else 1.7), ("plain", "8.3亩", 2.2),
        ("design", "▽75.12", 2.2), ("faint", "2号", 1.8), ("faint", "75.20", 1.8), ("depth", "挖0.08", 1.8),
    ]  # fmt: skip


def _legend(part: Outgoing, sheet: Sheet) -> list[dict[str, object]]:
    """What stands for what, of that which the sheet can show."""

    def area(title: str, colour: str | None, width: float = 0.0) -> dict[str, object]:
        return {"kind": "area", "title": title, "colour": colour, "width": width, "dash": "solid"}

    def line(title: str, colour: str, width: float, dash: str = "solid") -> dict[str, object]:
        return {"kind": "line", "title": title, "colour": colour, "width": width, "dash": dash}

    rows = [area("大池（新田埂）", None, 0.3)]
    if sheet.kind == "overview":
        there = set(part.blocks["state"])
        rows += [area(look.zh, tint(look.colour)) for state, look in looks.BLOCKS.items() if state in there]
    else:
        rows.append(line("旧田埂（拆除）", OLD_LINE, 0.15, "dashed"))
        if part.meta.get("earthwork", True):
            rows += [area(title, colour) for title, colour in DEPTHS]
        if (part.blocks["n_parcels"] == 1).any():
            rows.append(area(KEPT[0], KEPT[1], 0.3))
        rows.append(line("周围的现状小池", AROUND_LINE, 0.2))
    if part.barriers is not None:
        areal = shapely.get_dimensions(part.barriers.geometry.to_numpy()) == 2
        lines, areas = (set(part.barriers["kind"][which]) for which in (~areal, areal))
        thin = 0.6 if sheet.kind == "overview" else 1.0
        rows += [
            line(look.zh, look.colour, barrier_mm(kind) * thin)
            if kind in lines
            else area(look.zh, tint(look.colour))
            for kind, look in looks.BARRIERS.items()
            if kind in lines | areas
        ]
    if len(part.sites):
        rows.append(line("示范点范围", SITE_COLOUR, 0.5, "dash-dotted"))
    return rows


def _index(sheet: Sheet, found: list[Sheet]) -> dict[str, object] | None:
    """The little map of the sheets; None where one holds all."""
    details = [s for s in found if s.kind == "detail"]
    if not details:
        return None
    boxes = np.array([s.box for s in details])
    west, south, east, north = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
    mm = min(INDEX_MM[0] / (east - west), INDEX_MM[1] / (north - south))
    return {
        "wide": (east - west) * mm,
        "high": (north - south) * mm,
        "windows": [
            {
                "x": (b[0] - west) * mm,
                "y": (north - b[3]) * mm,
                "w": (b[2] - b[0]) * mm,
                "h": (b[3] - b[1]) * mm,
                "number": s.number,
            }
            for s, b in zip(details, boxes.tolist(), strict=True)
        ],
    }


def _facts(site: str, county: str, part: Outgoing, sheet: Sheet, total: int) -> list[tuple[str, str]]:
    """The title block: sums are of the blocks drawn."""
    blocks = part.blocks
    districts = list(blocks["irrigation_district"].dropna().unique())
    area, cost = float(blocks["area_mu"].sum()), float(blocks["cost_yuan"].sum())
    levelled = bool(part.meta.get("earthwork", True))
    small = bool(len(part.sites)) and not bool(part.sites["meets_minimum"].all())
    chosen = bool(len(part.sites)) and len(blocks) < int(part.sites["n_blocks"].sum())
    rows: list[tuple[str, Any]] = [
        (
            "示范点",
            (site or NO_SITE) + ("（未达示范点下限）" if small else "") + ("（部分大池）" if chosen else ""),
        ),
        ("县（市、区）", county),
        ("灌区", "、".join(districts) or "—"),
        ("面积", f"{area:,.1f} 亩"),
        ("大池", f"{len(blocks):,} 个，由 {int(blocks['n_parcels'].sum()):,} 个小池合成"),
        (
            "挖方 / 填方",
            f"{blocks['cut_m3'].sum():,.0f} / {blocks['fill_m3'].sum():,.0f} m³"
            if levelled
            else "没有高程资料",
        ),
        ("拆除田埂", f"{blocks['ridge_removed_m'].sum() / 1000:,.2f} km"),
        ("费用", f"{cost / WAN:,.2f} 万元，每亩 {cost / area if area else 0:,.0f} 元"),
        ("依据", part.meta.get("programme", {}).get("name_zh", "")),
        ("方案", f"{part.meta.get('id', '')}　{str(part.meta.get('created', ''))[:10]}"),
        ("比例尺", f"1:{sheet.scale:,}（A3 原大打印）"),
        ("图号", f"第 {sheet.number} 张　共 {total} 张"),
    ]
    return rows
