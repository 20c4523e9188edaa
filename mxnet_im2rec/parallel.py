# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""An ordered, bounded map over worker processes, threads, or neither. Knows nothing of images.

A pool takes chunks of items and gives back results in any order; :func:`ordered_map` bounds what is under way and puts it in
order. Every worker has pipes of its own and shares no lock or queue with another, so one that dies, at whatever moment,
can neither block the rest nor go unnoticed.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, Callable, ContextManager, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from .errors import WorkerDiedError

if sys.platform == "linux":
    import fcntl

_log = logging.getLogger("mxnet_im2rec")

_CHUNKS_A_WORKER = 2  # one that it works on, and one that waits, so that it never does
_FLUSH_BYTES = 8 << 20  # a worker sends what it has when it is this much, even in the middle of a chunk
_SMALL_MESSAGE = 4096  # fits into any pipe's buffer: can be sent to a worker that is not reading
_LOOK_SECONDS = 1.0  # how often to look after workers whose end no pipe tells
_READY_SECONDS = 300.0  # how long a worker may take to load what it needs, where a limit is set at all
_GO_SECONDS = 5.0  # how long a worker that is done may take to go
_MOST_UNREADY = 3  # workers that are ended by a signal before they are ready, one after the other, until it is given up
_NOT_STARTED = -1
_MAIN_GUARD_HINT = (
    ". With this start method a worker imports the main script, so that the call must stand under if __name__ == '__main__':"
)
_PR_SET_PDEATHSIG = 1  # prctl.h
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


