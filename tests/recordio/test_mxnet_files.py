# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The names of mx.recordio where MXNet's own cannot be the measure: threads, forks, pickling, errors. Without MXNet."""

import errno
import io
import multiprocessing
import numbers
import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import REPO, limited

import mxnet_im2rec
from mxnet_im2rec import IndexedRecordWriter, OutputError, RecordFormatError, recordio
from mxnet_im2rec.recordio.stream import RecordStream

COUNT = 200


@pytest.fixture
def paths(tmp_path):
    return str(tmp_path / "a.idx"), str(tmp_path / "a.rec")


@pytest.fixture
def written(paths):
    """A dataset of 200 records of many sizes."""
    with recordio.MXIndexedRecordIO(*paths, "w") as writer:
        for key in range(COUNT):
            writer.write_idx(key, content(key))
    return paths


def content(key):
    return b"%d " % key * (key * 37 % 3001)


def in_child(work):
    """Do the work in a forked process; what it gave, or the error that it raised, comes back as text."""
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(30)  # a child that waits for a lock ends, and the test fails
        try:
            answer = repr(work())
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(sending, answer.encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as stream:
        answer = stream.read()
        assert os.waitpid(child, 0)[1] == 0
    return answer


# Names.


def test_the_names_need_no_mxnet_and_come_when_they_are_needed():
    code = """
import sys
import mxnet_im2rec as mx
assert not {'numpy', 'cv2', 'mxnet_im2rec.recordio'} & set(sys.modules)
mx.recordio.MXIndexedRecordIO, mx.recordio.unpack, mx.transforms
assert 'cv2' not in sys.modules
mx.recordio.imdecode(mx.recordio.unpack(mx.recordio.pack_img((0, 1, 2, 3), sys.modules['numpy'].zeros((4, 4, 3), 'uint8')))[1])
assert 'mxnet' not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=str(REPO))


def test_dir_and_star_import_give_the_names():
    assert set(recordio.__all__) <= set(dir(recordio))
    assert {"recordio", "transforms"} <= set(dir(mxnet_im2rec))
    namespace = {}
    exec("from mxnet_im2rec.recordio import *", namespace)
    assert set(recordio.__all__) <= set(namespace)
    with pytest.raises(AttributeError, match="no attribute 'unpak'"):
        recordio.unpak  # noqa: B018


# Threads.


def test_many_threads_read_by_key(written):
    reader = recordio.MXIndexedRecordIO(*written, "r")
    keys = [number * 7 % COUNT for number in range(10 * COUNT)]
    with limited(60), ThreadPoolExecutor(8) as pool:
        assert list(pool.map(reader.read_idx, keys)) == [content(key) for key in keys]


def test_each_read_of_many_threads_gives_another_record(written):
    reader = recordio.MXRecordIO(written[1], "r")
    found = []

    def read_all():
        for record in iter(reader.read, None):
            found.append(record)

    threads = [threading.Thread(target=read_all) for _ in range(8)]
    with limited(60):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == sorted(content(key) for key in range(COUNT))


def test_records_of_many_threads_do_not_mix(paths):
    writer = recordio.MXIndexedRecordIO(*paths, "w")
    with limited(60), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: writer.write_idx(key, content(key)), range(COUNT)))
    writer.close()
    reader = recordio.MXIndexedRecordIO(*paths, "r")
    assert sorted(reader.keys) == list(range(COUNT))
    assert [reader.read_idx(key) for key in range(COUNT)] == [content(key) for key in range(COUNT)]


def test_a_record_in_pieces_is_not_divided_by_another_thread(paths, monkeypatch):
    """A record of several pieces takes several writes where the system takes only a part of it at once."""
    monkeypatch.setattr(os, "pwritev", lambda descriptor, pieces, offset: 0)  # so that every piece is written again, one by one
    in_write, inside = threading.Lock(), []
    write = RecordStream._write_all

    def slowly(self, data):
        assert in_write.acquire(blocking=False), "two threads are writing"
        try:
            inside.append(len(data))
            threading.Event().wait(0.001)
            write(self, data)
        finally:
            in_write.release()

    monkeypatch.setattr(RecordStream, "_write_all", slowly)
    writer = recordio.MXRecordIO(paths[1], "w")
    with limited(60), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: writer.write(content(key)), range(40)))
    assert len(inside) == 40


# Forks.


def read_everything(reader):
    return [reader.read_idx(key) for key in reversed(range(COUNT))] == [content(key) for key in reversed(range(COUNT))]


def test_forked_processes_read_at_once(written):
    reader = recordio.MXIndexedRecordIO(*written, "r")
    reader.read_idx(COUNT // 2)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: in_child(lambda: read_everything(reader)), range(4))) == ["True"] * 4
    assert read_everything(reader)


def test_after_a_fork_each_process_has_its_own_position(written):
    reader = recordio.MXRecordIO(written[1], "r")
    assert [reader.read(), reader.read()] == [content(0), content(1)]
    assert in_child(lambda: [reader.read(), reader.read()] == [content(2), content(3)]) == "True"
    assert in_child(lambda: [reader.reset(), reader.read()] == [None, content(0)]) == "True"
    assert reader.read() == content(2)


def test_threads_of_a_forked_process_read(written):
    reader = recordio.MXIndexedRecordIO(*written, "r")

    def in_a_thread():
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(reader.read_idx, range(9))) == [content(key) for key in range(9)]

    assert in_child(in_a_thread) == "True"


def test_a_fork_in_the_midst_of_reading_leaves_no_lock_behind(written):
    reader = recordio.MXRecordIO(written[1], "r")
    stop = threading.Event()

    def read_on():
        while not stop.is_set():
            if reader.read() is None:
                reader.reset()

    thread = threading.Thread(target=read_on)
    thread.start()
    try:
        answers = [in_child(lambda: [reader.reset(), reader.read()] == [None, content(0)]) for _ in range(20)]
    finally:
        stop.set()
        thread.join()
    assert answers == ["True"] * 20


def test_a_writer_refuses_in_a_forked_process_and_writes_nothing_twice(paths):
    writer = recordio.MXIndexedRecordIO(*paths, "w")
    writer.write_idx(0, b"before")
    refused = "RuntimeError: Forbidden operation in multiple processes"
    for work in (lambda: writer.write_idx(1, b"x"), lambda: writer.write(b"x"), writer.reset, writer.open):
        assert in_child(work).startswith(refused)
    assert in_child(writer.close) == "None"  # what is buffered must not come into the file
    child = os.fork()
    if not child:
        del work
        writer.__del__()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writer.write_idx(1, b"after")
    writer.close()
    assert Path(paths[0]).read_text() == "0\t0\n1\t16\n"
    reader = recordio.MXIndexedRecordIO(*paths, "r")
    assert [reader.read(), reader.read(), reader.read()] == [b"before", b"after", None]


def test_a_forked_program_that_ends_as_usual_writes_nothing_twice(paths):
    code = f"""
import os
from mxnet_im2rec.recordio import MXIndexedRecordIO
writer = MXIndexedRecordIO({paths[0]!r}, {paths[1]!r}, 'w')
for key in range(3):
    writer.write_idx(key, b'record')
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
    writer.write_idx(3, b'record')
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=str(REPO))
    assert Path(paths[0]).read_text() == "0\t0\n1\t16\n2\t32\n3\t48\n"
    assert os.path.getsize(paths[1]) == 64


