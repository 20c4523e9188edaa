# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""convert(): what InsightFace's readers find in its layout, and that no way loses or changes an image."""

import logging
import numbers
import os
import subprocess
import sys
import tempfile
from collections import Counter

import numpy as np
import pytest
from helpers import REPO, dataset_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import (
    EmptyDatasetError,
    IndexedRecordWriter,
    OutputError,
    RecordFile,
    RecordFormatError,
    convert,
    recordio,
    verify,
)
from mxnet_im2rec.lists.classes import read_classes
from mxnet_im2rec.tools import convert as converting
from mxnet_im2rec.tools.rewriting import random_order

MAGIC = bytes.fromhex("0a23d7ce")


def write(prefix, labels, images=None):
    """A dataset with these labels, and images that differ."""
    with IndexedRecordWriter(prefix) as writer:
        for index, label in enumerate(labels):
            writer.write(index, label, b"image %d" % index if images is None else images[index])
    return writer.rec_path


def png(value, height=112, width=112):
    import cv2

    return cv2.imencode(".png", np.full((height, width, 3), value, np.uint8))[1].tobytes()


def images_of(rec_path):
    """How often there is each pair of first label and image."""
    with RecordFile(rec_path) as records:
        return Counter((float(record.labels[0]), record.content) for record in records if record.content)


def old_numbers(report):
    """The label in the input of each label in the output."""
    path = report.rec_path[:-4] + ".classes.txt"
    return {number: int(name) for name, number in read_classes(path).items()} if os.path.exists(path) else None


class Training:
    """What arcface_torch makes of train.rec, by its rules: record 0 says by its flag whether it names the keys of the images."""

    def __init__(self, report, reading):
        self._reading = reading
        self._file = reading.MXIndexedRecordIO(report.idx_path, report.rec_path, "r")
        first, _ = reading.unpack(self._file.read_idx(0))
        self.keys = list(range(1, int(first.label[0]))) if first.flag > 0 else list(self._file.keys)

    def samples(self):
        for key in self.keys:
            header, image = self._reading.unpack(self._file.read_idx(key))
            label = header.label if isinstance(header.label, numbers.Number) else header.label[0]
            yield int(label), image


@pytest.fixture(params=["ours", pytest.param("MXNet's", marks=pytest.mark.needs_mxnet)])
def reading(request):
    if request.param == "ours":
        return recordio
    import mxnet as mx

    return mx.recordio


def test_the_records_of_the_layout(tmp_path):
    report = convert(write(tmp_path / "in", [1, 0, 1, 2, 0]), tmp_path / "out", "insightface")
    with RecordFile(report.rec_path) as records:
        found = [(record.index, record.flag, record.labels.tolist(), record.content) for record in records]
        assert records.keys.tolist() == list(range(9))
    assert found == [
        (0, 2, [6, 9], b""),
        (1, 0, [0], b"image 1"),
        (2, 0, [0], b"image 4"),
        (3, 0, [1], b"image 0"),
        (4, 0, [1], b"image 2"),
        (5, 0, [2], b"image 3"),
        (6, 2, [1, 3], b""),
        (7, 2, [3, 5], b""),
        (8, 2, [5, 6], b""),
    ]
    assert report.num_records == 9 and report.num_bytes == os.path.getsize(report.rec_path)
    assert sorted(os.listdir(tmp_path)) == ["in.idx", "in.rec", "out.idx", "out.rec", "property"]  # no number has changed


def test_the_images_of_a_person_stay_in_the_order_of_the_input(tmp_path):
    report = convert(write(tmp_path / "in", [0, 1] * 100), tmp_path / "out", "insightface")
    with RecordFile(report.rec_path) as records:
        found = [int(record.content.split()[1]) for record in records if record.content]
    assert found == [*range(0, 200, 2), *range(1, 200, 2)]


def test_whether_a_face_is_aligned_is_kept(tmp_path):
    report = convert(write(tmp_path / "in", [[1, 0], [0, 1], 1]), tmp_path / "out", "insightface")
    with RecordFile(report.rec_path) as records:
        assert [record.labels.tolist() for record in records[1:4]] == [[0, 1], [1, 0], [1]]


