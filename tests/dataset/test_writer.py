# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The writer: the bytes are MXNet's own, and a dataset appears whole or not at all."""

import errno
import json
import os
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path

import mxnet as mx
import pytest
from helpers import REPO

from mxnet_im2rec.dataset import writer as writing
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.errors import OutputError
from mxnet_im2rec.recordio.paths import DatasetPaths
from mxnet_im2rec.recordio.stream import RecordStream

MAGIC = struct.pack("<I", 0xCED7230A)
RECORDS = [(0, b"first"), (7, b""), (2**64 - 1, b"x" * 1001)]
PREVIOUS = {
    "nothing": {},
    "both": {"out.rec": b"old records", "out.idx": b"old index"},
    "rec": {"out.rec": b"old records"},
    "idx": {"out.idx": b"old index"},
}
each_previous = pytest.mark.parametrize("previous", list(PREVIOUS.values()), ids=list(PREVIOUS))


def put(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def writer_of(folder, **options):
    return RecordWriter(DatasetPaths(str(folder / "out.rec")), **options)


def end(writer):
    writer.finish()
    writer.publish()


def write(folder, records=RECORDS, **options):
    with writer_of(folder, **options) as writer:
        for index, record in records:
            writer.write(index, record)
        end(writer)
    return writer


def written_by_mxnet(folder, records):
    """The two files as MXNet's own writer makes them."""
    writer = mx.recordio.MXIndexedRecordIO(str(folder / "reference.idx"), str(folder / "reference.rec"), "w")
    for index, record in records:
        writer.write_idx(index, record)
    writer.close()
    files = {"out.rec": (folder / "reference.rec").read_bytes(), "out.idx": (folder / "reference.idx").read_bytes()}
    for name in ("reference.rec", "reference.idx"):
        (folder / name).unlink()
    return files


PAYLOADS = {
    "plain": [b"plain"],
    "empty": [b""],
    "every length up to 9": [b"x" * length for length in range(10)],
    "a long one": [bytes(range(256)) * 1000],
    "the magic alone": [MAGIC],
    "the magic at the start": [MAGIC + b"rest"],
    "the magic at the end": [b"head" + MAGIC],
    "the magic in the middle": [b"head" + MAGIC + b"tail"],
    "the magic at every offset": [b"x" * offset + MAGIC + b"tail" for offset in range(1, 9)],
    "the magic again and again": [MAGIC * 5, b"x" + MAGIC * 5, (MAGIC + b"abcd") * 3 + b"y"],
    "half a magic": [b"abcd" + MAGIC[:2], MAGIC[2:] + b"abcd", MAGIC[:3]],
    "the magic over two records": [b"ab" + MAGIC[:2], MAGIC[2:] + b"ab"],
}


each_way = pytest.mark.parametrize("through_mxnet", [False, True], ids=["plain", "through MXNet"])


@each_way
@pytest.mark.parametrize("payloads", list(PAYLOADS.values()), ids=list(PAYLOADS))
def test_the_files_are_those_of_mxnet_and_read_back(tmp_path, payloads, through_mxnet):
    """The one place where both streams are compared: byte for byte, records that the magic splits included."""
    records = [(1000 - 3 * number, payload) for number, payload in enumerate(payloads)]
    expected = written_by_mxnet(tmp_path, records)
    writer = write(tmp_path, records, through_mxnet=through_mxnet)
    assert contents(tmp_path) == expected
    assert (writer.num_records, writer.num_bytes) == (len(records), len(expected["out.rec"]))
    reader = mx.recordio.MXIndexedRecordIO(str(tmp_path / "out.idx"), str(tmp_path / "out.rec"), "r")
    assert [(key, reader.read_idx(key)) for key in reader.keys] == records
    reader.close()


def test_the_magic_splits_a_record_only_where_it_is_aligned(tmp_path):
    write(tmp_path, [(0, b"abcd" + MAGIC + b"efgh")])
    assert (tmp_path / "out.rec").read_bytes().count(MAGIC) == 2  # the two parts' own
    write(tmp_path, [(0, b"abc" + MAGIC + b"efghi")])
    assert (tmp_path / "out.rec").read_bytes().count(MAGIC) == 2  # the record's own, and the one in the payload


@each_previous
def test_a_dataset_takes_the_place_of_what_was_there(tmp_path, previous):
    put(tmp_path, previous)
    writer = write(tmp_path)
    found = contents(tmp_path)
    assert found == written_by_mxnet(tmp_path, RECORDS)
    assert writer.num_bytes == len(found["out.rec"])


def test_what_was_there_stays_until_the_end(tmp_path):
    put(tmp_path, PREVIOUS["both"])
    with writer_of(tmp_path) as writer:
        for _ in range(100):
            writer.write(0, b"x" * 10_000)
        writer.finish()
        assert {name: contents(tmp_path)[name] for name in PREVIOUS["both"]} == PREVIOUS["both"]
        writer.publish()
    assert set(contents(tmp_path)) == {"out.rec", "out.idx"}
    assert contents(tmp_path)["out.rec"] != PREVIOUS["both"]["out.rec"]


def test_relative_names_are_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RecordWriter(DatasetPaths("out.rec")) as writer:
        writer.write(*RECORDS[0])
        end(writer)
    assert contents(tmp_path) == written_by_mxnet(tmp_path, RECORDS[:1])


@each_way
def test_names_that_look_like_a_uri_are_written_as_they_are(tmp_path, through_mxnet):
    folder = tmp_path / "a b#c;d?e \u732b"
    folder.mkdir()
    write(folder, through_mxnet=through_mxnet)
    assert contents(folder) == written_by_mxnet(tmp_path, RECORDS)


@each_way
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_the_files_have_the_mode_of_any_new_file(tmp_path, mask, through_mxnet):
    old = os.umask(mask)
    try:
        write(tmp_path, through_mxnet=through_mxnet)
    finally:
        os.umask(old)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out.rec", "out.idx")}
    assert modes == {0o666 & ~mask}


@each_way
@each_previous
@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_an_exception_leaves_everything_as_it_was(tmp_path, previous, error, count, through_mxnet):
    put(tmp_path, previous)
    with pytest.raises(error), writer_of(tmp_path, through_mxnet=through_mxnet) as writer:
        for index in range(count):
            writer.write(index, b"x" * 10_000)
        raise error
    assert contents(tmp_path) == previous


@each_previous
def test_a_writer_that_is_left_before_the_end_publishes_nothing(tmp_path, previous):
    put(tmp_path, previous)
    with writer_of(tmp_path) as writer:
        writer.write(*RECORDS[0])
        writer.finish()
    assert contents(tmp_path) == previous


def fail_at(monkeypatch, name, number, error, after=False):
    """Make the call of a function of `os` with this number, from 1, raise an error, before or after it did its work."""
    original, calls = getattr(os, name), []

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) == number and not after:
            raise error
        result = original(*arguments, **options)
        if len(calls) == number:
            raise error
        return result

    monkeypatch.setattr(os, name, failing)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@each_previous
