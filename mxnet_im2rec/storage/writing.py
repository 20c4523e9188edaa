# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Writes text files that appear only when they are whole. Knows nothing of what they hold."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from typing import Callable, Iterable, Sequence, Tuple


def write_whole(
    files: Sequence[Tuple[str, Iterable[str]]],
    encoding: str = "utf-8",
    errors: str = "strict",
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Write files, each a path and its text in parts, beside their places; put them there when all are whole.

    What was at a place is replaced; ``ready``, which is called before that, may raise. If anything raises, the parts included, no
    partial file is left.
    """
    token = f".{uuid.uuid4().hex[:12]}.partial"
    try:
        for path, parts in files:
            with open(path + token, "x", encoding=encoding, errors=errors, newline="\n") as stream:
                stream.writelines(parts)
                stream.flush()
                os.fsync(stream.fileno())
        ready()
        for path, _ in files:
            os.replace(path + token, path)
    finally:
        for path, _ in files:
            with suppress(OSError):  # it is in its place
                os.unlink(path + token)
