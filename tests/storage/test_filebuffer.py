# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What cannot be read, or is no longer there, is an OSError that names it; no function ends the process."""

import errno
import json
import os
import struct
import threading

import pytest
from helpers import run_script

from mxnet_im2rec import RecordFile, build_index, concatenate, extract, salvage, summarize, verify
from mxnet_im2rec.recordio.frames import MAGIC_BYTES, frame
from mxnet_im2rec.recordio.header import pack_header
from mxnet_im2rec.storage.filebuffer import FileBuffer, UnreadableError
from mxnet_im2rec.tools.salvage import _whole_records
from mxnet_im2rec.verification.collecting import ProblemCollector
from mxnet_im2rec.verification.structure import check_structure

PAGE = 4096


def write(folder, sizes, name="a"):
    """A dataset of records with contents of these sizes; gives the path, and where the records begin and the file ends."""
    offsets = [0]
    with open(folder / f"{name}.rec", "wb") as rec, open(folder / f"{name}.idx", "w") as idx:
        for index, size in enumerate(sizes):
            idx.write(f"{index}\t{rec.tell()}\n")
            rec.write(b"".join(frame(pack_header(index, [1.0]) + bytes([index % 251 + 1]) * size)))
            offsets.append(rec.tell())
    return str(folder / f"{name}.rec"), offsets


@pytest.fixture(params=["a read that meets a bad page fails", "a read ends before a bad page"])
def damage_disk(request, monkeypatch):
    """A function that makes ranges of a file unreadable."""
    pread = os.pread
    ends_before = request.param.startswith("a read ends")

    def damage(path, *ranges):
        inode = os.stat(path).st_ino

        def failing(descriptor, size, start):
            if os.fstat(descriptor).st_ino == inode:
                for first, end in sorted(ranges):
                    if start < end and start + size > first:
                        if not ends_before or start >= first:
                            raise OSError(errno.EIO, os.strerror(errno.EIO))
                        size = first - start
            return pread(descriptor, size, start)

        monkeypatch.setattr(os, "pread", failing)

    return damage


def test_a_bad_page_costs_no_other(tmp_path, damage_disk):
    rec, _ = write(tmp_path, [100_000])
    data = (tmp_path / "a.rec").read_bytes()
    damage_disk(rec, (5 * PAGE, 6 * PAGE))
    with FileBuffer(rec) as buffer:
        assert buffer[0 : 5 * PAGE] == data[: 5 * PAGE] and buffer[6 * PAGE : len(data)] == data[6 * PAGE :]
        for start, end in ((0, len(data)), (5 * PAGE - 1, 5 * PAGE + 1), (PAGE, 6 * PAGE)):
            with pytest.raises(UnreadableError, match=r"bytes 20,480 to 24,576 cannot be read: Input/output error: '.*a\.rec'"):
                buffer[start:end]
        with pytest.raises(UnreadableError, match=r"bytes 24,000 to 24,576 cannot be read") as caught:
            buffer[24_000:24_010]
    assert caught.value.errno == errno.EIO and caught.value.filename == rec


@pytest.mark.parametrize("size", [1, 8, 31, 4096, 5000, 100_000, 262_144, 300_000])
def test_any_slices_give_the_bytes_of_the_file(tmp_path, size):
    rec, _ = write(tmp_path, [3, 700_000, 5, 5000])
    data = (tmp_path / "a.rec").read_bytes()
    is_small = size < 10_000
    around = [0, PAGE, 262_144, len(data)] if is_small else [0]  # small slices are taken here; large ones go through all
    width = 1000 if is_small else len(data) + 10
    with FileBuffer(rec) as buffer:
        assert len(buffer) == len(data)
        for jump in (0, 1, -3, 5000, -5000, 300_000):
            for place in around:
                start = max(0, place - width)
                while 0 <= start < place + width:
                    assert buffer[start : start + size] == data[start : start + size]
                    start += max(1, size + jump)


