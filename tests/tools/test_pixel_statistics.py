# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The mean and the deviation of all pixels, against sums of Python's whole numbers, and against MXNet's Normalize."""

import json
import math
from fractions import Fraction

import cv2
import numpy as np
import pytest
from commands import call
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import IndexedRecordWriter, RecordFile, summarize
from mxnet_im2rec.tools.pixel_statistics import PixelTotals, sums_of


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def write(folder, contents):
    with IndexedRecordWriter(folder / "made") as writer:
        for index, content in enumerate(contents):
            writer.write(index, 0.0, content)
    return folder / "made.rec"


def exact(images):
    """The mean and the deviation of (H, W, 3) uint8 images in RGB order, from whole numbers and fractions alone."""
    mean, std = [], []
    for channel in range(3):
        values = [int(value) for image in images for value in image[:, :, channel].ravel()]
        average = Fraction(sum(values), len(values))
        mean.append(float(average / 255))
        std.append(math.sqrt(sum((value - average) ** 2 for value in values) / len(values) / 255**2))
    return tuple(mean), tuple(std)


def random_images(*shapes):
    return [np.random.default_rng(number).integers(0, 256, shape, np.uint8) for number, shape in enumerate(shapes)]


@pytest.mark.parametrize("num_workers", [None, 0, 1, 3])
def test_images_of_all_kinds(tmp_path, num_workers):
    bgr, grey, bgra = random_images((7, 9, 3), (5, 4), (3, 11, 4))
    deep = np.random.default_rng(9).integers(0, 65536, (4, 6, 3), np.uint16)
    path = write(tmp_path, [png(bgr), png(grey), b"", png(bgra), png(deep)])
    summary = summarize(path, pixels=True, num_workers=num_workers)
    expected = [bgr[:, :, ::-1], np.dstack([grey] * 3), bgra[:, :, 2::-1], (deep >> 8)[:, :, ::-1]]
    assert (summary.mean, summary.std) == exact(expected)
    assert summary.num_undecoded == 0 and summary.num_records == 5 and summary.num_images == 4


def test_many_records_of_several_chunks(tmp_path):
    images = random_images(*[(3 + number % 5, 2 + number % 7, 3) for number in range(100)])
    summary = summarize(write(tmp_path, map(png, images)), pixels=True, num_workers=3)
    assert (summary.mean, summary.std) == exact([image[:, :, ::-1] for image in images])


def test_a_jpeg_counts_as_it_is_decoded(photos, tmp_path):
    content = next(photos.rglob("*.jpg")).read_bytes()
    summary = summarize(write(tmp_path, [content]), pixels=True)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1].reshape(-1, 3) / 255
    assert np.allclose(summary.mean, pixels.mean(axis=0), atol=1e-12) and np.allclose(summary.std, pixels.std(axis=0), atol=1e-12)


def test_sums_are_exact_where_float32_is_not():
    image = np.full((4097, 4099, 3), 255, np.uint8)
    image[0, 0] = 254, 253, 1
    sums = sums_of(image)
    number = 4097 * 4099
    assert sums.num_pixels == number
    assert sums.sums == tuple(255 * (number - 1) + value for value in (254, 253, 1))
    assert sums.squares == tuple(255**2 * (number - 1) + value**2 for value in (254, 253, 1))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 255), st.integers(0, 254)), min_size=1, max_size=5)
)
def test_totals_are_those_of_all_images_together(shapes):
    images = [
        np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8) // (1 + low)
        for height, width, seed, low in shapes
    ]
    totals = PixelTotals()
    for image in images:
        totals.add(None, 0, sums_of(image))
    assert (totals.mean(), totals.std()) == exact(images)


def test_totals_hold_more_than_64_bits():
    image = sums_of(np.full((1, 1, 3), 255, np.uint8))
    totals = PixelTotals()
    totals.add(None, 0, image._replace(num_pixels=2**50, sums=(255 * 2**50,) * 3, squares=(255**2 * 2**50,) * 3))
    totals.add(None, 0, image._replace(num_pixels=2**50, sums=(0,) * 3, squares=(0,) * 3))
    assert totals.mean() == (0.5,) * 3 and totals.std() == (0.5,) * 3


