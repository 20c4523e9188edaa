# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A line without an end, and files of many lines: what reads them takes no more memory than a small multiple of the file."""

import io
import os
import tracemalloc

import numpy as np
import pytest
from helpers import read_list

from mxnet_im2rec import ListEntry, RecordFile, RecordFormatError, check_list, verify
from mxnet_im2rec.cli.legacy import entries as legacy_entries
from mxnet_im2rec.dataset.failures import read_failures
from mxnet_im2rec.lists.lines import LONGEST_LINE, format_line
from mxnet_im2rec.lists.lst_file import LstFile
from mxnet_im2rec.recordio.frames import frame
from mxnet_im2rec.recordio.header import pack_header
from mxnet_im2rec.recordio.index import read_index
from mxnet_im2rec.storage.filebuffer import read_lines

MIB = 1 << 20
LONG = 24 * MIB


def peak(function, *arguments):
    """What the function gives or raises, and the most memory that Python held meanwhile."""
    tracemalloc.start()
    try:
        try:
            result = function(*arguments)
        except (ValueError, OSError) as error:
            result = error
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def reference(text, limit):
    return [(number, line[: limit + 1]) for number, line in enumerate(io.StringIO(text), 1)]


def test_read_lines_gives_the_begin_of_every_line():
    for text in ("", "\n", "a", "abc\n", "abcd\n", "abcde\n", "abc\nabcde\nx", "abcdefghijkl", "abcdefghijkl\n\nab\n" * 3):
        for limit in range(1, 15):
            assert list(read_lines(io.StringIO(text), limit)) == reference(text, limit)
            assert list(read_lines(io.BytesIO(text.encode()), limit)) == [
                (number, line.encode()) for number, line in reference(text, limit)
            ]


@pytest.fixture
def rec(tmp_path):
    data = b"".join(frame(pack_header(0, [1.0]) + b"abc"))
    (tmp_path / "a.rec").write_bytes(data)
    return tmp_path / "a.rec"


@pytest.mark.parametrize("piece", [b"1\t", b"1", b" ", b"1 ", b"\0"])
def test_an_index_of_one_long_line(rec, piece):
    idx = rec.with_suffix(".idx")
    idx.write_bytes(b"0\t0\n" + piece * (LONG // len(piece)))
    for function, arguments in ((read_index, [str(idx)]), (RecordFile, [rec])):
        error, memory = peak(function, *arguments)
        assert isinstance(error, RecordFormatError) and memory < MIB
        assert (error.path, error.offset) == (str(idx), 2) and "a.idx', line 2: expected a key" in str(error)
    report, memory = peak(lambda: verify(rec, pixels="none"))
    assert "line 2: expected a key, a tab and an offset, found a line of more than 100 bytes" in str(report.problems[0])
    assert memory < 2 * MIB


@pytest.mark.parametrize("function", ["read_index", "verify"])
@pytest.mark.whole
def test_an_index_of_many_lines(rec, function):
    count = 60_000
    idx = rec.with_suffix(".idx")
    idx.write_text("".join(f"{position}\t{36 * position}\n" for position in range(count)))
    size = os.path.getsize(idx)
    if function == "read_index":
        (keys, offsets, lines), memory = peak(read_index, str(idx))
        assert np.array_equal(keys, np.arange(count)) and np.array_equal(offsets, 36 * keys) and np.array_equal(lines, keys + 1)
        assert memory < 4 * size
    else:
        report, memory = peak(lambda: verify(rec, pixels="none"))
        assert "59,999 lines are of records behind its end" in str(report)
        assert memory < 10 * size


@pytest.mark.parametrize("piece", ["1\t", "1 ", "1", " ", "é"])
def test_a_list_of_one_long_line(tmp_path, piece):
    path = tmp_path / "a.lst"
    path.write_text(f"0\t1\ta.jpg\n{piece * (LONG // len(piece))}\n1\t1\tb.jpg\n", encoding="utf-8")
    expected = [(1, "a.jpg"), (2, None), (3, "b.jpg")]
    found, memory = peak(lambda: list(read_list(path)))
    assert [(each.line, each.path) for each in found] == expected and memory < 8 * MIB
    assert found[1].stage == "list" and "the line has more than 1,048,576 bytes" in found[1].reason
    assert peak(LstFile(path).count)[0] == 3
    found, memory = peak(lambda: list(legacy_entries.read_list(str(path), True, legacy_entries.Remarks(str(path)))))
    assert [(each.line, each.path) for each in found] == expected and memory < 16 * MIB


def test_a_long_comment_is_a_comment(tmp_path):
    path = tmp_path / "a.lst"
    path.write_bytes(b"# " + b"1\t" * LONG + b"\n0\t1\ta.jpg\n")
    found, memory = peak(lambda: list(read_list(path)))
    assert found == [ListEntry(0, (1.0,), "a.jpg", 2)] and memory < 8 * MIB


def test_the_longest_line_that_is_an_entry(tmp_path):
    path = tmp_path / "a.lst"
    entry = ListEntry(0, (1.0,) * ((LONGEST_LINE - 10) // 2), "a.jpg", 1)
    line = format_line(entry)
    line += "x" * (LONGEST_LINE - len(line) - 1) + "\n"
    path.write_text(line)
    assert path.stat().st_size == LONGEST_LINE
    (found,) = read_list(path)
    assert found.labels == entry.labels
    path.write_text("x" + line)
    (found,) = read_list(path)
    assert "the line has more than" in found.reason
    assert "the line has more than" in str(check_list(path, tmp_path))


def test_a_table_of_failures_of_one_long_line(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("line\tindex\tpath\tstage\treason\n" + "1\t" * LONG)
    error, memory = peak(read_failures, path)
    assert isinstance(error, ValueError) and "a.tsv', line 2: it has more than" in str(error)
    assert memory < 3 * LONG
