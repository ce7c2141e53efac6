"""One line round the blocks of a site, which canals and roads part."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.export.public import Outgoing

APART_M = 60.0
"""How far apart blocks of one site may lie where the plan does not say."""
BEYOND_M = 4.0
"""How far outside its blocks the line runs."""


def site_outlines(out: Outgoing) -> tuple[list[str], NDArray[np.object_]]:
    """The ids of the sites whose blocks are here, in order, and the ground of each: Polygons or MultiPolygons.

    Of a site of which only some blocks were chosen, the line runs round these.
    """
    blocks = out.blocks[out.blocks["site_id"].notna()]
    found = sorted(blocks.groupby("site_id").indices.items())
    shapes = blocks.geometry.to_numpy()
    reach = float(out.meta.get("parameters", {}).get("site_gap_m", APART_M)) / 2 + 1
    grown = [shapely.union_all(shapely.buffer(shapes[at], reach, join_style="mitre")) for _, at in found]
    ground = shapely.buffer(np.array(grown, object), BEYOND_M - reach, join_style="mitre")
    return [str(site) for site, _ in found], shapely.simplify(ground, 1.0)
