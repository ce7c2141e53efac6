"""Facts about spoilt rows: one bad row never spoils the file, and is told by its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import ChigaiError
from geo.reading import Source, read, rows
from tests.geo import badfiles
from tests.geo.badfiles import rows_of, written


@pytest.mark.filterwarnings("ignore:invalid value")
def test_null_empty_and_nan_geometries_stay_for_the_checks(tmp_path: Path) -> None:
    frame = badfiles.paddies()
    frame.loc[1, "geometry"] = None
    frame.loc[3, "geometry"] = shapely.Polygon()
    frame.loc[5, "geometry"] = shapely.Polygon(
        [(500_000, 5_000_000), (np.nan, 5_000_000), (500_020, 5_000_040)]
    )
    frame.loc[7, "geometry"] = shapely.Polygon(
        [(500_000, 5e6), (np.inf, 5e6), (500_020, 5_000_040), (500_000, 5e6)]
    )
    for kind in ("gpkg", "parquet"):
        loaded = read(Source(written(tmp_path / kind, frame, kind)))
        assert len(loaded.parcels) == 12
        points, owner = shapely.get_coordinates(loaded.parcels.geometry.array, return_index=True)
        assert np.unique(owner[~np.isfinite(points).all(axis=1)]).tolist() == [5, 7]
        assert loaded.parcels.geometry.isna().tolist() == [i == 1 for i in range(12)]
        assert np.allclose(loaded.parcels.area[[0, 2, 4, 6, 8]], 1000)


def test_a_coordinate_that_is_no_number_in_a_shapefile_does_no_harm(tmp_path: Path) -> None:
    path = badfiles.shapefile(tmp_path, badfiles.paddies())
    badfiles.spoil_record(path, 3, "nan")
    loaded = read(Source(path))
    assert len(loaded.parcels) == 12
    assert np.allclose(loaded.parcels.area.drop(2), 1000)


def test_a_spoilt_record_of_a_shapefile_is_set_apart_by_its_row(tmp_path: Path) -> None:
    path = badfiles.shapefile(tmp_path, badfiles.paddies(60))
    badfiles.spoil_record(path, 8, "points")
    badfiles.spoil_record(path, 21, "corner")
    badfiles.spoil_record(path, 30, "open")
    loaded = read(Source(path))
    assert len(loaded.parcels) == 60
    assert rows_of(loaded, "unreadable_geometry") == [8, 21]
    assert rows_of(loaded, "ring_not_closed") == [30]
    assert np.flatnonzero(loaded.parcels.geometry.isna()).tolist() == [7, 20]
    assert np.allclose(loaded.parcels.area.drop([7, 20, 29]), 1000)


@settings(deadline=None, max_examples=40)
@given(flips=st.lists(st.tuples(st.integers(100, 40 * 136 + 99), st.integers(0, 7)), min_size=1, max_size=6))
def test_flipped_bits_never_bring_reading_down(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("flips")
    path = badfiles.shapefile(folder, badfiles.paddies(40))
    content = bytearray(path.read_bytes())
    for at, bit in flips:
        content[at] ^= 1 << bit
    path.write_bytes(content)
    try:
        loaded = read(Source(path))
    except ChigaiError:
        return
    assert len(loaded.parcels) == 40
    assert loaded.parcels["source_row"].tolist() == list(range(1, 41))


def test_a_polygon_with_far_too_many_vertices_is_left_out_and_told(tmp_path: Path) -> None:
    frame = badfiles.paddies(3)
    turn = np.linspace(0, 2 * np.pi, rows.MAX_VERTICES + 2)
    frame.loc[1, "geometry"] = shapely.Polygon(
        np.column_stack([5e5 + 900 * np.cos(turn), 5e6 + 900 * np.sin(turn)])
    )
    loaded = read(Source(written(tmp_path, frame, "gpkg")))
    assert rows_of(loaded, "too_many_vertices") == [2]
    assert loaded.parcels.geometry.isna().tolist() == [False, True, False]


def test_arcs_become_short_straight_sides(tmp_path: Path) -> None:
    path = badfiles.with_an_arc(written(tmp_path, badfiles.paddies(3), "gpkg"), 2)
    loaded = read(Source(path))
    assert loaded.parcels.area[1] == pytest.approx(np.pi * 100, rel=0.01)
    assert rows_of(loaded, "arcs_straightened") == [2]
    assert np.allclose(loaded.parcels.area[[0, 2]], 1000)


def test_points_and_lines_among_the_polygons_stay_for_the_checks(tmp_path: Path) -> None:
    frame = badfiles.paddies(4)
    frame.loc[1, "geometry"] = shapely.Point(500_000, 5_000_000)
    frame.loc[2, "geometry"] = shapely.LineString([(500_000, 5_000_000), (500_010, 5_000_000)])
    loaded = read(Source(written(tmp_path, frame, "geojson")))
    assert loaded.parcels.geom_type.tolist() == ["Polygon", "Point", "LineString", "Polygon"]


def test_many_like_findings_are_counted_not_repeated() -> None:
    found = rows.per_row(np.arange(1, 5001), "x", "坏", "bad")
    assert len(found) == rows.LISTED + 1
    assert f"{5000 - rows.LISTED:,}" in found[-1].zh and found[-1].row is None
