# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Small files that stand for many GB: nothing decodes them, whatever their format."""

import struct

import cv2
import numpy as np
import pytest
from helpers import run_script
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import SKIMAGE

from mxnet_im2rec import (
    ErrorLimitExceeded,
    ImageError,
    ListEntry,
    Record,
    RecordFile,
    check_list,
    contact_sheet,
    im2rec,
    verify,
)
from mxnet_im2rec.images import codec as images
from mxnet_im2rec.images.checks import check_size
from mxnet_im2rec.images.sizes import image_size
from mxnet_im2rec.limits import MAX_PIXELS

SIDE = 30_000  # squared, more than MAX_PIXELS


def picture(height=40, width=48, channels=3):
    return np.random.RandomState(0).randint(0, 256, (height, width, channels)).astype(np.uint8)


def encoded(extension, image=None):
    return cv2.imencode(extension, picture() if image is None else image)[1].tobytes()


def tiff(width, height, kind=4, order="<", big=False, tags=()):
    """A TIFF without pixels; `kind` is the type of its width and height."""
    letter = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}[kind]
    rows = [(256, kind, letter, width), (257, kind, letter, height), (258, 3, "H", 8), (259, 3, "H", 1), (262, 3, "H", 1)]
    if not any(tag >= 322 for tag, *_ in tags):
        rows += [(273, 4, "I", 8), (279, 4, "I", 16)]
    rows = sorted([*rows, (277, 3, "H", 1), *tags])
    name = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    place = struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    data = name + place + struct.pack(order + ("Q" if big else "H"), len(rows))
    values = b""
    behind = len(data) + len(rows) * (20 if big else 12) + (8 if big else 4)
    for tag, each, code, value in rows:
        packed = struct.pack(order + code, value)
        if len(packed) > (8 if big else 4):
            values += packed
            packed = struct.pack(order + "I", behind + len(values) - len(packed))
        data += struct.pack(order + ("HHQ" if big else "HHI"), tag, each, 1) + packed.ljust(8 if big else 4, b"\0")
    return data + bytes(8 if big else 4) + values + bytes(64)


def jpeg_2000(width, height, is_boxed=True):
    data = bytearray(encoded(".jp2"))
    place = data.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">IIIIII", data, place + 8, width, height, 0, 0, width, height)
    return bytes(data if is_boxed else data[place:])


def hdr(width, height, before=b""):
    return b"#?RADIANCE\n" + before + b"FORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width) + bytes(64)


def avif(width, height, brand=b"avif"):
    ispe = b"\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", width, height)
    return b"\0\0\0\x14ftyp" + brand + b"\0\0\0\0avif" + b"\0\0\0\x28meta" + bytes(4) + ispe


