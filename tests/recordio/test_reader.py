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
from by_mxnet import write_by_mxnet
from helpers import read_records
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import make_varieties, write_list

from mxnet_im2rec import ImageError, RecordFile, RecordFormatError, build_index, im2rec

MAGIC = bytes.fromhex("0a23d7ce")


def write(folder, records, name="a"):
    """Records (index, label or labels, payload) by MXNet's own writer."""
    return write_by_mxnet(folder / name, records)


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
            with pytest.raises(IndexError, match=f"no position {wrong} in .*from -5 to 4"):
                records[wrong]
        for wrong in (1, -1, 2**70):
            with pytest.raises(KeyError, match=f"a.rec' has the index {wrong}"):
                records.by_index(wrong)


@pytest.mark.parametrize("wrong", ["x", 1.0, None, True, np.bool_(True), np.float32(1), np.arange(2), b"1"])
def test_what_is_no_integer_is_a_type_error(mixed, wrong):
    with RecordFile(mixed) as records:
        with pytest.raises(TypeError, match="a position must be an integer or a slice"):
            records[wrong]
        with pytest.raises(TypeError, match="an index must be an integer, not "):
            records.by_index(wrong)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.uint64])
def test_integers_of_numpy(mixed, kind):
    with RecordFile(mixed) as records:
        assert records[kind(1)].index == 3
        assert records.by_index(kind(4)).offset == records[4].offset
        assert [record.index for record in records[kind(1) : kind(3)]] == [3, 2**64 - 1]


def test_slices_go_as_those_of_a_list(mixed):
    indices = [index for index, _, _ in MIXED]
    places = [None, 0, 2, 5, 9, -1, -4, -9]
    with RecordFile(mixed) as records:
        for cut in (slice(start, stop, step) for start in places for stop in places for step in (None, 2, -1, -3)):
            assert [record.index for record in records[cut]] == indices[cut]
        assert [record.index for record in reversed(records)] == indices[::-1]
        assert records[5:] == []


def test_what_is_in_a_file(mixed, tmp_path):
    (tmp_path / "other").mkdir()
    other = RecordFile(write(tmp_path / "other", [(8, 1.5, b"abc"), *MIXED[1:]]))
    with other, RecordFile(mixed) as records:
        assert [record in records for record in other] == [False, True, True, True, True]
        with pytest.raises(TypeError, match="index in records.keys"):
            7 in records  # noqa: B015
        assert 7 in records.keys and 8 not in records.keys


def test_keys_cannot_be_changed(mixed):
    with RecordFile(mixed) as records, pytest.raises(ValueError, match="read-only"):
        records.keys[0] = 1


def test_a_path_as_bytes(mixed):
    with RecordFile(os.fsencode(mixed)) as records:
        assert len(records) == len(MIXED) and records.rec_path == str(mixed)


def test_content_is_bytes_of_its_own(mixed):
    """A view would keep all that was read with it in memory."""
    with RecordFile(mixed) as records:
        assert {type(record.content) for record in records} == {bytes}


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
    for _ in ("without an index", "with one"):
        with RecordFile(tmp_path / "a.rec") as records:
            assert len(records) == 0 and list(records) == [] and records.keys.tolist() == []
            with pytest.raises(IndexError, match="has no records"):
                records[0]
            with pytest.raises(KeyError):
                records.by_index(0)
        (tmp_path / "a.idx").write_bytes(b"")


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
    for use in (
        lambda: records[0],
        lambda: iter(records),
        lambda: records.by_index(7),
        lambda: records.__enter__(),
        lambda: records[::2],
    ):
        with pytest.raises(ValueError, match="is closed"):
            use()
    assert len(records) == len(MIXED) and records.num_bytes == mixed.stat().st_size and "closed" in repr(records)
    records.close()


def test_closing_ends_an_iteration_that_has_begun(mixed):
    records = RecordFile(mixed)
    rest = iter(records)
    assert next(rest).index == 7
    records.close()
    with pytest.raises(ValueError, match="is closed"):
        next(rest)


def test_a_record_can_be_pickled(mixed):
    with RecordFile(mixed) as records:
        originals = list(records)
        copies = pickle.loads(pickle.dumps(originals))
        assert copies == originals
        assert [copy.labels.tolist() for copy in copies] == [record.labels.tolist() for record in originals]
    assert bytes(copies[1].content) == b"defg" and copies[1].next_offset == copies[2].offset


def test_content_outlives_the_file(mixed):
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
            assert error.path == str(rec) and error.offset <= size
            advice = f"mxnet_im2rec.salvage({str(rec)!r}, out) keeps what is whole" if size else "nothing is left of it"
            assert advice in str(error)


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
            except RecordFormatError as error:
                noticed += 1
                is_id = "the record of index" in error.expected  # either file may be wrong then
                assert error.path == str(rec.with_suffix(".idx") if is_id else rec), (position, change, error)
                assert is_id or "mxnet_im2rec.salvage(" in str(error)
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
        (lambda data: data + data, "line 6: expected an offset of its own, found 0, which line 1 has too"),
        (lambda data: data + b"\n4\t36\n", "line 7: expected an offset of its own, found 36, which line 2 has too"),
        (lambda data: data + b"99\t50\n", "line 6: expected an offset that is a multiple of 4, found 50"),
        (lambda data: data.rsplit(b"\t", 1)[0] + b"\t260\n", "line 5: expected the offset of a record, found 260, where none"),
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
    assert "mxnet_im2rec.build_index(" in str(caught.value)


