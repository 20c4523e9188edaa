# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Image files to arrays and back, by OpenCV; a few formats by Pillow. Opens no file, knows nothing of records.

Arrays are in OpenCV's channel order here: (H, W, 3) BGR, (H, W, 4) BGRA, (H, W) grey.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, Tuple

import numpy as np

from ..errors import ArgumentValueError, ImageError
from ..opencv_compat import cv2
from . import jpeg, pillow_formats
from .checks import check_whole
from .formats import describe

Decoded = Tuple[np.ndarray, Optional[Tuple[int, int]]]

_REDUCED_FLAGS = {  # the scale: the flags for grey and for colour
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_COLOR_8),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
}
_DECODE_FLAGS = {1: cv2.IMREAD_COLOR, 0: cv2.IMREAD_GRAYSCALE, -1: cv2.IMREAD_UNCHANGED}


_HANG_SECONDS = 10.0  # before it is said that OpenCV hangs

_log = logging.getLogger("mxnet_im2rec")
_lock = threading.Lock()
_num_inside = 0  # how many threads of the caller are within one_thread()
_threads_before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Give up OpenCV's threads for a while. A process that is forked meanwhile has an OpenCV that works.

    A fork takes no threads along. OpenCV does not know that: in the child it waits without end for its threads, in the next
    parallel loop and in ``cv2.setNumThreads``.
    """
    global _num_inside, _threads_before
    with _lock:
        if not _num_inside:
            _threads_before = cv2.getNumThreads()
            with _hanging_reported():
                cv2.setNumThreads(1)
        _num_inside += 1
    try:
        yield
    finally:
        with _lock:
            _num_inside -= 1
            if not _num_inside:
                cv2.setNumThreads(_threads_before)


@contextmanager
def _hanging_reported() -> Iterator[None]:
    """Log a warning if OpenCV takes so long here that it must be waiting for threads that a fork has not taken along."""
    timer = threading.Timer(_HANG_SECONDS, _warn_of_hanging)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a fork that follows must find no thread


def _warn_of_hanging() -> None:
    _log.warning(
        "OpenCV has not answered for %g seconds and may never do: probably this process, %d, was forked after OpenCV's threads "
        "had run, and waits for threads that do not exist here. Call this function from the main process, or start this process "
        "with 'spawn' instead of 'fork', or call cv2.setNumThreads(0) in the parent before it forks",
        _HANG_SECONDS,
        os.getpid(),
    )


def decode(data: bytes, color: int, head: Optional[jpeg.Head] = None) -> np.ndarray:
    """Decode an image file of any format that OpenCV decodes, or Pillow here; ImageError if it is truncated or cannot be decoded.

    Colour 1 gives (H, W, 3) BGR uint8, colour 0 (H, W) grey uint8, both with the EXIF orientation applied. Colour -1 gives what
    is stored, not rotated: also (H, W, 4) BGRA, and uint16. The head of a JPEG can be given, if it was read before.
    """
    check_whole(data, head)
    by_pillow = pillow_formats.format_of(data) if head is None else None
    if by_pillow is None:
        return _decode(data, _DECODE_FLAGS[color])
    image = pillow_formats.decode(data, by_pillow, color)
    if color == -1 or image.ndim == (3 if color else 2):
        return image
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if color else cv2.COLOR_BGR2GRAY)


def _decode(data: bytes, flags: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode this {describe(data)}: {error.err}") from None
    if image is None:
        raise ImageError(f"OpenCV cannot decode it: {describe(data)}, damaged or of a kind it does not know")
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"its pixels are {image.dtype}; only images of 8 or 16 bits can be packed")
    return image


def decode_smaller(
    data: bytes,
    color: int,
    target_size: Callable[[int, int], Optional[Tuple[int, int]]],
    head: Optional[jpeg.Head] = None,
) -> Decoded:
    """Decode an image file; a JPEG that is to be made smaller, at the smallest scale of its DCT that is not below the target.

    ``target_size`` gives, for the (height, width) of the whole image, the (width, height) that it is to have, or None. The
    result is that of :func:`decode`, with the (height, width) of the whole image if it was decoded smaller. With colour -1
    nothing is decoded smaller.
    """
    size = None
    head = head or jpeg.head_of(data)
    if color >= 0 and head is not None:
        check_whole(data, head)
        size = head.size
    target = target_size(*size) if size is not None else None
    if size is not None and target is not None:
        for scale, flags in _REDUCED_FLAGS.items():
            if -(-size[1] // scale) >= target[0] and -(-size[0] // scale) >= target[1]:
                return _decode(data, flags[color]), size
    return decode(data, color, head), None


def to_8_bits(image: np.ndarray) -> np.ndarray:
    """The high byte of 16-bit pixels, which is what MXNet's readers keep of them; 8-bit pixels as they are."""
    return image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)