def test_forks_and_writers_of_many_threads_get_along(paths):
    writer = recordio.MXIndexedRecordIO(*paths, "w")
    stop = threading.Event()

    def write_on(first):
        key = first
        while not stop.is_set():
            writer.write_idx(key, content(key))
            key += 4

    threads = [threading.Thread(target=write_on, args=(first,)) for first in range(4)]
    with limited(60):
        for thread in threads:
            thread.start()
        answers = [in_child(writer.close) for _ in range(10)]
        stop.set()
        for thread in threads:
            thread.join()
    writer.close()
    assert answers == ["None"] * 10
    reader = recordio.MXIndexedRecordIO(*paths, "r")
    assert len(reader.keys) == len(reader.idx) > 0
    assert all(reader.read() == content(key) for key in reader.keys)


# Pickling.


@pytest.mark.parametrize("is_open", [True, False])
def test_a_pickled_reader_begins_again_and_the_first_goes_on(written, is_open):
    reader = recordio.MXIndexedRecordIO(*written, "r")
    reader.read_idx(4)
    if not is_open:
        reader.close()
    copy = pickle.loads(pickle.dumps(reader))
    assert (copy.is_open, copy.keys, copy.idx) == (is_open, reader.keys, reader.idx)
    if is_open:
        assert [copy.read(), reader.read()] == [content(0), content(5)]
    assert copy.read_idx(9) == content(9)


