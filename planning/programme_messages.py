"""What to say when a notice's file or a parameter is wrong: which key, and what to do, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

from geo.errors import ChigaiError

if TYPE_CHECKING:
    from planning.programme import Programme

_SEPARATOR = " ‖ "
"""Between the Chinese and the English half of a model's own message."""

_OWN = {
    "half_target": (
        "floor_mu、ceiling_mu、deadline 要么都填，要么都为 null",
        "floor_mu, ceiling_mu and deadline are either all given or all null",
    ),
    "floor_above_ceiling": ("floor_mu 大于 ceiling_mu", "floor_mu is larger than ceiling_mu"),
    "out_of_range": (
        "值 {value} 不在 {low} 至 {high} 之间",
        "the value {value} is not between {low} and {high}",
    ),
    "shares_not_one": (
        "owners_share 与 collective_share 之和不为 1",
        "owners_share and collective_share do not add up to 1",
    ),
    "unknown_timezone": ("时区 {value} 不存在", "there is no time zone {value}"),
    "unit_twice": ("行政区代码重复：{codes}", "an adcode is given twice: {codes}"),
    "stray_target": (
        "三减措施 {measure} 的任务给了 units 中没有的代码：{codes}",
        "measure {measure} has targets for adcodes that are not among the units: {codes}",
    ),
    "sum_differs": (
        "三减措施 {measure} 各地任务之和为 {total:g}，与 city_total {stated:g} 不符",
        "the targets of measure {measure} add up to {total:g}, not to city_total {stated:g}",
    ),
}

_TYPES = {
    "missing": ("缺少此项", "is missing", "补上此项", "add it"),
    "extra_forbidden": ("无法识别此项", "is not a key that is known", "改正拼写或删除", "mend its spelling or remove it"),
    "string_type": ("应为文字", "must be text", "给值加上引号", "put the value in quotes"),
    "string_too_short": ("不能为空", "must not be empty", "填写内容", "give it a text"),
    "string_pattern_mismatch": ("格式不对", "has another form than expected", "按示例文件改写", "write it as the bundled file does"),
    "bool_type": ("应为 true 或 false", "must be true or false", "改为 true 或 false", "write true or false"),
    "literal_error": ("不是允许的取值", "is not one of the values allowed", "改为允许的取值", "use one of them"),
    "tuple_type": ("应为列表", "must be a list", "每项以“- ”开头", "begin each entry with '- '"),
    "too_short": ("不能为空", "must not be empty", "至少填写一项", "give at least one entry"),
}  # fmt: skip
_NUMBER = (
    "应为数字",
    "must be a number",
    "写成不带引号、不带单位的数字",
    "write a number without quotes or unit",
)
_DATE = ("应为日期", "must be a date", "写成 2022-04-20 的形式", "write it like 2022-04-20")
_BOUND = ("超出允许范围", "is outside its range", "改为允许范围内的值", "use a value inside the range")
_MODEL = ("应为一组键和值", "must be keys with values", "按示例文件改写", "write it as the bundled file does")
_PREFIXES = {
    "float": _NUMBER,
    "int": _NUMBER,
    "finite": _NUMBER,
    "date": _DATE,
    "greater": _BOUND,
    "less": _BOUND,
    "model": _MODEL,
    "dict": _MODEL,
}


class AliasUsedError(Exception):
    """The file uses a YAML alias."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


class KeyTwiceError(Exception):
    """The file gives one key twice in one place; plain YAML would silently keep the last."""

    def __init__(self, key: str, line: int) -> None:
        self.key, self.line = key, line
        super().__init__(key)


def pair(which: str, **values: object) -> str:
    """A model's own message, both halves in one string, as pydantic carries only one."""
    zh, en = _OWN[which]
    return zh.format(**values) + _SEPARATOR + en.format(**values)


