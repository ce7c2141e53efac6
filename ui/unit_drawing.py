"""A field unit as a drawing: its parcels with their numbers, its blocks, what is locked, what is selected. Safe SVG."""

from __future__ import annotations

from collections.abc import Collection

import shapely

from planning.editing.figures import Drawn
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from ui import palette, safe

WIDE, HIGH, ROOM = 1000.0, 620.0, 8.0
TINTS = ("#CFE3F1", "#F3DDAE", "#CBE7D6", "#E7D3E4", "#DDE3B4", "#D9D4F0")
"""Beside each other, blocks differ; what they are is in the table."""
CHOSEN, EDGE, RIDGE = "#D55E00", "#1d2a35", "#8a97a3"


def svg(unit: FieldUnit, state: State, here: Drawn, chosen: Collection[str], name: str) -> str:
    """The drawing, north up. chosen: ids of parcels and blocks that are selected; name: what it shows, for who hears it."""
    west, south, east, north = map(float, unit.parcels.total_bounds)
    scale = min((WIDE - 2 * ROOM) / max(east - west, 1e-9), (HIGH - 2 * ROOM) / max(north - south, 1e-9))
    high = (north - south) * scale + 2 * ROOM
    wide = (east - west) * scale + 2 * ROOM

    def path(shape: shapely.Geometry) -> str:
        parts = []
        for polygon in shapely.get_parts(shape):
            for ring in [polygon.exterior, *polygon.interiors]:
                xy = [
                    f"{(x - west) * scale + ROOM:.1f} {(north - y) * scale + ROOM:.1f}"
                    for x, y in ring.coords[:-1]
                ]
                parts.append("M" + "L".join(xy) + "Z")
        return "".join(parts)

    tint = {block: TINTS[i % len(TINTS)] for i, block in enumerate(state.members())}
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" '
        f'height="{high:.0f}" role="img"><title>{safe.text(name)}</title>',
        "<style>text{text-anchor:middle;dominant-baseline:central;font-family:sans-serif}</style>",
        '<defs><pattern id="cg-lock" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<line x1="0" y1="0" x2="0" y2="9" stroke="{EDGE}" stroke-width="2" opacity=".45"/></pattern></defs>',
    ]
    for row, shape in enumerate(unit.geoms):
        block = state.block[row]
        fill = (
            tint[block]
            if block is not None
            else palette.REASONS["taken_out"].colour
            if state.out[row]
            else "#fff"
        )
        out.append(f'<path d="{path(shape)}" fill="{fill}" stroke="{RIDGE}" stroke-width="1"/>')
        if state.locked[row]:
            out.append(f'<path d="{path(shape)}" fill="url(#cg-lock)"/>')
    for block, shape in zip(here.blocks.block_id, here.blocks.geometry, strict=True):
        picked = block in chosen
        width = 5 if picked else 2.4
        out.append(
            f'<path d="{path(shape)}" fill="none" stroke="{CHOSEN if picked else EDGE}" stroke-width="{width}"/>'
        )
    for row, shape in enumerate(unit.geoms):
        if unit.names[row] in chosen:
            out.append(
                f'<path d="{path(shape)}" fill="{CHOSEN}" fill-opacity=".25" stroke="{CHOSEN}" stroke-width="4"/>'
            )
        at = shapely.point_on_surface(shape)
        x, y = (at.x - west) * scale + ROOM, (north - at.y) * scale + ROOM
        size = min(15.0, 0.5 * scale * float(shape.area) ** 0.5)
        ink = "#fff" if state.out[row] else EDGE
        out.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="{ink}">{row + 1}</text>')
    return "".join([*out, "</svg>"])
