# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The plan and the plain NDArray path, compared bit for bit over every stock transform."""

import pickle
import random
from functools import lru_cache

import cv2
import mxnet as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet.gluon import nn
from mxnet.gluon.data.vision import transforms

from mxnet_im2rec.transforms.plan import TransformPlan, _seed_generators
from mxnet_im2rec.transforms.result import to_uint8

SHAPES = [(1, 1), (1, 2), (2, 1), (1, 37), (41, 1), (2, 3), (3, 3), (7, 5), (64, 64), (101, 67), (66, 203), (480, 641)]


def picture(height, width, channels, seed=0):
    """Half a smooth picture, half noise."""
    noise = np.random.RandomState(seed + height * 1000 + width).randint(0, 256, (height, width, channels)).astype(np.uint8)
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([rows * 3, columns * 2, rows + columns], axis=2)[:, :, :channels].astype(np.uint8)
    return np.where((rows + columns)[:, :, None] % 7 < 4, smooth, noise)


def plain(transform, image, index=0, seed=0):
    """What the transform gives on NDArrays, or the error that it raises."""
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.shape[2] == 3 else image
    _seed_generators(mx, seed, index)
    try:
        result = transform(mx.nd.array(rgb, dtype="uint8")).asnumpy()
        stored = to_uint8(result, image.shape[2], makes_tensors=has_totensor(transform))
    except Exception as error:
        return type(error)
    return cv2.cvtColor(stored, cv2.COLOR_RGB2BGR) if stored.shape[2] == 3 else stored


def has_totensor(block):
    return isinstance(block, transforms.ToTensor) or any(map(has_totensor, getattr(block, "_children", {}).values()))


def planned(plan, image, index=0):
    try:
        return np.atleast_3d(plan(image.copy(), index))
    except Exception as error:
        return type(error)


def assert_same(make, images, by_opencv=None):
    """One plan and one transform, on every image."""
    plan, transform = TransformPlan(make(), seed=0), make()
    if by_opencv is not None:
        assert bool(plan._steps) is by_opencv
    for image in images:
        expected, found = plain(transform, image), planned(plan, image)
        if isinstance(expected, type):
            assert isinstance(found, type), f"{expected} on NDArrays, but the plan gave shape {found.shape}"
        else:
            assert not isinstance(found, type), found
            assert found.shape == expected.shape
            assert np.array_equal(found, expected)


def compose(*blocks):
    return transforms.Compose(list(blocks))


RESIZES = [
    (size, keep, interpolation)
    for size in (1, 5, 64, 300, (7, 200), (300, 150))
    for keep in (False, True)
    for interpolation in (0, 1, 2, 3, 4)
]


@lru_cache(maxsize=None)
def pictures(channels):
    """A picture of every shape; nobody changes them."""
    return [picture(height, width, channels) for height, width in SHAPES]


@pytest.mark.parametrize("interpolation", [0, 1, 3, 4])
def test_images_with_a_side_of_one_pixel(interpolation):
    images = [picture(*shape, channels) for shape in ((1, 1), (1, 7), (7, 1), (2, 1)) for channels in (1, 3)]
    for size in (1, 2, 49, (3, 20)):
        assert_same(lambda size=size: compose(transforms.Resize(size, False, interpolation)), images)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size, keep_ratio, interpolation", RESIZES)
def test_resize(size, keep_ratio, interpolation, channels):
    images = pictures(channels)
    if keep_ratio and size == 300:  # else a strip becomes tens of thousands of pixels long
        images = [image for image in images if max(image.shape[:2]) * 300 <= 20_000 * min(image.shape[:2])]
    assert_same(lambda: compose(transforms.Resize(size, keep_ratio, interpolation)), images, by_opencv=interpolation != 2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [1, 5, 64, 224, (200, 7), (64, 300)])
