# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""ImageFilter: by the header alone, whatever the name; what it says, and how little it reads."""

import io
import os

import pytest
from PIL import Image

from mxnet_im2rec.lists.filters import ImageFilter


def picture(kind="JPEG", size=(60, 20), **options):
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 100, 50)).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_sides_and_aspect_by_the_header(kind):
    data = picture(kind)
    assert ImageFilter(min_side=20, max_aspect=3).why_not(data) is None
    assert ImageFilter(min_side=21).why_not(data) == "its shorter side has 20 pixels, less than 21"
    assert ImageFilter(max_aspect=2.9).why_not(data) == "its sides are 60 x 20 pixels, more than 2.9 to 1"
    assert ImageFilter(max_aspect=2.9).why_not(picture(kind, (20, 60))) == "its sides are 20 x 60 pixels, more than 2.9 to 1"


def test_formats_by_content():
    only_jpeg = ImageFilter(formats="jpeg")
    assert only_jpeg.why_not(picture()) is None
    assert only_jpeg.why_not(picture("PNG")) == "its format is PNG"
    assert only_jpeg.why_not(b"<html></html>") == "it is no image: XML or HTML data"
    assert "it is no image: no known image format" in only_jpeg.why_not(b"")
    for formats in ("JPG, png", ["jpeg", "PNG"], {"JPEG", "png"}):
        assert ImageFilter(formats=formats).formats == {"JPEG", "PNG"}


def test_a_filter_of_nothing_is_false_and_wants_everything():
    assert not ImageFilter()
    assert ImageFilter().why_not(b"") is None
    assert all([ImageFilter(min_side=1), ImageFilter(max_aspect=1), ImageFilter(formats="png")])


def test_what_has_no_size_is_not_wanted_where_the_size_counts():
    assert "its header does not tell its size: JPEG data" in ImageFilter(min_side=1).why_not(picture()[:10])
    assert "its header does not tell its size" in ImageFilter(max_aspect=9).why_not(b"text")


@pytest.mark.timeout(20)
def test_files_whatever_they_are(tmp_path):
    wanted = ImageFilter(min_side=20)
    (tmp_path / "a.jpg").write_bytes(picture())
    (tmp_path / "late size.jpg").write_bytes(b"\xff\xd8" + (b"\xff\xfe\xff\xff" + bytes(0xFFFD)) * 3 + picture()[2:])
    (tmp_path / "late size.tif").write_bytes(picture("TIFF", (300, 200)))
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("a.jpg", "late size.jpg", "late size.tif"):
        assert wanted.why_not_file(str(tmp_path / name)) is None
    with pytest.raises(OSError, match="pipe.jpg' is no regular file"):
        wanted.why_not_file(str(tmp_path / "pipe.jpg"))
    with pytest.raises(FileNotFoundError):
        wanted.why_not_file(str(tmp_path / "nosuch.jpg"))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"min_side": 0}, ValueError, "min_side must be at least 1, not 0"),
        ({"min_side": 1.5}, TypeError, "min_side must be a whole number"),
        ({"max_aspect": 0.5}, ValueError, "max_aspect must be at least 1"),
        ({"max_aspect": "2"}, TypeError, "max_aspect must be a number"),
        ({"max_aspect": float("nan")}, ValueError, "max_aspect must be a number"),
        ({"formats": "jpgg"}, ValueError, "formats must be of avif, .*, not 'jpgg'"),
        ({"formats": [1]}, TypeError, "formats must be names"),
        ({"formats": []}, ValueError, "formats is empty"),
    ],
)
def test_wrong_arguments_are_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        ImageFilter(**options)
