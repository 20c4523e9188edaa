# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The names of classes in info, view and extract, and the old names of files in extract."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import dataset_bytes

from mxnet_im2rec import (
    IndexedRecordWriter,
    ListEntry,
    RecordFile,
    contact_sheet,
    extract,
    im2rec,
    make_list,
    summarize,
)
from mxnet_im2rec.tools.contact_sheet import _caption
from mxnet_im2rec.tools.file_names import LabelFolders, inner_path

PHOTO = "rocket.jpg"


def names_of(report):
    """The paths of the list, each of which must be a file."""
    paths = [line.rpartition("\t")[2] for line in Path(report.list_path).read_text("utf-8").splitlines()]
    files = {path.relative_to(report.folder).as_posix() for path in Path(report.folder).rglob("*") if path.is_file()}
    assert files == {*paths, "images.lst"} and len(paths) == report.num_images
    return paths


def write_dataset(folder, labels, table=None):
    with IndexedRecordWriter(folder / "out") as writer:
        for index, label in enumerate(labels):
            writer.write(index, label, np.full((8, 8, 3), index, np.uint8))
    if table is not None:
        (folder / "out.classes.txt").write_text(table, "utf-8")
    return folder / "out.rec"


@pytest.fixture
def tree(tmp_path, photos):
    for name in ("cats/tom.jpg", "cats/big/tiger.JPEG", "dogs/rex.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photos / PHOTO, tmp_path / "photos" / name)
    make_list(tmp_path / "photos", tmp_path / "photos")
    return tmp_path


def pack(folder, output="out", **options):
    return im2rec(folder / "photos.lst", folder / output, pass_through=True, **options)


def test_info_has_the_names(tree):
    report = pack(tree)
    summary = summarize(report.rec_path)
    assert summary.class_names == {0: "cats", 1: "cats/big", 2: "dogs"}
    assert [line.split()[:2] for line in str(summary).splitlines() if "cats/big" in line] == [["1", "cats/big"]]
    other = summarize(report.rec_path, classes={"tigers": 1})
    assert other.class_names == {1: "tigers"} and "1 tigers" in str(other) and "cats" not in str(other)
    os.unlink(report.classes_path)
    assert summarize(report.rec_path).class_names == {}


def test_info_draws_the_names(tree):
    pytest.importorskip("matplotlib")
    report = pack(tree)
    summarize(report.rec_path, classes={"big $cats": 1}).plot(tree / "plot.svg")
    summarize(report.rec_path, classes={"x": 9}).plot(tree / "without.svg")
    assert len((tree / "plot.svg").read_bytes()) != len((tree / "without.svg").read_bytes())


def test_names_that_share_a_number_stand_together(tmp_path):
    rec = write_dataset(tmp_path, [0, 1], "0\tcat\n0\tkitten\n")
    assert summarize(rec).class_names == {0: "cat or kitten"}
    assert names_of(extract(rec, tmp_path / "files", by_label=True)) == ["cat or kitten/0.jpg", "1/1.jpg"]


def test_a_damaged_table_is_named(tmp_path):
    rec = write_dataset(tmp_path, [0], "0\tcat\nx\ty\n")
    for call in (summarize, contact_sheet, lambda path: extract(path, tmp_path / "files", by_label=True)):
        with pytest.raises(ValueError, match="out.classes.txt', line 2"):
            call(rec)
    assert extract(rec, tmp_path / "files").num_images == 1  # which needs no names


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1.0], "dogs"),
        ([0.0], "Katzchen, ??"),
        ([3.0], "label 3"),
        ([0.5], "label 0.5"),
        ([float("nan")], "label nan"),
        ([1.0, 2.0], "labels 1, 2"),
        ([2, 5, 1, 0.1, 0.1, 0.5, 0.5, 1, 0.2, 0.2, 0.5, 0.5, 7, 0.1, 0.1, 0.5, 0.5], "classes dogs (2x), 7"),
    ],
)
def test_captions(labels, expected):
    assert _caption(np.array(labels, np.float32), {0: "Kätzchen, 小猫", 1: "dogs"}) == expected


def test_the_picture_shows_the_names(tree):
    report = pack(tree)
    named, numbered = contact_sheet(report.rec_path), contact_sheet(report.rec_path, classes={"none of these": 99})
    assert named.shape == numbered.shape and (named != numbered).any()
    assert np.array_equal(named, contact_sheet(report.rec_path, classes=report.classes_path))


def test_extract_by_label_makes_the_tree_of_the_classes_again(tree):
    report = extract(pack(tree).rec_path, tree / "files", by_label=True)
    folders = {os.path.dirname(name) for name in names_of(report)}
    assert folders == {"cats", "cats/big", "dogs"}
    again = make_list(tree / "files", tree / "again")
    assert [row[:2] for row in again.classes] == [(0, "cats"), (1, "cats/big"), (2, "dogs")]


def test_extract_by_label_stays_in_the_folder_and_keeps_classes_apart(tmp_path, caplog):
    names = ["../out", "/abs", "a/../../b", "C:\\x", "images.lst", ".", "1", "a", "./a", "x" * 256, "..\\up"]
    rec = write_dataset(tmp_path, [*range(len(names)), 99, 0.5, -1], "".join(f"{n}\t{name}\n" for n, name in enumerate(names)))
    paths = names_of(extract(rec, tmp_path / "files", by_label=True))
    folders = ["0", "1_", "2", "3", "4", "", "1", "a", "8", "9", "10", "99", "0.5", "-1"]
    assert [os.path.dirname(path) for path in paths] == folders
    assert len(caplog.records) == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "out.classes.txt", "out.idx", "out.rec"]


