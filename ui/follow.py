"""Which plans are reported on: a planner takes a plan that was made among those that are followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from geo.errors import ChigaiError
from tracking.desk import Desk
from ui import parts, safe
from ui.text import Words

DONE = "follow_done"


def said(t: Words) -> None:
    """That a plan was registered, once."""
    if name := st.session_state.pop(DONE, None):
        parts.notice("good", safe.text(t("follow.done", name=name)))


def offer(desk: Desk, home: Path, t: Words) -> None:
    """The plans of the data folder that nobody reports on yet, each one button away; nothing for who may not plan."""
    if not desk.somewhere("plan"):
        return
    known = set(desk.plans()["id"])
    waiting = {str(meta["folder"]): meta for meta in parts.plan_metas(home) if str(meta["id"]) not in known}
    if not waiting:
        return
    if known:
        with st.expander(t("follow.another")):
            st.caption(t("follow.replaces"))
            _choose(desk, home, waiting, t, first=False)
    else:
        _choose(desk, home, waiting, t, first=True)


def _choose(desk: Desk, home: Path, waiting: dict[str, dict[str, Any]], t: Words, first: bool) -> None:
    folder = next(iter(waiting))
    if len(waiting) > 1:
        folder = parts.choose(
            "follow", t("follow.which"), list(waiting), lambda f: parts.plan_label(waiting[f], t)
        )
    else:
        st.caption(parts.plan_label(waiting[folder], t))
    if not st.button(
        t("follow.button"), type="primary" if first else "secondary", key="follow", width="stretch"
    ):
        return
    try:
        with st.spinner(t("follow.busy")):
            desk.register(home / "plans" / folder)
    except ChigaiError as error:
        parts.refuse(error, t)
        return
    st.session_state[DONE] = parts.short(folder)
    st.rerun()
