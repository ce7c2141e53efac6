"""County boundaries that come with chigai: outlines for maps and for telling which county land lies in."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pyogrio

from geo.errors import ChigaiError

FOLDER = Path(__file__).resolve().parents[1] / "data" / "boundaries"


def load(name: str = "jixi") -> gpd.GeoDataFrame:
    """The units of a region: adcode, name_zh, name_en, geometry (EPSG:4490), ordered by adcode.

    The outlines are simplified to about 50 m: not for deciding a dispute at the boundary.
    Raises ChigaiError when no region of that name is bundled.
    """
    bundled = sorted(p.stem for p in FOLDER.glob("*.geojson"))
    if name not in bundled:
        raise ChigaiError(
            f"没有名为“{name}”的行政区边界。",
            f"There are no boundaries called '{name}'.",
            do_zh=f"可用的边界：{'、'.join(bundled) or '无'}。",
            do_en=f"Choose one of: {', '.join(bundled) or 'none'}.",
        )
    frame = pyogrio.read_dataframe(FOLDER / f"{name}.geojson")
    frame["adcode"] = frame["adcode"].astype(str)
    frame = frame[["adcode", "name_zh", "name_en", "geometry"]].sort_values("adcode", ignore_index=True)
    # RFC 7946 knows WGS84 alone; within the precision of an outline it is CGCS2000
    return frame.set_crs(4490, allow_override=True)
