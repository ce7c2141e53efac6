"""Blocks for the field team: of a village, or around where somebody stands, the nearest first."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import select

from geo import distance
from tracking.books import MANY, chunks
from tracking.states import states
from tracking.store import Store
from tracking.tables import blocks

COLUMNS = (
    "block_id", "county", "village", "site_id", "area_mu", "state", "done_mu", "version", "lon", "lat",
    "distance_m",
)  # fmt: skip
M_PER_DEGREE = 111_195.0
"""One degree of latitude on a sphere of the Earth's mean radius."""


def find(
    store: Store,
    plan_id: str,
    *,
    counties: Collection[str] | None = None,
    village: str | None = None,
    near: tuple[float, float] | None = None,
    limit: int | None = 50,
    block_id: str | None = None,
) -> pd.DataFrame:
    """The plan's blocks with where they stand today; columns COLUMNS, by block_id, or by distance where `near`.

    counties: of these alone; None is all. near: longitude and latitude, degrees. lon, lat: a point inside the
    block. distance_m: from `near` to the block's outline, 0 inside it; NaN without `near`. block_id: this one alone, if
    it is there.
    """
    frame = states(store, plan_id=plan_id)
    for column, wanted in (("block_id", block_id), ("village", village)):
        if wanted is not None:
            frame = frame[frame[column] == wanted]
    if counties is not None:
        frame = frame[frame["county"].isin(list(counties))]
    if near is None:
        frame = frame.head(len(frame) if limit is None else limit)
    frame = frame.merge(_outlines(store, plan_id, list(frame["block_id"])), on="block_id")
    shapes = shapely.from_wkb(list(frame.pop("geometry")))
    frame["distance_m"] = np.nan
    if near is not None:
        nearest = np.argsort(roughly_m(shapes, near), kind="stable")[:limit]
        frame, shapes = frame.iloc[nearest].copy(), shapes[nearest]
        frame["distance_m"] = [distance.to_outline(*near, shape) for shape in shapes]
    points = shapely.point_on_surface(shapes)
    frame["lon"], frame["lat"] = shapely.get_x(points), shapely.get_y(points)
    order = ["block_id"] if near is None else ["distance_m", "block_id"]
    return frame.sort_values(order, ignore_index=True)[list(COLUMNS)]


def _outlines(store: Store, plan_id: str, ids: list[str]) -> pd.DataFrame:
    """block_id, version and geometry (WKB) of these blocks."""
    b = blocks.c
    query = select(b.block_id, b.version, b.geometry).where(b.plan_id == plan_id)
    with store.reading() as connection:
        if len(ids) > MANY * 10:
            # most of the plan: asking for all of it at once is quicker than by name
            rows = list(connection.execute(query))
        else:
            parts = [connection.execute(query.where(b.block_id.in_(part))) for part in chunks(ids, MANY)]
            rows = [row for part in parts for row in part]
    frame = pd.DataFrame.from_records(rows, columns=["block_id", "version", "geometry"])
    frame["geometry"] = [bytes(wkb) for wkb in frame["geometry"]]
    return frame.astype({"version": int})


def roughly_m(shapes: np.ndarray, near: tuple[float, float]) -> np.ndarray:
    """Metres from a point (longitude, latitude) to each outline in degrees, on a plane that touches there.

    Within one percent up to 50 km: enough to tell the nearest of many, all in one go.
    """
    lon, lat = near
    scale = np.array([M_PER_DEGREE * math.cos(math.radians(lat)), M_PER_DEGREE])
    flat = shapely.transform(shapes, lambda xy: (xy - (lon, lat)) * scale)
    return np.asarray(shapely.distance(flat, shapely.Point(0.0, 0.0)), float)


def villages(store: Store, plan_id: str, counties: Collection[str] | None = None) -> pd.DataFrame:
    """The villages of the plan's blocks: county, village (None where it is not known), blocks, area_mu."""
    b = blocks.c
    query = select(b.county, b.village, b.area_mu).where(b.plan_id == plan_id, b.withdrawn.is_(False))
    if counties is not None:
        query = query.where(b.county.in_(list(counties)))
    with store.reading() as connection:
        frame = pd.DataFrame(connection.execute(query).fetchall(), columns=["county", "village", "area_mu"])
    groups = frame.groupby(["county", "village"], dropna=False)["area_mu"]
    return groups.agg(blocks="size", area_mu="sum").reset_index()
