"""The defects that real parcel files have, put into the invented ones, a few per thousand of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.synthetic.layout import Floats, Ints, Layout, Placed, Rng

PER_THOUSAND = {
    "null_geometry": 0.5,
    "empty_geometry": 0.5,
    "bow_tie": 1.0,
    "duplicate_id": 1.0,
    "duplicate_shape": 1.0,
    "overlap_centimetres": 2.0,
    "overlap_metres": 1.0,
    "sliver": 1.0,
    "multipart": 1.0,
    "z": 1.0,
    "declared_area": 3.0,
    "out_of_county": 0.3,
    "outside_dem": 0.3,
}
"""How many of a thousand rows have it; duplicate_shape and sliver are rows of their own."""

ADDED = ("duplicate_shape", "sliver")


@dataclass(frozen=True)
class Marred:
    """Rows of a district after the damage: `of` names the sound row that each one came from."""

    of: Ints
    geometry: NDArray[np.object_]
    same_id_as: Ints  # row whose id it bears, -1: its own
    declared_factor: Floats  # 1: as measured
    moved_county: NDArray[np.bool_]
    rows: dict[str, Ints]  # kind: rows that have it, counted from 0 in this district


def quota(total: int) -> dict[str, int]:
    """How many rows of each kind a file of that many rows has: at least one of each."""
    return {kind: max(1, round(total * rate / 1000)) for kind, rate in PER_THOUSAND.items()}


def mar(
    rng: Rng, plan: Layout, place: Placed, geometry: NDArray[np.object_], wanted: dict[str, int]
) -> Marred:
    """Damage so many rows of a district, no row twice, none next to another along its row.

    A kind that finds no room left (a district of a few paddies) is made less often; `rows` says what was done.
    """
    n = len(geometry)
    out = geometry.copy()
    chosen = _choose(rng, plan, wanted)
    same_id_as = np.full(n, -1)
    factor = np.ones(n)
    moved = np.zeros(n, dtype=bool)

    out[chosen["null_geometry"]] = None
    out[chosen["empty_geometry"]] = shapely.Polygon()
    for i in chosen["bow_tie"]:
        c = place(plan.corners[i])
        out[i] = shapely.Polygon(c[[0, 2, 1, 3]])
    same_id_as[chosen["duplicate_id"]] = chosen["duplicate_id"] + 1
    for kind, metres in (("overlap_centimetres", 0.06), ("overlap_metres", 2.0)):
        for i in chosen[kind]:
            out[i] = _over(plan, place, int(i), metres * rng.uniform(0.7, 1.3))
    for i in chosen["multipart"]:
        out[i] = _halves(plan.corners[i], place)
    for i in chosen["z"]:
        out[i] = shapely.force_3d(geometry[i], 0.0)
    factor[chosen["declared_area"]] = (
        rng.choice([-1.0, 1.0], len(chosen["declared_area"]))
        * rng.uniform(0.08, 0.6, len(chosen["declared_area"]))
        + 1
    )
    moved[chosen["out_of_county"]] = True
    for k, i in enumerate(chosen["outside_dem"]):
        own = plan.corners[i] - plan.corners[i].mean(axis=0)
        own += np.array([-130.0, plan.frame[1] + 60 + 110.0 * k])
        out[i] = shapely.Polygon(place(own))

    added: list[shapely.Geometry] = []
    of: list[int] = []
    rows = {kind: some for kind, some in chosen.items() if kind not in ADDED}
    for kind in ADDED:
        rows[kind] = n + len(added) + np.arange(len(chosen[kind]))
        for i in chosen[kind]:
            added.append(geometry[i] if kind == "duplicate_shape" else _sliver(plan, place, int(i)))
            of.append(int(i))
    extra = np.empty(len(added), dtype=object)
    extra[:] = added
    more = len(added)
    return Marred(
        of=np.concatenate([np.arange(n), np.array(of, dtype=np.int64)]),
        geometry=np.concatenate([out, extra]),
        same_id_as=np.concatenate([same_id_as, np.full(more, -1)]),
        declared_factor=np.concatenate([factor, np.ones(more)]),
        moved_county=np.concatenate([moved, np.zeros(more, dtype=bool)]),
        rows=rows,
    )


def _choose(rng: Rng, plan: Layout, wanted: dict[str, int]) -> dict[str, Ints]:
    """Paddies of a usual size with a neighbour to their right in the row, at least four apart."""
    n = len(plan.row)
    at = np.arange(1, max(n - 2, 1), 4)
    at = at[at + 1 < n]
    wide = plan.corners[:, 1, 0] - plan.corners[:, 0, 0]
    tall = plan.corners[:, 3, 1] - plan.corners[:, 0, 1]
    plain = (wide > 8) & (wide < 58) & (tall > 8) & (tall < 75) & (plan.bent == 0).all(axis=1)
    good = at[(plan.row[at] == plan.row[at + 1]) & plain[at] & plain[at + 1]]
    good = rng.permutation(good)
    out, used = {}, 0
    for kind, count in wanted.items():
        out[kind] = np.sort(good[used : used + count])
        used += count
    return out


def _over(plan: Layout, place: Placed, i: int, metres: float) -> shapely.Polygon:
    """The paddy drawn so far to the right that it lies over its neighbour by that much."""
    c = plan.corners[i].copy()
    neighbour = plan.corners[i + 1]
    c[1, 0], c[2, 0] = neighbour[0, 0] + metres, neighbour[3, 0] + metres
    return shapely.Polygon(place(c))


def _halves(corners: Floats, place: Placed) -> shapely.MultiPolygon:
    """The paddy as one record of two parts, with a gap of 0.4 m between them."""
    c = corners
    middle_low, middle_high = (c[0] + c[1]) / 2, (c[3] + c[2]) / 2
    half = np.array([0.2, 0.0])
    left = np.array([c[0], middle_low - half, middle_high - half, c[3]])
    right = np.array([middle_low + half, c[1], c[2], middle_high + half])
    return shapely.MultiPolygon([shapely.Polygon(place(left)), shapely.Polygon(place(right))])


def _sliver(plan: Layout, place: Placed, i: int) -> shapely.Polygon:
    """A strip of 8 cm left over in the ridge between a paddy and the next."""
    a, b = plan.corners[i], plan.corners[i + 1]
    low, high = (a[1] + b[0]) / 2, (a[2] + b[3]) / 2
    half = np.array([0.04, 0.0])
    return shapely.Polygon(place(np.array([low - half, low + half, high + half, high - half])))
