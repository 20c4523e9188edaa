# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Packs, verifies and reads three images with the installed package, as a plain script without a main guard.

With MXNet it packs through Gluon transforms, and MXNet reads what was packed. Without, it packs through the package's own.
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from mxnet_im2rec import ListEntry, RecordFile, im2rec, transforms, verify
from mxnet_im2rec.mxnet_compat import is_installed

SHAPE, SIZE = (90, 120, 3), 64
folder = Path(tempfile.mkdtemp())
rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
for index in range(3):
    image = np.stack([rows * 2, columns * 2, rows + columns + 10 * index], axis=2).astype(np.uint8)
    cv2.imwrite(str(folder / f"{index}.png"), image)
entries = [ListEntry(index, (float(index),), f"{index}.png") for index in range(3)]

compose = transforms.Compose([transforms.Resize(SIZE)])
if is_installed():
    import mxnet as mx
    from mxnet.gluon.data.vision import transforms as gluon

    compose = gluon.Compose([gluon.Resize(SIZE), gluon.ToTensor(), gluon.Normalize(0, 1)])
report = im2rec(entries, folder / "out", compose, num_workers=2, root=folder)
assert report.num_records == 3, report

verify(report.rec_path).raise_for_problems()
if is_installed():
    batches = mx.io.ImageRecordIter(
        path_imgrec=report.rec_path, path_imgidx=report.idx_path, data_shape=(3, SIZE, SIZE), batch_size=3, verbose=False
    )
    batch = next(batches)
    assert batch.label[0].asnumpy().tolist() == [0.0, 1.0, 2.0]
    assert batch.data[0].shape == (3, 3, SIZE, SIZE)
with RecordFile(report.rec_path) as records:
    assert [(record.index, record.image().shape) for record in records] == [(index, (SIZE, SIZE, 3)) for index in range(3)]
found = f"MXNet {mx.__version__}" if is_installed() else "no MXNet"
print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, OpenCV {cv2.__version__}, {found}: 3 images packed and read")
