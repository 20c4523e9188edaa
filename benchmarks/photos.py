# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Makes as many photos as are wanted from the few in scikit-image's wheel: parts, mirrored, brighter or darker, with noise."""

from pathlib import Path

NAMES = ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "hubble_deep_field.jpg", "motorcycle_left.png", "ihc.png"]


def make_photos(folder, count, width, height, quality=92, seed=0):
    """Write `count` JPEGs, 00000.jpg and so on, unless they are there; gives their names."""
    import cv2
    import numpy as np
    import skimage.data

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(skimage.data.__file__).parent
    photos = [cv2.imread(str(source / name)) for name in NAMES]
    random = np.random.RandomState(seed)
    names = [f"{number:05d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        photo = photos[number % len(photos)]
        part_width = int(min(photo.shape[1], photo.shape[0] * width / height) * random.uniform(0.6, 1))
        part_height = min(int(part_width * height / width), photo.shape[0])
        top = random.randint(photo.shape[0] - part_height + 1)
        left = random.randint(photo.shape[1] - part_width + 1)
        part = photo[top : top + part_height, left : left + part_width]
        image = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)[:, :: random.choice([1, -1])]
        noise = cv2.randn(np.empty((height, width, 3), np.int16), 0, 6)
        image = np.clip(image * random.uniform(0.7, 1.2) + noise, 0, 255).astype(np.uint8)
        if not (folder / name).exists():
            cv2.imwrite(str(folder / name), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return names


def write_list(path, names, count):
    """A list of `count` entries that goes through the names again and again."""
    with open(path, "w", encoding="utf-8") as stream:
        stream.writelines(f"{index}\t{index % 10}\t{names[index % len(names)]}\n" for index in range(count))
    return str(path)
