"""The verbs for users: what they print, what the database holds afterwards, how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cli
from tracking import audit, people
from tracking.people import LOCAL
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"


def chigai(*words: object, lang: str = "zh") -> Result:
    return CliRunner().invoke(cli.app, ["--lang", lang, *map(str, words)])


def users() -> list[dict[str, Any]]:
    result = chigai("user", "list", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder of its own without a database."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)


def test_the_first_user_is_added_where_there_is_no_database_yet() -> None:
    assert "user add" in chigai("user", "list").stdout
    result = chigai("user", "add", "王主任", "Wang@example.cn", "planner", "--all-counties")
    assert result.exit_code == 0, result.output
    (user,) = users()
    assert (user["name"], user["email"], user["role"]) == ("王主任", "wang@example.cn", "planner")
    assert user["counties"] is None and user["active"] and user["last_seen"] is None
    assert user["id"] in result.stdout


def test_counties_are_named_by_name_in_either_language_or_by_code() -> None:
    named = ("--county", "虎林市", "--county", "Mishan", "--county", HULIN)
    assert chigai("user", "add", "李四", "li@example.cn", "field", *named).exit_code == 0
    assert users()[0]["counties"] == [HULIN, MISHAN]
    assert "虎林市" in chigai("user", "list").stdout
    assert "Mishan" in chigai("user", "list", lang="en").stdout


def test_a_user_is_changed_by_address_or_id_and_deactivated() -> None:
    chigai("user", "add", "李四", "li@example.cn", "field", "--county", HULIN)
    assert chigai("user", "change", "LI@example.cn", "--role", "official", "--all-counties").exit_code == 0
    (user,) = users()
    assert (user["role"], user["counties"], user["version"]) == ("official", None, 2)
    assert chigai("user", "change", user["id"], "--inactive", "--name", "李四四").exit_code == 0
    (user,) = users()
    assert (user["name"], user["active"]) == ("李四四", False)
    assert "停用" in chigai("user", "list").stdout
    assert "没有变化" in chigai("user", "change", user["id"], "--inactive").stdout
    assert chigai("user", "change", user["id"], "--active", "--email", "new@example.cn").exit_code == 0
    assert users()[0]["email"] == "new@example.cn"


@pytest.mark.parametrize(
    "words",
    [
        ("add", "李四", "li@example.cn", "field"),
        ("add", "李四", "li@example.cn", "boss", "--all-counties"),
        ("add", "李四", "li", "field", "--all-counties"),
        ("add", "李四", "li@example.cn", "field", "--county", "不存在县"),
        ("add", "李四", "li@example.cn", "field", "--county", HULIN, "--all-counties"),
        ("change", "nobody@example.cn", "--inactive"),
    ],
)
def test_what_cannot_be_ends_with_2_in_both_languages_and_changes_nothing(words: tuple[str, ...]) -> None:
    result = chigai("user", *words)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2 and "What to do" in result.stderr
    assert users() == []


def test_what_the_command_does_is_in_the_audit_as_of_this_machine() -> None:
    chigai("user", "add", "李四", "li@example.cn", "field", "--county", HULIN)
    found = audit.entries(Store(), LOCAL)
    assert list(found["actor"]) == [people.LOCAL.id] and list(found["action"]) == ["manage_users"]


def test_a_backup_is_in_the_audit_and_in_the_backup_itself(tmp_path: Path) -> None:
    assert chigai("db", "backup", tmp_path / "b.zip").exit_code == 0
    assert chigai("db", "restore", tmp_path / "b.zip", "--replace").exit_code == 0
    found = audit.entries(Store(), LOCAL)
    assert list(found["action"])[-1] == "backup" and list(found["target"])[-1] == "b.zip"
