# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What OpenCV, MXNet and the C library need where worker processes are started. Knows nothing of images or entries."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager
from typing import Iterator

from ..images.codec import one_thread
from ..mxnet_compat import flush_c_streams, wait_for_operators
from ..opencv_compat import cv2

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _KEPT_BYTES = -1, -3, 256 << 20  # malloc.h
_MOST_IN_OLD_GLIBC = 32 << 20  # bytes that _M_MMAP_THRESHOLD may be


@contextmanager
def ready_to_fork() -> Iterator[None]:
    """Make this process ready for a fork, as long as the context lasts.

    1. MXNet has finished its operators, and no failure waits in one of its threads.
    2. Nothing waits in a stream of the C library: the forked process would write it a second time.
    3. OpenCV has one thread: a forked process waits without end for threads that it does not have.
    """
    wait_for_operators()
    flush_c_streams()
    with one_thread():
        yield


def prepare_worker_process() -> None:
    """Make a worker process ready. It computes with one thread, since there is a process for every core."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for an MXNet that is loaded later; a forked MXNet sees to it itself
    if cv2.getNumThreads() != 1:  # a forked worker has one already
        cv2.setNumThreads(1)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have glibc keep the memory that an image has freed for the next image.

    By default glibc gives it back to the system, and each page has to be fetched again. For photos of 500 x 375 that are decoded
    and encoded this saves 50 page faults each, and a twentieth of the CPU time. Only a worker process may do so: it has nothing
    else to do.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # other C libraries have no mallopt
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES) or mallopt(_M_MMAP_THRESHOLD, _MOST_IN_OLD_GLIBC)
