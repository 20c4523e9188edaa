# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""import_list(): what is written of a source, and what is not."""

import os
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from mxnet_im2rec import (
    EmptyDatasetError,
    ListChangedError,
    ListEntry,
    OutputError,
    check_list,
    from_table,
    im2rec,
    import_list,
    verify,
)
from mxnet_im2rec.errors import ArgumentTypeError, ArgumentValueError
from mxnet_im2rec.lists.entry_iterable import EntryIterable
from mxnet_im2rec.lists.open_list import open_list


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


def lines_of(path):
    return path.read_text("utf-8").splitlines()


@pytest.fixture
def table(tmp_path):
    rows = [f"{number}.jpg,{'cat' if number % 4 else 'dog'},p{number // 3}" for number in range(40)]
    return write(tmp_path / "photos" / "t.csv", "path,label,patient", *rows)


def test_it_writes_a_list_and_a_class_table(table, tmp_path):
    report = import_list(from_table(table), tmp_path / "photos" / "out")
    assert lines_of(tmp_path / "photos" / "out.lst")[:2] == ["0\t1\t0.jpg", "1\t0\t1.jpg"]
    assert lines_of(tmp_path / "photos" / "out_classes.txt") == ["0\tcat", "1\tdog"]
    assert report.lists == ((str(tmp_path / "photos" / "out.lst"), 40),)
    assert report.classes == ((0, "cat", 30), (1, "dog", 10))
    assert report.classes_path == str(tmp_path / "photos" / "out_classes.txt")
    assert (report.num_images, report.failures, report.num_failures, report.ok) == (40, (), 0, True)
    assert report.source_report is None
    text = str(report)
    assert text.startswith("40 images listed in ")
    assert "out.lst  40\n2 classes, in " in text
    assert "0  cat  30" in text


def test_the_paths_lead_from_the_list_to_the_images(small_images, tmp_path, monkeypatch):
    names = sorted(path.name for path in small_images.iterdir() if path.suffix == ".jpg")[:6]
    photos, lists = tmp_path / "photos", tmp_path / "lists" / "today"
    for name in names:
        (photos / "sub").mkdir(parents=True, exist_ok=True)
        shutil.copy(small_images / name, photos / "sub" / name)
    table = write(photos / "t.csv", "path,label", *(f"sub/{name},1" for name in names[:5]), f"{photos}/sub/{names[5]},2")
    lists.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    import_list(from_table(table), "lists/today/out")
    assert [line.split("\t")[2] for line in lines_of(lists / "out.lst")] == [f"../../photos/sub/{name}" for name in names]
    assert check_list(lists / "out.lst").ok
    report = im2rec(lists / "out.lst", tmp_path / "x", num_workers=0, progress=False)
    assert verify(report.rec_path, from_table(table), root=photos, num_workers=0, progress=False).ok


def test_the_paths_lead_there_behind_a_link_too(tmp_path):
    (tmp_path / "disk" / "deep" / "lists").mkdir(parents=True)
    (tmp_path / "lists").symlink_to(tmp_path / "disk" / "deep" / "lists")
    image = write(tmp_path / "photos" / "a.jpg", "x")
    import_list(EntryIterable([ListEntry(0, (1.0,), "a.jpg")], tmp_path / "photos"), tmp_path / "lists" / "x")
    path = lines_of(tmp_path / "lists" / "x.lst")[0].split("\t")[2]
    assert not os.path.isabs(path)
    assert os.path.samefile(tmp_path / "lists" / path, image)


