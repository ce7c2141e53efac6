"""What land costs that new roads and canals take, by the notice's 区片综合地价; farmers' swaps are not priced."""

from __future__ import annotations

from typing import NamedTuple

from geo.errors import ChigaiError
from planning.programme import LandPrices


class LandCost(NamedTuple):
    """Yuan in all, and of it to the people whose land is taken and to the collective that owns it."""

    yuan: float
    owners_yuan: float
    collective_yuan: float


def land_cost(area_m2: float, zone: str, prices: LandPrices) -> LandCost:
    """The price of area_m2 [m²] in a zone (its id, such as "JX-5"): area × the zone's price.

    Land that farmers swap among themselves within a block is not taken from anybody: it has no price here.
    Raises ChigaiError for a zone that the notice does not know, or an area below 0.
    """
    known = {z.id: z.yuan_per_m2 for z in prices.zones}
    if zone not in known:
        raise ChigaiError(
            f"没有区片“{zone}”。",
            f"There is no land price zone “{zone}”.",
            do_zh="可用的区片：" + "、".join(known) + "。",
            do_en="zones that work: " + ", ".join(known) + ".",
        )
    if not area_m2 >= 0:
        raise ChigaiError(
            f"占地面积 {area_m2} 平方米不对。",
            f"{area_m2} m² is no area of land taken.",
            do_zh="面积不能小于 0。",
            do_en="give an area of 0 or more.",
        )
    yuan = area_m2 * known[zone]
    return LandCost(yuan, yuan * prices.owners_share, yuan * prices.collective_share)
