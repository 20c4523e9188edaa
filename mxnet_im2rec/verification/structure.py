# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Looks at every frame, header and label of a .rec, and goes on behind damage. Decodes no image, reads no .idx.

Whatever the bytes are, what is wrong with them becomes a problem; nothing is raised.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Callable, Dict, NamedTuple, Optional, Set, Tuple

import numpy as np

from ..errors import RecordFormatError
from ..labels import EXACT_INTEGERS, DetectionLabels
from ..recordio.frames import MAGIC_BYTES, find_magic, find_record, read_frames
from ..recordio.header import Header
from ..recordio.record import header_at
from ..storage.filebuffer import FileBuffer, UnreadableError
from ..text import Call, Text
from .collecting import ProblemCollector, SimilarProblems

_MOST_PLACES = 20  # damaged places that are reported one by one; more become one line
_FRAME_HEADER = 8  # bytes: magic, and kind with length
SALVAGE = Text(Call("salvage"), " saves the whole records")


@dataclass(frozen=True)
class Structure:
    """What a .rec holds."""

    ids: np.ndarray  # (n,) uint64, of the whole records in the order of the file
    offsets: np.ndarray  # (n,) int64, where they begin
    label_counts: Tuple[int, ...]  # every number of labels that a record has
    num_empty: int  # how many records have no image
    is_whole: bool  # whether readers can go from the first byte to the last
    size: int  # in bytes
    cut_at: Optional[int]  # where a record begins that does not end before the file does


class SeenRecord(NamedTuple):
    """A whole record, as whoever watches :func:`check_structure` sees it."""

    position: int
    offset: int  # where it begins
    header: Header
    has_image: bool
    is_split: bool  # whether it is in several frames, since its payload holds RecordIO's magic


def check_structure(
    buffer: FileBuffer, path: str, problems: ProblemCollector, watch: Optional[Callable[[SeenRecord], None]] = None
) -> Structure:
    """Look at every frame of a .rec, its padding, the header and the number of labels; strange labels become notes.

    ``watch`` receives every whole record, in the order of the file.
    """
    scan = _Scan(buffer, path, problems, watch)
    offset = 0
    while offset < len(buffer):
        offset = scan.look_at(offset)
    return scan.result()


