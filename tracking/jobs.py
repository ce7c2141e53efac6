"""Long work that outlives the browser: each job is a folder, worked off by its own process.

CHIGAI_HOME/jobs/<id>/ holds request.json (what is asked), status.json (replaced whole at every step),
`cancel` (a flag: somebody wants it stopped), out/ (what is half made, removed at the end) and log.txt.
Two processes stand behind a job: a watcher, which waits for its turn, stops the work on request and notices
when it dies, and the worker, which computes. The page starts the watcher and afterwards only looks.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import psutil

from geo.errors import CancelledError, ChigaiError

State = Literal["queued", "running", "done", "failed", "cancelled", "broken_off"]
Progress = Callable[[str, float], None]
Told = Callable[[float], None]
"""Told the share done, 0 to 1, by what knows nothing of jobs; what it raises ends the work."""
Work = Callable[[dict[str, Any], Path, str, Progress], Path]
"""(request, home, job id, progress) → what it made, below home."""

FINISHED: frozenset[str] = frozenset({"done", "failed", "cancelled", "broken_off"})
KINDS = (
    "demo", "check", "plan", "draft", "export", "tiles", "register", "approve", "verify", "private", "ledger",
    "findings",
)  # fmt: skip
AT_ONCE = 2
"""Jobs that compute at the same time; later ones wait in the order they came."""
GRACE_S = 1.5
"""Time that a worker is given to react to a cancel before it is killed: who asked waits no longer than 2 s."""
POLL_S = 0.2
ROOT = Path(__file__).resolve().parents[1]


def nobody(fraction: float) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class Job:
    """What a page may know of a job. fraction: 0 to 1; started, ended: UTC ISO; result: path below home; by: who
    began it; closing: it goes to its end now, and hears no cancel."""

    id: str
    kind: str
    state: State
    stage: str = ""
    fraction: float = 0.0
    message_zh: str = ""
    message_en: str = ""
    result: str | None = None
    created: str = ""
    started: str | None = None
    ended: str | None = None
    name: str = ""
    pid: int | None = None
    pid_started: float | None = None
    by: str = ""
    closing: bool = False

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    def message(self, lang: str) -> str:
        return self.message_zh if lang == "zh" else self.message_en


def start(kind: str, request_json: Mapping[str, Any], home: Path) -> str:
    """Begin a job of one of KINDS in a process of its own and return its id."""
    folder = create(kind, request_json, home)
    command = [sys.executable, "-m", "tracking.jobs", "run", str(folder)]
    watcher = _spawn(command, folder, start_new_session=True)
    # somebody has to ask for the exit code, or the ended process stays in the table as a zombie
    threading.Thread(target=watcher.wait, daemon=True).start()
    return folder.name


def create(kind: str, request_json: Mapping[str, Any], home: Path) -> Path:
    """The folder of a new job, in state "queued"; its name, the job's id, sorts by time."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of job; the kinds are {KINDS}")
    job_id, now = new_id(), datetime.now(UTC)
    folder = Path(home).resolve() / "jobs" / job_id
    folder.mkdir(parents=True)
    request = {"kind": kind, "request": dict(request_json)}
    _replace(folder / "request.json", json.dumps(request, ensure_ascii=False))
    told = {key: str(request_json.get(key, "")) for key in ("name", "by")}
    _save(folder, {"id": job_id, "kind": kind, "state": "queued", "created": _iso(now), **told})
    return folder


def new_id() -> str:
    """An id that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"


def status(job_id: str, home: Path) -> Job:
    """How a job stands. One that claims to run while its process is gone is marked as broken off."""
    return _job(_folder(job_id, home))


def cancel(job_id: str, home: Path) -> None:
    """Ask a job to stop; it ends as "cancelled" within GRACE_S and a moment, and leaves nothing half made."""
    folder = _folder(job_id, home)
    job = _job(folder)
    if not job.finished and not job.closing:
        (folder / "cancel").touch()


def closing(job_id: str, home: Path) -> None:
    """Said by work whose last steps belong together: from here on it goes to its end, and tells no progress any more.

    Raises CancelledError where a cancel came first; nothing of those steps is done then.
    """
    folder = _folder(job_id, home)
    _update(folder, closing=True)
    if (folder / "cancel").exists():
        raise CancelledError


def recent(home: Path, limit: int = 20) -> list[Job]:
    """The latest jobs, newest first."""
    folders = sorted((Path(home) / "jobs").glob("*/status.json"), reverse=True)
    return [_job(path.parent) for path in folders[:limit]]


def mark_broken_off(home: Path) -> list[str]:
    """At the start of the app: end the jobs whose process is gone. Returns their ids."""
    before = [p.parent for p in (Path(home) / "jobs").glob("*/status.json") if not _read(p.parent).finished]
    return [folder.name for folder in before if _job(folder).state == "broken_off"]


# what the watcher does


def watch(folder: Path, command: Sequence[str] | None = None, grace_s: float = GRACE_S) -> None:
    """Wait for the job's turn, let `command` (by default the worker) do it, and see that it ends."""
    folder = Path(folder)
    me = psutil.Process()
    _update(folder, pid=me.pid, pid_started=me.create_time())
    while _before(folder) >= AT_ONCE:
        if (folder / "cancel").exists():
            _end(folder, "cancelled", CancelledError())
            return
        time.sleep(POLL_S)
    _update(folder, state="running", started=_iso(datetime.now(UTC)))
    command = command or [sys.executable, "-m", "tracking.jobs", "work", str(folder)]
    worker = _spawn(command, folder)
    asked: float | None = None
    while worker.poll() is None:
        if asked is None and (folder / "cancel").exists():
            asked = time.monotonic()
        if asked is not None and time.monotonic() - asked > grace_s and not _read(folder).closing:
            _kill_tree(worker)
        time.sleep(POLL_S)
    shutil.rmtree(folder / "out", ignore_errors=True)
    if _read(folder).finished:
        return
    if asked is not None:
        _end(folder, "cancelled", CancelledError())
    else:
        _end(folder, "failed", _died(worker.returncode))


