"""The desk: nobody sees the persons, photos and reports of another county."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from geo.errors import ChigaiError
from tests.tracking.desk.conftest import HULIN, MISHAN, NOW, PRIVATE, At, Report, picture, told
from tracking import people
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError
from tracking.store import Store


def test_a_field_team_of_one_county_sees_nothing_personal_of_another(
    at: At, season_of_both: dict[str, Any], followed: Store
) -> None:
    mine, theirs = season_of_both[HULIN], season_of_both[MISHAN]
    desk = at("field", HULIN, "f-230381")
    events, conflicts = desk.events(), desk.conflicts()
    # the approval of the whole plan is everybody's
    assert set(events["county"].dropna()) == {HULIN} and set(conflicts["county"]) == {HULIN}
    assert len(events) == 4 and len(conflicts) == 2
    text = events.drop(columns="hash").to_csv() + conflicts.to_csv()
    assert PRIVATE + HULIN in text and mine["photo"] in text
    for word in (f",{MISHAN},", PRIVATE + MISHAN, ",b3,", '"b3"', theirs["photo"], theirs["form"]):
        assert word not in text
    # of its own county it sees all
    consent = events[events["kind"] == "consent"].iloc[0]
    assert consent["operator"] == PRIVATE + HULIN and consent["note"] == "电话 139"
    for sha in mine.values():
        assert desk.photo(sha)[1] == "image/jpeg"
    for sha in theirs.values():
        with pytest.raises(ForbiddenError):
            desk.photo(sha)
    assert told(followed)[-1][:3] == ("f-230381", "see_ledger", "refused")
    # asking for it by name, or by block, is no way round
    with pytest.raises(ForbiddenError):
        desk.events(county=MISHAN)
    assert desk.events(block_id="b3").empty and desk.events(actor="f-230382").empty


def test_who_may_not_see_households_sees_the_work_alone(at: At, season_of_both: dict[str, Any]) -> None:
    desk = at("official", HULIN)
    events = desk.events()
    assert list(events["kind"]) == ["correction", "started", "consent", "plan_approved"]
    consent = events[events["kind"].isin(["consent", "correction"])]
    assert consent[["operator", "given", "reason"]].isna().all().all()
    assert set(consent["note"]) == {""} and set(consent["files"]) == {"[]"}
    assert list(events.loc[events["kind"] == "started", "note"]) == ["东头"]
    assert PRIVATE not in "".join(desk.conflicts()["sent"])
    assert desk.photo(season_of_both[HULIN]["photo"])[0][:2] == b"\xff\xd8"
    with pytest.raises(ForbiddenError):
        desk.photo(season_of_both[HULIN]["form"])


def test_a_viewer_sees_no_report_at_all(at: At, season_of_both: dict[str, Any]) -> None:
    desk = at("viewer")
    for look in (desk.events, desk.conflicts, desk.verify, desk.export_ledger):
        with pytest.raises(ForbiddenError):
            look()
    with pytest.raises(ForbiddenError):
        desk.photo(season_of_both[HULIN]["photo"])


def test_a_photo_not_yet_in_a_report_is_seen_by_whoever_took_it(at: At) -> None:
    sha = at("field", HULIN, "f1").add_photo(picture()).sha
    assert at("field", HULIN, "f1").photo(sha)
    for other in (at("field", HULIN, "f2"), at(who="chief")):
        with pytest.raises(ForbiddenError):
            other.photo(sha)


def test_a_photo_whose_bytes_are_lost_is_said_to_be(
    at: At, season_of_both: dict[str, Any], tmp_path: Path
) -> None:
    sha = season_of_both[HULIN]["photo"]
    place = tmp_path / "home" / "files" / sha[:2] / f"{sha}.jpg"
    place.unlink()
    with pytest.raises(ChigaiError, match="missing"):
        at("field", HULIN).photo(sha)
    # another picture in its place is not shown as the one that was sent
    place.write_bytes(picture("yellow"))
    with pytest.raises(ChigaiError, match="changed"):
        at("field", HULIN).photo(sha)


@pytest.mark.parametrize("sha", ["", "0" * 64, "../../etc/passwd", "%", '"', "x" * 999])
def test_a_photo_that_is_not_there_is_refused_like_one_that_one_may_not_see(at: At, sha: str) -> None:
    with pytest.raises(ForbiddenError):
        at(who="chief").photo(sha)


def test_photos_are_kept_for_those_who_report(at: At) -> None:
    with pytest.raises(ForbiddenError):
        at("viewer").add_photo(picture())
    with pytest.raises(ChigaiError):
        at("field", HULIN).add_photo(b"no picture")


# filters


def test_the_ledger_is_filtered_by_all_that_it_says(at: At, season_of_both: dict[str, Any]) -> None:
    desk = at(who="chief")
    assert len(desk.events()) == 7
    assert set(desk.events(kinds=["started"])["block_id"]) == {"b1", "b3"}
    assert len(desk.events(block_id="b1")) == 3 and len(desk.events(county=MISHAN)) == 3
    assert set(desk.events(village="V0")["block_id"]) == {"b1", "b3"} and desk.events(village="V1").empty
    assert len(desk.events(actor="chief")) == 3 and desk.events(plan_id="q").empty
    day = date(2021, 9, 21)
    assert set(desk.events(since=day, until=day)["kind"]) == {"consent", "started"}
    assert desk.events(until=day - timedelta(days=2)).empty
    assert list(desk.events(limit=2)["seq"]) == [7, 6]


def test_the_actor_s_name_stands_beside_the_id(
    at: At, report: Report, followed: Store, approved: None
) -> None:
    user = people.add_user(followed, LOCAL, "李四", "li@example.cn", "field", [HULIN])
    Desk(followed, user).report([report("started", 1)], NOW)
    assert list(at("official").events(kinds=["started"])["name"]) == ["李四"]
