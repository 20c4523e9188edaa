# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Plans: what may come back from a transform, what is random, what pickles."""

import pickle

import cv2
import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import nn
from mxnet.gluon.data.vision import transforms

from mxnet_im2rec import EmptyDatasetError, ListEntry, TransformResultError, im2rec
from mxnet_im2rec.transforms.plan import TransformPlan
from mxnet_im2rec.transforms.result import to_uint8

RGB = np.random.RandomState(1).randint(0, 256, (7, 9, 3)).astype(np.uint8)


def test_every_level_survives_totensor_and_a_normalize_that_changes_nothing():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    plan = TransformPlan(transforms.Compose([transforms.ToTensor(), transforms.Normalize(0, 1)]), seed=0)
    assert np.array_equal(plan(levels.copy(), 0), levels)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_of_either_layout_come_back_as_levels(dtype):
    assert np.array_equal(to_uint8(RGB.astype(dtype), 3), RGB)
    chw = (RGB.astype("float64") / 255).transpose(2, 0, 1).astype(dtype)
    assert np.array_equal(to_uint8(chw, 3), RGB)


def test_floats_in_0_to_255_are_rounded_and_saturated():
    values = np.array([-7.0, 0.4, 0.6, 2.5, 254.5, 300.0, np.inf, -np.inf], np.float32).reshape(8, 1, 1)
    assert to_uint8(values, 1).ravel().tolist() == [0, 0, 1, 2, 254, 255, 255, 0]


@pytest.mark.parametrize("value, level", [(-0.4 / 255, 0), (1 + 0.4 / 255, 255)])
def test_tensors_may_overshoot_by_half_a_level(value, level):
    assert to_uint8(np.full((3, 2, 2), value, np.float32), 3)[0, 0, 0] == level


@pytest.mark.parametrize(
    "result, words",
    [
        (np.full((3, 4, 5), -0.6 / 255), r"values from -0\.00235.*only \[0, 1\]"),
        (np.full((3, 4, 5), 2.0), r"values from 2 to 2.*Normalize"),
        (np.full((3, 4, 5), np.nan), "NaN"),
        (np.full((4, 5, 3), np.nan), "NaN"),
        (np.zeros((4, 5)), r"\(4x5\)"),
        (np.zeros((1, 3, 4, 5)), r"\(1x3x4x5\)"),
        (np.zeros((0, 5, 3)), r"\(0x5x3\)"),
        (np.zeros((6, 5, 2)), "no side of 1, 3 or 4"),
        (np.zeros((3, 4, 5), np.uint8), "transpose it back"),
        (np.zeros((4, 5, 2), np.uint8), "2 channels"),
        (np.zeros((4, 5, 3), np.int32), r"int32.*Cast\('uint8'\)"),
        (np.zeros((4, 5, 3), bool), "bool"),
        ([1, 2], "list"),
        (None, "NoneType"),
        ((np.zeros((4, 5, 3), np.uint8), 1), "tuple"),
    ],
)
def test_what_cannot_be_stored_says_what_was_found(result, words):
    with pytest.raises(TransformResultError, match=words):
        to_uint8(result, 3)


