# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a worker does with one entry: read, check, decode, transform, encode, put the header on. Knows nothing of the others."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
import traceback
from contextlib import contextmanager
from types import TracebackType
from typing import Callable, Iterator, Optional, Tuple, Union

import cv2

from ..errors import ArgumentValueError, ImageError
from ..images import codec as images
from ..images import imagefile
from ..images.remarks import listen_to
from ..limits import why_too_large
from ..mxnet_compat import explain, flush_c_streams, forget_failures, wait_for_operators
from ..recordio.header import pack_header
from ..text import Argument, Text, message_of
from ..values import Failure, ListEntry
from .plan import TransformPlan, generators_kept

_LARGEST_FILE = 1 << 31
_NO_MEMORY = (
    "Failed to allocate",
    "Insufficient memory",
    "bad_alloc",
    "ut of memory",
    "annot allocate memory",
)  # OpenCV, MXNet, ...
_NO_FILES = (errno.EMFILE, errno.ENFILE)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _KEPT_BYTES = -1, -3, 256 << 20  # malloc.h


class DamagedRecord(bytes):
    """The record of an image that is damaged inside, though it decodes.

    Attributes
    ----------
    damage : str
        The decoder's own words.
    """

    damage: str

    @classmethod
    def of(cls, record: bytes, damage: str) -> DamagedRecord:
        made = cls(record)
        made.damage = damage
        return made


class Packer:
    """Makes records of entries, or says why not. Can be pickled.

    Attributes
    ----------
    is_worn_out : bool
        Whether the last entry failed because this process has no memory left, or can open no more files.
    keeps_error : bool
        Whether to keep ``last_error``, which holds the images of its traceback in memory.
    last_error : (Failure, BaseException) or None
        The last failure, and what it was made of.
    """

    def __init__(
        self,
        *,
        root: str,
        transformations: Optional[Callable],
        seed: int,
        color: int,
        encoding: str,
        quality: int,
        pass_through: bool,
        fast_decode: bool,
        max_pixels: Optional[int] = None,
        strict: bool = False,
    ) -> None:
        if color not in (1, 0, -1):
            raise ArgumentValueError("color", "must be 1 (RGB), 0 (grey) or -1 (as stored)", color)
        if pass_through and transformations is not None:
            rule = Text("stores the files unchanged and takes no ", Argument("transformations"))
            raise ArgumentValueError("pass_through", rule, help="give one or the other")
        self._root = root
        self._plan = None if transformations is None else TransformPlan(transformations, seed)
        self._color = int(color)
        self._encoding = encoding
        self._parameters = images.encoder_parameters(encoding, quality)
        self.pass_through = bool(pass_through)
        self._fast_decode = bool(fast_decode)
        self._max_pixels = max_pixels
        self._strict = strict
        self.is_worn_out = self.keeps_error = False
        self.last_error: Optional[Tuple[Failure, BaseException]] = None

    @property
    def is_random(self) -> bool:
        return self._plan is not None and self._plan.is_random

    def prepare(self) -> None:
        """Make a worker process ready: one thread each, since there is a process for every core."""
        os.environ["OMP_NUM_THREADS"] = "1"  # for an MXNet that is loaded only now; one that was forked sees to it itself
        if cv2.getNumThreads() != 1:  # not in a worker that was forked
            cv2.setNumThreads(1)
        _keep_freed_memory()
        if self._plan is not None:
            self._plan.prepare()

    def __call__(self, entry: Union[ListEntry, Failure]) -> Union[bytes, Failure]:
        """The packed record, a DamagedRecord if its image is damaged inside, or why there is none. A Failure of reading the list
        passes through, to keep its place."""
        if isinstance(entry, Failure):
            return entry
        self.is_worn_out = False
        stage = "read"
        try:
            with open(os.path.join(self._root, entry.path), "rb", opener=_open_without_waiting) as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
                    raise ImageError(f"no file of an image: {stream.name!r} is {_kind(status)}")
                data = stream.read()
            if not data:
                raise ImageError(f"the file is empty: {stream.name!r}")
            stage = "decode"
            damage = None
            if self.pass_through:
                imagefile.check_readable_by_mxnet(data)
            imagefile.check_size(data, self._max_pixels)
            if self._strict or not self.pass_through:
                (image, full_size), damage = listen_to(self._decode, data)
            if damage is not None and self._strict:
                raise ImageError(f"the image is damaged inside, though it decodes; its decoder says: {damage}")
            if not self.pass_through:
                if self._plan is not None:
                    stage = "transform"
                    image = self._plan(images.to_8_bits(image), entry.index, full_size)
                stage = "encode"
                data = images.encode(image, self._encoding, self._parameters)
            stage = "pack"
            record = _pack(entry, data)
        except (Exception, SystemExit) as error:  # whatever a transform raises is this image's failure, not the run's
            self._recover(error)
            failure = Failure(entry.line, entry.index, entry.path, stage, _reason(error), _traceback(error))
            if self.keeps_error:
                self.last_error = failure, error
            return failure
        return record if damage is None else DamagedRecord.of(record, damage)

    def _recover(self, error: BaseException) -> None:
        """After a failure: see to it that the next image does not suffer from it, or say that it will."""
        forget_failures()
        if self._plan is not None:
            self._plan.forget_graphs(error)
        self.is_worn_out = _is_worn_out(error)

    def _decode(self, data: bytes) -> images.Decoded:
        if self._fast_decode and self._plan is not None:
            return images.decode_smaller(data, self._color, self._plan.target_size)
        return images.decode(data, self._color), None


