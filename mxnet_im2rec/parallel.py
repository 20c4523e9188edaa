# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""An ordered, bounded map over worker processes, threads, or neither. Knows nothing of images.

A pool takes chunks of items and gives back results in any order; :func:`ordered_map` bounds what is under way and puts it in
order. Every worker has pipes of its own and shares no lock or queue with another, so one that dies, at whatever moment,
can neither block the rest nor go unnoticed.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from .errors import WorkerDiedError

if sys.platform == "linux":
    import fcntl

_CHUNKS_A_WORKER = 2  # one that it works on, and one that waits, so that it never does
_FLUSH_BYTES = 8 << 20  # a worker sends what it has when it is this much, even in the middle of a chunk
_SMALL_MESSAGE = 4096  # fits into any pipe's buffer: can be sent to a worker that is not reading
_LOOK_SECONDS = 1.0  # how often to look after workers whose end no pipe tells
_GO_SECONDS = 5.0  # how long a worker that is done may take to go
_NOT_STARTED = -1
_MAIN_GUARD_HINT = (
    ". With this start method a worker imports the main script, so that the call must stand under if __name__ == '__main__':"
)
_F_SETPIPE_SZ, _PIPE_BYTES = 1031, 1 << 20  # fcntl.h; the most that a user may ask for by default


def size_of(result: Any) -> int:
    """What a result counts in memory: bytes by their length, anything else as a small value."""
    return len(result) if isinstance(result, bytes) else 256


