"""Whatever people read, on a page, on a map, from the command or in a refusal, is there in Chinese and in English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHINESE = re.compile(r"[\u3400-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{2,}")
SCREENS = sorted([*ROOT.glob("ui/*.py"), *ROOT.glob("commands/*.py"), ROOT / "cli.py", ROOT / "app.py"])
MODULES = sorted(p for part in ("geo", "planning", "tracking") for p in (ROOT / part).rglob("*.py"))
SCRIPTS = sorted((ROOT / "ui" / "static").glob("*.js"))
SHOWN = re.compile(
    r"""(?:\.(?:textContent|title|placeholder|innerText|alt)\s*=|(?:placeholder|title):|"aria-label",)\s*["'`](?!\$)[^"'`]*[A-Za-z\u3400-\u9fff]{2}"""
)
WRITES = {
    "button", "caption", "write", "markdown", "error", "warning", "info", "success", "text", "header", "subheader",
    "expander", "selectbox", "text_input", "text_area", "number_input", "date_input", "toggle", "checkbox", "radio",
    "segmented_control", "pills", "download_button", "file_uploader", "form_submit_button", "popover", "link_button",
    "heading", "spinner", "toast",
}  # fmt: skip


def said(node: ast.AST) -> str | None:
    """A string as it stands in the code, without what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value for v in node.values if isinstance(v, ast.Constant))
    return None


def strings(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Every string with Chinese in it: its line, itself, and the strings that stand beside it; no documentation."""
    tree = ast.parse(path.read_text("utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        text = said(node)
        up = parents.get(node)
        if text is None or not CHINESE.search(text) or isinstance(up, ast.Expr | ast.JoinedStr):
            continue
        beside: list[str] = []
        for _ in range(4):
            if up is None or isinstance(up, ast.stmt):
                break
            beside += [s for n in ast.walk(up) if n is not node and (s := said(n)) and not CHINESE.search(s)]
            up = parents.get(up)
        yield node.lineno, text, beside


@pytest.mark.parametrize("path", SCREENS, ids=lambda p: p.name)
def test_a_chinese_text_has_its_english_in_it_or_beside_it(path: Path) -> None:
    alone = [
        (line, text)
        for line, text, beside in strings(path)
        if not ENGLISH.search(text) and not any(ENGLISH.search(other) for other in beside)
    ]
    assert alone == []


@pytest.mark.parametrize("path", [*SCREENS, *MODULES], ids=lambda p: p.name)
def test_a_refusal_and_its_cure_are_told_in_both_languages(path: Path) -> None:
    halves = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("Error"):
            continue
        named = {k.arg for k in node.keywords}
        first = said(node.args[0]) if node.args else None
        chinese_first = first is not None and CHINESE.search(first)
        if (
            ("do_zh" in named) != ("do_en" in named)
            or ("zh" in named) != ("en" in named)
            or (
                chinese_first and len(node.args) < 2 and "en" not in named and not ENGLISH.search(first or "")
            )
        ):
            halves.append(ast.unparse(node))
    assert halves == []


@pytest.mark.parametrize("path", SCREENS, ids=lambda p: p.name)
def test_no_page_writes_a_text_of_its_own(path: Path) -> None:
    own = [
        ast.unparse(node)[:100]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in WRITES
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("st", "parts")
        and node.args
        and (text := said(node.args[0]))
        and (ENGLISH.search(re.sub(r"<[^>]*>", "", text)) or CHINESE.search(text))
    ]
    assert own == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_a_script_of_the_map_has_its_words_from_the_page(path: Path) -> None:
    code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", path.read_text("utf-8"), flags=re.DOTALL)
    assert CHINESE.findall(code) == []
    assert SHOWN.findall(code) == []


@pytest.mark.parametrize("path", SCREENS, ids=lambda p: p.name)
def test_the_command_explains_its_options_in_both_languages(path: Path) -> None:
    helps = [
        text
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("typer.Option", "typer.Argument", "typer.Typer")
        for k in node.keywords
        if k.arg == "help" and (text := said(k.value))
    ]
    assert [h for h in helps if not (CHINESE.search(h) and ENGLISH.search(h))] == []


def test_english_words_have_english_signs() -> None:
    from ui.map_text import TEXTS as MAP
    from ui.text import TEXTS

    # a Chinese typeface draws curly quotes as wide as a character
    odd = re.compile(r"[“”‘，。：；（）、！？]")
    assert {key: en for key, (_, en) in {**TEXTS, **MAP}.items() if odd.search(en)} == {}
