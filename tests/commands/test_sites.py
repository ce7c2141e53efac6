"""chigai sites: another choice on a plan that is there, shown or kept as a plan of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import cli
from geo import plans, schemas


def chigai(*words: object, lang: str = "zh") -> Result:
    return CliRunner().invoke(cli.app, ["--lang", lang, *map(str, words)])


@pytest.fixture(scope="module")
def lowered(plan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notice with targets and site minimums that the small demo region can reach."""
    from planning.programme import BUNDLED

    text = (BUNDLED / "jixi-2020-8.yml").read_text("utf-8")
    for old, new in (
        ("floor_mu: 40000", "floor_mu: 200"), ("ceiling_mu: 50000", "ceiling_mu: 300"),
        ("site_minimum_mu: 5000", "site_minimum_mu: 100"),
    ):  # fmt: skip
        text = text.replace(old, new)
    path = tmp_path_factory.mktemp("rules") / "small.yml"
    path.write_text(text, "utf-8")
    return path


def county(result: Result, code: str) -> dict:
    assert result.exit_code == 0, result.output
    return next(c for c in json.loads(result.stdout)["counties"] if c["county"] == code)


def test_the_same_question_gives_what_the_plan_has(plan_folder: Path) -> None:
    told = json.loads(chigai("sites", plan_folder, "--json").stdout)["counties"]
    had = [c for c in plans.read_meta(plan_folder)["counties"] if c["floor_mu"] is not None]
    assert [c["chosen_mu"] for c in told] == pytest.approx([c["chosen_mu"] for c in had])


def test_floor_ceiling_and_budget(plan_folder: Path, lowered: Path) -> None:
    ask = ("sites", plan_folder, "--programme", lowered, "--county", "230381", "--json")
    floor, ceiling = county(chigai(*ask, "--floor"), "230381"), county(chigai(*ask, "--ceiling"), "230381")
    assert 0 < floor["chosen_cost_yuan"] < ceiling["chosen_cost_yuan"]
    assert (floor["floor_mu"], floor["goal_mu"], ceiling["goal_mu"]) == (200, 200, 300)
    poor = county(chigai(*ask, "--budget", ceiling["chosen_cost_yuan"] / 4), "230381")
    assert poor["chosen_cost_yuan"] <= ceiling["chosen_cost_yuan"] / 4
    assert poor["chosen_mu"] < floor["chosen_mu"] and poor["over_budget"]
    assert poor["shortfall_mu"] > 0 and poor["cures"][0]["yuan"] > 0


def test_with_out_a_plan_of_its_own_is_kept_and_the_first_stays(
    plan_folder: Path, lowered: Path, tmp_path: Path
) -> None:
    before = {p.name: p.read_bytes() for p in plan_folder.iterdir()}
    result = chigai("sites", plan_folder, "--programme", lowered, "--floor", "--out", tmp_path / "less")
    assert result.exit_code == 0, result.output
    assert "虎林市" in result.output
    assert {p.name: p.read_bytes() for p in plan_folder.iterdir()} == before
    less = plans.read(tmp_path / "less")
    schemas.BLOCKS.validate(less.blocks)
    schemas.SITES.validate(less.sites)
    assert less.meta["sites_from"] == plans.read_meta(plan_folder)["id"]
    assert less.meta["id"] == "less"
    # what was asked last is kept where nothing else is asked
    again = chigai("sites", tmp_path / "less", "--programme", lowered, "--budget", 1e9, "--json")
    assert county(again, "230381")["goal_asked"] == "floor"
    first = plans.read(plan_folder).blocks
    pd.testing.assert_frame_equal(
        pd.DataFrame(less.blocks.drop(columns="site_id")), pd.DataFrame(first.drop(columns="site_id"))
    )
    good = less.sites[less.sites.meets_minimum]
    row = next(c for c in less.meta["counties"] if c["county"] == "230381")
    assert row["site_mu"] == pytest.approx(good.area_mu[good.county == "230381"].sum())
    assert {p.name for p in plan_folder.iterdir()} == {p.name for p in (tmp_path / "less").iterdir()}


@pytest.mark.parametrize(
    "words", [["--floor", "--ceiling"], ["--county", "230302"], ["--county", "110101"]], ids=" ".join
)
def test_what_cannot_be_asked_is_refused_in_both_languages(plan_folder: Path, words: list[str]) -> None:
    result = chigai("sites", plan_folder, *words)
    assert result.exit_code == 2
    assert "What to do" in result.stderr and "处理办法" in result.stderr


def test_a_folder_without_a_plan_and_one_that_is_taken(plan_folder: Path, tmp_path: Path) -> None:
    assert chigai("sites", tmp_path).exit_code == 2
    (tmp_path / "mine.txt").write_text("x")
    assert chigai("sites", plan_folder, "--out", tmp_path).exit_code == 2
    assert (tmp_path / "mine.txt").exists()
