"""Makes parcels disjoint: duplicates and outlines are left out, what two share stays with one of them.

Nothing here looks at the order of rows: who gives way follows from shapes and ids alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from geo.mending import CRUMB_M2, guarded, polygons

NOISE_M2 = 1e-4
"""Common area below this is the rounding of coordinates (1e-9 m along a kilometre of side is 1e-6 m2)."""
SAME = 0.95
"""Two parcels that share more than this part of both are one parcel drawn twice."""
REMNANT = 0.05
"""A parcel of which less than this is left after trimming is left out whole."""
OUTLINE_PARCELS, OUTLINE_SHARE = 3, 0.5
"""So many whole parcels under it, together so much of its area, make a shape an outline and no paddy."""
SLIVER_M2, SLIVER_WIDTH_M = 50.0, 0.5
SMALL_M2 = 1.0
"""Overlaps under this come of drawing and reprojecting, not of a dispute about land."""


def widths(geoms: np.ndarray) -> np.ndarray:
    """Mean width of a long shape, m: twice its area by its perimeter; float[n]."""
    length = shapely.length(geoms)
    return 2 * shapely.area(geoms) / np.where(length > 0, length, np.inf)


def slivers(geoms: np.ndarray) -> np.ndarray:
    """bool[n]: under 50 m2 or narrower than 0.5 m on the mean."""
    return (shapely.area(geoms) < SLIVER_M2) | (widths(geoms) < SLIVER_WIDTH_M)


@dataclass(frozen=True)
class Disjoint:
    """n valid single Polygons made disjoint.

    pieces: k Polygons; parent: int64[k], the polygon each is the rest of, ascending.
    reason: per polygon why it is left out whole ("same_shape", "outline", "covered"), "" where pieces remain.
    twin: int64[n], for "same_shape" the polygon that stays instead, else -1.
    left, right, common_m2: the overlapping pairs that were cut; right lost the common part to left.
    removed: what each polygon lost, None where nothing; removed_m2: float[n].
    """

    pieces: np.ndarray
    parent: np.ndarray
    reason: np.ndarray
    twin: np.ndarray
    left: np.ndarray
    right: np.ndarray
    common_m2: np.ndarray
    removed: np.ndarray
    removed_m2: np.ndarray


def separate(geoms: np.ndarray, ids: np.ndarray) -> Disjoint:
    """Leaves out doubles and outlines, then gives every common part to one parcel.

    The smaller parcel keeps it (it was surveyed apart, the larger is cut back), at equal area the one with
    the smaller id; slivers give way to everything else. Trimmings that are slivers themselves go with the
    trimmed part, as does a parcel of which less than 5 % remains.
    """
    n = len(geoms)
    area = shapely.area(geoms)
    reason = np.full(n, "", object)
    twin = _repeated(geoms, ids)
    alive = np.flatnonzero(twin < 0)
    left, right, common = overlapping(geoms[alive])
    left, right = alive[left], alive[right]

    same = (common > SAME * area[left]) & (common > SAME * area[right])
    _drop_twins(twin, left[same], right[same], _order(geoms, ids, left[same], right[same], by_area=False))
    reason[twin >= 0] = "same_shape"
    left, right, common = _among(reason == "", left, right, common)

    inner = np.concatenate([left, right])
    outer = np.concatenate([right, left])
    both = np.concatenate([common, common])
    whole = (both > SAME * area[inner]) & (area[inner] < area[outer])
    count = np.bincount(outer[whole], minlength=n)
    share = np.bincount(outer[whole], both[whole], n) / np.maximum(area, 1e-12)
    reason[(count >= OUTLINE_PARCELS) & (share >= OUTLINE_SHARE)] = "outline"
    left, right, common = _among(reason == "", left, right, common)

    order = _order(geoms, ids, left, right, by_area=True)
    swap = order[left] > order[right]
    winner, loser = np.where(swap, right, left), np.where(swap, left, right)
    pieces, parent, gone = _trim(geoms, winner, loser, common, order)
    reason[gone] = "covered"
    return _bind(geoms, pieces, parent, reason, twin, winner, loser, common)


def overlapping(geoms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (left < right) that share more than rounding, and the common area in m2."""
    left, right = shapely.STRtree(geoms).query(geoms, predicate="intersects")
    keep = left < right
    left, right = left[keep], right[keep]
    a, b = shapely.bounds(geoms[left]), shapely.bounds(geoms[right])
    wide = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    high = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    keep = wide * high > NOISE_M2
    left, right = left[keep], right[keep]
    shapes, _ = guarded(shapely.intersection, geoms[left], geoms[right])
    common = np.nan_to_num(shapely.area(shapes))
    keep = common > NOISE_M2
    return left[keep], right[keep], common[keep]


