# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Image files as bytes: their format, their damage, and what OpenCV and MXNet make of them."""

import io
import struct

import cv2
import mxnet as mx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mxnet_im2rec.errors import ImageError
from mxnet_im2rec.images import checks, formats
from mxnet_im2rec.images import codec as images

ROWS, COLUMNS = np.mgrid[0:30, 0:40]
RGB = np.stack([ROWS * 8, COLUMNS * 6, (ROWS + COLUMNS) * 3], axis=2).astype(np.uint8)
RGBA = np.dstack([RGB, RGB[:, :, 1]])
GREY = np.ascontiguousarray(RGB[:, :, 1])
GREY_16 = GREY.astype(np.uint16) * 256 + 77
EXIF_ORIENTATION = 0x0112
JPEG_END = b"\xff\xd9"


def by_pil(image_format, mode="RGB", pixels=RGB, **options):
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(buffer, image_format, **options)
    return buffer.getvalue()


def by_cv2(suffix, pixels=RGB[:, :, ::-1], *parameters):
    done, encoded = cv2.imencode(suffix, np.ascontiguousarray(pixels), list(parameters))
    assert done
    return encoded.tobytes()


def with_orientation(orientation):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return by_pil("JPEG", quality=92, exif=exif.tobytes())


def with_segment(data, marker, payload):
    """A JPEG with one more segment at its start."""
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def with_thumbnail(data):
    """A JPEG with another in its EXIF data, with an end marker of its own."""
    thumbnail = by_pil("JPEG", pixels=RGB[:8, :8])
    assert thumbnail.endswith(JPEG_END)
    return with_segment(data, 0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail)


def bmp(header_size, pixels=RGB):
    """A BMP of 24 bits with the header of OS/2 (12 bytes), or of Windows (40 bytes)."""
    height, width = pixels.shape[:2]
    row = width * 3 + -width * 3 % 4
    body = b"".join(line[:, ::-1].tobytes().ljust(row, b"\0") for line in pixels[::-1])
    if header_size == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, 24)
    else:
        header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + body


def tiff(order="<", pixels=GREY, rows_a_strip=30, changes=()):
    """An uncompressed TIFF with its directory at the end; changes maps tags to (type, values), or to None."""
    height, width, samples = np.atleast_3d(pixels).shape
    body = pixels.astype(order + "u2" if pixels.dtype == np.uint16 else np.uint8).tobytes()
    strip = rows_a_strip * width * samples * pixels.itemsize
    starts = list(range(0, len(body), strip))
    tags = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [8 * pixels.itemsize] * samples),
        259: (3, [1]),
        262: (3, [2 if samples > 1 else 1]),
        273: (4, [8 + start for start in starts]),
        277: (3, [samples]),
        278: (3, [rows_a_strip]),
        279: (4, [min(strip, len(body) - start) for start in starts]),
    }
    tags.update(dict(changes))
    tags = {tag: value for tag, value in sorted(tags.items()) if value is not None}
    directory = 8 + len(body)
    extra_at = directory + 2 + 12 * len(tags) + 4
    fields, extra = b"", b""
    for tag, (kind, values) in tags.items():
        packed = struct.pack(order + str(len(values)) + {1: "B", 3: "H", 4: "I"}[kind], *values)
        if len(packed) > 4:
            packed, extra = struct.pack(order + "I", extra_at + len(extra)), extra + packed
        fields += struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, directory)
    return start + body + struct.pack(order + "H", len(tags)) + fields + b"\0\0\0\0" + extra


