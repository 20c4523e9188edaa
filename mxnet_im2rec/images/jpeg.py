# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The segments of a JPEG: its size, its orientation, and whether its end is there. The only parser of them. Opens no file.

A JPEG is SOI, segments that each begin with a marker and mostly have a length, scans of entropy-coded data, and EOI at the end
(ITU-T T.81, annex B).
"""

from __future__ import annotations

import re
import struct
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from ..errors import ImageError
from . import tiff
from .formats import Buffer, Size

END = b"\xff\xd9"
"""The last bytes of a whole JPEG, the marker EOI."""

MAX_SIDE = 65_500
"""The longest side that libjpeg writes, in pixels."""

# A marker, and its last ff. In entropy-coded data ff 00 is a data byte, and ff d0 to ff d7 are restart markers. Any number of ff
# may stand before a marker. They are not matched: to search through them takes long where a card has lost data and gives ff.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EXIF = b"Exif\0\0"
_APP1, _EOI, _SOS = 0xE1, 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset([0x01, _EOI, *range(0xD0, 0xD9)])
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FRAMES_DECODED = frozenset([0xC0, 0xC1, 0xC2, 0xC9, 0xCA])  # all but lossless and hierarchical


def _segments(data: Buffer) -> Iterator[Tuple[int, int, int]]:
    """Every segment, found by the length of the one before, so that those of an embedded thumbnail do not count.

    Each is its marker, where the length behind the marker stands, and the end by that length, which the data may not reach.
    """
    position = 2
    search, from_bytes = _MARKER.search, int.from_bytes
    while True:
        match = search(data, position)
        if match is None:
            return
        start = position = match.end()
        marker = data[start - 1]
        if marker not in _WITHOUT_LENGTH:
            position += from_bytes(data[start : start + 2], "big")
            if position < start + 2:  # a length of less than its own two bytes
                position = start + 2
        yield marker, start, position


def _is_exif(data: Buffer, marker: int, start: int) -> bool:
    """Whether a segment holds the orientation. Others use APP1 too, and may come first."""
    return marker == _APP1 and data[start + 2 : start + 2 + len(_EXIF)] == _EXIF


def _first_segments(data: Buffer, header_only: bool) -> Dict[int, Buffer]:
    """The first segment of each marker, its length included: up to the first scan, or up to EOI, which must be there then."""
    found: Dict[int, Buffer] = {}
    for marker, start, end in _segments(data):
        if marker == _EOI or (header_only and marker == _SOS):
            return found
        if marker not in found and marker not in _WITHOUT_LENGTH and (marker != _APP1 or _is_exif(data, marker, start)):
            found[marker] = data[start:end]
        if marker == _SOS and data[-2:] == END and end <= len(data) - 2:
            return found  # in a scan ff d9 is nothing but the end; this spares a search through the data
    if header_only:
        return found
    raise ImageError(f"the JPEG is truncated: it stops after {len(data)} bytes without its end marker")


def check_end(data: Buffer) -> None:
    """Raise ImageError if the end marker is missing."""
    _first_segments(data, header_only=False)


def check_variety(data: Buffer) -> None:
    """Raise ImageError if MXNet does not decode this kind of JPEG, or if its end marker is missing."""
    frames = [(marker, segment) for marker, segment in _first_segments(data, header_only=False).items() if marker in _FRAMES]
    if not frames or len(frames[0][1]) < 7:
        raise ImageError("the JPEG has no frame header")
    kind, precision = frames[0][0], frames[0][1][2]
    if kind not in _FRAMES_DECODED or precision != 8:
        what = f"frame type SOF{kind - 0xC0}, {precision} bits a sample"
        raise ImageError(f"MXNet decodes baseline and progressive JPEGs of 8 bits, this one is {what}; convert it")


def size(data: Buffer) -> Optional[Size]:
    """The size after the orientation is applied; None if no frame comes before the first scan, or before the data ends."""
    segments = _first_segments(data, header_only=True)
    frame = next((segment for marker, segment in segments.items() if marker in _FRAMES), b"")
    if len(frame) < 7:
        return None
    height, width = struct.unpack_from(">HH", frame, 3)
    exif = segments.get(_APP1, b"")
    return (width, height) if tiff.is_turned(tiff.orientation_of(exif[2 + len(_EXIF) :])) else (height, width)


def check_sides(shape: Sequence[int]) -> None:
    """Raise ImageError if an array of this shape, (H, W) or (H, W, C), is too large for a JPEG. OpenCV would print a message."""
    if max(shape[:2], default=0) > MAX_SIDE:
        raise ImageError(f"a JPEG has at most {MAX_SIDE:,} pixels a side, this image is {shape[1]:,} x {shape[0]:,}; use PNG")


class Head(NamedTuple):
    """What the first bytes of a JPEG say."""

    orientation: int  # 1 to 8
    scan: Optional[int]  # where the data of the first scan begins; None if that is beyond these bytes


def read_head(data: Buffer) -> Head:
    """Read the segments before the first scan."""
    orientation = None
    for marker, start, end in _segments(data):
        if marker == _EOI:
            break
        if orientation is None and _is_exif(data, marker, start):
            orientation = tiff.orientation_of(data[start + 2 + len(_EXIF) : end])
        if marker == _SOS:
            return Head(orientation or 1, end if end <= len(data) else None)
    return Head(orientation or 1, None)
