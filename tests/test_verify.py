# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify(): sound datasets of every kind pass, and every kind of damage is found, reported, and nothing is raised for it."""

import os
import shutil
import struct
import sys
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest
from conftest import PHOTOS, SKIMAGE, write_list
from mxnet.gluon.data.vision import transforms
from PIL import Image

from mxnet_im2rec import ListEntry, VerifyError, VerifyReport, im2rec, pack, verification, verify
from mxnet_im2rec.framing import MAGIC

MAGIC_BYTES = struct.pack("<I", MAGIC)
HEADER_SIZE = 24


def png(height=6, width=8, seed=0, channels=3):
    image = np.random.RandomState(seed).randint(0, 256, (height, width, channels)).astype(np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def write(prefix, records):
    """A dataset by MXNet's own writer; records are (index, labels, content)."""
    writer = mx.recordio.MXIndexedRecordIO(f"{prefix}.idx", f"{prefix}.rec", "w")
    for index, labels, content in records:
        label = labels[0] if len(labels) == 1 else labels
        writer.write_idx(index, mx.recordio.pack(mx.recordio.IRHeader(0, label, index, 0), content))
    writer.close()
    return Path(f"{prefix}.rec")


def small(folder, count=3):
    """A small dataset of tiny PNGs, with the labels 1.0, 2.0, ..."""
    return write(folder / "small", [(index, [index + 1.0], png(seed=index)) for index in range(count)])


def problems(report, layer=None):
    found = [str(problem) for problem in report.problems if layer in (None, problem.layer)]
    assert report.ok == (not report.problems)
    return found


def only_problem(report, layer):
    """The one problem there is, of this layer."""
    assert report.num_problems == 1, str(report)
    assert report.problems[0].layer == layer, str(report)
    return report.problems[0]


@pytest.fixture
def without_reader(monkeypatch):
    """Leave ImageRecordIter out where it is not what is tested: each of its processes takes a second."""
    monkeypatch.setattr(verification, "_check_readback", lambda *arguments: None)


# Sound datasets


def check_sound(report, *arguments, **options):
    found = verify(report.rec_path, *arguments, **options)
    assert found.ok, str(found)
    assert found.num_records == report.num_records
    return found


@pytest.mark.parametrize("color", [1, 0, -1])
def test_what_im2rec_packs_is_sound(varieties, tmp_path, color):
    report = im2rec(varieties / "images.lst", tmp_path / "out", num_workers=2, color=color)
    found = check_sound(report, varieties / "images.lst", varieties, color=color)
    assert 23 < found.lowest_psnr < 60
    assert [note for note in found.notes if "different sizes" in note]


def test_png_is_equal_to_its_source(varieties, tmp_path):
    compose = transforms.Compose([transforms.Resize((60, 40)), transforms.ToTensor()])
    report = im2rec(varieties / "images.lst", tmp_path / "out", compose, num_workers=0, encoding=".png")
    found = check_sound(report, varieties / "images.lst", varieties, transformations=compose, num_workers=0)
    assert found.lowest_psnr == float("inf")
    assert found.notes == ()


def test_random_transforms_are_run_again(without_reader, photos, tmp_path):
    compose = transforms.Compose([transforms.RandomResizedCrop(50), transforms.RandomFlipLeftRight()])
    report = im2rec(photos / "images.lst", tmp_path / "out", compose, num_workers=0, encoding=".png", seed=5)
    options = {"transformations": compose, "num_workers": 0}
    assert check_sound(report, photos / "images.lst", photos, seed=5, **options).lowest_psnr == float("inf")
    other = verify(report.rec_path, photos / "images.lst", photos, seed=6, **options)
    assert {problem.layer for problem in other.problems} == {"source"}


def test_files_passed_through_are_sound(varieties, tmp_path):
    report = im2rec(varieties / "images.lst", tmp_path / "out", pass_through=True)
    assert check_sound(report, varieties / "images.lst", varieties).lowest_psnr == float("inf")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_orientation_is_taken_as_mxnet_takes_it(tmp_path, kind):
    cat = Image.open(SKIMAGE / "chelsea.png").convert("RGB").resize((60, 40))
    records = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        cat.save(tmp_path / "image", kind, exif=exif)
        records.append((orientation, [0.0], (tmp_path / "image").read_bytes()))
    report = verify(write(tmp_path / "out", records))
    assert report.ok, str(report)
    assert any("TIFF" in note for note in report.notes) == (kind == "TIFF")


def test_many_labels(photos, tmp_path):
    write_list(tmp_path / "images.lst", PHOTOS, labels=lambda index: [index, 0.1, -1e30])
    report = im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos, num_workers=0)
    check_sound(report, tmp_path / "images.lst")
    first = im2rec(tmp_path / "images.lst", tmp_path / "first", root=photos, num_workers=0, pack_labels=False)
    check_sound(first, tmp_path / "images.lst", photos, pack_labels=False, num_workers=0)
    report = verify(first.rec_path, tmp_path / "images.lst", pixels="none")
    assert "[0.0, 0.10000000149011612, -1.0000000150474662e+30], found [0.0]" in problems(report, "list")[0]


