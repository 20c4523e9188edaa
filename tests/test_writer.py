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
from pathlib import Path

import mxnet as mx
import pytest

from mxnet_im2rec.dataset import writer as writer_module
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.errors import OutputError

REPO = Path(__file__).resolve().parent.parent
MAGIC = struct.pack("<I", 0xCED7230A)
RECORDS = [(0, b"first"), (7, b""), (2**64 - 1, b"x" * 1001)]
PREVIOUS = {
    "nothing": {},
    "both": {"out.rec": b"old records", "out.idx": b"old index"},
    "rec": {"out.rec": b"old records"},
    "idx": {"out.idx": b"old index"},
}
each_previous = pytest.mark.parametrize("previous", list(PREVIOUS.values()), ids=list(PREVIOUS))


@pytest.fixture(autouse=True, params=["through MXNet", "without MXNet"])
def both_ways(request, monkeypatch):
    """Every test of this file runs for both ways of writing."""
    monkeypatch.setattr(RecordWriter.__init__, "__defaults__", (request.param == "through MXNet", None, False))


def put(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write(folder, records=RECORDS):
    with RecordWriter(str(folder / "out.rec"), str(folder / "out.idx")) as writer:
        for index, record in records:
            writer.write(index, record)
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


@pytest.mark.parametrize("payloads", list(PAYLOADS.values()), ids=list(PAYLOADS))
def test_the_files_are_those_of_mxnet_and_read_back(tmp_path, payloads):
    records = [(1000 - 3 * number, payload) for number, payload in enumerate(payloads)]
    expected = written_by_mxnet(tmp_path, records)
    write(tmp_path, records)
    assert contents(tmp_path) == expected
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
    with RecordWriter(str(tmp_path / "out.rec"), str(tmp_path / "out.idx")) as writer:
        for _ in range(100):
            writer.write(0, b"x" * 10_000)
        assert {name: contents(tmp_path)[name] for name in PREVIOUS["both"]} == PREVIOUS["both"]
    assert set(contents(tmp_path)) == {"out.rec", "out.idx"}
    assert contents(tmp_path)["out.rec"] != PREVIOUS["both"]["out.rec"]


def test_relative_names_are_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RecordWriter("out.rec", "out.idx") as writer:
        writer.write(*RECORDS[0])
    assert contents(tmp_path) == written_by_mxnet(tmp_path, RECORDS[:1])


def test_names_that_look_like_a_uri_are_written_as_they_are(tmp_path):
    folder = tmp_path / "a b#c;d?e \u732b"
    folder.mkdir()
    write(folder)
    assert contents(folder) == written_by_mxnet(tmp_path, RECORDS)


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_the_files_have_the_mode_of_any_new_file(tmp_path, mask):
    old = os.umask(mask)
    try:
        write(tmp_path)
    finally:
        os.umask(old)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out.rec", "out.idx")}
    assert modes == {0o666 & ~mask}


@each_previous
@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_an_exception_leaves_everything_as_it_was(tmp_path, previous, error, count):
    put(tmp_path, previous)
    with pytest.raises(error), RecordWriter(str(tmp_path / "out.rec"), str(tmp_path / "out.idx")) as writer:
        for index in range(count):
            writer.write(index, b"x" * 10_000)
        raise error
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


@pytest.mark.parametrize("where", ["rec", "idx"])
def test_bytes_that_another_process_has_written_are_noticed(tmp_path, where):
    put(tmp_path, PREVIOUS["both"])

    def write_more(writer):
        writer.write(*RECORDS[0])
        writer.checkpoint(1, "00", [])
        with open(tmp_path / f"out.{where}.partial", "ab") as stream:
            stream.write(bytes(4))

    paths = str(tmp_path / "out.rec"), str(tmp_path / "out.idx")
    with pytest.raises(OutputError, match=rf"out\.{where}\.partial"), RecordWriter(*paths) as writer:
        write_more(writer)
    assert {name: contents(tmp_path)[name] for name in PREVIOUS["both"]} == PREVIOUS["both"]


def test_a_stream_that_moved_is_noticed_at_the_next_record(tmp_path):
    """As a child process moves it that flushes a copy of what is buffered: both have one position."""

    def move(writer):
        writer.write(*RECORDS[0])
        writer.checkpoint(1, "00", [])
        for name in Path("/proc/self/fd").iterdir():
            if name.exists() and name.samefile(tmp_path / "out.rec.partial"):
                os.write(int(name.name), bytes(8))
        for record in RECORDS:
            writer.write(*record)

    paths = str(tmp_path / "out.rec"), str(tmp_path / "out.idx")
    words = "the position in .* is .*, the records that were written end at"
    with pytest.raises(OutputError, match=words), RecordWriter(*paths) as writer:
        move(writer)


def test_a_position_that_cannot_be_told_is_an_output_error(tmp_path, monkeypatch):
    """ftell gives -1 where lseek fails, and MXNet takes it for a number without a sign."""
    put(tmp_path, PREVIOUS["both"])

    kind = mx.recordio.MXIndexedRecordIO if RecordWriter.__init__.__defaults__[0] else writer_module._PlainRecordIO
    original, calls = kind.tell, []

    def tell(self):
        calls.append(self)
        return 2**64 - 1 if len(calls) > 2 else original(self)

    monkeypatch.setattr(kind, "tell", tell)
    with pytest.raises(OutputError, match=r"the position in .*out\.rec.* cannot be told"):
        write(tmp_path)
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
    with pytest.raises(OutputError, match="is a folder"), RecordWriter(str(tmp_path / "out.rec"), str(tmp_path / "out.idx")):
        raise AssertionError("it was entered")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("rec", "idx"), [("none/out.rec", "none/out.idx"), ("none/out.rec", "out.idx"), ("out.rec", "none/out.idx")]
)
def test_a_folder_that_is_not_there_is_an_output_error_that_leaves_nothing(tmp_path, rec, idx):
    with pytest.raises(OutputError, match="cannot write to"), RecordWriter(str(tmp_path / rec), str(tmp_path / idx)):
        pass
    assert contents(tmp_path) == {}


