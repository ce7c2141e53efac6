"""上报 · What did we do today? Blocks nearby or by village; one tap opens a block, one more sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from tracking.desk import ACTION_OF
from tracking.targets import LOCAL
from ui import field_block, field_parts, follow, naming, parts, position, reporting, safe
from ui.field_parts import Visit, block_card, story_line
from ui.text import Words

STYLES = Path(__file__).with_name("static") / "field.css"
AT_ONCE = 20
"""Blocks in a list before one asks for more."""
NEAREST = 200
"""Blocks around the phone that are looked at."""
SHOWN = ("open", "all")


def page(context: parts.Context) -> None:
    """The list of blocks, or the one that the address names."""
    st.html(STYLES)
    _without_signal(context.t)
    with st.container(key="field"):
        ctx = Visit.of(context)
        t = ctx.t
        block_id = st.query_params.get("block")
        running = False
        if not block_id:
            parts.title(t, "field")
            running = follow.said(context)
        plan_id = _plan(ctx, context, bool(block_id), running)
        if plan_id is not None and block_id:
            field_block.show(ctx, plan_id, block_id)
        elif plan_id is not None:
            _list(ctx, plan_id)
            follow.offer(context, running)


def _without_signal(t: Words) -> None:
    """What the phone shows while it has no connection, in place of Streamlit's English box: it says that nothing
    is lost, and covers nothing that was typed."""
    words = t("field.no_signal").replace('"', "")
    broken = '[data-test-connection-state]:not([data-test-connection-state="CONNECTED"])'
    st.html(
        "<style>"
        f'body:has({broken} .st-key-field) > [data-testid="stDialog"]{{display:none}}'
        f'{broken} .st-key-field::before{{content:"{words}";position:fixed;top:0;left:0;right:0;z-index:1000001;'
        "padding:1rem;background:#fdf9ee;border-bottom:4px solid #e69f00;font-size:1.1rem;font-weight:600}"
        "</style>"
    )


def _plan(ctx: Visit, context: parts.Context, quiet: bool, running: bool) -> str | None:
    """The plan that is reported on: the newest that is followed, unless another is chosen."""
    t = ctx.t
    found = ctx.desk.plans()
    names = naming.followed_labels(context.home, found, t)
    if not names:
        if running:
            follow.offer(context, running)
            return None
        todo = "field.no_plan_do"
        if ctx.desk.somewhere("plan"):
            todo = "field.no_plan_yours" if parts.plan_metas(context.home) else "field.no_plan_make"
        parts.notice("plain", f"<b>{safe.text(t('field.no_plan'))}</b>", safe.text(t(todo)))
        follow.offer(context, running)
        if todo == "field.no_plan_make" and st.button(t("field.go_plan"), key="go_plan", type="primary"):
            st.switch_page("plan.py")
        return None
    ids = list(names)
    if len(ids) == 1:
        return str(ids[0])
    if quiet:
        kept = st.session_state.get("kept_followed") or st.query_params.get("followed")
        return str(kept) if kept in names else str(ids[0])
    return parts.choose("followed", t("field.plan"), ids, names.__getitem__)


def _list(ctx: Visit, plan_id: str) -> None:
    t = ctx.t
    position.button(t)
    found = position.kept() if "near" in st.query_params else None
    position.say(found, t)
    if isinstance(found, position.Position):
        st.button(t("field.near_off"), key="near_off", type="tertiary", on_click=position.forget)
    village = _village(ctx, plan_id)
    shown = parts.tab("blocks", t("field.show"), SHOWN, lambda s: t(f"field.show_{s}"), default="open")
    near = found if isinstance(found, position.Position) else None
    frame = _blocks(ctx, plan_id, village, near)
    _unapproved(ctx, plan_id, frame)
    if shown == "open":
        frame = frame[_mine_next(ctx, frame)]
    if not len(frame):
        said = t("field.nothing_to_do" if shown == "open" else "field.none")
        parts.notice("plain", f"<b>{safe.text(said)}</b>", safe.text(t("field.none_do")))
    most = st.session_state.get("field_most", AT_ONCE)
    for row in field_parts.records(frame.head(most)):
        _card(ctx, row)
    if len(frame) > most and st.button(
        t("field.more", n=min(AT_ONCE, len(frame) - most)), key="field_more", width="stretch"
    ):
        st.session_state["field_most"] = most + AT_ONCE
        st.rerun()
    _mine(ctx, plan_id)


def _village(ctx: Visit, plan_id: str) -> tuple[str, str | None] | None:
    """County and village that the list is limited to; None for all."""
    t = ctx.t
    found = ctx.desk.villages(plan_id)
    names = ctx.counties
    known = {
        f"{county}:{village if isinstance(village, str) else ''}": (county, village)
        for county, village in zip(found["county"], found["village"], strict=True)
    }

    def shown(key: str) -> str:
        if not key:
            return t("field.every_village")
        county, village = known[key]
        name = village if isinstance(village, str) else t("field.no_village")
        return f"{name} · {names.get(county, county)}" if found["county"].nunique() > 1 else name

    chosen = parts.choose("village", t("field.village"), ["", *known], shown)
    if not chosen:
        return None
    county, village = known[chosen]
    return county, village if isinstance(village, str) else None


def _blocks(
    ctx: Visit,
    plan_id: str,
    village: tuple[str, str | None] | None,
    near: position.Position | None,
) -> pd.DataFrame:
    """The person's blocks: the nearest first, else those that are being worked on first."""
    desk = ctx.desk
    if near is not None:
        frame = desk.blocks(plan_id, near=(near.lon, near.lat), limit=NEAREST)
    else:
        frame = desk.states(plan_id)
        if desk.person.counties is not None:
            frame = frame[frame["county"].isin(list(desk.person.counties))]
        frame = frame.assign(rank=reporting.in_order(frame["state"])).sort_values(["rank", "block_id"])
    if village is not None:
        county, name = village
        same = frame["village"].isna() if name is None else frame["village"] == name
        frame = frame[(frame["county"] == county) & same]
    return frame


