"""What may leave the house: a plan's tables without persons."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.checking.findings import KINDS, summarise
from geo.errors import ChigaiError
from geo.export.selection import Selection, Shapes, inside, near
from geo.export.words import COLUMNS, FEWEST, OTHER, READING, REASONS, Column
from geo.plans import Plan

__all__ = [
    "BLOCK_COLUMNS", "COLUMNS", "FEWEST", "OTHER", "PARCEL_COLUMNS", "READING", "REASONS", "SITE_COLUMNS", "Column",
    "Outgoing", "Ring", "block_states", "no_blocks", "outgoing", "random_ids", "rings", "with_sides",
]  # fmt: skip

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

PUBLIC_LABEL = ("公开版，不含农户信息", "Public: no household data")
INTERNAL_LABEL = ("内部资料，不得公开", "Internal: not for publication")


@dataclass(frozen=True)
class Outgoing:
    """A plan's tables as they may be handed out; geometry in the plan's CRS.

    blocks have `state` (see block_states), parcels `number`, their place inside their block (see numbers).
    checks: kind, severity, action, count, area_mu, zh, en. names: county adcode → (zh, en).
    hauls, works: the tables of those names where they were asked for and the plan has them, parcels named as here,
    and by their numbers in from_number, to_number.
    straightened: blocks whose sides were made straight. selection: what of the plan this is; around: shapes of parcels near it that are not in it.
    """

    blocks: gpd.GeoDataFrame
    sites: gpd.GeoDataFrame
    parcels: gpd.GeoDataFrame
    checks: pd.DataFrame
    meta: dict[str, Any]
    internal: bool
    hauls: pd.DataFrame | None = None
    works: pd.DataFrame | None = None
    barriers: gpd.GeoDataFrame | None = None
    straightened: frozenset[str] = frozenset()
    selection: Selection = field(default_factory=Selection)
    around: Shapes = field(default_factory=lambda: np.empty(0, object))

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
        part = self.selection.told(self.names)
        return tuple(  # type: ignore[return-value]
            " · ".join(p for p in (label, programme.get(key, ""), self.meta.get("id", ""), made, which) if p)
            for label, key, which in zip(self.label, ("name_zh", "name_en"), part, strict=True)
        )

    def by_site(self) -> Iterator[tuple[str, Outgoing]]:
        """The blocks of each site, and of each county those of no site, apart; by name, in order.

        Each part with its parcels, what lies around it, and nothing of parcels in no block. Sites' names are
        their ids, the rest of a county goes by its adcode.
        """
        blocks, parcels = self.blocks, self.parcels
        part_of_block = blocks["site_id"].astype(object).where(blocks["site_id"].notna(), blocks["county"])
        part_of_parcel = parcels["block_id"].map(dict(zip(blocks["block_id"], part_of_block, strict=True)))
        rows = parcels.groupby(part_of_parcel.to_numpy(object)).indices
        shapes = parcels.geometry.to_numpy()
        bounds = shapely.bounds(shapes)
        around_bounds = shapely.bounds(self.around).reshape(-1, 4)
        for name, at in sorted(blocks.groupby(part_of_block.to_numpy(object)).indices.items()):
            own = blocks.iloc[at]
            mine = rows.get(name, np.empty(0, np.intp))
            near_by = inside(bounds, own.total_bounds)
            near_by[mine] = False
            around = np.concatenate([shapes[near_by], self.around[inside(around_bounds, own.total_bounds)]])
            ids = own["block_id"]
            yield (
                str(name),
                dataclasses.replace(
                    self,
                    blocks=own.reset_index(drop=True),
                    sites=self.sites[self.sites["site_id"] == name].reset_index(drop=True),
                    parcels=parcels.iloc[mine].reset_index(drop=True),
                    hauls=None if self.hauls is None else self.hauls[self.hauls["block_id"].isin(ids)],
                    works=None if self.works is None else self.works[self.works["block_id"].isin(ids)],
                    barriers=near(self.barriers, own.total_bounds),
                    around=around,
                ),
            )


def outgoing(
    plan: Plan, internal: bool = False, selection: Selection | None = None, around: Shapes | None = None
) -> Outgoing:
    """The plan's tables without operators, consent, shares and persons' counts.

    internal: keep the parcels' own ids, full reasons and counts (still no operator and no consent column).
    Otherwise parcel ids are random (the same through the whole export), the rows of parcels stand in the
    order of these, refusals are not told from other reasons and few operators are not counted.
    selection, around: what `geo.export.selection.chosen` cut the plan down to.
    """
    blocks = _chosen(with_sides(plan.blocks), BLOCK_COLUMNS)
    operators = blocks["n_operators"].astype("Int64")
    blocks["n_operators"] = operators if internal else operators.mask(operators < FEWEST)
    blocks.insert(4, "state", pd.Series(block_states(blocks, plan.sites), index=blocks.index, dtype="str"))
    parcels = _chosen(plan.parcels, INTERNAL_PARCEL_COLUMNS if internal else PARCEL_COLUMNS)
    parcels.insert(parcels.columns.get_loc("block_id") + 1, "number", numbers(parcels))
    hauls = plan.more.get("hauls")
    if hauls is not None:
        place = parcels.set_index("parcel_id")["number"]
        named = {f"{end}_number": hauls[f"{end}_parcel"].map(place) for end in ("from", "to")}
        hauls = hauls.assign(**named).reset_index(drop=True)
    if not internal:
        own = parcels["parcel_id"]
        parcels["parcel_id"] = random_ids(len(parcels))
        if hauls is not None:
            new = dict(zip(own, parcels["parcel_id"], strict=True))
            hauls = hauls.assign(**{c: hauls[c].map(new) for c in ("from_parcel", "to_parcel")})
        parcels["reason"] = parcels["reason"].where(
            ~parcels["reason"].isin(["consent", "left_over", "taken_out"]), other=OTHER
        )
        parcels = parcels.sort_values("parcel_id", ignore_index=True)
    sites = _chosen(plan.sites, SITE_COLUMNS)
    straight = plan.more["straight"]["block_id"] if "straight" in plan.more else ()
    return Outgoing(
        blocks, sites, parcels, _checks(plan.findings), plan.meta, internal, hauls, plan.more.get("works"),
        plan.barriers, frozenset(straight), selection or Selection(), np.empty(0, object) if around is None else around,
    )  # fmt: skip


def numbers(parcels: gpd.GeoDataFrame) -> pd.Series:
    """The number of each parcel inside its block, from 1, north-west first; null in no block. Int32[n].

    It comes of the shapes alone, so that it is the same in every export and tells nothing of the register.
    """
    x, y = shapely.get_coordinates(shapely.centroid(parcels.geometry.to_numpy())).T
    block = parcels["block_id"].to_numpy(object)
    order = pd.DataFrame({"block": block, "from_north_west": x - y, "x": x}).sort_values(
        ["block", "from_north_west", "x"], kind="stable"
    )
    place = order.groupby("block").cumcount() + 1
    inside = parcels["block_id"].notna().to_numpy()
    return place.reindex(range(len(parcels))).where(inside).astype("Int32").set_axis(parcels.index)


def no_blocks() -> ChigaiError:
    """What is said where a format is made of blocks and there are none."""
    return ChigaiError(
        "所选范围内没有大池。",
        "There is no block in what was chosen.",
        do_zh="换一个县（市、区）、示范点或村，或导出整个方案。",
        do_en="choose another county, site or village, or export the whole plan.",
    )


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
