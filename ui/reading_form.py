"""How a file is to be read: upload, layer, encoding, coordinates and columns, proposed with reasons, chosen by a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import streamlit as st

from geo.errors import ChigaiError
from geo.reading import mapping, preview
from geo.reading.preview import Preview
from planning.inputs import DEMO
from tracking import files
from ui import numbers, parts, progress, safe

UPLOAD = "upload"
SAMPLE_ROWS = 5
ROLES = {"parcels": files.SUFFIXES, "barriers": files.SUFFIXES, "dem": files.RASTERS}


def show(ctx: parts.Context) -> None:
    """The form, from the choice of a file to the button that starts the check."""
    t = ctx.t
    demo = files.demo(ctx.home)
    where = UPLOAD
    if demo:
        where = st.segmented_control(
            t("read.from"),
            [UPLOAD, DEMO],
            default=UPLOAD,
            format_func=lambda w: t(f"read.from_{w}"),
            key="read_from",
            required=True,
        )
    given = _uploads(ctx) if where == UPLOAD else demo
    if where == DEMO:
        parts.notice("plain", safe.text(t("read.demo_note")))
    if "parcels" not in given:
        return
    with parts.refusals(t):
        source, ready = _source(ctx, given["parcels"])
        if st.button(t("read.start"), type="primary", key="start_check", disabled=not ready):
            name = given["parcels"].partition("/")[2] if where == UPLOAD else DEMO
            request = {
                "name": name,
                "source": source,
                "barriers": given.get("barriers"),
                "dem": given.get("dem"),
            }
            progress.start(ctx, "check", request)
            st.rerun()


def _uploads(ctx: parts.Context) -> dict[str, str]:
    """The uploaded files by role, stored; what is refused says why in its place."""
    t = ctx.t
    given = {}
    _translate_uploader(ctx)
    if reference := _upload(ctx, "parcels", many=True):
        given["parcels"] = reference
    left, right = st.columns(2)
    with left:
        if reference := _upload(ctx, "barriers", many=True):
            given["barriers"] = reference
    with right:
        if reference := _upload(ctx, "dem", many=False):
            given["dem"] = reference
    if "parcels" not in given:
        st.caption(t("read.formats"))
    return given


def _upload(ctx: parts.Context, role: str, many: bool) -> str | None:
    t = ctx.t
    chosen = st.file_uploader(
        t(f"read.{role}"), accept_multiple_files=many, key=f"upload_{role}", help=t(f"read.{role}_help")
    )
    chosen = chosen if isinstance(chosen, list) else [chosen] if chosen else []
    if not chosen:
        return None
    key = (role, *sorted(f.file_id for f in chosen))
    kept = st.session_state.setdefault("stored_uploads", {})
    if key not in kept:
        try:
            content = {f.name: f.getvalue() for f in chosen}
            kept[key] = ctx.desk.keep_upload(content, files.Limits().upload_mb, ROLES[role])
        except ChigaiError as error:
            parts.refuse(error, t)
            return None
    return kept[key]


def _translate_uploader(ctx: parts.Context) -> None:
    """Streamlit's own words in the upload box are English only: put ours in their place."""
    words = {k: ctx.t(f"read.{k}").replace('"', "") for k in ("drop", "browse")}
    st.html(
        "<style>"
        '[data-testid="stFileUploaderDropzoneInstructions"]{font-size:0}'
        '[data-testid="stFileUploaderDropzoneInstructions"] *{display:none}'
        f'[data-testid="stFileUploaderDropzoneInstructions"]::after{{content:"{words["drop"]}";font-size:.9rem;'
        "color:#5b6b7a}"
        '[data-testid="stFileUploaderDropzone"] button[data-testid="stBaseButton-secondary"]{font-size:0}'
        '[data-testid="stFileUploaderDropzone"] button[data-testid="stBaseButton-secondary"] *{display:none}'
        '[data-testid="stFileUploaderDropzone"] button[data-testid="stBaseButton-secondary"]::after'
        f'{{content:"{words["browse"]}";font-size:.95rem}}'
        "</style>"
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _look(home: str, request: str) -> Preview:
    """A look at a file as it would be read; request: files.source's fields as JSON, so that it can be kept."""
    return preview.look(files.source(json.loads(request), Path(home)))


def _source(ctx: parts.Context, reference: str) -> tuple[dict[str, Any], bool]:
    """What is proposed for a file and what a person makes of it, and whether it can be read so."""
    t, mine = ctx.t, reference[:12]
    source: dict[str, Any] = {"file": reference}
    first = _look(str(ctx.home), json.dumps(source))
    if not _layer(ctx, first, source, mine):
        return source, False
    asked = st.container()
    with st.expander(t("read.more")):
        where = st.text_input(
            t("read.where"), key=f"where_{mine}", help=t("read.where_help"), placeholder=" "
        )
        names = {u.adcode: u.name_zh if ctx.lang == "zh" else u.name_en for u in ctx.programme.units}
        county = parts.option(
            t("read.county"),
            ["", *names],
            format_func=lambda c: names.get(c, t("read.county_auto")),
            key=f"county_{mine}",
        )
    if where.strip():
        source["where"] = where.strip()
    if county:
        source["county"] = county
    seen = _look(str(ctx.home), json.dumps(source))
    with asked:
        _encoding(ctx, seen, source, mine)
        _coordinates(ctx, seen, source, mine)
        seen = _look(str(ctx.home), json.dumps(source))
        _columns(ctx, seen, source, mine)
    seen = _look(str(ctx.home), json.dumps(source))
    # what keeps the coordinates open was said where they are asked for
    for error in seen.problems if seen.crs is not None else seen.problems[:-1]:
        parts.refuse(error, t)
    for finding in seen.findings:
        st.caption(finding.zh if ctx.lang == "zh" else finding.en)
    return source, not seen.problems


def _layer(ctx: parts.Context, seen: Preview, source: dict[str, Any], mine: str) -> bool:
    """Ask for the layer where there are several. False while none is chosen."""
    if len(seen.layers) > 1:
        layer = parts.option(
            ctx.t("read.layer"),
            seen.layers,
            index=seen.layers.index(seen.layer) if seen.layer in seen.layers else None,
            key=f"layer_{mine}",
            placeholder=ctx.t("read.choose"),
        )
        if layer is None:
            return False
        source["layer"] = layer
    elif seen.layer is None:
        for error in seen.problems:
            parts.refuse(error, ctx.t)
        return False
    return True


def _encoding(ctx: parts.Context, seen: Preview, source: dict[str, Any], mine: str) -> None:
    """Ask for the encoding of a shapefile's text where more than one could be right, each with what it gives."""
    guesses = {g.encoding: g for g in seen.encoding_candidates}
    if len(guesses) < 2 or not any(g.sample for g in guesses.values()):
        return
    chosen = st.radio(
        ctx.t("read.encoding"),
        list(guesses),
        index=list(guesses).index(seen.encoding) if seen.encoding in guesses else None,
        format_func=lambda e: parts.plain_markdown(
            ctx.t("read.encoding_sample", name=e, sample=" · ".join(guesses[e].sample[:3])[:80])
        ),
        key=f"encoding_{mine}",
    )
    if chosen:
        source["encoding"] = chosen


def _coordinates(ctx: parts.Context, seen: Preview, source: dict[str, Any], mine: str) -> None:
    """Say which coordinates the file declares; where it does not, propose with reasons and let a person choose."""
    t = ctx.t
    if seen.crs is not None:
        st.caption(t("read.crs_found", name=seen.crs_name))
        return
    if seen.layer is None:
        return
    why = [f"<b>{safe.text(e.zh if ctx.lang == 'zh' else e.en)}</b>" for e in seen.problems[-1:]]
    parts.notice("warn", *why, safe.text(t("read.crs_unknown" if seen.crs_candidates else "read.crs_none")))
    names = {
        p.epsg: t(
            "read.crs_jixi" if p.lands_in_jixi else "read.crs_away", name=p.zh if ctx.lang == "zh" else p.en
        )
        for p in seen.crs_candidates
    }
    epsg = parts.option(
        t("read.crs"),
        [*names, 0],
        index=None,
        format_func=lambda e: f"EPSG:{e} · {names[e]}" if e else t("read.crs_other"),
        key=f"crs_{mine}",
        placeholder=t("read.choose"),
    )
    if epsg == 0:
        epsg = st.number_input(t("read.crs_epsg"), 1024, 32767, None, key=f"epsg_{mine}", placeholder="4553")
    if epsg:
        source["crs"] = int(epsg)


def _columns(ctx: parts.Context, seen: Preview, source: dict[str, Any], mine: str) -> None:
    """The first rows, and which column is which field: as proposed, or as a person says."""
    t = ctx.t
    if not seen.columns:
        return
    facts = [t("read.recognised", profile=t(f"profile.{seen.profile}"))]
    if seen.rows >= 0:
        facts.append(t("parcels.rows", n=numbers.plain(seen.rows)))
    if seen.dropped:
        facts.append(t("read.dropped", columns=", ".join(seen.dropped)))
    parts.notice("plain", *(safe.text(f) for f in facts))
    with st.expander(t("read.fields"), expanded=seen.profile == "generic"):
        st.caption(t("read.fields_note"))
        st.dataframe(seen.sample.head(SAMPLE_ROWS), hide_index=True, height=35 * (SAMPLE_ROWS + 1) + 3)
        columns = st.columns(3)
        changed = {}
        for i, name in enumerate(mapping.PARCEL_FIELDS):
            proposed = seen.mapping.get(name, "")
            options = ["", *seen.columns]
            with columns[i % 3]:
                chosen = parts.option(
                    t(f"field.{name}"),
                    options,
                    index=options.index(proposed) if proposed in options else 0,
                    format_func=lambda c: c or t("read.none"),
                    key=f"field_{mine}_{name}",
                )
            if chosen != proposed:
                changed[name] = chosen
    if changed:
        source["mapping"] = changed
