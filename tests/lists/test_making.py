# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""make_list: against MXNet's own --list, on odd trees, and that no image is lost."""

import argparse
import os
import random
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers import read_list
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import EmptyDatasetError, ListEntry, OutputError, im2rec, make_list
from mxnet_im2rec.errors import ListLineError
from mxnet_im2rec.lists.classes import read_classes
from mxnet_im2rec.lists.dividing import divide_each_label, divide_in_proportion, plan_lists
from mxnet_im2rec.lists.lines import format_line, parse_line, why_unlistable
from mxnet_im2rec.lists.making import IMAGE_EXTENSIONS


def plant(root, *names):
    """Empty files at these paths; parents are made."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def plant_classes(root, counts):
    return plant(root, *(f"{name}/{number}.jpg" for name, count in counts.items() for number in range(count)))


def entries_of(report, number=0):
    return list(read_list(report.lists[number][0]))


def names_of(report, number=0):
    return [os.path.basename(path) for path, _ in report.lists]


def all_entries(report):
    return [entry for number in range(len(report.lists)) for entry in entries_of(report, number)]


@pytest.fixture
def tree(tmp_path):
    """Folders in folders, and images in the root."""
    root = tmp_path / "photos"
    plant(root, "top.jpg", "Z.PNG", "b/2.jpg", "b/10.jpg", "a/x.jpeg", "a/c/deep.jpg", "a-b/y.jpg", "a/c/e/naïve 写真.jpg")
    return plant(root, "empty/none.txt", "a/notes.md", "a/c/picture.webp", "b/second.webp", "README")


def reference_lists(root, folder, **changes):
    """What MXNet's tool writes: {name: lines}."""
    from mxnet.tools import im2rec as reference

    folder.mkdir()
    options = {
        "recursive": True,
        "exts": list(IMAGE_EXTENSIONS),
        "shuffle": True,
        "chunks": 1,
        "train_ratio": 1.0,
        "test_ratio": 0,
    }
    reference.make_list(argparse.Namespace(root=str(root), prefix=str(folder / "out"), **{**options, **changes}))
    return {path.name: path.read_text("utf-8") for path in folder.glob("*.lst")}


def as_reference(report):
    """Our lists with labels as MXNet's tool writes them."""
    return {
        os.path.basename(path): "".join(f"{entry.index}\t{entry.labels[0]:f}\t{entry.path}\n" for entry in read_list(path))
        for path, _ in report.lists
    }


@pytest.mark.needs_mxnet
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": False},
        {"recursive": False},
        {"recursive": False, "shuffle": False},
        {"chunks": 2},
        {"train_ratio": 0.5},
        {"train_ratio": 0.5, "test_ratio": 0.25},
        {"train_ratio": 0.75, "test_ratio": 0.25, "shuffle": False},
        {"train_ratio": 0.5, "test_ratio": 0.25, "chunks": 2},
    ],
    ids=str,
)
def test_the_lists_are_those_of_mxnets_tool_where_nothing_is_rounded(tree, tmp_path, options, capfd):
    if not options.get("recursive", True):
        plant(tree, "another.jpg", "more.jpg")
    expected = reference_lists(tree, tmp_path / "reference", **options)
    report = make_list(tree, tmp_path / "out", relative_to=tree, **options)
    assert as_reference(report) == expected
    printed = capfd.readouterr().out
    if options.get("recursive", True):
        assert "".join(f"{name} {number}\n" for number, name, _ in report.classes) == printed


def test_every_image_is_in_exactly_one_list_with_an_index_of_its_own(tree, tmp_path):
    for count in range(24):
        plant(tree, f"many/{count}.jpg")
    for options in ({"train_ratio": 0.7, "test_ratio": 0.3}, {"train_ratio": 1 / 3, "test_ratio": 1 / 3, "chunks": 3}):
        for stratify in (False, True):
            report = make_list(tree, tmp_path / "out", stratify=stratify, overwrite=True, relative_to=tree, **options)
            entries = all_entries(report)
            assert sorted(entry.index for entry in entries) == list(range(report.num_images))
            found = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS}
            assert {entry.path for entry in entries} == found
            assert len(entries) == len(found) == report.num_images == 32
            assert [count for _, count in report.lists] == [len(entries_of(report, n)) for n in range(len(report.lists))]


