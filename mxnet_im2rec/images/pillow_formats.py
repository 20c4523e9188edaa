# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""GIF, AVIF and HEIF, by Pillow. Opens no file, and uses no OpenCV.

OpenCV decodes GIF and AVIF from 4.12 on, and 4.11 decodes neither. Here Pillow decodes them, whatever the OpenCV, so that a list
gives the same images on every machine. Pillow's plugins are called by themselves: nothing is registered with Pillow, and its own
limit of pixels, which belongs to the caller, does not count.
"""

from __future__ import annotations

import importlib
import io
from typing import Any, Optional

import numpy as np

from ..errors import ImageError
from .formats import describe, sniff
from .sizes import image_size

_PLUGINS = {  # the places of each format's class; the first that is there decodes
    "GIF": [("PIL.GifImagePlugin", "GifImageFile")],
    "AVIF": [("pillow_avif.AvifImagePlugin", "AvifImageFile"), ("PIL.AvifImagePlugin", "AvifImageFile")],
    "HEIF": [("pillow_heif", "HeifImageFile")],
}
_NEEDED = {"GIF": "Pillow", "AVIF": "Pillow 11.3 or later, or pillow-avif-plugin", "HEIF": "pillow-heif"}
_ADVICE = "pip install pillow pillow-heif"
_MOST_BRANDS = 256  # bytes of the box that names the brands of a file


def format_of(data: bytes) -> Optional[str]:
    """Which of these formats a file has, by its first bytes; None if it has none of them."""
    name = sniff(data)
    if name == "HEIF" and _is_avif_by_brand(data):
        return "AVIF"
    return name if name in _PLUGINS else None


def _is_avif_by_brand(data: bytes) -> bool:
    """Whether a file that begins as any HEIF says further on that it holds AVIF."""
    brands = bytes(data[8 : min(int.from_bytes(data[:4], "big"), _MOST_BRANDS)])
    return b"avif" in brands and b"heic" not in brands


def why_not_decoded(name: str) -> Optional[str]:
    """What is missing here to decode one of these formats, and how to get it; None if nothing is."""
    return None if _plugin(name) is not None else f"reading it needs {_NEEDED[name]}: {_ADVICE}"


def _plugin(name: str) -> Any:
    """Pillow's class for a format; None if it is not installed, or was built without the library behind it."""
    for module, attribute in _PLUGINS[name]:
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
        if getattr(found, "SUPPORTED", True):  # False where Pillow was built without libavif
            return getattr(found, attribute)
    return None


def decode(data: bytes, name: str, color: int) -> np.ndarray:
    """Decode a file of one of these formats, the first image of several; ImageError if it cannot be decoded.

    With colour 1 or 0, the result is (H, W, 3) BGR uint8, or (H, W) where the image is stored as grey, without alpha, upright.
    With colour -1 the result has alpha too, as (H, W, 4) BGRA, and is not rotated; HEIF's decoder rotates all the same. More
    than 8 bits become 8.
    """
    missing = why_not_decoded(name)
    if missing is not None:
        raise ImageError(f"{describe(data)}: {missing}")
    try:
        image = _plugin(name)(io.BytesIO(data))
        _check_canvas(data, image.size)
        image.load()
        return _pixels(image, color)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise nearly anything on damaged files
        raise ImageError(f"Pillow cannot decode this {describe(data)}: {error}") from None


def _check_canvas(data: bytes, found: Any) -> None:
    """Refuse an image that is larger than its header says, as a GIF can be: what is allowed was looked up by the header."""
    size = image_size(data)
    if size is not None and found[0] * found[1] > size[0] * size[1]:
        what = f"{found[0]:,} x {found[1]:,} pixels, its header says {size[1]:,} x {size[0]:,}"
        raise ImageError(f"the {describe(data)} has an image of {what}")


def _pixels(image: Any, color: int) -> np.ndarray:
    from PIL import ImageOps

    if color != -1:
        image = ImageOps.exif_transpose(image) or image
    has_alpha = color == -1 and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info)
    is_grey = image.mode in ("1", "L") or (image.mode == "LA" and not has_alpha)
    mode = "RGBA" if has_alpha else "L" if is_grey else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    if mode == "L":
        return pixels.copy()
    return np.ascontiguousarray(pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]])
