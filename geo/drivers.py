"""Which of GDAL's drivers are never loaded: those that reach other files, or the network, from a small text file.

GDAL reads the list once, when it is first imported; so this is done by the package itself, before any of its modules.
An upload renamed to .geojson could otherwise name /etc/passwd. rasterio keeps its own raster VRT.
"""

from __future__ import annotations

import os

SKIPPED = (
    "OGR_VRT",
    "GDALG",
    "ADBC",
    "HTTP",
    "WFS",
    "OAPIF",
    "OGCAPI",
    "CSW",
    "EEDA",
    "NGW",
    "PLSCENES",
    "Elasticsearch",
    "Carto",
    "AmigoCloud",
    "PGDUMP",
)


def skip() -> None:
    """Adds the list to the environment's own, if any."""
    own = [name for name in os.environ.get("OGR_SKIP", "").split(",") if name]
    os.environ["OGR_SKIP"] = ",".join(dict.fromkeys([*own, *SKIPPED]))
