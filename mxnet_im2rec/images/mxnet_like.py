# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Decodes and encodes as MXNet's functions for images do, which refuse less than codec.py. Opens no file, knows no records.

Nothing here starts OpenCV's threads, so all of it works in a process that was forked after they had run.
"""

from __future__ import annotations

from typing import Any, List, Optional

import numpy as np

from ..errors import ArgumentTypeError, ArgumentValueError, ImageError
from ..opencv_compat import cv2
from . import jpeg
from .decoder_messages import listen_to
from .formats import describe, sniff

_JPEG, _PNG = (".JPG", ".JPEG"), (".PNG",)
_FLAGS = [cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION]
_TYPES = ("uint8", "int8", "uint16", "int16", "int32", "float16", "float32", "float64", "int64", "uint64")  # that OpenCV 4 takes
_SWAPPED = [0, 2, 1, 1, 2, 0]  # from which channel, to which


def imdecode(data: np.ndarray, flag: int, to_rgb: bool) -> np.ndarray:
    """What ``mx.image.imdecode`` gives.

    Parameters
    ----------
    data : numpy.ndarray
        (n,) uint8, an image file.
    flag : {1, 0}
        1: colour. 0: grey. EXIF orientation is not applied.
    to_rgb : bool
        Whether the channels are in RGB order, or in BGR order.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8, or (H, W, 1) for grey.

        A JPEG that is cut off gives what is there; the rest is as the decoder leaves it.

    Raises
    ------
    ImageError
        If it cannot be decoded.
    """
    image = unchecked(data, _FLAGS[flag])
    if (
        image is None and sniff(data.tobytes()[:64]) == "JPEG"
    ):  # perhaps one that is cut off: OpenCV 3.4.2, inside MXNet, decodes it
        image = listen_to(unchecked, np.frombuffer(data.tobytes() + jpeg.END, np.uint8), _FLAGS[flag])[0]
    if image is None:
        raise ImageError(f"OpenCV cannot decode it: {describe(data.tobytes())}, damaged or of a kind it does not know")
    if not flag:
        return image[:, :, np.newaxis]
    if to_rgb:
        swapped = np.empty_like(image)
        cv2.mixChannels([image], [swapped], _SWAPPED)  # unlike cvtColor it does without threads
        image = swapped
    return image


def unchecked(data: np.ndarray, flags: int) -> Optional[np.ndarray]:
    """What ``cv2.imdecode`` gives: None for most images that it cannot decode, ImageError for the others."""
    if not len(data):
        raise ImageError("there is no image: 0 bytes; InsightFace's datasets have records of labels alone, such as record 0")
    try:
        return cv2.imdecode(data, flags)
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode this {describe(data.tobytes())}: {error.err}") from None


def imencode(image: Any, encoding: str, quality: int) -> bytes:
    """Encode an image.

    Parameters
    ----------
    image : numpy.ndarray
        (H, W) or (H, W, C), as ``cv2.imencode`` takes it: BGR, or BGRA.
    encoding : str
        ``'.jpg'``, ``'.jpeg'`` or ``'.png'``, in small or capital letters, or the extension of another format of OpenCV's.
    quality : int
        From 1 to 100 for JPEG. For PNG the compression, from 0 to 9; more is as 9. Other formats ignore it.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If the image is no array, or OpenCV knows no such format.
    ImageError
        If the image cannot be encoded.
    """
    if not isinstance(image, np.ndarray):
        raise ArgumentTypeError("img", "must be a NumPy array, (H, W) or (H, W, C)", image)
    if image.dtype.name not in _TYPES:
        raise ArgumentTypeError("img", f"must be an array of uint8, or of uint16 for PNG; this one is of {image.dtype}")
    if not isinstance(encoding, str):
        raise ArgumentTypeError("img_fmt", "must be a str, such as '.jpg'", encoding)
    parameters: List[int] = []
    if encoding.upper() in _JPEG:
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
        jpeg.check_sides(image.shape)
    elif encoding.upper() in _PNG:
        parameters = [cv2.IMWRITE_PNG_COMPRESSION, quality]
    elif not _is_known(encoding):
        raise ArgumentValueError("img_fmt", "must be '.jpg', '.jpeg', '.png', or another format that OpenCV writes", encoding)
    try:
        done, encoded = cv2.imencode(encoding, image, parameters)
    except cv2.error as error:
        if "params" in str(error):
            raise ArgumentTypeError("quality", "must be a whole number", quality) from None
        raise ImageError(f"OpenCV cannot encode shape {image.shape}, {image.dtype}, as {encoding}: {error.err}") from None
    if not done:
        raise ImageError(f"OpenCV cannot encode shape {image.shape}, {image.dtype}, as {encoding}")
    return encoded.tobytes()


def _is_known(encoding: str) -> bool:
    try:
        return encoding.startswith(".") and bool(cv2.haveImageWriter(f"image{encoding}"))
    except cv2.error:
        return False
