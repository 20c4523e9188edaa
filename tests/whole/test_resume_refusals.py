# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What is not resumed: another list, other settings, other transforms; how that is proven; and an output that is complete."""

import os
import signal
import types

import numpy as np
import pytest
from resuming import (
    BATCH,
    NUMBER,
    PROVEN,
    Count,
    assert_old,
    assert_resumed,
    calls,
    dataset,
    fill,
    in_child,
    pack,
    pack_and_die,
    partial_files,
    remove_old,
    replace,
)

from mxnet_im2rec import ErrorLimitExceeded, Failure, ListEntry, ResumeError, build_index, im2rec


@pytest.fixture
def folder(tmp_path, small_images):
    return fill(tmp_path, small_images)


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


@pytest.mark.needs_mxnet
@pytest.mark.parametrize("name", list(CHANGES))
def test_another_setting_is_refused_and_leaves_what_was_there(folder, name):
    options, words = CHANGES[name]
    pack_and_die(folder, 70)
    with pytest.raises(ResumeError) as caught:
        pack(folder, resume=True, **options)
    assert words in str(caught.value) and "begin again" in str(caught.value)
    assert str(caught.value).count(", is ") == len(options)
    assert_resumed(folder, pack(folder, resume=True))


@pytest.mark.needs_mxnet
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


@pytest.mark.needs_mxnet
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


@pytest.mark.needs_mxnet
@pytest.mark.parametrize("name", list(EQUAL))
def test_equal_transforms_that_are_written_again_are_resumed(folder, name):
    pack_and_die(folder, 70, transformations=EQUAL[name]())
    report = pack(folder, transformations=EQUAL[name](), resume=True)
    assert report.num_resumed == 64
    assert_resumed(folder, report, transformations=EQUAL[name]())


@pytest.mark.needs_mxnet
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


@pytest.mark.needs_mxnet
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


@pytest.mark.needs_mxnet
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
