# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Refuses transforms that move the objects of a detection dataset away from their boxes. Knows the stock transforms alone."""

from __future__ import annotations

from itertools import chain, islice
from typing import Callable, List, Optional

from ..errors import ArgumentValueError
from ..labels import detection_problem
from ..transforms.stock import names_of_stock
from ..values import Entries, ListEntry

_NUM_LOOKED_AT = 100
_MOVING = frozenset(
    [
        "CenterCrop",
        "CropResize",
        "RandomCrop",
        "RandomFlipLeftRight",
        "RandomFlipTopBottom",
        "RandomResizedCrop",
        "RandomRotation",
        "Rotate",
    ]
)


def with_boxes_in_place(entries: Entries, transformations: Optional[Callable]) -> Entries:
    """The entries; ArgumentValueError if they are for detection, and a stock transform would move the objects.

    They are for detection if each of the first 100 has the layout of detection labels. A transform that nobody knows passes: it
    may know what it does.
    """
    moving = _moving(transformations)
    if not moving:
        return entries
    first = list(islice(entries, _NUM_LOOKED_AT))
    found = [entry.labels for entry in first if isinstance(entry, ListEntry)]
    if found and not any(map(detection_problem, found)):
        names = ", ".join(moving)
        rule = f"would move the objects, and the boxes in the labels would stay where they are: {names}"
        help = "leave this to what reads the dataset, such as ImageDetIter; Resize is fine"
        raise ArgumentValueError("transformations", rule, help=help)
    return chain(first, entries)


def _moving(transformations: Optional[Callable]) -> List[str]:
    return [] if transformations is None else sorted(_MOVING.intersection(names_of_stock(transformations)))
