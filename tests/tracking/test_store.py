"""One schema in two homes: the same tables, the same rules of writing, plans registered with their versions."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from geo.errors import ChigaiError
from tracking import tables
from tracking.ledger import Event, append
from tracking.register import ChangedError, change_block, register_plan
from tracking.states import states
from tracking.store import Store, migrate


def speaks_both(error: ChigaiError) -> bool:
    """Whether an error says in both languages what is wrong and what to do."""
    han = any("一" <= c <= "鿿" for c in error.zh)
    return bool(han and error.en and error.do_zh and error.do_en)


def test_an_empty_database_is_upgraded_once_and_stays(home: str, new_database: Callable[..., str]) -> None:
    store = Store(new_database(home, bare=True))
    assert store.version() is None
    assert store.upgrade() == store.version() == store.upgrade()
    with store.reading() as connection:
        assert connection.execute(sa.select(tables.head)).all() == [(1, 0, "0" * 64)]
    store.close()


def test_the_steps_lead_to_the_tables_that_the_code_knows(store: Store) -> None:
    ours = set(tables.metadata.tables)

    def include(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in ours

    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": include})
        found = compare_metadata(context, tables.metadata)
    # made by hand: alembic does not know of it
    assert [d for d in found if not (d[0] == "remove_index" and d[1].name == "blocks_geometry")] == []


def test_what_was_upgraded_can_be_taken_back_whole(home: str, new_database: Callable[..., str]) -> None:
    store = Store(new_database(home))
    with store.writing() as connection:
        migrate(connection, "base")
    assert store.version() is None
    with store.engine.connect() as connection:
        assert set(sa.inspect(connection).get_table_names()) & set(tables.metadata.tables) == set()
    store.upgrade()
    store.close()


def test_two_who_upgrade_at_once_do_not_collide(home: str, new_database: Callable[..., str]) -> None:
    url = new_database(home, bare=True)
    stores = [Store(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(Store.upgrade, stores))) == 1


def test_a_database_without_tables_says_how_to_get_them(home: str, new_database: Callable[..., str]) -> None:
    store = Store(new_database(home, bare=True))
    with pytest.raises(ChigaiError, match="chigai db upgrade") as caught, store.reading():
        pass
    assert speaks_both(caught.value)


def test_a_database_of_a_newer_chigai_is_left_alone(home: str, new_database: Callable[..., str]) -> None:
    url = new_database(home)
    with Store(url).writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store = Store(url)
    with pytest.raises(ChigaiError, match="newer") as caught, store.reading():
        pass
    assert speaks_both(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "mysql://a/b", "sqlite://", "sqlite:///:memory:", "postgresql"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ChigaiError) as caught:
        Store(url)
    assert speaks_both(caught.value)


def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    store = Store("postgresql://chigai:hunter2@127.0.0.1:9/none")
    with pytest.raises(ChigaiError) as caught:
        store.version()
    assert speaks_both(caught.value)
    assert "hunter2" not in str(caught.value) + repr(store)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "chigai.db").write_text("no database " * 100)
    with pytest.raises(ChigaiError) as caught:
        Store(f"sqlite:///{tmp_path}/chigai.db").version()
    assert speaks_both(caught.value)


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ChigaiError, match="cannot be made") as caught:
        Store(f"sqlite:///{tmp_path}/file/chigai.db")
    assert speaks_both(caught.value)


def test_what_goes_wrong_in_the_callers_own_work_is_not_put_on_the_database(store: Store) -> None:
    with pytest.raises(BrokenPipeError), store.reading():
        raise BrokenPipeError


def test_without_an_address_the_file_lies_in_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "kept"))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)
    store = Store()
    store.upgrade()
    assert (tmp_path / "kept" / "chigai.db").exists()
    monkeypatch.setenv("CHIGAI_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    assert Store().path == tmp_path / "other.db"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_takes_the_driver_that_is_there(scheme: str) -> None:
    assert Store(f"{scheme}://u@127.0.0.1/x").url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_sqlite_is_set_to_lose_nothing_and_to_be_read_by_its_owner_only(store: Store) -> None:
    with store.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "recursive_triggers")
        }
    assert found.pop("busy_timeout") >= 10_000
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}
    assert store.path is not None
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_opening_the_database_again_lets_go_of_no_lock(store: Store) -> None:
    # closing any other handle on the file drops the locks of the whole process: whoever came and went then
    # would take himself for the last one and take the log of the writes away
    url = store.url.render_as_string()
    visit = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM events'); c.close()"
    )
    with store.reading() as connection:
        connection.execute(sa.select(tables.head)).all()
    log = Path(f"{store.path}-wal")
    before = log.stat().st_ino
    Store(url).close()
    subprocess.run([sys.executable, "-c", visit, str(store.path)], check=True)
    assert log.exists() and log.stat().st_ino == before


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_postgis_holds_the_outlines_as_geometry(followed: Store) -> None:
    with followed.reading() as connection:
        column = connection.execute(
            sa.text("SELECT type, srid, coord_dimension FROM geometry_columns WHERE f_table_name = 'blocks'")
        ).one()
        assert tuple(column) == ("MULTIPOLYGON", 4490, 2)
        measured = connection.execute(
            sa.text("SELECT ST_Area(ST_Transform(geometry, 4553)) * 15 / 10000, area_mu FROM blocks")
        ).all()
    assert [round(a, 4) for a, _ in measured] == [round(b, 4) for _, b in measured]


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_a_user_who_may_not_add_postgis_is_told_whom_to_ask(
    home: str, new_database: Callable[..., str]
) -> None:
    url = sa.make_url(new_database(home, bare=True))
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS plain")
        connection.exec_driver_sql("CREATE ROLE plain LOGIN")
        connection.exec_driver_sql("GRANT ALL ON SCHEMA public TO plain")
    engine.dispose()
    with pytest.raises(ChigaiError, match="PostGIS") as caught:
        Store(url.set(username="plain").render_as_string()).upgrade()
    assert speaks_both(caught.value)


def test_a_plan_is_registered_once(store: Store, write_plan: Callable[..., Path]) -> None:
    folder = write_plan()
    assert register_plan(store, folder, "planner") == 4
    assert register_plan(store, folder, "planner") == 0
    found = states(store)
    assert found["block_id"].tolist() == ["b1", "b2", "b3", "b4"]
    assert found["area_mu"].tolist() == pytest.approx([30.0] * 4)
    assert found["site_meets_minimum"].tolist() == [True, True, False, False]
    assert found["village"].tolist() == ["V0", "V1", "V0", "V1"]
    assert set(found["state"]) == {"planned"}


def test_a_plan_made_anew_raises_the_version_of_what_changed(
    store: Store, write_plan: Callable[..., Path]
) -> None:
    side = 141.42135623730951
    register_plan(store, write_plan(), "planner")
    assert register_plan(store, write_plan((side, side / 2, side), name="anew"), "planner") == 2
    with store.reading() as connection:
        b = tables.blocks.c
        rows = connection.execute(sa.select(b.block_id, b.version, b.withdrawn).order_by(b.block_id)).all()
        kept = connection.execute(sa.select(tables.block_history.c.block_id)).scalars().all()
    # b2 is smaller, b4 is gone
    assert [tuple(r) for r in rows] == [("b1", 1, False), ("b2", 2, False), ("b3", 1, False), ("b4", 2, True)]
    assert sorted(kept) == ["b2", "b4"]
    assert states(store)["block_id"].tolist() == ["b1", "b2", "b3"]
    assert register_plan(store, write_plan((side, side / 2, side), name="anew2"), "planner") == 0


def test_a_plan_made_anew_does_not_move_a_block_under_work_to_other_ground(
    store: Store, write_plan: Callable[..., Path], report: Callable[..., Event]
) -> None:
    register_plan(store, write_plan(), "planner")
    start = [report("plan_approved", 0, ""), report("started", 1, "b1")]
    assert {r.status for r in append(store, start)} == {"accepted"}
    # a little smaller is the same field still
    side = 141.42135623730951
    assert register_plan(store, write_plan((side - 2, side, side, side), name="mended"), "planner") == 1
    folder = write_plan((side / 3, side, side, side), name="other")
    with pytest.raises(ChigaiError) as caught:
        register_plan(store, folder, "planner")
    assert speaks_both(caught.value) and "b1" in caught.value.zh
    with store.reading() as connection:
        b = tables.blocks.c
        assert connection.scalar(sa.select(b.version).where(b.block_id == "b1")) == 2
    # where nobody works yet, the block may be another one
    folder = write_plan((side - 2, side / 3, side, side), name="free")
    assert register_plan(store, folder, "planner") == 1


def test_a_folder_that_is_no_plan_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ChigaiError) as caught:
        register_plan(store, tmp_path, "planner")
    assert speaks_both(caught.value)


def test_the_second_of_two_people_is_told_what_changed(followed: Store) -> None:
    assert change_block(followed, "p", "b1", 1, {"village": "东村"}, "first") == 2
    with pytest.raises(ChangedError) as caught:
        change_block(followed, "p", "b1", 1, {"village": "西村", "area_mu": 31.0}, "second")
    error = caught.value
    assert error.changed == {"village": ("V0", "东村")}
    assert error.typed == {"village": "西村", "area_mu": 31.0}
    assert speaks_both(error) and "V0 → 东村" in error.zh and "V0 → 东村" in error.en
    assert change_block(followed, "p", "b1", error.version, error.typed, "second") == 3


def test_of_many_changes_at_once_none_is_lost_silently(followed: Store) -> None:
    def change(i: int) -> int:
        seen, told = 1, 0
        while True:
            try:
                change_block(followed, "p", "b2", seen, {"village": f"村{i}"}, f"person {i}")
                return told
            except ChangedError as error:
                seen, told = error.version, told + 1

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(change, range(8)))
    with followed.reading() as connection:
        b, h = tables.blocks.c, tables.block_history.c
        assert connection.scalar(sa.select(b.version).where(b.block_id == "b2")) == 9
        assert connection.scalar(sa.select(sa.func.count()).where(h.block_id == "b2")) == 8
    assert min(told) == 0


def test_a_change_of_what_is_not_there_is_refused(followed: Store) -> None:
    with pytest.raises(ChigaiError):
        change_block(followed, "p", "nowhere", 1, {"village": "x"}, "first")
    with pytest.raises(ChigaiError):
        change_block(followed, "p", "b1", 1, {"version": 7}, "first")


def test_moments_are_kept_to_the_microsecond(followed: Store) -> None:
    with followed.reading() as connection:
        created = connection.scalar(sa.select(tables.plans.c.created))
    assert created == datetime(2021, 9, 1, tzinfo=UTC)
    moment = datetime(2021, 9, 1, 8, 0, 0, 123457, tzinfo=UTC) + timedelta(days=9000)
    kind = tables.Moment()
    dialect = followed.engine.dialect
    assert kind.process_result_value(kind.process_bind_param(moment, dialect), dialect) == moment