BIG = {
    "TIFF, LONG": tiff(SIDE, SIDE),
    "TIFF, SHORT": tiff(SIDE, SIDE, 3),
    "TIFF, SLONG": tiff(SIDE, SIDE, 9),
    "TIFF, SSHORT": tiff(SIDE, SIDE, 8),
    "TIFF, LONG8": tiff(SIDE, SIDE, 16),
    "TIFF, SLONG8, big-endian": tiff(SIDE, SIDE, 17, ">"),
    "BigTIFF": tiff(SIDE, SIDE, 16, big=True),
    "BigTIFF, big-endian": tiff(SIDE, SIDE, 9, ">", big=True),
    "TIFF, tiles": tiff(16, 16, tags=[(322, 4, "I", SIDE), (323, 4, "I", SIDE), (324, 4, "I", 8), (325, 4, "I", 16)]),
    "TIFF, strips": tiff(SIDE, 16, tags=[(278, 4, "I", SIDE)]),
    "JPEG 2000": jpeg_2000(SIDE, SIDE),
    "JPEG 2000, codestream": jpeg_2000(SIDE, SIDE, False),
    "Radiance HDR": hdr(SIDE, SIDE),
    "Radiance HDR, a line that is several": hdr(3, 2, b"#" + b"x" * 126 + b"\n-Y %d +X %d\n" % (SIDE, SIDE)),
    "PBM": b"P4 %d %d\n" % (SIDE, SIDE),
    "PGM": b"P2\n# a comment\n%d\n%d 255\n" % (SIDE, SIDE),
    "PPM": b"P6\n%d %d 255\n" % (SIDE, SIDE),
    "PPM, a number that ends at a comment": b"P6 %d#%d\n5 255\n" % (SIDE, SIDE),
    "PAM": b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" % (SIDE, SIDE),
    "PAM, an end in a comment": b"P7\n#\nENDHDR\nWIDTH 3\n".replace(b"\nENDHDR", b" ENDHDR")
    + b"HEIGHT %d\nWIDTH %d\nDEPTH 3\nMAXVAL 255\nENDHDR\n" % (SIDE, SIDE),
    "PFM": b"PF\n%d %d\n-1.0\n" % (SIDE, SIDE),
    "Sun raster": struct.pack(">8I", 0x59A66A95, SIDE, SIDE, 24, 0, 1, 0, 0),
    "BMP, from top to bottom": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, SIDE, -SIDE, 1, 24, 0, 0, 0, 0, 0, 0),
    "BMP, an odd header": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 37, SIDE, SIDE, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(40),
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II5B", SIDE, SIDE, 8, 2, 0, 0, 0) + bytes(16),
    "GIF": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + bytes(16),
    "WebP, extended": b"RIFF\x28\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + (SIDE - 1).to_bytes(3, "little") * 2 + bytes(32),
    "AVIF": avif(SIDE, SIDE),
    "AVIF by its compatible brand": avif(SIDE, SIDE, b"mif1"),
    "AVIF, a sequence": avif(3, 2, b"avis"),
    "OpenEXR": b"\x76\x2f\x31\x01" + bytes(64),
    "JPEG XL": b"\xff\x0a" + bytes(64),
    "WebP without its container": encoded(".webp")[20:],
    "nothing that is known": b"no image" * 8,
}
each_big = pytest.mark.parametrize("data", list(BIG.values()), ids=list(BIG))


def record_of(data):
    return Record(0, np.zeros(1, np.float32), data, 0, 0, 0)


@each_big
def test_it_is_not_decoded(data, monkeypatch):
    monkeypatch.setattr(images, "decode", None)
    with pytest.raises(ImageError, match="max_pixels"):
        check_size(data, MAX_PIXELS)
    with pytest.raises(ImageError, match="max_pixels"):
        record_of(data).image()
    check_size(data, None)


def test_what_has_no_size_says_what_it_is_and_what_decodes_it():
    said = (
        r"^OpenEXR data: how many pixels it has cannot be known before it is decoded.*; max_pixels=None decodes it all the same"
    )
    with pytest.raises(ImageError, match=said):
        check_size(BIG["OpenEXR"], 10)
    with pytest.raises(
        ImageError,
        match="^it is no image: no known .*starts with 6e 6f .*if it is one all the same, max_pixels=None",
    ):
        check_size(BIG["nothing that is known"], 10)
    with pytest.raises(ImageError, match="^the JPEG is truncated"):
        check_size(b"\xff\xd8\xff\xe0\0\x10JFIF", 10)
    with pytest.raises(ImageError, match="^the strips or tiles of the TIFF have 30,000 x 30,000 pixels, max_pixels allows"):
        check_size(BIG["TIFF, tiles"], MAX_PIXELS)


