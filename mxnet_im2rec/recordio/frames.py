# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""RecordIO's frames: the bytes of a record become frames of a .rec, and frames become a record. Opens no file, knows no image.

A frame is the magic, a 32-bit word of a 3-bit cflag and a 29-bit length, the payload, and zeros up to the next multiple of 4.
Where the payload itself holds the magic at a multiple of 4, the record is split there into several frames and those 4 bytes
are left out: cflag 0 is a whole record, 1 its first part, 2 a middle one, 3 the last (dmlc-core, recordio.h).
"""

from __future__ import annotations

import re
import struct
from typing import Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from ..errors import RecordFormatError
from ..limits import MAX_RECORD_BYTES
from ..storage.filebuffer import FileBuffer, UnreadableError

MAGIC = 0xCED7230A

Buffer = Union[bytes, memoryview]

_FIRST_LOOK, _LARGEST_LOOK = 1 << 12, 1 << 22  # bytes that are searched at once

_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
MAGIC_BYTES = struct.pack("<I", MAGIC)
_HEAD = struct.Struct("<II")
_MAGIC = re.compile(re.escape(MAGIC_BYTES))
_MAGIC_WORD, _WORD = np.uint32(MAGIC), np.dtype("<u4")
_SMALL = 8192  # bytes; in fewer of them the regular expression is the faster one, in more NumPy
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


def frame(payload: Buffer, rest: Buffer = b"") -> Tuple[Buffer, ...]:
    """The pieces whose concatenation is the payload's record in a .rec: a multiple of 4 bytes. ValueError if it is too long.

    The payload may be given in two parts, such as a header and an image, so that nobody has to join them. Then the first part
    must have a multiple of 4 bytes.

    Examples
    --------
    >>> b"".join(frame(b"abcde")).hex(" ", 4)
    '0a23d7ce 05000000 61626364 65000000'
    >>> b"".join(frame(b"abcd", b"e")) == b"".join(frame(b"abcde"))
    True
    """
    size = len(payload) + len(rest)
    if size > MAX_RECORD_BYTES:
        raise ValueError(f"a record of {size:,} bytes; RecordIO's limit is {MAX_RECORD_BYTES:,}")
    if _splits(payload) or _splits(rest):
        return _frame_split(b"".join((payload, rest)))
    head, padding = _HEAD.pack(MAGIC, size), _PADDING[size & 3]
    return (head + payload, rest, padding) if rest else (head, payload, padding)


def _splits(data: Buffer) -> List[int]:
    """Where the magic is, at multiples of 4."""
    if len(data) < _SMALL and _MAGIC.search(data) is None:
        return []
    words = np.frombuffer(data, _WORD, len(data) // 4)
    are_magic = words == _MAGIC_WORD
    return (np.flatnonzero(are_magic) * 4).tolist() if np.count_nonzero(are_magic) else []


def _frame_split(payload: bytes) -> Tuple[Buffer, ...]:
    splits = _splits(payload)
    pieces: List[Buffer] = []
    start = 0
    for number, end in enumerate([*splits, len(payload)]):
        cflag = _FIRST if number == 0 else _LAST if number == len(splits) else _MIDDLE
        pieces += [_HEAD.pack(MAGIC, cflag << 29 | end - start), payload[start:end]]
        start = end + 4
    return (*pieces, _PADDING[len(payload) & 3])


def payload_of(pieces: Sequence[Buffer]) -> bytes:
    """The payload of one record, from the pieces that :func:`frame` gives, or from one piece that has them all.

    Examples
    --------
    >>> payload_of(frame(b"abcde"))
    b'abcde'
    """
    data = b"".join(pieces)
    parts = []
    start = 0
    while start < len(data):
        size = _HEAD.unpack_from(data, start)[1] & MAX_RECORD_BYTES
        parts.append(data[start + 8 : start + 8 + size])
        start += 8 + size + (-size & 3)
    return MAGIC_BYTES.join(parts)


def read_frame(buffer: FileBuffer, offset: int, path: str) -> Tuple[int, int, int]:
    """Read the head of the frame at an offset of a whole .rec, and make sure that all of the frame is there.

    Gives the cflag, where the payload ends, and where the next frame begins. The payload begins at ``offset + 8``. If there is no
    whole frame it raises RecordFormatError, which calls the file ``path``. If the head cannot be read it raises OSError, as
    every function does that takes a buffer.
    """
    size = len(buffer)
    if offset + 8 > size:
        raise RecordFormatError(path, offset, "a frame's head of 8 bytes", f"the end of the file after {size - offset}")
    magic, word = _HEAD.unpack(buffer[offset : offset + 8])
    if magic != MAGIC:
        raise RecordFormatError(path, offset, f"the magic 0x{MAGIC:08x}", f"0x{magic:08x}")
    cflag, end = word >> 29, offset + 8 + (word & MAX_RECORD_BYTES)
    following = end + (-end & 3)
    if cflag > _LAST:
        raise RecordFormatError(path, offset + 4, "a cflag from 0 to 3", str(cflag))
    if following > size:
        what = f"a payload of {word & MAX_RECORD_BYTES:,} bytes and its padding"
        raise RecordFormatError(path, offset + 4, what, f"{size - offset - 8:,} bytes to the end of the file")
    return cflag, end, following


def read_frames(buffer: FileBuffer, offset: int, path: str) -> Iterator[Tuple[int, int, int, bool]]:
    """Read the heads of one record's frames, one after the other; RecordFormatError if one is not whole, or may not come next.

    For each frame: where it begins, where its payload ends, where the next frame begins, and whether it is the last of the
    record. What comes next is read only when it is asked for.
    """
    start = offset
    is_last = False
    while not is_last:
        cflag, end, following = read_frame(buffer, start, path)
        if start == offset and cflag not in (_WHOLE, _FIRST):
            raise RecordFormatError(path, start + 4, "the begin of a record (cflag 0 or 1)", f"cflag {cflag}")
        if start > offset and cflag not in (_MIDDLE, _LAST):
            raise RecordFormatError(path, start + 4, "the next part of a record (cflag 2 or 3)", f"cflag {cflag}")
        is_last = cflag in (_WHOLE, _LAST)
        yield start, end, following, is_last
        start = following


def read_record(buffer: FileBuffer, offset: int, path: str) -> Tuple[Union[memoryview, bytes], int]:
    """Read one record: its payload, and where the next record begins; RecordFormatError if there is no whole record.

    The payload is a slice of the buffer, unless the record was split.
    """
    cflag, end, following = read_frame(buffer, offset, path)
    if cflag == _WHOLE:
        return buffer[offset + 8 : end], following
    payload = bytearray()  # not a list of parts: millions of empty parts would fill the memory
    for start, end, following, _ in read_frames(buffer, offset, path):  # noqa: B007  # the last is needed
        if start > offset:
            payload += MAGIC_BYTES
        payload += buffer[start + 8 : end]
    return bytes(payload), following


def find_magic(buffer: FileBuffer, start: int, end: int, cflags: Sequence[int] = range(8)) -> Optional[int]:
    """The first magic, at a multiple of 4, with one of these cflags behind it.

    The parts that are searched at once begin small, for many short searches, and grow, for long ones. UnreadableError comes if
    there is no magic before the first byte that cannot be read.
    """
    look = _FIRST_LOOK
    while start + 4 <= end:
        stop = min(start + look, end - (end - start) % 4)
        try:
            words = np.frombuffer(buffer[start:stop], "<u4")
        except UnreadableError as error:
            stop = error.start - 4 - error.start % 4
            if stop <= start:
                raise
            words = np.frombuffer(buffer[start:stop], "<u4")
        for place in (words == MAGIC).nonzero()[0].tolist():
            found = start + 4 * place
            if found + 8 <= len(buffer) and _HEAD.unpack(buffer[found : found + 8])[1] >> 29 in cflags:
                return found
        start = stop
        look = min(look * 4, _LARGEST_LOOK)
    return None


def find_record(buffer: FileBuffer, start: int) -> int:
    """Where the next record may begin, at or after a place.

    If there is none, the end of the file; or the first byte that cannot be read, if there is none before that byte.
    """
    try:
        found = find_magic(buffer, start + (-start & 3), len(buffer), cflags=(_WHOLE, _FIRST))
    except UnreadableError as error:
        return error.start
    return len(buffer) if found is None else found
