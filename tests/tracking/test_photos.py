"""A photo is kept once, before a report names it; what does not fit place and time is flagged, not hidden."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyproj
import pytest
import shapely
import sqlalchemy as sa

from geo.errors import ChigaiError
from tests.tracking.camera import jpeg, photo, scene
from tests.tracking.writer import opinion
from tracking import orphans, photos, tables
from tracking.ledger import Event, append, events
from tracking.states import LOCAL
from tracking.store import Store

Report = Callable[..., Event]
START = datetime(2021, 9, 20, tzinfo=UTC)


def place(store: Store, metres: float = 0.0, block: str = "b1") -> tuple[float, float]:
    """A place some metres north of the middle of the block's northern side."""
    with store.reading() as connection:
        query = sa.select(tables.blocks.c.geometry).where(tables.blocks.c.block_id == block)
        outline = shapely.from_wkb(bytes(connection.scalar(query)))
    x = (outline.bounds[0] + outline.bounds[2]) / 2
    side = shapely.intersection(outline.boundary, shapely.LineString([(x, -90), (x, 90)]))
    y = side.bounds[3]
    lon, lat, _ = pyproj.Geod(ellps="GRS80").fwd(x, y, 0, metres)
    return lon, lat


def clock(day: float) -> str:
    """The time of a camera, some days after START."""
    return f"{(START + timedelta(days=day)).astimezone(LOCAL):%Y:%m:%d %H:%M:%S}"


def kept(home: Path) -> list[Path]:
    return [p for p in (home / "files").rglob("*") if p.is_file() and p.name != ".lock"]


def rows(store: Store) -> list[tuple[Any, ...]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(tables.files))]


def test_a_photo_lies_under_the_sum_of_its_own_bytes(store: Store, tmp_path: Path) -> None:
    found = photos.keep(store, photo((131.5, 45.5), "2021:10:08 12:30:00"), "field", tmp_path)
    path = photos.path(tmp_path, found.sha)
    content = path.read_bytes()
    assert path == tmp_path / "files" / found.sha[:2] / f"{found.sha}.jpg"
    assert hashlib.sha256(content).hexdigest() == found.sha
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (found.media_type, found.bytes, found.width, found.height) == ("image/jpeg", len(content), 64, 48)
    assert (found.lon, found.lat) == (131.5, 45.5)
    assert found.taken == datetime(2021, 10, 8, 4, 30, tzinfo=UTC)
    assert photos.get(store, found.sha) == found
    assert photos.get(store, "0" * 64) is None


def test_the_same_photo_is_one_file_and_one_row_whoever_sends_it(store: Store, tmp_path: Path) -> None:
    first = photos.keep(store, photo(), "field", tmp_path)
    assert photos.keep(store, photo(), "other", tmp_path) == first
    # and one that comes back as it was kept is the same again
    assert photos.keep(store, photos.path(tmp_path, first.sha).read_bytes(), "other", tmp_path) == first
    assert kept(tmp_path) == [photos.path(tmp_path, first.sha)]
    assert [row[-1] for row in rows(store)] == ["field"]
    assert photos.keep(store, photo(shade=9), "field", tmp_path).sha != first.sha
    assert len(kept(tmp_path)) == len(rows(store)) == 2


def test_two_who_send_the_same_at_once_both_have_it(store: Store, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: photos.keep(store, photo(), "field", tmp_path), range(8)))
    assert len(found) == len(kept(tmp_path)) == len(rows(store)) == 1


def test_what_is_no_photo_leaves_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ChigaiError):
        photos.keep(store, b"<svg onload='alert(1)'/>", "field", tmp_path)
    assert kept(tmp_path) == [] and rows(store) == []


def test_a_folder_that_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("")
    with pytest.raises(ChigaiError, match="cannot be kept") as caught:
        photos.keep(store, photo(), "field", tmp_path)
    assert caught.value.do_zh and caught.value.do_en
    assert rows(store) == []


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_name_that_is_none_of_a_photo_opens_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(ChigaiError):
        photos.path(tmp_path, name)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tracking.camera import photo
from tracking import photos
from tracking.store import Store
killed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "row":
    Store.together = killed
else:
    Path.replace = killed
