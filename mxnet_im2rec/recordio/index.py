# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Reads an .idx, whose lines are ``key <tab> offset``. The only parser of these lines. Knows no .rec."""

from __future__ import annotations

from array import array
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from ..errors import RecordFormatError
from ..limits import MAX_INDEX
from ..storage.filebuffer import read_lines
from .advice import damaged_idx

_LONGEST_LINE = 100  # bytes: two numbers of 20 digits, a tab, and some blanks
_LONGEST_LINE_OF_ANY_KEY = 1 << 16  # bytes
_MAX_OFFSET = 2**63 - 1
_SHOWN = 80  # bytes of a line, in a message
EXPECTED = "a key, a tab and an offset"


class IndexLine(NamedTuple):
    """One line of an .idx.

    Attributes
    ----------
    number : int
        From 1.
    key, offset : int
        The index of an image, and where its record begins. Both are -1 where the line does not hold these two numbers.
    fault : str
        What is on the line instead of a key, a tab and an offset; empty where nothing is wrong. A line whose two numbers are
        not separated by one tab has both: numbers that can be read, and a fault, since MXNet fails on it.
    """

    number: int
    key: int
    offset: int
    fault: str


class Index(NamedTuple):
    """The lines of an .idx that hold a key and an offset, in the order of the file."""

    keys: np.ndarray  # (n,) uint64
    offsets: np.ndarray  # (n,) int64
    numbers: np.ndarray  # (n,) int64, those of the lines, from 1


def parse_index(idx_path: str) -> Iterator[IndexLine]:
    """Every line of an .idx, sound or not. OSError comes if the file cannot be read, and no other error."""
    with open(idx_path, "rb") as stream:
        for number, line in read_lines(stream, _LONGEST_LINE):
            yield _parse(number, line)


def _parse(number: int, line: bytes) -> IndexLine:
    shown = repr(line[:_SHOWN].decode("ascii", "backslashreplace"))
    words = line.split()
    if len(line) > _LONGEST_LINE:
        return IndexLine(number, -1, -1, f"a line of more than {_LONGEST_LINE} bytes, {shown}")
    if not words:
        return IndexLine(number, -1, -1, "a blank line; MXIndexedRecordIO raises ValueError on it")
    if len(words) != 2 or not (words[0].isdigit() and words[1].isdigit()):
        return IndexLine(number, -1, -1, shown)
    key, offset = int(words[0]), int(words[1])
    if key > MAX_INDEX or offset > _MAX_OFFSET:
        return IndexLine(number, -1, -1, f"numbers of more than 64 bits, {shown}")
    return IndexLine(number, key, offset, "" if line.strip().count(b"\t") == 1 else shown)


def collect(lines: Iterable[IndexLine]) -> Index:
    """The numbers of lines that have them, as arrays."""
    keys, offsets, numbers = array("Q"), array("q"), array("q")
    for line in lines:
        keys.append(line.key)
        offsets.append(line.offset)
        numbers.append(line.number)
    return Index(np.array(keys, np.uint64), np.array(offsets, np.int64), np.array(numbers, np.int64))


def read_index(idx_path: str) -> Index:
    """Read an .idx for its numbers; RecordFormatError if a line does not hold the two numbers.

    Blank lines are passed over, and any white space separates.
    """
    return collect(_with_numbers(idx_path))


def _with_numbers(idx_path: str) -> Iterator[IndexLine]:
    for line in parse_index(idx_path):
        if line.key >= 0:
            yield line
        elif not line.fault.startswith("a blank line"):
            raise damaged_idx(RecordFormatError(idx_path, line.number, EXPECTED, line.fault, unit="line"))


def read_keys(idx_path: str, key_type: Callable[[str], Any], rec_path: Optional[str] = None) -> Iterator[Tuple[Any, int]]:
    """Each key of an .idx, with its offset, by the rules of MXIndexedRecordIO.

    Keys are what ``key_type`` makes of any text, one tab separates, and what stands behind a second tab does not count.

    Raises
    ------
    RecordFormatError
        If a line does not hold a key and an offset. ``rec_path`` is the .rec that the message names, if it is known.
    """
    with open(idx_path, "rb") as stream:
        for number, line in read_lines(stream, _LONGEST_LINE_OF_ANY_KEY):
            try:
                fields = line.decode("utf-8").strip().split("\t")
                key, offset = key_type(fields[0]), int(fields[1])
            except (ValueError, IndexError):
                offset = -1
            if not 0 <= offset <= _MAX_OFFSET:
                found = repr(line[:_SHOWN].decode("utf-8", "backslashreplace"))
                raise damaged_idx(RecordFormatError(idx_path, number, EXPECTED, found, unit="line"), rec_path)
            yield key, offset
