"""Addresses of the map of the work: its page, how far each block is on a day, and what was reported of one block."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from planning import programme as programmes
from tracking import targets
from tracking.desk import Desk
from tracking.progress import CountyTarget
from ui import answers, mapdata, mappages, maps, parts, season, work_map
from ui.answers import BadRequestError, guarded
from ui.settings import current

MOST_REPORTS = 200
"""Reports told of one block."""
FIGURES = ("done_mu", "measured_mu", "passed", "reason")
"""What the card tells of a report beside kind and day: nobody's name, and no note."""


def routes() -> list[Route]:
    """To stand beside the others in ui.routes."""
    return [
        Route(f"{maps.ROOT}/map/state/{{id}}", guarded(_page)),
        Route(f"{maps.ROOT}/data/plan/{{id}}/states.json", guarded(_states)),
        Route(f"{maps.ROOT}/data/plan/{{id}}/history.json", guarded(_history)),
    ]


def _page(request: Request, desk: Desk) -> Response:
    page = work_map.work_page(request.path_params["id"], request.query_params.get("lang", "zh"))
    maps.prepare(desk.home, request.path_params["id"])
    return mappages.answer(request, page)


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
        raise BadRequestError("as_of=YYYY-MM-DD")
    return min(day, today)


def _states(request: Request, desk: Desk) -> Response:
    """How every block and site of the plan is on a day, a letter each (season.CODES), and every county's target."""
    as_of = _day(request)
    data = mapdata.plan(request.path_params["id"], current().shifted)
    now = season.mark(desk)
    text = f"{now} {data.folder.name} {mapdata.version(data)} {as_of} {targets.today()}"
    tag = hashlib.sha256(text.encode()).hexdigest()[:32]

    def make() -> Response:
        plan_id, notice = season.plan_id(data), programmes.load(parts.PROGRAMME)
        work = season.work(desk, now, data, plan_id, as_of)
        first, last = season.days(desk, now, notice, plan_id)
        counties = season.rows(desk, now, notice, as_of, plan_id)
        return answers.told(
            request,
            {
                "as_of": as_of.isoformat(),
                "first": first.isoformat(),
                "last": last.isoformat(),
                "blocks": work.blocks,
                "sites": work.sites,
                "done": work.done,
                "areas": work.areas,
                "counties": {row.county: _county(row) for row in counties},
            },
        )

    return answers.unless_known(request, tag, make)


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
        raise BadRequestError("row=0…") from None
    if not 0 <= row < len(data.blocks):
        return answers.plain("没有这个大池。 No such block.", 404)
    block_id, county = str(data.blocks["block_id"].iloc[row]), str(data.blocks["county"].iloc[row])
    events: list[dict[str, Any]] | None = None
    if desk.may("see_ledger", county):
        asked = {"plan_id": season.plan_id(data), "until": as_of, "limit": MOST_REPORTS}
        of_plan = desk.events(block_id="", kinds=["plan_approved"], **asked)
        of_block = desk.events(block_id=block_id, **asked)
        frame = pd.concat([part for part in (of_plan, of_block) if len(part)] or [of_block])
        frame = frame.sort_values(["happened", "seq"])
        events = [_told(event) for event in frame.to_dict("records")]
    return answers.never_kept(answers.told(request, {"block_id": block_id, "events": events}))


def _told(event: dict[Any, Any]) -> dict[str, Any]:
    day = pd.Timestamp(event["happened"]).tz_convert(targets.LOCAL).date()
    figures = {name: value for name in FIGURES if not _missing(value := event[name])}
    return {"kind": event["kind"], "day": day.isoformat()} | figures


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value != value
