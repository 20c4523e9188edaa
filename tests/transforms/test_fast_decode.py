# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""fast_decode: the same images but for a small loss, at the very same sizes; off unless asked for."""

import cv2
import numpy as np
import pytest
from helpers import dataset_bytes, read_records
from mxnet.gluon.data.vision import transforms
from photos import EXIF_ORIENTATION, SKIMAGE, write_list
from PIL import Image

from mxnet_im2rec import im2rec
from mxnet_im2rec.images import codec as images
from mxnet_im2rec.images import jpeg


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Large photos of odd sizes, upright and on their side, one grey, one PNG; and one too small for it to matter."""
    folder = tmp_path_factory.mktemp("large")
    cat = Image.open(SKIMAGE / "chelsea.png").convert("RGB")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        cat.resize((1203 + orientation, 901), Image.BICUBIC).save(folder / f"rotated{orientation}.jpg", quality=92, exif=exif)
    cat.resize((1601, 1065)).convert("L").save(folder / "grey.jpg", quality=92)
    cat.resize((801, 533)).save(folder / "large.png")
    cat.resize((130, 140)).save(folder / "small.jpg")
    write_list(folder / "images.lst", sorted(path.name for path in folder.iterdir()))
    return folder


def pack(folder, output, transformations, **options):
    report = im2rec(folder / "images.lst", output, transformations=transformations, num_workers=1, encoding=".png", **options)
    return [cv2.imdecode(np.frombuffer(payload, np.uint8), -1) for _, _, payload in read_records(report)]


def psnr(one, other):
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


TRANSFORMS = [
    lambda: transforms.Compose([transforms.Resize(112, keep_ratio=True)]),
    lambda: transforms.Compose([transforms.Resize((200, 90)), transforms.ToTensor()]),
    lambda: transforms.Compose([transforms.Resize(150), transforms.CenterCrop(112), transforms.Cast("float32")]),
]


@pytest.mark.parametrize("color", [1, 0])
@pytest.mark.parametrize("make", TRANSFORMS)
def test_sizes_are_the_same_and_pixels_nearly(large, tmp_path, make, color):
    full = pack(large, tmp_path / "full", make(), color=color)
    fast = pack(large, tmp_path / "fast", make(), color=color, fast_decode=True)
    assert [image.shape for image in fast] == [image.shape for image in full]
    quality = [psnr(one, other) for one, other in zip(fast, full)]
    assert min(quality) > 25
    names = [line.split("\t")[-1] for line in (large / "images.lst").read_text().splitlines()]
    for name, value in zip(names, quality):
        assert np.isfinite(value) == (name not in ("large.png", "small.jpg")), name


@pytest.mark.parametrize(
    "options",
    [
        {"transformations": None},
        {"transformations": transforms.Compose([transforms.CenterCrop(64)])},
        {"transformations": transforms.Compose([transforms.Resize(2000)])},
        {"transformations": transforms.Compose([transforms.Resize(64)]), "color": -1},
    ],
)
def test_it_changes_nothing_where_it_does_not_apply(large, tmp_path, options):
    full = im2rec(large / "images.lst", tmp_path / "full", num_workers=1, **options)
    fast = im2rec(large / "images.lst", tmp_path / "fast", num_workers=1, fast_decode=True, **options)
    assert dataset_bytes(fast) == dataset_bytes(full)


def test_the_scale_is_the_smallest_that_is_not_below_the_target(large):
    data = (large / "rotated1.jpg").read_bytes()  # 901 high, 1204 wide
    for target, shape in [((300, 226), (226, 301)), ((302, 226), (451, 602)), ((151, 113), (113, 151)), ((603, 4), (901, 1204))]:
        image, _ = images.decode_smaller(data, 1, lambda height, width, target=target: target)
        assert image.shape[:2] == shape


def test_the_size_in_the_header_is_the_size_of_the_decoded_image(large, varieties):
    checked = 0
    for path in [*large.glob("*.jpg"), *varieties.glob("*.jpg")]:
        data = path.read_bytes()
        assert jpeg.size(data) == images.decode(data, 1).shape[:2], path
        checked += 1
    assert checked > 12


def test_an_xmp_segment_before_the_exif_one_does_not_hide_it(large):
    data = (large / "rotated6.jpg").read_bytes()
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"
    with_xmp = data[:2] + b"\xff\xe1" + (len(xmp) + 2).to_bytes(2, "big") + xmp + data[2:]
    assert jpeg.size(with_xmp) == jpeg.size(data)


def test_a_truncated_jpeg_is_still_a_failure(large):
    data = (large / "rotated1.jpg").read_bytes()
    with pytest.raises(images.ImageError, match="truncated"):
        images.decode_smaller(data[: len(data) // 2], 1, lambda height, width: (10, 10))
