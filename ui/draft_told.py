"""What is told of a draft's field unit and of a change, ready for JSON: the same for the page, the map and programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely

from geo import tiles
from planning.editing.effect import Effect, block_row
from planning.editing.figures import drawn
from planning.editing.rules import RefusedError
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from tracking.journal import Touched


def unit(of: FieldUnit, state: State, touched: Touched, others: list[str]) -> dict[str, Any]:
    """A field unit: its version, who else is at work on it, its blocks against their rules, its parcels.

    parcels: number (as in the drawing, from 1), parcel_id, block_id (null: in none), area_mu, level_m, locked, out,
    reason (why in no block), refused (consent).
    """
    here = drawn(of, state)
    locked = {name for name, rows in state.members().items() if state.locked[rows].all()}
    blocks = [
        block_row(of, here, {str(k): v for k, v in row.items()}) for row in here.blocks.drop(columns="geometry").to_dict("records")
    ]  # fmt: skip
    z = of.parcels.elevation_m.to_numpy(float)
    parcels = [
        {
            "number": row + 1,
            "parcel_id": name,
            "block_id": state.block[row],
            "area_mu": float(of.parcels.area_mu.iloc[row]),
            "level_m": float(z[row]) if np.isfinite(z[row]) else None,
            "locked": bool(state.locked[row]),
            "out": bool(state.out[row]),
            "reason": None if state.block[row] is not None else str(here.parcels.reason.iloc[row]),
            "refused": bool(of.made.refused[row]),
        }
        for row, name in enumerate(of.names)
    ]
    return {
        "field_unit": of.number,
        "counties": sorted({str(c) for c in of.county}),
        "version": touched.version,
        "others": others,
        "changed": not state.same_blocks(of.base),
        "blocks": [b | {"locked": b["block_id"] in locked} for b in blocks],
        "parcels": parcels,
    }


def effect(found: Effect, counties: list[dict[str, Any]]) -> dict[str, Any]:
    """What an allowed change does."""
    return {
        "allowed": True,
        "gone": found.gone,
        "made": found.made,
        "below": found.below,
        "counties": counties,
    }


def refusal(error: RefusedError) -> dict[str, Any]:
    """Which rules forbid a change, and where."""
    return {
        "allowed": False,
        "refusals": [
            {"rule": b.rule, "zh": b.text("zh"), "en": b.text("en"), "parcels": list(b.parcels),
             "value": b.value, "limit": b.limit, "unit": b.unit}
            for b in error.breaks
        ],
        "do_zh": error.do_zh,
        "do_en": error.do_en,
    }  # fmt: skip


def shapes(
    of: FieldUnit, state: State, shift: tiles.Shift | None, plain: bool = False
) -> list[dict[str, Any]]:
    """The blocks of a unit, and its parcels in none, as GeoJSON features in the map's degrees.

    plain: only what the plan has otherwise; without it, parcels in blocks, too, kind parcel.
    Properties: field_unit, kind (block, loose, parcel), id, meets, locked, out.
    """
    here = drawn(of, state)
    features = []
    blocks = here.blocks if not plain else here.blocks[~here.blocks.block_id.isin(here.same)]
    outlines = tiles.lonlat(blocks.geometry.to_numpy(), of.parcels.crs, shift)
    members = state.members()
    for name, meets, shape in zip(blocks.block_id, blocks.meets_minimum, outlines, strict=True):
        shut = bool(state.locked[members[name]].all())
        told = {"kind": "block", "id": str(name), "meets": bool(meets), "locked": shut, "out": False}
        features.append(_feature(of.number, told, shape))
    loose = [
        row
        for row, name in enumerate(state.block)
        if name is None and not (plain and of.base.block[row] is None and not state.out[row])
    ]
    rows = loose if plain else list(range(len(of.names)))
    for row, shape in zip(rows, tiles.lonlat(of.geoms[rows], of.parcels.crs, shift), strict=True):
        told = {
            "kind": "loose" if state.block[row] is None else "parcel", "id": of.names[row], "meets": False, "locked": bool(state.locked[row]),
            "out": bool(state.out[row]),
        }  # fmt: skip
        features.append(_feature(of.number, told, shape))
    return features


def _feature(number: int, told: Mapping[str, Any], shape: shapely.Geometry) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"field_unit": number, **told},
        "geometry": json.loads(shapely.to_geojson(shape)),
    }
