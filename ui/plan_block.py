"""One block on the page 方案: levels, cut, fill, hauls, works, cost, why it is joined so, and what else it could be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from geo import plans
from planning import explain
from ui import colouring, numbers, parts, safe
from ui.parts import Column

DEAREST = 20
"""Blocks that are offered; any other is typed."""


def show(ctx: parts.Context, folder: Path, meta: Mapping[str, Any]) -> None:
    """The choice of a block, kept in the address (?block=…), and its card."""
    t = ctx.t
    parts.heading(t("plan.block"), t("plan.block_note"))
    block = _chosen(ctx, folder, str(meta["created"]))
    if not block:
        return
    with parts.refusals(t):
        told = _explained(str(folder), str(meta["created"]), block)
        private = ctx.desk.may("see_private", told["county"])
        _card(ctx, told, private)
        if private:
            _alternatives(ctx, told)
            _loads(ctx, told)
        else:
            st.caption(t("plan.block_private"))


@st.cache_data(max_entries=64, show_spinner=False)
def _explained(folder: str, created: str, block: str) -> dict[str, Any]:
    return explain.explain(Path(folder), block)


@st.cache_data(max_entries=16, show_spinner=False)
def _dearest(folder: str, created: str) -> dict[str, tuple[float, float]]:
    blocks = plans.read_table(Path(folder), "blocks", ["block_id", "area_mu", "cost_yuan"])
    most = blocks.nlargest(DEAREST, "cost_yuan")
    return {b: (a, c) for b, a, c in most.itertuples(index=False)}


def _chosen(ctx: parts.Context, folder: Path, created: str) -> str | None:
    t, lang = ctx.t, ctx.lang
    dearest = _dearest(str(folder), created)
    asked = st.query_params.get("block")
    options = [*([asked] if asked and asked not in dearest else []), *dearest]
    if not options:
        return None

    def shown(block: str) -> str:
        if block not in dearest:
            return block
        area, yuan = dearest[block]
        cost = t("plan.block_yuan", yuan=numbers.plain(yuan))
        return t("plan.block_option", block=block, area=numbers.mu(area, lang), cost=cost)

    block = st.selectbox(
        t("plan.block_choose"),
        options,
        index=options.index(asked) if asked else None,
        format_func=shown,
        placeholder=t("plan.block_placeholder"),
        accept_new_options=True,
        # another plan has other blocks
        key=parts.in_language(f"block_{folder.name}"),
    )
    if block and block != asked:
        st.query_params["block"] = block
    elif not block:
        st.query_params.pop("block", None)
    return block.strip() if block else None


def _card(ctx: parts.Context, e: Mapping[str, Any], private: bool) -> None:
    t, lang, plain = ctx.t, ctx.lang, numbers.plain
    level, works = e["design_level_m"], e["works"]
    step = (e["elevation_max_m"] or 0.0) - (e["elevation_min_m"] or 0.0)
    items = [
        (
            t("plan.block_area"),
            plain(e["area_mu"], 2),
            t("unit.mu"),
            t("plan.block_alone") if e["n_parcels"] == 1 else t("plan.block_area_note", n=e["n_parcels"]),
        ),
        (
            t("plan.block_level"),
            numbers.NONE if level is None else plain(level, 2),
            "" if level is None else t("unit.m"),
            t("plan.block_no_level")
            if level is None
            else t(
                "plan.block_level_note",
                low=plain(e["elevation_min_m"], 2),
                high=plain(e["elevation_max_m"], 2),
                step=plain(step, 2),
            ),
        ),
        (
            t("plan.block_cost"),
            plain(e["cost_yuan"]),
            t("unit.yuan"),
            t("plan.block_cost_note", **{k: plain(v) for k, v in e["cost"].items()}),
        ),
    ]
    if level is not None:
        items += [
            (
                t("plan.block_cut"),
                numbers.volume(e["cut_m3"], False),
                t("unit.m3"),
                t(
                    "plan.block_cut_note",
                    fill=numbers.volume(e["fill_m3"], False),
                    per_mu=plain(e["cut_m3"] / e["area_mu"], 1),
                ),
            ),
            (
                t("plan.block_haul"),
                plain(e["haul_mean_m"]),
                t("unit.m"),
                t("plan.block_haul_note", loads=len(e["loads"] or []), haul=plain(e["haul_m3m"])),
            ),
        ]
    if works is not None:
        items.append(
            (
                t("plan.block_works"),
                numbers.volume(works["topsoil_m3"], False),
                t("unit.m3"),
                t("plan.block_works_unknown")
                if works["cut_cells_m3"] is None
                else t(
                    "plan.block_works_note",
                    cut=numbers.volume(works["cut_cells_m3"], False),
                    fill=numbers.volume(works["fill_cells_m3"], False),
                ),
            )
        )
    parts.cards(items)
    sides = [s for s in ("inlet", "outlet", "access") if e[f"has_{s}"] is not None]
    if sides:
        told = t("plan.block_comma").join(
            t(f"plan.block_has_{s}") if e[f"has_{s}"] else t(f"plan.block_no_{s}") for s in sides
        )
        st.caption(t("plan.block_sides", sides=told))
    parts.heading(t("plan.block_rules"))
    _list([rule[lang] for rule in colouring.rules(e["rules"], private)])


def _alternatives(ctx: parts.Context, e: Mapping[str, Any]) -> None:
    t, lang = ctx.t, ctx.lang
    parts.heading(t("plan.block_next"), t("plan.block_shape_note"))
    if not e["next_best"]:
        st.caption(t("plan.block_none"))
    else:
        says = t("plan.block_better", n=e["better"]) if e["better"] else t("plan.block_best")
        parts.notice("warn" if e["better"] else "good", f"<b>{safe.text(says)}</b>")
        _list([c[lang] for c in e["next_best"]])
    if e["forbidden"]:
        with st.expander(t("plan.block_forbidden")):
            _list([c[lang] for c in e["forbidden"]])


def _loads(ctx: parts.Context, e: Mapping[str, Any]) -> None:
    t = ctx.t
    if not e["loads"]:
        return
    columns = [
        Column(t("plan.block_from")),
        Column(t("plan.block_to")),
        Column(t("plan.block_volume"), True),
        Column(t("plan.block_distance"), True),
    ]
    rows = [
        [
            safe.text(w["from_parcel"]),
            safe.text(w["to_parcel"]),
            numbers.plain(w["volume_m3"], 1),
            numbers.plain(w["distance_m"]),
        ]
        for w in e["loads"]
    ]
    with st.expander(t("plan.block_loads", n=len(rows))):
        parts.table(columns, rows)


def _list(lines: list[str]) -> None:
    items = "".join(f"<li>{safe.text(parts.together(line))}</li>" for line in lines)
    st.html(f'<ul class="cg-list">{items}</ul>')
