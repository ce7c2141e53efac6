"""The package of a village on a phone, over the approved plan, in a data folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tracking.packages.phone import unpacked
from tracking import ledger, package_rows, packages
from tracking.ledger import Event
from tracking.people import Person
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
CREW = Person("u1", "虎林施工队", "field", frozenset({HULIN}))


@pytest.fixture(autouse=True)
def _rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder of its own; files are read in this process but where a test says otherwise."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(package_rows, "read_apart", package_rows.read)


@pytest.fixture
def plan(followed: Store, tmp_path: Path) -> Path:
    """The folder of the plan that `followed` follows: b1 and b3 lie in V0, b2 and b4 in V1."""
    return tmp_path / "plan" / "p"


@pytest.fixture
def approved(followed: Store, report: Callable[..., Event]) -> Store:
    """The followed plan, approved."""
    ledger.append(followed, [report("plan_approved", 0, "", "official")])
    return followed


@pytest.fixture
def phone(approved: Store, plan: Path, tmp_path: Path) -> Path:
    """The package of V0 in Hulin, on a phone."""
    made = packages.make(approved, plan, "V0", CREW, tmp_path / "out")
    return unpacked(made[0], tmp_path / "phone")


def statuses(review: packages.Review) -> list[str]:
    return [r.status for r in review.rows]


def kept(store: Store) -> int:
    return len(ledger.events(store))
