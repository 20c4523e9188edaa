# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A label as text, for tables and pictures: its number, or the name of its class. Knows no record."""

from __future__ import annotations

import math
from typing import Mapping, Optional

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


def name_of_class(number: float, names: Mapping[int, str]) -> str:
    """The name of a class, or its number where it has no name."""
    return names.get(int(number), label_text(number, 4)) if float(number).is_integer() else label_text(number, 4)


def numbered_name(number: float, names: Mapping[int, str]) -> str:
    """``3 cats``: a label and the name of its class, if it has one."""
    name = names.get(int(number)) if float(number).is_integer() else None
    return label_text(number) if name is None else f"{label_text(number)} {name}"
