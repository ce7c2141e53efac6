"""Which parcels face each other across a ridge, how far, and which of them a fixed barrier keeps apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from geo import facing
from geo.compiled import kernel
from geo.crossing import crossing
from geo.rings import rings

__all__ = ["Neighbours", "adjacency", "crossing", "field_units", "neighbours", "renumbered"]

_OVERLAP_M = 0.25
"""Parcels that lie over each other by up to this still face each other: they were drawn badly, not apart."""

_FLARE = 4 / 3
"""Between neighbours a ridge may widen to this many times the gap: it goes whole, or it would leave a notch."""


@dataclass(frozen=True)
class Neighbours:
    """m pairs of parcels that face each other, left < right, sorted by (left, right)."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    facing_m: NDArray[np.float64]
    """Length along which the two face each other within the gap, m: the lesser of both views."""
    ridge_m2: NDArray[np.float64]
    """Ground between the two, m²: 0 where they touch. Where the ridge flares a little beyond the gap, that too."""
    quads: NDArray[np.float64]
    """float64[q, 4, 2]: pieces of that ground; the first two corners lie on left, the last two on right."""
    quad_pair: NDArray[np.int32]
    """int32[q], ascending: the pair of each quad."""

    def __len__(self) -> int:
        return len(self.left)


def neighbours(geoms: NDArray[np.object_], max_gap_m: float = 1.5, min_facing_m: float = 1.0) -> Neighbours:
    """Pairs of parcels with at most a removable ridge between them.

    geoms: Polygons or MultiPolygons in projected metres; null and empty ones have no neighbours.
    Two parcels are neighbours where sides of theirs face each other within max_gap_m with nothing between.
    The length must exceed min_facing_m by what the ridge takes off at its two ends, about twice its width:
    parcels that meet only corner to corner across a crossing of ridges are no neighbours.
    """
    n, max_gap_m, min_facing_m = len(geoms), float(max_gap_m), float(min_facing_m)
    found = rings(np.asarray(geoms, dtype=object))
    start, stop, parcel, turned, box, sharp = facing.runs(
        found.coords, found.at, found.of.astype(np.int32), found.hole
    )
    indptr, other, sums, girth, quads, ends = facing.facing(
        found.coords, start, stop, parcel, turned, box, sharp, n, max_gap_m, _FLARE * max_gap_m, _OVERLAP_M
    )
    left, right, facing_m, ridge_m2, pair_at = _pairs(indptr, other, sums, girth, max_gap_m, min_facing_m)
    quads, quad_pair = _by_pair(quads, ends, pair_at, right)
    return Neighbours(left, right, facing_m, ridge_m2, quads, quad_pair)


