"""The outline of each block: its parcels and the ridges that fall away between them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import boxes, tracing
from geo.compiled import kernel
from geo.neighbours import Neighbours
from geo.rings import rings

Shapes = NDArray[np.object_]
Open = Callable[[Shapes, NDArray[np.integer]], NDArray[np.bool_]]
"""Which of some holes stay open, given the block round each."""

_POLYGON = shapely.GeometryType.POLYGON

_INTO_M = 1e-3
"""Ridges are carried this far into both parcels: what meets only to rounding then meets for certain."""

_STRAIGHT_M = 1e-6
"""Corners this near the line through their neighbours are none."""

_SPECK_M2 = 1e-3
"""Less ground than this is rounding, m²."""

_GROUP = 2000
"""Blocks united in one go; enough for a thread to be worth its start."""

_SNAPS_M = (0.01, 0.1, 0.5, 1.0)
"""How far parts of one block are closed up, least first, where the ground between does not join them."""


def outlines(
    geoms: Shapes,
    labels: NDArray[np.integer],
    nb: Neighbours,
    removable: NDArray[np.bool_] | None = None,
    ridge_m: float = 1.5,
) -> Shapes:
    """The polygon of each block, object[labels.max() + 1]: its parcels and the ridges inside it.

    geoms: disjoint Polygons in projected metres, as given to neighbours; labels: int[n], the block of each
    parcel from 0, -1 for none; removable: bool[m], pairs whose ridge may go (all of them where None);
    ridge_m: widest ridge. Blocks are disjoint from each other and from every parcel outside them. A block of
    one parcel is that parcel; a label without parcels is None. Holes stay where they hold a parcel of
    another block, a ridge that may not go, or more ground than a ridge takes. A block whose parcels no ridge
    joins stays in parts.
    """
    shapes = np.asarray(geoms, dtype=object)
    labels = np.asarray(labels)
    n = int(labels.max(initial=-1)) + 1
    out = np.full(n, None, dtype=object)
    inside = np.flatnonzero(labels >= 0)
    several = np.bincount(labels[inside], minlength=n)[labels[inside]] > 1
    alone, rows = inside[~several], inside[several]
    out[labels[alone]] = shapes[alone]
    if len(rows) == 0:
        return out
    used = np.zeros(n, bool)
    used[labels[rows]] = True
    joined, block = np.flatnonzero(used), (np.cumsum(used) - 1)[labels[rows]]
    order = np.argsort(block, kind="stable")
    rows, block = rows[order], block[order]
    same = (labels[nb.left] == labels[nb.right]) & (labels[nb.left] >= 0)
    goes = same if removable is None else same & removable
    shut = nb.quads[(same & ~goes)[nb.quad_pair]].mean(axis=1)
    kept = goes[nb.quad_pair]
    quads, pair = nb.quads[kept], nb.quad_pair[kept]
    place = np.full(len(shapes), -1)
    place[rows] = np.arange(len(rows))
    left, right = place[nb.left[pair]], place[nb.right[pair]]
    quad_block = block[left]

    def open_(holes: Shapes, of: NDArray[np.integer]) -> NDArray[np.bool_]:
        return _is_open(holes, joined[of], shapes, labels, shut, ridge_m)

    united = _walked(shapes[rows], block, quads, left, right, open_)
    hard = np.flatnonzero(shapely.is_missing(united))
    if len(hard):
        mine, ours = np.isin(block, hard), np.isin(quad_block, hard)
        united[hard] = _overlaid(
            np.concatenate([shapes[rows[mine]], _ground(quads[ours])]),
            np.searchsorted(hard, np.concatenate([block[mine], quad_block[ours]])),
            lambda holes, of: open_(holes, hard[of]),
        )
    for i, j in clashes(
        quads, quad_block
    ):  # where the ridges of two blocks cross, the first keeps the ground
        i, j = (i, j) if quad_block[i] < quad_block[j] else (j, i)
        united[quad_block[j]] = shapely.difference(united[quad_block[j]], _ground(quads[[i]])[0])
    out[joined] = united
    return out


def _walked(
    shapes: Shapes,
    block: NDArray[np.integer],
    quads: NDArray[np.float64],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    open_: Open,
) -> Shapes:
    """Outlines by walking round each block; None where that does not end in one sound polygon.

    shapes: the parcels, those of one block (0, 1, …) together; left, right: the parcel of either side of quads.
    """
    parcels = rings(shapes)
    n = int(block[-1]) + 1
    points, at, of, area, bad = tracing.walks(
        tracing.oriented(parcels.coords, parcels.at, parcels.hole),
        parcels.at,
        parcels.polygon,
        block,
        quads,
        left,
        right,
        n,
    )
    points, at, left_over = corners(points, at, _STRAIGHT_M)
    of, area = of[left_over], area[left_over]
    outer = area > _SPECK_M2
    bad |= np.bincount(of[outer], minlength=n) != 1
    inner = np.flatnonzero((area < 0) & ~bad[of])
    stays = outer & ~bad[of]
    if len(inner):
        count = at[inner + 1] - at[inner]
        first = np.concatenate([[0], np.cumsum(count)])
        take = np.arange(first[-1]) + np.repeat(at[inner] - first[:-1], count)
        holes = shapely.from_ragged_array(_POLYGON, points[take], (first, np.arange(len(inner) + 1)))
        stays[inner] = open_(holes, of[inner])
    kept = np.flatnonzero(stays)
    kept = kept[np.lexsort((area[kept] < 0, of[kept]))]
    count = at[kept + 1] - at[kept]
    first = np.concatenate([[0], np.cumsum(count)])
    take = np.arange(first[-1]) + np.repeat(at[kept] - first[:-1], count)
    good = np.flatnonzero(~bad)
    polygons = shapely.from_ragged_array(
        _POLYGON, points[take], (first, _starts(of[kept], n)[np.append(good, n)])
    )
    own = np.bincount(block, shapely.area(shapes), n)[good]
    sound = shapely.is_valid(polygons) & (shapely.area(polygons) >= own - 1e-3)
    out = np.full(n, None, dtype=object)
    out[good[sound]] = polygons[sound]
    return out


def _starts(index: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Where each of n things begins among items of which index, ascending, says whose they are; int64[n + 1]."""
    at = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(index, minlength=n), out=at[1:])
    return at