@pytest.mark.parametrize("name", ["a#b;c?d", "naïve 写真  with blanks"])
def test_any_name(photos, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    report = im2rec(photos / "images.lst", folder / name, num_workers=0, transformations=transforms.Resize(20))
    check_sound(report)


@pytest.mark.parametrize("count", [1, 128, 257])
def test_any_number_of_records(tmp_path, count):
    report = verify(small(tmp_path, count), pixels="all" if count % 2 else "sample")
    assert report.ok, str(report)
    assert report.num_records == count


def test_records_that_were_split(tmp_path):
    jpeg = cv2.imencode(".jpg", np.zeros((10, 10, 3), np.uint8))[1].tobytes()
    comments = [b"\xff\xfe" + struct.pack(">H", 2 + len(body)) + body for body in (MAGIC_BYTES * 5, b"x" + MAGIC_BYTES * 5)]
    records = [(index, [0.0], jpeg[:2] + comment + jpeg[2:]) for index, comment in enumerate(comments)]
    records += [(MAGIC, [0.0], jpeg), (MAGIC << 32 | MAGIC, [0.0], jpeg)]
    rec_path = write(tmp_path / "split", records)
    assert rec_path.read_bytes().count(MAGIC_BYTES) > len(records)
    report = verify(rec_path)
    assert report.ok, str(report)


def test_detection_and_insightface_records_are_no_problem(tmp_path):
    detection = [(0, [2.0, 5.0, 0, 0.1, 0.1, 0.5, 0.5], png()), (1, [2.0, 5.0, *[0, 0.1, 0.1, 0.5, 0.5] * 2], png())]
    report = verify(write(tmp_path / "detection", detection))
    assert report.ok and "different numbers of labels" in str(report)
    faces = [(0, [3.0, 4.0], b""), (1, [0.0, 1.0], png()), (2, [0.0, 1.0], png()), (3, [1.0, 3.0], b"")]
    report = verify(write(tmp_path / "faces", faces))
    assert report.ok and "without an image" in str(report)


def test_damage_is_found_where_imagerecorditer_is_left_out(tmp_path):
    detection = [(0, [2.0, 5.0], png()), (1, [2.0], png()[:-20]), (2, [2.0], b"nothing")]
    found = problems(verify(write(tmp_path / "detection", detection)), "reader")
    assert [problem.split(": ")[1] for problem in found] == ["record 1, index 1", "record 2, index 2"]


def test_the_report_reads_well_and_raises(tmp_path):
    rec_path = small(tmp_path)
    report = verify(rec_path)
    assert isinstance(report, VerifyReport) and report.ok
    assert str(report).startswith("3 records verified in ") and "no problem" in str(report)
    report.raise_for_problems()
    (tmp_path / "small.idx").unlink()
    report = structure_of(rec_path)
    with pytest.raises(VerifyError, match=r"does not verify: 1 problem: index: there is no '.*small.idx'") as caught:
        report.raise_for_problems()
    assert (caught.value.problems, caught.value.num_problems) == (report.problems, 1)
    assert "1 problem\n" in str(report)


def test_wrong_arguments(tmp_path):
    rec_path = small(tmp_path)
    with pytest.raises(ValueError, match="pixels must be"):
        verify(rec_path, pixels="some")
    with pytest.raises(ValueError, match="give list_file too"):
        verify(rec_path, root=tmp_path)
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "other.rec")


