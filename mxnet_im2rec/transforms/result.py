# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a transform returned becomes an image that can be stored. Knows arrays, and no transform."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from ..errors import TransformResultError
from ..opencv_compat import cv2

_CHANNELS = (1, 3, 4)
_HALF_A_LEVEL = 0.5 / 255


def to_uint8(result: Any, channels: int, makes_tensors: bool = False) -> np.ndarray:
    """Make the result of a transform an image that can be stored.

    Parameters
    ----------
    result : numpy.ndarray
        (H, W, C) uint8; (H, W, C) float in [0, 255]; or (C, H, W) float in [0, 1], as ToTensor makes it.
    channels : int
        How many channels went into the transform; where a shape could be of both layouts, its side of this length is C.
    makes_tensors : bool
        Whether the transform holds a ToTensor; decides where even that leaves both layouts.

    Returns
    -------
    numpy.ndarray
        (H, W, C) uint8, rounded to the nearest level, ties to even.

    Raises
    ------
    TransformResultError
        If it is of another type, shape or dtype, holds a NaN, or is (C, H, W) with a value outside [0, 1] by more than half a
        level.
    """
    if not isinstance(result, np.ndarray):
        raise TransformResultError(f"the transform returned {type(result).__name__}, expected an NDArray")
    shape = "x".join(map(str, result.shape))
    if result.ndim != 3 or 0 in result.shape:
        raise TransformResultError(f"the transform returned shape ({shape}), expected an image of shape (H, W, C) or (C, H, W)")
    if result.dtype == np.uint8:
        if result.shape[2] not in _CHANNELS:
            hint = "; uint8 must be (H, W, C), transpose it back" if result.shape[0] in _CHANNELS else ""
            raise TransformResultError(
                f"the transform returned uint8 of shape ({shape}), which has {result.shape[2]} channels{hint}"
            )
        return np.ascontiguousarray(result)
    if not np.issubdtype(result.dtype, np.floating):
        raise TransformResultError(
            f"the transform returned {result.dtype}, expected uint8 or float; end with transforms.Cast('uint8')"
        )
    if result.dtype not in (np.float32, np.float64):
        result = result.astype(np.float32)
    low, high = float(result.min()), float(result.max())
    if low != low:
        raise TransformResultError("the transform returned a NaN")
    if not _is_channels_first(result.shape, channels, makes_tensors):
        return np.atleast_3d(cv2.convertScaleAbs(np.clip(result, 0, 255)))
    if low < -_HALF_A_LEVEL or high > 1 + _HALF_A_LEVEL:
        raise TransformResultError(
            f"the transform returned a (C, H, W) tensor with values from {low:.4g} to {high:.4g}; only [0, 1] can be stored as "
            f"an image. Leave a Normalize that changes the range to the training script"
        )
    return np.atleast_3d(cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in result]))


def _is_channels_first(shape: Tuple[int, ...], channels: int, makes_tensors: bool) -> bool:
    """Whether a shape is (C, H, W), not (H, W, C). Where it can be both, the transform decides."""
    first, last = shape[0] in _CHANNELS, shape[2] in _CHANNELS
    if not (first or last):
        described = "x".join(map(str, shape))
        raise TransformResultError(
            f"the transform returned float of shape ({described}), which has no side of 1, 3 or 4 channels"
        )
    if first and last:
        first, last = shape[0] == channels, shape[2] == channels
    return makes_tensors if first == last else first
