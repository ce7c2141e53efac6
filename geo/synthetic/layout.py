"""One invented irrigation district in its own metres: strips between canals, rows in them, paddies in rows.

x runs along the branch canal, y along the laterals; the branch canal is y = 0, the main canal x = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.schemas import MU_M2

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rng = np.random.Generator

MAIN = 22.0  # m, what the main canal, its road and its trees take
BRANCH = 12.0  # m, half of what the branch canal and its road take
LATERAL = 16.0  # m, what a lateral canal, the farm road and a shelterbelt take
_PER_STRIP = 48  # parcels a strip usually holds; only sizes the first attempt


@dataclass(frozen=True)
class Strips:
    """The strips (条田) of a district, in the order in which they were filled; n of them, metres.

    x0, x1, y0, y1: the land that paddies take. gap: width of the gap to the next strip outwards.
    gap_kind: 0 field canal, 1 field canal with a road, 2 drain. side: +1 or -1 from the branch canal.
    village: a strip of houses instead of paddies.
    """

    panel: Ints
    place: Ints
    side: Ints
    x0: Floats
    x1: Floats
    y0: Floats
    y1: Floats
    gap: Floats
    gap_kind: Ints
    village: NDArray[np.bool_]

    def take(self, keep: Ints | NDArray[np.bool_]) -> Strips:
        """Some of the strips."""
        return Strips(**{name: values[keep] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Rows:
    """Rows of paddies, n of them: strip, lower and upper edge (m), tilts of both (m over the strip's length),

    number of paddies, spread of their widths, and what runs in the ridge above the row:
    0 nothing, 1 a ditch that can be filled, 2 a lined field canal that stays.
    """

    strip: Ints
    low: Floats
    high: Floats
    tilt_low: Floats
    tilt_high: Floats
    ridge_high: Floats
    water: Ints
    count: Ints
    spread: Floats


@dataclass(frozen=True)
class Layout:
    """Strips, rows, and n paddies: their strip, row and outline in the district's own metres."""

    strips: Strips
    rows: Rows
    strip: Ints
    row: Ints
    corners: Floats  # n, 4, 2: lower left, lower right, upper right, upper left
    bent: Floats  # n, 2: how far the left and right edge bow inwards at the strip's corners, m
    eta: Floats  # n, 2: where lower and upper edge lie across the strip, 0..1
    frame: tuple[float, float, float, float]  # xmin, ymin, xmax, ymax of everything, canals included


def ragged(counts: Ints) -> tuple[Ints, Ints]:
    """Owner and place within the owner of each item, for owners with so many items."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)


def layout(rng: Rng, parcels: int) -> Layout:
    """A district of exactly that many paddies."""
    guess = parcels / _PER_STRIP
    while True:
        strips = _strips(rng, guess)
        rows = _rows(rng, strips)
        per_strip = np.bincount(rows.strip, rows.count, minlength=len(strips.x0)).astype(np.int64)
        total = np.cumsum(per_strip)
        if total[-1] >= parcels:
            break
        guess *= 1.5
    last = int(np.searchsorted(total, parcels))
    strips = strips.take(np.arange(last + 1))
    kept = rows.strip <= last
    rows = Rows(**{name: values[kept] for name, values in vars(rows).items()})
    return _paddies(rng, strips, rows, int(total[last]) - parcels)


def _strips(rng: Rng, guess: float) -> Strips:
    """More strips than so many, panel by panel, from the branch canal outwards."""
    sides = 1 if guess < 3 else 2
    deep = int(np.clip(round(np.sqrt(guess / 1.24)), 1, 19))
    panels = int(np.ceil(1.5 * guess / (sides * deep))) + 1
    length = rng.uniform(400, 650, panels)
    start = MAIN + np.cumsum(length + LATERAL) - length - LATERAL
    panel, place, side = (
        a.ravel() for a in np.meshgrid(np.arange(panels), np.arange(deep), np.arange(sides), indexing="ij")
    )
    shape = (panels, sides, deep)
    width = np.clip(rng.normal(132, 18, shape), 92, 185)
    road = rng.random(shape) < 0.6
    kind = np.where(np.arange(deep) % 2 == 1, 2, road.astype(np.int64))
    gap = np.choose(kind, [2.8, 6.2, 3.8])
    low = BRANCH + np.cumsum(width + gap, axis=2) - width - gap
    y0, y1 = low[panel, side, place], (low + width)[panel, side, place]
    up = side == 0
    n = len(panel)
    village = (rng.random(n) < 0.015) & (place > 0) & (guess > 20)
    return Strips(
        panel=panel,
        place=place,
        side=np.where(up, 1, -1),
        x0=start[panel],
        x1=(start + length)[panel],
        y0=np.where(up, y0, -y1),
        y1=np.where(up, y1, -y0),
        gap=gap[panel, side, place],
        gap_kind=kind[panel, side, place],
        village=village,
    )


def _rows(rng: Rng, strips: Strips) -> Rows:
    """Rows of each strip: mostly two to four of paddies around 1–2 mu, some of tiny, some of large ones."""
    n = len(strips.x0)
    width, length = strips.y1 - strips.y0, strips.x1 - strips.x0
    large = rng.random(n) < 0.07
    count = np.clip(np.round(width / rng.uniform(36, 64, n)), 2, 5).astype(np.int64)
    count = np.where(large, 1, count)
    count = np.where(strips.village, 0, count)
    strip, place = ragged(count)
    m = len(strip)
    big = large[strip]
    # at most the innermost row of a strip is one of tiny paddies, as they remain beside old ditches
    tiny = (place == 0) & (rng.random(m) < 0.13) & ~big
    weight = np.where(tiny, rng.uniform(0.3, 0.45, m), rng.uniform(0.85, 1.15, m))
    share = weight / np.bincount(strip, weight, minlength=n)[strip]
    depth = share * width[strip]
    above = np.cumsum(depth)
    first = np.cumsum(count) - count
    before = np.concatenate([[0.0], above])[first]
    high = strips.y0[strip] + above - before[strip]
    last = place == count[strip] - 1
    usual = (rng.lognormal(np.log(2.05), 0.27, n)[strip]) * rng.lognormal(0, 0.15, m)
    area = np.where(big, np.minimum(rng.lognormal(np.log(13), 0.7, m), 42), usual)
    area = np.where(tiny, rng.lognormal(np.log(0.26), 0.3, m), area)
    total = depth * length[strip] / MU_M2
    # on average nothing above 44 mu, narrower than 7 m or below 0.2 mu
    most = np.minimum(np.ceil(length[strip] / 7), total / 0.2)
    number = np.clip(np.round(total / area), np.ceil(total / 44), most).astype(np.int64)
    tilt = np.where(last, 0.0, np.clip(rng.normal(0, 1.5, m), -4, 4))
    tilt_low = np.concatenate([[0.0], tilt[:-1]])
    tilt_low[place == 0] = 0.0
    water = np.where(last, 0, rng.choice(3, m, p=[0.86, 0.10, 0.04]))
    ridge = np.where(last, 0.0, np.where(water > 0, rng.uniform(1.0, 1.2, m), rng.uniform(0.3, 0.5, m)))
    return Rows(
        strip=strip,
        low=high - depth,
        high=high,
        tilt_low=tilt_low,
        tilt_high=tilt,
        ridge_high=ridge,
        water=water,
        count=np.maximum(number, 1),
        spread=np.where(big, 0.05, 0.3),
    )


def _paddies(rng: Rng, strips: Strips, rows: Rows, spare: int) -> Layout:
    """Divide the rows; `spare` paddies at the far end of the last strip are left out."""
    row, place = ragged(rows.count)
    strip = rows.strip[row]
    n, r = len(row), len(rows.strip)
    first, last = place == 0, place == rows.count[row] - 1
    weight = np.clip(rng.lognormal(0, rows.spread[row]), 0.5, 2.2)
    share = weight / np.bincount(row, weight, minlength=r)[row]
    length = (strips.x1 - strips.x0)[strip]
    width = share * length
    run = np.cumsum(width)
    begin = (np.cumsum(rows.count) - rows.count)[row]
    right = strips.x0[strip] + run - (run - width)[begin]

    # the line between a paddy and the next leans a little, and never across half a paddy
    after = np.append(width[1:], 0.0)
    lean = np.clip(rng.normal(0, 1.1, n), -3, 3)
    reach = 0.2 * np.minimum(width, after)
    lean = np.where(last, 0.0, np.clip(lean, -reach, reach))
    ridge = rng.uniform(0.3, 0.5, n) / 2
    lean_left = np.where(first, 0.0, np.roll(lean, 1))
    ridge_left = np.where(first, 0.0, np.roll(ridge, 1))
    ridge_right = np.where(last, 0.0, ridge)

    # rounded or slanting ends, where the land outside is no canal's straight bank
    s = len(strips.x0)
    ends = rng.choice(4, (s, 2), p=[0.76, 0.10, 0.08, 0.06])
    cut = rng.uniform(2, 9, (s, 2))
    height = (strips.y1 - strips.y0)[strip]
    eta = (
        np.column_stack([rows.low[row] - strips.y0[strip], rows.high[row] - strips.y0[strip]])
        / height[:, None]
    )
    reachable = 0.45 * width[:, None]
    at_end = np.column_stack([first, last])
    small = np.minimum(cut[strip], reachable)
    bent = np.where(at_end & (ends[strip] == 3), small, 0.0)
    slant = np.where(at_end & (ends[strip] == 1), small, 0.0)
    against = np.where(at_end & (ends[strip] == 2), small, 0.0)

    corners = np.empty((n, 4, 2))
    left = right - width
    for k, (end, lower) in enumerate([(0, True), (1, True), (1, False), (0, False)]):
        e = eta[:, 0 if lower else 1]
        inwards = slant[:, end] * e + against[:, end] * (1 - e)
        sign = 1 if lower else -1
        if end == 0:
            x = left + sign * -lean_left + ridge_left + inwards
        else:
            x = right + sign * -lean - ridge_right - inwards
        towards = 1.0 if end == 0 else -1.0
        corners[:, k, 0] = x + towards * rng.uniform(0, 0.06, n)
        along = (corners[:, k, 0] - strips.x0[strip]) / length - 0.5
        if lower:
            below = np.where(rows.low[row] > strips.y0[strip] + 1e-6, np.roll(rows.ridge_high, 1)[row], 0.0)
            y = rows.low[row] + rows.tilt_low[row] * along + below / 2
        else:
            y = rows.high[row] + rows.tilt_high[row] * along - rows.ridge_high[row] / 2
        corners[:, k, 1] = y + sign * rng.uniform(0, 0.06, n)

    keep = np.ones(n, dtype=bool)
    if spare:
        tail = np.flatnonzero(strip == s - 1)
        keep[tail[np.argsort(left[tail], kind="stable")[len(tail) - spare :]]] = False
    ymax = strips.y1.max() + 8
    ymin = min(strips.y0.min() - 8, -BRANCH - 8)
    return Layout(
        strips=strips,
        rows=rows,
        strip=strip[keep],
        row=row[keep],
        corners=corners[keep],
        bent=bent[keep],
        eta=eta[keep],
        frame=(0.0, float(ymin), float(strips.x1.max()) + LATERAL, float(ymax)),
    )


@dataclass(frozen=True)
class Placed:
    """How a district's own metres become map metres: gently bent, turned, moved."""

    east: float
    north: float
    angle: float  # radians, counter-clockwise
    bend: tuple[float, float]  # m, how far the lines wander from straight
    wave: tuple[float, float]  # m, length of a wave
    phase: tuple[float, float]
    middle: tuple[float, float]  # own coordinates that land on east, north

    def __call__(self, xy: Floats) -> Floats:
        """Own metres (..., 2) to map metres (..., 2)."""
        x, y = xy[..., 0], xy[..., 1]
        u = x + self.bend[0] * np.sin(2 * np.pi * y / self.wave[0] + self.phase[0]) - self.middle[0]
        v = y + self.bend[1] * np.sin(2 * np.pi * x / self.wave[1] + self.phase[1]) - self.middle[1]
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.stack([c * u - s * v + self.east, s * u + c * v + self.north], axis=-1)


def polygons(plan: Layout, place: Placed) -> NDArray[np.object_]:
    """The paddies on the map. Long or rounded ones get two more corners to a side, the rest have four."""
    c = plan.corners
    rich = (np.hypot(*(c[:, 1] - c[:, 0]).T) > 60) | (plan.bent > 0).any(axis=1)
    out = np.empty(len(c), dtype=object)
    out[~rich] = shapely.polygons(place(c[~rich]))
    if rich.any():
        thirds = np.arange(3) / 3
        zero, one = np.zeros(3), np.ones(3)
        s = np.concatenate([thirds, one, 1 - thirds, zero])
        t = np.concatenate([zero, thirds, one, 1 - thirds])
        p = c[rich]
        lower = p[:, None, 0] * (1 - s)[None, :, None] + p[:, None, 1] * s[None, :, None]
        upper = p[:, None, 3] * (1 - s)[None, :, None] + p[:, None, 2] * s[None, :, None]
        ring = lower * (1 - t)[None, :, None] + upper * t[None, :, None]
        eta = plan.eta[rich, 0, None] * (1 - t) + plan.eta[rich, 1, None] * t
        bow = (2 * eta - 1) ** 2
        bent = plan.bent[rich]
        ring[..., 0] += bow * (bent[:, 0, None] * (1 - s) - bent[:, 1, None] * s)
        out[rich] = shapely.polygons(place(ring))
    return out
