# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Same inputs, same bytes: whatever the workers, the batch size and the start method, random transforms included."""

import random

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import dataset_bytes, read_records
from mxnet.gluon.data.vision import transforms
from photos import PHOTOS, SKIMAGE, write_list

from mxnet_im2rec import im2rec


def stock():
    return transforms.Compose([transforms.Resize(80), transforms.ToTensor(), transforms.Normalize(0, 1)])


def jitter():
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(80),
            transforms.RandomFlipLeftRight(),
            transforms.RandomColorJitter(0.4, 0.4, 0.4, 0.4),
            transforms.RandomLighting(0.5),
        ]
    )


def python_and_numpy_noise(image):
    noise = np.random.randint(0, 20, image.shape) + random.randrange(20)
    return mx.nd.array(np.clip(image.asnumpy() + noise, 0, 255), dtype="uint8")


KINDS = {"none": lambda: None, "stock": stock, "jitter": jitter, "own": lambda: python_and_numpy_noise}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The real photos as they come four times over, at a quarter of their sides."""
    folder = tmp_path_factory.mktemp("photos")
    for name in PHOTOS:
        image = cv2.imread(str(SKIMAGE / name))
        cv2.imwrite(str(folder / name), cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA))
    write_list(folder / "images.lst", PHOTOS * 4)
    return folder


@pytest.fixture(scope="module")
def expected(photos, tmp_path_factory):
    """Gives the files that a kind of transforms makes in this process, whole batches at a time."""
    folder, made = tmp_path_factory.mktemp("expected"), {}

    def of(kind):
        if kind not in made:
            made[kind] = dataset_bytes(im2rec(photos / "images.lst", folder / kind, KINDS[kind](), num_workers=0))
        return made[kind]

    return of


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers, batch_size", [(0, 1), (0, 7), (1, 4096), (2, 1), (2, 7), (5, 7), (5, 4096)])
def test_same_bytes(expected, photos, tmp_path, kind, workers, batch_size):
    report = im2rec(
        photos / "images.lst", tmp_path / "out", KINDS[kind](), num_workers=workers, batch_size=batch_size, mp_context="fork"
    )
    assert dataset_bytes(report) == expected(kind)


@pytest.mark.parametrize("kind, workers", [("none", 2), ("jitter", 1), ("own", 1)])
def test_same_bytes_by_spawned_workers(expected, photos, tmp_path, kind, workers):
    """'jitter' draws from every generator of MXNet's transforms, 'own' from those of Python and NumPy."""
    report = im2rec(photos / "images.lst", tmp_path / "out", KINDS[kind](), num_workers=workers, batch_size=7, mp_context="spawn")
    assert dataset_bytes(report) == expected(kind)


def test_another_seed_gives_another_dataset_and_each_image_its_own_draw(photos, tmp_path):
    entries = photos / "images.lst"
    first = im2rec(entries, tmp_path / "first", transformations=jitter(), num_workers=1, seed=1)
    second = im2rec(entries, tmp_path / "second", transformations=jitter(), num_workers=1, seed=-1)
    payloads = [payload for _, _, payload in read_records(first)]
    assert len(set(payloads)) == len(payloads)  # the list names every photo four times
    assert dataset_bytes(first)[0] != dataset_bytes(second)[0]


def test_the_callers_generators_are_left_as_they_were(photos, tmp_path):
    for workers in (0, 1):
        random.seed(5)
        np.random.seed(5)
        im2rec(photos / "images.lst", tmp_path / "out", transformations=jitter(), num_workers=workers)
        drawn = random.random(), np.random.random()
        random.seed(5)
        np.random.seed(5)
        assert drawn == (random.random(), np.random.random())


def test_mxnets_generator_gets_fresh_entropy_after_work_in_process(photos, tmp_path):
    draws = []
    for _ in range(2):
        im2rec(photos / "images.lst", tmp_path / "out", transformations=jitter(), num_workers=0)
        draws.append(mx.nd.random.uniform(shape=(4,)).asnumpy().tolist())
    assert draws[0] != draws[1]
