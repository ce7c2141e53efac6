"""A plan folder that is approved: its checksum, a mark that it is frozen, and whether it still is what was approved."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geo import files

MARK = "approved.json"
"""Says that the folder is frozen, and its checksum; it is not part of what the checksum is of."""


def checksum(folder: Path) -> str:
    """sha256 over the names and contents of all files of a plan folder."""
    whole = hashlib.sha256()
    for path in sorted(p for p in Path(folder).rglob("*") if p.is_file() and p.name != MARK):
        with path.open("rb") as handle:
            own = hashlib.file_digest(handle, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\n{own}\n".encode())
    return whole.hexdigest()


def freeze(folder: Path, told: Mapping[str, Any]) -> str:
    """Mark a folder as frozen and make its files read-only; gives its checksum. told: who approved it, and when."""
    found = checksum(folder)
    mark = Path(folder) / MARK
    beside = mark.with_name(f".{MARK}.part")
    beside.write_text(json.dumps({"sha256": found, **told}, ensure_ascii=False), "utf-8")
    beside.replace(mark)
    for path in Path(folder).rglob("*"):
        if path.is_file():
            # where the file system knows no such rights, the checksum still tells
            with contextlib.suppress(OSError):
                path.chmod(0o444)
    files.flush(Path(folder))
    return found


def mark(folder: Path) -> dict[str, Any] | None:
    """What was put down when the folder was frozen; None where it is not."""
    try:
        found: dict[str, Any] = json.loads((Path(folder) / MARK).read_text("utf-8"))
        return found
    except FileNotFoundError:
        return None
