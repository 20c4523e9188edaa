# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""import_list(): a source of entries, such as a table, becomes image lists and a table of the classes.

Knows no kind of source. What a list can say is written; what the source says besides goes to the report.
"""

from __future__ import annotations

import os
import random
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError, EmptyDatasetError, ListChangedError, ListLineError
from ..labels import MOST_KEPT, detection_classes
from ..text import Text, count, first_lines, visible
from ..values import Failure, ListEntry
from .classes import read_classes
from .dividing import cut, divide_each_label, plan_lists
from .lines import format_line
from .making import _check_ratios, _check_sizes, _write_all, paths_of
from .relative import relative_path
from .source import ListSource

_Path = Union[str, os.PathLike]
_MOST_CLASSES_SHOWN = 1000
_SHOWN = 10


@dataclass(frozen=True)
class ImportReport:
    """What :func:`mxnet_im2rec.import_list` wrote. Printing it gives a summary.

    Attributes
    ----------
    lists : tuple of (str, int)
        The absolute path of each list, and how many entries it has.
    classes : tuple of (int, str, int)
        The number and the name of each class, by number, and how many images have it, or how many objects; empty where the
        source knows no names.
    classes_path : str or None
        The absolute path of the class table, where there is one.
    num_images : int
        How many images the lists hold together.
    failures : tuple of Failure
        What is no entry, or what no list can carry, in the order of the source. The first 1,000 at most.
    num_failures : int
        How many there are in all.
    source_report : object
        What the source itself counts, such as a :class:`mxnet_im2rec.DetectionReport`; None where it counts nothing.
    seconds : float
        How long the call took.
    """

    lists: Tuple[Tuple[str, int], ...]
    classes: Tuple[Tuple[int, str, int], ...] = field(repr=False)
    classes_path: Optional[str]
    num_images: int
    failures: Tuple[Failure, ...] = field(repr=False)
    num_failures: int
    source_report: Any
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every entry of the source is in a list."""
        return not self.num_failures

    def __str__(self) -> str:
        lines: List[str] = [f"{count(self.num_images, 'image')} listed in {self.seconds:.1f} s"]
        lines += [f"  {visible(path)}  {number:,}" for path, number in self.lists]
        if self.classes_path is not None:
            lines.append(f"{count(len(self.classes), 'class', 'classes')}, in {visible(self.classes_path)}:")
            rows = [f"{number:>7}  {visible(name)}  {images:,}" for number, name, images in self.classes]
            lines += first_lines(rows, _MOST_CLASSES_SHOWN)
        if self.source_report is not None:
            lines.append(str(self.source_report))
        if self.failures:
            lines.append(count(self.num_failures, "entry failed and is left out:", "entries failed and are left out:"))
            lines += first_lines(self.failures, _SHOWN, self.num_failures)
        return Text("\n").join(lines)


def import_list(
    source: ListSource,
    prefix: _Path,
    *,
    train_ratio: float = 1.0,
    test_ratio: float = 0.0,
    shuffle: bool = False,
    seed: int = 100,
    stratify: bool = False,
    progress: Optional[Callable[[int], Any]] = None,
    overwrite: bool = False,
) -> ImportReport:
    """Write a source, such as a table, as image lists, and its classes as a class table.

    So what comes after is as for any list: checking, packing, verifying. The paths in the lists are relative to the lists' own
    folder, with ``..`` where the images lie elsewhere; so nothing needs a root. An entry has the index that it has in the source.

    Parameters
    ----------
    source : ListSource
        What :func:`mxnet_im2rec.from_table` gives, or another of the functions that begin with ``from_``.
    prefix : str or os.PathLike
        ``out`` or ``out.lst`` gives ``out.lst``, or ``out_train.lst``, ``out_val.lst`` and ``out_test.lst``; and the class table
        ``out_classes.txt``, where the source knows classes.
    train_ratio, test_ratio : float
        The shares of the training and the test list, 0 to 1 each and together; what remains is the validation list. With a
        train_ratio of 1 there is one list, ``out.lst``. A list whose share is 0 is not made. Which image is in which list is
        random. Where the source has groups, no group is in two lists.
    shuffle : bool
        Whether to put each list in random order. Else it has the order of the source.
    seed : int
        Of all that is random.
    stratify : bool
        Divide each class by the ratios, to within an image or two. Every image must have one label for that.
    progress : callable, optional
        Receives the count of entries read so far, after each.
    overwrite : bool
        Whether to replace lists, and a class table, that are there already. A class table with the same classes stays in any
        case.

    Returns
    -------
    ImportReport
        What was written, and what failed.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.
    EmptyDatasetError
        If no entry is left, or a list would have none.
    ListChangedError
        If the source changed while it was read.
    FileExistsError
        If one of the lists, or another class table, is there already, unless ``overwrite`` is given; and if a class table is
        there where the source has no classes.
    OSError
        If the folder of the prefix is not there.
    OutputError
        If a list cannot be written. Whenever the call raises for another reason, nothing was written.

    Examples
    --------
    >>> from mxnet_im2rec import from_table, import_list
    >>> report = import_list(from_table('photos.csv'), 'photos', train_ratio=0.8, stratify=True)  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    """
    started = time.monotonic()
    if not isinstance(source, ListSource):
        raise ArgumentTypeError("source", "must be a source, such as a table that was opened", type(source).__name__)
    ratios = _check_ratios(train_ratio, test_ratio)
    seed = arguments.whole_number("seed", seed)
    for name, value in (("shuffle", shuffle), ("stratify", stratify)):
        arguments.flag(name, value)
    arguments.progress(progress, may_be_flag=False)
    *outputs, classes_path = paths_of(prefix, 1, *ratios)
    keeps_table = _check_table(classes_path, source.classes)
    arguments.refuse_existing(outputs if keeps_table else [*outputs, classes_path], overwrite)

    read = _Read(source, os.path.dirname(outputs[0]), bool(stratify), progress)
    if not read.lines:
        first = f"; the first: {read.failures[0]}" if read.failures else ""
        found = f"all {read.num_failures:,} entries failed" if read.failures else "the source has no entries"
        raise EmptyDatasetError(f"{found}; nothing was written{first}", read.failures)
    if not source.is_unchanged():
        raise ListChangedError(f"{source.path!r} changed while it was read; nothing was written. Run it again")
    sizes = [size for _, size in plan_lists(len(read.lines), 1, *ratios)]
    _check_sizes(sizes, outputs, len(read.lines))
    divided = read.divide(sizes, seed, bool(shuffle))
    texts = [(path, (read.lines[position] for position in chosen)) for path, chosen in zip(outputs, divided)]
    classes = sorted((number, name) for name, number in (source.classes or {}).items())
    if classes and not keeps_table:
        texts.append((classes_path, (f"{number}\t{name}\n" for number, name in classes)))
    _write_all(texts, overwrite)
    return ImportReport(
        lists=tuple((path, len(chosen)) for path, chosen in zip(outputs, divided)),
        classes=tuple((number, name, read.of_class[number]) for number, name in classes),
        classes_path=classes_path if classes else None,
        num_images=len(read.lines),
        failures=tuple(read.failures),
        num_failures=read.num_failures,
        source_report=getattr(source, "report", None),
        seconds=time.monotonic() - started,
    )


