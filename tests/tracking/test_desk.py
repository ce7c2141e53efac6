"""The desk: each does and sees what the role allows in the own counties, and every refusal and export is put down."""

from __future__ import annotations

import csv
import io
import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import select

from geo.errors import ChigaiError
from planning import programme as programmes
from tracking import ledger, people, progress, states, tables
from tracking.desk import ACTION_OF, Desk
from tracking.people import LOCAL, ROLES, ForbiddenError, Person
from tracking.register import ChangedError
from tracking.rules import KINDS, Event
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
NOW = datetime(2021, 11, 1, tzinfo=UTC)
PRIVATE = "赵大娘"
Report = Callable[..., Event]
At = Callable[..., Desk]


@pytest.fixture
def at(followed: Store, tmp_path: Path) -> At:
    """The desk of somebody: at(role, county or None for all, id)."""

    def desk(role: str = "planner", county: str | None = None, who: str | None = None) -> Desk:
        counties = None if county is None else frozenset({county})
        return Desk(followed, Person(who or f"u-{role}", "李四", role, counties), tmp_path / "home")

    return desk


@pytest.fixture
def approved(at: At, report: Report) -> None:
    (receipt,) = at(who="chief").report([report("plan_approved", 0, "")], NOW)
    assert receipt.status == "accepted"


def told(store: Store) -> list[tuple[Any, ...]]:
    a = tables.audit.c
    with store.reading() as connection:
        query = select(a.actor, a.action, a.outcome, a.county, a.target, a.detail).order_by(a.no)
        return [tuple(row) for row in connection.execute(query)]


def codes(receipts: list[ledger.Receipt]) -> list[str]:
    return [r.code or r.status for r in receipts]


def picture(colour: str = "green") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    return out.getvalue()


# reporting

FIGURES: dict[str, dict[str, Any]] = {
    "progress": {"done_mu": 3.0}, "checked": {"passed": True}, "accepted": {"measured_mu": 29.0},
    "correction": {"corrects": uuid.UUID(int=1)}, "consent": {"operator": PRIVATE, "given": True},
}  # fmt: skip


@pytest.mark.usefixtures("approved")
def test_every_kind_of_report_takes_its_right_in_the_block_s_county(at: At, report: Report) -> None:
    kinds = [kind for kind in KINDS if kind != "measure"]
    for role, kind in itertools.product([*ROLES, "nobody"], kinds):
        desk = at(role, HULIN)
        own, other = desk.report(
            [report(kind, 1, block, **FIGURES.get(kind, {})) for block in ("b1", "b3")], NOW
        )
        allowed = people.may(desk.person, ACTION_OF[kind], HULIN)
        # what the role may not do is refused for that; what it may, by the rules, if at all
        assert (own.code == "right") is not allowed, (role, kind)
        assert own.code != "county"
        assert other.code == ("county" if allowed else "right"), (role, kind)
        assert other.status == "refused" and other.zh and other.en


def test_a_report_on_a_measure_takes_its_right_in_the_county_it_names(at: At, report: Report) -> None:
    rules = programmes.load("jixi-2020-8")
    assert rules.scheme_b is not None
    figures = {"plan_id": rules.id, "measure": rules.scheme_b.measures[0].id, "units": 2.0}
    sent = [report("measure", 1, "", **figures, county=county) for county in (HULIN, MISHAN)]
    assert codes(at("field", HULIN).report(sent, NOW)) == ["accepted", "county"]
    assert codes(at("official", HULIN).report(sent[1:], NOW)) == ["right"]


def test_a_kind_that_nobody_knows_is_refused(at: At, report: Report) -> None:
    assert codes(at(who="chief").report([report("dance", 1)], NOW)) == ["kind"]


@pytest.mark.usefixtures("approved")
def test_whoever_reports_is_the_one_at_the_desk_whatever_the_report_says(
    at: At, report: Report, followed: Store
) -> None:
    at("field", HULIN, "u7").report([report("started", 1, actor="somebody else")], NOW)
    assert list(ledger.events(followed, kinds=["started"])["actor"]) == ["u7"]


