# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Trains a small network for a few steps on a dataset that it packs, and prints the losses: the same on every NumPy."""

import tempfile
from pathlib import Path

from mxnet_im2rec import ListEntry, im2rec, transforms  # isort: split

import cv2
import mxnet as mx
import numpy as np
from mxnet import autograd, gluon

folder = Path(tempfile.mkdtemp())
noise = np.random.RandomState(0)
for index in range(24):
    image = noise.randint(0, 120, (40, 50, 3)) + 100 * (index % 2)
    cv2.imwrite(str(folder / f"{index}.png"), image.astype(np.uint8))
entries = [ListEntry(index, (float(index % 2),), f"{index}.png") for index in range(24)]
report = im2rec(entries, folder / "out", transforms.Resize(16), num_workers=0, root=folder, encoding=".png", quality=3)
mx.random.seed(1)
net = gluon.nn.HybridSequential()
net.add(gluon.nn.Conv2D(np.int64(4), (np.int64(3), np.int64(3)), activation="relu"), gluon.nn.BatchNorm(), gluon.nn.Dense(2))
net.initialize(mx.init.Xavier())
net.hybridize()
trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.001})
loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
batches = mx.io.ImageRecordIter(path_imgrec=report.rec_path, path_imgidx=report.idx_path, data_shape=(3, 16, 16), batch_size=8)
metric = mx.metric.Accuracy()
for _ in range(3):
    batches.reset()
    for batch in batches:
        with autograd.record():
            out = net(batch.data[0] / 255)
            loss = loss_of(out, batch.label[0])
        loss.backward()
        trainer.step(8)
        metric.update(batch.label, [out])
        print(f"{loss.mean().asscalar():.9g}")
dataset = gluon.data.vision.ImageRecordDataset(report.rec_path).transform_first(gluon.data.vision.transforms.ToTensor())
for data, label in gluon.data.DataLoader(dataset, batch_size=8, num_workers=2):
    print(f"{loss_of(net(data.as_in_context(mx.cpu())), label.as_in_context(mx.cpu())).mean().asscalar():.9g}")
print(f"accuracy {metric.get()[1]:.9g}")
