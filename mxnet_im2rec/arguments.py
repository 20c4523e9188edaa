# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments that several functions take. Each check gives the value, or raises an error that says what is wrong.

Knows no function by name, and does not know what the arguments are for.
"""

from __future__ import annotations

import multiprocessing
import numbers
import os
from typing import Any, Iterable, Optional

import numpy as np

from .cpus import usable_cpus
from .errors import ArgumentTypeError, ArgumentValueError
from .text import Argument, Text

_LEAST_LIMIT, _WORKERS_A_CPU = 64, 16  # more workers than this make nothing faster, and thousands take the machine down


def whole_number(name: str, value: Any, least: Optional[int] = None) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ArgumentTypeError(name, "must be a whole number", value)
    if least is not None and value < least:
        raise ArgumentValueError(name, f"must be at least {least}", int(value))
    return int(value)


def number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ArgumentTypeError(name, "must be a number", value)
    if value != value:
        raise ArgumentValueError(name, "must be a number", value)
    return float(value)


def seconds(name: str, value: Any) -> float:
    """A time to wait, more than none."""
    found = number(name, value)
    if found <= 0:
        raise ArgumentValueError(name, "must be more than 0 seconds", value)
    return found


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, (int, np.bool_)) or value not in (True, False):
        raise ArgumentTypeError(name, "must be True or False", value)
    return bool(value)


def color(value: Any) -> int:
    if isinstance(value, numbers.Real) and value in (1, 0, -1):
        return int(float(value))
    raise ArgumentValueError("color", "must be 1 (RGB), 0 (grey) or -1 (as stored)", value)


def progress(value: Any, may_be_flag: bool = True) -> Any:
    """What receives the progress. With ``may_be_flag`` it is as :func:`mxnet_im2rec.progress.open_progress` takes it."""
    if not (value is None or callable(value) or (may_be_flag and isinstance(value, bool))):
        raise ArgumentTypeError("progress", f"must be None{', True, False' if may_be_flag else ''} or callable", value)
    return value


def path(name: str, value: Any) -> str:
    """A path as a str."""
    found = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(found, str):
        raise ArgumentTypeError(name, "must be a str or a PathLike of str", value)
    return found


def folder(name: str, value: Any) -> str:
    """The absolute path of a folder that is there."""
    found = os.path.abspath(path(name, value))
    if not os.path.isdir(found):
        raise NotADirectoryError(Text(Argument(name), f" {found!r} is no folder"))
    return found


def refuse_existing(paths: Iterable[str], overwrite: bool) -> None:
    """Refuse to replace an output that is there already, unless the caller has asked for that.

    For functions that make something new and take ``overwrite``. Call it before anything is written.

    Raises
    ------
    FileExistsError
        If one of the paths is there, be it a file, a folder or a link, and ``overwrite`` is False.
    """
    for each in () if flag("overwrite", overwrite) else paths:
        if os.path.lexists(each):
            advice = Text("; give another name, or ", Argument("overwrite", True), " to replace it")
            raise FileExistsError(f"{each!r} is there already" + advice)


def most_workers() -> int:
    """How many workers, be they processes or threads, a caller may ask for."""
    return max(_LEAST_LIMIT, _WORKERS_A_CPU * usable_cpus())


def few_enough(name: str, count: int) -> int:
    """A number of workers that does not take the machine down."""
    most = most_workers()
    if count > most:
        raise ArgumentValueError(name, f"must be at most {most} here", count, f"the CPUs that there are to use: {usable_cpus()}")
    return count


def workers(num_workers: Any, needs_processes: bool = True, num_spared: int = 1) -> int:
    """How many workers: those that are asked for, or one for each CPU, except those that are spared for the calling process.

    Where they need not be processes, because the work is reading files, none is the default.
    """
    is_daemon = multiprocessing.current_process().daemon  # which may not have children by multiprocessing
    if num_workers is None:
        return max(usable_cpus() - num_spared, 1) if needs_processes and not is_daemon else 0
    num_workers = few_enough("num_workers", whole_number("num_workers", num_workers, 0))
    if num_workers and is_daemon and needs_processes:
        rule = "asks for processes, which a daemonic process may not have"
        raise ArgumentValueError("num_workers", rule, help=Text("give ", Argument("num_workers", 0)))
    return num_workers