@contextmanager
def starting_workers() -> Iterator[None]:
    """What must hold where processes are forked: no thread of OpenCV, no failure that waits in one of MXNet's, and nothing that
    waits in a stream of the C library, which the forked process could write as well."""
    wait_for_operators()
    flush_c_streams()
    with images.one_thread():
        yield


def _keep_freed_memory() -> None:
    """Have glibc keep what an image has freed for the next one, instead of giving it back to the system and faulting it in again.

    For photos of 500 x 375 that are decoded and encoded this saves 50 page faults each, and a twentieth of the CPU time. Only for
    worker processes, which have nothing else to do.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # glibc's; another C library does as it does
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES) or mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the most that older ones take


class InProcess:
    """A packer's work in the calling process, which leaves the caller's random generators alone."""

    def __init__(self, packer: Packer) -> None:
        self._packer = packer

    def __call__(self, entry: Union[ListEntry, Failure]) -> Union[bytes, Failure]:
        with generators_kept():
            return self._packer(entry)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would wait for its writer


def _kind(status: os.stat_result) -> str:
    return f"of {status.st_size:,} bytes" if stat.S_ISREG(status.st_mode) else "a pipe, a device or a folder"


def _pack(entry: ListEntry, data: bytes) -> bytes:
    header = pack_header(entry.index, entry.labels)
    why = why_too_large(len(header) + len(data))
    if why is not None:
        raise ImageError(why)
    return header + data


def _is_worn_out(error: BaseException) -> bool:
    """Whether this says that the process has used up its memory, or its files."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in _NO_FILES:
        return True
    return any(words in _text(error) for words in _NO_MEMORY)


def _traceback(error: BaseException) -> str:
    """The traceback without this package's own frames at its begin; empty where there are no others."""
    trace: Optional[TracebackType] = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__package__") == __package__:
        trace = trace.tb_next
    return "" if trace is None else "".join(traceback.format_exception(type(error), error, trace))


def _text(error: BaseException) -> str:
    try:
        return _printable(explain(error))
    except Exception:  # of a message that cannot be made: what is left to tell is its kind
        return ""


def _reason(error: BaseException) -> str:
    """An error as one line. Our own say it all; of others the type is part of what they say."""
    if isinstance(error, OSError) and isinstance(error.strerror, str):
        return _printable(f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror)
    if error.args and isinstance(error.args[0], Text):  # one of ours, on one line
        return message_of(error)
    text = _text(error)[:500]
    if isinstance(error, ValueError) and type(error).__module__.startswith("mxnet_im2rec"):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _printable(text: str) -> str:
    """As one line that does nothing to a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