def test_a_renaming_that_fails_leaves_everything_as_it_was(tmp_path, monkeypatch, previous, number):
    put(tmp_path, previous)
    fail_at(monkeypatch, "rename", number, PermissionError(errno.EPERM, "not permitted"))
    if number <= 2 + len(previous):
        with pytest.raises(OutputError, match="not permitted"):
            write(tmp_path)
        assert contents(tmp_path) == previous
    else:
        write(tmp_path)
        assert set(contents(tmp_path)) == {"out.rec", "out.idx"}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("previous", "number"),
    [(PREVIOUS[name], number) for name in PREVIOUS for number in range(1, 3 + len(PREVIOUS[name]))],
    ids=[f"{name}-{number}" for name in PREVIOUS for number in range(1, 3 + len(PREVIOUS[name]))],
)
def test_an_interrupt_while_renaming_leaves_everything_as_it_was(tmp_path, monkeypatch, previous, number, after):
    put(tmp_path, previous)
    fail_at(monkeypatch, "rename", number, KeyboardInterrupt(), after)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    assert contents(tmp_path) == previous


@each_previous
@pytest.mark.parametrize("number", [1, 2])
def test_a_file_that_cannot_be_synced_leaves_everything_as_it_was(tmp_path, monkeypatch, previous, number):
    put(tmp_path, previous)
    fail_at(monkeypatch, "fsync", number, OSError(errno.EIO, "input/output error"))
    with pytest.raises(OutputError, match="input/output error"):
        write(tmp_path)
    assert contents(tmp_path) == previous


def test_a_folder_that_cannot_be_synced_gives_either_the_new_dataset_or_an_error_and_the_old_one(tmp_path, monkeypatch):
    put(tmp_path, PREVIOUS["both"])
    fail_at(monkeypatch, "fsync", 3, OSError(errno.EINVAL, "this file system does not sync folders"))
    try:
        write(tmp_path)
    except OutputError:
        assert contents(tmp_path) == PREVIOUS["both"]
    else:
        assert contents(tmp_path) == written_by_mxnet(tmp_path, RECORDS)


def test_bytes_that_got_lost_are_noticed(tmp_path, monkeypatch):
    put(tmp_path, PREVIOUS["both"])
    real_size = os.path.getsize
    monkeypatch.setattr(os.path, "getsize", lambda path: real_size(path) - (1 if ".rec" in path else 0))
    with pytest.raises(OutputError, match=r"out\.rec.*is the disk full"):
        write(tmp_path)
    assert contents(tmp_path) == PREVIOUS["both"]


