"""Townships and villages of a plan: where they lie, and how much of them is joined, summed from its tables."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from geo.plan_rows import Rows, rows_of

CELL_M = 500.0
"""Side of the cells that a township's outline is made of, m: the data have no outlines of townships."""
SUMS = ("n_parcels", "parcels_mu", "compliant_mu", "site_mu", "cut_m3", "n_blocks", "blocks_mu", "operators")
NAMES = ["county", "township", "village"]
_BOX = {"west": "min", "south": "min", "east": "max", "north": "max"}
_BLOCK = ["block_id", "site_id", "area_mu", "parcels_mu", "meets_minimum", "cut_m3", "n_operators"]


def places(folder: Path) -> gpd.GeoDataFrame:
    """Every township and village that the parcels name, in the plan's CRS.

    kind: township or village; county, township, village: names, village null for a township. n_parcels; parcels_mu;
    compliant_mu and site_mu: mu of parcels in blocks that meet the minimum, and in sites that reach theirs; cut_m3:
    of their blocks, by the parcels' share of each; n_blocks, blocks_mu, operators: blocks whose first parcel lies
    there, their mu, and the sum of their operators. west, south, east, north: their box, m. geometry: of a township,
    the cells in which it has most of the paddies; null of a village.
    Raises ChigaiError where the plan's tables cannot be read.
    """
    parcels, blocks = Rows(folder, "parcels"), Rows(folder, "blocks")
    told = blocks.table(_BLOCK)
    good = _good_sites(folder)
    block = told.drop(["block_id"]).to_pandas()
    block["in_site"] = block["site_id"].isin(good)
    ids = told["block_id"].combine_chunks()
    seen = np.zeros(len(block), bool)
    sums, cells = [], []
    for number in range(len(parcels.groups)):
        of_village, of_cell = _group(parcels, number, block, ids, seen)
        sums.append(of_village)
        cells.append(of_cell)
    if not sums:
        return gpd.GeoDataFrame(columns=["kind", *NAMES, *SUMS, *_BOX], geometry=[], crs=parcels.crs)
    how = dict.fromkeys(SUMS, "sum") | _BOX
    village = pd.concat(sums).groupby(NAMES, dropna=False, observed=True).agg(how).reset_index()
    township = (
        village.groupby(["county", "township"], dropna=False).agg(how).reset_index().assign(village=None)
    )
    found = pd.concat(
        [
            township[township["township"].notna()].assign(kind="township"),
            village[village["village"].notna()].assign(kind="village"),
        ],
        ignore_index=True,
    )
    shapes = _outlines(pd.concat(cells))
    keys = zip(found["kind"], found["county"], found["township"], strict=True)
    geometry = [shapes.get((county, name)) if kind == "township" else None for kind, county, name in keys]
    return gpd.GeoDataFrame(found[["kind", *NAMES, *SUMS, *_BOX]], geometry=geometry, crs=parcels.crs)


def _good_sites(folder: Path) -> list[str]:
    """Sites that reach their minimum."""
    sites = rows_of(folder, "sites")
    if sites is None:
        return []
    told = sites.table(["site_id", "meets_minimum"])
    return [str(name) for name in told.filter(told["meets_minimum"])["site_id"].to_pylist()]


def _group(
    parcels: Rows, number: int, block: pd.DataFrame, ids: pa.Array, seen: NDArray[np.bool_]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sums of one group of rows by village, and of its paddies by township and cell. seen: blocks counted already."""
    told = parcels.group(number, [*NAMES, "area_mu", "block_id"])
    frame = pd.DataFrame({name: told[name].to_pandas().astype("category") for name in NAMES})
    area = told["area_mu"].to_numpy()
    row = pc.fill_null(pc.index_in(told["block_id"], value_set=ids), -1).to_numpy().astype(np.int64)
    joined = row >= 0
    at = row[joined]
    share = np.zeros(len(row))
    share[joined] = area[joined] / block["parcels_mu"].to_numpy(float)[at]

    def of_block(column: str) -> NDArray[np.float64]:
        values = np.zeros(len(row))
        values[joined] = block[column].to_numpy(float)[at]
        return values

    first = np.zeros(len(row), bool)
    _, begin = np.unique(row, return_index=True)
    first[begin] = True
    first &= joined
    first[joined] &= ~seen[at]
    seen[at] = True
    frame["n_parcels"] = 1
    frame["parcels_mu"] = area
    frame["compliant_mu"] = area * of_block("meets_minimum")
    frame["site_mu"] = area * of_block("in_site")
    frame["cut_m3"] = of_block("cut_m3") * share
    frame["n_blocks"] = first.astype(np.int64)
    frame["blocks_mu"] = of_block("area_mu") * first
    frame["operators"] = of_block("n_operators") * first
    frame[list(_BOX)] = parcels.boxes(number)
    of_village = frame.groupby(NAMES, dropna=False, observed=True).agg(dict.fromkeys(SUMS, "sum") | _BOX)
    frame["i"] = np.floor((frame["west"] + frame["east"]) / 2 / CELL_M)
    frame["j"] = np.floor((frame["south"] + frame["north"]) / 2 / CELL_M)
    of_cell = frame.groupby(["i", "j", "county", "township"], observed=True)["parcels_mu"].sum()
    return of_village.reset_index(), of_cell.reset_index()


def _outlines(cells: pd.DataFrame) -> dict[tuple[str, str], object]:
    """Each township's outline: the cells in which it has more paddies than any other, their steps evened out."""
    keys = ["i", "j", "county", "township"]
    most = cells.groupby(keys, observed=True)["parcels_mu"].sum().reset_index()
    most = most.sort_values(["parcels_mu", "county", "township"], ascending=[False, True, True])
    most = most.drop_duplicates(["i", "j"])
    west, south = most["i"].to_numpy() * CELL_M, most["j"].to_numpy() * CELL_M
    frame = gpd.GeoDataFrame(
        most[["county", "township"]].astype(str),
        geometry=shapely.box(west, south, west + CELL_M, south + CELL_M),
    )
    whole = frame.dissolve(["county", "township"], method="coverage")
    shapes = shapely.coverage_simplify(whole.geometry.to_numpy(), 0.75 * CELL_M)
    return dict(zip(whole.index, shapes, strict=True))