def test_no_two_classes_have_one_folder():
    folders = LabelFolders({3: "a", 4: "./a", 5: "7", 6: "7_", 8: "a//b", 9: "a/b"})
    found = [folders(np.float32(number)) for number in (3, 4, 5, 6, 7, 8, 9, 7.5)]
    assert found == ["a", "4", "7", "7_", "7__", "a/b", "9", "7.5"]


def test_extract_gives_the_files_their_old_names(tree):
    first = pack(tree, sidecar=True)
    report = extract(first.rec_path, tree / "files")
    assert sorted(names_of(report)) == ["photos/cats/big/tiger.JPEG", "photos/cats/tom.jpg", "photos/dogs/rex.jpg"]
    assert (report.num_named, report.num_renamed) == (3, 0)
    again = im2rec(report.list_path, tree / "again", pass_through=True, sidecar=True)
    assert dataset_bytes(again) == dataset_bytes(first)
    assert Path(again.sources_path).read_bytes() == Path(first.sources_path).read_bytes()
    assert extract(first.rec_path, tree / "files", overwrite=True).num_named == 3
    os.rename(first.sources_path, tree / "elsewhere.tsv")
    assert extract(first.rec_path, tree / "without").num_named == 0
    assert names_of(extract(first.rec_path, tree / "with", sources=tree / "elsewhere.tsv")) == names_of(report)


def test_the_extension_is_that_of_the_format(tmp_path, photos):
    names = ["a.bmp", "b.jpeg", "c", "d.tar.gz", "e.JPG", "a.jpg"]
    for name in names:
        shutil.copy(photos / PHOTO, tmp_path / name)
    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate(names)]
    rec = im2rec(entries, tmp_path / "out", root=tmp_path, pass_through=True, sidecar=True).rec_path
    report = extract(rec, tmp_path / "files")
    assert names_of(report) == ["a.jpg", "b.jpeg", "c.jpg", "d.tar.jpg", "e.JPG", "5.jpg"]
    assert (report.num_named, report.num_renamed) == (5, 1)
    assert str(report).endswith("; 1 image could not have the old name, and the index is the name now")


def test_old_names_that_lead_out_of_the_folder_or_are_taken(tmp_path):
    names = ["/etc/x.jpg", "../x.jpg", "a/../../x.jpg", "C:x.jpg", "..\\x.jpg", "images.lst", "a.jpg", "a.jpg", "a.jpg/b.jpg"]
    names += [
        "./b/./c.jpg",
        "b.jpg/c.jpg",
        "b.jpg",
        "11.jpg",
        "y" * 300 + ".jpg",
        "t\\tab.jpg",
        "0.jpg/z.jpg",
        "images.lst/q.jpg",
    ]
    rec = write_dataset(tmp_path, [0] * len(names))
    lines = [f"{index}\t{name if 'tab' in name else name.replace(chr(92), chr(92) * 2)}\t0\n" for index, name in enumerate(names)]
    (tmp_path / "out.sources.tsv").write_text("".join(lines))
    report = extract(rec, tmp_path / "files")
    expected = [f"{index}.jpg" for index in range(len(names))]
    expected[6], expected[9], expected[10] = "a.jpg", "b/c.jpg", "b.jpg/c.jpg"
    assert names_of(report) == expected
    assert (report.num_named, report.num_renamed) == (3, 14)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "out.idx", "out.rec", "out.sources.tsv"]
    with RecordFile(rec) as records:
        for record, name in zip(records, expected):
            assert (tmp_path / "files" / name).read_bytes() == bytes(record.content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\ta.jpg\t0\n", "record 1 has index 1, the table ends before it"),
        ("0\ta.jpg\t0\n2\tb.jpg\t0\n", "record 1 has index 1, the table has index 2 there"),
        ("0\ta.jpg\t0\n1\tb.jpg\t0\n2\tc.jpg\t0\n", "it has more lines than there are records, 2"),
        ("0\ta.jpg\t0\n1 b.jpg 0\n", "line 2: expected an index, a path and labels"),
    ],
)
def test_a_table_of_other_sources_is_refused_and_leaves_nothing(tmp_path, text, message):
    rec = write_dataset(tmp_path, [0, 0])
    (tmp_path / "out.sources.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        extract(rec, tmp_path / "files")
    assert not (tmp_path / "files").exists()
    assert names_of(extract(rec, tmp_path / "by label", by_label=True)) == ["0/0.jpg", "0/1.jpg"]


def test_a_file_that_is_no_table_of_sources_is_passed_over_unless_it_is_given(tmp_path):
    rec = write_dataset(tmp_path, [0])
    (tmp_path / "out.sources.tsv").write_text("my notes\n")
    assert names_of(extract(rec, tmp_path / "files")) == ["0.jpg"]
    with pytest.raises(ValueError, match="line 1"):
        extract(rec, tmp_path / "others", sources=tmp_path / "out.sources.tsv")
    with pytest.raises(ValueError, match="leave one of them out"):
        extract(rec, tmp_path / "others", sources=tmp_path / "out.sources.tsv", by_label=True)
    assert not (tmp_path / "others").exists()


@pytest.mark.parametrize("path", ["a/b.jpg", "a b.jpg", "..a/b..jpg", "a\\b.jpg", "ä.jpg"])
def test_paths_within_a_folder_stay_as_they_are(path):
    assert inner_path(path) == path
