"""The walls of the house: imports run one way, and every room says what it is for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("geo", "planning", "tracking", "ui")
MAY_IMPORT = {
    "geo": {"geo"},
    "planning": {"planning", "geo"},
    "tracking": {"tracking", "planning", "geo"},
    "ui": {"ui", "tracking", "planning", "geo"},
    "app": {"ui", "tracking", "planning", "geo"},
    "commands": {"commands", "ui", "tracking", "planning", "geo"},
    "cli": {"commands", "ui", "tracking", "planning", "geo"},
}
SCREENS = {"streamlit", "folium", "altair", "typer", "rich", "starlette", "uvicorn"}
DOORS = {"pyogrio", "ezdxf", "xlsxwriter", "openpyxl", "rasterio", "sqlalchemy"}
LONGEST = 400
MODULES = sorted(
    [
        ROOT / "app.py",
        ROOT / "cli.py",
        *(p for room in (*ROOMS, "commands") for p in (ROOT / room).rglob("*.py")),
    ]
)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """The top packages that a module names in an import, at its head or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert imported(path) & set(MAY_IMPORT) <= MAY_IMPORT[room]


@pytest.mark.parametrize("room", ["geo", "planning", "tracking"])
def test_below_the_screen_nothing_knows_a_screen(room: str) -> None:
    assert {name_of(p): s for p in (ROOT / room).rglob("*.py") if (s := imported(p) & SCREENS)} == {}


def test_planning_knows_no_file_format() -> None:
    assert {name_of(p): d for p in (ROOT / "planning").rglob("*.py") if (d := imported(p) & DOORS)} == {}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_in_its_first_line_what_it_is_for(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert said is not None and said.splitlines()[0].strip()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_fits_in_the_head(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LONGEST
