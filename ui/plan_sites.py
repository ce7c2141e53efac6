"""The sites of a plan on the page 方案: what each county reaches, what is missing, and what the next mu costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from geo import plans
from ui import frontier_chart, numbers, parts, safe
from ui.parts import Column

OPEN = 3
"""Up to so many counties that fall short are told of at once."""
MOST_SITES = 50
"""Sites of the list on the page; the export has all."""


def show(ctx: parts.Context, folder: Path, meta: Mapping[str, Any]) -> None:
    """Nothing where an older plan did not choose its sites."""
    t = ctx.t
    asked = [c for c in meta.get("counties", []) if c.get("goal")]
    if not asked:
        return
    points = _frontier(str(folder), str(meta["created"]))
    parts.heading(t("plan.sites"), t("plan.sites_note"))
    _counties(ctx, asked, points)
    short = [c for c in asked if c.get("shortfall_mu")]
    if short:
        with st.expander(t("plan.shortfall", n=len(short)), expanded=len(short) <= OPEN):
            for county in short:
                _shortfall(ctx, county)
    _sites(ctx, folder, str(meta["created"]), asked)
    if points is not None:
        parts.heading(t("plan.frontier"), t("plan.frontier_note"))
        _chart(ctx, asked, points)


@st.cache_data(max_entries=16, show_spinner=False)
def _frontier(folder: str, created: str) -> pd.DataFrame | None:
    return plans.read_more(Path(folder), "frontier")


@st.cache_data(max_entries=16, show_spinner=False)
def _site_table(folder: str, created: str) -> pd.DataFrame:
    columns = [
        "site_id",
        "county",
        "irrigation_district",
        "area_mu",
        "n_blocks",
        "cost_yuan",
        "meets_minimum",
    ]
    sites = plans.read_table(Path(folder), "sites", columns)
    return sites[sites["meets_minimum"]].sort_values("area_mu", ascending=False, ignore_index=True)


def _counties(ctx: parts.Context, asked: Sequence[Mapping[str, Any]], points: pd.DataFrame | None) -> None:
    t, lang = ctx.t, ctx.lang
    columns = [
        Column(t("county.name")),
        Column(t("county.state"), wide=True),
        Column(t("plan.goal"), True),
        Column(t("plan.chosen_mu"), True),
        Column(t("plan.chosen_cost"), True),
        Column(t("plan.chosen_bound"), True),
        Column(t("plan.budget"), True),
        Column(t("plan.next_mu"), True),
    ]
    rows = []
    for c in asked:
        goal = numbers.mu(c["goal_mu"], lang, False)
        state = (
            t("plan.reached")
            if not c["shortfall_mu"]
            else t("plan.short", mu=numbers.mu(c["shortfall_mu"], lang))
        )
        if c["over_budget"]:
            state += f" · {t('plan.over_budget' if c['shortfall_mu'] else 'plan.over_ceiling')}"
        budget = c["budget_yuan"]
        rows.append(
            [
                f"<b>{safe.text(_name(c, lang))}</b>",
                safe.text(state),
                safe.text(t("plan.goal_floor" if c["goal"] == "floor" else "plan.goal_ceiling", mu=goal)),
                numbers.mu(c["chosen_mu"], lang, False),
                numbers.money(c["chosen_cost_yuan"], lang, False),
                numbers.money(c["cost_bound_yuan"], lang, False),
                safe.text(t("county.budget_open")) if budget is None else numbers.money(budget, lang, False),
                safe.text(_next(c, points, t)),
            ]
        )
    parts.table(columns, rows)


def _next(county: Mapping[str, Any], points: pd.DataFrame | None, t: Any) -> str:
    if points is None or not (points["county"] == county["county"]).any():
        return numbers.NONE
    yuan = next_mu(points, str(county["county"]), county["chosen_mu"])
    return t("plan.no_more") if yuan is None else numbers.plain(yuan)


def next_mu(points: pd.DataFrame | None, county: str, chosen_mu: float) -> float | None:
    """Yuan of the next mu beyond what is chosen, by the county's frontier; None where there is no more."""
    if points is None:
        return None
    own = points[points["county"] == county].sort_values("area_mu")
    before = own[own["area_mu"] <= max(chosen_mu, own["area_mu"].min() if len(own) else 0.0) * (1 + 1e-6)]
    if len(before) == 0 or pd.isna(before["yuan_per_next_mu"].iloc[-1]):
        return None
    return float(before["yuan_per_next_mu"].iloc[-1])


