"""What is written on drawings and map sheets, and where: blocks, areas, levels before and after, cut and fill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.export.public import Outgoing

Kind = Literal["block", "area", "design", "number", "before", "depth"]
Floats = NDArray[np.float64]

BLOCK_MM, PARCEL_MM = (1.3, 2.5), (1.0, 1.8)
"""Least and greatest height of a text on paper, of a block and of a parcel; in between it fits the shape."""
BLOCK_WIDE, PARCEL_WIDE = 7.5, 3.6
"""How many heights wide what is written of them is."""
LINE = 1.5
"""From one line to the next, in heights."""
LEVEL_M = 0.005
"""A parcel that is cut or filled by less than this is level already, as far as two decimals tell."""


@dataclass(frozen=True)
class Labels:
    """Texts of one kind: x, y of their middles and heights, metres on the ground, float64[n]; the words."""

    kind: Kind
    x: Floats
    y: Floats
    height_m: Floats
    words: list[str]


def depths(out: Outgoing) -> Floats:
    """How deep each parcel is cut (above 0) or filled (below), m: float64[parcels].

    NaN without a block or levels, and where a block is one parcel, which is left as it is.
    """
    blocks = out.blocks[out.blocks["n_parcels"] > 1]
    level = out.parcels["block_id"].map(dict(zip(blocks["block_id"], blocks["design_level_m"], strict=True)))
    return out.parcels["elevation_m"].to_numpy(float) - level.to_numpy(float)


def told(depth_m: float) -> str:
    """A depth in words: 挖 cut, 填 fill, 平 neither."""
    if depth_m != depth_m:
        return ""
    if abs(depth_m) < LEVEL_M:
        return "平"
    return f"{'挖' if depth_m > 0 else '填'}{abs(depth_m):.2f}"


def labels(out: Outgoing, scale: int) -> Iterator[Labels]:
    """All texts, kind by kind, for a drawing of 1 : scale; what is empty is left out.

    Each parcel's lines stand about its middle, a block's above those of its largest parcel.
    """
    parcels, blocks = out.parcels, out.blocks
    shapes = parcels.geometry.to_numpy()
    x, y = middles(shapes)
    high = _height(shapes, PARCEL_MM, PARCEL_WIDE, scale)
    number = ["" if n is pd.NA else f"{n}号" for n in parcels["number"]]
    before = ["" if z != z else f"{z:.2f}" for z in parcels["elevation_m"].to_numpy(float).tolist()]
    depth = [told(d) for d in depths(out).tolist()]
    own: list[tuple[Kind, list[str]]] = [("number", number), ("before", before), ("depth", depth)]

    host = _largest(out)
    block_high = _height(blocks.geometry.to_numpy(), BLOCK_MM, BLOCK_WIDE, scale)
    area = [f"{mu:.1f}亩" for mu in blocks["area_mu"].tolist()]
    design = ["" if z != z else f"▽{z:.2f}" for z in blocks["design_level_m"].to_numpy(float).tolist()]
    theirs: list[tuple[Kind, list[str]]] = [
        ("block", blocks["block_id"].tolist()),
        ("area", area),
        ("design", design),
    ]
    block_lines = np.sum([[text != "" for text in words] for _, words in theirs], axis=0)
    lines = np.sum([[text != "" for text in words] for _, words in own], axis=0)

    # the lines of a parcel that also bears its block's go down by half of these, and those up by half of the others
    top = LINE * (lines - 1) / 2 * high
    found = host >= 0
    top[host[found]] -= LINE * block_lines[found] / 2 * block_high[found]
    at_x, at_y = middles(blocks.geometry.to_numpy())
    at_x[found], at_y[found] = x[host[found]], y[host[found]]
    block_top = LINE * (block_lines - 1) / 2 * block_high
    block_top[found] += LINE * lines[host[found]] / 2 * high[host[found]]
    yield from _stacked(theirs, at_x, at_y + block_top, block_high)
    yield from _stacked(own, x, y + top, high)


def _stacked(columns: list[tuple[Kind, list[str]]], x: Floats, y: Floats, high: Floats) -> Iterator[Labels]:
    """One text below the other, those that are empty taking no room."""
    y = y.copy()
    for kind, words in columns:
        there = np.array([word != "" for word in words], bool)
        yield Labels(kind, x[there], y[there], high[there], [word for word in words if word])
        y[there] -= LINE * high[there]


def middles(shapes: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """A point in each shape: its centre of gravity, or another where that lies outside."""
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T.copy()
    outside = np.flatnonzero(~shapely.contains_xy(shapes, x, y))
    x[outside], y[outside] = shapely.get_coordinates(shapely.point_on_surface(shapes[outside])).T
    return x, y


def _height(shapes: NDArray[np.object_], limits_mm: tuple[float, float], wide: float, scale: int) -> Floats:
    """Heights of texts so many heights wide that fit, metres on the ground.

    What they fit is the short side of the rectangle of the same area and girth.
    """
    area, half = shapely.area(shapes), shapely.length(shapes) / 2
    short = (half - np.sqrt(np.maximum(half * half - 4 * area, 0))) / 2
    low, high = (mm * scale / 1000 for mm in limits_mm)
    return np.clip(short / wide, low, high)


def _largest(out: Outgoing) -> NDArray[np.intp]:
    """The row of the largest parcel of each block, -1 where none of it is there."""
    parcels = out.parcels
    order = parcels["area_mu"].to_numpy(float).argsort(kind="stable")
    row = dict(zip(parcels["block_id"].to_numpy(object)[order], order.tolist(), strict=True))
    return np.array([row.get(block, -1) for block in out.blocks["block_id"]], dtype=np.intp)
