# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of the ordered map, on every pool: in order, bounded, no worker's death unnoticed, nothing left behind."""

import multiprocessing
import os
import signal
import threading

import pytest
from helpers import children_left

from mxnet_im2rec import WorkerDiedError
from mxnet_im2rec.parallel import ProcessPool, SerialPool, ThreadPool, ordered_map


class Work:
    """What workers do in these tests; an item says what is to happen."""

    def prepare(self):
        self.prepared = True

    def __call__(self, item):
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "exit":
            os._exit(7)
        if item == "raise":
            raise ZeroDivisionError("on purpose")
        if isinstance(item, tuple):  # (size in bytes,)
            return bytes(item[0])
        return f"{item}".encode()


def open_pool(name):
    if name == "serial":
        return SerialPool(Work())
    if name == "threads":
        return ThreadPool(Work(), 3)
    method, workers = name.split("-")
    return ProcessPool(Work(), int(workers), multiprocessing.get_context(method))


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
@pytest.mark.parametrize("how, exitcode, words", [("die", -signal.SIGKILL, "SIGKILL"), ("exit", 7, "exit code 7")])
def test_a_worker_that_dies_ends_the_map_and_names_its_item(name, how, exitcode, words):
    items = [*range(50), how, *range(50, 200)]
    with pytest.raises(WorkerDiedError, match=words) as caught, open_pool(name) as pool:
        list(run(pool, items))
    assert caught.value.paths == (how,)
    assert caught.value.exitcode == exitcode
    assert not children_left()


@pytest.mark.parametrize("reaped", [False, True])
def test_a_worker_that_is_killed_while_it_waits_is_noticed(reaped):
    """Also where another part of the program, such as a handler of SIGCHLD, waits for all children."""
    words = "does not answer" if reaped else "SIGTERM"
    with pytest.raises(WorkerDiedError, match=words), open_pool("fork-1") as pool:
        for number, _ in run(pool, range(10_000), max_items=2):
            if number == 20:
                (child,) = children_left()
                child.terminate()
                if reaped:
                    child.wait(60)


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
