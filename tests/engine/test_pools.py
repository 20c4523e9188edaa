# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What every pool promises, in one suite that runs on each of them. What only processes promise is in the second class."""

import multiprocessing
import threading

import pytest
from helpers import children_left, limited
from works import Leaking, Work, results_of, run

from mxnet_im2rec import WorkerDiedError
from mxnet_im2rec.engine.processes import ProcessPool
from mxnet_im2rec.engine.serial import SerialPool
from mxnet_im2rec.engine.threads import ThreadPool


@pytest.fixture(autouse=True)
def nothing_hangs_and_nothing_is_left():
    threads = threading.active_count()
    with limited(60):
        yield
    assert not children_left()
    assert threading.active_count() == threads


class PoolContract:
    """What every pool does. A subclass has a method ``open`` that gives its pool."""

    raises = (ZeroDivisionError, "^on purpose$")  # what comes of a work that raises that

    def test_results_come_in_order_with_their_items(self):
        with self.open() as pool:
            assert list(run(pool, [])) == []
            for chunk_size, max_items in [(1, 1), (4, 3), (5, 64), (64, 64)]:
                assert list(run(pool, range(100), chunk_size, max_items)) == results_of(range(100))

    def test_the_source_is_read_no_further_than_the_bound(self):
        taken = []
        source = (taken.append(number) or number for number in range(300))
        with self.open() as pool:
            for done, _ in enumerate(run(pool, source, max_items=10)):
                assert len(taken) - done <= 10
        assert len(taken) == 300

    def test_results_in_flight_are_bounded_in_bytes(self):
        taken = []
        source = (taken.append(number) or (100_000,) for number in range(200))
        most = 0
        with self.open() as pool:
            for done, (_, result) in enumerate(run(pool, source, chunk_size=2, max_items=200, max_bytes=300_000)):
                most = max(most, len(taken) - done)
                assert result == bytes(100_000)
        # Three results may wait, one more is being yielded, and the workers have chunks of two.
        assert most <= 3 + 1 + 2 * pool.capacity

    def test_a_pool_has_room_for_as_many_chunks_as_it_says(self):
        with self.open() as pool:
            num_submitted = 0
            while pool.has_room():
                pool.submit(num_submitted, [num_submitted, "a"])
                num_submitted += 1
            assert num_submitted == pool.capacity
            results = {ticket: [] for ticket in range(num_submitted)}
            while not all(len(some) == 2 for some in results.values()):
                for ticket, some in pool.collect():
                    results[ticket] += some
            assert results == {ticket: [str(ticket).encode(), b"a"] for ticket in range(num_submitted)}
            assert pool.has_room()

    def test_large_items_and_large_results_do_not_block_each_other(self):
        items = [str(number) * 300_000 for number in range(20)]
        with self.open() as pool:
            assert [result for _, result in run(pool, items, chunk_size=3)] == [item.encode() for item in items]
            assert [len(result) for _, result in run(pool, [(9 << 20,)] * 3, chunk_size=3)] == [9 << 20] * 3

    def test_an_exception_of_the_work_is_raised(self):
        kind, words = self.raises
        with pytest.raises(kind, match=words), self.open() as pool:
            list(run(pool, [1, 2, "raise", 3]))

    def test_a_result_that_does_not_pickle_comes_or_is_an_error(self):
        with self.open() as pool:
            ((_, result),) = run(pool, ["no pickle"])
        assert isinstance(result, type(threading.Lock()))

    def test_leaving_early_ends_the_pool(self):
        with self.open() as pool:
            for _ in run(pool, range(1000)):
                break

    def test_an_exception_of_the_caller_ends_the_pool(self):
        with pytest.raises(KeyError, match="the caller's"), self.open() as pool:
            for _ in run(pool, range(1000)):
                raise KeyError("the caller's")


