"""Taking a plan among those that are reported on: by planners, from the page 上报, without a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from geo import plans
from tests.ui.office import LOCAL, OFFICIAL, PLANNER, TEAM, Office, words
from tracking import jobs, variants
from tracking.store import Store


@pytest.fixture
def empty(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """The app on a database without a plan."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.setenv("CHIGAI_DATABASE_URL", store.url.render_as_string(hide_password=False))
    return Office(store, tmp_path, monkeypatch)


def test_a_plan_that_was_made_is_registered_and_approved_from_the_page(
    empty: Office, write_plan: Callable[..., Path], at_once: None
) -> None:
    write_plan(plan_id="q", name="plans")
    at = empty.open("field", LOCAL)
    at.button(key="follow").click().run()
    assert not at.exception
    assert "已登记方案 q。" in words(at)
    assert list(empty.desk().plans()["id"]) == ["q"]
    at.button(key="field_approve").click().run()
    assert set(empty.desk().states("q")["state"]) == {"approved"}
    assert "follow" not in [b.key for b in at.button]


def test_where_no_plan_was_made_the_page_says_where_to_make_one(empty: Office) -> None:
    assert "先到“方案”页做一个" in words(empty.open("field", PLANNER))


def test_while_a_plan_is_being_registered_the_page_says_so_and_it_can_be_stopped(
    empty: Office, write_plan: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan(plan_id="q", name="plans")
    monkeypatch.setattr(jobs, "start", lambda *asked: jobs.create(*asked).name)
    at = empty.open("field", LOCAL)
    at.button(key="follow").click().run()
    said = words(at)
    assert "方案登记排队中" in said and "登记大池" in said and "回来仍能看到" in said
    # somebody else, or the same one in another browser, finds it under way and begins no second
    at = empty.open("field", PLANNER, lang="en")
    assert "Registering the plan is waiting its turn" in words(at)
    assert "follow" not in [b.key for b in at.button]
    at.button(key="cancel_register").click().run()
    assert (empty.home / "jobs" / jobs.recent(empty.home)[0].id / "cancel").exists()


def test_a_registering_that_failed_says_so_to_the_one_who_comes_back(
    empty: Office, write_plan: Callable[..., Path], at_once: None
) -> None:
    folder = write_plan(plan_id="q", name="plans")
    (folder / "sites.parquet").write_bytes(b"no table")
    empty.open("field", LOCAL).button(key="follow").click().run()
    for lang, said in (("zh", "方案登记没有完成"), ("en", "files are incomplete or damaged")):
        assert said in words(empty.open("field", LOCAL, lang=lang))
    assert "没有完成" not in words(empty.open("field", PLANNER))
    assert len(empty.desk().plans()) == 0


@pytest.mark.parametrize("person", [TEAM, OFFICIAL])
def test_who_may_not_plan_registers_nothing(
    empty: Office, write_plan: Callable[..., Path], person: object
) -> None:
    write_plan(plan_id="q", name="plans")
    at = empty.open("field", person)  # type: ignore[arg-type]
    assert "follow" not in [b.key for b in at.button]


def test_a_second_plan_is_offered_with_a_word_on_what_it_does(
    office: Office, write_plan: Callable[..., Path], at_once: None
) -> None:
    write_plan(plan_id="q", name="plans")
    at = office.open("field", LOCAL)
    assert "原方案上已完成的不再计入" in words(at)
    at.button(key="follow").click().run()
    assert set(office.desk().plans()["id"]) == {"p", "q"}


def test_the_one_user_of_this_machine_is_told_how_somebody_else_accepts(office: Office) -> None:
    office.approve()
    for n, (kind, figures) in enumerate([("started", {}), ("finished", {}), ("checked", {"passed": True})]):
        office.report(kind, 1 + n, "b1", "local" if n < 2 else "boss", **figures)  # type: ignore[arg-type]
    at = office.open("field", LOCAL, block="b1", kind="accepted")
    box = next(w for w in at.number_input if "typed_measured_mu" in (w.key or ""))
    box.set_value(29.0).run()
    at.button(key="send").click().run()
    assert "验收人不能是填报人" in words(at)
    assert "chigai report import" in words(at)


def test_a_plan_that_is_registered_goes_by_its_title_and_not_by_its_folder(
    empty: Office, write_plan: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_plan(plan_id="20261120T063000000000-abcdef", name="plans")
    titled(folder, "东海镇试算")
    monkeypatch.setattr(jobs, "start", lambda *asked: jobs.create(*asked).name)
    at = empty.open("field", LOCAL)
    at.button(key="follow").click().run()
    assert "东海镇试算 · 已用" in words(at) and "abcdef" not in words(at)
    assert variants.begin_approval(empty.desk(), folder.name) == jobs.recent(empty.home)[0].id
    assert {job.name for job in jobs.recent(empty.home)} == {"东海镇试算"}


def test_plans_that_are_followed_are_listed_by_their_titles_and_told_apart(
    office: Office, write_plan: Callable[..., Path]
) -> None:
    for plan_id in ("q1", "q2"):
        folder = write_plan(plan_id=plan_id, name="plans")
        titled(folder, "东海镇试算")
        office.desk().register(folder)
    expected = {"2021-09-01 08:00 · 东海镇试算 · – · q1", "2021-09-01 08:00 · 东海镇试算 · – · q2"}
    for page in ("field", "ledger", "targets"):
        options = office.open(page, LOCAL).selectbox(key="choose_followed_zh").options
        # the fixture's plan lies in a folder elsewhere, and goes by that
        assert expected | {"2021-09-01 · p"} <= set(options)


def titled(folder: Path, title: str) -> None:
    meta = plans.read_meta(folder)
    (folder / plans.MANIFEST).write_text(json.dumps({**meta, "title": title}), "utf-8")
