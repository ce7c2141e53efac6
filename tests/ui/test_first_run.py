"""The first run on the demo: which step is next, what is ticked, how it goes away and comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from planning.inputs import DEMO
from tests.page_home import checked_parcels, small_plan
from tests.ui.test_pages import opened, sound, words
from tracking import files, jobs
from ui import first_run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What jobs were asked for; none runs."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def start(kind: str, request: dict[str, Any], at_home: Path) -> str:
        asked.append((kind, request))
        return jobs.create(kind, request, at_home).name

    monkeypatch.setattr(jobs, "start", start)
    return asked


def demo_files(home: Path) -> None:
    (home / DEMO).mkdir()
    for name in ("parcels.gpkg", "barriers.gpkg", "dem.tif"):
        (home / DEMO / name).touch()


def demo_checked(home: Path) -> None:
    manifest = files.checked_folder(home, checked_parcels(home)) / files.MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text("utf-8")) | {"name": DEMO}), "utf-8")


def demo_planned(home: Path) -> None:
    plan = small_plan(home / "plans" / "one") / "plan.json"
    plan.write_text(json.dumps(json.loads(plan.read_text("utf-8")) | {"name": DEMO}), "utf-8")


def ticked(at: AppTest) -> int:
    return sum(e.proto.body.count("cg-step-done") for e in at.get("html") if "<ol" in e.proto.body)


def keys(at: AppTest) -> set[str]:
    return {b.key for b in at.button if b.key}


def test_each_step_is_offered_once_the_one_before_is_done(home: Path, begun: list[Any]) -> None:
    at = opened()
    assert ticked(at) == 0 and "guide_demo" in keys(at) and "guide_check" not in keys(at)
    demo_files(home)
    sound(at.run())
    assert ticked(at) == 1 and "guide_check" in keys(at)
    demo_checked(home)
    sound(at.run())
    assert ticked(at) == 2 and "guide_plan" in keys(at)
    demo_planned(home)
    sound(at.run())
    assert ticked(at) == 3 and "guide_look" in keys(at)
    at.button(key="guide_look").click().run()
    assert "把哪些池合起来" in words(sound(at))
    at.switch_page("overview.py").run()
    assert ticked(at) == 4 and "guide_own" in keys(at)
    at.button(key="guide_own").click().run()
    assert "我的数据可靠吗" in words(sound(at))
    at.switch_page("overview.py").run()
    assert ticked(at) == 0 and "guide_again" in keys(at)
    at.button(key="guide_again").click().run()
    assert ticked(at) == 4
    assert begun == []


@pytest.mark.parametrize("step", ["demo", "check", "plan"])
def test_a_step_begins_its_job_with_what_the_job_needs_and_shows_it(
    step: str, home: Path, begun: list[tuple[str, dict[str, Any]]]
) -> None:
    if step != "demo":
        demo_files(home)
    if step == "plan":
        demo_checked(home)
    at = opened()
    at.button(key=f"guide_{step}").click().run()
    sound(at)
    ((kind, request),) = begun
    assert kind == step
    if step == "demo":
        assert request == {"name": DEMO, "paddies": first_run.PADDIES, "by": "local"}
    elif step == "check":
        assert request["source"] == {"file": "demo/parcels.gpkg"}
        assert (request["barriers"], request["dem"]) == ("demo/barriers.gpkg", "demo/dem.tif")
    else:
        assert request["parcels"] == files.checked(home)[0]["id"] and request["effort"] == "quick"
    assert f"guide_{step}" not in keys(at) and f"cancel_{step}" in keys(at)
    # somebody who comes back sees the same job
    assert f"cancel_{step}" in keys(opened())


def test_with_data_of_ones_own_nobody_is_led_by_the_hand_unless_the_address_says_so(home: Path) -> None:
    checked_parcels(home)
    at = opened()
    assert ticked(at) == 0 and "guide_again" in keys(at) and "go_plan" in keys(at)
    at = opened(guide="1")
    assert "guide_demo" in keys(at)
    assert at.query_params["guide"] == "1"


def test_the_guide_is_closed_where_there_is_a_plan(home: Path) -> None:
    demo_files(home)
    demo_planned(home)
    at = opened(guide="1")
    at.button(key="guide_close").click().run()
    assert "guide_look" not in keys(sound(at)) and "guide" not in at.query_params
