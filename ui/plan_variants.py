"""Plans side by side on the page 方案: figures, what differs and where, other parameters, and the approved one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from geo import plans
from planning import comparing
from planning.parameters import Switch
from tracking import variants
from ui import maps, naming, numbers, parts, progress, safe
from ui.parts import Column

MOST_ROWS = 500
MAP_HEIGHT = 480


def show(ctx: parts.Context, metas: list[dict[str, Any]], shown: str) -> None:
    """The section. shown: the folder of the plan that the page shows, which the others are held against."""
    t = ctx.t
    parts.heading(t("variant.title"), t("variant.note"))
    approves = ctx.desk.somewhere("approve")
    running = approves and progress.panel(ctx, "approve")
    done = progress.just_done(ctx, "approve")
    if done is not None:
        took = numbers.span(done.started or done.created, done.ended, ctx.lang)
        parts.notice("good", f"<b>{safe.text(t('variant.approve_done', took=took))}</b>")
    approved = variants.history(ctx.desk)
    labels = naming.plan_labels(metas, t)
    _approved(ctx, approved, labels)
    if len(labels) > 1:
        chosen = st.multiselect(
            t("variant.choose"), list(labels), [shown], format_func=labels.__getitem__,
            max_selections=comparing.MOST, key=parts.in_language(f"variants_{shown}"), placeholder=t("edit.select_none"), select_all=False,
        )  # fmt: skip
        if len(chosen) < 2:
            st.caption(t("variant.few"))
        else:
            _compare(ctx, chosen, labels)
    if ctx.desk.somewhere("plan"):
        with st.expander(t("variant.vary")):
            _vary(ctx, shown)
        if st.button(t("variant.edit"), key="edit_plan"):
            parts.select("plan", shown)
            st.session_state["edit_new"] = True
            st.switch_page("edit.py")
    if approves and not running and all(found.plan != shown for found in approved):
        with st.expander(t("variant.approve")):
            _approve(ctx, shown)


def _approved(ctx: parts.Context, found: list[variants.Approved], labels: Mapping[str, str]) -> None:
    """The plan in force, whether its files still are what was approved, and those that it replaced."""
    t = ctx.t
    for i, one in enumerate(found):
        facts = {
            "plan": labels.get(one.plan, one.plan),
            "who": one.by,
            "when": numbers.moment(one.at.isoformat()),
        }
        lines = [
            f"<b>{safe.text(t('variant.approved_earlier' if i else 'variant.approved_now', **facts))}</b>",
            safe.text(t("variant.intact" if one.intact else "variant.spoilt")),
            f"<small>{safe.text(t('variant.sha', sha=one.sha256))}</small>",
        ]
        parts.notice(("plain" if i else "good") if one.intact else "bad", *lines)


def _compare(ctx: parts.Context, chosen: list[str], labels: Mapping[str, str]) -> None:
    t, lang = ctx.t, ctx.lang
    metas = variants.compare(ctx.desk, chosen)
    names = {
        str(c["county"]): str(c.get(f"name_{lang}") or c["county"]) for m in metas for c in m["counties"]
    }
    county = parts.option(
        t("variant.county"), ["", *names], key="variant_county",
        format_func=lambda c: names[c] if c else t("variant.whole"),
    )  # fmt: skip
    heads = [Column(labels[folder], True) for folder in chosen]
    rows = []
    for row in comparing.figures(metas, county or None):
        cells = [_value(v, row["unit"]) for v in row["values"]]
        first = row["values"][0]
        for i, value in enumerate(row["values"][1:], 1):
            if value is not None and first is not None and value != first:
                sign = "+" if value > first else "−"
                cells[i] += f"<br><small>{sign}{_value(abs(value - first), row['unit'])}</small>"
        rows.append([safe.text(t(f"figure.{row['name']}")), *cells])
    parts.table([Column(t("variant.figure")), *heads], rows)
    differ = comparing.parameters(metas)
    if differ:
        known = ctx.programme.parameters.items()
        parts.heading(t("variant.parameters"))
        parts.table(
            [Column(t("plan.parameter")), *heads],
            [
                [safe.text(_title(ctx, known.get(n), n)), *(_plain(ctx, v) for v in vs)]
                for n, vs in differ.items()
            ],
        )
    else:
        st.caption(t("variant.parameters_same"))
    for other, meta in zip(chosen[1:], metas[1:], strict=True):
        parts.heading(f"{t('variant.hands')} · {labels[other]}", t("variant.hands_note"))
        _hands(ctx, chosen[0], other, meta)


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return numbers.NONE
    return numbers.percent(value) if unit == "share" else numbers.plain(value, 1 if unit == "mu" else 0)


def _title(ctx: parts.Context, parameter: Any, name: str) -> str:
    if parameter is None:
        return name
    title = parameter.title_zh if ctx.lang == "zh" else parameter.title_en
    unit = parameter.unit_zh if ctx.lang == "zh" else parameter.unit
    return title if isinstance(parameter, Switch) else title + ctx.t("plan.unit", unit=unit)


def _plain(ctx: parts.Context, value: Any) -> str:
    if value is None:
        return numbers.NONE
    return ctx.t("plan.yes" if value else "plan.no") if isinstance(value, bool) else f"{value:g}"


def _hands(ctx: parts.Context, one: str, other: str, meta: dict[str, Any]) -> None:
    """Which parcels change hands, by kind and county, where they lie, and the list for whoever may see it."""
    t, lang = ctx.t, ctx.lang
    sums = variants.hands_summed(ctx.desk, one, other)
    if len(sums) == 0:
        st.caption(t("variant.hands_none"))
        return
    names = {str(c["county"]): str(c.get(f"name_{lang}") or c["county"]) for c in meta["counties"]}
    columns = [Column(t("county.name")), *(Column(t(f"variant.{kind}"), True) for kind in comparing.HANDS)]
    rows = []
    for county, own in sums.groupby("county"):
        by_kind = own.set_index("kind")
        cells = [
            t(
                "variant.hands_line",
                n=numbers.plain(by_kind.parcels[k]),
                area=numbers.mu(by_kind.area_mu[k], lang),
            )
            if k in by_kind.index
            else numbers.NONE
            for k in comparing.HANDS
        ]
        rows.append([f"<b>{safe.text(names.get(str(county), str(county)))}</b>", *map(safe.text, cells)])
    parts.table(columns, rows)
    st.caption(t("variant.map_note"))
    url = f"{maps.plan_map_url(other, lang)}&against={quote(one, safe='')}"
    st.iframe(url, height=MAP_HEIGHT, alt=t("variant.map"))
    found = variants.hands(ctx.desk, one, other)
    if len(found) == 0:
        st.caption(t("variant.list_private"))
        return
    with st.expander(t("variant.list", n=numbers.plain(len(found)))):
        parts.table(
            [
                Column(t("edit.parcel")), Column(t("variant.kind")), Column(t("edit.area"), True),
                Column(t("variant.before")), Column(t("variant.after")),
            ],
            [
                [
                    safe.text(r["parcel_id"]), safe.text(t(f"variant.{r['kind']}")), numbers.plain(r["area_mu"], 2),
                    safe.text(numbers.NONE if pd.isna(r["before"]) else r["before"]),
                    safe.text(numbers.NONE if pd.isna(r["after"]) else r["after"]),
                ]
                for r in found.head(MOST_ROWS).to_dict("records")
            ],
        )  # fmt: skip
        if len(found) > MOST_ROWS:
            st.caption(t("parcels.capped", shown=MOST_ROWS, total=numbers.plain(len(found))))


def _vary(ctx: parts.Context, shown: str) -> None:
    """Another value for a parameter or some, and the run that takes it."""
    t, zh = ctx.t, ctx.lang == "zh"
    if variants.asked_for(ctx.desk, shown) is None:
        st.caption(t("variant.vary_not"))
        return
    known = ctx.programme.parameters.items()
    own = plans.read_meta(ctx.home / "plans" / shown)["parameters"]
    names = st.multiselect(
        t("variant.vary_which"), list(known), ["max_step_m"], key=parts.in_language("vary_which"),
        format_func=lambda n: known[n].title_zh if zh else known[n].title_en, placeholder=t("edit.select_none"), select_all=False,
    )  # fmt: skip
    values: dict[str, float | bool] = {}
    for name in names:
        p = known[name]
        title = p.title_zh if zh else p.title_en
        if isinstance(p, Switch):
            values[name] = st.toggle(title, bool(own[name]), key=f"vary_{name}")
            continue
        label = f"{title} · {t('variant.vary_value', unit=p.unit_zh if zh else p.unit)}"
        values[name] = st.number_input(
            label, float(p.minimum), float(p.maximum), float(own[name]), step=0.05 if p.value < 2 else 1.0, format="%g",
            key=f"vary_{name}",
        )  # fmt: skip
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        title = st.text_input(t("variant.vary_name"), key="vary_name", max_chars=80)
    with right:
        if st.button(t("variant.vary_start"), key="vary_start", type="primary", width="stretch"):
            with parts.refusals(t):
                st.session_state["job_plan"] = variants.vary(ctx.desk, shown, values, title)
                st.rerun()


def _approve(ctx: parts.Context, shown: str) -> None:
    t = ctx.t
    st.caption(t("variant.approve_note"))
    sure = st.checkbox(t("variant.approve_sure"), key=f"sure_{shown}")
    if st.button(t("variant.approve"), key="approve_plan", type="primary", disabled=not sure):
        with parts.refusals(t):
            st.session_state["job_approve"] = variants.begin_approval(ctx.desk, shown)
            st.rerun()
