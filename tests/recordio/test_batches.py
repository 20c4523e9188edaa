# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""RecordFile.batches(): what it yields, in which order, and that its threads end."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers import limited, wait_for

from mxnet_im2rec import ImageError, IndexedRecordWriter, RecordFile, RecordFormatError, TransformResultError

COUNT = 23


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    with limited(60):
        yield
        wait_for(lambda: threading.active_count() == before)


def write(path, images, labels=None):
    with IndexedRecordWriter(path, encoding=".png") as writer:
        for index, image in enumerate(images):
            writer.write(100 + index, index if labels is None else labels[index], image)
    return writer.rec_path


@pytest.fixture(scope="module")
def rec(tmp_path_factory):
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (COUNT, 6, 7, 3), np.uint8)
    return write(tmp_path_factory.mktemp("batches") / "a", images)


@pytest.mark.parametrize("workers", [0, 1, 3, None])
@pytest.mark.parametrize("color, channels", [(1, 3), (0, 1), (-1, 3)])
def test_batches_are_the_records_in_order(rec, workers, color, channels):
    with RecordFile(rec) as records:
        found = list(records.batches(5, workers=workers, color=color))
        assert [len(batch.images) for batch in found] == [5, 5, 5, 5, 3]
        for number, batch in enumerate(found):
            assert batch.images.shape[1:] == (6, 7, channels) and batch.images.dtype == np.uint8
            assert batch.labels.dtype == np.float32 and batch.indices.dtype == np.uint64
            for row, position in enumerate(range(5 * number, 5 * number + len(batch.images))):
                np.testing.assert_array_equal(batch.images[row], records[position].image(color))
                assert (batch.labels[row], batch.indices[row]) == (position, 100 + position)


def test_a_seed_gives_one_order_of_all_records(rec):
    with RecordFile(rec) as records:

        def order(shuffle, workers):
            return [int(index) for batch in records.batches(4, shuffle=shuffle, workers=workers) for index in batch.indices]

        whole = [100 + position for position in range(COUNT)]
        assert order(7, 0) == order(7, 2) != order(8, 2)
        assert sorted(order(7, 2)) == whole == order(None, 2)
        assert order(0, 0)[:5] == [111, 110, 121, 114, 120]  # the same on every machine


def test_batches_own_their_arrays(rec):
    with RecordFile(rec) as records:
        first, second = list(records.batches(10, workers=2))[:2]
        kept = second.images.copy()
        first.images[...] = 0
        np.testing.assert_array_equal(second.images, kept)


def test_a_transform_runs_on_every_image(rec):
    with RecordFile(rec) as records:
        (batch,) = records.batches(100, transform=lambda image: image[:5, :5].transpose(2, 0, 1) / np.float32(255))
        assert batch.images.shape == (COUNT, 3, 5, 5) and batch.images.dtype == np.float32
        np.testing.assert_array_equal(batch.images[3], records[3].image()[:5, :5].transpose(2, 0, 1) / np.float32(255))


def test_rows_with_fewer_labels_end_with_minus_one(tmp_path):
    rec = write(tmp_path / "a", [np.zeros((2, 2, 3), np.uint8)] * 3, [[1, 2], [3], [4, 5]])
    with RecordFile(rec) as records:
        (batch,) = records.batches(3)
        assert batch.labels.tolist() == [[1, 2], [3, -1], [4, 5]]


def test_records_without_an_image_are_left_out(tmp_path):
    image = np.full((2, 2, 3), 9, np.uint8)
    rec = write(tmp_path / "a", [b"", image, b"", b"", image, image])
    with RecordFile(rec) as records:
        assert [batch.indices.tolist() for batch in records.batches(2, workers=2)] == [[101], [104, 105]]


def test_images_of_two_shapes_are_one_clear_error(tmp_path):
    rec = write(tmp_path / "a", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)])
    with RecordFile(rec) as records:
        words = (
            r"index 101 at byte \d+ of '.*a\.rec' is uint8 of shape \(2, 3, 3\), and not uint8 of shape \(2, 2, 3\), as that of "
        )
        with pytest.raises(ImageError, match=words + "index 100 is: pack with Resize and CenterCrop"):
            list(records.batches(2))
        assert [batch.images.shape[2] for batch in records.batches(1)] == [2, 3]
        with pytest.raises(ImageError, match="the transform must give every image the same shape"):
            list(records.batches(2, transform=lambda image: image[:1]))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_does_not_decode_is_named(tmp_path, workers):
    rec = write(tmp_path / "a", [np.zeros((2, 2, 3), np.uint8), b"\xff\xd8\xff no image"])
    with RecordFile(rec) as records, pytest.raises(ImageError, match=r"index 101 at byte \d+ of .*a\.rec"):
        list(records.batches(1, workers=workers))


