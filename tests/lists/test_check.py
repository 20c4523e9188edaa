# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""check_list: every kind of finding, and that what it calls an error is what im2rec() fails on."""

import io
import logging
import os
import shutil
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from commands import call
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mxnet_im2rec import EmptyDatasetError, ErrorLimitExceeded, ListEntry, check_list, im2rec
from mxnet_im2rec.errors import ImageError
from mxnet_im2rec.images.checks import check_readable_by_mxnet, check_whole
from mxnet_im2rec.lists.check_file import FileCheck

EXIF_ORIENTATION = 0x0112


def picture(kind="JPEG", size=(24, 16), orientation=None, **options):
    """A small picture as the bytes of a file."""
    pixels = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    if orientation is not None:
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        options["exif"] = exif
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def grow(jpeg, count):
    """A JPEG with comments of that many bytes in front, so that its scan begins late."""
    comments = b""
    while count > 0:
        length = min(count, 60_000)
        comments += b"\xff\xfe" + struct.pack(">H", length + 2) + b"c" * length
        count -= length
    return jpeg[:2] + comments + jpeg[2:]


def bad_checksum(png):
    position = png.index(b"IDAT") + 8
    return png[:position] + bytes([png[position] ^ 1]) + png[position + 1 :]


JPEG, PNG = picture(), picture("PNG")
LARGE = picture(size=(400, 300), quality=98)
LARGE_PNG = picture("PNG", size=(400, 300))
FILES = {
    "good.jpg": JPEG,
    "good.png": PNG,
    "good.bmp": picture("BMP"),
    "good.tif": picture("TIFF"),
    "good.webp": picture("WEBP"),
    "good.gif": picture("GIF"),
    "good.jp2": picture("JPEG2000"),
    "good.ppm": picture("PPM"),
    "large.jpg": LARGE,
    "large.png": LARGE_PNG,
    "late scan.jpg": grow(LARGE, 100_000),
    "very late scan.jpg": grow(LARGE, 400_000),
    "fill bytes.jpg": LARGE[:2] + b"\xff\xff" + LARGE[2:],
    "bytes behind the end.jpg": LARGE + b"\0" * 5,
    "bytes behind the end.png": LARGE_PNG + b"\0" * 5,
    "rotated.jpg": picture(orientation=6),
    "upright.jpg": picture(orientation=1),
    "mirrored.jpg": picture(size=(400, 300), orientation=2, quality=98),
    "empty.jpg": b"",
    "text.jpg": b"this is no picture\n" * 50,
    "page.jpg": b"<!DOCTYPE html><html></html>",
    "cut.jpg": JPEG[:-20],
    "cut large.jpg": LARGE[:-1000],
    "cut late scan.jpg": grow(LARGE, 100_000)[:-1000],
    "cut before the scan.jpg": JPEG[:100],
    "half an end.jpg": LARGE[:-1],
    "start alone.jpg": JPEG[:3],
    "cut.png": PNG[:-20],
    "cut large.png": LARGE_PNG[:-1000],
    "half an end.png": LARGE_PNG[:-2],
    "heif.jpg": b"\0\0\0\x18ftypheic" + b"\0" * 100,
}
BMP = picture("BMP")
FILES["cut.bmp"], FILES["short.bmp"] = BMP[:-50], BMP[:40]
ONLY_PASSING = {  # defects that show in packing with pass_through alone, which decodes nothing
    "very short.bmp": BMP[:20],
    "cut.tif": picture("TIFF")[:-50],
    "deflate.tif": picture("TIFF", compression="tiff_adobe_deflate"),
    "checksum.png": bad_checksum(PNG),
    "checksum large.png": bad_checksum(LARGE_PNG),
    "twelve bits.jpg": JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"),
    "lossless.jpg": LARGE.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc3\x00\x11\x08"),
}
LINES = [
    "no entry at all",
    "1000\tno label.jpg",
    "x\t1\tgood.jpg",
    "-5\t1\tgood.jpg",
    "1001\tone\tgood.jpg",
    "1002\tnan\tgood.jpg",
    "1003\t1e39\tgood.jpg",
    "1004\t1\tmissing.jpg",
    "1005\t1\ta folder",
    "1006\t1\tgood.jpg/x.jpg",
    "1007\t1\tnul\0.jpg",
    "1008\t1\t" + "n" * 300 + ".jpg",
    "1009\t1\tgood.jpg",
    "1009\t1\tgood.jpg",
    "18446744073709551615\t1\tgood.jpg",
    "18446744073709551616\t1\tgood.jpg",
    "1010\t16777217\tgood.jpg",
    "1011\t1e-60\tgood.jpg",
    "1012\t1\t2\tgood.jpg",
    "1013 1 good.jpg",
    "1014\t1\twith a bell \a.jpg",
]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A folder with a file of every kind, and a list of them with every defect that a line can have."""
    folder = tmp_path_factory.mktemp("zoo")
    for name, data in {**FILES, **ONLY_PASSING}.items():
        (folder / name).write_bytes(data)
    (folder / "a folder").mkdir()
    lines = [f"{index}\t{index}\t{name}" for index, name in enumerate(FILES)]
    data = "\n".join(["# a comment", *lines, "", *LINES]).encode() + b"\n1015\t1\t\xff.jpg\n"
    (folder / "all.lst").write_bytes(data)
    lines += [f"{2000 + index}\t{index}\t{name}" for index, name in enumerate(ONLY_PASSING)]
    (folder / "passing.lst").write_bytes("\n".join([*lines, "", *LINES]).encode() + b"\n1015\t1\t\xff.jpg\n")
    return folder


@pytest.fixture
def listed(tmp_path):
    """Writes a list of lines beside a good image, and checks it."""
    (tmp_path / "a.jpg").write_bytes(JPEG)

    def check(*lines, **options):
        path = tmp_path / "images.lst"
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return check_list(path, **options)

    return check


def kinds_of(report, severity=None):
    return [finding.kind for finding in report.findings if severity in (None, finding.severity)]


@pytest.mark.filterwarnings("ignore::mxnet_im2rec.LabelPrecisionWarning")
@pytest.mark.parametrize("options", [{}, {"pack_labels": False}, {"pass_through": True}], ids=str)
def test_an_error_is_what_packing_fails_on(zoo, tmp_path, options, caplog):
    caplog.set_level(logging.CRITICAL)
    name = "passing.lst" if options.get("pass_through") else "all.lst"
    report = check_list(zoo / name, **options)
    packed = im2rec(zoo / name, tmp_path / "out", num_workers=0, error_limit=None, progress=False, **options)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    assert [(error.line, error.index, error.path) for error in errors] == [(f.line, f.index, f.path) for f in packed.failures]
    assert not report.ok
    assert report.num_errors == len(errors) == len(packed.failures) > 20
    assert report.num_entries == packed.num_records + len(packed.failures)
    assert {"line", "duplicate", "missing", "unreadable", "empty", "format", "damaged"} <= set(report.counts)


def test_what_is_found_in_the_zoo(zoo):
    report = check_list(str(zoo / "all.lst"))
    found = {finding.path: finding for finding in report.findings if finding.severity == "error" and finding.path}
    expected = {
        "empty.jpg": ("empty", "the file is empty"),
        "text.jpg": ("format", "it is no image: no known image format (it starts with "),
        "page.jpg": ("format", "it is no image: XML or HTML data"),
        "heif.jpg": ("too large", "HEIF data: how many pixels it has cannot be known"),
        "cut.jpg": ("damaged", "the JPEG is truncated"),
        "cut large.png": ("damaged", "the PNG is truncated"),
        "missing.jpg": ("missing", "there is no such file, looked for at"),
        "a folder": ("unreadable", "Is a directory"),
        "n" * 300 + ".jpg": ("unreadable", "File name too long"),
    }
    for path, (kind, message) in expected.items():
        assert found[path].kind == kind
        assert message in found[path].message
    assert report.formats["JPEG"] > 10
    assert report.formats["WebP"] == 1
    assert report.formats["unknown"] == 1
    assert report.num_bytes > 1_000_000
    assert report.index_range == (0, 2**64 - 1)
    assert report.label_range == (0.0, 16777217.0)
    assert dict(report.label_widths) == {1: report.label_widths[1], 2: 1}
    assert report.label_width is None
    text = str(report)
    assert f"{zoo / 'all.lst'}:20: error: 'empty.jpg': the file is empty\n" in text
    assert "\a" not in text
    assert "\0" not in text
    assert f"{report.num_entries} entries, " in text


def test_a_finding_is_a_line_with_its_place(listed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed("0\t1\ta.jpg", "", "# comment", "1\t1\tb\ac.jpg", "what")
    report = check_list("images.lst")
    assert [str(finding) for finding in report.findings] == [
        f"images.lst:4: error: 'b\\x07c.jpg': there is no such file, looked for at {str(tmp_path) + '/b' + chr(7) + 'c.jpg'!r}",
        "images.lst:5: error: expected an index, at least one label and a path, separated by tabs; found 'what'",
    ]
    assert (report.findings[0].line, report.findings[0].index, report.findings[0].path) == (4, 1, "b\ac.jpg")
    assert str(report).startswith("images.lst:4: error: ")
    os.rename("images.lst", "a\nb.lst")
    assert str(check_list("a\nb.lst")).startswith(r"'a\nb.lst':4: error: ")


def test_a_good_list_has_no_finding(listed):
    report = listed("0\t1\ta.jpg", "7\t-2.5\ta.jpg")
    assert report.ok
    assert report.findings == ()
    assert report.label_width == 1
    assert report.label_range == (-2.5, 1.0)
    assert report.index_range == (0, 7)
    assert report.num_bytes == 2 * len(JPEG)
    assert dict(report.formats) == {"JPEG": 2}
    assert (report.num_errors, report.num_warnings, dict(report.counts)) == (0, 0, {})
    text = str(report)
    assert "2 entries" in text
    assert "0 errors, 0 warnings" in text
    assert "label_width: 1" in text
    assert "indices: 0 to 7" in text


@pytest.mark.parametrize("lines", [(), ("# nothing", "")])
def test_a_list_without_entries_is_an_error_as_in_packing(listed, tmp_path, lines):
    report = listed(*lines)
    assert kinds_of(report) == ["no entry"]
    assert not report.ok
    assert "images.lst: error: there is no entry" in str(report)
    with pytest.raises(EmptyDatasetError):
        im2rec(tmp_path / "images.lst", tmp_path / "out", num_workers=0, progress=False)


def test_labels_that_float32_does_not_hold(listed):
    report = listed("0\t16777216\ta.jpg", "1\t16777217\ta.jpg", "2\t0.1\ta.jpg", "3\t1e-60\ta.jpg", "4\t-16777219\ta.jpg")
    assert report.ok
    assert [(finding.line, finding.kind, finding.severity) for finding in report.findings] == [
        (line, "inexact label", "warning") for line in (2, 4, 5)
    ]
    assert "the label 16777217 becomes 16777216" in report.findings[0].message
    assert "becomes 0:" in report.findings[1].message
    assert report.num_warnings == 3


def test_label_widths(listed):
    lines = ["0\t1\ta.jpg", "1\t1\t2\ta.jpg", "2\t1\t3\ta.jpg", "3\t1\t2\t3\ta.jpg"]
    report = listed(*lines)
    assert [(finding.line, finding.kind, finding.severity) for finding in report.findings] == [
        (1, "label width", "warning"),
        (4, "label width", "warning"),
    ]
    assert "it has 1 label, most entries have 2" in report.findings[0].message
    assert report.label_width is None
    assert dict(report.label_widths) == {2: 2, 1: 1, 3: 1}
    assert "labels an entry: 1 to 3" in str(report)
    assert listed(*lines, pack_labels=False).findings == ()
    report = listed(*lines[1:3])
    assert kinds_of(report) == ["labels", "key 0"]
    assert "give ImageRecordIter label_width=2" in report.findings[0].message
    assert report.label_width == 2


def test_the_key_0(listed):
    report = listed("1\t1\ta.jpg", "2\t1\ta.jpg")
    assert [(finding.line, finding.kind, finding.severity) for finding in report.findings] == [(None, "key 0", "note")]
    assert report.ok
    assert "images.lst: note: no entry has the index 0" in str(report)


def detection(*numbers):
    return f"{detection.index}\t" + "\t".join(map(str, numbers)) + "\ta.jpg"


BOX = (1, 0.1, 0.2, 0.3, 0.4)
GOOD = (2, 5, *BOX)
NOT_ADDING_UP = {
    (2, 5, *BOX, 0.5): "does not add up to its 8 labels",
    (2, 5): "it has no object",
    (9, 5, *BOX): "does not add up to its 7 labels",
    (2, 5, 1, 0.3, 0.2, 0.1, 0.4): "object 1 has the box 0.3, 0.2, 0.1, 0.4",
    (2, 5, *BOX, 1, 10, 20, 30, 40): "object 2 has the box 10, 20, 30, 40; expected",
    (2, 5, 1, -0.1, 0.2, 0.3, 0.4): "object 1 has the box -0.1",
    (2, 5, 1, 0.1, 0.2, 1.25, 0.4): "object 1 has the box 0.1, 0.2, 1.25",
    (2, 5, 1, 0.1, 0.2, 0.3, 1.25): "object 1 has the box 0.1, 0.2, 0.3, 1.25",
    (2, 6, *BOX, 0): "its objects have 6 numbers, those of most entries have 5",
    (2.5, 5, *BOX): "it begins with 2.5, 5",
    (1,): "it begins with 1",
    (2, 4, *BOX): "it begins with 2, 4",
}


@pytest.mark.parametrize(("labels", "message"), list(NOT_ADDING_UP.items()), ids=str)
def test_detection_labels_that_do_not_add_up(listed, labels, message):
    rows = [GOOD, (2, 5, *BOX, *BOX), (4, 5, 640, 480, *BOX), labels, GOOD, GOOD]
    report = listed(*("\t".join(map(str, (index, *row, "a.jpg"))) for index, row in enumerate(rows)))
    assert report.is_detection
    assert [(finding.line, finding.kind, finding.severity) for finding in report.findings if finding.line] == [
        (4, "detection", "warning")
    ]
    assert message in report.findings[0].message
    assert report.label_width is None
    assert report.ok
    assert "ImageDetIter or ImageDetRecordIter" in report.findings[-1].message
    assert ", for detection" in str(report)


def test_a_detection_list_in_pixels_is_told(listed):
    report = listed(*(f"{index}\t2\t5\t0\t10\t20\t{30 + index}\t40\ta.jpg" for index in range(5)))
    assert report.is_detection
    assert kinds_of(report) == ["detection"] * 5 + ["labels"]


def test_labels_that_only_look_a_little_like_detection_are_none(listed):
    report = listed("0\t2\t5\t1\ta.jpg", "1\t3\t5\t0\ta.jpg", "2\t1\t7\t1\ta.jpg")
    assert not report.is_detection
    assert kinds_of(report) == ["labels"]


def test_rotated_files_are_told_under_pass_through(zoo):
    entries = [
        ListEntry(index, (1.0,), name) for index, name in enumerate(("rotated.jpg", "upright.jpg", "mirrored.jpg", "good.png"))
    ]
    report = check_list(entries, zoo, pass_through=True)
    assert [(finding.path, finding.kind, finding.severity) for finding in report.findings] == [
        ("rotated.jpg", "rotated", "warning"),
        ("mirrored.jpg", "rotated", "warning"),
    ]
    assert report.findings[0].message.startswith("EXIF orientation 6, stored as it is")
    assert check_list(entries, zoo).findings == ()


def test_of_two_exif_segments_the_first_counts(tmp_path):
    first, second = picture(orientation=8), picture(orientation=3)
    start = second.index(b"\xff\xe1")
    end = start + 2 + struct.unpack_from(">H", second, start + 2)[0]
    place = first.index(b"\xff\xdb")
    (tmp_path / "a.jpg").write_bytes(first[:place] + second[start:end] + first[place:])
    report = check_list([ListEntry(0, (1.0,), "a.jpg")], tmp_path, pass_through=True)
    assert report.findings[0].message.startswith("EXIF orientation 8,")


def test_a_record_beyond_the_limit_is_told_under_pass_through(tmp_path):
    entry = ListEntry(0, (1.0,), "huge.jpg")
    for size, kinds in ((2**29 - 25, []), (2**29 - 24, ["too large"])):
        with open(tmp_path / "huge.jpg", "wb") as stream:
            stream.write(JPEG[:-2])
            stream.seek(size - 2)
            stream.write(b"\xff\xd9")  # a sparse file
        report = check_list([entry], tmp_path, pass_through=True)
        assert kinds_of(report) == kinds
    assert kinds_of(check_list([entry._replace(labels=(1.0, 2.0))], tmp_path, pass_through=True))[0] == "too large"
    assert "RecordIO's limit is 536,870,911" in report.findings[0].message
    assert check_list([entry], tmp_path).ok
    os.truncate(tmp_path / "huge.jpg", 1000)
    assert kinds_of(check_list([entry], tmp_path, pass_through=True)) == ["damaged"]


@pytest.mark.parametrize(
    "name", ["large.jpg", "late scan.jpg", "fill bytes.jpg", "large.png", "good.bmp", "good.tif", "good.webp"]
)
def test_an_image_of_too_many_pixels_is_told(zoo, tmp_path, name):
    entry = ListEntry(0, (1.0,), name)
    width, height = Image.open(zoo / name).size
    for pixels in (width * height, width * height - 1):
        report = check_list([entry], zoo, max_pixels=pixels)
        assert kinds_of(report) == ["too large"] * (pixels < width * height)
    assert f"max_pixels allows {width * height - 1:,}" in report.findings[0].message
    with pytest.raises(ErrorLimitExceeded, match="max_pixels"):
        im2rec([entry], tmp_path / "out", root=zoo, max_pixels=width * height - 1, num_workers=0, progress=False)
    assert check_list([entry], zoo, max_pixels=None).ok


@pytest.mark.timeout(20)
def test_a_named_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    report = check_list([ListEntry(0, (1.0,), "pipe.jpg"), ListEntry(1, (1.0,), "/dev/null")], tmp_path)
    assert kinds_of(report) == ["unreadable", "unreadable"]


def test_entries_instead_of_a_list(zoo, tmp_path, monkeypatch):
    entries = [ListEntry(0, (1,), "good.jpg"), ListEntry(0, (1.0,), "good.jpg"), ListEntry(-1, (1.0,), "good.jpg")]
    report = check_list(iter(entries), zoo)
    assert report.list_file is None
    assert [str(finding) for finding in report.findings][0].startswith(
        "entry 2: error: 'good.jpg': the index 0 was on an earlier line"
    )
    assert kinds_of(report) == ["duplicate", "line"]
    assert str(check_list([])).startswith("the entries: error: there is no entry")
    monkeypatch.chdir(zoo)
    assert check_list(entries[:1]).ok
    with pytest.raises(TypeError, match="must be a path, or yield ListEntry"):
        check_list(["good.jpg"], zoo)


def test_the_root(zoo, tmp_path):
    (tmp_path / "images.lst").write_text("0\t1\tgood.jpg\n")
    assert kinds_of(check_list(tmp_path / "images.lst")) == ["missing"]
    report = check_list(tmp_path / "images.lst", zoo)
    assert report.ok
    assert report.root == str(zoo)


WRONG = [
    ({"list_file": 3}, TypeError, "list_file must be a path"),
    ({"list_file": b"x"}, TypeError, "list_file must be a path"),
    ({"list_file": "/nowhere/x.lst"}, FileNotFoundError, "nowhere"),
    ({"root": "/nowhere"}, NotADirectoryError, "is no folder"),
    ({"pack_labels": 2}, TypeError, "pack_labels must be True or False"),
    ({"pass_through": "no"}, TypeError, "pass_through must be True or False"),
    ({"num_threads": 0}, ValueError, "num_threads must be"),
    ({"max_pixels": 0}, ValueError, "max_pixels must be"),
    ({"progress": True}, TypeError, "progress must be None or callable"),
]


@pytest.mark.parametrize(("options", "kind", "message"), WRONG, ids=[str(options) for options, _, _ in WRONG])
def test_wrong_arguments_are_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        check_list(**{"list_file": [], **options})


def test_progress_and_silence(listed, capfd):
    told = []
    listed("0\t1\ta.jpg", "1\t1\tb.jpg", "# comment", "2\t1\ta.jpg", progress=lambda *numbers: told.append(numbers))
    assert told == [(1, 3, 0), (2, 3, 1), (3, 3, 1)]
    assert capfd.readouterr() == ("", "")


def test_of_each_kind_the_first_thousand_are_kept_and_all_counted(listed):
    lines = [f"{index}\t1\tmissing.jpg" for index in range(1500)]
    lines += [f"{index}\t16777217\ta.jpg" for index in range(1500, 2700)]
    lines += [f"{index}\t1\t2\t3\ta.jpg" for index in range(2700, 4000)]
    report = listed(*lines)
    assert dict(report.counts) == {"missing": 1500, "inexact label": 1200, "label width": 1300}
    assert (report.num_errors, report.num_warnings) == (1500, 2500)
    assert [kinds_of(report).count(kind) for kind in report.counts] == [1000, 1000, 1000]
    assert [finding.line for finding in report.findings] == sorted(finding.line for finding in report.findings)
    assert report.findings[-1].line == 3700
    text = str(report).splitlines()
    assert len(text) < 60
    assert "... and 3,950 more" in text
    assert "1,500 errors, 2,500 warnings" in "".join(text)


def test_errors_are_shown_before_warnings_crowd_them_out(listed):
    lines = [f"{index}\t16777217\ta.jpg" for index in range(100)]
    report = listed(*lines, "100\t1\tmissing.jpg")
    shown = str(report).splitlines()
    assert any("images.lst:101: error: 'missing.jpg'" in line for line in shown)
    assert "... and 51 more" in shown


SEGMENTS = st.lists(
    st.sampled_from(
        [
            b"\xff\xe0\x00\x04ab",
            b"\xff\xc0\x00\x11\x08" + b"\0" * 14,
            b"\xff\xda\x00\x04ab",
            b"\xff\xda\x00\x04\xff\xd9",
            b"\xff\xd9",
            b"\xff\xd0",
            b"\xff\xff",
            b"\xff\x00",
            b"\xff\xe1\x00\x60",
            b"\xff\xda\xff\xf0",
            b"data",
            b"\0" * 30_000,
            b"\0" * 70_000,
            b"\xff",
        ]
    ),
    max_size=12,
)


@given(SEGMENTS, st.booleans(), st.booleans())
@example([b"\xff\xda\x00\x04\xff\xd9"], False, False)
@example([b"\xff\xda\x00\x04ab"], True, False)
@settings(deadline=None, max_examples=200)
def test_a_look_at_the_ends_says_of_a_jpeg_what_a_look_at_all_of_it_says(tmp_path_factory, pieces, ends, pass_through):
    data = b"\xff\xd8\xff" + b"".join(pieces)[1:] + (b"\xff\xd9" if ends else b"")
    path = tmp_path_factory.getbasetemp() / "any.jpg"
    path.write_bytes(data)
    try:
        (check_readable_by_mxnet if pass_through else check_whole)(data)
        expected = None
    except ImageError as error:
        expected = str(error)
    found = FileCheck("", pass_through, None)(ListEntry(0, (1.0,), str(path)))
    assert (found.error and found.error[1]) == expected


def test_little_is_read_of_a_large_file(tmp_path, monkeypatch):
    jpeg = LARGE[:-2] + b"\0" * 5_000_000 + LARGE[-2:]
    (tmp_path / "a.jpg").write_bytes(jpeg)
    png = (
        LARGE_PNG[:33]
        + struct.pack(">I", 5_000_000)
        + (chunk := b"teXt" + b"\0" * 5_000_000)
        + struct.pack(">I", zlib.crc32(chunk))
    )
    (tmp_path / "a.png").write_bytes(png + LARGE_PNG[33:])
    looked = []
    from mxnet_im2rec.lists import check_file

    read = check_file._read
    monkeypatch.setattr(check_file, "_read", lambda stream, count: looked.append(count) or read(stream, count))
    monkeypatch.setattr(check_file, "_rest", None)
    assert check_list([ListEntry(0, (1.0,), "a.jpg"), ListEntry(1, (1.0,), "a.png")], tmp_path).ok
    assert sum(looked) < 100_000


def test_a_long_list_takes_little_time(tmp_path, photos):
    for number, name in enumerate(sorted(os.listdir(photos))):
        if not name.endswith(".lst"):
            shutil.copy(photos / name, tmp_path / f"{number}.{name.rsplit('.', 1)[1]}")
    names = sorted(os.listdir(tmp_path))
    lines = [f"{index}\t{index % 1000}\t{names[index % len(names)]}\n" for index in range(20_000)]
    (tmp_path / "images.lst").write_text("".join(lines))
    for _ in range(3):  # others may use the machine at the same time
        started = time.perf_counter()
        report = check_list(tmp_path / "images.lst")
        seconds = time.perf_counter() - started
        if seconds < 2:
            break
    assert report.ok
    assert report.num_entries == 20_000
    assert seconds < 4  # 1 s where nothing else runs


def test_images_that_filters_leave_out_are_warnings(tmp_path):
    for name, shape in (("wide.png", (20, 100)), ("small.png", (9, 9)), ("good.png", (20, 40)), ("good.jpg", (20, 40))):
        assert cv2.imwrite(str(tmp_path / name), np.zeros((*shape, 3), np.uint8))
    names = ["wide.png", "small.png", "good.png", "good.jpg", "missing.png"]
    (tmp_path / "all.lst").write_text("".join(f"{index}\t0\t{name}\n" for index, name in enumerate(names)))

    def unwanted(**options):
        report = check_list(tmp_path / "all.lst", **options)
        assert report.num_errors == 1 and report.num_warnings == report.counts.get("unwanted", 0)
        return {finding.path: finding.message for finding in report.findings if finding.kind == "unwanted"}

    assert unwanted() == {}
    assert unwanted(min_side=10) == {"small.png": "its shorter side has 9 pixels, less than 10"}
    assert list(unwanted(max_aspect=4.9)) == ["wide.png"] and not unwanted(max_aspect=5)
    assert unwanted(formats=["png"]) == {"good.jpg": "its format is JPEG"}
    assert list(unwanted(min_side=10, formats="jpeg")) == ["wide.png", "small.png", "good.png"]
    with pytest.raises(ValueError, match="max_aspect"):
        unwanted(max_aspect=0.5)


def test_filters_by_the_command(tmp_path):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 90, 3), np.uint8))
    (tmp_path / "a.lst").write_text("0\t0\ta.png\n")
    shown = call("check", tmp_path / "a.lst", "--min-side", 10, "--max-aspect", 3, "--formats", "jpeg").stdout
    assert "warning: 'a.png': its format is PNG" in shown
    assert "its shorter side has 9 pixels, less than 10" in call("check", tmp_path / "a.lst", "--min-side", 10).stdout
