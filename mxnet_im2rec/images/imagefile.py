# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Bytes of an image file, looked at without decoding: the format, the size, and whether they are whole and of a kind that MXNet
decodes.

Needs no OpenCV and opens no file.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Callable, Dict, Optional, Sequence, Tuple, Union

from ..errors import ImageError
from ..text import Argument, Text
from .sizes import SIZES

Buffer = Union[bytes, memoryview]
Size = Tuple[int, int]

_SIGNATURES = [
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL), "BMP"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "TIFF"),
    (re.compile(rb"II\+\x00|MM\x00\+"), "BigTIFF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n"), "JPEG XL"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb".{4}ftyp(?:hei|hev|mif|msf)", re.DOTALL), "HEIF"),
    (re.compile(rb"P[1-7]\s"), "PNM"),
    (re.compile(rb"P[fF]\s"), "PFM"),
    (re.compile(rb"#\?(?:RGBE|RADIANCE)"), "Radiance HDR"),
    (re.compile(rb"\x59\xa6\x6a\x95"), "Sun raster"),
    (re.compile(rb"\x76\x2f\x31\x01"), "OpenEXR"),
    (re.compile(rb"\s*(?:<\?xml|<!doctype|<html|<svg)", re.IGNORECASE), "XML or HTML"),
]

MXNET_FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
"""What the OpenCV inside MXNet 1.9.1 decodes."""


def sniff(data: Buffer) -> Optional[str]:
    """The format of an image file by its first bytes, such as ``'JPEG'``; None if it is none of those known here.

    Examples
    --------
    >>> sniff(bytes.fromhex('ffd8ffe000104a464946'))
    'JPEG'
    """
    head = data[:64]
    for pattern, name in _SIGNATURES:
        if pattern.match(head):
            return name
    return None


def describe(data: bytes) -> str:
    """The format for a message, or the first bytes where it is unknown."""
    name = sniff(data)
    return f"{name} data" if name else f"no known image format (it starts with {data[:8].hex(' ')})"


def check_whole(data: bytes) -> None:
    """Make sure that no end is missing from a JPEG or a PNG, which some decoders would pass over.

    Parameters
    ----------
    data : bytes
        An image file of any format; only JPEG and PNG are looked into.

    Raises
    ------
    ImageError
        If the file stops before its end marker (JPEG: EOI, ITU-T T.81 B.1.1.3; PNG: the IEND chunk).
    """
    if data.startswith(b"\xff\xd8\xff"):
        _walk_jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_png_end(data)


# The end of the next marker in entropy-coded data, where ff 00 is a data byte and ff d0 to ff d7 are restart markers. Any number
# of ff may stand before it; to look for them all would take for ever where a card has lost its data, which is ff then.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EXIF = b"Exif\0\0"
_APP1, _EOI, _SOS, _NO_LENGTH = 0xE1, 0xD9, 0xDA, frozenset([0x01, 0xD8, *range(0xD0, 0xD8)])
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FRAMES_DECODED = frozenset([0xC0, 0xC1, 0xC2, 0xC9, 0xCA])  # all but lossless and hierarchical


def jpeg_size(data: bytes) -> Optional[Size]:
    """The (height, width) in pixels that a whole JPEG has after its EXIF orientation is applied; None if it has no frame."""
    return _frame_size(_walk_jpeg(data))


def _frame_size(segments: Dict[int, Buffer]) -> Optional[Size]:
    frame = next((segment for marker, segment in segments.items() if marker in _FRAMES), b"")
    if len(frame) < 7:
        return None
    height, width = struct.unpack_from(">HH", frame, 3)
    return (width, height) if _jpeg_orientation(segments.get(_APP1, b"")) >= 5 else (height, width)


def _jpeg_orientation(app1: Buffer) -> int:
    """The EXIF orientation, 1 to 8; from 5 on, rows and columns change places."""
    return _orientation(app1[2 + len(_EXIF) :]) if app1 else 1


def _orientation(tiff: Buffer) -> int:
    try:
        return read_tiff_tags(tiff, {274: "orientation"}).get("orientation", [1])[0]
    except struct.error:  # it is damaged; OpenCV passes it over too
        return 1


def _walk_jpeg(data: Buffer, header_only: bool = False) -> Dict[int, Buffer]:
    """The first segment of each marker, its length included. Walks up to EOI by the lengths of the segments, so that the EOI of
    an embedded thumbnail does not count; for the header only, up to the first scan or as far as the data goes."""
    segments: Dict[int, Buffer] = {}
    position = 2
    while True:
        match = _MARKER.search(data, position)
        if header_only and (match is None or data[match.end() - 1] == _SOS):
            return segments
        if match is None:
            raise ImageError(f"the JPEG is truncated: it stops after {len(data)} bytes without its end marker")
        marker, position = data[match.end() - 1], match.end()
        if marker == _EOI:
            return segments
        if marker in _NO_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if marker != _APP1 or data[position + 2 : position + 2 + len(_EXIF)] == _EXIF:  # others use APP1 too, and may come first
            segments.setdefault(marker, data[position : position + length])
        position += max(length, 2)
        if marker == _SOS and data[-2:] == b"\xff\xd9" and position <= len(data) - 2:
            return segments  # in the scan ff d9 is nothing but the end; this spares a search through the data


