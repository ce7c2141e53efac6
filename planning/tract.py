"""One tract planned in memory: whole field units, from their paddies to blocks with cost and earthwork.

A tract is what one task does: the paddies of one irrigation district, of some small ones, or of a share of a large
one that ends at canals. No block crosses its edge, so tracts are planned apart, in any order, anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from geo import schemas, terrain
from geo.crossing import crossing
from geo.frames import directions
from geo.neighbours import Neighbours, field_units, neighbours, renumbered
from geo.outlines import outlines
from geo.schemas import MU_M2
from planning import machines, tables
from planning.choosing import weighed_nodes
from planning.effort import Effort
from planning.joining import joined
from planning.layout import layout_table, places, sides
from planning.parameters import Parameters
from planning.programme import Programme
from planning.sites import Nodes
from planning.straight import straighten
from planning.tally import Tally, tally
from planning.works import works_table

Progress = Callable[[str, float], None]
"""(stage, how far it is, 0..1); may raise to stop."""
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

STAGES = {"neighbours": 0.10, "levels": 0.10, "blocks": 0.27, "outlines": 0.18}
"""The stages of a tract in order, and the share of a run's time that each takes."""


@dataclass(frozen=True)
class Rules:
    """What a tract is planned by. minimum_mu: block minimum by county; dem: None: levels are not known."""

    programme: Programme
    parameters: Parameters
    minimum_mu: Mapping[str, float]
    dem: Path | None
    seed: int
    effort: Effort
    threads: int = 2


@dataclass(frozen=True)
class Numbers:
    """Where a tract's own numbers begin, so that they are its own: blocks by county, field units."""

    block: Mapping[str, int] = field(default_factory=dict)
    field_unit: int = 0


@dataclass(frozen=True)
class Made:
    """A planned tract. blocks: without sites; node: of each block in `nodes`, -1 none; more: further tables."""

    parcels: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    shares: pd.DataFrame
    more: dict[str, pd.DataFrame]
    nodes: Nodes
    node: npt.NDArray[np.int64]
    tally: Tally


def planned(
    parcels: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame | None,
    rules: Rules,
    numbers: Numbers | None = None,
    progress: Progress | None = None,
) -> Made:
    """Plan the parcels of one tract, checked already (valid, disjoint, projected metres, county known).

    The order of the rows has no say: they are first put into an order of place and name.
    """
    at = progress or (lambda stage, fraction: None)
    numbers = numbers or Numbers()
    parameters = rules.parameters

    at("neighbours", 0.0)
    nb, fenced, parcels = _neighbours(parcels, barriers, parameters)

    at("levels", 0.0)
    geoms = parcels.geometry.to_numpy()
    parcels["elevation_m"] = _levels(geoms, rules.dem, parcels.crs)

    at("blocks", 0.0)
    unit = parcels.field_unit.to_numpy()
    angle = directions(geoms, unit)[unit]
    minimum_mu = parcels.county.map(dict(rules.minimum_mu)).to_numpy(float)
    found = joined(
        parcels, nb, fenced, angle, minimum_mu, parameters, rules.dem is not None, rules.seed, rules.effort,
        lambda fraction: at("blocks", fraction), rules.threads,
    )  # fmt: skip
    label, could, why = found.label, found.could, found.why

    at("outlines", 0.0)
    outline = outlines(geoms, label, nb, ~fenced, parameters.ridge_max_gap_m.value)
    label, outline = _large_enough(label, outline, minimum_mu)
    why[(label < 0) & (why == None)] = "left_over"  # noqa: E711 — elementwise
    parcels["field_unit"] = unit + numbers.field_unit
    measured = found.units(label, parcels.field_unit.to_numpy())
    at("outlines", 0.4)
    outline, crooked = straighten(parcels, outline, label, nb, fenced, angle, barriers, parameters)
    beside = sides(outline, places(parcels, label), barriers, parameters.beside_m.value)
    looks = machines.seen(geoms), machines.seen(outline)
    at("outlines", 0.6)
    blocks, loads = tables.blocks_table(
        parcels, label, outline, nb, minimum_mu, parameters, beside, *looks, numbers.block
    )
    lies = layout_table(blocks, beside, parameters.canal_head_m.value).assign(
        **machines.saved(looks[0], label, looks[1], parameters)
    )
    at("outlines", 0.8)
    works = works_table(parcels, blocks, label, rules.dem, parameters)

    parcels["block_id"] = blocks.block_id.array.take(label, allow_fill=True)
    parcels["reason"] = pd.Series(why, index=parcels.index, dtype="str")
    nodes, node = weighed_nodes(parcels, blocks, rules.programme, parameters)
    apart = (label[nb.left] != label[nb.right]) | (label[nb.left] < 0)
    half = nb.facing_m * (apart & ~fenced) / 2
    kept_m = (np.bincount(nb.left, half, len(parcels)) + np.bincount(nb.right, half, len(parcels))).astype(
        float
    )
    return Made(
        parcels=gpd.GeoDataFrame(
            parcels[list(schemas.PARCELS.columns)], geometry="geometry", crs=parcels.crs
        ),
        blocks=blocks,
        shares=tables.shares_table(parcels),
        more={
            "layout": lies,
            "straight": crooked.assign(block_id=blocks.block_id.to_numpy()[crooked.block]).drop(
                columns="block"
            ),
            "hauls": tables.hauls_table(loads, blocks, parcels),
            "units": measured,
            "works": works,
        },
        nodes=nodes,
        node=node,
        tally=tally(parcels, blocks, could, kept_m, measured, lies),
    )


