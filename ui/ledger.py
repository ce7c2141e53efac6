"""台账 · Who said what, and when? The reports as filtered, conflicts, the proof that nothing was changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from tracking import ledger_jobs, targets
from tracking.rules import KINDS
from ui import field_parts, ledger_conflicts, ledger_proof, naming, numbers, parts, progress, ready, safe
from ui.field_parts import Visit
from ui.pages import PAGES
from ui.parts import Column
from ui.text import Words

STYLES = Path(__file__).with_name("static") / "field.css"
VIEWS = ("records", "conflicts", "chain")
AT_ONCE = 50
"""Reports that are listed before one asks for more."""


def page(context: parts.Context) -> None:
    """The whole page."""
    ctx = Visit.of(context)
    st.html(STYLES)
    parts.title(ctx.t, "ledger")
    view = _view(ctx)
    if view == "chain":
        ledger_proof.show(context)
        return
    plan_id = _plan(ctx, context.home)
    if view == "conflicts":
        ledger_conflicts.show(ctx, plan_id)
    else:
        _records(ctx, context, plan_id)


def _view(ctx: Visit) -> str:
    t = ctx.t
    return parts.tab("view", t("ledger.view"), VIEWS, lambda v: t(f"ledger.view_{v}"))


def _plan(ctx: Visit, home: Path) -> str | None:
    t = ctx.t
    found = ctx.desk.plans()
    names = naming.followed_labels(home, found, t)
    if len(names) < 2:
        return None
    options = ["", *names]
    shown = lambda i: names[i] if i else t("ledger.every_plan")  # noqa: E731
    return parts.choose("followed", t("ledger.plan"), options, shown) or None


def _records(ctx: Visit, context: parts.Context, plan_id: str | None) -> None:
    """The reports that fit the filter, and how to take them along; of one block, everything about it."""
    filters = _filters(ctx, plan_id)
    most = st.session_state.get("ledger_most", AT_ONCE)
    frame = ctx.desk.events(**filters, limit=most + 1)
    if (block_id := filters.get("block_id")) is not None:
        _block(ctx, frame, block_id)
    more = len(frame) > most
    if len(frame):
        _listed(ctx, frame.head(most), most, more)
    else:
        _none(ctx, bool(filters))
    _take(context, filters, len(frame) > 0, more and ctx.desk.head().seq > ledger_jobs.AT_A_TIME)


def _none(ctx: Visit, filtered: bool) -> None:
    t = ctx.t
    if filtered:
        parts.notice("plain", f"<b>{safe.text(t('ledger.none'))}</b>", safe.text(t("ledger.none_do")))
        return
    parts.notice("plain", f"<b>{safe.text(t('ledger.empty'))}</b>", safe.text(t("ledger.empty_do")))
    if PAGES["field"].open_to(ctx.desk) and st.button(t("ledger.go_field"), key="go_field", type="primary"):
        st.switch_page("field.py")


def _listed(ctx: Visit, frame: pd.DataFrame, most: int, more: bool) -> None:
    t = ctx.t
    st.caption(t("ledger.count_more" if more else "ledger.count", n=numbers.plain(len(frame))))
    _table(ctx, frame, _fixes(ctx, frame))
    if more and st.button(t("ledger.more", n=AT_ONCE), key="ledger_more"):
        st.session_state["ledger_most"] = most + AT_ONCE
        st.rerun()


def _filters(ctx: Visit, plan_id: str | None) -> dict[str, Any]:
    """What the list is limited to; each in the address."""
    t, desk = ctx.t, ctx.desk
    names = ctx.counties
    mine = [c for c in names if desk.may("see_ledger", c)]
    called = field_parts.names(ctx, plan_id)
    with st.container(key="ledger_filters"):
        first, second = st.columns(4), st.columns(4)
        with first[0]:
            county = parts.choose(
                "county", t("ledger.county"), ["", *mine], lambda c: names.get(c, t("ledger.every_county"))
            )
        with first[1]:
            village = _village(ctx, plan_id, county)
        with first[2]:
            block = _typed(ctx, "block", t("ledger.block"), t("ledger.block_hint"))
        with first[3]:
            kind = parts.choose(
                "kind",
                t("ledger.kind"),
                ["", *KINDS],
                lambda k: t(f"kind.{k}") if k else t("ledger.every_kind"),
            )
        with second[0]:
            actor = parts.choose(
                "who", t("ledger.who"), ["", *called], lambda a: str(called.get(a, t("ledger.everybody")))
            )
        with second[1]:
            since = _day(ctx, "since")
        with second[2]:
            until = _day(ctx, "until")
        with second[3], st.container(key="ledger_clear"):
            st.button(t("ledger.clear"), key="clear", width="stretch", on_click=_clear)
    chosen: dict[str, Any] = {
        "plan_id": plan_id, "county": county, "village": village, "block_id": block, "actor": actor,
        "kinds": (kind,) if kind else None, "since": since, "until": until,
    }  # fmt: skip
    return {name: value for name, value in chosen.items() if value}


def _village(ctx: Visit, plan_id: str | None, county: str) -> str:
    t, desk = ctx.t, ctx.desk
    ids = [plan_id] if plan_id else list(desk.plans()["id"])
    found = [desk.villages(i) for i in ids]
    known = {
        str(village)
        for frame in found
        for where, village in zip(frame["county"], frame["village"], strict=True)
        if isinstance(village, str) and (not county or where == county)
    }
    return parts.choose(
        "place", t("ledger.village"), ["", *sorted(known)], lambda v: v or t("ledger.every_village")
    )


def _typed(ctx: Visit, name: str, label: str, hint: str) -> str:
    """A text that the address keeps."""
    key = parts.in_language(f"typed_{name}")
    kept = st.query_params.get(name, "")
    value = st.text_input(label, value=kept, key=key, placeholder=hint, max_chars=200).strip()
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
    return value


def _day(ctx: Visit, name: str) -> date | None:
    """A day that the address keeps; none is any day."""
    t, key = ctx.t, parts.in_language(f"day_{name}")
    try:
        kept = date.fromisoformat(st.query_params.get(name, ""))
    except ValueError:
        kept = None
    value = st.date_input(t(f"ledger.{name}"), value=kept, format="YYYY-MM-DD", key=key)
    if isinstance(value, date):
        st.query_params[name] = value.isoformat()
        return value
    st.query_params.pop(name, None)
    return None


def _clear() -> None:
    """Every filter away, in the address and in the session."""
    for name in ("county", "place", "kind", "who", "block", "since", "until"):
        st.query_params.pop(name, None)
        parts.select(name, "")
        for widget in (f"typed_{name}", f"day_{name}"):
            st.session_state.pop(parts.in_language(widget), None)
    st.session_state.pop("ledger_most", None)


def _fixes(ctx: Visit, frame: pd.DataFrame) -> dict[Any, dict[str, Any]]:
    """The last correction of each report, by the report's id."""
    plans = frame["plan_id"].unique()
    fixes = [ctx.desk.events(plan_id=str(plan), kinds=("correction",)) for plan in plans]
    rows = [row for part in fixes for row in field_parts.records(field_parts.with_void(part))]
    return {row["corrects"]: row for row in sorted(rows, key=lambda row: int(row["seq"]))}


