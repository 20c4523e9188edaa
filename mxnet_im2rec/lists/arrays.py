# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""An array of images as a source of entries."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Iterator, Optional

import numpy as np

from ..errors import ArgumentTypeError, ArgumentValueError, ImageError, ListLineError
from ..images.arrays import check_pixels
from ..text import message_of
from ..values import Entries, Failure, ImageEntry
from .given import checked_labels
from .source import ListSource

_SLICE = 256  # images that are taken out of the array at once


def from_arrays(images: Any, labels: Any) -> ListSource:
    """A list of the images in an array, for every function that takes a list.

    The index of an image is its position. No file is made.

    Parameters
    ----------
    images : numpy.ndarray, NDArray or other array
        (N, H, W) or (N, H, W, C) uint8, with C = 1 (grey), 3 (RGB) or 4 (RGBA). It is read in slices: an array that lies in a
        file, such as ``numpy.load(path, mmap_mode='r')``, is never in memory whole.
    labels : sequence or array
        N numbers; or (N, K) for K labels an image.

    Returns
    -------
    ListSource
        What :func:`mxnet_im2rec.im2rec`, :func:`mxnet_im2rec.check_list` and :func:`mxnet_im2rec.verify` take as a list.

    Raises
    ------
    TypeError, ValueError
        If ``images`` is no array of this kind, which says what to do; or if there are more or fewer labels than images.

    Examples
    --------
    >>> import numpy as np
    >>> from mxnet_im2rec import check_list, from_arrays
    >>> digits = np.zeros((100, 8, 8), np.uint8)
    >>> check_list(from_arrays(digits, np.arange(100) % 10)).ok
    True
    """
    return ArraySource(images, labels)


class ArraySource(ListSource):
    """The images of one array, with their labels."""

    can_be_read_twice = True

    def __init__(self, images: Any, labels: Any) -> None:
        super().__init__(None, os.getcwd())
        if isinstance(images, (list, tuple)):
            rule = f"is a {type(images).__name__}; give one array, or, as the list itself, pairs of (label, image)"
            raise ArgumentTypeError("images", rule)
        if not hasattr(images, "shape") or not hasattr(images, "dtype") or not hasattr(images, "__getitem__"):
            raise ArgumentTypeError("images", "must be an array of images, (N, H, W) or (N, H, W, C)", images)
        if len(images.shape) not in (3, 4):
            rule = f"has the shape {tuple(images.shape)}; give (N, H, W) or (N, H, W, C)"
            raise ArgumentValueError("images", rule)
        self._images = images
        labels = labels.asnumpy() if hasattr(labels, "asnumpy") else labels
        self._labels = labels if hasattr(labels, "__len__") else np.asarray(labels)
        if np.ndim(self._labels) == 0 or len(self._labels) != images.shape[0]:
            found = len(self._labels) if np.ndim(self._labels) else "one number"
            raise ArgumentValueError("labels", f"must be one for each of the {images.shape[0]:,} images; found {found}")
        first = _as_numpy(images[:1])
        try:
            check_pixels(first.dtype, images.shape[1:], first if first.dtype == np.uint8 else _sample(images), "each image")
        except ImageError as error:
            raise ArgumentValueError("images", f"cannot be packed: {error}") from None
        self._digest: Optional[str] = None

    def count(self) -> int:
        return len(self._labels)

    def _read(self) -> Entries:
        for position, (image, labels) in enumerate(zip(self._slices(), self._labels)):
            name = f"images[{position}]"
            try:
                yield ImageEntry(position, checked_labels(labels, position, name), name, position + 1, image)
            except ListLineError as error:
                yield Failure(position + 1, error.index, error.path, "list", message_of(error))

    def _slices(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self._labels), _SLICE):
            yield from _as_numpy(self._images[start : start + _SLICE])

    @property
    def digest(self) -> str:  # type: ignore[override]
        """Of all pixels."""
        if self._digest is None:
            found = hashlib.blake2b(digest_size=16)
            for image in self._slices():
                found.update(image.tobytes())
            self._digest = f"{tuple(self._images.shape)} {found.hexdigest()}"
        return self._digest


def _as_numpy(images: Any) -> np.ndarray:
    return images.asnumpy() if hasattr(images, "asnumpy") else np.asarray(images)


def _sample(images: Any) -> np.ndarray:
    """Some of the images, for the range of their values."""
    step = max(1, images.shape[0] // 16)
    return np.stack([_as_numpy(images[at : at + 1]) for at in range(0, images.shape[0], step)])
