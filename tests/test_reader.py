# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""RecordFile against MXNet's own files, and against damage: a correct read or RecordFormatError, nothing else."""

import multiprocessing
import os
import pickle
import shutil
import threading
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest
from conftest import make_varieties, write_list
from helpers import read_records
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import ImageError, RecordFile, RecordFormatError, im2rec

MAGIC = bytes.fromhex("0a23d7ce")


def write(folder, records, name="a"):
    """Records (index, label or labels, payload) by MXNet's own writer."""
    writer = mx.recordio.MXIndexedRecordIO(str(folder / f"{name}.idx"), str(folder / f"{name}.rec"), "w")
    for index, labels, payload in records:
        writer.write_idx(index, mx.recordio.pack(mx.recordio.IRHeader(0, labels, index, 0), payload))
    writer.close()
    return folder / f"{name}.rec"


MIXED = [
    (7, 1.5, b"abc"),
    (3, [1.0, 2.0, 3.0], b"defg"),
    (2**64 - 1, [9.0], b""),
    (0, 0.0, MAGIC + b"abcd" + MAGIC * 2 + b"e"),
    (4, [0.5, 0.25], b"x" * 1001 + MAGIC),
]


@pytest.fixture(params=["with its index", "without an index"])
def mixed(request, tmp_path):
    rec = write(tmp_path, MIXED)
    if request.param == "without an index":
        os.unlink(rec.with_suffix(".idx"))
    return rec


def test_it_reads_what_mxnet_writes(mixed):
    with RecordFile(mixed) as records:
        assert len(records) == len(MIXED)
        for record, (index, labels, payload) in zip(records, MIXED):
            assert record.index == index
            assert bytes(record.content) == payload
            assert record.labels.dtype == np.float32 and record.labels.tolist() == np.atleast_1d(labels).tolist()
            assert record.flag == (len(labels) if isinstance(labels, list) else 0)
        assert records.keys.tolist() == [index for index, _, _ in MIXED]
        assert records[-1].index == 4 and [record.index for record in records[1:3]] == [3, 2**64 - 1]
        assert records.by_index(2**64 - 1).offset == records[2].offset
        for wrong in (5, -6):
            with pytest.raises(IndexError):
                records[wrong]
        for wrong in (1, -1, 2**70):
            with pytest.raises(KeyError):
                records.by_index(wrong)


def test_content_is_a_view_unless_it_was_split(mixed):
    with RecordFile(mixed) as records:
        kinds = [type(record.content) for record in records]
        assert kinds == [memoryview, memoryview, memoryview, bytes, memoryview]


def test_it_reads_what_im2rec_writes(tmp_path):
    names = make_varieties(tmp_path)
    write_list(tmp_path / "images.lst", names)
    report = im2rec(tmp_path / "images.lst", tmp_path / "out", pass_through=True)
    with RecordFile(report.rec_path) as records:
        for record, name, (key, header, payload) in zip(records, names, read_records(report)):
            assert (record.index, record.labels.tolist()) == (key, [header.label])
            assert record.content == payload
            expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(payload, np.uint8), 1), cv2.COLOR_BGR2RGB)
            assert np.array_equal(record.image(), expected), name
            assert record.image(0).shape == (*expected.shape[:2], 1)
            assert record.image(-1).shape[2] == names[name]


def test_a_record_without_an_image_says_so(tmp_path):
    with RecordFile(write(tmp_path, MIXED)) as records:
        with pytest.raises(ImageError, match="no image"):
            records[2].image()
        with pytest.raises(ImageError, match="decode"):
            records[0].image()
        with pytest.raises(ValueError, match="color"):
            records[0].image(3)


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "a.rec").write_bytes(b"")
    with RecordFile(tmp_path / "a.rec") as records:
        assert len(records) == 0 and list(records) == []


def read_one(records, position, results):
    results.append(bytes(records[position].content))


def read_in_child(records, queue):
    queue.put([bytes(record.content) for record in records])


