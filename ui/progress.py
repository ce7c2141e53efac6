"""A running job on a page: stages, bar, time, cancel; once it has ended, what came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import streamlit as st

from tracking import jobs
from ui import naming, numbers, parts, safe

STAGES = {
    "demo": ("districts", "parcels", "barriers"),
    "check": ("read", "check", "import"),
    "plan": ("read", "check", "import", "neighbours", "levels", "blocks", "outlines", "sites", "write"),
    "draft": ("draft",),
    "export": ("export",),
    "private": ("private",),
    "ledger": ("ledger",),
    "findings": ("findings",),
    "verify": ("verify",),
    "register": ("register",),
    "approve": ("register", "approve"),
}
RESULT = {"check": "data", "plan": "plan", "draft": "plan", "export": "export"}
"""The choice (`parts.choose`) that shows what a kind of job makes."""
RECENT = 60
"""So many of the last jobs are looked through."""
LOOKED_BACK = timedelta(hours=24)
"""Whoever comes back is told for so long that their job did not finish."""


def start(ctx: parts.Context, kind: str, request: dict[str, Any]) -> None:
    """Begin a job and show it from the next run on."""
    st.session_state[f"job_{kind}"] = ctx.desk.start(kind, request)


def panel(ctx: parts.Context, kind: str) -> bool:
    """The job of this kind that this session started, else one that runs and is this person's business, else their
    last one where it did not finish. True while one is running."""
    job_id = _looked_at(ctx, kind)
    if job_id is None:
        return False
    job = jobs.status(job_id, ctx.home)
    if not job.finished:
        _watch(ctx, kind, job_id)
        return True
    if job.state == "done":
        del st.session_state[f"job_{kind}"]
        st.session_state[f"done_{kind}"] = job_id
        if kind in RESULT:
            parts.select(RESULT[kind], Path(job.result or "").name)
    else:
        _ended_badly(ctx, kind, job)
    return False


def at_work(ctx: parts.Context, kind: str) -> bool:
    """Whether `panel` would show a job that is not finished; draws nothing."""
    job_id = _looked_at(ctx, kind)
    return job_id is not None and not jobs.status(job_id, ctx.home).finished


def _looked_at(ctx: parts.Context, kind: str) -> str | None:
    key = f"job_{kind}"
    if st.session_state.get(key) is None and (found := _come_back_to(ctx, kind)) is not None:
        st.session_state[key] = found
    return st.session_state.get(key)


def _come_back_to(ctx: parts.Context, kind: str) -> str | None:
    desk = ctx.desk
    found = [job for job in jobs.recent(ctx.home, RECENT) if job.kind == kind and desk.sees(job)]
    for job in found:
        if not job.finished:
            return job.id
    if found and found[0].by == desk.person.id and found[0].state in ("failed", "broken_off"):
        ended = datetime.fromisoformat(found[0].ended or found[0].created)
        return found[0].id if datetime.now(UTC) - ended < LOOKED_BACK else None
    return None


def just_done(ctx: parts.Context, kind: str) -> jobs.Job | None:
    """The job that ended well since the page was drawn last, once."""
    job_id = st.session_state.pop(f"done_{kind}", None)
    return jobs.status(job_id, ctx.home) if job_id else None


def _ended_badly(ctx: parts.Context, kind: str, job: jobs.Job) -> None:
    """Why there is no result, until the next job of this kind begins."""
    t = ctx.t
    lines = [
        f"<b>{safe.text(t(f'job.{job.state}', what=t(f'job.{kind}')))}</b>",
        safe.text(job.message(ctx.lang)),
    ]
    if job.state == "cancelled":
        parts.notice("plain", *lines)
    else:
        parts.notice("bad", *lines, f"<small>{safe.text(t('job.number', number=job.id))}</small>")


@st.fragment(run_every=1.0)
def _watch(ctx: parts.Context, kind: str, job_id: str) -> None:
    """Looks once a second; the page itself is drawn again only when the job has ended."""
    t = ctx.t
    job = jobs.status(job_id, ctx.home)
    if job.finished:
        st.rerun()
    with st.container(border=True):
        since = numbers.span(job.started or job.created, None, ctx.lang)
        words = t(f"job.{job.state}", what=t(f"job.{kind}"))
        parts.heading(
            words, t("job.since", name=naming.data_name(job.name, t), since=since) if job.name else since
        )
        st.progress(job.fraction)
        # a worker that is only just waking is about to read
        now = (
            STAGES[kind].index(job.stage)
            if job.stage in STAGES[kind]
            else 0
            if job.state == "running"
            else -1
        )
        rows = "".join(
            f'<li class="{"cg-past" if i < now else "cg-now" if i == now else ""}">'
            f"{safe.text(t(f'stage.{stage}'))}</li>"
            for i, stage in enumerate(STAGES[kind])
        )
        st.html(f'<ul class="cg-stages">{rows}</ul>')
        stopping = (Path(ctx.home) / "jobs" / job_id / "cancel").exists()
        label = "job.closing" if job.closing else "job.stopping" if stopping else "job.cancel"
        if st.button(t(label), disabled=stopping or job.closing, key=f"cancel_{kind}"):
            ctx.desk.stop(job_id)
            st.rerun(scope="fragment")
        st.caption(t("job.outlives"))
