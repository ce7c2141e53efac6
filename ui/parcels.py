"""地块 · Is my data sound? Upload, how it is read, what was found and what was done with it."""

from __future__ import annotations

from functools import partial
from typing import Any

import geopandas as gpd
import pandas as pd
import streamlit as st

from tracking import files, finding_jobs, findings
from ui import maps, naming, numbers, palette, parts, progress, reading_form, ready, safe
from ui.parts import Column

MAP_HEIGHT = 520
SHOWN_FINDINGS = 2_000  # in the list on the page; the download has all


def page(ctx: parts.Context) -> None:
    """The whole page."""
    t = ctx.t
    parts.title(t, "parcels")
    running = progress.panel(ctx, "check")
    done = progress.just_done(ctx, "check")
    sets = {m["id"]: m for m in ctx.desk.checked()}
    if done is not None:
        took = numbers.span(done.started or done.created, done.ended, ctx.lang)
        parts.notice("good", f"<b>{safe.text(t('parcels.done', took=took))}</b>")
    if not running:
        with st.expander(t("parcels.new"), expanded=not sets):
            reading_form.show(ctx)
    if sets:
        _result(ctx, sets)


def _result(ctx: parts.Context, sets: dict[str, dict[str, Any]]) -> None:
    t, lang = ctx.t, ctx.lang
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        chosen = parts.choose(
            "data",
            t("parcels.shown"),
            list(sets),
            naming.parcels_labels(sets.values(), t).__getitem__,
            help=t("parcels.shown_help"),
        )
    manifest = sets[chosen]
    with right:
        if st.button(t("parcels.go_plan"), type="primary", key="go_plan", width="stretch"):
            st.session_state["plan_wanted"] = True
            st.switch_page("plan.py")
    summary = pd.DataFrame(manifest["summary"])
    _verdict(ctx, manifest, summary)
    _area(ctx, manifest)
    parts.heading(t("parcels.findings"), t("parcels.findings_note"))
    if not len(summary):
        st.caption(t("parcels.no_findings"))
    else:
        _kinds(ctx, summary)
    parts.heading(t("parcels.map"), t("parcels.map_note"))
    st.iframe(maps.findings_map_url(chosen, lang), height=MAP_HEIGHT, alt=t("parcels.map"))
    if len(summary):
        parts.heading(t("parcels.list"))
        _list(ctx, chosen, summary)
        _download(ctx, chosen, manifest)
    with st.expander(t("parcels.how")):
        _how(ctx, manifest)


def _verdict(ctx: parts.Context, manifest: dict[str, Any], summary: pd.DataFrame) -> None:
    """The answer in a sentence: fit for planning, and what to look at first."""
    t = ctx.t
    lost = manifest["area"]["left_out_mu"]
    share = lost / manifest["area"]["in_mu"] if manifest["area"]["in_mu"] else 0.0
    errors = int(summary.loc[summary.severity == "error", "count"].sum()) if len(summary) else 0
    warnings = int(summary.loc[summary.severity == "warning", "count"].sum()) if len(summary) else 0
    words = {
        "errors": numbers.plain(errors),
        "warnings": numbers.plain(warnings),
        "share": numbers.percent(share),
    }
    if share > 0.05:
        parts.notice(
            "bad",
            f"<b>{safe.text(t('parcels.verdict_bad', **words))}</b>",
            safe.text(t("parcels.verdict_bad_do")),
        )
    elif errors or warnings:
        parts.notice(
            "warn",
            f"<b>{safe.text(t('parcels.verdict_fair', **words))}</b>",
            safe.text(t("parcels.verdict_fair_do")),
        )
    else:
        parts.notice(
            "good", f"<b>{safe.text(t('parcels.verdict_good'))}</b>", safe.text(t("parcels.verdict_good_do"))
        )


def _area(ctx: parts.Context, manifest: dict[str, Any]) -> None:
    """Area in = area that can be planned + area left out: nothing is lost without a word."""
    t, lang = ctx.t, ctx.lang
    area = manifest["area"]
    plain = numbers.plain
    parts.cards(
        [
            (
                t("parcels.area_in"),
                numbers.mu(area["in_mu"], lang, False),
                t("unit.mu"),
                t("parcels.rows", n=plain(manifest["rows"])),
            ),
            (
                t("parcels.area_usable"),
                numbers.mu(area["usable_mu"], lang, False),
                t("unit.mu"),
                t("parcels.usable_note", n=plain(manifest["parcels"])),
            ),
            (
                t("parcels.area_left_out"),
                numbers.mu(area["left_out_mu"], lang, False),
                t("unit.mu"),
                t("parcels.left_out_note", n=plain(manifest["left_out"])),
            ),
            (
                t("parcels.mean"),
                numbers.mu(area["usable_mu"] / max(manifest["parcels"], 1), lang, False),
                t("unit.mu"),
                t("parcels.mean_note"),
            ),
        ]
    )


def _kinds(ctx: parts.Context, summary: pd.DataFrame) -> None:
    """One row a kind, worst first."""
    t, lang = ctx.t, ctx.lang
    columns = [
        Column(t("parcels.kind")),
        Column(t("parcels.severity")),
        Column(t("parcels.action")),
        Column(t("parcels.count"), True),
        Column(t("parcels.area"), True),
    ]
    rows = [
        [
            f"<b>{safe.text(row[lang])}</b>",
            parts.mark(palette.SEVERITIES[row["severity"]], lang),
            safe.text(t(f"action.{row['action']}")),
            numbers.plain(row["count"]),
            numbers.mu(row["area_mu"], lang, False) if row["area_mu"] else numbers.NONE,
        ]
        for row in summary.to_dict("records")
    ]
    parts.table(columns, rows)


