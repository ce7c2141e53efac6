"""Demonstration sites: the compliant blocks of one irrigation district whose field units lie close together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
NODE_COLUMNS = (
    "county", "irrigation_district", "field_unit", "area_mu", "cost_yuan", "n_blocks", "north_m", "west_m",
)  # fmt: skip

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NO_SITE = -1


@dataclass(frozen=True)
class Nodes:
    """What a site is made of: the compliant blocks of one county and district in one field unit.

    table: one row a node, NODE_COLUMNS. left, right: int64, pairs of nodes of one county and district with blocks
    at most twice the gap apart; touching: bool, those at most the gap apart.
    """

    table: pd.DataFrame
    left: Ints
    right: Ints
    touching: Bools

    def __len__(self) -> int:
        return len(self.table)

    def of(self, rows: Ints) -> Nodes:
        """The nodes of these rows alone, in their order."""
        place = np.full(len(self), -1, np.int64)
        place[rows] = np.arange(len(rows))
        inside = (place[self.left] >= 0) & (place[self.right] >= 0)
        return Nodes(
            self.table.iloc[rows].reset_index(drop=True),
            place[self.left[inside]],
            place[self.right[inside]],
            self.touching[inside],
        )

    def groups(self, kept: Bools | None = None, wide: bool = False) -> Ints:
        """The connected group of each node; kept: nodes that connect; wide: by twice the gap."""
        pair = np.ones(len(self.left), bool) if wide else self.touching
        if kept is not None:
            pair = pair & kept[self.left] & kept[self.right]
        return _components(len(self), self.left[pair], self.right[pair])


def together(some: Sequence[Nodes]) -> Nodes:
    """Nodes of several tables as one, in their order."""
    first = np.cumsum([0, *(len(n) for n in some)])
    return Nodes(
        pd.concat([n.table for n in some], ignore_index=True),
        np.concatenate([n.left + at for n, at in zip(some, first, strict=False)]),
        np.concatenate([n.right + at for n, at in zip(some, first, strict=False)]),
        np.concatenate([n.touching for n in some]),
    )


def nodes(blocks: gpd.GeoDataFrame, gap_m: float) -> tuple[Nodes, Ints]:
    """The nodes of a plan's blocks, and the node of each block, -1 for one below its minimum.

    blocks: block_id, county, irrigation_district (null: one district of all such blocks of the county),
    field_unit, area_mu, cost_yuan, meets_minimum, geometry in projected metres.
    gap_m: two field units at most this far apart, from compliant block to compliant block, touch.
    """
    node = np.full(len(blocks), _NO_SITE, np.int64)
    compliant = np.flatnonzero(blocks["meets_minimum"].to_numpy(bool))
    own = blocks.iloc[compliant]
    county = pd.factorize(own["county"], use_na_sentinel=False)[0]
    district = pd.factorize(own["irrigation_district"], use_na_sentinel=False)[0]
    group = _codes(county, district)
    unit = _codes(group, own["field_unit"].to_numpy(np.int64))
    node[compliant] = unit
    geoms = own.geometry.to_numpy()
    n = int(unit.max(initial=-1)) + 1
    first = np.unique(unit, return_index=True)[1]
    north, west = np.full(n, -np.inf), np.full(n, np.inf)
    box = shapely.bounds(geoms).reshape(-1, 4)
    np.maximum.at(north, unit, box[:, 3])
    np.minimum.at(west, unit, box[:, 0])
    table = pd.DataFrame(
        {
            "county": own["county"].to_numpy(object)[first],
            "irrigation_district": own["irrigation_district"].to_numpy(object)[first],
            "field_unit": own["field_unit"].to_numpy(np.int64)[first],
            "area_mu": np.bincount(unit, own["area_mu"].to_numpy(float), n).astype(float),
            "cost_yuan": np.bincount(unit, own["cost_yuan"].to_numpy(float), n).astype(float),
            "n_blocks": np.bincount(unit, minlength=n).astype(np.int64),
            "north_m": north,
            "west_m": west,
        }
    )
    left, right = near(geoms, unit, group, 2 * gap_m) if n else (np.zeros(0, np.int64),) * 2
    close = _codes_of(*near(geoms, unit, group, gap_m), n) if n else np.zeros(0, np.int64)
    return Nodes(table, left, right, np.isin(_codes_of(left, right, n), close)), node


def grouped(
    found: Nodes, minimum_mu: Mapping[str, float | None], chosen: Bools | None = None
) -> tuple[NDArray[np.object_], pd.DataFrame]:
    """The site of every node (None: in none) and the sites without their geometry, the largest of a county first.

    minimum_mu: site minimum by county adcode; a county that is missing or None has none, and its sites
    meet none (`meets_minimum` is false: nothing there counts towards a target).
    chosen: bool[nodes], which nodes become sites; None: all.
    A group of nodes that could not reach the minimum whole is told as it is, chosen or not.
    Sites are numbered by area, then from north to south and west to east, so the order of the rows does not matter.
    """
    table = found.table
    ids = np.full(len(table), None, dtype=object)
    least = table.county.map({c: m for c, m in minimum_mu.items() if m is not None}).to_numpy(float)
    kept = np.ones(len(table), bool)
    if chosen is not None:
        group = found.groups()
        area = np.bincount(group, table.area_mu, len(table))
        kept = chosen | ~(area[group] >= least * (1 - 1e-9))
    inside = np.flatnonzero(kept)
    if len(inside) == 0:
        return ids, _rows([])
    own = table.iloc[inside]
    label = np.unique(found.groups(kept)[inside], return_inverse=True)[1].astype(np.int64)
    first = np.unique(label, return_index=True)[1]
    sums = pd.DataFrame(
        {
            "label": np.arange(len(first)),
            "county": own.county.to_numpy()[first],
            "irrigation_district": own.irrigation_district.to_numpy()[first],
            # a sum depends on the order of its terms in the last digit: rounded, ties stay ties
            "area_mu": np.bincount(label, own.area_mu),
            "rounded": np.bincount(label, own.area_mu).round(6),
            "n_blocks": np.bincount(label, own.n_blocks).astype(np.int64),
            "cost_yuan": np.bincount(label, own.cost_yuan),
            "south": -_extreme(np.maximum, label, own.north_m.to_numpy()),
            "west": _extreme(np.minimum, label, own.west_m.to_numpy()),
            "least": least[inside][first],
        }
    )
    sums = sums.sort_values(["county", "rounded", "south", "west"], ascending=[True, False, True, True])
    number = sums.groupby("county").cumcount() + 1
    sums["site_id"] = [f"S{c}-{n:03d}" for c, n in zip(sums["county"], number, strict=True)]
    # NaN where a county has no minimum: the comparison is false there
    sums["meets_minimum"] = sums["area_mu"].to_numpy() >= sums["least"].to_numpy() * (1 - 1e-9)
    names = np.empty(len(sums), dtype=object)
    names[sums["label"].to_numpy()] = sums["site_id"].to_numpy()
    ids[inside] = names[label]
    return ids, _rows(sums)


def of_blocks(site_of_node: NDArray[np.object_], node: Ints) -> NDArray[np.object_]:
    """The site of each block, by its node; None where it is in none."""
    return np.concatenate([site_of_node, np.array([None], object)])[node]


def with_outlines(
    rows: pd.DataFrame, site_id: NDArray[np.object_], geoms: NDArray[np.object_], crs: object
) -> gpd.GeoDataFrame:
    """The table of geo.schemas.SITES: `rows` of `grouped` with the blocks of each, collected, not dissolved.

    site_id: of each block, None for one in no site; geoms: Polygon or MultiPolygon of each.
    """
    place = pd.Series(np.arange(len(rows)), index=rows.site_id.to_numpy())
    inside = np.flatnonzero(pd.notna(site_id))
    label = place.reindex(site_id[inside]).to_numpy(np.int64)
    shapes = _collected(geoms[inside], label) if len(inside) else np.zeros(0, object)
    frame = rows.assign(geometry=shapes)[list(COLUMNS)].reset_index(drop=True)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=crs)


def sites(
    blocks: gpd.GeoDataFrame,
    gap_m: float,
    minimum_mu: Mapping[str, float | None],
    chosen: Bools | None = None,
) -> tuple[NDArray[np.object_], gpd.GeoDataFrame]:
    """The site of every block and the sites of a plan: `nodes`, `grouped` and `with_outlines` in one go."""
    found, node = nodes(blocks, gap_m)
    site_of_node, rows = grouped(found, minimum_mu, chosen)
    ids = of_blocks(site_of_node, node)
    return ids, with_outlines(rows, ids, blocks.geometry.to_numpy(), blocks.crs)


def _codes_of(left: Ints, right: Ints, n: int) -> Ints:
    return left * n + right


def _codes(left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int64]:
    """A dense number for each distinct pair of numbers from 0, by the first and then by the second."""
    pairs = left.astype(np.int64) * (int(right.max(initial=0)) + 1) + right
    return np.unique(pairs, return_inverse=True)[1].astype(np.int64)


def _components(n: int, left: Ints, right: Ints) -> Ints:
    """The component of each of n nodes, where left and right touch."""
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


def _rows(rows: pd.DataFrame | list[object]) -> pd.DataFrame:
    columns = [c for c in COLUMNS if c != "geometry"]
    frame = pd.DataFrame(rows, columns=columns).reset_index(drop=True)
    return frame.astype({"area_mu": float, "n_blocks": np.int64, "cost_yuan": float, "meets_minimum": bool})
