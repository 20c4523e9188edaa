# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The workers of a run: from what a caller asks for to the pool. Knows no list and no writer."""

from __future__ import annotations

import multiprocessing
from typing import Any, Optional, Union

from ..engine.processes import ProcessPool
from ..engine.serial import SerialPool
from ..engine.threads import ThreadPool
from ..errors import ArgumentTypeError, ArgumentValueError
from ..transforms.processes import ready_to_fork
from ..values import Failure, ListEntry

CHUNK_ENTRIES = 8  # what goes to a worker at once
BYTES_IN_FLIGHT = 256 << 20  # of records that wait for their turn


def open_pool(
    work: Any, num_workers: int, mp_context: Any, timeout: Optional[float]
) -> Union[SerialPool, ThreadPool, ProcessPool]:
    """The workers for a callable from an entry to its record, with ``pass_through``; 0 is the calling process."""
    if num_workers == 0:
        return SerialPool(work)
    if work.pass_through:
        return ThreadPool(work, num_workers)
    return ProcessPool(
        work,
        num_workers,
        _context(mp_context),
        failure_of=_failure_of_worker,
        name_of=lambda entry: str(entry.path),
        timeout=timeout,
        starting=ready_to_fork,
    )


def _context(mp_context: Any) -> Any:
    if mp_context is None or isinstance(mp_context, str):
        methods = multiprocessing.get_all_start_methods()
        if mp_context is not None and mp_context not in methods:
            raise ArgumentValueError("mp_context", f"must be one of {', '.join(map(repr, methods))}", mp_context)
        return multiprocessing.get_context(mp_context)
    if not hasattr(mp_context, "RawValue"):
        raise ArgumentTypeError("mp_context", "must be the name of a start method or a multiprocessing context", mp_context)
    return mp_context


def _failure_of_worker(entry: Union[ListEntry, Failure], reason: str) -> Failure:
    return entry if isinstance(entry, Failure) else Failure(entry.line, entry.index, entry.path, "worker", reason)
