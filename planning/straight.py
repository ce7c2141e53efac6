"""Straightening: the side between two neighbouring blocks becomes one straight line, each keeping its area exactly.

The ground of both blocks and of the ridge between them is cut by two parallel lines: one leaves the first block its
area on one side, the other leaves the second block its area on the other, and the ridge keeps its ground in between.
So nothing is taken from parcels outside, no barrier is crossed, what each household brought in is what it has a share
of, and every block is as large as it was. A cut is made only where neither block becomes less rectangular and what the
better shape is worth is more than the earth that it costs: land given lies at the level that it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from geo.frames import rectangularity
from geo.neighbours import Neighbours
from geo.schemas import MU_M2
from planning.cost import Prices, levelling
from planning.parameters import Parameters
from planning.tables import prices

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Shapes = npt.NDArray[np.object_]

ROUNDS = 3
CROOKED_M = 1.0
"""A ridge whose middle keeps this near a line is straight already."""
ALIKE_RAD = 0.02
WORTH = 0.005
"""Rise of the two blocks' mean rectangularity below which a side is left as it is."""
SPECK_M2 = 1.0
"""Less of a parcel than this inside a block is drawing, not land taken."""
ROUNDING_M2 = 1e-6
REACH_M = 1e-3
"""Ridges are carried this far into the parcels beside them, so that all is one piece."""

COLUMNS: dict[str, Any] = {
    "block": np.int64, "rectangularity_before": float, "rectangularity_after": float, "taken_m2": float,
    "cut_m3": float,
}  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """What straightening may not break, by parcel: its shape, block (-1 none), level m (NaN unknown) and group.

    group: parcels whose land may not be mixed differ in it (county, irrigation district, village where asked).
    step_m: highest difference of level inside a block. walls: fixed barriers. prices: of earth and shape.
    """

    parcels: Shapes
    label: Ints
    elevation_m: Floats
    group: Ints
    step_m: float
    walls: Shapes
    prices: Prices


def straightened(outline: Shapes, ground: Ground, nb: Neighbours, fenced: Bools, angle: Floats) -> Shapes:
    """The outlines with straight sides between blocks, Polygon[blocks]; areas as they were.

    outline: disjoint Polygons in projected metres; nb, fenced: the pairs of parcels and which of them a fixed
    barrier parts; angle: float64[blocks], direction of the sides of the block's field unit, radians.
    """
    work = _Work(outline.copy(), ground, nb, fenced, angle)
    crooked = [border for border in work.borders() if work.is_crooked(border[2])]
    moved = np.ones(len(outline), bool)
    for _ in range(ROUNDS):
        before, moved = moved, np.zeros(len(outline), bool)
        for a, b, pairs in crooked:
            if (before[a] or before[b] or moved[a] or moved[b]) and work.cut(a, b, pairs):
                moved[[a, b]] = True
        if not moved.any():
            break
    return work.outline


