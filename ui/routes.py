"""The app's own addresses beside Streamlit's: map pages, the data they ask for, and their scripts."""

from __future__ import annotations

import numpy as np
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from geo import tiles
from tracking import people
from tracking.desk import Desk
from ui import (
    answers,
    assets,
    card_routes,
    colouring,
    draft_routes,
    ground_routes,
    mapdata,
    mappages,
    maps,
    photo_routes,
    pick_routes,
    state_routes,
    tile_routes,
    variant_routes,
)
from ui.answers import BadRequestError, guarded, plain
from ui.settings import current

_LEADS_TO_HOUSEHOLDS = ("parcel_id", "n_operators")
"""Columns of a plan's layers: a parcel's code is its household's in the register, and few households are known."""


def routes() -> list[Route]:
    """Every route, for st.App(routes=…). Only GET and HEAD and no listing; what changes something is a draft's
    alone, and takes POST."""
    return [
        Route("/overview", _overview),
        Route(f"{maps.ROOT}/assets/{{name}}", _asset),
        Route(f"{maps.ROOT}/map/plan/{{id}}", guarded(_plan_page)),
        Route(f"{maps.ROOT}/map/upload/{{id}}", guarded(_findings_page)),
        Route(f"{maps.ROOT}/data/plan/{{id}}/{{layer}}.geojson", guarded(_plan_data)),
        Route(f"{maps.ROOT}/data/upload/{{id}}/{{layer}}.geojson", guarded(_upload_data)),
        *tile_routes.routes(),
        *card_routes.routes(),
        *pick_routes.routes(),
        *ground_routes.routes(),
        *draft_routes.routes(),
        *variant_routes.routes(),
        *state_routes.routes(),
        *photo_routes.routes(),
    ]


def _overview(request: Request) -> Response:
    """The first page lies at the root, and Streamlit knows it by no other address: who writes its name is led there."""
    query = request.url.query
    return RedirectResponse(f"/?{query}" if query else "/", headers=answers.SAFE)


def _asset(request: Request) -> Response:
    asset = assets.served().get(request.path_params["name"])
    if asset is None:
        return plain("没有这个文件。 Not found.", 404)
    return Response(asset.content, headers=answers.SAFE | answers.FOREVER, media_type=asset.media_type)


def _plan_page(request: Request, desk: Desk) -> Response:
    view = request.query_params.get("view", "after")
    if view not in maps.VIEWS:
        raise BadRequestError("view: after, before, before_after")
    lang = request.query_params.get("lang", "zh")
    # what the map will ask of the plan's tables is looked for now: here there is room to say what they lack
    _ = mapdata.plan(request.path_params["id"], current().shifted).cutter
    page = maps.plan_page(request.path_params["id"], lang, view)
    maps.prepare(desk.home, request.path_params["id"])
    return mappages.answer(request, page)


def _findings_page(request: Request, desk: Desk) -> Response:
    _upload(request, desk)
    page = maps.findings_page(request.path_params["id"], request.query_params.get("lang", "zh"))
    return mappages.answer(request, page)


def _plan_data(request: Request, desk: Desk) -> Response:
    """Sites as points; blocks and parcels come as tiles (ui.tile_routes)."""
    if request.path_params["layer"] == "sites":
        return _boxed(request, desk, mapdata.plan(request.path_params["id"], current().shifted).sites)
    return plain("没有这个图层。 No such layer.", 404)


def _upload(request: Request, desk: Desk) -> mapdata.UploadMap:
    """The upload that is asked for; only for those who plan the counties that it lies in."""
    found = mapdata.upload(request.path_params["id"], current().shifted)
    desk.require_checked(request.path_params["id"])
    return found


def _upload_data(request: Request, desk: Desk) -> Response:
    data = _upload(request, desk)
    name, zoom = request.path_params["layer"], _zoom(request)
    if name == "findings":
        far = zoom is not None and zoom < maps.BLOCKS_FROM_ZOOM
        return _boxed(request, desk, data.finding_points if far else data.findings)
    if name != "parcels":
        return plain("没有这个图层。 No such layer.", 404)
    box, limit = answers.box(request), _limit(request)
    layer, many = data.parcels(box, limit)
    rows = layer.in_box(box)
    return _geojson(layer, rows, limit, zoom, desk, many if many > limit else len(rows))


def _boxed(request: Request, desk: Desk, layer: tiles.Layer) -> Response:
    rows = layer.in_box(answers.box(request))
    return _geojson(layer, rows, _limit(request), _zoom(request), desk)


def _geojson(
    layer: tiles.Layer,
    rows: np.ndarray,
    limit: int,
    zoom: int | None,
    desk: Desk,
    total: int | None = None,
) -> Response:
    # what was kept in a browser would be there for whoever signs in next on the same machine
    kept = answers.PRIVATE if desk.person.local else answers.NEVER
    body = _without_private(layer, desk).geojson(rows, limit, zoom, total)
    return Response(body, headers=answers.SAFE | kept, media_type="application/geo+json")


def _without_private(layer: tiles.Layer, desk: Desk) -> tiles.Layer:
    """The layer as this person sees it: what leads to a household is told in their own counties alone."""
    places, table = people.where(desk.person, "see_private"), layer.table
    hidden = [name for name in (*_LEADS_TO_HOUSEHOLDS, "reason") if name in table]
    if places is None or not hidden or "county" not in table:
        return layer
    table = table.copy(deep=False)
    own = table["county"].isin(list(places))
    for name in hidden:
        if name == "reason":
            table[name] = colouring.reasons(table["county"], table[name], places)
        else:
            table[name] = table[name].astype(object).where(own, None)
    return tiles.Layer(table, layer.geoms, layer.size)


def _zoom(request: Request) -> int | None:
    """Level of the web map that asks; None where it does not say."""
    asked = request.query_params.get("zoom")
    return None if asked is None else answers.whole_number(asked, "zoom", 0, 24)


def _limit(request: Request) -> int:
    return answers.whole_number(request.query_params.get("limit"), "limit", 1, maps.LIMIT, maps.LIMIT)
