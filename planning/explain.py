"""Why a block of a plan is as it is: what it costs, which rules hold it, and what the next best would have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from geo import plans
from geo.crossing import crossing
from geo.errors import ChigaiError
from geo.frames import directions
from geo.neighbours import Neighbours, neighbours
from geo.schemas import MU_M2
from planning import explain_words as words
from planning.alternatives import TERMS, Change, Ground, changes
from planning.cost import AREA_YUAN_PER_MU, Prices, block_cost
from planning.fields import Rules
from planning.joining import Prepared, prepared

SHOWN = 5
"""So many alternatives are named."""
AROUND_M = 20.0
"""What lies this near to the block's field unit may be neighbour to it across a barrier."""
BARRED = ("barrier", "county", "district", "village", "consent", "level", "step")
"""What keeps two neighbouring parcels apart, the first that applies."""


@dataclass(frozen=True)
class _Place:
    """The parcels round a block with their neighbours, as the plan saw them. label: block of each, -1 none."""

    parcels: gpd.GeoDataFrame
    nb: Neighbours
    fenced: npt.NDArray[np.bool_]
    made: Prepared
    names: list[str]
    label: npt.NDArray[np.int32]


def explain(folder: Path, block_id: str, top: int = SHOWN) -> dict[str, Any]:
    """One block of a plan folder, ready for JSON; sentences in both languages, private operators only as a number.

    Areas in mu, levels and lengths in m, volumes in m³, money in yuan. `next_best`: the best changes that the
    rules allow (planning.alternatives), each with the difference that it makes; `better`: how many of all changes
    the objective would prefer. `forbidden`: changes that a rule forbids, those that would gain most. Parcels are
    named by their ids: what leads to a household is for those who may see it.
    Raises ChigaiError: no plan, no such block.
    """
    meta = plans.read_meta(folder)
    found = plans.read_part(folder, "blocks", filters=[("block_id", "==", block_id)])
    if found is None or len(found) == 0:
        raise words.no_such_block(block_id, folder)
    block = found.iloc[0]
    here = _place(folder, meta, int(block.field_unit))
    ids = {name: i for i, name in enumerate(here.names)}
    rules = _rules(meta)
    ground = Ground(here.made.fields, here.label[here.made.order], rules)
    every = changes(ground, ids[block_id])
    told = [_told(c, here, block_id, rules) for c in every]
    allowed = [t for t in told if t["rule"] is None]
    forbidden = sorted((t for t in told if t["rule"] is not None), key=lambda t: -t["gain_yuan"])
    facts = _facts(folder, meta, block, here)
    binding = _binding(meta, block, here, every, facts)
    names = {str(c["county"]): c for c in meta.get("counties", [])}.get(str(block.county), {})
    out = {
        "block_id": block_id,
        "county": str(block.county),
        "county_zh": names.get("name_zh") or str(block.county),
        "county_en": names.get("name_en") or str(block.county),
        **facts,
        "rules": binding,
        "changes": len(told),
        "better": sum(t["gain_yuan"] > 0.5 for t in allowed),
        "next_best": allowed[:top],
        "forbidden": forbidden[:top],
    }
    zh, en = words.block(out)
    return out | {"zh": zh, "en": en}


def _place(folder: Path, meta: Mapping[str, Any], unit: int) -> _Place:
    own = plans.read_part(folder, "parcels", filters=[("field_unit", "==", unit)])
    if own is None or len(own) == 0:
        raise ChigaiError(
            "方案里没有这个大池的小池。", "The plan has no parcels of this block.",
            do_zh="请重新运行 chigai plan。", do_en="run chigai plan again.", file=folder,
        )  # fmt: skip
    west, south, east, north = own.total_bounds
    box = (west - AROUND_M, south - AROUND_M, east + AROUND_M, north + AROUND_M)
    parcels = plans.read_part(folder, "parcels", bbox=box)
    assert parcels is not None
    parcels = parcels.reset_index(drop=True)
    barriers = plans.read_part(folder, "barriers", bbox=box)
    values = meta["parameters"]
    geoms = parcels.geometry.to_numpy()
    nb = neighbours(geoms, values["ridge_max_gap_m"], values["min_facing_m"])
    walls = None if barriers is None else barriers.geometry[barriers.fixed.astype(bool)].to_numpy()
    fenced = crossing(nb, geoms, walls)
    code = pd.factorize(parcels.field_unit)[0]
    minimum = {str(c["county"]): c.get("block_minimum_mu") or 0.0 for c in meta.get("counties", [])}
    made = prepared(
        parcels,
        nb,
        fenced,
        directions(geoms, code)[code],
        parcels.county.map(minimum).fillna(0.0).to_numpy(float),
        values["max_step_m"] if meta.get("earthwork", True) else None,
        bool(values["same_village"]),
    )
    label, names = pd.factorize(parcels.block_id)
    return _Place(parcels, nb, fenced, made, [str(n) for n in names], label.astype(np.int32))


