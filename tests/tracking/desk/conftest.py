"""Somebody at a desk over the followed plan, a season in both of its counties, and what the audit was told."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from tracking import ledger, tables
from tracking.desk import Desk
from tracking.people import Person
from tracking.rules import Event
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
NOW = datetime(2021, 11, 1, tzinfo=UTC)
PRIVATE = "赵大娘"
Report = Callable[..., Event]
At = Callable[..., Desk]


@pytest.fixture
def at(followed: Store, tmp_path: Path) -> At:
    """The desk of somebody: at(role, county or None for all, id)."""

    def desk(role: str = "planner", county: str | None = None, who: str | None = None) -> Desk:
        counties = None if county is None else frozenset({county})
        return Desk(followed, Person(who or f"u-{role}", "李四", role, counties), tmp_path / "home")

    return desk


@pytest.fixture
def approved(at: At, report: Report) -> None:
    (receipt,) = at(who="chief").report([report("plan_approved", 0, "")], NOW)
    assert receipt.status == "accepted"


def told(store: Store) -> list[tuple[Any, ...]]:
    a = tables.audit.c
    with store.reading() as connection:
        query = select(a.actor, a.action, a.outcome, a.county, a.target, a.detail).order_by(a.no)
        return [tuple(row) for row in connection.execute(query)]


def codes(receipts: list[ledger.Receipt]) -> list[str]:
    return [r.code or r.status for r in receipts]


def picture(colour: str = "green") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def season_of_both(at: At, report: Report, approved: None) -> Iterator[dict[str, Any]]:
    """Work, a household's refusal, its correction and photos in both counties; who is who."""
    made: dict[str, Any] = {}
    for county, block in ((HULIN, "b1"), (MISHAN, "b3")):
        desk = at("field", county, f"f-{county}")
        photo = desk.add_photo(picture("red" if county == HULIN else "blue")).sha
        form = desk.add_photo(picture("white" if county == HULIN else "grey")).sha
        consent = report(
            "consent",
            1,
            block,
            operator=PRIVATE + county,
            given=False,
            reason="要出国",
            note="电话 139",
            files=(form,),
        )
        sent = [consent, report("started", 1, block, files=(photo,), note="东头")]
        assert codes(desk.report(sent, NOW)) == ["accepted"] * 2
        fix = report("correction", 2, block, corrects=consent.id, operator=PRIVATE + county, note="姓名写错")
        changed = Event(**{**sent[1].__dict__, "note": "西头"})
        assert codes(at(who="chief").report([fix], NOW)) == ["accepted"]
        assert codes(desk.report([changed], NOW)) == ["content"]
        household = Event(**{**consent.__dict__, "operator": PRIVATE + "二"})
        assert codes(desk.report([household], NOW)) == ["content"]
        made[county] = {"photo": photo, "form": form}
    yield made
