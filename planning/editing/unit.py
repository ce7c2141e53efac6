"""A field unit of a plan folder in memory: its parcels, neighbours and blocks as the plan's run saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from geo import plans
from geo.crossing import crossing
from geo.errors import AbsentError
from geo.frames import directions
from geo.neighbours import Neighbours, adjacency, neighbours
from geo.schemas import MU_M2
from planning import machines, tables
from planning.editing.state import State
from planning.fields import Rules
from planning.joining import Prepared, prepared
from planning.layout import AROUND_M
from planning.parameters import Parameters
from planning.programme import Programme
from planning.reach import reachable
from planning.rechoosing import programme_of

KEPT = 64
"""Field units that a process keeps in memory: a planner's come and go, and one takes some hundred kilobytes."""


@dataclass(frozen=True, eq=False)
class FieldUnit:
    """A field unit of a plan. parcels: in the plan's order; blocks: those of the plan itself, the base.

    nb: pairs of its parcels; fenced: bool[pairs], a fixed barrier between; minimum_mu: float64[parcels].
    """

    number: int
    programme: Programme
    earthwork: bool
    parcels: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame | None
    nb: Neighbours
    fenced: npt.NDArray[np.bool_]
    angle: npt.NDArray[np.float64]
    minimum_mu: npt.NDArray[np.float64]
    made: Prepared
    base: State

    @property
    def parameters(self) -> Parameters:
        return self.programme.parameters

    @cached_property
    def names(self) -> list[str]:
        """The parcels' ids, in order."""
        return [str(name) for name in self.parcels.parcel_id]

    @cached_property
    def row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    @cached_property
    def geoms(self) -> npt.NDArray[np.object_]:
        shapes: npt.NDArray[np.object_] = self.parcels.geometry.to_numpy()
        return shapes

    @cached_property
    def county(self) -> npt.NDArray[np.object_]:
        return self.parcels.county.to_numpy(object)

    @cached_property
    def looks(self) -> machines.Seen:
        """What is seen of the parcels' shapes."""
        return machines.seen(self.geoms)

    @cached_property
    def rules(self) -> Rules:
        p = self.parameters
        return Rules(
            p.max_mu.value * MU_M2,
            p.max_step_m.value if self.earthwork else np.inf,
            tables.prices(p, self.earthwork),
            p.area_worth_yuan_per_mu.value / MU_M2,
        )

    @cached_property
    def could(self) -> npt.NDArray[np.bool_]:
        """bool[parcels]: which could be in some block."""
        f, made = self.made.fields, self.made
        ptr, nbr, edge = adjacency(len(f.area_m2), f.left, f.right)
        found = reachable(f.area_m2, f.elevation_m, ptr, nbr, f.ridge_m2[edge], f.minimum_m2, made.step_m)
        out = np.zeros(len(f.area_m2), bool)
        out[made.order] = found & ~made.refused[made.order]
        return out

    def whole_mu(self, rows: npt.NDArray[np.integer]) -> float:
        """Area of some parcels and the ridges that fall away between them, mu."""
        inside = np.zeros(len(self.names), bool)
        inside[rows] = True
        ridges = self.nb.ridge_m2[inside[self.nb.left] & inside[self.nb.right] & ~self.fenced]
        return float(self.parcels.area_mu.to_numpy(float)[rows].sum() + ridges.sum() / MU_M2)

    def reason_loose(self, row: int) -> str:
        """Why a parcel lies in no block: the plan's reason, or that it could and a change left it over."""
        told = self.parcels.reason.iloc[row]
        return told if isinstance(told, str) else "left_over"


def load(folder: Path, number: int, programme: Programme | None = None) -> FieldUnit:
    """A field unit of the plan in `folder`; the last ones are kept in memory.

    programme: by default the notice that the plan names. Raises ChigaiError: no plan, no such unit.
    """
    meta = plans.read_meta(folder)
    if programme is not None:
        return _load(Path(folder), meta, number, programme)
    return _kept(str(folder), str(meta["created"]), number)


@lru_cache(maxsize=KEPT)
def _kept(folder: str, created: str, number: int) -> FieldUnit:
    meta = plans.read_meta(Path(folder))
    return _load(Path(folder), meta, number, programme_of(meta))


def _load(folder: Path, meta: Mapping[str, Any], number: int, programme: Programme) -> FieldUnit:
    own = [("field_unit", "==", number)]
    parcels = plans.read_part(folder, "parcels", filters=own)
    blocks = plans.read_part(folder, "blocks", filters=own)
    if parcels is None or blocks is None or len(parcels) == 0:
        raise AbsentError(
            f"方案里没有条田单元 {number}。", f"The plan has no field unit {number}.",
            do_zh="请从问题清单或地图上重新选择。", do_en="choose it again from the list or the map.",
            file=folder,
        )  # fmt: skip
    parcels, blocks = parcels.reset_index(drop=True), blocks.reset_index(drop=True)
    west, south, east, north = parcels.total_bounds
    far = AROUND_M + 100.0
    barriers = plans.read_part(folder, "barriers", bbox=(west - far, south - far, east + far, north + far))
    p, earthwork = programme.parameters, bool(meta.get("earthwork", True))
    geoms = parcels.geometry.to_numpy()
    nb = neighbours(geoms, p.ridge_max_gap_m.value, p.min_facing_m.value)
    walls = None if barriers is None else barriers.geometry[barriers.fixed.astype(bool)].to_numpy()
    fenced = crossing(nb, geoms, walls)
    one = np.zeros(len(parcels), np.int64)
    angle = directions(geoms, one)[one]
    least = {str(c["county"]): c.get("block_minimum_mu") or 0.0 for c in meta.get("counties", [])}
    minimum = parcels.county.map(least).fillna(0.0).to_numpy(float)
    made = prepared(
        parcels, nb, fenced, angle, minimum, p.max_step_m.value if earthwork else None,
        bool(p.same_village.value),
    )  # fmt: skip
    block = parcels.block_id.astype(object).where(parcels.block_id.notna(), None).to_numpy(object)
    out = (parcels.reason == "taken_out").fillna(False).to_numpy(bool)
    return FieldUnit(
        number=number,
        programme=programme,
        earthwork=earthwork,
        parcels=parcels,
        blocks=blocks,
        barriers=barriers,
        nb=nb,
        fenced=fenced,
        angle=angle,
        minimum_mu=minimum,
        made=made,
        base=State(block, np.zeros(len(block), bool), out),
    )
