# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec.py``: takes the place of MXNet's own tool of that name, with its options, and makes the same bytes.

What it knows is that tool: how it numbers, shuffles and splits lists, and what it does with an image. Signals, lines, the running
of workers and the writing of datasets are the package's. MXNet is not loaded.
"""

from .command import main

__all__ = ["main"]
