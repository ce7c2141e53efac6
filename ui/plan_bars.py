"""Bars on the page 方案: why the rest does not meet the minimum, and what the cost is made of."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from tracking import figures
from ui import numbers, palette, parts

BESIDE = "#8C9AA5"
"""Colour of what counts in the choice and not in the cost."""
BAR = ["name", "value", "label", "colour", "more"]


def _bars(frame: pd.DataFrame) -> None:
    """Horizontal bars, longest first, each with its figure; frame: BAR, `more` on hovering."""
    top = float(frame["value"].max()) * 1.7  # the longest bar leaves room for its figure on a phone
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False)),
        x=alt.X("value:Q", scale=alt.Scale(domain=[0, top]), axis=None),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("more:N", title=" ")],
    )
    marks = base.mark_bar(cornerRadiusEnd=3, height=18).encode(color=alt.Color("colour:N", scale=None))
    words = base.mark_text(align="left", dx=6, color="#1B2733", fontSize=13).encode(text="label:N")
    st.altair_chart((marks + words).properties(height=alt.Step(34)).configure_axis(labelFontSize=13))


def why(ctx: parts.Context, j: figures.Joining) -> None:
    """Area in no compliant block, by reason."""
    stopped = {reason: mu for reason, mu in j.stopped.items() if mu > 0}
    if not stopped:
        st.caption(ctx.t("plan.why_nothing"))
        return
    rows = [
        (
            ctx.t(f"reason.{r}"),
            mu,
            numbers.mu(mu, ctx.lang),
            palette.REASONS[r].colour,
            palette.REASONS[r].name(ctx.lang),
        )
        for r, mu in stopped.items()
    ]
    _bars(pd.DataFrame(rows, columns=BAR))


def money(ctx: parts.Context, j: figures.Joining) -> None:
    """What the cost is made of."""
    spent = {part: yuan for part, yuan in j.cost.items() if yuan > 0}
    if not spent:
        st.caption(ctx.t("plan.money_nothing"))
        return
    rows = [
        (
            ctx.t(f"plan.cost_{part}"),
            yuan,
            numbers.money(yuan, ctx.lang),
            BESIDE if part == "ridges" else "#0067A3",
            "",
        )
        for part, yuan in sorted(spent.items(), key=lambda item: -item[1])
    ]
    _bars(pd.DataFrame(rows, columns=BAR))