@each_way
@pytest.mark.parametrize("where", ["rec", "idx"])
def test_bytes_that_another_process_has_written_are_noticed(tmp_path, where, through_mxnet):
    put(tmp_path, PREVIOUS["both"])

    def write_more(writer):
        writer.write(*RECORDS[0])
        writer.checkpoint(1, "00", [])
        with open(tmp_path / f"out.{where}.partial", "ab") as stream:
            stream.write(bytes(4))

    words = rf"out\.{where}\.partial"
    with pytest.raises(OutputError, match=words), writer_of(tmp_path, through_mxnet=through_mxnet) as writer:
        write_more(writer)
        writer.finish()
    assert {name: contents(tmp_path)[name] for name in PREVIOUS["both"]} == PREVIOUS["both"]


HOLDER = """
import os, sys
from mxnet_im2rec.engine.shared import Output
status = os.stat(sys.argv[1])
assert Output(sys.argv[1], status.st_dev, status.st_ino).open() is not None
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("ends", [True, False])
def test_what_is_kept_is_not_touched_while_a_worker_may_write_into_it(tmp_path, monkeypatch, ends):
    """A worker of a run that was killed may be in the middle of a write when the next run begins."""
    with pytest.raises(KeyboardInterrupt), writer_of(tmp_path) as writer:
        writer.write(*RECORDS[0])
        writer.checkpoint(1, "00", [])
        writer.write(*RECORDS[1])
        raise KeyboardInterrupt
    before = contents(tmp_path)
    partial = str(tmp_path / "out.rec.partial")
    with subprocess.Popen([sys.executable, "-c", HOLDER, partial], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"open\n"
        if ends:
            threading.Timer(0.5, holder.stdin.close).start()
            with writer_of(tmp_path, resume=True) as writer:
                assert holder.wait(10) == 0 and writer.num_records == 1
        else:
            monkeypatch.setattr(writing, "_END_SECONDS", 0.1)
            words = "a worker process of an interrupted run has not ended, and may write into '.*out.rec.partial'; end it"
            with pytest.raises(OutputError, match=words), writer_of(tmp_path, resume=True):
                raise AssertionError
            assert contents(tmp_path) == before
            holder.stdin.close()


@each_way
def test_a_stream_that_moved_is_noticed(tmp_path, through_mxnet):
    """As a child process moves it that flushes a copy of what is buffered: both have one position."""

    def move(writer):
        writer.write(*RECORDS[0])
        writer.checkpoint(1, "00", [])
        for name in Path("/proc/self/fd").iterdir():
            if name.exists() and name.samefile(tmp_path / "out.rec.partial"):
                os.write(int(name.name), bytes(8))
        for record in RECORDS:
            writer.write(*record)
        writer.checkpoint(1 + len(RECORDS), "00", [])

    words = "the position in .* is .*, the records that were written end at"
    with pytest.raises(OutputError, match=words), writer_of(tmp_path, through_mxnet=through_mxnet) as writer:
        move(writer)


@each_way
def test_a_position_that_is_not_known_is_an_output_error(tmp_path, monkeypatch, through_mxnet):
    """ftell gives -1 where lseek fails, and MXNet takes it for a number without a sign."""
    put(tmp_path, PREVIOUS["both"])
    kind = mx.recordio.MXIndexedRecordIO if through_mxnet else RecordStream
    original, calls = kind.tell, []

    def tell(self):
        calls.append(self)
        return (2**64 - 1 if through_mxnet else -1) if len(calls) > 2 or not through_mxnet else original(self)

    monkeypatch.setattr(kind, "tell", tell)
    with pytest.raises(OutputError, match=r"the position in .*out\.rec.* is not known"):
        write(tmp_path, through_mxnet=through_mxnet)
    assert contents(tmp_path) == PREVIOUS["both"]


def test_an_error_of_mxnet_is_an_output_error(tmp_path, monkeypatch):
    def fail(self, buf):
        raise mx.base.MXNetError("check failed")

    put(tmp_path, PREVIOUS["both"])
    monkeypatch.setattr(mx.recordio.MXRecordIO, "write", fail)
    with pytest.raises(OutputError, match=r"out\.rec.*is the disk full\? check failed"):
        write(tmp_path, through_mxnet=True)
    assert contents(tmp_path) == PREVIOUS["both"]


USERS_OWN = {"out.rec.previous": b"the user's", "out.idx.previous": b"the user's too", "out.failures.tsv.previous": b"and this"}


@each_previous
def test_files_of_the_user_with_names_like_ours_survive(tmp_path, previous):
    put(tmp_path, {**previous, **USERS_OWN})
    write(tmp_path)
    assert contents(tmp_path) == {**written_by_mxnet(tmp_path, RECORDS), **USERS_OWN}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_files_of_the_user_survive_a_renaming_that_fails(tmp_path, monkeypatch, number):
    put(tmp_path, {**PREVIOUS["both"], **USERS_OWN})
    fail_at(monkeypatch, "rename", number, PermissionError(errno.EPERM, "not permitted"))
    with pytest.raises(OutputError, match="not permitted"):
        write(tmp_path)
    assert contents(tmp_path) == {**PREVIOUS["both"], **USERS_OWN}


@pytest.mark.parametrize("name", ["out.rec", "out.idx", "out.failures.tsv"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_the_work(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match="is a folder"), writer_of(tmp_path):
        raise AssertionError("it was entered")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@each_way
def test_a_folder_that_is_not_there_is_an_output_error_that_leaves_nothing(tmp_path, through_mxnet):
    with pytest.raises(OutputError, match="cannot write to"), writer_of(tmp_path / "none", through_mxnet=through_mxnet):
        pass
    assert contents(tmp_path) == {}


def test_a_file_in_the_place_of_the_folder_is_an_output_error(tmp_path):
    put(tmp_path, {"file": b"kept"})
    with pytest.raises(OutputError), writer_of(tmp_path / "file"):
        pass
    assert contents(tmp_path) == {"file": b"kept"}


def test_a_name_too_long_for_the_partial_file_is_an_output_error(tmp_path):
    name = "x" * 245  # a file system takes 255 bytes
    (tmp_path / (name + ".rec")).write_bytes(b"possible")
    with pytest.raises(OutputError), RecordWriter(DatasetPaths(str(tmp_path / (name + ".rec")))):
        pass
    assert contents(tmp_path) == {name + ".rec": b"possible"}


@each_way
def test_no_file_stays_open(tmp_path, through_mxnet):
    descriptors = Path("/proc/self/fd")
    before = sorted(path.name for path in descriptors.iterdir())
    write(tmp_path, through_mxnet=through_mxnet)
    with pytest.raises(KeyError), writer_of(tmp_path, through_mxnet=through_mxnet):
        raise KeyError
    assert sorted(path.name for path in descriptors.iterdir()) == before


FULL_DISK = """
import json, os, resource, signal, sys
from mxnet_im2rec.dataset import writer as writing
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.errors import OutputError
from mxnet_im2rec.recordio.paths import DatasetPaths

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
answers = []
for folder, records, size, limit, through_mxnet in json.load(sys.stdin):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    error = None
    try:
        with RecordWriter(DatasetPaths(os.path.join(folder, "out.rec")), through_mxnet=through_mxnet) as writer:
            for index in range(records):
                writer.write(index, b"x" * size)
            writer.finish()
            writer.publish()
    except Exception as caught:
        error = [type(caught).__name__, str(caught)]
    answers.append(error)
