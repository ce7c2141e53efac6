"""Conflicts side by side: what counts and what does not, and whether it was settled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from tracking.rules import KINDS
from ui import field_parts, numbers, parts, safe
from ui.field_parts import Visit
from ui.parts import Column

SHOWN = (
    "kind", "block_id", "happened", "actor", "done_mu", "passed", "reason", "measured_mu", "level_points",
    "inspector", "operator", "given", "measure", "county", "units", "corrects", "note", "files", "block_version",
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
    open_ = int((~frame["settled"].astype(bool)).sum())
    st.caption(t("ledger.conflict_count", n=len(frame), open=open_))
    for row in field_parts.records(frame.head(MOST)):
        with st.container(border=True):
            _one(ctx, row)


def _one(ctx: Visit, row: Mapping[str, Any]) -> None:
    t = ctx.t
    sent = json.loads(row["sent"])
    why = t(f"ledger.why_{row['why']}")
    state = t("ledger.settled" if row["settled"] else "ledger.open")
    when = t("ledger.received", when=field_parts.moment(row["received"], t))
    place = (
        block_link(str(row["block_id"]), ctx.lang) if row["block_id"] else safe.text(t("ledger.whole_plan"))
    )
    st.html(
        f'<div class="cg-block"><b>{place}</b><span class="cg-far">{safe.text(state)}</span>'
        f'<span class="cg-where">{safe.text(why)} · {safe.text(when)}</span></div>'
    )
    if row["why"] == "content":
        _two_contents(ctx, row, sent)
    else:
        said = row["zh"] if ctx.lang == "zh" else row["en"]
        parts.table(
            [Column(t("ledger.item")), Column(t("ledger.sent"), wide=True)],
            [
                [safe.text(t(f"field_name.{n}")), _value(n, sent.get(n), t)]
                for n in SHOWN
                if _given(sent.get(n))
            ],
        )
        parts.notice("plain", f"<b>{safe.text(t('ledger.now'))}</b>", safe.text(said))


def _two_contents(ctx: Visit, row: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """The report that counts beside the one that does not; where they differ, in bold."""
    t, desk = ctx.t, ctx.desk
    filters = {"plan_id": row["plan_id"]} | ({"block_id": row["block_id"]} if row["block_id"] else {})
    history = desk.events(**filters)
    same = history[history["id"].astype(str) == str(row["event_id"])]
    first = field_parts.records(same)[0] if len(same) else {}
    rows = []
    for name in SHOWN:
        one, two = _value(name, first.get(name), t), _value(name, sent.get(name), t)
        if not one and not two:
            continue
        differs = one != two and bool(first)
        rows.append(
            [safe.text(t(f"field_name.{name}")), *(f"<b>{v}</b>" if differs else v for v in (one, two))]
        )
    parts.table(
        [
            Column(t("ledger.item")),
            Column(t("ledger.first"), wide=True),
            Column(t("ledger.second"), wide=True),
        ],
        rows,
    )


def _given(value: Any) -> bool:
    return not (value is None or value in ("", "[]") or (isinstance(value, list) and not value)) and not (
        isinstance(value, float) and pd.isna(value)
    )


def _value(name: str, value: Any, t: Any) -> str:
    """One thing that a report says, the same way from the ledger and from what was sent: safe HTML."""
    if not _given(value):
        return ""
    if name == "kind":
        return safe.text(t(f"kind.{value}") if value in KINDS else value)
    if name == "happened":
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return safe.text(field_parts.moment(moment, t))
    if name in ("passed", "given"):
        return safe.text(t(f"field.{name}_yes" if value else f"field.{name}_no"))
    if name == "files":
        shas = json.loads(value) if isinstance(value, str) else list(value)
        return field_parts.photos([str(sha) for sha in shas], t, {})
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return safe.text(numbers.plain(float(value), 0 if float(value).is_integer() else 2))
    return safe.text(value)
