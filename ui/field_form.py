"""What one types for each kind of report: as little as it takes, each field large; photos are kept at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from geo.errors import ChigaiError
from tracking import rules
from ui import field_parts, numbers, parts, reporting, safe
from ui.field_parts import Visit
from ui.reporting import Draft

PHOTO_MB = 30
MOST_MU = 99_999.0
DAYS = ("0", "1", "2", "other")
NUMBERS = ("done_mu", "measured_mu", "level_points")


def show(ctx: Visit, draft: Draft, row: Mapping[str, Any], history: pd.DataFrame) -> list[str]:
    """The fields of a report; what was typed goes into the draft. Gives the names of what is still missing."""
    missing = _FIELDS.get(draft.kind, _nothing)(ctx, draft, row, history)
    if draft.kind in reporting.PHOTO_KINDS or draft.kind == "consent":
        _photos(ctx, draft)
    with st.expander(ctx.t("field.more_fields")):
        _day(ctx, draft)
        _text(ctx, draft, "note", area=True)
    return missing


def _nothing(ctx: Visit, draft: Draft, row: Mapping[str, Any], history: pd.DataFrame) -> list[str]:
    return []


def _key(draft: Draft, name: str) -> str:
    return parts.in_language(f"typed_{name}_{draft.id}")


def _text(ctx: Visit, draft: Draft, name: str, label: str = "", area: bool = False) -> str:
    t = ctx.t
    widget = st.text_area if area else st.text_input
    value = widget(
        label or t(f"field.{name}"),
        value=draft.typed.get(name) or "",
        key=_key(draft, name),
        max_chars=1000,
    )
    draft.typed[name] = value.strip()
    return str(draft.typed[name])


def _number(ctx: Visit, draft: Draft, name: str, whole: bool = False) -> float | None:
    """A number as it is typed; empty until it is."""
    kept, turn = draft.typed.get(name), draft.typed.get("turn", 0)
    shape: dict[str, Any] = (
        {"min_value": 0, "step": 1, "max_value": 999_999}
        if whole
        else {
            "min_value": 0.0,
            "max_value": MOST_MU,
            "step": 0.5,
            "format": "%.2f" if name == "measured_mu" else "%.1f",
        }
    )
    value = st.number_input(
        ctx.t(f"field.{name}"), value=kept, key=f"{_key(draft, name)}_{turn}", placeholder="", **shape
    )
    draft.typed[name] = value
    return value


def _choice(ctx: Visit, draft: Draft, name: str) -> bool | None:
    """Yes or no, in two big halves; neither until one is chosen."""
    t, kept = ctx.t, draft.typed.get(name)
    value = st.segmented_control(
        t(f"field.{name}"),
        (True, False),
        default=kept,
        format_func=lambda v: t(f"field.{name}_yes" if v else f"field.{name}_no"),
        key=_key(draft, name),
        width="stretch",
    )
    draft.typed[name] = value
    return value


def _progress(ctx: Visit, draft: Draft, row: Mapping[str, Any], history: pd.DataFrame) -> list[str]:
    """The area done in all: typed, stepped, or a share with one tap."""
    t, area, done = ctx.t, float(row["area_mu"]), float(row["done_mu"])
    draft.typed.setdefault("done_mu", round(done, 1))
    value = _number(ctx, draft, "done_mu")
    told = t("field.done_of", done=numbers.mu(done, ctx.lang, False), area=numbers.mu(area, ctx.lang))
    st.caption(f"{t('field.done_mu_help')}{told}")
    with st.container(key="field_quick"):
        choices = reporting.quick(area, done)
        for column, (share, mu) in zip(st.columns(len(choices)), choices, strict=True):
            label = t("field.whole") if share == 100 else f"{share} %"
            column.button(label, key=f"quick_{share}", width="stretch", on_click=_put, args=(draft, mu))
    if value is None:
        return [t("field.done_mu")]
    return [t("field.done_same", done=numbers.mu(done, ctx.lang))] if round(done, 1) == value else []


def _put(draft: Draft, done_mu: float) -> None:
    """Another area done; a number box shows what it is told only when it is new."""
    draft.typed["done_mu"] = done_mu
    draft.typed["turn"] = draft.typed.get("turn", 0) + 1


def _checked(ctx: Visit, draft: Draft, row: Mapping[str, Any], history: pd.DataFrame) -> list[str]:
    t = ctx.t
    passed = _choice(ctx, draft, "passed")
    if passed is None:
        return [t("field.passed")]
    if passed:
        draft.typed["reason"] = None
        return []
    return [] if _text(ctx, draft, "reason", area=True) else [t("field.reason")]


def _accepted(ctx: Visit, draft: Draft, row: Mapping[str, Any], history: pd.DataFrame) -> list[str]:
    t = ctx.t
    measured = _number(ctx, draft, "measured_mu")
    _number(ctx, draft, "level_points", whole=True)
    _text(ctx, draft, "inspector")
    return [] if measured else [t("field.measured_mu")]


def _consent(ctx: Visit, draft: Draft, row: Mapping[str, Any], history: pd.DataFrame) -> list[str]:
    t = ctx.t
    operator = _text(ctx, draft, "operator")
    given = _choice(ctx, draft, "given")
    draft.typed["reason"] = _text(ctx, draft, "why_not") if given is False else None
    return [
        t(f"field.{n}") for n, there in (("operator", operator), ("given", given is not None)) if not there
    ]


def _correction(ctx: Visit, draft: Draft, row: Mapping[str, Any], history: pd.DataFrame) -> list[str]:
    """A report of the block, and its other figures, or that it is void."""
    t = ctx.t
    events = history[history["kind"] != "correction"] if len(history) else history
    if not len(events):
        st.caption(t("field.nothing_to_correct"))
        return [t("field.corrects")]
    by_id = {event["id"]: event for event in field_parts.records(events)}
    ids = list(by_id)
    kept = draft.typed.get("corrects")
    chosen = st.selectbox(
        t("field.corrects"),
        ids,
        index=ids.index(kept) if kept in ids else None,
        format_func=lambda i: _told(by_id[i], ctx),
        key=_key(draft, "corrects"),
        placeholder=t("field.corrects"),
    )
    draft.typed["corrects"] = chosen
    takes = [n for n in rules.FIGURES if chosen is not None and n in rules.TAKES[by_id[chosen]["kind"]]]
    for name in rules.FIGURES:
        if name not in takes:
            draft.typed[name] = None
    if chosen is None:
        return [t("field.corrects")]
    how: str | None = "void"
    if takes:
        how = st.segmented_control(
            t("field.how"), ("figures", "void"), default=draft.typed.get("how"),
            format_func=lambda h: t(f"field.how_{h}"), key=_key(draft, "how"), width="stretch",
        )  # fmt: skip
        draft.typed["how"] = how
    if how == "figures":
        return _other_figures(ctx, draft, takes)
    for name in takes:
        draft.typed[name] = None
    if how == "void":
        st.caption(t("field.void_note"))
        return []
    return [t("field.how")]


def _told(event: Mapping[str, Any], ctx: Visit) -> str:
    when = field_parts.moment(event["happened"], ctx.t)
    number = ctx.t("field.number", n=numbers.plain(event["seq"]))
    return f"{number} · {ctx.t('kind.' + event['kind'])} · {when} · {field_parts.who(event, ctx.t)}"


def _other_figures(ctx: Visit, draft: Draft, takes: list[str]) -> list[str]:
    for name in takes:
        if name in NUMBERS:
            _number(ctx, draft, name, whole=name == "level_points")
        elif name in ("passed", "given"):
            _choice(ctx, draft, name)
        elif name == "operator" and not ctx.desk.somewhere("see_private"):
            continue
        else:
            _text(ctx, draft, name)
    given = any(draft.typed.get(name) not in (None, "") for name in takes)
    return [] if given else [ctx.t("field.how_figures")]


_FIELDS = {
    "progress": _progress,
    "checked": _checked,
    "accepted": _accepted,
    "consent": _consent,
    "correction": _correction,
}


def _day(ctx: Visit, draft: Draft) -> None:
    """On which day it happened: today, unless another is named."""
    t, now = ctx.t, datetime.now(UTC)
    named = st.segmented_control(
        t("field.day"), DAYS, default=draft.typed.get("named_day", "0"), format_func=lambda d: t(f"field.day_{d}"),
        key=_key(draft, "named_day"), required=True,
    )  # fmt: skip
    draft.typed["named_day"] = named
    if named == "0":
        draft.typed["day"] = None
        return
    if named == "other":
        today = reporting.days_before(now, 0)
        draft.typed["day"] = st.date_input(
            t("field.day"), value=draft.typed.get("day") or reporting.days_before(now, 3), max_value=today,
            format="YYYY-MM-DD", key=_key(draft, "day"), label_visibility="collapsed",
        )  # fmt: skip
    else:
        draft.typed["day"] = reporting.days_before(now, int(named))
    st.caption(t("field.day_note"))


def _photos(ctx: Visit, draft: Draft) -> None:
    """Each photo is kept as soon as it is chosen, so that neither a refusal nor a lost signal loses it."""
    t = ctx.t
    turn = f"photo_turn_{draft.id}"
    _words(ctx)
    chosen = st.file_uploader(
        t("field.photos"), type="image", accept_multiple_files=True, max_upload_size=PHOTO_MB,
        key=f"photos_{draft.id}_{st.session_state.get(turn, 0)}",
    )  # fmt: skip
    if chosen:
        refused = []
        for file in chosen:
            try:
                photo = ctx.desk.add_photo(file.getvalue())
            except ChigaiError as error:
                refused.append(error)
            else:
                if photo.sha not in {p.sha for p in draft.photos}:
                    draft.photos.append(photo)
        # a fresh box: what it held is kept
        st.session_state[turn] = st.session_state.get(turn, 0) + 1
        st.session_state[f"{turn}_refused"] = refused
        st.rerun()
    for refusal in st.session_state.get(f"{turn}_refused", []):
        parts.refuse(refusal, t)
    if not draft.photos:
        return
    st.html(f'<div class="cg-small">✓ {safe.text(t("field.photo_kept", n=len(draft.photos)))}</div>')
    if any(p.lon is None or p.taken is None for p in draft.photos):
        st.caption(t("field.photo_bare"))
    for photo in list(draft.photos):
        picture, off = st.columns([2, 1], vertical_alignment="center")
        with picture:
            st.html(field_parts.photos([photo.sha], t, {}))
        off.button(
            t("field.photo_off"), key=f"off_{photo.sha[:12]}", on_click=_take_off, args=(draft, photo.sha)
        )


def _take_off(draft: Draft, sha: str) -> None:
    draft.photos = [photo for photo in draft.photos if photo.sha != sha]


def _words(ctx: Visit) -> None:
    """Streamlit's own words in the box are English only, and small: ours stand in their place."""
    add = ctx.t("field.photo_add").replace('"', "")
    box = '.st-key-field [data-testid="stFileUploaderDropzone"]'
    st.html(
        "<style>"
        f'{box} [data-testid="stFileUploaderDropzoneInstructions"]{{display:none}}'
        f"{box}{{display:block;padding:0;background:none;border:0}}"
        f"{box} span:has(> button){{display:block;width:100%}}"
        f'{box} button[data-testid="stBaseButton-secondary"]{{font-size:0;width:100%;min-height:3.4rem}}'
        f'{box} button[data-testid="stBaseButton-secondary"] *{{display:none}}'
        f'{box} button[data-testid="stBaseButton-secondary"]::after'
        f'{{content:"{add}";font-size:1.08rem}}'
        "</style>"
    )
