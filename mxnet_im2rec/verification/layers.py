# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The proof that a dataset is sound, layer by layer. Knows no argument of a caller's; the layers are in files of their own."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Iterable, NamedTuple, Optional

from ..limits import MAX_PIXELS
from ..progress import Progress, ProgressCallback, open_progress
from ..recordio.paths import what_readers_stumble_on
from ..storage.filebuffer import FileBuffer
from ..text import Argument, Text
from ..values import Entries
from .collecting import ProblemCollector
from .index_check import check_index
from .list_match import match_list
from .mxnet_reader import MXNetReader
from .reader_rules import READERS
from .report import VerifyReport
from .source_images import SourceCheck, check_sources
from .structure import check_structure

_PROGRESS_SECONDS = 1.0
_SAMPLE = 64  # records whose pixels are compared with pixels='sample'


class Task(NamedTuple):
    """What is to be proven. The fields are the arguments of verify(), checked."""

    rec_path: str
    idx_path: str
    entries: Optional[Entries] = None  # of the list; None: there is no list
    check: Optional[SourceCheck] = None  # None: the sources are not looked at
    has_root: bool = False  # whether it is known where the sources are
    pixels: str = "all"
    min_psnr: float = 20.0
    num_workers: int = 0
    num_records: Optional[int] = None
    max_pixels: Optional[int] = MAX_PIXELS
    reader: Optional[str] = None  # which is to train from the dataset


def prove(task: Task, iterator: Optional[MXNetReader], progress: Progress, started: float) -> VerifyReport:
    """Look at every layer. MXNet's reader was started before, since it has to load MXNet; without it no pixels are compared."""
    path, index = task.rec_path, task.idx_path
    problems = ProblemCollector()
    with ExitStack() as stack:
        buffer = stack.enter_context(FileBuffer(path))
        counter = _Counter()
        # 1. The bytes of the .rec.
        rules_found = ProblemCollector()  # to stand behind those of the .idx
        rules = None if task.reader is None else READERS[task.reader](path, index, buffer, rules_found)
        structure = check_structure(buffer, path, problems, None if rules is None else rules.look_at)
        count = len(structure.ids)
        if task.num_records is not None and task.num_records != count:
            problems.add("structure", f"expected {task.num_records:,} records, found {count:,}")
        # 2. The .idx.
        has_sound_index = check_index(index, structure, problems)
        if rules is None:
            _note_path(path, index, problems)
        else:  # what the reader asks for that is to train
            rules.conclude(structure)
            problems.extend(rules_found)
        # 3. MXNet's own reader begins; what it finds is reported behind all else.
        if iterator is not None:
            layers = ("reader",) if task.check is None else ("source", "reader")
            iterator.progress = lambda done: counter.saw("reader", done)
            counter.start(layers, count, stack.enter_context(open_progress(progress, lambda: count, "verify")))
            sample = _SAMPLE if task.pixels == "sample" else None
            iterator.begin(path, index if has_sound_index else None, structure, sample, task.max_pixels)
        # 4. The list, and the sources of its images.
        if task.entries is None:
            problems.note(Text("not compared with a list, nor with the sources: no ", Argument("list_file"), " was given"))
        else:
            matches = match_list(task.entries, buffer, path, structure, problems)
            if task.check is None or iterator is None:
                for _ in matches:
                    pass
                why = Text(Argument("pixels", "none")) if task.has_root else Text("no ", Argument("root"), " was given")
                problems.note(Text("not compared with the sources: ", why))
            else:
                step = max(1, -(-count // _SAMPLE)) if task.pixels == "sample" else 1
                sampled = (match for match in matches if match[1] % step == 0)

                def proceed(num_done: int) -> None:
                    iterator.take()
                    counter.saw("source", num_done * step)

                found = ProblemCollector()  # to stand behind those of the list, which come when its last entry was read
                check_sources(task.check, sampled, task.min_psnr, task.num_workers, found, proceed)
                problems.extend(found)
                counter.saw("source", count)
        if iterator is None:
            problems.note(Text("not read through ImageRecordIter, no image was decoded: ", Argument("pixels", "none")))
        else:
            iterator.finish(problems)
            counter.saw("reader", count)
        return problems.report(path, count, time.monotonic() - started)


class _Counter:
    """Counts the images that every layer which looks at images has done, and reports the number about once a second."""

    def __init__(self) -> None:
        self._last = 0.0

    def start(self, layers: Iterable[str], count: int, report: ProgressCallback) -> None:
        self._done, self._count, self._report = dict.fromkeys(layers, 0), count, report

    def saw(self, layer: str, num_done: int) -> None:
        """Take note of how many images a layer has done."""
        self._done[layer] = min(num_done, self._count)
        done, now = min(self._done.values()), time.monotonic()
        if done == self._count or now - self._last > _PROGRESS_SECONDS:
            self._last = now
            self._report(done, 0)


def _note_path(rec_path: str, idx_path: str, problems: ProblemCollector) -> None:
    stumbling = sorted({*what_readers_stumble_on(rec_path), *what_readers_stumble_on(idx_path)})
    if stumbling:
        found = ", ".join(map(repr, stumbling))
        problems.note(f"ImageRecordIter itself cannot open this path, which holds {found}; rename it before training")
