# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Imports OpenCV, whichever package brings it, or says in one sentence why that cannot be done. The only place that does.

All other modules have ``from ..opencv_compat import cv2``.
"""

from __future__ import annotations

from .errors import OpenCVUnavailableError
from .shared_libraries import advice_on


def _explain(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "cv2":
        return "OpenCV is not installed: pip install opencv-python-headless"
    advice = advice_on(error)
    if "libGL" in advice:
        advice += "; or use the OpenCV that needs no screen: pip uninstall opencv-python, pip install opencv-python-headless"
    advice = advice or "install it again: pip install --force-reinstall opencv-python-headless"
    return f"OpenCV cannot be imported ({error}): {advice}"


try:
    import cv2 as cv2
except ImportError as error:
    raise OpenCVUnavailableError(_explain(error)) from error
