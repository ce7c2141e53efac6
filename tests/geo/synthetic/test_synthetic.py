"""The demo region: as many paddies as asked, laid out like paddy land, the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import rasterio.features
import rasterio.windows
import shapely
import yaml
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo import boundaries, checking, reading, synthetic
from geo.errors import CancelledError, ChigaiError
from geo.schemas import BARRIERS, MU_M2
from geo.synthetic.defects import ADDED, PER_THOUSAND, quota
from geo.synthetic.room import Room

N = 6000


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.make(tmp_path_factory.mktemp("region"), parcels=N, seed=3)


@pytest.fixture(scope="module")
def defects(region: Path) -> dict[str, np.ndarray]:
    text = (region / "defects.json").read_text(encoding="utf-8")
    return {kind: np.array(rows, dtype=int) - 1 for kind, rows in json.loads(text).items()}


@pytest.fixture(scope="module")
def everything(region: Path) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(region / "parcels.gpkg", layer="parcels")


@pytest.fixture(scope="module")
def sound(everything: gpd.GeoDataFrame, defects: dict[str, np.ndarray]) -> gpd.GeoDataFrame:
    """The rows without a planted defect."""
    bad = np.concatenate(list(defects.values()))
    return everything.drop(index=everything.index[bad]).reset_index(drop=True)


@pytest.fixture(scope="module")
def barriers(region: Path) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(region / "barriers.gpkg", layer="barriers")


def near(geoms: np.ndarray, metres: float) -> tuple[np.ndarray, np.ndarray]:
    left, right = shapely.STRtree(geoms).query(geoms, predicate="dwithin", distance=metres)
    return left[left < right], right[left < right]


def content(folder: Path) -> list[int]:
    """A number for each file's content, whatever the bytes of the container say."""
    out = []
    for name in ("parcels", "barriers"):
        frame = pyogrio.read_dataframe(folder / f"{name}.gpkg", layer=name)
        frame = pd.DataFrame(frame).assign(geometry=[hash(w) for w in shapely.to_wkb(frame.geometry.array)])
        out.append(int(pd.util.hash_pandas_object(frame.astype(str)).sum()))
    with rasterio.open(folder / "dem.tif") as dem:
        for window in (w for _, w in dem.block_windows(1)):
            out.append(hash(dem.read(1, window=window).tobytes()))
    return out


@pytest.mark.parametrize("count", [50, 300, 1999])
def test_exactly_as_many_rows_as_asked(tmp_path: Path, count: int) -> None:
    info = pyogrio.read_info(synthetic.make(tmp_path, parcels=count) / "parcels.gpkg", layer="parcels")
    assert info["features"] == count
    assert info["crs"] == "EPSG:4553"


def test_the_same_seed_makes_the_same_region_and_another_seed_another(tmp_path: Path) -> None:
    made = [content(synthetic.make(tmp_path / str(k), parcels=300, seed=s)) for k, s in enumerate((5, 5, 6))]
    assert made[0] == made[1]
    assert made[0][0] != made[2][0]
    assert made[0][1] != made[2][1]
    assert made[0][2:] != made[2][2:]


def test_every_county_gets_more_paddies_than_its_ceiling_at_the_default_size() -> None:
    recipe = yaml.safe_load(synthetic.RECIPE.read_text(encoding="utf-8"))
    ceiling = {"230381": 50_000, "230382": 50_000, "230321": 50_000, "230303": 2_000, "230304": 2_000}
    ceiling |= {"230306": 2_000, "230305": 2_100, "230307": 1_000}
    site = {code: 5_000 if area == 50_000 else 1_000 for code, area in ceiling.items()}
    site |= {"230305": 500, "230307": 500}
    districts = synthetic._districts(recipe, 150_000, seed=1)
    shares = pd.DataFrame({"county": [d.county for d in districts], "n": [d.parcels for d in districts]})
    assert shares["n"].sum() == 150_000
    mu = shares.groupby("county")["n"].sum() * 1.75
    for code, most in ceiling.items():
        assert 1.3 * most < mu[code] < 2.5 * most, code
        assert (shares.loc[shares["county"] == code, "n"] * 1.75 > 1.3 * site[code]).all(), code
    assert 0 < mu["230302"] < 1_000


def test_a_small_region_leaves_out_the_small_counties_and_a_large_one_none() -> None:
    recipe = yaml.safe_load(synthetic.RECIPE.read_text(encoding="utf-8"))
    few = {d.county for d in synthetic._districts(recipe, 300, seed=1)}
    assert few == {"230381", "230382", "230321"}
    many = synthetic._districts(recipe, 2_000_000, seed=1)
    assert {d.county for d in many} == set(recipe["counties"])
    assert len({d.name for d in many}) == len(many)


