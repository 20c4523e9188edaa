# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The format of an image file by its first bytes. Looks at no more of it; needs no OpenCV and opens no file."""

from __future__ import annotations

import re
from typing import Optional, Tuple, Union

Buffer = Union[bytes, memoryview]
Size = Tuple[int, int]
"""(height, width) in pixels."""

_MARKUP = "XML or HTML"
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
    (re.compile(rb"\s*(?:<\?xml|<!doctype|<html|<svg)", re.IGNORECASE), _MARKUP),
]

FORMATS = tuple(dict.fromkeys(name for _, name in _SIGNATURES if name != _MARKUP))
"""The formats of images that are known here."""

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


def describe(data: Buffer) -> str:
    """The format for a message, or the first bytes where it is unknown."""
    name = sniff(data)
    return f"{name} data" if name else f"no known image format (it starts with {_shown(bytes(data[:8]))})"


def why_no_image(data: Buffer) -> Optional[str]:
    """Why a file is no image at all, by its first bytes; None if it has a format of images."""
    return f"it is no image: {describe(data)}" if sniff(data) in (None, _MARKUP) else None


def _shown(data: bytes) -> str:
    text = data.decode("latin-1")
    return f"{data.hex(' ')}, {text!r}" if data.isascii() and text.isprintable() else data.hex(" ")
