"""Facts about opening files: what is cut, forged or dangerous is refused by name; nothing is written beside it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from geo.errors import ChigaiError
from geo.reading import Source, archives, layers, look, read, sources
from tests.geo import badfiles


def refusal(path: Path, **options: object) -> ChigaiError:
    with pytest.raises(ChigaiError) as caught:
        read(Source(path, **options))  # type: ignore[arg-type]
    assert caught.value.zh and caught.value.en
    assert caught.value.do_zh and caught.value.do_en
    assert caught.value.file
    return caught.value


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*"))}


# --- shapefiles ---------------------------------------------------------------------------------------------


def test_a_cut_dbf_is_refused_with_both_counts(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies(300))
    badfiles.cut(shp.with_suffix(".dbf"), 0.5)
    error = refusal(shp)
    assert error.file == "DK2303812019.dbf"
    assert "300" in error.zh and "149" in error.zh and "149" in error.en


def test_a_cut_shp_is_refused_with_both_counts(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies(300))
    badfiles.cut(shp, 0.5)
    error = refusal(shp)
    assert error.file == "DK2303812019.shp"
    assert "300" in error.en and "149" in error.en


def test_a_cut_shx_is_refused(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies(300))
    badfiles.cut(shp.with_suffix(".shx"), 0.5)
    assert refusal(shp).file == "DK2303812019.shx"


@pytest.mark.parametrize("part", [".shx", ".dbf"])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies())
    shp.with_suffix(part).unlink()
    assert f"DK2303812019{part}" in refusal(shp).en
    assert f"DK2303812019{part}" in refusal(badfiles.zipped(badfiles.parts(shp), tmp_path / "dk.zip")).zh


def test_a_missing_shp_is_named_whatever_part_was_given(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path / "a", badfiles.paddies())
    shp.unlink()
    for given in (
        shp.with_suffix(".dbf"),
        tmp_path / "a",
        badfiles.zipped(badfiles.parts(shp), tmp_path / "z.zip"),
    ):
        assert "DK2303812019.shp" in refusal(given).zh


def test_a_table_of_another_length_is_refused(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path / "a", badfiles.paddies(12))
    other = badfiles.shapefile(tmp_path / "b", badfiles.paddies(9))
    shutil.copy(other.with_suffix(".dbf"), shp.with_suffix(".dbf"))
    error = refusal(shp)
    assert "12" in error.en and "9" in error.en


def test_any_part_of_a_shapefile_stands_for_it(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies())
    assert len(read(Source(shp.with_suffix(".dbf"))).parcels) == 12


def test_parts_in_other_letter_case_belong_together(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies())
    for suffix, other in (
        (".shp", "dk2303812019.SHP"),
        (".dbf", "DK2303812019.Dbf"),
        (".prj", "DK2303812019.PRJ"),
    ):
        shp.with_suffix(suffix).rename(tmp_path / other)
    loaded = read(Source(tmp_path / "dk2303812019.SHP"))
    assert len(loaded.parcels) == 12
    assert loaded.crs.to_epsg() == 4553


# --- forged and unknown files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>",
        '{"type": "gdal_streamed_alg", "command_line": "gdal vector read /etc/passwd ! write stdout"}',
        '{"type": "Topology", "objects": {}}',
        "id,wkt\n1,POLYGON ((0 0,1 0,1 1,0 0))\n",
        "<html></html>",
    ],
)
@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".json"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, content: str, suffix: str) -> None:
    forged = tmp_path / f"parcels{suffix}"
    forged.write_text(content)
    assert suffix in refusal(forged).zh
    assert "passwd" not in str(refusal(forged))


def test_a_vrt_inside_a_zip_or_a_folder_is_never_opened(tmp_path: Path) -> None:
    vrt = tmp_path / "f" / "a.geojson"
    vrt.parent.mkdir()
    vrt.write_text("<OGRVRTDataSource></OGRVRTDataSource>")
    refusal(vrt.parent)
    refusal(badfiles.zipped([vrt], tmp_path / "a.zip"))
    other = vrt.rename(vrt.with_suffix(".vrt"))
    refusal(other)
    refusal(badfiles.zipped([other], tmp_path / "b.zip"))


@pytest.mark.parametrize("first", ["geo.reading", "geo.boundaries", "geo.export", "cli"])
def test_drivers_that_reach_other_files_or_the_network_are_not_loaded(first: str) -> None:
    code = (
        f"import {first}, geo.drivers, pyogrio; print(set(geo.drivers.SKIPPED) & set(pyogrio.list_drivers()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["a.xlsx", "a.dwg", "a", "a.kml", "a.tif"])
def test_an_unknown_type_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"anything at all")
    error = refusal(path)
    assert "GeoPackage" in error.do_zh and "GeoPackage" in error.do_en


@pytest.mark.parametrize("content", [b"\x00\x01\x00\x00Standard Jet DB\x00" + bytes(99), b"other"])
def test_an_access_database_says_how_to_convert_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "2303812019.mdb"
    path.write_bytes(content)
    assert "MDB" in refusal(path).zh
    assert "QGIS" in refusal(path).do_en
    assert "MDB" in refusal(badfiles.zipped([path], tmp_path / "a.zip")).zh


def test_an_empty_file_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").touch()
    assert "空" in refusal(tmp_path / "a.gpkg").zh
    assert "不存在" in refusal(tmp_path / "b.gpkg").zh


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".parquet"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.97])
def test_a_file_cut_short_is_refused_in_every_format(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"a{suffix}"
    frame = badfiles.paddies(300)
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
    refusal(badfiles.cut(path, keep))


def test_plain_sqlite_and_plain_parquet_are_refused(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "a.sqlite")
    base.execute("CREATE TABLE t (a)")
    base.commit()
    base.close()
    assert "SQLite" in refusal(tmp_path / "a.sqlite").en
    badfiles.paddies().drop(columns="geometry").to_parquet(tmp_path / "a.parquet")
    assert "GeoParquet" in refusal(tmp_path / "a.parquet").en


# --- zips ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../a.shp",
        "x/../../a.shp",
        "..\\a.shp",
        "/tmp/a.shp",
        "\\a.shp",
        "C:/a.shp",
        "C:\\a.shp",
        "a\x01.shp",
        "../../note.txt",
    ],
)
def test_a_zip_that_would_write_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    room = tmp_path / "x"
    room.mkdir()
    evil = badfiles.zip_with(room / "a.zip", name)
    before = files(tmp_path)
    refusal(evil)
    assert files(tmp_path) == before


def test_a_zip_with_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    evil = badfiles.zip_with(tmp_path / "a.zip", "a.shp", b"/etc/passwd", link=True)
    assert "链接" in refusal(evil).zh


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = badfiles.zip_with(tmp_path / "a.zip", "a.shp", bytes(40_000_000))
    opened: list[object] = []
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *a, **k: opened.append(a))
    assert "压缩比" in refusal(bomb).zh
    assert opened == []


def test_a_zip_too_large_or_with_too_many_members_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies())
    archive = badfiles.zipped(badfiles.parts(shp), tmp_path / "a.zip")
    with monkeypatch.context() as patch:
        patch.setattr(archives, "MAX_BYTES", 1000)
        refusal(archive)
    with monkeypatch.context() as patch:
        patch.setattr(archives, "MAX_ENTRIES", 2)
        refusal(archive)
    assert len(read(Source(archive)).parcels) == 12


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.shp", b"1")
        archive.writestr("a.shp", b"2")
    refusal(tmp_path / "a.zip")


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies(300))
    whole = badfiles.zipped(badfiles.parts(shp), tmp_path / "a.zip").read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: len(whole) // 2])
    refusal(cut)
    flipped = bytearray(whole)
    for at in range(60, 600, 7):
        flipped[at] ^= 0x10
    (tmp_path / "flipped.zip").write_bytes(flipped)
    refusal(tmp_path / "flipped.zip")


def test_a_zip_with_names_in_gbk_is_read(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies(), name="虎林市地块")
    archive = badfiles.zipped(badfiles.parts(shp), tmp_path / "a.zip", folder="矢量数据/", gbk=True)
    assert layers(archive) == ["虎林市地块"]
    assert len(read(Source(archive)).parcels) == 12


def test_capital_endings_in_a_zip_are_read(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for part in badfiles.parts(shp):
            archive.writestr(part.stem + part.suffix.upper(), part.read_bytes())
    assert len(read(Source(tmp_path / "a.zip")).parcels) == 12


def test_a_zipped_filegdb_is_read(tmp_path: Path) -> None:
    path = badfiles.gdb(tmp_path, {"DK": badfiles.paddies()})
    shutil.make_archive(str(tmp_path / "b"), "zip", tmp_path, path.name)
    assert layers(tmp_path / "b.zip") == ["DK"]
    assert len(read(Source(tmp_path / "b.zip")).parcels) == 12


def test_what_was_unpacked_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    shp = badfiles.shapefile(tmp_path, badfiles.paddies())
    archive = badfiles.zipped(badfiles.parts(shp), tmp_path / "a.zip")
    read(Source(archive))
    look(Source(archive))
    refusal(archive, layer="other")
    assert list(room.iterdir()) == []


# --- the user's folder --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gpkg", "shp", "geojson", "gdb", "parquet", "fgb"])
def test_reading_writes_nothing_beside_the_file(tmp_path: Path, kind: str) -> None:
    frame = badfiles.paddies()
    if kind == "gdb":
        path = badfiles.gdb(tmp_path, {"DK": frame})
    elif kind == "shp":
        path = badfiles.shapefile(tmp_path, frame)
    else:
        path = tmp_path / f"a.{kind}"
        frame.to_parquet(path) if kind == "parquet" else frame.to_file(path)
    before = files(tmp_path)
    read(Source(path))
    look(Source(path))
    assert files(tmp_path) == before


def test_a_geopackage_open_elsewhere_is_read_with_its_latest_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    badfiles.paddies().to_file(path)
    writer = f"""
