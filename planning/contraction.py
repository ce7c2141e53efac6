"""Units of very small parcels: joined to pieces of a tenth of a block first, so that the search can hold a block.

The search handles two groups as at most 64 parcels. Where a block would take dozens of parcels, parcels of
nearly the same level are united beforehand, and the search joins the pieces.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from geo.compiled import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

SMALL = 1 / 24
"""A unit is contracted where its mean parcel is below this share of the block minimum."""
PIECE = 1 / 12
"""Largest piece, as a share of the block minimum; a single parcel may be larger."""
SPREAD = 0.2
"""Share of the largest step that the levels inside a piece may span; the search keeps to the rest."""


def small_units(unit: Ints, area_m2: Floats, minimum_m2: Floats) -> npt.NDArray[np.bool_]:
    """bool[n]: parcels of units whose mean parcel is below SMALL of the block minimum (areas in m²)."""
    count = np.bincount(unit)
    mean = np.bincount(unit, area_m2 / minimum_m2) / np.maximum(count, 1)
    return (mean < SMALL)[unit] & (count > 1)[unit]


@kernel
def pieces(left, right, order, area, z, limit, spread):
    """Piece of each parcel, named by its first row: int32[n].

    left, right: pairs that may be joined, united in the given order where the whole stays at most `limit`
    (m², per parcel) and spans at most `spread` m of level.
    """
    n = area.shape[0]
    root = np.arange(n).astype(np.int32)
    size = area.copy()
    low = z.copy()
    high = z.copy()
    for k in range(order.shape[0]):
        a, b = left[order[k]], right[order[k]]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a == b or size[a] + size[b] > limit[a]:
            continue
        if max(high[a], high[b]) - min(low[a], low[b]) > spread:
            continue
        first, other = min(a, b), max(a, b)
        root[other] = first
        size[first] += size[other]
        low[first] = min(low[first], low[other])
        high[first] = max(high[first], high[other])
    for p in range(n):
        r = root[p]
        while root[r] != r:
            r = root[r]
        root[p] = r
    return root