def test_records_that_a_bad_page_does_not_touch_are_read(tmp_path, damage_disk):
    rec, offsets = write(tmp_path, [9000] * 8)
    bad = offsets[3] // PAGE * PAGE + PAGE  # in the middle of the record
    damage_disk(rec, (bad, bad + PAGE))
    assert offsets[3] < bad and bad + PAGE < offsets[4]
    with RecordFile(rec) as records:
        for position in range(8):
            if position == 3:
                with pytest.raises(OSError, match=rf"bytes {bad:,} to {bad + PAGE:,} cannot be read: Input/output.*a\.rec"):
                    records[position]
            else:
                assert records[position].content == bytes([position + 1]) * 9000


@pytest.mark.parametrize("width", [1, 3, 40])
def test_salvage_goes_on_behind_bad_pages(tmp_path, damage_disk, width):
    sizes = [500 + 37 * (index % 30) for index in range(400)]
    rec, offsets = write(tmp_path, sizes)
    bads = [(20 * PAGE, 20 * PAGE + width * PAGE), (75 * PAGE, 76 * PAGE)]
    damage_disk(rec, *bads)
    report = salvage(rec, tmp_path / "saved")
    touched = {index for index in range(400) for start, end in bads if offsets[index] < end and offsets[index + 1] > start}
    with RecordFile(report.rec_path) as records:
        kept = {record.index: record.content for record in records}
    # Contents are no images, so that a record counts only if the head of the next one can be read.
    lost = set(range(400)) - set(kept)
    assert touched <= lost <= touched | {min(t for t in touched if offsets[t + 1] > start) - 1 for start, _ in bads}
    assert all(kept[index] == bytes([index % 251 + 1]) * sizes[index] for index in kept)
    for start, end in bads:
        (found,) = (each for each in report.lost if each.start < end and each.end > start)
        assert found.start <= start and end <= found.end
        assert found.reason == f"bytes {start:,} to {end:,} cannot be read: Input/output error"
    assert len(report.lost) == 2


def test_verify_makes_a_problem_of_a_bad_page(tmp_path, damage_disk):
    rec, offsets = write(tmp_path, [9000] * 8)
    bad = offsets[3] // PAGE * PAGE + PAGE
    damage_disk(rec, (bad, bad + PAGE))
    report = verify(rec, pixels="none")
    assert report.num_records == 7
    assert f"bytes {bad:,} to {bad + PAGE:,} cannot be read: Input/output error" in str(report.problems[0])


@pytest.mark.parametrize("function", [build_index, concatenate, extract, summarize])
def test_other_functions_name_the_file_and_the_range(tmp_path, damage_disk, function):
    rec, _ = write(tmp_path, [9000] * 8)
    before = sorted(os.listdir(tmp_path))
    damage_disk(rec, (0, PAGE) if function is build_index else (2 * PAGE, 3 * PAGE))
    arguments = {concatenate: ([rec], tmp_path / "out"), extract: (rec, tmp_path / "out")}.get(function, (rec,))
    with pytest.raises(OSError, match=r"bytes [0-9,]+ to [0-9,]+ cannot be read: Input/output error: '.*a\.rec'"):
        function(*arguments)
    assert sorted(os.listdir(tmp_path)) == before


CUT = """
import json, os, sys
import mxnet_im2rec
from mxnet_im2rec.storage import filebuffer

name, rec = {name!r}, {rec!r}
opened = filebuffer.FileBuffer.__init__

def open_and_cut(self, path):
    opened(self, path)
    os.truncate(path, {size})

def read():
    with mxnet_im2rec.RecordFile(rec) as records:
        return [len(record.content) for record in records]

calls = {{
    "read": read,
    "scan": lambda: os.unlink(rec[:-3] + "idx") or read(),
    "salvage": lambda: str(mxnet_im2rec.salvage(rec, "saved")),
    "verify": lambda: str(mxnet_im2rec.verify(rec, pixels="none")),
    "concatenate": lambda: str(mxnet_im2rec.concatenate([rec], "out")),
    "build_index": lambda: mxnet_im2rec.build_index(rec),
    "extract": lambda: str(mxnet_im2rec.extract(rec, "files")),
    "summarize": lambda: str(mxnet_im2rec.summarize(rec)),
    "contact_sheet": lambda: str(mxnet_im2rec.contact_sheet(rec)),
}}
filebuffer.FileBuffer.__init__ = open_and_cut
try:
    print(json.dumps(calls[name]()))
except OSError as error:
    print(json.dumps("OSError: " + str(error)))
"""