def _next(ctx: Visit, row: Mapping[str, Any]) -> str | None:
    """What this person may report next on a block; None where it is somebody else's turn, or nobody's."""
    kind = reporting.next_kind(str(row["state"]), float(row["done_mu"]), float(row["area_mu"]))
    return kind if kind is not None and ctx.desk.may(ACTION_OF[kind], row["county"]) else None


def _mine_next(ctx: Visit, frame: pd.DataFrame) -> list[bool]:
    """Of each block, whether this person has the next step."""
    first = frame.drop_duplicates(["county", "state"])
    known = {(r["county"], r["state"]): _next(ctx, r) is not None for r in field_parts.records(first)}
    return [known[pair] for pair in zip(frame["county"], frame["state"], strict=True)]


def _card(ctx: Visit, row: Mapping[str, Any]) -> None:
    t, block_id = ctx.t, str(row["block_id"])
    kind = _next(ctx, row)
    with st.container(key=f"fieldcard_{block_id}", border=True):
        st.html(block_card(row, t))
        st.button(
            t(f"kind.{kind}") if kind else t("field.open"),
            key=f"open_{block_id}",
            type="primary" if kind else "secondary",
            width="stretch",
            on_click=field_block.go,
            args=(block_id, kind),
        )


def _unapproved(ctx: Visit, plan_id: str, frame: pd.DataFrame) -> None:
    """Where nothing may begin yet, why, and the way out for those who may open it."""
    t, desk = ctx.t, ctx.desk
    if st.session_state.pop("field_approved", False):
        parts.notice("good", safe.text(t("field.approved")))
    if not len(frame) or not (frame["state"] == "planned").all():
        return
    parts.notice("warn", safe.text(t("field.unapproved")))
    if desk.may("approve") and st.button(t("field.approve"), key="field_approve", width="stretch"):
        receipts = desk.approve(plan_id)
        refused = [r for r in receipts if r.status not in ("accepted", "repeated")]
        if refused:
            parts.notice("bad", safe.text(refused[0].zh if ctx.lang == "zh" else refused[0].en))
        else:
            st.session_state["field_approved"] = True
            st.rerun()


def _mine(ctx: Visit, plan_id: str) -> None:
    """What this person reported today, with numbers and times: proof that it arrived."""
    t, desk = ctx.t, ctx.desk
    if not desk.somewhere("see_ledger"):
        return
    today = datetime.now(UTC).astimezone(LOCAL).date()
    frame = desk.events(plan_id=plan_id, actor=desk.person.id, since=today - timedelta(days=7), limit=100)
    local = frame["received"].map(lambda moment: moment.astimezone(LOCAL).date())
    frame = frame[local == today] if len(frame) else frame
    if not len(frame):
        return
    with st.expander(t("field.mine", n=len(frame))):
        lines = [
            story_line({**row, "note": " · ".join(filter(None, [row["block_id"], row["note"]]))}, t)
            for row in field_parts.records(frame)
        ]
        st.html(f'<ul class="cg-story">{"".join(lines)}</ul>')


if __name__ == "__main__":
    page(parts.context())