def test_paddies_are_of_the_sizes_that_the_north_has(sound: gpd.GeoDataFrame) -> None:
    mu = sound.area / MU_M2
    assert 1.0 < mu.median() < 2.0
    assert 1.4 < mu.mean() < 2.1
    assert mu.min() > 0.05
    assert (mu < 0.2).any()
    assert (mu > 10).any()
    assert mu.max() < 50


def test_paddies_are_valid_quadrilaterals_mostly_and_do_not_overlap(sound: gpd.GeoDataFrame) -> None:
    geoms = sound.geometry.to_numpy()
    assert shapely.is_valid(geoms).all()
    assert (shapely.get_type_id(geoms) == shapely.GeometryType.POLYGON).all()
    assert np.mean(shapely.get_num_coordinates(geoms) == 5) > 0.75
    # drawn by hand, not by ruler: hardly one is a rectangle to the centimetre
    corners = geoms[shapely.get_num_coordinates(geoms) == 5]
    sides = shapely.get_coordinates(corners).reshape(-1, 5, 2)
    along = np.hypot(*np.moveaxis(np.diff(sides, axis=1), 2, 0))
    assert np.mean(np.abs(along[:, 0] - along[:, 2]) > 0.01) > 0.9
    left, _ = near(geoms, 0.0)
    assert len(left) == 0


def test_ridges_are_narrow_and_canals_are_not(sound: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame) -> None:
    geoms = sound.geometry.to_numpy()
    left, right = near(geoms, 1.5)
    gap = shapely.distance(geoms[left], geoms[right])
    assert 0.3 < np.median(gap) < 0.55
    assert np.mean((gap > 0.25) & (gap < 0.65)) > 0.85
    # nearly every paddy has a neighbour to be joined with
    assert np.mean(np.isin(np.arange(len(geoms)), np.concatenate([left, right]))) > 0.99
    # no pair across a field canal, a drain or a road; only those that run inside a ridge part neighbours
    wide = barriers[barriers["fixed"] & (barriers["width_m"] > 0.6)].geometry.to_numpy()
    middles = shapely.centroid(geoms)
    links = shapely.linestrings(
        np.stack([shapely.get_coordinates(middles[k]) for k in (left, right)], axis=1)
    )
    assert len(shapely.STRtree(wide).query(links, predicate="crosses")[0]) == 0


def test_a_field_unit_holds_some_dozens_of_paddies(sound: gpd.GeoDataFrame) -> None:
    left, right = near(sound.geometry.to_numpy(), 1.5)
    n = len(sound)
    _, unit = connected_components(coo_array((np.ones(len(left)), (left, right)), shape=(n, n)))
    size = np.bincount(unit)
    assert 20 <= np.median(size) <= 100
    assert size[(size >= 15) & (size <= 130)].sum() > 0.8 * n


def test_no_paddy_lies_on_a_canal_a_road_or_a_house(
    sound: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame
) -> None:
    lines = barriers["width_m"].notna().to_numpy()
    land = barriers.geometry.to_numpy().copy()
    land[lines] = shapely.buffer(land[lines], barriers["width_m"].to_numpy()[lines] / 2, cap_style="flat")
    assert len(shapely.STRtree(sound.geometry.to_numpy()).query(land, predicate="intersects")[0]) == 0


def test_barriers_follow_the_schema_and_have_every_kind(barriers: gpd.GeoDataFrame) -> None:
    BARRIERS.validate(barriers)
    kinds = set(barriers["kind"])
    assert {"main_canal", "branch_canal", "lateral_canal", "field_canal", "ditch"} <= kinds
    assert {"drain", "road", "shelterbelt"} <= kinds
    assert not barriers.loc[barriers["kind"] == "ditch", "fixed"].any()
    assert barriers.loc[barriers["kind"] != "ditch", "fixed"].all()
    assert shapely.is_valid(barriers.geometry.to_numpy()).all()


def test_a_large_region_has_villages_drawn_as_areas(tmp_path: Path) -> None:
    frame = pyogrio.read_dataframe(synthetic.make(tmp_path, parcels=20_000) / "barriers.gpkg")
    villages = frame[frame["kind"] == "village"]
    assert len(villages) > 0
    assert (villages.geom_type == "Polygon").all()
    assert villages["width_m"].isna().all()