def test_the_ratios_divide_at_random_and_keep_the_order(table, tmp_path):
    report = import_list(from_table(table), tmp_path / "x", train_ratio=0.5, test_ratio=0.25)
    parts = {name: lines_of(tmp_path / f"x_{name}.lst") for name in ("test", "train", "val")}
    assert {name: len(lines) for name, lines in parts.items()} == {"test": 10, "train": 20, "val": 10}
    assert dict(report.lists) == {str(tmp_path / f"x_{name}.lst"): len(lines) for name, lines in parts.items()}
    found = {name: [int(line.split("\t")[0]) for line in lines] for name, lines in parts.items()}
    assert all(numbers == sorted(numbers) for numbers in found.values())
    assert sorted(sum(found.values(), [])) == list(range(40))
    assert found["test"] != list(range(10))
    again = import_list(from_table(table), tmp_path / "y", train_ratio=0.5, test_ratio=0.25)
    assert [count for _, count in again.lists] == [count for _, count in report.lists]
    assert lines_of(tmp_path / "y_val.lst") == parts["val"]
    import_list(from_table(table), tmp_path / "z", train_ratio=0.5, test_ratio=0.25, seed=1)
    assert lines_of(tmp_path / "z_val.lst") != parts["val"]


def test_shuffle_and_stratify(table, tmp_path):
    import_list(from_table(table), tmp_path / "x", shuffle=True)
    shuffled = lines_of(tmp_path / "x.lst")
    import_list(from_table(table), tmp_path / "y")
    assert shuffled != lines_of(tmp_path / "y.lst")
    assert sorted(shuffled) == sorted(lines_of(tmp_path / "y.lst"))
    import_list(from_table(table), tmp_path / "z", train_ratio=0.5, stratify=True)
    for name in ("train", "val"):
        assert Counter(line.split("\t")[1] for line in lines_of(tmp_path / f"z_{name}.lst")) == {"0": 15, "1": 5}


def test_no_group_is_in_two_lists(table, tmp_path):
    report = import_list(from_table(table, group="patient"), tmp_path / "x", train_ratio=0.6, test_ratio=0.2)
    groups = {}
    for path, number in report.lists:
        indices = [int(line.split("\t")[0]) for line in lines_of(Path(path))]
        assert len(indices) == number and indices == sorted(indices)
        groups[path] = {index // 3 for index in indices}
    assert sum(map(len, groups.values())) == len(set.union(*groups.values())) == 14
    assert sum(number for _, number in report.lists) == 40
    assert report.by_ratios == (8, 24, 8)
    assert all(abs(number - wanted) <= 3 for (_, number), wanted in zip(report.lists, report.by_ratios))
    import_list(from_table(table, group="patient"), tmp_path / "one")
    assert len(lines_of(tmp_path / "one.lst")) == 40


def test_groups_that_reach_other_shares_say_so(tmp_path):
    table = write(
        tmp_path / "t.csv", "path,label,who", *(f"{number}.jpg,1,{'ann' if number < 9 else 'bob'}" for number in range(10))
    )
    report = import_list(from_table(table, group="who"), tmp_path / "x", train_ratio=0.5, shuffle=True)
    assert sorted(number for _, number in report.lists) == [1, 9]
    assert str(report).count("(5 by the ratios; no group is divided)") == 2
    with pytest.raises(EmptyDatasetError, match="2 groups cannot be divided over 3 lists"):
        import_list(from_table(table, group="who"), tmp_path / "y", train_ratio=0.4, test_ratio=0.3)


def test_stratify_with_groups_divides_each_class(tmp_path):
    rows = [f"{number}.jpg,{'cat' if number < 60 else 'dog'},p{number // 2}" for number in range(80)]
    table = write(tmp_path / "t.csv", "path,label,who", *rows)
    import_list(from_table(table, group="who"), tmp_path / "x", train_ratio=0.5, stratify=True)
    for name in ("train", "val"):
        assert Counter(line.split("\t")[1] for line in lines_of(tmp_path / f"x_{name}.lst")) == {"0": 30, "1": 10}


def test_images_that_are_not_wanted_are_left_out_and_counted(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "wide.png"), np.zeros((20, 100, 3), np.uint8))
    cv2.imwrite(str(photos / "small.jpg"), np.zeros((10, 10, 3), np.uint8))
    cv2.imwrite(str(photos / "good.jpg"), np.zeros((40, 50, 3), np.uint8))
    table = write(photos / "t.csv", "path,label", "wide.png,1", "small.jpg,2", "good.jpg,3", "gone.jpg,4", ",5")

    def left(**options):
        report = import_list(from_table(table), tmp_path / "x", overwrite=True, **options)
        assert report.num_left_out == len(report.left_out)
        stages = {(failure.stage, failure.path) for failure in report.failures}
        # A file that is not there is noticed only where files are opened.
        assert stages == {("list", None), *([("read", "gone.jpg")] if options else [])}
        return dict(report.left_out), str(report)

    found, text = left(min_side=15)
    assert found["small.jpg"] == "its shorter side has 10 pixels, less than 15"
    assert set(found) == {"small.jpg"}
    assert "1 image is left out:\n  'small.jpg': its shorter side" in text
    assert set(left(max_aspect=3)[0]) == {"wide.png"}
    assert set(left(formats="jpeg")[0]) == {"wide.png"}
    assert left()[0] == {}
    with pytest.raises(EmptyDatasetError, match="all 2 entries that are wanted failed"):
        left(min_side=1000)
    write(table, "path,label", "wide.png,1")
    with pytest.raises(
        EmptyDatasetError, match="no image is wanted; nothing was written; the first: 'wide.png': its format is PNG"
    ):
        import_list(from_table(table), tmp_path / "y", formats=["jpeg"])


