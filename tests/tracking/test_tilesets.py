"""The tiles of a plan: made once, in the background, stopped when asked, cleared with their plan."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geo import plans
from geo.tiling.archive import Archive
from tests import map_home
from tracking import jobs, tilesets


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tilesets, "SMALL", 10)
    return map_home.make(tmp_path)


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def test_a_job_makes_them_once_and_whoever_looks_again_finds_them(home: Path) -> None:
    assert tilesets.standing(home, "probe", False).state == "none"
    first = tilesets.begin(home, "probe", False)
    assert first.unfinished and tilesets.begin(home, "probe", False).job == first.job
    until(lambda: tilesets.standing(home, "probe", False).state == "ready")
    folder = tilesets.place(home, "probe", False)
    assert Archive(folder / tilesets.TILES).meta["format"] == "pbf"
    assert tilesets.begin(home, "probe", False).job is None
    assert len(jobs.recent(home)) == 1


def test_of_a_small_plan_nothing_is_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tilesets, "SMALL", 10_000)
    assert tilesets.begin(home, "probe", False).state == "small"
    assert jobs.recent(home) == []


def test_what_was_stopped_is_begun_again_only_where_somebody_asks(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def start(kind: str, request: dict[str, Any], where: Path) -> str:
        begun.append(jobs.create(kind, request, where).name)
        return begun[-1]

    monkeypatch.setattr(jobs, "start", start)
    job = tilesets.begin(home, "probe", False).job
    assert job is not None
    folder = home / "jobs" / job
    jobs.cancel(job, home)
    jobs.watch(folder)
    if jobs.status(job, home).state != "cancelled":  # it was quicker than the wish
        pytest.fail(jobs.status(job, home).state)
    assert not tilesets.ready(tilesets.place(home, "probe", False))
    assert tilesets.begin(home, "probe", False).state == "cancelled" and len(begun) == 1
    assert tilesets.begin(home, "probe", False, again=True).state == "queued" and len(begun) == 2


def test_another_plan_or_another_datum_has_other_tiles(home: Path) -> None:
    before = tilesets.place(home, "probe", False)
    assert tilesets.place(home, "probe", True) != before
    shutil.rmtree(home / "plans" / "probe")
    map_home.make(home, side=4)
    assert tilesets.place(home, "probe", False) != before


def test_tiles_of_plans_that_are_gone_go_too(home: Path) -> None:
    request = {"plan": "probe", "shifted": False, "name": "x"}
    tilesets.build(request, home, "job", lambda stage, fraction: None)
    folder = tilesets.place(home, "probe", False)
    assert tilesets.ready(folder)
    maps = home / "tiles" / "maps"
    maps.mkdir()
    tilesets.clear(home)
    assert tilesets.ready(folder)
    map_home.make(home, "other", "other")
    shutil.rmtree(home / "plans" / "probe")
    tilesets.clear(home)
    assert not folder.exists() and maps.is_dir() and plans.find(home)
