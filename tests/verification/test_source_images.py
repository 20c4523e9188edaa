# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify() with sources: a stored image with one wrong column is found, and other bytes alone are no problem."""

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import read_records
from mxnet.gluon.data.vision import transforms
from photos import SKIMAGE
from PIL import Image
from test_verify import NoReader, write

from mxnet_im2rec import im2rec, verify
from mxnet_im2rec.verification import source_images as sources
from mxnet_im2rec.verification import verify as verification


@pytest.fixture(autouse=True)
def without_reader(monkeypatch):
    """Leave ImageRecordIter out, which is not what is tested: each of its processes takes a second."""
    monkeypatch.setattr(verification, "MXNetReader", NoReader)


FLIPS = [transforms.RandomFlipLeftRight, transforms.RandomFlipTopBottom]


@pytest.mark.parametrize(
    "options", [{"encoding": ".png"}, {"quality": 95}, {"quality": 50}, {"quality": 90, "color": 0}], ids=str
)
@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.whole
def test_a_flip_that_leaves_the_middle_unwritten_is_found(monkeypatch, photos, tmp_path, options, flip):
    """Packed as by plain MXNet: what its flips do not write keeps what the memory held, here the level 77."""
    compose = transforms.Compose([transforms.Resize(255, keep_ratio=True), flip()])
    sound = im2rec(photos / "images.lst", tmp_path / "sound", compose, num_workers=0, **options)
    with monkeypatch.context() as patch:
        patch.setattr(mx.nd.NDArray, "copy", lambda array: mx.nd.full(array.shape, 77, dtype=array.dtype))
        plain = im2rec(photos / "images.lst", tmp_path / "plain", compose, num_workers=0, **options)
    pairs = zip(read_records(sound), read_records(plain))
    wrong = [index for index, (one, other) in enumerate(pairs) if one[2] != other[2]]
    assert len(wrong) > 5
    arguments = {"transformations": compose, "color": options.get("color", 1), "num_workers": 0}
    report = verify(sound.rec_path, photos / "images.lst", photos, **arguments)
    assert report.ok and not [note for note in report.notes if "byte for byte" in note], str(report)
    report = verify(plain.rec_path, photos / "images.lst", photos, **arguments)
    assert [problem.position for problem in report.problems] == wrong, str(report)
    assert all(problem.layer == "source" for problem in report.problems)
    assert "a flip in version 0.1.0 or by MXNet alone, which does not write the middle" in report.problems[0].message
    assert report.problems[0].message.count("the usual cause") == 1 and "usual cause" not in report.problems[1].message


def photo(name="chelsea.png", color=1):
    return cv2.imread(str(SKIMAGE / name), color)


def stored(folder, source, *contents):
    """What verify() says of records with these contents, whose source is one image."""
    cv2.imwrite(str(folder / "source.png"), source)
    (folder / "images.lst").write_text("".join(f"{index}\t0\tsource.png\n" for index in range(len(contents))))
    rec_path = write(folder / "stored", [(index, [0.0], content) for index, content in enumerate(contents)])
    return lambda **options: verify(
        rec_path, folder / "images.lst", folder, num_workers=0, color=1 if source.ndim == 3 else 0, **options
    )


def jpeg(image, quality=95, *parameters):
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, *parameters])[1].tobytes()


def with_column(image, place, levels):
    """An image of which one column is so many levels off."""
    changed = image.astype(int)
    changed[:, place] += np.where(changed[:, place] + levels > 255, -levels, levels)
    return changed.astype(np.uint8)


@pytest.mark.parametrize("color", [1, 0])
@pytest.mark.parametrize("place", [0, 100, 225, 450])
def test_any_column_that_is_a_few_levels_off_is_found(tmp_path, color, place):
    source = photo(color=color)
    wrong = with_column(source, place, 6)
    report = stored(tmp_path, source, jpeg(source), jpeg(wrong), jpeg(wrong, 75), jpeg(wrong, 100))()
    assert [problem.position for problem in report.problems] == [1, 2, 3], str(report)
    message = report.problems[0].message
    first, last = (int(word) for word in message.split("columns ")[1].split(" of 451")[0].split(" to "))
    assert first <= place <= last < first + 32 and "levels off" in message
    assert ("a flip in version 0.1.0" in message) == (place == 225)


def test_a_column_of_a_png_is_found_and_named(tmp_path):
    source = photo()
    wrong = source.copy()
    wrong[10:20, 7] ^= 1
    message = stored(tmp_path, source, cv2.imencode(".png", wrong)[1].tobytes())().problems[0].message
    assert "10 of 135,300 pixels, up to 1 levels off, in columns 7 to 7 and rows 10 to 19; the usual cause: other tr" in message


def test_every_quality_is_told_from_the_bytes_and_its_jpegs_are_sound(tmp_path):
    assert sorted(sources._qualities().values()) == list(range(1, 101))
    for source in (photo()[:97, :131], photo(color=0)[:97, :131]):
        report = stored(tmp_path, source, *(jpeg(source, quality) for quality in range(1, 101)))(min_psnr=0)
        assert report.ok and not [note for note in report.notes if "byte for byte" in note], str(report)


def drifted(image):
    """As another decoder might make it: a tenth of all levels is one off."""
    noise = np.random.RandomState(0)
    return np.clip(image + (noise.rand(*image.shape) < 0.1) * noise.choice([-1, 1], image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95, 100])
def test_a_whole_image_that_is_a_little_off_is_a_note(tmp_path, quality):
    source = photo()
    check = stored(tmp_path, source, jpeg(source, quality), jpeg(drifted(source), quality), jpeg(drifted(source), quality))
    report = check()
    assert report.ok, str(report)
    (note,) = [note for note in report.notes if "byte for byte" in note]
    assert "not byte for byte what OpenCV makes of these here: 2, the first in record 1; the usual cause: other tr" in note
    assert "or another version of OpenCV" in note
    strict = check(min_psnr=99)
    assert [problem.position for problem in strict.problems] == [0, 1, 2]
    assert "dB from its source 'source.png', expected at least 99.0" in strict.problems[0].message


def test_jpegs_of_other_encoders_are_compared_with_the_source_alone(tmp_path):
    source = photo()
    pillow = []
    for options in ({"subsampling": 0}, {"optimize": True}, {"progressive": True}):
        Image.fromarray(source[:, :, ::-1]).save(tmp_path / "pillow.jpg", quality=90, **options)
        pillow.append((tmp_path / "pillow.jpg").read_bytes())
    report = stored(tmp_path, source, *pillow, jpeg(source, 90, cv2.IMWRITE_JPEG_RST_INTERVAL, 4))()
    assert report.ok and not [note for note in report.notes if "byte for byte" in note], str(report)
    darker = source.copy()
    darker[200:, 300:] = (darker[200:, 300:] * 0.8).astype(np.uint8)
    report = stored(tmp_path, source, jpeg(darker, 90, cv2.IMWRITE_JPEG_OPTIMIZE, 1))()
    assert "a part of the image differs from its source" in report.problems[0].message