def test_every_paddy_lies_in_its_county_and_districts_keep_apart(sound: gpd.GeoDataFrame) -> None:
    counties = boundaries.load().to_crs(sound.crs).set_index("adcode").geometry
    for code, rows in sound.groupby("county"):
        county = counties[str(code)]
        shapely.prepare(county)
        assert shapely.contains_properly(county, rows.geometry.to_numpy()).all()
    hulls = [
        shapely.multipoints(shapely.get_coordinates(rows.geometry.to_numpy())).convex_hull
        for _, rows in sound.groupby("irrigation_district")
    ]
    assert len(near(np.array(hulls), 100.0)[0]) == 0


def test_codes_and_people_read_like_a_register(sound: gpd.GeoDataFrame) -> None:
    assert sound["parcel_id"].is_unique
    assert sound["parcel_id"].str.fullmatch(r"\d{19}").all()
    assert (sound["parcel_id"].str[:6] == sound["county"]).all()
    assert sound["consent"].eq(True).mean() > 0.85
    assert sound["consent"].eq(False).any()
    assert sound["consent"].isna().any()
    assert set(sound["priority"].dropna()) <= {"tourism", "demonstration", "water_works_complete"}
    assert sound["priority"].isna().mean() > 0.8
    held = sound.groupby(["irrigation_district", "operator"]).size()
    assert 2 < held.mean() < 8
    firms = held.index.get_level_values("operator").str.contains("合作社|农场")
    assert held[~firms].max() <= 15
    assert held[firms].max() > 30
    off = np.abs(sound["declared_mu"] / (sound.area / MU_M2) - 1)
    assert off.max() < 0.05


def test_a_households_paddies_lie_side_by_side(sound: gpd.GeoDataFrame) -> None:
    geoms = sound.geometry.to_numpy()
    who = pd.factorize(sound["irrigation_district"] + sound["operator"])[0]
    left, right = near(geoms, 1.5)
    same = who[left] == who[right]
    pairs = coo_array((np.ones(same.sum()), (left[same], right[same])), shape=(len(geoms),) * 2)
    pieces, _ = connected_components(pairs)
    # gaps are only where a marred row of theirs was taken out, and between a firm's fields
    assert pieces < 1.08 * (who.max() + 1)


def test_the_ground_is_level_in_a_paddy_and_absent_beyond_the_districts(
    region: Path, sound: gpd.GeoDataFrame
) -> None:
    with rasterio.open(region / "dem.tif") as dem:
        assert dem.dtypes == ("float32",)
        assert dem.crs.to_epsg() == 4553
        assert dem.nodata == -9999
        assert dem.profile["tiled"]
        some = sound[sound.area > 3 * MU_M2].head(40)
        for geometry in some.geometry:
            window = (
                rasterio.windows.from_bounds(*geometry.bounds, dem.transform).round_offsets().round_lengths()
            )
            heights = dem.read(1, window=window)
            inside = rasterio.features.geometry_mask(
                [geometry.buffer(-2.0)], heights.shape, dem.window_transform(window), invert=True
            )
            assert np.ptp(heights[inside]) < 0.15
            assert 40 < heights[inside].min() < 400
        away = [(dem.bounds.left + 1, dem.bounds.top - 1)]
        assert next(dem.sample(away))[0] == -9999
        points = shapely.get_coordinates(shapely.centroid(sound.geometry.to_numpy()))
        level = np.fromiter((v[0] for v in dem.sample(points)), float)
    assert (level > 0).all()
    left, right = near(sound.geometry.to_numpy(), 1.5)
    step = np.abs(level[left] - level[right])
    # most neighbours can be joined within 0.3 m, not all
    assert 0.5 < np.mean(step <= 0.3) < 0.97
    # an empty tile costs no bytes: the grid holds hundreds of millions of cells
    assert (region / "dem.tif").stat().st_size < 4e6


