# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Packs three images with the installed package, as a plain script without a main guard, and reads them back with MXNet."""

import sys
import tempfile
from pathlib import Path

from mxnet_im2rec import ListEntry, im2rec  # isort: split

import cv2
import mxnet as mx
import numpy as np
from mxnet.gluon.data.vision import transforms

folder = Path(tempfile.mkdtemp())
rows, columns = np.mgrid[0:90, 0:120]
for index in range(3):
    image = np.stack([rows * 2, columns * 2, rows + columns + 10 * index], axis=2).astype(np.uint8)
    cv2.imwrite(str(folder / f"{index}.png"), image)

compose = transforms.Compose([transforms.Resize(64), transforms.ToTensor(), transforms.Normalize(0, 1)])
entries = [ListEntry(index, (float(index),), f"{index}.png") for index in range(3)]
report = im2rec(entries, folder / "out", transformations=compose, num_workers=2, root=folder)
assert report.num_records == 3, report
batch = next(
    mx.io.ImageRecordIter(path_imgrec=report.rec_path, path_imgidx=report.idx_path, data_shape=(3, 64, 64), batch_size=3)
)
assert batch.label[0].asnumpy().tolist() == [0.0, 1.0, 2.0]
assert batch.data[0].shape == (3, 3, 64, 64)
print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, OpenCV {cv2.__version__}: 3 images packed and read back")
