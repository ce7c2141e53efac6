"""Who is behind a cookie: only whom the provider named, while the session holds, and with the rights they have now."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from starlette.requests import Request

from geo.errors import ChigaiError
from tests import sign_in_home
from tests.sign_in_home import claims, cookies
from tracking import people
from tracking.sessions import SignedOutError
from tracking.tables import sessions
from ui import pages, settings, sign_in

HULIN = "230381"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sign-in is set up, and two people are entered."""
    sign_in_home.set_up(monkeypatch, tmp_path)
    store = sign_in.store()
    people.add_user(store, people.LOCAL, "王规划", "wang@example.cn", "planner", None)
    people.add_user(store, people.LOCAL, "李施工", "li@example.cn", "field", [HULIN])
    yield


def asked(jar: dict[str, str]) -> Request:
    header = "; ".join(f"{name}={value}" for name, value in jar.items()).encode()
    return Request({"type": "http", "headers": [(b"cookie", header)], "path": "/", "method": "GET"})


def refused(jar: dict[str, str]) -> str:
    with pytest.raises(SignedOutError) as caught:
        sign_in.person(jar)
    assert sign_in.of_request(asked(jar)) is None
    return caught.value.why


@pytest.mark.parametrize("more", [{}, {"groups": [f"{i**7:x}" for i in range(900)]}])
def test_what_streamlit_writes_into_its_cookies_is_read_back(here: None, more: dict[str, Any]) -> None:
    said = claims(**more)
    jar = cookies(said)
    # a cookie too large for a browser comes in pieces
    assert (len([n for n in jar if n.startswith("_streamlit_user_") and n[-1].isdigit()]) > 1) == bool(more)
    assert sign_in.claims(jar) == said | {"provider": "default"}


def test_streamlit_still_has_what_we_ask_of_it(here: None) -> None:
    """Should this fail after an upgrade of Streamlit, look at ui.sign_in.claims and ui.guard before all else."""
    from streamlit.web.server.starlette import starlette_auth_routes as auth
    from streamlit.web.server.starlette import starlette_server_config as names
    from streamlit.web.server.starlette import starlette_websocket as socket

    from ui import guard

    assert (names.USER_COOKIE_NAME, names.AUTH_COOKIE_MAX_AGE_SECONDS) == ("_streamlit_user", 30 * 24 * 3600)
    assert socket._get_signed_cookie_with_chunks({}, names.USER_COOKIE_NAME) is None
    assert socket._parse_decoded_user_cookie(b'{"origin": "http://a", "sub": "s"}', "http://b") == {}
    paths = {route.path for route in auth.create_auth_routes("")}
    assert paths == {"/auth/login", guard.SIGN_OUT, settings.CALLBACK}
    assert socket._ROUTE_WEBSOCKET_STREAM == "_stcore/stream"
    assert socket._parse_subprotocols({"sec-websocket-protocol": "streamlit, x, session"}) == (  # type: ignore[arg-type]
        "streamlit",
        "x",
        "session",
    )


