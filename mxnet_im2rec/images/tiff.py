# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The directory of a TIFF or a BigTIFF; a JPEG has one too, for its orientation (EXIF). The only parser of it. Opens no file."""

from __future__ import annotations

import struct
from typing import Dict, Optional, Sequence, Tuple

from ..errors import ImageError
from .formats import Buffer, Size

_NAMES = {
    258: "bits",
    259: "compression",
    262: "photometric",
    273: "offsets",
    279: "counts",
    324: "offsets",
    325: "counts",
    339: "sample_format",
}
_TYPES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4)}
_INTEGERS = {**_TYPES, 6: ("b", 1), 8: ("h", 2), 9: ("i", 4), 13: ("I", 4), 16: ("Q", 8), 17: ("q", 8), 18: ("Q", 8)}
_SIZE_NAMES = {256: "width", 257: "height", 278: "rows", 322: "tile_width", 323: "tile_height"}
_ALL_ROWS = (1 << 32) - 1
_ORIENTATION = 274
_TURNED = range(5, 9)  # the orientations that make rows of columns
_CMYK = 5
_COMPRESSIONS = (1, 5, 32773)  # none, LZW, PackBits; Deflate and JPEG are not built into MXNet's libtiff


def is_turned(orientation: int) -> bool:
    """Whether an EXIF orientation makes rows of columns."""
    return orientation in _TURNED


def orientation_of(data: Buffer) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none, and where it is damaged, which OpenCV passes over too."""
    try:
        found = read_tags(data, {_ORIENTATION: "orientation"}).get("orientation", [1])[0]
    except struct.error:
        return 1
    return found if 1 <= found <= 8 else 1


def size(data: Buffer) -> Optional[Size]:
    """The size after the orientation is applied; None if the directory has none. It may raise struct.error."""
    tags = read_tags(data, _SIZE_NAMES, _INTEGERS)
    if "height" not in tags or "width" not in tags:
        return None
    found = tags["height"][0], tags["width"][0]
    return found[::-1] if is_turned(orientation_of(data)) else found


def size_of_parts(data: Buffer) -> Size:
    """The size of one strip or tile. The decoder takes memory for it, however small the image is."""
    tags = {name: values[0] for name, values in read_tags(data, _SIZE_NAMES, _INTEGERS).items()}
    if "tile_width" in tags or "tile_height" in tags:
        return tags.get("tile_height", tags["height"]), tags.get("tile_width", tags["width"])
    rows = tags.get("rows", _ALL_ROWS)
    return (tags["height"] if rows == _ALL_ROWS else rows), tags["width"]


def check_variety(data: bytes) -> None:
    """Raise ImageError unless MXNet decodes the compression and the samples of the first image, and all its parts are there."""
    try:
        tags = read_tags(data)
    except struct.error:
        raise ImageError(f"the TIFF is truncated: its directory lies beyond its {len(data)} bytes") from None
    compression = tags.get("compression", [1])[0]
    if compression not in _COMPRESSIONS:
        raise ImageError(
            f"MXNet decodes TIFFs that are uncompressed, LZW or PackBits, this one has compression {compression}; convert it"
        )
    bits, is_cmyk = tags.get("bits", [1])[0], tags.get("photometric", [1])[0] == _CMYK
    if tags.get("sample_format", [1])[0] != 1 or bits not in ((8,) if is_cmyk else (1, 8, 16)):
        raise ImageError("MXNet decodes TIFFs of unsigned integers of 8 or 16 bits, this one holds something else; convert it")
    offsets, counts = tags.get("offsets", []), tags.get("counts", [])
    if not offsets or any(offset + count > len(data) for offset, count in zip(offsets, counts)):
        raise ImageError(f"the TIFF is truncated: its pixels lie beyond its {len(data)} bytes")


def read_tags(
    data: Buffer, names: Dict[int, str] = _NAMES, types: Dict[int, Tuple[str, int]] = _TYPES
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