@dataclass
class _Job:
    """A chunk that a worker has, or will get.

    Attributes
    ----------
    ticket : int
        Whose results these are.
    items : list
        What is to be worked on.
    received : int
        How many results of them have come.
    retries : deque of (item, str or None), optional
        Of a chunk whose worker died: what is left of it, to be tried once more, each item alone and one after the other. A
        string is the reason why an item is not tried again.
    """

    ticket: int
    items: Sequence[Any]
    received: int = 0
    retries: Optional[Deque[Tuple[Any, Optional[str]]]] = None


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, context: Any, work: Callable, number: int) -> None:
        self.number = number
        self.jobs: Deque[_Job] = deque()  # given out, and not done
        self._state = context.RawArray("q", [_NOT_STARTED, 0])  # the item that it is on in its job; how many it has begun
        self._num_begun = 0
        self._seconds = 0.0  # for which it has been seen on the same item
        self._held: Deque[bytes] = deque()  # messages that wait until it listens
        inbox, self._outbox = context.Pipe(duplex=False)
        self.inbox, outbox = context.Pipe(duplex=False)
        _widen(outbox)
        self.process = context.Process(
            target=_work_until_told, args=(inbox, outbox, work, self._state), name=f"im2rec-{number}", daemon=True
        )
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of forking a process that has threads; MXNet has some, and stops them around a fork.
                warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
                self.process.start()
        finally:
            inbox.close()  # so that the other ends are closed when the worker dies, and not only then
            outbox.close()

    @property
    def is_ready(self) -> bool:
        return self._state[0] != _NOT_STARTED

    @property
    def position(self) -> int:
        """Of the item that it is on, in its first job. Between two items it is still on the one whose result it has sent."""
        job = self.jobs[0]
        return min(max(self._state[0], job.received), len(job.items) - 1)

    def has_been_still(self, seconds: float) -> float:
        """For how long it has been seen on the same item, after ``seconds`` more; 0 where it has nothing to do."""
        begun = self._state[1]
        if begun != self._num_begun or (self.is_ready and not self.jobs):
            self._num_begun, self._seconds = begun, 0.0
        else:
            self._seconds += seconds
        return self._seconds

    def submit(self, job: _Job) -> None:
        message = _dump((job.ticket, job.items))
        if self.jobs and (self._held or len(message) > _SMALL_MESSAGE):
            self._held.append(message)  # while it works it does not listen: a pipe that is full would block us
        else:
            self._send(message)
        self.jobs.append(job)

    def receive(self) -> Tuple[int, List[Any], Optional[_Job]]:
        """Results of its first job, with the ticket; the third is this job if it is done."""
        ticket, results, is_last, error = self.inbox.recv()
        if error is not None:
            if not self.is_ready:
                raise WorkerDiedError(f"a worker process could not load what it needs, such as the transforms' module:\n{error}")
            raise WorkerDiedError(f"a worker process broke; this is a defect of this package, or of the machine:\n{error}")
        self.jobs[0].received += len(results)
        if not is_last:
            return ticket, results, None
        if self._held:
            self._send(self._held.popleft())
        return ticket, results, self.jobs.popleft()

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

    A worker that dies is replaced. The items that it had, and had not given the results of, are tried once more, each alone; the
    one that a worker dies on again, and the one that a worker makes no progress on, get a result that says so.

    Parameters
    ----------
    work : callable
        From an item to its result. It has a method ``prepare``, called once in every worker. With a start method other than
        fork it must pickle.
    num_workers : int
        How many processes.
    context : multiprocessing context
        How they start.
    failure_of : callable
        From an item that no worker survives, and the reason, to its result; by default this is the reason.
    name_of : callable
        From an item to what messages call it.
    timeout : float, optional
        In seconds: a worker that is seen on one item for longer is ended.
    starting : callable
        Gives the context manager in which workers are started.
    """

    def __init__(
        self,
        work: Callable[[Any], Any],
        num_workers: int,
        context: Any,
        failure_of: Callable[[Any, str], Any] = lambda item, reason: reason,
        name_of: Callable[[Any], str] = str,
        timeout: Optional[float] = None,
        starting: Callable[[], ContextManager] = nullcontext,
    ) -> None:
        self._work = work
        self._num_workers = num_workers
        self._context = context
        self._failure_of = failure_of
        self._name_of = name_of
        self._timeout = timeout
        self._starting = starting
        self._workers: List[_Worker] = []
        self._waiting: Deque[_Job] = deque()  # jobs of dead workers
        self._looked = time.monotonic()  # when it was last seen to that workers make progress
        self._num_unready = 0  # workers that died before they were ready, since the last result
        self.capacity = num_workers * _CHUNKS_A_WORKER

    def __enter__(self) -> ProcessPool:
        try:
            with self._starting():
                for number in range(self._num_workers):
                    self._workers.append(_Worker(self._context, self._work, number))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: Optional[type], *exception: Any) -> None:
        try:
            if kind is None and not any(worker.jobs for worker in self._workers):
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
        return not self._waiting and any(len(worker.jobs) < _CHUNKS_A_WORKER for worker in self._workers)

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        """Give the chunk to the worker with the least to do."""
        self._least_busy().submit(_Job(ticket, chunk))

    def _least_busy(self) -> _Worker:
        return min(self._workers, key=lambda worker: len(worker.jobs))

    def collect(self) -> List[Tuple[int, List[Any]]]:
        """Wait for results of any chunk; raise WorkerDiedError if workers cannot be made ready."""
        while True:
            replies = self._give_out_waiting()
            inboxes = {worker.inbox: worker for worker in self._workers}
            sentinels = {worker.process.sentinel: worker for worker in self._workers}
            ready = wait([*inboxes, *sentinels], 0 if replies else _LOOK_SECONDS)
            dead = set()
            for source in ready:
                if source in inboxes:
                    try:
                        ticket, results, done = inboxes[source].receive()
                    except (EOFError, OSError):  # closed, or cut off in the middle of a reply
                        dead.add(inboxes[source])
                        continue
                    replies.append((ticket, results))
                    self._num_unready = 0
                    if done is not None and done.retries:
                        self._waiting.append(_Job(ticket, (), retries=done.retries))
            if not replies:
                # Only now: what a worker sent before it died is taken first. A sentinel can be kept open by a child's child.
                ended = {sentinels[each] for each in ready if each in sentinels}
                ended.update(worker for worker in self._workers if not worker.process.is_alive())
                dead.update(worker for worker in ended if not worker.inbox.poll())
            stuck = self._find_stuck() - dead
            for worker in sorted(dead | stuck, key=lambda each: each.number):
                self._replace(worker, worker in stuck)
            if replies:
                return replies

    def _give_out_waiting(self) -> List[Tuple[int, List[Any]]]:
        """Give out the jobs of dead workers; gives the results that need no trying."""
        replies = []
        for _ in range(len(self._waiting)):
            job = self._waiting.popleft()
            while job.retries:
                item, reason = job.retries[0]
                if reason is None:
                    break
                job.retries.popleft()
                replies.append((job.ticket, [self._failure_of(item, reason)]))
            if job.retries is not None and not job.retries:
                continue
            worker = self._least_busy()
            if len(worker.jobs) == _CHUNKS_A_WORKER:
                self._waiting.append(job)
            elif job.retries is None:
                worker.submit(job)
            else:
                item, _ = job.retries.popleft()
                worker.submit(_Job(job.ticket, [item], retries=job.retries))
        return replies

    def _find_stuck(self) -> Set[_Worker]:
        """The workers that make no progress. Time in which this process did not look, being stopped or busy, does not count."""
        now = time.monotonic()
        seconds, self._looked = min(now - self._looked, 2 * _LOOK_SECONDS), now
        stuck: Set[_Worker] = set()
        if self._timeout is None:
            return stuck
        for worker in self._workers:
            limit = self._timeout if worker.is_ready else max(self._timeout, _READY_SECONDS)
            if worker.has_been_still(seconds) > limit and not worker.inbox.poll():  # who has sent something waits for us
                stuck.add(worker)
        return stuck

    def _replace(self, worker: _Worker, is_stuck: bool) -> None:
        """Put another worker in the place of one that is dead or stuck, and see to what it had to do."""
        if is_stuck:
            worker.process.kill()
        worker.process.join(_GO_SECONDS)
        exitcode = worker.process.exitcode
        how = "made no progress and was ended" if is_stuck else _describe_exit(exitcode)
        message = f"worker process {worker.process.pid} {how}"
        if not worker.is_ready:
            self._num_unready += 1
            if is_stuck or exitcode is None or exitcode >= 0 or self._num_unready > _MOST_UNREADY:
                hint = _MAIN_GUARD_HINT if self._context.get_start_method() != "fork" else ""
                raise WorkerDiedError(f"{message} before it was ready{hint}", (), exitcode)
        elif worker.jobs:
            job, position = worker.jobs[0], worker.position
            item = job.items[position]
            message += f" while it was on {self._name_of(item)!r}"
            reason = None
            if is_stuck:
                reason = f"there was no progress on it for {self._timeout:g} seconds (timeout); its worker process was ended"
            elif job.retries is not None:
                reason = f"the worker process that was on it {how}; twice"
            left: List[Tuple[Any, Optional[str]]] = [(each, None) for each in job.items[job.received :]]
            left[position - job.received] = (item, reason)
            worker.jobs[0] = _Job(job.ticket, (), retries=deque([*left, *(job.retries or ())]))
        for job in worker.jobs:
            if job.items and job.retries is not None:  # a second job, which waited for its turn
                job = _Job(job.ticket, (), retries=deque([(job.items[0], None), *job.retries]))
            self._waiting.append(job)
        _log.warning("%s; it is replaced, and what it had is tried again", message)
        worker.close()
        with self._starting():
            self._workers[self._workers.index(worker)] = _Worker(self._context, self._work, worker.number)


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


def _work_until_told(inbox: Connection, outbox: Connection, work: Any, state: Any) -> None:
    """A worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ticket = -1
    try:
        work.prepare()
        state[0] = 0
        while True:
            message = pickle.loads(inbox.recv_bytes())
            if message is None:
                return
            ticket, items = message
            _work_on(ticket, items, outbox, work, state)
    except Exception:
        outbox.send_bytes(_dump((ticket, [], False, traceback.format_exc())))


def _work_on(ticket: int, items: Sequence[Any], outbox: Connection, work: Callable, state: Any) -> None:
    results: List[Any] = []
    waiting_bytes = 0
    for position, item in enumerate(items):
        state[0] = position
        state[1] += 1
        results.append(work(item))
        waiting_bytes += size_of(results[-1])
        is_last = position == len(items) - 1
        if is_last or waiting_bytes > _FLUSH_BYTES:
            if is_last:
                state[0] = 0  # of the next job, which is the first as soon as this one's last results have been taken
            outbox.send_bytes(_dump((ticket, results, is_last, None)))
            results, waiting_bytes = [], 0


def _die_with_parent() -> None:
    """Have Linux kill this worker with the thread that started it, which waits for it: even one that never gives Python's lock
    back. Not if that is a fork server; then, and elsewhere, only _end_with_parent sees to it."""
    parent = multiprocessing.parent_process()
    if sys.platform == "linux" and parent is not None and os.getppid() == parent.pid:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _end_with_parent() -> None:
    """End this worker, busy or not, as soon as its parent is gone, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
