"""改方案 · Where does somebody who knows the village want a plan otherwise? A draft over it, changed step by step."""

from __future__ import annotations

from typing import Any

import streamlit as st

from geo import plans
from planning.editing import problems
from tracking import draft_units, drafts, files
from tracking.journal import Draft
from ui import edit_map, edit_unit, naming, numbers, parts, progress, safe
from ui.parts import Column
from ui.settings import current

FIGURES = (("compliant_mu", "compliant"), ("cost_yuan", "cost"), ("cut_m3", "cut"), ("blocks", "blocks"))


def page(ctx: parts.Context) -> None:
    """The whole page."""
    t = ctx.t
    parts.title(t, "edit")
    running = progress.panel(ctx, "draft")
    if not running:
        _written(ctx)
    metas = {str(m["folder"]): m for m in parts.plan_metas(ctx.home)}
    if not metas:
        parts.notice("plain", f"<b>{safe.text(t('edit.none'))}</b>")
        if st.button(t("edit.go_plan"), key="go_plan", type="primary"):
            st.switch_page("plan.py")
        return
    found = {d.id: d for d in drafts.listed(ctx.desk) if d.plan in metas}
    with st.expander(t("edit.new"), expanded=not found or bool(st.session_state.pop("edit_new", False))):
        if not found:
            st.caption(t("edit.first"))
        _begin(ctx, metas)
    if not found:
        return
    over = naming.plan_labels(metas.values(), t)
    labels = naming.distinct({i: _label(ctx, one, over[one.plan]) for i, one in found.items()})
    chosen = parts.choose(
        "draft",
        t("edit.draft"),
        list(found),
        labels.__getitem__,
        help=t("edit.draft_help"),
    )
    figures = drafts.figures(ctx.desk, chosen)
    _figures(ctx, figures, plans.read_meta(ctx.home / "plans" / found[chosen].plan))
    _steps(ctx, chosen, figures)
    number = _where(ctx, chosen)
    if number is None:
        parts.notice("plain", safe.text(t("edit.unit_first")))
    else:
        edit_unit.show(ctx, chosen, number)
    edit_map.show(ctx, found[chosen], number, figures["undo"] - figures["redo"])
    _follow(ctx, chosen, figures)
    _history(ctx, chosen)
    if not running:
        _end(ctx, found[chosen], figures)


def _written(ctx: parts.Context) -> None:
    """That the last draft is a plan now, and the way there, until somebody goes it or writes the next one."""
    t = ctx.t
    if done := progress.just_done(ctx, "draft"):
        st.session_state["edit_written"] = done
    done = st.session_state.get("edit_written")
    if done is None:
        return
    took = numbers.span(done.started or done.created, done.ended, ctx.lang)
    parts.notice("good", f"<b>{safe.text(t('edit.written', took=took))}</b>")
    if st.button(t("edit.see_plan"), key="see_plan", type="primary"):
        del st.session_state["edit_written"]
        parts.select("plan", done.id)
        st.switch_page("plan.py")


def _label(ctx: parts.Context, found: Draft, over: str) -> str:
    name = found.name or ctx.t("edit.unnamed")
    when = numbers.moment(found.created.isoformat())
    return ctx.t("edit.draft_option", name=name, when=when, over=over)


def _begin(ctx: parts.Context, metas: dict[str, dict[str, Any]]) -> None:
    t = ctx.t
    over = parts.choose(
        "plan", t("edit.new_over"), list(metas), naming.plan_labels(metas.values(), t).__getitem__
    )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        name = st.text_input(t("edit.new_name"), key="edit_name", max_chars=80)
    with right:
        if st.button(t("edit.new_begin"), key="begin_draft", type="primary", width="stretch"):
            parts.select("draft", drafts.begin(ctx.desk, over, name))
            st.rerun()


def _figures(ctx: parts.Context, figures: dict[str, Any], meta: dict[str, Any]) -> None:
    t, lang = ctx.t, ctx.lang
    shown = {
        "compliant_mu": lambda v: numbers.mu(v, lang, False),
        "cost_yuan": lambda v: numbers.money(v, lang, False),
        "cut_m3": lambda v: numbers.volume(v, False),
        "blocks": numbers.plain,
    }
    units = {
        "compliant_mu": "unit.mu",
        "cost_yuan": "unit.money",
        "cut_m3": "unit.m3",
        "blocks": "unit.fields",
    }
    items = []
    for name, word in FIGURES:
        now, was = float(figures["totals"][name]), float(meta["totals"][name])
        change = now - was
        sign = "+" if change > 0 else "−"
        note = t("edit.figure_same") if change == 0 else t(
            "edit.figure_against", was=shown[name](was), change=sign + shown[name](abs(change))
        )  # fmt: skip
        items.append((t(f"edit.figure_{word}"), shown[name](now), t(units[name]), note))
    parts.cards(items)
    st.caption(t("edit.sites_later"))


def _steps(ctx: parts.Context, draft: str, figures: dict[str, Any]) -> None:
    t = ctx.t
    left, right, rest = st.columns([1, 1, 4], vertical_alignment="center")
    for place, way, turn in ((left, "undo", drafts.undo), (right, "redo", drafts.redo)):
        with place:
            label = t(f"edit.{way}", n=figures[way])
            if st.button(label, key=f"edit_{way}", disabled=not figures[way], width="stretch"):
                with parts.refusals(t):
                    number = turn(ctx.desk, draft)
                    if number is not None:
                        go_to(draft, number)
                    st.rerun()
    with rest:
        st.caption(t("edit.saved", n=figures["changes"]))


