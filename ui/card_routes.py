"""Addresses of what a click on the map tells of a block or a parcel, why it is so, and where something is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo.plan_rows import Rows
from planning import explain
from tracking import targets
from tracking.desk import Desk
from ui import answers, colouring, mapdata, season
from ui.answers import BadRequestError, guarded
from ui.tile_routes import ROOT, mine, plan_of

BLOCK = [
    "block_id", "county", "irrigation_district", "site_id", "field_unit", "area_mu", "parcels_mu", "n_parcels",
    "n_operators", "meets_minimum", "elevation_min_m", "elevation_max_m", "design_level_m", "cut_m3", "fill_m3",
    "haul_m3m", "ridge_removed_m", "gained_mu", "rectangularity", "has_inlet", "has_outlet", "has_access", "cost_yuan",
]  # fmt: skip
"""Told of a block; n_operators to those alone who may know of the county's households."""
PARCEL = [
    "parcel_id", "county", "township", "village", "irrigation_district", "area_mu", "elevation_m", "field_unit",
    "block_id", "reason",
]  # fmt: skip
"""Told of a parcel; parcel_id and some reasons to those alone. Never the operator, nor what the file declared."""
FOUND = 12
"""Places that a search names."""
SHORTEST_CODE = 4
"""Characters from which a parcel is searched by its code."""
_DIGITS = 3
_POINT = re.compile(r"^\s*(-?\d{1,3}(?:\.\d+)?)\s*[,，\s]\s*(-?\d{1,2}(?:\.\d+)?)\s*$")
"""Longitude and latitude, as they are written."""


def routes() -> list[Route]:
    """To stand beside the others in ui.routes."""
    return [
        Route(f"{ROOT}/card.json", guarded(_card)),
        Route(f"{ROOT}/why.json", guarded(_why)),
        Route(f"{ROOT}/find.json", guarded(_find)),
    ]


def _card(request: Request, desk: Desk) -> Response:
    """block=ROW or parcel=ROW, or id=BLOCK: what is told of it, and the box round it."""
    data, asked = plan_of(request), request.query_params
    if "parcel" in asked:
        row = _row(asked["parcel"], data.cutter.parcels.count)
        return _never(request, None if row is None else _parcel(data, row, mine(desk)))
    if "id" in asked:
        row = data.block_row(asked["id"])
    elif "block" in asked:
        row = _row(asked["block"], data.cutter.blocks.count)
    else:
        raise BadRequestError("block, parcel, id")
    return _never(request, None if row is None else _block(data, row, desk))


def _row(value: str, count: int) -> int | None:
    row = answers.whole_number(value, "row", 0, 2**40)
    return row if row < count else None


def _never(request: Request, content: Mapping[str, Any] | None) -> Response:
    if content is None:
        return answers.plain("没有这个大池或地块。 No such block or parcel.", 404)
    return answers.never_kept(answers.told(request, content))


def _read(rows: Rows, row: int, columns: list[str]) -> dict[str, Any]:
    """One row: plain values, null for what is missing."""
    told = rows.take(np.array([row]), columns).to_pylist()[0]
    return {name: _plain(told.get(name)) for name in columns}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if value != value else round(value, _DIGITS)
    return value


def _box(data: mapdata.PlanMap, rows: Rows, row: int) -> list[float]:
    around = data.cutter.ground.around(rows.take_boxes(np.array([row])))
    return [round(end, 7) for end in around]


def _block(data: mapdata.PlanMap, row: int, desk: Desk) -> dict[str, Any]:
    told = _read(data.cutter.blocks, row, BLOCK)
    own = mine(desk)
    if own is not None and told["county"] not in own:
        told["n_operators"] = None
    county = data.counties.get(str(told["county"]), {})
    return {
        "kind": "block",
        "row": row,
        "box": _box(data, data.cutter.blocks, row),
        "state": str(data.blocks["state"].iloc[row]),
        "minimum_mu": county.get("block_minimum_mu"),
        "work": _work(data, row, desk),
        "earthwork": bool(data.meta.get("earthwork", True)),
        **told,
    }


def _work(data: mapdata.PlanMap, row: int, desk: Desk) -> str | None:
    """How far the work on a block is today; None where the plan is not followed."""
    plan_id = season.plan_id(data)
    if plan_id not in set(desk.plans()["id"]):
        return None
    work = season.work(desk, season.mark(desk), data, plan_id, targets.today())
    return season.STATES[work.blocks[row]]


def _parcel(data: mapdata.PlanMap, row: int, own: frozenset[str] | None) -> dict[str, Any]:
    told = _read(data.cutter.parcels, row, PARCEL)
    county = pd.Series([told["county"]])
    told["reason"] = _plain(colouring.reasons(county, pd.Series([told["reason"]], dtype=object), own).iloc[0])
    if own is not None and told["county"] not in own:
        told["parcel_id"] = None
    block = data.block_row(told["block_id"]) if told["block_id"] is not None else None
    large = (told["area_mu"] or 0.0) >= float(data.minimum_mu(county)[0])
    return {
        "kind": "parcel",
        "row": row,
        "box": _box(data, data.cutter.parcels, row),
        "size": "large" if large else "small",
        "block": block,
        "design_level_m": None
        if block is None
        else _read(data.cutter.blocks, block, ["design_level_m"])["design_level_m"],
        **told,
    }


