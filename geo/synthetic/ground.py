"""The ground of an invented irrigation district: a gently terraced surface, level inside each paddy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.compiled import kernel
from geo.synthetic.layout import Floats, Layout, Placed, Rng

NODATA = -9999.0
_MARGIN = 40.0  # m of land around the fields that the elevation model knows


@dataclass(frozen=True)
class Surface:
    """Height above sea level, m, over a district's own metres: a plane and a few long waves."""

    base: float
    slope: tuple[float, float]
    waves: Floats  # k, 4: amplitude (m), two wave numbers (1/m), phase

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Metres, for own coordinates of any one shape."""
        z = self.base + self.slope[0] * x + self.slope[1] * y
        for amplitude, u, v, phase in self.waves:
            z = z + amplitude * np.sin(u * x + v * y + phase)
        return z


def surface(rng: Rng, base: float, hilliness: float) -> Surface:
    """A surface that is steeper and rougher with hilliness (0..1): falls of 1/4000 to 1/150."""
    steep = float(np.exp(np.interp(hilliness, [0, 1], np.log([1 / 4000, 1 / 150])))) * rng.uniform(0.7, 1.4)
    # rows lie along the contour, so the land falls mostly across them
    slope = (steep * rng.uniform(-0.4, 0.4), steep * rng.choice([-1.0, 1.0]))
    length = rng.uniform(350, 1400, 5)
    way = rng.uniform(0, np.pi, 5)
    amplitude = rng.uniform(0.3, 1.0, 5) * steep * length * 0.22
    number = 2 * np.pi / length
    waves = np.column_stack(
        [amplitude, number * np.cos(way), number * np.sin(way), rng.uniform(0, 2 * np.pi, 5)]
    )
    return Surface(base, slope, waves)


def levels(rng: Rng, plan: Layout, land: Surface, hilliness: float) -> Floats:
    """The level of each paddy, m: the land at its middle in terraces; rows and paddies differ from it."""
    middle = plan.corners.mean(axis=1)
    z = land(middle[:, 0], middle[:, 1])
    step = 0.04 + 0.08 * hilliness
    row = rng.normal(0, 0.03 + 0.18 * hilliness, len(plan.rows.strip))
    own = rng.normal(0, 0.05 + 0.30 * hilliness, len(z))
    return np.round((z + row[plan.row]) / step) * step + own


def raster(
    rng: Rng,
    plan: Layout,
    place: Placed,
    land: Surface,
    level: Floats,
    origin: tuple[float, float],
    cell: float,
) -> tuple[NDArray[np.float32], int, int]:
    """Heights of the cells around a district: float32[rows, columns], first row, first column.

    origin: map x, y of the upper left corner of the whole grid. Cells beyond the district are NODATA,
    paddies are level to 2 cm, ridges, roads and canal banks stand 0.25 m above the land.
    """
    x0, y0, x1, y1 = plan.frame
    ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) + _MARGIN * np.array(
        [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    )
    edge = place(ring)
    reach = max(abs(b) for b in place.bend)
    left = int((edge[:, 0].min() - reach - origin[0]) // cell)
    top = int((origin[1] - edge[:, 1].max() - reach) // cell)
    columns = int((edge[:, 0].max() + reach - origin[0]) // cell) + 1 - left
    lines = int((origin[1] - edge[:, 1].min() + reach) // cell) + 1 - top
    east = origin[0] + (left + 0.5 + np.arange(columns, dtype=np.float64)) * cell
    north = origin[1] - (top + 0.5 + np.arange(lines, dtype=np.float64)) * cell
    a, b = _straight(place, east[None, :] - place.east, north[:, None] - place.north)
    # a district lies turned in its box: half of the box is somebody else's
    wide, high = (_MARGIN + abs(bend) for bend in place.bend)
    near = (a >= x0 - wide) & (a <= x1 + wide) & (b >= y0 - high) & (b <= y1 + high)
    u, v = _own(place, a[near], b[near])
    z = np.zeros(near.shape)
    z[near] = land(u, v) + 0.25
    quads = place(plan.corners)
    _fill(z, quads, level, origin[0] + left * cell, origin[1] - top * cell, cell)
    z += rng.normal(0, 0.015, z.shape)
    beyond = ~near
    beyond[near] = (u < x0 - _MARGIN) | (u > x1 + _MARGIN) | (v < y0 - _MARGIN) | (v > y1 + _MARGIN)
    # whole centimetres: no surveyor claims more, and the file packs better
    return np.where(beyond, NODATA, np.round(z, 2)).astype(np.float32), top, left


def _straight(place: Placed, east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Map metres from the district's middle turned to its own axes, the bend of its lines still in them."""
    c, s = np.cos(place.angle), np.sin(place.angle)
    return c * east + s * north + place.middle[0], c * north - s * east + place.middle[1]


def _own(place: Placed, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The same without the bend: own metres, to a centimetre or so."""
    u, v = a, b
    for _ in range(4):
        u, v = (
            a - place.bend[0] * np.sin(2 * np.pi * v / place.wave[0] + place.phase[0]),
            b - place.bend[1] * np.sin(2 * np.pi * u / place.wave[1] + place.phase[1]),
        )
    return u, v


@kernel
def _fill(z, quads, level, left, top, cell):  # type: ignore[no-untyped-def]
    """Set the cells whose middle lies in a convex quadrilateral to its level."""
    lines, columns = z.shape
    for i in range(len(quads)):
        q = quads[i]
        c0 = max(int((q[:, 0].min() - left) / cell - 0.5), 0)
        c1 = min(int((q[:, 0].max() - left) / cell + 0.5), columns - 1)
        r0 = max(int((top - q[:, 1].max()) / cell - 0.5), 0)
        r1 = min(int((top - q[:, 1].min()) / cell + 0.5), lines - 1)
        for r in range(r0, r1 + 1):
            y = top - (r + 0.5) * cell
            for c in range(c0, c1 + 1):
                x = left + (c + 0.5) * cell
                inside = True
                for k in range(4):
                    m = (k + 1) % 4
                    if (q[m, 0] - q[k, 0]) * (y - q[k, 1]) - (q[m, 1] - q[k, 1]) * (x - q[k, 0]) < 0:
                        inside = False
                        break
                if inside:
                    z[r, c] = level[i]
