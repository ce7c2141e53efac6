"""任务 · Will each county make it? One sentence, the map of the work, the counties, the curve of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import streamlit as st

from tracking import curves, forecast
from tracking import targets as days
from tracking.desk import Desk
from tracking.progress import CountyTarget
from ui import burnup, measure_table, naming, numbers, palette, parts, safe, season, target_parts, work_map

MAP_HEIGHT = 560
STYLES = Path(__file__).with_name("static") / "targets.css"
HOW = ("pace", "forecast", "range", "state", "counts", "cutoff")


def page(ctx: parts.Context) -> None:
    """The whole page."""
    t, desk = ctx.t, ctx.desk
    st.html(STYLES)
    parts.title(t, "targets")
    followed = desk.plans()
    followed = followed.loc[followed["programme"] == ctx.programme.id]
    if followed.empty:
        _nothing_yet(ctx, desk)
        return
    left, middle, right = st.columns([2, 2, 3])
    with left:
        as_of = _day(ctx)
    names = {u.adcode: u.name_zh if ctx.lang == "zh" else u.name_en for u in ctx.programme.units}
    with middle:
        county = parts.choose(
            "county",
            t("targets.county"),
            ["", *names],
            lambda code: names.get(code, t("targets.whole_city")),
            help=t("targets.county_help"),
        )
    with right:
        plan_id = _plan(ctx, followed)
    now = season.mark(desk)
    rows = season.rows(desk, now, ctx.programme, as_of, plan_id)
    daily = season.daily(desk, now, ctx.programme, as_of, plan_id)
    chosen = target_parts.by_code(rows).get(county)
    target_parts.answer(rows, chosen, t)
    _map(ctx, followed, plan_id, county, as_of)
    parts.heading(t("targets.table"), t("targets.table_note"))
    target_parts.county_table(rows, daily, as_of, county, t)
    _curve(ctx, desk, now, rows, county, as_of, plan_id)
    _measures(ctx, desk, county, as_of)
    with st.expander(t("targets.how")):
        _how(ctx)
    st.caption(t("targets.source", source=ctx.programme.source))


def _day(ctx: parts.Context) -> date:
    """The day up to which reports count: what the address says, today otherwise; the address keeps it."""
    key, kept = "targets_as_of", "kept_as_of"
    today = days.today()
    if kept not in st.session_state:
        st.session_state[kept] = _date(st.query_params.get("as_of")) or today
    st.session_state[key] = min(st.session_state[kept], today)

    def changed() -> None:
        st.session_state[kept] = st.session_state[key] or today

    as_of = st.date_input(
        ctx.t("targets.as_of"),
        min_value=ctx.programme.issued,
        max_value=today,
        format="YYYY-MM-DD",
        key=key,
        help=ctx.t("targets.as_of_help"),
        on_change=changed,
    )
    as_of = as_of if isinstance(as_of, date) else today
    st.query_params["as_of"] = as_of.isoformat()
    return as_of


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _plan(ctx: parts.Context, followed: pd.DataFrame) -> str | None:
    """One plan, or None: the plan in force in each county. Where there is one alone, nothing is asked."""
    t = ctx.t
    names = naming.followed_labels(ctx.home, followed, t)
    if len(names) < 2:
        return None
    shown = parts.choose(
        "followed",
        t("targets.plan"),
        ["", *names],
        lambda i: names[i] if i else t("targets.in_force"),
        help=t("targets.plan_help"),
    )
    return shown or None


def _map(ctx: parts.Context, followed: pd.DataFrame, plan_id: str | None, county: str, as_of: date) -> None:
    """The newest plan's blocks, or the chosen one's."""
    t = ctx.t
    names = dict(zip(followed["id"], followed["name"], strict=True))
    folder = str(names[plan_id or followed["id"].iloc[0]])
    parts.heading(t("targets.map"), t("targets.map_note"))
    if not (ctx.home / "plans" / folder / "plan.json").is_file():
        parts.notice("plain", safe.text(t("targets.no_map", name=folder)))
        return
    url = work_map.work_map_url(folder, ctx.lang, county or None, as_of)
    st.iframe(url, height=MAP_HEIGHT, alt=t("targets.map"))


def _curve(
    ctx: parts.Context,
    desk: Desk,
    now: str,
    rows: Sequence[CountyTarget],
    county: str,
    as_of: date,
    plan_id: str | None,
) -> None:
    """The curve of the chosen county, or of the one furthest behind; another is a click away."""
    t = ctx.t
    asked = {row.county: row for row in rows if row.floor_mu is not None}
    worst = curves.furthest_behind(rows)
    if worst is None:
        return
    parts.heading(t("targets.curve"), t("targets.curve_note"))
    shown = county if county in asked else worst.county
    key = parts.in_language("targets_curve")
    st.session_state[key] = shown

    def changed() -> None:
        parts.select("county", st.session_state[key] or "")

    st.pills(
        t("targets.county"),
        list(asked),
        format_func=lambda code: (
            f"{palette.PROGRESS[asked[code].state].mark} {target_parts.name(asked[code], t)}"
        ),
        key=key,
        on_change=changed,
        label_visibility="collapsed",
    )
    if not county:
        st.caption(t("targets.curve_worst"))
    line = season.curve(desk, now, ctx.programme, as_of, plan_id, shown)
    if line is not None:
        st.altair_chart(burnup.chart(asked[shown], line, as_of, t), key=f"burnup_{shown}")


def _measures(ctx: parts.Context, desk: Desk, county: str, as_of: date) -> None:
    """Scheme B, where the programme has one."""
    scheme, t = ctx.programme.scheme_b, ctx.t
    if scheme is None:
        return
    found = desk.measures(ctx.programme, as_of)
    note = t("targets.measures_note", year=scheme.year, day=f"{as_of}")
    parts.heading(scheme.name_zh if ctx.lang == "zh" else scheme.name_en, note)
    if county and not any(row.county == county for row in found[0]):
        county = ""
    measure_table.show(found, ctx.programme, county, t)


def _how(ctx: parts.Context) -> None:
    """Where the forecast and its range come from, and what counts: the numbers are the code's own."""
    t, counting = ctx.t, ctx.programme.counting
    values = {"days": forecast.HISTORY_DAYS, "run": forecast.RUN_DAYS, "draws": numbers.plain(forecast.DRAWS)}
    lines = []
    for key in HOW:
        accepted = key == "counts" and counting is not None and counting.counts_from == "accepted"
        lines.append(t("targets.how_counts_accepted" if accepted else f"targets.how_{key}", **values))
    items = "".join(f"<li>{safe.text(line)}</li>" for line in lines)
    st.html(f'<ul class="cg-how">{items}</ul>')


def _nothing_yet(ctx: parts.Context, desk: Desk) -> None:
    """What to do first, where no plan is followed."""
    t = ctx.t
    with st.container(border=True):
        st.html(
            f'<div class="cg-empty"><b>{safe.text(t("targets.no_plan"))}</b>'
            f"<p>{safe.text(t('targets.no_plan_note'))}</p></div>"
        )
        if not desk.somewhere("plan"):
            st.caption(t("targets.no_right"))
        elif parts.plan_metas(ctx.home):
            if st.button(t("targets.go_field"), type="primary", key="go_field"):
                st.switch_page("field.py")
        elif st.button(t("targets.go_plan"), type="primary", key="go_plan"):
            st.switch_page("plan.py")
    parts.heading(t("overview.targets"))
    parts.target_table(ctx.programme.units, t)
    st.caption(t("targets.source", source=ctx.programme.source))


if __name__ == "__main__":
    page(parts.context())