@pytest.mark.parametrize("interpolation", [0, 1, 2, 3, 4, 9])
def test_center_crop(size, interpolation, channels):
    by_opencv = interpolation in (0, 1, 3, 4)
    assert_same(lambda: compose(transforms.CenterCrop(size, interpolation)), pictures(channels), by_opencv)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0, 0, 5, 3), (10, 20, 30, 40), (500, 5, 100, 60), (-1, 0, 4, 4)])
@pytest.mark.parametrize(
    "size, interpolation", [(None, None), (16, 1), ((9, 31), 1), ((30, 20), 3), ((64, 64), 4), (8, 2), (8, None)]
)
def test_crop_resize(box, size, interpolation, channels):
    assert_same(lambda: compose(transforms.CropResize(*box, size, interpolation)), pictures(channels))


TAILS = {
    "ToTensor": lambda: [transforms.ToTensor()],
    "Normalize(0, 1)": lambda: [transforms.ToTensor(), transforms.Normalize(0, 1)],
    "Normalize of tuples": lambda: [transforms.ToTensor(), transforms.Normalize((0, 0, 0), (1, 1, 1))],
    "Normalize of one": lambda: [transforms.ToTensor(), transforms.Normalize((0.0,), (1.0,))],
    "two of them": lambda: [transforms.ToTensor(), transforms.Normalize(0, 1), transforms.Normalize(0.0, 1.0)],
    "a real Normalize": lambda: [transforms.ToTensor(), transforms.Normalize(-0.1, 2.0)],
    "too wide a Normalize": lambda: [transforms.ToTensor(), transforms.Normalize(0.5, 0.2)],
    "Cast": lambda: [transforms.Cast("float32")],
    "Cast to float16": lambda: [transforms.Cast("float16")],
    "Cast and ToTensor": lambda: [transforms.Cast("float32"), transforms.ToTensor()],
    "Normalize alone": lambda: [transforms.Normalize(0, 1)],
    "nothing": list,
}


def resize_and(tail):
    return compose(transforms.Resize((9, 8)), *TAILS[tail]())


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("channels", [1, 3])
def test_tails(tail, channels):
    images = [image[:, :, :channels] for image in pictures(3)]
    assert_same(lambda: resize_and(tail), images)
    assert_same(lambda: compose(*TAILS[tail](), *([] if tail != "nothing" else [transforms.CenterCrop(4)])), images)


@pytest.mark.parametrize("tail", TAILS)
def test_tails_on_four_channels(tail):
    plan, transform = TransformPlan(resize_and(tail), seed=0), resize_and(tail)
    for image in pictures(3):
        image = np.dstack([image, image[:, :, 0]])
        rgba = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
        try:
            result = transform(mx.nd.array(rgba, dtype="uint8")).asnumpy()
            expected = cv2.cvtColor(to_uint8(result, 4, "ToTensor" in tail), cv2.COLOR_RGBA2BGRA)
        except Exception:
            assert isinstance(planned(plan, image), type)
        else:
            assert np.array_equal(planned(plan, image), expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.RandomColorJitter(0.4, 0.4, 0.4, 0.4),
        lambda: transforms.RandomFlipLeftRight(),
        lambda: transforms.RandomFlipTopBottom(),
        lambda: transforms.RandomBrightness(0.3),
        lambda: transforms.RandomContrast(0.3),
        lambda: transforms.RandomSaturation(0.3),
        lambda: transforms.RandomHue(0.3),
        lambda: transforms.RandomLighting(0.3),
        lambda: transforms.RandomResizedCrop(20),
        lambda: transforms.RandomApply(compose(transforms.RandomHue(0.3)), p=0.5),
        lambda: compose(transforms.ToTensor(), transforms.Rotate(30)),
        lambda: compose(transforms.ToTensor(), transforms.RandomRotation((-30, 30))),
    ],
)
@pytest.mark.parametrize("tail", ["", "Normalize(0, 1)"])
def test_random_transforms_after_opencv_steps_draw_the_same(make, tail):
    if tail and has_totensor(make()):
        return  # it has one already
    image = picture(60, 90, 3)

    def whole():
        return compose(transforms.Resize((50, 40)), transforms.CenterCrop(36), make(), *(tail and TAILS[tail]()))

    plan, transform = TransformPlan(whole(), seed=7), whole()
    copy = pickle.loads(pickle.dumps(plan))
    assert len(plan._steps) == 2
    for index in range(12):
        state = random.getstate()
        expected = plain(transform, image, index, seed=7)
        random.setstate(state)
        assert not isinstance(expected, type)
        assert np.array_equal(planned(plan, image, index), expected)
        assert np.array_equal(planned(copy, image, index), expected)


