# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Looks through a .rec and its .idx byte by byte of their structure, and goes on behind damage. Decodes no image.

Whatever the bytes are, what is wrong with them becomes a problem among the findings; nothing is raised.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from typing import Dict, Iterable, NamedTuple, Optional, Set, Tuple

import numpy as np

from ..errors import RecordFormatError
from ..labels import EXACT_INTEGERS, DetectionLabels
from ..limits import MAX_INDEX
from ..recordio.frames import MAGIC_BYTES, find_magic, find_record, read_frames
from ..recordio.reader import LONGEST_INDEX_LINE, read_header
from ..storage.filebuffer import FileBuffer, UnreadableError, read_lines
from ..text import Call, Text
from .findings import Findings, Tally

_MOST_PLACES = 20  # that are told one by one, where a .rec is damaged; more become one line
_SALVAGE = Text(Call("salvage"), " saves the whole records")


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


def check_structure(buffer: FileBuffer, path: str, findings: Findings) -> Structure:
    """Look at every frame, its padding, the header and the number of labels.

    Parameters
    ----------
    buffer : FileBuffer
        A whole .rec.
    path : str
        What the .rec is called.
    findings : Findings
        Receives the problems, and what is strange about the labels.
    """
    damage = Tally(findings, "structure", "places are damaged", _MOST_PLACES)
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
            header, size, following = read_header(buffer, offset, path)
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
    damage.close("" if is_whole else "; " + _SALVAGE)
    if not ids:
        findings.add("structure", f"there is not one whole record in its {len(buffer):,} bytes")
    num_empty = len(empties) + len(bare)
    all_ids = np.array(ids, np.uint64)
    if header_record is None:
        bare.extend(empties)
    else:  # InsightFace's: one of index 0, and one for each person
        _check_ranges(ranges, header_record, all_ids, findings)
    without_image = Tally(findings, "structure", "records have no image", _MOST_PLACES)
    for position in sorted(bare):
        without_image.add("the record has no image", position, ids[position])
    without_image.close()
    _note_detection(detection, findings)
    counts = tuple(sorted(label_counts))
    return Structure(all_ids, np.array(offsets, np.int64), counts, num_empty, is_whole, len(buffer), cut_at)


def _check_ranges(ranges: Dict[int, np.ndarray], header_record: int, ids: np.ndarray, findings: Findings) -> None:
    """Look whether the ids that InsightFace's header records name are there.

    That of index 0 has the labels (a, b): the images are 1 to a - 1, the persons' header records a to b - 1. A person's own has
    (a, b) too: the images of this person are a to b - 1.
    """
    present = np.unique(ids)
    wrong = Tally(findings, "structure", "header records name ids that are not there", _MOST_PLACES)
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
    wrong.close()
    if num_rounded:
        findings.note(f"the ids that {num_rounded:,} header records name were not looked for: above 2**24 float32 rounds them")


def _first_missing(present: np.ndarray, first: int) -> int:
    """The first id from ``first`` on that is not among the sorted ones."""
    later = present[np.searchsorted(present, np.uint64(first)) :]
    gaps = np.flatnonzero(later != np.arange(first, first + len(later), dtype=np.uint64))
    return first + (int(gaps[0]) if len(gaps) else len(later))


def _note_detection(detection: DetectionLabels, findings: Findings) -> None:
    """Say which records of a detection dataset MXNet's readers refuse."""
    header = detection.header
    problems, count = detection.problems()
    if header is not None and problems:
        (position, index), problem = problems[0]
        what = (
            f"the labels are for detection, and MXNet's readers of detection refuse {count:,} of {detection.num_images:,} records"
        )
        findings.note(f"{what}, the first: record {position:,}, index {index}: {problem}")


