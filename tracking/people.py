"""Who may do what, and where: roles, their rights, and the users of the office."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

import pandas as pd
from sqlalchemy import Connection, Row, func, insert, select, update

from geo.errors import ChigaiError
from tracking import audit, tables
from tracking.counties import called
from tracking.register import ChangedError
from tracking.store import Store
from tracking.tables import sessions
from tracking.tables import users as table

Role = Literal["planner", "field", "official", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
ROLE_NAMES = {
    "planner": ("规划人员", "planner"), "field": ("外业人员", "field"), "official": ("主管人员", "official"),
    "viewer": ("查阅人员", "viewer"),
}  # fmt: skip
Action = Literal[
    "see", "see_private", "see_ledger", "plan", "approve", "report", "consent", "check", "accept", "map",
    "correct", "measure", "edit_block", "export", "export_private", "package", "manage_users", "backup",
    "see_audit",
]  # fmt: skip
ACTIONS: tuple[Action, ...] = get_args(Action)
NAMES: dict[Action, tuple[str, str]] = {
    "see": ("查看", "see"), "see_private": ("查看农户信息", "see households"),
    "see_ledger": ("查看台账", "see the ledger"), "plan": ("编制方案", "plan"),
    "approve": ("批准方案", "approve a plan"), "report": ("上报施工", "report work"),
    "consent": ("登记农户意见", "record consents"), "check": ("县级初验", "check"), "accept": ("竣工验收", "accept"),
    "map": ("上图入库", "enter on the map"), "correct": ("更正记录", "correct"),
    "measure": ("上报三减", "report measures"), "edit_block": ("修改大池", "change blocks"),
    "export": ("导出", "export"), "export_private": ("导出农户信息", "export households"),
    "package": ("制作和交回离线包", "make and return packages"), "manage_users": ("管理用户", "manage users"),
    "backup": ("备份", "back up"), "see_audit": ("查看操作记录", "see the audit"),
}  # fmt: skip
RIGHTS: dict[str, frozenset[Action]] = {
    "planner": frozenset(ACTIONS),
    "field": frozenset({"see", "see_private", "see_ledger", "report", "consent", "measure", "package"}),
    "official": frozenset({"see", "see_ledger", "check", "accept", "map", "export"}),
    "viewer": frozenset({"see", "export"}),
}
"""What each role may do; what is not named here is no."""
FIELDS = {
    "name": ("姓名", "name"), "email": ("邮箱", "e-mail"), "role": ("角色", "role"), "counties": ("县区", "counties"),
    "active": ("状态", "state"),
}  # fmt: skip
"""What of a user can be changed."""
PUBLIC: frozenset[Action] = frozenset({"see", "export"})
"""What shows public figures and outlines alone: the same for every county, so counties do not limit it."""
ANSWERED_IN_PART: frozenset[Action] = frozenset({"see_ledger"})
"""What may be asked of the whole by a person of some counties, who is answered about those alone."""
EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f]+")
ADCODE = re.compile(r"[0-9]{6}")
LONGEST_NAME = 100


@dataclass(frozen=True)
class Person:
    """Whoever is at work. counties: adcodes, None for every county; local: the one user of this machine, where
    no sign-in is configured."""

    id: str
    name: str
    role: str
    counties: frozenset[str] | None
    local: bool = False


LOCAL = Person("local", "本机", "planner", None, local=True)


class ForbiddenError(ChigaiError):
    """The person may not do this. action, county: what was asked."""

    def __init__(self, action: str, county: str | None, elsewhere: bool) -> None:
        zh, en = NAMES.get(cast(Action, action), (action, action))
        place = ("全市范围", "every county") if county is None else called(county)
        if elsewhere:
            said = f"您的“{zh}”权限不包括{place[0]}。", f"Your right to {en} does not reach {place[1]}."
        else:
            said = f"您没有“{zh}”的权限。", f"You have no right to {en}."
        super().__init__(
            *said, do_zh="如确需，请本单位管理用户的规划人员调整您的角色或县区。",
            do_en="where you need it, ask the planner who manages your office's users to change your role or counties.",
        )  # fmt: skip
        self.action, self.county = action, county


def where(person: Person, action: str) -> frozenset[str] | None:
    """The counties in which the person may do it: None is all of them, the empty set is nowhere."""
    if action not in RIGHTS.get(person.role, frozenset()):
        return frozenset()
    return None if action in PUBLIC else person.counties


def somewhere(person: Person, action: str) -> bool:
    """Whether the person may do it in any county at all: what a page asks before it shows itself."""
    places = where(person, action)
    return places is None or bool(places)


def may(person: Person, action: str, county: str | None = None) -> bool:
    """Whether the person may do it in this county. What no role is given, or is not known, is no.

    county None: it is about the whole, which takes the right for every county; only what is answered in part
    (ANSWERED_IN_PART) may be asked of the whole by a person of some counties.
    """
    places = where(person, action)
    if places is None:
        return True
    if county is None:
        return bool(places) and action in ANSWERED_IN_PART
    return county in places


def require(store: Store, person: Person, action: str, county: str | None = None, target: str = "") -> None:
    """Raise ForbiddenError where the person may not do it, and put the refusal into the audit.

    Not to be called inside a transaction: the refusal has one of its own.
    """
    if may(person, action, county):
        return
    with store.writing() as connection:
        audit.write(connection, person.id, action, target, "refused", county)
    raise ForbiddenError(action, county, somewhere(person, action))


def add_user(
    store: Store, by: Person, name: str, email: str, role: str, counties: Iterable[str] | None
) -> Person:
    """A new user, who signs in for the first time with this address. counties: adcodes, None for every county.

    Raises ForbiddenError, or ChigaiError where something given cannot be or the address is taken.
    """
    require(store, by, "manage_users")
    values = _sound({"name": name, "email": email, "role": role, "counties": counties})
    person_id = f"u{uuid.uuid4().hex[:12]}"
    with store.writing() as connection:
        _free(connection, values["email"], person_id)
        row = values | {
            "id": person_id,
            "active": True,
            "version": 1,
            "changed": datetime.now(UTC),
            "actor": by.id,
        }
        connection.execute(insert(table), row)
        audit.write(connection, by.id, "manage_users", person_id, "done", detail=_told(values))
    return Person(person_id, values["name"], role, _places(values["counties"]))


def change_user(store: Store, by: Person, user_id: str, seen_version: int, **changes: Any) -> int:
    """Change name, email, role, counties or active of a user that was seen in this version; gives the new one.

    Raises ChangedError where somebody changed the user since, which says what is new (of what it was before,
    nothing is kept); nobody takes away their own rights.
    """
    require(store, by, "manage_users", target=user_id)
    values = _sound(changes)
    with store.writing() as connection:
        row = connection.execute(select(table).where(table.c.id == user_id).with_for_update()).first()
        if row is None:
            raise ChigaiError(
                "没有这个用户。", "There is no such user.",
                do_zh="请刷新用户列表。", do_en="look at the list of users again.",
            )  # fmt: skip
        before = {n: v for n, v in row._asdict().items() if n in values and v != values[n]}
        if row.version != seen_version:
            raise _changed(connection, row, seen_version, values)
        if user_id == by.id and set(before) & {"role", "counties", "active"}:
            raise ChigaiError(
                "不能修改自己的角色、县区或停用自己。",
                "You cannot change your own role or counties, or deactivate yourself.",
                do_zh="请另一位管理用户的规划人员办理。",
                do_en="ask another planner who manages users.",
            )
        if not before:
            return seen_version
        new: dict[str, Any] = {n: values[n] for n in before}
        if "email" in new:
            _free(connection, new["email"], user_id)
            # another address can be another person: the next sign-in has to show it
            new |= {"issuer": None, "subject": None}
        now = datetime.now(UTC)
        new |= {"version": seen_version + 1, "changed": now, "actor": by.id}
        connection.execute(update(table).where(table.c.id == user_id), new)
        if "email" in new or new.get("active") is False:
            live = sessions.c.user_id == user_id, sessions.c.closed.is_(None)
            connection.execute(update(sessions).where(*live).values(closed=now))
        audit.write(
            connection, by.id, "manage_users", user_id, "done", detail=_told({n: values[n] for n in before})
        )
        return seen_version + 1


def _changed(connection: Connection, row: Row[Any], seen: int, typed: Mapping[str, Any]) -> ChangedError:
    a = tables.audit.c
    done = select(a.detail).where(a.action == "manage_users", a.target == row.id, a.outcome == "done")
    # each change of a user left one row there
    details = connection.scalars(done.order_by(a.no.desc()).limit(row.version - seen))
    touched = {word.partition("=")[0] for detail in details for word in detail.split()}
    now = row._asdict()
    changed = {name: (None, now[name]) for name in FIELDS if name in touched}
    zh = "；".join(f"{FIELDS[n][0]}现为 {_shown(n, v)[0]}" for n, (_, v) in changed.items())
    en = "; ".join(f"{FIELDS[n][1]} is now {_shown(n, v)[1]}" for n, (_, v) in changed.items())
    return ChangedError(
        f"用户 {row.name} 在您查看之后已被修改：{zh or '版本不同'}。",
        f"User {row.name} was changed after you looked: {en or 'another version'}.",
        changed,
        dict(typed),
        row.version,
    )


def _shown(name: str, value: Any) -> tuple[str, str]:
    """A user's field for people to read."""
    if name == "role":
        return ROLE_NAMES.get(value, (str(value), str(value)))
    if name == "counties":
        places = _places(value)
        if places is None:
            return "全部", "all"
        named = [called(place) for place in sorted(places)]
        return "、".join(zh for zh, _ in named), ", ".join(en for _, en in named)
    if name == "active":
        return ("启用", "active") if value else ("停用", "inactive")
    return str(value), str(value)


