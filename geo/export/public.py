"""What may leave the house: a plan's tables without persons, and what each column is called."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.checking.findings import KINDS, summarise
from geo.plans import Plan

FEWEST = 3
"""A count of households below this is not shown: it would point at one of them."""


@dataclass(frozen=True)
class Column:
    """A column's name in a shapefile (10 characters at most) and in words, with its unit."""

    short: str
    zh: str
    en: str


COLUMNS: dict[str, Column] = {
    "block_id": Column("BLOCK_ID", "大池编号", "block"),
    "site_id": Column("SITE_ID", "示范点编号", "site"),
    "parcel_id": Column("PARCEL_ID", "小池编号", "parcel"),
    "county": Column("COUNTY", "县（市、区）代码", "county (adcode)"),
    "township": Column("TOWNSHIP", "乡镇", "township"),
    "village": Column("VILLAGE", "村", "village"),
    "irrigation_district": Column("IRR_DIST", "灌区", "irrigation district"),
    "field_unit": Column("FIELD_UNIT", "条田单元", "field unit"),
    "area_mu": Column("AREA_MU", "面积（亩）", "area, mu"),
    "parcels_mu": Column("PARC_MU", "小池面积合计（亩）", "sum of the parcels, mu"),
    "declared_mu": Column("DECL_MU", "登记面积（亩）", "declared area, mu"),
    "n_parcels": Column("N_PARCELS", "小池数", "number of parcels"),
    "n_operators": Column(
        "N_OPER",
        f"经营户数（少于{FEWEST}户不公开）",
        f"number of operators (fewer than {FEWEST} are not shown)",
    ),
    "n_blocks": Column("N_BLOCKS", "大池数", "number of blocks"),
    "meets_minimum": Column("MEETS_MIN", "达到面积下限（1是，0否）", "meets the minimum (1 yes, 0 no)"),
    "elevation_m": Column("ELEV_M", "田面高程（m）", "elevation, m"),
    "elevation_min_m": Column("ELEV_MIN_M", "最低田面高程（m）", "lowest parcel, m"),
    "elevation_max_m": Column("ELEV_MAX_M", "最高田面高程（m）", "highest parcel, m"),
    "design_level_m": Column("LEVEL_M", "设计高程（m）", "design level, m"),
    "cut_m3": Column("CUT_M3", "挖方（m³）", "cut, m³"),
    "fill_m3": Column("FILL_M3", "填方（m³）", "fill, m³"),
    "haul_m3m": Column("HAUL_M3M", "运量（m³·m）", "haul, m³·m"),
    "ridge_removed_m": Column("RIDGE_M", "拆除田埂（m）", "ridge removed, m"),
    "gained_mu": Column("GAINED_MU", "新增插秧面积（亩）", "planted area gained, mu"),
    "rectangularity": Column("RECTANG", "矩形度（0–1）", "rectangularity, 0–1"),
    "has_inlet": Column(
        "HAS_INLET", "临渠（1是，0否，空：资料没有）", "side on a canal (1 yes, 0 no, empty: no data)"
    ),
    "has_outlet": Column(
        "HAS_OUTLET",
        "临沟（1是，0否，空：资料没有）",
        "side on a drain or ditch (1 yes, 0 no, empty: no data)",
    ),
    "has_access": Column(
        "HAS_ACCESS", "临路（1是，0否，空：资料没有）", "side on a road (1 yes, 0 no, empty: no data)"
    ),
    "cost_yuan": Column("COST_YUAN", "费用（元）", "cost, yuan"),
    "benefit_yuan_per_year": Column("BENEF_YEAR", "年效益（元）", "benefit a year, yuan"),
    "priority": Column("PRIORITY", "优先类别", "priority"),
    "reason": Column("REASON", "未连片原因", "why it is in no compliant block"),
}

BLOCK_COLUMNS = (
    "block_id", "county", "irrigation_district", "site_id", "field_unit", "area_mu", "parcels_mu",
    "n_parcels", "n_operators", "meets_minimum", "elevation_min_m", "elevation_max_m", "design_level_m",
    "cut_m3", "fill_m3", "haul_m3m", "ridge_removed_m", "gained_mu", "rectangularity", "has_inlet",
    "has_outlet", "has_access", "cost_yuan", "benefit_yuan_per_year",
)  # fmt: skip
SITE_COLUMNS = (
    "site_id", "county", "irrigation_district", "area_mu", "n_blocks", "cost_yuan", "meets_minimum",
)  # fmt: skip
PARCEL_COLUMNS = (
    "parcel_id", "county", "township", "village", "irrigation_district", "area_mu", "elevation_m",
    "block_id", "reason",
)  # fmt: skip
INTERNAL_PARCEL_COLUMNS = (*PARCEL_COLUMNS, "field_unit", "declared_mu", "priority")

OTHER = "other"
"""In public, a household's refusal and a parcel left over for other causes are not told apart."""