class _Scan:
    """What is found on the way through a .rec, from its first byte to its last."""

    def __init__(
        self, buffer: FileBuffer, path: str, problems: ProblemCollector, watch: Optional[Callable[[SeenRecord], None]]
    ) -> None:
        self._buffer = buffer
        self._path = path
        self._problems = problems
        self._watch = watch
        self._damage = SimilarProblems(problems, "structure", "places are damaged", _MOST_PLACES)
        self._ids, self._offsets = array("Q"), array("q")
        # Positions of records without an image: with labels behind the header, and without, as nobody writes them on purpose.
        self._with_labels, self._bare = array("q"), array("q")
        self._label_counts: Set[int] = set()
        self._ranges: Dict[int, np.ndarray] = {}  # by position: the labels of records without an image that have two
        self._detection = DetectionLabels()
        self._header_record: Optional[int] = None
        self._is_whole = True
        self._cut_at: Optional[int] = None

    def look_at(self, offset: int) -> int:
        """Look at the record that should begin at an offset; gives where to go on."""
        buffer, path = self._buffer, self._path
        try:
            following, stray = _check_frames(buffer, offset, path, len(self._ids), self._damage)
            if stray is not None:
                self._is_whole = False
                if following is None:  # the record's length is damaged, so that it covers other records
                    return find_record(buffer, stray)
            header, size, following = header_at(buffer, offset, path)
        except UnreadableError as error:
            self._is_whole = False
            unreadable = buffer.pass_over(error)
            self._damage.add(f"{unreadable.strerror}; lost from byte {offset:,} on")
            return unreadable.end
        except RecordFormatError as error:
            self._is_whole = False
            return self._pass_over(offset, error)
        if self._watch is not None:
            is_split = following - offset != _FRAME_HEADER + -(-size // 4) * 4  # each further frame adds 4 bytes or more
            self._watch(SeenRecord(len(self._ids), offset, header, size > header.size, is_split))
        self._add(offset, header, size)
        return following

    def _pass_over(self, offset: int, error: RecordFormatError) -> int:
        following = find_record(self._buffer, offset + 4)
        is_last = following == len(self._buffer)
        where = "to the end of the file" if is_last else f"to byte {following:,}, where the next record begins"
        what = f"byte {error.offset:,}: expected {error.expected}, found {error.found}"
        self._damage.add(f"{what}; lost from byte {offset:,} {where}")
        if is_last and "the end of the file" in error.found:
            self._cut_at = offset
        return following

    def _add(self, offset: int, header: Header, size: int) -> None:
        position = len(self._ids)
        if header.id2:
            what = f"byte {offset + 24:,}: expected 0 as the header's second id, found {header.id2}"
            self._damage.add(what, position, header.index)
        if size == header.size:
            (self._with_labels if header.flag else self._bare).append(position)
            if header.flag and header.index == 0 and self._header_record is None:
                self._header_record = position
            if header.flag == 2:
                self._ranges[position] = header.labels
        else:
            self._detection.add(header.labels.tolist(), (position, header.index))
        self._label_counts.add(len(header.labels))
        self._ids.append(header.index)
        self._offsets.append(offset)

    def result(self) -> Structure:
        """Report what can be known only after the whole file, and say what the .rec holds."""
        self._damage.report("" if self._is_whole else "; " + SALVAGE)
        if not self._ids:
            self._problems.add("structure", f"there is not one whole record in its {len(self._buffer):,} bytes")
        num_empty = len(self._with_labels) + len(self._bare)
        ids = np.array(self._ids, np.uint64)
        if self._header_record is None:
            self._bare.extend(self._with_labels)
        else:  # InsightFace's: one of index 0, and one for each person
            _check_ranges(self._ranges, self._header_record, ids, self._problems)
        without_image = SimilarProblems(self._problems, "structure", "records have no image", _MOST_PLACES)
        for position in sorted(self._bare):
            without_image.add("the record has no image", position, self._ids[position])
        without_image.report()
        _note_detection(self._detection, self._problems)
        counts, offsets = tuple(sorted(self._label_counts)), np.array(self._offsets, np.int64)
        return Structure(ids, offsets, counts, num_empty, self._is_whole, len(self._buffer), self._cut_at)


def _check_ranges(ranges: Dict[int, np.ndarray], header_record: int, ids: np.ndarray, problems: ProblemCollector) -> None:
    """Check that the ids which InsightFace's header records name are there.

    The header record of index 0 has the labels (a, b): the images are 1 to a - 1, the persons' header records a to b - 1. A
    person's header record has labels (a, b) too: the images of this person are a to b - 1.
    """
    present = np.unique(ids)
    wrong = SimilarProblems(problems, "structure", "header records name ids that are not there", _MOST_PLACES)
    num_rounded = 0
    for position, labels in ranges.items():
        start, end = labels.tolist()
        index = int(ids[position])
        if not (0 <= start <= end < 2**63 and start.is_integer() and end.is_integer()):
            wrong.add(f"expected two ids as its labels, the first not above the second, found {[start, end]}", position, index)
            continue
        if end > EXACT_INTEGERS:
            num_rounded += 1
            continue
        first, last = (1 if position == header_record else int(start)), int(end) - 1
        found = int(np.searchsorted(present, np.uint64(last + 1)) - np.searchsorted(present, np.uint64(first)))
        if found < last + 1 - first:
            what = f"the header record names the ids {first} to {last}, of which {last + 1 - first - found:,} are not in the file"
            wrong.add(f"{what}, the first {_first_missing(present, first)}", position, index)
    wrong.report()
    if num_rounded:
        problems.note(f"the ids that {num_rounded:,} header records name were not looked for: above 2**24 float32 rounds them")


def _first_missing(present: np.ndarray, first: int) -> int:
    """The first id from ``first`` on that is not among the sorted ones."""
    later = present[np.searchsorted(present, np.uint64(first)) :]
    gaps = np.flatnonzero(later != np.arange(first, first + len(later), dtype=np.uint64))
    return first + (int(gaps[0]) if len(gaps) else len(later))


def _note_detection(detection: DetectionLabels, problems: ProblemCollector) -> None:
    """Note which records of a detection dataset MXNet's readers refuse."""
    refused, num_refused = detection.problems()
    if detection.header is not None and refused:
        (position, index), problem = refused[0]
        many = f"MXNet's readers of detection refuse {num_refused:,} of {detection.num_images:,} records"
        first = f"record {position:,}, index {index}: {problem}"
        problems.note(f"the labels are for detection, and {many}, the first: {first}")


def _check_frames(
    buffer: FileBuffer, offset: int, path: str, position: int, damage: SimilarProblems
) -> Tuple[Optional[int], Optional[int]]:
    """Look at the padding of a record's frames, and for a magic in the middle of a frame.

    Gives where the record ends, and where the first such magic is. The end is None if the magic shows that a length is damaged:
    it is not in the last frame, or no frame follows. The frames behind it are not looked at then, since each frame is looked at
    once, and many records may seem to begin before one chain of frames.
    """
    for start, payload_end, following, is_last in read_frames(buffer, offset, path):
        padding = bytes(buffer[payload_end:following])
        if any(padding):
            damage.add(f"byte {payload_end:,}: expected zeros as padding, found {padding.hex(' ')}", position)
        stray = find_magic(buffer, start + 8, following)
        if stray is not None:
            what = "either the record's length is damaged, or it was not split there as RecordIO asks"
            damage.add(f"byte {stray:,}: found the magic in the middle of a frame; {what}", position)
            return (following if is_last and _is_magic(buffer, following) else None), stray
    return following, None


def _is_magic(buffer: FileBuffer, offset: int) -> bool:
    return offset == len(buffer) or (offset + 8 <= len(buffer) and bytes(buffer[offset : offset + 4]) == MAGIC_BYTES)
