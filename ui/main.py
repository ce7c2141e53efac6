"""The frame around every page: language, navigation, look. Run on each visit by app.py."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui import parts
from ui.text import LANGUAGES, Words

HERE = Path(__file__).parent
PAGES = {"overview": "overview.py", "parcels": "parcels.py", "plan": "plan.py"}
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
    page = st.navigation(
        [
            st.Page(HERE / file, title=t(f"{name}.title"), url_path=name, default=name == "overview")
            for name, file in PAGES.items()
        ]
    )
    parts.style()
    with st.sidebar:
        st.html(f'<div class="cg-brand"><b>{t("app.name")}</b><span>{t("app.tagline")}</span></div>')
        st.segmented_control(
            t("app.language"), LANGUAGES, default=lang, key="switch", format_func=t.language, required=True
        )
    if st.query_params.get("lang", LANGUAGES[0]) != lang:
        st.query_params["lang"] = lang
    with parts.refusals(t):
        page.run()


main()