JPEGS = {
    "baseline": by_pil("JPEG"),
    "progressive": by_pil("JPEG", progressive=True),
    "restart markers": by_cv2(".jpg", RGB, cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "grey": by_pil("JPEG", "L"),
    "CMYK": by_pil("JPEG", "CMYK"),
    "an EXIF thumbnail": with_thumbnail(by_pil("JPEG")),
    "an EXIF thumbnail, progressive": with_thumbnail(by_pil("JPEG", progressive=True)),
    "an end marker in a comment": with_segment(by_pil("JPEG"), 0xFE, b"comment " + JPEG_END),
    "fill bytes before a marker": by_pil("JPEG")[:2] + b"\xff\xff" + by_pil("JPEG")[2:],
    "bytes behind its end": by_pil("JPEG") + b"\0trailing\xff\xd8\xff garbage",
    "the start of another behind its end": by_pil("JPEG") + by_pil("JPEG")[:300],
    "OpenCV's": by_cv2(".jpg"),
}
PNGS = {
    "colour": by_pil("PNG"),
    "grey": by_pil("PNG", "L"),
    "alpha": by_pil("PNG", None, RGBA),
    "grey and alpha": by_pil("PNG", "LA"),
    "palette": by_pil("PNG", "P"),
    "1 bit": by_pil("PNG", "1"),
    "16 bits": by_cv2(".png", GREY_16),
    "16 bits colour": by_cv2(".png", RGB.astype(np.uint16) * 256),
    "bytes behind its end": by_pil("PNG") + b"trailing garbage",
    "OpenCV's": by_cv2(".png"),
}
BMPS = {
    "colour": by_pil("BMP"),
    "grey": by_pil("BMP", "L"),
    "alpha": by_pil("BMP", None, RGBA),
    "palette": by_pil("BMP", "P"),
    "1 bit": by_pil("BMP", "1"),
    "OpenCV's": by_cv2(".bmp"),
    "OpenCV's with alpha": by_cv2(".bmp", RGBA),
    "Windows": bmp(40),
    "OS/2": bmp(12),
}
TIFFS = {
    "colour": by_pil("TIFF"),
    "grey": by_pil("TIFF", "L"),
    "alpha": by_pil("TIFF", None, RGBA),
    "palette": by_pil("TIFF", "P"),
    "1 bit": by_pil("TIFF", "1"),
    "CMYK": by_pil("TIFF", "CMYK"),
    "LZW": by_pil("TIFF", compression="tiff_lzw"),
    "PackBits": by_pil("TIFF", compression="packbits"),
    "OpenCV's, LZW with predictor": by_cv2(".tiff"),
    "OpenCV's, 16 bits": by_cv2(".tiff", GREY_16),
    "little-endian": tiff("<"),
    "big-endian": tiff(">"),
    "big-endian, 16 bits": tiff(">", GREY_16),
    "many strips": tiff("<", rows_a_strip=7),
    "big-endian, many strips": tiff(">", rows_a_strip=1),
    "offsets of 16 bits": tiff("<", changes={273: (3, [8])}),
}
PACKABLE = {
    f"{kind}, {name}": (kind, data)
    for kind, table in (("JPEG", JPEGS), ("PNG", PNGS), ("BMP", BMPS), ("TIFF", TIFFS))
    for name, data in table.items()
}
OTHERS = {
    "WebP": by_pil("WEBP"),
    "GIF": by_pil("GIF"),
    "JPEG 2000": by_pil("JPEG2000"),
    "PNM": by_pil("PPM"),
}
each_packable = pytest.mark.parametrize(("kind", "data"), list(PACKABLE.values()), ids=list(PACKABLE))


WHITE = by_pil("PNG", pixels=np.full_like(RGB, 255))
NOISE = np.random.RandomState(0).randint(0, 256, RGB.shape).astype(np.uint8)


def table(cases):
    return pytest.mark.parametrize("data", list(cases.values()), ids=list(cases))


def decode_by_mxnet(data):
    """The pixels that MXNet sees, (H, W, 3) RGB; None if it does not decode them.

    What it cannot decode it may also answer with an array that it left as it was, so compare the pixels.
    """
    mx.image.imdecode(WHITE).wait_to_read()  # such an array shows white, and not what was decoded before
    try:
        return mx.image.imdecode(data).asnumpy()
    except mx.MXNetError:
        return None


def refuses(check, data):
    try:
        check(data)
    except ImageError:
        return True
    return False


# ---- sniffing


@each_packable
def test_the_format_of_what_can_be_packed_is_told(kind, data):
    assert formats.sniff(data) == kind


SIGNATURES = {
    "GIF of 1987": (b"GIF87a" + bytes(20), "GIF"),
    "BigTIFF, little-endian": (b"II+\0\x08\0\0\0", "BigTIFF"),
    "BigTIFF, big-endian": (b"MM\0+\0\x08\0\0", "BigTIFF"),
    "JPEG 2000 codestream": (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
    "JPEG XL codestream": (b"\xff\x0a\xfa\x1f", "JPEG XL"),
    "JPEG XL": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    "AVIF": (b"\0\0\0\x20ftypavif", "AVIF"),
    "AVIF with a line end in its length": (b"\0\0\0\nftypavif", "AVIF"),
    "HEIC": (b"\0\0\0\x18ftypheic", "HEIF"),
    "HEIF": (b"\0\0\0\x18ftypmif1", "HEIF"),
    "WebP with a line end in its length": (b"RIFF\n\0\0\0WEBPVP8 ", "WebP"),
    "HTML": (b"<!DOCTYPE html><html>", "XML or HTML"),
    "HTML behind white space": (b"\r\n  <html lang=en>", "XML or HTML"),
    "SVG": (b"<?xml version='1.0'?><svg>", "XML or HTML"),
    "text": (b"BM is how this text starts, and it is no bitmap", None),
    "a film": (b"\0\0\0\x18ftypisom", None),
    "sound": (b"RIFF\0\0\0\0WAVEfmt ", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("data", "name"), list(SIGNATURES.values()), ids=list(SIGNATURES))
def test_other_formats_are_told(data, name):
    assert formats.sniff(data) == name
    assert formats.describe(data).startswith(f"{name} data" if name else "no known image format")


@pytest.mark.parametrize("name", list(OTHERS))
def test_other_formats_are_told_of_real_files(name):
    assert formats.sniff(OTHERS[name]) == name


# ---- damage


@each_packable
def test_a_whole_file_is_whole(kind, data):
    checks.check_whole(data)
    images.decode(data, 1)


@table({name: data for name, data in JPEGS.items() if "behind" not in name})
def test_a_jpeg_cut_anywhere_is_refused(data):
    assert [n for n in range(3, len(data)) if not refuses(checks.check_whole, data[:n])] == []
    assert [n for n in range(len(data)) if not refuses(checks.check_readable_by_mxnet, data[:n])] == []


@table({name: data for name, data in PNGS.items() if "behind" not in name})
def test_a_png_cut_anywhere_is_refused(data):
    assert [n for n in range(8, len(data)) if not refuses(checks.check_whole, data[:n])] == []
    assert [n for n in range(len(data)) if not refuses(checks.check_readable_by_mxnet, data[:n])] == []


@table({**JPEGS, **PNGS})
def test_bytes_behind_the_end_do_no_harm(data):
    for more in (b"\0", b"\xff", b"garbage" * 100, JPEG_END, by_pil("JPEG"), by_pil("PNG")[:50]):
        checks.check_whole(data + more)
        checks.check_readable_by_mxnet(data + more)
        assert (decode_by_mxnet(data + more) == decode_by_mxnet(data)).all()


def test_the_varieties_of_jpeg_are_what_their_names_say():
    assert JPEGS["restart markers"].count(b"\xff\xd0") >= 1
    assert [JPEGS[name].count(b"\xff\xda") > 1 for name in ("progressive", "baseline")] == [True, False]
    assert JPEGS["an EXIF thumbnail"].count(JPEG_END) == JPEGS["an end marker in a comment"].count(JPEG_END) == 2


@table({"JPEG": by_pil("JPEG", quality=30, pixels=RGB[:16, :16]), "PNG": by_pil("PNG", pixels=RGB[:6, :6])})
def test_decoding_refuses_a_file_cut_anywhere(data):
    assert [n for n in range(len(data)) if not refuses(lambda cut: images.decode(cut, 1), data[:n])] == []


def test_the_messages_about_cut_files_have_their_length():
    with pytest.raises(ImageError, match="the JPEG is truncated: it stops after 200 bytes"):
        checks.check_whole(JPEGS["baseline"][:200])
    with pytest.raises(ImageError, match="the PNG is truncated: it stops after 90 bytes"):
        checks.check_whole(PNGS["colour"][:90])
    with pytest.raises(ImageError, match="the BMP is truncated: it has 200 bytes"):
        checks.check_readable_by_mxnet(BMPS["colour"][:200])
    with pytest.raises(ImageError, match="the TIFF is truncated.* 200 bytes"):
        checks.check_readable_by_mxnet(TIFFS["little-endian"][:200])


@table({f"{kind}, {name}": data for kind, cases in (("BMP", BMPS), ("TIFF", TIFFS)) for name, data in cases.items()})
def test_a_bmp_or_tiff_that_is_cut_is_refused_unless_no_pixel_is_lost(data):
    whole = decode_by_mxnet(data)
    for n in range(len(data)):
        if not refuses(checks.check_readable_by_mxnet, data[:n]):
            found = decode_by_mxnet(data[:n])
            assert found is not None, f"cut after {n} of {len(data)} bytes it is accepted, and MXNet does not decode it"
            assert (found == whole).all(), f"cut after {n} of {len(data)} bytes it is accepted, and pixels are lost"


@table({f"{kind}, {name}": data for kind, cases in (("BMP", BMPS), ("TIFF", TIFFS)) for name, data in cases.items()})
def test_half_a_bmp_or_tiff_is_refused(data):
    with pytest.raises(ImageError, match="truncated"):
        checks.check_readable_by_mxnet(data[: len(data) // 2])


# ---- what MXNet decodes


@each_packable
def test_what_is_accepted_mxnet_decodes(kind, data):
    checks.check_readable_by_mxnet(data)
    assert abs(decode_by_mxnet(data).astype(int) - images.to_rgb(images.decode(data, 1))).max() <= 1


@pytest.mark.parametrize("name", list(OTHERS))
def test_what_mxnet_does_not_decode_is_refused_by_its_name(name):
    with pytest.raises(ImageError, match=f"^{name} data: MXNet decodes JPEG, PNG, BMP, TIFF only; pack it without pass_through"):
        checks.check_readable_by_mxnet(OTHERS[name])
    assert decode_by_mxnet(OTHERS[name]) is None


@pytest.mark.parametrize("data", [b"", b"x", b"no image at all", b"\0" * 100])
def test_what_is_no_image_is_refused_with_its_first_bytes(data):
    with pytest.raises(ImageError, match="no known image format") as caught:
        checks.check_readable_by_mxnet(data)
    assert data[:8].hex(" ") in str(caught.value)


REFUSED_TIFFS = {
    "Deflate": (by_pil("TIFF", compression="tiff_adobe_deflate"), "compression 8;"),
    "old Deflate": (by_pil("TIFF", compression="tiff_deflate"), "compression (8|32946);"),
    "JPEG": (by_pil("TIFF", compression="jpeg"), "compression 7;"),
    "float32": (by_pil("TIFF", None, GREY.astype(np.float32)), "something else"),
    "float32 by OpenCV": (by_cv2(".tiff", GREY.astype(np.float32)), "."),
    "int32": (by_pil("TIFF", None, GREY.astype(np.int32)), "something else"),
    "CMYK of 16 bits": (tiff(pixels=RGBA.astype(np.uint16) * 257, changes={262: (3, [5])}), "."),
}


@pytest.mark.parametrize(("data", "words"), list(REFUSED_TIFFS.values()), ids=list(REFUSED_TIFFS))
def test_tiffs_that_mxnet_does_not_decode_are_refused(data, words):
    assert formats.sniff(data) == "TIFF"
    with pytest.raises(ImageError, match=words):
        checks.check_readable_by_mxnet(data)
    assert decode_by_mxnet(data) is None


def changed_frame(start, precision):
    """A baseline JPEG with the first two facts of its frame header replaced."""
    data = bytearray(by_cv2(".jpg", NOISE[:, :, ::-1]))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = start, precision
    return bytes(data)


@pytest.mark.parametrize(
    ("start", "precision", "words"), [(0xC3, 8, "SOF3, 8 bits"), (0xC5, 8, "SOF5"), (0xCB, 8, "SOF11"), (0xC1, 12, "12 bits")]
)
def test_jpegs_that_mxnet_does_not_decode_are_refused(start, precision, words):
    data = changed_frame(start, precision)
    with pytest.raises(ImageError, match=words):
        checks.check_readable_by_mxnet(data)
    found = decode_by_mxnet(data)
    assert found is None or abs(found.astype(int) - NOISE).mean() > 50


def test_changing_nothing_in_the_frame_of_a_jpeg_leaves_it_readable():
    checks.check_readable_by_mxnet(changed_frame(0xC0, 8))
    assert abs(decode_by_mxnet(changed_frame(0xC0, 8)).astype(int) - NOISE).mean() < 50


def test_a_png_whose_pixels_do_not_match_their_checksum_is_refused():
    data = bytearray(PNGS["colour"])
    data[data.index(b"IDAT") + 20] ^= 0x55
    assert decode_by_mxnet(bytes(data)) is None
    with pytest.raises(ImageError):
        checks.check_readable_by_mxnet(bytes(data))


def test_a_jpeg_without_a_frame_is_refused():
    with pytest.raises(ImageError, match="no frame header"):
        checks.check_readable_by_mxnet(b"\xff\xd8\xff\xfe\0\x02" + JPEG_END)


DAMAGED_TIFFS = {
    "no value of the compression": {259: (3, [])},
    "no value of the bits": {258: (3, [])},
    "no value of the sample format": {339: (3, [])},
    "no strips": {273: None, 279: None},
    "no offsets in the strips": {273: (4, []), 279: (4, [])},
    "a strip beyond the end": {273: (4, [10**9])},
    "a strip longer than the file": {279: (4, [2**32 - 1])},
}


@pytest.mark.parametrize("changes", list(DAMAGED_TIFFS.values()), ids=list(DAMAGED_TIFFS))
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_damaged_tiff_is_refused_or_read_by_mxnet(order, changes):
    data = tiff(order, changes=changes)
    if not refuses(checks.check_readable_by_mxnet, data):
        assert decode_by_mxnet(data) is not None


@pytest.mark.parametrize("number", [2**32 - 1, 10**6])
def test_a_count_in_a_tiff_larger_than_the_file_takes_no_memory(number):
    data = bytearray(tiff("<"))
    at = data.index(struct.pack("<HHI", 273, 4, 1))
    data[at + 4 : at + 8] = struct.pack("<I", number)
    with pytest.raises(ImageError, match="truncated"):
        checks.check_readable_by_mxnet(bytes(data))


# ---- any bytes at all

CHECKS = (checks.check_whole, checks.check_readable_by_mxnet)
SAMPLES = [data for _, data in PACKABLE.values()] + list(OTHERS.values()) + [data for data, _ in REFUSED_TIFFS.values()]
STARTS = [b"", *(data[:n] for data in SAMPLES for n in (2, 4, 8, 20, 60))]


def assert_nothing_but_image_errors(data):
    assert formats.sniff(data) is None or isinstance(formats.sniff(data), str)
    assert isinstance(formats.describe(data), str)
    for check in CHECKS:
        try:
            assert check(data) is None
        except ImageError as error:
            assert str(error)


@given(st.sampled_from(STARTS), st.binary(max_size=300))
@example(b"", b"\xff\xd8\xff")
@example(b"", b"\xff\xd8\xff\xc0\xff\xd9")
@example(b"", b"BM" + bytes(12) + b"\x28\0\0\0")
@example(b"", b"II*\0\xff\xff\xff\xff")
@settings(deadline=None, max_examples=400)
def test_random_bytes_give_nothing_but_image_errors(start, rest):
    assert_nothing_but_image_errors(start + rest)


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.one_of(st.integers(0, 150), st.integers(0, 10**5)), st.integers(0, 255)), min_size=1, max_size=6),
    st.one_of(st.none(), st.integers(0, 10**5)),
)
@settings(deadline=None, max_examples=600)
def test_flipped_and_cut_images_give_nothing_but_image_errors(sample, flips, cut):
    data = bytearray(sample)
    for position, value in flips:
        data[position % len(data)] = value
    assert_nothing_but_image_errors(bytes(data if cut is None else data[: cut % len(data)]))


def test_every_single_byte_of_a_tiff_directory_may_be_anything():
    whole = tiff("<", rows_a_strip=7)
    for position in [*range(8), *range(8 + GREY.size, len(whole))]:
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            data = bytearray(whole)
            data[position] = value
            assert_nothing_but_image_errors(bytes(data))


# ---- decoding


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PNGS["colour"], RGB[:, :, ::-1]),
        (PNGS["grey"], None),
        (PNGS["alpha"], RGB[:, :, ::-1]),
        (BMPS["colour"], RGB[:, :, ::-1]),
    ],
    ids=["colour", "grey", "alpha is left out", "BMP"],
)
def test_decoding_to_colour(data, expected):
    found = images.decode(data, 1)
    assert (found.shape, found.dtype) == ((30, 40, 3), np.uint8)
    if expected is None:
        expected = np.repeat(images.decode(data, 0)[:, :, None], 3, axis=2)
    assert (found == expected).all()


