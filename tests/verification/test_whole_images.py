# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify(): where images differ in size, MXNet's own decoder gives them whole, and all of their pixels are compared."""

import cv2
import mxnet as mx  # noqa: F401  # the reader that is tested
import numpy as np
import pytest
from photos import EXIF_ORIENTATION, SKIMAGE, make_varieties
from PIL import Image
from test_verify import only_problem, png, write
from warm import WarmReader

from mxnet_im2rec import verify
from mxnet_im2rec.images import tiff
from mxnet_im2rec.verification.reader_images import as_stored, decode

LYING_DECODER = """
imdecode = mx.image.imdecode
def lying(content, **options):
    image = imdecode(content, **options)
    {statement}
    return image
mx.image.imdecode = lying
"""


def different_sizes(folder, number=6):
    return write(folder / "a", [(index, [0.0], png(20 + 10 * (index % 2), 30, seed=index)) for index in range(number)])


def note_of(report):
    (note,) = [note for note in report.notes if "different sizes" in note]
    return note


def test_whole_images_of_every_kind_are_what_mxnet_decodes(tmp_path):
    make_varieties(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    report = verify(write(tmp_path / "a", [(index, [0.0], (tmp_path / name).read_bytes()) for index, name in enumerate(names)]))
    assert report.ok, str(report)
    assert f"of {len(names)} all pixels" in note_of(report)


def test_whole_images_of_every_orientation_are_what_mxnet_decodes(tmp_path):
    cat = Image.open(SKIMAGE / "chelsea.png").convert("RGB").resize((60, 40))
    contents = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        cat.save(tmp_path / "turned.jpg", exif=exif)
        contents.append((tmp_path / "turned.jpg").read_bytes())
        plain = cv2.imdecode(np.frombuffer(contents[-1], np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        decoded = decode(contents[-1], 3)
        assert (decoded.shape == plain.shape) != tiff.is_turned(orientation)
        assert np.array_equal(as_stored(decoded, contents[-1]), plain)
    report = verify(write(tmp_path / "a", [(index, [0.0], content) for index, content in enumerate(contents)]))
    assert report.ok, str(report)
    assert "of 8 all pixels" in note_of(report)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("image[0, 0, 0] = 255 - image[0, 0, 0]", "mx.image.imdecode gives other pixels than OpenCV"),
        ("image = image[1:]", "mx.image.imdecode gives an image of shape (29, 30, 3), OpenCV"),
        ("raise mx.MXNetError('it does not like it')", "mx.image.imdecode fails: it does not like it"),
    ],
)
def test_what_mxnet_decodes_otherwise_is_a_problem(monkeypatch, tmp_path, statement, said):
    """In a row that ImageRecordIter leaves out."""
    monkeypatch.setattr(WarmReader, "first", LYING_DECODER.format(statement=f"if image.shape[0] == 30: {statement}"))
    contents = [png(30 if index == 3 else 20, 30, seed=index) for index in range(6)]
    report = verify(write(tmp_path / "a", [(index, [0.0], content) for index, content in enumerate(contents)]))
    problem = only_problem(report, "reader")
    assert problem.position == 3 and said in problem.message


def test_images_of_one_size_are_not_decoded_twice(monkeypatch, tmp_path):
    monkeypatch.setattr(WarmReader, "first", LYING_DECODER.format(statement="raise mx.MXNetError('it was called')"))
    report = verify(write(tmp_path / "a", [(index, [0.0], png(seed=index)) for index in range(6)]))
    assert report.ok and not any("different sizes" in note for note in report.notes), str(report)


def test_of_many_images_all_are_compared_whole(tmp_path):
    assert "of 300 all pixels" in note_of(verify(different_sizes(tmp_path, 300)))
    assert "of 64 all pixels" in note_of(verify(different_sizes(tmp_path, 300), pixels="sample"))


def test_a_damaged_image_is_reported_once_and_not_compared_whole(tmp_path):
    jpeg = cv2.imencode(".jpg", cv2.imread(str(SKIMAGE / "chelsea.png")))[1].tobytes()
    contents = [png(30, 30), jpeg[: len(jpeg) * 3 // 4], png(20, 30)]
    report = verify(write(tmp_path / "a", [(index, [0.0], content) for index, content in enumerate(contents)]))
    assert only_problem(report, "reader").position == 1
    assert "of 2 all pixels" in note_of(report)
