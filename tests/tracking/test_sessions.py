"""Sign-ins: who opens a session, what ends it, and that what has ended stays so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import event, select

from tracking import people, sessions, tables
from tracking.people import LOCAL, Person
from tracking.sessions import FRESH, SignedOutError
from tracking.store import Store

NOW = datetime(2021, 10, 8, 1, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
Claims = dict[str, Any]


@pytest.fixture
def user(store: Store) -> Person:
    return people.add_user(store, LOCAL, "李四", "li@example.cn", "field", ["230381"])


@pytest.fixture
def claims() -> Callable[..., Claims]:
    """What the provider signs: claims(at=NOW, **others)."""

    def make(at: datetime = NOW, **others: Any) -> Claims:
        said = {"iss": "https://id.example.cn", "sub": "s1", "iat": int(at.timestamp()), "nonce": "n1"}
        return {**said, "email": "li@example.cn", "email_verified": True, **others}

    return make


def refused(store: Store, said: Claims, now: datetime) -> str:
    with pytest.raises(SignedOutError) as error:
        sessions.look(store, said, now)
    assert "登录" in error.value.text("zh")
    return error.value.why


def told(store: Store) -> list[tuple[str, str, str]]:
    a = tables.audit.c
    with store.reading() as connection:
        query = select(a.action, a.outcome, a.detail).where(a.action != "manage_users").order_by(a.no)
        return [tuple(row) for row in connection.execute(query)]


def test_a_sign_in_opens_a_session_of_the_user_with_that_address(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    assert sessions.open(store, claims(), NOW) == user
    assert sessions.look(store, claims(), NOW + MINUTE) == user
    # opened twice is opened once
    assert sessions.open(store, claims(), NOW + MINUTE) == user
    assert told(store) == [("sign_in", "done", "")]


def test_the_first_look_opens_the_session(store: Store, user: Person, claims: Callable[..., Claims]) -> None:
    assert sessions.look(store, claims(), NOW + MINUTE) == user
    assert told(store) == [("sign_in", "done", "")]


def test_after_the_first_sign_in_the_provider_s_subject_decides_and_not_the_address(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    later = NOW + HOUR
    assert sessions.open(store, claims(later, email="new@example.cn"), later) == user
    # somebody else at the provider now has the old address
    assert refused(store, claims(later, sub="s2"), later) == "inactive"
    assert refused(store, claims(later, iss="https://other.example.cn"), later) == "inactive"


@pytest.mark.parametrize(
    "said",
    [
        {"email_verified": False}, {"email_verified": None}, {"email_verified": "no"}, {"email": "zhao@example.cn"},
        {"email": None}, {"email": ""},
    ],
)  # fmt: skip
def test_an_address_that_is_not_verified_or_not_known_opens_nothing(
    store: Store, user: Person, claims: Callable[..., Claims], said: Claims
) -> None:
    assert refused(store, claims(**said), NOW) == "inactive"
    assert told(store) == [("sign_in", "refused", "inactive")]
    assert not people.users(store, LOCAL)["signed_in"].any()


@pytest.mark.parametrize(
    "said",
    [{"iss": None}, {"iss": ""}, {"sub": None}, {"sub": ""}, {"iat": None}, {"iat": "soon"}, {"iat": 1e300}, {"iat": "nan"}],
)  # fmt: skip
def test_a_sign_in_that_does_not_say_who_or_when_opens_nothing(
    store: Store, user: Person, claims: Callable[..., Claims], said: Claims
) -> None:
    assert refused(store, claims(**said), NOW) == "form"
    assert refused(store, {}, NOW) == "form"


def test_after_a_sign_out_a_copy_of_the_cookie_opens_nothing_ever_again(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    sessions.close(store, claims(), NOW + MINUTE)
    for later in (MINUTE, 2 * MINUTE, HOUR, timedelta(days=29)):
        assert refused(store, claims(), NOW + later) == "closed"
        with pytest.raises(SignedOutError):
            sessions.open(store, claims(), NOW + later)
    # whoever signs in anew has a new cookie
    again = NOW + 3 * MINUTE
    assert sessions.look(store, claims(again, nonce="n2"), again) == user
    assert refused(store, claims(), again) == "closed"
    assert told(store)[:3] == [
        ("sign_in", "done", ""), ("sign_out", "done", ""), ("sign_in", "refused", "closed")
    ]  # fmt: skip


def test_what_was_signed_out_before_it_was_looked_at_opens_nothing_either(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.close(store, claims(), NOW)
    assert refused(store, claims(), NOW + MINUTE) == "closed"


def test_signing_out_twice_or_as_nobody_is_no_error(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    for _ in range(2):
        sessions.close(store, claims(), NOW)
    sessions.close(store, claims(sub="s9", email="nobody@example.cn"), NOW)
    assert [t[0] for t in told(store)] == ["sign_in", "sign_out"]


def test_a_sign_out_ends_that_session_alone(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    phone, desk = claims(nonce="phone"), claims(nonce="desk")
    for said in (phone, desk):
        sessions.open(store, said, NOW)
    sessions.close(store, phone, NOW)
    assert refused(store, phone, NOW) == "closed"
    assert sessions.look(store, desk, NOW) == user


def test_idle_for_too_long_ends_it_and_a_look_in_time_keeps_it(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    for step in range(1, 8):
        assert sessions.look(store, claims(), NOW + step * 59 * MINUTE) == user
    idle = NOW + 7 * 59 * MINUTE + 61 * MINUTE
    assert refused(store, claims(), idle) == "idle"
    # what was idle is closed: a clock that goes back does not bring it to life
    assert refused(store, claims(), idle - 30 * MINUTE) == "closed"


def test_a_session_ends_with_its_time_however_busy_it_is(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    for step in range(1, 24):
        assert sessions.look(store, claims(), NOW + step * HOUR / 2) == user
    assert refused(store, claims(), NOW + 12 * HOUR) == "expired"


def test_the_limits_are_the_office_s_to_set(
    store: Store, user: Person, claims: Callable[..., Claims], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIGAI_SESSION_IDLE_MINUTES", "5")
    monkeypatch.setenv("CHIGAI_SESSION_HOURS", "0.2")
    sessions.open(store, claims(), NOW)
    assert sessions.look(store, claims(), NOW + 5 * MINUTE) == user
    assert sessions.look(store, claims(), NOW + 10 * MINUTE) == user
    assert refused(store, claims(), NOW + 12 * MINUTE) == "expired"
    monkeypatch.setenv("CHIGAI_SESSION_HOURS", "0")
    with pytest.raises(ValidationError):
        sessions.Limits()


@pytest.mark.parametrize("age", [FRESH + MINUTE, HOUR, timedelta(days=30), -FRESH - MINUTE])
def test_an_old_cookie_that_has_no_session_opens_none(
    store: Store, user: Person, claims: Callable[..., Claims], age: timedelta
) -> None:
    assert refused(store, claims(NOW - age), NOW) == "old"
    assert told(store) == [("sign_in", "refused", "old")]


def test_a_user_who_is_deactivated_is_out_at_once_and_stays_out_of_that_session(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    version = people.change_user(store, LOCAL, user.id, 1, active=False)
    assert refused(store, claims(), NOW) == "closed"
    assert refused(store, claims(NOW, nonce="n2"), NOW) == "inactive"
    people.change_user(store, LOCAL, user.id, version, active=True)
    assert refused(store, claims(), NOW + MINUTE) == "closed"
    assert sessions.look(store, claims(NOW, nonce="n3"), NOW) == user


def test_another_role_or_other_counties_hold_from_the_next_look(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    people.change_user(store, LOCAL, user.id, 1, role="viewer", counties=["230382"])
    assert sessions.look(store, claims(), NOW) == Person(user.id, "李四", "viewer", frozenset({"230382"}))


def test_another_address_asks_for_a_new_sign_in_with_it(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    people.change_user(store, LOCAL, user.id, 1, email="wang@example.cn")
    assert refused(store, claims(), NOW) == "closed"
    assert refused(store, claims(nonce="n2"), NOW) == "inactive"
    assert sessions.look(store, claims(sub="s2", email="wang@example.cn", nonce="n3"), NOW).id == user.id


def test_looking_writes_once_a_minute_at_most(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(), NOW)
    written: list[str] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.split()[0] in ("UPDATE", "INSERT", "DELETE"):
            written.append(statement)

    for second in range(0, 60, 5):
        sessions.look(store, claims(), NOW + timedelta(seconds=second))
    assert written == []
    for second in range(60, 120, 5):
        sessions.look(store, claims(), NOW + timedelta(seconds=second))
    assert len(written) == 1


def test_a_refused_cookie_that_asks_again_and_again_is_told_once_a_minute(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    for second in range(0, 120, 10):
        refused(store, claims(NOW - HOUR), NOW + timedelta(seconds=second))
    assert told(store) == [("sign_in", "refused", "old")] * 2


def test_many_first_looks_at_once_open_one_session(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    found: list[Any] = []
    ready = threading.Barrier(6)

    def look() -> None:
        ready.wait()
        found.append(sessions.look(store, claims(), NOW))

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [user] * 6
    assert told(store) == [("sign_in", "done", "")]


def test_nothing_of_what_the_provider_said_is_kept_but_issuer_and_subject(
    store: Store, user: Person, claims: Callable[..., Claims]
) -> None:
    sessions.open(store, claims(nonce="secret-nonce", picture="face.jpg"), NOW)
    with store.reading() as connection:
        kept = [str(row) for t in (tables.sessions, tables.audit) for row in connection.execute(select(t))]
    assert not any(word in row for row in kept for word in ("secret", "face", "li@", "s1", "id.example"))


@given(st.lists(st.tuples(st.sampled_from(["look", "close"]), st.integers(0, 240)), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_has_ended_never_holds_again(
    store: Store, claims: Callable[..., Claims], doings: list[tuple[str, int]]
) -> None:
    with store.writing() as connection:
        connection.execute(tables.sessions.delete())
        connection.execute(tables.users.delete())
    people.add_user(store, LOCAL, "李四", "li@example.cn", "field", None)
    sessions.open(store, claims(), NOW)
    ended, now = False, NOW
    for doing, minutes in doings:
        now += minutes * MINUTE
        if doing == "close":
            sessions.close(store, claims(), now)
            ended = True
        else:
            try:
                sessions.look(store, claims(), now)
                assert not ended
            except SignedOutError:
                ended = True
