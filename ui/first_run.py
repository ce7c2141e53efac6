"""The first run: a newcomer is led from the demo region to a plan on the map, and then to data of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from planning.effort import Effort
from planning.inputs import DEMO
from tracking import files
from ui import numbers, parts, plan_form, progress, safe

STEPS = ("demo", "check", "plan", "look", "own")
PADDIES = 20_000
"""Of the demo region: enough for every county, and made, checked and planned while somebody waits."""
OPEN = "guide"
"""In the address and in the session: the guide is shown though there is a plan."""
LOOKED = "guide_looked"


def shown(ctx: parts.Context, metas: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the guide is drawn: for whoever may plan, where nothing is there yet or it was called."""
    if not ctx.desk.somewhere("plan"):
        return False
    if OPEN not in st.session_state:
        st.session_state[OPEN] = st.query_params.get(OPEN) == "1"
    own = any(m["name"] != DEMO for m in ctx.desk.checked())
    here = bool(st.session_state[OPEN]) or (not metas and not own)
    if here:
        st.query_params[OPEN] = "1"
        st.session_state[OPEN] = True
    else:
        st.query_params.pop(OPEN, None)
    return here


def call(ctx: parts.Context) -> None:
    """The way back to the guide, at the foot of the page."""
    if ctx.desk.somewhere("plan") and st.button(ctx.t("guide.again"), key="guide_again", type="tertiary"):
        st.session_state[OPEN] = True
        st.rerun()


def done(ctx: parts.Context, metas: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """Which steps are done, by what is there; what was done later needs nothing before it any more."""
    names = [m["name"] for m in ctx.desk.checked()]
    planned = any(m.get("name") == DEMO for m in metas)
    checked = planned or DEMO in names
    return {
        "demo": checked or bool(files.demo(ctx.home)),
        "check": checked,
        "plan": planned,
        "look": planned and bool(st.session_state.get(LOOKED)),
        "own": any(name != DEMO for name in names),
    }


def show(ctx: parts.Context, metas: Sequence[Mapping[str, Any]]) -> None:
    """The steps, what is done of them, and the button of the next one."""
    t = ctx.t
    ticked = done(ctx, metas)
    step = next((s for s in STEPS if not ticked[s]), None)
    with st.container(border=True, key="guide"):
        st.html(
            f'<div class="cg-empty"><b>{safe.text(t("guide.title"))}</b><p>{safe.text(t("guide.note"))}</p></div>'
        )
        _steps(ctx, ticked, step)
        if step is not None:
            _next(ctx, metas, step)
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        with left:
            if step in ("demo", "check", "plan"):
                st.caption(t("guide.has_data"))
                if st.button(t("overview.go_parcels"), key="go_parcels"):
                    st.switch_page("parcels.py")
        with right:
            if metas and st.button(t("guide.close"), key="guide_close", type="tertiary", width="stretch"):
                st.session_state[OPEN] = False
                st.rerun()


def _steps(ctx: parts.Context, ticked: Mapping[str, bool], step: str | None) -> None:
    """All steps in order, each with its tick, the next one marked."""
    t = ctx.t
    rows = []
    for name in STEPS:
        said = "done" if ticked[name] else "now" if name == step else ""
        word = f' <em class="cg-said">{safe.text(t(f"guide.{said}"))}</em>' if said else ""
        note = (
            t(f"guide.{name}_note", n=numbers.plain(PADDIES)) if name == "demo" else t(f"guide.{name}_note")
        )
        rows.append(
            f'<li class="{f"cg-step-{said}" if said else ""}"><b>{safe.text(t(f"guide.{name}"))}{word}</b>'
            f"<span>{safe.text(note)}</span></li>"
        )
    st.html(f'<ol class="cg-steps">{"".join(rows)}</ol>')


def _next(ctx: parts.Context, metas: Sequence[Mapping[str, Any]], step: str) -> None:
    """The next step: its job while it runs, else the button that takes it."""
    t = ctx.t
    if step in progress.STAGES:
        if progress.panel(ctx, step):
            return
        if progress.just_done(ctx, step) is not None:
            # what the job made is there by now, and the steps were drawn without it
            st.rerun()
    label = t("guide.own_go") if step == "own" else t(f"guide.{step}")
    if not st.button(label, type="primary", key=f"guide_{step}"):
        return
    if step == "demo":
        progress.start(ctx, "demo", {"name": DEMO, "paddies": PADDIES})
        st.rerun()
    elif step == "check":
        region = files.demo(ctx.home)
        source = {"file": region["parcels"]}
        asked = {"name": DEMO, "source": source, "barriers": region.get("barriers"), "dem": region.get("dem")}
        progress.start(ctx, "check", asked)
        st.rerun()
    elif step == "plan":
        manifest = next(m for m in ctx.desk.checked() if m["name"] == DEMO)
        plan_form.begin(ctx, manifest, {}, 1, Effort.quick)
    elif step == "look":
        st.session_state[LOOKED] = True
        parts.select("plan", next(str(m["folder"]) for m in metas if m.get("name") == DEMO))
        st.switch_page("plan.py")
    else:
        # the walk ends here; the foot of the page leads back to it
        st.session_state[OPEN] = False
        st.switch_page("parcels.py")