def _check_png_end(data: bytes, check_sums: bool = False) -> None:
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


def check_readable_by_mxnet(data: bytes) -> None:
    """Make sure, without decoding, that MXNet's readers decode these bytes.

    Parameters
    ----------
    data : bytes
        An image file.

    Raises
    ------
    ImageError
        If it is truncated, or of a format, or a variety of one, that the OpenCV 3.4.2 inside MXNet does not decode.
    """
    name = sniff(data)
    if name not in MXNET_FORMATS:
        advice = Text("pack it without ", Argument("pass_through")) if name else "it is damaged, or no image"
        raise ImageError(Text(f"{describe(data)}: MXNet decodes {', '.join(MXNET_FORMATS)} only; ", advice))
    if name == "JPEG":
        _check_jpeg_variety(data)
    elif name == "PNG":
        _check_png_end(data, check_sums=True)
    elif name == "BMP":
        _check_bmp_size(data)
    else:
        _check_tiff(data)


def _check_jpeg_variety(data: bytes) -> None:
    frames = [(marker, segment) for marker, segment in _walk_jpeg(data).items() if marker in _FRAMES]
    if not frames or len(frames[0][1]) < 7:
        raise ImageError("the JPEG has no frame header")
    kind, precision = frames[0][0], frames[0][1][2]
    if kind not in _FRAMES_DECODED or precision != 8:
        what = f"frame type SOF{kind - 0xC0}, {precision} bits a sample"
        raise ImageError(f"MXNet decodes baseline and progressive JPEGs of 8 bits, this one is {what}; convert it")


def _check_bmp_size(data: bytes) -> None:
    offset, header_size = struct.unpack_from("<II", data, 10)
    needed = offset
    if header_size >= 40 and len(data) >= 54:
        width, height, _, bits, compression, size = struct.unpack_from("<iiHHII", data, 18)
        needed += (abs(width) * bits + 31) // 32 * 4 * abs(height) if compression in (0, 3) else size
    elif header_size == 12 and len(data) >= 26:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        needed += (width * bits + 31) // 32 * 4 * height
    if needed > len(data):
        raise ImageError(f"the BMP is truncated: it has {len(data)} bytes and needs {needed}")


_TIFF_NAMES = {
    258: "bits",
    259: "compression",
    262: "photometric",
    273: "offsets",
    274: "orientation",
    279: "counts",
    324: "offsets",
    325: "counts",
    339: "sample_format",
}
_TIFF_TYPES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4)}
_TIFF_INTEGERS = {**_TIFF_TYPES, 6: ("b", 1), 8: ("h", 2), 9: ("i", 4), 13: ("I", 4), 16: ("Q", 8), 17: ("q", 8), 18: ("Q", 8)}
_TIFF_SIZE_NAMES = {256: "width", 257: "height", 278: "rows", 322: "tile_width", 323: "tile_height"}
_ALL_ROWS = (1 << 32) - 1
_TURNED = range(5, 9)  # the orientations that make rows of columns
_TIFF_CMYK = 5
_TIFF_COMPRESSIONS = (1, 5, 32773)  # none, LZW, PackBits; Deflate and JPEG are not built into MXNet's libtiff


def _check_tiff(data: bytes) -> None:
    """The first image's directory: a compression and a sample type that MXNet decodes, and every strip or tile there."""
    try:
        tags = read_tiff_tags(data)
    except struct.error:
        raise ImageError(f"the TIFF is truncated: its directory lies beyond its {len(data)} bytes") from None
    compression = tags.get("compression", [1])[0]
    if compression not in _TIFF_COMPRESSIONS:
        raise ImageError(
            f"MXNet decodes TIFFs that are uncompressed, LZW or PackBits, this one has compression {compression}; convert it"
        )
    bits, is_cmyk = tags.get("bits", [1])[0], tags.get("photometric", [1])[0] == _TIFF_CMYK
    if tags.get("sample_format", [1])[0] != 1 or bits not in ((8,) if is_cmyk else (1, 8, 16)):
        raise ImageError("MXNet decodes TIFFs of unsigned integers of 8 or 16 bits, this one holds something else; convert it")
    offsets, counts = tags.get("offsets", []), tags.get("counts", [])
    if not offsets or any(offset + count > len(data) for offset, count in zip(offsets, counts)):
        raise ImageError(f"the TIFF is truncated: its pixels lie beyond its {len(data)} bytes")


