"""Conflicts side by side: what counts and what does not, and whether it was settled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from tracking.rules import KINDS
from ui import field_parts, numbers, parts, safe
from ui.field_parts import Visit
from ui.text import Words

SHOWN = (
    "kind", "block_id", "happened", "actor", "done_mu", "passed", "reason", "measured_mu", "level_points",
    "inspector", "operator", "given", "measure", "units", "corrects", "note", "files", "block_version",
)  # fmt: skip
MOST = 50


def block_link(block_id: str, lang: str) -> str:
    """A block's name that leads to all about it: safe HTML."""
    address = f"ledger?view=records&lang={lang}&block={quote(block_id, safe='')}"
    return f'<a href="{safe.text(address)}" target="_self">{safe.text(block_id)}</a>'


def show(ctx: Visit, plan_id: str | None) -> None:
    """Every conflict that the person may see, the last first."""
    t = ctx.t
    frame = ctx.desk.conflicts(plan_id)
    st.caption(t("ledger.conflict_note"))
    if not len(frame):
        parts.notice("good", safe.text(t("ledger.conflict_none")))
        return
    open_ = int(((frame["why"] == "changed") & ~frame["settled"].astype(bool)).sum())
    st.caption(t("ledger.conflict_count", n=len(frame), open=open_))
    names = field_parts.names(ctx, plan_id)
    for row in field_parts.records(frame.head(MOST)):
        with st.container(border=True):
            _one(ctx, row, names)


def _one(ctx: Visit, row: Mapping[str, Any], names: Mapping[str, str]) -> None:
    t, sent = ctx.t, json.loads(row["sent"])
    two = row["why"] == "content"
    state = t("ledger.first_counts" if two else "ledger.settled" if row["settled"] else "ledger.open")
    why = t("ledger.why_content" if two else "ledger.why_changed")
    when = t("ledger.received", when=field_parts.moment(row["received"], t))
    block_id = str(row["block_id"])
    place = block_link(block_id, ctx.lang) if block_id else safe.text(t("ledger.whole_plan"))
    st.html(
        f'<div class="cg-block"><b>{place}</b><span class="cg-far">{safe.text(state)}</span>'
        f'<span class="cg-where">{safe.text(why)} · {safe.text(when)}</span></div>'
    )
    first = _first(ctx, row) if two else {}
    said = [(n, _value(n, first.get(n), t, names), _value(n, sent.get(n), t, names)) for n in SHOWN]
    if two:
        # what differs stands first
        said.sort(key=lambda one: one[1] == one[2])
    _side_by_side(t, [one for one in said if one[1] or one[2]], two)
    if not two:
        told = row["zh"] if ctx.lang == "zh" else row["en"]
        parts.notice("plain", f"<b>{safe.text(t('ledger.now'))}</b>", safe.text(told))


def _first(ctx: Visit, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The report in the ledger that has the same id."""
    about = {"block_id": row["block_id"]} if row["block_id"] else {}
    history = ctx.desk.events(plan_id=row["plan_id"], **about)
    same = field_parts.records(history[history["id"] == row["event_id"]])
    return same[0] if same else {}


def _side_by_side(t: Words, said: Sequence[tuple[str, str, str]], two: bool) -> None:
    """What was reported, item by item: what counts beside what does not, in bold where they differ."""
    heads = ["ledger.item", *(("ledger.first", "ledger.second") if two else ("ledger.sent",))]
    lines = []
    for name, one, other in said:
        cells = [one, other] if two else [other]
        shown = "".join(f"<td>{f'<b>{v}</b>' if two and one != other else v}</td>" for v in cells)
        lines.append(f"<tr><th>{safe.text(t(f'sent.{name}'))}</th>{shown}</tr>")
    top = "".join(f"<th>{safe.text(t(head))}</th>" for head in heads)
    st.html(f'<table class="cg-two"><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table>')


def _given(value: Any) -> bool:
    return not (value is None or value in ("", "[]") or (isinstance(value, list) and not value)) and not (
        isinstance(value, float) and pd.isna(value)
    )


def _value(name: str, value: Any, t: Words, names: Mapping[str, str]) -> str:
    """One thing that a report says, the same way from the ledger and from what was sent: safe HTML."""
    if not _given(value):
        return ""
    if name == "kind":
        return safe.text(t(f"kind.{value}") if value in KINDS else value)
    if name == "happened":
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return safe.text(field_parts.moment(moment, t))
    if name == "actor":
        return safe.text(names.get(str(value), value))
    if name in ("passed", "given"):
        return safe.text(t(f"field.{name}_yes" if value else f"field.{name}_no"))
    if name == "files":
        shas = json.loads(value) if isinstance(value, str) else list(value)
        return field_parts.photos([str(sha) for sha in shas], t, {})
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return safe.text(numbers.plain(float(value), 0 if float(value).is_integer() else 2))
    return safe.text(value)
