"""How a village's package looks on a phone: its layers, words, colours, and the form that the crew fills."""

from __future__ import annotations

from collections.abc import Sequence

from pyproj import CRS

from geo import looks
from geo.export import qgis
from geo.export.qgis import Field, Group, Layer, Look, Relation
from geo.looks import BARRIER_MM
from tracking.rules import STATE_ZH, STATES, ZH

GEOPACKAGE = "blocks.gpkg"
PROJECT = "project.qgs"
PHOTOS = "DCIM"
"""Where QField puts photos: the one folder that it takes along by itself."""
KINDS = ("started", "progress", "finished")
"""What a crew reports from a package. Who checks and accepts does so where the sign-in says who it is."""

STATE_COLOURS = {
    "planned": ("#EFEBDD", "solid"), "approved": ("#EFEBDD", "solid"), "started": ("#F2DC3D", "solid"),
    "returned": ("#D55E00", "diagonal_x"), "finished": ("#8FCBEF", "solid"), "checked": ("#3C96D2", "solid"),
    "accepted": ("#0A5C94", "solid"), "mapped": ("#06304F", "solid"),
}  # fmt: skip
"""Fill and pattern of each state: the colours that they have on the screen, too (ui.palette.WORK)."""
KIND_COLOURS = {"started": "#F2DC3D", "progress": "#CC79A7", "finished": "#0072B2"}
BARRIERS = {kind: (look.zh, look.colour, BARRIER_MM[kind]) for kind, look in looks.BARRIERS.items()}
"""Name, colour and width (mm) of what lies between parcels."""
CLOCK = "yyyy-MM-dd HH:mm:ss"
NOW = f"format_date(now(), '{CLOCK}')"
"""The phone's own clock as text: a time column would be written as if it were UTC by some programs."""
ZONE = "(hour(now()) * 60 + minute(now()) - floor(epoch(now()) / 60000) % 1440 + 2160) % 1440 - 720"
"""How many minutes that clock is ahead of UTC: near a border a phone takes its neighbour's zone."""

BLOCKS = Layer(
    "blocks",
    "大池",
    "Polygon",
    (
        Field("block_id", "大池编号", editable=False),
        Field("village", "村", editable=False),
        Field("site_id", "示范点", editable=False),
        Field("area_mu", "面积（亩）", editable=False),
        Field("level_m", "设计高程（m）", editable=False),
        Field("state", "状态", "ValueMap", qgis.value_map({s: STATE_ZH[s] for s in STATES}), editable=False),
        Field("done_mu", "已完成（亩）", editable=False),
        Field("last_report", "最近上报", editable=False),
        Field("version", "版本", editable=False),
    ),
    tuple(
        Look(colour, STATE_ZH[s], s, style, opacity=0.85, width=0.5)
        for s, (colour, style) in STATE_COLOURS.items()
    ),
    by="state",
    label="\"block_id\" || '\\n' || format_number(\"area_mu\", 1) || ' 亩'",
    label_from=8_000,
    form=(
        Group(
            "",
            (
                "block_id",
                "state",
                "area_mu",
                "done_mu",
                "level_m",
                "village",
                "site_id",
                "last_report",
                "version",
            ),
        ),
    ),
    shows='"block_id"',
    relations=("reports_of_block",),
)
PARCELS = Layer(
    "parcels",
    "池块（现状）",
    "Polygon",
    (Field("block_id", "大池编号", editable=False), Field("area_mu", "面积（亩）", editable=False)),
    (Look("#FFFFFF", outline="#B9B2A0", width=0.2),),
    shows='"area_mu"',
)
_KIND_OF_BARRIER = Field(
    "kind", "类别", "ValueMap", qgis.value_map({k: v[0] for k, v in BARRIERS.items()}), editable=False
)
BARRIER_LINES = Layer(
    "barriers",
    "渠沟路林",
    "Line",
    (_KIND_OF_BARRIER,),
    tuple(Look(colour, zh, kind, width=mm) for kind, (zh, colour, mm) in BARRIERS.items()),
    by="kind",
    shows='"kind"',
)
BARRIER_AREAS = Layer(
    "barrier_areas",
    "渠沟路林（面）",
    "Polygon",
    (_KIND_OF_BARRIER,),
    tuple(Look(colour, zh, kind, opacity=0.6) for kind, (zh, colour, _) in BARRIERS.items()),
    by="kind",
    shows='"kind"',
)