def _table(ctx: Visit, frame: pd.DataFrame, fixes: Mapping[Any, Mapping[str, Any]]) -> None:
    t = ctx.t
    names = ctx.counties
    flags = _flags(ctx, frame)
    columns = [
        Column(t("ledger.what")),
        Column(t("ledger.where"), wide=True),
        Column(t("ledger.when")),
        Column(t("ledger.who")),
        Column(t("ledger.number"), True),
        Column(t("ledger.photos"), wide=True),
    ]
    rows = []
    for row in field_parts.records(field_parts.with_corrected(frame)):
        rows.append(
            [
                _what(row, fixes.get(row["id"]), t),
                _where(row, names, ctx),
                _when(row, t),
                safe.text(field_parts.who(row, t)),
                numbers.plain(row["seq"]),
                field_parts.photos(field_parts.files_of(row), t, flags),
            ]
        )
    parts.table(columns, rows)


def _what(row: Mapping[str, Any], fix: Mapping[str, Any] | None, t: Words) -> str:
    more = field_parts.figures(row, t)
    said = f"<b>{safe.text(t('kind.' + row['kind']))}</b>" + (f"<br>{more}" if more else "")
    if fix is not None:
        told = t("ledger.voided") if fix["void"] else t("ledger.corrected", n=numbers.plain(fix["seq"]))
        said += f'<br><span class="cg-flag">{safe.text(told)}</span>'
    return said


