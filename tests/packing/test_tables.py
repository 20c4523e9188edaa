# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of classes and of sources beside a dataset: what is in them, and that they come and go with the dataset."""

import os
import signal

import pytest
from resuming import NUMBER, fill, in_child, pack, pack_and_die, partial_files

from mxnet_im2rec import ListEntry, OutputError, RecordFile, concatenate, im2rec
from mxnet_im2rec.dataset.publish import Publication
from mxnet_im2rec.dataset.side_files import read_sources
from mxnet_im2rec.lists.open_list import open_list

CLASSES = "0\tcats/big\n1\tdogs\n"


@pytest.fixture
def folder(tmp_path, small_images):
    return fill(tmp_path, small_images)


def sources(folder, name="out"):
    return list(read_sources(str(folder / f"{name}.sources.tsv")))


def expected_lines(left_out=()):
    numbers = [number for number in range(NUMBER) if number not in left_out]
    return [f"{3 * number}\t{number}.jpg\t{number % 5}\n" for number in numbers]


def lines_of(path):
    return path.read_text("utf-8").splitlines(keepends=True)


@pytest.mark.parametrize("name", ["a.lst", "a_train.lst", "a_val.lst", "a_test.lst", "a_0.lst", "a_12_train.lst"])
def test_a_list_has_the_classes_of_the_table_beside_it(tmp_path, name):
    (tmp_path / name).touch()
    assert open_list(tmp_path / name).classes is None
    (tmp_path / "a_classes.txt").write_text(CLASSES)
    assert open_list(tmp_path / name).classes == {"cats/big": 0, "dogs": 1}
    (tmp_path / name.replace(".lst", "_classes.txt")).write_text("7\tof this list alone\n")
    assert open_list(tmp_path / name).classes == {"of this list alone": 7}


@pytest.mark.parametrize("name", ["atrain.lst", "a_trains.lst", "a_x.lst", "train.lst"])
def test_a_list_has_no_classes_of_another_list(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "a_classes.txt").write_text(CLASSES)
    assert open_list(tmp_path / name).classes is None


