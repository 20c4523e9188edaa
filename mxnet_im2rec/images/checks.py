# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Refuses image files before they are decoded: not whole, not decoded by MXNet, too large. Opens no file.

What is refused raises ImageError, whose message says why. A caller that makes several checks reads the head of a JPEG once, with
``jpeg.head_of``, and gives it to each.
"""

from __future__ import annotations

import struct
from typing import Optional, Tuple

from ..errors import ImageError
from ..text import Argument, Text
from . import jpeg, png, tiff
from .formats import MXNET_FORMATS, Buffer, describe, sniff, why_no_image
from .sizes import image_size


def check_whole(data: bytes, head: Optional[jpeg.Head] = None) -> None:
    """Raise ImageError if the end is missing from a JPEG or a PNG, which some decoders would pass over.

    The end is the marker EOI of a JPEG (ITU-T T.81 B.1.1.3), and the chunk IEND of a PNG. Other formats are not looked into.
    """
    head = head or jpeg.head_of(data)
    if head is not None:
        jpeg.check_end(data, head)
    elif sniff(data) == "PNG":
        png.check_chunks(data)


def check_readable_by_mxnet(data: bytes, head: Optional[jpeg.Head] = None) -> None:
    """Raise ImageError if the OpenCV 3.4.2 inside MXNet does not decode these bytes: truncated, or of another format or variety.

    Nothing is decoded for this.
    """
    head = head or jpeg.head_of(data)
    if head is not None:
        jpeg.check_variety(data, head)
        return
    name = sniff(data)
    if name not in MXNET_FORMATS:
        advice = Text("pack it without ", Argument("pass_through")) if name else "it is damaged, or no image"
        raise ImageError(Text(f"{describe(data)}: MXNet decodes {', '.join(MXNET_FORMATS)} only; ", advice))
    if name == "PNG":
        png.check_chunks(data, check_sums=True)
    elif name == "BMP":
        _check_bmp_length(data)
    else:
        tiff.check_variety(data)


def _check_bmp_length(data: bytes) -> None:
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


def check_size(data: Buffer, max_pixels: Optional[int], head: Optional[jpeg.Head] = None) -> None:
    """Raise ImageError if the image has more pixels than are allowed, or if that cannot be known before it is decoded.

    A file of a few KB may stand for many GB. None allows any number; OpenCV itself decodes no image of more than 2**30 pixels.
    """
    if max_pixels is None:
        return
    size = image_size(data, head)
    if size is None:
        why = why_no_image(data)
        if why is not None:
            advice = Text("; if it is one all the same, ", Argument("max_pixels", None), " decodes it")
            raise ImageError(why if sniff(data) else why + advice)  # OpenCV may know some odd header that is not known here
        check_whole(bytes(data))  # what is missing is the better reason
        what = f"{describe(data)}: how many pixels it has cannot be known before it is decoded, and "
        allows = f" allows {max_pixels:,}; "
        all_the_same = " decodes it all the same"
        raise ImageError(Text(what, Argument("max_pixels"), allows, Argument("max_pixels", None), all_the_same))
    what = "image has"
    part = tiff.size_of_parts(data) if data[:2] in (b"II", b"MM") and sniff(data) in ("TIFF", "BigTIFF") else size
    if part[0] * part[1] > size[0] * size[1]:
        what, size = "strips or tiles of the TIFF have", part
    check_number(size, max_pixels, what)


def check_number(size: Tuple[int, ...], max_pixels: Optional[int], what: str = "image has") -> None:
    """Raise ImageError if an image of this (height, width) has more pixels than are allowed."""
    if max_pixels is not None and size[0] * size[1] > max_pixels:
        found = f"the {what} {size[1]:,} x {size[0]:,} pixels, "
        raise ImageError(Text(found, Argument("max_pixels"), f" allows {max_pixels:,} in all; raise it if that is right"))
