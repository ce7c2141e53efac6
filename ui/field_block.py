"""One block in the hand: where it stands, what comes next, the report, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pandas as pd
import streamlit as st

from geo.errors import ChigaiError
from tracking.desk import ACTION_OF
from tracking.ledger import Receipt
from ui import field_form, field_parts, numbers, parts, reporting, safe
from ui.field_parts import Visit
from ui.reporting import Draft

DONE, ANSWER = "field_done", "field_answer"
CURES = ("order", "area", "county", "withdrawn", "same", "files")


@dataclass(frozen=True)
class Answer:
    """What became of a report, as the page tells it."""

    id: UUID
    kind: str
    receipt: Receipt
    received: datetime | None = None
    photos: int = 0
    typed: Mapping[str, Any] = field(default_factory=dict)

    def about(self, draft: Draft) -> bool:
        """Whether it still is the answer to what is typed now."""
        same = self.typed == draft.typed and self.photos == len(draft.photos)
        return self.id == draft.id and (same or self.receipt.code == "content")


@st.cache_resource
def shelf() -> reporting.Shelf:
    """The drafts of this server: they outlive a page that is loaded again, or a phone that lost its signal."""
    return reporting.Shelf()


def go(block_id: str | None, kind: str | None = None) -> None:
    """Make the address name a block and what to report on it; neither: the list."""
    for name, value in (("block", block_id), ("kind", kind)):
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)
    st.query_params.pop("id", None)
    for name in (DONE, ANSWER):
        st.session_state.pop(name, None)


def show(ctx: Visit, plan_id: str, block_id: str) -> None:
    """The block's page."""
    t, desk = ctx.t, ctx.desk
    with st.container(key="field_back"):
        st.button(t("field.back"), key="back", type="tertiary", on_click=go, args=(None,))
    found = desk.blocks(plan_id, block_id=block_id, limit=1)
    if not len(found):
        parts.notice("warn", safe.text(t("field.no_block")))
        return
    row = field_parts.records(found)[0]
    history = pd.DataFrame()
    if desk.may("see_ledger", row["county"]):
        history = desk.events(plan_id=plan_id, block_id=block_id)
    named = st.query_params.get("id")
    done = st.session_state.get(DONE)
    if done is None or str(done.id) != named:
        done = _acknowledged(named, history)
    if done is not None:
        _received(ctx, row, done)
    else:
        st.html(field_parts.block_card(row, t))
        _report(ctx, plan_id, row, history)
    _story(ctx, plan_id, row, history)


def _acknowledged(named: str | None, history: pd.DataFrame) -> Answer | None:
    """The report that the address names, if it is in the ledger: its answer was lost on the way."""
    wanted = reporting.as_id(named)
    if wanted is None or not len(history):
        return None
    same = history[history["id"] == wanted]
    if not len(same):
        return None
    event = field_parts.records(same)[0]
    receipt = Receipt(wanted, "repeated", "", "", int(event["seq"]), str(event["hash"]))
    files = field_parts.files_of(event)
    return Answer(wanted, str(event["kind"]), receipt, event["received"], len(files))


def _report(ctx: Visit, plan_id: str, row: Mapping[str, Any], history: pd.DataFrame) -> None:
    """What may be reported now, and the form of what was chosen."""
    t, desk = ctx.t, ctx.desk
    state, done, area = str(row["state"]), float(row["done_mu"]), float(row["area_mu"])
    first = reporting.next_kind(state, done, area)
    open_now = reporting.kinds(state, done, area, lambda k: desk.may(ACTION_OF[k], row["county"]))
    if state == "returned" and (why := _last_reason(history)):
        parts.notice("warn", safe.text(t("field.returned_why", reason=why)))
    if first is not None and first not in open_now:
        parts.notice("plain", safe.text(t(f"field.waits_{first}")))
    asked = st.query_params.get("kind")
    if asked is None and first in open_now:
        asked = first
    kind = _choose_kind(ctx, str(row["block_id"]), open_now, asked)
    if kind is None:
        if not open_now:
            st.caption(t("field.nothing_next"))
        return
    draft = shelf().take(desk.person.id, st.query_params.get("id"), plan_id, str(row["block_id"]), kind)
    if draft.version is None:
        draft.version = int(row["version"])
    st.query_params["id"] = str(draft.id)
    with st.container(key="field_form"):
        missing = field_form.show(ctx, draft, row, history)
        answer = st.session_state.get(ANSWER)
        answer = answer if answer is not None and answer.about(draft) else None
        with st.container(key="field_send"):
            if answer is not None:
                _not_taken(ctx, row, answer)
            _send(ctx, draft, row, missing, answer)


