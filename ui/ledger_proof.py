"""The proof: whether every report stands as it was received, and the seal to note down."""

from __future__ import annotations

import re

import streamlit as st

from tracking import proofs
from tracking.chain import Head
from tracking.proofs import Proof
from ui import numbers, parts, progress, safe

SEAL = re.compile("[0-9a-f]{64}")


def show(ctx: parts.Context) -> None:
    """The button, the job that it begins, the last answer in plain words, and what to keep elsewhere."""
    t = ctx.t
    st.caption(t("ledger.verify_note"))
    running = progress.panel(ctx, "verify")
    progress.just_done(ctx, "verify")
    if not running:
        _begin(ctx)
    found = proofs.last(ctx.desk)
    if found is not None:
        _answer(ctx, found)


def _begin(ctx: parts.Context) -> None:
    t = ctx.t
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
    with parts.refusals(t):
        noted = Head(int(number), typed) if number is not None else None
        st.session_state["job_verify"] = proofs.begin(ctx.desk, noted)
        st.rerun()


def _answer(ctx: parts.Context, found: Proof) -> None:
    t, head = ctx.t, found.head
    when = safe.text(t("ledger.verified", when=numbers.moment(found.at.isoformat())))
    if found.broken is not None:
        seq, zh, en = found.broken
        parts.notice(
            "bad",
            f"<b>{safe.text(t('ledger.broken', n=numbers.plain(seq)))}</b>",
            safe.text(zh if ctx.lang == "zh" else en),
            safe.text(t("ledger.broken_do")),
            f"<small>{when}</small>",
        )
        return
    lines = [f"<b>{safe.text(t('ledger.sound', n=numbers.plain(head.seq)))}</b>"]
    if found.noted is not None:
        lines.append(safe.text(t("ledger.sound_noted", n=numbers.plain(found.noted))))
    since = ctx.desk.head().seq - head.seq
    more = safe.text(t("ledger.verified_since", n=numbers.plain(since))) if since > 0 else ""
    parts.notice("good", *lines, f"<small>{when}{more}</small>")
    parts.heading(t("ledger.head"), t("ledger.head_note"))
    st.html(
        f'<div class="cg-seal"><b>{safe.text(t("ledger.head_number", n=head.seq))}</b>'
        f"<code>{' '.join(head.hash[i : i + 8] for i in range(0, 64, 8))}</code></div>"
    )
