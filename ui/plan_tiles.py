"""How far the job is that makes a plan's map tiles: its bar, a way to stop it, and a way to begin again."""

from __future__ import annotations

import streamlit as st

from tracking import tilesets
from ui import parts, safe
from ui.settings import current


def show(ctx: parts.Context, plan_id: str) -> None:
    """Below the map, as long as there is something to say."""
    made = tilesets.standing(ctx.home, plan_id, current().shifted)
    if made.unfinished:
        _watch(ctx, plan_id)
    elif made.state in ("failed", "cancelled"):
        t = ctx.t
        why = made.message_zh if ctx.lang == "zh" else made.message_en
        lines = [
            safe.text(line) for line in (why if made.state == "failed" else "", t("tiles.slower")) if line
        ]
        parts.notice("plain", f"<b>{safe.text(t(f'tiles.{made.state}'))}</b>", *lines)
        if ctx.desk.somewhere("plan") and st.button(t("tiles.again"), key="tiles_again"):
            tilesets.begin(ctx.home, plan_id, current().shifted, again=True)
            st.rerun()


@st.fragment(run_every=2.0)
def _watch(ctx: parts.Context, plan_id: str) -> None:
    """Looks now and then; the page is drawn again only when the job has ended."""
    t = ctx.t
    made = tilesets.standing(ctx.home, plan_id, current().shifted)
    if not made.unfinished:
        st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="center")
    with left:
        st.progress(made.fraction, t("tiles.making"))
    with right:
        if made.job and ctx.desk.somewhere("plan") and st.button(t("job.cancel"), key="tiles_cancel"):
            ctx.desk.stop(made.job)