def test_the_plain_dataset(tmp_path):
    report = convert(write(tmp_path / "in", [[5, 0], 3, 5, 9] * 10), tmp_path / "out", "plain", seed=4)
    with RecordFile(report.rec_path) as records:
        assert records.keys.tolist() == [record.index for record in records] == list(range(40))
        assert {record.flag for record in records} == {0}
        assert [int(record.content.split()[1]) for record in records] == random_order(40, 4).tolist()
        assert all(record.labels.tolist() == [[5, 3, 5, 9][int(record.content.split()[1]) % 4]] for record in records)
    assert not {"property", "out.classes.txt"} & set(os.listdir(tmp_path))
    again = convert(tmp_path / "in.rec", tmp_path / "again", "plain", seed=4)
    other = convert(tmp_path / "in.rec", tmp_path / "other", "plain", seed=5)
    assert dataset_bytes(again) == dataset_bytes(report) != dataset_bytes(other)


@pytest.mark.parametrize("to", ["insightface", "plain"])
def test_what_arcface_torch_reads(tmp_path, to, reading):
    report = convert(write(tmp_path / "in", [2, 0, 1, 0, 2, 2]), tmp_path / "train", to)
    samples = list(Training(report, reading).samples())
    assert sorted(samples) == [(0, b"image 1"), (0, b"image 3"), (1, b"image 2"), *((2, b"image %d" % n) for n in (0, 4, 5))]


def test_the_records_of_persons_are_where_record_0_says(tmp_path, reading):
    """As InsightFace's image iterators for MXNet read them."""
    report = convert(write(tmp_path / "in", [8, 4, 8, 4, 4, 6]), tmp_path / "train", "insightface")
    file = reading.MXIndexedRecordIO(report.idx_path, report.rec_path, "r")
    header, _ = reading.unpack(file.read_idx(0))
    images = []
    for number, key in enumerate(range(int(header.label[0]), int(header.label[1]))):
        person, nothing = reading.unpack(file.read_idx(key))
        assert nothing == b"" and person.flag == 2
        faces = [reading.unpack(file.read_idx(each)) for each in range(int(person.label[0]), int(person.label[1]))]
        assert {float(face.label) for face, _ in faces} == {number}
        images.append([image for _, image in faces])
    assert images == [[b"image 1", b"image 3", b"image 4"], [b"image 5"], [b"image 0", b"image 2"]]
    assert (tmp_path / "property").read_text().split(",")[0] == "3"


ANY_IMAGE = st.one_of(
    st.binary(min_size=1, max_size=30), st.lists(st.sampled_from([MAGIC, b"abcd", b"x"]), min_size=1).map(b"".join)
)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.one_of(st.integers(0, 4), st.integers(0, 2**24)), ANY_IMAGE), min_size=1, max_size=20), st.integers()
)
def test_no_way_changes_a_label_or_an_image(faces, seed):
    with tempfile.TemporaryDirectory() as folder:
        rec = write(f"{folder}/in", [label for label, _ in faces], [image for _, image in faces])
        expected = Counter((float(label), image) for label, image in faces)
        assert images_of(convert(rec, f"{folder}/plain", "plain", seed=seed).rec_path) == expected
        report = convert(rec, f"{folder}/faces", "insightface")
        persons = sorted({label for label, _ in faces})
        new = old_numbers(report) or {number: number for number in range(len(persons))}
        assert new == dict(enumerate(persons))
        found = images_of(report.rec_path)
        assert Counter({(float(new[int(label)]), image): count for (label, image), count in found.items()}) == expected
        back = convert(report.rec_path, f"{folder}/back", "plain", seed=seed)
        assert images_of(back.rec_path) == found
        again = convert(report.rec_path, f"{folder}/again", "insightface", overwrite=True)
        assert dataset_bytes(again) == dataset_bytes(report)
        for each in (report, back):
            problems = verify(each.rec_path, pixels="none").problems
            assert not [problem for problem in problems if problem.layer in ("structure", "index")]


def test_what_comes_out_verifies(tmp_path):
    rec = write(tmp_path / "in", [3, 1, 3, 2], [png(value) for value in (10, 60, 110, 160)])
    assert verify(convert(rec, tmp_path / "plain", "plain").rec_path).ok
    report = verify(convert(rec, tmp_path / "faces", "insightface").rec_path)
    assert report.ok and "without an image" in str(report)


# What stands beside the dataset.


def test_new_numbers_are_written_down(tmp_path):
    report = convert(write(tmp_path / "in", [70, 7, 70]), tmp_path / "out", "insightface")
    assert (tmp_path / "out.classes.txt").read_text() == "0\t7\n1\t70\n"
    assert old_numbers(report) == {0: 7, 1: 70}


