"""What GDAL may load and hold, said before it is first imported: no driver that reaches other files, a small cache.

GDAL reads the settings once; so this is done by the package itself, before any of its modules. An upload renamed to
.geojson could otherwise name /etc/passwd by a small text file. rasterio keeps its own raster VRT.
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


def limit() -> None:
    """Blocks of rasters that GDAL keeps, MB, unless the environment says otherwise; by itself it takes a twentieth
    of the machine's memory. Windows are read one after the other, so what has been read is hardly asked for again."""
    os.environ.setdefault("GDAL_CACHEMAX", "64")


def mend() -> None:
    """FlatGeobuf's own way to hand out batches breaks at a row without geometry (GDAL 3.12): the general way is taken."""
    os.environ.setdefault("OGR_FLATGEOBUF_STREAM_BASE_IMPL", "YES")
