"""Files that are to harm whoever takes a package back: each is refused whole."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geo.errors import ChigaiError
from tests.tracking.packages.conftest import CREW, kept
from tests.tracking.packages.phone import by_sqlite, fill, packed, row
from tracking import package_rows, packages
from tracking.store import Store


def slip(path: Path, phone: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.gpkg", b"x")
    return path


def bomb(path: Path, phone: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("blocks.gpkg", bytes(64_000_000))
    return path


def vrt(path: Path, phone: Path) -> Path:
    text = f"<OGRVRTDataSource><OGRVRTLayer name='reports'><SrcDataSource>{phone / 'blocks.gpkg'}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    (path.with_suffix(".gpkg")).write_text(text)
    return path.with_suffix(".gpkg")


def geojson(path: Path, phone: Path) -> Path:
    text = '{"type":"FeatureCollection","name":"reports","features":[]}'
    path.with_suffix(".gpkg").write_text(text)
    return path.with_suffix(".gpkg")


def database(path: Path, phone: Path) -> Path:
    by_sqlite(
        path.with_suffix(".db"), ["CREATE TABLE reports (uuid TEXT)", "INSERT INTO reports VALUES ('x')"]
    )
    return packed_as(path, {"blocks.gpkg": path.with_suffix(".db").read_bytes()})


def cut(path: Path, phone: Path) -> Path:
    return packed_as(path, {"blocks.gpkg": (phone / "blocks.gpkg").read_bytes()[:20_000]})


def without(path: Path, phone: Path) -> Path:
    return packed_as(path, {"project.qgs": b"<qgis/>"})


def no_zip(path: Path, phone: Path) -> Path:
    path.write_bytes(b"PK\x03\x04 and nothing")
    return path


def other(path: Path, phone: Path) -> Path:
    by_sqlite(phone / "blocks.gpkg", ["DELETE FROM gpkg_contents WHERE table_name = 'reports'",
                                      "DELETE FROM gpkg_geometry_columns WHERE table_name = 'reports'",
                                      "ALTER TABLE reports RENAME TO others"])  # fmt: skip
    return packed(phone, path)


def packed_as(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("harm", [slip, bomb, vrt, geojson, database, cut, without, no_zip, other])
def test_a_file_that_is_no_package_is_refused_whole(
    approved: Store, phone: Path, tmp_path: Path, harm: Callable[[Path, Path], Path]
) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")])
    made = harm(tmp_path / "in.zip", phone)
    with pytest.raises(ChigaiError) as told:
        packages.take(approved, made, CREW)
    assert told.value.zh and told.value.en and str(tmp_path) not in str(told.value)
    assert kept(approved) == 1
    assert not (tmp_path.parent / "evil.gpkg").exists()


def test_more_rows_than_a_crew_can_write_are_refused_whole(
    approved: Store, phone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")] * 4)
    monkeypatch.setattr(package_rows, "MOST_ROWS", 3)
    with pytest.raises(ChigaiError, match="超过 3 行"):
        packages.take(approved, phone, CREW)
    assert kept(approved) == 1


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files are read in a process of their own, as they are outside of the tests."""
    monkeypatch.undo()
    yield


ENDLESS = (
    "CREATE VIEW reports AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i AS fid, i AS uuid FROM n WHERE i < 0"
)


def test_a_file_that_never_ends_is_given_up(
    phone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: None
) -> None:
    by_sqlite(phone / "blocks.gpkg", ["DROP TABLE reports", ENDLESS])
    monkeypatch.setattr(package_rows, "SECONDS", 3)
    with pytest.raises(ChigaiError, match="已停止读取"):
        package_rows.read_apart(phone / "blocks.gpkg")


def test_rows_read_apart_are_the_rows(phone: Path, apart: None) -> None:
    fill(
        phone, [row("progress", "2021-10-08T08:00:00", done_mu=1.5, note="第一行\n“二”"), row("started", "x")]
    )
    path = phone / "blocks.gpkg"
    assert package_rows.read_apart(path) == package_rows.read(path)
    (phone / "other.gpkg").write_text("<OGRVRTDataSource/>")
    with pytest.raises(ChigaiError, match="VRT"):
        package_rows.read_apart(phone / "other.gpkg")
