# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of the ordered map, on every pool: in order, bounded, no worker's death unnoticed, nothing left behind."""

import contextlib
import errno
import fcntl
import multiprocessing
import os
import random
import signal
import struct
import termios
import threading
import time

import pytest
from helpers import children_left, wait_for

from mxnet_im2rec import WorkerDiedError
from mxnet_im2rec.engine.parallel import ProcessPool, SerialPool, ThreadPool, ordered_map


class Work:
    """What workers do in these tests; an item says what is to happen."""

    def prepare(self):
        self.prepared = True

    def __call__(self, item):
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "exit":
            os._exit(7)
        if item == "hang":
            signal.pause()
        if isinstance(item, str) and item.startswith("/") and not os.path.exists(item):
            open(item, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "raise":
            raise ZeroDivisionError("on purpose")
        if item == "fork":
            child = os.fork()  # and it does not end itself
            if child:
                os.waitpid(child, 0)
        if isinstance(item, tuple):  # (size in bytes,)
            return bytes(item[0])
        return f"{item}".encode()


class Leaking(Work):
    """Wears its process out: so that the third item of every process, and those after it, have no room. 'large' never has."""

    num_done = 0
    is_worn_out = False

    def __call__(self, item):
        self.num_done += 1
        self.is_worn_out = self.num_done > 2 or item == "large"
        return "no room" if self.is_worn_out else super().__call__(item)


class NeverReady(Work):
    def prepare(self):
        os.kill(os.getpid(), signal.SIGTERM)


def open_pool(name, timeout=None):
    if name == "unready":
        return ProcessPool(NeverReady(), 2, multiprocessing.get_context("fork"))
    if name == "serial":
        return SerialPool(Work())
    if name == "threads":
        return ThreadPool(Work(), 3)
    method, workers = name.split("-")
    return ProcessPool(Work(), int(workers), multiprocessing.get_context(method), timeout=timeout)


@contextlib.contextmanager
def limited(seconds=60):
    """Raise TimeoutError in the middle of whatever waits for longer."""

    def stop(*_):
        raise TimeoutError(f"blocked for {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(pool, items, chunk_size=4, max_items=64, max_bytes=1 << 20):
    return ordered_map(pool, items, chunk_size=chunk_size, max_items=max_items, max_bytes=max_bytes)


ALL = ["serial", "threads", "fork-1", "fork-3", "spawn-2", "forkserver-1"]
FORKS = ["fork-1", "fork-3"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("chunk_size, max_items", [(1, 1), (4, 3), (5, 64)])
def test_results_come_in_order_with_their_items(name, chunk_size, max_items):
    with open_pool(name) as pool:
        results = list(run(pool, range(100), chunk_size, max_items))
    assert results == [(number, str(number).encode()) for number in range(100)]
    assert not children_left()


@pytest.mark.parametrize("name", ["serial", "threads", *FORKS])
def test_no_items_no_results(name):
    with open_pool(name) as pool:
        assert list(run(pool, [])) == []


@pytest.mark.parametrize("name", ["serial", "threads", *FORKS])
def test_the_source_is_read_no_further_than_the_bound(name):
    taken = []
    source = (taken.append(number) or number for number in range(300))
    with open_pool(name) as pool:
        for done, _ in enumerate(run(pool, source, max_items=10)):
            assert len(taken) - done <= 10
    assert len(taken) == 300


def test_results_in_flight_are_bounded_in_bytes():
    taken = []
    source = (taken.append(number) or (100_000,) for number in range(200))
    most = 0
    with open_pool("fork-3") as pool:
        for done, _ in enumerate(run(pool, source, chunk_size=2, max_items=200, max_bytes=300_000)):
            most = max(most, len(taken) - done)
    # three results may wait; on top of them, two chunks of two with each of three workers
    assert most <= 3 + 1 + 12


@pytest.mark.parametrize("name", ["serial", "threads", *FORKS])
def test_large_items_and_large_results_do_not_block_each_other(name):
    items = [str(number) * 300_000 for number in range(40)]
    with open_pool(name) as pool:
        assert [result for _, result in run(pool, items, chunk_size=3)] == [item.encode() for item in items]


def test_a_large_result_is_sent_before_its_chunk_is_done():
    with open_pool("fork-1") as pool:
        sizes = [len(result) for _, result in run(pool, [(9 << 20,)] * 5, chunk_size=5)]
    assert sizes == [9 << 20] * 5


@pytest.mark.parametrize("name", [*FORKS, "spawn-2"])
@pytest.mark.parametrize("how, words", [("die", "was ended by SIGKILL"), ("exit", "ended with exit code 7")])
def test_an_item_that_kills_its_worker_twice_gets_a_result_that_says_so(name, how, words):
    items = [*range(50), how, *range(50, 80), how, how, *range(80, 200)]
    with open_pool(name) as pool:
        results = list(run(pool, items))
    assert [item for item, _ in results] == items
    for item, result in results:
        if item == how:
            assert words in result and "twice" in result
        else:
            assert result == str(item).encode()
    assert not children_left()


@pytest.mark.parametrize("name", [*FORKS, "spawn-2"])
def test_an_item_that_kills_its_worker_once_gets_its_result(name, tmp_path):
    items = [*range(30), str(tmp_path / "once"), *range(30, 60)]
    with open_pool(name) as pool:
        results = list(run(pool, items))
    assert results == [(item, str(item).encode()) for item in items]


@pytest.mark.parametrize("name", FORKS)
def test_large_items_and_results_survive_the_death_of_a_worker(name):
    items = ["a" * 300_000, *[(9 << 20,)] * 3, "die", "b" * 300_000, "die", (9 << 20,), *range(30)]
    with open_pool(name) as pool:
        results = [result for _, result in run(pool, items, chunk_size=5, max_bytes=64 << 20)]
    assert [len(result) for result in results[:4]] == [300_000, *[9 << 20] * 3]
    assert "SIGKILL" in results[4] and "SIGKILL" in results[6]
    assert results[8:] == [str(number).encode() for number in range(30)]


@pytest.mark.parametrize("name", FORKS)
def test_a_worker_that_makes_no_progress_is_ended_and_the_rest_goes_on(name):
    items = [*range(20), "hang", *range(20, 40), "hang", *range(40, 60)]
    with open_pool(name, timeout=1.0) as pool:
        results = list(run(pool, items))
    assert [item for item, _ in results] == items
    for item, result in results:
        if item == "hang":
            assert "no progress on it for 1 seconds" in result
        else:
            assert result == str(item).encode()
    assert not children_left()


def collect_all(pool, count):
    results = []
    while len(results) < count:
        for _, some in pool.collect():
            results += some
    return results


def test_a_worker_that_is_stopped_while_it_sends_is_ended_and_its_items_are_tried_again():
    with limited(120), open_pool("fork-1", timeout=3.0) as pool:
        (worker,) = pool._workers
        pool.submit(0, [1, (20 << 20,), 2])

        def pipe_is_full():  # 20 MiB fit into no pipe: then it is in the middle of sending them
            waiting = struct.unpack("i", fcntl.ioctl(worker.inbox.pipe.fileno(), termios.FIONREAD, bytes(4)))[0]
            return waiting == fcntl.fcntl(worker.inbox.pipe.fileno(), 1032)  # F_GETPIPE_SZ

        wait_for(pipe_is_full)
        os.kill(worker.process.pid, signal.SIGSTOP)
        assert collect_all(pool, 3) == [b"1", bytes(20 << 20), b"2"]
    assert not children_left()


def test_a_worker_that_is_stopped_does_not_block_what_is_sent_to_it():
    with limited(120), open_pool("fork-1", timeout=3.0) as pool:
        (worker,) = pool._workers
        wait_for(lambda: worker.is_ready)
        os.kill(worker.process.pid, signal.SIGSTOP)
        pool.submit(0, ["a" * (20 << 20)])
        pool.submit(1, ["b" * (20 << 20)])
        assert [result[:1] for result in collect_all(pool, 2)] == [b"a", b"b"]
    assert not children_left()


@pytest.mark.parametrize("name", ["serial", *FORKS, "spawn-2"])
def test_a_child_that_an_item_forks_and_leaves_running_gives_no_results(name):
    items = [*range(10), "fork", *range(10, 20), "fork", "fork", *range(20, 40)]
    with limited(), open_pool(name) as pool:
        assert list(run(pool, items)) == [(item, str(item).encode()) for item in items]
    assert not children_left()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_that_is_worn_out_is_replaced_and_its_item_tried_in_the_fresh_one(method, workers, caplog):
    items = [*range(20), "large", *range(20, 30), "large"]
    with limited(120), ProcessPool(Leaking(), workers, multiprocessing.get_context(method)) as pool:
        results = list(run(pool, items, chunk_size=8))
    assert results == [(item, "no room" if item == "large" else str(item).encode()) for item in items]
    assert "had no memory left" in caplog.text
    assert not children_left()


@pytest.mark.parametrize(
    "number, words",
    [(errno.EMFILE, "ulimit -n.*num_workers"), (errno.EAGAIN, "ulimit -u"), (errno.EROFS, "mp_context.*num_workers=0")],
)
def test_a_worker_that_cannot_be_started_says_why_and_what_to_do(number, words, monkeypatch):
    def fail(*args, **keywords):
        raise OSError(number, os.strerror(number))

    context = multiprocessing.get_context("spawn")
    monkeypatch.setattr(context, "RawArray", fail, raising=False)
    with pytest.raises(WorkerDiedError, match=f"worker process 1 of 2 cannot be started: .*{os.strerror(number)}; .*{words}"):
        ProcessPool(Work(), 2, context).__enter__()
    assert not children_left()


def test_forked_workers_need_no_shared_memory_of_the_file_system(monkeypatch):
    """A container may have a /dev/shm that is read-only."""

    def fail(*args, **keywords):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", fail)
    with open_pool("fork-2") as pool:
        assert [result for _, result in run(pool, range(20))] == [str(number).encode() for number in range(20)]


def test_a_parent_that_is_busy_takes_no_worker_for_stuck():
    with open_pool("fork-2", timeout=0.1) as pool:
        for number, (_, result) in enumerate(run(pool, [(1 << 20,)] * 60, chunk_size=4)):
            assert result == bytes(1 << 20)
            if number in (5, 30):
                time.sleep(1)  # longer than the limit, while workers wait for their results to be taken


@pytest.mark.parametrize("seed", range(8))
def test_workers_killed_at_random_moments(seed):
    """Whoever is killed, and when: the results are all there, in order, and none twice."""
    random_ = random.Random(seed)
    with open_pool("fork-3") as pool:
        found = []
        for pair in run(pool, range(2_000), chunk_size=random_.choice([1, 3, 8])):
            found.append(pair)
            if random_.random() < 0.01:
                random_.choice(pool._workers).process.kill()
    wrong = [(item, result) for item, result in found if result != str(item).encode()]
    assert [item for item, _ in found] == list(range(2_000))
    assert all("twice" in result for _, result in wrong) and len(wrong) < 5


@pytest.mark.parametrize("reaped", [False, True])
def test_a_worker_that_is_killed_while_it_waits_is_replaced(reaped, caplog):
    """Also where another part of the program, such as a handler of SIGCHLD, waits for all children."""
    with open_pool("fork-1") as pool:
        for number, (_, result) in enumerate(run(pool, range(1_000), max_items=2)):
            assert result == str(number).encode()
            if number == 20:
                (child,) = children_left()
                child.terminate()
                if reaped:
                    child.wait(60)
    assert ("does not answer" if reaped else "SIGTERM") in caplog.text


def test_workers_that_cannot_become_ready_end_the_map(monkeypatch):
    with pytest.raises(WorkerDiedError, match="SIGTERM before it was ready"), open_pool("unready") as pool:
        list(run(pool, range(100)))
    assert not children_left()


@pytest.mark.parametrize("name", FORKS)
def test_an_exception_of_the_work_itself_arrives_with_its_traceback(name):
    with pytest.raises(WorkerDiedError, match="ZeroDivisionError: on purpose"), open_pool(name) as pool:
        list(run(pool, [1, 2, "raise", 3]))
    assert not children_left()


@pytest.mark.parametrize("name", ["serial", "threads"])
def test_an_exception_of_the_work_in_this_process_is_raised_as_it_is(name):
    with pytest.raises(ZeroDivisionError, match="on purpose"), open_pool(name) as pool:
        list(run(pool, [1, 2, "raise", 3]))


@pytest.mark.parametrize("name", ALL[:4])
def test_leaving_early_leaves_no_worker(name):
    threads = threading.active_count()
    with open_pool(name) as pool:
        for _ in run(pool, range(1000)):
            break
    assert not children_left()
    assert threading.active_count() == threads


def test_many_workers_end_by_themselves():
    with open_pool("fork-3") as pool:
        list(run(pool, range(10)))
        processes = [worker.process for worker in pool._workers]
        exits = []
        for worker in pool._workers:
            worker.tell_to_go()
        for process in processes:
            process.join(60)
            exits.append(process.exitcode)
    assert exits == [0, 0, 0]