def test_a_file_in_the_place_of_the_folder_is_an_output_error(tmp_path):
    put(tmp_path, {"file": b"kept"})
    with pytest.raises(OutputError), RecordWriter(str(tmp_path / "file" / "out.rec"), str(tmp_path / "file" / "out.idx")):
        pass
    assert contents(tmp_path) == {"file": b"kept"}


def test_a_name_too_long_for_the_partial_file_is_an_output_error(tmp_path):
    name = "x" * 245  # a file system takes 255 bytes
    (tmp_path / (name + ".rec")).write_bytes(b"possible")
    with pytest.raises(OutputError), RecordWriter(str(tmp_path / (name + ".rec")), str(tmp_path / (name + ".idx"))):
        pass
    assert contents(tmp_path) == {name + ".rec": b"possible"}


def test_no_file_stays_open(tmp_path):
    descriptors = Path("/proc/self/fd")
    before = sorted(path.name for path in descriptors.iterdir())
    write(tmp_path)
    with pytest.raises(KeyError), RecordWriter(str(tmp_path / "out.rec"), str(tmp_path / "out.idx")):
        raise KeyError
    assert sorted(path.name for path in descriptors.iterdir()) == before


FULL_DISK = """
import json, os, resource, signal, sys
from mxnet_im2rec.dataset import writer as writer_module
from mxnet_im2rec.errors import OutputError
from mxnet_im2rec.dataset.writer import RecordWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
answers = []
for folder, records, size, limit in json.load(sys.stdin):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    error = None
    try:
        with RecordWriter(os.path.join(folder, "out.rec"), os.path.join(folder, "out.idx")) as writer:
            for index in range(records):
                writer.write(index, b"x" * size)
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
DISK_CASES = [(name, limit, previous) for name in DISKS for limit in [*DISKS[name][2], None] for previous in PREVIOUS]


@pytest.fixture(scope="module")
def full_disks(tmp_path_factory):
    """For every case, its folder and what was raised in it, from one process whose files are limited in their size."""
    folders = [tmp_path_factory.mktemp("disk") for _ in DISK_CASES]
    jobs = []
    for folder, (name, limit, previous) in zip(folders, DISK_CASES):
        records, size, _ = DISKS[name]
        put(folder, PREVIOUS[previous])
        jobs.append([str(folder), records, size, 10_000_000 if limit is None else limit])
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


@pytest.mark.parametrize(("name", "limit", "previous"), DISK_CASES)
def test_a_full_disk_is_an_output_error_that_leaves_everything_as_it_was(full_disks, tmp_path, name, limit, previous):
    folder, error = full_disks[name, limit, previous]
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
