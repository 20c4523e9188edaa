# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Journals whose checksums are right and whose contents are wrong: the same dataset comes out, or ResumeError."""

import copy
import json
import os
import re
import signal
import zlib

import cv2
import numpy as np
import pytest

from mxnet_im2rec import OutputError, ResumeError, im2rec
from mxnet_im2rec.dataset.writer import RecordWriter
from mxnet_im2rec.images.codec import one_thread
from mxnet_im2rec.recordio.paths import DatasetPaths

NUMBER = 24
BAD = (2, 7, 11)  # which fail at first; the second of them is mended before the run is killed once more
JOURNAL = "out.rec.journal.partial"
ESCAPE = "\x1b[2J\x1b]0;title\x07"


def pack(folder, output="out", **options):
    options = {"num_workers": 0, "pass_through": True, "batch_size": 4, "error_limit": None, "progress": False, **options}
    return im2rec(folder / "images.lst", folder / output, **options)


def die_at(folder, entries, **options):
    def progress(done, total, failed):
        if done == entries:
            os.kill(os.getpid(), signal.SIGKILL)

    with one_thread():
        child = os.fork()
    if not child:
        pack(folder, progress=progress, **options)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def files_of(folder, name="out"):
    return {path.name.replace(name, "out", 1): path.read_bytes() for path in folder.glob(f"{name}.*")}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A folder; what two killed runs have left in it; what comes out in the end, and the failures."""
    folder = tmp_path_factory.mktemp("interrupted")
    for number in range(NUMBER):
        if number not in BAD:
            cv2.imwrite(str(folder / f"{number}.png"), np.full((9, 10 + number % 5, 3), 10 * number, np.uint8))
    (folder / "images.lst").write_text("".join(f"{2 * number}\t1\t{number}.png\n" for number in range(NUMBER)))
    die_at(folder, 14)
    cv2.imwrite(str(folder / f"{BAD[1]}.png"), np.full((9, 9, 3), 99, np.uint8))
    die_at(folder, 19, resume=True)
    expected = pack(folder, "expected")
    assert [each.index // 2 for each in expected.failures] == [BAD[0], BAD[2]]
    left = files_of(folder)
    assert set(left) == {JOURNAL, "out.rec.1.partial", "out.idx.1.partial"}
    return folder, left, files_of(folder, "expected"), expected.failures


def restore(folder, left):
    for path in folder.glob("out.*"):
        path.unlink()
    for name, data in left.items():
        (folder / name).write_bytes(data)


def lines_of(journal):
    """The lines as values, without their checksums."""
    lines = [json.loads(line) for line in journal.splitlines()]
    for line in lines:
        del line["sum"]
    return lines


def signed(lines):
    """A journal with right checksums."""
    data, total = b"", 0
    for line in lines:
        text = json.dumps(line)[:-1].encode("ascii")
        total = zlib.crc32(text, total)
        data += text + b', "sum": %d}\n' % total
    return data


def places(value, path=()):
    """Every place in nested lists and dicts."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def others(value):
    """What may stand in the place of a value."""
    yield from (None, True, False, -1, 0, 1, 2**70, 0.5, "", "x", ESCAPE, [], {}, [[]], {"a": 1}, [1] * 9)
    if type(value) is int:
        yield from (value - 1, value + 1, value + 4, value - 4, value * 2, str(value), float(value))
    if isinstance(value, str):
        yield from (value + "0", value[:-1], value + ESCAPE, value[::-1])
    if isinstance(value, list):
        yield from (value[:-1], value[1:], value * 2, value[::-1], [*value, None])
    if isinstance(value, dict):
        yield {**value, "more": 1}
        yield from ({key: each for key, each in value.items() if key != gone} for gone in value)


def edited(lines, path, value):
    lines = copy.deepcopy(lines)
    if not path:
        return value
    place = lines
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return lines


def all_edits(lines):
    for path in places(lines):
        value = lines
        for key in path:
            value = value[key]
        for other in others(value):
            if isinstance(other, list) or path:
                yield path, edited(lines, path, other)


def assert_right_or_refused(interrupted, journal):
    folder, left, whole, failures = interrupted
    restore(folder, {**left, JOURNAL: journal})
    try:
        report = pack(folder, resume=True)
    except (ResumeError, OutputError) as error:
        assert isinstance(error, ResumeError) or "is writing" in str(error)
        assert "begin again" in str(error).lower() or "is writing" in str(error)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", str(error)), str(error)
        kept = {name: data for name, data in files_of(folder).items() if "journal" not in name}
        assert not {"out.rec", "out.idx"} & set(kept)
        return True
    assert files_of(folder) == whole
    assert report.failures == failures
    return False


