"""Pieces that the pages share: what a page is given, choices that a link keeps, cards, tables, refusals."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from geo import plans
from geo.errors import ChigaiError
from planning import programme
from planning.programme import Programme, Unit
from tracking.targets import Standing
from ui import numbers, palette, safe, sign_in
from ui.text import LANGUAGES, Words

if TYPE_CHECKING:
    from tracking.desk import Desk

LOG = logging.getLogger("chigai.ui")
PROGRAMME = "jixi-2020-8"
STYLES = Path(__file__).with_name("static") / "pages.css"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Context:
    """What a page is given: its language and words, the folder of everything, the programme in force."""

    lang: str
    t: Words
    home: Path
    programme: Programme

    @property
    def desk(self) -> Desk:
        """What this person may do, and the only way to the database. Ask anew where some time has passed."""
        return sign_in.desk()


def context() -> Context:
    """The context of this session; the entry script has set the language."""
    lang = st.session_state.get("lang", "zh")
    return Context(lang, Words(lang), plans.home(), programme.load(PROGRAMME))


@contextmanager
def refusals(t: Words) -> Iterator[None]:
    """Show a refusal in the page's language, and never a traceback: that goes to the log alone."""
    try:
        yield
    except ChigaiError as error:
        refuse(error, t)
    except Exception:
        LOG.exception("a page failed")
        st.error(t("error.unexpected"))


def refuse(error: ChigaiError, t: Words, cure: bool = True) -> None:
    """What is wrong, where, and what to do, each where the eye finds it.

    cure: False where the page itself offers the way out, which then need not be described.
    """
    zh = t.lang == "zh"
    what, do = (error.zh, error.do_zh) if zh else (error.en, error.do_en)
    where = error.where(t.lang)
    lines = [f"<b>{safe.text(what)}</b>"]
    if where:
        lines.append(f"<span>{safe.text(where)}</span>")
    if cure and do:
        lines.append(f"<span>{safe.text(t('error.cure', cure=do))}</span>")
    notice("bad", *lines)


def notice(kind: str, *lines: str) -> None:
    """A quiet box; kind: bad, warn, good or plain. lines: HTML that is safe already."""
    st.html(f'<div class="cg-notice cg-{kind}">{"".join(f"<div>{line}</div>" for line in lines)}</div>')


def style(t: Words) -> None:
    """The look of every page; drawn once a run by the frame."""
    st.html(STYLES)
    # the first thing that Tab comes by is Streamlit's own link, in English
    skip = f'[data-testid="stSkipToContent"]::after {{ content: "{t("app.skip")}"; font-size: 1rem }}'
    st.html(f"<style>{skip}</style>")


def plain_markdown(text: str) -> str:
    """Text for a label that Streamlit takes as Markdown: its signs are shown, none is obeyed."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!~$:<>|^])", r"\\\1", text)


def title(t: Words, page: str) -> None:
    """The page's name and the one question that it answers."""
    st.html(
        f'<header class="cg-title"><h1>{safe.text(t(f"{page}.title"))}</h1>'
        f"<p>{safe.text(t(f'{page}.question'))}</p></header>"
    )


def heading(text: str, note: str = "") -> None:
    """A section's name, with a line that says what it shows."""
    more = f"<p>{safe.text(note)}</p>" if note else ""
    st.html(f'<div class="cg-heading"><h2>{safe.text(text)}</h2>{more}</div>')


def choose(
    name: str,
    label: str,
    options: Sequence[str],
    shown: Callable[[str], str],
    *,
    help: str | None = None,
    placeholder: str | None = None,
) -> str:
    """A selectbox whose value the address keeps (?name=…) and the session remembers from page to page."""
    widget, kept = in_language(f"choose_{name}"), f"kept_{name}"
    if kept not in st.session_state:
        st.session_state[kept] = st.query_params.get(name)
    # the widget's own memory ends with its page and its language: what it shows is told it every time
    st.session_state[widget] = st.session_state[kept] if st.session_state[kept] in options else options[0]

    def changed() -> None:
        st.session_state[kept] = st.session_state[widget]

    value = st.selectbox(
        label,
        options,
        format_func=shown,
        key=widget,
        help=help,
        placeholder=placeholder,
        on_change=changed,
    )
    st.session_state[kept] = value
    if value and st.query_params.get(name) != value:
        st.query_params[name] = value
    elif not value:
        st.query_params.pop(name, None)
    return value


