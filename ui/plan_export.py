"""Taking a plan out of the office, on the page 方案: which part, in which format, at once or prepared by a job."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from geo import plans
from geo.errors import ChigaiError
from geo.export import households, typeface
from geo.export.options import Options, Variant
from geo.export.selection import Selection
from geo.export.sheet_frame import DETAIL
from tracking import exports
from tracking.exports import HOUSEHOLDS, Wanted
from ui import numbers, parts, progress, ready, safe

SCOPES = ("whole", "county", "site", "village", "block")
FORMATS = ("gpkg", "shp", "dxf", "sheets", "stakes", "xlsx", "txt", "kml", "geojson")
POINTS: tuple[Variant, ...] = ("prefix", "open", "bare", "swapped", "gbk")
SCALES = (0, 500, 1000, 2000, 5000)
"""Of map sheets; 0: the one that suits."""
SECONDS_A_THOUSAND = {
    "gpkg": 0.03, "shp": 0.08, "geojson": 0.03, "kml": 0.03, "dxf": 0.35, "txt": 0.03, "xlsx": 0.15, "stakes": 0.5,
    "sheets": 0.8, HOUSEHOLDS: 0.4,
}  # fmt: skip
"""How long a thousand parcels take, roughly."""
LONGEST_S = 6.0
"""What takes longer is prepared in the background."""
JOBS = ("export", "private")
"""The kinds of jobs that make files of a plan."""


@dataclass(frozen=True)
class Places:
    """What can be chosen of a plan: parcels by county (adcode), site, and village with its county; the blocks' ids."""

    counties: dict[str, int]
    sites: dict[str, tuple[str, float, int]]
    villages: dict[tuple[str, str], int]
    blocks: frozenset[str]


@st.cache_data(max_entries=16, show_spinner=False)
def _places(folder: str, created: str) -> Places:
    parcels = plans.read_table(Path(folder), "parcels", ["county", "village"])
    blocks = plans.read_table(
        Path(folder), "blocks", ["block_id", "site_id", "county", "area_mu", "n_parcels"]
    )
    own = (
        blocks.dropna(subset="site_id")
        .groupby("site_id")
        .agg({"county": "first", "area_mu": "sum", "n_parcels": "sum"})
    )
    return Places(
        {str(c): int(n) for c, n in parcels["county"].value_counts().sort_index().items()},
        {
            str(s): (str(c), float(a), int(n))
            for s, c, a, n in own.sort_values("area_mu", ascending=False).itertuples()
        },
        _villages(parcels),
        frozenset(blocks["block_id"].astype(str)),
    )


def _villages(parcels: pd.DataFrame) -> dict[tuple[str, str], int]:
    counted = parcels.groupby(["county", "village"]).size().reset_index(name="n")
    return {(str(c), str(v)): int(n) for c, v, n in zip(*(counted[k] for k in counted), strict=True)}


def show(ctx: parts.Context, folder: Path, meta: Mapping[str, Any]) -> None:
    """The choice, the button, and what lies ready."""
    t = ctx.t
    parts.heading(t("plan.take"), t("plan.take_note"))
    names = {
        str(c["county"]): str(c.get(f"name_{ctx.lang}") or c["county"]) for c in meta.get("counties", [])
    }
    places = _places(str(folder), str(meta["created"]))
    left, right = st.columns(2, gap="medium")
    with left:
        selection, rows = _scope(ctx, places, names)
    with right:
        fmt = parts.option(
            t("export.format"),
            _formats(ctx),
            format_func=lambda f: t(f"export.{f}"),
            key="format",
        )
        wanted = _options(ctx, fmt or FORMATS[0], selection or Selection(), places)
    st.caption(t(f"export.for_{wanted.fmt}"))
    if wanted.options.datum == "gcj02":
        parts.notice("warn", safe.text(t("export.datum_warning")))
    at_work = [progress.panel(ctx, kind) for kind in JOBS]
    for done in filter(None, [progress.just_done(ctx, kind) for kind in JOBS]):
        took = numbers.span(done.started or done.created, done.ended, ctx.lang)
        parts.notice("good", f"<b>{safe.text(t('export.done', took=took))}</b>")
    if selection is None:
        st.caption(t("export.choose"))
    else:
        _button(ctx, folder, meta, wanted, rows, any(at_work))
    ready.show(ctx.desk, t, exports.what(folder.name))


def _formats(ctx: parts.Context) -> list[str]:
    return [*FORMATS, *([HOUSEHOLDS] if ctx.desk.somewhere("export_private") else [])]


def _scope(ctx: parts.Context, places: Places, names: Mapping[str, str]) -> tuple[Selection | None, int]:
    """What is chosen (None: not yet), and how many parcels that is."""
    t, lang = ctx.t, ctx.lang
    scope = parts.option(
        t("export.scope"), SCOPES, format_func=lambda s: t(f"export.scope_{s}"), key="export_scope"
    )
    if scope == "county" and places.counties:
        county = parts.option(
            t("export.county"),
            list(places.counties),
            format_func=lambda c: names.get(c, c),
            key="export_county",
        )
        return (Selection(counties=(county,)), places.counties[county]) if county else (None, 0)
    if scope == "site" and places.sites:

        def told(site: str) -> str:
            county, area, _ = places.sites[site]
            return t(
                "export.site_option", site=site, county=names.get(county, county), area=numbers.mu(area, lang)
            )

        site = parts.option(t("export.site"), list(places.sites), format_func=told, key="export_site")
        if not site:
            return None, 0
        county, _, n = places.sites[site]
        return Selection(counties=(county,), sites=(site,)), n
    if scope == "village" and places.villages:

        def called(at: tuple[str, str]) -> str:
            return t("export.village_option", village=at[1], county=names.get(at[0], at[0]))

        at = parts.option(
            t("export.village"), list(places.villages), format_func=called, key="export_village"
        )
        return (Selection(counties=at[:1], villages=at[1:]), places.villages[at]) if at else (None, 0)
    if scope == "block":
        typed = st.text_input(
            t("export.blocks"), key=parts.in_language("export_blocks"), placeholder=t("export.blocks_example")
        )
        blocks = tuple(dict.fromkeys(typed.replace("，", ",").replace("、", ",").replace(",", " ").split()))
        unknown = [block for block in blocks if block not in places.blocks]
        if unknown:
            parts.notice("bad", safe.text(t("export.no_block", block=unknown[0])))
        return (Selection(blocks=blocks), 0) if blocks and not unknown else (None, 0)
    if scope in ("county", "site", "village"):
        return None, 0
    return Selection(), sum(places.counties.values())


