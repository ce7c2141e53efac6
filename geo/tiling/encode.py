"""Shapes on a tile's grid as the bytes of a Mapbox vector tile (specification 2.1): geometry and a number, nothing else.

A shape is written whole into every tile that its box meets, not cut at the tile's edge: paddies are smaller than
tiles, so this costs little, and no false line is drawn where two tiles meet. Of lines only those segments are
written that come near the tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.compiled import kernel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LINE, AREA = 2, 3
"""Kinds of geometry, as the specification numbers them."""
VERSION = 2
_ROOM = 24
"""Bytes at most around a feature's corners: its lengths, number and kind."""
_CORNER = 12
"""Bytes at most for a corner, with its command."""
_NEAR = 0.1
"""Part of a tile's width round it within which segments of lines are written."""


@dataclass(frozen=True)
class Shapes:
    """n shapes of one kind on the grid of web maps.

    number: int64[n], of each shape. xy: float64[k, 2], corners in parts of the world's square; at: int64[r + 1],
    where each ring or line begins in them; first: int64[n + 1], the first ring or line of each shape. Rings are
    closed, outer ones run clockwise as seen.
    """

    kind: int
    number: Ints
    xy: Floats
    at: Ints
    first: Ints

    def boxes(self) -> Floats:
        """Least x and y, most x and y of each shape, float64[n, 4]; NaN for one without corners."""
        out: Floats = _boxes(self.xy, self.at, self.first)
        return out


def tiled(shapes: Shapes, zoom: int) -> Iterator[tuple[int, int, Ints]]:
    """Column and row of each tile of a zoom that boxes of shapes meet, and which shapes those are."""
    x, y, of = _pairs(shapes.boxes() * 2.0**zoom)
    order = np.lexsort((of, x, y))
    x, y, of = x[order], y[order], of[order]
    ends = np.flatnonzero(np.r_[(np.diff(x) != 0) | (np.diff(y) != 0), True]) + 1 if len(x) else x
    for start, end in zip([0, *ends[:-1]], ends, strict=False):
        yield int(x[start]), int(y[start]), of[start:end]


def layer(name: str, shapes: Shapes, which: Ints, tile: tuple[int, int, int], extent: int) -> bytes:
    """A tile's layer of the shapes at `which`; empty where nothing of them is seen in it.

    extent: steps of the grid along the tile's side.
    """
    zoom, x, y = tile
    corners = shapes.at[shapes.first[which + 1]] - shapes.at[shapes.first[which]]
    room = np.empty(int(corners.sum() * _CORNER + len(which) * _ROOM), np.uint8)
    scratch = np.empty(int(corners.max(initial=0) * _CORNER + _ROOM), np.uint8)
    length = _features(
        room, scratch, shapes.kind, shapes.number, shapes.xy, shapes.at, shapes.first, which,
        2.0**zoom * extent, float(x * extent), float(y * extent), extent,
    )  # fmt: skip
    if not length:
        return b""
    title = name.encode()
    body = b"".join(
        [
            b"\x0a", _varint(len(title)), title, room[:length].tobytes(), b"\x28", _varint(extent),
            b"\x78", _varint(VERSION),
        ]
    )  # fmt: skip
    return b"\x1a" + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@kernel
def _boxes(xy, at, first):
    n = len(first) - 1
    out = np.full((n, 4), np.nan)
    for i in range(n):
        low, high = at[first[i]], at[first[i + 1]]
        if high > low:
            out[i, 0], out[i, 1] = xy[low]
            out[i, 2], out[i, 3] = xy[low]
        for k in range(low + 1, high):
            out[i, 0], out[i, 1] = min(out[i, 0], xy[k, 0]), min(out[i, 1], xy[k, 1])
            out[i, 2], out[i, 3] = max(out[i, 2], xy[k, 0]), max(out[i, 3], xy[k, 1])
    return out


@kernel
def _pairs(box):
    """Column, row and shape of every tile that a box meets; boxes in tiles of the zoom."""
    count = 0
    for i in range(len(box)):
        if box[i, 0] == box[i, 0]:
            count += (int(box[i, 2]) - int(box[i, 0]) + 1) * (int(box[i, 3]) - int(box[i, 1]) + 1)
    x, y, of = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    k = 0
    for i in range(len(box)):
        if box[i, 0] != box[i, 0]:
            continue
        for column in range(int(box[i, 0]), int(box[i, 2]) + 1):
            for row in range(int(box[i, 1]), int(box[i, 3]) + 1):
                x[k], y[k], of[k] = column, row, i
                k += 1
    return x, y, of


