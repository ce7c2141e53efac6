"""Who is answered at all: only this machine without sign-in, and with it only who is signed in, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from starlette.datastructures import Headers
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests import sign_in_home
from tests.sign_in_home import claims, cookies
from tracking import people
from tracking.tables import sessions
from ui import guard, routes, settings, sign_in

Message = MutableMapping[str, Any]
APP = "http://localhost:8501"


def scope(
    kind: str = "http", path: str = "/", server: str = "127.0.0.1", client: str = "127.0.0.1", **headers: str
) -> dict[str, Any]:
    named = {"host": "127.0.0.1:8501"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return {
        "type": kind,
        "method": "GET",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in named.items()],
        "server": (server, 8501),
        "client": (client, 40000),
        "subprotocols": [],
    }


class Inner:
    """Stands for the app: answers every request, and takes every message of a websocket."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.heard: list[Message] = []
        self.headers = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]

    async def __call__(self, asked: Any, receive: Any, send: Any) -> None:
        self.asked.append(asked)
        if asked["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": self.headers})
            await send({"type": "http.response.body", "body": b"data"})
            return
        while True:
            message = await receive()
            self.heard.append(message)
            if message["type"] == "websocket.disconnect":
                return
            await send(
                {"type": "websocket.accept"}
                if message["type"] == "websocket.connect"
                else {"type": "websocket.send", "bytes": b"page"}
            )


def through(inner: Inner, asked: dict[str, Any], *says: Message | Callable[[], None]) -> list[Message]:
    """What comes back from the guard; says: the browser's messages, and what happens between them."""
    back: list[Message] = []
    queue = list(says)

    async def receive() -> Message:
        while queue:
            said = queue.pop(0)
            if not callable(said):
                return said
            await asyncio.to_thread(said)
        return {
            "type": "websocket.disconnect" if asked["type"] == "websocket" else "http.request",
            "code": 1001,
        }

    async def send(message: Message) -> None:
        back.append(message)

    asyncio.run(guard.Guard(inner)(asked, receive, send))
    return back


def status(back: list[Message]) -> int:
    return int(back[0]["status"])


CONNECT: Message = {"type": "websocket.connect"}
CLICK: Message = {"type": "websocket.receive", "bytes": b"click"}
SHUT: Message = {"type": "websocket.close", "code": 1008}

HERE = [
    {},
    {"host": "localhost:8501"},
    {"host": "LOCALHOST"},
    {"host": "[::1]:8501", "server": "::1", "client": "::1"},
    {"server": "::ffff:127.0.0.1"},
    {"origin": "http://127.0.0.1:8501"},
]
ELSEWHERE = [
    {"host": "evil.example"},
    {"host": "evil.example:8501", "origin": "http://evil.example:8501"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "localhost.evil.example"},
    {"host": "localhost@evil.example"},
    {"host": ""},
    {"host": "10.1.2.3"},
    {"host": "["},
    {"server": "192.168.1.5"},
    {"client": "192.168.1.9"},
    {"server": "/run/chigai.sock"},
    {"x_forwarded_for": "192.168.1.9"},
    {"x_real_ip": "127.0.0.1"},
    {"forwarded": "for=127.0.0.1"},
    {"via": "1.1 proxy"},
    {"origin": "http://evil.example"},
    {"origin": "http://127.0.0.1:9000"},
    {"origin": "http://localhost:8501"},
    {"origin": "null"},
]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("asked", HERE, ids=str)
def test_without_sign_in_this_machine_is_answered(kind: str, asked: dict[str, str]) -> None:
    inner = Inner()
    back = through(inner, scope(kind, **asked), CONNECT, CLICK)
    assert len(inner.asked) == 1
    assert back[0] == {"type": "websocket.accept"} if kind == "websocket" else status(back) == 200


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("asked", ELSEWHERE, ids=str)
def test_without_sign_in_nobody_else_is_and_is_told_what_to_do(kind: str, asked: dict[str, str]) -> None:
    inner = Inner()
    back = through(inner, scope(kind, **asked), CONNECT, CLICK)
    assert inner.asked == []
    if kind == "websocket":
        assert back == [SHUT]
        return
    body = back[1]["body"].decode()
    assert status(back) == 403
    assert "只供本机使用" in body and "its own machine alone" in body
    assert "evil" not in body


