# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Has the system begin to write a file to the disk, by the sync_file_range(2) of Linux, which Python does not have."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_SYNC_FILE_RANGE_WRITE = 2  # fcntl.h


def _find_sync_file_range() -> Any:
    """The function of the C library; None where there is none."""
    function = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


_sync_file_range = _find_sync_file_range()


def begin_to_write_back(path: str, start: int, end: int) -> None:
    """Have the system begin to write a range to the disk, so that little is left to wait for at the end."""
    if _sync_file_range is not None:
        descriptor = os.open(path, os.O_RDONLY)
        _sync_file_range(descriptor, start, end - start, _SYNC_FILE_RANGE_WRITE)
        os.close(descriptor)
