"""Mends one geometry at a time: finite, polygonal, valid, flat, single, of few enough vertices."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import shapely
from shapely.errors import ShapelyError

MAX_COORDINATE_M = 1e8
"""No projected coordinate on earth reaches this, even with a zone prefix before the easting."""
MAX_EXTENT_M = 10_000.0
"""Wider than any field: a vertex was flung away."""
ASTRAY_M, ASTRAY_REST = 1_000.0, 0.1
"""A shape wider than so many metres that shrinks to such a part of its width without one vertex."""
MAX_VERTICES = 10_000
THINNING_M = 0.02
"""First tolerance of thinning; doubled until the vertices are few enough, up to 0.64 m."""
CRUMB_M2 = 1.0
"""Smaller pieces are no field and no part of one."""
ROWS = 100_000
"""Rows that are mended at a time: arrays of all corners of a whole city would take gigabytes."""
CHUNK = 20_000
"""Rows that one thread takes at a time: GEOS works outside the interpreter's lock."""


def guarded(op: Callable[..., np.ndarray], *arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """op over whole arrays; rows on which GEOS fails become None and are marked, the others keep theirs.

    Returns (result as object array of n, failed as bool array of n). Long arrays run on several threads.
    """
    n = len(arrays[0])
    if n <= CHUNK:
        return _guarded(op, *arrays)
    parts = [tuple(a[i : i + CHUNK] for a in arrays) for i in range(0, n, CHUNK)]
    with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as pool:
        done = list(pool.map(lambda part: _guarded(op, *part), parts))
    return np.concatenate([d[0] for d in done]), np.concatenate([d[1] for d in done])


def _guarded(op: Callable[..., np.ndarray], *arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = len(arrays[0])
    try:
        return np.asarray(op(*arrays), object).reshape(n), np.zeros(n, bool)
    except ShapelyError:
        if n == 1:
            return np.array([None], object), np.ones(1, bool)
    half = n // 2
    left, left_bad = _guarded(op, *(a[:half] for a in arrays))
    right, right_bad = _guarded(op, *(a[half:] for a in arrays))
    return np.concatenate([left, right]), np.concatenate([left_bad, right_bad])


def polygons(geoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every non-empty Polygon in the geometries, however deep in collections, and the row it came from."""
    kind = shapely.get_type_id(geoms)
    plain = np.flatnonzero((kind == 3) & ~shapely.is_empty(geoms))
    rest = np.flatnonzero(kind > 3)
    if not len(rest):
        return geoms[plain], plain
    parts, row = shapely.get_parts(geoms[rest], return_index=True)
    while (nested := shapely.get_type_id(parts) >= 4).any():
        inner, index = shapely.get_parts(parts[nested], return_index=True)
        parts, row = (
            np.concatenate([parts[~nested], inner]),
            np.concatenate([row[~nested], row[nested][index]]),
        )
        points = shapely.get_type_id(parts) == 0
        parts, row = parts[~points], row[~points]
    keep = (shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)
    parts, row = np.concatenate([geoms[plain], parts[keep]]), np.concatenate([plain, rest[row[keep]]])
    order = np.argsort(row, kind="stable")
    return parts[order], row[order]


def shape_keys(geoms: np.ndarray) -> np.ndarray:
    """int64[n] that sorts shapes whatever the order of rows: equal shapes have equal keys, from 0."""
    return pd.factorize(shapely.to_wkb(shapely.normalize(geoms)), sort=True)[0]


@dataclass(frozen=True)
class Mended:
    """What became of n raw geometries.

    pieces: k valid, flat, single Polygons; row: int64[k], the raw geometry each came from, ascending.
    refused: finding kind per raw geometry, "" where at least one piece came out of it.
    broken, joined, mixed, thinned, had_z: bool[n]; joined: broken only in that sound parts share an edge, as
    reprojecting leaves them. before_m2, after_m2: float[n], area as given and once mended.
    reason: what GEOS says of a broken geometry, "" elsewhere.
    """

    pieces: np.ndarray
    row: np.ndarray
    refused: np.ndarray
    broken: np.ndarray
    joined: np.ndarray
    mixed: np.ndarray
    thinned: np.ndarray
    had_z: np.ndarray
    before_m2: np.ndarray
    after_m2: np.ndarray
    reason: np.ndarray


def mend(geoms: np.ndarray) -> Mended:
    """Repairs each geometry on its own; nothing raises, what cannot be mended is refused by kind.

    Broken polygons go through make_valid(method="structure"): both lobes of a bow-tie stay, overlapping
    parts are joined, holes are cut; "linework" would make a hole where two parts overlap.
    """
    starts = range(0, max(len(geoms), 1), ROWS)
    parts = [_mend(geoms[i : i + ROWS]) for i in starts]
    bound = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Mended)}
    bound["row"] = np.concatenate([i + p.row for i, p in zip(starts, parts, strict=True)])
    return Mended(**bound)


def _mend(geoms: np.ndarray) -> Mended:
    """The same for a few of them."""
    geoms = np.array(geoms, object)
    n = len(geoms)
    refused = _refusals(geoms)
    had_z = (refused == "") & shapely.has_z(geoms)
    if had_z.any():
        geoms[had_z] = shapely.force_2d(geoms[had_z])
    good = np.flatnonzero(refused == "")
    kind = shapely.get_type_id(geoms)
    mixed = np.zeros(n, bool)
    mixed[good] = kind[good] == 7
    before = np.zeros(n)
    before[good] = shapely.area(geoms[good])
    broken = np.zeros(n, bool)
    broken[good] = ~shapely.is_valid(geoms[good])
    reason = np.full(n, "", object)
    bad = np.flatnonzero(broken)
    joined = np.zeros(n, bool)
    if len(bad):
        parts, owner = shapely.get_parts(geoms[bad], return_index=True)
        joined[bad] = np.bincount(owner, ~shapely.is_valid(parts), len(bad)) == 0
        reason[bad] = shapely.is_valid_reason(geoms[bad])
        geoms[bad], failed = _valid(geoms[bad])
        refused[bad[failed]] = "geometry_unmendable"
    thinned = _thin(geoms, np.flatnonzero(refused == ""))
    good = np.flatnonzero(refused == "")
    pieces, index = polygons(geoms[good])
    row = good[index]
    solid = shapely.area(pieces) > 0
    pieces, row = pieces[solid], row[solid]
    after = np.bincount(row, shapely.area(pieces), n)
    refused[(refused == "") & (after <= 0)] = "geometry_collapsed"
    joined &= np.abs(after - before) < CRUMB_M2
    return Mended(
        pieces, row, refused, broken & ~joined, joined, mixed, thinned, had_z, before, after, reason
    )


def _refusals(geoms: np.ndarray) -> np.ndarray:
    """The kind under which a geometry is left out before any mending; "" where it may be mended."""
    kind = shapely.get_type_id(geoms)
    refused = np.full(len(geoms), "", object)
    coordinates, owner = shapely.get_coordinates(geoms, return_index=True)
    finite = np.isfinite(coordinates).all(axis=1)
    far = finite & (np.abs(np.where(finite[:, None], coordinates, 0)) > MAX_COORDINATE_M).any(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        box = shapely.bounds(geoms)
        extent = np.fmax(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    refused[astray(geoms)] = "vertex_astray"
    refused[extent > MAX_EXTENT_M] = "too_large"
    refused[np.unique(owner[far])] = "coordinates_out_of_range"
    refused[np.unique(owner[~finite])] = "coordinates_not_finite"
    refused[~np.isin(kind, (3, 6, 7))] = "geometry_not_polygon"
    refused[shapely.is_empty(geoms)] = "geometry_empty"
    refused[kind == -1] = "geometry_missing"
    return refused


def astray(geoms: np.ndarray) -> np.ndarray:
    """bool[n]: one wrong vertex, as a flipped bit makes, drags the shape over the land."""
    out = np.zeros(len(geoms), bool)
    with np.errstate(invalid="ignore", over="ignore"):
        box = shapely.bounds(geoms)
        extent = np.fmax(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    wide = np.flatnonzero((extent > ASTRAY_M) & np.isfinite(extent))
    if not len(wide):
        return out
    coordinates, owner = shapely.get_coordinates(geoms[wide], return_index=True)
    table = pd.DataFrame({"owner": owner, "x": coordinates[:, 0], "y": coordinates[:, 1]})
    table = table.drop_duplicates()
    for axis in ("x", "y"):
        rest = table.sort_values(["owner", axis])
        groups = rest.groupby("owner", sort=True)
        for cut in (rest[groups.cumcount() > 0], rest[groups.cumcount(ascending=False) > 0]):
            span = cut.groupby("owner")[["x", "y"]].agg(["min", "max", "size"])
            width = np.fmax(span["x"]["max"] - span["x"]["min"], span["y"]["max"] - span["y"]["min"])
            # a triangle less a corner is a side: that says nothing
            small = (width < ASTRAY_REST * extent[wide][span.index]) & (span["x"]["size"] >= 3)
            out[wide[span.index[small.to_numpy(bool)]]] = True
    return out


def _valid(geoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Valid counterparts, and the mask of those on which GEOS fails."""
    mended, failed = guarded(lambda g: shapely.make_valid(g, method="structure", keep_collapsed=False), geoms)
    # a hole equal to its shell leaves nothing by structure, but an outline drawn twice by its lines
    gone = np.flatnonzero(failed | (shapely.area(mended) == 0))
    if len(gone):
        mended[gone], failed[gone] = guarded(lambda g: shapely.make_valid(g, method="linework"), geoms[gone])
    return mended, failed


def _thin(geoms: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Simplifies, in place, those of geoms[index] with too many vertices; returns which, bool[n]."""
    thinned = np.zeros(len(geoms), bool)
    many = index[shapely.get_num_coordinates(geoms[index]) > MAX_VERTICES]
    tolerance = THINNING_M
    while len(many) and tolerance <= 0.64:
        simple, failed = guarded(lambda g, t=tolerance: shapely.simplify(g, t), geoms[many])
        ok = ~failed & shapely.is_valid(simple) & (shapely.area(simple) > 0)
        fewer = ok & (shapely.get_num_coordinates(simple) < shapely.get_num_coordinates(geoms[many]))
        geoms[many[fewer]] = simple[fewer]
        thinned[many[fewer]] = True
        many = many[shapely.get_num_coordinates(geoms[many]) > MAX_VERTICES]
        tolerance *= 2
    return thinned
