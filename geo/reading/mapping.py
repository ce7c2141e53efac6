"""Which column of a file is which field of chigai: 确权 DK, 三调 DLTB, chigai's own table, and any other by its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from geo.errors import ChigaiError

Profile = Literal["chigai", "dk", "dltb", "generic"]

PARCEL_FIELDS = (
    "parcel_id",
    "county",
    "township",
    "village",
    "irrigation_district",
    "operator",
    "consent",
    "priority",
    "declared_mu",
    "declared_m2",
)
"""What a mapping may name for parcels; declared_m2 is the declared area in square metres."""

BARRIER_FIELDS = ("kind", "fixed", "width_m", "water_level_m")

ALIASES: dict[str, tuple[str, ...]] = {
    "parcel_id": (
        "parcel_id", "DKBM", "地块编码", "地块编号", "地块代码", "图斑编号", "parcelid", "parcel_no", "plot_id", "plotid",
        "field_id", "fieldid", "polygon_uuid", "uuid", "guid", "globalid", "gml_id", "inspireid", "BSM", "标识码", "编号",
        "id", "objectid", "fid_1", "oid",
    ),
    "county": ("county", "adcode", "county_code", "XZQDM", "XIANDM", "县代码", "县级代码", "区县代码", "行政区代码", "行政区划代码", "ZLDWDM"),
    "township": ("township", "乡镇", "乡镇名称", "乡镇代码", "XIANGZHEN", "XZMC", "town"),
    "village": ("village", "行政村", "村名", "村名称", "村", "村代码", "ZLDWMC", "CUNMC"),
    "irrigation_district": ("irrigation_district", "灌区", "灌区名称", "所属灌区", "GQMC", "irrigation"),
    "operator": ("operator", "经营主体", "经营者", "CBFBM", "承包方编码", "承包方代码", "operator_id", "farm_id"),
    "consent": ("consent", "是否同意", "同意", "意愿", "农户意愿", "agreed"),
    "priority": ("priority", "优先级", "优先", "优先级别"),
    "declared_mu": ("declared_mu", "SCMJM", "实测面积亩", "合同面积亩", "面积亩", "面积（亩）", "面积(亩)", "亩数", "亩", "HTMJM", "mu"),
    "declared_m2": ("declared_m2", "SCMJ", "实测面积", "面积平方米", "TBMJ", "图斑面积"),
    "kind": ("kind", "DLBM", "类型", "类别", "名称", "DLMC", "LX", "type", "class", "fclass"),
    "fixed": ("fixed", "固定", "是否固定"),
    "width_m": ("width_m", "宽度", "XZDWKD", "KD", "width"),
    "water_level_m": ("water_level_m", "水位", "设计水位", "渠道水位", "水位高程", "water_level"),
}  # fmt: skip

DLTB_FIELDS = {
    "county": "ZLDWDM", "township": "ZLDWDM", "village": "ZLDWDM", "declared_m2": "TBMJ",
}  # fmt: skip
DK_FIELDS = {
    "parcel_id": "DKBM", "county": "DKBM", "township": "DKBM", "village": "DKBM",
    "operator": "CBFBM", "declared_mu": "SCMJM", "declared_m2": "SCMJ",
}  # fmt: skip

PERSONAL = frozenset(
    (
        "DKDZ", "DKXZ", "DKNZ", "DKBZ", "DKBZXX", "ZJRXM", "CBFMC", "CBFZJLX", "CBFZJHM", "CBFDZ", "LXDH", "CYXM", "CYZJHM",
        "FBFFZRXM", "FZRZJLX", "FZRZJHM", "QLRMC", "QLRZJH", "GTQLR", "YZBM", "JTCYXM",
    )
)  # fmt: skip
"""Standard fields that hold people's names, papers, addresses and phones, or the four neighbours' names."""
_PERSONAL_WORDS = re.compile(
    r"姓名|身份证|证件号|电话|手机|联系方式|住址|地址|指界人|权利人|承包人|承包方名称|户主|四至|[东西南北]至"
    r"|phone|mobile|telephone|e[_-]?mail|id[_-]?card|passport|person|first_?name|last_?name|full_?name|owner|farmer",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recognition:
    """profile: what the table is; mapping: chigai field -> column of the file, as written there."""

    profile: Profile
    mapping: dict[str, str]
    land_use: str | None = None
    """Column that tells paddies from the rest (DK: TDLYLX, DLTB: DLBM)."""


def is_personal(column: str) -> bool:
    """True for columns that hold people's names, papers, addresses, phones or neighbours."""
    name = column.strip()
    if _norm(name) in _OWN:
        return False
    return name.upper() in PERSONAL or bool(_PERSONAL_WORDS.search(name))


def personal(columns: Iterable[str]) -> list[str]:
    """The columns of these that are dropped on reading."""
    return [c for c in columns if is_personal(c)]


