"""The map of the work: blocks and sites by how far they are on a day, counties by their target; drawn once."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import quote

import shapely

from ui import map_text, mapdata, mappages, maps, season
from ui.settings import Settings, current


def work_map_url(plan_id: str, lang: str = "zh", county: str | None = None, day: date | None = None) -> str:
    """Address of the map for st.iframe. Another county only moves it, another day only colours it anew."""
    wishes = [f"county={quote(county, safe='')}"] if county else []
    wishes += [f"day={day.isoformat()}"] if day else []
    mark = "#" + "&".join(wishes) if wishes else ""
    return f"{maps.ROOT}/map/state/{quote(plan_id, safe='')}?lang={maps.lang_of(lang)}{mark}"


def work_page(plan_id: str, lang: str) -> mappages.Page:
    """The map, drawn once per plan, language and settings. Raises ChigaiError without a plan."""
    settings, lang = current(), maps.lang_of(lang)
    data = mapdata.plan(plan_id, settings.shifted)
    key = ("work", plan_id, mapdata.version(data), lang, "", maps.mark(settings))
    return mappages.kept(key, lambda: _draw(data, plan_id, lang, settings), settings)


def _draw(data: mapdata.PlanMap, plan_id: str, lang: str, settings: Settings) -> str:
    base = f"{maps.ROOT}/data/plan/{quote(plan_id, safe='')}/"
    layers: dict[str, dict[str, Any]] = {"work_sites": {"to": maps.BLOCKS_FROM_ZOOM - 1, "file": "sites"}}
    on_grid = {"work": {"from": maps.BLOCKS_FROM_ZOOM, "hint": "zoom_blocks"}}
    named = f"name_{lang}"
    config = {
        "kind": "work",
        "title": data.meta.get("programme", {}).get(named, ""),
        "footprint": json.loads(data.footprint),
        "counties": _counties(data, lang),
        "places": [
            {"code": code, "name": c.get(named) or code, "box": data.extents.get(code)}
            for code, c in data.counties.items()
        ],
        "box": maps.whole(data),
        "layers": layers,
        "codes": {letter: state for state, letter in season.CODES.items()},
        "states": f"{base}states.json",
        "grid": maps.grid(data, base, on_grid),
    }
    groups = ["counties", "footprint", *layers, *on_grid]
    shown = [("", {*layers, *on_grid})]
    words = map_text.plan_texts(lang)
    return maps.render(config, base, groups, shown, words, lang, mapdata.version(data), settings)


def _counties(data: mapdata.PlanMap, lang: str) -> dict[str, Any] | None:
    """The counties' outlines and names; how they stand comes with each day. None where the plan lies elsewhere."""
    if not data.at_home:
        return None
    features = []
    for code, name, shape in zip(
        data.outlines["adcode"], data.outlines[f"name_{lang}"], data.outlines.geometry, strict=True
    ):
        known = data.counties.get(str(code), {})
        told = {"code": str(code), "name": str(known.get(f"name_{lang}") or name), "state": "no_target"}
        features.append(
            {
                "type": "Feature",
                "properties": told | {"facts": []},
                "geometry": json.loads(shapely.to_geojson(shape)),
            }
        )
    return {"type": "FeatureCollection", "features": features}
