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
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError, EmptyDatasetError, ListChangedError, ListLineError
from ..labels import MOST_KEPT, detection_classes
from ..text import Text, count, first_lines, visible
from ..values import Failure, ListEntry
from .classes import read_classes
from .dividing import cut, divide_each_label, divide_groups, plan_lists
from .filters import ImageFilter
from .lines import format_line
from .making import check_ratios, check_sizes, paths_of, write_all
from .relative import relative_path
from .source import ListSource

_Path = Union[str, os.PathLike]
_MOST_CLASSES_SHOWN = 1000
_SHOWN = 10
_SHARE_SHOWN = 0.01  # of all images: a list that is off by more says so


@dataclass(frozen=True)
class ImportReport:
    """What :func:`mxnet_im2rec.import_list` wrote. Printing it gives a summary.

    Attributes
    ----------
    lists : tuple of (str, int)
        The absolute path of each list, and how many entries it has.
    by_ratios : tuple of int
        How many entries each list has by the ratios; another number than it has where groups could not be divided.
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
    left_out : tuple of (str, str)
        The images that are not wanted, by ``min_side``, ``max_aspect`` or ``formats``, and why. The first 1,000 at most.
    num_left_out : int
        How many there are in all.
    source_report : object
        What the source itself counts, such as a :class:`mxnet_im2rec.DetectionReport`; None where it counts nothing.
    seconds : float
        How long the call took.
    """

    lists: Tuple[Tuple[str, int], ...]
    by_ratios: Tuple[int, ...]
    classes: Tuple[Tuple[int, str, int], ...] = field(repr=False)
    classes_path: Optional[str]
    num_images: int
    failures: Tuple[Failure, ...] = field(repr=False)
    num_failures: int
    left_out: Tuple[Tuple[str, str], ...] = field(repr=False)
    num_left_out: int
    source_report: Any
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every entry of the source is in a list."""
        return not self.num_failures

    def __str__(self) -> str:
        lines: List[str] = [f"{count(self.num_images, 'image')} listed in {self.seconds:.1f} s"]
        for (path, number), wanted in zip(self.lists, self.by_ratios):
            is_off = abs(number - wanted) > _SHARE_SHOWN * self.num_images
            more = f"  ({wanted:,} by the ratios; no group is divided)" if is_off else ""
            lines.append(f"  {visible(path)}  {number:,}{more}")
        if self.classes_path is not None:
            lines.append(f"{count(len(self.classes), 'class', 'classes')}, in {visible(self.classes_path)}:")
            width = len(str(self.classes[-1][0]))
            rows = [f"{number:>{width}}  {visible(name)}  {images:,}" for number, name, images in self.classes]
            lines += first_lines(rows, _MOST_CLASSES_SHOWN)
        if self.source_report is not None:
            lines.append(str(self.source_report))
        if self.left_out:
            lines.append(count(self.num_left_out, "image is left out:", "images are left out:"))
            lines += first_lines([f"{path!r}: {reason}" for path, reason in self.left_out], _SHOWN, self.num_left_out)
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
    min_side: Optional[int] = None,
    max_aspect: Optional[float] = None,
    formats: Union[None, str, Iterable[str]] = None,
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
        random. Where the source has groups, no group is in two lists, and the shares are as near to the ratios as groups allow.
    shuffle : bool
        Whether to put each list in random order. Else it has the order of the source.
    seed : int
        Of all that is random.
    stratify : bool
        Divide each class by the ratios, to within an image or two, or as near as groups allow. Every image must have one label
        for that.
    min_side : int, optional
        Leave out images whose shorter side has fewer pixels. This and the next two open every file, and read its header.
    max_aspect : float, optional
        Leave out images whose longer side is more than so many times as long as the shorter one; at least 1.
    formats : str or iterable of str, optional
        The formats to take, such as ``('jpeg', 'png')``, by the content of the files; others are left out.
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
        If no entry is left, a list would have none, or there are fewer groups than lists.
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
    ratios = check_ratios(train_ratio, test_ratio)
    seed = arguments.whole_number("seed", seed)
    for name, value in (("shuffle", shuffle), ("stratify", stratify)):
        arguments.flag(name, value)
    arguments.progress(progress, may_be_flag=False)
    wanted = ImageFilter(min_side, max_aspect, formats)
    *outputs, classes_path = paths_of(prefix, 1, *ratios)
    keeps_table = _check_table(classes_path, source.classes)
    arguments.refuse_existing(outputs if keeps_table else [*outputs, classes_path], overwrite)

    read = _Read(source, os.path.dirname(outputs[0]), bool(stratify), wanted, progress)
    if not read.lines:
        raise EmptyDatasetError(read.why_empty(), read.failures)
    if not source.is_unchanged():
        raise ListChangedError(f"{source.path!r} changed while it was read; nothing was written. Run it again")
    sizes = [size for _, size in plan_lists(len(read.lines), 1, *ratios)]
    check_sizes(sizes, outputs, len(read.lines))
    divided = read.divide(sizes, seed, bool(shuffle))
    texts = [(path, (read.lines[position] for position in chosen)) for path, chosen in zip(outputs, divided)]
    classes = sorted((number, name) for name, number in (source.classes or {}).items())
    if classes and not keeps_table:
        texts.append((classes_path, (f"{number}\t{name}\n" for number, name in classes)))
    write_all(texts, overwrite)
    return ImportReport(
        lists=tuple((path, len(chosen)) for path, chosen in zip(outputs, divided)),
        by_ratios=tuple(sizes),
        classes=tuple((number, name, read.of_class[number]) for number, name in classes),
        classes_path=classes_path if classes else None,
        num_images=len(read.lines),
        failures=tuple(read.failures),
        num_failures=read.num_failures,
        left_out=tuple(read.left_out),
        num_left_out=read.num_left_out,
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

    def __init__(
        self,
        source: ListSource,
        folder: str,
        needs_labels: bool,
        wanted: ImageFilter,
        progress: Optional[Callable[[int], Any]],
    ) -> None:
        self._source, self._folder, self._wanted = source, folder, wanted
        self._ways: Dict[str, str] = {}  # from there to each folder of images
        self.lines: List[str] = []
        self.failures: List[Failure] = []
        self.num_failures = 0
        self.left_out: List[Tuple[str, str]] = []
        self.num_left_out = 0
        self.of_class: Counter = Counter()
        self._labels: Optional[List[float]] = [] if needs_labels else None
        group_of = source.groups()
        self._groups: Optional[List[str]] = None if group_of is None else []
        for number, entry in enumerate(source.entries(), 1):
            failure = entry if isinstance(entry, Failure) else self._add(entry, group_of)
            if failure is not None:
                self.num_failures += 1
                self.failures += [failure] if len(self.failures) < MOST_KEPT else []
            if progress is not None:
                progress(number)

    def _add(self, entry: ListEntry, group_of: Optional[Dict[int, str]]) -> Optional[Failure]:
        """Take an entry, or leave it out; a Failure if no list can carry it."""
        try:
            why_not = self._wanted.why_not_file(os.path.join(self._source.root, entry.path)) if self._wanted else None
        except OSError as error:
            return Failure(entry.line, entry.index, entry.path, "read", f"it cannot be read: {error.strerror or error}")
        if why_not is not None:
            self.num_left_out += 1
            self.left_out += [(entry.path, why_not)] if len(self.left_out) < MOST_KEPT else []
            return None
        try:
            self.lines.append(format_line(entry._replace(path=self._relative(entry.path))) + "\n")
        except ListLineError as error:
            return Failure(entry.line, entry.index, entry.path, "list", str(error))
        if self._labels is not None:
            if len(entry.labels) > 1:
                found = f"line {entry.line} has {len(entry.labels):,}" if entry.line is not None else f"{entry.path!r} has more"
                raise ArgumentValueError("stratify", f"needs one label an image; {found}")
            self._labels.append(entry.labels[0])
        if self._groups is not None:
            assert group_of is not None and entry.line is not None
            self._groups.append(group_of[entry.line])
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
        labels = None
        if self._labels is not None:
            numbers = {label: number for number, label in enumerate(dict.fromkeys(self._labels))}
            labels = [numbers[label] for label in self._labels]
        divided: List[Sequence[int]]
        if self._groups is not None and len(sizes) > 1:
            part_of = divide_groups(self._groups, sizes, seed, labels)
            divided = [[position for position in order if part_of[position] == part] for part in range(len(sizes))]
        elif labels is not None:
            divided = divide_each_label(order, labels, sizes)
        else:
            divided = cut(order, sizes)
        return divided if shuffle else [sorted(chosen) for chosen in divided]

    def why_empty(self) -> str:
        if self.failures:
            what = "the only entry" if self.num_failures == 1 else f"all {self.num_failures:,} entries"
            others = f" that {'is' if self.num_failures == 1 else 'are'} wanted" if self.num_left_out else ""
            return f"{what}{others} failed; nothing was written; the first: {self.failures[0]}"
        if self.left_out:
            path, reason = self.left_out[0]
            return f"no image is wanted; nothing was written; the first: {path!r}: {reason}"
        return "the source has no entries; nothing was written"
