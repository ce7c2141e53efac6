"""Facts about checked parcels kept in parts."""

from __future__ import annotations

import hashlib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import datasets, schemas
from geo.errors import ChigaiError

TOLD = {"sha256": "0" * 64}


def grid(districts: list[int]) -> gpd.GeoDataFrame:
    """Squares of ten metres in rows, one row for each district, of so many parcels."""
    rows = [(d, i) for d, n in enumerate(districts) for i in range(n)]
    return gpd.GeoDataFrame(
        {
            "parcel_id": [f"P{k:04d}" for k in range(len(rows))],
            "county": ["230381" if d % 3 else "230307" for d, _ in rows],
            "irrigation_district": [None if d == 1 else f"D{d}" for d, _ in rows],
            "area_mu": 0.15,
        },
        geometry=[shapely.box(10 * i, 20 * d, 10 * i + 9, 20 * d + 9) for d, i in rows],
        crs="EPSG:4548",
    )


def lines(n: int) -> gpd.GeoDataFrame:
    """Canals beside the rows of the grid."""
    return gpd.GeoDataFrame(
        {"kind": ["field_canal"] * n, "fixed": True, "width_m": 1.0},
        geometry=[shapely.LineString([(0, 20 * d - 5), (500, 20 * d - 5)]) for d in range(n)],
        crs="EPSG:4548",
    )  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 25), st.randoms())
def test_every_parcel_is_in_one_part_and_a_district_is_whole_or_in_stretches(
    sizes, part_rows, random
) -> None:
    parcels = grid(sizes)
    order = list(range(len(parcels)))
    random.shuffle(order)
    parcels = parcels.iloc[order].reset_index(drop=True)
    found = datasets.parts_of(parcels, part_rows)
    assert sorted(np.concatenate([rows for rows, _ in found])) == list(range(len(parcels)))
    name = parcels.county + parcels.irrigation_district.fillna("")
    size = name.map(name.value_counts())
    for rows, stretch in found:
        own = name.iloc[rows]
        if stretch is None:
            assert own.value_counts().to_dict() == size.iloc[rows].groupby(own).first().to_dict()
        else:
            assert own.nunique() == 1 and size.iloc[rows[0]] > 2 * part_rows
        assert len(rows) <= max(2 * part_rows, part_rows + size.iloc[rows].max())


def test_the_order_of_the_rows_has_no_say_in_the_parts() -> None:
    parcels = grid([30, 5, 40, 7])
    other = parcels.sample(frac=1, random_state=3).reset_index(drop=True)
    named = [
        [sorted(p.parcel_id.iloc[rows]) for rows, _ in datasets.parts_of(p, 10)] for p in (parcels, other)
    ]
    assert named[0] == named[1]


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "PART_ROWS", 10)
    monkeypatch.setattr(datasets, "GROUP_ROWS", 2)
    tables = {
        datasets.BARRIERS: lines(8),
        datasets.FINDINGS: schemas.findings_frame([], "EPSG:4548"),
        datasets.LEFT_OUT: None,
    }
    datasets.write(tmp_path / "set", grid([30, 5, 40, 7]), tables, TOLD)
    return tmp_path / "set"


def test_what_is_written_is_what_the_manifest_says(dataset) -> None:
    manifest = datasets.manifest(dataset)
    assert manifest["sha256"] == TOLD["sha256"]
    parts = datasets.parts(manifest)
    assert len(parts) > 3 and {p.stretch is None for p in parts} == {True, False}
    read = []
    for part in parts:
        frame = datasets.read_part(dataset, part)
        assert hashlib.sha256((dataset / part.file).read_bytes()).hexdigest() == part.sha256
        assert frame.county.value_counts().to_dict() == part.counties
        assert tuple(frame.total_bounds) == part.bounds and frame.area_mu.sum() == pytest.approx(part.area_mu)
        read.append(frame)
    assert sorted(pd.concat(read).parcel_id) == sorted(grid([30, 5, 40, 7]).parcel_id)
    assert not (dataset / datasets.LEFT_OUT).exists() and len(datasets.findings(dataset)) == 0


def test_what_lies_near_a_box_is_read_alone(dataset) -> None:
    found = datasets.near(dataset, datasets.BARRIERS, (0, 41, 100, 49), 10)
    assert sorted(found.geometry.bounds.miny) == [35, 55]
    assert datasets.near(dataset, "roads.parquet", (0, 0, 1, 1), 10) is None


def test_a_stop_leaves_nothing_and_what_was_there_stays(dataset) -> None:
    before = datasets.manifest(dataset)

    def stop(fraction: float) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        datasets.write(dataset, grid([50]), {}, {"sha256": "1" * 64}, stop)
    assert datasets.manifest(dataset) == before
    assert [p.name for p in dataset.parent.iterdir()] == ["set"]


def test_a_folder_without_a_manifest_in_parts_is_refused(dataset) -> None:
    (dataset / datasets.MANIFEST).write_text('{"rows": 5}', "utf-8")
    with pytest.raises(ChigaiError) as refused:
        datasets.manifest(dataset)
    assert "chigai import" in refused.value.text("en")


def test_a_dataset_that_somebody_else_put_there_is_as_good(dataset, tmp_path) -> None:
    other = tmp_path / "other"
    datasets.write(other, grid([3]), {}, TOLD)
    datasets.move(other, dataset)
    assert not other.exists() and sum(p.rows for p in datasets.parts(datasets.manifest(dataset))) == 82