@st.cache_data(max_entries=8, show_spinner=False)
def _findings(folder: str) -> pd.DataFrame:
    """The findings without their shapes, as the list shows them."""
    return pd.DataFrame(gpd.read_parquet(f"{folder}/findings.parquet").drop(columns="geometry"))


def _list(ctx: parts.Context, chosen: str, summary: pd.DataFrame) -> None:
    """Every finding, of one kind or of all."""
    t, lang = ctx.t, ctx.lang
    names = dict(zip(summary.kind, summary[lang], strict=True))
    every = _findings(str(files.checked_folder(ctx.home, chosen)))
    kind = parts.option(
        t("parcels.filter"),
        ["", *names],
        format_func=lambda k: names.get(k, t("parcels.every_kind")),
        key="kind",
    )
    rows = every[every.kind == kind] if kind else every
    shown = rows.head(SHOWN_FINDINGS)
    table = pd.DataFrame(
        {
            "row": shown.row,
            "what": shown[lang],
            "parcel": shown.parcel_id,
            "action": shown.action.map(lambda a: t(f"action.{a}")),
            "area": shown.area_mu.where(shown.area_mu > 0),
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        placeholder=numbers.NONE,
        height=min(35 * (len(table) + 1) + 3, 420),
        column_config={
            "row": st.column_config.NumberColumn(t("parcels.row"), width="small", help=t("parcels.row_help")),
            "parcel": st.column_config.TextColumn(t("parcels.parcel"), width="medium"),
            "what": st.column_config.TextColumn(t("parcels.what"), width="large"),
            "action": st.column_config.TextColumn(t("parcels.action"), width="small"),
            "area": st.column_config.NumberColumn(t("parcels.area"), format="%.2f", width="small"),
        },
    )
    if len(rows) > len(shown):
        st.caption(t("parcels.capped", shown=numbers.plain(len(shown)), total=numbers.plain(len(rows))))


def _exported(ctx: parts.Context, chosen: str, manifest: dict[str, Any], fmt: str) -> bytes:
    """The findings in one format, put down as taken out: they name parcels by the codes of the register."""
    for county in manifest["counties"] or [None]:
        ctx.desk.exported(finding_jobs.what(chosen), county, fmt, private=True)
    return findings.export(files.checked_folder(ctx.home, chosen), fmt, ctx.lang)


def _download(ctx: parts.Context, chosen: str, manifest: dict[str, Any]) -> None:
    """The findings as a file, for whoever mends the data; where there are many, by a job."""
    t, many = ctx.t, finding_jobs.many(manifest)
    running = progress.panel(ctx, "findings")
    done = progress.just_done(ctx, "findings")
    if done is not None:
        took = numbers.span(done.started or done.created, done.ended, ctx.lang)
        parts.notice("good", f"<b>{safe.text(t('export.done', took=took))}</b>")
    columns = st.columns([1, 1, 1, 2])
    for column, fmt in zip(columns, findings.FORMATS, strict=False):
        label, key = (
            t(f"parcels.{'prepare' if many else 'download'}", fmt=t(f"format.{fmt}")),
            f"findings_{fmt}",
        )
        with column:
            if not many:
                st.download_button(
                    label,
                    data=partial(_exported, ctx, chosen, manifest, fmt),
                    file_name=finding_jobs.file_name(chosen, fmt),
                    on_click="ignore",
                    key=key,
                    width="stretch",
                )
            elif st.button(label, key=key, width="stretch", disabled=running):
                with parts.refusals(t):
                    job_id = finding_jobs.prepare(ctx.desk, chosen, fmt, ctx.lang)
                    st.session_state["job_findings"] = job_id
                    st.rerun()
    if many:
        st.caption(t("export.prepare_private"))
    ready.show(ctx.desk, t, finding_jobs.what(chosen))


def _how(ctx: parts.Context, manifest: dict[str, Any]) -> None:
    """How the file was read: what a second check needs to find the same."""
    t, lang = ctx.t, ctx.lang
    source = manifest["request"]["source"]
    mapping = source.get("mapping") or {}
    facts = [
        (t("parcels.file"), source["file"].partition("/")[2]),
        (t("parcels.sha256"), manifest["sha256"][:16]),
        (t("parcels.profile"), t(f"profile.{manifest['profile']}")),
        (t("parcels.layer"), source.get("layer") or numbers.NONE),
        (t("parcels.encoding"), source.get("encoding") or numbers.NONE),
        (t("parcels.plan_crs"), manifest["crs"] if len(manifest["crs"]) < 20 else "WKT"),
        (
            t("parcels.mapping"),
            ", ".join(f"{k} ← {v}" for k, v in mapping.items()) or t("parcels.as_proposed"),
        ),
        (t("parcels.checked_at"), numbers.moment(manifest["created"])),
    ]
    parts.table(
        [Column(t("parcels.fact")), Column(t("parcels.fact_value"))],
        [[safe.text(k), safe.text(v)] for k, v in facts],
    )
    names = {u.adcode: u.name_zh if lang == "zh" else u.name_en for u in ctx.programme.units}
    if manifest["counties"]:
        parts.table(
            [Column(t("county.name")), Column(t("parcels.area_usable"), True)],
            [
                [safe.text(names.get(code, code)), numbers.mu(mu, lang, False)]
                for code, mu in sorted(manifest["counties"].items(), key=lambda item: -item[1])
            ],
        )


if __name__ == "__main__":
    page(parts.context())
