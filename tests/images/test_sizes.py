# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""image_size against what OpenCV and Pillow decode, and on damaged bytes."""

import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import EXIF_ORIENTATION
from PIL import Image

from mxnet_im2rec.images import codec as images
from mxnet_im2rec.images.sizes import image_size

HEIGHT, WIDTH = 37, 300  # unlike, and the one needs two bytes
SIGNATURES = [
    b"\xff\xd8\xff",
    b"\xff\xd8\xff\xe1\x00\x20Exif\0\0II*\0",
    b"\xff\xd8\xff\xc0\x00\x11\x08",
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
    b"BM" + bytes(12) + b"\x28\0\0\0",
    b"BM" + bytes(12) + b"\x0c\0\0\0",
    b"II*\0\x08\0\0\0\x02\0",
    b"MM\0*\0\0\0\x08",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"RIFF\0\0\0\0WEBPVP8L",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"GIF89a",
    b"",
]


def picture(mode="RGB", size=(WIDTH, HEIGHT)):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(kind, mode="RGB", size=(WIDTH, HEIGHT), **options):
    stream = io.BytesIO()
    picture(mode, size).save(stream, kind, **options)
    return stream.getvalue()


def with_orientation(orientation):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return exif


CASES = {
    "JPEG": encoded("JPEG"),
    "JPEG, grey": encoded("JPEG", "L"),
    "JPEG, CMYK": encoded("JPEG", "CMYK"),
    "JPEG, progressive": encoded("JPEG", progressive=True),
    "JPEG, a colour profile of 150 kB": encoded("JPEG", icc_profile=bytes(150_000)),
    "PNG": encoded("PNG"),
    "PNG, palette": encoded("PNG", "P"),
    "PNG, alpha": encoded("PNG", "RGBA"),
    "BMP": encoded("BMP"),
    "BMP, palette": encoded("BMP", "P"),
    "TIFF": encoded("TIFF"),
    "TIFF, LZW": encoded("TIFF", compression="tiff_lzw"),
    "GIF": encoded("GIF", "P"),
    "WebP, lossy": encoded("WEBP"),
    "WebP, lossless": encoded("WEBP", lossless=True),
    "WebP, extended": encoded("WEBP", "RGBA", exif=with_orientation(1)),
    "WebP, extended, large": encoded("WEBP", "RGBA", size=(2, 16_383), exif=with_orientation(1)),
    "WebP, lossless, large": encoded("WEBP", size=(16_383, 2), lossless=True),
    "WebP, lossy, one pixel": encoded("WEBP", size=(1, 1)),
    "PNG, wide": encoded("PNG", "L", size=(70_000, 1)),
}
each_case = pytest.mark.parametrize("data", list(CASES.values()), ids=list(CASES))


@each_case
def test_the_size_is_the_decoded_one(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        expected = image.size[::-1]
    assert image_size(data) == image_size(memoryview(data)) == image_size(bytearray(data)) == expected
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is None or decoded.shape[:2] == expected  # GIF: not in every OpenCV


def test_every_variety_of_real_photos(varieties):
    paths = [path for path in varieties.iterdir() if path.suffix != ".lst"]
    assert len(paths) > 10
    for path in paths:
        data = path.read_bytes()
        assert image_size(data) == images.decode(data, 1).shape[:2], path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_the_orientation_is_applied(kind, orientation):
    options = {"tiffinfo": {EXIF_ORIENTATION: orientation}} if kind == "TIFF" else {"exif": with_orientation(orientation)}
    data = encoded(kind, **options)
    assert image_size(data) == images.decode(data, 1).shape[:2]
    assert image_size(data) == ((WIDTH, HEIGHT) if orientation >= 5 else (HEIGHT, WIDTH))


def test_a_big_endian_tiff():
    data = b"MM\0*" + struct.pack(">IH", 8, 2) + struct.pack(">HHIHxxHHII", 256, 3, 1, WIDTH, 257, 4, 1, HEIGHT)
    assert image_size(data) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("height", [HEIGHT, -HEIGHT])
def test_a_bmp_of_either_direction(height):
    head = b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, WIDTH, height, 1, 24, 0, 0, 0, 0, 0, 0)
    assert image_size(head) == (HEIGHT, WIDTH)
    pixels = bytes(WIDTH * 3 * HEIGHT)
    assert images.decode(head + pixels, 1).shape[:2] == (HEIGHT, WIDTH)


def test_an_old_bmp():
    assert image_size(b"BM" + struct.pack("<IIIIHHHH", 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24)) == (HEIGHT, WIDTH)


def test_a_jpeg_needs_no_end():
    data = CASES["JPEG"]
    assert image_size(data[: len(data) // 2]) == (HEIGHT, WIDTH)
    assert image_size(data[: data.index(b"\xff\xda")]) == (HEIGHT, WIDTH)
    assert image_size(data[: data.index(b"\xff\xc0") + 4]) is None


def test_the_thumbnail_of_a_jpeg_does_not_count():
    thumbnail = encoded("JPEG", size=(16, 8))
    data = CASES["JPEG"]
    app2 = b"\xff\xe2" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    assert image_size(data[:2] + app2 + data[2:]) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"no image at all", b"P6 3", b"GIF89a\0\0\0\0", bytes(100)])
def test_what_has_no_size(data):
    assert image_size(data) is None


@each_case
def test_every_truncation_gives_the_size_or_none(data):
    expected = image_size(data)
    ends = [*range(min(len(data), 700)), *range(700, len(data), 1 + len(data) // 50)]
    assert {image_size(data[:end]) for end in ends} <= {expected, None}


@each_case
def test_flipped_bytes_never_raise(data):
    for place in range(min(len(data), 300)):
        for value in (0, 0xFF, data[place] ^ 0x80):
            check(data[:place] + bytes([value]) + data[place + 1 :])


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(SIGNATURES), st.binary(max_size=80))
def test_random_bytes_never_raise(signature, rest):
    check(signature + rest)


def check(data):
    size = image_size(memoryview(data))
    assert size is None or (len(size) == 2 and min(size) > 0)
