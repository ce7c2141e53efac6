"""Long steps in a real browser: each is begun, cancelled, begun again, the browser closed in the middle, and its result
found by another browser."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from geo import frozen
from tests.e2e.test_export_journey import choose, settled
from tests.map_visit import ARGUMENTS, CHROMIUM
from tests.page_home import checked_parcels, small_plan
from tests.sign_in_home import free_port, process
from tests.tracking.conftest import report
from tracking import jobs, ledger
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.store import ENVIRONMENT, Store

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

REPORTS = 60
SERVE = """
import sys
from tracking import finding_jobs, ledger_jobs
from ui import plan_export
# a small plan, a short ledger and one finding stand for those that take long
plan_export.LONGEST_S, ledger_jobs.AT_A_TIME, finding_jobs.AT_A_TIME = 0.0, 0, 0
import uvicorn
uvicorn.run("app:app", host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


@dataclass(frozen=True)
class Served:
    """The running app, and its database as the tests see it."""

    base: str
    desk: Desk


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app for this machine alone with three plans, one of them with reports on it."""
    home = tmp_path_factory.mktemp("jobs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(home))
        patch.delenv(ENVIRONMENT, raising=False)
        for hour, name in enumerate(("one", "two", "three")):
            small_plan(home / "plans" / name, f"2026-11-20T0{hour}:30:00+00:00")
        checked_parcels(home)
        store = Store()
        store.upgrade()
        desk = Desk(store, LOCAL, home)
        desk.register(home / "plans" / "three")
        said = [
            report("consent", n, "B1", "team", plan_id="three", operator="张三", given=True)
            for n in range(REPORTS)
        ]
        assert {r.status for r in ledger.append(store, said)} == {"accepted"}
        port = free_port()
        command = [sys.executable, "-c", SERVE, str(port)]
        base = f"http://127.0.0.1:{port}"
        with process(command, f"{base}/_stcore/health", home / "app.log"):
            yield Served(base, desk)
        store.close()


@contextmanager
def browsing(base: str, address: str, width: int) -> Iterator[Any]:
    """A browser of its own on a page; closing it is closing the window."""
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(
            viewport={"width": width, "height": 900}, locale="zh-CN", accept_downloads=True
        )
        page.set_default_timeout(60_000)
        page.goto(base + address)
        page.locator("header.cg-title h1").wait_for()
        settled(page)
        yield page
        browser.close()


def unfold(page: Any, title: str) -> None:
    """Open a part of the page that is folded, unless it is open."""
    summary = page.locator("summary", has_text=title)
    if summary.locator("xpath=..").get_attribute("open") is None:
        summary.click()


def register(page: Any) -> None:
    unfold(page, "登记另一个方案")
    page.get_by_role("button", name="登记这个方案").click()


def approve(page: Any) -> None:
    unfold(page, "批准这个方案")
    sure = page.get_by_role("checkbox", name="我确认批准")
    for _ in range(5):
        settled(page)
        if sure.is_checked():
            break
        page.get_by_text("我确认批准").click()
    page.get_by_role("button", name="批准这个方案").click()


def households(page: Any) -> None:
    choose(page, "格式", "分户表")
    page.get_by_role("button", name="准备文件").click()


def pressed(name: str) -> Callable[[Any], None]:
    return lambda page: page.get_by_role("button", name=name, exact=True).click()


def lies(folder: str) -> Callable[[Desk], bool]:
    """Whether anything lies in a folder of the home."""
    return lambda desk: any((desk.home / folder).glob("*"))


PERSONAL = lies("personal")


@dataclass(frozen=True)
class Step:
    """A long step: where it is begun, how, what the page says of it, whether it is done, and what is found later."""

    address: str
    begin: Callable[[Any], None]
    called: str
    done: Callable[[Desk], bool]
    found: str


STEPS = {
    "register": Step(
        "/field?follow=one", register, "方案登记", lambda desk: "one" in set(desk.plans()["id"]), "What did we do today",
    ),
    "approve": Step(
        "/plan?plan=two", approve, "方案批准", lambda desk: frozen.mark(desk.home / "plans" / "two") is not None,
        "The approved plan: ",
    ),
    "private": Step("/plan?plan=one", households, "内部文件准备", PERSONAL, "one-households-内部.xlsx"),
    "verify": Step("/ledger?view=chain", pressed("核对全部记录"), "台账核对", lies("proofs"), r"Sound: \d+ reports"),
    "ledger": Step("/ledger", pressed("准备 Excel"), "台账文件准备", PERSONAL, r"chigai-台账-\d+.xlsx"),
    "findings": Step("/parcels", pressed("准备 Excel"), "问题清单准备", PERSONAL, r"findings-\S+.xlsx"),
}  # fmt: skip


def shown(page: Any, path: Path, text: str | re.Pattern[str]) -> None:
    """A picture of the place where the page says this."""
    page.get_by_text(text).first.scroll_into_view_if_needed()
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(300)
    page.screenshot(path=path)


def newest(desk: Desk, kind: str) -> jobs.Job:
    return next(job for job in jobs.recent(desk.home) if job.kind == kind)


def ended(desk: Desk, kind: str) -> jobs.Job:
    end = time.monotonic() + 120
    while not (job := newest(desk, kind)).finished:
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


@pytest.mark.parametrize("kind", STEPS)
def test_a_long_step_is_cancelled_and_outlives_its_browser(served: Served, kind: str, tmp_path: Path) -> None:
    step, desk = STEPS[kind], served.desk
    if step.done is PERSONAL:
        # all of these leave their file in one folder
        for old in (desk.home / "personal").glob("*"):
            old.rename(tmp_path / old.name)
    with browsing(served.base, step.address, 1440) as page:
        step.begin(page)
        page.get_by_text("可以离开或关闭本页").wait_for()
        shown(page, tmp_path / f"{kind}-running.png", "可以离开或关闭本页")
        page.get_by_role("button", name="取消", exact=True).click()
        page.get_by_text(f"{step.called}已取消").wait_for()
        shown(page, tmp_path / f"{kind}-cancelled.png", f"{step.called}已取消")
        assert ended(desk, kind).state == "cancelled" and not step.done(desk)
        assert not (desk.home / "jobs" / newest(desk, kind).id / "out").exists()
        settled(page)
        step.begin(page)
        page.get_by_text("可以离开或关闭本页").wait_for()
        assert not step.done(desk)
    job = ended(desk, kind)
    assert job.state == "done" and step.done(desk), job
    address = f"{step.address}{'&' if '?' in step.address else '?'}lang=en"
    with browsing(served.base, address, 390) as page:
        page.get_by_text(re.compile(step.found)).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
        shown(page, tmp_path / f"{kind}-found.png", re.compile(step.found))
        if kind == "register":
            choose(page, "Plan", "2026-11-20 08:30")
        if step.done is PERSONAL:
            with page.expect_download() as got:
                page.get_by_role("button", name="Download", exact=True).last.click()
            got.value.save_as(tmp_path / "got.xlsx")
            assert (tmp_path / "got.xlsx").read_bytes()[:2] == b"PK"


def test_the_first_page_has_two_addresses(served: Served) -> None:
    for address in ("/", "/overview"):
        with browsing(served.base, address, 1440) as page:
            page.get_by_role("heading", name="总览").wait_for()
            assert page.get_by_text("Page not found").count() == 0
