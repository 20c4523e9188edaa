# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Contact sheets: which images, where, and what is written under them."""

import math
import os

import cv2
import mxnet as mx
import numpy as np
import pytest

from mxnet_im2rec import RecordFile, RecordFormatError, contact_sheet, im2rec
from mxnet_im2rec.recordio.header import pack_header
from mxnet_im2rec.tools import contact_sheet as contact

CELL, GAP = 64, 4
COLORS = [
    (200, 30, 30),
    (30, 200, 30),
    (30, 30, 200),
    (200, 200, 30),
    (30, 200, 200),
    (200, 30, 200),
    (90, 90, 90),
    (250, 120, 0),
]


def png(color, height=40, width=40):
    return cv2.imencode(".png", np.full((height, width, 3), color[::-1], np.uint8))[1].tobytes()


def write(folder, records, name="made"):
    """A .rec by MXNet itself, of (labels, content)."""
    path = str(folder / f"{name}.rec")
    writer = mx.recordio.MXIndexedRecordIO(str(folder / f"{name}.idx"), path, "w")
    for index, (labels, content) in enumerate(records):
        writer.write_idx(index, pack_header(index, labels) + content)
    writer.close()
    return path


@pytest.fixture
def colors(tmp_path):
    """A record for each colour, labels 0 and 1 in turn."""
    return write(tmp_path, [([index % 2], png(color)) for index, color in enumerate(COLORS)])


