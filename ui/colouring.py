"""What the map colours shapes by, as one byte for each: the place of its look in a book of ui.palette."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from geo.export import public
from ui import palette
from ui.mapdata import PlanMap

Bytes = NDArray[np.uint8]
CHUNK = 65_536
"""Parcels of one answer."""
UNKNOWN = 255
HOUSEHOLDS_WILL = ("consent", "left_over", "taken_out")
"""Reasons that say, or let one guess, that a household refused; exports keep them back as well."""
KEPT_APART = ("有相邻小池不并入本池", "Some neighbouring parcels are not joined to it")
"""What all others read where a rule of a block is about a household's will."""
REASONS = (*palette.REASONS, public.OTHER)
"""A parcel's reason by its number; 0 is none, so the first is 1."""
SIZE_BITS, LARGE_BIT, REASON_SHIFT, BARE = 0b111, 0b1000, 4, 15
"""A parcel's byte: class of its size, whether it reaches the block minimum by itself, and why it is in no block: 0 for
one in a block, BARE for one in none of which no reason is told."""
_NEIGHBOURS = 8
_PUBLIC = ("state", "size", "cut", "site", "county")
BY = (*_PUBLIC, "operators")
"""What is asked for by name, of blocks; how far the work is comes with each day (ui.state_routes)."""


def blocks(data: PlanMap, by: str, mine: Collection[str] | None) -> Bytes:
    """A byte for each block of the plan. mine: the counties whose households this person may know of; None, all.

    by county: the place of the county in the plan's own list.
    """
    if by == "state":
        return data.blocks["state"].cat.codes.to_numpy().astype(np.uint8)
    if by == "size":
        return classes(data.blocks["area_mu"].to_numpy(float), palette.SIZE_EDGES)
    if by == "county":
        place = {code: i for i, code in enumerate(data.counties)}
        return _county(data).map(place).fillna(UNKNOWN).to_numpy().astype(np.uint8)
    if by == "site":
        return _sites(data)
    told = data.cutter.blocks.table(["cut_m3", "n_operators"])
    if by == "cut":
        return classes(told["cut_m3"].to_numpy() / data.blocks["area_mu"].to_numpy(float), palette.CUT_EDGES)
    many = told["n_operators"].to_numpy().astype(float)
    known = many > 0
    if mine is not None:
        known &= _county(data).isin(list(mine)).to_numpy()
    unknown = list(palette.OPERATORS).index("unknown")
    return np.where(known, classes(many, palette.OPERATOR_EDGES), unknown).astype(np.uint8)


def parcels(data: PlanMap, chunk: int, mine: Collection[str] | None) -> Bytes:
    """A byte for each parcel from row chunk × CHUNK on, as SIZE_BITS and the others say."""
    rows = np.arange(chunk * CHUNK, min((chunk + 1) * CHUNK, data.cutter.parcels.count))
    told = data.cutter.parcels.take(rows, ["county", "area_mu", "block_id", "reason"])
    county = told["county"].combine_chunks().dictionary_encode()
    place = pc.fill_null(county.indices, -1).to_numpy(zero_copy_only=False)
    names = [*county.dictionary.to_pylist(), ""]
    area = told["area_mu"].to_numpy()
    out = classes(area, palette.SIZE_EDGES)
    out |= np.where(area >= data.minimum_mu(pd.Series(names))[place], LARGE_BIT, 0).astype(np.uint8)
    number = (
        pc.fill_null(pc.index_in(told["reason"], pa.array(REASONS, told["reason"].type)), -1).to_numpy() + 1
    )
    if mine is not None:
        will = np.isin(number, [REASONS.index(name) + 1 for name in HOUSEHOLDS_WILL])
        number[will & ~np.isin(names, list(mine))[place]] = REASONS.index(public.OTHER) + 1
    rest = told["block_id"].is_null().to_numpy()
    number = np.where(rest, np.where(number > 0, number, BARE), 0)
    out |= number.astype(np.uint8) << REASON_SHIFT
    return out


def reasons(county: pd.Series, reason: pd.Series, mine: Collection[str] | None) -> pd.Series:
    """Reasons as this person may know them: what a household wants is told in their own counties alone."""
    reason = reason.astype(object)
    if mine is None:
        return reason
    told = county.isin(list(mine)) | ~reason.isin(HOUSEHOLDS_WILL)
    return reason.where(told, public.OTHER)


def rules(found: Sequence[Mapping[str, Any]], private: bool) -> list[dict[str, Any]]:
    """A block's rules (`planning.explain`), those that bind first, as this person may know them: zh, en, binds.

    private: whether the person may know of the households of the block's county.
    """
    told = []
    for rule in sorted(found, key=lambda rule: not rule["binds"]):
        open_to_all = private or rule["rule"] not in HOUSEHOLDS_WILL
        zh, en = (rule["zh"], rule["en"]) if open_to_all else KEPT_APART
        told.append({"zh": zh, "en": en, "binds": bool(rule["binds"])})
    return told


def classes(values: NDArray[np.float64], edges: tuple[float, ...]) -> Bytes:
    """The class of each value: how many edges it reaches."""
    return np.digitize(np.nan_to_num(values), edges).astype(np.uint8)


def _county(data: PlanMap) -> pd.Series:
    return data.blocks["county"].astype(object)


def _sites(data: PlanMap) -> Bytes:
    """Colours of sites such that those near each other differ, as far as there are colours."""
    sites = data.sites
    colours = len(palette.SITES) - 1
    place = gpd.GeoSeries(sites.geoms)
    given = np.full(len(place), -1)
    xy = shapely.get_coordinates(sites.geoms)
    for i in range(len(place)):
        off = np.hypot((xy[:, 0] - xy[i, 0]) * np.cos(np.radians(xy[i, 1])), xy[:, 1] - xy[i, 1])
        taken = set(given[np.argsort(off, kind="stable")[1 : _NEIGHBOURS + 1]].tolist())
        given[i] = next((c for c in range(colours) if c not in taken), i % colours)
    of = (
        data.blocks["site_id"]
        .astype(object)
        .map(dict(zip(sites.table["site_id"], given.tolist(), strict=True)))
    )
    return of.fillna(colours).to_numpy().astype(np.uint8)
