# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The image list: lines, files and iterables of entries, whole and damaged."""

import os
import tracemalloc
import warnings
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from helpers import read_list
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec import LabelPrecisionWarning, ListEntry
from mxnet_im2rec.errors import ListLineError
from mxnet_im2rec.lists.lines import parse_line
from mxnet_im2rec.lists.lst_file import LstFile
from mxnet_im2rec.lists.open_list import open_list
from mxnet_im2rec.lists.source import IndexSet
from mxnet_im2rec.values import Failure

BOM = b"\xef\xbb\xbf"
MAX_INDEX = 2**64 - 1


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("lists") / "images.lst"


@pytest.fixture
def written(tmp_path):
    def write(data):
        path = tmp_path / "images.lst"
        path.write_bytes(data)
        return path

    return write


def quietly(entries):
    """All entries, without regard to warnings of lost precision."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LabelPrecisionWarning)
        return list(entries)


LINES = {
    "tabs": ("5\t1\ta.jpg", 5, (1.0,), "a.jpg"),
    "tabs and three labels": ("5\t1\t0.25\t-3e2\ta.jpg", 5, (1.0, 0.25, -300.0), "a.jpg"),
    "tabs and blanks around the fields": (" 5 \t 1 \t a.jpg ", 5, (1.0,), "a.jpg"),
    "tabs and blanks in the path": ("5\t1\tmy photos/a  b.jpg", 5, (1.0,), "my photos/a  b.jpg"),
    "labels between blanks, path after a tab": ("5 1 2.5\tmy photos/a b.jpg", 5, (1.0, 2.5), "my photos/a b.jpg"),
    "index before a tab, the rest after blanks": ("5\t1 2.5 my photos/a b.jpg", 5, (1.0, 2.5), "my photos/a b.jpg"),
    "blanks alone": ("5  1   2.5 a.jpg", 5, (1.0, 2.5), "a.jpg"),
    "blanks alone, in the path too": ("5 1 my photos/a b.jpg", 5, (1.0,), "my photos/a b.jpg"),
    "blanks alone, two in a row in the path": ("5 1 my  photos/a.jpg", 5, (1.0,), "my  photos/a.jpg"),
    "a path that is a number": ("5\t1\t2", 5, (1.0,), "2"),
    "a path that is a number, blanks alone": ("5 1 2", 5, (1.0,), "2"),
    "a path of numbers after a tab": ("5\t1\t2 3 4", 5, (1.0,), "2 3 4"),
    "two tabs in a row": ("5\t\t1\t\ta.jpg", 5, (1.0,), "a.jpg"),
    "a line end": ("5\t1\ta.jpg\r\n", 5, (1.0,), "a.jpg"),
    "a hash in the path": ("5\t1\t#1 c;d?.jpg", 5, (1.0,), "#1 c;d?.jpg"),
    "letters beyond ASCII": (
        "5\t1\tfotos/m\u00fcller \u732b \U0001f408.jpg",
        5,
        (1.0,),
        "fotos/m\u00fcller \u732b \U0001f408.jpg",
    ),
    "the largest index": (f"{MAX_INDEX}\t1\ta.jpg", MAX_INDEX, (1.0,), "a.jpg"),
    "zeros before the index": ("0005\t1\ta.jpg", 5, (1.0,), "a.jpg"),
    "labels of the reference tool": ("5\t1.000000\t-0.500000\ta.jpg", 5, (1.0, -0.5), "a.jpg"),
    "labels without a digit on one side of the point": ("5\t.5\t1.\t+2\ta.jpg", 5, (0.5, 1.0, 2.0), "a.jpg"),
    "the largest float32": ("5\t3.4028234e38\ta.jpg", 5, (3.4028234e38,), "a.jpg"),
    "a label too small for float32": ("5\t1e-60\ta.jpg", 5, (1e-60,), "a.jpg"),
}


@pytest.mark.parametrize(("text", "index", "labels", "path"), list(LINES.values()), ids=list(LINES))
def test_a_line_is_parsed(text, index, labels, path):
    assert parse_line(text, 12) == ListEntry(index, labels, path, 12)


@pytest.mark.parametrize("token", ["-1", "1.5", str(2**64), "1_0", "abc", "+1", "0x10", "1e3", "\u0665", "9" * 5000])
def test_an_index_that_is_none_is_refused_by_its_name(token):
    with pytest.raises(ListLineError, match="index") as caught:
        parse_line(f"{token}\t1\tmy photos/a.jpg")
    assert token[:60] in str(caught.value)
    assert len(str(caught.value)) < 200
    assert (caught.value.index, caught.value.path) == (None, "my photos/a.jpg")


@pytest.mark.parametrize(
    "token", ["nan", "inf", "-inf", "Infinity", "1_0", "1e39", "-1e39", "1e400", "9" * 400, "x", "0x1", "1,5", "\u0665", "-", "."]
)
@pytest.mark.parametrize("before", ["", "1\t"])
def test_a_label_that_is_none_is_refused_by_its_name(token, before):
    with pytest.raises(ListLineError, match="label") as caught:
        parse_line(f"7\t{before}{token}\tmy photos/a.jpg")
    assert token[:60] in str(caught.value)
    assert len(str(caught.value)) < 200
    assert (caught.value.index, caught.value.path) == (7, "my photos/a.jpg")


@pytest.mark.parametrize("text", ["7\tmy photos/a.jpg", "7 my photos/a.jpg", "7\t\tmy photos/a.jpg"])
def test_a_missing_label_is_told(text):
    with pytest.raises(ListLineError, match="no label") as caught:
        parse_line(text)
    assert (caught.value.index, caught.value.path) == (7, "my photos/a.jpg")


@pytest.mark.parametrize("text", ["7", "7\t1\t", "7\t1\t  ", "a.jpg", "", "\t\t"])
def test_a_missing_path_is_told(text):
    with pytest.raises(ListLineError, match="expected an index, at least one label and a path"):
        parse_line(text)


def test_a_long_bad_line_is_told_in_short():
    with pytest.raises(ListLineError) as caught:
        parse_line("x" * 100_000)
    assert len(str(caught.value)) < 400


def test_a_file_is_read_in_order_with_its_line_numbers(written):
    listed = written(b"3\t1\ta.jpg\n1\t2\tb.jpg\n2\t3\tc.jpg")
    expected = [ListEntry(3, (1.0,), "a.jpg", 1), ListEntry(1, (2.0,), "b.jpg", 2), ListEntry(2, (3.0,), "c.jpg", 3)]
    assert list(read_list(listed)) == expected
    assert list(read_list(str(listed))) == expected


FILES = {
    "nothing": (b"", []),
    "BOM": (BOM + b"1\t2\ta.jpg\n", [(1, "a.jpg", 1)]),
    "BOM alone": (BOM, []),
    "BOM before a blank line": (BOM + b"\n1\t2\ta.jpg\n", [(1, "a.jpg", 2)]),
    "BOM before a comment": (BOM + b"# list\n1\t2\ta.jpg\n", [(1, "a.jpg", 2)]),
    "BOM before a blank and a comment": (BOM + b" # list\n1\t2\ta.jpg\n", [(1, "a.jpg", 2)]),
    "CRLF": (b"1\t2\ta.jpg\r\n2\t2\tb.jpg\r\n", [(1, "a.jpg", 1), (2, "b.jpg", 2)]),
    "comments and blank lines": (b"# c\n\n1\t2\ta.jpg\n  \t \n  # c\n2\t2\tb.jpg\n\n", [(1, "a.jpg", 3), (2, "b.jpg", 6)]),
    "no end of the last line": (b"1\t2\ta.jpg\n2\t2\tb.jpg", [(1, "a.jpg", 1), (2, "b.jpg", 2)]),
    "a tab behind the path": (b"1\t2\ta.jpg\t\n", [(1, "a.jpg", 1)]),
    "UTF-8": ("1\t2\t\u732b/\u00fc.jpg\n".encode(), [(1, "\u732b/\u00fc.jpg", 1)]),
}


@pytest.mark.parametrize(("data", "expected"), list(FILES.values()), ids=list(FILES))
def test_a_file_of_any_make_is_read(written, data, expected):
    assert [(entry.index, entry.path, entry.line) for entry in read_list(written(data))] == expected


@pytest.mark.parametrize(("data", "expected"), list(FILES.values()), ids=list(FILES))
def test_the_count_of_entries_is_that_of_the_entries_read(written, data, expected):
    assert LstFile(written(data)).count() == len(expected)


def test_lines_that_do_not_parse_count_too(written):
    assert LstFile(written(b"rubbish\n1\t2\ta.jpg\n\xff\n")).count() == 3


def test_a_line_that_is_not_utf8_becomes_a_failure_and_the_rest_is_read(written):
    first, failure, last = read_list(written(b"1\t2\ta.jpg\n2\t2\tm\xfcller.jpg\n3\t2\tc.jpg\n"))
    assert (first.index, last.index) == (1, 3)
    assert (failure.line, failure.index, failure.path, failure.stage) == (2, None, None, "list")
    assert "0xfc" in failure.reason
    assert "UTF-8" in failure.reason


def test_a_bad_line_becomes_a_failure_in_its_place(written):
    first, second, third = read_list(written(b"1\tx\ta.jpg\n-2\t1\tb.jpg\n3\t1\tc.jpg\n"))
    assert (first.line, first.index, first.path, first.stage) == (1, 1, "a.jpg", "list")
    assert (second.line, second.index, second.path, second.stage) == (2, None, "b.jpg", "list")
    assert third == ListEntry(3, (1.0,), "c.jpg", 3)


def test_an_index_seen_before_becomes_a_failure(written):
    results = list(read_list(written(b"1\t1\ta.jpg\n2\t1\tb.jpg\n1\t1\tc.jpg\n1\t1\td.jpg\n3\t1\ta.jpg\n")))
    assert [isinstance(result, Failure) for result in results] == [False, False, True, True, False]
    assert (results[2].line, results[2].index, results[2].path) == (3, 1, "c.jpg")
    assert "index 1 " in results[2].reason


def test_the_index_of_a_bad_line_may_be_used_again(written):
    bad, good = read_list(written(b"1\tx\ta.jpg\n1\t1\tb.jpg\n"))
    assert isinstance(bad, Failure)
    assert good.index == 1


def test_pack_labels_false_keeps_the_first_label(written):
    listed = written(b"1\t4\t5\t6\ta.jpg\n2\t7\tb.jpg\n")
    assert [entry.labels for entry in read_list(listed, pack_labels=False)] == [(4.0,), (7.0,)]
    assert [entry.labels for entry in read_list(listed)] == [(4.0, 5.0, 6.0), (7.0,)]


def test_a_file_that_is_not_there_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        next(read_list(tmp_path / "none.lst"))


def test_lost_precision_is_told_once_with_the_first_such_line(written):
    listed = written(b"1\t16777216\ta.jpg\n2\t1\t16777217\tb.jpg\n3\t16777219\tc.jpg\n")
    with pytest.warns(LabelPrecisionWarning) as told:
        entries = list(read_list(listed))
    assert len(told) == 1
    assert "line 2" in str(told[0].message)
    assert "16777217 becomes 16777216" in str(told[0].message)
    assert entries[1].labels == (1.0, 16777217.0)


def test_lost_precision_is_told_for_a_negative_label():
    with pytest.warns(LabelPrecisionWarning, match="-16777217 becomes -16777216"):
        list(read_list([ListEntry(0, (-16777217,), "a.jpg")]))


@pytest.mark.parametrize("label", [2**24, -(2**24), 2**24 + 2, 2**30, 0.1, 1 / 3, 20000000.5, 2**63, 1e-60])
def test_labels_that_are_exact_or_no_integers_are_not_told_of(label):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_list([ListEntry(0, (label,), "a.jpg")]))) == 1


def test_lost_precision_of_a_label_that_is_not_packed_is_not_told(written):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_list(written(b"1\t1\t16777217\ta.jpg\n"), pack_labels=False))) == 1


def test_entries_are_taken_as_parsed_ones():
    given_entries = [
        ListEntry(np.int64(3), np.array([1, 2], np.uint8), Path("cats") / "tom.jpg"),
        ListEntry(MAX_INDEX, [True], "b.jpg", line=40),
    ]
    first, second = read_list(iter(given_entries))
    assert first == ListEntry(3, (1.0, 2.0), os.path.join("cats", "tom.jpg"), 1)
    assert [type(first.index), type(first.labels), type(first.labels[0]), type(first.path)] == [int, tuple, float, str]
    assert second == ListEntry(MAX_INDEX, (1.0,), "b.jpg", 40)


BAD_ENTRIES = {
    "negative index": (ListEntry(-1, (1.0,), "a.jpg"), None, "a.jpg", "index -1"),
    "index above 64 bits": (ListEntry(2**64, (1.0,), "a.jpg"), None, "a.jpg", str(2**64)),
    "float index": (ListEntry(1.0, (1.0,), "a.jpg"), None, "a.jpg", "index 1.0"),
    "bool index": (ListEntry(True, (1.0,), "a.jpg"), None, "a.jpg", "index True"),
    "text index": (ListEntry("1", (1.0,), "a.jpg"), None, "a.jpg", "index '1'"),
    "no index": (ListEntry(None, (1.0,), "a.jpg"), None, "a.jpg", "index None"),
    "no labels": (ListEntry(1, (), "a.jpg"), 1, "a.jpg", "no label"),
    "label of letters": (ListEntry(1, ("cat",), "a.jpg"), 1, "a.jpg", "sequence of numbers"),
    "labels of letters": (ListEntry(1, "cat", "a.jpg"), 1, "a.jpg", "sequence of numbers"),
    "labels in one str of digits": (ListEntry(1, "12", "a.jpg"), 1, "a.jpg", "sequence of numbers"),
    "no labels but None": (ListEntry(1, None, "a.jpg"), 1, "a.jpg", "sequence of numbers"),
    "nan label": (ListEntry(1, (float("nan"),), "a.jpg"), 1, "a.jpg", "nan"),
    "infinite label": (ListEntry(1, (1.0, float("-inf")), "a.jpg"), 1, "a.jpg", "-inf"),
    "label above float32": (ListEntry(1, (1e39,), "a.jpg"), 1, "a.jpg", "float32"),
    "label above float64": (ListEntry(1, (10**400,), "a.jpg"), 1, "a.jpg", "label"),
    "empty path": (ListEntry(1, (1.0,), ""), None, None, "path"),
    "no path": (ListEntry(1, (1.0,), None), 1, "entry 1", "path"),
}


@pytest.mark.parametrize(("entry", "index", "path", "words"), list(BAD_ENTRIES.values()), ids=list(BAD_ENTRIES))
def test_a_bad_entry_becomes_a_failure_and_the_rest_is_taken(entry, index, path, words):
    failure, good = read_list([entry, ListEntry(7, (1.0,), "good.jpg")])
    assert isinstance(failure, Failure)
    assert (failure.line, failure.index, failure.path, failure.stage) == (1, index, path, "list")
    assert words in failure.reason
    assert good == ListEntry(7, (1.0,), "good.jpg", 2)


def test_a_bad_entry_is_told_by_its_own_line():
    (failure,) = read_list([ListEntry(-1, (1.0,), "a.jpg", line=99)])
    assert failure.line == 99


def test_the_same_index_twice_among_entries_becomes_a_failure():
    _, failure = read_list([ListEntry(1, (1.0,), "a.jpg"), ListEntry(np.uint64(1), (1.0,), "b.jpg")])
    assert (failure.line, failure.index, failure.path) == (2, 1, "b.jpg")


@pytest.mark.parametrize("wrong", [(1, (1.0,), "a.jpg", 4), (1.0,), "1\t1\ta.jpg", None])
def test_what_is_no_entry_at_all_is_a_type_error_that_names_its_place(wrong):
    entries = read_list([ListEntry(0, (1.0,), "a.jpg"), wrong])
    assert next(entries).index == 0
    with pytest.raises(TypeError, match="entry 2 is " + type(wrong).__name__):
        next(entries)


def test_entries_are_consumed_one_by_one():
    consumed = []

    def endless():
        while True:
            consumed.append(len(consumed))
            yield ListEntry(consumed[-1], (1.0,), "a.jpg")

    entries = read_list(endless())
    assert consumed == []
    next(entries)
    assert consumed == [0]
    next(entries)
    assert consumed == [0, 1]


def test_a_file_is_never_in_memory_as_a_whole(tmp_path):
    listed = tmp_path / "long.lst"
    listed.write_bytes(b"".join(b"%d\t1\t%s.jpg\n" % (index, b"x" * 400) for index in range(20_000)))
    tracemalloc.start()
    try:
        assert next(read_list(listed)).index == 0
        deque(read_list(listed), maxlen=1)
        LstFile(listed).count()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert listed.stat().st_size > 8_000_000
    assert peak < 1_000_000


@given(st.lists(st.one_of(st.integers(0, 200), st.integers(0, MAX_INDEX))))
@settings(deadline=None, max_examples=100)
def test_an_index_set_answers_as_a_set_does(indices):
    ours, reference = IndexSet(), set()
    for index in indices:
        assert ours.add(index) == (index not in reference)
        reference.add(index)


def test_an_index_set_of_neighbours_takes_about_two_bytes_each():
    count = 300_000
    tracemalloc.start()
    try:
        indices = IndexSet()
        for index in range(count):
            indices.add(index)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held / count < 4


PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n"), min_size=1).map(str.strip).filter(bool)
LABELS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=6).map(tuple)
ENTRIES = st.builds(ListEntry, st.integers(0, MAX_INDEX), LABELS, PATHS, st.none())


def as_line(entry, separator="\t"):
    return separator.join([str(entry.index), *map(repr, entry.labels), entry.path])


@given(st.lists(ENTRIES, max_size=8, unique_by=lambda entry: entry.index), st.booleans(), st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None, max_examples=100)
def test_entries_survive_the_way_through_a_file(scratch, entries, with_bom, line_end):
    scratch.write_bytes(BOM * with_bom + "".join(as_line(entry) + line_end for entry in entries).encode())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # whatever float32 holds loses nothing
        assert list(read_list(scratch)) == [entry._replace(line=number) for number, entry in enumerate(entries, 1)]
    assert list(read_list(entries)) == [entry._replace(line=number) for number, entry in enumerate(entries, 1)]


def test_a_source_notices_that_its_list_changes(tmp_path):
    path = tmp_path / "a.lst"
    path.write_text("0\t1\ta.jpg\n")
    source = open_list(path)
    digest = source.digest
    assert source.is_unchanged() and source.can_be_read_twice and digest == open_list(str(path)).digest
    os.utime(path, (1, 1))
    assert source.is_unchanged()  # another time, the same bytes
    path.write_text("0\t1\tb.jpg\n")
    assert not source.is_unchanged() and open_list(path).digest != digest
    path.unlink()
    assert not source.is_unchanged()


def test_entries_have_no_digest_and_do_not_change():
    entries = [ListEntry(0, (1.0,), "a.jpg")]
    assert open_list(entries).digest == open_list(iter(entries)).digest == "no file"
    assert open_list(entries).is_unchanged()
    assert open_list(entries).can_be_read_twice and not open_list(iter(entries)).can_be_read_twice
    assert open_list(entries).count() == 1 and open_list(iter(entries)).count() is None


@pytest.mark.parametrize("wrong", [None, 3, b"a.lst", ListEntry(0, (1.0,), "a.jpg")])
def test_what_is_no_list_is_refused(wrong):
    with pytest.raises(TypeError, match="must be a path or an iterable of ListEntry"):
        open_list(wrong)


def test_a_source_is_taken_as_it_is(tmp_path):
    source = open_list([])
    assert open_list(source) is source