def cells(sheet, rows, columns, cell=CELL):
    """What is in the sheet, row by row: the square of the image, and what is written under it."""
    gap = max(cell // 14, 4)
    step = (sheet.shape[0] - gap) // rows
    assert sheet.shape == (rows * step + gap, columns * (cell + gap) + gap, 3)
    found = []
    for top in range(gap, rows * step, step):
        for left in range(gap, columns * (cell + gap), cell + gap):
            whole = sheet[top : top + step - gap, left : left + cell]
            found.append((whole[:cell], whole[cell:]))
    return found


def middles(sheet, rows, columns):
    return [tuple(square[CELL // 2, CELL * 3 // 4].tolist()) for square, _ in cells(sheet, rows, columns)]


def test_all_images_in_the_order_of_the_file(colors):
    sheet = contact_sheet(colors, 2, 4, cell=CELL)
    assert sheet.dtype == np.uint8
    assert middles(sheet, 2, 4) == COLORS


def test_fewer_images_make_fewer_rows_and_columns(colors, tmp_path):
    sheet = contact_sheet(colors, 5, 3, cell=CELL)
    assert middles(sheet, 3, 3)[:8] == COLORS
    assert (cells(sheet, 3, 3)[8][0] == contact._BACKGROUND).all()
    two = write(tmp_path, [([0], png(COLORS[0])), ([0], png(COLORS[1]))], "two")
    assert middles(contact_sheet(two, cell=CELL), 1, 2) == COLORS[:2]


def test_a_sample_depends_on_the_seed_and_keeps_the_order(colors):
    samples = {seed: middles(contact_sheet(colors, 1, 3, seed=seed, cell=CELL), 1, 3) for seed in range(10)}
    assert samples[0] == middles(contact_sheet(colors, 1, 3, cell=CELL), 1, 3)
    for found in samples.values():
        places = [COLORS.index(color) for color in found]
        assert places == sorted(set(places))
    assert len(set(map(tuple, samples.values()))) > 3
    assert set().union(*samples.values()) == set(COLORS)


def test_one_label_only(colors):
    assert middles(contact_sheet(colors, 2, 2, label=1, cell=CELL), 2, 2) == COLORS[1::2]
    found = middles(contact_sheet(colors, 1, 2, label=0, seed=3, cell=CELL), 1, 2)
    assert len(set(found)) == 2 and set(found) <= set(COLORS[::2])
    with pytest.raises(ValueError, match="no image in .*made.rec' has the first label 7; the first labels are 0, 1$"):
        contact_sheet(colors, label=7)


def test_a_label_that_is_not_there_gives_twenty_that_are(tmp_path):
    path = write(tmp_path, [([index / 2], png(COLORS[0])) for index in range(21)] + [([math.nan], png(COLORS[0])), ([99], b"")])
    first = ", ".join(f"{index / 2:g}" for index in range(20))
    with pytest.raises(ValueError, match=f"the first labels are {first}, ... \\(22 in all\\)$"):
        contact_sheet(path, label=99)
    assert contact_sheet(path, label=math.nan, cell=CELL).shape == contact_sheet(path, label=0.5, cell=CELL).shape
    with pytest.raises(ValueError, match="it has no images"):
        contact_sheet(write(tmp_path, [([1], b"")]), label=1)


def objects(*classes, header=(2, 5)):
    return [*header, *(value for each in classes for value in (each, 0.1, 0.25, 0.5, 1.0, *[0] * (int(header[1]) - 5)))]


@pytest.fixture
def detection(tmp_path):
    labels = [objects(3), objects(3, 1, 3), objects(0, 7, header=(4, 6, 640, 480)), objects(*[2.5] * 12), objects(*range(30, 60))]
    return write(tmp_path, [(each, png(color)) for each, color in zip(labels, COLORS)])


def test_a_class_only(detection):
    assert middles(contact_sheet(detection, label=3, cell=CELL), 1, 2) == COLORS[:2]
    assert middles(contact_sheet(detection, label=7, cell=CELL), 1, 1) == [COLORS[2]]
    words = "has an object of class 2; the classes are 0, 1, 2.5, 3, 7, 30, .*, ... \\(35 in all\\)$"
    with pytest.raises(ValueError, match=words):  # 2 is the header's width
        contact_sheet(detection, label=2)


def test_classes_are_written_under_the_image(detection, tmp_path, monkeypatch):
    thirty = "classes " + ", ".join(map(str, range(30, 50))) + ", ..."
    assert captions(detection, monkeypatch) == ["class 3", "classes 1, 3 (2x)", "classes 0, 7", "class 2.5 (12x)", thirty]
    plain = write(tmp_path, [([2, 5, 1, 0.5, 0.1, 0.5, 0.5], png(COLORS[0])), (objects(4), png(COLORS[0]))], "plain")
    assert captions(plain, monkeypatch) == ["labels 2, 5, 1, 0.5, 0.1, 0.5, 0.5", "class 4"]  # the first has no box
    words = "has the first label 9 or an object of class 9; the first labels are 2, the classes are 4$"
    with pytest.raises(ValueError, match=words):
        contact_sheet(plain, label=9)


def test_a_label_is_compared_as_float32(tmp_path):
    path = write(tmp_path, [([0.1, 5], png(COLORS[0])), ([0.2], png(COLORS[1])), ([0.1], b"")])
    assert middles(contact_sheet(path, label=0.1, cell=CELL), 1, 1) == COLORS[:1]  # header-only records are no images


@pytest.mark.parametrize(("height", "width"), [(400, 100), (100, 400), (3, 3), (50, 60), (1, 900), (900, 1)])
def test_images_are_fitted_keeping_their_ratio(tmp_path, height, width):
    path = write(tmp_path, [([0], png(COLORS[0], height, width))])
    ((square, _),) = cells(contact_sheet(path, cell=CELL), 1, 1)
    rows, columns = np.nonzero((square == COLORS[0]).all(axis=2))
    found = np.ptp(rows) + 1, np.ptp(columns) + 1
    scale = CELL / max(height, width)
    assert found == (max(1, round(height * scale)), max(1, round(width * scale)))
    assert abs(rows.min() + rows.max() + 1 - CELL) <= 1 and abs(columns.min() + columns.max() + 1 - CELL) <= 1


@pytest.mark.parametrize("kind", ["grey", "alpha", "16 bits"])
def test_every_kind_of_image_is_shown(tmp_path, kind):
    pixels = {
        "grey": np.full((9, 9), 77, np.uint8),
        "alpha": np.full((9, 9, 4), (77, 77, 77, 255), np.uint8),
        "16 bits": np.full((9, 9), 77 * 257, np.uint16),
    }[kind]
    path = write(tmp_path, [([0], cv2.imencode(".png", pixels)[1].tobytes())])
    assert middles(contact_sheet(path, cell=CELL), 1, 1) == [(77, 77, 77)]


def test_what_cannot_be_shown_says_so(tmp_path):
    whole = png(COLORS[0])
    records = [([3, 4], b""), ([0], whole), ([1], b"no image at all"), ([2], whole[:-20]), ([0], b"\xff\xd8\xff\xe0 damaged")]
    path = write(tmp_path, records)
    squares = [square for square, _ in cells(contact_sheet(path, 1, 5, cell=160), 1, 5, cell=160)]
    backgrounds = [tuple(square[2, 2].tolist()) for square in squares]
    assert backgrounds == [contact._MAT, COLORS[0], contact._BROKEN, contact._BROKEN, contact._BROKEN]
    for square in (squares[0], squares[2]):
        is_ink = (square != square[2, 2]).any(axis=2)
        assert 100 < is_ink.sum() < 3000  # a line of text
        assert not is_ink[:60].any() and not is_ink[-60:].any() and not is_ink[:, :4].any() and not is_ink[:, -4:].any()


def captions(path, monkeypatch):
    """What is written under the images; the indices are from 0."""
    written = []
    draw = contact._draw_text
    with monkeypatch.context() as patch:
        patch.setattr(contact, "_draw_text", lambda text, *args, **options: written.append(text) or draw(text, *args, **options))
        contact_sheet(path)
    assert written[::2] == [str(index) for index in range(len(written) // 2)]
    return written[1::2]


def test_index_and_labels_are_written_under_the_image(tmp_path, monkeypatch):
    labels = [[3], [0.5, -1], list(range(30)), [16_777_216], [float("nan")], [1e-6, 1e30, 1 / 3]]
    path = write(tmp_path, [(each, png(COLORS[0])) for each in labels])
    long = "labels " + ", ".join(map(str, range(20))) + ", ..."
    expected = ["label 3", "labels 0.5, -1", long, "label 16777216", "label nan", "labels 1e-06, 1e+30, 0.3333"]
    assert captions(path, monkeypatch) == expected


@pytest.mark.parametrize("cell", [32, 64, 160, 400])
@pytest.mark.parametrize("text", ["0", "label 3", "labels " + ", ".join(map(str, range(30))), str(2**64 - 1)])
def test_text_fits_its_cell(cell, text):
    line = contact._draw_text(text, cell, contact._letters(cell), contact._DARK, bold=True)
    is_ink = (line < 200).any(axis=2)
    assert line.shape[1] == cell and is_ink.sum() > 10
    assert not is_ink[0].any() and not is_ink[:, -1].any() and not is_ink[-1].any()
    assert line.min() < 90  # dark enough to be read


@pytest.mark.parametrize("name", ["sheet.png", "sheet.JPG", "naïve 写真.jpeg"])
def test_the_picture_is_written(colors, tmp_path, name):
    path = tmp_path / name
    sheet = contact_sheet(colors, 2, 4, path=path)
    stored = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert stored.shape == sheet.shape
    differing = np.abs(stored.astype(int) - sheet).mean()
    assert differing == 0 if name.endswith(".png") else differing < 3


def test_wrong_arguments_are_refused_before_anything_is_read(tmp_path):
    for options in ({"rows": 0}, {"columns": -1}, {"cell": 8}, {"path": tmp_path / "sheet.gif"}, {"path": "sheet"}):
        with pytest.raises(ValueError, match="must be"):
            contact_sheet(tmp_path / "missing.rec", **options)
    with pytest.raises(FileNotFoundError, match="missing.rec"):
        contact_sheet(tmp_path / "missing.rec", label=0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rows": 2.0}, TypeError, "rows must be an integer of at least 1, not 2.0"),
        ({"columns": True}, TypeError, "columns must be an integer of at least 1, not True"),
        ({"columns": "3"}, TypeError, "columns must be .*, not '3'"),
        ({"columns": np.int64(0)}, ValueError, "columns must be an integer of at least 1, not "),
        ({"cell": 160.5}, TypeError, "cell must be an integer from 32 to 4,096, not 160.5"),
        ({"cell": 5000}, ValueError, "cell must be an integer from 32 to 4,096, not 5000"),
        ({"seed": 0.5}, TypeError, "seed must be an integer, not 0.5"),
        ({"seed": None}, TypeError, "seed must be an integer, not None"),
        ({"label": "cat"}, TypeError, "label must be a number or None, not 'cat'"),
        ({"label": True}, TypeError, "label must be a number or None, not True"),
        ({"label": [1]}, TypeError, r"label must be a number or None, not \[1\]"),
        ({"label": 1e39}, ValueError, "float32 can hold, not 1e\\+39"),
        ({"label": 10**400}, ValueError, "float32 can hold, not 1000"),
        ({"path": 5}, TypeError, "path must be a str, an os.PathLike or None, not 5"),
        ({"path": "no/sheet.png"}, FileNotFoundError, "no such folder for the picture; make it first: '.*no'"),
        ({"path": "file/sheet.png"}, NotADirectoryError, "must be in a folder; this is a file: '.*file'"),
        ({"path": "folder.png"}, IsADirectoryError, "this is a folder: 'folder.png'"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, monkeypatch, options, error, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(error, match=words):
        contact_sheet("missing.rec", **options)


def test_a_picture_that_cannot_be_written_is_told_first(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(PermissionError, match="sheet.png"):
        contact_sheet(tmp_path / "missing.rec", path=tmp_path / "sheet.png")


def test_numbers_of_numpy(colors):
    options = {"seed": np.int64(3), "label": np.float32(1), "cell": np.int32(CELL)}
    expected = contact_sheet(colors, 1, 2, seed=3, label=1, cell=CELL)
    assert np.array_equal(contact_sheet(colors, np.uint8(1), np.int16(2), **options), expected)


def test_a_picture_that_is_too_large_is_not_drawn(tmp_path, monkeypatch):
    path = write(tmp_path, [([0], png(COLORS[0]))] * 20)
    monkeypatch.setattr(contact, "_draw_cell", None)
    with pytest.raises(ValueError, match="the picture would be .* pixels; at most 65,500 a side and 268,435,456 in all"):
        contact_sheet(path, 4, 5, cell=4096)


@pytest.mark.parametrize("cell", [32, 64, 161, 400])
def test_the_size_is_foretold(colors, monkeypatch, cell):
    height, width = contact_sheet(colors, 3, 3, cell=cell).shape[:2]
    monkeypatch.setattr(contact, "_MAX_SIDE", 0)
    with pytest.raises(ValueError, match=f"would be {height:,} x {width:,} pixels"):
        contact_sheet(colors, 3, 3, cell=cell)


@pytest.mark.parametrize("label", [None, 1])
def test_an_empty_file_is_refused(tmp_path, label):
    path = tmp_path / "empty.rec"
    path.touch()
    with pytest.raises(RecordFormatError, match="expected at least one record, found an empty file"):
        contact_sheet(path, label=label)


def test_a_damaged_file_is_refused(colors):
    with open(colors, "r+b") as stream:
        stream.write(b"oops")
    with pytest.raises(RecordFormatError):
        contact_sheet(colors)


def test_another_index_file(colors, tmp_path):
    (tmp_path / "made.idx").rename(tmp_path / "elsewhere.txt")
    expected = contact_sheet(colors, cell=CELL)
    assert (contact_sheet(colors, cell=CELL, idx_path=tmp_path / "elsewhere.txt") == expected).all()


def test_a_real_dataset(photos, tmp_path):
    report = im2rec(photos / "images.lst", tmp_path / "out", root=photos)
    sheet = contact_sheet(report.rec_path, 2, 3, cell=CELL, seed=5)
    assert (sheet == contact_sheet(report.rec_path, 2, 3, cell=CELL, seed=5)).all()
    squares = [square for square, _ in cells(sheet, 2, 3)]
    with RecordFile(report.rec_path) as records:
        drawn = [contact._fit(record.image(), CELL)[0] for record in records]
    places = [next(place for place, image in enumerate(drawn) if (image == square).all()) for square in squares]
    assert len(places) == 6