def test_no_memory_is_taken(tmp_path):
    """In a process that may take 300 MB more than it has; before, each of the larger ones took GBs, or died trying."""
    for number, data in enumerate(BIG.values()):
        (tmp_path / f"{number}.img").write_bytes(data)
    code = f"""
import resource
import numpy as np
from mxnet_im2rec import ImageError, ListEntry, Record
from mxnet_im2rec.images import codec as images
from mxnet_im2rec.values import Failure
from mxnet_im2rec.transforms.pipeline import Pipeline
pipeline = Pipeline(root=".", transformations=None, seed=0, color=1, encoding=".jpg", quality=95, pass_through=False,
                    fast_decode=False, max_pixels=1 << 28)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (size, size))
for number in range({len(BIG)}):
    found = pipeline(ListEntry(number, (0.0,), f"{{number}}.img", number))
    assert isinstance(found, Failure) and found.stage == "decode" and "max_pixels" in found.reason, (number, found)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    exit_code, out, err = run_script(code, tmp_path)
    assert exit_code == 0, err


# ---- what is small is decoded, and has the size that the decoder finds


def deep(image):
    return image.astype(np.float32) / 255


def pam(comment=b""):
    head = b"P7\n%sWIDTH 48\nHEIGHT 40\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" % comment
    return head + picture().tobytes()


SMALL = {
    "JPEG 2000": encoded(".jp2"),
    "JPEG 2000, codestream": jpeg_2000(48, 40, False),
    "Radiance HDR": None,
    "PPM": encoded(".ppm"),
    "PGM": encoded(".pgm", picture(channels=1)),
    "PBM": encoded(".pbm", picture(channels=1)),
    "PPM, comments": b"P6 # one\n48 \n# two\n40 255\n" + picture().tobytes(),
    "PGM, plain": b"P2 48 40 255 " + b" ".join(b"%d" % value for value in picture(channels=1).ravel()) + b" ",
    "PAM": encoded(".pam"),
    "PAM, a comment": pam(b"# WIDTH of it\n"),
    "PFM": encoded(".pfm", deep(picture())),
    "Sun raster": encoded(".ras"),
    "BMP": encoded(".bmp"),
    "TIFF": encoded(".tif"),
    "BigTIFF": tiff(30, 2, big=True),
    "TIFF, SLONG": tiff(30, 2, 9),
    "TIFF, SBYTE": tiff(30, 2, 6),
    "TIFF, LONG8, big-endian": tiff(30, 2, 16, ">"),
    "WebP": encoded(".webp"),
}


@pytest.mark.parametrize("name", list(SMALL))
def test_the_size_is_the_decoded_one(name, tmp_path):
    data = SMALL[name]
    if name == "Radiance HDR":
        cv2.imwrite(str(tmp_path / "a.hdr"), deep(picture()))
        data = (tmp_path / "a.hdr").read_bytes()
    height, width = images.decode(data, 1).shape[:2]
    assert image_size(data) == image_size(memoryview(data)) == (height, width)
    check_size(data, height * width)
    with pytest.raises(ImageError, match=f"{width} x {height} pixels, max_pixels allows"):
        check_size(data, height * width - 1)


def test_tiles_and_strips_as_they_should_be():
    tags = [(322, 3, "H", 16), (323, 3, "H", 16), (324, 4, "I", 8), (325, 4, "I", 256)]
    check_size(tiff(20, 30, tags=tags), 600)
    for rows in (1, 30, (1 << 32) - 1):
        check_size(tiff(20, 30, tags=[(278, 4, "I", rows)]), 600)


def test_avif_has_the_size_of_its_largest_image():
    assert image_size(avif(300, 200) + avif(50, 40)) == (200, 300)
    assert image_size(avif(300, 200, b"mif1")) == (200, 300)
    assert image_size(avif(300, 200, b"avis")) is None


@pytest.mark.parametrize(
    "data",
    [
        b"P6 3a2 255 ",
        b"P6 3",
        b"P6 " + b"9" * 5000 + b" 2 255 ",
        b"P7\nWIDTH " + b"9" * 5000 + b"\nHEIGHT 2\n",
        b"P7\nWIDTH 3\n",
        b"PF\n3  2\n1.0\n",
        b"PF 3 2\n1.0\n",
        b"#?RGBE\n-Y 2 +X 3\n",
        b"#?RGBE\n\n-Y -2 +X 3\n",
        b"#?RGBE\n\n+Y 2 +X 3\n",
        b"#?RGBE\n" + b"#\n" * (1 << 20) + b"\n-Y 2 +X 3\n",
        b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x08free" * 20_000,
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
        b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\1free" + b"\xff" * 8 + bytes(64),
        b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(64),
        b"II+\0\x08\0\0\0" + struct.pack("<QQHHQQ", 16, 1, 256, 4, 4, 1 << 63) + bytes(64),
        tiff(-30, 2, 9),
        tiff(30, 0, 9),
        b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 8 + bytes(100),
    ],
)
def test_what_is_odd_has_no_size(data):
    assert image_size(data) is None
    with pytest.raises(ImageError, match="cannot be known"):
        check_size(data, 100)


HEADS = [data[:300] for data in [*BIG.values(), *filter(None, SMALL.values())]]


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(HEADS), st.lists(st.tuples(st.integers(0, 299), st.integers(0, 255)), max_size=5), st.integers(0, 300))
def test_no_header_raises_anything_else(head, changes, end):
    data = bytearray(head)
    for place, value in changes:
        data[place % len(data)] = value
    for each in (bytes(data), bytes(data[:end])):
        size = image_size(each)
        assert size is None or min(size) > 0
        try:
            check_size(each, 1000)
        except ImageError:
            continue
        assert size[0] * size[1] <= 1000


# ---- the functions


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A photo, a TIFF that stands for many GB, a photo; in a list and in a .rec."""
    folder = tmp_path_factory.mktemp("hostile")
    photo = (SKIMAGE / "rocket.jpg").read_bytes()
    for name, data in (("a.jpg", photo), ("b.tif", BIG["TIFF, LONG"]), ("c.jpg", photo)):
        (folder / name).write_bytes(data)
    (folder / "images.lst").write_text("0\t0\ta.jpg\n1\t0\tb.tif\n2\t0\tc.jpg\n")
    options = {"pass_through": True, "max_pixels": None, "progress": False}
    im2rec(folder / "images.lst", folder / "stored", **options)
    return folder


