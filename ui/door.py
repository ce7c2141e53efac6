"""What the frame shows of signing in: the way in, the way out, and why a page stays shut."""

from __future__ import annotations

import streamlit as st

from tracking.desk import Desk
from tracking.sessions import SignedOutError
from ui import parts, safe, settings, sign_in
from ui.text import Words


def way_in(refusal: SignedOutError, t: Words) -> None:
    """In place of every page: sign in, sign in again, or whom to tell that the account is missing."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle, st.container(border=True):
        if isinstance(refusal, sign_in.NobodyError):
            _say(t("signin.welcome"), t("signin.welcome_note"))
            _go(t("signin.go"))
        elif refusal.why == "inactive":
            _not_entered(t)
        else:
            # a session that ended by itself is closed by the first look that finds it so
            said = (
                t("signin.closed")
                if refusal.why == "closed"
                else refusal.zh
                if t.lang == "zh"
                else refusal.en
            )
            _say(t("signin.ended"), said, t("signin.kept"))
            _go(t("signin.again"))


def _not_entered(t: Words) -> None:
    """The provider knows them, we do not: what to tell whom."""
    email, admin = sign_in.email(), settings.current().admin_email
    lines = [t("signin.unknown_as", email=email) if email else t("signin.unknown_verified")]
    lines.append(t("signin.unknown_do"))
    if admin:
        lines.append(t("signin.unknown_admin", email=admin))
    _say(t("signin.unknown"), *lines)
    if st.button(t("signin.other"), key="sign_in_other", width="stretch"):
        sign_in.leave()


def _say(what: str, *lines: str) -> None:
    body = "".join(f"<p>{safe.text(line)}</p>" for line in lines)
    st.html(f'<div class="cg-empty"><b>{safe.text(what)}</b>{body}</div>')


def _go(label: str) -> None:
    if st.button(label, type="primary", key="sign_in", width="stretch"):
        st.login()


def way_out(desk: Desk, t: Words) -> None:
    """Who is signed in, and the button to sign out; nothing where no sign-in is set up."""
    if desk.person.local:
        return
    role = t(f"role.{desk.person.role}")
    st.html(f'<div class="cg-brand"><b>{safe.text(desk.person.name)}</b><span>{safe.text(role)}</span></div>')
    if st.button(t("signin.leave"), key="sign_out", width="stretch"):
        sign_in.leave()


def not_here(t: Words) -> None:
    """A page that is not for this person."""
    parts.notice("warn", f"<b>{safe.text(t('signin.no_right'))}</b>", safe.text(t("signin.no_right_do")))