def test_it_works_pickled_in_threads_and_after_a_fork(mixed):
    with RecordFile(mixed) as records:
        expected = [payload for _, _, payload in MIXED]
        assert [bytes(record.content) for record in pickle.loads(pickle.dumps(records))] == expected
        results = []
        threads = [threading.Thread(target=read_one, args=(records, 3, results)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert results == [expected[3]] * 8
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        child = context.Process(target=read_in_child, args=(records, queue))
        child.start()
        assert queue.get() == expected
        child.join(60)
        assert child.exitcode == 0


def test_a_closed_file_says_so(mixed):
    records = RecordFile(mixed)
    records.close()
    with pytest.raises(ValueError, match="is closed"):
        records[0]


def test_views_outlive_the_file(mixed):
    with RecordFile(mixed) as records:
        record = records[0]
    assert bytes(record.content) == b"abc"


def read_all(rec):
    """Everything that can be read; RecordFormatError comes through."""
    with RecordFile(rec) as records:
        found = [(record.index, record.labels.tobytes(), bytes(record.content)) for record in records]
        for index in records.keys.tolist():
            records.by_index(index)
    return found


@pytest.mark.parametrize("with_index", [True, False])
def test_truncation_at_every_byte(tmp_path, with_index):
    rec = write(tmp_path, MIXED[:4])
    data = rec.read_bytes()
    whole = read_all(rec)
    if not with_index:
        os.unlink(rec.with_suffix(".idx"))
    for size in range(len(data)):
        rec.write_bytes(data[:size])
        try:
            assert read_all(rec) == whole[: len(read_all(rec))]  # cut between two records, where no index tells
            assert not with_index
        except RecordFormatError as error:
            assert error.expected and error.found and str(tmp_path) in error.path


@pytest.mark.parametrize("with_index", [True, False])
def test_every_byte_changed(tmp_path, with_index):
    rec = write(tmp_path, MIXED[:4])
    data = rec.read_bytes()
    if not with_index:
        os.unlink(rec.with_suffix(".idx"))
    noticed = 0
    for position in range(len(data)):
        for change in (0x01, 0x20, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[position] ^= change
            rec.write_bytes(damaged)
            try:
                read_all(rec)
            except RecordFormatError:
                noticed += 1
    assert noticed > len(data)  # magics and lengths at the least; labels, ids and pixels cannot be told


def test_a_huge_length_allocates_nothing(tmp_path):
    rec = write(tmp_path, MIXED[:2])
    data = bytearray(rec.read_bytes())
    data[4:8] = (2**29 - 1).to_bytes(4, "little")
    rec.write_bytes(data)
    os.unlink(rec.with_suffix(".idx"))
    with pytest.raises(RecordFormatError, match="536,870,911 bytes"):
        RecordFile(rec)
    data[4:8] = (39).to_bytes(4, "little")
    data[8:12] = (2**32 - 1).to_bytes(4, "little")  # labels
    rec.write_bytes(data)
    with pytest.raises(RecordFormatError, match="4,294,967,295 labels"):
        RecordFile(rec)


@pytest.mark.parametrize("shift", range(4))
def test_a_payload_full_of_magics_at_every_alignment(tmp_path, shift):
    payload = b"y" * shift + MAGIC * 500 + b"z" * (3 - shift)
    rec = write(tmp_path, [(0, 1.0, payload), (1, [2.0, 3.0], payload)])
    assert [content for _, _, content in read_all(rec)] == [payload, payload]
    os.unlink(rec.with_suffix(".idx"))
    assert [content for _, _, content in read_all(rec)] == [payload, payload]


def change_index(rec, change):
    idx = rec.with_suffix(".idx")
    idx.write_bytes(change(idx.read_bytes()))


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda data: b"", "an empty file"),
        (lambda data: data.split(b"\n", 1)[1], "offset 0"),
        (lambda data: b"\n".join(data.split(b"\n")[:-2]) + b"\n", "for the record at byte"),
        (lambda data: data + b"99\t1000000\n", "below the .rec's"),
        (lambda data: data.replace(b"\t", b" x "), "a key, a tab and an offset"),
        (lambda data: data.replace(b"\t0\n", b"\t-0\n"), "a key, a tab and an offset"),
        (lambda data: b"99999999999999999999\t0\n" + data, "64 bits"),
        (lambda data: b"\x00\xff\n" + data, "a key, a tab and an offset"),
    ],
)
def test_an_index_that_is_wrong_is_told_at_once(tmp_path, change, words):
    rec = write(tmp_path, MIXED)
    change_index(rec, change)
    with pytest.raises(RecordFormatError, match=words) as caught:
        RecordFile(rec)
    assert caught.value.path.endswith("a.idx")


def test_an_index_that_leaves_out_a_record_is_told_while_reading(tmp_path):
    rec = write(tmp_path, MIXED)
    change_index(rec, lambda data: b"\n".join(line for number, line in enumerate(data.split(b"\n")) if number != 2))
    with RecordFile(rec) as records, pytest.raises(RecordFormatError, match="a record at byte"):
        list(records)


def test_a_stale_index_is_told_by_the_record(tmp_path):
    rec = write(tmp_path, MIXED)
    change_index(rec, lambda data: data.replace(b"7\t0\n", b"8\t0\n"))
    with RecordFile(rec) as records, pytest.raises(RecordFormatError, match="index 8, found that of 7"):
        records.by_index(8)


@pytest.mark.parametrize("change", [lambda data: data.replace(b"\n", b"\r\n"), lambda data: data + b"\n\n"])
def test_an_index_with_crlf_or_blank_lines_at_the_end_is_read(tmp_path, change):
    rec = write(tmp_path, MIXED)
    change_index(rec, change)
    assert len(read_all(rec)) == len(MIXED)


def test_lines_out_of_order_and_duplicate_keys(tmp_path):
    rec = write(tmp_path, [*MIXED, (7, 2.0, b"again")])
    change_index(rec, lambda data: b"".join(reversed(data.splitlines(True))))
    with RecordFile(rec) as records:
        assert [record.index for record in records] == [index for index, _, _ in MIXED] + [7]
        assert bytes(records.by_index(7).content) == b"again"
    reader = mx.recordio.MXIndexedRecordIO(str(rec.with_suffix(".idx")), str(rec), "r")
    assert reader.keys[0] == 7
    reader.close()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 40))
def test_random_bytes_are_never_anything_but_a_format_error(tmp_path_factory, data, at):
    folder = tmp_path_factory.getbasetemp() / "random"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    rec = folder / "a.rec"
    for content in (data, MAGIC + data, MAGIC + bytes([len(data) & 255, 0, 0, 0]) + data):
        rec.write_bytes(content)
        try:
            read_all(rec)
        except RecordFormatError as error:
            assert Path(error.path).name == "a.rec"


def test_a_record_of_the_greatest_length(tmp_path):
    """2**29 - 1 bytes, header included; the file is sparse, so that it takes no room."""
    rec = tmp_path / "a.rec"
    length = 2**29 - 1
    with open(rec, "wb") as stream:
        stream.write(MAGIC + length.to_bytes(4, "little"))
        stream.truncate(8 + length + 1)
    with RecordFile(rec) as records:
        assert len(records) == 1 and len(records[0].content) == length - 24