def to_rgb(image: np.ndarray, out: Optional[np.ndarray] = None) -> np.ndarray:
    """A decoded image, (H, W) or (H, W, C) in OpenCV's order, as (H, W, C) uint8 in RGB order, C-contiguous.

    It can be written into ``out``, an array of just this kind.
    """
    rgb = _swap_red_and_blue(np.atleast_3d(to_8_bits(image)), out)
    if out is not None and rgb is not out:
        out[...] = rgb
        return out
    return rgb


def to_bgr(image: np.ndarray) -> np.ndarray:
    """An (H, W, C) uint8 image in RGB order in OpenCV's order."""
    return _swap_red_and_blue(image)


def _swap_red_and_blue(image: np.ndarray, out: Optional[np.ndarray] = None) -> np.ndarray:
    code = {1: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[image.shape[2]]
    return image if code is None else cv2.cvtColor(image, code, out)


def encoder_parameters(encoding: str, quality: int) -> List[int]:
    """The parameters of cv2.imencode; ValueError if there is no such encoding or quality.

    The quality is 1 to 100 for JPEG. For PNG it is the compression, 0 to 9, and 95, the default of JPEG, means 3.
    """
    if encoding not in (".jpg", ".jpeg", ".png"):
        raise ArgumentValueError("encoding", "must be '.jpg', '.jpeg' or '.png'", encoding)
    is_png = encoding == ".png"
    if is_png and quality == 95:
        quality = 3
    low, high = (0, 9) if is_png else (1, 100)
    if isinstance(quality, bool) or not isinstance(quality, (int, np.integer)) or not low <= quality <= high:
        what = "compression of PNG" if is_png else "quality of JPEG"
        raise ArgumentValueError("quality", f"is the {what} here, and must be a whole number from {low} to {high}", quality)
    return [cv2.IMWRITE_PNG_COMPRESSION if is_png else cv2.IMWRITE_JPEG_QUALITY, int(quality)]


def encode(image: np.ndarray, encoding: str, parameters: List[int]) -> bytes:
    """Encode an image, with the parameters of :func:`encoder_parameters`; ImageError if it cannot be encoded.

    The image is (H, W, 3) BGR, (H, W, 4) BGRA, or (H, W) or (H, W, 1) grey, uint8. PNG takes uint16 too. JPEG leaves alpha out
    and keeps the high byte of 16 bits; it cannot have a side of more than 65,500 pixels.
    """
    if encoding != ".png":
        jpeg.check_sides(image.shape)
        image = to_8_bits(image)
        if image.ndim == 3 and image.shape[2] == 4:
            image = np.ascontiguousarray(image[:, :, :3])
    try:
        done, encoded = cv2.imencode(encoding, image, parameters)
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot encode shape {image.shape} as {encoding}: {error.err}") from None
    if not done:
        raise ImageError(f"OpenCV cannot encode shape {image.shape} as {encoding}")
    return encoded.tobytes()