@pytest.mark.needs_mxnet
def test_what_mxnets_tool_loses_by_rounding_is_here(tmp_path):
    root = plant_classes(tmp_path / "photos", {"a": 7})
    lost = reference_lists(root, tmp_path / "reference", train_ratio=0.5, test_ratio=0.5)
    assert sum(text.count("\n") for text in lost.values()) == 6
    report = make_list(root, tmp_path / "out", train_ratio=0.5, test_ratio=0.5)
    assert [(name, count) for name, (_, count) in zip(names_of(report), report.lists)] == [
        ("out_test.lst", 3),
        ("out_train.lst", 4),
    ]


def test_the_report_says_everything(tree, tmp_path):
    report = make_list(tree, tmp_path / "out")
    assert report.root == str(tmp_path)
    assert report.lists == ((str(tmp_path / "out.lst"), 8),)
    assert report.classes == ((0, ".", 2), (1, "a", 1), (2, "a/c", 1), (3, "a/c/e", 1), (4, "a-b", 1), (5, "b", 2))
    assert report.classes_path == str(tmp_path / "out_classes.txt")
    assert report.num_images == 8
    assert dict(report.skipped) == {".webp": 2, ".md": 1, ".txt": 1, "no extension": 1}
    assert list(report.skipped) == [".webp", ".md", ".txt", "no extension"]
    assert report.left_out == ()
    text = str(report)
    assert "8 images of 6 classes" in text
    assert "\n  2  a/c    1\n" in text
    assert "skipped: 2 .webp, 1 .md, 1 .txt, 1 no extension" in text
    assert "relative to" not in text
    assert "relative to" not in str(make_list(tree, tree / "out"))
    report = make_list(tree, tmp_path / "other", relative_to=tree)
    assert report.root == str(tree)
    assert f"\nthe paths in them are relative to {tree}; pack with this as root\n" in str(report)
    table = (tmp_path / "out_classes.txt").read_text("utf-8")
    assert table == "0\t.\n1\ta\n2\ta/c\n3\ta/c/e\n4\ta-b\n5\tb\n"


def test_the_lists_are_utf8_whatever_the_locale_and_pack(tmp_path, varieties, monkeypatch):
    root = tmp_path / "photos"
    shutil.copytree(varieties, root / "naïve")
    report = make_list(root, root / "all")
    assert report.num_images == 15
    assert "naïve 写真.jpg".encode() in Path(report.lists[0][0]).read_bytes()
    packed = im2rec(report.lists[0][0], tmp_path / "out", num_workers=0, progress=False, pass_through=True)
    assert packed.num_records == 15


def test_the_same_arguments_give_the_same_bytes(tree, tmp_path):
    def made(**options):
        report = make_list(tree, tmp_path / "out", train_ratio=0.5, overwrite=True, **options)
        return [Path(path).read_bytes() for path, _ in report.lists]

    assert made() == made() == made(seed=100)
    assert made(stratify=True) == made(stratify=True)
    assert made() != made(seed=1)
    state = random.getstate()
    made()
    assert random.getstate() == state


@pytest.mark.parametrize("ratio", [0.29, 0.57, 0.07, 0.1, 0.9])
def test_ratios_mean_what_they_say(tmp_path, ratio):
    root = plant_classes(tmp_path / "photos", {"a": 100})
    report = make_list(root, tmp_path / "out", train_ratio=ratio)
    assert [count for _, count in report.lists] == [round(100 * ratio), 100 - round(100 * ratio)]


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        (1, 0, ["out.lst"]),
        (1.0 - 1e-12, 0, ["out.lst"]),
        (0.5, 0, ["out_train.lst", "out_val.lst"]),
        (0.5, 0.5, ["out_test.lst", "out_train.lst"]),
        (0.7, 0.1, ["out_test.lst", "out_train.lst", "out_val.lst"]),
        (0.7, 0.3 + 1e-12, ["out_test.lst", "out_train.lst"]),
        (0.1 + 0.2, 0.7, ["out_test.lst", "out_train.lst"]),
        (0, 1, ["out_test.lst"]),
        (0, 0.5, ["out_test.lst", "out_val.lst"]),
        (0, 0, ["out_val.lst"]),
    ],
)
def test_which_lists_are_made(tmp_path, train, test, names):
    root = plant_classes(tmp_path / "photos", {"a": 20})
    report = make_list(root, tmp_path / "out", train_ratio=train, test_ratio=test)
    assert names_of(report) == names
    assert sum(count for _, count in report.lists) == 20
    assert sorted(path.name for path in tmp_path.glob("out*")) == sorted([*names, "out_classes.txt"])


