# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The hyperparameters for SageMaker: from the labels and the sizes of a dataset."""

import json

import cv2
import numpy as np
import pytest
from commands import call

from mxnet_im2rec import Im2RecError, recordio, summarize
from mxnet_im2rec.recordio.header import pack_header

BOX = [0.1, 0.1, 0.5, 0.5]


def encoded(kind, height, width):
    return cv2.imencode(kind, np.zeros((height, width, 3), np.uint8))[1].tobytes()


def write(folder, records):
    writer = recordio.MXIndexedRecordIO(str(folder / "made.idx"), str(folder / "made.rec"), "w")
    for index, labels, content in records:
        writer.write_idx(index, pack_header(index, labels) + content)
    writer.close()
    return str(folder / "made.rec")


def test_classification(tmp_path):
    path = write(
        tmp_path, [(0, [1], encoded(".jpg", 30, 20)), (1, [4], encoded(".png", 10, 50)), (2, [0], encoded(".jpg", 40, 40))]
    )
    expected = {"num_classes": 5, "num_training_samples": 3, "image_shape": "3,10,20"}
    assert summarize(path).hyperparameters() == expected
    assert json.loads(call("info", path, "--for", "sagemaker", "--json").stdout) == expected
    assert call("info", path, "--for", "sagemaker").stdout == "num_classes=5\nnum_training_samples=3\nimage_shape=3,10,20\n"


@pytest.mark.parametrize(("side", "shape"), [(10, 300), (511, 300), (512, 512)])
def test_detection(tmp_path, side, shape):
    image = encoded(".jpg", 600, side)
    path = write(tmp_path, [(0, [2, 5, 1, *BOX], image), (1, [2, 5, 0, *BOX, 2, *BOX], image)])
    expected = {"num_classes": 3, "num_training_samples": 2, "label_width": 12, "image_shape": shape}
    assert summarize(path).hyperparameters() == expected


def test_without_any_size(tmp_path):
    assert "image_shape" not in summarize(write(tmp_path, [(0, [1], b"no image")])).hyperparameters()


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([(0, [0.5], b"image")], "found 0.5"),
        ([(0, [0], b"image"), (1, [-1], b"image")], "found -1"),
        ([(0, [float("nan")], b"image")], "found nan"),
        ([(0, [float("inf")], b"image")], "found inf"),
        ([(0, [1, 2], b"image"), (1, [1], b"image")], "one label an image, its class, or labels for detection; found 1, 2"),
        ([(0, [1, 2], b"")], "has no image"),
    ],
)
def test_labels_that_are_no_classes_are_refused(tmp_path, records, said):
    path = write(tmp_path, records)
    with pytest.raises(Im2RecError, match=said):
        summarize(path).hyperparameters()
    assert said in call("info", path, "--for", "sagemaker", code=1).stderr
