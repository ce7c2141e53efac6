"""Addresses of a plan's tiles and of what colours them: shapes once, a byte for each shape beside them."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

import numpy as np
import shapely
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo import tiles
from geo.tiling.cutting import FIRST, LAST
from tracking import people, tilesets
from tracking.desk import Desk
from ui import answers, colouring, mapdata
from ui.answers import guarded
from ui.settings import current

ROOT = "/chigai/data/plan/{id}"


def routes() -> list[Route]:
    """To stand beside the others in ui.routes."""
    return [
        Route(f"{ROOT}/tiles/{{z:int}}/{{x:int}}/{{y:int}}.mvt", guarded(_tile)),
        Route(f"{ROOT}/looks/{{by}}.bin", guarded(_looks)),
        Route(f"{ROOT}/parcels/{{chunk:int}}.bin", guarded(_parcels)),
        Route(f"{ROOT}/townships.json", guarded(_townships)),
        Route(f"{ROOT}/about.json", guarded(_about)),
    ]


def plan_of(request: Request) -> mapdata.PlanMap:
    """The plan that is asked for."""
    return mapdata.plan(request.path_params["id"], current().shifted)


def mine(desk: Desk) -> frozenset[str] | None:
    """The counties whose households this person may know of; None, all."""
    return people.where(desk.person, "see_private")


def _tag(data: mapdata.PlanMap, *more: Any) -> str:
    said = " ".join(map(str, [data.folder.name, mapdata.version(data), data.shift is not None, *more]))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _tile(request: Request, desk: Desk) -> Response:
    at = request.path_params
    tile = (at["z"], at["x"], at["y"])
    if not FIRST <= tile[0] <= LAST or max(tile[1:]) >= 2 ** tile[0]:
        return answers.plain("没有这张瓦片。 No such tile.", 404)
    data = plan_of(request)

    def make() -> Response:
        body = data.tile(tile)
        if not body:
            return Response(status_code=204)
        headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            body, headers = gzip.decompress(body), {}
        return Response(body, headers=headers, media_type="application/vnd.mapbox-vector-tile")

    response = answers.unless_known(request, _tag(data, *tile), make)
    if desk.person.local:
        # whoever uses this browser uses this machine
        response.headers.update(answers.PRIVATE)
    return response


def _looks(request: Request, desk: Desk) -> Response:
    """A byte for each block, as colouring.blocks says; what tells of households is kept by no browser."""
    by, data = request.path_params["by"], plan_of(request)
    if by not in colouring.BY:
        return answers.plain("没有这种着色。 No such colouring.", 404)

    def make() -> Response:
        own = mine(desk)
        return _bytes(request, data.keep((by, own), lambda: colouring.blocks(data, by, own).tobytes()))

    if by == "operators" and not desk.person.local:
        return answers.never_kept(make())
    return answers.unless_known(request, _tag(data, by), make)


def _parcels(request: Request, desk: Desk) -> Response:
    """A byte for each of some parcels, as colouring.parcels says."""
    data, chunk = plan_of(request), request.path_params["chunk"]
    if chunk * colouring.CHUNK >= data.cutter.parcels.count:
        return answers.plain("没有这些地块。 No such parcels.", 404)

    def make() -> Response:
        own = mine(desk)
        return _bytes(request, data.keep((chunk, own), lambda: colouring.parcels(data, chunk, own).tobytes()))

    if not desk.person.local:
        return answers.never_kept(make())
    return answers.unless_known(request, _tag(data, "parcels", chunk), make)


def _bytes(request: Request, body: bytes) -> Response:
    return answers.packed(request, body, "application/octet-stream")


def _townships(request: Request, desk: Desk) -> Response:
    """Townships with their sums and outlines; `null` as long as they are not summed up."""
    data = plan_of(request)
    found = data.places
    if found is None:
        return answers.never_kept(answers.told(request, None))
    own = mine(desk)

    def make() -> Response:
        body = data.keep(("townships", own), lambda: answers.as_json(_drawn(data, own)))
        return answers.packed(request, body, "application/json")

    return answers.unless_known(request, _tag(data, "townships", own if own is None else sorted(own)), make)


def _drawn(data: mapdata.PlanMap, own: frozenset[str] | None) -> dict[str, Any]:
    assert data.places is not None
    frame = data.places[(data.places["kind"] == "township") & data.places.geometry.notna()]
    shapes = tiles.lonlat(np.asarray(frame.geometry.array, object), frame.crs, data.shift)
    features = []
    for row, shape in zip(frame.to_dict("records"), shapes, strict=True):
        area, blocks = row["parcels_mu"], row["n_blocks"]
        households = row["operators"] / blocks if blocks else None
        told = {
            "name": row["township"],
            "county": row["county"],
            "parcels": int(row["n_parcels"]),
            "area_mu": round(area, 1),
            "blocks": int(blocks),
            "state": _share(row["compliant_mu"], area),
            "site": _share(row["site_mu"], area),
            "size": round(row["blocks_mu"] / blocks, 1) if blocks else None,
            "cut": round(row["cut_m3"] / row["blocks_mu"], 1) if row["blocks_mu"] else None,
            "operators": None
            if households is None or (own is not None and row["county"] not in own)
            else round(households, 1),
        }
        told["box"] = [float(end) for end in np.round(shapely.bounds(shape), 6)]
        features.append(
            {"type": "Feature", "properties": told, "geometry": json.loads(shapely.to_geojson(shape))}
        )
    return {"type": "FeatureCollection", "features": features}


def _share(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _about(request: Request, desk: Desk) -> Response:
    """What this person may see of the plan, and how far its tiles are."""
    data = plan_of(request)
    made = tilesets.standing(desk.home, data.folder.name, data.shift is not None)
    own = mine(desk)
    followed = desk.plans()
    return answers.never_kept(
        answers.told(
            request,
            {
                "private": own is None or bool(own & set(data.counties)),
                "followed": str(data.meta.get("id", data.folder.name)) in set(followed["id"]),
                "tiles": {"state": made.state, "fraction": round(made.fraction, 3)},
            },
        )
    )
