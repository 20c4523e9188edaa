# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What the pool of processes does in places where a worker can stop or die, beyond the contract in test_pools."""

import errno
import fcntl
import multiprocessing
import os
import random
import signal
import struct
import termios
import time

import pytest
from helpers import children_left, limited, wait_for
from works import NeverReady, Work, run

from mxnet_im2rec import WorkerDiedError
from mxnet_im2rec.engine.messages import MessageReader
from mxnet_im2rec.engine.processes import ProcessPool


@pytest.fixture(autouse=True)
def nothing_hangs_and_nothing_is_left():
    with limited(60):
        yield
    assert not children_left()


def open_pool(num_workers, **options):
    return ProcessPool(Work(), num_workers, multiprocessing.get_context("fork"), **options)


@pytest.mark.parametrize("num_workers", [1, 3])
def test_large_items_and_results_survive_the_death_of_a_worker(num_workers):
    items = ["a" * 300_000, *[(9 << 20,)] * 3, "die", "b" * 300_000, "die", (9 << 20,), *range(30)]
    with open_pool(num_workers) as pool:
        results = [result for _, result in run(pool, items, chunk_size=5, max_bytes=64 << 20)]
    assert [len(result) for result in results[:4]] == [300_000, *[9 << 20] * 3]
    assert "SIGKILL" in results[4] and "SIGKILL" in results[6]
    assert results[8:] == [str(number).encode() for number in range(30)]


def collect_all(pool, count):
    results = []
    while len(results) < count:
        for _, some in pool.collect():
            results += some
    return results


def test_an_error_of_reading_is_no_death_of_a_worker(monkeypatch):
    """Or a fresh worker would be started again and again, for an error that is not the worker's."""

    def fail(self):
        raise OSError(errno.EBADF, "no such descriptor")

    with pytest.raises(OSError, match="no such descriptor"), open_pool(1) as pool:
        monkeypatch.setattr(MessageReader, "take", fail)
        pool.submit(0, [1])
        collect_all(pool, 1)


@pytest.mark.whole
def test_a_worker_that_is_stopped_while_it_sends_is_ended_and_its_items_are_tried_again():
    with open_pool(1, timeout=1.5) as pool:
        (worker,) = pool._workers
        pool.submit(0, [1, (20 << 20,), 2])

        def pipe_is_full():  # 20 MiB fit into no pipe: then it is in the middle of sending them
            waiting = struct.unpack("i", fcntl.ioctl(worker.reader.pipe.fileno(), termios.FIONREAD, bytes(4)))[0]
            return waiting == fcntl.fcntl(worker.reader.pipe.fileno(), 1032)  # F_GETPIPE_SZ

        wait_for(pipe_is_full)
        os.kill(worker.process.pid, signal.SIGSTOP)
        assert collect_all(pool, 3) == [b"1", bytes(20 << 20), b"2"]


@pytest.mark.whole
def test_a_worker_that_is_stopped_does_not_block_what_is_sent_to_it():
    with open_pool(1, timeout=1.5) as pool:
        (worker,) = pool._workers
        wait_for(lambda: worker.is_ready)
        os.kill(worker.process.pid, signal.SIGSTOP)
        pool.submit(0, ["a" * (20 << 20)])
        pool.submit(1, ["b" * (20 << 20)])
        assert [result[:1] for result in collect_all(pool, 2)] == [b"a", b"b"]


@pytest.mark.parametrize(
    "number, words",
    [(errno.EMFILE, "ulimit -n.*num_workers"), (errno.EAGAIN, "ulimit -u"), (errno.EROFS, "mp_context.*num_workers=0")],
)
def test_a_worker_that_cannot_be_started_says_why_and_what_to_do(number, words, monkeypatch):
    def fail(*args, **keywords):
        raise OSError(number, os.strerror(number))

    context = multiprocessing.get_context("spawn")
    monkeypatch.setattr("os.memfd_create", fail)
    with pytest.raises(WorkerDiedError, match=f"worker process 1 of 2 cannot be started: .*{os.strerror(number)}; .*{words}"):
        ProcessPool(Work(), 2, context).__enter__()


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.whole)])
def test_workers_need_no_shared_memory_of_the_file_system(monkeypatch, method):
    """A container may have a /dev/shm that is small, or read-only."""

    def fail(*args, **keywords):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", fail)
    with ProcessPool(Work(), 2, multiprocessing.get_context(method)) as pool:
        assert [result for _, result in run(pool, range(20))] == [str(number).encode() for number in range(20)]


