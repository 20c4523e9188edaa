# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""make_list: paths that need no root, classes and groups in the names of files, filters, and what each list has of a class."""

import os
import re
from collections import Counter

import pytest
from helpers import read_list
from PIL import Image

from mxnet_im2rec import EmptyDatasetError, check_list, make_list


def photo(path, size=(30, 20), kind="JPEG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 100, 50)).save(path, kind)


@pytest.fixture
def photos(tmp_path):
    """Six photos, whose names have a class and a patient."""
    for number, name in enumerate(["cat", "dog", "cat", "cat", "ant", "dog"]):
        photo(tmp_path / "photos" / f"{name}_p{number // 2}_{number}.jpg")
    return tmp_path / "photos"


def labels_of(report, number=0):
    return {os.path.basename(entry.path): entry.labels[0] for entry in read_list(report.lists[number][0])}


@pytest.mark.parametrize("prefix", ["out", "photos/out", "lists/out", "deep/er/out", "linked/out"])
def test_a_list_needs_no_root_wherever_it_is(photos, prefix):
    for folder in ("lists", "deep/er", "far/away"):
        (photos.parent / folder).mkdir(parents=True)
    (photos.parent / "linked").symlink_to(photos.parent / "far" / "away")
    report = make_list(photos, photos.parent / prefix)
    assert check_list(report.lists[0][0]).ok
    assert report.root == os.path.dirname(report.lists[0][0])
    assert "pack with this" not in str(report)
    classic = make_list(photos, photos.parent / prefix, relative_to=photos, overwrite=True)
    assert {entry.path for entry in read_list(classic.lists[0][0])} == set(os.listdir(photos)) - {"out.lst", "out_classes.txt"}
    assert check_list(classic.lists[0][0], classic.root).ok


def test_a_way_that_no_list_can_carry_is_refused(tmp_path):
    photo(tmp_path / "my\tphotos" / "a.jpg")
    with pytest.raises(ValueError, match=r"'my\\tphotos', cannot stand in a list: it has a tab in it.*give relative_to="):
        make_list(tmp_path / "my\tphotos", tmp_path / "out")
    assert make_list(tmp_path / "my\tphotos", tmp_path / "out", relative_to=tmp_path / "my\tphotos").num_images == 1


@pytest.mark.parametrize("pattern", [r"([a-z]+)_p\d", r"^[a-z]+(?=_)", re.compile("(CAT|DOG|ANT)_", re.IGNORECASE)])
def test_classes_in_the_names_of_files(photos, tmp_path, pattern):
    report = make_list(photos, tmp_path / "out", label_from=pattern)
    assert report.classes == ((0, "ant", 1), (1, "cat", 3), (2, "dog", 2))
    numbers = {"ant": 0.0, "cat": 1.0, "dog": 2.0}
    assert labels_of(report) == {name: numbers[name[:3]] for name in os.listdir(photos)}
    table = (tmp_path / "out_classes.txt").read_text()
    assert table == "0\tant\n1\tcat\n2\tdog\n"


def test_classes_in_names_have_the_numbers_of_a_table(photos, tmp_path):
    report = make_list(photos, tmp_path / "out", label_from="^[a-z]+", labels={"dog": 7, "cat": 5, "ant": 5, "eel": 1})
    assert report.classes == ((1, "eel", 0), (5, "ant", 1), (5, "cat", 3), (7, "dog", 2))
    with pytest.raises(ValueError, match="these classes of images are not in labels: 'ant', 'dog'"):
        make_list(photos, tmp_path / "other", label_from="^[a-z]+", labels={"cat": 5})


def test_images_in_whose_path_nothing_is_found_are_left_out(photos, tmp_path):
    report = make_list(photos, tmp_path / "out", label_from="(cat|dog)_", group_from=r"p(\d)?_[^0]")
    assert report.num_left_out == 2
    assert dict(report.left_out) == {
        "ant_p2_4.jpg": "'(cat|dog)_' finds no class in its path",
        "cat_p0_0.jpg": "'p(\\\\d)?_[^0]' finds no group in its path",
    }
    entries = list(read_list(report.lists[0][0]))
    assert sorted(entry.index for entry in entries) == [0, 1, 2, 3]
    assert report.classes == ((0, "cat", 2), (1, "dog", 2))
    with pytest.raises(EmptyDatasetError, match="6 left out, the first: 'ant_p2_4.jpg': 'x' finds no class in its path"):
        make_list(photos, tmp_path / "other", label_from="x")


@pytest.mark.parametrize("options", [{"train_ratio": 0.5, "test_ratio": 0.25}, {"chunks": 3}, {"train_ratio": 0.5, "chunks": 2}])
@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("shuffle", [True, False])
def test_no_group_is_in_two_lists(tmp_path, options, stratify, shuffle):
    root = tmp_path / "scans"
    for patient in range(24):
        for number in range(1 + patient % 3):
            path = root / ("benign" if patient % 4 else "malignant") / f"patient{patient}_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    report = make_list(root, tmp_path / "out", group_from=r"patient\d+", stratify=stratify, shuffle=shuffle, **options)
    lists_of = {}
    for path, _ in report.lists:
        for entry in read_list(path):
            lists_of.setdefault(re.search(r"patient\d+", entry.path).group(), set()).add(path)
    assert len(lists_of) == 24
    assert all(len(lists) == 1 for lists in lists_of.values())
    assert sum(count for _, count in report.lists) == report.num_images == 48
    again = make_list(root, tmp_path / "again", group_from=r"patient\d+", stratify=stratify, shuffle=shuffle, **options)
    assert again.counts == report.counts
    if stratify:
        assert not report.lacking


def test_shares_that_whole_groups_do_not_allow_are_reported(photos, tmp_path):
    report = make_list(photos, tmp_path / "out", group_from=r"p\d", train_ratio=0.8)
    assert report.shares == pytest.approx((0.8, 0.2))
    assert "\ntrain has 66.7% of the images in place of 80.0%\nval has 33.3% of the images in place of 20.0%\n" in str(report)
    assert "in place of" not in str(make_list(photos, tmp_path / "other", train_ratio=0.8))
    with pytest.raises(EmptyDatasetError, match="3 groups cannot be divided over 4 lists, since a group is never divided"):
        make_list(photos, tmp_path / "four", group_from=r"p\d", chunks=4)
    assert not list(tmp_path.glob("four*"))


def test_filters_by_the_header(tmp_path):
    root = tmp_path / "photos"
    photo(root / "a" / "good.jpg", (60, 40))
    photo(root / "b" / "small.jpg", (60, 39))
    photo(root / "c" / "long.jpg", (160, 40))
    photo(root / "d" / "no jpeg.jpg", (60, 40), "PNG")
    report = make_list(root, tmp_path / "out", min_side=40, max_aspect=3.9, formats="jpeg")
    assert [entry.path for entry in read_list(report.lists[0][0])] == ["photos/a/good.jpg"]
    assert report.classes == ((0, "a", 1),)
    assert report.num_filtered == 3
    assert dict(report.filtered) == {
        "b/small.jpg": "its shorter side has 39 pixels, less than 40",
        "c/long.jpg": "its sides are 160 x 40 pixels, more than 3.9 to 1",
        "d/no jpeg.jpg": "its format is PNG",
    }
    assert "\n3 filtered out:\n  'b/small.jpg': its shorter side" in str(report)
    assert not report.left_out
    with pytest.raises(EmptyDatasetError, match="4 filtered out, the first: 'a/good.jpg': its shorter side has 40 pixels"):
        make_list(root, tmp_path / "other", min_side=41)


def test_without_filters_nothing_is_opened(photos, tmp_path, monkeypatch):
    def opening(path, flags):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("mxnet_im2rec.lists.filters.open_without_waiting", opening)
    assert make_list(photos, tmp_path / "out").num_images == 6
    with pytest.raises(EmptyDatasetError, match="6 left out"):
        make_list(photos, tmp_path / "other", min_side=1)


def test_an_image_that_cannot_be_read_is_left_out_by_a_filter(photos, tmp_path, monkeypatch):
    from mxnet_im2rec.storage import opening

    def refusing(path, flags):
        if path.endswith("ant_p2_4.jpg"):
            raise PermissionError(13, "Permission denied", path)
        return opening.open_without_waiting(path, flags)

    monkeypatch.setattr("mxnet_im2rec.lists.filters.open_without_waiting", refusing)
    report = make_list(photos, tmp_path / "out", min_side=1)
    assert report.left_out == (("ant_p2_4.jpg", "it cannot be read: Permission denied"),)
    assert (report.num_images, report.num_filtered) == (5, 0)


def test_what_each_list_has_of_a_class(photos, tmp_path):
    report = make_list(photos, tmp_path / "out", label_from="^[a-z]+", train_ratio=0.5, test_ratio=0.5, shuffle=False)
    assert report.classes == ((0, "ant", 1), (1, "cat", 3), (2, "dog", 2))
    assert report.counts == ((1, 2, 0), (0, 1, 2))
    assert report.lacking == {"test": ("dog",), "train": ("ant",)}
    lines = str(report).splitlines()
    place = lines.index("          images  test  train")
    assert lines[place + 1 : place + 6] == [
        "  0  ant       1     1      0",
        "  1  cat       3     2      1",
        "  2  dog       2     0      2",
        "test lacks: dog",
        "train lacks: ant",
    ]
    for (path, count), counts in zip(report.lists, report.counts):
        assert sum(counts) == count
        assert Counter(entry.labels[0] for entry in read_list(path)) == Counter(
            {number: count for number, count in enumerate(counts) if count}
        )
    assert "  0  ant" not in report.summary()
    assert "\ntest lacks: dog\n" in report.summary()


def test_a_class_that_no_list_has_is_lacking_nowhere(photos, tmp_path):
    table = {"ant": 0, "cat": 1, "dog": 2, "eel": 3}
    report = make_list(photos, tmp_path / "out", label_from="^[a-z]+", labels=table, chunks=2, stratify=True, shuffle=False)
    assert report.classes[3] == (3, "eel", 0)
    assert not any("eel" in names for names in report.lacking.values())
