"""The proof: whether every report stands as it was received, and the seal to note down."""

from __future__ import annotations

import re

import streamlit as st

from tracking.chain import Broken, Head
from ui import numbers, parts, safe
from ui.field_parts import Visit

SEAL = re.compile("[0-9a-f]{64}")


def show(ctx: Visit) -> None:
    """The button, the answer in plain words, and what to keep elsewhere."""
    t, desk = ctx.t, ctx.desk
    st.caption(t("ledger.verify_note"))
    with st.expander(t("ledger.noted")):
        left, right = st.columns([1, 3])
        number = left.number_input(
            t("ledger.noted_number"), min_value=1, step=1, value=None, placeholder="", key="noted_number"
        )
        seal = right.text_input(t("ledger.noted_seal"), key="noted_seal", max_chars=80)
    typed = re.sub(r"\s", "", seal).lower()
    half = (number is None) != (not typed) or bool(typed and not SEAL.fullmatch(typed))
    if not st.button(t("ledger.verify"), key="verify", type="primary"):
        return
    if half:
        parts.notice("warn", safe.text(t("ledger.noted_half")))
        return
    noted = Head(int(number), typed) if number is not None else None
    with st.spinner(t("ledger.verifying")):
        head = desk.head()
        broken = desk.verify(noted)
    if broken is not None:
        _broken(ctx, broken)
        return
    lines = [f"<b>{safe.text(t('ledger.sound', n=numbers.plain(head.seq)))}</b>"]
    if noted is not None:
        lines.append(safe.text(t("ledger.sound_noted")))
    parts.notice("good", *lines)
    parts.heading(t("ledger.head"), t("ledger.head_note"))
    st.html(
        f'<div class="cg-seal"><b>{safe.text(t("ledger.head_number", n=head.seq))}</b>'
        f"<code>{' '.join(head.hash[i : i + 8] for i in range(0, 64, 8))}</code></div>"
    )


def _broken(ctx: Visit, broken: Broken) -> None:
    t = ctx.t
    parts.notice(
        "bad",
        f"<b>{safe.text(t('ledger.broken', n=numbers.plain(broken.seq)))}</b>",
        safe.text(broken.zh if ctx.lang == "zh" else broken.en),
        safe.text(t("ledger.broken_do")),
    )
