"""A plan beside the conventional layout of the same ground: fixed rectangles of equal size along each unit's sides.

    python -m bench.practice PLAN_DIR [PLAN_DIR ...] [--json]

The conventional layout divides a field unit evenly into rectangles, two to one, long side along the unit, each as
large as the plan's mean block there, without a look at the levels; what is left of a rectangle at the rim and falls
short of the smallest block of the plan goes to the neighbour. Both layouts level the same ground: the parcels
that the plan joined. The plan's blocks keep to parcels, so theirs are whole; a rectangle cuts through them.
Published for comparison: 21.0–27.1 % less earth by layouts along the contour than by conventional ones (three
districts, Korea 2003), 33.4 % less haul cost by a transportation model than by practice (Beijing 2010).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from geo import plans
from geo.frames import directions
from geo.schemas import MU_M2
from planning.cost import levelling
from planning.earthwork import hauls

Floats = npt.NDArray[np.float64]
TWO_TO_ONE = 2.0


def figures(
    label: npt.NDArray[np.int64], area_m2: Floats, level_m: Floats, x_m: Floats, y_m: Floats
) -> dict[str, float]:
    """Cut m³/mu, mean haul m and haul m³·m/mu of a layout; pieces of ground with label -1 take no part."""
    n = int(label.max()) + 1
    design, cut = levelling(area_m2, level_m, label, n)
    moved = hauls(label, area_m2, level_m, design, x_m, y_m).of_blocks(n).sum()
    mu = area_m2[label >= 0].sum() / MU_M2
    return {"blocks": n, "mean_mu": mu / n, "cut_m3_per_mu": cut.sum() / mu, "haul_m3m_per_mu": moved / mu,
            "haul_m": moved / cut.sum()}  # fmt: skip


def rectangles(
    parcels: gpd.GeoDataFrame, size_mu: Floats, least_mu: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """The conventional layout of parcels: rectangle and parcel row of each piece of ground, and its shape.

    size_mu: float64[units], the size of a rectangle in each field unit (0..units-1 in `unit`).
    """
    unit = parcels["unit"].to_numpy()
    geoms = parcels.geometry.to_numpy()
    angle = directions(geoms, unit)
    boxes, of_unit, grid = [], [], []
    for u, rows in parcels.groupby("unit").indices.items():
        shapes = geoms[rows]
        turned = _turn(shapes, -angle[u])
        u0, v0, u1, v1 = shapely.total_bounds(turned)
        wide, high = np.sqrt(size_mu[u] * MU_M2 * TWO_TO_ONE), np.sqrt(size_mu[u] * MU_M2 / TWO_TO_ONE)
        if v1 - v0 > u1 - u0:
            wide, high = high, wide
        nu, nv = max(1, round((u1 - u0) / wide)), max(1, round((v1 - v0) / high))
        du, dv = (u1 - u0) / nu, (v1 - v0) / nv
        i, j = (a.ravel() for a in np.meshgrid(np.arange(nu), np.arange(nv), indexing="ij"))
        cells = shapely.box(u0 + i * du, v0 + j * dv, u0 + (i + 1) * du, v0 + (j + 1) * dv)
        boxes.append(_turn(cells, angle[u]))
        of_unit.append(np.full(len(i), u))
        grid.append(np.column_stack([i, j]))
    shapes, of, at = np.concatenate(boxes), np.concatenate(of_unit), np.concatenate(grid)
    row, box = shapely.STRtree(shapes).query(geoms, predicate="intersects")
    mine = of[box] == unit[row]
    row, box = row[mine], box[mine]
    piece = shapely.intersection(geoms[row], shapes[box])
    some = shapely.area(piece) > 1e-3
    row, box, piece = row[some], box[some], piece[some]
    area = np.bincount(box, shapely.area(piece), len(shapes)) / MU_M2
    home = _grouped(area, of, at, least_mu)
    return pd.factorize(home[box])[0].astype(np.int64), row, piece


def _turn(shapes: npt.NDArray[np.object_], angle: float) -> npt.NDArray[np.object_]:
    c, s = np.cos(angle), np.sin(angle)
    return shapely.transform(shapes, lambda xy: xy @ np.array([[c, s], [-s, c]]))


def _grouped(
    area_mu: Floats, of: npt.NDArray[np.int64], at: npt.NDArray[np.int64], least_mu: float
) -> npt.NDArray[np.int64]:
    """The rectangle that each rectangle goes to: itself, or the largest neighbour where it is too small."""
    place = {(u, i, j): k for k, (u, (i, j)) in enumerate(zip(of.tolist(), at.tolist(), strict=True))}
    home = np.arange(len(area_mu))
    area = area_mu.copy()
    for k in np.argsort(area_mu, kind="stable"):
        if not 0 < area[k] < least_mu:
            continue
        u, (i, j) = of[k], at[k]
        near = [place.get((u, i + di, j + dj)) for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1))]
        homes = [h for n in near if n is not None and (h := home[n]) != k and area[h] > 0]
        if homes:
            to = max(homes, key=lambda h: area[h])
            area[to] += area[k]
            area[k] = 0.0
            home[home == k] = to
    return home


def compare(plan: plans.Plan) -> dict[str, dict[str, float]]:
    """Figures of the plan and of the conventional layout, and how much less the plan's are (0.3: 30 % less)."""
    joined = plan.parcels[plan.parcels.block_id.notna() & plan.parcels.elevation_m.notna()].reset_index(
        drop=True
    )
    joined["unit"] = pd.factorize(joined.field_unit)[0]
    block = pd.factorize(joined.block_id)[0].astype(np.int64)
    level, area = joined.elevation_m.to_numpy(float), joined.area_mu.to_numpy(float) * MU_M2
    middle = shapely.centroid(joined.geometry.to_numpy())
    ours = figures(block, area, level, shapely.get_x(middle), shapely.get_y(middle))
    sizes = joined.groupby("unit").agg(mu=("area_mu", "sum"), blocks=("block_id", "nunique"))
    least = float(joined.groupby("block_id").area_mu.sum().min())
    label, row, piece = rectangles(joined, (sizes.mu / sizes.blocks).to_numpy(), least)
    middle = shapely.centroid(piece)
    usual = figures(label, shapely.area(piece), level[row], shapely.get_x(middle), shapely.get_y(middle))
    less = {name: 1 - ours[name] / usual[name] for name in ("cut_m3_per_mu", "haul_m3m_per_mu", "haul_m")}
    return {"plan": ours, "rectangles": usual, "less": less}


def main() -> None:
    names = [a for a in sys.argv[1:] if a != "--json"]
    found = {Path(name).name: compare(plans.read(Path(name))) for name in names}
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    print(
        "plan | blocks, mean mu | rectangles, mean mu | cut m³/mu: plan, rectangles, less | haul m³·m/mu: plan, rectangles, less"
    )
    for name, f in found.items():
        ours, usual, less = f["plan"], f["rectangles"], f["less"]
        print(
            f"{name} | {ours['blocks']} {ours['mean_mu']:.1f} | {usual['blocks']} {usual['mean_mu']:.1f} | "
            f"{ours['cut_m3_per_mu']:.1f} {usual['cut_m3_per_mu']:.1f} {less['cut_m3_per_mu']:.1%} | "
            f"{ours['haul_m3m_per_mu']:.0f} {usual['haul_m3m_per_mu']:.0f} {less['haul_m3m_per_mu']:.1%}"
        )


if __name__ == "__main__":
    main()
