"""What a plan costs: the objective of DESIGN §5, one place for search, report and tests.

The arithmetic takes scalars or arrays alike, so the compiled search and the report share it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from geo.compiled import kernel, lean
from geo.schemas import MU_M2

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]


AREA_YUAN_PER_MU = 1e6
"""What a mu in a block is worth where area comes first: far above any cost per mu."""


class Prices(NamedTuple):
    """Unit prices of the objective, yuan; a tuple of floats so that compiled code takes it as it is."""

    earthwork_yuan_per_m3: float
    ridge_yuan_per_m: float
    shape_yuan_per_mu: float
    operator_yuan: float


@lean
def block_cost(cut_m3: Any, area_m2: Any, rectangularity: Any, n_operators: Any, prices: Prices) -> Any:
    """Cost of making one block, yuan: earth moved, crookedness, and operators beyond the first.

    cut_m3 [m³], area_m2 [m²], rectangularity [0–1, area / area of its rectangle], n_operators [count].
    Scalars in compiled code; `block_cost.py_func` takes arrays. A parcel that stays alone costs nothing: it is
    left as it is. The ridges kept are priced for the whole plan (`ridge_cost`), not per block.
    """
    crooked = area_m2 / MU_M2 * np.maximum(1.0 - rectangularity, 0.0)
    return (
        prices.earthwork_yuan_per_m3 * cut_m3
        + prices.shape_yuan_per_mu * crooked
        + prices.operator_yuan * np.maximum(n_operators - 1.0, 0.0)
    )


@kernel
def block_value(n_parcels, area_m2, removed_m, cut_m3, rectangle_m2, n_operators, prices):
    """What a block saves in ridges less what it costs, yuan, with rectangularity taken in a rectangle given.

    area_m2: parcels and the ridges between them; rectangle_m2: the box along the unit's direction, the search's
    stand-in for the least rectangle, which is never larger. A parcel alone is left as it is: nothing.
    """
    if n_parcels == 1:
        return 0.0
    rectangularity = area_m2 / max(rectangle_m2, area_m2)
    cost = block_cost(cut_m3, area_m2, rectangularity, n_operators, prices)
    return prices.ridge_yuan_per_m * removed_m - cost


def ridge_cost(kept_m: float, prices: Prices) -> float:
    """Cost of the ridges that stay between parcels, yuan; kept_m [m]."""
    return prices.ridge_yuan_per_m * kept_m


def levelling(area_m2: Floats, elevation_m: Floats, labels: Ints, n: int) -> tuple[Floats, Floats]:
    """Design level [m] and cut [m³] of each of n blocks whose parcels are level steps.

    z* = ΣA·z / ΣA and cut = ΣA·max(z − z*, 0), which equals the fill (DESIGN §5). Parcels with label -1
    or unknown elevation take no part; a block without any known elevation gets level NaN and cut 0.
    """
    known = (labels >= 0) & ~np.isnan(elevation_m)
    lab, a, z = labels[known], area_m2[known], elevation_m[known]
    total = np.bincount(lab, a, n)
    # levels are taken from each block's own base: sums of A·z over hundreds of metres lose millimetres
    base = np.full(n, np.inf)
    np.minimum.at(base, lab, z)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = base + np.bincount(lab, a * (z - base[lab]), n) / total
    cut = np.bincount(lab, a * np.maximum(z - level[lab], 0), n).astype(np.float64)
    return np.where(total > 0, level, np.nan), cut
