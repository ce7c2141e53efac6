"""A package filled on a phone and taken back: every row has its fate, twice is once."""

from __future__ import annotations

import csv
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
import sqlalchemy as sa

from geo import plans
from geo.errors import ChigaiError
from tests.tracking.camera import photo
from tests.tracking.packages.conftest import CREW, kept, statuses
from tests.tracking.packages.phone import by_sqlite, fill, packed, row
from tracking import ledger, packages, register, tables
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store


def test_a_season_from_a_phone_is_taken_whatever_the_order_of_its_rows(
    approved: Store, phone: Path, tmp_path: Path
) -> None:
    rows = [
        row("finished", "2021-10-09T16:00:00", note="=1+1", sent_by="李队"),
        row(
            "progress", "2021-10-08T16:30:00+08:00", done_mu=12.5, uuid="{" + str(uuid.uuid4()).upper() + "}"
        ),
        row("started", "2021-10-08T00:30:00Z", photo="DCIM/a.jpg"),
    ]
    back = packed(fill(phone, rows, {"DCIM/a.jpg": photo()}), tmp_path / "back.zip")
    review = packages.take(approved, back, CREW)
    assert statuses(review) == ["accepted"] * 3, review
    events = ledger.events(approved).set_index("kind")
    assert str(events.loc["finished", "happened"]) == "2021-10-09 08:00:00+00:00"
    assert str(events.loc["progress", "happened"]) == "2021-10-08 08:30:00+00:00"
    assert events.loc["finished", "note"] == "=1+1（填报：李队）"
    assert set(events.drop("plan_approved")["actor"]) == {"u1"}
    assert events.loc["started", "files"] != "[]"
    assert events.loc["progress", "done_mu"] == 12.5


def test_a_package_imported_twice_changes_nothing_whoever_hands_it_in(
    approved: Store, phone: Path, tmp_path: Path
) -> None:
    rows = [
        row("started", "2021-10-08T08:00:00", photo="DCIM/a.jpg"),
        row("progress", "2021-10-08T16:00:00", uuid=None, done_mu=3),
        row("started", "2021-10-08T08:00:00", block="nowhere"),
    ]
    back = packed(fill(phone, rows, {"DCIM/a.jpg": photo()}), tmp_path / "back.zip")
    assert statuses(packages.take(approved, back, CREW)) == ["accepted", "accepted", "refused"]
    before, files = ledger.events(approved), sorted((tmp_path / "home" / "files").rglob("*.jpg"))
    for person in (CREW, LOCAL):
        review = packages.take(approved, back, person)
        assert statuses(review) == ["repeated", "repeated", "refused"]
    pd.testing.assert_frame_equal(ledger.events(approved), before)
    assert sorted((tmp_path / "home" / "files").rglob("*.jpg")) == files
    assert len(ledger.conflicts(approved)) == 0
    assert ledger.verify(approved) is None


def test_the_folder_and_the_bare_geopackage_are_taken_too_and_left_as_they_are(
    approved: Store, phone: Path
) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")])
    before = {p.name for p in phone.iterdir()}
    assert statuses(packages.take(approved, phone, CREW)) == ["accepted"]
    assert statuses(packages.take(approved, phone / "blocks.gpkg", CREW)) == ["repeated"]
    assert {p.name for p in phone.iterdir()} == before


def test_edited_blocks_and_more_columns_change_nothing(approved: Store, phone: Path) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")])
    by_sqlite(
        phone / "blocks.gpkg",
        [
            "ALTER TABLE reports ADD COLUMN operator TEXT",
            "ALTER TABLE reports ADD COLUMN measured_mu REAL",
            "UPDATE reports SET operator = '张三', measured_mu = 99",
            "UPDATE blocks SET area_mu = 999, state = 'accepted', version = 7",
        ],
    )
    assert statuses(packages.take(approved, phone, CREW)) == ["accepted"]
    event = ledger.events(approved, private=True).iloc[0]
    assert event["operator"] is None and pd.isna(event["measured_mu"])
    with approved.reading() as connection:
        area = connection.scalar(sa.select(tables.blocks.c.area_mu).where(tables.blocks.c.block_id == "b1"))
    assert area == pytest.approx(30)


def test_a_row_deleted_on_the_phone_stays_in_the_ledger(approved: Store, phone: Path) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")])
    packages.take(approved, phone, CREW)
    by_sqlite(phone / "blocks.gpkg", ["DELETE FROM reports"])
    fill(phone, [row("progress", "2021-10-09T08:00:00", done_mu=1)])
    assert statuses(packages.take(approved, phone, CREW)) == ["accepted"]
    assert kept(approved) == 3


