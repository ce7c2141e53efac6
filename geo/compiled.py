"""Compiled functions: one way to declare them, and a cache that notices when any of them has changed.

numba keeps machine code on disk and compares the time of the function's own file alone; what that function
calls from other modules is inside the code as well, and would stay old when only the other file changes. So
the cache lies in a folder named after the text of every module that declares a kernel.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("geo", "planning")


def digest() -> str:
    """A short name for the present text of all modules that declare kernels."""
    text = hashlib.sha256(numba.__version__.encode())
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            source = path.read_bytes()
            if b"@kernel" in source:
                text.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + source)
    return text.hexdigest()[:16]


def _folder() -> Path:
    beside = Path(__file__).resolve().parent / "__pycache__"
    try:
        beside.mkdir(exist_ok=True)
        if os.access(beside, os.W_OK):
            return beside / f"compiled-{digest()}"
    except OSError:
        pass  # a read-only installation: machine code goes where temporary files go
    return Path(tempfile.gettempdir()) / f"chigai-compiled-{os.getuid()}-{digest()}"


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(_folder())  # type: ignore[attr-defined]


def kernel(function: Callable[..., Any]) -> Any:
    """Compile without Python objects and without the interpreter's lock, and keep the code on disk."""
    return numba.njit(cache=True, nogil=True)(function)
