# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""IndexedRecordWriter: the dataset appears whole or not at all, and MXNet reads it."""

import errno
import io
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from by_mxnet import write_by_mxnet
from helpers import REPO, limited
from PIL import Image

from mxnet_im2rec import EmptyDatasetError, IndexedRecordWriter, LabelPrecisionWarning, OutputError, RecordFile, limits
from mxnet_im2rec.errors import ArgumentTypeError, ArgumentValueError


def jpeg(number=0):
    stream = io.BytesIO()
    Image.fromarray(np.full((12, 10, 3), number, np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(out, count=3, **options):
    with IndexedRecordWriter(out, **options) as writer:
        for index in range(count):
            writer.write(index, index, jpeg(index))
    return writer


LABELS = {
    "a number": (3, 3),
    "an array of one": (np.array([3]), 3),
    "a 0-d array": (np.array(3.0), 3),
    "float32": (np.float32(0.1), 0.1),
    "several": ([1, 2.5, -3], [1, 2.5, -3]),
    "a tuple": ((1, 2), [1, 2]),
    "true": (True, 1),
    "NumPy's true": (np.bool_(True), 1),
    "true and false": ([True, np.bool_(False), 2], [1, 0, 2]),
    "an array of bool": (np.array([True, False]), [1, 0]),
    "an array": (np.arange(5), [0, 1, 2, 3, 4]),
}


def test_the_files_are_those_that_mxnet_writes(tmp_path, out):
    records = [(number * 1000, *labels, jpeg(number)) for number, labels in enumerate(LABELS.values())]
    records += [(2**64 - 1, 7, 7, b"")]
    with IndexedRecordWriter(out) as writer:
        for number, (index, labels, _, image) in enumerate(records):
            writer.write(index if number else np.int64(index), labels, image)
            assert writer.num_records == number + 1
        assert names(tmp_path) == ["out.idx.partial", "out.rec.journal.partial", "out.rec.partial"]
    assert names(tmp_path) == ["out.idx", "out.rec"]
    write_by_mxnet(tmp_path / "mxnet", [(index, labels, image) for index, _, labels, image in records])
    assert (tmp_path / "out.rec").read_bytes() == (tmp_path / "mxnet.rec").read_bytes()
    assert (tmp_path / "out.idx").read_bytes() == (tmp_path / "mxnet.idx").read_bytes()
    assert (writer.rec_path, writer.idx_path) == (str(tmp_path / "out.rec"), str(tmp_path / "out.idx"))


@pytest.mark.parametrize("shape", [(12, 10, 3), (12, 10), (12, 10, 1)], ids=str)
@pytest.mark.parametrize(("encoding", "quality"), [(".jpg", 95), (".jpg", 30), (".png", 95), (".png", 9)])
def test_arrays_are_encoded(tmp_path, out, shape, encoding, quality):
    image = np.zeros(shape, np.uint8)
    image[:6] = (200, 100, 10) if shape[-1] == 3 else 200
    with IndexedRecordWriter(out, encoding=encoding, quality=quality) as writer:
        writer.write(5, 1, image)
        writer.write(6, 1, image[:, ::-1])
    with RecordFile(writer.rec_path) as records:
        found = records[0].image(-1)
    assert found.shape == (12, 10, shape[2] if len(shape) == 3 else 1)
    assert np.abs(found.astype(int) - image.reshape(found.shape)).max() <= (0 if encoding == ".png" else 70)
    header, content = mx.recordio.unpack(mx.recordio.MXIndexedRecordIO(writer.idx_path, writer.rec_path, "r").read_idx(6))
    assert (header.id, header.label) == (6, 1.0)
    assert mx.image.imdecode(content).asnumpy().shape == (12, 10, 3)


def test_alpha_is_kept_in_png(out):
    image = np.arange(4 * 6 * 4, dtype=np.uint8).reshape(4, 6, 4)
    with IndexedRecordWriter(out, encoding=".png") as writer:
        writer.write(0, 1, image)
    with RecordFile(writer.rec_path) as records:
        assert np.array_equal(records[0].image(-1), image)


def test_bytes_need_neither_opencv_nor_mxnet(out):
    code = f"""
import sys
from mxnet_im2rec import IndexedRecordWriter
with IndexedRecordWriter({str(out)!r}) as writer:
    writer.write(0, 1, bytearray(b'image'))
    writer.write(1, [1, 2], memoryview(b'image'))
assert not {{'cv2', 'mxnet'}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=str(REPO))
    with RecordFile(f"{out}.rec") as records:
        assert [record.content for record in records] == [b"image"] * 2


# Whole or not at all.


@pytest.mark.parametrize("is_there", [False, True])
def test_an_exception_leaves_what_was_there(tmp_path, out, is_there):
    if is_there:
        write(out)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(KeyError, match="mine"), IndexedRecordWriter(out, overwrite=True) as writer:
        writer.write(0, 1, b"image")
        raise KeyError("mine")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["out.rec", "out.idx", "out.failures.tsv"])
def test_a_dataset_that_is_there_is_replaced_only_when_asked(tmp_path, out, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        IndexedRecordWriter(out)
    assert names(tmp_path) == [name]
    write(out, overwrite=True)
    assert names(tmp_path) == ["out.idx", "out.rec"]


def test_a_dataset_that_comes_meanwhile_is_not_replaced(out):
    writer = IndexedRecordWriter(out)
    write(out)
    with pytest.raises(FileExistsError), writer:
        pass


def test_an_empty_dataset_is_not_made(tmp_path, out):
    with pytest.raises(EmptyDatasetError, match="no record was written to"):
        write(out, 0)
    assert names(tmp_path) == []


def test_two_writers_of_one_output(out):
    with IndexedRecordWriter(out) as writer:
        writer.write(0, 1, jpeg())
        with pytest.raises(OutputError, match="is writing"), IndexedRecordWriter(out):
            pass
    assert writer.num_records == 1
    assert Path(writer.rec_path).exists()


@pytest.mark.parametrize("is_caught", [True, False])
def test_after_a_record_that_could_not_be_written_there_is_no_dataset(tmp_path, out, monkeypatch, is_caught):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="No space left"), IndexedRecordWriter(out) as writer:
        writer.write(0, 1, jpeg())
        monkeypatch.setattr(os, "pwritev", full)
        try:
            writer.write(1, 1, jpeg())
        except OutputError:
            if not is_caught:
                raise
        monkeypatch.undo()
        with pytest.raises(OutputError, match="could not be written, so there will be no dataset"):
            writer.write(2, 1, jpeg())
    assert names(tmp_path) == []


def test_a_file_that_comes_under_its_name_meanwhile_stays(tmp_path, out):
    for name in ("out.rec", "out.idx"):
        with pytest.raises(FileExistsError, match=f"{name}' is there already; give another name"), IndexedRecordWriter(
            out
        ) as writer:
            writer.write(0, 1, jpeg())
            (tmp_path / name).write_text("of another", "utf-8")
        assert names(tmp_path) == [name]
        assert (tmp_path / name).read_text("utf-8") == "of another"
        (tmp_path / name).unlink()
    with IndexedRecordWriter(out, overwrite=True) as writer:
        writer.write(0, 1, jpeg())
        (tmp_path / "out.rec").write_text("of another", "utf-8")
    assert len(RecordFile(out.with_suffix(".rec"))) == 1


def test_a_writer_that_was_killed_is_no_obstacle(tmp_path, out):
    code = f"""
import os
from mxnet_im2rec import IndexedRecordWriter
with IndexedRecordWriter({str(out)!r}) as writer:
    writer.write(0, 1, b'image')
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=str(REPO)).returncode == -9
    assert names(tmp_path) == ["out.idx.partial", "out.rec.journal.partial", "out.rec.partial"]
    write(out)
    assert names(tmp_path) == ["out.idx", "out.rec"]


# What is refused.


@pytest.mark.parametrize(
    ("index", "labels", "image", "error", "message"),
    [
        (1, 1, b"x", ArgumentValueError, "index 1 was written before to"),
        (-1, 1, b"x", ArgumentValueError, "index must be from 0 to"),
        (2**64, 1, b"x", ArgumentValueError, "index must be from 0 to"),
        (1.0, 1, b"x", ArgumentTypeError, "index must be a whole number, not 1.0"),
        (True, 1, b"x", ArgumentTypeError, "index must be a whole number"),
        ("2", 1, b"x", ArgumentTypeError, "index must be a whole number"),
        (2, [], b"x", ArgumentValueError, "labels is empty"),
        (2, "3", b"x", ArgumentTypeError, "labels must be a number, or a sequence"),
        (2, ["3"], b"x", ArgumentTypeError, "labels must be a number, or a sequence"),
        (2, None, b"x", ArgumentTypeError, "labels must be a number, or a sequence"),
        (2, np.zeros((2, 2)), b"x", ArgumentTypeError, "labels must be a number, or a sequence"),
        (2, 1e39, b"x", ArgumentValueError, "labels must be in the range of float32"),
        (2, [1, float("nan")], b"x", ArgumentValueError, "labels must be finite, not nan"),
        (2, np.float32("-inf"), b"x", ArgumentValueError, "labels must be finite, not -inf"),
        *[
            (2, labels, b"x", ArgumentTypeError, "labels must be a number, or a sequence")
            for labels in ({1, 2}, frozenset([1]), {1: 2}, {1: 2}.keys(), b"12", bytearray(b"12"), np.array("3"), np.array(["3"]))
        ],
        *[
            (2, labels, b"x", ArgumentTypeError, "labels must be a number, or a sequence")
            for labels in ([b"3"], [np.array("3")], [bytearray(b"3")], np.array(3j), 3j)
        ],
        (2, 1, memoryview(np.zeros((4, 6), np.uint8)), ArgumentTypeError, "image must be flat .* this one has 2 dimensions"),
        (2, 1, memoryview(np.zeros(4, np.uint16)), ArgumentTypeError, "image must be flat .* has 1 dimension.* of 2 bytes"),
        (2, 1, "x", ArgumentTypeError, "image must be the bytes of an image file"),
        (2, 1, None, ArgumentTypeError, "image must be the bytes of an image file"),
        (2, 1, np.zeros((4, 6, 3)), ArgumentValueError, r"image must be uint8 .*float64 of shape \(4, 6, 3\)"),
        (2, 1, np.zeros((4, 6, 2), np.uint8), ArgumentValueError, "image must be uint8"),
        (
            2,
            1,
            np.zeros((0, 6, 3), np.uint8),
            ArgumentValueError,
            r"image must be uint8 .*\(H, W, 4\) with alpha.* and not empty",
        ),
        (2, 1, np.zeros(6, np.uint8), ArgumentValueError, "image must be uint8"),
    ],
)
def test_after_a_wrong_argument_the_writer_goes_on(out, index, labels, image, error, message):
    with IndexedRecordWriter(out) as writer:
        writer.write(1, 1, jpeg())
        with pytest.raises(error, match=message):
            writer.write(index, labels, image)
        writer.write(2, 1, jpeg())
    with RecordFile(writer.rec_path) as records:
        assert records.keys.tolist() == [1, 2]


def test_a_record_that_is_too_large_is_refused(out, monkeypatch):
    monkeypatch.setattr(limits, "MAX_RECORD_BYTES", 100)
    with IndexedRecordWriter(out) as writer:
        with pytest.raises(ArgumentValueError, match="image is too large: the record would have 101 bytes"):
            writer.write(0, 1, bytes(77))
        writer.write(0, [1, 2], bytes(68))
    assert writer.num_records == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": ".gif"}, "encoding must be"),
        ({"quality": 0}, "quality is the quality of JPEG here"),
        ({"encoding": ".png", "quality": 10}, "quality is the compression of PNG here"),
        ({"overwrite": "yes"}, "overwrite must be True or False"),
    ],
)
def test_wrong_options(out, options, message):
    with pytest.raises((ArgumentValueError, ArgumentTypeError), match=message):
        IndexedRecordWriter(out, **options)


