"""The counties as the map of a plan tells of them: outlines, how each stands against its target, and its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely

from tracking import targets
from ui import map_text, mapdata, numbers, palette


@dataclass(frozen=True)
class _Unit:
    """A county as plan.json tells of it, in the shape that tracking.targets measures."""

    adcode: str
    name_zh: str
    name_en: str
    floor_mu: float | None
    ceiling_mu: float | None
    deadline: date | None
    budget_yuan: float | None


def _standing(county: Mapping[str, Any]) -> targets.Standing:
    code, deadline = str(county["county"]), county.get("deadline")
    unit = _Unit(
        code,
        county.get("name_zh") or code,
        county.get("name_en") or code,
        county.get("floor_mu"),
        county.get("ceiling_mu"),
        date.fromisoformat(deadline) if deadline else None,
        county.get("budget_yuan"),
    )
    return targets.standings([unit], {"counties": [county]})[0]


def features(data: mapdata.PlanMap, lang: str) -> dict[str, Any] | None:
    """The counties as GeoJSON with what a click tells; None where the plan lies elsewhere."""
    if not data.at_home:
        return None
    words = map_text.texts(lang)
    features = []
    outlines = data.outlines
    for code, name, shape in zip(
        outlines["adcode"], outlines[f"name_{lang}"], outlines.geometry, strict=True
    ):
        county = data.counties.get(str(code))
        told = {"code": str(code), "name": str(name), "state": "no_data"}
        facts = [(words["state"], palette.TARGETS["no_data"].name(lang))]
        if county is not None:
            standing = _standing(county)
            told |= {"name": standing.name(lang), "state": standing.state}
            facts = county_facts(standing, county, lang)
        features.append(
            {
                "type": "Feature",
                "properties": told | {"facts": facts},
                "geometry": json.loads(shapely.to_geojson(shape)),
            }
        )
    return {"type": "FeatureCollection", "features": features}


def county_facts(standing: targets.Standing, county: Mapping[str, Any], lang: str) -> list[tuple[str, str]]:
    """What a click on a county tells: label and value."""
    words = map_text.texts(lang)
    target = words["no_target"]
    if standing.floor_mu is not None:
        target = numbers.mu_range(standing.floor_mu, standing.ceiling_mu, lang)
    facts = [
        (words["state"], palette.TARGETS[standing.state].name(lang)),
        (words["target"], target),
        (words["site_area"], numbers.mu(standing.site_mu, lang)),
        (words["gap"], numbers.mu(standing.gap_mu, lang)),
        (words["compliant"], numbers.mu(standing.compliant_mu, lang)),
        (words["parcels_area"], numbers.mu(county.get("parcels_mu"), lang)),
        (words["cost"], numbers.money(standing.cost_yuan, lang)),
    ]
    if standing.deadline is not None:
        facts.append((words["deadline"], f"{standing.deadline:%Y-%m-%d}"))
    return facts