def _where(ctx: parts.Context, draft: str) -> int | None:
    """The next problem, or a parcel or block by its id; gives the field unit that is looked at, as the address has it."""
    t, lang = ctx.t, ctx.lang
    rows = draft_units.problems(ctx.desk, draft)
    now = _looked_at(draft)
    left = len(set(rows.field_unit))
    parts.heading(
        t("edit.problems"),
        t("edit.problems_note", n=numbers.plain(left)) if left else t("edit.problems_none"),
    )
    names = {str(c["county"]): str(c.get(f"name_{lang}") or c["county"]) for c in _counties(ctx, draft)}
    a, b, c, d = st.columns([2, 2, 1, 3], vertical_alignment="bottom")
    with a:
        every = ["", *(code for code in names if (rows.county == code).any())]
        county = parts.option(
            t("edit.county"), every, key="edit_county", format_func=lambda v: names[v] if v else t("edit.problem_all")
        )  # fmt: skip
    with b:
        kind = parts.option(
            t("edit.kind"), ["", *problems.KINDS], key="edit_kind",
            format_func=lambda v: t(f"edit.problem_{v or 'all'}"),
        )  # fmt: skip
    with c:
        following = draft_units.next_problem(rows, now, county or None, kind or None)
        if st.button(
            t("edit.next"), key="edit_next", type="primary", disabled=following is None, width="stretch"
        ):
            assert following is not None  # the button is off otherwise
            go_to(draft, following)
            st.rerun()
    with d:
        asked = st.text_input(t("edit.find"), key="edit_find").strip()
    if asked and asked != st.session_state.get("edit_found"):
        at = drafts.units_of(ctx.desk, draft, [asked])
        if asked in at:
            st.session_state["edit_found"] = asked
            go_to(draft, at[asked])
            st.rerun()
        parts.notice("warn", safe.text(t("edit.find_none", name=asked)))
    if now is not None:
        for row in rows[rows.field_unit == now].to_dict("records"):
            line = t(
                "edit.problem_line", kind=t(f"edit.problem_{row['kind']}"), parcels=row["parcels"],
                area=numbers.mu(row["area_mu"], lang),
            )  # fmt: skip
            parts.notice("warn", safe.text(line))
    return now


def go_to(draft: str, number: int) -> None:
    """Look at this field unit from the next run on; the address has it too."""
    st.session_state["edit_unit"] = (draft, number)
    st.query_params["unit"] = str(number)


def _looked_at(draft: str) -> int | None:
    kept = st.session_state.get("edit_unit")
    if kept is not None and kept[0] == draft:
        st.query_params["unit"] = str(kept[1])
        return int(kept[1])
    asked = st.query_params.get("unit", "")
    if asked.isdecimal() and kept is None:
        st.session_state["edit_unit"] = (draft, int(asked))
        return int(asked)
    return None


@st.fragment(run_every=3.0)
def _follow(ctx: parts.Context, draft: str, figures: dict[str, Any]) -> None:
    """Draw the page again once the draft was changed elsewhere: on the map, or by somebody else."""
    now = drafts.counted(ctx.desk, draft)
    if any(now[name] != figures[name] for name in now):
        st.rerun()


def _counties(ctx: parts.Context, draft: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plans.read_meta(ctx.home / "plans" / drafts.draft(ctx.desk, draft).plan)[
        "counties"
    ]
    return found


def _history(ctx: parts.Context, draft: str) -> None:
    t = ctx.t
    rows = drafts.history(ctx.desk, draft)
    if not rows:
        return
    columns = [
        Column(t("edit.history_when")),
        Column(t("edit.history_who")),
        Column(t("edit.history_what")),
        Column(t("edit.history_where"), True),
    ]
    lines = [
        [
            numbers.moment(r["at"].isoformat()),
            safe.text(r["who"]),
            safe.text(t(f"edit.do_{r['kind']}") + (f"（{t('edit.history_undone')}）" if r["undone"] else "")),
            numbers.plain(r["field_unit"]),
        ]
        for r in rows
    ]
    with st.expander(t("edit.history", n=len(rows))):
        parts.table(columns, lines)


def _end(ctx: parts.Context, found: Draft, figures: dict[str, Any]) -> None:
    t = ctx.t
    parts.heading(t("edit.write"), t("edit.write_note"))
    if plans.read_meta(ctx.home / "plans" / found.plan).get("earthwork", True) and (
        files.dem_of(ctx.home, found.plan) is None
    ):
        parts.notice("warn", safe.text(t("edit.no_raster")))
    a, b, c = st.columns([3, 1, 1], vertical_alignment="bottom")
    with a:
        name = st.text_input(t("edit.write_name"), found.name, key=f"write_{found.id}", max_chars=80)
    with b:
        if st.button(
            t("edit.write"),
            key="write_draft",
            type="primary",
            disabled=not figures["changes"],
            width="stretch",
        ):
            with parts.refusals(t):
                job = drafts.start_writing(ctx.desk, found.id, name.strip(), current().shifted)
                st.session_state["job_draft"] = job
                st.session_state.pop("edit_written", None)
                st.rerun()
    with c:
        if st.button(t("edit.close"), key="close_draft", width="stretch"):
            with parts.refusals(t):
                drafts.close(ctx.desk, found.id)
                st.session_state.pop("kept_draft", None)
                st.query_params.pop("draft", None)
                st.rerun()


if __name__ == "__main__":
    page(parts.context())
