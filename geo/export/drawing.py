"""A drawing (DXF) for construction: ridges that go and that stand, blocks, levels before and after, canals and roads."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import ezdxf
import numpy as np
import shapely
from ezdxf import units
from ezdxf.document import Drawing
from pyproj import CRS

from geo import looks, ridges
from geo.crs import name
from geo.export.corners import corners
from geo.export.dxf_stream import Stream, streamed
from geo.export.labels import Labels, labels
from geo.export.options import Cad, Options
from geo.export.public import Outgoing
from geo.export.site_outlines import site_outlines

STYLE = "HANZI"
FONT = "simsun.ttc"
FAMILY = "SimSun"
"""A typeface that every Chinese Windows has; others fall back to their own."""
DASHED = "OLD_RIDGE"

SCALE = 1000
"""Texts are as high as a plot of 1 : SCALE wants them, unless another scale is asked for."""


@dataclass(frozen=True)
class Layer:
    """A layer: its AutoCAD colour, the width of its lines in hundredths of a millimetre, its colour as #rrggbb."""

    title: str
    colour: int
    width: int = 18
    exact: str = ""
    dashed: bool = False


BLOCKS = {
    "site": Layer("大池", 5, 50, looks.BLOCKS["site"].colour),
    "site_small": Layer("大池_示范点不够大", 4, 50, looks.BLOCKS["site_small"].colour),
    "spare": Layer("大池_未选入示范点", 8, 50, looks.BLOCKS["spare"].colour),
    "below": Layer("大池_未达下限", 30, 50, looks.BLOCKS["below"].colour),
}
"""State of a block → layer of its outline."""
PARCELS = Layer("现状小池", 9, 13)
OLD = Layer("旧田埂", 1, 18, dashed=True)
NEW = Layer("新田埂", 3, 35)
SITES = Layer("示范点", 6, 70)
BEFORE = Layer("标高_现状", 8)
DESIGN = Layer("标高_设计", 5)
DEPTH = Layer("标高_挖填", 1)
POINTS = Layer("界址点", 30)
LABELS = Layer("标注", 7)
NOTES = Layer("说明", 7)
BARRIERS = {
    "main_canal": (5, 70), "branch_canal": (5, 50), "lateral_canal": (150, 35), "field_canal": (150, 25),
    "ditch": (140, 18), "drain": (170, 25), "road": (36, 50), "shelterbelt": (96, 35), "village": (34, 25),
    "other": (8, 18),
}  # fmt: skip
"""Kind of barrier → AutoCAD colour and width of its line; the layer has its Chinese name."""

