# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The lines of a list as im2rec.py reads them: what Python takes for a number is one, as in MXNet's tool."""

from __future__ import annotations

from typing import Iterator, Tuple, Union

from ...labels import EXACT_INTEGERS, as_float32
from ...limits import MAX_INDEX
from ...lists.lines import LONGEST_LINE, TOO_LONG
from ...lists.source import IndexSet
from ...storage.filebuffer import read_lines
from ...values import Failure, ListEntry
from ..output import say
from .output import AS_FILE_NAMES


class Remarks:
    """What is odd in a list, though it is packed; said once, at the end."""

    def __init__(self, list_path: str) -> None:
        self._list_path = list_path
        self._seen = IndexSet()
        self._num_repeated = 0
        self._repeated = self._inexact = ""

    def look_at(self, entry: ListEntry) -> None:
        if not self._seen.add(entry.index):
            self._num_repeated += 1
            self._repeated = self._repeated or f"{self._list_path}:{entry.line}: warning: the index {entry.index}"
        for label in entry.labels if not self._inexact else ():
            stored = as_stored(label)
            if stored - stored != 0 or (stored != label and abs(label) > EXACT_INTEGERS and label.is_integer()):
                self._inexact = f"{self._list_path}:{entry.line}: warning: the label {label:.17g} is stored as {stored:.17g}"
                break

    def say_them(self) -> None:
        if self._repeated:
            many = f" ({self._num_repeated:,} such lines)" if self._num_repeated > 1 else ""
            say(f"{self._repeated} was on an earlier line{many}; all are packed, but readers by index find the last one only")
        if self._inexact:
            say(f"{self._inexact}, a float32; this is said once, later labels may be concerned too")


def as_stored(label: float) -> float:
    try:
        return as_float32(label)
    except OverflowError:
        return float("inf") if label > 0 else float("-inf")


def read_list(path: str, pack_label: bool, remarks: Remarks) -> Iterator[Union[ListEntry, Failure]]:
    """The entries, and a Failure for each line that is none."""
    bom = b"\xef\xbb\xbf".decode(**AS_FILE_NAMES)
    with open(path, **AS_FILE_NAMES) as stream:
        for number, line in read_lines(stream, LONGEST_LINE):
            if len(line) > LONGEST_LINE:
                yield Failure(number, None, None, "list", TOO_LONG)
                continue
            if number == 1 and line.startswith(bom):
                line = line[len(bom) :]
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                entry = ListEntry(*_parse_line(text, pack_label), line=number)
            except ValueError as error:
                yield Failure(number, None, None, "list", str(error))
                continue
            remarks.look_at(entry)
            yield entry


def _parse_line(text: str, pack_label: bool) -> Tuple[int, Tuple[float, ...], str]:
    """The index, the labels that count, and the path."""
    fields = [field.strip() for field in text.split("\t")]
    if len(fields) < 3:
        raise ValueError(f"expected an index, a label and a path with tabs between them; found {text[:200]!r}")
    try:
        index = int(fields[0])
    except ValueError:
        index = -1
    if not 0 <= index <= MAX_INDEX:
        raise ValueError(f"the index {fields[0][:60]!r} is no whole number from 0 to 2**64 - 1")
    labels = []
    for field in fields[1:-1]:
        try:
            labels.append(float(field))
        except ValueError:
            raise ValueError(f"the label {field[:60]!r} is no number") from None
    if not pack_label:
        labels = labels[:1]
    if len(labels) == 1 and abs(as_stored(labels[0])) == float("inf") != abs(labels[0]):
        raise ValueError(f"the label {fields[1][:60]} is out of the range of float32, in which labels are stored")
    return index, tuple(labels), fields[-1]
