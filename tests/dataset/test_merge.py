# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""concatenate(), and the way it serves: what failed is mended, packed alone, and joined."""

import errno
import os
import shutil

import pytest
from helpers import read_records
from photos import PHOTOS, SKIMAGE, write_list

from mxnet_im2rec import (
    ErrorLimitExceeded,
    Failure,
    OutputError,
    RecordFile,
    RecordFormatError,
    build_index,
    concatenate,
    im2rec,
    salvage,
)
from mxnet_im2rec.dataset.failures import read_failures, write_failures
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.recordio import stream
from mxnet_im2rec.recordio.header import pack_header
from mxnet_im2rec.recordio.paths import DatasetPaths
from mxnet_im2rec.tools import build_index as index_builder


@pytest.fixture
def parts(tmp_path, photos):
    """Three datasets that are together one list; the second of one record alone."""
    entries = PHOTOS * 3
    write_list(tmp_path / "all.lst", entries, lambda index: [index % 4, index])
    lines = (tmp_path / "all.lst").read_text().splitlines(keepends=True)
    for name, some in (("a", lines[:7]), ("b", lines[7:8]), ("c", lines[8:])):
        (tmp_path / f"{name}.lst").write_text("".join(some))
        im2rec(tmp_path / f"{name}.lst", tmp_path / name, root=photos, pass_through=True)
    im2rec(tmp_path / "all.lst", tmp_path / "all", root=photos, pass_through=True)
    return tmp_path


def content(folder, name):
    return (folder / f"{name}.rec").read_bytes(), (folder / f"{name}.idx").read_bytes()


@pytest.fixture(params=["in the kernel", "by reading"])
def copying(request, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EXDEV, "not between these")

    if request.param == "by reading":
        monkeypatch.setattr(os, "copy_file_range", refuse)
        monkeypatch.setattr(stream, "_READ_BYTES", 1000)


@pytest.mark.needs_mxnet
def test_the_parts_are_the_whole(parts, copying):
    report = concatenate([parts / f"{name}.rec" for name in "abc"], parts / "out")
    assert content(parts, "out") == content(parts, "all")
    assert report.num_records == len(read_records(report)) == 15
    assert report.num_bytes == (parts / "out.rec").stat().st_size
    assert sorted(path.name for path in parts.glob("out*")) == ["out.idx", "out.rec"]


def test_the_output_may_be_an_input(parts):
    before = content(parts, "a")
    with pytest.raises(FileExistsError, match=r"a\.rec' is there already; .* overwrite=True"):
        concatenate([parts / f"{name}.rec" for name in "abc"], parts / "a.rec")
    assert content(parts, "a") == before
    concatenate([parts / f"{name}.rec" for name in "abc"], parts / "a.rec", overwrite=True)
    assert content(parts, "a") == content(parts, "all")


def test_a_part_without_an_idx_is_scanned(parts):
    (parts / "b.idx").unlink()
    concatenate([str(parts / f"{name}.rec") for name in "abc"], str(parts / "out"))
    assert content(parts, "out") == content(parts, "all")


def test_repeated_indices_are_refused_with_both_files(parts):
    with pytest.raises(
        RecordFormatError, match=r"a\.rec', byte 0: expected an index that is not in '.*all\.rec' too .* found 0, one of 7 "
    ):
        concatenate([parts / "all.rec", parts / "a.rec"], parts / "out")
    assert not list(parts.glob("out*"))


@pytest.mark.parametrize("damage", ["cut off", "a byte", "another's .idx", "another's id"])
def test_a_damaged_part_is_refused_and_nothing_is_written(parts, damage):
    data = bytearray((parts / "c.rec").read_bytes())
    if damage == "cut off":
        del data[-1:]
    elif damage == "a byte":
        with RecordFile(parts / "c.rec") as records:
            data[records[3].offset] ^= 1
    elif damage == "another's .idx":
        (parts / "c.idx").write_bytes((parts / "a.idx").read_bytes())
    else:
        data[16] ^= 64
    (parts / "c.rec").write_bytes(data)
    with pytest.raises((RecordFormatError, ValueError)):
        concatenate([parts / "a.rec", parts / "c.rec"], parts / "out")
    assert not list(parts.glob("out*"))


@pytest.mark.parametrize("paths", [[], "a.rec", b"a.rec"])
def test_what_is_no_list_of_paths(parts, paths):
    with pytest.raises(TypeError, match="rec_paths"):
        concatenate(paths, parts / "out")


