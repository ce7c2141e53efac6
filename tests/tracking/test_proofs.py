"""The proof by a job: what it found is kept, and shown to whom it concerns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geo.errors import CancelledError
from tests.tracking.conftest import report
from tests.tracking.test_exports import finished
from tracking import chain, jobs, ledger, proofs
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store

OTHER = Person("o", "李科长", "official", frozenset({"230381"}))
VIEWER = Person("v", "查看", "viewer", None)


def silent(stage: str, fraction: float) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def desk(followed: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: None) -> Desk:
    monkeypatch.setenv("CHIGAI_DATABASE_URL", followed.url.render_as_string(hide_password=False))
    ledger.append(followed, [report("plan_approved", 0, "", "official"), report("started", 1)])
    return Desk(followed, LOCAL, tmp_path)


def test_a_job_goes_through_the_ledger_and_its_answer_is_there_for_all_who_see_it(desk: Desk) -> None:
    assert proofs.last(desk) is None
    job = finished(proofs.begin(desk), desk.home)
    assert (job.state, job.result) == ("done", f"proofs/{job.id}.json"), job
    for person in (LOCAL, OTHER):
        found = proofs.last(Desk(desk.store, person, desk.home))
        assert found is not None and found.broken is None and found.noted is None
        assert found.head == desk.head() and found.head.seq == 2


def test_what_somebody_noted_wrongly_frightens_nobody_else(desk: Desk) -> None:
    proofs.make(desk, {"noted": None}, "j1", silent)
    request: dict[str, Any] = {"noted": {"seq": 1, "hash": "0" * 64}}
    proofs.make(desk, request, "j2", silent)
    mine = proofs.last(desk)
    assert mine is not None and mine.broken is not None and mine.broken[0] == 1 and mine.noted == 1
    others = proofs.last(Desk(desk.store, OTHER, desk.home))
    assert others is not None and others.broken is None


def test_who_does_not_see_the_ledger_neither_begins_nor_reads_a_proof(desk: Desk) -> None:
    at = Desk(desk.store, VIEWER, desk.home)
    for refused in (lambda: proofs.begin(at), lambda: proofs.last(at)):
        with pytest.raises(ForbiddenError):
            refused()
    assert jobs.recent(desk.home) == []


def test_it_tells_how_far_it_is_and_leaves_nothing_where_it_is_stopped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "OFTEN", 1)
    told: list[float] = []
    proofs.make(desk, {}, "j1", lambda stage, done: told.append(done))
    assert told == [0.0, 0.5]

    def stop(stage: str, fraction: float) -> None:
        if fraction > 0:
            raise CancelledError

    with pytest.raises(CancelledError):
        proofs.make(desk, {}, "j2", stop)
    assert [path.name for path in (desk.home / "proofs").iterdir()] == ["j1.json"]


def test_the_oldest_answers_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "KEPT", 2)
    for name in ("j1", "j2", "j3"):
        proofs.make(desk, {}, name, silent)
    assert sorted(path.name for path in (desk.home / "proofs").iterdir()) == ["j2.json", "j3.json"]
