"""Where the tasks of a run are done: in this process, in a pool of processes, or on a Dask cluster.

A task is a call with one picklable argument that leaves what it makes in a file put in place in one step, so doing
it twice does no harm: a worker that dies is replaced and its task is done again. Results are told as they come;
what they are does not depend on where they were made.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeVar

from geo.errors import ChigaiError

Task = TypeVar("Task")
Result = TypeVar("Result")
Progress = Callable[[str, float], None]
"""(stage, how far the task is in it, 0..1)."""
Call = Callable[[Task, Progress], Result]
Tell = Callable[[int, str, float], None]
"""(number of the task, its stage, how far it is); with -1 it only asks. What it raises (a cancel) stops the tasks."""

ATTEMPTS = 3
"""Times that a task is begun whose worker dies, before the run gives up."""
POLL_S = 0.2
CONNECT_S = 10.0
"""Time that a scheduler is given to answer."""


class Engine(Protocol):
    """Does tasks somewhere, until it is closed."""

    def run(
        self, call: Call[Task, Result], tasks: Sequence[Task], tell: Tell
    ) -> Iterator[tuple[int, Result]]:
        """(number of the task, its result) as they are done, in any order. Raises what a call raises, and what
        `tell` raises, which is called several times a second."""
        ...

    def close(self) -> None:
        """Stop whatever is still at work."""
        ...


class Here:
    """One task after the other in this process."""

    def run(
        self, call: Call[Task, Result], tasks: Sequence[Task], tell: Tell
    ) -> Iterator[tuple[int, Result]]:
        for number, task in enumerate(tasks):
            yield number, call(task, partial(tell, number))

    def close(self) -> None:
        pass


class Pool:
    """Processes of this machine; a new one takes the place of one that dies."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: list[_Worker] = []

    def run(
        self, call: Call[Task, Result], tasks: Sequence[Task], tell: Tell
    ) -> Iterator[tuple[int, Result]]:
        todo = list(range(len(tasks)))[::-1]
        begun = [0] * len(tasks)
        pool = self._pool
        try:
            while todo or any(w.at is not None for w in pool):
                while len(pool) < min(self.workers, len(tasks)):
                    pool.append(_Worker.started())
                for worker in pool:
                    if worker.at is None and todo:
                        worker.at = todo.pop()
                        begun[worker.at] += 1
                        worker.send(call, tasks[worker.at])
                busy = {w.pipe: w for w in pool if w.at is not None}
                for pipe in wait(list(busy), POLL_S):
                    worker = busy[pipe]  # type: ignore[index]
                    number = worker.at
                    assert number is not None
                    answer = worker.answer()
                    if answer is None:
                        pool.remove(worker)
                        worker.end()
                        if begun[number] >= ATTEMPTS:
                            raise _died(number, len(tasks))
                        todo.append(number)
                    elif isinstance(answer, _At):
                        tell(number, answer.stage, answer.fraction)
                    else:
                        worker.at = None
                        if isinstance(answer, _Failed):
                            raise answer.error
                        yield number, answer.result
                tell(-1, "", 0.0)
        finally:
            # whoever is still at a task of this run would answer it in the next one
            for worker in [w for w in pool if w.at is not None]:
                pool.remove(worker)
                worker.end()

    def close(self) -> None:
        for worker in self._pool:
            worker.end()
        self._pool.clear()


@dataclass(frozen=True)
class _At:
    stage: str
    fraction: float


@dataclass(frozen=True)
class _Answer:
    result: Any


@dataclass(frozen=True)
class _Failed:
    error: BaseException


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    at: int | None = None

    @classmethod
    def started(cls) -> _Worker:
        # spawned, not forked: libraries with threads of their own do not survive a fork
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def send(self, call: Call[Any, Any], task: Any) -> None:
        # one that is dead already is noticed when its answer is asked for
        with contextlib.suppress(OSError):
            self.pipe.send((call, task))

    def answer(self) -> Any:
        """What came of its task; None where the process is gone."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _work(pipe: Connection) -> None:
    """What a worker does until nobody asks any more."""
    # a Ctrl-C in the terminal reaches every process of the group; the one that asks decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def at(stage: str, fraction: float) -> None:
        pipe.send(_At(stage, fraction))

    while True:
        try:
            call, task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Any = _Answer(call(task, at))
        except BaseException as error:
            answer = _Failed(error)
        try:
            pipe.send(answer)
        except OSError:
            return
        except Exception as error:  # what cannot be sent is told as such
            pipe.send(_Failed(RuntimeError(f"{type(error).__name__}: {error}")))


class Cluster:
    """The workers of a Dask scheduler; all machines see the same folders."""

    def __init__(self, address: str) -> None:
        from distributed import Client

        try:
            self._client = Client(address, set_as_default=False, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise ChigaiError(
                f"连不上 Dask 调度器 {address}：{error}",
                f"The Dask scheduler at {address} does not answer: {error}",
                do_zh="先启动 dask scheduler 和 dask worker，再给出 --scheduler tcp://主机:8786。",
                do_en="start dask scheduler and dask worker, then give --scheduler tcp://HOST:8786.",
            ) from error

    def run(
        self, call: Call[Task, Result], tasks: Sequence[Task], tell: Tell
    ) -> Iterator[tuple[int, Result]]:
        from distributed import KilledWorker
        from distributed import wait as first_of

        if not tasks:
            return
        futures = self._client.map(partial(_quietly, call), list(tasks), pure=False)
        number = {future.key: i for i, future in enumerate(futures)}
        pending = set(futures)
        try:
            while pending:
                tell(-1, "", 0.0)
                try:
                    with self._client.as_current():
                        done, pending = first_of(pending, timeout=POLL_S, return_when="FIRST_COMPLETED")
                except TimeoutError:
                    continue
                for future in done:
                    try:
                        yield number[future.key], future.result()
                    except KilledWorker as error:
                        raise _died(number[future.key], len(tasks)) from error
        finally:
            self._client.cancel(list(pending))

    def close(self) -> None:
        self._client.close()


def _quietly(call: Call[Any, Any], task: Any) -> Any:
    """A task on a cluster: how far it is stays there."""
    return call(task, lambda stage, fraction: None)


@contextmanager
def engine(workers: int | None, scheduler: str | None, tasks: int) -> Iterator[Engine]:
    """The engine for so many tasks. workers: processes, None: one for each core; scheduler: address of a Dask scheduler."""
    count = _processes(workers, tasks)
    made: Engine = Cluster(scheduler) if scheduler is not None else Pool(count) if count > 1 else Here()
    try:
        yield made
    finally:
        made.close()


def _processes(workers: int | None, tasks: int) -> int:
    return max(min(workers or os.cpu_count() or 1, tasks), 1)


def threads_of(workers: int | None, tasks: int) -> int:
    """Threads that a task may use on this machine, beside the other processes at work."""
    return max((os.cpu_count() or 1) // _processes(workers, tasks), 1)


def _died(number: int, tasks: int) -> ChigaiError:
    return ChigaiError(
        f"计算进程被系统中断 {ATTEMPTS} 次（第 {number + 1} 片，共 {tasks} 片），多半是内存不足。",
        f"The system ended the working process {ATTEMPTS} times (part {number + 1} of {tasks}), most likely for want of memory.",
        do_zh="减少 --workers，或换用内存更大的机器；已完成的部分可用 --resume 接着做。",
        do_en="use fewer --workers or a machine with more memory; --resume goes on with what is done.",
    )
