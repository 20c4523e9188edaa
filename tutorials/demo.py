# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Packs the photos that scikit-image ships into ./demo_out, and reads them back as a training script would.

A plain script without a main guard, run by ``make demo``.
"""

import multiprocessing as mp
import os
import shutil
from pathlib import Path

try:
    from mxnet_im2rec import im2rec  # noqa: I001  # before MXNet: it prepares NumPy
    import mxnet as mx
    import skimage.data
    from mxnet.gluon.data.vision import transforms
except ImportError as error:
    raise SystemExit(f"The demo cannot start: {error}. 'make demo' installs what it needs.") from None

PHOTOS = [
    "brick.png",
    "camera.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
]
BATCH_SIZE = 4

# 1. Some photos, and a list of them: index, label, path. Every photo is a class of its own here.
source = Path(skimage.data.__file__).parent
photos = [source / name for name in PHOTOS if (source / name).is_file()]
if len(photos) < BATCH_SIZE:
    raise SystemExit(f"Only {len(photos)} of the demo's photos are in {source}; this scikit-image ships too few.")

folder = Path.cwd() / "demo_out"
folder.mkdir(exist_ok=True)
lines = []
for index, photo in enumerate(photos):
    shutil.copyfile(photo, folder / photo.name)
    lines.append(f"{index}\t{index}\t{photo.name}\n")
list_file = folder / "images.lst"
list_file.write_text("".join(lines), encoding="utf-8")
print(f"Copied {len(photos)} photos from scikit-image to {folder} and listed them in {list_file.name}:")
print("".join(lines))

# 2. Pack them.
output_path = os.path.join(folder, "images_rec")
transformations = transforms.Compose([transforms.Resize(300), transforms.ToTensor(), transforms.Normalize(0, 1)])
report = im2rec(
    list_file,
    output_path,
    transformations=transformations,
    num_workers=mp.cpu_count() - 1,
    batch_size=4096,
    pack_labels=True,
    color=1,
    encoding=".jpg",
    quality=95,
    pass_through=False,
    error_limit=0,
)
print("Packed them with Resize(300), ToTensor(), Normalize(0, 1):")
print(report)

# 3. Read them back.
print(f"\nRead them back with mx.io.ImageRecordIter, {BATCH_SIZE} at a time:")
batches = mx.io.ImageRecordIter(
    path_imgrec=report.rec_path,
    path_imgidx=report.idx_path,
    data_shape=(3, 300, 300),
    batch_size=BATCH_SIZE,
    verbose=False,
)
labels = []
for batch in batches:
    count = BATCH_SIZE - batch.pad  # the last batch is filled up with images from the start
    labels += batch.label[0].asnumpy()[:count].astype(int).tolist()
    print(f"  batch of shape {batch.data[0].shape}, labels {labels[-count:]}")
if labels != list(range(len(photos))):
    raise SystemExit(f"The labels came back as {labels}, expected 0 to {len(photos) - 1}.")
print(f"All {len(labels)} labels came back, in the order of the list.")
