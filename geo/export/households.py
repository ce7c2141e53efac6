"""Household lists of villages (分户表): who brings which parcels into which block, with what share. Private."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import ChigaiError
from geo.export.naming import safe_name
from geo.export.options import Options
from geo.export.paging import Book, Group
from geo.export.public import INTERNAL_LABEL, numbers
from geo.export.selection import Selection
from geo.export.typeface import family, mapped, pdf, quoted
from geo.export.words import REASONS
from geo.export.workbook import Head
from geo.plans import Plan

SUFFIXES = (".xlsx", ".pdf", ".zip")
NO_VILLAGE = "未注明村"
NO_OPERATOR = "未登记经营户"
CONSENT = {True: "同意", False: "不同意"}
MOST_PDF_ROWS = 5000
"""Parcels that one PDF lists; a spreadsheet takes more."""
TEMPLATE = Path(__file__).with_name("households.typ")
SHEET_NAME = 31
"""Characters of a sheet's name that Excel takes."""

HEADS = (
    Head("小池编号", "text", 21), Head("面积（亩）", "number", 8), Head("登记面积（亩）", "number", 8),
    Head("现状高程（m）", "number", 9), Head("并入大池", "text", 15), Head("池内序号", "count", 6),
    Head("大池面积（亩）", "number", 9), Head("本户份额", "percent", 8), Head("意愿", "text", 8),
    Head("说明", "text", 18), Head("签字", "text", 11),
)  # fmt: skip
INDEX = (
    Head("县（市、区）", "text", 12), Head("乡镇", "text", 14), Head("村", "text", 16), Head("经营户数", "count", 10),
    Head("小池数", "count", 9), Head("面积（亩）", "mu", 11), Head("并入大池（亩）", "mu", 11), Head("不同意（亩）", "mu", 11),
)  # fmt: skip


@dataclass(frozen=True)
class Village:
    """The list of one village: of each household its name and its rows (cells as HEADS has them), in order of name.

    known: households that have a name; mu: of all parcels, of those in blocks, and of those whose household refused.
    """

    county: str
    township: str
    name: str
    households: list[tuple[str, list[tuple[Any, ...]]]]
    known: int
    parcels: int
    area_mu: float
    joined_mu: float
    refused_mu: float

    def title(self) -> str:
        """What the list says of itself."""
        return f"{self.county}{self.township}{self.name}"

    def total(self) -> str:
        """The village's sums in words."""
        return (
            f"全村 {self.known} 户、{self.parcels} 个小池、{self.area_mu:,.2f} 亩；并入大池 {self.joined_mu:,.2f} 亩，"
            f"保持原状 {self.area_mu - self.joined_mu:,.2f} 亩"
        )


def villages(plan: Plan, selection: Selection) -> Iterator[Village]:
    """The lists of the villages that are wanted, in order of county and name.

    plan: as `geo.export.selection.chosen` cut it down; of a block that another village shares, only what lies in the
    village that is asked for. A share is the household's part of all parcels of the block, wherever they lie.
    """
    parcels = plan.parcels.assign(
        number=numbers(plan.parcels), place=plan.parcels["village"].fillna(NO_VILLAGE)
    )
    if selection.villages:
        parcels = parcels[parcels["village"].isin(selection.villages)]
    names = {c["county"]: c.get("name_zh") or c["county"] for c in plan.meta.get("counties", [])}
    blocks = plan.blocks.set_index("block_id")["area_mu"]
    joined = plan.blocks.loc[plan.blocks["n_parcels"] > 1, "block_id"]
    shares = plan.shares.dropna(subset="operator").set_index(["block_id", "operator"])["share"]
    key = pd.MultiIndex.from_frame(parcels[["block_id", "operator"]])
    parcels = parcels.assign(
        block_mu=parcels["block_id"].map(blocks),
        share=shares.reindex(key).to_numpy(),
        who=parcels["operator"].fillna(NO_OPERATOR),
        made=parcels["block_id"].isin(joined),
    ).sort_values(["county", "place", "operator", "parcel_id"], na_position="last")
    for (county, place), own in parcels.groupby(["county", "place"], sort=False):
        township = own["township"].dropna().unique()
        inside = own["block_id"].notna()
        yield Village(
            county=names.get(str(county), str(county)),
            township=str(township[0]) if len(township) == 1 else "",
            name=str(place),
            households=[(str(who), _rows(theirs)) for who, theirs in own.groupby("who", sort=False)],
            known=int(own["operator"].nunique()),
            parcels=len(own),
            area_mu=float(own["area_mu"].sum()),
            joined_mu=float(own.loc[inside, "area_mu"].sum()),
            refused_mu=float(own.loc[own["consent"].eq(False).fillna(False), "area_mu"].sum()),
        )


def _rows(own: pd.DataFrame) -> list[tuple[Any, ...]]:
    told = []
    columns = (
        "parcel_id", "area_mu", "declared_mu", "elevation_m", "block_id", "number", "block_mu", "share", "consent",
        "reason", "made",
    )  # fmt: skip
    for name, mu, declared, z, block, number, block_mu, share, consent, reason, made in zip(
        *(own[c].tolist() for c in columns), strict=True
    ):
        inside = isinstance(block, str)
        said = "" if made else "单池达标，保持原状" if inside else f"保持原状：{_reason(reason)}"
        told.append(
            (
                name,
                mu,
                declared,
                z,
                block if inside else None,
                int(number) if inside else None,
                block_mu if inside else None,
                share if inside else None,
                CONSENT.get(consent, "未登记") if not pd.isna(consent) else "未登记",
                said or None,
                None,
            )
        )
    return told


