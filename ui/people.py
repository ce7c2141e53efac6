"""用户 · Who may sign in, and do what? Users, their roles and counties, and what was done by whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import pandas as pd
import streamlit as st

from tracking import audit, people, targets
from tracking.register import ChangedError
from ui import numbers, parts, safe, settings
from ui.parts import Column
from ui.text import TEXTS

AT_ONCE = 50
"""Lines of the audit that are shown before one asks for more."""
DAYS = 30
"""How far back the audit is shown at first."""
Row = Mapping[str, Any]
FIELDS = ("name", "email", "role", "counties", "active")


def page(ctx: parts.Context) -> None:
    """The whole page."""
    t = ctx.t
    parts.title(t, "people")
    if settings.sign_in() is None:
        parts.notice("plain", f"<b>{safe.text(t('people.off'))}</b>", safe.text(t("people.off_do")))
    if told := st.session_state.pop("people_told", None):
        parts.notice("good", f"<b>{safe.text(told)}</b>")
    desk = ctx.desk
    users = people.users(desk.store, desk.person)
    rows = {str(row["id"]): cast(Row, row) for row in users.to_dict("records")}
    _list(ctx, list(rows.values()))
    with st.expander(t("people.new"), expanded=not rows):
        _add(ctx)
    if rows:
        parts.heading(t("people.change"))
        _change(ctx, rows)
    parts.heading(t("people.audit"), t("people.audit_note"))
    _audit(ctx)


def _names(ctx: parts.Context) -> dict[str, str]:
    """The counties of the programme by adcode."""
    return {u.adcode: u.name_zh if ctx.lang == "zh" else u.name_en for u in ctx.programme.units}


def _places(ctx: parts.Context, counties: Sequence[str] | None) -> str:
    if counties is None:
        return ctx.t("people.every")
    names = _names(ctx)
    return ("、" if ctx.lang == "zh" else ", ").join(names.get(c, c) for c in counties)


def _state(ctx: parts.Context, row: Row) -> str:
    if not row["active"]:
        return ctx.t("people.stopped")
    return ctx.t("people.on" if row["signed_in"] else "people.waiting")


def _list(ctx: parts.Context, rows: Sequence[Row]) -> None:
    """One row a person."""
    t = ctx.t
    if not rows:
        parts.notice("warn", safe.text(t("people.none")))
        return
    off = sum(not row["active"] for row in rows)
    parts.heading(t("people.list"), t("people.list_note", n=len(rows), off=off))
    columns = [
        Column(t("people.name")),
        Column(t("people.role")),
        Column(t("people.state")),
        Column(t("people.seen")),
        Column(t("people.counties"), wide=True),
        Column(t("people.email"), wide=True),
    ]
    cells = [
        [
            f"<b>{safe.text(row['name'])}</b>",
            safe.text(t(f"role.{row['role']}")),
            safe.text(_state(ctx, row)),
            safe.text(_moment(row["last_seen"])),
            safe.text(_places(ctx, row["counties"])),
            safe.text(row["email"]),
        ]
        for row in rows
    ]
    parts.table(columns, cells)


def _moment(at: Any) -> str:
    return numbers.NONE if pd.isna(at) else f"{at.astimezone(targets.LOCAL):%Y-%m-%d %H:%M}"


def _fields(ctx: parts.Context, key: str, row: Row | None) -> dict[str, Any]:
    """What is typed about a user; row: as it is now, None for a new one."""
    t, was = ctx.t, row or {"name": "", "email": "", "role": "field", "counties": [], "active": True}
    names = _names(ctx)
    left, right = st.columns(2)
    with left:
        name = st.text_input(t("people.name"), was["name"], key=f"{key}_name", max_chars=people.LONGEST_NAME)
        role = st.selectbox(
            t("people.role"),
            people.ROLES,
            index=people.ROLES.index(was["role"]),
            format_func=lambda r: t(f"role.{r}"),
            key=f"{key}_role",
        )
    with right:
        email = st.text_input(
            t("people.email"), was["email"], key=f"{key}_email", help=t("people.email_help")
        )
        counties = st.multiselect(
            t("people.counties"),
            [*names, *(c for c in was["counties"] or [] if c not in names)],
            default=was["counties"] or [],
            format_func=lambda c: names.get(c, c),
            key=f"{key}_counties",
            help=t("people.counties_help"),
            placeholder=t("people.choose"),
            select_all=False,
        )
    every = st.checkbox(t("people.all"), was["counties"] is None, key=f"{key}_every")
    typed: dict[str, Any] = {
        "name": name,
        "email": email,
        "role": role,
        "counties": None if every else sorted(counties),
    }
    if row is not None:
        typed["active"] = st.toggle(
            t("people.active"), bool(was["active"]), key=f"{key}_active", help=t("people.active_help")
        )
    return typed


def _forget(key: str) -> None:
    """Let the fields begin anew."""
    for name in [n for n in st.session_state if str(n).startswith(f"{key}_")]:
        del st.session_state[name]


def _told(words: str) -> None:
    st.session_state["people_told"] = words
    st.rerun()


def _add(ctx: parts.Context) -> None:
    t, desk = ctx.t, ctx.desk
    for role in people.ROLES:
        st.caption(f"**{t(f'role.{role}')}**　{t(f'role.{role}_does')}")
    with st.form("people_add", border=False):
        typed = _fields(ctx, "people_new", None)
        asked = st.form_submit_button(t("people.add"), type="primary", key="add_user")
    if not asked:
        return
    with parts.refusals(t):
        people.add_user(desk.store, desk.person, **typed)
        _forget("people_new")
        _told(t("people.added", name=typed["name"].strip(), email=typed["email"].strip()))


def _change(ctx: parts.Context, rows: Mapping[str, Row]) -> None:
    """One user, as it was when the form was opened: what others changed since is told, never written over."""
    t, desk = ctx.t, ctx.desk
    chosen = parts.option(
        t("people.who"),
        list(rows),
        index=None,
        format_func=lambda i: f"{rows[i]['name']} · {t('role.' + rows[i]['role'])}" if i in rows else i,
        key="people_who",
        placeholder=t("people.choose"),
    )
    if chosen is None:
        return
    key = f"people_{chosen}"
    opened = st.session_state.setdefault(f"{key}_opened", rows[chosen])
    if clash := st.session_state.get(f"{key}_clash"):
        parts.notice("warn", *clash)
    with st.form("people_change", border=True):
        typed = _fields(ctx, key, opened)
        asked = st.form_submit_button(t("people.save"), type="primary", key="save_user")
    if not asked:
        return
    changes = {n: v for n, v in typed.items() if v != opened[n]}
    with parts.refusals(t):
        try:
            version = people.change_user(desk.store, desk.person, chosen, int(opened["version"]), **changes)
        except ChangedError:
            _clash(ctx, key, opened, rows[chosen], changes)
        else:
            _forget(key)
            same = version == opened["version"]
            _told(t("people.same") if same else t("people.saved", name=typed["name"].strip()))


def _clash(
    ctx: parts.Context,
    key: str,
    opened: Mapping[str, Any],
    now: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> None:
    """Somebody else was first: say what is new, keep what was typed, take over what was not touched."""
    t = ctx.t
    shown: dict[str, Callable[[Any], str]] = {
        "name": str,
        "email": str,
        "role": lambda v: t(f"role.{v}"),
        "counties": lambda v: _places(ctx, v),
        "active": lambda v: t("people.on" if v else "people.stopped"),
    }
    lines = [f"<b>{safe.text(t('people.changed', name=now['name']))}</b>"]
    for field in FIELDS:
        if opened[field] != now[field]:
            was, new = shown[field](opened[field]), shown[field](now[field])
            label = t("people.state") if field == "active" else t(f"people.{field}")
            lines.append(safe.text(t("people.changed_what", field=label, was=was, now=new)))
    lines.append(safe.text(t("people.changed_kept")))
    kept = {n: st.session_state[n] for n in list(st.session_state) if str(n).startswith(f"{key}_")}
    _forget(key)
    touched = {f"{key}_{field}" for field in changes} | ({f"{key}_every"} if "counties" in changes else set())
    st.session_state.update({n: v for n, v in kept.items() if n in touched})
    st.session_state[f"{key}_opened"] = now
    st.session_state[f"{key}_clash"] = lines
    st.rerun()


def _audit(ctx: parts.Context) -> None:
    """What was done and refused, the last first."""
    t, desk = ctx.t, ctx.desk
    left, right, _ = st.columns([1, 1, 2])
    with left:
        since = st.date_input(
            t("people.since"),
            targets.today() - timedelta(days=DAYS),
            max_value=targets.today(),
            format="YYYY-MM-DD",
            key="people_since",
        )
    with right:
        outcome = parts.option(
            t("people.outcome"),
            ["all", "done", "refused"],
            format_func=lambda o: t(f"people.outcome_{o}"),
            key="people_outcome",
        )
    most = st.session_state.get("people_most", AT_ONCE)
    found = audit.entries(desk.store, desk.person, since=since, limit=None if outcome != "all" else most + 1)
    if outcome != "all":
        found = found[found["outcome"] == outcome]
    if not len(found):
        st.caption(t("people.no_audit"))
        return
    names = _names(ctx)
    with desk.store.reading() as connection:
        known = people.names(connection) | {"ledger": t("ledger.title")}
    columns = [
        Column(t("people.action")),
        Column(t("people.detail"), wide=True),
        Column(t("people.at")),
        Column(t("people.actor")),
        Column(t("people.outcome")),
        Column(t("people.counties")),
        Column(t("people.target"), wide=True),
    ]
    rows = [
        [
            f"<b>{safe.text(_action(ctx, row['action']))}</b>",
            safe.text(_detail(ctx, row["action"], row["detail"])),
            safe.text(_moment(row["at"])),
            safe.text(_actor(ctx, row["actor"], row["name"])),
            safe.text(t(f"people.outcome_{row['outcome']}")),
            "" if pd.isna(row["county"]) else safe.text(names.get(row["county"], row["county"])),
            safe.text(known.get(row["target"], row["target"])),
        ]
        for row in found.head(most).to_dict("records")
    ]
    parts.table(columns, rows)
    if len(found) > most and st.button(t("ledger.more", n=AT_ONCE), key="people_more"):
        st.session_state["people_most"] = most + AT_ONCE
        st.rerun()


def _actor(ctx: parts.Context, actor: str, name: str | None) -> str:
    if actor == people.LOCAL.id:
        return people.LOCAL.name
    return str(name) if isinstance(name, str) else actor or ctx.t("people.nobody")


def _action(ctx: parts.Context, action: str) -> str:
    if action in ("sign_in", "sign_out"):
        return ctx.t(f"people.{action}")
    zh, en = people.NAMES.get(action, (action, action))  # type: ignore[call-overload]
    return str(zh if ctx.lang == "zh" else en)


def _detail(ctx: parts.Context, action: str, detail: str) -> str:
    """What the audit put down, in words."""
    t = ctx.t
    if action == "plan":
        begun, over = re.fullmatch(r"draft of (\S+)", detail), re.fullmatch(r"written over (\S+)", detail)
        if begun or over:
            return t("people.did_draft", plan=begun[1]) if begun else t("people.did_written", plan=over[1])  # type: ignore[index]
        if detail == "closed":
            return t("people.did_put_away")
    if reports := re.fullmatch(r"(\w+) × (\d+)", detail):
        return f"{t(f'kind.{reports[1]}')} × {reports[2]}"
    for word in (f"edit.do_{detail}", f"people.why_{detail}"):
        if word in TEXTS:
            return t(word)
    return _of_user(ctx, re.sub(r"\b(\d+) rows\b", lambda m: t("people.rows", n=m[1]), detail))


def _of_user(ctx: parts.Context, detail: str) -> str:
    """Roles, counties and whether somebody may sign in, in words."""
    t, names = ctx.t, _names(ctx)
    said = re.sub(r"\brole=(\w+)", lambda m: t(f"role.{m[1]}") if m[1] in people.ROLES else m[0], detail)
    said = said.replace("counties=None", t("people.every")).replace("counties=", "")
    said = said.replace("active=True", t("people.on")).replace("active=False", t("people.stopped"))
    said = re.sub(r'"(\d{6})"', lambda m: names.get(m[1], m[1]), said)
    return re.sub(r"\b(name|email)\b", lambda m: t(f"people.{m[1]}"), said)


if __name__ == "__main__":
    page(parts.context())
