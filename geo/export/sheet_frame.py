"""How a site comes onto A3: the scale, the windows of its sheets, and the grid on each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

WIDE_MM, HIGH_MM = 312.0, 250.0
"""The map window of an A3 sheet that lies across."""
SCALES = (
    500, 1000, 2000, 2500, 3000, 4000, 5000, 6000, 8000, 10_000, 12_000, 15_000, 20_000, 25_000, 30_000, 40_000,
    50_000, 60_000, 80_000, 100_000, 150_000, 200_000, 300_000, 500_000,
)  # fmt: skip
DETAIL = 2000
"""Up to this scale a parcel has room for its number, its level and its depth; what is smaller is an overview."""
MARGIN_MM = 8.0
"""Left free between what is drawn and the edge of the window."""

Box = tuple[float, float, float, float]
Kind = Literal["whole", "overview", "detail"]


@dataclass(frozen=True)
class Sheet:
    """One sheet: its number among the site's, and the window on the ground, metres: west, south, east, north.

    whole: the site in full detail on one sheet; overview: all of it, with the windows of the detail sheets.
    """

    number: int
    kind: Kind
    scale: int
    box: Box


def sheets(box: Box, bounds: NDArray[np.float64], scale: int | None = None) -> list[Sheet]:
    """The sheets of a site. box: its extent; bounds: float64[n, 4], of its blocks; scale: of the detail, if given.

    One sheet where the site fits at that scale or a larger one; otherwise an overview at the largest round scale
    that takes it, and sheets of the detail side by side, those without a block left out.
    """
    detail, fits = scale or DETAIL, _scale(box)
    if _need(box) <= detail:
        at = min(fits, detail) if scale is None else scale
        return [Sheet(1, "whole", at, _window(box, at))]
    found = [Sheet(1, "overview", fits, _window(box, fits))]
    for window in _tiles(box, detail):
        west, south, east, north = window
        inside = (
            (bounds[:, 0] < east) & (bounds[:, 2] > west) & (bounds[:, 1] < north) & (bounds[:, 3] > south)
        )
        if inside.any():
            found.append(Sheet(len(found) + 1, "detail", detail, window))
    return found


def _need(box: Box) -> float:
    """The scale at which a box just fits the window."""
    west, south, east, north = box
    return 1000 * max((east - west) / (WIDE_MM - 2 * MARGIN_MM), (north - south) / (HIGH_MM - 2 * MARGIN_MM))


def _scale(box: Box) -> int:
    """The largest scale of SCALES, or a round one beyond, at which a box fits the window."""
    need = _need(box)
    return next((scale for scale in SCALES if need <= scale), math.ceil(need / SCALES[-1]) * SCALES[-1])


def _window(box: Box, scale: int) -> Box:
    """The window at a scale, its middle in the middle of the box."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    wide, high = WIDE_MM * scale / 2000, HIGH_MM * scale / 2000
    return x - wide, y - high, x + wide, y + high


def _tiles(box: Box, scale: int) -> list[Box]:
    """Windows side by side that cover a box, row by row from the north-west, the cover in the middle of them."""
    wide, high = WIDE_MM * scale / 1000, HIGH_MM * scale / 1000
    across, down = max(1, math.ceil((box[2] - box[0]) / wide)), max(1, math.ceil((box[3] - box[1]) / high))
    west = (box[0] + box[2] - across * wide) / 2
    north = (box[1] + box[3] + down * high) / 2
    return [
        (west + i * wide, north - (j + 1) * high, west + (i + 1) * wide, north - j * high)
        for j in range(down)
        for i in range(across)
    ]


def round_length(metres: float) -> float:
    """The largest of 1, 2, 5, 10, 20, 50 … that is not more."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(n * power for n in (1, 2, 5) if n * power <= metres * (1 + 1e-9))


def grid(sheet: Sheet) -> tuple[list[float], list[float]]:
    """The eastings and northings of the grid on a sheet, some five centimetres apart."""
    step = round_length(0.06 * sheet.scale)
    west, south, east, north = sheet.box
    return _multiples(west, east, step), _multiples(south, north, step)


def _multiples(low: float, high: float, step: float) -> list[float]:
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
