# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The pool of worker processes. One that dies, hangs or runs out of memory is replaced, and takes no other item with it.

When a worker dies:

1. The results that it has sent are taken.
2. A fresh worker takes its place.
3. Its other items go to the workers once more, each alone. Only the item that it was on counts as tried.
4. An item on which a second worker dies is given up: ``failure_of`` makes its result.

When a worker is stuck, which means on one item for longer than ``timeout``, it is killed, and its item is given up at once.
The rest is as above. Seconds in which this process was stopped or busy, and so did not look at its workers, do not count.

When a worker runs out of memory or files on an item that is not its first, the items before have used them up:

1. The worker sends the results that it has, says that it is worn out, and ends.
2. Its item does not count as tried, and goes to the fresh worker. The others may be as worn out.
3. If the fresh worker has no room for the item either, what the work returns is its result.

When a worker dies before it is ready, another one would most likely die too, so WorkerDiedError is raised. Where a signal ended
the worker, it may have come from outside: then a fresh worker starts, up to three times without a result.
"""

from __future__ import annotations

import logging
import os
import select
import time
from collections import deque
from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Deque, List, Optional, Sequence, Set, Tuple

from ..errors import WorkerDiedError
from ..text import Argument, Text
from .jobs import Job
from .pool import CHUNKS_A_WORKER, Results
from .shared import Output, RingReader
from .worker import LEAVE_SECONDS, Worker, start_worker

_log = logging.getLogger("mxnet_im2rec")

_LOOK_SECONDS = 1.0  # how often to look whether workers are alive, since not every end closes a pipe
_READY_SECONDS = 300.0  # how long a worker may take to load what it needs, where a limit is set at all
_MOST_UNREADY = 3  # how many workers, one after the other, signals may end before they are ready
_MAIN_GUARD_HINT = (
    ". With this start method a worker imports the main script, so that the call must stand under if __name__ == '__main__':"
)


class ProcessPool:
    """Worker processes: started on entering, gone on leaving, whatever happens in between.

    Parameters
    ----------
    work : callable
        From an item to its result. Every worker first calls its method ``prepare``, once. It may have an attribute
        ``is_worn_out``: whether the last item failed because this process lacks memory, or the like, which a fresh process has.
        With a start method other than fork it must pickle. Items and results must pickle always.
    num_workers : int
        How many processes.
    context : multiprocessing context
        How they start.
    failure_of : callable
        From an item that is given up, and the reason, to its result. By default the reason is the result.
    name_of : callable
        From an item to what messages call it, and ``WorkerDiedError.paths``.
    timeout : float, optional
        In seconds: a worker that is on one item for longer is killed.
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
        self._workers: List[Worker] = []
        self._rings_of_dead: List[RingReader] = []  # of workers that have ended, perhaps with orders that are not done
        self._output: Optional[Tuple[Output, int]] = None  # the file that results are written into, and our descriptor of it
        self._waiting: Deque[Job] = deque()  # what is left of the jobs of workers that ended
        self._last_look = time.monotonic()  # for workers that are stuck
        self._num_unready = 0  # workers that died before they were ready, since the last result
        self.capacity = num_workers * CHUNKS_A_WORKER

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
                    worker.ask_to_end()
                for worker in self._workers:
                    worker.process.join(LEAVE_SECONDS)
        finally:
            self._close()

    def _start(self, number: int) -> Worker:
        return start_worker(self._context, self._work, number, self._num_workers)

    def _close(self) -> None:
        """Kill every worker that is left: it holds nothing that must be saved."""
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._workers.pop().close()
        if self._output is not None:
            os.close(self._output[1])
            self._output = None

    def has_room(self) -> bool:
        return not self._waiting and any(len(worker.jobs) < CHUNKS_A_WORKER for worker in self._workers)

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        """Give the chunk to the worker with the fewest jobs."""
        self._least_busy().submit(Job(ticket, chunk))

    def _least_busy(self) -> Worker:
        return min(self._workers, key=lambda worker: len(worker.jobs))

    def collect(self) -> Results:
        """Wait for results of any chunk. Raises WorkerDiedError if the work raises, or if workers cannot be made ready."""
        while True:
            results = self._submit_waiting()
            signalled = self._wait(0 if results else _LOOK_SECONDS)
            dead: Set[Worker] = set()
            is_quiet = not results
            for worker in self._workers:
                worker.flush()
                if worker.reader.pipe.fileno() in signalled:
                    is_quiet = False
                    try:
                        results += self._receive(worker)
                    except EOFError:  # the pipe is closed, perhaps in the middle of a reply
                        dead.add(worker)
            if is_quiet:
                # A pipe does not close where the worker's own child holds it open. So look at the processes too, but only when
                # nothing comes any more: what a worker sent before it died is taken first.
                dead.update(worker for worker in self._workers if not worker.process.is_alive() and worker.is_silent)
            stuck = self._find_stuck() - dead
            for worker in sorted(dead | stuck, key=lambda each: each.number):
                self._replace(worker, worker in stuck)
            if results:
                return results

    def _receive(self, worker: Worker) -> Results:
        reply = worker.receive(self._name_of)
        if reply is None:
            return []
        self._num_unready = 0
        if reply.finished is not None and reply.finished.retries:
            self._waiting.append(Job(reply.ticket, (), retries=reply.finished.retries))
        return [(reply.ticket, reply.results)]

    def write_into(self, path: str, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self._output = Output(path, status.st_dev, status.st_ino), os.dup(descriptor)
        for worker in self._workers:
            worker.write_into(*self._output)

    def finish_writes(self) -> None:
        while self._rings_of_dead:
            self._rings_of_dead[-1].finish_orders()
            self._rings_of_dead.pop()
        for worker in self._workers:
            worker.ring.finish_orders()

    def _wait(self, seconds: float) -> Set[int]:
        """Wait until a worker sends something, ends, or has room for what is unsent. The file descriptors that say so."""
        poll = select.poll()
        for worker in self._workers:
            poll.register(worker.reader.pipe, select.POLLIN)
            poll.register(worker.process.sentinel, select.POLLIN)
            if worker.has_unsent:
                poll.register(worker.outbox, select.POLLOUT)
        return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}

    def _submit_waiting(self) -> Results:
        """Submit what is left of ended workers' jobs, as far as there is room. The results of items that are given up."""
        results: Results = []
        for _ in range(len(self._waiting)):
            job = self._waiting.popleft()
            while job.retries and job.retries[0].reason is not None:
                retry = job.retries.popleft()
                results.append((job.ticket, [self._failure_of(retry.item, retry.reason or "")]))
            if job.retries is not None and not job.retries:
                continue
            worker = self._least_busy()
            if len(worker.jobs) == CHUNKS_A_WORKER:
                self._waiting.append(job)
            else:
                worker.submit(job.next_part())
        return results

    def _find_stuck(self) -> Set[Worker]:
        """The workers that have made no progress for too long."""
        now = time.monotonic()
        since, self._last_look = min(now - self._last_look, 2 * _LOOK_SECONDS), now  # more is time in which nobody looked
        stuck: Set[Worker] = set()
        if self._timeout is None:
            return stuck
        for worker in self._workers:
            limit = self._timeout if worker.is_ready else max(self._timeout, _READY_SECONDS)
            if worker.seconds_still(since) > limit and worker.is_silent:  # one that has sent something waits for this process
                stuck.add(worker)
        return stuck

    def _replace(self, worker: Worker, is_stuck: bool) -> None:
        """Put a fresh worker in the place of one that is dead or stuck, and see to its jobs."""
        if is_stuck:
            worker.process.kill()
        how, exitcode = worker.how_it_ended()
        if is_stuck:
            how = "made no progress and was ended"
        message = f"worker process {worker.process.pid} {how}"
        if not worker.is_ready:
            self._num_unready += 1
            is_by_signal = not is_stuck and exitcode is not None and exitcode < 0
            if not is_by_signal or self._num_unready > _MOST_UNREADY:
                hint = _MAIN_GUARD_HINT if self._context.get_start_method() != "fork" else ""
                raise WorkerDiedError(f"{message} before it was ready{hint}", (), exitcode)
        elif worker.jobs:
            if worker.position is not None:
                message += f" while it was on {self._name_of(worker.jobs[0].items[worker.position])!r}"
            worker.jobs[0] = self._what_is_left(worker, is_stuck, how)
        _log.warning("%s; it is replaced, and what it had is tried again", message)
        worker.close()
        self._rings_of_dead.append(worker.ring)
        with self._starting():
            fresh = self._workers[self._workers.index(worker)] = self._start(worker.number)
        if self._output is not None:
            fresh.write_into(*self._output)
        for job in worker.jobs:
            is_first = job is worker.jobs[0]
            job = job.as_retries()
            if is_first and worker.is_worn_out and job.retries and job.retries[0].reason is None:
                fresh.submit(job.next_part())
            else:
                self._waiting.append(job)

    def _what_is_left(self, worker: Worker, is_stuck: bool, how: str) -> Job:
        """What is left of the first job of a worker that has ended: retries, and the reasons to give items up."""
        job, position = worker.jobs[0], worker.position
        left = job.left()
        on = None if position is None else left[position - job.num_received]
        if on is not None and is_stuck:
            what = f"there was no progress on it for {self._timeout:g} seconds ("
            on.reason = Text(what, Argument("timeout"), "); its worker process was ended")
        elif on is not None and worker.is_worn_out and worker.num_begun > 1:
            on.was_tried = job.was_tried  # the items before it have used up the memory
        elif on is not None or job.retries is not None:  # an item that is retried is the only one, so the worker was on it
            on = on or left[0]
            on.was_tried = True
            if job.was_tried:
                on.reason = f"the worker process that was on it {how}; twice"
        return Job(job.ticket, (), retries=left)
