"""The app with sign-in set up, beside a real provider's process on loopback; and the cookies that it gives."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ADMIN = "admin@nyj.example.cn"
SECRET = "c0ffee" * 8


def settings(origin: str = "http://localhost:8501", issuer: str = "http://localhost:9400") -> dict[str, str]:
    """The environment that sets sign-in up."""
    return {
        "CHIGAI_OIDC_ISSUER": issuer,
        "CHIGAI_OIDC_CLIENT_ID": "chigai",
        "CHIGAI_OIDC_CLIENT_SECRET": "not-told",
        "CHIGAI_OIDC_COOKIE_SECRET": SECRET,
        "CHIGAI_OIDC_REDIRECT_URI": f"{origin}/oauth2callback",
        "CHIGAI_ADMIN_EMAIL": ADMIN,
    }


def set_up(patch: pytest.MonkeyPatch, home: Path, origin: str = "http://localhost:8501") -> None:
    """Sign-in set up for this process, with the database in `home`."""
    from streamlit.runtime.secrets import secrets_singleton

    from ui import settings as ours

    patch.setenv("CHIGAI_HOME", str(home))
    for name, value in settings(origin).items():
        patch.setenv(name, value)
    how = ours.sign_in()
    assert how is not None
    # where st.App(secrets=…) puts them
    patch.setattr(secrets_singleton, "_programmatic_secrets", None)
    patch.setattr(secrets_singleton, "_secrets", None)
    secrets_singleton.merge_programmatic_secrets(how.secrets())


def claims(subject: str = "s1", email: str = "wang@example.cn", **more: Any) -> dict[str, Any]:
    """What a provider signs, now."""
    now = int(time.time())
    said = {"iss": "http://localhost:9400", "sub": subject, "email": email, "email_verified": True}
    return said | {"iat": now, "exp": now + 3600, "nonce": f"n-{subject}-{now}"} | more


def cookies(said: Mapping[str, Any], origin: str = "http://localhost:8501") -> dict[str, str]:
    """The cookies that Streamlit's own callback sets for that."""
    import asyncio
    from http.cookies import SimpleCookie

    from starlette.responses import Response
    from streamlit.web.server.starlette import starlette_auth_routes

    response = Response()
    whole = {**said, "origin": origin, "is_logged_in": True, "provider": "default"}
    asyncio.run(starlette_auth_routes._set_auth_cookie(response, whole, {}))
    jar: SimpleCookie = SimpleCookie()
    for name, value in response.raw_headers:
        if name == b"set-cookie":
            jar.load(value.decode("latin-1"))
    return {name: morsel.value for name, morsel in jar.items()}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def process(
    command: Sequence[str], answers_at: str, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A server's process, from when it answers until it is ended."""
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=out, stderr=out
        )
    try:
        end = time.monotonic() + 60
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, "the server does not answer"
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(answers_at, timeout=2).close()
                break
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(20)


@contextlib.contextmanager
def served(home: Path, people: Mapping[str, str], env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The app with sign-in, beside a provider that knows `people` (subject → address); gives the app's address."""
    issuer, base = f"http://localhost:{free_port()}", f"http://localhost:{free_port()}"
    command = [
        sys.executable,
        "-m",
        "oidc_provider_mock",
        "--host",
        "localhost",
        "--port",
        issuer.rpartition(":")[2],
    ]
    for subject, email in people.items():
        command += ["--user-claims", json.dumps({"sub": subject, "email": email, "email_verified": True})]
    app = [
        sys.executable,
        "-m",
        "uvicorn",
        "app:app",
        "--host",
        "127.0.0.1",
        "--port",
        base.rpartition(":")[2],
    ]
    around = {**settings(base, issuer), "CHIGAI_HOME": str(home), **(env or {})}
    with (
        process(command, f"{issuer}/.well-known/openid-configuration", home / "provider.log"),
        process(app, f"{base}/_stcore/health", home / "app.log", around),
    ):
        yield base


def sign_in(page: Any, base: str, subject: str, path: str = "/") -> None:
    """Sign in in a browser, as people do."""
    page.goto(base + path)
    page.locator(".st-key-sign_in button").click()
    page.get_by_role("button", name=subject, exact=True).click()
    page.wait_for_url(f"{base}/**")


def sign_out(page: Any, base: str) -> None:
    """Sign out in a browser, here and at the provider."""
    page.locator(".st-key-sign_out button").click()
    page.get_by_role("button", name="End session").click()
    page.wait_for_url(f"{base}/**")
    page.locator(".st-key-sign_in button").wait_for()
