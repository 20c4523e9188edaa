# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The values that go through every room: entries, failures, damaged images, problems, reports. Knows no room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, NamedTuple, Optional, Tuple, Union

from .text import Text, count, first_lines, printable


class ListEntry(NamedTuple):
    """One image of the list.

    Attributes
    ----------
    index : int
        The image's id, from 0 to 2**64 - 1; the record's id and its key in the .idx.
    labels : tuple of float
        At least one label. They are stored as float32.
    path : str
        The image's path, absolute or relative to the root.
    line : int or None
        The line in the list, from 1. May be left out; its position among the entries takes its place then.

    Examples
    --------
    >>> ListEntry(0, (3.0,), 'cats/tom.jpg')
    ListEntry(index=0, labels=(3.0,), path='cats/tom.jpg', line=None)
    """

    index: int  # type: ignore[assignment]  # in the place of tuple.index, a method that means nothing here
    labels: Tuple[float, ...]
    path: str
    line: Optional[int] = None


class ImageEntry(ListEntry):
    """An entry whose image is no file: the entry holds it.

    Attributes
    ----------
    image : bytes or numpy.ndarray
        The bytes of an image file; or pixels, (H, W) or (H, W, C) uint8, with C = 1 (grey), 3 (RGB) or 4 (RGBA).
    path : str
        The name of the image, by which messages and tables call it.

    Examples
    --------
    >>> import numpy as np
    >>> entry = ImageEntry(0, (3.0,), 'a grey square', image=np.full((8, 8), 128, np.uint8))
    >>> entry.path, entry.image.shape
    ('a grey square', (8, 8))
    """

    image: Any

    def __new__(
        cls, index: int, labels: Tuple[float, ...], path: str, line: Optional[int] = None, image: Any = None
    ) -> ImageEntry:
        entry = super().__new__(cls, index, labels, path, line)
        entry.image = image
        return entry

    def _replace(self, **changes: Any) -> ImageEntry:
        return ImageEntry(**{**self._asdict(), "image": self.image, **changes})


@dataclass(frozen=True)
class Failure:
    """One entry of the list that did not become a record.

    Attributes
    ----------
    line : int or None
        The line in the list file, or the position in the iterable of entries; both count from 1.
    index : int or None
        The index of the entry; None where the line was too damaged to tell.
    path : str or None
        The image's path as the list has it; None where the line was too damaged to tell.
    stage : str
        Where it failed: ``'list'``, ``'read'``, ``'decode'``, ``'transform'``, ``'encode'``, ``'pack'``, or
        ``'worker'`` where the process that worked on it died, or was ended because it made no progress.
    reason : str
        What was found, and what to do about it.
    traceback : str
        If a transform raised an exception: its traceback, from the transform on. Otherwise empty, and also if the failure was
        read from a file. Failures that differ only in this are equal.
    """

    line: Optional[int]
    index: Optional[int]
    path: Optional[str]
    stage: str
    reason: str
    traceback: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        where = [] if self.line is None else [f"line {self.line}"]
        if self.index is not None:
            where.append(f"index {self.index}")
        if self.path is not None:
            where.append(repr(self.path))  # repr: a name may hold control characters
        start = printable(f"{', '.join(where) or 'an entry'}: {self.stage}: ")
        return Text(start, printable(self.reason))  # which keeps the parts of the reason


@dataclass(frozen=True)
class DamagedImage:
    """One image of the list that is damaged inside, decodes all the same, and was stored.

    Attributes
    ----------
    line : int or None
        The line in the list file, or the position in the iterable of entries; both count from 1.
    index : int
        The index of the entry.
    path : str
        The image's path as the list has it.
    reason : str
        The decoder's own words, such as ``'Corrupt JPEG data: premature end of data segment'``.
    """

    line: Optional[int]
    index: int
    path: str
    reason: str

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}, "
        return f"{where}index {self.index}, {self.path!r}: {self.reason}"


