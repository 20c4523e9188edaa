# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify(): sound datasets of every kind pass, and every kind of damage is found, reported, and nothing is raised for it."""

import os
import struct

import cv2
import numpy as np
import pytest
from by_mxnet import write_by_mxnet
from mxnet.gluon.data.vision import transforms
from photos import PHOTOS, SKIMAGE, write_list
from PIL import Image

from mxnet_im2rec import ListEntry, VerifyError, VerifyReport, im2rec, verify
from mxnet_im2rec.recordio.frames import MAGIC
from mxnet_im2rec.verification import verify as verification

MAGIC_BYTES = struct.pack("<I", MAGIC)
HEADER_SIZE = 24


def png(height=6, width=8, seed=0, channels=3):
    image = np.random.RandomState(seed).randint(0, 256, (height, width, channels)).astype(np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def write(prefix, records):
    """A dataset by MXNet's own writer; records are (index, labels, content)."""
    records = [(index, labels[0] if len(labels) == 1 else labels, content) for index, labels, content in records]
    return write_by_mxnet(prefix, records)


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


class NoReader:
    """In the place of MXNetReader: it starts no process, and finds nothing."""

    def __init__(self, timeout):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def begin(self, *arguments):
        pass

    def take(self):
        pass

    def finish(self, problems):
        pass


@pytest.fixture
def without_reader(monkeypatch):
    """Leave ImageRecordIter out where it is not what is tested: each of its processes takes a second."""
    monkeypatch.setattr(verification, "MXNetReader", NoReader)


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


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pixels": "some"}, ValueError, "pixels must be"),
        ({"pixels": ["all"]}, ValueError, "pixels must be"),
        ({"root": "."}, ValueError, "give list_file too"),
        ({"root": 5, "list_file": []}, TypeError, "root must be a str"),
        ({"root": "no folder", "list_file": []}, NotADirectoryError, "is no folder"),
        ({"list_file": 5}, TypeError, "list_file must be a path or an iterable"),
        ({"list_file": b"images.lst"}, TypeError, "list_file must be a path or an iterable"),
        ({"list_file": "none.lst"}, FileNotFoundError, "none.lst"),
        ({"idx_path": 5}, TypeError, "idx_path must be a str"),
        ({"idx_path": "."}, IsADirectoryError, "is a folder; give the .idx in it"),
        ({"transformations": 5, "list_file": [], "root": "."}, TypeError, "transformations must be callable"),
        ({"transformations": abs}, ValueError, "give list_file too"),
        ({"sources": True}, ValueError, "give list_file too"),
        ({"seed": 1.5}, TypeError, "seed must be a whole number"),
        ({"seed": True}, TypeError, "seed must be a whole number"),
        ({"color": 2}, ValueError, "color must be 1"),
        ({"color": "RGB"}, ValueError, "color must be 1"),
        ({"pack_labels": None}, TypeError, "pack_labels must be True or False"),
        ({"fast_decode": "yes"}, TypeError, "fast_decode must be True or False"),
        ({"min_psnr": "20"}, TypeError, "min_psnr must be a number"),
        ({"min_psnr": float("nan")}, ValueError, "min_psnr must be a number, not nan"),
        ({"min_psnr": -1}, ValueError, "min_psnr must be at least 0"),
        ({"num_workers": -1}, ValueError, "num_workers must be at least 0"),
        ({"num_workers": 1.0}, TypeError, "num_workers must be a whole number"),
        ({"num_records": -1}, ValueError, "num_records must be at least 0"),
        ({"num_records": "3"}, TypeError, "num_records must be a whole number"),
        ({"timeout": 0}, ValueError, "timeout must be more than 0"),
        ({"timeout": None}, TypeError, "timeout must be a number"),
        ({"rec_path": "."}, IsADirectoryError, "is a folder; give the .rec in it"),
        ({"rec_path": ""}, ValueError, "rec_path is empty"),
        ({"rec_path": None}, TypeError, "rec_path must be a str"),
        ({"rec_path": "other.rec"}, FileNotFoundError, "other.rec"),
    ],
)
def test_wrong_arguments(tmp_path, monkeypatch, arguments, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        verify(**{"rec_path": small(tmp_path), **arguments})


def test_numbers_of_numpy_are_numbers(tmp_path):
    options = {"seed": np.int64(1), "color": np.int8(1), "min_psnr": np.float32(20), "num_workers": np.int32(0)}
    flags = {"pack_labels": np.bool_(True), "fast_decode": 0}
    assert verify(small(tmp_path), pixels="none", num_records=np.int64(3), timeout=float("inf"), **options, **flags).ok


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
    rec_path = small(tmp_path)
    (tmp_path / "small.idx").unlink()
    (tmp_path / "small.idx").mkdir()
    assert "cannot be read" in only_problem(structure_of(rec_path), "index").message


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
        (lambda lines: [*lines[:2], lines[2].replace("\t", " ")], "line 3: expected a key, a tab and an offset"),
        (lambda lines: [*lines[:2], lines[2].replace("\t", "\t\t")], "line 3: expected a key, a tab and an offset"),
        (lambda lines: [*lines[:2], "2\t99999999\n"], "the .rec is shorter than the .idx says"),
        (lambda lines: [*lines[:2], "2\t4\n"], "line 3: no whole record begins at its offset 4"),
        (lambda lines: [*lines[:2], "99999999999999999999\t0\n"], "line 3: expected a key"),
        (lambda lines: [lines[0], lines[1].replace("1\t", "7\t"), lines[2]], "line 2: its key is 7, the record's id 1"),
        (lambda lines: [line.replace("\t", "\t4") for line in lines], "no whole record begins"),
        (lambda lines: ["\0\xff" * 100], "expected a key"),
        (lambda lines: ["\0\xff" * 100], "holds no line with a key and an offset"),
    ],
)
def test_a_wrong_index_is_found(tmp_path, change, message):
    rec_path = small(tmp_path)
    idx_path = tmp_path / "small.idx"
    idx_path.write_text("".join(change(idx_path.read_text().splitlines(keepends=True))), encoding="latin-1")
    report = structure_of(rec_path)
    assert {problem.layer for problem in report.problems} == {"index"}
    assert any(message in problem for problem in problems(report)), str(report)
    assert "mxnet_im2rec.build_index()" in str(report)
    assert "b'" not in str(report)


