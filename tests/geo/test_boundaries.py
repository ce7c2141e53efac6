"""The bundled boundaries: nine units that fill the city without gap or overlap."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Geod

from geo import boundaries
from geo.errors import ChigaiError


def test_nine_units_with_both_names() -> None:
    frame = boundaries.load()
    assert list(frame.columns) == ["adcode", "name_zh", "name_en", "geometry"]
    assert frame["adcode"].tolist() == [
        *(f"23030{i}" for i in range(2, 8)),
        "230321",
        "230381",
        "230382",
    ]
    names = dict(zip(frame["name_zh"], frame["name_en"], strict=True))
    assert names["虎林市"] == "Hulin"
    assert names["城子河区"] == "Chengzihe"
    assert len(names) == 9
    assert frame.crs.to_epsg() == 4490


def test_the_area_is_the_citys() -> None:
    geod = Geod(ellps="GRS80")
    area = sum(abs(geod.geometry_area_perimeter(g)[0]) for g in boundaries.load().geometry) / 1e6
    assert area == pytest.approx(22_503.9, abs=2.0)


def test_neighbours_share_their_edges() -> None:
    outlines = boundaries.load().geometry.to_numpy()
    assert shapely.is_valid(outlines).all()
    assert shapely.coverage_is_valid(outlines)
    together = shapely.coverage_union_all(outlines)
    assert together.geom_type == "Polygon"
    assert shapely.area(outlines).sum() == pytest.approx(together.area, rel=1e-9)


def test_known_towns_lie_in_their_county() -> None:
    # WGS84 of the seats, to a few hundred metres
    seats = {"Hulin": (132.937, 45.763), "Mishan": (131.847, 45.530), "Jidong": (131.124, 45.260)}
    frame = boundaries.load().set_index("name_en")
    for name, place in seats.items():
        assert frame.index[np.flatnonzero(frame.contains(shapely.Point(place)))].tolist() == [name]


def test_the_file_is_small() -> None:
    assert (boundaries.FOLDER / "jixi.geojson").stat().st_size < 300_000


def test_an_unknown_region_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ChigaiError) as refused:
        boundaries.load("../../etc/passwd")
    assert "jixi" in refused.value.text("en")
    assert "jixi" in refused.value.text("zh")
