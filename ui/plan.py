"""方案 · What shall we join? Parameters, a run, and what it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import streamlit as st

from planning.parameters import Switch
from tracking import figures
from ui import (
    maps,
    naming,
    numbers,
    parts,
    plan_answer,
    plan_bars,
    plan_block,
    plan_export,
    plan_form,
    plan_sites,
    plan_tiles,
    plan_variants,
    progress,
    safe,
)
from ui.parts import Column

MAP_HEIGHT = 560
VIEWS: tuple[maps.View, ...] = ("before_after", "after", "before")


def page(ctx: parts.Context) -> None:
    """The whole page."""
    t = ctx.t
    parts.title(t, "plan")
    plans = ctx.desk.somewhere("plan")
    running = plans and progress.panel(ctx, "plan")
    metas = parts.plan_metas(ctx.home)
    done = progress.just_done(ctx, "plan")
    if done is not None:
        took = numbers.span(done.started or done.created, done.ended, ctx.lang)
        parts.notice("good", f"<b>{safe.text(t('plan.done', took=took))}</b>")
    if plans and not running:
        with st.expander(t("plan.new"), expanded=not metas or st.session_state.get("plan_wanted", False)):
            plan_form.show(ctx)
    if metas:
        _result(ctx, metas)
    elif not running:
        st.caption(t("plan.none"))


def _result(ctx: parts.Context, metas: list[dict[str, Any]]) -> None:
    t, lang = ctx.t, ctx.lang
    by_id, labels = {m["folder"]: m for m in metas}, naming.plan_labels(metas, t)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        chosen = parts.choose(
            "plan",
            t("plan.shown"),
            list(by_id),
            labels.__getitem__,
            help=t("plan.shown_help"),
        )
    with right:
        if st.button(t("plan.go_overview"), type="primary", key="go_overview", width="stretch"):
            st.switch_page("overview.py")
    meta = by_id[chosen]
    folder = ctx.home / "plans" / chosen
    plan_answer.cheaper(ctx, meta)
    # whoever comes by a link to a block, as the map's cards have it, sees the block first
    block_first = st.session_state.setdefault("block_first", "block" in st.query_params)
    if block_first:
        plan_block.show(ctx, folder, meta)
    j = _joining(str(folder), meta["created"])
    _figures(ctx, j, meta)
    parts.heading(t("plan.map"), t("plan.map_note"))
    view = cast(maps.View, parts.tab("show", t("plan.view"), VIEWS, lambda v: t(f"plan.view_{v}")))
    county = st.session_state.get("kept_county") or None
    url = maps.plan_map_url(chosen, lang, view=view, county=county, close=True)
    st.iframe(url, height=MAP_HEIGHT, alt=t("plan.map"))
    plan_tiles.show(ctx, chosen)
    if not block_first:
        plan_block.show(ctx, folder, meta)
    left, right = st.columns(2, gap="large")
    with left:
        parts.heading(t("plan.why"), t("plan.why_note"))
        plan_bars.why(ctx, j)
    with right:
        parts.heading(t("plan.money"), t("plan.money_note"))
        plan_bars.money(ctx, j)
    plan_answer.quality(ctx, meta)
    plan_sites.show(ctx, folder, meta)
    parts.heading(t("plan.by_county"))
    _by_county(ctx, meta)
    plan_variants.show(ctx, metas, chosen)
    if ctx.desk.may("export"):
        plan_export.show(ctx, folder, meta)
    with st.expander(t("plan.how")):
        _how(ctx, meta)
    with st.expander(t("plan.earlier", n=len(metas))):
        _earlier(ctx, metas)


@st.cache_data(max_entries=32, show_spinner=False)
def _joining(folder: str, created: str) -> figures.Joining:
    """A plan's figures, read once; `created` makes another plan in the same folder another entry."""
    return figures.joining(Path(folder))


