"""Makes parcels disjoint: duplicates and outlines are left out, what two share stays with one of them.

Nothing here looks at the order of rows: who gives way follows from shapes and ids alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from geo.apart import may_overlap
from geo.checking.mending import CRUMB_M2, guarded, polygons, shape_keys

NOISE_M2 = 1e-4
"""Common area below this is the rounding of coordinates (1e-9 m along a kilometre of side is 1e-6 m2)."""
SAME = 0.95
"""Two parcels that share more than this part of both are one parcel drawn twice."""
REMNANT = 0.05
"""A parcel of which less than this is left after trimming is left out whole."""
OUTLINE_PARCELS, OUTLINE_SHARE = 3, 0.5
"""So many whole parcels under it, together so much of its area, make a shape an outline and no paddy."""
SLIVER_M2, SLIVER_WIDTH_M = 50.0, 0.5
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
USELESS_WIDTH_M = 0.2
"""Narrower than any ridge, let alone a paddy: a gap in the drawing."""
SMALL_M2 = 1.0
"""Overlaps under this come of drawing and reprojecting, not of a dispute about land."""


def widths(geoms: np.ndarray) -> np.ndarray:
    """Mean width of a long shape, m: twice its area by its perimeter; float[n]."""
    length = shapely.length(geoms)
    return 2 * shapely.area(geoms) / np.where(length > 0, length, np.inf)


def slivers(geoms: np.ndarray) -> np.ndarray:
    """bool[n]: under 50 m2 or narrower than 0.5 m on the mean."""
    return (shapely.area(geoms) < SLIVER_M2) | (widths(geoms) < SLIVER_WIDTH_M)


def useless(geoms: np.ndarray) -> np.ndarray:
    """bool[n]: under 1 m2 or narrower than 0.2 m on the mean; no field, and in the way of its neighbours."""
    return (shapely.area(geoms) < CRUMB_M2) | (widths(geoms) < USELESS_WIDTH_M)


@dataclass(frozen=True)
class Pairs:
    """m overlapping pairs: int64[m] each side, the common part and its area in m2."""

    left: np.ndarray
    right: np.ndarray
    shape: np.ndarray
    m2: np.ndarray

    def where(self, keep: np.ndarray) -> Pairs:
        """The pairs that the mask keeps."""
        return Pairs(self.left[keep], self.right[keep], self.shape[keep], self.m2[keep])


@dataclass(frozen=True)
class Disjoint:
    """n valid single Polygons made disjoint.

    pieces: k Polygons; parent: int64[k], the polygon each is the rest of, ascending.
    reason: per polygon why it is left out whole ("same_shape", "outline", "covered"), "" where pieces remain.
    twin: int64[n], for "same_shape" the polygon that stays instead, else -1.
    pairs: the overlaps that were cut; right lost the common part to left.
    removed: what each polygon lost, None where nothing; removed_m2: float[n].
    """

    pieces: np.ndarray
    parent: np.ndarray
    reason: np.ndarray
    twin: np.ndarray
    pairs: Pairs
    removed: np.ndarray
    removed_m2: np.ndarray


def separate(geoms: np.ndarray, ids: pd.Series) -> Disjoint:
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
    found = overlapping(geoms[alive])
    pairs = Pairs(alive[found.left], alive[found.right], found.shape, found.m2)

    same = (pairs.m2 > SAME * area[pairs.left]) & (pairs.m2 > SAME * area[pairs.right])
    if same.any():
        left, right = pairs.left[same], pairs.right[same]
        _drop_twins(twin, left, right, _order(geoms, ids, left, right, by_area=False))
    reason[twin >= 0] = "same_shape"
    pairs = pairs.where((reason[pairs.left] == "") & (reason[pairs.right] == ""))

    inner, outer = np.concatenate([pairs.left, pairs.right]), np.concatenate([pairs.right, pairs.left])
    common = np.concatenate([pairs.m2, pairs.m2])
    whole = (common > SAME * area[inner]) & (area[inner] < area[outer])
    count = np.bincount(outer[whole], minlength=n)
    share = np.bincount(outer[whole], common[whole], n) / np.maximum(area, 1e-12)
    reason[(count >= OUTLINE_PARCELS) & (share >= OUTLINE_SHARE)] = "outline"
    pairs = pairs.where((reason[pairs.left] == "") & (reason[pairs.right] == ""))
    if not len(pairs.left):
        return _bind(geoms, geoms[:0], alive[:0], reason, twin, pairs)

    order = _order(geoms, ids, pairs.left, pairs.right, by_area=True)
    swap = order[pairs.left] > order[pairs.right]
    winner, loser = np.where(swap, pairs.right, pairs.left), np.where(swap, pairs.left, pairs.right)
    pairs = Pairs(winner, loser, pairs.shape, pairs.m2)
    pieces, parent, gone = _trim(geoms, pairs, order)
    reason[gone] = "covered"
    return _bind(geoms, pieces, parent, reason, twin, pairs)


def overlapping(geoms: np.ndarray) -> Pairs:
    """Pairs that share more than rounding, the smaller on the left."""
    left, right = may_overlap(geoms, NOISE_M2)
    # the smaller first: the last digits of a common area depend on which comes first
    area = shapely.area(geoms)
    turn = area[left] > area[right]
    left, right = np.where(turn, right, left), np.where(turn, left, right)
    shape, _ = guarded(shapely.intersection, geoms[left], geoms[right])
    m2 = np.nan_to_num(shapely.area(shape))
    return Pairs(left, right, shape, m2).where(m2 > NOISE_M2)


def _order(
    geoms: np.ndarray, ids: pd.Series, left: np.ndarray, right: np.ndarray, *, by_area: bool
) -> np.ndarray:
    """int64[n]: precedence, lower first, of the polygons named in the pairs (others: 0)."""
    some = np.unique(np.concatenate([left, right]))
    order = np.zeros(len(geoms), np.int64)
    shapes = geoms[some]
    keys: list[np.ndarray] = [shape_keys(shapes), pd.factorize(ids.iloc[some], sort=True)[0]]
    if by_area:
        keys += [shapely.area(shapes), slivers(shapes)]
    order[some[np.lexsort(keys)]] = np.arange(len(some))
    return order


def _repeated(geoms: np.ndarray, ids: pd.Series) -> np.ndarray:
    """int64[n]: for a shape that is drawn again exactly, the one with the smallest id, else -1.

    Apart from the pairs, since a file appended to itself many times would make very many of them.
    """
    twin = np.full(len(geoms), -1, np.int64)
    # boxes as one number each: what is drawn again has the same, and few others have
    number = np.zeros(len(geoms), np.uint64)
    for value in (*shapely.bounds(geoms).T, shapely.area(geoms)):
        number = number * _FACTOR + np.round(value * 1000).astype(np.int64).view(np.uint64)
    some = np.flatnonzero(pd.Series(number).duplicated(keep=False))
    if not len(some):
        return twin
    key, name = shape_keys(geoms[some]), pd.factorize(ids.iloc[some], sort=True)[0]
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


def _trim(geoms: np.ndarray, pairs: Pairs, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Takes from each right all its lefts; returns (pieces, parent, those of whom nothing is left)."""
    losers, count = np.unique(pairs.right, return_counts=True)
    # by precedence, since the last digits of a union depend on the order of its members
    winners = pairs.left[np.lexsort((order[pairs.left], pairs.right))]
    start = np.concatenate([[0], np.cumsum(count)])
    rest = np.empty(len(losers), object)
    for c in np.unique(count):
        some = np.flatnonzero(count == c)
        cover = geoms[winners[start[some][:, None] + np.arange(c)]]
        rest[some], failed = guarded(_difference, geoms[losers[some]], *cover.T)
        rest[some[failed]] = shapely.Polygon()
    pieces, index = polygons(rest)
    lost = np.bincount(pairs.right, pairs.m2, len(geoms))
    pieces, index = _without_tails(pieces, index, lost[losers[index]] >= SMALL_M2)
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


