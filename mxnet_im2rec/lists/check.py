# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""check_list(): reads a list, has its files looked at, and collects what is found. Needs no MXNet."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from .. import arguments
from ..engine.ordered import ordered_map
from ..engine.threads import ThreadPool
from ..errors import ListLineError
from ..labels import MOST_KEPT, DetectionLabels, Groups, as_float32, is_inexact
from ..limits import MAX_PIXELS
from ..text import Argument, Text, count
from ..values import Entries, Failure, ImageEntry, ListEntry
from .check_file import FileCheck, FileResult
from .check_report import CheckReport, Finding, place_of
from .filters import ImageFilter
from .open_list import ListLike, open_list
from .source import ListSource, is_duplicate
from .wrong_root import question_about_root

_CHUNK = 64  # entries that a thread takes at once


def check_list(
    list_file: ListLike,
    root: Union[None, str, os.PathLike] = None,
    *,
    pack_labels: bool = True,
    pass_through: bool = False,
    max_pixels: Optional[int] = MAX_PIXELS,
    decode: Union[bool, Callable] = False,
    min_side: Optional[int] = None,
    max_aspect: Optional[float] = None,
    formats: Union[None, str, Iterable[str]] = None,
    num_threads: int = 4,
    progress: Optional[Callable[[int, Optional[int], int], Any]] = None,
) -> CheckReport:
    """Check a list, and the files in it, before packing them: an error is what :func:`mxnet_im2rec.im2rec` would fail on.

    Without ``decode`` nothing is decoded. Damage in the middle of an image, the missing end of one that is no JPEG, PNG or BMP,
    and what a transform makes of it, show up only in packing; with ``pass_through`` all that packing would fail on is found.

    Parameters
    ----------
    list_file : str, os.PathLike, ListSource or iterable
        As for :func:`mxnet_im2rec.im2rec`. It is streamed.
    root : str or os.PathLike, optional
        The folder that relative image paths are relative to; by default the list file's, or the current one for an iterable.
    pack_labels, pass_through : bool
        As they will be given to :func:`mxnet_im2rec.im2rec`.
    max_pixels : int or None
        As it will be given to :func:`mxnet_im2rec.im2rec`.
    decode : bool or callable
        True decodes every image too, one at a time: damage inside one is found as far as the decoder notices. That is a warning,
        since packing stores such an image all the same; with ``strict=True`` packing refuses it. A decoder of your own, which
        packing will use too, decodes every image.
    min_side, max_aspect : number, optional
        An image whose shorter side has fewer pixels, or whose longer side is more times as long, is a warning. Packing takes it.
    formats : str or iterable of str, optional
        An image whose content has another format than one of these, such as ``('jpeg', 'png')``, is a warning.
    num_threads : int
        How many files are looked at at once, at least 1, and at most 64 or, if that is more, 16 for each CPU.
    progress : callable, optional
        Receives (entries done, total or None, errors) after every entry.

    Returns
    -------
    CheckReport

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.
    OSError
        If the list cannot be opened, or the root is no folder.

    Examples
    --------
    >>> from mxnet_im2rec import check_list
    >>> report = check_list('images.lst')  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    images.lst:17: error: 'cats/tom.jpg': there is no such file
    """
    started = time.monotonic()
    for name, value in (("pack_labels", pack_labels), ("pass_through", pass_through)):
        arguments.flag(name, value)
    if not callable(decode):
        decode = arguments.flag("decode", decode)
    max_pixels = None if max_pixels is None else arguments.whole_number("max_pixels", max_pixels, 1)
    num_threads = arguments.few_enough("num_threads", arguments.whole_number("num_threads", num_threads, 1))
    arguments.progress(progress, may_be_flag=False)
    wanted = ImageFilter(min_side, max_aspect, formats)
    source = open_list(list_file, root)
    total = None if progress is None else source.count()
    check_file = FileCheck(source.root, bool(pass_through), max_pixels, decode, wanted)
    found = _Findings(source)
    entries = source.entries(bool(pack_labels), warn=False)
    for entry, result in _look_at_all(source, entries, check_file, num_threads):
        found.add(entry, result)
        if progress is not None:
            progress(found.num_entries, total, found.num_errors)
    return found.report(started)


_Looked = Tuple[Union[ListEntry, Failure], Optional[FileResult]]


def _look_at_all(source: ListSource, entries: Entries, check_file: FileCheck, num_threads: int) -> Iterator[_Looked]:
    """Every entry with what is found in its file, in order. Threads work while others wait for a disk or a network."""
    fetch = source.fetch

    def look(entry: Union[ListEntry, Failure]) -> _Looked:
        if isinstance(entry, Failure):
            return entry, None
        if fetch is not None:
            try:
                entry = fetch(entry)
            except Exception as error:  # whatever a user's dataset raises
                reason = str(error) if isinstance(error, ListLineError) else f"{type(error).__name__}: {error}"
                return Failure(entry.line, entry.index, entry.path, "read", reason), None
        return entry._replace(image=None) if isinstance(entry, ImageEntry) else entry, check_file(entry)

    with ThreadPool(look, num_threads) as pool:
        looked = ordered_map(pool, entries, chunk_size=_CHUNK, max_items=_CHUNK * pool.capacity, max_bytes=sys.maxsize)
        yield from (found for _, found in looked)


