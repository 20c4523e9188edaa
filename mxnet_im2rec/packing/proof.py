# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Proof that a run would make the records that are there: a few of them are made again, and compared byte for byte.

What a transform does cannot be read out of its code: a helper, a library or an image may have changed. What it makes can be seen.
"""

from __future__ import annotations

from typing import List, Sequence

from ..errors import ResumeError
from ..recordio.reader import RecordFile
from ..storage.filebuffer import FileBuffer
from ..text import Argument, Text
from ..values import Failure, ListEntry
from .run import Run

NUM_PROVEN = 4  # records, or all if there are fewer


def positions_to_prove(num_records: int) -> List[int]:
    """The positions of the records to make again: the first, the last, and evenly between.

    Examples
    --------
    >>> positions_to_prove(100), positions_to_prove(2), positions_to_prove(0)
    ([0, 33, 66, 99], [0, 1], [])
    """
    steps = NUM_PROVEN - 1
    return sorted({step * (num_records - 1) // steps for step in range(NUM_PROVEN)}) if num_records else []


def prove(run: Run, rec: str, idx: str, entries: Sequence[ListEntry], way_out: str) -> None:
    """Make the records of some entries again, by the workers of the run, and compare them with those that are there.

    The entries are those at the positions that :func:`positions_to_prove` gives, in order. ResumeError if one of them differs: it
    names the record, what may have changed, and the ``way_out``.
    """
    with FileBuffer(rec) as buffer, RecordFile(rec, idx) as records:
        places = [records[position] for position in positions_to_prove(len(records))]
        for (entry, made), record in zip(run.map(iter(entries)), places):
            there = bytes(buffer[record.offset : record.next_offset])
            if isinstance(made, Failure):
                raise _differs(entry, Text("made again now, it fails: ", str(made.reason)), way_out)
            if b"".join(made) != there:
                raise _differs(entry, f"made again now, it differs from the record in {rec!r}", way_out)


def _differs(entry: ListEntry, what: str, way_out: str) -> ResumeError:
    where = f"the record of line {entry.line}, index {entry.index}, {entry.path!r}: "
    may_be = Text(
        "Something has changed since that record was written: the image, ",
        Argument("transformations"),
        " or code that they use, ",
        Argument("seed"),
        " or another setting, MXNet or OpenCV. Or ",
        Argument("transformations"),
        " give another result each time. ",
    )
    return ResumeError(Text(where, what, ". ", may_be, way_out))
