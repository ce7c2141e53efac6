"""How blocks lie to canals, drains and roads: which side is on which, and the level that a canal can water.

A block wants water in, water out and a way to it: "each paddy its own inlet and outlet, long side along the canal"
(GB 50288-2018, 17.7, second-hand). A block has a side on a barrier that runs beside it: within `beside_m` of its
outline, from the barrier's edge, along more than a barrier would that comes straight at it and ends there.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from geo import rectangles
from geo.beside import stretches

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Shapes = npt.NDArray[np.object_]

CANALS = ("main_canal", "branch_canal", "lateral_canal", "field_canal")
SIDES: dict[str, tuple[str, ...]] = {"inlet": CANALS, "outlet": ("drain", "ditch"), "access": ("road",)}
"""What a side is good for, and the kinds of barrier (geo.schemas.BARRIER_KINDS) that serve it."""

DISTRIBUTES = {"inlet": CANALS[1:], "outlet": SIDES["outlet"], "access": SIDES["access"]}
"""Kinds that say how a district is served; where only a main canal is drawn the small ones are not known."""

AROUND_M = 100.0
"""A barrier this near the hull of a district's blocks is drawn in the district."""

SLANT = np.sqrt(2.0)
"""What runs at a block more steeply than 45° lies near it along at most this many of its own widths."""

COLUMNS: dict[str, Any] = {
    "block_id": "str", "inlet_m": float, "outlet_m": float, "access_m": float, "canal_angle_deg": float,
    "canal_level_m": float, "above_canal_m": float,
}  # fmt: skip


@dataclass(frozen=True)
class Sides:
    """Of n blocks: metres of outline beside the longest barrier of each of SIDES, 0 where it has none.

    known: whether the data draw such barriers where the block lies. angle_deg: between the block's long side and
    the canal beside it, 0 to 90, NaN without. water_level_m: highest water level of the canals beside it, NaN
    where none is given.
    """

    metres: Floats  # n, 3
    known: Bools  # n, 3
    angle_deg: Floats
    water_level_m: Floats

    def has(self, side: str) -> pd.arrays.BooleanArray:
        """Whether each block has that side; null where the data say nothing about it."""
        i = list(SIDES).index(side)
        found = self.metres[:, i] > 0
        return pd.arrays.BooleanArray(found, ~found & ~self.known[:, i])


def sides(outline: Shapes, place: Ints, barriers: gpd.GeoDataFrame | None, beside_m: float) -> Sides:
    """What lies beside each block.

    outline: Polygon[n] in projected metres; place: int[n], 0.., the irrigation district (or county) of each:
    what the data draw is judged in its hull; barriers: geo.schemas.BARRIERS.
    """
    n = len(outline)
    metres, known = np.zeros((n, len(SIDES))), np.zeros((n, len(SIDES)), bool)
    angle, water = np.full(n, np.nan), np.full(n, np.nan)
    if barriers is None or len(barriers) == 0 or n == 0:
        return Sides(metres, known, angle, water)
    kind = barriers["kind"].to_numpy(object)
    serves = np.column_stack([np.isin(kind, kinds) for kinds in SIDES.values()])
    wanted = np.flatnonzero(serves.any(axis=1))
    lines, kind, serves = barriers.geometry.to_numpy()[wanted], kind[wanted], serves[wanted]
    tells = np.column_stack([np.isin(kind, kinds) for kinds in DISTRIBUTES.values()])
    tree = shapely.STRtree(lines)
    known = _drawn(outline, place, tree, tells)[place]

    # a line runs along the middle of what it stands for, a polygon is drawn to its edge
    width = np.nan_to_num(barriers["width_m"].to_numpy(float)[wanted])
    reach = beside_m + np.where(shapely.get_dimensions(lines) == 1, width / 2, 0.0)
    near = stretches(outline, lines, reach)
    long = near.along_m > SLANT * (2 * beside_m + width[near.line])
    block, line, along, heading = (a[long] for a in (near.shape, near.line, near.along_m, near.heading))
    for i in range(len(SIDES)):
        mine = serves[line, i]
        np.maximum.at(metres[:, i], block[mine], along[mine])
    canal = serves[line, 0]
    block, line, along, heading = block[canal], line[canal], along[canal], heading[canal]
    order = np.lexsort((along, block))
    longest = order[np.append(np.diff(block[order]) > 0, True)] if len(order) else order
    turn = np.abs(_long_sides(outline[block[longest]]) - heading[longest])
    angle[block[longest]] = np.degrees(np.minimum(turn, np.pi - turn))
    if "water_level_m" in barriers:
        level = barriers["water_level_m"].to_numpy(float)[wanted][line]
        given = np.isfinite(level)
        highest = np.full(n, -np.inf)
        np.maximum.at(highest, block[given], level[given])
        water = np.where(np.isfinite(highest), highest, np.nan)
    return Sides(metres, known, angle, water)


