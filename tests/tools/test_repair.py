# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""build_index, salvage and extract: what comes back is what was packed, and what does not is told."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from by_mxnet import write_by_mxnet
from helpers import dataset_bytes, read_records
from photos import PHOTOS, make_varieties, write_list

from mxnet_im2rec import EmptyDatasetError, RecordFile, RecordFormatError, build_index, extract, im2rec, salvage

MAGIC = bytes.fromhex("0a23d7ce")


@pytest.fixture
def packed(photos, tmp_path):
    return im2rec(photos / "images.lst", tmp_path / "packed", num_workers=0, quality=60)


def write_raw(folder, payloads, name="raw"):
    """A dataset by MXNet's own writer, of any payloads."""
    return write_by_mxnet(folder / name, [(index, float(index), payload) for index, payload in enumerate(payloads)])


def test_build_index_gives_what_packing_wrote(packed):
    expected = Path(packed.idx_path).read_bytes()
    os.unlink(packed.idx_path)
    assert build_index(packed.rec_path) == packed.idx_path
    assert Path(packed.idx_path).read_bytes() == expected


def test_build_index_does_not_write_over_the_rec(packed):
    with pytest.raises(ValueError, match="itself"):
        build_index(packed.rec_path, packed.rec_path)
    assert os.path.getsize(packed.rec_path) == packed.num_bytes


