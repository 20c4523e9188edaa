# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a caller has as an image, in memory: checked, and as decoding an image file would give it. Opens no file."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional, Union

import numpy as np

from ..errors import ImageError

_PILLOW_MODES = {"1": "L", "L": "L", "LA": "RGBA", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"}
_CHANNELS = (1, 3, 4)


def as_image(value: Any) -> Union[str, bytes, np.ndarray]:
    """A path, the bytes of an image file, or pixels as :func:`check_pixels` wants them; ImageError if the value is none of them.

    Pixels may be an NDArray, whatever NumPy takes as an array, or an image of Pillow. Hugging Face's mapping of ``bytes`` and
    ``path`` is an image too.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        return as_image(value.get("bytes") or value.get("path"))
    if hasattr(value, "getbands") and hasattr(value, "convert"):  # an image of Pillow
        value = _of_pillow(value)
    elif hasattr(value, "asnumpy"):
        value = value.asnumpy()
    elif hasattr(value, "__array__"):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        raise ImageError(f"the image is {type(value).__name__}; give a path, bytes, or an array of uint8")
    check_pixels(value.dtype, value.shape, value)
    return value


def _of_pillow(image: Any) -> np.ndarray:
    mode = _PILLOW_MODES.get(image.mode, "RGB")
    if image.mode[:1] in ("I", "F"):
        raise ImageError(f"the image of Pillow has the mode {image.mode!r}, more than 8 bits; give an array of uint8")
    if image.mode == "P" and "transparency" in image.info:
        mode = "RGBA"
    return np.asarray(image if image.mode == mode else image.convert(mode))


def check_pixels(dtype: Any, shape: Any, pixels: Any, what: str = "the image") -> None:
    """ImageError unless these are pixels: uint8, and (H, W) or (H, W, C) with C = 1, 3 or 4. It says how to make such of them."""
    if dtype != np.uint8:
        raise ImageError(f"{what} is an array of {dtype}{_range(dtype, pixels)}; {_advice(dtype, pixels)}")
    if len(shape) not in (2, 3) or 0 in shape:
        raise ImageError(f"{what} is an array of shape {tuple(shape)}; give (height, width) or (height, width, channels)")
    if len(shape) == 3 and shape[2] not in _CHANNELS:
        first = "the channels are first; give image.transpose(1, 2, 0)" if shape[0] in _CHANNELS else "give 1, 3 or 4 channels"
        raise ImageError(f"{what} is an array of shape {tuple(shape)}: {first}")


def _range(dtype: Any, pixels: Any) -> str:
    is_number = np.issubdtype(dtype, np.number)
    return f" from {np.min(pixels):g} to {np.max(pixels):g}" if is_number and np.size(pixels) else ""


def _advice(dtype: Any, pixels: Any) -> str:
    if not np.issubdtype(dtype, np.number) and dtype != np.bool_:
        return "give uint8 from 0 to 255"
    if not np.size(pixels):
        return "and it is empty"
    low, high = float(np.min(pixels)), float(np.max(pixels))
    if low >= 0 and high <= 1 and not np.issubdtype(dtype, np.integer):
        return "give uint8 from 0 to 255: (image * 255).round().astype('uint8')"
    if low >= 0 and high <= 255:
        most = f"; or, if {high:g} stands for white, (image * (255 / {high:g})).round().astype('uint8')" if high < 128 else ""
        return f"give uint8 from 0 to 255: image.round().astype('uint8'){most}"
    return "give uint8 from 0 to 255"


def to_decoded(pixels: np.ndarray, color: int) -> np.ndarray:
    """Pixels in RGB order as decoding a file with this colour gives them, in OpenCV's channel order."""
    from ..opencv_compat import cv2  # lists that are only looked at need no OpenCV

    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    codes: Dict[int, Dict[int, Optional[int]]] = {  # by the colour, then by the number of channels
        1: {1: cv2.COLOR_GRAY2BGR, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGR},
        0: {1: None, 3: cv2.COLOR_RGB2GRAY, 4: cv2.COLOR_RGBA2GRAY},
        -1: {1: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA},
    }
    code = codes[color][channels]
    pixels = np.ascontiguousarray(pixels)
    return pixels if code is None else cv2.cvtColor(pixels, code)