def walls_of(barriers: gpd.GeoDataFrame | None) -> npt.NDArray[np.object_] | None:
    """The barriers that may not be crossed."""
    return None if barriers is None else barriers.geometry[barriers.fixed.astype(bool)].to_numpy()


def in_order(geoms: npt.NDArray[np.object_], names: pd.Series) -> npt.NDArray[np.int64]:
    """Rows along a space-filling curve, equals by name, so that neighbours stand near each other: int64[n]."""
    curve = gpd.GeoSeries(geoms).hilbert_distance(level=16).to_numpy()
    order = np.argsort(curve, kind="stable")
    along = curve[order]
    same = np.r_[False, along[1:] == along[:-1]]
    tied = np.flatnonzero(same | np.r_[same[1:], False])
    rows = order[tied]
    order[tied] = rows[np.lexsort((names.iloc[rows].to_numpy(str), curve[rows]))]
    return order


def _neighbours(
    parcels: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame | None, parameters: Parameters
) -> tuple[Neighbours, Bools, gpd.GeoDataFrame]:
    """Pairs, which of them a fixed barrier parts, and the parcels with field_unit, a unit's rows together."""
    geoms = parcels.geometry.to_numpy()
    along = in_order(geoms, parcels.parcel_id)
    geoms = geoms[along]
    nb = neighbours(geoms, parameters.ridge_max_gap_m.value, parameters.min_facing_m.value)
    fenced = crossing(nb, geoms, walls_of(barriers))
    unit = field_units(len(geoms), nb.left[~fenced], nb.right[~fenced])
    order = np.argsort(unit, kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    nb, pair = renumbered(nb, place)
    parcels = parcels.iloc[along[order]].reset_index(drop=True)
    parcels["field_unit"] = unit[order].astype(np.int64)
    return nb, fenced[pair], parcels


def _levels(geoms: npt.NDArray[np.object_], dem: Path | None, crs: pyproj.CRS) -> Floats:
    """Level of each parcel, m; NaN without a DEM, and where it has none."""
    return np.full(len(geoms), np.nan) if dem is None else terrain.elevations(geoms, dem, crs)


def _large_enough(
    label: npt.NDArray[np.int32], outline: npt.NDArray[np.object_], minimum_mu: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.object_]]:
    """The blocks whose drawn outline reaches the minimum; the search adds ridges up piece by piece.

    Where pieces of ridge lie over each other the sum is a little more than what is drawn, and that has the
    last word.
    """
    first = np.zeros(len(outline))
    first[label[label >= 0]] = minimum_mu[label >= 0]
    enough = shapely.area(outline) / MU_M2 >= first - 1e-9
    number = np.where(enough, np.cumsum(enough) - 1, -1)
    return np.append(number, -1)[label].astype(np.int32), outline[enough]
