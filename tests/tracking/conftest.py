"""A database in each of the two homes, thrown away after the tests, and a small plan to report on."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import sqlalchemy as sa

from geo import plans
from geo.schemas import findings_frame
from tracking import jobs
from tracking.chain import GENESIS
from tracking.ledger import Event
from tracking.register import register_plan
from tracking.store import Store
from tracking.tables import APPEND_ONLY, metadata

USER = "chigai"
START = datetime(2021, 9, 20, tzinfo=UTC)
HULIN, MISHAN = "230381", "230382"


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs, of the newest version that is installed."""
    named = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else Path(named).parent if named else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.URL]:
    """A PostgreSQL server on loopback with its data in a temporary folder; its database `empty` is upgraded."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # the server refuses to run as root; Debian's packages make a user for it
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="chigai-postgres-"))
    try:
        if as_user:
            shutil.chown(folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def run(*words: str) -> None:
            done = subprocess.run(
                [*as_user, *words], cwd="/", capture_output=True, text=True, check=False, timeout=120
            )
            assert done.returncode == 0, done.stdout + done.stderr

        data, log = str(folder / "data"), str(folder / "log")
        run(
            str(programs / "initdb"), "-D", data, "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        settings = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        )
        # its output goes to a file of its own: an inherited pipe would never close
        with open(os.devnull, "w") as nothing:
            started = subprocess.run(
                [*as_user, str(programs / "pg_ctl"), "-D", data, "-w", "-l", log, "-o", settings, "start"],
                cwd="/", stdin=subprocess.DEVNULL, stdout=nothing, stderr=nothing, check=False, timeout=120,
            )  # fmt: skip
        assert started.returncode == 0, Path(log).read_text() if Path(log).exists() else "no log"
        try:
            url = sa.URL.create(
                "postgresql+psycopg", username=USER, host="127.0.0.1", port=port, database="postgres"
            )
            _prepare(url)
            yield url
        finally:
            run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(url: sa.URL) -> None:
    _administer(url, "CREATE DATABASE empty")
    engine = sa.create_engine(url.set(database="empty"))
    with engine.connect() as connection:
        there = connection.scalar(
            sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'")
        )
    engine.dispose()
    if not there:
        pytest.skip("PostGIS is not installed")
    store = Store(url.set(database="empty").render_as_string(hide_password=False))
    store.upgrade()
    store.close()
    _administer(url, "CREATE DATABASE shared TEMPLATE empty")


def _administer(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are worked off when they are begun, in this process: what they do is the same, without seconds of waking."""

    def start(kind: str, request: dict[str, Any], home: Path) -> str:
        folder = jobs.create(kind, request, home)
        jobs.work(folder)
        return folder.name

    monkeypatch.setattr(jobs, "start", start)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., str]:
    """Gives the address of a fresh database of one kind: 'sqlite' or 'postgresql'; with its tables, or bare."""
    count = itertools.count()

    def make(kind: str, bare: bool = False) -> str:
        if kind == "sqlite":
            url = f"sqlite:///{tmp_path}/{next(count)}/chigai.db"
            if not bare:
                store = Store(url)
                store.upgrade()
                store.close()
            return url
        server: sa.URL = request.getfixturevalue("postgres")
        name = f"t{uuid.uuid4().hex[:12]}"
        _administer(server, f"CREATE DATABASE {name}" + ("" if bare else " TEMPLATE empty"))
        return server.set(database=name).render_as_string(hide_password=False)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest) -> str:
    """Which of the two homes a test runs in: every test that asks for `store` runs in both."""
    return str(request.param)


@pytest.fixture
def store(home: str, request: pytest.FixtureRequest, new_database: Callable[..., str]) -> Iterator[Store]:
    """An empty database with its tables."""
    if home == "sqlite":
        found = Store(new_database(home))
    else:
        # a database of PostgreSQL takes a while to make: one is emptied again and again
        server: sa.URL = request.getfixturevalue("postgres")
        found = Store(server.set(database="shared").render_as_string(hide_password=False))
        _empty(found.engine)
    yield found
    found.close()


