"""The frame around every page: who is signed in, language, navigation, look. Run on each visit by app.py."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from geo.errors import ChigaiError
from tracking.desk import Desk
from tracking.sessions import SignedOutError
from ui import door, parts, sign_in
from ui.pages import PAGES
from ui.text import LANGUAGES, Words

HERE = Path(__file__).parent
ICON = HERE / "static" / "icon.svg"


def language() -> str:
    """The session's language: what the switch says, before that the address (?lang=en), else Chinese."""
    asked = st.session_state.get("switch") or st.session_state.get("lang") or st.query_params.get("lang")
    return asked if asked in LANGUAGES else LANGUAGES[0]


def main() -> None:
    """Draw the frame, then the page."""
    lang = language()
    st.session_state["lang"] = lang
    t = Words(lang)
    st.set_page_config(
        page_title=t("app.name"), page_icon=str(ICON), layout="wide", initial_sidebar_state="auto"
    )
    desk, refusal = _who()
    # a page that is not for this person keeps its address, so that we say so and not Streamlit
    page = st.navigation(
        [
            st.Page(
                HERE / entry.file,
                title=t(f"{name}.title"),
                url_path=name,
                default=name == "overview",
                visibility="visible" if desk is not None and entry.open_to(desk) else "hidden",
            )
            for name, entry in PAGES.items()
        ],
        position="hidden" if desk is None else "sidebar",
    )
    parts.style(t)
    with st.sidebar:
        st.html(f'<div class="cg-brand"><b>{t("app.name")}</b><span>{t("app.tagline")}</span></div>')
        st.segmented_control(
            t("app.language"), LANGUAGES, default=lang, key="switch", format_func=t.language, required=True
        )
        if desk is not None:
            door.way_out(desk, t)
    if st.query_params.get("lang", LANGUAGES[0]) != lang:
        st.query_params["lang"] = lang
    with parts.refusals(t):
        if isinstance(refusal, SignedOutError):
            door.way_in(refusal, t)
        elif refusal is not None:
            raise refusal
        elif desk is not None and PAGES[page.url_path or "overview"].open_to(desk):
            page.run()
        else:
            door.not_here(t)


def _who() -> tuple[Desk | None, ChigaiError | None]:
    """The desk of whoever looks, or why there is none."""
    try:
        return sign_in.desk(), None
    except ChigaiError as error:
        return None, error


main()
