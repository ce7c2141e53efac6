"""Uploads stay in their folder whatever they are called, and the same content is kept once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geo.errors import ChigaiError
from tracking import files


@given(st.text(max_size=300))
@example("0" * 119 + " 0")
@example("a." + "b" * 200)
@example("长" * 60 + ". .zip")
def test_a_safe_name_is_one_plain_part_of_a_path(name: str) -> None:
    safe = files.safe_name(name)
    assert safe == Path(safe).name
    assert safe not in ("", ".", "..") and not safe.startswith(".")
    assert len(safe.encode()) <= 120
    assert not any(c in safe for c in '/\\\0\n\r:*?"<>|')
    assert files.safe_name(safe) == safe


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("地块（2021）.zip", "地块（2021）.zip"),
        ("../../etc/passwd.zip", "passwd.zip"),
        ("C:\\数据\\DK.zip", "DK.zip"),
        ("a\nb;c.zip", "a_b_c.zip"),
        ("...zip", "zip"),
        ("长" * 100 + ".gpkg", "长" * 38 + ".gpkg"),
    ],
)
def test_names_keep_what_is_harmless(given: str, kept: str) -> None:
    assert files.safe_name(given) == kept


def test_a_file_is_kept_under_its_checksum_and_found_again(tmp_path: Path) -> None:
    reference = files.keep(tmp_path, {"../地块.gpkg": b"abc"}, 50)
    assert reference == f"{hashlib.sha256(b'abc').hexdigest()}/地块.gpkg"
    assert files.path(tmp_path, reference).read_bytes() == b"abc"
    assert files.keep(tmp_path, {"地块.gpkg": b"abc"}, 50) == reference
    other = files.keep(tmp_path, {"另一名.gpkg": b"abc"}, 50)
    assert files.path(tmp_path, other).read_bytes() == b"abc"
    assert len(list((tmp_path / "files").iterdir())) == 1


def test_the_parts_of_a_shapefile_are_kept_together(tmp_path: Path) -> None:
    parts = {"DK.dbf": b"2", "DK.shp": b"1", "DK.shx": b"3", "DK.prj": b"4"}
    reference = files.keep(tmp_path, parts, 50)
    assert reference.endswith("/DK.shp")
    assert {p.name for p in files.path(tmp_path, reference).parent.iterdir()} == set(parts)
    renamed = {name.replace("DK", "ZD"): content for name, content in parts.items()}
    assert files.keep(tmp_path, renamed, 50).partition("/")[0] != reference.partition("/")[0]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"a.mdb": b"x"}, "不认识"),
        ({"a.gpkg": b"x", "b.gpkg": b"y"}, "一次只能读一份"),
        ({"a.shp": b"x", "b.dbf": b"y"}, "一次只能读一份"),
        ({"a.gpkg": b"x", "a.dbf": b"y"}, "一次只能读一份"),
        ({"a.gpkg": b""}, "空的"),
        ({"a.gpkg": b"x" * 2_000_000}, "超过网页上传的上限 1 MB"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_not_kept(
    parts: dict[str, bytes], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ChigaiError) as refusal:
        files.keep(tmp_path, parts, 1)
    assert says in refusal.value.text("zh")
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "demo",
        "demo/",
        "demo/../secret.txt",
        "../secret.txt",
        f"{'0' * 64}/../../secret.txt",
        f"{'0' * 64}/none.gpkg",
        "/etc/passwd",
        "demo/link.gpkg",
    ],
)
def test_a_reference_that_leads_anywhere_else_is_refused(reference: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "link.gpkg").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(ChigaiError):
        files.path(tmp_path, reference)


@pytest.mark.parametrize("parcels_id", ["..", "a/b", "", "a.b"])
def test_an_id_of_parcels_that_is_no_plain_name_is_refused(parcels_id: str, tmp_path: Path) -> None:
    with pytest.raises(ChigaiError):
        files.manifest(tmp_path, parcels_id)


def test_a_source_takes_its_known_fields_alone(tmp_path: Path) -> None:
    reference = files.keep(tmp_path, {"a.gpkg": b"x"}, 50)
    source = files.source(
        {"file": reference, "layer": "DK", "where": "", "crs": 4553, "mapping": {}}, tmp_path
    )
    assert (source.path.name, source.layer, source.where, source.crs, source.mapping) == (
        "a.gpkg", "DK", None, 4553, None,
    )  # fmt: skip
    with pytest.raises(ChigaiError):
        files.source({"file": reference, "path": "/etc/passwd"}, tmp_path)


def test_a_folder_put_in_place_is_there_whole(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    (made / "manifest.json").write_text("{}")
    assert (files.put_in_place(made, tmp_path / "parcels" / "one") / "manifest.json").is_file()
    assert not made.exists()
