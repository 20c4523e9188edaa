# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a caller gives as the parts of an entry, checked: the index, the labels, the image. Knows no kind of list."""

from __future__ import annotations

import numbers
from typing import Any, Optional, Tuple, Union

import numpy as np

from ..errors import ImageError, ListLineError
from ..images.arrays import as_image
from ..limits import MAX_INDEX
from ..text import Call, Text, message_of
from ..values import ImageEntry, ListEntry
from .lines import check_label


def checked_entry(index: Any, labels: Any, image: Any, line: int, name: str) -> ListEntry:
    """An entry of its parts; ListLineError says what is wrong with one. A name stands for an image that has no path."""
    if hasattr(image, "__fspath__"):
        image = image.__fspath__()
    if isinstance(image, str) and not image:
        raise ListLineError(f"the path is {image!r}, expected a str that is not empty")
    path = image if isinstance(image, str) else name
    index = checked_index(index, path)
    values = checked_labels(labels, index, path)
    try:
        found: Union[str, bytes, np.ndarray] = as_image(image)
    except ImageError as error:
        raise ListLineError(message_of(error), index, path) from None
    if not len(found):
        raise ListLineError("the image is empty", index, path)
    if isinstance(found, str):
        return ListEntry(index, values, found, line)
    return ImageEntry(index, values, path, line, found)


def checked_index(index: Any, path: Optional[str]) -> int:
    """ListLineError if an index is none."""
    if isinstance(index, bool) or not isinstance(index, numbers.Integral) or not 0 <= int(index) <= MAX_INDEX:
        raise ListLineError(f"the index {index!r} is no whole number from 0 to 2**64 - 1", None, path)
    return int(index)


def checked_labels(labels: Any, index: int, path: str) -> Tuple[float, ...]:
    """One label, or a sequence or an array of labels, as a tuple; ListLineError if one of them is no number."""
    if hasattr(labels, "asnumpy"):
        labels = labels.asnumpy()
    values = None
    try:
        if not isinstance(labels, (str, bytes)):
            values = [float(label) for label in (labels if _has_many(labels) else [labels])]
    except (TypeError, ValueError, OverflowError):
        pass  # values is None then
    if values is None:
        what = f"the labels must be a number, or a sequence of numbers; found {labels!r:.200}"
        help = Text("; ", Call("from_table"), " makes numbers of the names of classes") if isinstance(labels, str) else ""
        raise ListLineError(Text(what, help), index, path)
    if not values:
        raise ListLineError("there is no label", index, path)
    return tuple([check_label(value, repr(value), index, path) for value in values])


def _has_many(labels: Any) -> bool:
    return labels.ndim > 0 if hasattr(labels, "ndim") else hasattr(labels, "__iter__")
