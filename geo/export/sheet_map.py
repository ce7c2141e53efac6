"""What is drawn in the window of a map sheet: blocks, ridges, cut and fill, canals, roads, labels, grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import looks
from geo.export.labels import depths, labels
from geo.export.map_layers import SITE_COLOUR
from geo.export.public import Outgoing
from geo.export.selection import inside
from geo.export.sheet_frame import Box, Sheet, grid
from geo.export.typeface import quoted

Shapes = NDArray[np.object_]

DEPTHS = (
    ("挖深 0.10 m 以上", "#F2B27A"), ("挖深 0.03–0.10 m", "#FBE0C4"), ("挖填不到 0.03 m", "#F6F5EE"),
    ("填高 0.03–0.10 m", "#D3E6F5"), ("填高 0.10 m 以上", "#94C3E6"),
)  # fmt: skip
"""How deep a parcel is cut or filled: title and colour, from cut to fill."""
DEPTH_STEPS_M = (0.10, 0.03, -0.03, -0.10)
KEPT = ("单池达标，保持原状", "#FFFFFF")
BLOCK_LINE, OLD_LINE, AROUND_LINE = "#1B3A57", "#C0392B", "#C9C4B8"
ITEMS = 3000
"""Segments of one curve: longer ones are cut up."""
NUMBER_MM = 1.3
"""A block's number is written on an overview where it can be this high."""


@dataclass(frozen=True)
class Ground:
    """What is drawn of a site on all its sheets: the tables, the ridges that go, the site's outline, its numbers."""

    out: Outgoing
    old: Shapes
    outline: Shapes
    short: dict[str, str]


def short_numbers(block_ids: list[str]) -> tuple[str, dict[str, str]]:
    """What all ids begin with (up to a hyphen), and of each what follows it; a site has room for no more."""
    heads = {block.rpartition("-")[0] for block in block_ids}
    if len(heads) != 1 or "" in heads:
        return "", {block: block for block in block_ids}
    return f"{heads.pop()}-", {block: block.rpartition("-")[2].lstrip("0") or "0" for block in block_ids}


def drawn(ground: Ground, sheet: Sheet, windows: list[Sheet]) -> Iterator[str]:
    """The window's content in Typst. windows: of the detail sheets, which an overview shows."""
    paper = _Paper(sheet.box, sheet.scale)
    out = ground.out
    blocks = out.blocks[inside(out.blocks.bounds.to_numpy(), sheet.box, 0)]
    around = out.around[inside(shapely.bounds(out.around).reshape(-1, 4), sheet.box, 0)]
    shapes = blocks.geometry.to_numpy()
    if sheet.kind != "overview":
        yield from paper.areas(around, stroke=(AROUND_LINE, 0.1))
        yield from _depths(paper, out, blocks)
        yield from paper.lines(_cut(ground.old, sheet.box), OLD_LINE, 0.15, "dashed")
    else:
        states = blocks["state"].to_numpy()
        for state, look in looks.BLOCKS.items():
            yield from paper.areas(shapes[states == state], fill=tint(look.colour))
    yield from paper.areas(shapes, stroke=(BLOCK_LINE, 0.3 if sheet.kind != "overview" else 0.1))
    yield from _barriers(paper, out, sheet)
    yield from paper.areas(_cut(ground.outline, sheet.box), stroke=(SITE_COLOUR, 0.5), dash="dash-dotted")
    yield from _grid(paper, sheet)
    if sheet.kind == "overview":
        yield from _numbers(paper, ground, blocks, sheet.scale)
        for window in windows:
            yield paper.window(window)
    else:
        yield from _labels(paper, ground, sheet)