@pytest.mark.parametrize(
    "shape, channels, makes_tensors, expected",
    [
        ((3, 4, 5), 3, False, (4, 5, 3)),
        ((4, 5, 3), 3, True, (4, 5, 3)),
        ((3, 8, 1), 3, False, (8, 1, 3)),  # both could be channels; three went in
        ((3, 8, 1), 1, False, (3, 8, 1)),
        ((3, 8, 3), 3, True, (8, 3, 3)),  # both fit; a ToTensor was there
        ((3, 8, 3), 3, False, (3, 8, 3)),
        ((1, 1, 1), 1, True, (1, 1, 1)),
    ],
)
def test_layout_is_told_by_shape_and_plan_never_by_values(shape, channels, makes_tensors, expected):
    assert to_uint8(np.ones(shape, np.float32), channels, makes_tensors).shape == expected


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (3, 3), (1, 40), (40, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiny_images_survive_totensor(shape, channels):
    image = np.random.RandomState(2).randint(0, 256, (*shape, channels)).astype(np.uint8)
    plan = TransformPlan(transforms.Compose([transforms.ToTensor()]), seed=0)
    assert np.array_equal(plan(image.copy(), 0), image)


class OwnResize(transforms.Resize):
    """A subclass may do anything."""


def hooked():
    block = transforms.Resize(5)
    block.register_forward_hook(lambda *arguments: None)
    return block


def nested(*blocks):
    outer = nn.HybridSequential()
    outer.add(*blocks)
    return transforms.Compose([transforms.Resize(9), outer])


@pytest.mark.parametrize(
    "transform, is_random",
    [
        (transforms.Compose([transforms.Resize(5), transforms.CenterCrop(4), transforms.ToTensor()]), False),
        (transforms.Compose([transforms.Compose([transforms.CropResize(0, 0, 3, 3)]), transforms.Cast("float32")]), False),
        (nested(transforms.Resize(5), transforms.Normalize(0, 1)), False),
        (transforms.Resize(5), False),
        (transforms.Compose([transforms.RandomFlipLeftRight()]), True),
        (nested(transforms.Resize(5), transforms.RandomHue(0.1)), True),
        (transforms.Compose([transforms.RandomApply(transforms.Resize(5))]), True),
        (transforms.Compose([OwnResize(5)]), True),
        (transforms.Compose([hooked()]), True),
        (lambda image: image, True),
    ],
)
def test_only_known_transforms_are_taken_for_not_random(transform, is_random):
    assert TransformPlan(transform, seed=0).is_random is is_random


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.Compose([transforms.Resize(5), transforms.ToTensor(), transforms.Normalize(0, 1)]),
        lambda: transforms.Compose([transforms.RandomResizedCrop(5), transforms.RandomColorJitter(0.3, 0.3, 0.3, 0.3)]),
        lambda: lambda image: image[::2] * (mx.nd.random.uniform(shape=(1,)) > 0.5).astype("uint8"),
    ],
)
def test_a_plan_pickles_fresh_and_used_and_gives_the_same(make):
    plan = TransformPlan(make(), seed=3)
    fresh = pickle.loads(pickle.dumps(plan))
    expected = [plan(RGB.copy(), index) for index in range(5)]
    used = pickle.loads(pickle.dumps(plan))
    for other in (fresh, used):
        assert all(np.array_equal(other(RGB.copy(), index), expected[index]) for index in range(5))


def test_what_does_not_pickle_at_all_says_what_to_do():
    import threading

    lock = threading.Lock()
    plan = TransformPlan(lambda image: lock and image, seed=0)
    with pytest.raises(TypeError, match="num_workers=0"):
        pickle.dumps(plan)


def test_only_a_worker_shares_an_images_memory_with_mxnet():
    """Elsewhere a fork could wait for ever: MXNet's thread that gives the memory back needs the lock which the fork holds."""
    plan = TransformPlan(lambda image: image, 0)
    image = np.full((4, 4, 3), 7, np.uint8)
    array = plan._to_ndarray(image)
    array.wait_to_read()
    image[:] = 8
    assert array.asnumpy().max() == 7
    plan.prepare()
    array = plan._to_ndarray(image)
    array[:] = 9
    array.wait_to_read()
    assert image.max() == 9


def test_the_traceback_of_a_failure_begins_in_the_callers_code(tmp_path):
    """The frames of this package explain nothing, in whichever of its folders they are."""
    cv2.imwrite(str(tmp_path / "good.png"), RGB)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))

    def fail(image):
        raise KeyError("mine")

    entries = [ListEntry(0, (0.0,), "good.png"), ListEntry(1, (0.0,), "bad.png")]
    options = {"root": tmp_path, "num_workers": 0, "error_limit": None, "progress": False, "max_pixels": None}
    with pytest.raises(EmptyDatasetError) as caught:
        im2rec(entries, tmp_path / "out", fail, **options)
    mine, ours = (failure.traceback for failure in caught.value.failures)
    assert ours == "" and "in fail" in mine and "mxnet_im2rec/" not in mine