print(json.dumps(answers))
"""
DISKS = {
    "lost in the last flush": (66, 1000, [0, 1, 4096, 65_536, 66_000]),
    "tiny records": (3, 10, [0, 1, 20, 40]),
    "one large record": (1, 300_000, [0, 24, 65_536, 299_000]),
    "the index is the larger file": (2000, 0, [0, 4096, 16_000, 19_000]),
}
DISK_CASES = [
    (name, limit, previous, through_mxnet)
    for name in DISKS
    for limit in [*DISKS[name][2], None]
    for previous in PREVIOUS
    for through_mxnet in (False, True)
]


@pytest.fixture(scope="module")
def full_disks(tmp_path_factory):
    """For every case, its folder and what was raised in it, from one process whose files are limited in their size."""
    folders = [tmp_path_factory.mktemp("disk") for _ in DISK_CASES]
    jobs = []
    for folder, (name, limit, previous, through_mxnet) in zip(folders, DISK_CASES):
        records, size, _ = DISKS[name]
        put(folder, PREVIOUS[previous])
        jobs.append([str(folder), records, size, 10_000_000 if limit is None else limit, through_mxnet])
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK],
        input=json.dumps(jobs),
        env={**os.environ, "PYTHONPATH": str(REPO), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    return dict(zip(DISK_CASES, zip(folders, json.loads(done.stdout))))


@pytest.mark.parametrize(("name", "limit", "previous", "through_mxnet"), DISK_CASES)
def test_a_full_disk_is_an_output_error_that_leaves_everything_as_it_was(
    full_disks, tmp_path, name, limit, previous, through_mxnet
):
    folder, error = full_disks[name, limit, previous, through_mxnet]
    records, size, _ = DISKS[name]
    whole = written_by_mxnet(tmp_path, [(index, b"x" * size) for index in range(records)])
    if limit is None:
        assert (error, contents(folder)) == (None, whole)
        return
    assert limit < max(map(len, whole.values()))
    assert error is not None
    assert error[0] == "OutputError"
    assert str(folder) in error[1]
    assert contents(folder) == PREVIOUS[previous]
