"""Where parcels lie: in which county, how far from the one they name, and whether the DEM covers them."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from geo.checking.findings import Book
from geo.rings import centroids

COUNTY_TOLERANCE_M = 2000.0
"""The bundled boundaries are simplified: nearer than this to its county a parcel is taken to lie in it."""
FAR_M = 50_000.0
"""Where everything lies farther than this from its county, the county was given for its rules, not its place."""
BARRIERS_AWAY_M = 1000.0
TILE = 1024
"""Side of the squares in which a raster is looked at, cells: a large one is never read whole."""
METRES_PER_DEGREE = 111_320.0
EARTH_M = 2e7
"""Half way round: the distance of what the projection cannot place."""


def inner_points(geoms: np.ndarray) -> np.ndarray:
    """A point inside each polygon, float64[n, 2]: the centroid where it lies inside."""
    points = centroids(geoms)
    outside = np.flatnonzero(~shapely.contains_xy(geoms, points[:, 0], points[:, 1]))
    points[outside] = shapely.get_coordinates(shapely.point_on_surface(geoms[outside]))
    return points


def lonlat(points: np.ndarray, crs: pyproj.CRS) -> np.ndarray:
    """The points in degrees of CGCS2000 (EPSG:4490), float64[n, 2]; within a metre or two for other datums."""
    to = pyproj.Transformer.from_crs(crs, 4490, always_xy=True)
    return np.column_stack(to.transform(points[:, 0], points[:, 1]))


def counties_of(points: np.ndarray, counties: gpd.GeoDataFrame) -> np.ndarray:
    """Index of the county that each point (degrees) lies in, -1 outside all; int64[n]."""
    found = np.full(len(points), -1, np.int64)
    some = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(some):
        tree = shapely.STRtree(shapely.points(points[some]))
        which, point = tree.query(np.asarray(counties.geometry.array), predicate="intersects")
        # on a common border the one named first, whatever the tree's order
        order = np.argsort(-which, kind="stable")
        found[some[point[order]]] = which[order]
    return found


def distances_m(points: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Distance from each point (degrees) to its shape (degrees), m, good to 1 % within some 100 km."""
    out = np.full(len(points), EARTH_M)
    some = np.flatnonzero(np.isfinite(points).all(axis=1))
    line = shapely.shortest_line(shapes[some], shapely.points(points[some]))
    step = shapely.get_coordinates(shapely.get_point(line, 0)) - points[some]
    step[:, 0] *= np.cos(np.radians(points[some, 1]))
    out[some] = np.hypot(step[:, 0], step[:, 1]) * METRES_PER_DEGREE
    return out


