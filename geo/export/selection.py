"""Which part of a plan is exported: some counties, sites, villages or blocks, and what lies around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.errors import ChigaiError
from geo.plans import Plan

AROUND_M = 200.0
"""How far beyond what was chosen canals and roads are shown, and parcels that were not chosen."""

KINDS = {
    "counties": ("县（市、区）", "county"), "sites": ("示范点", "site"), "villages": ("村", "village"),
    "blocks": ("大池", "block"),
}  # fmt: skip
LISTED = 8
"""So many of what there is are named where something asked for is not there."""

Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Selection:
    """What is wanted of a plan; nothing named is the whole of it.

    counties: adcodes; sites, blocks: ids; villages: names. Within one of these any will do, and all that are named
    must hold.
    """

    counties: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    villages: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is named."""
        return any(getattr(self, f.name) for f in fields(self))

    @property
    def by_county(self) -> bool:
        """Whether it is whole counties, so that sums of counties still hold."""
        return not (self.sites or self.villages or self.blocks)

    def told(self, names: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
        """What it is, in Chinese and English, empty for the whole. names: county adcode → (zh, en)."""
        counties = [names.get(c, (c, c)) for c in self.counties]
        zh = [*(zh for zh, _ in counties), *self.sites, *self.villages, *self.blocks]
        en = [*(en for _, en in counties), *self.sites, *self.villages, *self.blocks]
        return _few(zh, "仅 ", "、", "等"), _few(en, "only ", ", ", " …")


def _few(words: list[str], before: str, between: str, more: str) -> str:
    shown = between.join(words[:LISTED]) + (more if len(words) > LISTED else "")
    return f"{before}{shown}" if words else ""


def chosen(plan: Plan, selection: Selection) -> tuple[Plan, Shapes]:
    """The plan cut down to the selection, and the parcels round it that are not in it (only their shapes).

    Blocks that any of its parcels' villages or other names fulfil, with all their parcels; of a county or village,
    parcels in no block too. A site of which blocks are chosen stays as it is. Barriers near it.
    Raises ChigaiError where something named is not in the plan, or nothing fulfils it all.
    """
    if not selection:
        return plan, np.empty(0, object)
    parcels, blocks = plan.parcels, plan.blocks
    _must_be_there(selection, plan)
    wanted = np.ones(len(blocks), bool)
    loose = parcels["block_id"].isna().to_numpy(bool) & (not (selection.sites or selection.blocks))
    if selection.counties:
        wanted = wanted & blocks["county"].isin(selection.counties).to_numpy(bool)
        loose = loose & parcels["county"].isin(selection.counties).to_numpy(bool)
    if selection.sites:
        wanted = wanted & blocks["site_id"].isin(selection.sites).to_numpy(bool)
    if selection.blocks:
        wanted = wanted & blocks["block_id"].isin(selection.blocks).to_numpy(bool)
    if selection.villages:
        there = parcels["village"].isin(selection.villages).to_numpy(bool)
        wanted = wanted & blocks["block_id"].isin(parcels["block_id"][there]).to_numpy(bool)
        loose = loose & there
    blocks = blocks[wanted]
    rows = loose | parcels["block_id"].isin(blocks["block_id"]).to_numpy(bool)
    if not rows.any():
        raise ChigaiError(
            "方案里没有同时符合这些条件的地块。",
            "No parcel of the plan fulfils all of this.",
            do_zh="核对县（市、区）、示范点、村和大池是否在一处，或少给几个条件。",
            do_en="check that county, site, village and block go together, or name fewer of them.",
        )
    own = parcels[rows]
    sites = plan.sites[plan.sites["site_id"].isin(blocks["site_id"].dropna())]
    part = dataclasses.replace(
        plan,
        parcels=own,
        blocks=blocks,
        sites=sites,
        shares=plan.shares[plan.shares["block_id"].isin(blocks["block_id"])],
        findings=plan.findings[plan.findings["parcel_id"].isin(own["parcel_id"])],
        barriers=near(plan.barriers, own.total_bounds),
        meta=_told(plan, own, selection),
        more={name: _of_blocks(table, blocks) for name, table in plan.more.items()},
    )
    others = parcels.geometry.to_numpy()[~rows]
    return part, others[inside(shapely.bounds(others), own.total_bounds)]


def _of_blocks(table: pd.DataFrame, blocks: gpd.GeoDataFrame) -> pd.DataFrame:
    return table[table["block_id"].isin(blocks["block_id"])] if "block_id" in table else table


def _told(plan: Plan, parcels: gpd.GeoDataFrame, selection: Selection) -> dict[str, object]:
    """plan.json with the counties that are in it; sums of all counties do not hold any more."""
    there = set(parcels["county"])
    counties = [c for c in plan.meta.get("counties", []) if c["county"] in there]
    return {**plan.meta, "counties": counties, "totals": {}}


def inside(
    bounds: NDArray[np.float64], box: Iterable[float], around_m: float = AROUND_M
) -> NDArray[np.bool_]:
    """Which of some bounds (float64[n, 4]) meet a box that is widened by so many metres."""
    west, south, east, north = box
    return (
        (bounds[:, 0] <= east + around_m)
        & (bounds[:, 2] >= west - around_m)
        & (bounds[:, 1] <= north + around_m)
        & (bounds[:, 3] >= south - around_m)
    )


def near(barriers: gpd.GeoDataFrame | None, box: Iterable[float]) -> gpd.GeoDataFrame | None:
    """The barriers in a box widened by AROUND_M, cut at its edge."""
    if barriers is None:
        return None
    west, south, east, north = box
    there = barriers[inside(barriers.bounds.to_numpy(), (west, south, east, north))]
    cut = shapely.clip_by_rect(
        there.geometry.to_numpy(), west - AROUND_M, south - AROUND_M, east + AROUND_M, north + AROUND_M
    )
    there = there.set_geometry(gpd.GeoSeries(cut, index=there.index, crs=barriers.crs))
    return there[~there.geometry.is_empty]


def _must_be_there(selection: Selection, plan: Plan) -> None:
    known = {
        "counties": plan.parcels["county"], "sites": plan.sites["site_id"], "villages": plan.parcels["village"],
        "blocks": plan.blocks["block_id"],
    }  # fmt: skip
    for kind, column in known.items():
        there = set(column.dropna())
        missing = [name for name in getattr(selection, kind) if name not in there]
        if not missing:
            continue
        zh, en = KINDS[kind]
        shown = sorted(there)
        raise ChigaiError(
            f"方案里没有{zh}“{missing[0][:40]}”。",
            f"The plan has no {en} {missing[0][:40]!r}.",
            do_zh=f"方案里有 {len(shown)} 个：{_few(shown, '', '、', '等')}。",
            do_en=f"it has {len(shown)}: {_few(shown, '', ', ', ' …')}.",
        )
