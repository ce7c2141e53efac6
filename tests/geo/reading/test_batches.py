"""Rows that come in batches are the rows of the file: no border between batches shows, and how far it is is told."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.errors import CancelledError, ChigaiError
from geo.reading import Source, look, ogr, parquet, read
from tests.geo import badfiles
from tests.geo.badfiles import rows_of, with_an_arc, written

KINDS = ("gpkg", "shp", "geojson", "parquet", "fgb")


@pytest.fixture(params=[1, 7, 12])
def batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many rows a batch; the files below hold 25."""
    monkeypatch.setattr(ogr, "BATCH", request.param)
    monkeypatch.setattr(parquet, "BATCH", request.param)
    return int(request.param)


def odd_paddies() -> gpd.GeoDataFrame:
    """25 paddies with no two attributes alike, one without geometry and one of two parts."""
    frame = badfiles.paddies(25)
    frame["DKMC"] = [f"第{i}块" if i % 3 else None for i in range(25)]
    frame["SCMJM"] = 1.5 + np.arange(25) / 1000
    frame.loc[6, "geometry"] = None
    frame.loc[7, "geometry"] = shapely.MultiPolygon(
        [shapely.box(500_210, 5e6, 500_219, 5_000_040), shapely.box(500_221, 5e6, 500_235, 5_000_040)]
    )
    return frame


def file_of(folder: Path, kind: str) -> Path:
    frame = odd_paddies()
    return written(folder, frame, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_reads_alike_whatever_the_batch(tmp_path: Path, kind: str, batch: int) -> None:
    source = Source(file_of(tmp_path, kind))
    told: list[float] = []
    loaded = read(source, told.append)
    assert told == sorted(told) and told[-1] == 1.0 and 0 < told[0] <= 1.0
    assert len(told) >= 25 / batch
    expected = odd_paddies()
    assert loaded.parcels["source_row"].tolist() == list(range(1, 26))
    assert loaded.parcels["parcel_id"].tolist() == expected["DKBM"].tolist()
    assert loaded.parcels["declared_mu"].to_numpy() == pytest.approx(expected["SCMJM"].to_numpy())
    assert loaded.parcels.geometry.isna().tolist() == [i == 6 for i in range(25)]
    assert np.nan_to_num(loaded.parcels.area) == pytest.approx(np.nan_to_num(expected.area), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_chooses_the_same_rows_whatever_the_batch(tmp_path: Path, kind: str, batch: int) -> None:
    loaded = read(Source(file_of(tmp_path, kind), where="SCMJM > 1.5095 AND SCMJM < 1.5205"))
    assert loaded.parcels["source_row"].tolist() == list(range(11, 22))
    assert loaded.parcels["parcel_id"].str.slice(-6).astype(int).tolist() == list(range(11, 22))
    assert loaded.parcels.geometry.centroid.x.to_numpy() == pytest.approx(500_012.5 + 30 * np.arange(10, 21))
    with pytest.raises(ChigaiError, match="没有一行满足条件"):
        read(Source(file_of(tmp_path / "none", kind), where="SCMJM > 9"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_reads_no_more_than_it_shows(tmp_path: Path, kind: str, batch: int) -> None:
    shown = look(Source(file_of(tmp_path, kind)), 9).sample
    assert len(shown) == 9
    assert shown["DKBM"].tolist() == odd_paddies()["DKBM"].tolist()[:9]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_stops_the_reading_is_not_told_of_a_broken_file(tmp_path: Path, kind: str) -> None:
    class Stopped(Exception):
        pass

    for error in (Stopped(), CancelledError()):

        def stop(fraction: float, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            read(Source(file_of(tmp_path / type(error).__name__, kind)), stop)
        assert caught.value is error


def test_an_arc_in_a_later_batch_is_straightened(tmp_path: Path, batch: int) -> None:
    path = with_an_arc(written(tmp_path, badfiles.paddies(25), "gpkg"), 20)
    loaded = read(Source(path))
    assert rows_of(loaded, "arcs_straightened") == [20]
    assert (loaded.parcels.area.round(3) == 1000.0).sum() == 24
    assert shapely.get_type_id(np.asarray(loaded.parcels.geometry.array)).tolist() == [3] * 25