@kernel
def _put(out, at, value):
    """Write a varint; where the next byte goes."""
    while value >= 0x80:
        out[at] = value & 0x7F | 0x80
        at += 1
        value >>= 7
    out[at] = value
    return at + 1


@kernel
def _size(value):
    """Bytes of a varint."""
    n = 1
    while value >= 0x80:
        value >>= 7
        n += 1
    return n


@kernel
def _zigzag(value):
    return (value << 1) if value >= 0 else ((-value) << 1) - 1


@kernel
def _ring(out, at, xy, low, high, scale, x0, y0, px, py):
    """Write a ring from the corner (px, py); where the next byte goes and where the pen is.

    Corners that fall together are one; a ring of which less than three are left is not written.
    """
    ax, ay = round(xy[low, 0] * scale - x0), round(xy[low, 1] * scale - y0)
    lx, ly, corners = ax, ay, 1
    for k in range(low + 1, high):
        qx, qy = round(xy[k, 0] * scale - x0), round(xy[k, 1] * scale - y0)
        if (qx != lx or qy != ly) and not (k == high - 1 and qx == ax and qy == ay):
            corners += 1
            lx, ly = qx, qy
    if corners > 1 and lx == ax and ly == ay:
        corners -= 1
    if corners < 3:
        return at, px, py
    at = _put(out, at, 9)
    at = _put(out, at, _zigzag(ax - px))
    at = _put(out, at, _zigzag(ay - py))
    at = _put(out, at, (corners - 1) << 3 | 2)
    lx, ly = ax, ay
    left = corners - 1
    for k in range(low + 1, high):
        qx, qy = round(xy[k, 0] * scale - x0), round(xy[k, 1] * scale - y0)
        if left and (qx != lx or qy != ly):
            at = _put(out, at, _zigzag(qx - lx))
            at = _put(out, at, _zigzag(qy - ly))
            lx, ly = qx, qy
            left -= 1
    return _put(out, at, 15), lx, ly


@kernel
def _line(out, at, xy, low, high, scale, x0, y0, px, py, extent):
    """Write those segments of a line that come near the tile from (0, 0) to (extent, extent), as `_ring`."""
    least, most = -_NEAR * extent, (1 + _NEAR) * extent
    k = low
    while k < high - 1:
        # a run of segments that are near
        end = k
        while end < high - 1:
            ax, ay = xy[end, 0] * scale - x0, xy[end, 1] * scale - y0
            bx, by = xy[end + 1, 0] * scale - x0, xy[end + 1, 1] * scale - y0
            far = max(ax, bx) < least or min(ax, bx) > most or max(ay, by) < least or min(ay, by) > most
            if far:
                break
            end += 1
        if end == k:
            k += 1
            continue
        ax, ay = round(xy[k, 0] * scale - x0), round(xy[k, 1] * scale - y0)
        lx, ly, corners = ax, ay, 0
        for j in range(k + 1, end + 1):
            qx, qy = round(xy[j, 0] * scale - x0), round(xy[j, 1] * scale - y0)
            if qx != lx or qy != ly:
                corners += 1
                lx, ly = qx, qy
        if corners:
            at = _put(out, at, 9)
            at = _put(out, at, _zigzag(ax - px))
            at = _put(out, at, _zigzag(ay - py))
            at = _put(out, at, corners << 3 | 2)
            px, py = ax, ay
            for j in range(k + 1, end + 1):
                qx, qy = round(xy[j, 0] * scale - x0), round(xy[j, 1] * scale - y0)
                if qx != px or qy != py:
                    at = _put(out, at, _zigzag(qx - px))
                    at = _put(out, at, _zigzag(qy - py))
                    px, py = qx, qy
        k = end
    return at, px, py


@kernel
def _features(room, scratch, kind, number, xy, at, first, which, scale, x0, y0, extent):
    """Write the layer's features one after the other; how many bytes they take."""
    end = 0
    for i in which:
        size = 0
        px, py = 0, 0
        for r in range(first[i], first[i + 1]):
            if at[r + 1] - at[r] < 2:
                continue
            if kind == AREA:
                size, px, py = _ring(scratch, size, xy, at[r], at[r + 1], scale, x0, y0, px, py)
            else:
                size, px, py = _line(scratch, size, xy, at[r], at[r + 1], scale, x0, y0, px, py, extent)
        if not size:
            continue
        inside = 1 + _size(number[i]) + 2 + 1 + _size(size) + size
        end = _put(room, end, 0x12)
        end = _put(room, end, inside)
        end = _put(room, end, 0x08)
        end = _put(room, end, number[i])
        end = _put(room, end, 0x18)
        end = _put(room, end, kind)
        end = _put(room, end, 0x22)
        end = _put(room, end, size)
        room[end : end + size] = scratch[:size]
        end += size
    return end
