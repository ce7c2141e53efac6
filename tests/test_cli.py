"""The chigai command: what it says, what it leaves on disk, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
from shapely.geometry import box
from typer.testing import CliRunner, Result

import cli
from geo import plans, synthetic
from planning import pipeline

ROOT = Path(__file__).resolve().parents[1]


def chigai(*words: object, lang: str = "zh") -> Result:
    return CliRunner().invoke(cli.app, ["--lang", lang, *map(str, words)])


def inputs(demo: Path) -> list[object]:
    return [demo / "parcels.gpkg", "--barriers", demo / "barriers.gpkg", "--dem", demo / "dem.tif"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo region that is planned in a moment."""
    return synthetic.make(tmp_path_factory.mktemp("small") / "demo", parcels=300, seed=2)


def unreadable(tmp_path: Path) -> list[list[object]]:
    text = tmp_path / "notes.shp"
    text.write_text("no shapefile at all")
    return [
        ["check", tmp_path / "nowhere.gpkg"],
        ["check", text],
        ["plan", tmp_path / "nowhere.gpkg", "--out", tmp_path / "p"],
        ["export", tmp_path, "--format", "gpkg", "--out", tmp_path / "x.gpkg"],
        ["app", "--plan", tmp_path],
    ]


def assert_refused(result: Result) -> None:
    """Exit 2, Chinese first, English after it, and no traceback."""
    assert result.exit_code == 2, result.output
    first, second = result.stderr.strip().splitlines()[-2:]
    assert any("一" <= c <= "鿿" for c in first)
    assert not any("一" <= c <= "鿿" for c in second.split(" What to do")[0].split(" (")[0])
    assert "Traceback" not in result.output


@pytest.mark.parametrize("case", range(5))
def test_bad_input_ends_with_2_and_one_message_in_both_languages(case: int, tmp_path: Path) -> None:
    assert_refused(chigai(*unreadable(tmp_path)[case]))


@pytest.mark.parametrize(
    "words",
    [
        ["plan"],
        ["plan", "x.gpkg"],
        ["plan", "x.gpkg", "--out", "p", "--max-mu", "many"],
        ["export", "p", "--format", "pdf", "--out", "x"],
        ["fly"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    assert chigai(*words).exit_code == 2


@pytest.mark.parametrize("pair", ["DKBM", "=DKBM", "parcel_id="])
def test_a_map_that_is_no_pair_is_refused(demo_folder: Path, pair: str) -> None:
    assert_refused(chigai("check", demo_folder / "parcels.gpkg", "--map", pair))


def test_a_parameter_out_of_its_range_is_refused(small: Path, tmp_path: Path) -> None:
    assert_refused(chigai("plan", *inputs(small), "--out", tmp_path / "p", "--max-mu", -1))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_programme_is_refused(small: Path, tmp_path: Path) -> None:
    assert_refused(chigai("plan", *inputs(small), "--out", tmp_path / "p", "--programme", "no-such"))


def test_a_folder_that_is_no_plan_is_not_overwritten(small: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert_refused(chigai("plan", *inputs(small), "--out", tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("verb", ["demo", "check", "plan", "export", "app"])
def test_every_verb_explains_itself(verb: str) -> None:
    result = chigai(verb, "--help")
    assert result.exit_code == 0
    assert "--help" in result.output


def test_help_is_not_slowed_by_what_it_does_not_need() -> None:
    code = "import sys, cli; print([m for m in ('geopandas', 'numba', 'streamlit', 'pandas', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_demo_writes_its_files(tmp_path: Path) -> None:
    result = chigai("demo", tmp_path / "d", "--parcels", 300)
    assert result.exit_code == 0, result.output
    written = {p.name for p in (tmp_path / "d").iterdir()}
    assert {"barriers.gpkg", "dem.tif", "parcels.gpkg"} <= written
    assert len(gpd.read_file(tmp_path / "d" / "parcels.gpkg")) == 300


def test_check_lists_what_it_found_and_ends_with_0(demo_folder: Path) -> None:
    result = chigai("check", *inputs(demo_folder))
    assert result.exit_code == 0, result.output
    assert "检查结果" in result.stdout and "已修复" in result.stdout and "剔除" in result.stdout


def test_check_json_is_json_and_its_areas_add_up(demo_folder: Path) -> None:
    result = chigai("check", *inputs(demo_folder), "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["area_in_mu"] == pytest.approx(
        report["area_planned_mu"] + report["area_left_out_mu"], rel=1e-4
    )
    assert {"kind", "severity", "action", "count", "area_mu", "zh", "en"} <= set(report["findings"][0])


def test_check_out_holds_findings_and_mended_parcels_without_names(demo_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "checked.gpkg"
    result = chigai("check", *inputs(demo_folder), "--out", out)
    assert result.exit_code == 0, result.output
    assert {name for name, _ in pyogrio.list_layers(out)} == {"findings", "parcels", "left_out"}
    parcels = gpd.read_file(out, layer="parcels")
    assert parcels.geometry.is_valid.all() and parcels.parcel_id.is_unique
    assert "operator" not in parcels.columns
    assert [p.name for p in tmp_path.iterdir()] == ["checked.gpkg"]


def test_plan_writes_a_plan_and_shows_each_county_against_its_target(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan"
    result = chigai("plan", *inputs(small), "--out", out)
    assert result.exit_code == 0, result.output
    meta = plans.read(out).meta
    for county in meta["counties"]:
        assert county["name_zh"] in result.stdout
        assert f"{county['compliant_mu']:,.0f}" in result.stdout
    assert "40,000–50,000" in result.stdout
    assert "读取" in result.stderr and "合并" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["plan"]


def test_plan_speaks_english_when_asked(small: Path, tmp_path: Path) -> None:
    result = chigai("plan", *inputs(small), "--out", tmp_path / "p", lang="en")
    assert "By county" in result.stdout and "Hulin" in result.stdout and "neighbours" in result.stderr


def test_plan_without_elevation_says_so(small: Path, tmp_path: Path) -> None:
    result = chigai("plan", small / "parcels.gpkg", "--out", tmp_path / "p")
    assert result.exit_code == 0, result.output
    assert "不计土方" in result.stderr
    assert plans.read(tmp_path / "p").meta["earthwork"] is False


def test_the_options_of_plan_reach_its_parameters(small: Path, tmp_path: Path) -> None:
    words = ["--max-mu", 30, "--max-step", 0.2, "--ridge-gap", 1.2, "--seed", 7]
    result = chigai("plan", *inputs(small), "--out", tmp_path / "p", *words)
    assert result.exit_code == 0, result.output
    meta = plans.read(tmp_path / "p").meta
    taken = {name: meta["parameters"][name] for name in ("max_mu", "max_step_m", "ridge_max_gap_m")}
    assert taken == {"max_mu": 30, "max_step_m": 0.2, "ridge_max_gap_m": 1.2}
    assert meta["seed"] == 7


def field_of_six(folder: Path) -> Path:
    """Six paddies of 2 mu in a row, in a file that names no county and calls its columns its own way."""
    side = (2 * 10000 / 15) ** 0.5
    shapes = [
        box(500_000 + i * (side + 0.4), 5_000_000, 500_000 + i * (side + 0.4) + side, 5_000_000 + side)
        for i in range(6)
    ]
    path = folder / "six.gpkg"
    frame = gpd.GeoDataFrame(
        {"plot": [f"P{i}" for i in range(6)], "use": [1, 1, 1, 1, 1, 2]}, geometry=shapes, crs=4553
    )
    frame.to_file(path, layer="plots")
    return path


def test_plan_takes_county_where_and_map_for_a_file_of_its_own_kind(tmp_path: Path) -> None:
    words = [
        "--county",
        "230321",
        "--where",
        "use = 1",
        "--map",
        "parcel_id=plot",
        "--layer",
        "plots",
        "--crs",
        4553,
    ]
    result = chigai("plan", field_of_six(tmp_path), *words, "--out", tmp_path / "p")
    assert result.exit_code == 0, result.output
    made = plans.read(tmp_path / "p")
    assert sorted(made.parcels.parcel_id) == ["P0", "P1", "P2", "P3", "P4"]
    assert set(made.parcels.county) == {"230321"}
    assert made.blocks.meets_minimum.any()


@pytest.mark.parametrize(
    ("fmt", "name"),
    [
        ("gpkg", "x.gpkg"),
        ("shp", "x.zip"),
        ("geojson", "x.geojson"),
        ("kml", "x.kml"),
        ("dxf", "x.dxf"),
        ("txt", "x.txt"),
        ("xlsx", "x.xlsx"),
        ("stakes", "x.zip"),
        ("sheets", "x.pdf"),
    ],
)
def test_export_writes_one_file_of_the_format(plan_folder: Path, tmp_path: Path, fmt: str, name: str) -> None:
    result = chigai("export", plan_folder, "--format", fmt, "--out", tmp_path / name)
    assert result.exit_code == 0, result.output
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_size > 0


def test_app_serves_this_machine_alone_and_takes_the_plan_in(
    plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uvicorn

    asked: dict[str, object] = {}
    monkeypatch.setattr(uvicorn, "run", lambda target, **options: asked.update(options, target=target))
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "elsewhere"))
    result = chigai("app", "--plan", plan_folder, "--port", 8699, "--home", tmp_path / "home")
    assert result.exit_code == 0, result.output
    assert (asked["host"], asked["port"]) == ("127.0.0.1", 8699)
    assert "http://127.0.0.1:8699/" in result.stdout
    assert [p.name for p in plans.find(tmp_path / "home")] == [plan_folder.name]


def test_opening_a_plan_never_replaces_another_of_its_name(
    plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uvicorn

    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: None)
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    other = tmp_path / "elsewhere" / plan_folder.name
    shutil.copytree(plan_folder, other)
    (other / "plan.json").write_text(
        json.dumps(plans.read_meta(other) | {"created": "2020-11-04T00:00:00+00:00"})
    )
    chinese = tmp_path / "方案一"
    shutil.copytree(plan_folder, chinese)
    for folder in (plan_folder, other, plan_folder, chinese):
        assert chigai("app", "--plan", folder, "--port", 8698).exit_code == 0
    found = plans.find(tmp_path / "home")
    assert len(found) == 3
    assert {plans.read_meta(p)["created"] for p in found} == {
        plans.read_meta(plan_folder)["created"],
        "2020-11-04T00:00:00+00:00",
    }


def test_something_unforeseen_ends_with_1_and_a_log_that_names_nobody(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = "张三"

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"{person} has a paddy that nobody foresaw")

    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(pipeline, "run", broken)
    result = chigai("plan", *inputs(small), "--out", tmp_path / "p")
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr and "Traceback" not in result.output
    (log,) = (tmp_path / "home" / "logs").iterdir()
    assert log.name in result.stderr
    assert person not in log.read_text("utf-8") + result.output


def test_a_stop_ends_with_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "make", stopped)
    result = chigai("demo", tmp_path / "d")
    assert result.exit_code == 130
    assert "取消" in result.stderr and "cancelled" in result.stderr


@pytest.mark.skipif(shutil.which("kill") is None or os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_in_a_real_run_leaves_nothing_behind(small: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "cli",
        "plan",
        *map(str, inputs(small)),
        "--out",
        str(tmp_path / "p"),
    ]

    def heeds_ctrl_c() -> None:
        # a shell that runs the tests in the background has told them, and so their children, to ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heeds_ctrl_c
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_refuses_a_missing_file_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "check", str(tmp_path / "nowhere.shp")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "nowhere.shp" in done.stderr and "Traceback" not in done.stderr