import sqlite3, os
base = sqlite3.connect({str(path)!r})
base.execute("PRAGMA journal_mode=WAL")
for trigger, in base.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
    base.execute(f'DROP TRIGGER "{{trigger}}"')
base.execute("DELETE FROM a WHERE fid > 9")
base.execute("UPDATE gpkg_ogr_contents SET feature_count = 9")
base.commit()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", writer], check=True)
    assert (tmp_path / "a.gpkg-wal").stat().st_size > 0
    before = files(tmp_path)
    assert len(read(Source(path)).parcels) == 9
    assert files(tmp_path) == before


def test_a_geopackage_whose_kept_count_is_out_of_date_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    badfiles.paddies().to_file(path)
    writer = f"import sqlite3; b = sqlite3.connect({str(path)!r}); b.execute('UPDATE gpkg_ogr_contents SET feature_count = 99'); b.commit()"
    subprocess.run([sys.executable, "-c", writer], check=True)
    assert len(read(Source(path)).parcels) == 12


# --- layers -------------------------------------------------------------------------------------------------


def test_of_several_layers_the_only_recognised_one_is_taken_and_told(tmp_path: Path) -> None:
    other = badfiles.paddies(3)[["DKMC", "geometry"]]
    path = badfiles.gdb(tmp_path, {"XZDW": other, "DK": badfiles.paddies(), "ZJ": other})
    loaded = read(Source(path))
    assert len(loaded.parcels) == 12
    assert [f.kind for f in loaded.findings if f.kind == "layer_chosen"] == ["layer_chosen"]


