"""Facts about drafts: kept at once, undone and done again with their figures, two planners, rights, and the audit."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo import plans
from geo.errors import ChigaiError
from planning.editing.changes import Asked
from planning.editing.rules import RefusedError
from tests.planning.editing.hands import tried
from tracking import audit, draft_units, drafts, journal, runs, tables
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.register import ChangedError
from tracking.store import ENVIRONMENT, Store

HULIN, MISHAN = "230381", "230382"
PLANNER = Person("p", "王规划", "planner", None)
OF_HULIN = Person("h", "李虎林", "planner", frozenset({HULIN}))
OF_MISHAN = Person("m", "赵密山", "planner", frozenset({MISHAN}))


@pytest.fixture(scope="module")
def house(plan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("house")
    shutil.copytree(plan_folder, made / "plans" / "P")
    return made


@pytest.fixture
def desk(store: Store, house: Path) -> Desk:
    return Desk(store, PLANNER, house)


def units(house: Path, county: str) -> list[int]:
    blocks = pd.read_parquet(house / "plans" / "P" / "blocks.parquet", columns=["county", "field_unit"])
    counted = blocks[blocks.county == county].field_unit.value_counts()
    return [int(n) for n in counted.index]


def made(desk: Desk, draft: str, number: int, rng: random.Random, times: int = 1) -> int:
    """So many changes that the rules allow, made in a field unit; gives how many it was."""
    done = 0
    for _ in range(60):
        if done == times:
            break
        unit, state, touched, _ = drafts.look(desk, draft, number)
        try:
            drafts.apply(desk, draft, number, tried(unit, state, rng), touched.version)
            done += 1
        except RefusedError:
            continue
    return done


def test_a_change_is_kept_at_once_and_another_desk_sees_it(desk: Desk, house: Path) -> None:
    draft, number = drafts.begin(desk, "P", "试算"), units(house, HULIN)[0]
    assert made(desk, draft, number, random.Random(1)) == 1
    again = Desk(Store(desk.store.url.render_as_string(hide_password=False)), OF_HULIN, house)
    unit, state, touched, _ = drafts.look(again, draft, number)
    assert touched.version == 1 and not state.same_blocks(unit.base)
    assert drafts.figures(again, draft)["changes"] == 1
    assert drafts.history(again, draft)[0]["who"] == "p"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_undoing_all_gives_the_figures_of_the_plan_and_redoing_all_those_of_the_draft(
    desk: Desk, house: Path, seed: int, times: int
) -> None:
    meta, rng = plans.read_meta(house / "plans" / "P"), random.Random(seed)
    draft = drafts.begin(desk, "P")
    shown = [drafts.figures(desk, draft)]
    for _ in range(times):
        if made(desk, draft, rng.choice(units(house, HULIN)[:3] + units(house, MISHAN)[:3]), rng):
            shown.append(drafts.figures(desk, draft))
    for figures in reversed(shown[:-1]):
        assert drafts.undo(desk, draft) is not None
        now = drafts.figures(desk, draft)
        assert now["counties"] == figures["counties"] and now["totals"] == figures["totals"]
    assert drafts.undo(desk, draft) is None
    now = drafts.figures(desk, draft)
    assert now["counties"] == meta["counties"] and now["totals"] == meta["totals"]
    for figures in shown[1:]:
        assert drafts.redo(desk, draft) is not None
        assert drafts.figures(desk, draft)["totals"] == figures["totals"]
    assert drafts.redo(desk, draft) is None


def test_a_hundred_and_twenty_changes_are_undone_and_done_again(desk: Desk, house: Path) -> None:
    draft, number = drafts.begin(desk, "P"), units(house, HULIN)[0]
    _, state, _, _ = drafts.look(desk, draft, number)
    block = next(iter(state.members()))
    for i in range(120):
        asked = Asked("unlock" if i % 2 else "lock", blocks=(block,))
        drafts.apply(desk, draft, number, asked, i)
    assert [drafts.undo(desk, draft) for _ in range(121)] == [number] * 120 + [None]
    assert drafts.figures(desk, draft)["redo"] == 120
    assert [drafts.redo(desk, draft) for _ in range(121)] == [number] * 120 + [None]
    assert not drafts.look(desk, draft, number)[1].locked.any()


def test_what_was_undone_is_gone_once_something_else_is_done(desk: Desk, house: Path) -> None:
    draft, number = drafts.begin(desk, "P"), units(house, HULIN)[0]
    made(desk, draft, number, random.Random(1), 3)
    drafts.undo(desk, draft)
    made(desk, draft, number, random.Random(9))
    assert drafts.redo(desk, draft) is None
    assert drafts.figures(desk, draft)["changes"] == 3


def test_two_planners_in_two_counties_do_not_disturb_each_other(
    desk: Desk, store: Store, house: Path
) -> None:
    draft = drafts.begin(desk, "P")
    one, other = Desk(store, OF_HULIN, house), Desk(store, OF_MISHAN, house)
    mine, theirs = units(house, HULIN)[0], units(house, MISHAN)[0]
    rng = random.Random(4)
    for _ in range(3):
        made(one, draft, mine, rng)
        made(other, draft, theirs, rng)
    alone = drafts.figures(desk, draft)
    assert alone["changes"] == 6 and alone["changed_units"] == sorted([mine, theirs])
    while drafts.undo(one, draft) is not None:
        pass
    left = drafts.figures(desk, draft)
    assert left["changes"] == 3 and left["changed_units"] == [theirs]
    row = {r["county"]: r for r in left["counties"]}
    meta = {r["county"]: r for r in plans.read_meta(house / "plans" / "P")["counties"]}
    assert row[HULIN] == meta[HULIN] and row[MISHAN] != meta[MISHAN]
    assert drafts.redo(other, draft) is None and drafts.redo(one, draft) == mine


def test_the_second_in_the_same_field_unit_is_told(desk: Desk, store: Store, house: Path) -> None:
    draft, number = drafts.begin(desk, "P"), units(house, HULIN)[0]
    other = Desk(store, OF_HULIN, house)
    _, state, seen, others = drafts.look(desk, draft, number)
    assert others == []
    _, _, seen_too, others = drafts.look(other, draft, number)
    assert others == ["p"]
    lock = Asked("lock", blocks=(next(iter(state.members())),))
    drafts.apply(desk, draft, number, lock, seen.version)
    with pytest.raises(ChangedError) as error:
        drafts.apply(other, draft, number, lock, seen_too.version)
    assert "锁定" in error.value.zh and "lock" in error.value.en
    assert error.value.typed["blocks"] == list(lock.blocks)
    drafts.apply(other, draft, number, Asked("unlock", blocks=lock.blocks), error.value.version)
    with pytest.raises(ChangedError):
        drafts.undo(desk, draft)
    assert drafts.figures(desk, draft)["changes"] == 2


def test_a_refused_change_changes_nothing(desk: Desk, house: Path) -> None:
    draft, number = drafts.begin(desk, "P"), units(house, HULIN)[0]
    unit, *_ = drafts.look(desk, draft, number)
    z = unit.parcels.elevation_m.to_numpy()
    asked = Asked("join", parcels=(unit.names[z.argmin()], unit.names[z.argmax()]))
    for call in (
        lambda: drafts.preview(desk, draft, number, asked),
        lambda: drafts.apply(desk, draft, number, asked, 0),
    ):
        with pytest.raises(RefusedError) as error:
            call()
        assert error.value.breaks[0].parcels
    assert drafts.figures(desk, draft)["changes"] == 0 and drafts.look(desk, draft, number)[2].version == 0


def test_only_who_plans_in_the_county_changes_it(desk: Desk, store: Store, house: Path) -> None:
    draft, number = drafts.begin(desk, "P"), units(house, HULIN)[0]
    asked = Asked("lock", parcels=(drafts.look(desk, draft, number)[0].names[0],))
    field, official = (Person(r, r, r, None) for r in ("field", "official"))
    for person in (OF_MISHAN, field, official):
        there = Desk(store, person, house)
        for refused in (
            lambda: drafts.look(there, draft, number),  # noqa: B023 — called at once
            lambda: drafts.preview(there, draft, number, asked),  # noqa: B023
            lambda: drafts.apply(there, draft, number, asked, 0),  # noqa: B023
        ):
            with pytest.raises(ForbiddenError):
                refused()
    with pytest.raises(ForbiddenError):
        drafts.begin(Desk(store, field, house), "P")
    with pytest.raises(ForbiddenError):
        drafts.listed(Desk(store, official, house))
    drafts.apply(Desk(store, OF_HULIN, house), draft, number, asked, 0)
    with pytest.raises(ForbiddenError):
        drafts.start_writing(Desk(store, OF_MISHAN, house), draft, "")
    told = audit.entries(store, PLANNER)
    assert set(told[told.outcome == "refused"].actor) == {"m", "field", "official"}
    done = told[(told.outcome == "done") & (told.actor == "h")]
    assert done.detail.tolist() == ["lock"] and done.county.tolist() == [HULIN]


def test_problems_are_of_the_counties_one_plans_and_follow_the_draft(
    desk: Desk, store: Store, house: Path
) -> None:
    draft, number = drafts.begin(desk, "P"), units(house, HULIN)[0]
    every = draft_units.problems(desk, draft)
    mine = draft_units.problems(Desk(store, OF_HULIN, house), draft)
    assert set(mine.county) == {HULIN} and len(mine) == (every.county == HULIN).sum()
    seen, at = [], None
    while (at := draft_units.next_problem(mine, at, None, None)) not in seen:
        seen.append(at)
    assert seen == list(dict.fromkeys(mine.field_unit))
    assert draft_units.next_problem(mine, None, MISHAN, None) is None
    unit, state, touched, _ = drafts.look(desk, draft, number)
    name, _ = min(state.members().items(), key=lambda found: len(found[1]))
    drafts.apply(desk, draft, number, Asked("take_out", blocks=(name,)), touched.version)
    after = draft_units.problems(desk, draft)
    of = lambda rows: rows[rows.field_unit == number].area_mu.sum()  # noqa: E731
    # what the planner left out knowingly is no problem of the draft's
    assert of(after) == pytest.approx(of(every))
    assert drafts.units_of(desk, draft, [unit.names[0], "nobody"]) == {unit.names[0]: number}


def test_a_draft_is_written_as_a_plan_with_the_figures_it_showed(
    desk: Desk, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = drafts.begin(desk, "P", "手改方案")
    for i, number in enumerate(units(house, HULIN)[:2] + units(house, MISHAN)[:1]):
        made(desk, draft, number, random.Random(i), 3)
    shown = drafts.figures(desk, draft)
    told: list[float] = []
    monkeypatch.setenv(ENVIRONMENT, desk.store.url.render_as_string(hide_password=False))
    request = {"draft": draft, "plan": "P", "name": "手改方案"}
    folder = runs.draft(request, house, "job-1", lambda stage, done: told.append(done))
    meta = plans.read_meta(folder)
    assert meta["title"] == "手改方案" and meta["edited"]["from"] == "P" and meta["edited"]["changes"] == 9
    for name in ("blocks", "compliant_mu", "cut_m3", "cost_yuan"):
        assert meta["totals"][name] == shown["totals"][name]
    assert told == sorted(told)


def test_a_closed_draft_takes_no_more_changes_and_its_journal_stays(desk: Desk, house: Path) -> None:
    draft, number = drafts.begin(desk, "P"), units(house, HULIN)[0]
    made(desk, draft, number, random.Random(2))
    drafts.close(desk, draft)
    assert draft not in [found.id for found in drafts.listed(desk)]
    with pytest.raises(ChigaiError):
        drafts.undo(desk, draft)
    with desk.store.reading() as connection:
        c = tables.draft_changes.c
        assert connection.scalar(sa.select(sa.func.count()).where(c.draft == draft)) == 1
        assert journal.find(connection, "nobody") is None
    with pytest.raises(ChigaiError):
        drafts.draft(desk, "nobody")


def test_without_sign_in_the_one_user_of_the_machine_plans_everywhere(store: Store, house: Path) -> None:
    local = Desk(store, LOCAL, house)
    draft = drafts.begin(local, "P")
    assert len(draft_units.problems(local, draft)) > 0
