"""The address of what differs between two plans, for the map: which parcels change hands, and where."""

from __future__ import annotations

import numpy as np
import shapely
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo import tiles
from geo.plan_rows import Rows
from planning import comparing
from tracking import variants
from tracking.desk import Desk
from ui import answers, mapdata
from ui.answers import BadRequestError, guarded
from ui.settings import current
from ui.tile_routes import ROOT

MOST_POINTS = 3_000
"""Places that stand for the parcels on a map of the whole city."""
MOST = 100_000
"""Parcels of each kind that are named."""


def routes() -> list[Route]:
    """To stand beside the others in ui.routes."""
    return [Route(f"{ROOT}/hands.json", guarded(_hands))]


def _hands(request: Request, desk: Desk) -> Response:
    """against=PLAN: the parcels of this plan that change hands from that one, by kind: their numbers (rows of this
    plan's table), and places in the map's degrees; box: round all of them, null where there are none."""
    plan, other = request.path_params["id"], request.query_params.get("against", "")
    if not mapdata.known_id(other):
        raise BadRequestError("against=PLAN")
    rows = Rows(desk.home / "plans" / plan, "parcels")
    found = variants.rows_that_change(desk, other, plan)
    numbers = {kind: np.sort(found.row[found.kind == kind].to_numpy(np.int64)) for kind in comparing.HANDS}
    every = np.concatenate(list(numbers.values()))
    shift = mapdata.shift(current().shifted)
    box, points = None, {}
    if len(every):
        extents = rows.extents()
        low, high = extents[every, :2].min(axis=0), extents[every, 2:].max(axis=0)
        box = shapely.bounds(_degrees(np.array([[*low], [*high]]), rows, shift))
        box = [float(v) for v in (*box[:, :2].min(axis=0), *box[:, 2:].max(axis=0))]
        for kind, own in numbers.items():
            some = own[:: max(1, -(-len(own) // MOST_POINTS))]
            middle = (extents[some, :2] + extents[some, 2:]) / 2
            points[kind] = shapely.get_coordinates(_degrees(middle, rows, shift)).round(6).tolist()
    told = {kind: own[:MOST].tolist() for kind, own in numbers.items()}
    return answers.never_kept(answers.told(request, {"numbers": told, "points": points, "box": box}))


def _degrees(xy: np.ndarray, rows: Rows, shift: tiles.Shift | None) -> np.ndarray:
    return tiles.lonlat(shapely.points(xy), rows.crs, shift)