def _drawn(outline: Shapes, place: Ints, tree: shapely.STRtree, tells: Bools) -> Bools:
    """Which sides the data tell of in each place: bool[places, 3]."""
    places = int(place.max()) + 1
    order = np.argsort(place, kind="stable")
    coords, of = shapely.get_coordinates(outline[order], return_index=True)
    points, at = rectangles.hulls(coords, np.searchsorted(place[order][of], np.arange(places + 1)))
    hull = np.array([shapely.Polygon(points[a:b]) for a, b in itertools.pairwise(at)], dtype=object)
    found = np.zeros((places, tells.shape[1]), bool)
    at, line = tree.query(hull, predicate="dwithin", distance=AROUND_M)
    for i in range(tells.shape[1]):
        found[at[tells[line, i]], i] = True
    return found


def _long_sides(shapes: Shapes) -> Floats:
    """Direction of the longer side of each shape's least rectangle, radians in [0, π)."""
    corner = rectangles.least_rectangles(*rectangles.hulls_of(shapes))
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 1]
    longer = np.hypot(first[:, 0], first[:, 1]) >= np.hypot(second[:, 0], second[:, 1])
    side = np.where(longer[:, None], first, second)
    return np.asarray(np.arctan2(side[:, 1], side[:, 0]) % np.pi, float)


def watered(level_m: Floats, beside: Sides, head_m: float) -> Floats:
    """Design levels that the canal beside each block can water: float64[n].

    A block lies head_m below its canal's water level at most (depth of water on the field and what the inlet
    takes); one that lies lower already, or beside no canal of known level, keeps its own. NaN stays NaN.
    """
    highest = beside.water_level_m - head_m
    return np.where(highest < level_m, highest, level_m)


def cut_and_fill(area_m2: Floats, elevation_m: Floats, label: Ints, level_m: Floats) -> tuple[Floats, Floats]:
    """Cut and fill [m³] of each of n blocks of level parcels that are brought to level_m: float64[n] each.

    area_m2, elevation_m (NaN unknown), label (-1 none): per parcel; level_m: per block, NaN where it has none.
    What is cut beyond the fill is surplus: it leaves the block.
    """
    known = (label >= 0) & np.isfinite(elevation_m)
    lab, n = label[known], len(level_m)
    above = np.nan_to_num(area_m2[known] * (elevation_m[known] - level_m[lab]))
    cut = np.bincount(lab, np.maximum(above, 0), n)
    fill = np.bincount(lab, np.maximum(-above, 0), n)
    return cut.astype(float), fill.astype(float)


def places(parcels: pd.DataFrame, label: Ints) -> npt.NDArray[np.int64]:
    """Where each block lies, 0..: its county and irrigation district; a null district is one of the county.

    label: int[parcels], block of each, -1 none, every number from 0 in use.
    """
    inside = np.flatnonzero(label >= 0)
    first = np.empty(int(label.max(initial=-1)) + 1, np.int64)
    first[label[inside][::-1]] = inside[::-1]  # the last one written is a block's first parcel
    own = parcels[["county", "irrigation_district"]].iloc[first]
    return own.groupby(list(own.columns), dropna=False, sort=False).ngroup().to_numpy().astype(np.int64)


def layout_table(blocks: pd.DataFrame, beside: Sides, head_m: float) -> pd.DataFrame:
    """One row a block: how it lies to what is beside it.

    block_id · inlet_m, outlet_m, access_m: metres of its outline beside a canal, a drain or ditch, a road ·
    canal_angle_deg: between its long side and that canal, 0 where they run alike · canal_level_m: the canal's
    water level · above_canal_m: how much too high the design level is for that canal, 0 where it is not.
    """
    metres = {f"{side}_m": beside.metres[:, i] for i, side in enumerate(SIDES)}
    return pd.DataFrame(
        {
            "block_id": blocks.block_id.to_numpy(),
            **metres,
            "canal_angle_deg": beside.angle_deg,
            "canal_level_m": beside.water_level_m,
            "above_canal_m": np.maximum(blocks.design_level_m + head_m - beside.water_level_m, 0.0),
        }
    ).astype(COLUMNS)


def sides_told(blocks: pd.DataFrame) -> dict[str, dict[str, int]]:
    """For plan.json: of the blocks, how many have each side, how many lack it, and of how many it is not known; a plan
    of an older version knows it of none."""
    return {
        side: {
            "with": int(has.sum()),
            "without": int((~has).sum()),
            "unknown": int(has.isna().sum()),
        }
        for side in SIDES
        for has in [blocks.get(f"has_{side}", pd.Series(pd.NA, blocks.index)).astype("boolean")]
    }


def sums(layout: pd.DataFrame, blocks: pd.DataFrame) -> dict[str, float]:
    """Of some blocks, what `told` makes its figures of: such sums may be added."""
    angle, area = layout.canal_angle_deg.to_numpy(float), blocks.area_mu.to_numpy(float)
    return {
        "along_canal_mu": float(area[angle <= 45].sum()),
        "beside_canal_mu": float(area[np.isfinite(angle)].sum()),
        "above_canal": int((layout.above_canal_m > 1e-9).sum()),
    }


def told(of: Mapping[str, Any]) -> dict[str, Any]:
    """For plan.json: how the blocks lie to their canals, from `sums`.

    along_canal_share: of the area of blocks beside a canal, what lies in blocks whose long side runs along it (within
    45°), null where none lies beside one; above_canal: blocks too high for the canal beside them.
    """
    beside = of["beside_canal_mu"]
    return {
        "along_canal_share": of["along_canal_mu"] / beside if beside else None,
        "above_canal": of["above_canal"],
    }
