"""Names of files that every system takes."""

from __future__ import annotations

import re
import unicodedata


def safe_name(name: str) -> str:
    """A file name without folders, control characters or leading dots, at most 120 bytes long."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = re.sub(r"[^\w.\-()（） ]", "_", name).strip(" .") or "file"
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > 10:
        stem, dot, suffix = name, "", ""
    stem = stem.encode()[: 120 - len((dot + suffix).encode())].decode("utf-8", "ignore")
    return f"{stem}{dot}{suffix}".strip(" .")
