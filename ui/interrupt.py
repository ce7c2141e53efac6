"""Ctrl-C in long work: it stops at the next word of progress, and in any case before two seconds are over.

Python raises KeyboardInterrupt wherever it stands; where that is compiled code, what comes out may be another error.
So the interrupt is noted, and raised from where the work says how far it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from geo.errors import CancelledError

GRACE_S = 1.5
"""Time that work is given to say how far it is before its process ends in the middle of it."""

Progress = Callable[[str, float], None]


@contextmanager
def interruptible(progress: Progress, last_words: Callable[[], Any]) -> Iterator[Progress]:
    """`progress`, which raises CancelledError once there was a Ctrl-C.

    Work that says nothing for GRACE_S is ended where it stands, with the processes that it started: whatever it
    writes is put in place in one step, so nothing is half there. last_words: called before that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield progress
        return
    asked, over = threading.Event(), threading.Event()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def watch() -> None:
        # the system writes here the moment that a signal comes, while Python still waits for what is compiled
        while ours.recv(1) != bytes([signal.SIGINT]):
            if over.is_set():
                return
        asked.set()
        if not over.wait(GRACE_S):
            last_words()
            _end()

    def heard(stage: str, fraction: float) -> None:
        if asked.is_set():
            raise CancelledError
        progress(stage, fraction)

    before = signal.signal(signal.SIGINT, lambda number, frame: asked.set())
    told = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(told)
        signal.signal(signal.SIGINT, before)
        over.set()
        theirs.send(b"\0")
        watcher.join()
        ours.close()
        theirs.close()


def _end() -> None:
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(130)
