"""Blocks for the field team: of a village, or around where somebody stands, the nearest first."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import select

from tracking.states import states
from tracking.store import Store
from tracking.tables import blocks

COLUMNS = (
    "block_id", "county", "village", "site_id", "area_mu", "state", "done_mu", "version", "lon", "lat",
    "distance_m",
)  # fmt: skip
M_PER_DEGREE = 111_195.0
"""One degree of latitude on a sphere of the Earth's mean radius."""
MANY = 500
"""Block ids in one IN of a query."""


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
    block. distance_m: from `near` to the block's outline, 0 inside it, within some promille up to 50 km; NaN
    without `near`. block_id: this one alone, if it is there.
    """
    frame = states(store, plan_id=plan_id)
    if block_id is not None:
        frame = frame[frame["block_id"] == block_id]
    if counties is not None:
        frame = frame[frame["county"].isin(list(counties))]
    if village is not None:
        frame = frame[frame["village"] == village]
    if near is None and limit is not None:
        frame = frame.sort_values("block_id").head(limit)
    ids = set(frame["block_id"])
    query = select(blocks.c.block_id, blocks.c.version, blocks.c.geometry).where(blocks.c.plan_id == plan_id)
    if counties is not None:
        query = query.where(blocks.c.county.in_(list(counties)))
    if village is not None:
        query = query.where(blocks.c.village == village)
    if len(ids) <= MANY:
        query = query.where(blocks.c.block_id.in_(ids))
    with store.reading() as connection:
        rows = [row for row in connection.execute(query) if row.block_id in ids]
    shapes = shapely.from_wkb([bytes(row.geometry) for row in rows])
    found = pd.DataFrame(
        {"block_id": [r.block_id for r in rows], "version": np.array([r.version for r in rows], int)}
    )
    found["distance_m"] = np.nan if near is None else distances_m(shapes, near)
    points = shapely.point_on_surface(shapes)
    found["lon"], found["lat"] = shapely.get_x(points), shapely.get_y(points)
    frame = frame.merge(found, on="block_id")
    frame = frame.sort_values(["block_id"] if near is None else ["distance_m", "block_id"], ignore_index=True)
    return frame.loc[: len(frame) if limit is None else limit - 1, list(COLUMNS)]


def distances_m(shapes: np.ndarray, near: tuple[float, float]) -> np.ndarray:
    """Metres from a point (longitude, latitude) to each outline in degrees, on a plane that touches there."""
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