# Damage: the structure


def structure_of(rec_path):
    return verify(rec_path, pixels="none")


def test_every_flipped_byte_gives_a_report(tmp_path):
    """All that is not an image's own bytes, nor a label without a list to tell, is found by the structure alone."""
    rec_path = small(tmp_path)
    good = rec_path.read_bytes()
    offsets = [int(line.split("\t")[1]) for line in (tmp_path / "small.idx").read_text().splitlines()]
    entries = [ListEntry(index, (index + 1.0,), "x") for index in range(3)]
    for place in range(len(good)):
        for flip in (0xFF, 0x01, 0x80):
            rec_path.write_bytes(good[:place] + bytes([good[place] ^ flip]) + good[place + 1 :])
            report = verify(rec_path, entries, pixels="none")
            begin = max(offset for offset in offsets if offset <= place)
            if place - begin < 8 + HEADER_SIZE and report.ok:
                assert 4 <= place - begin < 8, (place, flip)  # a length that now takes in zeros of the padding
                lengths = [struct.unpack_from("<I", data, begin + 4)[0] for data in (good, rec_path.read_bytes())]
                assert 0 < lengths[1] - lengths[0] <= -lengths[0] % 4


def test_every_truncation_is_found(tmp_path):
    rec_path = small(tmp_path)
    good = rec_path.read_bytes()
    for size in range(len(good)):
        rec_path.write_bytes(good[:size])
        report = structure_of(rec_path)
        assert problems(report, "index" if size else "structure"), size
        assert report.num_records < 3


def test_all_damage_is_told_and_what_follows_it_is_read(tmp_path):
    rec_path = small(tmp_path, 9)
    data = bytearray(rec_path.read_bytes())
    offsets = [int(line.split("\t")[1]) for line in (tmp_path / "small.idx").read_text().splitlines()]
    data[offsets[1]] ^= 1  # the magic
    struct.pack_into("<I", data, offsets[3] + 4, offsets[6] + 1 - offsets[3])  # a length that covers three records
    struct.pack_into("<I", data, offsets[7] + 8, 10**9)  # the flag: more labels than bytes
    data[offsets[8] + 8 + 16] = 1  # the second id
    rec_path.write_bytes(data)
    report = structure_of(rec_path)
    found = problems(report, "structure")
    assert len(found) == 4, str(report)
    for problem, place in zip(found, [offsets[1], offsets[4], offsets[7] + 8, offsets[8] + 24]):
        assert f"byte {place:,}" in problem
    assert report.num_records == 9 - 3


def test_a_magic_that_was_not_escaped_is_found(tmp_path):
    body = struct.pack("<IfQQ", 0, 1.0, 0, 0) + MAGIC_BYTES + b"abcd"
    (tmp_path / "a.rec").write_bytes(MAGIC_BYTES + struct.pack("<I", len(body)) + body)
    (tmp_path / "a.idx").write_text("0\t0\n")
    assert "in the middle of a frame" in only_problem(structure_of(tmp_path / "a.rec"), "structure").message


def test_padding_must_be_zeros(tmp_path):
    rec_path = write(tmp_path / "a", [(0, [0.0], b"abcde")])
    data = rec_path.read_bytes()
    rec_path.write_bytes(data[:-1] + b"x")
    assert "zeros as padding" in only_problem(structure_of(rec_path), "structure").message


def test_garbage_without_end_is_bounded(tmp_path):
    (tmp_path / "a.idx").write_text("0\t0\n")
    for data in (MAGIC_BYTES * 100_000, os.urandom(1_000_000), (MAGIC_BYTES + b"\xff\xff\0\0") * 50_000, bytes(1_000_000)):
        (tmp_path / "a.rec").write_bytes(data)
        report = structure_of(tmp_path / "a.rec")
        assert not report.ok and len(report.problems) <= 1000 and report.num_records == 0
        assert str(report)


def test_an_empty_rec_is_a_problem(tmp_path):
    (tmp_path / "a.rec").write_bytes(b"")
    (tmp_path / "a.idx").write_bytes(b"")
    report = verify(tmp_path / "a.rec")
    assert {problem.layer for problem in report.problems} == {"structure", "index"}
    report = verify(small(tmp_path), idx_path=tmp_path, pixels="none")
    assert "cannot be read" in only_problem(report, "index").message