def _norm(name: str) -> str:
    return re.sub(r"[\s_\-.]", "", name).casefold()


_OWN = {_norm(f) for f in (*PARCEL_FIELDS, *BARRIER_FIELDS)}


def find(columns: Iterable[str], *names: str) -> str | None:
    """The first column that bears one of the names; case, spaces and underscores do not matter.

    A name that a shapefile cut to ten bytes is found too: three Chinese characters in UTF-8, five in GBK.
    """
    there = {_norm(c): c for c in reversed(list(columns))}
    for name in names:
        if (hit := there.get(_norm(name))) is not None:
            return hit
    cut = [c for c in there.values() if {len(c.encode()), len(c.encode("gb18030", "replace"))} & {9, 10}]
    for name in names:
        for column in cut:
            if len(name) > len(column) and name.casefold().startswith(column.casefold()):
                return column
    return None


def recognise(columns: Iterable[str]) -> Recognition:
    """What a table with these columns is, and which column is what; personal columns are never used."""
    names = [c for c in columns if not is_personal(c)]
    if find(names, "DKBM"):
        mapping = _present(names, DK_FIELDS)
        profile: Profile = "dk"
        land_use = find(names, "TDLYLX")
    elif find(names, "DLBM"):
        mapping = _present(names, DLTB_FIELDS)
        if ids := find(names, "BSM", "TBBH"):
            mapping["parcel_id"] = ids
        profile, land_use = "dltb", find(names, "DLBM")
    else:
        mapping, land_use = {}, None
        own = [
            f
            for f in ("county", "irrigation_district", "operator", "consent", "declared_mu")
            if find(names, f)
        ]
        profile = "chigai" if find(names, "parcel_id") and own else "generic"
    used = set(mapping.values())
    for field in PARCEL_FIELDS:
        if field in mapping or (profile == "dltb" and field in ("village", "township")):
            continue
        column = find([n for n in names if n not in used], *ALIASES[field])
        # codes of places say county, township and village at once, so their column may serve again
        if column is not None and not (
            field == "declared_m2" and "declared_mu" in mapping and profile != "dk"
        ):
            mapping[field] = column
            used.add(column)
    return Recognition(profile, mapping, land_use)


def _present(columns: list[str], wanted: Mapping[str, str]) -> dict[str, str]:
    found = {field: find(columns, column) for field, column in wanted.items()}
    return {field: column for field, column in found.items() if column is not None}


def chosen(recognition: Recognition, columns: Iterable[str], given: Mapping[str, str] | None) -> Recognition:
    """The recognition with what the user says put over it.

    given: chigai field -> column. An empty column takes the field out. Raises ChigaiError for an unknown field,
    a column that is not there, or one that holds people's names or papers.
    """
    if not given:
        return recognition
    names = list(columns)
    mapping = dict(recognition.mapping)
    for field, column in given.items():
        if field not in PARCEL_FIELDS + BARRIER_FIELDS:
            known = "、".join(PARCEL_FIELDS + BARRIER_FIELDS)
            raise ChigaiError(
                f"字段对应里的“{field}”不是本软件的字段。",
                f"'{field}' in the mapping is no field of chigai.",
                do_zh=f"可用的字段：{known}。",
                do_en=f"Use one of: {known.replace('、', ', ')}.",
            )
        if not column:
            mapping.pop(field, None)
            continue
        hit = column if column in names else find(names, column)
        if hit is None:
            there = [n for n in names if not is_personal(n)]
            raise ChigaiError(
                f"文件里没有“{column}”这一列（对应字段 {field}）。",
                f"The file has no column '{column}' (mapped to {field}).",
                do_zh=f"文件里的列：{'、'.join(there) or '无'}。",
                do_en=f"Its columns: {', '.join(there) or 'none'}.",
            )
        # who runs the land may be named by hand; it stays in the private tables
        if hit.strip().upper() in PERSONAL or (is_personal(hit) and field != "operator"):
            raise ChigaiError(
                f"“{hit}”列含有个人信息，不能读入。",
                f"Column '{hit}' holds personal data and is not read.",
                do_zh="经营主体请用承包方编码 CBFBM 等代码列。",
                do_en="For the operator use a code such as CBFBM.",
            )
        mapping[field] = hit
        if field == "declared_mu":
            mapping.pop("declared_m2", None)
        elif field == "declared_m2" and "declared_mu" not in given:
            mapping.pop("declared_mu", None)
    return Recognition(recognition.profile, mapping, recognition.land_use)


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """The mapping of `--map field=column` options; ChigaiError for one without '='."""
    mapping = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not sign or not field.strip():
            raise ChigaiError(
                f"“{pair}”不是 字段=列名 的写法。",
                f"'{pair}' is not of the form field=column.",
                do_zh="例如 --map parcel_id=地块编号。",
                do_en="For example --map parcel_id=PLOT_NO.",
            )
        mapping[field.strip()] = column.strip()
    return mapping
