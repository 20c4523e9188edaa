# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Signals that end a command: they raise an exception, so that everything is cleared up first. The same for every command."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from types import FrameType
from typing import Any, Dict, Iterator, List, Optional

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REPEAT_SECONDS = 3.0  # a signal that comes again within it does not disturb the clearing up after the first
_AGAIN_SECONDS = 0.05  # until a signal is sent again that came at a moment when nothing can be raised


class Interrupted(BaseException):
    """A signal asks this process to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def as_raised(signum: int) -> BaseException:
    return KeyboardInterrupt() if signum == signal.SIGINT else Interrupted(signum)


def leave_signals(code: Any) -> None:
    """Have signals raise nothing any more: everything is cleared up, and only Python's and MXNet's own end is left."""
    for each in _SIGNALS:
        if signal.getsignal(each) not in (signal.SIG_IGN, None):
            signal.signal(each, signal.SIG_IGN if isinstance(code, int) and code > 128 else signal.SIG_DFL)


@contextmanager
def signals_raise() -> Iterator[List[int]]:
    """Let SIGINT, SIGTERM and SIGHUP raise, so that everything is cleared up before the process ends.

    Gives a list that those which were received come into.
    """
    received: List[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    process, last = os.getpid(), -math.inf

    def stop(signum: int, frame: Optional[FrameType]) -> None:
        nonlocal last
        if os.getpid() != process:  # a worker that was forked: its parent does what is to be done
            os._exit(128 + signum)
        now = time.monotonic()
        if now - last >= _REPEAT_SECONDS:
            last = now
            received.append(signum)
            raise as_raised(signum)

    def stop_after_all(unraisable: Any) -> None:
        """Python swallows what is raised in a finalizer or a callback: send the signal again, when that is over."""
        nonlocal last
        if not issubclass(unraisable.exc_type, (KeyboardInterrupt, Interrupted)) or os.getpid() != process:
            hook_before(unraisable)
            return
        last = -math.inf
        signum = getattr(unraisable.exc_value, "signum", signal.SIGINT)
        threading.Timer(_AGAIN_SECONDS, os.kill, (process, signum)).start()

    def say_unless_stopped(kind: Any, error: Any, trace: Any) -> None:
        """A module in C prints what is raised while it is loaded, and raises an ImportError of its own."""
        if not issubclass(kind, (KeyboardInterrupt, Interrupted)):
            except_before(kind, error, trace)

    before: Dict[int, Any] = {}
    for each in _SIGNALS:
        if signal.getsignal(each) not in (signal.SIG_IGN, None):  # nohup ignores SIGHUP, a shell's background job SIGINT
            before[each] = signal.signal(each, stop)
    hooks_before = hook_before, except_before = sys.unraisablehook, sys.excepthook
    sys.unraisablehook, sys.excepthook = stop_after_all, say_unless_stopped
    try:
        yield received
    finally:
        sys.unraisablehook, sys.excepthook = hooks_before
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def insisting(received: List[int]) -> Iterator[None]:
    """Raise the signal that was received, where something has caught it and raised another error in its place."""
    try:
        yield
    except BaseException as error:
        if received and not isinstance(error, (KeyboardInterrupt, Interrupted)):
            raise as_raised(received[-1]) from error
        raise
