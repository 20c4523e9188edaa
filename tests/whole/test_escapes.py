# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""No escape sequence of any file reaches a message: of an error, a warning, a log record or a printed report."""

import logging
import re
import shutil
import warnings

import pytest
from photos import PHOTOS, write_list

from mxnet_im2rec import (
    Failure,
    ListEntry,
    PackReport,
    Problem,
    RecordFile,
    build_index,
    check_list,
    concatenate,
    im2rec,
    summarize,
    verify,
)
from mxnet_im2rec.dataset.failures import write_failures
from mxnet_im2rec.errors import ImageError, ListLineError, OutputError, RecordFormatError, VerifyError, WorkerDiedError

ESCAPE = "\x1b[2J\x1b]0;title\x07\x9b31m\x85"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@pytest.fixture
def told(caplog):
    """Collects every message; none may hold a control character in the end."""
    found = []
    caplog.set_level(logging.DEBUG, "mxnet_im2rec")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    found += [record.getMessage() for record in caplog.records] + [str(each.message) for each in caught]
    assert found
    for text in found:
        assert not CONTROL.search(text), repr(text)


def attempt(told, function, *arguments, **options):
    """What a call says, whether it returns or raises."""
    try:
        result = function(*arguments, **options)
    except (Exception, SystemExit) as error:
        told += [str(error), *map(str, getattr(error, "failures", ())), *map(str, getattr(error, "problems", ()))]
        assert not getattr(error, "filename", None) or isinstance(error, OSError)
        return None
    told.append(str(result))
    return result


def test_paths_and_numbers_of_a_list(tmp_path, photos, told):
    (tmp_path / f"gone{ESCAPE}").mkdir()
    lines = [
        f"0\t1\t{PHOTOS[0]}",
        f"1\t1\tgone{ESCAPE}.png",
        f"2{ESCAPE}\t1\t{PHOTOS[0]}",
        f"3\t1{ESCAPE}\t{PHOTOS[0]}",
        f"{ESCAPE}",
        f"5\t{ESCAPE}",
        f"6\t1\tgone{ESCAPE}",
        f"0\t1\t{ESCAPE}",
    ]
    (tmp_path / "images.lst").write_bytes("\n".join(lines).encode())
    for name in PHOTOS:
        shutil.copy(photos / name, tmp_path / name)
    for workers in (0, 1):
        options = {"num_workers": workers, "error_limit": None}
        report = attempt(told, im2rec, tmp_path / "images.lst", tmp_path / "out", **options)
        assert len(report.failures) == len(lines) - 1
        assert not any(CONTROL.search(each.reason) for each in report.failures)
        attempt(told, im2rec, tmp_path / "images.lst", tmp_path / "other", num_workers=workers)
    told.append(str(check_list(tmp_path / "images.lst")))
    told.append(str(verify(report.rec_path, tmp_path / "images.lst", root=tmp_path)))
    entries = [ListEntry(0, (1.0,), ESCAPE), ListEntry(ESCAPE, (1.0,), "x"), ListEntry(1, ESCAPE, "x")]
    attempt(told, im2rec, entries, tmp_path / "out", root=tmp_path, num_workers=0, error_limit=None)


@pytest.mark.needs_mxnet
def test_a_transform_that_raises_what_an_image_says(tmp_path, photos, told):
    def quote(image):
        raise ValueError(ESCAPE)

    write_list(tmp_path / "images.lst", PHOTOS[:2])
    options = {"root": photos, "error_limit": None, "transformations": quote}
    for workers in (0, 1):
        attempt(told, im2rec, tmp_path / "images.lst", tmp_path / "out", num_workers=workers, **options)
    im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos)
    told.append(str(verify(tmp_path / "out.rec", tmp_path / "images.lst", root=photos, transformations=quote)))


@pytest.mark.parametrize("field", range(5))
def test_a_table_of_failures(tmp_path, photos, told, field):
    write_list(tmp_path / "images.lst", PHOTOS)
    row = ["1", "0", PHOTOS[0], "read", "gone"]
    row[field] = ESCAPE
    for text in ("\t".join(row), ESCAPE):
        (tmp_path / "f.tsv").write_bytes(("line\tindex\tpath\tstage\treason\n" + text + "\n").encode())
        attempt(told, im2rec, tmp_path / "images.lst", tmp_path / "out", root=photos, only=tmp_path / "f.tsv", num_workers=0)
    (tmp_path / "f.tsv").write_bytes(ESCAPE.encode())
    attempt(told, im2rec, tmp_path / "images.lst", tmp_path / "out", root=photos, only=tmp_path / "f.tsv")
    write_failures(str(tmp_path / "f.tsv"), [Failure(1, 0, ESCAPE, ESCAPE, ESCAPE)])
    attempt(told, im2rec, tmp_path / "images.lst", tmp_path / "out", root=photos, only=tmp_path / "f.tsv")


def test_an_idx_and_a_rec(tmp_path, photos, told):
    write_list(tmp_path / "images.lst", PHOTOS)
    report = im2rec(tmp_path / "images.lst", tmp_path / "out", root=photos, pass_through=True)
    lines = (tmp_path / "out.idx").read_text().splitlines()
    for wrong in (ESCAPE, f"0\t0{ESCAPE}", f"{ESCAPE}\t0", f"0{ESCAPE}0"):
        (tmp_path / "out.idx").write_bytes("\n".join([wrong, *lines[1:]]).encode() + b"\n")
        for function in (RecordFile, verify, summarize):
            attempt(told, function, report.rec_path)
        attempt(told, concatenate, [report.rec_path], tmp_path / "all")
    (tmp_path / "out.rec").write_bytes(ESCAPE.encode() * 99)
    for function in (RecordFile, verify, summarize, build_index):
        attempt(told, function, report.rec_path)


def test_every_error_and_value_on_its_own(told):
    told += [str(kind(f"found {ESCAPE}")) for kind in (ImageError, ListLineError, OutputError, WorkerDiedError)]
    told.append(str(RecordFormatError("x", 0, ESCAPE, ESCAPE)))
    told.append(str(VerifyError([Problem("list", 0, 0, ESCAPE)], ESCAPE)))
    told.append(str(Failure(1, 1, ESCAPE, ESCAPE, ESCAPE)))
    told.append(str(PackReport(ESCAPE, ESCAPE, 1, 1, (Failure(1, 1, ESCAPE, ESCAPE, ESCAPE),), 1.0, 0, ESCAPE)))
    assert "\\x1b[2J" in told[0] and WorkerDiedError("a\n\tb").args == ("a\n\tb",)
