# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec.py`` without --list: every list of the prefix becomes a dataset. What is done with an image is in another room."""

from __future__ import annotations

import argparse
import os
import re
from typing import Callable, Iterable, List, Union

from ...arguments import most_workers
from ...dataset.writer import RecordWriter
from ...engine.ordered import ordered_map
from ...engine.pool import Pieces
from ...errors import EmptyDatasetError, WorkerDiedError
from ...lists.lst_file import LstFile
from ...packing.settings import PackSettings
from ...packing.worker import DamagedRecord
from ...packing.workers import BYTES_IN_FLIGHT, CHUNK_ENTRIES, open_pool
from ...progress import open_progress
from ...recordio.paths import DatasetPaths
from ...text import count, message_of
from ...values import Failure, ListEntry
from ..errors import WrongCall
from ..output import failure_line, say
from .entries import Remarks, read_list
from .output import print_as_it_is, warn, worded
from .work import Work

_ENTRIES_IN_FLIGHT = PackSettings.batch_size
_TIMEOUT = PackSettings.timeout
_NAMES_SHOWN = 5
_OF_LIST_OPTION = re.compile(r"(_[0-9]+)?(_train|_val|_test)?\.lst")  # what --list puts behind the prefix


def pack_lists(args: argparse.Namespace) -> int:
    """Pack every list of the prefix."""
    if args.resize < 0:
        raise WrongCall(f"--resize must be at least 0, not {args.resize}")
    lists = _find_lists(args.prefix)
    args.num_thread = _few_enough(args.num_thread)
    work = Work(args)
    all_well = [_pack(path, work, args) for path in lists]
    return 0 if all(all_well) else 1


def _few_enough(num_thread: int) -> int:
    """The number of workers, or the most of them that do not take the machine down; the result is the same."""
    most = most_workers()
    if num_thread > most:
        warn(f"--num-thread {num_thread} is more than this machine bears: taking {most}, the result is the same")
    return min(num_thread, most)


def _find_lists(prefix: str) -> List[str]:
    """The lists that the prefix stands for: all in it if it is a folder; else the one of just this name; else those that --list
    makes of it."""
    is_folder = os.path.isdir(prefix)
    folder = prefix if is_folder else os.path.dirname(prefix)
    if not os.path.isdir(folder):
        raise WrongCall(f"the folder of the lists, {folder!r}, is not there")
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".lst")]
    paths = [path for path in paths if os.path.isfile(path) and path.startswith(prefix)]
    chosen = paths
    if not is_folder:
        chosen = [path for path in paths if path in (prefix, f"{prefix}.lst")]
        chosen = chosen or [path for path in paths if _OF_LIST_OPTION.fullmatch(path, len(prefix))]
    others = [os.path.basename(path) for path in paths if path not in chosen]
    if others:
        shown = ", ".join(others[:_NAMES_SHOWN]) + (f" and {len(others) - _NAMES_SHOWN:,} more" if others[_NAMES_SHOWN:] else "")
        warn(f"passed over, though the names begin with {os.path.basename(prefix)!r}: {shown}; to pack one give its own prefix")
    if not chosen:
        where = f"in the folder {prefix!r}" if is_folder else f"with the prefix {prefix!r}, such as {prefix + '.lst'!r}"
        raise WrongCall(f"there is no list {where}; make one with --list")
    return chosen


def _pack(list_path: str, work: Work, args: argparse.Namespace) -> bool:
    """Pack one list, and say what came of it; whether all is well."""
    rec_path = os.path.splitext(list_path)[0] + ".rec"
    remarks = Remarks(list_path)
    num_done = num_failed = 0

    with open_progress(None, LstFile(list_path).count) as show_progress:

        def take_down(entry: Union[ListEntry, Failure], result: Union[Pieces, Failure]) -> None:
            nonlocal num_done, num_failed
            num_done += 1
            if isinstance(result, Failure):
                num_failed += 1
                say(failure_line(result, list_path, worded(result.reason)))
            elif isinstance(result, DamagedRecord):
                say(f"{list_path}:{entry.line}: warning: {entry.path!r}: packed all the same, but {worded(result.damage)}")
            show_progress(num_done, num_failed)

        try:
            entries = read_list(list_path, args.pack_label, remarks)
            num_records = _pack_list(entries, work, DatasetPaths(rec_path), args.num_thread, take_down)
        except EmptyDatasetError:
            num_lost = count(num_failed, "entry", "entries")
            warn(f"{list_path}: all {num_lost} failed; {rec_path} was not written" + work.advice())
            return False
        except WorkerDiedError as error:
            warn(f"{list_path}: {worded(message_of(error))}; {rec_path} was not written")
            return False
    remarks.say_them()
    print_as_it_is(f"{rec_path}: {count(num_records, 'record')}\n")
    if num_failed:
        of_all = count(num_done, "entry", "entries")
        warn(f"{list_path}: {num_failed:,} of {of_all} failed, left out of {rec_path}" + work.advice())
    elif not num_records:
        warn(f"{list_path} has no entries: {rec_path} is empty, and MXNet's readers crash on it")
    return not num_failed


def _pack_list(
    entries: Iterable[Union[ListEntry, Failure]],
    work: Work,
    paths: DatasetPaths,
    num_thread: int,
    take_down: Callable[[Union[ListEntry, Failure], Union[Pieces, Failure]], None],
) -> int:
    """Do the work on every entry, write the records, and give their number; ``take_down`` receives every entry with its result.

    Where all fail it raises EmptyDatasetError, and what was at the output's place stays.
    """
    num_records = num_failures = 0
    pool = open_pool(work, num_thread if num_thread > 1 else 0, None, _TIMEOUT)
    with pool, RecordWriter(paths) as writer:
        writer.share_writing(pool)
        results = ordered_map(pool, entries, chunk_size=CHUNK_ENTRIES, max_items=_ENTRIES_IN_FLIGHT, max_bytes=BYTES_IN_FLIGHT)
        for entry, result in results:
            if isinstance(result, Failure):
                num_failures += 1
            else:
                writer.write_frames(entry.index, result)
                num_records += 1
            take_down(entry, result)
        if num_failures and not num_records:
            raise EmptyDatasetError("every entry failed")
        writer.finish()
        writer.publish()
    return num_records
