# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""concatenate(): several datasets become one, copied inside the kernel, with the offsets of their indices shifted."""

from __future__ import annotations

import logging
import os
import time
from contextlib import ExitStack
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, OutputError, RecordFormatError
from ..lists.classes import is_class_table, read_classes, table_lines
from ..recordio.paths import DatasetPaths
from ..recordio.reader import RecordFile
from ..text import Call, Text
from ..values import PackReport
from .failures import format_failures, read_failures
from .side_files import copy_lines, is_of_dataset
from .writer import RecordWriter

_log = logging.getLogger("mxnet_im2rec")

_Path = Union[str, os.PathLike]


def concatenate(rec_paths: Sequence[_Path], output_path: _Path, *, overwrite: bool = False) -> PackReport:
    """Join datasets, one behind the other.

    Every input is read through first, with its .idx if it has one: what is damaged is not copied. What was read is what is
    copied: if an input changes meanwhile, or another run replaces it, the error names it. The output appears only when it
    is whole.

    The table of the classes is carried on if all inputs have the same one. Else a warning is logged, and the output has none. The
    tables of sources are joined if every input has one.

    Parameters
    ----------
    rec_paths : sequence of str or os.PathLike
        The .rec files, in the order in which they are joined; at least one.
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``.
    overwrite : bool
        Whether to replace a dataset that is there already, which may be one of the inputs, and to give up what an interrupted
        run has left beside the output.

    Returns
    -------
    PackReport
        What was written.

    Raises
    ------
    FileExistsError
        If the output is there already, unless ``overwrite`` is given.
    OSError
        If a file cannot be opened or read, or the folder of the output does not exist.
    RecordFormatError
        If an input is damaged, or its .idx does not belong to it, or two records have the same index; it names both files then.
    OutputError
        If the output cannot be written whole, another run is writing it, an interrupted run could still be resumed there (unless
        ``overwrite`` is given), or an input has changed meanwhile.

    Examples
    --------
    >>> from mxnet_im2rec import concatenate, im2rec
    >>> im2rec('images.lst', 'most', error_limit=None)  # doctest: +SKIP
    >>> im2rec('images.lst', 'rest', only='most.failures.tsv')  # doctest: +SKIP
    >>> print(concatenate(['most.rec', 'rest.rec'], 'all'))  # doctest: +SKIP
    """
    started = time.monotonic()
    if isinstance(rec_paths, (str, bytes, os.PathLike)) or not len(rec_paths):
        raise ArgumentTypeError("rec_paths", "must be a list of paths, at least one", rec_paths)
    paths = DatasetPaths.of_output(output_path)
    arguments.refuse_existing(paths.files, overwrite)
    with ExitStack() as stack:
        files = [stack.enter_context(RecordFile(path)) for path in rec_paths]
        _refuse_repeated(files)
        offsets = [_check(each) for each in files]
        inputs = [DatasetPaths.of_rec(each.rec_path) for each in files]
        classes, sources = _common_classes(inputs), _all_sources(inputs)
        writer = stack.enter_context(RecordWriter(paths, gives_up=overwrite))
        for each, starts in zip(files, offsets):
            try:
                writer.copy(each.fileno(), 0, each.num_bytes, zip(each.keys.tolist(), starts))
            except OutputError as error:
                _refuse_changed(files)
                raise OutputError(f"{error}, while {each.rec_path!r} was copied") from error
        writer.finish()
        _refuse_changed(files)
        is_an_input = os.path.realpath(paths.rec) in [os.path.realpath(each.rec_path) for each in files]
        missing = _what_is_still_missing(paths, files) if is_an_input else []
        writer.publish(missing, classes=table_lines(classes), sources=copy_lines(sources))
    tables = paths.classes if classes else None, paths.sources if sources else None
    seconds = time.monotonic() - started
    return PackReport(paths.rec, paths.idx, writer.num_records, writer.num_bytes, (), seconds, 0, None, (), *tables)


def _common_classes(inputs: Sequence[DatasetPaths]) -> Dict[str, int]:
    """The classes that all inputs have; none if there is an input that has others, or no table."""
    tables = [read_classes(each.classes) if is_class_table(each.classes) else {} for each in inputs]
    if all(table == tables[0] for table in tables):
        return tables[0]
    others = next(each for each, table in zip(inputs, tables) if table != tables[0])
    what = "the classes of %r and %r are not the same ones: the output has no table of classes"
    _log.warning(what, inputs[0].rec, others.rec)
    return {}


def _all_sources(inputs: Sequence[DatasetPaths]) -> List[str]:
    """The tables of sources; none if there is an input that has none."""
    found = [each.sources for each in inputs if is_of_dataset(each, each.sources)]
    if len(found) == len(inputs):
        return found
    if found:
        _log.warning("%r and others have a table of sources, not all inputs do: the output has none", found[0])
    return []


def _what_is_still_missing(paths: DatasetPaths, files: Sequence[RecordFile]) -> Optional[List[str]]:
    """The table of failures of an input that the output replaces, less the entries that have a record now.

    None leaves the table as it is, where it cannot be read.
    """
    try:
        failures = read_failures(paths.failures)
    except FileNotFoundError:
        return []
    except (ValueError, OSError):
        return None
    there = {key for each in files for key in each.keys.tolist()} if failures else set()
    missing = [failure for failure in failures if failure.index is None or failure.index not in there]
    return [format_failures(missing)] if missing else []


def _refuse_changed(files: Sequence[RecordFile]) -> None:
    for each in files:
        if each.has_changed():
            what = f"{each.rec_path!r} was changed, or replaced by another file, while it was copied"
            raise OutputError(Text(what, "; nothing was written. Run ", Call("concatenate"), " again"))


def _check(records: RecordFile) -> List[int]:
    """Where the records begin; RecordFormatError if one is damaged or has another index than its key."""
    offsets = []
    for record, key in zip(records, records.keys.tolist()):
        if record.index != key:
            raise RecordFormatError(records.rec_path, record.offset, f"the record of index {key}", f"that of {record.index}")
        offsets.append(record.offset)
    return offsets


def _refuse_repeated(files: Sequence[RecordFile]) -> None:
    keys = np.concatenate([each.keys for each in files])
    order = np.argsort(keys, kind="stable")
    repeated = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    if len(repeated):
        (first, _), (second, position) = (_place(files, int(order[repeated[0] + step])) for step in (0, 1))
        expected = f"an index that is not in {first.rec_path!r} too (lists that are packed apart need indices of their own)"
        found = f"{keys[order[repeated[0]]]}, one of {len(repeated):,} that are there more than once"
        raise RecordFormatError(second.rec_path, second[position].offset, expected, found)


def _place(files: Sequence[RecordFile], number: int) -> Tuple[RecordFile, int]:
    """The file of a record, and its position in it."""
    for each in files:
        if number < len(each):
            return each, number
        number -= len(each)
    raise IndexError(number)