@given(st.integers(1, 400), st.integers(1, 9), st.integers(0, 100), st.integers(0, 100))
@settings(deadline=None, max_examples=300)
def test_the_plan_loses_nothing(count, chunks, train, test):
    train, test = train / 100, min(test, 100 - train) / 100
    parts = plan_lists(count, chunks, 1.0 - test if train + test > 1 - 1e-9 else train, test)
    assert sum(size for _, size in parts) == count
    assert all(size >= 0 for _, size in parts)
    assert len({name for name, _ in parts}) == len(parts)
    for name, size in parts:
        ratio = test if "test" in name else train if "train" in name or not train + test else 1 - test - train
        if "train" in name or "test" in name:
            assert abs(size - ratio * count / chunks) < 2


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.data())
@settings(deadline=None, max_examples=300)
def test_shares_add_up_and_are_fair(counts, data):
    total = data.draw(st.integers(0, sum(counts)))
    shares = divide_in_proportion(counts, total)
    assert sum(shares) == total
    for share, count in zip(shares, counts):
        assert 0 <= share <= count
        assert abs(share - count * total / max(sum(counts), 1)) < 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.data())
@settings(deadline=None, max_examples=200)
def test_dividing_each_label_keeps_sizes_and_order(labels, data):
    first = data.draw(st.integers(0, len(labels)))
    sizes = [first, len(labels) - first]
    order = data.draw(st.permutations(range(len(labels))))
    divided = divide_each_label(order, labels, sizes)
    assert list(map(len, divided)) == sizes
    assert sorted(sum(divided, [])) == sorted(order)
    place = {position: number for number, position in enumerate(order)}
    for part, size in zip(divided, sizes):
        assert [place[position] for position in part] == sorted(place[position] for position in part)
        for label, count in Counter(labels).items():
            found = sum(labels[position] == label for position in part)
            assert abs(found - count * size / len(labels)) < 1


@pytest.mark.parametrize("shuffle", [True, False])
def test_stratify_divides_each_label(tmp_path, shuffle):
    root = plant_classes(tmp_path / "photos", {"a": 100, "b": 10, "c": 30})
    report = make_list(root, tmp_path / "out", train_ratio=0.7, test_ratio=0.1, stratify=True, shuffle=shuffle)
    found = {name: Counter(entry.labels[0] for entry in entries_of(report, n)) for n, name in enumerate(names_of(report))}
    assert [found["out_test.lst"][label] for label in range(3)] == [10, 1, 3]
    assert [found["out_train.lst"][label] for label in range(3)] == [70, 7, 21]
    assert [found["out_val.lst"][label] for label in range(3)] == [20, 2, 6]
    odd = plant_classes(tmp_path / "odd", {"a": 97, "b": 11, "c": 1, "d": 1})
    report_of_odd = make_list(odd, tmp_path / "odd", train_ratio=0.7, test_ratio=0.1, stratify=True, shuffle=shuffle)
    for (name, _), ratio, number in zip(report_of_odd.lists, (0.1, 0.7, 0.2), range(3)):
        labels = Counter(entry.labels[0] for entry in entries_of(report_of_odd, number))
        assert all(abs(labels[label] - ratio * count) < 2 for label, count in enumerate((97, 11, 1, 1))), name
    plain = make_list(root, tmp_path / "plain", train_ratio=0.7, test_ratio=0.1)
    assert [count for _, count in plain.lists] == [count for _, count in report.lists]
    chunked = make_list(root, tmp_path / "chunked", chunks=4, stratify=True, shuffle=shuffle)
    for number in range(4):
        labels = Counter(entry.labels[0] for entry in entries_of(chunked, number))
        assert labels[0] == 25 or abs(labels[0] - 25) <= 1
        assert labels[1] in (2, 3)
        assert labels[2] in (7, 8)


