# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Memory that a worker process and its parent share: the state of the worker, and a ring for the bytes of its results.

1. The child puts results into the ring, one behind the other. Where a result finds no room, it goes through the pipe instead, so
   nobody ever waits for room.
2. The parent uses results where they lie, in the order of the items. It may also give the child an order: to write results into
   the output, at an offset. So the parent has only the offsets to deal with, however many workers there are.
3. The child does its orders between two items. The parent never waits for that: where it needs an order done, it does the same
   write itself, which is no harm, because both write the same bytes at the same place.
4. When the results of a reply are not needed any more, or written, the parent gives their room back.

What a dead worker has put into the ring stays there, and the parent does what orders are left.

Every number has one writer, so neither side needs a lock. The place of an order holds another one only after the child has said
that it has dealt with the first, and it ends with a check: so the child sees either the whole order or none.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from collections import deque
from contextlib import suppress
from multiprocessing import reduction
from typing import Any, Deque, Dict, List, NamedTuple, Optional, Sequence

from .pool import Pieces

_NUM_NUMBERS, _NUM_ORDERS = 8, 64  # before the ring: numbers of 64 bits, and places for orders, of four numbers each
_RELEASED, _GIVEN, _VOID, _DONE = range(3, 7)  # places of numbers; those before them are the state's
_RING_START = 8 * (_NUM_NUMBERS + 4 * _NUM_ORDERS)
_NOT_READY, _ON_NO_ITEM = -1, -2  # in place of a position


class SharedMemory:
    """Memory of a fresh worker, all zeros. With a start method other than fork it travels to the child as an open file.

    The file has no name, so no container has to have room for it in /dev/shm.
    """

    def __init__(self, size: int, context: Any) -> None:
        self._size = size
        self._file: Any = None
        if context.get_start_method() == "fork":
            self.view = memoryview(mmap.mmap(-1, size))
        else:
            self._file = _file_without_a_name()
            self._file.truncate(size)
            self.view = memoryview(mmap.mmap(self._file.fileno(), size))

    def close_file(self) -> None:
        """Once the child has the file; the memory stays."""
        if self._file is not None:
            self._file.close()

    def __getstate__(self) -> Dict[str, Any]:
        return {"size": self._size, "file": reduction.DupFd(self._file.fileno())}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        descriptor = state["file"].detach()
        self.view = memoryview(mmap.mmap(descriptor, state["size"]))
        os.close(descriptor)


def _file_without_a_name() -> Any:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("im2rec"), "r+b")
    return tempfile.TemporaryFile()  # not Linux


class WorkerState:
    """Where a child is, in numbers. The child writes, the parent reads."""

    def __init__(self, memory: SharedMemory) -> None:
        self._numbers = memory.view[: 8 * _NUM_NUMBERS].cast("q")

    def begin_life(self) -> None:
        """For the parent, before the child starts."""
        self._numbers[0] = _NOT_READY

    @property
    def is_ready(self) -> bool:
        """Whether the child has loaded what it needs."""
        return self._numbers[0] != _NOT_READY

    @property
    def position(self) -> int:
        """The position, in its job, of the item that the child is on; negative where it is on none."""
        return self._numbers[0]

    def leave_item(self) -> None:
        """The child is ready, and on no item: it waits for a job, or sends results."""
        self._numbers[0] = _ON_NO_ITEM

    @property
    def num_begun(self) -> int:
        """How many items the child has begun, of all its jobs."""
        return self._numbers[1]

    def begin(self, position: int) -> None:
        self._numbers[0] = position
        self._numbers[1] += 1

    @property
    def is_worn_out(self) -> bool:
        """Whether the child ends because it lacks memory, or the like, which a fresh process has."""
        return bool(self._numbers[2])

    def wear_out(self) -> None:
        self._numbers[2] = 1

    def wear_out_on(self, position: int) -> None:
        self._numbers[0] = position
        self.wear_out()


class Output(NamedTuple):
    """A file that results are written into."""

    path: str
    device: int
    inode: int

    def open(self) -> Optional[int]:
        """A descriptor of the file; None if there is another one at its path now, or none that can be opened and locked.

        As long as this process has the file open it holds a shared lock on it. So a later run can see whether a worker of an
        earlier one may still write there.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        found = os.fstat(descriptor)
        if (found.st_dev, found.st_ino) == (self.device, self.inode):
            with suppress(OSError):
                fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return descriptor
        os.close(descriptor)
        return None


class _Ring:
    """What both ends of a ring know."""

    def __init__(self, memory: SharedMemory) -> None:
        numbers = memory.view[:_RING_START].cast("q")
        self._numbers, self._orders = numbers[:_NUM_NUMBERS], numbers[_NUM_NUMBERS:]
        self._ring = memory.view[_RING_START:]
        self.size = len(self._ring)


class RingWriter(_Ring):
    """The child's end."""

    def __init__(self, memory: SharedMemory) -> None:
        super().__init__(memory)
        self._position = 0
        self.num_bytes = 0  # of all that was ever put here, with what was left free at the end of the ring
        self._num_done = 0  # orders
        self._output: Optional[int] = None

    def put(self, pieces: Sequence[Any]) -> Optional[int]:
        """Put pieces behind one another; gives where they begin, or None if there is no room for them now."""
        size = sum(map(len, pieces))
        used = self.num_bytes - self._numbers[_RELEASED]
        if not used:
            self._position = 0  # so that a small part of the memory, which is in the processor's cache, is used again and again
        left_free = 0 if self._position + size <= self.size else self.size - self._position
        if used + left_free + size > self.size:
            return None
        start = end = 0 if left_free else self._position
        for piece in pieces:
            begin, end = end, end + len(piece)
            self._ring[begin:end] = piece
        self._position = end
        self.num_bytes += left_free + size
        return start

    def open_output(self, output: Output) -> None:
        """Have the orders from now on be done. If the file cannot be opened, all are left to the parent."""
        self._output = output.open()

    @property
    def has_orders(self) -> bool:
        return self._num_done < self._numbers[_GIVEN] and self._output is not None

    def do_orders(self) -> None:
        """Do the orders that were given by now. What cannot be written is left to the parent, which finds out why."""
        while self.has_orders:
            number = self._num_done
            if number >= self._numbers[_VOID]:
                place = 4 * (number % _NUM_ORDERS)
                offset, start, size, check = self._orders[place : place + 4].tolist()
                if check != hash((number, offset, start, size)):
                    return  # a part of it has not come to this processor yet
                try:
                    _write_all(self._output, self._ring[start : start + size], offset)
                except OSError:
                    os.close(self._output)  # type: ignore[arg-type]
                    self._output = None
                    return
            self._num_done += 1
            self._numbers[_DONE] = self._num_done