@table({"PNG": PNGS["colour"], "grey PNG": PNGS["grey"], "JPEG": JPEGS["baseline"], "16 bits": PNGS["16 bits"]})
def test_decoding_to_grey(data):
    found = images.decode(data, 0)
    assert (found.shape, found.dtype) == ((30, 40), np.uint8)
    expected = cv2.cvtColor(images.decode(data, 1), cv2.COLOR_BGR2GRAY)
    assert abs(found.astype(int) - expected).max() <= 3


AS_STORED = {
    "grey": (PNGS["grey"], (30, 40), np.uint8),
    "colour": (PNGS["colour"], (30, 40, 3), np.uint8),
    "alpha": (PNGS["alpha"], (30, 40, 4), np.uint8),
    "16 bits": (PNGS["16 bits"], (30, 40), np.uint16),
    "16 bits colour": (PNGS["16 bits colour"], (30, 40, 3), np.uint16),
    "palette": (PNGS["palette"], (30, 40, 3), np.uint8),
    "JPEG": (JPEGS["baseline"], (30, 40, 3), np.uint8),
    "grey JPEG": (JPEGS["grey"], (30, 40), np.uint8),
    "CMYK JPEG": (JPEGS["CMYK"], (30, 40, 3), np.uint8),
}


@pytest.mark.parametrize(("data", "shape", "dtype"), list(AS_STORED.values()), ids=list(AS_STORED))
def test_decoding_as_stored(data, shape, dtype):
    found = images.decode(data, -1)
    assert (found.shape, found.dtype) == (shape, dtype)