def test_without_stratify_and_shuffle_the_test_list_has_the_first_class_alone(tmp_path):
    root = plant_classes(tmp_path / "photos", {"a": 5, "b": 5})
    report = make_list(root, tmp_path / "out", train_ratio=0.5, test_ratio=0.5, shuffle=False)
    assert [{entry.labels[0] for entry in entries_of(report, n)} for n in (0, 1)] == [{0.0}, {1.0}]


def test_separate_trees_agree_by_a_class_table(tmp_path):
    train = plant_classes(tmp_path / "train", {"ant": 2, "bee": 2, "cat ": 2})
    val = plant_classes(tmp_path / "val", {"bee": 1, "cat ": 2})
    table = make_list(train, tmp_path / "train").classes_path
    report = make_list(val, tmp_path / "val", labels=table, relative_to=val)
    assert report.classes == ((0, "ant", 0), (1, "bee", 1), (2, "cat ", 2))
    assert {(entry.path.split("/")[0], entry.labels[0]) for entry in entries_of(report)} == {("bee", 1.0), ("cat ", 2.0)}
    assert Path(report.classes_path).read_bytes() == Path(table).read_bytes()
    assert make_list(val, tmp_path / "other", labels={"bee": 7, "cat ": 7}).classes == ((7, "bee", 1), (7, "cat ", 2))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0\ta\n1\tb\n", {"a": 0, "b": 1}),
        ("\ufeff5\ta b\r\n\r\n5\tb/c\r\n", {"a b": 5, "b/c": 5}),
        ("a\nb c\n", {"a": 0, "b c": 1}),
        ("a\r\n\r\n b \r\n", {"a": 0, "b": 1}),
        ("10\n9", {"10": 0, "9": 1}),
        ("0\t写真", {"写真": 0}),
        ("16777216\ta", {"a": 2**24}),
    ],
)
def test_a_class_table_is_read(tmp_path, data, expected):
    path = tmp_path / "classes.txt"
    path.write_bytes(data.encode())
    assert read_classes(path) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"0\ta\nb\n", "line 2: expected a whole number, a tab and a name, found 'b'"),
        (b"a\t0\n", "line 1: expected a whole number"),
        (b"-1\ta\n", "line 1: expected a whole number"),
        (b"0\ta\tb\n", "line 1: expected a whole number"),
        (b"0\ta\n\n1\ta\n", "line 3: the class 'a' was on an earlier line"),
        (b"a\na\n", "line 2: the class 'a' was"),
        (b"16777217\ta\n", r"beyond 2\*\*24"),
        (b"\xff", r"not UTF-8 \(byte 1\)"),
        (b"\n", "has no class in it"),
    ],
)
def test_a_class_table_that_is_none_is_refused(tmp_path, data, message):
    path = tmp_path / "classes.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_classes(path)


