# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Transforms that OpenCV runs: Gluon's parameters, the bits of MXNet's operators, and no MXNet.

Users have Compose, Resize and CenterCrop from :mod:`mxnet_im2rec.transforms`. The tests compare every step with MXNet's own
operator, over many shapes and parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Union

import numpy as np

from ..arguments import flag, whole_number
from ..errors import ArgumentTypeError, ArgumentValueError, ImageError
from ..limits import MAX_SIDE
from ..mxnet_compat import import_mxnet
from ..opencv_compat import cv2

INTERPOLATIONS = (0, 1, 3, 4)  # 2, cubic, differs by a level here and there between MXNet's OpenCV and newer ones

_MOST = 2**31 - 1  # OpenCV's sizes have 32 bits

Size = Union[int, Tuple[int, int]]


class OutOfReach(ImageError):
    """This step may not give the same bits as MXNet on this image."""


class Step(ABC):
    """One of the transforms here."""

    def __call__(self, image: Any) -> Any:
        """Transform one image.

        Parameters
        ----------
        image : numpy.ndarray or mxnet.nd.NDArray
            (H, W, C) uint8 with 1 to 4 channels in any order, or (H, W) uint8.

        Returns
        -------
        numpy.ndarray or mxnet.nd.NDArray
            The kind of array, the channels and the dtype that were given, in memory of its own.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError
            If the image is no such array, or empty.
        ImageError
            If the result may differ from that of MXNet's operator, or there is none.
        """
        array = _checked_image(image)
        result = self.apply(array)
        if result.base is not None:
            result = result.copy()  # a crop shares the memory
        if array.ndim == 3:
            result = result.reshape(*result.shape[:2], array.shape[2])
        return result if array is image else _ndarray_like(image, result)

    @abstractmethod
    def apply(self, image: np.ndarray) -> np.ndarray:
        """The same for (H, W) or (H, W, C) uint8; one channel may come back as (H, W)."""


def _checked_image(image: Any) -> np.ndarray:
    """A NumPy array that OpenCV takes, of what was given."""
    array = image.asnumpy() if hasattr(image, "asnumpy") else image
    kind = "must be an array of uint8, (H, W, C) or (H, W), of NumPy or an NDArray"
    if not isinstance(array, np.ndarray):
        raise ArgumentTypeError("image", f"{kind}; this is of type {type(image).__name__}")
    if array.dtype != np.uint8:
        raise ArgumentTypeError("image", f"{kind}; this one is of {array.dtype}")
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] > 4):
        rule = f"must be uint8 of shape (H, W, C), with 1 to 4 channels, or (H, W), and not empty; this one is {array.shape}"
        raise ArgumentValueError("image", rule)
    return array


def _ndarray_like(given: Any, result: np.ndarray) -> Any:
    mx = import_mxnet()
    array = mx.nd.array(result, dtype=result.dtype)
    return array.as_np_ndarray() if isinstance(given, mx.np.ndarray) else array


def _resize(image: np.ndarray, size: Tuple[int, int], interpolation: int) -> np.ndarray:
    """The image in another (width, height).

    OpenCV 4 and the OpenCV 3.4.2 inside MXNet round a side of one pixel differently where Lanczos (4) makes it longer.
    """
    if interpolation == cv2.INTER_LANCZOS4 and 1 in image.shape[:2]:
        raise OutOfReach(
            "Lanczos gives other bits than MXNet where a side has one pixel: use Gluon's transform (which needs MXNet)"
        )
    if max(size) > _MOST:
        raise ImageError(f"it would become {size[0]:,} x {size[1]:,} pixels, more than OpenCV can make a side")
    return cv2.resize(image, size, interpolation=interpolation)


