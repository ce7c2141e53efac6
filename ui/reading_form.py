"""How a file is to be read: upload, layer, encoding, coordinates and columns, proposed with reasons, chosen by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from geo import mapping as fields
from geo import reading
from geo.errors import ChigaiError
from tracking import files
from ui import parts, progress, safe

UPLOAD, DEMO = "upload", "demo"
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
        source = _source(ctx, given["parcels"])
        if source is None:
            return
        if st.button(t("read.start"), type="primary", key="start_check"):
            name = given["parcels"].partition("/")[2] if where == UPLOAD else t("read.demo_name")
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
            kept[key] = files.keep(ctx.home, content, files.Limits().upload_mb, ROLES[role])
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
def _look(
    home: str, reference: str, layer: str | None, encoding: str | None, crs: int | None
) -> reading.Preview:
    return reading.look(
        reading.Source(files.path(parts.Path(home), reference), layer=layer, encoding=encoding, crs=crs)
    )