def test_a_cookie_that_is_not_ours_names_nobody(here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = cookies(claims())
    name = "_streamlit_user"
    assert refused({}) == "form"
    assert refused({name: "nonsense"}) == "form"
    body, _, signature = jar[name].rpartition(".")
    assert refused({name: f"{body}.{signature[::-1]}"}) == "form"
    # the same, for another address of the app
    assert refused(cookies(claims(), "http://elsewhere.cn")) == "form"
    # under another secret
    from streamlit.runtime.secrets import secrets_singleton

    other = settings.sign_in()
    assert other is not None
    stranger = other.secrets()
    stranger["auth"]["cookie_secret"] = "0" * 64
    secrets_singleton.merge_programmatic_secrets(stranger)
    foreign = cookies(claims())
    secrets_singleton.merge_programmatic_secrets(other.secrets())
    assert refused(foreign) == "form"


def test_the_person_is_the_one_entered_under_the_verified_address(here: None) -> None:
    person = sign_in.person(cookies(claims("l1", "li@example.cn")))
    assert (person.name, person.role, person.counties) == ("李施工", "field", frozenset({HULIN}))
    desk = sign_in.of_request(asked(cookies(claims("l1", "li@example.cn"))))
    assert desk is not None and desk.person == person


def test_who_is_not_entered_or_not_verified_stays_outside(here: None) -> None:
    assert refused(cookies(claims("z1", "zhao@example.cn"))) == "inactive"
    assert refused(cookies(claims("x1", "wang@example.cn", email_verified=False))) == "inactive"


def test_a_cookie_is_worth_nothing_after_its_sign_out_and_a_new_sign_in_is(here: None) -> None:
    jar = cookies(claims())
    sign_in.person(jar)
    sign_in.close(jar)
    assert refused(jar) == "closed"
    sign_in.close(jar)  # once more changes nothing
    assert refused(jar) == "closed"
    assert sign_in.person(cookies(claims(nonce="another"))).name == "王规划"


def test_a_sign_in_from_long_ago_that_was_never_used_opens_nothing(here: None) -> None:
    assert refused(cookies(claims(iat=int(time.time()) - 3600))) == "old"


@pytest.mark.parametrize(
    ("column", "by", "why"),
    [("seen", timedelta(minutes=61), "idle"), ("expires", timedelta(hours=13), "expired")],
)
def test_a_session_ends_by_itself(here: None, column: str, by: timedelta, why: str) -> None:
    jar = cookies(claims())
    sign_in.person(jar)
    with sign_in.store().writing() as connection:
        connection.execute(update(sessions).values({column: datetime.now(UTC) - by}))
    assert refused(jar) == why


def test_rights_change_at_once_and_who_is_deactivated_is_out_at_once(here: None) -> None:
    store, jar = sign_in.store(), cookies(claims("l1", "li@example.cn"))
    person = sign_in.person(jar)
    version = people.change_user(store, people.LOCAL, person.id, 1, role="viewer", counties=None)
    assert (sign_in.person(jar).role, sign_in.person(jar).counties) == ("viewer", None)
    people.change_user(store, people.LOCAL, person.id, version, active=False)
    assert refused(jar) in ("closed", "inactive")


def test_without_sign_in_set_up_it_is_the_one_user_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    assert sign_in.desk().person == people.LOCAL
    found = sign_in.of_request(asked({}))
    assert found is not None and found.person.local


def test_half_a_setting_is_refused_and_no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sign_in_home.settings()
    for name, value in whole.items():
        monkeypatch.setenv(name, value)
    assert settings.sign_in() is not None
    assert sign_in_home.SECRET not in repr(settings.sign_in())
    for name in [n for n in whole if "OIDC" in n]:
        with monkeypatch.context() as patch:
            patch.setenv(name, " ")
            with pytest.raises(ChigaiError) as caught:
                settings.sign_in()
            assert name in caught.value.zh
            assert sign_in_home.SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIRECT_URI", "http://chigai.example.cn/oauth2callback"),
        ("REDIRECT_URI", "https://chigai.example.cn/"),
        ("REDIRECT_URI", "https://a:b@chigai.example.cn/oauth2callback"),
        ("ISSUER", "http://login.example.cn"),
        ("ISSUER", "login.example.cn"),
        ("COOKIE_SECRET", "short"),
    ],
)
def test_a_setting_that_would_not_be_safe_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, good in sign_in_home.settings("https://chigai.example.cn").items():
        monkeypatch.setenv(key, good)
    assert settings.sign_in() is not None
    monkeypatch.setenv(f"CHIGAI_OIDC_{name}", value)
    with pytest.raises(ChigaiError, match=f"CHIGAI_OIDC_{name}"):
        settings.sign_in()


def test_beyond_this_machine_the_app_listens_only_with_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.1.2.3"):
        assert settings.listen(host) is None
    for host in ("0.0.0.0", "::", "192.168.1.5", "chigai.example.cn", "127.0.0.1.example.cn"):
        with pytest.raises(ChigaiError, match=re.escape(host)):
            settings.listen(host)
    for name, value in sign_in_home.settings().items():
        monkeypatch.setenv(name, value)
    assert settings.listen("0.0.0.0") is not None


def test_the_command_refuses_to_serve_others_without_sign_in(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "app", "--host", "0.0.0.0"],
        cwd=sign_in_home.ROOT,
        env={**os.environ, "CHIGAI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "没有设置登录" in done.stderr and "Without sign-in" in done.stderr


def pages_of(role: str, counties: frozenset[str] | None) -> set[str]:
    desk = sign_in.Desk(None, people.Person("u", "某人", role, counties))  # type: ignore[arg-type]
    return {name for name, entry in pages.PAGES.items() if entry.open_to(desk)}


def test_each_role_finds_its_pages_in_the_navigation() -> None:
    city, hulin = None, frozenset({HULIN})
    assert pages_of("planner", city) == set(pages.PAGES)
    assert pages_of("planner", hulin) == set(pages.PAGES) - {"people"}
    assert pages_of("field", hulin) == {"overview", "plan", "targets", "field", "ledger"} & set(pages.PAGES)
    assert pages_of("official", city) == {"overview", "plan", "targets", "field", "ledger"} & set(pages.PAGES)
    assert pages_of("viewer", city) == {"overview", "plan", "targets"} & set(pages.PAGES)
    assert pages_of("nobody", city) == set()