@kernel
def _pairs(indptr, other, sums, girth, gap, least):
    """Both views of each pair made one; only pairs that face each other far enough."""
    n = len(indptr) - 1
    left, right = np.empty(len(other) // 2 + 1, np.int32), np.empty(len(other) // 2 + 1, np.int32)
    facing_m, ridge_m2 = np.empty(len(left)), np.empty(len(left))
    pair_at = np.zeros(n + 1, np.int64)
    m = 0
    for a in range(n):
        for i in range(indptr[a], indptr[a + 1]):
            b = other[i]
            if b < a:
                continue
            for j in range(indptr[b], indptr[b + 1]):
                if other[j] != a:
                    continue
                both = min(sums[i, 0], sums[j, 0])
                if both < least or both == 0.0:
                    break
                # What lies within the gap of the other parcel: the facing length and, round both ends,
                # as much again as the gap is wider than the ridge (0.92 where buffers are octagons).
                width = (sums[i, 1] + sums[j, 1]) / (sums[i, 0] + sums[j, 0])
                within = both + 2 * 0.92 * (gap + 0.05 - width)
                within = min(within, girth[a], girth[b])
                if within - 2 * gap >= least:
                    left[m], right[m], facing_m[m] = a, b, both
                    ridge_m2[m] = 0.5 * (sums[i, 2] + sums[j, 2])
                    m += 1
                break
        pair_at[a + 1] = m
    return left[:m], right[:m], facing_m[:m], ridge_m2[:m], pair_at


@kernel
def _by_pair(quads, ends, pair_at, right):
    """The quads whose ends int32[q, 2] are a pair that was kept, in the order of the pairs, and those pairs."""
    pair = np.full(len(ends), -1, np.int32)
    at = np.zeros(len(right) + 1, np.int64)
    for q in range(len(ends)):
        near, far = ends[q, 0], ends[q, 1]
        for i in range(pair_at[near], pair_at[near + 1]):
            if right[i] == far:
                pair[q] = i
                at[i + 1] += 1
                break
    for i in range(len(right)):
        at[i + 1] += at[i]
    out, out_pair = np.empty((at[-1], 4, 2)), np.empty(at[-1], np.int32)
    for q in range(len(ends)):
        i = pair[q]
        if i < 0:
            continue
        for v in range(4):
            out[at[i], v, 0], out[at[i], v, 1] = quads[q, v, 0], quads[q, v, 1]
        out_pair[at[i]] = i
        at[i] += 1
    return out, out_pair


def renumbered(nb: Neighbours, place: NDArray[np.int32]) -> tuple[Neighbours, NDArray[np.int32]]:
    """The same pairs once parcel i is parcel place[i]: again left < right, and sorted by both.

    place: int32[n], a permutation. Returns the pairs, and which of the former ones each was, int32[m].
    """
    left, right, order, quads, quad_pair = _renumbered(
        nb.left, nb.right, nb.quads, nb.quad_pair, np.ascontiguousarray(place, np.int32)
    )
    return Neighbours(left, right, nb.facing_m[order], nb.ridge_m2[order], quads, quad_pair), order


@kernel
def _renumbered(left, right, quads, quad_pair, place):
    n, m = len(place), len(left)
    at = np.zeros(n + 1, np.int64)
    for i in range(m):
        at[min(place[left[i]], place[right[i]]) + 1] += 1
    for p in range(n):
        at[p + 1] += at[p]
    out_left, out_right, order = np.empty(m, np.int32), np.empty(m, np.int32), np.empty(m, np.int32)
    filled = at[:-1].copy()
    for i in range(m):
        a, b = place[left[i]], place[right[i]]
        a, b = min(a, b), max(a, b)
        j = filled[a]
        while j > at[a] and out_right[j - 1] > b:
            out_right[j], order[j] = out_right[j - 1], order[j - 1]
            j -= 1
        out_left[filled[a]], out_right[j], order[j] = a, b, i
        filled[a] += 1
    # the quads go with their pairs; the first two corners lie on the left parcel, so they may change sides
    pair, quad_at = np.empty(m, np.int32), np.zeros(m + 1, np.int64)
    for j in range(m):
        pair[order[j]] = j
    for q in range(len(quads)):
        quad_at[pair[quad_pair[q]] + 1] += 1
    for j in range(m):
        quad_at[j + 1] += quad_at[j]
    out, out_pair = np.empty((len(quads), 4, 2)), np.empty(len(quads), np.int32)
    for q in range(len(quads)):
        i = quad_pair[q]
        j = quad_at[pair[i]]
        turn = 2 if place[left[i]] > place[right[i]] else 0
        for v in range(4):
            out[j, v, 0], out[j, v, 1] = quads[q, (v + turn) % 4, 0], quads[q, (v + turn) % 4, 1]
        out_pair[j] = pair[i]
        quad_at[pair[i]] += 1
    return out_left, out_right, order, out, out_pair


def adjacency(
    n: int, left: NDArray[np.int32], right: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Pairs as compressed rows: the neighbours of i are indices[indptr[i]:indptr[i + 1]], ascending.

    left < right, sorted by (left, right), as Neighbours has them (a selection of its pairs stays sorted).
    Returns indptr int64[n + 1], indices int32[2m], edge int32[2m] (the pair of each entry).
    """
    pair = np.arange(len(left), dtype=np.int32)
    # In this order a stable sort leaves the columns of each row ascending: first the lesser, then the greater.
    ends = np.concatenate([right, left])
    others = np.concatenate([left, right]).astype(np.int32)
    order = np.argsort(ends, kind="stable")
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(ends, minlength=n), out=indptr[1:])
    return indptr, others[order], np.concatenate([pair, pair])[order]


def field_units(n: int, left: NDArray[np.int32], right: NDArray[np.int32]) -> NDArray[np.int32]:
    """Connected parts of the neighbour graph, int32[n], numbered by their first row.

    Leave out the pairs that a fixed barrier crosses before calling.
    """
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    _, part = connected_components(csr_array(graph), directed=False)
    _, first = np.unique(part, return_index=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.int32)
    return rank[part]