def tab(
    name: str, label: str, options: Sequence[str], shown: Callable[[str], str], *, default: str | None = None
) -> str:
    """A row of choices, one of which is shown; the address keeps it (?name=…), the session from page to page."""
    widget, kept = in_language(f"tab_{name}"), f"kept_{name}"
    first = default or options[0]
    known = st.session_state.get(kept, st.query_params.get(name))
    st.session_state[widget] = known if known in options else first

    def changed() -> None:
        st.session_state[kept] = st.session_state[widget]

    value = st.segmented_control(
        label,
        options,
        format_func=shown,
        key=widget,
        required=True,
        label_visibility="collapsed",
        on_change=changed,
    )
    chosen = st.session_state[kept] = str(value or first)
    if st.query_params.get(name, first) != chosen:
        st.query_params[name] = chosen
    return chosen


def in_language(key: str) -> str:
    """A widget's key in the session's language: of one whose key stays, a browser keeps the old language's words."""
    return f"{key}_{st.session_state.get('lang', LANGUAGES[0])}"


def option(label: str, options: Sequence[_T], *, key: str, index: int | None = 0, **more: Any) -> _T | None:
    """A selectbox that keeps its value when the page changes its language."""
    widget, kept = in_language(key), st.session_state.get(f"kept_{key}")
    if widget not in st.session_state and f"kept_{key}" in st.session_state:
        index = options.index(kept) if kept in options else index
    value = st.selectbox(label, options, index=index, key=widget, **more)
    st.session_state[f"kept_{key}"] = value
    return value


def select(name: str, value: str) -> None:
    """Make `choose(name, …)` show this value when it is drawn next."""
    st.session_state[f"kept_{name}"] = value


def together(text: str) -> str:
    """The text with every number bound to its unit, so that no line breaks between the two."""
    return re.sub(r"(?<=\d) (?=\S)", "\u00a0", text)