def test_names_go_with_the_persons(tmp_path):
    rec = write(tmp_path / "in", [5, 2, 5])
    (tmp_path / "in.classes.txt").write_text("2\tAda\n3\tno image of hers\n5\tGrace\n")
    convert(rec, tmp_path / "faces", "insightface")
    assert (tmp_path / "faces.classes.txt").read_text() == "0\tAda\n1\tGrace\n"
    convert(rec, tmp_path / "plain", "plain")
    assert (tmp_path / "plain.classes.txt").read_text() == (tmp_path / "in.classes.txt").read_text()
    (tmp_path / "in.classes.txt").write_text("2\tAda\n")
    with pytest.raises(ValueError, match=r"in\.classes\.txt' has no name for 1 label of '.*in\.rec', the first 5; "):
        convert(rec, tmp_path / "out", "insightface", overwrite=True)
    assert not list(tmp_path.glob("out*"))


def test_property_has_the_size_of_the_images(tmp_path, caplog):
    rec = write(tmp_path / "in", [0, 1], [png(0, 96, 80), png(1, 96, 80)])
    convert(rec, tmp_path / "a", "insightface")
    assert (tmp_path / "property").read_text() == "2,96,80\n" and not caplog.records
    rec = write(tmp_path / "various", [0, 1], [png(0, 96, 80), png(1, 96, 81)])
    with caplog.at_level(logging.WARNING, "mxnet_im2rec"):
        convert(rec, tmp_path / "a", "insightface", overwrite=True)
    assert (tmp_path / "property").read_text() == "2,112,112\n"
    assert "not all of one size" in caplog.text and "112,112" in caplog.text


@pytest.mark.parametrize("there", ["out.rec", "out.idx", "out.classes.txt", "property"])
def test_what_is_there_is_replaced_only_if_that_was_asked_for(tmp_path, there):
    rec = write(tmp_path / "in", [4, 6])
    (tmp_path / there).write_text("old")
    with pytest.raises(FileExistsError, match=rf"{there}' is there already; give another name, or overwrite=True"):
        convert(rec, tmp_path / "out", "insightface")
    assert (tmp_path / there).read_text() == "old"
    convert(rec, tmp_path / "out", "insightface", overwrite=True)
    assert (tmp_path / there).read_bytes() != b"old"
    assert verify(tmp_path / "out.rec", pixels="none").num_records == 5


def test_the_input_is_never_replaced(tmp_path):
    rec = write(tmp_path / "in", [0, 1])
    os.link(rec, tmp_path / "link.rec")
    os.rename(rec, tmp_path / "in.data")
    for output in ("in.rec", "link.rec"):  # in.idx is that of in.data
        with pytest.raises(ValueError, match="output_path '.*' is a file of the input; give another one"):
            convert(tmp_path / "in.data", tmp_path / output, "plain", overwrite=True)


def test_a_folder_receives_files_named_after_the_input(tmp_path):
    (tmp_path / "faces").mkdir()
    report = convert(write(tmp_path / "train", [1, 2]), tmp_path / "faces", "insightface")
    assert report.rec_path == str(tmp_path / "faces" / "train.rec")
    assert sorted(os.listdir(tmp_path / "faces")) == ["property", "train.classes.txt", "train.idx", "train.rec"]


# What is refused, and that nothing appears then.


@pytest.fixture
def no_output(tmp_path):
    yield tmp_path
    assert not [name for name in os.listdir(tmp_path) if name.startswith(("out", "property"))]


@pytest.mark.parametrize("to", ["insightface", "plain"])
@pytest.mark.parametrize(
    ("label", "message"),
    [
        (0.5, r"expected of the record of index 2 one label, the number of a person: .*, found \[0.5\]"),
        (-1, r"found \[-1.0\]"),
        (2**24 + 2, r"from 0 to 2\*\*24, found \[16777218.0\]"),
        ([1, 2], r"expected of the record of index 2 as a second label 0 or 1, .* found \[1.0, 2.0\]"),
        ([1, 0, 0], r"found \[1.0, 0.0, 0.0\]"),
    ],
)
def test_other_labels_name_the_record(no_output, to, label, message):
    rec = write(no_output / "in", [0, 1, label])
    with pytest.raises(RecordFormatError, match=rf"in\.rec', byte \d+: .*{message}") as caught:
        convert(rec, no_output / "out", to)
    with RecordFile(rec) as records:
        assert caught.value.offset == records[2].offset


