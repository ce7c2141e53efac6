"""The terminal as a screen: progress, tables and messages of the `chigai` command, in Chinese or English."""

from __future__ import annotations

import functools
import os
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ParamSpec

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from geo.errors import CancelledError, ChigaiError
from ui import numbers, palette
from ui.interrupt import interruptible
from ui.text import TEXTS, Words

if TYPE_CHECKING:
    import pandas as pd


P = ParamSpec("P")


class Lang(StrEnum):
    """The language of tables and progress; refusals are always said in both."""

    zh = "zh"
    en = "en"


DEMO_STAGES = {
    "districts": ("布置灌区", "placing districts"),
    "parcels": ("画池块", "drawing paddies"),
    "barriers": ("画渠路", "drawing canals and roads"),
    "done": ("完成", "done"),
    "history": ("编排一季填报", "reporting a season"),
}
"""What geo.synthetic tells of; the stages of a plan have their names in ui.text."""


def plain(value: object) -> str:
    """Text from data as a terminal may see it: without control characters."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in str(value))


def console(stderr: bool) -> Console:
    """Where text goes as it is, without markup; a file or a pipe counts as 140 characters wide."""
    watched = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if watched else 140, markup=False, highlight=False, emoji=False)


@dataclass(frozen=True)
class Screen:
    """Where a verb writes: results to `out`, progress and refusals to `err`."""

    lang: Lang
    out: Console
    err: Console

    @classmethod
    def open(cls, lang: Lang) -> Screen:
        return cls(lang, console(stderr=False), console(stderr=True))

    def pick(self, zh: str, en: str) -> str:
        return zh if self.lang is Lang.zh else en

    def stage(self, name: str) -> str:
        """The name on screen of a stage of the demo or of a plan."""
        return self.pick(*(DEMO_STAGES.get(name) or TEXTS.get(f"stage.{name}") or (name, name)))

    def say(self, zh: str, en: str) -> None:
        self.out.print(plain(self.pick(zh, en)), soft_wrap=True)

    def note(self, zh: str, en: str) -> None:
        self.err.print(plain(self.pick(zh, en)), soft_wrap=True)

    def table(self, title: tuple[str, str], heads: Iterable[tuple[str, str]], rows: list[list[str]]) -> None:
        """A table whose columns are to the right where they hold figures."""
        table = Table(title=self.pick(*title), title_justify="left", header_style="bold")
        for i, head in enumerate(heads):
            figures = all(re.fullmatch(r"[-–\d., %]*(m³|万元|k yuan)?", row[i]) for row in rows)
            table.add_column(self.pick(*head), justify="right" if figures else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(plain, row))
        self.out.print(table)

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, float], None]]:
        """A callback (stage, fraction of the whole) that draws a bar, or lines where nobody watches; it raises
        CancelledError after a Ctrl-C."""
        with self._drawn() as draw, interruptible(draw, lambda: self.err.print(_stopped())) as progress:
            yield progress

    @contextmanager
    def _drawn(self) -> Iterator[Callable[[str, float], None]]:
        if not self.err.is_terminal:
            yield self._lines()
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.err, transient=True) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda stage, fraction: bar.update(task, description=self.stage(stage), completed=fraction)

    def _lines(self) -> Callable[[str, float], None]:
        began, said = time.monotonic(), set[str]()

        def line(stage: str, fraction: float) -> None:
            # tracts go through the same stages one after the other
            if stage not in said:
                said.add(stage)
                self.err.print(f"{time.monotonic() - began:6.1f} s  {self.stage(stage)}")

        return line


def language(named: Lang | None) -> Lang:
    """The language asked for, else English where the locale says so, else Chinese."""
    if named is not None:
        return named
    locale = next((v for k in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(k))), "")
    return Lang.en if locale.lower().startswith("en") else Lang.zh


def guarded(verb: Callable[P, None]) -> Callable[P, None]:
    """A refusal ends with 2 and one message, a stop with 130, anything unforeseen with 1 and a log."""

    @functools.wraps(verb)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        err = console(stderr=True)
        try:
            verb(*args, **kwargs)
        except (CancelledError, KeyboardInterrupt):
            err.print(_stopped(), soft_wrap=True)
            raise typer.Exit(130) from None
        except ChigaiError as error:
            err.print(plain(f"{error.text('zh')}\n{error.text('en')}"), style="red", soft_wrap=True)
            raise typer.Exit(2) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            err.print(plain(_unwritable(error)), style="red", soft_wrap=True)
            raise typer.Exit(2) from None
        except Exception as error:
            if type(error).__module__.split(".")[0] in ("typer", "click"):
                raise
            err.print(_unforeseen(error), style="red", soft_wrap=True)
            raise typer.Exit(1) from None

    return wrapped


def _stopped() -> str:
    stopped = CancelledError()
    return f"{stopped.text('zh')}\n{stopped.text('en')}"


def _unwritable(error: OSError) -> str:
    """The message for a file that the machine will not open or write: no room, no right, no such folder."""
    why, name = error.strerror or type(error).__name__, error.filename or error.filename2
    refusal = ChigaiError(
        f"无法读写文件：{why}。",
        f"A file cannot be read or written: {why}.",
        do_zh="检查路径、权限和磁盘空间。",
        do_en="check the path, your rights and the free disk space.",
        file=str(name) if name else None,
    )
    return f"{refusal.text('zh')}\n{refusal.text('en')}"


def _unforeseen(error: Exception) -> str:
    """The message for an error nobody foresaw; its place goes to a log, its text (it may name a person) not."""
    from geo.plans import home

    what = type(error).__name__
    zh, en = (
        f"程序出错（{what}），没有留下不完整的结果。",
        f"Something broke ({what}); nothing half made is left.",
    )
    path = home() / "logs" / f"chigai-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_tb(error.__traceback__)) + what + "\n", "utf-8")
    except OSError:
        return f"{zh}\n{en}"
    return f"{zh}日志：{path}\n{en} Log: {path}"


def print_findings(screen: Screen, rows: pd.DataFrame, every: pd.DataFrame | None = None) -> None:
    """One line a kind of finding, as geo.checking.summary gives them; then what concerns a file as a whole.

    every: the findings themselves, whose messages say more than the title of their kind.
    """
    heads = [
        ("问题", "finding"),
        ("程度", "severity"),
        ("处理", "done"),
        ("个数", "count"),
        ("面积 亩", "area mu"),
    ]
    lang = screen.lang.value
    cells = [
        [
            row[lang],
            palette.SEVERITIES[row["severity"]].name(screen.lang),
            Words(lang)(f"action.{row['action']}"),
            numbers.plain(row["count"]),
            numbers.mu(row["area_mu"], lang, unit=False),
        ]
        for row in rows.to_dict("records")
    ]
    if not cells:
        screen.say("没有发现问题。", "Nothing was found.")
        return
    screen.table(("检查结果", "What the check found"), heads, cells)
    if every is not None:
        whole = every.loc[every["row"].isna(), lang]
        for message in whole[~whole.isin(rows[lang])].drop_duplicates():
            screen.out.print(plain(f"· {message}"), soft_wrap=True)


def print_counties(screen: Screen, meta: dict[str, Any]) -> None:
    """What the plan reaches in each county, against its target; `meta` is plan.json."""
    lang = screen.lang.value
    heads = [
        ("县区", "county"),
        ("小池", "parcels"),
        ("面积 亩", "area mu"),
        ("大池", "blocks"),
        ("达标 亩", "meets the minimum mu"),
        ("占比", "share"),
        ("挖方", "cut"),
        ("费用", "cost"),
        ("示范点内 亩", "in sites mu"),
        ("任务 亩", "target mu"),
        ("差额 亩", "missing mu"),
    ]
    rows = [
        [
            screen.pick("合计", "total") if row is meta["totals"] else row[f"name_{lang}"],
            numbers.plain(row["parcels"]),
            numbers.plain(row["parcels_mu"]),
            numbers.plain(row["blocks"]),
            numbers.plain(row["compliant_mu"]),
            numbers.percent(row["share"]),
            numbers.volume(row["cut_m3"] if meta["earthwork"] else None),
            numbers.money(row["cost_yuan"], lang),
            numbers.plain(row["site_mu"]),
            numbers.mu_range(row["floor_mu"], row["ceiling_mu"], lang, unit=False),
            numbers.NONE if row["floor_mu"] is None else numbers.plain(row["gap_mu"]),
        ]
        for row in [*meta["counties"], meta["totals"]]
    ]
    screen.table(("各县区", "By county"), heads, rows)


def print_stopped(screen: Screen, meta: dict[str, Any]) -> None:
    """What stands in the way of the rest, by area."""
    stopped, whole = meta["totals"]["stopped"], meta["totals"]["parcels_mu"]
    if not stopped:
        return
    rows = [
        [
            palette.REASONS[reason].name(screen.lang),
            numbers.mu(mu, screen.lang.value, unit=False),
            numbers.percent(mu / whole),
        ]
        for reason, mu in sorted(stopped.items(), key=lambda item: -item[1])
    ]
    heads = [("未达标原因", "why not"), ("面积 亩", "area mu"), ("占比", "share")]
    screen.table(("没有进入达标大池的面积", "Area in no block that meets the minimum"), heads, rows)