def _where(row: Mapping[str, Any], names: Mapping[str, str], ctx: Visit) -> str:
    if not row["block_id"]:
        place = names.get(str(row["county"]), "") or ctx.t("ledger.whole_plan")
        return safe.text(place)
    village = row["village"] if isinstance(row["village"], str) else ""
    around = " · ".join(filter(None, [names.get(str(row["county"]), str(row["county"])), village]))
    link = ledger_conflicts.block_link(str(row["block_id"]), ctx.lang)
    return f"{link}<br><small>{safe.text(around)}</small>"


def _when(row: Mapping[str, Any], t: Words) -> str:
    late = (row["received"] - row["happened"]).total_seconds()
    said = f'<span class="cg-when">{safe.text(field_parts.moment(row["happened"], t))}</span>'
    if math.isfinite(late) and late > 3600:
        told = t("ledger.received", when=_after(row, t))
        said += f"<br><small>{safe.text(told)}</small>"
    return said


def _after(row: Mapping[str, Any], t: Words) -> str:
    """When it was received: the time alone where that is on the day on which it happened."""
    happened, received = (row[name].astimezone(targets.LOCAL) for name in ("happened", "received"))
    same = happened.date() == received.date()
    return f"{received:%H:%M}" if same else field_parts.moment(received, t)


def _flags(ctx: Visit, frame: pd.DataFrame) -> dict[str, list[str]]:
    """What is odd about the photos that are listed."""
    named = frame.loc[(frame["files"] != "[]") & (frame["block_id"] != ""), ["plan_id", "block_id"]]
    found: dict[str, list[str]] = {}
    for plan, block in named.drop_duplicates().itertuples(index=False):
        found |= field_parts.flags_by_photo(ctx.desk.photo_flags(plan, block), ctx.t)
    return found


def _block(ctx: Visit, frame: pd.DataFrame, block_id: str) -> None:
    """The block that the list is limited to: where it stands."""
    t, desk = ctx.t, ctx.desk
    ids = list(frame["plan_id"].unique()) if len(frame) else list(desk.plans()["id"])
    cards = [desk.blocks(plan, block_id=block_id, limit=1) for plan in ids]
    found = [field_parts.records(card)[0] for card in cards if len(card)]
    if not found:
        parts.notice("warn", safe.text(t("ledger.no_block", name=block_id[:60])))
        return
    with st.container(border=True):
        parts.heading(t("ledger.history"))
        st.html(field_parts.block_card(found[0], t))
        if st.button(t("ledger.go_report"), key="go_report"):
            st.switch_page("field.py", query_params={"block": block_id})


def _take(ctx: parts.Context, filters: Mapping[str, Any], any_there: bool, many: bool) -> None:
    """The same reports as a file, made and put into the audit when one asks for it; where there are many, by a job."""
    t, desk = ctx.t, ctx.desk
    if not desk.somewhere("export"):
        return
    if any_there:
        parts.heading(t("ledger.take"), t("ledger.take_note"))
    running = progress.panel(ctx, "ledger")
    done = progress.just_done(ctx, "ledger")
    if done is not None:
        took = numbers.span(done.started or done.created, done.ended, ctx.lang)
        parts.notice("good", f"<b>{safe.text(t('export.done', took=took))}</b>")
    if any_there:
        private = desk.somewhere("export_private") and st.checkbox(t("ledger.private"), key="with_private")
        left, right, _ = st.columns([1, 1, 2])
        for column, kind in ((left, "xlsx"), (right, "csv")):
            with column:
                if many:
                    _prepare(ctx, filters, kind, bool(private), running)
                else:
                    _download(ctx, filters, kind, bool(private))
        if many:
            st.caption(t("ledger.prepare_note"))
    ready.show(desk, t, ledger_jobs.WHAT)


def _download(ctx: parts.Context, filters: Mapping[str, Any], kind: str, private: bool) -> None:
    desk = ctx.desk
    st.download_button(
        ctx.t(f"ledger.{kind}"),
        data=lambda: desk.export_ledger(kind, private=private, lang=ctx.lang, **filters),
        file_name=ledger_jobs.file_name(kind, private),
        key=f"take_{kind}",
        width="stretch",
        on_click="ignore",
    )


def _prepare(ctx: parts.Context, filters: Mapping[str, Any], kind: str, private: bool, running: bool) -> None:
    label = ctx.t(f"ledger.prepare_{kind}")
    if st.button(label, key=f"prepare_{kind}", width="stretch", disabled=running):
        with parts.refusals(ctx.t):
            job_id = ledger_jobs.prepare(ctx.desk, kind, private, ctx.lang, filters)
            st.session_state["job_ledger"] = job_id
            st.rerun()


if __name__ == "__main__":
    page(parts.context())
