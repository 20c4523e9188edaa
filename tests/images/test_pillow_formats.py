# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""GIF, AVIF and HEIF: their pixels against Pillow's own, their orientation, and what is said where a package is missing."""

import io
import struct
import sys

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from mxnet_im2rec import ImageError, ListEntry, RecordFile, check_list, im2rec
from mxnet_im2rec.images import codec, pillow_formats
from mxnet_im2rec.images.checks import check_readable_by_mxnet, check_size
from mxnet_im2rec.images.sizes import image_size

if sys.version_info < (3, 9):
    import pillow_avif  # noqa: F401  # registers AVIF with Pillow

pillow_heif.register_heif_opener()  # for the tests' own use: the package does not need it

HEIGHT, WIDTH = 40, 64
FORMATS = ["GIF", "AVIF", "HEIF"]
each_format = pytest.mark.parametrize("kind", FORMATS)


def picture(mode="RGB"):
    """Smooth, with four corners that differ, so that every rotation shows."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.dstack([rows * 6, columns * 3, 255 - rows * 3 - columns]).astype(np.uint8)
    alpha = np.where(columns < WIDTH // 2, 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([rgb, alpha]), "RGBA").convert(mode)


def encoded(kind, mode="RGB", **options):
    stream = io.BytesIO()
    picture(mode).save(stream, kind, **options)
    return stream.getvalue()


def turned(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(kind, exif=exif.tobytes())


def by_pillow(data, mode="RGB"):
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


@each_format
def test_colour_is_what_pillow_decodes(kind):
    data = encoded(kind)
    assert pillow_formats.format_of(data) == kind
    image = codec.decode(data, 1)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    assert np.array_equal(image[:, :, ::-1], by_pillow(data))
    assert np.abs(by_pillow(data).astype(int) - np.asarray(picture())).mean() < 8
    assert image_size(data) == ((64, 64) if kind == "HEIF" else (HEIGHT, WIDTH))  # HEVC codes blocks; what is too much is cut off


@each_format
def test_grey_is_the_grey_of_opencv(kind):
    data = encoded(kind)
    expected = cv2.cvtColor(by_pillow(data), cv2.COLOR_RGB2GRAY)
    assert np.array_equal(codec.decode(data, 0), expected)


@pytest.mark.parametrize("color", [1, 0, -1])
def test_a_grey_gif(color):
    data = encoded("GIF", "L")
    grey = np.asarray(picture("L"))
    image = codec.decode(data, color)
    assert image.ndim == {1: 3, 0: 2}.get(color, image.ndim)  # as stored: its palette may be grey, or of colours that are grey
    assert all(np.array_equal(channel, grey) for channel in np.atleast_3d(image).transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_alpha_is_left_out_except_as_stored(kind):
    data = encoded(kind, "RGBA")
    rgba = by_pillow(data, "RGBA")
    assert np.array_equal(codec.decode(data, 1), rgba[:, :, 2::-1])
    assert np.array_equal(codec.decode(data, -1), rgba[:, :, [2, 1, 0, 3]])


def test_a_gif_with_a_transparent_colour():
    image = picture().quantize(16)
    stream = io.BytesIO()
    image.save(stream, "GIF", transparency=3)
    stored = codec.decode(stream.getvalue(), -1)
    indices = np.asarray(image)
    assert stored.shape == (HEIGHT, WIDTH, 4) and set(np.unique(stored[:, :, 3])) == {0, 255}
    assert np.array_equal(stored[:, :, 3] == 0, indices == 3)
    assert np.array_equal(codec.decode(stream.getvalue(), 1)[:, :, ::-1], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["GIF", "AVIF"])
def test_the_first_of_several_images(kind):
    stream = io.BytesIO()
    picture().save(stream, kind, save_all=True, append_images=[picture().rotate(180)], duration=100)
    image = codec.decode(stream.getvalue(), 1)[:, :, ::-1]
    assert np.abs(image.astype(int) - np.asarray(picture())).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_once(orientation):
    plain = codec.decode(encoded("AVIF"), 1)
    turns = [plain, plain[:, ::-1], plain[::-1, ::-1], plain[::-1]]
    across = plain.transpose(1, 0, 2)
    turns += [across, across[:, ::-1], across[::-1, ::-1], across[::-1]]
    data = turned("AVIF", orientation)
    assert np.array_equal(codec.decode(data, 1), turns[orientation - 1])
    assert codec.decode(data, 0).shape == turns[orientation - 1].shape[:2]
    assert np.array_equal(codec.decode(data, -1), plain)


def heic_turned(quarters):
    """A HEIC whose container turns it by so many quarters against the clock: the box irot is put in, and the offsets moved."""
    data = encoded("HEIF", quality=90)
    return with_irot(data, quarters)


def with_irot(data, quarters):
    """Add irot to ipco, and a reference to it to ipma; the boxes around them grow, and the offset in iloc moves."""
    data = bytearray(data)
    ipco = data.index(b"ipco") - 4
    (length,) = struct.unpack_from(">I", data, ipco)
    position, count = ipco + 8, 0
    while position < ipco + length:
        position += struct.unpack_from(">I", data, position)[0]
        count += 1
    ipma = data.index(b"ipma") - 4
    (ipma_length,) = struct.unpack_from(">I", data, ipma)
    assert struct.unpack_from(">II", data, ipma + 8) == (0, 1)  # version and flags; one item
    number = ipma + 18  # how many properties the item has
    data[number] += 1
    data[ipma + ipma_length : ipma + ipma_length] = bytes([0x80 | (count + 1)])
    struct.pack_into(">I", data, ipma, ipma_length + 1)
    data[ipco + length : ipco + length] = struct.pack(">I4sB", 9, b"irot", quarters)
    struct.pack_into(">I", data, ipco, length + 9)
    for name in (b"iprp", b"meta"):
        start = data.index(name) - 4
        struct.pack_into(">I", data, start, struct.unpack_from(">I", data, start)[0] + 10)
    mdat = data.index(b"mdat") + 4
    old = struct.pack(">I", mdat - 10)
    where = data.index(old, data.index(b"iloc"))
    struct.pack_into(">I", data, where, mdat)
    return bytes(data)


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("color", [1, -1])
def test_heif_is_turned_once_by_its_container(quarters, color):
    plain = codec.decode(encoded("HEIF", quality=90), 1)
    assert np.array_equal(codec.decode(heic_turned(quarters), color), np.rot90(plain, quarters))


@each_format
def test_damaged_files_raise_image_error(kind):
    data = encoded(kind)
    for stop in (13, 20, 64, len(data) // 2, len(data) - 40):
        with pytest.raises(ImageError, match=f"Pillow cannot decode this {kind} data"):
            codec.decode(data[:stop], 1)
    generator = np.random.default_rng(5)
    for _ in range(100):
        spoiled = bytearray(data)
        for place in generator.integers(16, len(data), 8):
            spoiled[place] = generator.integers(256)
        try:
            image = codec.decode(bytes(spoiled), 1)
        except ImageError:
            continue
        assert image.ndim == 3 and image.dtype == np.uint8


def test_a_gif_whose_image_is_larger_than_its_header_says():
    data = bytearray(encoded("GIF"))
    struct.pack_into("<HH", data, 6, 5, 4)
    with pytest.raises(ImageError, match="an image of 64 x 40 pixels, its header says 5 x 4"):
        codec.decode(bytes(data), 1)


@each_format
def test_our_limit_of_pixels_rules_and_not_pillows(kind, monkeypatch):
    data = encoded(kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert codec.decode(data, 1).shape == (HEIGHT, WIDTH, 3)
    number = np.prod(image_size(data))
    check_size(data, number)
    with pytest.raises(ImageError, match="max_pixels"):
        check_size(data, number - 1)


def test_avif_by_a_later_brand():
    data = encoded("AVIF")
    assert pillow_formats.format_of(data[:8] + b"mif1" + data[12:]) == "AVIF"
    assert pillow_formats.format_of(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "HEIF"


@pytest.mark.parametrize(
    ("kind", "modules", "needed"),
    [
        ("GIF", ["PIL.GifImagePlugin"], "Pillow"),
        ("AVIF", ["PIL.AvifImagePlugin", "pillow_avif.AvifImagePlugin"], "pillow-avif-plugin"),
        ("HEIF", ["pillow_heif"], "pillow-heif"),
    ],
)
def test_what_is_missing_is_named(kind, modules, needed, tmp_path, monkeypatch):
    (tmp_path / "a.img").write_bytes(encoded(kind))
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImageError, match=rf"^{kind} data: reading it needs .*{needed}: pip install pillow pillow-heif$"):
        codec.decode((tmp_path / "a.img").read_bytes(), 1)
    (finding,) = [each for each in check_list([ListEntry(0, (0.0,), "a.img")], tmp_path).findings if each.severity == "error"]
    assert finding.kind == "format" and needed in finding.message and "pip install pillow" in finding.message


@each_format
def test_they_are_checked_and_packed_as_other_images(kind, tmp_path):
    data = encoded(kind)
    (tmp_path / "a.img").write_bytes(data)
    entries = [ListEntry(0, (0.0,), "a.img")]
    assert check_list(entries, tmp_path, decode=True).ok
    report = im2rec(entries, tmp_path / "out", root=tmp_path, encoding=".png", num_workers=0)
    with RecordFile(report.rec_path) as records:
        assert np.array_equal(records[0].image(), by_pillow(data))


@each_format
def test_pass_through_refuses_them(kind, tmp_path):
    (tmp_path / "a.img").write_bytes(encoded(kind))
    with pytest.raises(ImageError, match="MXNet decodes JPEG, PNG, BMP, TIFF only"):
        check_readable_by_mxnet(encoded(kind))
    assert not check_list([ListEntry(0, (0.0,), "a.img")], tmp_path, pass_through=True).ok