def read_pickled(reader):
    return reader.read_idx(9)


def test_a_reader_goes_to_a_spawned_process(written):
    reader = recordio.MXIndexedRecordIO(*written, "r")
    with limited(60), multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(read_pickled, (reader,)) == content(9)


def test_a_writer_is_pickled_only_when_it_is_closed(paths):
    writer = recordio.MXIndexedRecordIO(*paths, "w")
    writer.write_idx(3, b"record")
    with pytest.raises(TypeError, match="close\\(\\) it before"):
        pickle.dumps(writer)
    writer.close()
    assert pickle.loads(pickle.dumps(writer)).keys == [3]
    assert os.path.getsize(paths[1]) == 16


def test_headers_can_be_pickled():
    header = recordio.IRHeader(0, 1.0, 7, 0)
    assert pickle.loads(pickle.dumps(header)) == header == (0, 1.0, 7, 0)


# Errors.


def test_files_that_cannot_be_opened(paths, written, tmp_path):
    for flag, names in (("r", ("no.idx", "a.rec")), ("r", ("a.idx", "no.rec")), ("w", ("no/a.idx", "b.rec"))):
        with pytest.raises(FileNotFoundError, match="no"):
            recordio.MXIndexedRecordIO(*(str(tmp_path / name) for name in names), flag)
    with pytest.raises(ValueError, match="flag must be 'r' or 'w', not 'a'"):
        recordio.MXRecordIO(paths[1], "a")
    assert os.path.getsize(paths[1]) > 0


