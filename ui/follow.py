"""Which plans are reported on: a planner takes a plan that was made among those that are followed."""

from __future__ import annotations

from typing import Any

import streamlit as st

from geo import plans
from ui import naming, parts, progress, safe


def said(ctx: parts.Context) -> bool:
    """At the page's top, how a registering ended; True while one runs, which is shown where it was begun."""
    if not ctx.desk.somewhere("plan"):
        return False
    if progress.at_work(ctx, "register"):
        return True
    progress.panel(ctx, "register")
    done = progress.just_done(ctx, "register")
    if done is not None:
        parts.notice(
            "good", safe.text(ctx.t("follow.done", name=naming.short(naming.data_name(done.name, ctx.t))))
        )
    return False


def offer(ctx: parts.Context, running: bool) -> None:
    """The plans of the data folder that nobody reports on yet, each one button away, or the registering that runs;
    nothing for who may not plan."""
    if not ctx.desk.somewhere("plan"):
        return
    if running:
        progress.panel(ctx, "register")
        return
    known = set(ctx.desk.plans()["id"])
    waiting = {
        str(meta["folder"]): meta for meta in parts.plan_metas(ctx.home) if str(meta["id"]) not in known
    }
    if not waiting:
        return
    if known:
        with st.expander(ctx.t("follow.another")):
            st.caption(ctx.t("follow.replaces"))
            _choose(ctx, waiting, first=False)
    else:
        _choose(ctx, waiting, first=True)


def _choose(ctx: parts.Context, waiting: dict[str, dict[str, Any]], first: bool) -> None:
    t, folder = ctx.t, next(iter(waiting))
    if len(waiting) > 1:
        folder = parts.choose(
            "follow", t("follow.which"), list(waiting), naming.plan_labels(waiting.values(), t).__getitem__
        )
    else:
        st.caption(naming.plan_label(waiting[folder], t))
    if st.button(t("follow.button"), type="primary" if first else "secondary", key="follow", width="stretch"):
        with parts.refusals(t):
            progress.start(ctx, "register", {"plan": folder, "name": plans.title(waiting[folder]) or folder})
            st.rerun()
