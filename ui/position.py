"""Where the phone is, by its browser: a button that asks, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from ui import parts, safe
from ui.text import Words

STATIC = Path(__file__).with_name("static")
ERRORS = ("denied", "unavailable", "timeout", "insecure")
KEPT = "field_position"
COARSE_M = 300
"""An accuracy beyond which the order of blocks says little."""
CSS = """
button { width: 100%; min-height: 3.4rem; font: inherit; font-size: 1.05rem; color: #1b2733; background: #fff;
  border: 1px solid #dce3e8; border-radius: 8px; cursor: pointer; }
button:active { background: #f3f6f8; }
button:disabled { color: #5b6b7a; }
"""


@dataclass(frozen=True)
class Position:
    """Degrees WGS 84, and how sure the phone is, metres."""

    lon: float
    lat: float
    accuracy_m: float


_ask = st.components.v2.component(
    "chigai_position",
    html='<button type="button"></button>',
    css=CSS,
    js=(STATIC / "position.js").read_text("utf-8"),
)


def button(t: Words) -> None:
    """The button; what the browser answers is kept for the session, and never leaves it."""
    answer = _ask(
        key=parts.in_language("field_where"),
        data={"label": t("field.nearby"), "asking": t("field.asking")},
        on_found_change=lambda: None,
    )
    found = read(answer.get("found"))
    if found is not None:
        st.session_state[KEPT] = found
        st.query_params["near"] = "1"


def read(answer: Any) -> Position | str | None:
    """A position, the name of what went wrong, or None where there is no answer: a browser may send anything."""
    if not isinstance(answer, Mapping):
        return None
    if "error" in answer:
        return answer["error"] if answer["error"] in ERRORS else "unavailable"
    try:
        lon, lat, accuracy = (float(answer[n]) for n in ("lon", "lat", "accuracy"))
    except (KeyError, TypeError, ValueError):
        return "unavailable"
    if not (math.isfinite(lon + lat + accuracy) and abs(lon) <= 180 and abs(lat) <= 90):
        return "unavailable"
    return Position(lon, lat, max(accuracy, 0.0))


def kept() -> Position | str | None:
    """What the browser answered last in this session."""
    found: Position | str | None = st.session_state.get(KEPT)
    return found


def forget() -> None:
    """The list by village again."""
    st.query_params.pop("near", None)
    st.session_state.pop(KEPT, None)


def say(found: Position | str | None, t: Words) -> None:
    """In plain words what came of asking, where it is not a good position."""
    if isinstance(found, str):
        parts.notice(
            "warn", f"<b>{safe.text(t(f'field.where_{found}'))}</b>", safe.text(t("field.where_else"))
        )
    elif found is not None and found.accuracy_m > COARSE_M:
        parts.notice("plain", safe.text(t("field.where_coarse", metres=f"{found.accuracy_m:,.0f}")))
