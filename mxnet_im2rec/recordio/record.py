# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""One image record of a .rec: where it begins, its header, its labels, its image. Opens no file; knows no .idx."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, Optional, Tuple, Union

import numpy as np

from .. import arguments
from ..errors import ImageError, RecordFormatError
from ..images.checks import check_size
from ..limits import HEADER_BYTES, MAX_PIXELS
from ..storage.filebuffer import FileBuffer
from .frames import read_frame, read_record
from .header import Header, unpack_header


@dataclass(frozen=True)
class Record:
    """One record of a :class:`RecordFile`. It can be pickled.

    Attributes
    ----------
    index : int
        The image's id, from the record's header.
    labels : numpy.ndarray
        (n,) float32.
    content : bytes
        The image file's bytes, a copy: it stays when the .rec is closed, or changed. Empty for records that are headers of their
        own, as InsightFace has them.
    offset : int
        Where the record begins in the .rec.
    flag : int
        The header's flag: 0 where the label is in the header, else the number of labels behind it.
    next_offset : int
        Where the next record begins.
    """

    index: int
    labels: np.ndarray = field(compare=False)
    content: bytes = field(repr=False)
    offset: int
    flag: int
    next_offset: int = field(repr=False)

    def image(self, color: int = 1, *, max_pixels: Optional[int] = MAX_PIXELS) -> np.ndarray:
        """Decode the image.

        Parameters
        ----------
        color : {1, 0, -1}
            1: RGB. 0: grey. -1: as stored.
        max_pixels : int or None
            An image of more pixels is not decoded, nor one whose header does not give the number of pixels; by default 2**28.
            None decodes any.

        Returns
        -------
        numpy.ndarray
            (H, W, C) uint8, RGB; C is 1 for grey and 4, with alpha, where -1 finds one.

        Raises
        ------
        ImageError
            If the record has no image, or one that is damaged or too large.
        """
        from ..images import codec as images  # loads OpenCV

        color = arguments.color(color)
        if not len(self.content):
            raise ImageError(f"the record at byte {self.offset:,} (index {self.index}) has no image")
        check_size(self.content, max_pixels)
        return images.to_rgb(images.decode(self.content, color))


def record_at(buffer: FileBuffer, offset: int, path: str) -> Record:
    """The record that begins at an offset; RecordFormatError if there is no whole one."""
    payload, following = read_record(buffer, offset, path)
    header = _unpack(payload, offset, path)
    return Record(header.index, header.labels, bytes(payload[header.size :]), offset, header.flag, following)


def header_at(buffer: FileBuffer, offset: int, path: str) -> Tuple[Header, int, int]:
    """The header of the record that begins at an offset, the size of its payload, and where the next record begins.

    RecordFormatError if there is no whole record. Of the payload no more than the header is read, unless the record was split.
    """
    cflag, end, following = read_frame(buffer, offset, path)
    if cflag:
        payload, following = read_record(buffer, offset, path)
        return _unpack(payload, offset, path), len(payload), following
    start = offset + 8
    begin = buffer[start : min(end, start + HEADER_BYTES)]
    flag = int.from_bytes(begin[:4], "little")
    if flag:  # the labels are behind it
        begin = buffer[start : min(end, start + HEADER_BYTES + 4 * flag)]
    return _unpack(begin, offset, path), end - start, following


def _unpack(payload: Union[bytes, memoryview], offset: int, path: str) -> Header:
    try:
        return unpack_header(payload)
    except ValueError as error:
        expected, found = error.args
        raise RecordFormatError(path, offset + 8, expected, found) from None


def scan(buffer: FileBuffer, path: str) -> Iterator[Tuple[int, Header, int]]:
    """For each record of a .rec, in the order of the file: where it begins, its header, and where the next record begins."""
    offset = 0
    while offset < len(buffer):
        header, _, following = header_at(buffer, offset, path)
        yield offset, header, following
        offset = following
