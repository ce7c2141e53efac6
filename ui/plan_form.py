"""How a plan is asked for: the checked parcels, the programme's parameters with their sources, the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from planning.effort import Effort
from planning.parameters import Parameter, Switch
from tracking import files
from ui import naming, parts, progress, safe, settings


def show(ctx: parts.Context) -> None:
    """Data and parameters, and the button that starts the run."""
    t = ctx.t
    checked = {m["id"]: m for m in ctx.desk.checked()}
    if not checked:
        more = (
            [t("plan.no_data_note"), t("plan.no_data_demo")]
            if files.demo(ctx.home)
            else [t("plan.no_data_note")]
        )
        parts.notice("plain", f"<b>{safe.text(t('plan.no_data'))}</b>", *map(safe.text, more))
        if st.button(t("overview.go_parcels"), key="plan_go_parcels", type="primary"):
            st.switch_page("parcels.py")
        return
    data = parts.choose(
        "data",
        t("plan.data"),
        list(checked),
        naming.parcels_labels(checked.values(), t).__getitem__,
        help=t("plan.data_help"),
    )
    if not checked[data]["request"].get("dem"):
        parts.notice("warn", safe.text(t("plan.no_dem")))
    with st.form("parameters", border=False):
        values = _parameters(ctx)
        first, left, right = st.columns([1, 1, 2], vertical_alignment="bottom")
        with first:
            effort = parts.option(
                t("plan.effort"),
                list(Effort),
                key="effort",
                index=list(Effort).index(Effort.normal),
                format_func=lambda e: t(f"plan.effort_{e}"),
                help=t("plan.effort_help"),
            )
        with left:
            seed = st.number_input(t("plan.seed"), 0, 2**31 - 1, 1, help=t("plan.seed_help"), key="seed")
        with right:
            asked = st.form_submit_button(t("plan.start"), type="primary", key="start_plan")
    if asked:
        defaults = ctx.programme.parameters.as_values()
        overrides = {name: value for name, value in values.items() if value != defaults[name]}
        ctx.programme.parameters.with_values(**overrides)
        st.session_state.pop("plan_wanted", None)
        begin(ctx, checked[data], overrides, int(seed), effort or Effort.normal)


def begin(
    ctx: parts.Context,
    manifest: Mapping[str, Any],
    overrides: Mapping[str, float | bool],
    seed: int,
    effort: Effort,
) -> None:
    """Begin to plan checked parcels, by what differs from the programme's own parameters, and show it."""
    request = {
        "name": manifest["name"],
        "parcels": manifest["id"],
        "programme": ctx.programme.id,
        "overrides": dict(overrides),
        "seed": seed,
        "effort": str(effort),
        "shifted": settings.current().shifted,
    }
    progress.start(ctx, "plan", request)
    st.rerun()


def _parameters(ctx: parts.Context) -> dict[str, float | bool]:
    """Every parameter of the programme: the rules open, prices and benefits folded. Name → value."""
    t = ctx.t
    items = ctx.programme.parameters.items()
    values: dict[str, float | bool] = {}
    for group in ("rules", "cost", "benefit"):
        mine = {name: p for name, p in items.items() if p.group == group}
        place = st.container() if group == "rules" else st.expander(t(f"plan.group_{group}"))
        with place:
            columns = st.columns(3)
            for i, (name, parameter) in enumerate(mine.items()):
                with columns[i % 3]:
                    values[name] = _field(ctx, name, parameter)
    st.caption(t("plan.confirm_note"))
    return values


def _field(ctx: parts.Context, name: str, parameter: Parameter | Switch) -> float | bool:
    """One parameter: title with unit, what it does, where the figure is from and how sure it is."""
    t, zh = ctx.t, ctx.lang == "zh"
    title = parameter.title_zh if zh else parameter.title_en
    unit = parameter.unit_zh if zh else parameter.unit
    badge = f" :orange-badge[{t('plan.confirm')}]" if parameter.confirm else ""
    help_text = "\n\n".join(
        [
            parameter.help_zh if zh else parameter.help_en,
            t("plan.source", source=parameter.source),
            t(f"plan.confidence_{parameter.confidence}"),
        ]
    ).replace("~", "\\~")
    if isinstance(parameter, Switch):
        return st.toggle(f"{title}{badge}", parameter.value, help=help_text, key=f"p_{name}")
    step = 0.05 if parameter.value < 2 else 1.0
    return st.number_input(
        f"{title}{t('plan.unit', unit=unit)}{badge}",
        min_value=float(parameter.minimum),
        max_value=float(parameter.maximum),
        value=float(parameter.value),
        step=step,
        format="%g",
        help=help_text,
        key=f"p_{name}",
    )