@pytest.mark.parametrize("output", ["", ".", "folder/"])
def test_an_output_that_names_no_file(parts, output):
    with pytest.raises(ValueError, match="output_path .*(is empty|no input file to name)"):
        concatenate([parts / "a.rec"], output)


def test_a_full_disk_is_an_output_error(parts, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "copy_file_range", fail)
    with pytest.raises(OutputError, match="is the disk full"):
        concatenate([parts / "a.rec"], parts / "out")
    assert not list(parts.glob("out*"))


def test_what_failed_is_packed_alone_and_joined(tmp_path, photos):
    write_list(tmp_path / "images.lst", [*PHOTOS, "late.jpg", PHOTOS[0], "later.jpg"])
    for name in PHOTOS:
        os.link(photos / name, tmp_path / name)
    report = im2rec(tmp_path / "images.lst", tmp_path / "most", error_limit=None)
    assert [each.path for each in report.failures] == ["late.jpg", "later.jpg"]
    assert report.failures_path == str(tmp_path / "most.failures.tsv")
    assert read_failures(report.failures_path) == list(report.failures)
    for name in ("late.jpg", "later.jpg"):
        os.link(photos / PHOTOS[1], tmp_path / name)

    rest = im2rec(tmp_path / "images.lst", tmp_path / "rest", only=report.failures_path)
    assert [record.index for record in RecordFile(rest.rec_path)] == [5, 7]
    assert rest.failures_path is None and not list(tmp_path.glob("rest*.tsv"))
    by_value = im2rec(tmp_path / "images.lst", tmp_path / "rest2", only=report.failures)
    assert content(tmp_path, "rest") == content(tmp_path, "rest2") and by_value.num_records == 2
    both = concatenate([report.rec_path, rest.rec_path], tmp_path / "both")
    assert sorted(record.index for record in RecordFile(both.rec_path)) == list(range(8))
    idx = (tmp_path / "both.idx").read_bytes()
    (tmp_path / "both.idx").unlink()
    build_index(both.rec_path)
    assert (tmp_path / "both.idx").read_bytes() == idx


@pytest.mark.parametrize("resume", [False, True])
def test_the_recipe_loses_no_entry_where_a_run_fails_in_between(tmp_path, photos, resume):
    """Of 20 entries 4 are missing; a second run, which stops at the first of them, leaves the dataset and its table alone."""
    names = [f"{number}.png" for number in range(20)]
    missing = (3, 8, 9, 17)
    for number, name in enumerate(names):
        if number not in missing:
            os.link(photos / PHOTOS[number % len(PHOTOS) - 1], tmp_path / name)
    write_list(tmp_path / "images.lst", names)
    most = im2rec(tmp_path / "images.lst", tmp_path / "most", pass_through=True, error_limit=None)
    table = (tmp_path / "most.failures.tsv").read_bytes()
    before = content(tmp_path, "most")

    with pytest.raises(ErrorLimitExceeded) as caught:
        im2rec(tmp_path / "images.lst", tmp_path / "most", pass_through=True, error_limit=0, resume=resume)
    failed_run = str(tmp_path / "most.failed-run.failures.tsv")
    assert caught.value.failures_path == failed_run and failed_run in str(caught.value)
    assert read_failures(failed_run) == list(caught.value.failures) == list(most.failures[:1])
    assert (tmp_path / "most.failures.tsv").read_bytes() == table and content(tmp_path, "most") == before
    with pytest.raises(ValueError, match="made no dataset"):
        im2rec(tmp_path / "images.lst", tmp_path / "rest", only=failed_run)

    for number in missing:
        os.link(photos / PHOTOS[0], tmp_path / names[number])
    im2rec(tmp_path / "images.lst", tmp_path / "rest", pass_through=True, only=most.failures_path)
    both = concatenate([tmp_path / "most.rec", tmp_path / "rest.rec"], tmp_path / "all")
    assert sorted(record.index for record in RecordFile(both.rec_path)) == list(range(20))

    report = im2rec(tmp_path / "images.lst", tmp_path / "most", pass_through=True)
    assert report.failures_path is None
    assert sorted(path.name for path in tmp_path.glob("most*")) == ["most.idx", "most.rec"]