@given(host=st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40))
def test_no_name_but_this_machines_own_is_taken(host: str) -> None:
    asked = {"server": ("127.0.0.1", 8501), "client": ("127.0.0.1", 1)}
    answered = guard.stranger(asked, Headers({"host": host}), None) is None
    assert answered <= (
        host.lower().lstrip("[").startswith(("localhost", "127.", "::1", "0:", "::ffff:")) or "@" in host
    )


def test_an_asker_without_an_address_is_not_taken_for_this_machine() -> None:
    assert guard.stranger({"server": None, "client": None}, Headers({"host": "localhost"}), None) is not None


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sign-in is set up; the cookie of somebody who has just signed in, as a header."""
    sign_in_home.set_up(monkeypatch, tmp_path, APP)
    people.add_user(sign_in.store(), people.LOCAL, "王规划", "wang@example.cn", "planner", None)
    jar = cookies(claims(), APP)
    return {"host": "localhost:8501", "cookie": "; ".join(f"{n}={v}" for n, v in jar.items())}


def leave() -> None:
    """Every session is closed, as by a sign-out from elsewhere."""
    with sign_in.store().writing() as connection:
        connection.execute(update(sessions).values(closed=datetime.now(UTC)))


DATA = [
    "/chigai/map/plan/one",
    "/chigai/data/plan/one/blocks.geojson",
    "/chigai/data/upload/one/findings.geojson",
    "/chigai/whatever/comes/later",
    "/chigai/assets",
    "/media/0123.xlsx",
    "/_stcore/upload_file/s/f",
    "/_stcore/metrics",
    "/_stcore/agent/interact",
]


@pytest.mark.parametrize("path", DATA)
def test_data_are_for_those_who_are_signed_in(path: str, signed: dict[str, str]) -> None:
    inner = Inner()
    nobody = scope(path=path, host="localhost:8501")
    assert status(through(inner, nobody)) == 401
    assert status(through(inner, scope(path=path, host="localhost:8501", cookie="_streamlit_user=x"))) == 401
    assert inner.asked == []
    assert status(through(inner, scope(path=path, **signed))) == 200
    leave()
    assert status(through(inner, scope(path=path, **signed))) == 401
    assert len(inner.asked) == 1


@pytest.mark.parametrize(
    "path", ["/", "/plan", "/static/js/index.js", "/_stcore/health", "/chigai/assets/map.js", "/auth/login"]
)
def test_the_empty_frame_and_its_scripts_are_open(path: str, signed: dict[str, str]) -> None:
    assert status(through(Inner(), scope(path=path, host="localhost:8501"))) == 200


def test_every_address_of_ours_lies_behind_the_guard() -> None:
    # the first page's second address only leads to the first
    paths = [route.path for route in routes.routes() if route.path != "/overview"]
    assert paths and all(path.startswith(guard.OURS) for path in paths)
    assert [p for p in paths if p.startswith(guard.OPEN)] == ["/chigai/assets/{name}"]


def test_another_name_or_another_page_is_refused_with_sign_in_too(signed: dict[str, str]) -> None:
    for asked in (
        {"host": "other.example.cn"},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:9000"},
    ):
        for kind in ("http", "websocket"):
            inner = Inner()
            back = through(inner, scope(kind, **signed | asked), CONNECT)
            assert inner.asked == []
            assert back == [SHUT] if kind == "websocket" else APP in back[1]["body"].decode()


def test_a_page_that_is_open_hears_nothing_more_once_its_person_has_left(signed: dict[str, str]) -> None:
    inner = Inner()
    back = through(
        inner, scope("websocket", "/_stcore/stream", **signed), CONNECT, CLICK, leave, CLICK, CLICK
    )
    assert [m["type"] for m in inner.heard] == [
        "websocket.connect",
        "websocket.receive",
        "websocket.disconnect",
    ]
    assert back[-1] == SHUT
    assert [m["type"] for m in back] == ["websocket.accept", "websocket.send", "websocket.close"]


def test_an_idle_page_is_shut_too(signed: dict[str, str]) -> None:
    def hours_later() -> None:
        with sign_in.store().writing() as connection:
            connection.execute(update(sessions).values(seen=datetime.now(UTC) - timedelta(hours=2)))

    back = through(
        Inner(), scope("websocket", "/_stcore/stream", **signed), CONNECT, CLICK, hours_later, CLICK
    )
    assert back[-1] == SHUT


def test_the_page_to_sign_in_on_works_without_a_sign_in_and_takes_up_no_old_session(
    signed: dict[str, str],
) -> None:
    asked = {"host": "localhost:8501", "sec_websocket_protocol": "streamlit, xsrf, of-somebody"}
    inner = Inner()
    back = through(inner, scope("websocket", "/_stcore/stream", **asked), CONNECT, CLICK)
    assert back[-1]["type"] == "websocket.send"
    # a browser that comes back to a session of somebody's is shown the way in before it asks
    first = inner.heard[1]["bytes"]
    assert first != CLICK["bytes"] and BackMsg.FromString(first).WhichOneof("type") == "rerun_script"
    assert inner.heard[2] == CLICK
    assert Headers(scope=inner.asked[0])["sec-websocket-protocol"] == "streamlit, xsrf"
    through(
        inner,
        scope(
            "websocket",
            "/_stcore/stream",
            **signed | {"sec_websocket_protocol": asked["sec_websocket_protocol"]},
        ),
        CONNECT,
    )
    assert Headers(scope=inner.asked[1])["sec-websocket-protocol"] == "streamlit, xsrf, of-somebody"


@pytest.mark.parametrize("path", [guard.SIGN_OUT, f"{guard.SIGN_OUT}/"])
def test_streamlits_own_sign_out_closes_the_session_for_good(path: str, signed: dict[str, str]) -> None:
    data = scope(path="/chigai/data", **signed)
    assert status(through(Inner(), data)) == 200
    assert status(through(Inner(), scope(path=path, **signed))) == 200
    assert status(through(Inner(), data)) == 401


def test_the_guard_tells_the_routes_whom_it_let_in(signed: dict[str, str]) -> None:
    inner = Inner()
    through(inner, scope(path="/chigai/data", **signed))
    assert inner.asked[0][sign_in.PERSON].name == "王规划"


def told(back: list[Message]) -> Headers:
    return Headers(raw=back[0]["headers"])


def test_every_answer_carries_the_headers_that_a_browser_obeys(signed: dict[str, str]) -> None:
    own = "default-src 'none'"
    for headers in (
        told(through(Inner(), scope(**signed))),
        told(through(Inner(), scope(path="/chigai/x", host="localhost"))),
    ):
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "geolocation=(self)" in headers["permissions-policy"]
        assert "strict-transport-security" not in headers
    assert told(through(Inner({"content-security-policy": own}), scope(**signed))).getlist(
        "content-security-policy"
    ) == [own]


def test_behind_https_cookies_go_by_https_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = {"set-cookie": "_streamlit_user=x; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax"}
    sign_in_home.set_up(monkeypatch, tmp_path, APP)
    assert told(through(Inner(cookie), scope(host="localhost:8501")))["set-cookie"] == (
        "_streamlit_user=x; HttpOnly; Max-Age=43200; Path=/; SameSite=lax"
    )
    sign_in_home.set_up(monkeypatch, tmp_path, "https://chigai.example.cn")
    assert settings.sign_in().https  # type: ignore[union-attr]
    headers = told(
        through(
            Inner(cookie),
            scope(
                host="chigai.example.cn",
                client="192.168.1.2",
                server="192.168.1.5",
                x_forwarded_for="1.2.3.4",
            ),
        )
    )
    assert headers["set-cookie"].endswith("; Secure")
    assert headers["strict-transport-security"] == "max-age=31536000"