class OwnResize(transforms.Resize):
    pass


def hooked():
    block = transforms.Resize(5)
    block.register_forward_pre_hook(lambda *arguments: None)
    return block


def patched():
    block = transforms.Resize(5)
    block.hybrid_forward = lambda ops, x: ops.image.resize(x, 6, False, 1)
    return block


@pytest.mark.parametrize(
    "make", [lambda: OwnResize(5), hooked, patched, lambda: transforms.Resize(5.5), lambda: transforms.Resize("a")]
)
def test_what_is_not_the_stock_transform_is_never_taken_for_it(make):
    assert_same(lambda: compose(make()), [picture(20, 30, 3)], by_opencv=False)


def test_nested_containers_are_looked_into():
    def make():
        inner = nn.HybridSequential()
        inner.add(transforms.Resize(20, keep_ratio=True), transforms.ToTensor())
        return compose(transforms.CenterCrop(50), compose(inner), transforms.Normalize(0, 1))

    plan = TransformPlan(make(), seed=0)
    assert len(plan._steps) == 2 and plan._middle == []
    assert_same(make, [picture(70, 90, 3)])


def test_an_opencv_that_does_otherwise_is_not_used(monkeypatch):
    true_resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda *args, **options: true_resize(*args, **options) ^ 1)
    plan = TransformPlan(compose(transforms.Resize(20)), seed=0)
    assert plan._steps == []
    monkeypatch.undo()
    image = picture(30, 40, 3)
    assert np.array_equal(planned(plan, image), plain(compose(transforms.Resize(20)), image))


sizes = st.one_of(st.integers(1, 90), st.tuples(st.integers(1, 90), st.integers(1, 90)))
interpolations = st.sampled_from([0, 1, 2, 3, 4])
blocks = st.one_of(
    st.builds(transforms.Resize, sizes, st.booleans(), interpolations),
    st.builds(transforms.CenterCrop, sizes, interpolations),
    st.builds(
        transforms.CropResize,
        st.integers(0, 20),
        st.integers(0, 20),
        st.integers(1, 60),
        st.integers(1, 60),
        st.one_of(st.none(), sizes),
        st.sampled_from([0, 1, 3, 4]),
    ),
)
tails = st.sampled_from(sorted(TAILS))


any_compose = given(
    st.lists(blocks, min_size=1, max_size=3), tails, st.integers(1, 120), st.integers(1, 120), st.sampled_from([1, 3])
)


def check_compose(chosen, tail, height, width, channels):
    image = picture(height, width, channels)
    plan = TransformPlan(compose(*chosen, *TAILS[tail]()), seed=0)
    found = planned(plan, image)
    if not isinstance(found, type) and found.size > 4_000_000:
        return  # a narrow strip made very long
    assert_same(lambda: compose(*chosen, *TAILS[tail]()), [image])


test_any_compose_of_any_image = settings(max_examples=120, deadline=None)(any_compose(check_compose))
test_any_compose_of_any_image_for_long = pytest.mark.slow(settings(max_examples=1500, deadline=None)(any_compose(check_compose)))


def test_a_block_whose_method_was_replaced_runs_itself_though_it_gives_the_same():
    block, seen = transforms.Resize(8), []
    forward = block.forward

    def spying(image):
        seen.append(image.shape)
        return forward(image)

    block.forward = spying
    plan = TransformPlan(compose(block), seed=0)
    seen.clear()
    plan(picture(20, 30, 3), 0)
    assert seen == [(20, 30, 3)]
