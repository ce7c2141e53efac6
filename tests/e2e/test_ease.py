"""What makes the app easy, in a real browser: the keyboard alone, links that show the same, work that goes on alone."""

from __future__ import annotations

import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from geo import plans
from planning.editing.changes import Asked
from tests.map_visit import CHROMIUM
from tests.page_home import small_plan
from tests.sign_in_home import free_port, process
from tracking import drafts, people
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.rules import Event
from tracking.store import Store

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

FOCUSED = """() => {
    // what has the keyboard, in whatever frame, and whether one sees it: some outline, shadow or border that goes with it
    let doc = document;
    while (doc.activeElement && doc.activeElement.tagName === 'IFRAME') doc = doc.activeElement.contentDocument;
    const node = doc.activeElement;
    if (!node || node === doc.body) return null;
    const chain = [];
    for (let n = node; n && chain.length < 7; n = n.parentElement) chain.push(n);
    const looks = () => JSON.stringify(chain.map(n => {
        const s = doc.defaultView.getComputedStyle(n);
        return [s.outlineStyle === 'none' ? '' : s.outline, s.boxShadow, s.borderColor, s.backgroundColor, s.textDecoration];
    }));
    const box = node.getBoundingClientRect();
    // what stands in the page's language instead of Streamlit's own word is written by the style
    const written = doc.defaultView.getComputedStyle(node, '::after').content.replace(/^(none|normal)$|"/g, '');
    const name = node.getAttribute('aria-label') || node.innerText || node.placeholder || node.title || written || '';
    const said = { tag: node.tagName, name: name.trim().slice(0, 40), inFrame: doc !== document, shown: box.width > 0 && box.height > 0 };
    const before = looks();
    node.blur();
    said.visible = looks() !== before;
    node.focus({ preventScroll: true, focusVisible: true });
    return said;
}"""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app for this machine alone, with one plan."""
    home = tmp_path_factory.mktemp("ease")
    small_plan(home / "plans" / "one")
    yield from served(home)


@pytest.fixture(scope="module")
def office(plan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app of an office at work: a followed plan with a report, a user, a draft with a change in it."""
    home = tmp_path_factory.mktemp("office")
    folder = Path(shutil.copytree(plan_folder, home / "plans" / "one"))
    block = plans.read(folder).blocks.iloc[0]
    desk = Desk(Store(f"sqlite:///{home}/chigai.db"), LOCAL, home)
    desk.store.upgrade()
    people.add_user(desk.store, LOCAL, "李队长", "li@example.cn", "field", ["230381"])
    desk.register(folder)
    plan_id = str(plans.read_meta(folder)["id"])
    desk.approve(plan_id)
    started = Event(uuid.uuid4(), "started", block.block_id, plan_id, LOCAL.id, datetime.now(UTC))
    assert [receipt.status for receipt in desk.report([started])] == ["accepted"]
    draft = drafts.begin(desk, "one", "试改")
    drafts.apply(desk, draft, int(block.field_unit), Asked("lock", blocks=(block.block_id,)), 0)
    desk.store.close()
    yield from served(home)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[str]:
    """The app with nothing in it."""
    yield from served(tmp_path)


def served(home: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(home))
        patch.delenv("CHIGAI_DATABASE_URL", raising=False)
        address = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "cli", "app", "--port", address.rpartition(":")[2]]
        with process(command, f"{address}/_stcore/health", home / "app.log"):
            yield address


def visit(browser: Any, address: str) -> Any:
    """A page of a browser that remembers nothing."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="zh-CN").new_page()
    page.set_default_timeout(30_000)
    page.goto(address)
    page.locator('[data-testid=stApp][data-test-script-state="notRunning"]').wait_for()
    return page


def map_of(page: Any) -> Any:
    """The map's frame, once it has drawn what it asked for."""
    frame = page.wait_for_selector("iframe").content_frame()
    until(frame, "[...document.querySelectorAll('.folium-map')].some(m => m.dataset.state === 'ready')")
    return frame


def until(frame: Any, holds: str) -> None:
    """Wait until a script's expression is true in a map's frame, whose policy forbids Playwright's own wait (eval)."""
    end = time.monotonic() + 30
    while not frame.evaluate(holds):
        assert time.monotonic() < end, f"never came true: {holds}"
        frame.page.wait_for_timeout(100)


