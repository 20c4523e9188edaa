# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Stock Gluon transforms as OpenCV calls that give the same bits, and the transforms that storing an image undoes.

Reads the parameters of MXNet's Blocks and runs none of them. A subclass, an unknown Block and one with hooks are never treated
as stock transforms. The tests compare every step with MXNet's own operator over many shapes and parameters.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Sequence, Tuple
from weakref import ReferenceType

from ..limits import MAX_SIDE
from .opencv_steps import INTERPOLATIONS, CenterCrop, Compose, CropResize, Resize, Step

_DETERMINISTIC = ("Resize", "CenterCrop", "CropResize", "ToTensor", "Normalize", "Cast")
_CONTAINERS = ("Compose", "Sequential", "HybridSequential")


OWN = (Resize, CenterCrop)


def _is_plain(block: Any, stock: Any, *names: str) -> bool:
    """Whether a Block is of one of these types of Gluon's, not of a subclass, and its behaviour is not changed."""
    return (
        stock is not None
        and type(block) in [getattr(stock, name) for name in names]
        and not block._forward_hooks
        and not block._forward_pre_hooks
        and not {"forward", "hybrid_forward", "__call__"} & vars(block).keys()
    )


def is_deterministic(block: Any, stock: Any) -> bool:
    """Whether a Block is known to use no random generator."""
    return type(block) in OWN or _is_plain(block, stock, *_DETERMINISTIC)


def flatten(transform: Any, stock: Any) -> List[Any]:
    """The transforms in the order in which they run. Containers are replaced by what they contain.

    ``stock`` is ``mxnet.gluon.data.vision.transforms`` here and below; None where MXNet is not loaded.
    """
    if type(transform) is not Compose and not _is_plain(transform, stock, *_CONTAINERS):
        return [transform]
    return [block for child in transform._children.values() for block in flatten(child, stock)]


def names_of_stock(transform: Any) -> Iterator[str]:
    """The names of the stock transforms, and of those of this package, in a transform, however deep they are nested."""
    children = getattr(transform, "_children", None)
    if isinstance(children, dict):
        for child in children.values():
            yield from names_of_stock(child() if isinstance(child, ReferenceType) else child)
    if type(transform) in OWN or type(transform).__module__.startswith("mxnet.gluon.data.vision."):
        yield type(transform).__name__


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
    """The OpenCV step for a transform; None if it may not give the same bits."""
    if type(block) in OWN:
        return block
    if _is_plain(block, stock, "Resize"):
        return _resize_step(block._size, block._keep, block._interpolation)
    if _is_plain(block, stock, "CenterCrop"):
        size, interpolation = block._args
        known = _are_sizes(size, (2,)) and interpolation in INTERPOLATIONS
        return CenterCrop((size[0], size[1]), interpolation) if known else None
    if _is_plain(block, stock, "CropResize"):
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
    if not _are_sizes(sizes, (1, 2)) or interpolation not in INTERPOLATIONS or not isinstance(keep_ratio, bool):
        return None
    return Resize(tuple(sizes), keep_ratio, interpolation)


def _are_sizes(values: Any, lengths: Tuple[int, ...]) -> bool:
    return (
        isinstance(values, (tuple, list))
        and len(values) in lengths
        and all(type(each) is int and 0 < each <= MAX_SIDE for each in values)
    )


def undone_by_storing(blocks: Sequence[Any], stock: Any) -> Tuple[int, Tuple[int, ...]]:
    """How many of the last blocks change nothing in a stored uint8 image, and for how many channels of an image this holds.

    ToTensor divides by 255 and storing multiplies; a Normalize of mean 0 and deviation 1 changes nothing.
    """
    channels: Tuple[int, ...] = (1, 3)
    for count, block in enumerate(reversed(blocks), 1):
        if _is_plain(block, stock, "ToTensor"):
            return count, channels
        if not _is_plain(block, stock, "Normalize"):
            break
        for value, neutral in ((block._mean, 0), (block._std, 1)):
            values = value if isinstance(value, (tuple, list)) else (value,)
            if len(values) not in (1, 3) or any(each != neutral for each in values):
                return 0, (1, 3)
            if len(values) == 3:
                channels = (3,)  # MXNet refuses such a Normalize for grey
    return 0, (1, 3)