class _Paper:
    """Ground in metres onto a window in millimetres, y downwards."""

    def __init__(self, box: Box, scale: int) -> None:
        self._west, self._north, self._mm = box[0], box[3], 1000 / scale

    def place(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[list[float], list[float]]:
        return ((x - self._west) * self._mm).tolist(), ((self._north - y) * self._mm).tolist()

    def areas(
        self,
        shapes: Shapes,
        fill: str | None = None,
        stroke: tuple[str, float] | None = None,
        dash: str = "solid",
    ) -> Iterator[str]:
        """Polygons with their holes."""
        yield from self._curves(shapely.get_rings(shapely.get_parts(shapes)), True, fill, stroke, dash)

    def lines(self, shapes: Shapes, colour: str, width_mm: float, dash: str = "solid") -> Iterator[str]:
        """Lines."""
        yield from self._curves(shapely.get_parts(shapes), False, None, (colour, width_mm), dash)

    def _curves(
        self, lines: Shapes, closed: bool, fill: str | None, stroke: tuple[str, float] | None, dash: str
    ) -> Iterator[str]:
        points, line = shapely.get_coordinates(lines, return_index=True)
        if not len(points):
            return
        first = np.ones(len(points), bool)
        first[1:] = line[1:] != line[:-1]
        last = np.roll(first, -1)
        look = f"fill: {'none' if fill is None else f'rgb({quoted(fill)})'}, "
        if stroke is None:
            look += "stroke: none"
        else:
            look += f'stroke: (paint: rgb({quoted(stroke[0])}), thickness: {stroke[1]}mm, dash: {quoted(dash)}, join: "round")'
        items: list[str] = []
        for x, y, begins, ends in zip(*self.place(*points.T), first.tolist(), last.tolist(), strict=True):
            if begins and len(items) > ITEMS:
                yield f"#drawn({look}, {', '.join(items)})"
                items = []
            if not (ends and closed):
                items.append(f"{'m' if begins else 'l'}(({x:.2f}mm, {y:.2f}mm))")
            else:
                items.append("c()")
        yield f"#drawn({look}, {', '.join(items)})"

    def texts(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        high_m: NDArray[np.float64],
        words: list[str],
        look: str,
    ) -> Iterator[str]:
        """Texts about their middle. look: the function of the page that writes them."""
        for a, b, h, word in zip(*self.place(x, y), (high_m * self._mm).tolist(), words, strict=True):
            yield f"#{look}({a:.2f}, {b:.2f}, {h:.2f}, {quoted(word)})"

    def window(self, sheet: Sheet) -> str:
        """The window of another sheet, with its number."""
        (x0, x1), (y0, y1) = self.place(np.array(sheet.box[::2]), np.array(sheet.box[3:0:-2]))
        return f"#window({x0:.2f}, {y0:.2f}, {x1 - x0:.2f}, {y1 - y0:.2f}, {sheet.number})"


def tint(colour: str, share: float = 0.35) -> str:
    """A colour on white paper, so much of it."""
    return "#" + "".join(f"{round(255 - share * (255 - int(colour[i : i + 2], 16))):02X}" for i in (1, 3, 5))


def _cut(shapes: Shapes, box: Box) -> Shapes:
    """What of some shapes lies in a box."""
    there = shapes[inside(shapely.bounds(shapes).reshape(-1, 4), box, 0)]
    cut = shapely.clip_by_rect(there, *box)
    parts = shapely.get_parts(cut)
    return parts[~shapely.is_empty(parts)]


def _depths(paper: _Paper, out: Outgoing, blocks: pd.DataFrame) -> Iterator[str]:
    """The parcels of the blocks by how deep they are cut or filled."""
    mine = out.parcels["block_id"].isin(blocks["block_id"]).to_numpy(bool)
    shapes, deep = out.parcels.geometry.to_numpy()[mine], depths(out)[mine]
    yield from paper.areas(blocks.geometry.to_numpy(), fill=DEPTHS[2][1])
    which = np.searchsorted(-np.array(DEPTH_STEPS_M), -deep)
    for at, (_, colour) in enumerate(DEPTHS):
        yield from paper.areas(shapes[(which == at) & np.isfinite(deep)], fill=colour)
    kept = blocks["n_parcels"].to_numpy() == 1
    yield from paper.areas(blocks.geometry.to_numpy()[kept], fill=KEPT[1])


def _barriers(paper: _Paper, out: Outgoing, sheet: Sheet) -> Iterator[str]:
    if out.barriers is None or out.barriers.empty:
        return
    thin = 0.6 if sheet.kind == "overview" else 1.0
    shapes, kinds = out.barriers.geometry.to_numpy(), out.barriers["kind"].to_numpy()
    areal = shapely.get_dimensions(shapes) == 2
    for kind, look in looks.BARRIERS.items():
        own = kinds == kind
        yield from paper.areas(
            _cut(shapes[own & areal], sheet.box), fill=tint(look.colour), stroke=(look.colour, 0.15)
        )
        yield from paper.lines(_cut(shapes[own & ~areal], sheet.box), look.colour, barrier_mm(kind) * thin)


def barrier_mm(kind: str) -> float:
    """How wide a canal or road is drawn on paper, mm."""
    return round(0.55 * looks.BARRIER_MM[kind], 2)


def _grid(paper: _Paper, sheet: Sheet) -> Iterator[str]:
    """Crosses where lines of the coordinate grid meet."""
    east, north = grid(sheet)
    for x, y in zip(
        *paper.place(*np.array([(x, y) for x in east for y in north]).reshape(-1, 2).T), strict=True
    ):
        yield f"#cross({x:.2f}, {y:.2f})"


_LOOKS = {
    "block": "bold",
    "area": "plain",
    "design": "design",
    "number": "faint",
    "before": "faint",
    "depth": "depth",
}


def _labels(paper: _Paper, ground: Ground, sheet: Sheet) -> Iterator[str]:
    west, south, east, north = sheet.box
    for said in labels(ground.out, sheet.scale):
        there = (said.x > west) & (said.x < east) & (said.y > south) & (said.y < north)
        words = [word for word, seen in zip(said.words, there.tolist(), strict=True) if seen]
        if said.kind == "block":
            words = [ground.short[word] for word in words]
        yield from paper.texts(said.x[there], said.y[there], said.height_m[there], words, _LOOKS[said.kind])


def _numbers(paper: _Paper, ground: Ground, blocks: pd.DataFrame, scale: int) -> Iterator[str]:
    """The blocks' numbers alone, where there is room for them."""
    if blocks.empty:
        return
    shapes = blocks.geometry.to_numpy()
    words = [ground.short[block] for block in blocks["block_id"]]
    wide = np.array([0.65 * max(len(word), 2) for word in words])
    high = np.minimum(np.sqrt(shapely.area(shapes)) / wide / 1.6, 2.2 * scale / 1000)
    seen = high >= NUMBER_MM * scale / 1000
    x, y = shapely.get_coordinates(shapely.point_on_surface(shapes)).T
    yield from paper.texts(
        x[seen], y[seen], high[seen], [w for w, s in zip(words, seen.tolist(), strict=True) if s], "plain"
    )
