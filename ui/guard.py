"""Who may ask at all: before any page or address is answered, by http and by websocket."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.starlette.starlette_server_config import AUTH_COOKIE_MAX_AGE_SECONDS

from tracking.sessions import Limits, SignedOutError
from ui import settings, sign_in
from ui.settings import SignIn, loopback

OURS = "/chigai/"
"""Our own addresses. All of them need a sign-in, whoever adds one, except what stands in OPEN."""
NEEDS_SIGN_IN = (OURS, "/media/", "/_stcore/")
"""What shows or takes data, Streamlit's own downloads and uploads with it; the rest is scripts and the empty frame."""
OPEN = (
    "/chigai/assets/",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/stream",
    "/_stcore/bidi-components/",
)
"""Scripts, and the websocket, which shows the page to sign in on and is watched message by message."""
SIGN_OUT = "/auth/logout"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""Headers of a proxy: behind one, 127.0.0.1 says nothing about who asks."""
REFUSED = 1008
"""A websocket is closed with this where a rule does not allow it (RFC 6455: policy violation)."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'",
}
"""Put on every answer that does not say otherwise itself; Streamlit's charts compile their scripts as they run."""

_NO_SIGN_IN = (
    "没有设置登录时，本系统只供本机使用",
    "在本机浏览器打开 http://127.0.0.1:端口。要让其他电脑和手机使用，请管理员先设置统一登录（见使用说明“让大家登录使用”）。",
    "Without sign-in set up, this app is for its own machine alone",
    "On that machine, open http://127.0.0.1:PORT. For others to use it, the administrator has to set up sign-in first.",
)
_OTHER_ADDRESS = (
    "这个网址不是本系统的网址",
    "请打开 {origin}。如果前面有代理，请让它原样转发网址（nginx：proxy_set_header Host $http_host;）。",
    "This is not the app's address",
    "Open {origin}. A proxy in front has to pass the address on as it is (nginx: proxy_set_header Host $http_host;).",
)
_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>403</title><style>body{{font:16px/1.6 sans-serif;max-width:36rem;margin:12vh auto;padding:0 1.2rem;color:#1b2733}}
h1{{font-size:1.3rem}}p{{color:#5b6b7a}}</style><h1>{0}</h1><p>{1}</p><hr><h1>{2}</h1><p>{3}</p></html>"""


class Guard:
    """ASGI middleware. Without sign-in configured, only this machine is answered; with it, data need a sign-in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        how = settings.sign_in()
        send = _signed_off(send, how) if scope["type"] == "http" else send
        asked = HTTPConnection(scope)
        if (wrong := stranger(scope, asked.headers, how)) is not None:
            await _refuse(scope, receive, send, _forbidden(wrong, how))
        elif how is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await _Watched(self.app, asked).run(scope, receive, send)
        else:
            await self._http(scope, receive, send, asked)

    async def _http(self, scope: Scope, receive: Receive, send: Send, asked: HTTPConnection) -> None:
        path = str(scope["path"])
        if path.rstrip("/") == SIGN_OUT:
            # Streamlit only takes the cookie away: whoever has a copy of it would stay signed in
            await run_in_threadpool(sign_in.close, asked.cookies)
        elif path.startswith(NEEDS_SIGN_IN) and not path.startswith(OPEN):
            try:
                scope[sign_in.PERSON] = await run_in_threadpool(sign_in.person, asked.cookies)
            except SignedOutError as error:
                await _refuse(scope, receive, send, _signed_out(error))
                return
        await self.app(scope, receive, send)


class _Watched:
    """A websocket whose every message from the browser is held against the sign-in that it came with."""

    def __init__(self, app: ASGIApp, asked: HTTPConnection) -> None:
        self.app, self.cookies = app, asked.cookies
        self.signed_in = self.shut = self.connected = False

    async def holds(self) -> bool:
        """Whether the sign-in holds now."""
        try:
            await run_in_threadpool(sign_in.person, self.cookies)
        except SignedOutError:
            return False
        return True

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.signed_in = await self.holds()
        first: list[Message] = []
        if not self.signed_in:
            # the page to sign in on gets a session of its own, never one of somebody who was signed in; a browser
            # that comes back to one waits to be told, so the page is drawn without its asking
            headers = [_without_session(h) for h in scope["headers"]]
            if headers != list(scope["headers"]):
                first = [{"type": "websocket.receive", "bytes": _draw()}]
            scope = {**scope, "headers": headers}

        async def told(message: Message) -> None:
            # what a page still had to say goes nowhere once the door is shut
            if not self.shut:
                await send(message)

        async def watched() -> Message:
            if first and self.connected:
                return first.pop()
            message = await receive()
            if message["type"] != "websocket.receive":
                self.connected = True
                return message
            holds = await self.holds()
            if self.signed_in and not holds:
                self.shut = True
                await send({"type": "websocket.close", "code": REFUSED})
                return {"type": "websocket.disconnect", "code": REFUSED}
            self.signed_in = holds
            return message

        await self.app(scope, watched, told)


def _draw() -> bytes:
    """What Streamlit's browser sends to have the page drawn, with nothing typed or pressed."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    return bytes(message.SerializeToString())


def _without_session(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Streamlit's browser names the session that it wants to take up again third among its subprotocols."""
    name, value = header
    return (name, b",".join(value.split(b",")[:2])) if name == b"sec-websocket-protocol" else header


def stranger(
    scope: Mapping[str, Any], headers: Mapping[str, str], how: SignIn | None
) -> tuple[str, str, str, str] | None:
    """Why whoever asks is not answered at all, in both languages; None where they are.

    Without sign-in: the socket, the asker, the name asked for and the page that asks must all be this machine's
    own, and no proxy between: a page from elsewhere could give its own name this machine's address. With it: the
    name asked for must be the app's.
    """
    host = _host(headers.get("host", ""))
    page = headers.get("origin")
    if how is None:
        ends = (scope.get("server"), scope.get("client"))
        here = all(end is not None and loopback(str(end[0])) for end in ends) and loopback(host)
        if not here or any(name in headers for name in FORWARDED):
            return _NO_SIGN_IN
    elif host != how.host and not loopback(host):
        return _OTHER_ADDRESS
    # other pages, of this machine too, have no business here; asked here, Streamlit need not look for its own names
    if page is not None and _netloc(page) != _netloc(f"//{headers.get('host', '')}"):
        return _NO_SIGN_IN if how is None else _OTHER_ADDRESS
    return None


def _host(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _netloc(address: str) -> str:
    """Name and port of an address, the port that goes without saying left out; "null" for what is none."""
    try:
        found = urlsplit(address)
        port = "" if found.port in (None, 80, 443) else f":{found.port}"
        return f"{found.hostname}{port}" if found.hostname else "null"
    except ValueError:
        return "null"


def _forbidden(words: tuple[str, str, str, str], how: SignIn | None) -> Response:
    origin = "" if how is None else how.origin
    return HTMLResponse(
        _PAGE.format(*(w.format(origin=origin) for w in words)), 403, {"Cache-Control": "no-store"}
    )


def _signed_out(error: SignedOutError) -> Response:
    return PlainTextResponse(f"{error.text('zh')}\n{error.text('en')}", 401, {"Cache-Control": "no-store"})


async def _refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": REFUSED})


def _signed_off(send: Send, how: SignIn | None) -> Callable[[MutableMapping[str, Any]], Awaitable[None]]:
    """`send` that puts our headers on an answer, and on a cookie what Streamlit leaves out."""
    https = how is not None and how.https
    wanted = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (n, _kept(v, https) if n.lower() == b"set-cookie" else v) for n, v in message["headers"]
            ]
            there = {name.lower() for name, _ in headers}
            headers += [
                (name.lower().encode(), value.encode())
                for name, value in wanted.items()
                if name.lower().encode() not in there
            ]
            message = {**message, "headers": headers}
        await send(message)

    return sent


def _kept(cookie: bytes, https: bool) -> bytes:
    """A cookie that goes by https alone where people come by https, and lives no longer than a session."""
    seconds = int(Limits().hours * 3600)
    cookie = re.sub(rb"(?i)max-age=%d\b" % AUTH_COOKIE_MAX_AGE_SECONDS, b"Max-Age=%d" % seconds, cookie)
    return cookie + b"; Secure" if https and b"; secure" not in cookie.lower() else cookie
