"""`make setup` makes the environment once, says what a machine lacks, and makes it anew when the lock changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

# stands for python3: notes what it is asked, and makes a .venv whose programs do the same
PYTHON = """#!/bin/sh
echo "python $*" >> "{log}"
case "$*" in
  *version_info*) exit {too_old} ;;
  *ensurepip*) exit {no_venv} ;;
  "-m venv"*) mkdir -p .venv/bin
     for p in pip chigai python; do
       printf '#!/bin/sh\\necho "%s $*" >> "{log}"\\n' $p > .venv/bin/$p; chmod +x .venv/bin/$p
     done ;;
esac
"""


class House:
    """A copy of the files that set-up looks at, with a Python that only takes notes."""

    def __init__(self, folder: Path, too_old: int = 0, no_venv: int = 0) -> None:
        self.folder, self.log = folder, folder / "log.txt"
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "requirements.lock").write_text("rich==14.0\n")
        (folder / "pyproject.toml").write_text("[project]\n")
        self.python = folder / "fake-python"
        self.python.write_text(PYTHON.format(log=self.log, too_old=too_old, no_venv=no_venv))
        self.python.chmod(0o755)

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        command = ["make", *words, f"PYTHON={self.python}"]
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def test_set_up_installs_the_lock_by_hash_and_then_the_project(tmp_path: Path) -> None:
    house = House(tmp_path)
    done = house.make("setup")
    assert done.returncode == 0, done.stderr
    pip = [call for call in house.calls() if call.startswith("pip")]
    assert pip == [
        "pip install --quiet --require-hashes -r requirements.lock",
        "pip install --quiet --no-deps --no-build-isolation -e .",
    ]


def test_a_second_set_up_does_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.make("setup")
    before = house.calls()
    done = house.make("setup")
    assert done.returncode == 0
    assert house.calls() == before


def test_a_changed_lock_is_installed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.make("setup")
    house.log.unlink()
    (tmp_path / "requirements.lock").write_text("rich==14.1\n")
    house.make("setup")
    assert "pip install --quiet --require-hashes -r requirements.lock" in house.calls()


def test_an_old_python_is_refused_in_both_languages(tmp_path: Path) -> None:
    done = House(tmp_path, too_old=1).make("setup")
    assert done.returncode != 0
    assert "Python 3.11" in done.stderr and "需要" in done.stderr and "PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    done = House(tmp_path, no_venv=1).make("setup")
    assert done.returncode != 0
    assert "python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_app_makes_the_demo_and_its_plan_and_serves_on_the_port_named(tmp_path: Path) -> None:
    house = House(tmp_path)
    done = house.make("app", "PORT=8600", "CHIGAI_HOME=kept")
    assert done.returncode == 0, done.stderr
    assert [call.split(" --")[0] for call in house.calls() if call.startswith("chigai")][-3:] == [
        "chigai demo kept/demo",
        "chigai plan kept/demo/parcels.gpkg",
        "chigai app",
    ]
    assert house.calls()[-1] == "chigai app --port 8600"
