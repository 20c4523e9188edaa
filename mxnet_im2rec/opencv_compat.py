# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Imports OpenCV, whichever package brings it, or says in one sentence why that cannot be done. The only place that does.

All other modules have ``from ..opencv_compat import cv2``.
"""

from __future__ import annotations

from typing import Tuple

from .errors import OpenCVUnavailableError
from .shared_libraries import advice_on

_HEADLESS = "opencv-python-headless"
_PACKAGES = ("opencv-python", "opencv-contrib-python", _HEADLESS, "opencv-contrib-python-headless")


def _installed() -> Tuple[str, str]:
    """The package that brings OpenCV here, and its version; empty where there is none, such as where Debian's own is used."""
    from importlib import metadata  # which loads much

    for name in _PACKAGES:
        try:
            return name, metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return "", ""


def _explain(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "cv2":
        return f"OpenCV is not installed: pip install {_HEADLESS}"
    package, version = _installed()
    advice = advice_on(error)
    if advice and package == "opencv-python":
        same = f"pip install --force-reinstall --no-deps {_HEADLESS}=={version}"
        advice += f"; or use the OpenCV that needs no screen: pip uninstall --yes {package} && {same}"
    elif isinstance(error, ModuleNotFoundError):
        advice = f"pip install {error.name}"
    elif "multiarray" in str(error):
        advice = f"it is too old for this NumPy: pip install --upgrade --no-deps {package or _HEADLESS}"
    advice = advice or f"install it again: pip install --force-reinstall --no-deps {package or _HEADLESS}"
    return f"OpenCV cannot be imported ({error}): {advice}"


try:
    import cv2 as cv2
except ImportError as error:
    raise OpenCVUnavailableError(_explain(error)) from error
