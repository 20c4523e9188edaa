# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Compose, Resize and CenterCrop of the package: MXNet's bits, and no MXNet."""

import copy
import pickle
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon.data.vision import transforms as gluon
from photos import PHOTOS, SKIMAGE
from PIL import Image

from mxnet_im2rec import ImageError, ListEntry, im2rec, transforms
from mxnet_im2rec.errors import ArgumentError
from mxnet_im2rec.transforms.plan import OpenCVPlan, TransformPlan, make_plan
from mxnet_im2rec.transforms.stock import opencv_prefix

SHAPES = [(1, 1), (1, 9), (2, 3), (5, 5), (41, 1), (64, 48), (101, 67), (300, 451)]
SIZES = [1, 8, 33, (17, 40), (64, 5)]
CROPS = [{"size": size, "interpolation": how} for size in SIZES for how in (0, 1, 3, 4)]
RESIZES = [{**options, "keep_ratio": keep} for options in CROPS for keep in (False, True)]


def picture(height, width, channels):
    return np.random.RandomState(height * 1000 + width).randint(0, 256, (height, width, channels)).astype(np.uint8)


PICTURES = [picture(*shape, channels) for shape in SHAPES for channels in (1, 3, 4)]


def by_gluon(transform, image):
    """What Gluon's transform gives; None if it fails."""
    try:
        return transform(mx.nd.array(image, dtype="uint8")).asnumpy()
    except (mx.MXNetError, ValueError, AssertionError):
        return None


@pytest.mark.parametrize(
    ("name", "options"),
    [("Resize", each) for each in RESIZES] + [("CenterCrop", each) for each in CROPS],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_the_bits_are_those_of_mxnet(name, options):
    ours, theirs = getattr(transforms, name)(**options), getattr(gluon, name)(**options)
    num_equal = 0
    for image in PICTURES:
        expected = by_gluon(theirs, image)
        try:
            found = ours(image)
        except ImageError:
            assert expected is None or options["interpolation"] == 4 or 0 in expected.shape, image.shape
            continue
        if expected is not None:
            assert found.shape == expected.shape
            assert found.dtype == np.uint8
            assert np.array_equal(found, expected), image.shape
            num_equal += 1
    assert num_equal >= 9


def test_defaults_are_gluons():
    image = picture(61, 90, 3)
    assert np.array_equal(transforms.Resize(20)(image), by_gluon(gluon.Resize(20), image))
    assert np.array_equal(transforms.CenterCrop(20)(image), by_gluon(gluon.CenterCrop(20), image))


def test_an_ndarray_gives_an_ndarray():
    image = picture(61, 90, 1)
    expected = transforms.Resize(20)(image)
    for array in (mx.nd.array(image, dtype="uint8"), mx.np.array(image, dtype="uint8")):
        found = transforms.Compose([transforms.Resize(20)])(array)
        assert type(found) is type(array)
        assert found.dtype == np.uint8
        assert np.array_equal(found.asnumpy(), expected)


def test_an_image_without_channels_stays_so():
    assert transforms.Resize(20)(picture(61, 90, 1)[:, :, 0]).shape == (20, 20)
    assert transforms.CenterCrop(20)(picture(61, 90, 1)[:, :, 0]).shape == (20, 20)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transforms.Resize(0), "size must be at least 1"),
        (lambda: transforms.Resize(2**31), "size must be at most 65,535, not 2147483648"),
        (lambda: transforms.Resize((8, 65_536)), "size must be at most 65,535, not 65536"),
        (lambda: transforms.CenterCrop(10**30), "size must be at most 65,535"),
        (lambda: transforms.Resize(2.5), "size must be a whole number, not 2.5"),
        (lambda: transforms.Resize((1, 2, 3)), r"size must be one number, or \(width, height\), not \(1, 2, 3\)"),
        (lambda: transforms.Resize(8, keep_ratio="yes"), "keep_ratio must be True or False"),
        (lambda: transforms.Resize(8, interpolation=2), "interpolation must be 0, 1, 3 or 4, not 2; for others use Gluon's"),
        (lambda: transforms.CenterCrop(-1), "size must be at least 1"),
        (lambda: transforms.CenterCrop(8, interpolation=True), "interpolation must be a whole number"),
        (lambda: transforms.Compose(transforms.Resize(8)), "transforms must be a list of transforms"),
        (lambda: transforms.Compose([transforms.Resize]), r"transforms\[0\] must be a transform, such as Resize\(256\)"),
        (lambda: transforms.Compose([transforms.Resize(8), 3]), r"transforms\[1\] must be a transform"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        make()


@pytest.mark.parametrize("make", [lambda: transforms.Resize(8), lambda: transforms.CenterCrop(8)])
@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ([[1, 2]], TypeError, "this is of type list"),
        (None, TypeError, "this is of type NoneType"),
        (Image.new("RGB", (9, 9)), TypeError, "this is of type Image"),
        (np.zeros((9, 9, 3), np.int64), TypeError, "this one is of int64"),
        (np.zeros((9, 9, 3), bool), TypeError, "this one is of bool"),
        (np.zeros((9, 9, 3), np.float32), TypeError, "this one is of float32"),
        (mx.nd.zeros((9, 9, 3)), TypeError, "this one is of float32"),
        (np.zeros((0, 9, 3), np.uint8), ValueError, r"not empty; this one is \(0, 9, 3\)"),
        (np.zeros(9, np.uint8), ValueError, r"this one is \(9,\)"),
        (np.zeros((1, 9, 9, 3), np.uint8), ValueError, r"this one is \(1, 9, 9, 3\)"),
        (np.zeros((9, 9, 5), np.uint8), ValueError, r"this one is \(9, 9, 5\)"),
    ],
)
def test_what_is_no_image_is_refused_by_name(make, image, error, message):
    with pytest.raises(error, match=rf"^image must be .*uint8.*\(H, W, C\).*\(H, W\).*{message}$") as caught:
        make()(image)
    assert isinstance(caught.value, ArgumentError)