def test_a_record_without_an_image_names_the_record(no_output):
    with pytest.raises(RecordFormatError, match="expected of the record of index 1 an image, found none"):
        convert(write(no_output / "in", [0, 1], [b"x", b""]), no_output / "out", "plain")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([(0, [3, 4], b""), (1, 0, b"a"), (2, 0, b"b")], r"of which b is 3, found the labels \[3.0, 4.0\]"),
        ([(0, [3, 4], b""), (1, 0, b"a"), (2, 0, b"b"), (9, [1, 3], b"")], "found the labels .* keys up to 9"),
        ([(0, [3, 4, 5], b""), (1, 0, b"a"), (2, 0, b"b"), (3, [1, 3], b"")], r"found the labels \[3.0, 4.0, 5.0\]"),
        (
            [(0, [2, 3], b""), (1, 0, b"a"), (2, 0, b"b")],
            "of the record of index 2 no image, as the record of key 0 says, found 1",
        ),
    ],
)
def test_a_layout_that_does_not_add_up(no_output, records, message):
    with IndexedRecordWriter(no_output / "in") as writer:
        for record in records:
            writer.write(*record)
    with pytest.raises(RecordFormatError, match=message):
        convert(writer.rec_path, no_output / "out", "plain")


def test_a_layout_without_an_image(no_output):
    with IndexedRecordWriter(no_output / "in") as writer:
        writer.write(0, [1, 1], b"")
    with pytest.raises(EmptyDatasetError, match="has no image"):
        convert(writer.rec_path, no_output / "out", "insightface")


def test_more_keys_than_float32_holds(no_output, monkeypatch):
    monkeypatch.setattr(converting, "EXACT_INTEGERS", 5)
    rec = write(no_output / "in", [0, 1, 1])
    with pytest.raises(ValueError, match=r"to is 'insightface', which .* 3 images and 2 persons .*; give to='plain', which "):
        convert(rec, no_output / "out", "insightface")
    monkeypatch.setattr(converting, "EXACT_INTEGERS", 6)
    convert(rec, no_output / "fits", "insightface")
    os.unlink(no_output / "property")


@pytest.mark.parametrize(("to", "seed"), [("rec", 0), (None, 0), ("plain", 1.5), ("insightface", "1")])
def test_wrong_arguments(no_output, to, seed):
    with pytest.raises((ValueError, TypeError), match="^(to must be 'insightface' or 'plain', not|seed must be a whole number)"):
        convert(write(no_output / "in", [0]), no_output / "out", to, seed=seed)


@pytest.mark.parametrize("to", ["insightface", "plain"])
def test_a_damaged_input(no_output, to):
    rec = write(no_output / "in", [0, 1, 1, 0])
    with RecordFile(rec) as records:
        offset = records[2].offset
    with open(rec, "r+b") as stream:
        stream.seek(offset)
        stream.write(b"oops")
    with pytest.raises(RecordFormatError, match=rf"in\.rec', byte {offset}: expected the magic.*salvage\('.*in\.rec', out\)"):
        convert(rec, no_output / "out", to)


def test_an_input_that_changes_meanwhile(no_output, monkeypatch):
    rec = write(no_output / "in", [0, 1])

    def size_of(content):
        os.utime(rec, ns=(1, 1))
        return 112, 112

    monkeypatch.setattr(converting, "image_size", size_of)
    with pytest.raises(
        OutputError, match=r"was changed, or replaced .*; nothing was written\. Run mxnet_im2rec\.convert\(\) again"
    ):
        convert(rec, no_output / "out", "insightface")


def test_a_property_that_cannot_be_written(no_output, monkeypatch):
    rec = write(no_output / "in", [0, 1])
    (no_output / "sub").mkdir()
    (no_output / "sub" / "property").mkdir()
    with pytest.raises(IsADirectoryError, match="there is a folder named '.*property'"):
        convert(rec, no_output / "sub" / "out", "insightface", overwrite=True)
    assert os.listdir(no_output / "sub") == ["property"]


@pytest.mark.parametrize("to", ["insightface", "plain"])
def test_a_run_that_is_killed_leaves_no_dataset(tmp_path, to):
    rec = write(tmp_path / "in", range(1, 200), [b"x" * 10_000] * 199)
    code = f"""
import os
from mxnet_im2rec import convert
from mxnet_im2rec.dataset.writer import RecordWriter
write_frames = RecordWriter.write_frames
def write(self, index, pieces):
    if index == 150:
        os.kill(os.getpid(), 9)
    write_frames(self, index, pieces)
RecordWriter.write_frames = write
convert({rec!r}, {str(tmp_path / "out")!r}, {to!r})
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=str(REPO)).returncode == -9
    left = {"in.idx", "in.rec", "out.idx.partial", "out.rec.journal.partial", "out.rec.partial"}
    assert set(os.listdir(tmp_path)) == left
    convert(rec, tmp_path / "out", to)
    assert not list(tmp_path.glob("*.partial")) and len(RecordFile(tmp_path / "out.rec")) >= 199
