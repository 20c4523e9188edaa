# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A worker process's whole life. The other end, in the parent process, is ``worker``.

Between parent and child:

1. The parent makes two pipes for this child alone, one for jobs and one for replies, and memory that both share, for the
   child's state and for the bytes of its results. Then it starts the child.
2. The child calls ``work.prepare()``, which loads what the work needs. From then on it is ready.
3. The parent sends jobs: ``(ticket, items)``. It sends the next one while the child is busy, so that the child never waits.
4. The child works on the items, one after the other. Before each it writes the item's position into the state, so that the
   parent knows it even if the child dies at once.
5. The child replies ``(ticket, results, starts, end, is_last, error)`` when the job is done, and also in the middle of a job
   when its results have become large. A result that lies in the shared memory has its start there, and its size in its own
   place; any other has the start -1. ``end`` is what RingReader needs to give their room back.
6. Where results are to be written by the child, the parent sends ``(None, output)``, and gives orders in the shared memory. The
   child does them between two items.
7. The parent sends None. The child ends, with exit code 0.

If the work raises, the reply has the traceback as ``error``, and the child ends. If there is no memory or file left for an item
that a fresh process may well have, the child writes into the state that it is worn out, and ends without a result for it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection, wait
from typing import Any, Callable, List, Sequence

from .messages import MessageReader, pack
from .pool import Pieces, do_work, size_of
from .shared import RingWriter, SharedMemory, WorkerState

_FLUSH_BYTES = 2 << 20  # results of this size are sent, though their job is not done: their room is needed
_PR_SET_PDEATHSIG = 1  # prctl.h


def run(jobs: Connection, replies: Connection, work: Any, memory: SharedMemory) -> None:
    """Be a worker, until the parent sends None or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ticket = -1
    state, ring = WorkerState(memory), RingWriter(memory)
    reader = MessageReader(jobs)
    try:
        work.prepare()
        while not state.is_worn_out:
            state.leave_item()
            ring.do_orders()
            job = reader.take()
            if job is None:
                return
            ticket, items = job
            if ticket is None:
                ring.open_output(items)
                ticket = -1
                continue
            _do_job(ticket, items, replies, work, state, ring)
    except MemoryError:
        state.wear_out()
    except Exception:
        _send(replies, (ticket, [], [], 0, False, traceback.format_exc()))


def _do_job(ticket: int, items: Sequence[Any], replies: Connection, work: Callable, state: WorkerState, ring: RingWriter) -> None:
    pid = os.getpid()
    results: List[Any] = []
    starts: List[int] = []
    num_bytes = 0
    for position, item in enumerate(items):
        if ring.has_orders:
            state.leave_item()  # a disk that hangs is not the item's fault
            ring.do_orders()
        state.begin(position)
        result = do_work(work, item, pid)
        # An item that a fresh process has no room for gets its result: the next fresh process has no room for it either.
        is_worn_out = state.num_begun > 1 and getattr(work, "is_worn_out", False)
        if not is_worn_out:
            size = size_of(result)
            start = ring.put(result) if type(result) is Pieces else None  # a subclass has more to say, and is rare
            results.append(result if start is None else size)
            starts.append(-1 if start is None else start)
            num_bytes += size
        is_last = position == len(items) - 1 and not is_worn_out
        if results and (is_last or is_worn_out or num_bytes > _FLUSH_BYTES):
            state.leave_item()
            _send(replies, (ticket, results, starts, ring.num_bytes, is_last, None))
            results, starts, num_bytes = [], [], 0
        if is_worn_out:
            state.wear_out_on(position)
            return


def _send(pipe: Connection, message: Any) -> None:
    rest = pack(message)
    while rest:
        rest = rest[os.write(pipe.fileno(), rest) :]


def _die_with_parent() -> None:
    """Have Linux kill this process when the thread that started it ends, even one in C code that never gives Python's lock back.

    If a fork server has started this process, and on other systems, only _end_with_parent() ends it.
    """
    parent = multiprocessing.parent_process()
    if sys.platform == "linux" and parent is not None and os.getppid() == parent.pid:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _end_with_parent() -> None:
    """End this process, busy or not, as soon as its parent is gone, however the parent ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
