"""Facts about the conventional layout that a plan is held against."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from bench import practice
from geo import plans
from geo.schemas import MU_M2


def terraces(turn: float = 0.0) -> gpd.GeoDataFrame:
    """One unit of 12 × 10 paddies of 40 m × 20 m; each column of paddies lies 0.1 m above the one before."""
    i, j = (a.ravel() for a in np.meshgrid(np.arange(12), np.arange(10), indexing="ij"))
    shapes = shapely.box(
        500_000 + i * 20, 5_000_000 + j * 40, 500_000 + (i + 1) * 20, 5_000_000 + (j + 1) * 40
    )
    frame = gpd.GeoDataFrame(
        {"unit": np.zeros(120, int), "elevation_m": 100 + 0.1 * i}, geometry=shapes, crs=4553
    )
    frame["geometry"] = frame.geometry.rotate(turn, origin=(500_000, 5_000_000))
    return frame


@pytest.mark.parametrize("turn", [0.0, 17.0, 44.0])
def test_the_rectangles_divide_the_unit_evenly_and_cover_it(turn):
    parcels = terraces(turn)
    label, row, piece = practice.rectangles(parcels, np.array([6.0]), 3.0)
    area = shapely.area(piece)
    assert np.bincount(row, area) == pytest.approx(np.full(120, 800.0), rel=1e-6)
    each = np.bincount(label, area) / MU_M2
    assert each == pytest.approx(np.full(len(each), each[0]), rel=1e-6)
    assert 4 < each[0] < 9


def test_what_is_left_at_the_rim_goes_to_the_neighbour():
    parcels = terraces().iloc[:-3].reset_index(drop=True)
    label, _, piece = practice.rectangles(parcels, np.array([6.0]), 3.0)
    assert (np.bincount(label, shapely.area(piece)) >= 3 * MU_M2).all()


def test_blocks_along_the_contour_move_less_earth_than_rectangles_by_more_than_was_published():
    parcels = terraces()
    middle = shapely.centroid(parcels.geometry.to_numpy())
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    area, level = shapely.area(parcels.geometry.to_numpy()), parcels.elevation_m.to_numpy()
    # a column of paddies of one level, halved: 200 m × 20 m, 6 mu each
    along = (np.arange(120) // 10 * 2 + np.arange(120) % 10 // 5).astype(np.int64)
    label, row, piece = practice.rectangles(parcels, np.array([6.0]), 3.0)
    middle = shapely.centroid(piece)
    usual = practice.figures(
        label, shapely.area(piece), level[row], shapely.get_x(middle), shapely.get_y(middle)
    )
    ours = practice.figures(along, area, level + 0.01 * (np.arange(120) % 3), x, y)
    assert usual["cut_m3_per_mu"] > 0
    assert ours["cut_m3_per_mu"] < (1 - 0.271) * usual["cut_m3_per_mu"]
    assert ours["haul_m3m_per_mu"] < (1 - 0.334) * usual["haul_m3m_per_mu"]


def test_a_plan_and_the_rectangles_level_the_same_ground(plan_folder):
    plan = plans.read(plan_folder)
    found = practice.compare(plan)
    ours, usual = found["plan"], found["rectangles"]
    assert ours["blocks"] * ours["mean_mu"] == pytest.approx(usual["blocks"] * usual["mean_mu"], rel=1e-6)
    joined = plan.blocks
    assert ours["cut_m3_per_mu"] == pytest.approx(joined.cut_m3.sum() / joined.parcels_mu.sum(), rel=1e-6)
    assert ours["haul_m3m_per_mu"] == pytest.approx(joined.haul_m3m.sum() / joined.parcels_mu.sum(), rel=1e-6)
    assert found["less"]["cut_m3_per_mu"] == pytest.approx(1 - ours["cut_m3_per_mu"] / usual["cut_m3_per_mu"])
