# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Going on with what an interrupted run has left.

1. The list must begin with the entries that are done.
2. A few of the records that are there are made again: they must be the same.
3. Entries that failed are tried again. Those that work now get their places.

And where the dataset is complete already there is nothing to do, if it is the dataset that this run would make.
"""

from __future__ import annotations

import logging
import os
from itertools import chain, islice
from typing import Iterator, List, Optional, Sequence, Set, Tuple, Union

import numpy as np

from ..dataset.failures import read_failures
from ..dataset.journal import KeptFailure
from ..dataset.mending import Outcome, mend
from ..dataset.writer import BEGIN_AGAIN, RecordWriter
from ..errors import RecordFormatError, ResumeError
from ..recordio.paths import DatasetPaths
from ..recordio.reader import Record, RecordFile
from ..text import Argument, Call, Text, message_of
from ..values import Entries, Failure, ListEntry
from .proof import positions_to_prove, prove
from .run import Run

_log = logging.getLogger("mxnet_im2rec")

_Entry = Union[ListEntry, Failure]


def resume(run: Run, writer: RecordWriter, entries: Entries) -> int:
    """Pass over what is done already, and try again what failed; gives how many records were there."""
    kept = writer.kept
    if kept is None:
        return 0
    indices = iter(_read_kept(*writer.partial_paths, kept.records))
    run.places_of_damaged += writer.kept_damaged
    places = {failure.entries: failure for failure in writer.kept_failures}
    wanted = set(positions_to_prove(kept.records))
    to_prove: List[ListEntry] = []
    again: List[Tuple[KeptFailure, _Entry]] = []
    damaged = {number: (image.index, image.path) for number, image in writer.kept_damaged}
    is_the_same = True
    for entry in islice(entries, kept.entries):
        is_the_same = is_the_same and damaged.get(run.num_entries, (entry.index, entry.path)) == (entry.index, entry.path)
        if run.num_entries in places:
            again.append((places[run.num_entries], entry))
        else:
            is_the_same = is_the_same and next(indices, None) == entry.index
            if run.num_entries - len(again) in wanted and isinstance(entry, ListEntry):
                to_prove.append(entry)
        run.take(entry)
    if not is_the_same or str(run.digest) != kept.digest:
        what = f"the list is not the one with which {writer.paths.rec!r} was begun. "
        raise ResumeError(Text(what, BEGIN_AGAIN))
    prove(run, *writer.partial_paths, to_prove, BEGIN_AGAIN)
    _try_again(run, writer, again)
    return kept.records


def _read_kept(rec: str, idx: str, num_records: int) -> List[int]:
    """The indices of the records that an interrupted run has left, which must be those that its journal counts."""
    found = 0
    try:
        with RecordFile(rec, idx) as records:
            indices = records.keys.tolist()
            for record, index in zip(records, indices):
                found += record.index == index
    except RecordFormatError as error:
        raise ResumeError(Text("what an interrupted run has left is damaged: ", message_of(error), ". ", BEGIN_AGAIN)) from error
    if found != num_records:
        raise ResumeError(Text(f"{rec!r} holds {found:,} records, its journal says {num_records:,}. ", BEGIN_AGAIN))
    return indices


def _try_again(run: Run, writer: RecordWriter, again: Sequence[Tuple[KeptFailure, _Entry]]) -> None:
    """Try entries that failed before; if one of them works now, mend the dataset from there on."""
    outcomes = _outcomes(run, again)
    failures: List[Tuple[KeptFailure, Outcome]] = []
    for failure, outcome in outcomes:
        if not isinstance(outcome, Failure):
            mend(writer, chain(failures, [(failure, outcome)], outcomes), run.places_of_damaged)
            for kept in writer.kept_failures:
                run.fail(kept.failure)
            return
        failures.append((failure, outcome))
    for _, still in failures:
        assert isinstance(still, Failure)
        run.fail(still)


def _outcomes(run: Run, again: Sequence[Tuple[KeptFailure, _Entry]]) -> Iterator[Tuple[KeptFailure, Outcome]]:
    results = run.map(iter([entry for _, entry in again]))
    for (failure, _), (entry, result) in zip(again, results):
        if isinstance(result, Failure):
            yield failure, result
        else:
            yield failure, (entry.index, run.look_at(result, entry, failure.entries))


def check_complete(run: Run, paths: DatasetPaths, entries: Entries) -> int:
    """See that a dataset which is in place is the one that this run would make; gives how many records it has.

    Every entry must have its record, in order and with its labels, or stand in the table of failures. A few records are made
    again. The failures count as those of the run. ResumeError comes at the first difference.
    """
    advice = Text("To replace it, pack with ", Argument("resume", False))
    try:
        failures = _table_of(paths, advice)
        if not os.path.lexists(paths.idx):
            missing = f"{paths.rec!r} is there, but its index, {paths.idx!r}, is missing: "
            raise ResumeError(Text(missing, Call("build_index", paths.rec), " makes it. ", advice))
        with RecordFile(paths.rec, paths.idx) as records:
            to_prove = _compare(entries, iter(records), set(positions_to_prove(len(records))), failures)
            num_records = len(records)
        prove(run, paths.rec, paths.idx, to_prove, advice)
    except (_Difference, RecordFormatError, OSError) as error:
        what = f"{paths.rec!r} is complete, and is not the dataset of this list and these settings: "
        if isinstance(error, RecordFormatError):
            what = "the dataset that is there is damaged: "
        elif isinstance(error, OSError):
            what = "the dataset that is there cannot be read: "
        raise ResumeError(Text(what, message_of(error), ". ", advice)) from error
    if failures:
        what = "the dataset is complete, without the entries that failed when it was packed. They are not tried again; pack them "
        _log.warning(Text(what, "with ", Argument("only")))
    for failure in failures:
        run.fail(failure)
    return num_records


class _Difference(ValueError):
    """Between a dataset and a list."""


def _table_of(paths: DatasetPaths, advice: str) -> List[Failure]:
    try:
        return read_failures(paths.failures)
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ResumeError(Text(f"the table of failures is damaged: {error}. ", advice)) from error


def _compare(entries: Entries, records: Iterator[Record], wanted: Set[int], failures: Sequence[Failure]) -> List[ListEntry]:
    """The entries of the wanted positions; _Difference unless every entry has its record or its failure."""
    failed = {failure.line: failure for failure in failures}
    to_prove: List[ListEntry] = []
    position = 0
    for entry in entries:
        failure = failed.pop(entry.line, None)
        if failure is not None:
            if (failure.index, failure.path) != (entry.index, entry.path):
                found = f"index {failure.index} and {failure.path!r}"
                raise _Difference(f"line {entry.line} of the list is {_name(entry)}, the table of failures has {found} there")
            continue
        _check_record(entry, next(records, None), position)
        if position in wanted and isinstance(entry, ListEntry):
            to_prove.append(entry)
        position += 1
    if failed:
        raise _Difference(f"the table of failures has line {next(iter(failed))}, which is not in the list")
    more = next(records, None)
    if more is not None:
        raise _Difference(f"the list has no entry for the record at position {position:,}, of index {more.index}")
    return to_prove


def _check_record(entry: _Entry, record: Optional[Record], position: int) -> None:
    if isinstance(entry, Failure):
        raise _Difference(f"line {entry.line} of the list is no entry ({entry.reason}), and is not in the table of failures")
    where = f"line {entry.line} of the list is {_name(entry)}, "
    if record is None:
        raise _Difference(f"{where}which has neither a record nor a line in the table of failures")
    if record.index != entry.index:
        raise _Difference(f"{where}the record at position {position:,} has the index {record.index}")
    if not np.array_equal(record.labels, np.array(entry.labels, np.float32)):
        found = ", ".join(f"{label:g}" for label in record.labels.tolist())
        raise _Difference(f"{where}its record has other labels: {found}")


def _name(entry: _Entry) -> str:
    return f"index {entry.index}, {entry.path!r}"
