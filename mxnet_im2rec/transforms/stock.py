# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Stock Gluon transforms as OpenCV calls that give the same bits, and the transforms that storing an image undoes.

Reads the parameters of MXNet's Blocks and runs none of them. A subclass, an unknown Block and one with hooks are never treated
as stock transforms. The tests compare every step with MXNet's own operator over many shapes and parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

from ..mxnet_compat import import_mxnet
from ..opencv_compat import cv2

_DETERMINISTIC = ("Resize", "CenterCrop", "CropResize", "ToTensor", "Normalize", "Cast")
_CONTAINERS = ("Compose", "Sequential", "HybridSequential")


class OutOfReach(Exception):  # noqa: N818  # never leaves the package
    """This step may not give the same bits as MXNet on this image."""


def _resize(image: np.ndarray, size: Tuple[int, int], interpolation: int) -> np.ndarray:
    """The image in another (width, height).

    OpenCV 4 and the OpenCV 3.4.2 inside MXNet round a side of one pixel differently where Lanczos (4) makes it longer.
    """
    if interpolation == cv2.INTER_LANCZOS4 and 1 in image.shape[:2]:
        raise OutOfReach
    return cv2.resize(image, size, interpolation=interpolation)


@dataclass(frozen=True)
class Resize:
    """``transforms.Resize``, by OpenCV. Arrays are (H, W) or (H, W, C) uint8, here and in the other steps."""

    size: Tuple[int, ...]  # (shorter or both sides,) or (width, height)
    keep_ratio: bool
    interpolation: int

    def target(self, height: int, width: int) -> Tuple[int, int]:
        """The (width, height) that an image of this height and width gets."""
        if len(self.size) == 2:
            return self.size[0], self.size[1]
        (size,) = self.size
        if not self.keep_ratio:
            return size, size
        return (size, height * size // width) if height > width else (width * size // height, size)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        return self.to(image, self.target(*image.shape[:2]))

    def to(self, image: np.ndarray, target: Tuple[int, int]) -> np.ndarray:
        return _resize(image, target, self.interpolation)


@dataclass(frozen=True)
class CenterCrop:
    """``transforms.CenterCrop``: the largest centred part of its ratio, resized where that is smaller than the size."""

    size: Tuple[int, int]  # (width, height)
    interpolation: int

    def __call__(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        new_width, new_height = import_mxnet().image.scale_down((width, height), self.size)
        left, top = int((width - new_width) / 2), int((height - new_height) / 2)
        part = image[top : top + new_height, left : left + new_width]
        if 0 in part.shape:
            raise OutOfReach
        return part if (new_width, new_height) == self.size else _resize(part, self.size, self.interpolation)


@dataclass(frozen=True)
class CropResize:
    """``transforms.CropResize``: a fixed part, resized if a size is given."""

    left: int
    top: int
    width: int
    height: int
    resize: Optional[Resize]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        part = image[self.top : self.top + self.height, self.left : self.left + self.width]
        if part.shape[:2] != (self.height, self.width):
            raise OutOfReach  # MXNet raises an error
        return part if self.resize is None else self.resize(part)


_INTERPOLATIONS = (0, 1, 3, 4)  # 2, cubic, differs by a level here and there between MXNet's OpenCV and newer ones


Step = Union[Resize, CenterCrop, CropResize]


def _is_plain(block: Any, kinds: Sequence[type]) -> bool:
    """Whether a Block is of one of these types, not of a subclass, and its behaviour is not changed."""
    return (
        type(block) in kinds
        and not block._forward_hooks
        and not block._forward_pre_hooks
        and not {"forward", "hybrid_forward", "__call__"} & vars(block).keys()
    )


def is_deterministic(block: Any, stock: Any) -> bool:
    """Whether a Block is known to use no random generator."""
    return _is_plain(block, [getattr(stock, name) for name in _DETERMINISTIC])


def flatten(transform: Any, stock: Any) -> List[Any]:
    """The transforms in the order in which they run. Containers are replaced by what they contain."""
    if not _is_plain(transform, [getattr(stock, name) for name in _CONTAINERS]):
        return [transform]
    return [block for child in transform._children.values() for block in flatten(child, stock)]


def opencv_prefix(blocks: Sequence[Any], stock: Any) -> List[Step]:
    """The steps for as many of the first blocks as OpenCV runs with the same bits."""
    steps: List[Step] = []
    for block in blocks:
        step = _opencv_step(block, stock)
        if step is None:
            break
        steps.append(step)
    return steps


def _opencv_step(block: Any, stock: Any) -> Optional[Step]:
    """The OpenCV step for a Block; None if it may not give the same bits."""
    if _is_plain(block, [stock.Resize]):
        return _resize_step(block._size, block._keep, block._interpolation)
    if _is_plain(block, [stock.CenterCrop]):
        size, interpolation = block._args
        known = _are_sizes(size, (2,)) and interpolation in _INTERPOLATIONS
        return CenterCrop((size[0], size[1]), interpolation) if known else None
    if _is_plain(block, [stock.CropResize]):
        box = (block._x, block._y, block._width, block._height)
        if not (_are_sizes(box[2:], (2,)) and all(type(place) is int and place >= 0 for place in box)):
            return None
        if not block._size:
            return CropResize(*box, None)
        resize = _resize_step(block._size, False, block._interpolation)
        return None if resize is None else CropResize(*box, resize)
    return None


def _resize_step(size: Any, keep_ratio: Any, interpolation: Any) -> Optional[Resize]:
    sizes = size if isinstance(size, (tuple, list)) else (size,)
    if not _are_sizes(sizes, (1, 2)) or interpolation not in _INTERPOLATIONS or not isinstance(keep_ratio, bool):
        return None
    return Resize(tuple(sizes), keep_ratio, interpolation)


def _are_sizes(values: Any, lengths: Tuple[int, ...]) -> bool:
    return isinstance(values, (tuple, list)) and len(values) in lengths and all(type(each) is int and each > 0 for each in values)


def undone_by_storing(blocks: Sequence[Any], stock: Any) -> Tuple[int, Tuple[int, ...]]:
    """How many of the last blocks change nothing in a stored uint8 image, and for how many channels of an image this holds.

    ToTensor divides by 255 and storing multiplies; a Normalize of mean 0 and deviation 1 changes nothing.
    """
    channels: Tuple[int, ...] = (1, 3)
    for count, block in enumerate(reversed(blocks), 1):
        if _is_plain(block, [stock.ToTensor]):
            return count, channels
        if not _is_plain(block, [stock.Normalize]):
            break
        for value, neutral in ((block._mean, 0), (block._std, 1)):
            values = value if isinstance(value, (tuple, list)) else (value,)
            if len(values) not in (1, 3) or any(each != neutral for each in values):
                return 0, (1, 3)
            if len(values) == 3:
                channels = (3,)  # MXNet refuses such a Normalize for grey
    return 0, (1, 3)
