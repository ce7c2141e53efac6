"""Files that jobs prepared and that lie ready for whoever looks: what, how large, since when, and the button."""

from __future__ import annotations

import streamlit as st

from tracking import prepared
from tracking.desk import Desk
from ui import numbers, safe
from ui.text import Words

SHOWN = 5
"""So many are listed."""


def show(desk: Desk, t: Words, what: str) -> None:
    """The list, the newest first; nothing where nothing lies ready."""
    found = prepared.listed(desk, what)[:SHOWN]
    if not found:
        return
    st.markdown(f"**{t('export.ready')}**")
    for one in found:
        left, right = st.columns([4, 1], vertical_alignment="center")
        with left:
            line = t(
                "export.ready_line",
                name=one.path.name,
                size=numbers.plain(one.size_mb, 1),
                made=numbers.moment(one.created),
            )
            st.html(f'<div class="cg-small">{safe.text(line)}</div>')
        with right:
            st.download_button(
                t("export.download"),
                data=lambda one=one: prepared.fetch(desk, one),  # type: ignore[misc]
                file_name=one.path.name,
                on_click="ignore",
                key=f"fetch_{one.id}",
                width="stretch",
            )
    if any(one.by is not None for one in found):
        st.caption(t("export.ready_own"))
