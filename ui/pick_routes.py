"""Addresses for what is picked on the map: which blocks or parcels lie in a ring, and the shapes of some of them."""

from __future__ import annotations

import json

import numpy as np
import shapely
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo import tiles
from geo.plan_rows import Rows
from tracking.desk import Desk
from ui import answers, mapdata
from ui.answers import BadRequestError, guarded
from ui.tile_routes import ROOT, plan_of

MOST = 20_000
"""Numbers in one answer."""
MOST_SHAPES = 500
MOST_CORNERS = 500
"""Of a ring that is asked with."""


def routes() -> list[Route]:
    """To stand beside the others in ui.routes."""
    return [
        Route(f"{ROOT}/within.json", guarded(_within)),
        Route(f"{ROOT}/shapes.json", guarded(_shapes)),
    ]


def _rows(request: Request, data: mapdata.PlanMap) -> Rows:
    """layer=blocks or parcels."""
    asked = request.query_params.get("layer")
    if asked not in ("blocks", "parcels"):
        raise BadRequestError("layer: blocks, parcels")
    return data.cutter.blocks if asked == "blocks" else data.cutter.parcels


def _ring(request: Request) -> np.ndarray:
    """ring=longitude,latitude,longitude,latitude… in the map's degrees: float64[k, 2], at least three corners."""
    try:
        xy = np.array([float(part) for part in request.query_params.get("ring", "").split(",")]).reshape(
            -1, 2
        )
    except ValueError:
        raise BadRequestError("ring=lon,lat,lon,lat,…") from None
    if not 3 <= len(xy) <= MOST_CORNERS or not np.isfinite(xy).all() or np.abs(xy).max() > 180:
        raise BadRequestError(f"ring: 3..{MOST_CORNERS} corners")
    return xy


def _within(request: Request, desk: Desk) -> Response:
    """The numbers of the shapes that have a point in the ring in common with it, in order; more: there are others."""
    data = plan_of(request)
    rows, xy = _rows(request, data), _ring(request)
    (west, south), (east, north) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    near = rows.in_box(data.cutter.ground.box_around((west, south, east, north)))
    area = shapely.make_valid(shapely.Polygon(xy))
    shapely.prepare(area)
    found: list[int] = []
    # by the group of rows: the shapes of a whole city are never held
    ends = [group.first + group.rows for group in rows.groups]
    for part in np.split(near, np.searchsorted(near, ends[:-1])):
        if len(part):
            shapes = tiles.lonlat(rows.shapes(part), rows.crs, data.shift)
            found += part[shapely.intersects(area, shapes)].tolist()
        if len(found) > MOST:
            break
    content = {"numbers": found[:MOST], "more": len(found) > MOST}
    return answers.never_kept(answers.told(request, content))


def _shapes(request: Request, desk: Desk) -> Response:
    """The shapes of rows=1,2,3… as GeoJSON in the map's degrees, each with its number and nothing else."""
    data = plan_of(request)
    rows = _rows(request, data)
    given = request.query_params.get("rows", "").split(",")
    if len(given) > MOST_SHAPES:
        raise BadRequestError(f"rows: 1..{MOST_SHAPES}")
    last = max(rows.count - 1, 0)
    number = np.unique([answers.whole_number(value, "rows", 0, last) for value in given])
    shapes = shapely.to_geojson(tiles.lonlat(rows.shapes(number), rows.crs, data.shift))
    features = [
        {"type": "Feature", "id": int(n), "properties": {}, "geometry": json.loads(shape)}
        for n, shape in zip(number, shapes, strict=True)
    ]
    return answers.never_kept(answers.told(request, {"type": "FeatureCollection", "features": features}))