def _check_table(path: str, classes: Optional[Dict[str, int]]) -> bool:
    """Whether the class table that is there has these classes, and so stays as it is."""
    if not os.path.lexists(path):
        return False
    if classes is None:  # it would name the numbers of these lists, which mean something else
        raise FileExistsError(f"{path!r} is there, and the source has no names of classes; take it away, or give another name")
    try:
        return read_classes(path) == classes
    except (OSError, ValueError):  # it is no table
        return False


class _Read:
    """What a source has, as lines of a list in its order."""

    def __init__(self, source: ListSource, folder: str, needs_labels: bool, progress: Optional[Callable[[int], Any]]) -> None:
        self._source, self._folder = source, folder
        self._ways: Dict[str, str] = {}  # from there to each folder of images
        self.lines: List[str] = []
        self.failures: List[Failure] = []
        self.num_failures = 0
        self.of_class: Counter = Counter()
        self._labels: Optional[List[float]] = [] if needs_labels else None
        for number, entry in enumerate(source.entries(), 1):
            failure = entry if isinstance(entry, Failure) else self._add(entry)
            if failure is not None:
                self.num_failures += 1
                self.failures += [failure] if len(self.failures) < MOST_KEPT else []
            if progress is not None:
                progress(number)

    def _add(self, entry: ListEntry) -> Optional[Failure]:
        """Take an entry; a Failure if no list can carry it."""
        try:
            self.lines.append(format_line(entry._replace(path=self._relative(entry.path))) + "\n")
        except ListLineError as error:
            return Failure(entry.line, entry.index, entry.path, "list", str(error))
        if self._labels is not None:
            if len(entry.labels) > 1:
                found = f"line {entry.line} has {len(entry.labels):,}" if entry.line is not None else f"{entry.path!r} has more"
                raise ArgumentValueError("stratify", f"needs one label an image; {found}")
            self._labels.append(entry.labels[0])
        if self._source.classes is not None:
            label = self._source.class_label
            self.of_class.update(detection_classes(entry.labels) or () if label is None else entry.labels[label : label + 1])
        return None

    def _relative(self, path: str) -> str:
        """The path as the lists have it."""
        folder, name = os.path.split(os.path.join(self._source.root, path))
        way = self._ways.get(folder)
        if way is None:
            way = self._ways[folder] = relative_path(folder, self._folder)
        return name if way == "." else f"{way}/{name}"

    def divide(self, sizes: Sequence[int], seed: int, shuffle: bool) -> List[Sequence[int]]:
        """The positions of the lines that go into each list."""
        order: Sequence[int] = array("Q", range(len(self.lines)))
        random.Random(seed).shuffle(order)  # type: ignore[arg-type]
        if self._labels is not None:
            numbers = {label: number for number, label in enumerate(dict.fromkeys(self._labels))}
            divided = divide_each_label(order, [numbers[label] for label in self._labels], sizes)
        else:
            divided = cut(order, sizes)
        return divided if shuffle else [sorted(chosen) for chosen in divided]
