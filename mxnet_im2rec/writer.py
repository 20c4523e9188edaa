# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes a .rec and its .idx: both appear whole, or neither does and what was there before stands.

Records go through MXNet's own MXIndexedRecordIO, into partial files beside the output, or, where loading MXNet would be a
good part of the run, through one that does the same without it. Knows nothing of images.
"""

from __future__ import annotations

import ctypes
import os
import sys
import uuid
from contextlib import suppress
from typing import Any, Callable, List, Optional, Tuple, Type

from .errors import OutputError
from .framing import frame
from .mxnet_compat import explain, import_mxnet

_PIECES_AT_ONCE = 1024  # what writev takes (IOV_MAX, limits.h)
_WRITE_BACK_BYTES = 32 << 20  # how often the system is told to begin writing to the disk
_SYNC_FILE_RANGE_WRITE = 2  # fcntl.h


def _find_sync_file_range() -> Any:
    """Linux's sync_file_range(2), which Python does not have; None elsewhere."""
    function = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


_sync_file_range = _find_sync_file_range()


class _PlainRecordIO:
    """Writes what MXIndexedRecordIO writes, byte for byte, with its methods. An error of the disk is raised where it occurs."""

    def __init__(self, idx_path: str, rec_path: str) -> None:
        self._rec = open(rec_path, "wb", buffering=0)  # noqa: SIM115  # closed by close()
        self.fidx = open(idx_path, "w", encoding="ascii")  # noqa: SIM115
        self._position = 0

    def tell(self) -> int:
        return self._position

    def write_idx(self, idx: int, buf: bytes) -> None:
        pieces = frame(buf)
        self.fidx.write(f"{idx}\t{self._position}\n")
        size = sum(map(len, pieces))
        if os.writev(self._rec.fileno(), pieces[:_PIECES_AT_ONCE]) != size:
            self._rec.seek(self._position)  # a disk that is almost full, or very many pieces: piece by piece, to the error
            self._rec_write_all(b"".join(pieces))
        self._position += size

    def _rec_write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._rec.write(view) :]

    def close(self) -> None:
        self._rec.close()
        self.fidx.close()


def _mxnet_record_io(idx_path: str, rec_path: str) -> Any:
    """An MXIndexedRecordIO that does not keep every key and offset in memory."""
    recordio: Any = import_mxnet().recordio

    class StreamingRecordIO(recordio.MXIndexedRecordIO):
        def write_idx(self, idx: int, buf: bytes) -> None:
            position = self.tell()
            self.write(buf)
            self.fidx.write(f"{idx}\t{position}\n")

    return StreamingRecordIO(idx_path, rec_path, "w")