def test_the_recorded_defects_are_the_ones_in_the_file(
    everything: gpd.GeoDataFrame, sound: gpd.GeoDataFrame, defects: dict[str, np.ndarray]
) -> None:
    assert {kind: len(rows) for kind, rows in defects.items()} == quota(N)
    rows = np.concatenate(list(defects.values()))
    assert len(np.unique(rows)) == len(rows)
    geoms, mu = everything.geometry.to_numpy(), everything.area.to_numpy() / MU_M2
    assert np.array_equal(np.flatnonzero(shapely.is_missing(geoms)), defects["null_geometry"])
    empty = shapely.is_empty(geoms) & ~shapely.is_missing(geoms)
    assert np.array_equal(np.flatnonzero(empty), defects["empty_geometry"])
    broken = ~shapely.is_valid(geoms) & ~shapely.is_missing(geoms)
    assert np.array_equal(np.flatnonzero(broken), defects["bow_tie"])
    assert np.array_equal(np.flatnonzero(shapely.has_z(geoms)), defects["z"])
    multi = shapely.get_type_id(geoms) == shapely.GeometryType.MULTIPOLYGON
    assert np.array_equal(np.flatnonzero(multi), defects["multipart"])
    twice = everything["parcel_id"].duplicated(keep=False).to_numpy()
    assert twice[defects["duplicate_id"]].all()
    assert twice.sum() == 2 * len(defects["duplicate_id"])
    assert (shapely.area(geoms[defects["sliver"]]) < 10).all()
    off = np.abs(everything["declared_mu"].to_numpy() / np.where(mu > 0, mu, np.nan) - 1) > 0.05
    assert np.array_equal(np.setdiff1d(np.flatnonzero(off), defects["bow_tie"]), defects["declared_area"])
    tree = shapely.STRtree(sound.geometry.to_numpy())
    for kind, low, high in (("overlap_centimetres", 0.1, 12.0), ("overlap_metres", 5.0, 500.0)):
        some, other = tree.query(geoms[defects[kind]], predicate="overlaps")
        shared = shapely.area(
            shapely.intersection(geoms[defects[kind]][some], sound.geometry.to_numpy()[other])
        )
        assert np.array_equal(np.unique(some), np.arange(len(defects[kind])))
        assert (shared > low).all()
        assert (shared < high).all()
    counties = boundaries.load().to_crs(everything.crs).set_index("adcode").geometry
    moved = everything.iloc[defects["out_of_county"]]
    assert (moved.geometry.distance(counties[moved["county"]].set_axis(moved.index)) > 2000).all()


def test_every_defect_is_a_few_per_thousand_and_never_missing() -> None:
    assert all(n >= 1 for n in quota(50).values())
    assert sum(quota(150_000).values()) == pytest.approx(150 * sum(PER_THOUSAND.values()), abs=10)
    assert set(ADDED) <= set(PER_THOUSAND)


def test_the_checks_find_every_planted_defect(region: Path, defects: dict[str, np.ndarray]) -> None:
    loaded = reading.read(reading.Source(region / "parcels.gpkg"))
    checked = checking.check(loaded, dem=region / "dem.tif", counties=boundaries.load())
    found = checked.findings.groupby("kind")["row"].agg(lambda rows: sorted(rows.dropna()))

    def rows(*kinds: str) -> list[int]:
        return sorted(np.concatenate([defects[kind] for kind in kinds]) + 1)

    assert found["geometry_missing"] == rows("null_geometry")
    assert found["geometry_empty"] == rows("empty_geometry")
    assert found["geometry_broken"] == rows("bow_tie")
    assert found["declared_area"] == rows("declared_area")
    assert found["out_of_county"] == rows("out_of_county")
    assert found["outside_dem"] == rows("outside_dem")
    # a bow-tie falls into two parts once it is mended
    assert set(rows("multipart")) <= set(found["multipart"]) <= set(rows("multipart", "bow_tie"))
    assert len(found["same_id"]) == len(rows("duplicate_id"))
    assert len(found["same_shape"]) == len(rows("duplicate_shape"))
    assert checked.area_in_mu == pytest.approx(
        checked.parcels["area_mu"].sum() + checked.area_left_out_mu, rel=1e-4
    )


def test_progress_rises_to_one_and_may_stop_the_making(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    synthetic.make(tmp_path / "whole", parcels=300, progress=lambda stage, done: told.append((stage, done)))
    fractions = [done for _, done in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0

    def stop(stage: str, done: float) -> None:
        if done > 0.1:
            raise CancelledError

    with pytest.raises(CancelledError):
        synthetic.make(tmp_path / "stopped", parcels=300, progress=stop)
    assert list((tmp_path / "stopped").iterdir()) == []


def test_too_few_parcels_are_refused_in_both_languages(tmp_path: Path) -> None:
    with pytest.raises(ChigaiError) as refused:
        synthetic.make(tmp_path, parcels=10)
    assert "50" in refused.value.zh
    assert "50" in refused.value.en


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChigaiError):
        synthetic.make(tmp_path, seed=-1)


def test_districts_that_find_no_room_are_refused() -> None:
    recipe = yaml.safe_load(synthetic.RECIPE.read_text(encoding="utf-8"))
    with pytest.raises(ChigaiError) as refused:
        Room(recipe, seed=1).place("230302", (0.0, -9000.0, 20_000.0, 9000.0))
    assert "room" in refused.value.en