REASONS: dict[str, tuple[str, str]] = {
    "isolated": ("孤立，没有可合并的相邻小池", "no neighbour to join"),
    "elevation": ("高差超限", "elevation step too large"),
    "consent": ("农户未同意", "consent refused"),
    "barrier": ("被渠、沟、路、林带隔开", "cut off by a canal, ditch, road or shelterbelt"),
    "too_small_together": ("合并后仍不足下限", "too small even together"),
    "left_over": ("邻池另有更优组合", "its neighbours serve better elsewhere"),
    OTHER: ("其他", "other"),
}

READING: dict[str, tuple[str, str]] = {
    "encoding_wrong": ("文字编码标注有误，已更正", "the encoding was labelled wrong"),
    "encoding_assumed": ("文字编码按内容判定", "the encoding was told by the text"),
    "declared_not_used": ("登记面积不可信，未用", "declared areas were not used"),
    "axes_swapped": ("东、北坐标写反，已对调", "eastings and northings were exchanged"),
    "crs_assumed": ("坐标系按数值判定", "the coordinate system was told by the numbers"),
    "crs_contradicted": ("坐标系标注与数值不符", "the coordinate system was labelled wrong"),
    "crs_overridden": ("坐标系由用户指定", "the coordinate system was given"),
    "datum_shifted": ("由旧坐标系转换", "transformed from an older datum"),
    "zone_number": ("带号标注与数值不符", "the zone number was labelled wrong"),
    "zones_joined": ("跨带数据已统一", "several zones were brought into one"),
    "ids_made": ("没有编号，已按行号编号", "ids were made of the row numbers"),
    "layer_chosen": ("文件有多个图层，已选其一", "one layer of several was taken"),
    "personal_dropped": ("个人信息列未读入", "personal columns were not read"),
    "not_paddy": ("不是水田的图斑，未读入", "parcels of other use were not read"),
    "barrier_kind_unknown": ("渠路类别无法识别", "kind of barrier not understood"),
    "consent_unclear": ("意愿的写法无法识别", "consent not understood"),
    "county_unclear": ("县（市、区）代码无法识别", "county not understood"),
    "county_unknown": ("县（市、区）不在本方案内，未参加规划", "of no county of this programme: not planned"),
    "too_many_vertices": ("顶点过多，未读入", "too many vertices"),
    "unreadable_geometry": ("图形已损坏，未读入", "the geometry is spoilt and was not read"),
    "ring_not_closed": ("边界线没有闭合，已闭合", "the outline was not closed: closed"),
    "arcs_straightened": (
        "边界含圆弧，已化为短直线",
        "arcs in the outline: turned into short straight sides",
    ),
    "rows_deleted": ("已标记删除的行，未读入", "rows marked as deleted were not read"),
    "barrier_left_out": (
        "渠路没有图形或不是线、面，未使用",
        "barriers without line or polygon were not used",
    ),
}
"""Kinds of finding that reading writes → titles; an unknown kind is shown by its name."""

PUBLIC_LABEL = ("公开版，不含农户信息", "Public: no household data")
INTERNAL_LABEL = ("内部资料，不得公开", "Internal: not for publication")


@dataclass(frozen=True)
class Outgoing:
    """A plan's tables as they may be handed out; geometry in the plan's CRS.

    checks: kind, severity, action, count, area_mu, zh, en. names: county adcode → (zh, en).
    hauls, works: the tables of those names where they were asked for and the plan has them, parcels named as here.
    """

    blocks: gpd.GeoDataFrame
    sites: gpd.GeoDataFrame
    parcels: gpd.GeoDataFrame
    checks: pd.DataFrame
    meta: dict[str, Any]
    internal: bool
    hauls: pd.DataFrame | None = None
    works: pd.DataFrame | None = None

    @property
    def label(self) -> tuple[str, str]:
        """Whether it may be published, in Chinese and English."""
        return INTERNAL_LABEL if self.internal else PUBLIC_LABEL

    @property
    def names(self) -> dict[str, tuple[str, str]]:
        """County adcode → its names, (zh, en)."""
        counties = self.meta.get("counties", [])
        return {
            c["county"]: (c.get("name_zh") or c["county"], c.get("name_en") or c["county"]) for c in counties
        }

    @property
    def layers(self) -> dict[str, gpd.GeoDataFrame]:
        """The three layers by name, largest shapes of interest first."""
        return {"blocks": self.blocks, "sites": self.sites, "parcels": self.parcels}

    def about(self) -> tuple[str, str]:
        """One line that says what this is and where from, in Chinese and English."""
        programme = self.meta.get("programme", {})
        made = str(self.meta.get("created", ""))[:10]
        return tuple(  # type: ignore[return-value]
            " · ".join(p for p in (label, programme.get(key, ""), self.meta.get("id", ""), made) if p)
            for label, key in zip(self.label, ("name_zh", "name_en"), strict=True)
        )


