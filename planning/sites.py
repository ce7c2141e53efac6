"""Demonstration sites: the compliant blocks of one irrigation district whose field units lie close together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.near import near

COLUMNS = (
    "site_id",
    "county",
    "irrigation_district",
    "area_mu",
    "n_blocks",
    "cost_yuan",
    "meets_minimum",
    "geometry",
)

_NO_SITE = -1


@dataclass(frozen=True)
class Nodes:
    """What a site is made of: the compliant blocks of one county and district in one field unit.

    node: int64[blocks], -1 for a block below its minimum. county: object[nodes]. left, right: int64, pairs of
    nodes of one county and district with blocks at most the gap apart. group: int64[nodes], what hangs together.
    """

    node: NDArray[np.int64]
    county: NDArray[np.object_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    group: NDArray[np.int64]

    def sums(self, of_blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """A figure of the blocks, summed by node."""
        inside = self.node >= 0
        return np.bincount(self.node[inside], of_blocks[inside], len(self.county)).astype(float)


def nodes(blocks: gpd.GeoDataFrame, gap_m: float) -> Nodes:
    """The nodes of a plan's blocks, and which of them lie close together (columns and gap: as `sites` says)."""
    node = np.full(len(blocks), _NO_SITE, np.int64)
    compliant = np.flatnonzero(blocks["meets_minimum"].to_numpy(bool))
    none = np.zeros(0, np.int64)
    if len(compliant) == 0:
        return Nodes(node, np.zeros(0, object), none, none, none)
    own = blocks.iloc[compliant]
    county = pd.factorize(own["county"], use_na_sentinel=False)[0]
    district = pd.factorize(own["irrigation_district"], use_na_sentinel=False)[0]
    group = _codes(county, district)
    unit = _codes(group, own["field_unit"].to_numpy(np.int64))
    left, right = near(own.geometry.to_numpy(), unit, group, gap_m)
    node[compliant] = unit
    first = np.unique(unit, return_index=True)[1]
    return Nodes(node, own["county"].to_numpy(object)[first], left, right, _components(unit, left, right))


def sites(
    blocks: gpd.GeoDataFrame,
    gap_m: float,
    minimum_mu: Mapping[str, float | None],
    chosen: NDArray[np.bool_] | None = None,
    found: Nodes | None = None,
) -> tuple[NDArray[np.object_], gpd.GeoDataFrame]:
    """The site of every block and the sites, the largest of a county first.

    blocks: block_id, county, irrigation_district (null: one district of all such blocks of the county),
    field_unit, area_mu, cost_yuan, meets_minimum, geometry in projected metres.
    gap_m: two field units at most this far apart, from compliant block to compliant block, are one site.
    minimum_mu: site minimum by county adcode; a county that is missing or None has none, and its sites
    meet none (`meets_minimum` is false: nothing there counts towards a target).
    chosen: bool[nodes], which nodes become sites; None: all. found: the nodes, where they are known already.
    A group of nodes that could not reach the minimum whole is told as it is, chosen or not.

    Returns the site_id of each row of blocks (None where the block does not meet its own minimum or is not
    chosen) and the table of geo.schemas.SITES. Sites are numbered by area, then from north to south and west
    to east, so the order of the rows does not matter. A site's geometry is its blocks, collected, not dissolved.
    """
    ids = np.full(len(blocks), None, dtype=object)
    found = nodes(blocks, gap_m) if found is None else found
    if len(found.county) == 0:
        return ids, _table([], blocks.crs)
    kept, group = np.ones(len(found.county), bool), found.group
    if chosen is not None:
        area = np.bincount(group, found.sums(blocks["area_mu"].to_numpy(float)))
        least = pd.Series(found.county).map({c: m for c, m in minimum_mu.items() if m is not None})
        kept = chosen | ~(area[group] >= least.to_numpy(float) * (1 - 1e-9))
        touch = kept[found.left] & kept[found.right]
        group = _components(np.arange(len(kept)), found.left[touch], found.right[touch])
    inside = np.flatnonzero((found.node >= 0) & kept[found.node])
    if len(inside) == 0:
        return ids, _table([], blocks.crs)
    compliant, chosen_blocks = inside, blocks.iloc[inside]
    label = np.unique(group[found.node[inside]], return_inverse=True)[1].astype(np.int64)
    geoms = chosen_blocks.geometry.to_numpy()
    area, cost = chosen_blocks["area_mu"].to_numpy(float), chosen_blocks["cost_yuan"].to_numpy(float)
    boxes = shapely.bounds(geoms)
    first = np.unique(label, return_index=True)[1]
    sums = pd.DataFrame(
        {
            "label": np.arange(len(first)),
            "county": chosen_blocks["county"].to_numpy()[first],
            "irrigation_district": chosen_blocks["irrigation_district"].to_numpy()[first],
            # a sum depends on the order of its terms in the last digit: rounded, ties stay ties
            "area_mu": np.bincount(label, area),
            "rounded": np.bincount(label, area).round(6),
            "n_blocks": np.bincount(label),
            "cost_yuan": np.bincount(label, cost),
            "north": -_extreme(np.maximum, label, boxes[:, 3]),
            "west": _extreme(np.minimum, label, boxes[:, 0]),
        }
    )
    sums = sums.sort_values(["county", "rounded", "north", "west"], ascending=[True, False, True, True])
    number = sums.groupby("county").cumcount() + 1
    sums["site_id"] = [f"S{c}-{n:03d}" for c, n in zip(sums["county"], number, strict=True)]
    minimum = sums["county"].map({c: m for c, m in minimum_mu.items() if m is not None}).to_numpy(float)
    # NaN where a county has no minimum: the comparison is false there
    sums["meets_minimum"] = sums["area_mu"].to_numpy() >= minimum * (1 - 1e-9)

    names = np.empty(len(sums), dtype=object)
    names[sums["label"].to_numpy()] = sums["site_id"].to_numpy()
    ids[compliant] = names[label]
    sums["geometry"] = _collected(geoms, label)[sums["label"].to_numpy()]
    return ids, _table(sums, blocks.crs)


