# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""An ordered, bounded map over worker processes, threads, or neither. Knows nothing of images.

A pool takes chunks of items and gives back results in any order; :func:`ordered_map` bounds what is under way and puts it in
order. Every worker has pipes of its own and shares no lock or queue with another, so one that dies or stops, at whatever
moment, can neither block the rest nor go unnoticed: the calling process never waits in a read or a write.
"""

from __future__ import annotations

import ctypes
import errno
import io
import logging
import mmap
import multiprocessing
import os
import pickle
import select
import signal
import struct
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

from ..errors import WorkerDiedError
from ..text import Argument, Text

if sys.platform == "linux":
    import fcntl

_log = logging.getLogger("mxnet_im2rec")

_CHUNKS_A_WORKER = 2  # one that it works on, and one that waits, so that it never does
_FLUSH_BYTES = 8 << 20  # a worker sends what it has when it is this much, even in the middle of a chunk
_LOOK_SECONDS = 1.0  # how often to look after workers whose end no pipe tells
_READY_SECONDS = 300.0  # how long a worker may take to load what it needs, where a limit is set at all
_GO_SECONDS = 5.0  # how long a worker that is done may take to go
_MOST_UNREADY = 3  # workers that are ended by a signal before they are ready, one after the other, until it is given up
_NOT_STARTED = -1
_BETWEEN = -2  # on no item: it sends results, or waits for work
_LENGTH = struct.Struct("=Q")  # goes before a message in a pipe
_MAIN_GUARD_HINT = (
    ". With this start method a worker imports the main script, so that the call must stand under if __name__ == '__main__':"
)
_ADVICE = {  # by the error of starting a worker
    errno.EMFILE: "raise the limit of open files (ulimit -n), or use fewer workers (num_workers)",
    errno.ENFILE: "the whole system has too many open files; use fewer workers (num_workers)",
    errno.EAGAIN: "raise the limit of processes (ulimit -u, or that of the container), or use fewer workers (num_workers)",
    errno.ENOMEM: "there is no memory for another process; use fewer workers (num_workers)",
}
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
        self._pid = os.getpid()
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
        return [(ticket, [_do(self._work, item, self._pid)])]


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
class _Retry:
    """An item that a worker had, and gave no result of, when it ended.

    Attributes
    ----------
    item : object
        What is to be worked on.
    was_tried : bool
        Whether the worker was on it.
    reason : str or None
        Why it is not tried again.
    """

    item: Any
    was_tried: bool = False
    reason: Optional[str] = None


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
    retries : deque of _Retry, optional
        Of a chunk whose worker died: what is left of it, to be tried once more, each item alone and one after the other.
    was_tried : bool
        Whether an earlier worker ended while it was on this item, the only one.
    """

    ticket: int
    items: Sequence[Any]
    received: int = 0
    retries: Optional[Deque[_Retry]] = None
    was_tried: bool = False


