# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""How the images of one folder are divided into several lists. Knows numbers only: counts, shares, positions."""

from __future__ import annotations

import math
from array import array
from typing import Dict, List, Sequence, Tuple

SUM_TOLERANCE = 1e-9  # of ratios: 0.7 + 0.2 + 0.1 is a little less than 1
_TOLERANCE = 1e-6  # of an image: 100 images at a ratio of 0.29 are 28.999999999999996


def plan_lists(count: int, chunks: int, train_ratio: float, test_ratio: float) -> List[Tuple[str, int]]:
    """The suffix of each list and its number of images, in the order in which MXNet's tool cuts them off.

    The remainder of the rounding goes to the validation list, or to the training list where there is no validation list. The
    suffixes do not depend on the count.
    """
    parts: List[Tuple[str, int]] = []
    for chunk in range(chunks):
        size = (chunk + 1) * count // chunks - chunk * count // chunks
        suffix = f"_{chunk}" if chunks > 1 else ""
        if train_ratio == 1:
            parts.append((suffix, size))
            continue
        has_val = train_ratio + test_ratio < 1 - SUM_TOLERANCE
        test = math.floor(size * test_ratio + _TOLERANCE) if has_val or train_ratio else size
        train = math.floor(size * train_ratio + _TOLERANCE) if has_val else size - test
        wanted = (("_test", test, test_ratio > 0), ("_train", train, train_ratio > 0), ("_val", size - test - train, has_val))
        parts += [(suffix + name, number) for name, number, is_wanted in wanted if is_wanted]
    return parts


def cut(order: Sequence[int], sizes: Sequence[int]) -> List[Sequence[int]]:
    """Lists of these sizes, one behind the other."""
    divided = []
    start = 0
    for size in sizes:
        divided.append(order[start : start + size])
        start += size
    return divided


def divide_each_label(order: Sequence[int], labels: Sequence[int], sizes: Sequence[int]) -> List[Sequence[int]]:
    """Lists of these sizes, each with its share of every label, in the order given."""
    of_label: Dict[int, List[int]] = {}
    for position in order:
        of_label.setdefault(labels[position], []).append(position)
    left = [len(positions) for positions in of_label.values()]
    part_of = array("I", [0]) * len(order)
    for part, size in enumerate(sizes):
        shares = divide_in_proportion(left, size)
        for label, positions in enumerate(of_label.values()):
            start = len(positions) - left[label]
            for position in positions[start : start + shares[label]]:
                part_of[position] = part
            left[label] -= shares[label]
    divided: List[List[int]] = [[] for _ in sizes]
    for position in order:
        divided[part_of[position]].append(position)
    return list(divided)


def divide_in_proportion(counts: Sequence[int], total: int) -> List[int]:
    """Divide a total in proportion to counts, by the largest remainders.

    Each share is exact to less than 1, and at most its count.

    Examples
    --------
    >>> divide_in_proportion([6, 3, 1], 5)
    [3, 2, 0]
    """
    whole = sum(counts)
    if not whole:
        return [0] * len(counts)
    shares = [count * total // whole for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda place: -(counts[place] * total % whole))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares
