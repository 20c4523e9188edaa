# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The pool of threads."""

from __future__ import annotations

import atexit
import threading
from queue import SimpleQueue
from typing import Any, Callable, Sequence

from .pool import CHUNKS_A_WORKER, Results

_LEAVE_SECONDS = 5.0  # how long leaving waits for a thread; one that hangs in a system call ends with the process


class ThreadPool:
    """Works in threads. Good for work that waits more than it computes, such as reading files: no result is copied.

    What the work raises, collect() raises.
    """

    def __init__(self, work: Callable[[Any], Any], num_workers: int) -> None:
        self._work = work
        self._inbox: SimpleQueue = SimpleQueue()
        self._outbox: SimpleQueue = SimpleQueue()
        self._num_chunks = 0  # submitted, and not collected
        self._is_leaving = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(num_workers)]
        self.capacity = num_workers * CHUNKS_A_WORKER

    def __enter__(self) -> ThreadPool:
        atexit.register(self.__exit__)  # a thread that comes back from OpenCV while Python ends would abort the process
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._is_leaving = True
        for _ in self._threads:
            self._inbox.put(None)
        for thread in self._threads:
            thread.join(_LEAVE_SECONDS)
        atexit.unregister(self.__exit__)

    def has_room(self) -> bool:
        return self._num_chunks < self.capacity

    def submit(self, ticket: int, chunk: Sequence[Any]) -> None:
        self._num_chunks += 1
        self._inbox.put((ticket, chunk))

    def collect(self) -> Results:
        """Wait for all results of some chunk."""
        ticket, results = self._outbox.get()
        if isinstance(results, BaseException):
            raise results
        self._num_chunks -= 1
        return [(ticket, results)]

    def write_into(self, path: str, descriptor: int) -> None:
        """Nothing is left to the workers here: they share the caller's memory."""

    def finish_writes(self) -> None:
        """There is nothing to wait for."""

    def _run(self) -> None:
        """A thread's whole life: chunk after chunk, until it gets None."""
        for ticket, chunk in iter(self._inbox.get, None):
            try:
                results = [self._work(item) for item in chunk if not self._is_leaving]
            except BaseException as error:  # collect() raises it, in the caller's thread
                self._outbox.put((ticket, error))
            else:
                self._outbox.put((ticket, results))