@pytest.mark.usefixtures("approved")
def test_the_one_who_accepts_is_not_the_one_who_reported(at: At, report: Report) -> None:
    planner, field, official = (
        at("planner", HULIN, "u1"),
        at("field", HULIN, "u2"),
        at("official", None, "u3"),
    )
    assert codes(planner.report([report("started", 1, actor="u9")], NOW)) == ["accepted"]
    assert codes(field.report([report("finished", 2, actor="u1")], NOW)) == ["accepted"]
    assert codes(official.report([report("checked", 3, passed=True)], NOW)) == ["accepted"]
    # saying that one is somebody else helps nobody
    claimed = report("accepted", 4, actor="u3", measured_mu=29.0)
    assert codes(planner.report([claimed], NOW)) == ["same"]
    assert codes(official.report([claimed], NOW)) == ["accepted"]


@pytest.mark.usefixtures("approved")
def test_one_batch_is_answered_row_by_row_in_its_order(at: At, report: Report) -> None:
    sent = [
        report("started", 1, "b3"), report("started", 1, "b1"), report("checked", 1, "b1", passed=True),
        report("finished", 2, "b1"), report("started", 1, "nowhere"),
    ]  # fmt: skip
    receipts = at("field", HULIN).report(sent, NOW)
    assert codes(receipts) == ["county", "accepted", "right", "accepted", "block"]
    assert [r.id for r in receipts] == [e.id for e in sent]
    assert codes(at("field", HULIN).report(sent, NOW))[1] == "repeated"


@pytest.mark.usefixtures("approved")
def test_refused_reports_are_in_the_audit_and_those_that_rules_refuse_are_not(
    at: At, report: Report, followed: Store
) -> None:
    at("field", HULIN, "u7").report(
        [report("started", 1, "b3"), report("started", 2, "b4"), report("mapped", 3), report("finished", 1)],
        NOW,
    )
    assert told(followed) == [
        ("u7", "report", "refused", None, "p b3", "started × 2"),
        ("u7", "map", "refused", None, "p b1", "mapped × 1"),
    ]


