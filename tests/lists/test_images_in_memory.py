# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Images that are no files: arrays, bytes, datasets; what is refused, and what is said then."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from mxnet_im2rec import (
    ErrorLimitExceeded,
    ImageEntry,
    LabelPrecisionWarning,
    RecordFile,
    check_list,
    from_arrays,
    from_dataset,
    im2rec,
    verify,
)
from mxnet_im2rec.images.arrays import to_decoded
from mxnet_im2rec.images.codec import decode
from mxnet_im2rec.values import Failure

PICTURE = np.random.RandomState(0).randint(0, 256, (24, 32, 3), np.uint8)
GREY = PICTURE[:, :, 0]
RGBA = np.dstack([PICTURE, GREY])


def png(picture):
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[picture.shape[2]])
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.mark.parametrize("color", [1, 0, -1])
@pytest.mark.parametrize("picture", [PICTURE, GREY, GREY[:, :, None], RGBA], ids=["RGB", "grey", "one channel", "RGBA"])
def test_pixels_are_taken_as_decoding_a_file_takes_them(picture, color):
    file = png(picture if picture.shape[2:] != (1,) else picture[:, :, 0])
    expected, found = decode(file, color), to_decoded(picture, color)
    assert found.shape == expected.shape
    if color == 0 and picture.ndim == 3 and picture.shape[2] > 1:  # OpenCV's formula and libpng's differ by rounding
        assert np.abs(found.astype(int) - expected).max() <= 1
    else:
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("picture", [np.asfortranarray(PICTURE), PICTURE[::2, ::-1], RGBA[:, :, :3]], ids=["F", "steps", "view"])
def test_any_memory_layout(picture, tmp_path):
    im2rec([(0, picture)], tmp_path / "out", num_workers=0, encoding=".png", progress=False)
    with RecordFile(tmp_path / "out.rec") as records:
        assert np.array_equal(records[0].image(), picture)


