"""A season in three browsers: a team reports with a photo from a phone, the county checks, the planner accepts."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.map_visit import ARGUMENTS, CHROMIUM
from tests.sign_in_home import free_port, process, settings, sign_in
from tests.tracking.camera import photo
from tests.tracking.conftest import HULIN, home, new_database, postgres, write_plan  # noqa: F401
from tracking import people
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.store import Store
from tracking.targets import LOCAL as CLOCK

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

ROOT = Path(__file__).parents[2]
TRICK = "<img src=x onerror=window.pwned=1>${window.pwned=1}"
WHO = {"team": "wang@example.cn", "county": "li@example.cn", "city": "zhao@example.cn"}
SERVE = """
import sys
from pathlib import Path
from planning import programme
programme.BUNDLED = Path(sys.argv[1])
import uvicorn
uvicorn.run("app:app", host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""


@dataclass(frozen=True)
class Served:
    """The running app, and its database as the tests see it."""

    base: str
    desk: Desk


@pytest.fixture
def served(
    home: str,  # noqa: F811
    new_database: Callable[..., str],  # noqa: F811
    write_plan: Callable[..., Path],  # noqa: F811
    tmp_path: Path,
) -> Iterator[Served]:
    """The app with sign-in on either database, a plan of four blocks of 1,500 mu, and a notice whose deadlines
    are still ahead."""
    notices = tmp_path / "notices"
    notices.mkdir()
    notice = (ROOT / "data" / "programmes" / "jixi-2020-8.yml").read_text("utf-8")
    ahead = re.sub(r"(deadline: )\d{4}", rf"\g<1>{datetime.now(CLOCK).year + 1}", notice)
    (notices / "jixi-2020-8.yml").write_text(ahead, "utf-8")
    url = new_database(home)
    store = Store(url)
    desk = Desk(store, LOCAL, tmp_path)
    desk.register(write_plan(sides=(1000.0,) * 4))
    desk.approve("p")
    people.add_user(store, LOCAL, f"王队长{TRICK}", WHO["team"], "field", [HULIN])
    people.add_user(store, LOCAL, "李科长", WHO["county"], "official", [HULIN])
    people.add_user(store, LOCAL, "赵工", WHO["city"], "planner", None)
    issuer, base = f"http://localhost:{free_port()}", f"http://localhost:{free_port()}"
    provider = [sys.executable, "-m", "oidc_provider_mock", "--host", "localhost", "--port", issuer[17:]]
    for subject, email in WHO.items():
        provider += ["--user-claims", f'{{"sub": "{subject}", "email": "{email}", "email_verified": true}}']
    app = [sys.executable, "-c", SERVE, str(notices), base[17:]]
    around = {**settings(base, issuer), "CHIGAI_HOME": str(tmp_path), "CHIGAI_DATABASE_URL": url}
    with (
        process(provider, f"{issuer}/.well-known/openid-configuration", tmp_path / "provider.log"),
        process(app, f"{base}/_stcore/health", tmp_path / "app.log", around),
    ):
        yield Served(base, desk)
    store.close()


class Browser:
    """One person's browser, with everything that it asked for."""

    def __init__(self, chromium: Any, served: Served, subject: str, path: str, **more: Any) -> None:
        self.context = chromium.new_context(locale="zh-CN", **more)
        self.context.set_default_timeout(20_000)
        self.base = served.base
        self.asked: list[str] = []
        self.failures: list[str] = []
        self.context.on("request", lambda r: self.asked.append(r.url))
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda e: self.failures.append(str(e)))
        sign_in(self.page, served.base, subject)
        self.page.goto(served.base + path)

    def one(self, selector: str) -> Any:
        """The one element of its kind, once what was there before it is gone."""
        found = self.page.locator(selector)
        sync_api.expect(found).to_have_count(1, timeout=15_000)
        return found

    def tap(self, key: str) -> None:
        self.page.locator(f".st-key-{key} button").first.click()

    def says(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def send(self) -> None:
        self.tap("send")
        self.says("已收到")

    def close(self) -> None:
        assert self.page.evaluate("window.pwned") is None
        assert self.page.locator("img[src=x]").count() == 0
        assert self.failures == []
        hosts = {urlsplit(a).hostname for a in self.asked if not a.startswith(("data:", "blob:"))}
        # the provider's own page looks for its style elsewhere
        assert hosts - {"cdn.jsdelivr.net"} == {"localhost"}
        ours = [a for a in self.asked if a.startswith(self.base)]
        assert ours
        self.context.close()


@pytest.fixture
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


def county(browser: Browser) -> tuple[str, float]:
    """What counts for Hulin on 任务, and how long its bar is, percent."""
    browser.page.goto(f"{browser.base}/targets")
    row = browser.page.locator("tr.cg-county", has_text="虎林市")
    row.wait_for()
    width = row.locator(".cg-reach i").get_attribute("style")
    return row.locator(".cg-counted b").inner_text(), float(re.findall(r"[\d.]+", width)[0])


def test_a_team_reports_with_a_photo_the_county_checks_the_planner_accepts_and_the_bar_moves(
    served: Served, chromium: Any
) -> None:
    b1 = served.desk.blocks("p", block_id="b1").iloc[0]
    here = {"longitude": float(b1["lon"]), "latitude": float(b1["lat"])}
    city = Browser(chromium, served, "city", "/ledger", viewport={"width": 1440, "height": 1000})
    assert county(city) == ("0", 0.0)

    team = Browser(
        chromium, served, "team", "/field", viewport={"width": 390, "height": 844}, has_touch=True,
        is_mobile=True, geolocation=here,
    )  # fmt: skip
    team.page.get_by_role("button", name="找我附近的大池").click()
    team.says("手机没有允许定位")
    team.context.grant_permissions(["geolocation"])
    team.page.get_by_role("button", name="找我附近的大池").click()
    team.says("0 米")
    # by this the page knows that the signal is lost
    assert team.page.locator("[data-test-connection-state=CONNECTED]").count() == 1
    team.page.locator(".st-key-open_b1 button").tap()
    team.says("发送：开工")
    # gloves tap twice
    team.page.locator(".st-key-send button").dblclick()
    team.says("已收到")
    assert served.desk.events()["kind"].tolist() == ["started", "plan_approved"]
    assert "第 2 号" in team.one(".cg-got").inner_text()

    team.tap("same_block")
    team.page.get_by_text("完工", exact=True).click()
    team.says("发送：完工")
    taken = f"{datetime.now(CLOCK):%Y:%m:%d %H:%M:%S}"
    shot = photo(place=(here["longitude"], here["latitude"]), taken=taken, offset="+08:00")
    team.one("input[type=file]").set_input_files(
        {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": shot}
    )
    team.says("照片已存好（1 张）")
    team.page.get_by_text("日期、说明").click()
    team.one("textarea").fill(TRICK)
    team.send()
    team.one(".cg-story img")
    team.page.reload()
    team.says("已收到")
    assert len(served.desk.events()) == 3
    team.close()
    counted, before = county(city)
    assert counted == "1,500" and before > 1

    check = Browser(chromium, served, "county", "/field?block=b1", viewport={"width": 390, "height": 844})
    check.says("发送：县级初验")
    check.page.get_by_text("合格", exact=True).click()
    check.send()
    check.close()

    city.page.goto(f"{served.base}/field?block=b1")
    city.says("发送：竣工验收")
    measured = city.page.get_by_label("实测面积（亩）")
    measured.fill("1480")
    measured.press("Enter")
    city.send()
    counted, bar = county(city)
    assert counted == "1,480" and 0 < bar < before

    city.page.goto(f"{served.base}/ledger?block=b1")
    city.says("实测 1,480 亩")
    picture = city.one(".cg-table img")
    assert picture.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0
    assert city.page.locator(".cg-flag").count() == 0
    with city.page.expect_download() as download:
        city.tap("take_csv")
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert len(text.splitlines()) == 5 and "王队长" not in text
    city.tap("go_report")
    city.says("发送：上图入库")
    city.close()
