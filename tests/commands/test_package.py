"""`chigai package`: a village's package made and taken back on the command line, how it ends and what it prints."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cli
from geo import plans
from tests.tracking.packages.phone import fill, packed, row, unpacked
from tracking import ledger, package_rows
from tracking.store import Store


def chigai(*words: object, lang: str = "zh") -> Result:
    return CliRunner().invoke(cli.app, ["--lang", lang, *map(str, words)])


@pytest.fixture
def home(tmp_path: Path, plan_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own with one plan in it and no database yet."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)
    monkeypatch.setattr(package_rows, "read_apart", package_rows.read)
    shutil.copytree(plan_folder, tmp_path / "home" / "plans" / "plan")
    return tmp_path / "home"


@pytest.fixture
def village(home: Path) -> str:
    """A village of the plan that has blocks."""
    parcels = plans.read(home / "plans" / "plan").parcels
    return str(parcels.dropna(subset=["block_id", "village"])["village"].iloc[0])


def test_a_village_is_packed_filled_and_taken_back_twice(home: Path, village: str, tmp_path: Path) -> None:
    made = chigai("package", "plan", "--village", village, "--out", tmp_path / "out")
    assert made.exit_code == 0, made.output
    path = Path(made.stdout.strip().splitlines()[0])
    assert path.parent == tmp_path / "out" and "已做好 1 个上报包" in made.stderr
    plan_id = plans.read_meta(home / "plans" / "plan")["id"]
    assert chigai("report", "add", "plan_approved", "--happened", "2021-09-20").exit_code == 0

    import pyogrio

    phone = unpacked(path, tmp_path / "phone")
    block = pyogrio.read_dataframe(phone / "blocks.gpkg", layer="blocks").iloc[0]["block_id"]
    common = {"block": block, "plan_id": plan_id}
    fill(
        phone,
        [row("started", "2021-10-08T08:00:00", **common), row("started", "2099-10-08T08:00:00", **common)],
    )
    back = packed(phone, tmp_path / "back.zip")
    first = chigai("package", "import", back, "--actor", "施工一队", "--list", tmp_path / "l.csv", "--json")
    assert first.exit_code == 2, first.output
    answers = json.loads(first.stdout)
    assert [(a["row"], a["status"], a["code"]) for a in answers] == [
        (1, "accepted", ""),
        (2, "refused", "future"),
    ]
    assert "拒收 refused" in (tmp_path / "l.csv").read_text("utf-8-sig")
    before = ledger.events(Store())
    assert set(before["actor"]) >= {"施工一队"}

    again = chigai("package", "import", back, "--actor", "施工二队", lang="en")
    assert again.exit_code == 2 and "2 reports: 1 repeated, 1 refused" in again.stdout
    assert len(ledger.events(Store())) == len(before)
    shown = chigai("package", "import", back)
    assert "重复 1，拒收 1" in shown.stdout and "检查手机时间" in shown.stdout


def test_all_villages_have_one_each_and_the_newest_plan_is_meant(home: Path, tmp_path: Path) -> None:
    made = chigai("package", "--all", "--out", tmp_path / "out")
    assert made.exit_code == 0, made.output
    paths = [Path(line) for line in made.stdout.split("\n") if line]
    assert paths and all(zipfile.is_zipfile(p) for p in paths)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in paths)


@pytest.mark.parametrize(
    "words",
    [
        ("package", "plan", "--out", "x"),
        ("package", "plan", "--all", "--village", "V", "--out", "x"),
        ("package", "plan", "--all"),
        ("package", "nowhere", "--all", "--out", "x"),
        ("package", "plan", "--village", "nowhere", "--out", "x"),
        ("package", "import", "nowhere.zip"),
        ("package", "import", __file__),
    ],
)
def test_what_cannot_be_done_is_refused_with_2(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = chigai(*words)
    assert result.exit_code == 2
    assert result.stderr and "Traceback" not in result.output


def test_the_help_shows_both_ways() -> None:
    shown = chigai("package", "--help")
    assert shown.exit_code == 0 and "make" in shown.output and "import" in shown.output
