# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""One small detection dataset, as COCO, VOC and YOLO have it."""

import json

import cv2
import numpy as np

NAMES = ["cat", "dog", "zebra"]
SIZES = [(60, 40), (50, 50), (30, 70), (64, 48)]  # width, height
# The class, and the corners in pixels, of the objects of each image. The third image has none.
OBJECTS = [[(0, 6, 4, 30, 20), (2, 0, 0, 60, 40)], [(1, 10, 10, 20, 45)], [], [(2, 8, 12, 40, 36)]]


def picture(position):
    width, height = SIZES[position]
    return np.full((height, width, 3), (40 * position, 90, 200 - 30 * position), np.uint8)


def write_images(folder):
    folder.mkdir(parents=True)
    for position in range(len(SIZES)):
        cv2.imwrite(str(folder / f"{position:03d}.png"), picture(position)[:, :, ::-1])


def shares(position):
    """The objects of an image as shares of its sides."""
    width, height = SIZES[position]
    return [(number, a / width, b / height, c / width, d / height) for number, a, b, c, d in OBJECTS[position]]


def labels(position, header="full", object_width=5):
    start = [4, object_width, *SIZES[position]] if header == "full" else [2, object_width]
    return [*start, *(value for found in shares(position) for value in (*found, *[0] * (object_width - 5)))]


def coco_data():
    annotations = [
        {"id": 10 * position + number, "image_id": 100 + position, "category_id": 7 * (3 + kind), "bbox": [a, b, c - a, d - b]}
        for position, objects in enumerate(OBJECTS)
        for number, (kind, a, b, c, d) in enumerate(objects)
    ]
    images = [
        {"id": 100 + position, "file_name": f"{position:03d}.png", "width": width, "height": height}
        for position, (width, height) in enumerate(SIZES)
    ]
    categories = [{"id": 7 * (3 + kind), "name": name} for kind, name in reversed(list(enumerate(NAMES)))]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(folder, data=None):
    (folder / "annotations").mkdir(parents=True)
    write_images(folder / "train")
    path = folder / "annotations" / "instances_train.json"
    path.write_text(json.dumps(coco_data() if data is None else data), encoding="utf-8")
    return path


def xml(position, more=""):
    width, height = SIZES[position]
    objects = "".join(
        f"<object><name>{NAMES[kind]}</name><difficult>{int(kind == 2)}</difficult><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for kind, a, b, c, d in OBJECTS[position]
    )
    return (
        f"<annotation><filename>{position:03d}.png</filename><size><width>{width}</width><height>{height}</height>"
        f"<depth>3</depth></size>{objects}{more}</annotation>"
    )


def write_voc(folder):
    (folder / "Annotations").mkdir(parents=True)
    write_images(folder / "JPEGImages")
    for position in range(len(SIZES)):
        (folder / "Annotations" / f"{position:03d}.xml").write_text(xml(position), encoding="utf-8")
    return folder / "Annotations"


def write_yolo(folder):
    (folder / "labels" / "train").mkdir(parents=True)
    (folder / "images").mkdir()
    write_images(folder / "images" / "train")
    for position in range(len(SIZES)):
        lines = [f"{kind} {(a + c) / 2} {(b + d) / 2} {c - a} {d - b}\n" for kind, a, b, c, d in shares(position)]
        if lines:  # the third image has no file
            (folder / "labels" / "train" / f"{position:03d}.txt").write_text("".join(lines), encoding="utf-8")
    return folder / "labels"