def find(store: Store, person_id: str) -> Person:
    """An active user, with the rights of this moment, or the one user of this machine: in whose name a job works.

    Raises ForbiddenError where there is none any more.
    """
    if person_id == LOCAL.id:
        return LOCAL
    with store.reading() as connection:
        row = connection.execute(select(table).where(table.c.id == person_id, table.c.active)).first()
    if row is None:
        raise ForbiddenError("see", None, False)
    return person_of(row)


def names(connection: Connection) -> dict[str, str]:
    """The names of all users by id, and of the one user of this machine."""
    found = {row.id: row.name for row in connection.execute(select(table.c.id, table.c.name))}
    return {LOCAL.id: LOCAL.name} | found


def users(store: Store, by: Person) -> pd.DataFrame:
    """The users by name. Needs manage_users.

    Columns: id, name, email, role, counties (a list of adcodes, None for every county), active, version,
    signed_in (whether a sign-in was ever bound to the user), last_seen (UTC), changed (UTC), actor.
    """
    require(store, by, "manage_users")
    seen = select(sessions.c.user_id, func.max(sessions.c.seen).label("last_seen"))
    last = seen.group_by(sessions.c.user_id).subquery()
    u = table.c
    query = select(
        u.id, u.name, u.email, u.role, u.counties, u.active, u.version, u.subject.is_not(None).label("signed_in"),
        last.c.last_seen, u.changed, u.actor,
    ).outerjoin(last, last.c.user_id == u.id)  # fmt: skip
    with store.reading() as connection:
        found = connection.execute(query.order_by(u.name, u.id))
        names, rows = list(found.keys()), found.fetchall()
    frame = pd.DataFrame.from_records(rows, columns=names)
    places = [_places(row.counties) for row in rows]
    frame["counties"] = pd.Series([None if p is None else sorted(p) for p in places], dtype=object)
    return frame


