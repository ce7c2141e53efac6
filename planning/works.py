"""The works of each block beside what is optimised: topsoil, the ground as surveyed, and what the earth costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.schemas import MU_M2
from geo.surface import Surface, surface
from planning.parameters import Parameters

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

COLUMNS: dict[str, Any] = {
    "block_id": "str", "level_cells_m": float, "cut_cells_m3": float, "fill_cells_m3": float, "cells": np.int64,
    "topsoil_m3": float, "earthwork_yuan": float, "topsoil_yuan": float, "haul_mean_m": float,
}  # fmt: skip


def topsoil(
    label: Ints, area_m2: Floats, elevation_m: Floats, level_m: Floats, plough_layer_m: float
) -> Floats:
    """Topsoil to be taken off and spread again in each block, m³: float64[blocks].

    The plough layer of every parcel that is cut or filled deeper than that layer is thick: what lies below it
    must not end on top, nor the layer be buried. label: block of each parcel, -1 none; area_m2, elevation_m:
    per parcel; level_m: per block, NaN where it has none.
    """
    known = (label >= 0) & np.isfinite(elevation_m)
    lab = label[known]
    depth = np.abs(elevation_m[known] - level_m[lab])
    deep = depth > plough_layer_m + 1e-9
    return np.bincount(lab[deep], area_m2[known][deep] * plough_layer_m, len(level_m)).astype(float)


def works_table(
    parcels: gpd.GeoDataFrame,
    blocks: gpd.GeoDataFrame,
    label: Ints,
    dem: Path | None,
    parameters: Parameters,
    levelled: bool = False,
) -> pd.DataFrame:
    """One row a block of several parcels, in their order; without an elevation model none.

    levelled: the parcels have levels though their model is not at hand: what its cells say is not known then, NaN.

    block_id · level_cells_m, cut_cells_m3, fill_cells_m3: the block levelled from the model's cells instead of
    from level parcels, and cells, how many lie in it · topsoil_m3 · earthwork_yuan: the cut at its price ·
    topsoil_yuan · haul_mean_m: how far a cubic metre is moved.
    """
    if dem is None and not levelled:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    joined = np.flatnonzero(blocks.n_parcels.to_numpy() > 1)
    some = blocks.iloc[joined]
    if dem is None:
        unknown = np.full(len(some), np.nan)
        ground = Surface(unknown, unknown, unknown, np.zeros(len(some), np.int64))
    else:
        ground = surface(some.geometry.to_numpy(), dem, blocks.crs)
    strip = topsoil(
        label,
        parcels.area_mu.to_numpy(float) * MU_M2,
        parcels.elevation_m.to_numpy(float),
        blocks.design_level_m.to_numpy(float),
        parameters.plough_layer_m.value,
    )[joined]
    cut, fill = some.cut_m3.to_numpy(float), some.fill_m3.to_numpy(float)
    return pd.DataFrame(
        {
            "block_id": some.block_id.to_numpy(),
            "level_cells_m": ground.level_m,
            "cut_cells_m3": ground.cut_m3,
            "fill_cells_m3": ground.fill_m3,
            "cells": ground.cells,
            "topsoil_m3": strip,
            "earthwork_yuan": cut * parameters.earthwork_yuan_per_m3.value,
            "topsoil_yuan": strip * parameters.topsoil_yuan_per_m3.value,
            "haul_mean_m": np.divide(some.haul_m3m, fill, out=np.zeros(len(fill)), where=fill > 0),
        }
    ).astype(COLUMNS)
