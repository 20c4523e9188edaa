# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Summaries as data, as a table and as a picture; the files are written by MXNet and by im2rec()."""

import builtins
import io
import math
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import REPO
from PIL import Image

from mxnet_im2rec import RecordFile, RecordFormatError, RecordSize, Summary, im2rec, summarize
from mxnet_im2rec.recordio.header import pack_header
from mxnet_im2rec.tools.summary import HEADER_ONLY, UNKNOWN

MAGIC = bytes.fromhex("0a23d7ce")


def encoded(kind, height, width):
    stream = io.BytesIO()
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def write(folder, records, name="made"):
    """A .rec by MXNet itself, of (index, labels, content)."""
    path = str(folder / f"{name}.rec")
    writer = mx.recordio.MXIndexedRecordIO(str(folder / f"{name}.idx"), path, "w")
    for index, labels, content in records:
        writer.write_idx(index, pack_header(index, labels) + content)
    writer.close()
    return path


def lines_of(summary, title):
    """The rows under a title of the printed table, as lists of words."""
    lines = str(summary).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(title)) + 1
    end = next((number for number in range(start, len(lines)) if not lines[number]), len(lines))
    return [line.split() for line in lines[start:end]]


def test_a_file_of_im2rec(photos, tmp_path):
    report = im2rec(photos / "images.lst", tmp_path / "out", root=photos)
    summary = summarize(report.rec_path)
    sizes = Counter()
    with RecordFile(report.rec_path) as records:
        ends = [record.next_offset for record in records]
        for record in records:
            sizes[record.image().shape[:2]] += 1
    byte_counts = np.diff([0, *ends])
    assert (summary.rec_path, summary.num_records, summary.num_bytes) == (report.rec_path, 20, os.path.getsize(report.rec_path))
    assert summary.num_images == 20
    assert summary.formats == {"JPEG": 20}
    assert summary.label_widths == {1: 20}
    assert summary.label_histogram == {0.0: 7, 1.0: 7, 2.0: 6}
    assert summary.object_histogram == {}
    assert summary.sizes == sizes
    for found, position in ((summary.smallest, byte_counts.argmin()), (summary.largest, byte_counts.argmax())):
        assert found == RecordSize(position, position, byte_counts[position])
    assert summary.median_bytes == sorted(byte_counts)[9]


def test_every_format_and_the_orientation(varieties, tmp_path):
    report = im2rec(varieties / "images.lst", tmp_path / "out", root=varieties, pass_through=True)
    summary = summarize(report.rec_path)
    assert summary.formats == {"JPEG": 7, "PNG": 6, "BMP": 1, "TIFF": 1}
    assert list(summary.formats) == ["JPEG", "PNG", "BMP", "TIFF"]
    assert summary.sizes[451, 300] == 1  # rotated.jpg; chelsea.png has (300, 451)
    assert next(iter(summary.sizes)) == (300, 451)


def test_a_file_of_mxnet(tmp_path):
    jpeg, png = encoded("JPEG", 20, 30), encoded("PNG", 40, 30)
    path = write(
        tmp_path, [(70, [5], jpeg), (50, [-1.5], png), (60, [5], encoded("GIF", 6, 7)), (80, [5], encoded("WEBP", 9, 8))]
    )
    summary = summarize(path)
    assert summary.formats == {"JPEG": 1, "PNG": 1, "GIF": 1, "WebP": 1}
    assert summary.label_histogram == {-1.5: 1, 5.0: 3} and list(summary.label_histogram) == [-1.5, 5.0]
    assert summary.sizes == {(20, 30): 1, (40, 30): 1, (6, 7): 1, (9, 8): 1}
    assert (summary.largest.position, summary.largest.index) == (1, 50)