def test_build_index_names_what_cannot_be_written(packed, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder for the .idx; make it first: '.*nowhere'"):
        build_index(packed.rec_path, tmp_path / "nowhere" / "a.idx")
    with pytest.raises(IsADirectoryError, match="this is a folder"):
        build_index(packed.rec_path, tmp_path)
    assert not list(tmp_path.parent.glob("*.partial"))


def test_build_index_of_what_is_no_rec(tmp_path, photos):
    with pytest.raises(RecordFormatError, match="rocket.jpg', byte 0: .* this is no .rec, or its begin is damaged"):
        build_index(photos / "rocket.jpg", tmp_path / "a.idx")
    assert not list(tmp_path.glob("*.idx*"))


def test_paths_as_bytes(packed, tmp_path):
    rec = os.fsencode(packed.rec_path)
    assert build_index(rec) == packed.idx_path
    assert salvage(rec, os.fsencode(tmp_path / "saved")).rec_path == str(tmp_path / "saved.rec")
    assert extract(rec, os.fsencode(tmp_path / "files")).num_images == packed.num_records


def test_extract_to_a_file_is_refused(packed):
    with pytest.raises(FileExistsError, match="packed.rec' is a file; give a folder"):
        extract(packed.rec_path, packed.rec_path)


def test_extract_of_what_is_not_there_makes_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        extract(tmp_path / "no.rec", tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_build_index_of_a_damaged_file_leaves_the_old_one(packed, tmp_path):
    before = Path(packed.idx_path).read_bytes()
    with open(packed.rec_path, "r+b") as stream:
        stream.truncate(packed.num_bytes - 4)
    with pytest.raises(RecordFormatError):
        build_index(packed.rec_path)
    assert Path(packed.idx_path).read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_salvage_of_a_whole_file_is_the_file(packed, tmp_path):
    report = salvage(packed.rec_path, tmp_path / "saved")
    assert dataset_bytes(report) == dataset_bytes(packed)
    assert report.lost == () and "nothing is lost" in str(report)


def test_salvage_refuses_to_write_over_its_input(packed):
    with pytest.raises(ValueError, match="itself"):
        salvage(packed.rec_path, packed.rec_path)


def payload_of(index):
    """Small images' stand-ins: one is split by RecordIO's magic, and none is of a multiple of 4 bytes."""
    return (MAGIC if index == 3 else b"abcd") * (5 + index) + b"x" * (index % 4)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    rec = write_raw(folder, [payload_of(index) for index in range(6)])
    with RecordFile(rec) as records:
        offsets = [record.offset for record in records] + [records.num_bytes]
    return rec.read_bytes(), offsets


def saved(data, folder):
    (folder / "damaged.rec").write_bytes(data)
    report = salvage(folder / "damaged.rec", folder / "saved", overwrite=True)
    with RecordFile(report.rec_path, report.idx_path) as records:
        return report, [(record.index, bytes(record.content)) for record in records]


@pytest.mark.whole
def test_salvage_after_truncation_at_every_byte(small, tmp_path):
    data, offsets = small
    for size in range(len(data)):
        whole = sum(1 for end in offsets[1:] if end <= size)
        if not whole:
            with pytest.raises(EmptyDatasetError):
                saved(data[:size], tmp_path)
            continue
        report, records = saved(data[:size], tmp_path)
        assert records == [(index, payload_of(index)) for index in range(whole)]
        assert bool(report.lost) == (size != offsets[whole])
        assert not report.lost or (report.lost[0].start, report.lost[0].end) == (offsets[whole], size)


@pytest.mark.whole
def test_salvage_loses_nothing_but_what_a_changed_byte_has_touched(small, tmp_path):
    data, offsets = small
    everything = {(index, payload_of(index)) for index in range(6)}
    for position in range(len(data)):
        touched = sum(1 for offset in offsets[1:] if offset <= position)
        for change in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[position] ^= change
            _, records = saved(bytes(damaged), tmp_path)
            lost = everything - set(records)
            # These payloads are no images, so that the record before a damaged magic is given up too.
            assert {index for index, _ in lost} <= {touched, touched - 1}, (position, change)
            extra = set(records) - everything
            assert len(extra) <= 1, (position, change)  # the touched one, with the byte changed


def test_salvage_keeps_a_whole_image_before_damage(photos, tmp_path):
    report = im2rec(photos / "images.lst", tmp_path / "packed", num_workers=0, quality=60)
    with RecordFile(report.rec_path) as records:
        offset = records[7].offset
    data = bytearray(Path(report.rec_path).read_bytes())
    data[offset : offset + 4] = b"\0\0\0\0"
    saved_report, records = saved(bytes(data), tmp_path)
    assert [index for index, _ in records] == [index for index in range(20) if index != 7]
    assert len(saved_report.lost) == 1 and saved_report.lost[0].start == offset
    assert "1 place:" in str(saved_report)


def test_extract_and_pack_again_gives_the_same_file(tmp_path):
    names = make_varieties(tmp_path)
    write_list(tmp_path / "images.lst", names, lambda index: [index, 0.1 * index, 1e-7])
    first = im2rec(tmp_path / "images.lst", tmp_path / "first", pass_through=True)
    for by_label in (False, True):
        report = extract(first.rec_path, tmp_path / f"files{by_label}", by_label=by_label)
        assert report.num_images == len(names) and report.skipped == ()
        again = im2rec(report.list_path, tmp_path / "again", pass_through=True)
        assert dataset_bytes(again) == dataset_bytes(first)
    assert (tmp_path / "filesTrue" / "3").is_dir()
    suffixes = {path.suffix for path in (tmp_path / "filesFalse").iterdir()}
    assert suffixes == {".jpg", ".png", ".bmp", ".tif", ".lst"}


def test_extract_names_duplicates_apart_and_tells_of_records_without_an_image(tmp_path, photos):
    image = (photos / "rocket.jpg").read_bytes()
    write_by_mxnet(tmp_path / "a", [(0, [3.0, 4.0], b""), (5, 1.0, image), (5, 1.0, image)])
    report = extract(tmp_path / "a.rec", tmp_path / "files")
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["5.jpg", "5_2.jpg", "images.lst"]
    assert report.skipped == ((0, 0),) and str(report).endswith("; 1 record without an image left out")


def test_labels_that_are_near_have_folders_of_their_own(tmp_path, photos):
    labels = [1234567, 1234568, 16777216, 0.1, 0.10000001, -3]
    for index in range(len(labels)):
        shutil.copy(photos / "rocket.jpg", tmp_path / f"{index}.jpg")
    write_list(tmp_path / "images.lst", [f"{index}.jpg" for index in range(len(labels))], lambda index: [labels[index]])
    report = extract(im2rec(tmp_path / "images.lst", tmp_path / "out").rec_path, tmp_path / "files", by_label=True)
    folders = {path.name for path in (tmp_path / "files").iterdir() if path.is_dir()}
    assert folders == {"1234567", "1234568", "16777216", "0.1", "0.10000001", "-3"} and report.num_images == 6


def test_extract_does_not_touch_a_folder_that_is_in_use(packed, tmp_path):
    with pytest.raises(FileExistsError, match="not empty"):
        extract(packed.rec_path, tmp_path)


def test_labels_survive_extraction_exactly(tmp_path, photos):
    labels = (np.random.RandomState(0).randn(5, 7) * 10.0 ** np.arange(-20, 15, 5)).astype(np.float32)
    for name in PHOTOS:
        shutil.copy(photos / name, tmp_path / name)
    write_list(tmp_path / "images.lst", PHOTOS, lambda index: [repr(float(label)) for label in labels[index]])
    first = im2rec(tmp_path / "images.lst", tmp_path / "first", pass_through=True)
    assert all(np.array_equal(header.label, labels[index]) for index, header, _ in read_records(first))
    report = extract(first.rec_path, tmp_path / "files")
    assert dataset_bytes(im2rec(report.list_path, tmp_path / "again", pass_through=True)) == dataset_bytes(first)


def test_an_extraction_that_is_interrupted_leaves_the_folder_as_it_was(packed, tmp_path, monkeypatch):
    rec_path = packed.rec_path
    monkeypatch.setattr("mxnet_im2rec.tools.extract._file_name", interrupt_at(4))
    with pytest.raises(KeyboardInterrupt):
        extract(rec_path, tmp_path / "new", by_label=True)
    assert not (tmp_path / "new").exists()
    (tmp_path / "there").mkdir()
    monkeypatch.setattr("mxnet_im2rec.tools.extract._file_name", interrupt_at(4))
    with pytest.raises(KeyboardInterrupt):
        extract(rec_path, tmp_path / "there")
    assert not list((tmp_path / "there").iterdir())


def interrupt_at(number):
    calls = []

    def name(record, used, by_label):
        calls.append(record)
        if len(calls) == number:
            raise KeyboardInterrupt
        return f"sub/{len(calls)}" if by_label else str(len(calls))

    return name


@pytest.mark.parametrize("more", range(1, 13))
def test_a_length_that_grew_a_little_costs_its_own_record_alone(packed, tmp_path, more):
    data = bytearray(Path(packed.rec_path).read_bytes())
    with RecordFile(packed.rec_path) as records:
        ids = [record.index for record in records]
        at = records[2].offset + 4
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "little") + more).to_bytes(4, "little")
    (tmp_path / "damaged.rec").write_bytes(data)
    report = salvage(tmp_path / "damaged.rec", tmp_path / "saved")
    with RecordFile(report.rec_path) as saved, RecordFile(packed.rec_path) as records:
        kept = [record.index for record in saved]
        assert [index for index in ids if index not in kept] in ([], [ids[2]])
        for record in saved:
            if record.index != ids[2]:
                assert bytes(record.content) == bytes(records.by_index(record.index).content)