def test_stratify_needs_one_label(tmp_path):
    table = write(tmp_path / "t.csv", "path,a,b", "x.jpg,1,2")
    with pytest.raises(ArgumentValueError, match="stratify needs one label an image; line 2 has 2"):
        import_list(from_table(table, label=["a", "b"]), tmp_path / "x", stratify=True)


def test_what_fails_is_left_out_and_named(tmp_path):
    table = write(tmp_path / "t.csv", "path,label,id", "a.jpg,1,1", ",1,2", '"two', 'lines.jpg",1,3', "b.jpg,1,1", "c.jpg,1,9")
    report = import_list(from_table(table, index="id"), tmp_path / "x")
    assert lines_of(tmp_path / "x.lst") == ["1\t1\ta.jpg", "9\t1\tc.jpg"]
    assert not report.ok and report.num_failures == 3
    assert [failure.line for failure in report.failures] == [3, 4, 6]
    assert "it has a line feed in it" in report.failures[1].reason
    assert "3 entries failed and are left out:\n  line 3: list: the column 'path' is empty\n" in str(report)


def test_failures_do_not_fill_the_memory(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,1", *([",1"] * 1500))
    report = import_list(from_table(table), tmp_path / "x")
    assert (len(report.failures), report.num_failures) == (1000, 1500)
    assert "... and 1,490 more" in str(report)


def test_numbers_have_no_class_table(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,0.25")
    report = import_list(from_table(table), tmp_path / "x")
    assert (report.classes, report.classes_path) == ((), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "x.lst"]
    write(tmp_path / "y_classes.txt", "0\tcat")  # of another list: it would name numbers that mean something else
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="y_classes.txt' is there, and the source has no names of classes"):
            import_list(from_table(table), tmp_path / "y", overwrite=overwrite)


def test_the_class_of_several_labels_is_counted(tmp_path):
    table = write(tmp_path / "t.csv", "path,age,breed", "a.jpg,3,dog", "b.jpg,4,cat", "c.jpg,0,dog")
    report = import_list(from_table(table, label=["age", "breed"]), tmp_path / "x")
    assert report.classes == ((0, "cat", 1), (1, "dog", 2))
    assert lines_of(tmp_path / "x.lst")[0] == "0\t3\t1\ta.jpg"


def test_the_objects_of_detection_labels_are_counted(tmp_path):
    boxes = [2.0, 5.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.1, 0.1, 0.5, 0.5, 1.0, 0.2, 0.2, 0.4, 0.4]
    source = EntryIterable([ListEntry(0, tuple(boxes), "a.jpg"), ListEntry(1, tuple(boxes[:7]), "b.jpg")], tmp_path)
    source.classes = {"cat": 0, "dog": 1}
    assert import_list(source, tmp_path / "x").classes == ((0, "cat", 1), (1, "dog", 3))


def test_float32_is_kept_in_full(tmp_path):
    values = [0.1, 1 / 3, 2.5e-38, 123456.789, 16777216.0]
    source = EntryIterable([ListEntry(number, (value,), "a.jpg") for number, value in enumerate(values)], tmp_path)
    import_list(source, tmp_path / "x")
    assert [entry.labels[0] for entry in open_list(tmp_path / "x.lst").entries()] == values


def test_what_is_there_is_replaced_only_on_demand(table, tmp_path):
    write(tmp_path / "x.lst", "mine")
    with pytest.raises(FileExistsError, match="x.lst' is there already"):
        import_list(from_table(table), tmp_path / "x")
    assert lines_of(tmp_path / "x.lst") == ["mine"]
    import_list(from_table(table), tmp_path / "x", overwrite=True)
    assert len(lines_of(tmp_path / "x.lst")) == 40
    (tmp_path / "x.lst").unlink()
    import_list(from_table(table), tmp_path / "x")  # the class table is the same
    (tmp_path / "x.lst").unlink()
    write(tmp_path / "x_classes.txt", "0\tcow")
    with pytest.raises(FileExistsError, match="x_classes.txt' is there already"):
        import_list(from_table(table), tmp_path / "x")
    assert not (tmp_path / "x.lst").exists()


def test_a_train_and_a_validation_table_agree(table, tmp_path):
    import_list(from_table(table), tmp_path / "x")
    val = write(tmp_path / "val.csv", "path,label", "v.jpg,dog")
    report = import_list(from_table(val, classes=tmp_path / "x_classes.txt"), tmp_path / "val")
    assert lines_of(tmp_path / "val.lst") == ["0\t1\tv.jpg"]
    assert report.classes == ((0, "cat", 0), (1, "dog", 1))


def test_nothing_is_written_when_it_raises(table, tmp_path, monkeypatch):
    empty, bad = write(tmp_path / "e.csv", "path,label"), write(tmp_path / "b.csv", "path,label", ",1", ",2")
    for source, said in ((empty, "the source has no entries"), (bad, "all 2 entries failed; nothing was written; the first: ")):
        with pytest.raises(EmptyDatasetError, match=said):
            import_list(from_table(source), tmp_path / "x")
    with pytest.raises(EmptyDatasetError, match="x_train.lst' would have no entry"):
        import_list(from_table(table), tmp_path / "x", train_ratio=0.01, test_ratio=0.9)
    changing = from_table(table)
    write(table, "path,label", "a.jpg,cat", "b.jpg,dog")
    with pytest.raises(ListChangedError, match="changed while it was read"):
        import_list(changing, tmp_path / "x")
    with pytest.raises(FileNotFoundError, match="the folder of the lists"):
        import_list(from_table(table), tmp_path / "nosuch" / "x")
    for options in ({"train_ratio": 2}, {"train_ratio": 0.7, "test_ratio": 0.7}):
        with pytest.raises(ArgumentValueError, match="train_ratio"):
            import_list(from_table(table), tmp_path / "x", **options)
    with pytest.raises(ArgumentTypeError, match="source must be a source"):
        import_list(str(table), tmp_path / "x")

    def fail(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="the disk is full"):
        import_list(from_table(table), tmp_path / "x")
    assert list(tmp_path.glob("x*")) == []


def test_progress_counts_the_entries(table, tmp_path):
    seen = []
    import_list(from_table(table), tmp_path / "x", progress=seen.append)
    assert seen == list(range(1, 41))
