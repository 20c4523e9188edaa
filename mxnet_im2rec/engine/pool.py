# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a pool is, and how every pool calls the work. Knows no pool."""

from __future__ import annotations

import os
from typing import Any, Callable, List, Protocol, Sequence, Tuple

CHUNKS_A_WORKER = 2  # the worker is busy with one; the other waits in its inbox, so that the worker never has to wait

Results = List[Tuple[int, List[Any]]]
"""Some results, each list with the ticket of its chunk."""


class Pool(Protocol):
    """A place where the work is done. Used as a context manager: leaving it ends its workers, also when an exception leaves it.

    1. Where :meth:`has_room` is true, the caller submits a chunk of items under a ticket, a number that the caller chooses.
    2. The caller collects results. Those of different chunks may come in any order. Those of one chunk come in the order of
       its items, at once or bit by bit. An item gives exactly one result.

    Attributes
    ----------
    capacity : int
        How many chunks the pool takes before it has no more room.
    """

    capacity: int

    def __enter__(self) -> Any:
        """Start the workers."""

    def __exit__(self, *exception: Any) -> None:
        """End the workers. Work that is not done by then is dropped."""

    def has_room(self) -> bool:
        """Whether the pool takes another chunk now."""

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        """Take a chunk of items. Call it only where :meth:`has_room` is true. It does not wait for any work."""

    def collect(self) -> Results:
        """Wait for results of any chunk, and return at least one. Call it only while a chunk has results to come.

        An exception of the work itself ends the pool's use: it is raised here, as it is or as a WorkerDiedError.
        """

    def write_into(self, path: str, descriptor: int) -> None:
        """Say which file is the output: workers may write pieces into it. It is open, and stays at its path."""

    def finish_writes(self) -> None:
        """See that all is written that was left to the workers; OSError if it cannot be written."""


class Pieces(tuple):
    """Bytes in pieces, as a result of the work. What counts is what the pieces are together.

    A pool of processes brings them as one piece, a view of memory that it shares with the worker. So whoever gets pieces may use
    them until they are released, and no longer.
    """

    __slots__ = ()

    def write_at(self, offset: int) -> bool:
        """Have a worker write the pieces into the pool's output, by the next :meth:`Pool.finish_writes` at the latest; False if
        it is for the caller to write them."""
        return False

    def release(self) -> None:
        """Give back the memory, once the pieces are not needed any more."""


def size_of(result: Any) -> int:
    """How much memory a result counts for: bytes have their length, anything else is taken for a small value."""
    if isinstance(result, Pieces):
        return sum(map(len, result))
    return len(result) if isinstance(result, bytes) else 256


def do_work(work: Callable[[Any], Any], item: Any, pid: int) -> Any:
    """Do the work on an item, in the process ``pid``. A child process that the work forks, and does not end, ends here:
    otherwise the child would go on in this code as if it were the worker."""
    try:
        return work(item)
    finally:
        if os.getpid() != pid:
            os._exit(0)
