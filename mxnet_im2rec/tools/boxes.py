# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the boxes of detection labels, with the names of the classes, into an image. Knows no record."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from ..labels import detection_header, detection_problem
from ..opencv_compat import cv2
from .label_text import name_of_class

_COLORS = [(230, 60, 50), (40, 110, 220), (30, 140, 60), (200, 100, 0), (140, 60, 190), (0, 130, 140), (190, 40, 120)]
_WHITE = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEAST_FOR_NAMES = 96  # pixels of the longer edge


class Place(NamedTuple):
    """Where an image stands in a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int


def draw_boxes(picture: np.ndarray, place: Place, labels: Sequence[float], names: Mapping[int, str]) -> None:
    """Draw the boxes of an image's labels, if they are for detection, into an (H, W, 3) uint8 RGB picture that has the image."""
    header = detection_header(labels)
    if header is None or detection_problem(labels) is not None:
        return
    start, width = header
    for position in range(start, len(labels), width):
        number, corners = labels[position], labels[position + 1 : position + 5]
        color = _COLORS[int(number) % len(_COLORS)]
        left, top, right, bottom = _pixels(place, corners)
        cv2.rectangle(picture, (left, top), (right, bottom), color, 1)
        if max(place.width, place.height) >= _LEAST_FOR_NAMES:
            _write(picture, name_of_class(number, names), (left, top), color)


def _pixels(place: Place, corners: Sequence[float]) -> List[int]:
    sides = (place.width, place.height, place.width, place.height)
    starts = (place.left, place.top, place.left, place.top)
    shares = [min(max(float(corner), 0.0), 1.0) for corner in corners]
    return [start + min(round(share * side), side - 1) for start, share, side in zip(starts, shares, sides)]


def _write(picture: np.ndarray, text: str, corner: Tuple[int, int], color: Tuple[int, int, int]) -> None:
    """A text on a ground of its own, at the upper left corner of a box, within the picture."""
    text = text.encode("ascii", "replace").decode("ascii")[:24]  # OpenCV's font has no other letters
    (width, height), base = cv2.getTextSize(text, _FONT, 0.35, 1)
    left = max(0, min(corner[0], picture.shape[1] - width - 2))
    top = max(0, min(corner[1], picture.shape[0] - height - base - 1))
    cv2.rectangle(picture, (left, top), (left + width + 1, top + height + base), color, cv2.FILLED)
    cv2.putText(picture, text, (left + 1, top + height + 1), _FONT, 0.35, _WHITE, 1, cv2.LINE_AA)