def _reason(reason: Any) -> str:
    return REASONS[reason][0] if reason in REASONS else "未列入"


def household(number: int, who: str, rows: list[tuple[Any, ...]]) -> str:
    """The line over a household's parcels."""
    mu = sum(row[1] for row in rows)
    blocks = {row[4] for row in rows if row[4] is not None}
    joined = sum(row[1] for row in rows if row[4] is not None)
    into = f"，其中 {joined:,.2f} 亩在 {len(blocks)} 个大池里" if blocks else ""
    return f"{number}. {who}　{len(rows)} 个小池　{mu:,.2f} 亩{into}"


def write(plan: Plan, selection: Selection, path: Path, options: Options) -> None:
    """Write the lists: a sheet a village (.xlsx), a workbook a village (.zip), or pages (.pdf).

    Every page says that it is internal. Raises ChigaiError where a PDF would be too long, or there is no typeface.
    """
    found = list(villages(plan, selection))
    about = f"方案 {plan.meta.get('id', '')}　{str(plan.meta.get('created', ''))[:10]}"
    options.progress(0.2)
    if path.suffix.lower() == ".pdf":
        _pages(found, about, path, str(plan.meta.get("created", "")))
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for at, village in enumerate(found):
                made = path.with_name(safe_name(f"{village.title()}-分户表.xlsx"))
                _workbook([village], about, made)
                archive.write(made, made.name)
                made.unlink()
                options.progress(0.2 + 0.8 * (at + 1) / len(found))
    else:
        _workbook(found, about, path)
    options.progress(1.0)


def _workbook(found: list[Village], about: str, path: Path) -> None:
    book = Book(path, about, INTERNAL_LABEL[0], "分户表")
    if len(found) > 1:
        sheet = book.sheet("目录", INDEX, first=0, fitted=True, across=True)
        book.heads(sheet, INDEX)
        names = _names(found)
        for row, village in enumerate(found, 1):
            values = [
                village.county, village.township, village.name, village.known, village.parcels, village.area_mu,
                village.joined_mu, village.refused_mu,
            ]  # fmt: skip
            for column, value in enumerate(values):
                book.cell(sheet, row, column, value, INDEX[column].kind)
            sheet.write_url(row, 2, f"internal:'{names[row - 1]}'!A1", book.link, village.name)
    for name, village in zip(_names(found), found, strict=True):
        groups = [
            Group(household(at, who, rows), rows) for at, (who, rows) in enumerate(village.households, 1)
        ]
        book.groups(
            name,
            HEADS,
            [*groups, Group(village.total(), [])],
            across=True,
            middle=f"{village.title()} 分户表　{about}",
        )
    book.book.close()


def _names(found: list[Village]) -> list[str]:
    """A sheet's name for each village, no two alike, of characters and a length that Excel takes."""
    taken: set[str] = {"目录"}
    names = []
    for village in found:
        plain = "".join(c for c in village.name if c not in "[]:*?/\\'").strip() or NO_VILLAGE
        name, again = plain[: SHEET_NAME - 6], 1
        while name.casefold() in taken:
            again += 1
            name = f"{plain[: SHEET_NAME - 6]}（{again}）"
        taken.add(name.casefold())
        names.append(name)
    return names


def _pages(found: list[Village], about: str, path: Path, created: str) -> None:
    rows = sum(village.parcels for village in found)
    if rows > MOST_PDF_ROWS:
        raise ChigaiError(
            f"有 {rows:,} 个小池，一个 PDF 只排 {MOST_PDF_ROWS:,} 行。",
            f"{rows:,} parcels are more than the {MOST_PDF_ROWS:,} rows of one PDF.",
            do_zh="用 --village 指定村，或导出 .xlsx、.zip。",
            do_en="name a village with --village, or export .xlsx or .zip.",
        )
    head = [
        '#set page(paper: "a4", flipped: true)',
        f'#set text(font: {quoted(family())}, lang: "zh", region: "cn", size: 8.5pt, cjk-latin-spacing: none)',
        f"#let label = {quoted(INTERNAL_LABEL[0])}",
        f"#let about = {quoted(about)}",
        TEMPLATE.read_text("utf-8"),
    ]
    for village in found:
        told = {
            "title": f"{village.title()} 分户表",
            "total": village.total(),
            "heads": [head.title for head in HEADS],
            "households": [
                {
                    "title": household(at, who, rows),
                    "rows": [[_said(v, h) for v, h in zip(row, HEADS, strict=True)] for row in rows],
                }
                for at, (who, rows) in enumerate(village.households, 1)
            ],
        }
        head.append(f"#village({mapped(told)})")
    path.write_bytes(pdf("\n".join(head), created))


def _said(value: Any, head: Head) -> str:
    if value is None or value != value:
        return ""
    if head.kind == "percent":
        return f"{value:.1%}"
    return f"{value:.2f}" if head.kind == "number" else str(value)
