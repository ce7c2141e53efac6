"""A district too large for one worker: its stretches are made into tracts that end at canals.

A stretch is cut off anywhere, through field units too. Each stretch tells its own units and which of its paddies
face one of another stretch; what hangs together across the cuts is joined, and every unit goes whole to the
stretch that holds most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo import datasets, files
from geo.crossing import crossing
from geo.datasets import Part
from geo.near import near
from geo.neighbours import field_units, neighbours
from planning.tasks import MARGIN_M, Brief, Piece, Progress, done, left_behind
from planning.tract import walls_of

Ints = npt.NDArray[np.int64]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Stretch:
    """Tell the field units of one stretch, and which of them go on in the stretches beside it."""

    brief: Brief
    part: Part
    beside: tuple[Part, ...]


def tell_units(task: Stretch, progress: Progress) -> dict[str, Any]:
    """Leave behind the unit of each parcel of a stretch, and the units that face a parcel of another one."""
    folder = task.brief.work / "stretches" / task.part.file.replace("/", "-")
    if (told := done(folder)) is not None:
        return told
    progress("neighbours", 0.0)
    parameters = task.brief.rules().parameters
    gap_m = parameters.ridge_max_gap_m.value
    own = datasets.read_part(task.brief.dataset, task.part)[["parcel_id", "geometry"]]
    frames = [own]
    for part in task.beside:
        frame = datasets.near(task.brief.dataset, part.file, task.part.bounds, 2 * gap_m)
        if frame is not None:
            frames.append(frame[["parcel_id", "geometry"]])
    both = pd.concat(frames, ignore_index=True)
    geoms = both.geometry.to_numpy()
    barriers = datasets.near(task.brief.dataset, datasets.BARRIERS, task.part.bounds, MARGIN_M)
    nb = neighbours(geoms, gap_m, parameters.min_facing_m.value)
    open_pair = ~crossing(nb, geoms, walls_of(barriers))
    left, right = nb.left[open_pair], nb.right[open_pair]
    n = len(own)
    inside = (left < n) & (right < n)
    unit = field_units(n, left[inside], right[inside])
    # pairs are sorted: a parcel of another stretch stands on the right
    out = (left < n) & (right >= n)
    facing = pd.DataFrame(
        {"unit": unit[left[out]], "parcel_id": both.parcel_id.to_numpy()[right[out]]}
    ).drop_duplicates()
    with left_behind(folder, {"units": int(unit.max(initial=-1)) + 1}) as beside:
        files.write_table(pd.DataFrame({"parcel_id": own.parcel_id, "unit": unit}), beside / "units.parquet")
        files.write_table(facing, beside / "facing.parquet")
    return {"units": int(unit.max(initial=-1)) + 1}


def stretches(brief: Brief, parts: Sequence[Part], gap_m: float) -> list[Stretch]:
    """The tasks for all stretches among the parts of a dataset."""
    some = [p for p in parts if p.stretch is not None]
    return [
        Stretch(brief, p, tuple(q for q in some if q.stretch == p.stretch and q != p and _close(p, q, gap_m)))
        for p in some
    ]


def pieces(brief: Brief, parts: Sequence[Part]) -> list[tuple[Piece, ...]]:
    """What each tract is made of, once `tell_units` is done for every stretch; in the order of the parts."""
    found: list[tuple[Piece, ...]] = []
    districts = {p.stretch for p in parts if p.stretch is not None}
    made = {d: iter(_of_district(brief, [p for p in parts if p.stretch == d])) for d in districts}
    for part in parts:
        some = (Piece(part),) if part.stretch is None else next(made[part.stretch])
        if some:
            found.append(some)
    return found


def _of_district(brief: Brief, parts: list[Part]) -> list[tuple[Piece, ...]]:
    folders = [brief.work / "stretches" / p.file.replace("/", "-") for p in parts]
    tables = [pd.read_parquet(folder / "units.parquet") for folder in folders]
    units = [int(t.unit.max()) + 1 for t in tables]
    first = np.cumsum([0, *units])
    # every unit of every stretch is a node; those that face each other across a cut are one unit
    where = pd.concat([t.assign(unit=t.unit + at) for t, at in zip(tables, first, strict=False)])
    node = where.set_index("parcel_id").unit
    ends = []
    for folder, at in zip(folders, first, strict=False):
        facing = pd.read_parquet(folder / "facing.parquet")
        ends.append(
            np.stack([facing.unit.to_numpy(np.int64) + at, node[facing.parcel_id].to_numpy(np.int64)])
        )
    left, right = np.concatenate(ends, axis=1)
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(first[-1], first[-1]))
    whole = connected_components(graph, directed=False)[1]
    rows = [whole[t.unit.to_numpy() + at] for t, at in zip(tables, first, strict=False)]
    held = np.stack([np.bincount(r, minlength=int(whole.max()) + 1) for r in rows])
    home = held.argmax(axis=0)
    return [
        tuple(
            Piece(part, np.flatnonzero(home[r] == i))
            for part, r in zip(parts, rows, strict=True)
            if (home[r] == i).any()
        )
        for i in range(len(parts))
    ]


@dataclass(frozen=True)
class Across:
    """Tell which nodes of two tracts of one district lie close together."""

    brief: Brief
    left: int
    right: int
    bounds: Bounds


def across(brief: Brief, tracts: Sequence[tuple[Piece, ...]], gap_m: float) -> list[Across]:
    """The tasks for all pairs of tracts of one large district that come near each other."""
    boxes = [_bounds(some) for some in tracts]
    of = [some[0].part.stretch for some in tracts]
    return [
        Across(brief, i, j, _meet(boxes[i], boxes[j], 2 * gap_m))
        for i in range(len(tracts))
        for j in range(i + 1, len(tracts))
        if of[i] is not None and of[i] == of[j] and _overlap(boxes[i], boxes[j], 2 * gap_m)
    ]


def tell_pairs(task: Across, progress: Progress) -> list[dict[str, Any]]:
    """Pairs of nodes of the two tracts: left_tract, left, right_tract, right, touching."""
    progress("sites", 0.0)
    gap_m = task.brief.rules().parameters.site_gap_m.value
    frames = []
    for number in (task.left, task.right):
        frame = gpd.read_parquet(task.brief.tract(number) / "blocks.parquet", bbox=task.bounds)
        frames.append(frame[frame.node >= 0])
    a, b = (frame.node.to_numpy(np.int64) for frame in frames)
    if not len(a) or not len(b):
        return []
    first = int(a.max()) + 1
    shapes = np.concatenate([frame.geometry.to_numpy() for frame in frames])
    owner = np.concatenate([a, b + first])
    same = np.zeros(len(owner), np.int64)
    left, right = near(shapes, owner, same, 2 * gap_m)
    close = set(zip(*(v.tolist() for v in near(shapes, owner, same, gap_m)), strict=True))
    return [
        {
            "left_tract": task.left,
            "left": p,
            "right_tract": task.right,
            "right": q - first,
            "touching": (p, q) in close,
        }
        for p, q in zip(left.tolist(), right.tolist(), strict=True)
        if p < first <= q
    ]


def _close(p: Part, q: Part, gap_m: float) -> bool:
    return _overlap(p.bounds, q.bounds, 2 * gap_m)


def _bounds(some: Sequence[Piece]) -> Bounds:
    boxes = np.array([p.part.bounds for p in some])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _overlap(a: Bounds, b: Bounds, margin: float) -> bool:
    return a[0] <= b[2] + margin and b[0] <= a[2] + margin and a[1] <= b[3] + margin and b[1] <= a[3] + margin


def _meet(a: Bounds, b: Bounds, margin: float) -> Bounds:
    """Where both come within the margin of each other."""
    return (
        max(a[0], b[0]) - margin,
        max(a[1], b[1]) - margin,
        min(a[2], b[2]) + margin,
        min(a[3], b[3]) + margin,
    )