NOTE_MM, POINT_MM, LINE = 4.0, 1.2, 1.6
"""Heights on the plot of the notes and of the corners' numbers; from one line of notes to the next, in heights."""


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write the drawing: metres, east and north as surveyed, nothing moved or turned.

    Of 2000 in the Chinese code page (ANSI_936): old survey programs read nothing newer, and GDAL (so QGIS) goes by
    the code page whatever the release. Characters that it lacks are written by their numbers, as CAD programs do. Or
    of 2007 in UTF-8. Outlines are closed polylines, a hole a line of its own.
    """
    drawing = _drawing(out, options.cad)
    scale = options.scale or SCALE
    blocks, parcels = out.blocks, out.parcels
    shapes, old = blocks.geometry.to_numpy(), parcels.geometry.to_numpy()
    states = blocks["state"].to_numpy()
    with streamed(drawing, path) as stream:
        for state, layer in BLOCKS.items():
            stream.outlines(layer.title, shapes[states == state])
        stream.outlines(SITES.title, site_outlines(out)[1])
        stream.outlines(PARCELS.title, np.concatenate([old, out.around]))
        options.progress(0.1)
        _barriers(stream, out)
        _ridges(stream, out)
        options.progress(0.5)
        for said in labels(out, scale):
            _texts(stream, said)
        options.progress(0.8)
        _points(stream, out, scale)
        _notes(stream, out, scale)
    options.progress(1.0)


def _drawing(out: Outgoing, cad: Cad) -> Drawing:
    """A drawing with its layers, styles and view, and nothing in it yet."""
    drawing = ezdxf.new(f"R{cad}")
    # what text is in before 2007; later files are UTF-8, and name the page of the machine that they are for
    drawing.encoding = "gbk"
    drawing.units = units.M
    drawing.header["$MEASUREMENT"] = 1
    drawing.header["$LUPREC"] = 3
    zh, en = out.about()
    for key, value in (("坐标系", _system(out)), ("说明", zh), ("about", en)):
        drawing.header.custom_vars.append(key, value)
    drawing.styles.add(STYLE, font=FONT).set_extended_font_data(FAMILY)
    # lengths in metres on the ground: two on, one off
    drawing.linetypes.add(DASHED, [3.0, 2.0, -1.0], description="旧田埂 __ __ __")
    kinds = set() if out.barriers is None else set(out.barriers["kind"])
    layers = [*BLOCKS.values(), SITES, PARCELS, OLD, NEW, BEFORE, DESIGN, DEPTH, POINTS, LABELS, NOTES]
    layers += [_barrier(kind) for kind in BARRIERS if kind in kinds]
    for layer in layers:
        made = drawing.layers.add(layer.title, color=layer.colour, lineweight=layer.width)
        if layer.exact:
            made.rgb = _rgb(layer.exact)
        if layer.dashed:
            made.dxf.linetype = DASHED
    if len(out.parcels):
        west, south, east, north = out.parcels.total_bounds
        drawing.header["$EXTMIN"], drawing.header["$EXTMAX"] = (west, south, 0), (east, north, 0)
        drawing.set_modelspace_vport(
            1.1 * max(north - south, (east - west) / 1.6), ((west + east) / 2, (south + north) / 2)
        )
    return drawing


def _system(out: Outgoing) -> str:
    return name(CRS.from_user_input(out.blocks.crs))


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _barrier(kind: str) -> Layer:
    colour, width = BARRIERS[kind]
    return Layer(looks.BARRIERS[kind].zh, colour, width, looks.BARRIERS[kind].colour)


def _barriers(stream: Stream, out: Outgoing) -> None:
    if out.barriers is None:
        return
    shapes, kinds = out.barriers.geometry.to_numpy(), out.barriers["kind"].to_numpy()
    areas = shapely.get_dimensions(shapes) == 2
    for kind in BARRIERS:
        own = kinds == kind
        stream.lines(_barrier(kind).title, shapes[own & ~areas])
        stream.outlines(_barrier(kind).title, shapes[own & areas])


def _ridges(stream: Stream, out: Outgoing) -> None:
    given = out.meta.get("parameters", {})
    gap = float(given.get("ridge_max_gap_m", ridges.GAP_M))
    facing = float(given.get("min_facing_m", ridges.FACING_M))
    place = {block: i for i, block in enumerate(out.blocks["block_id"])}
    label = out.parcels["block_id"].map(place).fillna(-1).to_numpy(np.int64)
    parcels, outlines = out.parcels.geometry.to_numpy(), out.blocks.geometry.to_numpy()
    walls = np.empty(0, object)
    if out.barriers is not None:
        walls = out.barriers.geometry.to_numpy()[out.barriers["fixed"].to_numpy(bool)]
    moved = out.blocks["block_id"].isin(out.straightened).to_numpy(bool)
    gone = ridges.removed(parcels, label, outlines, walls, moved, gap, facing)
    stream.lines(OLD.title, gone.lines)
    works = out.blocks["n_parcels"].to_numpy() > 1
    stay = ridges.standing(outlines, works, np.concatenate([parcels[label < 0], out.around]), gap, facing)
    stream.lines(NEW.title, stay.lines)


_LAYER_OF = {
    "block": LABELS,
    "area": LABELS,
    "number": LABELS,
    "design": DESIGN,
    "before": BEFORE,
    "depth": DEPTH,
}


def _texts(stream: Stream, said: Labels) -> None:
    stream.texts(
        _LAYER_OF[said.kind].title, STYLE, said.x, said.y, said.height_m, [plain(text) for text in said.words]
    )


def _points(stream: Stream, out: Outgoing, scale: int) -> None:
    """The corners of the blocks that are made, by the numbers of the stake-out table, inside of the corner."""
    blocks = out.blocks[out.blocks["n_parcels"] > 1]
    if blocks.empty:
        return
    shapes = blocks.geometry.to_numpy()
    found = corners(shapes)
    stream.points(POINTS.title, found.x, found.y)
    height = POINT_MM * scale / 1000
    middle = shapely.get_coordinates(shapely.point_on_surface(shapes))[found.block]
    inward = middle - np.column_stack([found.x, found.y])
    inward *= (1.2 * height / np.maximum(np.hypot(*inward.T), 1e-9))[:, None]
    stream.texts(
        POINTS.title,
        STYLE,
        found.x + inward[:, 0],
        found.y + inward[:, 1],
        np.full(len(found.x), height),
        [f"J{n}" for n in found.number.tolist()],
    )


def _notes(stream: Stream, out: Outgoing, scale: int) -> None:
    """What the drawing is, below all that is drawn."""
    if not len(out.parcels):
        return
    height = NOTE_MM * scale / 1000
    drawn = [out.parcels.geometry.to_numpy(), out.around]
    drawn += [] if out.barriers is None else [out.barriers.geometry.to_numpy()]
    west, south, *_ = shapely.total_bounds(np.concatenate(drawn))
    said = [plain(text) for text in notes(out, scale)]
    # texts are set about their middle, and a Chinese character is as wide as it is high
    half = np.array([sum(1.0 if ord(c) > 0x2E7F else 0.55 for c in text) for text in said]) * height / 2
    rows = south - (2 + LINE * np.arange(len(said))) * height
    stream.texts(NOTES.title, STYLE, west + half, rows, np.full(len(said), height), said)


def notes(out: Outgoing, scale: int) -> list[str]:
    """The notes under a drawing."""
    return [
        out.about()[0],
        f"坐标系：{_system(out)}；单位：米；未平移、未旋转。高程基准与所给高程资料相同。",
        f"字高按 1:{scale:,} 出图。",
        "红色虚线“旧田埂”为拆除的田埂；绿线“新田埂”为合并后大池四周的田埂（两池之间取中线，临渠沟路一侧取池边）。",
        "“标高_现状”为小池田面高程，“标高_设计”为大池设计田面高程，“标高_挖填”为各小池平均挖深、填高（米）。",
        "“界址点”编号与放样表、界址点 TXT 相同；小池号为池内序号，与放样表、调运表相同。",
    ]


def plain(text: str) -> str:
    """Text without control characters and without the %% codes that CAD programs obey.

    Characters beyond U+FFFF, which no drawing before 2007 can name, become 〓.
    """
    kept = "".join(c if ord(c) <= 0xFFFF else "〓" for c in text if unicodedata.category(c)[0] != "C")
    return kept.replace("%%", "% %")
