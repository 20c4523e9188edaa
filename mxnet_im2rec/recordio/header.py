# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The image record's header and labels, to bytes and back. Opens no file and knows nothing of RecordIO's frames.

A record starts with 24 bytes, little-endian: flag (uint32), label (float32), id (uint64), id2 (uint64). With flag 0 the one
label stands in the header; with flag n > 0, n float32 labels follow it (``IRHeader`` in MXNet's recordio.py).
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Sequence, Union

import numpy as np

_HEADER = struct.Struct("<IfQQ")


def pack_header(index: int, labels: Sequence[float]) -> bytes:
    """The header, to be put before the image's bytes, with the labels behind it where there is more than one.

    One label goes into the header itself (flag 0), more become an array of float32 (flag = count).

    Examples
    --------
    >>> len(pack_header(7, [1.0])), len(pack_header(7, [1.0, 2.0]))
    (24, 32)
    """
    if len(labels) == 1:
        return _HEADER.pack(0, labels[0], index, 0)
    return _HEADER.pack(len(labels), 0.0, index, 0) + struct.pack(f"<{len(labels)}f", *labels)


class Header(NamedTuple):
    """What stands before a record's image."""

    index: int  # type: ignore[assignment]  # in the place of tuple.index
    labels: np.ndarray  # (n,) float32
    flag: int  # 0: the label is the header's own; n: n labels follow the header
    size: int  # how many bytes all of it takes
    id2: int  # the second id, which nobody uses: 0


def unpack_header(payload: Union[bytes, memoryview]) -> Header:
    """Read the header and the labels at the begin of a record.

    ValueError if it is too short for them; its two arguments are what was expected and what was found.

    Examples
    --------
    >>> unpack_header(pack_header(7, [1.0, 2.5]))
    Header(index=7, labels=array([1. , 2.5], dtype=float32), flag=2, size=32, id2=0)
    """
    if len(payload) < _HEADER.size:
        raise ValueError(f"a header of {_HEADER.size} bytes", f"a record of {len(payload)} bytes")
    flag, label, index, id2 = _HEADER.unpack_from(payload)
    if flag == 0:
        return Header(index, np.array([label], np.float32), 0, _HEADER.size, id2)
    size = _HEADER.size + 4 * flag
    if size > len(payload):
        raise ValueError(f"{flag:,} labels of 4 bytes behind the header", f"a record of {len(payload):,} bytes")
    labels = np.frombuffer(payload, "<f4", flag, _HEADER.size).astype(np.float32)
    return Header(index, labels, flag, size, id2)
