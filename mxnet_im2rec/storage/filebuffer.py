# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A file's bytes as slices, which are read when they are needed; and a file's lines. Does not know what the bytes mean.

The slices are read by pread. The file is not mapped: with a mapping, SIGBUS would end the process where the disk cannot read, or
where the file has become shorter. A read raises OSError there.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import IO, Any, AnyStr, Iterator, Tuple

_SMALLEST_WINDOW, _LARGEST_WINDOW = 1 << 12, 1 << 18  # bytes; the largest one fits into a processor's cache
_PAGE = 1 << 12  # bytes: what the system reads from a disk is a multiple of it


def read_lines(stream: IO[AnyStr], limit: int) -> Iterator[Tuple[int, AnyStr]]:
    """The lines of a file, with their ends, and with their numbers from 1. A long line does not fill the memory.

    Of a line that is longer than the limit, the first ``limit + 1`` bytes or characters come; the rest is passed over.
    """
    number = 0
    while True:
        line = stream.readline(limit + 1)
        if not line:
            return
        number += 1
        yield number, line
        while len(line) > limit and line[-1:] not in ("\n", b"\n"):
            line = stream.readline(limit + 1)


class UnreadableError(OSError):
    """A range of a file that cannot be read."""

    start: int  # the first byte of the range
    end: int  # the byte behind its last
    reason: str  # the system's words


def identity(found: os.stat_result) -> Tuple[int, ...]:
    """What differs between two files, and between a file before and after it was written to."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class FileBuffer:
    """A file, read-only, from which slices are taken. It is open until ``close()``, or until the object goes.

    Slices that follow each other come out of a window of the file, which grows as long as they do. The window is replaced and
    never changed, and a read has no position: several threads may take slices, and so may a process that was forked.

    Examples
    --------
    >>> with FileBuffer(os.__file__) as buffer:
    ...     bytes(buffer[0:3])
    b'r\"\"'
    """

    _descriptor = -1

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "rb", buffering=0) as stream:
            self._descriptor = os.dup(stream.fileno())
        found = os.fstat(self._descriptor)
        self._identity, self._size = identity(found), found.st_size
        self._window: Tuple[int, memoryview] = (0, memoryview(b""))

    def fileno(self) -> int:
        """The descriptor of the open file."""
        return self._descriptor

    def has_changed(self) -> bool:
        """Whether the file was written to since it was opened, or another file is at its path now, or none."""
        try:
            now = [os.fstat(self._descriptor), os.stat(self.path)]
        except FileNotFoundError:
            return True
        return any(identity(each) != self._identity for each in now)

    def __len__(self) -> int:
        """The size of the file when it was opened."""
        return self._size

    def __getitem__(self, span: slice) -> memoryview:
        """The bytes from ``span.start``, at least 0, to ``span.stop`` or the end of the file.

        The view may be of a whole window; copy what is to be kept. UnreadableError has the first page that cannot be read.
        """
        start, end = span.start, span.stop
        if end > self._size:
            end = self._size
        first, data = self._window
        if first <= start and end <= first + len(data):
            return data[start - first : end - first]
        return self._read(start, end) if start < end else memoryview(b"")

    def expect(self, start: int, end: int) -> None:
        """Read a range that will be needed bit by bit, at once. A large one is left to be read when it is needed."""
        if start < end and end - start < _LARGEST_WINDOW:
            with suppress(UnreadableError):  # whoever needs those bytes gets it
                self[start:end]

    def _read(self, start: int, end: int) -> memoryview:
        """Read a slice that is not in the window: alone if it is large, else with a new window that begins there."""
        if end - start >= _LARGEST_WINDOW:
            return memoryview(self._read_all(start, end))
        first, data = self._window
        goes_on = first <= start <= first + len(data)
        size = max(end - start, min(2 * len(data), _LARGEST_WINDOW) if goes_on else 0, _SMALLEST_WINDOW)
        try:
            window = memoryview(os.pread(self._descriptor, size, start))
        except OSError:  # perhaps only behind the slice, which _read_all finds out
            window = memoryview(b"")
        if len(window) < end - start:
            return memoryview(self._read_all(start, end))
        self._window = (start, window)
        return window[: end - start]

    def _read_all(self, start: int, end: int) -> bytes:
        """Read a range alone, and page by page if that fails, up to the first page that cannot be read."""
        parts = []
        by_page = False
        while start < end:
            size = min(end - start, _PAGE - start % _PAGE) if by_page else end - start
            try:
                data = os.pread(self._descriptor, size, start)
            except OSError as error:
                if by_page:
                    page_end = min(start - start % _PAGE + _PAGE, self._size)
                    raise self._unreadable(start, page_end, error.errno, error.strerror) from error
                by_page = True
                continue
            if not data:
                raise self._unreadable(start, self._size, errno.EIO, "the file ends before them, it has become shorter meanwhile")
            parts.append(data)
            start += len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _unreadable(self, start: int, end: int, number: Any, reason: Any) -> UnreadableError:
        error = UnreadableError(number, f"bytes {start:,} to {end:,} cannot be read: {reason}", self.path)
        error.start, error.end, error.reason = start, end, str(reason)
        return error

    def pass_over(self, error: UnreadableError) -> UnreadableError:
        """The error with its range made longer by all pages behind it that cannot be read either."""
        end = error.end
        while end < self._size:
            try:
                self[end : end + 1]
            except UnreadableError as more:
                end = more.end
            else:
                break
        return self._unreadable(error.start, end, error.errno, error.reason)

    def close(self) -> None:
        """Close the file; slices that are still in use stay as they are."""
        descriptor, self._descriptor = self._descriptor, -1
        self._window = (0, memoryview(b""))
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> FileBuffer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
