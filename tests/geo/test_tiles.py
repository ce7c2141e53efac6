"""Tables as map layers: degrees once, boxes, largest first, answers that a browser reads."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import tiles

EAST, NORTH = 500_000.0, 5_000_000.0


def squares(n: int, crs: object = 4553) -> gpd.GeoDataFrame:
    x = EAST + 100.0 * np.arange(n)
    return gpd.GeoDataFrame(
        {"name": [f"n{i}" for i in range(n)], "size": np.arange(n, dtype=float)},
        geometry=shapely.box(x, NORTH, x + 90, NORTH + 90),
        crs=crs,
    )


def test_degrees_are_those_of_the_ground_to_a_centimetre() -> None:
    frame = squares(20)
    layer = tiles.layer(frame, ["name"])
    back = gpd.GeoSeries(layer.geoms, crs=4326).to_crs(4553)
    assert shapely.hausdorff_distance(back.to_numpy(), frame.geometry.to_numpy()).max() < 0.02


def test_the_table_that_was_given_is_left_as_it_was() -> None:
    frame = squares(3)
    before = frame.copy(deep=True)
    tiles.layer(frame, ["name"], size="size")
    assert frame.equals(before)


def test_rows_without_a_shape_are_left_out() -> None:
    frame = squares(4)
    frame.loc[1, "geometry"] = None
    frame.loc[2, "geometry"] = shapely.Polygon()
    assert tiles.layer(frame, ["name"]).table["name"].tolist() == ["n0", "n3"]


def test_a_layer_of_nothing_answers_nothing() -> None:
    layer = tiles.layer(squares(0), ["name"], size="size")
    assert layer.extent is None
    told = json.loads(layer.geojson(layer.in_box((-180, -90, 180, 90)), 10, 5))
    assert (told["total"], told["shown"], told["features"]) == (0, 0, [])


def test_the_larger_come_first_and_the_answer_says_how_many_there_were() -> None:
    layer = tiles.layer(squares(10), ["name"], size="size")
    told = json.loads(layer.geojson(layer.in_box((-180, -90, 180, 90)), 3))
    assert (told["total"], told["shown"]) == (10, 3)
    assert [f["properties"]["name"] for f in told["features"]] == ["n9", "n8", "n7"]


ROW = tiles.layer(squares(20), ["name"])


@settings(deadline=None)
@given(st.integers(0, 2000), st.integers(1, 2000))
def test_a_box_hits_what_meets_it(start: int, width: int) -> None:
    layer = ROW
    west = layer.bounds[0, 0] + start * 1e-5
    box = (west, layer.bounds[0, 1], west + width * 1e-5, layer.bounds[0, 3])
    expected = shapely.intersects(shapely.box(*layer.bounds.T), shapely.box(*box))
    assert sorted(layer.in_box(box)) == np.flatnonzero(expected).tolist()


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_through(name: str) -> None:
    layer = tiles.Layer(pd.DataFrame({"name": [name, "second"]}), ROW.geoms[:2], np.zeros(2))
    told = json.loads(layer.geojson(np.arange(2), 10))
    assert [f["properties"]["name"] for f in told["features"]] == [name, "second"]


def test_a_missing_number_is_null() -> None:
    frame = squares(2)
    frame["size"] = [np.nan, 1.5]
    told = json.loads(tiles.layer(frame, ["size"]).geojson(np.arange(2), 10))
    assert [f["properties"]["size"] for f in told["features"]] == [None, 1.5]


def test_a_shift_moves_what_is_told() -> None:
    plain = tiles.layer(squares(3), ["name"])
    moved = tiles.layer(squares(3), ["name"], shift=lambda lon, lat: (lon + 0.5, lat - 0.25))
    assert np.allclose(moved.bounds - plain.bounds, [0.5, -0.25, 0.5, -0.25], atol=2e-7)


def test_a_point_stands_inside_what_it_stands_for() -> None:
    ring = shapely.Point(132, 45).buffer(0.01).difference(shapely.Point(132, 45).buffer(0.009))
    points = tiles.inner_points(np.array([ring, shapely.Point(131, 45)], dtype=object))
    assert shapely.covers(ring.buffer(1e-7), points[0])
    assert points[1].equals(shapely.Point(131, 45))


def test_a_footprint_covers_what_it_stands_for_with_few_corners() -> None:
    points = np.random.default_rng(1).uniform((131, 45), (132, 46), (2000, 2))
    frame = gpd.GeoDataFrame({"name": ["p"] * 2000}, geometry=shapely.points(points), crs=4326)
    layer = tiles.layer(frame, ["name"])
    shape = shapely.from_geojson(
        json.dumps(json.loads(tiles.footprint(*tiles.middles([layer]), cells=20))["geometry"])
    )
    assert shape.is_valid
    assert shapely.covers(shape.buffer(1e-5), layer.geoms).all()
    assert shapely.get_num_coordinates(shape) < 500


def test_a_footprint_of_nothing_is_nothing() -> None:
    assert json.loads(tiles.footprint(*tiles.middles([])))["geometry"] is None
    assert (
        json.loads(tiles.footprint(*tiles.middles([tiles.layer(squares(0), ["name"])])))["geometry"] is None
    )
