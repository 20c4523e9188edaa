# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""check_list(): reads a list and looks at its files as packing would, without decoding, or with it. Needs no MXNet.

Of most files only the begin and the last bytes are read; of a file whose begin does not tell that it is whole, all of it.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import (
    Any,
    BinaryIO,
    Callable,
    Deque,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from .. import arguments
from ..errors import ArgumentTypeError, ImageError
from ..images import jpeg, png
from ..images.checks import check_readable_by_mxnet, check_size, check_whole
from ..images.formats import MXNET_FORMATS, describe, sniff
from ..images.remarks import listen_to
from ..images.sizes import image_size
from ..labels import DetectionLabels, as_float32, is_inexact
from ..limits import HEADER_BYTES, MAX_PIXELS, why_too_large
from ..text import Argument, Text, count, message_of
from ..values import Entries, Failure, ListEntry
from .check_report import CheckReport, Finding, place_of
from .open_list import ListLike, open_list
from .source import is_duplicate

UNKNOWN = "unknown"

_MOST_KEPT = 1000  # findings of each kind: a list that is nothing but errors must not fill the memory
_HEAD_SIZES = (
    16 << 10,
    256 << 10,
)  # what is read of a JPEG: most have their first scan within the first, nearly all in the second
_SMALL = 64 << 10  # a file up to here is read at once
_CHUNK = 64  # entries that a thread takes at once
_MOST_WIDTHS = 32  # of the labels, whose entries are kept for a finding


def check_list(
    list_file: ListLike,
    root: Union[None, str, os.PathLike] = None,
    *,
    pack_labels: bool = True,
    pass_through: bool = False,
    max_pixels: Optional[int] = MAX_PIXELS,
    decode: bool = False,
    num_threads: int = 4,
    progress: Optional[Callable[[int, Optional[int], int], Any]] = None,
) -> CheckReport:
    """Check a list, and the files in it, before packing them: an error is what :func:`mxnet_im2rec.im2rec` would fail on.

    Without ``decode`` nothing is decoded. Damage in the middle of an image, the missing end of one that is no JPEG, PNG or BMP,
    and what a transform makes of it, show up only in packing; with ``pass_through`` all that packing would fail on is found.

    Parameters
    ----------
    list_file : str, os.PathLike or iterable of ListEntry
        As for :func:`mxnet_im2rec.im2rec`. It is streamed.
    root : str or os.PathLike, optional
        The folder that relative image paths are relative to; by default the list file's, or the current one for an iterable.
    pack_labels, pass_through : bool
        As they will be given to :func:`mxnet_im2rec.im2rec`.
    max_pixels : int or None
        As it will be given to :func:`mxnet_im2rec.im2rec`.
    decode : bool
        Decode every image too, one at a time: damage inside one is found as far as the decoder notices. It is a warning where
        packing stores the image all the same, unless with ``strict=True``.
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
    for name, value in (("pack_labels", pack_labels), ("pass_through", pass_through), ("decode", decode)):
        arguments.flag(name, value)
    max_pixels = None if max_pixels is None else arguments.whole_number("max_pixels", max_pixels, 1)
    num_threads = arguments.few_enough("num_threads", arguments.whole_number("num_threads", num_threads, 1))
    if not (progress is None or callable(progress)):
        raise ArgumentTypeError("progress", "must be None or callable", progress)
    source = open_list(list_file, root)
    total = None if progress is None else source.count()
    probe = _Probe(source.root, bool(pass_through), max_pixels, bool(decode))
    check = _Check(source.name)
    entries = source.entries(bool(pack_labels), warn=False)
    for entry, result in _look_at_all(entries, probe, num_threads):
        check.add(entry, result)
        if progress is not None:
            progress(check.num_entries, total, check.num_errors)
    return check.report(source.root, started)


class _Result(NamedTuple):
    """What is found in a file: an error and its kind, if there is one, and what the file is."""

    error: Optional[Tuple[str, str]] = None
    size: int = 0
    format: Optional[str] = None
    orientation: int = 1
    damage: Optional[str] = None


class _Probe:
    """Looks at the file of an entry, as far as it must to tell whether packing fails on it."""

    def __init__(self, root: str, pass_through: bool, max_pixels: Optional[int], decode: bool = False) -> None:
        self._root = root
        self._pass_through = pass_through
        self._max_pixels = max_pixels
        self._decode = decode

    def __call__(self, entry: ListEntry) -> _Result:
        path = os.path.join(self._root, entry.path)
        try:
            with open(path, "rb", buffering=0, opener=_open_without_waiting) as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return _Result(("unreadable", f"{path!r} is no regular file"))
                if not status.st_size:
                    return _Result(("empty", "the file is empty"), 0, None)
                return self._look(stream, path, status.st_size, entry)
        except FileNotFoundError:
            return _Result(("missing", f"there is no such file, looked for at {path!r}"))
        except OSError as error:
            return _Result(("unreadable", f"it cannot be read: {error.strerror or error}"))
        except ValueError as error:  # a name that no file can have
            return _Result(("unreadable", f"it cannot be read: {error}"))

    def _look(self, stream: BinaryIO, path: str, size: int, entry: ListEntry) -> _Result:
        head = _read(stream, size if size <= _SMALL else _HEAD_SIZES[0])
        name = sniff(head)
        orientation = 1
        error = None
        try:
            if name == "JPEG":
                head, orientation = self._look_at_jpeg(stream, head, size)
            elif name in ("BMP", "TIFF") or (self._pass_through and name in MXNET_FORMATS):
                head = _rest(stream, head, size)  # they are rare, or the checksums of all their data count
                if self._pass_through or name == "BMP":
                    check_readable_by_mxnet(head)
            elif self._pass_through:
                check_readable_by_mxnet(head)
            elif name == "PNG":
                if size > len(head):
                    stream.seek(-len(png.END), os.SEEK_END)
                if size == len(head) or _read(stream, len(png.END)) != png.END:
                    check_whole(_rest(stream, head, size))
            elif not _has_decoder(path):
                raise ImageError(f"OpenCV does not decode {describe(head)}")
        except OSError:
            raise
        except Exception as problem:  # of a damaged header; packing looks at it in the same way
            is_format = name is None or name not in MXNET_FORMATS
            text = message_of(problem) if isinstance(problem, ImageError) else f"its {name} header is damaged: {problem}"
            error = ("format" if is_format else "damaged", text)
        error = error or self._too_large(stream, head, size, entry)
        damage = None
        if self._decode and error is None:
            fault, damage = _decode(_rest(stream, head, size))
            if fault is not None and not self._pass_through:
                error = ("damaged", fault)
            damage = damage or fault
        return _Result(error, size, name or UNKNOWN, orientation if self._pass_through else 1, damage)

    def _look_at_jpeg(self, stream: BinaryIO, head: bytes, size: int) -> Tuple[bytes, int]:
        """Check a JPEG, by its segments up to the first scan and its last two bytes if that will do; gives what was read of it,
        and its orientation."""
        check = check_readable_by_mxnet if self._pass_through else check_whole
        orientation, scan = jpeg.read_head(head)
        if scan is None and len(head) < size:
            head += _read(stream, _HEAD_SIZES[1] - len(head))
            orientation, scan = jpeg.read_head(head)
        if scan is not None and scan <= size - 2 and _last_bytes(stream, head, size) == jpeg.END:
            check(head[:scan] + jpeg.END)  # what is in between is neither walked through nor decoded by these
        else:
            head = _rest(stream, head, size)
            check(head)
        return head, orientation

    def _too_large(self, stream: BinaryIO, head: bytes, size: int, entry: ListEntry) -> Optional[Tuple[str, str]]:
        if self._max_pixels is not None and image_size(head) is None:  # a header may be longer than the others
            head = _rest(stream, head, size)
        try:
            check_size(head, self._max_pixels)
        except ImageError as error:
            return "too large", message_of(error)
        num_labels = len(entry.labels)
        needed = size + HEADER_BYTES + (4 * num_labels if num_labels > 1 else 0)
        why = why_too_large(needed) if self._pass_through else None
        return None if why is None else ("too large", why)


def _decode(data: bytes) -> Tuple[Optional[str], Optional[str]]:
    """Why an image cannot be decoded, or what is damaged in one that can be."""
    from ..images import codec as images  # loads OpenCV

    try:
        _, words = listen_to(images.decode, data, 1)
    except ImageError as error:
        return str(error), None
    return None, None if words is None else f"it is damaged inside, though it decodes; its decoder says: {words}"


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would wait for its writer


def _read(stream: BinaryIO, count: int) -> bytes:
    """So many bytes, or all that are left."""
    data = stream.read(count)
    while len(data) < count:  # a signal, or a network's file system
        more = stream.read(count - len(data))
        if not more:
            break
        data += more
    return data


def _rest(stream: BinaryIO, head: bytes, size: int) -> bytes:
    """The whole file."""
    if len(head) >= size:
        return head
    stream.seek(0)
    return stream.read()


def _last_bytes(stream: BinaryIO, head: bytes, size: int) -> bytes:
    if len(head) >= size:
        return head[-2:]
    stream.seek(-2, os.SEEK_END)
    return _read(stream, 2)


def _has_decoder(path: str) -> bool:
    """Whether OpenCV has a decoder for a file of a rarer format, by its first bytes. Other formats need no OpenCV here."""
    import cv2

    try:
        return bool(cv2.haveImageReader(path))
    except (cv2.error, AttributeError):  # an OpenCV that cannot tell: no error that packing might not have
        return True


_Looked = Tuple[Union[ListEntry, Failure], Optional[_Result]]


def _look_at_all(entries: Entries, probe: _Probe, num_threads: int) -> Iterator[_Looked]:
    """Every entry with what is found in its file, in order; threads hide the time that a disk or a network takes."""

    def look(chunk: Sequence[Union[ListEntry, Failure]]) -> List[_Looked]:
        return [(entry, None if isinstance(entry, Failure) else probe(entry)) for entry in chunk]

    waiting: Deque[Future] = deque()
    with ThreadPoolExecutor(num_threads) as pool:
        while True:
            chunk = list(islice(entries, _CHUNK))
            if chunk:
                waiting.append(pool.submit(look, chunk))
            if waiting and (not chunk or len(waiting) > 2 * num_threads):
                yield from waiting.popleft().result()
            if not chunk and not waiting:
                return


class _Check:
    """Collects what is found, and the figures of the list."""

    def __init__(self, list_name: Optional[str]) -> None:
        self._list_name = list_name
        self._findings: List[Finding] = []
        self._counts: Counter = Counter()
        self._by_severity: Counter = Counter()
        self._formats: Counter = Counter()
        self._widths = _Groups()
        self._detection = DetectionLabels()
        self._indices: Optional[Tuple[int, int]] = None
        self._labels: Optional[Tuple[float, float]] = None
        self._num_bytes = 0
        self.num_entries = 0

    @property
    def num_errors(self) -> int:
        return self._by_severity["error"]

    def add(self, entry: Union[ListEntry, Failure], result: Optional[_Result]) -> None:
        self.num_entries += 1
        if isinstance(entry, Failure):
            self._tell("duplicate" if is_duplicate(entry) else "line", "error", entry.reason, entry)
            return
        self._add_numbers(entry)
        if result is None:
            return
        self._num_bytes += result.size
        if result.format is not None:
            self._formats[result.format] += 1
        if result.error is not None:
            self._tell(result.error[0], "error", result.error[1], entry)
            return
        if result.damage is not None:
            self._tell("damaged inside", "warning", result.damage, entry)
        if result.orientation != 1:
            message = (
                f"EXIF orientation {result.orientation}, stored as it is: ImageRecordIter turns the image, mx.image.imdecode and "
                "ImageRecordDataset do not; turn the file, or pack it without "
            )
            self._tell("rotated", "warning", Text(message, Argument("pass_through")), entry)

    def _add_numbers(self, entry: ListEntry) -> None:
        index, labels = entry.index, entry.labels
        self._indices = _stretch(self._indices, index, index)
        self._labels = _stretch(self._labels, min(labels), max(labels))
        self._widths.add(len(labels), entry)
        self._detection.add(labels, entry)
        for label in labels:
            if is_inexact(label) or (label and not as_float32(label)):
                message = f"the label {_number(label)} becomes {_number(as_float32(label))}: RecordIO stores labels as float32"
                self._tell("inexact label", "warning", message, entry)
                break

    def _tell(self, kind: str, severity: str, message: str, entry: Union[None, ListEntry, Failure] = None) -> None:
        self._by_severity[severity] += 1
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST_KEPT:
            where = (None, None, None) if entry is None else (entry.line, entry.index, entry.path)
            self._findings.append(Finding(self._list_name, *where, kind, severity, message))

    def _tell_of_whole(self) -> None:
        """What can be told only when the whole list was seen."""
        if not self.num_entries:
            self._tell("no entry", "error", "there is no entry; packing needs at least one")
        if self._detection.header is not None:
            self._tell_all("detection", *self._detection.problems())
            self._tell("labels", "note", "the labels are for detection: read the dataset with ImageDetIter or ImageDetRecordIter")
        elif self._widths.counts:
            width = self._widths.counts.most_common(1)[0][0]
            most = "most entries have 1" if width == 1 else f"most entries have {width}"
            found = [
                (entry, f"it has {count(len(entry.labels), 'label')}, {most}; ImageRecordIter needs as many for every image")
                for entry in self._widths.others(width)
            ]
            self._tell_all("label width", found, sum(self._widths.counts.values()) - self._widths.counts[width])
            if len(self._widths.counts) == 1 and width > 1:
                self._tell("labels", "note", f"every entry has {width} labels: give ImageRecordIter label_width={width}")
        if self._indices is not None and self._indices[0]:
            self._tell("key 0", "note", "no entry has the index 0; readers for InsightFace need it, others do not")

    def _tell_all(self, kind: str, found: Sequence[Tuple[ListEntry, str]], count: int) -> None:
        for entry, message in sorted(found, key=lambda item: item[0].line or 0)[:_MOST_KEPT]:
            self._tell(kind, "warning", message, entry)
            count -= 1
        if count:
            self._by_severity["warning"] += count
            self._counts[kind] += count

    def report(self, root: str, started: float) -> CheckReport:
        self._tell_of_whole()
        return CheckReport(
            list_file=self._list_name,
            root=root,
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


class _Groups:
    """Entries grouped by a number; counts all, and keeps the first of each group."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()
        self._first: Dict[int, List[ListEntry]] = {}

    def add(self, number: int, entry: ListEntry) -> None:
        self.counts[number] += 1
        if self.counts[number] <= _MOST_KEPT and (number in self._first or len(self._first) < _MOST_WIDTHS):
            self._first.setdefault(number, []).append(entry)

    def others(self, number: int) -> List[ListEntry]:
        """The entries kept of all groups but one."""
        return [entry for key, entries in self._first.items() if key != number for entry in entries]


def _number(label: float) -> str:
    return f"{label:.0f}" if label.is_integer() else repr(label)


def _stretch(found: Optional[Tuple[Any, Any]], low: Any, high: Any) -> Tuple[Any, Any]:
    return (low, high) if found is None else (min(found[0], low), max(found[1], high))
