"""Jobs outlive who started them, end in one of the named states, and leave nothing half made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from geo.errors import ChigaiError
from tracking import jobs
from tracking.jobs import Job, Progress

ROOT = Path(__file__).parents[2]


def until(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true answer; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def finished(job_id: str, home: Path) -> Job:
    def look() -> Job | None:
        job = jobs.status(job_id, home)
        return job if job.finished else None

    return until(look)


def sleeper(folder: Path, seconds: float = 60) -> list[str]:
    """A worker that hears no cancel: it only leaves a half-made file and sleeps."""
    return [
        sys.executable,
        "-c",
        "import pathlib, sys, time; out = pathlib.Path(sys.argv[1]) / 'out'; out.mkdir();"
        "(out / 'half').write_text('x'); time.sleep(float(sys.argv[2]))",
        str(folder),
        str(seconds),
    ]


def watched(folder: Path, command: list[str], grace_s: float = 0.3) -> threading.Thread:
    thread = threading.Thread(target=jobs.watch, args=(folder, command, grace_s))
    thread.start()
    return thread


def ends(work: Callable[[dict[str, Any], Path, str, Progress], Path], tmp_path: Path) -> Job:
    """How a job ends whose work is this function, run in this process."""
    folder = jobs.create("check", {"n": 1}, tmp_path)
    jobs._update(folder, pid=os.getpid(), pid_started=psutil.Process().create_time())
    jobs.work(folder, {"check": work})
    return jobs.status(folder.name, tmp_path)


def test_work_that_returns_is_done_and_names_its_result_below_home(tmp_path: Path) -> None:
    def work(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
        assert request == {"n": 1}
        progress("read", 0.25)
        return home / "parcels" / job_id

    job = ends(work, tmp_path)
    assert (job.state, job.fraction, job.result) == ("done", 1.0, f"parcels/{job.id}")
    assert job.ended is not None


def test_progress_is_written_with_its_stage_and_kept_between_nought_and_one(tmp_path: Path) -> None:
    seen = []

    def work(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
        for stage, fraction in (("read", -1.0), ("check", 0.5), ("write", 7.0)):
            progress(stage, fraction)
            job = jobs.status(job_id, home)
            seen.append((job.stage, job.fraction))
        return home

    ends(work, tmp_path)
    assert seen == [("read", 0.0), ("check", 0.5), ("write", 1.0)]


def test_a_refusal_fails_with_its_words_in_both_languages(tmp_path: Path) -> None:
    def work(*_: Any) -> Path:
        raise ChigaiError("坏了", "broken", do_zh="修", do_en="mend", file="a.shp", row=3)

    job = ends(work, tmp_path)
    assert job.state == "failed"
    assert job.message("zh") == "坏了（文件 a.shp · 第 3 行） 处理办法：修"
    assert job.message("en") == "broken (file a.shp · row 3) What to do: mend"


def test_an_unexpected_error_shows_plain_words_and_keeps_its_traceback_in_the_folder(tmp_path: Path) -> None:
    def work(*_: Any) -> Path:
        raise KeyError("inner detail")

    job = ends(work, tmp_path)
    assert job.state == "failed"
    for lang in ("zh", "en"):
        assert "Traceback" not in job.message(lang)
        assert "inner detail" not in job.message(lang)
    assert "inner detail" in (tmp_path / "jobs" / job.id / "traceback.txt").read_text("utf-8")


def test_work_that_reports_after_a_cancel_is_cancelled(tmp_path: Path) -> None:
    def work(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
        jobs.cancel(job_id, home)
        progress("check", 0.5)
        raise AssertionError("the cancel went unheard")

    assert ends(work, tmp_path).state == "cancelled"


def test_work_that_hears_no_cancel_is_killed_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    folder = jobs.create("plan", {}, tmp_path)
    thread = watched(folder, sleeper(folder))
    until((folder / "out" / "half").exists)
    assert jobs.status(folder.name, tmp_path).state == "running"
    jobs.cancel(folder.name, tmp_path)
    assert finished(folder.name, tmp_path).state == "cancelled"
    thread.join(10)
    assert not (folder / "out").exists()


def test_a_worker_that_dies_ends_the_job_as_failed(tmp_path: Path) -> None:
    folder = jobs.create("plan", {}, tmp_path)
    command = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    watched(folder, command).join(20)
    job = jobs.status(folder.name, tmp_path)
    assert job.state == "failed"
    assert "内存" in job.message("zh")


def test_a_job_whose_process_is_gone_is_marked_as_broken_off(tmp_path: Path) -> None:
    folder = jobs.create("plan", {}, tmp_path)
    (folder / "out").mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    jobs._update(folder, state="running", pid=dead.pid, pid_started=1.0)
    assert jobs.mark_broken_off(tmp_path) == [folder.name]
    assert jobs.status(folder.name, tmp_path).state == "broken_off"
    assert not (folder / "out").exists()
    assert jobs.mark_broken_off(tmp_path) == []


def test_another_process_with_the_same_pid_is_not_taken_for_the_job(tmp_path: Path) -> None:
    folder = jobs.create("plan", {}, tmp_path)
    jobs._update(folder, state="running", pid=os.getpid(), pid_started=psutil.Process().create_time() - 100)
    assert jobs.status(folder.name, tmp_path).state == "broken_off"


def test_no_more_than_two_jobs_compute_at_once_and_a_waiting_one_can_be_cancelled(tmp_path: Path) -> None:
    folders = [jobs.create("plan", {}, tmp_path) for _ in range(3)]
    threads = [watched(folder, sleeper(folder)) for folder in folders]
    for folder in folders[:2]:
        until((folder / "out" / "half").exists)
    time.sleep(3 * jobs.POLL_S)
    assert jobs.status(folders[2].name, tmp_path).state == "queued"
    for folder in reversed(folders):
        jobs.cancel(folder.name, tmp_path)
    for thread in threads:
        thread.join(20)
    assert [jobs.status(f.name, tmp_path).state for f in folders] == ["cancelled"] * 3
    assert not (folders[2] / "out").exists()


def test_a_started_job_runs_in_its_own_session_and_fails_in_words_on_a_missing_file(tmp_path: Path) -> None:
    job_id = jobs.start("check", {"name": "x", "source": {"file": f"{'0' * 64}/x.gpkg"}}, tmp_path)
    job = finished(job_id, tmp_path)
    assert (job.kind, job.state, job.name) == ("check", "failed", "x")
    assert "找不到" in job.message("zh")
    assert job.pid != os.getpid()


def test_recent_lists_the_newest_first(tmp_path: Path) -> None:
    ids = [jobs.create("check", {}, tmp_path).name for _ in range(3)]
    assert [j.id for j in jobs.recent(tmp_path)] == ids[::-1]
    assert [j.id for j in jobs.recent(tmp_path, limit=1)] == ids[-1:]


@pytest.mark.parametrize("job_id", ["nothing", "../jobs", "", ".."])
def test_an_id_that_is_no_job_is_refused(job_id: str, tmp_path: Path) -> None:
    jobs.create("check", {}, tmp_path)
    with pytest.raises(ChigaiError):
        jobs.status(job_id, tmp_path)


def test_a_reader_never_sees_half_a_status(tmp_path: Path) -> None:
    folder = jobs.create("check", {}, tmp_path)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            jobs._update(folder, stage="x" * 5000)

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(300):
        json.loads((folder / "status.json").read_text("utf-8"))
    stop.set()
    thread.join()


# work whose last steps belong together


def test_work_that_closes_is_not_stopped_any_more(tmp_path: Path) -> None:
    folder = jobs.create("approve", {}, tmp_path)
    script = (
        "import pathlib, sys, time; from tracking import jobs; folder = pathlib.Path(sys.argv[1]);"
        "jobs.closing(folder.name, folder.parents[1]); time.sleep(1.5); jobs._update(folder, state='done')"
    )
    thread = watched(folder, [sys.executable, "-c", script, str(folder)])
    # asked for a moment before the work said so: it is not killed either
    until(lambda: jobs.status(folder.name, tmp_path).closing)
    (folder / "cancel").touch()
    assert finished(folder.name, tmp_path).state == "done"
    thread.join(10)


def test_a_cancel_of_work_that_closes_is_not_even_taken(tmp_path: Path) -> None:
    folder = jobs.create("approve", {}, tmp_path)
    jobs.closing(folder.name, tmp_path)
    jobs.cancel(folder.name, tmp_path)
    assert not (folder / "cancel").exists()


def test_a_cancel_that_came_before_stops_it_from_closing(tmp_path: Path) -> None:
    def work(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
        jobs.cancel(job_id, home)
        jobs.closing(job_id, home)
        raise AssertionError("the cancel went unheard")

    assert ends(work, tmp_path).state == "cancelled"
