"""Parts too large for one search: cut into cells of whole blocks, so that each cell can be searched by itself.

Where the cuts lie depends on the effort, so blocks at the cuts of one come to lie inside the cells of the next.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from planning.fields import Fields

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

CELL = 400
"""Parcels of a cell: a search keeps a copy of its partition at every step, which must stay small."""


def cells(fields: Fields, part: Ints, labels: Ints, large: Bools, first_cut: float) -> Ints:
    """Cell of each parcel, numbered in the order of their parts; parts that are not large are a cell each: int32[n].

    part: of each parcel, rows of a part together; labels: blocks, whose parcels stay together, -1 none; large:
    bool[parts]; first_cut: share of a part's parcels on the one side of its first cut, 0–1.
    """
    n = len(part)
    middle = (fields.box_m[:, :2] + fields.box_m[:, 2:]) / 2
    held = np.flatnonzero(labels >= 0)
    size = np.maximum(np.bincount(labels[held], minlength=n), 1)
    for axis in range(2):
        of_block = np.bincount(labels[held], middle[held, axis], n) / size
        middle[held, axis] = of_block[labels[held]]
    cell = part.astype(np.int64) << 24
    for p in np.flatnonzero(large):
        todo = [(np.flatnonzero(part == p), np.int64(1), first_cut)]
        while todo:
            rows, code, at = todo.pop()
            axis = int(np.ptp(middle[rows, 1]) > np.ptp(middle[rows, 0]))
            order = rows[np.argsort(middle[rows, axis], kind="stable")]
            # parcels of a block stand at the very same place
            edge = np.flatnonzero(np.diff(middle[order, axis]) > 0) + 1
            if len(rows) <= CELL or len(edge) == 0:
                cell[rows] += code
                continue
            cut = edge[np.argmin(np.abs(edge - at * len(rows)))]
            todo += [(order[:cut], code * 2, 0.5), (order[cut:], code * 2 + 1, 0.5)]
    return np.unique(cell, return_inverse=True)[1].reshape(n).astype(np.int32)


def apart(fields: Fields, cell: Ints, inside: Bools) -> Fields:
    """The fields with no pairs but those within a cell and among the parcels `inside`."""
    same = (cell[fields.left] == cell[fields.right]) & inside[fields.left]
    return replace(
        fields,
        left=fields.left[same],
        right=fields.right[same],
        facing_m=fields.facing_m[same],
        ridge_m2=fields.ridge_m2[same],
    )