def test_a_table_goes_with_its_dataset_where_another_takes_its_place(parts):
    (parts / "a.lst").write_text((parts / "a.lst").read_text() + "99\t1\tnone.png\n")
    options = {"root": parts, "pass_through": True, "error_limit": None}
    for name in PHOTOS:
        os.link(SKIMAGE / name, parts / name)
    report = im2rec(parts / "a.lst", parts / "out", **options)
    concatenate([parts / "a.rec", parts / "b.rec"], parts / "out", overwrite=True)
    assert not os.path.exists(report.failures_path)
    im2rec(parts / "a.lst", parts / "a", **options)
    concatenate([parts / "a.rec", parts / "b.rec"], parts / "a", overwrite=True)  # which lacks the entry still
    assert [each.index for each in read_failures(parts / "a.failures.tsv")] == [99]


def test_a_run_without_failures_removes_the_table_of_an_earlier_one(tmp_path, photos):
    write_list(tmp_path / "images.lst", ["none.png", *PHOTOS])
    im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos, error_limit=1)
    assert (tmp_path / "out.failures.tsv").exists()
    write_list(tmp_path / "images.lst", PHOTOS)
    im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos)
    assert not (tmp_path / "out.failures.tsv").exists()


ODD = [
    Failure(3, 7, "a\tb\\t\x1b[31m.jpg", "read", "line one\nline two\r\\"),
    Failure(None, None, None, "list", "über \u2028 \x85 \udcff"),
    Failure(1, 2**64 - 1, "\\x1b", "decode", ""),
]


def test_odd_characters_survive_the_table(tmp_path):
    write_failures(str(tmp_path / "f.tsv"), ODD)
    assert read_failures(tmp_path / "f.tsv") == ODD
    assert b"\x1b" not in (tmp_path / "f.tsv").read_bytes()


@pytest.mark.parametrize("text", ["", "line\tindex\n", "a,b\n", "line\tindex\tpath\tstage\treason\n1\t2\n"])
def test_a_table_that_is_none(tmp_path, photos, text):
    (tmp_path / "f.tsv").write_text(text)
    write_list(tmp_path / "images.lst", PHOTOS)
    with pytest.raises(ValueError, match="f.tsv|nothing"):
        im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos, only=tmp_path / "f.tsv")


@pytest.mark.parametrize(
    "failure, words",
    [
        (Failure(2, 1, "other.png", "read", "x"), "line 2 of the list has index 1"),
        (Failure(99, 1, "a.png", "read", "x"), "line 99"),
    ],
)
def test_a_table_of_another_list(tmp_path, photos, failure, words):
    write_list(tmp_path / "images.lst", PHOTOS)
    with pytest.raises(ValueError, match=words):
        im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos, only=[failure])
    assert not list(tmp_path.glob("out*"))


def test_a_line_that_was_no_entry_may_be_mended(tmp_path, photos):
    (tmp_path / "images.lst").write_text(f"0\t1\t{PHOTOS[0]}\nrubbish\n2\t1\t{PHOTOS[1]}\n")
    report = im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos, error_limit=1)
    (tmp_path / "images.lst").write_text(f"0\t1\t{PHOTOS[0]}\n1\t1\t{PHOTOS[2]}\n2\t1\t{PHOTOS[1]}\n")
    rest = im2rec(tmp_path / "images.lst", tmp_path / "rest", root=photos, only=report.failures)
    assert [record.index for record in RecordFile(rest.rec_path)] == [1]


