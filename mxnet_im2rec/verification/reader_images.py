# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the decoders inside MXNet 1.9.1 give them, by OpenCV: what verify() compares MXNet with. Reads no record.

ImageRecordIter applies the EXIF orientation of a JPEG, mx.image.imdecode does not.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Optional, Tuple

import numpy as np

from ..errors import ImageError
from ..images import jpeg, png, tiff
from ..images.formats import describe, sniff
from ..opencv_compat import cv2

_DECODE_FLAGS = {3: cv2.IMREAD_COLOR, 1: cv2.IMREAD_GRAYSCALE}


def words_of_libjpeg(content: bytes) -> str:
    """What is printed to stderr, a file, while a JPEG is decoded: its last line that is of libjpeg, or nothing."""
    before = os.fstat(2).st_size
    with suppress(ImageError, cv2.error):
        decode(content, 3)
    said = os.pread(2, os.fstat(2).st_size - before, before).decode("utf-8", "replace")
    return next((line.strip() for line in said.splitlines() if line.strip() and not line.startswith("[")), "")


def size_by_header(content: bytes) -> Optional[Tuple[int, int]]:
    """The (height, width) without decoding; None where only decoding gives it."""
    head = jpeg.head_of(content)
    if head is not None:
        jpeg.check_end(content, head)
        return head.size
    return png.size(content) if sniff(content) == "PNG" else None


def decode(content: bytes, channels: int) -> np.ndarray:
    """(H, W, C) as the OpenCV inside MXNet decodes it: it applies the EXIF orientation of JPEGs, not yet that of PNGs."""
    flags = _DECODE_FLAGS[channels]
    if sniff(content) == "PNG":
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if image is None:
        raise ImageError(f"OpenCV cannot decode it: {describe(content)}")
    return image.reshape(*image.shape[:2], channels)


def crop(image: np.ndarray, data_shape: Tuple[int, int, int]) -> np.ndarray:
    """The middle, as ImageRecordIter takes it: where a side cannot be halved, a pixel less is left away at its begin."""
    _, height, width = data_shape
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def as_stored(image: np.ndarray, content: bytes) -> np.ndarray:
    """An image by :func:`decode`, turned back to how its file has it: without the EXIF orientation of a JPEG."""
    head = jpeg.head_of(content)
    if head is None or head.orientation == 1:
        return image
    turned = image[:: -1 if head.orientation in (3, 4, 7, 8) else 1, :: -1 if head.orientation in (2, 3, 6, 7) else 1]
    return turned.transpose(1, 0, 2) if tiff.is_turned(head.orientation) else turned