def test_of_several_like_layers_one_has_to_be_named(tmp_path: Path) -> None:
    path = badfiles.gdb(tmp_path, {"DK1": badfiles.paddies(5), "DK2": badfiles.paddies(6)})
    error = refusal(path)
    assert "DK1" in error.do_zh and "DK2" in error.do_en and "--layer" in error.do_en
    assert len(read(Source(path, layer="DK2")).parcels) == 6
    assert "DK1" in refusal(path, layer="DK9").do_zh
    preview = look(Source(path))
    assert preview.layers == ["DK1", "DK2"]
    assert preview.layer is None and preview.problems


def test_an_empty_layer_and_a_layer_without_polygons_are_refused(tmp_path: Path) -> None:
    badfiles.paddies().iloc[:0].to_file(tmp_path / "empty.gpkg", geometry_type="Polygon")
    assert "空" in refusal(tmp_path / "empty.gpkg").zh
    lines = badfiles.paddies()
    lines.geometry = lines.boundary
    lines.to_file(tmp_path / "lines.gpkg")
    assert "lines" in refusal(tmp_path / "lines.gpkg").do_en
    lines.geometry = badfiles.paddies().centroid
    lines.to_file(tmp_path / "points.geojson")
    assert "面" in refusal(tmp_path / "points.geojson").zh


def test_several_shapefiles_in_a_folder_are_layers(tmp_path: Path) -> None:
    badfiles.shapefile(tmp_path / "矢量数据", badfiles.paddies())
    badfiles.shapefile(tmp_path / "矢量数据", badfiles.paddies(3)[["DKMC", "geometry"]], name="XZQ")
    assert layers(tmp_path) == ["DK2303812019", "XZQ"]
    assert len(read(Source(tmp_path)).parcels) == 12


def test_shapefiles_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    for i, folder in enumerate(("东", "西")):
        badfiles.shapefile(tmp_path / folder, badfiles.paddies(3 + i), name="DK")
    names = layers(tmp_path)
    assert len(set(names)) == 2
    assert sorted(len(read(Source(tmp_path, layer=n)).parcels) for n in names) == [3, 4]
    refusal(tmp_path, layer="DK")


# --- the rest -----------------------------------------------------------------------------------------------


def test_geojson_in_gbk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    frame = badfiles.paddies()[["geometry"]]
    frame["village"] = "兴凯村"
    frame.to_crs(4490).to_file(path)
    path.write_bytes(path.read_text(encoding="utf-8").encode("gbk"))
    assert read(Source(path, crs=4490)).parcels["village"].eq("兴凯村").all()


def test_geojson_of_one_feature_or_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    frame = badfiles.paddies(1).to_crs(4326)
    whole = json.loads(frame.to_json())
    (tmp_path / "one.geojson").write_text(json.dumps(whole["features"][0]))
    assert len(read(Source(tmp_path / "one.geojson")).parcels) == 1
    (tmp_path / "bom.geojson").write_bytes(b"\xef\xbb\xbf" + json.dumps(whole).encode())
    assert len(read(Source(tmp_path / "bom.geojson")).parcels) == 1


def test_the_checksum_tells_files_apart_and_covers_all_parts(tmp_path: Path) -> None:
    shp = badfiles.shapefile(tmp_path, badfiles.paddies())
    first = sources.checksum(shp)
    assert first == sources.checksum(shp.with_suffix(".dbf")) == read(Source(shp)).checksum
    badfiles.language(shp, 0x4D)
    assert sources.checksum(shp) != first


def test_a_readers_message_holds_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "张三的文件夹" / "a.fgb"
    path.parent.mkdir()
    badfiles.paddies(50).to_file(path)
    error = refusal(badfiles.cut(path, 0.6))
    assert "张三" not in str(error)
