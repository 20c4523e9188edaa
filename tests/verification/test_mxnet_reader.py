# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify(): what the stored images, MXNet's reader and the sources tell; the reading process itself; im2rec(verify=True)."""

import os
import shutil
import signal
import struct
from contextlib import suppress
from dataclasses import replace

import cv2
import mxnet as mx
import numpy as np
import psutil
import pytest
from helpers import start_script, wait_for
from mxnet.gluon.data.vision import transforms
from photos import PHOTOS, SKIMAGE
from test_verify import NoReader, only_problem, png, problems, small, write
from warm import WarmReader

from mxnet_im2rec import ListEntry, OutputError, RecordFile, VerifyError, im2rec, verify
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.recordio.frames import frame, payload_of
from mxnet_im2rec.storage.filebuffer import FileBuffer
from mxnet_im2rec.verification import layers
from mxnet_im2rec.verification import verify as verification
from mxnet_im2rec.verification.collecting import ProblemCollector
from mxnet_im2rec.verification.mxnet_reader import MXNetReader
from mxnet_im2rec.verification.structure import check_structure


@pytest.fixture
def without_reader(monkeypatch):
    """Leave ImageRecordIter out where it is not what is tested: each of its processes takes a second."""
    monkeypatch.setattr(verification, "MXNetReader", NoReader)


# Damage: the images


