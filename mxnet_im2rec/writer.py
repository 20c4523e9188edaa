# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes a .rec and its .idx: both appear whole, or neither does and what was there before stands.

Records go through MXNet's own MXIndexedRecordIO, into partial files beside the output. Knows nothing of images.
Importing this module loads MXNet.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from typing import Any, List, Tuple

from .errors import OutputError
from .mxnet_compat import import_mxnet

_mx = import_mxnet()


class _StreamingRecordIO(_mx.recordio.MXIndexedRecordIO):  # type: ignore
    """MXIndexedRecordIO that does not keep every key and offset in memory."""

    def write_idx(self, idx: int, buf: bytes) -> None:
        position = self.tell()
        self.write(buf)
        self.fidx.write(f"{idx}\t{position}\n")


class RecordWriter:
    """Writes records, and publishes them when it is left without an exception.

    Parameters
    ----------
    rec_path, idx_path : str
        The files to appear. Those that are there are replaced at the end.

    Raises
    ------
    OutputError
        If a file cannot be made or written whole (a full disk, a read-only folder); nothing of it is left behind.

    Examples
    --------
    >>> with RecordWriter('/tmp/a.rec', '/tmp/a.idx') as writer:  # doctest: +SKIP
    ...     writer.write(0, header + image)
    """

    def __init__(self, rec_path: str, idx_path: str) -> None:
        self.rec_path, self.idx_path = rec_path, idx_path
        self.num_bytes = 0
        token = f".{uuid.uuid4().hex[:8]}.partial"
        self._partial_rec, self._partial_idx = rec_path + token, idx_path + token
        self._backups: List[Tuple[str, str]] = []

    def __enter__(self) -> RecordWriter:
        try:
            self._record = _StreamingRecordIO(self._partial_idx, self._partial_rec, "w")
        except (OSError, _mx.MXNetError) as error:
            self._remove_partial()
            raise OutputError(f"cannot write to {os.path.dirname(self.rec_path)!r}: {_first_line(error)}") from error
        return self

    def write(self, index: int, record: bytes) -> None:
        """Append one record under its index."""
        try:
            self._record.write_idx(index, record)
        except (OSError, _mx.MXNetError) as error:
            raise OutputError(f"cannot write {self.rec_path!r}, is the disk full? {_first_line(error)}") from error

    def __exit__(self, kind: Any, *exception: Any) -> None:
        try:
            if kind is None:
                self._finish()
                self._publish()
        finally:
            # MXNet's close() closes the .idx only if closing the .rec went well.
            with suppress(_mx.MXNetError, OSError):  # whatever counts was checked in _finish
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
        except (OSError, _mx.MXNetError) as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot write {self.rec_path!r}, is the disk full? {_first_line(error)}") from error

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
        for _, backup in self._backups:
            os.unlink(backup)
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
        for path in (self._partial_rec, self._partial_idx):
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


def _first_line(error: BaseException) -> str:
    """MXNet's errors carry a stack trace; the first line that is not one tells what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "Stack trace" not in line), type(error).__name__)
