"""The tables of a plan from the planner's arrays: blocks, hauls, shares."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.neighbours import Neighbours
from geo.rings import centroids
from geo.schemas import MU_M2
from planning.cost import Prices, block_cost, levelling
from planning.earthwork import Hauls, hauls
from planning.layout import SIDES, Sides, cut_and_fill, watered
from planning.machines import Seen
from planning.parameters import Parameters

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

TOUCHING_M = 0.05
"""Parcels nearer than this are drawn side to side: their ridge lies inside their own areas."""


def prices(parameters: Parameters, earthwork: bool) -> Prices:
    """The unit prices of the objective; without levels no earth is priced."""
    return Prices(
        parameters.earthwork_yuan_per_m3.value if earthwork else 0.0,
        parameters.ridge_yuan_per_m.value,
        parameters.shape_yuan_per_mu.value,
        parameters.operator_yuan.value,
    )


def blocks_table(
    parcels: gpd.GeoDataFrame,
    label: Ints,
    outline: npt.NDArray[np.object_],
    nb: Neighbours,
    minimum_mu: Floats,
    parameters: Parameters,
    beside: Sides,
    parcels_seen: Seen,
    blocks_seen: Seen,
    begun: Mapping[str, int],
) -> tuple[gpd.GeoDataFrame, Hauls]:
    """One row a block, columns of geo.schemas.BLOCKS (site_id still null), in the order of the labels; its loads.

    label: int[n], block of each parcel, -1 none; outline: Polygon[blocks]; minimum_mu: block minimum of each
    parcel's county; beside: what lies beside each block; parcels_seen, blocks_seen: the looks of both;
    begun: by county, numbers of blocks that are given already.
    """
    n = len(outline)
    inside = label >= 0
    lab = label[inside]
    own = parcels.area_mu.to_numpy(float)
    z = parcels.elevation_m.to_numpy(float)
    first = np.full(n, len(label))
    np.minimum.at(first, lab, np.flatnonzero(inside))
    parcels_mu = np.bincount(lab, own[inside], n)
    area_mu = blocks_seen.area_m2 / MU_M2

    together = (label[nb.left] == label[nb.right]) & (label[nb.left] >= 0)
    of = label[nb.left][together]
    facing, ridge = nb.facing_m[together], nb.ridge_m2[together]
    removed_m = np.bincount(of, facing, n)
    drawn_thin = ridge < TOUCHING_M * facing
    width = parameters.ridge_width_m.value
    gained_mu = area_mu - parcels_mu + np.bincount(of, np.where(drawn_thin, facing * width, 0), n) / MU_M2

    n_parcels = np.bincount(lab, minlength=n)
    level, cut = levelling(own * MU_M2, z, label, n)
    fill = cut
    if parameters.level_by_canal.value:  # a parcel alone is left as it is
        level = np.where(n_parcels > 1, watered(level, beside, parameters.canal_head_m.value), level)
        cut, fill = cut_and_fill(own * MU_M2, z, label, level)
    loads = hauls(label, own * MU_M2, z, level, *centroids(parcels.geometry.to_numpy()).T)

    operator, names = pd.factorize(parcels.operator)
    known = (operator >= 0) & inside
    pairs = np.unique(label[known] * np.int64(len(names)) + operator[known])
    n_operators = np.bincount(pairs // max(len(names), 1), minlength=n)
    shape = blocks_seen.rectangularity
    before = np.bincount(lab, (own * parcels_seen.rectangularity)[inside], n) / np.maximum(parcels_mu, 1e-12)
    unit_prices = prices(parameters, bool(np.isfinite(z).any()))
    cost: Floats = block_cost.py_func(cut, area_mu * MU_M2, shape, n_operators, unit_prices)
    # one parcel alone is left as it is: nothing is built, nobody talks to anybody
    single = n_parcels == 1
    cost[single] = 0.0
    benefit = (
        gained_mu * parameters.planted_yuan_per_mu_year.value
        + removed_m * parameters.turning_yuan_per_m_year.value
        + area_mu * (shape - before) * parameters.shape_yuan_per_mu_year.value
    )
    benefit[single] = 0.0
    county = parcels.county.iloc[first].to_numpy(object)
    low = np.full(n, np.inf)
    high = np.full(n, -np.inf)
    levelled = inside & np.isfinite(z)
    np.minimum.at(low, label[levelled], z[levelled])
    np.maximum.at(high, label[levelled], z[levelled])
    blocks = gpd.GeoDataFrame(
        {
            "block_id": pd.Series(block_ids(county, begun), dtype="str"),
            "county": pd.Series(county, dtype="str"),
            "irrigation_district": parcels.irrigation_district.iloc[first].to_numpy(),
            "site_id": pd.Series([None] * n, dtype="str"),
            "field_unit": parcels.field_unit.to_numpy(np.int64)[first],
            "area_mu": area_mu,
            "parcels_mu": parcels_mu,
            "n_parcels": n_parcels.astype(np.int64),
            "n_operators": n_operators.astype(np.int64),
            "meets_minimum": area_mu >= minimum_mu[first] - 1e-9,
            "elevation_min_m": np.where(np.isfinite(low), low, np.nan),
            "elevation_max_m": np.where(np.isfinite(high), high, np.nan),
            "design_level_m": level,
            "cut_m3": cut,
            "fill_m3": fill,
            "haul_m3m": loads.of_blocks(n),
            "ridge_removed_m": removed_m,
            "gained_mu": np.maximum(gained_mu, 0.0),
            "rectangularity": shape,
            **{f"has_{side}": beside.has(side) for side in SIDES},
            "cost_yuan": cost,
            "benefit_yuan_per_year": benefit,
        },
        geometry=outline,
        crs=parcels.crs,
    )
    return blocks, loads


def hauls_table(loads: Hauls, blocks: gpd.GeoDataFrame, parcels: gpd.GeoDataFrame) -> pd.DataFrame:
    """The haul table: which parcel gives how much earth to which, one row a load, blocks in order."""
    names = parcels.parcel_id.to_numpy()
    return pd.DataFrame(
        {
            "block_id": blocks.block_id.to_numpy()[loads.block],
            "from_parcel": names[loads.giving],
            "to_parcel": names[loads.taking],
            "volume_m3": loads.volume_m3,
            "distance_m": loads.distance_m,
        }
    )


def block_ids(county: npt.NDArray[np.object_], begun: Mapping[str, int]) -> list[str]:
    """A name for each block: its county and a number that counts within the county, from those begun on."""
    number = pd.Series(county).groupby(county).cumcount() + 1 + pd.Series(county).map(begun).fillna(0)
    return [f"B{c}-{int(k):05d}" for c, k in zip(county, number, strict=True)]


def shares_table(parcels: gpd.GeoDataFrame) -> pd.DataFrame:
    """Each operator's part of each block (private): area_mu brought in, and its share of the block's parcels.

    Parcels without an operator form one row of the block with operator null; shares of a block sum to 1.
    """
    inside = parcels[parcels.block_id.notna()]
    sums = inside.groupby(["block_id", "operator"], dropna=False, sort=True).area_mu.sum().reset_index()
    sums["share"] = sums.area_mu / sums.groupby("block_id").area_mu.transform("sum")
    return pd.DataFrame(sums[["block_id", "operator", "area_mu", "share"]])