photos.keep(Store(sys.argv[1]), photo(), "field", Path(sys.argv[2]))
"""


@pytest.mark.parametrize("at", ["row", "rename"])
def test_a_kill_before_the_row_leaves_no_photo_and_the_next_try_keeps_it(
    store: Store, tmp_path: Path, at: str
) -> None:
    url = store.url.render_as_string(hide_password=False)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(tmp_path), at],
        cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    (left,) = kept(tmp_path)
    assert left.suffix == (".jpg" if at == "row" else ".part")
    assert rows(store) == []
    found = photos.keep(store, photo(), "field", tmp_path)
    assert photos.path(tmp_path, found.sha) in kept(tmp_path)
    assert len(rows(store)) == 1
    orphans.clear(store, tmp_path)
    assert kept(tmp_path) == [photos.path(tmp_path, found.sha)]


def test_bytes_that_were_spoilt_are_mended_by_sending_the_photo_again(store: Store, tmp_path: Path) -> None:
    found = photos.keep(store, photo(), "field", tmp_path)
    path = photos.path(tmp_path, found.sha)
    path.write_bytes(b"spoilt")
    photos.keep(store, photo(), "field", tmp_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == found.sha


def test_a_report_that_names_a_photo_that_is_not_kept_is_refused(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    approved = report("plan_approved", 0, "", "official")
    there = photos.keep(followed, photo(), "field", tmp_path).sha
    for files in (("0" * 64,), (there, "0" * 64), (there.upper(),), (there[:10],), tuple(there)[:50]):
        (_, receipt) = append(followed, [approved, report("started", 1, files=files)])
        assert (receipt.status, receipt.code) == ("refused", "files")
        assert "上传" in receipt.zh and "photos" in receipt.en
    sent = report("started", 1, files=(there, there))
    assert [r.status for r in append(followed, [sent, sent])] == ["accepted", "repeated"]
    assert json.loads(events(followed)["files"].iloc[0]) == [there, there]


def test_what_names_a_photo_that_is_not_kept_is_no_conflict_either(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    sent = report("plan_approved", 0, "b1", block_version=7, files=("0" * 64,))
    (receipt,) = append(followed, [sent])
    assert (receipt.status, receipt.code) == ("refused", "files")
    there = photos.keep(followed, photo(), "field", tmp_path).sha
    (receipt,) = append(followed, [replace(sent, files=(there,))])
    assert receipt.status == "conflict"


def test_reports_without_photos_do_not_ask_for_them(followed: Store) -> None:
    asked: list[str] = []

    def note(*told: Any) -> None:
        asked.append(told[2])

    # of every engine: reports of one moment share the connection of one of them
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        append(followed, [opinion() for _ in range(20)])
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert asked and not [said for said in asked if "FROM files" in said]


def work(store: Store, home: Path, report: Report, *sent: bytes, kind: str = "progress") -> Event:
    """A block at work since day 1, and a report of day 3 that names the photos."""
    shas = tuple(photos.keep(store, content, "field", home).sha for content in sent)
    figures: dict[str, Any] = {"done_mu": 5.0} if kind == "progress" else {}
    if kind == "consent":
        figures = {"operator": "张三", "given": True}
    last = report(kind, 3, files=shas, **figures)
    begun = [report("plan_approved", 0, "", "official"), report("started", 1)]
    receipts = append(store, [*begun, last], now=START + timedelta(days=4))
    assert [r.status for r in receipts] == ["accepted"] * 3
    return last


def test_a_photo_of_the_block_during_its_work_has_no_flag(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    good = [photo(place(followed, d), clock(2), shade=i) for i, d in enumerate((-70.0, 0.0, 150.0, 199.0))]
    work(followed, tmp_path, report, *good)
    found = photos.flags(followed)
    assert found.empty
    assert list(found) == ["event_id", "block_id", "sha", "flag", "metres", "zh", "en"]


@pytest.mark.parametrize(
    ("metres", "zh", "en"),
    [(203.0, "203 米", "203 m"), (999.0, "999 米", "999 m"), (2340.0, "2.3 公里", "2.3 km"), (34_000.0, "34.0 公里", "34.0 km")],
)  # fmt: skip
def test_a_photo_from_farther_than_200_m_says_how_far(
    followed: Store, report: Report, tmp_path: Path, metres: float, zh: str, en: str
) -> None:
    event = work(followed, tmp_path, report, photo(place(followed, metres), clock(2)))
    found = photos.flags(followed, "p", "b1")
    assert found[["event_id", "block_id", "flag"]].to_numpy().tolist() == [[event.id, "b1", "far"]]
    assert found["metres"].iloc[0] == pytest.approx(metres, abs=0.4)
    assert zh in found["zh"].iloc[0] and en in found["en"].iloc[0]


def test_the_distance_is_to_the_blocks_edge_not_to_its_middle(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    # 270 m from the middle of a square of 141 m
    work(followed, tmp_path, report, photo(place(followed, 199.5), clock(2)))
    assert photos.flags(followed).empty


@pytest.mark.parametrize(
    ("day", "flag"),
    [
        (0.99, ["before_start"]),
        (1 - 4 / 1440, []),
        (1.0, []),
        (4 + 4 / 1440, []),
        (4.01, ["after_report"]),
        (400, ["after_report"]),
        (-9000, ["before_start"]),
    ],
)
def test_a_photo_from_before_the_work_or_after_the_report_is_flagged(
    followed: Store, report: Report, tmp_path: Path, day: float, flag: list[str]
) -> None:
    work(followed, tmp_path, report, photo(place(followed), clock(day)))
    found = photos.flags(followed)
    assert found["flag"].tolist() == flag
    assert all(clock(day)[:4] in text for text in [*found["zh"], *found["en"]])


def test_what_a_photo_does_not_say_is_flagged(followed: Store, report: Report, tmp_path: Path) -> None:
    work(followed, tmp_path, report, jpeg(scene(), b""))
    found = photos.flags(followed)
    assert found["flag"].tolist() == ["no_place", "no_time"]
    assert found["metres"].isna().all()


def test_a_start_that_was_corrected_away_is_not_the_beginning(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    wrong = report("started", 1)
    picture = photos.keep(followed, photo(place(followed), clock(2)), "field", tmp_path).sha
    append(
        followed,
        [
            report("plan_approved", 0, "", "official"),
            wrong,
            report("correction", 2, corrects=wrong.id),
            report("started", 3, files=(picture,)),
        ],
        now=START + timedelta(days=4),
    )
    assert photos.flags(followed)["flag"].tolist() == ["before_start"]


def test_the_photo_of_a_consent_may_be_older_than_the_work(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    work(followed, tmp_path, report, photo(place(followed, 300), clock(0)), kind="consent")
    assert photos.flags(followed)["flag"].tolist() == ["far"]


def test_flags_are_given_by_plan_and_block_the_last_report_first(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    sha = photos.keep(followed, photo(), "field", tmp_path).sha
    sent = [
        report("plan_approved", 0, "", "official", files=(sha,)),
        *(report("started", 1, block, files=(sha, sha)) for block in ("b1", "b3")),
    ]
    append(followed, sent, now=START + timedelta(days=30))
    assert photos.flags(followed)["block_id"].tolist() == ["b3", "b1", ""]
    assert photos.flags(followed, block_id="b3")["event_id"].tolist() == [sent[2].id]
    assert photos.flags(followed, "p", "b2").empty
    assert photos.flags(followed, "other").empty


def late() -> datetime:
    return datetime.now(UTC) + orphans.AGE + timedelta(minutes=1)


def test_photos_that_no_report_names_go_after_a_week(
    followed: Store, report: Report, season: Callable[..., list[Event]], tmp_path: Path
) -> None:
    named, beside, lone = (photos.keep(followed, photo(shade=i), "field", tmp_path) for i in range(3))
    sent = report("plan_approved", 0, "", "official", files=(named.sha,))
    append(followed, [sent, replace(sent, files=(beside.sha,))])
    assert orphans.listed(followed) == orphans.clear(followed, tmp_path) == []
    (found,) = orphans.listed(followed, late())
    assert (found.sha, found.bytes) == (lone.sha, lone.bytes)
    assert orphans.clear(followed, tmp_path, late()) == [found]
    assert orphans.listed(followed, late()) == []
    assert {p.stem for p in kept(tmp_path)} == {named.sha, beside.sha}
    assert photos.get(followed, lone.sha) is None and photos.get(followed, named.sha) == named
    with followed.reading() as connection:
        told = connection.execute(sa.select(tables.audit.c.action, tables.audit.c.target)).all()
    assert told == [("tidy", f"photo {lone.sha}")]
    # a report that comes too late is told so, and goes once the photo was sent again
    late_one = report("started", 1, files=(lone.sha,))
    (receipt,) = append(followed, [late_one])
    assert receipt.code == "files"
    assert photos.keep(followed, photo(shade=2), "field", tmp_path) == lone
    (receipt,) = append(followed, [late_one])
    assert receipt.status == "accepted"


def test_bytes_that_this_database_does_not_know_are_left(store: Store, tmp_path: Path) -> None:
    photos.put(tmp_path, "0" * 64, b"another's")
    assert orphans.clear(store, tmp_path, late()) == []
    assert len(kept(tmp_path)) == 1


def test_the_database_itself_keeps_the_photos_that_reports_name(
    followed: Store, report: Report, tmp_path: Path
) -> None:
    named, lone = (photos.keep(followed, photo(shade=i), "field", tmp_path) for i in range(2))
    append(followed, [report("plan_approved", 0, "", "official", files=(named.sha,))])
    for statement in (
        "DELETE FROM files",
        f"DELETE FROM files WHERE sha = '{named.sha}'",
        "UPDATE files SET lon = 1",
    ):
        with pytest.raises(ChigaiError, match="additions only"), followed.writing() as connection:
            connection.execute(sa.text(statement))
    with followed.writing() as connection:
        connection.execute(sa.text(f"DELETE FROM files WHERE sha = '{lone.sha}'"))
    assert [row[0] for row in rows(followed)] == [named.sha]


def test_reports_wait_while_photos_are_cleared(followed: Store, report: Report, tmp_path: Path) -> None:
    sha = photos.keep(followed, photo(), "field", tmp_path).sha
    sent = report("plan_approved", 0, "", "official", files=(sha,))
    with ThreadPoolExecutor(2) as pool:
        clearing = pool.submit(orphans.clear, followed, tmp_path, late())
        reporting = pool.submit(append, followed, [sent])
        gone, (receipt,) = clearing.result(), reporting.result()
    # whichever came first: a report in the ledger has its photo
    assert (receipt.status, len(gone)) in (("accepted", 0), ("refused", 1))
    assert photos.path(tmp_path, sha).exists() == (receipt.status == "accepted")