def _before(folder: Path) -> int:
    """How many unfinished jobs came before this one."""
    earlier = (p for p in folder.parent.iterdir() if p.name < folder.name and (p / "status.json").exists())
    return sum(not _job(p).finished for p in earlier)


def _kill_tree(worker: subprocess.Popen[bytes]) -> None:
    """Kill the worker and everything that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(worker.pid)
        for child in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGKILL)


def _died(code: int) -> ChigaiError:
    if code in (-signal.SIGKILL, -signal.SIGSEGV):
        return ChigaiError(
            "运行进程被系统中断，多半是内存不足。",
            "The system ended the run, most likely for want of memory.",
            do_zh="请分县运行，或换用内存更大的机器。",
            do_en="run it county by county, or on a machine with more memory.",
        )
    return _unexpected()


def _unexpected() -> ChigaiError:
    return ChigaiError(
        "运行中出现意外错误，已停止；原有数据和方案没有改动。",
        "The run hit an unexpected error and stopped; your data and earlier plans are unchanged.",
        do_zh="请重试；若再次发生，请把任务编号告诉管理员，详情在该任务的日志里。",
        do_en="try again; if it happens again, give the job's number to your administrator: its log says more.",
    )


# what the worker does


def work(folder: Path, kinds: Mapping[str, Work] | None = None) -> None:
    """Do the job in this process and write how it ended; never raises, whatever the work does."""
    folder = Path(folder)
    try:
        if kinds is None:
            from tracking import runs  # here: the watcher must not load the whole engine

            kinds = runs.KINDS
        asked = json.loads((folder / "request.json").read_text("utf-8"))
        home = folder.parents[1]
        made = kinds[asked["kind"]](asked["request"], home, folder.name, _reporter(folder))
        _update(
            folder,
            state="done",
            fraction=1.0,
            result=Path(made).relative_to(home).as_posix(),
            ended=_iso(datetime.now(UTC)),
        )
    except CancelledError as error:
        _end(folder, "cancelled", error)
    except ChigaiError as error:
        _end(folder, "failed", error)
    except MemoryError:
        _end(folder, "failed", _died(-signal.SIGKILL))
    except Exception:
        (folder / "traceback.txt").write_text(traceback.format_exc(), "utf-8")
        _end(folder, "failed", _unexpected())


def _reporter(folder: Path) -> Progress:
    """A progress callback that writes the status a few times a second and raises once a cancel is asked."""
    watcher = os.getppid()
    last_stage, last_at = "", 0.0

    def report(stage: str, fraction: float) -> None:
        nonlocal last_stage, last_at
        # a watcher that died leaves the worker to another parent: nobody waits for the result any more
        if (folder / "cancel").exists() or os.getppid() != watcher:
            raise CancelledError
        now = time.monotonic()
        if stage != last_stage or now - last_at >= POLL_S:
            last_stage, last_at = stage, now
            _update(folder, stage=stage, fraction=min(max(float(fraction), 0.0), 1.0))

    return report


# the status file


def _folder(job_id: str, home: Path) -> Path:
    folder = Path(home) / "jobs" / job_id
    if Path(job_id).name != job_id or not (folder / "status.json").is_file():
        raise ChigaiError(
            "没有这个任务，可能已被清理。", "There is no such job; it may have been cleared away."
        )
    return folder


def _read(folder: Path) -> Job:
    return Job(**json.loads((folder / "status.json").read_text("utf-8")))


def _job(folder: Path) -> Job:
    job = _read(folder)
    if job.finished or _alive(job):
        return job
    job = _read(folder)  # it may have ended between the two looks
    if job.finished:
        return job
    shutil.rmtree(folder / "out", ignore_errors=True)
    _end(
        folder,
        "broken_off",
        ChigaiError(
            "任务中断：服务曾被关闭或重启，未留下任何不完整的结果。",
            "The job broke off: the server was stopped or restarted; nothing half made is left.",
            do_zh="请重新运行。",
            do_en="run it again.",
        ),
    )
    return _read(folder)


def _alive(job: Job) -> bool:
    """Whether the watcher still runs: same pid and same start time, as pids are used again."""
    if job.pid is None:
        # its watcher has not signed in yet: starting Python takes a moment
        return datetime.now(UTC) - datetime.fromisoformat(job.created) < _SIGN_IN
    try:
        process = psutil.Process(job.pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() == job.pid_started
    except psutil.NoSuchProcess:
        return False


def _end(folder: Path, state: State, error: ChigaiError) -> None:
    now = _iso(datetime.now(UTC))
    _update(folder, state=state, message_zh=error.text("zh"), message_en=error.text("en"), ended=now)


def _update(folder: Path, **changes: Any) -> None:
    _save(folder, {**json.loads((folder / "status.json").read_text("utf-8")), **changes})


def _save(folder: Path, fields: Mapping[str, Any]) -> None:
    _replace(folder / "status.json", json.dumps(dict(fields), ensure_ascii=False))


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never half."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _spawn(command: Sequence[str], folder: Path, start_new_session: bool = False) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    environment = {**os.environ, "PYTHONPATH": path, "CHIGAI_HOME": str(folder.parents[1])}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            start_new_session=start_new_session,
        )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


_SIGN_IN = timedelta(seconds=60)


def main(arguments: Sequence[str]) -> None:
    """`python -m tracking.jobs run|work FOLDER`."""
    verb, folder = arguments
    if verb == "run":
        watch(Path(folder))
    else:
        work(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