def test_a_damaged_table_beside_the_list_is_refused_before_the_work(folder):
    (folder / "images_classes.txt").write_text("0\tcats\nno number\tdogs\n")
    calls = []
    with pytest.raises(ValueError, match="images_classes.txt', line 2: .*; mend it, or move it away"):
        pack(folder, progress=lambda *numbers: calls.append(numbers))
    assert not calls and not partial_files(folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_both_tables(folder, workers):
    (folder / "images_classes.txt").write_text(CLASSES)
    (folder / "5.jpg").unlink()
    report = pack(folder, sidecar=True, error_limit=1, num_workers=workers)
    assert report.classes_path == str(folder / "out.classes.txt") and report.sources_path == str(folder / "out.sources.tsv")
    assert (folder / "out.classes.txt").read_text() == CLASSES
    assert lines_of(folder / "out.sources.tsv") == expected_lines(left_out=[5])
    with RecordFile(report.rec_path) as records:
        assert [source.index for source in sources(folder)] == records.keys.tolist()


def test_a_list_that_can_be_read_once_and_paths_of_all_kinds(folder):
    names = ["0.jpg", "a\tb.jpg", "a\\b.jpg", "a\nb.jpg", "\udcff.jpg", 'a "b.jpg', "ä.jpg"]
    for name in names[1:]:
        os.link(folder / "0.jpg", folder / name)
    entries = (ListEntry(number, (0.5, 2.0), name) for number, name in enumerate(names))
    im2rec(entries, folder / "once", root=folder, num_workers=0, sidecar=True)
    assert [tuple(source) for source in sources(folder, "once")] == list(enumerate(names))
    assert lines_of(folder / "once.sources.tsv")[2] == "2\ta\\\\b.jpg\t0.5,2\n"


def test_tables_of_an_earlier_dataset_go(folder, caplog):
    (folder / "images_classes.txt").write_text(CLASSES)
    pack(folder, sidecar=True)
    (folder / "images_classes.txt").unlink()
    report = pack(folder)
    assert report.classes_path is None and report.sources_path is None
    assert sorted(path.name for path in folder.glob("out*")) == ["out.idx", "out.rec"]


def test_a_file_that_is_no_table_stays(folder):
    for name in ("out.classes.txt", "out.sources.tsv"):
        (folder / name).write_text("my notes\n")
    pack(folder)
    assert {(folder / name).read_text() for name in ("out.classes.txt", "out.sources.tsv")} == {"my notes\n"}
    old = (folder / "out.rec").read_bytes()
    with pytest.raises(OutputError, match=r"out.sources.tsv' is there already, and no dataset has left it; move it away"):
        pack(folder, sidecar=True)
    (folder / "images_classes.txt").write_text(CLASSES)
    with pytest.raises(OutputError, match=r"out.classes.txt' is there already"):
        pack(folder)
    assert (folder / "out.rec").read_bytes() == old and not partial_files(folder)


@pytest.mark.parametrize("name", ["out.classes.txt", "out.sources.tsv"])
def test_a_file_that_came_meanwhile_stays(folder, name):
    (folder / "images_classes.txt").write_text(CLASSES)
    old = (folder / "out.rec").read_bytes()

    def progress(done, total, failed):
        if done == NUMBER:
            (folder / name).write_text("my notes\n")

    with pytest.raises(OutputError, match="no dataset has left it"):
        pack(folder, sidecar=True, progress=progress)
    assert (folder / name).read_text() == "my notes\n" and (folder / "out.rec").read_bytes() == old
    (folder / name).unlink()
    assert pack(folder, sidecar=True, resume=True).num_resumed
    assert lines_of(folder / "out.sources.tsv") == expected_lines()


@pytest.mark.parametrize("repaired", [False, True])
def test_a_resumed_run_writes_the_same_tables(folder, repaired):
    (folder / "images_classes.txt").write_text(CLASSES)
    lost = (folder / "5.jpg").read_bytes()
    (folder / "5.jpg").unlink()
    (folder / "90.jpg").unlink()
    pack_and_die(folder, 70, error_limit=2, sidecar=True)
    assert not (folder / "out.sources.tsv").exists()
    if repaired:
        (folder / "5.jpg").write_bytes(lost)
    assert pack(folder, resume=True, error_limit=2, sidecar=True).num_resumed
    assert lines_of(folder / "out.sources.tsv") == expected_lines(left_out=[90] if repaired else [5, 90])
    with RecordFile(folder / "out.rec") as records:
        assert [source.index for source in sources(folder)] == records.keys.tolist()
    assert (folder / "out.classes.txt").read_text() == CLASSES
    assert not partial_files(folder)


def test_the_sidecar_decides_nothing_about_resuming(folder):
    pack_and_die(folder, 70)
    assert pack(folder, resume=True, sidecar=True).num_resumed
    assert lines_of(folder / "out.sources.tsv") == expected_lines()


def test_a_complete_dataset_gets_the_tables_that_it_lacks(folder):
    pack(folder)
    before = os.stat(folder / "out.rec")
    (folder / "images_classes.txt").write_text(CLASSES)
    assert pack(folder, resume=True, sidecar=True).num_resumed == NUMBER
    assert os.stat(folder / "out.rec").st_mtime_ns == before.st_mtime_ns
    assert lines_of(folder / "out.sources.tsv") == expected_lines()
    assert (folder / "out.classes.txt").read_text() == CLASSES
    stamps = [os.stat(folder / name).st_ino for name in ("out.classes.txt", "out.sources.tsv")]
    pack(folder, resume=True, sidecar=True)
    assert stamps == [os.stat(folder / name).st_ino for name in ("out.classes.txt", "out.sources.tsv")]


ENDS = ("rec", "idx", "classes.txt", "sources.tsv", "failures.tsv")


def whole(folder, name):
    paths = [folder / f"{name}.{end}" for end in ENDS]
    return [path.read_bytes() if path.exists() else None for path in paths]


@pytest.mark.parametrize("number", range(1, 11))
def test_killed_while_the_files_are_put_in_place(folder, monkeypatch, number):
    """At any of the ten renamings: five files go away, five come."""
    (folder / "images_classes.txt").write_text("0\told\n")
    (folder / "5.jpg").unlink()
    pack(folder, sidecar=True, error_limit=1)
    old = whole(folder, "out")
    (folder / "6.jpg").unlink()
    (folder / "images_classes.txt").write_text(CLASSES)
    pack(folder, "expected", sidecar=True, error_limit=2)
    new = whole(folder, "expected")
    assert all(first != second for first, second in zip(old, new))

    def dying(*arguments, **options):
        original, calls = os.rename, []

        def rename(*names):
            calls.append(names)
            original(*names)
            if len(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        os.rename = rename
        publish(*arguments, **options)

    publish = Publication.publish
    monkeypatch.setattr(Publication, "publish", dying)
    assert in_child(lambda: pack(folder, sidecar=True, error_limit=2)) == signal.SIGKILL
    monkeypatch.undo()
    found = whole(folder, "out")
    if number != 10:  # a dataset without its .idx, which every reader refuses
        assert found[1] is None
    resumed = in_child(lambda: pack(folder, sidecar=True, error_limit=2, resume=True))
    assert resumed == 0 and whole(folder, "out") == new
    assert sorted(path.name for path in folder.glob("out*")) == sorted(f"out.{end}" for end in ENDS)


@pytest.mark.parametrize("number", range(1, 11))
def test_a_renaming_that_fails_leaves_all_five_files_as_they_were(folder, monkeypatch, number):
    (folder / "images_classes.txt").write_text("0\told\n")
    (folder / "5.jpg").unlink()
    pack(folder, sidecar=True, error_limit=1)
    old = whole(folder, "out")
    (folder / "images_classes.txt").write_text(CLASSES)
    (folder / "6.jpg").unlink()
    calls, original = [], os.rename

    def rename(*names):
        calls.append(names)
        if len(calls) == number:
            raise PermissionError(1, "not permitted")
        original(*names)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OutputError, match="not permitted"):
        pack(folder, sidecar=True, error_limit=2)
    assert whole(folder, "out") == old


def test_merging_carries_the_tables_on_where_they_agree(folder, caplog):
    (folder / "images_classes.txt").write_text(CLASSES)
    lines = lines_of(folder / "images.lst")
    for name, some in (("a", lines[:40]), ("b", lines[40:])):
        (folder / "images.lst").write_text("".join(some))
        pack(folder, name, sidecar=True)
    report = concatenate([folder / "a.rec", folder / "b.rec"], folder / "all")
    assert (folder / "all.classes.txt").read_text() == CLASSES and report.classes_path == str(folder / "all.classes.txt")
    assert lines_of(folder / "all.sources.tsv") == expected_lines() and report.sources_path == str(folder / "all.sources.tsv")
    assert not caplog.records
    (folder / "b.classes.txt").write_text("0\tdogs\n1\tcats/big\n")
    (folder / "b.sources.tsv").unlink()
    report = concatenate([folder / "a.rec", folder / "b.rec"], folder / "all", overwrite=True)
    assert (report.classes_path, report.sources_path) == (None, None)
    assert not (folder / "all.classes.txt").exists() and not (folder / "all.sources.tsv").exists()
    assert [record.getMessage().split(":")[-1] for record in caplog.records] == [
        " the output has no table of classes",
        " the output has none",
    ]