def webp():
    return cv2.imencode(".webp", np.zeros((6, 8, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    "contents",
    [{0: webp()}, {6: webp()}, {3: b"no image", 6: png()[:-30]}],
    ids=["WebP first", "WebP last", "garbage and truncated"],
)
def test_images_that_end_mxnet_are_problems(tmp_path, contents):
    records = [(index, [0.0], contents.get(index, png(seed=index))) for index in range(7)]
    report = verify(write(tmp_path / "a", records))
    found = {problem.position for problem in report.problems if problem.layer == "reader"}
    assert set(contents) <= found, str(report)
    assert any("ImageRecordIter" in problem for problem in problems(report, "reader")), str(report)


def test_a_record_without_an_image_is_a_problem(tmp_path):
    report = verify(write(tmp_path / "a", [(0, [0.0], png()), (1, [0.0], b""), (2, [0.0, 1.0], b"")]))
    assert [problem.position for problem in report.problems if problem.layer == "structure"] == [1, 2]


def photo(seed=0, restart=0):
    """A JPEG of a part of a real photo, another for each seed."""
    cat = cv2.imread(str(SKIMAGE / "chelsea.png"))[seed : 125 + seed, 100:300]
    return cv2.imencode(".jpg", cat, [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_RST_INTERVAL, restart])[1].tobytes()


def damaged(jpeg, length=512):
    """Other bytes in the middle of the scan, none of which is a marker's."""
    middle = len(jpeg) // 2
    return jpeg[:middle] + np.random.RandomState(0).randint(0, 255, length).astype(np.uint8).tobytes() + jpeg[middle + length :]


@pytest.mark.parametrize("labels", [1, 2], ids=["ImageRecordIter", "decoded alone"])
def test_a_jpeg_damaged_inside_is_a_problem_though_all_decode_it(tmp_path, labels):
    bad = {3, 4, 150, 199}
    records = [(n, [0.0] * (labels if n else 1), damaged(photo(n % 20)) if n in bad else photo(n % 20)) for n in range(200)]
    report = verify(write(tmp_path / "a", records))
    assert [(problem.layer, problem.position, problem.index) for problem in report.problems] == [
        ("reader", n, n) for n in sorted(bad)
    ]
    assert all("libjpeg says: Corrupt JPEG data: " in problem.message for problem in report.problems)
    assert str(report).startswith("200 whole records found in ")


def test_a_damaged_jpeg_is_found_in_grey_and_among_pngs_that_libpng_remarks_on(tmp_path):
    grey = cv2.imencode(".jpg", cv2.imread(str(SKIMAGE / "camera.png"), 0))[1].tobytes()
    remarked = (SKIMAGE / "astronaut.png").read_bytes()  # "iCCP: known incorrect sRGB profile"
    assert b"iCCP" in remarked
    records = [(index, [0.0], damaged(grey) if index == 5 else grey) for index in range(8)]
    assert only_problem(verify(write(tmp_path / "grey", records)), "reader").position == 5
    records = [(index, [0.0], remarked if index % 2 else photo(index)) for index in range(8)]
    report = verify(write(tmp_path / "png", records))
    assert report.ok and not any("libjpeg" in note for note in report.notes), str(report)


def test_a_few_bytes_too_many_are_a_note_and_many_a_problem(tmp_path):
    jpeg = photo(restart=4)
    place = jpeg.index(b"\xff\xd3", jpeg.rindex(b"\xff\xda"))
    records = [(index, [0.0], jpeg[:place] + bytes(index) + jpeg[place:]) for index in (0, 2, 3, 9)]
    report = verify(write(tmp_path / "a", records))
    assert "9 extraneous bytes before marker 0xd3" in only_problem(report, "reader").message
    notes = [note for note in report.notes if "libjpeg" in note]
    assert len(notes) == 1 and "on 2 JPEGs" in notes[0]
    assert "The first, record 1: Corrupt JPEG data: 2 extraneous bytes" in notes[0]


def test_a_damaged_jpeg_is_told_once_and_not_where_no_pixels_are_looked_at(tmp_path):
    whole = photo(restart=4)
    cut = damaged(whole)[: len(whole) * 3 // 4]
    rec_path = write(tmp_path / "a", [(0, [0.0], photo()), (1, [0.0], cut), (2, [0.0], damaged(photo(1)))])
    report = verify(rec_path)
    assert [problem.position for problem in report.problems] == [1, 2]
    assert "truncated" in report.problems[0].message
    assert verify(rec_path, pixels="none").ok


def test_a_chunk_of_a_png_is_named_as_text(tmp_path):
    content = bytearray(png())
    content[content.index(b"IDAT") + 6] ^= 1
    found = problems(verify(write(tmp_path / "a", [(0, [0.0], png()), (1, [0.0], bytes(content))])))
    assert "the checksum of its IDAT chunk is wrong" in found[0]


@pytest.mark.parametrize("encoding", [".png", ".jpg"])
def test_flipped_bytes_of_images_never_end_the_caller(tmp_path, encoding):
    """The first byte of one image, the last of another."""
    cat = cv2.imread(str(SKIMAGE / "chelsea.png"))[:40, :40]
    contents = [bytearray(cv2.imencode(encoding, cat)[1].tobytes()) for _ in range(3)]
    contents[0][0] ^= 0xFF
    contents[2][-1] ^= 0xFF
    report = verify(write(tmp_path / "a", [(index, [0.0], bytes(content)) for index, content in enumerate(contents)]))
    found = {problem.position for problem in report.problems} - {None}
    assert found == {0, 2}, str(report)


def test_swapped_images_are_found_by_their_sources(without_reader, photos, tmp_path):
    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate(PHOTOS)]
    resize = transforms.Resize(100)
    for encoding in (".jpg", ".png"):
        swapped = [entries[1]._replace(index=0), entries[0]._replace(index=1), *entries[2:]]
        report = im2rec(swapped, tmp_path / "out", resize, num_workers=0, root=photos, encoding=encoding)
        found = verify(report.rec_path, entries, photos, transformations=resize, num_workers=0)
        assert [(problem.layer, problem.position) for problem in found.problems] == [("source", 0), ("source", 1)]
        hint = "other transformations, seed, color or fast_decode than in packing"
        assert [hint in problem.message for problem in found.problems] == [True, False]
        assert ("min_psnr is too strict" in found.problems[0].message) == (encoding == ".jpg")
        assert found.lowest_psnr is not None


def test_another_size_channel_or_source_is_found(without_reader, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "photos")
    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate(PHOTOS)]
    report = im2rec(entries, tmp_path / "out", transforms.Resize(50), num_workers=0, root=photos)
    options = {"pixels": "sample", "num_workers": 0}
    for other in ({"transformations": transforms.Resize(51)}, {"transformations": transforms.Resize(50), "color": 0}):
        found = verify(report.rec_path, entries, tmp_path / "photos", **options, **other)
        assert len(problems(found, "source")) == len(entries) == found.num_problems
        assert "other transformations or another color than in packing, or an EXIF" in found.problems[0].message
    (tmp_path / "photos" / PHOTOS[2]).unlink()
    found = verify(report.rec_path, entries, tmp_path / "photos", transformations=transforms.Resize(50), **options)
    assert "cannot be used: FileNotFoundError" in only_problem(found, "source").message


# The reader itself


def readers_with(folder, code):
    """A folder that has every reading process which finds it on its path run this first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'mxnet_im2rec.verification.mxnet_reader_process' in open('/proc/self/cmdline').read().split('\\0'):\n"
        "    import mxnet_im2rec, mxnet as mx\n" + "".join(f"    {line}\n" for line in code.splitlines())
    )
    return folder


LYING_READERS = {
    "labels and pixels": (
        "batch.label[0][1] = 77; batch.data[0][2, 0, 0, 0] = 255 - batch.data[0][2, 0, 0, 0]",
        ["gives the labels [77.0], the record holds [2.0]", "gives other pixels"],
    ),
    "fewer": ("batch.pad += 1", ["gives 2 of 3 records"]),
    "more": ("batch.pad -= 1", ["gives more than 3 of 3 records"]),
    "death": ("import os; os.abort()", ["ImageRecordIter crashed: SIGABRT"]),
    "silence": ("import time; time.sleep(60)", ["gave nothing for 1 seconds"]),
    "error": ("raise mx.MXNetError('it does not like it')", ["ImageRecordIter fails: MXNetError: it does not like it"]),
    "exit": ("import os; os._exit(3)", ["ended with exit code 3"]),
}


@pytest.mark.parametrize("lie", list(LYING_READERS))
def test_whatever_the_reader_does_becomes_a_problem(monkeypatch, tmp_path, lie):
    statement, messages = LYING_READERS[lie]
    lines = ["def lying(**options):", "    for batch in Iter(**options):", f"        {statement}", "        yield batch"]
    monkeypatch.setattr(WarmReader, "first", "\n".join(["Iter = mx.io.ImageRecordIter", *lines, "mx.io.ImageRecordIter = lying"]))
    report = verify(small(tmp_path), timeout=1 if lie == "silence" else 100)
    assert report.num_problems == len(messages), str(report)
    assert all(problem.layer == "reader" and said in problem.message for said, problem in zip(messages, report.problems))


@pytest.fixture
def readers(monkeypatch):
    """The readers that verify() has started."""
    started = []
    original = MXNetReader.__enter__
    monkeypatch.setattr(MXNetReader, "__enter__", lambda reader: started.append(reader) or original(reader))
    return started


def is_gone(reader):
    return reader._process.poll() is not None and not os.path.exists(reader._folder)


def test_the_report_is_the_same_with_any_number_of_workers(photos, tmp_path):
    """Problems of three layers: a record too many, sources that differ, images that are damaged inside."""
    resize = transforms.Resize(100)
    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate(PHOTOS * 8)]
    stored = RecordFile(im2rec(entries, tmp_path / "out", resize, num_workers=0, root=photos).rec_path)
    contents = [record.content for record in stored]
    contents[3], contents[4] = contents[4], contents[3]
    contents[7] = damaged(contents[7], 128)
    contents[8] = contents[8][:-2]
    rec_path = write(tmp_path / "a", [(index, [0.0], content) for index, content in enumerate([*contents, contents[0]])])
    reports = [
        verify(rec_path, entries, photos, transformations=resize, num_workers=number, progress=False)
        for number in (0, 1, 2, 3, None)
    ]
    layers = [problem.layer for problem in reports[0].problems]
    assert layers == ["list"] + ["source"] * layers.count("source") + ["reader"] * layers.count("reader"), str(reports[0])
    assert layers.count("source") >= 3 and layers.count("reader") >= 2
    for report in reports[1:]:
        assert replace(report, seconds=0.0) == replace(reports[0], seconds=0.0)


class Ends(BaseException):
    pass


def test_the_reader_is_ended_when_the_check_of_the_sources_raises(monkeypatch, readers, photos, tmp_path):
    def fail(*arguments):
        assert readers[0]._process.poll() is None
        raise Ends

    entries = [ListEntry(index, (0.0,), name) for index, name in enumerate(PHOTOS)]
    rec_path = im2rec(entries, tmp_path / "out", num_workers=0, root=photos).rec_path
    monkeypatch.setattr(layers, "check_sources", fail)
    with pytest.raises(Ends):
        verify(rec_path, entries, photos)
    assert len(readers) == 1 and is_gone(readers[0])


@pytest.mark.parametrize("cut", [0, 5], ids=["sound", "damaged"])
def test_the_reader_does_not_outlive_the_call(fresh_readers, readers, tmp_path, cut):
    rec_path = small(tmp_path)
    rec_path.write_bytes(rec_path.read_bytes()[: -cut or None])
    assert verify(rec_path).ok == (not cut)
    assert len(readers) == 1 and is_gone(readers[0])


def test_what_the_reader_reports_is_taken_while_the_sources_are_checked(photos, tmp_path, monkeypatch):
    """More than its pipe holds: a reader that waited for room would not come to its end."""
    lines = ["def many(**options):", "    for batch in Iter(**options):", "        batch.label[0][:] = 77", "        yield batch"]
    monkeypatch.setattr(WarmReader, "first", "\n".join(["Iter = mx.io.ImageRecordIter", *lines, "mx.io.ImageRecordIter = many"]))
    rec_path = write(tmp_path / "a", [(index, [0.0], png()) for index in range(2000)])
    with MXNetReader(100) as reader:
        with FileBuffer(str(rec_path)) as buffer:
            structure = check_structure(buffer, str(rec_path), ProblemCollector())
        reader.begin(str(rec_path), None, structure, None, None)

        def has_ended():
            reader.take()
            return not reader._is_reading

        wait_for(has_ended)
        found = ProblemCollector()
        reader.finish(found)
    assert found.num_problems == 2000 and len(found.problems) == 1000


WAITING = """
import os
from pathlib import Path
def waiting(**options):
    Path(os.environ["TMPDIR"], "reader.pid").write_text(str(os.getpid()))
    import time; time.sleep(600)
mx.io.ImageRecordIter = waiting
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, "SIGTERM to the group"])
def test_nothing_is_left_when_the_caller_is_ended(monkeypatch, tmp_path, number):
    first = readers_with(tmp_path / "first", WAITING)
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    code = f"import sys; sys.path.append({str(first)!r})\nfrom mxnet_im2rec import verify\nverify({str(small(tmp_path))!r})\n"
    process = start_script(code, tmp_path)
    reader = None
    try:
        told = wait_for(lambda: (place / "reader.pid").exists() and (place / "reader.pid").read_text())
        reader = psutil.Process(int(told))
        assert reader.is_running() and list(place.glob("mxnet_im2rec_*"))
        if isinstance(number, signal.Signals):
            process.send_signal(number)
        else:
            os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(60) < 0
        wait_for(lambda: not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE)
        assert not list(place.glob("mxnet_im2rec_*"))
    finally:
        process.kill()
        process.communicate()
        if reader is not None:
            with suppress(psutil.NoSuchProcess):
                reader.kill()