def _difference(geoms: np.ndarray, *covers: np.ndarray) -> np.ndarray:
    cover = covers[0] if len(covers) == 1 else shapely.union_all(np.column_stack(covers), axis=1)
    return shapely.difference(geoms, cover)


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
    pairs: Pairs,
) -> Disjoint:
    """Puts the trimmed beside the untouched, and says what each polygon lost."""
    n = len(geoms)
    untouched = reason == ""
    untouched[pairs.right] = False
    whole = np.flatnonzero(untouched)
    pieces, parent = np.concatenate([geoms[whole], pieces]), np.concatenate([whole, parent])
    order = np.argsort(parent, kind="stable")
    pieces, parent = pieces[order], parent[order]
    removed_m2 = shapely.area(geoms) - np.bincount(parent, shapely.area(pieces), n)
    removed_m2[whole] = 0.0
    removed = np.full(n, None, object)
    removed[pairs.right] = pairs.shape
    # the one common part is not all that went where there are several, or shreds went with it
    more = np.bincount(pairs.right, minlength=n) > 1
    more |= np.abs(removed_m2 - np.bincount(pairs.right, pairs.m2, n)) > NOISE_M2
    out = reason != ""
    removed[out] = geoms[out]
    cut = np.intersect1d(pairs.right, np.flatnonzero(more & ~out))
    if len(cut):
        mine = np.isin(parent, cut)
        rest = shapely.multipolygons(pieces[mine], indices=np.searchsorted(cut, parent[mine]))
        removed[cut], _ = guarded(shapely.difference, geoms[cut], rest)
    return Disjoint(pieces, parent, reason, twin, pairs, removed, removed_m2)
