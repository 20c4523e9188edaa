# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Compares a .rec with the list that it was packed from: every entry once, in order, with its labels. Opens no image."""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

import numpy as np

from ..errors import RecordFormatError
from ..recordio.record import header_at
from ..storage.filebuffer import FileBuffer
from ..values import Entries, Failure, ListEntry
from .collecting import ProblemCollector, SimilarProblems
from .structure import Structure

_MOST_ALIKE = 10  # problems that are reported one by one; more become one line
_LEFT_OUT = "; what packing left out is among its failures"

Match = Tuple[ListEntry, int, int]
"""An entry, and the position and the offset of its record."""


def match_list(
    entries: Entries, buffer: FileBuffer, path: str, structure: Structure, problems: ProblemCollector
) -> Iterator[Match]:
    """Find each entry's record, and compare the labels. What is wrong is reported at the end of the list, which is streamed.

    For each entry that has a record it gives the position and the offset of that. Labels that only a worker will fetch are not
    compared here.
    """
    ids = structure.ids
    by_id = np.argsort(ids, kind="stable")
    is_taken = np.zeros(len(ids), bool)
    failed = SimilarProblems(problems, "list", "lines are no entries, or repeat an index", _MOST_ALIKE)
    missing = SimilarProblems(problems, "list", "entries have no record", _MOST_ALIKE)
    moved = SimilarProblems(problems, "list", "records stand before those of earlier entries of the list", _MOST_ALIKE)
    relabelled = SimilarProblems(problems, "list", "records have other labels than their entries", _MOST_ALIKE)
    left_over = SimilarProblems(problems, "list", "records have no entry", _MOST_ALIKE)
    expected = 0
    for entry in entries:
        if isinstance(entry, Failure):
            failed.add(f"no entry, so no record was looked for: {entry}")
            continue
        position = _position_of(entry.index, ids, by_id, expected)
        if position is None:
            missing.add(f"{_name(entry)} has no record", None, entry.index)
            continue
        is_taken[position] = True
        if position < expected:
            moved.add(f"the record of {_name(entry)} stands before that of an earlier entry", position, entry.index)
        expected = max(expected, position + 1)
        offset = int(structure.offsets[position])
        try:
            labels = header_at(buffer, offset, path)[0].labels
        except (RecordFormatError, OSError) as error:  # it changed meanwhile, or cannot be read
            relabelled.add(f"the labels of {_name(entry)} cannot be compared: {error}", position, entry.index)
            continue
        if entry.labels and not np.array_equal(labels, np.array(entry.labels, np.float32)):
            what = f"expected {_shown(np.array(entry.labels, np.float32))}, found {_shown(labels)}"
            relabelled.add(f"the labels of {_name(entry)}: {what}", position, entry.index)
        yield entry, position, offset
    for position in np.flatnonzero(~is_taken).tolist():
        left_over.add("no entry of the list is left for the record", position, int(ids[position]))
    failed.report()
    missing.report(_LEFT_OUT)
    for similar in (moved, relabelled, left_over):
        similar.report()


def _position_of(index: int, ids: np.ndarray, by_id: np.ndarray, expected: int) -> Optional[int]:
    """The position of the record with an id: the expected one if it has it, else the first that does."""
    if expected < len(ids) and int(ids[expected]) == index:
        return expected
    place = int(np.searchsorted(ids, np.uint64(index), sorter=by_id))
    return int(by_id[place]) if place < len(ids) and int(ids[by_id[place]]) == index else None


def _name(entry: ListEntry) -> str:
    return f"the entry of line {entry.line}, {entry.path!r}"


def _shown(labels: np.ndarray) -> str:
    return f"{len(labels)} labels" if len(labels) > 8 else str(labels.tolist())