def _write_all(descriptor: Any, data: memoryview, offset: int) -> None:
    while data:
        count = os.pwrite(descriptor, data, offset)
        data, offset = data[count:], offset + count


class _Reply:
    """What one reply has in the ring: where its room ends, and how many of its results still need it."""

    __slots__ = ("end", "num_left", "num_unused")

    def __init__(self, end: int, num_results: int) -> None:
        self.end = end
        self.num_left = num_results
        self.num_unused = num_results  # which the parent has neither ordered nor given back


class _Order:
    """To write results of one reply, which lie behind one another."""

    __slots__ = ("num_results", "offset", "reply", "size", "start")

    def __init__(self, reply: _Reply, offset: int, start: int, size: int) -> None:
        self.reply, self.offset, self.start, self.size = reply, offset, start, size
        self.num_results = 1


class RingReader(_Ring):
    """The parent's end. It gives room back in the order in which the child took it, whatever comes back first."""

    def __init__(self, memory: SharedMemory) -> None:
        super().__init__(memory)
        self.output: Optional[int] = None  # a descriptor of the file that results are written into; None where there is none
        self.child_is_dead = False  # then it gets no more orders; what lies in the ring can still be used
        self._replies: Deque[_Reply] = deque()
        self._given: Deque[_Order] = deque()  # those that the child may not have done yet
        self._num_given = 0  # of all times
        self._next: Optional[_Order] = None  # not given yet: it may grow

    def take(self, starts: Sequence[int], results: Sequence[Any], end: int) -> List[Any]:
        """The results of a reply: for each that has a start, and not -1, its size stands in its place."""
        self._look()
        num_here = len(starts) - starts.count(-1)
        if not num_here:
            return list(results)
        reply = _Reply(end, num_here)
        self._replies.append(reply)
        ring = self._ring
        return [
            result if start < 0 else SharedPieces((ring[start : start + result],), self, reply, start)
            for start, result in zip(starts, results)
        ]

    def give_back(self, reply: _Reply) -> None:
        """A result of a reply is not needed any more."""
        reply.num_unused -= 1
        self._free(reply, 1)

    def _free(self, reply: _Reply, num_results: int) -> None:
        reply.num_left -= num_results
        while self._replies and not self._replies[0].num_left:
            self._numbers[_RELEASED] = self._replies.popleft().end

    def order(self, reply: _Reply, start: int, size: int, offset: int) -> bool:
        """Have the child write a result at an offset of the output; False if it takes no orders now."""
        if self.output is None or self.child_is_dead:
            return False
        last = self._next
        if last is not None and last.reply is reply and last.start + last.size == start and last.offset + last.size == offset:
            last.size += size
            last.num_results += 1
        else:
            self._give()
            if len(self._given) == _NUM_ORDERS:
                self._look()
                if len(self._given) == _NUM_ORDERS:
                    return False
            self._next = _Order(reply, offset, start, size)
        reply.num_unused -= 1
        if not reply.num_unused:
            self._give()
        return True

    def _give(self) -> None:
        order, self._next = self._next, None
        if order is not None:
            place, number = 4 * (self._num_given % _NUM_ORDERS), self._num_given
            check = hash((number, order.offset, order.start, order.size))
            for position, value in enumerate((order.offset, order.start, order.size, check), place):
                self._orders[position] = value
            self._given.append(order)
            self._num_given += 1
            self._numbers[_GIVEN] = self._num_given

    def _look(self) -> None:
        """See which orders the child has done."""
        while len(self._given) > self._num_given - self._numbers[_DONE]:
            order = self._given.popleft()
            self._free(order.reply, order.num_results)

    def finish_orders(self) -> None:
        """Do what the child has not done of its orders. It may be doing the same now, or be dead."""
        self._give()
        self._look()
        void = self._numbers[_VOID]
        for number, order in enumerate(self._given, self._num_given - len(self._given)):
            if number >= void:
                _write_all(self.output, self._ring[order.start : order.start + order.size], order.offset)
        self._numbers[_VOID] = self._num_given


class SharedPieces(Pieces):
    """A result that lies in a ring: one piece."""

    _ring: RingReader
    _reply: _Reply
    _start: int
    _is_ordered: bool

    def __new__(cls, pieces: Sequence[Any], ring: RingReader, reply: _Reply, start: int) -> SharedPieces:
        made = super().__new__(cls, pieces)
        made._ring, made._reply, made._start, made._is_ordered = ring, reply, start, False
        return made

    def write_at(self, offset: int) -> bool:
        self._is_ordered = self._ring.order(self._reply, self._start, len(self[0]), offset)
        return self._is_ordered

    def release(self) -> None:
        self[0].release()  # whoever still uses it gets a ValueError, and not the bytes of another result
        if not self._is_ordered:
            self._ring.give_back(self._reply)