@pytest.mark.parametrize("line", ["", "x\t0", "3", "3\tx", "3\t-4", "3\t99999999999999999999", "\xff" * 70000])
def test_a_damaged_index(written, line):
    with open(written[0], "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    with pytest.raises(RecordFormatError, match=f"line {COUNT + 1}: expected a key, a tab and an offset.*build_index") as caught:
        recordio.MXIndexedRecordIO(*written, "r")
    assert caught.value.path == written[0]


@pytest.mark.parametrize("offset", [4, 2, 10**9])
def test_an_offset_where_no_record_begins(written, offset):
    with open(written[0], "a") as stream:
        stream.write(f"1000\t{offset}\n")
    reader = recordio.MXIndexedRecordIO(*written, "r")
    with pytest.raises(RecordFormatError, match="the .idx is of another one; mxnet_im2rec.salvage"):
        reader.read_idx(1000)
    assert reader.read_idx(5) == content(5)


def test_a_file_that_was_cut_off(written):
    os.truncate(written[1], os.path.getsize(written[1]) - 5)
    reader = recordio.MXRecordIO(written[1], "r")
    for key in range(COUNT - 1):
        assert reader.read() == content(key)
    with pytest.raises(RecordFormatError, match="salvage"):
        reader.read()


def test_what_a_reader_and_a_writer_cannot_do(written, tmp_path):
    reader = recordio.MXIndexedRecordIO(*written, "r")
    writer = recordio.MXIndexedRecordIO(str(tmp_path / "b.idx"), str(tmp_path / "b.rec"), "w")
    for work in (lambda: reader.write(b""), lambda: reader.write_idx(0, b""), reader.tell):
        with pytest.raises(io.UnsupportedOperation, match="is open for reading"):
            work()
    for work in (writer.read, lambda: writer.read_idx(0), lambda: writer.seek(0)):
        with pytest.raises(io.UnsupportedOperation, match="is open for writing"):
            work()
    reader.close()
    writer.close()
    for work in (reader.read, lambda: writer.write(b""), lambda: writer.write_idx(0, b""), writer.tell):
        with pytest.raises(RuntimeError, match="is closed"):
            work()


@pytest.mark.parametrize("record", ["text", None, 3])
def test_a_record_must_be_bytes(paths, record):
    writer = recordio.MXIndexedRecordIO(*paths, "w")
    with pytest.raises(TypeError, match="buf must be bytes"):
        writer.write(record)
    with pytest.raises(TypeError, match="buf must be bytes"):
        writer.write_idx(0, record)
    for whole in (bytearray(b"abc"), memoryview(b"abc")):
        writer.write(whole)
    assert (writer.tell(), writer.keys) == (24, [])


@pytest.mark.parametrize("key", ["a\tb", "a\nb", "a\rb", " a", "\ud800", "\t"])
def test_keys_that_no_line_gives_back_are_refused(paths, key):
    writer = recordio.MXIndexedRecordIO(*paths, "w", str)
    with pytest.raises(ValueError, match="idx must be a text without a tab"):
        writer.write_idx(key, b"record")
    for good in ("a b", "naïve 写真.jpg", "a "):
        writer.write_idx(good, good.encode())
    writer.close()
    reader = recordio.MXIndexedRecordIO(*paths, "r", str)
    assert reader.keys == ["a b", "naïve 写真.jpg", "a "]
    assert [reader.read_idx(each).decode() for each in reader.keys] == reader.keys


def test_a_full_disk_leaves_the_records_before(paths, monkeypatch):
    writer = recordio.MXIndexedRecordIO(*paths, "w")
    writer.write_idx(0, b"whole")
    really = os.pwritev

    def part_of_it(descriptor, pieces, offset):
        really(descriptor, [pieces[0]], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwritev", part_of_it)
    with pytest.raises(OutputError, match="is the disk full.*No space left"):
        writer.write_idx(1, b"part")
    monkeypatch.undo()
    assert (writer.keys, writer.tell()) == ([0], 16)
    writer.write_idx(2, b"later")
    writer.close()
    reader = recordio.MXIndexedRecordIO(*paths, "r")
    assert [reader.read_idx(key) for key in reader.keys] == [b"whole", b"later"]


def test_after_the_end_keys_still_read(written):
    reader = recordio.MXIndexedRecordIO(*written, "r")
    while reader.read() is not None:
        pass
    assert reader.read_idx(3) == content(3)  # MXNet's gives None from here on
    assert reader.read() == content(4)


def test_descriptors_are_given_back(written):
    def count():
        return len(os.listdir("/dev/fd"))

    before = count()
    for _ in range(5):
        reader = recordio.MXIndexedRecordIO(*written, "r")
        reader.open()
        reader.reset()
        with recordio.MXIndexedRecordIO(written[0] + "2", written[1] + "2", "w") as writer:
            writer.write_idx(0, b"x")
            writer.reset()
        assert writer.keys == []
    del reader
    assert count() == before


# The way of InsightFace's arcface_torch/dataset.py.


class Faces:
    """Its steps, less PyTorch."""

    def __init__(self, prefix):
        self.imgrec = recordio.MXIndexedRecordIO(f"{prefix}.idx", f"{prefix}.rec", "r")
        header, _ = recordio.unpack(self.imgrec.read_idx(0))
        self.imgidx = np.array(range(1, int(header.label[0]))) if header.flag > 0 else np.array(list(self.imgrec.keys))

    def __getitem__(self, position):
        header, content = recordio.unpack(self.imgrec.read_idx(self.imgidx[position]))
        label = header.label
        if not isinstance(label, numbers.Number):
            label = label[0]
        return int(label), recordio.imdecode(content)

    def __len__(self):
        return len(self.imgidx)

    def __iter__(self):
        return (self[position] for position in range(len(self)))


def test_a_dataset_of_insightface(tmp_path):
    images = [np.full((12, 10, 3), (number, 0, 255 - number), np.uint8) for number in range(40)]
    with IndexedRecordWriter(tmp_path / "train", encoding=".png") as writer:
        writer.write(0, [41, 45], b"")
        for number, image in enumerate(images):
            writer.write(number + 1, number // 10 if number % 2 else [number // 10, 0], image)
        for person in range(4):
            writer.write(41 + person, [10 * person + 1, 10 * person + 11], b"")
    faces = Faces(tmp_path / "train")

    def are_right():
        return all(label == number // 10 and np.array_equal(image, images[number]) for number, (label, image) in enumerate(faces))

    assert len(faces) == 40
    assert are_right()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: in_child(are_right), range(3))) == ["True"] * 3
