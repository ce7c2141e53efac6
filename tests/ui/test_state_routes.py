"""The addresses of the map of the work: what they tell of a day, to whom, and what they tell to nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests import map_home, work_home
from tests.ui.test_routes import Answer, ask
from tracking import ledger
from tracking.desk import Desk
from tracking.people import Person
from ui import mapdata, palette, season, sign_in

PLAN = "/chigai/data/plan/probe"
STATE_OF = {letter: state for state, letter in season.CODES.items()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = map_home.make(tmp_path_factory.mktemp("work"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(home))
        patch.delenv("CHIGAI_DATABASE_URL", raising=False)
        work_home.report(sign_in.store(), home)
        yield home


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIGAI_HOME", str(home))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)


def told(address: str) -> dict[str, Any]:
    answer = ask(address)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"].startswith(("private", "no-store"))
    return json.loads(answer.body)


def states(day: str) -> list[str]:
    return [STATE_OF[letter] for letter in told(f"{PLAN}/states.json?as_of={day}")["blocks"]]


def test_a_days_letters_are_the_states_of_the_blocks_in_the_order_of_the_map() -> None:
    assert set(states("2021-10-05")) == {"planned"}
    on = states("2021-10-20")
    assert on[:6] == ["started", "finished", "checked", "accepted", "mapped", "returned"]
    assert set(on[6:]) == {"planned"}
    # the day counts to its end: what was finished on the 8th is finished on the 8th
    assert states("2021-10-07")[1] == "started" and states("2021-10-08")[1] == "finished"


def test_the_number_in_the_tiles_is_the_place_of_the_letter(home: Path) -> None:
    for row, block_id in enumerate(work_home.blocks(home)):
        assert told(f"{PLAN}/card.json?block={row}")["block_id"] == block_id


def test_sites_areas_and_counties_agree_with_the_blocks() -> None:
    found = told(f"{PLAN}/states.json?as_of=2021-10-20")
    table = mapdata.plan("probe", False).blocks
    expected: dict[str, float] = {}
    for state, area in zip(states("2021-10-20"), table["area_mu"], strict=True):
        expected[state] = expected.get(state, 0.0) + float(area)
    assert found["areas"][""] == pytest.approx(expected, abs=0.2)
    assert len(found["sites"]) == len(found["done"]) == len(mapdata.plan("probe", False).sites.table)
    assert all(0 <= share <= 100 for share in found["done"])
    hulin = found["counties"]["230381"]
    assert hulin["state"] == "at_risk" and hulin["floor_mu"] == 40_000
    assert set(palette.PROGRESS) >= {c["state"] for c in found["counties"].values()}


def test_the_slider_goes_from_before_the_first_work_to_the_deadline() -> None:
    found = told(f"{PLAN}/states.json?as_of=2021-10-20")
    assert (found["first"], found["last"]) == ("2021-10-05", "2022-04-20")
    assert found["as_of"] == "2021-10-20"
    assert told(f"{PLAN}/states.json")["as_of"] == told(f"{PLAN}/states.json?as_of=2099-01-01")["as_of"]


def test_what_the_browser_has_is_asked_again_and_is_right_until_something_is_reported(home: Path) -> None:
    address = f"{PLAN}/states.json?as_of=2021-10-21"
    first = ask(address)
    again = ask(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    last = work_home.blocks(home)[-1]
    assert ledger.append(sign_in.store(), [work_home.event("started", last, 1)])[0].status == "accepted"
    anew = ask(address, headers={"If-None-Match": first.headers["etag"]})
    assert anew.status == 200
    assert STATE_OF[json.loads(anew.body)["blocks"][-1]] == "started"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"{PLAN}/states.json?as_of=tomorrow", 400),
        (f"{PLAN}/states.json?as_of=2021-13-01", 400),
        (f"{PLAN}/states.json?as_of=0001-01-01", 400),
        (f"{PLAN}/states.json?as_of=20211020", 400),
        (f"{PLAN}/history.json", 400),
        (f"{PLAN}/history.json?row=x", 400),
        (f"{PLAN}/history.json?row=99999", 404),
        (f"{PLAN}/history.json?row=-1", 404),
        ("/chigai/data/plan/none/states.json", 404),
        ("/chigai/data/plan/..%2fplans%2fprobe/states.json", 404),
        ("/chigai/map/state/none", 404),
        ("/chigai/map/state/..%2fx", 404),
    ],
)
def test_a_question_without_sense_or_object_is_refused_and_not_repeated(address: str, status: int) -> None:
    answer = ask(address)
    assert answer.status == status
    assert "tomorrow" not in answer.body.decode() and "99999" not in answer.body.decode()


@pytest.mark.parametrize(
    "path", ["/chigai/map/state/probe", f"{PLAN}/states.json", f"{PLAN}/history.json?row=1"]
)
def test_nothing_can_be_changed_and_nobody_is_told_without_a_sign_in(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(path, "POST").status == 405
    monkeypatch.setattr(sign_in, "of_request", lambda request: None)
    answer = ask(path)
    assert answer.status == 401 and answer.headers["cache-control"] == "no-store"


def test_a_role_that_is_not_known_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _as(Person("x", "X", "stranger", None), monkeypatch)
    assert ask(f"{PLAN}/states.json").status == 403


def _as(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "of_request", lambda request: Desk(sign_in.store(), person))


def test_a_block_tells_its_history_by_day_kind_and_figures_alone() -> None:
    assert told(f"{PLAN}/history.json?row=3")["events"] == [
        {"kind": "plan_approved", "day": "2021-09-26"},
        {"kind": "started", "day": "2021-10-06"},
        {"kind": "finished", "day": "2021-10-08"},
        {"kind": "checked", "day": "2021-10-10", "passed": True},
        {"kind": "accepted", "day": "2021-10-12", "measured_mu": 29.9},
    ]
    early = told(f"{PLAN}/history.json?row=3&as_of=2021-10-08")["events"]
    assert [e["kind"] for e in early] == ["plan_approved", "started", "finished"]
    assert told(f"{PLAN}/history.json?row=5")["events"][-1] == {
        "kind": "checked",
        "day": "2021-10-10",
        "passed": False,
        "reason": work_home.REASON,
    }


@pytest.mark.parametrize(
    ("role", "counties", "sees"),
    [
        ("planner", None, True),
        ("field", frozenset({"230381"}), True),
        ("field", frozenset({"230382"}), False),
        ("official", frozenset({"230382"}), False),
        ("viewer", None, False),
    ],
)
def test_the_reports_on_a_block_are_for_those_of_its_county(
    role: str, counties: frozenset[str] | None, sees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as(Person("p", "P", role, counties), monkeypatch)
    events = told(f"{PLAN}/history.json?row=3")["events"]
    assert (events is not None) == sees
    # where the blocks stand is public all the same
    assert STATE_OF[told(f"{PLAN}/states.json?as_of=2021-10-20")["blocks"][3]] == "accepted"


def test_no_persons_name_and_no_note_is_ever_told() -> None:
    answers: list[Answer] = [ask(f"{PLAN}/history.json?row={row}") for row in range(6)]
    answers += [ask(f"{PLAN}/states.json"), ask("/chigai/map/state/probe")]
    for answer in answers:
        text = answer.body.decode("utf-8")
        for secret in (work_home.TEAM, work_home.NOTE, "检查员李某", "初验组", map_home.OPERATOR):
            assert secret not in text


def test_the_page_comes_with_its_policy_and_without_the_states_of_any_day() -> None:
    page = ask("/chigai/map/state/probe?lang=zh")
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy
    assert ask("/chigai/map/state/probe", headers={"If-None-Match": page.headers["etag"]}).status in (
        200,
        304,
    )
    assert date.today().isoformat() not in page.body.decode("utf-8")
