"""Ctrl-C in long work: heard at the next word of progress, and before two seconds are over in any case."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
WORK = """
import hashlib, multiprocessing, sys, time
from geo.errors import CancelledError
from ui.interrupt import interruptible

def compute():
    print(sum(i for i in range(10**12)))

if __name__ == "__main__":
    with interruptible(lambda stage, fraction: None, lambda: print("ended", flush=True)) as progress:
        print("begun", flush=True)
        try:
            {}
        except CancelledError:
            print("cancelled", flush=True)
            sys.exit(130)
"""
TALKING = "while True: progress('blocks', 0.5); time.sleep(0.01)"
SILENT = (
    "multiprocessing.get_context('spawn').Process(target=compute).start(); time.sleep(0.5); "
    "hashlib.pbkdf2_hmac('sha256', b'1', b'2', 10**9)"
)


@pytest.mark.parametrize(("does", "says"), [(TALKING, "cancelled"), (SILENT, "ended")])
def test_work_stops_within_two_seconds_and_leaves_no_process(does, says, tmp_path) -> None:
    script = tmp_path / "work.py"
    script.write_text(WORK.format(does), "utf-8")
    work = subprocess.Popen(
        [sys.executable, script], env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert work.stdout is not None and work.stdout.readline() == "begun\n"
    time.sleep(1.0)
    children = psutil.Process(work.pid).children(recursive=True)
    began = time.monotonic()
    work.send_signal(signal.SIGINT)
    try:
        rest, _ = work.communicate(timeout=30)
        assert time.monotonic() - began < 2
        assert work.returncode == 130 and rest == f"{says}\n"
        until = time.monotonic() + 10
        while any(map(at_work, children)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(at_work, children))
    finally:
        for process in [work, *children]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def at_work(process: psutil.Process) -> bool:
    """Whether a process still runs: one that ended without a parent stays in the table for a while."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