def _codes(left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int64]:
    """A dense number for each distinct pair of numbers from 0, by the first and then by the second."""
    pairs = left.astype(np.int64) * (int(right.max(initial=0)) + 1) + right
    return np.unique(pairs, return_inverse=True)[1].astype(np.int64)


def _components(
    unit: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The component of each unit, where left and right name units that touch."""
    n = int(unit.max()) + 1
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _extreme(which: np.ufunc, label: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(label[order]) > 0])
    return which.reduceat(values[order], starts)


def _collected(geoms: NDArray[np.object_], label: NDArray[np.int64]) -> NDArray[np.object_]:
    """One valid MultiPolygon per label, labels 0..n-1: its polygons side by side.

    Blocks that touch along a line make a collection invalid; only such collections are dissolved.
    """
    order = np.argsort(label, kind="stable")
    parts, owner = shapely.get_parts(geoms[order], return_index=True)
    made = shapely.multipolygons(parts, indices=label[order][owner])
    for i in np.flatnonzero(~shapely.is_valid(made)):
        made[i] = shapely.multipolygons(shapely.get_parts(_dissolved(made[i])))
    return made


def _dissolved(collection: shapely.MultiPolygon) -> shapely.Geometry:
    """The union of blocks that do not overlap, by the fastest way that keeps their area.

    A coverage union wants edges that match point by point and takes a tenth of the time; a buffer of
    nothing takes any edges in a third of the time; a plain union never fails.
    """
    for way in (lambda c: shapely.coverage_union_all(shapely.get_parts(c)), lambda c: shapely.buffer(c, 0)):
        try:
            united = way(collection)
        except shapely.errors.GEOSException:
            continue
        if shapely.is_valid(united) and abs(united.area - collection.area) <= 1e-9 * collection.area:
            return united
    return shapely.union_all(shapely.get_parts(collection))


def _table(rows: pd.DataFrame | list[object], crs: object) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).reset_index(drop=True)
    frame = frame.astype({"area_mu": float, "n_blocks": np.int64, "cost_yuan": float, "meets_minimum": bool})
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=crs)