def _check_frames(
    buffer: FileBuffer, offset: int, path: str, position: int, damage: Tally
) -> Tuple[Optional[int], Optional[int]]:
    """Look at the padding of a record's frames, and for a magic in the middle of one.

    Gives where the record ends, and where the first such magic is. The end is None where that magic tells that a length is
    damaged: it is not in the last frame, or no frame follows. The frames behind it are not looked at then: many records may seem
    to begin before one chain of frames, and each frame is to be looked at once.
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


def check_index(idx_path: str, structure: Structure, findings: Findings) -> bool:
    """Look at every line of an .idx: a key and an offset, the key once, the offset that of the record with this id.

    Returns
    -------
    bool
        Whether it is as it should be.
    """
    before = findings.num_problems
    makes = Text(Call("build_index"), " makes it from the .rec")
    hint: str = makes if structure.is_whole else "the .rec is damaged too: " + _SALVAGE
    if not os.path.exists(idx_path):
        findings.add("index", Text(f"there is no {idx_path!r}; ", hint))
        return False
    malformed = Tally(findings, "index", "lines are not a key, a tab and an offset")
    try:
        lines = _parse_index(idx_path, malformed)
    except OSError as error:
        findings.add("index", f"{idx_path!r} cannot be read: {error.strerror}")
        return False
    if not len(lines.keys):
        findings.add("index", Text(f"{idx_path!r} holds no line with a key and an offset; MXNet crashes on it; ", hint))
        malformed.close()
        return False
    malformed.close(Text("; ", hint))
    if len(np.unique(structure.ids)) < len(structure.ids):
        hint = "the .rec has several records of one id; give every image an index of its own, and pack again"
    offsets = structure.offsets.astype(np.uint64)
    if not np.array_equal(lines.keys, structure.ids) or not np.array_equal(lines.offsets, offsets):
        _compare_index(lines, structure, Text("; ", hint), findings)
    _check_unique(lines, Text("; ", hint), findings)
    return findings.num_problems == before


class _Lines(NamedTuple):
    """Lines of an .idx: (n,) uint64 keys, (n,) uint64 offsets, (n,) int64 numbers of the lines."""

    keys: np.ndarray
    offsets: np.ndarray
    numbers: np.ndarray


def _parse_index(idx_path: str, malformed: Tally) -> _Lines:
    """Every line that holds a key and an offset."""
    keys, offsets, numbers = array("Q"), array("Q"), array("q")
    with open(idx_path, "rb") as stream:
        for number, raw in read_lines(stream, LONGEST_INDEX_LINE):
            words = [word.strip() for word in raw.strip().split(b"\t")]
            is_long = len(raw) > LONGEST_INDEX_LINE
            if not is_long and len(words) == 2 and all(word.isdigit() and len(word) <= 20 for word in words):
                key, offset = int(words[0]), int(words[1])
                if key <= MAX_INDEX and offset <= MAX_INDEX:
                    keys.append(key)
                    offsets.append(offset)
                    numbers.append(number)
                    continue
            what = repr(raw[:80].decode("ascii", "backslashreplace"))
            if is_long:
                what = f"a line of more than {LONGEST_INDEX_LINE} bytes, {what}"
            elif not raw.strip():
                what = "a blank line; MXIndexedRecordIO raises ValueError on it"
            malformed.add(f"line {number:,}: expected a key, a tab and an offset, found {what}")
    return _Lines(np.array(keys, np.uint64), np.array(offsets, np.uint64), np.array(numbers, np.int64))


def _repeats(values: np.ndarray) -> Iterable[Tuple[int, int]]:
    """For each value that was there before: its place, and the place of the first that is equal; in the order of the places."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_first = np.ones(len(values), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = order[np.flatnonzero(is_first)][np.cumsum(is_first) - 1]
    places, firsts = order[~is_first], first[~is_first]
    by_place = np.argsort(places)
    return zip(places[by_place].tolist(), firsts[by_place].tolist())


def _check_unique(lines: _Lines, hint: str, findings: Findings) -> None:
    repeated = Tally(findings, "index", "lines repeat a key")
    for place, first in _repeats(lines.keys):
        key, number = int(lines.keys[place]), int(lines.numbers[place])
        repeated.add(f"line {number:,}: the key {key} was on line {int(lines.numbers[first]):,}", None, key)
    repeated.close(hint)


def _compare_index(lines: _Lines, structure: Structure, hint: str, findings: Findings) -> None:
    beyond = Tally(findings, "index", "lines are of records behind its end")
    nowhere = Tally(findings, "index", "lines have an offset at which no record begins")
    other_keys = Tally(findings, "index", "lines have another key than the record's id")
    repeated = Tally(findings, "index", "lines repeat an offset")
    without = Tally(findings, "index", "records have no line")
    end = structure.size if structure.cut_at is None else structure.cut_at
    count = len(structure.ids)
    positions = np.searchsorted(structure.offsets.astype(np.uint64), lines.offsets)
    padded = np.append(structure.offsets.astype(np.uint64), np.uint64(0))
    is_found = (positions < count) & (padded[positions] == lines.offsets)
    for line in np.flatnonzero(~is_found).tolist():
        offset = int(lines.offsets[line])
        tally = beyond if offset >= end else nowhere
        what = f"line {int(lines.numbers[line]):,}: no whole record begins at its offset {offset:,}"
        tally.add(what, None, int(lines.keys[line]))
    found = np.flatnonzero(is_found)
    for line in found[lines.keys[found] != structure.ids[positions[found]]].tolist():
        position = int(positions[line])
        index = int(structure.ids[position])
        what = f"line {int(lines.numbers[line]):,}: its key is {int(lines.keys[line])}, the record's id {index}"
        other_keys.add(what, position, index)
    for place, first in _repeats(positions[found]):
        line, position = int(found[place]), int(positions[found[place]])
        what = f"its offset {int(lines.offsets[line]):,} was on line {int(lines.numbers[found[first]]):,}"
        repeated.add(f"line {int(lines.numbers[line]):,}: {what}", position, int(structure.ids[position]))
    has_line = np.zeros(count, bool)
    has_line[positions[found]] = True
    for position in np.flatnonzero(~has_line).tolist():
        what = f"no line for the record at byte {int(structure.offsets[position]):,}"
        without.add(what, position, int(structure.ids[position]))
    beyond.close(f"; the .rec is shorter than the .idx says: it has {structure.size:,} bytes" + hint)
    for tally in (nowhere, other_keys, repeated, without):
        tally.close(hint)