class _Work:
    def __init__(self, outline: Shapes, ground: Ground, nb: Neighbours, fenced: Bools, angle: Floats) -> None:
        self.outline, self.ground, self.nb, self.angle = outline, ground, nb, angle
        self._fenced = fenced
        self._parcels = shapely.STRtree(ground.parcels)
        self._walls = shapely.STRtree(ground.walls)
        self._first = np.searchsorted(nb.quad_pair, np.arange(len(nb.left) + 1))
        z, inside = ground.elevation_m, ground.label >= 0
        self._low, self._high = np.full(len(outline), np.inf), np.full(len(outline), -np.inf)
        known = inside & np.isfinite(z)
        np.minimum.at(self._low, ground.label[known], z[known])
        np.maximum.at(self._high, ground.label[known], z[known])
        self._group = np.zeros(len(outline), np.int64)
        self._group[ground.label[inside]] = ground.group[inside]
        tree = shapely.STRtree(outline)
        near = tree.query(outline, predicate="dwithin", distance=3.0)
        near = near[:, near[0] != near[1]]
        near = near[:, np.lexsort((near[1], near[0]))]
        self._others = np.split(near[1], np.searchsorted(near[0], np.arange(1, len(outline))))

    def borders(self) -> Iterator[tuple[int, int, Ints]]:
        """Pairs of blocks that a ridge alone parts, the longest first, and their pairs of parcels."""
        a, b = self.ground.label[self.nb.left], self.ground.label[self.nb.right]
        apart = np.flatnonzero((a != b) & (a >= 0) & (b >= 0))
        low, high = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
        key, of = np.unique(low.astype(np.int64) * len(self.outline) + high, return_inverse=True)
        facing = np.bincount(of, self.nb.facing_m[apart])
        shut = np.bincount(of, self._fenced[apart]) > 0
        pairs = np.split(apart[np.argsort(of, kind="stable")], np.cumsum(np.bincount(of))[:-1])
        for k in np.argsort(-facing, kind="stable"):
            one, two = divmod(int(key[k]), len(self.outline))
            if not shut[k] and self._group[one] == self._group[two]:
                yield one, two, pairs[k]

    def _quads(self, pairs: Ints) -> Floats:
        return np.concatenate([self.nb.quads[self._first[p] : self._first[p + 1]] for p in pairs])

    def is_crooked(self, pairs: Ints) -> bool:
        """Whether the ridge between two blocks runs off the line through its middle."""
        middle = self._quads(pairs).mean(axis=1)
        spread = np.linalg.svd(middle - middle.mean(axis=0), full_matrices=False)[2][-1]
        return bool(len(middle) > 1 and np.ptp((middle - middle.mean(axis=0)) @ spread) > CROOKED_M)

    def cut(self, a: int, b: int, pairs: Ints) -> bool:
        """Straighten the side between blocks a and b; whether that was done."""
        old = self.outline[[a, b]]
        shape, area = rectangularity(old), shapely.area(old)
        if shape.min() > 1 - WORTH:
            return False
        ridge = shapely.buffer(
            shapely.convex_hull(shapely.multipoints(self._quads(pairs))), REACH_M, join_style="mitre"
        )
        if self._walls.query(ridge, predicate="intersects").size:
            return False
        whole = shapely.union_all([*old, *ridge])
        rows = self._parcels.query(whole, predicate="intersects")
        others = np.setdiff1d(np.union1d(self._others[a], self._others[b]), [a, b])
        alone = rows[self.ground.label[rows] < 0]
        # where ridges cross, each keeps what it has
        kept = np.concatenate([self.outline[others], self.ground.parcels[alone]])
        whole = shapely.difference(whole, shapely.union_all(kept))
        if whole.geom_type != "Polygon" or not whole.is_valid or whole.area < area.sum():
            return False
        ways = []
        for theta in self._directions(a, b, old, whole):
            parts = _parted(whole, theta, old, area)
            if parts is not None and ((now := rectangularity(parts)) >= shape - 1e-9).all():
                ways.append((float(((now - shape) * area).sum()), parts))
        for rise_m2, parts in sorted(ways, key=lambda way: -way[0]):
            if rise_m2 <= WORTH * area.sum():
                return False
            earth = self._earth(parts, rows) - self._earth(old, rows)
            worth = self.ground.prices.shape_yuan_per_mu * rise_m2 / MU_M2
            if worth > self.ground.prices.earthwork_yuan_per_m3 * earth and self._allowed(
                parts, (a, b), rows
            ):
                self.outline[[a, b]] = parts
                return True
        return False

    def _earth(self, parts: Shapes, rows: Ints) -> float:
        """Cut of the two blocks, m³, from the land of the parcels that lies in each."""
        z = self.ground.elevation_m[rows]
        rows, z = rows[np.isfinite(z)], z[np.isfinite(z)]
        piece = shapely.area(shapely.intersection(self.ground.parcels[rows], parts[:, None]))
        of = np.repeat([0, 1], len(rows))
        return float(levelling(piece.ravel(), np.tile(z, 2), of, 2)[1].sum())

    def _directions(self, a: int, b: int, old: Shapes, whole: shapely.Polygon) -> Floats:
        """Directions that the new side might have: of the unit, of both blocks' rectangles and of the whole's."""
        corner = shapely.get_coordinates(shapely.oriented_envelope(np.array([*old, whole]))).reshape(-1, 5, 2)
        side = corner[:, 1] - corner[:, 0]
        turns = np.concatenate([self.angle[[a]], np.arctan2(side[:, 1], side[:, 0])])
        turned = np.concatenate([turns, turns + np.pi / 2]) % np.pi
        return turned[np.unique((turned / ALIKE_RAD).astype(int), return_index=True)[1]]

    def _allowed(self, parts: Shapes, blocks: tuple[int, int], rows: Ints) -> bool:
        """Whether each part keeps the step of levels inside a block with what it takes from its neighbours."""
        z = self.ground.elevation_m[rows]
        for block, part in zip(blocks, parts, strict=True):
            strange = rows[(self.ground.label[rows] != block) & np.isfinite(z)]
            taken = shapely.area(shapely.intersection(self.ground.parcels[strange], part)) > SPECK_M2
            levels = self.ground.elevation_m[strange[taken]]
            low = min(self._low[block], levels.min(initial=np.inf))
            high = max(self._high[block], levels.max(initial=-np.inf))
            if high - low > self.ground.step_m + 1e-9:
                return False
        return True