@dataclass(frozen=True)
class Resize(Step):
    """Resize an image, as ``mxnet.gluon.data.vision.transforms.Resize`` does, without MXNet.

    Parameters
    ----------
    size : int or (int, int)
        In pixels, at most 65,535: (width, height), or one number for both. With ``keep_ratio`` and one
        number, the length of the shorter edge.
    keep_ratio : bool
        Whether one number keeps the ratio of the sides.
    interpolation : {1, 0, 3, 4}
        0: nearest, 1: bilinear, 3: area, 4: Lanczos. There is no 2, cubic: versions of OpenCV differ in it.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> Resize(30, keep_ratio=True)(np.zeros((60, 90, 3), np.uint8)).shape
    (30, 45, 3)
    """

    size: Size
    keep_ratio: bool = False
    interpolation: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _checked_size(self.size))
        object.__setattr__(self, "keep_ratio", flag("keep_ratio", self.keep_ratio))
        object.__setattr__(self, "interpolation", _checked_interpolation(self.interpolation))

    def target(self, height: int, width: int) -> Tuple[int, int]:
        """The (width, height) that an image of this height and width gets."""
        if isinstance(self.size, tuple):
            return self.size
        if not self.keep_ratio:
            return self.size, self.size
        return (self.size, height * self.size // width) if height > width else (width * self.size // height, self.size)

    def apply(self, image: np.ndarray) -> np.ndarray:
        return self.to(image, self.target(*image.shape[:2]))

    def to(self, image: np.ndarray, target: Tuple[int, int]) -> np.ndarray:
        """Resize to this (width, height)."""
        return _resize(image, target, self.interpolation)


@dataclass(frozen=True)
class CenterCrop(Step):
    """Crop the middle of an image, as ``mxnet.gluon.data.vision.transforms.CenterCrop`` does, without MXNet.

    An image that is smaller than the size gives its largest part of that ratio, which is resized.

    Parameters
    ----------
    size : int or (int, int)
        In pixels, at most 65,535: (width, height), or one number for both.
    interpolation : {1, 0, 3, 4}
        As for :class:`Resize`, where an image is smaller.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> CenterCrop((40, 20))(np.zeros((60, 90, 3), np.uint8)).shape
    (20, 40, 3)
    """

    size: Size
    interpolation: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _checked_size(self.size))
        object.__setattr__(self, "interpolation", _checked_interpolation(self.interpolation))

    def apply(self, image: np.ndarray) -> np.ndarray:
        size = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        height, width = image.shape[:2]
        part_width, part_height = _largest_part(width, height, *size)
        left, top = int((width - part_width) / 2), int((height - part_height) / 2)
        part = image[top : top + part_height, left : left + part_width]
        if 0 in part.shape:
            raise OutOfReach(f"of {width} x {height} pixels there is no part in the ratio of {size[0]} x {size[1]}")
        return part if (part_width, part_height) == size else _resize(part, size, self.interpolation)


def _largest_part(width: int, height: int, crop_width: int, crop_height: int) -> Tuple[int, int]:
    """The (width, height) of a crop, made smaller in its ratio until it fits into the image; rounded as MXNet does."""
    part_width, part_height = float(crop_width), float(crop_height)
    if height < part_height:
        part_width, part_height = part_width * height / part_height, float(height)
    if width < part_width:
        part_width, part_height = float(width), part_height * width / part_width
    return int(part_width), int(part_height)


@dataclass(frozen=True)
class CropResize(Step):
    """``transforms.CropResize``: a fixed part, resized if a size is given."""

    left: int
    top: int
    width: int
    height: int
    resize: Optional[Resize]

    def apply(self, image: np.ndarray) -> np.ndarray:
        part = image[self.top : self.top + self.height, self.left : self.left + self.width]
        if part.shape[:2] != (self.height, self.width):
            raise OutOfReach("the part is not within the image")  # MXNet raises an error
        return part if self.resize is None else self.resize.apply(part)


class Compose:
    """Run transforms one after the other, as ``mxnet.gluon.data.vision.transforms.Compose`` does.

    Of :class:`Resize`, :class:`CenterCrop` and other Compose alone it needs no MXNet. Gluon's transforms and functions may be in
    it too. :func:`mxnet_im2rec.im2rec` has MXNet run them, and those behind them, on NDArrays. A direct call gives the first one
    what it was given: for Gluon's transforms that must be an NDArray.

    Parameters
    ----------
    transforms : sequence of callable
        In the order in which they run.

    Raises
    ------
    TypeError
        If one of them cannot be called, or is a class where it must be an instance.

    Examples
    --------
    >>> import numpy as np
    >>> Compose([Resize(30, keep_ratio=True), CenterCrop(28)])(np.zeros((60, 90, 3), np.uint8)).shape
    (28, 28, 3)
    """

    def __init__(self, transforms: Sequence[Callable]) -> None:
        if not isinstance(transforms, (list, tuple)):
            raise ArgumentTypeError("transforms", "must be a list of transforms", transforms)
        for number, each in enumerate(transforms):
            if isinstance(each, type) or not callable(each):
                raise ArgumentTypeError(f"transforms[{number}]", "must be a transform, such as Resize(256)", each)
        self._children: Dict[str, Callable] = {str(number): each for number, each in enumerate(transforms)}  # as Gluon has it

    def __call__(self, image: Any) -> Any:
        """Transform one image; see :meth:`Resize.__call__`."""
        for each in self._children.values():
            image = each(image)
        return image

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(repr, self._children.values()))}])"


def _checked_size(size: Any) -> Size:
    if not isinstance(size, (tuple, list)):
        return _checked_side(size)
    sizes = tuple(map(_checked_side, size))
    if len(sizes) == 1:
        return sizes[0]
    if len(sizes) != 2:
        raise ArgumentValueError("size", "must be one number, or (width, height)", size)
    return sizes[0], sizes[1]


def _checked_side(value: Any) -> int:
    side = whole_number("size", value, 1)
    if side > MAX_SIDE:
        raise ArgumentValueError("size", f"must be at most {MAX_SIDE:,}", side)
    return side


def _checked_interpolation(interpolation: Any) -> int:
    if whole_number("interpolation", interpolation) not in INTERPOLATIONS:
        raise ArgumentValueError("interpolation", "must be 0, 1, 3 or 4", interpolation, help="for others use Gluon's transforms")
    return int(interpolation)