def test_what_the_phone_had_not_yet_put_into_its_file_is_read(
    approved: Store, phone: Path, tmp_path: Path
) -> None:
    by_sqlite(
        phone / "blocks.gpkg",
        ["INSERT INTO reports (uuid, plan_id, block_id, kind, happened) VALUES "
         f"('{uuid.uuid4()}', 'p', 'b1', 'started', '2021-10-08T08:00:00')"],
        keep_wal=True,
    )  # fmt: skip
    assert (phone / "blocks.gpkg-wal").stat().st_size > 0
    back = packed(phone, tmp_path / "back.zip")
    assert statuses(packages.take(approved, back, CREW)) == ["accepted"]
    assert statuses(packages.take(approved, phone, CREW)) == ["repeated"]


def test_a_phone_on_the_neighbours_clock_reports_the_right_moment(approved: Store, phone: Path) -> None:
    rows = [
        row("started", "2021-10-08 10:00:00", zone_minutes=600),
        row("finished", "2021-10-08T10:00:00+08:00", zone_minutes=600),
        row("started", "2021-10-08 10:00:00", block="b2", zone_minutes=100_000),
    ]
    assert statuses(packages.take(approved, fill(phone, rows), CREW)) == ["accepted"] * 3
    hours = ledger.events(approved).set_index(["block_id", "kind"])["happened"].dt.hour
    assert (hours["b1", "started"], hours["b1", "finished"], hours["b2", "started"]) == (0, 2, 2)


def test_a_time_column_is_read_as_text_is(approved: Store, phone: Path) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00.000Z"), row("finished", "2021-10-09 08:00:00.000")])
    by_sqlite(
        phone / "blocks.gpkg",
        [
            "ALTER TABLE reports RENAME COLUMN happened TO old",
            "ALTER TABLE reports ADD COLUMN happened DATETIME",
            "UPDATE reports SET happened = old",
        ],
    )
    assert statuses(packages.take(approved, phone, CREW)) == ["accepted", "accepted"]
    events = ledger.events(approved).set_index("kind")
    assert events.loc["started", "happened"].hour == 8
    assert events.loc["finished", "happened"].hour == 0


SPOILT: list[tuple[dict[str, Any], str]] = [
    ({"block_id": "b3"}, "county"),
    ({"block_id": "b2' OR 1=1"}, "block"),
    ({"block_id": None}, "block"),
    ({"kind": None}, "missing"),
    ({"kind": "accepted"}, "kind"),
    ({"kind": "竣工验收"}, "kind"),
    ({"kind": "correction"}, "kind"),
    ({"kind": "<script>"}, "kind"),
    ({"happened": None}, "missing"),
    ({"happened": "yesterday"}, "form"),
    ({"happened": "2099-01-01T00:00:00"}, "future"),
    ({"happened": "0001-01-01T00:00:00+14:00"}, "form"),
    ({"uuid": "no id"}, "form"),
    ({"kind": "progress", "done_mu": None}, "missing"),
    ({"kind": "progress", "done_mu": -1.0}, "number"),
    ({"kind": "progress", "done_mu": float("inf")}, "number"),
    ({"kind": "progress", "done_mu": 31.6}, "order"),
    ({"note": "a" * 2001}, "text"),
    ({"plan_id": "another"}, "block"),
    ({"photo": "../../etc/passwd"}, "photo"),
    ({"photo": "/etc/passwd"}, "photo"),
    ({"photo": "C:\\x.jpg"}, "photo"),
    ({"photo": "DCIM\\..\\..\\x.jpg"}, "photo"),
    ({"photo": "DCIM/not there.jpg"}, "photo"),
    ({"photo": "DCIM/no picture.jpg"}, "photo"),
    ({"photo": "project.qgs"}, "photo"),
]


def test_rows_that_cannot_be_are_refused_in_both_languages_and_the_others_are_taken(
    approved: Store, phone: Path
) -> None:
    bad = [row("started", "2021-10-08T08:00:00") | values for values, _ in SPOILT]
    good = row("started", "2021-10-08T09:00:00", block="b2")
    fill(phone, [*bad, good], {"DCIM/no picture.jpg": b"GIF89a"})
    review = packages.take(approved, phone, CREW)
    assert [(r.row, r.code) for r in review.rows] == [
        (no, code) for no, (_, code) in enumerate([*SPOILT, ({}, "")], 1)
    ]
    assert statuses(review) == ["refused"] * len(SPOILT) + ["accepted"]
    assert all(r.zh and r.en for r in review.rows)
    assert kept(approved) == 2


def test_a_row_without_a_plan_is_of_the_packages_plan(approved: Store, phone: Path) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00", plan_id=None, block_version=None)])
    assert statuses(packages.take(approved, phone, CREW)) == ["accepted"]


