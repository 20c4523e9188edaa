# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Runs that are interrupted and resumed: the result is that of one run, little is made twice, nothing looks whole that is not."""

import errno
import json
import os
import random
import signal
import struct
import threading
import types

import cv2
import numpy as np
import pytest
from helpers import children_left, wait_for

from mxnet_im2rec import (
    EmptyDatasetError,
    ErrorLimitExceeded,
    Failure,
    ListChangedError,
    ListEntry,
    OutputError,
    Problem,
    ResumeError,
    VerifyError,
    build_index,
    im2rec,
)
from mxnet_im2rec.dataset.failures import read_failures
from mxnet_im2rec.dataset.journal import Journal
from mxnet_im2rec.dataset.publish import Publication
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.images.codec import one_thread

NUMBER = 120
BATCH = 16
PROVEN = 4  # records that are made again
OLD = {"out.rec": b"old rec", "out.idx": b"old idx"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for number in range(NUMBER):
        image = cv2.resize(generator.integers(0, 255, (6, 8, 3), np.uint8), (80, 60 + number % 7))
        cv2.imwrite(str(folder / f"{number}.jpg"), image)
    return folder


@pytest.fixture
def folder(tmp_path, images):
    for path in images.iterdir():
        os.link(path, tmp_path / path.name)  # tests replace images, and write into none
    write(tmp_path, [f"{number}.jpg" for number in range(NUMBER)])
    for name, data in OLD.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def write(folder, names):
    lines = [f"{3 * number}\t{number % 5}\t{name}\n" for number, name in enumerate(names)]
    (folder / "images.lst").write_text("".join(lines), "utf-8")


class Count:
    """A transform that counts its calls, over all processes, as bytes of a file; and may do something at one of them."""

    def __init__(self, folder, turn=False):
        self._path = str(folder / "calls")
        self.turn = turn

    def __call__(self, image):
        with open(self._path, "ab", buffering=0) as stream:
            stream.write(b".")
        return image[::-1] if self.turn else image


def replace(path, data):
    """Put another file in the place of an image, which is a link to that of all tests."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def calls(folder):
    return os.path.getsize(folder / "calls") if (folder / "calls").exists() else 0


def pack(folder, output="out", **options):
    options = {"num_workers": 0, "batch_size": BATCH, "progress": False, **options}
    return im2rec(folder / "images.lst", folder / output, **options)


def in_child(function):
    """Run in a child process that ends without any cleaning up of Python's; gives the signal or the exit code that ended it."""
    with one_thread():  # or OpenCV hangs in the child, if other tests have had its threads run
        child = os.fork()
    if not child:
        try:
            function()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def pack_and_die(folder, at, how=signal.SIGKILL, **options):
    """Pack in a child process, which is ended when so many entries are done."""

    def progress(done, total, failed):
        if done == at:
            os.kill(os.getpid(), how)

    ended = in_child(lambda: pack(folder, progress=progress, **options))
    assert ended == (how if how == signal.SIGKILL else ended) != 0
    wait_for(lambda: not children_left())


def dataset(folder, name):
    return (folder / f"{name}.rec").read_bytes(), (folder / f"{name}.idx").read_bytes()


def partial_files(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".partial"))


def assert_old(folder):
    assert {name: (folder / name).read_bytes() for name in OLD} == OLD


def assert_resumed(folder, report, **options):
    """That the result is that of a run which was never interrupted."""
    expected = pack(folder, "expected", **options)
    assert dataset(folder, "out") == dataset(folder, "expected")
    assert report.failures == expected.failures
    assert (report.num_records, report.num_bytes) == (expected.num_records, expected.num_bytes)
    assert not partial_files(folder) and not children_left()


@pytest.mark.parametrize("pass_through", [False, True])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [0, 2])
def test_what_was_secured_is_not_made_again(folder, pass_through, how, workers):
    options = {"num_workers": workers, "pass_through": pass_through}
    pack_and_die(folder, 70, how, **options)
    assert_old(folder)
    assert partial_files(folder) == ["out.idx.partial", "out.rec.journal.partial", "out.rec.partial"]
    report = pack(folder, resume=True, **options)
    assert 70 - BATCH <= report.num_resumed <= 70
    assert_resumed(folder, report, **options)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 16, 50])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_is_made_again_at_most(folder, batch_size, workers):
    options = {"num_workers": workers, "batch_size": batch_size, "transformations": Count(folder)}
    pack_and_die(folder, 70, **options)
    report = pack(folder, resume=True, **options)
    assert calls(folder) <= NUMBER + batch_size + PROVEN
    assert_resumed(folder, report, **options)


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_random_moments_until_it_is_done(folder, seed):
    """By a thread that knows nothing of what the run is at; now and then a worker instead of the parent."""
    random_ = random.Random(seed)
    options = {"num_workers": random_.choice([0, 1, 2]), "pass_through": random_.random() < 0.3}
    batch_size = random_.choice([2, 8, 16])
    longest = 0.05
    for _ in range(100):
        seconds = random_.uniform(0, longest)
        longest *= 1.2  # so that it comes to an end however slow the machine is

        def run(seconds=seconds):
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
            pack(folder, resume=is_interrupted(folder), batch_size=batch_size, **options)

        ended = in_child(run)
        wait_for(lambda: not children_left())
        if ended == 0:
            break
        assert ended == signal.SIGKILL
        found = {name: (folder / name).read_bytes() for name in OLD if (folder / name).exists()}
        assert found == OLD or found.get("out.idx") != b"old idx"
    report = pack(folder, resume=is_interrupted(folder), batch_size=batch_size, **options)
    assert_resumed(folder, report, **options)