class _Inbox:
    """One end of a pipe, from which messages are taken. Where the pipe does not block, neither does this.

    Attributes
    ----------
    num_bytes : int
        How many bytes have come in all.
    """

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.num_bytes = 0
        self._is_length = True
        self._expect(_LENGTH.size)

    def _expect(self, size: int) -> None:
        self._message = bytearray(size)
        self._rest = memoryview(self._message)

    def take(self) -> Any:
        """The next message; None while a part of it is not there yet.

        Raises
        ------
        EOFError
            If the other end is closed.
        """
        while True:
            try:
                count = os.readv(self.pipe.fileno(), [self._rest])
            except BlockingIOError:
                return None
            if not count:
                raise EOFError
            self.num_bytes += count
            self._rest = self._rest[count:]
            if self._rest:
                continue
            message, self._is_length = self._message, not self._is_length
            self._expect(_LENGTH.size if self._is_length else _LENGTH.unpack(message)[0])
            if self._is_length:
                return pickle.loads(message)


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, context: Any, work: Callable, number: int) -> None:
        self.number = number
        self.jobs: Deque[_Job] = deque()  # given out, and not done
        self._state = _shared_numbers(context)
        self._num_sent = 0  # bytes, to it
        self._seen = (0, 0, 0)  # how many items it had begun, and how many bytes had gone to and fro
        self._seconds = 0.0  # for which none of these has changed
        self._unsent: Deque[memoryview] = deque()  # parts of messages that its pipe has no room for
        inbox, self.outbox = context.Pipe(duplex=False)
        pipe, outbox = context.Pipe(duplex=False)
        _widen(outbox)
        self.inbox = _Inbox(pipe)
        os.set_blocking(self.outbox.fileno(), False)
        os.set_blocking(pipe.fileno(), False)
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
    def num_begun(self) -> int:
        return self._state[1]

    @property
    def is_worn_out(self) -> bool:
        return bool(self._state[2])

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    @property
    def position(self) -> Optional[int]:
        """Of the item that it is on, in its first job; None where it is on none."""
        job = self.jobs[0]
        return None if self._state[0] < 0 else min(max(self._state[0], job.received), len(job.items) - 1)

    def has_been_still(self, seconds: float) -> float:
        """For how long it has been seen on the same item, after ``seconds`` more; 0 where it has nothing to do."""
        seen = (self.num_begun, self._num_sent, self.inbox.num_bytes)
        if seen != self._seen or (self.is_ready and not self.jobs):
            self._seen, self._seconds = seen, 0.0
        else:
            self._seconds += seconds
        return self._seconds

    def submit(self, job: _Job) -> None:
        self._send((job.ticket, job.items))
        self.jobs.append(job)

    def receive(self) -> Optional[Tuple[int, List[Any], Optional[_Job]]]:
        """Results of its first job, with the ticket; the third is this job if it is done. None if they are not all there yet."""
        message = self.inbox.take()
        if message is None:
            return None
        ticket, results, is_last, error = message
        if error is not None:
            if not self.is_ready:
                raise WorkerDiedError(f"a worker process could not load what it needs, such as the transforms' module:\n{error}")
            raise WorkerDiedError(f"a worker process broke; this is a defect of this package, or of the machine:\n{error}")
        self.jobs[0].received += len(results)
        return ticket, results, self.jobs.popleft() if is_last else None

    def tell_to_go(self) -> None:
        self._send(None)

    def _send(self, message: Any) -> None:
        self._unsent.append(_pack(message))
        self.flush()

    def flush(self) -> None:
        """Send what its pipe has room for. A worker that is dead gets nothing: collect() notices, and knows its exit code."""
        try:
            while self._unsent:
                rest = self._unsent[0]
                count = os.write(self.outbox.fileno(), rest)
                self._num_sent += count
                self._unsent[0] = rest[count:]
                if not self._unsent[0]:
                    self._unsent.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()

    def close(self) -> None:
        self.process.kill()
        self.process.join(_GO_SECONDS)  # one that hangs in a system call goes when that ends
        with suppress(ValueError):  # where another part of the program has waited for all children, Python still thinks it runs
            self.process.close()
        self.outbox.close()
        self.inbox.pipe.close()


