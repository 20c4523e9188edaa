# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""RecordIO's frames: a record's bytes to the pieces that stand in a .rec. Opens no file, knows nothing of images.

A frame is the magic, a 32-bit word of a 3-bit cflag and a 29-bit length, the payload, and zeros up to the next multiple of 4.
Where the payload itself holds the magic at a multiple of 4, the record is split there into several frames and those 4 bytes
are left out: cflag 0 is a whole record, 1 its first part, 2 a middle one, 3 the last (dmlc-core, recordio.h).
"""

from __future__ import annotations

import struct
from typing import List

import numpy as np

MAGIC = 0xCED7230A
MAX_LENGTH = 2**29 - 1

_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_HEAD = struct.Struct("<II")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


def frame(payload: bytes) -> List[bytes]:
    """The pieces whose concatenation is the payload's record in a .rec.

    Parameters
    ----------
    payload : bytes
        At most ``MAX_LENGTH`` bytes: header, labels and image.

    Returns
    -------
    list of bytes
        Together a multiple of 4 bytes long.

    Raises
    ------
    ValueError
        If the payload is too long.

    Examples
    --------
    >>> b"".join(frame(b"abcde")).hex(" ", 4)
    '0a23d7ce 05000000 61626364 65000000'
    """
    if len(payload) > MAX_LENGTH:
        raise ValueError(f"a record of {len(payload):,} bytes; RecordIO's limit is {MAX_LENGTH:,}")
    words = np.frombuffer(payload, "<u4", len(payload) // 4)
    splits = (np.flatnonzero(words == MAGIC) * 4).tolist()
    if not splits:
        return [_HEAD.pack(MAGIC, len(payload)), payload, _PADDING[len(payload) & 3]]
    pieces = []
    start = 0
    for number, end in enumerate([*splits, len(payload)]):
        cflag = _FIRST if number == 0 else _LAST if number == len(splits) else _MIDDLE
        pieces += [_HEAD.pack(MAGIC, cflag << 29 | end - start), payload[start:end]]
        start = end + 4
    return [*pieces, _PADDING[len(payload) & 3]]
