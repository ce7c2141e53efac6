"""Which parcels could be in a block at all, and for those that are in none, which rule stands in the way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.compiled import kernel

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@kernel
def _spread(seed, low, high, area, z, ptr, nbr, ridge, minimum, stamp, mark, queue):
    """Grow from `seed` over parcels with level in [low, high] until `minimum` m² are together.

    Returns (parcels found, whether the minimum was reached); queue holds the parcels found.
    """
    count = 1
    head = 0
    queue[0] = seed
    mark[seed] = stamp
    total = area[seed]
    while head < count and total < minimum:
        p = queue[head]
        head += 1
        for e in range(ptr[p], ptr[p + 1]):
            q = nbr[e]
            if mark[q] == stamp or not (low <= z[q] <= high):
                continue
            mark[q] = stamp
            queue[count] = q
            count += 1
            total += area[q]
            # every ridge to what was found before is gained with it
            for f in range(ptr[q], ptr[q + 1]):
                if mark[nbr[f]] == stamp:
                    total += ridge[f]
            if total >= minimum:
                break
    return count, total >= minimum


@kernel
def reachable(area, z, ptr, nbr, ridge, minimum, step):
    """bool[n]: parcels that lie in some connected group within `step` m of level that reaches the minimum.

    area, minimum: m² per parcel; z: level, m; ptr, nbr: compressed rows of the pairs that may be joined;
    ridge: m² per entry. A group's levels lie in [z_low, z_low + step] where z_low is one of its members', so
    trying each near level as the low end is exact. No plan can hold more area in blocks than these parcels.
    """
    n = area.shape[0]
    out = np.zeros(n, np.bool_)
    mark = np.zeros(n, np.int64)
    queue = np.empty(n, np.int32)
    stamp = 0
    for p in range(n):
        if out[p]:
            continue
        if area[p] >= minimum[p]:
            out[p] = True
            continue
        # most parcels on a plain succeed at once in the band centred on them
        stamp += 1
        count, ok = _spread(
            p, z[p] - step / 2, z[p] + step / 2, area, z, ptr, nbr, ridge, minimum[p], stamp, mark, queue
        )
        if ok:
            for i in range(count):
                out[queue[i]] = True
            continue
        # the levels around p that could be the low end, in a band that no group with p leaves
        stamp += 1
        count, _ = _spread(p, z[p] - step, z[p] + step, area, z, ptr, nbr, ridge, np.inf, stamp, mark, queue)
        lows = np.empty(count)
        k = 0
        for i in range(count):
            if z[queue[i]] <= z[p]:
                lows[k] = z[queue[i]]
                k += 1
        lows = np.unique(lows[:k])
        for low in lows:
            stamp += 1
            count, ok = _spread(p, low, low + step, area, z, ptr, nbr, ridge, minimum[p], stamp, mark, queue)
            if ok:
                for i in range(count):
                    out[queue[i]] = True
                break
    return out


def _component_area(n: int, left: Ints, right: Ints, area: Floats) -> tuple[Floats, Ints]:
    """Area of the connected component that each of n parcels lies in, and each parcel's component."""
    _, comp = connected_components(
        coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n)), directed=False
    )
    return np.bincount(comp, area)[comp], comp


def reasons(
    *,
    loose: Bools,
    could: Bools,
    refused: Bools,
    unlevelled: Bools,
    area: Floats,
    minimum: Floats,
    left: Ints,
    right: Ints,
    open_pair: Bools,
    fenced_pair: Bools,
) -> npt.NDArray[np.object_]:
    """Why each loose parcel is in no block: one of geo.schemas.REASONS, None for the others; object[n].

    loose, could (`reachable`), refused (consent), unlevelled (no elevation where one is needed): bool[n];
    area, minimum: m²; left, right: every pair of neighbours; open_pair: may be joined as far as barriers,
    district and consent go; fenced_pair: apart only by a barrier or a border. The first rule whose lifting
    would bring the minimum within reach is named.
    """
    n = len(area)
    free = ~refused
    # lift one rule after another: levels, consent, barriers and borders
    no_step, _ = _component_area(n, left[open_pair], right[open_pair], area)
    consent_ok = open_pair | ~fenced_pair
    no_consent, _ = _component_area(n, left[consent_ok], right[consent_ok], area)
    no_fence, _ = _component_area(n, left, right, area)
    degree = np.bincount(left, minlength=n) + np.bincount(right, minlength=n)
    out = np.full(n, None, dtype=object)
    named = np.select(
        [
            refused,
            could,
            unlevelled & (degree > 0),
            (no_step >= minimum) & free,
            no_consent >= minimum,
            no_fence >= minimum,
            degree == 0,
        ],
        ["consent", "left_over", "elevation", "elevation", "consent", "barrier", "isolated"],
        "too_small_together",
    )
    out[loose] = named[loose]
    return out
