# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Runs that are interrupted and resumed: the result is that of one run, little is made twice, nothing looks whole that is not."""

import errno
import json
import os
import random
import signal
import threading

import pytest
from helpers import children_left, wait_for
from resuming import (
    BATCH,
    NUMBER,
    OLD,
    PROVEN,
    Count,
    assert_old,
    assert_resumed,
    calls,
    fill,
    in_child,
    is_interrupted,
    pack,
    pack_and_die,
    partial_files,
    remove_old,
)

from mxnet_im2rec import ListChangedError, OutputError, Problem, VerifyError, im2rec
from mxnet_im2rec.dataset.failures import read_failures
from mxnet_im2rec.dataset.journal import Journal
from mxnet_im2rec.dataset.writer import RecordWriter


@pytest.fixture
def folder(tmp_path, small_images):
    return fill(tmp_path, small_images)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [0, 2])
def test_what_was_secured_is_not_made_again(folder, how, workers):
    pass_through = (how == signal.SIGTERM) == (workers == 2)  # any two values of any two of the three meet
    options = {"num_workers": workers, "pass_through": pass_through}
    pack_and_die(folder, 70, how, **options)
    assert_old(folder)
    assert partial_files(folder) == ["out.idx.partial", "out.rec.journal.partial", "out.rec.partial"]
    report = pack(folder, resume=True, **options)
    assert 70 - BATCH <= report.num_resumed <= 70
    assert_resumed(folder, report, **options)


@pytest.mark.needs_mxnet
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


@pytest.mark.needs_mxnet
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
        monkeypatch.setattr("mxnet_im2rec.verification.layers.prove", not_sound)
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