def test_one_value_has_no_deviation(tmp_path):
    path = write(tmp_path, [png(np.full((5, 5, 3), 7, np.uint8))] * 3)
    summary = summarize(path, pixels=True)
    assert summary.mean == (float(Fraction(7, 255)),) * 3 and summary.std == (0.0,) * 3


def test_images_that_do_not_decode_are_counted_and_named(tmp_path):
    good = random_images((5, 6, 3))[0]
    path = write(tmp_path, [png(good), b"no image", png(good)[:-30], *[b"none"] * 12])
    seen = []
    summary = summarize(path, pixels=True, progress=lambda *numbers: seen.append(numbers))
    assert (summary.mean, summary.std) == exact([good[:, :, ::-1]])
    assert summary.num_undecoded == 14 and len(summary.undecoded) == 10
    assert summary.undecoded[0].startswith("record 1, index 1: ") and "truncated" in summary.undecoded[1]
    assert "14 images not decoded, and not in mean and std\n  record 1, index 1: " in str(summary)
    assert str(summary).endswith("... and 4 more")
    assert seen == [(number, 15, max(0, number - 1)) for number in range(1, 16)]


def test_nothing_decodes(tmp_path):
    summary = summarize(write(tmp_path, [b"none"]), pixels=True)
    assert summary.mean is None and summary.std is None and summary.num_undecoded == 1


def test_max_pixels(tmp_path):
    small, large = random_images((5, 6, 3), (10, 10, 3))
    summary = summarize(write(tmp_path, [png(small), png(large)]), pixels=True, max_pixels=30)
    assert summary.mean == exact([small[:, :, ::-1]])[0]
    assert summary.num_undecoded == 1 and "max_pixels allows 30" in summary.undecoded[0]
    assert summarize(tmp_path / "made.rec", pixels=True, max_pixels=None).num_undecoded == 0


def test_without_pixels_nothing_is_decoded(tmp_path):
    summary = summarize(write(tmp_path, [b"no image"]))
    assert summary.mean is None and summary.std is None and summary.num_undecoded == 0 and "mean" not in str(summary)


def test_wrong_arguments(tmp_path):
    path = write(tmp_path, [b"none"])
    for options in ({"pixels": 2}, {"pixels": True, "num_workers": -1}, {"max_pixels": 0}, {"progress": True}):
        with pytest.raises((TypeError, ValueError), match=list(options)[-1]):
            summarize(path, **options)


def test_normalize_makes_mean_0_and_deviation_1(photos, tmp_path):
    transforms = pytest.importorskip("mxnet").gluon.data.vision.transforms
    import mxnet as mx

    path = write(tmp_path, [each.read_bytes() for each in sorted(photos.rglob("*.jpg"))[:4]])
    summary = summarize(path, pixels=True)
    normalize = transforms.Compose([transforms.ToTensor(), transforms.Normalize(summary.mean, summary.std)])
    with RecordFile(path) as records:
        pixels = [normalize(mx.nd.array(record.image(), dtype="uint8")).asnumpy().reshape(3, -1) for record in records]
    together = np.concatenate(pixels, axis=1).astype(np.float64)
    assert np.allclose(together.mean(axis=1), 0, atol=1e-5) and np.allclose(together.std(axis=1), 1, atol=1e-5)


def test_command(tmp_path):
    good = random_images((5, 6, 3))[0]
    path = write(tmp_path, [png(good)])
    found = json.loads(call("info", path, "--pixels", "--json", "--workers", 0).stdout)
    assert (tuple(found["mean"]), tuple(found["std"])) == exact([good[:, :, ::-1]])
    shown = call("info", path, "--pixels").stdout
    assert "mean of red, green and blue\n  " + ", ".join(f"{value:.6f}" for value in found["mean"]) in shown


def test_command_fails_where_an_image_does_not_decode(tmp_path):
    path = write(tmp_path, [png(random_images((5, 6, 3))[0]), b"none"])
    call("info", path, "--pixels", code=1)
    call("info", path)
