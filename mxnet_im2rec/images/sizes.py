# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The size of an image by the header of its file. Decodes nothing and opens no file.

A header is read as OpenCV's decoder reads it, or not at all: where the two could differ, a small file could have the decoder
fill the memory. Whatever is odd has no size here. JPEG, PNG and TIFF have files of their own.
"""

from __future__ import annotations

import re
import struct
from typing import Callable, Dict, Iterable, Optional

from . import jpeg, png, tiff
from .formats import Buffer, Size, sniff

_MOST_BOXES = 10_000  # of a JPEG 2000 before its codestream; real ones have a handful
_MOST_HEADER_BYTES = 1 << 20  # of a Radiance HDR
_HDR_LINE = 127  # what OpenCV's reader takes at once: a longer line is several to it

# A number ends at a byte that the decoder takes away, even if that begins a comment.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])"
_PNM = re.compile(rb"P[1-6]" + _GAP + rb"+(\d{1,19})\s" + _GAP + rb"*(\d{1,19})(?!\d)")
_PFM = re.compile(rb"P[fF]\n(\d{1,19})\s(\d{1,19})\s")
_PAM_WIDTH = re.compile(rb"(?<=\s)WIDTH\s+(\d{1,19})(?!\d)")
_PAM_HEIGHT = re.compile(rb"(?<=\s)HEIGHT\s+(\d{1,19})(?!\d)")
_HDR = re.compile(rb"-Y\s*(\d{1,19})\s*\+X\s*(\d{1,19})(?!\d)")
_ISPE = re.compile(rb"\0\0\0\x14ispe.{4}(.{4})(.{4})", re.DOTALL)


def _bmp_size(data: Buffer) -> Optional[Size]:
    (header_size,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header_size == 12 else "<ii", data, 18)
    return abs(height), abs(width)  # a negative height: the rows stand from top to bottom


def _gif_size(data: Buffer) -> Optional[Size]:
    width, height = struct.unpack_from("<HH", data, 6)
    return height, width


def _webp_size(data: Buffer) -> Optional[Size]:
    """By the first chunk: the canvas of an extended file, or the one image, lossy or lossless (RFC 9649)."""
    kind, start = bytes(data[12:16]), data[20:30]
    if kind == b"VP8X":
        width, width_high, height, height_high = struct.unpack_from("<4xHBHB", start)
        return (height_high << 16 | height) + 1, (width_high << 16 | width) + 1
    if kind == b"VP8L":
        signature, word = struct.unpack_from("<BI", start)
        return ((word >> 14 & 0x3FFF) + 1, (word & 0x3FFF) + 1) if signature == 0x2F else None
    if kind == b"VP8 ":
        code, width, height = struct.unpack_from("<3x3sHH", start)
        return (height & 0x3FFF, width & 0x3FFF) if code == b"\x9d\x01\x2a" else None
    return None


def _jpeg_2000_size(data: Buffer) -> Optional[Size]:
    """By the SIZ segment of the codestream, which alone the decoder heeds (ISO/IEC 15444-1, A.5.1 and annex I)."""
    position = 0
    for _ in range(_MOST_BOXES):
        if data[position : position + 4] == b"\xff\x4f\xff\x51":
            right, bottom, left, top = struct.unpack_from(">IIII", data, position + 8)
            return bottom - top, right - left
        length, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, position + 8)
            head = 16
        if kind == b"jp2c":
            position += head
        elif not head <= length <= len(data):
            return None
        else:
            position += length
    return None


def _hdr_size(data: Buffer) -> Optional[Size]:
    """By the line behind the first empty one."""
    position, is_last = 0, False
    head = bytes(data[:_MOST_HEADER_BYTES])
    while position < len(head):
        end = head.find(b"\n", position, position + _HDR_LINE) + 1 or position + _HDR_LINE
        line = head[position:end]
        if is_last:
            return _numbers(_HDR.match(line))
        is_last = position > 0 and line.startswith(b"\n")
        position = end
    return None


def _sun_raster_size(data: Buffer) -> Optional[Size]:
    width, height = struct.unpack_from(">II", data, 4)
    return height, width


def _pnm_size(data: Buffer) -> Optional[Size]:
    if data[:2] == b"P7":
        width, height = _largest(_PAM_WIDTH.finditer(data)), _largest(_PAM_HEIGHT.finditer(data))
        return None if width is None or height is None else (height, width)
    found = _numbers(_PNM.match(data))
    return None if found is None else found[::-1]


def _pfm_size(data: Buffer) -> Optional[Size]:
    found = _numbers(_PFM.match(data))
    return None if found is None else found[::-1]


def _numbers(match: Optional[re.Match]) -> Optional[Size]:
    return None if match is None else (int(match[1]), int(match[2]))


def _largest(matches: Iterable[re.Match]) -> Optional[int]:
    """Of a field that may also be named in a comment."""
    return max((int(match[1]) for match in matches), default=None)


def _avif_size(data: Buffer) -> Optional[Size]:
    """The largest of its images, which are the whole one, its tiles and its thumbnails. Sequences have their size elsewhere."""
    if data[8:12] == b"avis":
        return None
    sizes = [
        (int.from_bytes(match[2], "big"), int.from_bytes(match[1], "big")) for match in _ISPE.finditer(data)
    ]  # (height, width)
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


_SIZES: Dict[str, Callable[[Buffer], Optional[Size]]] = {
    "JPEG": jpeg.size,
    "PNG": png.size,
    "TIFF": tiff.size,
    "BigTIFF": tiff.size,
    "BMP": _bmp_size,
    "GIF": _gif_size,
    "WebP": _webp_size,
    "JPEG 2000": _jpeg_2000_size,
    "Radiance HDR": _hdr_size,
    "Sun raster": _sun_raster_size,
    "PNM": _pnm_size,
    "PFM": _pfm_size,
    "AVIF": _avif_size,
    "HEIF": _avif_size,
}
# From the name of a format to what reads its size. This gives None or raises struct.error where the size is not known.


def image_size(data: Buffer, head: Optional[jpeg.Head] = None) -> Optional[Size]:
    """The (height, width) of an image in pixels by its file's header, without decoding.

    What stands behind the header may be missing. It is the size of the image decoded in colour, after the orientation of a JPEG
    or a TIFF is applied. None if the header is damaged or odd, or of a format whose header is not known here. Known are JPEG,
    PNG, BMP, TIFF, BigTIFF, GIF, WebP, JPEG 2000, AVIF, Radiance HDR, PNM, PAM, PFM and Sun raster. The head of a JPEG can be
    given, if it was read before.

    Examples
    --------
    >>> image_size(bytes.fromhex('47494638396140010001'))  # a GIF
    (256, 320)
    """
    size_of = _SIZES.get(sniff(data) or "") if head is None else None
    try:
        size = size_of(data) if size_of is not None else None if head is None else head.size
    except struct.error:  # the data ends before the size
        return None
    return size if size is not None and min(size) > 0 else None