def person_of(row: Row[Any]) -> Person:
    """The person that a row of `users` stands for."""
    return Person(row.id, row.name, row.role, _places(row.counties))


def _places(text: str | None) -> frozenset[str] | None:
    """The counties in a row; what cannot be read is no county at all."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return frozenset()
    return frozenset(found if isinstance(found, list) and all(isinstance(c, str) for c in found) else ())


def _sound(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are kept. Raises ChigaiError for one that cannot be."""
    values = dict(given)
    strange = set(values) - set(FIELDS)
    if strange:
        raise ChigaiError("用户没有这些内容。", f"A user has no {', '.join(sorted(strange))}.")
    if "name" in values:
        values["name"] = str(values["name"]).strip()
        if not 0 < len(values["name"]) <= LONGEST_NAME or not values["name"].isprintable():
            raise ChigaiError(
                "姓名不对。", "This is no name.",
                do_zh="填写 1 到 100 个字，不含换行等符号。", do_en="give 1 to 100 characters that can be seen.",
            )  # fmt: skip
    if "email" in values:
        values["email"] = str(values["email"]).strip().lower()
        if len(values["email"]) > 254 or not EMAIL.fullmatch(values["email"]):
            raise ChigaiError(
                "邮箱格式不对。", "This is no e-mail address.",
                do_zh="填写登录时使用的邮箱。", do_en="give the address that the person signs in with.",
            )  # fmt: skip
    if "role" in values and values["role"] not in ROLES:
        raise ChigaiError(
            "没有这个角色。", "There is no such role.",
            do_zh="、".join(f"{r}（{ROLE_NAMES[r][0]}）" for r in ROLES), do_en=f"choose one of {', '.join(ROLES)}.",
        )  # fmt: skip
    if values.get("counties") is not None:
        places = sorted({str(c) for c in values["counties"]})
        if not places or not all(ADCODE.fullmatch(c) for c in places):
            raise ChigaiError(
                "县区须是六位代码，至少一个。", "Counties are codes of six digits, one at least.",
                do_zh="不限县区时请明确选择全部。", do_en="choose all where no county is to limit the user.",
            )  # fmt: skip
        values["counties"] = json.dumps(places)
    if "active" in values and type(values["active"]) is not bool:
        raise ChigaiError("“启用”只能是或否。", "Active is yes or no.")
    return values