class TestSerial(PoolContract):
    def open(self):
        return SerialPool(Work())

    def test_a_child_that_an_item_forks_and_leaves_running_gives_no_results(self):
        items = [*range(10), "fork", *range(10, 20), "fork", "fork", *range(20, 40)]
        with self.open() as pool:
            assert list(run(pool, items)) == results_of(items)


class TestThreads(PoolContract):
    def open(self):
        return ThreadPool(Work(), 3)


class ProcessContract(PoolContract):
    raises = (WorkerDiedError, "(?s)while it was on 'raise'.*ZeroDivisionError: on purpose")
    num_workers = 3

    def open(self, work=None, **options):
        return ProcessPool(work or Work(), self.num_workers, multiprocessing.get_context(self.method), **options)

    def test_an_exception_of_the_work_names_the_item(self):
        with pytest.raises(WorkerDiedError) as caught, self.open(name_of=lambda item: f"{item}.jpg") as pool:
            list(run(pool, [1, 2, "raise", 3]))
        assert caught.value.paths == ("raise.jpg",) and caught.value.exitcode is None

    def test_a_result_that_does_not_pickle_comes_or_is_an_error(self):
        with pytest.raises(WorkerDiedError, match="cannot pickle") as caught, self.open() as pool:
            list(run(pool, [1, 2, "no pickle", 3]))
        assert caught.value.paths == ()  # the worker was on no item: it sent results

    def test_every_worker_is_prepared(self):
        with self.open() as pool:
            assert [result for _, result in run(pool, ["prepared?"] * 12, chunk_size=1)] == [True] * 12

    @pytest.mark.parametrize("how, words", [("die", "was ended by SIGKILL"), ("exit", "ended with exit code 7")])
    def test_an_item_on_which_two_workers_die_is_given_up_and_the_rest_goes_on(self, how, words):
        items = [*range(20), how, *range(20, 40), how, how, *range(40, 60)]
        with self.open(failure_of=lambda item, reason: (item, reason)) as pool:
            results = list(run(pool, items))
        assert [item for item, _ in results] == items
        for item, result in results:
            if item == how:
                assert result[0] == how and words in result[1] and "twice" in result[1]
            else:
                assert result == str(item).encode()

    def test_an_item_on_which_one_worker_dies_gets_its_result(self, tmp_path):
        items = [*range(30), str(tmp_path / "once"), *range(30, 60)]
        with self.open() as pool:
            assert list(run(pool, items)) == results_of(items)

    def test_a_worker_that_is_stuck_is_ended_and_the_rest_goes_on(self):
        items = [*range(20), "hang", *range(20, 40)]
        with self.open(timeout=1.0) as pool:
            results = list(run(pool, items))
        assert [item for item, _ in results] == items
        assert "no progress on it for 1 seconds" in results.pop(20)[1]
        assert results == results_of(range(40))

    def test_a_worker_that_is_worn_out_is_replaced_and_its_item_tried_in_the_fresh_one(self, caplog):
        items = [*range(5), "large", 5, 6]
        with self.open(Leaking()) as pool:
            results = list(run(pool, items, chunk_size=8))
        assert results == [(item, "no room" if item == "large" else str(item).encode()) for item in items]
        assert "had no memory left" in caplog.text

    def test_a_child_that_an_item_forks_and_leaves_running_gives_no_results(self):
        items = [*range(10), "fork", *range(10, 20), "fork", "fork", *range(20, 40)]
        with self.open() as pool:
            assert list(run(pool, items)) == results_of(items)


class TestFork(ProcessContract):
    method = "fork"


class TestForkOfOneWorker(ProcessContract):
    method = "fork"
    num_workers = 1


class TestSpawn(ProcessContract):
    method = "spawn"
    num_workers = 2


def test_a_fork_server_starts_workers_too():
    """Other than that, its workers are those of spawn."""
    with ProcessPool(Work(), 1, multiprocessing.get_context("forkserver")) as pool:
        assert list(run(pool, range(100), 5)) == results_of(range(100))
