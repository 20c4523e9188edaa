# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The chunks of a PNG: its size, and whether they are whole. The only parser of them. Opens no file."""

from __future__ import annotations

import struct
import zlib
from typing import Optional

from ..errors import ImageError
from .formats import Buffer, Size

END = bytes.fromhex("0000000049454e44ae426082")
"""The last bytes of a whole PNG, the chunk IEND."""


def size(data: Buffer) -> Optional[Size]:
    """The size by the first chunk. It may raise struct.error."""
    kind, width, height = struct.unpack_from(">4sII", data, 12)
    return (height, width) if kind == b"IHDR" else None


def check_chunks(data: bytes, check_sums: bool = False) -> None:
    """Raise ImageError if the last chunk, IEND, is missing; or if a checksum is wrong, where these are to be looked at."""
    position = 8
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        body = memoryview(data)[position + 4 : position + 8 + length]
        found = data[position + 8 + length : position + 12 + length]
        position += 12 + length
        if position <= len(data) and check_sums and int.from_bytes(found, "big") != zlib.crc32(body):
            raise ImageError(f"the PNG is damaged: the checksum of its {_name_of_chunk(kind)} chunk is wrong")
        if kind == b"IEND" and position <= len(data):
            return
    raise ImageError(f"the PNG is truncated: it stops after {len(data)} bytes without its IEND chunk")


def _name_of_chunk(kind: bytes) -> str:
    return repr(kind)[1:].strip("'\"")
