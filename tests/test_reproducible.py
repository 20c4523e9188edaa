# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Same inputs, same bytes: whatever the workers, the batch size and the start method, random transforms included."""

import random

import mxnet as mx
import numpy as np
import pytest
from helpers import dataset_bytes, read_records
from mxnet.gluon.data.vision import transforms

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


CASES = [(workers, batch, "fork") for workers in (0, 1, 2, 5) for batch in (1, 7, 4096)] + [(2, 7, "spawn")]


@pytest.fixture(scope="module", params=["none", "stock", "jitter", "own"])
def expected(request, photos, tmp_path_factory):
    transformations = {"none": lambda: None, "stock": stock, "jitter": jitter, "own": lambda: python_and_numpy_noise}[
        request.param
    ]
    folder = tmp_path_factory.mktemp("expected")
    report = im2rec(photos / "images.lst", folder / "out", transformations=transformations(), num_workers=0)
    return transformations, dataset_bytes(report)


@pytest.mark.parametrize("workers, batch_size, method", CASES)
def test_same_bytes(expected, photos, tmp_path, workers, batch_size, method):
    transformations, files = expected
    report = im2rec(
        photos / "images.lst",
        tmp_path / "out",
        transformations=transformations(),
        num_workers=workers,
        batch_size=batch_size,
        mp_context=method,
    )
    assert dataset_bytes(report) == files


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
