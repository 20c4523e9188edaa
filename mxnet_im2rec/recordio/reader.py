# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""RecordFile: random access to the records of a .rec, by its .idx or without one. Needs no MXNet, changes nothing.

Every record is checked when it is read. Any damage raises RecordFormatError, and none makes it allocate more than the file holds.
The error names the file that is at fault, and says what to do.
"""

from __future__ import annotations

import operator
import os
from array import array
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Optional, Tuple, Union, overload

import numpy as np

from ..errors import RecordFormatError
from ..limits import MAX_INDEX, MAX_PIXELS
from ..storage.filebuffer import FileBuffer
from .advice import advise, damaged_idx, damaged_rec
from .frames import MAGIC_BYTES
from .index import read_index
from .paths import DatasetPaths
from .record import Record, record_at, scan

if TYPE_CHECKING:
    from .batches import Batch


class RecordFile:
    """A .rec, read-only: a sequence of records in the order of the file.

    It can be pickled, used after a fork and used in several threads. It is a context manager.

    Opening it reads the .idx and the last record, and no other record. So it opens with an .idx that leaves out records in the
    middle; RecordFormatError comes when the record before them is read. :func:`mxnet_im2rec.verify` reads everything.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    idx_path : str or os.PathLike, optional
        Its .idx; by default the one beside it. Where there is none the .rec is scanned, which takes about five microseconds a
        record if it is in memory.

    Raises
    ------
    OSError
        If a file cannot be opened, or, then and whenever a record is read, if the disk cannot read it or the .rec has become
        shorter. It names the file and the range of bytes.
    RecordFormatError
        If the .idx is damaged or does not belong to the .rec, or if the .rec is found to be damaged. Its ``path`` is the file
        that is at fault, its message says what mends it.

    Examples
    --------
    >>> with RecordFile('images_rec.rec') as records:  # doctest: +SKIP
    ...     print(len(records), records[0].labels, records.by_index(17).image().shape)
    """

    def __init__(self, rec_path: Union[str, os.PathLike], idx_path: Union[None, str, os.PathLike] = None) -> None:
        self.rec_path = os.path.abspath(os.fsdecode(rec_path))
        if idx_path is None:
            beside = DatasetPaths.of_rec(self.rec_path).idx
            idx_path = beside if os.path.exists(beside) else None
        self.idx_path = None if idx_path is None else os.path.abspath(os.fsdecode(idx_path))
        self._buffer = FileBuffer(self.rec_path)
        self._size = len(self._buffer)
        self._is_closed = False
        self._by_key: Optional[np.ndarray] = None  # positions in the order of the keys, made when it is needed
        try:
            if self.idx_path is None:
                self._scan()
            else:
                keys, offsets, lines = read_index(self.idx_path)
                order = np.argsort(offsets, kind="stable")
                self._keys, self._offsets, self._line_numbers = keys[order], offsets[order], lines[order]
                self._check_index()
        except BaseException:
            self.close()
            raise
        self._keys.flags.writeable = False

    def _scan(self) -> None:
        keys, offsets = array("Q"), array("q")
        try:
            for offset, header, _ in scan(self._buffer, self.rec_path):
                keys.append(header.index)
                offsets.append(offset)
        except RecordFormatError as error:
            raise damaged_rec(error) from None
        self._keys, self._offsets = np.array(keys, np.uint64), np.array(offsets, np.int64)

    def _check_index(self) -> None:
        """Find an .idx that is wrong, or a .rec that was cut off, without reading all of the .rec."""
        offsets = self._offsets
        if not len(offsets):
            if self._size:
                raise self._wrong_index(None, "a line for each record", "an empty file")
            return
        if self._size and not self._begins_record(0):
            try:
                record_at(self._buffer, 0, self.rec_path)
            except RecordFormatError as error:
                raise damaged_rec(error) from None
        unaligned = np.flatnonzero(offsets & 3)
        if len(unaligned):
            found = f"{int(offsets[unaligned[0]]):,}"
            raise self._wrong_index(int(unaligned[0]), "an offset that is a multiple of 4", found)
        if offsets[0] != 0:
            raise self._wrong_index(0, "an offset 0, of the first record", f"{int(offsets[0]):,} as the smallest")
        repeated = np.flatnonzero(offsets[1:] == offsets[:-1])
        if len(repeated):
            first = int(repeated[0])
            found = f"{int(offsets[first]):,}, which line {int(self._line_numbers[first]):,} has too"
            raise self._wrong_index(first + 1, "an offset of its own", found)
        last = len(offsets) - 1
        if offsets[last] >= self._size:
            expected = f"a record at byte {int(offsets[last]):,}, by line {int(self._line_numbers[last]):,} of the .idx"
            short = RecordFormatError(self.rec_path, self._size, expected, "the end of the file")
            why = "the .rec is shorter than its .idx says: it was cut off, or the .idx is of another one"
            raise damaged_rec(short, why) if self._size else advise(short, f"{why}; nothing is left of it, pack it again")
        self._at(last)

    def _wrong_index(self, position: Optional[int], expected: str, found: str) -> RecordFormatError:
        """The error for an .idx that is not of this .rec, at the line of a position."""
        line = 1 if position is None else int(self._line_numbers[position])
        error = RecordFormatError(self.idx_path or self.rec_path, line, expected, found, unit="line")
        return damaged_idx(error, self.rec_path)

    def _begins_record(self, offset: int) -> bool:
        """Whether the magic is there, and not of a frame within a record. The file may end meanwhile."""
        head = bytes(self._buffer[offset : offset + 8])
        return MAGIC_BYTES.startswith(head[:4]) and (len(head) < 8 or head[7] >> 5 not in (2, 3))

    def _is_confirmed(self, position: int) -> bool:
        """Whether the .rec itself says that a record begins there: the record before it is whole, and ends there."""
        if position == 0 or self.idx_path is None:
            return True
        try:
            before = record_at(self._buffer, int(self._offsets[position - 1]), self.rec_path)
        except RecordFormatError:
            return False
        return before.next_offset == self._offsets[position]

    def _no_record(self, position: int, error: RecordFormatError) -> RecordFormatError:
        """The error where the .idx has a record, and there is no whole one in the .rec."""
        offset = int(self._offsets[position])
        if self._begins_record(offset) or self._is_confirmed(position):
            return damaged_rec(error)
        return self._wrong_index(position, "the offset of a record", f"{offset:,}, where none begins")

    def _wrong_end(self, record: Record, position: int, following: int) -> RecordFormatError:
        """The error where a record does not end at the next one's offset or, the last one, at the end of the file."""
        end = record.next_offset
        is_last = position + 1 == len(self)
        if self.idx_path is not None and end < following and self._begins_record(end):
            try:
                record_at(self._buffer, end, self.rec_path)
            except RecordFormatError as error:
                return damaged_rec(error)
            expected = f"a line for the record at byte {end:,} of the .rec"
            found = "none" if is_last else f"one for byte {following:,}"
            return self._wrong_index(position if is_last else position + 1, expected, found)
        if self.idx_path is None or is_last or self._begins_record(following):
            expected = "a record that ends with the file" if is_last else f"a record that ends at byte {following:,}, by the .idx"
            found = f"one that ends at byte {end:,} of {self._size:,}"
            return damaged_rec(RecordFormatError(self.rec_path, record.offset + 4, expected, found))
        return self._wrong_index(position + 1, "the offset of a record", f"{following:,}, where none begins")

    def _read(self, position: int, offset: int, following: int) -> Record:
        """The record at a position. It must end where the next one begins: a wrong length is noticed by that."""
        self._check_open()
        try:
            record = record_at(self._buffer, offset, self.rec_path)
        except RecordFormatError as error:
            raise self._no_record(position, error) from None
        if record.next_offset != following:
            raise self._wrong_end(record, position, following)
        return record

    def _at(self, position: int) -> Record:
        offset = int(self._offsets[position])
        following = self._size if position + 1 == len(self) else int(self._offsets[position + 1])
        self._buffer.expect(offset, following)
        return self._read(position, offset, following)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError(f"{self.rec_path!r} is closed")

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def num_bytes(self) -> int:
        """The size of the .rec in bytes."""
        return self._size

    @property
    def keys(self) -> np.ndarray:
        """(n,) uint64, the records' indices by the .idx, in the order of the file. Read-only."""
        return self._keys

    @overload
    def __getitem__(self, position: int) -> Record: ...

    @overload
    def __getitem__(self, position: slice) -> List[Record]: ...

    def __getitem__(self, position: Union[int, slice]) -> Union[Record, List[Record]]:
        """The record at a position in the file, from 0, or from the end if negative; a slice gives a list."""
        if isinstance(position, slice):
            return [self._at(each) for each in range(*position.indices(len(self)))]
        place = _as_int(position, "a position must be an integer or a slice; by_index() takes the image's index")
        count = len(self)
        if not -count <= place < count:
            what = f"from {-count} to {count - 1}" if count else "none: the file has no records"
            raise IndexError(f"there is no position {place} in {self.rec_path!r}; the positions are {what}")
        return self._at(place % count)

    def __iter__(self) -> Iterator[Record]:
        """Every record, in the order of the file; RecordFormatError where the .idx leaves one out."""
        self._check_open()
        offsets = self._offsets.tolist()
        return map(self._read, range(len(offsets)), offsets, [*offsets[1:], self._size])

    def __contains__(self, record: object) -> bool:
        """Whether a record is of this file. For an image's index use ``index in records.keys``."""
        if not isinstance(record, Record):
            raise TypeError(f"a RecordFile has records in it, not {record!r}; for an image's index: index in records.keys")
        position = int(np.searchsorted(self._offsets, record.offset))
        return position < len(self) and self._offsets[position] == record.offset and self._at(position) == record

    def by_index(self, index: int) -> Record:
        """The record of an image's index.

        Parameters
        ----------
        index : int
            The key in the .idx. If several records have it, the last of them, as MXNet does.

        Raises
        ------
        TypeError
            If it is no integer.
        KeyError
            If there is none.
        RecordFormatError
            If the record has another id: the .idx belongs to another .rec.
        """
        wanted = _as_int(index, "an index must be an integer")
        position = self._find(wanted)
        if position is None:
            raise KeyError(f"no record of {self.rec_path!r} has the index {wanted}")
        record = self[position]
        if record.index == wanted:
            return record
        if self.idx_path is None:  # the file has changed since it was scanned
            raise RecordFormatError(self.rec_path, record.offset, f"the record of index {wanted}", f"that of {record.index}")
        raise self._wrong_index(position, f"the offset of the record of index {wanted}", f"that of {record.index}")

    def _find(self, index: int) -> Optional[int]:
        """The position of the last record with a key."""
        if not 0 <= index <= MAX_INDEX:
            return None
        by_key = self._by_key
        if by_key is None:
            by_key = self._by_key = np.argsort(self._keys, kind="stable")
        place = int(np.searchsorted(self._keys, np.uint64(index), side="right", sorter=by_key)) - 1
        return None if place < 0 or int(self._keys[by_key[place]]) != index else int(by_key[place])

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: Optional[int] = None,
        workers: Optional[int] = None,
        color: int = 1,
        transform: Optional[Callable[[np.ndarray], np.ndarray]] = None,
        max_pixels: Optional[int] = MAX_PIXELS,
    ) -> Iterator[Batch]:
        """Decode the images in threads, batch by batch: one epoch of a training loader, as NumPy arrays.

        Records without an image, as InsightFace's .rec files have them, are left out. So a batch can be smaller, and so is the
        last one. Some batches are decoded in advance: two for each worker. A JPEG that is damaged inside, and decodes all the
        same, is not noticed: :func:`mxnet_im2rec.verify` looks for such images.

        Parameters
        ----------
        batch_size : int
            How many records make a batch.
        shuffle : int, optional
            The seed of the order, such as the number of the epoch. The same seed gives the same order everywhere. None is the
            order of the file.
        workers : int, optional
            Threads; by default one for each CPU that this process may use. OpenCV decodes without Python's lock. 0 decodes in the
            calling thread. The batches are the same.
        color : {1, 0, -1}
            1: RGB. 0: grey. -1: as stored.
        transform : callable, optional
            From an image, (H, W, C) uint8, to an array. It runs in the threads, in any order, so take random numbers from a
            generator of each thread's own. The arrays of a batch must have one shape.
        max_pixels : int or None
            As for :meth:`Record.image`.

        Yields
        ------
        Batch
            Arrays of the batch's own, which nothing else uses.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong. This is checked at once, before the first batch.
        ImageError
            If an image cannot be decoded, or those of a batch are not of one shape. It names the record.
        TransformResultError
            If the transform raises, or does not return an array. It names the record; its cause is what was raised.
        RecordFormatError
            If a record is damaged.
        RuntimeError
            In a process that was forked while batches were taken.

        Examples
        --------
        >>> import os, tempfile
        >>> from mxnet_im2rec import IndexedRecordWriter, RecordFile
        >>> output_path = os.path.join(tempfile.mkdtemp(), 'out')
        >>> with IndexedRecordWriter(output_path) as writer:
        ...     for index in range(5):
        ...         writer.write(index, index % 2, np.zeros((4, 6, 3), np.uint8))
        >>> with RecordFile(writer.rec_path) as records:
        ...     for batch in records.batches(2):
        ...         print(batch.images.shape, batch.labels, batch.indices)
        (2, 4, 6, 3) [0. 1.] [0 1]
        (2, 4, 6, 3) [0. 1.] [2 3]
        (1, 4, 6, 3) [0.] [4]
        """
        from .batches import batches_of  # loads OpenCV

        self._check_open()
        return batches_of(self, batch_size, shuffle, workers, color, transform, max_pixels)

    def fileno(self) -> int:
        """The descriptor of the open .rec."""
        return self._buffer.fileno()

    def has_changed(self) -> bool:
        """Whether the .rec was written to since it was opened, or another file is at its path now, or none."""
        return self._buffer.has_changed()

    def close(self) -> None:
        """Close the file; records that were read keep their content."""
        self._is_closed = True
        self._buffer.close()

    def __enter__(self) -> RecordFile:
        self._check_open()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __reduce__(self) -> Tuple[Any, Tuple]:
        return type(self), (self.rec_path, self.idx_path)

    def __repr__(self) -> str:
        state = ", closed" if self._is_closed else ""
        return f"<RecordFile {self.rec_path!r}: {len(self):,} records, {self.num_bytes:,} bytes{state}>"


def _as_int(value: Any, rule: str) -> int:
    """The value as an int, NumPy's integers among them; TypeError with the rule for anything else."""
    try:
        if not isinstance(value, (bool, np.bool_)):
            return operator.index(value)
    except TypeError:  # it is no integer
        pass
    raise TypeError(f"{rule}, not {value!r}")