def _overlaid(pieces: Shapes, block: NDArray[np.integer], open_: Open) -> Shapes:
    """Outlines by uniting parcels and ridges, block by block: slower, and sure."""
    order = np.argsort(block, kind="stable")
    united = _in_groups(_unite, shapely.geometrycollections(pieces[order], indices=block[order]))
    parts, part_of = shapely.get_parts(united, return_index=True)
    return _one_part(_tidied(parts, part_of, open_), part_of, len(united))


def _ground(quads: NDArray[np.float64]) -> Shapes:
    """Ridge pieces as polygons that reach a little into the parcels on either side.

    The corners themselves stay where they are, so that outlines run exactly from corner to corner.
    """
    corner = [quads[:, v] for v in range(4)]
    ring = [corner[0], *_inside(corner[0], corner[1]), corner[1], corner[2], *_inside(corner[2], corner[3])]
    ring += [corner[3], corner[0]]
    ground: Shapes = shapely.polygons(np.stack(ring, axis=1))
    broken = ~shapely.is_valid(ground)
    if broken.any():  # sides that cross each other a little: parcels drawn over one another
        ground[broken] = shapely.make_valid(ground[broken], method="structure")
    return ground


def _inside(
    start: NDArray[np.float64], stop: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two points just inside a parcel that lies to the left of its side from start to stop."""
    side = stop - start
    long = np.maximum(np.hypot(side[:, 0], side[:, 1]), 1e-12)[:, None]
    along = side / long
    inward = np.column_stack([-along[:, 1], along[:, 0]]) * _INTO_M
    back = along * np.minimum(_INTO_M, long / 4)  # off the corner, which may be sharp
    return start + inward + back, stop + inward - back


def _in_groups(work: Callable[[Shapes], Shapes], shapes: Shapes) -> Shapes:
    """work(shapes) in order, on as many threads as there are cores; shapely lets them run side by side."""
    parts = [shapes[i : i + _GROUP] for i in range(0, len(shapes), _GROUP)]
    if len(parts) < 2:
        return work(shapes)
    with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as pool:
        return np.concatenate(list(pool.map(work, parts)))


def _unite(collections: Shapes) -> Shapes:
    united: Shapes = shapely.union_all(collections[:, None], axis=1)
    return united


def _tidied(parts: Shapes, block: NDArray[np.integer], open_: Open) -> Shapes:
    """Polygons without the holes where ridges cross, and without corners on straight sides."""
    every, ring_part = shapely.get_rings(parts, return_index=True)
    hole = np.zeros(len(every), bool)
    hole[1:] = ring_part[1:] == ring_part[:-1]
    stays = ~hole
    if hole.any():
        stays[hole] = open_(shapely.polygons(every[hole]), block[ring_part[hole]])
    every, ring_part = every[stays], ring_part[stays]
    coords, ring_of = shapely.get_coordinates(every, return_index=True)
    coords, at, left = corners(coords, _starts(ring_of, len(every)), _STRAIGHT_M)
    tidy: Shapes = shapely.from_ragged_array(_POLYGON, coords, (at, _starts(ring_part[left], len(parts))))
    bad = ~shapely.is_valid(tidy)
    tidy[bad] = shapely.make_valid(tidy[bad], method="structure")
    return tidy


def _is_open(
    holes: Shapes,
    label: NDArray[np.integer],
    shapes: Shapes,
    labels: NDArray[np.integer],
    shut: NDArray[np.float64],
    ridge_m: float,
) -> NDArray[np.bool_]:
    """Which holes stay: wider than a ridge, or with another block's or nobody's parcel in them, or a shut ridge.

    label: the block round each hole; shut: float64[k, 2], middles of the ridges that may not go.
    """
    stays = 2 * shapely.area(holes) > ridge_m * shapely.length(holes)
    small = np.flatnonzero(~stays)
    hole, parcel = boxes.meeting(shapely.bounds(holes[small]), shapely.bounds(shapes))
    other = labels[parcel] != label[small[hole]]
    hole, parcel = small[hole[other]], parcel[other]
    held = shapely.area(shapely.intersection(holes[hole], shapes[parcel]))
    stays[hole[held > _STRAIGHT_M * shapely.length(holes[hole])]] = True
    if len(shut):
        stays[shapely.STRtree(holes).query(shapely.points(shut), predicate="within")[1]] = True
    return stays


@kernel
def corners(coords, at, straight):
    """Closed rings without the corners that lie within straight (m) of the line through their neighbours.

    coords: float64[k, 2]; at: int64[rings + 1], where each ring begins. Returns the same for what is left,
    and which rings are left (those with an area), int64.
    """
    out = np.empty_like(coords)
    out_at, left = np.zeros(len(at), np.int64), np.empty(len(at), np.int64)
    total, rings = 0, 0
    for r in range(len(at) - 1):
        first, n = at[r], at[r + 1] - at[r] - 1
        start = 0  # the corner farthest left, lowest of those: never on a straight side
        for i in range(1, n):
            dx = coords[first + i, 0] - coords[first + start, 0]
            if dx < 0 or (dx == 0 and coords[first + i, 1] < coords[first + start, 1]):
                start = i
        base = total
        for i in range(n + 1):
            x, y = coords[first + (start + i) % n, 0], coords[first + (start + i) % n, 1]
            while total - base >= 1:
                bx, by = out[total - 1, 0], out[total - 1, 1]
                if np.hypot(x - bx, y - by) <= straight and total - base >= 2:
                    total -= 1
                    continue
                if total - base < 2:
                    break
                ax, ay = out[total - 2, 0], out[total - 2, 1]
                long = np.hypot(x - ax, y - ay)
                if long > straight and abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > straight * long:
                    break
                total -= 1
            out[total, 0], out[total, 1] = x, y
            total += 1
        if total - base < 4:
            total = base
            continue
        left[rings] = r
        rings += 1
        out_at[rings] = total
    return out[:total], out_at[: rings + 1], left[:rings]


def _one_part(parts: Shapes, part_of: NDArray[np.integer], n: int) -> Shapes:
    """One polygon a block; parts that all but touch are closed up by as little as it takes."""
    united = np.full(n, None, dtype=object)
    united[part_of] = parts
    for block in np.flatnonzero(np.bincount(part_of, minlength=n) > 1):
        mine = shapely.union_all(parts[part_of == block])
        for snap in _SNAPS_M:
            grown = shapely.buffer(mine, snap, join_style="mitre", quad_segs=2)
            between = shapely.get_parts(
                shapely.difference(shapely.buffer(grown, -snap, join_style="mitre", quad_segs=2), mine)
            )
            whole = shapely.union_all([mine, *between], grid_size=_STRAIGHT_M)
            if shapely.get_num_geometries(whole) == 1:
                mine = whole
                break
        united[block] = mine
    return united


@kernel
def clashes(quads, block):
    """Pairs of quads of different blocks that overlap, each once: int64[pairs, 2]."""
    n = len(quads)
    box = np.empty((n, 4))
    for q in range(n):
        for axis in range(2):
            box[q, axis], box[q, axis + 2] = quads[q, 0, axis], quads[q, 0, axis]
            for v in range(1, 4):
                box[q, axis] = min(box[q, axis], quads[q, v, axis])
                box[q, axis + 2] = max(box[q, axis + 2], quads[q, v, axis])
    cells = boxes.grid(box)
    seen, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    pairs, count = np.empty((64, 2), np.int64), 0
    for q in range(n):
        k = boxes.near(q, box[q, 0], box[q, 1], box[q, 2], box[q, 3], box, cells, seen, found)
        for f in range(k):
            p = found[f]
            if p <= q or block[p] == block[q]:
                continue
            if _overlap(quads[q], quads[p]) and _overlap(quads[p], quads[q]):
                if count == len(pairs):
                    pairs = np.concatenate((pairs, pairs))
                pairs[count, 0], pairs[count, 1] = q, p
                count += 1
    return pairs[:count]


@kernel
def _overlap(a, b):
    """False where a side of quad a, taken as a line, has b on its other side."""
    x, y = 0.25 * (a[0, 0] + a[1, 0] + a[2, 0] + a[3, 0]), 0.25 * (a[0, 1] + a[1, 1] + a[2, 1] + a[3, 1])
    for v in range(4):
        ex, ey = a[(v + 1) % 4, 0] - a[v, 0], a[(v + 1) % 4, 1] - a[v, 1]
        long = np.sqrt(ex * ex + ey * ey)
        if long < 1e-9:
            continue
        inner, outer = 0.0, np.inf
        sign = 1.0 if (x - a[v, 0]) * ey - (y - a[v, 1]) * ex >= 0 else -1.0
        for w in range(4):
            inner = max(inner, sign * ((a[w, 0] - a[v, 0]) * ey - (a[w, 1] - a[v, 1]) * ex) / long)
            outer = min(outer, -sign * ((b[w, 0] - a[v, 0]) * ey - (b[w, 1] - a[v, 1]) * ex) / long)
        if outer >= -1e-6 or inner <= 1e-6:
            return False
    return True