def test_the_result_shares_no_memory_with_the_image():
    for image in (picture(61, 90, 3), picture(61, 90, 1), picture(20, 20, 3), picture(20, 20, 1)[:, :, 0]):
        for each in (transforms.CenterCrop(20), transforms.Resize(20), transforms.Compose([transforms.CenterCrop(20)])):
            found = each(image)
            assert not np.shares_memory(found, image)
            assert found.flags.c_contiguous and found.flags.writeable


def test_a_result_that_is_too_long_for_opencv_is_an_image_error():
    with pytest.raises(ImageError, match="^it would become 6,553,500,000 x 65,535 pixels"):
        transforms.Resize(65_535, keep_ratio=True)(np.zeros((1, 100_000), np.uint8))


@pytest.mark.parametrize("make", [lambda: gluon.Resize(2**17), lambda: gluon.CenterCrop(2**17)])
def test_gluons_sizes_that_are_too_large_for_ours_are_left_to_mxnet(make):
    assert opencv_prefix([make()], gluon) == []


def test_a_direct_call_gives_gluons_transforms_what_it_was_given():
    compose = transforms.Compose([transforms.Resize(20), gluon.ToTensor()])
    assert compose(mx.nd.array(picture(61, 90, 3), dtype="uint8")).shape == (3, 20, 20)


def test_they_can_be_copied_pickled_and_read():
    compose = transforms.Compose([transforms.Resize((30, 20)), transforms.CenterCrop(9, 3)])
    shown = "Compose([Resize(size=(30, 20), keep_ratio=False, interpolation=1), CenterCrop(size=9, interpolation=3)])"
    for each in (compose, copy.deepcopy(compose), pickle.loads(pickle.dumps(compose))):
        assert repr(each) == shown
        assert each(picture(61, 90, 3)).shape == (9, 9, 3)


def test_sizes_may_be_numpys_numbers():
    assert transforms.Resize(np.int64(8)) == transforms.Resize((8,)) == transforms.Resize(8)


def test_of_them_alone_the_plan_needs_no_mxnet():
    assert isinstance(make_plan(transforms.Resize(8), 0), OpenCVPlan)
    assert isinstance(make_plan(transforms.Compose([transforms.Compose([]), transforms.CenterCrop(8)]), 0), OpenCVPlan)


def mirror():
    """No random one: what MXNet draws in a hybridized Compose of several is not what it draws in each alone."""
    return mx.gluon.nn.Lambda(lambda image: mx.nd.flip(image, axis=1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.Compose([transforms.Resize(40), gluon.ToTensor()]),
        lambda: transforms.Compose([mirror(), transforms.Resize(40)]),
        lambda: gluon.Compose([mirror(), transforms.Resize(40), gluon.CenterCrop(20)]),
        lambda: lambda image: transforms.Resize(40)(image),
    ],
)
def test_among_gluons_they_do_the_same(make):
    def translated(transform):
        """The same of Gluon's alone."""
        if isinstance(transform, (transforms.Compose, gluon.Compose)):
            return gluon.Compose([translated(each) for each in transform._children.values()])
        return transform if isinstance(transform, mx.gluon.Block) else gluon.Resize(40)

    plan, expected = make_plan(make(), 5), TransformPlan(translated(make()), 5)
    assert isinstance(plan, TransformPlan)
    for index, image in enumerate(PICTURES):
        if image.shape[2] in (1, 3) and min(image.shape[:2]) > 1:
            assert np.array_equal(np.atleast_3d(plan(image.copy(), index)), np.atleast_3d(expected(image.copy(), index)))


def test_an_image_that_may_differ_is_a_failure_that_says_why(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "thin.png"), picture(1, 50, 3))
    cv2.imwrite(str(tmp_path / "thick.png"), picture(30, 50, 3))
    entries = [ListEntry(0, (0.0,), "thin.png"), ListEntry(1, (0.0,), "thick.png")]
    report = im2rec(entries, tmp_path / "out", transforms.Resize(20, interpolation=4), root=tmp_path, error_limit=1)
    assert report.num_records == 1
    (failure,) = report.failures
    assert (failure.stage, failure.path) == ("transform", "thin.png")
    assert (
        failure.reason
        == "Lanczos gives other bits than MXNet where a side has one pixel: use Gluon's transform (which needs MXNet)"
    )


@pytest.mark.parametrize("options", [{}, {"color": 0}, {"color": -1, "encoding": ".png"}, {"fast_decode": True}])
def test_datasets_are_those_of_gluons_transforms(tmp_path, options):
    entries = [ListEntry(number, (float(number),), name) for number, name in enumerate(PHOTOS)]
    made = []
    for module in (transforms, gluon):
        compose = module.Compose([module.Resize(100, keep_ratio=True), module.CenterCrop((90, 60))])
        report = im2rec(entries, tmp_path / "out", compose, num_workers=0, root=SKIMAGE, **options)
        made.append(Path(report.rec_path).read_bytes())
    assert made[0] == made[1]