def test_a_folder_is_no_output(tmp_path):
    with pytest.raises(ArgumentValueError, match="is a folder"):
        IndexedRecordWriter(tmp_path)
    with pytest.raises(FileNotFoundError, match="make it first"):
        IndexedRecordWriter(tmp_path / "no" / "out")


def test_it_writes_only_in_its_block(out):
    writer = IndexedRecordWriter(out)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="only in the 'with' block"):
            writer.write(0, 1, jpeg())
        if not writer.num_records:
            with writer:
                writer.write(0, 1, jpeg())
    with pytest.raises(RuntimeError, match="was used already"), writer:
        pass
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(writer)


def test_labels_that_float32_does_not_hold_warn_once(out):
    with IndexedRecordWriter(out) as writer:
        with pytest.warns(LabelPrecisionWarning, match="index 7: the label 16777217 becomes 16777216") as caught:
            writer.write(7, [1, 2**24 + 1], jpeg())
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            writer.write(8, 2**24 + 1, jpeg())


# Threads and forks.


def test_threads_write_at_once(out):
    with limited(60), IndexedRecordWriter(out, encoding=".png") as writer, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: writer.write(index, index, np.full((8, 8, 3), index, np.uint8)), range(200)))
    with RecordFile(writer.rec_path) as records:
        assert sorted(records.keys.tolist()) == list(range(200))
        assert all(record.image()[0, 0, 0] == record.index == record.labels[0] for record in records)


def test_a_forked_process_neither_writes_nor_publishes_nor_cleans_up(tmp_path, out):
    code = f"""
import os, sys
from mxnet_im2rec import IndexedRecordWriter, OutputError
writer = IndexedRecordWriter({str(out)!r})
with writer:
    writer.write(0, 1, b'image')
    child = os.fork()
    if not child:
        try:
            writer.write(1, 1, b'image')
        except OutputError as error:
            assert 'forked from it' in str(error), error
        else:
            sys.exit(1)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writer.write(2, 1, b'image')
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=str(REPO))
    assert names(tmp_path) == ["out.idx", "out.rec"]
    assert (tmp_path / "out.idx").read_text() == "0\t0\n2\t40\n"
    with RecordFile(f"{out}.rec") as records:
        assert [record.content for record in records] == [b"image"] * 2