def _parted(whole: shapely.Polygon, theta: float, old: Shapes, area: Floats) -> Shapes | None:
    """Two Polygons of the areas given, cut from the whole by lines in direction theta; None where that tears one."""
    middle = np.array(whole.bounds).reshape(2, 2).mean(axis=0)
    across = np.array([-np.sin(theta), np.cos(theta)])
    along = np.array([np.cos(theta), np.sin(theta)])
    place = (shapely.get_coordinates(shapely.centroid(old)) - middle) @ across
    if place[0] > place[1]:
        across = -across
    rings = shapely.get_rings(shapely.orient_polygons(whole))
    coords, ring = shapely.get_coordinates(rings, return_index=True)
    frame = (coords - middle) @ np.column_stack([across, along])
    same = ring[1:] == ring[:-1]
    start, stop = frame[:-1][same], frame[1:][same]
    # the sides turn clockwise where the axes do
    sign = np.sign(_below(start, stop, np.array([np.inf]))[0])
    full = abs(_below(start, stop, np.array([np.inf]))[0])
    first = _offset(start, stop, sign, area[0])
    second = max(_offset(start, stop, sign, full - area[1]), first)
    far = 2 * np.hypot(*(np.array(whole.bounds)[2:] - np.array(whole.bounds)[:2])) + 1
    corners = lambda lo, hi: [  # noqa: E731 — four corners in the frame of the cut
        middle + u * across + v * along for u, v in ((lo, -far), (hi, -far), (hi, far), (lo, far))
    ]
    halves = shapely.polygons(np.array([corners(-far, first), corners(second, far)]))
    parts = np.asarray(shapely.intersection(halves, whole), dtype=object)
    if (shapely.get_type_id(parts) != 3).any() or not shapely.is_valid(parts).all():
        return None
    return parts if np.allclose(shapely.area(parts), area, rtol=0, atol=ROUNDING_M2) else None


def _below(start: Floats, stop: Floats, at: Floats) -> Floats:
    """Signed area of the rings' ground with first coordinate below each of `at`: ∮ min(u, c) dv, exact."""
    low, high = np.minimum(start[:, 0], stop[:, 0]), np.maximum(start[:, 0], stop[:, 0])
    c = np.clip(at[:, None], low, high)
    wide = np.where(high > low, high - low, 1.0)
    part = np.where(high > low, (c - low) / wide, 1.0)
    # beyond a side's end min(u, c) goes on as c; those terms cancel round each ring but for the clipped part
    held = np.minimum(at[:, None], low) * (at[:, None] < low) + (at[:, None] >= low) * (
        part * (low + c) / 2 + (1 - part) * c
    )
    return np.asarray((held * (stop[:, 1] - start[:, 1])).sum(axis=1), float)


def _offset(start: Floats, stop: Floats, sign: float, area: float) -> float:
    """Where a line leaves that much ground below it: between two corners the area is quadratic."""
    at = np.unique(start[:, 0])
    ground = sign * _below(start, stop, at)
    k = int(np.clip(np.searchsorted(ground, area) - 1, 0, len(at) - 2))
    half = sign * _below(start, stop, np.array([(at[k] + at[k + 1]) / 2]))[0]
    bend = 2 * (ground[k] + ground[k + 1] - 2 * half)
    slope = ground[k + 1] - ground[k] - bend
    rest = area - ground[k]
    root = slope + np.sqrt(max(slope * slope + 4 * bend * rest, 0.0))
    share = 2 * rest / root if root > 0 else 0.0
    return float(at[k] + np.clip(share, 0, 1) * (at[k + 1] - at[k]))


def straighten(
    parcels: gpd.GeoDataFrame,
    outline: Shapes,
    label: Ints,
    nb: Neighbours,
    fenced: Bools,
    angle: Floats,
    barriers: gpd.GeoDataFrame | None,
    parameters: Parameters,
) -> tuple[Shapes, pd.DataFrame]:
    """The outlines as the programme wants them, and what was straightened (straight_table): nothing where it is off.

    angle: float64[parcels], direction of each parcel's field unit.
    """
    if not parameters.straighten.value:
        return outline, pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    walls = (
        np.empty(0, object) if barriers is None else barriers.geometry[barriers.fixed.astype(bool)].to_numpy()
    )
    columns = ["county", "irrigation_district", *(["village"] if parameters.same_village.value else [])]
    group = pd.factorize(pd.MultiIndex.from_frame(parcels[columns].astype("str")))[0]
    ground = Ground(
        parcels.geometry.to_numpy(),
        label,
        parcels.elevation_m.to_numpy(float),
        group,
        parameters.max_step_m.value,
        walls,
        prices(parameters, True),
    )
    of_block = np.zeros(len(outline))
    of_block[label[label >= 0]] = angle[label >= 0]
    after = straightened(outline, ground, nb, fenced, of_block)
    return after, straight_table(outline, after, ground)


def straight_table(before: Shapes, after: Shapes, ground: Ground) -> pd.DataFrame:
    """One row a block whose outline changed.

    block: its number · rectangularity_before, rectangularity_after · taken_m2: land of other blocks' parcels in it, as much
    as it gave · cut_m3: of the block as straightened, its level from the land that now lies in it.
    """
    changed = np.flatnonzero(~shapely.equals_exact(before, after))
    block, row = shapely.STRtree(ground.parcels).query(after[changed], predicate="intersects")
    piece = shapely.area(shapely.intersection(ground.parcels[row], after[changed][block]))
    strange = ground.label[row] != changed[block]
    taken = np.bincount(block, piece * strange, len(changed))
    _, cut = levelling(piece, ground.elevation_m[row], block.astype(np.int64), len(changed))
    return pd.DataFrame(
        {
            "block": changed,
            "rectangularity_before": rectangularity(before[changed]),
            "rectangularity_after": rectangularity(after[changed]),
            "taken_m2": taken,
            "cut_m3": cut,
        }
    ).astype(COLUMNS)
