"""What the two READMEs tell people to type and to open exists."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import cli
from geo.checking.findings import KINDS
from geo.schemas import REASONS

ROOT = Path(__file__).resolve().parents[1]
READMES = ["README.md", "README.zh-CN.md"]


def commands(readme: str) -> list[list[str]]:
    """The words of every line in the shell blocks and of every `command` in the text."""
    text = (ROOT / readme).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = [
        part for code in re.findall(r"`((?:make|chigai|conda) [^`]+)`", text) for part in code.split("&&")
    ]
    return [words for line in lines + inline if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("readme", READMES)
def test_every_chigai_command_shown_is_understood(readme: str) -> None:
    shown = [words[1:] for words in commands(readme) if words[0] == "chigai"]
    group = typer.main.get_command(cli.app)
    assert isinstance(group, typer.core.TyperGroup)
    for words in shown:
        if words[:1] == ["--lang"]:
            words = words[2:]
        verb = group.commands[words[0]]
        # parses and stops there: --help would print and leave
        verb.make_context(
            words[0], [word for word in words[1:] if word != "--help"], resilient_parsing="--help" in words
        )
    assert {next(w for w in words if w in group.commands) for words in shown} == set(group.commands)


@pytest.mark.parametrize("readme", READMES)
def test_every_make_target_shown_exists(readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = {words[1] for words in commands(readme) if words[0] == "make"}
    assert {"app", "test"} <= shown <= targets


@pytest.mark.parametrize("readme", READMES)
def test_every_link_leads_to_a_file(readme: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / readme).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_picture_of_the_map_is_small() -> None:
    assert (ROOT / "docs/map.png").stat().st_size <= 400 * 1024


def test_the_guide_explains_every_finding_and_every_reason() -> None:
    guide = (ROOT / "docs/guide.zh-CN.md").read_text("utf-8")
    told = set()
    for path in [*(ROOT / "geo").rglob("*.py"), *(ROOT / "planning").rglob("*.py")]:
        for call in (
            node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
        ):
            place = {"Finding": 0, "per_row": 1}.get(ast.unparse(call.func).split(".")[-1])
            if place is None:
                continue
            named = [k.value for k in call.keywords if k.arg == "kind"]
            kind = (named or call.args[place : place + 1])[0]
            if isinstance(kind, ast.Constant):
                told.add(ast.literal_eval(kind))
    explained = set(re.findall(r"^\| [^|]*`([a-z_]+)` \|", guide, re.MULTILINE))
    assert explained == {*KINDS, *told, *REASONS}


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/decisions.md"])
def test_every_module_that_the_docs_name_exists(page: str) -> None:
    named = re.findall(r"\b((?:geo|planning|tracking|ui)(?:[./][a-z_]+)+)", (ROOT / page).read_text("utf-8"))
    paths = [ROOT / name.removesuffix(".py").replace(".", "/") for name in named]
    assert [path for path in paths if not (path.is_dir() or path.with_suffix(".py").exists())] == []


def test_the_guide_shows_the_pictures_that_are_there_and_they_are_small() -> None:
    docs = ROOT / "docs"
    named = set(re.findall(r"!\[[^\]]+\]\((pictures/[^)]+)\)", (docs / "guide.zh-CN.md").read_text("utf-8")))
    there = {p.relative_to(docs).as_posix(): p for p in (docs / "pictures").iterdir()}
    assert named == set(there)
    assert len(there) <= 12 and all(p.stat().st_size < 150_000 for p in there.values())