@given(
    st.sampled_from([*ROLES, "nobody"]),
    st.none() | st.sampled_from([HULIN, MISHAN]),
    st.lists(
        st.tuples(
            st.sampled_from([k for k in KINDS if k != "measure"]),
            st.sampled_from(["b1", "b3", "", "b9"]),
            st.integers(0, 9),
        ),
        max_size=8,
    ),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_gets_into_the_ledger_that_its_sender_may_not_send(
    at: At, report: Report, followed: Store, role: str, county: str | None, sent: list[tuple[str, str, int]]
) -> None:
    desk = at(role, county, f"u{uuid.uuid4().hex}")
    desk.report([report(kind, day, block, **FIGURES.get(kind, {})) for kind, block, day in sent], NOW)
    for row in ledger.events(followed, actor=desk.person.id).to_dict("records"):
        assert people.may(desk.person, ACTION_OF[row["kind"]], row["county"])


# plans and blocks


def test_a_plan_is_registered_by_who_plans_in_each_of_its_counties(
    at: At, write_plan: Callable[..., Path], store: Store
) -> None:
    folder = write_plan((100.0,) * 4, plan_id="q")
    for desk in (at("planner", HULIN), at("official"), at("viewer")):
        with pytest.raises(ForbiddenError):
            desk.register(folder)
    assert [t[:3] for t in told(store)] == [
        (d, "plan", "refused") for d in ("u-planner", "u-official", "u-viewer")
    ]
    assert at().register(folder) == 4
    # a plan of the own county alone needs no right anywhere else
    alone = write_plan((100.0,), plan_id="r")
    assert at("planner", HULIN).register(alone) == 1


def test_a_planner_of_every_county_approves_the_whole_plan(at: At, followed: Store) -> None:
    assert codes(at().approve("p")) == ["accepted"]
    assert list(ledger.events(followed)["block_id"]) == [""]
    assert set(at().states("p")["state"]) == {"approved"}


def test_a_planner_of_one_county_approves_its_blocks_alone(at: At) -> None:
    desk = at("planner", HULIN)
    assert codes(desk.approve("p")) == ["accepted"] * 2
    state = desk.states("p").set_index("block_id")["state"]
    assert list(state) == ["approved", "approved", "planned", "planned"]
    assert desk.approve("p") == []


def test_nobody_else_approves(at: At) -> None:
    for role in ("field", "official", "viewer"):
        with pytest.raises(ForbiddenError):
            at(role).approve("p")


def test_a_block_is_changed_where_one_may_and_the_second_is_told(at: At, followed: Store) -> None:
    desk = at("planner", HULIN)
    assert desk.change_block("p", "b1", 1, {"village": "东村"}) == 2
    with pytest.raises(ChangedError) as error:
        at(who="u2").change_block("p", "b1", 1, {"village": "西村"})
    assert "东村" in error.value.zh and error.value.typed == {"village": "西村"}
    for block, changes in (("b3", {"village": "东村"}), ("b1", {"county": MISHAN}), ("b9", {})):
        with pytest.raises(ForbiddenError):
            desk.change_block("p", block, 2, changes)
    with pytest.raises(ForbiddenError):
        at("field", HULIN).change_block("p", "b1", 2, {"village": "东村"})
    assert [t[1:3] for t in told(followed)] == [("edit_block", "refused")] * 4


# what everybody signed in sees


def test_public_figures_are_for_all_who_are_signed_in_and_for_nobody_else(at: At, followed: Store) -> None:
    rules, day = programmes.load("jixi-2020-8"), date(2021, 11, 1)
    for role in ROLES:
        desk = at(role, HULIN)
        assert desk.targets(rules, day) == progress.targets(followed, rules, day)
        pd.testing.assert_frame_equal(desk.states("p"), states.states(followed, plan_id="p"))
        assert list(desk.plans()["id"]) == ["p"]
        assert desk.daily(rules, day).empty
    for look in (
        lambda d: d.targets(rules, day), lambda d: d.daily(rules, day), lambda d: d.states(), lambda d: d.plans(),
        lambda d: d.blocks("p"), lambda d: d.villages("p"), lambda d: d.events(), lambda d: d.conflicts(),
        lambda d: d.verify(), lambda d: d.export_ledger(), lambda d: d.exported("plan p"),
        lambda d: d.add_photo(picture()), lambda d: d.photo("0" * 64),
    ):  # fmt: skip
        with pytest.raises(ForbiddenError):
            look(at("nobody"))
    assert all(t[2] == "refused" for t in told(followed)) and len(told(followed)) == 13


def test_a_field_team_sees_the_blocks_and_villages_of_its_county(at: At) -> None:
    desk = at("field", MISHAN)
    assert list(desk.blocks("p")["block_id"]) == ["b3", "b4"]
    assert set(desk.villages("p")["county"]) == {MISHAN}
    assert desk.blocks("p", block_id="b1").empty
    assert list(at("field").blocks("p")["block_id"]) == ["b1", "b2", "b3", "b4"]


# persons of another county


@pytest.fixture
def season_of_both(at: At, report: Report, approved: None) -> Iterator[dict[str, Any]]:
    """Work, a household's refusal, its correction and photos in both counties; who is who."""
    made: dict[str, Any] = {}
    for county, block in ((HULIN, "b1"), (MISHAN, "b3")):
        desk = at("field", county, f"f-{county}")
        photo = desk.add_photo(picture("red" if county == HULIN else "blue")).sha
        form = desk.add_photo(picture("white" if county == HULIN else "grey")).sha
        consent = report(
            "consent",
            1,
            block,
            operator=PRIVATE + county,
            given=False,
            reason="要出国",
            note="电话 139",
            files=(form,),
        )
        sent = [consent, report("started", 1, block, files=(photo,), note="东头")]
        assert codes(desk.report(sent, NOW)) == ["accepted"] * 2
        fix = report("correction", 2, block, corrects=consent.id, operator=PRIVATE + county, note="姓名写错")
        changed = Event(**{**sent[1].__dict__, "note": "西头"})
        assert codes(at(who="chief").report([fix], NOW)) == ["accepted"]
        assert codes(desk.report([changed], NOW)) == ["content"]
        household = Event(**{**consent.__dict__, "operator": PRIVATE + "二"})
        assert codes(desk.report([household], NOW)) == ["content"]
        made[county] = {"photo": photo, "form": form}
    yield made


def test_a_field_team_of_one_county_sees_nothing_personal_of_another(
    at: At, season_of_both: dict[str, Any], followed: Store
) -> None:
    mine, theirs = season_of_both[HULIN], season_of_both[MISHAN]
    desk = at("field", HULIN, "f-230381")
    events, conflicts = desk.events(), desk.conflicts()
    # the approval of the whole plan is everybody's
    assert set(events["county"].dropna()) == {HULIN} and set(conflicts["county"]) == {HULIN}
    assert len(events) == 4 and len(conflicts) == 2
    text = events.drop(columns="hash").to_csv() + conflicts.to_csv()
    assert PRIVATE + HULIN in text and mine["photo"] in text
    for word in (f",{MISHAN},", PRIVATE + MISHAN, ",b3,", '"b3"', theirs["photo"], theirs["form"]):
        assert word not in text
    # of its own county it sees all
    consent = events[events["kind"] == "consent"].iloc[0]
    assert consent["operator"] == PRIVATE + HULIN and consent["note"] == "电话 139"
    for sha in mine.values():
        assert desk.photo(sha)[1] == "image/jpeg"
    for sha in theirs.values():
        with pytest.raises(ForbiddenError):
            desk.photo(sha)
    assert told(followed)[-1][:3] == ("f-230381", "see_ledger", "refused")
    # asking for it by name, or by block, is no way round
    with pytest.raises(ForbiddenError):
        desk.events(county=MISHAN)
    assert desk.events(block_id="b3").empty and desk.events(actor="f-230382").empty


def test_who_may_not_see_households_sees_the_work_alone(at: At, season_of_both: dict[str, Any]) -> None:
    desk = at("official", HULIN)
    events = desk.events()
    assert list(events["kind"]) == ["correction", "started", "consent", "plan_approved"]
    consent = events[events["kind"].isin(["consent", "correction"])]
    assert consent[["operator", "given", "reason"]].isna().all().all()
    assert set(consent["note"]) == {""} and set(consent["files"]) == {"[]"}
    assert list(events.loc[events["kind"] == "started", "note"]) == ["东头"]
    assert PRIVATE not in "".join(desk.conflicts()["sent"])
    assert desk.photo(season_of_both[HULIN]["photo"])[0][:2] == b"\xff\xd8"
    with pytest.raises(ForbiddenError):
        desk.photo(season_of_both[HULIN]["form"])


def test_a_viewer_sees_no_report_at_all(at: At, season_of_both: dict[str, Any]) -> None:
    desk = at("viewer")
    for look in (desk.events, desk.conflicts, desk.verify, desk.export_ledger):
        with pytest.raises(ForbiddenError):
            look()
    with pytest.raises(ForbiddenError):
        desk.photo(season_of_both[HULIN]["photo"])


def test_a_photo_not_yet_in_a_report_is_seen_by_whoever_took_it(at: At) -> None:
    sha = at("field", HULIN, "f1").add_photo(picture()).sha
    assert at("field", HULIN, "f1").photo(sha)
    for other in (at("field", HULIN, "f2"), at(who="chief")):
        with pytest.raises(ForbiddenError):
            other.photo(sha)


def test_a_photo_whose_bytes_are_lost_is_said_to_be(
    at: At, season_of_both: dict[str, Any], tmp_path: Path
) -> None:
    sha = season_of_both[HULIN]["photo"]
    place = tmp_path / "home" / "files" / sha[:2] / f"{sha}.jpg"
    place.unlink()
    with pytest.raises(ChigaiError, match="missing"):
        at("field", HULIN).photo(sha)
    # another picture in its place is not shown as the one that was sent
    place.write_bytes(picture("yellow"))
    with pytest.raises(ChigaiError, match="changed"):
        at("field", HULIN).photo(sha)


@pytest.mark.parametrize("sha", ["", "0" * 64, "../../etc/passwd", "%", '"', "x" * 999])
def test_a_photo_that_is_not_there_is_refused_like_one_that_one_may_not_see(at: At, sha: str) -> None:
    with pytest.raises(ForbiddenError):
        at(who="chief").photo(sha)


def test_photos_are_kept_for_those_who_report(at: At) -> None:
    with pytest.raises(ForbiddenError):
        at("viewer").add_photo(picture())
    with pytest.raises(ChigaiError):
        at("field", HULIN).add_photo(b"no picture")


# filters


def test_the_ledger_is_filtered_by_all_that_it_says(at: At, season_of_both: dict[str, Any]) -> None:
    desk = at(who="chief")
    assert len(desk.events()) == 7
    assert set(desk.events(kinds=["started"])["block_id"]) == {"b1", "b3"}
    assert len(desk.events(block_id="b1")) == 3 and len(desk.events(county=MISHAN)) == 3
    assert set(desk.events(village="V0")["block_id"]) == {"b1", "b3"} and desk.events(village="V1").empty
    assert len(desk.events(actor="chief")) == 3 and desk.events(plan_id="q").empty
    day = date(2021, 9, 21)
    assert set(desk.events(since=day, until=day)["kind"]) == {"consent", "started"}
    assert desk.events(until=day - timedelta(days=2)).empty
    assert list(desk.events(limit=2)["seq"]) == [7, 6]


def test_the_actor_s_name_stands_beside_the_id(
    at: At, report: Report, followed: Store, approved: None
) -> None:
    user = people.add_user(followed, LOCAL, "李四", "li@example.cn", "field", [HULIN])
    Desk(followed, user).report([report("started", 1)], NOW)
    assert list(at("official").events(kinds=["started"])["name"]) == ["李四"]


# exports


def cells(content: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_an_export_is_audited_and_names_nobody(
    at: At, season_of_both: dict[str, Any], followed: Store
) -> None:
    people.add_user(followed, LOCAL, "李四", "li@example.cn", "field", [HULIN])
    content = at("official", HULIN).export_ledger("csv", plan_id="p")
    rows = lines(content)
    assert len(rows) == 1 + 4 and "发生时间" in rows[0]
    text = content.decode("utf-8-sig")
    for word in (PRIVATE, "电话", "要出国", "东头", "李四", f",{MISHAN},"):
        assert word not in text
    assert told(followed)[-1] == ("u-official", "export", "done", None, "ledger", "csv 4 rows plan_id=p")


def test_an_export_does_not_name_who_is_written_down_with_an_imported_report(
    at: At, report: Report, followed: Store, approved: None
) -> None:
    user = people.add_user(followed, LOCAL, "李四", "li@example.cn", "field", [HULIN])
    sent = [report("started", 1, "b1", "周外业"), report("started", 1, "b2", user.id)]
    sent += [report("progress", 2, "b1", "周外业", done_mu=2), report("started", 1, "b3", "吴外业")]
    assert [r.status for r in ledger.append(followed, sent, now=NOW)] == ["accepted"] * 4
    rows = lines(at("official", HULIN).export_ledger("csv", kinds=["started", "progress"]))
    by = [row[rows[0].index("填报人")] for row in rows[1:]]
    assert by == ["r1", user.id, "r1"]
    whole = lines(at(who="chief").export_ledger("csv", private=True, kinds=["started"]))
    assert {row[whole[0].index("填报人")] for row in whole[1:]} == {"周外业", "吴外业", "李四"}


def test_households_leave_only_with_who_may_take_them_and_of_those_counties(
    at: At, season_of_both: dict[str, Any], followed: Store
) -> None:
    text = at("planner", HULIN).export_ledger("csv", private=True).decode("utf-8-sig")
    assert PRIVATE + HULIN in text and PRIVATE + MISHAN not in text and "东头" in text
    assert told(followed)[-1][:3] == ("u-planner", "export_private", "done")
    for role in ("official", "field", "viewer"):
        with pytest.raises(ForbiddenError):
            at(role).export_ledger("csv", private=True)
    with pytest.raises(ForbiddenError):
        at("planner", HULIN).export_ledger("csv", private=True, county=MISHAN)
    with pytest.raises(ForbiddenError):
        at("field", HULIN).export_ledger()


def test_nothing_leaves_that_the_audit_could_not_take(
    at: At, season_of_both: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr("tracking.audit.write", fails)
    with pytest.raises(RuntimeError):
        at().export_ledger()


@pytest.mark.usefixtures("approved")
def test_no_cell_of_an_export_runs_as_a_formula(at: At, report: Report) -> None:
    evil = '=HYPERLINK("http://x","y")'
    sent = [
        report("started", 1, note=evil),
        report("consent", 1, operator="@SUM(A1)", given=True, reason="+1", note="-1\t"),
    ]
    assert codes(at(who="chief").report(sent, NOW)) == ["accepted"] * 2
    for read, kind in ((lines, "csv"), (cells, "xlsx")):
        rows = read(at().export_ledger(kind, private=True))
        texts = [cell for row in rows for cell in row if isinstance(cell, str)]
        assert f"'{evil}" in texts and "'@SUM(A1)" in texts and "'+1" in texts
        assert not any(t[:1] in ("=", "+", "@", "\t") for t in texts)


@pytest.mark.usefixtures("approved")
def test_both_files_hold_the_same_rows_in_both_languages(at: At, report: Report) -> None:
    at(who="chief").report([report("started", 1), report("progress", 2, done_mu=12.5)], NOW)
    table, sheet = lines(at().export_ledger("csv")), cells(at().export_ledger("xlsx"))
    assert [["" if c is None else str(c) for c in row] for row in sheet] == table
    head = dict(zip(table[0], table[1], strict=True))
    assert (head["类型"], head["累计完成（亩）"], head["发生时间"]) == ("进度", "12.5", "2021-09-22 08:00:00")
    english = lines(at().export_ledger("csv", lang="en"))
    assert english[0][:2] == ["no", "kind"] and english[1][1] == "progress"
    with pytest.raises(ChigaiError, match="xlsx or csv"):
        at().export_ledger("exe")
    assert len(lines(at().export_ledger("csv", block_id="b9"))) == 1


@pytest.mark.usefixtures("approved")
def test_more_rows_than_a_sheet_holds_are_refused_and_not_dropped(
    at: At, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.ledger_files.MOST_ROWS", 1)
    at(who="chief").report([report("started", 1)], NOW)
    with pytest.raises(ChigaiError, match="2 rows"):
        at().export_ledger("xlsx")
    assert len(lines(at().export_ledger("csv"))) == 3


def test_what_leaves_by_another_door_is_put_down_too(at: At, followed: Store) -> None:
    at("viewer", HULIN).exported("plan p", HULIN, "gpkg")
    assert told(followed) == [("u-viewer", "export", "done", HULIN, "plan p", "gpkg")]
    with pytest.raises(ForbiddenError):
        at("official").exported("plan p", private=True)


def test_the_ledger_is_verified_by_those_who_see_it(at: At, season_of_both: dict[str, Any]) -> None:
    assert at("official", HULIN).verify() is None
