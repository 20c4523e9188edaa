# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The segments of a JPEG: its size, its orientation, and whether its end is there. The only parser of them. Opens no file.

A JPEG is SOI, segments that each begin with a marker and mostly have a length, scans of entropy-coded data, and EOI at the end
(ITU-T T.81, annex B).
"""

from __future__ import annotations

import re
import struct
from typing import Iterator, NamedTuple, Optional, Sequence, Tuple

from ..errors import ImageError
from . import tiff
from .formats import Buffer, Size, sniff

END = b"\xff\xd9"
"""The last bytes of a whole JPEG, the marker EOI."""

MAX_SIDE = 65_500
"""The longest side that libjpeg writes, in pixels."""

# A marker, and its last ff. In entropy-coded data ff 00 is a data byte, and ff d0 to ff d7 are restart markers. Any number of ff
# may stand before a marker. They are not matched: to search through them takes long where a card has lost data and gives ff.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MARKER_AND_LENGTH = struct.Struct(">BBH")
_FRAME = struct.Struct(">BHBHH")  # its marker, its length, the bits of a sample, height and width
_EXIF = b"Exif\0\0"
_APP1, _EOI, _SOS = 0xE1, 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset([0x01, _EOI, *range(0xD0, 0xD9)])
_WITH_LENGTH = frozenset(range(0x01, 0xFF)) - _WITHOUT_LENGTH
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOOKED_AT = _FRAMES | {_APP1, _EOI, _SOS}
_FRAMES_DECODED = frozenset([0xC0, 0xC1, 0xC2, 0xC9, 0xCA])  # all but lossless and hierarchical


def _segments(data: Buffer, position: int) -> Iterator[Tuple[int, int, int]]:
    """The frames, APP1, the scans and EOI from a position on. Each segment is found by the length of the one before: those of an
    embedded thumbnail do not count.

    Each is its marker, where the length behind the marker stands, and the end by that length, which the data may not reach.
    """
    last = len(data) - _MARKER_AND_LENGTH.size
    marker_and_length, search = _MARKER_AND_LENGTH.unpack_from, _MARKER.search
    while True:
        if position <= last:  # nearly every segment begins where the one before ends: this is quicker than a search
            ff, marker, length = marker_and_length(data, position)
            if ff == 0xFF and length >= 2 and marker in _WITH_LENGTH:
                start = position + 2
                position = start + length
                if marker in _LOOKED_AT:
                    yield marker, start, position
                continue
        match = search(data, position)
        if match is None:
            return
        start = position = match.end()
        marker = data[start - 1]
        if marker not in _WITHOUT_LENGTH:
            position += int.from_bytes(data[start : start + 2], "big")
            if position < start + 2:  # a length of less than its own two bytes
                position = start + 2
        if marker in _LOOKED_AT:
            yield marker, start, position


class Head(NamedTuple):
    """What the first bytes of a JPEG say, up to the first scan."""

    orientation: int  # 1 to 8
    scan: Optional[int]  # where the data of the first scan begins; None if that is beyond these bytes, or there is none
    frame: Buffer  # the first frame header, its marker included; empty if there is none
    has_end: bool  # whether EOI comes before any scan

    @property
    def size(self) -> Optional[Size]:
        """The size after the orientation is applied; None if there is no frame header."""
        if len(self.frame) < _FRAME.size:
            return None
        _, _, _, height, width = _FRAME.unpack_from(self.frame)
        return (width, height) if tiff.is_turned(self.orientation) else (height, width)


def read_head(data: Buffer) -> Head:
    """Read the segments before the first scan."""
    frame: Buffer = b""
    orientation = scan = None
    has_end = False
    for marker, start, end in _segments(data, 2):
        if marker == _SOS:
            scan = end if end <= len(data) else None
            break
        if marker in _FRAMES:
            frame = frame or data[start - 1 : end]
        elif marker == _APP1:  # others use APP1 too, and may come first
            if orientation is None and data[start + 2 : start + 2 + len(_EXIF)] == _EXIF:
                orientation = tiff.orientation_of(data[start + 2 + len(_EXIF) : end])
        elif marker == _EOI:
            has_end = True
            break
    return Head(orientation or 1, scan, frame, has_end)


def head_of(data: Buffer) -> Optional[Head]:
    """The head of a JPEG; None if these bytes are no JPEG's."""
    return read_head(data) if sniff(data) == "JPEG" else None


def size(data: Buffer) -> Optional[Size]:
    """The size after the orientation is applied; None if no frame comes before the first scan, or before the data ends."""
    return read_head(data).size


def check_end(data: Buffer, head: Head) -> None:
    """Raise ImageError if the end marker is missing."""
    if head.has_end:
        return
    if head.scan is not None:
        if data[-2:] == END and head.scan <= len(data) - 2:
            return  # in a scan ff d9 is nothing but the end; this spares a search through the data
        if any(marker == _EOI for marker, _, _ in _segments(data, head.scan)):
            return
    raise ImageError(f"the JPEG is truncated: it stops after {len(data)} bytes without its end marker")


def check_variety(data: Buffer, head: Head) -> None:
    """Raise ImageError if MXNet does not decode this kind of JPEG, or if its end marker is missing."""
    check_end(data, head)
    if len(head.frame) < _FRAME.size:
        raise ImageError("the JPEG has no frame header")
    kind, _, precision, _, _ = _FRAME.unpack_from(head.frame)
    if kind not in _FRAMES_DECODED or precision != 8:
        what = f"frame type SOF{kind - 0xC0}, {precision} bits a sample"
        raise ImageError(f"MXNet decodes baseline and progressive JPEGs of 8 bits, this one is {what}; convert it")


def check_sides(shape: Sequence[int]) -> None:
    """Raise ImageError if an array of this shape, (H, W) or (H, W, C), is too large for a JPEG. OpenCV would print a message."""
    if max(shape[:2], default=0) > MAX_SIDE:
        raise ImageError(f"a JPEG has at most {MAX_SIDE:,} pixels a side, this image is {shape[1]:,} x {shape[0]:,}; use PNG")
