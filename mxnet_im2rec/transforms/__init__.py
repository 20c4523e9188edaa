# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Compose, Resize and CenterCrop, with the parameters of Gluon's and the bits of MXNet's operators. They need no MXNet.

>>> from mxnet_im2rec import transforms
>>> transforms.Compose([transforms.Resize(256, keep_ratio=True), transforms.CenterCrop(224)])
Compose([Resize(size=256, keep_ratio=True, interpolation=1), CenterCrop(size=224, interpolation=1)])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from .opencv_steps import CenterCrop, Compose, Resize

__all__ = ["CenterCrop", "Compose", "Resize"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import opencv_steps  # which loads OpenCV

    return getattr(opencv_steps, name)


def __dir__() -> List[str]:
    return sorted(set(globals()) | set(__all__))
