# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Real photos from scikit-image's wheel, in every variety of file that people have, and lists of them."""

import shutil
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

SKIMAGE = Path(skimage.data.__file__).parent
PHOTOS = ["astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg"]
EXIF_ORIENTATION = 0x0112


def make_varieties(folder):
    """Every variety of file, from real photos; gives {name: how many channels it is stored with}."""
    cat = Image.open(SKIMAGE / "chelsea.png").convert("RGB")
    cat.save(folder / "colour.jpg", quality=92)
    cat.convert("L").save(folder / "grey.jpg", quality=92)
    cat.save(folder / "progressive.jpg", quality=92, progressive=True)
    cat.convert("CMYK").save(folder / "cmyk.jpg", quality=92)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    cat.save(folder / "rotated.jpg", quality=92, exif=exif)
    cat.save(folder / "colour.png")
    cat.convert("L").save(folder / "grey.png")
    cat.convert("P").save(folder / "palette.png")
    alpha = cat.copy()
    alpha.putalpha(cat.convert("L"))
    alpha.save(folder / "alpha.png")
    deep = np.asarray(cat.convert("L")).astype(np.uint16) * 256 + 77
    Image.fromarray(deep).save(folder / "16 bits.png")
    cat.save(folder / "colour.bmp")
    cat.save(folder / "colour.tif", compression="tiff_lzw")
    shutil.copy(SKIMAGE / "rocket.jpg", folder / "with blanks  in it.jpg")
    shutil.copy(SKIMAGE / "rocket.jpg", folder / "naïve 写真.jpg")
    shutil.copy(SKIMAGE / "coffee.png", folder / "hash#tag;semi.png")
    return {
        "colour.jpg": 3,
        "grey.jpg": 1,
        "progressive.jpg": 3,
        "cmyk.jpg": 3,
        "rotated.jpg": 3,
        "colour.png": 3,
        "grey.png": 1,
        "palette.png": 3,
        "alpha.png": 4,
        "16 bits.png": 1,
        "colour.bmp": 3,
        "colour.tif": 3,
        "with blanks  in it.jpg": 3,
        "naïve 写真.jpg": 3,
        "hash#tag;semi.png": 3,
    }


def write_list(path, names, labels=lambda index: [index % 3]):
    """Write a .lst with the indices 0, 1, ..."""
    lines = ["\t".join([str(index), *map(str, labels(index)), name]) for index, name in enumerate(names)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
