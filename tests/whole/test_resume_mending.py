# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Runs that failed, or that end while they put files in place: what was mended is put in, and the files always fit together."""

import os
import signal
import struct

import pytest
from resuming import (
    BATCH,
    NUMBER,
    OLD,
    assert_old,
    assert_resumed,
    fill,
    in_child,
    is_interrupted,
    pack,
    pack_and_die,
    partial_files,
    replace,
)

from mxnet_im2rec import EmptyDatasetError, ErrorLimitExceeded, OutputError, VerifyError, im2rec
from mxnet_im2rec.dataset.publish import Publication
from mxnet_im2rec.dataset.writer import RecordWriter


@pytest.fixture
def folder(tmp_path, small_images):
    return fill(tmp_path, small_images)


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
STEPS = 15  # of putting the files in place, up to the first of tidying up; a table is one more


@pytest.mark.parametrize(
    ("number", "fails"), [(number, fails) for fails in (False, True) for number in range(1, STEPS + fails + 1)]
)
def test_killed_while_it_puts_the_files_in_place(folder, monkeypatch, number, fails):
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
    report = pack(folder, resume=(number % 2 == 0) == fails, error_limit=1)  # every step with both, and both with both
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

    def publish(self, *failures, **tables):
        os.rename, os.unlink = dying("rename"), dying("unlink")
        original(self, *failures, **tables)

    return publish


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

    monkeypatch.setattr("mxnet_im2rec.verification.layers.prove", interrupt)
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


CALLS = [("fsync", 1), ("fsync", 2), ("fsync", 4), ("fsync", 12), ("fsync", 33), ("fsync", 45), ("fsync", 48), ("fsync", 49)]
CALLS += [("rename", number) for number in range(1, 6)] + [("unlink", 1), ("pwritev", 1), ("pwritev", 70), ("pwritev", 119)]


ERRORS = [OSError(28, "no space left on device"), OSError(5, "input/output error")]


@pytest.mark.parametrize("is_interrupted_by_user", [False, True])
@pytest.mark.parametrize(("name", "number"), CALLS)
def test_a_call_of_the_system_that_fails_at_any_stage(folder, monkeypatch, name, number, is_interrupted_by_user):
    """Whatever fails, and when: the old dataset or the new one is in place, and the next run comes to the same end."""
    original, made = getattr(os, name), []
    error = KeyboardInterrupt() if is_interrupted_by_user else ERRORS[CALLS.index((name, number)) % 2]

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