EDIT_MAP = ("地图：", "放大", "下一个问题", "大池", "框", "圈", "画线拆分", "清除选择", "重新优化其余")
REACHED = {
    "overview": ["方案", "县（市、区）", "放大", "打印"],
    "parcels": ["地块（必需）"],
    "plan": ["显示的方案", "对照任务", "并排对比", "放大", "新方案"],
    "targets": ["去登记方案"],
    "field": ["登记这个方案"],
    "ledger": ["记录", "县（市、区）", "村", "大池编号", "类型", "填报人", "year, 从", "清除筛选", "A:B", "带上姓名", "导出 Excel"],
    "ledger?view=chain": ["核对", "核对全部记录"],
    "people": ["添加用户", "选择用户", "year, 从哪天起", "结果"],
    "edit": ["新建草稿", "草稿", "撤销（1）", "县（市、区）", "下一个", "按编号找", "选大池", "选小池", "做什么",
                    "大池和小池清单", *EDIT_MAP, "改动记录", "新方案名称", "写成新方案", "收起草稿"],
}  # fmt: skip
"""Controls of each page that must be among what Tab comes by."""
AT_WORK = ("ledger", "people", "edit")


@pytest.mark.parametrize("name", REACHED)
def test_tab_comes_by_every_main_control_and_one_sees_where_it_is(
    name: str, base: str, office: str, browser: Any
) -> None:
    home = office if name.startswith(AT_WORK) else base
    page = visit(browser, f"{home}/{'' if name == 'overview' else name}")
    if name == "edit":
        page.get_by_role("button", name="下一个", exact=True).click()
        page.get_by_text("的小池和大池").wait_for()
        # from the top again: the unit is in the address
        page.reload()
        page.get_by_text("的小池和大池").wait_for()
        page.locator('[data-testid=stApp][data-test-script-state="notRunning"]').wait_for()
    if name.startswith("edit"):
        until(
            map_of(page), "chigaiEdit.at.unit !== null && !document.body.classList.contains('cg-edit-busy')"
        )
    if name.startswith(("overview", "plan", "edit")):
        for frame in (page.main_frame, map_of(page)):
            frame.evaluate(
                "css => { const s = document.createElement('style'); s.textContent = css; document.head.append(s) }",
                STILL,
            )
    else:
        page.add_style_tag(content=STILL)
    seen: list[dict[str, Any]] = []
    for _ in range(70):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at is None:
            if seen:
                break
            continue
        seen.append(at)
    names = " | ".join(f"{at['tag']}:{at['name']}" for at in seen)
    assert [at["tag"] for at in seen if at["shown"] and not at["name"]] == [], names
    assert [wanted for wanted in REACHED[name] if wanted not in names] == [], names
    assert [at["name"] for at in seen if at["shown"] and not at["visible"]] == []
    page.context.close()


def test_a_link_shows_plan_view_and_place_again_and_a_new_load_too(base: str, browser: Any) -> None:
    page = visit(browser, f"{base}/plan?plan=one&show=after")
    frame = map_of(page)
    frame.evaluate("void chigai.views[0].map.setView([45.767, 132.3905], 14, {animate: false})")
    page.wait_for_function("location.hash.startsWith('#at=45.767')")
    link = page.url
    page.context.close()
    page = visit(browser, link)
    for _ in range(2):
        frame = map_of(page)
        assert "view=after" in frame.url
        assert frame.evaluate("chigai.views[0].map.getZoom()") == 14
        assert frame.evaluate("chigai.views[0].map.getCenter().lat") == pytest.approx(45.767, abs=1e-4)
        page.wait_for_function("location.hash.startsWith('#at=45.767')")
        page.reload()
    page.context.close()


def test_a_job_goes_on_while_nobody_looks_and_is_there_to_be_stopped(empty: str, browser: Any) -> None:
    page = visit(browser, empty)
    page.get_by_role("button", name="生成演示区").click()
    page.get_by_text("演示区生成进行中").wait_for()
    page.context.close()
    page = visit(browser, empty)
    page.get_by_text("演示区生成进行中").wait_for()
    page.get_by_role("button", name="取消", exact=True).click()
    page.get_by_text("演示区生成已取消").wait_for()
    page.get_by_role("button", name="生成演示区").wait_for()
    page.context.close()
