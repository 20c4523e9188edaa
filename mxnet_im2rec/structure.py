# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Looks through a .rec and its .idx byte by byte of their structure, and goes on behind damage. Decodes no image.

Whatever the bytes are, what is wrong with them becomes a problem among the findings; nothing is raised.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from dataclasses import dataclass
from typing import Dict, List, Optional, Set, Tuple, Union

import numpy as np

from .errors import RecordFormatError
from .findings import Findings
from .framing import MAGIC, find_magic, find_record, read_frame, read_record
from .header import MAX_INDEX, Header, unpack_header

_HEAD = struct.Struct("<II")
_ID2 = struct.Struct("<16xQ")


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
    """

    ids: np.ndarray
    offsets: np.ndarray
    label_counts: Tuple[int, ...]
    num_empty: int
    is_whole: bool


def map_file(path: str) -> memoryview:
    """A file's bytes, read-only. The mapping goes when the last view of it does."""
    with open(path, "rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            return memoryview(b"")
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def check_structure(buffer: memoryview, path: str, findings: Findings) -> Structure:
    """Look at every frame, its padding, the header and the number of labels.

    Parameters
    ----------
    buffer : memoryview
        A whole .rec.
    path : str
        What the .rec is called.
    findings : Findings
        Receives the problems.
    """
    ids, offsets, empties = array("Q"), array("q"), array("q")
    bare = array("q")  # without an image, and without labels behind the header: nobody writes such records on purpose
    label_counts: Set[int] = set()
    has_header_record = False
    is_whole = True
    offset = 0
    while offset < len(buffer):
        position = len(ids)
        try:
            payload, following = read_record(buffer, offset, path)
            stray = _check_frames(buffer, offset, following, path, position, findings)
            if stray is not None:
                is_whole = False
                if not _is_magic(buffer, following):  # the length is what is damaged: what it covers is not this record's
                    offset = find_record(buffer, stray)
                    continue
            header = _unpack(payload, offset, path)
        except RecordFormatError as error:
            is_whole = False
            following = find_record(buffer, offset + 4)
            where = (
                "to the end of the file" if following == len(buffer) else f"to byte {following:,}, where the next record begins"
            )
            what = f"byte {error.offset:,}: expected {error.expected}, found {error.found}"
            findings.add("structure", f"{what}; lost from byte {offset:,} {where}")
            offset = following
            continue
        (id2,) = _ID2.unpack_from(payload)
        if id2:
            what = f"byte {offset + 24:,}: expected 0 as the header's second id, found {id2}"
            findings.add("structure", what, position, header.index)
        if len(payload) == header.size:
            (empties if header.flag else bare).append(position)
            has_header_record = has_header_record or (header.flag > 0 and header.index == 0)
        label_counts.add(len(header.labels))
        ids.append(header.index)
        offsets.append(offset)
        offset = following
    if not ids:
        findings.add("structure", f"there is not one whole record in its {len(buffer):,} bytes")
    num_empty = len(empties) + len(bare)
    if not has_header_record:  # InsightFace's: one of index 0, and one for each person
        bare.extend(empties)
    for position in sorted(bare):
        findings.add("structure", "the record has no image", position, ids[position])
    counts = tuple(sorted(label_counts))
    return Structure(np.array(ids, np.uint64), np.array(offsets, np.int64), counts, num_empty, is_whole)


def _unpack(payload: Union[bytes, memoryview], offset: int, path: str) -> Header:
    try:
        return unpack_header(payload)
    except ValueError as error:
        expected, found = error.args
        raise RecordFormatError(path, offset + 8, expected, found) from None


def _check_frames(buffer: memoryview, start: int, end: int, path: str, position: int, findings: Findings) -> Optional[int]:
    """Look at a record's padding, and for a magic that does not begin one of its frames; gives where the first of those is."""
    offset = start
    stray = None
    while offset < end and stray is None:
        _, payload_end, following = read_frame(buffer, offset, path)
        padding = bytes(buffer[payload_end:following])
        if any(padding):
            findings.add("structure", f"byte {payload_end:,}: expected zeros as padding, found {padding.hex(' ')}", position)
        stray = find_magic(buffer, offset + 8, following)
        offset = following
    if stray is not None:
        what = "either the record's length is damaged, or it was not split there as RecordIO asks"
        findings.add("structure", f"byte {stray:,}: found the magic in the middle of a frame; {what}", position)
    return stray


def _is_magic(buffer: memoryview, offset: int) -> bool:
    return offset == len(buffer) or (offset + 8 <= len(buffer) and _HEAD.unpack_from(buffer, offset)[0] == MAGIC)


def check_index(idx_path: str, structure: Structure, findings: Findings) -> bool:
    """Look at every line of an .idx: a key and an offset, the key once, the offset that of the record with this id.

    Returns
    -------
    bool
        Whether it is as it should be.
    """
    before = findings.num_problems
    if not os.path.exists(idx_path):
        findings.add("index", f"there is no {idx_path!r}")
        return False
    try:
        lines = _parse_index(idx_path, findings)
    except OSError as error:
        findings.add("index", f"{idx_path!r} cannot be read: {error.strerror}")
        return False
    if not lines:
        findings.add("index", f"{idx_path!r} holds no line; MXNet crashes on it")
        return False
    keys, offsets = np.array([key for key, _, _ in lines], np.uint64), np.array([place for _, place, _ in lines], np.uint64)
    if not np.array_equal(keys, structure.ids) or not np.array_equal(offsets, structure.offsets.astype(np.uint64)):
        _compare_index(lines, structure, findings)
    _check_unique(lines, findings)
    return findings.num_problems == before


def _parse_index(idx_path: str, findings: Findings) -> List[Tuple[int, int, int]]:
    """The (key, offset, line) of every line that holds them."""
    found = []
    with open(idx_path, "rb") as stream:
        for number, raw in enumerate(stream, 1):
            words = [word.strip() for word in raw.strip().split(b"\t")]
            if len(words) == 2 and all(word.isdigit() and len(word) <= 20 for word in words):
                key, offset = int(words[0]), int(words[1])
                if key <= MAX_INDEX and offset <= MAX_INDEX:
                    found.append((key, offset, number))
                    continue
            what = "a blank line; MXIndexedRecordIO raises ValueError on it" if not raw.strip() else repr(raw[:80])
            findings.add("index", f"line {number:,}: expected a key, a tab and an offset, found {what}")
    return found


def _check_unique(lines: List[Tuple[int, int, int]], findings: Findings) -> None:
    seen: Dict[int, int] = {}
    for key, _, number in lines:
        first = seen.setdefault(key, number)
        if first != number:
            findings.add("index", f"line {number:,}: the key {key} was on line {first:,}", None, key)


def _compare_index(lines: List[Tuple[int, int, int]], structure: Structure, findings: Findings) -> None:
    positions = {offset: position for position, offset in enumerate(structure.offsets.tolist())}
    line_of: Dict[int, int] = {}
    for key, offset, number in lines:
        position = positions.get(offset)
        if position is None:
            findings.add("index", f"line {number:,}: no record begins at its offset {offset:,}", None, key)
            continue
        index = int(structure.ids[position])
        if key != index:
            findings.add("index", f"line {number:,}: its key is {key}, the record's id {index}", position, index)
        first = line_of.setdefault(position, number)
        if first != number:
            findings.add("index", f"line {number:,}: its offset {offset:,} was on line {first:,}", position, index)
    for position, index in enumerate(structure.ids.tolist()):
        if position not in line_of:
            offset = int(structure.offsets[position])
            findings.add("index", f"no line for the record at byte {offset:,}", position, index)
