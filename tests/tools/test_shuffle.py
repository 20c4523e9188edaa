# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""shuffle(): the same records, byte for byte, in the order of a seed."""

import os
import subprocess
import sys
import tempfile

import pytest
from helpers import REPO, dataset_bytes, read_records
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import (
    EmptyDatasetError,
    IndexedRecordWriter,
    OutputError,
    RecordFile,
    RecordFormatError,
    convert,
    shuffle,
    verify,
)
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.tools.rewriting import random_order

MAGIC = bytes.fromhex("0a23d7ce")


def write(prefix, images):
    with IndexedRecordWriter(prefix) as writer:
        for position, image in enumerate(images):
            writer.write(10 * position, [position / 4] * (1 + position % 3), image)
    return writer.rec_path


def frames_of(rec_path):
    """The bytes of each record, frames and all, with its key."""
    with open(rec_path, "rb") as stream, RecordFile(rec_path) as records:
        data = stream.read()
        return [(int(key), data[each.offset : each.next_offset]) for key, each in zip(records.keys, records)]


PARTS = st.lists(st.sampled_from([MAGIC, b"abcd", b"x"])).map(b"".join)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(st.binary(max_size=20), PARTS), min_size=1, max_size=20), st.integers())
def test_every_record_is_there_as_it_was(images, seed):
    with tempfile.TemporaryDirectory() as folder:
        rec = write(f"{folder}/in", images)
        report = shuffle(rec, f"{folder}/out", seed)
        before = frames_of(rec)
        assert frames_of(report.rec_path) == [before[position] for position in random_order(len(images), seed)]
        assert (report.num_records, report.num_bytes) == (len(images), os.path.getsize(rec))


def test_the_seed_decides(tmp_path):
    rec = write(tmp_path / "in", [b"image %d" % number for number in range(100)])
    found = {seed: dataset_bytes(shuffle(rec, tmp_path / f"{seed}", seed)) for seed in (0, 1, -1, 2**31)}
    assert len({rec_bytes for rec_bytes, _ in found.values()}) == 4
    assert dataset_bytes(shuffle(rec, tmp_path / "again", 1)) == found[1]
    with RecordFile(tmp_path / "1.rec") as records:
        assert [record.index for record in records[:5]] == [800, 840, 330, 810, 930]  # so it was in every version


