"""Earth moved inside a block: from parcels above its design level to those below, and how far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from geo.compiled import kernel

Floats = npt.NDArray[np.float64]


@kernel
def hauls(
    label: npt.NDArray[np.int32],
    area_m2: Floats,
    elevation_m: Floats,
    level_m: Floats,
    along_m: Floats,
    x_m: Floats,
    y_m: Floats,
) -> Floats:
    """Haul of each block, m³·m: float64[blocks].

    label: block of each parcel, -1 none; area_m2, elevation_m, x_m, y_m (centroid): per parcel; level_m: per
    block. along_m: the centroid's place along the unit's sides. Giving and taking parcels are matched in that
    order, which is the cheapest matching along one axis; its length is then measured in the plane, so the
    figure is that of a feasible plan, not below the least possible. Blocks without a level have none.
    """
    n = level_m.shape[0]
    out = np.zeros(n)
    order = np.argsort(along_m, kind="mergesort")
    give = np.full(n, -1, np.int64)
    balance = np.zeros(n)
    # one pass along the axis per block: `chain` holds what still waits to be matched, oldest first
    chain = np.full(label.shape[0], -1, np.int64)
    rest = np.zeros(label.shape[0])
    last = np.full(n, -1, np.int64)
    for i in range(order.shape[0]):
        p = order[i]
        b = label[p]
        if b < 0 or np.isnan(level_m[b]) or np.isnan(elevation_m[p]):
            continue
        volume = area_m2[p] * (elevation_m[p] - level_m[b])
        while volume != 0.0 and give[b] >= 0 and balance[b] * volume < 0.0:
            q = give[b]
            moved = min(abs(volume), abs(rest[q]))
            out[b] += moved * np.hypot(x_m[p] - x_m[q], y_m[p] - y_m[q])
            sign = 1.0 if volume > 0 else -1.0
            volume -= sign * moved
            rest[q] += sign * moved
            balance[b] += sign * moved
            if abs(rest[q]) <= 1e-9:
                give[b] = chain[q]
                if give[b] < 0:
                    balance[b] = 0.0
            if abs(volume) <= 1e-9:
                volume = 0.0
        if volume != 0.0:
            rest[p] = volume
            balance[b] += volume
            if give[b] < 0:
                give[b] = p
            else:
                chain[last[b]] = p
            last[b] = p
    return out