# im2rec(verify=True)


@pytest.mark.parametrize("pass_through", [False, True])
def test_im2rec_verifies_what_it_publishes(varieties, tmp_path, pass_through):
    calls = []
    original = MXNetReader.finish
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MXNetReader, "finish", lambda *arguments: calls.append(1) or original(*arguments))
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
    write_frames = RecordWriter.write_frames

    def corrupt_7(self, index, pieces):
        write_frames(self, index, frame(corrupt(payload_of(pieces))) if index == 7 else pieces)

    monkeypatch.setattr(RecordWriter, "write_frames", corrupt_7)
    with pytest.raises(VerifyError) as caught:
        im2rec(photos / "images.lst", tmp_path / "out", num_workers=0, transformations=transforms.Resize(40), verify=True)
    assert {problem.position for problem in caught.value.problems} <= {7, None}
    assert caught.value.rec_path == str(tmp_path / "out.rec")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_lost_record_is_not_published(monkeypatch, photos, tmp_path):
    write_it = mx.recordio.MXRecordIO.write

    def lose_7(self, record):
        if struct.unpack_from("<Q", record, 8) != (7,):
            write_it(self, record)

    monkeypatch.setattr(mx.recordio.MXRecordIO, "write", lose_7)
    with pytest.raises(OutputError, match="the records that were written end at"):
        im2rec(photos / "images.lst", tmp_path / "out", lambda image: image, num_workers=0, verify=True)
    assert os.listdir(tmp_path) == []


def test_a_record_that_was_never_written_is_not_published(monkeypatch, photos, tmp_path):
    write_it = RecordWriter.write_frames

    def lose_7(self, index, pieces):
        if index != 7:
            write_it(self, index, pieces)

    monkeypatch.setattr(RecordWriter, "write_frames", lose_7)
    with pytest.raises(VerifyError) as caught:
        im2rec(photos / "images.lst", tmp_path / "out", num_workers=0, verify=True)
    (problem,) = caught.value.problems
    assert problem.index == 7 and "has no record" in problem.message
    assert os.listdir(tmp_path) == []
