"""Pieces of the page 任务: the answer, the county table with its bars, what does not count. Safe HTML."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
import streamlit as st

from tracking import progress
from tracking.curves import SEASON
from tracking.forecast import STATES
from tracking.progress import CountyTarget
from ui import numbers, palette, parts, safe
from ui.text import Words

SPARK = (108, 30)
"""Width and height of the little curve, pixels."""
COLUMNS = 7
GOOD = ("reached", "on_course")


def name(row: CountyTarget, t: Words) -> str:
    """A county's name in the page's language."""
    return row.name if t.lang == "zh" else row.name_en


def over(row: CountyTarget) -> bool:
    """Whether the deadline is past."""
    return row.ahead_mu is not None


# ---- the answer ----


def answer(rows: Sequence[CountyTarget], county: CountyTarget | None, t: Words) -> None:
    """The sentence that answers, the figure, and what a question back would be about."""
    asked = [row for row in rows if row.floor_mu is not None]
    sentence = one_sentence(county, t) if county else city_sentence(asked, t)
    shown = [county] if county else asked
    facts = [*_facts(county, t)] if county else [*_city_facts(asked, t)]
    boxes = "".join(
        f'<div class="cg-fact"><span>{safe.text(label)}</span><b>{safe.text(value)}</b>'
        f"<small>{safe.text(note)}</small></div>"
        for label, value, note in facts
    )
    tallies = "" if county else f'<div class="cg-tallies">{_tallies(asked, t)}</div>'
    st.html(
        f'<section class="cg-hero"><div class="cg-hero-main"><div class="cg-verdict">{safe.text(sentence)}</div>'
        f"{tallies}{_figure(shown, t) if shown[0].floor_mu is not None else ''}</div>"
        f'<div class="cg-facts">{boxes}</div></section>'
    )


def city_sentence(asked: Sequence[CountyTarget], t: Words) -> str:
    """How many counties have made it, will, or are in danger."""
    n = {state: sum(row.state == state for row in asked) for state in STATES}
    if n["reached"] == len(asked):
        return t("targets.answer_all", n=len(asked))
    if all(over(row) for row in asked):
        return t("targets.answer_end", reached=n["reached"], missed=n["missed"])
    if not n["at_risk"] and not n["missed"]:
        return t("targets.answer_good", n=len(asked))
    if not n["reached"] + n["on_course"]:
        return t("targets.answer_none", n=len(asked))
    return t("targets.answer_risk", risk=n["at_risk"] + n["missed"], fine=n["reached"] + n["on_course"])


def one_sentence(row: CountyTarget, t: Words) -> str:
    """Will it make it?"""
    if row.floor_mu is None:
        return t("targets.one_no_target", name=name(row, t))
    if row.state == "at_risk" and row.forecast_mu is None:
        return t("targets.one_unknown", name=name(row, t), floor=numbers.mu(row.floor_mu, t.lang))
    return t(
        f"targets.one_{row.state}",
        name=name(row, t),
        counted=numbers.mu(row.counted_mu, t.lang),
        over=numbers.mu(row.counted_mu - row.floor_mu, t.lang),
        short=numbers.mu(row.floor_mu - row.counted_mu, t.lang),
        floor=numbers.mu(row.floor_mu, t.lang),
        low=numbers.plain(row.forecast_low_mu or 0.0),
        high=numbers.mu(row.forecast_high_mu, t.lang),
    )


def _tallies(asked: Sequence[CountyTarget], t: Words) -> str:
    """The number of counties in each state, and of those that have not reported."""
    boxes = []
    for state, look in palette.PROGRESS.items():
        n = sum(row.state == state for row in asked)
        if n or state in GOOD:
            boxes.append(
                f'<div class="cg-tally"><i style="color:{look.colour}">{look.mark}</i><b>{n}</b>'
                f"<span>{safe.text(t(f'targets.{state}'))}</span></div>"
            )
    silent = sum(row.missed_cutoff is not None for row in asked)
    boxes.append(
        f'<div class="cg-tally cg-quiet"><i>{palette.SILENT.mark}</i><b>{silent}</b>'
        f"<span>{safe.text(t('targets.silent'))}</span></div>"
    )
    return "".join(boxes)


def _figure(shown: Sequence[CountyTarget], t: Words) -> str:
    """What counts, against the floor and the ceiling, as a number and a bar."""
    sums = progress.together(shown)
    floor, ceiling = sums["floor_mu"], sums["ceiling_mu"]
    key = "targets.of_floor" if ceiling > floor else "targets.of_floor_only"
    target = t(key, floor=numbers.mu(floor, t.lang), ceiling=numbers.mu(ceiling, t.lang))
    share = t(
        "targets.share" if len(shown) > 1 else "targets.share_one",
        share=numbers.percent(sums["helped_mu"] / floor if floor else None),
    )
    fan = (
        (shown[0].forecast_low_mu, shown[0].forecast_high_mu)
        if len(shown) == 1 and not over(shown[0])
        else None
    )
    return (
        f'<div class="cg-figure"><b>{numbers.mu(sums["counted_mu"], t.lang, False)}</b>'
        f"<span>{safe.text(target)}</span></div>{bar(sums['counted_mu'], floor, ceiling, fan)}"
        f'<div class="cg-small">{safe.text(share)}</div>'
    )


def _facts(row: CountyTarget, t: Words) -> list[tuple[str, str, str]]:
    if row.floor_mu is None or row.deadline is None:
        return [(t("targets.last"), _last(row, t), "")]
    pace = numbers.mu(row.pace_mu_per_day, t.lang)
    if over(row):
        note = t("targets.pace_over")
    elif row.needed_mu_per_day is None:
        note = t("targets.pace_none")
    elif row.needed_mu_per_day == 0:
        note = t("targets.pace_enough")
    else:
        note = t("targets.pace_needed", needed=numbers.mu(row.needed_mu_per_day, t.lang))
    quiet = ""
    if row.missed_cutoff:
        quiet = f"{palette.SILENT.mark} {t('targets.silent')} · {t('targets.silent_by', day=f'{row.missed_cutoff}')}"
    return [_left(row, t), (t("targets.fact_pace"), pace, note), (t("targets.last"), _last(row, t), quiet)]


def _city_facts(asked: Sequence[CountyTarget], t: Words) -> list[tuple[str, str, str]]:
    last = max(asked, key=lambda row: row.deadline or date.min)
    lost = sum(sum(row.why_finished_mu.values()) for row in asked)
    silent = [row for row in asked if row.missed_cutoff]
    joined = ("、" if t.lang == "zh" else ", ").join(name(row, t) for row in silent)
    note = t("targets.silent_by", day=f"{silent[0].missed_cutoff}") if silent else t("targets.silent_none")
    return [
        _left(last, t),
        (t("targets.fact_open"), numbers.mu(lost, t.lang), t("targets.fact_open_note")),
        (t("targets.fact_silent"), joined or "0", note),
    ]


def _left(row: CountyTarget, t: Words) -> tuple[str, str, str]:
    days = row.days_left or 0
    key = {1: "targets.days_left", 0: "targets.last_day", -1: "targets.days_gone"}[(days > 0) - (days < 0)]
    note = "targets.ended" if days < 0 else "targets.working_left"
    return (
        t("targets.fact_left"),
        t(key, n=numbers.plain(abs(days))),
        t(note, n=row.working_days_left, day=f"{row.deadline}"),
    )


def _last(row: CountyTarget, t: Words) -> str:
    return f"{row.last_report}" if row.last_report else t("targets.never")


# ---- the table ----


def bar(
    value: float, floor: float, ceiling: float, fan: tuple[float | None, float | None] | None = None
) -> str:
    """A bar from 0 with ticks at floor and ceiling and, paler, the range of the forecast: without text."""
    low, high = fan if fan and fan[0] is not None and fan[1] is not None else (value, value)
    top = max(ceiling * 1.06, value, high or 0.0, 1e-9)

    def at(mu: float | None) -> str:
        return f"{(mu or 0.0) / top * 100:.2f}%"

    pale = f'<em style="left:{at(low)};width:{at((high or 0.0) - (low or 0.0))}"></em>' if high != low else ""
    ticks = "".join(f'<b style="left:{at(mu)}"></b>' for mu in dict.fromkeys((floor, ceiling)))
    return f'<span class="cg-bar cg-reach" aria-hidden="true"><i style="width:{at(value)}"></i>{pale}{ticks}</span>'


def spark(row: CountyTarget, daily: pd.DataFrame, as_of: date, t: Words) -> str:
    """What counted, day by day, as a little curve: from the season's first report to the deadline or the day."""
    mine = daily.loc[(daily["county"] == row.county) & daily["counted_mu"].gt(0)]
    if mine.empty or row.deadline is None:
        return ""
    width, height = SPARK
    every = daily["day"].to_numpy("datetime64[D]")
    start = max(every.min(), np.datetime64(row.deadline - SEASON, "D"))
    end = max(np.datetime64(min(as_of, row.deadline), "D"), start + np.timedelta64(1, "D"))
    days = mine["day"].to_numpy("datetime64[D]")
    x = np.clip((days - start) / (end - start), 0, 1) * (width - 2) + 1
    top = max(row.floor_mu or 0.0, float(mine["counted_mu"].max()))
    y = height - 2 - mine["counted_mu"].to_numpy(float) / top * (height - 5)
    goal = height - 2 - (row.floor_mu or 0.0) / top * (height - 5)
    # an area grows on the day it is finished and stands until the next
    path = (
        f"M1 {height - 2}" + "".join(f"H{a:.1f}V{b:.1f}" for a, b in zip(x, y, strict=True)) + f"H{width - 1}"
    )
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<path d="M0 {goal:.1f}H{width}" stroke="#5b6b7a" stroke-dasharray="2 3"/>'
        f'<path d="{path}V{height - 2}Z" fill="#0072b2" fill-opacity=".14"/>'
        f'<path d="{path}" fill="none" stroke="#0072b2" stroke-width="1.8"/></svg>'
    )
    # as a picture: a page's HTML is cleaned of drawings
    source = base64.b64encode(drawn.encode()).decode()
    label = safe.text(t("targets.progress"))
    return f'<img class="cg-spark" width="{width}" height="{height}" alt="{label}" src="data:image/svg+xml;base64,{source}">'


