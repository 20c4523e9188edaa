# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The pool without workers."""

from __future__ import annotations

import os
from collections import deque
from typing import Any, Callable, Deque, Sequence, Tuple

from .pool import Results, do_work


class SerialPool:
    """Works in the calling process, on one item at a time, when the results are collected.

    What the work raises, collect() raises.
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

    def collect(self) -> Results:
        """Do the next item's work."""
        ticket, item = self._waiting.popleft()
        return [(ticket, [do_work(self._work, item, self._pid)])]

    def write_into(self, path: str, descriptor: int) -> None:
        """Nothing is left to the workers here: they share the caller's memory."""

    def finish_writes(self) -> None:
        """There is nothing to wait for."""