def _key(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def invalid(path: Path, error: ValidationError) -> ChigaiError:
    """Every key that is wrong, the first ten written out; list entries count from 1."""
    problems = error.errors(include_url=False, include_context=True)
    zh, en = [], []
    for problem in problems[:10]:
        key = _key(problem["loc"])
        kind = problem["type"]
        if kind == "value_error":
            own_zh, _, own_en = problem["msg"].removeprefix("Value error, ").partition(_SEPARATOR)
            zh.append(f"{key}：{own_zh}" if key else own_zh)
            en.append(f"{key}: {own_en}" if key else own_en)
            continue
        text = _TYPES.get(kind) or _PREFIXES.get(kind.split("_")[0]) or _TYPES["string_pattern_mismatch"]
        given = "" if kind == "missing" else f" ({_short(problem['input'])})"
        allowed = problem.get("ctx", {}).get("expected")
        choice = f" [{allowed}]" if allowed else ""
        zh.append(f"{key}{given} {text[0]}{choice}，请{text[2]}")
        en.append(f"{key}{given} {text[1]}{choice}: {text[3]}")
    more = len(problems) - len(zh)
    if more > 0:
        zh.append(f"另有 {more} 处")
        en.append(f"and {more} more")
    return ChigaiError(
        "方案文件有误：" + "；".join(zh) + "。",
        "The programme file is wrong. " + "; ".join(en) + ".",
        do_zh="逐项改正后重试；可对照自带的 jixi-2020-8.yml。",
        do_en="Mend each key and try again; the bundled jixi-2020-8.yml shows how they are written.",
        file=path,
    )


def _short(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


def not_found(name: str, known: list[str]) -> ChigaiError:
    return ChigaiError(
        f"找不到方案“{name}”。",
        f"There is no programme '{name}'.",
        do_zh=f"使用自带方案（{'、'.join(known)}），或给出 .yml 文件的路径。",
        do_en=f"Name a bundled one ({', '.join(known)}) or give the path of a .yml file.",
    )


def too_large(path: Path) -> ChigaiError:
    return ChigaiError(
        "文件过大，不像方案文件。",
        "The file is too large to be a programme.",
        do_zh="请选择 .yml 方案文件。",
        do_en="Choose a .yml programme file.",
        file=path,
    )


def unreadable(path: Path) -> ChigaiError:
    return ChigaiError(
        "无法读取方案文件。",
        "The programme file cannot be read.",
        do_zh="检查文件的读取权限，且未被其他程序占用。",
        do_en="Check that you may read it and that no other program holds it.",
        file=path,
    )


def not_utf8(path: Path) -> ChigaiError:
    return ChigaiError(
        "方案文件不是 UTF-8 编码。",
        "The programme file is not UTF-8.",
        do_zh="用文本编辑器另存为 UTF-8 后重试。",
        do_en="Save it as UTF-8 in a text editor and try again.",
        file=path,
    )


def alias_used(path: Path, line: int) -> ChigaiError:
    return ChigaiError(
        "方案文件用了 YAML 引用（*名称）。",
        "The programme file uses a YAML alias (*name).",
        do_zh="直接写出内容。",
        do_en="Write the content out.",
        file=path,
        row=line,
    )


def key_twice(path: Path, key: str, line: int) -> ChigaiError:
    return ChigaiError(
        f"方案文件中“{key}”在同一处出现两次。",
        f"The programme file gives '{key}' twice in one place.",
        do_zh="只保留一处。",
        do_en="Keep one of them.",
        file=path,
        row=line,
    )


def not_yaml(path: Path, error: Exception) -> ChigaiError:
    mark = getattr(error, "problem_mark", None) if isinstance(error, yaml.YAMLError) else None
    return ChigaiError(
        "方案文件不是有效的 YAML。",
        "The programme file is not valid YAML.",
        do_zh="检查该行的缩进、冒号和引号。",
        do_en="Check indentation, colons and quotes at that line.",
        file=path,
        row=mark.line + 1 if mark is not None else None,
    )


def not_a_mapping(path: Path) -> ChigaiError:
    return ChigaiError(
        "方案文件为空，或不是由键和值组成。",
        "The programme file is empty, or not made of keys and values.",
        do_zh="以自带的 jixi-2020-8.yml 为样例编写。",
        do_en="Write it after the bundled jixi-2020-8.yml.",
        file=path,
    )


def unknown_unit(adcode: object, programme: Programme) -> ChigaiError:
    return ChigaiError(
        f"方案中没有行政区代码 {adcode}。",
        f"The programme has no unit with adcode {adcode}.",
        do_zh="使用其中之一：" + "、".join(f"{u.adcode} {u.name_zh}" for u in programme.units) + "。",
        do_en="Use one of: " + ", ".join(f"{u.adcode} {u.name_en}" for u in programme.units) + ".",
    )


def unknown_parameter(name: str, known: list[str]) -> ChigaiError:
    return ChigaiError(
        f"没有参数“{name}”。",
        f"There is no parameter '{name}'.",
        do_zh="使用其中之一：" + "、".join(known) + "。",
        do_en="Use one of: " + ", ".join(known) + ".",
    )


def not_a_switch(name: str, zh: str, en: str, value: object) -> ChigaiError:
    return ChigaiError(
        f"参数“{zh}”（{name}）的值 {_short(value)} 不是“是/否”。",
        f"Parameter {name} ({en}): {_short(value)} is neither yes nor no.",
        do_zh="使用 true、false、1 或 0。",
        do_en="Use true, false, 1 or 0.",
    )


def not_a_number(name: str, zh: str, en: str, value: object) -> ChigaiError:
    return ChigaiError(
        f"参数“{zh}”（{name}）的值 {_short(value)} 不是数字。",
        f"Parameter {name} ({en}): {_short(value)} is not a number.",
        do_zh="填写数字。",
        do_en="Give a number.",
    )


def outside(
    name: str, zh: str, en: str, value: object, low: float, high: float, unit_zh: str, unit_en: str
) -> ChigaiError:
    return ChigaiError(
        f"参数“{zh}”（{name}）的值 {value} {unit_zh} 超出允许范围。",
        f"Parameter {name} ({en}): {value} {unit_en} is outside its range.",
        do_zh=f"使用 {low:g} 至 {high:g} {unit_zh} 之间的值。",
        do_en=f"Use a value from {low:g} to {high:g} {unit_en}.",
    )