def _free(connection: Connection, email: str, user_id: str) -> None:
    taken = select(table.c.id).where(table.c.email == email, table.c.id != user_id)
    if connection.execute(taken).first() is not None:
        raise ChigaiError(
            "这个邮箱已属于另一位用户。", "This address belongs to another user already.",
            do_zh="请修改那位用户，或换一个邮箱。", do_en="change that user, or give another address.",
        )  # fmt: skip


def _told(values: Mapping[str, Any]) -> str:
    """What of a change stands in the audit: rights in full, of the person only that it changed."""
    told = [f"{n}={values[n]}" for n in ("role", "counties", "active") if n in values]
    return " ".join(told + [n for n in ("name", "email") if n in values])


def user_by_claims(connection: Connection, claims: Mapping[str, Any]) -> Row[Any] | None:
    """The active user whom the provider's claims name; None where there is none.

    A user is bound to issuer and subject at the first sign-in, by an address that the provider says it
    verified; from then on the address has no say. The row is held until the transaction ends.
    """
    issuer, subject = str(claims.get("iss") or ""), str(claims.get("sub") or "")
    if not issuer or not subject:
        return None
    bound = select(table).where(table.c.issuer == issuer, table.c.subject == subject).with_for_update()
    row = connection.execute(bound).first()
    if row is None and claims.get("email_verified") in (True, "true"):
        email = str(claims.get("email") or "").strip().lower()
        free = select(table).where(table.c.email == email, table.c.subject.is_(None), table.c.active)
        found = connection.execute(free.with_for_update()).first() if email else None
        if found is not None:
            bind = update(table).where(table.c.id == found.id).values(issuer=issuer, subject=subject)
            connection.execute(bind)
        # once more: another first sign-in of the same person may have bound the user while this one waited
        row = connection.execute(bound).first()
    return row if row is not None and row.active else None