def _empty(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in APPEND_ONLY:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.exec_driver_sql(
            f"TRUNCATE {', '.join(t for t in metadata.tables if t != 'ledger_head')} RESTART IDENTITY CASCADE"
        )
        connection.exec_driver_sql(f"UPDATE ledger_head SET seq = 0, hash = '{GENESIS}'")
        for table in APPEND_ONLY:
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def followed(store: Store, write_plan: Callable[..., Path]) -> Store:
    """A database with the small plan `p` in it: b1, b2 of Hulin, b3, b4 of Mishan; 30 mu each."""
    register_plan(store, write_plan(), "planner")
    return store


@pytest.fixture
def write_plan(tmp_path: Path) -> Callable[..., Path]:
    """Writes a plan folder of square blocks; sides: of each block, in metres."""

    def make(
        sides: tuple[float, ...] = (141.42135623730951,) * 4, plan_id: str = "p", name: str = "plan"
    ) -> Path:
        return plans.write(small_plan(sides, plan_id), tmp_path / name / plan_id)

    return make


def small_plan(sides: tuple[float, ...], plan_id: str) -> plans.Plan:
    """One parcel a block, b1 b2 …; the first half of Hulin, the rest of Mishan; sites of two, s1 large enough."""
    n = len(sides)
    i = np.arange(n)
    shapes = [
        shapely.box(530_000 + 500 * k, 5_070_000, 530_000 + 500 * k + s, 5_070_000 + s)
        for k, s in enumerate(sides)
    ]
    area = np.array([s.area for s in shapes]) * 15 / 10000
    ids = [f"b{k + 1}" for k in i]
    shared: dict[str, Any] = {
        "county": np.where(i < (n + 1) // 2, HULIN, MISHAN),
        "irrigation_district": "East",
    }
    where: dict[str, Any] = {"geometry": shapes, "crs": 4553}
    parcels = gpd.GeoDataFrame(
        {
            "parcel_id": [f"q{k + 1}" for k in i], **shared, "township": None, "village": [f"V{k % 2}" for k in i],
            "operator": "张三", "consent": None, "priority": None, "area_mu": area, "declared_mu": None,
            "elevation_m": None, "field_unit": 0, "block_id": ids, "reason": None,
        }, **where,
    )  # fmt: skip
    zero = dict.fromkeys(
        ("cut_m3", "fill_m3", "haul_m3m", "ridge_removed_m", "gained_mu", "rectangularity", "cost_yuan",
         "benefit_yuan_per_year"), 0.0,
    )  # fmt: skip
    blocks = gpd.GeoDataFrame(
        {
            "block_id": ids, **shared, "site_id": [f"s{k // 2 + 1}" for k in i], "field_unit": 0, "area_mu": area,
            "parcels_mu": area, "n_parcels": 1, "n_operators": 1, "meets_minimum": area >= 5,
            "elevation_min_m": None, "elevation_max_m": None, "design_level_m": None, **zero,
        }, **where,
    )  # fmt: skip
    groups = blocks.groupby("site_id", sort=True)
    sites = gpd.GeoDataFrame(
        {
            "site_id": list(groups.groups), "county": groups["county"].first().to_numpy(), "irrigation_district": "East",
            "area_mu": groups["area_mu"].sum().to_numpy(), "n_blocks": groups.size().to_numpy(), "cost_yuan": 0.0,
            "meets_minimum": [k == 0 for k in range(len(groups))],
        }, geometry=[shapely.union_all(g.geometry.to_numpy()) for _, g in groups], crs=4553,
    )  # fmt: skip
    shares = pd.DataFrame({"block_id": ids, "operator": "张三", "area_mu": area, "share": 1.0})
    meta = {"id": plan_id, "created": "2021-09-01T00:00:00Z", "programme": {"id": "jixi-2020-8"}}
    return plans.Plan(parcels, blocks, sites, shares, findings_frame([], 4553), None, meta)


def report(kind: str, day: float, block: str = "b1", actor: str = "field", **figures: Any) -> Event:
    """An event of plan p, some days after START."""
    event_id = figures.pop("id", None) or uuid.uuid4()
    plan = figures.pop("plan_id", "p")
    return Event(event_id, kind, block, plan, actor, START + timedelta(days=day), **figures)


@pytest.fixture(name="report")
def report_() -> Callable[..., Event]:
    """Makes events: report(kind, day, block, actor, **figures)."""
    return report


@pytest.fixture
def season() -> Callable[..., list[Event]]:
    """A block's whole way, from the plan's approval to the map: season(block)."""

    def make(block: str = "b1", approve: bool = True) -> list[Event]:
        whole = [report("plan_approved", 0, "", "official")] if approve else []
        return [
            *whole,
            report("started", 1, block),
            report("progress", 2, block, done_mu=10.0),
            report("finished", 5, block),
            report("checked", 6, block, "county", passed=True),
            report("accepted", 8, block, "planner", measured_mu=29.5, level_points=9, inspector="检查员"),
            report("mapped", 9, block, "planner"),
        ]

    return make
