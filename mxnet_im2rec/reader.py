# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a .rec and its .idx: random access and scan by mmap. Needs no MXNet, changes nothing.

What is read is checked as it is read: damage raises RecordFormatError, whatever it is, and never allocates more than the file
holds.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field
from typing import Any, Iterator, List, Optional, Tuple, Union, overload

import numpy as np

from .errors import ImageError, RecordFormatError
from .framing import read_record
from .header import MAX_INDEX, unpack_header


@dataclass(frozen=True)
class Record:
    """One record of a :class:`RecordFile`.

    Attributes
    ----------
    index : int
        The image's id, from the record's header.
    labels : numpy.ndarray
        (n,) float32.
    content : bytes-like
        The image file's bytes; a view of the .rec's memory unless the record was split because it holds RecordIO's magic. Empty
        for records that are headers of their own, as InsightFace has them.
    offset : int
        Where the record begins in the .rec.
    flag : int
        The header's flag: 0 where the label is in the header, else the number of labels behind it.
    next_offset : int
        Where the next record begins.
    """

    index: int
    labels: np.ndarray = field(compare=False)
    content: Union[bytes, memoryview] = field(repr=False)
    offset: int
    flag: int
    next_offset: int = field(repr=False)

    def image(self, color: int = 1) -> np.ndarray:
        """Decode the image.

        Parameters
        ----------
        color : {1, 0, -1}
            1: RGB. 0: grey. -1: as stored.

        Returns
        -------
        numpy.ndarray
            (H, W, C) uint8, RGB; C is 1 for grey and 4, with alpha, where -1 finds one.

        Raises
        ------
        ImageError
            If the record has no image, or one that is damaged.
        """
        from . import images  # loads OpenCV

        if color not in (1, 0, -1):
            raise ValueError(f"color must be 1 (RGB), 0 (grey) or -1 (as stored), not {color!r}")
        if not len(self.content):
            raise ImageError(f"the record at byte {self.offset:,} (index {self.index}) has no image")
        return images.to_rgb(images.decode(bytes(self.content), color))