def test_a_folder_that_the_table_does_not_have_is_named_and_nothing_is_written(tmp_path):
    root = plant_classes(tmp_path / "photos", {"ant": 2, "bee": 2, "cat": 2})
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ValueError, match=r"these classes of images are not in labels: 'ant', 'cat'; .*Nothing was written"):
        make_list(root, out / "x", labels={"bee": 0})
    (tmp_path / "table").write_text("ant\ncat")
    with pytest.raises(ValueError, match=r"this class of images is not in the class table '.*table': 'bee'"):
        make_list(root, out / "x", labels=tmp_path / "table")
    assert list(out.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        make_list(root, out / "x", labels=tmp_path / "missing")


def test_a_table_that_was_given_is_not_overwritten(tmp_path):
    root = plant_classes(tmp_path / "photos", {"a": 1})
    table = tmp_path / "out_classes.txt"
    table.write_text("a\nb\n")
    report = make_list(root, tmp_path / "out", labels=table)
    assert report.classes == ((0, "a", 1), (1, "b", 0))
    assert table.read_text() == "a\nb\n"


def test_extensions_in_every_spelling(tmp_path):
    root = plant(tmp_path / "photos", "a.jpg", "b.JPG", "c.Png", "d.webp", "e", ".f.jpg", "jpg", "g.jpg.txt")
    assert make_list(root, tmp_path / "one", exts=["JPG"]).num_images == 2
    assert make_list(root, tmp_path / "two", exts="jpg").num_images == 2
    assert (
        make_list(root, tmp_path / "three", exts=".JPG").num_images
        == make_list(root, tmp_path / "four", exts="jPg").num_images
        == 2
    )
    report = make_list(root, tmp_path / "out", exts=(".jpg", "png", ".WEBP"))
    assert report.num_images == 4
    assert dict(report.skipped) == {".txt": 1, "hidden": 1, "no extension": 2}


def test_a_flat_list_counts_the_folders_that_it_passed_over(tree, tmp_path):
    report = make_list(tree, tmp_path / "out", recursive=False)
    assert report.classes == ((0, ".", 2),)
    assert dict(report.skipped) == {"folder": 4, "no extension": 1}
    with pytest.raises(EmptyDatasetError, match="skipped: 1 folder. Nothing was written"):
        make_list(plant(tmp_path / "nested", "a/b.jpg"), tmp_path / "other", recursive=False)


@pytest.mark.parametrize(
    "name", ["a\tb.jpg", "a\nb.jpg", "a\rb.jpg", " a.jpg", "\u3000a.jpg", os.fsdecode(b"a\xff.jpg")], ids=ascii
)
def test_a_name_that_no_list_can_carry_is_left_out_and_reported(tmp_path, name):
    root = plant(tmp_path / "photos", name, "good.jpg")
    report = make_list(root, tmp_path / "out")
    assert [entry.path for entry in entries_of(report)] == ["photos/good.jpg"]
    assert [path for path, _ in report.left_out] == [name]
    assert "its name cannot stand in a list" in report.left_out[0][1]
    assert report.num_left_out == 1
    str(report).encode()
    assert ascii(name)[1:-1].replace("\\u3000", "\u3000") in str(report) or repr(name) in str(report)
    with pytest.raises(ListLineError, match="cannot stand in a list"):
        format_line(ListEntry(0, (1.0,), name))


def test_a_folder_with_such_a_name_is_no_class(tmp_path):
    root = plant(tmp_path / "photos", "a\tb/1.jpg", "a\tb/2.jpg", "c/3.jpg")
    (root / os.fsdecode(b"\xe9")).mkdir()
    plant(root, os.fsdecode(b"\xe9") + "/4.jpg", os.fsdecode(b"odd.\xe9"))
    report = make_list(root, tmp_path / "out")
    assert report.classes == ((0, "c", 1),)
    assert report.num_left_out == 3
    str(report).encode()


def test_names_with_blanks_and_letters_of_all_kinds_survive(tmp_path):
    names = ["a b/c  d.jpg", "写真/naïve.jpg", "x /y.jpg", "#hash/;semi?.jpg", "1 2/3.jpg", "-/-.jpg", "é\u0301/\x01.jpg"]
    root = plant(tmp_path / "photos", *names)
    report = make_list(root, root / "out")
    assert sorted(entry.path for entry in entries_of(report)) == sorted(names)
    assert sorted(read_classes(report.classes_path)) == sorted(os.path.dirname(name) for name in names)
    assert "\x01" not in str(report)


@pytest.mark.timeout(20)
def test_links_are_followed_but_not_in_circles(tmp_path):
    root = plant(tmp_path / "photos", "a/1.jpg", "b/2.jpg")
    elsewhere = plant(tmp_path / "elsewhere", "3.jpg", "deeper/4.jpg")
    (root / "c").symlink_to(elsewhere)
    (root / "a" / "up").symlink_to(root)
    (root / "b" / "self").symlink_to(root / "b")
    (root / "b" / "to a").symlink_to(root / "a")
    (root / "d.jpg").symlink_to(elsewhere / "3.jpg")
    (root / "broken.jpg").symlink_to(root / "nowhere.jpg")
    (root / "circle.jpg").symlink_to(root / "circle.jpg")
    os.mkfifo(root / "pipe.jpg")
    report = make_list(root, tmp_path / "out", shuffle=False, relative_to=root)
    paths = [entry.path for entry in entries_of(report)]
    assert paths == ["d.jpg", "a/1.jpg", "b/2.jpg", "b/to a/1.jpg", "c/3.jpg", "c/deeper/4.jpg"]
    reasons = dict(report.left_out)
    assert list(reasons) == ["a/up", "b/self", "b/to a/up", "broken.jpg", "circle.jpg", "pipe.jpg"]
    assert reasons["a/up"] == "it links back to a folder that it is in"
    assert reasons["broken.jpg"] == reasons["pipe.jpg"] == "it is a broken link, or no regular file"
    assert reasons["circle.jpg"].startswith("it cannot be followed")


def test_a_folder_that_may_not_be_read_is_left_out_and_reported(tmp_path, monkeypatch):
    root = plant(tmp_path / "photos", "a/1.jpg", "locked/2.jpg")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    report = make_list(root, tmp_path / "out")
    assert report.left_out == (("locked", "the folder cannot be read: Permission denied"),)
    assert "1 left out:\n  'locked': the folder cannot be read" in str(report)
    with pytest.raises(PermissionError):
        make_list(root / "locked", tmp_path / "other")


def test_a_disk_that_fails_ends_the_call(tmp_path, monkeypatch):
    root = plant(tmp_path / "photos", "a/1.jpg", "b/2.jpg")
    scandir = os.scandir

    def failing(path):
        if str(path).endswith("b"):
            raise OSError(5, "Input/output error", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(OSError, match="Input/output error"):
        make_list(root, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "no image .*; nothing is there. Nothing was written"),
        (("a/x.webp", "b/y.webp", "z.txt"), "skipped: 2 .webp, 1 .txt. Nothing"),
        ((".hidden.jpg", ".git/x.jpg"), "skipped: 2 hidden. Nothing"),
        (("a\tb.jpg",), r"1 left out, the first: 'a\\tb.jpg': its name"),
    ],
)
def test_a_tree_without_images_is_an_error_that_says_what_is_there(tmp_path, names, message):
    root = tmp_path / "photos"
    root.mkdir()
    plant(root, *names)
    (root / "empty" / "folder").mkdir(parents=True)
    with pytest.raises(EmptyDatasetError, match=message):
        make_list(root, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == [root]


@pytest.mark.parametrize("options", [{"chunks": 4}, {"train_ratio": 0.1}, {"train_ratio": 0.3, "test_ratio": 0.4, "chunks": 2}])
def test_a_list_without_entries_is_an_error(tmp_path, options):
    root = plant_classes(tmp_path / "photos", {"a": 3})
    with pytest.raises(EmptyDatasetError, match="out.*lst' would have no entry: 3 images were found"):
        make_list(root, tmp_path / "out", **options)
    assert sorted(tmp_path.iterdir()) == [root]


WRONG = [
    ({"train_ratio": 1.1}, ValueError, "train_ratio must be from 0 to 1"),
    ({"test_ratio": -0.1}, ValueError, "test_ratio must be from 0 to 1"),
    ({"train_ratio": float("nan")}, ValueError, "train_ratio must be from 0 to 1"),
    ({"train_ratio": 0.8, "test_ratio": 0.3}, ValueError, "together must be at most 1, not 1.1"),
    ({"test_ratio": 0.3}, ValueError, "together must be at most 1, not 1.3"),
    ({"train_ratio": "0.5"}, TypeError, "train_ratio must be a number"),
    ({"chunks": 0}, ValueError, "chunks must be at least 1"),
    ({"chunks": 1.0}, TypeError, "chunks must be a whole number"),
    ({"seed": None}, TypeError, "seed must be a whole number"),
    ({"exts": []}, ValueError, "exts is empty"),
    ({"exts": ["*.jpg"]}, ValueError, r"exts must be extensions such as '.jpg', not '\*.jpg'"),
    ({"exts": ["."]}, ValueError, "exts must be"),
    ({"exts": [1]}, TypeError, "exts must be"),
    ({"shuffle": "yes"}, TypeError, "shuffle must be True or False"),
    ({"overwrite": "no"}, TypeError, "overwrite must be True or False"),
    ({"progress": 1}, TypeError, "progress must be None or callable"),
    ({"labels": 3}, TypeError, "labels must be a path or a mapping"),
    ({"labels": {}}, ValueError, "labels has no class"),
    ({"labels": {"a": 0.5}}, TypeError, "labels must map names to whole numbers"),
    ({"labels": {"a": -1}}, ValueError, "must be from 0 to"),
    ({"labels": {"a\n": 1}}, ValueError, "cannot be"),
    ({"prefix": ""}, ValueError, "prefix must be"),
    ({"prefix": "/tmp/"}, ValueError, "prefix must be"),
    ({"prefix": b"x"}, TypeError, "prefix must be a str"),
    ({"prefix": "/nowhere/x"}, FileNotFoundError, "does not exist; make it first"),
    ({"root": "/nowhere"}, NotADirectoryError, "is no folder"),
    ({"root": 3}, TypeError, "root must be a str"),
    ({"relative_to": "/nowhere"}, NotADirectoryError, "relative_to '/nowhere' is no folder"),
    ({"label_from": "("}, ValueError, r"label_from must be a regular expression \(missing \), unterminated"),
    ({"group_from": 3}, TypeError, "group_from must be a regular expression, not 3"),
    ({"group_from": re.compile(b"a")}, TypeError, "group_from must be a regular expression"),
    ({"min_side": 0}, ValueError, "min_side must be at least 1"),
    ({"max_aspect": 0.9}, ValueError, "max_aspect must be at least 1"),
    ({"formats": "text"}, ValueError, "formats must be of avif"),
]


@pytest.mark.parametrize(("options", "kind", "message"), WRONG, ids=[str(options) for options, _, _ in WRONG])
def test_wrong_arguments_are_refused(tmp_path, options, kind, message):
    root = plant_classes(tmp_path / "photos", {"a": 3})
    with pytest.raises(kind, match=message):
        make_list(**{"root": root, "prefix": tmp_path / "out", **options})
    assert sorted(tmp_path.iterdir()) == [root]


def test_a_prefix_may_be_a_list_or_the_name_of_a_folder(tmp_path, monkeypatch):
    plant_classes(tmp_path / "photos", {"a": 1})
    monkeypatch.chdir(tmp_path)
    assert make_list("photos", "photos").lists == ((str(tmp_path / "photos.lst"), 1),)
    assert make_list("photos/", "other.lst").lists == ((str(tmp_path / "other.lst"), 1),)


def test_a_list_that_cannot_be_written_leaves_the_old_ones(tmp_path, monkeypatch):
    root = plant_classes(tmp_path / "photos", {"a": 4})
    make_list(root, tmp_path / "out", train_ratio=0.5)
    before = {path: path.read_bytes() for path in tmp_path.glob("out*")}
    real_open, opened = open, []

    def full_disk(path, mode="r", **options):
        if str(path).endswith(".partial"):
            opened.append(path)
            if len(opened) == 2:
                raise OSError(28, "No space left on device", path)
        return real_open(path, mode, **options)

    monkeypatch.setattr("builtins.open", full_disk)
    with pytest.raises(OutputError, match="No space left on device"):
        make_list(root, tmp_path / "out", train_ratio=0.5, seed=1, overwrite=True)
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in tmp_path.glob("out*")} == before


