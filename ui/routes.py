"""The app's own addresses beside Streamlit's: map pages, the data they ask for, and their scripts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo import tiles
from geo.errors import ChigaiError
from geo.export import public
from tracking import people
from tracking.desk import Desk
from ui import assets, mapdata, mappages, maps, photo_routes, sign_in, state_routes
from ui.settings import current

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PRIVATE = {"Cache-Control": "private, max-age=86400"}
_ASK_AGAIN = {"Cache-Control": "private, no-cache"}
_NEVER = {"Cache-Control": "no-store"}


_OF_PARCELS: dict[str, tuple[str, bool | None]] = {
    "parcels": ("", None),
    "why": ("reason", True),
    "rest": ("block_id", False),
}
"""Layers of parcels: all; those with a reason; those without a block. Column, and whether it is filled."""

_LEADS_TO_HOUSEHOLDS = ("parcel_id", "n_operators")
"""Columns of a plan's layers: a parcel's code is its household's in the register, and few households are known."""
_HOUSEHOLDS_WILL = ("consent", "left_over", "taken_out")
"""Reasons that say, or let one guess, that a household refused; exports keep them back as well."""


class _BadRequest(ValueError):
    """A question that makes no sense; the answer is 400."""


def routes() -> list[Route]:
    """Every route, for st.App(routes=…). Only GET and HEAD, no listing, nothing that changes anything."""
    return [
        Route(f"{maps.ROOT}/assets/{{name}}", _asset),
        Route(f"{maps.ROOT}/map/plan/{{id}}", _guarded(_plan_page)),
        Route(f"{maps.ROOT}/map/upload/{{id}}", _guarded(_findings_page)),
        Route(f"{maps.ROOT}/data/plan/{{id}}/{{layer}}.geojson", _guarded(_plan_data)),
        Route(f"{maps.ROOT}/data/upload/{{id}}/{{layer}}.geojson", _guarded(_upload_data)),
        *state_routes.routes(),
        *photo_routes.routes(),
    ]


def _plain(text: str, status: int) -> Response:
    return Response(text, status, _SAFE | _NEVER, media_type="text/plain; charset=utf-8")


def _guarded(answer: Callable[[Request, Desk], Response]) -> Callable[[Request], Response]:
    """401 for nobody, 403 for whoever may not, 404 for what is not there, 400 for a question that makes no sense;
    none repeats what was asked."""

    def guarded(request: Request) -> Response:
        if not mapdata.known_id(request.path_params["id"]):
            return _plain("没有这个内容。 Not found.", 404)
        desk = sign_in.of_request(request)
        if desk is None:
            return _plain("请先登录。 Sign in first.", 401)
        try:
            desk.require("see")
            return answer(request, desk)
        except _BadRequest as error:
            return _plain(str(error), 400)
        except people.ForbiddenError as error:
            return _plain(f"{error.text('zh')}\n{error.text('en')}", 403)
        except ChigaiError as error:
            status = 404 if isinstance(error, mapdata.AbsentError) else 500
            return _plain(f"{error.text('zh')}\n{error.text('en')}", status)

    return guarded


def _asset(request: Request) -> Response:
    asset = assets.served().get(request.path_params["name"])
    if asset is None:
        return _plain("没有这个文件。 Not found.", 404)
    return Response(asset.content, headers=_SAFE | _FOREVER, media_type=asset.media_type)


def _page(request: Request, page: mappages.Page) -> Response:
    headers = _SAFE | _ASK_AGAIN | {"ETag": f'"{page.tag}"', "Content-Security-Policy": page.policy}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(page.html, headers=headers, media_type="text/html; charset=utf-8")


def _plan_page(request: Request, _: Desk) -> Response:
    view = request.query_params.get("view", "after")
    if view not in maps.VIEWS:
        raise _BadRequest("view: after, before, before_after")
    lang = request.query_params.get("lang", "zh")
    return _page(request, maps.plan_page(request.path_params["id"], lang, view))


def _findings_page(request: Request, desk: Desk) -> Response:
    _upload(request, desk)
    return _page(
        request, maps.findings_page(request.path_params["id"], request.query_params.get("lang", "zh"))
    )