def state(row: CountyTarget, t: Words) -> str:
    """Colour, sign and word; after the deadline by how much, and whether the county has not reported."""
    told = parts.mark(palette.PROGRESS[row.state], t.lang, t(f"targets.{row.state}"))
    if row.missed_cutoff is None:
        return told
    label = t("targets.silent_by", day=f"{row.missed_cutoff}")
    return f'{told}<span class="cg-silent" title="{safe.text(label)}">{palette.SILENT.mark} {safe.text(t("targets.silent"))}</span>'


def _forecast(row: CountyTarget, t: Words) -> str:
    if row.floor_mu is None:
        return ""
    if row.ahead_mu is not None:
        key = "targets.met_by" if row.ahead_mu >= 0 else "targets.missed_by"
        return f"<b>{safe.text(t(key, mu=numbers.plain(abs(row.ahead_mu))))}</b>"
    if row.forecast_mu is None:
        return f"<small>{safe.text(t('targets.no_forecast'))}</small>"
    low, high = row.forecast_low_mu or 0.0, row.forecast_high_mu or 0.0
    return f"<b>{numbers.plain(row.forecast_mu)}</b><small>{numbers.plain(low)}–{numbers.plain(high)}</small>"


def _remaining(row: CountyTarget, t: Words) -> str:
    if row.days_left is None:
        return ""
    if over(row):
        return safe.text(t("targets.over"))
    left = safe.text(t("targets.left_days", days=row.days_left))
    return f"{left}<small>{safe.text(t('targets.left_working', days=row.working_days_left))}</small>"


