# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The image record's header and labels, to bytes. Opens no file and knows nothing of RecordIO's frames.

A record starts with 24 bytes, little-endian: flag (uint32), label (float32), id (uint64), id2 (uint64). With flag 0 the one
label stands in the header; with flag n > 0, n float32 labels follow it (``IRHeader`` in MXNet's recordio.py).
"""

from __future__ import annotations

import struct
from typing import Sequence

MAX_INDEX = 2**64 - 1

_HEADER = struct.Struct("<IfQQ")
_FLOAT32 = struct.Struct("<f")


def pack_header(index: int, labels: Sequence[float]) -> bytes:
    """The header, and the labels behind it where there is more than one.

    Parameters
    ----------
    index : int
        The image's id, from 0 to 2**64 - 1.
    labels : sequence of float
        At least one label. One goes into the header itself (flag 0), more become an array of float32 (flag = count).

    Returns
    -------
    bytes
        To be put before the image's bytes.

    Examples
    --------
    >>> len(pack_header(7, [1.0])), len(pack_header(7, [1.0, 2.0]))
    (24, 32)
    """
    if len(labels) == 1:
        return _HEADER.pack(0, labels[0], index, 0)
    return _HEADER.pack(len(labels), 0.0, index, 0) + struct.pack(f"<{len(labels)}f", *labels)


def as_float32(value: float) -> float:
    """The label as a reader will see it; ``OverflowError`` where float32 has no such number."""
    return _FLOAT32.unpack(_FLOAT32.pack(value))[0]
