# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A label as text, for tables and pictures. Knows float32 and nothing else."""

from __future__ import annotations

import math
from typing import Optional

import numpy as np


def label_text(label: float, precision: Optional[int] = None) -> str:
    """A label with as many digits as float32 needs, or with at most so many behind the point.

    Examples
    --------
    >>> label_text(3.0), label_text(0.10000000149011612), label_text(1 / 3, 4)
    ('3', '0.1', '0.3333')
    """
    if not math.isfinite(label) or 0 < abs(label) < 1e-4 or abs(label) >= 1e16:
        return f"{np.float32(label):.4g}" if precision else str(np.float32(label))
    return np.format_float_positional(np.float32(label), precision=precision, trim="-")
