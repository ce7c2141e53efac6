"""A plan changed by hand as a plan folder of its own: its blocks, its sites chosen anew, its figures."""

from __future__ import annotations

import copy
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geo import files, plans, schemas
from planning import layout, machines, quality
from planning.choosing import Chosen, Wish, choose_sites, put_in
from planning.editing import splicing
from planning.editing.effect import change_of
from planning.editing.figures import drawn
from planning.editing.splicing import Changed
from planning.editing.state import State
from planning.editing.totals import Changes, after
from planning.editing.unit import load
from planning.effort import Effort
from planning.programme import Programme
from planning.rechoosing import programme_of
from planning.tally import added

Progress = Callable[[float], None]
WEIGHED = ["county", "block_id", "reason", "consent", "priority", "operator", "area_mu", "parcel_id"]


def write(
    base: Path,
    states: Mapping[int, State],
    out: Path,
    told: Mapping[str, Any],
    dem: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the plan in `base` with these field units changed to `out`; what its plan.json says.

    told: what plan.json says besides, such as its name. dem: the model that the plan was made from, where it is at
    hand. progress is given 0..1 and may raise to stop: nothing is left then. Raises as `geo.plans.assemble` does.
    """
    tell = progress or (lambda fraction: None)
    began = time.perf_counter()
    meta = plans.read_meta(base)
    programme = programme_of(meta)
    units: dict[int, Changed] = {}
    changes: dict[int, Any] = {}
    effort = Effort(meta.get("effort", Effort.normal))
    measures = []
    for i, number in enumerate(sorted(states)):
        tell(0.4 * i / max(len(states), 1))
        unit = load(base, number)
        if states[number].same_blocks(unit.base):
            continue
        here = drawn(unit, states[number])
        units[number] = splicing.changed(unit, states[number], here, dem)
        changes[number] = change_of(unit, here, states[number])
        measures.append(splicing.measured(units[number], int(meta.get("seed", 1)), effort))
    tell(0.4)
    counties = sorted({c for of in changes.values() for c in of})
    ids, chosen = _chosen(base, meta, programme, units, counties, effort)
    tell(0.6)
    work = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.work")
    try:
        found = splicing.spliced(
            base, work, units, ids, pd.concat(measures, ignore_index=True) if measures else _none_measured()
        )
        if chosen is not None:
            _put_sites(found, chosen, counties, programme)
        tell(0.8)
        made = _meta(meta, changes, found, chosen, told)
        made["id"] = out.name

        def finish(folder: Path) -> None:
            made["seconds"] = {"write": round(time.perf_counter() - began, 3)}
            tell(0.95)

        plans.assemble(out, found, made, finish)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    tell(1.0)
    return made


def _none_measured() -> pd.DataFrame:
    return pd.DataFrame({"field_unit": []}, dtype="int64")


def _chosen(
    base: Path,
    meta: Mapping[str, Any],
    programme: Programme,
    units: Mapping[int, Changed],
    counties: list[str],
    effort: Effort,
) -> tuple[dict[str, str | None], Chosen | None]:
    """The sites of the counties with changes: of each block, and all of them; the other counties keep theirs."""
    if not counties:
        return {}, None
    mine = [("county", "in", counties)]
    parcels = plans.read_more(base, "parcels", mine, WEIGHED)
    blocks = plans.read_part(base, "blocks", filters=mine)
    assert parcels is not None and blocks is not None
    now = pd.concat([one.here.parcels[["parcel_id", "block_id", "reason"]] for one in units.values()])
    parcels = parcels.set_index("parcel_id")
    own = now[now.parcel_id.isin(parcels.index)].set_index("parcel_id")
    for name in ("block_id", "reason"):
        parcels[name] = parcels[name].astype(object)
        parcels.loc[own.index, name] = own[name].astype(object)
    kept = blocks[~blocks.field_unit.isin(list(units))]
    new = [one.here.blocks[one.here.blocks.county.isin(counties)] for one in units.values()]
    whole = gpd.GeoDataFrame(
        pd.concat([kept, *(b[kept.columns] for b in new)], ignore_index=True), crs=blocks.crs
    )
    rows = {str(row["county"]): row for row in meta["counties"]}
    wish = Wish(
        {c: rows[c]["goal_asked"] for c in counties if rows[c].get("goal_asked")},
        {c: rows[c]["budget_yuan"] for c in counties if rows[c].get("budget_asked")},
    )
    some = programme.model_copy(update={"units": [u for u in programme.units if u.adcode in counties]})
    chosen = choose_sites(parcels.reset_index(), whole, some, programme.parameters, wish, effort)
    sites = [None if pd.isna(s) else str(s) for s in chosen.site_id]
    return dict(zip(whole.block_id, sites, strict=True)), chosen


def _put_sites(
    found: Mapping[str, list[Path]], chosen: Chosen, counties: list[str], programme: Programme
) -> None:
    """The sites and frontiers of these counties in the place of the plan's; counties in the notice's order."""
    order = {u.adcode: i for i, u in enumerate(programme.units)}
    for name, new in (("sites", chosen.sites), ("frontier", chosen.frontier)):
        if name not in found:
            continue
        path = found[name][0]
        old = files.read_geo(path) if name == "sites" else pd.read_parquet(path)
        both = [old[~old.county.isin(counties)], new[[*old.columns]]]
        frame = pd.concat([f for f in both if len(f)] or both[:1], ignore_index=True)
        frame = frame.iloc[frame.county.map(order).argsort(kind="stable")].reset_index(drop=True)
        if name == "sites":
            table = gpd.GeoDataFrame(frame, geometry="geometry", crs=chosen.sites.crs)
            schemas.SITES.validate(table)
            files.write_geo(table, path)
        else:
            files.write_table(frame, path)


def _meta(
    meta: Mapping[str, Any],
    changes: Changes,
    found: Mapping[str, list[Path]],
    chosen: Chosen | None,
    told: Mapping[str, Any],
) -> dict[str, Any]:
    out = copy.deepcopy(dict(meta))
    out["counties"], out["totals"] = after(meta, changes)
    out["created"] = datetime.now(UTC).isoformat(timespec="seconds")
    if chosen is not None:
        sites = pd.read_parquet(found["sites"][0], columns=["county", "area_mu", "meets_minimum"])
        _with_sites(out, sites, chosen)
    sums = []
    for blocks, lies in zip(found["blocks"], found.get("layout", []), strict=False):
        frame = pd.read_parquet(blocks, columns=["area_mu", "gained_mu", "field_unit"])
        rows = pd.read_parquet(lies)
        sums.append({"machines": machines.sums(rows, frame), "layout": layout.sums(rows, frame)})
    if sums:
        whole = added(sums)
        out["machines"], out["layout"] = machines.told(whole["machines"]), layout.told(whole["layout"])
    if "units" in found:
        out["quality"] = quality.told(added([quality.sums(pd.read_parquet(p)) for p in found["units"]]))
    return out | dict(told)


def _with_sites(out: dict[str, Any], sites: pd.DataFrame, chosen: Chosen) -> None:
    """Put what is told of the new sites into the counties and totals, in place."""
    good = sites[sites.meets_minimum.astype(bool)]
    rows, totals = out["counties"], out["totals"]
    for row in rows:
        if row["county"] in chosen.counties:
            own = good[good.county == row["county"]]
            row |= {"sites": len(own), "site_mu": float(own.area_mu.sum())}
            row["gap_mu"] = None if row["floor_mu"] is None else max(row["floor_mu"] - row["site_mu"], 0.0)
    totals |= {"sites": len(good), "site_mu": float(good.area_mu.sum())}
    for key in ("floor_mu", "ceiling_mu", "gap_mu"):
        totals[key] = float(sum(row[key] or 0.0 for row in rows))
    told = {str(row["county"]): chosen.counties.get(row["county"], row) for row in rows}
    put_in(told, rows, totals)