# Damage: the .idx


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "holds no line"),
        (lambda lines: lines[:-1], "no line for the record at byte"),
        (lambda lines: [*lines, lines[0]], "was on line 1"),
        (lambda lines: [*lines, "\n"], "line 4: expected a key, a tab and an offset, found a blank line"),
        (lambda lines: [lines[0], "\n", *lines[1:]], "line 2: expected a key, a tab and an offset, found a blank line"),
        (lambda lines: [*lines[:2], "2\n"], "line 3: expected a key, a tab and an offset"),
        (lambda lines: [*lines[:2], "2\t99999999\n"], "line 3: no record begins at its offset"),
        (lambda lines: [*lines[:2], "99999999999999999999\t0\n"], "line 3: expected a key"),
        (lambda lines: [lines[0], lines[1].replace("1\t", "7\t"), lines[2]], "line 2: its key is 7, the record's id 1"),
        (lambda lines: [line.replace("\t", "\t4") for line in lines], "no record begins"),
        (lambda lines: ["\0\xff" * 100], "expected a key"),
    ],
)
def test_a_wrong_index_is_found(tmp_path, change, message):
    rec_path = small(tmp_path)
    idx_path = tmp_path / "small.idx"
    idx_path.write_text("".join(change(idx_path.read_text().splitlines(keepends=True))), encoding="latin-1")
    report = structure_of(rec_path)
    assert {problem.layer for problem in report.problems} == {"index"}
    assert any(message in problem for problem in problems(report)), str(report)


def test_records_are_read_without_an_index_that_is_wrong(tmp_path):
    rec_path = small(tmp_path)
    (tmp_path / "small.idx").write_bytes(b"")  # MXNet dies of it
    report = verify(rec_path)
    only_problem(report, "index")
    assert any("without the .idx" in note for note in report.notes)


def test_an_index_with_crlf_or_in_another_order_is_sound(tmp_path):
    rec_path = small(tmp_path)
    idx_path = tmp_path / "small.idx"
    lines = idx_path.read_bytes().splitlines()
    idx_path.write_bytes(b"\r\n".join(lines) + b"\r\n")
    assert verify(rec_path).ok
    other = tmp_path / "other.index"
    other.write_bytes(b"\n".join(reversed(lines)) + b"\n")
    idx_path.unlink()
    assert verify(rec_path, idx_path=other, pixels="none").ok


def test_two_records_of_one_id(tmp_path):
    rec_path = write(tmp_path / "a", [(0, [0.0], png()), (0, [0.0], png())])
    assert "the key 0 was on line 1" in only_problem(structure_of(rec_path), "index").message


# Damage: the list


@pytest.mark.parametrize(
    ("entries", "messages"),
    [
        ([0, 1, 2, 3], []),
        ([0, 1, 3], ["record 2, index 2: no entry of the list is left"]),
        ([], [f"record {index}, index {index}: no entry" for index in range(4)]),
        ([0, 1, 4, 2, 3, 5], ["index 4: the entry of line 3, 'x' has no record", "index 5: the entry of line 6, 'x' has no"]),
        ([0, 2, 1, 3], ["record 1, index 1: the entry of line 3, 'x' comes later"]),
        ([3, 0, 1, 2], [f"record {index}, index {index}: the entry of line {index + 2}, 'x' comes later" for index in range(3)]),
    ],
)
def test_entries_and_records_must_be_the_same(tmp_path, entries, messages):
    rec_path = small(tmp_path, 4)
    report = verify(rec_path, [ListEntry(index, (index + 1.0,), "x") for index in entries], pixels="none")
    found = problems(report, "list")
    assert len(found) == report.num_problems == len(messages)
    for problem, message in zip(found, messages):
        assert message in problem


def test_labels_must_be_equal_as_float32(tmp_path):
    rec_path = write(tmp_path / "a", [(0, [0.1], b"x"), (1, [1.0, 2.0], b"x"), (2, [5.0], b"x")])
    entries = [ListEntry(0, (0.1,), "a"), ListEntry(1, (1.0, 2.5), "b"), ListEntry(2, (5.0, 5.0), "c")]
    found = problems(verify(rec_path, entries, pixels="none"), "list")
    assert len(found) == 2
    assert "expected [1.0, 2.5], found [1.0, 2.0]" in found[0]
    assert "expected [5.0, 5.0], found [5.0]" in found[1]


