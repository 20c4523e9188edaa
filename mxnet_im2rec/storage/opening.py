# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""How files are opened whose names come from a list. Knows nothing of their contents."""

from __future__ import annotations

import os


def open_without_waiting(path: str, flags: int) -> int:
    """The ``opener`` of open() for a path that may be a named pipe: to open one would wait until someone writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)
