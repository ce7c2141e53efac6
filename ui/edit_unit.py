"""A field unit of a draft on the page: its drawing, what is selected, what a change would do, and its lists."""

from __future__ import annotations

from typing import Any

import streamlit as st

from planning.editing.changes import KINDS, Asked
from planning.editing.effect import Effect
from planning.editing.figures import drawn
from planning.editing.rules import RefusedError
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from tracking import drafts
from tracking.register import ChangedError
from ui import draft_told, numbers, parts, safe, unit_drawing
from ui.parts import Column


def show(ctx: parts.Context, draft: str, number: int) -> None:
    """The unit, and the change at hand."""
    t = ctx.t
    unit, state, touched, others = drafts.look(ctx.desk, draft, number)
    parts.heading(t("edit.unit", number=number), t("edit.unit_note"))
    if others:
        parts.notice("warn", safe.text(t("edit.others", names=t("plan.block_comma").join(others))))
    if said := st.session_state.pop("edit_said", None):
        parts.notice("good", safe.text(said))
    told = draft_told.unit(unit, state, touched, others)
    left, right = st.columns([3, 2], gap="large")
    with right:
        blocks, parcels = _selection(ctx, told, draft)
        asked = _asked(ctx, told, blocks, parcels)
    chosen = {*blocks, *parcels}
    foreseen = None
    with right:
        if asked is None:
            st.caption(t("edit.choose_first"))
        else:
            foreseen = _effect(ctx, draft, unit, asked, touched.version)
    with left:
        shown: State = state if foreseen is None else foreseen.after
        name = t("edit.drawing", number=number)
        # the caption is what is heard of the picture, too
        st.image(unit_drawing.svg(unit, shown, drawn(unit, shown), chosen, name), name, width="stretch")
        p = unit.parameters
        st.caption(
            t("edit.limits", maximum=numbers.plain(p.max_mu.value), step=numbers.plain(p.max_step_m.value, 2))
        )
    if foreseen is not None:
        parts.heading(t("edit.effect"))
        _changed_blocks(ctx, foreseen.gone, foreseen.made)
        _sums(ctx, drafts.foreseen(ctx.desk, draft, unit, foreseen))
    with st.expander(t("edit.tables")):
        _lists(ctx, told)


def _selection(ctx: parts.Context, told: dict[str, Any], draft: str) -> tuple[list[str], list[str]]:
    t, lang = ctx.t, ctx.lang
    # after a change the selection is empty again: its blocks may be others
    key = f"{draft}_{told['field_unit']}_{told['version']}_{lang}"
    by_block = {b["block_id"]: b for b in told["blocks"]}
    by_parcel = {p["parcel_id"]: p for p in told["parcels"]}

    def of_block(name: str) -> str:
        b = by_block[name]
        return t("edit.block_option", block=name, area=numbers.mu(b["area_mu"], lang), n=b["n_parcels"])

    blocks = st.multiselect(
        t("edit.select_blocks"), list(by_block), format_func=of_block, placeholder=t("edit.select_none"),
        key=f"blocks_{key}", select_all=False,
    )  # fmt: skip
    parcels = st.multiselect(
        t("edit.select_parcels"), list(by_parcel), placeholder=t("edit.select_none"), key=f"parcels_{key}",
        format_func=lambda n: t("edit.parcel_option", number=by_parcel[n]["number"], parcel=n), select_all=False,
    )  # fmt: skip
    return blocks, parcels


def _asked(ctx: parts.Context, told: dict[str, Any], blocks: list[str], parcels: list[str]) -> Asked | None:
    t = ctx.t
    kind = st.selectbox(
        t("edit.do"), KINDS, format_func=lambda k: t(f"edit.do_{k}"), help=t("edit.do_note"),
        key=parts.in_language("edit_do"),
    )  # fmt: skip
    to = None
    if kind == "move":
        to = st.selectbox(
            t("edit.to"), [b["block_id"] for b in told["blocks"] if b["block_id"] not in blocks], index=None,
            placeholder=t("edit.select_none"), key=parts.in_language(f"edit_to_{told['field_unit']}_{told['version']}"),
        )  # fmt: skip
    if kind != "replan" and not (blocks or parcels):
        return None
    if kind == "move" and to is None:
        return None
    if kind == "replan":
        return Asked("replan")
    return Asked(kind, tuple(parcels), tuple(blocks), to)


def _effect(ctx: parts.Context, draft: str, unit: FieldUnit, asked: Asked, seen: int) -> Effect | None:
    """Whether the change is allowed, and the button that makes it; what would come of it, None: it is refused."""
    t, lang = ctx.t, ctx.lang
    try:
        unit, found = drafts.preview(ctx.desk, draft, unit.number, asked)
    except RefusedError as error:
        lines = [f"<b>{safe.text(t('edit.refused'))}</b>"]
        lines += [f"<span>{safe.text(parts.together(b.text(lang)))}</span>" for b in error.breaks]
        cure = error.do_zh if lang == "zh" else error.do_en
        parts.notice("bad", *lines, f"<span>{safe.text(t('error.cure', cure=cure))}</span>")
        return None
    if found.below:
        parts.notice("warn", safe.text(t("edit.below_warning", n=found.below)))
    if found.made:
        st.caption(_kept(ctx, found.made))
    if st.button(t("edit.apply"), key="edit_apply", type="primary", width="stretch"):
        try:
            drafts.apply(ctx.desk, draft, unit.number, asked, seen)
        except ChangedError as error:
            parts.refuse(error, t)
        else:
            st.session_state["edit_said"] = t("edit.applied", what=t(f"edit.do_{asked.kind}"))
            st.rerun()
    return found