def _figures(ctx: parts.Context, j: figures.Joining, meta: dict[str, Any]) -> None:
    t, lang = ctx.t, ctx.lang
    bound = meta["totals"].get("bound_share")
    plain = numbers.plain
    unit_mu = t("unit.mu")
    parts.cards(
        [
            (
                t("plan.fields"),
                f"{plain(j.fields_before)} → {plain(j.fields_after)}",
                t("unit.fields"),
                t("plan.fields_note", blocks=plain(j.blocks)),
            ),
            (
                t("plan.mean"),
                f"{numbers.mu(j.mean_before_mu, lang, False)} → {numbers.mu(j.mean_after_mu, lang, False)}",
                unit_mu,
                t("plan.mean_note", mean=numbers.mu(j.mean_block_mu, lang)),
            ),
            (
                t("plan.compliant"),
                numbers.mu(j.compliant_mu, lang, False),
                unit_mu,
                t("plan.compliant_note", share=numbers.percent(j.share), bound=numbers.percent(bound)),
            ),
            (
                t("plan.cut"),
                numbers.volume(j.cut_m3, False) if meta.get("earthwork", True) else numbers.NONE,
                t("unit.m3"),
                t("plan.cut_note", per_mu=plain(j.cut_per_mu, 1))
                if meta.get("earthwork", True)
                else t("plan.cut_unknown"),
            ),
            (
                t("plan.cost"),
                numbers.money(j.cost_yuan, lang, False),
                t("unit.money"),
                t("plan.cost_note", per_mu=plain(j.cost_yuan / j.compliant_mu if j.compliant_mu else 0.0)),
            ),
            (
                t("plan.gained"),
                numbers.mu(j.gained_mu, lang, False),
                unit_mu,
                t("plan.gained_note", km=plain(j.ridge_removed_m / 1000, 1)),
            ),
        ]
    )


def _by_county(ctx: parts.Context, meta: dict[str, Any]) -> None:
    t, lang = ctx.t, ctx.lang
    columns = [
        Column(t("county.name")),
        Column(t("plan.parcels"), True),
        Column(t("plan.parcels_mu"), True),
        Column(t("plan.blocks"), True),
        Column(t("plan.compliant_mu"), True),
        Column(t("plan.share"), True),
        Column(t("plan.bound"), True),
        Column(t("plan.cut_m3"), True),
        Column(t("plan.cost_column"), True),
    ]

    def row(name: str, c: dict[str, Any]) -> list[str]:
        return [
            f"<b>{safe.text(name)}</b>",
            numbers.plain(c["parcels"]),
            numbers.mu(c["parcels_mu"], lang, False),
            numbers.plain(c["blocks"]),
            numbers.mu(c["compliant_mu"], lang, False),
            numbers.percent(c["share"]),
            numbers.percent(c.get("bound_share")),
            numbers.volume(c["cut_m3"], False) if meta.get("earthwork", True) else numbers.NONE,
            numbers.money(c["cost_yuan"], lang, False),
        ]

    rows = [row(c.get(f"name_{lang}") or c["county"], c) for c in meta["counties"]]
    parts.table(columns, [*rows, row(t("plan.all"), meta["totals"])], last_is_sum=True)


def _how(ctx: parts.Context, meta: dict[str, Any]) -> None:
    """Parameters, inputs and seconds: what a second run needs to give the same."""
    t, zh = ctx.t, ctx.lang == "zh"
    known = ctx.programme.parameters.items()
    rows = []
    for name, value in meta["parameters"].items():
        p = known.get(name)
        if p is None:
            continue
        text = t("plan.yes" if value else "plan.no") if isinstance(p, Switch) else f"{value:g}"
        unit = "" if isinstance(p, Switch) else p.unit_zh if zh else p.unit
        changed = t("plan.changed", value=f"{p.value:g}") if float(value) != float(p.value) else ""
        rows.append([safe.text(p.title_zh if zh else p.title_en), text, safe.text(unit), safe.text(changed)])
    parts.table(
        [
            Column(t("plan.parameter")),
            Column(t("plan.value"), True),
            Column(t("plan.unit_head")),
            Column(" "),
        ],
        rows,
    )
    inputs = "；".join(
        f"{i['name']}（{i['sha256'][:12]}）" for i in meta.get("inputs", []) if i.get("sha256")
    )
    seconds = sum(meta.get("seconds", {}).values())
    st.caption(
        t(
            "plan.made",
            programme=meta["programme"][f"name_{ctx.lang}"],
            inputs=inputs,
            seed=meta["seed"],
            crs=meta["crs"] if len(meta["crs"]) < 20 else "WKT",
            seconds=numbers.plain(seconds, 1),
        )
    )


def _earlier(ctx: parts.Context, metas: list[dict[str, Any]]) -> None:
    t, lang = ctx.t, ctx.lang
    columns = [
        Column(t("plan.created")),
        Column(t("plan.data")),
        Column(t("plan.parcels_mu"), True),
        Column(t("plan.compliant_mu"), True),
        Column(t("county.in_sites"), True),
        Column(t("plan.cost_column"), True),
    ]
    rows = []
    for m in metas:
        totals = m.get("totals", {})
        rows.append(
            [
                f"<b>{numbers.moment(m['created'])}</b>",
                safe.text(naming.plan_name(m, t)),
                *(numbers.mu(totals.get(n), lang, False) for n in ("parcels_mu", "compliant_mu", "site_mu")),
                numbers.money(totals.get("cost_yuan"), lang, False),
            ]
        )
    parts.table(columns, rows)


if __name__ == "__main__":
    page(parts.context())
