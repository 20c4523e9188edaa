# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Looks at one image file as packing would, without decoding it or with it. Knows no list.

Of most files only the begin and the last bytes are read. All of it is read if these do not show whether the file is whole.
"""

from __future__ import annotations

import io
import os
import stat
from typing import BinaryIO, Callable, NamedTuple, Optional, Tuple, Union

from ..errors import ImageError
from ..images import jpeg, pillow_formats, png
from ..images.arrays import as_image
from ..images.checks import check_number, check_readable_by_mxnet, check_size, check_whole
from ..images.decoder_messages import listen_to
from ..images.formats import MXNET_FORMATS, describe, sniff, why_no_image
from ..images.sizes import image_size
from ..limits import HEADER_BYTES, why_too_large
from ..storage.opening import open_without_waiting
from ..text import Argument, Text, message_of
from ..values import ImageEntry, ListEntry
from .filters import ImageFilter

UNKNOWN, PIXELS = "unknown", "pixels"

_HEAD_SIZES = (16 << 10, 256 << 10)  # what is read of a JPEG: the first holds the header of most, the second of nearly all
_SMALL = 64 << 10  # a file up to here is read at once


class FileResult(NamedTuple):
    """What is found in a file."""

    error: Optional[Tuple[str, str]] = None  # the kind, as of a Finding, and the message
    size: int = 0  # in bytes
    format: Optional[str] = None  # such as 'JPEG'; 'unknown' if it is no image; None if it was not read
    orientation: int = 1  # the EXIF orientation of a JPEG that is stored as it is; else 1
    unwanted: Optional[str] = None  # why a filter would leave the image out
    damage: Optional[str] = None  # what is damaged inside an image that decodes all the same


class FileCheck:
    """Looks at the file of an entry, as far as it must to know whether packing fails on it."""

    def __init__(
        self,
        root: str,
        pass_through: bool,
        max_pixels: Optional[int],
        decode: Union[bool, Callable] = False,
        wanted: Optional[ImageFilter] = None,
    ) -> None:
        self._root = root
        self._pass_through = pass_through
        self._max_pixels = max_pixels
        self._decode = decode
        self._wanted = wanted

    def __call__(self, entry: ListEntry) -> FileResult:
        if isinstance(entry, ImageEntry):
            return self._look_at_memory(entry)
        path = os.path.join(self._root, entry.path)
        try:
            with open(path, "rb", buffering=0, opener=open_without_waiting) as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return FileResult(("unreadable", f"{path!r} is no regular file"))
                if not status.st_size:
                    return FileResult(("empty", "the file is empty"), 0, None)
                if callable(self._decode):
                    return self._look_through(self._decode, path, status.st_size)
                return self._look(stream, path, status.st_size, entry)
        except FileNotFoundError:
            return FileResult(("missing", f"there is no such file, looked for at {path!r}"))
        except OSError as error:
            return FileResult(("unreadable", f"it cannot be read: {error.strerror or error}"))
        except ValueError as error:  # a name that no file can have
            return FileResult(("unreadable", f"it cannot be read: {error}"))

    def _look_at_memory(self, entry: ImageEntry) -> FileResult:
        if not isinstance(entry.image, bytes):
            size = entry.image.nbytes
            try:
                check_number(entry.image.shape[:2], self._max_pixels)
            except ImageError as error:
                return FileResult(("too large", message_of(error)), size, PIXELS)
            if self._pass_through:
                why = Text("pixels have no file whose bytes could be stored; leave out ", Argument("pass_through", True))
                return FileResult(("format", why), size, PIXELS)
            unwanted = self._wanted.why_not_pixels(*entry.image.shape[:2]) if self._wanted else None
            return FileResult(None, size, PIXELS, unwanted=unwanted)
        if callable(self._decode):
            return self._look_through(self._decode, entry.image, len(entry.image))
        return self._look(io.BytesIO(entry.image), None, len(entry.image), entry)

    def _look_through(self, decode: Callable, image: Union[str, bytes], size: int) -> FileResult:
        """Look at an image by the caller's own decoder."""
        try:
            pixels = as_image(decode(image))
            check_number(getattr(pixels, "shape", (0, 0))[:2], self._max_pixels)
        except Exception as problem:  # whatever the decoder raises
            return FileResult(("damaged", f"{type(problem).__name__}: {problem}"), size, UNKNOWN)
        return FileResult(None, size, UNKNOWN)

    def _look(self, stream: BinaryIO, path: Optional[str], size: int, entry: ListEntry) -> FileResult:
        head = _read(stream, size if size <= _SMALL else _HEAD_SIZES[0])
        name = sniff(head)
        orientation = 1
        error = None
        try:
            if name == "JPEG":
                head, orientation = self._look_at_jpeg(stream, head, size)
            elif name in ("BMP", "TIFF") or (self._pass_through and name in MXNET_FORMATS):
                head = _rest(stream, head, size)  # they are rare, or the checksums of all their data count
                if self._pass_through or name == "BMP":
                    check_readable_by_mxnet(head)
            elif self._pass_through:
                check_readable_by_mxnet(head)
            elif name == "PNG":
                if size > len(head):
                    stream.seek(-len(png.END), os.SEEK_END)
                if size == len(head) or _read(stream, len(png.END)) != png.END:
                    check_whole(_rest(stream, head, size))
            elif pillow_formats.format_of(head) is not None:
                missing = pillow_formats.why_not_decoded(str(pillow_formats.format_of(head)))
                if missing is not None:
                    raise ImageError(f"{describe(head)}: {missing}")
            elif not (_has_decoder(path) if path is not None else _decode(_rest(stream, head, size))[0] is None):
                raise ImageError(why_no_image(head) or f"OpenCV does not decode it: {describe(head)}")
        except OSError:
            raise
        except Exception as problem:  # of a damaged header; packing looks at it in the same way
            is_format = name is None or name not in MXNET_FORMATS
            text = message_of(problem) if isinstance(problem, ImageError) else f"its {name} header is damaged: {problem}"
            error = ("format" if is_format else "damaged", text)
        error = error or self._too_large(stream, head, size, entry)
        unwanted = None
        if self._wanted and error is None:
            unwanted = self._wanted.why_not(head if image_size(head) is not None else _rest(stream, head, size))
        damage = None
        if self._decode and error is None:
            fault, damage = _decode(_rest(stream, head, size))
            if fault is not None and not self._pass_through:
                error = ("damaged", fault)
            damage = damage or fault
        return FileResult(error, size, name or UNKNOWN, orientation if self._pass_through else 1, unwanted, damage)

    def _look_at_jpeg(self, stream: BinaryIO, head: bytes, size: int) -> Tuple[bytes, int]:
        """Check a JPEG; gives what was read of it, and its orientation.

        Its segments up to the first scan and its last two bytes are enough, unless the segments are unusual.
        """
        check = check_readable_by_mxnet if self._pass_through else check_whole
        found = jpeg.read_head(head)
        if found.scan is None and len(head) < size:
            head += _read(stream, _HEAD_SIZES[1] - len(head))
            found = jpeg.read_head(head)
        scan = found.scan
        if scan is not None and scan <= size - 2 and _last_bytes(stream, head, size) == jpeg.END:
            check(head[:scan] + jpeg.END)  # the check does not look at what is in between
        else:
            head = _rest(stream, head, size)
            check(head)
        return head, found.orientation

    def _too_large(self, stream: BinaryIO, head: bytes, size: int, entry: ListEntry) -> Optional[Tuple[str, str]]:
        if self._max_pixels is not None and image_size(head) is None:  # a header may be longer than the others
            head = _rest(stream, head, size)
        try:
            check_size(head, self._max_pixels)
        except ImageError as error:
            return "too large", message_of(error)
        num_labels = len(entry.labels)
        needed = size + HEADER_BYTES + (4 * num_labels if num_labels > 1 else 0)
        why = why_too_large(needed) if self._pass_through else None
        return None if why is None else ("too large", why)