def test_decoding_as_stored_keeps_every_bit():
    assert (images.decode(PNGS["16 bits"], -1) == GREY_16).all()
    assert (images.decode(PNGS["alpha"], -1) == RGBA[:, :, [2, 1, 0, 3]]).all()


def test_decoding_16_bits_to_8_keeps_the_high_byte():
    found = images.decode(PNGS["16 bits"], 1)
    assert (found == GREY[:, :, None]).all()
    assert (images.to_8_bits(images.decode(PNGS["16 bits"], -1)) == GREY).all()
    assert (decode_by_mxnet(PNGS["16 bits"]) == GREY[:, :, None]).all()


@pytest.mark.parametrize("color", [1, -1])
def test_decoding_cmyk_gives_the_colours_it_was_made_of(color):
    found = images.decode(by_pil("JPEG", "CMYK", quality=100), color)
    assert abs(found[:, :, ::-1].astype(int) - RGB).mean() < 3


@pytest.mark.parametrize("color", [1, 0])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_the_exif_orientation_is_applied(color, orientation, turns):
    upright = images.decode(with_orientation(1), color)
    assert (images.decode(with_orientation(orientation), color) == np.rot90(upright, turns)).all()


def test_the_exif_orientation_is_not_applied_as_stored():
    assert (images.decode(with_orientation(6), -1) == images.decode(with_orientation(1), 1)).all()


