"""A GeoPackage and a zip around it that are the same bytes whenever their content is the same."""

from __future__ import annotations

import os
import threading
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyogrio

from geo.errors import ChigaiError
from geo.export.vectors import counted

STAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every member of a zip: when it was packed says nothing, and would make no two alike."""
_dated = threading.Lock()


@dataclass(frozen=True)
class Table:
    """One table of a GeoPackage. geometry: as GDAL names it, None for a table without. title: for people."""

    name: str
    title: str
    frame: pd.DataFrame
    geometry: str | None


def write_gpkg(tables: Sequence[Table], path: Path, moment: datetime) -> None:
    """The tables as a GeoPackage. moment: what it gives as the time of its last change.

    Of version 1.2, which older programs on phones read without a warning. Raises ChigaiError where a table was
    cut short.
    """
    stamp = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with _dated:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": stamp})
        try:
            for table in tables:
                pyogrio.write_dataframe(
                    table.frame,
                    path,
                    layer=table.name,
                    driver="GPKG",
                    geometry_type=table.geometry,
                    append=path.exists(),
                    dataset_options={} if path.exists() else {"VERSION": "1.2"},
                    layer_options={"IDENTIFIER": table.title},
                    use_arrow=False,
                )
                counted(path, table.name, len(table.frame))
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_zip(members: Mapping[str, bytes | None], path: Path) -> None:
    """A zip of files by name, or of empty folders where the content is None, put in place when it is whole.

    Raises ChigaiError where it cannot be written.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in members.items():
                    info = zipfile.ZipInfo(name if content is not None else f"{name}/", STAMP)
                    info.compress_type = zipfile.ZIP_STORED if content is None else zipfile.ZIP_DEFLATED
                    info.external_attr = (0o644 << 16) if content is not None else (0o755 << 16) | 0x10
                    archive.writestr(info, content or b"")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError as error:
        raise ChigaiError(
            f"无法写出文件：{error.strerror}。",
            f"The file cannot be written: {error.strerror}.",
            do_zh="检查磁盘空间和写入权限。",
            do_en="Check disk space and rights.",
            file=path,
        ) from error
    finally:
        part.unlink(missing_ok=True)