def is_interrupted(folder):
    """Whether a run has left anything to go on with; else what is in place is another dataset, and not to be resumed."""
    return (folder / "out.rec.journal.partial").exists()


def remove_old(folder):
    for name in OLD:
        (folder / name).unlink()


def test_random_transforms_are_the_same_after_resuming(folder):
    from mxnet.gluon.data.vision import transforms

    def options():  # another Compose, as another process would make it
        flips = [transforms.RandomFlipLeftRight(), transforms.RandomBrightness(0.3)]
        return {"transformations": transforms.Compose([*flips, transforms.ToTensor()]), "seed": 3, "num_workers": 1}

    pack_and_die(folder, 90, **options())
    assert_resumed(folder, pack(folder, resume=True, **options()), **options())


def test_without_resume_it_begins_again_and_says_so(folder, caplog):
    pack_and_die(folder, 70)
    caplog.clear()
    report = pack(folder)
    assert "64 records that an interrupted run has left are given up" in caplog.text
    assert report.num_resumed == 0
    assert_resumed(folder, report)


def test_nothing_to_resume_just_runs(folder):
    remove_old(folder)
    report = pack(folder, resume=True)
    assert report.num_resumed == 0
    assert_resumed(folder, report)


def test_an_interruption_before_the_first_checkpoint_leaves_nothing(folder):
    def stop(done, total, failed):
        if done == BATCH // 2 - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(folder, progress=stop)
    assert_old(folder)
    assert not partial_files(folder)


def test_an_exception_leaves_what_is_secured_and_says_so(folder, caplog):
    def stop(done, total, failed):
        if done == 70:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(folder, progress=stop)
    assert "64 records are kept" in caplog.text and "resume=True" in caplog.text
    assert_old(folder)
    assert_resumed(folder, pack(folder, resume=True))