@pytest.mark.whole
def test_a_parent_that_is_busy_takes_no_worker_for_stuck():
    with open_pool(2, timeout=0.1) as pool:
        for number, (_, result) in enumerate(run(pool, [(1 << 20,)] * 60, chunk_size=4)):
            assert result == bytes(1 << 20)
            if number in (5, 30):
                time.sleep(1)  # longer than the limit, while workers wait for their results to be taken


SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))]


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_killed_at_random_moments(seed):
    """Whoever is killed, and when: the results are all there, in order, and none twice."""
    random_ = random.Random(seed)
    with open_pool(3) as pool:
        found = []
        for pair in run(pool, range(1_000), chunk_size=random_.choice([1, 3, 8])):
            found.append(pair)
            if random_.random() < 0.02:
                random_.choice(pool._workers).process.kill()
    wrong = [(item, result) for item, result in found if result != str(item).encode()]
    assert [item for item, _ in found] == list(range(1_000))
    assert all("twice" in result for _, result in wrong) and len(wrong) < 5


@pytest.mark.parametrize("reaped", [False, True])
def test_a_worker_that_is_killed_while_it_waits_is_replaced(reaped, caplog):
    """Also where another part of the program, such as a handler of SIGCHLD, waits for all children."""
    with open_pool(1) as pool:
        for number, (_, result) in enumerate(run(pool, range(1_000), max_items=2)):
            assert result == str(number).encode()
            if number == 20:
                (child,) = children_left()
                child.terminate()
                if reaped:
                    child.wait(60)
    assert ("does not answer" if reaped else "SIGTERM") in caplog.text


@pytest.mark.parametrize("how, words, exitcode", [("signal", "SIGTERM before it was", -15), ("exit", "exit code 7 before", 7)])
def test_workers_that_end_before_they_are_ready_end_the_map(how, words, exitcode, caplog):
    pool = ProcessPool(NeverReady(how), 2, multiprocessing.get_context("fork"))
    with pytest.raises(WorkerDiedError, match=words) as caught, pool:
        list(run(pool, range(100)))
    assert (caught.value.paths, caught.value.exitcode) == ((), exitcode)
    assert len(caplog.records) == (3 if how == "signal" else 0)  # a signal may come from outside: then another worker is started


def test_a_worker_that_cannot_load_what_it_needs_says_why():
    pool = ProcessPool(NeverReady("raises"), 2, multiprocessing.get_context("fork"))
    with pytest.raises(WorkerDiedError, match="(?s)could not load what it needs.*ImportError: no such module") as caught, pool:
        list(run(pool, range(100)))
    assert caught.value.paths == ()


def test_workers_that_have_nothing_to_do_end_by_themselves():
    exits = []
    with open_pool(3) as pool:
        list(run(pool, range(10)))
        for worker in pool._workers:
            worker.ask_to_end()
        for worker in pool._workers:
            worker.process.join(60)
            exits.append(worker.process.exitcode)
    assert exits == [0, 0, 0]


def test_a_large_result_is_sent_before_its_chunk_is_done():
    with open_pool(1) as pool:
        pool.submit(0, [(9 << 20,), "hang"])
        assert collect_all(pool, 1) == [bytes(9 << 20)]


@pytest.mark.whole
def test_a_dead_worker_is_noticed_though_its_child_holds_its_pipes_open(tmp_path):
    item = f"orphan {tmp_path / 'end'}"
    try:
        with limited(20), open_pool(1) as pool:
            results = dict(run(pool, [1, item, 2]))
        assert "twice" in results.pop(item) and results == {1: b"1", 2: b"2"}
    finally:
        (tmp_path / "end").touch()


def test_workers_that_have_started_end_when_a_later_one_cannot_be_started(monkeypatch):
    context = multiprocessing.get_context("spawn")
    make, made = os.memfd_create, []

    def fail_on_the_second(*arguments):
        made.append(1)
        if len(made) == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return make(*arguments)

    monkeypatch.setattr("os.memfd_create", fail_on_the_second)
    pool = ProcessPool(Work(), 2, context)
    with pytest.raises(WorkerDiedError, match="worker process 2 of 2 cannot be started"):
        pool.__enter__()
    assert not children_left()