def ordered_map(pool: Any, items: Iterable[Any], *, chunk_size: int, max_items: int, max_bytes: int) -> Iterator[Tuple[Any, Any]]:
    """Map the pool's work over items, in order.

    Parameters
    ----------
    pool : SerialPool, ThreadPool or ProcessPool
        Where the work is done.
    items : iterable
        Read as far as is needed to keep the workers busy.
    chunk_size : int
        How many items go to a worker at once, at most.
    max_items : int
        How many items are under way at most: read, and their results not yet yielded.
    max_bytes : int
        No more work is given out while results that wait for their turn take more than this.

    Yields
    ------
    (item, result)
        In the order of the items.
    """
    source = iter(items)
    chunk_size = max(1, min(chunk_size, max_items // pool.capacity))
    given: Deque[Tuple[int, Deque[Any]]] = deque()  # tickets in order, each with its items that are not yielded yet
    results: Dict[int, Deque[Any]] = {}
    next_ticket = under_way = waiting_bytes = 0
    exhausted = False
    while True:
        while not exhausted and under_way < max_items and waiting_bytes <= max_bytes and pool.has_room():
            chunk = list(islice(source, min(chunk_size, max_items - under_way)))
            exhausted = not chunk
            if chunk:
                given.append((next_ticket, deque(chunk)))
                results[next_ticket] = deque()
                under_way += len(chunk)
                pool.submit(next_ticket, chunk)
                next_ticket += 1
        if not given:
            return
        for ticket, some in pool.collect():
            results[ticket].extend(some)
            waiting_bytes += sum(map(size_of, some))
        while given and results[given[0][0]]:
            ticket, waiting = given[0]
            result = results[ticket].popleft()
            item = waiting.popleft()
            if not waiting:
                given.popleft()
                del results[ticket]
            waiting_bytes -= size_of(result)
            under_way -= 1
            yield item, result


class SerialPool:
    """Works in the calling process, one item at a time, when the results are collected.

    Parameters
    ----------
    work : callable
        From an item to its result.
    """

    capacity = 1

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work
        self._waiting: Deque[Tuple[int, Any]] = deque()

    def __enter__(self) -> SerialPool:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._waiting.clear()

    def has_room(self) -> bool:
        return not self._waiting

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        self._waiting.extend((ticket, item) for item in chunk)

    def collect(self) -> List[Tuple[int, List[Any]]]:
        """Do the next item's work."""
        ticket, item = self._waiting.popleft()
        return [(ticket, [self._work(item)])]


class ThreadPool:
    """Worker threads, for work that waits more than it computes, such as reading files: what they give needs no copy.

    Parameters
    ----------
    work : callable
        From an item to its result.
    num_workers : int
        How many threads.
    """

    def __init__(self, work: Callable[[Any], Any], num_workers: int) -> None:
        self._work = work
        self._inbox: SimpleQueue = SimpleQueue()
        self._outbox: SimpleQueue = SimpleQueue()
        self._under_way = 0  # chunks given out, and not collected
        self._leaving = False
        self._threads = [threading.Thread(target=self._work_until_told, daemon=True) for _ in range(num_workers)]
        self.capacity = num_workers * _CHUNKS_A_WORKER

    def __enter__(self) -> ThreadPool:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._leaving = True
        for _ in self._threads:
            self._inbox.put(None)
        for thread in self._threads:
            thread.join(_GO_SECONDS)  # one that hangs in a system call ends with the process

    def _work_until_told(self) -> None:
        for ticket, chunk in iter(self._inbox.get, None):
            try:
                results = [self._work(item) for item in chunk if not self._leaving]
            except BaseException as error:  # raised again by collect(), in the caller's thread
                self._outbox.put((ticket, error))
            else:
                self._outbox.put((ticket, results))

    def has_room(self) -> bool:
        return self._under_way < self.capacity

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        self._under_way += 1
        self._inbox.put((ticket, chunk))

    def collect(self) -> List[Tuple[int, List[Any]]]:
        """Wait for the results of any chunk; raise what the work has raised."""
        ticket, results = self._outbox.get()
        if isinstance(results, BaseException):
            raise results
        self._under_way -= 1
        return [(ticket, results)]


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, context: Any, work: Callable, number: int) -> None:
        self.position = context.RawValue("q", _NOT_STARTED)  # of the item that it is on, in the chunk that it is on
        self.chunks: Deque[Tuple[int, Sequence[Any]]] = deque()  # given out, and not done
        self._held: Deque[bytes] = deque()  # messages that wait until it listens
        inbox, self._outbox = context.Pipe(duplex=False)
        self.inbox, outbox = context.Pipe(duplex=False)
        _widen(outbox)
        self.process = context.Process(
            target=_work_until_told, args=(inbox, outbox, work, self.position), name=f"im2rec-{number}", daemon=True
        )
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of forking a process that has threads; MXNet has some, and stops them around a fork.
                warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
                self.process.start()
        finally:
            inbox.close()  # so that the other ends are closed when the worker dies, and not only then
            outbox.close()

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        message = _dump((ticket, chunk))
        if self.chunks and (self._held or len(message) > _SMALL_MESSAGE):
            self._held.append(message)  # while it works it does not listen: a pipe that is full would block us
        else:
            self._send(message)
        self.chunks.append((ticket, chunk))

    def receive(self) -> Tuple[int, List[Any]]:
        ticket, results, is_last, error = self.inbox.recv()
        if error is not None:
            if self.position.value == _NOT_STARTED:
                raise WorkerDiedError(f"a worker process could not load what it needs, such as the transforms' module:\n{error}")
            raise WorkerDiedError(f"a worker process broke; this is a defect of this package, or of the machine:\n{error}")
        if is_last:
            self.chunks.popleft()
            if self._held:
                self._send(self._held.popleft())
        return ticket, results

    def tell_to_go(self) -> None:
        self._send(_dump(None))

    def _send(self, message: bytes) -> None:
        with suppress(OSError):  # it is dead: collect() notices, and knows its exit code
            self._outbox.send_bytes(message)

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        with suppress(ValueError):  # where another part of the program has waited for all children, Python still thinks it runs
            self.process.close()
        self._outbox.close()
        self.inbox.close()


class ProcessPool:
    """Worker processes: started on entering, gone on leaving, whatever happens in between.

    Parameters
    ----------
    work : callable
        From an item to its result. It has a method ``prepare``, called once in every worker. With a start method other than
        fork it must pickle.
    num_workers : int
        How many processes.
    context : multiprocessing context
        How they start.
    name_of : callable
        From an item to what an error calls it.
    """

    def __init__(self, work: Callable[[Any], Any], num_workers: int, context: Any, name_of: Callable[[Any], str] = str) -> None:
        self._work = work
        self._num_workers = num_workers
        self._context = context
        self._name_of = name_of
        self._workers: List[_Worker] = []
        self.capacity = num_workers * _CHUNKS_A_WORKER

    def __enter__(self) -> ProcessPool:
        try:
            for number in range(self._num_workers):
                self._workers.append(_Worker(self._context, self._work, number))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: Optional[type], *exception: Any) -> None:
        try:
            if kind is None and not any(worker.chunks for worker in self._workers):
                for worker in self._workers:
                    worker.tell_to_go()
                for worker in self._workers:
                    worker.process.join(_GO_SECONDS)
        finally:
            self._close()

    def _close(self) -> None:
        """End every worker that is left, at once: they hold nothing that needs to be put away."""
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._workers.pop().close()

    def has_room(self) -> bool:
        return any(len(worker.chunks) < _CHUNKS_A_WORKER for worker in self._workers)

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        """Give the chunk to the worker with the least to do."""
        min(self._workers, key=lambda worker: len(worker.chunks)).submit(ticket, chunk)

    def collect(self) -> List[Tuple[int, List[Any]]]:
        """Wait for results of any chunk; raise WorkerDiedError if a worker is dead."""
        inboxes = {worker.inbox: worker for worker in self._workers}
        sentinels = {worker.process.sentinel: worker for worker in self._workers}
        while True:
            ready = wait([*inboxes, *sentinels], _LOOK_SECONDS)
            replies = []
            dead = set()
            for source in ready:
                if source in inboxes:
                    try:
                        replies.append(inboxes[source].receive())
                    except (EOFError, OSError):  # closed, or cut off in the middle of a reply
                        dead.add(inboxes[source])
            if not replies:
                # Only now: what a worker sent before it died is taken first. A sentinel can be kept open by a child's child.
                ended = {sentinels[each] for each in ready if each in sentinels}
                ended.update(worker for worker in self._workers if not worker.process.is_alive())
                dead.update(worker for worker in ended if not worker.inbox.poll())
            if dead:
                raise self._death_of(dead)
            if replies:
                return replies

    def _death_of(self, dead: Iterable[_Worker]) -> WorkerDiedError:
        messages, paths, exitcodes, hint = [], [], [], ""
        for worker in sorted(dead, key=lambda each: each.process.name):
            worker.process.join(_GO_SECONDS)
            exitcode = worker.process.exitcode
            exitcodes.append(exitcode)
            message = f"worker process {worker.process.pid} {_describe_exit(exitcode)}"
            if worker.position.value == _NOT_STARTED:
                message += " before it was ready"
                hint = _MAIN_GUARD_HINT if self._context.get_start_method() != "fork" else ""
            elif worker.chunks:
                chunk = worker.chunks[0][1]
                path = self._name_of(chunk[min(worker.position.value, len(chunk) - 1)])
                paths.append(path)
                message += f" while it was on {path!r}"
            messages.append(message)
        return WorkerDiedError("; ".join(messages) + hint, paths, exitcodes[0])


