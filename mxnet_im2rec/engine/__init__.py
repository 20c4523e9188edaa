# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Applies one function, the work, to many items: in this process, in threads, or in worker processes.

Knows nothing of images or lists. ``pool`` says what a pool is. ``serial``, ``threads`` and ``processes`` have one pool each.
``ordered`` puts a pool's results in the order of the items. ``worker`` and ``child`` are the two ends of one worker process,
``messages`` is how they talk, and ``shared`` the memory that they share. ``jobs`` is what a worker has to do, and what is left of
it when the worker dies.
"""
