"""Who is at work: the person behind a page or a request, by Streamlit's cookie and our own table of sessions."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.requests import HTTPConnection

from geo import plans
from tracking import people, sessions
from tracking.desk import Desk
from tracking.people import Person
from tracking.sessions import SignedOutError
from tracking.store import ENVIRONMENT, Store
from ui import settings

PERSON = "chigai.person"
"""Where the guard puts whom it has let in, in a request's scope."""
_opened: dict[tuple[str, str], Store] = {}
_lock = threading.Lock()


class NobodyError(SignedOutError):
    """Nobody has signed in yet: there is no cookie, or none of ours."""

    def __init__(self) -> None:
        super().__init__("form")


def store() -> Store:
    """The database of this process, opened once. A SQLite file that is not there yet is made."""
    key = (os.environ.get(ENVIRONMENT, ""), str(plans.home()))
    with _lock:
        if key not in _opened:
            found = Store()
            if not found.postgres and found.version() is None:
                found.upgrade()
            for other in _opened.values():
                other.close()
            _opened.clear()
            _opened[key] = found
        return _opened[key]


def desk() -> Desk:
    """The desk of whoever looks at this page. Without sign-in configured, of the one user of this machine.

    Raises SignedOutError where nobody is signed in any more; each call asks anew.
    """
    return Desk(store(), person(_cookies()))


def of_request(request: HTTPConnection) -> Desk | None:
    """The desk of whoever asks one of our own addresses; None where nobody is signed in."""
    try:
        found = request.scope.get(PERSON) or person(request.cookies)
    except SignedOutError:
        return None
    return Desk(store(), found)


def person(cookies: Mapping[str, str]) -> Person:
    """Whoever sent these cookies. Raises SignedOutError where they show no sign-in that still holds."""
    if settings.sign_in() is None:
        return people.LOCAL
    said = claims(cookies)
    if not said:
        raise NobodyError
    return sessions.look(store(), said)


def close(cookies: Mapping[str, str]) -> None:
    """Sign out whoever sent these cookies, for good: a copy of them opens nothing any more."""
    if said := claims(cookies):
        try:
            sessions.close(store(), said)
        except SignedOutError:
            return


def leave() -> None:
    """Sign out whoever looks at this page: here, and at the provider where it can be told."""
    close(_cookies())
    st.logout()


def email() -> str:
    """The address that the provider names for whoever looks at this page; empty where it names none."""
    return str(claims(_cookies()).get("email") or "")


def _cookies() -> Mapping[str, str]:
    return {} if settings.sign_in() is None else dict(st.context.cookies)


def claims(cookies: Mapping[str, str]) -> dict[str, Any]:
    """What the provider said of the one who signed in; empty where the cookie is not there or not ours.

    The one place that reads Streamlit's cookie, and by Streamlit's own functions: they check its signature, put
    its pieces together and hold it against the address that it was made for.
    """
    from streamlit.web.server.starlette import starlette_server_config as names
    from streamlit.web.server.starlette import starlette_websocket as cookie

    how = settings.sign_in()
    if how is None:
        return {}
    raw = cookie._get_signed_cookie_with_chunks(dict(cookies), names.USER_COOKIE_NAME)
    said = cookie._parse_decoded_user_cookie(raw, how.origin) if raw else {}
    return said if said.pop("is_logged_in", False) else {}