def test_one_id_for_two_reports_is_a_conflict_and_for_one_report_twice_is_once(
    approved: Store, phone: Path
) -> None:
    first = row("started", "2021-10-08T08:00:00")
    fill(phone, [first, first, first | {"note": "改过"}])
    assert statuses(packages.take(approved, phone, CREW)) == ["accepted", "repeated", "conflict"]
    assert statuses(packages.take(approved, phone, CREW)) == ["repeated", "repeated", "conflict"]
    assert (kept(approved), len(ledger.conflicts(approved))) == (2, 1)


def test_rows_without_ids_are_told_apart_by_their_content(approved: Store, phone: Path) -> None:
    same = row("progress", "2021-10-09T08:00:00", done_mu=1, uuid=None)
    start = row("started", "2021-10-08T08:00:00", uuid=None)
    fill(phone, [start, same, same, same | {"done_mu": 2}])
    assert statuses(packages.take(approved, phone, CREW)) == ["accepted", "accepted", "repeated", "accepted"]
    assert statuses(packages.take(approved, phone, LOCAL)) == ["repeated"] * 4


def test_a_report_on_an_older_version_of_a_block_is_a_conflict_that_says_what_changed(
    approved: Store, phone: Path
) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")])
    register.change_block(approved, "p", "b1", 1, {"area_mu": 29.0}, "planner")
    answer = packages.take(approved, phone, CREW).rows[0]
    assert (answer.status, answer.code) == ("conflict", "changed")
    assert "30.00 → 29.00" in answer.zh and "新的上报包" in answer.zh


def test_figures_that_the_form_hides_are_left_aside_and_told(approved: Store, phone: Path) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00", done_mu=5)])
    answer = packages.take(approved, phone, CREW).rows[0]
    assert answer.status == "accepted" and "未采用" in answer.zh and "not used" in answer.en


def test_photos_are_found_whatever_became_of_folders_and_letters_and_odd_ones_are_flagged(
    approved: Store, phone: Path, tmp_path: Path
) -> None:
    rows = [
        row("started", "2021-10-08T08:00:00", photo="DCIM/A.JPG"),
        row("started", "2021-10-08T08:00:00", block="b2", photo="DCIM/2.jpg"),
    ]
    fill(phone, rows, {"dcim/a.jpg": photo(place=(133.0, 46.5)), "2.jpg": photo(place=None)})
    review = packages.take(approved, packed(phone, tmp_path / "b.zip"), CREW)
    assert statuses(review) == ["accepted", "accepted"]
    assert [{flag for flag, _, _ in r.flags} for r in review.rows] == [{"far"}, {"no_place"}]


def test_a_photo_behind_a_link_is_not_read(approved: Store, phone: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(photo())
    (phone / "DCIM" / "x.jpg").symlink_to(tmp_path / "secret.jpg")
    fill(phone, [row("started", "2021-10-08T08:00:00", photo="DCIM/x.jpg")])
    assert packages.take(approved, phone, CREW).rows[0].code == "photo"


def test_whoever_may_not_hand_in_packages_is_refused(approved: Store, phone: Path) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")])
    with pytest.raises(ForbiddenError):
        packages.take(approved, phone, Person("u2", "查看", "viewer", None))
    assert kept(approved) == 1


def test_the_list_says_every_rows_fate_and_runs_no_formula(
    approved: Store, phone: Path, tmp_path: Path
) -> None:
    rows = [
        row("started", "2021-10-08T08:00:00", sent_by="=cmd|' /C calc'!A0"),
        row("@SUM(A1)", "2021-10-08T08:00:00", block="=HYPERLINK(1)"),
    ]
    review = packages.take(approved, fill(phone, rows), CREW)
    review.write(tmp_path / "l.csv")
    review.write(tmp_path / "l.xlsx")
    with (tmp_path / "l.csv").open(encoding="utf-8-sig", newline="") as stream:
        told = list(csv.reader(stream))
    assert [cells[1] for cells in told[1:]] == ["已收 accepted", "拒收 refused"]
    assert all(cells[6] and cells[7] for cells in told[1:])
    sheet = openpyxl.load_workbook(tmp_path / "l.xlsx").active
    assert sheet is not None
    shown = [[cell.value for cell in cells] for cells in sheet.iter_rows(min_row=2, max_row=3)]
    assert [cells[1] for cells in shown] == ["已收 accepted", "拒收 refused"]
    for cells in [*told[1:], *shown]:
        assert not any(isinstance(v, str) and v[:1] in "=+-@" for v in cells if v), cells
    assert review.counts() == {"accepted": 1, "repeated": 0, "conflict": 0, "refused": 1}
    with pytest.raises(ChigaiError, match="csv"):
        review.write(tmp_path / "l.txt")


def test_now_is_the_moment_of_receipt(approved: Store, phone: Path) -> None:
    fill(phone, [row("started", "2021-10-08T08:00:00")])
    now = datetime(2021, 10, 10, tzinfo=UTC)
    packages.take(approved, phone, CREW, now)
    assert ledger.events(approved).iloc[0]["received"] == now
    assert plans.home().name == "home"
