"""Who may do what, in every cell; users, and two people who change one of them."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from geo.errors import ChigaiError
from tracking import audit, people, tables
from tracking.people import ACTIONS, LOCAL, ROLES, ForbiddenError, Person, may, require, somewhere, where
from tracking.register import ChangedError
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
HERE, ELSEWHERE = HULIN, MISHAN
WHOLE = None

# the matrix once more, by hand: what each role may do in its own county …
OWN = {
    "planner": "see see_private see_ledger plan approve report consent check accept map correct measure edit_block "
    "export export_private package manage_users backup see_audit",
    "field": "see see_private see_ledger report consent measure package",
    "official": "see see_ledger check accept map export",
    "viewer": "see export",
}
# … in another's county, which shows what is public and no more …
OTHER = {"planner": "see export", "field": "see", "official": "see export", "viewer": "see export"}
# … and of the whole city, for a person of some counties
OF_ALL = {
    "planner": "see export see_ledger",
    "field": "see see_ledger",
    "official": "see export see_ledger",
    "viewer": "see export",
}
CELLS = [
    (role, action, county, action in allowed[role].split())
    for role, action in itertools.product(ROLES, ACTIONS)
    for county, allowed in ((HERE, OWN), (ELSEWHERE, OTHER), (WHOLE, OF_ALL))
]

roles = st.sampled_from([*ROLES, "", "admin"])
actions = st.sampled_from([*ACTIONS, "", "delete"])
some_counties = st.frozensets(st.sampled_from([HULIN, MISHAN, "230302", "230321"]))
asked = st.sampled_from([None, HULIN, MISHAN, "230302", "999999", ""])


def of(role: str, counties: frozenset[str] | None = frozenset({HERE})) -> Person:
    return Person(f"u-{role}", "李四", role, counties)


def rows(store: Store) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(tables.audit).order_by(tables.audit.c.no)))


def test_every_cell_of_role_and_action_at_home_elsewhere_and_of_the_whole(store: Store) -> None:
    refused = []
    for role, action, county, allowed in CELLS:
        person = of(role)
        assert may(person, action, county) is allowed, (role, action, county)
        if allowed:
            require(store, person, action, county, "t")
        else:
            with pytest.raises(ForbiddenError) as error:
                require(store, person, action, county, "t")
            assert (error.value.action, error.value.county) == (action, county)
            refused.append((person.id, action, county, "t", "refused"))
    assert [(r.actor, r.action, r.county, r.target, r.outcome) for r in rows(store)] == refused


@pytest.mark.parametrize("role", ROLES)
def test_a_person_of_every_county_may_do_anywhere_what_the_role_may_do(role: str) -> None:
    for action, county in itertools.product(ACTIONS, (HERE, ELSEWHERE, WHOLE)):
        assert may(of(role, None), action, county) is (action in OWN[role].split())


def test_users_are_managed_and_all_is_backed_up_by_planners_of_every_county_alone() -> None:
    for action, role, counties in itertools.product(
        ("manage_users", "backup", "see_audit"), ROLES, (None, frozenset({HERE}))
    ):
        assert may(of(role, counties), action) is (role == "planner" and counties is None)


@given(actions, asked)
def test_an_unknown_role_may_do_nothing(action: str, county: str | None) -> None:
    for role in ("", "admin", "Planner", "planner "):
        assert not may(of(role, None), action, county)
        assert where(of(role, None), action) == frozenset()


@given(roles, st.none() | some_counties, asked, st.text())
def test_an_unknown_action_is_done_by_nobody(
    role: str, counties: frozenset[str] | None, county: str | None, action: str
) -> None:
    if action not in ACTIONS:
        assert not may(of(role, counties), action, county)
        assert not somewhere(of(role, counties), action)


@given(roles, actions, some_counties, st.none() | some_counties, asked)
def test_fewer_counties_never_grant_anything(
    role: str, action: str, fewer: frozenset[str], more: frozenset[str] | None, county: str | None
) -> None:
    more = None if more is None else more | fewer
    if may(of(role, fewer), action, county):
        assert may(of(role, more), action, county)
    if somewhere(of(role, fewer), action):
        assert somewhere(of(role, more), action)


@given(roles, actions, st.none() | some_counties, asked)
def test_whoever_may_do_it_for_the_whole_may_do_it_in_each_county(
    role: str, action: str, counties: frozenset[str] | None, county: str | None
) -> None:
    person = of(role, counties)
    if action not in people.ANSWERED_IN_PART and may(person, action):
        assert may(person, action, county)


@given(roles, actions, st.none() | some_counties, asked)
def test_one_may_do_it_in_a_county_if_and_only_if_it_is_among_those_where_one_may(
    role: str, action: str, counties: frozenset[str] | None, county: str | None
) -> None:
    person = of(role, counties)
    places = where(person, action)
    if county is not None:
        assert may(person, action, county) == (places is None or county in places)
        assert somewhere(person, action) or not may(person, action, county)


def test_the_one_user_of_this_machine_may_do_everything() -> None:
    assert all(may(LOCAL, action, county) for action in ACTIONS for county in (None, HERE))


def test_every_right_and_role_has_its_name_in_both_languages() -> None:
    assert set(people.NAMES) == set(ACTIONS)
    assert set(people.RIGHTS) == set(people.ROLE_NAMES) == set(ROLES)
    assert set().union(*people.RIGHTS.values()) == set(ACTIONS)
    for names in (*people.NAMES.values(), *people.ROLE_NAMES.values()):
        assert all(names)


def test_a_refusal_says_which_right_is_missing_and_who_can_give_it() -> None:
    lacking, elsewhere = ForbiddenError("accept", HERE, False), ForbiddenError("accept", HERE, True)
    assert "竣工验收" in lacking.text("zh") and "管理用户" in lacking.text("zh")
    # a county by its name; by its code where no notice names it
    assert "虎林市" in elsewhere.text("zh") and "Hulin" in elsewhere.text("en")
    assert "999999" in ForbiddenError("accept", "999999", True).text("zh")
    assert "accept" in lacking.text("en") and "planner" in lacking.text("en")


# users


@pytest.fixture
def field_user(store: Store) -> Person:
    return people.add_user(store, LOCAL, "李四", "Li@Example.cn ", "field", [HULIN])


def test_a_user_is_added_once_with_what_was_said(store: Store, field_user: Person) -> None:
    assert field_user.counties == {HULIN} and field_user.role == "field" and not field_user.local
    (row,) = people.users(store, LOCAL).to_dict("records")
    assert (row["email"], row["counties"], row["active"], row["version"]) == (
        "li@example.cn",
        [HULIN],
        True,
        1,
    )
    assert (not row["signed_in"] and row["last_seen"] is None) or row["last_seen"] != row["last_seen"]
    with pytest.raises(ChigaiError, match="already"):
        people.add_user(store, LOCAL, "王五", "LI@example.cn", "viewer", None)
    assert [(r.actor, r.action, r.target, r.outcome) for r in rows(store)] == [
        ("local", "manage_users", field_user.id, "done")
    ]
    # rights in full, the person not: the audit is no second address book
    assert "field" in rows(store)[0].detail and "李四" not in rows(store)[0].detail
    assert "example" not in rows(store)[0].detail


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": " "}, {"name": "x" * 101}, {"name": "a\x00b"}, {"email": "no address"}, {"email": ""},
        {"role": "admin"}, {"role": ""}, {"counties": []}, {"counties": ["Hulin"]}, {"counties": ["2303811"]},
    ],
)  # fmt: skip
def test_a_user_who_cannot_be_is_refused(store: Store, wrong: dict[str, Any]) -> None:
    sound = {"name": "李四", "email": "li@example.cn", "role": "field", "counties": [HULIN]}
    with pytest.raises(ChigaiError):
        people.add_user(store, LOCAL, **{**sound, **wrong})
    assert people.users(store, LOCAL).empty and rows(store) == []


def test_only_those_who_manage_users_see_or_change_them(store: Store, field_user: Person) -> None:
    official, planner = of("official", None), of("planner")
    for person in (field_user, official, planner):
        for attempt in (
            lambda p: people.users(store, p),
            lambda p: people.add_user(store, p, "x", "x@example.cn", "viewer", None),
            lambda p: people.change_user(store, p, field_user.id, 1, role="planner"),
            lambda p: audit.entries(store, p),
        ):
            with pytest.raises(ForbiddenError):
                attempt(person)
    assert len(people.users(store, LOCAL)) == 1
    assert [r.outcome for r in rows(store)] == ["done"] + ["refused"] * 12


def test_a_change_is_kept_and_told_to_the_audit(store: Store, field_user: Person) -> None:
    version = people.change_user(store, LOCAL, field_user.id, 1, role="official", counties=None)
    assert version == 2
    (row,) = people.users(store, LOCAL).to_dict("records")
    assert (row["role"], row["counties"], row["version"]) == ("official", None, 2)
    assert rows(store)[-1].detail == "role=official counties=None"
    # what is as it was already is no change
    assert people.change_user(store, LOCAL, field_user.id, 2, role="official") == 2
    assert len(rows(store)) == 2


def test_the_second_of_two_who_change_a_user_is_told_what_is_new(store: Store, field_user: Person) -> None:
    people.change_user(store, LOCAL, field_user.id, 1, role="viewer")
    people.change_user(store, LOCAL, field_user.id, 2, counties=[MISHAN])
    with pytest.raises(ChangedError) as error:
        people.change_user(store, LOCAL, field_user.id, 1, name="李四四")
    assert "查阅人员" in error.value.zh and "密山市" in error.value.zh and "viewer" in error.value.en
    assert set(error.value.changed) == {"role", "counties"}
    assert error.value.typed == {"name": "李四四"} and error.value.version == 3
    assert people.change_user(store, LOCAL, field_user.id, error.value.version, name="李四四") == 4


def test_of_many_who_change_one_user_at_once_one_does_and_the_others_are_told(
    store: Store, field_user: Person
) -> None:
    outcomes: list[str] = []
    ready = threading.Barrier(6)

    def change(n: int) -> None:
        ready.wait()
        try:
            people.change_user(store, LOCAL, field_user.id, 1, name=f"李{n}")
            outcomes.append("done")
        except ChangedError:
            outcomes.append("told")

    threads = [threading.Thread(target=change, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done"] + ["told"] * 5
    assert list(people.users(store, LOCAL)["version"]) == [2]


def test_nobody_takes_away_or_widens_their_own_rights(store: Store) -> None:
    chief = people.add_user(store, LOCAL, "王主任", "wang@example.cn", "planner", None)
    for change in ({"role": "viewer"}, {"counties": [HULIN]}, {"active": False}):
        with pytest.raises(ChigaiError, match="your own"):
            people.change_user(store, chief, chief.id, 1, **change)
    assert people.change_user(store, chief, chief.id, 1, name="王处长") == 2


def test_there_is_no_change_without_its_row_in_the_audit(
    store: Store, field_user: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr(audit, "write", fails)
    with pytest.raises(RuntimeError):
        people.change_user(store, LOCAL, field_user.id, 1, role="planner")
    with pytest.raises(RuntimeError):
        people.add_user(store, LOCAL, "赵六", "zhao@example.cn", "planner", None)
    found = people.users(store, LOCAL)
    assert list(found["role"]) == ["field"] and list(found["version"]) == [1]


@pytest.mark.parametrize("text", ["", "230381", "{}", "[1]", "[", '"230381"', "null"])
def test_counties_that_cannot_be_read_are_no_counties(store: Store, field_user: Person, text: str) -> None:
    with store.writing() as connection:
        connection.execute(update(tables.users).values(counties=text))
        row = connection.execute(select(tables.users)).one()
    person = people.person_of(row)
    assert person.counties == frozenset() and not somewhere(person, "report")


def test_a_user_that_is_not_there_or_a_field_that_is_none_is_refused(
    store: Store, field_user: Person
) -> None:
    with pytest.raises(ChigaiError, match="no such user"):
        people.change_user(store, LOCAL, "u0", 1, role="viewer")
    with pytest.raises(ChigaiError, match="no id"):
        people.change_user(store, LOCAL, field_user.id, 1, id="u1")
    with pytest.raises(ChigaiError, match="Active"):
        people.change_user(store, LOCAL, field_user.id, 1, active=None)
