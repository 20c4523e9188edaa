# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A run in which not one image is there ends early, with one error that asks about the root."""

import logging
import os
import shutil

import pytest

from mxnet_im2rec import EmptyDatasetError, ErrorLimitExceeded, ListEntry, im2rec

QUIET = {"num_workers": 0, "progress": False, "pass_through": True}


@pytest.fixture
def wrong(photos, tmp_path):
    """Writes a list of so many images, of which the first only is where the list has it, seen from the list's own folder."""
    (tmp_path / "photos").mkdir()
    shutil.copy(photos / "rocket.jpg", tmp_path / "photos" / "0.jpg")

    def write(count):
        path = tmp_path / "x.lst"
        path.write_text("".join(f"{index}\t1\tphotos/{index}.jpg\n" for index in range(count)))
        return path

    return write


def test_a_long_list_ends_after_a_hundred_images(wrong, tmp_path, caplog):
    root = tmp_path / "photos"
    with pytest.raises(EmptyDatasetError) as raised:
        im2rec(wrong(5000), tmp_path / "out", root=root, error_limit=None, **QUIET)
    message = str(raised.value)
    assert message.startswith(
        f"not one of the first 100 images of {str(tmp_path / 'x.lst')!r} is there: 'photos/0.jpg' was looked "
    )
    assert (
        f"; is the root {str(root)!r} right? With root={str(tmp_path)!r} 'photos/0.jpg' is there. Nothing was written" in message
    )
    assert len(raised.value.failures) == 100
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert sorted(os.listdir(tmp_path)) == ["out.failed-run.failures.tsv", "photos", "x.lst"]


def test_entries_that_can_be_read_once_end_too(tmp_path):
    entries = (ListEntry(index, (1.0,), f"{index}.jpg") for index in range(5000))
    with pytest.raises(
        EmptyDatasetError, match=r"not one of the first 100 images of the list is there.*; is the root '.*' right\?"
    ):
        im2rec(entries, tmp_path / "out", root=tmp_path, error_limit=None, **QUIET)


def test_absolute_paths_have_no_root(tmp_path):
    entries = [ListEntry(index, (1.0,), f"/nosuch/{index}.jpg") for index in range(200)]
    with pytest.raises(EmptyDatasetError, match="not one of the first 100 images") as raised:
        im2rec(entries, tmp_path / "out", error_limit=None, **QUIET)
    assert "right?" not in str(raised.value)


def test_images_that_are_there_later_in_the_list_are_packed(wrong, photos, tmp_path, caplog):
    path = wrong(300)
    with open(path, "a") as stream:
        stream.writelines(f"{index}\t1\tphotos/0.jpg\n" for index in range(1000, 1020))
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    report = im2rec(path, tmp_path / "out", error_limit=None, **QUIET)
    assert (report.num_records, len(report.failures)) == (20, 299)
    assert sum(record.getMessage().startswith("failed: ") for record in caplog.records) == 299


def test_a_short_list_of_nothing_asks_too(wrong, tmp_path):
    with pytest.raises(
        EmptyDatasetError, match=r"all 3 entries of .*; is the root '.*photos' right\? With root='.*' 'photos/0.jpg'"
    ):
        im2rec(wrong(3), tmp_path / "out", root=tmp_path / "photos", error_limit=None, **QUIET)


def test_lines_that_are_no_entries_are_logged_and_do_not_count(wrong, tmp_path, caplog):
    path = wrong(3)
    path.write_text("what\n" + path.read_text())
    with pytest.raises(EmptyDatasetError, match=r"all 4 entries of .*; is the root"):
        im2rec(path, tmp_path / "out", root=tmp_path / "photos", error_limit=None, **QUIET)
    assert [record.getMessage()[:15] for record in caplog.records] == ["failed: line 1:"]
    path.write_text("what\nwho\n")
    with pytest.raises(EmptyDatasetError) as raised:
        im2rec(path, tmp_path / "out", error_limit=None, **QUIET)
    assert "right?" not in str(raised.value)
    caplog.clear()
    with pytest.raises(EmptyDatasetError):
        im2rec([ListEntry(0, (1.0,), "/nosuch.jpg")], tmp_path / "out", error_limit=None, **QUIET)
    assert len(caplog.records) == 1


def test_a_run_that_resumes_asks_as_well(wrong, tmp_path):
    options = {"root": tmp_path / "photos", "error_limit": None, "batch_size": 2, **QUIET}
    for _ in range(2):
        with pytest.raises(EmptyDatasetError, match="not one of the first 100 images .*; is the root"):
            im2rec(wrong(300), tmp_path / "out", resume=True, **options)


@pytest.mark.parametrize("limit", [0, 5])
def test_a_limit_is_as_before_with_the_question(wrong, tmp_path, limit):
    with pytest.raises(ErrorLimitExceeded, match=r"; is the root '.*photos' right\? With root=") as raised:
        im2rec(wrong(300), tmp_path / "out", root=tmp_path / "photos", error_limit=limit, **QUIET)
    assert len(raised.value.failures) == limit + 1
    with pytest.raises(ErrorLimitExceeded) as raised:  # the first image is there
        im2rec(wrong(300), tmp_path / "out", error_limit=limit, **QUIET)
    assert "right?" not in str(raised.value)
    assert raised.value.question == ""