def test_packing_and_checking(hostile, tmp_path):
    report = im2rec(hostile / "images.lst", tmp_path / "out", error_limit=None, progress=False, num_workers=0)
    assert [(each.index, each.stage) for each in report.failures] == [(1, "decode")]
    found = check_list(hostile / "images.lst", decode=True)
    assert [(each.index, each.kind) for each in found.findings if each.severity == "error"] == [(1, "too large")]


def test_checking_reads_a_long_header_to_its_end(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 " + b"# a comment\n" * 20_000 + b"48 40 255\n" + picture().tobytes())
    entry = ListEntry(0, (0.0,), "a.ppm")
    assert check_list([entry], tmp_path).ok
    assert check_list([entry], tmp_path, max_pixels=1919).counts["too large"] == 1
    with pytest.raises(ErrorLimitExceeded, match="48 x 40 pixels"):
        im2rec([entry], tmp_path / "out", root=tmp_path, max_pixels=1919, num_workers=0, progress=False)


def test_record_image_has_a_limit(hostile):
    with RecordFile(hostile / "stored.rec") as records:
        with pytest.raises(ImageError, match="30,000 x 30,000 pixels"):
            records[1].image()
        height, width = records[0].image().shape[:2]
        assert records[0].image(max_pixels=height * width).shape == records[0].image(max_pixels=None).shape
        with pytest.raises(ImageError, match="max_pixels allows 10"):
            records[0].image(0, max_pixels=10)


def test_contact_sheet_has_a_limit(hostile):
    whole = contact_sheet(hostile / "stored.rec")
    assert not np.array_equal(whole, contact_sheet(hostile / "stored.rec", max_pixels=1000))
    for wrong, error in ((0, ValueError), ("many", TypeError)):
        with pytest.raises(error, match="max_pixels must be"):
            contact_sheet(hostile / "stored.rec", max_pixels=wrong)


@pytest.mark.needs_mxnet
@pytest.mark.whole
def test_verify_has_a_limit_and_does_not_let_mxnet_decode_it(hostile):
    report = verify(hostile / "stored.rec", hostile / "images.lst", hostile, num_workers=0, progress=False)
    assert {(problem.layer, problem.index) for problem in report.problems} == {("reader", 1)}, str(report)
    assert "max_pixels allows 268,435,456" in report.problems[-1].message
    assert any("ImageRecordIter was not run" in note for note in report.notes)
    with pytest.raises((TypeError, ValueError), match="max_pixels must be"):
        verify(hostile / "stored.rec", max_pixels=0)


@pytest.mark.needs_mxnet
@pytest.mark.whole
def test_what_a_transform_makes_larger_is_verified_all_the_same(tmp_path):
    from mxnet.gluon.data.vision import transforms

    (tmp_path / "a.png").write_bytes(encoded(".png"))
    options = {"root": tmp_path, "verify": True, "max_pixels": 1920, "num_workers": 0, "progress": False}
    report = im2rec([ListEntry(0, (0.0,), "a.png")], tmp_path / "out", transforms.Resize(100), **options)
    assert report.num_records == 1
