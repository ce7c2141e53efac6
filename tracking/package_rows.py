"""The rows of a package that came back, read in a process of its own: the file can be meant to harm."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio

from geo.errors import ChigaiError
from geo.reading import sources

TABLE, ABOUT = "reports", "package"
COLUMNS = (
    "uuid", "plan_id", "block_id", "block_version", "kind", "happened", "zone_minutes", "done_mu", "note", "photo", "sent_by",
)  # fmt: skip
MOST_ROWS = 20_000
"""Rows of one package; a village's crew does not write as many in a year."""
LONGEST_TEXT = 4_000
"""Characters of a text that are read: more is refused by its length anyway."""
SECONDS = 60
"""How long a file may be read; one of a crew takes a second."""
MOST_BYTES = 4 * 1024**3


def read_apart(path: Path) -> list[dict[str, Any]]:
    """As `read`, where a file that never ends, or takes all memory, or breaks the reader, ends nothing else."""
    words = [sys.executable, "-m", "tracking.package_rows", str(path)]
    home = Path(__file__).resolve().parents[1]
    try:
        done = subprocess.run(words, cwd=home, capture_output=True, timeout=SECONDS, check=False)
        told = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise ChigaiError(
            "文件读不出来：已损坏，或内容异常，已停止读取。",
            "The file cannot be read: it is damaged or odd, and reading was stopped.",
            do_zh="请从 QField 重新发送这个项目。",
            do_en="send the project from QField once more.",
            file=path,
        ) from error
    if "rows" not in told:
        raise ChigaiError(told["zh"], told["en"], do_zh=told["do_zh"], do_en=told["do_en"], file=path)
    return list(told["rows"])


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a GeoPackage's table of reports as plain texts and numbers, by COLUMNS, in its order.

    Other layers and columns are not looked at. A row without a plan takes the one that the package names.
    Raises ChigaiError for what is no GeoPackage, has no such table, or more than MOST_ROWS.
    """
    with sources.opened(path) as layers:
        found = {layer.inner.casefold(): layer for layer in layers if layer.dataset.driver == "GPKG"}
        layer = found.get(TABLE)
        if layer is None:
            raise ChigaiError(
                "文件里没有“上报”表。",
                "The file has no table of reports.",
                do_zh="请交回从本系统下载的上报包。",
                do_en="give back a package that came from here.",
                file=path,
            )
        with sources.readable(path.name):
            rows = _rows(layer.dataset.path, layer.inner, COLUMNS, MOST_ROWS + 1)
            about = found.get(ABOUT)
            own = _rows(about.dataset.path, about.inner, ("plan_id",), 1) if about else []
    if len(rows) > MOST_ROWS:
        raise ChigaiError(
            f"上报表超过 {MOST_ROWS:,} 行，没有读取。",
            f"The table of reports has more than {MOST_ROWS:,} rows; none was taken.",
            do_zh="请核对文件，或分成几份交回。",
            do_en="check the file, or give it back in parts.",
            file=path,
        )
    plan = own[0]["plan_id"] if own else None
    return [row | {"plan_id": row["plan_id"] or plan} for row in rows]


def _rows(path: Path, layer: str, columns: tuple[str, ...], most: int) -> list[dict[str, Any]]:
    there = pyogrio.read_info(path, layer=layer)["fields"]
    kept = [name for name in columns if name in there]
    frame = pyogrio.read_dataframe(
        path, layer=layer, columns=kept, read_geometry=False, max_features=most, datetime_as_string=True,
        use_arrow=False,
    )  # fmt: skip
    values = {name: [_plain(v) for v in frame[name].tolist()] for name in kept}
    return [
        {name: values[name][at] if name in values else None for name in columns} for at in range(len(frame))
    ]


def _plain(value: Any) -> Any:
    """A value as JSON has it: text (of bounded length), number, or None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, np.integer, np.floating)):
        number = float(value)
        if math.isnan(number):
            return None
        return (
            int(number)
            if number.is_integer() and abs(number) < 2**53
            else number
            if math.isfinite(number)
            else str(number)
        )
    return str(value)[:LONGEST_TEXT]


def _limit() -> None:
    """Neither time nor memory without end, where the system can be asked for that."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def main() -> None:
    """Print the rows, or why there are none, as JSON."""
    _limit()
    told: dict[str, Any]
    try:
        told = {"rows": read(Path(sys.argv[1]))}
    except ChigaiError as error:
        told = {"zh": error.zh, "en": error.en, "do_zh": error.do_zh, "do_en": error.do_en}
    sys.stdout.buffer.write(json.dumps(told, ensure_ascii=True).encode())


if __name__ == "__main__":
    main()
