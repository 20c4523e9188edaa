# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Streams of records: the plain one, and a small adapter to MXNet's MXIndexedRecordIO. Both write the same bytes.

A stream appends records to a .rec that is open, and has the .idx open as text for its owner to write to. It knows no
headers and no images, and does not put the files in place. Every error of writing is an OSError.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import Any, BinaryIO, Iterator, Optional, Sequence, TextIO

from ..engine.pool import Pieces, Pool
from ..mxnet_compat import explain, flush_c_streams, import_mxnet
from .frames import Buffer, payload_of

_PIECES_AT_ONCE = 1024  # what writev takes (IOV_MAX, limits.h)
_COPY_BYTES, _READ_BYTES = 1 << 30, 8 << 20  # at once, of records that are copied
_NO_POSITION = 2**64 - 1  # what the -1 of ftell is to MXNet
_CANNOT_IN_KERNEL = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM)


class RecordStream:
    """Writes what MXIndexedRecordIO writes, byte for byte: goes on at the end of a .rec that is open without a buffer.

    It can also go on with files that are there, and copy records from another file as they are.

    Without an .idx it writes a .rec alone.
    """

    def __init__(self, rec: BinaryIO, idx: Optional[TextIO]) -> None:
        self._rec: Any = rec
        self.idx: Any = idx
        self._position = self._rec.seek(0, os.SEEK_END)
        self._parked = self._position  # the file's own position, which no write of ours needs
        self._pool: Optional[Pool] = None

    def share_writing(self, pool: Pool) -> None:
        """Let the workers of a pool write into the .rec the records that they make. :meth:`flush` sees that all is written."""
        pool.write_into(self._rec.name, self._rec.fileno())
        self._pool = pool

    def tell(self) -> int:
        """The position in the .rec; -1 where the system cannot say it.

        It is where the last record ends, unless another process, which has inherited the file, has moved it by writing.
        """
        found = self._rec.tell()
        return self._position if found == self._parked else found

    def write(self, pieces: Sequence[Buffer]) -> int:
        """Append a record, in the pieces of its frames; gives how many bytes it takes."""
        size = sum(map(len, pieces))
        is_left_to_pool = self._pool is not None and isinstance(pieces, Pieces) and pieces.write_at(self._position)
        if not is_left_to_pool and _writev(self._rec.fileno(), pieces[:_PIECES_AT_ONCE], self._position) != size:
            self._write_all(b"".join(pieces))  # a disk that is almost full, or very many pieces: once more, up to the error
        self._position += size
        return size

    def _write_all(self, data: bytes) -> None:
        self._rec.seek(self._position)
        view = memoryview(data)
        while view:
            view = view[self._rec.write(view) :]
        self._parked = self._rec.tell()

    def copy(self, source: int, start: int, end: int) -> None:
        """Append a range of a file, by its descriptor, inside the kernel where that can be done."""
        while start < end:
            size = min(end - start, _COPY_BYTES)
            copied = _copy_in_kernel(source, self._rec.fileno(), start, self._position, size)
            if not copied:
                data = os.pread(source, min(size, _READ_BYTES), start)
                if not data:
                    raise OSError(f"a file that records are copied from has become shorter: it ends at byte {start:,}")
                self._write_all(data)
                copied = len(data)
            start += copied
            self._position += copied

    def take_back(self) -> None:
        """After an error: have the .rec end where its last whole record ends."""
        self._rec.truncate(self._position)
        self._parked = self._rec.seek(self._position)

    def flush(self) -> None:
        """Hand everything to the system."""
        if self._pool is not None:
            self._pool.finish_writes()
        if self.idx is not None:
            self.idx.flush()

    def let_go(self) -> None:
        """In a forked process: have nothing come into the files from here, not even the lines that are still buffered."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for file in (self._rec, self.idx):
            if file is not None and not file.closed:
                os.dup2(nowhere, file.fileno(), inheritable=False)
        os.close(nowhere)

    def close(self) -> None:
        """Close both files."""
        try:
            self._rec.close()
        finally:
            if self.idx is not None:
                self.idx.close()


def _writev(descriptor: int, pieces: Sequence[Buffer], offset: int) -> int:
    if hasattr(os, "pwritev"):
        return os.pwritev(descriptor, pieces, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.writev(descriptor, pieces)


def _copy_in_kernel(source: int, target: int, start: int, offset: int, size: int) -> int:
    """How many bytes were copied to an offset of the target; 0 where the kernel or the file systems cannot."""
    if not hasattr(os, "copy_file_range"):
        return 0
    try:
        return os.copy_file_range(source, target, size, start, offset)
    except OSError as error:
        if error.errno in _CANNOT_IN_KERNEL:
            return 0
        raise


class MXNetRecordStream:
    """Writes through MXNet's own MXIndexedRecordIO. For new files only, since MXNet cannot append.

    The files that are given are closed: MXNet opens names only, and opens the same files again.
    """

    def __init__(self, rec: BinaryIO, idx: TextIO) -> None:
        recordio: Any = import_mxnet().recordio
        with rec, idx, _mxnet_errors_as_oserror():
            self._mxnet = recordio.MXIndexedRecordIO(_name_of(idx), _name_of(rec), "w")
        self.idx: TextIO = self._mxnet.fidx

    def share_writing(self, pool: Pool) -> None:
        """MXNet writes every record itself."""

    def tell(self) -> int:
        with _mxnet_errors_as_oserror():
            position = self._mxnet.tell()
        return -1 if position == _NO_POSITION else position

    def write(self, pieces: Sequence[Buffer]) -> int:
        with _mxnet_errors_as_oserror():
            self._mxnet.write(payload_of(pieces))  # not write_idx(), which keeps every key and offset in memory
        return sum(map(len, pieces))

    def flush(self) -> None:
        flush_c_streams()  # where MXNet has its records until then
        self.idx.flush()

    def close(self) -> None:
        try:
            with _mxnet_errors_as_oserror():
                self._mxnet.close()
        finally:
            self.idx.close()  # which MXNet closes only if closing the .rec went well


@contextmanager
def _mxnet_errors_as_oserror() -> Iterator[None]:
    try:
        yield
    except import_mxnet().MXNetError as error:
        raise OSError(explain(error)) from error


def _name_of(stream: Any) -> str:
    """A name of an open file that no one can put another file under, where the system has such names."""
    name = f"/proc/self/fd/{stream.fileno()}"
    return name if os.path.exists(name) else stream.name
