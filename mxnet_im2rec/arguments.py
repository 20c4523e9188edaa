# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments that several functions take: each gives the value, or raises what a caller is to be told."""

from __future__ import annotations

import multiprocessing
import numbers
from typing import Any, Optional

import numpy as np

from .cpus import usable_cpus

_LEAST_LIMIT, _WORKERS_A_CPU = 64, 16  # more workers than this make nothing faster, and thousands take the machine down


def whole_number(name: str, value: Any, least: Optional[int] = None) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if least is not None and value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return int(value)


def number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if value != value:
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def seconds(name: str, value: Any) -> float:
    """A time to wait, more than none."""
    found = number(name, value)
    if found <= 0:
        raise ValueError(f"{name} must be more than 0 seconds, not {value!r}")
    return found


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, (int, np.bool_)) or value not in (True, False):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def progress(value: Any) -> Any:
    """What :func:`mxnet_im2rec.progress.open_progress` takes."""
    if not (value is None or isinstance(value, bool) or callable(value)):
        raise TypeError(f"progress must be None, True, False or callable, not {value!r}")
    return value


def most_workers() -> int:
    """How many workers, be they processes or threads, a caller may ask for."""
    return max(_LEAST_LIMIT, _WORKERS_A_CPU * usable_cpus())


def few_enough(name: str, count: int) -> int:
    """A number of workers that does not take the machine down."""
    most = most_workers()
    if count > most:
        raise ValueError(f"{name} must be at most {most} here, not {count}; the CPUs that there are to use: {usable_cpus()}")
    return count


def workers(num_workers: Any, needs_processes: bool = True) -> int:
    """How many workers: those that are asked for, or one less than there are CPUs.

    Where they need not be processes, because the work is reading files, none is the default.
    """
    is_daemon = multiprocessing.current_process().daemon  # which may not have children by multiprocessing
    if num_workers is None:
        return max(usable_cpus() - 1, 1) if needs_processes and not is_daemon else 0
    num_workers = few_enough("num_workers", whole_number("num_workers", num_workers, 0))
    if num_workers and is_daemon and needs_processes:
        raise ValueError("this is a daemonic process, which may not have worker processes; give num_workers=0")
    return num_workers