def _among(alive: np.ndarray, left: np.ndarray, right: np.ndarray, common: np.ndarray) -> tuple:
    keep = alive[left] & alive[right]
    return left[keep], right[keep], common[keep]


def _keys(geoms: np.ndarray) -> np.ndarray:
    """int64[n]: sorts geometries by their normalised bytes; equal shapes have equal keys."""
    return pd.factorize(shapely.to_wkb(shapely.normalize(geoms)), sort=True)[0]


def _order(
    geoms: np.ndarray, ids: np.ndarray, left: np.ndarray, right: np.ndarray, *, by_area: bool
) -> np.ndarray:
    """int64[n]: precedence, lower first, of the polygons named in the pairs (others: 0)."""
    some = np.unique(np.concatenate([left, right]))
    order = np.zeros(len(geoms), np.int64)
    shapes = geoms[some]
    keys: list[np.ndarray] = [_keys(shapes), pd.factorize(ids[some], sort=True)[0]]
    if by_area:
        keys += [shapely.area(shapes), slivers(shapes)]
    order[some[np.lexsort(keys)]] = np.arange(len(some))
    return order


def _repeated(geoms: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """int64[n]: for a shape that is drawn again exactly, the one with the smallest id, else -1.

    Apart from the pairs, since a file appended to itself many times would make very many of them.
    """
    twin = np.full(len(geoms), -1, np.int64)
    box = np.column_stack([shapely.bounds(geoms), shapely.area(geoms)])
    group = pd.DataFrame(np.round(box, 3)).groupby(list(range(5)), sort=False).ngroup().to_numpy()
    some = np.flatnonzero(np.bincount(group)[group] > 1)
    if not len(some):
        return twin
    key, name = _keys(geoms[some]), pd.factorize(ids[some], sort=True)[0]
    order = np.lexsort((name, key))
    head = np.concatenate([[True], key[order][1:] != key[order][:-1]])
    first = order[np.maximum.accumulate(np.where(head, np.arange(len(order)), 0))]
    twin[some[order[~head]]] = some[first[~head]]
    return twin


def _drop_twins(twin: np.ndarray, left: np.ndarray, right: np.ndarray, order: np.ndarray) -> None:
    """Of each pair of near twins the later in order goes, unless the earlier one went itself; in place."""
    swap = order[left] > order[right]
    first, second = np.where(swap, right, left), np.where(swap, left, right)
    open_ = np.ones(len(first), bool)
    while open_.any():
        a, b = first[open_], second[open_]
        # nobody before it is still undecided: it stays, and those after it go
        stays = np.setdiff1d(a, b)
        hit = np.isin(a, stays)
        best = np.lexsort((order[a[hit]], b[hit]))
        loser, at = np.unique(b[hit][best], return_index=True)
        twin[loser] = a[hit][best][at]
        gone = np.isin(first, loser) | np.isin(second, loser) | np.isin(first, stays)
        open_ &= ~gone


def _trim(
    geoms: np.ndarray, winner: np.ndarray, loser: np.ndarray, common: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Takes from each loser all its winners; returns (pieces, parent, losers of whom nothing is left)."""
    losers, count = np.unique(loser, return_counts=True)
    by_loser = winner[np.lexsort((order[winner], loser))]
    start = np.concatenate([[0], np.cumsum(count)])
    rest = np.empty(len(losers), object)
    for c in np.unique(count):
        some = np.flatnonzero(count == c)
        cover = geoms[by_loser[start[some][:, None] + np.arange(c)]]
        rest[some], failed = guarded(
            lambda g, *w: shapely.difference(g, shapely.union_all(np.column_stack(w), axis=1)),
            geoms[losers[some]],
            *cover.T,
        )
        rest[some[failed]] = shapely.Polygon()
    pieces, index = polygons(rest)
    largest = np.zeros(len(geoms))
    np.maximum.at(largest, losers, np.bincount(loser, common, len(geoms))[losers])
    pieces, index = _without_tails(pieces, index, largest[losers[index]] >= SMALL_M2)
    parent = losers[index]
    area = shapely.area(pieces)
    was_sliver = slivers(geoms[losers])[index]
    biggest = np.zeros(len(losers))
    np.maximum.at(biggest, index, area)
    thin = widths(pieces) < SLIVER_WIDTH_M
    shred = (thin | ((area < SLIVER_M2) & (area < biggest[index]))) & ~was_sliver
    keep = (area >= CRUMB_M2) & ~shred
    pieces, parent, index = pieces[keep], parent[keep], index[keep]
    left_m2 = np.bincount(index, shapely.area(pieces), len(losers))
    gone = left_m2 < REMNANT * shapely.area(geoms[losers])
    keep = ~gone[index]
    return pieces[keep], parent[keep], losers[gone]


def _without_tails(pieces: np.ndarray, index: np.ndarray, cut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts from the pieces marked what is narrower than 0.5 m for over a metre: the leavings of a cut along
    a side. Corners and straight sides keep their coordinates."""
    some = np.flatnonzero(cut)
    if not len(some):
        return pieces, index
    half = SLIVER_WIDTH_M / 2
    core = shapely.buffer(pieces[some], -half, join_style="mitre", mitre_limit=20)
    # a centimetre wider than before, so that only tails are cut and no side is touched
    wide = shapely.buffer(core, half + 0.01, join_style="mitre", mitre_limit=20)
    tails, failed = guarded(shapely.difference, pieces[some], wide)
    parts, owner = shapely.get_parts(tails, return_index=True)
    long = np.bincount(owner, shapely.length(parts) > 2.0, len(some)) > 0
    long &= ~failed & ~shapely.is_empty(core)
    if not long.any():
        return pieces, index
    shorn, failed = guarded(shapely.intersection, pieces[some[long]], wide[long])
    shorn[failed] = pieces[some[long][failed]]
    new, at = polygons(shorn)
    rest = np.ones(len(pieces), bool)
    rest[some[long]] = False
    pieces = np.concatenate([pieces[rest], new])
    index = np.concatenate([index[rest], index[some[long]][at]])
    order = np.argsort(index, kind="stable")
    return pieces[order], index[order]


def _bind(
    geoms: np.ndarray,
    pieces: np.ndarray,
    parent: np.ndarray,
    reason: np.ndarray,
    twin: np.ndarray,
    winner: np.ndarray,
    loser: np.ndarray,
    common: np.ndarray,
) -> Disjoint:
    n = len(geoms)
    untouched = reason == ""
    untouched[loser] = False
    whole = np.flatnonzero(untouched)
    pieces, parent = np.concatenate([geoms[whole], pieces]), np.concatenate([whole, parent])
    order = np.argsort(parent, kind="stable")
    pieces, parent = pieces[order], parent[order]
    area = shapely.area(geoms)
    removed_m2 = area - np.bincount(parent, shapely.area(pieces), n)
    removed_m2[whole] = 0.0
    removed = np.full(n, None, object)
    out = reason != ""
    removed[out] = geoms[out]
    cut = np.setdiff1d(loser, np.flatnonzero(out))
    if len(cut):
        mine = np.isin(parent, cut)
        at = np.searchsorted(cut, parent[mine])
        rest = shapely.multipolygons(pieces[mine], indices=at)
        removed[cut], _ = guarded(shapely.difference, geoms[cut], rest)
    return Disjoint(pieces, parent, reason, twin, winner, loser, common, removed, removed_m2)
