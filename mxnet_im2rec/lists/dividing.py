# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""How the images of one folder are divided into several lists. Knows numbers only: counts, shares, positions."""

from __future__ import annotations

import math
import random
from array import array
from collections import Counter
from typing import Dict, Hashable, List, Optional, Sequence, Tuple

from ..errors import EmptyDatasetError
from ..text import count as count_of

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
    return gather(order, part_of, len(sizes))


def gather(order: Sequence[int], part_of: Sequence[int], num_parts: int) -> List[Sequence[int]]:
    """The positions that go to each part, in the order given."""
    divided: List[List[int]] = [[] for _ in range(num_parts)]
    for position in order:
        divided[part_of[position]].append(position)
    return list(divided)


def divide_groups(
    groups: Sequence[Hashable], ratios: Sequence[float], seed: Optional[int], labels: Optional[Sequence[int]] = None
) -> List[int]:
    """The part, counted from 0, that each item goes to, so that no group is in two parts; every part has a group at least.

    ``groups`` has the group of each item; ``ratios`` how large the parts are to be, in proportion to each other. Large groups go
    first, each where it leaves the share the smallest in proportion to what is wanted; groups of about the same size in random
    order, unless the seed is None. With ``labels``, one an item, this is done label by label: a group counts as of its most
    frequent label. EmptyDatasetError if there are fewer groups than parts.

    Examples
    --------
    >>> divide_groups(['ann', 'ann', 'bob', 'cid', 'ann', 'bob'], [0.5, 0.5], None)
    [0, 0, 1, 1, 0, 1]
    """
    sizes = Counter(groups)
    if len(sizes) < len(ratios):
        found = f"{count_of(len(sizes), 'group')} cannot be divided over {count_of(len(ratios), 'list')}"
        raise EmptyDatasetError(f"{found}, since a group is never divided: a list would have no entry. Nothing was written")
    order = list(sizes)
    if seed is not None:
        random.Random(seed).shuffle(order)
    order.sort(key=lambda group: -sizes[group].bit_length())
    if labels is not None:
        label_of = _most_frequent(groups, labels)
        order.sort(key=label_of.__getitem__)
    filled = [0] * len(ratios)
    part_of: Dict[Hashable, int] = {}
    for place, group in enumerate(order):
        empty = [part for part, size in enumerate(filled) if not size]
        is_needed = len(order) - place <= len(empty)
        shares = [(filled[part] + sizes[group]) / ratio for part, ratio in enumerate(ratios)]
        part = min(empty if is_needed else range(len(ratios)), key=shares.__getitem__)
        filled[part] += sizes[group]
        part_of[group] = part
    return [part_of[group] for group in groups]


def _most_frequent(groups: Sequence[Hashable], labels: Sequence[int]) -> Dict[Hashable, int]:
    """The label that most items of a group have; of several the smallest."""
    found: Dict[Hashable, int] = {}
    counts = Counter(zip(groups, labels))
    for (group, label), _ in sorted(counts.items(), key=lambda item: (-item[1], item[0][1])):
        found.setdefault(group, label)
    return found


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
