"""The verbs that follow the work: what they print, what the database holds afterwards, how they end."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cli
from geo import plans
from tracking import ledger
from tracking.store import Store

FIELDS = [
    "county", "name", "floor_mu", "ceiling_mu", "deadline", "planned_mu", "started_mu", "finished_mu",
    "accepted_mu", "counted_mu", "days_left", "pace_mu_per_day", "needed_mu_per_day", "forecast_mu",
    "forecast_low_mu", "forecast_high_mu", "state", "last_report",
]  # fmt: skip


def chigai(*words: object, lang: str = "zh") -> Result:
    return CliRunner().invoke(cli.app, ["--lang", lang, *map(str, words)])


def table(*words: object) -> list[dict[str, Any]]:
    result = chigai("targets", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def home(tmp_path: Path, plan_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own with one plan in it and no database yet."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)
    shutil.copytree(plan_folder, tmp_path / "home" / "plans" / "plan")
    return tmp_path / "home"


@pytest.fixture
def block(home: Path) -> Any:
    """The first block of Hulin in the plan."""
    blocks = plans.read(home / "plans" / "plan").blocks
    return blocks[blocks["county"] == "230381"].iloc[0]


def reports(tmp_path: Path, rows: list[dict[str, Any]], name: str = "reports.json") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    return path


def way(block_id: str) -> list[dict[str, Any]]:
    return [
        {"kind": "plan_approved", "happened": "2021-09-20"},
        {"kind": "started", "block_id": block_id, "happened": "2021-10-06T08:00"},
        {"kind": "finished", "block_id": block_id, "happened": "2021-10-08T17:00"},
    ]


def test_the_table_of_a_plan_on_which_nothing_was_reported(home: Path) -> None:
    rows = table("--as-of", "2021-11-15")
    assert [list(row) for row in rows] == [FIELDS] * 9
    blocks = plans.read(home / "plans" / "plan").blocks
    planned = blocks.groupby("county")["area_mu"].sum()
    assert {row["county"]: row["planned_mu"] for row in rows} == pytest.approx(
        {row["county"]: planned.get(row["county"], 0.0) for row in rows}
    )
    hulin = rows[0]
    assert (hulin["name"], hulin["floor_mu"], hulin["deadline"]) == ("虎林市", 40_000, "2022-04-20")
    assert (hulin["days_left"], hulin["state"], hulin["forecast_mu"]) == (156, "at_risk", None)
    assert [row["state"] for row in rows][-1] == "no_target"


def test_what_is_imported_is_in_the_table_and_the_same_file_again_changes_nothing(
    home: Path, block: Any, tmp_path: Path
) -> None:
    path = reports(tmp_path, way(block["block_id"]))
    first = chigai("report", "import", path, "--actor", "乡镇办", "--json")
    assert first.exit_code == 0, first.output
    answers = json.loads(first.stdout)
    assert [(a["row"], a["status"]) for a in answers] == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    hulin = table("--as-of", "2021-11-15")[0]
    assert hulin["finished_mu"] == pytest.approx(block["area_mu"])
    assert hulin["last_report"] == "2021-10-08"
    assert table("--as-of", "2021-10-07")[0]["finished_mu"] == 0

    again = json.loads(chigai("report", "import", path, "--actor", "乡镇办", "--json").stdout)
    assert {a["status"] for a in again} == {"repeated"}
    assert table("--as-of", "2021-11-15")[0] == hulin
    assert chigai("ledger", "verify").exit_code == 0


def test_every_row_is_answered_and_a_refusal_ends_with_2(home: Path, block: Any, tmp_path: Path) -> None:
    own = {"kind": "started", "block_id": block["block_id"], "happened": "2021-10-06"}
    same_id = own | {"id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "happened": "2021-10-07"}
    rows = [
        {"kind": "plan_approved", "happened": "2021-09-20"},
        same_id,
        same_id | {"note": "另一份"},
        own | {"block_id": "nowhere"},
        own | {"happened": "last week"},
        own | {"kind": "progress", "done_mu": "a lot"},
    ]
    result = chigai("report", "import", reports(tmp_path, rows), "--json")
    assert result.exit_code == 2
    answers = json.loads(result.stdout)
    assert [a["status"] for a in answers] == [
        "accepted", "accepted", "conflict", "refused", "refused", "refused",
    ]  # fmt: skip
    assert all(a["zh"] and a["en"] for a in answers)
    shown = chigai("report", "import", reports(tmp_path, rows), lang="en")
    assert shown.exit_code == 2
    assert "6 reports: 2 repeated, 1 conflict, 3 refused" in shown.stdout


def test_a_csv_may_be_chinese_and_in_gbk(home: Path, block: Any, tmp_path: Path) -> None:
    path = tmp_path / "填报.csv"
    path.write_bytes(
        (
            "类型,大池,时间,填报人\n方案批准,,2021-09-20,市级\n"
            f"开工,{block['block_id']},2021/10/06 08:00,施工队\n完工,{block['block_id']},2021-10-08,施工队\n"
        ).encode("gb18030")
    )
    result = chigai("report", "import", path)
    assert result.exit_code == 0, result.output
    assert "已收 3" in result.stdout
    assert set(ledger.events(Store())["actor"]) == {"市级", "施工队"}


def test_papers_typed_in_later_count_as_received_when_they_happened(
    home: Path, block: Any, tmp_path: Path
) -> None:
    path = reports(tmp_path, way(block["block_id"]))
    assert chigai("report", "import", path, "--backlog").exit_code == 0
    seen = ledger.events(Store())
    assert seen["received"].max().year == 2021
    assert seen["note"].str.contains("补录").all()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "kind,colour\nstarted,blue\n"),
        ("x.json", "{}"),
        ("x.json", "[1]"),
        ("x.json", "no json"),
        ("missing.csv", None),
    ],
)
def test_a_file_that_is_no_list_of_reports_is_refused(
    home: Path, tmp_path: Path, name: str, text: str | None
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    result = chigai("report", "import", tmp_path / name)
    assert result.exit_code == 2
    assert "Traceback" not in result.output and result.stderr


def test_one_report_at_a_time(home: Path, block: Any) -> None:
    assert chigai("report", "add", "plan_approved", "--actor", "市级").exit_code == 0
    done = chigai(
        "report", "add", "started", block["block_id"], "--actor", "施工队", "--happened", "2021-10-06"
    )
    # the plan was approved after that day
    assert done.exit_code == 2
    assert "拒收" in done.stdout
    assert chigai("report", "add", "started", block["block_id"], "--actor", "施工队").exit_code == 0


def test_a_plan_that_is_nowhere_is_refused(home: Path) -> None:
    result = chigai("targets", "--plan", "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


def test_tables_speak_both_languages_and_show_the_outcome_after_the_deadline(
    home: Path, block: Any, tmp_path: Path
) -> None:
    chigai("report", "import", reports(tmp_path, way(block["block_id"])))
    zh = chigai("targets", "--as-of", "2021-11-15")
    assert zh.exit_code == 0 and "虎林市" in zh.stdout and "有风险" in zh.stdout and "未报送" in zh.stdout
    en = chigai("targets", "--as-of", "2022-05-01", lang="en")
    assert "missed, short by 40,000" in en.stdout
    assert "finished but not counted" in en.stdout


def test_scheme_b_is_reported_put_right_and_printed_with_the_targets(home: Path, tmp_path: Path) -> None:
    words = ("--measure", "nozzles", "--county", "230382", "--actor", "crew", "--happened")
    told = chigai("report", "add", "measure", *words, "2021-05-01", "--units", 500, "--json")
    assert told.exit_code == 0, told.output
    path = tmp_path / "b.csv"
    path.write_text(
        f"kind,measure,county,units,happened,corrects\n更正,,,5000,2021-05-02,{json.loads(told.stdout)[0]['id']}\n"
        "三减,soil_test,230381,290000,2021-05-03,\nmeasure,soil_test,230381,1,2022-05-03,\n"
    )
    assert chigai("report", "import", path).exit_code == 0
    result = chigai("targets", "--as-of", "2022-11-15", lang="en")
    assert result.exit_code == 0, result.output
    assert "4.50" in result.stdout, "5,000 sets of 30 mu at 30 g"
    assert "145.00" in result.stdout, "290,000 mu at 0.5 kg"
    assert "do not count" in result.stdout, "what was done in 2022"
    found = json.loads(chigai("targets", "--as-of", "2021-11-15", "--measures", "--json").stdout)
    assert [goal["saved_t"] for goal in found["goals"]] == pytest.approx([145.0, 4.5])
    mine = next(row for row in found["measures"] if (row["measure"], row["county"]) == ("nozzles", "230382"))
    assert (mine["done"], mine["share"], mine["saved_t"]) == (5000, 1.0, pytest.approx(4.5))


def test_a_report_of_scheme_b_that_no_county_owes_is_refused(home: Path) -> None:
    result = chigai(
        "report", "add", "measure", "--measure", "magic", "--county", "230382", "--units", 1, "--json"
    )
    (answer,) = json.loads(result.stdout)
    assert result.exit_code == 2 and answer["code"] == "measure" and "nozzles" in answer["en"]


def test_a_backup_is_restored_into_another_home(
    home: Path, block: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chigai("report", "import", reports(tmp_path, way(block["block_id"])))
    before = table("--as-of", "2021-11-15")
    assert chigai("db", "backup", tmp_path / "ledger.zip").exit_code == 0
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "other"))
    assert chigai("db", "upgrade").exit_code == 0
    assert chigai("db", "restore", tmp_path / "ledger.zip").exit_code == 0
    assert table("--as-of", "2021-11-15") == before
    assert chigai("db", "restore", tmp_path / "ledger.zip").exit_code == 2
    assert chigai("db", "restore", tmp_path / "ledger.zip", "--replace").exit_code == 0


def test_tampering_is_told(home: Path, block: Any, tmp_path: Path) -> None:
    import sqlite3

    chigai("report", "import", reports(tmp_path, way(block["block_id"])))
    with sqlite3.connect(home / "chigai.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET actor = 'somebody else' WHERE seq = 2")
    result = chigai("ledger", "verify")
    assert result.exit_code == 2
    assert "第 2 条" in result.stderr and "event 2" in result.stderr


def test_a_ledger_that_was_written_anew_as_a_whole_is_found_by_what_was_noted_down(
    home: Path, block: Any, tmp_path: Path
) -> None:
    import sqlite3

    chigai("report", "import", reports(tmp_path, way(block["block_id"])))
    said = chigai("ledger", "verify", lang="en").output
    number, seal = re.search(r"(\d+) events, head ([0-9a-f]{64})", said).groups()  # type: ignore[union-attr]
    assert chigai("ledger", "verify", "--noted", f"{number}:{seal}").exit_code == 0
    assert chigai("ledger", "verify", "--noted", seal).exit_code == 2
    with sqlite3.connect(home / "chigai.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM events WHERE seq = ?", (int(number),))
        connection.execute(
            "UPDATE ledger_head SET seq = seq - 1, hash = (SELECT hash FROM events ORDER BY seq DESC LIMIT 1)"
        )
    assert chigai("ledger", "verify").exit_code == 0
    assert chigai("ledger", "verify", "--noted", f"{number}:{seal}").exit_code == 2


@pytest.fixture(scope="module")
def season_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder that `chigai demo DIR --history` filled from nothing."""
    folder = tmp_path_factory.mktemp("season")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(folder / "home"))
        patch.delenv("CHIGAI_DATABASE_URL", raising=False)
        result = chigai("demo", folder / "region", "--parcels", 1500, "--history")
        assert result.exit_code == 0, result.output
        yield folder


def test_the_demo_with_a_history_has_one_county_ahead_one_behind_and_one_silent(season_home: Path) -> None:
    assert (season_home / "region" / "parcels.gpkg").exists()
    hulin, mishan, jidong = table("--as-of", "2021-11-15")[:3]
    share = [row["finished_mu"] / row["planned_mu"] for row in (hulin, mishan, jidong)]
    assert share[0] > share[1] > share[2] > 0
    assert jidong["last_report"] < "2021-10-15" < hulin["last_report"]
    assert "鸡东县 未报送" in chigai("targets", "--as-of", "2021-11-15").stdout


def test_the_history_once_more_changes_nothing(season_home: Path) -> None:
    before = table("--as-of", "2022-05-01")
    result = chigai("demo", season_home / "region", "--parcels", 1500, "--history", lang="en")
    assert result.exit_code == 0, result.output
    assert " 0 new" in result.stdout
    assert table("--as-of", "2022-05-01") == before


def test_the_demo_without_a_folder_needs_the_history(home: Path) -> None:
    assert chigai("demo").exit_code == 2
