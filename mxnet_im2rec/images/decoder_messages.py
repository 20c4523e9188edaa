# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Catches what the decoders inside OpenCV print while they decode an image, and says what of it means damage.

libjpeg, libpng and others print from C, to file descriptor 2, without the name of an image. While one decodes, that descriptor is
a file in memory, for the whole process. What others print meanwhile is passed on. A program that another thread starts in that
moment has the file as its stderr. Knows no record, and loads no OpenCV.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import tempfile
import threading
from contextlib import suppress
from typing import Any, Callable, List, Optional, Tuple

from ..errors import ImageError

# What libjpeg and libpng print about damage. Whatever else they print is about metadata.
_DAMAGE = re.compile(
    r"Corrupt JPEG data: (?!bad ICC)|Premature end of JPEG file|Inconsistent progression sequence|libpng error: ", re.ASCII
)
_EXTRA_BYTES = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker")
# Webcams and old cameras leave one or a few bytes between the image and the marker, and nothing is lost. Damaged scans of 1,200
# photos left 6 or more. Most damage shows in this way: the decoder loses its place, and is done before the data ends.
_FEW_BYTES = 4

_BY_A_DECODER = re.compile(
    r"Corrupt JPEG data: |Premature end of JPEG file|Inconsistent progression sequence|Invalid SOS parameters for sequential JPEG"
    r"|Unknown Adobe color transform code|Warning: unknown JFIF revision|Application transferred too "
    r"|libpng (?:warning|error): |_?TIFF\w*: |\w*Decode\w*: |JPEGLib: |\[ *[A-Z]+:\d+@[\d.]+\] "
)
_LOGGED = re.compile(r"\[ *[A-Z]+:\d+@[\d.]+\] (?:global \S+ \w+ )?(?:.*error: \(-?\d+:[^)]*\) )?(.*?)(?: in function '\w*')?")
_MOST_LINES, _MOST_LETTERS = 20, 300


def _occupy_stderr() -> None:
    """Open /dev/null as stderr if that is closed. Otherwise the next open file gets the number 2, and the decoders print into it:
    this could be a .rec."""
    try:
        os.fstat(2)
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        if null != 2:
            os.dup2(null, 2)
            os.close(null)


_occupy_stderr()


def listen_to(decode: Callable[..., Any], *args: Any) -> Tuple[Any, Optional[str]]:
    """Decode an image, and keep the decoder from printing to the terminal. One thread does so at a time.

    It gives what ``decode`` gives, and the decoder's own words if the image is damaged. A few bytes too many are no damage, nor
    are messages about metadata. If ``decode`` raises ImageError, the decoder's words are added to it.
    """
    with _lock:
        try:
            _catch.begin()
            result = decode(*args)
            said = _catch.end()
        except ImageError as error:
            words = next(iter(_catch.end()), None)
            raise ImageError(f"{error}; its decoder says: {words}" if words else str(error)) from None
        except BaseException:
            _catch.end()
            raise
    return result, next(filter(means_damage, said), None)


def means_damage(line: str) -> bool:
    """Whether a line that a decoder printed means that pixels are damaged."""
    extra = _EXTRA_BYTES.match(line)
    return bool(_DAMAGE.match(line)) and not (extra and int(extra.group(1)) <= _FEW_BYTES)


class _Catch:
    """The file in memory, one for each process."""

    def __init__(self) -> None:
        self._file = -1
        self._identity: Tuple[int, int] = (0, 0)
        self._stderr: Optional[int] = None  # a copy of it while the file is in its place; -1 where it is closed

    def begin(self) -> None:
        """Put the file in the place of stderr."""
        self._open()
        self._stderr = _copy_of_stderr()
        os.dup2(self._file, 2)

    def end(self) -> List[str]:
        """Put stderr back, and print there what no decoder printed; gives the decoders' lines. A second call does nothing."""
        if self._stderr is None:
            return []
        if self._stderr < 0:
            os.close(2)
        else:
            os.dup2(self._stderr, 2)
        try:
            return self._divide() if os.lseek(self._file, 0, os.SEEK_END) else []
        finally:
            if self._stderr >= 0:
                os.close(self._stderr)
            self._stderr = None

    def forget(self) -> None:
        """Make a file of its own for a process that was forked: this one belongs to its parent."""
        self._file = -1

    def _open(self) -> None:
        """Make the file if there is none, or if its descriptor was closed, after which it may be that of another file."""
        with suppress(OSError):
            status = os.fstat(self._file)
            if (status.st_dev, status.st_ino) == self._identity:
                return
        self._file = _above_2(os.memfd_create("stderr") if hasattr(os, "memfd_create") else _unnamed_file())
        status = os.fstat(self._file)
        self._identity = status.st_dev, status.st_ino

    def _divide(self) -> List[str]:
        said: List[str] = []
        after_log = False
        os.lseek(self._file, 0, os.SEEK_SET)
        with open(self._file, "rb", closefd=False) as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").strip()
                is_ours = bool(_BY_A_DECODER.match(line)) or (after_log and (not line or raw[:1] in b" \t"))
                after_log = is_ours and (after_log or line.startswith("["))  # OpenCV's log has empty lines, and indented ones
                if is_ours and line and len(said) < _MOST_LINES:
                    said.append(_clean(line))
                elif not is_ours and self._stderr is not None and self._stderr >= 0:
                    with suppress(OSError):  # nobody reads stderr any more
                        os.write(self._stderr, raw)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)
        return said


def _unnamed_file() -> int:
    with tempfile.TemporaryFile() as stream:
        return os.dup(stream.fileno())


def _above_2(descriptor: int) -> int:
    """The same file under a number above 2: a new file gets a lower one where a standard stream is closed."""
    if descriptor > 2:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


def _copy_of_stderr() -> int:
    try:
        return fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return -1  # it is closed


def _clean(line: str) -> str:
    """A line of a decoder without the time, the thread and the place in the source that OpenCV's log puts before it."""
    match = _LOGGED.fullmatch(line)
    text = match.group(1) if match else line
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_MOST_LETTERS]


_catch = _Catch()
_lock = threading.RLock()  # a fork waits for it: a child that is forked while a thread decodes has the file as its stderr


def _after_fork() -> None:
    _catch.forget()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)