@pytest.mark.whole
def test_one_field_at_a_time(interrupted, monkeypatch):
    """With right checksums. Where the journal is refused the way out that the message names works."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # thousands of runs
    folder, left, whole, failures = interrupted
    lines = lines_of(left[JOURNAL])
    assert signed(lines) == left[JOURNAL]
    assert not assert_right_or_refused(interrupted, left[JOURNAL])
    number = refused = 0
    for path, wrong in all_edits(lines):
        number += 1
        try:
            if assert_right_or_refused(interrupted, signed(wrong)):
                refused += 1
                if refused % 50 == 1:
                    assert pack(folder).failures == failures
                    assert files_of(folder) == whole
        except Exception as error:
            raise AssertionError(f"{path}: {wrong}") from error
    assert number > 1000 and refused > number // 2


@pytest.mark.parametrize("token", ["../../x", "", "0123456789abc", "0123456789aB", "/etc/passwd\n"])
def test_names_of_other_files_are_not_taken_from_a_journal(interrupted, token):
    folder, left, *_ = interrupted
    lines = [*lines_of(left[JOURNAL]), {"publishing": token, "inodes": [None, None, None, 1, 2]}]
    assert assert_right_or_refused(interrupted, signed(lines))


def test_a_journal_that_says_it_is_being_published_takes_no_file_of_others(interrupted):
    """The inodes are those of other files than the ones in place."""
    folder, left, whole, failures = interrupted
    lines = [*lines_of(left[JOURNAL]), {"publishing": "0123456789ab", "inodes": [None, None, None, 1, 2]}]
    restore(folder, {**left, JOURNAL: signed(lines), "out.rec": b"old rec", "out.idx": b"old idx"})
    with pytest.raises(KeyboardInterrupt):
        pack(folder, resume=True, progress=lambda *numbers: (_ for _ in ()).throw(KeyboardInterrupt()))
    assert (folder / "out.rec").read_bytes() == b"old rec" and (folder / "out.idx").read_bytes() == b"old idx"
    assert pack(folder, resume=True).failures == failures
    assert files_of(folder) == whole


def test_another_version_is_refused_and_named(interrupted):
    folder, left, *_ = interrupted
    lines = lines_of(left[JOURNAL])
    lines[0]["journal"] = 1
    restore(folder, {**left, JOURNAL: signed(lines)})
    with pytest.raises(ResumeError, match=r"another version.* again, with resume=False"):
        pack(folder, resume=True)
    assert files_of(folder) == {**left, JOURNAL: signed(lines)}


def test_settings_with_escape_sequences_reach_no_message(interrupted):
    folder, left, *_ = interrupted
    lines = lines_of(left[JOURNAL])
    lines[0]["settings"].update({"seed": ESCAPE, ESCAPE: "x"})
    restore(folder, {**left, JOURNAL: signed(lines)})
    with pytest.raises(ResumeError) as caught:
        pack(folder, resume=True)
    assert str(caught.value).isprintable() and "\\x1b[2J" in str(caught.value)


@pytest.mark.parametrize("row", [[1, 2, 999, "1.png", "odd"], [1, 2, 2, "none.png", "odd"]], ids=["index", "path"])
def test_a_damaged_image_that_the_list_has_not_is_refused(interrupted, row):
    folder, left, _, _ = interrupted
    lines = lines_of(left[JOURNAL])
    checkpoint = next(line for line in lines if "checkpoint" in line)
    checkpoint["damaged"] = [row]
    restore(folder, {**left, JOURNAL: signed(lines)})
    with pytest.raises(ResumeError, match="the list is not the one"):
        pack(folder, resume=True)
    checkpoint["damaged"] = [[1, 2, 2, "1.png", "odd"]]
    restore(folder, {**left, JOURNAL: signed(lines)})
    assert [image.path for image in pack(folder, resume=True).damaged] == ["1.png"]


def test_a_run_that_is_refused_leaves_the_lock_of_the_other_one(tmp_path):
    """Twice, in the process that holds it."""
    paths = DatasetPaths.of_rec(tmp_path / "out.rec")
    with RecordWriter(paths):
        for _ in range(2):
            with pytest.raises(OutputError, match="this process is writing"), RecordWriter(paths):
                pass
