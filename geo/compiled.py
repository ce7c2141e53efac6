"""Compiled functions: one way to declare them, and a cache that notices when any of them has changed.

numba keeps machine code on disk and compares the time of the function's own file alone; what that function
calls from other modules is inside the code as well, and would stay old when only the other file changes. So
the code of a module lies in a folder named after its text and the text of every module it takes something from:
a change compiles that module and those that build on it again, and nothing else.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_ROOT = Path(__file__).resolve().parents[1]
_OWN = os.environ.get("NUMBA_CACHE_DIR")


@functools.cache
def _file_of(name: str) -> Path | None:
    """The file of a module of ours; None for anything else."""
    path = _ROOT.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


@functools.cache
def _takes_from(name: str) -> frozenset[str]:
    """The modules of ours that a module imports from."""
    file = _file_of(name)
    if file is None:
        return frozenset()
    named = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            named |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(n for n in named if _file_of(n) is not None)


def digest(name: str) -> str:
    """A short name for the present text of the module `name` and of all that it takes something from."""
    found, todo = set(), {name}
    while todo:
        found |= todo
        todo = set().union(*map(_takes_from, todo)) - found
    text = hashlib.sha256(numba.__version__.encode())
    for module in sorted(found):
        file = _file_of(module)
        if file is not None:
            text.update(module.encode() + b"\0" + file.read_bytes())
    return text.hexdigest()[:16]


@functools.cache
def _folder(name: str) -> str:
    own = f"{name}-{digest(name)}"
    beside = Path(__file__).resolve().parent / "__pycache__"
    try:
        beside.mkdir(exist_ok=True)
        if os.access(beside, os.W_OK):
            return str(beside / "compiled" / own)
    except OSError:
        pass  # a read-only installation: machine code goes where temporary files go
    return str(Path(tempfile.gettempdir()) / f"chigai-compiled-{os.getuid()}" / own)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile without Python objects and without the interpreter's lock, and keep the code on disk."""
    return _compiled(function)


def lean(function: Callable[..., Any]) -> Any:
    """As `kernel`, for a function that makes no arrays: what it is handed is used without being counted.

    Counting references is an atomic operation; in small functions called millions of times it is most of the work.
    """
    return _compiled(function, _nrt=False)


def inlined(function: Callable[..., Any]) -> Any:
    """As `lean`, but written out wherever it is called: handing over a dozen arrays costs more than a short function does.

    Every caller compiles it again, so it is for the innermost loops alone.
    """
    return _compiled(function, _nrt=False, forceinline=True)


def _compiled(function: Callable[..., Any], **more: bool) -> Any:
    if _OWN is None:
        # read by numba when it declares a function, and at no other time
        numba.config.CACHE_DIR = _folder(function.__module__)  # type: ignore[attr-defined]
    options: dict[str, Any] = {"cache": True, "nogil": True, **more}
    return numba.njit(**options)(function)