def _widen(connection: Connection) -> None:
    """Let a pipe hold a chunk's results, so that a worker need not wait until they are taken. Linux only, and only if it may."""
    if sys.platform == "linux":
        with suppress(OSError):  # the limit of all pipes of a user is reached (pipe(7)); it works as it is
            fcntl.fcntl(connection.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)


def _describe_exit(exitcode: Optional[int]) -> str:
    if exitcode is None:
        return "does not answer any more"
    if exitcode >= 0:
        return f"ended with exit code {exitcode}"
    name = signal.Signals(-exitcode).name if -exitcode in set(signal.Signals) else f"signal {-exitcode}"
    hint = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def _dump(message: Any) -> bytes:
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def _work_until_told(inbox: Connection, outbox: Connection, work: Any, position: Any) -> None:
    """A worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ticket = -1
    try:
        work.prepare()
        position.value = 0
        while True:
            message = pickle.loads(inbox.recv_bytes())
            if message is None:
                return
            ticket, chunk = message
            _work_on(ticket, chunk, outbox, work, position)
    except Exception:
        outbox.send_bytes(_dump((ticket, [], False, traceback.format_exc())))


def _work_on(ticket: int, chunk: Sequence[Any], outbox: Connection, work: Callable, position: Any) -> None:
    results: List[Any] = []
    waiting_bytes = 0
    for number, item in enumerate(chunk):
        position.value = number
        results.append(work(item))
        waiting_bytes += size_of(results[-1])
        is_last = number == len(chunk) - 1
        if is_last or waiting_bytes > _FLUSH_BYTES:
            outbox.send_bytes(_dump((ticket, results, is_last, None)))
            results, waiting_bytes = [], 0
    position.value = 0


def _end_with_parent() -> None:
    """End this worker, busy or not, as soon as its parent is gone, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
