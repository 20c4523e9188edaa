# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Around a call of the library: its progress, its log and its warnings go to stderr. Does not know which function it is."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
import time
import warnings
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import Any, Callable, Iterator, List, Optional, Union

import click

from ..progress import open_progress
from ..text import message_of
from ..values import DamagedImage, Failure
from .options import verbosity
from .output import describe_damage, describe_failure, name_of, say
from .signals import as_raised
from .wording import worded

LINE_SECONDS = 10.0  # between two lines of progress, where there is no terminal

_NAME, _RECEIVED = "mxnet_im2rec.name", "mxnet_im2rec.received"

Progress = Callable[..., None]
"""Called with how many are done, of how many if that is known, and how many of them failed."""


@contextmanager
def at_work(name: str, unit: str = "") -> Iterator[Progress]:
    """Around a call of the library: gives what to pass as its `progress`, and sees to what it logs and warns of.

    ``name`` is what is being worked on, such as the list's file name, and ``unit`` what is counted. What a transform prints
    goes to stderr too, so that stdout holds the result alone.
    """
    context = click.get_current_context()
    quiet = verbosity() < 0
    context.meta[_NAME] = name
    with ExitStack() as stack:
        stack.enter_context(_stdout_kept())
        stack.enter_context(_logging(name, verbosity()))
        stack.enter_context(_warnings(quiet))
        show_progress: Progress = ProgressLines(name, unit)
        if quiet:
            show_progress = _show_nothing
        elif sys.stderr is not None and sys.stderr.isatty():
            show_progress = _Bar(stack)
        received = context.meta.get(_RECEIVED, [])

        def progress(done: int, total: Optional[int] = None, failed: int = 0) -> None:
            if received:  # something in between has kept for itself what the signal raised, as MXNet does while it is loaded
                raise as_raised(received[-1])
            show_progress(done, total, failed)

        yield progress


def work_name(context: click.Context) -> str:
    """What is, or was last, being worked on."""
    return context.meta[_NAME]


def watch_signals(context: click.Context, received: List[int]) -> None:
    """Have the progress raise the signals that are in this list, or come into it."""
    context.meta[_RECEIVED] = received


def _show_nothing(done: int, total: Optional[int], failed: int) -> None:
    pass


class _Bar:
    """The library's own bar, from the first call on; closed with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._advance: Optional[Callable[[int, int], None]] = None

    def __call__(self, done: int, total: Optional[int], failed: int) -> None:
        if self._advance is None:
            self._advance = self._stack.enter_context(open_progress(True, lambda: total))
        self._advance(done, failed)


class ProgressLines:
    """A line of progress now and then, for logs.

    Examples
    --------
    >>> progress = ProgressLines('photos.lst')
    >>> progress(1, 50_000, 0)  # nothing, it has only just begun
    """

    def __init__(self, name: str, unit: str = "") -> None:
        self._begin = f"{name_of(name)}: "
        self._unit = f" {unit}" if unit else ""
        self._last = time.monotonic()

    def __call__(self, done: int, total: Optional[int] = None, failed: int = 0) -> None:
        now = time.monotonic()
        if now - self._last < LINE_SECONDS:
            return
        self._last = now
        of_total = "" if total is None else f" of {total:,}"
        failures = f", {failed:,} failed" if failed else ""
        say(f"{self._begin}{done:,}{of_total}{self._unit}{failures}")


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """Send to stderr whatever is printed meanwhile, worker processes and C libraries included."""
    if sys.stdout is not None:
        sys.stdout.flush()
    with ExitStack() as stack:
        with suppress(OSError):  # one of them is closed
            kept = os.dup(1)
            stack.callback(os.close, kept)
            os.dup2(2, 1)
            stack.callback(os.dup2, kept, 1)
        stack.enter_context(redirect_stdout(sys.stderr))
        yield


class _LogLines(logging.Handler):
    """The library's log as lines; a failure begins with the list's name and the line in it."""

    def __init__(self, list_name: str) -> None:
        super().__init__()
        self._list_name = name_of(list_name)

    def emit(self, record: logging.LogRecord) -> None:
        subject = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if isinstance(subject, Failure):
            say(describe_failure(subject, self._list_name))
            if subject.traceback and verbosity() > 0:
                say(textwrap.indent(subject.traceback.rstrip(), "  "))
            return
        if isinstance(subject, DamagedImage):
            say(describe_damage(subject, self._list_name))
            return
        message = worded(record.msg)  # before record.getMessage(), which would give a plain str
        say(f"{record.levelname.lower()}: {message % record.args if record.args else message}")


@contextmanager
def _logging(list_name: str, level: int) -> Iterator[None]:
    logger = logging.getLogger("mxnet_im2rec")
    before = logger.level, logger.propagate
    handler = _LogLines(list_name)
    logger.addHandler(handler)
    logger.setLevel([logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG][max(0, min(level + 1, 3))])
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


@contextmanager
def _warnings(quiet: bool) -> Iterator[None]:
    """Python's warnings as plain lines."""

    def show_line(message: Union[Warning, str], category: type, *place: Any, **more: Any) -> None:
        if not quiet and not issubclass(category, DeprecationWarning):  # which is for those who write MXNet
            text = message if isinstance(message, str) else worded(message_of(message))
            say(f"warning: {' '.join(text.split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show_line
        yield
