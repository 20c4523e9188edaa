# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Images that stand in lists more than once, by find_duplicates() and by `check --duplicates`."""

import json
import os

import cv2
import numpy as np
import pytest
from commands import call
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import ListEntry, find_duplicates


def pixels(seed, shape=(6, 8, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def folder(tmp_path):
    """a.png and copy.png have the same bytes, a.bmp the same pixels; turned.png has these in another shape; b.png is another."""
    for name, image in (("a.png", pixels(1)), ("copy.png", pixels(1)), ("a.bmp", pixels(1)), ("b.png", pixels(2))):
        assert cv2.imwrite(str(tmp_path / name), image)
    assert cv2.imwrite(str(tmp_path / "turned.png"), pixels(1).reshape(8, 6, 3))
    return tmp_path


def write_list(path, *rows):
    path.write_text("".join(f"{index}\t{label}\t{name}\n" for index, (label, name) in enumerate(rows)))
    return str(path)


def places(group):
    return [(image.list_file and os.path.basename(image.list_file), image.line, image.path) for image in group.images]


def test_the_same_bytes_across_lists(folder):
    train = write_list(folder / "train.lst", (0, "b.png"), (1, "a.png"))
    test = write_list(folder / "test.lst", (1, "copy.png"))
    report = find_duplicates([train, test])
    (group,) = report.groups
    assert group.kind == "exact" and group.is_across and not group.has_different_labels
    assert places(group) == [("train.lst", 2, "a.png"), ("test.lst", 1, "copy.png")]
    assert (report.num_entries, report.num_groups, report.num_across, report.num_copies) == (3, 1, 1, 1) and not report.ok
    assert f"the same bytes in several lists: {train}:2 'a.png', {test}:1 'copy.png'\n" in str(report)


def test_the_same_pixels_in_another_format(folder):
    lists = [write_list(folder / "train.lst", (0, "a.png"), (1, "turned.png")), write_list(folder / "test.lst", (0, "a.bmp"))]
    (group,) = find_duplicates(lists).groups
    assert group.kind == "same pixels" and places(group) == [("train.lst", 1, "a.png"), ("test.lst", 1, "a.bmp")]
    assert not find_duplicates(lists, pixels=False).groups
    assert not find_duplicates(lists, max_pixels=47).groups and find_duplicates(lists, max_pixels=48).groups


def test_different_labels_within_a_list(folder):
    one = write_list(folder / "one.lst", (0, "a.png"), (1, "copy.png"), (2, "b.png"), (2, "b.png"))
    report = find_duplicates(one)
    assert [group.has_different_labels for group in report.groups] == [True, False]
    assert report.ok and report.num_different_labels == 1 and report.num_copies == 2
    assert "; one list gives this image different labels\n" in str(report)


def test_different_labels_in_different_lists_are_those_of_their_lists(folder):
    lists = [write_list(folder / "x.lst", (0, "a.png")), write_list(folder / "y.lst", (1, "a.png"))]
    (group,) = find_duplicates(lists).groups
    assert not group.has_different_labels


def test_groups_across_lists_come_first(folder):
    first = write_list(folder / "first.lst", (0, "b.png"), (0, "b.png"), (0, "a.png"))
    second = write_list(folder / "second.lst", (0, "a.bmp"))
    assert [group.is_across for group in find_duplicates([first, second]).groups] == [True, False]


def test_what_cannot_be_compared_is_counted_and_named(folder):
    (folder / "folder").mkdir()
    bad = write_list(folder / "bad.lst", (0, "missing.png"), ("word", "a.png"), (0, "folder"), (0, "a.png"), (0, "copy.png"))
    seen = []
    report = find_duplicates([bad], progress=lambda *numbers: seen.append(numbers))
    assert report.num_skipped == 3 and len(report.skipped) == 3 and report.num_groups == 1
    assert f"not compared: {bad}:1 'missing.png': it cannot be read: No such file or directory" in str(report)
    assert seen[-1] == (5, 5, 3)


def test_images_that_do_not_decode_are_compared_by_their_bytes(folder):
    whole = (folder / "a.png").read_bytes()
    for name in ("x", "y"):
        (folder / name).write_bytes(whole[:-20])
    (group,) = find_duplicates(write_list(folder / "cut.lst", (0, "x"), (0, "y"), (0, "a.png"))).groups
    assert group.kind == "exact" and [image.path for image in group.images] == ["x", "y"]


def test_entries_of_python(folder):
    entries = [ListEntry(0, (0.0,), "a.png"), ListEntry(1, (0.0,), "b.png")]
    others = [ListEntry(0, (0.0,), "a.bmp")]
    (group,) = find_duplicates([iter(entries), others], folder).groups
    assert places(group) == [(None, 1, "a.png"), (None, 1, "a.bmp")]


def test_lists_without_entries(folder):
    report = find_duplicates([write_list(folder / "empty.lst")])
    assert report.ok and report.num_entries == 0 and not report.groups


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=3))
def test_groups_are_those_of_a_dictionary(tmp_path_factory, lists):
    folder = tmp_path_factory.mktemp("lists")
    for number in range(6):
        (folder / str(number)).write_bytes(b"%d" % number)
    report = find_duplicates([[ListEntry(n, (0.0,), str(each)) for n, each in enumerate(one)] for one in lists], folder)
    flat = [(number, each) for number, one in enumerate(lists) for each in one]
    expected = {each: [number for number, other in flat if other == each] for _, each in flat}
    several = {str(each): where for each, where in expected.items() if len(where) > 1}
    assert {group.images[0].path: len(group.images) for group in report.groups} == {name: len(w) for name, w in several.items()}
    assert report.num_across == sum(len(set(where)) > 1 for where in several.values())


def test_wrong_arguments(folder):
    for lists, options in ((5, {}), ([5], {}), ([], {"pixels": 3}), ([], {"num_threads": 0}), ([], {"max_pixels": 0})):
        with pytest.raises((TypeError, ValueError)):
            find_duplicates(lists, **options)
    with pytest.raises(FileNotFoundError):
        find_duplicates([folder / "none.lst"])


def test_command(folder):
    train = write_list(folder / "train.lst", (0, "b.png"), (1, "a.png"))
    test = write_list(folder / "test.lst", (1, "a.bmp"))
    call("check", train, test)
    shown = call("check", train, test, "--duplicates", code=1).stdout
    assert f"the same pixels in several lists: {train}:2 'a.png', {test}:1 'a.bmp'\n" in shown
    found = json.loads(call("check", train, test, "--duplicates", "--json", code=1).stdout)
    assert found["duplicates"]["num_across"] == 1 and [each["num_entries"] for each in found["lists"]] == [2, 1]
    assert not found["ok"]


def test_command_on_one_list(folder):
    one = write_list(folder / "one.lst", (0, "a.png"), (1, "copy.png"))
    shown = call("check", one, "--duplicates").stdout
    assert f"the same bytes in one list: {one}:1 'a.png', {one}:2 'copy.png'; one list gives this image different labels" in shown
    assert "duplicates" not in json.loads(call("check", one, "--json").stdout)
