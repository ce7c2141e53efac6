"""Addresses of a draft: what a change would do, make it, undo and redo it, the next problem, what lies in a ring."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast, get_args

import numpy as np
import pyproj
import shapely
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo import gcj02, tiles
from geo.plan_rows import Rows
from planning.editing import problems
from planning.editing.changes import KINDS, Asked, Kind
from planning.editing.rules import RefusedError
from planning.editing.unit import FieldUnit
from tracking import draft_units, drafts
from tracking.desk import Desk
from tracking.register import ChangedError
from ui import answers, draft_told, mapdata
from ui.answers import BadRequestError, guarded
from ui.settings import current

ROOT = "/chigai/draft/{id}"
MOST_BYTES = 1_000_000
"""Of a change that is asked for: the ids of some ten thousand parcels."""
MOST_PICKED = 5_000
"""Parcels that are looked at in a ring."""
MOST_CORNERS = 500

Told = dict[str, Any]


def routes() -> list[Route]:
    """To stand beside the others in ui.routes; those that change something take POST and JSON alone."""
    return [
        Route(f"{ROOT}/figures.json", guarded(_figures)),
        Route(f"{ROOT}/unit/{{number:int}}.json", guarded(_unit)),
        Route(f"{ROOT}/overlay.json", guarded(_overlay)),
        Route(f"{ROOT}/pick.json", guarded(_pick)),
        Route(f"{ROOT}/find.json", guarded(_find)),
        Route(f"{ROOT}/next.json", guarded(_next)),
        Route(f"{ROOT}/preview", _posted(_preview), methods=["POST"]),
        Route(f"{ROOT}/apply", _posted(_apply), methods=["POST"]),
        Route(f"{ROOT}/undo", _posted(_undo), methods=["POST"]),
        Route(f"{ROOT}/redo", _posted(_redo), methods=["POST"]),
    ]


def _posted(answer: Callable[[Request, Desk, Told], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A route that takes a JSON object. Another page's form cannot send one, and the guard refuses other origins."""

    async def posted(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return answers.plain("application/json", 415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return answers.plain("太大。 Too large.", 413)
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            given = None
        if not isinstance(given, dict):
            return answers.plain("JSON {…}", 400)
        return await run_in_threadpool(guarded(lambda asked, desk: answer(asked, desk, given)), request)

    return posted


def _json(request: Request, content: Any) -> Response:
    return answers.never_kept(answers.told(request, content))


def _figures(request: Request, desk: Desk) -> Response:
    """The draft's figures by county, and how many changes there are, can be undone and done again."""
    found = drafts.figures(desk, request.path_params["id"])
    names = ("county", "name_zh", "name_en", "floor_mu", "ceiling_mu")
    rows = [{n: row.get(n) for n in names} | drafts.summary(row) for row in found["counties"]]
    counted = {n: found[n] for n in ("changes", "undo", "redo", "changed_units")}
    return _json(request, {"counties": rows, "totals": drafts.summary(found["totals"]), **counted})


def _unit(request: Request, desk: Desk) -> Response:
    """A field unit as the draft has it, with its shapes; `draft_told.unit`."""
    at = request.path_params
    unit, state, touched, others = drafts.look(desk, at["id"], at["number"])
    told = draft_told.unit(unit, state, touched, others)
    return _json(request, told | {"shapes": _collection(draft_told.shapes(unit, state, _shift()))})


def _overlay(request: Request, desk: Desk) -> Response:
    """What the draft has otherwise than the plan, in the counties that this person plans."""
    shift = _shift()
    drawn = draft_units.of_changed(
        desk,
        request.path_params["id"],
        f"shapes {shift is not None}",
        lambda unit, state: draft_told.shapes(unit, state, shift, plain=True),
    )
    return _json(request, _collection([feature for some in drawn.values() for feature in some]))


def _collection(features: list[Told]) -> Told:
    return {"type": "FeatureCollection", "features": features}


def _pick(request: Request, desk: Desk) -> Response:
    """what=parcels or blocks, ring=lon,lat,lon,lat… (a point alone: what lies there): the field unit that holds most
    of it, its parcels and blocks in the ring as the draft has them, and how many parcels of other units were left."""
    found = drafts.draft(desk, request.path_params["id"])
    what = request.query_params.get("what", "parcels")
    if what not in ("parcels", "blocks"):
        raise BadRequestError("what: parcels, blocks")
    rows = Rows(desk.home / "plans" / found.plan, "parcels")
    area = _area(request, rows)
    near = rows.in_box(tuple(map(float, shapely.bounds(area))))  # type: ignore[arg-type]
    if len(near) > MOST_PICKED:
        raise BadRequestError(f"ring: ≤ {MOST_PICKED}")
    hit = near[shapely.intersects(area, rows.shapes(near))] if len(near) else near
    told = rows.take(hit, ["parcel_id", "field_unit"]).to_pydict()
    if not told["parcel_id"]:
        return _json(request, {"field_unit": None, "parcels": [], "blocks": [], "others": 0})
    numbers, count = np.unique(told["field_unit"], return_counts=True)
    number = int(numbers[count.argmax()])
    mine = [p for p, n in zip(told["parcel_id"], told["field_unit"], strict=True) if n == number]
    unit, state, *_ = drafts.look(desk, found.id, number)
    held = {state.block[unit.row_of[p]] for p in mine} - {None}
    loose = [p for p in mine if state.block[unit.row_of[p]] is None]
    return _json(
        request,
        {
            "field_unit": number,
            "parcels": loose if what == "blocks" else mine,
            "blocks": sorted(held) if what == "blocks" else [],
            "others": int(len(told["parcel_id"]) - len(mine)),
        },
    )


def _area(request: Request, rows: Rows) -> shapely.Geometry:
    """The ring or point that is asked with, in the plan's metres."""
    try:
        given = [float(part) for part in request.query_params.get("ring", "").split(",")]
        xy = np.array(given).reshape(-1, 2)
    except ValueError:
        raise BadRequestError("ring=lon,lat,lon,lat,…") from None
    if not (len(xy) == 1 or 3 <= len(xy) <= MOST_CORNERS) or not np.isfinite(xy).all():
        raise BadRequestError(f"ring: 1, 3..{MOST_CORNERS}")
    metres = _metres(xy, rows.crs)
    if len(xy) == 1:
        return shapely.points(metres[0])
    return shapely.make_valid(shapely.Polygon(metres))


def _metres(lonlat: np.ndarray, crs: Any) -> np.ndarray:
    """Places in the map's degrees as the plan's metres."""
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    if _shift() is not None:
        lon, lat = gcj02.gcj02_to_wgs84(lon, lat)
    x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadRequestError("lon,lat")
    return np.column_stack([x, y])


def _find(request: Request, desk: Desk) -> Response:
    """names=ID,ID…: the field unit of each parcel or block."""
    names = [n.strip() for n in request.query_params.get("names", "").split(",") if n.strip()]
    if not 1 <= len(names) <= MOST_PICKED:
        raise BadRequestError("names=ID,ID,…")
    return _json(request, drafts.units_of(desk, request.path_params["id"], names))


def _next(request: Request, desk: Desk) -> Response:
    """The field unit of the next problem after ?after=, in ?county= and of ?kind=, and where in it; null: none is left."""
    draft, asked = request.path_params["id"], request.query_params
    kind = asked.get("kind") or None
    if kind is not None and kind not in problems.KINDS:
        raise BadRequestError("kind: " + ", ".join(problems.KINDS))
    after = answers.whole_number(asked["after"], "after", 0, 2**62) if asked.get("after") else None
    rows = draft_units.problems(desk, draft)
    number = draft_units.next_problem(rows, after, asked.get("county") or None, kind)
    if number is None:
        return _json(request, {"field_unit": None, "left": 0})
    unit, state, *_ = drafts.look(desk, draft, number)
    mine = rows[rows.field_unit == number]
    if kind is not None:
        mine = mine[mine.kind == kind]
    where = {k: problems.where(unit, state, k) for k in dict.fromkeys(mine.kind)}
    box = shapely.bounds(
        tiles.lonlat(np.array([shapely.box(*unit.parcels.total_bounds)]), unit.parcels.crs, _shift())[0]
    )
    kinds = [
        {"kind": k, "parcels": p, "blocks": b, "area_mu": float(mine[mine.kind == k].area_mu.sum())}
        for k, (p, b) in where.items()
    ]
    return _json(
        request,
        {
            "field_unit": number,
            "problems": kinds,
            "box": [float(v) for v in box],
            "left": len(set(rows.field_unit)),
        },
    )


def _asked(given: Mapping[str, Any], unit: FieldUnit) -> Asked:
    """{kind, parcels, blocks, to, line: [[lon, lat], …]}"""
    kind, to = given.get("kind"), given.get("to")
    parcels, blocks, line = (given.get(n) or [] for n in ("parcels", "blocks", "line"))
    if kind not in KINDS:
        raise BadRequestError("kind: " + ", ".join(get_args(Kind)))
    if not all(isinstance(v, list) for v in (parcels, blocks, line)) or not (
        to is None or isinstance(to, str)
    ):
        raise BadRequestError("parcels: […], blocks: […], to, line: [[lon, lat], …]")
    metres: tuple[tuple[float, float], ...] = ()
    if line:
        try:
            xy = np.array(line, float).reshape(-1, 2)
        except (TypeError, ValueError):
            raise BadRequestError("line: [[lon, lat], …]") from None
        if not 2 <= len(xy) <= MOST_CORNERS or not np.isfinite(xy).all():
            raise BadRequestError(f"line: 2..{MOST_CORNERS}")
        metres = tuple((float(x), float(y)) for x, y in _metres(xy, unit.parcels.crs))
    return Asked(cast(Kind, kind), tuple(map(str, parcels)), tuple(map(str, blocks)), to, metres)


def _about(request: Request, desk: Desk, given: Told) -> tuple[str, FieldUnit, Asked]:
    draft = request.path_params["id"]
    number = answers.whole_number(str(given.get("field_unit")), "field_unit", -(2**62), 2**62)
    unit = drafts.unit_of(desk, drafts.draft(desk, draft), number)
    return draft, unit, _asked(given, unit)


def _preview(request: Request, desk: Desk, given: Told) -> Response:
    """What a change would do, or which rule forbids it and where; nothing is changed."""
    draft, unit, asked = _about(request, desk, given)
    try:
        unit, found = drafts.preview(desk, draft, unit.number, asked)
    except RefusedError as error:
        return _json(request, draft_told.refusal(error))
    told = draft_told.effect(found, drafts.foreseen(desk, draft, unit, found))
    return _json(
        request, told | {"shapes": _collection(draft_told.shapes(unit, found.after, _shift(), plain=True))}
    )


def _apply(request: Request, desk: Desk, given: Told) -> Response:
    """Make a change; `seen` is the version of the unit that was looked at. 409 where somebody changed it since."""
    draft, unit, asked = _about(request, desk, given)
    seen = answers.whole_number(str(given.get("seen")), "seen", 0, 2**31)
    try:
        version = drafts.apply(desk, draft, unit.number, asked, seen)
    except RefusedError as error:
        return _json(request, draft_told.refusal(error))
    except ChangedError as error:
        return _changed(request, error)
    return _json(request, {"allowed": True, "version": version})


def _changed(request: Request, error: ChangedError) -> Response:
    told = {"allowed": False, "changed": True, "zh": error.zh, "en": error.en, "version": error.version}
    response = _json(request, told)
    response.status_code = 409
    return response


def _undo(request: Request, desk: Desk, given: Told) -> Response:
    """Undo this person's last change; field_unit: whose it was, null where there is nothing to undo."""
    return _turned(request, lambda: drafts.undo(desk, request.path_params["id"]))


def _redo(request: Request, desk: Desk, given: Told) -> Response:
    """Do again what was undone last."""
    return _turned(request, lambda: drafts.redo(desk, request.path_params["id"]))


def _turned(request: Request, turn: Callable[[], int | None]) -> Response:
    try:
        return _json(request, {"field_unit": turn()})
    except ChangedError as error:
        return _changed(request, error)


def _shift() -> tiles.Shift | None:
    return mapdata.shift(current().shifted)