class ProcessPool:
    """Worker processes: started on entering, gone on leaving, whatever happens in between.

    A worker that dies is replaced. The items that it had, and had not given the results of, are tried once more, each alone; the
    one that a worker dies on again, and the one that a worker makes no progress on, get a result that says so.

    Parameters
    ----------
    work : callable
        From an item to its result. It has a method ``prepare``, called once in every worker. It may have an attribute
        ``is_worn_out``: whether the last item failed because this process lacks memory, or the like, which a fresh one has; then
        the worker is replaced, and the item tried once more in the fresh one. With a start method other than fork it must pickle.
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
                    self._workers.append(self._start(number))
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

    def _start(self, number: int) -> _Worker:
        try:
            return _Worker(self._context, self._work, number)
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, "use another start method (mp_context), or no workers (num_workers=0)")
            which = f"worker process {number + 1} of {self._num_workers}"
            raise WorkerDiedError(f"{which} cannot be started: {error}; {advice}") from error

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
            ready = self._wait(0 if replies else _LOOK_SECONDS)
            dead = set()
            is_quiet = not replies
            for worker in self._workers:
                worker.flush()
                if worker.inbox.pipe.fileno() not in ready:
                    continue
                is_quiet = False
                try:
                    reply = worker.receive()
                except (EOFError, OSError):  # closed, or cut off in the middle of a reply
                    dead.add(worker)
                    continue
                if reply is not None:
                    ticket, results, done = reply
                    replies.append((ticket, results))
                    self._num_unready = 0
                    if done is not None and done.retries:
                        self._waiting.append(_Job(ticket, (), retries=done.retries))
            if is_quiet:
                # Only now: what a worker sent before it died is taken first. A pipe can be kept open by a child's child.
                dead.update(worker for worker in self._workers if not worker.process.is_alive() and not worker.inbox.pipe.poll())
            stuck = self._find_stuck() - dead
            for worker in sorted(dead | stuck, key=lambda each: each.number):
                self._replace(worker, worker in stuck)
            if replies:
                return replies

    def _wait(self, seconds: float) -> Set[int]:
        """Wait until a worker sends something, ends, or has room for what it did not take; the descriptors that tell it."""
        poll = select.poll()
        for worker in self._workers:
            poll.register(worker.inbox.pipe, select.POLLIN)
            poll.register(worker.process.sentinel, select.POLLIN)
            if worker.has_unsent:
                poll.register(worker.outbox, select.POLLOUT)
        return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}

    def _give_out_waiting(self) -> List[Tuple[int, List[Any]]]:
        """Give out the jobs of dead workers; gives the results that need no trying."""
        replies = []
        for _ in range(len(self._waiting)):
            job = self._waiting.popleft()
            while job.retries and job.retries[0].reason is not None:
                retry = job.retries.popleft()
                replies.append((job.ticket, [self._failure_of(retry.item, retry.reason or "")]))
            if job.retries is not None and not job.retries:
                continue
            worker = self._least_busy()
            if len(worker.jobs) == _CHUNKS_A_WORKER:
                self._waiting.append(job)
            else:
                worker.submit(_next_of(job))
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
            if worker.has_been_still(seconds) > limit and not worker.inbox.pipe.poll():  # who has sent something waits for us
                stuck.add(worker)
        return stuck

    def _replace(self, worker: _Worker, is_stuck: bool) -> None:
        """Put another worker in the place of one that is dead or stuck, and see to what it had to do."""
        if is_stuck:
            worker.process.kill()
        worker.process.join(_GO_SECONDS)
        exitcode = worker.process.exitcode
        how = _describe_exit(exitcode)
        if is_stuck:
            how = "made no progress and was ended"
        elif worker.is_worn_out:
            how = "had no memory left, or no files"
        message = f"worker process {worker.process.pid} {how}"
        if not worker.is_ready:
            self._num_unready += 1
            if is_stuck or exitcode is None or exitcode >= 0 or self._num_unready > _MOST_UNREADY:
                hint = _MAIN_GUARD_HINT if self._context.get_start_method() != "fork" else ""
                raise WorkerDiedError(f"{message} before it was ready{hint}", (), exitcode)
        elif worker.jobs:
            if worker.position is not None:
                message += f" while it was on {self._name_of(worker.jobs[0].items[worker.position])!r}"
            worker.jobs[0] = self._what_is_left(worker, is_stuck, how)
        _log.warning("%s; it is replaced, and what it had is tried again", message)
        worker.close()
        with self._starting():
            fresh = self._workers[self._workers.index(worker)] = self._start(worker.number)
        for job in worker.jobs:
            if job.items and job.retries is not None:  # a second job, which waited for its turn
                job = _Job(job.ticket, (), retries=deque([_Retry(job.items[0], job.was_tried), *job.retries]))
            if worker.is_worn_out and job is worker.jobs[0] and job.retries and job.retries[0].reason is None:
                fresh.submit(_next_of(job))  # to no other worker: they may be as worn out
            else:
                self._waiting.append(job)

    def _what_is_left(self, worker: _Worker, is_stuck: bool, how: str) -> _Job:
        """Of the first job of a worker that is gone: the items without results, each to be tried alone, or to fail."""
        job, position = worker.jobs[0], worker.position
        left = [_Retry(item) for item in job.items[job.received :]]
        on = None if position is None else left[position - job.received]
        if on is not None and is_stuck:
            what = f"there was no progress on it for {self._timeout:g} seconds ("
            on.reason = Text(what, Argument("timeout"), "); its worker process was ended")
        elif on is not None and worker.is_worn_out and worker.num_begun > 1:
            on.was_tried = job.was_tried  # those before it took the memory
        elif on is not None or job.retries is not None:
            on = on or left[0]
            on.was_tried = True
            if job.was_tried:
                on.reason = f"the worker process that was on it {how}; twice"
        return _Job(job.ticket, (), retries=deque([*left, *(job.retries or ())]))


def _next_of(job: _Job) -> _Job:
    """What a worker is to get of a job: all of it, or the first of its retries, which takes the others along."""
    if job.retries is None:
        return job
    retry = job.retries.popleft()
    return _Job(job.ticket, [retry.item], retries=job.retries, was_tried=retry.was_tried)


def _shared_numbers(context: Any) -> Any:
    """Of parent and worker: the position of the item that it is on, in its job; how many it has begun; whether it is worn out."""
    if context.get_start_method() == "fork":
        numbers: Any = memoryview(mmap.mmap(-1, 24)).cast("q")  # needs no /dev/shm
    else:
        numbers = context.RawArray("q", 3)
    numbers[0] = _NOT_STARTED
    return numbers


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


def _pack(message: Any) -> memoryview:
    """A message as it goes through a pipe: its length, and then itself."""
    stream = io.BytesIO()
    stream.write(bytes(_LENGTH.size))
    pickle.dump(message, stream, pickle.HIGHEST_PROTOCOL)
    packed = stream.getbuffer()
    _LENGTH.pack_into(packed, 0, len(packed) - _LENGTH.size)
    return packed


def _send(pipe: Connection, message: Any) -> None:
    rest = _pack(message)
    while rest:
        rest = rest[os.write(pipe.fileno(), rest) :]


def _do(work: Callable, item: Any, pid: int) -> Any:
    """The work on an item. What it forks, and leaves running, must not go on here as if it were this process."""
    try:
        return work(item)
    finally:
        if os.getpid() != pid:
            os._exit(0)


def _work_until_told(inbox: Connection, outbox: Connection, work: Any, state: Any) -> None:
    """A worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ticket = -1
    messages = _Inbox(inbox)
    try:
        work.prepare()
        while not state[2]:
            state[0] = _BETWEEN
            message = messages.take()
            if message is None:
                return
            ticket, items = message
            _work_on(ticket, items, outbox, work, state)
    except MemoryError:
        state[2] = 1
    except Exception:
        _send(outbox, (ticket, [], False, traceback.format_exc()))


def _work_on(ticket: int, items: Sequence[Any], outbox: Connection, work: Callable, state: Any) -> None:
    pid = os.getpid()
    results: List[Any] = []
    waiting_bytes = 0
    for position, item in enumerate(items):
        state[0] = position
        state[1] += 1
        results.append(_do(work, item, pid))
        is_worn_out = state[1] > 1 and getattr(work, "is_worn_out", False)  # what fails in a fresh process fails in the next
        if is_worn_out:
            results.pop()
        waiting_bytes += size_of(results[-1]) if results else 0
        is_last = position == len(items) - 1 and not is_worn_out
        if is_last or is_worn_out or waiting_bytes > _FLUSH_BYTES:
            state[0] = _BETWEEN
            if results:
                _send(outbox, (ticket, results, is_last, None))
            results, waiting_bytes = [], 0
        if is_worn_out:
            state[0], state[2] = position, 1
            return


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
