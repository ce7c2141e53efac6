"""What the engine knows of the parcels to join, and the rules and prices of one run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geo.schemas import MU_M2
from planning.cost import AREA_YUAN_PER_MU, Prices

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Fields:
    """What the search knows of n parcels and the m pairs that may be joined; row order is canonical.

    area_m2, elevation_m [m, NaN unknown], minimum_m2: float64[n]; operator: int32[n], -1 unknown;
    box_m: float64[n, 4], extent (u0, v0, u1, v1) in the field unit's own direction;
    unit: int32[n], rows of one unit stand together; left, right: int32[m]; facing_m, ridge_m2: float64[m].
    """

    area_m2: Floats
    elevation_m: Floats
    minimum_m2: Floats
    operator: Ints
    box_m: Floats
    unit: Ints
    left: Ints
    right: Ints
    facing_m: Floats
    ridge_m2: Floats


@dataclass(frozen=True)
class Rules:
    """The hard rules and prices of one run. maximum_m2 [m²], max_step_m [m; inf without elevation].

    worth_yuan_per_m2: what area in blocks is worth; by default so much that area comes before all cost.
    """

    maximum_m2: float
    max_step_m: float
    prices: Prices
    worth_yuan_per_m2: float = AREA_YUAN_PER_MU / MU_M2
