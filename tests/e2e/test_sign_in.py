"""Signing in and out in a real browser, against a real provider: what a cookie opens, and that it opens nothing after."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import pytest
from sqlalchemy import update

from tests import sign_in_home
from tests.map_visit import ARGUMENTS, CHROMIUM
from tests.page_home import checked_parcels, small_plan
from tests.sign_in_home import ADMIN, free_port, process, served, sign_in, sign_out
from tracking import people
from tracking.audit import entries
from tracking.store import Store
from tracking.tables import sessions

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

PEOPLE = {"w1": "wang@example.cn", "l1": "li@example.cn", "z1": "zhao@example.cn"}
MAP, DATA = "/chigai/map/plan/one", "/chigai/data/plan/one/card.json?parcel=0"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan, an upload, a planner of the city and a field user of the county beside the plan's."""
    folder = tmp_path_factory.mktemp("signed")
    small_plan(folder / "plans" / "one")
    upload = checked_parcels(folder)
    parcels = gpd.read_parquet(folder / "plans" / "one" / "parcels.parquet")
    parcels.to_parquet(folder / "parcels" / upload / "parcels.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CHIGAI_DATABASE_URL", raising=False)
        patch.setenv("CHIGAI_HOME", str(folder))
        store = Store()
        store.upgrade()
        people.add_user(store, people.LOCAL, "王规划", PEOPLE["w1"], "planner", None)
        people.add_user(store, people.LOCAL, "李施工", PEOPLE["l1"], "field", ["230382"])
        store.close()
    return folder


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{home / 'chigai.db'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def base(home: Path) -> Iterator[str]:
    with served(home, PEOPLE) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A browser of somebody's own, without any cookie."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    made.set_default_timeout(20_000)
    yield made
    made.close()


def jar(context: Any) -> dict[str, str]:
    return {c["name"]: c["value"] for c in context.cookies()}


def ask(base: str, path: str, cookies: dict[str, str]) -> int:
    """A request beside the browser, as a script with a copy of its cookies would make it."""
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return httpx.get(base + path, headers={"cookie": header} if header else {}).status_code


def test_a_planner_signs_in_works_and_signs_out_for_good(
    base: str, browser: Any, context: Any, store: Store
) -> None:
    page = context.new_page()
    asked: list[str] = []
    context.on("request", lambda r: asked.append(r.url))
    assert [ask(base, path, {}) for path in (MAP, DATA)] == [401, 401]
    sign_in(page, base, "w1")
    page.get_by_text("王规划").wait_for()
    for title in ("总览", "地块", "方案", "台账", "用户"):
        assert page.get_by_role("link", name=title, exact=True).count() == 1
    copied, whole = jar(context), context.cookies()
    ours = [c for c in whole if c["name"].startswith("_streamlit_user")]
    assert ours and all(c["httpOnly"] and c["sameSite"] == "Lax" for c in ours)
    assert [ask(base, path, copied) for path in (MAP, DATA)] == [200, 200]

    second = context.new_page()
    second.goto(f"{base}/plan")
    second.locator("iframe").first.wait_for()
    sign_out(page, base)
    assert "_streamlit_user" not in jar(context)

    # the copy of the cookie, on our own addresses and on a page
    assert [ask(base, path, copied) for path in (MAP, DATA)] == [401, 401]
    thief = browser.new_context(locale="zh-CN")
    thief.add_cookies(whole)
    stolen = thief.new_page()
    stolen.goto(f"{base}/people")
    stolen.get_by_text("您已经退出").wait_for()
    assert stolen.get_by_text("王规划").count() == 0
    thief.close()

    # the tab that was still open: what it asks for next is not done
    second.get_by_role("button", name="对照任务").click()
    second.locator(".st-key-sign_in button").wait_for()
    assert second.locator("iframe").count() == 0

    own = [a for a in asked if not a.startswith((base, "data:", "blob:", "http://localhost:"))]
    assert [a for a in own if "jsdelivr" not in a] == []  # the provider's page looks for its style there
    told = entries(store, people.LOCAL, since=None)
    assert {"sign_in", "sign_out"} <= set(told.loc[told["name"] == "王规划", "action"])
    assert "refused" in set(told.loc[told["action"] == "sign_in", "outcome"])


def test_a_field_user_of_another_county_sees_no_codes_no_uploads_and_no_users(
    base: str, home: Path, context: Any
) -> None:
    page = context.new_page()
    sign_in(page, base, "l1")
    page.get_by_text("李施工").wait_for()
    assert page.get_by_role("link", name="上报", exact=True).count() == 1
    for title in ("地块", "用户"):
        assert page.get_by_role("link", name=title, exact=True).count() == 0
    page.goto(f"{base}/people")
    page.get_by_text("您的账号不能打开这一页").wait_for()
    mine = jar(context)
    header = {"cookie": "; ".join(f"{n}={v}" for n, v in mine.items())}
    cards = [httpx.get(f"{base}{DATA[:-1]}{row}", headers=header).json() for row in range(12)]
    assert {card["parcel_id"] for card in cards} == {None}
    assert httpx.get(f"{base}/chigai/data/plan/one/looks/operators.bin", headers=header).content.count(7) == 4
    upload = next((home / "parcels").iterdir()).name
    for path in (f"/chigai/map/upload/{upload}", f"/chigai/data/upload/{upload}/findings.geojson"):
        assert ask(base, path, mine) == 403


def test_whoever_is_not_entered_is_told_whom_to_tell(base: str, context: Any) -> None:
    page = context.new_page()
    sign_in(page, base, "z1")
    page.get_by_text("您的账号还没有录入").wait_for()
    said = page.inner_text("body")
    assert PEOPLE["z1"] in said and ADMIN in said
    assert ask(base, MAP, jar(context)) == 401
    page.get_by_role("button", name="换一个账号登录").click()
    page.get_by_role("button", name="End session").click()
    page.locator(".st-key-sign_in button").wait_for()


@pytest.mark.parametrize(
    ("column", "ago", "said"),
    [("seen", timedelta(minutes=61), "长时间没有操作"), ("expires", timedelta(minutes=1), "登录已到期")],
)
def test_a_session_ends_by_itself_on_pages_and_addresses(
    base: str, context: Any, store: Store, column: str, ago: timedelta, said: str
) -> None:
    page = context.new_page()
    sign_in(page, base, "w1")
    page.get_by_text("王规划").wait_for()
    assert ask(base, MAP, jar(context)) == 200
    with store.writing() as connection:
        connection.execute(update(sessions).values({column: datetime.now(UTC) - ago}))
    page.get_by_role("link", name="方案", exact=True).click()
    page.locator(".st-key-sign_in button").wait_for()
    assert page.locator("iframe").count() == 0
    assert ask(base, MAP, jar(context)) == 401
    page.goto(base)
    page.locator(".st-key-sign_in button").wait_for()
    assert any(words in page.inner_text("body") for words in (said, "太久没有操作、登录到期"))


def status(host: str, port: int, name: str, path: str = "/", **more: str) -> int:
    """The answer to a request that names the host as it likes."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", path, headers={"Host": name, **more})
    return connection.getresponse().status


def outward() -> str | None:
    """An address of this machine that others could reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it only chooses the way
            found = str(probe.getsockname()[0])
        except OSError:
            found = socket.gethostbyname(socket.gethostname())
    return None if found.startswith("127.") else found


WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("server", ["uvicorn", "streamlit"])
def test_without_sign_in_a_server_that_listens_everywhere_answers_this_machine_alone(
    server: str, tmp_path: Path
) -> None:
    port = free_port()
    commands = {
        "uvicorn": ["-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", str(port)],
        "streamlit": [
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.address=0.0.0.0",
            f"--server.port={port}",
        ],
    }
    env = {"CHIGAI_HOME": str(tmp_path), **dict.fromkeys([n for n in os.environ if "OIDC" in n], "")}
    here = f"127.0.0.1:{port}"
    command = [sys.executable, *commands[server]]
    with process(command, f"http://{here}/_stcore/health", tmp_path / "app.log", env):
        assert status("127.0.0.1", port, here) == 200
        assert status("127.0.0.1", port, f"localhost:{port}") == 200
        assert status("127.0.0.1", port, here, "/_stcore/stream", **WEBSOCKET) == 101
        for path, more in (("/", {}), ("/chigai/map/plan/one", {}), ("/_stcore/stream", WEBSOCKET)):
            assert status("127.0.0.1", port, f"evil.example:{port}", path, **more) == 403
        assert status("127.0.0.1", port, here, **{"X-Forwarded-For": "192.168.1.9"}) == 403
        assert (
            status("127.0.0.1", port, here, "/_stcore/stream", **WEBSOCKET, Origin="http://evil.example")
            == 403
        )
        if (address := outward()) is not None:
            assert status(address, port, f"{address}:{port}") == 403
            assert status(address, port, here, "/_stcore/stream", **WEBSOCKET) == 403


def test_the_provider_of_the_tests_is_a_real_one(base: str, home: Path) -> None:
    """It signs its tokens, which Authlib checks: the app never takes a provider's word unsigned."""
    log = (home / "provider.log").read_text()
    assert "/oauth2/token" in log
    assert sign_in_home.SECRET not in (home / "app.log").read_text()