def covered_by(dem: Path, points: np.ndarray, crs: pyproj.CRS) -> np.ndarray | None:
    """bool[n]: whether the raster has a height at each point; None where it names no CRS.

    Raises ChigaiError where the file is no elevation model, or no sound way leads to its CRS.
    """
    # here, for it is slow to load and needed only where a model is given
    from geo import terrain

    with terrain.opened(dem) as model:
        if not terrain.names_crs(model):
            return None
        spot = terrain.place(model, _box(points), crs)
        cells = spot.columns_rows(points)
        with np.errstate(invalid="ignore"):
            inside = ((cells >= 0) & (cells < [model.width, model.height])).all(axis=1)
        known = np.zeros(len(points), bool)
        rows = np.flatnonzero(inside)
        column, line = cells[rows].astype(np.int64).T
        tile = (line // TILE) * (model.width // TILE + 1) + column // TILE
        order = np.argsort(tile, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1) if len(order) else []:
            least = np.array([column[some].min(), line[some].min()])
            size = np.array([column[some].max(), line[some].max()]) - least + 1
            heights = terrain.heights(model, least, size[0], size[1], 1, dem)
            known[rows[some]] = np.isfinite(heights[line[some] - least[1], column[some] - least[0]])
    return known


def _box(points: np.ndarray) -> tuple[float, float, float, float]:
    """Bounds of the points that are somewhere."""
    there = points[np.isfinite(points).all(axis=1)]
    return (
        tuple(np.concatenate([there.min(axis=0), there.max(axis=0)]).tolist()) if len(there) else (0, 0, 0, 0)
    )


def tell_counties(
    parcels: gpd.GeoDataFrame, points: np.ndarray, counties: gpd.GeoDataFrame | None, book: Book
) -> gpd.GeoDataFrame:
    """The parcels with the county filled in where it was missing and the place tells it.

    points: one inside each parcel, in its CRS. Findings: county_filled (one per county), county_missing,
    out_of_county, out_of_region. A county of which no boundary is known is taken as it is.
    """
    ids, row = parcels["parcel_id"], parcels["source_row"].to_numpy()
    area = parcels["area_mu"].to_numpy(float)
    shapes = np.asarray(parcels.geometry.array, object)
    missing = parcels["county"].isna().to_numpy(bool, copy=True)
    if counties is not None and len(counties):
        bounds = counties.to_crs(4490).reset_index(drop=True)
        codes = bounds["adcode"].astype("str").to_numpy(object)
        degrees = lonlat(points, pyproj.CRS(parcels.crs))
        found = np.full(len(parcels), -1, np.int64)
        found[missing] = counties_of(degrees[missing], bounds)
        filled = found >= 0
        for k in np.unique(found[filled]):
            some = found == k
            zh, en = (bounds.get(c, bounds["adcode"])[k] for c in ("name_zh", "name_en"))
            n, mu = int(some.sum()), float(area[some].sum())
            book.add(
                "county_filled",
                area_mu=mu,
                zh=f"{n} 块田（{mu:,.1f} 亩）没有县代码，按位置补为 {codes[k]} {zh}。",
                en=f"{n} parcels ({mu:,.1f} mu) named no county: {codes[k]} {en} by their place.",
            )
        if filled.any():
            county = parcels["county"].copy()
            county.iloc[np.flatnonzero(filled)] = codes[found[filled]]
            parcels = parcels.assign(county=county)
        code, unique = pd.factorize(parcels["county"])
        named = {c: i for i, c in enumerate(codes)}
        own = np.array([*(named.get(c, -1) for c in unique), -1])[code]
        own[missing] = -1
        _tell_strays(degrees, own, bounds, codes, (row, ids, area, shapes), book)
        missing &= ~filled
    if missing.all():
        book.add(
            "county_missing",
            area_mu=float(area.sum()),
            zh=f"全部 {len(parcels)} 块田没有县（市、区）代码，也无法由位置得出，不能套用任务要求。",
            en=f"None of the {len(parcels)} parcels names a county, nor does its place tell one.",
        )
    elif missing.any():
        book.add("county_missing", row[missing], ids[missing], area[missing], shapes[missing])
    return parcels


def _tell_strays(
    degrees: np.ndarray,
    own: np.ndarray,
    bounds: gpd.GeoDataFrame,
    codes: np.ndarray,
    facts: tuple[np.ndarray, pd.Series, np.ndarray, np.ndarray],
    book: Book,
) -> None:
    """out_of_county for each parcel too far from the county it names (own: its index, -1 unknown)."""
    row, ids, area, shapes = facts
    polygons = np.asarray(bounds.geometry.array, object)
    shapely.prepare(polygons)
    known = np.flatnonzero(own >= 0)
    outside = known[~shapely.contains_xy(polygons[own[known]], degrees[known, 0], degrees[known, 1])]
    away = distances_m(degrees[outside], polygons[own[outside]])
    if len(known) and len(outside) == len(known) and away.min() > FAR_M:
        named = sorted(set(codes[own[known]]))
        book.add(
            "out_of_region",
            area_mu=float(area[known].sum()),
            zh=f"全部 {len(known)} 块田距所给的县（{'、'.join(named)}）{away.min() / 1000:,.0f} 公里以上，按所给的县处理。",
            en=f"All {len(known)} parcels lie {away.min() / 1000:,.0f} km or more from the county given "
            f"({', '.join(named)}): its rules are used as asked.",
        )
        return
    far = away > COUNTY_TOLERANCE_M
    some, km = outside[far], (away[far] / 1000).tolist()
    names = list(zip(codes[own[some]], km, strict=True))
    book.add(
        "out_of_county",
        row[some],
        ids.iloc[some],
        area[some],
        shapes[some],
        zh=[f"位于所属县 {c} 界外 {d:.1f} 公里。" for c, d in names],
        en=[f"Lies {d:.1f} km outside its county {c}." for c, d in names],
    )


def tell_dem(parcels: gpd.GeoDataFrame, points: np.ndarray, dem: Path | None, book: Book) -> None:
    """outside_dem for each parcel that gets no level from the raster."""
    if dem is None:
        return
    known = covered_by(dem, points, pyproj.CRS(parcels.crs))
    if known is None:
        book.add("dem_without_crs")
        return
    shapes = np.asarray(parcels.geometry.array, object)
    some = np.flatnonzero(~known)
    if len(some):
        from geo import terrain

        # a model may cover a parcel beside its middle
        some = some[np.isnan(terrain.elevations(shapes[some], dem, parcels.crs))]
    book.add(
        "outside_dem",
        parcels["source_row"].to_numpy()[some],
        parcels["parcel_id"].iloc[some],
        parcels["area_mu"].to_numpy(float)[some],
        shapes[some],
    )


def tell_barriers(parcels: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame | None, book: Book) -> None:
    """barriers_elsewhere where no barrier comes within a kilometre of the box around the parcels."""
    if barriers is None or not len(barriers):
        return
    left, low, right, high = parcels.total_bounds
    box = shapely.bounds(np.asarray(barriers.geometry.array, object))
    m = BARRIERS_AWAY_M
    with np.errstate(invalid="ignore"):
        near = (box[:, 0] <= right + m) & (box[:, 2] >= left - m)
        near &= (box[:, 1] <= high + m) & (box[:, 3] >= low - m)
    if not near.any():
        book.add("barriers_elsewhere")
