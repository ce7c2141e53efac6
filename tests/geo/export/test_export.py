"""Every door out: whole, replaced in one step, and without persons."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pyogrio.errors
import pytest

from geo import export as doors
from geo.errors import ChigaiError
from geo.export import FORMATS, export, vectors
from tests.geo.export import pdf_reader

SUFFIX = {fmt: chosen.suffixes[0] for fmt, chosen in FORMATS.items()}
ALL = sorted(FORMATS)


def contents(path: Path) -> bytes:
    """All bytes of what was written, archives opened."""
    raw = b""
    for file in sorted(path.parent.iterdir()):
        data = file.read_bytes()
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(file) as archive:
                raw += b"".join(n.encode() + archive.read(n) for n in archive.namelist())
        if data.startswith(b"%PDF"):
            raw += "\n".join(pdf_reader.texts(file)).encode()
        raw += file.name.encode() + data
    return raw


def test_the_formats() -> None:
    assert set(FORMATS) == {"gpkg", "shp", "geojson", "kml", "dxf", "txt", "xlsx", "stakes", "sheets"}


@pytest.mark.parametrize("fmt", ALL)
def test_no_person_and_no_code_gets_out(by_hand: Any, tmp_path: Path, fmt: str) -> None:
    out = tmp_path / f"plan{SUFFIX[fmt]}"
    assert export(by_hand.folder, fmt, out) is None
    raw = contents(out)
    for secret in by_hand.secrets:
        for encoding in ("utf-8", "gbk", "utf-16-le"):
            assert secret.encode(encoding) not in raw, secret
    # names of columns that would hold them, and what a household said
    for word in ("operator_", "consent", "share", "农户未同意", "77.125"):
        assert word.encode() not in raw
    assert not re.search(rb"(?<!\d)2303\d{15}(?!\d)", raw)


@pytest.mark.parametrize("fmt", ALL)
def test_internal_exports_are_marked_and_still_name_nobody(by_hand: Any, tmp_path: Path, fmt: str) -> None:
    out = tmp_path / f"plan{SUFFIX[fmt]}"
    export(by_hand.folder, fmt, out, names=True)
    raw = contents(out)
    assert any("内部资料".encode(encoding) in raw for encoding in ("utf-8", "gbk"))
    for secret in by_hand.secrets[:4]:
        assert secret.encode() not in raw, secret
    if fmt in ("gpkg", "shp"):
        assert by_hand.plan.parcels["parcel_id"][0].encode() in raw


@pytest.mark.parametrize("fmt", ALL)
def test_nothing_but_the_file_is_left(by_hand: Any, tmp_path: Path, fmt: str) -> None:
    suffix = ".zip" if fmt == "shp" else SUFFIX[fmt]
    export(by_hand.folder, fmt, tmp_path / f"方案{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [f"方案{suffix}"]


@pytest.mark.parametrize("fmt", ALL)
def test_a_file_that_is_there_is_replaced(by_hand: Any, tmp_path: Path, fmt: str) -> None:
    out = tmp_path / f"plan{SUFFIX[fmt]}"
    out.write_bytes(b"old")
    export(by_hand.folder, fmt, out)
    assert out.read_bytes() != b"old"
    first = len(out.read_bytes())
    export(by_hand.folder, fmt, out)
    # random ids of one length: what is new replaced what was, it did not grow
    assert abs(len(out.read_bytes()) - first) <= 0.05 * first


@pytest.mark.parametrize(
    "failure",
    [
        OSError(28, "No space left on device"),
        pyogrio.errors.FeatureError("could not write"),
        ValueError("broken"),
    ],
)
def test_a_failed_export_leaves_the_old_file(
    by_hand: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def half(out: object, path: Path, options: object) -> None:
        path.write_bytes(b"half")
        raise failure

    monkeypatch.setitem(FORMATS, "txt", doors.Format((".txt",), half))
    out = tmp_path / "plan.txt"
    out.write_bytes(b"old")
    with pytest.raises(ValueError if isinstance(failure, ValueError) else ChigaiError):
        export(by_hand.folder, "txt", out)
    assert out.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["plan.txt"]


def test_a_layer_cut_short_is_noticed(by_hand: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = vectors.pyogrio.write_dataframe
    monkeypatch.setattr(
        vectors.pyogrio,
        "write_dataframe",
        lambda frame, *a, **k: whole(frame.iloc[: len(frame) // 2], *a, **k),
    )
    with pytest.raises(ChigaiError, match="Only 2 of 4 rows"):
        export(by_hand.folder, "gpkg", tmp_path / "plan.gpkg")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_lists_the_known_ones(by_hand: Any, tmp_path: Path) -> None:
    with pytest.raises(ChigaiError) as caught:
        export(by_hand.folder, "dwg", tmp_path / "plan.dwg")
    for fmt in FORMATS:
        assert fmt in caught.value.text("zh") and fmt in caught.value.text("en")


@pytest.mark.parametrize(
    ("out", "word"),
    [("none/plan.gpkg", "does not exist"), (".", "is a folder"), ("plan.xlsx", "cannot end with .xlsx")],
)
def test_a_place_that_will_not_do_is_refused(by_hand: Any, tmp_path: Path, out: str, word: str) -> None:
    with pytest.raises(ChigaiError, match=word):
        export(by_hand.folder, "gpkg", tmp_path / out)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChigaiError, match=r"plan\.json"):
        export(tmp_path, "gpkg", tmp_path / "plan.gpkg")


def test_a_name_without_suffix_is_taken_as_it_is(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "gpkg", tmp_path / "plan")
    assert (tmp_path / "plan").read_bytes()[:15] == b"SQLite format 3"


@pytest.mark.parametrize("fmt", ALL)
def test_a_plan_without_blocks_is_written_too_but_not_drawn(by_hand: Any, tmp_path: Path, fmt: str) -> None:
    from geo import plans

    plan = plans.read(by_hand.folder)
    plan.blocks, plan.sites = plan.blocks.iloc[:0], plan.sites.iloc[:0]
    plan.parcels["block_id"] = None
    plan.findings = plan.findings.iloc[:0]
    folder = plans.write(plan, tmp_path / "empty")
    out = tmp_path / f"plan{SUFFIX[fmt]}"
    if fmt == "sheets":
        with pytest.raises(ChigaiError, match="no block"):
            export(folder, fmt, out)
        return
    export(folder, fmt, out)
    assert out.stat().st_size > 0


@pytest.mark.parametrize("fmt", [f for f in ALL if FORMATS[f].by_site])
def test_an_archive_of_nothing_is_refused(by_hand: Any, tmp_path: Path, fmt: str) -> None:
    from geo import plans

    plan = plans.read(by_hand.folder)
    plan.blocks, plan.sites = plan.blocks.iloc[:0], plan.sites.iloc[:0]
    plan.parcels["block_id"] = None
    folder = plans.write(plan, tmp_path / "empty")
    with pytest.raises(ChigaiError, match="no block"):
        export(folder, fmt, tmp_path / "plan.zip")
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]