@pytest.mark.parametrize("with_index", [True, False])
def test_records_that_were_split_at_the_magic(tmp_path, with_index):
    jpeg = encoded("JPEG", 20, 30)
    comment = b"\xff\xfe" + (2 + 2 + 4 * 50).to_bytes(2, "big") + b"\0\0" + MAGIC * 50  # in front of the size
    split = jpeg[:2] + comment + jpeg[2:]
    path = write(tmp_path, [(0, [1], encoded("PNG", 5, 6)), (1, [2], split), (2, [2], MAGIC * 3)])
    if not with_index:
        (tmp_path / "made.idx").unlink()
    with RecordFile(path) as records:
        parts = [Path(path).read_bytes()[record.offset : record.next_offset].count(MAGIC) for record in records]
        assert parts[0] == 1 and parts[1] > 1 and parts[2] > 1
        ends = [record.next_offset for record in records]
    summary = summarize(path)
    assert summary.formats == {"JPEG": 1, "PNG": 1, UNKNOWN: 1}
    assert summary.sizes == {(5, 6): 1, (20, 30): 1}
    assert summary.largest == RecordSize(1, 1, ends[1] - ends[0])  # 51 frames
    assert summary.largest.num_bytes >= 24 + len(split) + 51 * 8 - 50 * 4
    assert lines_of(summary, "height x width")[-1][:5] == ["not", "in", "the", "header", "1"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_median_is_the_size_of_a_record(tmp_path, count):
    lengths = [40, 8, 24, 16][:count]
    summary = summarize(write(tmp_path, [(index, [0], bytes(length)) for index, length in enumerate(lengths)]))
    assert summary.median_bytes == 8 + 24 + sorted(lengths)[(count - 1) // 2]


def test_the_layout_of_insightface(tmp_path):
    face = encoded("JPEG", 112, 112)
    images = [(index, [index // 3, 1], face) for index in range(1, 7)]
    headers = [(7, [1, 3], b""), (8, [3, 6], b""), (9, [6, 7], b"")]
    summary = summarize(write(tmp_path, [(0, [7, 10], b""), *images, *headers]))
    assert summary.num_records == 10 and summary.num_images == 6
    assert summary.formats == {"JPEG": 6, HEADER_ONLY: 4}
    assert summary.label_widths == {2: 6}
    assert summary.label_histogram == {0.0: 2, 1.0: 3, 2.0: 1}
    assert summary.sizes == {(112, 112): 6}
    assert summary.smallest.num_bytes == summary.median_bytes == summary.largest.num_bytes > len(face)
    assert (summary.smallest.position, summary.smallest.index) == (1, 1)
    assert lines_of(summary, "format") == [["JPEG", "6", "60.0", "%"], ["header", "only", "4", "40.0", "%"]]


def test_headers_only(tmp_path):
    summary = summarize(write(tmp_path, [(0, [7, 10], b""), (3, [1], b"")]))
    assert summary.formats == {HEADER_ONLY: 2} and summary.num_images == 0
    assert not summary.label_widths and not summary.label_histogram and not summary.sizes
    assert (summary.smallest, summary.largest) == (RecordSize(1, 3, 32), RecordSize(0, 0, 40))
    assert "height x width" not in str(summary)


def objects(*classes, header=(2, 5)):
    return [*header, *(value for number in classes for value in (number, 0.1, 0.25, 0.5, 1.0, *[0] * (int(header[1]) - 5)))]


@pytest.mark.parametrize("header", [(2, 5), (4, 6, 640, 480)])
def test_detection_labels(tmp_path, header):
    image = encoded("JPEG", 20, 30)
    labels = [objects(3, header=header), objects(1, 3, 3, header=header), objects(0, header=header)]
    summary = summarize(write(tmp_path, [(index, each, image) for index, each in enumerate(labels)]))
    assert summary.object_histogram == {0.0: 1, 1.0: 1, 3.0: 3} and list(summary.object_histogram) == [0.0, 1.0, 3.0]
    assert summary.label_widths == {len(labels[0]): 2, len(labels[1]): 1}
    assert summary.label_histogram == {header[0]: 3}
    assert lines_of(summary, "class of the objects")[-1] == ["3", "3", "60.0", "%"]


@pytest.mark.parametrize(
    "other",
    [
        [2],
        [2, 5, 1, 0.1, 0.1, 0.5],  # not a whole object
        [2, 4, 1, 0.1, 0.1, 0.5, 0.5, 1],  # an object too small
        [1, 5, 1, 0.1, 0.1, 0.5, 0.5, 1],  # a header too small
        [9, 5, 1, 0.1, 0.1, 0.5, 0.5, 1],  # a header longer than the labels
        [2.5, 5, 1, 0.1, 0.1, 0.5, 0.5],
        [2, 5, 1, 0.1, 0.1, 0.5, 1.5],  # out of the image
        [2, 5, 1, 0.5, 0.1, 0.5, 0.5],  # without area
        [2, 5, 1, 0.1, math.nan, 0.5, 0.5],
        [math.nan, 5, 1, 0.1, 0.1, 0.5, 0.5],
        [math.inf, math.inf, 1, 0.1, 0.1, 0.5, 0.5],
    ],
)
def test_labels_that_are_not_all_of_detection(tmp_path, other):
    image = encoded("JPEG", 20, 30)
    summary = summarize(write(tmp_path, [(0, objects(3), image), (1, other, image), (2, objects(4), image)]))
    assert summary.object_histogram == {}
    assert sum(summary.label_histogram.values()) == 3


def test_labels_that_are_no_numbers(tmp_path):
    image = encoded("JPEG", 20, 30)
    summary = summarize(
        write(tmp_path, [(0, [math.nan], image), (1, [2], image), (2, [math.nan], image), (3, [math.inf], image)])
    )
    assert list(summary.label_histogram.values()) == [1, 1, 2]
    assert lines_of(summary, "first label")[-1] == ["nan", "2", "50.0", "%"]
    assert summarize(summary.rec_path).label_histogram == summary.label_histogram


def test_damaged_and_truncated_images_are_counted_not_refused(tmp_path):
    jpeg, png = encoded("JPEG", 20, 30), encoded("PNG", 40, 30)
    summary = summarize(write(tmp_path, [(0, [0], jpeg[:20]), (1, [0], png[:20]), (2, [0], jpeg[:-50]), (3, [0], b"x")]))
    assert summary.formats == {"JPEG": 2, "PNG": 1, UNKNOWN: 1}
    assert summary.sizes == {(20, 30): 1}


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.rec"
    path.touch()
    with pytest.raises(RecordFormatError, match="expected at least one record, found an empty file"):
        summarize(path)


def test_damage_is_refused(tmp_path):
    path = write(tmp_path, [(index, [0], encoded("PNG", 9, 9)) for index in range(3)])
    with open(path, "rb") as stream:
        data = stream.read()
    with RecordFile(path) as records:
        second = records[1].offset
    for damaged in (data[:-4], data[:second] + b"oops" + data[second + 4 :], data + b"\0" * 8):
        with open(path, "wb") as stream:
            stream.write(damaged)
        with pytest.raises(RecordFormatError):
            summarize(path)


def test_another_index_file(tmp_path):
    path = write(tmp_path, [(index, [0], encoded("PNG", 9, 9)) for index in range(3)])
    (tmp_path / "made.idx").rename(tmp_path / "elsewhere.txt")
    assert summarize(path, tmp_path / "elsewhere.txt") == summarize(path)
    (tmp_path / "stale.idx").write_text("0\t0\n")
    with pytest.raises(RecordFormatError):
        summarize(path, tmp_path / "stale.idx")


def made(labels, sizes, objects=(), count=None):
    count = sum(labels.values()) if count is None else count
    record = RecordSize(17, 4, 2048)
    return Summary(
        "/data/made.rec", count, 3 * 2**30, {"JPEG": count}, {1: count}, labels, dict(objects), sizes, record, 2048, record
    )


def test_the_table_is_aligned():
    summary = made({0.0: 999_990, 1.0: 10}, {(375, 500): 999_000, (8, 8): 1000})
    assert str(summary) == "\n".join(
        [
            "/data/made.rec: 1,000,000 records, 3.0 GiB",
            "",
            "format",
            "  JPEG       1,000,000  100.0 %",
            "",
            "labels per image",
            "  1          1,000,000  100.0 %",
            "",
            "first label",
            "  0            999,990  >99.9 %",
            "  1                 10   <0.1 %",
            "",
            "height x width",
            "  375 x 500    999,000   99.9 %",
            "  8 x 8          1,000    0.1 %",
            "",
            "size of a record",
            "  smallest     2.0 KiB           index 4, at position 17",
            "  median       2.0 KiB",
            "  largest      2.0 KiB           index 4, at position 17",
        ]
    )


def test_long_lists_are_cut_short():
    labels = {float(label): 100 + (label * 7) % 50 for label in range(1000)}
    sizes = {(100 + number, 200): 1000 - number for number in range(100)}
    summary = made(labels, sizes)
    assert "first label (1,000 labels)" in str(summary) and "height x width (100 sizes)" in str(summary)
    rows = lines_of(summary, "first label")
    assert len(rows) == 11 and {row[1] for row in rows[:10]} == {"149"}
    assert rows[10][:2] == ["990", "others"]
    assert rows[10][2] == f"{sum(labels.values()) - 1490:,}"
    assert " ".join(rows[10][5:]) == "100 to 149 each, from 0 to 999"
    assert " ".join(lines_of(summary, "height x width")[10][5:]) == "901 to 990 each, from 110 x 200 to 199 x 200"


def test_eleven_rows_are_not_cut_short():
    rows = lines_of(made({float(label): label + 1 for label in range(11)}, {(1, 1): 66}), "first label")
    assert [row[0] for row in rows] == [str(label) for label in range(11)]  # in their own order


def test_measurements_are_one_row():
    summary = made({float(np.float32(number / 7)): 1 for number in range(100)}, {(1, 1): 100})
    (row,) = lines_of(summary, "first label")
    assert " ".join(row) == "100 different 100 100.0 % 1 each, from 0 to 14.142858"


def test_labels_are_written_as_float32_has_them():
    labels = {-1e-30: 1, 0.0: 1, float(np.float32(0.1)): 1, 16_777_216.0: 1, 1e30: 1, math.inf: 1, math.nan: 1}
    rows = lines_of(made(labels, {(1, 1): 7}), "first label")
    assert [row[0] for row in rows] == ["-1e-30", "0", "0.1", "16777216", "1e+30", "inf", "nan"]


def test_it_pickles():
    summary = made({0.0: 2}, {(1, 2): 2})
    assert pickle.loads(pickle.dumps(summary)) == summary


PICTURES = {
    "one size, few labels": made({0.0: 5, 1.0: 2}, {(112, 112): 7}),
    "one image": made({3.0: 1}, {(1, 1): 1}),
    "each size once": made({float(label): 3 for label in range(30)}, {(10 + number, 10): 1 for number in range(90)}),
    "a thousand labels": made({float(label): 1 + label for label in range(1000)}, {(5, 5): 10**6, (9, 9): 3, (7, 9): 1}),
    "measurements": made({label / 7 - 9: 1 for label in range(500)}, {(5, 5): 400, (9, 9): 100}),
    "far apart": made({1e30 * label: 1 for label in range(50)}, {(5, 5): 50}),
    "not finite": made({math.inf: 2, math.nan: 1, -1.0: 1}, {(5, 5): 4}),
    "not one finite": made({math.nan: 1}, {(5, 5): 1}),
    "no image": made({}, {}, count=2),
    "objects": made({2.0: 5}, {(5, 5): 5}, objects={float(number): 9 for number in range(20)}),
}


@pytest.mark.parametrize("summary", list(PICTURES.values()), ids=list(PICTURES))
def test_the_picture(tmp_path, summary):
    pytest.importorskip("matplotlib")
    summary.plot(tmp_path / "picture.png")
    picture = cv2.imread(str(tmp_path / "picture.png"))
    height, width = picture.shape[:2]
    assert height > 400 and width > 1000
    for half in (picture[:, : width // 2], picture[:, width // 2 :]):
        assert 0.01 < (half != 255).mean() < 0.9


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")  # of a name in Chinese characters
def test_the_picture_of_a_real_file_in_another_format(photos, tmp_path):
    pytest.importorskip("matplotlib")
    report = im2rec(photos / "images.lst", tmp_path / "5$ and_6$ 写真", root=photos)
    summarize(report.rec_path).plot(str(tmp_path / "picture.svg"))
    assert "<svg" in (tmp_path / "picture.svg").read_text("utf-8")


@pytest.mark.parametrize("name", ["picture", "picture.", ".png", "picture.nogif", "picture.png.txt"])
def test_a_picture_without_a_known_extension_is_refused(tmp_path, name):
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=r"path must end in one of .*\.pdf, .*\.png, .*\.svg.*, not '"):
        PICTURES["one image"].plot(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.b.PNG", "a.svg", "a.Pdf"])
def test_the_picture_has_the_very_name(tmp_path, name):
    pytest.importorskip("matplotlib")
    PICTURES["one image"].plot(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_picture_that_cannot_be_written(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(FileNotFoundError, match="no"):
        PICTURES["one image"].plot(tmp_path / "no" / "a.png")
    with pytest.raises(TypeError):
        PICTURES["one image"].plot(5)


def test_the_backend_of_matplotlib_is_left_alone(tmp_path):
    pytest.importorskip("matplotlib")
    code = (
        "import sys, pickle, matplotlib\n"
        "before = dict(matplotlib.rcParams)\n"
        f"summary = pickle.loads({pickle.dumps(PICTURES['one image'])!r})\n"
        "summary.plot('picture.png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert dict(matplotlib.rcParams) == before\n"
        "assert not {'cv2', 'mxnet'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPO), "MPLBACKEND": "tkagg"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=60)


def test_without_matplotlib(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        PICTURES["one image"].plot(tmp_path / "picture.png")
