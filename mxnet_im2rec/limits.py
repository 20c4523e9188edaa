# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a RecordIO dataset can hold. Knows numbers, and no other module."""

from __future__ import annotations

from typing import Optional

MAX_INDEX = 2**64 - 1
"""The largest index of an image: the header holds it as a uint64."""

MAX_RECORD_BYTES = 2**29 - 1
"""The size of the largest record in bytes, header, labels and image together: RecordIO writes the size in 29 bits."""

HEADER_BYTES = 24
"""The size of the header that stands before the labels and the image of a record."""

MAX_PIXELS = 1 << 28
"""How many pixels an image may have by default: 16,384 x 16,384. A small file can hold more pixels than the memory."""

MAX_SIDE = 65_535
"""How many pixels a side may have that is asked for: those of a JPEG, whose header has 16 bits for each side."""


def why_too_large(record_bytes: int) -> Optional[str]:
    """Why a record of this size, header and labels included, cannot be written; None if it can."""
    if record_bytes <= MAX_RECORD_BYTES:
        return None
    return f"the record would have {record_bytes:,} bytes, RecordIO's limit is {MAX_RECORD_BYTES:,}; make the image smaller"