def _why(request: Request, desk: Desk) -> Response:
    """Why a block (block=ROW) is as it is: its rules, and to those who may know of households what else it could be."""
    data = plan_of(request)
    row = _row(request.query_params.get("block", ""), data.cutter.blocks.count)
    if row is None:
        return _never(request, None)
    told = _explained(str(data.folder), mapdata.version(data), str(data.blocks["block_id"].iloc[row]))
    private = desk.may("see_private", told["county"])
    content: dict[str, Any] = {
        "rules": colouring.rules(told["rules"], private),
        "cost": told["cost"],
        "haul_mean_m": round(told["haul_mean_m"], 1),
        "loads": None if told["loads"] is None else len(told["loads"]),
        "next_best": None,
        "better": None,
    }
    if private:
        content["next_best"] = [_sentence(change) for change in told["next_best"]]
        content["better"] = told["better"]
    return _never(request, content)


@lru_cache(maxsize=64)
def _explained(folder: str, version: str, block_id: str) -> dict[str, Any]:
    return explain.explain(Path(folder), block_id)


def _sentence(told: Mapping[str, Any]) -> dict[str, str]:
    return {"zh": told["zh"], "en": told["en"]}


def _find(request: Request, desk: Desk) -> Response:
    """Where something is (q=): villages and townships by part of their name, blocks by part of their id, parcels by
    the beginning of their code, for those who may know it; longitude,latitude (WGS 84) where that is on the map."""
    data, asked = plan_of(request), request.query_params.get("q", "").strip()[:64]
    if not asked:
        raise BadRequestError("q")
    if (place := _POINT.match(asked)) is not None:
        return _never(request, {"found": _point(data, float(place[1]), float(place[2])), "more": False})
    own = mine(desk)
    known = len(asked) >= SHORTEST_CODE and (own is None or own)
    parcels = _parcels(data, asked, own) if known else []
    blocks = _blocks(data, asked)
    # digits are how a parcel's code begins, and what a block's id only holds
    found = [*_named(data, asked), *(parcels + blocks if asked.isdigit() else blocks + parcels)]
    return _never(request, {"found": found[:FOUND], "more": len(found) > FOUND})


def _point(data: mapdata.PlanMap, lon: float, lat: float) -> list[dict[str, Any]]:
    if not (-180 <= lon <= 180 and -85 <= lat <= 85):
        return []
    x, y = np.array([lon]), np.array([lat])
    if data.shift is not None:
        x, y = data.shift(x, y)
    at = [round(float(x[0]), 7), round(float(y[0]), 7)]
    return [{"kind": "point", "name": f"{lon:g}, {lat:g}", "county": None, "box": [*at, *at]}]


def _named(data: mapdata.PlanMap, asked: str) -> list[dict[str, Any]]:
    if data.places is None:
        return []
    frame = data.places
    name = frame["village"].where(frame["kind"] == "village", frame["township"]).astype(str)
    hit = name.str.contains(asked, case=False, regex=False)
    # what begins with it before what only holds it; townships before villages
    begins = name.str.startswith(asked)
    order = frame[hit].assign(_name=name[hit], _late=~begins[hit]).sort_values(["_late", "kind", "_name"])
    out = []
    for row in order.head(FOUND + 1).to_dict("records"):
        box = np.array([[row["west"], row["south"], row["east"], row["north"]]])
        out.append(
            {
                "kind": row["kind"],
                "name": row["_name"],
                "within": row["township"] if row["kind"] == "village" else None,
                "county": row["county"],
                "area_mu": round(row["parcels_mu"], 1),
                "box": [round(end, 6) for end in data.cutter.ground.around(box)],
            }
        )
    return out


def _blocks(data: mapdata.PlanMap, asked: str) -> list[dict[str, Any]]:
    ids = data.blocks["block_id"].array.__arrow_array__()  # type: ignore[attr-defined]
    rows = np.flatnonzero(pc.match_substring(ids, asked, ignore_case=True).to_numpy(zero_copy_only=False))
    out = []
    for row in rows[: FOUND + 1].tolist():
        out.append(
            {
                "kind": "block",
                "row": row,
                "name": str(data.blocks["block_id"].iloc[row]),
                "county": str(data.blocks["county"].iloc[row]),
                "area_mu": round(float(data.blocks["area_mu"].iloc[row]), 2),
                "box": _box(data, data.cutter.blocks, row),
            }
        )
    return out


def _parcels(data: mapdata.PlanMap, asked: str, own: frozenset[str] | None) -> list[dict[str, Any]]:
    rows, out = data.cutter.parcels, []
    for number, group in enumerate(rows.groups):
        told = rows.group(number, ["parcel_id", "county", "area_mu"])
        hit = pc.starts_with(told["parcel_id"], asked)
        for at in np.flatnonzero(hit.to_numpy()).tolist():
            county = str(told["county"][at])
            if own is None or county in own:
                row = group.first + at
                out.append(
                    {
                        "kind": "parcel",
                        "row": row,
                        "name": str(told["parcel_id"][at]),
                        "county": county,
                        "area_mu": round(float(told["area_mu"][at].as_py()), 2),
                        "box": _box(data, rows, row),
                    }
                )
            if len(out) > FOUND:
                return out
    return out
