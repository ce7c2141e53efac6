"""The cut map (GeoTIFF): how deep each cell of the ground is cut or filled to make the blocks' design levels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from geo import plans
from geo.errors import ChigaiError
from geo.files import require_place
from geo.surface import depth_map

SUFFIXES = (".tif", ".tiff")


def write(folder: Path, dem: Path, out: Path) -> bool:
    """Write the map of a plan folder: metres above the design level (cut, above 0) or below it (fill).

    dem: the elevation model, on whose grid the map lies; blocks of one parcel are left as they are. Returns
    whether it is the very file that the plan was made with. Raises ChigaiError: no plan, no levels in it, a
    suffix that is none of a GeoTIFF, and what geo.surface.depth_map raises.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise ChigaiError(
            "挖填深度图的文件名要以 .tif 结尾。",
            "A map of depths must end in .tif.",
            do_zh="改文件名。",
            do_en="change the file's name.",
            file=out,
        )
    require_place(out)
    meta = plans.read_meta(folder)
    blocks = plans.read_part(folder, "blocks", filters=[("n_parcels", ">", 1)])
    levels = np.empty(0) if blocks is None else blocks["design_level_m"].to_numpy(float)
    if blocks is None or not np.isfinite(levels).any():
        raise ChigaiError(
            "这个方案没有设计高程，画不出挖填深度图。",
            "This plan has no design levels: there is no map of depths.",
            do_zh="带 --dem 重新规划。",
            do_en="plan again with --dem.",
            file=folder,
        )
    depth_map(blocks.geometry.to_numpy(), levels, dem, blocks.crs, out)
    known = [i["sha256"] for i in meta.get("inputs", []) if i.get("role") == "dem"]
    if not known or not dem.is_file():
        return True
    with dem.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() in known
