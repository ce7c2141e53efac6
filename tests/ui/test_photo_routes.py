"""A photo's address: the photo for those who see a report that names it, and for others as if it were not there."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.tracking.camera import jpeg, photo, scene
from tests.ui.office import LOCAL, MISHAN, OFFICIAL, PLANNER, TEAM, VIEWER, Office
from tests.ui.test_routes import ask
from tracking import audit, photos
from tracking.people import Person
from ui import photo_routes

MISHAN_TEAM = Person("team2", "孙队长", "field", frozenset({MISHAN}))


def test_a_photo_not_yet_sent_is_seen_by_its_own_reporter_alone(begun: Office) -> None:
    kept = begun.desk(TEAM).add_photo(photo())
    for person, there in ((TEAM, True), (PLANNER, False), (MISHAN_TEAM, False), (VIEWER, False)):
        begun.sign_in(person)
        assert (ask(f"/chigai/photo/{kept.sha}").status == 200) == there


def test_a_photo_of_a_report_is_seen_by_those_who_see_the_report(begun: Office) -> None:
    kept = begun.desk(TEAM).add_photo(photo())
    begun.report("progress", 5, "b1", "team", done_mu=11.0, files=(kept.sha,))
    seers = ((TEAM, True), (PLANNER, True), (OFFICIAL, True), (MISHAN_TEAM, False), (VIEWER, False))
    for person, there in seers:
        begun.sign_in(person)
        answer = ask(f"/chigai/photo/{kept.sha}")
        assert answer.status == (200 if there else 404)
        if there:
            assert answer.body == photos.path(begun.home, kept.sha).read_bytes()
            assert answer.headers["content-type"] == "image/jpeg"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"].startswith("private")
    refused = audit.entries(begun.store, PLANNER)
    assert set(refused["actor"]) == {MISHAN_TEAM.id, VIEWER.id}


def test_nobody_who_is_not_signed_in_gets_one(begun: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import sign_in

    kept = begun.desk(TEAM).add_photo(photo())

    def nobody(cookies: object) -> Person:
        raise sign_in.NobodyError

    monkeypatch.setattr(sign_in, "person", nobody)
    assert ask(f"/chigai/photo/{kept.sha}").status == 404


def test_a_list_asks_for_a_little_picture_and_no_other_size(begun: Office) -> None:
    begun.sign_in(TEAM)
    kept = begun.desk(TEAM).add_photo(jpeg(scene((1200, 800))))
    little = ask(f"/chigai/photo/{kept.sha}?w=320")
    assert max(Image.open(io.BytesIO(little.body)).size) == photo_routes.SMALL_PX
    assert ask(f"/chigai/photo/{kept.sha}?w=5000").status == 400


@pytest.mark.parametrize("sha", ["0" * 64, "..", "%2e%2e", "A" * 64, "0" * 63 + "'", "x" * 5000])
def test_what_is_no_photo_is_not_there_and_is_not_repeated(begun: Office, sha: str) -> None:
    begun.sign_in(LOCAL)
    answer = ask(f"/chigai/photo/{sha}")
    assert answer.status == 404 and sha.encode() not in answer.body


def test_of_a_photo_whose_file_is_gone_one_is_told_what_to_do(begun: Office) -> None:
    begun.sign_in(TEAM)
    kept = begun.desk(TEAM).add_photo(photo())
    photos.path(begun.home, kept.sha).unlink()
    answer = ask(f"/chigai/photo/{kept.sha}")
    assert answer.status == 500 and "备份" in answer.body.decode()