class RecordWriter:
    """Writes records, and publishes them when it is left without an exception.

    Parameters
    ----------
    rec_path, idx_path : str
        The files to appear. Those that are there are replaced at the end.
    through_mxnet : bool
        Whether to write through MXNet's own MXIndexedRecordIO. The bytes are the same.

    Raises
    ------
    OutputError
        If a file cannot be made or written whole (a full disk, a read-only folder); nothing of it is left behind.

    Examples
    --------
    >>> with RecordWriter('/tmp/a.rec', '/tmp/a.idx') as writer:  # doctest: +SKIP
    ...     writer.write(0, header + image)
    """

    def __init__(self, rec_path: str, idx_path: str, through_mxnet: bool = True) -> None:
        self.check: Optional[Callable[[str, str], None]] = None
        """Called with the paths of the partial .rec and .idx when both are whole; if it raises, they are not put in place."""
        self._open = _mxnet_record_io if through_mxnet else _PlainRecordIO
        self._errors: Tuple[Type[BaseException], ...] = (OSError, import_mxnet().MXNetError) if through_mxnet else (OSError,)
        self._written_back = 0
        self._is_published = False
        self.rec_path, self.idx_path = rec_path, idx_path
        self.num_bytes = 0
        token = f".{uuid.uuid4().hex[:8]}.partial"
        self._partial_rec, self._partial_idx = rec_path + token, idx_path + token
        self._backups: List[Tuple[str, str]] = []

    def __enter__(self) -> RecordWriter:
        try:
            self._record = self._open(self._partial_idx, self._partial_rec)
        except self._errors as error:
            self._remove_partial()
            raise OutputError(f"cannot write to {os.path.dirname(self.rec_path)!r}: {explain(error)}") from error
        return self

    def write(self, index: int, record: bytes) -> None:
        """Append one record under its index."""
        try:
            self._record.write_idx(index, record)
            if self._record.tell() - self._written_back > _WRITE_BACK_BYTES:
                self._write_back()
        except self._errors as error:
            raise OutputError(f"cannot write {self.rec_path!r}, is the disk full? {explain(error)}") from error

    def _write_back(self) -> None:
        """Have the system begin to write to the disk what it has of the .rec, so that little is left to wait for at the end."""
        start, self._written_back = self._written_back, self._record.tell()
        if _sync_file_range is not None:
            descriptor = os.open(self._partial_rec, os.O_RDONLY)
            _sync_file_range(descriptor, start, self._written_back - start, _SYNC_FILE_RANGE_WRITE)
            os.close(descriptor)

    def __exit__(self, kind: Any, *exception: Any) -> None:
        try:
            if kind is None:
                self._finish()
                if self.check is not None:
                    self.check(self._partial_rec, self._partial_idx)
                self._publish()
        finally:
            # MXNet's close() closes the .idx only if closing the .rec went well.
            with suppress(*self._errors):  # whatever counts was checked in _finish
                self._record.close()
            with suppress(OSError):
                self._record.fidx.close()
            self._remove_partial()

    def _finish(self) -> None:
        """Close both files and make sure that they hold what was written: MXNet does not check its last flush."""
        try:
            self.num_bytes = self._record.tell()
            self._record.fidx.flush()
            idx_bytes = self._record.fidx.tell()
            self._record.close()
            for path, expected in ((self._partial_rec, self.num_bytes), (self._partial_idx, idx_bytes)):
                found = os.path.getsize(path)
                if found != expected:
                    raise OutputError(
                        f"cannot write {path!r}, is the disk full? {expected:,} bytes were written, it holds {found:,}"
                    )
                _fsync(path)
        except self._errors as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot write {self.rec_path!r}, is the disk full? {explain(error)}") from error

    def _publish(self) -> None:
        """Put both files in place, or leave both old ones there. The .idx goes first and comes last: a .rec without one is
        refused by every reader, while one with a wrong .idx makes MXNet crash."""
        try:
            for path in (self.idx_path, self.rec_path):
                if os.path.lexists(path):
                    backup = path + ".previous" + self._partial_rec[len(self.rec_path) :]
                    self._backups.append((path, backup))
                    os.rename(path, backup)
            os.rename(self._partial_rec, self.rec_path)
            os.rename(self._partial_idx, self.idx_path)
        except BaseException as error:
            self._roll_back()
            if isinstance(error, OSError):
                raise OutputError(f"cannot put {self.rec_path!r} in place: {error}") from error
            raise
        self._is_published = True
        with suppress(OSError):  # some network file systems have no sync of a folder; the dataset is in place
            _fsync(os.path.dirname(self.rec_path) or ".")

    def _roll_back(self) -> None:
        for partial, path in ((self._partial_rec, self.rec_path), (self._partial_idx, self.idx_path)):
            if not os.path.lexists(partial):
                os.unlink(path)
        for path, backup in reversed(self._backups):
            with suppress(FileNotFoundError):  # the one whose renaming failed
                os.rename(backup, path)

    def _remove_partial(self) -> None:
        backups = [backup for _, backup in self._backups] if self._is_published else []
        for path in (self._partial_rec, self._partial_idx, *backups):
            with suppress(OSError):  # there is none, or it cannot be removed: then whatever made us stop is what to tell
                os.unlink(path)


def _fsync(path: str) -> None:
    if os.path.isdir(path) and os.name == "nt":  # Windows cannot open a folder, and needs no sync of one
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