def outgoing(plan: Plan, internal: bool = False) -> Outgoing:
    """The plan's tables without operators, consent, shares and persons' counts.

    internal: keep the parcels' own ids, full reasons and counts (still no operator and no consent column).
    Otherwise parcel ids are random (the same through the whole export), the rows of parcels stand in the
    order of these, refusals are not told from other reasons and few operators are not counted.
    """
    blocks = _chosen(with_sides(plan.blocks), BLOCK_COLUMNS)
    operators = blocks["n_operators"].astype("Int64")
    blocks["n_operators"] = operators if internal else operators.mask(operators < FEWEST)
    parcels = _chosen(plan.parcels, INTERNAL_PARCEL_COLUMNS if internal else PARCEL_COLUMNS)
    hauls = plan.more.get("hauls")
    if not internal:
        own = parcels["parcel_id"]
        parcels["parcel_id"] = random_ids(len(parcels))
        if hauls is not None:
            new = dict(zip(own, parcels["parcel_id"], strict=True))
            hauls = hauls.assign(**{c: hauls[c].map(new) for c in ("from_parcel", "to_parcel")})
        parcels["reason"] = parcels["reason"].where(
            ~parcels["reason"].isin(["consent", "left_over"]), other=OTHER
        )
        parcels = parcels.sort_values("parcel_id", ignore_index=True)
    sites = _chosen(plan.sites, SITE_COLUMNS)
    checks = _checks(plan.findings)
    return Outgoing(blocks, sites, parcels, checks, plan.meta, internal, hauls, plan.more.get("works"))


def with_sides(blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The blocks with has_inlet, has_outlet and has_access: all null in a plan of a version without them."""
    absent = [c for c in ("has_inlet", "has_outlet", "has_access") if c not in blocks]
    return blocks.assign(**{c: pd.array([None] * len(blocks), dtype="boolean") for c in absent})


def _chosen(frame: gpd.GeoDataFrame, columns: tuple[str, ...]) -> gpd.GeoDataFrame:
    """These columns and the geometry; text columns as text even where all of them are null."""
    chosen = frame[[*columns, frame.geometry.name]].reset_index(drop=True)
    texts = [c for c in columns if chosen[c].dtype == object]
    return chosen.astype(dict.fromkeys(texts, "str"))


def _checks(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings by kind, with the kinds' titles: a message can quote an id, a column or a sample."""
    table = summarise(pd.DataFrame(findings.drop(columns="geometry")))
    for i, lang in enumerate(("zh", "en")):
        table[lang] = [
            getattr(KINDS[kind], lang) if kind in KINDS else READING.get(kind, (kind, kind))[i]
            for kind in table["kind"]
        ]
    return table


def random_ids(n: int) -> NDArray[np.str_]:
    """n different ids of "P" and 16 hex digits, from the system's random source.

    Not derived from the codes that they stand for: those have 19 digits, and a hash could be tried out.
    """
    while True:
        text = secrets.token_hex(8 * n).upper()
        ids = np.array([text]).view("<U16") if n else np.empty(0, "<U16")
        if len(np.unique(ids)) == n:
            return np.char.add("P", ids)


def block_states(blocks: gpd.GeoDataFrame, sites: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """State of each block: "site" (in a site large enough), "site_small", "spare" (in no site) or "below" (its own
    minimum)."""
    large = set(sites.loc[sites["meets_minimum"], "site_id"])
    compliant = blocks["meets_minimum"].to_numpy(bool)
    in_large = blocks["site_id"].isin(large).to_numpy(bool)
    in_any = blocks["site_id"].notna().to_numpy(bool)
    states = np.select([~compliant, in_large, in_any], ["below", "site", "site_small"], "spare")
    return states.astype(object)


STATES: dict[str, tuple[str, str]] = {
    "site": ("达标，示范点达到下限", "meets the minimum, in a site large enough"),
    "site_small": ("达标，示范点不够大", "meets the minimum, site too small"),
    "spare": ("达标，未选入示范点", "meets the minimum, not chosen for a site"),
    "below": ("未达单池下限", "below the block minimum"),
}


@dataclass(frozen=True)
class Ring:
    """One ring of a polygon: number 1 is the outer one, holes follow; points float64[n, 2], closed."""

    number: int
    points: NDArray[np.float64]


def rings(geoms: NDArray[np.object_], decimals: int | None = None) -> list[list[Ring]]:
    """The rings of each polygon, the outer one clockwise, holes the other way.

    decimals: round to so many; points that fall together are dropped, and holes that vanish with them.
    """
    turned = shapely.orient_polygons(geoms, exterior_cw=True)
    lines, owner = shapely.get_rings(turned, return_index=True)
    points, line = shapely.get_coordinates(lines, return_index=True)
    if decimals is not None:
        points = points.round(decimals)
        same = np.zeros(len(points), bool)
        same[1:] = (line[1:] == line[:-1]) & (points[1:] == points[:-1]).all(axis=1)
        points, line = points[~same], line[~same]
    ends = np.searchsorted(line, np.arange(len(lines) + 1))
    found: list[list[Ring]] = [[] for _ in range(len(geoms))]
    for i, of in enumerate(owner):
        own = points[ends[i] : ends[i + 1]]
        if len(own) >= 4:
            found[of].append(Ring(len(found[of]) + 1, own))
    return found