@pytest.mark.needs_mxnet
def test_mxnet_reads_the_order_of_the_idx(tmp_path):
    rec = write(tmp_path / "in", [b"image %d" % number for number in range(20)])
    report = shuffle(rec, tmp_path / "out", 3)
    found = read_records(report)
    assert [key for key, _, _ in found] == [10 * number for number in random_order(20, 3).tolist()]
    assert all(header.id == key and image == b"image %d" % (key // 10) for key, header, image in found)
    assert not [problem for problem in verify(report.rec_path, pixels="none").problems if problem.layer != "reader"]


def test_a_rec_alone(tmp_path):
    rec = write(tmp_path / "in", [b"a", b"b", b"c"])
    expected = dataset_bytes(shuffle(rec, tmp_path / "out", 3))
    os.unlink(tmp_path / "in.idx")
    assert dataset_bytes(shuffle(rec, tmp_path / "alone", 3)) == expected


def test_keys_that_are_not_the_ids_stay_with_their_records(tmp_path):
    """As other tools write them: the id 0 in every record."""
    rec = write(tmp_path / "in", [b"a", b"b", b"c"])
    keys = {"0": "7", "10": "5", "20": "6"}
    lines = [line.split("\t") for line in (tmp_path / "in.idx").read_text().splitlines()]
    (tmp_path / "in.idx").write_text("".join(f"{keys[key]}\t{offset}\n" for key, offset in lines))
    with RecordFile(shuffle(rec, tmp_path / "out", 1).rec_path) as records:
        assert {int(key): record.content for key, record in zip(records.keys, records)} == {7: b"a", 5: b"b", 6: b"c"}


def test_the_names_of_the_labels_go_with_it(tmp_path):
    rec = write(tmp_path / "in", [b"a", b"b"])
    (tmp_path / "in.classes.txt").write_text("0\tcat\n1\tdog\n")
    shuffle(rec, tmp_path / "out", 1)
    assert (tmp_path / "out.classes.txt").read_text() == "0\tcat\n1\tdog\n"


@pytest.mark.parametrize("there", ["out.rec", "out.idx", "out.classes.txt", "out.failures.tsv"])
def test_what_is_there_is_replaced_only_if_that_was_asked_for(tmp_path, there):
    rec = write(tmp_path / "in", [b"a", b"b"])
    (tmp_path / "in.classes.txt").write_text("0\tcat\n")
    (tmp_path / there).write_text("old")
    with pytest.raises(FileExistsError, match=rf"{there}' is there already; give another name, or overwrite=True"):
        shuffle(rec, tmp_path / "out", 1)
    assert (tmp_path / there).read_text() == "old"
    shuffle(rec, tmp_path / "out", 1, overwrite=True)
    assert len(RecordFile(tmp_path / "out.rec")) == 2
    assert not (tmp_path / "out.failures.tsv").exists() and (tmp_path / "out.classes.txt").read_text() == "0\tcat\n"


# What is refused, and that nothing appears then.


@pytest.fixture
def no_output(tmp_path):
    yield tmp_path
    assert not list(tmp_path.glob("out*"))


def test_the_input_is_never_replaced(tmp_path):
    rec = write(tmp_path / "in", [b"a", b"b"])
    before = frames_of(rec)
    for output in ("in", "in.rec", "."):
        with pytest.raises(ValueError, match=r"output_path '.*in\.rec' is a file of the input; give another one"):
            shuffle(rec, tmp_path / output, 1, overwrite=True)
    assert frames_of(rec) == before


def test_insightface_s_layout_is_refused_with_the_way_out(no_output):
    convert(write_faces(no_output / "in"), no_output / "faces", "insightface")
    message = (
        r"^rec_path '.*faces\.rec' is in InsightFace's layout, .*; mxnet_im2rec\.convert\('.*faces\.rec', out\) with to='plain' "
    )
    with pytest.raises(ValueError, match=message):
        shuffle(no_output / "faces.rec", no_output / "out", 1)


def write_faces(prefix):
    with IndexedRecordWriter(prefix) as writer:
        for index in range(3):
            writer.write(index, index % 2, b"image")
    return writer.rec_path


def test_an_input_without_a_record(no_output):
    (no_output / "in.rec").touch()
    with pytest.raises(EmptyDatasetError, match="has no record"):
        shuffle(no_output / "in.rec", no_output / "out", 1)


@pytest.mark.parametrize("damage", ["cut off", "a byte", "a length", "another's .idx"])
def test_a_damaged_input(no_output, damage):
    rec = write(no_output / "in", [b"image %d" % number for number in range(9)])
    with open(rec, "rb") as stream, RecordFile(rec) as records:
        data, offset = bytearray(stream.read()), records[4].offset
    if damage == "cut off":
        del data[-4:]
    elif damage == "another's .idx":
        os.replace(
            write(no_output / "other", [b"long image %d" % number for number in range(9)])[:-4] + ".idx", rec[:-4] + ".idx"
        )
    else:
        data[offset + (4 if damage == "a length" else 0)] ^= 4
    with open(rec, "wb") as stream:
        stream.write(data)
    advice = "build_index" if damage == "another's .idx" else "salvage"
    with pytest.raises(RecordFormatError, match=rf"in\.(rec|idx)', (byte|line) \d+: .*{advice}\("):
        shuffle(rec, no_output / "out", 1)


@pytest.mark.parametrize("seed", [1.0, "1", None, True])
def test_a_seed_that_is_no_whole_number(no_output, seed):
    with pytest.raises(TypeError, match="seed must be a whole number"):
        shuffle(write(no_output / "in", [b"a"]), no_output / "out", seed)


def test_an_input_that_changes_meanwhile(no_output, monkeypatch):
    rec = write(no_output / "in", [b"a", b"b"])
    finish = RecordWriter.finish

    def change_and_finish(self):
        os.utime(rec, ns=(1, 1))
        finish(self)

    monkeypatch.setattr(RecordWriter, "finish", change_and_finish)
    with pytest.raises(OutputError, match=r"nothing was written\. Run mxnet_im2rec\.shuffle\(\) again"):
        shuffle(rec, no_output / "out", 1)


def test_a_run_that_is_killed_leaves_no_dataset(tmp_path):
    rec = write(tmp_path / "in", [b"x" * 10_000] * 200)
    code = f"""
import os
from mxnet_im2rec import shuffle
from mxnet_im2rec.dataset.writer import RecordWriter
copy = RecordWriter.copy
def copy_some(self, *arguments):
    if self.num_records == 150:
        os.kill(os.getpid(), 9)
    copy(self, *arguments)
RecordWriter.copy = copy_some
shuffle({rec!r}, {str(tmp_path / "out")!r}, 1)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=str(REPO)).returncode == -9
    assert sorted(os.listdir(tmp_path)) == ["in.idx", "in.rec", "out.idx.partial", "out.rec.journal.partial", "out.rec.partial"]
    shuffle(rec, tmp_path / "out", 1)
    assert sorted(os.listdir(tmp_path)) == ["in.idx", "in.rec", "out.idx", "out.rec"]
