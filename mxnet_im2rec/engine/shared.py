# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Memory that a worker process and its parent share: the state of the worker, and a ring for the bytes of its results.

The child puts results into the ring, one behind the other, and the parent takes them out of it where they lie: no byte goes
through a pipe. When the parent is done with the results of a reply, it says so, and the child uses their room for other results.
Where a result finds no room, it goes through the pipe, so nobody ever waits for room. What a dead worker has put there stays.

Every number has one writer, so neither side needs a lock.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections import deque
from multiprocessing import reduction
from typing import Any, Deque, Dict, List, Optional, Sequence

from .pool import Pieces

_NUMBERS = 4  # 64-bit numbers that stand before the ring
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
            has_memfd = hasattr(os, "memfd_create")
            self._file = open(os.memfd_create("results"), "r+b") if has_memfd else tempfile.TemporaryFile()
            self._file.truncate(size)
            self.view = memoryview(mmap.mmap(self._file.fileno(), size))

    def close_file(self) -> None:
        """Once the child has the file; the memory stays."""
        if self._file is not None:
            self._file.close()

    def __getstate__(self) -> Dict[str, Any]:
        return {"size": self._size, "file": reduction.DupFd(self._file.fileno())}  # type: ignore[attr-defined]

    def __setstate__(self, state: Dict[str, Any]) -> None:
        descriptor = state["file"].detach()
        self.view = memoryview(mmap.mmap(descriptor, state["size"]))
        os.close(descriptor)


class WorkerState:
    """Where a child is, in numbers. The child writes, the parent reads."""

    def __init__(self, memory: SharedMemory) -> None:
        self._numbers = memory.view[: 8 * _NUMBERS].cast("q")

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


class _Ring:
    """What both ends of a ring know."""

    def __init__(self, memory: SharedMemory) -> None:
        self._numbers = memory.view[: 8 * _NUMBERS].cast("q")  # the last one: how many bytes, of all, have been given back
        self._ring = memory.view[8 * _NUMBERS :]
        self.size = len(self._ring)


class RingWriter(_Ring):
    """The child's end."""

    def __init__(self, memory: SharedMemory) -> None:
        super().__init__(memory)
        self._position = 0
        self.num_bytes = 0  # of all that was ever put here, with what was left free at the end of the ring

    def put(self, pieces: Sequence[Any]) -> Optional[int]:
        """Put pieces behind one another; gives where they begin, or None if there is no room for them now."""
        size = sum(map(len, pieces))
        used = self.num_bytes - self._numbers[3]
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


class _Reply:
    """What one reply has in the ring: where its room ends, and how many of its results are not given back."""

    __slots__ = ("end", "num_left")

    def __init__(self, end: int, num_left: int) -> None:
        self.end, self.num_left = end, num_left


class RingReader(_Ring):
    """The parent's end. It gives room back in the order in which the child took it, whatever comes back first."""

    def __init__(self, memory: SharedMemory) -> None:
        super().__init__(memory)
        self._replies: Deque[_Reply] = deque()

    def take(self, starts: Sequence[int], results: Sequence[Any], end: int) -> List[Any]:
        """The results of a reply: for each that has a start, and not -1, its size stands in its place."""
        num_here = len(starts) - starts.count(-1)
        if not num_here:
            return list(results)
        reply = _Reply(end, num_here)
        self._replies.append(reply)
        ring = self._ring
        return [
            result if start < 0 else SharedPieces((ring[start : start + result],), self, reply)
            for start, result in zip(starts, results)
        ]

    def give_back(self, reply: _Reply) -> None:
        """One more result of a reply is not needed any more."""
        reply.num_left -= 1
        while self._replies and not self._replies[0].num_left:
            self._numbers[3] = self._replies.popleft().end


class SharedPieces(Pieces):
    """A result that lies in a ring: one piece."""

    _ring: RingReader
    _reply: _Reply

    def __new__(cls, pieces: Sequence[Any], ring: RingReader, reply: _Reply) -> SharedPieces:
        made = super().__new__(cls, pieces)
        made._ring, made._reply = ring, reply
        return made

    def release(self) -> None:
        self[0].release()  # whoever still uses it gets a ValueError, and not the bytes of another result
        self._ring.give_back(self._reply)