def reports(plan_id: str) -> Layer:
    """The table that the crew fills: a point where somebody stands, which finds its block by itself."""
    here = f"aggregate({qgis.quoted(BLOCKS.title)}, 'min', \"block_id\", intersects($geometry, geometry(@parent)))"
    seen = f"attribute(get_feature({qgis.quoted(BLOCKS.title)}, 'block_id', \"block_id\"), 'version')"
    name = f"'{PHOTOS}/' || left(\"uuid\", 8) || '_' || format_date(now(), 'yyyyMMddhhmmsszzz') || '.{{extension}}'"
    return Layer(
        "reports",
        "上报",
        "Point",
        (
            Field("uuid", "记录号", "Hidden", default="uuid('WithoutBraces')"),
            Field("plan_id", "方案", "Hidden", default=qgis.quoted(plan_id)),
            Field(
                "block_id", "大池", "ValueRelation", qgis.value_relation(BLOCKS, "block_id", "block_id"),
                default=here, required=True, says="请选择大池",
            ),
            Field("block_version", "大池版本", "Hidden", default=seen, on_update=True),
            Field(
                "kind", "做了什么", "ValueMap", qgis.value_map({k: ZH[k] for k in KINDS}),
                required=True, says="请选择开工、进度或完工",
            ),
            Field(
                "happened", "时间", "DateTime",
                {
                    "allow_null": False, "calendar_popup": True, "display_format": "yyyy-MM-dd HH:mm",
                    "field_format": CLOCK, "field_format_overwrite": True,
                    "field_iso_format": False,
                },
                default=NOW, required=True, says="请填写时间",
            ),
            Field("zone_minutes", "时区", "Hidden", default=ZONE),
            Field(
                "done_mu", "累计完成（亩）", rule="\"kind\" <> 'progress' or coalesce(\"done_mu\", -1) >= 0",
                says="填从开工到现在一共完成多少亩",
            ),
            Field("note", "备注", settings={"IsMultiline": True}),
            Field("photo", "照片", "ExternalResource", qgis.attachment()),
            Field("sent_by", "填报人", keep_last=True),
        ),
        tuple(Look(KIND_COLOURS[k], ZH[k], k, outline="#FFFFFF", size=4.0) for k in KINDS),
        by="kind",
        form=(
            Group("", ("kind", "block_id")),
            Group("进度", ("done_mu",), "\"kind\" = 'progress'"),
            Group("", ("photo", "note", "sent_by", "happened")),
        ),
        shows="\"block_id\" || ' ' || left(\"happened\", 10)",
        read_only=False,
        photos={"photo": name},
    )  # fmt: skip


def project(title: str, plan_id: str, bounds: Sequence[float], crs: CRS, tables: Sequence[str]) -> bytes:
    """The project of a package that has these tables."""
    filled = reports(plan_id)
    layers = [
        layer for layer in (filled, BLOCKS, BARRIER_LINES, BARRIER_AREAS, PARCELS) if layer.table in tables
    ]
    told = Relation("reports_of_block", "上报记录", BLOCKS, filled, "block_id")
    return qgis.project(title, layers, bounds, crs, GEOPACKAGE, [told])


README = """{title}

一、装包：手机上先装好 QField（qfield.org）。把这个 ZIP 发到手机，打开 QField，点“打开本地文件”（Open local file），
    点“＋”，选“从 ZIP 导入项目”（Import project from ZIP）。以后不需要联网。
    在电脑上看：先解压，再用 QGIS 3.22 或更新的版本打开 {project}。
二、上报：站到要报的大池里，在图层里选中“{reports}”，点“＋”，再点“√”，大池编号会自动填好。
    选开工、进度或完工；选进度时填从开工到现在一共完成多少亩；拍一张现场照片；保存。
三、交回：到有网的地方，在“打开本地文件”里找到本项目，点右边的“⋮”，选“发送压缩文件夹到……”
    （Send compressed folder to...），把得到的 ZIP 整个发给县里。照片在 {photos} 文件夹里，不要漏掉。
四、大池、池块、渠路只能看，改了也不算数；不对的地方请告诉县里。
五、重复交回不要紧，同一条只计一次。交回过的记录不要再改；填错了，请县里更正。

大池 {blocks} 个，数据截至 {moment}。方案 {plan}。
"""
"""What lies in the package for people to read."""
