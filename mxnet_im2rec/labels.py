# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What labels are: float32 numbers, and the layout of detection labels. Knows no list, no record and no file.

The labels of an image for detection are ``[A, B, extra ..., object, object, ...]``. A is the width of the header: A, B and the
extra numbers. B is the width of an object. An object is ``(class, xmin, ymin, xmax, ymax, ...)``, with the corners of its box
as shares of the image's width and height, from 0 to 1. Source: ``ImageDetIter._parse_label`` in MXNet's image/detection.py.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

EXACT_INTEGERS = 2**24
"""Up to here float32 holds every integer."""

_FLOAT32 = struct.Struct("<f")
_LARGEST_NUMBER = 2**64  # a larger label is a measure, not the number of something
_LEAST_HEADER, _LEAST_OBJECT = 2, 5
_MOST_GROUPS = 32  # of which items are kept
MOST_KEPT = 1000
"""How many items of one kind are kept: a dataset full of problems must not fill the memory."""


def as_float32(label: float) -> float:
    """The label as a reader will see it.

    Raises
    ------
    OverflowError
        If float32 has no such number.
    """
    return _FLOAT32.unpack(_FLOAT32.pack(label))[0]


def is_inexact(label: float) -> bool:
    """Whether a label is an integer that float32 does not hold exactly.

    Examples
    --------
    >>> is_inexact(2.0**24), is_inexact(2.0**24 + 1)
    (False, True)
    """
    return EXACT_INTEGERS < abs(label) < _LARGEST_NUMBER and label.is_integer() and as_float32(label) != label


class DetectionHeader(NamedTuple):
    """The first two of an image's detection labels."""

    width: int  # A, how many numbers the header has, these two included
    object_width: int  # B, how many numbers each object has


def detection_header(labels: Sequence[float]) -> Optional[DetectionHeader]:
    """The header, if the labels are those of an image with objects: A at least 2, B at least 5, and whole objects behind it.

    Examples
    --------
    >>> detection_header([2, 5, 0, 0.1, 0.1, 0.5, 0.5])
    DetectionHeader(width=2, object_width=5)
    >>> detection_header([2, 5, 0, 0.1])
    """
    header = _read_header(labels)
    if header is None or header.width >= len(labels) or (len(labels) - header.width) % header.object_width:
        return None
    return header


def _read_header(labels: Sequence[float]) -> Optional[DetectionHeader]:
    """A and B, whether they fit the labels or not."""
    if len(labels) < _LEAST_HEADER:
        return None
    width, object_width = float(labels[0]), float(labels[1])
    if not (width.is_integer() and object_width.is_integer() and width >= _LEAST_HEADER and object_width >= _LEAST_OBJECT):
        return None
    return DetectionHeader(int(width), int(object_width))


def detection_problem(labels: Sequence[float]) -> Optional[str]:
    """What MXNet's readers of detection datasets refuse about an image's labels; None if there is nothing."""
    header = _read_header(labels)
    if header is None:
        found = ", ".join(f"{label:g}" for label in labels[:2])
        return f"no header of detection labels, [A, B, ...] with A >= 2 and B >= 5: it begins with {found}"
    start, width = header
    if start == len(labels):
        return "it has no object; ImageDetIter and ImageDetRecordIter refuse such an image"
    if detection_header(labels) is None:
        return f"the header says {start} numbers and {width} for each object, which does not add up to its {len(labels)} labels"
    for place in range(start, len(labels), width):
        x_min, y_min, x_max, y_max = labels[place + 1 : place + 5]
        if not (0 <= x_min < x_max <= 1 and 0 <= y_min < y_max <= 1):
            box = ", ".join(f"{value:g}" for value in (x_min, y_min, x_max, y_max))
            number = (place - start) // width + 1
            return f"object {number} has the box {box}; expected xmin < xmax and ymin < ymax, all from 0 to 1"
    return None


def detection_classes(labels: Sequence[float]) -> Optional[List[float]]:
    """The classes of an image's objects; None if the labels are not those of a detection dataset.

    Examples
    --------
    >>> detection_classes([2, 5, 3.0, 0.1, 0.1, 0.5, 0.5])
    [3.0]
    """
    header = detection_header(labels)
    if header is None or detection_problem(labels) is not None:
        return None
    return [float(label) for label in labels[header.width :: header.object_width]]


class Groups:
    """Items in groups, each with a number. It counts all, and keeps the first items of each of the first groups."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()
        self._first: Dict[int, List[Any]] = {}

    def add(self, number: int, item: Any) -> None:
        self.counts[number] += 1
        if self.counts[number] <= MOST_KEPT and (number in self._first or len(self._first) < _MOST_GROUPS):
            self._first.setdefault(number, []).append(item)

    def others(self) -> Tuple[List[Tuple[Any, int]], int]:
        """The kept items of all groups but the largest, each with its group's number; and how many items those groups have."""
        (largest, size), *_ = self.counts.most_common(1)
        others = [(item, number) for number, items in self._first.items() if number != largest for item in items]
        return others, sum(self.counts.values()) - size


class DetectionLabels:
    """Finds out whether the labels of a dataset are for detection, and which of them MXNet's readers refuse.

    Any labels may look like detection labels by chance. So a dataset is one for detection if more than half of its images have
    the same header.

    Attributes
    ----------
    num_images : int
        How many images were looked at.
    """

    def __init__(self) -> None:
        self.num_images = 0
        self._headers: Counter = Counter()
        self._object_widths = Groups()  # of the images without a problem of their own
        self._problems: List[Tuple[Any, str]] = []
        self._num_problems = 0

    def add(self, labels: Sequence[float], place: Any) -> None:
        """Look at the labels of one image; ``place`` is what :meth:`problems` gives back for it."""
        self.num_images += 1
        header = detection_header(labels)
        problem = detection_problem(labels)
        if header is not None:
            self._headers[header] += 1
        if problem is not None:
            self._num_problems += 1
            if len(self._problems) < MOST_KEPT:
                self._problems.append((place, problem))
        elif header is not None:
            self._object_widths.add(header.object_width, place)

    @property
    def header(self) -> Optional[DetectionHeader]:
        """The header of more than half of the images; None if the dataset is not one for detection."""
        if not self._headers:
            return None
        header, count = self._headers.most_common(1)[0]
        return header if 2 * count > self.num_images else None

    def problems(self) -> Tuple[List[Tuple[Any, str]], int]:
        """The first images whose labels are refused, each with the reason; and how many there are in all."""
        if not self._object_widths.counts:
            return self._problems, self._num_problems
        most = self._object_widths.counts.most_common(1)[0][0]
        others, num_others = self._object_widths.others()
        found = [(place, f"its objects have {width} numbers, those of most entries have {most}") for place, width in others]
        return self._problems + found, self._num_problems + num_others
