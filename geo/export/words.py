"""What columns, reasons and findings are called where a plan leaves the house, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

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
    "state": Column("STATE", "状态", "state"),
    "number": Column("NUMBER", "池内序号", "number inside its block"),
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

OTHER = "other"
"""In public, a household's refusal and a parcel left over for other causes are not told apart."""

REASONS: dict[str, tuple[str, str]] = {
    "isolated": ("孤立，没有可合并的相邻小池", "no neighbour to join"),
    "elevation": ("高差超限", "elevation step too large"),
    "consent": ("农户未同意", "consent refused"),
    "barrier": ("被渠、沟、路、林带隔开", "cut off by a canal, ditch, road or shelterbelt"),
    "too_small_together": ("合并后仍不足下限", "too small even together"),
    "left_over": ("邻池另有更优组合", "its neighbours serve better elsewhere"),
    "taken_out": ("规划人员移出", "taken out by the planner"),
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
