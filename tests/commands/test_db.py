"""The verbs of the database, as they are typed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from cli import app
from tests.tracking.camera import photo
from tracking import photos, tables
from tracking.store import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def chigai(home: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, ["--lang", "en", *map(str, words)])


def aged(home: Path, *shas: str) -> None:
    """As if these photos had come eight days ago."""
    store = Store()
    with store.reading() as connection:
        rows = [dict(r._mapping) for r in connection.execute(sa.select(tables.files)) if r.sha in shas]
    before = datetime.now(UTC) - timedelta(days=8)
    with store.writing() as connection:
        connection.execute(sa.delete(tables.files).where(tables.files.c.sha.in_(shas)))
        connection.execute(sa.insert(tables.files), [row | {"received": before} for row in rows])
    store.close()


def test_photos_that_nobody_named_are_listed_and_then_cleared(
    chigai: Callable[..., Result], home: Path
) -> None:
    assert chigai("db", "upgrade").exit_code == 0
    store = Store()
    old, new = (photos.keep(store, photo(shade=i), "field", home).sha for i in range(2))
    store.close()
    aged(home, old)
    said = chigai("db", "tidy")
    assert said.exit_code == 0 and old in said.output and new not in said.output
    assert "within 7 days: 1," in said.output and "--clear" in said.output
    assert photos.path(home, old).exists()
    said = chigai("db", "tidy", "--clear")
    assert said.exit_code == 0 and "Photos cleared: 1" in said.output
    assert not photos.path(home, old).exists() and photos.path(home, new).exists()
    assert "within 7 days: 0," in chigai("db", "tidy").output


def test_a_backup_tells_of_photos_and_of_those_that_are_lost(
    chigai: Callable[..., Result], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chigai("db", "upgrade").exit_code == 0
    store = Store()
    kept, lost = (photos.keep(store, photo(shade=i), "field", home).sha for i in range(2))
    store.close()
    photos.path(home, lost).unlink()
    said = chigai("db", "backup", tmp_path / "b.zip")
    assert said.exit_code == 0 and "photos 1, sha256" in said.output
    assert "lost" in said.output and lost in "".join(said.output.split())
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "other"))
    said = chigai("db", "restore", tmp_path / "b.zip")
    assert said.exit_code == 0 and "photos 1" in said.output
    assert photos.path(tmp_path / "other", kept).exists()
    with sqlite3.connect(tmp_path / "other" / "chigai.db") as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone() == (2,)
