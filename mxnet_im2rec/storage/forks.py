# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A lock for objects that outlive a fork. Does not know the objects."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Callable, Dict, List, Optional


class ForkLock:
    """A lock that a fork waits for, and that is free in the child.

    So nothing that is done under the lock is half done in the child. The thread that has the lock can take it once more.

    Attributes
    ----------
    in_child : callable or None
        Is called, without arguments, in every process that is forked from this one. It must not lead back to the lock: an object
        that owns the lock then goes as soon as nobody refers to it.

    Examples
    --------
    >>> with ForkLock():
    ...     pass
    """

    def __init__(self) -> None:
        self.in_child: Optional[Callable[[], None]] = None
        self._lock = threading.RLock()
        key = id(self)
        _locks[key] = weakref.ref(self, lambda _, forget=_locks.pop: forget(key, None))  # type: ignore[misc]

    def __enter__(self) -> ForkLock:
        self._lock.acquire()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._lock.release()

    def _enter_child(self) -> None:
        self._lock = threading.RLock()
        if self.in_child is not None:
            self.in_child()


_locks: Dict[int, weakref.ref[ForkLock]] = {}
_held: List[ForkLock] = []
_one_fork = threading.RLock()  # two threads that fork at once must not wait for each other's locks


def _before_fork() -> None:
    _one_fork.acquire()
    for each in list(_locks.values()):
        lock = each()
        if lock is not None:
            lock.__enter__()
            _held.append(lock)


def _in_parent() -> None:
    while _held:
        _held.pop().__exit__()
    _one_fork.release()


def _in_child() -> None:
    global _one_fork
    _one_fork = threading.RLock()
    held = list(_held)
    _held.clear()
    for lock in held:
        lock._enter_child()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
