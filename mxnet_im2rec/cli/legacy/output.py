# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What im2rec.py says: results to stdout as MXNet's tool prints them, everything else to stderr. Knows nothing of lists."""

from __future__ import annotations

import sys
from typing import Any

from ...errors import OutputError
from ...text import Argument, Name, reword
from ...transforms import reasons
from ..output import StdoutError, say, write_stdout

PROG = "im2rec.py"
AS_FILE_NAMES: Any = {"encoding": sys.getfilesystemencoding(), "errors": "surrogateescape"}
"""How lists are opened, so that the names in them keep their bytes."""

_OPTIONS = {"num_workers": "--num-thread", "output_path": "PREFIX", "pass_through": "--pass-through"}


def warn(text: str) -> None:
    """A line on stderr that is about the call as a whole."""
    say(f"{PROG}: {text}")


def print_as_it_is(text: str) -> None:
    """Print to stdout. Where nobody listens any more the work goes on, and what is printed is lost."""
    try:
        write_stdout(text)
    except StdoutError as error:
        if not isinstance(error.__cause__, BrokenPipeError):
            assert error.__cause__ is not None
            raise OutputError(f"cannot print: {reason_of(error.__cause__)}") from None


def worded(message: str) -> str:
    """A message of the library with the names of the options that im2rec.py has."""
    return reword(message, _word)


def _word(name: Name) -> str:
    return _OPTIONS.get(name.name, str(name)) if isinstance(name, Argument) else str(name)


def reason_of(error: BaseException) -> str:
    """An error as one line; of OpenCV's without the place in its own code."""
    said = getattr(error, "err", None)
    return f"{type(error).__name__}: {' '.join(said.split())}" if said else reasons.reason_of(error)