def _rules(meta: Mapping[str, Any]) -> Rules:
    values, earthwork = meta["parameters"], bool(meta.get("earthwork", True))
    return Rules(
        values["max_mu"] * MU_M2,
        values["max_step_m"] if earthwork else np.inf,
        prices_of(meta),
        values.get("area_worth_yuan_per_mu", AREA_YUAN_PER_MU) / MU_M2,
    )


def prices_of(meta: Mapping[str, Any]) -> Prices:
    """The prices that a plan was made by."""
    values = meta["parameters"]
    return Prices(
        values["earthwork_yuan_per_m3"] if meta.get("earthwork", True) else 0.0,
        values["ridge_yuan_per_m"],
        values["shape_yuan_per_mu"],
        values["operator_yuan"],
    )


def _told(change: Change, here: _Place, block_id: str, rules: Rules) -> dict[str, Any]:
    """A change in mu, yuan and words."""
    ids = here.parcels.parcel_id.to_numpy()[here.made.order[list(change.rows)]].tolist()
    told = {
        "kind": change.kind,
        "parcels": ids,
        "other": here.names[change.other] if change.other >= 0 else None,
        "rule": change.rule,
        "ends_a_block": change.ends,
        "area_mu": _tidy(change.difference.area_m2 / MU_M2),
        "cost_yuan": _tidy(change.difference.cost_yuan),
        "cost": {t: _tidy(yuan) for t, yuan in zip(TERMS, change.difference.terms, strict=True)},
        "gain_yuan": _tidy(change.value_yuan(rules.worth_yuan_per_m2)),
    }
    zh, en = words.change(told, block_id)
    return told | {"zh": zh, "en": en}


def _tidy(value: float) -> float:
    """Without the last digits of a sum, and without a minus before nothing."""
    return round(float(value), 6) + 0.0


def _facts(folder: Path, meta: Mapping[str, Any], block: Any, here: _Place) -> dict[str, Any]:
    """What the block is, what is moved in it, and what that costs."""
    own = here.parcels[here.parcels.block_id == block.block_id]
    prices = prices_of(meta)
    alone = {
        "earthwork": prices._replace(ridge_yuan_per_m=0, shape_yuan_per_mu=0, operator_yuan=0),
        "shape": prices._replace(ridge_yuan_per_m=0, earthwork_yuan_per_m3=0, operator_yuan=0),
        "operators": prices._replace(ridge_yuan_per_m=0, earthwork_yuan_per_m3=0, shape_yuan_per_mu=0),
    }
    several = block.n_parcels > 1
    cost = {
        term: float(
            block_cost.py_func(
                block.cut_m3, block.area_mu * MU_M2, block.rectangularity, float(block.n_operators), one
            )
        )
        if several
        else 0.0
        for term, one in alone.items()
    }
    level = _number(block.design_level_m)
    sides = {f"has_{s}": _truth(block.get(f"has_{s}")) for s in ("inlet", "outlet", "access")}
    return {
        "site_id": _text(block.site_id),
        "irrigation_district": _text(block.irrigation_district),
        "field_unit": int(block.field_unit),
        "meets_minimum": bool(block.meets_minimum),
        "area_mu": float(block.area_mu),
        "parcels_mu": float(block.parcels_mu),
        "n_parcels": int(block.n_parcels),
        "n_operators": int(block.n_operators),
        "elevation_min_m": _number(block.elevation_min_m),
        "elevation_max_m": _number(block.elevation_max_m),
        "design_level_m": level,
        "cut_m3": float(block.cut_m3),
        "fill_m3": float(block.fill_m3),
        "haul_m3m": float(block.haul_m3m),
        "haul_mean_m": float(block.haul_m3m / block.cut_m3) if block.cut_m3 > 0 else 0.0,
        "ridge_removed_m": float(block.ridge_removed_m),
        "gained_mu": float(block.gained_mu),
        "rectangularity": float(block.rectangularity),
        **sides,
        "cost_yuan": float(block.cost_yuan),
        "cost": cost,
        "ridges_saved_yuan": prices.ridge_yuan_per_m * float(block.ridge_removed_m),
        "parcels": [
            {
                "parcel_id": str(p.parcel_id),
                "area_mu": float(p.area_mu),
                "elevation_m": _number(p.elevation_m),
                "above_level_m": None
                if level is None or _number(p.elevation_m) is None
                else float(p.elevation_m - level),
            }
            for p in own.sort_values("parcel_id").itertuples()
        ],
        "loads": _rows(folder, "hauls", str(block.block_id)),
        "works": next(iter(_rows(folder, "works", str(block.block_id)) or []), None),
    }


