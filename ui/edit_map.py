"""The map on which a draft is changed, in its own frame beside the page's lists."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from tracking.journal import Draft
from ui import maps, parts

HEIGHT = 640


def url(draft: Draft, lang: str, number: int | None, changes: int) -> str:
    """The address of the plan's map with the tools of the draft; another field unit only moves it, and another number
    of changes only has it drawn anew."""
    mark = f"#n={changes}" + ("" if number is None else f"&unit={number}")
    page = f"{maps.ROOT}/map/plan/{quote(draft.plan, safe='')}?lang={maps.lang_of(lang)}&view=after"
    return f"{page}&draft={quote(draft.id, safe='')}{mark}"


def show(ctx: parts.Context, draft: Draft, number: int | None, changes: int) -> None:
    """The map, with a line that says how to select on it."""
    t = ctx.t
    parts.heading(t("edit.map"), t("edit.map_note"))
    with st.container(key="edit_map"):
        st.iframe(url(draft, ctx.lang, number, changes), height=HEIGHT, alt=t("edit.map"))