def read_tiff_tags(
    data: Buffer, names: Dict[int, str] = _TIFF_NAMES, types: Dict[int, Tuple[str, int]] = _TIFF_TYPES
) -> Dict[str, Sequence[int]]:
    """The numbers of some tags of the first directory of a TIFF or a BigTIFF; struct.error if it is damaged."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    word, place_of, count_size, entry_size = ("Q", 8, 8, 20) if is_big else ("I", 4, 2, 12)
    (directory,) = struct.unpack_from(order + word, data, place_of)
    if directory > len(data):  # further than struct itself can say
        raise struct.error
    (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, directory)
    begin = directory + count_size
    if count > 0xFFFF or begin + entry_size * count > len(data):
        raise struct.error
    tags: Dict[str, Sequence[int]] = {}
    seen = set()  # the first of a tag counts, as for libtiff; and thousands of the same, of all the data each, take no time
    for position in range(begin, begin + entry_size * count, entry_size):
        tag, kind, number = struct.unpack_from(order + "HH" + word, data, position)
        if tag not in names or tag in seen:
            continue
        seen.add(tag)
        if kind not in types:
            continue
        letter, size = types[kind]
        if not 0 < number * size <= len(data):
            raise struct.error
        place = position + entry_size - place_of
        if number * size > place_of:
            (place,) = struct.unpack_from(order + word, data, place)
            if place > len(data):
                raise struct.error
        tags[names[tag]] = struct.unpack_from(f"{order}{number}{letter}", data, place)
    return tags


def image_size(data: Buffer) -> Optional[Size]:
    """The size of an image by its file's header, without decoding.

    Parameters
    ----------
    data : bytes-like
        An image file; what stands behind its header need not be there.

    Returns
    -------
    (int, int) or None
        (height, width) in pixels, as the image has them when it is decoded in colour: after its orientation is applied if it is
        a JPEG or a TIFF. None if the header is damaged or odd, or of a format whose header is not known here. Known are JPEG,
        PNG, BMP, TIFF, BigTIFF, GIF, WebP, JPEG 2000, AVIF, Radiance HDR, PNM, PAM, PFM and Sun raster.

    Examples
    --------
    >>> image_size(bytes.fromhex('47494638396140010001'))  # a GIF
    (256, 320)
    """
    size_of = _SIZES.get(sniff(data) or "")
    if size_of is None:
        return None
    try:
        size = size_of(data)
    except struct.error:  # the data ends before the size
        return None
    return size if size is not None and min(size) > 0 else None


def check_size(data: Buffer, max_pixels: Optional[int]) -> None:
    """Raise ImageError if the image has more pixels than are allowed, or if that cannot be known before it is decoded.

    A file of a few KB may stand for many GB.

    Parameters
    ----------
    data : bytes-like
        An image file.
    max_pixels : int or None
        None allows any number; OpenCV itself decodes no image of more than 2**30 pixels.
    """
    if max_pixels is None:
        return
    limit = Argument("max_pixels")
    size = image_size(data)
    if size is None:
        check_whole(bytes(data))  # what is missing is the better reason
        what = f"{describe(bytes(data))}: how many pixels it has cannot be known before it is decoded, and "
        raise ImageError(Text(what, limit, f" allows {max_pixels:,}; ", Argument("max_pixels", None), " decodes it all the same"))
    what = "image has"
    part = _tiff_part(data) if sniff(data) in ("TIFF", "BigTIFF") else size
    if part[0] * part[1] > size[0] * size[1]:
        what, size = "strips or tiles of the TIFF have", part
    if size[0] * size[1] > max_pixels:
        found = f"the {what} {size[1]:,} x {size[0]:,} pixels, "
        raise ImageError(Text(found, limit, f" allows {max_pixels:,} in all; raise it if that is right"))


def _jpeg_header_size(data: Buffer) -> Optional[Size]:
    return _frame_size(_walk_jpeg(data, header_only=True))


def _tiff_size(data: Buffer) -> Optional[Size]:
    tags = read_tiff_tags(data, _TIFF_SIZE_NAMES, _TIFF_INTEGERS)
    if "height" not in tags or "width" not in tags:
        return None
    size = tags["height"][0], tags["width"][0]
    return size[::-1] if _orientation(data) in _TURNED else size


def _tiff_part(data: Buffer) -> Size:
    """The size of a strip or a tile, for which the decoder takes memory, however small the image is."""
    tags = {name: values[0] for name, values in read_tiff_tags(data, _TIFF_SIZE_NAMES, _TIFF_INTEGERS).items()}
    if "tile_width" in tags or "tile_height" in tags:
        return tags.get("tile_height", tags["height"]), tags.get("tile_width", tags["width"])
    rows = tags.get("rows", _ALL_ROWS)
    return (tags["height"] if rows == _ALL_ROWS else rows), tags["width"]


_SIZES: Dict[str, Callable[[Buffer], Optional[Size]]] = {
    **SIZES,
    "JPEG": _jpeg_header_size,
    "TIFF": _tiff_size,
    "BigTIFF": _tiff_size,
}