def county_table(
    rows: Sequence[CountyTarget], daily: pd.DataFrame, as_of: date, chosen: str, t: Words
) -> None:
    """Every county of the programme, each with what does not count below it, opened by a click."""
    ended = all(over(row) for row in rows if row.floor_mu is not None)
    heads = (
        "county", "state", "counted", "outcome" if ended else "forecast", "progress", "left", "last",
    )  # fmt: skip
    labels = [safe.text(t(f"targets.{key}")) for key in heads]
    numeric = ("", "", "", "cg-num", "", "cg-num", "cg-num")
    wide = ("", "cg-wide", "cg-wide", "", "", "", "")
    head = "".join(f'<th class="{n}">{label}</th>' for label, n in zip(labels, numeric, strict=True))
    body = []
    for row in rows:
        cells = [
            f"<b>{safe.text(name(row, t))}</b>",
            state(row, t),
            _counted(row, t),
            _forecast(row, t),
            spark(row, daily, as_of, t),
            _remaining(row, t),
            safe.text(_last(row, t)) if row.last_report or row.floor_mu is not None else "",
        ]
        told = "".join(
            f'<td class="{n} {w}" data-label="{label}">{cell}</td>'
            for cell, label, n, w in zip(cells, labels, numeric, wide, strict=True)
        )
        mark = " cg-chosen" if row.county == chosen else ""
        body.append(f'<tr class="cg-county{mark}">{told}</tr>')
        if why := why_not(row, t):
            body.append(f'<tr class="cg-more{mark}"><td colspan="{COLUMNS}">{why}</td></tr>')
    st.html(
        f'<div class="cg-scroll"><table class="cg-table cg-targets"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _counted(row: CountyTarget, t: Words) -> str:
    if row.floor_mu is None:
        return ""
    target = numbers.mu_range(row.floor_mu, row.ceiling_mu, t.lang, False)
    fan = None if over(row) else (row.forecast_low_mu, row.forecast_high_mu)
    return (
        f'<span class="cg-counted"><b>{numbers.mu(row.counted_mu, t.lang, False)}</b><small>'
        f"{safe.text(t('targets.target', target=target))}</small></span>"
        f"{bar(row.counted_mu, row.floor_mu, row.ceiling_mu or row.floor_mu, fan)}"
    )


# ---- what does not count ----


def why_not(row: CountyTarget, t: Words) -> str:
    """What of the county's plan does not count, by reason, behind one line that sums it up; empty where all does,
    and where nothing is owed."""
    if row.floor_mu is None or not (row.why_mu or row.site_open_mu or row.withdrawn_mu):
        return ""
    finished = sum(row.why_finished_mu.values())
    head = t("targets.why_head", mu=numbers.mu(sum(row.why_mu.values()), t.lang))
    if finished:
        head += t("targets.why_some", mu=numbers.mu(finished, t.lang))
    groups = []
    for title, reasons in (
        ("targets.why_lost", progress.LOST),
        ("targets.why_now", progress.NEVER),
        ("targets.why_open", progress.OPEN),
    ):
        lines = []
        for why in reasons:
            if why not in row.why_mu:
                continue
            part = row.why_finished_mu.get(why, 0.0)
            more = (
                t("targets.why_finished", mu=numbers.mu(part, t.lang))
                if part and why not in progress.LOST
                else ""
            )
            lines.append(
                f"<li><span>{safe.text(t(f'targets.{why}'))}{safe.text(more)}</span>"
                f"<b>{safe.text(numbers.mu(row.why_mu[why], t.lang))}</b></li>"
            )
        if lines:
            groups.append(f"<div><h4>{safe.text(t(title))}</h4><ul>{''.join(lines)}</ul></div>")
    notes = "".join(
        f"<p>{safe.text(t(key, mu=numbers.mu(mu, t.lang)))}</p>"
        for key, mu in (("targets.site_open", row.site_open_mu), ("targets.withdrawn", row.withdrawn_mu))
        if mu > 0
    )
    return (
        f"<details><summary>{safe.text(head)}</summary>"
        f'<div class="cg-why">{"".join(groups)}</div>{notes}</details>'
    )


def by_code(rows: Sequence[CountyTarget]) -> Mapping[str, CountyTarget]:
    """The counties by adcode."""
    return {row.county: row for row in rows}
