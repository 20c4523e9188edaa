# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The exact mean and standard deviation of each channel over all pixels, from sums of whole numbers. Counts nothing else."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from ..arguments import few_enough, whole_number
from ..cpus import usable_cpus
from ..engine.ordered import ordered_map
from ..engine.serial import SerialPool
from ..engine.threads import ThreadPool
from ..errors import ImageError
from ..opencv_compat import cv2
from ..recordio.record import Record
from ..values import with_place

RGB = Tuple[float, float, float]

_NAMED = 10  # how many images that do not decode are named
_EXACT = 1 << 24
_CHUNK = 4  # records that a thread takes at once


class ImageSums(NamedTuple):
    """Of one image or of many: for red, green and blue, the sum of the pixels and the sum of their squares."""

    num_pixels: int
    sums: Tuple[int, ...]
    squares: Tuple[int, ...]


class PixelTotals:
    """What the pixels of all images come to so far."""

    def __init__(self) -> None:
        self._sums = np.zeros((2, 3), object)  # Python's integers, which have no largest one
        self.num_pixels = 0
        self.num_undecoded = 0
        self.undecoded: List[str] = []

    def add(self, record: Record, position: int, result: Union[ImageSums, ImageError]) -> None:
        if isinstance(result, ImageSums):
            self.num_pixels += result.num_pixels
            self._sums += [result.sums, result.squares]
            return
        self.num_undecoded += 1
        if len(self.undecoded) < _NAMED:
            self.undecoded.append(with_place(str(result), position, record.index))

    def mean(self) -> Optional[RGB]:
        """Red, green and blue, from 0 to 1; None if there is no pixel."""
        if not self.num_pixels:
            return None
        red, green, blue = (float(Fraction(total, 255 * self.num_pixels)) for total in self._sums[0])
        return red, green, blue

    def std(self) -> Optional[RGB]:
        """Red, green and blue, from 0 to 1, over all pixels and not over all but one; None if there is no pixel."""
        if not self.num_pixels:
            return None
        red, green, blue = (
            math.sqrt(Fraction(self.num_pixels * square - total**2, (255 * self.num_pixels) ** 2))
            for total, square in self._sums.T
        )
        return red, green, blue


def sums_of(image: np.ndarray) -> ImageSums:
    """The sums of an (H, W, 3) uint8 image in RGB order.

    They come from OpenCV's histograms, whose counts are float32: exact up to 2**24, so large images go in parts. cv2.norm is
    faster and not exact.
    """
    pixels = image.reshape(-1, 1, 3)
    counts = np.zeros((3, 256), np.int64)
    for start in range(0, len(pixels), _EXACT):
        for channel in range(3):
            part = cv2.calcHist([pixels[start : start + _EXACT]], [channel], None, [256], [0, 256])
            counts[channel] += part.reshape(-1).astype(np.int64)  # (256, 1), from OpenCV 5 on (256,)
    levels = np.arange(256)
    sums, squares = counts @ levels, counts @ levels**2  # 255**2 * 2**47 pixels are less than 2**63
    return ImageSums(len(pixels), tuple(map(int, sums)), tuple(map(int, squares)))


def with_sums(
    records: Iterable[Record], max_pixels: Optional[int], num_workers: Optional[int]
) -> Iterator[Tuple[Record, Union[None, ImageSums, ImageError]]]:
    """Every record with the sums of its image, in order; None if it has no image, ImageError if the image does not decode.

    The images are decoded in threads, by default one for each CPU: OpenCV lets Python go on meanwhile. 0 is this thread.
    """

    def look(record: Record) -> Union[None, ImageSums, ImageError]:
        if not len(record.content):
            return None
        try:
            return sums_of(record.image(1, max_pixels=max_pixels))
        except ImageError as error:
            return error

    with _open_pool(look, num_workers) as pool:
        yield from ordered_map(pool, records, chunk_size=_CHUNK, max_items=_CHUNK * pool.capacity, max_bytes=1 << 30)


def _open_pool(look: Callable[[Record], object], num_workers: Optional[int]) -> Union[SerialPool, ThreadPool]:
    if num_workers is None:
        return ThreadPool(look, usable_cpus())
    num_workers = few_enough("num_workers", whole_number("num_workers", num_workers, 0))
    return ThreadPool(look, num_workers) if num_workers else SerialPool(look)
