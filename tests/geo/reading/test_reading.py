"""Facts about reading: the same paddies come out of every format, rows are told by number, nothing personal is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyproj import CRS

from geo.errors import ChigaiError
from geo.reading import Source, look, read, read_barriers
from geo.schemas import BARRIERS, MU_M2
from tests.geo import badfiles
from tests.geo.badfiles import written

COLUMNS = ["parcel_id", "county", "township", "village", "irrigation_district", "operator", "consent", "priority",
           "declared_mu", "source_row", "geometry"]  # fmt: skip
FORMATS = ["shp", "zip", "gpkg", "geojson", "fgb", "parquet", "gdb", "gdb.zip"]


# --- formats ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_parcels(tmp_path: Path, kind: str) -> None:
    frame = badfiles.paddies()
    loaded = read(Source(written(tmp_path, frame, kind)))
    parcels = loaded.parcels
    assert list(parcels.columns) == COLUMNS
    assert loaded.profile == "dk" and loaded.barriers is None
    assert loaded.crs == CRS.from_epsg(4553) == parcels.crs
    assert parcels["parcel_id"].tolist() == frame["DKBM"].tolist()
    assert set(parcels["county"]) == {"230381"}
    assert set(parcels["township"]) == {"230381100"}
    assert set(parcels["village"]) == {"230381100201"}
    assert parcels["declared_mu"].tolist() == [1.5] * 12
    assert parcels["source_row"].tolist() == list(range(1, 13))
    assert parcels["consent"].tolist() == [None] * 12
    assert np.allclose(parcels.area / MU_M2, 1.5)
    assert [f.kind for f in loaded.findings if f.kind not in ("personal_dropped", "encoding_assumed")] == []
    assert len(loaded.checksum) == 64


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "where",
    ["nr >= 3 AND nr < 6", "nr IN (3, 4, 5)", "nr BETWEEN 3 AND 5", "name = '三' OR name = '四' OR name LIKE '五%'",
     "NOT (nr < 3 OR nr > 5)"],
)  # fmt: skip
def test_a_condition_chooses_rows_and_keeps_their_numbers(tmp_path: Path, kind: str, where: str) -> None:
    frame = badfiles.paddies(7)[["DKBM", "geometry"]]
    frame["nr"] = np.arange(1, 8, dtype="int32")
    frame["name"] = list("一二三四五六七")
    loaded = read(Source(written(tmp_path, frame, kind), where=where))
    assert loaded.parcels["source_row"].tolist() == [3, 4, 5]
    assert loaded.parcels["parcel_id"].tolist() == frame["DKBM"].tolist()[2:5]


@pytest.mark.parametrize("kind", ["shp", "gpkg", "geojson", "fgb", "gdb", "parquet"])
@pytest.mark.parametrize(
    "where",
    [
        "乡镇='兴凯湖乡'",
        "\"乡镇\" = '兴凯湖乡'",
        "乡镇 like '兴凯湖%' and 乡镇 <> '乡镇'",
        "(乡镇)='兴凯湖乡'",
    ],
)
def test_a_condition_may_name_a_chinese_column_with_or_without_quotes(
    tmp_path: Path, kind: str, where: str
) -> None:
    frame = badfiles.paddies(6).assign(乡镇=["兴凯湖乡", "知一镇"] * 3)
    loaded = read(Source(written(tmp_path, frame, kind), where=where))
    assert loaded.parcels["source_row"].tolist() == [1, 3, 5]


@pytest.mark.parametrize("kind", ["shp", "gpkg", "geojson", "fgb", "parquet", "gdb"])
@pytest.mark.parametrize("where", ["no_such = 1", "DKBM = ", "1=1; DROP TABLE DK", "))", "' OR"])
def test_a_condition_that_cannot_be_run_is_refused_with_the_columns(
    tmp_path: Path, kind: str, where: str
) -> None:
    path = written(tmp_path, badfiles.paddies(3), kind)
    with pytest.raises(ChigaiError) as caught:
        read(Source(path, where=where))
    assert "DKBM" in caught.value.do_zh and "DKBM" in caught.value.do_en


@pytest.mark.parametrize("kind", ["shp", "gpkg", "parquet"])
def test_a_condition_that_nothing_meets_is_told(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, badfiles.paddies(3), kind)
    with pytest.raises(ChigaiError, match="DKBM = '1'"):
        read(Source(path, where="DKBM = '1'"))


@pytest.mark.parametrize(
    "attack", ["load_extension('x') = 1", "1 IN (SELECT 1 FROM pragma_database_list)", "writefile('x', 1)"]
)
def test_a_condition_reaches_nothing_outside_a_parquet_table(tmp_path: Path, attack: str) -> None:
    path = written(tmp_path, badfiles.paddies(3), "parquet")
    with pytest.raises(ChigaiError):
        read(Source(path, where=attack))


def test_row_numbers_are_places_in_the_table_even_after_deletions(tmp_path: Path) -> None:
    import pyogrio

    path = tmp_path / "a.gpkg"
    frame = badfiles.paddies(9)
    frame.index = [2, 3, 5, 7, 11, 13, 17, 19, 23]
    pyogrio.write_dataframe(frame.reset_index(names="fid"), path, FID="fid")
    loaded = read(Source(path, where=f"DKBM >= '{frame['DKBM'].iloc[5]}'"))
    assert loaded.parcels["source_row"].tolist() == [6, 7, 8, 9]


def test_deleted_rows_of_a_shapefile_are_passed_over_and_told(tmp_path: Path) -> None:
    path = badfiles.shapefile(tmp_path, badfiles.paddies(6))
    badfiles.delete_row(path, 3)
    loaded = read(Source(path))
    assert loaded.parcels["source_row"].tolist() == [1, 2, 4, 5, 6]
    assert np.allclose(loaded.parcels.area, 1000)
    assert [f.kind for f in loaded.findings if f.kind == "rows_deleted"] == ["rows_deleted"]


@pytest.mark.parametrize("kind", ["shp", "gpkg", "geojson", "fgb"])
def test_a_column_may_bear_the_name_that_gdal_gives_its_own(tmp_path: Path, kind: str) -> None:
    frame = badfiles.paddies(3)[["DKBM", "geometry"]]
    frame["OGC_FID"], frame["wkb_geom"] = [7, 8, 9], "x"
    path = written(tmp_path, frame, kind)
    assert read(Source(path, mapping={"parcel_id": "OGC_FID"})).parcels["parcel_id"].tolist() == [
        "7",
        "8",
        "9",
    ]
    assert look(Source(path)).sample["OGC_FID"].tolist() == ["7", "8", "9"]


def test_a_shapefile_and_its_zip_share_what_they_say(tmp_path: Path) -> None:
    plain = read(Source(written(tmp_path / "a", badfiles.paddies(), "shp")))
    packed = read(Source(written(tmp_path / "b", badfiles.paddies(), "zip")))
    pd.testing.assert_frame_equal(pd.DataFrame(plain.parcels), pd.DataFrame(packed.parcels))
    assert plain.checksum != packed.checksum


def test_geoarrow_parquet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    badfiles.paddies().to_parquet(path, geometry_encoding="geoarrow", schema_version="1.1.0")
    assert np.allclose(read(Source(path)).parcels.area / MU_M2, 1.5)


# --- DK -----------------------------------------------------------------------------------------------------


def test_other_land_than_paddies_is_left_out_of_dk_with_its_area(tmp_path: Path) -> None:
    frame = badfiles.paddies()
    frame["TDLYLX"] = ["011"] * 9 + ["013", "012", None]
    loaded = read(Source(written(tmp_path, frame, "gpkg")))
    assert len(loaded.parcels) == 10
    note = next(f for f in loaded.findings if f.kind == "not_paddy")
    assert note.action == "left_out" and note.area_mu == pytest.approx(3.0)
    assert loaded.parcels["source_row"].tolist() == [*range(1, 10), 12]


@pytest.mark.parametrize("codes", [None, [None] * 12, [""] * 12])
def test_dk_without_land_use_keeps_all(tmp_path: Path, codes: list[str | None] | None) -> None:
    frame = badfiles.paddies().drop(columns="TDLYLX")
    if codes is not None:
        frame["TDLYLX"] = pd.array(codes, dtype="str")
    assert len(read(Source(written(tmp_path, frame, "gpkg"))).parcels) == 12


def test_a_dk_without_any_paddy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChigaiError, match="水田"):
        read(Source(written(tmp_path, badfiles.paddies().assign(TDLYLX="013"), "gpkg")))


def test_declared_area_falls_back_on_square_metres(tmp_path: Path) -> None:
    frame = badfiles.paddies()
    frame.loc[3, "SCMJM"] = 0
    assert read(Source(written(tmp_path, frame, "gpkg"))).parcels["declared_mu"][3] == pytest.approx(1.5)
    only = read(Source(written(tmp_path / "b", frame.drop(columns="SCMJM"), "gpkg"))).parcels["declared_mu"]
    assert np.allclose(only, 1.5)


def test_ids_as_whole_numbers_keep_every_digit(tmp_path: Path) -> None:
    frame = badfiles.paddies()
    frame["DKBM"] = frame["DKBM"].astype("int64")
    parcels = read(Source(written(tmp_path, frame, "gpkg"))).parcels
    assert parcels["parcel_id"].tolist() == badfiles.paddies()["DKBM"].tolist()
    assert set(parcels["county"]) == {"230381"}


def test_ids_that_lost_their_digits_are_not_used(tmp_path: Path) -> None:
    frame = badfiles.paddies()
    frame["DKBM"] = frame["DKBM"].astype("float64")
    loaded = read(Source(written(tmp_path, frame, "gpkg")))
    assert loaded.parcels["parcel_id"].tolist() == [f"row-{i:06d}" for i in range(1, 13)]
    assert set(loaded.parcels["county"]) == {"230381"}
    assert "ids_made" in [f.kind for f in loaded.findings]


def test_nothing_personal_is_read(tmp_path: Path) -> None:
    frame = badfiles.paddies().assign(
        CBFMC="王五", CBFZJHM="230381197001010011", LXDH="13900000000", CBFBM="230381100201010001"
    )
    loaded = read(Source(written(tmp_path, frame, "gpkg")))
    everything = loaded.parcels.to_csv() + str(loaded.findings)
    for secret in ("张三", "李四", "王五", "197001010011", "13900000000"):
        assert secret not in everything
    assert set(loaded.parcels["operator"]) == {"230381100201010001"}
    note = next(f for f in loaded.findings if f.kind == "personal_dropped")
    assert "CBFMC" in note.zh and "DKDZ" in note.en
    preview = look(Source(tmp_path / "DK.gpkg"))
    assert {"DKDZ", "ZJRXM", "CBFMC", "CBFZJHM", "LXDH"} <= set(preview.dropped)
    assert not {"DKDZ", "CBFMC"} & set(preview.sample.columns)


# --- DLTB ---------------------------------------------------------------------------------------------------


def test_dltb_gives_paddies_and_barriers(tmp_path: Path) -> None:
    loaded = read(Source(written(tmp_path, badfiles.land_use(), "shp")))
    assert loaded.profile == "dltb"
    assert loaded.parcels["parcel_id"].tolist() == [f"23038121{i:010d}" for i in range(3)]
    assert set(loaded.parcels["county"]) == {"230381"}
    assert set(loaded.parcels["village"]) == {"230381100201"}
    assert np.allclose(loaded.parcels["declared_mu"], 5001.5 / MU_M2)
    barriers = loaded.barriers
    assert barriers is not None and barriers.crs == loaded.crs
    assert barriers["kind"].tolist() == ["road", "main_canal", "shelterbelt", "other"]
    assert barriers["fixed"].all()
    assert barriers["width_m"].tolist() == pytest.approx([6.5, 100 / 3, 100 / 3, 100 / 3])
    BARRIERS.validate(barriers)


def test_dltb_ids_are_what_tells_the_rows_apart(tmp_path: Path) -> None:
    frame = badfiles.land_use().assign(BSM="0")
    by_number = read(Source(written(tmp_path / "a", frame, "gpkg"))).parcels["parcel_id"]
    assert by_number.tolist() == [f"2303811002010000000-{i:04d}" for i in range(3)]
    loaded = read(Source(written(tmp_path / "b", frame.assign(TBBH="7"), "gpkg")))
    assert loaded.parcels["parcel_id"].is_unique
    assert "ids_made" in [f.kind for f in loaded.findings]


def test_barriers_may_come_from_a_dltb_of_their_own(tmp_path: Path) -> None:
    found, _ = read_barriers(Source(written(tmp_path, badfiles.land_use(), "gpkg")), CRS.from_epsg(4553))
    assert found["kind"].tolist() == ["road", "main_canal", "shelterbelt", "other"]


# --- any other file -----------------------------------------------------------------------------------------


def test_geometry_alone_is_enough_and_made_ids_are_told(tmp_path: Path) -> None:
    loaded = read(Source(written(tmp_path, badfiles.paddies()[["geometry"]], "gpkg"), county="230381"))
    assert loaded.profile == "generic"
    assert loaded.parcels["parcel_id"].tolist() == [f"row-{i:06d}" for i in range(1, 13)]
    assert set(loaded.parcels["county"]) == {"230381"}
    assert [f.kind for f in loaded.findings] == ["ids_made"]


def test_the_county_given_fills_only_what_is_missing(tmp_path: Path) -> None:
    frame = badfiles.paddies()[["geometry"]].assign(county=["230382"] * 6 + [None] * 6)
    parcels = read(Source(written(tmp_path, frame, "gpkg"), county="230381")).parcels
    assert parcels["county"].tolist() == ["230382"] * 6 + ["230381"] * 6


@pytest.mark.parametrize("county", ["虎林市", "2303", "2303810"])
def test_a_county_that_is_no_code_is_refused(tmp_path: Path, county: str) -> None:
    with pytest.raises(ChigaiError, match="230381"):
        read(Source(written(tmp_path, badfiles.paddies(), "gpkg"), county=county))


def test_a_mapping_of_the_user_is_followed(tmp_path: Path) -> None:
    frame = badfiles.paddies()[["geometry"]]
    frame["X1"], frame["X2"], frame["X3"], frame["X4"] = range(12), "是", 1000.0, "青年灌区"
    given_ = {"parcel_id": "X1", "consent": "X2", "declared_m2": "x3", "irrigation_district": "X4"}
    parcels = read(Source(written(tmp_path, frame, "shp"), mapping=given_)).parcels
    assert parcels["parcel_id"].tolist() == [str(i) for i in range(12)]
    assert parcels["consent"].tolist() == [True] * 12
    assert np.allclose(parcels["declared_mu"], 1.5)
    assert set(parcels["irrigation_district"]) == {"青年灌区"}
    with pytest.raises(ChigaiError, match="X9"):
        read(Source(written(tmp_path, frame, "shp"), mapping={"county": "X9"}))


def test_empty_ids_are_made_by_row(tmp_path: Path) -> None:
    frame = badfiles.paddies()
    frame.loc[[2, 5], "DKBM"] = [None, " "]
    loaded = read(Source(written(tmp_path, frame, "gpkg")))
    assert loaded.parcels["parcel_id"][[2, 5]].tolist() == ["row-000003", "row-000006"]
    assert "ids_made" in [f.kind for f in loaded.findings]


@pytest.mark.filterwarnings("ignore:Normalized")  # the shapefile cuts names, which is the point
def test_what_chigai_writes_it_reads_back(tmp_path: Path) -> None:
    frame = badfiles.paddies()[["geometry"]]
    frame["parcel_id"] = [f"p{i}" for i in range(12)]
    frame["county"], frame["irrigation_district"], frame["operator"] = "230381", "青年灌区", "h1"
    frame["consent"] = [True, False, None] * 4
    frame["priority"], frame["declared_mu"] = "旅游", 1.4
    for kind in ("gpkg", "shp", "parquet", "fgb"):
        loaded = read(Source(written(tmp_path / kind, frame, kind)))
        assert loaded.profile == "chigai"
        assert loaded.parcels["consent"].tolist() == [True, False, None] * 4
        for name in ("parcel_id", "county", "irrigation_district", "operator", "priority", "declared_mu"):
            assert loaded.parcels[name].tolist() == frame[name].tolist(), (kind, name)


# --- a look before reading ----------------------------------------------------------------------------------


def test_a_look_shows_what_reading_would_take(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies(50), "zip")
    preview = look(Source(path), rows=5)
    assert preview.layers == ["DK2303812019"] and preview.layer == "DK2303812019"
    assert preview.rows == 50 and len(preview.sample) == 5
    assert preview.profile == "dk" and preview.mapping["parcel_id"] == "DKBM"
    assert preview.encoding == "GBK" and preview.crs == CRS.from_epsg(4553)
    assert preview.sample["DKMC"].tolist() == ["兴凯湖边地"] * 5
    assert preview.problems == []


@pytest.mark.parametrize("kind", FORMATS)
def test_a_look_works_for_every_format(tmp_path: Path, kind: str) -> None:
    preview = look(Source(written(tmp_path, badfiles.paddies(30), kind)), rows=3)
    assert len(preview.sample) == 3 and preview.rows == 30 and preview.problems == []
