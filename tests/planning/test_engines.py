"""Facts about where tasks are done: whoever does them, each is done, once for the run, and a stop is heard at once."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from geo.errors import CancelledError, ChigaiError
from planning import engines
from planning.engines import Cluster, Here, Pool


def square(task, progress):
    progress("squares", 0.5)
    return task * task


def refuse(task, progress):
    if task == 3:
        raise ChigaiError("不行。", "No.", do_zh="换一个。", do_en="take another.")
    return task


def die(task, progress):
    """Be killed by the system on the first `times` attempts at the number, then do it."""
    folder, number, times = task
    tried = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{tried}").touch()
    if tried < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep(task, progress):
    time.sleep(600)


def speak(task, progress):
    return lambda: None  # what no pipe carries


def deaf(number, stage, fraction):
    pass


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two workers, processes of this machine."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(params=["here", "pool", "cluster"])
def engine(request):
    made = {"here": Here, "pool": lambda: Pool(2)}.get(request.param) or (
        lambda: Cluster(request.getfixturevalue("scheduler"))
    )
    made = made()
    yield made
    made.close()


@pytest.fixture(params=["pool", "cluster"])
def apart(request):
    """An engine whose tasks are done in other processes."""
    made = Pool(2) if request.param == "pool" else Cluster(request.getfixturevalue("scheduler"))
    yield made
    made.close()


def test_every_task_is_done(engine) -> None:
    assert dict(engine.run(square, list(range(20)), deaf)) == {i: i * i for i in range(20)}
    assert dict(engine.run(square, [], deaf)) == {}


def test_a_refusal_comes_through_in_its_own_words(engine) -> None:
    with pytest.raises(ChigaiError) as refused:
        dict(engine.run(refuse, list(range(6)), deaf))
    assert "换一个" in refused.value.text("zh")
    assert dict(engine.run(square, [7], deaf)) == {0: 49}


def test_a_worker_that_is_killed_is_replaced_and_its_task_done_again(apart, tmp_path) -> None:
    tasks = [(tmp_path, i, 1 if i in (2, 5) else 0) for i in range(8)]
    assert dict(apart.run(die, tasks, deaf)) == {i: i for i in range(8)}
    # a cluster may do a task again whose answer was lost with a worker, too
    assert len(list(tmp_path.glob("2-*"))) >= 2


def test_a_task_that_kills_every_worker_ends_the_run_in_words(tmp_path) -> None:
    pool = Pool(2)
    try:
        with pytest.raises(ChigaiError) as refused:
            dict(pool.run(die, [(tmp_path, 0, 99)], deaf))
    finally:
        pool.close()
    assert len(list(tmp_path.iterdir())) == engines.ATTEMPTS
    assert "内存" in refused.value.text("zh") and "--resume" in refused.value.text("en")


def test_how_far_a_task_is_is_heard(tmp_path) -> None:
    heard: list[tuple[int, str, float]] = []
    for made in (Here(), Pool(2)):
        heard.clear()
        dict(made.run(square, [1, 2], lambda *said: heard.append(said)))
        made.close()
        assert {(0, "squares", 0.5), (1, "squares", 0.5)} <= set(heard)


def test_a_stop_is_heard_within_two_seconds_and_no_process_stays(tmp_path) -> None:
    pool = Pool(2)
    before = set(psutil.Process().children(recursive=True))
    workers, asked = set(), time.monotonic() + 3

    def stop(number, stage, fraction):
        if time.monotonic() > asked:
            workers.update(set(psutil.Process().children(recursive=True)) - before)
            raise CancelledError

    with pytest.raises(CancelledError):
        dict(pool.run(sleep, [1, 2, 3], stop))
    pool.close()
    assert time.monotonic() - asked < 2
    assert len(workers) >= 2 and not any(w.is_running() for w in workers)


def test_a_stop_frees_the_workers_of_a_cluster(scheduler) -> None:
    cluster = Cluster(scheduler)

    def stop(number, stage, fraction):
        raise CancelledError

    with pytest.raises(CancelledError):
        dict(cluster.run(square, list(range(50)), stop))
    assert dict(cluster.run(square, [3], deaf)) == {0: 9}
    cluster.close()


def test_what_cannot_be_sent_back_is_an_error_and_no_silence() -> None:
    pool = Pool(1)
    with pytest.raises(RuntimeError, match="pickle"):
        dict(pool.run(speak, [1], deaf))
    pool.close()


def test_so_many_processes_as_there_is_work_and_the_rest_of_the_machine_in_threads(monkeypatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    kinds = {}
    for workers, tasks in ((None, 1), (1, 9), (4, 9), (4, 2)):
        with engines.engine(workers, None, tasks) as made:
            kinds[workers, tasks] = getattr(made, "workers", 1), engines.threads_of(workers, tasks)
    assert kinds == {(None, 1): (1, 8), (1, 9): (1, 8), (4, 9): (4, 2), (4, 2): (2, 4)}


def test_a_scheduler_that_is_not_there_is_said_in_words(monkeypatch) -> None:
    monkeypatch.setattr(engines, "CONNECT_S", 1.0)
    with pytest.raises(ChigaiError) as refused, engines.engine(None, "tcp://127.0.0.1:9", 3):
        pass
    assert "tcp://127.0.0.1:9" in refused.value.text("zh")