@pytest.mark.parametrize("pass_through", [False, True])
def test_too_many_pixels_fail_before_they_are_decoded(tmp_path, pass_through):
    """A PNG of 40,000 x 40,000 white pixels, which takes a few KB and would take 5 GB."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(5001)) for _ in range(40_000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 1, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(bomb)
    write_list(tmp_path / "images.lst", ["bomb.png"])
    with pytest.raises(ValueError, match=r"40,000 x 40,000 pixels, max_pixels allows 268,435,456"):
        im2rec(tmp_path / "images.lst", tmp_path / "out", error_limit=None, num_workers=0, pass_through=pass_through)
    if pass_through:
        im2rec(tmp_path / "images.lst", tmp_path / "out", pass_through=True, max_pixels=None)
        assert (tmp_path / "out.rec").stat().st_size > len(bomb)


@pytest.mark.parametrize("max_pixels", [0, -1, 1.5, "many", True])
def test_a_wrong_limit_of_pixels(tmp_path, max_pixels):
    write_list(tmp_path / "images.lst", PHOTOS)
    with pytest.raises((TypeError, ValueError), match="max_pixels must be"):
        im2rec(tmp_path / "images.lst", tmp_path / "out", max_pixels=max_pixels)


@pytest.mark.parametrize("timeout", [0, -1, "long", True, float("nan")])
def test_a_wrong_timeout(tmp_path, timeout):
    write_list(tmp_path / "images.lst", PHOTOS)
    with pytest.raises((TypeError, ValueError), match="timeout must be"):
        im2rec(tmp_path / "images.lst", tmp_path / "out", timeout=timeout)


# What changes meanwhile


def republish(folder, name, indices):
    """Put another dataset in the place of one, as a run does."""
    with RecordWriter(DatasetPaths.of_rec(folder / f"{name}.rec")) as writer:
        for index in indices:
            writer.write(index, pack_header(index, [1.0]) + b"other bytes" * (index % 7))
        writer.finish()
        writer.publish()


def interfere(monkeypatch, target, name, what):
    """Do something once, in the moment in which a function is called."""
    function = getattr(target, name)
    calls = []

    def wrapped(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            what()
        return function(*arguments)

    monkeypatch.setattr(target, name, wrapped)
    return calls


def write_over(path):
    """Change a file in its place, with its size."""
    with open(path, "r+b") as stream:
        stream.seek(12)  # in the label
        stream.write(b"\xff")
    found = os.stat(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))


@pytest.mark.parametrize("change", ["published again", "removed", "written over", "cut off"])
@pytest.mark.parametrize("output", ["out", "a"])
def test_an_input_that_changes_before_it_is_copied_is_named(tmp_path, monkeypatch, change, output):
    republish(tmp_path, "a", range(5))
    republish(tmp_path, "b", range(5, 9))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    rec = tmp_path / "b.rec"
    changes = {
        "published again": lambda: republish(tmp_path, "b", range(20, 29)),
        "removed": rec.unlink,
        "written over": lambda: write_over(rec),
        "cut off": lambda: os.truncate(rec, 8),
    }
    calls = interfere(monkeypatch, RecordWriter, "copy", changes[change])
    with pytest.raises(OutputError, match=r"b\.rec' was changed, or replaced by another file, while it was copied"):
        concatenate([tmp_path / "a.rec", rec], tmp_path / output, overwrite=True)
    assert calls
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.stem != "b"}
    assert after == {name: data for name, data in before.items() if not name.startswith("b.")}


def test_build_index_of_a_rec_that_changes_meanwhile(tmp_path, monkeypatch):
    republish(tmp_path, "a", range(5))
    for change in (lambda: write_over(tmp_path / "a.rec"), (tmp_path / "a.rec").unlink):
        idx = (tmp_path / "a.idx").read_bytes()
        with monkeypatch.context() as patch:
            interfere(patch, index_builder, "scan", change)
            words = r"a\.rec' was changed, or replaced .*a\.idx' is as it was\. Run mxnet_im2rec\.build_index\(.*\) again"
            with pytest.raises(OutputError, match=words):
                build_index(tmp_path / "a.rec")
        assert (tmp_path / "a.idx").read_bytes() == idx
        assert not list(tmp_path.glob("*.partial"))
        republish(tmp_path, "a", range(5))


def test_build_index_elsewhere_of_a_rec_that_is_published_meanwhile(tmp_path, monkeypatch):
    republish(tmp_path, "a", range(5))
    interfere(monkeypatch, index_builder, "scan", lambda: republish(tmp_path, "a", range(9)))
    with pytest.raises(OutputError, match=r"a\.rec' was changed, or replaced"):
        build_index(tmp_path / "a.rec", tmp_path / "other.idx")
    assert sorted(os.listdir(tmp_path)) == ["a.idx", "a.rec"]


def test_build_index_while_the_dataset_is_written(tmp_path, monkeypatch):
    republish(tmp_path, "a", range(5))
    idx = (tmp_path / "a.idx").read_bytes()
    with RecordWriter(DatasetPaths.of_rec(tmp_path / "a.rec")) as writer:
        writer.write(7, pack_header(7, [1.0]))
        with pytest.raises(OutputError, match=r"is writing '.*a\.rec' at this moment"):
            build_index(tmp_path / "a.rec")
        assert (tmp_path / "a.idx").read_bytes() == idx
        writer.finish()
        writer.publish()
    refused = []

    def publish():
        try:
            republish(tmp_path, "a", range(3))
        except OutputError as error:
            refused.append(str(error))

    interfere(monkeypatch, index_builder, "scan", publish)
    build_index(tmp_path / "a.rec")
    assert len(refused) == 1 and "is writing" in refused[0]
    assert (tmp_path / "a.idx").read_bytes() == b"7\t0\n" and sorted(os.listdir(tmp_path)) == ["a.idx", "a.rec"]


def test_build_index_leaves_what_an_interrupted_run_has_left(tmp_path):
    republish(tmp_path, "a", range(5))
    with pytest.raises(KeyboardInterrupt), RecordWriter(DatasetPaths.of_rec(tmp_path / "a.rec")) as writer:
        writer.write(7, pack_header(7, [1.0]))
        writer.checkpoint(1, "", [])
        raise KeyboardInterrupt
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "a.rec.journal.partial" in before
    build_index(tmp_path / "a.rec")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_build_index_is_on_the_disk_before_it_is_in_place(tmp_path, monkeypatch):
    republish(tmp_path, "a", range(5))
    done = []
    for name in ("fsync", "replace"):
        function = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *arguments, name=name, function=function: done.append(name) or function(*arguments))
    build_index(tmp_path / "a.rec")
    assert done == ["fsync", "replace", "fsync"]


def test_the_table_of_an_input_that_is_replaced_loses_what_is_there_now(tmp_path, photos):
    names = [PHOTOS[0], "late.png", PHOTOS[1], "never.png"]
    write_list(tmp_path / "a.lst", names)
    for name in (PHOTOS[0], PHOTOS[1]):
        shutil.copy(photos / name, tmp_path / name)
    im2rec(tmp_path / "a.lst", tmp_path / "most", error_limit=None, num_workers=0)
    shutil.copy(photos / PHOTOS[2], tmp_path / "late.png")
    rest = im2rec(tmp_path / "a.lst", tmp_path / "rest", only=tmp_path / "most.failures.tsv", error_limit=None, num_workers=0)
    concatenate([tmp_path / "most.rec", rest.rec_path], tmp_path / "most", overwrite=True)
    assert [failure.path for failure in read_failures(tmp_path / "most.failures.tsv")] == ["never.png"]


# Partial files beside the output


def join(parts):
    return concatenate([parts / "a.rec", parts / "b.rec"], parts / "out")


def save(parts):
    return salvage(parts / "a.rec", parts / "out")


def pack_again(parts):
    return im2rec(parts / "a.lst", parts / "out", pass_through=True, root=parts)


@pytest.mark.parametrize("name", ["out.rec.partial", "out.idx.partial", "out.idx.7.partial", "out.failures.tsv.partial"])
@pytest.mark.parametrize("write", [join, save, pack_again])
def test_a_file_of_the_user_with_the_name_of_a_partial_one_stays(parts, name, write):
    (parts / name).write_bytes(b"the user's")
    before = {path.name: path.read_bytes() for path in parts.iterdir()}
    for _ in range(2):
        with pytest.raises(OutputError, match=rf"{name}' is there already, and no run has left it.*give another output_path"):
            write(parts)
        assert {path.name: path.read_bytes() for path in parts.iterdir()} == before


@pytest.mark.parametrize("write", [join, save])
def test_an_interrupted_run_is_given_up_only_on_demand(parts, write):
    with pytest.raises(KeyboardInterrupt), RecordWriter(DatasetPaths.of_rec(parts / "out.rec")) as writer:
        writer.write(7, pack_header(7, [1.0]))
        writer.checkpoint(1, "0", [])
        raise KeyboardInterrupt
    before = {path.name: path.read_bytes() for path in parts.iterdir()}
    with pytest.raises(OutputError, match="has left 1 record of .*resume=True, or give overwrite=True to give it up"):
        write(parts)
    assert {path.name: path.read_bytes() for path in parts.iterdir()} == before
    if write is join:
        concatenate([parts / "a.rec"], parts / "out", overwrite=True)
    else:
        salvage(parts / "a.rec", parts / "out", overwrite=True)
    assert content(parts, "out") == content(parts, "a") and not list(parts.glob("*.partial"))