def _rows(folder: Path, name: str, block_id: str) -> list[dict[str, Any]] | None:
    """The block's rows of a further table, without its id; None where the plan has no such table."""
    table = plans.read_more(folder, name, filters=[("block_id", "==", block_id)])
    if table is None:
        return None
    rows = table.drop(columns="block_id").to_dict("records")
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]


def _binding(
    meta: Mapping[str, Any], block: Any, here: _Place, every: list[Change], facts: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Every rule that holds the block where it is: how near it is to the limit, and what it keeps out.

    stops: how many parcels beside the block the rule keeps out of it; for the minimum, how many of its own
    parcels cannot leave; for the maximum and for pieces, how many changes.
    """
    values = meta["parameters"]
    stops: dict[str, int] = dict.fromkeys(("step", "maximum", "minimum", "apart"), 0)
    beside = _beside(here, str(block.block_id), values, bool(meta.get("earthwork", True)))
    taken = {"step": set(beside.get("step", ()))}
    for c in every:
        if c.rule == "step" and c.kind in ("take", "take_loose"):
            taken["step"] |= set(here.made.order[list(c.rows)].tolist())
        elif c.rule in ("maximum", "apart"):
            stops[c.rule] += 1
    stops["step"] = len(taken["step"])
    minimum = {str(c["county"]): c.get("block_minimum_mu") or 0.0 for c in meta.get("counties", [])}
    least = minimum.get(str(block.county), 0.0)
    own = here.parcels.area_mu.to_numpy(float)[here.label == here.names.index(str(block.block_id))]
    stops["minimum"] = int((block.area_mu - own < least - 1e-9).sum()) if block.n_parcels > 1 else 0
    low, high = facts["elevation_min_m"], facts["elevation_max_m"]
    held = {
        "step": (None if low is None or high is None else high - low, values["max_step_m"], "m"),
        "maximum": (float(block.area_mu), values["max_mu"], "mu"),
        "minimum": (float(block.area_mu), least, "mu"),
    }
    out = [
        {"rule": rule, "value": value, "limit": limit, "unit": unit, "stops": stops[rule]}
        for rule, (value, limit, unit) in held.items()
        if value is not None
    ]
    counted = {rule: len(rows) for rule, rows in beside.items() if rule != "step"} | {"apart": stops["apart"]}
    out += [
        {"rule": rule, "value": None, "limit": None, "unit": None, "stops": n}
        for rule, n in counted.items()
        if n
    ]
    for row in out:
        row["binds"] = row["stops"] > 0
        row["zh"], row["en"] = words.rule(row)
    return out


def _beside(here: _Place, block_id: str, values: Mapping[str, Any], earthwork: bool) -> dict[str, list[int]]:
    """Parcels beside the block that no pair of neighbours joins to it, by what keeps them apart."""
    label, nb, made = here.label, here.nb, here.made
    own = label == here.names.index(block_id)
    across = own[nb.left] != own[nb.right]
    inner = np.where(own[nb.left], nb.left, nb.right)[across]
    outer = np.where(own[nb.left], nb.right, nb.left)[across]
    parcels = here.parcels
    reached = set(outer[made.use[across]].tolist())

    def differs(column: str) -> npt.NDArray[np.bool_]:
        codes = pd.factorize(parcels[column], use_na_sentinel=True)[0]
        return np.asarray(codes[inner] != codes[outer])

    conditions = {
        "barrier": here.fenced[across],
        "county": differs("county"),
        "district": differs("irrigation_district"),
        "village": differs("village") if values["same_village"] else np.zeros(len(inner), bool),
        "consent": made.refused[inner] | made.refused[outer],
        "level": made.unlevelled[inner] | made.unlevelled[outer],
        "step": np.full(len(inner), earthwork),
    }
    out: dict[str, list[int]] = {}
    told = set(reached)
    for rule in BARRED:
        rows = sorted(set(outer[conditions[rule]].tolist()) - told)
        told |= set(rows)
        if rows:
            out[rule] = rows
    return out


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _truth(value: Any) -> bool | None:
    return None if value is None or pd.isna(value) else bool(value)