@pytest.mark.parametrize(
    "name", ["read", "scan", "salvage", "verify", "concatenate", "build_index", "extract", "summarize", "contact_sheet"]
)
def test_a_file_that_is_cut_off_while_it_is_open(tmp_path, name):
    """In a process of its own: SIGBUS would end it."""
    rec, offsets = write(tmp_path, [300_000] * 6)
    size = offsets[3] + 5000
    code, out, err = run_script(CUT.format(name=name, rec=rec, size=size), tmp_path)
    assert code == 0, err
    result = json.loads(out)
    words = f"bytes {{}} to {offsets[-1]:,} cannot be read: the file ends before them"
    if name == "salvage":
        assert result.startswith("3 records") and words.format(f"{size:,}") in result
    elif name == "verify":
        assert words.format(f"{size:,}") in result
    else:
        assert result.startswith("OSError") and "the file ends before them" in result and "a.rec" in result, result


def test_threads_take_slices_of_one_buffer(tmp_path):
    rec, offsets = write(tmp_path, [1000 + 17 * index for index in range(200)])
    wrong = []

    def read(records, step):
        for turn in range(3):
            for position in range(turn, 200, step):
                if records[position].content != bytes([position % 251 + 1]) * (1000 + 17 * position):
                    wrong.append(position)

    with RecordFile(rec) as records:
        threads = [threading.Thread(target=read, args=(records, 1 + number)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not wrong


# Files that are made to be looked at again and again


class CountingBuffer:
    """Bytes that count how many slices were taken of them."""

    def __init__(self, data):
        self._view = memoryview(data)
        self.num_slices = 0

    def __len__(self):
        return len(self._view)

    def __getitem__(self, span):
        self.num_slices += 1
        return self._view[span]


def head(cflag, length):
    return MAGIC_BYTES + struct.pack("<I", cflag << 29 | length)


def shared_chain(count, last, cflag=1):
    """Heads of frames that all end where one chain of middle frames begins."""
    heads = b"".join(head(cflag, 8 * (count - 1 - number)) for number in range(count))
    return heads + head(2, 0) * count + last


def interleaved(count):
    """The same with two chains, each for every other head."""
    size = 8 * count
    ends = [size, size + 4 * count + 8]
    heads = b"".join(head(1, ends[number % 2] - 8 * number - 8) for number in range(count))
    return heads + head(2, 0) * (count // 2) + head(0, 0) + head(2, 0) * (count // 2)


HOSTILE = {
    "a chain without an end": lambda count: shared_chain(count, b""),
    "a chain with an end": lambda count: shared_chain(count, head(3, 0)),
    "a chain with an end, and bytes behind": lambda count: shared_chain(count, head(3, 0) + b"abcd" * 2),
    "two chains": interleaved,
    "whole records that cover one another": lambda count: shared_chain(count, b"", cflag=0),
    "whole records that end with the file": lambda count: b"".join(head(0, 8 * (count - 1 - n)) for n in range(count)),
    "middle frames alone": lambda count: head(2, 0) * count,
    "lengths beyond the end": lambda count: head(1, 2**28) * count,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("function", ["salvage", "verify"])
def test_steps_grow_with_the_size_and_no_faster(name, function):
    steps = []
    for count in (500, 1000, 2000):
        buffer = CountingBuffer(HOSTILE[name](count))
        if function == "salvage":
            list(_whole_records(buffer, "a.rec", []))
        else:
            check_structure(buffer, "a.rec", ProblemCollector())
        steps.append(buffer.num_slices)
        assert buffer.num_slices < 16 * count
    assert steps[2] < 2.2 * steps[1] + 50 and steps[1] < 2.2 * steps[0] + 50
