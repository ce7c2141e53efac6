"""The environment is the same whichever way it is made, and no file ties it to one registry."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def wanted() -> dict[str, SpecifierSet]:
    """What pyproject.toml asks for, with the tools of the tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    return {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines)}


def test_environment_yml_asks_for_what_pyproject_asks_for() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    by_pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    lines = [entry for entry in listed if isinstance(entry, str)] + [
        line for line in by_pip if line != "-e ."
    ]
    found = {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines)}
    python = found.pop("python")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert python == SpecifierSet(project["requires-python"])
    found.pop("pip")
    assert found == wanted()
    assert "-e ." in by_pip


def locked() -> dict[str, str]:
    """The version of each package in requirements.lock."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)
    }


def test_the_lock_satisfies_pyproject() -> None:
    versions = locked()
    assert {
        name: versions.get(name) for name, spec in wanted().items() if versions.get(name) not in spec
    } == {}


def test_every_locked_package_carries_hashes() -> None:
    blocks = re.split(
        r"^(?=[A-Za-z0-9])", (ROOT / "requirements.lock").read_text("utf-8"), flags=re.MULTILINE
    )
    bare = [
        block.split()[0] for block in blocks if "==" in block.split("\n")[0] and "--hash=sha256:" not in block
    ]
    assert bare == []


def test_no_committed_file_names_a_registry() -> None:
    # put together here, so that this file names none either
    hosts = [
        "pypi" + ".org",
        "python" + "hosted",
        "registry.npm" + "js",
        "conda.ana" + "conda",
        "--index" + "-url",
    ]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: the committed files are not known")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    found = [
        (name, host)
        for name in names
        if (ROOT / name).is_file() and not name.endswith((".png", ".ttf", ".woff2"))
        for host in hosts
        if host in (ROOT / name).read_text("utf-8", errors="replace")
    ]
    assert found == []