def _kept(ctx: parts.Context, made: list[dict[str, Any]]) -> str:
    """How near the changed blocks are to the hard rules, which they all keep."""
    plain, steps = numbers.plain, [row["step_m"] for row in made if row["step_m"] is not None]
    return ctx.t(
        "edit.kept",
        area=plain(max(row["area_mu"] for row in made), 1),
        maximum=plain(made[0]["maximum_mu"]),
        step=plain(max(steps), 2) if steps else numbers.NONE,
        limit=plain(made[0]["max_step_m"], 2),
        unasked=plain(sum(row["unasked"] for row in made)),
    )


def _changed_blocks(ctx: parts.Context, gone: list[dict[str, Any]], made: list[dict[str, Any]]) -> None:
    t = ctx.t
    if not gone and not made:
        return
    columns = [Column(t("edit.block")), Column(t("edit.when")), *_of_block(ctx)]
    rows = []
    for word, some in (("before", gone), ("after", made)):
        for row in some:
            rows.append(
                [
                    f"<b>{safe.text(row['block_id'])}</b>",
                    safe.text(t(f"edit.{word}")),
                    *_block_cells(ctx, row),
                ]
            )
    parts.table(columns, rows)


def _of_block(ctx: parts.Context) -> list[Column]:
    t = ctx.t
    words = ("area", "step", "parcels", "operators", "cut", "cost")
    return [*(Column(t(f"edit.{word}"), True) for word in words), Column(t("edit.state"))]


def _block_cells(ctx: parts.Context, row: dict[str, Any]) -> list[str]:
    t, plain = ctx.t, numbers.plain
    states = (
        []
        if row["meets_minimum"]
        else [f"{t('edit.below')}（{t('edit.minimum', mu=plain(row['minimum_mu'], 1))}）"]
    )
    states += [t("edit.locked")] if row["locked"] else []
    return [
        plain(row["area_mu"], 2),
        numbers.NONE if row["step_m"] is None else plain(row["step_m"], 2),
        plain(row["n_parcels"]),
        plain(row["n_operators"]),
        plain(row["cut_m3"]),
        plain(row["cost_yuan"]),
        safe.text(t("plan.block_comma").join(states) or t("edit.meets")),
    ]


def _sums(ctx: parts.Context, counties: list[dict[str, Any]]) -> None:
    """Each county and all together: before → after."""
    t, lang, plain = ctx.t, ctx.lang, numbers.plain
    columns = [
        Column(t("edit.county")), Column(t("edit.sum_compliant"), True), Column(t("edit.cut"), True),
        Column(t("edit.cost"), True), Column(t("plan.blocks"), True),
    ]  # fmt: skip
    rows = []
    for c in counties:
        name = t("edit.sum_all") if c["county"] is None else str(c.get(f"name_{lang}") or c["county"])
        cells = [
            _moved(c["before"][n], c["after"][n], lambda v, digits=digits: plain(v, digits))
            for n, digits in (("compliant_mu", 1), ("cut_m3", 0), ("cost_yuan", 0), ("blocks", 0))
        ]
        rows.append([f"<b>{safe.text(name)}</b>", *cells])
    parts.table(columns, rows, last_is_sum=True)


def _moved(before: float, after: float, shown: Any) -> str:
    if before == after:
        return str(shown(after))
    sign = "+" if after > before else "−"
    return f"{shown(after)}<br><small>{sign}{shown(abs(after - before))}</small>"


def _lists(ctx: parts.Context, told: dict[str, Any]) -> None:
    t, plain = ctx.t, numbers.plain
    parts.table(
        [Column(t("edit.block")), *_of_block(ctx)],
        [[f"<b>{safe.text(b['block_id'])}</b>", *_block_cells(ctx, b)] for b in told["blocks"]],
    )
    columns = [
        Column(t("edit.number"), True), Column(t("edit.parcel")), Column(t("edit.area"), True),
        Column(t("edit.level"), True), Column(t("edit.in_block")), Column(t("edit.state")),
    ]  # fmt: skip
    rows = []
    for p in told["parcels"]:
        states = [t(f"edit.{word}") for word in ("locked", "out") if p[word]]
        where = p["block_id"] or t(f"reason.{p['reason']}")
        level = numbers.NONE if p["level_m"] is None else plain(p["level_m"], 2)
        rows.append(
            [
                plain(p["number"]),
                safe.text(p["parcel_id"]),
                plain(p["area_mu"], 2),
                level,
                safe.text(where),
                safe.text(t("plan.block_comma").join(states)),
            ]
        )
    parts.table(columns, rows)
