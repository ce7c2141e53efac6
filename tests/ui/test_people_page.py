"""The page 用户: what it says with nobody, what it keeps when two people change one user, and who never sees it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests import sign_in_home
from tests.ui.test_pages import opened, sound, words
from tracking import audit, people
from tracking.sessions import SignedOutError
from ui import sign_in, text

HULIN, MISHAN = "230381", "230382"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    return tmp_path


def entered() -> str:
    """One user beside us; the id."""
    return people.add_user(sign_in.store(), people.LOCAL, "李施工", "li@example.cn", "field", [HULIN]).id


def users() -> dict[str, dict]:
    frame = people.users(sign_in.store(), people.LOCAL)
    return {row["id"]: row for row in frame.to_dict("records")}


def chosen(user_id: str) -> AppTest:
    at = opened("people")
    next(s for s in at.selectbox if s.key.startswith("people_who")).set_value(user_id).run()
    return sound(at)


def press(at: AppTest, key: str) -> AppTest:
    next(b for b in at.button if b.key == key).click().run()
    return sound(at)


def as_person(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str, counties: frozenset[str] | None
) -> None:
    sign_in_home.set_up(monkeypatch, tmp_path)
    person = people.Person("u1", "某某", role, counties)
    monkeypatch.setattr(sign_in, "person", lambda cookies: person)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_with_nobody_it_says_whom_to_add_first_and_that_sign_in_is_not_set_up(lang: str) -> None:
    at, t = opened("people", lang=lang), text.Words(lang)
    assert t("people.none") in words(at)
    assert t("people.off") in words(at)
    assert all(t(f"role.{role}_does") in words(at) for role in people.ROLES)


def test_a_user_is_added_with_role_and_counties_and_the_form_is_empty_again() -> None:
    at = opened("people")
    at.text_input(key="people_new_name").set_value(" 张监理 ")
    at.text_input(key="people_new_email").set_value("Zhang@Example.cn")
    at.selectbox(key="people_new_role").set_value("official")
    at.multiselect(key="people_new_counties").set_value([MISHAN, HULIN])
    at = press(at, "add_user")
    (row,) = users().values()
    assert (row["name"], row["email"], row["role"]) == ("张监理", "zhang@example.cn", "official")
    assert row["counties"] == [HULIN, MISHAN]
    assert "已添加 张监理" in words(at)
    assert at.text_input(key="people_new_name").value == ""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": "张", "email": "no address"}, "邮箱格式不对"),
        ({"name": " ", "email": "z@example.cn"}, "1 到 100 个字"),
        ({"name": "张", "email": "li@example.cn"}, "已属于另一位用户"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_stays_typed(typed: dict[str, str], said: str) -> None:
    entered()
    at = opened("people")
    for name, value in typed.items():
        at.text_input(key=f"people_new_{name}").set_value(value)
    at.checkbox(key="people_new_every").set_value(True)
    at = press(at, "add_user")
    assert said in words(at)
    assert at.text_input(key="people_new_email").value == typed["email"]
    assert len(users()) == 1


def test_a_user_without_any_county_is_not_taken_for_one_of_every_county() -> None:
    at = opened("people")
    at.text_input(key="people_new_name").set_value("张")
    at.text_input(key="people_new_email").set_value("z@example.cn")
    at = press(at, "add_user")
    assert users() == {}
    assert re.search(r"县", words(at))


def test_role_and_counties_change_and_a_deactivated_user_says_so() -> None:
    user = entered()
    at = chosen(user)
    at.selectbox(key=f"people_{user}_role").set_value("planner")
    at.checkbox(key=f"people_{user}_every").set_value(True)
    at = press(at, "save_user")
    assert (users()[user]["role"], users()[user]["counties"]) == ("planner", None)
    at = chosen(user)
    at.toggle(key=f"people_{user}_active").set_value(False)
    at = press(at, "save_user")
    assert not users()[user]["active"]
    assert "已停用" in words(at)
    assert users()[user]["name"] == "李施工"


def test_saving_what_is_as_it_was_changes_nothing() -> None:
    user = entered()
    at = press(chosen(user), "save_user")
    assert "没有改动" in words(at)
    assert users()[user]["version"] == 1


def test_the_second_of_two_is_told_what_changed_keeps_what_was_typed_and_undoes_nothing() -> None:
    user = entered()
    at = chosen(user)
    people.change_user(sign_in.store(), people.LOCAL, user, 1, role="official", name="李工")
    at.multiselect(key=f"people_{user}_counties").set_value([HULIN, MISHAN])
    at = press(at, "save_user")
    assert "刚刚被别人改过" in words(at)
    assert "角色：施工队 → 主管领导" in words(at)
    assert "姓名：李施工 → 李工" in words(at)
    assert users()[user]["counties"] == [HULIN]
    assert at.multiselect(key=f"people_{user}_counties").value == [HULIN, MISHAN]
    assert at.selectbox(key=f"people_{user}_role").value == "official"
    at = press(at, "save_user")
    row = users()[user]
    assert (row["name"], row["role"], row["counties"]) == ("李工", "official", [HULIN, MISHAN])
    assert "刚刚被别人改过" not in words(at)


def audited(at: AppTest) -> list[dict[str, str]]:
    """The lines of the audit as they stand on the page, by the names of their columns."""
    (table,) = [b for e in at.get("html") if "说明</th>" in (b := e.proto.body)] or [""]
    return [
        {
            name: re.sub(r"<[^>]+>", "", cell)
            for name, cell in re.findall(r'data-label="([^"]+)">(.*?)</td>', row)
        }
        for row in re.findall(r"<tr>(.*?)</tr>", table)
        if "<td" in row
    ]


def test_a_long_audit_is_shown_bit_by_bit() -> None:
    with sign_in.store().writing() as connection:
        for n in range(60):
            audit.write(connection, "local", "plan", f"d {n}", "done", detail="join")
    at = opened("people")
    assert len(audited(at)) == 50
    at = press(at, "people_more")
    assert [line["对象"] for line in audited(at)] == [f"d {n}" for n in reversed(range(60))]


def test_the_audit_tells_who_did_what_by_name() -> None:
    entered()
    at = opened("people")
    (line,) = audited(at)
    assert (line["谁"], line["对象"], line["县（市、区）"]) == ("本机", "李施工", "")
    assert "施工队" in line["说明"] and "虎林市" in line["说明"]
    with sign_in.store().writing() as connection:
        audit.write(connection, "", "sign_in", "", "refused", detail="closed")
    at = opened("people")
    lines = audited(at)
    assert [(line["结果"], line["谁"]) for line in lines] == [("被拒绝", "未登录"), ("成功", "本机")]
    assert lines[0]["说明"] == "已经退出"


def test_the_audit_tells_of_drafts_in_the_language_of_the_page() -> None:
    said = {
        "draft of p": "新建草稿，原方案 p",
        "join": "合并",
        "written over p": "写成新方案，原方案 p",
        "closed": "收起草稿",
    }
    with sign_in.store().writing() as connection:
        for detail in said:
            audit.write(connection, "local", "plan", "d", "done", detail=detail)
        audit.write(connection, "local", "report", "p", "refused", detail="started × 2")
        audit.write(connection, "local", "export", "ledger", "done", detail="xlsx 50 rows")
    told = [line["说明"] for line in audited(opened("people"))]
    assert sorted(told) == sorted([*said.values(), "开工 × 2", "xlsx 50 条"])


@pytest.mark.parametrize(
    ("role", "counties"),
    [("field", frozenset({HULIN})), ("viewer", None), ("official", None), ("planner", frozenset({HULIN}))],
)
def test_who_does_not_manage_users_is_told_so_and_sees_none(
    role: str, counties: frozenset[str] | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entered()
    as_person(monkeypatch, tmp_path, role, counties)
    at = opened("people")
    assert "您的账号不能打开这一页" in words(at)
    assert "李施工" not in words(at)
    assert "某某" in words(at)


def test_nobody_signed_in_sees_only_the_way_in_on_every_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sign_in_home.set_up(monkeypatch, tmp_path)
    for page in ("overview", "people", "plan"):
        at = opened(page)
        assert "请先登录" in words(at)
        assert [b.key for b in at.button] == ["sign_in"]
        assert audited(at) == [] and not at.selectbox


def test_whoever_is_not_entered_is_told_whom_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sign_in_home.set_up(monkeypatch, tmp_path)

    def unknown(cookies: object) -> people.Person:
        raise SignedOutError("inactive")

    monkeypatch.setattr(sign_in, "person", unknown)
    monkeypatch.setattr(sign_in, "email", lambda: "zhao@example.cn")
    said = words(opened())
    assert "您的账号还没有录入" in said
    assert "zhao@example.cn" in said
    assert sign_in_home.ADMIN in said


@pytest.mark.parametrize("why", ["idle", "expired", "closed", "old"])
def test_whoever_was_signed_out_is_told_why(
    why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sign_in_home.set_up(monkeypatch, tmp_path)

    def over(cookies: object) -> people.Person:
        raise SignedOutError(why)

    monkeypatch.setattr(sign_in, "person", over)
    at = opened()
    said = "您已经退出，或者太久没有操作" if why == "closed" else SignedOutError(why).zh
    assert said in words(at)
    assert [b.label for b in at.button] == ["重新登录"]


def test_a_viewer_sees_no_upload_no_run_and_still_the_public_export(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tests.page_home import checked_parcels, small_plan

    small_plan(tmp_path / "plans" / "one")
    checked_parcels(tmp_path)
    as_person(monkeypatch, tmp_path, "viewer", None)
    assert "您的账号不能打开这一页" in words(opened("parcels"))
    at = opened("plan")
    keys = {b.key for b in at.button}
    assert "start_plan" not in keys and "go_overview" in keys
    assert at.get("download_button")
    as_person(monkeypatch, tmp_path, "field", frozenset({HULIN}))
    assert not opened("plan").get("download_button")
    as_person(monkeypatch, tmp_path, "planner", frozenset({MISHAN}))
    at = opened("plan")
    # the checked parcels are another county's
    assert "先要有检查过的地块数据" in words(at)
