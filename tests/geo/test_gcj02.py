"""GCJ-02: the shift is the published one, undone exactly, and absent outside China."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from geo import boundaries
from geo.gcj02 import gcj02_to_wgs84, wgs84_to_gcj02


@given(st.floats(72.05, 137.8), st.floats(0.85, 55.8))
def test_there_and_back_is_the_same_point(lon: float, lat: float) -> None:
    back = gcj02_to_wgs84(*wgs84_to_gcj02(lon, lat))
    assert abs(back[0] - lon) < 1e-7
    assert abs(back[1] - lat) < 1e-7


@given(st.floats(72.05, 137.8), st.floats(0.85, 55.8))
def test_back_and_there_is_the_same_point(lon: float, lat: float) -> None:
    there = wgs84_to_gcj02(*gcj02_to_wgs84(lon, lat))
    assert abs(there[0] - lon) < 1e-7
    assert abs(there[1] - lat) < 1e-7


@given(
    st.one_of(
        st.tuples(st.floats(-180, 71.9), st.floats(-90, 90)),
        st.tuples(st.floats(137.9, 180), st.floats(-90, 90)),
        st.tuples(st.floats(-180, 180), st.floats(-90, 0.8)),
        st.tuples(st.floats(-180, 180), st.floats(55.9, 90)),
    )
)
def test_outside_china_nothing_moves(point: tuple[float, float]) -> None:
    for shift in (wgs84_to_gcj02, gcj02_to_wgs84):
        assert tuple(float(v) for v in shift(*point)) == point


# points that the tests of the published implementations carry
@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_the_shift_is_the_published_one(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(*wgs84) == pytest.approx(gcj02, abs=1e-9)
    assert gcj02_to_wgs84(*gcj02) == pytest.approx(wgs84, abs=1e-9)


def test_jixi_moves_some_600_to_700_metres_to_the_north_east() -> None:
    lon, lat = shapely.get_coordinates(boundaries.load().geometry.to_numpy()).T
    x, y = wgs84_to_gcj02(lon, lat)
    _, _, metres = Geod(ellps="WGS84").inv(lon, lat, x, y)
    assert metres.min() > 570
    assert metres.max() < 720
    assert 600 < np.median(metres) < 700
    assert (x > lon).all()
    assert (y > lat).all()


def test_shapes_broadcast_and_nan_stays() -> None:
    x, y = wgs84_to_gcj02([[130.0], [np.nan]], [45.0, 46.0, 47.0])
    assert x.shape == y.shape == (2, 3)
    assert np.isnan(x[1]).all()
    assert np.isfinite(x[0]).all()