CHANGES = {
    "quality": ({"quality": 50}, "quality was 95, is 50"),
    "color": ({"color": 0}, "color was 1, is 0"),
    "encoding": ({"encoding": ".png", "quality": 3}, "encoding was .jpg, is .png"),
    "seed": ({"seed": 1}, "seed was 0, is 1"),
    "pass_through": ({"pass_through": True}, "pass_through was False, is True"),
    "fast_decode": ({"fast_decode": True}, "fast_decode was False, is True"),
    "pack_labels": ({"pack_labels": False}, "pack_labels was True, is False"),
    "max_pixels": ({"max_pixels": 10_000}, "max_pixels was 268435456, is 10000"),
    "root": ({"root": "/"}, "root was "),
    "transformations": ({"transformations": np.flipud}, "transformations was None, is numpy.flipud"),
    "strict": ({"strict": True}, "strict was False, is True"),
    "only": ({"only": [Failure(1, 0, "0.jpg", "read", "x")]}, "only was no table, is 1 lines"),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_another_setting_is_refused_and_leaves_what_was_there(folder, name):
    options, words = CHANGES[name]
    pack_and_die(folder, 70)
    with pytest.raises(ResumeError) as caught:
        pack(folder, resume=True, **options)
    assert words in str(caught.value) and "begin again" in str(caught.value)
    assert str(caught.value).count(", is ") == len(options)
    assert_resumed(folder, pack(folder, resume=True))


def test_transforms_that_differ_in_an_attribute_are_refused(folder):
    pack_and_die(folder, 70, transformations=Count(folder))
    with pytest.raises(ResumeError, match="transformations or code that they use"):
        pack(folder, resume=True, transformations=Count(folder, turn=True))


@pytest.mark.parametrize("change", ["a line more", "a line less", "a label"])
def test_another_list_is_refused(folder, change):
    pack_and_die(folder, 70)
    path = folder / "images.lst"
    text = path.read_text()
    changed = {
        "a line more": text + "9999\t1\t0.jpg\n",
        "a line less": "".join(text.splitlines(keepends=True)[:-1]),
        "a label": text.replace("\t1\t", "\t8\t", 1),
    }
    path.write_text(changed[change])
    with pytest.raises(ResumeError, match="list was"):
        pack(folder, resume=True)
    path.write_text(text)
    assert_resumed(folder, pack(folder, resume=True))


def test_entries_from_an_iterable_are_resumed_and_known_as_they_come(folder):
    entries = [ListEntry(number, (1.0,), f"{number}.jpg") for number in range(NUMBER)]

    def run(output, entries, **options):
        return im2rec(iter(entries), folder / output, root=folder, num_workers=0, batch_size=BATCH, **options)

    def stop(done, total, failed):
        if done == 70:
            os.kill(os.getpid(), signal.SIGKILL)

    in_child(lambda: run("out", entries, progress=stop))
    changed = [entries[0]._replace(labels=(2.0,)), *entries[1:]]
    with pytest.raises(ResumeError, match="the list is not the one"):
        run("out", changed, resume=True)
    assert run("out", entries, resume=True).num_resumed == 64
    run("expected", entries)
    assert dataset(folder, "out") == dataset(folder, "expected")


@pytest.mark.parametrize("workers", [0, 2])
def test_failures_are_listed_as_if_in_one_run(folder, workers):
    for number in (3, 40, 41, 100):
        (folder / f"{number}.jpg").unlink()
    (folder / "images.lst").write_text((folder / "images.lst").read_text() + "no entry\n0\t1\ttwice.jpg\n")
    options = {"error_limit": None, "num_workers": workers}
    pack_and_die(folder, 70, **options)
    report = pack(folder, resume=True, **options)
    assert len(report.failures) == 6
    assert_resumed(folder, report, **options)


@pytest.mark.parametrize("pass_through", [False, True])
@pytest.mark.parametrize("mended", [(0,), (7, 8), (63,), (0, 7, 8, 40, 63, 64)])
def test_images_that_were_mended_are_put_in_their_place(folder, mended, pass_through):
    bad = (0, 7, 8, 40, 63, 64, 110)
    whole = {number: (folder / f"{number}.jpg").read_bytes() for number in bad}
    for number in bad:
        replace(folder / f"{number}.jpg", whole[number][:30])
    options = {"error_limit": 6, "pass_through": pass_through}
    with pytest.raises(ErrorLimitExceeded):
        pack(folder, error_limit=5, pass_through=pass_through)  # which is no setting that records depend on
    assert_old(folder)
    for number in mended:
        replace(folder / f"{number}.jpg", whole[number])
    report = pack(folder, resume=True, **options)
    assert report.num_records == NUMBER - len(bad) + len(mended)
    assert_resumed(folder, report, **options)


def test_a_run_that_is_killed_while_it_mends_is_resumed(folder, monkeypatch):
    whole = (folder / "7.jpg").read_bytes()
    (folder / "7.jpg").unlink()
    pack_and_die(folder, 100, error_limit=None)
    (folder / "7.jpg").write_bytes(whole)
    original = RecordWriter.copy

    def copy_and_die(self, *arguments):
        original(self, *arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(RecordWriter, "copy", copy_and_die)
    assert in_child(lambda: pack(folder, resume=True, error_limit=None)) == signal.SIGKILL
    monkeypatch.undo()
    assert "out.rec.1.partial" in partial_files(folder)
    assert_resumed(folder, pack(folder, resume=True, error_limit=None), error_limit=None)


def test_after_mending_a_second_interruption_is_resumed_too(folder):
    whole = (folder / "7.jpg").read_bytes()
    (folder / "7.jpg").unlink()
    pack_and_die(folder, 60, error_limit=None)
    (folder / "7.jpg").write_bytes(whole)
    pack_and_die(folder, 110, error_limit=None, resume=True)
    assert partial_files(folder) == ["out.idx.1.partial", "out.rec.1.partial", "out.rec.journal.partial"]
    report = pack(folder, resume=True, error_limit=None)
    assert report.num_resumed == 104
    assert_resumed(folder, report, error_limit=None)


TABLE = "line\tindex\tpath\tstage\treason\n"
STEPS = 11  # of putting the files in place, up to the first of tidying up; a table is one more


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    ("number", "fails"), [(number, fails) for fails in (False, True) for number in range(1, STEPS + fails + 1)]
)
def test_killed_while_it_puts_the_files_in_place(folder, monkeypatch, number, fails, resume):
    """At every step of it: there is never a .rec beside an .idx or a table of another dataset, and the next run is as if none
    was lost."""
    steps = []

    def dying(name):
        original = getattr(os, name)

        def call(*arguments, **options):
            if any("out." in str(each) for each in arguments):
                steps.append(name)
                if len(steps) == number and name:
                    os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return call

    if fails:
        (folder / "7.jpg").unlink()
    users = {"out.rec.previous": b"the user's", "out.idx.previous": b"the user's too"}
    for name, data in {"out.failures.tsv": TABLE.encode(), "out.failed-run.failures.tsv": b"stale", **users}.items():
        (folder / name).write_bytes(data)
    expected = pack(folder, "expected", error_limit=1)
    monkeypatch.setattr(RecordWriter, "publish", publish_under(dying))
    ended = in_child(lambda: pack(folder, error_limit=1))
    monkeypatch.undo()
    assert ended == signal.SIGKILL
    new, old = whole(folder, "expected"), (*(OLD[name] for name in ("out.rec", "out.idx")), TABLE.encode())
    found = whole(folder, "out")
    if found[0] is not None:
        assert (found[0], found[2]) in [(each[0], each[2]) for each in (new, old)]
        assert found[1] is None or found in (new, old)
    report = pack(folder, resume=resume, error_limit=1)
    assert report.num_records == expected.num_records
    assert whole(folder, "out") == new
    assert not partial_files(folder)
    left = {path.name for path in folder.glob("out*")}
    assert left == {"out.rec", "out.idx", *users, *(["out.failures.tsv"] if fails else [])}
    assert {name: (folder / name).read_bytes() for name in users} == users


def whole(folder, name):
    """A dataset and its table; None for a file that is not there."""
    paths = [folder / f"{name}.{end}" for end in ("rec", "idx", "failures.tsv")]
    return tuple(path.read_bytes() if path.exists() else None for path in paths)


@pytest.mark.parametrize("number", range(1, 7))
def test_killed_while_it_takes_back_what_was_put_in_place(folder, monkeypatch, number):
    """After a first kill in the midst of putting in place, a second one in the midst of putting that right."""
    (folder / "7.jpg").unlink()
    (folder / "out.failures.tsv").write_text(TABLE)
    pack(folder, "expected", error_limit=1)
    kills = {"in": 5, "back": number}

    def killing(what, function):
        def run(*arguments, **options):
            original, calls = os.rename, []

            def rename(*names):
                calls.append(names)
                if len(calls) == kills[what]:
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(*names)

            os.rename = rename
            return function(*arguments, **options)

        return run

    monkeypatch.setattr(Publication, "publish", killing("in", Publication.publish))
    assert in_child(lambda: pack(folder, error_limit=1)) == signal.SIGKILL
    monkeypatch.undo()
    monkeypatch.setattr(Publication, "undo", killing("back", Publication.undo))
    assert in_child(lambda: pack(folder, error_limit=1, progress=lambda *numbers: os._exit(9))) in (-9, signal.SIGKILL)
    monkeypatch.undo()
    found, old = whole(folder, "out"), (*(OLD[name] for name in ("out.rec", "out.idx")), TABLE.encode())
    assert found[0] in (None, old[0]) and found[1] in (None, old[1])
    pack_and_die(folder, 10, error_limit=1)
    assert whole(folder, "out") == old
    pack(folder, error_limit=1)
    assert whole(folder, "out") == whole(folder, "expected")


def publish_under(dying):
    original = RecordWriter.publish

    def publish(self, table):
        os.rename, os.unlink = dying("rename"), dying("unlink")
        original(self, table)

    return publish


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_journal_that_was_cut_off_counts_as_far_as_it_goes(folder, cut):
    pack_and_die(folder, 70)
    path = folder / "out.rec.journal.partial"
    path.write_bytes(path.read_bytes()[:-cut])
    report = pack(folder, resume=True)
    assert report.num_resumed == 56
    assert_resumed(folder, report)


@pytest.mark.parametrize("data", [b"", b"\n", b"rubbish\n", b'{"journal": 99}\n', b"[]\n1\n", b"\xff\x00" * 40])
def test_a_journal_that_is_none_counts_for_nothing(folder, data):
    pack_and_die(folder, 70)
    (folder / "out.rec.journal.partial").write_bytes(data)
    report = pack(folder, resume=True)
    assert report.num_resumed == 0
    assert_resumed(folder, report)


@pytest.mark.parametrize("where", ["rec", "idx"])
def test_partial_files_that_are_damaged_are_refused(folder, where):
    pack_and_die(folder, 70)
    path = folder / f"out.{where}.partial"
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(len(data[len(data) // 2 : len(data) // 2 + 4000]))
    path.write_bytes(data)
    with pytest.raises(ResumeError, match="(damaged|where no line ends).*Begin again"):
        pack(folder, resume=True)
    path.write_bytes(data[:100])
    with pytest.raises(ResumeError, match="100 bytes"):
        pack(folder, resume=True)
    path.unlink()
    assert_resumed(folder, pack(folder, resume=True))


def test_two_runs_on_one_output(folder):
    """The second stops at once, whether it is in this process or in another, and does no harm to the first."""
    errors = []

    def try_another(done, total, failed):
        if done == 50:
            with pytest.raises(OutputError) as caught:
                pack(folder)
            errors.append(str(caught.value))
            assert in_child(lambda: pack(folder, resume=True)) == -1

    report = pack(folder, progress=try_another)
    assert "this process is writing" in errors[0] and "out.rec" in errors[0]
    assert_resumed(folder, report)


def test_the_other_run_is_named(folder, capfd):
    def try_another(done, total, failed):
        if done == 50:
            in_child(lambda: pack(folder))

    pack(folder, progress=try_another)
    assert f"OutputError: process {os.getpid()} on " in capfd.readouterr().err


@pytest.mark.parametrize("how", ["grows", "shrinks", "goes"])
def test_a_list_that_changes_while_it_is_read(folder, how):
    path = folder / "images.lst"
    data = path.read_bytes()

    def change(done, total, failed):
        if done == 60:
            if how == "goes":
                path.unlink()
            else:
                path.write_bytes(data + b"99999\t1\t0.jpg\n" if how == "grows" else data[: len(data) // 2 + 3])

    with pytest.raises(ListChangedError, match=r"images\.lst.* changed while it was read"):
        pack(folder, progress=change, error_limit=None)
    assert_old(folder)
    assert not partial_files(folder)


def test_a_list_that_is_touched_is_the_same(folder):
    def touch(done, total, failed):
        os.utime(folder / "images.lst", (done, done))

    assert_resumed(folder, pack(folder, progress=touch))


def test_an_image_that_goes_while_it_is_packed_is_a_failure(folder):
    def remove(done, total, failed):
        (folder / "119.jpg").unlink(missing_ok=True)

    report = pack(folder, progress=remove, error_limit=1)
    assert [each.path for each in report.failures] == ["119.jpg"]


def test_a_dataset_that_does_not_verify_is_not_kept(folder, monkeypatch):
    def flip_a_label(self):
        finish(self)
        with open(self.partial_paths[0], "r+b") as stream:
            stream.seek(12)
            stream.write(struct.pack("<f", 99))

    finish = RecordWriter.finish
    monkeypatch.setattr(RecordWriter, "finish", flip_a_label)
    with pytest.raises(VerifyError, match="labels"):  # of the list; ImageRecordIter reads what is there
        pack(folder, verify=True)
    assert_old(folder)
    assert not partial_files(folder)


def test_an_interruption_while_it_verifies_loses_nothing(folder, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mxnet_im2rec.verification.verify.verify", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pack(folder, verify=True)
    monkeypatch.undo()
    report = pack(folder, verify=True, resume=True)
    assert report.num_resumed == NUMBER - NUMBER % (BATCH // 2)
    assert_resumed(folder, report)


def test_verify_knows_what_failed_and_what_was_asked_for(folder):
    (folder / "5.jpg").unlink()
    report = pack(folder, verify=True, error_limit=None)
    replace(folder / "5.jpg", (folder / "6.jpg").read_bytes())
    assert pack(folder, "rest", verify=True, only=report.failures).num_records == 1


def test_the_table_of_the_dataset_itself_is_refused(folder):
    (folder / "5.jpg").unlink()
    report = pack(folder, error_limit=None)
    with pytest.raises(ValueError, match="give another output_path"):
        pack(folder, only=report.failures_path)


def test_a_run_without_a_failure_of_its_own_leaves_the_table_if_it_raises(folder):
    (folder / "5.jpg").unlink()
    report = pack(folder, error_limit=None)
    with pytest.raises(EmptyDatasetError):
        im2rec([], folder / "out", num_workers=0)
    assert os.path.exists(report.failures_path)


def test_a_journal_that_cannot_be_appended_to_loses_nothing(folder, monkeypatch):
    """A disk that is full takes a part of the line, and then nothing."""

    class Full:
        def __init__(self, stream):
            self._stream = stream

        def __getattr__(self, name):
            return getattr(self._stream, name)

        def write(self, data):
            if len(writes) > 6:
                self._stream.write(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "no space left on device")
            writes.append(len(data))
            return self._stream.write(data)

    writes = []
    original = Journal._lock

    def lock(self):
        original(self)
        self._stream = Full(self._stream)

    monkeypatch.setattr(Journal, "_lock", lock)
    with pytest.raises(OutputError, match="no space left"):
        pack(folder)
    monkeypatch.undo()
    report = pack(folder, resume=True)
    assert report.num_resumed == 5 * BATCH // 2
    assert_resumed(folder, report)


def test_two_names_of_one_output(folder):
    (folder / "link").symlink_to(folder)

    def try_another(done, total, failed):
        if done == 50:
            with pytest.raises(OutputError, match="this process is writing"):
                pack(folder, "link/out")

    assert_resumed(folder, pack(folder, progress=try_another))


@pytest.mark.parametrize("batch_size", [2, 4096])
def test_a_run_that_is_done_is_not_disturbed_by_the_next_one(folder, monkeypatch, caplog, batch_size):
    """Between giving the lock back and returning another run may have begun."""
    original = Journal.close

    def close_and_begin_another(self):
        original(self)
        if not others:
            others.append(Journal(self.path))
            others[0].open()

    others = []
    monkeypatch.setattr(Journal, "close", close_and_begin_another)
    pack(folder, pass_through=True, batch_size=batch_size)
    monkeypatch.undo()
    others[0].remove()
    others[0].close()
    assert "are kept" not in caplog.text


def test_only_own_partial_files_are_removed(folder):
    (folder / "out.rec.5.rec.partial").write_bytes(b"another run's")
    pack(folder)
    assert (folder / "out.rec.5.rec.partial").read_bytes() == b"another run's"


@pytest.mark.parametrize("pass_through", [False, True])
@pytest.mark.parametrize("limit", [60_000, 90_000, 250_000])
def test_a_disk_that_was_full_is_resumed(folder, limit, pass_through):
    def run():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            pack(folder, pass_through=pass_through)
        except OutputError as error:
            os._exit(7 if "is the disk full?" in str(error) else 8)

    assert in_child(run) == -7
    assert_old(folder)
    report = pack(folder, resume=True, pass_through=pass_through)
    assert report.num_resumed >= BATCH
    assert_resumed(folder, report, pass_through=pass_through)


CALLS = [("fsync", 1), ("fsync", 2), ("fsync", 4), ("fsync", 12), ("fsync", 33), ("fsync", 45), ("fsync", 48), ("fsync", 49)]
CALLS += [("rename", number) for number in range(1, 6)] + [("unlink", 1), ("writev", 1), ("writev", 70), ("writev", 119)]


@pytest.mark.parametrize("error", [OSError(28, "no space left on device"), OSError(5, "input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize(("name", "number"), CALLS)
def test_a_call_of_the_system_that_fails_at_any_stage(folder, monkeypatch, name, number, error):
    """Whatever fails, and when: the old dataset or the new one is in place, and the next run comes to the same end."""
    original, made = getattr(os, name), []

    def failing(*arguments, **options):
        made.append(name)
        if len(made) == number:
            raise error
        return original(*arguments, **options)

    monkeypatch.setattr(os, name, failing)
    expected_error = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    try:
        pack(folder, pass_through=True)
    except expected_error:
        monkeypatch.undo()
        assert_old(folder)
    monkeypatch.undo()
    assert len(made) >= number or name in ("rename", "unlink", "fsync")
    report = pack(folder, resume=is_interrupted(folder), pass_through=True)
    assert_resumed(folder, report, pass_through=True)


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_all_processes_ended_at_once(folder, signal_):
    """As a terminal does it, or the system when it goes down: parent and workers get the signal."""

    def progress(done, total, failed):
        if done == 70:
            os.killpg(0, signal_)

    def run():
        os.setpgid(0, 0)
        pack(folder, progress=progress, num_workers=2)

    assert in_child(run) != 0
    wait_for(lambda: not children_left())
    assert_old(folder)
    assert_resumed(folder, pack(folder, resume=True, num_workers=2))


def test_the_journal_is_lines_of_json(folder):
    pack_and_die(folder, 70)
    lines = [json.loads(line) for line in (folder / "out.rec.journal.partial").read_text().splitlines()]
    assert lines[0]["settings"]["quality"] == "95"
    assert lines[-1]["checkpoint"]["records"] == 64


def test_an_interruption_between_the_journal_and_what_is_known_of_it_loses_nothing(folder, monkeypatch):
    original, added = Journal._append, []

    def append_and_interrupt(self, line):
        original(self, line)
        if "checkpoint" in line:
            added.append(line)
            if len(added) == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "_append", append_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        pack(folder)
    monkeypatch.undo()
    report = pack(folder, resume=True)
    assert report.num_resumed == BATCH // 2
    assert_resumed(folder, report)


def test_a_journal_whose_owner_removes_it_meanwhile_is_made_again(tmp_path):
    path = str(tmp_path / "out.rec.journal.partial")
    first, second = Journal(path), Journal(path)
    first.open()
    with pytest.raises(OutputError, match="this process"):
        second.open()
    first.remove()
    first.close()
    second.open()
    assert os.path.exists(path)
    second.close()


# What is proven


HELPER = "STEP = {}\n\ndef shift(image):\n    return image + STEP\n"


def module_of(step):
    """A module of helpers, loaded as another process would load it."""
    module = types.ModuleType("helper")
    exec(HELPER.format(step), module.__dict__)
    return module


def adding(step):
    return lambda image: image + step


def flips():
    from mxnet.gluon.data.vision import transforms

    return transforms.Compose([transforms.RandomFlipLeftRight(), transforms.RandomBrightness(0.3)])


class Draws:
    """A transform that does not depend on the seed alone."""

    def __init__(self):
        self._generator = np.random.default_rng()

    def __call__(self, image):
        return image + int(self._generator.integers(1, 50))


CHANGED = {
    "another constant in a closure": (lambda: adding(1), lambda: adding(2)),
    "an edited helper": (lambda: module_of(1).shift, lambda: module_of(2).shift),
    "another function of the same name": (lambda: lambda image: image, lambda: lambda image: image[::-1]),
    "its own generator": (lambda: Draws(), lambda: Draws()),
}
EQUAL = {
    "a closure": lambda: adding(1),
    "a helper": lambda: module_of(1).shift,
    "random transforms": lambda: flips(),
    "none": lambda: None,
}


@pytest.mark.parametrize("name", list(CHANGED))
@pytest.mark.parametrize("workers", [0, 1])
def test_transforms_that_make_other_records_are_refused(folder, name, workers):
    before, after = CHANGED[name]
    pack_and_die(folder, 70, transformations=before(), num_workers=workers)
    left = {path: (folder / path).read_bytes() for path in partial_files(folder)}
    line = r"\d+" if name == "its own generator" else "1"  # which may give the same number twice
    words = rf"the record of line {line}, index \d+, '\d+\.jpg': made again now, it differs .*out\.rec\.partial.*transformations"
    with pytest.raises(ResumeError, match=words):
        pack(folder, transformations=after(), num_workers=workers, resume=True)
    assert_old(folder)
    assert {path: (folder / path).read_bytes() for path in partial_files(folder)}.keys() == left.keys()


@pytest.mark.parametrize("name", list(EQUAL))
def test_equal_transforms_that_are_written_again_are_resumed(folder, name):
    pack_and_die(folder, 70, transformations=EQUAL[name]())
    report = pack(folder, transformations=EQUAL[name](), resume=True)
    assert report.num_resumed == 64
    assert_resumed(folder, report, transformations=EQUAL[name]())


def test_another_seed_is_refused(folder):
    pack_and_die(folder, 70, transformations=flips(), seed=1)
    with pytest.raises(ResumeError, match="seed was 1, is 2"):
        pack(folder, transformations=flips(), seed=2, resume=True)


@pytest.mark.parametrize("position", [0, 21, 42, 63])
@pytest.mark.parametrize("change", ["another", "gone"])
def test_an_image_that_has_changed_is_named_where_it_is_proven(folder, position, change):
    pack_and_die(folder, 70)
    path = folder / f"{position}.jpg"
    data = path.read_bytes()
    path.unlink()
    if change == "another":
        path.write_bytes((folder / f"{position + 1}.jpg").read_bytes())
    words = f"the record of line {position + 1}, index {3 * position}, '{position}.jpg': "
    words += "made again now, it differs" if change == "another" else "made again now, it fails: No such file"
    with pytest.raises(ResumeError, match=words):
        pack(folder, resume=True)
    replace(path, data)
    assert_resumed(folder, pack(folder, resume=True))


def test_the_proven_records_are_counted_without_those_that_failed(folder):
    """The last record of 64 entries, of which 2 failed, is that of the entry before the 64th."""
    for number in (0, 63):
        (folder / f"{number}.jpg").unlink()
    pack_and_die(folder, 70, error_limit=None)
    replace(folder / "62.jpg", (folder / "5.jpg").read_bytes())
    with pytest.raises(ResumeError, match=r"line 63, index 186, '62\.jpg'"):
        pack(folder, resume=True, error_limit=None)


def test_fewer_records_than_are_proven(folder):
    pack_and_die(folder, 3, batch_size=2)
    report = pack(folder, resume=True, batch_size=2)
    assert 1 <= report.num_resumed <= 3
    assert_resumed(folder, report)


# An output that is complete


@pytest.fixture
def complete(folder):
    """A dataset that is in place, with two failures in its table."""
    remove_old(folder)
    for number in (3, 40):
        (folder / f"{number}.jpg").unlink()
    pack(folder, error_limit=None, verify=False)
    return folder


def state(folder):
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("out*")}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("verify", [False, True])
def test_a_complete_output_has_nothing_to_resume(complete, workers, verify):
    before = state(complete)
    report = pack(complete, error_limit=None, resume=True, num_workers=workers, verify=verify)
    assert report.num_resumed == report.num_records == NUMBER - 2
    assert report.num_bytes == os.path.getsize(report.rec_path)
    assert [each.path for each in report.failures] == ["3.jpg", "40.jpg"]
    assert report.failures_path == str(complete / "out.failures.tsv")
    assert state(complete) == before


def test_little_is_made_again_of_a_complete_output(folder):
    remove_old(folder)
    pack(folder, transformations=Count(folder))
    pack(folder, transformations=Count(folder), resume=True)
    assert calls(folder) == NUMBER + PROVEN


def test_a_complete_output_with_more_failures_than_the_limit(complete):
    before = state(complete)
    with pytest.raises(ErrorLimitExceeded):
        pack(complete, error_limit=1, resume=True)
    assert {name: found for name, found in state(complete).items() if "failed-run" not in name} == before


def lines_changed(folder, change):
    lines = (folder / "images.lst").read_text().splitlines(keepends=True)
    change(lines)
    (folder / "images.lst").write_text("".join(lines))


NOT_THIS_ONE = {
    "a line more": (lambda lines: lines.append("9999\t1\t0.jpg\n"), "line 121 of the list is index 9999.* neither a record"),
    "a line less": (lambda lines: lines.pop(), "no entry for the record at position 117, of index 357"),
    "another order": (lambda lines: lines.insert(0, lines.pop(5)), "line 1 of the list is index 15.* position 0 has the index 0"),
    "another label": (lambda lines: lines.__setitem__(7, "21\t9\t7.jpg\n"), "line 8 .*other labels: 2"),
    "another path": (lambda lines: lines.__setitem__(0, "0\t0\t1.jpg\n"), "line 1, index 0, '1.jpg': made again"),
    "a line of the table": (lambda lines: lines.__setitem__(3, "9\t3\t5.jpg\n"), "line 4 .* the table of failures has index 9"),
    "fewer than the table": (
        lambda lines: lines.__delitem__(slice(10, None)),
        "the table of failures has line 41, which is not in the list",
    ),
    "no entry": (lambda lines: lines.__setitem__(9, "rubbish\n"), "line 10 of the list is no entry"),
}


@pytest.mark.parametrize("name", list(NOT_THIS_ONE))
def test_a_complete_output_of_another_list_is_refused(complete, name):
    change, words = NOT_THIS_ONE[name]
    before = state(complete)
    lines_changed(complete, change)
    with pytest.raises(ResumeError, match=words) as caught:
        pack(complete, error_limit=None, resume=True)
    assert "To replace it, pack with resume=False" in str(caught.value)
    assert state(complete) == before


@pytest.mark.parametrize("options", [{"quality": 50}, {"color": 0}, {"transformations": adding(9)}])
def test_a_complete_output_of_other_settings_is_refused(complete, options):
    with pytest.raises(ResumeError, match=r"line 1, index 0, '0\.jpg': made again"):
        pack(complete, error_limit=None, resume=True, **options)


DAMAGED = {
    "out.rec": r"^the dataset that is there is damaged: '\S+out\.rec', byte 0: .*salvage\(.* keeps what is whole\. To replace",
    "out.idx": r"^the dataset that is there is damaged: '\S+out\.idx', line 1: .*mxnet_im2rec\.build_index\(.*\. To replace",
    "out.failures.tsv": r"^the table of failures is damaged: '\S+out\.failures\.tsv' is no list of failures: .*\. To replace",
}


@pytest.mark.parametrize("name", list(DAMAGED))
def test_a_complete_output_that_is_damaged_is_refused(complete, name):
    (complete / name).write_bytes(b"rubbish\n")
    before = state(complete)
    with pytest.raises(ResumeError, match=DAMAGED[name]):
        pack(complete, error_limit=None, resume=True)
    assert state(complete) == before


def test_a_complete_output_without_its_idx_is_refused_and_is_put_right(complete):
    (complete / "out.idx").unlink()
    words = (
        r"out\.rec' is there, but its index, '\S+out\.idx', is missing: mxnet_im2rec\.build_index\('\S+'\) makes it\. To replace"
    )
    with pytest.raises(ResumeError, match=words):
        pack(complete, error_limit=None, resume=True)
    build_index(complete / "out.rec")
    assert pack(complete, error_limit=None, resume=True).num_resumed == NUMBER - 2


def test_nothing_to_do_removes_the_table_of_a_failed_run_like_any_run_that_succeeds(complete):
    with pytest.raises(ErrorLimitExceeded):
        pack(complete, error_limit=1, resume=True)
    assert (complete / "out.failed-run.failures.tsv").exists()
    pack(complete, error_limit=None, resume=True)
    assert not (complete / "out.failed-run.failures.tsv").exists() and (complete / "out.failures.tsv").exists()


# What a run that makes no dataset lists


def stop_at(number):
    def progress(done, total, failed):
        if done == number:
            raise KeyboardInterrupt

    return progress


def change_the_list(folder):
    def progress(done, total, failed):
        if done == 50:
            (folder / "images.lst").write_text("0\t0\t0.jpg\n")

    return progress


def not_sound(*arguments, **options):
    raise VerifyError([Problem("structure", None, None, "not sound")], "out.rec")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ListChangedError, VerifyError, OutputError])
def test_every_run_that_makes_no_dataset_lists_what_failed(folder, monkeypatch, caplog, error):
    for number in (3, 40):
        (folder / f"{number}.jpg").unlink()
    options = {}
    if error is VerifyError:
        monkeypatch.setattr("mxnet_im2rec.verification.verify.verify", not_sound)
        options["verify"] = True
    elif error is OutputError:
        monkeypatch.setattr(RecordWriter, "finish", lambda self: (_ for _ in ()).throw(OutputError("no space")))
    else:
        options["progress"] = stop_at(70) if error is KeyboardInterrupt else change_the_list(folder)
    with pytest.raises(error):
        pack(folder, error_limit=None, **options)
    assert_old(folder)
    path = folder / "out.failed-run.failures.tsv"
    assert [each.path for each in read_failures(path)] == ["3.jpg", "40.jpg"]
    assert f"what failed in this run is listed in {str(path)!r}" in caplog.text


def test_a_run_without_failures_lists_none(folder):
    with pytest.raises(KeyboardInterrupt):
        pack(folder, progress=stop_at(70))
    assert not list(folder.glob("*.tsv"))


def test_a_dataset_with_the_name_of_a_failed_run_is_refused(folder):
    with pytest.raises(ValueError, match=r"output_path 'x\.failed-run' .*give another name"):
        im2rec(folder / "images.lst", "x.failed-run", num_workers=0)


def test_a_run_that_was_killed_when_all_was_in_place_is_complete(folder, monkeypatch):
    """Without a checkpoint; only tidying up was left."""

    def die(self, token):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Publication, "_remove_backups", die)
    assert in_child(lambda: pack(folder, batch_size=1000)) == signal.SIGKILL
    monkeypatch.undo()
    report = pack(folder, batch_size=1000, resume=True)
    assert report.num_resumed == NUMBER
    assert_resumed(folder, report)
    assert not list(folder.glob("*.previous"))
