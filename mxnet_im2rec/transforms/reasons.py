# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Says in one line why an image failed, and whether its process can go on. Knows errors, and nothing of images."""

from __future__ import annotations

import errno
import traceback
from types import TracebackType
from typing import Optional

from ..mxnet_compat import explain
from ..text import Text, message_of

_PACKAGE = __name__.partition(".")[0]
_NO_MEMORY = (
    "Failed to allocate",
    "Insufficient memory",
    "bad_alloc",
    "ut of memory",
    "annot allocate memory",
)  # OpenCV, MXNet, ...
_NO_FILES = (errno.EMFILE, errno.ENFILE)
_LONGEST = 500  # characters of another library's message


def reason_of(error: BaseException) -> str:
    """An error as one line. The messages of this package are complete; the others need the name of their type."""
    if isinstance(error, OSError) and isinstance(error.strerror, str):
        return _on_one_line(f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror)
    if error.args and isinstance(error.args[0], Text):  # this package's, and on one line already
        return message_of(error)
    text = _text_of(error)[:_LONGEST]
    if type(error).__module__.partition(".")[0] == _PACKAGE:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def traceback_of(error: BaseException) -> str:
    """The traceback, which begins behind the frames of this package; empty where all frames are this package's."""
    trace: Optional[TracebackType] = error.__traceback__
    while trace is not None and str(trace.tb_frame.f_globals.get("__package__")).partition(".")[0] == _PACKAGE:
        trace = trace.tb_next
    return "" if trace is None else "".join(traceback.format_exception(type(error), error, trace))


def has_used_up_its_process(error: BaseException) -> bool:
    """Whether the error says that the process has no memory left, or can open no more files."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in _NO_FILES:
        return True
    return any(words in _text_of(error) for words in _NO_MEMORY)


def _text_of(error: BaseException) -> str:
    try:
        return _on_one_line(explain(error))
    except Exception:  # the message itself fails: the type of the error is all that can be said
        return ""


def _on_one_line(text: str) -> str:
    """The text on one line, with nothing in it that changes a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
