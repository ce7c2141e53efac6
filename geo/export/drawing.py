"""A drawing (DXF) of the blocks and sites, for the designers' CAD programs."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import ezdxf
import shapely
from ezdxf import units
from ezdxf.enums import TextEntityAlignment
from ezdxf.layouts import Modelspace
from pyproj import CRS

from geo.crs import name
from geo.export.options import Options
from geo.export.public import Outgoing, rings

STYLE = "HANZI"
FONT = "simsun.ttc"
"""A typeface that every Chinese Windows has; others fall back to their own."""

LAYERS = {
    "site": ("大池_达标_BLOCKS", 5),
    "site_small": ("大池_达标_示范点不足_BLOCKS", 4),
    "spare": ("大池_达标_未选入示范点_BLOCKS", 8),
    "below": ("大池_未达下限_BLOCKS", 30),
}
"""State of a block → layer and AutoCAD colour (5 blue, 4 cyan, 8 grey, 30 orange)."""
SITES = ("示范点_SITES", 6)
LABELS = ("标注_LABELS", 7)

TEXT_M = 3.0
"""Height of the labels, metres on the ground; a block of 3 mu is some 40 m wide."""


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write outlines (closed polylines, metres, a hole as a line of its own) and labels to a DXF of 2010."""
    drawing = ezdxf.new("R2010")
    drawing.units = units.M
    zh, en = out.about()
    for key, value in (
        ("坐标系", name(CRS.from_user_input(out.blocks.crs))),
        ("说明", zh),
        ("about", en),
    ):
        drawing.header.custom_vars.append(key, value)
    drawing.styles.add(STYLE, font=FONT)
    for layer, colour in (*LAYERS.values(), SITES, LABELS):
        drawing.layers.add(layer, color=colour)
    space = drawing.modelspace()
    blocks = out.blocks
    states = blocks["state"].to_numpy()
    for state, (layer, _) in LAYERS.items():
        _outlines(space, blocks.geometry.to_numpy()[states == state], layer)
    parts = shapely.get_parts(out.sites.geometry.to_numpy())
    _outlines(space, parts, SITES[0])
    places = shapely.get_coordinates(shapely.point_on_surface(blocks.geometry.to_numpy()))
    for i, (x, y) in enumerate(places):
        level = blocks["design_level_m"].iat[i]
        facts = f"{blocks['area_mu'].iat[i]:.1f}亩" + ("" if level != level else f" 设计高程{level:.2f}m")
        _label(space, blocks["block_id"].iat[i], x, y + 0.75 * TEXT_M)
        _label(space, facts, x, y - 0.75 * TEXT_M)
    drawing.saveas(path)


def _outlines(space: Modelspace, geoms: object, layer: str) -> None:
    for own in rings(geoms):  # type: ignore[arg-type]
        for ring in own:
            space.add_lwpolyline(ring.points[:-1].tolist(), close=True, dxfattribs={"layer": layer})


def _label(space: Modelspace, text: str, x: float, y: float) -> None:
    entity = space.add_text(_plain(text), height=TEXT_M, dxfattribs={"layer": LABELS[0], "style": STYLE})
    entity.set_placement((x, y), align=TextEntityAlignment.MIDDLE_CENTER)


def _plain(text: str) -> str:
    """Text without control characters and without the %% codes that CAD programs obey."""
    kept = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    return kept.replace("%%", "% %")