class _Findings:
    """Collects the findings, and the figures of the list."""

    def __init__(self, source: ListSource) -> None:
        self._source = source
        self._list_name = source.name
        self._num_there = 0  # images
        self._findings: List[Finding] = []
        self._counts: Counter = Counter()
        self._by_severity: Counter = Counter()
        self._formats: Counter = Counter()
        self._widths = Groups()
        self._detection = DetectionLabels()
        self._indices: Optional[Tuple[int, int]] = None
        self._labels: Optional[Tuple[float, float]] = None
        self._num_bytes = 0
        self.num_entries = 0

    @property
    def num_errors(self) -> int:
        return self._by_severity["error"]

    def add(self, entry: Union[ListEntry, Failure], result: Optional[FileResult]) -> None:
        self.num_entries += 1
        if isinstance(entry, Failure):
            self._add("duplicate" if is_duplicate(entry) else "line", "error", entry.reason, entry)
            return
        self._add_numbers(entry)
        if result is None:
            return
        self._num_bytes += result.size
        if result.format is not None:
            self._formats[result.format] += 1
        self._num_there += result.error is None or result.error[0] != "missing"
        if result.error is not None:
            self._add(result.error[0], "error", result.error[1], entry)
            return
        if result.unwanted is not None:
            self._add("unwanted", "warning", result.unwanted, entry)
        if result.damage is not None:
            self._add("damaged inside", "warning", result.damage, entry)
        if result.orientation != 1:
            message = (
                f"EXIF orientation {result.orientation}, stored as it is: ImageRecordIter turns the image, mx.image.imdecode and "
                "ImageRecordDataset do not; turn the file, or pack it without "
            )
            self._add("rotated", "warning", Text(message, Argument("pass_through")), entry)

    def _add_numbers(self, entry: ListEntry) -> None:
        index, labels = entry.index, entry.labels
        self._indices = _stretch(self._indices, index, index)
        self._labels = _stretch(self._labels, min(labels), max(labels))
        self._widths.add(len(labels), entry)
        self._detection.add(labels, entry)
        for label in labels:
            if is_inexact(label) or (label and not as_float32(label)):
                message = f"the label {_number(label)} becomes {_number(as_float32(label))}: RecordIO stores labels as float32"
                self._add("inexact label", "warning", message, entry)
                break

    def _add(self, kind: str, severity: str, message: str, entry: Union[None, ListEntry, Failure] = None) -> None:
        self._by_severity[severity] += 1
        self._counts[kind] += 1
        if self._counts[kind] <= MOST_KEPT:
            where = (None, None, None) if entry is None else (entry.line, entry.index, entry.path)
            self._findings.append(Finding(self._list_name, *where, kind, severity, message))

    def _ask_about_root(self) -> None:
        """One finding in the place of all that are missing, if not one image is there."""
        num_missing = self._counts["missing"]
        if self._num_there or not num_missing:
            return
        first = next(finding for finding in self._findings if finding.kind == "missing")
        path = str(first.path)
        question = question_about_root(self._source, path)
        if num_missing == 1:
            asking = replace(first, message=Text(first.message, question))
            self._findings = [asking if finding is first else finding for finding in self._findings]
            return
        where = os.path.join(self._source.root, path)
        message = Text(f"of {num_missing:,} images not one is there: {path!r} was looked for at {where!r}", question)
        others = [finding for finding in self._findings if finding.kind != "missing"]
        self._findings = [*others, Finding(self._list_name, None, None, None, "root", "error", message)]
        del self._counts["missing"]
        self._counts["root"] = 1

    def _add_about_whole_list(self) -> None:
        """Add what can be known only after the whole list."""
        self._ask_about_root()
        if not self.num_entries:
            self._add("no entry", "error", "there is no entry; packing needs at least one")
        if self._detection.header is not None:
            self._add_all("detection", *self._detection.problems())
            self._add("labels", "note", "the labels are for detection: read the dataset with ImageDetIter or ImageDetRecordIter")
        elif self._widths.counts:
            width = self._widths.counts.most_common(1)[0][0]
            others, num_others = self._widths.others()
            most = f"most entries have {width}; ImageRecordIter needs as many for every image"
            found = [(entry, f"it has {count(number, 'label')}, {most}") for entry, number in others]
            self._add_all("label width", found, num_others)
            if len(self._widths.counts) == 1 and width > 1:
                self._add("labels", "note", f"every entry has {width} labels: give ImageRecordIter label_width={width}")
        if self._indices is not None and self._indices[0]:
            self._add("key 0", "note", "no entry has the index 0; readers for InsightFace need it, others do not")

    def _add_all(self, kind: str, found: Sequence[Tuple[ListEntry, str]], count: int) -> None:
        for entry, message in sorted(found, key=lambda item: item[0].line or 0)[:MOST_KEPT]:
            self._add(kind, "warning", message, entry)
            count -= 1
        if count:
            self._by_severity["warning"] += count
            self._counts[kind] += count

    def report(self, started: float) -> CheckReport:
        self._add_about_whole_list()
        return CheckReport(
            list_file=self._list_name,
            root=self._source.root,
            num_entries=self.num_entries,
            num_bytes=self._num_bytes,
            formats=dict(self._formats.most_common()),
            label_widths=dict(self._widths.counts.most_common()),
            is_detection=self._detection.header is not None,
            index_range=self._indices,
            label_range=self._labels,
            findings=tuple(sorted(self._findings, key=place_of)),
            counts=dict(self._counts),
            num_errors=self.num_errors,
            num_warnings=self._by_severity["warning"],
            seconds=time.monotonic() - started,
        )


def _number(label: float) -> str:
    return f"{label:.0f}" if label.is_integer() else repr(label)


def _stretch(found: Optional[Tuple[Any, Any]], low: Any, high: Any) -> Tuple[Any, Any]:
    return (low, high) if found is None else (min(found[0], low), max(found[1], high))
