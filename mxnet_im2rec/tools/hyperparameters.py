# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The hyperparameters that a training on a dataset is started with, from its summary. Opens no file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Union

from ..errors import Im2RecError

if TYPE_CHECKING:
    from .summary import Summary

_DETECTION_SIDES = (512, 300)  # pixels: what SageMaker recommends for object detection; the last is also the least


def sagemaker_hyperparameters(summary: Summary) -> Dict[str, Union[int, str]]:
    """What the built-in algorithms of Amazon SageMaker need to know about a dataset; see :meth:`Summary.hyperparameters`."""
    is_detection = bool(summary.object_histogram)
    if not summary.num_images:
        raise Im2RecError(f"{summary.rec_path!r} has no image to train on")
    if not is_detection and set(summary.label_widths) != {1}:
        widths = ", ".join(map(str, sorted(summary.label_widths)))
        expected = "one label an image, its class, or labels for detection"
        raise Im2RecError(f"{summary.rec_path!r}: expected {expected}; found {widths}")
    classes = summary.object_histogram if is_detection else summary.label_histogram
    for label in classes:
        if not (label >= 0 and float(label).is_integer()):
            raise Im2RecError(f"{summary.rec_path!r}: expected classes, whole numbers from 0 on, as labels, found {label:g}")
    found: Dict[str, Union[int, str]] = {"num_classes": int(max(classes)) + 1, "num_training_samples": summary.num_images}
    if is_detection:
        found["label_width"] = max(summary.label_widths)
    if summary.sizes:
        height, width = (min(sides) for sides in zip(*summary.sizes))
        fitting = [side for side in _DETECTION_SIDES if side <= min(height, width)] or [_DETECTION_SIDES[-1]]
        found["image_shape"] = fitting[0] if is_detection else f"3,{height},{width}"
    return found