def cards(items: Sequence[tuple[str, str, str, str]]) -> None:
    """Figures side by side: label, number, unit, note."""
    boxes = "".join(
        f'<div class="cg-card"><div class="cg-label">{safe.text(label)}</div>'
        f'<div class="cg-value">{safe.text(value)}<small>{safe.text(unit)}</small></div>'
        f'<div class="cg-note">{safe.text(together(note))}</div></div>'
        for label, value, unit, note in items
    )
    across = len(items) if len(items) < 5 else -(-len(items) // 2)
    st.html(f'<div class="cg-cards" style="--cg-n:{across}">{boxes}</div>')


def steps(items: Sequence[tuple[str, str]]) -> None:
    """What to do, in order: a name and a sentence each."""
    rows = "".join(
        f"<li><b>{safe.text(name)}</b><span>{safe.text(sentence)}</span></li>" for name, sentence in items
    )
    st.html(f'<ol class="cg-steps">{rows}</ol>')


@dataclass(frozen=True)
class Column:
    """One column of a table: its header, whether it holds numbers, and whether it is wide on a narrow screen."""

    header: str
    number: bool = False
    wide: bool = False

    @property
    def style(self) -> str:
        return " ".join(["cg-num"] * self.number + ["cg-wide"] * self.wide)


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], last_is_sum: bool = False) -> None:
    """A table of HTML cells (safe already); on a narrow screen each row becomes a small list."""
    head = "".join(f'<th class="{c.style}">{safe.text(c.header)}</th>' for c in columns)
    lines = []
    for i, row in enumerate(rows):
        cells = "".join(
            f'<td class="{c.style}" data-label="{safe.text(c.header)}">{cell}</td>'
            for c, cell in zip(columns, row, strict=True)
        )
        total = ' class="cg-sum"' if last_is_sum and i == len(rows) - 1 else ""
        lines.append(f"<tr{total}>{cells}</tr>")
    # in the list of a narrow screen, four short facts stand in one line
    across = 4 if sum(not c.wide for c in columns[1:]) == 4 else 3
    st.html(
        f'<div class="cg-scroll"><table class="cg-table" style="--cg-n:{across}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def mark(look: palette.Look, lang: str, words: str | None = None) -> str:
    """A state as colour, symbol and word: safe HTML."""
    return (
        f'<span class="cg-state"><i style="color:{look.colour}">{safe.text(look.mark or "■")}</i>'
        f"{safe.text(words or look.name(lang))}</span>"
    )


def state_mark(state: str, t: Words) -> str:
    """A county's state, in the map's colour and sign and in words short enough for a table."""
    return mark(palette.TARGETS[state], t.lang, t(f"state.{state}"))


def share_bar(value: float, low: float, high: float, could: float = 0.0) -> str:
    """A thin bar from 0 to `high` with a tick at `low`, and paler up to `could`: safe HTML without text."""
    top = max(high, value, could, 1e-9)
    pale = f'<em style="width:{could / top * 100:.1f}%"></em>' if could > value else ""
    return (
        f'<span class="cg-bar" aria-hidden="true">{pale}<i style="width:{value / top * 100:.1f}%"></i>'
        f'<b style="left:{low / top * 100:.1f}%"></b></span>'
    )


def county_table(counties: Sequence[Standing], t: Words) -> None:
    """Every unit of the programme: state, target, what is planned, what is missing, money."""
    lang = t.lang
    columns = [
        Column(t("county.name")),
        Column(t("county.state"), wide=True),
        Column(t("county.target"), True),
        Column(t("county.compliant"), True),
        Column(t("county.in_sites"), True),
        Column(t("county.gap"), True),
        Column(t("county.cost"), True),
        Column(t("county.budget"), True),
    ]
    rows = []
    for c in counties:
        bar = (
            ""
            if c.floor_mu is None
            else share_bar(c.site_mu, c.floor_mu, c.ceiling_mu or c.floor_mu, c.compliant_mu)
        )
        budget = (
            t("county.budget_open") if c.budget_yuan is None else numbers.money(c.budget_yuan, lang, False)
        )
        rows.append(
            [
                f"<b>{safe.text(c.name(lang))}</b>",
                state_mark(c.state, t),
                numbers.mu_range(c.floor_mu, c.ceiling_mu, lang, False),
                numbers.mu(c.compliant_mu, lang, False) if c.planned else numbers.NONE,
                (numbers.mu(c.site_mu, lang, False) if c.planned else numbers.NONE) + bar,
                numbers.NONE if c.gap_mu is None else numbers.mu(c.gap_mu, lang, False),
                numbers.money(c.cost_yuan, lang, False) if c.planned else numbers.NONE,
                numbers.NONE if c.floor_mu is None else safe.text(budget),
            ]
        )
    asked = [c for c in counties if c.floor_mu is not None]
    rows.append(
        [
            f"<b>{safe.text(t('county.sum'))}</b>",
            "",
            numbers.mu_range(
                sum(c.floor_mu or 0 for c in asked), sum(c.ceiling_mu or 0 for c in asked), lang, False
            ),
            numbers.mu(sum(c.compliant_mu for c in asked), lang, False),
            numbers.mu(sum(c.site_mu for c in asked), lang, False),
            numbers.mu(sum(c.gap_mu or 0 for c in asked), lang, False),
            numbers.money(sum(c.cost_yuan for c in asked), lang, False),
            numbers.money(sum(c.budget_yuan or 0 for c in asked), lang, False),
        ]
    )
    table(columns, rows, last_is_sum=True)


def target_table(units: Sequence[Unit], t: Words) -> None:
    """What the programme asks of every unit, where there is no plan to hold against it."""
    lang = t.lang
    columns = [
        Column(t("county.name")),
        Column(t("county.target_mu"), True),
        Column(t("county.block_minimum"), True),
        Column(t("county.site_minimum"), True),
        Column(t("county.budget_money"), True),
        Column(t("county.deadline"), True),
    ]
    rows = [
        [
            f"<b>{safe.text(u.name_zh if lang == 'zh' else u.name_en)}</b>",
            numbers.mu_range(u.floor_mu, u.ceiling_mu, lang, False) if u.floor_mu else t("state.no_target"),
            numbers.mu(u.block_minimum_mu, lang, False),
            numbers.mu(u.site_minimum_mu, lang, False),
            numbers.money(u.budget_yuan, lang, False)
            if u.budget_yuan or u.floor_mu is None
            else t("county.budget_open"),
            f"{u.deadline:%Y-%m-%d}" if u.deadline else numbers.NONE,
        ]
        for u in units
    ]
    low, high = sum(u.floor_mu or 0 for u in units), sum(u.ceiling_mu or 0 for u in units)
    total = numbers.mu_range(low, high, lang, False)
    rows.append([f"<b>{safe.text(t('county.sum'))}</b>", total, "", "", "", ""])
    table(columns, rows, last_is_sum=True)


def plan_metas(home: Path) -> list[dict[str, Any]]:
    """plan.json of every plan, newest first, with `folder`: its name, which is its id in addresses."""
    found = []
    for folder in plans.find(home):
        try:
            meta = plans.read_meta(folder)
            meta["folder"] = folder.name
            found.append(meta)
        except ChigaiError:
            LOG.warning("plan %s cannot be read", folder.name)
    return found
