"""总览 · Will we make it? One number, the map, each county's standing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import streamlit as st

from tracking import targets
from ui import first_run, maps, naming, numbers, parts, safe

MAP_HEIGHT = 540


def page(ctx: parts.Context) -> None:
    """The whole page."""
    t = ctx.t
    parts.title(t, "overview")
    metas = parts.plan_metas(ctx.home)
    guided = first_run.shown(ctx, metas)
    if guided:
        first_run.show(ctx, metas)
    if metas:
        _made(ctx, metas)
    else:
        _nothing_yet(ctx, guided)
    if not guided:
        first_run.call(ctx)


def _made(ctx: parts.Context, metas: Sequence[Mapping[str, Any]]) -> None:
    """Where there are plans: the day, the plan and the county, and what they come to."""
    t = ctx.t
    units = ctx.programme.units
    left, middle, right = st.columns([3, 2, 2])
    with middle:
        as_of = st.date_input(
            t("overview.as_of"),
            value=targets.today(),
            max_value=targets.today(),
            format="YYYY-MM-DD",
            key="as_of",
            help=t("overview.as_of_help"),
        )
    by_then = {m["folder"]: m for m in targets.made_by(metas, as_of)}
    if not by_then:
        parts.notice("warn", safe.text(t("overview.none_by_then", day=f"{as_of:%Y-%m-%d}")))
        parts.target_table(units, t)
        return
    with left:
        chosen = parts.choose(
            "plan",
            t("overview.plan"),
            list(by_then),
            naming.plan_labels(by_then.values(), t).__getitem__,
            help=t("overview.plan_help"),
        )
    meta = by_then[chosen]
    names = {u.adcode: u.name_zh if ctx.lang == "zh" else u.name_en for u in units}
    with right:
        county = parts.choose(
            "county",
            t("overview.county"),
            ["", *names],
            lambda code: names.get(code, t("overview.whole_city")),
            help=t("overview.county_help"),
        )
    counties = targets.standings(units, meta)
    _answer(ctx, counties, as_of)
    _map(ctx, meta, county)
    parts.heading(t("overview.counties"), t("overview.counties_note"))
    parts.county_table(counties, t)
    st.caption(t("overview.source", source=ctx.programme.source))


def _answer(ctx: parts.Context, counties: list[targets.Standing], as_of: date) -> None:
    """The one number, as a sentence, a figure and a bar; beside it what it costs and how long there is."""
    t, lang = ctx.t, ctx.lang
    city = targets.city(counties)
    missing = sum(c.gap_mu or 0.0 for c in counties)
    verdict = (
        t("overview.made")
        if city.reached == city.counties
        else t("overview.missing", gap=numbers.mu(missing, lang), n=city.counties - city.reached)
    )
    bar = parts.share_bar(city.counted_mu, city.floor_mu, city.ceiling_mu, city.countable_mu)
    lines = [t("overview.counted", share=numbers.percent(city.share))]
    if city.countable_mu > city.counted_mu:
        more = numbers.mu(city.countable_mu - city.counted_mu, lang)
        lines.append(t("overview.countable", more=more))
    facts = [
        (
            t("overview.fact_counties"),
            f"{city.reached} / {city.counties}",
            t("overview.fact_counties_note", n=city.counties),
        ),
        (t("overview.fact_cost"), numbers.money(city.cost_yuan, lang), t("overview.fact_cost_note")),
        (t("overview.fact_deadline"), *_deadline(ctx, counties, as_of)),
    ]
    boxes = "".join(
        f'<div class="cg-fact"><span>{safe.text(label)}</span><b>{safe.text(value)}</b>'
        f"<small>{safe.text(note)}</small></div>"
        for label, value, note in facts
    )
    st.html(
        f'<section class="cg-hero"><div class="cg-hero-main">'
        f'<div class="cg-verdict">{safe.text(verdict)}</div>'
        f'<div class="cg-figure"><b>{numbers.mu(city.site_mu, lang, False)}</b>'
        f"<span>{safe.text(t('overview.of_target', target=numbers.mu_range(city.floor_mu, city.ceiling_mu, lang)))}"
        f"</span></div>{bar}"
        f'<div class="cg-small">{"<br>".join(map(safe.text, lines))}</div>'
        f'</div><div class="cg-facts">{boxes}</div></section>'
    )


def _deadline(ctx: parts.Context, counties: list[targets.Standing], as_of: date) -> tuple[str, str]:
    """The last deadline as days left (or gone), and its date in words."""
    t = ctx.t
    days = [c.deadline for c in counties if c.deadline is not None]
    if not days:
        return numbers.NONE, ""
    last = max(days)
    left = targets.days_left(last, as_of)
    words = {1: "overview.days_left", 0: "overview.last_day", -1: "overview.days_gone"}
    sign = (left > 0) - (left < 0)
    return t(words[sign], days=numbers.plain(abs(left))), t(
        "overview.deadline_note", day=f"{last:%Y-%m-%d}", as_of=f"{as_of:%Y-%m-%d}"
    )


def _map(ctx: parts.Context, meta: Mapping[str, Any], county: str) -> None:
    parts.heading(ctx.t("overview.map"), ctx.t("overview.map_note"))
    url = maps.plan_map_url(meta["folder"], ctx.lang, county=county or None)
    st.iframe(url, height=MAP_HEIGHT, alt=ctx.t("overview.map"))


def _nothing_yet(ctx: parts.Context, guided: bool) -> None:
    """Where there is no plan: what to do first, unless the guide says it, and the targets."""
    t = ctx.t
    if not guided:
        with st.container(border=True):
            st.html(
                f'<div class="cg-empty"><b>{safe.text(t("overview.empty"))}</b>'
                f"<p>{safe.text(t('overview.empty_note'))}</p></div>"
            )
            parts.steps([(t(f"overview.step{i}"), t(f"overview.step{i}_note")) for i in (1, 2, 3)])
            if not ctx.desk.somewhere("plan"):
                st.caption(t("overview.no_right"))
            elif ctx.desk.checked():
                if st.button(t("overview.go_plan"), type="primary", key="go_plan"):
                    st.switch_page("plan.py")
            elif st.button(t("overview.go_parcels"), type="primary", key="go_parcels"):
                st.switch_page("parcels.py")
    parts.heading(t("overview.targets"))
    parts.target_table(ctx.programme.units, t)
    st.caption(t("overview.source", source=ctx.programme.source))


if __name__ == "__main__":
    page(parts.context())
