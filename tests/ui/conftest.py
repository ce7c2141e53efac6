"""For the tests of pages that work on the database: either home, a small plan in it, and people to sign in as."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tracking.conftest import (  # noqa: F401
    at_once,
    followed,
    home,
    new_database,
    postgres,
    report_,
    season,
    store,
    write_plan,
)
from tests.ui.office import Office
from tracking.store import Store


@pytest.fixture
def office(followed: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:  # noqa: F811
    """The small plan `p` as the app has it, on either database, with the one user of this machine at work."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.setenv("CHIGAI_DATABASE_URL", followed.url.render_as_string(hide_password=False))
    return Office(followed, tmp_path, monkeypatch)


@pytest.fixture
def begun(office: Office) -> Office:
    """The plan is approved, b1 is started with 10 of its 30 mu done."""
    office.approve()
    office.report("started", 1, "b1", "team")
    office.report("progress", 2, "b1", "team", done_mu=10.0)
    return office
