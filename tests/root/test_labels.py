# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The layout of detection labels, held against MXNet's own ImageDetIter; one rule for every function that reads labels."""

import cv2
import mxnet as mx
import numpy as np
import pytest

from mxnet_im2rec import check_list, summarize, verify
from mxnet_im2rec.labels import DetectionLabels, detection_classes, detection_header, detection_problem
from mxnet_im2rec.packing.im2rec import im2rec
from mxnet_im2rec.values import ListEntry

BOX = [3.0, 0.1, 0.1, 0.5, 0.5]
GOOD = {
    "one object": [2.0, 5.0, *BOX],
    "two objects": [2.0, 5.0, *BOX, *BOX],
    "a longer header": [4.0, 5.0, 640.0, 480.0, *BOX],
    "a longer object": [2.0, 6.0, *BOX, 0.0],
    "a header of 70": [70.0, 5.0, *[0.0] * 68, *BOX],
}
REFUSED = {
    "half an object": [2.0, 5.0, *BOX, 1.0],
    "no object": [2.0, 5.0],
    "a header longer than the labels": [9.0, 5.0, *BOX],
    "a narrow object": [2.0, 4.0, *BOX[:4]],
    "no header": [3.0],
}


def accepts(labels):
    """Whether MXNet's ImageDetIter finds objects in these labels."""
    reader = mx.image.ImageDetIter.__new__(mx.image.ImageDetIter)
    try:
        return len(reader._parse_label(np.array(labels, np.float32))) > 0
    except RuntimeError:
        return False


@pytest.mark.parametrize("labels", list(GOOD.values()), ids=list(GOOD))
def test_good_labels_are_those_that_mxnet_takes(labels):
    assert accepts(labels) and detection_problem(labels) is None
    assert detection_header(labels) == tuple(labels[:2])
    assert set(detection_classes(labels)) == {3.0}


@pytest.mark.parametrize("labels", list(REFUSED.values()), ids=list(REFUSED))
def test_refused_labels_are_those_that_mxnet_refuses(labels):
    assert not accepts(labels) and detection_problem(labels) is not None
    assert detection_header(labels) is None and detection_classes(labels) is None


def test_more_than_half_of_the_images_decide():
    found = DetectionLabels()
    for place in range(2):
        found.add(GOOD["one object"], place)
    found.add([1.0], "odd")
    assert found.header == (2, 5)
    (problem,), count = found.problems()
    assert count == 1 and problem[0] == "odd" and problem[1].endswith("it begins with 1")
    found.add([1.0], "odd")
    assert found.header is None


@pytest.mark.parametrize("labels", list(GOOD.values()), ids=list(GOOD))
def test_every_function_has_the_same_opinion(tmp_path, labels):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9, 3), np.uint8))
    entries = [ListEntry(0, tuple(labels), "a.png"), ListEntry(1, tuple(labels), "a.png")]
    assert check_list(entries, tmp_path).is_detection
    report = im2rec(entries, tmp_path / "out", root=tmp_path, num_workers=0, encoding=".png")
    assert set(summarize(report.rec_path).object_histogram) == {3.0}
    assert not any("detection" in note for note in verify(report.rec_path, pixels="none").notes)