def test_a_lost_index_names_what_makes_it(tmp_path):
    rec_path = small(tmp_path)
    (tmp_path / "small.idx").unlink()
    assert "mxnet_im2rec.build_index()" in only_problem(structure_of(rec_path), "index").message


def test_much_that_is_wrong_with_an_index_is_one_line(tmp_path):
    rec_path = small(tmp_path, 30)
    lines = (tmp_path / "small.idx").read_text().splitlines()
    (tmp_path / "small.idx").write_text("".join(f"{line}7\n" for line in lines[:10]) + "\n".join(lines[10:]) + "\n")
    report = structure_of(rec_path)
    assert report.num_problems <= 3, str(report)
    assert any("10 records have no line, the first: record 0, index 0: " in problem for problem in problems(report, "index"))
    (tmp_path / "small.idx").write_text("\n".join([*lines, *["what is this"] * 50]))
    message = only_problem(structure_of(rec_path), "index").message
    assert message.startswith("50 lines are not a key, a tab and an offset, the first: line 31: ")


@pytest.mark.parametrize("cut", [-1, -5, -40, None])
def test_a_rec_that_was_cut_off_is_said_to_be_shorter(tmp_path, cut):
    rec_path = small(tmp_path, 9)
    offsets = [int(line.split("\t")[1]) for line in (tmp_path / "small.idx").read_text().splitlines()]
    data = rec_path.read_bytes()
    rec_path.write_bytes(data[: offsets[4] + cut] if cut else data[: offsets[4]])
    report = structure_of(rec_path)
    found = problems(report, "index")
    assert len(found) == 1 and "the .rec is shorter than the .idx says" in found[0], str(report)
    assert ("mxnet_im2rec.salvage()" in str(report)) == bool(cut)
    assert ("mxnet_im2rec.build_index()" in found[0]) == (not cut)
    assert str(report).startswith(f"{report.num_records} whole records found in ")


def test_a_rec_damaged_all_over_is_told_in_few_lines(tmp_path):
    rec_path = small(tmp_path, 100)
    data = bytearray(rec_path.read_bytes())
    for line in (tmp_path / "small.idx").read_text().splitlines()[1::2]:
        data[int(line.split("\t")[1])] ^= 1
    rec_path.write_bytes(data)
    report = structure_of(rec_path)
    assert report.num_problems == 2 and report.num_records == 50, str(report)
    (found,) = problems(report, "structure")
    assert found.startswith("structure: 50 places are damaged, the first: byte ") and "mxnet_im2rec.salvage()" in found


