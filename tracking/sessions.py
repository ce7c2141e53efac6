"""Who is signed in: sessions of our own beside the provider's cookie, which alone could be used again after a sign-out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Connection, Row, insert, select, update

from geo.errors import ChigaiError
from tracking import audit
from tracking.people import Person, person_of, user_by_claims
from tracking.store import Store
from tracking.tables import sessions, users

FRESH = timedelta(minutes=5)
"""How old what the provider signed may be when it opens a session, and how far its clock may run ahead."""
SEEN_EVERY = timedelta(minutes=1)
"""A session that is used is put down as used this often: not at every look."""

MOST_TOLD = 10_000
"""Refused sign-ins that are remembered, so that each is told once a minute."""


class Limits(BaseSettings):
    """CHIGAI_SESSION_IDLE_MINUTES without a look end a session, and CHIGAI_SESSION_HOURS in any case."""

    model_config = SettingsConfigDict(env_prefix="CHIGAI_SESSION_", frozen=True, extra="ignore")

    idle_minutes: float = Field(default=60, gt=0, le=7 * 24 * 60)
    hours: float = Field(default=12, gt=0, le=7 * 24)


class SignedOutError(ChigaiError):
    """Nobody is signed in. why: idle, expired, closed, inactive (or unknown), old, form."""

    def __init__(self, why: str) -> None:
        super().__init__(*_SAID[why], do_zh="请重新登录。", do_en="sign in again.")
        self.why = why


_SAID = {
    "idle": ("长时间没有操作，已自动退出。", "You were signed out after a while without activity."),
    "expired": ("登录已到期。", "The sign-in has expired."),
    "closed": ("您已退出登录。", "You have signed out."),
    "inactive": ("您的账号已停用或尚未添加。", "Your account is not active here."),
    "old": ("登录凭证已过时。", "This sign-in is too old."),
    "form": ("登录凭证不完整。", "This sign-in is incomplete."),
}


def look(store: Store, claims: Mapping[str, Any], now: datetime | None = None) -> Person:
    """The person whose sign-in this is, as the users stand now; the first look opens the session.

    claims: what the provider signed (iss, sub, iat, and nonce or sid where it gives them). Raises
    SignedOutError where the sign-in is closed, idle, over, too old to open a session, or of nobody here.
    """
    now = now or datetime.now(UTC)
    key = _key(store, claims, now)
    with store.reading() as connection:
        row = _row(connection, key)
    if row is None:
        return open(store, claims, now)
    why = _over(row, now)
    if why is not None:
        _refuse(store, key, row.id, why, now)
    if now - row.seen >= SEEN_EVERY:
        live = sessions.c.key == key, sessions.c.closed.is_(None), sessions.c.seen < now
        with store.writing() as connection:
            connection.execute(update(sessions).where(*live).values(seen=now))
    return person_of(row)


def open(store: Store, claims: Mapping[str, Any], now: datetime | None = None) -> Person:
    """Open the session of a sign-in that the provider has just signed. A session that was closed stays so."""
    now = now or datetime.now(UTC)
    key = _key(store, claims, now)
    if abs(now - _issued(claims)) > FRESH:
        with store.reading() as connection:
            known = _row(connection, key)
        if known is None:
            _refuse(store, key, "", "old", now)
        return look(store, claims, now)
    with store.writing() as connection:
        user = user_by_claims(connection, claims)
        known = _row(connection, key)
        if user is not None and known is None:
            expires = now + timedelta(hours=Limits().hours)
            row = {"key": key, "user_id": user.id, "opened": now, "seen": now, "expires": expires}
            connection.execute(insert(sessions), row)
            audit.write(connection, user.id, "sign_in", user.id, "done", at=now)
    if known is not None:
        return look(store, claims, now)
    if user is None:
        _refuse(store, key, "", "inactive", now)
    return person_of(user)


def close(store: Store, claims: Mapping[str, Any], now: datetime | None = None) -> None:
    """Sign out, for good: what the provider signed opens nothing any more."""
    now = now or datetime.now(UTC)
    key = _key(store, claims, now)
    with store.writing() as connection:
        user = user_by_claims(connection, claims)
        known = _row(connection, key)
        if known is None and user is not None:
            # signed out before it was ever looked at: it is put down as closed, or it could still open
            row = {"key": key, "user_id": user.id, "opened": now, "seen": now, "expires": now, "closed": now}
            connection.execute(insert(sessions), row)
            audit.write(connection, user.id, "sign_out", user.id, "done", at=now)
        elif known is not None and known.closed is None:
            connection.execute(update(sessions).where(sessions.c.key == key).values(closed=now))
            audit.write(connection, known.id, "sign_out", known.id, "done", at=now)


def _key(store: Store, claims: Mapping[str, Any], now: datetime) -> str:
    parts = [str(claims.get(n) or "") for n in ("iss", "sub", "iat", "sid", "nonce")]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    if not all(parts[:3]) or _issued(claims) == datetime.min.replace(tzinfo=UTC):
        _refuse(store, key, "", "form", now)
    return key


def _issued(claims: Mapping[str, Any]) -> datetime:
    """When the provider signed it; the beginning of time where that cannot be read."""
    try:
        return datetime.fromtimestamp(float(claims["iat"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def _row(connection: Connection, key: str) -> Row[Any] | None:
    columns = (sessions.c.seen, sessions.c.expires, sessions.c.closed)
    query = select(users, *columns).join(sessions, sessions.c.user_id == users.c.id)
    return connection.execute(query.where(sessions.c.key == key)).first()


def _over(row: Row[Any], now: datetime) -> str | None:
    """Why a session is no longer one; None while it is."""
    if row.closed is not None:
        return "closed"
    if not row.active:
        return "inactive"
    if now >= row.expires:
        return "expired"
    if now - row.seen > timedelta(minutes=Limits().idle_minutes):
        return "idle"
    return None


def _refuse(store: Store, key: str, actor: str, why: str, now: datetime) -> NoReturn:
    """Close what is over and put the refusal into the audit: once a minute for one sign-in, however often it asks."""
    told: dict[str, datetime] = store.kept.setdefault("refused sign-ins", {})
    if now - told.get(key, datetime.min.replace(tzinfo=UTC)) >= SEEN_EVERY:
        if len(told) >= MOST_TOLD:
            told.clear()
        told[key] = now
        with store.writing() as connection:
            over = sessions.c.key == key, sessions.c.closed.is_(None)
            connection.execute(update(sessions).where(*over).values(closed=now))
            audit.write(connection, actor, "sign_in", actor, "refused", detail=why, at=now)
    raise SignedOutError(why)