def _choose_kind(ctx: Visit, block_id: str, open_now: list[str], asked: str | None) -> str | None:
    """Big choices of what to report; nothing to choose where there is but one."""
    t = ctx.t
    if not open_now:
        return None
    kind: str | None = open_now[0]
    if len(open_now) > 1 or kind in reporting.ANY_TIME:
        key = parts.in_language(f"field_kind_{block_id}")
        if key not in st.session_state and asked in open_now:
            st.session_state[key] = asked
        kind = st.segmented_control(
            t("field.kind"), open_now, format_func=lambda k: t(f"kind.{k}"), key=key,
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
    if kind is None:
        return None
    if st.query_params.get("kind") != kind:
        st.query_params["kind"] = kind
        st.query_params.pop("id", None)
        st.session_state.pop(ANSWER, None)
    return kind


def _last_reason(history: pd.DataFrame) -> str:
    if not len(history):
        return ""
    checks = history[history["kind"] == "checked"].sort_values("happened")
    reason = checks.iloc[-1]["reason"] if len(checks) else None
    return reason if isinstance(reason, str) else ""


def _send(
    ctx: Visit, draft: Draft, row: Mapping[str, Any], missing: list[str], answer: Answer | None
) -> None:
    """The one button under the thumb; what it sends, it sends once."""
    t, desk = ctx.t, ctx.desk
    what = t(f"kind.{draft.kind}")
    code = answer.receipt.code if answer is not None else ""
    if code == "content":
        if st.button(t("field.send_as_new"), key="send_new", type="primary", width="stretch"):
            shelf().again(desk.person.id, draft)
            st.query_params["id"] = str(draft.id)
            st.session_state.pop(ANSWER, None)
            st.rerun()
        return
    label = t("field.send_again" if code == "changed" else "field.send", what=what)
    pressed = st.button(label, key="send", type="primary", width="stretch")
    if not pressed:
        return
    if missing:
        parts.notice("warn", safe.text(t("field.missing", what=t("app.and").join(missing))))
        return
    now = datetime.now(UTC)
    try:
        receipt = desk.report([draft.event(desk.person.id, now)], now)[0]
    except ChigaiError as error:
        # nothing is known of it: the same report goes again with the next tap
        parts.refuse(error, t)
        parts.notice("warn", safe.text(t("field.unsent")))
        return
    _take(ctx, draft, row, receipt, now)
    st.rerun()


def _take(ctx: Visit, draft: Draft, row: Mapping[str, Any], receipt: Receipt, now: datetime) -> None:
    """Keep the answer for the next run, and with one that is not a yes everything that was typed."""
    desk = ctx.desk
    if receipt.status in ("accepted", "repeated"):
        received = now
        if receipt.status == "repeated" and desk.may("see_ledger", row["county"]):
            history = desk.events(plan_id=draft.plan_id, block_id=draft.block_id)
            same = history[history["id"] == draft.id]
            received = same.iloc[0]["received"] if len(same) else now
        st.session_state[DONE] = Answer(draft.id, draft.kind, receipt, received, len(draft.photos))
        st.session_state.pop(ANSWER, None)
        shelf().drop(desk.person.id, draft)
        return
    draft.answered()
    if receipt.code == "changed":
        fresh = desk.blocks(draft.plan_id, block_id=draft.block_id, limit=1)
        draft.version = int(fresh.iloc[0]["version"]) if len(fresh) else draft.version
    st.session_state[ANSWER] = Answer(
        draft.id, draft.kind, receipt, photos=len(draft.photos), typed=dict(draft.typed)
    )


def _received(ctx: Visit, row: Mapping[str, Any], done: Answer) -> None:
    """It arrived: when, under which number, and where to go from here."""
    t, block_id = ctx.t, str(row["block_id"])
    said = []
    if done.receipt.status == "repeated":
        said.append(t("field.got_before"))
    if done.photos:
        said.append(t("field.got_photos", n=done.photos))
    when = field_parts.moment(done.received, t) if done.received else ""
    number = numbers.plain(done.receipt.seq or 0)
    more = "".join(f"<span>{safe.text(line)}</span>" for line in said)
    st.html(
        f'<div class="cg-got"><i>✓</i><b>{safe.text(t("field.got"))}</b>'
        f"<strong>{safe.text(t('field.got_when', when=when, number=number))}</strong>"
        f"<span>{safe.text(t('field.block', name=block_id))} · {safe.text(t(f'kind.{done.kind}'))}</span>{more}</div>"
    )
    st.html(field_parts.block_card(row, t))
    with st.container(key="field_send"):
        st.button(t("field.go_on"), key="go_on", type="primary", width="stretch", on_click=go, args=(None,))
    st.button(t("field.same_block"), key="same_block", width="stretch", on_click=go, args=(block_id,))


def _not_taken(ctx: Visit, row: Mapping[str, Any], answer: Answer) -> None:
    """Why it was not taken, and what to do; what was typed stands above."""
    t, receipt = ctx.t, answer.receipt
    why = safe.text(receipt.zh if ctx.lang == "zh" else receipt.en)
    if receipt.code == "changed":
        now_is = t("field.now_is", area=numbers.mu(float(row["area_mu"]), ctx.lang))
        lines = [f"<b>{safe.text(t('field.conflict'))}</b>", why, safe.text(now_is)]
    elif receipt.code == "content":
        lines = [f"<b>{safe.text(t('field.conflict_content'))}</b>", why, safe.text(t("field.both_kept"))]
    else:
        code = receipt.code if receipt.code in CURES else "other"
        alone = code == "same" and ctx.desk.person.local
        cure = t("field.do_same_local" if alone else f"field.do_{code}")
        lines = [f"<b>{safe.text(t('field.refused'))}</b>", why, f"<b>{safe.text(cure)}</b>"]
    parts.notice("bad", *lines, safe.text(t("field.kept")))


def _story(ctx: Visit, plan_id: str, row: Mapping[str, Any], history: pd.DataFrame) -> None:
    """What was reported on the block so far, with its photos."""
    t, desk = ctx.t, ctx.desk
    if not desk.may("see_ledger", row["county"]):
        return
    parts.heading(t("field.story"))
    if not len(history):
        st.caption(t("field.no_story"))
        return
    flags: dict[str, list[str]] = {}
    if (history["files"] != "[]").any():
        flags = field_parts.flags_by_photo(desk.photo_flags(plan_id, str(row["block_id"])), t)
    st.html(field_parts.story(history, t, flags))
