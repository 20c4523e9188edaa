# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Looks at every frame, header and label of a .rec, and goes on behind damage. Decodes no image, reads no .idx.

Whatever the bytes are, what is wrong with them becomes a problem; nothing is raised.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Dict, Optional, Set, Tuple

import numpy as np

from ..errors import RecordFormatError
from ..labels import EXACT_INTEGERS, DetectionLabels
from ..recordio.frames import MAGIC_BYTES, find_magic, find_record, read_frames
from ..recordio.record import header_at
from ..storage.filebuffer import FileBuffer, UnreadableError
from ..text import Call, Text
from .collecting import ProblemCollector, SimilarProblems

_MOST_PLACES = 20  # damaged places that are reported one by one; more become one line
SALVAGE = Text(Call("salvage"), " saves the whole records")


@dataclass(frozen=True)
class Structure:
    """What a .rec holds.

    Attributes
    ----------
    ids : numpy.ndarray
        (n,) uint64, of the whole records in the order of the file.
    offsets : numpy.ndarray
        (n,) int64, where they begin.
    label_counts : tuple of int
        Every number of labels that a record has.
    num_empty : int
        How many records have no image.
    is_whole : bool
        Whether readers can go from the first byte to the last.
    size : int
        How many bytes the .rec has.
    cut_at : int or None
        Where a record begins that does not end before the file does.
    """

    ids: np.ndarray
    offsets: np.ndarray
    label_counts: Tuple[int, ...]
    num_empty: int
    is_whole: bool
    size: int
    cut_at: Optional[int]


def check_structure(buffer: FileBuffer, path: str, problems: ProblemCollector) -> Structure:
    """Look at every frame, its padding, the header and the number of labels.

    Parameters
    ----------
    buffer : FileBuffer
        A whole .rec.
    path : str
        What the .rec is called.
    problems : ProblemCollector
        Receives the problems, and what is strange about the labels.
    """
    damage = SimilarProblems(problems, "structure", "places are damaged", _MOST_PLACES)
    ids, offsets, empties = array("Q"), array("q"), array("q")
    bare = array("q")  # without an image, and without labels behind the header: nobody writes such records on purpose
    label_counts: Set[int] = set()
    ranges: Dict[int, np.ndarray] = {}  # the labels of records without an image that have two, by their position
    detection = DetectionLabels()
    header_record: Optional[int] = None
    is_whole = True
    cut_at = None
    offset = 0
    while offset < len(buffer):
        position = len(ids)
        try:
            following, stray = _check_frames(buffer, offset, path, position, damage)
            if stray is not None:
                is_whole = False
                if following is None:  # a length is what is damaged: what it covers is not this record's
                    offset = find_record(buffer, stray)
                    continue
            header, size, following = header_at(buffer, offset, path)
        except UnreadableError as error:
            is_whole = False
            unreadable = buffer.pass_over(error)
            damage.add(f"{unreadable.strerror}; lost from byte {offset:,} on")
            offset = unreadable.end
            continue
        except RecordFormatError as error:
            is_whole = False
            following = find_record(buffer, offset + 4)
            where = (
                "to the end of the file" if following == len(buffer) else f"to byte {following:,}, where the next record begins"
            )
            what = f"byte {error.offset:,}: expected {error.expected}, found {error.found}"
            damage.add(f"{what}; lost from byte {offset:,} {where}")
            if following == len(buffer) and "the end of the file" in error.found:
                cut_at = offset
            offset = following
            continue
        if header.id2:
            what = f"byte {offset + 24:,}: expected 0 as the header's second id, found {header.id2}"
            damage.add(what, position, header.index)
        if size == header.size:
            (empties if header.flag else bare).append(position)
            if header.flag and header.index == 0 and header_record is None:
                header_record = position
            if header.flag == 2:
                ranges[position] = header.labels
        else:
            detection.add(header.labels.tolist(), (position, header.index))
        label_counts.add(len(header.labels))
        ids.append(header.index)
        offsets.append(offset)
        offset = following
    damage.report("" if is_whole else "; " + SALVAGE)
    if not ids:
        problems.add("structure", f"there is not one whole record in its {len(buffer):,} bytes")
    num_empty = len(empties) + len(bare)
    all_ids = np.array(ids, np.uint64)
    if header_record is None:
        bare.extend(empties)
    else:  # InsightFace's: one of index 0, and one for each person
        _check_ranges(ranges, header_record, all_ids, problems)
    without_image = SimilarProblems(problems, "structure", "records have no image", _MOST_PLACES)
    for position in sorted(bare):
        without_image.add("the record has no image", position, ids[position])
    without_image.report()
    _note_detection(detection, problems)
    counts = tuple(sorted(label_counts))
    return Structure(all_ids, np.array(offsets, np.int64), counts, num_empty, is_whole, len(buffer), cut_at)


def _check_ranges(ranges: Dict[int, np.ndarray], header_record: int, ids: np.ndarray, problems: ProblemCollector) -> None:
    """Look whether the ids that InsightFace's header records name are there.

    That of index 0 has the labels (a, b): the images are 1 to a - 1, the persons' header records a to b - 1. A person's own has
    (a, b) too: the images of this person are a to b - 1.
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