def _plan_data(request: Request, desk: Desk) -> Response:
    data = mapdata.plan(request.path_params["id"], current().shifted)
    name = request.path_params["layer"]
    if name == "parcels" and "unit" in request.query_params:
        unit = _whole_number(request, "unit", None, -(2**62), 2**62)
        layer = data.parcels(unit=unit)
        rows = np.flatnonzero(layer.table["field_unit"].to_numpy() == unit)
        return _geojson(layer, rows, _limit(request), None, desk)
    if name in _OF_PARCELS:
        layer = data.parcels(box=_box(request))
        column, kept = _OF_PARCELS[name]
        return _boxed(
            request, desk, layer, None if kept is None else layer.table[column].isna().to_numpy() != kept
        )
    if name in ("blocks", "sites", "barriers") and (found := getattr(data, name)) is not None:
        return _boxed(request, desk, found)
    return _plain("没有这个图层。 No such layer.", 404)


def _upload(request: Request, desk: Desk) -> mapdata.UploadMap:
    """The upload that is asked for; only for those who plan the counties that it lies in."""
    found = mapdata.upload(request.path_params["id"], current().shifted)
    desk.require_checked(request.path_params["id"])
    return found


def _upload_data(request: Request, desk: Desk) -> Response:
    data = _upload(request, desk)
    name = request.path_params["layer"]
    if name not in ("findings", "parcels"):
        return _plain("没有这个图层。 No such layer.", 404)
    zoom = _zoom(request)
    if name == "findings" and zoom is not None and zoom < maps.BLOCKS_FROM_ZOOM:
        return _boxed(request, desk, data.finding_points)
    return _boxed(request, desk, getattr(data, name))


def _boxed(request: Request, desk: Desk, layer: tiles.Layer, where: np.ndarray | None = None) -> Response:
    rows = layer.in_box(_box(request), where)
    return _geojson(layer, rows, _limit(request), _zoom(request), desk)


def _geojson(layer: tiles.Layer, rows: np.ndarray, limit: int, zoom: int | None, desk: Desk) -> Response:
    # what was kept in a browser would be there for whoever signs in next on the same machine
    kept = _PRIVATE if desk.person.local else _NEVER
    body = _without_private(layer, desk).geojson(rows, limit, zoom)
    return Response(body, headers=_SAFE | kept, media_type="application/geo+json")


def _without_private(layer: tiles.Layer, desk: Desk) -> tiles.Layer:
    """The layer as this person sees it: what leads to a household is told in their own counties alone."""
    places, table = people.where(desk.person, "see_private"), layer.table
    hidden = [name for name in (*_LEADS_TO_HOUSEHOLDS, "reason") if name in table]
    if places is None or not hidden or "county" not in table:
        return layer
    table = table.copy(deep=False)
    mine = table["county"].isin(list(places))
    for name in hidden:
        kept, instead = mine, None
        if name == "reason":
            kept, instead = mine | ~table[name].isin(_HOUSEHOLDS_WILL), public.OTHER
        table[name] = table[name].astype(object).where(kept, instead)
    return tiles.Layer(table, layer.geoms, layer.size)


def _box(request: Request) -> tiles.Box:
    """bbox=west,south,east,north in degrees; without it, everything."""
    given = request.query_params.get("bbox")
    if given is None:
        return -180.0, -90.0, 180.0, 90.0
    try:
        west, south, east, north = (float(part) for part in given.split(","))
    except ValueError:
        raise _BadRequest("bbox=west,south,east,north") from None
    if not all(map(math.isfinite, (west, south, east, north))) or west > east or south > north:
        raise _BadRequest("bbox=west,south,east,north")
    return west, south, east, north


def _zoom(request: Request) -> int | None:
    """Level of the web map that asks; None where it does not say."""
    return _whole_number(request, "zoom", None, 0, 24) if "zoom" in request.query_params else None


def _limit(request: Request) -> int:
    return _whole_number(request, "limit", maps.LIMIT, 1, maps.LIMIT)


def _whole_number(request: Request, name: str, default: int | None, low: int, high: int) -> int:
    try:
        value = int(request.query_params.get(name, default))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _BadRequest(f"{name}: {low}..{high}") from None
    if not low <= value <= high:
        raise _BadRequest(f"{name}: {low}..{high}")
    return value