@pytest.mark.parametrize(
    "data", [b"", b"x", b"no image at all", JPEG_END, b"\x89PNG\r\n\x1a\n", OTHERS["WebP"][:100], BMPS["colour"][:40]]
)
@pytest.mark.parametrize("color", [1, 0, -1])
def test_what_cannot_be_decoded_is_an_image_error(data, color):
    with pytest.raises(ImageError):
        images.decode(data, color)


def test_a_png_with_a_damaged_header_is_an_image_error():
    data = bytearray(PNGS["colour"])
    data[18] ^= 0xFF  # the width, which its checksum covers
    with pytest.raises(ImageError):
        images.decode(bytes(data), 1)


def test_pixels_of_floats_are_refused_as_stored():
    with pytest.raises(ImageError, match="its pixels are float32"):
        images.decode(by_cv2(".hdr", RGB.astype(np.float32)), -1)


# ---- to arrays of a transform, and back


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1), (30, 40, 3), (30, 40, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_decoded_image_as_rgb(shape, dtype):
    image = np.random.RandomState(0).randint(0, np.iinfo(dtype).max, shape).astype(dtype)
    found = images.to_rgb(image)
    assert (found.ndim, found.dtype, found.flags.c_contiguous) == (3, np.uint8, True)
    eight = (image >> 8 if dtype == np.uint16 else image).reshape(30, 40, -1)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[eight.shape[2]]
    assert (found == eight[:, :, order]).all()
    assert (images.to_bgr(found) == eight).all()


def test_8_bits_stay_as_they_are():
    assert images.to_8_bits(RGB) is RGB


# ---- encoding

PARAMETERS = {
    "JPEG's default": (".jpg", 95, [cv2.IMWRITE_JPEG_QUALITY, 95]),
    "JPEG by its long name": (".jpeg", 80, [cv2.IMWRITE_JPEG_QUALITY, 80]),
    "JPEG's least": (".jpg", 1, [cv2.IMWRITE_JPEG_QUALITY, 1]),
    "JPEG's most": (".jpg", 100, [cv2.IMWRITE_JPEG_QUALITY, 100]),
    "an integer of NumPy": (".jpg", np.int64(7), [cv2.IMWRITE_JPEG_QUALITY, 7]),
    "PNG's default": (".png", 95, [cv2.IMWRITE_PNG_COMPRESSION, 3]),
    "PNG's least": (".png", 0, [cv2.IMWRITE_PNG_COMPRESSION, 0]),
    "PNG's most": (".png", 9, [cv2.IMWRITE_PNG_COMPRESSION, 9]),
}


@pytest.mark.parametrize(("encoding", "quality", "expected"), list(PARAMETERS.values()), ids=list(PARAMETERS))
def test_encoder_parameters(encoding, quality, expected):
    found = images.encoder_parameters(encoding, quality)
    assert found == expected
    assert [type(value) for value in found] == [int, int]


@pytest.mark.parametrize(
    ("encoding", "quality", "words"),
    [
        (".jpg", 0, "quality of JPEG.* from 1 to 100, not 0"),
        (".jpg", 101, "from 1 to 100, not 101"),
        (".jpg", -1, "not -1"),
        (".jpg", 95.0, "not 95.0"),
        (".jpg", True, "not True"),
        (".jpg", "95", "not '95'"),
        (".jpg", None, "not None"),
        (".png", 10, "compression of PNG.* from 0 to 9, not 10"),
        (".png", -1, "not -1"),
        (".png", True, "not True"),
        ("jpg", 95, "encoding must be '.jpg', '.jpeg' or '.png', not 'jpg'"),
        (".JPG", 95, "not '.JPG'"),
        (".webp", 95, "not '.webp'"),
        (None, 95, "not None"),
    ],
)
def test_wrong_encoder_parameters_are_refused(encoding, quality, words):
    with pytest.raises(ValueError, match=words):
        images.encoder_parameters(encoding, quality)


ENCODED = {
    "colour": RGB,
    "grey": GREY,
    "grey with an axis": GREY[:, :, None],
    "alpha": RGBA,
    "16 bits": GREY_16,
    "16 bits colour": RGB.astype(np.uint16) * 256 + 77,
    "16 bits alpha": RGBA.astype(np.uint16) * 256 + 77,
}


@pytest.mark.parametrize("image", list(ENCODED.values()), ids=list(ENCODED))
@pytest.mark.parametrize("quality", [0, 3, 9])
def test_png_keeps_every_bit(image, quality):
    found = images.encode(image, ".png", images.encoder_parameters(".png", quality))
    assert formats.sniff(found) == "PNG"
    decoded = images.decode(found, -1)
    assert decoded.dtype == image.dtype
    assert (decoded.reshape(image.shape) == image).all()


@pytest.mark.parametrize("image", list(ENCODED.values()), ids=list(ENCODED))
@pytest.mark.parametrize("encoding", [".jpg", ".jpeg"])
def test_jpeg_leaves_alpha_and_low_bytes_out(image, encoding):
    parameters = images.encoder_parameters(encoding, 90)
    reduced = images.to_8_bits(image)
    reduced = reduced[:, :, :3] if reduced.ndim == 3 else reduced
    found = images.encode(image, encoding, parameters)
    assert formats.sniff(found) == "JPEG"
    assert found == cv2.imencode(".jpg", np.ascontiguousarray(reduced), parameters)[1].tobytes()
    checks.check_readable_by_mxnet(found)


def test_quality_matters():
    sizes = [len(images.encode(RGB, ".jpg", images.encoder_parameters(".jpg", quality))) for quality in (10, 50, 95)]
    assert sizes == sorted(set(sizes))
    sizes = [len(images.encode(RGB, ".png", images.encoder_parameters(".png", quality))) for quality in (0, 9)]
    assert sizes[0] > sizes[1]


def test_what_is_encoded_mxnet_decodes_to_the_same_colours():
    encoded = images.encode(images.to_bgr(RGB), ".png", images.encoder_parameters(".png", 95))
    assert (decode_by_mxnet(encoded) == RGB).all()
    encoded = images.encode(images.to_bgr(RGB), ".jpg", images.encoder_parameters(".jpg", 95))
    assert (decode_by_mxnet(encoded) == images.to_rgb(images.decode(encoded, 1))).all()


@pytest.mark.parametrize("shape", [(1, 65536, 3), (65536, 1)])
def test_a_side_too_long_for_jpeg_is_an_image_error(shape):
    with pytest.raises(ImageError, match="at most 65,500 pixels a side"):
        images.encode(np.zeros(shape, np.uint8), ".jpg", images.encoder_parameters(".jpg", 95))


def test_an_image_without_pixels_is_an_image_error():
    with pytest.raises(ImageError, match="cannot encode"):
        images.encode(np.zeros((0, 40, 3), np.uint8), ".png", images.encoder_parameters(".png", 95))
