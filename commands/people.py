"""The verbs of the `chigai` command for who may sign in: user add, list, change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from geo.errors import ChigaiError
from ui.terminal import Screen, guarded

if TYPE_CHECKING:
    from tracking.store import Store

user = typer.Typer(no_args_is_help=True, help="用户。 Who may sign in, and do what.")

County = Annotated[
    list[str] | None,
    typer.Option(metavar="COUNTY", help="负责的县区：名称或六位代码，可重复 · name or code; repeatable"),
]
Every = Annotated[bool, typer.Option("--all-counties", help="全部县区 · every county")]
ROLE_HELP = "planner 规划 · field 外业 · official 主管 · viewer 查阅"


def register(app: typer.Typer) -> None:
    """Put these verbs into the command."""
    app.add_typer(user, name="user")


@user.command("add")
@guarded
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="姓名 · name")],
    email: Annotated[str, typer.Argument(help="登录所用邮箱 · the address that the person signs in with")],
    role: Annotated[str, typer.Argument(help=ROLE_HELP)],
    county: County = None,
    all_counties: Every = False,
) -> None:
    """添加用户。 Add a user; say the counties, or --all-counties."""
    from tracking import people

    counties = _counties(county, all_counties)
    if counties is False:
        raise ChigaiError(
            "请说明负责哪些县区。", "It does not say for which counties.",
            do_zh="用 --county 逐个指明，或用 --all-counties 表示全部。",
            do_en="name each with --county, or give --all-counties.",
        )  # fmt: skip
    store = _opened()
    added = people.add_user(store, people.LOCAL, name, email, role, counties)
    screen: Screen = ctx.obj
    screen.say(f"已添加用户 {added.id}", f"User {added.id} is added")


@user.command("list")
@guarded
def list_(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="只输出 JSON · print JSON alone")] = False,
) -> None:
    """列出用户。 List the users."""
    from tracking import people
    from tracking.counties import names
    from tracking.targets import LOCAL

    screen: Screen = ctx.obj
    found = people.users(_opened(), people.LOCAL)
    if as_json:
        rows = found.astype(object).to_dict("records")
        for row in rows:
            row |= {n: row[n].isoformat() if _there(row[n]) else None for n in ("last_seen", "changed")}
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if found.empty:
        screen.say("还没有用户。用 chigai user add 添加。", "There are no users yet: chigai user add.")
        return
    heads = [
        ("编号", "id"), ("姓名", "name"), ("邮箱", "e-mail"), ("角色", "role"), ("县区", "counties"),
        ("状态", "state"), ("最近使用", "last seen"),
    ]  # fmt: skip
    known = names()
    cells = [
        [
            row["id"],
            row["name"],
            row["email"],
            screen.pick(*people.ROLE_NAMES.get(row["role"], (row["role"],) * 2)),
            screen.pick("全部", "all")
            if row["counties"] is None
            else " ".join(screen.pick(*known.get(c, (c, c))) for c in row["counties"]),
            screen.pick("启用", "active") if row["active"] else screen.pick("停用", "inactive"),
            row["last_seen"].astimezone(LOCAL).strftime("%Y-%m-%d %H:%M")
            if _there(row["last_seen"])
            else "–",
        ]
        for row in found.to_dict("records")
    ]
    screen.table(("用户", "Users"), heads, cells)


@user.command("change")
@guarded
def change(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(metavar="USER", help="编号或邮箱 · id or e-mail address")],
    name: Annotated[str | None, typer.Option(help="姓名 · name")] = None,
    email: Annotated[str | None, typer.Option(help="登录所用邮箱 · address to sign in with")] = None,
    role: Annotated[str | None, typer.Option(help=ROLE_HELP)] = None,
    county: County = None,
    all_counties: Every = False,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="启用或停用 · may sign in, or not")
    ] = None,
) -> None:
    """修改或停用用户；停用后立即退出。 Change a user, or deactivate one, which signs out at once."""
    from tracking import people

    store = _opened()
    found = people.users(store, people.LOCAL)
    mine = found[(found["id"] == who) | (found["email"] == who.strip().lower())]
    if mine.empty:
        raise ChigaiError(
            "没有这个用户。", "There is no such user.",
            do_zh="用 chigai user list 查看。", do_en="see chigai user list.",
        )  # fmt: skip
    given = {"name": name, "email": email, "role": role, "active": active}
    changes: dict[str, Any] = {n: v for n, v in given.items() if v is not None}
    counties = _counties(county, all_counties)
    if counties is not False:
        changes["counties"] = counties
    row = mine.iloc[0]
    version = people.change_user(store, people.LOCAL, str(row["id"]), int(row["version"]), **changes)
    screen: Screen = ctx.obj
    if version == row["version"]:
        screen.say("没有变化。", "Nothing changed.")
    else:
        screen.say(f"已修改用户 {row['id']}", f"User {row['id']} is changed")


def _opened() -> Store:
    from commands.ledger import opened

    return opened()


def _there(moment: Any) -> bool:
    return moment is not None and moment == moment


def _counties(named: list[str] | None, every: bool) -> list[str] | Literal[False] | None:
    """The adcodes that the options mean; None is every county, False that they say nothing."""
    if every and named:
        raise ChigaiError(
            "--county 与 --all-counties 只能用一个。", "Give --county or --all-counties, not both.",
            do_zh="去掉其中一个。", do_en="leave one of them out.",
        )  # fmt: skip
    if every:
        return None
    if not named:
        return False
    from tracking.counties import names

    codes = {name: code for code, both in names().items() for name in both}
    return [codes.get(name.strip(), name.strip()) for name in named]