Entries = Iterator[Union[ListEntry, Failure]]
"""The entries of a list in its order; a Failure takes the place of a line that is no entry."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a dataset.

    Attributes
    ----------
    layer : str
        What found it: ``'structure'`` (the .rec's bytes), ``'index'`` (the .idx), ``'list'`` (the list that was packed),
        ``'reader'`` (MXNet's ImageRecordIter, and the images themselves), ``'source'`` (the image files that were packed) or
        ``'for'`` (the rules of the reader that the dataset is for).
    position : int or None
        The record's position in the .rec, from 0, where it concerns one. Damaged parts of the file are not counted.
    index : int or None
        The image's index, where it concerns one.
    message : str
        What was expected, and what was found.
    """

    layer: str
    position: Optional[int]
    index: Optional[int]
    message: str

    def __str__(self) -> str:
        return Text(f"{self.layer}: ", with_place(printable(self.message), self.position, self.index))


def with_place(message: str, position: Optional[int], index: Optional[int]) -> str:
    """A message that begins with the record it is about."""
    where = [] if position is None else [f"record {position:,}"]
    if index is not None:
        where.append(f"index {index}")
    return Text(f"{', '.join(where) + ': ' if where else ''}", message)


@dataclass(frozen=True)
class PackReport:
    """What a run of :func:`mxnet_im2rec.im2rec` wrote. Printing it gives a summary.

    Attributes
    ----------
    rec_path, idx_path : str
        The absolute paths of the dataset's two files.
    num_records : int
        How many records the dataset holds.
    num_bytes : int
        The size of the .rec file, in bytes.
    failures : tuple of Failure
        The entries that were left out, in the order of the list.
    seconds : float
        How long the call took.
    num_resumed : int
        How many of the records an interrupted run had left.
    failures_path : str or None
        The absolute path of the file that lists the failures, where there are any.
    damaged : tuple of DamagedImage
        The images that are damaged inside and were stored all the same, in the order of the list, as far as their decoder
        notices. With ``pass_through`` nothing is decoded, and there are none; ``strict=True`` makes failures of them. There are
        none either where ``resume=True`` finds the dataset complete: it looks at no image for this, and the dataset does not
        say which ones the first run named; ``check_list(decode=True)`` finds them again.
    classes_path : str or None
        The absolute path of the table of the classes, where the list has their names.
    sources_path : str or None
        The absolute path of the table of the files that the records were made of, where it was asked for.
    verified_by : tuple of str
        What the dataset was verified by, such as ``"MXNet's ImageRecordIter"``; empty if that was not asked for.
    """

    rec_path: str
    idx_path: str
    num_records: int
    num_bytes: int
    failures: Tuple[Failure, ...]
    seconds: float
    num_resumed: int = 0
    failures_path: Optional[str] = None
    damaged: Tuple[DamagedImage, ...] = ()
    classes_path: Optional[str] = None
    sources_path: Optional[str] = None
    verified_by: Tuple[str, ...] = ()

    def __str__(self) -> str:
        rate = (self.num_records - self.num_resumed) / self.seconds if self.seconds > 0 else float("inf")
        records = count(self.num_records, "record")
        lines = [
            f"{records}, {format_bytes(self.num_bytes)}, in {self.seconds:.1f} s ({rate:,.0f} a second)",
            f"  {self.rec_path}",
            f"  {self.idx_path}",
        ]
        if self.num_resumed:
            lines.append(f"{self.num_resumed:,} of them were there from an earlier run")
        if self.failures:
            lines.append(count(len(self.failures), "entry failed and is left out:", "entries failed and are left out:"))
            lines += first_lines(self.failures, 10)
            if self.failures_path is not None:
                lines.append(f"all of them: {self.failures_path}")
        if self.damaged:
            lines.append(count(len(self.damaged), "image is", "images are") + " damaged inside and stored all the same:")
            lines += first_lines(self.damaged, 5)
        return Text("\n").join(map(printable, lines))


def format_bytes(count: float) -> str:
    """A count of bytes for a reader: ``1536`` gives ``'1.5 KiB'``."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:,.0f} {units[0]}" if units[0] == "bytes" else f"{count:,.1f} {units[0]}"