OUTPUTS = ["out_0_test.lst", "out_0_train.lst", "out_1_test.lst", "out_1_train.lst", "out_classes.txt"]


@pytest.mark.parametrize("there", OUTPUTS)
def test_what_is_there_is_replaced_only_on_demand(tmp_path, there):
    root = plant_classes(tmp_path / "photos", {"a": 8})
    options = {"chunks": 2, "train_ratio": 0.5, "test_ratio": 0.5}
    (tmp_path / there).write_text("mine")
    counts = []
    with pytest.raises(FileExistsError) as raised:
        make_list(root, tmp_path / "out", progress=counts.append, **options)
    said = f"{str(tmp_path / there)!r} is there already; give another name, or overwrite=True to replace it"
    assert (str(raised.value), counts) == (said, [])
    assert [path.name for path in tmp_path.glob("out*")] == [there] and (tmp_path / there).read_text() == "mine"
    make_list(root, tmp_path / "out", overwrite=True, **options)
    assert sorted(path.name for path in tmp_path.glob("out*")) == OUTPUTS
    assert (tmp_path / there).read_text() != "mine"


@pytest.mark.parametrize("there", OUTPUTS)
def test_what_comes_meanwhile_is_not_replaced_either(tmp_path, there):
    root = plant_classes(tmp_path / "photos", {"a": 8})
    options = {"chunks": 2, "train_ratio": 0.5, "test_ratio": 0.5}

    def come(done):
        (tmp_path / there).write_text("mine")

    with pytest.raises(FileExistsError, match="is there already; give another name, or overwrite=True"):
        make_list(root, tmp_path / "out", progress=come, **options)
    assert [path.name for path in tmp_path.glob("out*")] == [there] and (tmp_path / there).read_text() == "mine"
    make_list(root, tmp_path / "out", progress=come, overwrite=True, **options)
    assert sorted(path.name for path in tmp_path.glob("out*")) == OUTPUTS and (tmp_path / there).read_text() != "mine"


