# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""divide_groups: no group is in two parts, no part is empty, and the shares come near what is wanted."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import EmptyDatasetError
from mxnet_im2rec.lists.dividing import divide_groups

RATIOS = [0.8, 0.1, 0.1]


@given(st.lists(st.integers(0, 12), min_size=1), st.lists(st.floats(0.01, 1), min_size=1, max_size=4), st.booleans(), st.data())
@settings(deadline=None, max_examples=300)
def test_a_group_is_in_one_part_and_no_part_is_empty(groups, ratios, shuffle, data):
    labels = data.draw(st.none() | st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups)))
    seed = 7 if shuffle else None
    if len(set(groups)) < len(ratios):
        with pytest.raises(EmptyDatasetError, match="cannot be divided over"):
            divide_groups(groups, ratios, seed, labels)
        return
    parts = divide_groups(groups, ratios, seed, labels)
    assert len(parts) == len(groups)
    assert len(set(zip(groups, parts))) == len(set(groups))
    assert set(parts) == set(range(len(ratios)))
    assert parts == divide_groups(groups, ratios, seed, labels)


def shares(parts):
    counts = Counter(parts)
    return [counts[part] / len(parts) for part in range(len(RATIOS))]


def test_the_shares_come_near_the_ratios_and_the_seed_decides():
    groups = [f"patient {number}" for number in range(300) for _ in range(1 + number * number % 37)]
    assert shares(divide_groups(groups, RATIOS, 0)) == pytest.approx(RATIOS, abs=0.005)
    assert divide_groups(groups, RATIOS, 0) != divide_groups(groups, RATIOS, 1)
    assert shares(divide_groups(groups, RATIOS, None)) == pytest.approx(RATIOS, abs=0.005)


def test_one_large_group_leaves_the_other_parts_what_they_need():
    groups = ["large"] * 1000 + ["b", "c"]
    assert Counter(divide_groups(groups, RATIOS, 0)) == {0: 1000, 1: 1, 2: 1}


def test_with_labels_every_label_is_divided():
    groups = [f"{label} {number}" for label in range(5) for number in range(20) for _ in range(3)]
    labels = [int(group.split()[0]) for group in groups]
    for seed in range(5):
        parts = divide_groups(groups, RATIOS, seed, labels)
        counts = Counter(zip(labels, parts))
        assert all(abs(counts[label, part] - 60 * ratio) <= 3 for label in range(5) for part, ratio in enumerate(RATIOS))
        assert shares(parts) == pytest.approx(RATIOS, abs=0.01)
    by_chance = [Counter(zip(labels, divide_groups(groups, RATIOS, seed))) for seed in range(20)]
    assert any(abs(counts[label, 1] - 6) > 3 for counts in by_chance for label in range(5))


def test_a_group_counts_as_of_its_most_frequent_label():
    groups = ["a", "a", "a", "b", "b", "b", "c", "c", "c", "d", "d", "d"]
    labels = [0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1]
    parts = dict(zip(groups, divide_groups(groups, [0.5, 0.5], 3, labels)))
    assert parts["a"] != parts["c"]
    assert parts["b"] != parts["d"]