def test_lines_that_are_no_entries_are_notes(tmp_path):
    rec_path = small(tmp_path, 2)
    (tmp_path / "a.lst").write_text("0\t1\ta\nnonsense\n1\t2\tb\n" + "1\t1\tb\n" * 9)
    report = verify(rec_path, tmp_path / "a.lst", pixels="none")
    assert report.ok
    assert any("nonsense" in note for note in report.notes)
    assert any("5 more lines" in note for note in report.notes)


# Damage: the images


def webp():
    return cv2.imencode(".webp", np.zeros((6, 8, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    ("content", "place"),
    [(webp(), 0), (webp(), 6), (b"no image", 3), (png()[:-30], 6)],
    ids=["WebP first", "WebP last", "garbage", "truncated"],
)
def test_images_that_end_mxnet_are_problems(tmp_path, content, place):
    records = [(index, [0.0], content if index == place else png(seed=index)) for index in range(7)]
    report = verify(write(tmp_path / "a", records))
    assert any(problem.layer == "reader" and problem.position == place for problem in report.problems), str(report)
    assert any("ImageRecordIter" in problem for problem in problems(report, "reader")), str(report)


def test_a_record_without_an_image_is_a_problem(tmp_path):
    report = verify(write(tmp_path / "a", [(0, [0.0], png()), (1, [0.0], b""), (2, [0.0, 1.0], b"")]))
    assert [problem.position for problem in report.problems if problem.layer == "structure"] == [1, 2]


def test_half_a_jpeg_is_a_problem_though_all_decode_it(tmp_path):
    jpeg = (SKIMAGE / "rocket.jpg").read_bytes()
    report = verify(write(tmp_path / "a", [(0, [0.0], jpeg), (1, [0.0], jpeg[: len(jpeg) // 2])]))
    assert "truncated" in only_problem(report, "reader").message


@pytest.mark.parametrize("encoding", [".png", ".jpg"])
def test_flipped_bytes_of_images_never_end_the_caller(tmp_path, encoding):
    rec_path = small(tmp_path)
    if encoding == ".jpg":
        content = cv2.imencode(".jpg", cv2.imread(str(SKIMAGE / "chelsea.png"))[:40, :40])[1].tobytes()
        rec_path = write(tmp_path / "small", [(index, [0.0], content) for index in range(3)])
    good = rec_path.read_bytes()
    for place in np.linspace(8 + HEADER_SIZE, len(good) // 3 - 1, 2).astype(int).tolist():
        rec_path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        report = verify(rec_path)
        if encoding == ".png":  # whose checksums tell
            assert not report.ok, place


def test_swapped_images_are_found_by_their_sources(without_reader, photos, tmp_path):
    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate(PHOTOS)]
    resize = transforms.Resize(100)
    for encoding in (".jpg", ".png"):
        swapped = [entries[1]._replace(index=0), entries[0]._replace(index=1), *entries[2:]]
        report = im2rec(swapped, tmp_path / "out", resize, num_workers=0, root=photos, encoding=encoding)
        found = verify(report.rec_path, entries, photos, transformations=resize, num_workers=0)
        assert [(problem.layer, problem.position) for problem in found.problems] == [("source", 0), ("source", 1)]
        assert found.lowest_psnr is not None


def test_another_size_channel_or_source_is_found(without_reader, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "photos")
    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate(PHOTOS)]
    report = im2rec(entries, tmp_path / "out", transforms.Resize(50), num_workers=0, root=photos)
    options = {"pixels": "sample", "num_workers": 0}
    for other in ({"transformations": transforms.Resize(51)}, {"transformations": transforms.Resize(50), "color": 0}):
        found = verify(report.rec_path, entries, tmp_path / "photos", **options, **other)
        assert len(problems(found, "source")) == len(entries) == found.num_problems
    (tmp_path / "photos" / PHOTOS[2]).unlink()
    found = verify(report.rec_path, entries, tmp_path / "photos", transformations=transforms.Resize(50), **options)
    assert "cannot be used: FileNotFoundError" in only_problem(found, "source").message


# The reader itself


def readback_with(monkeypatch, tmp_path, code):
    """Have the reading process run this first, in the place where MXNet's iterator is known."""
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'readback' in ' '.join(sys.orig_argv):\n"
        "    import mxnet_im2rec, mxnet as mx\n"
        "    Iter = mx.io.ImageRecordIter\n" + "".join(f"    {line}\n" for line in code.splitlines())
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


LYING_READERS = {
    "labels": ("batch.label[0][1] = 77", "gives the labels [77.0], the record holds [2.0]"),
    "pixels": ("batch.data[0][2, 0, 0, 0] = 255 - batch.data[0][2, 0, 0, 0]", "gives other pixels"),
    "fewer": ("batch.pad += 1", "gives 2 of 3 records"),
    "more": ("batch.pad -= 1", "gives more than 3 of 3 records"),
    "death": ("import os; os.abort()", "ImageRecordIter crashed: SIGABRT"),
    "silence": ("import time; time.sleep(60)", "gave nothing for 3 seconds"),
    "error": ("raise mx.MXNetError('it does not like it')", "ImageRecordIter fails: MXNetError: it does not like it"),
    "exit": ("import os; os._exit(3)", "ended with exit code 3"),
}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="sys.orig_argv")
@pytest.mark.parametrize("lie", list(LYING_READERS))
def test_whatever_the_reader_does_becomes_a_problem(monkeypatch, tmp_path, lie):
    statement, message = LYING_READERS[lie]
    lines = ["def lying(**options):", "    for batch in Iter(**options):", f"        {statement}", "        yield batch"]
    readback_with(monkeypatch, tmp_path, "\n".join([*lines, "mx.io.ImageRecordIter = lying"]))
    report = verify(small(tmp_path), timeout=3 if lie == "silence" else 100)
    assert message in only_problem(report, "reader").message


@pytest.mark.skipif(sys.version_info < (3, 10), reason="sys.orig_argv")
def test_without_mxnet_nothing_is_proven(monkeypatch, tmp_path):
    readback_with(monkeypatch, tmp_path, "sys.modules['mxnet'] = None")
    report = verify(small(tmp_path))
    assert "MXNet is not installed" in only_problem(report, "reader").message


# im2rec(verify=True)


@pytest.mark.parametrize("pass_through", [False, True])
def test_im2rec_verifies_what_it_publishes(varieties, tmp_path, pass_through):
    calls = []
    original = verification._run_reader
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "_run_reader", lambda *arguments: calls.append(1) or original(*arguments))
        report = im2rec(varieties / "images.lst", tmp_path / "out#1", num_workers=2, pass_through=pass_through, verify=True)
    assert calls == [1]
    assert sorted(os.listdir(tmp_path)) == ["out#1.idx", "out#1.rec"]
    assert report.num_records == 15


def corrupt_pixels(record):
    return record[:-40] + bytes(40)


def corrupt_id2(record):
    return record[:16] + b"\1" + record[17:]


@pytest.mark.parametrize("corrupt", [corrupt_pixels, corrupt_id2])
def test_what_does_not_verify_is_not_published(monkeypatch, photos, tmp_path, corrupt):
    im2rec(photos / "images.lst", tmp_path / "out", num_workers=0, transformations=transforms.Resize(30))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_idx = pack.RecordWriter.write
    monkeypatch.setattr(
        pack.RecordWriter,
        "write",
        lambda self, index, record: write_idx(self, index, corrupt(record) if index == 7 else record),
    )
    with pytest.raises(VerifyError) as caught:
        im2rec(photos / "images.lst", tmp_path / "out", num_workers=0, transformations=transforms.Resize(40), verify=True)
    assert {problem.position for problem in caught.value.problems} <= {7, None}
    assert caught.value.rec_path == str(tmp_path / "out.rec")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_lost_record_is_not_published(monkeypatch, photos, tmp_path):
    write_idx = pack.RecordWriter.write
    monkeypatch.setattr(pack.RecordWriter, "write", lambda self, index, record: index == 7 or write_idx(self, index, record))
    with pytest.raises(VerifyError, match="expected 20 records, found 19"):
        im2rec(photos / "images.lst", tmp_path / "out", num_workers=0, verify=True)
    assert os.listdir(tmp_path) == []
