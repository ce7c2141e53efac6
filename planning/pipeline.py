"""One run of the planner: from the bureau's files to a plan folder, stage by stage."""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from geo import plans, schemas, terrain
from geo.crossing import crossing
from geo.errors import ChigaiError
from geo.frames import directions
from geo.neighbours import Neighbours, field_units, neighbours, renumbered
from geo.outlines import outlines
from geo.plans import Plan
from geo.schemas import MU_M2
from planning import layout, machines, quality, tables
from planning.choosing import choose_sites, put_in
from planning.effort import Effort
from planning.inputs import Request, inputs_of, known_counties, name_of, read_and_check, together
from planning.joining import joined
from planning.layout import layout_table, places, sides
from planning.programme import Parameters, Programme, load
from planning.straight import straighten
from planning.works import works_table

__all__ = ["STAGES", "Request", "block_minimums", "plan_checked", "run"]

Progress = Callable[[str, float], None]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

STAGES = {
    "read": 0.10,
    "check": 0.20,
    "neighbours": 0.10,
    "levels": 0.10,
    "blocks": 0.25,
    "outlines": 0.12,
    "sites": 0.05,
    "write": 0.08,
}
"""The stages in order, and the share of a run's time that each takes."""


class _Clock:
    """Tells the progress of the whole run and keeps the seconds of each stage."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress or (lambda stage, fraction: None)
        self._stage, self._since = "", time.perf_counter()

    def stage(self, name: str) -> None:
        self.end()
        self._stage, self._since = name, time.perf_counter()
        self.within(0.0)

    def at(self, stage: str, fraction: float) -> None:
        """Where a stage stands, 0..1; the first word of a stage begins it."""
        if stage != self._stage:
            self.stage(stage)
        self.within(fraction)

    def within(self, fraction: float) -> None:
        names = list(STAGES)
        before = sum(STAGES[n] for n in names[: names.index(self._stage)])
        self._progress(self._stage, before + STAGES[self._stage] * fraction)

    def end(self) -> None:
        if self._stage:
            now = time.perf_counter()
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + round(now - self._since, 3)
            self._since = now


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Python's search for cycles put off: it would look through millions of shapes, and none is part of a cycle."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@_uncollected()
def run(request: Request, out: Path, progress: Progress | None = None) -> Plan:
    """Read, check, plan and write; returns the plan that now lies in `out`.

    progress(stage, fraction of the whole run) may raise CancelledError: the run stops, `out` stays as it was.
    Raises ChigaiError for input or parameters that cannot be planned.
    """
    plans.check_target(out)
    programme = load(request.programme)
    parameters = programme.parameters.with_values(**request.overrides)
    clock = _Clock(progress)

    loaded, barriers, checked = read_and_check(request, clock.at)
    kept, strangers = known_counties(checked.parcels, programme, request.source.path)
    more = schemas.findings_frame(strangers, kept.crs)
    findings = together(more, checked.findings)
    area_in_mu = checked.area_in_mu
    left_out_mu = checked.area_left_out_mu + sum(f.area_mu for f in strangers)
    read = len(loaded.parcels), loaded.checksum
    # the tables of reading and checking are not held while the plan is made
    handed = [kept]
    del loaded, checked, kept
    plan = plan_checked(
        handed.pop(), barriers, request.dem, programme, parameters, request.seed, clock, request.effort
    )

    clock.stage("write")
    plan.findings = findings
    plan.meta |= {
        "inputs": inputs_of(request, *read),
        "area": {
            "in_mu": area_in_mu,
            "planned_mu": float(plan.parcels.area_mu.sum()),
            "left_out_mu": left_out_mu,
        },
        "findings": {str(k): int(v) for k, v in plan.findings.kind.value_counts().items()},
    }
    made = {
        "id": out.name,
        "name": name_of(request),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    plan.meta = made | plan.meta

    def finish() -> None:
        clock.within(0.9)
        clock.end()
        plan.meta["seconds"] = clock.seconds

    plans.write(plan, out, finish)
    clock.within(1.0)
    return plan


def plan_checked(
    parcels: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame | None,
    dem: Path | None,
    programme: Programme,
    parameters: Parameters,
    seed: int,
    clock: _Clock | None = None,
    effort: Effort = Effort.normal,
) -> Plan:
    """Plan parcels that are checked already (valid, disjoint, projected metres, county known).

    The order of the rows has no say: they are first put into an order of place and name.
    """
    clock = clock or _Clock(None)
    minimum = block_minimums(programme)

    clock.stage("neighbours")
    nb, fenced, parcels = _neighbours(parcels, barriers, parameters)
    clock.within(1.0)

    clock.stage("levels")
    geoms = parcels.geometry.to_numpy()
    parcels["elevation_m"] = _levels(geoms, dem, parcels.crs)

    clock.stage("blocks")
    angle = directions(geoms, parcels.field_unit.to_numpy())[parcels.field_unit.to_numpy()]
    minimum_mu = parcels.county.map(minimum).to_numpy(float)
    found = joined(
        parcels, nb, fenced, angle, minimum_mu, parameters, dem is not None, seed, effort, clock.within
    )
    label, could, why = found.label, found.could, found.why

    clock.stage("outlines")
    outline = outlines(geoms, label, nb, ~fenced, parameters.ridge_max_gap_m.value)
    label, outline = _large_enough(label, outline, minimum_mu)
    why[(label < 0) & (why == None)] = "left_over"  # noqa: E711 — elementwise
    measured = found.units(label, parcels.field_unit.to_numpy())
    outline, crooked = straighten(parcels, outline, label, nb, fenced, angle, barriers, parameters)
    beside = sides(outline, places(parcels, label), barriers, parameters.beside_m.value)
    looks = machines.seen(geoms), machines.seen(outline)
    blocks, loads = tables.blocks_table(parcels, label, outline, nb, minimum_mu, parameters, beside, *looks)
    lies = layout_table(blocks, beside, parameters.canal_head_m.value).assign(
        **machines.saved(looks[0], label, looks[1], parameters)
    )
    works = works_table(parcels, blocks, label, dem, parameters)

    clock.stage("sites")
    parcels["block_id"] = blocks.block_id.array.take(label, allow_fill=True)
    parcels["reason"] = pd.Series(why, index=parcels.index, dtype="str")
    chosen = choose_sites(parcels, blocks, programme, parameters, effort=effort)
    blocks["site_id"] = pd.Series(chosen.site_id, dtype="str")
    apart = (label[nb.left] != label[nb.right]) | (label[nb.left] < 0)
    half = nb.facing_m * (apart & ~fenced) / 2
    kept_m = (np.bincount(nb.left, half, len(parcels)) + np.bincount(nb.right, half, len(parcels))).astype(
        float
    )
    each, total = tables.county_sums(
        parcels,
        blocks,
        chosen.sites,
        could,
        kept_m,
        programme.units,
        minimum,
        tables.prices(parameters, dem is not None),
    )
    put_in(chosen, each, total)
    columns = list(schemas.PARCELS.columns)
    return Plan(
        parcels=gpd.GeoDataFrame(parcels[columns], geometry="geometry", crs=parcels.crs),
        blocks=blocks,
        sites=chosen.sites,
        shares=tables.shares_table(parcels),
        findings=schemas.findings_frame([], parcels.crs),
        barriers=barriers,
        more={
            "layout": lies,
            "straight": crooked.assign(block_id=blocks.block_id.to_numpy()[crooked.block]).drop(
                columns="block"
            ),
            "hauls": tables.hauls_table(loads, blocks, parcels),
            "units": measured,
            "works": works,
            "frontier": chosen.frontier,
        },
        meta={
            "chigai": importlib.metadata.version("chigai"),
            "programme": {"id": programme.id, "name_zh": programme.name_zh, "name_en": programme.name_en},
            "parameters": parameters.as_values(),
            "parameter_notes": parameters.notes(),
            "seed": seed,
            "effort": str(effort),
            "quality": quality.summary(measured),
            "versions": {
                p: importlib.metadata.version(p) for p in ("geopandas", "shapely", "numba", "pyogrio")
            },
            "crs": _crs_name(parcels.crs),
            "earthwork": dem is not None,
            "machines": machines.told(lies, blocks),
            "layout": layout.told(lies, blocks),
            "totals": total,
            "counties": each,
        },
    )


def block_minimums(programme: Programme) -> dict[str, float]:
    """Block minimum of each unit, mu; one without a target takes the least minimum of its kind."""
    by_kind = {
        kind: min(
            (u.block_minimum_mu for u in programme.units if u.kind == kind and u.block_minimum_mu),
            default=0.0,
        )
        for kind in ("county", "district")
    }
    return {u.adcode: u.block_minimum_mu or by_kind[u.kind] for u in programme.units}


def _in_order(geoms: npt.NDArray[np.object_], names: pd.Series) -> npt.NDArray[np.int64]:
    """Rows along a space-filling curve, equals by name, so that neighbours stand near each other: int64[n]."""
    curve = gpd.GeoSeries(geoms).hilbert_distance(level=16).to_numpy()
    order = np.argsort(curve, kind="stable")
    along = curve[order]
    same = np.r_[False, along[1:] == along[:-1]]
    tied = np.flatnonzero(same | np.r_[same[1:], False])
    rows = order[tied]
    order[tied] = rows[np.lexsort((names.iloc[rows].to_numpy(str), curve[rows]))]
    return order


def _neighbours(
    parcels: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame | None, parameters: Parameters
) -> tuple[Neighbours, Bools, gpd.GeoDataFrame]:
    """Pairs, which of them a fixed barrier parts, and the parcels with field_unit, a unit's rows together."""
    geoms = parcels.geometry.to_numpy()
    along = _in_order(geoms, parcels.parcel_id)
    geoms = geoms[along]
    nb = neighbours(geoms, parameters.ridge_max_gap_m.value, parameters.min_facing_m.value)
    walls = None if barriers is None else barriers.geometry[barriers.fixed.astype(bool)].to_numpy()
    fenced = crossing(nb, geoms, walls)
    unit = field_units(len(geoms), nb.left[~fenced], nb.right[~fenced])
    order = np.argsort(unit, kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    nb, pair = renumbered(nb, place)
    parcels = parcels.iloc[along[order]].reset_index(drop=True)
    parcels["field_unit"] = unit[order].astype(np.int64)
    return nb, fenced[pair], parcels


def _levels(geoms: npt.NDArray[np.object_], dem: Path | None, crs: pyproj.CRS) -> Floats:
    """Level of each parcel, m; NaN without a DEM. Raises ChigaiError for a DEM that covers none of them."""
    if dem is None:
        return np.full(len(geoms), np.nan)
    level = terrain.elevations(geoms, dem, crs)
    if np.isnan(level).all():
        raise ChigaiError(
            "高程模型没有覆盖任何一个地块。",
            "The elevation model covers none of the parcels.",
            do_zh="核对高程模型的范围与坐标系；也可以不给高程模型，按不计土方规划。",
            do_en="check its extent and coordinate system, or plan without it, and so without earthwork.",
            file=dem,
        )
    return level


def _large_enough(
    label: npt.NDArray[np.int32], outline: npt.NDArray[np.object_], minimum_mu: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.object_]]:
    """The blocks whose drawn outline reaches the minimum; the search adds ridges up piece by piece.

    Where pieces of ridge lie over each other the sum is a little more than what is drawn, and that has the
    last word.
    """
    first = np.zeros(len(outline))
    first[label[label >= 0]] = minimum_mu[label >= 0]
    enough = shapely.area(outline) / MU_M2 >= first - 1e-9
    number = np.where(enough, np.cumsum(enough) - 1, -1)
    return np.append(number, -1)[label].astype(np.int32), outline[enough]


def _crs_name(crs: pyproj.CRS) -> str:
    epsg = crs.to_epsg()
    return f"EPSG:{epsg}" if epsg else crs.to_wkt()