def test_lists_of_another_division_are_in_no_one_s_way(tmp_path):
    root = plant_classes(tmp_path / "photos", {"a": 8})
    table = make_list(root, tmp_path / "out").classes_path
    assert names_of(make_list(root, tmp_path / "out", train_ratio=0.5, labels=table)) == ["out_train.lst", "out_val.lst"]
    with pytest.raises(FileExistsError, match="out_val.lst"):
        make_list(root, tmp_path / "out", train_ratio=0, labels=table)


def test_progress_counts_the_images(tree, tmp_path):
    counts = []
    make_list(tree, tmp_path / "out", progress=counts.append)
    assert counts == list(range(1, 9))


def test_nothing_is_printed(tree, tmp_path, capfd):
    make_list(tree, tmp_path / "out")
    assert capfd.readouterr() == ("", "")


def test_a_large_tree_takes_little_time(tmp_path):
    root = plant_classes(tmp_path / "photos", {f"c{number}": 250 for number in range(12)})
    started = time.perf_counter()
    report = make_list(root, tmp_path / "out", train_ratio=0.8, test_ratio=0.1, stratify=True)
    assert report.num_images == 3000
    assert time.perf_counter() - started < 1  # 0.03 s


PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r"), min_size=1).map(str.strip).filter(bool)
LABELS = st.lists(
    st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-5, 2**24).map(float), min_size=1, max_size=6
)
ENTRIES = st.builds(ListEntry, st.integers(0, 2**64 - 1), LABELS.map(tuple), PATHS, st.none())


@given(ENTRIES)
@settings(deadline=None, max_examples=300)
def test_an_entry_survives_the_way_through_format_line(entry):
    line = format_line(entry)
    assert parse_line(line) == entry
    assert parse_line(line + "\n") == entry
    assert line.splitlines()[0].count("\t") == len(entry.labels) + 1 or len(line.splitlines()) > 1


@given(st.text(max_size=8))
@settings(deadline=None, max_examples=300)
def test_a_path_is_carried_or_refused(path):
    entry = ListEntry(1, (2.0,), path)
    if why_unlistable(path) is None:
        assert parse_line(format_line(entry)) == entry
    else:
        with pytest.raises(ListLineError):
            format_line(entry)


def test_a_large_label_takes_few_digits():
    assert format_line(ListEntry(0, (1e300, 2.0**53, 5.0), "a.jpg")) == "0\t1e+300\t9007199254740992.0\t5\ta.jpg"


def test_a_ratio_that_is_one_but_for_rounding_takes_every_image():
    assert plan_lists(10**10, 1, 0.0, 1 - 5e-10) == [("_test", 10**10)]