def test_a_record_of_one_kind_told_twice_is_not_rebuilt(tmp_path):
    rec_path = write(tmp_path / "a", [(index // 2, [0.0], png()) for index in range(8)])
    message = only_problem(structure_of(rec_path), "index").message
    assert message.startswith("4 lines repeat a key, the first: index 0: line 2: the key 0 was on line 1")
    assert "pack again" in message and "build_index" not in message


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
        ([0, 2, 1, 3], ["record 1, index 1: the record of the entry of line 3, 'x' stands before that of an earlier entry"]),
        (
            [3, 0, 1, 2],
            [f"record {index}, index {index}: the record of the entry of line {index + 2}, 'x' stands" for index in range(3)],
        ),
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


def test_lines_that_are_no_entries_are_problems(tmp_path):
    rec_path = small(tmp_path, 2)
    (tmp_path / "a.lst").write_text("0\t1\ta\nnonsense\n1\t2\tb\n1\t1\tc\n")
    report = verify(rec_path, tmp_path / "a.lst", pixels="none")
    found = problems(report)
    assert len(found) == 2
    assert "line 2" in found[0] and "nonsense" in found[0]
    assert "line 4, index 1, 'c'" in found[1] and "was on an earlier line" in found[1]


def test_much_that_is_wrong_with_a_list_is_one_line_each(tmp_path):
    rec_path = small(tmp_path, 40)
    lines = [f"{index}\t{index + 1 if index < 25 else 99}\t{index}.png" for index in [*range(12, 40), *range(100, 1400)]]
    lines += ["nonsense"] * 30 + lines[:20]
    (tmp_path / "a.lst").write_text("\n".join(lines))
    report = verify(rec_path, tmp_path / "a.lst", pixels="none")
    expected = [
        "list: 50 lines are no entries, or repeat an index, the first: no entry, so no record was looked for: line 1329: ",
        "list: 1,300 entries have no record, the first: index 100: the entry of line 29, '100.png' has no record; their ind",
        "list: 15 records have other labels than their entries, the first: record 25, index 25: ",
        "list: 12 records have no entry, the first: record 0, index 0: ",
    ]
    found = problems(report)
    assert len(found) == len(expected) == report.num_problems
    for problem, start in zip(found, expected):
        assert problem.startswith(start)
    assert found[1].endswith(" 108, 109, ...; what packing left out is among its failures")


def test_what_was_left_out_of_a_dataset_is_told(without_reader, photos, tmp_path):
    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate([*PHOTOS, "none.jpg"])]
    report = im2rec(entries, tmp_path / "out", num_workers=0, root=photos, error_limit=None)
    found = only_problem(verify(report.rec_path, entries, pixels="none"), "list")
    assert found.index == 5 and "'none.jpg' has no record; what packing left out" in found.message


# Layouts


FACES = [
    (0, [5.0, 7.0], b""),
    *[(index, [index // 3, 1.0], png()) for index in range(1, 5)],
    (5, [1.0, 3.0], b""),
    (6, [3.0, 5.0], b""),
]


@pytest.mark.parametrize(
    ("position", "labels", "message"),
    [
        (0, [5.0, 8.0], "names the ids 1 to 7, of which 1 are not in the file, the first 7"),
        (0, [9.0, 9.0], "names the ids 1 to 8, of which 2 are not in the file, the first 7"),
        (6, [3.0, 50.0], "names the ids 3 to 49, of which 43 are not in the file, the first 7"),
        (5, [3.0, 1.0], "expected two ids as its labels, the first not above the second, found [3.0, 1.0]"),
        (5, [0.5, 1.0], "expected two ids"),
        (5, [float("nan"), 1.0], "expected two ids"),
    ],
)
def test_header_records_name_ids_that_are_there(tmp_path, position, labels, message):
    assert structure_of(write(tmp_path / "faces", FACES)).ok
    records = [(index, labels if index == position else old, content) for index, old, content in FACES]
    found = only_problem(structure_of(write(tmp_path / "faces", records)), "structure")
    assert found.position == position and message in found.message


def test_a_lost_face_is_found(tmp_path):
    report = structure_of(write(tmp_path / "faces", [record for record in FACES if record[0] != 2]))
    found = problems(report, "structure")
    assert len(found) == 2
    assert all("of which 1 are not in the file, the first 2" in problem for problem in found)


def test_ids_that_float32_rounds_are_not_looked_for(tmp_path):
    records = [(0, [2.0, 2.0**24 + 2], b""), (1, [0.0, 1.0], png())]
    report = structure_of(write(tmp_path / "faces", records))
    assert report.ok and any("float32 rounds" in note for note in report.notes)


BOX = [0, 0.1, 0.1, 0.5, 0.5]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (BOX * 3, None),
        (BOX + BOX[:4], "does not add up to its 11 labels"),
        ([], "it has no object"),
        ([0, 0.1, 0.1, 0.5, 1.5], "all from 0 to 1"),
        ([0, 0.1, 0.1, float("nan"), 0.5], "all from 0 to 1"),
        ([0, 0.5, 0.1, 0.5, 0.5], "expected xmin < xmax"),
    ],
)
def test_detection_labels_that_do_not_add_up_are_noted(tmp_path, objects, message):
    records = [(index, [2.0, 5.0, *(objects if index == 1 else BOX)], png()) for index in range(3)]
    report = structure_of(write(tmp_path / "boxes", records))
    notes = [note for note in report.notes if "detection" in note]
    assert report.ok and len(notes) == (message is not None)
    if message:
        assert message in notes[0] and "1 of 3 records, the first: record 1, index 1" in notes[0]


def test_labels_that_look_like_detection_by_chance_are_not_noted(tmp_path):
    records = [(0, [2.0, 5.0, 7.0], png()), (1, [2.0, 6.0, 7.0], png()), (2, [2.0, 5.0, 7.0], png())]
    assert not any("detection" in note for note in structure_of(write(tmp_path / "a", records)).notes)


def test_a_path_that_imagerecorditer_cannot_open_is_noted(tmp_path):
    report = structure_of(small(tmp_path))
    assert not any("rename" in note for note in report.notes)
    (tmp_path / "a#b;c").mkdir()
    report = structure_of(small(tmp_path / "a#b;c"))
    assert any("cannot open this path, which holds '#', ';'" in note for note in report.notes)


@pytest.mark.parametrize("labels", [1, 2], ids=["ImageRecordIter", "decoded alone"])
def test_progress_counts_each_image_once_and_ends_with_all(photos, tmp_path, labels):
    def zeros(index):
        return "0\t" * (labels if index else 1)

    lines = [f"{index}\t{zeros(index)}{name}\n" for index, name in enumerate(PHOTOS * 4)]
    (tmp_path / "a.lst").write_text("".join(lines))
    rec_path = im2rec(tmp_path / "a.lst", tmp_path / "a", num_workers=0, root=photos).rec_path
    for arguments in ((), (tmp_path / "a.lst", photos)):
        for pixels in ("all", "sample"):
            told = []
            report = verify(rec_path, *arguments, pixels=pixels, progress=lambda *values, told=told: told.append(values))
            assert report.ok
            assert told[-1] == (len(lines), len(lines), 0)
            assert {values[1:] for values in told} == {(len(lines), 0)}
            assert [done for done, *_ in told] == sorted(done for done, *_ in told)
    with pytest.raises(TypeError, match="progress must be"):
        verify(rec_path, progress="yes")


def test_a_damaged_scan_differs_from_its_source_whatever_its_psnr(without_reader, tmp_path):
    """Half a chelsea that became a little darker, which hardly counts in the PSNR of the whole; and none that is whole."""
    source = cv2.imread(str(SKIMAGE / "chelsea.png"))
    cv2.imwrite(str(tmp_path / "a.png"), source)
    darker = source.copy()
    darker[200:, 300:] = (darker[200:, 300:] * 0.8).astype(np.uint8)
    (tmp_path / "a.lst").write_text("".join(f"{index}\t0\ta.png\n" for index in range(4)))
    encoded = [
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, q])[1].tobytes()
        for image, q in ((source, 10), (source, 95), (darker, 95), (source, 50))
    ]
    rec_path = write(tmp_path / "a", [(index, [0.0], content) for index, content in enumerate(encoded)])
    report = verify(rec_path, tmp_path / "a.lst", root=tmp_path)
    (problem,) = report.problems
    assert problem.index == 2 and "a part of the image differs from its source" in problem.message
    assert report.lowest_psnr > 20


def test_ids_that_repeat_are_no_reason_to_make_the_idx_anew(tmp_path):
    rec_path = write(tmp_path / "a", [(0, [0.0], png()), (0, [0.0], png(seed=1))])
    (tmp_path / "a.idx").write_text(
        "".join(f"{key}\t{line.split()[1]}\n" for key, line in enumerate((tmp_path / "a.idx").read_text().splitlines()))
    )
    text = str(verify(rec_path, pixels="none"))
    assert "several records of one id" in text and "build_index" not in text
