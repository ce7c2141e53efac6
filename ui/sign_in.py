"""Who is at work: the person behind a page or a request, by Streamlit's cookie and our own table of sessions."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st
from starlette.requests import HTTPConnection

from geo import plans
from tracking import people
from tracking.people import Person
from tracking.store import ENVIRONMENT, Store
from ui import settings

if TYPE_CHECKING:
    from tracking.desk import Desk

_opened: dict[tuple[str, str], Store] = {}
_lock = threading.Lock()


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
    """The desk of whoever looks at this page. Without sign-in configured, the one user of this machine."""
    from tracking.desk import Desk

    return Desk(store(), person(st.context.cookies))


def of_request(request: HTTPConnection) -> Desk | None:
    """The desk of whoever asks one of our own addresses; None where nobody is signed in."""
    from tracking.desk import Desk
    from tracking.sessions import SignedOutError

    try:
        return Desk(store(), person(request.cookies))
    except SignedOutError:
        return None


def person(cookies: Mapping[str, str]) -> Person:
    """Whoever sent these cookies. Raises SignedOutError where they show no sign-in that still holds."""
    if settings.sign_in() is None:
        return people.LOCAL
    from tracking import sessions

    return sessions.look(store(), claims(cookies), datetime.now(UTC))


def claims(cookies: Mapping[str, str]) -> dict[str, Any]:
    """What the provider said of the one who signed in; empty where the cookie is not there or not ours.

    The one place that reads Streamlit's cookie, and by Streamlit's own functions: they check its signature, put
    its pieces together and compare the address it was made for.
    """
    from streamlit.web.server.starlette import starlette_server_config as names
    from streamlit.web.server.starlette import starlette_websocket as cookie

    asked = settings.sign_in()
    if asked is None:
        return {}
    raw = cookie._get_signed_cookie_with_chunks(dict(cookies), names.USER_COOKIE_NAME)
    found = cookie._parse_decoded_user_cookie(raw, asked.origin) if raw else {}
    return found if found.pop("is_logged_in", False) else {}
