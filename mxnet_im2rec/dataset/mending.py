# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Mending: records go into the places of entries that failed before, in a dataset that is not finished.

The records around them are copied, not made again. Knows the writer and the places; not how records are made.
"""

from __future__ import annotations

import os
from itertools import chain
from typing import Iterable, List, Sequence, Tuple, Union

from ..errors import OutputError
from ..values import DamagedImage, Failure
from .journal import KeptFailure
from .writer import RecordWriter

Outcome = Union[Failure, Tuple[int, bytes]]
"""What became of an entry: a Failure, or the index of a record and the record."""


def mend(
    writer: RecordWriter,
    outcomes: Iterable[Tuple[KeptFailure, Outcome]],
    damaged: Sequence[Tuple[int, DamagedImage]] = (),
) -> None:
    """Write what is kept once more, with the records that there are now in their places.

    Parameters
    ----------
    writer : RecordWriter
        One that goes on with what an earlier one has left.
    outcomes : iterable of (KeptFailure, Failure or (int, bytes))
        For each of the kept failures, in order, what became of it when its entry was tried again.
    damaged : sequence of (int, DamagedImage)
        All images that are damaged inside; it may grow while the outcomes are taken.
    """
    kept = writer.kept
    assert kept is not None
    rec, idx = writer.partial_paths
    failures: List[KeptFailure] = []
    num_mended = 0
    try:
        with open(rec, "rb") as records, open(idx, encoding="ascii") as lines:
            writer.begin_next_generation()
            old = _OldRecords(writer, records.fileno(), lines, kept.rec_bytes)
            for failure, outcome in outcomes:
                if isinstance(outcome, Failure):
                    failures.append(KeptFailure(failure.entries, failure.records + num_mended, outcome))
                else:
                    old.copy_up_to(failure.records)
                    writer.write(*outcome)
                    num_mended += 1
            old.copy_up_to(kept.records)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot read {os.path.basename(rec)!r}: {error}") from error
    writer.checkpoint(kept.entries, kept.digest, failures, damaged, replace=True)


class _OldRecords:
    """The records that are kept, of which one range after the other is copied."""

    def __init__(self, writer: RecordWriter, rec: int, lines: Iterable[str], end: int) -> None:
        places = ((int(index), int(offset)) for index, offset in map(str.split, lines))
        self._places = chain(places, [(-1, end)])  # the last one is no record's
        self._next = next(self._places)
        self._writer, self._rec = writer, rec
        self._num_copied = 0

    def copy_up_to(self, num_records: int) -> None:
        start, taken = self._next[1], []
        while self._num_copied < num_records:
            taken.append(self._next)
            self._next = next(self._places)
            self._num_copied += 1
        self._writer.copy(self._rec, start, self._next[1], taken)