class RecordFile:
    """A .rec, read-only: a sequence of records in the order of the file.

    It can be pickled and used after a fork and in several threads, and is a context manager.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    idx_path : str or os.PathLike, optional
        Its .idx; by default the one beside it. Where there is none the .rec is scanned, which takes about a microsecond a record
        if it is in memory.

    Raises
    ------
    OSError
        If a file cannot be opened.
    RecordFormatError
        If the .idx cannot be read or does not belong to the .rec or, without one, if the .rec is damaged.

    Examples
    --------
    >>> with RecordFile('images_rec.rec') as records:  # doctest: +SKIP
    ...     print(len(records), records[0].labels, records.by_index(17).image().shape)
    """

    def __init__(self, rec_path: Union[str, os.PathLike], idx_path: Union[None, str, os.PathLike] = None) -> None:
        self.rec_path = os.path.abspath(rec_path)
        if idx_path is None:
            beside = idx_beside(self.rec_path)
            idx_path = beside if os.path.exists(beside) else None
        self.idx_path = None if idx_path is None else os.path.abspath(idx_path)
        with open(self.rec_path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            self._map: Any = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self._buffer = memoryview(self._map)
        self._is_closed = False
        try:
            if self.idx_path is None:
                found = [(record.index, record.offset) for record in scan(self._buffer, self.rec_path)]
                self._keys, self._offsets = _as_arrays(found)
            else:
                self._keys, self._offsets = read_index(self.idx_path)
                self._check_ends()
        except BaseException:
            self.close()
            raise
        order = np.argsort(self._offsets, kind="stable")
        self._keys, self._offsets = self._keys[order], self._offsets[order]
        self._by_key: Optional[np.ndarray] = None  # positions in the order of the keys, made when it is needed

    def _check_ends(self) -> None:
        """What tells an .idx of another file without reading the .rec: its first and its last record."""
        assert self.idx_path is not None
        offsets = self._offsets
        if not len(offsets):
            if len(self._buffer):
                raise RecordFormatError(self.idx_path, 1, "a line for each record", "an empty file", unit="line")
            return
        if int(offsets.min()) != 0:
            found = f"{int(offsets.min()):,}"
            raise RecordFormatError(self.idx_path, 1, "an offset 0, of the first record", f"{found} as the smallest", unit="line")
        line, last = int(offsets.argmax()) + 1, int(offsets.max())
        if last >= len(self._buffer):
            expected = f"an offset below the .rec's {len(self._buffer):,} bytes"
            raise RecordFormatError(self.idx_path, line, expected, f"{last:,}", unit="line")
        try:
            end = self._read(last).next_offset
        except RecordFormatError as error:
            expected = "the offset of a whole record of the .rec"
            raise RecordFormatError(self.idx_path, line, expected, f"{last:,}; {error}", unit="line") from None
        if end != len(self._buffer):
            raise RecordFormatError(
                self.idx_path, line, f"a line for the record at byte {end:,} of the .rec", "none", unit="line"
            )

    def _read(self, offset: int) -> Record:
        if self._is_closed:
            raise ValueError(f"{self.rec_path!r} is closed")
        return read_one(self._buffer, offset, self.rec_path)

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def num_bytes(self) -> int:
        """The size of the .rec in bytes."""
        return len(self._buffer)

    @property
    def keys(self) -> np.ndarray:
        """(n,) uint64, the records' indices by the .idx, in the order of the file."""
        return self._keys

    @overload
    def __getitem__(self, position: int) -> Record: ...

    @overload
    def __getitem__(self, position: slice) -> List[Record]: ...

    def __getitem__(self, position: Union[int, slice]) -> Union[Record, List[Record]]:
        """The record at a position in the file, from 0; a slice gives a list."""
        if isinstance(position, slice):
            return [self._at(each) for each in range(*position.indices(len(self)))]
        count = len(self)
        if not -count <= position < count:
            raise IndexError(f"position {position} of {count} records")
        return self._at(position % count)

    def _at(self, position: int) -> Record:
        """The record at a position; its end must be where the .idx has the next one, so that a length that lies is noticed."""
        record = self._read(int(self._offsets[position]))
        is_last = position + 1 == len(self)
        following = len(self._buffer) if is_last else int(self._offsets[position + 1])
        if record.next_offset != following:
            found = f"{record.next_offset:,}"
            raise RecordFormatError(self.rec_path, record.offset, f"a record that ends at byte {following:,}, by the .idx", found)
        return record

    def __iter__(self) -> Iterator[Record]:
        """Every record, in the order of the file; RecordFormatError where the .idx leaves one out."""
        expected = 0
        for offset in self._offsets.tolist():
            if offset != expected:
                what = f"a record at byte {expected:,} of the .rec"
                raise RecordFormatError(self.idx_path or self.rec_path, expected, what, f"the next one at {offset:,}")
            record = self._read(offset)
            expected = record.next_offset
            yield record

    def by_index(self, index: int) -> Record:
        """The record of an image's index.

        Parameters
        ----------
        index : int
            The key in the .idx. If several records have it, the last of them, as MXNet does.

        Raises
        ------
        KeyError
            If there is none.
        RecordFormatError
            If the record has another id: the .idx belongs to another .rec.
        """
        if not 0 <= index <= MAX_INDEX:
            raise KeyError(index)
        if self._by_key is None:
            self._by_key = np.argsort(self._keys, kind="stable")
        position = int(np.searchsorted(self._keys, np.uint64(index), side="right", sorter=self._by_key)) - 1
        if position < 0 or int(self._keys[self._by_key[position]]) != index:
            raise KeyError(index)
        record = self[int(self._by_key[position])]
        if record.index != index:
            raise RecordFormatError(self.rec_path, record.offset, f"the record of index {index}", f"that of {record.index}")
        return record

    def close(self) -> None:
        """Give the memory back; views of records that are still in use keep theirs."""
        self._is_closed = True
        self._buffer.release()
        if isinstance(self._map, mmap.mmap):
            try:
                self._map.close()
            except BufferError:  # a record's content is in use: it goes with that
                self._map = b""
        self._buffer = memoryview(b"")

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __reduce__(self) -> Tuple[Any, Tuple]:
        return RecordFile, (self.rec_path, self.idx_path)

    def __repr__(self) -> str:
        return f"<RecordFile {self.rec_path!r}: {len(self):,} records, {self.num_bytes:,} bytes>"


def idx_beside(rec_path: str) -> str:
    """The .idx that belongs to a .rec by its name, as MXNet's ImageRecordDataset has it."""
    return os.path.splitext(rec_path)[0] + ".idx"


def read_one(buffer: memoryview, offset: int, path: str) -> Record:
    """The record that begins at an offset; RecordFormatError if there is no whole one."""
    payload, following = read_record(buffer, offset, path)
    try:
        header = unpack_header(payload)
    except ValueError as error:
        expected, found = error.args
        raise RecordFormatError(path, offset + 8, expected, found) from None
    return Record(header.index, header.labels, payload[header.size :], offset, header.flag, following)


def scan(buffer: memoryview, path: str) -> Iterator[Record]:
    """Every record of a .rec, from its first byte to its last."""
    offset = 0
    while offset < len(buffer):
        record = read_one(buffer, offset, path)
        yield record
        offset = record.next_offset


def read_index(idx_path: str) -> Tuple[np.ndarray, np.ndarray]:
    """Read an .idx.

    Parameters
    ----------
    idx_path : str
        Lines ``key <tab> offset``; blank ones at the end are passed over.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        (n,) uint64 keys and (n,) int64 offsets, in the order of the lines.

    Raises
    ------
    RecordFormatError
        If a line is something else.
    """
    found = []
    with open(idx_path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or not all(word.isdigit() and len(word) <= 20 for word in words):
                raise RecordFormatError(idx_path, number, "a key, a tab and an offset", repr(line[:80]), unit="line")
            key, offset = int(words[0]), int(words[1])
            if key > MAX_INDEX or offset >= 2**63:
                raise RecordFormatError(idx_path, number, "a key and an offset of 64 bits", repr(line[:80]), unit="line")
            found.append((key, offset))
    return _as_arrays(found)


def _as_arrays(pairs: List[Tuple[int, int]]) -> Tuple[np.ndarray, np.ndarray]:
    keys = np.fromiter((key for key, _ in pairs), np.uint64, len(pairs))
    return keys, np.fromiter((offset for _, offset in pairs), np.int64, len(pairs))