def told_on_opening(rec):
    with pytest.raises(RecordFormatError) as caught:
        RecordFile(rec)
    return caught.value


def offsets_of(rec):
    with RecordFile(rec) as records:
        return [record.offset for record in records]


def test_a_rec_that_is_shorter_than_its_index_says(tmp_path):
    rec = write(tmp_path, MIXED)
    data, last = rec.read_bytes(), offsets_of(rec)[-1]
    for size in (last, last - 4, 40, 0):
        rec.write_bytes(data[:size])
        error = told_on_opening(rec)
        assert (error.path, error.offset) == (str(rec), size)
        assert error.expected == f"a record at byte {last}, by line 5 of the .idx"
        assert "the .rec is shorter than its .idx says: it was cut off" in str(error)
        assert ("mxnet_im2rec.salvage(" in str(error)) == (size > 0)
    rec.write_bytes(data[: last + 20])
    error = told_on_opening(rec)
    assert (error.path, error.offset) == (str(rec), last + 4) and "mxnet_im2rec.salvage(" in str(error)
    assert pickle.loads(pickle.dumps(error)).args == error.args


def test_damage_is_told_by_what_stands_in_the_rec(tmp_path):
    """The .rec is at fault where it has a magic, or the record before ends there; else the .idx points astray."""
    rec = write(tmp_path, MIXED)
    data, offsets = rec.read_bytes(), offsets_of(rec)
    last = offsets[-1]

    def damaged(place, content):
        rec.write_bytes(data[:place] + content + data[place + len(content) :])
        return told_on_opening(rec)

    assert (damaged(last + 4, b"\xff\xff\xff\x1f").path, damaged(last, b"oops").path) == (str(rec), str(rec))
    both = damaged(offsets[-2], b"oops" + data[offsets[-2] + 4 : last + 4] + b"\xff\xff\xff\x1f")
    assert (both.path, both.offset) == (str(rec), last + 4)
    error = damaged(0, b"oops")
    assert (error.path, error.offset) == (str(rec), 0) and "this is no .rec" in str(error)
    rec.write_bytes(data + b"junk" * 3)
    error = told_on_opening(rec)
    assert (error.path, error.offset, error.expected) == (str(rec), last + 4, "a record that ends with the file")
    rec.write_bytes(data + data[:16])  # one more was begun
    error = told_on_opening(rec)
    assert (error.path, error.offset) == (str(rec), len(data) + 4)
    rec.write_bytes(data)
    assert str(rec.with_suffix(".idx")) == told_on_opening(rec.with_suffix(".idx")).path  # taken for a .rec


def test_an_index_with_any_byte_changed_is_named_itself(tmp_path):
    rec = write(tmp_path, MIXED)
    idx = rec.with_suffix(".idx")
    data = idx.read_bytes()
    noticed = 0
    for position in range(len(data)):
        for new in b"0123456789\t\n x":
            idx.write_bytes(data[:position] + bytes([new]) + data[position + 1 :])
            try:
                read_all(rec)
            except RecordFormatError as error:
                noticed += 1
                is_short = error.path == str(rec) and "shorter than its .idx says" in str(error)
                assert is_short or (error.path == str(idx) and "mxnet_im2rec.build_index(" in str(error)), (position, new, error)
    assert noticed > 12 * len(data)


@pytest.mark.parametrize("left_out", [1, 2, 3])
def test_an_index_that_leaves_out_a_record_is_told_while_reading(tmp_path, left_out):
    rec = write(tmp_path, MIXED)
    offsets = offsets_of(rec)
    change_index(rec, lambda data: b"".join(line for number, line in enumerate(data.splitlines(True)) if number != left_out))
    words = f"a.idx', line {left_out + 1}: expected a line for the record at byte {offsets[left_out]} of the .rec"
    with RecordFile(rec) as records:
        for read in (list, lambda records: records[left_out - 1]):
            with pytest.raises(RecordFormatError, match=words) as caught:
                read(records)
        assert records[left_out].offset == offsets[left_out + 1]
    assert f"mxnet_im2rec.build_index({str(rec)!r})" in str(caught.value)
    build_index(rec)
    assert len(read_all(rec)) == len(MIXED)


def test_a_stale_index_is_told_by_the_record(tmp_path):
    rec = write(tmp_path, MIXED)
    change_index(rec, lambda data: b"\n\n" + data.replace(b"7\t0\n", b"8\t0\n"))
    with RecordFile(rec) as records, pytest.raises(RecordFormatError, match="a.idx', line 3.*index 8, found that of 7"):
        records.by_index(8)


def test_damage_without_an_index_says_what_saves_the_rest(mixed):
    if mixed.with_suffix(".idx").exists():
        os.unlink(mixed.with_suffix(".idx"))
    data = mixed.read_bytes()
    mixed.write_bytes(data[:36] + b"oops" + data[40:])
    for use in (RecordFile, build_index):
        with pytest.raises(RecordFormatError, match=r"byte 36: .*mxnet_im2rec.salvage\(.*a.rec', out\) keeps what is whole"):
            use(mixed)


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


@settings(max_examples=60, deadline=None)
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


@pytest.mark.whole
def test_a_record_of_the_greatest_length(tmp_path):
    """2**29 - 1 bytes, header included; the file is sparse, so that it takes no room."""
    rec = tmp_path / "a.rec"
    length = 2**29 - 1
    with open(rec, "wb") as stream:
        stream.write(MAGIC + length.to_bytes(4, "little"))
        stream.truncate(8 + length + 1)
    with RecordFile(rec) as records:
        assert len(records) == 1 and len(records[0].content) == length - 24
