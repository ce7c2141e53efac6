"""The terminal: whose language it speaks, and what it lets through."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

from ui import terminal
from ui.terminal import Lang, Screen


def screen(lang: Lang, watched: bool = False) -> tuple[Screen, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    shown = Console(file=out, width=160, markup=False, highlight=False)
    told = Console(file=err, width=100, markup=False, highlight=False, force_terminal=watched)
    return Screen(lang, shown, told), out, err


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Lang.zh),
        ({"LANG": "C.UTF-8"}, Lang.zh),
        ({"LANG": "zh_CN.UTF-8"}, Lang.zh),
        ({"LANG": "en_US.UTF-8"}, Lang.en),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, Lang.en),
        ({"LANG": "en_US.UTF-8", "LC_ALL": ""}, Lang.en),
    ],
)
def test_it_speaks_chinese_unless_the_machine_speaks_english(
    environment: dict[str, str], expected: Lang, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.language(None) is expected
    assert terminal.language(Lang.en) is Lang.en


def test_text_from_data_cannot_steer_the_terminal() -> None:
    assert terminal.plain("good\x1b[2J\x07name\n") == "good�[2J�name\n"


def test_markup_in_data_is_shown_as_it_is() -> None:
    shown, out, _ = screen(Lang.zh)
    rows = pd.DataFrame(
        [["same_id", "warning", "mended", 3, 4.5, "[red]编号[/red] \x1b[1m", "id"]],
        columns=["kind", "severity", "action", "count", "area_mu", "zh", "en"],
    )
    terminal.print_findings(shown, rows)
    assert "[red]编号[/red]" in out.getvalue() and "\x1b" not in out.getvalue()


def test_a_kind_goes_by_its_title_and_a_file_has_its_own_words() -> None:
    shown, out, _ = screen(Lang.zh)
    columns = ["kind", "severity", "action", "count", "area_mu", "zh", "en"]
    rows = pd.DataFrame([["z_dropped", "info", "mended", 1, 0.0, "带高程值", "heights"]], columns=columns)
    every = pd.DataFrame({"row": [pd.NA], "zh": ["三个图形的高程值已去掉"], "en": ["three"]})
    terminal.print_findings(shown, rows, every)
    told = out.getvalue()
    assert "带高程值" in told and "三个图形的高程值已去掉" in told
    assert "z_dropped" not in told


def test_a_log_has_one_line_a_stage() -> None:
    shown, _, err = screen(Lang.en)
    with shown.progress() as progress:
        for fraction in (0.0, 0.1, 0.2):
            progress("check", fraction)
        progress("blocks", 0.5)
    assert [line.split("s  ")[1] for line in err.getvalue().splitlines()] == ["check", "join"]


def test_a_person_sees_a_bar() -> None:
    shown, _, err = screen(Lang.zh, watched=True)
    with shown.progress() as progress:
        progress("check", 0.3)
    assert "检查" in err.getvalue() and "30%" in err.getvalue()