def test_a_damaged_record_is_an_error(rec, tmp_path):
    data = bytearray(Path(rec).read_bytes())
    with RecordFile(rec) as records:
        data[records[11].offset] ^= 1
    (tmp_path / "a.rec").write_bytes(data)
    (tmp_path / "a.idx").write_bytes(Path(rec).with_suffix(".idx").read_bytes())
    with RecordFile(tmp_path / "a.rec") as records, pytest.raises(RecordFormatError, match=r"a\.rec"):
        list(records.batches(4, workers=2))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_the_batches_before_an_error_come_first(tmp_path, workers):
    images = [np.zeros((2, 2, 3), np.uint8)] * 9 + [b"no image"]
    with RecordFile(write(tmp_path / "a", images)) as records:
        batches, found = records.batches(1, workers=workers), 0
        with pytest.raises(ImageError):
            for _ in batches:
                found += 1
        assert found == 9


def test_what_a_transform_raises_names_the_record(rec):
    with RecordFile(rec) as records:
        with pytest.raises(TransformResultError, match=r"index 100 at byte 0 of .*: the transform raised ZeroDivision") as caught:
            list(records.batches(2, transform=lambda image: 1 // 0))
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        with pytest.raises(TransformResultError, match="must return a NumPy array, not NoneType"):
            list(records.batches(2, transform=lambda image: None))


def test_a_forked_process_does_not_wait_for_threads_that_it_does_not_have(rec):
    with RecordFile(rec) as records:
        batches = records.batches(2, workers=2)
        next(batches)
        child = os.fork()
        if not child:
            with limited(20), pytest.raises(RuntimeError, match="was forked"):
                next(batches)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        batches.close()


@pytest.mark.whole
def test_a_program_may_end_in_the_middle_of_an_epoch(tmp_path):
    """Threads that are in OpenCV then must not come back to an interpreter that is gone."""
    rec = write(tmp_path / "a", [np.random.RandomState(0).randint(0, 256, (600, 600, 3), np.uint8)] * 30)
    program = f"import mxnet_im2rec\nbatches = mxnet_im2rec.RecordFile({rec!r}).batches(2, workers=3)\nnext(batches)\n"
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_threads_end_when_nobody_goes_on(rec):
    before = threading.active_count()
    with RecordFile(rec) as records:
        batches = records.batches(2, workers=2)
        next(batches)
        assert threading.active_count() > before
        batches.close()
        wait_for(lambda: threading.active_count() == before)
        batches = records.batches(2, workers=2)
        next(batches)
        del batches
        gc.collect()
        wait_for(lambda: threading.active_count() == before)
        with pytest.raises(KeyError):
            for _ in records.batches(2, workers=2):
                raise KeyError


def test_two_epochs_at_once(rec):
    with RecordFile(rec) as records:
        for first, second in zip(records.batches(4, shuffle=1, workers=2), records.batches(4, shuffle=1, workers=1)):
            np.testing.assert_array_equal(first.images, second.images)


def test_no_more_than_some_batches_are_decoded_in_advance(rec):
    decoded = []
    with RecordFile(rec) as records:
        batches = records.batches(1, workers=2, transform=lambda image: decoded.append(1) or image)
        for number, _ in enumerate(batches, 1):
            assert len(decoded) <= number + 4
    assert len(decoded) == COUNT


def test_a_forked_process_has_batches_too(rec):
    with RecordFile(rec) as records:
        next(records.batches(2, workers=2))
        child = os.fork()
        if not child:
            os._exit(0 if sum(len(batch.images) for batch in records.batches(2, workers=2)) == COUNT else 1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    "options, words",
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"shuffle": -1}, "shuffle"),
        ({"shuffle": True}, "shuffle"),
        ({"workers": -1}, "workers"),
        ({"workers": 10**6}, "workers must be at most"),
        ({"color": 2}, "color"),
        ({"transform": 3}, "transform must be callable"),
        ({"max_pixels": 0}, "max_pixels"),
    ],
)
def test_wrong_arguments_are_refused_at_once(rec, options, words):
    with RecordFile(rec) as records, pytest.raises((TypeError, ValueError), match=words):
        records.batches(**{"batch_size": 2, **options})


def test_a_closed_file_has_no_batches(rec):
    with RecordFile(rec) as records:
        pass
    with pytest.raises(ValueError, match="is closed"):
        records.batches(2)


def test_max_pixels_holds(rec):
    with RecordFile(rec) as records, pytest.raises(ImageError, match="max_pixels"):
        list(records.batches(2, max_pixels=41))