def _options(ctx: parts.Context, fmt: str, part: Selection, places: Places) -> Wanted:
    """How the format is written, where it leaves a choice."""
    t = ctx.t
    options, suffix = Options(), ""
    if fmt == "kml":
        datum = parts.option(
            t("export.datum"),
            ["wgs84", "gcj02"],
            format_func=lambda d: t(f"export.datum_{d}"),
            key="export_datum",
        )
        options = Options(datum="gcj02" if datum == "gcj02" else "wgs84")
    elif fmt == "dxf":
        cad = parts.option(
            t("export.cad"), ["2000", "2007"], format_func=lambda c: t(f"export.cad_{c}"), key="export_cad"
        )
        options = Options(cad="2007" if cad == "2007" else "2000")
    elif fmt == "sheets":
        scale = parts.option(
            t("export.scale"),
            SCALES,
            format_func=lambda s: (
                t("export.scale_one", scale=numbers.plain(s)) if s else t("export.scale_auto")
            ),
            key="export_scale",
        )
        options = Options(scale=scale or None)
    elif fmt == "txt":
        points = st.multiselect(
            t("export.points"),
            POINTS,
            format_func=lambda p: t(f"export.points_{p}"),
            key=parts.in_language("points"),
            placeholder=t("export.points_none"),
            select_all=False,
        )
        options = Options(points=frozenset(points))
    if (
        fmt in ("dxf", "sheets", "stakes")
        and len(places.sites) > 1
        and not (part.sites or part.blocks or part.villages)
    ):
        usual = exports.Wanted(fmt).ending()
        suffix = _files(ctx, [".zip", usual], {".zip": t("export.files_sites")})
    elif fmt == HOUSEHOLDS:
        suffix = _files(ctx, list(households.SUFFIXES), {".zip": t("export.files_villages")})
    elif fmt == "shp":
        suffix = ".zip"
    own = (
        fmt not in (HOUSEHOLDS, "kml", "geojson", "txt", "dxf", "sheets")
        and ctx.desk.somewhere("export_private")
        and st.checkbox(t("export.own_ids"), key=f"own_ids_{fmt}", help=t("export.own_ids_help"))
    )
    return Wanted(fmt, suffix, part, options, bool(own))


def _files(ctx: parts.Context, suffixes: list[str], words: Mapping[str, str]) -> str:
    t = ctx.t
    chosen = parts.option(
        t("export.files"),
        suffixes,
        format_func=lambda s: words.get(s) or t("export.files_one", suffix=s),
        key=f"export_files_{'_'.join(suffixes)}",
    )
    return chosen or suffixes[0]


def _button(
    ctx: parts.Context, folder: Path, meta: Mapping[str, Any], wanted: Wanted, rows: int, running: bool
) -> None:
    t = ctx.t
    if wanted.fmt == "sheets" or wanted.suffix == ".pdf":
        try:
            typeface.family()
        except ChigaiError as error:
            parts.refuse(error, t)
            return
    seconds = SECONDS_A_THOUSAND[wanted.fmt] * rows / 1000
    if wanted.fmt == "sheets" and wanted.options.scale:
        seconds *= (DETAIL / wanted.options.scale) ** 2
    if wanted.private:
        if not all(ctx.desk.may("export_private", county) for county in wanted.selection.counties):
            parts.notice("plain", safe.text(t("export.not_yours")))
            return
        if wanted.suffix == ".pdf" and rows > households.MOST_PDF_ROWS:
            parts.notice("plain", safe.text(t("export.too_long")))
            return
    if seconds > LONGEST_S:
        if st.button(t("export.prepare"), key="prepare", type="primary", disabled=running):
            with parts.refusals(t):
                st.session_state[f"job_{exports.job_kind(wanted)}"] = exports.prepare(
                    ctx.desk, folder, wanted
                )
                st.rerun()
        st.caption(t("export.prepare_private" if wanted.private else "export.prepare_note"))
        return
    counties = {
        str(c["county"]): (str(c.get("name_zh")), str(c.get("name_en"))) for c in meta.get("counties", [])
    }
    st.download_button(
        t("export.download"),
        data=lambda: _taken(ctx, folder, wanted),
        file_name=exports.file_name(folder.name, wanted, counties),
        on_click="ignore",
        key="download",
        type="primary",
    )


def _taken(ctx: parts.Context, folder: Path, wanted: Wanted) -> bytes:
    """The file, made when it is asked for, and put down as taken out."""
    with tempfile.TemporaryDirectory(prefix="chigai-") as place:
        out = Path(place) / f"export{wanted.ending()}"
        exports.take(ctx.desk, folder, wanted, out)
        return out.read_bytes()
