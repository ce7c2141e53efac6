"""Addresses of the map of the work: its page, how far each block is on a day, and what was reported of one block."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo.errors import ChigaiError
from planning import programme as programmes
from tracking import people, targets
from tracking.desk import Desk
from tracking.progress import CountyTarget
from ui import mapdata, mappages, maps, parts, season, sign_in, work_map
from ui.settings import current

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ASK_AGAIN = {"Cache-Control": "private, no-cache"}
_NEVER = {"Cache-Control": "no-store"}
MOST_REPORTS = 200
"""Reports told of one block."""
FIGURES = ("done_mu", "measured_mu", "passed", "reason")
"""What the card tells of a report beside kind and day: nobody's name, and no note."""


def routes() -> list[Route]:
    """To stand beside the others in ui.routes."""
    return [
        Route(f"{maps.ROOT}/map/work/{{id}}", _guarded(_page)),
        Route(f"{maps.ROOT}/data/plan/{{id}}/states.json", _guarded(_states)),
        Route(f"{maps.ROOT}/data/plan/{{id}}/history.json", _guarded(_history)),
    ]


def _plain(text: str, status: int) -> Response:
    return Response(text, status, _SAFE | _NEVER, media_type="text/plain; charset=utf-8")


def _guarded(answer: Callable[[Request, Desk], Response]) -> Callable[[Request], Response]:
    """401 for nobody, 403 for whoever may not, 404 for what is not there, 400 for what makes no sense."""

    def guarded(request: Request) -> Response:
        if not mapdata.known_id(request.path_params["id"]):
            return _plain("没有这个内容。 Not found.", 404)
        desk = sign_in.of_request(request)
        if desk is None:
            return _plain("请先登录。 Sign in first.", 401)
        try:
            desk.require("see")
            return answer(request, desk)
        except ValueError as error:
            return _plain(str(error), 400)
        except people.ForbiddenError as error:
            return _plain(f"{error.text('zh')}\n{error.text('en')}", 403)
        except ChigaiError as error:
            status = 404 if isinstance(error, mapdata.AbsentError) else 500
            return _plain(f"{error.text('zh')}\n{error.text('en')}", status)

    return guarded


def _page(request: Request, _: Desk) -> Response:
    page: mappages.Page = work_map.work_page(
        request.path_params["id"], request.query_params.get("lang", "zh")
    )
    headers = {"ETag": f'"{page.tag}"', "Content-Security-Policy": page.policy}
    return _unless_known(request, headers, lambda: Response(page.html, media_type="text/html; charset=utf-8"))


def _unless_known(request: Request, headers: dict[str, str], make: Callable[[], Response]) -> Response:
    """The answer, or only a word that what the browser has is still right."""
    known = request.headers.get("if-none-match") == headers["ETag"]
    response = Response(status_code=304) if known else make()
    response.headers.update(_SAFE | _ASK_AGAIN | headers)
    return response


def _day(request: Request) -> date:
    """as_of=YYYY-MM-DD, today at the latest; without it today."""
    given = request.query_params.get("as_of")
    today = targets.today()
    if given is None:
        return today
    try:
        day = date.fromisoformat(given) if len(given) == len("2021-11-15") else None
    except ValueError:
        day = None
    if day is None or day.year < 2000:
        raise ValueError("as_of=YYYY-MM-DD")
    return min(day, today)


def _json(told: Any) -> Response:
    text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode("utf-8"), media_type="application/json")


def _states(request: Request, desk: Desk) -> Response:
    """How every block and site of the plan is on a day, a letter each (season.CODES), and every county's target."""
    as_of = _day(request)
    data = mapdata.plan(request.path_params["id"], current().shifted)
    now = season.mark(desk)
    text = f"{now} {data.folder.name} {mapdata.version(data)} {as_of} {targets.today()}"
    tag = hashlib.sha256(text.encode()).hexdigest()[:32]

    def make() -> Response:
        plan_id, notice = _plan_id(data), programmes.load(parts.PROGRAMME)
        work = season.work(desk, now, data, plan_id, as_of)
        first, last = season.days(desk, now, notice, plan_id)
        counties = season.rows(desk, now, notice, as_of, plan_id)
        return _json(
            {
                "as_of": as_of.isoformat(),
                "first": first.isoformat(),
                "last": last.isoformat(),
                "blocks": work.blocks,
                "sites": work.sites,
                "done": work.done,
                "areas": work.areas,
                "counties": {row.county: _county(row) for row in counties},
            }
        )

    return _unless_known(request, {"ETag": f'"{tag}"'}, make)


def _plan_id(data: mapdata.PlanMap) -> str:
    return str(data.meta.get("id", data.folder.name))


def _county(row: CountyTarget) -> dict[str, Any]:
    figures = {
        name: None if (value := getattr(row, name)) is None else round(value, 1)
        for name in (
            "counted_mu",
            "floor_mu",
            "ceiling_mu",
            "forecast_low_mu",
            "forecast_high_mu",
            "ahead_mu",
        )
    }
    days = {
        name: None if (day := getattr(row, name)) is None else day.isoformat()
        for name in ("deadline", "last_report", "missed_cutoff")
    }
    return {"state": row.state} | figures | days


def _history(request: Request, desk: Desk) -> Response:
    """What was reported of a block (row=: its place in the plan's table) up to a day, the oldest first.

    events: null where the person may not see the ledger of the block's county.
    """
    as_of = _day(request)
    data = mapdata.plan(request.path_params["id"], current().shifted)
    try:
        row = int(request.query_params["row"])
    except (KeyError, ValueError):
        raise ValueError("row=0…") from None
    table = data.blocks.table
    found = table.loc[table["row"] == row]
    if found.empty:
        return _plain("没有这个大池。 No such block.", 404)
    block_id, county = str(found["block_id"].iloc[0]), str(found["county"].iloc[0])
    events: list[dict[str, Any]] | None = None
    if desk.may("see_ledger", county):
        asked = {"plan_id": _plan_id(data), "until": as_of, "limit": MOST_REPORTS}
        of_plan = desk.events(block_id="", kinds=["plan_approved"], **asked)
        of_block = desk.events(block_id=block_id, **asked)
        frame = pd.concat([part for part in (of_plan, of_block) if len(part)] or [of_block])
        frame = frame.sort_values(["happened", "seq"])
        events = [_told(event) for event in frame.to_dict("records")]
    response = _json({"block_id": block_id, "events": events})
    response.headers.update(_SAFE | _NEVER)
    return response


def _told(event: dict[Any, Any]) -> dict[str, Any]:
    day = pd.Timestamp(event["happened"]).tz_convert(targets.LOCAL).date()
    figures = {name: value for name in FIGURES if not _missing(value := event[name])}
    return {"kind": event["kind"], "day": day.isoformat()} | figures


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value != value
