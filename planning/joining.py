"""Parcels, pairs and the programme's rules as arrays for the engine, and its answer back in the parcels' order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.frames import boxes
from geo.neighbours import Neighbours, adjacency, field_units
from geo.schemas import MU_M2
from planning import quality, tables
from planning.blocks import solve
from planning.effort import Effort
from planning.fields import Fields, Rules
from planning.parameters import Parameters
from planning.reach import reachable, reasons

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Joined:
    """Of each parcel: label int32[n] (block, -1 none), could bool[n] (be in one), why object[n] (it is in none).

    The rest is what the engine worked with, in its own order of rows: order[i] is the parcel of its row i.
    """

    label: npt.NDArray[np.int32]
    could: Bools
    why: npt.NDArray[np.object_]
    fields: Fields
    rules: Rules
    bounds: quality.Bounds
    order: npt.NDArray[np.integer]

    def units(self, label: npt.NDArray[np.int32], field_unit: npt.NDArray[np.integer]) -> pd.DataFrame:
        """The quality of the field units (`quality.by_unit`) once the parcels lie in the blocks of `label`."""
        rows = quality.by_part(self.fields, self.bounds, label[self.order], self.rules.prices)
        return quality.by_unit(rows, field_unit[self.order])


@dataclass(frozen=True)
class Prepared:
    """Parcels as the engine takes them, and which pairs of neighbours which rule keeps apart.

    fields: in the engine's own order of rows; order[i] is the parcel of its row i. refused, unlevelled (no level
    where one is needed): bool[n]; bordered: bool[pairs], apart by a barrier or a border; open_pair: apart by
    neither, nor by consent; use: those that may be joined directly. step_m: the largest step, inf without levels.
    """

    fields: Fields
    order: npt.NDArray[np.integer]
    refused: Bools
    unlevelled: Bools
    bordered: Bools
    open_pair: Bools
    use: Bools
    step_m: float


def prepared(
    parcels: gpd.GeoDataFrame,
    nb: Neighbours,
    fenced: Bools,
    angle: npt.NDArray[np.float64],
    minimum_mu: npt.NDArray[np.float64],
    max_step_m: float | None,
    same_village: bool,
) -> Prepared:
    """The rules of a plan on its parcels. max_step_m: None where the plan knows no levels; the rest as `joined`."""
    earthwork = max_step_m is not None
    n = len(parcels)
    area = parcels.area_mu.to_numpy(float) * MU_M2
    z = parcels.elevation_m.to_numpy(float)
    refused = (parcels.consent == False).fillna(False).to_numpy(bool)  # noqa: E712 — null is no refusal
    unlevelled = np.isnan(z) & earthwork
    keys = ["county", "irrigation_district"] + (["village"] if same_village else [])
    group = parcels.groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
    bordered = fenced | (group[nb.left] != group[nb.right])
    open_pair = ~bordered & ~refused[nb.left] & ~refused[nb.right]
    step = np.inf if max_step_m is None else max_step_m + 1e-9
    flat = np.zeros(n) if not earthwork else np.nan_to_num(z)
    apart = np.abs(flat[nb.left] - flat[nb.right]) > step
    use = open_pair & ~apart & ~unlevelled[nb.left] & ~unlevelled[nb.right]

    # parcels that may be joined directly or by way of others: smaller than a field unit, solved apart
    cell = field_units(n, nb.left[use], nb.right[use])
    order = np.argsort(cell, kind="stable")
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    a, b = place[nb.left[use]], place[nb.right[use]]
    operator = pd.factorize(parcels.operator, use_na_sentinel=True)[0].astype(np.int32)
    fields = Fields(
        area_m2=area[order],
        elevation_m=flat[order],
        minimum_m2=minimum_mu[order] * MU_M2,
        operator=operator[order],
        box_m=boxes(parcels.geometry.to_numpy(), angle)[order],
        unit=cell[order],
        left=np.minimum(a, b),
        right=np.maximum(a, b),
        facing_m=nb.facing_m[use],
        ridge_m2=nb.ridge_m2[use],
    )
    return Prepared(fields, order, refused, unlevelled, bordered, open_pair, use, step)


def joined(
    parcels: gpd.GeoDataFrame,
    nb: Neighbours,
    fenced: Bools,
    angle: npt.NDArray[np.float64],
    minimum_mu: npt.NDArray[np.float64],
    parameters: Parameters,
    earthwork: bool,
    seed: int,
    effort: Effort,
    progress: Callable[[float], None],
    threads: int = 2,
) -> Joined:
    """Join the parcels; angle: direction of each one's unit, minimum_mu: block minimum of each one's county.

    fenced: bool[pairs], parted by a fixed barrier. Raises what `progress` raises (a cancel).
    """
    here = prepared(
        parcels,
        nb,
        fenced,
        angle,
        minimum_mu,
        parameters.max_step_m.value if earthwork else None,
        bool(parameters.same_village.value),
    )
    n, fields, order, refused = len(parcels), here.fields, here.order, here.refused
    ptr, nbr, edge = adjacency(n, fields.left, fields.right)
    could = reachable(
        fields.area_m2, fields.elevation_m, ptr, nbr, fields.ridge_m2[edge], fields.minimum_m2, here.step_m
    )
    could &= ~refused[order]
    rules = Rules(
        parameters.max_mu.value * MU_M2,
        parameters.max_step_m.value if earthwork else np.inf,
        tables.prices(parameters, earthwork),
        parameters.area_worth_yuan_per_mu.value / MU_M2,
    )
    label = np.full(n, -1, np.int32)
    found, bounds = solve(fields, could, rules, seed, progress, threads, effort)
    label[order] = found
    label[refused] = -1
    label, could_there = _renumbered(label), np.zeros(n, bool)
    could_there[order] = could
    why = reasons(
        loose=label < 0,
        could=could_there,
        refused=refused,
        unlevelled=here.unlevelled,
        area=parcels.area_mu.to_numpy(float) * MU_M2,
        minimum=minimum_mu * MU_M2,
        left=nb.left,
        right=nb.right,
        open_pair=here.open_pair,
        fenced_pair=here.bordered,
    )
    return Joined(label, could_there, why, fields, rules, bounds, order)


def _renumbered(label: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Labels numbered by their first row, -1 kept."""
    codes, _ = pd.factorize(np.where(label >= 0, label, np.nan), use_na_sentinel=True)
    return codes.astype(np.int32)
