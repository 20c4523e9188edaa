# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The ring that a worker and its parent share: both of its ends in one process, in any order of steps; and in real pools, whose
workers are killed, stopped, or cannot write."""

import errno
import multiprocessing
import os
import random
import signal

import pytest
from helpers import children_left, limited, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st
from works import PiecesWork, pieces_of, run

from mxnet_im2rec.engine import shared
from mxnet_im2rec.engine.pool import Pieces
from mxnet_im2rec.engine.processes import ProcessPool

FORK = multiprocessing.get_context("fork")
RING_BYTES = 1000


@pytest.fixture(autouse=True)
def nothing_hangs_and_nothing_is_left():
    with limited(60):
        yield
    assert not children_left()


class Ends:
    """Both ends of one ring, and the file that results are written into."""

    def __init__(self, path):
        memory = shared.SharedMemory(shared._RING_START + RING_BYTES, FORK)
        self.child, self.parent = shared.RingWriter(memory), shared.RingReader(memory)
        self.file = open(path, "w+b", buffering=0)  # noqa: SIM115
        status = os.fstat(self.file.fileno())
        self.output = shared.Output(str(path), status.st_dev, status.st_ino)
        self.parent.output = self.file.fileno()
        self.sent = []  # replies that the parent has not taken yet
        self.results = []  # that the parent has taken, with what they must hold
        self.expected = b""  # what the file must hold
        self.number = 0

    def reply(self, sizes):
        """The child makes results, and sends a reply."""
        contents = [bytes([self.number % 251 + 1]) * size for self.number, size in enumerate(sizes, self.number + 1)]
        starts = [self.child.put((content[:1], content[1:])) for content in contents]
        results = [Pieces((content,)) if start is None else len(content) for content, start in zip(contents, starts)]
        self.sent.append((contents, [-1 if start is None else start for start in starts], results, self.child.num_bytes))

    def take(self):
        contents, starts, results, end = self.sent.pop(0)
        self.results += zip(contents, self.parent.take(starts, results, end))

    def use(self, position, is_written):
        content, result = self.results.pop(position)
        assert b"".join(result) == content
        if is_written:
            if not result.write_at(len(self.expected)):
                os.pwrite(self.file.fileno(), content, len(self.expected))
            self.expected += content
        result.release()

    def written(self):
        return os.pread(self.file.fileno(), 1 << 20, 0)


STEPS = st.one_of(
    st.tuples(st.just("reply"), st.lists(st.integers(1, 400), min_size=1, max_size=4)),
    st.just(("take", None)),
    st.tuples(st.just("use"), st.tuples(st.integers(0, 30), st.booleans())),
    st.just(("do", None)),
    st.just(("finish", None)),
)


@settings(deadline=None, max_examples=300)
@given(steps=st.lists(STEPS, max_size=200), opens=st.booleans())
def test_any_order_of_steps_writes_every_byte_in_its_place(tmp_path_factory, steps, opens):
    ends = Ends(tmp_path_factory.mktemp("ring") / "out")
    if opens:
        ends.child.open_output(ends.output)
    for kind, value in steps:
        if kind == "reply":
            ends.reply(value)
        elif kind == "take" and ends.sent:
            ends.take()
        elif kind == "use" and ends.results:
            ends.use(value[0] % len(ends.results), value[1])
        elif kind == "do":
            ends.child.do_orders()
        elif kind == "finish":
            ends.parent.finish_orders()
            assert ends.written() == ends.expected
    while ends.sent or ends.results:
        ends.use(0, True) if ends.results else ends.take()
    ends.parent.finish_orders()
    assert ends.written() == ends.expected
    ends.file.close()


def test_room_comes_back_when_all_is_used_or_written(tmp_path):
    ends = Ends(tmp_path / "out")
    ends.child.open_output(ends.output)
    for number in range(1000):
        ends.reply([150, 150])
        assert -1 not in ends.sent[0][1], "there is no room"
        ends.take()
        ends.use(0, number % 2)
        ends.use(0, number % 3)
        ends.child.do_orders()
    ends.parent.finish_orders()
    assert ends.written() == ends.expected


def test_results_that_lie_behind_one_another_are_one_order(tmp_path):
    ends = Ends(tmp_path / "out")
    ends.child.open_output(ends.output)
    ends.reply([10, 20, 30])
    ends.take()
    for _ in range(3):
        ends.use(0, True)
    assert ends.parent._num_given == 1
    ends.child.do_orders()
    assert ends.written() == ends.expected


def test_a_child_that_takes_no_orders_leaves_them_to_the_parent(tmp_path):
    """Its disk is full, or another file has come to the path: the parent writes when all places are taken, or at the end."""
    ends = Ends(tmp_path / "out")
    ends.child.open_output(ends.output._replace(inode=ends.output.inode + 1))
    for _ in range(3 * shared._NUM_ORDERS):
        ends.reply([2])
        ends.take()
        ends.use(0, True)
        ends.child.do_orders()
    ends.parent.finish_orders()
    assert ends.written() == ends.expected and ends.child._num_done == 0


def test_an_order_of_which_a_part_has_not_come_is_not_done(tmp_path):
    ends = Ends(tmp_path / "out")
    ends.child.open_output(ends.output)
    ends.reply([5])
    ends.take()
    ends.use(0, True)
    offset = ends.parent._orders[0]
    ends.parent._orders[0] = 77
    ends.child.do_orders()
    assert ends.written() == b""
    ends.parent._orders[0] = offset
    ends.child.do_orders()
    assert ends.written() == ends.expected


def test_what_was_released_can_be_read_no_more(tmp_path):
    ends = Ends(tmp_path / "out")
    ends.reply([5])
    ends.take()
    ((_, result),) = ends.results
    result.release()
    with pytest.raises(ValueError, match="released"):
        bytes(result[0])


def write_all(pool, items, path, on_item=lambda number: None):
    """What a writer does: every result goes into the file, in order; gives what the file must hold."""
    expected = b""
    with open(path, "w+b", buffering=0) as file:
        pool.write_into(str(path), file.fileno())
        for number, (item, result) in enumerate(run(pool, items, chunk_size=8, max_items=256)):
            assert isinstance(result, Pieces), result
            if not result.write_at(len(expected)):
                os.pwrite(file.fileno(), b"".join(result), len(expected))
            expected += b"".join(pool._work(item))
            on_item(number)
        pool.finish_writes()
    return expected


@pytest.mark.parametrize(
    "method", ["fork", pytest.param("spawn", marks=pytest.mark.whole), pytest.param("forkserver", marks=pytest.mark.whole)]
)
def test_workers_write_their_results(tmp_path, method):
    with ProcessPool(PiecesWork(), 2, multiprocessing.get_context(method)) as pool:
        expected = write_all(pool, range(2000), tmp_path / "out")
        num_done = sum(worker.ring._numbers[shared._DONE] for worker in pool._workers)
    assert (tmp_path / "out").read_bytes() == expected
    assert num_done > 0


def test_results_without_room_come_all_the_same(tmp_path):
    with ProcessPool(PiecesWork(9 << 20), 2, FORK) as pool:  # each is larger than the ring
        assert write_all(pool, range(8), tmp_path / "out") == (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))])
def test_what_killed_workers_have_not_written_the_parent_writes(tmp_path, seed):
    random_ = random.Random(seed)

    def kill_some(number):
        if random_.random() < 0.01:
            random_.choice(pool._workers).process.kill()

    with ProcessPool(PiecesWork(random_.choice([1, 20_000])), 3, FORK) as pool:
        expected = write_all(pool, range(1000), tmp_path / "out", kill_some)
    assert (tmp_path / "out").read_bytes() == expected


def test_a_stopped_worker_is_not_waited_for(tmp_path):
    with ProcessPool(PiecesWork(), 1, FORK) as pool, open(tmp_path / "out", "w+b", buffering=0) as file:
        (worker,) = pool._workers
        pool.write_into(str(tmp_path / "out"), file.fileno())
        pool.submit(0, [1, 2, 3])
        ((_, results),) = pool.collect()
        os.kill(worker.process.pid, signal.SIGSTOP)
        expected = b""
        for item, result in zip([1, 2, 3], results):
            assert result.write_at(len(expected))
            expected += b"".join(pieces_of(item))
        pool.finish_writes()
        assert file.read() == expected
        os.kill(worker.process.pid, signal.SIGCONT)
        pool.submit(1, [4])
        pool.collect()
        wait_for(lambda: worker.ring._numbers[shared._DONE] == 1)


def test_a_full_disk_is_an_error_of_the_parent(tmp_path):
    """/dev/full takes no byte."""
    with ProcessPool(PiecesWork(), 2, FORK) as pool, open("/dev/full", "wb", buffering=0) as file:
        pool.write_into("/dev/full", file.fileno())
        with pytest.raises(OSError) as caught:
            for position, (_, result) in enumerate(run(pool, range(500))):
                result.write_at(position) or os.pwrite(file.fileno(), b"".join(result), 0)
            pool.finish_writes()
        assert caught.value.errno == errno.ENOSPC