def _decode(data: bytes) -> Tuple[Optional[str], Optional[str]]:
    """Why an image cannot be decoded, or what is damaged in one that can be."""
    from ..images import codec as images  # loads OpenCV

    try:
        _, words = listen_to(images.decode, data, 1)
    except ImageError as error:
        return str(error), None
    return None, None if words is None else f"it is damaged inside, though it decodes; its decoder says: {words}"


def _read(stream: BinaryIO, count: int) -> bytes:
    """The next bytes, as many as asked for unless the file ends."""
    data = stream.read(count)
    while len(data) < count:  # a read may give less, after a signal or from a network
        more = stream.read(count - len(data))
        if not more:
            break
        data += more
    return data


def _rest(stream: BinaryIO, head: bytes, size: int) -> bytes:
    """The whole file."""
    if len(head) >= size:
        return head
    stream.seek(0)
    return stream.read()


def _last_bytes(stream: BinaryIO, head: bytes, size: int) -> bytes:
    if len(head) >= size:
        return head[-2:]
    stream.seek(-2, os.SEEK_END)
    return _read(stream, 2)


def _has_decoder(path: str) -> bool:
    """Whether OpenCV has a decoder for a file of a rare format, by its first bytes. The usual formats need no OpenCV here."""
    from ..opencv_compat import cv2

    try:
        return bool(cv2.haveImageReader(path))
    except (cv2.error, AttributeError):  # an old OpenCV, which does not say: the image may be packed
        return True
