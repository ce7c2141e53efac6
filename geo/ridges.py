"""The ridges before and after: which go when blocks are made, and which stand round the blocks afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.crossing import crossing
from geo.neighbours import Neighbours, neighbours

Shapes = NDArray[np.object_]
Ints = NDArray[np.int64]

GAP_M = 1.5
FACING_M = 1.0
"""Widest ridge and least length of facing, metres, where a plan does not say."""
_ROUND_DECIMALS = 3
_BESIDE_M = 0.02
"""Half the width of what is taken out of an outline where a neighbour faces it."""
_SCRAP = 2.0
"""Pieces of an outline shorter than this many ridges lie at crossings of ridges, and are none."""
_INSIDE_M = 0.3
"""An old ridge is inside a block whose outline was moved where it lies this far from the edge."""


@dataclass(frozen=True)
class Ridges:
    """Lines along the middle of ridges, or along the edge of a block, in the plan's metres.

    lines: LineStrings or MultiLineStrings; block: int64[k], the block that each belongs to (its row).
    """

    lines: Shapes
    block: Ints


def removed(
    parcels: Shapes,
    label: Ints,
    outlines: Shapes,
    walls: Shapes,
    moved: NDArray[np.bool_] | None = None,
    gap_m: float = GAP_M,
    facing_m: float = FACING_M,
) -> Ridges:
    """The ridges that go: those between two parcels of one block, one line for each two.

    parcels: Polygons; label: int64[n], the block of each parcel, -1 none; outlines: of the blocks; walls: fixed
    barriers, along which no ridge goes; moved: bool[blocks], whose sides were straightened: ridges of other parcels
    go where such a block reaches beyond them.
    """
    nb = neighbours(parcels, gap_m, facing_m)
    a, b = label[nb.left], label[nb.right]
    goes = (a == b) & (a >= 0)
    if goes.any():
        goes &= ~crossing(nb, parcels, walls)
    lines, pair = middles(nb, goes)
    found, block = [lines], [a[pair]]
    if moved is not None and moved.any():
        for ends in (a, b):
            apart = (a != b) & (ends >= 0)
            apart[apart] = moved[ends[apart]]
            lines, pair = middles(nb, apart)
            inside = shapely.intersection(lines, shapely.buffer(outlines[ends[pair]], -_INSIDE_M))
            kept = shapely.length(inside) > _INSIDE_M
            found.append(inside[kept])
            block.append(ends[pair][kept])
    return Ridges(np.concatenate(found), np.concatenate(block).astype(np.int64))


def standing(
    outlines: Shapes,
    works: NDArray[np.bool_],
    others: Shapes,
    gap_m: float = GAP_M,
    facing_m: float = FACING_M,
) -> Ridges:
    """The ridges round the blocks that are made, once each.

    outlines: Polygons of all blocks; works: bool[blocks], which are made of several parcels; others: parcels in no
    block. Between two of them one line along the middle, of the first of the two blocks that is made; where nothing
    faces a block, along a canal or a road, its edge.
    """
    shapes = np.concatenate([outlines, others])
    made = np.zeros(len(shapes), bool)
    made[: len(works)] = works
    nb = neighbours(shapes, gap_m, facing_m)
    lines, pair = middles(nb, made[nb.left] | made[nb.right])
    block = np.where(made[nb.left], nb.left, nb.right)[pair].astype(np.int64)
    rows = np.flatnonzero(made)
    free = _free(shapes, nb, rows, _SCRAP * gap_m)
    kept = ~shapely.is_empty(free)
    return Ridges(np.concatenate([lines, free[kept]]), np.concatenate([block, rows[kept]]))


def middles(nb: Neighbours, chosen: NDArray[np.bool_]) -> tuple[Shapes, Ints]:
    """The middle line of the ridge of each chosen pair, and the pair. chosen: bool[pairs]."""
    mine = chosen[nb.quad_pair]
    quads, pair = nb.quads[mine], nb.quad_pair[mine]
    # the first two corners lie on one parcel, the last two on the other, round the piece of ridge
    ends = np.stack([(quads[:, 0] + quads[:, 3]) / 2, (quads[:, 1] + quads[:, 2]) / 2], axis=1)
    pieces = shapely.linestrings(ends.round(_ROUND_DECIMALS))
    which, of = np.unique(pair, return_inverse=True)
    return shapely.line_merge(shapely.multilinestrings(pieces, indices=of)), which.astype(np.int64)


def _free(shapes: Shapes, nb: Neighbours, rows: Ints, least_m: float) -> Shapes:
    """What of the outlines of these rows faces no neighbour; pieces shorter than least_m left out."""
    place = np.full(len(shapes), -1)
    place[rows] = np.arange(len(rows))
    sides = np.concatenate([nb.quads[:, :2], nb.quads[:, 2:]])
    owner = place[np.concatenate([nb.left[nb.quad_pair], nb.right[nb.quad_pair]])]
    sides, owner = sides[owner >= 0], owner[owner >= 0]
    order = np.argsort(owner, kind="stable")
    faced = np.full(len(rows), shapely.MultiLineString(), dtype=object)
    there = np.unique(owner)
    faced[there] = shapely.multilinestrings(
        shapely.linestrings(sides[order]), indices=np.searchsorted(there, owner[order])
    )
    edges = shapely.boundary(shapes[rows])
    free = shapely.line_merge(shapely.difference(edges, shapely.buffer(faced, _BESIDE_M, cap_style="flat")))
    parts, of = shapely.get_parts(free, return_index=True)
    long = shapely.length(parts) >= least_m
    out = np.full(len(rows), shapely.MultiLineString(), dtype=object)
    there, index = np.unique(of[long], return_inverse=True)
    if len(there):
        out[there] = shapely.multilinestrings(parts[long], indices=index)
    return out