def _shortfall(ctx: parts.Context, county: Mapping[str, Any]) -> None:
    """The county's own sentence, and what would help."""
    lang = ctx.lang
    lines = [f"<b>{safe.text(parts.together(county[f'shortfall_{lang}']))}</b>"]
    lines += [f"<span>→ {safe.text(parts.together(way[lang]))}</span>" for way in county.get("cures", [])]
    parts.notice("warn", *lines)


def _sites(ctx: parts.Context, folder: Path, created: str, asked: Sequence[Mapping[str, Any]]) -> None:
    t, lang = ctx.t, ctx.lang
    sites = _site_table(str(folder), created)
    if len(sites) == 0:
        return
    names = {c["county"]: _name(c, lang) for c in asked}
    columns = [
        Column(t("plan.site")),
        Column(t("county.name")),
        Column(t("plan.site_area"), True),
        Column(t("plan.site_blocks"), True),
        Column(t("plan.site_cost"), True),
        Column(t("plan.site_per_mu"), True),
    ]
    rows = [
        [
            f"<b>{safe.text(s['site_id'])}</b>",
            safe.text(names.get(s["county"], s["county"])),
            numbers.mu(s["area_mu"], lang, False),
            numbers.plain(s["n_blocks"]),
            numbers.money(s["cost_yuan"], lang, False),
            numbers.plain(s["cost_yuan"] / s["area_mu"] if s["area_mu"] else 0.0),
        ]
        for s in sites.head(MOST_SITES).to_dict("records")
    ]
    with st.expander(t("plan.site_list", n=numbers.plain(len(sites)))):
        parts.table(columns, rows)
        if len(sites) > MOST_SITES:
            st.caption(t("parcels.capped", shown=MOST_SITES, total=numbers.plain(len(sites))))


def _chart(ctx: parts.Context, asked: Sequence[Mapping[str, Any]], points: pd.DataFrame) -> None:
    t, lang = ctx.t, ctx.lang
    by_code = {str(c["county"]): c for c in asked}
    there = [code for code in by_code if (points["county"] == code).any()]
    if not there:
        st.caption(t("plan.frontier_none"))
        return
    kept = st.session_state.get("kept_county")
    code = parts.option(
        t("plan.frontier_county"),
        there,
        key="frontier_county",
        index=there.index(kept) if kept in there else 0,
        format_func=lambda c: _name(by_code[c], lang),
    )
    county = by_code[code or there[0]]
    own = points[points["county"] == county["county"]].sort_values("area_mu", ignore_index=True)
    yuan = next_mu(points, str(county["county"]), county["chosen_mu"])
    facts = {
        "area": numbers.mu(county["chosen_mu"], lang),
        "cost": numbers.money(county["chosen_cost_yuan"], lang),
    }
    says = (
        t("plan.frontier_end", **facts)
        if yuan is None
        else t("plan.frontier_next", **facts, yuan=numbers.plain(yuan))
    )
    lines = [f"<b>{safe.text(parts.together(says))}</b>"]
    if county["over_budget"]:
        stops = t("plan.frontier_budget", budget=numbers.money(county["budget_yuan"], lang))
        lines.append(f"<span>{safe.text(parts.together(stops))}</span>")
    parts.notice("plain", *lines)
    st.altair_chart(frontier_chart.chart(own, county, t))


def _name(county: Mapping[str, Any], lang: str) -> str:
    return str(county.get(f"name_{lang}") or county["county"])