REFUSED = {
    "floats up to 1": (PICTURE / 255.0, "float64 from 0 to 1; give uint8 from 0 to 255: (image * 255).round()"),
    "floats up to 255": (PICTURE.astype(np.float32), "float32 from 0 to 255; give uint8 from 0 to 255: image.round()"),
    "negative": (PICTURE - 128.0, "float64 from -128 to 127; give uint8 from 0 to 255"),
    "wide integers": (PICTURE.astype(np.int64), "image.round().astype('uint8')"),
    "truth values": (PICTURE > 9, "an array of bool"),
    "channels first": (PICTURE.transpose(2, 0, 1), "the channels are first; give image.transpose(1, 2, 0)"),
    "two channels": (PICTURE[:, :, :2], "give 1, 3 or 4 channels"),
    "a line": (GREY[0], "of shape (32,); give (height, width)"),
    "nothing in it": (PICTURE[:0], "of shape (0, 32, 3)"),
    "no bytes": (b"", "the image is empty"),
    "no image": (3.5, "the image is float; give a path, bytes, or an array of uint8"),
    "a list": ([[1, 2], [3, 4]], "the image is list"),
    "texts": (np.array([["a"]]), "give uint8 from 0 to 255"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_image_fails_at_its_place(case, tmp_path):
    image, said = REFUSED[case]
    entries = [(1, PICTURE), (2, image), (3, PICTURE)]
    for source in (entries, from_dataset([(picture, label) for label, picture in entries])):
        report = im2rec(source, tmp_path / "out", num_workers=0, error_limit=1, progress=False)
        assert report.num_records == 2
        assert report.failures[0].line == 2 and said in report.failures[0].reason
        assert check_list(source).num_errors == 1


@pytest.mark.parametrize("label", ["cat", None, object(), [], ["a"], [[1, 2]], float("nan"), 1e60])
def test_what_is_no_label_fails_at_its_place(label, tmp_path):
    for source in ([(label, PICTURE)], from_dataset([(PICTURE, label)])):
        with pytest.raises(ErrorLimitExceeded) as caught:
            im2rec(source, tmp_path / "out", num_workers=0, progress=False)
        assert "label" in caught.value.failures[0].reason
        assert ("from_table" in caught.value.failures[0].reason) == (label == "cat")


@pytest.mark.parametrize("label", [3, np.float32(3), np.array(3), np.array([3]), (3,), True + 2])
def test_labels_of_every_kind(label, tmp_path):
    im2rec([(label, PICTURE)], tmp_path / "out", num_workers=0, progress=False)
    with RecordFile(tmp_path / "out.rec") as records:
        assert records[0].labels.tolist() == [3]


def test_one_array_that_cannot_be_packed_is_refused_at_once():
    batch = np.stack([PICTURE] * 4)
    with pytest.raises(ValueError, match=r"float64 from 0 to 1; give uint8"):
        from_arrays(batch / 255.0, range(4))
    with pytest.raises(ValueError, match="16 stands for white"):
        from_arrays((batch // 16 + 1).astype(float), range(4))
    with pytest.raises(ValueError, match="transpose"):
        from_arrays(batch.transpose(0, 3, 1, 2), range(4))
    with pytest.raises(ValueError, match="must be one for each of the 4 images; found 3"):
        from_arrays(batch, range(3))
    with pytest.raises(ValueError, match="has the shape"):
        from_arrays(PICTURE[0], range(24))
    with pytest.raises(TypeError, match="pairs of"):
        from_arrays([PICTURE], [1])


def test_an_array_in_a_file_is_read_in_slices(tmp_path):
    np.save(tmp_path / "batch.npy", np.stack([PICTURE] * 600))
    mapped = np.load(tmp_path / "batch.npy", mmap_mode="r")
    report = im2rec(from_arrays(mapped, np.arange(1200).reshape(600, 2)), tmp_path / "out", num_workers=2, progress=False)
    assert report.num_records == 600
    with RecordFile(tmp_path / "out.rec") as records:
        assert records[599].labels.tolist() == [1198, 1199]


@pytest.mark.parametrize("given, maker", [(np.stack([PICTURE] * 2), "from_arrays")])
def test_what_is_no_list_names_the_function_that_makes_one(given, maker, tmp_path):
    with pytest.raises(TypeError, match=maker):
        im2rec(given, tmp_path / "out")


@pytest.mark.needs_mxnet
def test_a_dataset_of_gluon(tmp_path):
    from mxnet import gluon, nd

    pictures = nd.array(np.stack([PICTURE, PICTURE[::-1]]), dtype="uint8")
    dataset = gluon.data.ArrayDataset(pictures, nd.array([4, 5]))
    with pytest.raises(TypeError, match="from_dataset"):
        im2rec(dataset, tmp_path / "out")
    for num_workers in (0, 2):
        source = from_dataset(dataset)
        im2rec(source, tmp_path / "out", num_workers=num_workers, encoding=".png", progress=False)
        with RecordFile(tmp_path / "out.rec") as records:
            assert [record.labels.tolist() for record in records] == [[4], [5]]
            assert np.array_equal(records[1].image(), PICTURE[::-1])
        assert verify(tmp_path / "out.rec", source, progress=False).ok


class Broken:
    """Whose item 1 cannot be read."""

    classes = ["cat", "dog"]

    def __len__(self):
        return 3

    def __getitem__(self, position):
        if position == 1:
            raise RuntimeError("the disk is on fire")
        return PICTURE, position, 7


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_item_that_cannot_be_read_is_one_failure(num_workers, tmp_path):
    source = from_dataset(Broken())
    report = im2rec(source, tmp_path / "out", num_workers=num_workers, error_limit=1, progress=False)
    assert [failure.index for failure in report.failures] == [1]
    assert "the disk is on fire" in report.failures[0].reason
    assert source.classes == {"cat": 0, "dog": 1}
    with RecordFile(tmp_path / "out.rec") as records:
        assert [record.labels.tolist() for record in records] == [[0, 7], [2, 7]]


def test_an_iterable_without_random_access_is_read_once(tmp_path):
    source = from_dataset((PICTURE, label) for label in (5, 6))
    assert source.count() is None and not source.can_be_read_twice
    im2rec(source, tmp_path / "out", num_workers=2, progress=False)
    with RecordFile(tmp_path / "out.rec") as records:
        assert [record.labels.tolist() for record in records] == [[5], [6]]


def test_a_label_that_float32_does_not_hold_warns():
    source = from_dataset([(PICTURE, 2**24 + 1)])
    with pytest.warns(LabelPrecisionWarning, match="16777217"):
        source.fetch(next(iter(source.entries())))


def test_bytes_pass_through_and_pixels_do_not(tmp_path):
    file = png(PICTURE)
    report = im2rec([(0, file), (1, PICTURE)], tmp_path / "out", pass_through=True, error_limit=1, progress=False)
    assert "leave out pass_through=True" in report.failures[0].reason
    with RecordFile(tmp_path / "out.rec") as records:
        assert records[0].content == file
    assert check_list([(0, file), (1, PICTURE)], pass_through=True).num_errors == 1


def test_pixels_beyond_the_limit_fail(tmp_path):
    with pytest.raises(ErrorLimitExceeded, match="max_pixels allows 700"):
        im2rec([(0, PICTURE)], tmp_path / "out", max_pixels=700, num_workers=0, progress=False)
    assert check_list([(0, PICTURE)], max_pixels=700).counts == {"too large": 1}


def test_images_of_pillow():
    from PIL import Image

    from mxnet_im2rec.images.arrays import as_image

    image = Image.fromarray(PICTURE)
    assert np.array_equal(as_image(image), PICTURE)
    assert as_image(image.convert("P")).shape == (24, 32, 3)
    assert as_image(image.convert("CMYK")).shape == (24, 32, 3)
    assert as_image(image.convert("L")).shape == (24, 32)
    assert as_image(image.convert("LA")).shape == (24, 32, 4)
    assert set(np.unique(as_image(image.convert("1")))) <= {0, 255}
    with pytest.raises(ValueError, match="more than 8 bits"):
        as_image(image.convert("I"))
    assert as_image({"bytes": b"abc", "path": None}) == b"abc" and as_image({"bytes": None, "path": "a.jpg"}) == "a.jpg"


def test_an_entry_with_its_image_survives_pickling():
    entry = pickle.loads(pickle.dumps(ImageEntry(3, (1.0,), "a name", 7, PICTURE)))
    assert (entry.index, entry.path, entry.line) == (3, "a name", 7) and np.array_equal(entry.image, PICTURE)


def raw(given):
    """A decoder of a user's own: 24 x 32 bytes of grey."""
    data = given if isinstance(given, bytes) else Path(given).read_bytes()
    return np.frombuffer(data, np.uint8).reshape(24, 32)


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_a_decoder_of_the_callers(start_method, tmp_path):
    (tmp_path / "a.raw").write_bytes(GREY.tobytes())
    (tmp_path / "bad.raw").write_bytes(b"abc")
    entries = [(0, str(tmp_path / "a.raw")), (1, GREY.tobytes()), (2, GREY), (3, str(tmp_path / "bad.raw")), (4, "missing.raw")]
    options = {"decode": raw, "error_limit": 2, "encoding": ".png", "progress": False}
    report = im2rec(entries, tmp_path / "out", num_workers=2, mp_context=start_method, **options)
    assert [(failure.line, failure.stage) for failure in report.failures] == [(4, "decode"), (5, "read")]
    with RecordFile(tmp_path / "out.rec") as records:
        for record in records:
            assert np.array_equal(record.image(color=0)[:, :, 0], GREY)
    assert verify(tmp_path / "out.rec", entries[:3], root=tmp_path, decode=raw, progress=False).ok
    assert check_list(entries, decode=raw).num_errors == 2
    with pytest.raises(ErrorLimitExceeded, match="max_pixels allows 700"):
        im2rec(entries[:2], tmp_path / "out", max_pixels=700, num_workers=0, progress=False, decode=raw)


def test_a_decoder_must_give_pixels(tmp_path):
    with pytest.raises(ErrorLimitExceeded, match="an array of float64"):
        im2rec([(0, b"abc")], tmp_path / "out", num_workers=0, decode=lambda data: GREY / 255.0)
    with pytest.raises(ErrorLimitExceeded, match="it must give an array"):
        im2rec([(0, b"abc")], tmp_path / "out", num_workers=0, decode=lambda data: "a.jpg")
    with pytest.raises(TypeError, match="decode"):
        im2rec([(0, b"abc")], tmp_path / "out", decode="raw")
    with pytest.raises(ValueError, match="takes no decode"):
        im2rec([(0, b"abc")], tmp_path / "out", decode=raw, pass_through=True)


def test_a_failure_keeps_its_place_among_pairs():
    found = list(from_arrays(np.stack([PICTURE] * 3), [1, float("inf"), 2]).entries())
    assert [type(entry) for entry in found] == [ImageEntry, Failure, ImageEntry]


def test_filters_look_at_arrays_too():
    report = check_list([(0, PICTURE), (1, np.zeros((200, 300), np.uint8))], min_side=100)
    assert report.ok and report.counts == {"unwanted": 1}
    assert "its shorter side has 24 pixels" in report.findings[0].message
    assert check_list([(0, PICTURE)], formats="jpeg").counts == {"unwanted": 1}


class Brighter:
    """A dataset with a function that no module has."""

    def __init__(self):
        self.change = lambda picture: picture // 2 + 100

    def __len__(self):
        return 2

    def __getitem__(self, position):
        return self.change(PICTURE), position


def test_functions_that_no_module_has_go_to_workers_that_are_spawned(tmp_path):
    options = {"num_workers": 1, "mp_context": "spawn", "encoding": ".png", "progress": False}
    im2rec(from_dataset(Brighter()), tmp_path / "out", **options)
    im2rec([(0, b"abc")], tmp_path / "decoded", decode=lambda data: GREY, **options)
    for name, expected in (("out", PICTURE // 2 + 100), ("decoded", np.dstack([GREY] * 3))):
        with RecordFile(tmp_path / f"{name}.rec") as records:
            assert np.array_equal(records[0].image(), expected)
